//! Default routes and resolvers, as the kernel and the resolver configuration tell them.
//!
//! Shared by the section `network` and the check `internet`: both must look at the same gateways and resolvers.

use crate::source::Source;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most resolvers kept: the C library asks three, others a few more.
const RESOLVERS_MAX: usize = 8;
/// Address of the stub of systemd-resolved: the true resolvers are in its own file.
const SYSTEMD_STUBS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53)), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 54))];

/// Flags of `/proc/net/route` and `/proc/net/ipv6_route` (linux/route.h).
const ROUTE_UP: u32 = 0x1;
const ROUTE_REJECT: u32 = 0x200;

/// One default route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultRoute {
    /// The gateway; absent when the interface itself is the way out (point to point).
    pub gateway: Option<IpAddr>,
    /// Name of the interface.
    pub interface: String,
}

/// Default routes that are up: IPv4 first, then IPv6, the preferred (lowest metric) first. Empty when there are none
/// or the kernel does not tell.
pub fn default_routes(source: &dyn Source) -> Vec<DefaultRoute> {
    let mut routes = source.text("/proc/net/route").map(|text| parse_ipv4_routes(&text)).unwrap_or_default();
    routes.extend(source.text("/proc/net/ipv6_route").map(|text| parse_ipv6_routes(&text)).unwrap_or_default());
    routes
}

/// Addresses of the default gateways, each once, the preferred first.
pub fn default_gateways(source: &dyn Source) -> Vec<IpAddr> {
    let mut gateways = Vec::new();
    for gateway in default_routes(source).into_iter().filter_map(|route| route.gateway) {
        if !gateways.contains(&gateway) {
            gateways.push(gateway);
        }
    }
    gateways
}

/// Resolvers in their order of use, each once. Behind the stub of systemd-resolved, the resolvers it asks.
pub fn resolvers(source: &dyn Source) -> Vec<IpAddr> {
    let configured = source.text("/etc/resolv.conf").map(|text| parse_resolvers(&text)).unwrap_or_default();
    if configured.iter().any(|address| SYSTEMD_STUBS.contains(address)) {
        let behind = source.text("/run/systemd/resolve/resolv.conf").map(|text| parse_resolvers(&text));
        if let Some(behind) = behind.ok().filter(|list| !list.is_empty()) {
            return behind;
        }
    }
    configured
}

/// Reads `/proc/net/route`: columns interface, destination, gateway, flags, …, metric, mask; addresses are hexadecimal
/// words in the byte order of the (little-endian) machine.
pub fn parse_ipv4_routes(text: &str) -> Vec<DefaultRoute> {
    let mut routes = Vec::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [interface, destination, gateway, flags, _, _, metric, mask, ..] = fields.as_slice() else { continue };
        let hex = |field: &str| u32::from_str_radix(field, 16).ok();
        let (Some(0), Some(0), Some(gateway), Some(flags)) = (hex(destination), hex(mask), hex(gateway), hex(flags))
        else {
            continue;
        };
        if flags & ROUTE_UP == 0 || flags & ROUTE_REJECT != 0 {
            continue;
        }
        let gateway = (gateway != 0).then(|| IpAddr::V4(Ipv4Addr::from(gateway.swap_bytes())));
        let metric: u32 = metric.parse().unwrap_or(u32::MAX);
        routes.push((metric, DefaultRoute { gateway, interface: (*interface).to_owned() }));
    }
    by_metric(routes)
}

/// Reads `/proc/net/ipv6_route`: destination, its prefix length, source, its prefix length, next hop, metric, two
/// counters, flags, interface; all hexadecimal, addresses in network order.
pub fn parse_ipv6_routes(text: &str) -> Vec<DefaultRoute> {
    let mut routes = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [destination, "00", _, _, next_hop, metric, _, _, flags, interface] = fields.as_slice() else { continue };
        let address = |field: &str| u128::from_str_radix(field, 16).ok();
        let hex = |field: &str| u32::from_str_radix(field, 16).ok();
        let (Some(0), Some(next_hop), Some(metric), Some(flags)) =
            (address(destination), address(next_hop), hex(metric), hex(flags))
        else {
            continue;
        };
        if flags & ROUTE_UP == 0 || flags & ROUTE_REJECT != 0 || *interface == "lo" {
            continue;
        }
        let gateway = (next_hop != 0).then(|| IpAddr::V6(Ipv6Addr::from(next_hop)));
        routes.push((metric, DefaultRoute { gateway, interface: (*interface).to_owned() }));
    }
    by_metric(routes)
}

