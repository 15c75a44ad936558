//! One file per verb of the command line. Each has `Options` (its arguments) and `run(Options)`.

pub mod check;
pub mod enrol;
pub mod inventory;
pub mod run;
pub mod show_payload;
pub mod status;
