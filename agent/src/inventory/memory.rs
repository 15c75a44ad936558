//! The section `memory`: what the kernel can use (`/proc/meminfo`) and the modules (SMBIOS types 16 and 17).

use super::{smbios, tidy};
use crate::source::{Source, Unreadable};
use vigie_shared::outcome::Outcome;
use vigie_shared::section::Memory;

/// Most modules reported.
const MODULES_MAX: usize = 256;
/// Totals are rounded down to this: the kernel's own share varies by some pages between boots.
const ROUND: u64 = 1 << 20;

/// Reads the section.
pub fn collect(source: &dyn Source) -> Outcome<Memory> {
    let mut reasons = Vec::new();
    let mut memory = Memory::default();
    let told = source.text("/proc/meminfo").map(|text| parse_total(&text));
    let total = told.as_ref().ok().copied().flatten().or_else(|| source.total_memory_bytes());
    match (total, told) {
        (Some(bytes), _) => memory.total_bytes = Some(bytes - bytes % ROUND),
        (None, Err(why)) => reasons.push(why.to_string()),
        (None, Ok(_)) => reasons.push("/proc/meminfo has no readable line MemTotal".into()),
    }
    match smbios::read(source) {
        Ok(found) => {
            memory.slots = Some(found.slots).filter(|slots| *slots > 0);
            memory.free_slots = found.free_slots;
            memory.max_bytes = found.memory_max_bytes;
            memory.modules = found.modules;
            tidy::cap(&mut memory.free_slots, MODULES_MAX, "free slots", &mut reasons);
            tidy::cap(&mut memory.modules, MODULES_MAX, "memory modules", &mut reasons);
            reasons.extend(found.problems);
        }
        Err(why @ Unreadable::Missing(_)) => {
            reasons.push(format!("modules: this machine has no SMBIOS tables: {why}"));
        }
        Err(why) => reasons.push(format!("modules: {why}")),
    }
    if memory == Memory::default() { Outcome::Unavailable { reasons } } else { Outcome::from_parts(memory, reasons) }
}

/// `MemTotal` of `/proc/meminfo` (kibibytes, although it writes kB), in bytes.
pub fn parse_total(text: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fake, Table, entry_point};
    use super::*;

    #[test]
    fn the_total_is_rounded_down_so_that_two_boots_agree() {
        let total = |kib: u64| {
            let source = Fake::default().file("/proc/meminfo", format!("MemTotal:       {kib} kB\nMemFree: 1 kB\n"));
            collect(&source).data().unwrap().total_bytes
        };
        assert_eq!(total(8_000_100), total(8_000_140));
        assert_eq!(total(1536), Some(1 << 20));
    }

    #[test]
    fn modules_and_slots_come_from_the_firmware() {
        let source = Fake::default()
            .file("/proc/meminfo", "MemTotal:  8000000 kB\n")
            .smbios(&entry_point(3, 2), &Table::desktop().end());
        let Outcome::Complete { data } = collect(&source) else { panic!("complete") };
        assert_eq!((data.slots, data.modules.len()), (Some(2), 1));
        assert_eq!(data.modules[0].slot.as_deref(), Some("DIMM 1"));
        assert_eq!(data.modules[0].form_factor.as_deref(), Some("dimm"));
        assert_eq!((data.free_slots, data.max_bytes), (vec!["DIMM 2".to_owned()], Some(64 << 30)));
    }

    #[test]
    fn without_tables_or_without_the_right_the_reason_tells_which() {
        let meminfo = Fake::default().file("/proc/meminfo", "MemTotal:  8000000 kB\n");
        let outcome = collect(&meminfo);
        assert_eq!(outcome.word(), "partial");
        assert!(outcome.reasons()[0].contains("no SMBIOS tables"), "{outcome:?}");
        let outcome = collect(&meminfo.denied("/sys/firmware/dmi/tables/smbios_entry_point"));
        assert!(outcome.reasons()[0].contains("run as root"), "{outcome:?}");
    }

    #[test]
    fn a_strange_total_is_said() {
        for text in
            ["", "MemTotal: many kB\n", "MemTotal: 99999999999999999999 kB\n", "MemTotal: 18446744073709551615 kB\n"]
        {
            assert_eq!(parse_total(text), None, "{text}");
        }
        assert_eq!(collect(&Fake::default().file("/proc/meminfo", "")).word(), "unavailable");
    }
}
