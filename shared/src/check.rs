//! Checks: what is judged on a machine, its state and the typed reason of that state.
//!
//! A check is keyed `(scope, check, instance)`; the instance is a volume, a backup set, a port, or empty.

use crate::open_enum::open_enum;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How well something is. Ordered from best to worst, `unknown` last: unknown is never shown as ok (invariant 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// As it should be.
    Ok,
    /// Somebody should look today.
    Warning,
    /// Broken, or about to be.
    Critical,
    /// Not measured, and why is in the reason.
    Unknown,
}

impl CheckState {
    /// The word of the wire and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }

    /// From the word of the store.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Ok, Self::Warning, Self::Critical, Self::Unknown].into_iter().find(|s| s.as_str() == word)
    }
}

/// Name of the check "does this machine reach the internet".
pub const INTERNET: &str = "internet";
/// Name of the check "is there room left on each volume"; the instance is the mount point.
pub const VOLUME_SPACE: &str = "volume-space";

/// Subjects that the collector judges itself, from many machines or from silence; named like checks.
///
/// Part of a school fell silent: a switch, a room.
pub const LOCAL_NETWORK: &str = "local-network";
/// The line carries badly: loss, latency, saturation.
pub const LINE_QUALITY: &str = "line-quality";
/// The school is on its back-up line.
pub const BACKUP_LINE: &str = "backup-line";
/// A server is silent in business hours.
pub const SERVER_SILENT: &str = "server-silent";
/// One machine alone does not reach the internet, or did not.
pub const MACHINE_INTERNET: &str = "machine-internet";
/// A machine that nobody heard for many school days.
pub const UNSEEN: &str = "unseen";

open_enum!(
    /// Why a check is in its state.
    Reason {
        /// Nothing to say: all is well.
        Fine => "fine",
        /// No network interface is up.
        LinkDown => "link_down",
        /// An interface is up but has no usable address (DHCP did not answer).
        NoAddress => "no_address",
        /// No default route.
        NoRoute => "no_route",
        /// The default gateway does not answer.
        GatewayUnreachable => "gateway_unreachable",
        /// No resolver answers.
        DnsUnreachable => "dns_unreachable",
        /// A resolver answers, but not with what the policy says is true.
        DnsWrongAnswer => "dns_wrong_answer",
        /// Gateway and names work, nothing outside answers.
        OutsideUnreachable => "outside_unreachable",
        /// Something answers in the place of the outside (filter, block page).
        OutsideIntercepted => "outside_intercepted",
        /// A portal answers in the place of the outside and wants a sign-in (RFC 8910, RFC 6585).
        CaptivePortal => "captive_portal",
        /// Some of the outside answers, some does not.
        OutsidePartial => "outside_partial",
        /// The line carries (ping outside is answered), and no connection or page that worked does: dead filter or proxy.
        WebBlocked => "web_blocked",
        /// The outside answers, the collector does not, and nobody can tell from here why.
        CollectorUnreachable => "collector_unreachable",
        /// Names outside are known, that of the collector is not, or leads elsewhere than to it.
        CollectorNameBlocked => "collector_name_blocked",
        /// Where the collector was, something shows a certificate that is not of our authority.
        TlsIntercepted => "tls_intercepted",
        /// The line carries, badly: packets are lost, or answers take much longer than usual.
        LineDegraded => "line_degraded",
        /// Packets are lost between this machine and its gateway: its own cable, socket or wireless.
        LocalLoss => "local_loss",
        /// The policy names nothing outside to try.
        NotConfigured => "not_configured",
        /// Less free space than the warning threshold.
        SpaceLow => "space_low",
        /// Less free space than the critical threshold.
        SpaceCritical => "space_critical",
        /// The measure itself failed or took too long.
        MeasureFailed => "measure_failed",
    }
);

/// The result of one check on one instance at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Name of the check, such as [`INTERNET`].
    pub check: String,
    /// What it was made on: a mount point, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instance: String,
    /// The state.
    pub state: CheckState,
    /// Why.
    pub reason: Reason,
    /// What was seen, for people and for the verdict: short words and figures with their unit in the name
    /// (`gateway_ms`, `free_bytes`). No personal data.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<String, String>,
}

/// The stable part of a result, as listed in the inventory section `checks` so that a collector restored from a backup
/// learns the current states again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CheckStanding {
    /// Name of the check.
    pub check: String,
    /// The instance, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instance: String,
    /// The confirmed state.
    pub state: CheckState,
    /// Why.
    pub reason: Reason,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_reason_is_kept() {
        let reason: Reason = serde_json::from_str("\"flux_capacitor\"").unwrap();
        assert_eq!(reason, Reason::Other("flux_capacitor".into()));
        assert_eq!(serde_json::to_string(&reason).unwrap(), "\"flux_capacitor\"");
        assert_eq!(Reason::from("link_down"), Reason::LinkDown);
    }

    #[test]
    fn every_state_word_reads_back() {
        for state in [CheckState::Ok, CheckState::Warning, CheckState::Critical, CheckState::Unknown] {
            assert_eq!(CheckState::parse(state.as_str()), Some(state));
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{}\"", state.as_str()));
        }
    }
}
