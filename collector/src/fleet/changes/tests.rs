use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn body(outcome: &str, data: &Value) -> String {
    match outcome {
        "complete" => json!({"outcome": outcome, "data": data}),
        _ => json!({"outcome": outcome, "reasons": ["a source could not be read"], "data": data}),
    }
    .to_string()
}

fn complete(section: &str, before: Value, after: Value) -> Vec<Change> {
    between(section, &body("complete", &before), &body("complete", &after))
}

fn short(changes: &[Change]) -> Vec<String> {
    let value = |text: &Option<String>| text.clone().unwrap_or_default();
    let one =
        |c: &Change| format!("{} {} {} {}→{}", c.kind.as_str(), c.item, c.field, value(&c.before), value(&c.after));
    changes.iter().map(one).collect()
}

#[test]
fn memory_that_vanished_is_a_change_and_a_loss() {
    let found = complete(
        "memory",
        json!({"total_bytes": 8_u64 << 30, "slots": 2}),
        json!({"total_bytes": 4_u64 << 30, "slots": 2}),
    );
    assert_eq!(short(&found), ["changed  total_bytes 8589934592→4294967296"]);
    let lost = losses(&found);
    assert_eq!((lost.len(), lost[0].code, lost[0].after.as_str()), (1, "memory_vanished", "4294967296"));
    let less =
        complete("memory", json!({"total_bytes": 8_u64 << 30}), json!({"total_bytes": (8_u64 << 30) - (100 << 20)}));
    assert_eq!((less.len(), losses(&less)), (1, vec![]), "graphics took some more");
}

#[test]
fn a_disk_in_the_place_of_another_replaced_it_and_one_that_went_is_a_loss() {
    let disk = |serial: &str, name: &str| json!({"name": name, "serial": serial, "model": "M", "removable": false});
    let replaced = complete("storage", json!({"disks": [disk("A1", "sda")]}), json!({"disks": [disk("B2", "sda")]}));
    assert_eq!((replaced.len(), replaced[0].kind, replaced[0].item.as_str()), (1, Kind::Replaced, "B2"));
    assert_eq!(losses(&replaced), []);
    let gone = complete(
        "storage",
        json!({"disks": [disk("A1", "sda"), disk("B2", "sdb")]}),
        json!({"disks": [disk("A1", "sda")]}),
    );
    assert_eq!((gone.len(), gone[0].kind, losses(&gone)[0].before.as_str()), (1, Kind::Removed, "M, B2"));
    let renamed = complete("storage", json!({"disks": [disk("A1", "sda")]}), json!({"disks": [disk("A1", "sdb")]}));
    assert_eq!(short(&renamed), ["changed A1 name sda→sdb"]);
    let stick = json!({"name": "sdc", "serial": "S", "bus": "usb", "removable": true});
    assert_eq!(losses(&complete("storage", json!({"disks": [stick]}), json!({"disks": []}))), [], "taken out");
}

#[test]
fn programs_are_installed_removed_and_updated() {
    let package = |name: &str, version: &str| json!({"name": name, "version": version, "source": "dpkg", "size_bytes": version.len()});
    let found = complete(
        "software",
        json!({"packages": [package("firefox-esr", "128.3"), package("gimp", "2.10")]}),
        json!({"packages": [package("firefox-esr", "140.1.2"), package("vlc", "3.0")]}),
    );
    assert_eq!(found.iter().map(|c| c.kind).collect::<Vec<_>>(), [Kind::Changed, Kind::Added, Kind::Removed]);
    assert_eq!(short(&found)[0], "changed firefox-esr · dpkg version 128.3→140.1.2");
    let several = complete(
        "software",
        json!({"packages": [package("kernel", "5"), package("kernel", "6")]}),
        json!({"packages": [package("kernel", "6"), package("kernel", "7")]}),
    );
    assert_eq!(short(&several), ["changed kernel · dpkg version 5, 6→6, 7"]);
}

#[test]
fn a_module_of_another_serial_number_in_the_same_slot_replaced_it() {
    let module = |serial: &str| json!({"modules": [{"slot": "DIMM1", "serial": serial, "size_bytes": 1}]});
    let found = complete("memory", module("a"), module("b"));
    assert_eq!((found.len(), found[0].kind), (1, Kind::Replaced));
}

