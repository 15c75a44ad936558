//! What a simulated machine says of itself: a few sections, of which the confirmed states of its checks change.

use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use vigie_shared::check::{CheckStanding, CheckState, INTERNET, Reason, VOLUME_SPACE};
use vigie_shared::digest::Digest;
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{Checks, OperatingSystem, System, name};

/// See the module.
pub struct Inventory {
    /// Digest of the whole.
    pub whole: Digest,
    /// Digests of the sections.
    pub digests: BTreeMap<String, Digest>,
    /// The sections.
    pub sections: BTreeMap<String, Box<RawValue>>,
    standings: [CheckStanding; 2],
}

impl Inventory {
    /// The machine with this serial number, all well.
    pub fn new(serial: &str) -> Self {
        let system = System {
            manufacturer: Some("Exemple".to_owned()),
            product: Some("Poste".to_owned()),
            serial: Some(serial.to_owned()),
            ..System::default()
        };
        let sections = BTreeMap::from([
            (name::SYSTEM.to_owned(), raw(system)),
            (name::OPERATING_SYSTEM.to_owned(), raw(OperatingSystem::default())),
        ]);
        let digests = sections.iter().map(|(name, body)| (name.clone(), Digest::of(body.get().as_bytes()))).collect();
        let standings = [standing(INTERNET, ""), standing(VOLUME_SPACE, "/")];
        let mut made = Self { whole: Digest::of(b""), digests, sections, standings };
        made.renew();
        made
    }

    /// A confirmed state changed; the instance of that check.
    pub fn change(&mut self, check: &str, state: CheckState, reason: Reason) {
        if let Some(standing) = self.standings.iter_mut().find(|standing| standing.check == check) {
            (standing.state, standing.reason) = (state, reason);
            self.renew();
        }
    }

    /// The instance that a check is made on.
    pub fn instance(&self, check: &str) -> String {
        let found = self.standings.iter().find(|standing| standing.check == check);
        found.map(|standing| standing.instance.clone()).unwrap_or_default()
    }

    fn renew(&mut self) {
        let body = raw(Checks { checks: self.standings.to_vec() });
        self.digests.insert(name::CHECKS.to_owned(), Digest::of(body.get().as_bytes()));
        self.sections.insert(name::CHECKS.to_owned(), body);
        self.whole = Digest::of_sections(&self.digests);
    }
}

fn standing(check: &str, instance: &str) -> CheckStanding {
    let (check, instance) = (check.to_owned(), instance.to_owned());
    CheckStanding { check, instance, state: CheckState::Ok, reason: Reason::Fine }
}

fn raw(data: impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(&Outcome::Complete { data }).expect("a section is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_check_changes_one_section_and_the_whole() {
        let mut inventory = Inventory::new("A1");
        let (whole, digests) = (inventory.whole, inventory.digests.clone());
        inventory.change(VOLUME_SPACE, CheckState::Warning, Reason::SpaceLow);
        assert_ne!(inventory.whole, whole);
        let changed: Vec<_> = digests.keys().filter(|name| inventory.digests[*name] != digests[*name]).collect();
        assert_eq!(changed, [name::CHECKS]);
        inventory.change(VOLUME_SPACE, CheckState::Ok, Reason::Fine);
        assert_eq!((inventory.whole, inventory.digests), (whole, digests));
    }
}
