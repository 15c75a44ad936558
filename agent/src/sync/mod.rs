//! Everything that is said to the collector, in one call at a time.

pub mod address;
pub mod backoff;
pub mod caller;
pub mod desk;
pub mod inventory;
pub mod link;
pub mod status;
#[cfg(test)]
pub(crate) mod tests;
pub mod tls;
