//! The weekly timetable: when a service is open on each weekday, in civil time.

use jiff::civil::{Time, Weekday};

/// One opening of one day: from `start` (included) to `end` (the instant of closing). It never crosses midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    start: Time,
    end: Time,
}

/// Why a timetable is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimetableError {
    /// The closing does not come after the opening.
    #[error("an opening from {start} to {end} is empty or crosses midnight: write it as two openings")]
    Reversed {
        /// Opening time.
        start: Time,
        /// Closing time.
        end: Time,
    },
    /// Two openings of a day overlap or are out of order.
    #[error("the openings of {0:?} overlap or are out of order")]
    Overlap(Weekday),
    /// More openings on one day than a timetable may hold.
    #[error("more than {limit} openings on {0:?}", limit = Weekly::MAX_OPENINGS)]
    TooMany(Weekday),
}

impl Opening {
    /// From `start` to `end`; an `end` of 00:00 is the midnight that ends the day.
    pub fn new(start: Time, end: Time) -> Result<Self, TimetableError> {
        if end != Time::midnight() && start >= end {
            return Err(TimetableError::Reversed { start, end });
        }
        Ok(Self { start, end })
    }

    /// Opening time.
    pub fn start(self) -> Time {
        self.start
    }

    /// Closing time; `None` is the midnight that ends the day.
    pub fn end(self) -> Option<Time> {
        (self.end != Time::midnight()).then_some(self.end)
    }

    fn is_before(self, later: Self) -> bool {
        self.end().is_some_and(|end| end <= later.start)
    }
}

/// The openings of each weekday, in order and without overlap. A day without openings is closed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Weekly([Vec<Opening>; 7]);

impl Weekly {
    /// The most openings one day can hold.
    pub const MAX_OPENINGS: usize = 24;

    /// No opening at all; add days with [`Weekly::with`].
    pub fn closed() -> Self {
        Self::default()
    }

    /// Monday to Friday with the same single opening.
    pub fn monday_to_friday(opening: Opening) -> Self {
        let day = || vec![opening];
        Self([day(), day(), day(), day(), day(), Vec::new(), Vec::new()])
    }

    /// Every day from midnight to midnight.
    pub fn around_the_clock() -> Self {
        let day = || vec![Opening { start: Time::midnight(), end: Time::midnight() }];
        Self(std::array::from_fn(|_| day()))
    }

    /// The same timetable with the openings of one weekday replaced.
    pub fn with(mut self, weekday: Weekday, openings: Vec<Opening>) -> Result<Self, TimetableError> {
        if openings.len() > Self::MAX_OPENINGS {
            return Err(TimetableError::TooMany(weekday));
        }
        let ordered = openings.iter().zip(openings.iter().skip(1)).all(|(first, next)| first.is_before(*next));
        if !ordered {
            return Err(TimetableError::Overlap(weekday));
        }
        if let Some(day) = self.0.get_mut(index(weekday)) {
            *day = openings;
        }
        Ok(self)
    }

    /// The openings of a weekday, in order.
    pub fn on(&self, weekday: Weekday) -> &[Opening] {
        self.0.get(index(weekday)).map_or(&[], Vec::as_slice)
    }

    /// Whether the timetable has no opening on any day.
    pub fn is_closed(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }
}

fn index(weekday: Weekday) -> usize {
    usize::try_from(weekday.to_monday_zero_offset()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::time;

    fn opening(start: i8, end: i8) -> Opening {
        Opening::new(time(start, 0, 0, 0), time(end, 0, 0, 0)).unwrap()
    }

    #[test]
    fn an_empty_or_reversed_opening_is_refused() {
        for (start, end) in [(8, 8), (18, 8)] {
            let refused = Opening::new(time(start, 0, 0, 0), time(end, 0, 0, 0));
            assert!(matches!(refused, Err(TimetableError::Reversed { .. })));
        }
    }

    #[test]
    fn midnight_as_an_end_is_the_end_of_the_day() {
        let whole_day = Opening::new(Time::midnight(), Time::midnight()).unwrap();
        assert_eq!(whole_day.end(), None);
    }

    #[test]
    fn overlapping_and_unordered_openings_are_refused() {
        for day in [
            vec![opening(8, 13), opening(12, 18)],
            vec![opening(14, 18), opening(8, 12)],
            vec![opening(20, 0), opening(22, 23)],
        ] {
            assert_eq!(Weekly::closed().with(Weekday::Monday, day), Err(TimetableError::Overlap(Weekday::Monday)));
        }
    }

    #[test]
    fn openings_that_touch_are_accepted_and_stay_on_their_day() {
        let weekly = Weekly::closed().with(Weekday::Sunday, vec![opening(8, 12), opening(12, 18)]).unwrap();
        assert_eq!(weekly.on(Weekday::Sunday).len(), 2);
        assert!(weekly.on(Weekday::Monday).is_empty());
        assert!(!weekly.is_closed());
    }
}
