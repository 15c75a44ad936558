//! A real line that is really cut, with real programs: one ticket, right start, right end, whatever is killed meanwhile.
//! Needs root and network namespaces.

use std::time::Duration;
use vigie_shared::policy::Policy;
use vigie_tests::agreement::due;
use vigie_tests::fake::now_ms;
use vigie_tests::measure::outage::{Options, measure};
use vigie_tests::process::tail;
use vigie_tests::stage::{Stage, policy};
use vigie_tests::wait::stays_true;
use vigie_tests::web::Browser;
use vigie_tests::world::{World, skipped};

const HEARTBEAT_S: u32 = 5;
const INTERVAL_MS: i64 = 5_000;
/// At 5 s heartbeats a ticket is due within 20 s.
const TO_TICKET: Duration = Duration::from_secs(20);
const TO_RESOLVED: Duration = Duration::from_secs(45);

fn quick() -> Policy {
    policy(HEARTBEAT_S)
}

/// Everything that every stream of every machine was acknowledged is stored or known to be lost, and nothing twice.
fn assert_nothing_lost_nothing_twice(stage: &Stage) {
    let store = stage.store().unwrap();
    for (id, machine) in stage.ids.iter().zip(&stage.machines) {
        let (events, gaps) = (store.events(id).unwrap(), store.gaps(id).unwrap());
        for (stream, cursor) in store.cursors(id).unwrap() {
            for number in 1..=cursor {
                let stored = events.iter().filter(|(of, seq, _)| *of == stream && *seq == number).count();
                let lost = gaps.iter().any(|(of, first, last)| *of == stream && (*first..=*last).contains(&number));
                assert!(
                    stored == 1 || (stored == 0 && lost),
                    "{}: {stream} {number}: stored {stored} times",
                    machine.host
                );
            }
        }
        let starts = |stream: &str| events.iter().filter(|(of, _, kind)| of == stream && kind == "started").count();
        assert!(
            store.cursors(id).unwrap().iter().all(|(stream, _)| starts(stream) == 1),
            "{}: {events:?}",
            machine.host
        );
        assert_eq!(gaps, [], "{}: nothing was dropped in so short a time", machine.host);
    }
}

#[test]
fn one_cut_is_one_ticket_with_its_right_start_due_time_and_end() {
    if skipped() {
        return;
    }
    let stage = Stage::running(3, &quick()).unwrap();
    let store = stage.store().unwrap();
    assert_eq!(store.tickets().unwrap(), [], "nothing is wrong yet");

    let cut = now_ms();
    stage.cut().unwrap();
    let opened = stage.wait_ticket(TO_TICKET).unwrap();
    let open_page = fleet_page(&stage);
    stays_true("one open ticket", Duration::from_secs(12), || store.tickets().is_ok_and(|all| all.len() == 1)).unwrap();
    let restored = now_ms();
    stage.restore().unwrap();
    let resolved = stage.wait_resolved(TO_RESOLVED).unwrap();
    stage.wait_all_well(&quick()).unwrap();
    stage.wait_all_told(TO_RESOLVED).unwrap();

    let incidents = store.incidents().unwrap();
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    let incident = &incidents[0];
    assert!(incident.scope.starts_with("school:"), "{incident:?}");
    let error = incident.start_ms() - cut;
    assert!(error.abs() <= INTERVAL_MS, "start is {error} ms off: {incident:?}");
    let end_error = incident.end_ms().expect("it ended") - restored;
    assert!(end_error.abs() <= INTERVAL_MS, "end is {end_error} ms off: {incident:?}");
    assert_eq!(opened.number, resolved.number);
    assert_eq!(opened.due_ms, resolved.due_ms, "late evidence does not move the deadline");
    let started = jiff::Timestamp::from_millisecond(opened.opened_ms).unwrap();
    let expected = due(started, 4).unwrap();
    assert_eq!(opened.due_ms, expected.as_millisecond(), "four business hours after {started}");
    assert!((cut..restored).contains(&opened.opened_ms), "the clock starts at the detection, between cut and repair");
    assert_eq!(store.tickets().unwrap().len(), 1);
    assert!(open_page.contains("0959901W") || open_page.contains("Tilleuls"), "{}", tail(&open_page, 30));
    assert_nothing_lost_nothing_twice(&stage);
}

/// The fleet page as the supervisor sees it.
fn fleet_page(stage: &Stage) -> String {
    let password = stage.collector.admin(&["user", "add", "superviseur.a", "--role", "supervisor"]).unwrap();
    let mut browser = Browser::new(stage.collector.plain().unwrap());
    assert_eq!(browser.get("/").unwrap().status / 100, 3, "nobody sees the fleet without signing in");
    browser.sign_in("superviseur.a", password.lines().last().unwrap().trim()).unwrap();
    let page = browser.get("/").unwrap();
    assert_eq!(page.status, 200);
    page.text
}

