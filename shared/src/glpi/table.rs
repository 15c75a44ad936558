//! What becomes what in GLPI's format. To add a section: one [`Category`], its fields below.

use super::{As, Category, Field};
use crate::section::name;
use ipnet::IpNet;
use serde_json::{Map, Value};

/// Kinds of network interface that GLPI knows.
const INTERFACE_KINDS: [&str; 6] = ["ethernet", "wifi", "infiniband", "bridge", "loopback", "bluetooth"];
/// Processors that GLPI knows, of those that the agent is built for.
const ARCHITECTURES: &[&str] = &["x86_64", "aarch64", "i686", "i586", "i386"];

/// Every category that is a matter of the table alone.
pub(super) const CATEGORIES: &[Category] = &[
    Category {
        name: "bios",
        section: name::SYSTEM,
        list: "",
        fields: &[
            Field("smanufacturer", "/manufacturer", As::Text),
            Field("smodel", "/product", As::Text),
            Field("ssn", "/serial", As::Text),
            Field("skunumber", "/sku", As::Text),
            Field("mmanufacturer", "/board/manufacturer", As::Text),
            Field("mmodel", "/board/product", As::Text),
            Field("msn", "/board/serial", As::Text),
            Field("bmanufacturer", "/bios/vendor", As::Text),
            Field("bversion", "/bios/version", As::Text),
            Field("bdate", "/bios/date", As::Day),
            Field("assettag", "/chassis/asset_tag", As::Text),
            Field("enclosureserial", "/chassis/serial", As::Text),
        ],
    },
    Category {
        name: "bios",
        section: name::SECURITY_POSTURE,
        list: "",
        fields: &[Field("secure_boot", "/secure_boot", As::OneOf(&["enabled", "disabled", "unsupported"]))],
    },
    Category {
        name: "hardware",
        section: name::SYSTEM,
        list: "",
        fields: &[
            Field("uuid", "/uuid", As::Text),
            Field("chassis_type", "/chassis/kind", As::Words),
            Field("vmsystem", "/virtualisation", As::Text),
        ],
    },
    Category {
        name: "hardware",
        section: name::MEMORY,
        list: "",
        fields: &[Field("memory", "/total_bytes", As::Mebibytes)],
    },
    Category {
        name: "hardware",
        section: name::OPERATING_SYSTEM,
        list: "",
        fields: &[Field("name", "/host_name", As::Text)],
    },
    Category {
        name: "hardware",
        section: name::NETWORK,
        list: "",
        fields: &[Field("defaultgateway", "/gateways/0", As::Text)],
    },
    Category {
        name: "operatingsystem",
        section: name::OPERATING_SYSTEM,
        list: "",
        fields: &[
            Field("arch", "/architecture", As::Text),
            Field("full_name", "/full_name", As::Text),
            Field("name", "/name", As::Text),
            Field("version", "/version", As::Text),
            Field("kernel_name", "/family", As::Text),
            Field("kernel_version", "/kernel", As::Text),
            Field("install_date", "/install_date", As::Day),
        ],
    },
    Category {
        name: "cpus",
        section: name::PROCESSORS,
        list: "/processors",
        fields: &[
            Field("name", "/name", As::Text),
            Field("manufacturer", "/vendor", As::Text),
            Field("core", "/cores", As::Number),
            Field("corecount", "/cores", As::Number),
            Field("speed", "/max_mhz", As::Number),
            Field("arch", "/architecture", As::OneOf(ARCHITECTURES)),
        ],
    },
    Category {
        name: "memories",
        section: name::MEMORY,
        list: "/modules",
        fields: &[
            Field("caption", "/slot", As::Text),
            Field("capacity", "/size_bytes", As::Mebibytes),
            Field("type", "/kind", As::Capitals),
            Field("speed", "/speed_mts", As::Between("", " MT/s")),
            Field("manufacturer", "/manufacturer", As::Text),
            Field("model", "/part_number", As::Text),
            Field("serialnumber", "/serial", As::Text),
        ],
    },
    Category {
        name: "storages",
        section: name::STORAGE,
        list: "/disks",
        fields: &[
            Field("name", "/name", As::Text),
            Field("model", "/model", As::Text),
            Field("serial", "/serial", As::Text),
            Field("firmware", "/firmware", As::Text),
            Field("type", "/kind", As::Text),
            Field("interface", "/bus", As::Capitals),
            Field("disksize", "/size_bytes", As::Megabytes),
        ],
    },
    Category {
        name: "drives",
        section: name::VOLUMES,
        list: "/volumes",
        fields: &[
            Field("type", "/mount_point", As::Text),
            Field("volumn", "/device", As::Text),
            Field("filesystem", "/file_system", As::Text),
            Field("total", "/total_bytes", As::Mebibytes),
        ],
    },
    Category {
        name: "softwares",
        section: name::SOFTWARE,
        list: "/packages",
        fields: &[
            Field("name", "/name", As::Text),
            Field("version", "/version", As::Text),
            Field("arch", "/architecture", As::Text),
            Field("from", "/source", As::Text),
            Field("publisher", "/publisher", As::Text),
            Field("filesize", "/size_bytes", As::Number),
            Field("install_date", "/install_date", As::Day),
            Field("guid", "/key", As::Text),
        ],
    },
    Category {
        name: "antivirus",
        section: name::SECURITY_POSTURE,
        list: "/antivirus",
        fields: &[
            Field("name", "/name", As::Text),
            Field("enabled", "/enabled", As::Bool),
            Field("base_version", "/signatures", As::Text),
            Field("base_creation", "/signatures_of", As::Day),
        ],
    },
    Category {
        name: "controllers",
        section: name::PCI,
        list: "/devices",
        fields: &[
            Field("pcislot", "/slot", As::Text),
            Field("pciclass", "/class", As::Text),
            Field("type", "/kind", As::Words),
            Field("vendorid", "/id", As::Part(0)),
            Field("productid", "/id", As::Part(1)),
            Field("pcisubsystemid", "/subsystem", As::Text),
            Field("manufacturer", "/vendor", As::Text),
            Field("name", "/name", As::Text),
            Field("driver", "/driver", As::Text),
        ],
    },
    Category {
        name: "videos",
        section: name::GRAPHICS,
        list: "/adapters",
        fields: &[
            Field("pcislot", "/slot", As::Text),
            Field("chipset", "/vendor", As::Text),
            Field("name", "/name", As::Text),
            Field("memory", "/memory_bytes", As::Mebibytes),
        ],
    },
    Category {
        name: "sounds",
        section: name::SOUND,
        list: "/cards",
        fields: &[Field("manufacturer", "/vendor", As::Text), Field("name", "/name", As::Text)],
    },
    Category {
        name: "usbdevices",
        section: name::USB,
        list: "/devices",
        fields: &[
            Field("vendorid", "/id", As::Part(0)),
            Field("productid", "/id", As::Part(1)),
            Field("manufacturer", "/vendor", As::Text),
            Field("name", "/name", As::Text),
            Field("serial", "/serial", As::Text),
        ],
    },
    Category {
        name: "printers",
        section: name::PRINTERS,
        list: "/printers",
        fields: &[
            Field("name", "/name", As::Text),
            Field("description", "/model", As::Text),
            Field("serial", "/serial", As::Text),
            Field("port", "/uri", As::Text),
            Field("shared", "/shared", As::Bool),
        ],
    },
    Category {
        name: "batteries",
        section: name::BATTERIES,
        list: "/batteries",
        fields: &[
            Field("name", "/model", As::Text),
            Field("manufacturer", "/manufacturer", As::Text),
            Field("serial", "/serial", As::Text),
            Field("chemistry", "/chemistry", As::Text),
            Field("capacity", "/design_mwh", As::Number),
        ],
    },
];

