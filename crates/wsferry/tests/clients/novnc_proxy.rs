//! `novnc_proxy`, noVNC's own starter, unchanged: it finds the program under the name `websockify`.

use std::env;
use std::os::unix::fs::symlink;
use std::path::Path;

use tokio::process::Command;
use wsferry_testkit::browser::Browser;
use wsferry_testkit::program::{Program, ReservedPort, Signal};

use crate::desktop::Desktop;
use crate::playback::{assert_plays, recording};
use crate::screen::{BLUE, CANVAS, assert_works, disconnect};
use crate::support::{make_certificate, room, spell};

/// Runs it in `folder`, where it finds the program as an installed `websockify`.
fn novnc_proxy(folder: &Path, arguments: &[&str]) -> Program {
    let link = folder.join("bin/websockify");
    std::fs::create_dir(link.parent().unwrap()).unwrap();
    symlink(env!("CARGO_BIN_EXE_wsferry"), &link).unwrap();
    let mut script = Command::new("/usr/share/novnc/utils/novnc_proxy");
    let path = format!("{}:{}", spell(link.parent().unwrap()), env::var("PATH").unwrap());
    script.current_dir(folder).env("PATH", path).args(arguments);
    Program::spawn_family(script)
}

/// The address that it tells a person to open, and a browser that finds it.
async fn browser_at_printed_address(script: &Program) -> (Browser, String) {
    let address = script.printed(&["://", "/vnc.html?host="]).await.trim().to_owned();
    let host = address.split("://").nth(1).and_then(|rest| rest.rsplit_once("/vnc.html")).unwrap();
    let name = host.0.rsplit_once(':').unwrap().0;
    // The name of this machine, which need not be known to any name service.
    let map = format!("--host-resolver-rules=MAP {name} 127.0.0.1");
    let browser = Browser::with_flags(&[&map, "--ignore-certificate-errors"]).await;
    (browser, format!("{address}&autoconnect=true"))
}

/// Ends the script as a person does. The gateway ends with it: it holds the same standard error.
async fn stop(script: Program) -> String {
    script.signal(Signal::Terminate).await;
    let exit = script.exit().await;
    assert!(exit.stdout.contains("Terminating WebSockets proxy"), "{}", exit.stdout);
    exit.stderr
}

#[tokio::test]
async fn novnc_proxy_finds_and_drives_the_program_as_websockify() {
    let desktop = Desktop::start(BLUE).await;
    let folder = room();
    let port = ReservedPort::new();
    let listen = port.number().to_string();
    let arguments = ["--listen", &listen, "--vnc", &desktop.address()];
    let script = novnc_proxy(folder.path(), &arguments);
    let found = script.printed(&["Using installed websockify at "]).await;
    assert!(found.ends_with(spell(&folder.path().join("bin/websockify"))), "{found}");
    let (browser, url) = browser_at_printed_address(&script).await;
    assert!(url.starts_with("http://"), "{url}");
    browser.open(&url).await;
    assert_works(&browser, CANVAS, &desktop).await;
    stop(script).await;
}

#[tokio::test]
async fn novnc_proxy_passes_every_option_it_has() {
    let desktop = Desktop::start(BLUE).await;
    let folder = room();
    make_certificate(folder.path()).await;
    let port = ReservedPort::new();
    let listen = port.number().to_string();
    let arguments = ["--listen", &listen, "--vnc", &desktop.address(), "--web", "/usr/share/novnc"];
    let tls = ["--cert", "cert.pem", "--key", "key.pem", "--ssl-only"];
    // Relative, as a person types it; the two time-outs are not reached.
    let more =
        ["--heartbeat", "1", "--timeout", "600", "--idle-timeout", "600", "--record", "tape"];
    let script = novnc_proxy(folder.path(), &[&arguments[..], &tls, &more].concat());
    let (browser, url) = browser_at_printed_address(&script).await;
    assert!(url.starts_with("https://"), "{url}");
    browser.open(&url).await;
    assert_works(&browser, CANVAS, &desktop).await;
    disconnect(&browser).await;
    script.line(&["session ended"]).await;
    stop(script).await;
    drop(desktop);
    assert_plays(&recording(&folder.path().join("tape"))).await;
}
