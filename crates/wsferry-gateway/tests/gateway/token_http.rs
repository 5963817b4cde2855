//! Tokens that a web service knows.

use std::time::Duration;

use http::HeaderMap;
use wsferry_gateway::net::{HttpClient, HttpError, Redirects, Resolver};
use wsferry_gateway::token::http::{Format, TokenHttp, UrlPattern, UrlPatternError};
use wsferry_gateway::token::{LookUpError, MAX_LENGTH, Token, TokenSource};
use wsferry_testkit::program::ReservedPort;

use crate::service::{Service, acceptor, answer, target, trusting};

fn client() -> HttpClient {
    HttpClient::new(&trusting(&[]), Redirects::SameOrigin, &Resolver::default()).unwrap()
}

fn source(port: u16, path: &str, format: Format) -> TokenHttp {
    let pattern = format!("http://127.0.0.1:{port}{path}").parse().unwrap();
    TokenHttp::new(client(), pattern, format)
}

async fn look_up(source: &TokenHttp, token: &str) -> Result<String, LookUpError> {
    let token = Token::new(token).unwrap();
    source.look_up(&token).await.map(|target| target.to_string())
}

/// What the source makes of one answer.
async fn answered(format: Format, text: String) -> Result<String, LookUpError> {
    let service = Service::start(move |_| text.clone()).await;
    look_up(&source(service.port(), "/%s", format), "token").await
}

