//! The record of a spool file and the scanner that finds records again after any accident.
//!
//! A file is a plain sequence of records, integers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | kind: 1 transition, 2 summary, 3 loss, 4 acknowledged up to `seq` |
//! | 4 | length of the payload |
//! | 8 | `seq` |
//! | 8 | first 8 bytes of SHA-256 (FIPS 180-4) over kind, length, seq and payload |
//! | n | payload: the event as it travels (JSON), empty for kind 4 |

use ring::digest::{Context, SHA256};
use std::io::Read;
use vigie_shared::limits::EVENT_MAX;

/// Bytes before the payload.
pub const HEADER: usize = 21;
/// Bytes read from a file at once.
const CHUNK: usize = 32 << 10;

/// What a record is, in the order in which kinds are given up when the spool is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Measured values: the first to go.
    Summary,
    /// Something changed.
    Transition,
    /// A report of lost events: the last to go.
    Loss,
    /// Not an event: everything up to `seq` was acknowledged.
    Acknowledged,
}

impl Kind {
    fn byte(self) -> u8 {
        match self {
            Self::Transition => 1,
            Self::Summary => 2,
            Self::Loss => 3,
            Self::Acknowledged => 4,
        }
    }

    /// The kind of a first byte.
    pub fn of_byte(byte: u8) -> Option<Self> {
        [Self::Transition, Self::Summary, Self::Loss, Self::Acknowledged].into_iter().find(|k| k.byte() == byte)
    }
}

/// One record as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is.
    pub kind: Kind,
    /// Number in the stream.
    pub seq: u64,
    /// The event in JSON.
    pub payload: Vec<u8>,
}

impl Record {
    /// Bytes it takes in a file.
    pub fn len(&self) -> u64 {
        length(self.payload.len())
    }

    /// Adds it to the end of `out`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        encode(self.kind, self.seq, &self.payload, out);
    }
}

/// Bytes a record with this payload takes in a file.
pub fn length(payload: usize) -> u64 {
    u64::try_from(HEADER + payload).unwrap_or(u64::MAX)
}

/// Adds a record to the end of `out`.
pub fn encode(kind: Kind, seq: u64, payload: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let seq = seq.to_le_bytes();
    out.push(kind.byte());
    out.extend_from_slice(&length);
    out.extend_from_slice(&seq);
    out.extend_from_slice(&check(kind.byte(), length, seq, payload));
    out.extend_from_slice(payload);
}

fn check(kind: u8, length: [u8; 4], seq: [u8; 8], payload: &[u8]) -> [u8; 8] {
    let mut context = Context::new(&SHA256);
    context.update(&[kind]);
    context.update(&length);
    context.update(&seq);
    context.update(payload);
    let full = context.finish();
    full.as_ref().first_chunk::<8>().copied().unwrap_or_default()
}

/// What a scan finds, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A whole record.
    Record(Record),
    /// Bytes that are no record: a torn tail or damage in the middle.
    Damage {
        /// How many bytes.
        bytes: u64,
        /// The kind that the first of them announces.
        kind: Option<Kind>,
    },
}

/// Reads records one after the other; after damage it looks for the next whole one. Memory: one record and a chunk.
pub struct Scanner<R> {
    input: R,
    buffer: Vec<u8>,
    at: usize,
    ended: bool,
    damage: Option<(u64, Option<Kind>)>,
    held: Option<Record>,
}

impl<R: Read> Scanner<R> {
    /// Scans what `input` gives. A read error ends the scan like the end of the file.
    pub fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), at: 0, ended: false, damage: None, held: None }
    }

    fn available(&mut self, wanted: usize) -> &[u8] {
        if self.buffer.len() - self.at < wanted && !self.ended {
            self.buffer.drain(..self.at);
            self.at = 0;
            while self.buffer.len() < wanted && !self.ended {
                let want = u64::try_from(CHUNK).unwrap_or(u64::MAX);
                let read = self.input.by_ref().take(want).read_to_end(&mut self.buffer);
                self.ended = !read.is_ok_and(|n| n > 0);
            }
        }
        self.buffer.get(self.at..).unwrap_or_default()
    }

    /// The record that begins here, if a whole one does.
    fn record_here(&mut self) -> Option<Record> {
        let head = self.available(HEADER);
        let (kind_byte, rest) = head.split_first()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (seq, rest) = rest.split_first_chunk::<8>()?;
        let (sum, _) = rest.split_first_chunk::<8>()?;
        let (kind_byte, length, seq, sum) = (*kind_byte, *length, *seq, *sum);
        let kind = Kind::of_byte(kind_byte)?;
        let size = usize::try_from(u32::from_le_bytes(length)).ok().filter(|n| *n <= EVENT_MAX)?;
        let payload = self.available(HEADER + size).get(HEADER..HEADER + size)?;
        if check(kind_byte, length, seq, payload) != sum {
            return None;
        }
        let record = Record { kind, seq: u64::from_le_bytes(seq), payload: payload.to_vec() };
        self.at += HEADER + size;
        Some(record)
    }
}

impl<R: Read> Iterator for Scanner<R> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        if let Some(record) = self.held.take() {
            return Some(Found::Record(record));
        }
        loop {
            let first = self.available(1).first().copied();
            let Some(first) = first else {
                return self.damage.take().map(|(bytes, kind)| Found::Damage { bytes, kind });
            };
            match (self.record_here(), self.damage.take()) {
                (Some(record), None) => return Some(Found::Record(record)),
                (Some(record), Some((bytes, kind))) => {
                    self.held = Some(record);
                    return Some(Found::Damage { bytes, kind });
                }
                (None, damage) => {
                    let (bytes, kind) = damage.unwrap_or((0, Kind::of_byte(first)));
                    self.damage = Some((bytes + 1, kind));
                    self.at += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn some(kind: Kind, seq: u64, text: &str) -> Record {
        Record { kind, seq, payload: text.as_bytes().to_vec() }
    }

    #[test]
    fn records_read_back_and_damage_in_the_middle_is_stepped_over() {
        let records = [some(Kind::Transition, 1, "{\"a\":1}"), some(Kind::Summary, 2, "{}"), some(Kind::Loss, 3, "x")];
        let mut bytes = Vec::new();
        for record in &records {
            record.write_to(&mut bytes);
        }
        let second = HEADER + 7;
        bytes[second + 9] ^= 0x40;

        let found: Vec<_> = Scanner::new(bytes.as_slice()).collect();

        let damage = Found::Damage { bytes: length(2), kind: Some(Kind::Summary) };
        assert_eq!(found, [Found::Record(records[0].clone()), damage, Found::Record(records[2].clone())]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_scanned_to_their_end(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let total: u64 = Scanner::new(bytes.as_slice())
                .map(|found| match found {
                    Found::Record(record) => record.len(),
                    Found::Damage { bytes, .. } => bytes,
                })
                .sum();
            prop_assert_eq!(total, bytes.len() as u64);
        }
    }
}
