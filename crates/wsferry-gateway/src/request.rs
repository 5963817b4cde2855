//! What a client says about itself in its handshake.

use std::net::{IpAddr, Ipv4Addr};

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Version};
use percent_encoding::percent_decode_str;
use wsferry_proto::handshake::{self, Refusal};
use wsferry_proto::{Host, HostName, Origin};

use crate::client::ClientAddress;

/// A handshake, or a request for a file, as far as it decides who may do what.
#[derive(Debug)]
pub struct Request<'a> {
    /// The connection that it came by.
    pub client: Client<'a>,
    /// Whom the client means to talk to.
    pub host: Host,
    /// Which page opened the connection; a client that is not a browser says nothing.
    pub origin: Option<Origin>,
    /// The request as it came: its target and its fields.
    pub head: &'a Parts,
}

/// The connection that a request came by.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// Where it comes from.
    pub address: ClientAddress,
    /// The common names of the certificate that the client proved to have; none without TLS or
    /// without a certificate.
    pub common_names: &'a [String],
}

impl<'a> Request<'a> {
    /// Reads it from a request.
    ///
    /// # Errors
    /// No Host, two, a malformed one, or one that contradicts an absolute request target.
    pub fn read(client: Client<'a>, head: &'a Parts) -> Result<Self, Refusal> {
        // RFC 9112 §3.2 asks for a Host from HTTP/1.1 on. A client that names none, as a health check
        // may, means this machine; no browser is one.
        let is_nameless = head.version < Version::HTTP_11 && !head.headers.contains_key(HOST);
        let host = match head.uri.authority() {
            None if is_nameless => {
                Host { name: HostName::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)), port: None }
            }
            Some(authority) if is_nameless => authority.as_str().parse().map_err(|_| Refusal {
                status: http::StatusCode::BAD_REQUEST,
                reason: "the host of the request target is malformed",
            })?,
            _ => handshake::host(&head.headers)?,
        };
        // RFC 9112 §3.2.2: an absolute target replaces the Host. Two different ones are a trick.
        if let Some(authority) = head.uri.authority()
            && authority.as_str().parse::<Host>().ok().as_ref() != Some(&host)
        {
            return Err(Refusal {
                status: http::StatusCode::BAD_REQUEST,
                reason: "the request target names another host than the Host field",
            });
        }
        Ok(Self { client, host, origin: origin(&head.headers), head })
    }

    /// The values of a parameter of the request target's query, decoded (`+` is a blank, RFC 1866
    /// §8.2.1). What is not UTF-8 has replacement characters, and so is on no list.
    pub fn parameters(&self, name: &str) -> impl Iterator<Item = String> {
        let query = self.head.uri.query().unwrap_or_default();
        query.split('&').filter_map(move |pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key) == name).then(|| decode(value))
        })
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// More than one Origin is no origin that could be on a list.
fn origin(headers: &HeaderMap) -> Option<Origin> {
    let values: Vec<_> = headers.get_all(ORIGIN).iter().map(http::HeaderValue::as_bytes).collect();
    let text = values.join(&b", "[..]);
    (!values.is_empty()).then(|| Origin::from(&*String::from_utf8_lossy(&text)))
}
