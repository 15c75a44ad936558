//! What has worked on which network. "A probe step that never worked here is no evidence" (invariant 6): a gateway that
//! never answered to ping, a firewall that blocks a port, a filter that always lies about a name say nothing about today.
//!
//! Kept in memory, keyed by gateway; it can be written out and read back by who wants to keep it over a restart.

use super::quality::Usual;
use super::step::{Kind, Steps};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Most networks remembered; the one not seen for the longest time goes first.
pub const NETWORKS_MAX: usize = 8;
/// Most probes remembered for one network: all that a policy can name, several times over.
const PROBES_MAX: usize = 64;
/// Most names whose addresses are remembered.
const NAMES_MAX: usize = 16;

/// What has worked, network by network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Take every step as having worked before: for a look made by hand, where the policy's word is all there is.
    trusting: bool,
    looks: u64,
    networks: BTreeMap<String, Network>,
    addresses: BTreeMap<String, Vec<IpAddr>>,
}

/// What has worked on one network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Network {
    /// Number of the look that saw this network last.
    last_seen: u64,
    worked: BTreeSet<(Kind, String)>,
    /// What is usual of its line, and the address outside by which that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usual: Option<(IpAddr, Usual)>,
}

impl Memory {
    /// A memory in which everything has worked: for a single look made by hand.
    pub fn trusting() -> Self {
        Self { trusting: true, ..Self::default() }
    }

    /// Whether this probe has worked on this network.
    pub fn has_worked(&self, network: &str, kind: Kind, target: &str) -> bool {
        self.trusting
            || self.networks.get(network).is_some_and(|known| known.worked.contains(&(kind, target.to_owned())))
    }

    /// Learns what works from one look.
    pub fn learn(&mut self, steps: &Steps) {
        self.looks = self.looks.saturating_add(1);
        let known = self.networks.entry(steps.network.clone()).or_default();
        known.last_seen = self.looks;
        for (kind, step) in steps.remembered().filter(|(_, step)| step.is_ok()) {
            known.worked.insert((kind, step.target.clone()));
        }
        if known.worked.len() > PROBES_MAX {
            // Old targets of old policies and old resolvers: what is tried now is what must be kept.
            let tried = crate::sort::set(steps.remembered().map(|(kind, step)| (kind, step.target.clone())));
            known.worked.retain(|probe| tried.contains(probe));
        }
        while self.networks.len() > NETWORKS_MAX {
            let oldest = self.networks.iter().min_by_key(|(_, known)| known.last_seen).map(|(name, _)| name.clone());
            match oldest {
                Some(name) => self.networks.remove(&name),
                None => break,
            };
        }
    }

    /// What is usual of the way to this address outside.
    pub fn usual(&self, network: &str, target: IpAddr) -> Usual {
        let usual = self.networks.get(network).and_then(|known| known.usual);
        usual.filter(|(of, _)| *of == target).map(|(_, usual)| usual).unwrap_or_default()
    }

    /// Remembers what is usual, of a network that is known.
    pub fn learn_usual(&mut self, network: &str, target: IpAddr, usual: Usual) {
        if let Some(known) = self.networks.get_mut(network) {
            known.usual = Some((target, usual));
        }
    }

    /// Addresses that this name last resolved to: they let the way outside be tried while no resolver answers.
    pub fn addresses(&self, name: &str) -> Option<&[IpAddr]> {
        self.addresses.get(name).map(Vec::as_slice)
    }

    /// Remembers the addresses of a name.
    pub fn learn_addresses(&mut self, name: &str, addresses: &[IpAddr]) {
        if addresses.is_empty() || (self.addresses.len() >= NAMES_MAX && !self.addresses.contains_key(name)) {
            return;
        }
        self.addresses.insert(name.to_owned(), addresses.iter().take(4).copied().collect());
    }
}

#[cfg(test)]
mod tests {
    use super::super::judge::tests::good;
    use super::*;
    use crate::checks::internet::step::{Failure, Step};

    #[test]
    fn only_what_worked_is_remembered_and_only_on_its_network() {
        let mut memory = Memory::default();
        let mut steps = good();
        steps.tcp = vec![Step::ok("a.example:443", ""), Step::failed("b.example:443", Failure::Silent)];
        memory.learn(&steps);
        assert!(memory.has_worked(&steps.network, Kind::Tcp, "a.example:443"));
        assert!(!memory.has_worked(&steps.network, Kind::Tcp, "b.example:443"));
        assert!(!memory.has_worked(&steps.network, Kind::Http, "a.example:443"));
        assert!(!memory.has_worked("198.51.100.1 wlan0", Kind::Tcp, "a.example:443"));
    }

    #[test]
    fn the_network_not_seen_for_the_longest_time_is_forgotten_first() {
        let mut memory = Memory::default();
        let on = |n: usize| Steps { network: format!("192.0.2.{n} eth0"), ..good() };
        for n in 0..NETWORKS_MAX {
            memory.learn(&on(n));
        }
        memory.learn(&on(0));
        memory.learn(&on(99));
        let remembers = |n: usize| {
            let steps = on(n);
            memory.has_worked(&steps.network, Kind::Gateway, &steps.gateway.target)
        };
        assert!(remembers(0) && remembers(99));
        assert!(!remembers(1));
    }

    #[test]
    fn targets_of_old_policies_make_room_for_those_of_today() {
        let mut memory = Memory::default();
        for n in 0..200 {
            memory.learn(&Steps { tcp: vec![Step::ok(format!("h{n}.example:443"), "")], ..good() });
            assert!(memory.networks.values().all(|known| known.worked.len() <= PROBES_MAX));
        }
        assert!(memory.has_worked(&good().network, Kind::Tcp, "h199.example:443"));
        assert!(!memory.has_worked(&good().network, Kind::Tcp, "h0.example:443"));
    }

    #[test]
    fn it_reads_back_after_being_written() {
        let mut memory = Memory::default();
        memory.learn(&good());
        memory.learn_addresses("a.example", &["192.0.2.80".parse().unwrap()]);
        let text = serde_json::to_string(&memory).unwrap();
        assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), memory);
    }
}
