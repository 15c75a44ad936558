//! A section as items and fields: which lists there are, what tells their items apart, what is not worth a line.

use super::Fields;
use serde_json::Value;
use std::collections::BTreeMap;
use vigie_shared::section::name;

/// An item of a section.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The list; empty for facts outside lists.
    pub list: String,
    /// Its key; empty for facts outside lists.
    pub item: String,
}

/// Items of a section with their fields.
pub type State = BTreeMap<Key, Fields>;

/// What is known of a list.
struct List {
    section: &'static str,
    name: &'static str,
    /// Fields that make the key, all that are there.
    key: &'static [&'static str],
    /// Taken where none of them is there.
    otherwise: &'static str,
    /// Field of the place that an item takes: another item in the same place replaced it.
    place: &'static str,
    /// Field that makes it another item although the key is the same.
    identity: &'static str,
    /// Whether items of one key are one, with all values of their fields (several versions of one program).
    merges: bool,
}

const LISTS: &[List] = &[
    List {
        section: name::STORAGE,
        name: "disks",
        key: &["serial"],
        otherwise: "name",
        place: "name",
        identity: "",
        merges: false,
    },
    List {
        section: name::MEMORY,
        name: "modules",
        key: &["slot"],
        otherwise: "serial",
        place: "",
        identity: "serial",
        merges: false,
    },
    List {
        section: name::SOFTWARE,
        name: "packages",
        key: &["name", "architecture", "source"],
        otherwise: "",
        place: "",
        identity: "",
        merges: true,
    },
    List {
        section: name::NETWORK,
        name: "interfaces",
        key: &["permanent_mac"],
        otherwise: "name",
        place: "name",
        identity: "",
        merges: false,
    },
    List {
        section: name::VOLUMES,
        name: "volumes",
        key: &["mount_point"],
        otherwise: "device",
        place: "",
        identity: "",
        merges: false,
    },
];

/// Keys of lists that are not known, the first that is there.
const KEYS: &[&str] = &["serial", "uuid", "id", "name", "mount_point", "slot", "address", "model", "product"];

/// `(section, field)` that come and go without anybody having changed anything.
const UNSTEADY: &[(&str, &str)] = &[
    (name::NETWORK, "up"),
    (name::NETWORK, "addresses"),
    (name::NETWORK, "speed_mbps"),
    (name::NETWORK, "mac"),
    (name::SOFTWARE, "size_bytes"),
];

/// Characters kept of a value or key.
const TEXT_MAX: usize = 200;
/// Fields kept of an item.
const FIELDS_MAX: usize = 64;
/// Objects inside objects that are looked into.
const DEPTH_MAX: usize = 4;

/// Flattens the data of a section. Values are cut at 200 characters, items at 64 fields.
pub fn flatten(section: &str, data: &Value) -> State {
    let mut state = State::new();
    let mut outside = Fields::new();
    walk(section, "", data, 0, &mut outside, &mut state);
    if !outside.is_empty() {
        state.insert(Key::default(), outside);
    }
    state
}

fn walk(section: &str, path: &str, value: &Value, depth: usize, outside: &mut Fields, state: &mut State) {
    let Value::Object(object) = value else { return };
    for (name, value) in object {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match value {
            Value::Object(_) if depth < DEPTH_MAX => walk(section, &path, value, depth + 1, outside, state),
            Value::Array(items) if items.iter().any(Value::is_object) => list(section, &path, items, state),
            _ => field(section, outside, path, value),
        }
    }
}

fn field(section: &str, fields: &mut Fields, name: String, value: &Value) {
    if fields.len() >= FIELDS_MAX || UNSTEADY.contains(&(section, name.as_str())) {
        return;
    }
    if let Some(text) = text(value) {
        fields.insert(name, text);
    }
}

/// A value as text; nothing for what is not there.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => return None,
        Value::Array(values) => values.iter().filter_map(text_of).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    Some(text.chars().filter(|c| *c != '\0').take(TEXT_MAX).collect())
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

fn known(section: &str, name: &str) -> Option<&'static List> {
    LISTS.iter().find(|list| list.section == section && list.name == name)
}

fn list(section: &str, name: &str, items: &[Value], state: &mut State) {
    let list = known(section, name);
    for item in items {
        let Value::Object(object) = item else { continue };
        let mut fields = Fields::new();
        for (name, value) in object {
            field(section, &mut fields, name.clone(), value);
        }
        let mut key = Key { list: name.to_owned(), item: key_of(list, object) };
        match (state.get_mut(&key), list) {
            (None, _) => {}
            (Some(there), Some(list)) if list.merges => {
                merge(there, fields);
                continue;
            }
            // Two that nothing tells apart are told apart by their order, which is that of the section.
            (Some(_), _) => {
                let free = (2..)
                    .map(|n| format!("{} #{n}", key.item))
                    .find(|item| !state.contains_key(&Key { list: key.list.clone(), item: item.clone() }));
                key.item = free.unwrap_or_default();
            }
        }
        state.insert(key, fields);
    }
}

fn key_of(list: Option<&List>, object: &serde_json::Map<String, Value>) -> String {
    let get = |name: &str| object.get(name).and_then(text).filter(|text| !text.is_empty());
    match list {
        Some(list) => {
            let parts: Vec<String> = list.key.iter().filter_map(|name| get(name)).collect();
            if parts.is_empty() { get(list.otherwise).unwrap_or_default() } else { parts.join(" · ") }
        }
        None => KEYS.iter().find_map(|name| get(name)).unwrap_or_default(),
    }
}

/// Values that differ are both there.
fn merge(there: &mut Fields, fields: Fields) {
    for (name, value) in fields {
        let known = there.entry(name).or_default();
        if known.is_empty() {
            *known = value;
        } else if !known.split(", ").any(|part| part == value) {
            known.push_str(", ");
            known.push_str(&value);
            *known = known.chars().take(TEXT_MAX).collect();
        }
    }
}

/// Whether an item is another one although its key is the same.
pub fn is_another(key: &Key, before: &Fields, after: &Fields) -> bool {
    let list = LISTS.iter().find(|list| list.name == key.list && !list.identity.is_empty());
    let Some(list) = list else { return false };
    let told = before.get(list.identity).zip(after.get(list.identity));
    told.is_some_and(|(before, after)| before != after)
}

/// Whether one that is gone stood where a new one stands.
pub fn same_place(gone: &Key, before: Option<&Fields>, new: &Key, after: &Fields) -> bool {
    let list = LISTS.iter().find(|list| list.name == new.list && gone.list == new.list && !list.place.is_empty());
    let Some(list) = list else { return false };
    let place = before.and_then(|before| before.get(list.place));
    place.is_some() && place == after.get(list.place)
}
