//! `./dev measure inventory-diff`: our inventory beside FusionInventory's XML of the same machine in the same minute.
//!
//! Both read the machine as it is and write to a file or a pipe; nothing is sent. A thing is what both know by one key
//! (package and architecture, disk, mount point, interface, slot); only what both tell of it is compared. What people,
//! processes and files are called FusionInventory tells and we do not (invariant 11): those are no category.

use super::peers;
use crate::process::{output_of, program};
use anyhow::{Context, Result, anyhow};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::process::Command;

/// Things by key, each with what is told of it.
type Things = BTreeMap<String, BTreeMap<&'static str, String>>;

/// One category of both inventories.
struct Category {
    name: &'static str,
    theirs: fn(&Report<'_>) -> Things,
    ours: fn(&Value) -> Things,
}

const CATEGORIES: [Category; 11] = [
    Category {
        name: "software",
        theirs: |r| r.things("SOFTWARES", package),
        ours: |i| things(i, "software", "packages", our_package),
    },
    Category {
        name: "storage",
        theirs: |r| r.things("STORAGES", storage),
        ours: |i| things(i, "storage", "disks", our_disk),
    },
    Category {
        name: "volumes",
        theirs: |r| r.things("DRIVES", drive),
        ours: |i| things(i, "volumes", "volumes", our_volume),
    },
    Category {
        name: "network",
        theirs: |r| r.things("NETWORKS", network),
        ours: |i| things(i, "network", "interfaces", our_interface),
    },
    Category {
        name: "pci",
        theirs: |r| r.things("CONTROLLERS", controller),
        ours: |i| things(i, "pci", "devices", our_pci),
    },
    Category { name: "usb", theirs: |r| r.things("USBDEVICES", usb), ours: |i| things(i, "usb", "devices", our_usb) },
    Category {
        name: "memory",
        theirs: |r| r.things("MEMORIES", memory),
        ours: |i| things(i, "memory", "modules", our_module),
    },
    Category {
        name: "monitors",
        theirs: |r| r.things("MONITORS", monitor),
        ours: |i| things(i, "monitors", "monitors", our_monitor),
    },
    Category {
        name: "printers",
        theirs: |r| r.things("PRINTERS", printer),
        ours: |i| things(i, "printers", "printers", our_printer),
    },
    Category { name: "processors", theirs: |r| r.numbered("CPUS", processor), ours: our_processors },
    Category { name: "operating-system", theirs: |r| r.numbered("OPERATINGSYSTEM", system), ours: our_system },
];

/// Runs both and prints what differs.
pub fn run(install: bool) -> Result<()> {
    let agent = program("vigie-agent")?;
    let folder = tempfile::tempdir()?;
    let peer = peers::fusion_inventory_installed(install)?;
    eprintln!("FusionInventory");
    let theirs = peers::fusion_inventory_report(peer, folder.path())?;
    eprintln!("our agent");
    let ours = output_of(Command::new(agent).args(["inventory", "--json"]))?;
    println!("{}", compare(&theirs, &serde_json::from_str(&ours).context("our inventory")?)?);
    Ok(())
}

/// What differs, category by category: pure.
pub fn compare(theirs: &str, ours: &Value) -> Result<Value> {
    let document = roxmltree::Document::parse(theirs).map_err(|e| anyhow!("FusionInventory's XML: {e}"))?;
    let report = Report { document };
    let mut all = Map::new();
    for category in CATEGORIES {
        let (theirs, ours) = ((category.theirs)(&report), (category.ours)(ours));
        let missing: Vec<&String> = theirs.keys().filter(|key| !ours.contains_key(*key)).collect();
        let different: Vec<Value> =
            theirs.iter().flat_map(|(key, told)| differences(key, told, ours.get(key))).collect();
        let figures = json!({ "ours": ours.len(), "theirs": theirs.len(), "missing": missing, "different": different });
        all.insert(category.name.to_owned(), figures);
    }
    Ok(Value::Object(all))
}

fn differences(
    key: &str,
    theirs: &BTreeMap<&'static str, String>,
    ours: Option<&BTreeMap<&'static str, String>>,
) -> Vec<Value> {
    let Some(ours) = ours else { return vec![] };
    let both = theirs.iter().filter_map(|(field, told)| ours.get(field).map(|our| (*field, told, our)));
    both.filter(|(_, told, our)| told != our)
        .map(|(field, told, our)| json!({ "of": key, "field": field, "ours": our, "theirs": told }))
        .collect()
}

/// FusionInventory's report.
struct Report<'a> {
    document: roxmltree::Document<'a>,
}

/// One entry of it.
struct Entry<'a, 'b>(roxmltree::Node<'a, 'b>);

