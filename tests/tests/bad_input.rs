//! Bad input on the agents' door: a stable code, nothing half-applied, and the next good call is served. Loopback only,
//! needs no root.

use serde_json::{Value, json};
use std::io::Write;
use vigie_shared::digest::Digest;
use vigie_shared::error::ErrorCode;
use vigie_shared::event::Event;
use vigie_shared::limits::{BODY_INFLATED_MAX, BODY_MAX, DEPTH_MAX, ZSTD_WINDOW_LOG_MAX};
use vigie_shared::outcome::Outcome;
use vigie_shared::section::{self, OperatingSystem};
use vigie_shared::sync::{SyncRequest, Want};
use vigie_tests::collector::Collector;
use vigie_tests::fake::{FakeMachine, now_ms, raw};
use vigie_tests::store::Store;

const JSON: (&str, &str) = ("content-type", "application/json");
const ZSTD: (&str, &str) = ("content-encoding", "zstd");

struct Scene {
    machine: FakeMachine,
    store: Store,
    _collector: Collector,
    _folder: tempfile::TempDir,
}

fn scene() -> Scene {
    let (folder, collector) = Collector::ready().unwrap();
    let token = collector.token(1).unwrap();
    let machine = FakeMachine::enrol(&collector.reach().unwrap(), &token, "poste1").unwrap();
    collector.approve_all().unwrap();
    Scene { machine, store: collector.store().unwrap(), _collector: collector, _folder: folder }
}

impl Scene {
    /// A call with one good event, as JSON to be spoilt.
    fn good(&self) -> Value {
        serde_json::to_value(self.machine.request(1, 2, vec![self.machine.started(1)])).unwrap()
    }

    /// Says `body` and expects a refusal that leaves nothing behind and harms nobody.
    fn refused(&mut self, what: &str, headers: &[(&str, &str)], body: Vec<u8>, status: u16, code: ErrorCode) -> String {
        let before = (self.store.event_count().unwrap(), self.store.cursors(&self.machine.machine).unwrap());
        let answer = self.machine.say(headers, body).unwrap_or_else(|error| panic!("{what}: no answer: {error:#}"));
        let told = answer.message();
        assert_eq!((answer.status, answer.code()), (status, Some(code)), "{what}: {told}");
        assert!(!told.is_empty(), "{what}: a refusal says why");
        let after = (self.store.event_count().unwrap(), self.store.cursors(&self.machine.machine).unwrap());
        assert_eq!(before, after, "{what}: nothing half-applied");
        self.machine.new_stream();
        self.machine.heartbeat(1).unwrap_or_else(|error| panic!("after {what}: {error:#}"));
        told
    }

    fn refused_json(&mut self, what: &str, body: &Value, status: u16, code: ErrorCode) -> String {
        self.refused(what, &[JSON], body.to_string().into_bytes(), status, code)
    }

    /// Numbers of the stored events of the current stream.
    fn stored(&self) -> Vec<u64> {
        let stream = self.machine.stream.to_string().to_uppercase();
        let events = self.store.events(&self.machine.machine).unwrap();
        events.into_iter().filter(|(of, ..)| *of == stream).map(|(_, seq, _)| seq).collect()
    }

