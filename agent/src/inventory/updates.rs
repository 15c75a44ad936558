//! The section `updates`: what waits to be installed, as far as the machine knows without asking anybody.
//!
//! Lists of a whole distribution are tens of megabytes: what they tell is left to those who refresh them
//! (`update-notifier`). The lists of *security* updates are small and are compared with what is installed.

use super::{software, tidy};
use crate::source::{Source, Unreadable};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Package, PendingUpdate, Updates};
use vigie_shared::version::dpkg;

const LISTS: &str = "/var/lib/apt/lists";
/// What Ubuntu's notifier writes after each refresh.
const NOTIFIER: &str = "/var/lib/update-notifier/updates-available";
/// There when an update asks for a restart (`/var/run` is the same place).
const REBOOT: &str = "/run/reboot-required";
/// Most bytes of one list.
const LIST_MAX: usize = 24 << 20;
/// Bytes fetched at once.
const WINDOW: usize = 256 << 10;
/// Most updates named.
const NAMED_MAX: usize = 1000;

/// Reads the section.
pub fn collect(source: &dyn Source) -> Outcome<Updates> {
    let mut reasons = Vec::new();
    let mut updates = Updates::default();
    let notified = source.text(NOTIFIER).ok().map(|text| parse_notifier(&text)).unwrap_or_default();
    (updates.all, updates.security) = notified;
    let names = match source.list(LISTS) {
        Ok(names) => names,
        Err(Unreadable::Missing(_)) if notified == (None, None) => {
            return Outcome::unavailable("which updates wait is not known: this agent reads the lists of apt only");
        }
        Err(Unreadable::Missing(_)) => Vec::new(),
        Err(why) => {
            reasons.push(why.to_string());
            Vec::new()
        }
    };
    let security: Vec<&String> =
        names.iter().filter(|name| name.contains("-security") && name.contains("_Packages")).collect();
    let packed = security.iter().any(|name| !name.ends_with("_Packages"));
    if packed {
        reasons.push(format!("security updates: the lists in {LISTS} are compressed, which this agent does not read"));
    } else if security.is_empty() && updates.security.is_none() {
        reasons.push(format!("security updates: no list of them in {LISTS} (run apt update, or no source has any)"));
    } else if !security.is_empty() {
        let found = compare(source, &security, &mut reasons);
        updates.security = u32::try_from(found.len()).ok();
        updates.packages = found;
        tidy::cap(&mut updates.packages, NAMED_MAX, "security updates", &mut reasons);
    }
    updates.lists_of = source.modified_s(LISTS).and_then(tidy::day);
    updates.reboot_required = reboot_required(source);
    Outcome::from_parts(updates, reasons)
}

/// Whether an update asks for a restart; nothing where no such mark is kept.
fn reboot_required(source: &dyn Source) -> Option<bool> {
    match source.part(REBOOT, 0, 1) {
        Ok(_) => Some(true),
        Err(Unreadable::Missing(_)) => source.list("/run").is_ok().then_some(false),
        Err(_) => None,
    }
}

/// Numbers of the notifier: all, and those of them for security. Its sentences are translated; the numbers lead them.
pub fn parse_notifier(text: &str) -> (Option<u32>, Option<u32>) {
    let mut numbers = text.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok());
    (numbers.next(), numbers.next())
}

/// Installed packages for which a list has a newer version, sorted.
fn compare(source: &dyn Source, lists: &[&String], reasons: &mut Vec<String>) -> Vec<PendingUpdate> {
    let installed = software::read_dpkg(source).packages;
    let mut newest: BTreeMap<&str, (&Package, String)> = BTreeMap::new();
    let known: BTreeMap<&str, &Package> =
        crate::sort::map(installed.iter().map(|package| (package.name.as_str(), package)));
    for list in lists {
        let read = offers(source, &format!("{LISTS}/{list}"), &mut |name, version| {
            let Some((name, package)) = known.get_key_value(name) else { return };
            let best = newest.get(name).map_or(package.version.as_str(), |(_, version)| version);
            if dpkg::compare(best, version) == Ordering::Less {
                newest.insert(name, (package, version.to_owned()));
            }
        });
        if let Err(why) = read {
            reasons.push(why);
        }
    }
    let update = |(name, (package, available)): (&str, (&Package, String))| PendingUpdate {
        name: name.to_owned(),
        installed: package.version.clone(),
        available,
    };
    newest.into_iter().map(update).collect()
}