impl Entry<'_, '_> {
    fn text(&self, name: &str) -> Option<String> {
        let found = self.0.children().find(|node| node.has_tag_name(name))?;
        found.text().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn told<const N: usize>(&self, fields: [(&'static str, Option<String>); N]) -> BTreeMap<&'static str, String> {
        fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

type Told = Option<(String, BTreeMap<&'static str, String>)>;

impl Report<'_> {
    fn things(&self, tag: &str, read: fn(&Entry<'_, '_>) -> Told) -> Things {
        let entries = self.document.descendants().filter(|node| node.has_tag_name(tag));
        entries.filter_map(|node| read(&Entry(node))).collect()
    }

    /// Things without a key of their own are known by their place.
    fn numbered(&self, tag: &str, read: fn(&Entry<'_, '_>) -> BTreeMap<&'static str, String>) -> Things {
        let entries = self.document.descendants().filter(|node| node.has_tag_name(tag));
        entries.enumerate().map(|(place, node)| (place.to_string(), read(&Entry(node)))).collect()
    }
}

fn package(entry: &Entry<'_, '_>) -> Told {
    let key = format!("{} {}", entry.text("NAME")?, entry.text("ARCH").unwrap_or_default());
    Some((key, entry.told([("version", entry.text("VERSION")), ("size_bytes", entry.text("FILESIZE"))])))
}

fn storage(entry: &Entry<'_, '_>) -> Told {
    let fields = [
        ("serial", entry.text("SERIALNUMBER")),
        ("firmware", entry.text("FIRMWARE")),
        ("model", entry.text("MODEL")),
        ("megabytes", entry.text("DISKSIZE")),
    ];
    Some((entry.text("NAME")?, entry.told(fields)))
}

fn drive(entry: &Entry<'_, '_>) -> Told {
    let fields = [
        ("device", entry.text("VOLUMN")),
        ("file_system", entry.text("FILESYSTEM")),
        ("mebibytes", entry.text("TOTAL")),
    ];
    Some((entry.text("TYPE")?, entry.told(fields)))
}

/// The loopback is no interface of a school's network, and a virtual one without an address carries nothing: we list neither.
fn network(entry: &Entry<'_, '_>) -> Told {
    if entry.text("VIRTUALDEV").as_deref() == Some("1") && entry.text("IPADDRESS").is_none() {
        return None;
    }
    // A cable between two namespaces is written with its other end.
    let name = entry.text("DESCRIPTION")?.split('@').next().filter(|name| *name != "lo")?.to_owned();
    Some((name, entry.told([("mac", entry.text("MACADDR").map(|mac| mac.to_lowercase()))])))
}

fn controller(entry: &Entry<'_, '_>) -> Told {
    let id = entry.text("VENDORID").zip(entry.text("PRODUCTID")).map(|(vendor, product)| format!("{vendor}:{product}"));
    Some((entry.text("PCISLOT")?, entry.told([("id", id), ("class", entry.text("PCICLASS"))])))
}

fn usb(entry: &Entry<'_, '_>) -> Told {
    let key = format!("{}:{}", entry.text("VENDORID")?, entry.text("PRODUCTID")?).to_lowercase();
    Some((key, entry.told([("serial", entry.text("SERIAL"))])))
}

fn memory(entry: &Entry<'_, '_>) -> Told {
    let fields = [("mebibytes", entry.text("CAPACITY")), ("serial", entry.text("SERIALNUMBER"))];
    entry.text("CAPACITY")?;
    Some((entry.text("CAPTION")?, entry.told(fields)))
}

fn monitor(entry: &Entry<'_, '_>) -> Told {
    let key = entry.text("SERIAL").or_else(|| entry.text("CAPTION"))?;
    Some((key, entry.told([("manufacturer", entry.text("MANUFACTURER")), ("caption", entry.text("CAPTION"))])))
}

fn printer(entry: &Entry<'_, '_>) -> Told {
    Some((entry.text("NAME")?, entry.told([("serial", entry.text("SERIAL"))])))
}

fn processor(entry: &Entry<'_, '_>) -> BTreeMap<&'static str, String> {
    entry.told([("name", entry.text("NAME")), ("cores", entry.text("CORE")), ("threads", entry.text("THREAD"))])
}

fn system(entry: &Entry<'_, '_>) -> BTreeMap<&'static str, String> {
    entry.told([
        ("full_name", entry.text("FULL_NAME")),
        ("kernel", entry.text("KERNEL_VERSION")),
        ("architecture", entry.text("ARCH")),
    ])
}

/// The entries of a list in one of our sections.
fn things(inventory: &Value, section: &str, list: &str, read: fn(&Value) -> Told) -> Things {
    let entries = inventory.pointer(&format!("/{section}/data/{list}")).and_then(Value::as_array);
    entries.into_iter().flatten().filter_map(read).collect()
}

fn text(entry: &Value, field: &str) -> Option<String> {
    match entry.get(field)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn divided(entry: &Value, field: &str, by: u64) -> Option<String> {
    entry.get(field).and_then(Value::as_u64).map(|bytes| (bytes / by).to_string())
}

fn told<const N: usize>(fields: [(&'static str, Option<String>); N]) -> BTreeMap<&'static str, String> {
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn our_package(entry: &Value) -> Told {
    let key = format!("{} {}", text(entry, "name")?, text(entry, "architecture").unwrap_or_default());
    Some((key, told([("version", text(entry, "version")), ("size_bytes", text(entry, "size_bytes"))])))
}

fn our_disk(entry: &Value) -> Told {
    let fields = [
        ("serial", text(entry, "serial")),
        ("firmware", text(entry, "firmware")),
        ("model", text(entry, "model")),
        ("megabytes", divided(entry, "size_bytes", 1_000_000)),
    ];
    Some((text(entry, "name")?, told(fields)))
}

fn our_volume(entry: &Value) -> Told {
    let fields = [
        ("device", text(entry, "device")),
        ("file_system", text(entry, "file_system")),
        ("mebibytes", divided(entry, "total_bytes", 1 << 20)),
    ];
    Some((text(entry, "mount_point")?, told(fields)))
}

fn our_interface(entry: &Value) -> Told {
    Some((text(entry, "name")?, told([("mac", text(entry, "mac"))])))
}

/// Both write the domain only where there are several.
fn our_pci(entry: &Value) -> Told {
    let slot = text(entry, "slot")?;
    let slot = slot.strip_prefix("0000:").map_or(slot.clone(), str::to_owned);
    Some((slot, told([("id", text(entry, "id")), ("class", text(entry, "class"))])))
}

fn our_usb(entry: &Value) -> Told {
    Some((text(entry, "id")?, told([("serial", text(entry, "serial"))])))
}

fn our_module(entry: &Value) -> Told {
    let fields = [("mebibytes", divided(entry, "size_bytes", 1 << 20)), ("serial", text(entry, "serial"))];
    Some((text(entry, "slot")?, told(fields)))
}

fn our_monitor(entry: &Value) -> Told {
    let key = text(entry, "serial").or_else(|| text(entry, "caption"))?;
    Some((key, told([("manufacturer", text(entry, "manufacturer")), ("caption", text(entry, "caption"))])))
}

fn our_printer(entry: &Value) -> Told {
    Some((text(entry, "name")?, told([("serial", text(entry, "serial"))])))
}

fn our_processors(inventory: &Value) -> Things {
    let entries = inventory.pointer("/processors/data/processors").and_then(Value::as_array);
    let read = |(place, entry): (usize, &Value)| {
        let fields =
            [("name", text(entry, "name")), ("cores", text(entry, "cores")), ("threads", text(entry, "threads"))];
        (place.to_string(), told(fields))
    };
    entries.into_iter().flatten().enumerate().map(read).collect()
}

fn our_system(inventory: &Value) -> Things {
    let read = |entry: &Value| {
        let names = ["full_name", "kernel", "architecture"];
        ("0".to_owned(), told(names.map(|name| (name, text(entry, name)))))
    };
    inventory.pointer("/operating-system/data").map(read).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_they_know_is_missing_and_what_both_tell_otherwise_is_different() {
        let theirs = "<REQUEST><CONTENT>\
            <SOFTWARES><NAME>bash</NAME><ARCH>amd64</ARCH><VERSION>5.2</VERSION></SOFTWARES>\
            <SOFTWARES><NAME>vim</NAME><ARCH>amd64</ARCH><VERSION>9</VERSION></SOFTWARES>\
            <NETWORKS><DESCRIPTION>lo</DESCRIPTION></NETWORKS>\
            <NETWORKS><DESCRIPTION>eth0</DESCRIPTION><MACADDR>02:FC:00:00:00:01</MACADDR></NETWORKS>\
            </CONTENT></REQUEST>";
        let ours = json!({
            "software": { "data": { "packages": [
                { "name": "bash", "architecture": "amd64", "version": "5.1", "size_bytes": 12 },
                { "name": "zsh", "architecture": "amd64", "version": "5" },
            ] } },
            "network": { "data": { "interfaces": [{ "name": "eth0", "mac": "02:fc:00:00:00:01" }] } },
        });

        let found = compare(theirs, &ours).unwrap();

        assert_eq!(found["software"]["ours"], 2);
        assert_eq!(found["software"]["missing"], json!(["vim amd64"]));
        let different = json!([{ "of": "bash amd64", "field": "version", "ours": "5.1", "theirs": "5.2" }]);
        assert_eq!(found["software"]["different"], different);
        assert_eq!(found["network"], json!({ "ours": 1, "theirs": 1, "missing": [], "different": [] }));
    }
}
