//! One HTTP/1.1 connection to the collector over TLS 1.3, kept as long as it lives.
//!
//! A kept connection that turns out dead gets one immediate retry on a fresh one. Headers are the fewest possible:
//! every byte counts in a heartbeat. Answers are bounded.

use super::address::CollectorAddress;
use super::tls::WRONG_AUTHORITY;
use crate::checks::internet::collector::{Attempt, LastAttempt};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConfig};
use serde::de::DeserializeOwned;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use vigie_shared::error::{ErrorBody, Refusal};
use vigie_shared::limits::{COMPRESS_ABOVE, DEPTH_MAX, RETRY_AFTER, ZSTD_LEVEL, json_depth};

/// Largest answer accepted, bytes.
pub const ANSWER_MAX: usize = 1 << 20;
/// Patience for one address to accept.
const CONNECT: Duration = Duration::from_secs(5);
/// Patience for the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Patience for an answer on a connection that was used before: it may be dead without a word.
const ANSWER_KEPT: Duration = Duration::from_secs(10);
/// Patience for an answer on a fresh connection.
const ANSWER: Duration = Duration::from_secs(30);
/// Most addresses of one name that are tried.
const ADDRESSES: usize = 4;
/// Longest Retry-After that is honoured.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Why a call did not bring an answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The name of the collector is not known here (yet).
    #[error("the name {host} cannot be resolved ({why}); check the DNS of this network")]
    Resolve {
        /// The name.
        host: String,
        /// The system's words.
        why: String,
    },
    /// Nothing accepts at the address.
    #[error("{address} does not accept connections ({why}); check the network and the collector")]
    Connect {
        /// Address that was tried.
        address: String,
        /// The system's words.
        why: String,
    },
    /// The other end is not our collector, or does not want us.
    #[error("the secure connection failed: {0}")]
    Handshake(String),
    /// The connection broke or stayed silent.
    #[error("the collector did not answer ({0}); what was sent is kept and sent again")]
    Broken(String),
    /// Something answered, but not what a collector answers.
    #[error("the answer cannot be used: {0}")]
    Unreadable(String),
    /// The collector refuses.
    #[error("the collector refused ({code}): {message}", code = refusal.code, message = refusal.message)]
    Refused {
        /// HTTP status.
        status: u16,
        /// Code and message.
        refusal: Refusal,
        /// When to try again at the earliest.
        retry_after: Option<Duration>,
    },
}

/// A body to send.
#[derive(Debug, Clone)]
pub struct Body {
    bytes: Bytes,
    compressed: bool,
    typed: bool,
}

impl Body {
    /// A body; above 1 KiB it travels compressed. Small ones go without a content type.
    pub fn json(bytes: Vec<u8>) -> Self {
        if bytes.len() > COMPRESS_ABOVE
            && let Ok(compressed) = zstd::bulk::compress(&bytes, ZSTD_LEVEL)
        {
            return Self { bytes: compressed.into(), compressed: true, typed: true };
        }
        Self { bytes: bytes.into(), compressed: false, typed: false }
    }

    /// Says `application/json` even when small.
    pub fn typed(self) -> Self {
        Self { typed: true, ..self }
    }
}

struct Open {
    sender: http1::SendRequest<Full<Bytes>>,
    used: bool,
}

/// The one connection.
pub struct Link {
    address: CollectorAddress,
    config: Arc<ClientConfig>,
    open: Option<Open>,
    /// Connections made so far.
    pub connections: u64,
    attempt: LastAttempt,
}

struct Failure {
    error: CallError,
    /// Whether the connection may have been dead before we wrote.
    stale: bool,
}

impl Link {
    /// A link that connects when first used.
    pub fn new(address: CollectorAddress, config: ClientConfig) -> Self {
        Self { address, config: Arc::new(config), open: None, connections: 0, attempt: LastAttempt::default() }
    }

    /// The same, telling the check of the internet what each attempt to connect comes to.
    pub fn telling(self, attempt: LastAttempt) -> Self {
        Self { attempt, ..self }
    }

