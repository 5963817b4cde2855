//! `BasicHTTPAuth`: one user and password, asked for as RFC 7617 has it.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::AUTHORIZATION;
use http::{HeaderValue, StatusCode};
use thiserror::Error;

use super::{Auth, Checked, Denial, Pass};
use crate::request::Request;

/// The challenge, in websockify's words: passwords that a browser has stored go by the realm.
const CHALLENGE: &str = "Basic realm=\"Websockify\"";
/// The most characters that are decoded: no name and password are as long.
const MAX_ENCODED: usize = 4096;
/// Padding may be there or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Text that is not `user:password`. It is a secret, so it is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the credentials have no colon: give --auth-source user:password, such as anna:correct-horse"
)]
pub struct CredentialsError;

/// Lets in who knows the user's name and password.
#[derive(Clone)]
pub struct BasicHTTPAuth {
    user: String,
    user_hash: Digest,
    password_hash: Digest,
}

impl BasicHTTPAuth {
    /// From `user:password`; the password may hold colons.
    ///
    /// # Errors
    /// No colon.
    pub fn new(source: &str) -> Result<Self, CredentialsError> {
        let (user, password) = source.split_once(':').ok_or(CredentialsError)?;
        let (user_hash, password_hash) = (hash(user.as_bytes()), hash(password.as_bytes()));
        Ok(Self { user: user.to_owned(), user_hash, password_hash })
    }

    /// Both parts are always compared, by hashes of one length: the time tells neither how much of
    /// them was right nor how long they are.
    fn knows(&self, user: &[u8], password: &[u8]) -> bool {
        let are_equal = |one: &Digest, other: &Digest| {
            verify_slices_are_equal(one.as_ref(), other.as_ref()).is_ok()
        };
        let is_user = are_equal(&hash(user), &self.user_hash);
        is_user & are_equal(&hash(password), &self.password_hash)
    }
}

impl fmt::Debug for BasicHTTPAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BasicHTTPAuth(…)")
    }
}

impl Auth for BasicHTTPAuth {
    fn check<'a>(&'a self, request: &'a Request<'a>) -> Checked<'a> {
        let mut values = request.head.headers.get_all(AUTHORIZATION).iter();
        let decided = match (values.next(), values.next()) {
            (None, _) => Err("credentials are needed"),
            (Some(value), None) => match credentials(value) {
                None => Err("the credentials cannot be read"),
                Some((user, password)) if self.knows(&user, &password) => {
                    Ok(Pass { identity: Some(self.user.clone()), target: None })
                }
                Some(_) => Err("the credentials are wrong"),
            },
            _ => Err("there is more than one Authorization"),
        };
        Box::pin(std::future::ready(decided.map_err(denial)))
    }

    fn shows_secret(&self, request: &Request<'_>) -> bool {
        request.head.headers.contains_key(AUTHORIZATION)
    }
}

fn denial(reason: &'static str) -> Denial {
    Denial {
        status: StatusCode::UNAUTHORIZED,
        reason: reason.into(),
        remedy: String::new(),
        challenge: Some(HeaderValue::from_static(CHALLENGE)),
    }
}

/// Name and password in the value of an Authorization field.
fn credentials(value: &HeaderValue) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    let encoded = encoded.trim();
    if !scheme.eq_ignore_ascii_case("Basic") || encoded.len() > MAX_ENCODED {
        return None;
    }
    let mut user = BASE64.decode(encoded).ok()?;
    let colon = user.iter().position(|&byte| byte == b':')?;
    let password = user.split_off(colon + 1);
    user.truncate(colon);
    Some((user, password))
}

fn hash(bytes: &[u8]) -> Digest {
    digest(&SHA256, bytes)
}
