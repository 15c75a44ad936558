//! Lists of names of PCI and USB devices (`pci.ids(5)`, `usb.ids`), where the machine has them.
//!
//! A list has 38,000 lines, and a machine some dozens of devices: the list is read line by line, and only the names that
//! are wanted are kept.

use super::tidy;
use crate::source::Source;
use std::collections::{BTreeMap, BTreeSet};

/// Where distributions keep the list of PCI devices.
pub const PCI: &[&str] = &["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"];
/// Where distributions keep the list of USB devices.
pub const USB: &[&str] = &["/usr/share/misc/usb.ids", "/usr/share/hwdata/usb.ids", "/var/lib/usbutils/usb.ids"];

/// Vendor and device.
pub type Id = (u16, u16);

/// The names that were found of those that are wanted.
#[derive(Debug, Default)]
pub struct Names {
    wanted: BTreeSet<Id>,
    vendors: BTreeMap<u16, String>,
    devices: BTreeMap<Id, String>,
    /// The vendor whose devices are being listed, if any of them is wanted.
    at: Option<u16>,
    ended: bool,
}

impl Names {
    /// Names to be found by handing in the [`Names::line`]s of a list.
    pub fn wanting(wanted: impl IntoIterator<Item = Id>) -> Self {
        Self { wanted: wanted.into_iter().collect(), ..Self::default() }
    }

    /// Looks the names up in the first of the lists that is there; none is there on many servers.
    pub fn look_up(source: &dyn Source, lists: &[&str], wanted: impl IntoIterator<Item = Id>) -> Self {
        let mut names = Self::wanting(wanted);
        if !names.wanted.is_empty() {
            // A list that breaks off gives what it gave.
            let _ = lists.iter().find(|list| source.each_line(list, &mut |line| names.line(line)).is_ok());
        }
        names
    }

    /// Takes one line of a list; says whether more are of interest. Vendors begin a line, their devices follow after
    /// one tab, boards after two; then come other lists, each of whose lines begins with a capital letter and a blank.
    pub fn line(&mut self, line: &[u8]) -> bool {
        match line {
            [b'\t', b'\t', ..] | [b'#', ..] | [] => {}
            [b'\t', rest @ ..] => {
                if let (Some(vendor), Some((device, name))) = (self.at, entry(rest))
                    && self.wanted.contains(&(vendor, device))
                    && let Some(name) = name()
                {
                    self.devices.insert((vendor, device), name);
                }
            }
            _ => match entry(line) {
                Some((vendor, name)) => {
                    let wanted = self.wanted.range((vendor, 0)..=(vendor, u16::MAX)).next().is_some();
                    self.at = wanted.then_some(vendor);
                    if let Some(name) = self.at.and_then(|_| name()) {
                        self.vendors.insert(vendor, name);
                    }
                }
                None => self.ended = true,
            },
        }
        !self.ended && self.devices.len() < self.wanted.len()
    }

    /// The vendor's name.
    pub fn vendor(&self, id: Id) -> Option<String> {
        self.vendors.get(&id.0).cloned()
    }

    /// The device's name.
    pub fn device(&self, id: Id) -> Option<String> {
        self.devices.get(&id).cloned()
    }
}

/// Four hexadecimal digits, blanks, a name (made when it is asked for: most are not).
fn entry(line: &[u8]) -> Option<(u16, impl Fn() -> Option<String>)> {
    let (digits, name) = line.split_first_chunk::<4>()?;
    let number = hex(std::str::from_utf8(digits).ok()?)?;
    (name.first() == Some(&b' ')).then_some((number, || tidy::text(&String::from_utf8_lossy(name))))
}

/// Four hexadecimal digits, after `0x` or not.
pub fn hex(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    (digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| u16::from_str_radix(digits, 16).ok())?
}

/// As people write it: `8086:a370`.
pub fn written((vendor, device): Id) -> String {
    format!("{vendor:04x}:{device:04x}")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fake, mutations};
    use super::*;

    const LIST: &str = "# a comment\n\n0e11  Compaq\n\t0001  Not wanted\n8086  Fondeur SA\n\t0d57  Pont 57\n\
        \t\t1028 0001  a board\n\ta370  Radio  9560 \n1af4  Virtuel\n\t1041  Réseau\nC 02  Network controller\n\t00  Ethernet\n";

    #[test]
    fn wanted_names_are_found_and_classes_are_no_vendors() {
        let source = Fake::default().file("/usr/share/hwdata/pci.ids", LIST);
        let names = Names::look_up(&source, PCI, [(0x8086, 0xA370), (0x1AF4, 0x9999)]);
        assert_eq!(names.vendor((0x8086, 0xA370)).as_deref(), Some("Fondeur SA"));
        assert_eq!(names.device((0x8086, 0xA370)).as_deref(), Some("Radio 9560"));
        assert_eq!(names.vendor((0x1AF4, 0x9999)).as_deref(), Some("Virtuel"), "a vendor without that device");
        assert_eq!((names.device((0x1AF4, 0x9999)), names.vendors.len()), (None, 2));
    }

    #[test]
    fn reading_ends_with_the_last_wanted_name() {
        let mut names = Names::wanting([(0x8086, 0x0D57)]);
        let read = LIST.lines().take_while(|line| names.line(line.as_bytes())).count();
        assert_eq!(read, 5);
    }

    #[test]
    fn damaged_lists_neither_panic_nor_hang() {
        mutations(1, LIST.as_bytes(), 10_000, |bytes| {
            let mut names = Names::wanting([(0x8086, 0x0D57), (0x1AF4, 0x1041)]);
            for line in bytes.split(|byte| *byte == b'\n') {
                names.line(line);
            }
            assert!(names.devices.len() <= 2);
        });
    }
}
