//! Machines that enrol again: who they were, what people decide, and that nothing is lost by it.

use super::desk::engine;
use super::hand::{complete, send};
use super::*;
use crate::fleet::hand::Written;
use serde_json::json;

on_every_store!(
    a_machine_installed_anew_is_told_and_goes_on_with_history_and_record,
    what_was_decided_can_be_taken_back_without_loss,
    two_that_both_speak_are_two,
    hardware_that_says_nothing_makes_no_pair,
);

fn memory(gib: u64) -> serde_json::Value {
    complete(json!({"total_bytes": gib << 30}))
}

/// A machine with a past, and the same enrolled again; the first speaks last at this second.
async fn again(store: &Arc<dyn Store>, last: i64) -> (Agent, MachineId) {
    let agent = one_machine(store).await;
    send(store, &agent, 60, "memory", &memory(8)).await;
    send(store, &agent, last, "memory", &memory(16)).await;
    store.create_token(token(2, 1)).await.unwrap();
    let enrolled = store.enrol(Enrolment { now: at(500), ..enrolment(2, 7) }).await.unwrap();
    (agent, enrolled.machine)
}

async fn a_machine_installed_anew_is_told_and_goes_on_with_history_and_record(world: &World) {
    let store = world.open();
    let (agent, new) = again(&store, 120).await;
    let old = agent.peer.machine;
    let written = Written { room: "B12".to_owned(), inventory_number: "INV-1".to_owned(), ..Written::default() };
    store.set_hand(old, 0, written.clone(), "technicien.a", at(130)).await.unwrap();
    let told = store.kinships().await.unwrap();
    assert_eq!((told.len(), told[0].machine.id, told[0].former.id), (1, new, old));
    assert_eq!((told[0].shared.clone(), told[0].silent), (vec!["board_serial".to_owned()], true));

    store.attach(new, old, "superviseur", at(600), engine()).await.unwrap();

    assert_eq!(store.kinships().await.unwrap(), []);
    assert_eq!(store.hand(new).await.unwrap().unwrap().written, written);
    let fields: Vec<_> = store.history(new, 9).await.unwrap().into_iter().map(|row| row.change.field).collect();
    assert_eq!(fields, ["inventory_number", "room", "total_bytes"]);
    assert_eq!(store.machine(old, at(601)).await.unwrap(), None);
    let tiny = Tiny::new();
    let refused = sync(&store, &tiny, agent.call(700, 1, 1, &[])).await.unwrap_err();
    assert_eq!(code(refused), ErrorCode::MachineDeleted, "the old key is worth nothing any more");
    let page = store.machine(new, at(701)).await.unwrap().unwrap();
    assert_eq!(page.findings[0].note.code, "reattached");
    let kin = store.kins(9).await.unwrap();
    assert_eq!((kin[0].machine.0, kin[0].former.0, kin[0].by.as_str()), (new, old, "superviseur"));
}

async fn what_was_decided_can_be_taken_back_without_loss(world: &World) {
    let store = world.open();
    let (agent, new) = again(&store, 120).await;
    let old = agent.peer.machine;
    store.attach(new, old, "superviseur", at(600), engine()).await.unwrap();

    store.detach(new, "superviseur", at(700), engine()).await.unwrap();

    assert_eq!(store.history(new, 9).await.unwrap(), []);
    assert_eq!(store.history(old, 9).await.unwrap().len(), 1);
    assert_eq!(store.machine(old, at(701)).await.unwrap().unwrap().machine.status, "trusted");
    sync(&store, &Tiny::new(), agent.call(800, 1, 1, &[])).await.unwrap();
    let error = store.detach(new, "superviseur", at(701), engine()).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound(_)), "{error}");
    assert_eq!(store.school(UAI, at(801)).await.unwrap().unwrap().school.machines.len(), 2);
}

async fn two_that_both_speak_are_two(world: &World) {
    let store = world.open();
    let (agent, new) = again(&store, 501).await;
    assert!(!store.kinships().await.unwrap()[0].silent);
    for (machine, former) in [(new, agent.peer.machine), (agent.peer.machine, new), (new, new)] {
        let error = store.attach(machine, former, "superviseur", at(600), engine()).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    }
    assert_eq!(store.kins(9).await.unwrap(), []);
}

async fn hardware_that_says_nothing_makes_no_pair(world: &World) {
    let store = world.open();
    let agent = one_machine(&store).await;
    store.create_token(token(2, 1)).await.unwrap();
    let bare = Enrolment { hardware: HardwareEvidence::default(), now: at(500), ..enrolment(2, 7) };
    let new = store.enrol(bare).await.unwrap().machine;
    assert_eq!(store.kinships().await.unwrap(), []);
    let error = store.attach(new, agent.peer.machine, "superviseur", at(600), engine()).await.unwrap_err();
    assert!(error.to_string().contains("hardware"), "{error}");
}
