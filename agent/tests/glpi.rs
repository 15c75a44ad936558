//! GLPI's format against its own schema, and strictly: no key that the schema does not know, at any depth.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use vigie_agent::inventory;
use vigie_agent::source::Live;

/// The schema, where the recordings are.
fn schema() -> Option<Value> {
    let folder = std::env::var("VIGIE_FIXTURES").unwrap_or_else(|_| "../../shared/fixtures".into());
    let Ok(text) = std::fs::read(format!("{folder}/glpi/inventory.schema.json")) else {
        eprintln!("skipped: no recordings");
        return None;
    };
    Some(serde_json::from_slice(&text).unwrap())
}

/// The patterns of the schema for what we write. One that is not here fails the test that meets it.
fn matches(pattern: &str, text: &str) -> Result<bool, String> {
    if let Some(words) = pattern.strip_prefix("^(").and_then(|rest| rest.strip_suffix(")$")) {
        return Ok(words.split('|').any(|word| word == text || word == ".*" || word == "i\\d86" && text == "i686"));
    }
    // Definitions of days and moments.
    if pattern.starts_with("^[0-9]{4}-[0-9]{2}-[0-9]{2}") {
        return Ok(text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok());
    }
    Err(format!("a pattern that this test does not know: {pattern}"))
}

/// What is wrong with a value, strictly.
fn check(root: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(reference.trim_start_matches('#')).expect("a reference of the schema");
        return check(root, target, value, at, wrong);
    }
    let right = match schema.get("type").and_then(Value::as_str) {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("boolean") => value.is_boolean(),
        _ => false,
    };
    if !right {
        wrong.push(format!("{at}: {value} is no {}", schema["type"]));
        return;
    }
    for required in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        if value.get(required.as_str().unwrap()).is_none() {
            wrong.push(format!("{at}: lacks {required}"));
        }
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(key) {
            Some(known) => check(root, known, inner, &format!("{at}/{key}"), wrong),
            None => wrong.push(format!("{at}: the schema knows no {key}")),
        }
    }
    for (n, inner) in value.as_array().into_iter().flatten().enumerate() {
        check(root, &schema["items"], inner, &format!("{at}/{n}"), wrong);
    }
    if let (Some(pattern), Some(text)) = (schema.get("pattern").and_then(Value::as_str), value.as_str()) {
        match matches(pattern, text) {
            Ok(true) => {}
            Ok(false) => wrong.push(format!("{at}: « {text} » is not {pattern}")),
            Err(why) => wrong.push(format!("{at}: {why}")),
        }
    }
    if schema.get("format").and_then(Value::as_str) == Some("ipv4")
        && value.as_str().unwrap().parse::<std::net::Ipv4Addr>().is_err()
    {
        wrong.push(format!("{at}: {value} is no IPv4 address"));
    }
}

fn wrong(document: &Value, schema: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    check(schema, schema, document, "", &mut wrong);
    wrong
}

#[test]
fn this_machine_is_valid_and_strictly_so() {
    let Some(schema) = schema() else { return };
    let document = vigie_shared::glpi::inventory("salle-12-03", &inventory::collect(&Live));
    assert_eq!(wrong(&document, &schema), Vec::<String>::new());
    assert!(document["content"]["operatingsystem"].is_object(), "there is something to look at");
}

