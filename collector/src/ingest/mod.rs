//! (being written) The three doors.
