//! Planned maintenance: tickets and messages wait for its end, nothing else does.

use super::desk::Desk;
use super::*;
use vigie_shared::id::MaintenanceId;

on_every_store!(
    what_breaks_in_a_maintenance_gets_its_ticket_when_it_ends,
    a_maintenance_ended_before_its_time_counts_until_then,
    each_scope_covers_the_schools_that_it_names,
    a_maintenance_that_makes_no_sense_is_refused,
    those_that_go_on_or_are_to_come_are_listed_first,
);

fn planned(planned_for: PlannedFor, from: i64, to: i64) -> NewMaintenance {
    let (reason, by) = ("Baie remplacée".to_owned(), "superviseur".to_owned());
    NewMaintenance { planned_for, from: at(from), to: at(to), reason, by }
}

async fn plan(desk: &Desk, planned_for: PlannedFor, from: i64, to: i64, now: i64) -> MaintenanceId {
    desk.store.add_maintenance(planned(planned_for, from, to), at(now)).await.unwrap()
}

fn ours() -> PlannedFor {
    PlannedFor::School(UAI.parse().unwrap())
}

async fn what_breaks_in_a_maintenance_gets_its_ticket_when_it_ends(world: &World) {
    let mut desk = Desk::new(world).await;
    plan(&desk, ours(), 100, 3600, 10).await;
    desk.full(200).await;
    assert_eq!((desk.tickets().await.len(), desk.store.counts(at(0)).await.unwrap().messages_waiting), (0, 0));
    let open = desk.store.school(UAI, at(200)).await.unwrap().unwrap().school.open;
    assert_eq!(open.len(), 1, "it is seen all the same");
    assert!(due(&desk.store, 3600).await.contains(&desk.school));

    desk.tick(3700).await;

    let tickets = desk.tickets().await;
    assert_eq!((tickets.len(), tickets[0].opened), (1, at(3600)), "it overran: what counts begins at its end");
    assert_eq!(tickets[0].due, at(3600 + 20 * 3600));
    assert_eq!(desk.told().await, ["ticket_opened"]);
}

async fn a_maintenance_ended_before_its_time_counts_until_then(world: &World) {
    let mut desk = Desk::new(world).await;
    let id = plan(&desk, PlannedFor::Machine(desk.machine), 0, 7200, 10).await;
    desk.full(200).await;
    desk.well(300).await;
    desk.full(400).await;
    assert_eq!(desk.tickets().await, []);

    desk.store.end_maintenance(id, "technicien.a", at(1000)).await.unwrap();

    assert_eq!(due(&desk.store, 1000).await, [desk.school]);
    desk.tick(1000).await;
    assert_eq!(desk.tickets().await[0].opened, at(1000));
    let again = desk.store.end_maintenance(id, "technicien.a", at(1100)).await.unwrap_err();
    assert!(matches!(again, StoreError::Conflict(_)));
    let unknown = desk.store.end_maintenance(MaintenanceId::new(), "technicien.a", at(1100)).await.unwrap_err();
    assert!(matches!(unknown, StoreError::NotFound(_)));
    let listed = desk.store.maintenances(at(1100), 10).await.unwrap().remove(0);
    assert_eq!((listed.ended, listed.ended_by.as_deref()), (Some(at(1000)), Some("technicien.a")));
}

