//! `ExpectOrigin`: a list of origins whose pages may connect. Nothing else counts: not the rule of
//! the same host, and a client that says no origin is not let in.

use http::StatusCode;
use wsferry_proto::Origin;

use super::{AllowOrigin, Auth, Checked, Denial, Pass};
use crate::request::Request;

/// Lets in pages of some origins.
#[derive(Clone, Debug)]
pub struct ExpectOrigin {
    origins: Vec<Origin>,
}

impl ExpectOrigin {
    /// From origins with blanks between them. They are compared by scheme, host and port, whatever path
    /// is behind them; what is no origin of a page, such as `null`, by its text. There are no patterns,
    /// as there are none in websockify: `*` is no origin, and lets nobody in.
    pub fn new(source: &str) -> Self {
        Self { origins: source.split_whitespace().map(Origin::from).collect() }
    }

    /// Whether any page of the world can have an origin of the list.
    pub fn has_anybodys(&self) -> bool {
        let is_anybodys = |origin: &Origin| AllowOrigin::One(origin.clone()).is_anybodys();
        self.origins.iter().any(is_anybodys)
    }

    /// Whether `*` is on the list, which is no origin.
    pub fn has_star(&self) -> bool {
        self.origins.contains(&Origin::from("*"))
    }
}

impl Auth for ExpectOrigin {
    fn check<'a>(&'a self, request: &'a Request<'a>) -> Checked<'a> {
        let decided = match &request.origin {
            Some(origin) if self.origins.contains(origin) => Ok(Pass::default()),
            Some(origin @ Origin::Site { .. }) => Err((
                "pages of this origin may not connect here",
                format!("add {origin} to --auth-source"),
            )),
            Some(_) => Err(("pages of this origin may not connect here", String::new())),
            None => Err(("the request has no Origin", String::new())),
        };
        Box::pin(std::future::ready(decided.map_err(|(reason, remedy)| Denial {
            status: StatusCode::FORBIDDEN,
            reason: reason.into(),
            remedy,
            challenge: None,
        })))
    }

    fn decides_origin(&self) -> bool {
        true
    }
}
