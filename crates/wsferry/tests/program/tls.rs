//! TLS as it is asked for on the command line.

use std::fs;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wsferry_testkit::browser::Browser;
use wsferry_testkit::patience::soon;
use wsferry_testkit::pki::{Pair, Pki, argument, openssl};
use wsferry_testkit::program::{Exit, Program};
use wsferry_testkit::raw::HANDSHAKE;

use crate::support::{DEMO, connect, exchange, hear, hear_close, say, site, spell, wsferry};

/// A gateway to `echo:` with this certificate.
fn secure(pair: &Pair, more: &[&str]) -> Program {
    let files = ["127.0.0.1:0", "echo:", "--cert", spell(&pair.cert), "--key", spell(&pair.key)];
    wsferry(&[&files[..], more].concat())
}

/// The port that the banner names.
async fn port(program: &Program) -> u16 {
    wsferry_testkit::program::port_behind(&program.line(&["WebSocket", "wss://"]).await, "wss://")
}

/// TLS with whoever listens, as one who trusts the CA.
async fn dial(pki: &Pki, port: u16) -> std::io::Result<TlsStream<TcpStream>> {
    use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki.ca()).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(
        rustls::crypto::aws_lc_rs::default_provider().into(),
    )
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(roots)
    .with_no_client_auth();
    let stream = soon(TcpStream::connect(("127.0.0.1", port))).await?;
    let name = ServerName::try_from("localhost").unwrap();
    soon(TlsConnector::from(std::sync::Arc::new(config)).connect(name, stream)).await
}

/// A WebSocket in TLS.
async fn open(pki: &Pki, port: u16) -> TlsStream<TcpStream> {
    let mut stream = dial(pki, port).await.unwrap();
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(stream.read_u8()).await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    stream
}

/// A start that fails, with `status` and in one sentence.
async fn assert_fails(program: Program, status: i32, parts: &[&str]) {
    let Exit { status: ended, stderr, .. } = program.exit().await;
    assert_eq!(ended.code(), Some(status), "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{part:?} is not in {stderr}");
    }
}

#[tokio::test]
async fn with_a_certificate_wss_and_ws_are_on_one_port_and_the_banner_says_so() {
    let (pki, folder) = (Pki::new(), site("the page"));
    let pair = pki.chained_server("server");
    let program = secure(&pair, &["--web", spell(folder.path())]);
    let port = port(&program).await;
    let here = format!("127.0.0.1:{port}/");
    program.line(&[&format!("ws://{here}, wss://{here}  ->  the built-in echo")]).await;
    program.line(&["open", &format!("https://{here}")]).await;
    open(&pki, port).await;
    let mut client = connect(port).await;
    say(&mut client, "hello").await;
    drop(client);
}

#[tokio::test]
async fn with_ssl_only_a_plain_client_is_told_to_use_tls() {
    let pki = Pki::new();
    let program = secure(&pki.server("server"), &["--ssl-only"]);
    let port = port(&program).await;
    let banner = program.lines().join("\n");
    assert!(!banner.contains(" ws://"), "{banner}");
    let answer = exchange(port, HANDSHAKE.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("wss://"), "{answer}");
    program.line(&["refused", "status=403", "TLS only"]).await;
    open(&pki, port).await;
}

#[tokio::test]
async fn an_encrypted_key_opens_with_its_password_only() {
    let pki = Pki::new();
    let pair = pki.server("server");
    let key = pki.path("encrypted.key");
    let (from, to) = (argument(&pair.key), argument(&key));
    openssl(&["pkcs8", "-topk8", "-in", from, "-out", to, "-passout", "pass:a secret"]);
    let pair = Pair { key, ..pair };
    let program = secure(&pair, &["--key-password", "a secret"]);
    open(&pki, port(&program).await).await;
    let parts = ["password", spell(&pair.key)];
    assert_fails(secure(&pair, &["--key-password", "no secret"]), 1, &parts).await;
    assert_fails(secure(&pair, &[]), 1, &parts).await;
}

#[tokio::test]
async fn what_cannot_be_had_is_refused_in_a_sentence() {
    let pki = Pki::new();
    let pair = pki.server("server");
    let cases: [(&[&str], i32, &str); 4] = [
        (&["--ssl-version", "tlsv1_1"], 2, "tlsv1_2"),
        (&["--ssl-ciphers", "RC4-SHA"], 2, "RC4-SHA"),
        (&["--verify-client", "--cafile", "/nowhere/ca.pem"], 1, "/nowhere/ca.pem"),
        (&["--cert", "/nowhere/cert.pem"], 2, "--cert"),
    ];
    for (options, status, part) in cases {
        assert_fails(secure(&pair, options), status, &[part]).await;
    }
    let missing = wsferry(&["127.0.0.1:0", "echo:", "--cert", "/nowhere/cert.pem"]);
    assert_fails(missing, 1, &["/nowhere/cert.pem"]).await;
}

