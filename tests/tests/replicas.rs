//! Several collectors on one PostgreSQL behind a real balancer: whatever is killed, cut or restarted, agents go on,
//! nothing is lost, no ticket comes twice and nobody is declared absent. Needs root, network namespaces, PostgreSQL and
//! HAProxy; the tests on the loopback need PostgreSQL only.

use std::collections::BTreeSet;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use vigie_shared::check::{CheckResult, CheckState, Reason, VOLUME_SPACE};
use vigie_shared::event::{Event, Fact};
use vigie_shared::policy::Policy;
use vigie_test_postgres::Postgres;
use vigie_tests::collector::{Collector, SCHOOLS};
use vigie_tests::fake::FakeMachine;
use vigie_tests::replicas::{Kept, Member, Replicas, database_on, skipped};
use vigie_tests::stage::policy;
use vigie_tests::wait::{stays_true, wait_for};
use vigie_tests::web::{Browser, field};

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

/// Looks at the database from now on, all the time that it answers: is anybody of these taken for silent?
struct Watch {
    silent: Arc<Mutex<BTreeSet<String>>>,
    stop: Arc<AtomicBool>,
}

impl Watch {
    fn over(replicas: &Replicas, whom: impl Fn(&Member) -> bool) -> Self {
        let store = replicas.store().unwrap();
        let watched = replicas.members.iter().filter(|member| whom(member));
        let watched: Vec<_> = watched.map(|member| (member.id, member.machine.host.clone())).collect();
        let watch = Self { silent: Arc::default(), stop: Arc::default() };
        let (silent, stop) = (watch.silent.clone(), watch.stop.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                for (id, host) in &watched {
                    if store.presence(id).is_ok_and(|presence| presence.as_deref() == Some("silent")) {
                        silent.lock().unwrap().insert(host.clone());
                    }
                }
                std::thread::sleep(Duration::from_millis(250));
            }
        });
        watch
    }

    fn seen(&self) -> BTreeSet<String> {
        self.silent.lock().unwrap().clone()
    }

    fn assert_nobody_was_taken_for_silent(&self) {
        assert_eq!(self.seen(), BTreeSet::new());
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
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
    let watch = Watch::over(&replicas, |_| true);

    replicas.collectors[0].kill_9().unwrap();
    replicas.balancer.wait_up("replica1", false).unwrap();
    replicas.collectors[0].start(None).unwrap();
    replicas.balancer.wait_up("replica1", true).unwrap();

    replicas.wait_told(TO_COME_BACK, |_| true).unwrap();
    watch.assert_nobody_was_taken_for_silent();
    assert_no_ticket_and_nothing_lost(&replicas);

    // What the watch looks for is seen when it is true.
    let watch = Watch::over(&replicas, |_| true);
    replicas.members[0].machine.kill_9().unwrap();
    wait_for("its silence", TO_COME_BACK, || (!watch.seen().is_empty()).then_some(())).unwrap();
    assert_eq!(watch.seen(), [replicas.members[0].machine.host.clone()].into());
}

