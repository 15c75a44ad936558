//! The authority of machine certificates: made once, its key kept wrapped, its public key pinned by every token.
//!
//! ECDSA P-256, 20 years, `CA:TRUE, pathlen:0`, key usage `keyCertSign` only (RFC 5280). The database holds the
//! certificate and the private key sealed by a file key that lies outside it ([`FileKey`]): who copies the database
//! cannot sign. What it signs is in [`issue`].

mod file_key;
mod issue;

pub use file_key::{FileKey, FileKeyError, private_folder, random};
pub use issue::{CertificateRequest, IssuedCertificate, RequestError, ServerCertificate};

use crate::store::{AuthorityRow, Store, StoreError};
use jiff::{Timestamp, ToSpan};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use ring::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use std::path::Path;
use std::time::Duration;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Life of the authority, hours: 20 years of 365.25 days.
const LIFE_HOURS: i64 = 20 * 8766;
/// How far in the past certificates begin, so that a machine whose clock lags a little accepts them.
const BACKDATED: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);
/// What the sealed key is for: bound to the sealing, so that it opens as nothing else.
const PURPOSE: &[u8] = b"vigie authority key, PKCS#8, version 1";

/// Why the authority cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The key in the file system.
    #[error(transparent)]
    FileKey(#[from] FileKeyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sealed key does not open, or does not belong to the certificate.
    #[error(
        "the authority's key in the database does not open with {0}: put back the file that was saved with this \
         database; without it machines must enrol again with a new authority"
    )]
    WrongFileKey(String),
    /// The certificate in the database cannot be read.
    #[error("the authority's certificate in the database is damaged: restore the database from its backup")]
    Damaged,
    /// The system gave no random bytes, or a certificate could not be written.
    #[error("the authority could not sign: {0}")]
    Sign(String),
}

impl From<rcgen::Error> for AuthorityError {
    fn from(error: rcgen::Error) -> Self {
        Self::Sign(error.to_string())
    }
}

/// The authority, ready to sign.
pub struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    spki_sha256: [u8; 32],
    not_after: Timestamp,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pin = data_encoding::HEXLOWER.encode(&self.spki_sha256);
        f.debug_struct("Authority").field("spki_sha256", &pin).finish_non_exhaustive()
    }
}

impl Authority {
    /// Opens the authority of this store, or makes it the first time. `data` is the data folder of the collector; the
    /// file key lies in `data/keys`.
    pub async fn open_or_create(store: &dyn Store, data: &Path, now: Timestamp) -> Result<Self, AuthorityError> {
        if let Some(row) = store.authority().await? {
            return Self::open(&row, &FileKey::load(data)?);
        }
        let key = FileKey::load_or_create(data)?;
        let (authority, row) = Self::create(&key, now)?;
        match store.create_authority(row).await {
            Ok(()) => Ok(authority),
            // Another command made it at the same moment: that one counts.
            Err(StoreError::Conflict(_)) => match store.authority().await? {
                Some(row) => Self::open(&row, &key),
                None => Err(AuthorityError::Damaged),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a new authority and the row that keeps it.
    pub fn create(key: &FileKey, now: Timestamp) -> Result<(Self, AuthorityRow), AuthorityError> {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let not_before = now.checked_sub(1.hour()).map_err(|e| AuthorityError::Sign(e.to_string()))?;
        let not_after = now.checked_add(LIFE_HOURS.hours()).map_err(|e| AuthorityError::Sign(e.to_string()))?;
        let mut params = CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_1970(not_before);
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_1970(not_after);
        params.serial_number = Some(rcgen::SerialNumber::from_slice(&issue::random_serial()?));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let pin = sha256(&rcgen::PublicKeyData::subject_public_key_info(&pair));
        let short: String = data_encoding::HEXLOWER.encode(&pin).chars().take(8).collect();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, format!("Vigie authority {short}"));
        let certificate = params.self_signed(&pair)?.der().clone();
        let row = AuthorityRow {
            wrapped_key: key.seal(PURPOSE, pair.serialized_der())?,
            certificate: certificate.as_ref().to_vec(),
        };
        let authority = Self::from_parts(certificate, pair)?.ok_or(AuthorityError::Damaged)?;
        Ok((authority, row))
    }

    /// Opens what [`Self::create`] kept.
    pub fn open(row: &AuthorityRow, key: &FileKey) -> Result<Self, AuthorityError> {
        let wrong = || AuthorityError::WrongFileKey(key.path().display().to_string());
        let pkcs8 = key.open(PURPOSE, &row.wrapped_key).ok_or_else(wrong)?;
        let pkcs8 = PrivatePkcs8KeyDer::from(pkcs8);
        let pair =
            KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &rcgen::PKCS_ECDSA_P256_SHA256).map_err(|_| wrong())?;
        Self::from_parts(CertificateDer::from(row.certificate.clone()), pair)?.ok_or_else(wrong)
    }

    /// `None` when the key is not the certificate's.
    fn from_parts(certificate: CertificateDer<'static>, pair: KeyPair) -> Result<Option<Self>, AuthorityError> {
        let (_, read) = X509Certificate::from_der(&certificate).map_err(|_| AuthorityError::Damaged)?;
        let spki_sha256 = sha256(read.public_key().raw);
        let not_after =
            Timestamp::from_second(read.validity().not_after.timestamp()).map_err(|_| AuthorityError::Damaged)?;
        if spki_sha256 != sha256(&rcgen::PublicKeyData::subject_public_key_info(&pair)) {
            return Ok(None);
        }
        let issuer = Issuer::from_ca_cert_der(&certificate, pair)?;
        Ok(Some(Self { certificate, issuer, spki_sha256, not_after }))
    }

    /// Its certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Its certificate as text, for the answer to an enrolment.
    pub fn certificate_pem(&self) -> String {
        issue::pem("CERTIFICATE", &self.certificate)
    }

    /// SHA-256 of its public key (DER SubjectPublicKeyInfo): what tokens carry.
    pub fn spki_sha256(&self) -> [u8; 32] {
        self.spki_sha256
    }
}

/// Time since 1970, for rcgen's dates.
fn since_1970(at: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0))
}

/// SHA-256 (FIPS 180-4).
fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    out
}

#[cfg(test)]
mod tests;
