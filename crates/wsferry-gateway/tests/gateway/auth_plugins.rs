//! Who is let in by a password, by the origin of a page, by a certificate.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use http::request::Parts;
use wsferry_gateway::auth::{
    Auth, BasicHTTPAuth, ClientCertCNAuth, Denial, ExpectOrigin, Failures, Pass, Policy, Settings,
};
use wsferry_gateway::client::ClientAddress;
use wsferry_gateway::request::{Client, Request};
use wsferry_testkit::patience::soon;

/// The head of a request for `localhost` with these fields.
fn head(fields: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::get("/").header("host", "localhost");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn client(common_names: &[String]) -> Client<'_> {
    Client { address: ClientAddress::Unix, common_names }
}

async fn check(auth: &dyn Auth, fields: &[(&str, &str)]) -> Result<Pass, Denial> {
    let head = head(fields);
    let request = Request::read(client(&[]), &head).unwrap();
    soon(auth.check(&request)).await
}

async fn with_authorization(auth: &BasicHTTPAuth, value: &str) -> Result<Pass, Denial> {
    check(auth, &[("authorization", value)]).await
}

fn basic(credentials: &str) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

#[tokio::test]
async fn the_right_password_lets_in_under_the_users_name() {
    for credentials in ["anna:pass:with:colons", "anna:", ":x", ":", "änna:пароль ☂"] {
        let auth = BasicHTTPAuth::new(credentials).unwrap();
        let encoded = STANDARD_NO_PAD.encode(credentials);
        let values =
            [basic(credentials), format!("basic {encoded}"), format!("BASIC   {encoded} ")];
        for value in values {
            let pass = with_authorization(&auth, &value).await.unwrap();
            assert_eq!(pass.identity.as_deref(), credentials.split(':').next(), "{value}");
            assert_eq!(pass.target, None);
        }
    }
}

#[tokio::test]
async fn whatever_else_is_sent_is_asked_for_the_password() {
    let auth = BasicHTTPAuth::new("anna:secret").unwrap();
    let good = basic("anna:secret");
    let mut values: Vec<String> = [
        "",
        "Basic",
        "Basic ",
        "Basic :",
        "Basic !!!",
        "Basic anna:secret",
        "Basic YQ",
        "Basic YQ==",
        "Bearer x",
        "Digest username=\"anna\"",
        "Basic\t",
        "Basic =",
        "Basic ====",
    ]
    .map(str::to_owned)
    .into();
    let wrong = [
        "anna:secre",
        "anna:secret2",
        "anna:",
        "anna",
        ":secret",
        "Anna:secret",
        "anna:Secret",
        "",
        "annas:ecret",
        "ann:a:secret",
        "anna:secret\0",
        "anna:secret\n",
        " anna:secret",
    ];
    values.extend(wrong.map(basic));
    values.push(good.replacen("Basic ", "Bearer ", 1));
    values.push(good.replacen("Basic ", "Basic", 1));
    values.push(format!("{good}, {good}"));
    values.push(format!("{good} x"));
    values.push(basic(&"x".repeat(48 * 1024)));
    values.push(basic(&format!("anna:{}", "x".repeat(48 * 1024))));
    values.push(format!("Basic {}", "A".repeat(64 * 1024)));
    for value in &values {
        let denial = with_authorization(&auth, value).await.unwrap_err();
        let shown = &value[..value.len().min(40)];
        assert_eq!(denial.status, 401, "{shown}");
        let challenge = denial.challenge.unwrap();
        assert!(
            challenge.to_str().unwrap().starts_with("Basic realm=\"Websockify\""),
            "{challenge:?}"
        );
    }
    assert_eq!(check(&auth, &[]).await.unwrap_err().status, 401);
    let twice = [("authorization", &*good), ("authorization", &*good)];
    assert_eq!(check(&auth, &twice).await.unwrap_err().status, 401);
    assert!(with_authorization(&auth, &good).await.is_ok());
}

#[tokio::test]
async fn bytes_that_are_no_text_are_no_credentials() {
    let auth = BasicHTTPAuth::new("anna:secret").unwrap();
    let mut head = head(&[]);
    let value = http::HeaderValue::from_bytes(b"Basic \xff\xfe").unwrap();
    head.headers.insert("authorization", value);
    let request = Request::read(client(&[]), &head).unwrap();
    assert_eq!(auth.check(&request).await.unwrap_err().status, 401);
}

