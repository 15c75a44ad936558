//! Policy: what the collector asks of its agents. Declarative, versioned, validated on both sides against the same
//! ceilings (invariant 10): a collector in bad hands cannot make agents run a command, flood a target or send more.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Shortest heartbeat, seconds.
pub const HEARTBEAT_MIN_S: u32 = 5;
/// Longest heartbeat, seconds. Keep-alive limits are three times this.
pub const HEARTBEAT_MAX_S: u32 = 900;
/// Most targets of one kind.
pub const TARGETS_MAX: usize = 4;
/// Most echo requests sent to one address in one look.
pub const ECHOES_MAX: u32 = 10;
/// Longest text of one target, bytes.
pub const TARGET_LEN_MAX: usize = 253;

/// Everything an agent is asked to do. The default names nothing outside: who to probe is the operator's decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Version, increased by the collector at every change; 0 is the default compiled into the agent.
    pub version: u64,
    /// Seconds between two heartbeats.
    pub heartbeat_s: u32,
    /// Seconds between two readings of the inventory.
    pub inventory_s: u32,
    /// The check `internet`.
    pub internet: InternetPolicy,
    /// The check `volume-space`.
    pub volume_space: VolumeSpacePolicy,
}

/// How to look at the way to the internet: link → gateway → DNS → outside → collector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InternetPolicy {
    /// Seconds between two looks.
    pub every_s: u32,
    /// Patience for each probe, milliseconds.
    pub timeout_ms: u32,
    /// Looks in a row that must agree before a change is believed. The change is dated at the first of them.
    pub confirm: u32,
    /// Names to resolve with the machine's own resolvers.
    pub dns: Vec<DnsTarget>,
    /// Addresses outside to ping (ICMP echo).
    pub icmp: Vec<IpAddr>,
    /// Addresses outside to connect to, `host:port`.
    pub tcp: Vec<String>,
    /// Pages outside to fetch in clear, to notice who answers in their place.
    pub http: Vec<HttpTarget>,
    /// When a line that carries counts as degraded.
    pub quality: QualityPolicy,
}

/// How the quality of the line is measured: at each look the gateway and the first address of `icmp` are pinged a few
/// times. Loss before the gateway is the machine's own; only what is lost behind it is the line's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QualityPolicy {
    /// Echo requests of one look to each of the two; 0: not measured.
    pub echoes: u32,
    /// Over how long it is measured, seconds.
    pub window_s: u32,
    /// Loss above the usual from which the line is degraded, percent.
    pub loss_percent: u32,
    /// Loss above the usual below which it no longer is, percent.
    pub loss_clear_percent: u32,
    /// A look is slow when its answers take this many times as long as usual…
    pub rtt_factor: u32,
    /// …and longer than this, milliseconds. Half of the looks slow: degraded; less than a quarter: no longer.
    pub rtt_ms: u32,
}

/// One name to resolve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsTarget {
    /// The name.
    pub name: String,
    /// Networks in which a true answer lies; empty: any answer will do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub within: Vec<IpNet>,
}

/// One page to fetch over plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpTarget {
    /// `http://host[:port]/path`.
    pub url: String,
    /// Status of the true answer.
    pub status: u16,
    /// Text that the true answer contains; empty: any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub contains: String,
}

/// Thresholds of free space, percent of the volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeSpacePolicy {
    /// Seconds between two looks.
    pub every_s: u32,
    /// Below this: warning.
    pub warning_percent: u8,
    /// Below this: critical.
    pub critical_percent: u8,
    /// To leave a state the space must exceed its threshold by this much.
    pub hysteresis_percent: u8,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            version: 0,
            heartbeat_s: 60,
            inventory_s: 3600,
            internet: InternetPolicy::default(),
            volume_space: VolumeSpacePolicy::default(),
        }
    }
}

impl Default for InternetPolicy {
    fn default() -> Self {
        Self {
            every_s: 60,
            timeout_ms: 2000,
            confirm: 2,
            dns: vec![],
            icmp: vec![],
            tcp: vec![],
            http: vec![],
            quality: QualityPolicy::default(),
        }
    }
}

impl Default for QualityPolicy {
    fn default() -> Self {
        Self { echoes: 5, window_s: 600, loss_percent: 10, loss_clear_percent: 3, rtt_factor: 3, rtt_ms: 150 }
    }
}

impl Default for VolumeSpacePolicy {
    fn default() -> Self {
        Self { every_s: 300, warning_percent: 10, critical_percent: 5, hysteresis_percent: 1 }
    }
}

/// One field that is out of its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy field « {field} »: {problem}")]
pub struct PolicyError {
    /// Path of the field, such as `internet.tcp[1]`.
    pub field: String,
    /// What is wrong and what is accepted.
    pub problem: String,
}