    /// Uses another identity from now on.
    pub fn reconfigure(&mut self, config: ClientConfig) {
        self.config = Arc::new(config);
        self.open = None;
    }

    /// Connects, and says nothing: whether the collector itself is there. A connection that is open is kept.
    pub async fn reach(&mut self) -> Result<(), CallError> {
        if self.open.as_ref().is_none_or(|open| open.sender.is_closed()) {
            self.open = Some(connect(&self.address, &self.config, &self.attempt).await?);
        }
        Ok(())
    }

    /// Forgets the connection: the next call makes a fresh one.
    pub fn hang_up(&mut self) {
        self.open = None;
    }

    /// Sends a body and reads the answer as `T`. One retry on a fresh connection if a kept one was dead.
    pub async fn call<T: DeserializeOwned>(&mut self, path: &str, body: &Body) -> Result<T, CallError> {
        match self.attempt(path, body).await {
            Err(failure) if failure.stale => {
                tracing::debug!("the kept connection was dead ({}): once more on a fresh one", failure.error);
                self.open = None;
                self.attempt(path, body).await.map_err(|f| f.error)
            }
            result => result.map_err(|f| f.error),
        }
    }

    async fn attempt<T: DeserializeOwned>(&mut self, path: &str, body: &Body) -> Result<T, Failure> {
        let host = self.address.host_and_port();
        let fresh = |error| Failure { error, stale: false };
        let mut open = match self.open.take().filter(|open| !open.sender.is_closed()) {
            Some(open) => open,
            None => {
                self.connections += 1;
                connect(&self.address, &self.config, &self.attempt).await.map_err(fresh)?
            }
        };
        let kept = open.used;
        let failed = |why: String| Failure { error: CallError::Broken(why), stale: kept };
        let request = request(&host, path, body).map_err(fresh)?;
        if let Err(error) = open.sender.ready().await {
            return Err(failed(error.to_string()));
        }
        let patience = if kept { ANSWER_KEPT } else { ANSWER };
        let response = match timeout(patience, open.sender.send_request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(failed(chain(&error))),
            Err(_) => return Err(failed(format!("silent for {} s", patience.as_secs()))),
        };
        let (head, incoming) = response.into_parts();
        let read = timeout(ANSWER, Limited::new(incoming, ANSWER_MAX).collect()).await;
        let bytes = match read {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                return Err(fresh(CallError::Unreadable(format!("it is larger than {ANSWER_MAX} bytes"))));
            }
            Ok(Err(error)) => return Err(fresh(CallError::Broken(format!("in the middle of the answer: {error}")))),
            Err(_) => return Err(fresh(CallError::Broken("in the middle of the answer".to_owned()))),
        };
        open.used = true;
        self.open = Some(open);
        understand(&head, &bytes).map_err(fresh)
    }
}

