//! What the pages read.

use super::*;

on_every_store!(
    an_import_says_what_it_did_and_is_all_or_nothing,
    the_fleet_shows_schools_with_machines_and_the_worst_of_each_machine,
    what_is_not_there_is_none,
);

async fn an_import_says_what_it_did_and_is_all_or_nothing(world: &World) {
    let store = world.open();
    let rows = vec![school_row(UAI, "Collège Alpha"), school_row(OTHER_UAI, "Lycée Bêta")];
    let first = store.import_schools(rows.clone(), at(0)).await.unwrap();
    assert_eq!(first, Imported { added: 2, updated: 0, unchanged: 0 });
    let second = store.import_schools(vec![rows[0].clone(), school_row(OTHER_UAI, "Lycée Gamma")], at(1)).await;
    assert_eq!(second.unwrap(), Imported { added: 0, updated: 1, unchanged: 1 });
    assert_eq!(store.school("0959902x", at(2)).await.unwrap().unwrap().school.name, "Lycée Gamma");
}

fn volume(state: CheckState, instance: &str) -> Fact {
    let result = vigie_shared::check::CheckResult {
        check: "volume-space".to_owned(),
        instance: instance.to_owned(),
        state,
        reason: Reason::SpaceLow,
        evidence: BTreeMap::new(),
    };
    Fact::Check { result, bracket_ms: None }
}

async fn the_fleet_shows_schools_with_machines_and_the_worst_of_each_machine(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agents = machines(&store, 2).await;
    store.import_schools(vec![school_row(OTHER_UAI, "Lycée Bêta")], at(0)).await.unwrap();
    let events = [
        (1, 40, volume(CheckState::Warning, "/")),
        (2, 41, volume(CheckState::Critical, "/data")),
        (3, 42, volume(CheckState::Unknown, "/mnt")),
    ];
    sync(&store, &tiny, agents[0].call(60, 1, 4, &events)).await.unwrap();

    let fleet = store.fleet(at(61)).await.unwrap();

    assert_eq!((fleet.schools.len(), fleet.empty_schools, fleet.tickets.len()), (1, 1, 1));
    let machines = &fleet.schools[0].machines;
    assert_eq!((machines[0].worst, machines[1].worst), (Some(CheckState::Critical), None));
    let expected = ("volume-space".to_owned(), "/data".to_owned(), Reason::SpaceLow);
    assert_eq!(machines[0].worst_check, Some(expected));
    assert_eq!((machines[0].presence, machines[1].presence), (Presence::Online, Presence::Never));
    let late = store.fleet(at(300)).await.unwrap();
    assert_eq!(late.schools[0].machines[0].presence, Presence::Silent, "late at the moment of reading");
    let counts = store.counts(at(61)).await.unwrap();
    assert_eq!((counts.machines["online"], counts.machines["never"], counts.open_tickets), (1, 1, 1));
}

async fn what_is_not_there_is_none(world: &World) {
    let store = world.open();
    assert!(store.school(UAI, at(0)).await.unwrap().is_none());
    assert!(store.school("'; DROP TABLE school; --", at(0)).await.unwrap().is_none());
    assert!(store.machine(MachineId::new(), at(0)).await.unwrap().is_none());
    assert!(store.ticket(TicketId::new()).await.unwrap().is_none());
    assert_eq!(store.fleet(at(0)).await.unwrap().schools.len(), 0);
}
