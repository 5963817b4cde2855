//! Which options need or exclude each other, beyond those that a file has too.

use super::called::Misuse;
use super::options::TypedOptions;

impl TypedOptions {
    /// Options that make no sense without another one, or with it.
    pub(super) fn check_pairs(&self) -> Result<(), Misuse> {
        if self.legacy_syslog && self.syslog.is_none() {
            return Err(
                "--legacy-syslog has no effect without --syslog: give both, or neither".to_owned()
            );
        }
        let excludes = [
            (self.inetd && self.unix_listen.is_some(), "--inetd", "--unix-listen"),
            (
                self.target_config.is_some() && self.token_plugin.is_some(),
                "--target-config",
                "--token-plugin",
            ),
            (self.web_listing && self.file_only, "--web-listing", "--file-only"),
            (self.inetd && self.daemon, "--inetd", "--daemon"),
            (self.inetd && !self.program.is_empty(), "--inetd", "-- PROGRAM"),
        ];
        match excludes.iter().find(|(is_wrong, ..)| *is_wrong) {
            Some((_, option, other)) => {
                Err(format!("{option} and {other} exclude each other: give one of them"))
            }
            None => Ok(()),
        }
    }
}
