//! Known vulnerabilities: OSV entries (<https://ossf.github.io/osv-schema/>), brought in as files.
//!
//! Kept of an entry: its number, summary, and the ranges and versions of packages of distributions whose packages agents
//! list. OSV names Debian's and Ubuntu's *source* packages: a binary package of another name is not found.

use super::catalogue::Catalogue;
use super::rules::{FOUND_MAX, Found};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::version::compare;

/// Largest file, bytes.
pub const FILE_MAX: usize = 64 << 20;
/// Packages kept of one entry.
const PACKAGES_MAX: usize = 200;
/// Events and versions kept of one package.
const EVENTS_MAX: usize = 500;

/// Ecosystems whose packages agents list: its name, the source of those packages, and how the system's name begins.
const ECOSYSTEMS: &[(&str, &str, &str)] = &[
    ("Debian", "dpkg", "debian"),
    ("Ubuntu", "dpkg", "ubuntu"),
    ("AlmaLinux", "rpm", "almalinux"),
    ("Rocky Linux", "rpm", "rocky"),
    ("Red Hat", "rpm", "red hat"),
    ("openSUSE", "rpm", "opensuse"),
    ("SUSE", "rpm", "sles"),
];

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vulnerability {
    /// Its number, such as `DSA-5600-1`.
    pub id: String,
    /// What it is, in a line.
    pub summary: String,
    /// Packages concerned.
    pub affected: Vec<Affected>,
}

/// A package concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affected {
    /// Such as `Debian:12`.
    pub ecosystem: String,
    /// Its name there.
    pub package: String,
    /// `(introduced | fixed | last_affected, version)`.
    pub events: Vec<(String, String)>,
    /// Versions named one by one.
    pub versions: BTreeSet<String>,
}

/// What was read of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    /// Entries about packages that agents list.
    pub kept: Vec<Vulnerability>,
    /// Entries about other ecosystems, or withdrawn.
    pub beside: usize,
}

/// Reads a file: one entry, a list of entries, or one entry a line. An error says which line cannot be read.
pub fn read(text: &str) -> Result<Read, String> {
    if text.len() > FILE_MAX {
        return Err(format!("{} bytes, at most {FILE_MAX}: split it", text.len()));
    }
    let entries: Vec<Value> = match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(entries)) => entries,
        Ok(entry) => vec![entry],
        Err(whole) => {
            let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
            let parsed = lines.map(|(n, line)| serde_json::from_str(line).map_err(|e| format!("line {}: {e}", n + 1)));
            let parsed: Result<Vec<Value>, String> = parsed.collect();
            parsed.map_err(|line| format!("this is neither JSON ({whole}) nor one entry a line ({line})"))?
        }
    };
    let mut found = Read::default();
    for value in &entries {
        match entry(value) {
            Some(entry) => found.kept.push(entry),
            None if value.get("id").and_then(Value::as_str).is_some() => found.beside += 1,
            None => return Err("an entry has no « id »: this is not an OSV file".to_owned()),
        }
    }
    Ok(found)
}

fn entry(value: &Value) -> Option<Vulnerability> {
    let text = |value: Option<&Value>, most: usize| {
        let text = value.and_then(Value::as_str).unwrap_or_default();
        text.chars().filter(|c| !c.is_control()).take(most).collect::<String>()
    };
    let id = text(value.get("id"), 80);
    if id.is_empty() || value.get("withdrawn").is_some() {
        return None;
    }
    let list = value.get("affected").and_then(Value::as_array)?;
    let affected: Vec<Affected> = list.iter().filter_map(affected).take(PACKAGES_MAX).collect();
    (!affected.is_empty()).then(|| Vulnerability { id, summary: text(value.get("summary"), 200), affected })
}

