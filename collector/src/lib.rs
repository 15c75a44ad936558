//! The collector: three doors on one port, the store, the engine, the tickets, the fleet health page.

pub mod calendar;
pub mod directory;

pub mod helpdesk;
