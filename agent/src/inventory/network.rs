//! The section `network`: interfaces (`/sys/class/net`), their addresses, default gateways and resolvers.
//!
//! Left out: the loopback, link-local and temporary addresses, and virtual interfaces without an address (those of
//! containers and virtual machines come and go). The name of the wireless network is left out too: a laptop that was taken
//! home would tell that of somebody's home.

pub use super::routes::{DefaultRoute, default_gateways, default_routes, resolvers};

use super::{addresses, dhcp, tidy};
use crate::source::Source;
use ipnet::IpNet;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Interface, Network};

/// Most interfaces reported.
const INTERFACES_MAX: usize = 128;
/// Most addresses reported for one interface.
const ADDRESSES_MAX: usize = 32;
/// `addr_assign_type` of an address burnt in (linux/netdevice.h, `NET_ADDR_PERM`).
const PERMANENT: &str = "0";

/// Reads the section.
pub fn collect(source: &dyn Source) -> Outcome<Network> {
    let names = match source.list("/sys/class/net") {
        Ok(names) => names,
        Err(why) => return Outcome::unavailable(why.to_string()),
    };
    let mut reasons = Vec::new();
    let addresses = match addresses::of_interfaces(source) {
        Ok(addresses) => addresses,
        Err(why) => {
            reasons.push(format!("addresses: {why}"));
            vec![]
        }
    };
    let mut interfaces: Vec<Interface> =
        names.iter().filter(|name| *name != "lo").filter_map(|name| interface(source, name, &addresses)).collect();
    tidy::cap(&mut interfaces, INTERFACES_MAX, "interfaces", &mut reasons);
    let network = Network {
        interfaces,
        gateways: default_gateways(source).iter().map(ToString::to_string).collect(),
        resolvers: resolvers(source).iter().map(ToString::to_string).collect(),
    };
    Outcome::from_parts(network, reasons)
}

/// Permanent addresses of the network interfaces that are part of the machine: no virtual ones, no USB, no dock.
pub fn built_in_macs(source: &dyn Source) -> Vec<String> {
    let names = source.list("/sys/class/net").unwrap_or_default();
    names.iter().filter(|name| is_built_in(source, name)).filter_map(|name| permanent_mac(source, name)).collect()
}

/// One interface; nothing when it is not to be reported.
fn interface(source: &dyn Source, name: &str, addresses: &[(String, IpNet)]) -> Option<Interface> {
    let at = |file: &str| tidy::line(source, &format!("/sys/class/net/{name}/{file}"));
    let kind = kind(source, name)?;
    let own = addresses.iter().filter(|(interface, _)| interface == name).map(|(_, address)| address.to_string());
    let own: Vec<String> = own.take(ADDRESSES_MAX).collect();
    if own.is_empty() && matches!(kind, "virtual" | "tunnel" | "bridge") {
        return None;
    }
    let up = at("carrier").as_deref() == Some("1");
    Some(Interface {
        name: name.to_owned(),
        kind: Some(kind.to_owned()),
        mac: at("address").as_deref().and_then(mac),
        permanent_mac: permanent_mac(source, name),
        up,
        // The kernel gives -1 for unknown, which is no number here.
        speed_mbps: at("speed").and_then(|speed| speed.parse().ok()).filter(|speed| up && *speed > 0),
        dhcp: dhcp::of_interface(source, name, at("ifindex").and_then(|index| index.parse().ok()), &own),
        driver: tidy::driver(source, &format!("/sys/class/net/{name}/device")),
        addresses: own,
    })
}

/// The kind, from what the kernel keeps beside the interface; nothing when it has no type at all.
fn kind(source: &dyn Source, name: &str) -> Option<&'static str> {
    /// Hardware types of linux/if_arp.h.
    const ETHERNET: u16 = 1;
    const NO_HEADER: [u16; 5] = [512, 768, 769, 776, 65_534];
    let kind: u16 = tidy::number(source, &format!("/sys/class/net/{name}/type"))?;
    let has = |file: &str| {
        let path = format!("/sys/class/net/{name}/{file}");
        source.list(&path).is_ok() || source.link(&path).is_ok()
    };
    let told = source.text(&format!("/sys/class/net/{name}/uevent")).unwrap_or_default();
    let told = told.lines().find_map(|line| line.strip_prefix("DEVTYPE=")).unwrap_or_default();
    Some(match () {
        () if told == "wlan" || has("wireless") || has("phy80211") => "wifi",
        () if told == "wwan" => "mobile",
        () if told == "bridge" || has("bridge") => "bridge",
        () if told == "bond" || has("bonding") => "bond",
        () if told == "vlan" => "vlan",
        () if told == "wireguard" || NO_HEADER.contains(&kind) || has("tun_flags") => "tunnel",
        () if kind == ETHERNET && has("device") => "ethernet",
        () => "virtual",
    })
}

/// The address burnt in: said so by the kernel, or kept by the Wi-Fi hardware or the bond beside the current one.
fn permanent_mac(source: &dyn Source, name: &str) -> Option<String> {
    let at = |file: &str| tidy::line(source, &format!("/sys/class/net/{name}/{file}"));
    let has_device = source.link(&format!("/sys/class/net/{name}/device")).is_ok();
    let own = || (at("addr_assign_type").as_deref() == Some(PERMANENT)).then(|| at("address")).flatten();
    let kept = || at("bonding_slave/perm_hwaddr").or_else(|| at("phy80211/macaddress"));
    kept().or_else(own).filter(|_| has_device).as_deref().and_then(mac)
}

