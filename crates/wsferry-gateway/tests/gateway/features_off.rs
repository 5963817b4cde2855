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