/// Reads the `nameserver` lines of `resolv.conf(5)`; the zone of a link-local address (`%eth0`) is dropped.
pub fn parse_resolvers(text: &str) -> Vec<IpAddr> {
    let mut resolvers = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if words.next() != Some("nameserver") {
            continue;
        }
        let address = words.next().and_then(|word| word.split('%').next()).and_then(|word| word.parse().ok());
        if let Some(address) = address.filter(|a| !resolvers.contains(a) && resolvers.len() < RESOLVERS_MAX) {
            resolvers.push(address);
        }
    }
    resolvers
}

/// In order of metric; among equals the kernel's order.
fn by_metric(mut routes: Vec<(u32, DefaultRoute)>) -> Vec<DefaultRoute> {
    crate::sort::sort_by(&mut routes, |(a, _), (b, _)| a.cmp(b));
    routes.into_iter().map(|(_, route)| route).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Captured;
    use proptest::prelude::*;

    const ROUTE: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
        eth0\t00000000\tFE02000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
        eth0\t0002000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n\
        ppp0\t00000000\t00000000\t0001\t0\t0\t700\t00000000\t0\t0\t0\n\
        eth1\t00000000\t0101A8C0\t0201\t0\t0\t0\t00000000\t0\t0\t0\n";

    const ROUTE6: &str = "\
        fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n\
        00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000002 00000000 00000003     eth0\n\
        00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";

    fn route(gateway: &str, interface: &str) -> DefaultRoute {
        DefaultRoute { gateway: gateway.parse().ok(), interface: interface.into() }
    }

    #[test]
    fn default_routes_are_in_order_of_metric_and_rejecting_ones_are_left_out() {
        let routes = parse_ipv4_routes(ROUTE);
        assert_eq!(routes, [route("10.0.2.254", "eth0"), route("192.168.1.1", "wlan0"), route("", "ppp0")]);
    }

    #[test]
    fn the_unreachable_default_of_ipv6_is_no_route() {
        assert_eq!(parse_ipv6_routes(ROUTE6), [route("fe80::1", "eth0")]);
    }

    #[test]
    fn resolvers_keep_their_order_and_lose_their_zone() {
        let text = "# made by hand\nsearch ecole.example\nnameserver 10.0.2.3\nnameserver fe80::1%eth0\n\
            nameserver 10.0.2.3\nnameserver nowhere\noptions edns0\n";
        let expected: Vec<IpAddr> = vec!["10.0.2.3".parse().unwrap(), "fe80::1".parse().unwrap()];
        assert_eq!(parse_resolvers(text), expected);
    }

    #[test]
    fn behind_the_stub_of_systemd_are_the_true_resolvers() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("run/systemd/resolve")).unwrap();
        std::fs::create_dir_all(dir.path().join("etc")).unwrap();
        std::fs::write(dir.path().join("etc/resolv.conf"), "nameserver 127.0.0.53\n").unwrap();
        let source = Captured::new(dir.path());
        assert_eq!(resolvers(&source), ["127.0.0.53".parse::<IpAddr>().unwrap()]);
        std::fs::write(dir.path().join("run/systemd/resolve/resolv.conf"), "nameserver 10.0.2.3\n").unwrap();
        assert_eq!(resolvers(&source), ["10.0.2.3".parse::<IpAddr>().unwrap()]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[0-9a-fA-F \t\n%:.a-z]{0,400}") {
            let _ = (parse_ipv4_routes(&text), parse_ipv6_routes(&text), parse_resolvers(&text));
        }
    }
}
