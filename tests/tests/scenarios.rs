//! Every file of `scenarios/`: what is written there must be so. Those in `scenarios/wanted/` are not so yet and are only
//! read, so that they stay readable.

use std::path::{Path, PathBuf};
use vigie_tests::scenario::run::{file, files};
use vigie_tests::scenario::{parse, run};
use vigie_tests::sim::drive::Options;

/// Tests that share the files among them, so that they run beside each other.
const PARTS: usize = 4;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn play(part: usize) {
    let all = files(&[folder()]).unwrap();
    assert!(all.len() >= 60, "only {} scenarios", all.len());
    let mut told = String::new();
    for path in all.iter().skip(part).step_by(PARTS) {
        match file(path, Options::default()) {
            Ok(outcome) => outcome.differences.iter().for_each(|difference| told += &difference.to_string()),
            Err(failure) => told += &format!("{failure}\n"),
        }
    }
    assert!(told.is_empty(), "not as wanted:\n{told}");
}

#[test]
fn all_is_as_scenarios_want_it_1_of_4() {
    play(0);
}

#[test]
fn all_is_as_scenarios_want_it_2_of_4() {
    play(1);
}

#[test]
fn all_is_as_scenarios_want_it_3_of_4() {
    play(2);
}

#[test]
fn all_is_as_scenarios_want_it_4_of_4() {
    play(3);
}

#[test]
fn every_scenario_says_why_and_can_be_read() {
    for path in files(&[folder(), folder().join("wanted")]).unwrap() {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# "), "{}: a scenario begins with a comment that says why", path.display());
        parse(&path.display().to_string(), &text).unwrap();
    }
}

const WORLD: &str = "world\nstart 2026-10-06 09:00\nschool 0959901W\nmachines 3 workstations\n";

#[test]
fn what_cannot_be_read_is_named_with_its_place_and_what_was_expected() {
    let told = |text: &str| parse("a.scn", &format!("{WORLD}{text}")).unwrap_err().to_string();
    let told_of_cut = told("happens\nat 10:02 cut line of 0959902X\n");
    assert_eq!(told_of_cut, "a.scn:6:22: expected a school of this world (0959901W), found « 0959902X »");
    assert_eq!(
        told("happens\nat 25:02 cut line of 0959901W\n"),
        "a.scn:6:4: expected a time such as 10:02 or 10:02:30, found « 25:02 »"
    );
    assert_eq!(told("happens\nat 10:02 cut\n"), "a.scn:6:13: expected « lines », found the end of the line");
    assert!(told("wanted\none tiket internet\n").starts_with("a.scn:6:5: expected « ticket », « incident »"));
    assert!(told("happens\nevery day at 10:00 cut line of 0959901W\n").contains("« until »"));
    assert!(told("happens\nfrom 10:00 to 11:00 reimage PC01 of 0959901W\n").contains("does not"));
    assert!(told("happens\nat 10:00 off PC09 of 0959901W\n").contains("a machine « PC09 »"));
}

#[test]
fn a_want_that_is_not_so_is_told_with_all_that_was_found() {
    let text = format!(
        "{WORLD}happens\nfrom 10:02 to 10:30 cut line of 0959901W\nwanted\nno ticket\n\
         one ticket internet on 0959901W, started 10:20\nno message resolved\nfinding on PC01 of 0959901W\n"
    );
    let scenario = parse("a.scn", &text).unwrap();
    let outcome = run::play(&scenario, Options::default()).unwrap();
    let told: Vec<String> = outcome.differences.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[0].starts_with("a.scn:8: wanted: no ticket\n    but there are 1\n    found: ticket 1 internet on"));
    assert!(told[1].contains("a.scn:9:") && told[1].contains("min") && told[1].contains("cause line confirmed"));
}

/// Every form that `tests/README.md` tells.
const EVERY_FORM: &str = r#"
world
start 2026-10-06 09:00
until day+3 18:00
seed 4
heartbeat 30 s
school 0959901W as Alpha "Collège Alpha" basin Nord zone B
line main operator SFR probed
line 4g operator Free address 198.51.100.7 takes over after 90 s for pedagogical no ping
network administrative address 203.0.113.77
open administrative 07:30-19:00 wednesday 08:00-12:30 all year
switch S1 in room A
room B
machines 10 workstations in room A on switch S1
machines 2 laptops named CART by suspend daily 09:00-16:00 wednesday until 11:30 within 5 min
machines 2 servers every day drift 50 ppm
machines 2 nomades away
machine ADM1 workstation on network administrative weekdays daily 08:00-18:00 by fast startup
machine VIEUX workstation clock 2010-01-01 off
machine GELE workstation frozen
machine NEUF workstation unexpected
school 0959902X
line main operator Orange
line backup
machines 3 workstations fridays daily 09:00-12:00

