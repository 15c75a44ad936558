//! Tickets and what surrounds them.

pub mod sla;
