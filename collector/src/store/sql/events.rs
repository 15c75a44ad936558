//! Events of a call: read one by one, planned against the cursor of their stream, stored once, dated, and turned into
//! inputs of the engine. One that cannot be read is stored raw and acknowledged: it never hides the others.

use super::super::StoreError;
use super::apply::Caller;
use super::row::{int, json, ms, params};
use super::writer::Tx;
use super::{effects, findings, upkeep};
use crate::engine::{Input, Note};
use crate::facts::cursor::{self, Plan};
use crate::facts::true_time::{Clocks, Reading, TrueTime, WallClock};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use vigie_shared::digest::Digest;
use vigie_shared::error::{ErrorCode, Refusal};
use vigie_shared::event::{Event, Fact, Sample};
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::id::{BootId, MachineId};
use vigie_shared::limits::{EVENT_MAX, EVENTS_PER_CALL};
use vigie_shared::sync::SyncRequest;

/// Streams whose cursors are kept a machine; those used least lately go first.
const STREAMS_KEPT: i64 = 1000;
/// Values taken of one event of samples.
const SAMPLES_MAX: usize = 256;
/// Longest name of a metric or an instance, bytes.
const NAME_MAX: usize = 256;
/// Kinds this version knows.
const KINDS: [&str; 6] = ["started", "resumed", "goodbye", "check", "samples", "loss"];
/// Kind under which an event is stored that cannot be read.
const UNREADABLE: &str = "unreadable";

/// The events of a call, read and planned.
pub struct Read<'a> {
    plan: Plan,
    events: Vec<One<'a>>,
}

/// One event.
struct One<'a> {
    seq: u64,
    kind: String,
    boot: Option<BootId>,
    up_ms: u64,
    wall_ms: i64,
    fact: Option<Fact>,
    /// Stable code of what is wrong with it.
    problem: Option<&'static str>,
    body: &'a str,
}

/// What came of the events of a call.
pub struct Stored {
    /// Acknowledged up to.
    pub ack: u64,
    /// For the engine.
    pub inputs: Vec<Input>,
    /// Whether there is something new to see.
    pub visible: bool,
    /// Whether the machine went back to quarantine.
    pub quarantined: bool,
}

/// Reads the events of a call. Numbers that contradict each other refuse the call.
pub fn read(request: &SyncRequest, cursor: Option<u64>) -> Result<Read<'_>, Refusal> {
    let count = request.events.len();
    if count > EVENTS_PER_CALL {
        let message = format!("events: {count} in one call, at most {EVENTS_PER_CALL}: send the rest in the next call");
        return Err(Refusal { code: ErrorCode::BodyInvalid, message });
    }
    let read: Vec<(Option<u64>, One<'_>)> = request.events.iter().map(|raw| one(raw.get())).collect();
    let numbers = cursor::numbers(&read.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), request.oldest);
    let plan = cursor::plan(cursor, request.oldest, request.next, &numbers)
        .map_err(|e| Refusal { code: ErrorCode::SequenceInvalid, message: e.to_string() })?;
    let events = read.into_iter().zip(numbers).map(|((_, event), seq)| One { seq, ..event }).collect();
    Ok(Read { plan, events })
}

fn one(body: &str) -> (Option<u64>, One<'_>) {
    if body.len() <= EVENT_MAX
        && let Ok(event) = serde_json::from_str::<Event>(body)
    {
        let kind = kind(&event.fact).to_owned();
        let Event { seq, boot, up_ms, wall_ms, fact } = event;
        let one = One { seq, kind, boot: Some(boot), up_ms, wall_ms, fact: Some(fact), problem: None, body };
        return (Some(seq), one);
    }
    let loose: Value = serde_json::from_str(body).unwrap_or_default();
    let seq = loose.get("seq").and_then(Value::as_u64);
    let word = loose.get("kind").and_then(Value::as_str).filter(|kind| kind.len() <= 64 && !KINDS.contains(kind));
    let (kind, problem) = match (word, body.len() > EVENT_MAX) {
        (_, true) => (UNREADABLE, "event_too_large"),
        (Some(kind), false) => (kind, "event_kind_unknown"),
        (None, false) => (UNREADABLE, "event_unreadable"),
    };
    let boot = loose.get("boot").and_then(Value::as_str).and_then(|boot| boot.parse().ok());
    let up_ms = loose.get("up_ms").and_then(Value::as_u64).unwrap_or_default();
    let wall_ms = loose.get("wall_ms").and_then(Value::as_i64).unwrap_or_default();
    let (kind, body, problem) = (kind.to_owned(), cut_text(body), Some(problem));
    (seq, One { seq: 0, kind, boot, up_ms, wall_ms, fact: None, problem, body })
}

