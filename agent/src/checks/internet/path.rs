//! The machine's own part of the way out: carrier, address, default route. Read from the kernel, nothing is sent.
//!
//! Sources: `/sys/class/net` (sysfs-class-net), `/proc/net/fib_trie`, `/proc/net/if_inet6` (proc(5)), and the routes
//! that the section `network` reads too.

use super::step::{Failure, Step};
use crate::inventory::routes::{DefaultRoute, default_routes};
use crate::source::Source;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the machine itself knows about its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Gateway and interface, or empty without a default route: the key of the memory.
    pub network: String,
    /// An interface has its carrier.
    pub link: Step,
    /// There is an address that can be used.
    pub address: Step,
    /// There is a default route.
    pub route: Step,
    /// The gateway to try.
    pub gateway: Option<Gateway>,
}

/// A default gateway with an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Its address.
    pub address: IpAddr,
    /// The interface that leads to it.
    pub interface: String,
    /// Number of that interface: an IPv6 gateway is usually link-local.
    pub scope_id: u32,
}

/// Reads the machine's part of the way out.
pub fn read(source: &dyn Source) -> Path {
    let routes = default_routes(source);
    let used: Vec<&str> = routes.iter().map(|route| route.interface.as_str()).collect();
    let gateway = routes.iter().find_map(|route| {
        let index = source.text(&format!("/sys/class/net/{}/ifindex", route.interface)).unwrap_or_default();
        let scope_id = index.trim().parse().unwrap_or(0);
        route.gateway.map(|address| Gateway { address, interface: route.interface.clone(), scope_id })
    });
    let shown = |route: &DefaultRoute| match route.gateway {
        Some(gateway) => format!("{gateway} {}", route.interface),
        None => route.interface.clone(),
    };
    let network = routes.first().map(shown).unwrap_or_default();
    let route = match network.as_str() {
        "" => Step::failed("", Failure::Absent("no default route".to_owned())),
        via => Step::ok(via, ""),
    };
    Path { route, link: link(source, &used), address: address(source, &used), network, gateway }
}

/// Whether what leads out has its carrier: the interfaces of the default routes, and of the hardware at least one (a
/// tunnel stays "up" when the cable is out). Without a default route any hardware interface will do; where there is no
/// hardware (containers), any interface but the loopback.
fn link(source: &dyn Source, used: &[&str]) -> Step {
    let names = match source.list("/sys/class/net") {
        Ok(names) => names,
        Err(why) => return Step::skipped("", why.to_string()),
    };
    let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != "lo").collect();
    let hardware: Vec<&str> =
        names.iter().copied().filter(|name| source.link(&format!("/sys/class/net/{name}/device")).is_ok()).collect();
    let candidates = if hardware.is_empty() { &names } else { &hardware };
    // Reading the carrier of an interface that is administratively down fails: that is down too.
    let up = |name: &&str| source.text(&format!("/sys/class/net/{name}/carrier")).is_ok_and(|text| text.trim() == "1");
    let of_route = used.iter().find(|name| up(name));
    let of_machine = candidates.iter().find(|name| up(name));
    match (of_machine, of_route) {
        (Some(_), Some(name)) => Step::ok(*name, format!("{name} up")),
        (Some(name), None) if used.is_empty() => Step::ok(*name, format!("{name} up")),
        _ => {
            let tried = if used.is_empty() { candidates.join(" ") } else { used.join(" ") };
            Step::failed(
                tried,
                Failure::Absent("no carrier: cable out, switch off or wireless not connected".to_owned()),
            )
        }
    }
}

/// Whether the machine has an address beyond its own link. Without a default route the address must be one of the hardware
/// (see [`link()`]): that of a bridge of containers is no answer of a DHCP server.
fn address(source: &dyn Source, used: &[&str]) -> Step {
    let names = source.list("/sys/class/net").unwrap_or_default();
    let hardware: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| source.link(&format!("/sys/class/net/{name}/device")).is_ok())
        .collect();
    let any = !used.is_empty() || hardware.is_empty();
    let routes = source.text("/proc/net/route").map(|text| connected(&text)).unwrap_or_default();
    let on_hardware = |address: &Ipv4Addr| {
        let holds = |(name, net, mask): &(String, u32, u32)| {
            hardware.contains(&name.as_str()) && address.to_bits() & mask == *net
        };
        routes.iter().any(holds)
    };
    let v4 = source.text("/proc/net/fib_trie").map(|text| local_v4(&text));
    let v6 = source.text("/proc/net/if_inet6").map(|text| global_v6(&text));
    let own = v4.iter().flatten().find(|a| a.is_link_local()).copied();
    let v4_found = v4.iter().flatten().any(|a| !a.is_link_local() && (any || on_hardware(a)));
    let v6_found = v6.iter().flatten().any(|(_, name)| any || hardware.contains(&name.as_str()));
    match (v4, own) {
        _ if v4_found || v6_found => Step::ok("", ""),
        (Err(why), _) => Step::skipped("", why.to_string()),
        (Ok(_), Some(own)) => {
            let why = format!("only {own}, which it gave itself: DHCP did not answer");
            Step::failed("", Failure::Absent(why))
        }
        (Ok(_), None) => Step::failed("", Failure::Absent("no address: DHCP did not answer".to_owned())),
    }
}

