//! The TLS configurations of the three doors. ALPN of the ClientHello chooses one; they share nothing.
//!
//! A TLS session resumed with a ticket skips the client certificate. Were a ticket of the web door accepted on the
//! agents' door, its mandatory certificate would be worth nothing (seen in rustls with a shared ticketer). So each
//! configuration has its own certificate, its own session store and its own tickets, and the agents' has none at all.

use super::verifier::MachineVerifier;
use crate::authority::{Authority, AuthorityError, ServerCertificate};
use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version::TLS13};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use vigie_shared::limits::{ALPN_AGENT, ALPN_ENROL};

/// One of the three doors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// `vigie-agent/1`: machines with their certificate.
    Agent,
    /// `vigie-enrol/1`: machines with a token.
    Enrol,
    /// `h2`, `http/1.1` or nothing: people.
    Web,
}

impl Door {
    /// The door that this ClientHello asks for.
    pub fn of(hello: &ClientHello<'_>) -> Self {
        let asks = |protocol: &[u8]| hello.alpn().is_some_and(|mut offered| offered.any(|p| p == protocol));
        if asks(ALPN_AGENT) {
            Self::Agent
        } else if asks(ALPN_ENROL) {
            Self::Enrol
        } else {
            Self::Web
        }
    }
}

/// Why the doors cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The authority could not sign.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// A file given for the web door.
    #[error("{path}: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// TLS itself.
    #[error("TLS could not be set up: {0}")]
    Rustls(#[from] rustls::Error),
}

/// Where the web door's certificate comes from.
#[derive(Debug, Clone)]
pub enum WebCertificate {
    /// Our own authority: browsers will warn.
    Own,
    /// PEM files, chain first leaf then intermediates, read again at each renewal.
    Files {
        /// The chain.
        chain: PathBuf,
        /// Its key.
        key: PathBuf,
    },
}

/// The certificate a door shows at the moment.
struct Shown(RwLock<Arc<CertifiedKey>>);

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shown(…)")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Shown {
    fn show(&self, key: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }
}

/// A configuration and the certificate it shows.
struct Ready {
    config: Arc<ServerConfig>,
    shown: Arc<Shown>,
}

/// The configurations of the three doors.
pub struct Tls {
    agent: Ready,
    enrol: Ready,
    web: Ready,
    names: Vec<ServerName<'static>>,
    web_certificate: WebCertificate,
    provider: Arc<CryptoProvider>,
}

impl Tls {
    /// Makes the three configurations, with fresh certificates for `names`.
    pub fn new(
        authority: &Authority,
        names: Vec<ServerName<'static>>,
        web_certificate: WebCertificate,
        now: Timestamp,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let own = |with_authority| own_key(authority, &names, with_authority, &provider, now);

        let verifier = MachineVerifier::new(authority.certificate(), provider.clone())?;
        let shown = Arc::new(Shown(RwLock::new(Arc::new(own(false)?))));
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&[&TLS13])?;
        let mut config = builder.with_client_cert_verifier(Arc::new(verifier)).with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![ALPN_AGENT.to_vec()];
        without_resumption(&mut config);
        let agent = Ready { config: Arc::new(config), shown };

        // Whoever enrols must see the authority, to compare its key with the one named by the token.
        let shown = Arc::new(Shown(RwLock::new(Arc::new(own(true)?))));
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&[&TLS13])?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![ALPN_ENROL.to_vec()];
        without_resumption(&mut config);
        let enrol = Ready { config: Arc::new(config), shown };

        let first = match &web_certificate {
            WebCertificate::Own => own(true)?,
            WebCertificate::Files { chain, key } => key_of_files(chain, key, &provider)?,
        };
        let shown = Arc::new(Shown(RwLock::new(Arc::new(first))));
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&[&TLS13])?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = rustls::crypto::ring::Ticketer::new()?;
        let web = Ready { config: Arc::new(config), shown };

        Ok(Self { agent, enrol, web, names, web_certificate, provider })
    }

    /// The configuration of a door.
    pub fn config(&self, door: Door) -> Arc<ServerConfig> {
        let ready = match door {
            Door::Agent => &self.agent,
            Door::Enrol => &self.enrol,
            Door::Web => &self.web,
        };
        ready.config.clone()
    }

    /// Fresh certificates for all doors; connections that stand keep theirs. What fails leaves its door as it was.
    pub fn renew(&self, authority: &Authority, now: Timestamp) -> Result<(), TlsError> {
        let own = |with_authority| own_key(authority, &self.names, with_authority, &self.provider, now);
        self.agent.shown.show(own(false)?);
        self.enrol.shown.show(own(true)?);
        self.web.shown.show(match &self.web_certificate {
            WebCertificate::Own => own(true)?,
            WebCertificate::Files { chain, key } => key_of_files(chain, key, &self.provider)?,
        });
        Ok(())
    }
}

fn without_resumption(config: &mut ServerConfig) {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
}

fn own_key(
    authority: &Authority,
    names: &[ServerName<'static>],
    with_authority: bool,
    provider: &CryptoProvider,
    now: Timestamp,
) -> Result<CertifiedKey, TlsError> {
    let ServerCertificate { certificate, key } = authority.issue_server(names, now)?;
    let mut chain = vec![certificate];
    if with_authority {
        chain.push(authority.certificate().clone());
    }
    Ok(CertifiedKey::from_der(chain, key, provider)?)
}

fn key_of_files(chain: &PathBuf, key: &PathBuf, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let wrong = |path: &PathBuf, problem: String| TlsError::File { path: path.clone(), problem };
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(|found| found.collect::<Result<Vec<_>, _>>())
        .map_err(|error| wrong(chain, format!("no certificate can be read from this PEM file: {error}")))?;
    if certificates.is_empty() {
        return Err(wrong(chain, "there is no certificate in this PEM file".to_owned()));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| wrong(key, format!("no private key can be read from this PEM file: {error}")))?;
    CertifiedKey::from_der(certificates, private, provider)
        .map_err(|error| wrong(key, format!("this key does not go with the certificate of the web door: {error}")))
}
