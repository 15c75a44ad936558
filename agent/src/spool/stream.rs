//! One stream: its file, and in memory what the disk refused.
//!
//! The file holds records in order; `tail` holds those that could not be written. Acknowledged records at the front
//! stay in the file until nothing is pending (then the file is emptied) or the stream is thinned: an acknowledgement
//! costs one small write without a sync, because repeating an acknowledged event is harmless.

use super::damage::{Damage, Outlined};
use super::record::{self, Found, Kind, Record, Scanner};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use vigie_shared::id::StreamId;

/// A log of events that share a stream id.
pub struct Stream {
    /// Its id on the wire.
    pub id: StreamId,
    /// The number the next event gets.
    pub next: u64,
    /// Events not acknowledged.
    pub events: u64,
    /// Bytes of those events, on disk and in memory.
    pub bytes: u64,
    path: PathBuf,
    file: Option<File>,
    /// Bytes of the file that hold whole records.
    file_len: u64,
    /// Where the first pending record of the file begins.
    front: u64,
    acked: u64,
    /// Records the disk did not take.
    tail: Vec<u8>,
    /// Whether its file holds bytes that are no record.
    pub damaged: bool,
    /// The file never grows beyond this, even when it could not be thinned.
    pub ceiling: u64,
    /// For tests: a disk that is full after so many bytes.
    pub(super) capacity: Option<u64>,
}

impl Stream {
    /// A new, empty stream; its file is made at the first event.
    pub fn new(id: StreamId, path: PathBuf) -> Self {
        Self {
            id,
            next: 1,
            events: 0,
            bytes: 0,
            path,
            file: None,
            file_len: 0,
            front: 0,
            acked: 0,
            tail: Vec::new(),
            damaged: false,
            ceiling: u64::MAX,
            capacity: None,
        }
    }

    /// A stream of an earlier process, and what of it was damaged.
    pub fn load(id: StreamId, path: PathBuf) -> io::Result<(Self, Damage)> {
        let mut stream = Self::new(id, path);
        for found in scan_file(&stream.path, 0, u64::MAX)? {
            if let Found::Record(Record { kind: Kind::Acknowledged, seq, .. }) = found {
                stream.acked = stream.acked.max(seq);
            }
        }
        let mut damage = Damage::default();
        let (mut pending, mut last) = (false, stream.acked);
        let mut broken: Option<Option<Kind>> = None;
        for found in scan_file(&stream.path, 0, u64::MAX)? {
            match found {
                Found::Damage { bytes, kind } => {
                    stream.damaged = true;
                    broken = Some(kind);
                    stream.file_len += bytes;
                    if !pending {
                        stream.front = stream.file_len;
                    }
                }
                Found::Record(record) => {
                    let event = record.kind != Kind::Acknowledged;
                    if let Some(kind) = broken.take() {
                        // Without a number before the damage nobody can tell how many there were.
                        let countable = event && last > 0;
                        let missing = if countable { record.seq.saturating_sub(last + 1) } else { 1 };
                        damage.count(kind, missing);
                    }
                    if event && record.seq > stream.acked {
                        pending = true;
                        stream.events += 1;
                        stream.bytes += record.len();
                    }
                    stream.file_len += record.len();
                    if !pending {
                        stream.front = stream.file_len;
                    }
                    last = if event { last.max(record.seq) } else { last };
                }
            }
        }
        if let Some(kind) = broken {
            damage.count(kind, 1);
            last += 1;
        }
        stream.next = last + 1;
        Ok((stream, damage))
    }

    /// Adds an event, durable if this returns `Ok`; otherwise it is kept in memory and the disk's words are returned.
    pub fn append(&mut self, kind: Kind, payload: &[u8]) -> io::Result<()> {
        record::encode(kind, self.next, payload, &mut self.tail);
        self.next += 1;
        self.events += 1;
        self.bytes += record::length(payload.len());
        self.settle()
    }

    /// When somebody removed the file under us: how many events went with it. The stream goes on without them.
    pub fn vanished(&mut self) -> u64 {
        if self.file_len == 0 || self.path.exists() {
            return 0;
        }
        let kept = self.outline_of_memory();
        let still = u64::try_from(kept.len()).unwrap_or(u64::MAX);
        let lost = self.events.saturating_sub(still);
        self.file = None;
        (self.file_len, self.front) = (0, 0);
        (self.events, self.bytes) = (still, kept.iter().map(|event| event.bytes).sum());
        lost
    }

