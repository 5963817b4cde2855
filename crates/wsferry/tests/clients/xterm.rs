//! xterm.js with its attach add-on, in front of a shell that socat gives a terminal.

use wsferry_testkit::browser::Browser;
use wsferry_testkit::clients::node_modules;
use wsferry_testkit::program::Program;

use crate::support::{site, spell, wsferry};

/// A shell for each connection: where it listens.
async fn shell() -> (Program, String) {
    let arguments = ["-d", "-d", "TCP-LISTEN:0,bind=127.0.0.1,fork"];
    let bash = "EXEC:bash --norc --noprofile,pty,stderr,setsid,ctty,sane";
    let socat = Program::start("socat", &[&arguments[..], &[bash]].concat());
    let listening = socat.line(&["listening on AF=2 "]).await;
    let address = listening.rsplit(' ').next().unwrap().to_owned();
    (socat, address)
}

/// Presses a key at a time.
async fn type_in(browser: &Browser, keys: &str) {
    browser.type_into(".xterm-helper-textarea", keys).await;
}

async fn until_shown(browser: &Browser, pattern: &str) {
    let shown = browser.run_async(&format!("return await untilShown({pattern})")).await;
    let failed = shown.as_str().is_some_and(|text| text.starts_with("failed: "));
    assert!(!failed, "{pattern} is not shown: {shown}");
}

#[tokio::test]
async fn what_is_typed_in_xterm_js_runs_in_a_shell_and_its_output_is_shown() {
    let (_socat, address) = shell().await;
    let modules = node_modules();
    let (terminal, attach) = (modules.join("@xterm/xterm"), modules.join("@xterm/addon-attach"));
    let parts = [("xterm", terminal.as_path()), ("addon-attach", attach.as_path())];
    let site = site(include_str!("pages/terminal.html"), &parts);
    let (program, port) = wsferry(&["--web", spell(site.path()), "127.0.0.1:0", &address]).await;
    let browser = Browser::start().await;
    browser.open(&format!("http://127.0.0.1:{port}/")).await;
    browser.until("document.title === 'connected'").await;
    until_shown(&browser, "/[#$] $/m").await;
    type_in(&browser, "PS1='ready> '\u{e007}").await;
    until_shown(&browser, "/^ready> $/m").await;
    // The shell's echo shows the sum, its output the result.
    type_in(&browser, "echo $((6 * 7)) Grüße\u{e007}").await;
    until_shown(&browser, "/^42 Grüße$/m").await;
    // What is typed before `cat` reads is echoed otherwise: "go" says that the terminal is ready.
    type_in(&browser, "echo g''o; cat\u{e007}").await;
    until_shown(&browser, "/^go$/m").await;
    // Ctrl-C reaches the terminal as a character, and the program as a signal.
    type_in(&browser, "hello\u{e007}").await;
    until_shown(&browser, "/^hello\\nhello$/m").await;
    type_in(&browser, "\u{e009}c\u{e000}").await;
    until_shown(&browser, "/\\^C\\nready> $/m").await;
    assert_eq!(browser.run("return [...kinds]").await, serde_json::json!(["string"]));
    type_in(&browser, "exit\u{e007}").await;
    browser.until("document.title === 'closed with 1000'").await;
    program.line(&["session ended", "close_code=1000"]).await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}