happens
at 10:00 cut line of Alpha
at 10:00:30 restore line main of 0959901W
from 10:00 to 11:00 flap backup line of Alpha 30 s down 60 s up
from 10:00 to 11:00 loss 30 % on Alpha
from 10:00 to 11:00 latency 900 ms on line main of Alpha
on 2026-10-07 at 10:00 saturate lines of operator SFR
day+1 at 11:00 clean line of Alpha
at 10:00 fail over Alpha to 4g
at 11:00 fail back Alpha
at 10:00 router of Alpha ignores ping
from 10:00 to 11:00 router of Alpha answers ping
from 10:00 to 11:00 dns dead on pedagogical of Alpha
at 11:10 dns lying on every school
at 11:20 dns fine on every school
from 10:00 to 11:00 dhcp dead on Alpha
from 10:00 to 11:00 portal up on administrative of Alpha
at 11:00 portal gone on Alpha
from 10:00 to 11:00 filter dead on Alpha
from 10:00 to 11:00 network dead on administrative of Alpha
from 10:00 to 11:00 icmp blocked on Alpha
from 10:00 to 11:00 name blocked on basin Nord
from 10:00 to 11:00 tls intercepted on Alpha
from 10:00 to 11:00 switch S1 of Alpha dies
every weekday at 18:00 breaker of Alpha
every schoolday at 07:30 power back of Alpha
from 12:00 to 12:30 power cut of room A of Alpha
at 12:40 on PC01, PC03..PC05 of Alpha within 10 min
at 13:00 off room A of Alpha by power cut
at 13:10 off switch S1 of Alpha by crash within 30 s
every friday from 10:00 to 11:00 off network administrative of Alpha by restart
at 14:00 return nomades of Alpha
from 15:00 to 16:00 leave nomades of Alpha
from 16:00 to 16:20 collector down
at 16:30 collector overloaded
at 16:40 collector calm
at 16:50 collector line cut
at 16:55 collector line restored
at 17:00 reimage PC02 of Alpha
at 17:00 clone PC03 of Alpha as PC99
at 17:30 off PC99 of Alpha by update
at 17:00 freeze PC04 of Alpha
at 17:00 dual boot PC05 of Alpha into linux
at 17:00 clock of PC06 of Alpha to 2010-01-01 12:00
from 17:00 to 17:10 directory down of Alpha
from 17:00 to 17:10 space 3 % on PC07 of Alpha
from 17:00 to 17:20 kill agents of workstations of Alpha within 5 min
at 17:30 start agents of all of Alpha
at 17:40 approve
at 17:40 take ticket internet of Alpha
at 17:40 phone call about internet from Alpha
from day+1 10:00 to 12:00 maintenance of Alpha because "travaux"
from 2026-10-08 00:00 to 23:59 closure of every school because «neige»

wanted
between 10:00 and 10:05 one ticket internet on Alpha, started 10:00 ± 90 s, resolved between 10:30 and day+1 10:00
3 open tickets
no ticket volume-space on PC07 of Alpha
ticket on basin Nord, not resolved
ticket internet on operator SFR, resolved
no other ticket
two incidents local-network on switch S1 of Alpha, with ticket, seen by 3 machines
no incident on collector
one incident on room A of Alpha, cause power or switch probable, without ticket
at 10:06 cause of internet on Alpha is undetermined
cause of internet on Alpha is line or dns confirmed
one ticket internet, restored 10:30 ± 2 min, history contains opened, history lacks reopened
one ticket internet, restored between 10:30 and day+1 08:00 ± 20 min, opened between 10:00 and 10:05
no message
between 10:00 and 11:00 one message opened on Alpha
two messages resolved
finding other_hardware on PC03 of Alpha
no finding
on 2026-10-07 at 12:00 machine PC01 of Alpha is online
why of internet on Alpha contains "témoins"
"#;

#[test]
fn every_form_of_the_readme_can_be_read_and_all_that_happens_can_happen() {
    let scenario = parse("readme.scn", EVERY_FORM).unwrap();
    let told = run::play(&scenario, Options::default()).unwrap().differences;
    assert!(!told.is_empty(), "not all of this can be so");
}

#[test]
fn the_program_tells_by_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let code = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_scenario")).arg(&path).output().unwrap();
        (run.status.code(), String::from_utf8(run.stdout).unwrap())
    };
    assert_eq!(code("good.scn", &format!("{WORLD}wanted\nno ticket\n")).0, Some(0));
    let (bad, told) = code("bad.scn", &format!("{WORLD}wanted\none ticket internet\n"));
    assert_eq!(bad, Some(1));
    assert!(told.contains("bad.scn:6: wanted: one ticket internet\n    but there are 0"), "{told}");
    let (unreadable, told) = code("unreadable.scn", "world\nstart yesterday\n");
    assert_eq!(unreadable, Some(2));
    assert!(told.contains("unreadable.scn:2:7: expected a date such as 2026-10-06, found « yesterday »"), "{told}");
}
