//! A round of calls: events drain, wants are followed, policy and time are learnt, the certificate is renewed.

use super::desk::Desk;
use super::inventory::{Inventory, Sections};
use super::link::{Body, CallError, Link};
use super::tls::{ClockWindow, agent_config};
use crate::identity::{Identity, key};
use crate::settings::{CollectorTime, write_atomically};
use crate::spool::Batch;
use std::collections::BTreeMap;
use std::sync::Arc;
use vigie_shared::digest::Digest;
use vigie_shared::enrol::{RenewAnswer, RenewRequest};
use vigie_shared::error::ErrorCode;
use vigie_shared::limits::{EVENTS_PER_CALL, FOLLOW_UPS, SCHEMA};
use vigie_shared::policy::{HEARTBEAT_MAX_S, HEARTBEAT_MIN_S};
use vigie_shared::sync::{PATH, RENEW_PATH, SyncAnswer, SyncRequest, Want};

/// Most bytes of events in one call.
const EVENT_BYTES: u64 = 1 << 20;
/// Most bytes of sections in one call; what does not fit is wanted again.
const SECTION_BYTES: usize = 8 << 20;
/// Most calls in one round: the rest of a long absence follows at the next heartbeat.
const CALLS: usize = 64;
/// The collector's time is kept when it moved this much.
const TIME_KEPT_EVERY_MS: i64 = 6 * 3_600_000;
/// A failed renewal is tried again after this.
const RENEWAL_AGAIN_MS: u64 = 3_600_000;

/// Speaks with the collector as this machine.
pub struct Caller {
    /// The connection.
    pub link: Link,
    /// What the machine says of itself.
    pub inventory: Inventory,
    identity: Identity,
    window: Arc<ClockWindow>,
    time_kept_ms: Option<i64>,
    renewal_tried_up_ms: Option<u64>,
    /// Events in one call; halved when the collector finds a body too large.
    events_per_call: usize,
}

impl Caller {
    /// A caller that has not called yet.
    pub fn new(link: Link, inventory: Inventory, identity: Identity, window: Arc<ClockWindow>) -> Self {
        Self {
            link,
            inventory,
            identity,
            window,
            time_kept_ms: None,
            renewal_tried_up_ms: None,
            events_per_call: EVENTS_PER_CALL,
        }
    }

    /// Calls until nothing is left to say. Returns when to call again, seconds.
    pub async fn round(&mut self, desk: &Desk) -> Result<u32, CallError> {
        let mut follow_ups = 0;
        let mut want = None;
        let mut next_s = desk.policy().heartbeat_s;
        for _ in 0..CALLS {
            let batch = desk.spool.borrow().batch(self.events_per_call, EVENT_BYTES);
            let (stream, before) = (batch.stream, desk.spool.borrow().fill().events);
            let body = self.write(desk, batch, want.take()).await?;
            let answer: SyncAnswer = match self.link.call(PATH, &body).await {
                Ok(answer) => answer,
                Err(error) => {
                    self.learn_from(&error);
                    return Err(error);
                }
            };
            desk.spool.borrow_mut().acknowledge(stream, answer.ack);
            next_s = answer.next_s.clamp(HEARTBEAT_MIN_S, HEARTBEAT_MAX_S);
            want = self.accept(desk, answer).filter(|_| follow_ups < FOLLOW_UPS);
            let left = desk.spool.borrow().fill().events;
            if want.is_some() {
                follow_ups += 1;
            } else if left == 0 || left >= before {
                break;
            }
        }
        self.renew_if_due(desk).await;
        Ok(next_s)
    }

    /// One call with the events only: for a goodbye.
    pub async fn tell_events(&mut self, desk: &Desk) -> Result<(), CallError> {
        for _ in 0..CALLS {
            let batch = desk.spool.borrow().batch(self.events_per_call, EVENT_BYTES);
            let (stream, before) = (batch.stream, desk.spool.borrow().fill().events);
            if before == 0 {
                break;
            }
            let body = encode(head(desk, &batch), batch)?;
            let answer: SyncAnswer = self.link.call(PATH, &body).await?;
            desk.spool.borrow_mut().acknowledge(stream, answer.ack);
            if desk.spool.borrow().fill().events >= before {
                break;
            }
        }
        Ok(())
    }

    async fn write(&mut self, desk: &Desk, batch: Batch, want: Option<Want>) -> Result<Body, CallError> {
        let mut request = head(desk, &batch);
        self.inventory.set_standings(&desk.standings());
        let due = self.inventory.is_due(desk.clock.since_boot_ms(), desk.policy().inventory_s);
        if let Some(Want::Sections(names)) = &want {
            let before = self.inventory.whole();
            if let Some(sections) = self.inventory.read(desk.clock.since_boot_ms(), &desk.standings()).await {
                request.sections = choose(sections, names);
                // The machine changed since its digests were sent: the new ones go with the bodies.
                if self.inventory.whole() != before {
                    request.digests = Some(self.inventory.digests().clone());
                }
            }
        } else if due {
            drop(self.inventory.read(desk.clock.since_boot_ms(), &desk.standings()).await);
        }
        if batch.complete {
            request.inventory = self.inventory.whole();
        }
        if want == Some(Want::Digests) {
            request.digests =
                Some(self.inventory.digests().clone()).filter(|d: &BTreeMap<String, Digest>| !d.is_empty());
        }
        encode(request, batch)
    }

