//! Keys (ECDSA P-256, NIST FIPS 186-5) and certificate requests (PKCS #10, RFC 2986), made on this machine.
//!
//! A key whose certificate was asked for waits in a file of its own: an answer that got lost is asked for again with
//! the same key and counts once.

use crate::settings::{read_bounded, write_atomically};
use crate::sync::tls::{public_key_sha256, sha256};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::io;
use std::path::Path;

/// Something about keys went wrong.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It could not be made or used.
    #[error("the key cannot be made or used: {0}")]
    Crypto(#[from] rcgen::Error),
    /// It could not be kept.
    #[error("the key cannot be kept in {path} ({source}); make the state folder writable, or run as the agent's user")]
    Keep {
        /// Where.
        path: String,
        /// The system's words.
        source: io::Error,
    },
}

/// The key that waits in this file, or a new one kept there first.
pub fn pending(path: &Path) -> Result<KeyPair, KeyError> {
    let kept = read_bounded(path).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(pair) = kept.and_then(|pem| from_pem(&pem).ok()) {
        return Ok(pair);
    }
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let keep = |source| KeyError::Keep { path: path.display().to_string(), source };
    write_atomically(path, pair.serialize_pem().as_bytes()).map_err(keep)?;
    Ok(pair)
}

/// A key kept earlier.
pub fn from_pem(pem: &str) -> Result<KeyPair, KeyError> {
    Ok(KeyPair::from_pem(pem)?)
}

/// A certificate request signed by the key (PEM). The collector decides the subject.
pub fn request(pair: &KeyPair) -> Result<String, KeyError> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    Ok(parameters.serialize_request(pair)?.pem()?)
}

/// Whether a certificate (PEM) is for this key.
pub fn belongs(certificate: &str, pair: &KeyPair) -> bool {
    let own = sha256(&pair.subject_public_key_info());
    CertificateDer::from_pem_slice(certificate.as_bytes()).is_ok_and(|c| public_key_sha256(&c) == Some(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_waits_and_the_same_one_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("enrolment.key");
        let first = pending(&path).unwrap();
        assert_eq!(pending(&path).unwrap().serialize_pem(), first.serialize_pem());
        std::fs::write(&path, b"half a ke").unwrap();
        assert_ne!(pending(&path).unwrap().serialize_pem(), first.serialize_pem(), "a broken file is replaced");
    }

    #[test]
    fn a_certificate_is_matched_to_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let pair = pending(&folder.path().join("a")).unwrap();
        let other = pending(&folder.path().join("b")).unwrap();
        let certificate = CertificateParams::default().self_signed(&pair).unwrap().pem();
        assert!(belongs(&certificate, &pair));
        assert!(!belongs(&certificate, &other));
        assert!(!belongs("rubbish", &pair));
    }
}
