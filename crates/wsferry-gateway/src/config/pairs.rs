//! Which settings need each other, and which exclude each other.

use super::error::{ConfigError, Spelling};
use super::{Listener, Route};
use crate::relay::LONGEST_CHARACTER;

/// A setting that is given, its name, and what it needs or excludes.
type Pair = (bool, &'static str, &'static str);

impl Listener {
    /// Settings that make no sense without another one.
    pub(super) fn check(&self, spelling: Spelling) -> Result<(), ConfigError> {
        let needs = [(self.cafile.is_some() && !self.verify_client, "cafile", "verify-client")];
        needed(&needs, spelling)?;
        let without = [
            (self.ssl_only, "ssl-only"),
            (self.verify_client, "verify-client"),
            (self.key.is_some(), "key"),
        ];
        match without.iter().find(|(is_given, _)| *is_given && self.cert.is_none()) {
            Some((_, name)) => Err(ConfigError(format!(
                "{} needs a certificate: name one with {}",
                spelling.of(name),
                spelling.of("cert"),
            ))),
            None => Ok(()),
        }
    }
}

impl Route {
    /// Settings that make no sense without another one, or with it.
    pub(super) fn check(&self, spelling: Spelling) -> Result<(), ConfigError> {
        let has_web = self.web.is_some();
        let has_plugin = self.token_plugin.is_some();
        let has_auth = self.auth_plugin.is_some();
        needed(
            &[
                (self.token_source.is_some() && !has_plugin, "token-source", "token-plugin"),
                (self.host_token && !has_plugin, "host-token", "token-plugin"),
                (self.auth_source.is_some() && !has_auth, "auth-source", "auth-plugin"),
                (self.web_auth && !has_web, "web-auth", "web"),
                (self.web_auth && !has_auth, "web-auth", "auth-plugin"),
                (self.web_listing && !has_web, "web-listing", "web"),
                (!self.header.is_empty() && !has_web, "header", "web"),
                (self.cross_origin_isolated && !has_web, "cross-origin-isolated", "web"),
                (
                    self.ssl_target_cafile.is_some() && !self.ssl_target,
                    "ssl-target-cafile",
                    "ssl-target",
                ),
                (self.ssl_target_insecure && !self.ssl_target, "ssl-target-insecure", "ssl-target"),
            ],
            spelling,
        )?;
        // Also where nobody asks for text: a client may, by the subprotocol of that name.
        if self.max_message < LONGEST_CHARACTER {
            return Err(ConfigError(format!(
                "{} {} is less than a character of text may have: give {LONGEST_CHARACTER} or more",
                spelling.of("max-message"),
                self.max_message
            )));
        }
        let (one, other) = ("ssl-target-cafile", "ssl-target-insecure");
        if self.ssl_target_cafile.is_some() && self.ssl_target_insecure {
            return Err(ConfigError(format!(
                "{} and {} exclude each other: give one of them",
                spelling.of(one),
                spelling.of(other),
            )));
        }
        Ok(())
    }
}

fn needed(pairs: &[Pair], spelling: Spelling) -> Result<(), ConfigError> {
    match pairs.iter().find(|(is_wrong, ..)| *is_wrong) {
        Some((_, name, other)) => Err(ConfigError(format!(
            "{} has no effect without {}: give both, or neither",
            spelling.of(name),
            spelling.of(other),
        ))),
        None => Ok(()),
    }
}