async fn each_scope_covers_the_schools_that_it_names(world: &World) {
    let mut desk = Desk::new(world).await;
    let named =
        |uai: &str, name: &str, basin: &str| SchoolRow { basin: Some(basin.to_owned()), ..school_row(uai, name) };
    let rows = vec![named(UAI, "Collège Alpha", "Nord"), named(OTHER_UAI, "Collège Bêta", "Sud")];
    desk.store.import_schools(rows, at(5)).await.unwrap();
    let elsewhere = [PlannedFor::School(OTHER_UAI.parse().unwrap()), PlannedFor::Basin("Sud".to_owned())];
    for planned_for in elsewhere {
        plan(&desk, planned_for, 0, 5000, 10).await;
    }
    plan(&desk, PlannedFor::Room(UAI.parse().unwrap(), "B12".to_owned()), 0, 5000, 10).await;
    plan(&desk, PlannedFor::Fleet, 20_000, 30_000, 10).await;
    desk.full(100).await;
    assert_eq!(desk.tickets().await.len(), 1, "none of these is about this machine now");
    desk.well(200).await;
    desk.tick(900).await;

    for (planned_for, second) in [(PlannedFor::Fleet, 200_000), (PlannedFor::Basin("Nord".to_owned()), 400_000)] {
        let id = plan(&desk, planned_for, second, second + 9000, second).await;
        desk.full(second + 10).await;
        assert_eq!(desk.tickets().await.iter().filter(|ticket| ticket.open).count(), 0);
        desk.store.end_maintenance(id, "superviseur", at(second + 100)).await.unwrap();
        assert!(due(&desk.store, second + 100).await.contains(&desk.school));
        desk.tick(second + 100).await;
        assert_eq!(desk.tickets().await.iter().filter(|ticket| ticket.open).count(), 1);
        desk.well(second + 200).await;
        desk.tick(second + 900).await;
    }
}

async fn a_maintenance_that_makes_no_sense_is_refused(world: &World) {
    let desk = Desk::new(world).await;
    let refused = async |new: NewMaintenance| desk.store.add_maintenance(new, at(1000)).await.unwrap_err();
    for (from, to) in [(2000, 2000), (3000, 2000), (10, 900), (1000, 1000 + 91 * 86_400)] {
        assert!(matches!(refused(planned(ours(), from, to)).await, StoreError::Conflict(_)), "{from} {to}");
    }
    for reason in ["", "  ", "a\0b", &"x".repeat(201)] {
        let new = NewMaintenance { reason: reason.to_owned(), ..planned(ours(), 0, 2000) };
        assert!(matches!(refused(new).await, StoreError::Conflict(_)), "{reason:?}");
    }
    let unknown = [
        PlannedFor::School(OTHER_UAI.parse().unwrap()),
        PlannedFor::Room(OTHER_UAI.parse().unwrap(), "B12".to_owned()),
        PlannedFor::Basin("Ouest".to_owned()),
        PlannedFor::Machine(MachineId::new()),
    ];
    for planned_for in unknown {
        let error = refused(planned(planned_for.clone(), 0, 2000)).await;
        assert!(matches!(error, StoreError::NotFound(_)), "{planned_for:?}: {error}");
    }
    let room = PlannedFor::Room(UAI.parse().unwrap(), " ".to_owned());
    assert!(matches!(refused(planned(room, 0, 2000)).await, StoreError::Conflict(_)));
    assert_eq!(desk.store.maintenances(at(1000), 10).await.unwrap(), []);
}

async fn those_that_go_on_or_are_to_come_are_listed_first(world: &World) {
    let desk = Desk::new(world).await;
    for (from, to) in [(0, 100), (5000, 6000), (0, 200), (50, 9000)] {
        plan(&desk, ours(), from, to, 10).await;
    }
    let never = plan(&desk, PlannedFor::Fleet, 8000, 9000, 10).await;
    desk.store.end_maintenance(never, "superviseur", at(20)).await.unwrap();

    let list = desk.store.maintenances(at(1000), 10).await.unwrap();

    let shown: Vec<_> = list.iter().map(|one| (one.from, one.to)).collect();
    let expected = [(50, 9000), (5000, 6000), (8000, 9000), (0, 200), (0, 100)];
    assert_eq!(shown, expected.map(|(from, to)| (at(from), at(to))));
    assert_eq!(list[0].school, Some((UAI.parse().unwrap(), "Collège Alpha".to_owned())));
    assert_eq!(list[2].ended, Some(at(8000)), "it never begins");
    assert_eq!(desk.store.maintenances(at(1000), 2).await.unwrap().len(), 2);
}
