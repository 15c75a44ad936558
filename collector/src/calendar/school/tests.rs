//! Known days of known schools, and what must hold of any calendar.

use super::*;
use crate::calendar::{CalendarSettings, Region};
use jiff::Span;
use jiff::civil::{DateTime, date};
use proptest::prelude::*;

/// An instant by the wall clock of Paris.
fn paris(text: &str) -> Timestamp {
    text.parse::<DateTime>().unwrap().in_tz("Europe/Paris").unwrap().timestamp()
}

fn utc(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn place(zone: Zone) -> Territory {
    Territory { zone: Some(zone), holidays: Region::France, time_zone: "Europe/Paris" }
}

fn usual(kind: NetworkKind) -> SchoolCalendar {
    SchoolCalendar::usual(kind, &place(Zone::C))
}

fn college() -> SchoolCalendar {
    usual(NetworkKind::Pedagogical)
}

fn office() -> SchoolCalendar {
    usual(NetworkKind::Administrative)
}

/// A collège of zone C with these settings, as fields of its network, and closures.
fn with(fields: &str, closures: Vec<Closure>) -> SchoolCalendar {
    let settings = CalendarSettings::parse(&format!("{{\"version\":1,\"pedagogical\":{{{fields}}}}}")).unwrap();
    let rules = Rules::usual(NetworkKind::Pedagogical, &place(Zone::C));
    let rules = settings.pedagogical.over(rules, "pedagogical").unwrap();
    SchoolCalendar::new(rules, HolidayTable::shipped(), closures)
}

fn closure(from: &str, to: &str, reason: ClosureReason) -> Closure {
    Closure::new(Stretch::parse(from, to).unwrap(), reason, "note").unwrap()
}

const EVERY_DAY: &str = r#""public_holidays":"none","zone":"none","hours":{"monday":["00:00-06:00","20:00-24:00"],
    "tuesday":["00:00-06:00","20:00-24:00"],"wednesday":["00:00-06:00","20:00-24:00"],"thursday":["00:00-06:00","20:00-24:00"],
    "friday":["00:00-06:00","20:00-24:00"],"saturday":["00:00-06:00","20:00-24:00"],"sunday":["00:00-06:00","20:00-24:00"]}"#;

#[test]
fn an_ordinary_week() {
    let college = college();
    // 23 November 2026 is a Monday.
    for (at, open) in [
        ("2026-11-23 07:59:59", false),
        ("2026-11-23 08:00", true),
        ("2026-11-23 17:29:59", true),
        ("2026-11-23 17:30", false),
        ("2026-11-25 12:29", true),
        ("2026-11-25 12:30", false),
        ("2026-11-25 15:00", false),
        ("2026-11-28 10:00", false),
        ("2026-11-29 10:00", false),
    ] {
        assert_eq!(college.is_open(paris(at)), open, "{at}");
    }
    assert!(office().is_open(paris("2026-11-25 15:00")));
}

#[test]
fn the_office_works_while_pupils_are_away_and_closes_for_its_own_weeks() {
    let (college, office) = (college(), office());
    assert_eq!(college.day(date(2027, 2, 8)), Day::Closed(Closed::SchoolHolidays("Hiver".into())));
    assert!(office.is_open(paris("2027-02-08 10:00")));
    assert_eq!(office.day(date(2027, 7, 15)), Day::Closed(Closed::ClosedWeeks));
    assert_eq!(office.day(date(2026, 12, 24)), Day::Closed(Closed::ClosedWeeks));
    assert!(office.is_open(paris("2027-08-23 10:00")) && !college.is_open(paris("2027-08-23 10:00")));
    assert_eq!(office.day(date(2027, 7, 14)), Day::Closed(Closed::PublicHoliday(Holiday::NationalDay)));
}