    fn gaps(&self) -> Vec<(u64, u64)> {
        let stream = self.machine.stream.to_string().to_uppercase();
        let gaps = self.store.gaps(&self.machine.machine).unwrap();
        gaps.into_iter().filter(|(of, ..)| *of == stream).map(|(_, first, last)| (first, last)).collect()
    }
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

fn compressed(plain: &[u8], window_log: Option<u32>) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    if let Some(window_log) = window_log {
        encoder.window_log(window_log).unwrap();
    }
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_is_not_json_of_the_right_shape_is_named() {
    let mut scene = scene();
    let code = ErrorCode::BodyInvalid;

    scene.refused("no JSON", &[JSON], b"{\"v\":1,".to_vec(), 400, code.clone());
    scene.refused("an empty body", &[JSON], Vec::new(), 400, code.clone());
    scene.refused("text", &[JSON], "bonjour é".as_bytes().to_vec(), 400, code.clone());
    scene.refused("not UTF-8", &[JSON], b"{\"v\":1,\"boot\":\"\xff\xfe\"}".to_vec(), 400, code.clone());
    for (field, wrong) in [
        ("boot", json!("not a boot")),
        ("up_ms", json!("long")),
        ("up_ms", json!(-1)),
        ("stream", json!(null)),
        ("next", json!(1.5)),
        ("events", json!({"seq": 1})),
        ("inventory", json!("short")),
        ("sections", json!([])),
    ] {
        let mut body = scene.good();
        body[field] = wrong.clone();
        let told = scene.refused_json(&format!("{field}: {wrong}"), &body, 400, code.clone());
        assert!(told.contains(field), "the message names « {field} »: {told}");
    }
    for field in ["boot", "up_ms", "wall_ms", "stream", "oldest", "next"] {
        let mut body = scene.good();
        body.as_object_mut().unwrap().remove(field);
        let told = scene.refused_json(&format!("without {field}"), &body, 400, code.clone());
        assert!(told.contains(field), "the message names « {field} »: {told}");
    }
}

#[test]
fn what_is_too_deep_or_too_large_is_refused_before_it_is_read() {
    let mut scene = scene();
    let mut body = scene.good();
    body["x"] = deep(DEPTH_MAX);
    scene.refused_json("one level too deep", &body, 400, ErrorCode::BodyTooDeep);
    scene.refused("100,000 brackets", &[JSON], vec![b'['; 100_000], 400, ErrorCode::BodyTooDeep);
    let squeezed = compressed(&vec![b'['; 1_000_000], None);
    scene.refused("a million brackets, compressed", &[JSON, ZSTD], squeezed, 400, ErrorCode::BodyTooDeep);

    let mut body = scene.good();
    body["x"] = json!("a".repeat(BODY_MAX));
    scene.refused_json("larger than the bound", &body, 413, ErrorCode::BodyTooLarge);

    let mut body = scene.good();
    body["x"] = deep(DEPTH_MAX - 1);
    let answer = scene.machine.say(&[JSON], body.to_string().into_bytes()).unwrap();
    assert_eq!(answer.status, 200, "as deep as allowed: {}", answer.message());
}

#[test]
fn what_is_not_zstd_or_is_a_bomb_is_refused() {
    let mut scene = scene();
    let good = scene.good().to_string().into_bytes();
    let whole = compressed(&good, None);

    scene.refused("plain text called zstd", &[JSON, ZSTD], good.clone(), 400, ErrorCode::BodyNotZstd);
    scene.refused("a cut frame", &[JSON, ZSTD], whole[..whole.len() - 5].to_vec(), 400, ErrorCode::BodyNotZstd);
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle..].iter_mut().for_each(|byte| *byte ^= 0x55);
    let answer = scene.machine.say(&[JSON, ZSTD], flipped).unwrap();
    assert_eq!(answer.status, 400, "a damaged frame: {}", answer.message());
    let wide = compressed(&good, Some(ZSTD_WINDOW_LOG_MAX + 3));
    scene.refused("a window that is too large", &[JSON, ZSTD], wide, 400, ErrorCode::BodyNotZstd);
    let bomb = compressed(&vec![b' '; 20 * BODY_INFLATED_MAX], None);
    assert!(bomb.len() < 100_000, "a bomb is small: {}", bomb.len());
    scene.refused("a bomb", &[JSON, ZSTD], bomb, 413, ErrorCode::BodyTooLarge);

    scene.machine.new_stream();
    let answer = scene.machine.say(&[JSON, ZSTD], compressed(&scene.good().to_string().into_bytes(), None)).unwrap();
    assert_eq!(answer.status, 200, "a true frame is read: {}", answer.message());
    assert_eq!(scene.stored(), [1]);
}

#[test]
fn another_schema_is_told_to_upgrade_and_its_events_stay_with_the_agent() {
    let mut scene = scene();
    for version in [0, 2, 99] {
        let mut body = scene.good();
        body["v"] = json!(version);
        scene.refused_json(&format!("schema {version}"), &body, 426, ErrorCode::SchemaUnsupported);
    }
    // Whatever else is in a message of another schema must not matter.
    scene.refused_json("an unreadable future", &json!({"v": 99, "boot": 7}), 426, ErrorCode::SchemaUnsupported);
}

