//! Calendars: public holidays and business hours. Pure: no clock, no file, the time zone data is compiled in.

pub mod business_hours;
pub mod holidays;
mod openings;

pub use business_hours::{BusinessHours, CalendarError, Pause};
pub use holidays::{Holiday, Region, holiday};
pub use openings::{Opening, Weekly};
