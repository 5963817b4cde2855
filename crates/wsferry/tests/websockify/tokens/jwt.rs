//! `JWTTokenApi`: the token itself says where to, and is signed. The tokens are made by jwcrypto.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::tempdir;
use wsferry_testkit::clients::python;
use wsferry_testkit::program::Program;

use super::{arrive, assert_refused, gateway, named};
use crate::client::chat;
use crate::pki::file;
use crate::subject::Subject;

same! {
    signed_tokens_of_a_secret_lead_to_their_target
    signed_tokens_of_a_key_pair_lead_to_their_target
    claims_may_name_a_unix_socket
    encrypted_tokens_without_a_signed_one_are_refused
    times_of_a_token_are_checked
    tokens_of_another_key_or_of_none_are_refused
}

/// 32 bytes in base64url, which is how a key file holds them.
const SECRET: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ";
const OTHER: &str = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItMTI";
/// 64 bytes, for the longer hashes.
const LONG: &str =
    "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzRzZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQtMTIzNA";

async fn signed_tokens_of_a_secret_lead_to_their_target(program: Subject) {
    let one = named("one").await;
    let secret = Secret::new(LONG);
    let claims = claims(one.address().port());
    let mut spelled = claims.clone();
    spelled["port"] = json!(one.address().port().to_string());
    let tokens = [("HS256", &claims), ("HS384", &claims), ("HS512", &spelled)]
        .map(|(alg, claims)| json!({ "alg": alg, "claims": claims }));
    let gateway = gateway(program, "JWTTokenApi", &secret.file).await;
    for token in make(&secret.file, &tokens).await {
        assert_eq!(arrive(&gateway, &format!("/?token={token}")).await, "one", "{token}");
    }
}

async fn signed_tokens_of_a_key_pair_lead_to_their_target(program: Subject) {
    let one = named("one").await;
    let claims = claims(one.address().port());
    let families: [(&str, &[&str]); 3] =
        [("rsa", &["RS256", "RS512", "PS256"]), ("ec", &["ES256"]), ("ed", &["EdDSA"])];
    for (name, algorithms) in families {
        let tokens: Vec<_> =
            algorithms.iter().map(|alg| json!({ "alg": alg, "claims": claims })).collect();
        let (private, public) = (file(&format!("{name}.key")), file(&format!("{name}.pub")));
        let gateway = gateway(program, "JWTTokenApi", &public).await;
        for token in make(&private, &tokens).await {
            assert_eq!(arrive(&gateway, &format!("/?token={token}")).await, "one", "{token}");
        }
    }
}

async fn claims_may_name_a_unix_socket(program: Subject) {
    let folder = tempdir().unwrap();
    let socket = folder.path().join("target.sock");
    crate::unix::echo_on(&socket);
    let secret = Secret::new(SECRET);
    let claims = json!({ "host": "unix_socket", "port": socket });
    let tokens = make(&secret.file, &[json!({ "alg": "HS256", "claims": claims })]).await;
    let gateway = gateway(program, "JWTTokenApi", &secret.file).await;
    chat(&mut gateway.connect_to(&format!("/?token={}", tokens[0])).await).await;
}

/// Whoever has the public half can encrypt.
async fn encrypted_tokens_without_a_signed_one_are_refused(program: Subject) {
    let one = named("one").await;
    let claims = claims(one.address().port());
    let token = json!({ "claims": claims, "encrypt": ["RSA-OAEP", "A256GCM"] });
    let gateway = gateway(program, "JWTTokenApi", &file("rsa.key")).await;
    for token in make(&file("rsa.pub"), &[token]).await {
        assert_refused(program, &gateway, &format!("/?token={token}")).await;
    }
}

async fn times_of_a_token_are_checked(program: Subject) {
    let one = named("one").await;
    let secret = Secret::new(SECRET);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let token = |nbf: u64, exp: u64| {
        let mut claims = claims(one.address().port());
        claims["nbf"] = json!(nbf);
        claims["exp"] = json!(exp);
        json!({ "alg": "HS256", "claims": claims })
    };
    let tokens = [
        token(now - 100, now + 3600),
        token(now - 7200, now - 3600),
        token(now + 3600, now + 7200),
    ];
    let tokens = make(&secret.file, &tokens).await;
    let gateway = gateway(program, "JWTTokenApi", &secret.file).await;
    assert_eq!(arrive(&gateway, &format!("/?token={}", tokens[0])).await, "one");
    for token in &tokens[1..] {
        assert_refused(program, &gateway, &format!("/?token={token}")).await;
    }
}

async fn tokens_of_another_key_or_of_none_are_refused(program: Subject) {
    let one = named("one").await;
    let (secret, other) = (Secret::new(SECRET), Secret::new(OTHER));
    let token = json!({ "alg": "HS256", "claims": claims(one.address().port()) });
    let foreign = make(&other.file, std::slice::from_ref(&token)).await.remove(0);
    let good = make(&secret.file, &[token]).await.remove(0);
    let gateway = gateway(program, "JWTTokenApi", &secret.file).await;
    let (_, payload) = good.split_once('.').unwrap();
    let (payload, signature) = payload.split_once('.').unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{payload}."); // {"alg":"none"}
    let cut = &good[..good.len() - 4];
    let changed = format!("{}.{payload}x.{signature}", good.split('.').next().unwrap());
    for token in [&*foreign, &unsigned, cut, &changed, "word", "a.b.c", ".."] {
        assert_refused(program, &gateway, &format!("/?token={token}")).await;
    }
    assert_eq!(arrive(&gateway, &format!("/?token={good}")).await, "one");
}

pub(crate) async fn encrypted_tokens(program: Subject) {
    let one = named("one").await;
    let secret = Secret::new(SECRET);
    let claims = claims(one.address().port());
    let families = [
        (file("rsa.key"), "RS256", [("RSA-OAEP", "A256GCM"), ("RSA-OAEP-256", "A128CBC-HS256")]),
        (secret.file.clone(), "HS256", [("dir", "A256GCM"), ("A256KW", "A256CBC-HS512")]),
    ];
    for (key, alg, encryptions) in families {
        let token =
            |(key_alg, enc)| json!({ "alg": alg, "claims": claims, "encrypt": [key_alg, enc] });
        let gateway = gateway(program, "JWTTokenApi", &key).await;
        for token in make(&key, &encryptions.map(token)).await {
            let path = format!("/?token={token}");
            match program {
                Subject::Websockify => assert_refused(program, &gateway, &path).await,
                Subject::Wsferry => assert_eq!(arrive(&gateway, &path).await, "one", "{token}"),
            }
        }
    }
}

fn claims(port: u16) -> Value {
    json!({ "host": "127.0.0.1", "port": port })
}

/// A secret in a file.
struct Secret {
    file: String,
    _folder: tempfile::TempDir,
}

impl Secret {
    fn new(secret: &str) -> Self {
        let folder = tempdir().unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, secret).unwrap();
        Self { file: file.to_str().unwrap().to_owned(), _folder: folder }
    }
}

/// Tokens as `clients/make_tokens.py` makes them.
async fn make(key: &str, tokens: &[Value]) -> Vec<String> {
    let mut command = python("make_tokens.py");
    command.args([key, &Value::from(tokens).to_string()]);
    let exit = Program::spawn(command).exit().await;
    assert!(exit.status.success(), "{}", exit.stderr);
    exit.stdout.lines().map(str::to_owned).collect()
}
