//! One file per verb of the command line. Each has `Options` (its arguments) and `run(Options)`.

pub mod capture;
pub mod check;
pub mod enrol;
pub mod inventory;
pub mod parse;
pub mod run;
pub mod show_payload;
pub mod status;
