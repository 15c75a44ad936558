//! Programs of Windows, from the uninstall keys of the registry in both views. Never `Win32_Product` (it repairs
//! packages while it looks), never a person's hive.

use super::publisher;
use crate::inventory::registry::{Export, Key, Value};
use crate::inventory::tidy;
use vigie_shared::section::Package;

/// Where every program that can be uninstalled has a key, below `HKEY_LOCAL_MACHINE`.
const UNINSTALL: &str = "\\microsoft\\windows\\currentversion\\uninstall\\";
/// Part of the path in the view of 32-bit programs.
const VIEW_32: &str = "\\wow6432node\\";

/// The programs that Windows itself shows: not its components (`SystemComponent`), not updates of a program
/// (`ParentKeyName`, `ReleaseType`), nothing without a name.
pub fn programs(export: &Export) -> Vec<Package> {
    let both_views = export.keys.iter().any(|key| key.path.to_ascii_lowercase().contains(VIEW_32));
    let mut packages: Vec<Package> = export.keys.iter().filter_map(|key| program(key, both_views)).collect();
    crate::sort::sort(&mut packages);
    packages.dedup();
    packages
}

fn program(key: &Key, both_views: bool) -> Option<Package> {
    let path = key.path.to_ascii_lowercase();
    if !path.starts_with("hkey_local_machine\\") {
        return None;
    }
    let at = path.find(UNINSTALL)? + UNINSTALL.len();
    // Lower case of ASCII keeps every length.
    let id = key.path.get(at..).filter(|id| !id.is_empty() && !id.contains('\\'))?;
    let name = tidy::text(key.text("DisplayName")?).filter(|name| tidy::impersonal(name))?;
    if is_hidden(key) {
        return None;
    }
    let architecture = match path.contains(VIEW_32) {
        true => Some("x86"),
        false => both_views.then_some("x64"),
    };
    Some(Package {
        name,
        version: version(key).unwrap_or_default(),
        architecture: architecture.map(str::to_owned),
        source: "windows".into(),
        publisher: key.text("Publisher").and_then(|text| publisher(text.as_bytes())),
        // Kibibytes.
        size_bytes: key.number("EstimatedSize").filter(|size| *size > 0).and_then(|size| size.checked_mul(1024)),
        key: tidy::text(id).filter(|id| tidy::impersonal(id)),
        install_date: key.text("InstallDate").and_then(day),
        category: None,
    })
}

/// What Windows does not show in its list of programs.
fn is_hidden(key: &Key) -> bool {
    let filled = |name: &str| key.text(name).is_some_and(|text| !text.trim().is_empty());
    key.number("SystemComponent") == Some(1)
        || filled("ParentKeyName")
        || filled("ParentDisplayName")
        || key.text("ReleaseType").is_some_and(is_update)
}

fn is_update(release: &str) -> bool {
    let release = release.to_ascii_lowercase();
    ["update", "hotfix", "service pack", "security"].iter().any(|word| release.contains(word))
}

/// As displayed, else from the numbers that Windows Installer writes.
fn version(key: &Key) -> Option<String> {
    let shown = key.text("DisplayVersion").and_then(tidy::text);
    shown.or_else(|| match (key.value("VersionMajor")?, key.value("VersionMinor")) {
        (Value::Number(major), Some(Value::Number(minor))) => Some(format!("{major}.{minor}")),
        (Value::Number(major), _) => Some(major.to_string()),
        (Value::Text(major), _) => tidy::text(major),
        _ => None,
    })
}

