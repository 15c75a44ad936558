//! What the collector works out of inventories, for the whole fleet (pure: bytes and rows in, facts out).

pub mod changes;
pub mod hand;
