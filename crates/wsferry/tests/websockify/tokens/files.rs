//! `TokenFile`, `ReadOnlyTokenFile`, `TokenFileName`, `--target-config`, `--host-token`.

use std::fs;
use std::path::PathBuf;

use tempfile::{TempDir, tempdir};

use super::{arrive, arrived, assert_refused, gateway, named, named_on_ipv6};
use crate::client::{Refusal, chat, hear_close};
use crate::subject::Subject;

same! {
    a_token_of_a_file_leads_to_its_target
    a_directory_of_token_files_is_one_list
    comments_blank_lines_and_broken_lines_are_passed_over
    a_token_file_that_changes_is_read_again
    a_directory_that_changes_is_read_again
    a_read_only_file_leads_to_its_targets
    target_config_is_the_old_name_of_a_token_file
    a_token_is_decoded_and_loses_its_line_break
    a_missing_token_is_refused
    a_file_named_as_the_token_holds_its_target
    a_token_of_file_names_is_no_path
    a_token_may_lead_to_a_unix_socket
    the_host_may_be_the_token
    the_host_is_the_token_as_it_is_written
    files_need_no_token
}

/// A file of tokens.
struct Tokens {
    folder: TempDir,
    file: PathBuf,
}

impl Tokens {
    fn new(text: &str) -> Self {
        let folder = tempdir().unwrap();
        let file = folder.path().join("tokens");
        fs::write(&file, text).unwrap();
        Self { folder, file }
    }

    fn path(&self) -> &str {
        self.file.to_str().unwrap()
    }

    fn folder(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    /// As an editor or a tool puts a new file in its place.
    fn replace(&self, text: &str) {
        let fresh = tempfile::NamedTempFile::new_in(std::env::temp_dir()).unwrap();
        fs::write(fresh.path(), text).unwrap();
        fresh.persist(&self.file).unwrap();
    }
}

async fn a_token_of_a_file_leads_to_its_target(program: Subject) {
    let (one, two) = (named("one").await, named("two").await);
    let port = two.address().port();
    let text = format!("first: {}\nsecond: localhost:{port}\n", one.address());
    let tokens = Tokens::new(&text);
    let gateway = gateway(program, "TokenFile", tokens.path()).await;
    assert_eq!(arrive(&gateway, "/?token=first").await, "one");
    assert_eq!(arrive(&gateway, "/websockify?a=b&token=second&c=d").await, "two");
    assert_refused(program, &gateway, "/?token=third").await;
    assert_refused(program, &gateway, "/?token=FIRST").await;
}

async fn a_directory_of_token_files_is_one_list(program: Subject) {
    let (one, two) = (named("one").await, named("two").await);
    let tokens = Tokens::new(&format!("first: {}\n", one.address()));
    let text = format!("second: {}\n", two.address());
    fs::write(tokens.folder.path().join("others.cfg"), text).unwrap();
    let gateway = gateway(program, "TokenFile", tokens.folder()).await;
    assert_eq!(arrive(&gateway, "/?token=first").await, "one");
    assert_eq!(arrive(&gateway, "/?token=second").await, "two");
}

async fn comments_blank_lines_and_broken_lines_are_passed_over(program: Subject) {
    let one = named("one").await;
    let text = format!(
        "# first: 127.0.0.1:1\n\n   \nno target\nfirst:127.0.0.1:1\n  last:   {}  \n",
        one.address()
    );
    let tokens = Tokens::new(&text);
    let gateway = gateway(program, "TokenFile", tokens.path()).await;
    assert_eq!(arrive(&gateway, "/?token=last").await, "one");
    assert_refused(program, &gateway, "/?token=first").await;
    assert_refused(program, &gateway, "/?token=%23%20first").await;
}

async fn a_token_file_that_changes_is_read_again(program: Subject) {
    let (one, two) = (named("one").await, named("two").await);
    let tokens = Tokens::new(&format!("first: {}\n", one.address()));
    let gateway = gateway(program, "TokenFile", tokens.path()).await;
    assert_eq!(arrive(&gateway, "/?token=first").await, "one");
    tokens.replace(&format!("first: {}\nsecond: {}\n", two.address(), one.address()));
    assert_eq!(arrive(&gateway, "/?token=first").await, "two");
    assert_eq!(arrive(&gateway, "/?token=second").await, "one");
    fs::write(&tokens.file, format!("second: {}\n", two.address())).unwrap();
    assert_eq!(arrive(&gateway, "/?token=second").await, "two");
    assert_refused(program, &gateway, "/?token=first").await;
}

async fn a_directory_that_changes_is_read_again(program: Subject) {
    let one = named("one").await;
    let tokens = Tokens::new("");
    let gateway = gateway(program, "TokenFile", tokens.folder()).await;
    assert_refused(program, &gateway, "/?token=first").await;
    let added = tokens.folder.path().join("added");
    fs::write(&added, format!("first: {}\n", one.address())).unwrap();
    assert_eq!(arrive(&gateway, "/?token=first").await, "one");
    fs::remove_file(added).unwrap();
    assert_refused(program, &gateway, "/?token=first").await;
}

async fn a_read_only_file_leads_to_its_targets(program: Subject) {
    let one = named("one").await;
    let tokens = Tokens::new(&format!("first: {}\n", one.address()));
    for source in [tokens.path(), tokens.folder()] {
        let gateway = gateway(program, "ReadOnlyTokenFile", source).await;
        assert_eq!(arrive(&gateway, "/?token=first").await, "one");
        assert_refused(program, &gateway, "/?token=second").await;
    }
}

async fn target_config_is_the_old_name_of_a_token_file(program: Subject) {
    let one = named("one").await;
    let tokens = Tokens::new(&format!("first: {}\n", one.address()));
    let gateway = program.gate(&["--target-config", tokens.path()], &[]).await;
    assert_eq!(arrive(&gateway, "/?token=first").await, "one");
    assert_refused(program, &gateway, "/?token=second").await;
}

async fn a_token_is_decoded_and_loses_its_line_break(program: Subject) {
    let (one, two) = (named("one").await, named("two").await);
    let text = format!("a b+c/d=é: {}\nplain: {}\n", one.address(), two.address());
    let tokens = Tokens::new(&text);
    let gateway = gateway(program, "TokenFile", tokens.path()).await;
    assert_eq!(arrive(&gateway, "/?token=a%20b%2Bc%2Fd%3D%C3%A9").await, "one");
    assert_eq!(arrive(&gateway, "/?token=a+b%2Bc/d=%C3%A9").await, "one");
    assert_eq!(arrive(&gateway, "/?token=plain%0A").await, "two");
}

async fn a_missing_token_is_refused(program: Subject) {
    let one = named("one").await;
    let tokens = Tokens::new(&format!("first: {}\n", one.address()));
    let gateway = gateway(program, "TokenFile", tokens.path()).await;
    for path in ["/", "/?", "/?token", "/?token=", "/?tokens=first", "/first", "/?Token=first"] {
        assert_refused(program, &gateway, path).await;
    }
}

async fn a_file_named_as_the_token_holds_its_target(program: Subject) {
    let (one, two) = (named("one").await, named("two").await);
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("first"), format!("{}\n", one.address())).unwrap();
    let gateway = gateway(program, "TokenFileName", folder.path().to_str().unwrap()).await;
    assert_eq!(arrive(&gateway, "/?token=first").await, "one");
    assert_refused(program, &gateway, "/?token=second").await;
    fs::write(folder.path().join("second"), two.address().to_string()).unwrap();
    assert_eq!(arrive(&gateway, "/?token=second").await, "two");
    fs::write(folder.path().join("first"), two.address().to_string()).unwrap();
    assert_eq!(arrive(&gateway, "/?token=first").await, "two");
}

