//! The address of the collector, as a person writes it: `https://host[:port]`.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Port when none is written.
pub const DEFAULT_PORT: u16 = 443;

/// Where the collector listens. The host is a name, an IPv4 address or an IPv6 address without brackets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CollectorAddress {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// A text that is not the address of a collector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("« {0} » is not the address of a collector: write https://host or https://host:port")]
pub struct AddressError(String);

impl FromStr for CollectorAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError(text.chars().take(200).collect());
        let rest = text.trim().strip_prefix("https://").ok_or_else(error)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[') {
            Some(v6) => {
                let (host, after) = v6.split_once(']').ok_or_else(error)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| error())?;
                (host, after)
            }
            None => rest.find(':').map_or((rest, ""), |at| rest.split_at(at)),
        };
        let plain = host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':'));
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|p| *p > 0).ok_or_else(error)?,
            None if port.is_empty() => DEFAULT_PORT,
            None => return Err(error()),
        };
        if host.is_empty() || host.len() > 253 || !plain {
            return Err(error());
        }
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }
}

impl CollectorAddress {
    /// `host:port`, as in the Host header and for a probe.
    pub fn host_and_port(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for CollectorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}", self.host_and_port())
    }
}

impl TryFrom<String> for CollectorAddress {
    type Error = AddressError;
    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<CollectorAddress> for String {
    fn from(address: CollectorAddress) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_understood() {
        let read = |text: &str| text.parse::<CollectorAddress>().map(|a| (a.host, a.port));
        assert_eq!(read("https://Vigie.Example.org").unwrap(), ("vigie.example.org".into(), 443));
        assert_eq!(read("https://192.0.2.7:8443/").unwrap(), ("192.0.2.7".into(), 8443));
        assert_eq!(read("https://[2001:db8::1]:8443").unwrap(), ("2001:db8::1".into(), 8443));
    }

    #[test]
    fn anything_else_is_refused_with_what_to_write() {
        for text in [
            "",
            "vigie",
            "http://a",
            "https://",
            "https://a:0",
            "https://a:99999",
            "https://a/b",
            "https://[x]",
            "https://a b",
        ] {
            let error = text.parse::<CollectorAddress>().unwrap_err().to_string();
            assert!(error.contains("https://host:port"), "{text}");
        }
    }
}