fn affected(value: &Value) -> Option<Affected> {
    let package = value.get("package")?;
    let ecosystem = package.get("ecosystem")?.as_str()?;
    ecosystem_of(ecosystem)?;
    let mut events = Vec::new();
    for range in value.get("ranges").and_then(Value::as_array).into_iter().flatten() {
        if range.get("type").and_then(Value::as_str) == Some("GIT") {
            continue;
        }
        for event in range.get("events").and_then(Value::as_array).into_iter().flatten() {
            for kind in ["introduced", "fixed", "last_affected"] {
                if let Some(version) = event.get(kind).and_then(Value::as_str) {
                    events.push((kind.to_owned(), version.chars().take(120).collect()));
                }
            }
        }
    }
    events.truncate(EVENTS_MAX);
    let versions = value.get("versions").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let versions = versions.map(|v| v.chars().take(120).collect()).take(EVENTS_MAX).collect();
    let package = package.get("name")?.as_str()?.chars().take(120).collect();
    Some(Affected { ecosystem: ecosystem.chars().take(60).collect(), package, events, versions })
}

/// Source of packages, how the system's name begins, and its release (empty: any) of an ecosystem.
fn ecosystem_of(ecosystem: &str) -> Option<(&'static str, &'static str, &str)> {
    let (name, release) = ecosystem.split_once(':').unwrap_or((ecosystem, ""));
    let (_, source, system) = ECOSYSTEMS.iter().find(|(known, _, _)| *known == name)?;
    Some((source, system, release.trim_start_matches("Pro:").trim_end_matches(":LTS")))
}

impl Affected {
    /// Whether a version is vulnerable, by the rules of its source (OSV schema, "Evaluation").
    fn holds(&self, source: &str, version: &str) -> bool {
        if self.versions.contains(version) {
            return true;
        }
        let at_least = |limit: &str| limit == "0" || compare(source, version, limit).is_ge();
        let mut ordered: Vec<&(String, String)> = self.events.iter().collect();
        ordered.sort_by(|a, b| match (a.1.as_str(), b.1.as_str()) {
            ("0", "0") => std::cmp::Ordering::Equal,
            ("0", _) => std::cmp::Ordering::Less,
            (_, "0") => std::cmp::Ordering::Greater,
            (a, b) => compare(source, a, b),
        });
        let mut vulnerable = false;
        for (kind, limit) in ordered {
            match kind.as_str() {
                "introduced" if at_least(limit) => vulnerable = true,
                "fixed" if at_least(limit) => vulnerable = false,
                "last_affected" if limit != "0" && compare(source, version, limit).is_gt() => vulnerable = false,
                _ => {}
            }
        }
        vulnerable
    }
}

