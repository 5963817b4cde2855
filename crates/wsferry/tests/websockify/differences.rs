//! Where wsferry differs from websockify on purpose: one table of what either does, and why. Each
//! row is a behaviour of another module, and makes a test for each program, which asserts what the
//! row says. `docs/from-websockify.md` shows the table to people: `documents.rs` compares them.

/// A row of the table.
pub(crate) struct Difference {
    pub(crate) websockify: &'static str,
    pub(crate) wsferry: &'static str,
    pub(crate) reason: &'static str,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { websockify, wsferry, reason } = self;
        write!(f, "websockify: {websockify}\nwsferry: {wsferry}\nreason: {reason}")
    }
}

macro_rules! differences {
    ($($module:ident::$name:ident {
        websockify: $websockify:literal,
        wsferry: $wsferry:literal,
        reason: $reason:literal,
    })*) => {
        /// The rows: module, behaviour, what either does.
        pub(crate) const TABLE: &[(&str, &str, Difference)] = &[
            $((stringify!($module), stringify!($name), $name::ROW),)*
        ];

        $(
            mod $name {
                use super::Difference;
                use crate::subject::Subject;

                pub(super) const ROW: Difference =
                    Difference { websockify: $websockify, wsferry: $wsferry, reason: $reason };

                async fn ask(program: Subject) {
                    println!("{ROW}"); // seen when the test fails
                    Box::pin(crate::$module::$name(program)).await;
                }

                #[tokio::test]
                async fn websockify() {
                    ask(Subject::Websockify).await;
                }

                #[tokio::test]
                async fn wsferry() {
                    ask(Subject::Wsferry).await;
                }
            }
        )*
    };
}

