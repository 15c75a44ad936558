//! The agreement on delays: a time allowed, counted in the business hours of a calendar.
//!
//! A due time is derived from stored facts (when the outage was detected or the call came, and the pauses), so changing
//! a priority or reopening a ticket can never forget a pause, and "why this due time" is answered by the same facts.

use crate::calendar::{BusinessHours, CalendarError, Pause, Region};
use jiff::{SignedDuration, Timestamp};

/// How long the service allows itself, and when its clock runs.
#[derive(Debug, Clone)]
pub struct Sla {
    /// Business minutes allowed.
    pub allowed_minutes: u32,
    /// When the clock runs.
    pub calendar: BusinessHours,
}

impl Sla {
    /// Business minutes allowed for an internet outage: four hours.
    pub const INTERNET_MINUTES: u32 = 4 * 60;

    /// The default agreement for an internet outage: 4 business hours, Monday to Friday 08:00 to 18:00, Europe/Paris.
    pub fn internet(holidays: Region) -> Result<Self, CalendarError> {
        Ok(Self { allowed_minutes: Self::INTERNET_MINUTES, calendar: BusinessHours::office_hours(holidays)? })
    }

    /// When the agreement is due. `opened` is the detection or the call, never the start that late evidence found.
    pub fn due(&self, opened: Timestamp, pauses: &[Pause]) -> Result<Timestamp, CalendarError> {
        self.calendar.deadline(opened, self.allowed(), pauses)
    }

    /// Business time left at `now`; negative once overdue (by that much business time).
    pub fn remaining(
        &self,
        opened: Timestamp,
        pauses: &[Pause],
        now: Timestamp,
    ) -> Result<SignedDuration, CalendarError> {
        Ok(self.allowed().saturating_sub(self.calendar.elapsed(opened, now, pauses)?))
    }

    fn allowed(&self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.allowed_minutes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::DateTime;
    use proptest::prelude::*;

    fn internet() -> Sla {
        Sla::internet(Region::France).unwrap()
    }

    fn paris(text: &str) -> Timestamp {
        text.parse::<DateTime>().unwrap().in_tz("Europe/Paris").unwrap().timestamp()
    }

    fn due_of(opened: &str) -> Timestamp {
        internet().due(paris(opened), &[]).unwrap()
    }

    #[test]
    fn christmas_eve_ten_minutes_before_closing_is_due_on_the_next_working_monday() {
        // Thursday 24 December 2026: 10 minutes are left, Friday is Christmas, then a weekend.
        assert_eq!(due_of("2026-12-24 17:50"), paris("2026-12-28 11:50"));
    }

    #[test]
    fn christmas_eve_in_alsace_is_due_the_same_monday_because_saint_stephen_is_a_saturday() {
        let due = Sla::internet(Region::AlsaceMoselle).unwrap().due(paris("2026-12-24 17:50"), &[]).unwrap();
        assert_eq!(due, paris("2026-12-28 11:50"));
    }

    #[test]
    fn saint_stephen_on_a_working_day_counts_outside_alsace_only() {
        // 24 December 2029 is a Monday; 25 and 26 December are Tuesday and Wednesday.
        let opened = paris("2029-12-24 16:00");
        assert_eq!(internet().due(opened, &[]).unwrap(), paris("2029-12-26 10:00"));
        let alsace = Sla::internet(Region::AlsaceMoselle).unwrap();
        assert_eq!(alsace.due(opened, &[]).unwrap(), paris("2029-12-27 10:00"));
    }

    #[test]
    fn a_friday_afternoon_outage_is_due_on_monday() {
        assert_eq!(due_of("2026-11-20 16:30"), paris("2026-11-23 10:30"));
    }

    #[test]
    fn a_public_holiday_in_the_week_is_jumped_over() {
        // Tuesday 10 November 2026 at 15:00; Wednesday 11 November is a holiday.
        assert_eq!(due_of("2026-11-10 15:00"), paris("2026-11-12 09:00"));
    }

    #[test]
    fn an_outage_at_two_in_the_afternoon_is_due_at_closing_time_of_the_same_day() {
        assert_eq!(due_of("2026-11-23 14:00"), paris("2026-11-23 18:00"));
    }

    #[test]
    fn an_outage_on_a_holiday_starts_to_count_on_the_next_working_day() {
        assert_eq!(due_of("2026-05-01 10:00"), paris("2026-05-04 12:00"));
    }

    #[test]
    fn the_time_left_shrinks_in_business_hours_only_and_goes_below_zero() {
        let sla = internet();
        let opened = paris("2026-11-20 16:30");
        let left = |now: &str| sla.remaining(opened, &[], paris(now)).unwrap();
        assert_eq!(left("2026-11-20 16:30"), SignedDuration::from_hours(4));
        assert_eq!(left("2026-11-20 18:00"), SignedDuration::from_mins(150));
        assert_eq!(left("2026-11-22 12:00"), SignedDuration::from_mins(150));
        assert_eq!(left("2026-11-23 10:30"), SignedDuration::ZERO);
        assert_eq!(left("2026-11-23 11:00"), SignedDuration::from_mins(-30));
    }

    #[test]
    fn waiting_time_is_not_counted() {
        let sla = internet();
        let waiting = Pause { from: paris("2026-11-23 10:00"), to: paris("2026-11-23 11:30") };
        let opened = paris("2026-11-23 09:00");
        assert_eq!(sla.due(opened, &[waiting]).unwrap(), paris("2026-11-23 14:30"));
        let left = sla.remaining(opened, &[waiting], paris("2026-11-23 11:00")).unwrap();
        assert_eq!(left, SignedDuration::from_hours(3));
    }

    proptest! {
        #[test]
        fn nothing_is_left_exactly_at_the_due_time(
            opened in 1_760_000_000i64..1_860_000_000, pause in 0i64..500_000, length in 0i64..300_000
        ) {
            let opened = Timestamp::from_second(opened).unwrap();
            let from = opened + SignedDuration::from_secs(pause);
            let pauses = [Pause { from, to: from + SignedDuration::from_secs(length) }];
            let sla = internet();
            let due = sla.due(opened, &pauses).unwrap();
            prop_assert!(due > opened);
            prop_assert_eq!(sla.remaining(opened, &pauses, due).unwrap(), SignedDuration::ZERO);
        }
    }
}
