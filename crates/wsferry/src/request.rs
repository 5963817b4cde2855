//! What a client says about itself in its handshake.

use std::net::SocketAddr;

use http::header::ORIGIN;
use http::{HeaderMap, Uri};
use wsferry_proto::handshake::{self, Refusal};
use wsferry_proto::{Host, Origin};

/// A handshake, or a request for a file, as far as it decides who may do what.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where the connection comes from.
    pub client: SocketAddr,
    /// Whom the client means to talk to.
    pub host: Host,
    /// Which page opened the connection; a client that is not a browser says nothing.
    pub origin: Option<Origin>,
}

impl Request {
    /// Reads it from a request.
    ///
    /// # Errors
    /// No Host, two, a malformed one, or one that contradicts an absolute request target.
    pub fn read(client: SocketAddr, uri: &Uri, headers: &HeaderMap) -> Result<Self, Refusal> {
        let host = handshake::host(headers)?;
        // RFC 9112 §3.2.2: an absolute target replaces the Host. Two different ones are a trick.
        if let Some(authority) = uri.authority()
            && authority.as_str().parse::<Host>().ok().as_ref() != Some(&host)
        {
            return Err(Refusal {
                status: http::StatusCode::BAD_REQUEST,
                reason: "the request target names another host than the Host field",
            });
        }
        Ok(Self { client, host, origin: origin(headers) })
    }
}

/// More than one Origin is no origin that could be on a list.
fn origin(headers: &HeaderMap) -> Option<Origin> {
    let values: Vec<_> = headers.get_all(ORIGIN).iter().map(http::HeaderValue::as_bytes).collect();
    let text = values.join(&b", "[..]);
    (!values.is_empty()).then(|| Origin::from(&*String::from_utf8_lossy(&text)))
}
