//! The Vigie agent: reads this machine, checks it, keeps what happened in a durable spool and tells the collector in
//! one HTTPS call. It only calls out and listens on nothing.

pub mod checks;
pub mod clock;
pub mod identity;
pub mod inventory;
pub mod modes;
pub mod settings;
pub mod sort;
pub mod source;
pub mod spool;
pub mod sync;
#[cfg(test)]
mod testing;
