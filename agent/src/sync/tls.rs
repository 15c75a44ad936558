//! TLS 1.3 towards the collector: its own authority only, the clock held within a credible window.
//!
//! School computers with a dead battery wake up in 2010, others in 2040. A wall clock outside [the later of the
//! release and the collector's last time, 400 days after] is not believed and the beginning of the window is used;
//! where only *notBefore* of our own chain fails, that is the time. Expiry is never forgiven.

use crate::clock::Clock;
use ring::digest::{SHA256, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use vigie_shared::limits::{ALPN_AGENT, ALPN_ENROL, CERTIFICATE_DAYS};

/// The date of this release, milliseconds since 1970: no honest clock shows less. 1 November 2026.
pub const RELEASED_MS: i64 = 1_793_491_200_000;
/// How far beyond the last known time a clock is believed.
const WINDOW_MS: i64 = CERTIFICATE_DAYS * 86_400_000;

/// The machine's wall clock, held within what is credible.
pub struct ClockWindow {
    clock: Arc<dyn Clock>,
    floor_ms: AtomicI64,
}

impl ClockWindow {
    /// A window that begins at the release or at the last time the collector told, whichever is later.
    pub fn new(clock: Arc<dyn Clock>, last_collector_ms: Option<i64>) -> Self {
        let floor = last_collector_ms.unwrap_or(RELEASED_MS).max(RELEASED_MS);
        Self { clock, floor_ms: AtomicI64::new(floor) }
    }

    /// The collector told the time over an authenticated connection.
    pub fn learn(&self, collector_ms: i64) {
        self.floor_ms.store(collector_ms.max(RELEASED_MS), Ordering::Relaxed);
    }

    /// A time that may be used to judge certificates, milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        let floor = self.floor_ms.load(Ordering::Relaxed);
        let wall = self.clock.wall().as_millisecond();
        if (floor..=floor.saturating_add(WINDOW_MS)).contains(&wall) { wall } else { floor }
    }

    fn unix(&self) -> UnixTime {
        let ms = u64::try_from(self.now_ms()).unwrap_or(0);
        UnixTime::since_unix_epoch(Duration::from_millis(ms))
    }
}

impl std::fmt::Debug for ClockWindow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClockWindow").field("floor_ms", &self.floor_ms).finish_non_exhaustive()
    }
}

impl TimeProvider for ClockWindow {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.unix())
    }
}

/// Why a TLS configuration could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate, key or authority kept on this machine cannot be used.
    #[error("the identity kept on this machine cannot be used ({0}); enrol it again with --again")]
    Identity(String),
}

/// What rustls needs from us: ring, passed explicitly.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The configuration of the agents' door: client certificate, one root, no tickets.
///
/// `certificate`, `key` and `authority` are PEM.
pub fn agent_config(
    certificate: &str,
    key: &str,
    authority: &str,
    window: &Arc<ClockWindow>,
) -> Result<ClientConfig, TlsError> {
    let wrong = |what: &str, error: &dyn std::fmt::Display| TlsError::Identity(format!("{what}: {error}"));
    let own = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|e| wrong("certificate", &e))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|e| wrong("key", &e))?;
    let authority = CertificateDer::from_pem_slice(authority.as_bytes()).map_err(|e| wrong("authority", &e))?;
    let chain = chain_to(authority, &provider()).map_err(|e| wrong("authority", &e))?;
    let verifier = OwnChain { chain, window: Arc::clone(window) };
    let mut config = versions(window)
        .map_err(|e| wrong("TLS", &e))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(vec![own], key)
        .map_err(|e| wrong("key", &e))?;
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![ALPN_AGENT.to_vec()];
    Ok(config)
}

/// The configuration of the enrolment door: whoever proves to hold the authority's key that the token names.
pub fn enrolment_config(authority_key_sha256: [u8; 32], window: &Arc<ClockWindow>) -> Result<ClientConfig, Error> {
    let verifier = Pinned { pin: authority_key_sha256, provider: provider(), window: Arc::clone(window) };
    let mut config =
        versions(window)?.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![ALPN_ENROL.to_vec()];
    Ok(config)
}

