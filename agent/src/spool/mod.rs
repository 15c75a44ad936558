//! The durable spool: events wait here until the collector has stored them.
//!
//! One file a stream (`<order>-<stream id>.log`, records as in [`record`]); a stream is new at every start of the
//! process and older ones drain first. An event is on the disk, synced, when [`Spool::append`] returns; heartbeats
//! write nothing. When the disk refuses (full, read-only), events wait in memory within a bound and
//! [`Spool::problem`] says so. When a bound is hit, summaries go first, then transitions, oldest first, and the loss is
//! itself an event ([`Fact::Loss`]).

mod damage;
mod record;
mod stream;
#[cfg(test)]
mod tests;

use damage::{Damage, Outlined};
use record::{Kind, Record};
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use stream::Stream;
use vigie_shared::event::{Event, Fact};
use vigie_shared::id::{BootId, StreamId};
use vigie_shared::limits::EVENT_MAX;

/// The bounds of a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of events on the disk.
    pub disk: u64,
    /// Most bytes of events in memory, used while the disk refuses.
    pub memory: u64,
    /// Most streams; each start of the process makes one.
    pub streams: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { disk: 8 << 20, memory: 512 << 10, streams: 256 }
    }
}

/// When something happened, as the machine's clocks tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The boot.
    pub boot: BootId,
    /// Milliseconds since that boot, suspend included.
    pub up_ms: u64,
    /// Wall clock, milliseconds since 1970.
    pub wall_ms: i64,
}

/// What one call carries of the oldest stream that is not drained.
#[derive(Debug)]
pub struct Batch {
    /// The stream.
    pub stream: StreamId,
    /// Lowest number that still exists.
    pub oldest: u64,
    /// The number the next event of the stream will get.
    pub next: u64,
    /// Events in increasing order.
    pub events: Vec<Box<RawValue>>,
    /// Whether nothing is left to send, in any stream, once these are acknowledged.
    pub complete: bool,
}

/// How full the spool is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fill {
    /// Events waiting.
    pub events: u64,
    /// Their bytes, on disk and in memory.
    pub bytes: u64,
    /// Of these, bytes that the disk refused and that a stop would lose.
    pub bytes_in_memory: u64,
    /// Most bytes on the disk.
    pub limit_bytes: u64,
    /// Streams with events waiting.
    pub streams: u64,
}

/// The spool of this process: its own stream and those left by earlier ones.
pub struct Spool {
    limits: Limits,
    older: Vec<Stream>,
    current: Stream,
    problem: Option<String>,
    lost: Damage,
    why_lost: &'static str,
}

const FULL: &str = "the spool was full: the collector was out of reach for too long";
const DAMAGED: &str = "a file of the spool was damaged, most often by a power cut while it was being written";
const VANISHED: &str = "a file of the spool was removed while the agent ran";
const REFUSED: &str = "the disk refused to write and the memory set aside for events was full";
const TOO_LARGE: &str = "an event was larger than the wire allows";

impl Spool {
    /// Opens the spool in `folder` (made if needed) with a new stream. Never fails: without a usable folder events are
    /// kept in memory and [`Self::problem`] says why. Damage found is reported with the first appended event.
    pub fn open(folder: &Path, limits: Limits) -> Self {
        let id = StreamId::new();
        let mut problem = crate::settings::make_folder(folder).err().map(|e| describe(folder, &e));
        let mut lost = Damage::default();
        let mut older = Vec::new();
        let mut order = 1;
        for (number, stream, path) in list(folder) {
            order = order.max(number + 1);
            match Stream::load(stream, path.clone()) {
                Ok((loaded, damage)) => {
                    lost += damage;
                    older.push(loaded);
                }
                Err(error) => problem = Some(describe(&path, &error)),
            }
        }
        let mut current = Stream::new(id, folder.join(format!("{order:08}-{id}.log")));
        current.ceiling = limits.disk.saturating_add(limits.disk / 4);
        let mut spool = Self { limits, older, current, problem, lost, why_lost: DAMAGED };
        spool.bound_streams();
        spool.forget_drained();
        spool
    }

    /// The stream of this process.
    pub fn stream(&self) -> StreamId {
        self.current.id
    }

    /// Why events are not safe on the disk, when they are not.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Adds an event and returns its number. Durable on return unless [`Self::problem`] says otherwise.
    pub fn append(&mut self, at: Moment, fact: Fact) -> u64 {
        let vanished = self.current.vanished();
        if vanished > 0 {
            self.lose(Damage { transitions: vanished, summaries: 0 }, VANISHED);
        }
        let seq = match encode(self.current.next, at, &fact) {
            Some((kind, payload)) => self.put(kind, &payload),
            None => {
                self.lose(
                    Damage { summaries: fact.is_summary().into(), transitions: (!fact.is_summary()).into() },
                    TOO_LARGE,
                );
                self.current.next
            }
        };
        self.make_room(at);
        self.report_loss(at);
        seq
    }

