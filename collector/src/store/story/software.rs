//! The software of the fleet, rules for it, tables that people bring in.

use super::hand::{complete, send};
use super::*;
use crate::fleet::catalogue::{Part, ProgramKey, SYSTEM};
use crate::fleet::rules::SoftwarePolicy;
use serde_json::json;

on_every_store!(
    the_catalogue_counts_each_machine_by_its_last_complete_list,
    a_part_of_the_fleet_is_a_basin_a_school_or_a_machine,
    every_version_of_the_rules_for_software_is_kept,
    tables_replace_entries_of_the_same_name,
);

fn packages(version: &str) -> serde_json::Value {
    complete(json!({"packages": [{"name": "Firefox", "version": version, "source": "dpkg"}]}))
}

fn key(name: &str, source: &str) -> ProgramKey {
    ProgramKey { name: name.to_owned(), source: source.to_owned() }
}

async fn the_catalogue_counts_each_machine_by_its_last_complete_list(world: &World) {
    let store = world.open();
    let agents = machines(&store, 3).await;
    for agent in &agents {
        send(&store, agent, 60, "software", &packages("128")).await;
    }
    send(&store, &agents[1], 120, "software", &packages("140")).await;
    send(&store, &agents[2], 120, "software", &json!({"outcome": "unavailable", "reasons": ["locked"]})).await;
    let system = complete(json!({"family": "linux", "name": "Debian GNU/Linux", "version": "12"}));
    send(&store, &agents[0], 180, "operating-system", &system).await;

    let fleet = store.software(Part::default()).await.unwrap();

    let firefox = &fleet.programs[&key("firefox", "dpkg")];
    let spread: Vec<_> = firefox.by_age("dpkg").iter().map(|(version, on)| (*version, on.len())).collect();
    assert_eq!((spread, fleet.machines.len(), fleet.cut), (vec![("140", 1), ("128", 2)], 3, false));
    assert_eq!(fleet.programs[&key("debian gnu/linux", SYSTEM)].versions["12"].len(), 1);
    let rows = store.fleet_rows(Part::default()).await.unwrap();
    assert_eq!((rows.rows.len(), rows.cut), (3, false));
    let names: Vec<_> = rows.rows.iter().filter_map(|row| row.os.name.as_deref()).collect();
    assert_eq!(names, ["Debian GNU/Linux"]);
}

async fn a_part_of_the_fleet_is_a_basin_a_school_or_a_machine(world: &World) {
    let store = world.open();
    let agents = machines(&store, 2).await;
    for agent in &agents {
        send(&store, agent, 60, "software", &packages("128")).await;
    }
    let row = SchoolRow { basin: Some("Nord".to_owned()), ..school_row(UAI, "Collège Alpha") };
    store.import_schools(vec![row], at(70)).await.unwrap();
    let part = |basin: Option<&str>, school: Option<&str>, machine| Part {
        basin: basin.map(str::to_owned),
        school: school.map(|uai| uai.parse().unwrap()),
        machine,
    };
    let one = Some(agents[0].peer.machine);
    for (asked, count) in [
        (part(None, None, None), 2),
        (part(Some("Nord"), Some(UAI), None), 2),
        (part(Some("Nord"), Some(UAI), one), 1),
        (part(None, None, one), 1),
        (part(Some("Sud"), None, None), 0),
        (part(None, Some(OTHER_UAI), one), 0),
    ] {
        assert_eq!(store.software(asked.clone()).await.unwrap().machines.len(), count, "{asked:?}");
        assert_eq!(store.fleet_rows(asked.clone()).await.unwrap().rows.len(), count, "{asked:?}");
    }
}

async fn every_version_of_the_rules_for_software_is_kept(world: &World) {
    let store = world.open();
    assert_eq!(store.software_policy().await.unwrap(), SoftwarePolicy::default());
    let read = |text: &str| SoftwarePolicy::read(text).unwrap();
    let rule = r#"{"rules": [{"name": "r", "program": "x", "demand": "required"}]}"#;
    assert_eq!(store.set_software_policy(read(rule), "superviseur", at(1)).await.unwrap(), 1);
    assert_eq!(store.set_software_policy(read("{}"), "superviseur", at(2)).await.unwrap(), 2);
    let mut bad = read(rule);
    bad.rules[0].program.clear();
    let error = store.set_software_policy(bad, "superviseur", at(3)).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)) && error.to_string().contains("rules[0].program"), "{error}");
    assert_eq!(store.software_policy().await.unwrap(), SoftwarePolicy { version: 2, ..SoftwarePolicy::default() });
    let versions = store.software_policy_versions(9).await.unwrap();
    assert_eq!(versions.iter().map(|v| (v.version, v.since)).collect::<Vec<_>>(), [(2, at(2)), (1, at(1))]);
}

async fn tables_replace_entries_of_the_same_name(world: &World) {
    let store = world.open();
    let entry = |kind, name: &str, body: &str, second| Reference {
        kind,
        name: name.to_owned(),
        body: body.to_owned(),
        since: at(second),
        by: "superviseur".to_owned(),
    };
    let (life, hole) = (ReferenceKind::EndOfLife, ReferenceKind::Vulnerability);
    let first = vec![entry(life, "debian", "1", 1), entry(life, "firefox", "2", 1), entry(hole, "debian", "3", 1)];
    store.put_references(first.clone(), "superviseur", at(1)).await.unwrap();
    let again = entry(life, "debian", "4", 2);
    store.put_references(vec![again.clone()], "superviseur", at(2)).await.unwrap();

    assert_eq!(store.references(life).await.unwrap(), [again, first[1].clone()]);
    assert_eq!(store.references(hole).await.unwrap(), [first[2].clone()]);
}
