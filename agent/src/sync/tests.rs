//! The call against a real listener: trust, dead connections, rubbish, draining, wants, renewal.

use super::caller::Caller;
use super::desk::Desk;
use super::inventory::{Inventory, Sections};
use super::link::{ANSWER_MAX, Body, CallError, Link};
use super::tls::{ClockWindow, agent_config};
use crate::checks::internet::collector::{Attempt, LastAttempt};
use crate::clock::tests::FixedClock;
use crate::identity::Identity;
use crate::settings::StateFolder;
use crate::source::{Live, Source};
use crate::testing::{Authority, Collector, Handler, Life, NOW_MS, Reply, Seen, USUAL};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use vigie_shared::digest::Digest;
use vigie_shared::enrol::{RenewAnswer, RenewRequest};
use vigie_shared::event::{Fact, GoodbyeReason};
use vigie_shared::id::BootId;
use vigie_shared::sync::{PATH, RENEW_PATH, SyncAnswer, SyncRequest, Want};

/// One agent with a state folder of its own, and a collector.
pub(crate) struct World {
    pub(crate) ours: Arc<Authority>,
    pub(crate) collector: Collector,
    pub(crate) state: StateFolder,
    pub(crate) desk: Desk,
    pub(crate) caller: Caller,
    _folder: tempfile::TempDir,
}

fn system_only(_: &dyn Source) -> Sections {
    [("system".to_owned(), RawValue::from_string("{\"outcome\":\"complete\",\"data\":{}}".to_owned()).unwrap())].into()
}

static READINGS: AtomicU64 = AtomicU64::new(0);

fn ever_changing(_: &dyn Source) -> Sections {
    let n = READINGS.fetch_add(1, Ordering::Relaxed);
    [("system".to_owned(), RawValue::from_string(n.to_string()).unwrap())].into()
}

async fn world_with(life: Life, wall_ms: i64, handler: Handler, collect: super::inventory::Collect) -> World {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::new(folder.path());
    let ours = Arc::new(Authority::new("ours"));
    let collector = Collector::start(&ours, &[&ours], life, handler).await;
    let identity = ours.identity(&state, &collector.address);
    identity.save(&state).unwrap();
    let clock = Arc::new(FixedClock::at_wall(wall_ms));
    let window = Arc::new(ClockWindow::new(Arc::<FixedClock>::clone(&clock), None));
    let config = agent_config(&identity.certificate, &identity.key, &identity.authority, &window).unwrap();
    let desk = Desk::new(state.clone(), clock, BootId::new(), identity.machine);
    let link = Link::new(identity.collector.clone(), config);
    let caller = Caller::new(link, Inventory::new(Arc::new(Live), collect), identity, window);
    World { ours, collector, state, desk, caller, _folder: folder }
}

pub(crate) async fn world(handler: Handler) -> World {
    world_with(USUAL, NOW_MS, handler, system_only).await
}

pub(crate) fn read(seen: &Seen) -> SyncRequest {
    serde_json::from_slice(&seen.body).unwrap()
}

/// Acknowledges what a request carries.
pub(crate) fn acknowledging(seen: &Seen) -> SyncAnswer {
    let request = read(seen);
    let carried = u64::try_from(request.events.len()).unwrap();
    let ack = request.oldest - 1 + carried;
    SyncAnswer { ack, want: None, policy: None, next_s: 30, now_ms: NOW_MS, quarantined: false }
}

pub(crate) fn json(answer: &SyncAnswer) -> Reply {
    Reply::Json(serde_json::to_string(answer).unwrap())
}

pub(crate) fn good() -> Handler {
    Arc::new(|seen, _| json(&acknowledging(seen)))
}

pub(crate) fn raw(status: u16, headers: Vec<(&'static str, &'static str)>, body: &[u8]) -> Handler {
    let body = body.to_vec();
    Arc::new(move |_, _| Reply::Raw { status, headers: headers.clone(), body: body.clone() })
}