async fn a_token_of_file_names_is_no_path(program: Subject) {
    let one = named("one").await;
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("outside"), one.address().to_string()).unwrap();
    let inside = folder.path().join("tokens");
    fs::create_dir(&inside).unwrap();
    let gateway = gateway(program, "TokenFileName", inside.to_str().unwrap()).await;
    for path in
        ["/?token=../outside", "/?token=..%2Foutside", "/?token=..", "/?token=%2Fetc%2Fhosts"]
    {
        assert_refused(program, &gateway, path).await;
    }
}

async fn a_token_may_lead_to_a_unix_socket(program: Subject) {
    let folder = tempdir().unwrap();
    let socket = folder.path().join("target.sock");
    crate::unix::echo_on(&socket);
    let tokens = Tokens::new(&format!("first: unix_socket:{}\n", socket.display()));
    let by_file = super::gateway(program, "TokenFile", tokens.path()).await;
    chat(&mut by_file.connect_to("/?token=first").await).await;

    let names = tempdir().unwrap();
    fs::write(names.path().join("first"), format!("unix_socket:{}", socket.display())).unwrap();
    let gateway = gateway(program, "TokenFileName", names.path().to_str().unwrap()).await;
    chat(&mut gateway.connect_to("/?token=first").await).await;
}

async fn the_host_may_be_the_token(program: Subject) {
    let (one, two) = (named("one").await, named("two").await);
    let text = format!("desk-1.example: {}\ndesk-2.example: {}\n", one.address(), two.address());
    let tokens = Tokens::new(&text);
    let options = ["--token-plugin", "TokenFile", "--token-source", tokens.path(), "--host-token"];
    let gateway = program.gate(&options, &[]).await;
    for (host, name) in
        [("desk-1.example", "one"), ("desk-2.example:6080", "two"), ("desk-2.example", "two")]
    {
        // As a page of that host comes.
        let fields = [("Host", host), ("Origin", &*format!("http://{host}"))];
        let client = gateway.try_connect("/", &fields).await;
        assert_eq!(
            arrived(client.unwrap_or_else(|refusal| panic!("{host}: {refusal:?}"))).await,
            name
        );
    }
    let refusal =
        gateway.try_connect("/?token=desk-1.example", &[("Host", "desk-3.example")]).await;
    assert!(matches!(refusal.err(), Some(Refusal::Ended | Refusal::Status(403))));
}

