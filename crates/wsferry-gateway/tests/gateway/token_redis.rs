//! Tokens in a real Redis: every way to reach it, and what happens when it is not well.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use wsferry_gateway::net::Resolver;
use wsferry_gateway::token::redis::{Settings, TokenRedis};
use wsferry_gateway::token::{LookUpError, MAX_LENGTH, Token, TokenSource};
use wsferry_testkit::patience::soon;
use wsferry_testkit::redis::Redis;

use crate::support::Clock;

fn source(text: &str) -> TokenRedis {
    TokenRedis::new(text.parse().unwrap(), Resolver::default()).unwrap()
}

async fn look_up(source: &TokenRedis, token: &str) -> Result<String, LookUpError> {
    let token = Token::new(token).unwrap();
    source.look_up(&token).await.map(|target| target.to_string())
}

#[track_caller]
fn assert_unknown(found: &Result<String, LookUpError>) {
    assert!(matches!(found, Err(LookUpError::Unknown(_))), "{found:?}");
}

/// Waits until Redis is found again, and says how long that took.
async fn found_again(source: &TokenRedis, token: &str) -> Duration {
    let clock = Clock::start(Duration::from_millis(20)).await;
    let start = Instant::now();
    soon(async {
        while look_up(source, token).await.is_err() {
            clock.tick().await;
        }
    })
    .await;
    start.elapsed()
}

