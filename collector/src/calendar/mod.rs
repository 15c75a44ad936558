//! Calendars: public and school holidays, business hours, when a school's networks are expected to work. Pure: no clock,
//! no file; time zones and school holidays of known years are compiled in.

pub mod business_hours;
pub mod closure;
pub mod eras;
pub mod holidays;
pub mod ics;
mod instant;
mod openings;
pub mod school;
pub mod school_holidays;
pub mod settings;
pub mod zone;

pub use business_hours::{BusinessHours, CalendarError, Pause};
pub use closure::{Closure, ClosureError, ClosureReason, NetworkKind, Stretch};
pub use holidays::{Holiday, Region, holiday};
pub use openings::{Opening, Weekly};
pub use school::{Closed, Day, HalfDay, SchoolCalendar, SchoolCalendars};
pub use school_holidays::HolidayTable;
pub use settings::{CalendarSettings, NetworkSettings, Rules};
pub use zone::{Territory, Zone};

/// What somebody gave, short enough to be said again and without anything invisible.
fn short(text: &str) -> String {
    text.chars().take(60).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