#[tokio::test]
async fn ciphers_and_the_lowest_version_are_those_that_were_asked_for() {
    let pki = Pki::new();
    let pair = pki.rsa_server("server");
    let program = secure(&pair, &["--ssl-ciphers", "ECDHE-RSA-AES256-GCM-SHA384"]);
    let port = port(&program).await;
    let address = format!("127.0.0.1:{port}");
    let arguments = ["s_client", "-connect", &address, "-tls1_2", "-brief"];
    let offer = async |cipher: &str| {
        let mut command = tokio::process::Command::new("openssl");
        command.args(arguments).args(["-cipher", cipher]).stdin(std::process::Stdio::null());
        let output = soon(command.output()).await.unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = offer("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384").await;
    assert!(said.contains("Ciphersuite: ECDHE-RSA-AES256-GCM-SHA384"), "{said}");
    let said = offer("ECDHE-RSA-AES128-GCM-SHA256").await;
    assert!(said.contains("handshake failure"), "{said}");
    program.line(&["INFO", "TLS handshake failed", "client=127.0.0.1:"]).await;
}

#[tokio::test]
async fn a_certificate_that_changes_is_told_once_and_an_expired_one_is_a_warning() {
    let pki = Pki::new();
    let old = pki.expired_server("server");
    let program = secure(&old, &[]);
    let port = port(&program).await;
    program.line(&["WARN", "expired", "renew it"]).await;
    assert!(dial(&pki, port).await.is_err());

    // Nobody needs to connect for the files to be looked at.
    fs::write(&old.cert, "no certificate").unwrap();
    program.line(&["WARN", "still get the old certificate"]).await;
    pki.server("server");
    program.line(&["INFO", "new connections get the new certificate"]).await;
    open(&pki, port).await;
    let kept = program.lines().iter().filter(|line| line.contains("old certificate")).count();
    assert!(kept <= 2, "once, and once more when half of the pair was there: {kept}");
}

/// OpenSSL's own server, which sends each line back reversed, and where it listens.
async fn openssl_server(
    pair: &Pair,
    version: &str,
) -> (Program, wsferry_testkit::program::ReservedPort) {
    let place = wsferry_testkit::program::ReservedPort::new();
    let number = place.number().to_string();
    let mut server = tokio::process::Command::new("openssl");
    server.args(["s_server", "-quiet", "-rev", version, "-accept", &number]);
    server.arg("-cert").arg(&pair.cert).arg("-key").arg(&pair.key);
    let server = Program::spawn(server);
    soon(async {
        while TcpStream::connect(("127.0.0.1", place.number())).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    (server, place)
}

async fn is_reversed(program: &Program) {
    let mut client = connect(program.port().await).await;
    say(&mut client, "stressed\n").await;
    hear(&mut client, "desserts\n").await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_certificate_that_becomes_a_pipe_holds_nobody_up_and_is_told() {
    let pki = Pki::new();
    let pair = pki.server("server");
    let program = secure(&pair, &[]);
    let port = port(&program).await;
    fs::remove_file(&pair.cert).unwrap();
    pipe(&pair.cert);
    program.line(&["WARN", "still get the old certificate", "not an ordinary file"]).await;
    for _ in 0..8 {
        open(&pki, port).await;
    }
    program.signal(wsferry_testkit::program::Signal::Terminate).await;
    program.exit().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_in_the_place_of_a_file_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    pipe(&path);
    let path = path.to_str().unwrap();
    let plain = ["127.0.0.1:0", "127.0.0.1:1"];
    for options in [
        &["--cert", path][..],
        &["--ssl-target", "--ssl-target-cafile", path],
        &["--token-plugin", "TokenFile", "--token-source", path],
        &["--token-plugin", "JWTTokenApi", "--token-source", path],
    ] {
        let is_token = options[0] == "--token-plugin";
        let plain = if is_token { &plain[..1] } else { &plain[..] };
        let exit = wsferry(&[plain, options].concat()).exit().await;
        assert_eq!(exit.status.code(), Some(1), "{options:?}: {}", exit.stderr);
        assert!(exit.stderr.contains("pipe"), "{options:?}: {}", exit.stderr);
    }
}

#[cfg(unix)]
fn pipe(path: &std::path::Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[tokio::test]
async fn a_target_with_tls_is_reached_and_its_certificate_is_looked_at() {
    let pki = Pki::new();
    let (_server, place) = openssl_server(&pki.server("target"), "-tls1_3").await;
    let target = format!("localhost:{}", place.number());
    let to_target = ["127.0.0.1:0", &target, "--ssl-target"];
    for more in [&["--ssl-target-cafile", spell(&pki.ca())][..], &["--ssl-target-insecure"]] {
        is_reversed(&wsferry(&[&to_target[..], more].concat())).await;
    }
    let program = wsferry(&to_target);
    let client = connect(program.port().await).await;
    let (code, reason) = hear_close(client).await;
    assert!(code == 1011 && reason.contains("TLS handshake failed"), "{code} {reason}");
    program.line(&["WARN", "session ended", "not trusted", "--ssl-target-cafile FILE"]).await;
}

#[cfg(target_os = "linux")] // elsewhere the store is not a file
#[tokio::test]
async fn a_target_whose_own_certificate_is_in_the_store_of_the_system_is_trusted() {
    let pki = Pki::new();
    let (ca, v1) = (pki.self_signed_by_openssl("ca", "2"), pki.version_1("v1"));
    for (pair, version) in [(&ca, "-tls1_3"), (&v1, "-tls1_3"), (&v1, "-tls1_2")] {
        let (_server, place) = openssl_server(pair, version).await;
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_wsferry"));
        command.args(["127.0.0.1:0", &format!("localhost:{}", place.number()), "--ssl-target"]);
        command.env("SSL_CERT_FILE", &pair.cert).env_remove("SSL_CERT_DIR");
        is_reversed(&Program::spawn(command)).await;
    }
}

#[tokio::test]
async fn a_browser_opens_the_page_and_its_connection_by_tls() {
    let pki = Pki::new();
    let pair = pki.self_signed("server");
    let (_server, target) = wsferry_testkit::cpp::demo_server(0).await;
    let target = format!("127.0.0.1:{target}");
    let files = ["--cert", spell(&pair.cert), "--key", spell(&pair.key), "--ssl-only"];
    let program = wsferry(&[&["--web", DEMO, "127.0.0.1:0", &target][..], &files].concat());
    let port = port(&program).await;
    let browser = Browser::with_flags(&["--ignore-certificate-errors"]).await;
    browser.open(&format!("https://127.0.0.1:{port}/")).await;
    let state = "document.querySelector('#state').innerText";
    browser.until(&format!("{state}.startsWith('connected')")).await;
    assert_eq!(browser.text("#url").await, format!("wss://127.0.0.1:{port}/"));
    browser.type_into("#message", "hello\u{e007}").await;
    browser.until("document.querySelector('#log').childElementCount >= 2").await;
    browser.click("#close").await;
    browser.until(&format!("{state}.startsWith('closed with code 1000')")).await;
    program.line(&["session ended", "close_code=1000", "cause=client_closed"]).await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

/// KiB of memory that a process has.
#[cfg(target_os = "linux")]
fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_idle_session_over_tls_has_at_most_12_kib() {
    use wsferry_testkit::raw::{BINARY, FIN, frame};
    const SESSIONS: u64 = 400;
    let pki = Pki::new();
    let pair = pki.server("server");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let files = ["127.0.0.1:0", &target, "--cert", spell(&pair.cert), "--key", spell(&pair.key)];
    let program = wsferry(&files);
    let port = port(&program).await;
    let mut held = Vec::new();
    let mut before = 0;
    for number in 0..SESSIONS + 50 {
        if number == 50 {
            before = resident(program.id()); // what is allocated once is allocated
        }
        let mut client = open(&pki, port).await;
        let (mut stream, _) = soon(listener.accept()).await.unwrap();
        client.write_all(&frame(FIN | BINARY, &[b'u'; 100_000])).await.unwrap();
        client.flush().await.unwrap();
        soon(stream.read_exact(&mut vec![0; 100_000])).await.unwrap();
        stream.write_all(&[b'd'; 100_000]).await.unwrap();
        soon(client.read_exact(&mut vec![0; 100_000])).await.unwrap();
        held.push((client, stream));
    }
    let each = (resident(program.id()) - before) as f64 / SESSIONS as f64;
    println!("{each:.2} KiB for each idle session over TLS");
    assert!(each <= 12.0, "{each:.2} KiB for each idle session over TLS");
}
