//! Echo requests (RFC 792, RFC 4443): to the default gateway and to addresses outside.
//!
//! A datagram ICMP socket where the kernel permits it (`net.ipv4.ping_group_range`), else a raw one, else the step is
//! skipped. An ICMP *error* comes back as an answer too: the type decides.

use super::path::Gateway;
use super::quality::Series;
use super::step::{Failure, Step};
use crate::source::Source;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence, SurgeError};
use tokio::task::JoinSet;

/// Requests sent to one target in one look: one lost packet is no outage.
const ATTEMPTS: u16 = 2;
/// Longest time between two requests of a series.
const SPACING: Duration = Duration::from_millis(200);
/// Longest time between the first request of a series and the last: a look waits for it beside three patiences.
const SPREAD: Duration = Duration::from_millis(900);
/// Most targets whose sequence is kept.
const TARGETS_MAX: usize = 32;
const PAYLOAD: &[u8] = b"vigie";

/// One sequence counter per target, kept between looks: a late answer to an old request is not one to a new request.
#[derive(Debug, Default)]
pub struct Sequences(BTreeMap<IpAddr, u16>);

impl Sequences {
    /// The first of the numbers that one look may use for this target: two, or one for each request of a series.
    pub fn take(&mut self, target: IpAddr, series: u32) -> u16 {
        if self.0.len() >= TARGETS_MAX && !self.0.contains_key(&target) {
            self.0.clear();
        }
        let next = self.0.entry(target).or_default();
        let first = *next;
        *next = next.wrapping_add(ATTEMPTS.max(u16::try_from(series).unwrap_or(ATTEMPTS)));
        first
    }
}

/// Where to send a request, and with what number.
#[derive(Debug, Clone, Copy)]
pub struct Echo {
    /// The address.
    pub target: IpAddr,
    /// Interface of a link-local IPv6 address, else 0.
    pub scope_id: u32,
    /// Number of the first request.
    pub sequence: u16,
    /// Number that tells this process from others on a raw socket.
    pub identifier: u16,
    /// Patience for each request.
    pub patience: Duration,
    /// Requests of a series; 0: no series, and at most [`ATTEMPTS`] until one is answered.
    pub series: u32,
}

/// Asks an address for an echo. Takes at most [`ATTEMPTS`] times the patience.
async fn attempts(echo: Echo, client: Client) -> Step {
    let target = echo.target.to_string();
    let mut pinger = client.pinger(echo.target, PingIdentifier(echo.identifier)).await;
    pinger.timeout(echo.patience).scope_id(echo.scope_id);
    for attempt in 0..ATTEMPTS {
        let begun = Instant::now();
        match pinger.ping(PingSequence(echo.sequence.wrapping_add(attempt)), PAYLOAD).await {
            Ok((packet, took)) => {
                return match icmp_error(&packet) {
                    None => Step::ok(target, "").took(took),
                    Some(error) => Step::failed(target, Failure::Refused(error)).took(took),
                };
            }
            Err(SurgeError::Timeout { .. }) => {}
            Err(SurgeError::IOError(error)) => {
                return Step::failed(target, Failure::Refused(error.kind().to_string())).took(begun.elapsed());
            }
            Err(error) => return Step::skipped(target, error.to_string()),
        }
    }
    Step::failed(target, Failure::Silent)
}

/// Asks an address for an echo: once or twice, or a series of times side by side. Takes at most twice the patience, or
/// the patience and the spacings.
pub async fn echo(echo: Echo) -> (Step, Series) {
    let target = echo.target.to_string();
    let kind = if echo.target.is_ipv4() { ICMP::V4 } else { ICMP::V6 };
    let client = match Client::new(&Config::builder().kind(kind).build()) {
        Ok(client) => client,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return (Step::skipped(target, "needs CAP_NET_RAW (run as root)"), Series::default());
        }
        Err(error) => return (Step::skipped(target, format!("no ICMP socket: {}", error.kind())), Series::default()),
    };
    match echo.series {
        0 => (attempts(echo, client).await, Series::default()),
        _ => series(echo, client).await,
    }
}

/// Time between two requests of a series of so many.
fn spacing(series: u32) -> Duration {
    SPACING.min(SPREAD / series.saturating_sub(1).max(1))
}

async fn series(echo: Echo, client: Client) -> (Step, Series) {
    let mut requests = JoinSet::new();
    for n in 0..u16::try_from(echo.series).unwrap_or(ATTEMPTS) {
        let mut pinger = client.pinger(echo.target, PingIdentifier(echo.identifier)).await;
        pinger.timeout(echo.patience).scope_id(echo.scope_id);
        let sequence = PingSequence(echo.sequence.wrapping_add(n));
        requests.spawn(async move {
            tokio::time::sleep(spacing(echo.series) * u32::from(n)).await;
            pinger.ping(sequence, PAYLOAD).await
        });
    }
    let (mut times, mut failure) = (Vec::new(), Failure::Silent);
    while let Some(request) = requests.join_next().await {
        match request {
            Ok(Ok((packet, took))) => match icmp_error(&packet) {
                None => times.push(took),
                Some(error) => failure = Failure::Refused(error),
            },
            Ok(Err(SurgeError::IOError(error))) => failure = Failure::Refused(error.kind().to_string()),
            Ok(Err(_)) | Err(_) => {}
        }
    }
    times.sort_unstable();
    let target = echo.target.to_string();
    let step = match times.first() {
        Some(quickest) => Step::ok(target, "").took(*quickest),
        None => Step::failed(target, failure),
    };
    let median = times.get(times.len() / 2).map_or(0, Duration::as_micros);
    let received = u32::try_from(times.len()).unwrap_or(echo.series);
    (step, Series { sent: echo.series, received, rtt_us: u32::try_from(median).unwrap_or(u32::MAX) })
}