/// Hands over name and version of every package of a list, which is read in pieces.
fn offers(source: &dyn Source, path: &str, each: &mut dyn FnMut(&str, &str)) -> Result<(), String> {
    let (mut rest, mut name, mut offset) = (Vec::new(), String::new(), 0usize);
    loop {
        let piece =
            source.part(path, u64::try_from(offset).unwrap_or(u64::MAX), WINDOW).map_err(|why| why.to_string())?;
        offset = offset.saturating_add(piece.len());
        if offset > LIST_MAX {
            return Err(format!("{path} is larger than the agent reads ({LIST_MAX} bytes)"));
        }
        let last = piece.len() < WINDOW;
        rest.extend(piece);
        // A line that is not whole waits for the next piece.
        let end = if last { rest.len() } else { rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1) };
        for line in rest.get(..end).unwrap_or_default().split(|byte| *byte == b'\n') {
            let field =
                |key: &[u8]| line.strip_prefix(key).and_then(|value| std::str::from_utf8(value.trim_ascii()).ok());
            if let Some(value) = field(b"Package:") {
                name = value.to_owned();
            } else if let Some(version) = field(b"Version:") {
                each(&name, version);
            }
        }
        rest.drain(..end);
        if last {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::fixture::Fake;
    use proptest::prelude::*;

    const LIST: &str =
        "/var/lib/apt/lists/deb.exemple.test_debian-security_dists_bookworm-security_main_binary-amd64_Packages";

    fn machine() -> Fake {
        Fake::default().file("/run/x", "").file(
            "/var/lib/dpkg/status",
            "Package: a\nStatus: install ok installed\nVersion: 1.0-1\n\nPackage: b\nStatus: install ok installed\nVersion: 2\n\n",
        )
    }

    #[test]
    fn newer_versions_of_what_is_installed_wait() {
        let list = "Package: a\nVersion: 1.0-1+deb12u2\n\nPackage: a\nVersion: 1.0-1+deb12u10\n\nPackage: b\nVersion: 2~rc\n\nPackage: c\nVersion: 9\n";
        let Outcome::Complete { data } = collect(&machine().file(LIST, list)) else { panic!("complete") };
        assert_eq!((data.security, data.reboot_required), (Some(1), Some(false)));
        assert_eq!(data.packages[0].available, "1.0-1+deb12u10");
        let restart = collect(&machine().file(LIST, list).file(REBOOT, "x"));
        assert_eq!(restart.data().unwrap().reboot_required, Some(true));
    }

    #[test]
    fn lists_in_many_pieces_are_read_whole() {
        let mut list: String =
            (0..20_000).map(|n| format!("Package: p{n}\nVersion: {n}\nDescription: x\n\n")).collect();
        list.push_str("Package: b\nVersion: 3\n\n");
        assert!(list.len() > 2 * WINDOW);
        assert_eq!(collect(&machine().file(LIST, list)).data().unwrap().packages[0].name, "b");
    }

    #[test]
    fn what_is_not_known_is_said_and_never_zero() {
        let packed = collect(&machine().file(&format!("{LIST}.lz4"), "x"));
        assert!(packed.data().unwrap().security.is_none() && packed.reasons()[0].contains("compressed"), "{packed:?}");
        assert_eq!(collect(&machine()).word(), "unavailable");
        let notified = collect(&machine().file(NOTIFIER, "\n12 mises à jour\n3 de sécurité\n"));
        assert_eq!((notified.data().unwrap().all, notified.data().unwrap().security), (Some(12), Some(3)));
    }

    proptest! {
        #[test]
        fn any_list_is_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in any::<String>()) {
            let _ = collect(&machine().file(LIST, bytes).file(NOTIFIER, text));
        }
    }
}
