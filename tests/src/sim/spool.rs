//! The events of a simulated agent that are not acknowledged yet, stream by stream, as they lie on its disk.

use serde_json::value::RawValue;
use std::collections::VecDeque;
use vigie_shared::id::StreamId;
use vigie_shared::limits::EVENTS_PER_CALL;

/// Streams, the oldest first; the last is the one in use.
#[derive(Debug, Clone, Default)]
pub struct Spool {
    streams: VecDeque<Stream>,
}

#[derive(Debug, Clone)]
struct Stream {
    id: StreamId,
    next: u64,
    events: VecDeque<(u64, Box<RawValue>)>,
}

/// What one call carries.
#[derive(Debug)]
pub struct Batch {
    /// The stream.
    pub stream: StreamId,
    /// Lowest number that still exists.
    pub oldest: u64,
    /// The number that the next event will get.
    pub next: u64,
    /// Events.
    pub events: Vec<Box<RawValue>>,
    /// Whether nothing is left after this.
    pub complete: bool,
}

impl Spool {
    /// A new stream, at a start of the process.
    pub fn begin(&mut self, id: StreamId) {
        self.streams.retain(|stream| !stream.events.is_empty());
        self.streams.push_back(Stream { id, next: 1, events: VecDeque::new() });
    }

    /// The number of the next event.
    pub fn next(&self) -> u64 {
        self.streams.back().map_or(1, |stream| stream.next)
    }

    /// Keeps an event under the next number.
    pub fn append(&mut self, event: Box<RawValue>) {
        if let Some(stream) = self.streams.back_mut() {
            stream.events.push_back((stream.next, event));
            stream.next += 1;
        }
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.streams.iter().map(|stream| stream.events.len()).sum()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the next call carries: the oldest stream that has something.
    pub fn batch(&self) -> Option<Batch> {
        let stream = self.streams.iter().find(|stream| !stream.events.is_empty()).or_else(|| self.streams.back())?;
        let events: Vec<_> = stream.events.iter().take(EVENTS_PER_CALL).map(|(_, event)| event.clone()).collect();
        Some(Batch {
            stream: stream.id,
            oldest: stream.events.front().map_or(stream.next, |(seq, _)| *seq),
            next: stream.next,
            complete: events.len() == self.len(),
            events,
        })
    }

    /// Forgets what is acknowledged.
    pub fn acknowledge(&mut self, id: StreamId, ack: u64) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == id) {
            while stream.events.front().is_some_and(|(seq, _)| *seq <= ack) {
                stream.events.pop_front();
            }
        }
        let last = self.streams.back().map(|stream| stream.id);
        self.streams.retain(|stream| !stream.events.is_empty() || Some(stream.id) == last);
    }
}
