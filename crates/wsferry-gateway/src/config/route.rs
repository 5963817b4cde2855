//! Where requests lead, who may connect, and what is sent.

use std::ffi::OsString;
use std::num::NonZeroU16;
use std::path::PathBuf;

use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use wsferry_proto::Kind;
use wsferry_proto::handshake::Subprotocol;

use super::{Secret, default, text};
use crate::address::Address;
use crate::auth::AllowOrigin;
use crate::auth::http::ShownField;
use crate::route::{Dial, HostPattern, PathPrefix};
use crate::wrap::WrapMode;

/// `[[route]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Route {
    /// Its name in the log and the metrics.
    pub name: Option<String>,
    /// Which hosts it is for; without it all.
    #[serde(deserialize_with = "text::list")]
    pub host: Vec<HostPattern>,
    /// Which paths it is for; without it all.
    #[serde(deserialize_with = "text::optional")]
    pub path: Option<PathPrefix>,

    /// The target of all its sessions.
    #[serde(deserialize_with = "text::optional")]
    pub target: Option<Address>,
    /// What looks up the targets of tokens.
    pub token_plugin: Option<String>,
    /// Where it looks them up.
    pub token_source: Option<Secret>,
    /// The host that the client asks for is the token.
    pub host_token: bool,
    /// Targets that clients may choose.
    #[serde(deserialize_with = "text::list")]
    pub allow_address: Vec<Address>,
    /// A program to be started, with its arguments.
    #[serde(deserialize_with = "text::list")]
    pub program: Vec<OsString>,
    /// The port that it binds, where that is not the listener's own.
    pub program_port: Option<NonZeroU16>,
    /// What follows when it ends.
    #[serde(deserialize_with = "text::one")]
    pub wrap_mode: WrapMode,

    /// Connections to targets have TLS.
    pub ssl_target: bool,
    /// CAs of the targets' certificates, PEM.
    pub ssl_target_cafile: Option<PathBuf>,
    /// Any certificate of a target is good.
    pub ssl_target_insecure: bool,
    /// When targets are dialled.
    #[serde(deserialize_with = "text::one")]
    pub dial: Dial,
    /// It is a failed start when the name of the target cannot be looked up.
    #[serde(skip)]
    pub target_must_resolve: bool,

    /// What decides who may connect.
    pub auth_plugin: Option<String>,
    /// What it checks against.
    pub auth_source: Option<Secret>,
    /// Header fields that the service of `HttpAuth` is shown too.
    #[serde(deserialize_with = "text::list")]
    pub auth_header: Vec<ShownField>,
    /// Pages of these origins may connect.
    #[serde(deserialize_with = "text::list")]
    pub allow_origin: Vec<AllowOrigin>,
    /// Clients without an Origin are refused.
    pub require_origin: bool,

    /// The files of this directory are served.
    pub web: Option<PathBuf>,
    /// Only to those whom the plug-in lets in.
    pub web_auth: bool,
    /// Directories without an index.html are listed.
    pub web_listing: bool,
    /// Header fields that files are sent with.
    #[serde(deserialize_with = "text::list")]
    pub header: Vec<(HeaderName, HeaderValue)>,
    /// Pages are isolated from other origins.
    pub cross_origin_isolated: bool,

    /// How the targets' bytes are sent.
    #[serde(deserialize_with = "text::one")]
    pub send: Kind,
    /// Text messages of clients are refused.
    pub refuse_text: bool,
    /// The largest message to a client, in bytes.
    #[serde(deserialize_with = "text::message_size")]
    pub max_message: usize,
    /// Subprotocols that targets speak.
    #[serde(deserialize_with = "text::list")]
    pub subprotocol: Vec<Subprotocol>,
    /// All bytes are copied.
    pub no_splice: bool,
    /// Sessions are recorded into files of this name.
    pub record: Option<PathBuf>,
}

impl Default for Route {
    fn default() -> Self {
        Self {
            name: None,
            host: Vec::new(),
            path: None,
            target: None,
            token_plugin: None,
            token_source: None,
            host_token: false,
            allow_address: Vec::new(),
            program: Vec::new(),
            program_port: None,
            wrap_mode: WrapMode::Exit,
            ssl_target: false,
            ssl_target_cafile: None,
            ssl_target_insecure: false,
            dial: Dial::AfterAccept,
            target_must_resolve: true,
            auth_plugin: None,
            auth_source: None,
            auth_header: Vec::new(),
            allow_origin: Vec::new(),
            require_origin: false,
            web: None,
            web_auth: false,
            web_listing: false,
            header: Vec::new(),
            cross_origin_isolated: false,
            send: Kind::Binary,
            refuse_text: false,
            max_message: default::MAX_MESSAGE,
            subprotocol: Vec::new(),
            no_splice: false,
            record: None,
        }
    }
}
