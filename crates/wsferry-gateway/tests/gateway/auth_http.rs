//! Own logic behind a URL: what the service is shown, and what its answers mean.

use std::net::SocketAddr;

use http::StatusCode;
use http::request::Parts;
use wsferry_gateway::auth::http::{HttpAuth, ServiceUrl, ServiceUrlError, Settings, ShownField};
use wsferry_gateway::auth::{Auth, Denial, Pass};
use wsferry_gateway::net::{HttpClient, Redirects, Resolver};
use wsferry_gateway::request::{Client, Request};
use wsferry_testkit::program::ReservedPort;

use crate::service::{Service, answer, target, trusting};

/// A check of `url`.
pub(crate) fn auth(url: &str) -> HttpAuth {
    auth_with(url, Vec::new())
}

/// The same, which shows these fields of the client too.
fn auth_with(url: &str, fields: Vec<ShownField>) -> HttpAuth {
    let client = HttpClient::new(&trusting(&[]), Redirects::Never, &Resolver::default()).unwrap();
    HttpAuth::new(client, Settings { url: url.parse().unwrap(), fields })
}

/// The head of a handshake with further fields.
pub(crate) fn handshake(target: &str, fields: &[(&str, &str)]) -> Parts {
    let mut builder = http::Request::get(target).header("Host", "gateway.example:6080");
    for (name, value) in fields {
        builder = builder.header(*name, *value);
    }
    builder.body(()).unwrap().into_parts().0
}

/// What the check says about a handshake.
pub(crate) async fn check(auth: &HttpAuth, head: &Parts, names: &[String]) -> Result<Pass, Denial> {
    let address = SocketAddr::from(([192, 0, 2, 7], 1234));
    let request =
        Request::read(Client { address: address.into(), common_names: names }, head).unwrap();
    auth.check(&request).await
}

/// What a single answer of the service means.
async fn answered(status: &str, fields: &str) -> Result<Pass, Denial> {
    let text = answer(status, fields, "");
    let service = Service::start(move |_| text.clone()).await;
    let auth = auth(&format!("http://127.0.0.1:{}/auth", service.port()));
    check(&auth, &handshake("/", &[]), &[]).await
}

#[tokio::test]
async fn a_yes_may_name_the_client_and_its_target() {
    let pass = answered("204 No Content", "").await.unwrap();
    assert!(pass.identity.is_none() && pass.target.is_none());
    let fields = "X-Identity: ann\r\nX-Target: [::1]:5900\r\n";
    let pass = answered("200 OK", fields).await.unwrap();
    assert_eq!(pass.identity.as_deref(), Some("ann"));
    assert_eq!(pass.target.unwrap().to_string(), "[::1]:5900");
}

#[tokio::test]
async fn a_no_has_the_status_of_the_service_and_its_challenge() {
    let denial = answered("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n").await;
    let denial = denial.unwrap_err();
    assert_eq!(denial.status, StatusCode::UNAUTHORIZED);
    assert_eq!(denial.challenge.unwrap(), "Basic realm=\"x\"");
    let denial = answered("403 Forbidden", "").await.unwrap_err();
    assert_eq!((denial.status, denial.challenge), (StatusCode::FORBIDDEN, None));
}