impl Policy {
    /// Longest pause of an agent between two tries, seconds. After an absence of the collector nobody is missed before
    /// this plus one heartbeat have passed.
    pub fn backoff_cap_s(&self) -> u32 {
        self.heartbeat_s.saturating_mul(2).max(20)
    }

    /// All fields that are out of bounds; empty when the policy is good. Agents refuse a policy that is not.
    pub fn problems(&self) -> Vec<PolicyError> {
        let mut found = Vec::new();
        let mut say = |field: String, problem: String| found.push(PolicyError { field, problem });
        let mut between = |field: &str, value: u32, low: u32, high: u32| {
            if !(low..=high).contains(&value) {
                say(field.to_owned(), format!("{value} is outside {low} to {high}"));
            }
        };
        between("heartbeat_s", self.heartbeat_s, HEARTBEAT_MIN_S, HEARTBEAT_MAX_S);
        between("inventory_s", self.inventory_s, 60, 86_400);
        between("internet.every_s", self.internet.every_s, 5, 3600);
        between("internet.timeout_ms", self.internet.timeout_ms, 100, 10_000);
        between("internet.confirm", self.internet.confirm, 1, 10);
        let quality = &self.internet.quality;
        between("internet.quality.echoes", quality.echoes, 0, ECHOES_MAX);
        between("internet.quality.window_s", quality.window_s, 60, 3600);
        between("internet.quality.loss_percent", quality.loss_percent, 1, 90);
        between("internet.quality.loss_clear_percent", quality.loss_clear_percent, 0, quality.loss_percent);
        between("internet.quality.rtt_factor", quality.rtt_factor, 2, 20);
        between("internet.quality.rtt_ms", quality.rtt_ms, 10, 5000);
        between("volume_space.every_s", self.volume_space.every_s, 10, 86_400);
        between("volume_space.warning_percent", self.volume_space.warning_percent.into(), 1, 90);
        let warning = u32::from(self.volume_space.warning_percent);
        between("volume_space.critical_percent", self.volume_space.critical_percent.into(), 0, warning);
        between("volume_space.hysteresis_percent", self.volume_space.hysteresis_percent.into(), 0, 10);

        let lengths = [
            ("internet.dns", self.internet.dns.len()),
            ("internet.icmp", self.internet.icmp.len()),
            ("internet.tcp", self.internet.tcp.len()),
            ("internet.http", self.internet.http.len()),
        ];
        for (field, length) in lengths {
            if length > TARGETS_MAX {
                say(field.to_owned(), format!("{length} targets, at most {TARGETS_MAX}"));
            }
        }
        for (n, target) in self.internet.dns.iter().enumerate() {
            if target.name.is_empty() || target.name.len() > TARGET_LEN_MAX || target.within.len() > 16 {
                say(format!("internet.dns[{n}]"), "a name of 1 to 253 characters and at most 16 networks".to_owned());
            }
        }
        for (n, target) in self.internet.tcp.iter().enumerate() {
            let good = target.len() <= TARGET_LEN_MAX
                && target
                    .rsplit_once(':')
                    .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0));
            if !good {
                say(format!("internet.tcp[{n}]"), format!("« {target} » is not host:port"));
            }
        }
        for (n, target) in self.internet.http.iter().enumerate() {
            if !target.url.starts_with("http://") || target.url.len() > TARGET_LEN_MAX || target.contains.len() > 256 {
                let problem = "an address that begins with http://, at most 253 characters, and a text of at most 256";
                say(format!("internet.http[{n}]"), problem.to_owned());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_good_and_names_nobody() {
        let policy = Policy::default();
        assert_eq!(policy.problems(), []);
        assert!(policy.internet.icmp.is_empty() && policy.internet.tcp.is_empty() && policy.internet.http.is_empty());
    }

    #[test]
    fn each_bad_field_is_named() {
        let text = r#"{"heartbeat_s":1,"internet":{"tcp":["nowhere","a:0"],"http":[{"url":"file:///etc/passwd","status":200}]},
            "volume_space":{"warning_percent":10,"critical_percent":20}}"#;
        let policy: Policy = serde_json::from_str(text).unwrap();
        let fields: Vec<_> = policy.problems().into_iter().map(|p| p.field).collect();
        let expected =
            ["heartbeat_s", "volume_space.critical_percent", "internet.tcp[0]", "internet.tcp[1]", "internet.http[0]"];
        assert_eq!(fields, expected);
    }

    #[test]
    fn a_line_cannot_be_flooded_to_measure_it() {
        let text = r#"{"internet":{"quality":{"echoes":1000,"window_s":1,"loss_percent":10,"loss_clear_percent":11}}}"#;
        let policy: Policy = serde_json::from_str(text).unwrap();
        let fields: Vec<_> = policy.problems().into_iter().map(|p| p.field).collect();
        let expected = ["internet.quality.echoes", "internet.quality.window_s", "internet.quality.loss_clear_percent"];
        assert_eq!(fields, expected);
    }
}
