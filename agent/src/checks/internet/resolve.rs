//! Names of targets to addresses, through the system's resolver (`/etc/hosts` and the rest of nsswitch count).
//!
//! The C library blocks, for half a minute when no resolver answers: lookups run on the blocking pool, a bounded number
//! at a time, and nobody waits for them longer than the patience of the probe.

use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Most lookups under way, the ones that nobody waits for any more included.
const LOOKUPS_MAX: usize = 4;

/// The bounded way to the system's resolver.
#[derive(Debug, Clone)]
pub struct Resolver {
    permits: Arc<Semaphore>,
}

impl Default for Resolver {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }
}

/// Addresses of a host, and whence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Written out: no resolver was asked.
    Written(Vec<IpAddr>),
    /// A resolver said so, now.
    Resolved(Vec<IpAddr>),
    /// No resolver did; these it had when it last worked: the way outside is judged apart from the names.
    Remembered(Vec<IpAddr>),
}

impl Found {
    /// The addresses.
    pub fn addresses(&self) -> &[IpAddr] {
        match self {
            Self::Written(addresses) | Self::Resolved(addresses) | Self::Remembered(addresses) => addresses,
        }
    }

    /// The addresses.
    pub fn into_addresses(self) -> Vec<IpAddr> {
        match self {
            Self::Written(addresses) | Self::Resolved(addresses) | Self::Remembered(addresses) => addresses,
        }
    }
}

impl Resolver {
    /// Addresses of a host, or the ones it had when it last worked.
    pub async fn found(&self, host: &str, known: Option<Vec<IpAddr>>, patience: Duration) -> Result<Found, String> {
        match (self.addresses(host, patience).await, known) {
            (Ok(addresses), _) if written(host).is_some() => Ok(Found::Written(addresses)),
            (Ok(addresses), _) => Ok(Found::Resolved(addresses)),
            (Err(_), Some(known)) => Ok(Found::Remembered(known)),
            (Err(why), None) => Err(why),
        }
    }

    /// Addresses of a host: a name, or an address written out (IPv6 with or without brackets).
    pub async fn addresses(&self, host: &str, patience: Duration) -> Result<Vec<IpAddr>, String> {
        if let Some(address) = written(host) {
            return Ok(vec![address]);
        }
        let lookup = async {
            let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|error| error.to_string())?;
            let name = host.to_owned();
            let found = tokio::task::spawn_blocking(move || {
                // Held until the C library returns, not only while somebody waits.
                let _permit = permit;
                (name.as_str(), 0).to_socket_addrs().map(|found| found.map(|socket| socket.ip()).collect::<Vec<_>>())
            });
            let found = found.await.map_err(|error| error.to_string())?;
            found.map_err(|_| format!("{host} has no address"))
        };
        let mut addresses = match tokio::time::timeout(patience, lookup).await {
            Ok(found) => found?,
            Err(_) => return Err(format!("no answer about {host}")),
        };
        addresses.dedup();
        if addresses.is_empty() { Err(format!("{host} has no address")) } else { Ok(addresses) }
    }
}

/// An address written out, IPv6 with or without brackets.
fn written(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host).parse().ok()
}

/// Host and port of `host:port`.
pub fn split(target: &str) -> Option<(&str, u16)> {
    let (host, port) = target.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn an_address_needs_no_resolver() {
        let resolver = Resolver::default();
        assert_eq!(resolver.addresses("192.0.2.7", PATIENCE).await, Ok(vec!["192.0.2.7".parse().unwrap()]));
        assert_eq!(resolver.addresses("[2001:db8::7]", PATIENCE).await, Ok(vec!["2001:db8::7".parse().unwrap()]));
    }

    #[tokio::test]
    async fn lookups_that_hang_hold_their_place_and_nobody_waits_for_more() {
        let resolver = Resolver::default();
        let _hanging = Arc::clone(&resolver.permits).acquire_many_owned(4).await.unwrap();
        let answer = resolver.addresses("localhost", Duration::from_millis(20)).await;
        assert_eq!(answer, Err("no answer about localhost".to_owned()));
    }

    #[test]
    fn targets_split_at_the_last_colon() {
        assert_eq!(split("a.example:443"), Some(("a.example", 443)));
        assert_eq!(split("[2001:db8::7]:53"), Some(("[2001:db8::7]", 53)));
        assert_eq!(split("a.example"), None);
        assert_eq!(split("a.example:x"), None);
    }
}