#[test]
fn numbers_that_contradict_each_other_are_refused() {
    let mut scene = scene();
    let event = |scene: &Scene, seq| scene.machine.resumed(seq, seq);
    let cases: [(&str, u64, u64, Vec<u64>); 5] = [
        ("oldest above next", 5, 3, vec![]),
        ("an event that is not numbered yet", 1, 3, vec![1, 2, 3]),
        ("an event older than the oldest", 5, 8, vec![4, 5]),
        ("decreasing numbers", 1, 4, vec![1, 3, 2]),
        ("a number twice in one call", 1, 3, vec![1, 1, 2]),
    ];
    for (what, oldest, next, numbers) in cases {
        let events = numbers.into_iter().map(|seq| event(&scene, seq)).collect();
        let request = scene.machine.request(oldest, next, events);
        scene.refused(what, &[JSON], serde_json::to_vec(&request).unwrap(), 400, ErrorCode::SequenceInvalid);
    }
}

#[test]
fn repeated_events_count_once() {
    let mut scene = scene();
    let events = |scene: &Scene, numbers: &[u64]| -> Vec<Event> {
        numbers
            .iter()
            .map(|seq| if *seq == 1 { scene.machine.started(1) } else { scene.machine.resumed(*seq, *seq) })
            .collect()
    };
    let all = events(&scene, &[1, 2, 3, 4, 5, 6]);

    let first = scene.machine.request(1, 7, all[..3].to_vec());
    assert_eq!(scene.machine.sync(&first).unwrap().ack, 3);
    assert_eq!(scene.machine.sync(&first).unwrap().ack, 3, "the answer was lost, the call is repeated");
    assert_eq!(scene.stored(), [1, 2, 3]);
    let overlapping = scene.machine.request(1, 7, all[1..5].to_vec());
    assert_eq!(scene.machine.sync(&overlapping).unwrap().ack, 5);
    assert_eq!(scene.stored(), [1, 2, 3, 4, 5]);
    // An old call arrives late: nothing goes backwards.
    assert_eq!(scene.machine.sync(&first).unwrap().ack, 5);

    assert_eq!(scene.gaps(), []);
}

#[test]
fn a_hole_inside_a_call_is_a_gap_and_a_hole_before_it_takes_nothing() {
    let mut scene = scene();
    let event = |scene: &Scene, seq| scene.machine.resumed(seq, seq);

    // The agent gave up summaries in the middle of its spool.
    let numbers = [1, 2, 5].map(|seq| event(&scene, seq)).to_vec();
    assert_eq!(scene.machine.sync(&scene.machine.request(1, 6, numbers)).unwrap().ack, 5);
    assert_eq!((scene.stored(), scene.gaps()), (vec![1, 2, 5], vec![(3, 4)]));

    // Numbers that the agent says it still has, and does not send: the collector asks for them by its acknowledgement.
    scene.machine.new_stream();
    let numbers = [3, 4].map(|seq| event(&scene, seq)).to_vec();
    assert_eq!(scene.machine.sync(&scene.machine.request(1, 5, numbers)).unwrap().ack, 0);
    assert_eq!((scene.stored(), scene.gaps()), (vec![], vec![]));
    let numbers = [1, 2, 3, 4].map(|seq| event(&scene, seq)).to_vec();
    assert_eq!(scene.machine.sync(&scene.machine.request(1, 5, numbers)).unwrap().ack, 4);
    assert_eq!((scene.stored(), scene.gaps()), (vec![1, 2, 3, 4], vec![]));
}

#[test]
fn what_no_longer_exists_becomes_a_gap_and_is_not_waited_for() {
    let mut scene = scene();
    let first = scene.machine.request(1, 3, vec![scene.machine.started(1), scene.machine.resumed(2, 2)]);
    scene.machine.sync(&first).unwrap();

    let request = scene.machine.request(6, 8, vec![scene.machine.resumed(6, 6), scene.machine.resumed(7, 7)]);
    let answer = scene.machine.sync(&request).unwrap();

    assert_eq!(answer.ack, 7);
    assert_eq!(scene.stored(), [1, 2, 6, 7]);
    assert_eq!(scene.gaps(), [(3, 5)]);
    scene.machine.sync(&request).unwrap();
    assert_eq!(scene.gaps(), [(3, 5)], "told twice, lost once");
}

