//! (being written) The section `network`.

pub use super::routes::{DefaultRoute, default_gateways, default_routes, resolvers};
