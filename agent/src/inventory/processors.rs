//! The section `processors`: `/proc/cpuinfo`, the highest clock of cpufreq, and SMBIOS type 4 where those are silent.

use super::{smbios, tidy};
use crate::source::{Source, Unreadable};
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Processor, Processors};

/// Most processor packages reported.
const PACKAGES_MAX: usize = 64;
/// Most logical processors whose highest clock is read: cores of several kinds show within the first ones.
const CLOCKS_MAX: usize = 64;

/// One package as `/proc/cpuinfo` tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// The facts.
    pub processor: Processor,
    /// Numbers of its logical processors.
    pub logical: Vec<u32>,
}

/// Reads the section.
pub fn collect(source: &dyn Source) -> Outcome<Processors> {
    let mut reasons = Vec::new();
    let packages = match source.text("/proc/cpuinfo") {
        Ok(text) => parse_cpuinfo(&text),
        Err(why) => {
            reasons.push(why.to_string());
            vec![]
        }
    };
    let mut processors: Vec<Processor> = packages.into_iter().map(|package| with_clock(source, package)).collect();
    let complete = |p: &Processor| p.name.is_some() && p.cores.is_some() && p.max_mhz.is_some();
    if processors.is_empty() || !processors.iter().all(complete) {
        match smbios::read(source) {
            Ok(found) => fill(&mut processors, found.processors),
            // Not having the tables is no failure: the kernel has told what there is to tell.
            Err(Unreadable::Missing(_)) => {}
            Err(why) => reasons.push(format!("highest clock: {why}")),
        }
    }
    if processors.is_empty() {
        reasons.push("no processor is described by the kernel or the firmware".into());
        return Outcome::Unavailable { reasons };
    }
    tidy::cap(&mut processors, PACKAGES_MAX, "processors", &mut reasons);
    Outcome::from_parts(Processors { processors }, reasons)
}

/// Packages in order of their physical id. Architectures that give none have one package.
pub fn parse_cpuinfo(text: &str) -> Vec<Package> {
    let mut packages: BTreeMap<u32, Package> = BTreeMap::new();
    let mut cores: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for block in text.split("\n\n") {
        let fields = block.lines().filter_map(|line| line.split_once(':')).map(|(k, v)| (k.trim(), v.trim()));
        let fields: BTreeMap<&str, &str> = crate::sort::map(fields);
        let Some(logical) = fields.get("processor").and_then(|number| number.parse().ok()) else { continue };
        let id = fields.get("physical id").and_then(|number| number.parse().ok()).unwrap_or(0);
        let package = packages.entry(id).or_default();
        package.logical.push(logical);
        let processor = &mut package.processor;
        if processor.name.is_none() {
            processor.name = fields.get("model name").and_then(|name| tidy::text(name));
            processor.vendor = fields.get("vendor_id").and_then(|name| tidy::text(name));
            processor.cores = fields.get("cpu cores").and_then(|number| number.parse().ok());
        }
        if let Some(core) = fields.get("core id") {
            cores.entry(id).or_default().insert((*core).to_owned());
        }
    }
    for (id, package) in &mut packages {
        package.processor.threads = u32::try_from(package.logical.len()).ok();
        let counted = cores.get(id).and_then(|ids| u32::try_from(ids.len()).ok());
        package.processor.cores = package.processor.cores.or(counted);
    }
    packages.into_values().collect()
}

/// The highest clock of any of its logical processors, from cpufreq (kHz).
fn with_clock(source: &dyn Source, package: Package) -> Processor {
    let clock =
        |n: &u32| tidy::number::<u32>(source, &format!("/sys/devices/system/cpu/cpu{n}/cpufreq/cpuinfo_max_freq"));
    let max_mhz = package.logical.iter().take(CLOCKS_MAX).filter_map(clock).max().map(|khz| khz / 1000);
    Processor { max_mhz, ..package.processor }
}

/// Completes what the kernel tells with what the firmware tells of the same sockets, in the same order.
fn fill(processors: &mut Vec<Processor>, firmware: Vec<Processor>) {
    if processors.is_empty() {
        *processors = firmware;
        return;
    }
    for (processor, told) in processors.iter_mut().zip(firmware) {
        processor.name = processor.name.take().or(told.name);
        processor.vendor = processor.vendor.take().or(told.vendor);
        processor.cores = processor.cores.or(told.cores);
        processor.max_mhz = processor.max_mhz.or(told.max_mhz);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fake, Table, entry_point};
    use super::*;

    const TWO_SOCKETS: &str = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R)  Xeon(R) E5\ncpu MHz\t\t: 1199.9\n\
        physical id\t: 1\ncore id\t: 0\ncpu cores\t: 2\n\n\
        processor\t: 1\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R)  Xeon(R) E5\nphysical id\t: 0\ncore id\t: 0\ncpu cores\t: 2\n\n\
        processor\t: 2\nmodel name\t: Intel(R)  Xeon(R) E5\nphysical id\t: 1\ncore id\t: 1\ncpu cores\t: 2\n\n";
    const ARM: &str = "processor\t: 0\nBogoMIPS\t: 108.00\nCPU part\t: 0xd08\n\nprocessor\t: 1\nBogoMIPS\t: 108.00\n\nRevision\t: c03114\n";

    #[test]
    fn packages_are_told_apart_and_the_current_clock_is_not_a_fact() {
        let packages = parse_cpuinfo(TWO_SOCKETS);
        assert_eq!(packages.len(), 2);
        assert_eq!(packages[1].logical, [0, 2]);
        let expected = Processor {
            name: Some("Intel(R) Xeon(R) E5".into()),
            vendor: Some("GenuineIntel".into()),
            cores: Some(2),
            threads: Some(2),
            max_mhz: None,
        };
        assert_eq!(packages[1].processor, expected);
    }

    #[test]
    fn a_processor_that_only_counts_itself_is_completed_by_the_firmware() {
        let source = Fake::default().file("/proc/cpuinfo", ARM);
        assert_eq!(collect(&source).data().unwrap().processors[0].threads, Some(2));
        let source = source.smbios(&entry_point(3, 2), &Table::desktop().end());
        let Outcome::Complete { data } = collect(&source) else { panic!("complete") };
        assert_eq!(data.processors[0].name.as_deref(), Some("Processeur 5"));
        assert_eq!((data.processors[0].threads, data.processors[0].max_mhz), (Some(2), Some(4700)));
    }

    #[test]
    fn the_highest_clock_of_all_cores_counts() {
        let source = Fake::default()
            .file("/proc/cpuinfo", TWO_SOCKETS)
            .file("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "2400000\n")
            .file("/sys/devices/system/cpu/cpu2/cpufreq/cpuinfo_max_freq", "3100000\n");
        assert_eq!(collect(&source).data().unwrap().processors[1].max_mhz, Some(3100));
    }

    #[test]
    fn denied_firmware_is_a_reason_and_nothing_at_all_is_unavailable() {
        let denied =
            Fake::default().file("/proc/cpuinfo", TWO_SOCKETS).denied("/sys/firmware/dmi/tables/smbios_entry_point");
        assert_eq!(collect(&denied).word(), "partial");
        assert_eq!(collect(&Fake::default()).word(), "unavailable");
    }
}
