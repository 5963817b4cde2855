//! Signed tokens: what jwcrypto makes is understood, and nothing else is believed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header};
use serde::Deserialize;
use serde_json::json;
use wsferry_gateway::token::jose::{Flaw, Key, KeyError};
use wsferry_gateway::token::jwt::{KeyFileError, TokenJwt};
use wsferry_gateway::token::{LookUpError, Token, TokenSource};
use wsferry_testkit::clients::output_of;

/// 32 bytes of 0, as a key file holds them.
const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[derive(Deserialize)]
struct Made {
    keys: BTreeMap<String, String>,
    tokens: Vec<MadeToken>,
}

#[derive(Deserialize)]
struct MadeToken {
    name: String,
    key: String,
    token: String,
    is_good: bool,
}

/// A token with these claims, signed with so many bytes of 0.
fn signed(claims: &serde_json::Value) -> String {
    let key = EncodingKey::from_secret(&[0; 32]);
    jsonwebtoken::encode(&Header::default(), claims, &key).unwrap()
}

fn write_key(folder: &Path, contents: &str) -> TokenJwt {
    let file = folder.join("key");
    fs::write(&file, contents).unwrap();
    TokenJwt::open(file).unwrap()
}

async fn look_up(source: &TokenJwt, token: &str) -> Result<String, LookUpError> {
    let token = Token::new(token).unwrap();
    source.look_up(&token).await.map(|target| target.to_string())
}

async fn is_unknown(source: &TokenJwt, token: &str) -> bool {
    matches!(look_up(source, token).await, Err(LookUpError::Unknown(_)))
}

#[tokio::test]
async fn a_key_file_may_begin_with_a_byte_order_mark() {
    let folder = tempfile::tempdir().unwrap();
    let source = write_key(folder.path(), &format!("\u{feff}{SECRET}\n"));
    let token = signed(&json!({"host": "localhost", "port": 5900}));
    assert_eq!(look_up(&source, &token).await.unwrap(), "localhost:5900");
}

