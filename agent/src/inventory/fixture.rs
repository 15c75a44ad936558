//! Test helpers: machines in memory and SMBIOS tables built byte by byte.

use crate::source::{Source, Unreadable, VolumeUse};
use std::collections::{BTreeMap, BTreeSet};

/// A machine in memory. Links are not followed: give files under the paths that are read.
#[derive(Debug, Clone, Default)]
pub struct Fake {
    pub files: BTreeMap<String, Vec<u8>>,
    pub links: BTreeMap<String, String>,
    pub denied: BTreeSet<String>,
    pub volumes: Vec<VolumeUse>,
}

impl Fake {
    pub fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.files.insert(path.into(), content.as_ref().to_vec());
        self
    }

    pub fn symlink(mut self, path: &str, target: &str) -> Self {
        self.links.insert(path.into(), target.into());
        self
    }

    /// A file that this user may not read.
    pub fn denied(mut self, path: &str) -> Self {
        self.denied.insert(path.into());
        self
    }

    pub fn smbios(self, entry: &[u8], table: &[u8]) -> Self {
        self.file("/sys/firmware/dmi/tables/smbios_entry_point", entry).file("/sys/firmware/dmi/tables/DMI", table)
    }
}

impl Source for Fake {
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        if self.denied.contains(path) {
            return Err(Unreadable::Denied(path.into()));
        }
        self.files.get(path).cloned().ok_or_else(|| Unreadable::Missing(path.into()))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, Unreadable> {
        let prefix = format!("{path}/");
        let names: BTreeSet<String> = (self.files.keys().chain(self.links.keys()))
            .filter_map(|p| p.strip_prefix(&prefix)?.split('/').next().map(str::to_owned))
            .collect();
        if names.is_empty() { Err(Unreadable::Missing(path.into())) } else { Ok(names.into_iter().collect()) }
    }

    fn link(&self, path: &str) -> Result<String, Unreadable> {
        self.links.get(path).cloned().ok_or_else(|| Unreadable::Missing(path.into()))
    }

    fn volumes(&self) -> Result<Vec<VolumeUse>, Unreadable> {
        Ok(self.volumes.clone())
    }

    fn is_live(&self) -> bool {
        false
    }
}

/// An entry point of SMBIOS of some version, with a right checksum and a length that is of no interest.
pub fn entry_point(major: u8, minor: u8) -> Vec<u8> {
    let (mut bytes, length) = if major >= 3 { (b"_SM3_\0\0".to_vec(), 24) } else { (b"_SM_\0\0".to_vec(), 31) };
    if let Some(byte) = bytes.last_mut() {
        *byte = length;
    }
    bytes.extend([major, minor]);
    bytes.resize(usize::from(length), 0);
    let at = if major >= 3 { 5 } else { 4 };
    bytes[at] = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg();
    bytes
}

/// A table being built.
#[derive(Debug, Clone, Default)]
pub struct Table {
    bytes: Vec<u8>,
    handle: u16,
}

impl Table {
    /// A structure: type, what follows its header, its strings.
    pub fn raw(mut self, kind: u8, fields: &[u8], strings: &[&str]) -> Self {
        let length = u8::try_from(fields.len() + 4).unwrap();
        self.bytes.extend([kind, length]);
        self.bytes.extend(self.handle.to_le_bytes());
        self.handle += 1;
        self.bytes.extend(fields);
        for string in strings {
            // As firmware does: one byte a character.
            self.bytes.extend(string.chars().map(|c| u8::try_from(u32::from(c)).unwrap()));
            self.bytes.push(0);
        }
        if strings.is_empty() {
            self.bytes.push(0);
        }
        self.bytes.push(0);
        self
    }

    pub fn bios(self) -> Self {
        let mut fields = vec![1, 2, 0, 0xE0, 3, 0xFF];
        fields.resize(0x1A - 4, 0);
        self.raw(0, &fields, &["Micrologiciels SA", "F.42", "11/05/2021"])
    }

    pub fn system(self, serial: &str) -> Self {
        let mut fields = vec![1, 2, 0, 3];
        // The first three groups of a UUID are little-endian (DSP0134, 7.2.1).
        fields.extend([0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66]);
        fields.extend([0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, 6, 4, 0]);
        self.raw(1, &fields, &["Fabricant SA", "Bureau 300", serial, "Default string"])
    }

    pub fn board(self, serial: &str) -> Self {
        let mut fields = vec![1, 2, 0, 3];
        fields.resize(0x0F - 4, 0);
        self.raw(2, &fields, &["Fabricant SA", "Carte 12", serial])
    }

