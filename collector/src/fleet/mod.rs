//! What the collector works out of inventories, for the whole fleet (pure: bytes and rows in, facts out).

pub mod catalogue;
pub mod changes;
pub mod end_of_life;
pub mod hand;
pub mod kinship;
pub mod rules;
pub mod sheet;
pub mod vulnerabilities;
