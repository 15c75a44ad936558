//! Reads the rows of one table of an SQLite database file, nothing else: rpm keeps its list so. A reader of its own is
//! a few kilobytes; the library would be a fifth of the agent.
//!
//! After the published file format (sqlite.org/fileformat2.html): table b-trees and overflow pages. No index, no
//! write-ahead log (whoever asks looks whether there is one), no trust in what the file says of itself: every number is
//! checked, pages and payloads are counted.

use crate::source::Source;

/// Most bytes of pages looked at.
const BYTES_MAX: usize = 1 << 30;
/// Most rows of one table.
const ROWS_MAX: u32 = 200_000;
/// Most bytes of one row.
const ROW_MAX: usize = 16 << 20;
/// Deepest tree: a real one of this many levels would not fit on any disk.
const DEPTH_MAX: u8 = 12;
/// Bytes fetched at once: pages of one row mostly lie side by side.
const WINDOW: usize = 64 << 10;
const ENDLESS: &str = "holds more than the agent reads, or runs in circles";
const MAGIC: &[u8] = b"SQLite format 3\0";

/// A database file that is read.
pub struct Database<'a> {
    source: &'a dyn Source,
    path: &'a str,
    page_size: usize,
    /// Bytes of a page that hold content.
    usable: usize,
    /// Pages that may still be looked at.
    pages_left: usize,
    /// Rows that may still be handed over.
    rows_left: u32,
    window: Vec<u8>,
    window_from: u64,
}

/// What was found wrong, in words that follow the path.
pub type Problem = String;

impl<'a> Database<'a> {
    /// Opens the file and reads its header.
    pub fn open(source: &'a dyn Source, path: &'a str) -> Result<Self, Problem> {
        let header = source.part(path, 0, 100).map_err(|why| why.to_string())?;
        let page_size = match number(&header, 16, 2) {
            Some(1) => 65_536,
            Some(size) if size.is_power_of_two() && size >= 512 => size,
            _ => return Err("has no valid page size".into()),
        };
        let reserved = header.get(20).copied().map_or(0, usize::from);
        if !header.starts_with(MAGIC) || page_size - reserved < 480 {
            return Err("is no SQLite database".into());
        }
        let usable = page_size - reserved;
        let pages_left = BYTES_MAX / page_size;
        Ok(Self { source, path, page_size, usable, pages_left, rows_left: ROWS_MAX, window: vec![], window_from: 0 })
    }

    /// Hands over every row of a table, in the order of the file.
    pub fn rows(&mut self, table: &str, each: &mut dyn FnMut(&Row)) -> Result<(), Problem> {
        let mut root = None;
        // Columns of sqlite_schema: type, name, table, root page, text.
        self.walk(1, 0, &mut |row| {
            if row.column(0) == Some(b"table".as_slice()) && row.column(1) == Some(table.as_bytes()) {
                root = row.column(3).and_then(|bytes| number(bytes, 0, bytes.len()));
            }
        })?;
        let root = root.and_then(|page| u32::try_from(page).ok()).ok_or_else(|| format!("has no table {table}"))?;
        self.walk(root, 0, each)
    }

    fn walk(&mut self, page: u32, depth: u8, each: &mut dyn FnMut(&Row)) -> Result<(), Problem> {
        let bytes = self.page(page)?;
        // The first page begins with the header of the file.
        let start = if page == 1 { 100 } else { 0 };
        let damaged = || format!("is damaged or being written (page {page})");
        let kind = bytes.get(start).copied().ok_or_else(damaged)?;
        let cells = number(&bytes, start + 3, 2).ok_or_else(damaged)?;
        let pointers = start + if kind == 5 { 12 } else { 8 };
        for cell in 0..cells {
            let at = number(&bytes, pointers + cell * 2, 2).ok_or_else(damaged)?;
            match kind {
                5 if depth < DEPTH_MAX => self.walk(child(&bytes, at).ok_or_else(damaged)?, depth + 1, each)?,
                13 => {
                    self.rows_left = self.rows_left.checked_sub(1).ok_or(ENDLESS)?;
                    each(&self.row(&bytes, at)?.ok_or_else(damaged)?);
                }
                _ => return Err(damaged()),
            }
        }
        if kind == 5 {
            self.walk(child(&bytes, start + 8).ok_or_else(damaged)?, depth + 1, each)?;
        }
        Ok(())
    }

