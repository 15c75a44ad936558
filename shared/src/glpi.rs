//! GLPI's native inventory format (`inventory_format`, JSON): sections in, one document out. The agent prints it, the
//! collector serves it from the bytes it stored.
//!
//! A table: one [`Category`] for each kind of thing, one [`Field`] for each fact, so that a new section is a few lines.
//! Only keys that the schema knows are written, and only values of the form it wants: a date that is none is left out.
//! What our sections do not hold (users, processes, environment) has no row and never will (invariant 11).

mod table;

use crate::section::name;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How a fact is written there.
#[derive(Debug, Clone, Copy)]
enum As {
    /// A text as it is; a number becomes a text.
    Text,
    /// A text with its words capitalised (`low_profile_desktop` → `Low Profile Desktop`).
    Words,
    /// A text in capitals.
    Capitals,
    /// A whole number.
    Number,
    /// Bytes → MB of 2^20 bytes.
    Mebibytes,
    /// Bytes → MB of 10^6 bytes, as disks are sold.
    Megabytes,
    /// `true` or `false`.
    Bool,
    /// An ISO 8601 day; anything else is left out.
    Day,
    /// One of the texts given; anything else is left out.
    OneOf(&'static [&'static str]),
    /// A text between others.
    Between(&'static str, &'static str),
    /// One of the parts of a text, between colons: `8086:a370`.
    Part(usize),
}

/// One fact: its key there, where it is here (a JSON pointer from the entry), how it is written.
struct Field(&'static str, &'static str, As);

/// One kind of thing.
struct Category {
    /// Key of the content there.
    name: &'static str,
    /// Our section.
    section: &'static str,
    /// JSON pointer to the list in our section; empty: the section is one thing, merged into what is there already.
    list: &'static str,
    fields: &'static [Field],
}

/// The inventory of a machine in GLPI's format. `device_id` names the agent for good; sections are `Outcome`s in JSON,
/// by name. What is unavailable is left out and the document then says that it is partial.
pub fn inventory(device_id: &str, sections: &BTreeMap<String, Box<RawValue>>) -> Value {
    let mut read = BTreeMap::new();
    let mut partial = false;
    for (name, raw) in sections {
        let mut outcome: Value = serde_json::from_str(raw.get()).unwrap_or_default();
        partial |= outcome.get("outcome").and_then(Value::as_str) != Some("complete");
        read.insert(name.as_str(), outcome.get_mut("data").map(Value::take).unwrap_or_default());
    }
    let mut content = Map::new();
    for category in table::CATEGORIES {
        let Some(data) = read.get(category.section) else { continue };
        add(category, data, &mut content);
    }
    let mut put = |name: &str, entries: Vec<Value>| {
        if !entries.is_empty() {
            content.insert(name.into(), entries.into());
        }
    };
    if let Some(posture) = read.get(name::SECURITY_POSTURE) {
        put("firewalls", table::firewalls(posture));
    }
    if let Some(monitors) = read.get(name::MONITORS) {
        put("monitors", table::monitors(monitors));
    }
    if let Some(network) = read.get(name::NETWORK) {
        put("networks", table::networks(network));
        let hardware = content.entry("hardware").or_insert_with(|| Map::new().into());
        if let (Some(resolvers), Some(hardware)) = (table::resolvers(network), hardware.as_object_mut()) {
            hardware.insert("dns".into(), resolvers.into());
        }
    }
    let version = read.get(name::AGENT).and_then(|agent| agent.get("version")).and_then(Value::as_str).unwrap_or("0");
    content.insert("versionclient".into(), format!("Vigie-Agent_v{version}").into());
    let mut document = Map::new();
    document.insert("action".into(), "inventory".into());
    document.insert("deviceid".into(), device_id.into());
    document.insert("itemtype".into(), "Computer".into());
    // GLPI takes what a partial inventory lacks for unchanged, not for removed.
    if partial {
        document.insert("partial".into(), true.into());
    }
    document.insert("content".into(), content.into());
    document.into()
}

