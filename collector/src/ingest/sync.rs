//! `POST /agent/v1/sync`: read, bound, stamp, queue, wait for the commit, answer.

use super::api::Api;
use super::body::{self, Taken};
use super::refusal::{Answer, good, refusal, refuse, refuse_of_store, refuse_until};
use super::watermark::InFlight;
use crate::store::{Peer, SyncItem};
use hyper::body::Incoming;
use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Request, StatusCode};
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use vigie_shared::error::{ErrorCode, Refusal};
use vigie_shared::limits::{BODY_MAX, EVENTS_PER_CALL, SECTION_MAX, SECTIONS_MAX};
use vigie_shared::sync::{SyncAnswer, SyncRequest};

/// Shortest pause asked of an agent when the queue is full, seconds; up to twice this, spread by machine. Half a heartbeat
/// if that is shorter: two heartbeats must pass before a machine counts as silent.
const RETRY_S: u32 = 10;

/// Answers one call.
pub(super) async fn answer(api: &Api, peer: &Peer, address: IpAddr, request: Request<Incoming>) -> Answer {
    let (message, in_flight, memory) = match read(api, request).await {
        Ok(read) => read,
        Err(refusal) if refusal.code == ErrorCode::Overloaded => return refuse_until(refusal, api.pause(peer)),
        Err(refusal) => return refuse(refusal),
    };
    let item = SyncItem { peer: peer.clone(), address, received: in_flight.at(), request: message };
    let Ok(outcome) = api.queue.offer(Box::new(item), in_flight, memory) else {
        let message = "the collector has too much to do; you were heard, keep your events and send them again later";
        return refuse_until(refusal(ErrorCode::Overloaded, message), api.pause(peer));
    };
    match outcome.await {
        Ok(Ok(receipt)) => {
            api.heartbeat_s.store(receipt.next_s, Ordering::Relaxed);
            good(&SyncAnswer {
                ack: receipt.ack,
                want: receipt.want,
                policy: receipt.policy.map(|policy| Box::new(policy.as_ref().clone())),
                next_s: receipt.next_s,
                now_ms: api.clock.now().as_millisecond(),
                quarantined: receipt.quarantined,
            })
        }
        Ok(Err(error)) => api.later(peer, refuse_of_store(error, "sync")),
        Err(_) => refuse(refusal(ErrorCode::Internal, "the collector is stopping; nothing was lost, try again later")),
    }
}

async fn read(api: &Api, request: Request<Incoming>) -> Result<(SyncRequest, InFlight, Taken), Refusal> {
    let (parts, incoming) = request.into_parts();
    let received = body::read(&parts.headers, incoming, BODY_MAX, &api.memory).await?;
    // Here the body is complete: this is when the machine was heard, however long the rest takes.
    let in_flight = api.watermark.received();
    let (message, memory) = received.message::<SyncRequest>().await?;
    bounds(&message)?;
    Ok((message, in_flight, memory))
}

/// The bounds of a message that a parser does not know.
fn bounds(message: &SyncRequest) -> Result<(), Refusal> {
    if message.events.len() > EVENTS_PER_CALL {
        let text = format!("field « events »: {} events, at most {EVENTS_PER_CALL} in one call", message.events.len());
        return Err(refusal(ErrorCode::BodyTooLarge, text));
    }
    let names = message.sections.len().max(message.digests.as_ref().map_or(0, |d| d.len()));
    if names > SECTIONS_MAX {
        let text = format!("field « sections »: {names} sections, at most {SECTIONS_MAX}");
        return Err(refusal(ErrorCode::BodyTooLarge, text));
    }
    for (name, section) in &message.sections {
        if section.get().len() > SECTION_MAX || name.len() > 64 {
            let name: String = name.chars().take(64).collect();
            let text = format!("field « sections.{name} »: at most {SECTION_MAX} bytes, and 64 in its name");
            return Err(refusal(ErrorCode::BodyTooLarge, text));
        }
    }
    Ok(())
}

impl Api {
    /// The same answer; one that refuses for now says for how long.
    fn later(&self, peer: &Peer, mut answer: Answer) -> Answer {
        if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(self.pause(peer)));
        }
        answer
    }

    /// For how long a machine is turned away when there is too much to do.
    fn pause(&self, peer: &Peer) -> u32 {
        retry_after(peer, self.heartbeat_s.load(Ordering::Relaxed))
    }
}

/// Spread by machine, so that those turned away together do not come back together.
fn retry_after(peer: &Peer, heartbeat_s: u32) -> u32 {
    let last = peer.machine.as_bytes().last().copied().unwrap_or_default();
    let least = RETRY_S.min(heartbeat_s.div_ceil(2));
    least + u32::from(last) % (least + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use std::collections::BTreeMap;
    use vigie_shared::id::{BootId, MachineId, StreamId};

    fn message() -> SyncRequest {
        SyncRequest {
            v: 1,
            boot: BootId::new(),
            up_ms: 1,
            wall_ms: 1,
            stream: StreamId::new(),
            oldest: 1,
            next: 1,
            events: vec![],
            inventory: None,
            digests: None,
            sections: BTreeMap::new(),
            policy: 0,
        }
    }

    #[test]
    fn too_many_events_or_sections_are_refused_by_name() {
        let raw = |text: &str| serde_json::value::RawValue::from_string(text.to_owned()).unwrap();
        let mut many = message();
        many.events = (0..=EVENTS_PER_CALL).map(|_| raw("{}")).collect();
        assert!(bounds(&many).unwrap_err().message.contains("« events »"));
        let mut many = message();
        many.sections = (0..=SECTIONS_MAX).map(|n| (n.to_string(), raw("{}"))).collect();
        assert!(bounds(&many).unwrap_err().message.contains("« sections »"));
        let mut large = message();
        large.sections.insert("software".to_owned(), raw(&format!("\"{}\"", "x".repeat(SECTION_MAX))));
        assert!(bounds(&large).unwrap_err().message.contains("« sections.software »"));
        assert_eq!(bounds(&message()), Ok(()));
    }

    #[test]
    fn retries_are_spread() {
        let peer = |n: u8| Peer {
            machine: MachineId::from_slice(&[n; 16]).unwrap(),
            serial: vec![],
            key_sha256: [0; 32],
            not_before: Timestamp::UNIX_EPOCH,
            not_after: Timestamp::UNIX_EPOCH,
        };
        let all = |heartbeat_s| {
            (0..=255).map(|n| retry_after(&peer(n), heartbeat_s)).collect::<std::collections::BTreeSet<u32>>()
        };
        assert_eq!(all(60), (RETRY_S..=2 * RETRY_S).collect());
        assert_eq!(all(5), (3..=6).collect(), "soon enough not to be taken for silent");
    }
}