#[test]
fn a_replica_killed_during_an_outage_changes_nothing_for_anybody() {
    if skipped(Kept::Server) {
        return;
    }
    let mut replicas = Replicas::running(3, Kept::Server, &[3, 2], &quick()).unwrap();
    replicas.world.schools[0].cut_line().unwrap();
    let opened = replicas.wait_ticket(TO_TICKET).unwrap();
    let watch = Watch::over(&replicas, |member| member.school == 1);

    let victim = busiest(&replicas);
    replicas.collectors[victim].kill_9().unwrap();
    replicas.wait_told(TO_COME_BACK, |member| member.school == 1).unwrap();
    replicas.world.schools[0].restore_line().unwrap();
    let resolved = replicas.wait_resolved(TO_COME_BACK).unwrap();
    replicas.collectors[victim].start(None).unwrap();
    replicas.balancer.wait_up(replicas.name(victim), true).unwrap();

    replicas.wait_told(TO_COME_BACK, |_| true).unwrap();
    watch.assert_nobody_was_taken_for_silent();
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

    let watch = Watch::over(&replicas, |_| true);
    replicas.cut_from_database(lonely).unwrap();
    replicas.balancer.wait_up(&name, false).unwrap();
    replicas.wait_told(TO_COME_BACK, |_| true).unwrap();
    assert_eq!(replicas.balancer.health(&name).unwrap().connections, 0, "nobody is left there");

    replicas.restore_database(lonely).unwrap();
    replicas.balancer.wait_up(&name, true).unwrap();
    // It alone is left: who is heard now is heard through it.
    for other in (0..3).filter(|other| *other != lonely) {
        replicas.collectors[other].kill_9().unwrap();
    }
    replicas.wait_told(TO_COME_BACK, |_| true).unwrap();
    watch.assert_nobody_was_taken_for_silent();
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
    let watch = Watch::over(&replicas, |member| member.school == 1);

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

    let resolved = replicas.wait_resolved(TO_COME_BACK).unwrap();
    replicas.wait_told(TO_COME_BACK, |_| true).unwrap();
    watch.assert_nobody_was_taken_for_silent();
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

    let watch = Watch::over(&replicas, |_| true);
    let store = replicas.store().unwrap();
    stays_true("no ticket", LONG_ABSENCE, || store.tickets().is_ok_and(|all| all.is_empty())).unwrap();
    replicas.wait_told(TO_COME_BACK, |_| true).unwrap();
    watch.assert_nobody_was_taken_for_silent();
    assert_no_ticket_and_nothing_lost(&replicas);
}

/// A server and so many collectors on it, on the loopback; nobody speaks through a balancer. Needs no root.
fn on_loopback(count: usize) -> (TempDir, Postgres, Vec<Collector>) {
    let folder = tempfile::Builder::new().prefix("vigie-replicas-").tempdir().unwrap();
    let postgres = Postgres::start().unwrap();
    let database = database_on(&postgres, "vigie").unwrap();
    let mut collectors: Vec<Collector> = Vec::new();
    for number in 1..=count {
        let data = folder.path().join(format!("replica{number}"));
        let mut collector = Collector::replica(&data, None, "127.0.0.1", "127.0.0.1", Some(&database)).unwrap();
        if let Some(first) = collectors.first() {
            collector.take_file_key_of(first).unwrap();
        }
        collector.start(None).unwrap();
        collectors.push(collector);
    }
    collectors[0].import_schools().unwrap();
    (folder, postgres, collectors)
}

fn volume(machine: &FakeMachine, seq: u64, state: CheckState, reason: Reason) -> Event {
    let result = CheckResult {
        check: VOLUME_SPACE.into(),
        instance: "/".into(),
        state,
        reason,
        evidence: [("free_percent".to_owned(), "1".to_owned())].into(),
    };
    machine.event(seq, Fact::Check { result, bracket_ms: None })
}

#[test]
fn a_person_signed_in_on_one_replica_sees_on_another_at_once_what_happens_on_the_first() {
    if vigie_test_postgres::skipped() {
        return;
    }
    const AT_ONCE: Duration = Duration::from_secs(3);
    let (_folder, _postgres, collectors) = on_loopback(2);
    let [first, second] = &collectors[..] else { unreachable!() };
    let password = first.admin(&["user", "add", "superviseur.a", "--role", "supervisor"]).unwrap();
    let mut there = Browser::new(first.plain().unwrap());
    there.sign_in("superviseur.a", password.lines().last().unwrap().trim()).unwrap();

    // The session made at the first is good at the second.
    let mut here = there.elsewhere(second.plain().unwrap());
    assert_eq!(here.get("/").unwrap().status, 200);
    let mut live = here.live().unwrap();

    // A machine enrols at the first; a person approves it there.
    let token = first.token(1).unwrap();
    let mut machine = FakeMachine::enrol(&first.reach().unwrap(), &token, "poste1").unwrap();
    assert!(machine.quarantined);
    let before = version(first);
    let page = there.get("/quarantaine").unwrap();
    let csrf = field(&page.text, "csrf").expect("the form of the quarantine");
    let approved = there.post("/quarantaine", &[("poste", "tous"), ("csrf", &csrf)]).unwrap();
    assert_eq!(approved.status / 100, 3, "{}", approved.text);
    live.wait_version_above(before, AT_ONCE).unwrap();
    assert!(!here.get("/quarantaine").unwrap().text.contains("poste1"));

    // It tells the first that a volume is full: the second shows the ticket.
    let before = version(first);
    let full = volume(&machine, 2, CheckState::Critical, Reason::SpaceCritical);
    machine.sync(&machine.request(1, 3, vec![machine.started(1), full])).unwrap();
    live.wait_version_above(before, AT_ONCE).unwrap();
    let list = here.get("/tickets").unwrap().text;
    let path = list.split('"').find(|part| part.starts_with("/tickets/")).expect("a ticket is listed").to_owned();
    let open = here.get(&path).unwrap();
    assert_eq!(open.status, 200);

    // And the other way: what it tells the second changes the page of that ticket at the first.
    let (before, mut live) = (version(first), there.live().unwrap());
    machine.reconnect(&second.reach().unwrap());
    let fine = volume(&machine, 3, CheckState::Ok, Reason::Fine);
    machine.sync(&machine.request(3, 4, vec![fine])).unwrap();
    live.wait_version_above(before, AT_ONCE).unwrap();
    let tickets = first.store().unwrap().tickets().unwrap();
    assert!(tickets.len() == 1 && tickets[0].resolved_ms.is_none(), "it waits for quiet: {tickets:?}");
    assert_ne!(there.get(&path).unwrap().text, open.text, "the page of the ticket says that its incident ended");
}

