//! Signed words: JSON Web Tokens, as a JWS, or as a JWE whose content is a JWS (RFC 7515, 7516).
//!
//! The kind of the key decides which algorithms may be used, never the token: so `alg: none` and an
//! HMAC made with the text of a public key are refused before anything is computed. Signatures are
//! jsonwebtoken's; the envelope of a JWE is opened here with aws-lc-rs.

mod envelope;
mod key;
mod unwrap;

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};
use thiserror::Error;

pub use key::KeyError;

/// What a token says.
pub type Claims = Map<String, Value>;

/// A key that tokens are checked with.
pub struct Key {
    signature: DecodingKey,
    algorithms: Vec<Algorithm>,
    opener: Option<envelope::Opener>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}

/// Why a token is not to be believed. It holds nothing of the token.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Flaw {
    /// Three or five parts in base64url, with JSON in them. Those of an unknown algorithm, `none`
    /// above all, are not read at all.
    #[error("it is not a compact JWS or JWE, or its algorithm is unknown or none")]
    Form,
    /// An algorithm of another kind of key.
    #[error("its algorithm does not fit this key")]
    Algorithm,
    /// RFC 7515 §4.1.11, RFC 7516 §4.1.3: what is critical must be understood.
    #[error("its header requires something that is not supported (crit or zip)")]
    Header,
    /// Another key, or changed on the way.
    #[error("its signature was not made with this key")]
    Signature,
    /// Another key, or changed on the way.
    #[error("it cannot be decrypted with this key")]
    Sealed,
    /// `exp` is over, or is no number.
    #[error("it is expired")]
    Expired,
    /// `nbf` is still to come, or is no number.
    #[error("it is not valid yet")]
    NotYet,
}

impl Key {
    /// What a token says, if the key's owner said it and `now` is between its `nbf` and its `exp`,
    /// to the second and without leeway.
    ///
    /// # Errors
    /// The first flaw that was found.
    pub fn claims(&self, token: &str, now: SystemTime) -> Result<Claims, Flaw> {
        let claims = if token.bytes().filter(|&byte| byte == b'.').count() == 4 {
            let opener = self.opener.as_ref().ok_or(Flaw::Algorithm)?;
            self.signed(&opener.open(token)?)?
        } else {
            self.signed(token)?
        };
        let now = now.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        check_times(&claims, now)?;
        Ok(claims)
    }

    /// The claims of a JWS.
    fn signed(&self, token: &str) -> Result<Claims, Flaw> {
        let mut validation = Validation::default();
        validation.algorithms.clone_from(&self.algorithms);
        // Fractions of a second count too, and a token without `exp` is good for ever: both are
        // checked above, for JWS and JWE alike.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let token = jsonwebtoken::decode::<Claims>(token, &self.signature, &validation);
        let token = token.map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => Flaw::Signature,
            ErrorKind::InvalidAlgorithm => Flaw::Algorithm,
            _ => Flaw::Form,
        })?;
        if token.header.crit.is_some() {
            return Err(Flaw::Header);
        }
        Ok(token.claims)
    }
}

/// RFC 7519 §4.1.4 and §4.1.5: on or after `exp` it must not be accepted, nor before `nbf`.
fn check_times(claims: &Claims, now: f64) -> Result<(), Flaw> {
    if let Some(expiry) = claims.get("exp")
        && expiry.as_f64().is_none_or(|expiry| now >= expiry)
    {
        return Err(Flaw::Expired);
    }
    if let Some(start) = claims.get("nbf")
        && start.as_f64().is_none_or(|start| now < start)
    {
        return Err(Flaw::NotYet);
    }
    Ok(())
}
