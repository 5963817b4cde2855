//! The cipher suites of the TLS library under their names in OpenSSL, with the groups of
//! ciphers(1) that they belong to; and the words OpenSSL uses for what there is not.

use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs::cipher_suite as suite;

/// A cipher that the TLS library has.
#[derive(Debug, PartialEq)]
pub(super) struct Cipher {
    /// OpenSSL's name.
    pub(super) name: &'static str,
    /// The cipher to the TLS library.
    pub(super) suite: &'static SupportedCipherSuite,
    /// Bits of its key, by which `@STRENGTH` sorts.
    pub(super) bits: u16,
    /// The groups for the certificate's kind of key. Empty for TLS 1.3, which groups do not touch.
    signer: Groups,
    /// The groups for the cipher itself. Empty for TLS 1.3.
    content: Groups,
}

type Groups = &'static [&'static str];

/// Groups that every cipher for TLS 1.2 here is in.
const ALL: Groups =
    &["ALL", "DEFAULT", "HIGH", "TLSv1.2", "ECDHE", "EECDH", "kECDHE", "kEECDH", "AEAD"];
const ECDSA: Groups = &["ECDSA", "aECDSA"];
const RSA: Groups = &["aRSA"];
const AES256: Groups = &["AES", "AES256", "AESGCM"];
const AES128: Groups = &["AES", "AES128", "AESGCM"];
const CHACHA20: Groups = &["CHACHA20"];
const TLS13: Groups = &[];

const fn cipher(
    name: &'static str,
    suite: &'static SupportedCipherSuite,
    bits: u16,
    signer: Groups,
    content: Groups,
) -> Cipher {
    Cipher { name, suite, bits, signer, content }
}

/// All ciphers, in OpenSSL's order.
#[rustfmt::skip] // a table
pub(super) static CIPHERS: &[Cipher] = &[
    cipher("TLS_AES_256_GCM_SHA384", &suite::TLS13_AES_256_GCM_SHA384, 256, TLS13, TLS13),
    cipher("TLS_CHACHA20_POLY1305_SHA256", &suite::TLS13_CHACHA20_POLY1305_SHA256, 256, TLS13, TLS13),
    cipher("TLS_AES_128_GCM_SHA256", &suite::TLS13_AES_128_GCM_SHA256, 128, TLS13, TLS13),
    cipher("ECDHE-ECDSA-AES256-GCM-SHA384", &suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, 256, ECDSA, AES256),
    cipher("ECDHE-RSA-AES256-GCM-SHA384", &suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, 256, RSA, AES256),
    cipher("ECDHE-ECDSA-CHACHA20-POLY1305", &suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, 256, ECDSA, CHACHA20),
    cipher("ECDHE-RSA-CHACHA20-POLY1305", &suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, 256, RSA, CHACHA20),
    cipher("ECDHE-ECDSA-AES128-GCM-SHA256", &suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 128, ECDSA, AES128),
    cipher("ECDHE-RSA-AES128-GCM-SHA256", &suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, 128, RSA, AES128),
];

/// What groups and ciphers that there are not are called in OpenSSL: such a name consists of these
/// words, and of those above, with hyphens between them.
const WORDS_LEFT_OUT: &str = "
    128 256 3DES 40 56 ADH AECDH AES AES128 AES256 AESCCM AESCCM8 ARIA ARIA128 ARIA256 ARIAGCM
    CAMELLIA CAMELLIA128 CAMELLIA256 CBC CBC3 CCM CCM8 COMPLEMENTOFALL COMPLEMENTOFDEFAULT DES DH
    DHE DSS ECDH ECDSA EDE EDH EXP EXPORT EXPORT40 EXPORT56 GCM IDEA LOW MD5 MEDIUM NULL POLY1305
    PSK RC2 RC4 RSA SEED SHA SHA1 SHA256 SHA384 SRP SSLv2 SSLv3 TLSv1 TLSv1.0 aDH aDSS aECDH aNULL
    aPSK aSRP eNULL kDH kDHE kDHEPSK kECDH kECDHEPSK kEDH kPSK kRSA kRSAPSK kSRP";

impl Cipher {
    /// Whether it is one of TLS 1.3.
    pub(super) const fn is_tls13(&self) -> bool {
        self.content.is_empty()
    }

    /// Whether a word, which may be of several joined by `+`, means it.
    pub(super) fn is_meant(&self, word: &str) -> bool {
        self.is_named(word)
            || !self.is_tls13()
                && word.split('+').all(|part| self.is_in(part) || self.is_named(part))
    }

    /// Its name in OpenSSL, or the one that IANA registered. Those are the same for TLS 1.3.
    fn is_named(&self, word: &str) -> bool {
        word == self.name || self.suite.suite().as_str() == Some(word)
    }

    fn is_in(&self, group: &str) -> bool {
        [ALL, self.signer, self.content].iter().any(|groups| groups.contains(&group))
    }
}

/// Whether OpenSSL has a name or a group, or several joined by `+`, even if there is none here.
pub(super) fn is_known(word: &str) -> bool {
    word.split('+').all(|part| {
        CIPHERS
            .iter()
            .any(|cipher| cipher.is_named(part) || !cipher.is_tls13() && cipher.is_in(part))
            || part.split('-').all(|piece| {
                let words = WORDS_LEFT_OUT.split_ascii_whitespace();
                words.chain(["ECDHE", "CHACHA20"]).any(|known| known == piece)
            })
    })
}

/// The names of all ciphers that there are, for sentences.
pub(super) fn names() -> String {
    CIPHERS.iter().map(|cipher| cipher.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_groups_of_openssl_are_known_and_mistakes_are_not() {
        for word in [
            "DHE-RSA-AES128-GCM-SHA256",
            "ECDHE-RSA-AES256-SHA384",
            "DES-CBC3-SHA",
            "PSK-3DES-EDE-CBC-SHA",
            "SRP-DSS-AES-256-CBC-SHA",
            "ECDHE-PSK-CHACHA20-POLY1305",
            "EXP-RC2-CBC-MD5",
            "aNULL",
            "EDH+AESGCM",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        ] {
            assert!(is_known(word), "{word}");
        }
        for word in ["ECDHE-RSA-AES128-GCM-SHA385", "aes", "AES+", "-", "NULL-", "ECDHE-NOBODY"] {
            assert!(!is_known(word), "{word}");
        }
    }

    #[test]
    fn a_cipher_is_meant_by_its_name_in_openssl_and_by_that_of_iana() {
        for cipher in CIPHERS {
            let iana = cipher.suite.suite().as_str().unwrap().replace("TLS13_", "TLS_");
            for name in [cipher.name, &iana] {
                let meant: Vec<_> = CIPHERS.iter().filter(|other| other.is_meant(name)).collect();
                assert_eq!(meant, [cipher], "{name}");
            }
        }
    }
}
