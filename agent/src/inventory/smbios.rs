//! SMBIOS tables (DMTF DSP0134) as `/sys/firmware/dmi/tables` gives them, read by root only.
//!
//! Firmware lies: lengths that run past the end, structures shorter than their version promises, numbers of strings that
//! are not there, strings in Latin-1. A field beyond the end of its structure counts as zero, which in SMBIOS means "not
//! given"; what had to be left out is a problem that the sections report.

use super::tidy;
use crate::source::{Source, Unreadable};
use serde::Serialize;
use std::collections::BTreeSet;
use vigie_shared::section::{Bios, Board, Chassis, MemoryModule, Processor, System};

const ENTRY_POINT: &str = "/sys/firmware/dmi/tables/smbios_entry_point";
const TABLE: &str = "/sys/firmware/dmi/tables/DMI";
/// Longest table read; real ones have some kilobytes.
const TABLE_MAX: usize = 1 << 20;
/// Type of the structure that ends the table.
const END_OF_TABLE: u8 = 127;
/// Use of a memory array (DSP0134, 7.17.2): system memory.
const SYSTEM_MEMORY: u8 = 3;
/// Status of a processor socket (7.5.4): something is in it.
const POPULATED: u8 = 0x40;
/// From this version on the first three groups of the UUID are little-endian (7.2.1).
const LITTLE_ENDIAN_UUID: (u8, u8) = (2, 6);

/// What the tables say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
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
    match bytes.split_at_checked(TABLE_AT) {
        Some((entry, table)) if entry.starts_with(b"_SM") => parse(entry, table),
        _ => Ok(parse_table((3, 0), bytes)),
    }
}

/// Reads an entry point (DSP0134, 5.2) and its table. Of the entry point only the version counts: its lengths may lie.
pub fn parse(entry: &[u8], table: &[u8]) -> Result<Smbios, String> {
    let version = match entry {
        [b'_', b'S', b'M', b'3', b'_', _, _, major, minor, ..] | [b'_', b'S', b'M', b'_', _, _, major, minor, ..] => {
            (*major, *minor)
        }
        _ => return Err("no SMBIOS entry point (it begins with _SM_ or _SM3_)".into()),
    };
    Ok(parse_table(version, table))
}

/// Reads a table of some version.
fn parse_table(version: (u8, u8), table: &[u8]) -> Smbios {
    let mut found = Smbios::default();
    let mut other_arrays = BTreeSet::new();
    let mut devices = Vec::new();
    for structure in structures(table, &mut found.problems) {
        match structure.kind() {
            16 if structure.byte(0x05) != SYSTEM_MEMORY => drop(other_arrays.insert(structure.word(0x02))),
            16 => {
                if let Some(bytes) = array_max_bytes(&structure) {
                    found.memory_max_bytes = Some(found.memory_max_bytes.unwrap_or(0).saturating_add(bytes));
                }
            }
            17 => devices.push(structure),
            _ => found.take(&structure, version),
        }
    }
    for device in devices.iter().filter(|device| !other_arrays.contains(&device.word(0x04))) {
        found.slots = found.slots.saturating_add(1);
        if device.word(0x0C) == 0 {
            found.free_slots.extend(device.text(0x10, &mut found.problems));
        } else {
            found.modules.push(module(device, &mut found.problems));
        }
    }
    found.system.virtualisation = virtualisation(&found.system).map(str::to_owned);
    found
}

impl Smbios {
    /// Keeps what one structure says; of boards and chassis the first, which is the main one.
    fn take(&mut self, structure: &Structure<'_>, version: (u8, u8)) {
        let system = &mut self.system;
        let mut text = |at: usize| structure.text(at, &mut self.problems);
        match structure.kind() {
            0 if system.bios.is_none() => {
                system.bios = Some(Bios { vendor: text(0x04), version: text(0x05), date: text(0x08).map(iso_date) });
            }
            1 => {
                system.manufacturer = text(0x04);
                system.product = text(0x05);
                system.version = text(0x06);
                system.serial = text(0x07);
                system.uuid = structure.uuid(0x08, version);
                system.sku = text(0x19);
                system.family = text(0x1A);
            }
            2 if system.board.is_none() => {
                system.board = Some(Board {
                    manufacturer: text(0x04),
                    product: text(0x05),
                    version: text(0x06),
                    serial: text(0x07),
                });
            }
            3 if system.chassis.is_none() => {
                system.chassis = Some(Chassis {
                    kind: chassis_word_of(structure.byte(0x05)),
                    manufacturer: text(0x04),
                    serial: text(0x07),
                    asset_tag: text(0x08),
                });
            }
            4 if structure.byte(0x18) & POPULATED != 0 => {
                let some = |value: u16| Some(u32::from(value)).filter(|n| *n > 0);
                // 255 is too small a field: the number is further on.
                let count = |small: usize, large: usize| match structure.byte(small) {
                    u8::MAX => some(structure.word(large)),
                    n => some(u16::from(n)),
                };
                self.processors.push(Processor {
                    name: text(0x10),
                    vendor: text(0x07),
                    cores: count(0x23, 0x2A),
                    threads: count(0x25, 0x2E),
                    max_mhz: some(structure.word(0x14)),
                });
            }
            _ => {}
        }
    }
}

/// One structure: its fields, header included, and its strings.
struct Structure<'a> {
    fields: &'a [u8],
    strings: &'a [u8],
    /// Where it begins in the table.
    at: usize,
}

