//! Bodies of machines: bounded before they are read, before they are inflated, before they are parsed.
//!
//! Order of the checks: size on the wire, zstd with its window and output bounded, nesting, schema number alone, then
//! the message. Memory for large ones is counted in all, so that thousands of machines cannot fill it together.

use super::json_path;
use super::refusal::refusal;
use axum::body::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, HeaderMap};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use vigie_shared::error::{ErrorCode, Refusal};
use vigie_shared::limits::{BODY_INFLATED_MAX, DEPTH_MAX, SCHEMA, SCHEMA_OLDEST, ZSTD_WINDOW_LOG_MAX, json_depth};

/// Longest time for a body to come in: 2 MiB over a slow line of a school, and some patience.
const BODY_TIME: Duration = Duration::from_secs(120);
/// A body that is too large is read on and thrown away up to this many times its bound, for this long: whoever is cut off
/// while still sending gets a reset and never reads why.
const DRAIN: usize = 4;
const DRAIN_TIME: Duration = Duration::from_secs(5);
/// Longest wait for memory.
const MEMORY_TIME: Duration = Duration::from_secs(5);
/// Bodies up to this size are not counted, bytes: connections are bounded already.
const UNCOUNTED: usize = 16 << 10;
/// Bodies above this size are parsed on a thread of their own, bytes.
const INLINE: usize = 64 << 10;

/// Memory that large bodies may take together, from the wire until they are stored.
#[derive(Debug, Clone)]
pub struct Memory {
    kib: Arc<Semaphore>,
    patience: Duration,
}

/// A part of it; given back when dropped.
#[derive(Debug, Default)]
pub struct Taken(Option<OwnedSemaphorePermit>);

impl Memory {
    /// `bytes` in all.
    pub fn new(bytes: usize) -> Self {
        Self { kib: Arc::new(Semaphore::new(bytes >> 10)), patience: MEMORY_TIME }
    }

    async fn take(&self, bytes: usize) -> Result<Taken, Refusal> {
        let kib = u32::try_from(bytes.div_ceil(1 << 10)).unwrap_or(u32::MAX);
        match timeout(self.patience, self.kib.clone().acquire_many_owned(kib)).await {
            Ok(Ok(permit)) => Ok(Taken(Some(permit))),
            _ => Err(refusal(ErrorCode::Overloaded, "the collector holds too many large messages; try again later")),
        }
    }
}

impl Taken {
    /// Gives back what is above `bytes`.
    fn shrink_to(&mut self, bytes: usize) {
        if let Some(permit) = &mut self.0 {
            let excess = permit.num_permits().saturating_sub(bytes.div_ceil(1 << 10));
            drop(permit.split(excess));
        }
    }
}

/// A body as it came.
#[derive(Debug)]
pub struct Received {
    bytes: Bytes,
    zstd: bool,
    memory: Memory,
    taken: Taken,
}

/// Reads a body of at most `max` bytes. One that announces more is refused before any of it is kept.
pub async fn read(headers: &HeaderMap, mut body: Incoming, max: usize, memory: &Memory) -> Result<Received, Refusal> {
    let zstd = match headers.get(CONTENT_ENCODING).map(|v| v.as_bytes()) {
        None | Some(b"identity") => false,
        Some(b"zstd") => true,
        Some(_) => return Err(refusal(ErrorCode::BodyNotZstd, "content-encoding must be zstd or absent")),
    };
    let announced = body.size_hint();
    if announced.lower() > max as u64 {
        return Err(too_large(body, max).await);
    }
    let expected = announced.upper().and_then(|n| usize::try_from(n).ok()).unwrap_or(max);
    let taken = if expected > UNCOUNTED { memory.take(expected).await? } else { Taken::default() };
    let bytes = timeout(BODY_TIME, collect(&mut body, max)).await.map_err(|_| {
        refusal(ErrorCode::BodyInvalid, format!("the body was not complete after {} s", BODY_TIME.as_secs()))
    })??;
    let Some(bytes) = bytes else { return Err(too_large(body, max).await) };
    Ok(Received { bytes, zstd, memory: memory.clone(), taken })
}

