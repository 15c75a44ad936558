//! Digests: the first 128 bits of SHA-256 (FIPS 180-4) over bytes exactly as sent, written as 22 base64url characters.
//!
//! They answer "do we hold the same bytes?" between two parties that already trust each other; 128 bits keep the quiet
//! heartbeat small and leave no chance of an accidental collision.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// 128 bits of a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 16]);

/// A text that is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 22 base64url characters")]
pub struct DigestError;

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let full = ring::digest::digest(&ring::digest::SHA256, bytes);
        let mut short = [0; 16];
        for (to, from) in short.iter_mut().zip(full.as_ref()) {
            *to = *from;
        }
        Self(short)
    }

    /// The digest of a whole inventory: over `name`, a line feed, the section's digest, a line feed, in order of names.
    pub fn of_sections(sections: &BTreeMap<String, Digest>) -> Self {
        let mut text = String::with_capacity(sections.len() * 40);
        for (name, digest) in sections {
            text.push_str(name);
            text.push('\n');
            text.push_str(&digest.to_string());
            text.push('\n');
        }
        Self::of(text.as_bytes())
    }

    /// The 16 bytes, as stored.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// From 16 stored bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, DigestError> {
        bytes.try_into().map(Self).map_err(|_| DigestError)
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;
    fn try_from(text: String) -> Result<Self, DigestError> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| DigestError)?;
        Self::from_slice(&bytes)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_start_of_sha_256() {
        // SHA-256("abc") = ba7816bf 8f01cfea 414140de 5dae2223 … (FIPS 180-4, example B.1)
        assert_eq!(Digest::of(b"abc").as_bytes()[..4], [0xba, 0x78, 0x16, 0xbf]);
    }

    #[test]
    fn text_form_round_trips_and_rubbish_is_refused() {
        let digest = Digest::of(b"abc");
        assert_eq!(Digest::try_from(digest.to_string()), Ok(digest));
        for text in ["", "abc", "!!!!!!!!!!!!!!!!!!!!!!", "AAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(Digest::try_from(text.to_owned()), Err(DigestError));
        }
    }

    #[test]
    fn the_whole_digest_depends_on_names_and_contents() {
        let one = BTreeMap::from([("a".to_owned(), Digest::of(b"1")), ("b".to_owned(), Digest::of(b"2"))]);
        let other = BTreeMap::from([("a".to_owned(), Digest::of(b"2")), ("b".to_owned(), Digest::of(b"1"))]);
        assert_ne!(Digest::of_sections(&one), Digest::of_sections(&other));
    }
}