impl Structure<'_> {
    fn kind(&self) -> u8 {
        self.byte(0)
    }

    /// Bytes from a place on; zero where the structure is too short.
    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        self.fields.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    fn byte(&self, at: usize) -> u8 {
        self.fields.get(at).copied().unwrap_or(0)
    }

    fn word(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.bytes(at))
    }

    fn dword(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes(at))
    }

    /// The string whose number stands there, without placeholders. One that does not exist is dropped and named.
    fn text(&self, at: usize, problems: &mut Vec<String>) -> Option<String> {
        let number = usize::from(self.byte(at)).checked_sub(1)?;
        let mut strings = self.strings.split(|byte| *byte == 0).take_while(|string| !string.is_empty());
        let Some(string) = strings.nth(number) else {
            let number = number + 1;
            problems.push(format!(
                "SMBIOS: the structure at byte {} names a string {number} that it does not have",
                self.at
            ));
            return None;
        };
        let plain = |byte: &u8| if matches!(byte, 0x20..=0x7E) { char::from(*byte) } else { ' ' };
        tidy::maker(&string.iter().map(plain).collect::<String>())
    }

    /// The UUID that stands there; all zeros or ones say that there is none.
    fn uuid(&self, at: usize, version: (u8, u8)) -> Option<String> {
        let mut bytes: [u8; 16] = self.bytes(at);
        if bytes == [0; 16] || bytes == [0xFF; 16] {
            return None;
        }
        if version >= LITTLE_ENDIAN_UUID {
            let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
            let [i, j, k, l, m, n, o, p] = rest;
            bytes = [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p];
        }
        tidy::maker(&uuid::Uuid::from_bytes(bytes).to_string())
    }
}

/// The structures of a table up to its end mark, and what is wrong with it.
fn structures<'a>(table: &'a [u8], problems: &mut Vec<String>) -> Vec<Structure<'a>> {
    let mut rest = table.get(..TABLE_MAX).unwrap_or(table);
    let mut found = Vec::new();
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
        let Some((fields, after)) = parts else {
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
        found.push(Structure { fields, strings, at });
        rest = next;
    }
    found
}

/// An occupied slot.
fn module(device: &Structure<'_>, problems: &mut Vec<String>) -> MemoryModule {
    const UNKNOWN: u16 = 0xFFFF;
    const EXTENDED: u16 = 0x7FFF;
    const IN_KIB: u16 = 0x8000;
    let size_bytes = match device.word(0x0C) {
        UNKNOWN => None,
        EXTENDED => Some(u64::from(device.dword(0x1C) & 0x7FFF_FFFF) << 20),
        size if size & IN_KIB != 0 => Some(u64::from(size & !IN_KIB) << 10),
        size => Some(u64::from(size) << 20),
    };
    let speed_mts = match device.word(0x15) {
        u16::MAX => device.dword(0x54) & 0x7FFF_FFFF,
        speed => u32::from(speed),
    };
    let mut text = |at: usize| device.text(at, problems);
    MemoryModule {
        slot: text(0x10),
        size_bytes,
        kind: memory_word(device.byte(0x12)).map(str::to_owned),
        form_factor: form_word(device.byte(0x0E)).map(str::to_owned),
        speed_mts: Some(speed_mts).filter(|speed| *speed > 0),
        manufacturer: text(0x17),
        part_number: text(0x1A),
        serial: text(0x18),
    }
}

/// What a memory array takes at most: kibibytes, or bytes where that is too small a field (DSP0134, 7.17). Zero says
/// nothing.
fn array_max_bytes(array: &Structure<'_>) -> Option<u64> {
    let bytes = match array.dword(0x07) {
        0x8000_0000 => u64::from_le_bytes(array.bytes(0x0F)),
        kib => u64::from(kib) << 10,
    };
    Some(bytes).filter(|bytes| *bytes > 0)
}

/// The forms of modules that can be told apart by hand (DSP0134, 7.18.1).
fn form_word(form: u8) -> Option<&'static str> {
    Some(match form {
        0x09 => "dimm",
        0x0B => "row_of_chips",
        0x0D => "sodimm",
        0x0F => "fb_dimm",
        0x10 => "die",
        _ => return None,
    })
}

/// The memory types found in machines of this century (DSP0134, 7.18.2).
fn memory_word(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0x03 => "dram",
        0x0F => "sdram",
        0x12 => "ddr",
        0x13 | 0x14 => "ddr2",
        0x18 => "ddr3",
        0x1A => "ddr4",
        0x1B => "lpddr",
        0x1C => "lpddr2",
        0x1D => "lpddr3",
        0x1E => "lpddr4",
        0x22 => "ddr5",
        0x23 => "lpddr5",
        _ => return None,
    })
}

/// The chassis word of a type number (DSP0134, 7.4.1), as `/sys/class/dmi/id/chassis_type` gives it too; nothing for what
/// says nothing.
pub fn chassis_word_of(number: u8) -> Option<String> {
    /// From type 3 on; the highest bit says that the case can be locked.
    const WORDS: &str = "desktop low_profile_desktop pizza_box mini_tower tower portable laptop notebook hand_held \
        docking_station all_in_one sub_notebook space_saving lunch_box main_server_chassis expansion_chassis subchassis \
        bus_expansion_chassis peripheral_chassis raid_chassis rack_mount_chassis sealed_case_pc multi_system_chassis \
        compact_pci advanced_tca blade blade_enclosure tablet convertible detachable iot_gateway embedded_pc mini_pc \
        stick_pc";
    let at = usize::from(number & 0x7F).checked_sub(3)?;
    WORDS.split_whitespace().nth(at).map(str::to_owned)
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
#[path = "smbios_tests.rs"]
mod tests;
