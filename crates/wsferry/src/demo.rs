//! `wsferry demo`: the whole story in one process. A TCP echo server such as anybody could have
//! written, the gateway, and the page.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use wsferry_gateway::address::Address;
use wsferry_gateway::config::{self, ListenAddress};
use wsferry_gateway::web::Files;
use wsferry_proto::HostName;

use crate::args::Demo;
use crate::signals::Signals;
use crate::{banner, log, output};
use wsferry_gateway::gateway::{Gateway, Given};

/// The page, which people copy from `demo/`.
const PAGE: &str = include_str!("../../../demo/index.html");

const PORT: u16 = 27016;
const TARGET_PORT: u16 = 5000;

/// Starts everything, says so, and runs until a signal comes.
pub(crate) async fn run(demo: Demo, signals: Signals) -> Result<ExitCode> {
    log::init(&log::Settings { verbose: demo.verbose, ..log::Settings::default() })?;
    let (server, server_note) = bind_server(demo.target_port).await?;
    let server_address = server.local_addr().context("the echo server has no address")?;
    let stop = signals.stop;
    let (gateway, gateway_note) = bind_gateway(demo.port, server_address, &stop).await?;
    let host = banner::host_to_open("localhost", &gateway.addresses());
    let mut text = format!("wsferry {} demo\n", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(text, "  TCP echo server  {server_address}{server_note}");
    let _ = writeln!(text, "  WebSocket        ws://{host}/{gateway_note}");
    let _ = writeln!(text, "  open             http://{host}/");
    let _ = writeln!(text, "  stop             Ctrl-C");
    output::stderr().say(&text);
    tokio::spawn(async move { stop.run_until_cancelled(serve(server)).await });
    gateway.run().await?;
    Ok(ExitCode::SUCCESS)
}

/// A port that was asked for must be free; the usual one may be replaced.
async fn bind_server(port: Option<u16>) -> Result<(TcpListener, String)> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    match (port, bind(port.unwrap_or(TARGET_PORT)).await) {
        (_, Ok(listener)) => Ok((listener, String::new())),
        (Some(port), Err(error)) => bail!(
            "the echo server cannot listen on 127.0.0.1:{port}: {error}. Stop the program that uses \
             the port, or leave --target-port out to get a free one"
        ),
        (None, Err(_)) => {
            let listener = bind(0).await.context("the echo server finds no free port")?;
            Ok((listener, format!("  (port {TARGET_PORT} is taken)")))
        }
    }
}

async fn bind_gateway(
    port: Option<u16>,
    server: SocketAddr,
    stop: &CancellationToken,
) -> Result<(Gateway, String)> {
    let target = Address::Tcp { host: HostName::Address(server.ip()), port: server.port() };
    let settings = |port| {
        let listen = ListenAddress { host: "localhost".to_owned(), port };
        let mut settings = config::plain(listen, target.clone());
        for route in &mut settings.routes {
            route.web = Some(Files::Page(PAGE));
        }
        settings
    };
    let bind = |port| {
        Gateway::bind_with(
            settings(port),
            Given { stop: stop.clone(), events: log::to_log(), ..Given::default() },
        )
    };
    match (port, bind(port.unwrap_or(PORT)).await) {
        (_, Ok(gateway)) => Ok((gateway, String::new())),
        (Some(_), Err(error)) => Err(error.into()),
        (None, Err(_)) => {
            let gateway = bind(0).await?;
            Ok((gateway, format!("  (port {PORT} is taken)")))
        }
    }
}

/// The TCP server of the story: it knows nothing of WebSocket.
async fn serve(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(echo(stream))),
            Err(error) => {
                tracing::warn!(%error, "the echo server cannot accept");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    let mut room = vec![0; 4096];
    loop {
        let length = stream.read(&mut room).await?;
        if length == 0 {
            return Ok(());
        }
        let answer = [&room[..length], b" from the server"].concat();
        stream.write_all(&answer).await?;
    }
}