fn request(host: &str, path: &str, body: &Body) -> Result<hyper::Request<Full<Bytes>>, CallError> {
    let mut request = hyper::Request::post(path).header(header::HOST, host);
    if body.compressed {
        request = request.header(header::CONTENT_ENCODING, "zstd");
    }
    if body.typed {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    request.body(Full::new(body.bytes.clone())).map_err(|e| CallError::Unreadable(e.to_string()))
}

fn understand<T: DeserializeOwned>(head: &hyper::http::response::Parts, bytes: &[u8]) -> Result<T, CallError> {
    let status = head.status;
    if let Some(encoding) = head.headers.get(header::CONTENT_ENCODING)
        && encoding != "identity"
    {
        let encoding = String::from_utf8_lossy(encoding.as_bytes()).into_owned();
        let why = format!("it is encoded as « {encoding} », which was not asked for; something stands in between");
        return Err(CallError::Unreadable(why));
    }
    if json_depth(bytes) > DEPTH_MAX {
        return Err(CallError::Unreadable(format!("it nests deeper than {DEPTH_MAX}")));
    }
    if status.is_success() {
        return serde_json::from_slice(bytes).map_err(|e| CallError::Unreadable(format!("HTTP {status}, {e}")));
    }
    let retry_after = head
        .headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    match serde_json::from_slice::<ErrorBody>(bytes) {
        Ok(body) => Err(CallError::Refused { status: status.as_u16(), refusal: body.error, retry_after }),
        Err(_) => Err(CallError::Unreadable(format!("HTTP {status} without the reason a collector gives"))),
    }
}

async fn connect(
    address: &CollectorAddress,
    config: &Arc<ClientConfig>,
    attempt: &LastAttempt,
) -> Result<Open, CallError> {
    let stream = reach(address).await.inspect_err(|_| attempt.note(Attempt::Unknown))?;
    let peer = stream.peer_addr().map(|peer| peer.ip());
    // Small writes go out at once; losing this option costs time, nothing else.
    drop(stream.set_nodelay(true));
    let name = ServerName::try_from(address.host.clone())
        .map_err(|e| CallError::Handshake(format!("{} is not a name a certificate can have ({e})", address.host)))?;
    let connector = TlsConnector::from(Arc::clone(config));
    let stream = match timeout(HANDSHAKE, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            attempt.note(met(&error));
            return Err(CallError::Handshake(explain(&error)));
        }
        Err(_) => {
            attempt.note(Attempt::Cut);
            return Err(CallError::Handshake("no answer; something on the way may block TLS".to_owned()));
        }
    };
    if let Ok(peer) = peer {
        attempt.note(Attempt::Reached(peer));
    }
    if stream.get_ref().1.alpn_protocol() != config.alpn_protocols.first().map(Vec::as_slice) {
        let why =
            "the other end does not know this door (ALPN): it is not a Vigie collector, or a proxy stands in between";
        return Err(CallError::Handshake(why.to_owned()));
    }
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(16 << 10)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|e| CallError::Broken(e.to_string()))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("the connection ended: {error}");
        }
    });
    Ok(Open { sender, used: false })
}

async fn reach(address: &CollectorAddress) -> Result<TcpStream, CallError> {
    let resolve = |why: String| CallError::Resolve { host: address.host.clone(), why };
    let addresses: Vec<SocketAddr> = match address.host.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, address.port)],
        Err(_) => match timeout(HANDSHAKE, tokio::net::lookup_host((address.host.as_str(), address.port))).await {
            Ok(Ok(found)) => found.take(ADDRESSES).collect(),
            Ok(Err(error)) => return Err(resolve(error.to_string())),
            Err(_) => return Err(resolve("no answer".to_owned())),
        },
    };
    let mut last = resolve("no address".to_owned());
    for candidate in addresses {
        let why = match timeout(CONNECT, TcpStream::connect(candidate)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer in {} s", CONNECT.as_secs()),
        };
        last = CallError::Connect { address: candidate.to_string(), why };
    }
    Err(last)
}

/// Who was met in a handshake that failed.
fn met(error: &std::io::Error) -> Attempt {
    match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => {
            Attempt::Foreign
        }
        // The collector's own, past its end or under another name.
        Some(rustls::Error::InvalidCertificate(_)) => Attempt::Unknown,
        Some(_) | None => Attempt::Cut,
    }
}

/// What a failed handshake means for a person.
fn explain(error: &std::io::Error) -> String {
    let Some(tls) = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) else {
        return format!("{error}; something on the way may block TLS");
    };
    match tls {
        rustls::Error::General(why) if why == WRONG_AUTHORITY => {
            format!("{why}, or something on the way intercepts TLS; nothing secret was sent. Check the address and the token")
        }
        rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            format!("the collector's certificate has expired ({tls}); renew it on the collector")
        }
        rustls::Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            format!("the collector's certificate is for another name ({tls}); use the name it was made for")
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the other end shows a certificate of another authority: it is not our collector, or something on the way intercepts TLS".to_owned()
        }
        rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            "the other end does not know this door (ALPN): it is not a Vigie collector, or not its port".to_owned()
        }
        other => other.to_string(),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
