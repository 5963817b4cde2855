//! The example of docs/own-auth.md, taken from the document and run.

use std::fs;
use std::path::Path;

use http::StatusCode;
use tokio::process::Command;
use wsferry_testkit::clients::interpreter;
use wsferry_testkit::program::{Program, port_behind};

use crate::auth_http::{auth, check, handshake};

/// The first Python block of the document.
fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/own-auth.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, block) = text.split_once("```python\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

#[tokio::test]
async fn the_flask_example_of_the_documentation_lets_its_users_in_and_nobody_else() {
    let example = example();
    let lines = example.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 20, "the example has {lines} lines");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("auth.py"), example).unwrap();
    let mut command = Command::new(interpreter());
    command.current_dir(folder.path()).args(["-m", "flask", "--app", "auth", "run", "--port", "0"]);
    let program = Program::spawn(command);
    let port = port_behind(&program.line(&["Running on http://"]).await, "http://");
    let auth = auth(&format!("http://127.0.0.1:{port}/auth"));
    let ask = async |target: &str, cookie: &str| {
        check(&auth, &handshake(target, &[("Cookie", cookie)]), &[]).await
    };
    let pass = ask("/?desktop=office", "a=b; session=6f1e0c").await.unwrap();
    assert_eq!(pass.identity.as_deref(), Some("ann"));
    assert_eq!(pass.target.unwrap().to_string(), "127.0.0.1:5900");
    for (target, cookie, status) in [
        ("/?desktop=office", "session=guess", StatusCode::UNAUTHORIZED),
        ("/?desktop=office", "", StatusCode::UNAUTHORIZED),
        ("/?desktop=theirs", "session=6f1e0c", StatusCode::FORBIDDEN),
        ("/", "session=6f1e0c", StatusCode::FORBIDDEN),
    ] {
        assert_eq!(ask(target, cookie).await.unwrap_err().status, status, "{target} {cookie}");
    }
}
