//! Several collectors on one PostgreSQL behind a real balancer: whatever is killed, cut or restarted, agents go on,
//! nothing is lost, no ticket comes twice and nobody is declared absent. Needs root, network namespaces, PostgreSQL and
//! HAProxy; the tests on the loopback need PostgreSQL only.

use std::time::Duration;
use vigie_shared::policy::Policy;
use vigie_tests::replicas::{Kept, Replicas, skipped};
use vigie_tests::stage::policy;
use vigie_tests::wait::stays_true;

/// The smallest that the policy allows.
const HEARTBEAT_S: u32 = 5;
const TO_TICKET: Duration = Duration::from_secs(25);
/// The agent's longest pause between two tries is 20 s at this heartbeat.
const TO_COME_BACK: Duration = Duration::from_secs(45);
/// Longer than any silence that would open a ticket.
const LONG_ABSENCE: Duration = Duration::from_secs(30);

fn quick() -> Policy {
    policy(HEARTBEAT_S)
}

/// Nothing lost, nothing twice, and only the one ticket, of the first school.
fn assert_one_ticket_and_nothing_lost(replicas: &Replicas) {
    let store = replicas.store().unwrap();
    let (tickets, incidents) = (store.tickets().unwrap(), store.incidents().unwrap());
    assert_eq!(tickets.len(), 1, "{tickets:?}\n{incidents:?}");
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    assert!(incidents[0].scope.starts_with("school:"), "{incidents:?}");
    assert_eq!(replicas.faults().unwrap(), Vec::<String>::new());
}

fn assert_no_ticket_and_nothing_lost(replicas: &Replicas) {
    let store = replicas.store().unwrap();
    assert_eq!(store.tickets().unwrap(), [], "{:?}", store.incidents().unwrap());
    assert_eq!(replicas.faults().unwrap(), Vec::<String>::new());
}

/// Nobody of this school is thought to be silent, for all of `bound`. While the database is away nothing is thought.
fn stays_heard(replicas: &Replicas, school: usize, bound: Duration) {
    let store = replicas.store().unwrap();
    stays_true("everybody of the other school is online", bound, || {
        replicas.of_school(school).all(|member| match store.presence(&member.id) {
            Ok(presence) => presence.as_deref() == Some("online"),
            Err(_) => true,
        })
    })
    .unwrap();
}

/// The collector with the most agents.
fn busiest(replicas: &Replicas) -> usize {
    let load = |place: &usize| replicas.balancer.health(replicas.name(*place)).unwrap().connections;
    (0..replicas.collectors.len()).max_by_key(load).unwrap()
}

#[test]
fn agents_behind_a_balancer_come_back_when_their_only_collector_does() {
    if skipped(Kept::Embedded) {
        return;
    }
    let mut replicas = Replicas::running(1, Kept::Embedded, &[2], &quick()).unwrap();
    assert!(replicas.balancer.health("replica1").unwrap().connections >= 2);

    replicas.collectors[0].kill_9().unwrap();
    replicas.balancer.wait_up("replica1", false).unwrap();
    replicas.collectors[0].start(None).unwrap();
    replicas.balancer.wait_up("replica1", true).unwrap();

    replicas.wait_told(TO_COME_BACK, |_| true).unwrap();
    assert_no_ticket_and_nothing_lost(&replicas);
}

#[test]
fn a_replica_killed_during_an_outage_changes_nothing_for_anybody() {
    if skipped(Kept::Server) {
        return;
    }
    let mut replicas = Replicas::running(3, Kept::Server, &[3, 2], &quick()).unwrap();
    replicas.world.schools[0].cut_line().unwrap();
    let opened = replicas.wait_ticket(TO_TICKET).unwrap();

    let victim = busiest(&replicas);
    replicas.collectors[victim].kill_9().unwrap();
    stays_heard(&replicas, 1, Duration::from_secs(15));
    replicas.world.schools[0].restore_line().unwrap();
    let resolved = replicas.wait_resolved(TO_COME_BACK).unwrap();
    replicas.collectors[victim].start(None).unwrap();
    replicas.balancer.wait_up(replicas.name(victim), true).unwrap();

    replicas.wait_told(TO_COME_BACK, |_| true).unwrap();
    assert_eq!(resolved[0].number, opened.number);
    assert_one_ticket_and_nothing_lost(&replicas);
}