#[test]
fn the_same_number_with_other_content_is_a_finding_about_identity() {
    let mut scene = scene();
    let before = [scene.machine.started(1), scene.machine.resumed(2, 2)];
    scene.machine.sync(&scene.machine.request(1, 3, before.to_vec())).unwrap();
    let kept = scene.store.findings(&scene.machine.machine).unwrap();
    assert_eq!(kept, Vec::<String>::new());

    let other = scene.machine.request(1, 4, vec![scene.machine.resumed(2, 777), scene.machine.resumed(3, 3)]);
    let answer = scene.machine.call(&other).unwrap();

    assert!(answer.status == 200 || answer.code() == Some(ErrorCode::SequenceInvalid), "{}", answer.message());
    assert_eq!(scene.store.findings(&scene.machine.machine).unwrap().len(), 1);
    let again = scene.machine.call(&other).unwrap();
    assert_eq!(again.status, answer.status);
    assert_eq!(scene.store.findings(&scene.machine.machine).unwrap().len(), 1, "noticed once");
    scene.machine.new_stream();
    scene.machine.heartbeat(1).unwrap();
}

#[test]
fn events_from_the_future_are_dated_at_their_receipt_at_the_latest() {
    let mut scene = scene();
    let mut event = scene.machine.started(1);
    event.up_ms += 86_400_000;
    event.wall_ms += 86_400_000;
    let mut old = scene.machine.resumed(2, 2);
    old.wall_ms = 1_262_304_000_000; // 1 January 2010: a dead battery.

    scene.machine.sync(&scene.machine.request(1, 3, vec![event, old])).unwrap();

    let dated = scene.store.event_times(&scene.machine.machine).unwrap();
    let now = now_ms();
    assert_eq!(dated.len(), 2);
    for at in dated {
        assert!(at <= now && at > now - 60_000, "an event of this minute is dated {} s away", (at - now) / 1000);
    }
}

#[test]
fn one_unreadable_event_never_refuses_the_others() {
    let mut scene = scene();
    let mut request = scene.machine.request(1, 4, vec![scene.machine.started(1)]);
    let strange = json!({"seq": 2, "boot": scene.machine.boot, "up_ms": scene.machine.up_ms(), "wall_ms": now_ms(),
        "kind": "of_the_future", "new": {"deep": [1, 2]}});
    request.events.push(serde_json::value::to_raw_value(&strange).unwrap());
    request.events.push(raw(&scene.machine.resumed(3, 3)));

    assert_eq!(scene.machine.sync(&request).unwrap().ack, 3);
    assert_eq!(scene.stored(), [1, 2, 3], "what is not understood is kept as it came");
}

#[test]
fn sections_are_asked_for_stored_as_sent_and_asked_for_once() {
    let mut scene = scene();
    let known = Outcome::Complete { data: OperatingSystem { family: "linux".into(), ..OperatingSystem::default() } };
    // Spaces are no accident: the bytes are kept as sent.
    let bodies = [
        (section::name::OPERATING_SYSTEM, serde_json::to_string(&known).unwrap().replacen(':', ": ", 1)),
        ("section-of-the-future", r#"{"outcome":"complete","data":{"x":[1]}}"#.to_owned()),
    ];
    let digests = bodies.iter().map(|(name, body)| ((*name).to_owned(), Digest::of(body.as_bytes()))).collect();
    let mut request: SyncRequest = scene.machine.request(1, 1, vec![]);
    request.inventory = Some(Digest::of_sections(&digests));

    assert_eq!(scene.machine.sync(&request).unwrap().want, Some(Want::Digests));
    request.digests = Some(digests);
    let mut names: Vec<String> = bodies.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort();
    let Some(Want::Sections(mut wanted)) = scene.machine.sync(&request).unwrap().want else {
        panic!("bodies are wanted")
    };
    wanted.sort();
    assert_eq!(wanted, names);
    request.digests = None;
    for (name, body) in &bodies {
        let raw = serde_json::value::RawValue::from_string(body.clone()).unwrap();
        request.sections.insert((*name).to_owned(), raw);
    }
    assert_eq!(scene.machine.sync(&request).unwrap().want, None);
    request.sections.clear();
    assert_eq!(scene.machine.sync(&request).unwrap().want, None, "the whole digest is known now");
    for (name, body) in bodies {
        assert_eq!(scene.store.section_body(&scene.machine.machine, name).unwrap(), Some(body));
    }
}