#[test]
fn a_machine_with_everything_is_valid_and_strictly_so() {
    let Some(schema) = schema() else { return };
    let bodies = json!({
        "system": {"manufacturer":"F","product":"B","serial":"S","uuid":"U","sku":"K","family":"Y","virtualisation":"kvm",
            "board":{"manufacturer":"F","product":"C","serial":"N","version":"1"},"bios":{"vendor":"V","version":"1","date":"2021-11-05"},
            "chassis":{"kind":"low_profile_desktop","serial":"C","asset_tag":"T"}},
        "processors": {"processors":[{"name":"P","vendor":"V","cores":6,"threads":12,"max_mhz":4700}]},
        "memory": {"total_bytes":8_000_000_000u64,"slots":2,"modules":[{"slot":"D","size_bytes":8_589_934_592u64,"kind":"ddr4",
            "speed_mts":3200,"manufacturer":"M","part_number":"P","serial":"S"}]},
        "storage": {"disks":[{"name":"sda","model":"M","serial":"S","firmware":"F","kind":"ssd","bus":"sata","size_bytes":512_000_000_000u64,"removable":false}]},
        "volumes": {"volumes":[{"mount_point":"/","device":"/dev/sda1","file_system":"ext4","total_bytes":1_000_000_000_000u64,"read_only":false}]},
        "network": {"interfaces":[{"name":"eth0","kind":"ethernet","mac":"02:00:00:00:00:01","permanent_mac":"02:00:00:00:00:01","up":true,
            "speed_mbps":1000,"addresses":["192.0.2.7/24","2001:db8::7/64"]},{"name":"wlan0","kind":"wifi","up":false,"addresses":[]}],
            "gateways":["192.0.2.1"],"resolvers":["192.0.2.53"]},
        "operating-system": {"family":"linux","name":"Debian","version":"12","full_name":"Debian 12","kernel":"6.1","architecture":"x86_64",
            "host_name":"salle","edition":"E","build":"12.11","install_date":"2024-01-31","support_end":"2028-06-30"},
        "software": {"packages":[{"name":"a","version":"1","architecture":"amd64","source":"dpkg","publisher":"P","size_bytes":12,
            "key":"{K}","install_date":"2024-01-31","category":"browser"},{"name":"b","version":"","source":"windows"}]},
        "security-posture": {"secure_boot":"enabled","tpm":"2.0","firewalls":[{"name":"ufw","enabled":true}],
            "antivirus":[{"name":"ClamAV","enabled":true,"signatures":"27824","signatures_of":"2026-11-16"}],"local_administrators":2,
            "services":[{"name":"ssh","kind":"remote_access"}],"certificates":[{"place":"web","expires":"2027-01-01"}]},
        "updates": {"security":3},
        "monitors": {"monitors":[{"connector":"HDMI-A-1","kind":"monitor","manufacturer":"Acer Technologies","caption":"B226WL",
            "serial":"S","alternative_serial":"A","week":12,"year":2020,"bad_checksum":false}]},
        "pci": {"devices":[{"slot":"0000:00:02.0","class":"0300","kind":"display","id":"8086:3e92","subsystem":"103c:83f2",
            "vendor":"Intel","name":"UHD 630","driver":"i915"}]},
        "graphics": {"adapters":[{"slot":"0000:00:02.0","id":"8086:3e92","vendor":"Intel","name":"UHD 630","memory_bytes":268_435_456u64}]},
        "sound": {"cards":[{"slot":"0000:00:1f.3","vendor":"Intel","name":"HDA"}]},
        "usb": {"devices":[{"port":"1-4","id":"046d:c31c","vendor":"Logitech","name":"K120","serial":"S","built_in":false}]},
        "printers": {"printers":[{"name":"Salle","model":"HL-5370DW","serial":"S","uri":"ipp://192.0.2.9/ipp","default":true,"shared":false}]},
        "batteries": {"batteries":[{"name":"BAT0","manufacturer":"M","model":"B","serial":"S","chemistry":"li_ion","design_mwh":48_000}]},
        "agent": {"version":"0.1.0","target":"x86_64-linux-gnu"},
    });
    let raw = |data: &Value| serde_json::value::to_raw_value(&json!({"outcome":"complete","data":data})).unwrap();
    let sections: BTreeMap<_, _> =
        bodies.as_object().unwrap().iter().map(|(name, data)| (name.clone(), raw(data))).collect();

    let document = vigie_shared::glpi::inventory("salle-12-03", &sections);

    assert_eq!(wrong(&document, &schema), Vec::<String>::new());
    for category in [
        "bios",
        "hardware",
        "cpus",
        "memories",
        "storages",
        "drives",
        "networks",
        "softwares",
        "antivirus",
        "firewalls",
        "monitors",
        "controllers",
        "videos",
        "sounds",
        "usbdevices",
        "printers",
        "batteries",
    ] {
        assert!(document["content"].get(category).is_some(), "{category}");
    }
    assert_eq!(document["content"]["monitors"][0]["description"], "12/2020");
    assert_eq!(document["content"]["controllers"][0]["productid"], "3e92");
}

#[test]
fn the_strict_check_finds_what_it_is_there_for() {
    let Some(schema) = schema() else { return };
    let good = json!({"deviceid":"x","content":{"versionclient":"V","bios":{"ssn":"1"}}});
    assert_eq!(wrong(&good, &schema), Vec::<String>::new());
    for (pointer, bad) in [
        ("/content/bios", json!({"serial_number":"1"})),
        ("/content/bios", json!({"bdate":"05/11/2021"})),
        ("/content/bios", json!({"secure_boot":"yes"})),
        ("/content/bios", json!([])),
        ("/content", json!({})),
    ] {
        let mut document = good.clone();
        *document.pointer_mut(pointer).unwrap() = bad.clone();
        assert!(!wrong(&document, &schema).is_empty(), "{bad}");
    }
}