differences! {
    usage::a_token_plugin_that_does_not_exist {
        websockify: "a Python traceback, status 1",
        wsferry: "wrong usage, status 2, with a list of those that exist",
        reason: "the message says what to type instead",
    }
    usage::an_auth_plugin_that_does_not_exist {
        websockify: "a Python traceback, status 1",
        wsferry: "wrong usage, status 2, with a list of those that exist",
        reason: "the message says what to type instead",
    }
    usage::a_plugin_that_is_a_class_of_python {
        websockify: "it is imported",
        wsferry: "wrong usage, status 2, with the alternatives",
        reason: "wsferry has no Python: use an HTTP API, signed tokens or Redis for your own logic",
    }
    usage::a_token_source_that_does_not_exist {
        websockify: "it starts, and refuses every client",
        wsferry: "it does not start, and names the file",
        reason: "whoever makes the mistake learns of it",
    }
    usage::a_target_whose_name_is_not_known {
        websockify: "it starts, and fails for each client",
        wsferry: "the same, with a warning at the start that names the host (called as `wsferry`, it does not start)",
        reason: "whoever makes the mistake learns of it",
    }
    usage::a_port_in_use {
        websockify: "a log line, and status 0",
        wsferry: "a sentence that names the port, and status 1",
        reason: "a supervisor must see that the start failed",
    }
    usage::all_addresses {
        websockify: "a port without a host listens on IPv4 only, without -6",
        wsferry: "a port without a host listens on IPv4 and IPv6",
        reason: "for many clients `localhost` is ::1",
    }
    relay::text_messages {
        websockify: "Close 1003",
        wsferry: "their bytes go to the target",
        reason: "socket.send(\"text\") in a page, and terminals such as xterm.js, just work",
    }
    relay::an_origin_of_another_host {
        websockify: "every page in the world may connect",
        wsferry: "403, unless --allow-origin names it",
        reason: "CORS does not cover WebSocket: any page could reach the target through its visitors",
    }
    relay::a_host_that_is_not_known {
        websockify: "any Host is accepted",
        wsferry: "403, unless it is a name of this machine or --allow-host names it",
        reason: "DNS rebinding: a site can make its own name resolve to 127.0.0.1",
    }
    subprotocols::binary_behind_a_blank {
        websockify: "400, because the space is taken as part of the name",
        wsferry: "binary",
        reason: "lists in HTTP may contain spaces, and browsers send them",
    }
    subprotocols::another_one_than_binary {
        websockify: "400",
        wsferry: "it is chosen",
        reason: "MQTT.js and others offer their own subprotocol, and the target speaks it",
    }
    web::a_get_without_web {
        websockify: "405",
        wsferry: "426 with Upgrade: websocket",
        reason: "the method is fine, the upgrade is what is missing (RFC 9110 §15.5.22)",
    }
    web::another_method {
        websockify: "501",
        wsferry: "405 with Allow",
        reason: "the method is known and not allowed (RFC 9110 §15.5.6)",
    }
    web::the_listing_of_a_directory {
        websockify: "a page with its files, without --file-only",
        wsferry: "404",
        reason: "files left there by accident should not be shown to everybody; --web-listing turns listings on",
    }
    web::hidden_files {
        websockify: "served",
        wsferry: "404",
        reason: "web roots contain .git and .htpasswd by accident",
    }
    web::a_link_that_leads_out {
        websockify: "followed",
        wsferry: "404",
        reason: "no file outside the named directory is served",
    }
    tls::tls_1_1 {
        websockify: "--ssl-version tlsv1_1 is taken",
        wsferry: "wrong usage, status 2",
        reason: "TLS 1.1 is deprecated as insecure (RFC 8996), and the TLS library does not have it",
    }
    tls::a_cipher_that_does_not_exist {
        websockify: "it starts, and every TLS handshake fails",
        wsferry: "it does not start, and names the cipher",
        reason: "whoever makes the mistake learns of it",
    }
    tls::a_key_encrypted_in_the_traditional_form {
        websockify: "it is opened with its password",
        wsferry: "it does not start, and names the command that converts the key: openssl pkcs8 -topk8",
        reason: "MD5, used once, is all that protects such a key",
    }
    tls::a_key_that_cannot_be_opened {
        websockify: "it starts, and every TLS handshake fails, or waits for a password at the terminal",
        wsferry: "it does not start, and names the key",
        reason: "whoever makes the mistake learns of it",
    }
    tls::a_plain_client_where_certificates_are_asked_for {
        websockify: "it is let in, without a certificate",
        wsferry: "403: --verify-client means --ssl-only",
        reason: "otherwise the same port would offer a way around the check",
    }
    tls::a_plain_client_where_only_tls_is_welcome {
        websockify: "the connection is closed without an answer",
        wsferry: "403, with the scheme to use",
        reason: "a user who types http:// instead of https:// sees what is wrong",
    }
    tokens::a_token_and_another_one {
        websockify: "the first one counts",
        wsferry: "403",
        reason: "a proxy in front may have checked the other one",
    }
    tokens::an_unknown_token {
        websockify: "the connection is closed without an answer",
        wsferry: "403, the same for a missing one",
        reason: "a proxy in front takes an empty answer for a broken server and retries",
    }
    tokens::a_path_is_no_token_of_a_socket_directory {
        websockify: "../NAME leaves the directory if the other directory's name starts the same",
        wsferry: "403",
        reason: "a client must not reach what the operator did not name",
    }
    tokens::a_token_is_escaped_in_the_url_of_an_api {
        websockify: "it is put into the URL unescaped",
        wsferry: "it is percent-encoded",
        reason: "otherwise a client could choose another path or other parameters of the API",
    }
    tokens::authentication_before_the_lookup {
        websockify: "the token is looked up for everybody",
        wsferry: "401 before any lookup",
        reason: "a client that is not let in must not learn which tokens exist, nor load the API",
    }
    tokens::an_ipv6_target_of_a_token_file {
        websockify: "Close 1011 for [::1]:PORT",
        wsferry: "connected",
        reason: "every other program takes brackets",
    }
    tokens::an_ipv6_target_of_a_file_named_as_the_token {
        websockify: "the connection is closed without an answer",
        wsferry: "connected",
        reason: "colons in an address are no reason to fail",
    }
    tokens::an_ipv6_target_of_redis {
        websockify: "the connection is closed without an answer",
        wsferry: "connected",
        reason: "colons in an address are no reason to fail",
    }
    tokens::a_read_only_file_that_changes {
        websockify: "changes apply, because each connection is a process that reads the file again",
        wsferry: "its content at the start applies",
        reason: "it is read once, as its name says; TokenFile follows the file",
    }
    tokens::encrypted_tokens {
        websockify: "refused: since jwcrypto 1.4 it decrypts only what it was told to expect",
        wsferry: "decrypted, and the signed token inside is verified",
        reason: "websockify's manual promises them",
    }
    tokens::an_api_that_is_down {
        websockify: "the connection is closed without an answer",
        wsferry: "503",
        reason: "the client can tell a wrong token from a broken gateway",
    }
    tokens::redis_is_down {
        websockify: "the connection is closed without an answer",
        wsferry: "503",
        reason: "the client can tell a wrong token from a broken gateway",
    }
    auth::credentials_of_another_form {
        websockify: "403 without a colon or with another scheme",
        wsferry: "401, as for every wrong answer",
        reason: "the browser asks its user again, and someone who guesses learns nothing",
    }
    auth::a_common_name_that_a_header_claims {
        websockify: "a client that sends `ssl_client_s_dn_cn: NAME` counts as NAME, even without TLS",
        wsferry: "403: only a certificate proves a name",
        reason: "websockify deletes such header fields only in upper case, but reads them in any case",
    }
    auth::credentials_that_are_no_base64 {
        websockify: "the connection is closed without an answer",
        wsferry: "401 or 403",
        reason: "every refusal gets an answer",
    }
    ends::a_session_at_the_end_of_the_listener {
        websockify: "SIGTERM cuts its sessions",
        wsferry: "SIGTERM ends its sessions with Close 1001",
        reason: "a page can tell a restart from a broken network",
    }
    wrap::the_status_of_the_program {
        websockify: "0, whatever the program ended with",
        wsferry: "the program's",
        reason: "websockify means to do so, but its exit handler loses the status",
    }
    wrap::a_program_that_dies_too_often {
        websockify: "after three exits in 10 s it keeps listening without a target, and tries again later",
        wsferry: "after three exits in 10 s it ends with a status other than 0",
        reason: "a supervisor sees that the service is down",
    }
    wrap::the_program_at_the_end {
        websockify: "the program lives on",
        wsferry: "the program ends with the gateway",
        reason: "nobody else knows the port it was moved to, and a restart would start a second program",
    }
}