/// Vulnerable packages of the fleet.
pub fn look(catalogue: &Catalogue, entries: &[Vulnerability]) -> Vec<Found> {
    // Which system, with its release, each machine runs: an entry counts for its own distribution only.
    let mut systems: BTreeMap<u32, (&str, &str)> = BTreeMap::new();
    for (key, program) in catalogue.programs.iter().filter(|(key, _)| key.source == super::catalogue::SYSTEM) {
        for (machine, version) in program.newest_of_each(&key.source) {
            systems.insert(machine, (key.name.as_str(), version));
        }
    }
    let mut found = Vec::new();
    for entry in entries {
        for affected in &entry.affected {
            let Some((source, system, release)) = ecosystem_of(&affected.ecosystem) else { continue };
            let key = super::catalogue::ProgramKey { name: affected.package.to_lowercase(), source: source.to_owned() };
            let Some(program) = catalogue.programs.get(&key) else { continue };
            for (version, machines) in &program.versions {
                if !affected.holds(source, version) {
                    continue;
                }
                let runs = |machine: &&u32| {
                    systems.get(machine).is_some_and(|(name, of)| {
                        let rest = of.strip_prefix(release);
                        name.starts_with(system)
                            && rest.is_some_and(|rest| release.is_empty() || rest.is_empty() || rest.starts_with('.'))
                    })
                };
                let fixed = affected.events.iter().rev().find(|(kind, _)| kind == "fixed");
                found.extend(machines.iter().filter(runs).map(|machine| Found {
                    code: "vulnerable",
                    program: program.name.clone(),
                    version: version.clone(),
                    wanted: fixed.map(|(_, version)| version.clone()).unwrap_or_default(),
                    by: entry.id.clone(),
                    machine: *machine,
                }));
            }
        }
        if found.len() > FOUND_MAX {
            break;
        }
    }
    found.sort();
    found.dedup();
    found.truncate(FOUND_MAX);
    found
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::tests::{holder, package};
    use super::*;
    use vigie_shared::section::Package;

    const ENTRY: &str = r#"{"id": "DSA-1", "summary": "A hole", "affected": [
        {"package": {"ecosystem": "Debian:12", "name": "curl"}, "ranges": [{"type": "ECOSYSTEM",
            "events": [{"introduced": "0"}, {"fixed": "7.88.1-10+deb12u5"}]}]},
        {"package": {"ecosystem": "PyPI", "name": "curl"}, "versions": ["1"]}]}"#;

    fn system(name: &str, version: &str) -> Package {
        Package { source: super::super::catalogue::SYSTEM.into(), ..package(name, version) }
    }

    #[test]
    fn one_entry_a_list_and_lines_are_read_and_other_ecosystems_counted() {
        let line = ENTRY.replace('\n', " ");
        for (text, kept) in
            [(ENTRY.to_owned(), 1), (format!("[{ENTRY}, {ENTRY}]"), 2), (format!("{line}\n\n{line}\n"), 2)]
        {
            assert_eq!(read(&text).unwrap().kept.len(), kept);
        }
        assert_eq!(read(ENTRY).unwrap().kept[0].affected.len(), 1);
        let other = r#"{"id": "X-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "x"}}]}"#;
        assert_eq!(read(other).unwrap(), Read { kept: vec![], beside: 1 });
        let withdrawn = ENTRY.replacen("\"summary\"", "\"withdrawn\": \"2026-01-01T00:00:00Z\", \"summary\"", 1);
        assert_eq!(read(&withdrawn).unwrap().beside, 1);
        assert!(read("{}").unwrap_err().contains("id"));
        assert!(read("{\"id\": 1}\nnot json").unwrap_err().contains("line 2"));
    }

    #[test]
    fn only_versions_in_a_range_on_their_own_distribution_are_vulnerable() {
        let mut fleet = Catalogue::default();
        let debian = |version: &str| system("Debian GNU/Linux", version);
        fleet.add(holder("A", "server", "Nord"), &[package("curl", "7.88.1-10+deb12u4"), debian("12")]);
        fleet.add(holder("B", "server", "Nord"), &[package("curl", "7.88.1-10+deb12u5"), debian("12")]);
        fleet.add(holder("C", "server", "Nord"), &[package("curl", "7.74.0-1"), debian("11")]);
        fleet.add(holder("D", "server", "Nord"), &[package("curl", "7.74.0-1"), system("Ubuntu", "12")]);
        fleet.add(holder("E", "server", "Nord"), &[package("curl", "7.74.0-1")]);
        let found = look(&fleet, &read(ENTRY).unwrap().kept);
        let told: Vec<_> = found.iter().map(|f| (f.machine, f.by.as_str(), f.wanted.as_str())).collect();
        assert_eq!(told, [(0, "DSA-1", "7.88.1-10+deb12u5")]);
    }

    #[test]
    fn ranges_come_and_go() {
        let event = |kind: &str, version: &str| (kind.to_owned(), version.to_owned());
        let events =
            vec![event("introduced", "3"), event("fixed", "2"), event("introduced", "1"), event("last_affected", "4")];
        let affected =
            Affected { ecosystem: "Debian".into(), package: "x".into(), events, versions: ["9".to_owned()].into() };
        let vulnerable: Vec<_> =
            ["0", "1", "1.5", "2", "3", "4", "5", "9"].into_iter().filter(|v| affected.holds("dpkg", v)).collect();
        assert_eq!(vulnerable, ["1", "1.5", "3", "4", "9"]);
    }
}
