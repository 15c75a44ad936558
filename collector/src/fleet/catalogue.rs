//! The fleet's software: every program with its versions, on which machines each is, the newest seen, and who lags.

use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::id::MachineId;
use vigie_shared::section::Package;
use vigie_shared::uai::Uai;
use vigie_shared::version::compare;

/// Machines whose software is read for one catalogue; beyond them it says that it is cut.
pub const MACHINES_MOST: usize = 5000;

/// Source of an operating system, which stands among the programs.
pub const SYSTEM: &str = "system";

/// Which part of the fleet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Schools of this basin only.
    pub basin: Option<String>,
    /// This school only.
    pub school: Option<Uai>,
    /// This machine only.
    pub machine: Option<MachineId>,
}

/// A machine whose software is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Which.
    pub id: MachineId,
    /// Name on its network.
    pub host_name: String,
    /// `workstation`, `laptop`, `server`, `nomade`.
    pub kind: String,
    /// Its school.
    pub school: (Uai, String),
    /// The basin of its school.
    pub basin: Option<String>,
}

/// What tells programs apart: the name, any case, and the source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProgramKey {
    /// Name, lower case.
    pub name: String,
    /// `dpkg`, `rpm`, `windows`, …
    pub source: String,
}

/// A program in the fleet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Program {
    /// Name as first seen.
    pub name: String,
    /// Publisher as first told.
    pub publisher: Option<String>,
    /// Versions, and the machines (places in [`Catalogue::machines`]) that have each.
    pub versions: BTreeMap<String, BTreeSet<u32>>,
}

/// The software of a part of the fleet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Machines whose software is known.
    pub machines: Vec<Holder>,
    /// Programs.
    pub programs: BTreeMap<ProgramKey, Program>,
    /// Whether there were more machines than [`MACHINES_MOST`].
    pub cut: bool,
}

impl Catalogue {
    /// Adds a machine and what is installed on it.
    pub fn add(&mut self, holder: Holder, packages: &[Package]) {
        let Ok(place) = u32::try_from(self.machines.len()) else { return };
        self.machines.push(holder);
        for package in packages {
            let key = ProgramKey { name: package.name.to_lowercase(), source: package.source.clone() };
            let program = self.programs.entry(key).or_default();
            if program.name.is_empty() {
                program.name.clone_from(&package.name);
            }
            if program.publisher.is_none() {
                program.publisher.clone_from(&package.publisher);
            }
            match program.versions.get_mut(&package.version) {
                Some(machines) => drop(machines.insert(place)),
                None => drop(program.versions.insert(package.version.clone(), [place].into())),
            }
        }
    }

    /// A machine by its place.
    pub fn machine(&self, place: u32) -> Option<&Holder> {
        self.machines.get(usize::try_from(place).ok()?)
    }
}

impl Program {
    /// Versions from the newest to the oldest.
    pub fn by_age(&self, source: &str) -> Vec<(&str, &BTreeSet<u32>)> {
        let mut all: Vec<_> = self.versions.iter().map(|(version, machines)| (version.as_str(), machines)).collect();
        all.sort_by(|a, b| compare(source, b.0, a.0).then_with(|| a.0.cmp(b.0)));
        all
    }

    /// Machines that have it, each once.
    pub fn machines(&self) -> BTreeSet<u32> {
        self.versions.values().flatten().copied().collect()
    }

    /// The newest version that each machine has.
    pub fn newest_of_each(&self, source: &str) -> BTreeMap<u32, &str> {
        let mut of = BTreeMap::new();
        for (version, machines) in self.by_age(source) {
            for machine in machines {
                of.entry(*machine).or_insert(version);
            }
        }
        of
    }

    /// Machines whose newest version is older than the newest seen, with it.
    pub fn lagging(&self, source: &str) -> BTreeMap<u32, &str> {
        let Some(newest) = self.by_age(source).first().map(|(version, _)| *version) else { return BTreeMap::new() };
        let mut of = self.newest_of_each(source);
        of.retain(|_, version| compare(source, version, newest).is_lt());
        of
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn holder(name: &str, kind: &str, basin: &str) -> Holder {
        Holder {
            id: MachineId::new(),
            host_name: name.to_owned(),
            kind: kind.to_owned(),
            school: ("0959901W".parse().unwrap(), "Collège Alpha".to_owned()),
            basin: Some(basin.to_owned()),
        }
    }

    pub(crate) fn package(name: &str, version: &str) -> Package {
        Package { name: name.to_owned(), version: version.to_owned(), source: "dpkg".to_owned(), ..Package::default() }
    }

    #[test]
    fn the_newest_is_known_and_who_lags() {
        let mut fleet = Catalogue::default();
        fleet.add(holder("A", "workstation", "Nord"), &[package("Firefox", "140.1"), package("gimp", "2")]);
        fleet.add(holder("B", "workstation", "Nord"), &[package("firefox", "128.3"), package("firefox", "9.0")]);
        fleet.add(holder("C", "workstation", "Nord"), &[package("firefox", "128.3"), package("firefox", "140.1")]);
        let firefox = &fleet.programs[&ProgramKey { name: "firefox".into(), source: "dpkg".into() }];
        assert_eq!(
            firefox.by_age("dpkg").iter().map(|(v, m)| (*v, m.len())).collect::<Vec<_>>(),
            [("140.1", 2), ("128.3", 2), ("9.0", 1)]
        );
        assert_eq!((firefox.name.as_str(), firefox.machines().len()), ("Firefox", 3));
        assert_eq!(firefox.lagging("dpkg"), BTreeMap::from([(1, "128.3")]), "who has several has the newest of them");
        assert_eq!(fleet.machine(1).unwrap().host_name, "B");
    }
}
