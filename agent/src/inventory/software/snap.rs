//! Snaps, from the description inside each one that is mounted (`/snap/NAME/current/meta/snap.yaml`).

use super::Found;
use crate::inventory::tidy;
use crate::source::Source;
use vigie_shared::section::Package;

/// Where snaps are mounted; distributions without `/snap` use the second.
const FOLDERS: [&str; 2] = ["/snap", "/var/lib/snapd/snap"];
/// Most snaps read.
const SNAPS_MAX: usize = 1000;

/// Reads the packages.
pub fn read(source: &dyn Source) -> Found {
    let mut found = Found::default();
    for folder in FOLDERS {
        let mut names = match source.list(folder) {
            Ok(names) => names,
            Err(why) => {
                found.unreadable(why);
                continue;
            }
        };
        names.retain(|name| name != "README" && name != "bin");
        tidy::cap(&mut names, SNAPS_MAX, folder, &mut found.reasons);
        for name in names {
            match source.read(&format!("{folder}/{name}/current/meta/snap.yaml")) {
                Ok(bytes) => match parse(&bytes) {
                    Some(package) => {
                        found.there = true;
                        found.packages.push(package);
                    }
                    None => found.problem(format!("{folder}: the description of one snap lacks a name or a version")),
                },
                Err(why) => found.unreadable(why),
            }
        }
        // The second is the same place under another name.
        if found.there {
            break;
        }
    }
    found
}

/// The fields at the left margin of a `snap.yaml`; everything deeper is about its applications.
pub fn parse(bytes: &[u8]) -> Option<Package> {
    let text = String::from_utf8_lossy(bytes);
    let field = |wanted: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(wanted)?.strip_prefix(':'))?;
        let value = value.split(" #").next().unwrap_or_default().trim();
        tidy::text(value.trim_matches(['"', '\'']))
    };
    let architecture = text.lines().skip_while(|line| !line.starts_with("architectures:")).nth(1);
    let architecture =
        architecture.and_then(|line| line.trim().strip_prefix('-')).map(|word| word.trim().trim_matches(['"', '\'']));
    Some(Package {
        name: field("name")?,
        version: field("version")?,
        architecture: architecture.and_then(tidy::text),
        source: "snap".into(),
        ..Package::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::fixture::Fake;

    const YAML: &str = "name: firefox\nversion: '140.0.2-1' # built\nsummary: web\narchitectures:\n- amd64\napps:\n  firefox:\n    version: no\n";

    #[test]
    fn a_mounted_snap_is_listed_once_with_its_version() {
        let machine = Fake::default()
            .file("/snap/README", "x")
            .file("/snap/bin/firefox", "x")
            .file("/snap/firefox/current/meta/snap.yaml", YAML)
            .file("/var/lib/snapd/snap/firefox/current/meta/snap.yaml", YAML);
        let found = read(&machine);
        assert_eq!((found.packages.len(), found.reasons.len()), (1, 0));
        let snap = &found.packages[0];
        assert_eq!((snap.name.as_str(), snap.version.as_str()), ("firefox", "140.0.2-1"));
        assert_eq!(snap.architecture.as_deref(), Some("amd64"));
    }

    #[test]
    fn a_description_without_version_is_said() {
        let found = read(&Fake::default().file("/snap/a/current/meta/snap.yaml", "name: a\n"));
        assert!(found.packages.is_empty() && found.reasons[0].contains("lacks a name or a version"));
        assert!(!read(&Fake::default()).there);
    }
}