#[test]
fn what_was_read_in_part_never_says_removed() {
    let all = json!({"packages": [{"name": "a", "version": "1"}, {"name": "b", "version": "1"}]});
    let some = json!({"packages": [{"name": "a", "version": "2"}]});
    let none = json!({"outcome": "unavailable", "reasons": ["the list could not be read"]}).to_string();
    for (before, after) in [("complete", "partial"), ("partial", "complete")] {
        assert_eq!(between("software", &body(before, &all), &body(after, &some)), []);
    }
    assert_eq!(between("software", &body("complete", &all), &none), []);
    assert_eq!(between("software", &none, &body("complete", &all)), []);
    let partial = between("software", &body("partial", &all), &body("partial", &some));
    assert_eq!(short(&partial), ["changed a version 1→2"]);
}

#[test]
fn an_unknown_section_is_compared_by_the_usual_keys_and_rubbish_says_nothing() {
    let monitor = |serial: &str| json!({"monitors": [{"serial": serial, "size": {"width_mm": 5}}], "count": 1});
    let found = complete("monitors", monitor("a"), monitor("b"));
    assert_eq!(found.iter().map(|c| c.kind).collect::<Vec<_>>(), [Kind::Added, Kind::Removed]);
    for rubbish in
        ["", "[]", "{\"outcome\":5}", "{\"outcome\":\"complete\",\"data\":[1]}", "{\"outcome\":\"complete\"}"]
    {
        assert_eq!(between("monitors", rubbish, rubbish), [], "{rubbish}");
    }
    assert_eq!(between("checks", &body("complete", &json!({"a": 1})), &body("complete", &json!({"a": 2}))), []);
}

#[test]
fn a_link_that_comes_and_goes_is_no_change() {
    let card = |up: bool, address: &str| json!({"interfaces": [{"name": "eth0", "up": up, "addresses": [address]}]});
    assert_eq!(complete("network", card(true, "10.1.1.1/16"), card(false, "10.1.1.2/16")), []);
}

#[test]
fn more_changes_than_the_bound_are_counted() {
    let many = |n: usize| json!({"packages": (0..n).map(|n| json!({"name": format!("p{n}"), "version": "1"})).collect::<Vec<_>>()});
    let found = complete("software", many(0), many(1000));
    assert_eq!((found.len(), found[MOST].kind, found[MOST].after.as_deref()), (MOST + 1, Kind::More, Some("700")));
    let long = |n: usize| json!({"packages": (0..n).map(|n| json!({"name": format!("p{n}"), "version": "1", "publisher": "x".repeat(5000)})).collect::<Vec<_>>()});
    let bytes: usize =
        complete("software", long(0), long(1000)).iter().map(|c| c.after.as_ref().map_or(0, String::len)).sum();
    assert!(bytes <= BYTES_MOST + 64, "{bytes}");
}

fn item() -> impl Strategy<Value = Value> {
    let word = || prop_oneof![Just(None), "[a-c]{1,2}".prop_map(Some)];
    (word(), word(), word(), word(), 0..3_u8).prop_map(|(serial, name, slot, source, n)| {
        json!({"serial": serial, "name": name, "slot": slot, "mount_point": name, "source": source, "version": n})
    })
}

fn section() -> impl Strategy<Value = Value> {
    (proptest::collection::vec(item(), 0..6), 0..4_u32, proptest::option::of("[xy]")).prop_map(|(items, n, word)| {
        json!({"disks": items, "modules": items, "packages": items, "others": items, "total_bytes": n,
            "bios": {"version": word, "date": n}})
    })
}

proptest! {
    #[test]
    fn replaying_the_changes_of_a_sequence_leads_from_the_first_to_the_last(
        which in proptest::sample::select(vec!["storage", "memory", "software", "network", "volumes", "monitors"]),
        sections in proptest::collection::vec((section(), any::<bool>()), 1..8),
    ) {
        let mut known = sections[0].0.clone();
        let mut state = flatten(which, &known);
        for (data, whole) in &sections[1..] {
            let outcome = if *whole { "complete" } else { "partial" };
            let found = between(which, &body("complete", &known), &body(outcome, data));
            if *whole {
                known = data.clone();
            } else {
                prop_assert_eq!(&found, &vec![], "the last complete one stays");
            }
            state = replay(state, &found);
        }
        prop_assert_eq!(state, flatten(which, &known));
    }
}
