//! Enrolment tokens: what a technician is given to bring a school's machines in.
//!
//! Text form: `VG1-<UAI>-<base32>`, where the base32 (RFC 4648, no padding) holds 16 random bytes of secret, the
//! SHA-256 of the authority's public key (DER SubjectPublicKeyInfo) and 4 bytes of SHA-256 over all that precedes.
//! With the key's digest in hand nothing is trusted on first use; with the check bytes a typing error is told from a
//! refusal, before anything is sent.

use crate::uai::{Uai, UaiError};
use data_encoding::BASE32_NOPAD;
use ring::digest::{SHA256, digest};
use std::fmt;
use std::str::FromStr;

const PREFIX: &str = "VG1";
const SECRET: usize = 16;
const PIN: usize = 32;
const CHECK: usize = 4;

/// A token, readable. `Debug` and logs never show the secret; [`fmt::Display`] writes the whole token.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentToken {
    school: Uai,
    secret: [u8; SECRET],
    authority_key_sha256: [u8; PIN],
}

/// Why a text is not a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not of the form of a token.
    #[error("this is not an enrolment token: it must read VG1-<UAI>-<letters and digits>; copy it whole")]
    Shape,
    /// The school number in it is wrong.
    #[error("the school number in the token is wrong: {0}")]
    School(#[from] UaiError),
    /// The check bytes do not match.
    #[error("the token was altered or cut while being copied: its check characters do not match; copy it again")]
    Altered,
}

impl EnrolmentToken {
    /// A token for a school, from fresh random bytes and the SHA-256 of the authority's SubjectPublicKeyInfo.
    pub fn new(school: Uai, secret: [u8; SECRET], authority_key_sha256: [u8; PIN]) -> Self {
        Self { school, secret, authority_key_sha256 }
    }

    /// The school it is for.
    pub fn school(&self) -> Uai {
        self.school
    }

    /// SHA-256 of the authority's SubjectPublicKeyInfo: what the collector must prove to hold.
    pub fn authority_key_sha256(&self) -> &[u8; PIN] {
        &self.authority_key_sha256
    }

    /// SHA-256 of the secret: what the store keeps.
    pub fn secret_sha256(&self) -> [u8; 32] {
        let mut out = [0; 32];
        for (to, from) in out.iter_mut().zip(digest(&SHA256, &self.secret).as_ref()) {
            *to = *from;
        }
        out
    }

    fn check(&self) -> [u8; CHECK] {
        let mut all = Vec::with_capacity(PREFIX.len() + 8 + SECRET + PIN);
        all.extend_from_slice(PREFIX.as_bytes());
        all.extend_from_slice(self.school.as_str().as_bytes());
        all.extend_from_slice(&self.secret);
        all.extend_from_slice(&self.authority_key_sha256);
        let mut out = [0; CHECK];
        for (to, from) in out.iter_mut().zip(digest(&SHA256, &all).as_ref()) {
            *to = *from;
        }
        out
    }
}

impl FromStr for EnrolmentToken {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let mut parts = text.trim().splitn(3, '-');
        let (Some(PREFIX), Some(school), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(TokenError::Shape);
        };
        let school: Uai = school.parse()?;
        let bytes = BASE32_NOPAD.decode(rest.to_ascii_uppercase().as_bytes()).map_err(|_| TokenError::Altered)?;
        let (secret, rest) = bytes.split_first_chunk::<SECRET>().ok_or(TokenError::Altered)?;
        let (pin, check) = rest.split_first_chunk::<PIN>().ok_or(TokenError::Altered)?;
        let token = Self { school, secret: *secret, authority_key_sha256: *pin };
        if check != token.check() { Err(TokenError::Altered) } else { Ok(token) }
    }
}

impl fmt::Display for EnrolmentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(SECRET + PIN + CHECK);
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(&self.authority_key_sha256);
        bytes.extend_from_slice(&self.check());
        write!(f, "{PREFIX}-{}-{}", self.school, BASE32_NOPAD.encode(&bytes))
    }
}

impl fmt::Debug for EnrolmentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnrolmentToken({}, …)", self.school)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token() -> EnrolmentToken {
        EnrolmentToken::new("0959901W".parse().unwrap(), [7; SECRET], [9; PIN])
    }

    #[test]
    fn it_reads_back_in_either_case() {
        let text = token().to_string();
        assert_eq!(text.parse::<EnrolmentToken>().unwrap(), token());
        let (head, tail) = text.rsplit_once('-').unwrap();
        assert_eq!(format!("{head}-{}", tail.to_lowercase()).parse::<EnrolmentToken>().unwrap(), token());
    }

    #[test]
    fn the_secret_is_not_in_debug() {
        assert_eq!(format!("{:?}", token()), "EnrolmentToken(0959901W, …)");
    }

    #[test]
    fn another_school_in_the_same_token_is_an_alteration() {
        let text = token().to_string().replace("0959901W", "0959902X");
        assert_eq!(text.parse::<EnrolmentToken>(), Err(TokenError::Altered));
    }

    proptest! {
        #[test]
        fn one_changed_character_is_never_accepted(at in 13usize..96, by in 1u8..31) {
            let mut text = token().to_string().into_bytes();
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
            let at = at.min(text.len() - 1);
            let old = alphabet.iter().position(|c| *c == text[at]).unwrap_or(0);
            text[at] = alphabet[(old + usize::from(by)) % 32];
            let text = String::from_utf8(text).unwrap();
            prop_assert!(text.parse::<EnrolmentToken>().map_or(true, |t| t == token()));
        }
    }
}
