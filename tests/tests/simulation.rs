//! The simulated world itself: it must be as the product's programs would make it, or nothing it says counts.

use vigie_shared::check::Reason;
use vigie_tests::sim::Ms;
use vigie_tests::sim::action::{Action, How, LineRef, Machines};
use vigie_tests::sim::drive::{Drive, Options};
use vigie_tests::sim::found::Found;
use vigie_tests::sim::time::{HOUR, MINUTE, paris};
use vigie_tests::sim::world::{Kind, Line, Machine, School, World};

const UAI: &str = "0959901W";

fn school(machines: usize) -> World {
    let mut world = World::new(7);
    world.schools.push(School::simple(UAI));
    for n in 1..=machines {
        world.machines.push(Machine::new(UAI, &format!("PC{n:02}"), Kind::Workstation));
    }
    world
}

fn at(time: &str) -> Ms {
    paris("2026-10-06", time).unwrap()
}

/// A morning with a cut from 10:02 to 10:30, and everybody going home.
fn morning(leap: bool, inventory: bool) -> (Found, Drive) {
    let mut drive = Drive::new(school(14), at("07:30"), Options { leap, inventory }).unwrap();
    drive.plan(at("07:50"), Action::On { machines: Machines::all(UAI), within_s: 600 });
    drive.plan(at("10:02"), Action::CutLine { line: LineRef::first(UAI) });
    drive.plan(at("10:30"), Action::RestoreLine { line: LineRef::first(UAI) });
    drive.plan(at("12:00"), Action::Off { machines: Machines::all(UAI), how: How::Shutdown, within_s: 600 });
    drive.run_to(at("13:00")).unwrap();
    (drive.found().unwrap(), drive)
}

#[test]
fn a_cut_line_is_one_ticket_with_its_start_and_end() {
    let (found, drive) = morning(true, true);
    for incident in &found.incidents {
        eprintln!("{}", incident.shown());
    }
    for ticket in &found.tickets {
        eprintln!("{}", ticket.shown());
    }
    eprintln!("{:?}", drive.figures);
    assert_eq!(found.tickets.len(), 1);
    let ticket = &found.tickets[0];
    assert!((at("10:02")..at("10:05")).contains(&ticket.opened), "{}", ticket.shown());
    let incident = &found.incidents[0];
    assert!((incident.start() - at("10:02")).abs() <= MINUTE, "{}", incident.shown());
    assert_eq!((incident.cause.as_str(), incident.confidence.as_str()), ("line", "confirmed"));
    assert!((incident.end().unwrap() - at("10:30")).abs() <= MINUTE, "{}", incident.shown());
    assert!(found.machines.iter().all(|machine| machine.presence == "left"));
}

#[test]
fn leaving_out_looks_at_calm_schools_changes_nothing() {
    let words = |found: &Found| {
        let of =
            |i: &vigie_tests::sim::found::Incident| (i.check.clone(), i.cause.clone(), i.confidence.clone(), i.ticket);
        found.incidents.iter().map(of).collect::<Vec<_>>()
    };
    let instants = |found: &Found| {
        let tickets = found.tickets.iter().flat_map(|t| [Some(t.opened), t.restored, t.resolved]);
        let (began, ended) = (found.incidents.iter(), found.incidents.iter());
        let began = began.flat_map(|i| [Some(i.started.0), Some(i.started.1), Some(i.detected), i.resolved]);
        let ended = ended.flat_map(|i| [i.ended.map(|(after, _)| after), i.ended.map(|(_, by)| by)]);
        tickets.chain(began).chain(ended).map(Option::unwrap_or_default).collect::<Vec<Ms>>()
    };
    let ((leaping, fast), (plodding, slow)) = (morning(true, true), morning(false, true));
    assert_eq!(words(&leaping), words(&plodding));
    let (leapt, plodded) = (instants(&leaping), instants(&plodding));
    assert_eq!(leapt.len(), plodded.len());
    // The ticker comes once a second; which part of it depends on when it came before.
    assert!(leapt.iter().zip(&plodded).all(|(a, b)| (a - b).abs() <= 1000), "{leapt:?} {plodded:?}");
    assert!(fast.figures.ticks * 3 < slow.figures.ticks, "{:?} {:?}", fast.figures, slow.figures);
}