#[tokio::test]
async fn ten_thousand_guesses_never_let_in_and_never_lock_out() {
    let auth = BasicHTTPAuth::new("anna:7391-4").unwrap();
    for guess in 0..10_000 {
        assert!(with_authorization(&auth, &basic(&format!("anna:{guess:04}"))).await.is_err());
    }
    assert!(with_authorization(&auth, &basic("anna:7391-4")).await.is_ok());
}

#[test]
fn credentials_need_a_colon_and_are_never_shown() {
    let error = BasicHTTPAuth::new("hush-hush").unwrap_err().to_string();
    assert!(error.contains("user:password") && !error.contains("hush"), "{error}");
    let shown = format!("{:?}", BasicHTTPAuth::new("hush:hush").unwrap());
    assert!(!shown.contains("hush"), "{shown}");
}

#[tokio::test]
async fn pages_of_the_listed_origins_are_let_in_and_no_others() {
    let auth = ExpectOrigin::new("https://a.example  http://b.example:8080\tnull");
    for origin in [
        "https://a.example",
        "https://A.example:443",
        "https://a.example/",
        "http://b.example:8080",
        "null",
    ] {
        assert!(check(&auth, &[("origin", origin)]).await.is_ok(), "{origin}");
    }
    for origin in [
        "http://a.example",
        "https://a.example:8443",
        "https://a.example.evil",
        "https://x.a.example",
        "http://b.example",
        "file://",
        "",
        "https://a.example https://a.example",
    ] {
        assert_eq!(check(&auth, &[("origin", origin)]).await.unwrap_err().status, 403, "{origin}");
    }
    assert_eq!(check(&auth, &[]).await.unwrap_err().status, 403);
    let twice = [("origin", "https://a.example"), ("origin", "null")];
    assert_eq!(check(&auth, &twice).await.unwrap_err().status, 403);
    assert!(check(&ExpectOrigin::new(""), &[("origin", "null")]).await.is_err());
}

/// Whether a policy with this plug-in admits a request with these fields.
async fn admits(auth: Option<Box<dyn Auth>>, fields: &[(&str, &str)]) -> bool {
    let policy = Policy::new(Settings::default(), auth);
    let head = head(fields);
    let request = Request::read(client(&[]), &head).unwrap();
    soon(policy.admit(&request, &Failures::new(0))).await.is_ok()
}

#[tokio::test]
async fn with_expected_origins_the_list_is_all_that_counts() {
    let listed =
        || -> Option<Box<dyn Auth>> { Some(Box::new(ExpectOrigin::new("https://a.example"))) };
    let foreign = [("origin", "https://a.example")];
    let own = [("origin", "http://localhost")];
    assert!(admits(listed(), &foreign).await, "without --allow-origin too");
    assert!(!admits(listed(), &own).await, "not even the same host");
    assert!(!admits(listed(), &[]).await);
    // With any other plug-in the rule of the same host goes on.
    let basic: Option<Box<dyn Auth>> = Some(Box::new(BasicHTTPAuth::new("a:b").unwrap()));
    assert!(
        !admits(basic, &[("origin", "https://a.example"), ("authorization", "Basic YTpi")]).await
    );
    assert!(!admits(None, &foreign).await);
    assert!(admits(None, &own).await);
}

#[tokio::test]
async fn a_certificate_with_a_listed_name_lets_in_under_that_name() {
    let auth = ClientCertCNAuth::new("anna  bob@example\tvm-7");
    let head = head(&[]);
    for (names, expected) in [
        (&["anna"][..], Some("anna")),
        (&["bob@example"], Some("bob@example")),
        (&["mallory", "vm-7"], Some("vm-7")),
        (&["Anna"], None),
        (&["anna bob@example"], None),
        (&["ann", "anna "], None),
        (&[""], None),
        (&[], None),
    ] {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let request = Request::read(client(&names), &head).unwrap();
        let checked = soon(auth.check(&request)).await;
        match expected {
            Some(name) => assert_eq!(checked.unwrap().identity.as_deref(), Some(name)),
            None => assert_eq!(checked.unwrap_err().status, 403, "{names:?}"),
        }
    }
}
