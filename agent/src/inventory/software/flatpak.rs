//! Flatpak applications of the whole machine (`/var/lib/flatpak`). Those of a person lie under a home: never read.

use super::Found;
use crate::inventory::tidy;
use crate::source::Source;
use vigie_shared::section::Package;

const FOLDER: &str = "/var/lib/flatpak/app";
/// Most applications read.
const APPS_MAX: usize = 1000;
/// Most bytes of a deployment's description that are looked through.
const DEPLOY_MAX: usize = 256 << 10;

/// Reads the packages.
pub fn read(source: &dyn Source) -> Found {
    let mut found = Found::default();
    let mut names = match source.list(FOLDER) {
        Ok(names) => names,
        Err(why) => {
            found.unreadable(why);
            return found;
        }
    };
    tidy::cap(&mut names, APPS_MAX, FOLDER, &mut found.reasons);
    for name in names {
        let active = format!("{FOLDER}/{name}/current/active");
        match source.read(&format!("{active}/metadata")) {
            Ok(metadata) => {
                let deploy = source.part(&format!("{active}/deploy"), 0, DEPLOY_MAX).unwrap_or_default();
                // `current` leads to the folder ARCHITECTURE/BRANCH.
                let current = source.link(&format!("{FOLDER}/{name}/current")).unwrap_or_default();
                match parse(&metadata, &deploy, &current) {
                    Some(package) => {
                        found.there = true;
                        found.packages.push(package);
                    }
                    None => {
                        found.problem(format!("{FOLDER}: the metadata of one application lack its name or version"))
                    }
                }
            }
            Err(why) => found.unreadable(why),
        }
    }
    found
}

/// The application of a deployment: `metadata` is a key file, `deploy` a GVariant in which appstream's name and version
/// stand as texts; without that the branch (`stable`) is all that is known of the version.
pub fn parse(metadata: &[u8], deploy: &[u8], current: &str) -> Option<Package> {
    let text = String::from_utf8_lossy(metadata);
    let mut lines = text.lines().skip_while(|line| line.trim() != "[Application]").skip(1);
    let id = lines.by_ref().take_while(|line| !line.starts_with('[')).find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "name").then(|| tidy::text(value))?
    })?;
    let mut parts = current.trim_matches('/').rsplit('/');
    let branch = parts.next().and_then(tidy::text);
    Some(Package {
        name: appstream(deploy, b"appdata-name").unwrap_or_else(|| id.clone()),
        version: appstream(deploy, b"appdata-version").or(branch)?,
        architecture: parts.next().and_then(tidy::text),
        source: "flatpak".into(),
        key: Some(id),
        ..Package::default()
    })
}

/// A text of a dictionary in GVariant form: key, NUL, padding to eight bytes, text, NUL.
fn appstream(deploy: &[u8], key: &[u8]) -> Option<String> {
    let at = deploy.windows(key.len() + 1).position(|window| window.strip_prefix(key) == Some(&[0]))?;
    let rest = deploy.get(at + key.len()..)?;
    let padding = rest.iter().take(9).position(|byte| *byte != 0)?;
    let value = rest.get(padding..)?.split(|byte| *byte == 0).next()?;
    tidy::text(std::str::from_utf8(value).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::fixture::Fake;

    const METADATA: &str =
        "[Application]\nname=org.exemple.Dessin\nruntime=org.exemple.Platform/x86_64/24.08\n[Context]\nname=no\n";

    fn machine(deploy: &[u8]) -> Fake {
        let active = "/var/lib/flatpak/app/org.exemple.Dessin/current/active";
        Fake::default()
            .symlink("/var/lib/flatpak/app/org.exemple.Dessin/current", "x86_64/stable")
            .file(&format!("{active}/metadata"), METADATA)
            .file(&format!("{active}/deploy"), deploy)
    }

    #[test]
    fn an_application_has_its_identifier_name_and_version() {
        let found = read(&machine(b"flathub\0....appdata-name\0\0\0\0Dessin\0\0s..appdata-version\0\x003.2.1\0\0s"));
        let package = &found.packages[0];
        assert_eq!((package.name.as_str(), package.version.as_str()), ("Dessin", "3.2.1"));
        assert_eq!(package.key.as_deref(), Some("org.exemple.Dessin"));
        assert_eq!(package.architecture.as_deref(), Some("x86_64"));
    }

    #[test]
    fn without_appstream_the_branch_is_the_version() {
        let found = read(&machine(b"rubbish"));
        assert_eq!(found.packages[0].version, "stable");
        assert_eq!(found.packages[0].name, "org.exemple.Dessin");
        assert!(!read(&Fake::default()).there);
    }
}
