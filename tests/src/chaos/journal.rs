//! What an agent under test did, in its own words: the truth that the store is compared with.
//!
//! One JSON line a step, written with one call: what was written survives the death of the process, which is the only
//! death here (a power cut, which would need a sync, is not among the faults).

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use vigie_shared::digest::Digest;
use vigie_shared::id::StreamId;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The process started with this stream.
    Started(StreamId),
    /// It is about to spool this number.
    Intended(u64),
    /// It spooled this number.
    Spooled(Spooled),
    /// All it has spooled so far is on its disk.
    Settled,
    /// The collector has acknowledged these events of a stream.
    Acknowledged {
        /// Which.
        stream: StreamId,
        /// From this sequence number.
        first: u64,
        /// To this one.
        last: u64,
    },
    /// The collector has answered.
    Contact(Contact),
}

/// A numbered event in the spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spooled {
    /// Its number, unique for this machine.
    pub number: u64,
    /// Its sequence number in the stream of the process.
    pub seq: u64,
    /// Digest of its bytes as they travel.
    pub digest: Digest,
    /// Whether it was on the disk when [`vigie_agent::spool::Spool::append`] returned.
    pub durable: bool,
}

/// An answer of the collector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// When, milliseconds since boot: a clock that no fault touches, the same for all processes here.
    pub up_ms: u64,
    /// Events that were still waiting.
    pub waiting: u64,
    /// Whether the confirmed state of the check `internet` was ok.
    pub internet: bool,
    /// Whether a person has approved the machine.
    pub trusted: bool,
}

/// A journal being written.
pub struct Journal {
    file: File,
}

impl Journal {
    /// Goes on with a journal; a line that an earlier process could not finish stays alone.
    pub fn open(path: &Path) -> Result<Self> {
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(b"\n")?;
        Ok(Self { file })
    }

    /// Adds a step.
    pub fn write(&mut self, line: &Line) -> Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text).context("journal")
    }
}

/// A journal being read while it is written.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    at: u64,
    rest: Vec<u8>,
}

impl Tail {
    /// Reads from the start.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), at: 0, rest: Vec::new() }
    }

    /// The steps since the last look.
    pub fn read(&mut self) -> Result<Vec<Line>> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            file => file?,
        };
        file.seek(SeekFrom::Start(self.at))?;
        let read = file.read_to_end(&mut self.rest)?;
        self.at += u64::try_from(read)?;
        let end = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let whole: Vec<u8> = self.rest.drain(..end).collect();
        Ok(whole.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }
}

/// What is known of one numbered event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its number.
    pub number: u64,
    /// Digest of its bytes.
    pub digest: Digest,
    /// Whether it was on the disk.
    pub durable: bool,
    /// Whether the collector acknowledged it.
    pub acknowledged: bool,
}

/// What one machine knows to be true.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// Numbered events by stream and sequence number.
    pub events: BTreeMap<(StreamId, u64), Known>,
    /// Numbers that may exist.
    pub intended: BTreeSet<u64>,
    /// The last answer.
    pub contact: Contact,
    /// Events that the disk refused when they were spooled.
    pub refused: u64,
    stream: Option<StreamId>,
}

impl Truth {
    /// Takes one step in.
    pub fn learn(&mut self, line: Line) {
        match line {
            Line::Started(stream) => self.stream = Some(stream),
            Line::Intended(number) => drop(self.intended.insert(number)),
            Line::Spooled(Spooled { number, seq, digest, durable }) => {
                self.refused += u64::from(!durable);
                if let Some(stream) = self.stream {
                    self.events.insert((stream, seq), Known { number, digest, durable, acknowledged: false });
                }
            }
            Line::Settled => {
                if let Some(stream) = self.stream {
                    self.events.range_mut((stream, 0)..=(stream, u64::MAX)).for_each(|(_, known)| known.durable = true);
                }
            }
            Line::Acknowledged { stream, first, last } => {
                if first <= last {
                    let range = (stream, first)..=(stream, last);
                    self.events.range_mut(range).for_each(|(_, known)| known.acknowledged = true);
                }
            }
            Line::Contact(contact) => self.contact = contact,
        }
    }

    /// The next number that was never used.
    pub fn next_number(&self) -> u64 {
        self.intended.last().map_or(1, |last| last + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_read_while_it_grows_and_a_torn_line_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let stream = StreamId::new();
        let mut tail = Tail::new(&path);
        assert_eq!(tail.read().unwrap(), []);

        Journal::open(&path).unwrap().write(&Line::Started(stream)).unwrap();
        assert_eq!(tail.read().unwrap(), [Line::Started(stream)]);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"intended\":1").unwrap();
        assert_eq!(tail.read().unwrap(), [], "not finished");
        Journal::open(&path).unwrap().write(&Line::Intended(2)).unwrap();
        assert_eq!(tail.read().unwrap(), [Line::Intended(2)]);
    }

    #[test]
    fn what_is_settled_later_is_durable_and_what_is_acknowledged_is_marked() {
        let stream = StreamId::new();
        let spooled =
            |number, seq| Line::Spooled(Spooled { number, seq, digest: Digest::of(&[1]), durable: number == 1 });
        let mut truth = Truth::default();
        for line in [
            Line::Started(stream),
            Line::Intended(1),
            spooled(1, 2),
            Line::Intended(2),
            spooled(2, 3),
            Line::Intended(3),
            Line::Acknowledged { stream, first: 1, last: 2 },
        ] {
            truth.learn(line);
        }
        let flags = |truth: &Truth| truth.events.values().map(|k| (k.durable, k.acknowledged)).collect::<Vec<_>>();
        assert_eq!(flags(&truth), [(true, true), (false, false)]);
        truth.learn(Line::Settled);
        assert_eq!(flags(&truth), [(true, true), (true, false)]);
        assert_eq!((truth.next_number(), truth.refused), (4, 1));
    }
}
