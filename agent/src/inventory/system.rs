//! The section `system`: board, BIOS and chassis, from the SMBIOS tables.
//!
//! The tables are for root only. For anybody else the kernel repeats most of them, without serial numbers, in
//! `/sys/class/dmi/id`. Single-board computers have neither, but a device tree that names them.

use super::{smbios, tidy};
use crate::source::{Source, Unreadable};
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Bios, Board, Chassis, System};

const DMI_ID: &str = "/sys/class/dmi/id";
const DEVICE_TREE: &str = "/sys/firmware/devicetree/base";

/// Reads the section.
pub fn collect(source: &dyn Source) -> Outcome<System> {
    let why = match smbios::read(source) {
        Ok(found) => return Outcome::from_parts(found.system, found.problems),
        Err(why) => why,
    };
    let missing = matches!(why, Unreadable::Missing(_));
    let (system, mut reasons) = from_dmi_id(source);
    if system != System::default() {
        reasons.insert(0, why.to_string());
        return Outcome::from_parts(system, reasons);
    }
    let system = from_device_tree(source);
    if system != System::default() {
        return Outcome::from_parts(system, if missing { vec![] } else { vec![why.to_string()] });
    }
    if missing {
        Outcome::unavailable(format!("this machine has no SMBIOS tables: {why} (some virtual machines have none)"))
    } else {
        Outcome::unavailable(why.to_string())
    }
}

/// What the kernel repeats of the tables, and which of it this user may not read.
fn from_dmi_id(source: &dyn Source) -> (System, Vec<String>) {
    let mut denied = Vec::new();
    let mut get = |name: &str| match source.text(&format!("{DMI_ID}/{name}")) {
        Ok(content) => tidy::maker(&content),
        Err(Unreadable::Missing(_)) => None,
        Err(_) => {
            denied.push(name.to_owned());
            None
        }
    };
    let board = Board {
        manufacturer: get("board_vendor"),
        product: get("board_name"),
        version: get("board_version"),
        serial: get("board_serial"),
    };
    let bios =
        Bios { vendor: get("bios_vendor"), version: get("bios_version"), date: get("bios_date").map(smbios::iso_date) };
    let chassis = Chassis {
        kind: get("chassis_type").and_then(|number| smbios::chassis_word_of(number.parse().ok()?)),
        manufacturer: get("chassis_vendor"),
        serial: get("chassis_serial"),
        asset_tag: get("chassis_asset_tag"),
    };
    let mut system = System {
        manufacturer: get("sys_vendor"),
        product: get("product_name"),
        version: get("product_version"),
        serial: get("product_serial"),
        uuid: get("product_uuid").map(|uuid| uuid.to_lowercase()),
        sku: get("product_sku"),
        family: get("product_family"),
        board: Some(board).filter(|b| b != &Board::default()),
        bios: Some(bios).filter(|b| b != &Bios::default()),
        chassis: Some(chassis).filter(|c| c != &Chassis::default()),
        virtualisation: None,
    };
    system.virtualisation = smbios::virtualisation(&system).map(str::to_owned);
    let mut reasons = Vec::new();
    if !denied.is_empty() {
        reasons.push(format!("{DMI_ID}: {} may not be read by this user (run as root)", denied.join(", ")));
    }
    (system, reasons)
}

/// Model and serial number of a single-board computer (devicetree specification, 2.3). Texts end with a NUL.
fn from_device_tree(source: &dyn Source) -> System {
    let get = |name: &str| tidy::maker(&source.text(&format!("{DEVICE_TREE}/{name}")).ok()?);
    System { product: get("model"), serial: get("serial-number"), ..System::default() }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fake, Table, entry_point};
    use super::*;

    #[test]
    fn root_reads_it_all() {
        let source = Fake::default().smbios(&entry_point(3, 2), &Table::desktop().end());
        let Outcome::Complete { data } = collect(&source) else { panic!("complete") };
        assert_eq!(data.serial.as_deref(), Some("CZC-00042"));
    }

    #[test]
    fn without_root_the_kernel_tells_the_rest_and_the_reasons_say_what_lacks() {
        let source = Fake::default()
            .denied("/sys/firmware/dmi/tables/smbios_entry_point")
            .file("/sys/class/dmi/id/sys_vendor", "Fabricant SA\n")
            .file("/sys/class/dmi/id/bios_date", "11/05/2021\n")
            .file("/sys/class/dmi/id/chassis_type", "10\n")
            .denied("/sys/class/dmi/id/product_serial")
            .denied("/sys/class/dmi/id/product_uuid");
        let Outcome::Partial { reasons, data } = collect(&source) else { panic!("partial") };
        assert_eq!(data.manufacturer.as_deref(), Some("Fabricant SA"));
        assert_eq!(data.bios.unwrap().date.as_deref(), Some("2021-11-05"));
        assert_eq!(data.chassis.unwrap().kind.as_deref(), Some("notebook"));
        assert_eq!(data.board, None);
        assert_eq!(
            reasons,
            [
                "/sys/firmware/dmi/tables/smbios_entry_point may not be read by this user (run as root)",
                "/sys/class/dmi/id: product_serial, product_uuid may not be read by this user (run as root)",
            ]
        );
    }

    #[test]
    fn a_machine_without_tables_says_so() {
        let outcome = collect(&Fake::default());
        assert_eq!(outcome.data(), None);
        assert!(outcome.reasons()[0].starts_with("this machine has no SMBIOS tables"), "{outcome:?}");
    }

    #[test]
    fn a_single_board_computer_is_named_by_its_device_tree() {
        let source = Fake::default()
            .file("/sys/firmware/devicetree/base/model", "Raspberry Pi 4 Model B Rev 1.4\0")
            .file("/sys/firmware/devicetree/base/serial-number", "10000000abcdef01\0");
        let Outcome::Complete { data } = collect(&source) else { panic!("complete") };
        assert_eq!(data.product.as_deref(), Some("Raspberry Pi 4 Model B Rev 1.4"));
        assert_eq!(data.serial.as_deref(), Some("10000000abcdef01"));
    }
}
