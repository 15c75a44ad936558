//! What an agent lives through: nobody at the other end, disks that refuse, clocks that lie, a memory that is wiped.
//! Needs root and network namespaces.

use std::time::Duration;
use vigie_tests::fake::now_ms;
use vigie_tests::machine::Disk;
use vigie_tests::stage::{Stage, policy};
use vigie_tests::wait::{stays_true, wait_for};
use vigie_tests::world::skipped;

const HEARTBEAT_S: u32 = 5;
/// The agent's longest pause between two tries is 20 s at this heartbeat.
const TO_COME_BACK: Duration = Duration::from_secs(45);

fn heard_after(stage: &Stage, place: usize, when: i64) {
    let store = stage.store().unwrap();
    let look = || (store.last_seen_ms(&stage.ids[place]).ok()?? > when).then_some(());
    wait_for("a heartbeat", TO_COME_BACK, look)
        .unwrap_or_else(|error| panic!("{error:#}\n{}", vigie_tests::process::tail(&stage.machines[place].log(), 30)));
}

#[test]
fn an_agent_that_starts_before_its_collector_and_its_network_reports_when_they_come() {
    if skipped() {
        return;
    }
    let mut stage = Stage::enrolled(1, &policy(HEARTBEAT_S)).unwrap();
    stage.collector.kill_9().unwrap();
    stage.cut().unwrap();

    stage.machines[0].start().unwrap();
    stays_true("the agent lives", Duration::from_secs(8), || stage.machines[0].agent().is_ok_and(|a| a.is_running()))
        .unwrap();
    stage.restore().unwrap();
    stays_true("the agent lives", Duration::from_secs(4), || stage.machines[0].agent().is_ok_and(|a| a.is_running()))
        .unwrap();
    let started = now_ms();
    stage.collector.start(None).unwrap();

    heard_after(&stage, 0, started);
    let store = stage.store().unwrap();
    let events = || store.events(&stage.ids[0]).ok();
    let first = wait_for("its first event", TO_COME_BACK, || events()?.into_iter().next()).unwrap();
    assert_eq!((first.1, first.2.as_str()), (1, "started"), "what happened before anybody listened is told");
}

#[test]
fn an_agent_whose_folder_is_read_only_still_reports() {
    if skipped() {
        return;
    }
    let mut stage = Stage::enrolled(1, &policy(HEARTBEAT_S)).unwrap();
    stage.machines[0].disk = Disk::ReadOnly;

    let started = now_ms();
    stage.machines[0].start().unwrap();

    heard_after(&stage, 0, started);
    heard_after(&stage, 0, now_ms());
    stage.wait_all_well(&policy(HEARTBEAT_S)).unwrap();
    let state = stage.machines[0].state().display().to_string();
    assert!(stage.machines[0].shell(&format!("touch {state}/x")).is_err(), "the folder was read-only all the time");
    stage.machines[0].wait_for_log("WARN", Duration::from_secs(1)).expect("it says so");
}

#[test]
fn an_agent_whose_disk_is_full_reports_and_spools_again_when_there_is_room() {
    if skipped() {
        return;
    }
    let mut stage = Stage::enrolled(2, &policy(HEARTBEAT_S)).unwrap();
    stage.machines[0].disk = Disk::Small(4096);
    for machine in &mut stage.machines {
        machine.start().unwrap();
    }
    stage.wait_all_well(&policy(HEARTBEAT_S)).unwrap();
    let state = stage.machines[0].state().display().to_string();

    // Fills to the last byte; `cat` ends with an error, which is the point.
    let fill = format!("cat /dev/zero > {state}/filler 2>/dev/null; ! echo x > {state}/more 2>/dev/null");
    stage.machines[0].shell(&fill).unwrap();
    heard_after(&stage, 0, now_ms());
    stage.cut().unwrap();
    stage.wait_ticket(Duration::from_secs(25)).unwrap();
    assert!(stage.machines[0].agent().unwrap().is_running());
    stage.machines[0].shell(&format!("rm -f {state}/filler {state}/more")).unwrap();
    stage.restore().unwrap();

    stage.wait_resolved(TO_COME_BACK).unwrap();
    heard_after(&stage, 0, now_ms());
    assert!(stage.machines[0].agent().unwrap().is_running());
    assert_eq!(stage.store().unwrap().tickets().unwrap().len(), 1);
    // What could not be kept is told as lost or kept in memory; either way no number is missing without a word.
    let store = stage.store().unwrap();
    let (events, gaps) = (store.events(&stage.ids[0]).unwrap(), store.gaps(&stage.ids[0]).unwrap());
    for (stream, cursor) in store.cursors(&stage.ids[0]).unwrap() {
        for number in 1..=cursor {
            let stored = events.iter().any(|(of, seq, _)| *of == stream && *seq == number);
            let lost = gaps.iter().any(|(of, first, last)| *of == stream && (*first..=*last).contains(&number));
            assert!(stored || lost, "{stream} {number} is missing without a word");
        }
    }
}

