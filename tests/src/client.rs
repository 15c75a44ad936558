//! A raw client of the three doors: a second, independent writing of the wire, to say what a good agent never says.
//!
//! Blocking: each connection brings a small runtime of its own, so that tests read from top to bottom.

use anyhow::{Context, Result, anyhow, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::header::HeaderMap;
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring as provider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime, pem::PemObject};
use rustls::{ClientConfig, DigitallySignedStruct, HandshakeKind, RootCertStore, SignatureScheme};
use serde::de::DeserializeOwned;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use vigie_shared::error::{ErrorBody, ErrorCode};
use vigie_shared::token::EnrolmentToken;

/// Longest wait for a connection or an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a collector is and the name its certificate must bear.
#[derive(Debug, Clone)]
pub struct Reach {
    /// Socket address.
    pub address: SocketAddr,
    /// Host name or IP address.
    pub name: String,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its private key, PKCS #8 DER.
    pub key: Vec<u8>,
}

impl Identity {
    /// From the PEM of the collector and our own key.
    pub fn new(certificate: &str, key: &rcgen::KeyPair) -> Result<Self> {
        Ok(Self { certificate: certificate_of(certificate)?, key: key.serialize_der() })
    }
}

/// What an HTTP answer came to.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The stable code of a refusal.
    pub fn code(&self) -> Option<ErrorCode> {
        serde_json::from_slice::<ErrorBody>(&self.body).ok().map(|body| body.error.code)
    }

    /// The message of a refusal, or the body.
    pub fn message(&self) -> String {
        match serde_json::from_slice::<ErrorBody>(&self.body) {
            Ok(body) => body.error.message,
            Err(_) => String::from_utf8_lossy(&self.body).into_owned(),
        }
    }

    /// The body of a good answer.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        if self.status != 200 {
            bail!("{} {}", self.status, String::from_utf8_lossy(&self.body));
        }
        serde_json::from_slice(&self.body).with_context(|| String::from_utf8_lossy(&self.body).into_owned())
    }
}

/// Reads one PEM certificate.
pub fn certificate_of(pem: &str) -> Result<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| anyhow!("not a PEM certificate: {error}"))
}

/// A client configuration that trusts `authority` only and speaks `alpn`.
pub fn config(
    authority: &CertificateDer<'static>,
    alpn: &[&[u8]],
    identity: Option<&Identity>,
) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone())?;
    let provider = Arc::new(provider::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
    finish(provider, verifier, alpn, identity)
}

/// A configuration for enrolment: whatever chain contains the authority whose key the token names is trusted. What it
/// found is left in `found`.
pub fn pinned_config(
    token: &EnrolmentToken,
    alpn: &[&[u8]],
    found: Arc<Mutex<Option<Vec<u8>>>>,
) -> Result<ClientConfig> {
    let provider = Arc::new(provider::default_provider());
    let verifier = Pinned { pin: *token.authority_key_sha256(), provider: provider.clone(), found };
    finish(provider, Arc::new(verifier), alpn, None)
}

fn finish(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
    alpn: &[&[u8]],
    identity: Option<&Identity>,
) -> Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some(identity) => builder.with_client_auth_cert(
            vec![identity.certificate.clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.clone())),
        )?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config.resumption = Resumption::in_memory_sessions(16);
    Ok(config)
}

/// One open connection.
pub struct Connection {
    runtime: tokio::runtime::Runtime,
    sender: SendRequest<Full<Bytes>>,
    host: String,
    /// Whether the TLS session was full or resumed.
    pub kind: Option<HandshakeKind>,
    /// The protocol both agreed on.
    pub alpn: Option<Vec<u8>>,
}

