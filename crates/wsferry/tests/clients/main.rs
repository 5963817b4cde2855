//! The clients that people join to their servers by a gateway, as their authors wrote them, in front of
//! the real servers: the built program is between them.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test that cannot go on fails

mod desktop;
mod emscripten;
mod mqtt;
mod neon;
mod novnc;
mod novnc_proxy;
mod playback;
mod screen;
mod support;
mod xterm;
