//! `--ssl-ciphers`: a cipher list in OpenSSL's words (ciphers(1)), made into the suites of the TLS
//! library in the order that the list gives.
//!
//! As in OpenSSL the list is about TLS 1.2; the suites of TLS 1.3 stay on, unless some of them are
//! named: then only those are on. What OpenSSL has and the TLS library does not have is left out, and
//! [`Ciphers::left_out`] tells it.

use std::str::FromStr;

use rustls::SupportedCipherSuite;

use super::cipher_table::{CIPHERS, Cipher, is_known};
use super::error::CipherError;

/// Which cipher suites are offered, and in what order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ciphers {
    /// `None`: those of the TLS library, in the client's order.
    chosen: Option<Vec<&'static Cipher>>,
    left_out: Vec<String>,
}

impl Ciphers {
    /// The ciphers and groups of the list that the TLS library does not have, as they were written.
    /// The others of the list are on.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// The names of the chosen ciphers in OpenSSL's words, the preferred one first; `None` for the
    /// default.
    pub fn names(&self) -> Option<Vec<&'static str>> {
        self.chosen.as_ref().map(|chosen| chosen.iter().map(|cipher| cipher.name).collect())
    }

    /// The suites, where a list was given.
    pub(super) fn suites(&self) -> Option<Vec<SupportedCipherSuite>> {
        self.chosen.as_ref().map(|chosen| chosen.iter().map(|cipher| *cipher.suite).collect())
    }
}

impl FromStr for Ciphers {
    type Err = CipherError;

    fn from_str(text: &str) -> Result<Self, CipherError> {
        let words = text
            .split(|c: char| matches!(c, ':' | ',' | ';') || c.is_whitespace())
            .filter(|word| !word.is_empty());
        let mut list = List::default();
        for word in words {
            list.apply(word)?;
        }
        if list.on.is_empty() {
            return Err(CipherError::Nothing { list: text.to_owned() });
        }
        if !list.on.iter().any(|cipher| cipher.is_tls13()) {
            let rest = CIPHERS.iter().filter(|cipher| cipher.is_tls13());
            list.on.extend(rest.filter(|cipher| !list.banned.contains(cipher)));
        }
        Ok(Self { chosen: Some(list.on), left_out: list.left_out })
    }
}

/// A list while it is read, word by word.
#[derive(Default)]
struct List {
    on: Vec<&'static Cipher>,
    banned: Vec<&'static Cipher>,
    left_out: Vec<String>,
}

