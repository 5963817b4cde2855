//! How long a refusal takes does not tell why. Each kind is measured many times, the kinds in turn, so
//! that whatever else the machine does is spread over all of them; their medians are compared.

use std::hint::black_box;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use wsferry_gateway::auth::{Auth, BasicHTTPAuth};
use wsferry_gateway::client::ClientAddress;
use wsferry_gateway::request::{Client, Request};
use wsferry_gateway::token::{Token, TokenFile, TokenSource};

/// The medians of `count` kinds of work.
fn medians(count: usize, mut work: impl FnMut(usize)) -> Vec<Duration> {
    let mut times = vec![Vec::new(); count];
    for _ in 0..2000 {
        for (kind, times) in times.iter_mut().enumerate() {
            let start = Instant::now();
            work(kind);
            times.push(start.elapsed());
        }
    }
    let median = |mut times: Vec<Duration>| *times.select_nth_unstable(1000).1;
    times.into_iter().map(median).collect()
}

/// The kinds must take the same time, but for a thirtieth. A machine may be unlucky some times: what
/// lies where in its memory tells kinds apart too, so each try lays everything out anew.
fn assert_alike<W: FnMut(usize)>(count: usize, prepare: impl Fn(usize) -> W) {
    let mut seen = Vec::new();
    for round in 0..25 {
        let shift = vec![0_u8; 64 + 1000 * round];
        let mut work = prepare(round);
        let medians = medians(count, &mut work);
        drop(black_box(shift));
        let (shortest, longest) = (*medians.iter().min().unwrap(), *medians.iter().max().unwrap());
        if longest <= shortest.mul_f64(1.0 + 1.0 / 30.0) {
            return;
        }
        seen.push(medians);
    }
    panic!("the time tells them apart: {seen:?}");
}

#[test]
fn the_time_of_a_refusal_does_not_tell_how_much_of_a_password_was_right() {
    // A long one, so that leaving out its comparison would show.
    let password = "p".repeat(2900);
    let auth = BasicHTTPAuth::new(&format!("user:{password}")).unwrap();
    let other = "x".repeat(2900);
    let prefix = format!("{}x", "p".repeat(2899));
    let guesses = [("none", &other), ("none", &password), ("user", &other), ("user", &prefix)];
    let head = |kind: usize| {
        let (user, password) = guesses[kind];
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        http::Request::get("/")
            .header("host", "localhost")
            .header("authorization", format!("Basic {credentials}"))
            .body(())
            .unwrap()
            .into_parts()
            .0
    };
    let client = Client { address: ClientAddress::Unix, common_names: &[] };
    assert_alike(guesses.len(), |round| {
        // Laid out in another order each time.
        let places: Vec<_> = (0..guesses.len()).map(|place| (place + round) % 4).collect();
        let laid_out: Vec<_> = places.iter().map(|&kind| head(kind)).collect();
        let auth = &auth;
        move |kind| {
            let head = &laid_out[(kind + 4 - round % 4) % 4];
            let request = Request::read(client, head).unwrap();
            let checked = auth.check(&request).now_or_never().unwrap();
            assert!(black_box(checked).is_err());
        }
    });
}

#[tokio::test]
async fn the_time_of_a_look_up_does_not_tell_how_much_of_a_token_was_right() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    let known = "k".repeat(4000);
    std::fs::write(&file, format!("{known}: h:1\n")).unwrap();
    // What is read once answers at once, so that the comparison is all there is to measure.
    let source = wsferry_gateway::token::ReadOnlyTokenFile::new(&file);
    source.look_up(&Token::new(&known).unwrap()).await.unwrap();
    let tokens = [
        Token::new(&"x".repeat(4000)).unwrap(),
        Token::new(&format!("{}{}", "k".repeat(2000), "x".repeat(2000))).unwrap(),
        Token::new(&format!("{}x", "k".repeat(3999))).unwrap(),
    ];
    assert_alike(tokens.len(), |_| {
        let (source, tokens) = (&source, tokens.clone());
        move |kind| {
            let found = source.look_up(&tokens[kind]).now_or_never().unwrap();
            assert!(black_box(found).is_err());
        }
    });
}

/// Guessed tokens make the files be looked at; known ones do not wait for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_tokens_do_not_wait_behind_guessed_ones() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    let lines: String = (0..20_000).map(|number| format!("t{number}: h:1\n")).collect();
    std::fs::write(&file, lines).unwrap();
    let source = std::sync::Arc::new(TokenFile::new(&file));
    let known = Token::new("t7").unwrap();
    source.look_up(&known).await.unwrap();
    let mut guesses = tokio::task::JoinSet::new();
    for number in 0..100 {
        let source = std::sync::Arc::clone(&source);
        guesses.spawn(async move {
            for guess in 0..3 {
                let guess = Token::new(&format!("guess-{number}-{guess}")).unwrap();
                assert!(source.look_up(&guess).await.is_err());
            }
        });
    }
    let mut waits = Vec::new();
    while !guesses.is_empty() {
        if let Some(guessed) = guesses.try_join_next() {
            guessed.unwrap();
        }
        // Not even once: it waits for a look at the file, not for the guesses' turns.
        let asked = Instant::now();
        assert!(source.look_up(&known).await.is_ok());
        waits.push(asked.elapsed());
        tokio::task::yield_now().await;
    }
    let longest = waits.iter().max().unwrap();
    assert!(*longest < Duration::from_millis(500), "{longest:?}");
    let middle = waits.len() / 2;
    let median = *waits.select_nth_unstable(middle).1;
    assert!(median < Duration::from_millis(20), "{median:?}");
}
