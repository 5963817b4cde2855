//! Every form of private key that a file may hold, and what is said of those that are not good.

use std::fs;
use std::path::{Path, PathBuf};

use wsferry_gateway::tls::{Acceptor, Password, ServerSettings, TlsError};
use wsferry_testkit::pki::{Pair, Pki, argument, openssl};

use super::{client, join, localhost, open, refusal, settings};

/// The key of a pair written anew by `openssl ARGUMENTS -in OLD -out NEW`.
fn rewritten(pki: &Pki, pair: &Pair, arguments: &str) -> PathBuf {
    let (name, _) = arguments.split_once(" -passout").unwrap_or((arguments, ""));
    let new = pki.path(&format!("{}.key", name.replace(' ', "_")));
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let files = ["-in", argument(&pair.key), "-out", argument(&new)];
    openssl(&[&arguments, &files[..]].concat());
    new
}

fn with_key(pair: &Pair, key: &Path, password: Option<&str>) -> ServerSettings {
    ServerSettings {
        key: Some(key.to_owned()),
        key_password: password.map(Password::from),
        ..settings(pair)
    }
}

#[tokio::test]
async fn keys_in_every_form_serve() {
    let pki = Pki::new();
    let (ec, rsa, ed) = (pki.server("ec"), pki.rsa_server("rsa"), pki.ed25519_server("ed"));
    for (pair, arguments, begins) in [
        (&ec, "ec", "EC PRIVATE KEY"),
        (&ec, "pkcs8 -topk8 -nocrypt", "PRIVATE KEY"),
        (&rsa, "rsa -traditional", "RSA PRIVATE KEY"),
        (&rsa, "pkcs8 -topk8 -nocrypt", "PRIVATE KEY"),
        (&ed, "pkey", "PRIVATE KEY"),
    ] {
        let key = rewritten(&pki, pair, arguments);
        let text = fs::read_to_string(&key).unwrap();
        assert!(text.starts_with(&format!("-----BEGIN {begins}-----")), "{arguments}");
        join(open(with_key(pair, &key, None)), client(&pki), localhost()).await.unwrap();
        // A password for a key that needs none does no harm.
        open(with_key(pair, &key, Some("unused")));
    }
}

#[test]
fn a_key_with_its_curve_in_front_and_windows_line_ends_serves() {
    let pki = Pki::new();
    let pair = pki.server("ec");
    let key = fs::read_to_string(rewritten(&pki, &pair, "ec")).unwrap();
    let curve = openssl(&["ecparam", "-name", "prime256v1"]);
    assert!(curve.contains("EC PARAMETERS"), "{curve}");
    fs::write(&pair.key, (curve + &key).replace('\n', "\r\n")).unwrap();
    open(settings(&pair));
}

/// Opens with the password, and says what is wrong with another one and with none.
#[track_caller]
fn check_encrypted(pair: &Pair, key: &Path, begins: &str) {
    let text = fs::read_to_string(key).unwrap();
    assert!(text.contains(begins), "{text}");
    open(with_key(pair, key, Some("sesame")));
    let error = refusal(with_key(pair, key, None), key);
    assert!(matches!(error, TlsError::NeedsPassword { .. }), "{error}");
    assert!(error.to_string().contains("--key-password"), "{error}");
    for wrong in ["", "sesam", "Sesame", "sesame "] {
        let error = refusal(with_key(pair, key, Some(wrong)), key);
        assert!(matches!(error, TlsError::WrongPassword { .. }), "{error}");
        assert!(!error.to_string().contains("esam"), "{error}");
    }
}

#[test]
fn keys_encrypted_as_pkcs8_open_with_their_password() {
    let pki = Pki::new();
    let pair = pki.server("ec");
    for method in [
        "-iter 1000 -v2 aes128",
        "-iter 1000 -v2 aes192",
        "-iter 1000 -v2 aes256",
        "-iter 1000 -v2 des3",
        "-iter 1000 -v2 aes256 -v2prf hmacWithSHA1",
        "-iter 1000 -v2 aes256 -v2prf hmacWithSHA512",
        "-scrypt -scrypt_N 1024 -scrypt_r 8 -scrypt_p 1",
    ] {
        let arguments = format!("pkcs8 -topk8 {method} -passout pass:sesame");
        check_encrypted(&pair, &rewritten(&pki, &pair, &arguments), "BEGIN ENCRYPTED PRIVATE KEY");
    }
}

