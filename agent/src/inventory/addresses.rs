//! Addresses of the interfaces: asked of the operating system on the live machine, worked out from the kernel's tables
//! (`fib_trie` and connected routes for IPv4, `if_inet6` for IPv6) on a captured one.

use crate::source::{Source, Unreadable};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Flags of `/proc/net/if_inet6` (linux/if_addr.h): temporary, failed duplicate detection, deprecated, tentative.
const NOT_STABLE: u8 = 0x01 | 0x08 | 0x20 | 0x40;
/// Scopes of `/proc/net/if_inet6` (net/ipv6.h): host and link.
const NOT_BEYOND_THE_LINK: [u8; 2] = [0x10, 0x20];

/// Stable addresses by interface, sorted: IPv4 before IPv6. Loopback, link-local and temporary ones are left out.
pub fn of_interfaces(source: &dyn Source) -> Result<Vec<(String, IpNet)>, Unreadable> {
    let v4: BTreeSet<(String, IpNet)> = match source.interface_addresses() {
        Some(addresses) => addresses.into_iter().filter(|(_, address)| matches!(address, IpNet::V4(_))).collect(),
        None => {
            let local = parse_fib_trie(&source.text("/proc/net/fib_trie")?);
            let routes = parse_connected(&source.text("/proc/net/route").unwrap_or_default());
            local.into_iter().filter_map(|address| at_interface(address, &routes)).collect()
        }
    };
    let v4 = v4.into_iter().filter(|(_, address)| match address {
        IpNet::V4(v4) => !v4.addr().is_loopback() && !v4.addr().is_link_local(),
        IpNet::V6(_) => false,
    });
    // A kernel without IPv6 has no such file.
    let v6: BTreeSet<(String, IpNet)> =
        source.text("/proc/net/if_inet6").map(|text| parse_if_inet6(&text)).unwrap_or_default().into_iter().collect();
    Ok(v4.chain(v6).collect())
}

/// Reads `/proc/net/if_inet6`: address, interface number, prefix length, scope, flags (hexadecimal), interface.
pub fn parse_if_inet6(text: &str) -> Vec<(String, IpNet)> {
    let one = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [address, _, prefix, scope, flags, interface] = fields.as_slice() else { return None };
        let address = u128::from_str_radix(address, 16).ok()?;
        let byte = |field: &str| u8::from_str_radix(field, 16).ok();
        let stable = byte(flags)? & NOT_STABLE == 0 && !NOT_BEYOND_THE_LINK.contains(&byte(scope)?);
        let net = IpNet::new(Ipv6Addr::from(address).into(), byte(prefix)?).ok()?;
        stable.then(|| ((*interface).to_owned(), net))
    };
    text.lines().filter_map(one).collect()
}

/// Reads the host addresses of `/proc/net/fib_trie`: an address line followed by `/32 host LOCAL`.
pub fn parse_fib_trie(text: &str) -> BTreeSet<Ipv4Addr> {
    let mut found = BTreeSet::new();
    let mut last = None;
    for line in text.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse::<Ipv4Addr>().ok();
        } else if line == "/32 host LOCAL" {
            found.extend(last.filter(|address| !address.is_loopback()));
        }
    }
    found
}

/// Networks directly reached through an interface, from `/proc/net/route`.
fn parse_connected(text: &str) -> Vec<(String, ipnet::Ipv4Net)> {
    let one = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [interface, destination, "00000000", _, _, _, _, mask, ..] = fields.as_slice() else { return None };
        let address = |field: &str| Some(Ipv4Addr::from(u32::from_str_radix(field, 16).ok()?.swap_bytes()));
        let net = ipnet::Ipv4Net::with_netmask(address(destination)?, address(mask)?).ok()?;
        (net.prefix_len() > 0).then(|| ((*interface).to_owned(), net))
    };
    text.lines().skip(1).filter_map(one).collect()
}

/// The interface whose narrowest connected network holds the address.
fn at_interface(address: Ipv4Addr, routes: &[(String, ipnet::Ipv4Net)]) -> Option<(String, IpNet)> {
    let (interface, net) =
        routes.iter().filter(|(_, net)| net.contains(&address)).max_by_key(|(_, net)| net.prefix_len())?;
    Some((interface.clone(), IpNet::new(address.into(), net.prefix_len()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn temporary_and_link_local_addresses_are_left_out() {
        let text = "fe800000000000000000000000000001 02 40 20 80 eth0\n\
            20010db8000000000000000000000007 02 40 00 80 eth0\n\
            20010db80000000000000000000000aa 02 40 00 01 eth0\n\
            20010db80000000000000000000000bb 02 40 00 21 eth0\n\
            00000000000000000000000000000001 01 80 10 80 lo\n\
            fd000000000000000000000000000002 04 40 00 82 eth0\n";
        let found = parse_if_inet6(text);
        let expected = [("eth0", "2001:db8::7/64"), ("eth0", "fd00::2/64")];
        assert_eq!(found, expected.map(|(name, net)| (name.to_owned(), net.parse().unwrap())));
    }

    #[test]
    fn host_addresses_are_found_in_the_trie_and_given_to_the_narrowest_network() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.2.0\n        /24 link UNICAST\nLocal:\n\
            \x20    |-- 10.0.2.7\n        /32 host LOCAL\n     |-- 10.0.2.255\n        /32 link BROADCAST\n\
            \x20    |-- 127.0.0.1\n        /32 host LOCAL\n";
        let addresses = parse_fib_trie(trie);
        assert_eq!(addresses.into_iter().collect::<Vec<_>>(), [Ipv4Addr::new(10, 0, 2, 7)]);
        let routes = parse_connected(
            "Iface\n vpn0\t0000000A\t00000000\t1\t0\t0\t0\t000000FF\neth0\t0002000A\t00000000\t1\t0\t0\t0\t00FFFFFF\n",
        );
        let found = at_interface(Ipv4Addr::new(10, 0, 2, 7), &routes);
        assert_eq!(found, Some(("eth0".to_owned(), "10.0.2.7/24".parse().unwrap())));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[0-9a-f/|.+ \n-]{0,400}") {
            let _ = (parse_if_inet6(&text), parse_fib_trie(&text), parse_connected(&text));
        }
    }
}
