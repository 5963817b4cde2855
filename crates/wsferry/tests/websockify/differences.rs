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
        wsferry: "wrong usage, status 2, with the names of those that exist",
        reason: "a sentence that says what to type instead",
    }
    usage::an_auth_plugin_that_does_not_exist {
        websockify: "a Python traceback, status 1",
        wsferry: "wrong usage, status 2, with the names of those that exist",
        reason: "a sentence that says what to type instead",
    }
    usage::a_plugin_that_is_a_class_of_python {
        websockify: "it is imported",
        wsferry: "wrong usage, status 2, with the ways to bring one's own",
        reason: "there is no Python in wsferry: own logic is an HTTP API, signed tokens or Redis",
    }
    usage::a_token_source_that_does_not_exist {
        websockify: "it starts, and refuses every client",
        wsferry: "it does not start, and names the file",
        reason: "a mistake is told to the one who makes it",
    }
    usage::a_target_whose_name_is_not_known {
        websockify: "it starts, and fails for each client",
        wsferry: "the same, and a warning at the start names the host (as `wsferry` it does not start)",
        reason: "a mistake is told to the one who makes it",
    }
    usage::a_port_in_use {
        websockify: "a line of the log, and status 0",
        wsferry: "a sentence that names the port, and status 1",
        reason: "a supervisor must see that the start failed",
    }
    usage::all_addresses {
        websockify: "a port without a host listens on IPv4 only, without -6",
        wsferry: "a port without a host listens on IPv4 and IPv6",
        reason: "`localhost` is ::1 for many clients",
    }
    relay::text_messages {
        websockify: "Close 1003",
        wsferry: "their bytes go to the target",
        reason: "socket.send(\"text\") of a page, and terminals such as xterm.js, just work",
    }
    relay::an_origin_of_another_host {
        websockify: "every page of the world may connect",
        wsferry: "403, unless --allow-origin names it",
        reason: "CORS does not cover WebSocket: any page could reach the target through its visitors",
    }
    relay::a_host_that_is_not_known {
        websockify: "any Host is good",
        wsferry: "403, unless it is a name of this machine or --allow-host names it",
        reason: "DNS rebinding: a page's own name may be made to lead to 127.0.0.1",
    }
    subprotocols::binary_behind_a_blank {
        websockify: "400, because the blank is taken for a part of the name",
        wsferry: "binary",
        reason: "every list of HTTP may have blanks, and browsers send them",
    }
    subprotocols::another_one_than_binary {
        websockify: "400",
        wsferry: "it is chosen",
        reason: "MQTT.js and others offer their own, and the target speaks it",
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
        reason: "what lies there by accident is not shown to everybody; --web-listing shows it",
    }
    web::hidden_files {
        websockify: "served",
        wsferry: "404",
        reason: ".git and .htpasswd lie in web roots by accident",
    }
    web::a_link_that_leads_out {
        websockify: "followed",
        wsferry: "404",
        reason: "files never leave the directory that was named",
    }
    tls::tls_1_1 {
        websockify: "--ssl-version tlsv1_1 is taken",
        wsferry: "wrong usage, status 2",
        reason: "TLS 1.1 is broken (RFC 8996), and the TLS library has none",
    }
    tls::a_cipher_that_does_not_exist {
        websockify: "it starts, and every TLS handshake fails",
        wsferry: "it does not start, and names the cipher",
        reason: "a mistake is told to the one who makes it",
    }
    tls::a_key_that_cannot_be_opened {
        websockify: "it starts, and every TLS handshake fails, or waits for a password at the terminal",
        wsferry: "it does not start, and names the key",
        reason: "a mistake is told to the one who makes it",
    }
    tls::a_plain_client_where_certificates_are_asked_for {
        websockify: "it is let in, without a certificate",
        wsferry: "403: --verify-client means --ssl-only",
        reason: "the check would have a way around it on the same port",
    }
    tls::a_plain_client_where_only_tls_is_welcome {
        websockify: "the connection is closed without a word",
        wsferry: "403, with the scheme to use",
        reason: "whoever types http:// for https:// can see what is wrong",
    }
    tokens::a_token_and_another_one {
        websockify: "the first one counts",
        wsferry: "403",
        reason: "a proxy in front may have judged the other one",
    }
    tokens::an_unknown_token {
        websockify: "the connection is closed without a word",
        wsferry: "403, the same for a missing one",
        reason: "proxies in front take an empty answer for a broken server and try again",
    }
    tokens::a_path_is_no_token_of_a_socket_directory {
        websockify: "../NAME leaves the directory when the other one's name begins alike",
        wsferry: "403",
        reason: "a client must not choose what the operator did not name",
    }
    tokens::a_token_is_escaped_in_the_url_of_an_api {
        websockify: "it is put into the URL as it is",
        wsferry: "it is percent-encoded",
        reason: "a client could ask the API for another path or with other parameters",
    }
    tokens::authentication_before_the_lookup {
        websockify: "the token is looked up for everybody",
        wsferry: "401 before any lookup",
        reason: "who is not let in must not learn which tokens exist, nor burden the API",
    }
    tokens::an_ipv6_target_of_a_token_file {
        websockify: "Close 1011 for [::1]:PORT",
        wsferry: "joined",
        reason: "brackets are the form that every other program takes",
    }
    tokens::an_ipv6_target_of_a_file_named_as_the_token {
        websockify: "the connection is closed without a word",
        wsferry: "joined",
        reason: "its colons are no reason to fail",
    }
    tokens::an_ipv6_target_of_redis {
        websockify: "the connection is closed without a word",
        wsferry: "joined",
        reason: "its colons are no reason to fail",
    }
    tokens::a_read_only_file_that_changes {
        websockify: "what it says now counts, since each connection is a process that reads it anew",
        wsferry: "what it said at the start counts",
        reason: "it is read once, as its name says; TokenFile follows the file",
    }
    tokens::encrypted_tokens {
        websockify: "refused, since jwcrypto 1.4 opens none that is not announced",
        wsferry: "opened, and the signed token inside is verified",
        reason: "websockify's manual promises them",
    }
    tokens::an_api_that_is_down {
        websockify: "the connection is closed without a word",
        wsferry: "503",
        reason: "the client can tell a wrong token from a broken gateway",
    }
    tokens::redis_is_down {
        websockify: "the connection is closed without a word",
        wsferry: "503",
        reason: "the client can tell a wrong token from a broken gateway",
    }
    auth::credentials_of_another_form {
        websockify: "403 without a colon or with another scheme",
        wsferry: "401, as for every wrong answer",
        reason: "a browser asks its user again, and a guesser learns nothing",
    }
    auth::a_common_name_that_a_header_claims {
        websockify: "who sends `ssl_client_s_dn_cn: NAME` is NAME, also without TLS",
        wsferry: "403: only a certificate tells a name",
        reason: "websockify deletes such fields only in capitals, and reads them in any case",
    }
    auth::credentials_that_are_no_base64 {
        websockify: "the connection is closed without a word",
        wsferry: "401 or 403",
        reason: "every refusal is an answer",
    }
    ends::a_session_at_the_end_of_the_listener {
        websockify: "SIGTERM cuts its sessions",
        wsferry: "SIGTERM ends its sessions with Close 1001",
        reason: "a page can tell a restart from a broken network",
    }
    wrap::the_status_of_the_program {
        websockify: "0, whatever the program ended with",
        wsferry: "that of the program",
        reason: "websockify means to, and its own exit handler swallows it",
    }
    wrap::a_program_that_dies_too_often {
        websockify: "after three deaths in 10 s it listens on for nobody, and tries again later",
        wsferry: "after three deaths in 10 s it ends, and not with status 0",
        reason: "a supervisor sees that the service is down",
    }
    wrap::the_program_at_the_end {
        websockify: "the program lives on",
        wsferry: "the program is ended with the gateway",
        reason: "nobody else knows its moved port, and a restart would start a second one",
    }
}