#[tokio::test]
async fn anything_else_lets_nobody_in() {
    for (status, fields) in [
        ("302 Found", "Location: /login\r\n"),
        ("304 Not Modified", ""),
        ("404 Not Found", ""),
        ("500 Internal Server Error", ""),
        ("200 OK", "X-Target: nowhere\r\n"),
        ("200 OK", "X-Target:\r\n"),
    ] {
        let denial = answered(status, fields).await.unwrap_err();
        assert_eq!(denial.status, StatusCode::SERVICE_UNAVAILABLE, "{status} {fields}");
    }
    let nobody = ReservedPort::new();
    let auth = auth(&format!("http://127.0.0.1:{}/", nobody.number()));
    let denial = check(&auth, &handshake("/", &[]), &[]).await.unwrap_err();
    assert_eq!(denial.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_login_page_behind_a_redirect_is_no_yes() {
    let service = Service::start(|head| match target(head) {
        "/auth" => answer("302 Found", "Location: /login\r\n", ""),
        _ => answer("200 OK", "", "who are you?"),
    })
    .await;
    let auth = auth(&format!("http://127.0.0.1:{}/auth", service.port()));
    let denial = check(&auth, &handshake("/", &[]), &[]).await.unwrap_err();
    assert_eq!(denial.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(service.heads().len(), 1);
}

#[tokio::test]
async fn a_service_that_does_not_answer_lets_nobody_in() {
    let service = Service::start(|_| String::new()).await;
    let auth = auth(&format!("http://127.0.0.1:{}/auth", service.port()));
    let denial = check(&auth, &handshake("/", &[]), &[]).await.unwrap_err();
    assert_eq!(denial.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_service_is_shown_the_handshake_and_no_client_forges_what_the_gateway_says() {
    let service = Service::start(|_| answer("204 No Content", "", "")).await;
    let url = format!("http://127.0.0.1:{}/auth?from=gateway", service.port());
    let fields = vec!["x-named".parse().unwrap(), "X-Hop".parse().unwrap()];
    let auth = auth_with(&url, fields);
    let head = handshake(
        "/vnc?token=a%20b",
        &[
            ("Authorization", "Bearer b"),
            ("Cookie", "session=1"),
            ("Cookie", "more=2"),
            ("Origin", "https://page.example"),
            ("Sec-WebSocket-Protocol", "binary"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Version", "13"),
            ("Connection", "keep-alive, Upgrade, X-Hop"),
            ("Upgrade", "websocket"),
            ("Content-Length", "0"),
            ("Range", "bytes=0-1"),
            ("User-Agent", "browser"),
            ("Accept-Language", "de"),
            ("X-Hop", "1"),
            ("X-Own", "2"),
            ("X-Named", "3"),
            ("X_Named", "4"),
            ("Client-IP", "10.0.0.1"),
            ("CF-Connecting-IP", "10.0.0.1"),
            ("True-Client-IP", "10.0.0.1"),
            ("Remote-User", "root"),
            ("X-Host", "root"),
            ("Keep-Alive", "9"),
            ("Proxy-Connection", "keep-alive"),
            ("X-Forwarded-For", "10.0.0.1"),
            ("X-Forwarded-User", "root"),
            ("X-Original-URI", "/public"),
            ("X-Client-Common-Name", "root"),
            ("X-Identity", "root"),
            ("X-Target", "root:1"),
            ("X_Target", "root:1"),
            ("X_Forwarded-For", "10.0.0.1"),
            ("X.Client.Common_Name", "root"),
            ("Forwarded", "for=10.0.0.1"),
            ("X-Real-IP", "10.0.0.1"),
            ("X-Rewrite-URL", "/public"),
            ("X-HTTP-Method-Override", "DELETE"),
            ("Proxy", "http://10.0.0.1"),
        ],
    );
    check(&auth, &head, &["ann".to_owned(), "line\r\nbreak".to_owned(), "änn".to_owned()])
        .await
        .unwrap();
    let shown = service.heads().remove(0);
    assert_eq!(target(&shown), "/auth?from=gateway");
    let mut fields: Vec<_> =
        shown.lines().skip(1).filter(|line| !line.is_empty()).map(str::to_lowercase).collect();
    fields.sort();
    let mut expected = vec![
        "accept: */*".to_owned(),
        "authorization: bearer b".to_owned(),
        "cookie: session=1".to_owned(),
        "cookie: more=2".to_owned(),
        "origin: https://page.example".to_owned(),
        "sec-websocket-protocol: binary".to_owned(),
        "user-agent: browser".to_owned(),
        "accept-language: de".to_owned(),
        "x-named: 3".to_owned(),
        "x-original-uri: /vnc?token=a%20b".to_owned(),
        "x-forwarded-uri: /vnc?token=a%20b".to_owned(),
        "x-forwarded-host: gateway.example:6080".to_owned(),
        "x-forwarded-for: 192.0.2.7".to_owned(),
        "x-forwarded-method: get".to_owned(),
        "x-client-common-name: ann".to_owned(),
        "x-client-common-name: änn".to_owned(),
        format!("host: 127.0.0.1:{}", service.port()),
    ];
    expected.sort();
    assert_eq!(fields, expected);
}

#[test]
fn a_field_that_is_the_gateways_own_or_the_connections_cannot_be_named() {
    let refusal = |name: &str| name.parse::<ShownField>().unwrap_err().to_string();
    for name in ["X-Forwarded-For", "x_forwarded_for", "X-Original-URI", "X-Client-Common-Name"] {
        assert!(refusal(name).contains("wsferry itself tells"), "{}", refusal(name));
    }
    for name in ["Connection", "Host", "Upgrade", "content_length", "Sec-WebSocket-Key", "Range"] {
        assert!(refusal(name).contains("belongs to the connection"), "{}", refusal(name));
    }
    for name in ["", "X Own", "X-Own:", "ä"] {
        assert!(refusal(name).contains("not the name of a header field"), "{}", refusal(name));
    }
}

#[test]
fn what_is_no_url_is_told_without_repeating_it() {
    for text in ["", "auth", "ftp://hidden@auth/", "http://", "/auth"] {
        let error = text.parse::<ServiceUrl>().unwrap_err().to_string();
        assert!(error.contains("http://127.0.0.1:8000/auth") && !error.contains("hidden"));
    }
    for text in ["http://user:hidden@auth/", "http://hidden@auth/", "http://:hidden@auth/"] {
        let error = text.parse::<ServiceUrl>().unwrap_err();
        assert_eq!(error, ServiceUrlError::Login, "{text}");
        assert!(!error.to_string().contains("hidden"));
    }
    let url: ServiceUrl = "http://auth/?key=hidden".parse().unwrap();
    assert!(!format!("{url:?}").contains("hidden"));
}