fn versions(window: &Arc<ClockWindow>) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, Error> {
    let time: Arc<dyn TimeProvider> = Arc::<ClockWindow>::clone(window);
    ClientConfig::builder_with_details(provider(), time).with_protocol_versions(&[&rustls::version::TLS13])
}

fn chain_to(
    authority: CertificateDer<'static>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority)?;
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|e| Error::General(e.to_string()))
}

/// SHA-256 of a certificate's SubjectPublicKeyInfo (DER, RFC 5280 4.1).
pub fn public_key_sha256(certificate: &CertificateDer<'_>) -> Option<[u8; 32]> {
    let mut store = RootCertStore::empty();
    store.add(certificate.clone().into_owned()).ok()?;
    let content = store.roots.first()?.subject_public_key_info.as_ref();
    sha256(&der_sequence(content)).into()
}

/// SHA-256 (FIPS 180-4).
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    out
}

/// A DER SEQUENCE around its content (X.690 8.1.3).
fn der_sequence(content: &[u8]) -> Vec<u8> {
    let mut out = vec![0x30];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let zeros = length.iter().take_while(|b| **b == 0).count();
            let significant = length.get(zeros..).unwrap_or_default();
            out.push(0x80 | u8::try_from(significant.len()).unwrap_or(0));
            out.extend_from_slice(significant);
        }
    }
    out.extend_from_slice(content);
    out
}

/// Verifies against our authority with the credible clock.
#[derive(Debug)]
struct OwnChain {
    chain: Arc<WebPkiServerVerifier>,
    window: Arc<ClockWindow>,
}

impl OwnChain {
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
    ) -> Result<ServerCertVerified, Error> {
        let mut now = self.window.unix();
        // Each certificate of the chain may move the time forward once.
        for _ in 0..4 {
            match self.chain.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
                Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }))
                    if not_before > now =>
                {
                    now = not_before;
                }
                result => return result,
            }
        }
        self.chain.verify_server_cert(end_entity, intermediates, name, ocsp, now)
    }
}

impl ServerCertVerifier for OwnChain {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(end_entity, intermediates, server_name, ocsp_response)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Verifies that the chain holds the authority whose key the token names, then the leaf against it alone.
#[derive(Debug)]
struct Pinned {
    pin: [u8; 32],
    provider: Arc<CryptoProvider>,
    window: Arc<ClockWindow>,
}

/// What is said when no certificate of the chain has the key that the token names.
pub const WRONG_AUTHORITY: &str = "this is not the collector that the token was made for";

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let authority = intermediates
            .iter()
            .find(|c| public_key_sha256(c) == Some(self.pin))
            .ok_or_else(|| Error::General(WRONG_AUTHORITY.to_owned()))?;
        let chain = chain_to(authority.clone().into_owned(), &self.provider)?;
        OwnChain { chain, window: Arc::clone(&self.window) }.verify(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::tests::FixedClock;

    fn window(wall_ms: i64, last: Option<i64>) -> ClockWindow {
        ClockWindow::new(Arc::new(FixedClock::at_wall(wall_ms)), last)
    }

    #[test]
    fn only_a_credible_clock_is_believed() {
        let day = 86_400_000;
        let last = RELEASED_MS + 10 * day;
        assert_eq!(window(last + day, Some(last)).now_ms(), last + day);
        assert_eq!(window(1_262_304_000_000, Some(last)).now_ms(), last, "2010");
        assert_eq!(window(2_208_988_800_000, Some(last)).now_ms(), last, "2040");
        assert_eq!(window(1_262_304_000_000, None).now_ms(), RELEASED_MS);
        assert_eq!(window(1_262_304_000_000, Some(5)).now_ms(), RELEASED_MS, "a bad file does not lower the floor");
    }

    #[test]
    fn a_sequence_of_any_length_is_well_formed() {
        assert_eq!(der_sequence(&[7; 3])[..2], [0x30, 3]);
        assert_eq!(der_sequence(&[7; 200])[..3], [0x30, 0x81, 200]);
        assert_eq!(der_sequence(&[7; 300])[..4], [0x30, 0x82, 1, 44]);
    }
}
