//! Whether the address of an interface was leased: a lease that holds the address it has now (old ones stay behind), else
//! what `/etc/network/interfaces` says.

use crate::source::Source;
use ipnet::IpNet;
use std::net::IpAddr;

/// Folders in which clients keep their leases: dhclient, NetworkManager, dhcpcd.
const FOLDERS: [&str; 4] = ["/var/lib/dhcp", "/var/lib/NetworkManager", "/var/lib/dhcpcd", "/var/lib/dhcpcd5"];
/// Most leases read.
const LEASES_MAX: usize = 64;

/// Whether an interface with these addresses has a lease; nothing where nothing tells.
pub fn of_interface(source: &dyn Source, name: &str, index: Option<u32>, addresses: &[String]) -> Option<bool> {
    let own: Vec<IpAddr> = addresses.iter().filter_map(|net| net.parse::<IpNet>().ok()).map(|net| net.addr()).collect();
    if own.is_empty() {
        return None;
    }
    let leased = |path: &str| source.read(path).is_ok_and(|lease| holds(&lease, &own));
    // systemd-networkd names leases by the number of the interface.
    if index.is_some_and(|index| leased(&format!("/run/systemd/netif/leases/{index}"))) {
        return Some(true);
    }
    for folder in FOLDERS {
        let files = source.list(folder).unwrap_or_default();
        // "dhclient.leases" holds those of any interface.
        let of_it =
            files.iter().filter(|file| file.contains(".lease") && (file.contains(name) || *file == "dhclient.leases"));
        if of_it.take(LEASES_MAX).any(|file| leased(&format!("{folder}/{file}"))) {
            return Some(true);
        }
    }
    configured(&source.text("/etc/network/interfaces").ok()?, name)
}

/// Whether a lease is for one of the addresses: `ADDRESS=` (systemd, NetworkManager), `fixed-address` (dhclient), or the
/// answer of the server as it came (dhcpcd; RFC 2131, 2: `yiaddr` at byte 16).
pub fn holds(lease: &[u8], own: &[IpAddr]) -> bool {
    if let [2, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, a, b, c, d, ..] = lease {
        return own.contains(&IpAddr::from([*a, *b, *c, *d]));
    }
    let text = String::from_utf8_lossy(lease);
    let addresses = text.lines().filter_map(|line| {
        let line = line.trim();
        let value = line.strip_prefix("ADDRESS=").or_else(|| line.strip_prefix("fixed-address "))?;
        value.trim_end_matches(';').parse::<IpAddr>().ok()
    });
    addresses.into_iter().any(|address| own.contains(&address))
}

/// What `interfaces(5)` says: `iface eth0 inet dhcp`.
pub fn configured(text: &str, name: &str) -> Option<bool> {
    text.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["iface", interface, "inet", method, ..] if *interface == name => match *method {
            "dhcp" => Some(true),
            "static" => Some(false),
            _ => None,
        },
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fake;
    use super::*;

    fn asked(source: &Fake) -> Option<bool> {
        of_interface(source, "eno1", Some(2), &["10.0.2.7/24".to_owned()])
    }

    #[test]
    fn a_lease_of_the_present_address_counts_and_an_old_one_does_not() {
        let lease = |path: &str, text: &str| asked(&Fake::default().file(path, text));
        assert_eq!(
            lease("/run/systemd/netif/leases/2", "# private\nADDRESS=10.0.2.7\nNETMASK=255.255.255.0\n"),
            Some(true)
        );
        assert_eq!(lease("/var/lib/NetworkManager/internal-0b1c-eno1.lease", "ADDRESS=10.0.2.7\n"), Some(true));
        assert_eq!(
            lease(
                "/var/lib/dhcp/dhclient.eno1.leases",
                "lease {\n  interface \"eno1\";\n  fixed-address 10.0.2.7;\n}\n"
            ),
            Some(true)
        );
        assert_eq!(lease("/var/lib/dhcp/dhclient.eno1.leases", "lease {\n  fixed-address 10.0.2.99;\n}\n"), None);
        assert_eq!(lease("/var/lib/dhcp/dhclient.wlan0.leases", "lease {\n  fixed-address 10.0.2.7;\n}\n"), None);
        let mut packet = vec![2, 1, 6, 0];
        packet.resize(16, 0);
        packet.extend([10, 0, 2, 7, 0, 0]);
        assert_eq!(asked(&Fake::default().file("/var/lib/dhcpcd/eno1.lease", packet)), Some(true));
    }

    #[test]
    fn the_configuration_tells_where_no_lease_does() {
        let interfaces = |method: &str| {
            asked(&Fake::default().file("/etc/network/interfaces", format!("auto eno1\niface eno1 inet {method}\n")))
        };
        assert_eq!((interfaces("static"), interfaces("dhcp"), interfaces("manual")), (Some(false), Some(true), None));
        assert_eq!(of_interface(&Fake::default(), "eno1", Some(2), &[]), None);
    }
}
