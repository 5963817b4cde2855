//! A reader that pauses while the last bytes are on their way: what TLS holds then goes out when it
//! comes back, though nothing else happens. How much the system takes is its own affair, so streams
//! of many lengths are sent at once, and some of them end where it matters.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use wsferry_gateway::tls::{Acceptor, ConnectorSettings};
use wsferry_gateway::web::Files;
use wsferry_testkit::patience::soon;
use wsferry_testkit::pki::Pki;
use wsferry_testkit::raw::{BINARY, FIN, Frames, frame};
use wsferry_testkit::stream::Checker;

use super::{Gate, head, narrow, say, tls_target};
use crate::delivery::{DOWN, UP, be_patient};
use crate::support::Clock;
use crate::tls_settings::settings;

/// So many lengths, each this much longer than the one before.
const LENGTHS: usize = 60;
const STEP: usize = 8 * 1024;

/// How long the reader pauses: until all that can be sent was sent.
const PAUSE: Duration = Duration::from_millis(600);

async fn pause() {
    Clock::start(PAUSE).await.tick().await;
}

/// Lets a session run for each length at the same time.
async fn each_length<F: Future<Output = ()> + Send + 'static>(session: impl Fn(usize) -> F) {
    let mut sessions = JoinSet::new();
    for number in 1..=LENGTHS {
        sessions.spawn(session(number * STEP));
    }
    while let Some(ended) = sessions.join_next().await {
        ended.unwrap();
    }
}

/// Reads the data frames of a message that came back, or of a stream.
async fn take(frames: &mut Frames<impl AsyncRead + Unpin>, length: usize) {
    let mut checker = Checker::new(DOWN);
    while checker.at() < length as u64 {
        let Ok(next) = timeout(Duration::from_secs(20), frames.next()).await else {
            panic!("{} of {length} bytes came", checker.at());
        };
        checker.take(&next.unwrap().payload);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_go_out_when_the_client_comes_back() {
    let pki = Pki::new();
    let target = tls_target(&pki.server("target"), |mut stream| async move {
        let length = stream.read_u32().await.unwrap() as usize;
        stream.write_all(&DOWN.bytes(0, length)).await.unwrap();
        stream.flush().await.unwrap();
        let _ = stream.read_u8().await; // it says nothing more
    })
    .await;
    let gate = Arc::new(Gate::both(pki, &target).await);
    each_length(|length| {
        let gate = Arc::clone(&gate);
        async move {
            let (mut frames, mut write) = gate.open_narrow().await;
            say(&mut write, frame(FIN | BINARY, &(length as u32).to_be_bytes())).await;
            pause().await;
            take(&mut frames, length).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_sent_goes_out_when_the_target_comes_back() {
    let pki = Pki::new();
    let config = Acceptor::open(settings(&pki.server("target"))).unwrap().current();
    let acceptor = TlsAcceptor::from(config);
    let socket = TcpSocket::new_v4().unwrap();
    narrow(&socket);
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let target = socket.listen(128).unwrap();
    let ca = pki.ca();
    let gate = Gate::of(pki, target.local_addr().unwrap(), |config| {
        config.target_tls = Some(ConnectorSettings { ca: Some(ca), verify: true });
    })
    .await;
    let mut sessions = JoinSet::new();
    for number in 1..=LENGTHS {
        let (_frames, mut write) = gate.open().await;
        let (stream, _) = soon(target.accept()).await.unwrap();
        let mut stream = soon(acceptor.accept(stream)).await.unwrap();
        sessions.spawn(async move {
            let length = number * STEP;
            let sending = async {
                say(&mut write, frame(FIN | BINARY, &UP.bytes(0, length))).await;
            };
            let reading = async {
                pause().await;
                let mut all = vec![0; length];
                let read = timeout(Duration::from_secs(20), stream.read_exact(&mut all)).await;
                assert!(read.is_ok(), "some of {length} bytes did not come");
                assert!(all == UP.bytes(0, length));
            };
            tokio::join!(sending, reading);
            drop((write, stream));
        });
    }
    while let Some(ended) = sessions.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_built_in_echo_goes_out_when_the_client_comes_back() {
    let gate = Arc::new(Gate::start("echo:", be_patient).await);
    each_length(|length| {
        let gate = Arc::clone(&gate);
        async move {
            let (mut frames, mut write) = gate.open_narrow().await;
            let sending = async {
                say(&mut write, frame(FIN | BINARY, &DOWN.bytes(0, length))).await;
            };
            let reading = async {
                pause().await;
                take(&mut frames, length).await;
            };
            tokio::join!(sending, reading);
            drop(write);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_goes_out_when_the_client_comes_back_and_the_connection_is_still_good() {
    let folder = tempfile::tempdir().unwrap();
    for number in 1..=LENGTHS {
        let length = number * STEP;
        std::fs::write(folder.path().join(length.to_string()), DOWN.bytes(0, length)).unwrap();
    }
    let web = Files::Directory(folder.path().to_owned());
    let gate = Gate::start("echo:", |config| {
        config.web = Some(web);
        config.header_timeout = Duration::from_secs(600);
    })
    .await;
    let gate = Arc::new(gate);
    each_length(|length| {
        let gate = Arc::clone(&gate);
        async move {
            let mut stream = gate.dial_narrow().await;
            for _ in 0..2 {
                let request = format!("GET /{length} HTTP/1.1\r\nHost: localhost\r\n\r\n");
                say(&mut stream, request).await;
                pause().await;
                let head = head(&mut stream).await;
                assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
                let mut all = vec![0; length];
                let read = timeout(Duration::from_secs(20), stream.read_exact(&mut all)).await;
                assert!(read.is_ok(), "some of {length} bytes did not come");
                assert!(all == DOWN.bytes(0, length));
            }
            soon(stream.shutdown()).await.unwrap();
        }
    })
    .await;
}
