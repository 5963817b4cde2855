//! Every plug-in, every token that is none: never in, and always the same answer.

use std::fs;
use std::os::unix::net::UnixListener;

use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;
use wsferry_testkit::raw::Answer;
use wsferry_testkit::redis::Redis;

use super::{gateway, handshake, without_date};
use crate::service::{Service, answer, target};
use crate::support::Running;

/// 32 bytes of 0, as a key file holds them.
const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Request targets that hold no token, or one that is not `good`. Whatever they are, they look alike
/// from outside.
fn bad(good: &str) -> Vec<String> {
    let first_encoded = format!("%{:02x}{}", good.as_bytes()[0], &good[1..]);
    let mut targets: Vec<String> = [
        "/",
        "/?",
        "/?token",
        "/?token=",
        "/?token=%0a",
        "/?token=unknown",
        "/?token=.",
        "/?token=..",
        "/?token=../x",
        "/?token=%2e%2e%2fx",
        "/?token=%252e%252e%252fx",
        "/?token=..%5cx",
        "/?token=%2fetc%2fhostname",
        "/?token=//etc/hostname",
        "/?token=file:%2f%2f%2fetc%2fhostname",
        "/?token=%00",
        "/?token=%0d%0a%0d%0aGET%20/",
        "/?token=%ff%fe",
        "/?token=%c0%ae%c0%ae%c0%afx",
        "/?token=%e2%80%ae",
        "/?token=%",
        "/?token=%zz",
        "/?token=*",
        "/?token=$(id)",
        "/?token='%20OR%20''='",
        "/?token={1}",
        "/?token=http://127.0.0.1:1/",
        "/?token=unix_socket:/run/x",
        "/?token=echo:",
        "/?token=....",
        "/?token=..",
        "/?token=eyJhbGciOiJub25lIn0.e30.",
    ]
    .map(str::to_owned)
    .into();
    targets.extend([
        format!("/{good}"),
        format!("/token={good}"),
        format!("/?Token={good}"),
        format!("/?xtoken={good}"),
        format!("/?token%00={good}"),
        format!("/?token[]={good}"),
        format!("/?x=1;token={good}"),
        format!("/?x=1%26token={good}"),
        format!("/?token={good}&token={good}"),
        format!("/?token={good}&token="),
        format!("/?token&token={good}"),
        format!("/?t%6fken={good}&token={good}"),
        format!("/?token=other&token={good}"),
        format!("/?token={good}%00"),
        format!("/?token=%00{good}"),
        format!("/?token={good}%00.txt"),
        format!("/?token={good}%20"),
        format!("/?token=+{good}"),
        format!("/?token={good}%0d"),
        format!("/?token={good}%0a%0a"),
        format!("/?token={good}%0d%0aX:%20y"),
        format!("/?token={good}/"),
        format!("/?token=./{good}"),
        format!("/?token=x/../{good}"),
        format!("/?token={good}%c2%a0"),
        format!("/?token={}", good.replace('o', "%d0%be")), // Cyrillic
        format!("/?token=%ef%bd%87{}", &good[1..]),         // a wide g
        format!("/?token={}", first_encoded.replace('%', "%25")),
        format!("/?token={}", good.to_uppercase()),
        format!("/?token={}", &good[..good.len() - 1]),
        format!("/?token={good}x"),
        format!("/?token={}", "x".repeat(7900)),
        format!("/?token={good}{}", "x".repeat(7000)),
        format!("/?token={}", "%2e%2e%2f".repeat(800)),
    ]);
    targets
}

/// Heads that are none: refused before anybody asks for a token.
fn broken(good: &str) -> Vec<(String, u16)> {
    vec![
        (format!("/?token={good}\0"), 400),
        (format!("/?token={good}\nX: y"), 400),
        (format!("/?token={good}\rX: y"), 400),
        (format!("/?token={good} HTTP/1.1\r\n\r\n"), 400), // a request of its own, without a Host
        (format!("/?token={}", "x".repeat(31 * 1024)), 403),
        (format!("/?token={}", "x".repeat(33 * 1024)), 414),
        (format!("/?x={}&token={good}", "x".repeat(33 * 1024)), 414),
    ]
}

/// Tries everything at a gateway where `good` leads to something.
async fn attack(class: &str, gateway: &Running, good: &str) {
    let ask = async |target: &str| without_date(gateway.ask(handshake(target)).await);
    let refusal: Answer = ask("/?token=unknown").await;
    assert_eq!((refusal.status, &*refusal.text()), (403, "no target for this token\n"), "{class}");
    for target in bad(good) {
        assert_eq!(ask(&target).await, refusal, "{class}: {target:?}");
    }
    for (target, status) in broken(good) {
        assert_eq!(ask(&target).await.status, status, "{class}: {target:?}");
    }
    for target in [format!("/?token={good}"), format!("/any/path?x=1&token={good}%0d%0a")] {
        assert_eq!(ask(&target).await.status, 101, "{class}: {target:?}");
    }
}

#[tokio::test]
async fn no_trick_with_a_token_of_a_file_or_directory_gets_in_or_another_answer() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    fs::write(at("x"), "echo:\n").unwrap();
    for name in ["lines", "names", "sockets"] {
        fs::create_dir(at(name)).unwrap();
    }
    fs::write(at("lines/tokens"), "good: echo:\n").unwrap();
    fs::write(at("names/good"), "echo:\n").unwrap();
    let _inside = UnixListener::bind(at("sockets/good")).unwrap();
    for (class, source) in [
        ("TokenFile", at("lines/tokens")),
        ("TokenFile", at("lines")),
        ("ReadOnlyTokenFile", at("lines/tokens")),
        ("TokenFileName", at("names")),
        ("UnixDomainSocketDirectory", at("sockets")),
    ] {
        attack(class, &gateway(class, &source, |_| {}).await, "good").await;
    }
}

#[tokio::test]
async fn no_trick_with_a_token_of_a_service_gets_in_or_another_answer() {
    for (class, body) in
        [("BaseTokenAPI", "echo:"), ("JSONTokenApi", r#"{"host": "127.0.0.1", "port": 9}"#)]
    {
        let service = Service::start(move |head| match target(head) {
            "/tokens/good" => answer("200 OK", "", body),
            _ => answer("404 Not Found", "", body),
        })
        .await;
        let url = format!("http://127.0.0.1:{}/tokens/%s", service.port());
        attack(class, &gateway(class, &url, |_| {}).await, "good").await;
        assert!(service.heads().iter().all(|head| target(head).starts_with("/tokens/")));
    }
}

#[tokio::test]
async fn no_trick_with_a_token_of_redis_gets_in_or_another_answer() {
    let redis = Redis::start(&[]).await;
    redis.set("vnc:good", "echo:").await;
    redis.set("unknown", "echo:").await; // behind no prefix
    let source = format!("127.0.0.1:{}:0::vnc", redis.port());
    attack("TokenRedis", &gateway("TokenRedis", &source, |_| {}).await, "good").await;
    assert_eq!(redis.command(&["DBSIZE"]).await, "2\n");
}

#[tokio::test]
async fn no_trick_with_a_signed_token_gets_in_or_another_answer() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, SECRET).unwrap();
    let claims = json!({"host": "127.0.0.1", "port": 9});
    let good =
        jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(&[0; 32]));
    let gateway = gateway("JWTTokenApi", &key.display().to_string(), |_| {}).await;
    attack("JWTTokenApi", &gateway, &good.unwrap()).await;
}
