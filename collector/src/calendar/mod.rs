//! (being written) Pure calendars.