/// `20240131`, as Windows Installer writes it; other writings are not certain.
fn day(text: &str) -> Option<String> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i16>().ok();
    let small = |from: usize, to: usize| i8::try_from(number(from, to)?).ok();
    if text.len() != 8 {
        return None;
    }
    jiff::civil::Date::new(number(0, 4)?, small(4, 6)?, small(6, 8)?).ok().map(|date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::registry::parse;

    const ROOT: &str = "HKEY_LOCAL_MACHINE\\SOFTWARE";
    const PLACE: &str = "Microsoft\\Windows\\CurrentVersion\\Uninstall";

    fn export(keys: &[(&str, &str)]) -> Export {
        let mut text = "Windows Registry Editor Version 5.00\n".to_owned();
        for (path, values) in keys {
            text.push_str(&format!("\n[{path}]\n{values}\n"));
        }
        parse(text.as_bytes())
    }

    #[test]
    fn both_views_are_read_and_told_apart() {
        let values = "\"DisplayName\"=\"Éditeur\"\n\"DisplayVersion\"=\"8.6.2\"\n\"Publisher\"=\"Équipe\"\n\
            \"EstimatedSize\"=dword:00000400\n\"InstallDate\"=\"20240131\"";
        let found = programs(&export(&[
            (&format!("{ROOT}\\{PLACE}\\{{GUID}}"), values),
            (&format!("{ROOT}\\WOW6432Node\\{PLACE}\\Editeur"), values),
        ]));
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].architecture.as_deref(), Some("x64"));
        assert_eq!(found[0].key.as_deref(), Some("{GUID}"));
        assert_eq!(found[0].size_bytes, Some(1 << 20));
        assert_eq!(found[0].install_date.as_deref(), Some("2024-01-31"));
        assert_eq!(found[1].architecture.as_deref(), Some("x86"));
    }

    #[test]
    fn what_windows_hides_is_hidden_here_too() {
        let key = |n: usize| format!("{ROOT}\\{PLACE}\\K{n}");
        let found = programs(&export(&[
            (&key(0), "\"DisplayName\"=\"Shown\""),
            (&key(1), "\"DisplayName\"=\"Component\"\n\"SystemComponent\"=dword:00000001"),
            (&key(2), "\"DisplayName\"=\"Patch\"\n\"ParentKeyName\"=\"K0\""),
            (&key(3), "\"DisplayName\"=\"KB5000\"\n\"ReleaseType\"=\"Security Update\""),
            (&key(4), "\"DisplayVersion\"=\"1\""),
            (&key(5), "\"DisplayName\"=\"\""),
            (&format!("{}\\Deeper", key(0)), "\"DisplayName\"=\"Inside\""),
            (&format!("HKEY_CURRENT_USER\\SOFTWARE\\{PLACE}\\Own"), "\"DisplayName\"=\"A person's own\""),
            (&format!("HKEY_USERS\\S-1-5-21-1\\SOFTWARE\\{PLACE}\\Own"), "\"DisplayName\"=\"A person's own\""),
        ]));
        assert_eq!(found.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["Shown"]);
    }

    #[test]
    fn dates_that_cannot_be_and_paths_of_persons_are_left_out() {
        let values = "\"DisplayName\"=\"X\"\n\"InstallDate\"=\"20241331\"\n\"InstallLocation\"=\"C:\\\\Users\\\\jean\"\n\
            \"VersionMajor\"=dword:00000003\n\"VersionMinor\"=dword:00000001";
        let found = programs(&export(&[(&format!("{ROOT}\\{PLACE}\\K"), values)]));
        assert_eq!((found[0].install_date.as_deref(), found[0].version.as_str()), (None, "3.1"));
        assert!(!serde_json::to_string(&found).unwrap().contains("jean"));
    }

    #[test]
    fn a_real_export_lists_its_programs() {
        let folder = std::env::var("VIGIE_FIXTURES").unwrap_or_else(|_| "../../shared/fixtures".into());
        let Ok(bytes) = std::fs::read(format!("{folder}/windows-registry/mssql-Uninstall.reg")) else {
            eprintln!("skipped: no recordings");
            return;
        };
        let found = programs(&parse(&bytes));
        let server = found.iter().find(|p| p.name == "Microsoft SQL Server 2017").unwrap();
        assert_eq!((server.version.as_str(), server.publisher.as_deref()), ("17.77.6700.34", Some("Microsoft")));
    }
}
