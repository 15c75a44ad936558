//! The header of one package as rpm keeps it in its database (rpm file format, "Header Structure" without the
//! introduction): a table of tags, then what they hold. Numbers are big-endian.

use super::publisher;
use crate::inventory::tidy;
use vigie_shared::section::Package;

const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const INSTALL_TIME: u32 = 1008;
const SIZE: u32 = 1009;
const VENDOR: u32 = 1011;
const ARCHITECTURE: u32 = 1022;
const LONG_SIZE: u32 = 5009;
/// Most tags of one header (rpm's own bound).
const TAGS_MAX: usize = 0xFFFF;

/// The package of a header; nothing when it lacks a name or a version, or its table cannot be true.
pub fn parse(header: &[u8]) -> Option<Package> {
    let tags = usize::try_from(word(header, 0)?).ok()?;
    if tags > TAGS_MAX {
        return None;
    }
    let table = header.get(8..8 + tags * 16)?;
    let data = header.get(8 + tags * 16..)?;
    let find = |wanted: u32| {
        let entry = table.chunks_exact(16).find(|entry| word(entry, 0) == Some(wanted))?;
        data.get(usize::try_from(word(entry, 8)?).ok()?..)
    };
    let text = |tag: u32| {
        let bytes = find(tag)?.split(|byte| *byte == 0).next()?;
        tidy::text(&String::from_utf8_lossy(bytes))
    };
    let small = |tag: u32| word(find(tag)?, 0);
    let large = |tag: u32| Some((u64::from(word(find(tag)?, 0)?) << 32) | u64::from(word(find(tag)?, 4)?));
    let mut version = text(VERSION)?;
    if let Some(epoch) = small(EPOCH).filter(|epoch| *epoch > 0) {
        version = format!("{epoch}:{version}");
    }
    if let Some(release) = text(RELEASE) {
        version = format!("{version}-{release}");
    }
    Some(Package {
        name: text(NAME)?,
        version,
        architecture: text(ARCHITECTURE),
        source: "rpm".into(),
        publisher: find(VENDOR).and_then(|bytes| publisher(bytes.split(|byte| *byte == 0).next()?)),
        size_bytes: large(LONG_SIZE).or_else(|| small(SIZE).map(u64::from)),
        install_date: small(INSTALL_TIME).and_then(|seconds| tidy::day(seconds.into())),
        ..Package::default()
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A header as rpm writes it.
    pub fn header(texts: &[(u32, &str)], numbers: &[(u32, u32)]) -> Vec<u8> {
        let (mut table, mut data) = (vec![], vec![]);
        let mut entry = |tag: u32, kind: u32, at: usize| {
            for word in [tag, kind, u32::try_from(at).unwrap(), 1] {
                table.extend(word.to_be_bytes());
            }
        };
        for (tag, number) in numbers {
            entry(*tag, 4, data.len());
            data.extend(number.to_be_bytes());
        }
        for (tag, text) in texts {
            entry(*tag, 6, data.len());
            data.extend(text.as_bytes());
            data.push(0);
        }
        let mut bytes = u32::try_from(table.len() / 16).unwrap().to_be_bytes().to_vec();
        bytes.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(table);
        bytes.extend(data);
        bytes
    }

    #[test]
    fn a_package_has_its_epoch_release_size_and_day() {
        let bytes = header(
            &[
                (NAME, "bind"),
                (VERSION, "9.18.28"),
                (RELEASE, "2.fc40"),
                (ARCHITECTURE, "x86_64"),
                (VENDOR, "Projet <a@exemple.test>"),
            ],
            &[(EPOCH, 32), (INSTALL_TIME, 1_764_000_000), (SIZE, 1_700_000)],
        );
        let package = parse(&bytes).unwrap();
        assert_eq!((package.name.as_str(), package.version.as_str()), ("bind", "32:9.18.28-2.fc40"));
        assert_eq!(package.publisher.as_deref(), Some("Projet"));
        assert_eq!(package.size_bytes, Some(1_700_000));
        assert_eq!(package.install_date.as_deref(), Some("2025-11-24"));
    }

    #[test]
    fn a_header_that_lies_is_no_package() {
        let bytes = header(&[(NAME, "a"), (VERSION, "1")], &[]);
        assert!(parse(&bytes).is_some());
        for length in 0..bytes.len() - 1 {
            // Cut in the last text, the version is still one.
            let _ = parse(&bytes[..length]);
        }
        assert_eq!(parse(&[0xFF; 64]), None);
        assert_eq!(parse(&[]), None);
    }
}
