//! `/live`: tells open pages that something changed (server-sent events, WHATWG HTML 9.2).
//!
//! At most one message of changes a second; `here` at once and every 15 seconds, so that a page knows that it is up to
//! date and both ends notice a dead connection; the session looked at again every 30 seconds; a bounded number of
//! streams.

use super::Web;
use super::guard::Ask;
use super::page::PageError;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use hyper::body::{Body as HttpBody, Bytes, Frame};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use vigie_shared::id::SchoolId;

/// Streams at the same time.
const STREAMS_MAX: usize = 256;
/// Least time between two messages.
const APART: Duration = Duration::from_secs(1);
/// Time between two signs of life.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Time between two looks at the session.
const SESSION_LOOK: Duration = Duration::from_secs(30);
/// How long a browser may leave a message unread.
const PATIENCE: Duration = Duration::from_secs(30);
/// Schools named in one message; above that the message says "many".
const NAMED_MAX: usize = 50;

/// Places for streams.
#[derive(Clone)]
pub struct Streams(Arc<Semaphore>);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STREAMS_MAX)))
    }
}

impl Streams {
    /// How many are open.
    pub fn open(&self) -> usize {
        STREAMS_MAX.saturating_sub(self.0.available_permits())
    }
}

/// A stream of changes.
pub async fn stream(State(web): State<Web>, Extension(ask): Extension<Ask>) -> Result<Response, PageError> {
    let place = web.streams.0.clone().try_acquire_owned().map_err(|_| PageError::Busy)?;
    let session = ask.who.as_ref().map(|w| w.secret_sha256).ok_or(PageError::SignInNeeded)?;
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(follow(web, session, sender, place));
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Body::new(Chunks(receiver))).into_response())
}

/// Sends what happens until the browser leaves or the session ends.
async fn follow(web: Web, session: [u8; 32], sender: mpsc::Sender<Bytes>, place: OwnedSemaphorePermit) {
    let mut changes = web.context.store.changes();
    let mut keep_alive = interval(KEEP_ALIVE);
    let mut session_look = interval(SESSION_LOOK);
    keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    session_look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    session_look.reset();
    let mut pending = Pending::default();
    let mut not_before = Instant::now();
    loop {
        let text = tokio::select! {
            () = sender.closed() => break,
            change = changes.recv() => match change {
                Ok((school, version)) => { pending.add(school, version); continue }
                Err(RecvError::Lagged(_)) => { pending.many = true; continue }
                Err(RecvError::Closed) => break,
            },
            () = sleep_until(not_before), if !pending.is_empty() => {
                not_before = Instant::now() + APART;
                std::mem::take(&mut pending).message()
            }
            _ = keep_alive.tick() => "event: here\ndata: {}\n\n".to_owned(),
            _ = session_look.tick() => match web.context.store.session(&session, web.context.clock.now()).await {
                Ok(Some(_)) => continue,
                Ok(None) => { let _ = sender.try_send(Bytes::from_static(b"event: over\ndata: {}\n\n")); break }
                Err(_) => break,
            },
        };
        if !matches!(timeout(PATIENCE, sender.send(Bytes::from(text))).await, Ok(Ok(()))) {
            break;
        }
    }
    drop(place);
}

/// Changes that wait for their message.
#[derive(Default)]
struct Pending {
    schools: BTreeMap<SchoolId, u64>,
    many: bool,
}

impl Pending {
    fn add(&mut self, school: SchoolId, version: u64) {
        if self.schools.len() < NAMED_MAX || self.schools.contains_key(&school) {
            self.schools.insert(school, version);
        } else {
            self.many = true;
        }
    }

    fn is_empty(&self) -> bool {
        self.schools.is_empty() && !self.many
    }

    fn message(self) -> String {
        let schools: BTreeMap<String, u64> = self.schools.iter().map(|(id, v)| (id.to_string(), *v)).collect();
        let data = serde_json::json!({ "schools": schools, "many": self.many });
        format!("event: changed\ndata: {data}\n\n")
    }
}

/// A body made of what a task sends.
struct Chunks(mpsc::Receiver<Bytes>);

impl HttpBody for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|bytes| bytes.map(|b| Ok(Frame::data(b))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_one_school_become_one_message() {
        let mut pending = Pending::default();
        let school = SchoolId::new();
        (1..=9).for_each(|version| pending.add(school, version));
        let message = pending.message();
        assert_eq!(message, format!("event: changed\ndata: {{\"many\":false,\"schools\":{{\"{school}\":9}}}}\n\n"));
    }

    #[test]
    fn a_message_has_a_bound_and_says_so() {
        let mut pending = Pending::default();
        (0..=NAMED_MAX).for_each(|_| pending.add(SchoolId::new(), 1));
        assert!(pending.message().contains("\"many\":true"));
    }
}