fn version(collector: &Collector) -> u64 {
    collector.store().unwrap().school_version(SCHOOLS[0]).unwrap()
}

#[test]
fn any_replica_takes_up_where_another_left_off_and_counts_nothing_twice() {
    if vigie_test_postgres::skipped() {
        return;
    }
    let (_folder, _postgres, collectors) = on_loopback(3);
    let token = collectors[0].token(1).unwrap();
    let mut machine = FakeMachine::enrol(&collectors[1].reach().unwrap(), &token, "poste1").unwrap();
    collectors[2].approve_all().unwrap();

    // Each call at another replica, each one repeating the last event of the one before, as after a lost answer.
    let mut log = vec![machine.started(1)];
    for call in 1..=12_u64 {
        let reach = collectors[usize::try_from(call).unwrap() % 3].reach().unwrap();
        machine.reconnect(&reach);
        log.push(machine.resumed(call + 1, call));
        let again: Vec<Event> = log.iter().rev().take(2).rev().cloned().collect();
        let answer = machine.sync(&machine.request(again[0].seq, call + 2, again.clone())).unwrap();
        assert_eq!(answer.ack, call + 1);
    }

    let store = collectors[0].store().unwrap();
    let numbers: Vec<u64> = store.events(&machine.machine).unwrap().into_iter().map(|(_, seq, _)| seq).collect();
    assert_eq!(numbers, (1..=13).collect::<Vec<_>>(), "each once");
    assert_eq!(store.gaps(&machine.machine).unwrap(), []);
    assert_eq!(store.findings(&machine.machine).unwrap(), Vec::<String>::new());
}

#[test]
fn a_replica_with_another_file_key_or_none_is_refused_with_what_to_do() {
    if vigie_test_postgres::skipped() {
        return;
    }
    let (folder, postgres, collectors) = on_loopback(1);
    let database =
        vigie_tests::collector::Database { url: postgres.url_of("vigie"), look: postgres.socket_url("vigie") };
    for (name, key) in [("none", None), ("foreign", Some([7_u8; 32]))] {
        let data = folder.path().join(name);
        let mut replica = Collector::replica(&data, None, "127.0.0.1", "127.0.0.1", Some(&database)).unwrap();
        if let Some(key) = key {
            let file = replica.file_key();
            std::fs::DirBuilder::new().mode(0o700).create(file.parent().unwrap()).unwrap();
            let mut options = std::fs::OpenOptions::new();
            let mut opened = options.write(true).create_new(true).mode(0o600).open(file).unwrap();
            std::io::Write::write_all(&mut opened, &key).unwrap();
        }

        let refused = format!("{:#}", replica.start(None).unwrap_err());

        assert!(refused.contains("authority.key"), "{name}: it names the file: {refused}");
        assert!(refused.contains("put") || refused.contains("copy"), "{name}: it says what to do: {refused}");
    }
    // The first one is not disturbed.
    let mut browser = Browser::new(collectors[0].plain().unwrap());
    assert_eq!(browser.get("/healthz").unwrap().status, 200);
}
