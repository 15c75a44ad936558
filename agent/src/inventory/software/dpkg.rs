//! Packages of dpkg (`/var/lib/dpkg/status`, and `status.d` of minimal images).
//!
//! A list that is not whole must never pass for a whole one: the collector would read removals into it.

use super::Found;
use crate::inventory::tidy;
use crate::source::{Source, Unreadable};
use vigie_shared::section::Package;

const STATUS: &str = "/var/lib/dpkg/status";
const STATUS_FOLDER: &str = "/var/lib/dpkg/status.d";
/// States in which the files of a package are there and in use (`dpkg(1)`).
const INSTALLED: [&[u8]; 3] = [b"installed", b"triggers-awaited", b"triggers-pending"];

/// What a file of paragraphs says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Installed packages in the order of the file.
    pub packages: Vec<Package>,
    /// Paragraphs that lack a name or a version.
    pub broken: usize,
    /// Whether the last paragraph lacks the blank line that dpkg writes after each.
    pub cut: bool,
}

/// Reads the packages.
pub fn read(source: &dyn Source) -> Found {
    let mut found = Found::default();
    // dpkg replaces the file as a whole, but others (image tools, a full disk) do not: ask twice before believing.
    let status = read_status(source).and_then(|first| if is_whole(&first) { Ok(first) } else { read_status(source) });
    match status {
        Ok(parsed) if parsed == Parsed::default() => {
            found.problem(format!("{STATUS} is empty: it is being rewritten or damaged"))
        }
        Ok(parsed) => {
            if parsed.cut {
                found.problem(format!("{STATUS} ends in the middle of a paragraph: it is being rewritten or damaged"));
            }
            add(parsed, STATUS, &mut found);
        }
        Err(why) => found.unreadable(why),
    }
    match source.list(STATUS_FOLDER) {
        Ok(names) => {
            for name in names.iter().filter(|name| !name.ends_with(".md5sums")) {
                let path = format!("{STATUS_FOLDER}/{name}");
                match source.read(&path) {
                    Ok(bytes) => add(parse_status(&bytes), &path, &mut found),
                    Err(why) => found.problem(why.to_string()),
                }
            }
        }
        Err(why) => found.unreadable(why),
    }
    found
}

/// Reads and parses; the bytes are gone when the packages are kept.
fn read_status(source: &dyn Source) -> Result<Parsed, Unreadable> {
    source.read(STATUS).map(|bytes| parse_status(&bytes))
}

fn is_whole(parsed: &Parsed) -> bool {
    !parsed.cut && parsed.broken == 0 && !parsed.packages.is_empty()
}

fn add(parsed: Parsed, path: &str, found: &mut Found) {
    if parsed.broken > 0 {
        found.problem(format!("{path}: {} paragraphs lack a name or a version", parsed.broken));
    }
    found.there = true;
    found.packages.extend(parsed.packages);
}

/// Reads paragraphs of fields (Debian policy, 5.1) without copying the text; continuation lines are skipped.
pub fn parse_status(bytes: &[u8]) -> Parsed {
    let mut parsed = Parsed { cut: !bytes.is_empty() && !bytes.ends_with(b"\n\n"), ..Parsed::default() };
    let mut paragraph = Paragraph::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        if line.is_empty() {
            std::mem::take(&mut paragraph).end(&mut parsed);
        } else {
            paragraph.line(line);
        }
    }
    paragraph.end(&mut parsed);
    parsed
}

/// The fields of one paragraph that matter.
#[derive(Default)]
struct Paragraph<'a> {
    any: bool,
    name: &'a [u8],
    version: &'a [u8],
    architecture: &'a [u8],
    maintainer: &'a [u8],
    installed_size: &'a [u8],
    status: Option<&'a [u8]>,
}

impl<'a> Paragraph<'a> {
    fn line(&mut self, line: &'a [u8]) {
        self.any = true;
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return };
        let (key, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        match key {
            b"Package" => self.name = value,
            b"Version" => self.version = value,
            b"Architecture" => self.architecture = value,
            b"Maintainer" => self.maintainer = value,
            b"Installed-Size" => self.installed_size = value,
            b"Status" => self.status = Some(value),
            _ => {}
        }
    }

