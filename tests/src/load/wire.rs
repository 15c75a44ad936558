//! One TLS connection of an agent and the little HTTP/1.1 it takes: a request in one write, a response with a
//! `content-length`. By hand, since the crowd shares its processors with the collector it measures.

use anyhow::{Context, Result, bail};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Patience for a connection and its handshake, as the agent has it.
const CONNECT: Duration = Duration::from_secs(15);
/// Patience for an answer, as the agent has it.
const ANSWER: Duration = Duration::from_secs(30);
/// Longest answer, bytes.
const ANSWER_MAX: usize = 1 << 20;

/// An open connection.
pub struct Wire {
    stream: TlsStream<TcpStream>,
    inbox: Vec<u8>,
}

/// An answer; its body lies in the connection until the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// HTTP status.
    pub status: u16,
    /// Seconds of Retry-After.
    pub retry_after: Option<u64>,
    /// Whether the other end closes afterwards.
    pub close: bool,
    body: usize,
    length: usize,
}

impl Wire {
    /// Connects from an address of the loopback and shakes hands.
    pub async fn open(from: Ipv4Addr, to: SocketAddr, tls: &Arc<ClientConfig>) -> Result<Self> {
        let connect = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((from, 0)))?;
            let stream = socket.connect(to).await?;
            stream.set_nodelay(true)?;
            let connector = TlsConnector::from(tls.clone());
            connector.connect(ServerName::from(to.ip()), stream).await
        };
        let stream = timeout(CONNECT, connect).await.context("no connection in time")?.context("connection")?;
        Ok(Self { stream, inbox: Vec::with_capacity(1024) })
    }

    /// Sends a whole request and reads the whole answer.
    pub async fn call(&mut self, request: &[u8]) -> Result<Head> {
        timeout(ANSWER, self.exchange(request)).await.context("no answer in time")?
    }

    /// The body of the last answer.
    pub fn body(&self, head: &Head) -> &[u8] {
        self.inbox.get(head.body..head.body + head.length).unwrap_or_default()
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<Head> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.inbox.clear();
        loop {
            if self.stream.read_buf(&mut self.inbox).await? == 0 {
                bail!("the connection ended before the answer");
            }
            if let Some(head) = Head::parse(&self.inbox)? {
                if head.length > ANSWER_MAX {
                    bail!("an answer of {} bytes", head.length);
                }
                if self.inbox.len() >= head.body + head.length {
                    return Ok(head);
                }
            } else if self.inbox.len() > ANSWER_MAX {
                bail!("a head of more than {ANSWER_MAX} bytes");
            }
        }
    }
}

impl Head {
    /// The head of an answer, once it is whole.
    fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(&bytes[..end]).context("the head is no text")?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
        let status = status.with_context(|| format!("no status: {text}"))?;
        let mut head = Self { status, retry_after: None, close: false, body: end + 4, length: 0 };
        let mut length = None;
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().ok();
            } else if name.eq_ignore_ascii_case("retry-after") {
                head.retry_after = value.parse().ok();
            } else if name.eq_ignore_ascii_case("connection") {
                head.close = value.eq_ignore_ascii_case("close");
            }
        }
        head.length = length.with_context(|| format!("no content-length: {text}"))?;
        Ok(Some(head))
    }
}

/// A request as the agent writes it, into `out`.
pub fn write_request(out: &mut Vec<u8>, path: &str, host: SocketAddr, body: &[u8], encoding: Encoding) {
    use std::io::Write;
    out.clear();
    // Writing into memory does not fail.
    let _ = write!(out, "POST {path} HTTP/1.1\r\nhost: {host}\r\n");
    out.extend_from_slice(match encoding {
        Encoding::Bare => b"",
        Encoding::Typed => b"content-type: application/json\r\n",
        Encoding::Zstd => b"content-encoding: zstd\r\ncontent-type: application/json\r\n",
    });
    let _ = write!(out, "content-length: {}\r\n\r\n", body.len());
    out.extend_from_slice(body);
}

/// How a body travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// A quiet heartbeat: every byte counts.
    Bare,
    /// It says that it is JSON.
    Typed,
    /// Compressed.
    Zstd,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_only_with_its_head_and_length() {
        let text = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\nretry-after: 12\r\nconnection: close\r\n\r\nhello";
        let head = Head::parse(text).unwrap().unwrap();
        assert_eq!((head.status, head.retry_after, head.close, head.length), (503, Some(12), true, 5));
        assert_eq!(&text[head.body..], b"hello");
        assert_eq!(Head::parse(&text[..40]).unwrap(), None);
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err(), "no length");
        assert!(Head::parse(b"SMTP\r\ncontent-length: 1\r\n\r\n").is_err());
    }

    #[test]
    fn a_quiet_request_says_the_least() {
        let mut out = b"old".to_vec();
        write_request(&mut out, "/p", "127.0.0.1:7".parse().unwrap(), b"{}", Encoding::Bare);
        assert_eq!(out, b"POST /p HTTP/1.1\r\nhost: 127.0.0.1:7\r\ncontent-length: 2\r\n\r\n{}");
    }
}