fn kind(fact: &Fact) -> &'static str {
    match fact {
        Fact::Started { .. } => "started",
        Fact::Resumed { .. } => "resumed",
        Fact::Goodbye { .. } => "goodbye",
        Fact::Check { .. } => "check",
        Fact::Samples { .. } => "samples",
        Fact::Loss { .. } => "loss",
    }
}

/// At most [`EVENT_MAX`] bytes of a text, whole characters.
fn cut_text(text: &str) -> &str {
    let end = (0..=EVENT_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// Stores what is new, and says what follows.
pub fn store(
    tx: &mut Tx<'_>,
    request: &SyncRequest,
    received: Timestamp,
    caller: &Caller,
    read: Read<'_>,
) -> Result<Stored, StoreError> {
    let machine = caller.machine();
    let Read { plan, events } = read;
    let (known, events): (Vec<_>, Vec<_>) = events.into_iter().partition(|event| plan.duplicates.contains(&event.seq));
    let new: Vec<One<'_>> = events.into_iter().filter(|event| plan.accept.contains(&event.seq)).collect();

    let mut stored = Stored { ack: plan.ack, inputs: vec![], visible: !plan.gaps.is_empty(), quarantined: false };
    for event in &known {
        stored.visible |= compare(tx, request, received, machine, event)?;
    }
    move_cursor(tx, request, received, caller, &plan)?;
    let dated = date(tx, request, received, caller, &new)?;
    let mut count = 0;
    for (event, time) in new.into_iter().zip(dated) {
        stored.visible = true;
        if !insert(tx, request, received, machine, &event, time)? {
            // Its cursor was dropped (bounds) before it was: known all the same.
            compare(tx, request, received, machine, &event)?;
            continue;
        }
        count += 1;
        if let Some(code) = event.problem {
            let note = Note::new(code).with("kind", &event.kind).with("seq", event.seq);
            let subject = format!("{}:{}", request.stream, event.seq);
            findings::add(tx.sql, machine, received, effects::MACHINE, &note, &subject, None)?;
        }
        let Some(fact) = event.fact else { continue };
        match &fact {
            // Values are kept; nothing is decided on them.
            Fact::Samples { values } => {
                samples(tx, machine, time.at, values)?;
                continue;
            }
            Fact::Started { hardware, .. } if other_hardware(tx, received, caller, hardware, request)? => {
                stored.quarantined = true;
                tx.recount.insert(caller.school);
                stored.inputs.push(Input::MachineChanged { machine, at: received });
            }
            _ => {}
        }
        stored.inputs.push(Input::Event { machine, at: time.at, certain: time.certain, received, fact });
    }
    upkeep::count(tx.sql, "event", count)?;
    Ok(stored)
}

/// The same number with other content is an identity finding; what was sent is kept with it.
fn compare(
    tx: &Tx<'_>,
    request: &SyncRequest,
    received: Timestamp,
    machine: MachineId,
    event: &One<'_>,
) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT digest FROM event WHERE machine = ?1 AND stream = ?2 AND seq = ?3";
    let key = params![machine.as_bytes(), request.stream.as_bytes(), int(event.seq)];
    let stored: Option<Digest> = tx.sql.find(SQL, key, |row| row.get(0))?;
    let digest = Digest::of(event.body.as_bytes());
    if stored.is_none_or(|stored| stored == digest) {
        return Ok(false);
    }
    let note = Note::new("same_number_other_content").with("seq", event.seq).with("kind", &event.kind);
    let subject = format!("{}:{}:{digest}", request.stream, event.seq);
    findings::add(tx.sql, machine, received, effects::MACHINE, &note, &subject, Some(event.body))
}

/// The cursor and the gaps; nothing is written for a stream that has said nothing yet.
fn move_cursor(
    tx: &Tx<'_>,
    request: &SyncRequest,
    received: Timestamp,
    caller: &Caller,
    plan: &Plan,
) -> Result<(), StoreError> {
    let (machine, stream) = (caller.machine(), request.stream);
    for (first, last) in &plan.gaps {
        const GAP: &str = "INSERT INTO gap (machine, stream, first, last, received) VALUES (?1, ?2, ?3, ?4, ?5) \
            ON CONFLICT (machine, stream, first) DO NOTHING";
        let row = params![machine.as_bytes(), stream.as_bytes(), int(*first), int(*last), ms(received)];
        if tx.sql.execute(GAP, row)? > 0 {
            upkeep::count(tx.sql, "gap", 1)?;
        }
    }
    if plan.cursor == 0 || request.events.is_empty() && caller.cursor == Some(plan.cursor) {
        return Ok(());
    }
    const SQL: &str = "INSERT INTO stream (machine, stream, cursor, last_used) VALUES (?1, ?2, ?3, ?4) \
        ON CONFLICT (machine, stream) DO UPDATE SET last_used = excluded.last_used, \
            cursor = CASE WHEN excluded.cursor > stream.cursor THEN excluded.cursor ELSE stream.cursor END";
    let row = params![machine.as_bytes(), stream.as_bytes(), int(plan.cursor), ms(received)];
    tx.sql.execute(SQL, row)?;
    if caller.cursor.is_none() {
        const BOUND: &str = "DELETE FROM stream WHERE machine = ?1 AND stream IN \
            (SELECT stream FROM stream WHERE machine = ?1 ORDER BY last_used DESC, stream DESC LIMIT 1000000000 OFFSET ?2)";
        tx.sql.execute(BOUND, params![machine.as_bytes(), STREAMS_KEPT])?;
    }
    Ok(())
}

/// True times of new events. One without a readable boot is dated at its receipt, uncertain.
fn date(
    tx: &Tx<'_>,
    request: &SyncRequest,
    received: Timestamp,
    caller: &Caller,
    events: &[One<'_>],
) -> Result<Vec<TrueTime>, StoreError> {
    if events.is_empty() {
        return Ok(vec![]);
    }
    let machine = caller.machine();
    let mut offsets: BTreeMap<BootId, Timestamp> = caller.boot_before().into_iter().collect();
    for boot in events.iter().filter_map(|event| event.boot).filter(|boot| *boot != request.boot) {
        if !offsets.contains_key(&boot) {
            const SQL: &str = "SELECT boot_offset FROM boot WHERE machine = ?1 AND boot = ?2";
            let known: Option<Timestamp> = tx.sql.find(SQL, params![machine, boot], |row| row.get(0))?;
            offsets.extend(known.map(|known| (boot, known)));
        }
    }
    const LAST: &str =
        "SELECT at FROM event WHERE machine = ?1 AND stream <= ?2 ORDER BY stream DESC, seq DESC LIMIT 1";
    let last: Option<Timestamp> = tx.sql.find(LAST, params![machine, request.stream], |row| row.get(0))?;
    let not_before = last.unwrap_or(caller.enrolled);
    let unheard = |event: &One<'_>| event.boot.is_some_and(|b| b != request.boot && !offsets.contains_key(&b));
    let wall = if events.iter().any(unheard) { wall_clock(tx, request, received, machine)? } else { None };
    let clocks = Clocks { received, boot: request.boot, up_ms: request.up_ms, offsets, not_before, wall };
    let here = Reading { boot: request.boot, up_ms: request.up_ms, wall_ms: request.wall_ms };
    let reading = |e: &One<'_>| e.boot.map_or(here, |boot| Reading { boot, up_ms: e.up_ms, wall_ms: e.wall_ms });
    let moments: Vec<Reading> = events.iter().map(reading).collect();
    let dated = clocks.date(&moments).into_iter().zip(events);
    Ok(dated.map(|(time, event)| TrueTime { certain: time.certain && event.boot.is_some(), ..time }).collect())
}

/// How wrong the wall clock of a machine was when its last dated stream began, and how wrong it is now.
fn wall_clock(
    tx: &Tx<'_>,
    request: &SyncRequest,
    received: Timestamp,
    machine: MachineId,
) -> Result<Option<WallClock>, StoreError> {
    #[derive(Deserialize)]
    struct Wall {
        wall_ms: i64,
    }
    const SQL: &str = "SELECT at, body FROM event WHERE machine = ?1 AND stream < ?2 AND seq = 1 AND certain = 1 \
        ORDER BY stream DESC LIMIT 1";
    let began: Option<(Timestamp, String)> =
        tx.sql.find(SQL, params![machine, request.stream], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let read = began.and_then(|(at, body)| Some((at, serde_json::from_str::<Wall>(&body).ok()?)));
    Ok(read.and_then(|(at, then)| {
        let then_ms = then.wall_ms.checked_sub(at.as_millisecond())?;
        Some(WallClock { then_ms, now_ms: request.wall_ms.checked_sub(received.as_millisecond())? })
    }))
}

/// Answers whether it is new.
fn insert(
    tx: &Tx<'_>,
    request: &SyncRequest,
    received: Timestamp,
    machine: MachineId,
    event: &One<'_>,
    time: TrueTime,
) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO event (machine, stream, seq, kind, at, certain, received, digest, body) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (machine, stream, seq) DO NOTHING";
    let written = tx.sql.execute(
        SQL,
        params![
            machine.as_bytes(),
            request.stream.as_bytes(),
            int(event.seq),
            event.kind,
            ms(time.at),
            time.certain,
            ms(received),
            Digest::of(event.body.as_bytes()).as_bytes(),
            event.body,
        ],
    )?;
    Ok(written > 0)
}

/// Keeps values: all under their day, the latest where pages find it at once. Of too many or too long ones the rest is
/// left out (the raw event is kept); JSON has no infinity, so each value is finite.
fn samples(tx: &Tx<'_>, machine: MachineId, at: Timestamp, values: &[Sample]) -> Result<(), StoreError> {
    const ALL: &str = "INSERT INTO sample (day, machine, metric, instance, at, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                       ON CONFLICT (day, machine, metric, instance, at) DO NOTHING";
    const LATEST: &str = "INSERT INTO sample_latest (machine, metric, instance, at, value) VALUES (?1, ?2, ?3, ?4, ?5) \
        ON CONFLICT (machine, metric, instance) DO UPDATE SET at = excluded.at, value = excluded.value \
        WHERE excluded.at >= sample_latest.at";
    let day = upkeep::day(at);
    tx.sql.engine().open_day(day)?;
    let fits = |sample: &&Sample| sample.metric.len() <= NAME_MAX && sample.instance.len() <= NAME_MAX;
    for sample in values.iter().filter(fits).take(SAMPLES_MAX) {
        let (machine, at_ms) = (machine.as_bytes(), ms(at));
        let row = params![day, machine, sample.metric, sample.instance, at_ms, sample.value];
        tx.sql.execute(ALL, row)?;
        let row = params![machine, sample.metric, sample.instance, at_ms, sample.value];
        tx.sql.execute(LATEST, row)?;
    }
    Ok(())
}

/// Compares the hardware of a start with the evidence kept at enrolment. Contradiction: a finding, and the machine goes
/// back to quarantine (its data is kept, it has no vote) until a person looks. Answers whether it just went back.
fn other_hardware(
    tx: &Tx<'_>,
    received: Timestamp,
    caller: &Caller,
    hardware: &HardwareEvidence,
    request: &SyncRequest,
) -> Result<bool, StoreError> {
    let machine = caller.machine();
    let seen = hardware.clone().clean();
    const SQL: &str = "SELECT hardware FROM machine WHERE id = ?1";
    let expected: String = tx.sql.value(SQL, params![machine.as_bytes()])?;
    let expected: HardwareEvidence =
        serde_json::from_str(&expected).map_err(|e| StoreError::Failed(format!("hardware as stored: {e}")))?;
    if !expected.contradicts(&seen) {
        return Ok(false);
    }
    let note = Note::new("other_hardware").with("shared", 0);
    let subject = request.stream.to_string();
    findings::add(tx.sql, machine, received, effects::MACHINE, &note, &subject, Some(&json(&seen)?))?;
    const BACK: &str = "UPDATE machine SET status = 'quarantined', why = 'other_hardware', hardware_seen = ?2 \
                        WHERE id = ?1 AND status IN ('trusted', 'quarantined')";
    tx.sql.execute(BACK, params![machine.as_bytes(), json(&seen)?])?;
    Ok(caller.trusted())
}
