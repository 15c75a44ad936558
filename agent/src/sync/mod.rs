//! Everything that is said to the collector, in one call at a time.

pub mod address;
pub mod backoff;
pub mod link;
pub mod tls;
