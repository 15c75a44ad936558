//! Appx and MSIX packages of Windows, from their full names, which are the names of keys in the registry:
//! `Name_Version_Architecture_ResourceId_PublisherId` ("Package identity", Windows app documentation).

use crate::inventory::registry::Export;
use crate::inventory::tidy;
use vigie_shared::section::Package;

/// Keys whose children are named so: packages of the whole machine, without the people who use them.
const PLACES: [&str; 2] =
    ["\\currentversion\\appx\\appxalluserstore\\applications\\", "\\currentversion\\appx\\appxalluserstore\\staged\\"];

/// The packages of an export.
pub fn packages(export: &Export) -> Vec<Package> {
    let full_name = |path: &str| {
        let lower = path.to_ascii_lowercase();
        let place = PLACES.iter().find_map(|place| Some(lower.find(place)? + place.len()))?;
        path.get(place..)?.split('\\').next().and_then(parse)
    };
    let machine = export.keys.iter().filter(|key| key.path.to_ascii_lowercase().starts_with("hkey_local_machine\\"));
    let mut packages: Vec<Package> = machine.filter_map(|key| full_name(&key.path)).collect();
    crate::sort::sort(&mut packages);
    packages.dedup();
    packages
}

/// The package of a full name; nothing for parts of one (languages, scales) and for what is no full name.
pub fn parse(full_name: &str) -> Option<Package> {
    let parts: Vec<&str> = full_name.split('_').collect();
    let [name, version, architecture, resource, publisher] = parts.as_slice() else { return None };
    let numbers = version.split('.').filter(|part| part.parse::<u16>().is_ok()).count();
    let known = ["x86", "x64", "arm", "arm64", "neutral"].iter().any(|known| architecture.eq_ignore_ascii_case(known));
    let identifier = publisher.len() == 13 && publisher.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let characters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    if numbers != 4 || !known || !identifier || resource.starts_with("split.") || !name.bytes().all(characters) {
        return None;
    }
    Some(Package {
        name: tidy::text(name)?,
        version: (*version).to_owned(),
        architecture: Some(architecture.to_ascii_lowercase()),
        source: "appx".into(),
        key: Some(format!("{name}_{publisher}")),
        ..Package::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_name_is_taken_apart() {
        let package = parse("Microsoft.WindowsCalculator_11.2405.2.0_x64__8wekyb3d8bbwe").unwrap();
        assert_eq!((package.name.as_str(), package.version.as_str()), ("Microsoft.WindowsCalculator", "11.2405.2.0"));
        assert_eq!(package.key.as_deref(), Some("Microsoft.WindowsCalculator_8wekyb3d8bbwe"));
        assert!(parse("Microsoft.X_1.0.0.0_neutral_~_8wekyb3d8bbwe").is_some());
    }

    #[test]
    fn parts_and_other_names_are_no_packages() {
        for name in [
            "Microsoft.X_1.0.0.0_neutral_split.language-fr_8wekyb3d8bbwe",
            "Microsoft.X_1.0.0_x64__8wekyb3d8bbwe",
            "Microsoft.X_1.0.0.0_x64__short",
            "Microsoft.X_1.0.0.0_vax__8wekyb3d8bbwe",
            "C:\\Users\\jean_1.0.0.0_x64__8wekyb3d8bbwe",
            "_____",
            "",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    #[test]
    fn packages_of_the_machine_are_listed_and_those_of_a_person_are_not() {
        let text = "Windows Registry Editor Version 5.00\n\
            [HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Appx\\AppxAllUserStore\\Applications\\A.B_1.2.3.4_x64__8wekyb3d8bbwe]\n\
            [HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Appx\\AppxAllUserStore\\S-1-5-21-1\\C.D_1.2.3.4_x64__8wekyb3d8bbwe]\n";
        let found = packages(&crate::inventory::registry::parse(text.as_bytes()));
        assert_eq!(found.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["A.B"]);
    }
}