/// Refused whether there is a password or not, and opened after the command that the refusal names.
#[track_caller]
fn check_converted(pki: &Pki, pair: &Pair, key: &Path, words: &str) {
    for password in [None, Some("sesame"), Some("wrong")] {
        let error = refusal(with_key(pair, key, password), key);
        assert!(matches!(error, TlsError::Encryption { .. }), "{error}");
        let sentence = error.to_string();
        assert!(sentence.contains(words) && !sentence.contains("sesame"), "{sentence}");
        let command = "openssl pkcs8 -topk8 -v2 aes256 -in OLD -out NEW";
        assert!(sentence.contains(command), "{sentence}");
    }
    let new = pki.path("converted.key");
    let files = ["-in", argument(key), "-out", argument(&new)];
    let passwords = ["-passin", "pass:sesame", "-passout", "pass:sesame"];
    openssl(&[&["pkcs8", "-topk8", "-v2", "aes256"], &files[..], &passwords[..]].concat());
    open(with_key(pair, &new, Some("sesame")));
}

#[test]
fn keys_encrypted_in_the_traditional_form_are_refused_with_the_command_that_converts_them() {
    let pki = Pki::new();
    let (ec, rsa) = (pki.server("ec"), pki.rsa_server("rsa"));
    for (pair, command) in [(&ec, "ec"), (&rsa, "rsa -traditional")] {
        for (option, cipher) in [
            ("-aes128", "AES-128-CBC"),
            ("-aes192", "AES-192-CBC"),
            ("-aes256", "AES-256-CBC"),
            ("-des3", "DES-EDE3-CBC"),
            ("-camellia256", "CAMELLIA-256-CBC"),
        ] {
            let arguments = format!("{command} {option} -passout pass:sesame");
            let key = rewritten(&pki, pair, &arguments);
            let text = fs::read_to_string(&key).unwrap();
            assert!(text.contains(&format!("DEK-Info: {cipher},")), "{text}");
            check_converted(&pki, pair, &key, &format!("DEK-Info: {cipher}"));
        }
    }
}

#[test]
fn other_encryptions_are_refused_with_the_command_that_converts_them() {
    let pki = Pki::new();
    let pair = pki.rsa_server("rsa");
    for method in ["-v1 PBE-SHA1-3DES", "-v1 PBE-SHA1-2DES", "-v2 camellia256"] {
        let arguments = format!("pkcs8 -topk8 {method} -passout pass:sesame");
        let key = rewritten(&pki, &pair, &arguments);
        let text = fs::read_to_string(&key).unwrap();
        assert!(text.contains("BEGIN ENCRYPTED PRIVATE KEY"), "{text}");
        check_converted(&pki, &pair, &key, "unknown here");
    }
}

#[test]
fn a_certificate_is_found_behind_a_key_in_the_traditional_form() {
    let pki = Pki::new();
    let pair = pki.server("ec");
    let old = rewritten(&pki, &pair, "ec -aes256 -passout pass:sesame");
    let both = fs::read_to_string(&old).unwrap() + &fs::read_to_string(&pair.cert).unwrap();
    let path = pki.path("both.pem");
    fs::write(&path, both).unwrap();
    let key = Some(pair.key.clone());
    open(ServerSettings { cert: path, key, ..settings(&pair) });
}

#[test]
fn files_that_begin_with_a_byte_order_mark_are_read() {
    let pki = Pki::new();
    let pair = pki.server("marked");
    for file in [&pair.cert, &pair.key] {
        let text = fs::read_to_string(file).unwrap();
        fs::write(file, format!("\u{feff}{text}")).unwrap();
    }
    Acceptor::open(settings(&pair)).unwrap();
}