fn add(category: &Category, data: &Value, content: &mut Map<String, Value>) {
    let one = |entry: &Value| -> Map<String, Value> {
        let fact = |Field(key, from, form): &Field| Some(((*key).to_owned(), written(entry.pointer(from)?, *form)?));
        category.fields.iter().filter_map(fact).collect()
    };
    if category.list.is_empty() {
        let facts = one(data);
        if facts.is_empty() {
            return;
        }
        let place = content.entry(category.name).or_insert_with(|| Map::new().into());
        if let Some(place) = place.as_object_mut() {
            place.extend(facts);
        }
        return;
    }
    let Some(entries) = data.pointer(category.list).and_then(Value::as_array) else { return };
    let entries: Vec<Value> = entries.iter().map(one).filter(|facts| !facts.is_empty()).map(Value::from).collect();
    let place = content.entry(category.name).or_insert_with(|| Value::Array(vec![]));
    if let Some(place) = place.as_array_mut() {
        place.extend(entries);
    }
}

/// A fact as GLPI wants it; nothing when it has not that form.
fn written(value: &Value, form: As) -> Option<Value> {
    let text = || match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    Some(match form {
        As::Text => text()?.into(),
        As::Words => {
            let word = |word: &str| {
                let (first, rest) = word.split_at_checked(1)?;
                Some(first.to_ascii_uppercase() + rest)
            };
            text()?.split('_').filter_map(word).collect::<Vec<_>>().join(" ").into()
        }
        As::Capitals => text()?.to_ascii_uppercase().into(),
        As::Number => value.as_u64()?.into(),
        As::Mebibytes => (value.as_u64()? >> 20).into(),
        As::Megabytes => (value.as_u64()? / 1_000_000).into(),
        As::Bool => value.as_bool()?.into(),
        As::Day => text().filter(|text| text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok())?.into(),
        As::OneOf(known) => text().filter(|text| known.contains(&text.as_str()))?.into(),
        As::Part(place) => text()?.split(':').nth(place)?.into(),
        As::Between(before, after) => format!("{before}{}{after}", text()?).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sections(bodies: &[(&str, Value)]) -> BTreeMap<String, Box<RawValue>> {
        let raw = |body: &Value| serde_json::value::to_raw_value(body).unwrap();
        bodies.iter().map(|(name, body)| ((*name).to_owned(), raw(body))).collect()
    }

    #[test]
    fn facts_have_the_form_that_glpi_wants() {
        let memory = json!({"outcome":"complete","data":{"total_bytes":8_589_934_592u64,"modules":[
            {"slot":"DIMM 1","size_bytes":8_589_934_592u64,"kind":"ddr4","speed_mts":3200}]}});
        let document = inventory("salle-12-03", &sections(&[("memory", memory)]));
        assert_eq!(document["content"]["hardware"]["memory"], 8192);
        assert_eq!(
            document["content"]["memories"][0],
            json!({"capacity":8192,"caption":"DIMM 1","speed":"3200 MT/s","type":"DDR4"})
        );
        assert_eq!(document["content"]["versionclient"], "Vigie-Agent_v0");
        assert_eq!(document.get("partial"), None);
    }

    #[test]
    fn what_is_unavailable_or_has_another_form_is_left_out_and_said() {
        let system = json!({"outcome":"complete","data":{"bios":{"date":"around 2020","version":"1"}}});
        let document = inventory(
            "x",
            &sections(&[("system", system), ("memory", json!({"outcome":"unavailable","reasons":["x"]}))]),
        );
        assert_eq!(document["content"]["bios"], json!({"bversion":"1"}));
        assert_eq!(document["content"].get("memories"), None);
        assert_eq!(document["partial"], true);
    }

    #[test]
    fn an_interface_has_one_entry_an_address() {
        let network = json!({"outcome":"complete","data":{"interfaces":[{"name":"eth0","kind":"ethernet","mac":"02:00:00:00:00:01",
            "up":true,"speed_mbps":1000,"addresses":["192.0.2.7/24","2001:db8::7/64"]},{"name":"tun0","kind":"tunnel","up":false}],
            "gateways":["192.0.2.1"],"resolvers":["192.0.2.53","192.0.2.54"]}});
        let document = inventory("x", &sections(&[("network", network)]));
        let networks = document["content"]["networks"].as_array().unwrap();
        assert_eq!(networks.len(), 3);
        assert_eq!(networks[0]["ipmask"], "255.255.255.0");
        assert_eq!(networks[0]["ipsubnet"], "192.0.2.0");
        assert_eq!(networks[1]["ipaddress6"], "2001:db8::7");
        assert_eq!(networks[2], json!({"description":"tun0","status":"down","virtualdev":true}));
        assert_eq!(
            document["content"]["hardware"],
            json!({"defaultgateway":"192.0.2.1","dns":"192.0.2.53/192.0.2.54"})
        );
    }
}