/// The whole body; `None` once it is larger than `max`.
async fn collect(body: &mut Incoming, max: usize) -> Result<Option<Bytes>, Refusal> {
    let mut first = Bytes::new();
    let mut more: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| refusal(ErrorCode::BodyInvalid, "the body ended before its announced length"))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.is_empty() && more.is_empty() {
            first = data;
        } else {
            if more.is_empty() {
                more.extend_from_slice(&first);
            }
            more.extend_from_slice(&data);
        }
        if first.len().max(more.len()) > max {
            return Ok(None);
        }
    }
    Ok(Some(if more.is_empty() { first } else { more.into() }))
}

/// The refusal of a body that is too large, once its sender can read it.
async fn too_large(mut body: Incoming, max: usize) -> Refusal {
    let throw_away = async {
        let mut left = max.saturating_mul(DRAIN);
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    };
    // Whether it ended or time ran out, the answer is the same.
    let _ = timeout(DRAIN_TIME, throw_away).await;
    refusal(ErrorCode::BodyTooLarge, format!("the body is larger than {max} bytes; send less at once"))
}

impl Received {
    /// The message, and the memory it takes while it lives.
    pub async fn message<T: DeserializeOwned + Send + 'static>(mut self) -> Result<(T, Taken), Refusal> {
        if self.zstd {
            // What it inflates to is not known before: the worst is taken, the rest given back. What is already held is
            // given back first, lest two such bodies wait for each other.
            self.taken = Taken::default();
            self.taken = self.memory.take(BODY_INFLATED_MAX + self.bytes.len()).await?;
        }
        let Self { bytes, zstd, mut taken, .. } = self;
        let long = zstd || bytes.len() > INLINE;
        let read = move || -> Result<(T, usize), Refusal> {
            if zstd {
                let inflated = inflate(&bytes)?;
                Ok((parse(&inflated)?, inflated.len()))
            } else {
                Ok((parse(&bytes)?, bytes.len()))
            }
        };
        let (message, length) = if long {
            let failed = |_| refusal(ErrorCode::Internal, "the collector could not read this; try again later");
            tokio::task::spawn_blocking(read).await.map_err(failed)??
        } else {
            read()?
        };
        taken.shrink_to(length);
        Ok((message, taken))
    }
}

/// Inflates zstd (RFC 8878) with window and output bounded.
pub fn inflate(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let broken = |error: std::io::Error| {
        let window = 1u64 << (ZSTD_WINDOW_LOG_MAX - 20);
        refusal(
            ErrorCode::BodyNotZstd,
            format!("the body is announced as zstd and is not, is cut, or wants a window above {window} MiB ({error})"),
        )
    };
    let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(broken)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(broken)?;
    let mut out = Vec::new();
    decoder.take(BODY_INFLATED_MAX as u64 + 1).read_to_end(&mut out).map_err(broken)?;
    if out.len() > BODY_INFLATED_MAX {
        let message = format!("the body inflates to more than {BODY_INFLATED_MAX} bytes; send less at once");
        return Err(refusal(ErrorCode::BodyTooLarge, message));
    }
    Ok(out)
}

/// The schema number, before anything else is looked at: a later schema may look quite different.
#[derive(Deserialize)]
struct Schema {
    v: u64,
}

/// Parses a message: nesting, then schema, then the message itself. Errors name the field, the line and the column.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Refusal> {
    let deep = json_depth(text);
    if deep > DEPTH_MAX {
        return Err(refusal(ErrorCode::BodyTooDeep, format!("the JSON nests {deep} deep; at most {DEPTH_MAX}")));
    }
    let Schema { v } = serde_json::from_slice(text).map_err(|error| invalid(text, &error))?;
    if !(u64::from(SCHEMA_OLDEST)..=u64::from(SCHEMA)).contains(&v) {
        let who = if v > u64::from(SCHEMA) { "update the collector" } else { "update the agent" };
        let message = format!("schema {v} is not read here, schemas {SCHEMA_OLDEST} to {SCHEMA} are: {who}");
        return Err(refusal(ErrorCode::SchemaUnsupported, message));
    }
    serde_json::from_slice(text).map_err(|error| invalid(text, &error))
}