/// What an answer that is no echo reply says.
fn icmp_error(packet: &IcmpPacket) -> Option<String> {
    match packet {
        IcmpPacket::V4(packet) => name_v4(packet.get_icmp_type().0, packet.get_icmp_code().0),
        IcmpPacket::V6(packet) => name_v6(packet.get_icmpv6_type().0, packet.get_icmpv6_code().0),
    }
}

/// RFC 792 and RFC 1812: none for an echo reply.
fn name_v4(kind: u8, code: u8) -> Option<String> {
    Some(match (kind, code) {
        (0, _) => return None,
        (3, 0) => "network unreachable".to_owned(),
        (3, 1) => "host unreachable".to_owned(),
        (3, 9 | 10 | 13) => "prohibited by a firewall".to_owned(),
        (11, _) => "time to live exceeded: a loop of routes".to_owned(),
        (kind, code) => format!("ICMP error {kind}/{code}"),
    })
}

/// RFC 4443: none for an echo reply.
fn name_v6(kind: u8, code: u8) -> Option<String> {
    Some(match (kind, code) {
        (129, _) => return None,
        (1, 0) => "network unreachable".to_owned(),
        (1, 1 | 5 | 6) => "prohibited by a firewall".to_owned(),
        (1, 3) => "host unreachable".to_owned(),
        (3, _) => "hop limit exceeded: a loop of routes".to_owned(),
        (kind, code) => format!("ICMPv6 error {kind}/{code}"),
    })
}

/// Asks the default gateway. Silence to ping proves little; an address that does not even answer to ARP is not there.
pub async fn gateway(source: &dyn Source, gateway: &Gateway, request: Echo) -> (Step, Series) {
    let (step, series) = echo(request).await;
    if step.is_ok() {
        return (step, series);
    }
    let neighbours = source.text("/proc/net/arp").unwrap_or_default();
    match neighbour(&neighbours, gateway) {
        Some(false) => (Step::failed(step.target, Failure::NoNeighbour), series),
        Some(true) | None => (step, series),
    }
}

/// Whether the kernel's neighbour table has the hardware address of the gateway; none when it is not listed.
///
/// Columns of `/proc/net/arp`: address, type, flags (`0x0`: asked for, not answered), hardware address, mask, device.
fn neighbour(arp: &str, gateway: &Gateway) -> Option<bool> {
    let find = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [address, _, flags, _, _, device] = words.as_slice() else { return None };
        let ours = address.parse() == Ok(gateway.address) && *device == gateway.interface;
        ours.then(|| *flags != "0x0")
    };
    arp.lines().find_map(find)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str) -> Echo {
        let target = target.parse().unwrap();
        Echo { target, scope_id: 0, sequence: 0, identifier: 4242, patience: Duration::from_millis(300), series: 0 }
    }

    #[tokio::test]
    async fn the_loopback_answers() {
        let (step, _) = echo(request("127.0.0.1")).await;
        if let super::super::step::StepResult::Skipped(why) = &step.result {
            eprintln!("skipped: {why}");
            return;
        }
        assert!(step.is_ok(), "{step:?}");
        assert!(step.millis.is_some());

        let (step, series) = echo(Echo { series: 3, ..request("127.0.0.1") }).await;
        assert!(step.is_ok(), "{step:?}");
        assert_eq!((series.sent, series.received), (3, 3));
        assert!(series.rtt_us > 0);
    }

    #[test]
    fn the_longest_series_that_a_policy_may_ask_for_is_sent_within_a_second() {
        for series in 1..=vigie_shared::policy::ECHOES_MAX {
            assert!(spacing(series) * (series - 1) <= SPREAD, "{series}");
        }
        assert_eq!(spacing(3), SPACING);
    }

    #[test]
    fn an_icmp_error_is_a_failure_with_a_name() {
        assert_eq!(name_v4(0, 0), None);
        assert_eq!(name_v4(3, 1).as_deref(), Some("host unreachable"));
        assert_eq!(name_v4(3, 13).as_deref(), Some("prohibited by a firewall"));
        assert_eq!(name_v4(5, 1).as_deref(), Some("ICMP error 5/1"));
        assert_eq!(name_v6(129, 0), None);
        assert_eq!(name_v6(1, 3).as_deref(), Some("host unreachable"));
    }

    #[test]
    fn each_target_has_its_own_sequence() {
        let mut sequences = Sequences::default();
        let (a, b) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        assert_eq!(
            [sequences.take(a, 0), sequences.take(a, 5), sequences.take(a, 0), sequences.take(b, 0)],
            [0, 2, 7, 0]
        );
        sequences.0.insert(a, u16::MAX);
        assert_eq!([sequences.take(a, 0), sequences.take(a, 0)], [u16::MAX, 1], "it goes round");
    }

    #[test]
    fn the_neighbour_table_tells_a_dead_gateway() {
        let arp = "IP address       HW type     Flags       HW address            Mask     Device\n\
                   192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        eth0\n\
                   192.0.2.9        0x1         0x0         00:00:00:00:00:00     *        eth0\n";
        let on = |address: &str, interface: &str| {
            let gateway = Gateway { address: address.parse().unwrap(), interface: interface.into(), scope_id: 2 };
            neighbour(arp, &gateway)
        };
        assert_eq!(on("192.0.2.1", "eth0"), Some(true));
        assert_eq!(on("192.0.2.9", "eth0"), Some(false));
        assert_eq!(on("192.0.2.9", "eth1"), None);
        assert_eq!(on("2001:db8::1", "eth0"), None);
    }
}