    /// Takes what an answer brings; returns what it wants.
    fn accept(&mut self, desk: &Desk, answer: SyncAnswer) -> Option<Want> {
        if let Some(policy) = answer.policy {
            desk.offer_policy(*policy);
        }
        self.learn_time(desk, answer.now_ms);
        let connections = self.link.connections;
        desk.update_status(|status| {
            status.last_contact_ms = Some(answer.now_ms);
            status.quarantined = answer.quarantined;
            status.trouble = None;
            status.failures = 0;
            status.connections = connections;
        });
        answer.want
    }

    fn learn_time(&mut self, desk: &Desk, now_ms: i64) {
        // Beyond our own certificate's end no collector could be spoken to: such a time is a mistake.
        if now_ms > self.identity.not_after_ms {
            return;
        }
        self.window.learn(now_ms);
        let old = self.time_kept_ms.is_none_or(|kept| (now_ms - kept).abs() >= TIME_KEPT_EVERY_MS);
        if old {
            let bytes = serde_json::to_vec(&CollectorTime { now_ms }).unwrap_or_default();
            if let Err(error) = write_atomically(&desk.state.time(), &bytes) {
                tracing::debug!("the collector's time cannot be kept: {error}");
            }
            self.time_kept_ms = Some(now_ms);
        }
    }

    fn learn_from(&mut self, error: &CallError) {
        if let CallError::Refused { refusal, .. } = error
            && refusal.code == ErrorCode::BodyTooLarge
            && self.events_per_call > 1
        {
            self.events_per_call /= 2;
            tracing::warn!(
                "the collector finds {} events too large for one call: fewer next time",
                self.events_per_call * 2
            );
        }
    }

    async fn renew_if_due(&mut self, desk: &Desk) {
        let up_ms = desk.clock.since_boot_ms();
        let waited = self.renewal_tried_up_ms.is_none_or(|at| up_ms.saturating_sub(at) >= RENEWAL_AGAIN_MS);
        if !waited || !self.identity.renewal_due(self.window.now_ms()) {
            return;
        }
        self.renewal_tried_up_ms = Some(up_ms);
        match self.renew(desk).await {
            Ok(()) => tracing::info!("the certificate was renewed"),
            Err(error) => tracing::warn!("the certificate could not be renewed ({error:#}); tried again in an hour"),
        }
    }

    async fn renew(&mut self, desk: &Desk) -> anyhow::Result<()> {
        let pair = key::pending(&desk.state.renewal_key())?;
        let request = RenewRequest { v: SCHEMA, certificate_request: key::request(&pair)? };
        let body = Body::json(serde_json::to_vec(&request)?).typed();
        let answer: RenewAnswer = self.link.call(RENEW_PATH, &body).await?;
        if !key::belongs(&answer.certificate, &pair) {
            anyhow::bail!("the certificate that came is not for this machine's key");
        }
        let identity = self.identity.renewed(pair.serialize_pem(), answer);
        let config = agent_config(&identity.certificate, &identity.key, &identity.authority, &self.window)?;
        identity.save(&desk.state)?;
        drop(std::fs::remove_file(desk.state.renewal_key()));
        self.identity = identity;
        self.link.reconfigure(config);
        Ok(())
    }
}

fn head(desk: &Desk, batch: &Batch) -> SyncRequest {
    let now = desk.now();
    SyncRequest {
        v: SCHEMA,
        boot: now.boot,
        up_ms: now.up_ms,
        wall_ms: now.wall_ms,
        stream: batch.stream,
        oldest: batch.oldest,
        next: batch.next,
        events: Vec::new(),
        inventory: None,
        digests: None,
        sections: BTreeMap::new(),
        policy: desk.policy().version,
    }
}

fn encode(request: SyncRequest, batch: Batch) -> Result<Body, CallError> {
    let quiet = batch.events.is_empty() && request.digests.is_none() && request.sections.is_empty();
    let request = SyncRequest { events: batch.events, ..request };
    let bytes = serde_json::to_vec(&request).map_err(|e| CallError::Unreadable(e.to_string()))?;
    let body = Body::json(bytes);
    Ok(if quiet { body } else { body.typed() })
}

/// The wanted bodies, as many as fit.
fn choose(mut sections: Sections, names: &[String]) -> Sections {
    let mut room = SECTION_BYTES;
    let mut chosen = Sections::new();
    for name in names {
        if let Some(body) = sections.remove(name)
            && body.get().len() <= room
        {
            room -= body.get().len();
            chosen.insert(name.clone(), body);
        }
    }
    chosen
}