fn invalid(text: &[u8], error: &serde_json::Error) -> Refusal {
    let at = json_path::at(text, error.line(), error.column());
    let message = if at.is_empty() { error.to_string() } else { format!("field « {at} »: {error}") };
    refusal(ErrorCode::BodyInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_shared::sync::SyncRequest;

    fn code<T: std::fmt::Debug>(result: Result<T, Refusal>) -> (ErrorCode, String) {
        let refusal = result.unwrap_err();
        (refusal.code, refusal.message)
    }

    #[test]
    fn zstd_of_the_agents_level_inflates() {
        let text = b"some inventory ".repeat(100_000);
        let small = zstd::bulk::compress(&text, vigie_shared::limits::ZSTD_LEVEL).unwrap();
        assert_eq!(inflate(&small).unwrap(), text);
    }

    #[test]
    fn a_bomb_stops_at_the_bound() {
        let bomb = zstd::bulk::compress(&vec![0; BODY_INFLATED_MAX + 1], 3).unwrap();
        assert!(bomb.len() < 8192, "it is a bomb: {} bytes", bomb.len());
        assert_eq!(code(inflate(&bomb)).0, ErrorCode::BodyTooLarge);
        let whole = zstd::bulk::compress(&vec![0; BODY_INFLATED_MAX], 3).unwrap();
        assert_eq!(inflate(&whole).unwrap().len(), BODY_INFLATED_MAX);
    }

    #[test]
    fn what_is_not_zstd_or_is_cut_or_wants_a_large_window_is_refused() {
        let good = zstd::bulk::compress(&b"abcdefgh".repeat(1000), 3).unwrap();
        let mut wide = Vec::new();
        let mut encoder = zstd::stream::write::Encoder::new(&mut wide, 3).unwrap();
        encoder.window_log(ZSTD_WINDOW_LOG_MAX + 2).unwrap();
        std::io::Write::write_all(&mut encoder, &b"abcdefgh".repeat(1_500_000)[..]).unwrap();
        encoder.finish().unwrap();
        let followed = [good.as_slice(), b"rubbish"].concat();
        for body in [b"{\"v\":1}".as_slice(), &good[..good.len() - 3], &wide, &followed] {
            assert_eq!(code(inflate(body)).0, ErrorCode::BodyNotZstd);
        }
    }

    #[test]
    fn deep_nesting_is_refused_before_parsing() {
        let deep = format!("{{\"v\":1,\"x\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(code(parse::<SyncRequest>(deep.as_bytes())).0, ErrorCode::BodyTooDeep);
    }

    #[test]
    fn another_schema_is_refused_with_both_versions_whatever_else_changed() {
        let (newer, message) = code(parse::<SyncRequest>(br#"{"v":9,"everything":"else"}"#));
        assert_eq!(newer, ErrorCode::SchemaUnsupported);
        assert!(message.contains("schema 9") && message.contains(&SCHEMA.to_string()), "{message}");
        assert!(message.contains("update the collector"), "{message}");
        let (older, message) = code(parse::<SyncRequest>(br#"{"v":0}"#));
        assert_eq!(older, ErrorCode::SchemaUnsupported);
        assert!(message.contains("update the agent"), "{message}");
    }

    #[test]
    fn a_wrong_field_is_named_with_its_line_and_column() {
        let text = b"{\"v\":1,\n \"boot\":\"018f0000000070008000000000000001\",\n \"up_ms\": \"soon\"}";
        let (invalid, message) = code(parse::<SyncRequest>(text));
        assert_eq!(invalid, ErrorCode::BodyInvalid);
        assert!(message.contains("« up_ms »") && message.contains("line 3 column"), "{message}");
        for (text, word) in [(b"{\"v\":1}".as_slice(), "boot"), (b"", "EOF"), (b"{\"v\":1", "EOF"), (b"\xff", "line 1")]
        {
            let (invalid, message) = code(parse::<SyncRequest>(text));
            assert_eq!(invalid, ErrorCode::BodyInvalid);
            assert!(message.contains(word), "{message}");
        }
    }

    #[tokio::test]
    async fn memory_is_given_back() {
        let memory = Memory::new(64 << 10);
        let mut taken = memory.take(64 << 10).await.unwrap();
        assert_eq!(memory.kib.available_permits(), 0);
        taken.shrink_to(1 << 10);
        assert_eq!(memory.kib.available_permits(), 63);
        drop(taken);
        assert_eq!(memory.kib.available_permits(), 64);
    }

    #[tokio::test]
    async fn without_memory_the_answer_is_overloaded() {
        let memory = Memory { patience: Duration::from_millis(1), ..Memory::new(64 << 10) };
        let _held = memory.take(64 << 10).await.unwrap();
        assert_eq!(code(memory.take(1 << 10).await).0, ErrorCode::Overloaded);
    }
}
