//! The section `storage`: disks as `/sys/block` shows them.
//!
//! Left out: what is no hardware (loop, RAM, device mapper, software RAID: their disks are listed themselves), and
//! sticks and cards that somebody plugged in: they are not the school's machine and they come and go.

use super::tidy;
use crate::source::Source;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Disk, Storage};

/// Most disks reported.
const DISKS_MAX: usize = 256;
/// Sizes of block devices are in sectors of 512 bytes, whatever the disk says.
const SECTOR: u64 = 512;

/// Reads the section.
pub fn collect(source: &dyn Source) -> Outcome<Storage> {
    let names = match source.list("/sys/block") {
        Ok(names) => names,
        Err(why) => return Outcome::unavailable(why.to_string()),
    };
    let mut reasons = Vec::new();
    let mut disks: Vec<Disk> = names.iter().filter_map(|name| disk(source, name)).collect();
    tidy::cap(&mut disks, DISKS_MAX, "disks", &mut reasons);
    Outcome::from_parts(Storage { disks }, reasons)
}

/// One disk; nothing when it is not to be reported.
fn disk(source: &dyn Source, name: &str) -> Option<Disk> {
    let place = source.link(&format!("/sys/block/{name}")).ok()?;
    let bus = bus(&place, name)?;
    let at = |file: &str| tidy::line(source, &format!("/sys/block/{name}/{file}"));
    if at("hidden").as_deref() == Some("1") {
        return None;
    }
    let removable = at("removable").as_deref() == Some("1");
    let optical = name.starts_with("sr");
    let card = bus == "mmc" && at("device/type").as_deref() != Some("MMC");
    if card || (removable && !optical) {
        return None;
    }
    let size_bytes = at("size").and_then(|n| n.parse::<u64>().ok()).and_then(|n| n.checked_mul(SECTOR));
    let model = model(source, name);
    let virtual_disk = matches!(bus, "virtio" | "xen") || model.as_deref().is_some_and(is_virtual_model);
    let kind = match () {
        () if optical => "optical",
        () if bus == "usb" => "usb",
        () if virtual_disk => "virtual",
        () if at("queue/rotational").as_deref() == Some("1") => "hdd",
        () => "ssd",
    };
    Some(Disk {
        name: name.to_owned(),
        model,
        serial: serial(source, name),
        firmware: ["device/firmware_rev", "device/fwrev", "device/rev"].iter().find_map(|file| tidy::maker(&at(file)?)),
        kind: Some(kind.to_owned()),
        bus: Some(bus.to_owned()),
        // What lies in an optical drive is no fact about the machine.
        size_bytes: size_bytes.filter(|bytes| *bytes > 0 && !optical),
        removable,
    })
}

/// The bus from the place of the device in the kernel's tree; nothing for what is no disk.
fn bus(place: &str, name: &str) -> Option<&'static str> {
    // The head of an NVMe disk with several paths is listed among the virtual devices; its paths are hidden.
    if name.starts_with("nvme") {
        return Some("nvme");
    }
    if place.contains("/devices/virtual/") || ["fd", "nbd", "loop"].iter().any(|p| name.starts_with(p)) {
        return None;
    }
    if name.starts_with("mmcblk") {
        return (!name.contains("boot") && !name.contains("rpmb")).then_some("mmc");
    }
    let within = |part: &str| place.contains(part);
    Some(match () {
        () if within("/usb") => "usb",
        () if within("/virtio") => "virtio",
        () if within("/ata") => "sata",
        () if within("/end_device-") => "sas",
        () if within("/vbd-") => "xen",
        () if within("/host") => "scsi",
        () => return None,
    })
}

/// Model, with the vendor before it where that is a vendor.
fn model(source: &dyn Source, name: &str) -> Option<String> {
    let at = |file: &str| tidy::maker(&tidy::line(source, &format!("/sys/block/{name}/device/{file}"))?);
    let model = at("model").or_else(|| at("name"))?;
    // "ATA" is the translation layer, and PCI numbers (0x1af4) are no names.
    match at("vendor")
        .filter(|vendor| vendor != "ATA" && !vendor.starts_with("0x") && !model.starts_with(vendor.as_str()))
    {
        Some(vendor) => Some(format!("{vendor} {model}")),
        None => Some(model),
    }
}

fn is_virtual_model(model: &str) -> bool {
    ["QEMU", "VBOX", "VMware", "Virtual"].iter().any(|word| model.contains(word))
}

/// Serial number: NVMe, MMC and virtio in a file of their own, SCSI and SATA in page 80h of the vital product data
/// (SPC-4, 7.8.15), else what udev has asked the disk at boot.
fn serial(source: &dyn Source, name: &str) -> Option<String> {
    let own = ["device/serial", "serial"]
        .iter()
        .find_map(|file| tidy::maker(&tidy::line(source, &format!("/sys/block/{name}/{file}"))?));
    own.or_else(|| parse_vpd_serial(&source.read(&format!("/sys/block/{name}/device/vpd_pg80")).ok()?)).or_else(|| {
        let number = tidy::line(source, &format!("/sys/block/{name}/dev"))?;
        parse_udev_serial(&source.text(&format!("/run/udev/data/b{number}")).ok()?)
    })
}

