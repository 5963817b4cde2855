//! `--run-once`.

use tokio::net::TcpStream;

use crate::support::{connect, get, hear_close, leave, site, spell, try_connect, wsferry};

#[tokio::test]
async fn the_program_ends_after_one_session_and_the_page_can_be_loaded_before() {
    let folder = site("a page");
    let program = wsferry(&["--run-once", "--web", spell(folder.path()), "127.0.0.1:0", "echo:"]);
    let port = program.port().await;
    for _ in 0..3 {
        assert!(get(port, "/").await.ends_with("a page"));
    }
    let client = connect(port).await;
    leave(client).await;
    let exit = program.exit().await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
    assert_eq!(exit.stderr.matches("session ended").count(), 1, "{}", exit.stderr);
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_refused_client_is_no_session() {
    let program = wsferry(&["--run-once", "127.0.0.1:0", "echo:"]);
    let port = program.port().await;
    try_connect(port, Some("http://evil.example")).await.unwrap_err();
    leave(connect(port).await).await;
    assert_eq!(program.exit().await.status.code(), Some(0));
}

#[tokio::test]
async fn a_second_client_is_turned_away_while_the_first_one_is_there() {
    let program = wsferry(&["--run-once", "127.0.0.1:0", "echo:"]);
    let port = program.port().await;
    let first = connect(port).await;
    program.line(&["session started"]).await;
    assert_eq!(try_connect(port, None).await.err().unwrap(), 503);
    leave(first).await;
    assert_eq!(program.exit().await.status.code(), Some(0));
}

#[tokio::test]
async fn a_session_whose_target_is_dead_counts() {
    let dead = wsferry_testkit::program::ReservedPort::new();
    let program = wsferry(&["--run-once", "0", &format!("127.0.0.1:{}", dead.number())]);
    let client = connect(program.port().await).await;
    assert_eq!(hear_close(client).await.0, 1011);
    assert_eq!(program.exit().await.status.code(), Some(0));
}