#[tokio::test]
async fn tokens_made_by_jwcrypto_are_believed_in_every_algorithm_and_wrong_ones_never() {
    let made: Made = serde_json::from_str(&output_of("tokens.py").await).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let sources: BTreeMap<_, _> = made
        .keys
        .iter()
        .map(|(name, contents)| {
            let file = folder.path().join(name);
            fs::write(&file, contents).unwrap();
            (name, TokenJwt::open(file).unwrap_or_else(|error| panic!("{name}: {error}")))
        })
        .collect();
    let mut wrong = Vec::new();
    for MadeToken { name, key, token, is_good } in &made.tokens {
        let found = look_up(&sources[key], token).await;
        let is_right = match &found {
            Ok(target) => *is_good && target == "vnc.example:5900",
            Err(LookUpError::Unknown(_)) => !is_good,
            Err(LookUpError::Unavailable(_)) => false,
        };
        if !is_right {
            wrong.push(format!("{name} with {key}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let good = made.tokens.iter().filter(|token| token.is_good).count();
    assert!(good > 100 && made.tokens.len() - good > 60);
}

#[test]
fn the_algorithm_follows_from_the_key_and_the_flaw_says_so() {
    let key = Key::read(SECRET.as_bytes()).unwrap();
    let claims = |token: &str| key.claims(token, UNIX_EPOCH).unwrap_err();
    assert_eq!(claims("eyJhbGciOiJub25lIn0.e30."), Flaw::Form); // none
    assert_eq!(claims("eyJhbGciOiJFUzI1NiJ9.e30.AA"), Flaw::Algorithm); // ES256
    assert_eq!(claims("eyJhbGciOiJIUzI1NiJ9.e30.AA"), Flaw::Signature); // HS256
    // RSA-OAEP with A256GCM
    let header = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ";
    assert_eq!(claims(&format!("{header}.AA.AA.AA.AA")), Flaw::Algorithm);
    assert_eq!(claims("..."), Flaw::Form);
    assert_eq!(claims("...."), Flaw::Form);
}

#[test]
fn expiry_and_start_count_to_the_second() {
    let key = Key::read(SECRET.as_bytes()).unwrap();
    let at = |claims: &serde_json::Value, milliseconds| {
        let now = UNIX_EPOCH + Duration::from_millis(milliseconds);
        key.claims(&signed(claims), now).map(|_| ())
    };
    let expires = json!({"exp": 1000});
    assert_eq!(at(&expires, 999_999), Ok(()));
    assert_eq!(at(&expires, 1_000_000), Err(Flaw::Expired));
    assert_eq!(at(&expires, 1_001_000), Err(Flaw::Expired));
    let starts = json!({"nbf": 1000});
    assert_eq!(at(&starts, 999_999), Err(Flaw::NotYet));
    assert_eq!(at(&starts, 1_000_000), Ok(()));
    assert_eq!(at(&json!({"nbf": 1, "exp": 2.5}), 2_400), Ok(()));
    assert_eq!(at(&json!({"nbf": 1, "exp": 2.5}), 2_500), Err(Flaw::Expired));
    for odd in [json!("5000"), json!(null), json!([5000])] {
        assert!(at(&json!({"exp": odd}), 1).is_err());
        assert!(at(&json!({"nbf": odd}), 1).is_err());
    }
}

#[tokio::test]
async fn a_token_that_expired_a_second_ago_leads_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let source = write_key(folder.path(), SECRET);
    let now = UNIX_EPOCH.elapsed().unwrap().as_secs();
    let token = |exp| signed(&json!({"host": "a", "port": "1", "exp": exp}));
    assert!(is_unknown(&source, &token(now - 1)).await);
    assert_eq!(look_up(&source, &token(now + 3600)).await.unwrap(), "a:1");
}

#[tokio::test]
async fn a_key_file_that_changes_is_read_again_and_the_old_key_stays_while_it_is_bad() {
    let folder = tempfile::tempdir().unwrap();
    let source = write_key(folder.path(), SECRET);
    let token = signed(&json!({"host": "a", "port": 1}));
    assert_eq!(look_up(&source, &token).await.unwrap(), "a:1");
    let file = folder.path().join("key");
    let replace = |contents: &str| {
        fs::write(folder.path().join("new"), contents).unwrap();
        fs::rename(folder.path().join("new"), &file).unwrap();
    };
    replace(&SECRET.replace('A', "B"));
    assert!(is_unknown(&source, &token).await);
    replace(SECRET);
    assert_eq!(look_up(&source, &token).await.unwrap(), "a:1");
    replace("no key!");
    assert_eq!(look_up(&source, &token).await.unwrap(), "a:1");
    fs::remove_file(&file).unwrap();
    assert_eq!(look_up(&source, &token).await.unwrap(), "a:1");
    #[cfg(unix)]
    {
        rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .unwrap();
        assert_eq!(look_up(&source, &token).await.unwrap(), "a:1");
        fs::remove_file(&file).unwrap();
    }
    replace(&SECRET.replace('A', "B"));
    assert!(is_unknown(&source, &token).await);
}

#[tokio::test]
async fn claims_without_a_target_lead_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let source = write_key(folder.path(), SECRET);
    for claims in [
        json!({}),
        json!({"host": "a"}),
        json!({"host": "a", "port": 0}),
        json!({"host": ["a"], "port": 1}),
        json!({"host": "a b", "port": 1}),
    ] {
        assert!(is_unknown(&source, &signed(&claims)).await, "{claims}");
    }
}

#[tokio::test]
async fn tokens_that_are_no_tokens_lead_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let source = write_key(folder.path(), SECRET);
    let long = format!("{}.{}.{}", "a".repeat(3000), "b".repeat(3000), "c".repeat(2000));
    let long_envelope = format!("{}....", "a".repeat(8000));
    for token in
        ["../x", "/etc/passwd", ".", "..", "....", "a.b.c", "a.b.c.d.e", "é.é.é", "\n.\n.", " "]
    {
        assert!(is_unknown(&source, token).await, "{token:?}");
    }
    assert!(is_unknown(&source, &long).await);
    assert!(is_unknown(&source, &long_envelope).await);
}

#[test]
fn what_is_no_key_is_told_without_repeating_it() {
    for (contents, expected) in [
        ("", KeyError::Short),
        ("secret!", KeyError::Form),
        ("c2VjcmV0", KeyError::Short),
        ("{}", KeyError::Kind),
        ("{", KeyError::Form),
        ("-----BEGIN PRIVATE KEY-----\n", KeyError::Pem),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", KeyError::Pem),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", KeyError::Kind),
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            KeyError::Encrypted,
        ),
        (
            "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n\
             -----END EC PRIVATE KEY-----\n",
            KeyError::Encrypted,
        ),
        ("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", KeyError::Form),
    ] {
        assert_eq!(Key::read(contents.as_bytes()).unwrap_err(), expected, "{contents:?}");
    }
    assert_eq!(Key::read(b"\xff\xfe").unwrap_err(), KeyError::Form);
    let debug = format!("{:?}", Key::read(SECRET.as_bytes()).unwrap());
    assert!(!debug.contains("AAAA") && !debug.contains("0, 0"), "{debug}");
    let error = TokenJwt::open("/no/such/file").unwrap_err();
    assert!(matches!(error, KeyFileError::Read { .. }), "{error}");
    assert!(error.to_string().contains("/no/such/file"));
}
