//! Business time on known days, over changes of clock, and its arithmetic as properties.

use super::*;
use jiff::civil::{DateTime, Weekday};
use proptest::prelude::*;

fn office() -> BusinessHours {
    BusinessHours::office_hours(Region::France).unwrap()
}

/// An instant by the wall clock of Paris, such as `2026-12-24 17:50`.
fn paris(text: &str) -> Timestamp {
    text.parse::<DateTime>().unwrap().in_tz("Europe/Paris").unwrap().timestamp()
}

fn utc(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

fn opening(start: (i8, i8), end: (i8, i8)) -> Opening {
    Opening::new(time(start.0, start.1, 0, 0), time(end.0, end.1, 0, 0)).unwrap()
}

/// A timetable with the same openings on every day, public holidays apart.
fn daily(openings: &[Opening]) -> BusinessHours {
    let days = Weekday::Monday.cycle_forward().take(7);
    let weekly = days.fold(Weekly::closed(), |weekly, day| weekly.with(day, openings.to_vec()).unwrap());
    BusinessHours::new("Europe/Paris", weekly, Region::France).unwrap()
}

#[test]
fn a_deadline_inside_one_day_is_plain_addition() {
    let due = office().deadline(paris("2026-11-23 09:12"), hours(4), &[]).unwrap();
    assert_eq!(due, paris("2026-11-23 13:12"));
}

#[test]
fn a_deadline_exactly_at_closing_time_stays_on_that_day() {
    let due = office().deadline(paris("2026-11-23 14:00"), hours(4), &[]).unwrap();
    assert_eq!(due, paris("2026-11-23 18:00"));
}

#[test]
fn one_second_past_closing_goes_to_the_next_morning() {
    let due = office().deadline(paris("2026-11-23 14:00:01"), hours(4), &[]).unwrap();
    assert_eq!(due, paris("2026-11-24 08:00:01"));
}

#[test]
fn a_call_out_of_hours_starts_at_the_next_opening() {
    for called in ["2026-11-20 18:00:01", "2026-11-21 11:00", "2026-11-22 23:59", "2026-11-23 03:00"] {
        let due = office().deadline(paris(called), hours(4), &[]).unwrap();
        assert_eq!(due, paris("2026-11-23 12:00"), "{called}");
    }
}

#[test]
fn a_call_exactly_at_closing_time_counts_from_the_next_opening() {
    let due = office().deadline(paris("2026-11-23 18:00"), minutes(1), &[]).unwrap();
    assert_eq!(due, paris("2026-11-24 08:01"));
}

#[test]
fn weekends_and_public_holidays_do_not_count() {
    // Friday 1 May 2026 and Friday 8 May 2026 are holidays; so is Thursday 14 May (Ascension).
    let elapsed = office().elapsed(paris("2026-04-30 08:00"), paris("2026-05-18 08:00"), &[]).unwrap();
    // 30 April; 4 to 7 May; 11, 12, 13 and 15 May
    assert_eq!(elapsed, hours(9 * 10));
}

#[test]
fn a_lunch_break_does_not_count() {
    let calendar = daily(&[opening((8, 0), (12, 0)), opening((14, 0), (18, 0))]);
    let due = calendar.deadline(paris("2026-11-23 10:30"), hours(4), &[]).unwrap();
    assert_eq!(due, paris("2026-11-23 16:30"));
    assert_eq!(calendar.deadline(paris("2026-11-23 12:45"), hours(4), &[]).unwrap(), paris("2026-11-23 18:00"));
}

#[test]
fn the_night_without_its_third_hour_is_one_hour_shorter() {
    // Sunday 29 March 2026: 02:00 becomes 03:00.
    let calendar = daily(&[opening((0, 0), (6, 0))]);
    let elapsed = calendar.elapsed(paris("2026-03-29 00:00"), paris("2026-03-29 12:00"), &[]).unwrap();
    assert_eq!(elapsed, hours(5));
    let due = calendar.deadline(paris("2026-03-29 01:30"), hours(1), &[]).unwrap();
    assert_eq!(due, paris("2026-03-29 03:30"));
    assert_eq!(due, utc("2026-03-29T01:30:00Z"));
}

#[test]
fn the_night_with_its_third_hour_twice_is_one_hour_longer() {
    // Sunday 25 October 2026: 03:00 becomes 02:00.
    let calendar = daily(&[opening((0, 0), (6, 0))]);
    let elapsed = calendar.elapsed(paris("2026-10-25 00:00"), paris("2026-10-25 12:00"), &[]).unwrap();
    assert_eq!(elapsed, hours(7));
    // From 01:30 in summer time, two hours end at the second 02:30.
    let due = calendar.deadline(utc("2026-10-24T23:30:00Z"), hours(2), &[]).unwrap();
    assert_eq!(due, utc("2026-10-25T01:30:00Z"));
}

#[test]
fn openings_that_meet_inside_a_changed_hour_neither_overlap_nor_leave_a_hole() {
    let split = daily(&[opening((1, 0), (2, 30)), opening((2, 30), (5, 0))]);
    let whole = daily(&[opening((1, 0), (5, 0))]);
    for (night, expected) in [("2026-03-29", hours(3)), ("2026-10-25", hours(5)), ("2026-06-14", hours(4))] {
        let (from, to) = (paris(&format!("{night} 00:00")), paris(&format!("{night} 12:00")));
        assert_eq!(whole.elapsed(from, to, &[]).unwrap(), expected, "{night}");
        assert_eq!(split.elapsed(from, to, &[]).unwrap(), expected, "{night}");
    }
}

#[test]
fn an_opening_that_lies_in_the_skipped_hour_is_empty() {
    let calendar = daily(&[opening((2, 0), (3, 0))]);
    let elapsed = calendar.elapsed(paris("2026-03-29 00:00"), paris("2026-03-29 12:00"), &[]).unwrap();
    assert_eq!(elapsed, SignedDuration::ZERO);
}

#[test]
fn office_days_around_a_change_of_clock_keep_their_ten_hours_and_wall_clock() {
    for (friday, monday) in [("2026-03-27", "2026-03-30"), ("2026-10-23", "2026-10-26")] {
        let due = office().deadline(paris(&format!("{friday} 16:00")), hours(4), &[]).unwrap();
        assert_eq!(due, paris(&format!("{monday} 10:00")));
    }
}

#[test]
fn a_whole_day_runs_from_midnight_to_midnight() {
    let around_the_clock = daily(&[opening((0, 0), (0, 0))]);
    let due = around_the_clock.deadline(paris("2026-11-23 22:00"), hours(4), &[]).unwrap();
    assert_eq!(due, paris("2026-11-24 02:00"));
}

#[test]
fn pauses_push_the_deadline_by_their_business_time_only() {
    // From Monday 17:00 to Tuesday 09:00 holds two business hours.
    let pause = Pause { from: paris("2026-11-23 17:00"), to: paris("2026-11-24 09:00") };
    let due = office().deadline(paris("2026-11-23 15:00"), hours(4), &[pause]).unwrap();
    assert_eq!(due, paris("2026-11-24 11:00"));
}

#[test]
fn overlapping_nested_reversed_and_unordered_pauses_count_once() {
    let pause = |from: &str, to: &str| Pause { from: paris(from), to: paris(to) };
    let pauses = [
        pause("2026-11-23 11:00", "2026-11-23 12:00"),
        pause("2026-11-23 10:00", "2026-11-23 11:30"),
        pause("2026-11-23 10:15", "2026-11-23 10:20"),
        pause("2026-11-23 16:00", "2026-11-23 15:00"),
    ];
    let due = office().deadline(paris("2026-11-23 09:00"), hours(4), &pauses).unwrap();
    assert_eq!(due, paris("2026-11-23 15:00"));
}

#[test]
fn a_deadline_exactly_where_a_pause_starts_stays_there() {
    let pause = Pause { from: paris("2026-11-23 13:00"), to: paris("2026-11-23 15:00") };
    let due = office().deadline(paris("2026-11-23 09:00"), hours(4), &[pause]).unwrap();
    assert_eq!(due, paris("2026-11-23 13:00"));
}

#[test]
fn a_timetable_that_never_opens_is_refused_and_a_pause_without_end_is_an_error() {
    let never = BusinessHours::new("Europe/Paris", Weekly::closed(), Region::France);
    assert_eq!(never.unwrap_err(), CalendarError::NeverOpen);
    let forever = Pause { from: paris("2026-11-23 10:00"), to: Timestamp::MAX };
    assert_eq!(office().deadline(paris("2026-11-23 09:00"), hours(4), &[forever]), Err(CalendarError::TooFar));
}

#[test]
fn bounds_are_errors_rather_than_long_searches() {
    assert_eq!(office().elapsed(Timestamp::MIN, Timestamp::MAX, &[]), Err(CalendarError::TooFar));
    assert_eq!(office().deadline(Timestamp::MAX, hours(4), &[]), Err(CalendarError::TooFar));
    assert_eq!(office().deadline(Timestamp::UNIX_EPOCH, SignedDuration::MAX, &[]), Err(CalendarError::TooFar));
    let negative = minutes(-1);
    assert_eq!(office().deadline(Timestamp::UNIX_EPOCH, negative, &[]), Err(CalendarError::Negative(negative)));
}

#[test]
fn an_unknown_time_zone_is_named() {
    let refused =
        BusinessHours::new("Europe/Pariis", Weekly::monday_to_friday(opening((8, 0), (18, 0))), Region::France);
    assert_eq!(refused.unwrap_err(), CalendarError::TimeZone("Europe/Pariis".into()));
}

#[test]
fn open_and_closed_at_the_edges() {
    let calendar = office();
    assert!(!calendar.is_open(paris("2026-11-23 07:59:59")));
    assert!(calendar.is_open(paris("2026-11-23 08:00")));
    assert!(!calendar.is_open(paris("2026-11-23 18:00")));
    assert!(!calendar.is_open(paris("2026-11-11 10:00")));
}

/// Calendars with different shapes, among them one that works through the changed hours.
fn calendars() -> impl Strategy<Value = BusinessHours> {
    prop_oneof![
        Just(office()),
        Just(BusinessHours::office_hours(Region::AlsaceMoselle).unwrap()),
        Just(daily(&[opening((8, 0), (12, 0)), opening((13, 30), (17, 45))])),
        Just(daily(&[opening((0, 0), (2, 30)), opening((2, 30), (5, 0)), opening((21, 0), (0, 0))])),
    ]
}

/// Instants of 2026 and 2027, a third of them around the changes of clock.
fn instants() -> impl Strategy<Value = Timestamp> {
    let second = |at: &str| utc(at).as_second();
    let year = second("2026-01-01T00:00:00Z")..second("2028-01-01T00:00:00Z");
    let spring = second("2026-03-28T20:00:00Z")..second("2026-03-29T06:00:00Z");
    let autumn = second("2026-10-24T20:00:00Z")..second("2026-10-25T06:00:00Z");
    prop_oneof![4 => year, 1 => spring, 1 => autumn].prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn pauses() -> impl Strategy<Value = Vec<Pause>> {
    let pause = (instants(), -3_600i64..400_000)
        .prop_map(|(from, length)| Pause { from, to: from + SignedDuration::from_secs(length) });
    prop::collection::vec(pause, 0..5)
}

proptest! {
    #[test]
    fn the_time_elapsed_at_the_deadline_is_the_time_allowed(
        calendar in calendars(), from in instants(), allowed in 0i64..400_000, pauses in pauses()
    ) {
        let allowed = SignedDuration::from_secs(allowed);
        let due = calendar.deadline(from, allowed, &pauses).unwrap();
        prop_assert!(due >= from);
        prop_assert_eq!(calendar.elapsed(from, due, &pauses).unwrap(), allowed);
    }

    #[test]
    fn a_deadline_is_the_first_instant_with_the_time_elapsed(
        calendar in calendars(), from in instants(), allowed in 1i64..400_000, pauses in pauses()
    ) {
        let allowed = SignedDuration::from_secs(allowed);
        let due = calendar.deadline(from, allowed, &pauses).unwrap();
        let before = due - SignedDuration::from_secs(1);
        prop_assert!(calendar.elapsed(from, before, &pauses).unwrap() < allowed);
    }

    #[test]
    fn a_later_call_or_a_longer_time_is_never_due_earlier(
        calendar in calendars(), first in instants(), second in instants(), allowed in 0i64..200_000, more in 0i64..200_000
    ) {
        let (early, late) = (first.min(second), first.max(second));
        let (short, long) = (SignedDuration::from_secs(allowed), SignedDuration::from_secs(allowed + more));
        let due = calendar.deadline(early, short, &[]).unwrap();
        prop_assert!(due <= calendar.deadline(late, short, &[]).unwrap());
        prop_assert!(due <= calendar.deadline(early, long, &[]).unwrap());
    }

    #[test]
    fn elapsed_time_adds_up_over_any_split(
        calendar in calendars(), mut at in prop::array::uniform3(instants()), pauses in pauses()
    ) {
        at.sort_unstable();
        let [from, between, to] = at;
        let parts = calendar.elapsed(from, between, &pauses).unwrap() + calendar.elapsed(between, to, &pauses).unwrap();
        prop_assert_eq!(calendar.elapsed(from, to, &pauses).unwrap(), parts);
    }

    #[test]
    fn elapsed_time_is_never_negative_nor_more_than_real_time(
        calendar in calendars(), from in instants(), to in instants(), pauses in pauses()
    ) {
        let elapsed = calendar.elapsed(from, to, &pauses).unwrap();
        prop_assert!(!elapsed.is_negative());
        prop_assert!(elapsed <= to.duration_since(from).max(SignedDuration::ZERO));
    }

    #[test]
    fn a_pause_adds_exactly_its_business_time(
        calendar in calendars(), from in instants(), allowed in 1i64..200_000, pause in instants(), length in 1i64..200_000
    ) {
        let allowed = SignedDuration::from_secs(allowed);
        let pause = Pause { from: pause, to: pause + SignedDuration::from_secs(length) };
        let due = calendar.deadline(from, allowed, &[pause]).unwrap();
        let paused = calendar.elapsed(from.max(pause.from), due.min(pause.to), &[]).unwrap();
        prop_assert_eq!(calendar.elapsed(from, due, &[]).unwrap(), allowed + paused);
    }
}
