//! Whom a balancer speaks for: the PROXY protocol, version 2 (HAProxy's proxy-protocol.txt, section 2.2).
//!
//! Behind a TCP balancer every connection comes from the balancer. Where the machine really is decides whether it is
//! expected at its school, so a balancer that was named (`--balancer`) may say it before the ClientHello. Nobody else may:
//! from other addresses these bytes are a broken handshake.

use ipnet::IpNet;
use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Longest block behind the fixed part: two Unix addresses and room for what balancers add.
const LONGEST: u16 = 2048;

/// The balancers that are believed.
#[derive(Debug, Clone, Default)]
pub struct Balancers(pub Vec<IpNet>);

impl Balancers {
    /// Whether this address is one of them.
    pub fn hold(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address.to_canonical()))
    }
}

/// What stands for an address that a balancer does not tell.
const NOT_TOLD: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// From where a connection of a balancer really comes; [`NOT_TOLD`] when it does not say, or speaks for itself (health
/// checks). Its own address would be none of a machine's: with each balancer that takes over, the whole school would seem to
/// leave by another line.
pub async fn origin(stream: &mut TcpStream) -> Result<SocketAddr> {
    let mut first = [0];
    // A ClientHello begins with 0x16.
    if stream.peek(&mut first).await? == 0 || SIGNATURE.first() != first.first() {
        return Ok(NOT_TOLD);
    }
    Ok(header(stream).await?.unwrap_or(NOT_TOLD))
}

/// Reads a header; `None` when the balancer speaks for itself (LOCAL) or for something without an Internet address.
async fn header(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<SocketAddr>> {
    let invalid = |why: &str| Error::new(ErrorKind::InvalidData, format!("PROXY header: {why}"));
    let mut signature = [0; 12];
    stream.read_exact(&mut signature).await?;
    if signature != SIGNATURE {
        return Err(invalid("not its signature"));
    }
    let (command, family, length) = (stream.read_u8().await?, stream.read_u8().await?, stream.read_u16().await?);
    if length > LONGEST {
        return Err(invalid("too long"));
    }
    let mut block = stream.take(length.into());
    let origin = match (command, family) {
        (0x20, _) => None,
        (0x21, 0x11) => {
            let (from, _to) = (block.read_u32().await?, block.read_u32().await?);
            Some(SocketAddr::from((Ipv4Addr::from(from), block.read_u16().await?)))
        }
        (0x21, 0x21) => {
            let (from, _to) = (block.read_u128().await?, block.read_u128().await?);
            Some(SocketAddr::from((Ipv6Addr::from(from), block.read_u16().await?)))
        }
        (0x21, _) => None,
        _ => return Err(invalid("version 2 is understood, LOCAL and PROXY of it")),
    };
    tokio::io::copy(&mut block, &mut tokio::io::sink()).await?;
    if block.limit() > 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len()).unwrap().to_be_bytes();
        [SIGNATURE.as_slice(), &[command, family], &length, block].concat()
    }

    async fn read(mut bytes: &[u8]) -> (Result<Option<SocketAddr>>, Vec<u8>) {
        let origin = header(&mut bytes).await;
        (origin, bytes.to_vec())
    }

    #[tokio::test]
    async fn it_says_who_is_behind_and_leaves_what_follows() {
        let mut block = vec![192, 0, 2, 7, 192, 0, 2, 1, 0x9c, 0x40, 0x01, 0xbb];
        block.extend([0x04, 0, 1, 9]); // something that balancers add (PP2_TYPE_NOOP)
        let sent = [bytes(0x21, 0x11, &block), b"hello".to_vec()].concat();
        let (origin, rest) = read(&sent).await;
        assert_eq!((origin.unwrap(), rest), (Some("192.0.2.7:40000".parse().unwrap()), b"hello".to_vec()));

        let mut block = "2001:db8::7".parse::<Ipv6Addr>().unwrap().octets().to_vec();
        block.extend([0; 16]);
        block.extend([0x9c, 0x40, 0x01, 0xbb]);
        assert_eq!(read(&bytes(0x21, 0x21, &block)).await.0.unwrap(), Some("[2001:db8::7]:40000".parse().unwrap()));
        assert_eq!(read(&bytes(0x20, 0, &[])).await.0.unwrap(), None, "a health check");
    }

    #[tokio::test]
    async fn what_is_not_a_header_is_refused() {
        let good = bytes(0x21, 0x11, &[192, 0, 2, 7, 192, 0, 2, 1, 0x9c, 0x40, 0x01, 0xbb]);
        for length in 0..good.len() {
            assert!(read(&good[..length]).await.0.is_err(), "cut after {length} bytes");
        }
        for bad in [
            bytes(0x11, 0x11, &[0; 12]),
            bytes(0x22, 0x11, &[0; 12]),
            bytes(0x21, 0x11, &[0; 4]),
            bytes(0x21, 0x11, &[0; 3000]),
            b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 443\r\n".to_vec(),
        ] {
            assert!(read(&bad).await.0.is_err(), "{bad:?}");
        }
    }
}