/// No browser writes capitals, other clients do.
async fn the_host_is_the_token_as_it_is_written(program: Subject) {
    let one = named("one").await;
    let tokens = Tokens::new(&format!("Desk-1: {}\n", one.address()));
    let options = ["--token-plugin", "TokenFile", "--token-source", tokens.path(), "--host-token"];
    let gateway = program.gate(&options, &[]).await;
    for host in ["Desk-1", "Desk-1:6080"] {
        let client = gateway.try_connect("/", &[("Host", host)]).await;
        assert_eq!(arrived(client.unwrap()).await, "one", "{host}");
    }
}

/// One of the two: names of hosts are the same in capitals.
#[tokio::test]
async fn a_host_in_capitals_is_the_token_in_lower_case() {
    let one = named("one").await;
    let tokens = Tokens::new(&format!("desk-1.example: {}\n", one.address()));
    let options = ["--token-plugin", "TokenFile", "--token-source", tokens.path(), "--host-token"];
    let gateway = Subject::Wsferry.gate(&options, &[]).await;
    let client = gateway.try_connect("/", &[("Host", "Desk-1.Example:6080")]).await;
    assert_eq!(arrived(client.unwrap()).await, "one");
}

async fn files_need_no_token(program: Subject) {
    let (one, site) = (named("one").await, crate::web::site());
    let tokens = Tokens::new(&format!("first: {}\n", one.address()));
    let web = crate::web::path(&site);
    let options = ["--token-plugin", "TokenFile", "--token-source", tokens.path(), "--web", web];
    let gateway = program.gate(&options, &[]).await;
    assert_eq!(gateway.load("/").await.status, 200);
    assert_eq!(arrive(&gateway, "/?token=first").await, "one");
    assert_refused(program, &gateway, "/").await;
}

pub(crate) async fn a_token_and_another_one(program: Subject) {
    let one = named("one").await;
    let tokens = Tokens::new(&format!("first: {}\n", one.address()));
    let gateway = gateway(program, "TokenFile", tokens.path()).await;
    match program {
        Subject::Websockify => {
            assert_eq!(arrive(&gateway, "/?token=first&token=other").await, "one");
        }
        Subject::Wsferry => assert_refused(program, &gateway, "/?token=first&token=other").await,
    }
}

pub(crate) async fn an_unknown_token(program: Subject) {
    let tokens = Tokens::new("first: 127.0.0.1:1\n");
    let gateway = gateway(program, "TokenFile", tokens.path()).await;
    for path in ["/?token=second", "/"] {
        assert_refused(program, &gateway, path).await;
    }
}

pub(crate) async fn a_read_only_file_that_changes(program: Subject) {
    let (one, two) = (named("one").await, named("two").await);
    let tokens = Tokens::new(&format!("first: {}\n", one.address()));
    let gateway = gateway(program, "ReadOnlyTokenFile", tokens.path()).await;
    assert_eq!(arrive(&gateway, "/?token=first").await, "one");
    tokens.replace(&format!("first: {}\n", two.address()));
    let expected = match program {
        Subject::Websockify => "two",
        Subject::Wsferry => "one",
    };
    assert_eq!(arrive(&gateway, "/?token=first").await, expected);
}

pub(crate) async fn an_ipv6_target_of_a_token_file(program: Subject) {
    let one = named_on_ipv6("one").await;
    let tokens = Tokens::new(&format!("first: {}\n", one.address()));
    let gateway = gateway(program, "TokenFile", tokens.path()).await;
    match program {
        Subject::Websockify => {
            let mut client = gateway.connect_to("/?token=first").await;
            assert_eq!(hear_close(&mut client).await.0, 1011);
        }
        Subject::Wsferry => assert_eq!(arrive(&gateway, "/?token=first").await, "one"),
    }
}

pub(crate) async fn an_ipv6_target_of_a_file_named_as_the_token(program: Subject) {
    let one = named_on_ipv6("one").await;
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("first"), one.address().to_string()).unwrap();
    let gateway = gateway(program, "TokenFileName", folder.path().to_str().unwrap()).await;
    match program {
        Subject::Websockify => assert_refused(program, &gateway, "/?token=first").await,
        Subject::Wsferry => assert_eq!(arrive(&gateway, "/?token=first").await, "one"),
    }
}
