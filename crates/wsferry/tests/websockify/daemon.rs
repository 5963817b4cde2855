//! `--daemon`: it goes to the background, and takes the paths along that were relative.

use std::fs;

use tempfile::{TempDir, tempdir};
use wsferry_testkit::patience::until;
use wsferry_testkit::program::{ReservedPort, kill_all_with, listens};
use wsferry_testkit::raw::{Answer, Raw};
use wsferry_testkit::targets;

use crate::client::{chat, leave, upgrade};
use crate::subject::{Subject, request};

same! {
    it_leaves_the_terminal_and_goes_on_with_its_log_and_its_relative_paths
}

/// A directory that is on the command line of a daemon; it takes the daemon along when it goes.
struct Home(TempDir);

impl Drop for Home {
    fn drop(&mut self) {
        kill_all_with(self.0.path());
    }
}

async fn it_leaves_the_terminal_and_goes_on_with_its_log_and_its_relative_paths(program: Subject) {
    let home = Home(tempdir().unwrap());
    let folder = home.0.path();
    fs::create_dir(folder.join("site")).unwrap();
    fs::write(folder.join("site/index.html"), "a page").unwrap();
    let target = targets::echo().await;
    fs::write(folder.join("tokens"), format!("one: {}\n", target.address())).unwrap();

    let port = ReservedPort::new();
    let (log, source) = (folder.join("log"), format!("127.0.0.1:{}", port.number()));
    // The log's path says whose it is; the others are relative.
    #[rustfmt::skip]
    let words = [
        "-D", "--log-file", log.to_str().unwrap(), "--target-config", "tokens", "--web", "site",
        "--record", "recording", "--run-once", &source,
    ];
    let mut command = program.command(&words);
    command.current_dir(folder);
    let exit = wsferry_testkit::program::Program::spawn(command).exit().await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);

    until(|| listens(port.number())).await;
    assert_eq!(load(port.number()).await.text(), "a page");
    let stream = Raw::connect(([127, 0, 0, 1], port.number()).into()).await.into_stream();
    let mut client = upgrade(stream, port.number(), "/?token=one", &[]).await.unwrap();
    chat(&mut client).await;
    leave(client).await;
    until(|| !listens(port.number())).await; // --run-once: it has ended

    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("127.0.0.1"), "the client is in {log}");
    // The recording is where it was asked for; it is written beside the session, not by it.
    let recordings = || {
        let entries = fs::read_dir(folder).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("recording.")).count()
    };
    until(|| recordings() == 1).await;
}

async fn load(port: u16) -> Answer {
    let mut raw = Raw::connect(([127, 0, 0, 1], port).into()).await;
    raw.send(request(port, "GET", "/", &[])).await;
    raw.answer().await
}
