//! The generated year: the same seed gives the same year, and what it claims to know is consistent with its plan.

use jiff::civil::date;
use vigie_tests::sim::action::{Action, How};
use vigie_tests::sim::time::{MINUTE, SECOND};
use vigie_tests::year::faults::What;
use vigie_tests::year::judge::judge;
use vigie_tests::year::{Options, Year, generate, live, truth};

fn weeks(seed: u64, days: u32) -> Year {
    let options = Options { seed, schools: 2, machines: 26, from: date(2026, 10, 5), days, faults: true };
    generate(&options).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_year_and_another_seed_another() {
    let (one, same, other) = (weeks(3, 42), weeks(3, 42), weeks(4, 42));
    assert_eq!(one.plan, same.plan);
    assert_eq!(one.stays, same.stays);
    assert_ne!(one.plan, other.plan);
    assert!(one.plan.len() > 500, "{} actions", one.plan.len());
}

#[test]
fn no_machine_is_on_twice_or_without_current() {
    for seed in 1..=5 {
        let year = weeks(seed, 90);
        for (pc, stays) in year.pcs.iter().zip(&year.stays) {
            for stay in stays {
                assert!(stay.on < stay.off, "{} {stay:?}", pc.name);
            }
            for two in stays.windows(2) {
                assert!(two[0].off < two[1].on, "{} {two:?}", pc.name);
            }
            let cuts = year.faults.iter().filter(|fault| matches!(fault.what, What::Power | What::RoomPower(_)));
            for cut in cuts.filter(|cut| cut.school == Some(pc.school)) {
                let touched = cut.touches(year.pcs.iter().position(|p| std::ptr::eq(p, pc)).unwrap(), pc);
                let runs = |stay: &&vigie_tests::year::life::Stay| {
                    !stay.away && stay.on < cut.end - SECOND && stay.off > cut.start + SECOND
                };
                assert!(!touched || !stays.iter().any(|stay| runs(&stay)), "{} runs during {cut:?}", pc.name);
            }
        }
    }
}

#[test]
fn what_is_too_short_or_unseen_need_not_be_detected() {
    for seed in 1..=5 {
        let year = weeks(seed, 90);
        for (fault, truth) in year.faults.iter().zip(truth::of(&year)) {
            let lasted = fault.end - fault.start;
            if let Some(must) = truth.must {
                assert!(lasted >= truth::CONFIRM, "{fault:?} lasted {lasted} ms");
                assert!(must > fault.start + truth::CONFIRM);
                let alone = matches!(fault.what, What::Volume(_) | What::Server(_) | What::Power);
                assert!(alone || truth.told.len() >= 2, "{fault:?} {truth:?}");
            }
            assert!(truth.told.iter().all(|told| *told > fault.end), "{fault:?} {truth:?}");
        }
    }
}

#[test]
fn a_generated_year_has_what_makes_it_hard() {
    let options = Options { seed: 1, schools: 9, machines: 150, from: date(2026, 9, 1), days: 365, faults: true };
    let year = generate(&options).unwrap();
    let has = |wanted: fn(&Action) -> bool| year.plan.iter().any(|(_, action)| wanted(action));
    assert!(has(|action| matches!(action, Action::Off { how: How::FastStartup, .. })));
    assert!(has(|action| matches!(action, Action::Off { how: How::Update, .. })));
    assert!(has(|action| matches!(action, Action::Reimage { .. })));
    assert!(has(|action| matches!(action, Action::Clone { .. })));
    assert!(has(|action| matches!(action, Action::Freeze { .. })));
    assert!(has(|action| matches!(action, Action::DualBoot { .. })));
    assert!(has(|action| matches!(action, Action::Closure { .. })));
    assert!(has(|action| matches!(action, Action::Leave { .. })));
    let mut words: Vec<_> = year.faults.iter().map(|fault| fault.word()).collect();
    words.sort_unstable();
    words.dedup();
    assert!(words.len() >= 18, "{words:?}");
    let short = year.faults.iter().filter(|fault| fault.end - fault.start < 2 * MINUTE).count();
    assert!(short > 10, "{short} short faults");
}

/// The verdict on the engine is printed, not asserted: that is what `./dev measure year` is for.
#[test]
fn some_weeks_can_be_lived_and_judged() {
    let year = weeks(2, 21);
    let lived = live(&year).unwrap();
    let verdict = judge(&year, &lived);
    for detail in &verdict.details {
        eprintln!("{detail}");
    }
    eprintln!("{:?} {:?}", verdict.kinds, lived.figures);
    let drawn: usize = verdict.kinds.values().map(|kind| kind.drawn).sum();
    assert_eq!(drawn, year.faults.len());
    assert!(verdict.kinds.values().all(|kind| kind.detected <= kind.injected && kind.injected <= kind.drawn));
}