/// The serial number of vital product data page 80h: four bytes of header (page 80h, length on two bytes), then text.
pub fn parse_vpd_serial(page: &[u8]) -> Option<String> {
    let (header, rest) = page.split_first_chunk::<4>()?;
    let [_, 0x80, high, low] = header else { return None };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    tidy::maker(&String::from_utf8_lossy(rest.get(..length).unwrap_or(rest)))
}

/// `ID_SERIAL_SHORT` of a record of udev.
pub fn parse_udev_serial(record: &str) -> Option<String> {
    tidy::maker(record.lines().find_map(|line| line.strip_prefix("E:ID_SERIAL_SHORT="))?)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fake;
    use super::*;

    fn disk_at(source: Fake, name: &str, place: &str) -> Fake {
        source.symlink(&format!("/sys/block/{name}"), &format!("../devices/{place}/block/{name}"))
    }

    fn machine() -> Fake {
        let source = disk_at(Fake::default(), "sda", "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0")
            .file("/sys/block/sda/device/vendor", "ATA     \n")
            .file("/sys/block/sda/device/model", "DISQUE 2000  \n")
            .file("/sys/block/sda/device/rev", "CC45\n")
            .file("/sys/block/sda/device/vpd_pg80", b"\0\x80\0\x0d  WD-42-00042 trailing")
            .file("/sys/block/sda/queue/rotational", "1\n")
            .file("/sys/block/sda/removable", "0\n")
            .file("/sys/block/sda/size", "3907029168\n");
        let source = source
            .symlink("/sys/block/nvme0n1", "../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1")
            .file("/sys/block/nvme0n1/device/model", "SSD RAPIDE 512\n")
            .file("/sys/block/nvme0n1/device/serial", "S4EVNX0M\n")
            .file("/sys/block/nvme0n1/device/firmware_rev", "2B2QEXM7\n")
            .file("/sys/block/nvme0n1/queue/rotational", "0\n")
            .symlink("/sys/block/nvme0c0n1", "../devices/pci0000:00/nvme/nvme0/nvme0c0n1")
            .file("/sys/block/nvme0c0n1/hidden", "1\n");
        let source = disk_at(source, "sr0", "pci0000:00/0000:00:17.0/ata2/host1/target1:0:0/1:0:0:0")
            .file("/sys/block/sr0/removable", "1\n")
            .file("/sys/block/sr0/size", "2097151\n");
        let source = disk_at(source, "sdb", "pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host2/target2:0:0/2:0:0:0")
            .file("/sys/block/sdb/removable", "1\n")
            .file("/sys/block/sdb/device/model", "CLE DE JEAN\n");
        let source = disk_at(source, "mmcblk0", "platform/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa")
            .file("/sys/block/mmcblk0/device/type", "SD\n");
        source
            .symlink("/sys/block/loop0", "../devices/virtual/block/loop0")
            .symlink("/sys/block/dm-0", "../devices/virtual/block/dm-0")
    }

    #[test]
    fn disks_are_listed_and_what_people_plug_in_is_not() {
        let Outcome::Complete { data } = collect(&machine()) else { panic!("complete") };
        let names: Vec<_> = data.disks.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names, ["nvme0n1", "sda", "sr0"]);
        let sda = &data.disks[1];
        assert_eq!((sda.model.as_deref(), sda.serial.as_deref()), (Some("DISQUE 2000"), Some("WD-42-00042")));
        assert_eq!(
            (sda.kind.as_deref(), sda.bus.as_deref(), sda.firmware.as_deref()),
            (Some("hdd"), Some("sata"), Some("CC45"))
        );
        assert_eq!(sda.size_bytes, Some(2_000_398_934_016));
        let nvme = &data.disks[0];
        assert_eq!((nvme.kind.as_deref(), nvme.bus.as_deref()), (Some("ssd"), Some("nvme")));
        let optical = &data.disks[2];
        assert_eq!((optical.kind.as_deref(), optical.size_bytes, optical.removable), (Some("optical"), None, true));
    }

    #[test]
    fn a_page_that_lies_about_its_length_is_read_to_its_end_only() {
        assert_eq!(parse_vpd_serial(b"\0\x80\xff\xffABCD1234"), Some("ABCD1234".into()));
        assert_eq!(parse_vpd_serial(b"\0\x80\0\0ABCD"), None);
        assert_eq!(parse_vpd_serial(b"\0\x83\0\x04ABCD"), None);
        assert_eq!(parse_vpd_serial(b"\0\x80"), None);
    }

    #[test]
    fn udev_is_asked_where_the_kernel_is_silent() {
        let source = disk_at(Fake::default(), "sda", "pci0000:00/ata1/host0")
            .file("/sys/block/sda/dev", "8:0\n")
            .file("/run/udev/data/b8:0", "S:disk/by-id/x\nE:ID_SERIAL=MODEL_X_ABCD1234\nE:ID_SERIAL_SHORT=ABCD1234\n");
        assert_eq!(collect(&source).data().unwrap().disks[0].serial.as_deref(), Some("ABCD1234"));
    }

    #[test]
    fn no_list_of_disks_is_said() {
        assert_eq!(collect(&Fake::default()).word(), "unavailable");
    }
}