#[test]
fn the_first_day_of_term_and_the_evening_before_christmas() {
    let college = college();
    assert_eq!(college.next_opening(paris("2026-07-03 18:00")), Some(paris("2026-09-01 08:00")));
    assert_eq!(college.next_change(paris("2026-12-18 17:00")), Some(paris("2026-12-18 17:30")));
    assert_eq!(college.next_change(paris("2026-12-18 17:30")), Some(paris("2027-01-04 08:00")));
    let all_year = with(r#""zone":"none","hours":{"thursday":["08:00-18:00"]}"#, vec![]);
    assert!(all_year.is_open(paris("2026-12-24 17:50")));
    assert_eq!(all_year.next_opening(paris("2026-12-24 17:50")), Some(paris("2026-12-28 08:00")));
}

#[test]
fn why_a_day_is_closed_is_the_first_reason_that_holds() {
    let calendar = with(
        r#""bridges":["2026-11-10","2026-11-11"],"closed_weeks":["2026-11-16/2026-11-17"]"#,
        vec![closure("2026-11-23", "2026-11-29", ClosureReason::Snow)],
    );
    let note = "note".to_owned();
    for (day, why) in [
        (date(2026, 11, 11), Closed::PublicHoliday(Holiday::Armistice)),
        (date(2026, 11, 10), Closed::Bridge),
        (date(2026, 10, 20), Closed::SchoolHolidays("Toussaint".into())),
        (date(2026, 11, 16), Closed::ClosedWeeks),
        (date(2026, 11, 23), Closed::Exceptional { reason: ClosureReason::Snow, note }),
        (date(2026, 11, 28), Closed::Weekday),
        (date(2027, 5, 7), Closed::SchoolHolidays("Pont de l'Ascension".into())),
    ] {
        assert_eq!(calendar.day(day), Day::Closed(why), "{day}");
    }
}

#[test]
fn a_closure_of_hours_leaves_the_rest_of_the_day() {
    let calendar = with("", vec![closure("2026-11-23T09:00:00Z", "2026-11-23T11:00:00Z", ClosureReason::Strike)]);
    let parts = vec![
        (paris("2026-11-23 08:00"), paris("2026-11-23 10:00")),
        (paris("2026-11-23 12:00"), paris("2026-11-23 17:30")),
    ];
    assert_eq!(calendar.day(date(2026, 11, 23)), Day::Open(parts.clone()));
    assert_eq!(calendar.opening_of(paris("2026-11-23 12:00")), Some(parts[1]));
    assert_eq!(calendar.next_change(paris("2026-11-23 09:00")), Some(paris("2026-11-23 10:00")));
    assert_eq!(calendar.opened_for(paris("2026-11-23 12:30")), Some(SignedDuration::from_mins(30)));
    assert_eq!(calendar.opened_for(paris("2026-11-23 11:00")), None);
}

#[test]
fn closures_that_together_take_the_day_close_it() {
    let closures = vec![
        closure("2026-11-23T11:00:00Z", "2026-11-23T20:00:00Z", ClosureReason::Works),
        closure("2026-11-23T06:00:00Z", "2026-11-23T12:00:00Z", ClosureReason::Exam),
    ];
    let why = Closed::Exceptional { reason: ClosureReason::Exam, note: "note".into() };
    assert_eq!(with("", closures).day(date(2026, 11, 23)), Day::Closed(why));
}

#[test]
fn the_nights_of_the_changes_of_clock() {
    let calendar = with(EVERY_DAY, vec![]);
    let length = |day| match calendar.day(day) {
        Day::Open(open) => open.iter().fold(SignedDuration::ZERO, |sum, (from, to)| sum + to.duration_since(*from)),
        Day::Closed(_) => SignedDuration::ZERO,
    };
    assert_eq!(length(date(2026, 3, 29)), SignedDuration::from_hours(9));
    assert_eq!(length(date(2026, 10, 25)), SignedDuration::from_hours(11));
    assert_eq!(length(date(2026, 6, 14)), SignedDuration::from_hours(10));
    // An opening goes on over midnight.
    let night = (paris("2026-03-28 20:00"), paris("2026-03-29 06:00"));
    assert_eq!(calendar.opening_of(paris("2026-03-29 03:30")), Some(night));
    assert_eq!(night.1.duration_since(night.0), SignedDuration::from_hours(9));
    // Both halves of the hour that is shown twice are in the night.
    for at in ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"] {
        let half = calendar.half_day(utc(at));
        assert_eq!((half.weekday, half.afternoon), (Weekday::Sunday, false));
        assert_eq!(calendar.opened_for(utc(at)), Some(utc(at).duration_since(paris("2026-10-24 20:00"))));
    }
}

#[test]
fn halves_of_days_are_those_of_the_wall() {
    let college = college();
    for (at, weekday, afternoon) in [
        ("2026-11-25 00:00", Weekday::Wednesday, false),
        ("2026-11-25 12:59:59", Weekday::Wednesday, false),
        ("2026-11-25 13:00", Weekday::Wednesday, true),
        ("2026-11-25 23:59:59", Weekday::Wednesday, true),
        ("2026-07-01 00:30", Weekday::Wednesday, false),
    ] {
        assert_eq!(college.half_day(paris(at)), HalfDay { weekday, afternoon }, "{at}");
    }
}

