//! SMBIOS tables (DMTF DSP0134) as `/sys/firmware/dmi/tables` gives them, read by root only.
//!
//! Firmware lies: lengths that run past the end, structures shorter than their version promises, strings in Latin-1.
//! The crate `dmidecode` trusts lengths, so [`sound`] first rebuilds the table from the structures we read, each with
//! its full length (in SMBIOS zero means "not given") and plain strings. What had to be left out is a problem that the
//! sections report.

use super::tidy;
use crate::source::{Source, Unreadable};
use dmidecode::memory_device::{FormFactor, MemoryDevice, Type as MemoryType};
use dmidecode::physical_memory_array::{MemoryArrayUse, PhysicalMemoryArray};
use dmidecode::processor::ProcessorStatus;
use dmidecode::{EntryPoint, Structure};
use std::collections::BTreeSet;
use vigie_shared::section::{Bios, Board, Chassis, MemoryModule, Processor, System};

const ENTRY_POINT: &str = "/sys/firmware/dmi/tables/smbios_entry_point";
const TABLE: &str = "/sys/firmware/dmi/tables/DMI";
/// Longest table read; real ones have some kilobytes.
const TABLE_MAX: usize = 1 << 20;
/// Type of the structure that ends the table.
const END_OF_TABLE: u8 = 127;
/// Structures read: type, and its full length with every field that we or the decoder look at.
const WANTED: [(u8, usize); 7] = [(0, 0x1A), (1, 0x1B), (2, 0x0F), (3, 0x09), (4, 0x30), (16, 0x17), (17, 0x28)];
/// The chassis has a part of variable length after its ninth byte, which holds nothing we want.
const CHASSIS: u8 = 3;

/// What the tables say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Smbios {
    /// Types 0 to 3.
    pub system: System,
    /// Type 4, populated sockets in order of the table.
    pub processors: Vec<Processor>,
    /// Type 17, occupied slots of the system memory in order of the table.
    pub modules: Vec<MemoryModule>,
    /// Type 17, number of slots of the system memory.
    pub slots: u32,
    /// Type 17, names of the empty ones.
    pub free_slots: Vec<String>,
    /// Type 16, the most that the board takes as system memory, bytes.
    pub memory_max_bytes: Option<u64>,
    /// What could not be read, one sentence each.
    pub problems: Vec<String>,
}

/// Reads the tables of a machine.
pub fn read(source: &dyn Source) -> Result<Smbios, Unreadable> {
    let entry = source.read(ENTRY_POINT)?;
    let table = source.read(TABLE)?;
    parse(&entry, &table).map_err(|why| Unreadable::Failed { path: ENTRY_POINT.into(), why })
}

/// Reads a table alone, as `/sys/firmware/dmi/tables/DMI` gives it, or a file of `dmidecode --dump-bin`: an entry point,
/// then the table from its byte 32 on.
pub fn parse_dump(bytes: &[u8]) -> Result<Smbios, String> {
    const TABLE_AT: usize = 32;
    /// An entry point of version 3.4 with a right checksum, for a table that came without.
    const ENTRY: [u8; 24] =
        [b'_', b'S', b'M', b'3', b'_', 0x3F, 24, 3, 4, 0, 1, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    match bytes.split_at_checked(TABLE_AT) {
        Some((entry, table)) if entry.starts_with(b"_SM") => parse(entry, table),
        _ => parse(&ENTRY, bytes),
    }
}

/// Reads an entry point (DSP0134, 5.2) and its table.
pub fn parse(entry: &[u8], table: &[u8]) -> Result<Smbios, String> {
    let mut entry = EntryPoint::search(entry).map_err(|error| error.to_string())?;
    let mut found = Smbios::default();
    let table = sound(table, &mut found.problems);
    // The lengths of the entry point may lie as well; only its version is kept.
    match &mut entry {
        EntryPoint::V2(v2) => v2.smbios_len = u16::try_from(table.len()).unwrap_or(u16::MAX),
        EntryPoint::V3(v3) => v3.smbios_len_max = u32::try_from(table.len()).unwrap_or(u32::MAX),
    }
    let mut other_arrays = BTreeSet::new();
    let mut devices = Vec::new();
    for structure in entry.structures(&table) {
        match structure {
            Ok(Structure::MemoryDevice(device)) => devices.push(device),
            Ok(Structure::PhysicalMemoryArray(array)) => {
                if array.r#use != MemoryArrayUse::SystemMemory {
                    other_arrays.insert(array.handle);
                } else if let Some(bytes) = array_max_bytes(&array) {
                    found.memory_max_bytes = Some(found.memory_max_bytes.unwrap_or(0).saturating_add(bytes));
                }
            }
            Ok(structure) => found.take(structure),
            Err(error) => found.problems.push(format!("SMBIOS: {error}")),
        }
    }
    for device in devices.iter().filter(|device| !other_arrays.contains(&device.physical_memory_handle)) {
        found.slots = found.slots.saturating_add(1);
        match module(device) {
            Some(module) => found.modules.push(module),
            None => found.free_slots.extend(tidy::maker(device.device_locator)),
        }
    }
    found.system.virtualisation = virtualisation(&found.system).map(str::to_owned);
    Ok(found)
}

