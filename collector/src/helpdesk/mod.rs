//! Tickets and what surrounds them.

pub mod sla;
pub mod ticket_policy;
