//! Unix sockets on either side.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use tempfile::tempdir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use wsferry_testkit::patience::{soon, until};
use wsferry_testkit::program::Program;
use wsferry_testkit::targets;

use crate::client::{Client, chat, hear_close, leave, upgrade};
use crate::subject::Subject;

same! {
    a_unix_socket_is_listened_on_and_is_its_owners_alone
    its_mode_can_be_chosen
    a_socket_that_a_crash_left_behind_is_replaced
    a_unix_socket_is_a_target
    both_sides_may_be_unix_sockets
    a_unix_target_that_is_not_there_is_told_after_the_handshake
}

async fn a_unix_socket_is_listened_on_and_is_its_owners_alone(program: Subject) {
    let folder = tempdir().unwrap();
    let socket = folder.path().join("listen.sock");
    let target = targets::echo().await.address().to_string();
    let mut running = program.start(&["--unix-listen", socket.to_str().unwrap(), &target]);
    let mut client = connect(&mut running, &socket).await;
    chat(&mut client).await;
    assert_eq!(mode(&socket), 0o600);
    leave(client).await;
}

async fn its_mode_can_be_chosen(program: Subject) {
    let folder = tempdir().unwrap();
    let socket = folder.path().join("listen.sock");
    let target = targets::echo().await.address().to_string();
    let words = ["--unix-listen", socket.to_str().unwrap(), "--unix-listen-mode", "0660", &target];
    let mut running = program.start(&words);
    chat(&mut connect(&mut running, &socket).await).await;
    assert_eq!(mode(&socket), 0o660);
}

async fn a_socket_that_a_crash_left_behind_is_replaced(program: Subject) {
    let folder = tempdir().unwrap();
    let socket = folder.path().join("listen.sock");
    drop(UnixListener::bind(&socket).unwrap());
    assert!(fs::metadata(&socket).unwrap().file_type().is_socket());
    let target = targets::echo().await.address().to_string();
    let mut running = program.start(&["--unix-listen", socket.to_str().unwrap(), &target]);
    chat(&mut connect(&mut running, &socket).await).await;
}

async fn a_unix_socket_is_a_target(program: Subject) {
    let folder = tempdir().unwrap();
    let socket = folder.path().join("target.sock");
    echo_on(&socket);
    let gateway = program.gate(&["--unix-target", socket.to_str().unwrap()], &[]).await;
    let mut client = gateway.connect().await;
    chat(&mut client).await;
    leave(client).await;
}

async fn both_sides_may_be_unix_sockets(program: Subject) {
    let folder = tempdir().unwrap();
    let (listen, target) = (folder.path().join("listen.sock"), folder.path().join("target.sock"));
    echo_on(&target);
    let (listen_word, target) = (listen.to_str().unwrap(), target.to_str().unwrap());
    let mut running = program.start(&["--unix-listen", listen_word, "--unix-target", target]);
    chat(&mut connect(&mut running, &listen).await).await;
}

async fn a_unix_target_that_is_not_there_is_told_after_the_handshake(program: Subject) {
    let folder = tempdir().unwrap();
    let socket = folder.path().join("missing.sock");
    let gateway = program.gate(&["--unix-target", socket.to_str().unwrap()], &[]).await;
    let (code, reason) = hear_close(&mut gateway.connect().await).await;
    assert_eq!(code, 1011);
    assert!(reason.starts_with("Failed to connect to downstream server"), "{reason}");
}

/// Connects as soon as somebody listens on a socket.
async fn connect(program: &mut Program, socket: &Path) -> Client {
    // Connecting tells nothing to websockify before a byte is sent.
    let listens = || std::os::unix::net::UnixStream::connect(socket).is_ok();
    until(|| listens() || program.has_ended()).await;
    let stream = soon(UnixStream::connect(socket)).await.expect("somebody listens");
    upgrade(stream, 1, "/", &[("Host", "localhost")]).await.expect("it is let in")
}

/// A target on a Unix socket that sends back what it gets; it lives as long as the test.
pub(crate) fn echo_on(socket: &Path) {
    let listener = UnixListener::bind(socket).expect("a socket can be bound");
    fs::set_permissions(socket, Permissions::from_mode(0o600)).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut room = vec![0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut room).await {
                    if stream.write_all(&room[..length]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}
