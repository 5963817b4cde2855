//! A desktop behind a VNC server: `TigerVNC`'s, with one window in its middle that tells which keys arrive.

use tokio::process::Command;
use wsferry_testkit::program::{Program, ReservedPort};

use crate::support::run;

/// A desktop of 600 x 400 pixels.
pub(crate) struct Desktop {
    display: String,
    port: ReservedPort,
    window: Program,
    _server: Program,
}

/// A colour: red, green, blue.
pub(crate) type Colour = [u8; 3];

impl Desktop {
    /// Starts one of one colour.
    pub(crate) async fn start(colour: Colour) -> Self {
        let port = ReservedPort::new();
        let number = port.number().to_string();
        let mut server = Command::new("Xtigervnc");
        server.args(["-geometry", "600x400", "-depth", "24", "-noreset", "-AlwaysShared"]);
        server.args(["-SecurityTypes", "None", "-localhost", "-rfbport", &number]);
        server.args(["-displayfd", "1"]); // takes a free display, and prints it when it is ready
        let server = Program::spawn(server);
        let display = format!(":{}", server.printed(&[""]).await);
        paint(&display, colour).await;
        let mut window = Command::new("xev");
        window.args(["-display", &display, "-geometry", "200x200+200+100", "-event", "keyboard"]);
        // The window is there when it was told so.
        window.args(["-event", "structure"]);
        let window = Program::spawn(window);
        window.printed(&["MapNotify event"]).await;
        Self { display, port, window, _server: server }
    }

    /// Where the VNC server listens, on the loopback.
    pub(crate) fn address(&self) -> String {
        format!("localhost:{}", self.port.number())
    }

    /// Gives it another colour.
    pub(crate) async fn paint(&self, colour: Colour) {
        paint(&self.display, colour).await;
    }

    /// Waits until a key was pressed in its window, named as X names keys.
    pub(crate) async fn until_pressed(&self, name: &str) {
        self.window.printed(&["keysym", &format!(", {name})")]).await;
    }
}

async fn paint(display: &str, [red, green, blue]: Colour) {
    let mut xsetroot = Command::new("xsetroot");
    let colour = format!("#{red:02x}{green:02x}{blue:02x}");
    xsetroot.args(["-display", display, "-solid", &colour]);
    run(xsetroot).await;
}