#[test]
fn school_days_are_counted_between_and_not_at_the_ends() {
    let college = college();
    let between = |from: &str, to: &str| college.school_days_between(paris(from), paris(to));
    assert_eq!(between("2026-11-23 10:00", "2026-11-23 12:00"), 0);
    assert_eq!(between("2026-11-23 10:00", "2026-11-24 08:00"), 0);
    assert_eq!(between("2026-11-23 23:59", "2026-11-25 00:01"), 1);
    // From a Friday to the Monday after next: one week.
    assert_eq!(between("2026-11-20 17:00", "2026-11-30 08:00"), 5);
    // Christmas: 18 December to 4 January are neighbours.
    assert_eq!(between("2026-12-18 17:00", "2027-01-04 08:00"), 0);
    assert_eq!(between("2026-11-24 08:00", "2026-11-23 10:00"), 0);
    // The school year 2025-2026 of zone C.
    let year = between("2025-08-31 12:00", "2026-08-31 12:00");
    let days = date(2025, 9, 1).series(Span::new().days(1)).take_while(|day| *day < date(2026, 8, 31));
    let open = days.filter(|day| matches!(college.day(*day), Day::Open(_))).count();
    assert_eq!(usize::try_from(year).unwrap(), open);
    assert!((170..180).contains(&open), "{open}");
}

#[test]
fn unknown_years_say_so_and_count_without_holidays() {
    let college = college();
    assert!(college.knows(date(2027, 8, 31)) && !college.knows(date(2027, 9, 1)));
    assert_eq!(college.known_until(date(2026, 11, 28)), Some(date(2027, 8, 31)));
    assert!(college.is_open(paris("2028-07-26 10:00")));
    assert!(office().knows(date(2035, 1, 1)), "an office works through them");
    let overseas = Territory { zone: Some(Zone::Reunion), holidays: Region::Reunion, time_zone: "Indian/Reunion" };
    let overseas = SchoolCalendar::usual(NetworkKind::Pedagogical, &overseas);
    assert!(!overseas.knows(date(2026, 11, 28)));
    // 08:00 there is 04:00 in UTC.
    assert!(overseas.is_open(utc("2026-11-23T04:00:00Z")) && !overseas.is_open(utc("2026-11-23T03:59:59Z")));
    assert!(!overseas.is_open(utc("2027-12-20T05:00:00Z")), "abolition of slavery");
}

#[test]
fn what_is_always_open_or_never_has_no_next_change() {
    let always = SchoolCalendars::always_open().pedagogical;
    let at = paris("2026-12-25 03:00");
    assert!(always.is_open(at) && always.next_change(at).is_none() && always.next_opening(at).is_none());
    assert!(always.opened_for(at).unwrap() > SignedDuration::from_hours(24 * 365 * 10));
    let never = with(r#""hours":{"monday":[],"tuesday":[],"wednesday":[],"thursday":[],"friday":[]}"#, vec![]);
    assert!(!never.is_open(at) && never.next_change(at).is_none());
    assert_eq!(never.school_days_between(Timestamp::MIN, Timestamp::MAX), 0);
}

#[test]
fn the_ends_of_time_are_answered() {
    for calendar in [college(), office(), with(EVERY_DAY, vec![])] {
        for at in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
            calendar.is_open(at);
            calendar.opening_of(at);
            calendar.next_change(at);
            calendar.half_day(at);
            calendar.opened_for(at);
            calendar.day(calendar.date(at));
            calendar.knows(calendar.date(at));
            calendar.known_until(calendar.date(at));
            calendar.school_days_between(Timestamp::MIN, at);
            calendar.school_days_between(at, Timestamp::MAX);
        }
        calendar.day(Date::MIN);
        calendar.day(Date::MAX);
    }
}

/// Calendars of different shapes.
fn calendars() -> impl Strategy<Value = Arc<SchoolCalendar>> {
    static ALL: LazyLock<Vec<Arc<SchoolCalendar>>> = LazyLock::new(|| {
        let closures = vec![
            closure("2026-03-28T22:30:00Z", "2026-03-29T01:15:00Z", ClosureReason::Works),
            closure("2026-10-24", "2026-10-26", ClosureReason::Snow),
            closure("2026-11-23T09:00:00Z", "2026-11-23T11:00:00Z", ClosureReason::Strike),
            closure("2026-12-31", "2027-01-02", ClosureReason::Other),
        ];
        let split = r#""hours":{"monday":["08:00-12:00","13:30-17:30"],"saturday":["08:00-12:00"],"wednesday":["00:00-24:00"]}"#;
        vec![
            Arc::new(college()),
            Arc::new(office()),
            Arc::new(with(split, closures.clone())),
            Arc::new(with(EVERY_DAY, closures)),
            SchoolCalendars::always_open().pedagogical,
        ]
    });
    prop::sample::select(ALL.clone())
}