    /// Tries to bring to the disk what is only in memory.
    pub fn settle(&mut self) -> io::Result<()> {
        if self.tail.is_empty() {
            return Ok(());
        }
        let tail = std::mem::take(&mut self.tail);
        match self.write_durably(&tail) {
            Ok(()) => Ok(()),
            Err(error) => {
                self.tail = tail;
                // A half-written record would hide those that follow.
                if let Some(file) = &self.file
                    && file.set_len(self.file_len).is_err()
                {
                    self.file = None;
                }
                Err(error)
            }
        }
    }

    fn write_durably(&mut self, bytes: &[u8]) -> io::Result<()> {
        let added = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let room = self.capacity.map(|capacity| capacity.saturating_sub(self.file_len));
        if self.file_len.saturating_add(added) > self.ceiling {
            return Err(io::Error::other("the file of the stream has reached its bound and could not be thinned"));
        }
        let created = !self.path.exists();
        let file = open(&mut self.file, &self.path)?;
        file.set_len(self.file_len)?;
        file.seek(SeekFrom::Start(self.file_len))?;
        if let Some(room) = room.filter(|room| *room < added) {
            let part = bytes.get(..usize::try_from(room).unwrap_or(0)).unwrap_or_default();
            file.write_all(part)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.write_all(bytes)?;
        file.sync_data()?;
        if created && let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.file_len += added;
        Ok(())
    }

    /// The first pending events, at most so many, at most so many bytes (but at least one).
    pub fn first(&self, max_events: usize, max_bytes: u64) -> Vec<Record> {
        let mut room = max_bytes;
        let mut taken = 0usize;
        self.pending(
            |record| {
                let fits = taken == 0 || record.len() <= room;
                room = room.saturating_sub(record.len());
                taken += 1;
                fits
            },
            max_events,
        )
    }

    /// Pending events from the oldest while `take` agrees, at most `most`.
    fn pending(&self, mut take: impl FnMut(&Record) -> bool, most: usize) -> Vec<Record> {
        let acked = self.acked;
        self.all()
            .filter_map(|found| match found {
                Found::Record(record) if record.kind != Kind::Acknowledged && record.seq > acked => Some(record),
                Found::Record(_) | Found::Damage { .. } => None,
            })
            .take(most)
            .take_while(|record| take(record))
            .collect()
    }

    /// Every pending event without its content.
    pub fn outline(&self) -> Vec<Outlined> {
        let mut all = Vec::new();
        for found in self.all() {
            if let Found::Record(record) = found
                && record.kind != Kind::Acknowledged
                && record.seq > self.acked
            {
                all.push(Outlined::of(&record));
            }
        }
        all
    }

    /// Everything up to this number is stored by the collector.
    pub fn acknowledge(&mut self, up_to: u64) {
        let up_to = up_to.min(self.next - 1);
        if up_to <= self.acked {
            return;
        }
        let (mut events, mut bytes) = (0, 0);
        for record in self.pending(|record| record.seq <= up_to, usize::MAX) {
            events += 1;
            bytes += record.len();
        }
        self.acked = up_to;
        self.events = self.events.saturating_sub(events);
        self.bytes = self.bytes.saturating_sub(bytes);
        if up_to == self.next - 1 || self.events == 0 {
            (self.events, self.bytes) = (0, 0);
        }
        // Damage that is not reported yet keeps its place in the file.
        if self.events == 0 && !self.damaged {
            self.empty();
        } else {
            self.note_acknowledged();
        }
    }

    fn empty(&mut self) {
        self.tail = Vec::new();
        if let Ok(file) = open_existing(&mut self.file, &self.path)
            && file.set_len(0).is_ok()
        {
            (self.file_len, self.front, self.bytes) = (0, 0, 0);
        }
    }

    /// Remembers the acknowledgement in the file, unsynced: losing it only repeats events under their own numbers.
    fn note_acknowledged(&mut self) {
        if !self.tail.is_empty() || self.file_len == 0 {
            return;
        }
        let mut bytes = Vec::new();
        record::encode(Kind::Acknowledged, self.acked, &[], &mut bytes);
        let (end, front) = (self.file_len, self.front_after());
        let Ok(file) = open_existing(&mut self.file, &self.path) else { return };
        let wrote = file.seek(SeekFrom::Start(end)).and_then(|_| file.write_all(&bytes));
        if wrote.is_ok() {
            self.file_len += record::length(0);
            self.front = front;
        } else if file.set_len(end).is_err() {
            self.file = None;
        }
    }

    /// Where the first record after the acknowledged ones begins in the file.
    fn front_after(&self) -> u64 {
        let mut at = self.front;
        for found in self.scan(self.front).into_iter().flatten() {
            match found {
                Found::Damage { bytes, .. } => at += bytes,
                Found::Record(record) if record.seq <= self.acked => at += record.len(),
                Found::Record(_) => break,
            }
        }
        at
    }

    /// Writes a copy beside the file without the dropped events and with `extra` at its end; nothing changes yet.
    pub fn prepare(&self, dropped: &BTreeSet<u64>, extra: Option<&Record>) -> io::Result<Prepared> {
        let path = self.path.with_extension("new");
        let prepared = Prepared { events: 0, bytes: 0, path };
        let result = self.write_copy(prepared, dropped, extra);
        if result.is_err() {
            drop(std::fs::remove_file(self.path.with_extension("new")));
        }
        result
    }

    fn write_copy(&self, mut copy: Prepared, dropped: &BTreeSet<u64>, extra: Option<&Record>) -> io::Result<Prepared> {
        let mut file = io::BufWriter::new(create(&copy.path)?);
        let survivors = self.all().filter_map(|found| match found {
            Found::Record(record) => Some(record),
            Found::Damage { .. } => None,
        });
        let mut encoded = Vec::new();
        for record in survivors.chain(extra.cloned()) {
            let gone = record.kind == Kind::Acknowledged || record.seq <= self.acked || dropped.contains(&record.seq);
            if gone {
                continue;
            }
            if self.capacity.is_some_and(|capacity| copy.bytes + record.len() > capacity) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            encoded.clear();
            record.write_to(&mut encoded);
            file.write_all(&encoded)?;
            copy.events += 1;
            copy.bytes += record.len();
        }
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_data()?;
        Ok(copy)
    }

    /// Puts the prepared copy in the place of the file; `extra` was counted by the caller in `next`.
    pub fn adopt(&mut self, prepared: Prepared) -> io::Result<()> {
        std::fs::rename(&prepared.path, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.file = None;
        self.damaged = false;
        self.tail = Vec::new();
        (self.front, self.file_len) = (0, prepared.bytes);
        (self.events, self.bytes) = (prepared.events, prepared.bytes);
        Ok(())
    }

    /// Forgets dropped events that are only in memory.
    pub fn thin_memory(&mut self, dropped: &BTreeSet<u64>) {
        let mut kept = Vec::new();
        for found in Scanner::new(self.tail.as_slice()) {
            if let Found::Record(record) = found {
                if dropped.contains(&record.seq) {
                    self.events = self.events.saturating_sub(1);
                    self.bytes = self.bytes.saturating_sub(record.len());
                } else {
                    record.write_to(&mut kept);
                }
            }
        }
        self.tail = kept;
    }

    /// The events that are only in memory, without their content.
    pub fn outline_of_memory(&self) -> Vec<Outlined> {
        Scanner::new(self.tail.as_slice())
            .filter_map(|found| match found {
                Found::Record(record) => Some(Outlined::of(&record)),
                Found::Damage { .. } => None,
            })
            .collect()
    }

    /// Bytes that are only in memory.
    pub fn in_memory(&self) -> u64 {
        u64::try_from(self.tail.len()).unwrap_or(u64::MAX)
    }

    /// Bytes of the file, acknowledged events included.
    pub fn on_disk(&self) -> u64 {
        self.file_len
    }

    /// Whether the file begins with acknowledged events.
    pub fn has_acknowledged(&self) -> bool {
        self.front > 0
    }

    /// Removes the file.
    pub fn remove(self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// File and memory, in order, from the first pending record.
    fn all(&self) -> impl Iterator<Item = Found> {
        let on_disk = self.scan(self.front).into_iter().flatten();
        on_disk.chain(Scanner::new(self.tail.as_slice()))
    }

    fn scan(&self, from: u64) -> io::Result<Scanner<io::Take<File>>> {
        scan_file(&self.path, from, self.file_len)
    }
}

fn scan_file(path: &Path, from: u64, end: u64) -> io::Result<Scanner<io::Take<File>>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    Ok(Scanner::new(file.take(end.saturating_sub(from))))
}

/// A thinned copy of a stream's file, not yet in its place.
pub struct Prepared {
    path: PathBuf,
    events: u64,
    bytes: u64,
}

impl Prepared {
    /// Throws the copy away.
    pub fn discard(self) {
        drop(std::fs::remove_file(self.path));
    }
}

fn open<'f>(slot: &'f mut Option<File>, path: &Path) -> io::Result<&'f mut File> {
    let file = match slot.take() {
        Some(file) => file,
        None => OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?,
    };
    Ok(slot.insert(file))
}

fn open_existing<'f>(slot: &'f mut Option<File>, path: &Path) -> io::Result<&'f mut File> {
    let file = match slot.take() {
        Some(file) => file,
        None => OpenOptions::new().write(true).open(path)?,
    };
    Ok(slot.insert(file))
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)
}
