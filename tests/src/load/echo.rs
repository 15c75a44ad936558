//! The empty handler: the same mutual TLS, the same HTTP/1 builder as the agents' door, a body read and a small fixed
//! answer. What the collector is compared with in the same run.

use crate::client::certificate_of;
use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use vigie_shared::limits::ALPN_AGENT;
use vigie_shared::policy::HEARTBEAT_MAX_S;

/// An answer of the size of the collector's; the number is above all that a crowd can send.
const ANSWER: &[u8] = br#"{"ack":999999999999,"next_s":60,"now_ms":1795446879000}"#;
/// Idle limit and buffer, as on the agents' door.
const IDLE: Duration = Duration::from_secs(3 * HEARTBEAT_MAX_S as u64);
const BUFFER: usize = 16 << 10;

/// What it says once it listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    /// The authority of its certificate (PEM).
    pub authority: String,
}

/// Reads the authority of its clients (PEM, as a JSON string) from the first line of its input, listens, says where,
/// and serves until the input ends.
pub fn run() -> Result<()> {
    let mut lines = std::io::stdin().lock().lines();
    let clients: String = serde_json::from_str(&lines.next().context("no authority")??)?;
    let (config, authority) = config(&clients)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let socket = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let listening = Listening { address: socket.local_addr()?, authority };
    runtime.spawn(accept(socket, TlsAcceptor::from(Arc::new(config))));
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(&listening)?)?;
    out.flush()?;
    for line in lines {
        line?;
    }
    Ok(())
}

fn config(clients: &str) -> Result<(ServerConfig, String)> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec![Ipv4Addr::LOCALHOST.to_string()])?.signed_by(&key, &authority)?;

    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate_of(clients)?)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )?;
    config.alpn_protocols = vec![ALPN_AGENT.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok((config, authority.pem()))
}

async fn accept(socket: TcpListener, acceptor: TlsAcceptor) {
    loop {
        match socket.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, acceptor.clone()))),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor) {
    let _ = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(IDLE).auto_date_header(false).max_buf_size(BUFFER);
    // Whoever hangs up has what it wanted.
    let _ = builder.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // A body that breaks off ends the connection by itself.
    let _ = request.into_body().collect().await;
    Ok(Response::new(Full::new(Bytes::from_static(ANSWER))))
}