#[test]
fn a_machine_whose_memory_is_wiped_comes_back_with_a_new_enrolment() {
    if skipped() {
        return;
    }
    let mut stage = Stage::enrolled(1, &policy(HEARTBEAT_S)).unwrap();
    stage.machines[0].start().unwrap();
    stage.wait_all_well(&policy(HEARTBEAT_S)).unwrap();
    stage.machines[0].stop().unwrap();
    stage.machines[0].wipe().unwrap();
    stage.machines[0].new_boot().unwrap();

    // Without an identity it says what to do, and does not pretend.
    stage.machines[0].start().unwrap();
    let ended = stage.machines[0].agent().unwrap().wait_end(Duration::from_secs(10)).unwrap();
    assert!(!ended.success());
    assert!(stage.machines[0].log().contains("enrol"), "{}", stage.machines[0].log());
    let _ = stage.machines[0].stop();

    let token = stage.collector.token(1).unwrap();
    stage.ids[0] = stage.machines[0].enrol(&stage.collector.url(), &token).unwrap();
    stage.collector.approve_all().unwrap();
    let started = now_ms();
    stage.machines[0].start().unwrap();
    heard_after(&stage, 0, started);
    assert_eq!(stage.store().unwrap().tickets().unwrap(), []);
}

#[test]
fn a_name_server_that_comes_late_harms_nothing() {
    if skipped() {
        return;
    }
    let mut stage = Stage::enrolled(2, &policy(HEARTBEAT_S)).unwrap();
    // The gateway is not there yet when the machines start: no route answers, no name resolves.
    stage.world.schools[0].unplug_gateway().unwrap();
    for machine in &mut stage.machines {
        machine.start().unwrap();
    }
    for machine in &mut stage.machines {
        stays_true("the agent lives", Duration::from_secs(4), || machine.agent().is_ok_and(|a| a.is_running()))
            .unwrap();
    }
    stage.world.schools[0].plug_gateway().unwrap();

    stage.wait_all_well(&policy(HEARTBEAT_S)).unwrap();
}

#[test]
fn an_agent_with_a_clock_of_2010_is_heard_and_its_events_are_dated_today() {
    if skipped() {
        return;
    }
    let Some(library) = vigie_tests::machine::faketime() else {
        eprintln!("skipped: needs the Debian package libfaketime");
        return;
    };
    let mut stage = Stage::enrolled(1, &policy(HEARTBEAT_S)).unwrap();
    stage.machines[0].set("LD_PRELOAD", &library);
    stage.machines[0].set("FAKETIME", "@2010-01-01 00:00:00");
    stage.machines[0].set("FAKETIME_DONT_FAKE_MONOTONIC", "1");

    let started = now_ms();
    stage.machines[0].start().unwrap();

    heard_after(&stage, 0, started);
    stage.wait_all_well(&policy(HEARTBEAT_S)).unwrap();
    let store = stage.store().unwrap();
    let (now, dated) = (now_ms(), store.event_times(&stage.ids[0]).unwrap());
    assert!(!dated.is_empty());
    assert!(dated.iter().all(|at| (started - 10_000..=now).contains(at)), "{dated:?} between {started} and {now}");
    let walls = store.event_walls(&stage.ids[0]).unwrap();
    // 2011-01-01: the lying clock is kept, and not believed.
    assert!(walls.iter().all(|wall| *wall < 1_293_840_000_000), "the clock did lie: {walls:?}");
}