impl Connection {
    /// Connects and shakes hands. With TLS 1.3 a refused client certificate shows at the first answer only.
    pub fn open(reach: &Reach, config: &ClientConfig) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let name = ServerName::try_from(reach.name.clone())?;
        let connector = TlsConnector::from(Arc::new(config.clone()));
        let address = reach.address;
        let (sender, kind, alpn) = runtime.block_on(bounded(async move {
            let stream = connector.connect(name, TcpStream::connect(address).await?).await?;
            let (_, session) = stream.get_ref();
            let (kind, alpn) = (session.handshake_kind(), session.alpn_protocol().map(<[u8]>::to_vec));
            let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            Ok((sender, kind, alpn))
        }))?;
        Ok(Self { runtime, sender, host: reach.name.clone(), kind, alpn })
    }

    /// Sends one request and reads the whole answer.
    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Answer> {
        let mut request = hyper::Request::builder().method(method).uri(path).header("host", &self.host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body)))?;
        let sender = &mut self.sender;
        self.runtime.block_on(bounded(async move {
            sender.ready().await?;
            let answer = sender.send_request(request).await?;
            let (head, body) = answer.into_parts();
            let body = body.collect().await?.to_bytes().to_vec();
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        }))
    }

    /// Sends JSON.
    pub fn post(&mut self, path: &str, body: Vec<u8>) -> Result<Answer> {
        self.send("POST", path, &[("content-type", "application/json")], body)
    }
}

/// What a bare TLS handshake and one exchange of bytes came to.
#[derive(Debug)]
pub struct Shake {
    /// Whether the session was full or resumed.
    pub kind: Option<HandshakeKind>,
    /// Session tickets given by the server.
    pub tickets: u32,
    /// First bytes heard afterwards.
    pub heard: Vec<u8>,
}

/// Shakes hands, says `say` and listens until the server has said something and pauses, ends, or refuses.
pub fn shake(reach: &Reach, config: &ClientConfig, say: &[u8]) -> Result<Shake> {
    let name = ServerName::try_from(reach.name.clone())?;
    let mut session = rustls::ClientConnection::new(Arc::new(config.clone()), name)?;
    let mut socket = std::net::TcpStream::connect(reach.address)?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    session.complete_io(&mut socket)?;
    let mut heard = Vec::new();
    let mut stream = rustls::Stream::new(&mut session, &mut socket);
    // A server may stop listening in the middle; what it answered before that is still to be read.
    let _ = stream.write_all(say);
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => heard.extend_from_slice(&buffer[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Shake { kind: session.handshake_kind(), tickets: session.tls13_tickets_received(), heard })
}

async fn bounded<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(PATIENCE, work).await.context("no answer in time")?
}

/// Trusts the chain that holds the authority with the key of the token.
#[derive(Debug)]
struct Pinned {
    pin: [u8; 32],
    provider: Arc<CryptoProvider>,
    found: Arc<Mutex<Option<Vec<u8>>>>,
}

impl Pinned {
    fn is_authority(&self, certificate: &CertificateDer<'_>) -> bool {
        let mut store = RootCertStore::empty();
        if store.add(certificate.clone()).is_err() {
            return false;
        }
        let Some(anchor) = store.roots.first() else { return false };
        let info = der_sequence(anchor.subject_public_key_info.as_ref());
        ring::digest::digest(&ring::digest::SHA256, &info).as_ref() == self.pin
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let authority = chain
            .iter()
            .find(|certificate| self.is_authority(certificate))
            .ok_or_else(|| rustls::Error::General("the chain does not hold the authority of the token".into()))?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let verified = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?
            .verify_server_cert(leaf, chain, name, stapled, now)?;
        *self.found.lock().expect("no test panics while holding this") = Some(authority.to_vec());
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// DER SEQUENCE around `content` (X.690, 8.9): a trust anchor keeps the key information without its header.
fn der_sequence(content: &[u8]) -> Vec<u8> {
    let mut out = vec![0x30];
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => out.push(length),
        _ => {
            let bytes: Vec<u8> = content.len().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
            out.push(0x80 | u8::try_from(bytes.len()).unwrap_or(8));
            out.extend(bytes);
        }
    }
    out.extend_from_slice(content);
    out
}