/// Monitors: the date of manufacture is one text there, `week/year`.
pub(super) fn monitors(section: &Value) -> Vec<Value> {
    let listed = section.get("monitors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    listed.iter().map(monitor).map(Value::from).collect()
}

fn monitor(monitor: &Value) -> Map<String, Value> {
    let mut facts = Map::new();
    let keys = [
        ("manufacturer", "manufacturer"),
        ("caption", "caption"),
        ("serial", "serial"),
        ("altserial", "alternative_serial"),
        ("port", "connector"),
    ];
    for (key, ours) in keys {
        if let Some(text) = monitor.get(ours).and_then(Value::as_str) {
            facts.insert(key.into(), text.into());
        }
    }
    let number = |key: &str| monitor.get(key).and_then(Value::as_u64);
    if let Some(year) = number("year") {
        let date = number("week").map_or_else(|| year.to_string(), |week| format!("{week}/{year}"));
        facts.insert("description".into(), date.into());
    }
    facts
}

/// Interfaces, one entry an address as GLPI wants them; and what of the network stands in other categories.
pub(super) fn networks(network: &Value) -> Vec<Value> {
    let interfaces = network.get("interfaces").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    interfaces.iter().flat_map(interface).map(Value::from).collect()
}

fn interface(interface: &Value) -> Vec<Map<String, Value>> {
    let text = |key: &str| interface.get(key).and_then(Value::as_str);
    let mut facts = Map::new();
    facts.insert("description".into(), text("name").unwrap_or("?").into());
    let up = interface.get("up").and_then(Value::as_bool).unwrap_or(false);
    facts.insert("status".into(), if up { "up" } else { "down" }.into());
    let kind = text("kind").unwrap_or_default();
    if INTERFACE_KINDS.contains(&kind) {
        facts.insert("type".into(), kind.into());
    }
    facts.insert("virtualdev".into(), matches!(kind, "virtual" | "tunnel" | "bridge").into());
    if let Some(mac) = text("permanent_mac").or_else(|| text("mac")) {
        facts.insert("mac".into(), mac.into());
    }
    if let Some(speed) = interface.get("speed_mbps").and_then(Value::as_u64) {
        facts.insert("speed".into(), speed.to_string().into());
    }
    let addresses = interface.get("addresses").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let networks: Vec<IpNet> = addresses.iter().filter_map(|address| address.as_str()?.parse().ok()).collect();
    if networks.is_empty() {
        return vec![facts];
    }
    let with = |network: &IpNet| {
        let mut facts = facts.clone();
        let six = if matches!(network, IpNet::V6(_)) { "6" } else { "" };
        facts.insert(format!("ipaddress{six}"), network.addr().to_string().into());
        facts.insert(format!("ipmask{six}"), network.netmask().to_string().into());
        facts.insert(format!("ipsubnet{six}"), network.network().to_string().into());
        facts
    };
    networks.iter().map(with).collect()
}

/// Firewalls: GLPI wants a status for each.
pub(super) fn firewalls(posture: &Value) -> Vec<Value> {
    let listed = posture.get("firewalls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let one = |firewall: &Value| {
        let on = firewall.get("enabled")?.as_bool()?;
        let name = firewall.get("name")?.as_str()?;
        Some(serde_json::json!({ "status": if on { "on" } else { "off" }, "description": name }))
    };
    listed.iter().filter_map(one).collect()
}

/// The resolvers, as GLPI writes several.
pub(super) fn resolvers(network: &Value) -> Option<String> {
    let all: Vec<&str> = network.get("resolvers")?.as_array()?.iter().filter_map(Value::as_str).collect();
    (!all.is_empty()).then(|| all.join("/"))
}
