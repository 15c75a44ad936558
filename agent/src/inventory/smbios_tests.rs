//! SMBIOS tables: whole, damaged, and lying.

use super::*;
use crate::inventory::fixture::{Table, entry_point};
use proptest::prelude::*;

#[test]
fn a_whole_table_is_read() {
    let found = parse(&entry_point(3, 2), &Table::desktop().end()).unwrap();
    assert_eq!(found.problems, Vec::<String>::new());
    let system = found.system;
    assert_eq!(system.manufacturer.as_deref(), Some("Fabricant SA"));
    assert_eq!(system.uuid.as_deref(), Some("00112233-4455-6677-8899-aabbccddeeff"));
    assert_eq!(system.sku, None, "placeholder");
    assert_eq!(system.bios.unwrap().date.as_deref(), Some("2021-11-05"));
    assert_eq!(system.board.unwrap().serial.as_deref(), Some("BRD-00042"));
    assert_eq!(system.chassis.unwrap().kind.as_deref(), Some("all_in_one"));
    assert_eq!(found.processors.len(), 1, "the empty socket is left out");
    assert_eq!(found.processors[0].max_mhz, Some(4700));
    assert_eq!((found.slots, found.modules.len()), (2, 1), "the flash chip is no system memory");
    let module = &found.modules[0];
    assert_eq!(
        (module.size_bytes, module.kind.as_deref(), module.speed_mts),
        (Some(8 << 30), Some("ddr4"), Some(3200))
    );
}

#[test]
fn sizes_of_modules_come_in_three_writings() {
    let sizes: Vec<_> = [(0x7FFF, 65_536), (0x8000 | 512, 0), (0xFFFF, 0)]
        .into_iter()
        .map(|(size, extended)| parse(&entry_point(3, 2), &Table::default().memory("A", size, extended).end()).unwrap())
        .map(|found| found.modules[0].size_bytes)
        .collect();
    assert_eq!(sizes, [Some(64 << 30), Some(512 << 10), None]);
}

#[test]
fn a_truncated_table_gives_what_precedes_and_says_so() {
    let whole = Table::desktop().end();
    for cut in 0..whole.len() - 6 {
        let found = parse(&entry_point(3, 2), &whole[..cut]).unwrap();
        assert_eq!(found.problems.len(), 1, "cut at {cut}: {:?}", found.problems);
    }
}

#[test]
fn a_length_that_lies_stops_the_reading_and_is_said() {
    for lie in [0, 1, 3, 255] {
        let mut bytes = Table::default().bios().end();
        bytes[1] = lie;
        let found = parse(&entry_point(2, 8), &bytes).unwrap();
        assert!(found.problems[0].contains(&format!("a length of {lie}")) || lie == 255, "{:?}", found.problems);
        assert_eq!(found.system.bios, None);
    }
}

#[test]
fn a_structure_shorter_than_its_version_promises_is_read_as_far_as_it_goes() {
    let table = Table::default().raw(1, &[1, 2, 0, 0], &["Fabricant", "Modèle"]).raw(16, &[3], &[]).raw(4, &[], &[]);
    let found = parse(&entry_point(3, 2), &table.end()).unwrap();
    assert_eq!(found.problems, Vec::<String>::new());
    assert_eq!(found.system.manufacturer.as_deref(), Some("Fabricant"));
    assert_eq!(found.system.product.as_deref(), Some("Mod le"), "bytes outside ASCII become blanks");
}

#[test]
fn a_string_that_does_not_exist_loses_one_field_only() {
    let table = Table::default().raw(1, &[9, 0, 0, 0], &["un"]).bios();
    let found = parse(&entry_point(3, 2), &table.end()).unwrap();
    assert!(found.problems[0].contains("names a string 9"), "{:?}", found.problems);
    assert_eq!(found.system.manufacturer, None);
    assert!(found.system.bios.is_some());
}

#[test]
fn dates_of_firmware_become_iso_when_they_are_dates() {
    for (written, read) in [("11/05/2021", "2021-11-05"), ("01/31/99", "1999-01-31"), ("07/04/12", "2012-07-04")] {
        assert_eq!(iso_date(written.into()), read);
    }
    for written in ["13/40/2021", "2021-11-05", "", "1/2/3/4", "a/b/c"] {
        assert_eq!(iso_date(written.into()), written);
    }
}

#[test]
fn hypervisors_are_told_by_their_firmware() {
    let machine = |manufacturer: &str, product: &str| System {
        manufacturer: Some(manufacturer.into()),
        product: Some(product.into()),
        ..System::default()
    };
    assert_eq!(virtualisation(&machine("QEMU", "Standard PC (Q35 + ICH9, 2009)")), Some("kvm"));
    assert_eq!(virtualisation(&machine("Microsoft Corporation", "Virtual Machine")), Some("hyper-v"));
    assert_eq!(virtualisation(&machine("Microsoft Corporation", "Surface Pro")), None);
    assert_eq!(virtualisation(&machine("innotek GmbH", "VirtualBox")), Some("virtualbox"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(
        entry in proptest::collection::vec(any::<u8>(), 0..64),
        table in proptest::collection::vec(any::<u8>(), 0..600),
        major in 2u8..4, minor in 0u8..9,
    ) {
        let _ = (parse(&entry, &table), parse_dump(&table));
        prop_assert!(parse(&entry_point(major, minor), &table).is_ok());
    }

    #[test]
    fn one_wrong_byte_in_a_good_table_never_panics(at in 0usize..2000, byte in any::<u8>(), major in 2u8..4, minor in 0u8..9) {
        let mut table = Table::desktop().end();
        let at = at % table.len();
        table[at] = byte;
        prop_assert!(parse(&entry_point(major, minor), &table).is_ok());
    }
}
