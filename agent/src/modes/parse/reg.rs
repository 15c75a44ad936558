//! `parse reg`: keys and values of an export of the Windows registry, and the programs that it lists.

use crate::inventory::registry::{Export, Value};
use crate::inventory::software::{appx, uninstall};
use serde::Serialize;
use std::collections::BTreeMap;
use vigie_shared::section::Package;

/// What is understood of an export.
#[derive(Serialize)]
pub struct Understood<'a> {
    /// Path → name → value. The default value has no name.
    keys: BTreeMap<&'a str, BTreeMap<&'a str, &'a Value>>,
    /// Programs that Windows shows, and Appx packages.
    software: Vec<Package>,
    /// What is not understood.
    problems: &'a [String],
}

/// What an export says.
pub fn understood(export: &Export) -> Understood<'_> {
    let mut software = uninstall::programs(export);
    software.extend(appx::packages(export));
    let mut keys: BTreeMap<&str, BTreeMap<&str, &Value>> = BTreeMap::new();
    for key in &export.keys {
        let values = keys.entry(&key.path).or_default();
        values.extend(key.values.iter().map(|(name, value)| (name.as_str(), value)));
    }
    Understood { keys, software, problems: &export.problems }
}

#[cfg(test)]
mod tests {
    use super::understood;
    use crate::inventory::registry;

    #[test]
    fn an_export_tells_its_keys_the_programs_and_what_is_not_understood() {
        let export = "Windows Registry Editor Version 5.00\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\K]\n\
            \"DisplayName\"=\"Editeur\"\n\"DisplayVersion\"=\"1.2\"\nrubbish\n";
        let export = registry::parse(export.as_bytes());
        let json = serde_json::to_value(understood(&export)).unwrap();
        assert_eq!(json["software"][0]["version"], "1.2");
        assert_eq!(json["keys"].as_object().unwrap().len(), 1);
        assert!(json["problems"][0].as_str().unwrap().starts_with("1 lines"), "{json}");
    }
}
