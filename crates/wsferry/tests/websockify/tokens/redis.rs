//! `TokenRedis`, with a real Redis.

use tokio::process::Command;
use wsferry_testkit::program::{Program, ReservedPort};
use wsferry_testkit::targets;

use super::{arrive, assert_refused, gateway, named, named_on_ipv6};
use crate::client::{Refusal, chat};
use crate::subject::Subject;

same! {
    a_key_of_redis_leads_to_its_target
    a_value_of_redis_may_be_json
    database_password_and_namespace_are_parts_of_the_source
    parts_of_the_source_in_quotes_may_hold_colons
    a_key_of_redis_may_lead_to_a_unix_socket
    keys_that_are_set_and_deleted_count_at_once
}

/// A Redis of one test.
struct Redis {
    _program: Program,
    port: ReservedPort,
    password: Option<&'static str>,
}

impl Redis {
    async fn start(password: Option<&'static str>) -> Self {
        let port = ReservedPort::new();
        let number = port.number().to_string();
        let mut words =
            vec!["--port", &number, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        words.extend(password.iter().flat_map(|password| ["--requirepass", password]));
        let program = Program::start("redis-server", &words);
        program.printed(&["Ready to accept connections"]).await;
        Self { _program: program, port, password }
    }

    fn port(&self) -> u16 {
        self.port.number()
    }

    /// `127.0.0.1:PORT` and what follows it.
    fn source(&self, rest: &str) -> String {
        format!("127.0.0.1:{}{rest}", self.port())
    }

    /// A command of redis-cli, in a database.
    async fn command(&self, database: &str, words: &[&str]) {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &self.port().to_string(), "-n", database, "--no-auth-warning"]);
        command.args(self.password.iter().flat_map(|password| ["-a", password]));
        let exit = Program::spawn({
            command.args(words);
            command
        });
        let exit = exit.exit().await;
        assert!(exit.status.success() && !exit.stdout.contains("ERR"), "{exit:?}");
    }
}

async fn a_key_of_redis_leads_to_its_target(program: Subject) {
    let (redis, one) = (Redis::start(None).await, named("one").await);
    redis.command("0", &["set", "first", &one.address().to_string()]).await;
    let gateway = gateway(program, "TokenRedis", &redis.source("")).await;
    assert_eq!(arrive(&gateway, "/?token=first").await, "one");
    assert_refused(program, &gateway, "/?token=second").await;
    assert_refused(program, &gateway, "/").await;
}

async fn a_value_of_redis_may_be_json(program: Subject) {
    let (redis, one) = (Redis::start(None).await, named("one").await);
    let value = format!(r#" {{"host": "localhost:{}", "more": 1}} "#, one.address().port());
    redis.command("0", &["set", "first", &value]).await;
    redis.command("0", &["set", "broken", "{\"host\""]).await;
    redis.command("0", &["set", "empty", "{}"]).await;
    redis.command("0", &["set", "word", "word"]).await;
    let gateway = gateway(program, "TokenRedis", &redis.source("")).await;
    assert_eq!(arrive(&gateway, "/?token=first").await, "one");
    for token in ["broken", "empty", "word"] {
        assert_refused(program, &gateway, &format!("/?token={token}")).await;
    }
}

async fn database_password_and_namespace_are_parts_of_the_source(program: Subject) {
    let (redis, one) = (Redis::start(Some("secret")).await, named("one").await);
    let target = one.address().to_string();
    redis.command("3", &["set", "desks:first", &target]).await;
    redis.command("0", &["set", "desks:second", &target]).await;
    let gateway_3 = gateway(program, "TokenRedis", &redis.source(":3:secret:desks")).await;
    assert_eq!(arrive(&gateway_3, "/?token=first").await, "one");
    assert_refused(program, &gateway_3, "/?token=second").await;
    let gateway_0 = gateway(program, "TokenRedis", &redis.source("::secret:desks")).await;
    assert_eq!(arrive(&gateway_0, "/?token=second").await, "one");
    assert_refused(program, &gateway_0, "/?token=desks:second").await;
}

async fn parts_of_the_source_in_quotes_may_hold_colons(program: Subject) {
    let (redis, one) = (Redis::start(Some("se:cret")).await, named("one").await);
    redis.command("0", &["set", "app:desks:first", &one.address().to_string()]).await;
    let source = redis.source(r#"::"se:cret":"app:desks""#);
    let gateway = gateway(program, "TokenRedis", &source).await;
    assert_eq!(arrive(&gateway, "/?token=first").await, "one");
}

async fn a_key_of_redis_may_lead_to_a_unix_socket(program: Subject) {
    let (redis, folder) = (Redis::start(None).await, tempfile::tempdir().unwrap());
    let socket = folder.path().join("target.sock");
    crate::unix::echo_on(&socket);
    redis.command("0", &["set", "first", &format!("unix_socket:{}", socket.display())]).await;
    let gateway = gateway(program, "TokenRedis", &redis.source("")).await;
    chat(&mut gateway.connect_to("/?token=first").await).await;
}

async fn keys_that_are_set_and_deleted_count_at_once(program: Subject) {
    let (redis, one) = (Redis::start(None).await, named("one").await);
    let gateway = gateway(program, "TokenRedis", &redis.source("")).await;
    assert_refused(program, &gateway, "/?token=first").await;
    redis.command("0", &["set", "first", &one.address().to_string()]).await;
    assert_eq!(arrive(&gateway, "/?token=first").await, "one");
    redis.command("0", &["del", "first"]).await;
    assert_refused(program, &gateway, "/?token=first").await;
}

pub(crate) async fn an_ipv6_target_of_redis(program: Subject) {
    let (redis, one) = (Redis::start(None).await, named_on_ipv6("one").await);
    redis.command("0", &["set", "plain", &one.address().to_string()]).await;
    let json = format!(r#"{{"host": "{}"}}"#, one.address());
    redis.command("0", &["set", "json", &json]).await;
    let gateway = gateway(program, "TokenRedis", &redis.source("")).await;
    for path in ["/?token=plain", "/?token=json"] {
        match program {
            Subject::Websockify => assert_refused(program, &gateway, path).await,
            Subject::Wsferry => assert_eq!(arrive(&gateway, path).await, "one"),
        }
    }
}

pub(crate) async fn redis_is_down(program: Subject) {
    let dead = targets::refusing().await;
    let gateway = gateway(program, "TokenRedis", &dead.to_string()).await;
    let expected = match program {
        Subject::Websockify => Refusal::Ended,
        Subject::Wsferry => Refusal::Status(503),
    };
    assert_eq!(gateway.try_connect("/?token=first", &[]).await.err(), Some(expected));
}
