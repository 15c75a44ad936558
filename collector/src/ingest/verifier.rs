//! Who may come through the agents' door: holders of a client certificate signed by our authority.
//!
//! Chain, usage (`clientAuth`) and proof of possession are verified here. Expiry and revocation are not: they are
//! decided for each request from the database, with coded answers that an agent can act on, where a failed handshake
//! would only look like a broken network. So the chain is judged at a time inside the leaf's own validity.

use crate::store::Peer;
use jiff::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use std::sync::Arc;
use std::time::Duration;
use x509_parser::prelude::{FromDer, X509Certificate};

/// See the module.
#[derive(Debug)]
pub struct MachineVerifier(Arc<dyn ClientCertVerifier>);

impl MachineVerifier {
    /// A verifier that trusts this authority alone.
    pub fn new(authority: &CertificateDer<'static>, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone())?;
        let inner = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        Ok(Self(inner))
    }
}

impl ClientCertVerifier for MachineVerifier {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let bad = || Error::InvalidCertificate(CertificateError::BadEncoding);
        let (_, leaf) = X509Certificate::from_der(end_entity).map_err(|_| bad())?;
        let second = |at: i64| u64::try_from(at).map_err(|_| bad());
        let first = second(leaf.validity().not_before.timestamp())?;
        let last = second(leaf.validity().not_after.timestamp())?;
        let inside = now.as_secs().min(last).max(first);
        self.0.verify_client_cert(end_entity, intermediates, UnixTime::since_unix_epoch(Duration::from_secs(inside)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// What the store must know of a verified certificate; `None` if its common name is not a machine's id.
pub fn peer(certificate: &CertificateDer<'_>) -> Option<Peer> {
    let (_, read) = X509Certificate::from_der(certificate).ok()?;
    let mut names = read.subject().iter_common_name();
    let machine = names.next()?.as_str().ok()?.parse().ok()?;
    if names.next().is_some() {
        return None;
    }
    let validity = read.validity();
    let not_before = Timestamp::from_second(validity.not_before.timestamp()).ok()?;
    let not_after = Timestamp::from_second(validity.not_after.timestamp()).ok()?;
    let key = ring::digest::digest(&ring::digest::SHA256, read.public_key().raw);
    let key_sha256 = key.as_ref().try_into().ok()?;
    Some(Peer { machine, serial: read.raw_serial().to_vec(), key_sha256, not_before, not_after })
}