/// Instants of a decade, a third of them around changes of clock, New Year and edges of openings.
fn instants() -> impl Strategy<Value = Timestamp> {
    let second = |at: &str| utc(at).as_second();
    let decade = second("2022-01-01T00:00:00Z")..second("2032-01-01T00:00:00Z");
    let around = |at: &str| second(at) - 40_000..second(at) + 40_000;
    let edges = (0i64..3650, prop::sample::select(vec![-1i64, 0, 1]), prop::sample::select(vec![8, 12, 17, 18, 0]));
    let edges = edges.prop_map(move |(day, more, hour)| {
        let day = date(2022, 1, 1).saturating_add(Span::new().days(day));
        let wall = day.at(hour, if hour == 17 { 30 } else { 0 }, 0, 0);
        wall.in_tz("Europe/Paris").unwrap().timestamp().as_second() + more
    });
    prop_oneof![
        3 => decade,
        1 => around("2026-03-29T01:00:00Z"),
        1 => around("2026-10-25T01:00:00Z"),
        1 => around("2027-01-01T00:00:00Z"),
        2 => edges,
    ]
    .prop_map(|second| Timestamp::from_second(second).unwrap())
}

proptest! {
    #[test]
    fn it_is_open_exactly_inside_the_openings_of_the_day(calendar in calendars(), at in instants()) {
        let inside = match calendar.day(calendar.date(at)) {
            Day::Open(open) => open.iter().any(|(from, to)| *from <= at && at < *to),
            Day::Closed(_) => false,
        };
        prop_assert_eq!(calendar.is_open(at), inside);
        prop_assert_eq!(calendar.opening_of(at).is_some(), inside);
        prop_assert_eq!(calendar.opened_for(at).is_some(), inside);
    }

    #[test]
    fn the_next_change_is_the_first_instant_at_which_it_differs(calendar in calendars(), at in instants(), between in 0.0f64..1.0) {
        if let Some(change) = calendar.next_change(at) {
            prop_assert!(change > at);
            prop_assert_ne!(calendar.is_open(change), calendar.is_open(at));
            let length = change.duration_since(at);
            let there = at + SignedDuration::from_secs_f64(length.as_secs_f64() * between * 0.999_999);
            prop_assert_eq!(calendar.is_open(there), calendar.is_open(at));
            prop_assert_eq!(calendar.is_open(change - SignedDuration::from_nanos(1)), calendar.is_open(at));
        }
    }

    #[test]
    fn an_opening_is_as_long_as_it_can_be(calendar in calendars(), at in instants()) {
        if let Some((from, to)) = calendar.opening_of(at).filter(|_| calendar.next_change(at).is_some()) {
            prop_assert!(from <= at && at < to);
            prop_assert!(!calendar.is_open(from - SignedDuration::from_nanos(1)) && !calendar.is_open(to));
            prop_assert_eq!(calendar.opening_of(from), Some((from, to)));
            prop_assert_eq!(calendar.next_change(at), Some(to));
        }
    }

    #[test]
    fn the_next_opening_begins_an_opening(calendar in calendars(), at in instants()) {
        if let Some(next) = calendar.next_opening(at) {
            prop_assert!(next > at);
            prop_assert!(calendar.is_open(next) && !calendar.is_open(next - SignedDuration::from_nanos(1)));
            prop_assert_eq!(calendar.opening_of(next).map(|(from, _)| from), Some(next));
            if !calendar.is_open(at) {
                prop_assert_eq!(calendar.next_change(at), Some(next));
            }
        }
    }

    #[test]
    fn school_days_are_the_open_days_between(calendar in calendars(), from in instants(), days in 0i64..900) {
        let to = from + SignedDuration::from_hours(24 * days);
        let (first, last) = (calendar.date(from), calendar.date(to));
        let between = first.series(Span::new().days(1)).skip(1).take_while(|day| *day < last);
        let open = between.filter(|day| matches!(calendar.day(*day), Day::Open(_))).count();
        prop_assert_eq!(usize::try_from(calendar.school_days_between(from, to)).unwrap(), open);
    }

    #[test]
    fn halves_of_days_agree_with_the_time_zone(calendar in calendars(), at in instants()) {
        let wall = calendar.time_zone().to_datetime(at);
        let expected = HalfDay { weekday: wall.weekday(), afternoon: wall.hour() >= 13 };
        prop_assert_eq!(calendar.half_day(at), expected);
    }
}