#[tokio::test]
async fn the_service_answers_with_host_and_port_as_text_or_json() {
    for (format, body, expected) in [
        (Format::Text, "vnc:5900", "vnc:5900"),
        (Format::Text, " [::1]:5900\r\n", "[::1]:5900"),
        (Format::Text, "::1:5900", "[::1]:5900"),
        (Format::Text, "unix_socket:/run/vnc", "unix_socket:/run/vnc"),
        (Format::Text, "\u{feff}vnc:5900\r\n", "vnc:5900"),
        (Format::Json, r#"{"host": "vnc", "port": 5900}"#, "vnc:5900"),
        (Format::Json, "\u{feff}{\"host\": \"vnc\", \"port\": 5900}", "vnc:5900"),
        (Format::Json, r#"{"host": "::1", "port": "5900"}"#, "[::1]:5900"),
    ] {
        assert_eq!(answered(format, answer("200 OK", "", body)).await.unwrap(), expected);
    }
    for (format, body) in [
        (Format::Text, ""),
        (Format::Text, "vnc"),
        (Format::Text, "<html>:1"),
        (Format::Text, "vnc:5900\nvnc:5901"),
        (Format::Json, "vnc:5900"),
        (Format::Json, "[]"),
        (Format::Json, r#"{"host": "vnc"}"#),
    ] {
        let found = answered(format, answer("200 OK", "", body)).await;
        assert!(matches!(found, Err(LookUpError::Unknown(_))), "{body}: {found:?}");
    }
}

#[tokio::test]
async fn a_no_of_the_service_is_unknown_and_its_trouble_is_unavailable() {
    for status in ["404 Not Found", "403 Forbidden", "401 Unauthorized", "304 Not Modified"] {
        let found = answered(Format::Text, answer(status, "", "vnc:5900")).await;
        assert!(matches!(found, Err(LookUpError::Unknown(_))), "{status}: {found:?}");
    }
    let long = format!("vnc:5900{}", " ".repeat(64 * 1024));
    for text in [
        answer("500 Internal Server Error", "", "vnc:5900"),
        answer("503 Service Unavailable", "", "vnc:5900"),
        answer("429 Too Many Requests", "", "vnc:5900"),
        answer("200 OK", "", &long),
        "SSH-2.0-OpenSSH_9.2p1\r\n".to_owned(),
    ] {
        let found = answered(Format::Text, text.clone()).await;
        assert!(matches!(found, Err(LookUpError::Unavailable(_))), "{text}: {found:?}");
    }
    let nobody = ReservedPort::new();
    let found = look_up(&source(nobody.number(), "/hidden?%s", Format::Text), "secret").await;
    let Err(LookUpError::Unavailable(why)) = found else { panic!("{found:?}") };
    assert!(!why.contains("secret") && !why.contains("hidden"), "{why}");
}

#[tokio::test]
async fn a_token_stays_within_its_part_of_the_url() {
    let service = Service::start(|_| answer("404 Not Found", "", "")).await;
    let source = source(service.port(), "/tokens/%s/target?of=%%", Format::Text);
    let long = "x".repeat(MAX_LENGTH);
    let tokens = [
        ("plain-1._~", "plain-1._~"),
        ("../admin", "..%2Fadmin"),
        ("../../x", "..%2F..%2Fx"),
        ("a/b?c#d&e=f", "a%2Fb%3Fc%23d%26e%3Df"),
        ("%2e%2e", "%252e%252e"),
        ("a b\r\nHost: evil", "a%20b%0D%0AHost%3A%20evil"),
        ("@evil:1", "%40evil%3A1"),
        ("\\..\\", "%5C..%5C"),
        ("é", "%C3%A9"),
        ("%s", "%25s"),
        (&long, &long),
    ];
    for (token, encoded) in tokens {
        look_up(&source, token).await.unwrap_err();
        let heads = service.heads();
        let expected = format!("/tokens/{encoded}/target?of=%");
        assert_eq!(target(heads.last().unwrap()), expected, "{token:?}");
    }
    for token in [".", ".."] {
        let found = look_up(&source, token).await;
        assert!(matches!(found, Err(LookUpError::Unknown(_))), "{found:?}");
    }
    assert_eq!(service.heads().len(), tokens.len());
}

#[tokio::test]
async fn redirects_are_followed_on_the_same_server_only() {
    let other = Service::start(|_| answer("200 OK", "", "vnc:5900")).await;
    let elsewhere = format!("Location: http://127.0.0.1:{}/a\r\n", other.port());
    let service = Service::start(move |head| match target(head) {
        "/here" => answer("302 Found", "Location: /there\r\n", ""),
        "/there" => answer("200 OK", "", "vnc:5901"),
        "/round" => answer("302 Found", "Location: /round\r\n", ""),
        _ => answer("302 Found", &elsewhere, ""),
    })
    .await;
    let source = source(service.port(), "/%s", Format::Text);
    assert_eq!(look_up(&source, "here").await.unwrap(), "vnc:5901");
    for token in ["elsewhere", "round"] {
        let found = look_up(&source, token).await;
        assert!(matches!(found, Err(LookUpError::Unknown(_))), "{found:?}");
    }
    assert_eq!(other.connections(), 0);
    assert!(service.heads().len() < 10);
}

#[tokio::test]
async fn connections_are_used_again() {
    let service = Service::start(|_| answer("200 OK", "", "vnc:5900")).await;
    let source = source(service.port(), "/%s", Format::Text);
    for _ in 0..20 {
        assert_eq!(look_up(&source, "token").await.unwrap(), "vnc:5900");
    }
    assert_eq!((service.heads().len(), service.connections()), (20, 1));
}

#[tokio::test]
async fn https_is_checked() {
    let (tls, certificate) = acceptor();
    let service = Service::start_with(Some(tls), |_| answer("200 OK", "", "vnc:5900")).await;
    let pattern: UrlPattern = format!("https://localhost:{}/%s", service.port()).parse().unwrap();
    let good =
        HttpClient::new(&trusting(&[certificate]), Redirects::Never, &Resolver::default()).unwrap();
    let source = TokenHttp::new(good, pattern.clone(), Format::Text);
    assert_eq!(look_up(&source, "token").await.unwrap(), "vnc:5900");
    let source = TokenHttp::new(client(), pattern, Format::Text);
    let found = look_up(&source, "token").await;
    assert!(matches!(found, Err(LookUpError::Unavailable(_))), "{found:?}");
}

#[tokio::test]
async fn a_slow_answer_is_given_up_wherever_it_stops() {
    let (deadline, client) = (Duration::from_millis(100), client());
    for text in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nvnc"] {
        let service = Service::start(|_| text.to_owned()).await;
        let url = format!("http://127.0.0.1:{}/", service.port());
        let error = client.get(&url, HeaderMap::new(), deadline).await.unwrap_err();
        assert!(matches!(error, HttpError::Slow(_)), "{error}");
    }
}

#[test]
fn what_is_no_url_with_a_place_for_the_token_is_told() {
    for (text, expected) in [
        ("http://api/tokens", UrlPatternError::Place),
        ("http://api/%s/%s", UrlPatternError::Place),
        ("http://api/%%s", UrlPatternError::Place),
        ("http://%s/", UrlPatternError::Host),
        ("http://api.%s", UrlPatternError::Host),
        ("http://user:%s@api/", UrlPatternError::Host),
        ("http://api/#%s", UrlPatternError::Host),
        ("/tokens/%s", UrlPatternError::Url),
        ("ftp://api/%s", UrlPatternError::Url),
        ("http:///%s", UrlPatternError::Host),
        ("http://\\%s/a", UrlPatternError::Host),
        ("http://api:%s/", UrlPatternError::Url),
        ("http://api:80%s/", UrlPatternError::Url),
        ("http://a b/%s", UrlPatternError::Url),
        ("http://api/\0%s", UrlPatternError::Url),
    ] {
        assert_eq!(text.parse::<UrlPattern>().unwrap_err(), expected, "{text}");
    }
    let pattern: UrlPattern = "https://user:hidden@api.example/a%20b?token=%s".parse().unwrap();
    assert!(!format!("{pattern:?}").contains("hidden"));
}
