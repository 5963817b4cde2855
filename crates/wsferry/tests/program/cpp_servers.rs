//! TCP servers in C++ that nobody changed, behind wsferry.

use wsferry_testkit::cpp::{demo_server, plain_server};
use wsferry_testkit::program::ReservedPort;

use crate::support::{connect, get, hear, hear_close, leave, say, site, spell, wsferry};

#[tokio::test]
async fn a_single_client_server_answers_one_client_after_the_other() {
    let (_server, target) = plain_server(0).await;
    let folder = site("a page");
    let target = format!("localhost:{target}");
    let program = wsferry(&["--web", spell(folder.path()), "0", &target]);
    let port = program.port().await;
    assert!(get(port, "/").await.ends_with("a page"));
    for name in ["first", "second"] {
        let mut client = connect(port).await;
        say(&mut client, &format!("I am the {name} client")).await;
        hear(&mut client, &format!("I am the {name} client")).await;
        leave(client).await;
    }
}

#[tokio::test]
async fn a_single_client_server_keeps_the_second_client_waiting_and_loses_none() {
    let (_server, target) = plain_server(0).await;
    let program = wsferry(&["0", &format!("127.0.0.1:{target}")]);
    let port = program.port().await;
    let mut first = connect(port).await;
    say(&mut first, "first").await;
    hear(&mut first, "first").await;
    let mut second = connect(port).await;
    say(&mut second, "second").await;
    say(&mut first, "first again").await;
    hear(&mut first, "first again").await;
    leave(first).await;
    hear(&mut second, "second").await;
}

#[tokio::test]
async fn the_demo_server_serves_several_clients_and_exit_stops_it() {
    let (server, target) = demo_server(0).await;
    let program = wsferry(&["0", &format!("127.0.0.1:{target}")]);
    let port = program.port().await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(connect(port).await);
    }
    for round in 0..3 {
        for (number, client) in clients.iter_mut().enumerate() {
            say(client, &format!("{round} of {number}")).await;
        }
        for (number, client) in clients.iter_mut().enumerate().rev() {
            hear(client, &format!("{round} of {number} from the server")).await;
        }
    }
    server.printed(&["read: 2 of 4"]).await;
    server.printed(&["wrote: 2 of 4 from the server"]).await;

    say(&mut clients[0], "exit").await;
    hear(&mut clients[0], "exit from the server").await;
    for client in clients {
        assert_eq!(hear_close(client).await, (1000, "Target closed".to_owned()));
    }
    let exit = server.exit().await;
    assert_eq!(exit.status.code(), Some(0), "{}{}", exit.stdout, exit.stderr);
    assert!(exit.stdout.ends_with("stopped\n"), "{}", exit.stdout);
}

#[tokio::test]
async fn the_demo_server_keeps_a_line_break_at_the_end_and_prints_it_in_one_line() {
    let (server, target) = demo_server(0).await;
    let program = wsferry(&["0", &format!("127.0.0.1:{target}")]);
    let mut client = connect(program.port().await).await;
    say(&mut client, "a line\r\n").await;
    hear(&mut client, "a line from the server\r\n").await;
    server.printed(&["read: a line\\r\\n"]).await;
    say(&mut client, "\x1b[31mred").await;
    hear(&mut client, "\x1b[31mred from the server").await;
    server.printed(&["wrote: \\x1b[31mred from the server"]).await;
}

#[tokio::test]
async fn a_killed_server_is_a_normal_end_then_a_dead_target_then_back_again() {
    let place = ReservedPort::new();
    let (server, _) = demo_server(place.number()).await;
    let program = wsferry(&["0", &format!("127.0.0.1:{}", place.number())]);
    let port = program.port().await;
    let mut client = connect(port).await;
    say(&mut client, "hi").await;
    hear(&mut client, "hi from the server").await;

    server.kill().await;
    assert_eq!(hear_close(client).await, (1000, "Target closed".to_owned()));

    let (code, reason) = hear_close(connect(port).await).await;
    assert_eq!(code, 1011);
    assert_eq!(reason, "Failed to connect to downstream server: connection refused");

    let (_server, _) = demo_server(place.number()).await;
    let mut client = connect(port).await;
    say(&mut client, "hi again").await;
    hear(&mut client, "hi again from the server").await;
}

#[tokio::test]
async fn the_demo_server_says_that_its_port_is_taken() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let exit = wsferry_testkit::cpp::run_demo_server(&[&port.to_string()]).exit().await;
    assert_eq!(exit.status.code(), Some(1));
    assert!(exit.stderr.contains(&format!("port {port} is taken")), "{}", exit.stderr);
    let exit = wsferry_testkit::cpp::run_demo_server(&["65536"]).exit().await;
    assert_eq!(exit.status.code(), Some(2));
}
