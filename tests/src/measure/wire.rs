//! Bytes on the wire: IP bytes both ways between one machine and the collector, counted by the kernel's packet filter
//! in the machine's own namespace. Interfaces of the world never join segments, so each packet counts as on a cable.

use crate::netns::Namespace;
use crate::wait::wait_for;
use anyhow::{Context, Result};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Silence after which an exchange is over. Shorter than the shortest heartbeat, longer than any delayed
/// acknowledgement.
const QUIET: Duration = Duration::from_millis(1500);

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// IP bytes, both ways.
    pub bytes: u64,
    /// IP packets, both ways.
    pub packets: u64,
    /// Connections begun (SYN without ACK).
    pub connections: u64,
}

impl Count {
    /// What was counted since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            bytes: self.bytes - earlier.bytes,
            packets: self.packets - earlier.packets,
            connections: self.connections - earlier.connections,
        }
    }
}

/// Counters in one namespace.
pub struct Meter<'a> {
    machine: &'a Namespace,
}

impl<'a> Meter<'a> {
    /// Counts what `machine` exchanges with `collector` from now on.
    pub fn new(machine: &'a Namespace, collector: SocketAddr) -> Result<Self> {
        let (address, port) = (collector.ip(), collector.port());
        let out = format!("ip daddr {address} tcp dport {port}");
        machine.nft(&format!(
            "table ip vigie {{
               counter said {{
               }}
               counter heard {{
               }}
               counter opened {{
               }}
               chain out {{
                 type filter hook output priority 0;
                 {out} counter name said
                 {out} tcp flags & (syn | ack) == syn counter name opened
               }}
               chain in {{
                 type filter hook input priority 0;
                 ip saddr {address} tcp sport {port} counter name heard
               }}
             }}"
        ))?;
        Ok(Self { machine })
    }

    /// What was counted so far.
    pub fn read(&self) -> Result<Count> {
        let text = crate::process::output_of(self.machine.command("nft").args(["-j", "list", "counters"]))?;
        let listed: Value = serde_json::from_str(&text)?;
        let named = |name: &str| -> Result<(u64, u64)> {
            let entries = listed.get("nftables").and_then(Value::as_array).context("no counters")?;
            let counter = entries
                .iter()
                .filter_map(|entry| entry.get("counter"))
                .find(|counter| counter.get("name").and_then(Value::as_str) == Some(name))
                .with_context(|| format!("no counter {name}"))?;
            let figure = |key: &str| counter.get(key).and_then(Value::as_u64).context("not a number");
            Ok((figure("bytes")?, figure("packets")?))
        };
        let (said, heard, opened) = (named("said")?, named("heard")?, named("opened")?);
        Ok(Count { bytes: said.0 + heard.0, packets: said.1 + heard.1, connections: opened.1 })
    }

    /// Waits for the next exchange to begin and end; what had been counted at its end.
    pub fn next_exchange(&self, bound: Duration) -> Result<Count> {
        let before = self.read()?;
        wait_for("the next exchange with the collector", bound, || self.read().ok().filter(|count| *count != before))?;
        self.settled(bound)
    }

    /// Waits until nothing more is exchanged; what had been counted then.
    pub fn settled(&self, bound: Duration) -> Result<Count> {
        let (mut last, mut since) = (self.read()?, Instant::now());
        wait_for("the exchange with the collector to end", bound, || {
            let count = self.read().ok()?;
            if count != last {
                (last, since) = (count, Instant::now());
            }
            (since.elapsed() >= QUIET).then_some(count)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{TARGET, World, skipped};

    #[test]
    fn a_connection_that_is_closed_at_once_costs_what_tcp_says() {
        if skipped() {
            return;
        }
        let world = World::with_school(1).unwrap();
        let machine = &world.schools[0].machines[0];
        let target = format!("{TARGET}:443").parse().unwrap();
        let meter = Meter::new(machine, target).unwrap();

        machine.thread(move || std::net::TcpStream::connect(target).unwrap()).unwrap().join().unwrap();
        let count = meter.settled(Duration::from_secs(20)).unwrap();

        // SYN and SYN+ACK of 60 bytes with their options, then ACKs and FINs of 52 (20 IP + 20 TCP + 12 time stamps).
        assert_eq!(count.connections, 1);
        assert_eq!(count.bytes, 2 * 60 + (count.packets - 2) * 52);
        assert!((5..=7).contains(&count.packets), "{count:?}");
    }
}