#[test]
fn the_agents_of_a_replica_cut_from_the_database_move_to_the_others_until_it_is_back() {
    if skipped(Kept::Server) {
        return;
    }
    let mut replicas = Replicas::running(3, Kept::Server, &[3, 2], &quick()).unwrap();
    let lonely = busiest(&replicas);
    let name = replicas.name(lonely).to_owned();
    assert!(replicas.balancer.health(&name).unwrap().connections > 0, "it has agents to lose");

    replicas.cut_from_database(lonely).unwrap();
    replicas.balancer.wait_up(&name, false).unwrap();
    replicas.wait_told(TO_COME_BACK, |_| true).unwrap();
    assert_eq!(replicas.balancer.health(&name).unwrap().connections, 0, "nobody is left there");
    for school in [0, 1] {
        stays_heard(&replicas, school, Duration::from_secs(8));
    }

    replicas.restore_database(lonely).unwrap();
    replicas.balancer.wait_up(&name, true).unwrap();
    // It alone is left: who is heard now is heard through it.
    for other in (0..3).filter(|other| *other != lonely) {
        replicas.collectors[other].kill_9().unwrap();
    }
    replicas.wait_told(TO_COME_BACK, |_| true).unwrap();
    assert_no_ticket_and_nothing_lost(&replicas);
}

#[test]
fn a_database_that_crashes_during_an_outage_loses_nothing_and_accuses_nobody() {
    if skipped(Kept::Server) {
        return;
    }
    let mut replicas = Replicas::running(3, Kept::Server, &[3, 2], &quick()).unwrap();
    replicas.world.schools[0].cut_line().unwrap();
    let opened = replicas.wait_ticket(TO_TICKET).unwrap();

    // The line comes back in the same moment: its agents have much to tell to collectors that cannot write.
    replicas.postgres.as_mut().unwrap().stop_hard().unwrap();
    replicas.world.schools[0].restore_line().unwrap();
    stays_true("the collectors live", Duration::from_secs(10), || {
        replicas.collectors.iter_mut().all(|collector| collector.process().is_ok_and(|process| process.is_running()))
    })
    .unwrap();
    for number in 0..3 {
        replicas.balancer.wait_up(replicas.name(number), false).unwrap();
    }
    replicas.postgres.as_mut().unwrap().start_again().unwrap();
    stays_heard(&replicas, 1, Duration::from_secs(10));

    let resolved = replicas.wait_resolved(TO_COME_BACK).unwrap();
    replicas.wait_told(TO_COME_BACK, |_| true).unwrap();
    assert_eq!(resolved[0].number, opened.number);
    assert_one_ticket_and_nothing_lost(&replicas);
}

#[test]
fn nobody_is_absent_because_all_replicas_were_away() {
    if skipped(Kept::Server) {
        return;
    }
    let mut replicas = Replicas::running(3, Kept::Server, &[2, 2], &quick()).unwrap();

    for collector in &mut replicas.collectors {
        collector.stop().unwrap();
    }
    stays_true("time", LONG_ABSENCE, || true).unwrap();
    for collector in &mut replicas.collectors {
        collector.start(None).unwrap();
    }

    let store = replicas.store().unwrap();
    stays_true("no ticket", LONG_ABSENCE, || store.tickets().is_ok_and(|all| all.is_empty())).unwrap();
    replicas.wait_told(TO_COME_BACK, |_| true).unwrap();
    assert_no_ticket_and_nothing_lost(&replicas);
}
