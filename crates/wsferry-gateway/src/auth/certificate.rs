//! `ClientCertCNAuth`: a list of common names that a client's certificate may have.

use http::StatusCode;

use super::{Auth, Checked, Denial, Pass};
use crate::request::Request;

/// Lets in clients whose certificate, which TLS has checked, names one of a list.
#[derive(Clone, Debug)]
pub struct ClientCertCNAuth {
    names: Vec<String>,
}

impl ClientCertCNAuth {
    /// From common names with blanks between them.
    pub fn new(source: &str) -> Self {
        Self { names: source.split_whitespace().map(str::to_owned).collect() }
    }
}

impl Auth for ClientCertCNAuth {
    fn check<'a>(&'a self, request: &'a Request<'a>) -> Checked<'a> {
        let names = request.client.common_names;
        let known = names.iter().find(|name| self.names.contains(name));
        let decided = known.map(|name| Pass { identity: Some(name.clone()), target: None });
        Box::pin(std::future::ready(decided.ok_or_else(|| Denial {
            status: StatusCode::FORBIDDEN,
            reason: "a certificate with a name on the list is needed".into(),
            remedy: String::new(),
            challenge: None,
        })))
    }
}