    /// What to send next. Older streams first; at most so many events and bytes, but at least one event.
    pub fn batch(&self, max_events: usize, max_bytes: u64) -> Batch {
        let stream = self.older.iter().find(|s| s.events > 0).unwrap_or(&self.current);
        let records = stream.first(max_events, max_bytes);
        let oldest = records.first().map_or(stream.next, |r| r.seq);
        let taken = u64::try_from(records.len()).unwrap_or(u64::MAX);
        let events = records.into_iter().filter_map(raw).collect();
        let complete = taken >= self.fill().events;
        Batch { stream: stream.id, oldest, next: stream.next, events, complete }
    }

    /// The collector has stored everything of this stream up to `seq`.
    pub fn acknowledge(&mut self, stream: StreamId, seq: u64) {
        for known in self.older.iter_mut().chain(std::iter::once(&mut self.current)) {
            if known.id == stream {
                known.acknowledge(seq);
            }
        }
        self.forget_drained();
        self.settle();
    }

    /// Tries again to bring to the disk what it refused.
    pub fn settle(&mut self) {
        if self.current.in_memory() > 0 {
            let result = self.current.settle();
            self.note(result);
        }
    }

    /// How full it is.
    pub fn fill(&self) -> Fill {
        let mut fill = Fill { limit_bytes: self.limits.disk, ..Fill::default() };
        for stream in self.older.iter().chain(std::iter::once(&self.current)) {
            fill.events += stream.events;
            fill.bytes += stream.bytes;
            fill.bytes_in_memory += stream.in_memory();
            fill.streams += u64::from(stream.events > 0);
        }
        fill
    }

    fn put(&mut self, kind: Kind, payload: &[u8]) -> u64 {
        let seq = self.current.next;
        let result = self.current.append(kind, payload);
        self.note(result);
        seq
    }

    fn note(&mut self, result: io::Result<()>) {
        match result {
            Ok(()) => {
                if let Some(problem) = self.problem.take() {
                    tracing::info!("the spool writes to the disk again (it was: {problem})");
                }
            }
            Err(error) => {
                let problem = format!(
                    "events are only in memory: the spool cannot be written ({error}); free space or make the state folder writable"
                );
                if self.problem.as_ref() != Some(&problem) {
                    tracing::error!("{problem}");
                }
                self.problem = Some(problem);
            }
        }
    }

    fn lose(&mut self, what: Damage, why: &'static str) {
        self.lost += what;
        self.why_lost = why;
    }

    fn report_loss(&mut self, at: Moment) {
        if self.lost == Damage::default() {
            return;
        }
        if let Some((kind, payload)) = encode(self.current.next, at, &self.loss_fact()) {
            self.put(kind, &payload);
            self.loss_reported();
        }
    }

    fn loss_fact(&self) -> Fact {
        let Damage { summaries, transitions } = self.lost;
        Fact::Loss { summaries, transitions, why: self.why_lost.to_owned() }
    }

    fn loss_reported(&mut self) {
        let Damage { summaries, transitions } = std::mem::take(&mut self.lost);
        tracing::warn!(summaries, transitions, "events were lost: {}", self.why_lost);
        if self.current.in_memory() == 0 {
            self.mend();
        }
    }

    /// Once the damage is reported durably, its bytes go: it is reported once.
    fn mend(&mut self) {
        for stream in self.older.iter_mut().filter(|s| s.damaged) {
            if let Err(error) = stream.prepare(&BTreeSet::new(), None).and_then(|copy| stream.adopt(copy)) {
                tracing::debug!("a damaged stream stays as it is: {error}");
            }
        }
        self.forget_drained();
    }

    /// Holds the bounds: first of the memory, then of the disk.
    fn make_room(&mut self, at: Moment) {
        if self.current.in_memory() > self.limits.memory {
            let need = self.current.in_memory() - self.limits.memory / 4 * 3;
            let (dropped, what) = choose(self.current.outline_of_memory().into_iter().map(|e| (0, e)), need);
            self.current.thin_memory(&dropped.into_iter().map(|(_, seq)| seq).collect());
            self.lose(what, REFUSED);
        }
        let files: u64 = self.older.iter().chain(std::iter::once(&self.current)).map(Stream::on_disk).sum();
        if files > self.limits.disk
            && let Err(error) = self.thin(at, self.fill().bytes.saturating_sub(self.limits.disk / 4 * 3))
        {
            self.note(Err(error));
        }
    }