impl Smbios {
    /// Keeps what one structure says; of boards and chassis the first, which is the main one.
    fn take(&mut self, structure: Structure<'_>) {
        let system = &mut self.system;
        match structure {
            Structure::Bios(bios) if system.bios.is_none() => {
                system.bios = Some(Bios {
                    vendor: tidy::maker(bios.vendor),
                    version: tidy::maker(bios.bios_version),
                    date: tidy::maker(bios.bios_release_date).map(iso_date),
                });
            }
            Structure::System(own) => {
                system.manufacturer = tidy::maker(own.manufacturer);
                system.product = tidy::maker(own.product);
                system.version = tidy::maker(own.version);
                system.serial = tidy::maker(own.serial);
                system.uuid = own.uuid.and_then(|uuid| tidy::maker(&uuid.hyphenated().to_string()));
                system.sku = own.sku.and_then(tidy::maker);
                system.family = own.family.and_then(tidy::maker);
            }
            Structure::BaseBoard(board) if system.board.is_none() => {
                system.board = Some(Board {
                    manufacturer: tidy::maker(board.manufacturer),
                    product: tidy::maker(board.product),
                    version: tidy::maker(board.version),
                    serial: tidy::maker(board.serial),
                });
            }
            Structure::Enclosure(chassis) if system.chassis.is_none() => {
                system.chassis = Some(Chassis {
                    kind: chassis_word(&chassis.enclosure_type.to_string()),
                    manufacturer: tidy::maker(chassis.manufacturer),
                    serial: tidy::maker(chassis.serial_number),
                    asset_tag: tidy::maker(chassis.asset_tag_number),
                });
            }
            Structure::Processor(cpu) if cpu.status.contains(ProcessorStatus::CPU_SOCKET_POPULATED) => {
                let some = |value: Option<u16>| value.filter(|n| *n > 0).map(u32::from);
                self.processors.push(Processor {
                    name: tidy::maker(cpu.processor_version),
                    vendor: tidy::maker(cpu.processor_manufacturer),
                    cores: some(cpu.core_count),
                    threads: some(cpu.thread_count),
                    max_mhz: some(Some(cpu.max_speed)),
                });
            }
            _ => {}
        }
    }
}

/// A table of the wanted structures only, each of full length and with plain strings, always ended.
fn sound(table: &[u8], problems: &mut Vec<String>) -> Vec<u8> {
    let mut rest = table.get(..TABLE_MAX).unwrap_or(table);
    let mut out = Vec::with_capacity(rest.len());
    loop {
        let at = table.len() - rest.len();
        let [kind, length, ..] = rest else {
            problems.push(format!("SMBIOS: the table ends at byte {at} without its end mark"));
            break;
        };
        if *kind == END_OF_TABLE {
            break;
        }
        let length = usize::from(*length);
        let parts = if length < 4 { None } else { rest.split_at_checked(length) };
        let Some((formatted, after)) = parts else {
            problems
                .push(format!("SMBIOS: the structure at byte {at} gives a length of {length}; the rest is not read"));
            break;
        };
        let Some(end) = after.windows(2).position(|pair| pair == [0, 0]) else {
            problems
                .push(format!("SMBIOS: the strings of the structure at byte {at} have no end; the rest is not read"));
            break;
        };
        let (strings, next) = after.split_at(end + 2);
        if let Some((_, full)) = WANTED.iter().find(|(wanted, _)| wanted == kind) {
            let mut formatted = formatted.to_vec();
            if formatted.len() < *full || *kind == CHASSIS {
                formatted.resize(*full, 0);
            }
            if let Some(byte) = formatted.get_mut(1) {
                *byte = u8::try_from(length.max(*full)).unwrap_or(u8::MAX);
                if *kind == CHASSIS {
                    *byte = u8::try_from(*full).unwrap_or(u8::MAX);
                }
            }
            out.extend_from_slice(&formatted);
            out.extend(strings.iter().map(|byte| if matches!(byte, 0 | 0x20..=0x7E) { *byte } else { b' ' }));
        }
        rest = next;
    }
    out.extend_from_slice(&[END_OF_TABLE, 4, 0, 0, 0, 0]);
    out
}

/// An occupied slot; nothing when it is empty.
fn module(device: &MemoryDevice<'_>) -> Option<MemoryModule> {
    const EXTENDED: u16 = 0x7FFF;
    const IN_KIB: u16 = 0x8000;
    let size_bytes = match device.size {
        Some(0) => return None,
        None => None,
        Some(EXTENDED) => Some(u64::from(device.extended_size & 0x7FFF_FFFF) << 20),
        Some(size) if size & IN_KIB != 0 => Some(u64::from(size & !IN_KIB) << 10),
        Some(size) => Some(u64::from(size) << 20),
    };
    Some(MemoryModule {
        slot: tidy::maker(device.device_locator),
        size_bytes,
        kind: memory_word(device.memory_type).map(str::to_owned),
        form_factor: form_word(device.form_factor).map(str::to_owned),
        speed_mts: device.speed.filter(|speed| *speed != u16::MAX).map(u32::from),
        manufacturer: tidy::maker(device.manufacturer),
        part_number: tidy::maker(device.part_number),
        serial: tidy::maker(device.serial),
    })
}

