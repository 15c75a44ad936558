//! Hardware evidence: what tells one machine from another. Never its name.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Identifying facts of the hardware, placeholders already discarded by [`HardwareEvidence::clean`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardwareEvidence {
    /// SMBIOS type 1 UUID, lower case with hyphens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_uuid: Option<String>,
    /// SMBIOS type 1 serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_serial: Option<String>,
    /// SMBIOS type 2 serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board_serial: Option<String>,
    /// Serial numbers of fixed disks.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub disks: BTreeSet<String>,
    /// Permanent addresses of built-in network interfaces, lower case with colons. Docks and virtual ones are left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub macs: BTreeSet<String>,
}

/// Texts that makers leave in the place of a serial number, lower case.
const PLACEHOLDERS: &[&str] = &[
    "to be filled by o.e.m.",
    "to be filled by oem",
    "default string",
    "system serial number",
    "base board serial number",
    "chassis serial number",
    "not specified",
    "not available",
    "not applicable",
    "none",
    "n/a",
    "unknown",
    "invalid",
    "oem",
    "o.e.m.",
    "123456789",
    "1234567890",
    "0123456789",
    "serial number",
    "empty",
    "xxxxxxx",
    "03000200-0400-0500-0006-000700080009",
    "12345678-1234-5678-90ab-cddeefaabbcc",
];

/// The value if it can identify anything: trimmed, not a placeholder, not one repeated character.
pub fn identifying(value: &str) -> Option<String> {
    let value = value.trim();
    let lower = value.to_lowercase();
    let mut plain = lower.chars().filter(|c| c.is_alphanumeric());
    let first = plain.next()?;
    let repeated = plain.all(|c| c == first);
    (!repeated && value.len() >= 4 && !PLACEHOLDERS.contains(&lower.as_str())).then(|| value.to_owned())
}

impl HardwareEvidence {
    /// Discards placeholders.
    pub fn clean(self) -> Self {
        let keep = |value: Option<String>| value.as_deref().and_then(identifying);
        Self {
            system_uuid: keep(self.system_uuid).map(|u| u.to_lowercase()),
            system_serial: keep(self.system_serial),
            board_serial: keep(self.board_serial),
            disks: self.disks.iter().filter_map(|d| identifying(d)).collect(),
            macs: self.macs.iter().filter_map(|m| identifying(m)).map(|m| m.to_lowercase()).collect(),
        }
    }

    /// Whether there is nothing to compare.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    /// How many facts two machines share.
    pub fn shared_with(&self, other: &Self) -> usize {
        let same = |a: &Option<String>, b: &Option<String>| usize::from(a.is_some() && a == b);
        same(&self.system_uuid, &other.system_uuid)
            + same(&self.system_serial, &other.system_serial)
            + same(&self.board_serial, &other.board_serial)
            + self.disks.intersection(&other.disks).count()
            + self.macs.intersection(&other.macs).count()
    }

    /// Whether both say something and agree on nothing: another machine.
    pub fn contradicts(&self, other: &Self) -> bool {
        !self.is_empty() && !other.is_empty() && self.shared_with(other) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_identify_nothing() {
        for text in
            ["", " ", "To be filled by O.E.M.", "00000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "None", "abc"]
        {
            assert_eq!(identifying(text), None, "{text}");
        }
        assert_eq!(identifying(" CZC1234X9Z "), Some("CZC1234X9Z".into()));
    }

    #[test]
    fn silence_contradicts_nothing() {
        let some = HardwareEvidence { board_serial: Some("PF1A2B3C".into()), ..Default::default() };
        let other = HardwareEvidence { board_serial: Some("PF9Z8Y7X".into()), ..Default::default() };
        assert!(some.contradicts(&other));
        assert!(!some.contradicts(&some));
        assert!(!some.contradicts(&HardwareEvidence::default()));
    }
}