fn goodbye() -> Fact {
    Fact::Goodbye { reason: GoodbyeReason::Shutdown }
}

#[tokio::test]
async fn ten_quiet_heartbeats_are_small_and_use_one_connection() {
    let mut world = world(good()).await;
    for _ in 0..10 {
        assert_eq!(world.caller.round(&world.desk).await.unwrap(), 30);
    }
    let seen = world.collector.seen();
    assert_eq!((seen.len(), world.caller.link.connections), (10, 1));
    let quiet = &seen[9];
    assert!(quiet.has_certificate && quiet.alpn == b"vigie-agent/1");
    assert_eq!(quiet.headers.keys().collect::<Vec<_>>(), ["content-length", "host"]);
    assert!(quiet.body.len() <= 240, "{} bytes", quiet.body.len());
}

#[tokio::test]
async fn a_machine_whose_clock_says_2010_syncs() {
    let life = ((2027, 6, 1), (2028, 6, 1));
    let mut world = world_with(life, 1_262_304_000_000, good(), system_only).await;
    world.caller.round(&world.desk).await.unwrap();
    assert_eq!(world.state.load_time(), Some(NOW_MS), "and keeps the collector's time");
}

#[tokio::test]
async fn an_expired_collector_is_refused_even_by_a_machine_in_2010() {
    let life = ((2025, 1, 1), (2026, 6, 1));
    let mut world = world_with(life, 1_262_304_000_000, good(), system_only).await;
    let error = world.caller.round(&world.desk).await.unwrap_err();
    assert!(error.to_string().contains("has expired"), "{error}");
    assert_eq!(world.collector.seen().len(), 0);
}

#[tokio::test]
async fn another_authority_is_refused() {
    let mut world = world(good()).await;
    let other = Authority::new("other");
    let foreign = Collector::start(&other, &[&other], USUAL, good()).await;
    let window = Arc::new(ClockWindow::new(Arc::new(FixedClock::at_wall(NOW_MS)), None));
    let identity = Identity::load(&world.state).unwrap();
    let config = agent_config(&identity.certificate, &identity.key, &identity.authority, &window).unwrap();
    let attempt = LastAttempt::default();
    let ours = Link::new(world.collector.address.parse().unwrap(), config.clone()).telling(attempt.clone());
    world.caller.link = Link::new(foreign.address.parse().unwrap(), config.clone()).telling(attempt.clone());
    let error = world.caller.round(&world.desk).await.unwrap_err();
    assert!(error.to_string().contains("another authority"), "{error}");
    assert_eq!(foreign.seen().len(), 0);
    assert_eq!(attempt.get(), Attempt::Foreign, "the check of the internet is told");
    assert!(world.caller.link.reach().await.is_err());

    attempt.note(Attempt::Unknown);
    let mut silent = Link::new(world.collector.address.parse().unwrap(), config.clone()).telling(attempt.clone());
    silent.reach().await.unwrap();
    silent.reach().await.unwrap();
    assert_eq!(attempt.get(), Attempt::Reached("127.0.0.1".parse().unwrap()));
    assert_eq!(world.collector.seen().len(), 0, "nothing is said");

    world.caller.link = ours;
    world.caller.round(&world.desk).await.unwrap();
    assert_eq!(attempt.get(), Attempt::Reached("127.0.0.1".parse().unwrap()));
}

#[tokio::test]
async fn a_dead_kept_connection_gets_one_retry_on_a_fresh_one() {
    let mut world = world(Arc::new(|seen, nth| if nth == 1 { Reply::Hang } else { json(&acknowledging(seen)) })).await;
    world.caller.round(&world.desk).await.unwrap();
    world.desk.happened(goodbye());
    world.caller.round(&world.desk).await.unwrap();
    let seen = world.collector.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(read(&seen[1]).events.len(), 1);
    assert_eq!(seen[1].body, seen[2].body, "the same call, once more");
    assert_eq!((seen[1].connection, seen[2].connection), (0, 1));
}