/// Networks that an interface is connected to, from `/proc/net/route`: interface, network, mask.
fn connected(text: &str) -> Vec<(String, u32, u32)> {
    let parse = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [interface, destination, gateway, _, _, _, _, mask, ..] = words.as_slice() else { return None };
        let word = |text: &str| u32::from_str_radix(text, 16).ok().map(u32::swap_bytes);
        let (net, gateway, mask) = (word(destination)?, word(gateway)?, word(mask)?);
        (gateway == 0 && mask != 0).then(|| ((*interface).to_owned(), net, mask))
    };
    text.lines().skip(1).filter_map(parse).collect()
}

/// The machine's own IPv4 addresses: leaves marked `/32 host LOCAL` in the local trie.
fn local_v4(fib_trie: &str) -> Vec<Ipv4Addr> {
    let mut leaf = None;
    let mut found = Vec::new();
    for line in fib_trie.lines().map(str::trim_start) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.trim().parse::<Ipv4Addr>().ok();
        } else if line.starts_with("/32 host LOCAL") {
            found.extend(leaf.filter(|address| !address.is_loopback()));
        }
    }
    found
}

/// Addresses of global scope: 32 hexadecimal digits, index, prefix, scope (`00` is global), flags, name of the interface.
fn global_v6(if_inet6: &str) -> Vec<(Ipv6Addr, String)> {
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        let address = u128::from_str_radix(words.next()?, 16).ok()?;
        let global = words.nth(2)? == "00";
        let name = words.nth(1)?.to_owned();
        global.then(|| (Ipv6Addr::from_bits(address), name))
    };
    if_inet6.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::test_source::TestSource;

    #[test]
    fn a_connected_machine_has_link_address_route_and_gateway() {
        let path = read(&TestSource::connected());
        assert_eq!(path.link, Step::ok("test0", "test0 up"));
        assert!(path.address.is_ok());
        assert_eq!(path.network, "127.0.0.1 test0");
        let gateway = Gateway { address: "127.0.0.1".parse().unwrap(), interface: "test0".into(), scope_id: 2 };
        assert_eq!(path.gateway, Some(gateway));
    }

    #[test]
    fn a_cable_that_is_out_is_seen_although_a_tunnel_is_up() {
        let machine = TestSource::connected();
        machine.write("/sys/class/net/test0/carrier", "0\n");
        machine.write("/sys/class/net/tun0/carrier", "1\n");
        machine.write("/proc/net/route", "Iface\ntun0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n");
        assert!(read(&machine).link.failure().is_some());
    }

    #[test]
    fn a_bridge_of_containers_is_no_link_where_there_is_hardware() {
        let machine = TestSource::connected();
        machine.remove("/sys/class/net/test0/carrier");
        machine.write("/sys/class/net/docker0/carrier", "1\n");
        machine.write("/proc/net/route", "");
        let path = read(&machine);
        assert!(path.link.failure().is_some());
        assert!(path.route.failure().is_some());
        assert_eq!((path.network.as_str(), path.gateway), ("", None));
    }

    #[test]
    fn without_hardware_any_interface_but_the_loopback_is_a_link() {
        let machine = TestSource::connected();
        machine.remove("/sys/class/net/test0/device/vendor");
        assert!(read(&machine).link.is_ok());
        machine.write("/sys/class/net/test0/carrier", "0\n");
        assert!(read(&machine).link.failure().is_some());
    }

    #[test]
    fn a_link_local_address_is_no_address() {
        let machine = TestSource::connected();
        machine.write("/proc/net/fib_trie", "     |-- 169.254.7.7\n        /32 host LOCAL\n");
        machine.write("/proc/net/if_inet6", "fe8000000000000000fc00fffe000001 02 40 20 80     test0\n");
        let address = read(&machine).address;
        assert!(address.failure().is_some_and(|why| why.to_string().contains("169.254.7.7")), "{address:?}");

        machine.write("/proc/net/if_inet6", "20010db8000000000000000000000007 02 40 00 80     test0\n");
        assert!(read(&machine).address.is_ok());
    }

    #[test]
    fn the_address_of_a_bridge_of_containers_is_no_answer_of_dhcp() {
        let machine = TestSource::connected();
        let trie = |own: &str| {
            format!("     |-- {own}\n        /32 host LOCAL\n     |-- 172.17.0.1\n        /32 host LOCAL\n")
        };
        let bridge = "Iface\ndocker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
        machine.write("/sys/class/net/docker0/carrier", "1\n");
        machine.write("/proc/net/fib_trie", &trie("169.254.7.7"));
        machine.write(
            "/proc/net/route",
            &format!("{bridge}test0\t0000FEA9\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"),
        );
        assert!(read(&machine).address.failure().is_some());

        machine.write("/proc/net/fib_trie", &trie("192.0.2.7"));
        machine.write(
            "/proc/net/route",
            &format!("{bridge}test0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"),
        );
        let path = read(&machine);
        assert!(path.address.is_ok() && path.route.failure().is_some());
    }

    #[test]
    fn what_cannot_be_read_is_skipped_and_not_failed() {
        let path = read(&TestSource::default());
        assert!(matches!(path.link.result, super::super::step::StepResult::Skipped(_)));
        assert!(matches!(path.address.result, super::super::step::StepResult::Skipped(_)));
    }
}
