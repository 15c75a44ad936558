//! What the machines' doors stand on, and their routes. Each door has its own: a route of one is unknown on the others.

use super::attempts::Attempts;
use super::body::Memory;
use super::connection::{Caller, Handler};
use super::queue::Queue;
use super::refusal::{Answer, refusal, refuse};
use super::watermark::Watermark;
use super::{enrol, sync};
use crate::authority::Authority;
use crate::clock::Clock;
use crate::store::Store;
use hyper::body::Incoming;
use hyper::{Method, Request};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;
use vigie_shared::error::ErrorCode;
use vigie_shared::id::MachineId;

/// Memory that large messages may take together, bytes: sixteen of the largest.
const MEMORY: usize = 256 << 20;

/// See the module.
pub struct Api {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) authority: Arc<Authority>,
    pub(super) queue: Queue,
    pub(super) watermark: Arc<Watermark>,
    pub(super) memory: Memory,
    /// The heartbeat last answered, seconds.
    pub(super) heartbeat_s: AtomicU32,
    /// Refused enrolments by address.
    pub(super) refused: Attempts<IpAddr>,
    /// Renewals by machine.
    pub(super) renewed: Attempts<MachineId>,
}

impl Api {
    /// The machines' doors before this store.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        authority: Arc<Authority>,
        queue: Queue,
        watermark: Arc<Watermark>,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            authority,
            queue,
            watermark,
            memory: Memory::new(MEMORY),
            heartbeat_s: AtomicU32::new(u32::MAX),
            refused: Attempts::new(10, 600, Duration::from_secs(60)),
            renewed: Attempts::new(10, u32::MAX, Duration::from_secs(3600)),
        })
    }
}

fn unknown(door: &str) -> Answer {
    refuse(refusal(ErrorCode::NotFound, format!("there is no such route on the {door} door")))
}

impl Handler for Api {
    async fn agent(self: Arc<Self>, caller: Arc<Caller>, request: Request<Incoming>) -> Answer {
        // The handshake demands a certificate; should a configuration ever fail to, nothing is served without one.
        let peer = match &caller.peer {
            Ok(peer) => peer,
            Err(code) => {
                return refuse(refusal(code.clone(), "this door wants the certificate of an enrolled machine"));
            }
        };
        match (request.method(), request.uri().path()) {
            (&Method::POST, vigie_shared::sync::PATH) => sync::answer(&self, peer, caller.address, request).await,
            (&Method::POST, vigie_shared::sync::RENEW_PATH) => enrol::renew(&self, peer, request).await,
            _ => unknown("agents'"),
        }
    }

    async fn enrol(self: Arc<Self>, address: IpAddr, request: Request<Incoming>) -> Answer {
        match (request.method(), request.uri().path()) {
            (&Method::POST, vigie_shared::enrol::PATH) => enrol::answer(&self, address, request).await,
            _ => unknown("enrolment"),
        }
    }
}
