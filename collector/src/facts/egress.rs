//! From where a machine leaves its school: which of its networks that tells, and which address is the usual one.
//!
//! Two addresses are one egress when they are equal, or of one /64: the host part of IPv6 changes every day by design
//! (RFC 8981) and tells nothing about the line.

use crate::engine::NetworkKind;
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// An address under which a machine was heard for this long is the usual one. Longer than a line is usually away, so that
/// the address of a back-up does not become usual meanwhile; time in which the machine was off does not count.
const USUAL_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// From where a machine calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Egress {
    /// Its address now.
    pub address: IpAddr,
    /// Since when; `None` when that was not noted.
    pub since: Option<Timestamp>,
    /// When it was heard last under it.
    pub heard: Option<Timestamp>,
    /// The usual one as it was when this one came; `None` when there was none before.
    pub usual: Option<IpAddr>,
    /// The network as known when this one came.
    pub network: Option<NetworkKind>,
}

impl Egress {
    /// The first address that a machine is heard from.
    pub fn first(address: IpAddr, at: Timestamp) -> Self {
        Self { address, since: Some(at), heard: Some(at), usual: None, network: None }
    }

    /// The usual address.
    pub fn usual(&self) -> IpAddr {
        let kept = self.since.zip(self.heard).map(|(since, heard)| since.duration_until(heard));
        let settled = kept.is_some_and(|kept| kept >= USUAL_AFTER);
        self.usual.filter(|_| !settled).unwrap_or(self.address)
    }

    /// The network it is on: told by the address, else the one last known.
    pub fn network(&self, known: &Known) -> Option<NetworkKind> {
        known.network(self.address).or(self.network)
    }

    /// The same machine heard from another address.
    pub fn moved(&self, to: IpAddr, at: Timestamp, known: &Known) -> Self {
        Self { address: to, since: Some(at), heard: Some(at), usual: Some(self.usual()), network: self.network(known) }
    }
}

/// What is known of the addresses of a school.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Its lines, each with the networks that leave by it.
    pub lines: Vec<(IpAddr, BTreeSet<NetworkKind>)>,
    /// Its address ranges.
    pub ranges: Vec<(IpNet, NetworkKind)>,
}

impl Known {
    /// The network that an address tells: that of its line when only one leaves by it, else that of the narrowest range.
    pub fn network(&self, address: IpAddr) -> Option<NetworkKind> {
        let line = self.lines.iter().find(|(line, _)| same(*line, address));
        if let Some((_, carries)) = line
            && let (1, Some(only)) = (carries.len(), carries.first())
        {
            return Some(*only);
        }
        let holding = self.ranges.iter().filter(|(range, _)| range.contains(&address));
        holding.max_by_key(|(range, _)| range.prefix_len()).map(|(_, kind)| *kind)
    }
}

/// Whether two addresses are one egress.
pub fn same(a: IpAddr, b: IpAddr) -> bool {
    match (a, b) {
        (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() >> 64 == b.to_bits() >> 64,
        (a, b) => a == b,
    }
}

/// Whether an address, as stored, is the same egress as this one.
pub fn same_as_stored(stored: &str, address: IpAddr) -> bool {
    stored.parse().is_ok_and(|stored| same(stored, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "203.0.113.10";
    const MOBILE: &str = "198.51.100.77";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(1_795_446_000 + days * 86_400).unwrap()
    }

    fn known() -> Known {
        Known {
            lines: vec![
                (ip(HOME), [NetworkKind::Pedagogical].into()),
                (ip("203.0.113.20"), NetworkKind::ALL.into_iter().collect()),
            ],
            ranges: vec![
                ("192.0.2.0/24".parse().unwrap(), NetworkKind::Pedagogical),
                ("192.0.2.128/25".parse().unwrap(), NetworkKind::Administrative),
            ],
        }
    }

    #[test]
    fn a_line_that_carries_one_network_tells_it_and_a_shared_one_does_not() {
        assert_eq!(known().network(ip(HOME)), Some(NetworkKind::Pedagogical));
        assert_eq!(known().network(ip("203.0.113.20")), None);
        assert_eq!(known().network(ip(MOBILE)), None);
    }

    #[test]
    fn the_narrowest_range_tells() {
        assert_eq!(known().network(ip("192.0.2.7")), Some(NetworkKind::Pedagogical));
        assert_eq!(known().network(ip("192.0.2.200")), Some(NetworkKind::Administrative));
    }

    fn heard(egress: Egress, days: i64) -> Egress {
        Egress { heard: Some(at(days)), ..egress }
    }

    #[test]
    fn on_a_back_up_line_the_network_last_known_and_the_usual_address_stay() {
        let home = heard(Egress::first(ip(HOME), at(0)), 20);
        let away = heard(home.moved(ip(MOBILE), at(20), &known()), 21);
        assert_eq!(away.network(&known()), Some(NetworkKind::Pedagogical));
        assert_eq!((away.usual(), away.address), (ip(HOME), ip(MOBILE)));
        let back = away.moved(ip(HOME), at(22), &known());
        assert_eq!((back.usual(), back.address), (ip(HOME), ip(HOME)));
    }

    #[test]
    fn an_address_that_is_heard_for_a_week_becomes_the_usual_one() {
        let moved = Egress::first(ip(HOME), at(0)).moved(ip(MOBILE), at(1), &Known::default());
        assert_eq!(heard(moved, 7).usual(), ip(HOME));
        assert_eq!(heard(moved, 8).usual(), ip(MOBILE));
    }

    #[test]
    fn a_machine_that_was_off_in_the_holidays_does_not_get_used_to_the_back_up_of_its_last_day() {
        let away = heard(heard(Egress::first(ip(HOME), at(0)), 20).moved(ip(MOBILE), at(20), &known()), 21);
        let back = away.moved(ip(HOME), at(37), &known());
        assert_eq!(back.usual(), ip(HOME));
    }

    #[test]
    fn the_first_address_is_the_usual_one() {
        assert_eq!(Egress::first(ip(HOME), at(0)).usual(), ip(HOME));
    }

    #[test]
    fn the_daily_host_part_of_ipv6_is_no_other_egress() {
        assert!(same(ip("2001:db8:1:2::7"), ip("2001:db8:1:2:aaaa::1")));
        assert!(!same(ip("2001:db8:1:2::7"), ip("2001:db8:1:3::7")));
        assert!(!same(ip(HOME), ip(MOBILE)));
        assert!(same_as_stored("2001:db8:1:2::7", ip("2001:db8:1:2::8")));
        assert!(!same_as_stored("rubbish", ip(HOME)));
    }
}