    /// Drops `need` bytes of events, and all acknowledged ones, from the files: copies first, the report of the loss in them, then puts them in place. Killed
    /// in between, a loss is reported that did not happen, never the reverse.
    fn thin(&mut self, at: Moment, need: u64) -> io::Result<()> {
        let streams = self.older.iter().chain(std::iter::once(&self.current)).enumerate();
        let outline = streams.flat_map(|(n, s)| s.outline().into_iter().map(move |e| (n, e)));
        let (dropped, what) = choose(outline, need);
        let of = |n: usize| crate::sort::set(dropped.iter().filter(|(m, _)| *m == n).map(|(_, seq)| *seq));
        let mut copies = Vec::new();
        for (n, stream) in self.older.iter().enumerate() {
            let dropped = of(n);
            if !dropped.is_empty() || stream.has_acknowledged() {
                match stream.prepare(&dropped, None) {
                    Ok(copy) => copies.push((n, copy)),
                    Err(error) => {
                        copies.into_iter().for_each(|(_, copy)| copy.discard());
                        return Err(error);
                    }
                }
            }
        }
        let before = self.lost;
        self.lose(what, FULL);
        let report = encode(self.current.next, at, &self.loss_fact()).map(|(kind, payload)| Record {
            kind,
            seq: self.current.next,
            payload,
        });
        match self.current.prepare(&of(self.older.len()), report.as_ref()).and_then(|copy| self.current.adopt(copy)) {
            Ok(()) => {
                if report.is_some() {
                    self.current.next += 1;
                    self.loss_reported();
                }
            }
            Err(error) => {
                copies.into_iter().for_each(|(_, copy)| copy.discard());
                self.lost = before;
                return Err(error);
            }
        }
        for (n, copy) in copies {
            if let Some(stream) = self.older.get_mut(n) {
                stream.adopt(copy)?;
            }
        }
        self.forget_drained();
        Ok(())
    }

    fn bound_streams(&mut self) {
        while self.older.len() >= self.limits.streams.max(1) {
            let oldest = self.older.remove(0);
            self.lose(
                oldest.outline().iter().map(|event| event.worth).sum(),
                "there were too many streams: the agent restarted very often without reaching the collector",
            );
            drop(oldest.remove());
        }
    }

    fn forget_drained(&mut self) {
        let (drained, left) = std::mem::take(&mut self.older).into_iter().partition(|s| s.events == 0 && !s.damaged);
        self.older = left;
        for stream in Vec::<Stream>::from_iter(drained) {
            if let Err(error) = stream.remove() {
                tracing::debug!("a drained stream could not be removed: {error}");
            }
        }
    }
}

fn describe(path: &Path, error: &io::Error) -> String {
    format!("events are only in memory: {} cannot be used ({error}); make the state folder writable", path.display())
}

fn encode(seq: u64, at: Moment, fact: &Fact) -> Option<(Kind, Vec<u8>)> {
    let kind = match fact {
        Fact::Loss { .. } => Kind::Loss,
        fact if fact.is_summary() => Kind::Summary,
        _ => Kind::Transition,
    };
    let event = Event { seq, boot: at.boot, up_ms: at.up_ms, wall_ms: at.wall_ms, fact: fact.clone() };
    serde_json::to_vec(&event).ok().filter(|bytes| bytes.len() <= EVENT_MAX).map(|bytes| (kind, bytes))
}

fn raw(record: Record) -> Option<Box<RawValue>> {
    String::from_utf8(record.payload).ok().and_then(|text| RawValue::from_string(text).ok())
}

/// Which events to give up to win `need` bytes: summaries, then transitions, then reports of losses, oldest first.
/// Events are named by the position of their stream and their number.
fn choose(outline: impl Iterator<Item = (usize, Outlined)>, need: u64) -> (BTreeSet<(usize, u64)>, Damage) {
    let mut all: Vec<_> = outline.collect();
    let rank = |(stream, event): &(usize, Outlined)| (event.kind, *stream, event.seq);
    crate::sort::sort_by(&mut all, |a, b| rank(a).cmp(&rank(b)));
    let (mut won, mut dropped, mut what) = (0, BTreeSet::new(), Damage::default());
    for (stream, event) in all {
        if won >= need {
            break;
        }
        won += event.bytes;
        dropped.insert((stream, event.seq));
        what += event.worth;
    }
    (dropped, what)
}

/// The stream files of a folder in their order: order number, stream, path.
fn list(folder: &Path) -> Vec<(u64, StreamId, PathBuf)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let parsed = name.to_str().and_then(|n| n.strip_suffix(".log")).and_then(|n| n.split_once('-'));
        if let Some((order, id)) = parsed
            && let (Ok(order), Ok(id)) = (order.parse(), id.parse())
        {
            found.push((order, id, entry.path()));
        } else if name.to_str().is_some_and(|n| n.ends_with(".new")) {
            // A copy that was being made when the process was killed: the file itself is still whole.
            drop(std::fs::remove_file(entry.path()));
        }
    }
    crate::sort::sort(&mut found);
    found
}
