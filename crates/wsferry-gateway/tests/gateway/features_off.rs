//! A build without its optional parts says so where one of them is asked for.

use std::time::Duration;

use crate::config::Config;
use tempfile::tempdir;
use wsferry_gateway::events::Events;
use wsferry_gateway::net::Resolver;
use wsferry_gateway::route::{DestinationSettings, Reached};
use wsferry_gateway::tls::{Ciphers, ConnectorSettings, MinVersion, ServerSettings};
use wsferry_gateway::wrap::{self, SourcePort, WrapMode};
use wsferry_gateway::{Gateway, record};

use crate::support::{auth_plugin, config_with, token_plugin};

#[test]
fn tokens_in_redis_are_refused_by_the_name_of_their_plug_in() {
    let said = token_plugin("TokenRedis", Some("localhost")).unwrap_err();
    assert!(said.contains("TokenRedis: this build has no Redis"), "{said}");
    assert!(said.contains("the feature redis"), "{said}");
}

#[tokio::test]
async fn signed_tokens_are_refused_by_the_name_of_their_plug_in() {
    let settings = token_plugin("JWTTokenApi", Some("/a/key")).unwrap();
    let error = settings.open(&Resolver::default(), &Events::default()).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("JWTTokenApi: this build has no signed tokens"), "{said}");
    assert!(said.contains("the feature jwt"), "{said}");
}

#[tokio::test]
async fn web_services_are_refused_by_the_names_of_their_plug_ins() {
    let (resolver, events) = (Resolver::default(), Events::default());
    let auth = auth_plugin("HttpAuth", Some("http://localhost:1/check")).unwrap();
    let error = auth.open(&resolver, &events).err().unwrap().to_string();
    assert!(error.contains("HttpAuth") && error.contains("the feature http-plugins"), "{error}");
    for class in ["BaseTokenAPI", "JSONTokenApi"] {
        let source = token_plugin(class, Some("http://localhost:1/%s")).unwrap();
        let error = source.open(&resolver, &events).unwrap_err().to_string();
        assert!(error.contains(class) && error.contains("the feature http-plugins"), "{error}");
    }
}

/// What is said of settings that ask for what the build lacks.
async fn refusal(change: impl FnOnce(&mut Config)) -> String {
    Gateway::bind(config_with("echo:", change)).await.unwrap_err().to_string()
}

#[tokio::test]
async fn certificates_are_refused() {
    let tls = ServerSettings {
        cert: "cert.pem".into(),
        key: None,
        key_password: None,
        clients: None,
        versions: MinVersion::default(),
        ciphers: Ciphers::default(),
    };
    let said = refusal(|config| config.tls = Some(tls)).await;
    assert!(said.contains("no TLS") && said.contains("the feature tls"), "{said}");
}

#[tokio::test]
async fn tls_with_targets_and_cipher_lists_are_refused() {
    let tls = ConnectorSettings { ca: None, verify: true };
    let said = refusal(|config| config.target_tls = Some(tls)).await;
    assert!(said.contains("no TLS") && said.contains("the feature tls"), "{said}");
    let said = "HIGH".parse::<Ciphers>().unwrap_err().to_string();
    assert!(said.contains("no TLS") && said.contains("the feature tls"), "{said}");
}

#[tokio::test]
async fn recording_is_refused_and_a_recording_is_no_target() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("rec");
    let said = refusal(|config| config.record = Some(path.clone())).await;
    assert!(said.contains("no recordings") && said.contains("the feature record"), "{said}");
    let said = record::summary(&b""[..]).unwrap_err().to_string();
    assert!(said.contains("no recordings") && said.contains("the feature record"), "{said}");
}

#[tokio::test]
async fn programs_are_refused() {
    let program = wrap::Settings {
        program: "true".into(),
        arguments: Vec::new(),
        environment: Vec::new(),
        shims: Vec::new(),
        mode: WrapMode::Exit,
        grace: Duration::ZERO,
    };
    let reached = Reached::Moved(SourcePort::First);
    let route = DestinationSettings::Wrapped { program, reached };
    let said = refusal(|config| config.route = route).await;
    assert!(said.contains("cannot start programs") && said.contains("the feature wrap"), "{said}");
}
