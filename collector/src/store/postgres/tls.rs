//! TLS to the database: the server's certificate must come from the authority that was given, and bear the name that was
//! asked for.

use super::super::StoreError;
use super::link::Link;
use super::settings::failed;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// TLS that verifies.
#[derive(Clone)]
pub struct Verified(Arc<ClientConfig>);

/// TLS that trusts the certificates in this file (PEM).
pub fn verified(file: &Path) -> Result<Verified, StoreError> {
    let unusable = |why: String| failed(format!("the certificates in {} cannot be used: {why}", file.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|e| unusable(e.to_string()))? {
        let certificate = certificate.map_err(|e| unusable(e.to_string()))?;
        roots.add(certificate).map_err(|e| unusable(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("there is none (PEM is wanted)".to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| unusable(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Verified(Arc::new(config)))
}

/// Makes TLS of one connection, if it is wanted.
pub struct Connect {
    /// How.
    pub tls: Option<Verified>,
    /// With whom.
    pub host: String,
}

/// TLS on a connection.
pub struct Secured(TlsStream<Link>);

impl TlsConnect<Link> for Connect {
    type Stream = Secured;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Secured>> + Send>>;

    fn connect(self, link: Link) -> Self::Future {
        Box::pin(async move {
            let Some(Verified(config)) = self.tls else {
                return Err(io::Error::other("TLS was not asked for"));
            };
            let name = ServerName::try_from(self.host).map_err(io::Error::other)?;
            Ok(Secured(TlsConnector::from(config).connect(name, link).await?))
        })
    }
}

impl tokio_postgres::tls::TlsStream for Secured {
    /// The certificate is verified: binding the password to it as well would add nothing.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
