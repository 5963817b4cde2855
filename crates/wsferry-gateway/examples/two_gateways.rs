//! Two gateways in one process, each with its own routes. The rules of one are exchanged while a client
//! uses it; then both are drained.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::{connect_async, tungstenite::Message};
use wsferry_gateway::{Address, Gateway, ListenAddress, Settings, plain};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Settings with one route, which leads to the built-in echo.
fn echo_below(path: &str) -> Result<Settings, Failure> {
    let echo: Address = "echo:".parse()?;
    let mut settings = plain("127.0.0.1:0".parse::<ListenAddress>()?, echo);
    settings.routes[0].matches.path = path.parse()?;
    Ok(settings)
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Failure> {
    let (game, chat) = (echo_below("/game")?, echo_below("/chat")?);
    let (game, chat) = (Gateway::bind(game).await?, Gateway::bind(chat).await?);
    let urls = [&game, &chat].map(|gateway| format!("ws://{}", gateway.addresses()[0]));
    let (game_handle, chat_handle) = (game.handle(), chat.handle());
    let running = [tokio::spawn(game.run()), tokio::spawn(chat.run())];

    let (mut player, _) = connect_async(format!("{}/game", urls[0])).await?;
    assert!(connect_async(format!("{}/game", urls[1])).await.is_err()); // 404: the other's route
    for round in 0..100 {
        if round % 2 == 0 {
            game_handle
                .replace(echo_below(if round % 4 == 0 { "/arena" } else { "/game" })?)
                .await?;
        }
        player.send(Message::text(format!("move {round}"))).await?;
        assert_eq!(player.next().await.transpose()?, Some(Message::text(format!("move {round}"))));
    }
    connect_async(format!("{}/game", urls[0])).await?; // the last exchange brought it back

    game_handle.stop();
    chat_handle.stop();
    assert!(matches!(player.next().await, Some(Ok(Message::Close(Some(_)))))); // 1001
    drop(player);
    for gateway in running {
        gateway.await??;
    }
    Ok(())
}
