//! `UnixDomainSocketDirectory`: the token is the name of a socket.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use super::{assert_refused, gateway};
use crate::client::{chat, leave};
use crate::subject::Subject;
use crate::unix::echo_on;

same! {
    a_token_is_the_name_of_a_socket
    what_is_no_socket_is_refused
}

async fn a_token_is_the_name_of_a_socket(program: Subject) {
    let folder = tempdir().unwrap();
    let gateway = gateway(program, "UnixDomainSocketDirectory", word(folder.path())).await;
    assert_refused(program, &gateway, "/?token=first.sock").await;
    echo_on(&folder.path().join("first.sock"));
    let mut client = gateway.connect_to("/?token=first.sock").await;
    chat(&mut client).await;
    leave(client).await;
    assert_refused(program, &gateway, "/?token=second.sock").await;
    assert_refused(program, &gateway, "/").await;
}

async fn what_is_no_socket_is_refused(program: Subject) {
    let folder = tempdir().unwrap();
    let inside = folder.path().join("sockets");
    fs::create_dir_all(inside.join("folder")).unwrap();
    fs::write(inside.join("file"), "127.0.0.1:1").unwrap();
    echo_on(&folder.path().join("outside.sock"));
    let gateway = gateway(program, "UnixDomainSocketDirectory", word(&inside)).await;
    for path in ["/?token=file", "/?token=folder", "/?token=.", "/?token=../outside.sock"] {
        assert_refused(program, &gateway, path).await;
    }
}

pub(crate) async fn a_path_is_no_token_of_a_socket_directory(program: Subject) {
    let folder = tempdir().unwrap();
    let (own, other) = (folder.path().join("sockets"), folder.path().join("sockets-of-others"));
    fs::create_dir(&own).unwrap();
    fs::create_dir(&other).unwrap();
    echo_on(&other.join("first.sock"));
    let gateway = gateway(program, "UnixDomainSocketDirectory", word(&own)).await;
    let path = "/?token=../sockets-of-others/first.sock";
    match program {
        Subject::Websockify => chat(&mut gateway.connect_to(path).await).await,
        Subject::Wsferry => assert_refused(program, &gateway, path).await,
    }
}

fn word(path: &Path) -> &str {
    path.to_str().expect("the paths of tests are UTF-8")
}
