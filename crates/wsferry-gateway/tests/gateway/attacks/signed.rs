//! Signed tokens: every way to make one believed without the key.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use wsferry_gateway::token::jwt::TokenJwt;
use wsferry_gateway::token::{LookUpError, Token, TokenSource};
use wsferry_testkit::pki::openssl;

use crate::service::{Service, answer};

/// A key as it is, and as a key file holds it. (Not of zeros: for HMAC they are the same as no key.)
const KEY: [u8; 32] = [7; 32];
const SECRET: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

fn claims() -> Value {
    json!({"host": "a", "port": 1})
}

/// A token with these words as its header and claims, with an HMAC of `key` over them.
fn with_header(header: &str, claims: &str, key: &[u8]) -> String {
    let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
    let key = EncodingKey::from_secret(key);
    let mac = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{signed}.{mac}")
}

async fn leads(source: &TokenJwt, token: &str) -> bool {
    let Some(token) = Token::new(token) else { return false };
    match source.look_up(&token).await {
        Ok(_) => true,
        Err(LookUpError::Unknown(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn no_header_makes_a_token_believed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    fs::write(&file, SECRET).unwrap();
    let source = TokenJwt::open(&file).unwrap();
    let service = Service::start(|_| answer("200 OK", "", "{}")).await;
    let port = service.port();
    let body = claims().to_string();
    let good = r#"{"alg":"HS256","typ":"JWT"}"#;
    assert!(leads(&source, &with_header(good, &body, &KEY)).await);
    // Fields that name a key are not looked at: they change nothing, in neither direction.
    for field in [
        r#""kid":"../../../../dev/null""#.to_owned(),
        r#""kid":"x' UNION SELECT 'AA'""#.to_owned(),
        format!(r#""jku":"http://127.0.0.1:{port}/""#),
        format!(r#""x5u":"http://127.0.0.1:{port}/""#),
        r#""jwk":{"kty":"oct","k":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"}"#.to_owned(),
    ] {
        let header = format!(r#"{{"alg":"HS256",{field}}}"#);
        assert!(!leads(&source, &with_header(&header, &body, &[1; 32])).await, "{header}");
        assert!(!leads(&source, &with_header(&header, &body, b"")).await, "{header}");
        assert!(leads(&source, &with_header(&header, &body, &KEY)).await, "{header}");
    }
    assert_eq!(service.connections(), 0);
    // Even with the right key: what is critical and not understood, and what is no header.
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"nOnE"}"#,
        r#"{"alg":"None","typ":"JWT"}"#,
        r#"{"alg":""}"#,
        r#"{"alg":null}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS256 "}"#,
        r#"{"typ":"JWT"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","alg":"none"}"#,
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"ES256"}"#,
        r#"{"alg":"dir","enc":"A256GCM"}"#,
        r#"["HS256"]"#,
        "{",
        "",
    ] {
        assert!(!leads(&source, &with_header(header, &body, &KEY)).await, "{header}");
    }
    let token = with_header(good, &body, &KEY);
    let [head, body_, mac] = *token.split('.').collect::<Vec<_>>() else { panic!("{token}") };
    for token in [
        format!("{head}.{body_}."),
        format!("{head}.{body_}"),
        format!("{head}.{body_}.{mac}."),
        format!("{head}.{body_}.{mac}="),
        format!("{head}.{body_}.{mac}A"),
        format!("{head}.{body_}.{}", &mac[..mac.len() - 1]),
        format!("{head}.{body_}. {mac}"),
        format!("{head}.{body_}.{}", BASE64.encode([0; 32])),
        format!("{head}..{mac}"),
        format!(".{body_}.{mac}"),
        format!("{head}.{}.{mac}", BASE64.encode(r#"{"host":"b","port":1}"#)),
    ] {
        assert!(!leads(&source, &token).await, "{token}");
    }
}

#[tokio::test]
async fn no_claims_lead_further_than_they_say_nor_crash() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    fs::write(&file, SECRET).unwrap();
    let source = TokenJwt::open(&file).unwrap();
    let header = r#"{"alg":"HS256"}"#;
    for body in [
        format!("{}1{}", "[".repeat(5000), "]".repeat(5000 - 2600)),
        format!(r#"{{"a":{}1{}}}"#, r#"{"a":"#.repeat(600), "}".repeat(600)),
        r#"{"host":"a","port":1,"exp":1e999}"#.to_owned(),
        r#"{"host":"a","port":1,"exp":-1}"#.to_owned(),
        r#"{"host":"a","port":1,"exp":0}"#.to_owned(),
        r#"{"host":"a","port":1,"exp":"99999999999"}"#.to_owned(),
        r#"{"host":"a","port":1,"exp":99999999999,"exp":1}"#.to_owned(), // the last one counts
        r#"{"host":"a","port":1,"nbf":99999999999}"#.to_owned(),
        r#"{"host":"a","port":1,"nbf":1e999}"#.to_owned(),
        r#"{"host":"a","port":1e400}"#.to_owned(),
        format!(r#"{{"host":"{}","port":1}}"#, "a".repeat(5000)),
        r#"{"host":"a\u0000","port":1}"#.to_owned(),
        r#""claims""#.to_owned(),
        "null".to_owned(),
    ] {
        let shown = &body[..body.len().min(60)];
        assert!(!leads(&source, &with_header(header, &body, &KEY)).await, "{shown}");
    }
    let many: String = (0..500).map(|number| format!(r#","c{number}":0"#)).collect();
    let body = format!(r#"{{"host":"a","port":1{many}}}"#);
    assert!(leads(&source, &with_header(header, &body, &KEY)).await);
}

#[tokio::test]
async fn the_public_key_is_no_secret_for_an_hmac() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    openssl(&["genrsa", "-out", &at("private"), "2048"]);
    openssl(&["rsa", "-in", &at("private"), "-pubout", "-out", &at("public")]);
    openssl(&["rsa", "-in", &at("private"), "-pubout", "-outform", "DER", "-out", &at("der")]);
    let pem = fs::read(at("public")).unwrap();
    let secrets = [
        pem.clone(),
        pem.trim_ascii_end().to_vec(),
        String::from_utf8(pem.clone()).unwrap().replace('\n', "\r\n").into_bytes(),
        fs::read(at("der")).unwrap(),
        Vec::new(),
    ];
    for file in ["public", "private"] {
        let source = TokenJwt::open(at(file)).unwrap();
        for secret in &secrets {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let key = EncodingKey::from_secret(secret);
                let header = Header::new(algorithm);
                let token = jsonwebtoken::encode(&header, &claims(), &key).unwrap();
                assert!(!leads(&source, &token).await, "{file} {algorithm:?}");
            }
        }
        let key = EncodingKey::from_rsa_pem(&fs::read(at("private")).unwrap()).unwrap();
        let header = Header::new(Algorithm::RS256);
        let token = jsonwebtoken::encode(&header, &claims(), &key).unwrap();
        assert!(leads(&source, &token).await, "{file}");
    }
}

/// A pipe without a writer: opening one to read waits for ever.
#[test]
fn a_pipe_as_key_file_does_not_hang_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("key");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let error = TokenJwt::open(&pipe).unwrap_err().to_string();
    assert!(error.contains("not an ordinary file"), "{error}");
}