/// What a memory array takes at most: kibibytes, or bytes where that is too small a field (DSP0134, 7.17). Zero says nothing.
fn array_max_bytes(array: &PhysicalMemoryArray) -> Option<u64> {
    let bytes = match array.maximum_capacity {
        Some(kib) => Some(u64::from(kib) << 10),
        None => array.extended_maximum_capacity,
    };
    bytes.filter(|bytes| *bytes > 0)
}

/// The forms of modules that can be told apart by hand (DSP0134, 7.18.1).
fn form_word(form: FormFactor) -> Option<&'static str> {
    Some(match form {
        FormFactor::Dimm => "dimm",
        FormFactor::SoDimm => "sodimm",
        FormFactor::FbDimm => "fb_dimm",
        FormFactor::RowOfChips => "row_of_chips",
        _ => return None,
    })
}

/// The memory types found in machines of this century (DSP0134, 7.18.2).
fn memory_word(kind: MemoryType) -> Option<&'static str> {
    Some(match kind {
        MemoryType::Dram => "dram",
        MemoryType::Sdram => "sdram",
        MemoryType::Ddr => "ddr",
        MemoryType::Ddr2 | MemoryType::Ddr2FbDimm => "ddr2",
        MemoryType::Ddr3 => "ddr3",
        MemoryType::Ddr4 => "ddr4",
        MemoryType::Ddr5 => "ddr5",
        MemoryType::LpDdr => "lpddr",
        MemoryType::LpDdr2 => "lpddr2",
        MemoryType::LpDdr3 => "lpddr3",
        MemoryType::LpDdr4 => "lpddr4",
        MemoryType::LpDdr5 => "lpddr5",
        _ => return None,
    })
}

/// `All in One` as `all_in_one`; nothing for what says nothing.
fn chassis_word(name: &str) -> Option<String> {
    let word: String = name.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    (!["other", "unknown"].contains(&word.as_str()) && !word.starts_with("undefined")).then_some(word)
}

/// The chassis word of a type number (DSP0134, 7.4.1), as `/sys/class/dmi/id/chassis_type` gives it.
pub fn chassis_word_of(number: u8) -> Option<String> {
    chassis_word(&dmidecode::enclosure::EnclosureType::from(number & 0x7F).to_string())
}

/// `mm/dd/yyyy` (or `mm/dd/yy`) as ISO 8601; anything else as written.
pub fn iso_date(written: String) -> String {
    let mut parts = written.split('/').map(str::parse::<i16>);
    let (Some(Ok(month)), Some(Ok(day)), Some(Ok(year)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return written;
    };
    let year = match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        _ => year,
    };
    let (Ok(month), Ok(day)) = (i8::try_from(month), i8::try_from(day)) else { return written };
    jiff::civil::Date::new(year, month, day).map_or(written, |date| date.to_string())
}

/// The hypervisor that a virtual firmware names.
pub fn virtualisation(system: &System) -> Option<&'static str> {
    let manufacturer = system.manufacturer.as_deref().unwrap_or_default().to_lowercase();
    let product = system.product.as_deref().unwrap_or_default().to_lowercase();
    let names = |word: &str| manufacturer.contains(word) || product.contains(word);
    match () {
        () if names("virtualbox") || manufacturer.contains("innotek") => Some("virtualbox"),
        () if names("vmware") => Some("vmware"),
        () if manufacturer.contains("microsoft") && product.contains("virtual machine") => Some("hyper-v"),
        () if names("qemu") || names("kvm") => Some("kvm"),
        () if manufacturer == "xen" || product.starts_with("hvm dom") => Some("xen"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Table, entry_point};
    use super::*;
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
            .map(|(size, extended)| {
                parse(&entry_point(3, 2), &Table::default().memory("A", size, extended).end()).unwrap()
            })
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
        let table =
            Table::default().raw(1, &[1, 2, 0, 0], &["Fabricant", "Modèle"]).raw(16, &[3], &[]).raw(4, &[], &[]);
        let found = parse(&entry_point(3, 2), &table.end()).unwrap();
        assert_eq!(found.problems, Vec::<String>::new());
        assert_eq!(found.system.manufacturer.as_deref(), Some("Fabricant"));
        assert_eq!(found.system.product.as_deref(), Some("Mod le"), "bytes outside ASCII become blanks");
    }

    #[test]
    fn a_string_that_does_not_exist_loses_one_structure_only() {
        let table = Table::default().raw(1, &[9, 0, 0, 0], &["un"]).bios();
        let found = parse(&entry_point(3, 2), &table.end()).unwrap();
        assert!(found.problems[0].contains("invalid string index 9"), "{:?}", found.problems);
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
            let _ = parse(&entry, &table);
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
}
