//! Exceptional closures: a stretch of days or of hours in which a network that would work does not.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The longest closure, days.
pub const MAX_DAYS: i64 = 400;
/// The longest note, characters.
pub const MAX_NOTE: usize = 200;

/// Why a school is closed although it would work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosureReason {
    /// Snow, ice, storm.
    Snow,
    /// Strike.
    Strike,
    /// The rooms are used for an examination.
    Exam,
    /// A day between a holiday and a weekend.
    Bridge,
    /// Works in the building.
    Works,
    /// Anything else; the note says what.
    Other,
}

impl ClosureReason {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Snow, Self::Strike, Self::Exam, Self::Bridge, Self::Works, Self::Other];

    /// The word of the store and the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Snow => "snow",
            Self::Strike => "strike",
            Self::Exam => "exam",
            Self::Bridge => "bridge",
            Self::Works => "works",
            Self::Other => "other",
        }
    }

    /// From the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// Which of a school's networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkKind {
    /// The network of classes.
    Pedagogical,
    /// The network of the office.
    Administrative,
}

impl NetworkKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Pedagogical, Self::Administrative];

    /// The word of the store and the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pedagogical => "pedagogical",
            Self::Administrative => "administrative",
        }
    }

    /// From the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// How long a closure lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stretch {
    /// Whole days in the time zone of each school, first and last included.
    Days {
        /// First day.
        first: Date,
        /// Last day.
        last: Date,
    },
    /// From one instant to another, which is the first that counts again.
    Hours {
        /// First instant.
        from: Timestamp,
        /// First instant afterwards.
        to: Timestamp,
    },
}

/// Why a closure is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClosureError {
    /// A start that is neither a day nor an instant.
    #[error(
        "{field} « {given} » is neither a day (2026-11-23) nor an instant with its time zone (2026-11-23T10:00:00Z)"
    )]
    Unreadable {
        /// `from` or `to`.
        field: &'static str,
        /// What was given.
        given: String,
    },
    /// One is a day, the other an instant.
    #[error("from and to must both be days, or both instants")]
    Mixed,
    /// The end does not come after the start.
    #[error("to ({to}) is before from ({from}), or leaves nothing between them")]
    Reversed {
        /// The start given.
        from: String,
        /// The end given.
        to: String,
    },
    /// Longer than [`MAX_DAYS`].
    #[error("a closure lasts {MAX_DAYS} days at most: look at from and to")]
    TooLong,
    /// A year that no calendar means.
    #[error("{field} « {given} » is not between the years 2000 and 2100")]
    TooFar {
        /// `from` or `to`.
        field: &'static str,
        /// What was given.
        given: String,
    },
    /// A note that is too long or has control characters.
    #[error("the note has more than {MAX_NOTE} characters, or control characters: one short line is wanted")]
    Note,
}

impl Stretch {
    /// From what somebody wrote: two days, or two instants with their time zone.
    pub fn parse(from: &str, to: &str) -> Result<Self, ClosureError> {
        let unreadable = |field, given: &str| ClosureError::Unreadable { field, given: super::short(given) };
        let (from, to) = (from.trim(), to.trim());
        let start: Moment = from.parse().map_err(|()| unreadable("from", from))?;
        let end: Moment = to.parse().map_err(|()| unreadable("to", to))?;
        let stretch = match (start, end) {
            (Moment::Day(first), Moment::Day(last)) => Self::Days { first, last },
            (Moment::Instant(from), Moment::Instant(to)) => Self::Hours { from, to },
            _ => return Err(ClosureError::Mixed),
        };
        stretch.checked()
    }

    /// The same, if it makes sense.
    pub fn checked(self) -> Result<Self, ClosureError> {
        let years = 2000..=2100;
        for (field, date) in [("from", self.first_date()), ("to", self.last_date())] {
            if !years.contains(&date.year()) {
                return Err(ClosureError::TooFar { field, given: date.to_string() });
            }
        }
        let (from, to) = self.words();
        let (ordered, days) = match self {
            Self::Days { first, last } => (first <= last, last.duration_since(first).as_hours() / 24),
            Self::Hours { from, to } => (from < to, to.duration_since(from).as_hours() / 24),
        };
        if !ordered {
            return Err(ClosureError::Reversed { from, to });
        }
        if days > MAX_DAYS { Err(ClosureError::TooLong) } else { Ok(self) }
    }