    /// The content of a leaf cell, with what overflows into other pages; nothing when its numbers cannot be true.
    fn row(&mut self, page: &[u8], at: usize) -> Result<Option<Row>, Problem> {
        let Some(cell) = page.get(at..self.usable.min(page.len())) else { return Ok(None) };
        let Some((length, size)) = varint(cell) else { return Ok(None) };
        let Some((_, rowid)) = cell.get(size..).and_then(varint) else { return Ok(None) };
        let Ok(length) = usize::try_from(length) else { return Ok(None) };
        if length > ROW_MAX {
            return Ok(None);
        }
        let local = self.local(length);
        let from = size + rowid;
        let Some(first) = cell.get(from..from + local) else { return Ok(None) };
        let mut content = Vec::with_capacity(length);
        content.extend_from_slice(first);
        let mut next = child(cell, from + local).unwrap_or(0);
        while content.len() < length {
            let page = self.page(next)?;
            let wanted = (length - content.len()).min(self.usable - 4);
            let Some(more) = page.get(4..4 + wanted) else { return Ok(None) };
            content.extend_from_slice(more);
            next = child(&page, 0).unwrap_or(0);
        }
        Ok(Some(Row(content)))
    }

    /// How many bytes of a payload stay in the leaf (file format, 1.6).
    fn local(&self, length: usize) -> usize {
        let most = self.usable - 35;
        if length <= most {
            return length;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let surplus = least + (length - least) % (self.usable - 4);
        if surplus <= most { surplus } else { least }
    }

    fn page(&mut self, page: u32) -> Result<Vec<u8>, Problem> {
        self.pages_left = self.pages_left.checked_sub(1).ok_or(ENDLESS)?;
        let size = u64::try_from(self.page_size).unwrap_or(u64::MAX);
        let offset = u64::from(page.checked_sub(1).ok_or("points to a page that cannot be")?) * size;
        let inside = |window: &[u8], from: u64| {
            let at = usize::try_from(offset.checked_sub(from)?).ok()?;
            window.get(at..at.checked_add(self.page_size)?).map(<[u8]>::to_vec)
        };
        if let Some(found) = inside(&self.window, self.window_from) {
            return Ok(found);
        }
        self.window = self.source.part(self.path, offset, WINDOW.max(self.page_size)).map_err(|why| why.to_string())?;
        self.window_from = offset;
        inside(&self.window, offset).ok_or_else(|| format!("ends before page {page}"))
    }
}

/// One row: its record (file format, 2.1).
pub struct Row(Vec<u8>);

impl Row {
    /// Bytes of a column, whatever its type; nothing for a column that is not there.
    pub fn column(&self, wanted: usize) -> Option<&[u8]> {
        let (header, mut at) = varint(&self.0)?;
        let header = usize::try_from(header).ok()?;
        let mut content = header;
        for column in 0.. {
            if at >= header {
                break;
            }
            let (kind, size) = varint(self.0.get(at..)?)?;
            at += size;
            let length = match kind {
                0 | 8 | 9 => 0,
                1..=4 => usize::try_from(kind).ok()?,
                5 => 6,
                6 | 7 => 8,
                kind => usize::try_from(kind.checked_sub(12)? / 2).ok()?,
            };
            if column == wanted {
                return self.0.get(content..content.checked_add(length)?);
            }
            content = content.checked_add(length)?;
        }
        None
    }
}

/// A number of `length` bytes, most significant first.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    bytes.iter().try_fold(0usize, |value, byte| value.checked_mul(256)?.checked_add(usize::from(*byte)))
}

/// The number of a page.
fn child(bytes: &[u8], at: usize) -> Option<u32> {
    number(bytes, at, 4).and_then(|page| u32::try_from(page).ok())
}

/// A number of one to nine bytes, and how many they were (file format, 1.6).
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        if at == 8 {
            return Some((value << 8 | u64::from(*byte), 9));
        }
        value = value << 7 | u64::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}
