//! The section `operating-system`: `os-release(5)` and what the kernel says of itself.

use super::tidy;
use crate::source::{Source, Unreadable};
use std::collections::BTreeMap;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::OperatingSystem;

/// Where distributions describe themselves, the first found counts.
const OS_RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

/// Reads the section.
pub fn collect(source: &dyn Source) -> Outcome<OperatingSystem> {
    let mut reasons = Vec::new();
    let release = OS_RELEASE.iter().map(|path| source.text(path)).find(|read| !is_missing(read));
    let described = match release {
        Some(Ok(text)) => parse_os_release(&text),
        Some(Err(why)) => {
            reasons.push(why.to_string());
            BTreeMap::new()
        }
        None => {
            reasons.push(format!("name and version: neither {} exists", OS_RELEASE.join(" nor ")));
            BTreeMap::new()
        }
    };
    let field = |key: &str| described.get(key).and_then(|value| tidy::text(value));
    // A captured disk has no `/proc`, but its name in a file.
    let mut first_of = |paths: &[&str]| {
        let read = paths.iter().map(|path| source.text(path)).find(|read| !is_missing(read));
        match read.unwrap_or_else(|| Err(Unreadable::Missing(paths.join(" or ")))) {
            Ok(text) => tidy::text(&text),
            Err(why) => {
                reasons.push(why.to_string());
                None
            }
        }
    };
    let system = OperatingSystem {
        family: "linux".into(),
        name: field("NAME"),
        version: field("VERSION_ID").or_else(|| field("BUILD_ID")),
        full_name: field("PRETTY_NAME"),
        kernel: first_of(&["/proc/sys/kernel/osrelease"]),
        host_name: first_of(&["/proc/sys/kernel/hostname", "/etc/hostname"]),
        architecture: architecture(source),
        edition: field("VARIANT"),
        build: tidy::line(source, "/etc/debian_version").filter(|text| text.starts_with(|c: char| c.is_ascii_digit())),
        install_date: install_date(source),
        support_end: field("SUPPORT_END"),
    };
    if system.kernel.is_none() && described.is_empty() {
        return Outcome::Unavailable { reasons };
    }
    Outcome::from_parts(system, reasons)
}

fn is_missing(read: &Result<String, Unreadable>) -> bool {
    matches!(read, Err(Unreadable::Missing(_)))
}

/// The day of the first start, when the machine got its identifier (`machine-id(5)`), which no update touches.
fn install_date(source: &dyn Source) -> Option<String> {
    source.modified_s("/etc/machine-id").and_then(tidy::day)
}

/// As the kernel names it (Linux 6.1 and later), else what this program was built for, where it runs.
fn architecture(source: &dyn Source) -> Option<String> {
    tidy::line(source, "/proc/sys/kernel/arch").or_else(|| source.is_live().then(|| std::env::consts::ARCH.to_owned()))
}

/// Fields of `os-release(5)`: shell-like assignments, values maybe quoted.
pub fn parse_os_release(text: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some((key, value)) = line.split_once('=') {
            fields.insert(key.to_owned(), unquote(value));
        }
    }
    fields
}

/// Takes the quotes off a value and undoes its backslashes.
fn unquote(value: &str) -> String {
    let inner =
        ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value);
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fake;
    use super::*;

    #[test]
    fn quotes_comments_and_backslashes_are_understood() {
        let fields = parse_os_release(
            "# NAME=no\nNAME=\"Debian GNU/Linux\"\nVERSION_ID='12'\nID=debian\nX=\"a\\\"b\\$\"\nrubbish\n",
        );
        assert_eq!(fields["NAME"], "Debian GNU/Linux");
        assert_eq!(fields["VERSION_ID"], "12");
        assert_eq!(fields["ID"], "debian");
        assert_eq!(fields["X"], "a\"b$");
        assert_eq!(fields.len(), 4);
    }

    #[test]
    fn the_second_place_is_read_when_the_first_is_missing_only() {
        let kernel = Fake::default()
            .file("/proc/sys/kernel/osrelease", "6.1.0-26-amd64\n")
            .file("/proc/sys/kernel/hostname", "salle-12-03\n")
            .file("/proc/sys/kernel/arch", "x86_64\n");
        let second = kernel.clone().file("/usr/lib/os-release", "NAME=Debian\nVERSION_ID=12\n");
        let Outcome::Complete { data } = collect(&second) else { panic!("complete") };
        assert_eq!((data.name.as_deref(), data.version.as_deref()), (Some("Debian"), Some("12")));
        assert_eq!((data.kernel.as_deref(), data.host_name.as_deref()), (Some("6.1.0-26-amd64"), Some("salle-12-03")));
        assert_eq!(data.architecture.as_deref(), Some("x86_64"));

        let denied = second.denied("/etc/os-release");
        assert_eq!(collect(&denied).reasons(), ["/etc/os-release may not be read by this user (run as root)"]);
        assert!(collect(&kernel).reasons()[0].contains("neither /etc/os-release nor /usr/lib/os-release"));
        assert_eq!(collect(&Fake::default()).word(), "unavailable");
        let disk = Fake::default().file("/etc/os-release", "NAME=Debian\n").file("/etc/hostname", "salle-12-04\n");
        let Outcome::Partial { reasons, data } = collect(&disk) else { panic!("partial") };
        assert_eq!(data.host_name.as_deref(), Some("salle-12-04"));
        assert_eq!(reasons, ["/proc/sys/kernel/osrelease does not exist"]);
    }
}
