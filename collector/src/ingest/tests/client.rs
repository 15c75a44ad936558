//! A client of the doors that shows what is on the wire: TLS by rustls, HTTP/1.1 by hand.

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use vigie_shared::error::ErrorBody;

/// Nothing in these tests takes longer.
pub const BOUND: Duration = Duration::from_secs(10);

/// A chain and its key, as a machine shows them.
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: KeyPair,
}

impl Identity {
    pub fn new(pem: &str, key: KeyPair) -> Self {
        Self { chain: vec![CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()], key }
    }
}

/// A fresh key and its request.
pub fn key_and_request() -> (KeyPair, String) {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let pem = CertificateParams::default().serialize_request(&pair).unwrap().pem().unwrap();
    (pair, pem)
}

/// A configuration that trusts `authority` and offers `alpn`.
pub fn config(authority: &CertificateDer<'static>, alpn: &[u8], identity: Option<&Identity>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let key = PrivateKeyDer::Pkcs8(identity.key.serialize_der().into());
            builder.with_client_auth_cert(identity.chain.clone(), key).unwrap()
        }
    };
    if !alpn.is_empty() {
        config.alpn_protocols = vec![alpn.to_vec()];
    }
    config
}

/// Connects and shakes hands.
pub async fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<TlsStream<TcpStream>> {
    over(TcpStream::connect(address).await?, config).await
}

/// Shakes hands on a connection.
pub async fn over(tcp: TcpStream, config: &Arc<ClientConfig>) -> Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("localhost").unwrap();
    timeout(BOUND, TlsConnector::from(config.clone()).connect(name, tcp)).await?
}

/// An answer.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Got {
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// Status and code of a refusal.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.json::<ErrorBody>().error.code.as_str().to_owned())
    }

    pub fn message(&self) -> String {
        self.json::<ErrorBody>().error.message
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find(|l| l.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }
}

/// Sends a request as it is and reads one answer.
pub async fn raw<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, request: &[u8]) -> Result<Got> {
    let exchange = async {
        stream.write_all(request).await?;
        stream.flush().await?;
        answer(stream).await
    };
    timeout(BOUND, exchange).await?
}

/// Reads one answer.
pub async fn answer<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Got> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(Error::new(ErrorKind::UnexpectedEof, "closed before an answer"));
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut got = Got { status: head[9..12].parse().unwrap(), head, body: bytes[head_end..].to_vec() };
    let length: usize = got.header("content-length").map_or(0, |v| v.parse().unwrap());
    while got.body.len() < length {
        if stream.read_buf(&mut got.body).await? == 0 {
            return Err(Error::new(ErrorKind::UnexpectedEof, "closed within an answer"));
        }
    }
    Ok(got)
}

/// A POST with a body and further headers.
pub fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A GET.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}
