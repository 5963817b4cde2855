//! What is said at the start about options that are taken, but may not do what was meant.

use wsferry_gateway::auth::PluginSettings;
use wsferry_gateway::config;
use wsferry_gateway::tls::Ciphers;
use wsferry_gateway::{DestinationSettings, RouteSettings, token};

use super::options::TypedOptions;

impl TypedOptions {
    /// What is accepted without effect.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.libserver {
            notes.push("--libserver has no effect: there is one server, which is fast".to_owned());
        }
        if self.cafile.is_some() && !self.verify_client {
            notes.push(
                "--cafile has no effect without --verify-client: clients need no certificate"
                    .to_owned(),
            );
        }
        let left_out = self.ssl_ciphers.as_ref().map(Ciphers::left_out).unwrap_or_default();
        if !left_out.is_empty() {
            notes.push(format!(
                "--ssl-ciphers: {} cannot be had here, the others of the list are on",
                left_out.join(", ")
            ));
        }
        notes
    }
}

/// What lets in pages that nobody meant, or keeps out those that were meant.
pub(super) fn on_access(route: &RouteSettings) -> Vec<String> {
    let plugin = route.auth_plugin.as_ref();
    let mut notes = Vec::new();
    if matches!(plugin, Some(PluginSettings::Basic(_))) && !route.web_auth {
        notes.push(
            "browsers ask for a password when they load a page, not for its WebSocket: with \
             BasicHTTPAuth and --web give --web-auth too"
                .to_owned(),
        );
    }
    let why = "any site that your users visit can send it, and connect as they can";
    let has = |origin: &str| {
        let item = config::allow_origin(origin);
        item.is_ok_and(|item| route.auth.allow_origin.contains(&item))
    };
    if has("*") {
        notes.push(format!("--allow-origin '*' lets every page of the world connect: {why}"));
    }
    for origin in ["null", "file://"].into_iter().filter(|origin| has(origin)) {
        notes.push(format!(
            "--allow-origin {origin} is for more than pages opened as files: {why}; serve the page \
             with --web instead"
        ));
    }
    if let Some(PluginSettings::Origin(list)) = plugin {
        if list.has_anybodys() {
            notes.push(format!(
                "ExpectOrigin lists an origin for more than pages opened as files: {why}; serve the \
                 page with --web instead"
            ));
        }
        if list.has_star() {
            notes.push(
                "ExpectOrigin has no patterns: * is no origin, and lets nobody in".to_owned(),
            );
        }
    }
    notes
}

/// Without a namespace any key of the Redis may be asked for.
pub(super) fn shared_keys(route: &DestinationSettings) -> Option<String> {
    let DestinationSettings::Token { source: token::Settings::Redis(redis), .. } = route else {
        return None;
    };
    (!redis.has_namespace()).then(|| {
        "TokenRedis has no namespace: clients can name any key of that database. Keep tokens under \
         a prefix of their own and add it to --token-source, as in localhost:6379:0::tokens"
            .to_owned()
    })
}