#[test]
fn a_line_on_which_packets_vanish_is_seen_like_one_that_fails() {
    if skipped() {
        return;
    }
    // An even number after the first throws: the seed is chosen for a silent cut, which the answer confirms.
    let seed = (1..).find(|seed| measure_is_silent(*seed)).expect("one of two");
    let result = measure(World::new().unwrap(), Options { heartbeat_s: HEARTBEAT_S, machines: 3, seed }).unwrap();

    assert_eq!(result["cut"], "silent");
    assert_eq!(result["tickets"], 1, "{result}");
    assert!(result["cut_to_ticket_s"].as_f64().unwrap() <= 20.0, "{result}");
    assert!(result["start_error_s"].as_f64().unwrap() <= 5.0, "{result}");
}

fn measure_is_silent(seed: u64) -> bool {
    vigie_tests::measure::outage::is_silent(Options { heartbeat_s: HEARTBEAT_S, machines: 3, seed })
}

#[test]
fn the_collector_killed_in_the_middle_of_an_outage_loses_nothing_and_opens_no_second_ticket() {
    if skipped() {
        return;
    }
    let mut stage = Stage::running(3, &quick()).unwrap();
    let cut = now_ms();
    stage.cut().unwrap();
    let first = stage.wait_ticket(TO_TICKET).unwrap();

    stage.collector.kill_9().unwrap();
    stage.collector.start(None).unwrap();
    // The line comes back and the collector dies again while the agents tell what they saw.
    stage.restore().unwrap();
    stage.collector.kill_9().unwrap();
    stage.collector.start(None).unwrap();
    let resolved = stage.wait_resolved(TO_RESOLVED).unwrap();
    stage.wait_all_well(&quick()).unwrap();
    stage.wait_all_told(TO_RESOLVED).unwrap();

    let store = stage.store().unwrap();
    assert_eq!(first.number, resolved.number);
    assert_eq!(store.tickets().unwrap().len(), 1);
    let incident = store.school_incident().unwrap().expect("the incident of the school");
    assert!((incident.start_ms() - cut).abs() <= INTERVAL_MS, "{incident:?}, cut at {cut}");
    assert_nothing_lost_nothing_twice(&stage);
}

#[test]
fn a_collector_that_is_away_accuses_nobody_when_it_comes_back() {
    if skipped() {
        return;
    }
    let mut stage = Stage::running(2, &quick()).unwrap();

    stage.collector.kill_9().unwrap();
    // Longer than any silence that would open a ticket.
    stays_true("time", Duration::from_secs(25), || true).unwrap();
    stage.collector.start(None).unwrap();

    let store = stage.store().unwrap();
    stays_true("no ticket", Duration::from_secs(40), || store.tickets().is_ok_and(|all| all.is_empty())).unwrap();
    stage.wait_all_well(&quick()).unwrap();
    assert_nothing_lost_nothing_twice(&stage);
}

#[test]
fn an_agent_killed_in_the_middle_of_an_outage_tells_all_it_saw() {
    if skipped() {
        return;
    }
    let mut stage = Stage::running(3, &quick()).unwrap();
    stage.cut().unwrap();
    let first = stage.wait_ticket(TO_TICKET).unwrap();
    // It has seen the line go, could tell nobody, and dies.
    stage.machines[0].wait_for_log("state=\"critical\"", TO_TICKET).unwrap();
    stays_true("time to write it down", Duration::from_secs(1), || true).unwrap();
    stage.machines[0].kill_9().unwrap();
    stage.machines[0].start().unwrap();
    stage.restore().unwrap();
    let resolved = stage.wait_resolved(TO_RESOLVED).unwrap();
    stage.wait_all_told(TO_RESOLVED).unwrap();

    let store = stage.store().unwrap();
    assert_eq!(first.number, resolved.number);
    assert_eq!(store.tickets().unwrap().len(), 1);
    let events = store.events(&stage.ids[0]).unwrap();
    let streams: std::collections::BTreeSet<_> = events.iter().map(|(stream, ..)| stream).collect();
    assert_eq!(streams.len(), 2, "one stream for each process: {events:?}");
    let first_stream = &events[0].0;
    let told = events.iter().filter(|(stream, _, kind)| stream == first_stream && kind == "check").count();
    assert!(told >= 2, "the killed process' account of the cut is there: {events:?}");
    assert_nothing_lost_nothing_twice(&stage);
}

#[test]
fn machines_that_say_goodbye_are_not_an_outage() {
    if skipped() {
        return;
    }
    let mut stage = Stage::running(3, &quick()).unwrap();
    for machine in &mut stage.machines {
        machine.stop().unwrap();
    }
    let store = stage.store().unwrap();

    stays_true("no ticket", Duration::from_secs(35), || store.tickets().is_ok_and(|all| all.is_empty())).unwrap();

    for id in &stage.ids {
        let events = store.events(id).unwrap();
        assert!(events.iter().any(|(.., kind)| kind == "goodbye"), "{events:?}");
    }
}

#[test]
fn one_machine_alone_does_not_decide_for_its_school() {
    if skipped() {
        return;
    }
    let mut stage = Stage::running(3, &quick()).unwrap();
    stage.machines[0].kill_9().unwrap();
    let store = stage.store().unwrap();

    stays_true("no incident of the school", Duration::from_secs(35), || {
        store.school_incident().is_ok_and(|incident| incident.is_none())
    })
    .unwrap();
}