#[tokio::test]
async fn a_fresh_connection_that_breaks_is_not_retried_at_once() {
    let mut world = world(Arc::new(|_, _| Reply::Hang)).await;
    let error = world.caller.round(&world.desk).await.unwrap_err();
    assert!(matches!(error, CallError::Broken(_)), "{error}");
    assert_eq!(world.collector.seen().len(), 1);
}

#[tokio::test]
async fn rubbish_is_named_and_loses_nothing() {
    let deep = "[".repeat(100);
    let large = vec![b' '; ANSWER_MAX + 1];
    let cases: [(Handler, &str); 6] = [
        (raw(200, vec![("content-encoding", "gzip")], b"\x1f\x8b\x08"), "encoded as « gzip »"),
        (raw(200, vec![], b"<html>Identifiez-vous</html>"), "cannot be used"),
        (raw(200, vec![], deep.as_bytes()), "deeper than"),
        (raw(200, vec![], &large), "larger than"),
        (raw(502, vec![], b"Bad Gateway"), "HTTP 502"),
        (raw(200, vec![], b"{\"ack\":-1}"), "cannot be used"),
    ];
    for (handler, expected) in cases {
        let mut world = world(handler).await;
        world.desk.happened(goodbye());
        let error = world.caller.round(&world.desk).await.unwrap_err().to_string();
        assert!(error.contains(expected), "« {expected} » is not in « {error} »");
        assert_eq!(world.desk.spool.borrow().fill().events, 1);
    }
}

#[tokio::test]
async fn a_busy_collector_says_when_to_come_back() {
    let body = br#"{"error":{"code":"overloaded","message":"the queue is full"}}"#;
    let mut world = world(raw(503, vec![("retry-after", "7")], body)).await;
    let Err(CallError::Refused { status, retry_after, .. }) = world.caller.round(&world.desk).await else {
        panic!("a refusal was expected");
    };
    assert_eq!((status, retry_after.unwrap().as_secs()), (503, 7));
}

#[tokio::test]
async fn a_long_absence_drains_in_one_round_with_the_inventory_last() {
    let mut world = world(good()).await;
    for _ in 0..1200 {
        world.desk.happened(goodbye());
    }
    world.caller.round(&world.desk).await.unwrap();
    let requests: Vec<_> = world.collector.seen().iter().map(read).collect();
    let shape: Vec<_> = requests.iter().map(|r| (r.events.len(), r.oldest, r.inventory.is_some())).collect();
    assert_eq!(shape, [(500, 1, false), (500, 501, false), (200, 1001, true)]);
    assert_eq!(world.collector.seen()[0].headers["content-encoding"], "zstd");
    assert_eq!(world.desk.spool.borrow().fill().events, 0);
}

#[tokio::test]
async fn an_acknowledgement_that_does_not_move_does_not_make_a_storm() {
    let handler: Handler = Arc::new(|seen, _| json(&SyncAnswer { ack: 0, ..acknowledging(seen) }));
    let mut world = world(handler).await;
    world.desk.happened(goodbye());
    world.caller.round(&world.desk).await.unwrap();
    assert_eq!(world.collector.seen().len(), 1);
}

#[tokio::test]
async fn wants_are_followed_at_once_and_bodies_match_their_digests() {
    let handler: Handler = Arc::new(|seen, nth| {
        let want = [Some(Want::Digests), Some(Want::Sections(vec!["system".into(), "checks".into()])), None];
        json(&SyncAnswer { want: want.get(nth).cloned().flatten(), ..acknowledging(seen) })
    });
    let mut world = world_with(USUAL, NOW_MS, handler, ever_changing).await;
    world.caller.round(&world.desk).await.unwrap();

    let requests: Vec<_> = world.collector.seen().iter().map(read).collect();
    assert_eq!(requests.len(), 3);
    assert_eq!(Digest::of_sections(requests[1].digests.as_ref().unwrap()), requests[1].inventory.unwrap());
    let last = &requests[2];
    assert_ne!(last.inventory, requests[1].inventory, "the machine changed in between");
    let digests = last.digests.as_ref().expect("new digests go with the bodies");
    for (name, body) in &last.sections {
        assert_eq!(digests[name], Digest::of(body.get().as_bytes()), "{name}");
    }
    assert_eq!(last.sections.len(), 2);
    assert_eq!(Digest::of_sections(digests), last.inventory.unwrap());
}

