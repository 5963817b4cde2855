//! Which options need each other, and which exclude each other.

use wsferry_gateway::relay::LONGEST_CHARACTER;

use super::called::{Called, Misuse};
use super::options::TypedOptions;

impl TypedOptions {
    /// Options that make no sense without another one, or with it.
    pub(super) fn check_pairs(&self, called: Called) -> Result<(), Misuse> {
        let needs = [
            (
                self.token_source.is_some() && self.token_plugin.is_none(),
                "--token-source",
                "--token-plugin",
            ),
            (
                self.host_token && self.token_plugin.is_none() && self.target_config.is_none(),
                "--host-token",
                "--token-plugin",
            ),
            (
                self.auth_source.is_some() && self.auth_plugin.is_none(),
                "--auth-source",
                "--auth-plugin",
            ),
            (self.web_auth && self.web.is_none(), "--web-auth", "--web"),
            (self.web_auth && self.auth_plugin.is_none(), "--web-auth", "--auth-plugin"),
            (self.web_listing && self.web.is_none(), "--web-listing", "--web"),
            (!self.header.is_empty() && self.web.is_none(), "--header", "--web"),
            (self.cross_origin_isolated && self.web.is_none(), "--cross-origin-isolated", "--web"),
            (
                self.cafile.is_some() && !self.verify_client && called == Called::Wsferry,
                "--cafile",
                "--verify-client",
            ),
            (
                self.ssl_target_cafile.is_some() && !self.ssl_target,
                "--ssl-target-cafile",
                "--ssl-target",
            ),
            (self.ssl_target_insecure && !self.ssl_target, "--ssl-target-insecure", "--ssl-target"),
            (self.legacy_syslog && self.syslog.is_none(), "--legacy-syslog", "--syslog"),
        ];
        if let Some((_, option, other)) = needs.iter().find(|(is_wrong, ..)| *is_wrong) {
            return Err(format!("{option} has no effect without {other}: give both, or neither"));
        }
        let excludes = [
            (self.inetd && self.unix_listen.is_some(), "--inetd", "--unix-listen"),
            (
                self.target_config.is_some() && self.token_plugin.is_some(),
                "--target-config",
                "--token-plugin",
            ),
            (self.web_listing && self.file_only, "--web-listing", "--file-only"),
            (
                self.ssl_target_cafile.is_some() && self.ssl_target_insecure,
                "--ssl-target-cafile",
                "--ssl-target-insecure",
            ),
            (self.inetd && self.daemon, "--inetd", "--daemon"),
            (self.inetd && !self.program.is_empty(), "--inetd", "-- PROGRAM"),
        ];
        // Also where nobody asks for text: a client may, by the subprotocol of that name.
        if self.max_message < LONGEST_CHARACTER {
            return Err(format!(
                "--max-message {} is less than a character of text may have: give {LONGEST_CHARACTER} or more",
                self.max_message
            ));
        }
        match excludes.iter().find(|(is_wrong, ..)| *is_wrong) {
            Some((_, option, other)) => {
                Err(format!("{option} and {other} exclude each other: give one of them"))
            }
            None => Ok(()),
        }
    }
}