#[test]
fn a_school_day_takes_milliseconds() {
    const DAYS: u32 = 10;
    let start = paris("2026-09-14", "06:00").unwrap();
    let mut drive = Drive::new(school(15), start, Options::default()).unwrap();
    for day in 0..i64::from(DAYS) {
        let (machines, midnight) = (Machines::all(UAI), start + (24 * day - 6) * HOUR);
        drive.plan(midnight + 8 * HOUR, Action::On { machines: machines.clone(), within_s: 1200 });
        let off = Action::Off { machines, how: How::Shutdown, within_s: 1200 };
        drive.plan(midnight + 17 * HOUR, off);
    }
    let began = std::time::Instant::now();
    drive.run_to(start + i64::from(DAYS) * 24 * HOUR).unwrap();
    let took = began.elapsed() / DAYS;
    let (decisions, deciding) = drive.port.decider.spent();
    eprintln!(
        "a day of a school of 15 machines: {took:?}, of it in the store {:?}, of that in {} decisions {:?}; {:?}",
        drive.figures.in_store / DAYS,
        decisions / u64::from(DAYS),
        deciding / DAYS,
        drive.figures
    );
    assert_eq!(drive.found().unwrap().tickets.len(), 0);
    assert!(took.as_secs() < 2);
}

#[test]
fn a_lossy_line_is_told_as_degraded_and_no_more_when_it_is_well() {
    let mut drive = Drive::new(school(8), at("07:30"), Options::default()).unwrap();
    drive.plan(at("07:40"), Action::On { machines: Machines::all(UAI), within_s: 600 });
    let degrade = |loss_percent| {
        let line = LineRef::first(UAI);
        Action::DegradeLine { line, loss_percent, latency_ms: 0, saturated: false }
    };
    drive.plan(at("10:00"), degrade(10));
    drive.plan(at("10:40"), degrade(0));
    let degraded = |drive: &Drive| {
        let told = |agent: &&vigie_tests::sim::agent::Agent| {
            agent.internet.believed().is_some_and(|(_, reason)| *reason == Reason::LineDegraded)
        };
        drive.agents.iter().filter(told).count()
    };
    drive.run_to(at("09:59")).unwrap();
    assert_eq!(degraded(&drive), 0);
    drive.run_to(at("10:40")).unwrap();
    assert!(degraded(&drive) >= 5, "{} of 8", degraded(&drive));
    drive.run_to(at("11:10")).unwrap();
    assert_eq!(degraded(&drive), 0);
    drive.run_to(at("12:00")).unwrap();
    assert!(drive.agents.iter().all(|agent| agent.look_at.is_none()), "nobody looks in vain when all is well");
}

#[test]
fn the_collector_sees_a_line_that_is_cut_and_one_that_only_ignores_it() {
    let mut world = school(3);
    world.schools[0].lines.push(Line { probed: true, ..Line::new("main", "Orange", "203.0.113.7".parse().unwrap()) });
    world.schools.push(School::simple("0959902X"));
    world.schools[1].lines.push(Line { probed: true, ..Line::new("main", "Orange", "203.0.113.8".parse().unwrap()) });
    world.machines.push(Machine::new("0959902X", "PC01", Kind::Workstation));
    let mut drive = Drive::new(world, at("07:30"), Options::default()).unwrap();
    drive.plan(at("10:00"), Action::CutLine { line: LineRef::first(UAI) });
    drive.plan(at("10:30"), Action::RestoreLine { line: LineRef::first(UAI) });
    let answers = |drive: &mut Drive, time: &str| {
        drive.run_to(at(time)).unwrap();
        drive.port.probed().unwrap()
    };
    assert_eq!(answers(&mut drive, "09:59"), [Some(true), Some(true)]);
    assert_eq!(answers(&mut drive, "10:02"), [Some(false), Some(true)]);
    assert_eq!(answers(&mut drive, "10:32"), [Some(true), Some(true)]);
}
