//! The pages: server-rendered, French and English, live through SSE. Access is decided in [`access`] only.

use crate::clock::Clock;
use crate::engine::Decide;
use crate::store::Store;
use std::sync::Arc;

/// What the pages stand on.
#[derive(Clone)]
pub struct Context {
    /// Facts, tickets, users, sessions.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The engine: an approval is told to it in the same transaction.
    pub decider: Arc<dyn Decide>,
    /// True behind TLS: cookies are `Secure` with the prefix `__Host-`, and HSTS is sent. False only on the plain
    /// listener of the loopback.
    pub secure_cookies: bool,
}

/// All routes of the web door. Requests should carry `axum::extract::ConnectInfo<SocketAddr>` as an extension: without
/// it nobody counts as local.
pub fn router(context: Context) -> axum::Router {
    let _ = context;
    axum::Router::new()
}
