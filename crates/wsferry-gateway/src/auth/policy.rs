//! Who may have a session on a route: pages of the same host or of a list, and those whom the plug-in
//! lets in.

use http::StatusCode;
use wsferry_proto::Origin;

use super::{AllowOrigin, Auth, Denial, Failures, Pass, for_shell};
use crate::request::Request;

/// What the rules allow beyond what is always allowed.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Origins of other hosts whose pages may connect.
    pub allow_origin: Vec<AllowOrigin>,
    /// Whether a client without an Origin (which no browser is) is refused.
    pub require_origin: bool,
}

/// Proof that a request was let in: only [`Policy::admit`] makes one, and no session starts without.
#[derive(Debug)]
pub struct Admitted {
    pass: Pass,
}

impl Admitted {
    /// What is known of the client.
    pub const fn pass(&self) -> &Pass {
        &self.pass
    }
}

/// The rules of one route.
#[derive(Debug)]
pub struct Policy {
    settings: Settings,
    auth: Option<Box<dyn Auth>>,
}

impl Policy {
    /// The rules, and the plug-in that decides too.
    pub const fn new(settings: Settings, auth: Option<Box<dyn Auth>>) -> Self {
        Self { settings, auth }
    }

    /// Whether a plug-in decides.
    pub const fn has_plugin(&self) -> bool {
        self.auth.is_some()
    }

    /// Whether the client may have a session. Whether it means this gateway at all, [`HostRules`](super::HostRules) tell.
    ///
    /// # Errors
    /// 403 with the flag that would allow it, or what the plug-in says.
    pub async fn admit(
        &self,
        request: &Request<'_>,
        failures: &Failures,
    ) -> Result<Admitted, Denial> {
        if !self.auth.as_deref().is_some_and(Auth::decides_origin) {
            self.check_origin(request)?;
        }
        let pass = self.authenticate(request, failures).await?;
        Ok(Admitted { pass })
    }

    /// Whether the plug-in lets the client in. A secret that is none is a failure of its source.
    ///
    /// # Errors
    /// What the plug-in says.
    pub async fn authenticate(
        &self,
        request: &Request<'_>,
        failures: &Failures,
    ) -> Result<Pass, Denial> {
        let Some(auth) = &self.auth else { return Ok(Pass::default()) };
        let checked = auth.check(request).await;
        if let Err(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) =
            checked.as_ref().map_err(|denial| denial.status)
            && auth.shows_secret(request)
        {
            failures.failed(request.client.address);
        }
        checked
    }

    fn check_origin(&self, request: &Request<'_>) -> Result<(), Denial> {
        let Some(origin) = &request.origin else {
            return if self.settings.require_origin {
                Err(Denial {
                    status: StatusCode::FORBIDDEN,
                    reason: "the handshake has no Origin".into(),
                    remedy: "no --require-origin".to_owned(),
                    challenge: None,
                })
            } else {
                Ok(())
            };
        };
        // Any port and scheme of the same host: a dev server beside the gateway just works. So do the
        // names of this machine's loopback for one another, where no other machine can be meant.
        let is_same_host = origin.host().is_some_and(|host| {
            let is_over_loopback = request.client.address.ip().is_some_and(|ip| ip.is_loopback());
            let own = &request.host.name;
            host == own || is_over_loopback && host.is_loopback() && own.is_loopback()
        });
        if is_same_host || self.settings.allow_origin.iter().any(|item| item.allows(origin)) {
            return Ok(());
        }
        // What has no host is nobody's: any site can send `null`, so that is no advice.
        let remedy = match origin {
            Origin::Opaque(_) => String::new(),
            origin => format!("--allow-origin {}", for_shell(&origin.to_string())),
        };
        Err(Denial {
            status: StatusCode::FORBIDDEN,
            reason: "pages of this origin may not connect here".into(),
            remedy,
            challenge: None,
        })
    }
}
