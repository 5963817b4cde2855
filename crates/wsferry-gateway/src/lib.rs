//! wsferry's gateway as a library: it joins WebSocket clients to ordinary TCP servers.
//!
//! ```
//! use wsferry_gateway::{Address, Gateway, ListenAddress, plain};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let target: Address = "localhost:5000".parse()?;
//! let listen: ListenAddress = "127.0.0.1:0".parse()?;
//! let gateway = Gateway::bind(plain(listen, target)).await?;
//! println!("clients connect to ws://{}/", gateway.addresses()[0]);
//!
//! let handle = gateway.handle();
//! let running = tokio::spawn(gateway.run());
//! handle.stop(); // clients get Close 1001, targets FIN
//! running.await??;
//! # Ok(())
//! # }
//! ```
//!
//! [`Settings`] say where a gateway listens and where requests lead. [`Gateway::bind`] opens all that
//! they name, [`Gateway::run`] accepts until it is stopped, then drains. A [`Handle`] stops the gateway
//! and [exchanges its settings](Handle::replace) while sessions run. The library reads no environment,
//! prints nothing, hears no signals, and several gateways may run in one process:
//! `examples/two_gateways.rs`.
//!
//! What else is public serves the program `wsferry` and the tests, and may change at any time. The floors
//! of the house, and what may import what, are in ARCHITECTURE.md.

#[doc(hidden)]
pub mod address;
#[doc(hidden)]
pub mod auth;
#[doc(hidden)]
pub mod client;
pub mod config;
#[doc(hidden)]
pub mod dial;
#[doc(hidden)]
pub mod door;
#[doc(hidden)]
pub mod error;
pub mod events;
#[doc(hidden)]
pub mod gateway;
#[doc(hidden)]
pub mod net;
#[doc(hidden)]
pub mod outcome;
#[doc(hidden)]
#[cfg_attr(not(feature = "record"), path = "record_off.rs")]
pub mod record;
#[doc(hidden)]
pub mod relay;
#[doc(hidden)]
pub mod request;
#[doc(hidden)]
pub mod route;
#[doc(hidden)]
pub mod session;
#[doc(hidden)]
pub mod sys;
#[doc(hidden)]
pub mod tap;
mod timeouts;
#[doc(hidden)]
#[cfg_attr(not(feature = "tls"), path = "tls_off.rs")]
pub mod tls;
#[doc(hidden)]
pub mod token;
#[doc(hidden)]
pub mod web;
#[doc(hidden)]
#[cfg_attr(not(feature = "wrap"), path = "wrap_off.rs")]
pub mod wrap;

pub use address::Address;
pub use config::{ListenAddress, plain};
pub use error::StartError;
pub use events::{Event, Events, Observer};
pub use gateway::{Gateway, Given, Handle, Limits, Listen, ListenerSettings, Settings};
pub use route::{DestinationSettings, HostPattern, Matches, PathPrefix, RouteSettings};
pub use wrap::Ended;
