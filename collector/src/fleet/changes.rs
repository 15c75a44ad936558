//! What changed on a machine: two bodies of a section in, typed changes out.
//!
//! A section is flattened into items (an entry of a list, known by a stable key) and their fields; what is outside lists is
//! one item without name. Changes lead from one such state to the other ([`replay`]). Generic: a section that this program
//! does not know is compared by the usual keys of its lists.

mod flat;
#[cfg(test)]
mod tests;

pub use flat::{Key, State, flatten};

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::section::name;

/// Changes told of one section at once; one line more says how many there were beside them.
pub const MOST: usize = 300;
/// Bytes of all their values; beyond them, the same.
const BYTES_MOST: usize = 64 << 10;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An item is there that was not; `after` has its fields.
    Added,
    /// An item is no longer there; `before` has its fields.
    Removed,
    /// One stands where the other stood; both have their fields, `item` is the new one's.
    Replaced,
    /// A field has another value; none where there was or is no value.
    Changed,
    /// There were more changes than are told; `after` is their number.
    More,
}

impl Kind {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Replaced => "replaced",
            Self::Changed => "changed",
            Self::More => "more",
        }
    }

    /// From what is stored.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Added, Self::Removed, Self::Replaced, Self::Changed, Self::More].into_iter().find(|k| k.as_str() == word)
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The section.
    pub section: String,
    /// The list, such as `disks`; empty for facts outside lists.
    pub list: String,
    /// The item's key, its parts between ` · `; empty for facts outside lists.
    pub item: String,
    /// The field, for [`Kind::Changed`].
    pub field: String,
    /// What happened.
    pub kind: Kind,
    /// What was: a value, or the fields of an item as a JSON object of texts.
    pub before: Option<String>,
    /// What is.
    pub after: Option<String>,
}

impl Change {
    fn of_item(section: &str, key: &Key, kind: Kind, before: Option<&Fields>, after: Option<&Fields>) -> Self {
        let object = |fields: &Fields| serde_json::to_string(fields).unwrap_or_default();
        Self {
            section: section.to_owned(),
            list: key.list.clone(),
            item: key.item.clone(),
            field: String::new(),
            kind,
            before: before.map(object),
            after: after.map(object),
        }
    }

    /// The fields of an item that was added, removed or replaced.
    pub fn fields(text: Option<&String>) -> Fields {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}

/// Fields of an item by name.
pub type Fields = BTreeMap<String, String>;

/// Only the tag of an outcome and what it carries.
#[derive(Deserialize)]
struct Body {
    outcome: String,
    #[serde(default)]
    data: serde_json::Value,
}

/// What changed between two bodies of a section, both as sent.
///
/// Between two complete ones: everything. Between two that were read in part: only fields whose value is another one, for
/// what was not read is not removed. Between others: nothing can be said. Confirmed states of checks are no inventory.
pub fn between(section: &str, before: &str, after: &str) -> Vec<Change> {
    if section == name::CHECKS {
        return vec![];
    }
    let read = |text: &str| serde_json::from_str::<Body>(text).ok();
    let (Some(before), Some(after)) = (read(before), read(after)) else { return vec![] };
    let (old, new) = (flatten(section, &before.data), flatten(section, &after.data));
    match (before.outcome.as_str(), after.outcome.as_str()) {
        ("complete", "complete") => bounded(section, changes(section, &old, &new)),
        ("partial", "partial") => {
            let mut all = changes(section, &old, &new);
            all.retain(|c| c.kind == Kind::Changed && c.before.is_some() && c.after.is_some());
            bounded(section, all)
        }
        _ => vec![],
    }
}

/// All changes from one state to another, by list and item.
pub fn changes(section: &str, old: &State, new: &State) -> Vec<Change> {
    let mut gone: BTreeSet<&Key> = old.keys().filter(|key| !new.contains_key(*key)).collect();
    let mut all = Vec::new();
    for (key, fields) in new {
        match old.get(key) {
            Some(before) if flat::is_another(key, before, fields) => {
                all.push(Change::of_item(section, key, Kind::Replaced, Some(before), Some(fields)));
            }
            Some(before) => all.extend(of_fields(section, key, before, fields)),
            None => match gone.iter().copied().find(|g| flat::same_place(g, old.get(*g), key, fields)) {
                Some(replaced) => {
                    gone.remove(replaced);
                    all.push(Change::of_item(section, key, Kind::Replaced, old.get(replaced), Some(fields)));
                }
                None => all.push(Change::of_item(section, key, Kind::Added, None, Some(fields))),
            },
        }
    }
    all.extend(gone.into_iter().map(|key| Change::of_item(section, key, Kind::Removed, old.get(key), None)));
    all
}

fn of_fields(section: &str, key: &Key, old: &Fields, new: &Fields) -> Vec<Change> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    changed
        .map(|name| Change {
            field: name.clone(),
            before: old.get(name).cloned(),
            after: new.get(name).cloned(),
            ..Change::of_item(section, key, Kind::Changed, None, None)
        })
        .collect()
}