impl List {
    fn apply(&mut self, word: &str) -> Result<(), CipherError> {
        if word == "@STRENGTH" {
            self.on.sort_by_key(|cipher| std::cmp::Reverse(cipher.bits));
            return Ok(());
        }
        if word.strip_prefix("@SECLEVEL=").is_some_and(|level| level.parse::<u8>().is_ok()) {
            // Every cipher here fulfils the highest level that certificates in use reach.
            return Ok(());
        }
        let (sign, name) = match word.split_at_checked(1) {
            Some((sign @ ("!" | "-" | "+"), name)) => (sign, name),
            _ => ("", word),
        };
        let mut meant: Vec<_> = CIPHERS.iter().filter(|cipher| cipher.is_meant(name)).collect();
        if meant.is_empty() {
            if !is_known(name) {
                return Err(CipherError::Unknown { name: name.to_owned() });
            }
            if sign.is_empty() {
                self.left_out.push(name.to_owned());
            }
        }
        match sign {
            "+" => {
                let (moved, stay) = self.on.drain(..).partition(|cipher| meant.contains(cipher));
                self.on = stay;
                meant = moved;
                self.on.append(&mut meant);
            }
            "" => {
                meant.retain(|cipher| !self.on.contains(cipher) && !self.banned.contains(cipher));
                self.on.append(&mut meant);
            }
            _ => {
                self.on.retain(|cipher| !meant.contains(cipher));
                if sign == "!" {
                    self.banned.append(&mut meant);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TLS13: [&str; 3] =
        ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"];

    /// The names for TLS 1.2 that a list gives; those of TLS 1.3 must be all there.
    fn chosen(list: &str) -> Vec<&'static str> {
        let names = list.parse::<Ciphers>().unwrap().names().unwrap();
        let (tls13, others): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| name.starts_with("TLS_"));
        assert_eq!(tls13, TLS13, "{list}");
        others
    }

    #[test]
    fn ciphers_are_taken_in_the_order_given() {
        let names = ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"];
        for separator in [":", ",", " ", ", ", ";"] {
            assert_eq!(chosen(&names.join(separator)), names);
        }
    }

    #[test]
    fn groups_stand_for_all_that_are_in_them() {
        for list in ["DEFAULT", "HIGH", "ALL", "ECDHE", "HIGH:!aNULL:!MD5:!RC4", "EECDH", "TLSv1.2"]
        {
            assert_eq!(chosen(list).len(), 6, "{list}");
        }
        assert_eq!(chosen("AESGCM").len(), 4);
        assert_eq!(
            chosen("CHACHA20"),
            ["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"]
        );
        assert_eq!(chosen("ECDHE+AESGCM+aRSA+AES128"), ["ECDHE-RSA-AES128-GCM-SHA256"]);
    }

    #[test]
    fn an_exclamation_mark_bans_and_a_hyphen_only_removes() {
        let name = "ECDHE-RSA-AES256-GCM-SHA384";
        assert!(!chosen(&format!("HIGH:!AES256:{name}")).contains(&name));
        assert_eq!(chosen(&format!("HIGH:-AES256:{name}")).last(), Some(&name));
        assert_eq!(chosen("ALL:!CHACHA20:!aECDSA").len(), 2);
    }

    #[test]
    fn a_plus_moves_to_the_end_and_adds_nothing() {
        let moved = chosen("HIGH:+AESGCM");
        assert_eq!(moved.len(), 6);
        assert!(moved[0].contains("CHACHA20") && moved[1].contains("CHACHA20"));
        assert_eq!(chosen("CHACHA20:+AESGCM").len(), 2);
    }

    #[test]
    fn strength_sorts_and_keeps_the_order_of_equals() {
        assert_eq!(
            chosen("AES128:CHACHA20:@STRENGTH"),
            [
                "ECDHE-ECDSA-CHACHA20-POLY1305",
                "ECDHE-RSA-CHACHA20-POLY1305",
                "ECDHE-ECDSA-AES128-GCM-SHA256",
                "ECDHE-RSA-AES128-GCM-SHA256",
            ]
        );
    }

    #[test]
    fn tls_1_3_is_touched_only_by_its_own_names() {
        let names = |list: &str| list.parse::<Ciphers>().unwrap().names().unwrap();
        assert_eq!(names("TLS_AES_128_GCM_SHA256"), ["TLS_AES_128_GCM_SHA256"]);
        assert_eq!(
            names("ECDHE-RSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256"),
            ["ECDHE-RSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"]
        );
        assert_eq!(names("CHACHA20:!TLS_AES_128_GCM_SHA256").len(), 4);
        assert_eq!(chosen("CHACHA20:!AES").len(), 2);
    }

    #[test]
    fn what_the_library_has_not_is_left_out_and_told() {
        let list = "AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256:EDH+AESGCM:!RC4:-DHE:@SECLEVEL=1";
        let ciphers = list.parse::<Ciphers>().unwrap();
        assert_eq!(ciphers.left_out(), ["AES128-SHA", "EDH+AESGCM"]);
        assert_eq!(ciphers.names().unwrap()[0], "ECDHE-RSA-AES128-GCM-SHA256");
    }

    #[test]
    fn a_list_that_leaves_nothing_is_refused_with_the_names_that_exist() {
        for list in ["", " : ", "RC4-SHA:DES-CBC3-SHA", "HIGH:!ECDHE", "!AES", "DHE+AESGCM"] {
            let error = list.parse::<Ciphers>().unwrap_err();
            assert_eq!(error, CipherError::Nothing { list: list.to_owned() });
            assert!(error.to_string().contains("ECDHE-RSA-CHACHA20-POLY1305"), "{error}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused_also_among_known_ones() {
        for (list, name) in [
            ("HIGH:ECDHE-RSA-AES128-GCM-SHA385", "ECDHE-RSA-AES128-GCM-SHA385"),
            ("HIGH:!NOPE", "NOPE"),
            ("HIGH:AES+", "AES+"),
            ("@SECLEVEL=x", "@SECLEVEL=x"),
            ("!", ""),
        ] {
            let error = list.parse::<Ciphers>().unwrap_err();
            assert_eq!(error, CipherError::Unknown { name: name.to_owned() }, "{list}");
        }
    }
}