#[tokio::test]
async fn a_collector_that_always_wants_more_is_followed_three_times() {
    let handler: Handler = Arc::new(|seen, _| json(&SyncAnswer { want: Some(Want::Digests), ..acknowledging(seen) }));
    let mut world = world(handler).await;
    world.caller.round(&world.desk).await.unwrap();
    assert_eq!(world.collector.seen().len(), 4);
}

#[tokio::test]
async fn the_certificate_is_renewed_from_day_200_and_used_at_once() {
    let signer: Arc<std::sync::Mutex<Option<Arc<Authority>>>> = Arc::default();
    let late = NOW_MS + 250 * 86_400_000;
    let handler: Handler = {
        let signer = Arc::clone(&signer);
        Arc::new(move |seen, _| {
            if seen.path == PATH {
                return json(&SyncAnswer { now_ms: late, ..acknowledging(seen) });
            }
            assert_eq!(seen.path, RENEW_PATH);
            let request: RenewRequest = serde_json::from_slice(&seen.body).unwrap();
            let guard = signer.lock().unwrap();
            let certificate = guard.as_ref().unwrap().sign(&request.certificate_request);
            let answer = RenewAnswer { certificate, not_before_ms: late, not_after_ms: late + 400 * 86_400_000 };
            Reply::Json(serde_json::to_string(&answer).unwrap())
        })
    };
    let mut world = world(handler).await;
    *signer.lock().unwrap() = Some(Arc::clone(&world.ours));
    let before = Identity::load(&world.state).unwrap();

    world.caller.round(&world.desk).await.unwrap();
    world.caller.round(&world.desk).await.unwrap();

    let after = Identity::load(&world.state).unwrap();
    assert_ne!(after.key, before.key);
    assert_eq!((after.machine, after.not_before_ms), (before.machine, late));
    assert!(!world.state.renewal_key().exists());
    let paths: Vec<_> = world.collector.seen().iter().map(|s| (s.path.clone(), s.connection)).collect();
    assert_eq!(paths, [(PATH.into(), 0), (RENEW_PATH.into(), 0), (PATH.into(), 1)], "the new one from the next call");
}

#[tokio::test]
async fn a_connection_that_is_cut_before_the_certificate_is_told_to_the_check() {
    let world = world(good()).await;
    let window = Arc::new(ClockWindow::new(Arc::new(FixedClock::at_wall(NOW_MS)), None));
    let identity = Identity::load(&world.state).unwrap();
    let config = agent_config(&identity.certificate, &identity.key, &identity.authority, &window).unwrap();
    let filter = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", filter.local_addr().unwrap());
    let attempt = LastAttempt::default();
    let mut link = Link::new(address.parse().unwrap(), config).telling(attempt.clone());
    let (failed, _) = tokio::join!(link.reach(), async { drop(filter.accept().await) });
    assert!(failed.is_err());
    assert_eq!(attempt.get(), Attempt::Cut);
}

#[tokio::test]
async fn nothing_listens_is_said_with_the_address() {
    let world = world(good()).await;
    let window = Arc::new(ClockWindow::new(Arc::new(FixedClock::at_wall(NOW_MS)), None));
    let identity = Identity::load(&world.state).unwrap();
    let config = agent_config(&identity.certificate, &identity.key, &identity.authority, &window).unwrap();
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut link = Link::new(format!("https://{free}").parse().unwrap(), config);
    let error = link.call::<SyncAnswer>(PATH, &Body::json(b"{}".to_vec())).await.unwrap_err().to_string();
    assert!(error.contains(&free.to_string()) && error.contains("check the network"), "{error}");
}