    fn end(self, parsed: &mut Parsed) {
        // Paragraphs of status.d have no state: what is in the image is installed.
        let state = self.status.map(|status| status.rsplit(|byte| *byte == b' ').next().unwrap_or_default());
        if !self.any || state.is_some_and(|state| !INSTALLED.contains(&state)) {
            return;
        }
        let text = |bytes: &[u8]| tidy::text(&String::from_utf8_lossy(bytes));
        let (Some(name), Some(version)) = (text(self.name), text(self.version)) else {
            parsed.broken += 1;
            return;
        };
        let kib = std::str::from_utf8(self.installed_size).ok().and_then(|size| size.parse::<u64>().ok());
        parsed.packages.push(Package {
            name,
            version,
            architecture: text(self.architecture),
            source: "dpkg".into(),
            publisher: super::publisher(self.maintainer),
            size_bytes: kib.and_then(|kib| kib.checked_mul(1024)),
            ..Package::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::fixture::Fake;
    use crate::inventory::software::collect;
    use proptest::prelude::*;
    use vigie_shared::limits::SECTION_MAX;
    use vigie_shared::outcome::Outcome;

    const TWO: &str = "Package: zlib1g\nStatus: install ok installed\nInstalled-Size: 165\n\
        Maintainer: Équipe Compression <liste@exemple.test>\nArchitecture: amd64\nMulti-Arch: same\n\
        Version: 1:1.2.13.dfsg-1\nConffiles:\n /etc/zlib.conf 0123\n Package: trap\nDescription: library\n\n\
        Package: adduser\nStatus: install ok installed\nVersion: 3.134\nArchitecture: all\n\n\
        Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n";

    #[test]
    fn installed_packages_are_listed_without_mail_address() {
        let parsed = parse_status(TWO.as_bytes());
        assert_eq!((parsed.packages.len(), parsed.broken, parsed.cut), (2, 0, false));
        let expected = Package {
            name: "zlib1g".into(),
            version: "1:1.2.13.dfsg-1".into(),
            architecture: Some("amd64".into()),
            source: "dpkg".into(),
            publisher: Some("Équipe Compression".into()),
            size_bytes: Some(165 * 1024),
            ..Package::default()
        };
        assert_eq!(parsed.packages[0], expected);
    }

    #[test]
    fn the_section_is_sorted() {
        let Outcome::Complete { data } = collect(&Fake::default().file(STATUS, TWO)) else { panic!("complete") };
        let names: Vec<_> = data.packages.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["adduser", "zlib1g"]);
    }

    #[test]
    fn a_bare_address_is_no_publisher() {
        let parsed = parse_status(b"Package: a\nVersion: 1\nMaintainer: jean@exemple.test\n\n");
        assert_eq!(parsed.packages[0].publisher, None);
    }

    #[test]
    fn a_list_cut_anywhere_but_between_paragraphs_is_never_complete() {
        let installed = "Package: a\nStatus: install ok installed\nVersion: 1.25\nArchitecture: all\n\n";
        for cut in 1..installed.len() {
            let text = format!("{TWO}{}", &installed[..cut]);
            let outcome = collect(&Fake::default().file(STATUS, &text));
            assert_eq!(outcome.word(), "partial", "cut at {cut}: {outcome:?}");
        }
    }

    #[test]
    fn an_empty_denied_or_missing_database_is_unavailable_and_says_why() {
        let empty = collect(&Fake::default().file(STATUS, ""));
        assert!(empty.data().is_none() && empty.reasons()[0].contains("is empty"), "{empty:?}");
        let denied = collect(&Fake::default().denied(STATUS));
        assert!(denied.data().is_none() && denied.reasons()[0].contains("run as root"), "{denied:?}");
        let missing = collect(&Fake::default());
        assert!(missing.data().is_none() && missing.reasons()[0].contains("exists here"), "{missing:?}");
    }

    #[test]
    fn minimal_images_keep_one_file_a_package() {
        let source = Fake::default()
            .file("/var/lib/dpkg/status.d/base", "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n")
            .file("/var/lib/dpkg/status.d/base.md5sums", "0123 usr/share/x\n");
        let Outcome::Complete { data } = collect(&source) else { panic!("complete") };
        assert_eq!(data.packages[0].name, "base-files");
    }

    #[test]
    fn a_list_too_long_for_a_section_is_cut_and_says_so() {
        let text: String = (0..60_000).map(|n| format!("Package: p{n:05}\nVersion: 1\n\n")).collect();
        let outcome = collect(&Fake::default().file(STATUS, text));
        assert!(outcome.reasons()[0].starts_with("only the first "), "{:?}", outcome.reasons());
        assert!(serde_json::to_vec(&outcome).unwrap().len() <= SECTION_MAX);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            let _ = parse_status(&bytes);
        }

        #[test]
        fn no_field_holds_a_mail_address(maintainer in "[a-z <>@.]{0,40}") {
            let parsed = parse_status(format!("Package: a\nVersion: 1\nMaintainer: {maintainer}\n\n").as_bytes());
            prop_assert!(!parsed.packages[0].publisher.as_deref().unwrap_or_default().contains('@'));
        }
    }
}
