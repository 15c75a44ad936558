//! The inventory: one file per section, listed in [`SECTIONS`]. Each reports itself; one that fails or panics never
//! hides the others (invariant 8). Nothing is dated and everything is in order: two readings give the same bytes.

pub mod addresses;
mod agent;
pub mod batteries;
pub mod dhcp;
pub mod edid;
#[cfg(test)]
pub(crate) mod fixture;
mod graphics;
pub mod ids;
mod makers;
pub mod memory;
mod monitors;
pub mod network;
pub mod operating_system;
mod pci;
mod posture;
pub mod printers;
pub mod processors;
pub mod registry;
pub mod routes;
pub mod smart;
pub mod smbios;
pub mod software;
pub mod sound;
pub mod storage;
mod system;
mod text;
mod tidy;
mod updates;
mod usb;
pub mod vitals;
pub mod volumes;

use crate::source::Source;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::limits::SECTION_MAX;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::name;

/// Most reasons told by one section.
const REASONS_MAX: usize = 16;

/// One section: its name on the wire, how it is read, how it is shown to a person.
pub struct Section {
    /// Name on the wire.
    pub name: &'static str,
    /// Reads it: an `Outcome` in JSON.
    read: fn(&dyn Source) -> Box<RawValue>,
    /// Shows what was read; `true` asks for long lists too.
    show: fn(&RawValue, bool) -> String,
}

/// Every section, in the order of a person's interest. The section `checks` is added by the run loop, which knows the
/// confirmed states.
pub const SECTIONS: &[Section] = &[
    Section { name: name::SYSTEM, read: |s| encode(system::collect(s)), show: text::system },
    Section { name: name::PROCESSORS, read: |s| encode(processors::collect(s)), show: text::processors },
    Section { name: name::MEMORY, read: |s| encode(memory::collect(s)), show: text::memory },
    Section { name: name::STORAGE, read: |s| encode(storage::collect(s)), show: text::storage },
    Section { name: name::VOLUMES, read: |s| encode(volumes::collect(s)), show: text::volumes },
    Section { name: name::GRAPHICS, read: |s| encode(graphics::collect(s)), show: text::graphics },
    Section { name: name::MONITORS, read: |s| encode(monitors::collect(s)), show: text::monitors },
    Section { name: name::NETWORK, read: |s| encode(network::collect(s)), show: text::network },
    Section { name: name::PCI, read: |s| encode(pci::collect(s)), show: text::pci },
    Section { name: name::USB, read: |s| encode(usb::collect(s)), show: text::usb },
    Section { name: name::SOUND, read: |s| encode(sound::collect(s)), show: text::sound },
    Section { name: name::PRINTERS, read: |s| encode(printers::collect(s)), show: text::printers },
    Section { name: name::BATTERIES, read: |s| encode(batteries::collect(s)), show: text::batteries },
    Section {
        name: name::OPERATING_SYSTEM,
        read: |s| encode(operating_system::collect(s)),
        show: text::operating_system,
    },
    Section { name: name::SOFTWARE, read: |s| encode(software::collect(s)), show: text::software },
    Section { name: name::UPDATES, read: |s| encode(updates::collect(s)), show: text::updates },
    Section { name: name::SECURITY_POSTURE, read: |s| encode(posture::collect(s)), show: text::posture },
    Section { name: name::AGENT, read: |s| encode(agent::collect(s)), show: text::agent },
];

impl Section {
    /// Reads the section, whatever happens in there.
    pub fn collect(&self, source: &dyn Source) -> Box<RawValue> {
        catch_unwind(AssertUnwindSafe(|| (self.read)(source)))
            .unwrap_or_else(|_| encode(failed("reading this section failed: a defect of the agent, please report it")))
    }

    /// What was read, for a person; `whole` asks for long lists too.
    pub fn show(&self, read: &RawValue, whole: bool) -> String {
        (self.show)(read, whole)
    }
}

/// Every section of the machine as it will be sent: an `Outcome<T>` in JSON, in order of names.
///
/// Blocking, for [`volumes::PATIENCE`] at worst: call it from a bounded blocking task.
pub fn collect(source: &dyn Source) -> BTreeMap<String, Box<RawValue>> {
    crate::sort::map(SECTIONS.iter().map(|section| (section.name.to_owned(), section.collect(source))))
}

/// Hardware evidence of the machine, placeholders discarded.
pub fn hardware_evidence(source: &dyn Source) -> HardwareEvidence {
    let system = system::collect(source).data().cloned().unwrap_or_default();
    let storage = storage::collect(source).data().cloned().unwrap_or_default();
    let fixed = |kind: Option<&str>| matches!(kind, Some("hdd" | "ssd" | "virtual"));
    // Hypervisors give one word to the disks of all their machines; the serial number of a real disk has digits.
    let numbered = |serial: &String| serial.bytes().any(|byte| byte.is_ascii_digit());
    let disks = storage.disks.into_iter().filter(|disk| fixed(disk.kind.as_deref()));
    HardwareEvidence {
        system_uuid: system.uuid,
        system_serial: system.serial,
        board_serial: system.board.and_then(|board| board.serial),
        disks: crate::sort::set(disks.filter_map(|disk| disk.serial).filter(numbered)),
        macs: crate::sort::set(network::built_in_macs(source)),
    }
    .clean()
}

/// The kind of machine (`workstation`, `laptop`, `server`), where its chassis tells. That a laptop is *nomade* is a
/// matter of its use, which no machine can tell.
pub fn machine_kind(source: &dyn Source) -> Option<&'static str> {
    let chassis = system::collect(source).data()?.chassis.clone()?.kind?;
    Some(match chassis.as_str() {
        "portable" | "laptop" | "notebook" | "sub_notebook" | "hand_held" | "tablet" | "convertible" | "detachable" => {
            "laptop"
        }
        "main_server_chassis" | "rack_mount_chassis" | "blade" | "multi_system_chassis" => "server",
        "desktop"
        | "low_profile_desktop"
        | "pizza_box"
        | "mini_tower"
        | "tower"
        | "all_in_one"
        | "space_saving"
        | "sealed_case_pc"
        | "mini_pc"
        | "stick_pc"
        | "lunch_box" => "workstation",
        _ => return None,
    })
}

/// An outcome as it travels, its reasons bounded; one that is too large or cannot be written is said so instead.
fn encode<T: Serialize>(mut outcome: Outcome<T>) -> Box<RawValue> {
    if let Outcome::Partial { reasons, .. } | Outcome::Unavailable { reasons } = &mut outcome
        && reasons.len() > REASONS_MAX
    {
        let more = reasons.len() - REASONS_MAX;
        reasons.truncate(REASONS_MAX);
        reasons.push(format!("and {more} more"));
    }
    match to_raw_value(&outcome) {
        Ok(raw) if raw.get().len() <= SECTION_MAX => raw,
        Ok(raw) => {
            let length = raw.get().len();
            encode(failed(&format!("this section is larger ({length} bytes) than a section may be ({SECTION_MAX})")))
        }
        // Our own texts always encode.
        Err(_) => {
            RawValue::from_string(r#"{"outcome":"unavailable","reasons":["it cannot be written as JSON"]}"#.into())
                .unwrap_or_else(|_| RawValue::NULL.to_owned())
        }
    }
}

fn failed(why: &str) -> Outcome<()> {
    Outcome::unavailable(why)
}

#[cfg(test)]
mod tests;
