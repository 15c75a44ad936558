//! What the authority signs: certificates of machines (from their requests) and of its own doors.

use super::{Authority, AuthorityError, BACKDATED, file_key, sha256, since_1970};
use jiff::{Timestamp, ToSpan};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType,
    SerialNumber, SubjectPublicKeyInfo,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, ServerName};
use vigie_shared::id::MachineId;
use vigie_shared::limits::CERTIFICATE_DAYS;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

/// Life of a door's certificate, days; renewed long before.
const SERVER_DAYS: i64 = 90;
/// Longest request read, bytes of PEM: a P-256 one takes about 400.
const REQUEST_MAX: usize = 8 << 10;

/// Why a certificate request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not PEM, not PKCS #10, or too long.
    #[error("the certificate request is not a PKCS #10 request in PEM of at most 8 KiB")]
    Unreadable,
    /// Not signed by the key it carries.
    #[error("the certificate request is not signed by the key it carries, or by a weak algorithm")]
    NotSigned,
    /// Another kind of key.
    #[error("the key of the certificate request must be ECDSA P-256, ECDSA P-384 or Ed25519")]
    KeyKind,
}

/// A machine's request whose signature was verified. Its subject and extensions were not even looked at: the authority
/// alone says who the certificate is for and what for.
#[derive(Debug)]
pub struct CertificateRequest {
    key: SubjectPublicKeyInfo,
    key_sha256: [u8; 32],
}

impl CertificateRequest {
    /// Reads a request (PKCS #10, RFC 2986, in PEM) and verifies that its sender holds the key.
    pub fn from_pem(pem: &str) -> Result<Self, RequestError> {
        if pem.len() > REQUEST_MAX {
            return Err(RequestError::Unreadable);
        }
        let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).map_err(|_| RequestError::Unreadable)?;
        let (rest, request) = X509CertificationRequest::from_der(&der).map_err(|_| RequestError::Unreadable)?;
        if !rest.is_empty() {
            return Err(RequestError::Unreadable);
        }
        let raw = request.certification_request_info.subject_pki.raw;
        let key = SubjectPublicKeyInfo::from_der(raw).map_err(|_| RequestError::KeyKind)?;
        let kind = rcgen::PublicKeyData::algorithm(&key);
        let accepted = [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519];
        if !accepted.contains(&kind) {
            return Err(RequestError::KeyKind);
        }
        request.verify_signature().map_err(|_| RequestError::NotSigned)?;
        Ok(Self { key, key_sha256: sha256(raw) })
    }

    /// SHA-256 of the public key (DER SubjectPublicKeyInfo).
    pub fn key_sha256(&self) -> [u8; 32] {
        self.key_sha256
    }
}

/// A certificate that was signed for a machine.
#[derive(Debug, Clone)]
pub struct IssuedCertificate {
    /// The certificate, PEM.
    pub pem: String,
    /// Serial number: 16 bytes, big-endian, as in the certificate.
    pub serial: Vec<u8>,
    /// First instant.
    pub not_before: Timestamp,
    /// Last instant.
    pub not_after: Timestamp,
}

/// A certificate that was signed for a door, with its key.
pub struct ServerCertificate {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its key, fresh.
    pub key: PrivateKeyDer<'static>,
}

impl Authority {
    /// Signs a certificate for a machine: 400 days, `clientAuth`, the machine's id as the common name.
    pub fn issue_machine(
        &self,
        machine: MachineId,
        request: &CertificateRequest,
        now: Timestamp,
    ) -> Result<IssuedCertificate, AuthorityError> {
        let (mut params, not_before, not_after) = self.leaf(now, CERTIFICATE_DAYS)?;
        let serial = random_serial()?;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.distinguished_name.push(DnType::CommonName, machine.to_string());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&request.key, &self.issuer)?;
        Ok(IssuedCertificate { pem: certificate.pem(), serial: serial.to_vec(), not_before, not_after })
    }

    /// Signs a certificate for one of the collector's own doors: 90 days, `serverAuth`, a fresh key.
    pub fn issue_server(
        &self,
        names: &[ServerName<'static>],
        now: Timestamp,
    ) -> Result<ServerCertificate, AuthorityError> {
        let (mut params, _, _) = self.leaf(now, SERVER_DAYS)?;
        params.serial_number = Some(SerialNumber::from_slice(&random_serial()?));
        params.distinguished_name.push(DnType::CommonName, "Vigie collector");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        for name in names {
            params.subject_alt_names.push(match name {
                ServerName::IpAddress(ip) => SanType::IpAddress((*ip).into()),
                other => SanType::DnsName(other.to_str().into_owned().try_into()?),
            });
        }
        let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&pair, &self.issuer)?.der().clone();
        Ok(ServerCertificate { certificate, key: PrivateKeyDer::Pkcs8(pair.serialize_der().into()) })
    }

    /// What all leaves share; never longer than the authority's own life.
    fn leaf(&self, now: Timestamp, days: i64) -> Result<(CertificateParams, Timestamp, Timestamp), AuthorityError> {
        let sign = |e: jiff::Error| AuthorityError::Sign(e.to_string());
        let now = Timestamp::from_second(now.as_second()).map_err(sign)?;
        let not_before = now.checked_sub(BACKDATED).map_err(sign)?;
        let not_after = now.checked_add((days * 24).hours()).map_err(sign)?.min(self.not_after);
        let mut params = CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_1970(not_before);
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_1970(not_after);
        params.distinguished_name = DistinguishedName::new();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        Ok((params, not_before, not_after))
    }
}

/// 127 random bits that always take 16 bytes as a positive DER integer.
pub(super) fn random_serial() -> Result<[u8; 16], AuthorityError> {
    let mut serial: [u8; 16] = file_key::random()?;
    if let Some(first) = serial.first_mut() {
        *first = (*first & 0x3f) | 0x40;
    }
    Ok(serial)
}

/// PEM (RFC 7468): base64 in lines of 64 characters.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let body = data_encoding::BASE64.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}
