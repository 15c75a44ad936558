//! An acknowledged event is never lost and none counts twice, however often the collector is killed. Loopback only,
//! needs no root.

use vigie_shared::event::Event;
use vigie_tests::collector::Collector;
use vigie_tests::fake::FakeMachine;

const KILLS: u64 = 5;
const CALLS_BETWEEN: u64 = 20;
const EVENTS_PER_CALL: u64 = 3;

#[test]
fn what_was_acknowledged_survives_sigkill_and_what_was_not_is_taken_once() {
    let (_folder, mut collector) = Collector::ready().unwrap();
    let token = collector.token(1).unwrap();
    let mut machine = FakeMachine::enrol(&collector.reach().unwrap(), &token, "poste1").unwrap();
    collector.approve_all().unwrap();
    let (mut acknowledged, mut next) = (0, 1);
    let mut log: Vec<Event> = Vec::new();

    for _ in 0..KILLS {
        for call in 0..CALLS_BETWEEN {
            for _ in 0..EVENTS_PER_CALL {
                log.push(if next == 1 { machine.started(1) } else { machine.resumed(next, next) });
                next += 1;
            }
            let unsent: Vec<Event> = log.iter().filter(|event| event.seq > acknowledged).cloned().collect();
            let request = machine.request(acknowledged + 1, next, unsent);
            if call == CALLS_BETWEEN - 1 {
                // The last call before the death goes unanswered or not: nobody knows.
                let thrower = std::thread::spawn(move || (machine.sync(&request).ok(), machine));
                collector.kill_9().unwrap();
                let (answer, back) = thrower.join().unwrap();
                machine = back;
                acknowledged = answer.map_or(acknowledged, |answer| answer.ack);
            } else {
                acknowledged = machine.sync(&request).unwrap().ack;
                assert_eq!(acknowledged, next - 1);
            }
        }
        let before = acknowledged;
        collector.start(None).unwrap();
        let stored = numbers(&collector, &machine);
        assert!((1..=before).all(|number| stored.contains(&number)), "acknowledged {before}, stored {stored:?}");
        machine.reconnect(&collector.reach().unwrap());
    }

    let unsent: Vec<Event> = log.iter().filter(|event| event.seq > acknowledged).cloned().collect();
    let answer = machine.sync(&machine.request(acknowledged + 1, next, unsent)).unwrap();
    assert_eq!(answer.ack, next - 1);
    assert_eq!(numbers(&collector, &machine), (1..next).collect::<Vec<_>>(), "each once");
    let store = collector.store().unwrap();
    assert_eq!(store.gaps(&machine.machine).unwrap(), []);
    assert_eq!(store.findings(&machine.machine).unwrap(), Vec::<String>::new());
}

fn numbers(collector: &Collector, machine: &FakeMachine) -> Vec<u64> {
    let events = collector.store().unwrap().events(&machine.machine).unwrap();
    events.into_iter().map(|(_, seq, _)| seq).collect()
}

#[test]
fn two_collectors_do_not_serve_one_folder() {
    let (_folder, collector) = Collector::ready().unwrap();
    let program = vigie_tests::process::program("vigie-collector").unwrap();
    let mut command = std::process::Command::new(program);
    command.args(["serve", "--listen", "127.0.0.1:0", "--name", "127.0.0.1", "--data"]).arg(collector.data());

    let log = collector.data().with_extension("second.log");
    let mut second = vigie_tests::process::Running::start("a second collector", command, &log).unwrap();
    let ended = second.wait_end(std::time::Duration::from_secs(10)).unwrap();

    assert!(!ended.success());
    assert!(!second.log().is_empty(), "it says why");
}