/// Whether the interface is part of the machine, not of a dock or of a stick.
fn is_built_in(source: &dyn Source, name: &str) -> bool {
    let Ok(place) = source.link(&format!("/sys/class/net/{name}")) else { return false };
    let at = |file: &str| tidy::line(source, &format!("/sys/class/net/{name}/{file}"));
    !place.contains("/virtual/")
        && !place.contains("/usb")
        // Behind Thunderbolt the kernel says so (ABI sysfs-devices-removable).
        && at("device/removable").as_deref() != Some("removable")
        && source.link(&format!("/sys/class/net/{name}/device")).is_ok()
}

/// A hardware address of six bytes, lower case with colons; nothing for anything else or for no address (zeros).
fn mac(text: &str) -> Option<String> {
    let bytes: Vec<&str> = text.split(':').collect();
    let good = bytes.len() == 6 && bytes.iter().all(|b| b.len() == 2 && b.bytes().all(|c| c.is_ascii_hexdigit()));
    (good && bytes.iter().any(|b| *b != "00")).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fake;
    use super::*;

    fn interface_at(source: Fake, name: &str, place: &str, kind: u16, address: &str, assigned: u8) -> Fake {
        let at = |file: &str| format!("/sys/class/net/{name}/{file}");
        let source = source.symlink(&format!("/sys/class/net/{name}"), &format!("../../devices/{place}/net/{name}"));
        let source = if place.starts_with("virtual") { source } else { source.symlink(&at("device"), "../..") };
        source
            .file(&at("type"), format!("{kind}\n"))
            .file(&at("address"), format!("{address}\n"))
            .file(&at("addr_assign_type"), format!("{assigned}\n"))
            .file(&at("carrier"), "1\n")
            .file(&at("speed"), "1000\n")
    }

    fn machine() -> Fake {
        let source = interface_at(Fake::default(), "eno1", "pci0000:00/0000:00:1f.6", 1, "3C:52:82:AA:BB:01", 0);
        let source = interface_at(source, "wlp2s0", "pci0000:00/0000:02:00.0", 1, "9e:11:22:33:44:55", 3)
            .file("/sys/class/net/wlp2s0/uevent", "DEVTYPE=wlan\nINTERFACE=wlp2s0\n")
            .file("/sys/class/net/wlp2s0/phy80211/macaddress", "3c:52:82:aa:bb:02\n");
        let source =
            interface_at(source, "enx1", "pci0000:00/0000:00:14.0/usb1/1-4/1-4:1.0", 1, "00:e0:4c:aa:bb:03", 0);
        let source = interface_at(source, "ens9", "pci0000:00/0000:06:00.0", 1, "00:e0:4c:aa:bb:04", 0)
            .file("/sys/class/net/ens9/device/removable", "removable\n");
        let source = interface_at(source, "veth1a2b", "virtual", 1, "02:42:ac:11:00:02", 3);
        let source = interface_at(source, "tun0", "virtual", 65_534, "", 0);
        interface_at(source, "lo", "virtual", 772, "00:00:00:00:00:00", 0)
            .file("/proc/net/route", "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n\
                eno1\t00000000\tFE02000A\t0003\t0\t0\t100\t00000000\n\
                eno1\t0002000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\n\
                tun0\t00000A0A\t00000000\t0001\t0\t0\t100\t00FFFFFF\n")
            .file("/proc/net/fib_trie", "Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.2.7\n        /32 host LOCAL\n     |-- 10.10.0.3\n        /32 host LOCAL\n")
            .file("/etc/resolv.conf", "nameserver 10.0.2.3\n")
    }

    #[test]
    fn interfaces_are_told_with_kind_addresses_and_permanent_address() {
        let Outcome::Complete { data } = collect(&machine()) else { panic!("complete") };
        let names: Vec<_> = data.interfaces.iter().map(|i| (i.name.as_str(), i.kind.as_deref().unwrap())).collect();
        let expected =
            [("eno1", "ethernet"), ("ens9", "ethernet"), ("enx1", "ethernet"), ("tun0", "tunnel"), ("wlp2s0", "wifi")];
        assert_eq!(names, expected, "the interface of a container is left out");
        assert_eq!(data.interfaces[0].addresses, ["10.0.2.7/24"]);
        assert_eq!(data.interfaces[3].mac, None);
        let wifi = &data.interfaces[4];
        assert_eq!(wifi.mac.as_deref(), Some("9e:11:22:33:44:55"), "the current, random one");
        assert_eq!(wifi.permanent_mac.as_deref(), Some("3c:52:82:aa:bb:02"));
        assert_eq!((data.gateways, data.resolvers), (vec!["10.0.2.254".to_owned()], vec!["10.0.2.3".to_owned()]));
    }

    #[test]
    fn only_built_in_interfaces_identify_the_machine() {
        assert_eq!(built_in_macs(&machine()), ["3c:52:82:aa:bb:01", "3c:52:82:aa:bb:02"]);
    }

    #[test]
    fn an_interface_without_carrier_has_no_speed() {
        let source = interface_at(Fake::default(), "eno1", "pci0000:00", 1, "3c:52:82:aa:bb:01", 0);
        let down = source.file("/sys/class/net/eno1/carrier", "0\n").file("/sys/class/net/eno1/speed", "-1\n");
        let outcome = collect(&down);
        let interface = &outcome.data().unwrap().interfaces[0];
        assert_eq!((interface.up, interface.speed_mbps), (false, None));
        assert_eq!(outcome.word(), "partial", "no source of addresses is said: {outcome:?}");
    }

    #[test]
    fn rubbish_is_no_hardware_address() {
        for text in ["", "00:00:00:00:00:00", "3c:52:82:aa:bb", "3c:52:82:aa:bb:0g", "3c-52-82-aa-bb-01"] {
            assert_eq!(mac(text), None, "{text}");
        }
    }
}