#[tokio::test]
async fn a_value_is_host_and_port_or_json_with_both() {
    let redis = Redis::start(&[]).await;
    let source = source(&format!("127.0.0.1:{}", redis.port()));
    for (value, expected) in [
        ("vnc:5900", "vnc:5900"),
        (" vnc:5900\n", "vnc:5900"),
        ("[::1]:5900", "[::1]:5900"),
        ("fe80::1:5900", "[fe80::1]:5900"),
        ("unix_socket:/run/vnc", "unix_socket:/run/vnc"),
        ("\u{feff}vnc:5900", "vnc:5900"),
        (r#"{"host": "vnc:5900"}"#, "vnc:5900"),
        ("\u{feff}{\"host\": \"vnc:5900\"}", "vnc:5900"),
        (r#" {"host": "[::1]:5900", "more": 1}"#, "[::1]:5900"),
    ] {
        redis.set("token", value).await;
        assert_eq!(look_up(&source, "token").await.unwrap(), expected);
    }
    for value in
        ["", "vnc", "vnc:0", ":5900", "{", "{}", r#"{"host": 1}"#, r#"{"host": "vnc"}"#, "a b:1"]
    {
        redis.set("token", value).await;
        assert_unknown(&look_up(&source, "token").await);
    }
    assert_unknown(&look_up(&source, "other").await);
    redis.command(&["RPUSH", "list", "vnc:5900"]).await;
    assert_unknown(&look_up(&source, "list").await);
}

#[tokio::test]
async fn password_database_and_namespace_are_used() {
    let redis = Redis::start(&["--requirepass", "a:b/c@d"]).await;
    let port = redis.port();
    let login = ["-a", "a:b/c@d", "--no-auth-warning", "-n", "3"];
    redis.command(&[&login[..], &["SET", "one:two:token", "vnc:5900"]].concat()).await;
    let socket = redis.folder().join("redis.sock").display().to_string();
    for text in [
        format!("127.0.0.1:{port}:3:\"a:b/c@d\":\"one:two\""),
        format!("\"127.0.0.1\":{port}:3:\"a:b/c@d\":\"one:two\""),
        format!("redis://:a%3Ab%2Fc%40d@127.0.0.1:{port}/3?namespace=one:two"),
        format!("redis://default:a%3Ab%2Fc%40d@localhost:{port}?db=3&namespace=one%3Atwo"),
        format!("unix:{socket}?db=3&password=a:b/c@d&namespace=one:two"),
        format!("redis+unix://{socket}?db=3&password=a:b/c@d&namespace=one:two"),
    ] {
        assert_eq!(look_up(&source(&text), "token").await.unwrap(), "vnc:5900", "{text}");
    }
    for text in [format!("127.0.0.1:{port}:3::one"), format!("127.0.0.1:{port}:3:wrong:one")] {
        let error = look_up(&source(&text), "token").await.unwrap_err();
        assert!(matches!(error, LookUpError::Unavailable(_)), "{error}");
        assert!(!error.to_string().contains("wrong"), "{error}");
    }
    let elsewhere = source(&format!("127.0.0.1:{port}:2:\"a:b/c@d\":\"one:two\""));
    assert_unknown(&look_up(&elsewhere, "token").await);
}

#[tokio::test]
async fn a_password_is_never_shown() {
    for text in [
        "host:1:2:hidden:name",
        "redis://user:hidden@host/2",
        "unix:/path?password=hidden",
        "redis-cluster://:hidden@a,b",
        "redis-sentinel://:hidden@a,b/master",
    ] {
        let settings: Settings = text.parse().unwrap();
        assert!(!format!("{settings:?}").contains("hidden"));
        assert!(
            !format!("{:?}", TokenRedis::new(settings, Resolver::default()).unwrap())
                .contains("hidden")
        );
    }
    for text in [
        "",
        ":1:2:hidden",
        "host:0:2:hidden",
        "host:+1:2:hidden",
        "host:1:x:hidden",
        "host:1:-2:hidden",
        "host:1:2:\"hidden",
        "[::1:6379",
        "::1:6379:0:hidden:a",
        "a:b:c:d:e:hidden",
        "http://:hidden@host",
        "redis://:hidden@",
        "redis://:hidden@a,b",
        "redis://:hidden@host/x",
        "redis://:hidden@host?name=x",
        "redis://:hidden@host?cafile=/x",
        "unix:hidden",
        "unix:",
        "redis-cluster://:hidden@a/1",
        "redis-cluster://:hidden@a?db=1",
        "redis-sentinel://:hidden@a",
    ] {
        let error = text.parse::<Settings>().unwrap_err().to_string();
        assert!(!error.contains("hidden") && error.contains("host[:port"), "{text}: {error}");
    }
}

#[tokio::test]
async fn tls_is_checked_with_the_given_ca() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let [cert, key] = [cert, key].map(|path| path.display().to_string());
    let mut redis = Redis::prepare(&[]);
    let port = redis.port().to_string();
    let options =
        ["--port", "0", "--tls-port", &port, "--tls-cert-file", &cert, "--tls-key-file", &key];
    redis.add(&[&options[..], &["--tls-auth-clients", "no"]].concat());
    redis.run().await;
    redis.set("token", "vnc:5900").await;
    let good = source(&format!("rediss://localhost:{port}?cafile={cert}"));
    assert_eq!(look_up(&good, "token").await.unwrap(), "vnc:5900");
    for bad in [format!("rediss://localhost:{port}"), format!("redis://localhost:{port}")] {
        let error = look_up(&source(&bad), "token").await.unwrap_err();
        assert!(matches!(error, LookUpError::Unavailable(_)), "{bad}: {error}");
    }
    let settings = "rediss://localhost?cafile=/no/such/file".parse().unwrap();
    let error = TokenRedis::new(settings, Resolver::default()).unwrap_err().to_string();
    assert!(error.contains("/no/such/file"), "{error}");
}

#[tokio::test]
async fn a_cluster_is_reached_through_any_of_its_servers() {
    let mut masters = Vec::new();
    for _ in 0..3 {
        let mut master = Redis::with_bus(&["--cluster-enabled", "yes"]);
        master.run().await;
        masters.push(master);
    }
    Redis::join(&masters).await;
    let source = source(&format!("redis-cluster://127.0.0.1:{}", masters[0].port()));
    for number in 0..20 {
        let (key, value) = (format!("token{number}"), format!("vnc:{}", 5900 + number));
        // The one that is asked tells who holds the key.
        for master in &masters {
            if master.command(&["SET", &key, &value]).await == "OK\n" {
                break;
            }
        }
        assert_eq!(look_up(&source, &key).await.unwrap(), value);
    }
    assert_unknown(&look_up(&source, "token20").await);
}

#[tokio::test]
async fn sentinels_tell_where_the_master_is() {
    let redis = Redis::start(&[]).await;
    redis.set("token", "vnc:5900").await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("sentinel.conf");
    let monitor = format!("sentinel monitor tokens 127.0.0.1 {} 1\n", redis.port());
    std::fs::write(&config, monitor).unwrap();
    let sentinel = Redis::start_sentinel(&config).await;
    let nodes = format!("127.0.0.1:1,127.0.0.1:{}", sentinel.port());
    let good = source(&format!("redis-sentinel://{nodes}/tokens"));
    assert_eq!(look_up(&good, "token").await.unwrap(), "vnc:5900");
    let error = look_up(&source(&format!("redis-sentinel://{nodes}/others")), "token").await;
    assert!(matches!(error, Err(LookUpError::Unavailable(_))), "{error:?}");
}

#[tokio::test]
async fn a_redis_that_is_down_lets_nobody_in_and_is_found_when_it_is_up() {
    let mut redis = Redis::prepare(&[]);
    let source = source(&format!("127.0.0.1:{}", redis.port()));
    for _ in 0..100 {
        let error = look_up(&source, "token").await.unwrap_err();
        assert!(matches!(error, LookUpError::Unavailable(_)), "{error}");
    }
    redis.run().await;
    redis.set("token", "vnc:5900").await;
    assert!(found_again(&source, "token").await < Duration::from_secs(10));
}

#[tokio::test]
async fn a_redis_that_was_restarted_is_asked_at_once() {
    let mut redis = Redis::start(&[]).await;
    let source = source(&format!("127.0.0.1:{}", redis.port()));
    for value in ["vnc:5900", "vnc:5901", "vnc:5902"] {
        redis.set("token", value).await;
        assert_eq!(look_up(&source, "token").await.unwrap(), value);
        redis.stop().await;
        redis.run().await;
    }
    redis.stop().await;
    let error = look_up(&source, "token").await.unwrap_err();
    assert!(matches!(error, LookUpError::Unavailable(_)), "{error}");
    redis.run().await;
    redis.set("token", "vnc:5900").await;
    found_again(&source, "token").await;
}

#[tokio::test]
async fn a_redis_that_does_not_answer_costs_a_second_and_then_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source = source(&format!("127.0.0.1:{}", listener.local_addr().unwrap().port()));
    let start = Instant::now();
    let error = look_up(&source, "token").await.unwrap_err();
    assert!(matches!(error, LookUpError::Unavailable(_)), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
    let again = look_up(&source, "token").await.unwrap_err();
    assert!(again.to_string().contains("next attempt"), "{again}");
}

#[tokio::test]
async fn a_redis_that_stops_answering_is_given_up_and_found_again() {
    let redis = Redis::start(&[]).await;
    redis.set("token", "vnc:5900").await;
    let source = source(&format!("127.0.0.1:{}", redis.port()));
    assert_eq!(look_up(&source, "token").await.unwrap(), "vnc:5900");
    // For three seconds it neither answers nor accepts.
    redis.pause(3.0).await;
    let start = Instant::now();
    let error = look_up(&source, "token").await.unwrap_err();
    assert!(matches!(error, LookUpError::Unavailable(_)), "{error}");
    assert!(start.elapsed() < Duration::from_millis(2500), "{:?}", start.elapsed());
    found_again(&source, "token").await;
}

#[tokio::test]
async fn a_connection_that_fell_silent_is_replaced_by_the_next_look_up() {
    let redis = Redis::start(&[]).await;
    redis.set("token", "vnc:5900").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source = source(&format!("127.0.0.1:{}", listener.local_addr().unwrap().port()));
    // As when a firewall forgets a connection: nothing passes any more, and nobody is told.
    let fell_silent = CancellationToken::new();
    let (port, silence) = (redis.port(), fell_silent.clone());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let silence =
                if silence.is_cancelled() { CancellationToken::new() } else { silence.clone() };
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let copy = tokio::io::copy_bidirectional(&mut client, &mut server);
                if silence.run_until_cancelled(copy).await.is_none() {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    assert_eq!(look_up(&source, "token").await.unwrap(), "vnc:5900");
    fell_silent.cancel();
    let error = look_up(&source, "token").await.unwrap_err();
    assert!(matches!(error, LookUpError::Unavailable(_)), "{error}");
    assert_eq!(look_up(&source, "token").await.unwrap(), "vnc:5900");
}

#[tokio::test]
async fn what_is_no_redis_lets_nobody_in() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source = source(&format!("127.0.0.1:{}", listener.local_addr().unwrap().port()));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n$9\r\n").await.ok();
        }
    });
    let error = look_up(&source, "token").await.unwrap_err();
    assert!(matches!(error, LookUpError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn strange_tokens_are_keys_and_nothing_else() {
    let redis = Redis::start(&[]).await;
    let source = source(&format!("127.0.0.1:{}", redis.port()));
    let long = "x".repeat(MAX_LENGTH);
    let strange = ["../x", "a\r\nGET b", "*", "a b", "\"", "{1}", "é\u{202e}", "FLUSHALL", &long];
    for token in strange {
        assert_unknown(&look_up(&source, token).await);
    }
    for token in strange {
        redis.set(token, "vnc:5900").await;
        assert_eq!(look_up(&source, token).await.unwrap(), "vnc:5900");
    }
}

#[tokio::test]
async fn of_a_value_of_any_size_no_more_than_four_kib_are_fetched() {
    let redis = Redis::start(&[]).await;
    redis.command(&["CONFIG", "SET", "proto-max-bulk-len", "1gb"]).await;
    redis.command(&["SETRANGE", "large", "100000000", "x"]).await;
    let longest = format!("vnc:5900{}", " ".repeat(4096 - 8));
    redis.set("longest", &longest).await;
    redis.set("longer", &format!("{longest} ")).await;
    let source = source(&format!("127.0.0.1:{}", redis.port()));
    assert_eq!(look_up(&source, "longest").await.unwrap(), "vnc:5900");
    for key in ["large", "longer"] {
        assert_unknown(&look_up(&source, key).await);
    }
    let sent = redis.command(&["INFO", "stats"]).await;
    let sent = sent.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:"));
    let sent: u64 = sent.unwrap().trim().parse().unwrap();
    assert!(sent < 100_000, "Redis sent {sent} bytes");
}

#[tokio::test]
async fn a_hundred_look_ups_at_once_share_one_connection() {
    let redis = Redis::start(&[]).await;
    redis.set("token", "vnc:5900").await;
    let source = source(&format!("127.0.0.1:{}", redis.port()));
    let look_ups = (0..100).map(|_| look_up(&source, "token"));
    for found in futures_util::future::join_all(look_ups).await {
        assert_eq!(found.unwrap(), "vnc:5900");
    }
    let clients = redis.command(&["CLIENT", "LIST"]).await;
    assert_eq!(clients.lines().filter(|line| line.contains("127.0.0.1:")).count(), 1, "{clients}");
}
