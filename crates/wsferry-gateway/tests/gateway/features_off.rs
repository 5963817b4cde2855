//! A build without its optional parts says so where one of them is asked for.

use wsferry_gateway::config::plugin;
use wsferry_gateway::events::Events;
use wsferry_gateway::net::Resolver;

#[test]
fn tokens_in_redis_are_refused_by_the_name_of_their_plug_in() {
    let said = plugin::token("TokenRedis", Some("localhost")).unwrap_err();
    assert!(said.contains("TokenRedis: this build has no Redis"), "{said}");
    assert!(said.contains("the feature redis"), "{said}");
}

#[tokio::test]
async fn signed_tokens_are_refused_by_the_name_of_their_plug_in() {
    let settings = plugin::token("JWTTokenApi", Some("/a/key")).unwrap();
    let error = settings.open(&Resolver::default(), &Events::default()).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("JWTTokenApi: this build has no signed tokens"), "{said}");
    assert!(said.contains("the feature jwt"), "{said}");
}

#[tokio::test]
async fn web_services_are_refused_by_the_names_of_their_plug_ins() {
    let (resolver, events) = (Resolver::default(), Events::default());
    let auth = plugin::auth("HttpAuth", Some("http://localhost:1/check")).unwrap();
    let error = auth.open(&resolver, &events).err().unwrap().to_string();
    assert!(error.contains("HttpAuth") && error.contains("the feature http-plugins"), "{error}");
    for class in ["BaseTokenAPI", "JSONTokenApi"] {
        let source = plugin::token(class, Some("http://localhost:1/%s")).unwrap();
        let error = source.open(&resolver, &events).unwrap_err().to_string();
        assert!(error.contains(class) && error.contains("the feature http-plugins"), "{error}");
    }
}
