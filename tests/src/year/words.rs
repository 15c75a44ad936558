//! Which words of the engine are right for which fault: the one place where they are written.

use super::faults::What;
use crate::sim::world::NetworkKind;

/// Words of causes and subjects that are right.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// Causes.
    pub causes: &'static [&'static str],
    /// Names of checks and subjects.
    pub subjects: &'static [&'static str],
}

/// The word for not knowing.
pub const UNDETERMINED: &str = "undetermined";

/// Words that name several causes: neither right nor wrong, they count as not knowing.
pub const COARSE: [&str; 3] = ["switch_or_power", "school_network", "interception"];

/// Accepted words. `failover`: the school went on over its back-up line.
pub fn accepted(what: &What, failover: bool) -> Words {
    const NETWORK: &[&str] = &["internet", "local-network"];
    let (causes, subjects): (&'static [&'static str], &'static [&'static str]) = match what {
        What::Line | What::Operator(_) | What::Flap(..) if failover => {
            (&["backup_line", "line"], &["backup-line", "internet"])
        }
        What::Line | What::Operator(_) | What::Flap(..) => (&["line"], &["internet"]),
        What::Power => (&["power"], &["internet", "local-network", "server-silent"]),
        What::RoomPower(_) => (&["power", "switch"], &["local-network", "internet"]),
        What::Switch(_) => (&["switch"], &["local-network", "internet"]),
        What::Network(NetworkKind::Pedagogical) => (&["pedagogical_network"], NETWORK),
        What::Network(NetworkKind::Administrative) => (&["administrative_network"], NETWORK),
        What::DnsDead(_) => (&["dns"], NETWORK),
        What::DnsLying(_) => (&["dns_lying"], NETWORK),
        What::Filter(_) => (&["proxy"], NETWORK),
        What::Portal(_) => (&["portal"], NETWORK),
        What::Tls => (&["tls_interception"], NETWORK),
        What::Dhcp(_) => (&["dhcp"], NETWORK),
        What::Degraded(..) => (&["degraded_line"], &["line-quality", "internet"]),
        What::Blocked => (&["blocked_by_name"], NETWORK),
        What::Server(_) => (&["machine", "undetermined"], &["server-silent"]),
        What::Volume(_) => (&["machine", "undetermined"], &["volume-space"]),
        What::Collector(_) => (&["collector"], &["collector", "internet"]),
    };
    Words { causes, subjects }
}