fn bounded(section: &str, mut all: Vec<Change>) -> Vec<Change> {
    let size = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let mut bytes = 0_usize;
    let fit = all.iter().take(MOST).take_while(|change| {
        bytes = bytes.saturating_add(change.item.len() + size(&change.before) + size(&change.after));
        bytes <= BYTES_MOST
    });
    let told = fit.count();
    let beside = all.len().saturating_sub(told);
    if beside > 0 {
        all.truncate(told);
        let nowhere = Key::default();
        let more = Change::of_item(section, &nowhere, Kind::More, None, None);
        all.push(Change { after: Some(beside.to_string()), ..more });
    }
    all
}

/// A state after these changes, which were worked out from it.
pub fn replay(mut state: State, changes: &[Change]) -> State {
    for change in changes {
        let key = Key { list: change.list.clone(), item: change.item.clone() };
        match change.kind {
            Kind::Added => drop(state.insert(key, Change::fields(change.after.as_ref()))),
            Kind::Removed => drop(state.remove(&key)),
            Kind::Replaced => {
                let before = Change::fields(change.before.as_ref());
                state.retain(|known, fields| known.list != key.list || *fields != before);
                state.insert(key, Change::fields(change.after.as_ref()));
            }
            Kind::Changed => {
                let fields = state.entry(key).or_default();
                match &change.after {
                    Some(value) => drop(fields.insert(change.field.clone(), value.clone())),
                    None => drop(fields.remove(&change.field)),
                }
            }
            Kind::More => {}
        }
    }
    state
}

/// A loss that somebody should look at on the next visit: its code, what was and what is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// `memory_vanished`, `module_gone` or `disk_gone`.
    pub code: &'static str,
    /// What it is about: bytes before, or the words on the thing.
    pub before: String,
    /// Bytes now; empty for a thing.
    pub after: String,
}

/// Less usable memory than this is no loss, bytes: firmware and graphics take more or less of it.
const MEMORY_SLACK: u64 = 512 << 20;

/// Memory that vanished, a module or a fixed disk that went: what nobody announces. What was replaced was not lost.
pub fn losses(changes: &[Change]) -> Vec<Loss> {
    changes.iter().filter_map(loss).collect()
}

fn loss(change: &Change) -> Option<Loss> {
    let words = |names: &[&str]| {
        let fields = Change::fields(change.before.as_ref());
        names.iter().filter_map(|name| fields.get(*name).cloned()).collect::<Vec<_>>().join(", ")
    };
    let gone = |code, before| Some(Loss { code, before, after: String::new() });
    match (change.section.as_str(), change.list.as_str(), change.kind) {
        (name::MEMORY, "", Kind::Changed) if change.field == "total_bytes" => {
            let bytes = |text: &Option<String>| text.as_ref().and_then(|t| t.parse::<u64>().ok());
            let (before, after) = (bytes(&change.before)?, bytes(&change.after)?);
            let lost = before.saturating_sub(after) >= MEMORY_SLACK;
            lost.then(|| Loss { code: "memory_vanished", before: before.to_string(), after: after.to_string() })
        }
        (name::MEMORY, "modules", Kind::Removed) => {
            gone("module_gone", words(&["slot", "manufacturer", "part_number", "serial"]))
        }
        (name::STORAGE, "disks", Kind::Removed) => {
            let fields = Change::fields(change.before.as_ref());
            let fixed = fields.get("removable").is_none_or(|v| v != "true")
                && fields.get("bus").is_none_or(|bus| bus != "usb")
                && fields.get("kind").is_none_or(|kind| !["optical", "usb", "card"].contains(&kind.as_str()));
            if fixed { gone("disk_gone", words(&["model", "serial"])) } else { None }
        }
        _ => None,
    }
}