    /// Start and end as they are written and read again.
    pub fn words(&self) -> (String, String) {
        match self {
            Self::Days { first, last } => (first.to_string(), last.to_string()),
            Self::Hours { from, to } => (from.to_string(), to.to_string()),
        }
    }

    /// The first day it may touch, in any time zone.
    pub fn first_date(&self) -> Date {
        match self {
            Self::Days { first, .. } => *first,
            Self::Hours { from, .. } => jiff::tz::Offset::UTC.to_datetime(*from).date(),
        }
    }

    /// The last day it may touch, give or take a time zone.
    pub fn last_date(&self) -> Date {
        match self {
            Self::Days { last, .. } => *last,
            Self::Hours { to, .. } => jiff::tz::Offset::UTC.to_datetime(*to).date(),
        }
    }
}

/// A day, or an instant.
enum Moment {
    Day(Date),
    Instant(Timestamp),
}

impl FromStr for Moment {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        // A day is ten characters: jiff would read the date of anything longer.
        if text.len() == 10 {
            return text.parse().map(Self::Day).map_err(|_| ());
        }
        text.parse().map(Self::Instant).map_err(|_| ())
    }
}

/// A closure as a calendar knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Closure {
    /// When.
    pub stretch: Stretch,
    /// Why.
    pub reason: ClosureReason,
    /// A few words of whoever entered it; may be empty.
    pub note: String,
}

impl Closure {
    /// A closure, if it makes sense.
    pub fn new(stretch: Stretch, reason: ClosureReason, note: &str) -> Result<Self, ClosureError> {
        let note = note.trim();
        if note.chars().count() > MAX_NOTE || note.chars().any(char::is_control) {
            return Err(ClosureError::Note);
        }
        Ok(Self { stretch: stretch.checked()?, reason, note: note.to_owned() })
    }
}

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = self.words();
        if from == to { f.write_str(&from) } else { write!(f, "{from} to {to}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_closure_is_of_days_or_of_hours() {
        let days = Stretch::parse("2026-11-23", " 2026-11-24 ").unwrap();
        assert_eq!(days, Stretch::Days { first: date(2026, 11, 23), last: date(2026, 11, 24) });
        let hours = Stretch::parse("2026-11-23T10:00:00+01:00", "2026-11-23T11:00:00Z").unwrap();
        assert_eq!(hours.words(), ("2026-11-23T09:00:00Z".into(), "2026-11-23T11:00:00Z".into()));
        for stretch in [days, hours] {
            let (from, to) = stretch.words();
            assert_eq!(Stretch::parse(&from, &to).unwrap(), stretch);
        }
    }

    #[test]
    fn each_bad_field_is_named() {
        let refusal = |from: &str, to: &str| Stretch::parse(from, to).unwrap_err().to_string();
        assert!(refusal("yesterday", "2026-11-24").starts_with("from « yesterday »"));
        assert!(refusal("2026-11-23", "2026-02-30").starts_with("to « 2026-02-30 »"));
        assert!(refusal("2026-11-23T10:00", "2026-11-24").starts_with("from"));
        assert!(refusal("2026-11-23", "2026-11-24T10:00:00Z").contains("both"));
        assert!(refusal("2026-11-23", "2026-11-22").contains("before"));
        assert!(refusal("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z").contains("before"));
        assert!(refusal("2026-11-23", "2028-11-22").contains("400 days"));
        assert!(refusal("1926-11-23", "2026-11-22").starts_with("from « 1926-11-23 »"));
        assert!(refusal("2026-11-23", "9999-11-22").starts_with("to « 9999-11-22 »"));
    }

    #[test]
    fn notes_are_one_short_line() {
        let days = Stretch::parse("2026-11-23", "2026-11-24").unwrap();
        let closure = |note: &str| Closure::new(days, ClosureReason::Snow, note);
        assert_eq!(closure(" chaufferie ").unwrap().note, "chaufferie");
        assert_eq!(closure("a\nb"), Err(ClosureError::Note));
        assert_eq!(closure(&"é".repeat(201)), Err(ClosureError::Note));
        assert!(closure(&"é".repeat(200)).is_ok());
    }
}