    pub fn chassis(self, kind: u8) -> Self {
        let mut fields = vec![1, kind, 0, 2, 0];
        fields.resize(0x16 - 4, 0);
        // A number of contained elements that is a lie.
        fields[0x13 - 4] = 200;
        fields[0x14 - 4] = 200;
        self.raw(3, &fields, &["Fabricant SA", "CH-0001"])
    }

    pub fn processor(self, name: &str, status: u8) -> Self {
        let mut fields = vec![0, 3, 0xC6, 1];
        fields.extend([0; 8]);
        fields.extend([2, 0, 0, 0]);
        fields.extend(4700u16.to_le_bytes());
        fields.extend(2900u16.to_le_bytes());
        fields.push(status);
        fields.resize(0x23 - 4, 0);
        fields.extend([6, 6, 12]);
        fields.resize(0x30 - 4, 0);
        self.raw(4, &fields, &["Fondeur", name])
    }

    /// A memory array; use 3 is the system memory, 5 is flash.
    pub fn array(self, usage: u8) -> Self {
        let mut fields = vec![3, usage, 3];
        // 64 GiB at most, in kibibytes.
        fields.extend((64u32 << 20).to_le_bytes());
        fields.resize(0x17 - 4, 0);
        self.raw(16, &fields, &[])
    }

    /// A slot of no array in particular. Sizes are as the firmware writes them.
    pub fn memory(self, slot: &str, size: u16, extended_mib: u32) -> Self {
        self.memory_of(0xFFFF, slot, size, extended_mib)
    }

    /// A slot of an array, given by its handle.
    pub fn memory_of(self, array: u16, slot: &str, size: u16, extended_mib: u32) -> Self {
        let mut fields = array.to_le_bytes().to_vec();
        fields.extend([0xFE, 0xFF, 64, 0, 64, 0]);
        fields.extend(size.to_le_bytes());
        fields.extend([9, 0, 1, 0, 26, 0x80, 0]);
        fields.extend(3200u16.to_le_bytes());
        fields.extend([2, 3, 0, 4, 0]);
        fields.extend(extended_mib.to_le_bytes());
        fields.resize(0x28 - 4, 0);
        self.raw(17, &fields, &[slot, "Mémoires SA", "0A1B2C3D", "PN-3200-8G"])
    }

    /// A school's desktop: one socket of two in use, one slot of two, and a flash chip that is no memory.
    pub fn desktop() -> Self {
        let table = Self::default().bios().system("CZC-00042").board("BRD-00042").chassis(0x0D);
        let table = table.processor("Processeur 5", 0x41).processor("Vide", 0);
        let memory = table.handle;
        let table = table.array(3).memory_of(memory, "DIMM 1", 8192, 0).memory_of(memory, "DIMM 2", 0, 0);
        let flash = table.handle;
        table.array(5).memory_of(flash, "FLASH", 16, 0)
    }

    /// The bytes, with the end mark.
    pub fn end(self) -> Vec<u8> {
        self.raw(127, &[], &[]).bytes
    }
}

/// A folder of recordings of real machines; where they are not, the test that needs them says so and passes.
pub fn recordings(folder: &str) -> Option<std::path::PathBuf> {
    // Relative to the project's root; tests run in the folder of their crate.
    let root = std::env::var_os("VIGIE_FIXTURES").map_or_else(|| "../shared/fixtures".into(), std::path::PathBuf::from);
    let found =
        [std::path::Path::new("..").join(&root), root].map(|root| root.join(folder)).into_iter().find(|p| p.is_dir());
    if found.is_none() {
        eprintln!("skipped: no recordings");
    }
    found
}

/// Hands out damaged copies of a text or block: bytes changed, cut out, doubled, cut off. The same for the same seed.
pub fn mutations(seed: u64, bytes: &[u8], count: usize, mut see: impl FnMut(&[u8])) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    // xorshift64*: quick, and the same everywhere.
    let mut random = move |below: usize| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        usize::try_from(state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % below.max(1)
    };
    let mut copy = Vec::with_capacity(bytes.len() * 2);
    for _ in 0..count {
        copy.clear();
        copy.extend_from_slice(bytes);
        for _ in 0..=random(4) {
            let at = random(copy.len());
            match random(8) {
                0 => copy.truncate(at),
                1 => drop(copy.drain(at..(at + random(16)).min(copy.len()))),
                2 => copy.extend_from_within(at..(at + random(64)).min(copy.len())),
                _ if copy.is_empty() => {}
                3 => copy[at] = [0, 0xFF, b'\n', 0x80][random(4)],
                _ => copy[at] = u8::try_from(random(256)).unwrap(),
            }
        }
        see(&copy);
    }
}
