//! A dozen faults of a fixed seed: nothing acknowledged is lost, nothing counts twice, one outage is one ticket, everybody
//! recovers. `./dev measure chaos` does the same for as long as one likes. Needs root and network namespaces.

use serde_json::Value;
use std::process::Command;
use vigie_tests::machine::faketime;
use vigie_tests::world::skipped;

/// An agent and the collector killed, a line cut, disks full on both sides, a clock that jumps, calls cut short, damaged,
/// repeated and reordered are among its first twelve; the collector's clock and long stops are not: they put off the
/// ticket by their grace, and a test is to be short.
const SEED: &str = "41297";

#[test]
fn a_dozen_faults_lose_nothing_repeat_nothing_and_open_one_ticket_for_one_outage() {
    if skipped() {
        return;
    }
    if faketime().is_none() {
        eprintln!("skipped: needs the Debian package libfaketime");
        return;
    }
    let mut measure = Command::new(env!("CARGO_BIN_EXE_measure"));
    let done = measure.args(["chaos", "--faults", "12", "--seed", SEED]).output().unwrap();

    let (out, said) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    let figures: Value = out.lines().last().and_then(|line| serde_json::from_str(line).ok()).expect(&said);
    for (name, expected) in
        [("faults", 12), ("lost", 0), ("applied_twice", 0), ("tickets_twice", 0), ("unrecovered", 0)]
    {
        assert_eq!(figures[name], expected, "{name}: {figures}\n{said}");
    }
    assert_eq!((&figures["outages"], &figures["tickets"]), (&Value::from(1), &Value::from(1)), "{figures}\n{said}");
    assert!(figures["acknowledged"].as_u64().unwrap() > 100, "{figures}");
    assert!(done.status.success(), "{said}");
}
