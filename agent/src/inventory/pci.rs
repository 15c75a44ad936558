//! The section `pci`: what `/sys/bus/pci/devices` lists, with names where the machine has the list of names.

use super::ids::{self, Id, Names};
use super::tidy;
use crate::source::{Source, Unreadable};
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Pci, PciDevice};

const DEVICES: &str = "/sys/bus/pci/devices";
/// Most devices reported.
const DEVICES_MAX: usize = 512;
/// Base classes (PCI Code and ID Assignment, 1), by number.
const KINDS: [&str; 0x13] = [
    "unclassified",
    "storage",
    "network",
    "display",
    "multimedia",
    "memory",
    "bridge",
    "communication",
    "system",
    "input",
    "docking",
    "processor",
    "serial_bus",
    "wireless",
    "intelligent",
    "satellite",
    "encryption",
    "signal_processing",
    "accelerator",
];

/// Reads the section.
pub fn collect(source: &dyn Source) -> Outcome<Pci> {
    match devices(source, |_| true) {
        Ok((devices, reasons)) => Outcome::from_parts(Pci { devices }, reasons),
        Err(why) => tidy::none_or_unknown(source, &why),
    }
}

/// The devices whose class is wanted, sorted by slot, and what is to be said about them.
pub fn devices(source: &dyn Source, wanted: fn(&str) -> bool) -> Result<(Vec<PciDevice>, Vec<String>), Unreadable> {
    let mut reasons = Vec::new();
    let slots = source.list(DEVICES)?;
    let read = slots.into_iter().filter_map(|slot| device(source, slot));
    let mut found: Vec<(Id, PciDevice)> = read.filter(|(_, device)| wanted(&device.class)).collect();
    tidy::cap(&mut found, DEVICES_MAX, "PCI devices", &mut reasons);
    let names = Names::look_up(source, ids::PCI, found.iter().map(|(id, _)| *id));
    let named =
        found.into_iter().map(|(id, device)| PciDevice { vendor: names.vendor(id), name: names.device(id), ..device });
    Ok((named.collect(), reasons))
}

/// One device; nothing when the kernel does not tell what it is.
fn device(source: &dyn Source, slot: String) -> Option<(Id, PciDevice)> {
    let id = |vendor: &str, device: &str| {
        let number = |file: &str| ids::hex(&tidy::line(source, &format!("{DEVICES}/{slot}/{file}"))?);
        Some((number(vendor)?, number(device)?))
    };
    let own = id("vendor", "device")?;
    // 0x030000: class, subclass, interface.
    let class = tidy::line(source, &format!("{DEVICES}/{slot}/class"))?;
    let class = class.strip_prefix("0x").and_then(|digits| digits.get(..4))?.to_ascii_lowercase();
    let base = class.get(..2).and_then(|digits| usize::from_str_radix(digits, 16).ok());
    let device = PciDevice {
        kind: base.and_then(|base| KINDS.get(base)).map(|&kind| kind.to_owned()),
        class,
        id: ids::written(own),
        subsystem: id("subsystem_vendor", "subsystem_device").filter(|board| *board != (0, 0)).map(ids::written),
        vendor: None,
        name: None,
        driver: tidy::driver(source, &format!("{DEVICES}/{slot}")),
        slot,
    };
    Some((own, device))
}

#[cfg(test)]
pub mod tests {
    use super::super::fixture::Fake;
    use super::*;

    /// A machine with one more PCI device: slot, class, vendor, device, driver.
    pub fn with(source: Fake, slot: &str, class: &str, id: (&str, &str), driver: &str) -> Fake {
        let at = |file: &str| format!("{DEVICES}/{slot}/{file}");
        source
            .file(&at("class"), format!("{class}\n"))
            .file(&at("vendor"), format!("0x{}\n", id.0))
            .file(&at("device"), format!("0x{}\n", id.1))
            .symlink(&at("driver"), &format!("../../../bus/pci/drivers/{driver}"))
    }

    #[test]
    fn devices_have_class_numbers_names_and_driver() {
        let source = with(Fake::default(), "0000:00:14.3", "0x028000", ("8086", "A370"), "iwlwifi")
            .file("/sys/bus/pci/devices/0000:00:14.3/subsystem_vendor", "0x1028\n")
            .file("/sys/bus/pci/devices/0000:00:14.3/subsystem_device", "0x0030\n")
            .file("/usr/share/misc/pci.ids", "8086  Fondeur\n\ta370  Radio\n");
        let source = with(source, "0000:00:1f.0", "0xff0000", ("1af4", "1045"), "x")
            .file("/sys/bus/pci/devices/rubbish/class", "?");
        let Outcome::Complete { data } = collect(&source) else { panic!("complete") };
        let expected = PciDevice {
            slot: "0000:00:14.3".into(),
            class: "0280".into(),
            kind: Some("network".into()),
            id: "8086:a370".into(),
            subsystem: Some("1028:0030".into()),
            vendor: Some("Fondeur".into()),
            name: Some("Radio".into()),
            driver: Some("iwlwifi".into()),
        };
        assert_eq!(data.devices[0], expected);
        assert_eq!((data.devices[1].kind.as_deref(), data.devices[1].name.as_deref()), (None, None));
        assert_eq!(data.devices.len(), 2);
    }

    #[test]
    fn a_machine_without_the_bus_has_no_such_device() {
        let source = Fake::default().file("/sys/class/net/lo/type", "772\n");
        assert_eq!(collect(&source), Outcome::Complete { data: Pci::default() });
        assert_eq!(collect(&Fake::default()).word(), "unavailable", "a kernel that tells nothing at all");
    }
}
