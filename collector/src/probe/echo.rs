//! Echo requests to the routers of lines (RFC 792, RFC 4443).
//!
//! A datagram ICMP socket where the kernel permits it (`net.ipv4.ping_group_range`), else a raw one (CAP_NET_RAW). Sockets
//! live for one round. An ICMP *error* comes back as an answer too: the type decides.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence, SurgeError};

/// Requests of one look: one lost packet is no outage.
const ECHOES: u32 = 3;
/// Patience for each.
const PATIENCE: Duration = Duration::from_millis(1000);
/// Time between an unanswered one and the next.
const PAUSE: Duration = Duration::from_millis(300);
const PAYLOAD: &[u8] = b"vigie";

/// ICMP echo type of an answer, RFC 792 and RFC 4443.
const REPLY_V4: u8 = 0;
const REPLY_V6: u8 = 129;

/// The sockets of one round, made when first needed.
#[derive(Default)]
pub struct Sockets {
    v4: Option<Client>,
    v6: Option<Client>,
}

impl Sockets {
    /// The socket for an address; an error says why there is none.
    pub fn of(&mut self, address: IpAddr) -> io::Result<Client> {
        let (kind, place) = if address.is_ipv4() { (ICMP::V4, &mut self.v4) } else { (ICMP::V6, &mut self.v6) };
        if let Some(client) = place {
            return Ok(client.clone());
        }
        let client = Client::new(&Config::builder().kind(kind).build())?;
        Ok(place.insert(client).clone())
    }
}

/// Numbers of requests: no two that wait for an answer have the same.
#[derive(Debug, Default)]
pub struct Numbers(AtomicU16);

/// Whether an address answers one of a few requests. An error says that it could not even be asked, which is no evidence.
pub async fn answers(client: Client, address: IpAddr, numbers: &Numbers) -> Result<bool, String> {
    let identifier = u16::try_from(std::process::id() & 0xffff).unwrap_or(1);
    let mut pinger = client.pinger(address, PingIdentifier(identifier)).await;
    pinger.timeout(PATIENCE);
    for attempt in 0..ECHOES {
        if attempt > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let number = numbers.0.fetch_add(1, Ordering::Relaxed);
        match pinger.ping(PingSequence(number), PAYLOAD).await {
            Ok((packet, _)) if is_reply(&packet) => return Ok(true),
            Ok(_) | Err(SurgeError::Timeout { .. }) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(false)
}

fn is_reply(packet: &IcmpPacket) -> bool {
    match packet {
        IcmpPacket::V4(packet) => packet.get_icmp_type().0 == REPLY_V4,
        IcmpPacket::V6(packet) => packet.get_icmpv6_type().0 == REPLY_V6,
    }
}
