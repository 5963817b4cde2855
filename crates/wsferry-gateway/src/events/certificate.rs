//! What happens with certificates, authorities and other files that change.

use std::time::SystemTime;

use super::Shown;

/// Something that happened with files that are looked at while the gateway runs.
#[derive(Debug)]
pub enum CertificateEvent<'a> {
    /// New connections get this certificate from now on.
    InUse {
        /// When it becomes valid.
        from: SystemTime,
        /// When it expires.
        until: SystemTime,
    },
    /// The certificate's files have changed, and are good.
    Replaced,
    /// The certificate's files have changed, and are no good; the old certificate stays in use.
    Kept {
        /// What is wrong with them.
        error: Shown<'a>,
    },
    /// The file of those that vouch for targets has changed, and is good.
    AuthoritiesReplaced,
    /// The file of those that vouch for targets has changed, and is no good; the old ones stay in use.
    AuthoritiesKept {
        /// What is wrong with it.
        error: Shown<'a>,
    },
    /// A look at files takes too long; it goes on, and what there was stays in use meanwhile.
    LookIsSlow {
        /// What the files hold.
        what: &'static str,
        /// For how many seconds it has been under way.
        seconds: u64,
    },
}