#[tokio::test]
async fn key_and_certificate_may_be_in_one_file_in_any_order() {
    let pki = Pki::new();
    let pair = pki.server("server");
    let [cert, key] = [&pair.cert, &pair.key].map(|path| fs::read_to_string(path).unwrap());
    for text in [format!("{cert}{key}"), format!("{key}{cert}")] {
        let path = pki.path("self.pem");
        fs::write(&path, text).unwrap();
        let settings = ServerSettings { cert: path, key: None, ..settings(&pair) };
        join(open(settings), client(&pki), localhost()).await.unwrap();
    }
}

#[test]
fn a_key_of_another_pair_is_refused() {
    let pki = Pki::new();
    let (one, other) = (pki.server("one"), pki.server("other"));
    let error = refusal(with_key(&one, &other.key, None), &other.key);
    assert!(matches!(error, TlsError::Mismatch { .. }), "{error}");
    assert!(error.to_string().contains(argument(&one.cert)), "{error}");
}

#[test]
fn a_chain_that_begins_with_the_ca_is_refused_in_a_sentence_that_says_so() {
    let pki = Pki::new();
    let pair = pki.server("server");
    let chain = fs::read_to_string(pki.ca()).unwrap() + &fs::read_to_string(&pair.cert).unwrap();
    fs::write(&pair.cert, chain).unwrap();
    let error = refusal(settings(&pair), &pair.cert);
    assert!(error.to_string().contains("the server's own certificate first"), "{error}");
}

#[test]
fn files_without_what_is_needed_are_named() {
    let pki = Pki::new();
    let pair = pki.server("server");
    let swapped = ServerSettings { cert: pair.key.clone(), ..settings(&pair) };
    let error = refusal(swapped, &pair.key);
    assert!(matches!(error, TlsError::NoCertificate { .. }), "{error}");

    let error = refusal(ServerSettings { key: None, ..settings(&pair) }, &pair.cert);
    assert!(matches!(error, TlsError::NoKey { .. }), "{error}");

    let missing = pki.path("missing");
    let error = refusal(ServerSettings { cert: missing.clone(), ..settings(&pair) }, &missing);
    assert!(matches!(error, TlsError::Read { role: "certificate", .. }), "{error}");
    assert!(error.is_certificate_missing());

    let error = refusal(with_key(&pair, &missing, None), &missing);
    assert!(matches!(error, TlsError::Read { role: "key", .. }), "{error}");
    assert!(!error.is_certificate_missing());
}

#[test]
fn damaged_keys_and_certificates_are_named() {
    let pki = Pki::new();
    let pair = pki.server("server");
    let junk = |label| format!("-----BEGIN {label}-----\nAQID\n-----END {label}-----\n");
    let path = pki.path("junk");
    for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "DSA PRIVATE KEY"] {
        fs::write(&path, junk(label)).unwrap();
        let error = refusal(with_key(&pair, &path, None), &path);
        assert!(matches!(error, TlsError::BadKey { .. }), "{error}");
    }
    fs::write(&path, junk("CERTIFICATE")).unwrap();
    let error = refusal(ServerSettings { cert: path.clone(), ..settings(&pair) }, &path);
    assert!(matches!(error, TlsError::BadCertificate { .. }), "{error}");

    let text = fs::read_to_string(&pair.key).unwrap();
    fs::write(&path, &text[..text.len() - 20]).unwrap();
    let error = refusal(with_key(&pair, &path, None), &path);
    assert!(matches!(error, TlsError::Damaged { role: "key", .. }), "{error}");
}

#[test]
fn a_key_too_short_for_tls_is_refused_with_what_is_expected() {
    let pki = Pki::new();
    let pair = pki.server("server");
    let key = pki.path("short.key");
    let options = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"];
    openssl(&[&["genpkey", "-out", argument(&key)], &options[..]].concat());
    let error = refusal(with_key(&pair, &key, None), &key);
    assert!(error.to_string().contains("RSA with 2048 to 8192 bits"), "{error}");
}

#[test]
fn the_password_is_not_shown() {
    let pki = Pki::new();
    let pair = pki.server("server");
    let settings = with_key(&pair, &pair.key, Some("sesame"));
    assert!(!format!("{settings:?}").contains("sesame"));
    assert!(!format!("{:?}", Acceptor::open(settings).unwrap()).contains("sesame"));
}
