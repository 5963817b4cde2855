//! The names of websockify's plug-ins → settings of the rooms that do their work.

use crate::{auth, token};

/// Reads `--token-plugin` and `--token-source`.
///
/// # Errors
/// One sentence that names what is wrong.
pub fn token(class: &str, source: Option<String>) -> Result<token::Settings, String> {
    Err(format!("{class} {source:?}"))
}

/// Reads `--auth-plugin` and `--auth-source`.
///
/// # Errors
/// One sentence that names what is wrong.
pub fn auth(class: &str, source: Option<String>) -> Result<auth::PluginSettings, String> {
    Err(format!("{class} {source:?}"))
}
