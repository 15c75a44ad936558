//! The Vigie collector: receives what agents report, decides what is wrong, opens and closes tickets by itself, and
//! shows the fleet.
//!
//! Rooms: [`ingest`] (the three doors), [`fleet`] (pure: inventories compared), [`facts`] and [`engine`] (pure: facts → verdicts → incidents → tickets),
//! [`calendar`] (pure), [`helpdesk`] (tickets, service levels), [`notify`] (one file per channel), [`probe`] (the collector's own eye on the lines of schools), [`store`] (one transaction for facts, verdicts and
//! effects), [`web`] (pages), [`modes`] (one file per verb of the command line).

pub mod authority;
pub mod calendar;
pub mod clock;
pub mod directory;
pub mod engine;
pub mod facts;
pub mod fleet;
pub mod helpdesk;
pub mod ingest;
pub mod modes;
pub mod notify;
pub mod probe;
pub mod store;
pub mod web;
