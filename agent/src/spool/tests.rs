//! The promises of the spool, under accidents.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use vigie_shared::event::{GoodbyeReason, Sample};

fn now() -> Moment {
    Moment { boot: "0123456789abcdef0123456789abcdef".parse().unwrap(), up_ms: 1000, wall_ms: 1_795_446_879_000 }
}

fn goodbye() -> Fact {
    Fact::Goodbye { reason: GoodbyeReason::Shutdown }
}

fn samples() -> Fact {
    let sample = Sample { metric: "volume_free_bytes".into(), instance: "/".into(), value: 1.5 };
    Fact::Samples { values: vec![sample; 3] }
}

fn events(batch: &Batch) -> Vec<Event> {
    batch.events.iter().map(|raw| serde_json::from_str(raw.get()).unwrap()).collect()
}

fn seqs(batch: &Batch) -> Vec<u64> {
    events(batch).iter().map(|e| e.seq).collect()
}

fn everything(spool: &Spool) -> Batch {
    spool.batch(usize::MAX, u64::MAX)
}

#[test]
fn events_survive_a_restart_and_older_streams_drain_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), Limits::default());
    let first = spool.stream();
    spool.append(now(), goodbye());
    spool.append(now(), samples());
    drop(spool);

    let mut spool = Spool::open(folder.path(), Limits::default());
    spool.append(now(), goodbye());
    let batch = everything(&spool);
    assert_eq!((batch.stream, batch.oldest, batch.next, batch.complete), (first, 1, 3, false));
    assert_eq!(seqs(&batch), [1, 2]);

    spool.acknowledge(first, 2);
    let batch = everything(&spool);
    assert_eq!((batch.stream, seqs(&batch), batch.complete), (spool.stream(), vec![1], true));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the drained stream's file is gone");
}

#[test]
fn an_empty_spool_says_what_comes_next() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), Limits::default());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is written before something happens");
    for _ in 0..3 {
        spool.append(now(), goodbye());
    }
    spool.acknowledge(spool.stream(), 3);

    let batch = everything(&spool);
    assert_eq!((batch.oldest, batch.next, batch.events.len(), batch.complete), (4, 4, 0, true));
    assert_eq!(spool.append(now(), goodbye()), 4);
}

#[test]
fn a_partial_acknowledgement_is_remembered_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), Limits::default());
    for _ in 0..10 {
        spool.append(now(), goodbye());
    }
    spool.acknowledge(spool.stream(), 7);
    spool.append(now(), goodbye());
    assert_eq!(seqs(&everything(&spool)), [8, 9, 10, 11]);
    drop(spool);

    let spool = Spool::open(folder.path(), Limits::default());
    assert_eq!(seqs(&everything(&spool)), [8, 9, 10, 11]);
    assert_eq!(seqs(&spool.batch(2, u64::MAX)), [8, 9]);
    assert_eq!(seqs(&spool.batch(9, 1)), [8], "one event at least");
}

#[test]
fn a_full_spool_gives_up_summaries_first_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), Limits { disk: 20_000, ..Limits::default() });
    let mut transitions = 0;
    for n in 0..200 {
        spool.append(now(), if n % 4 == 0 { goodbye() } else { samples() });
        transitions += u64::from(n % 4 == 0);
    }

    assert!(spool.fill().bytes <= 20_000, "{:?}", spool.fill());
    let kept = events(&everything(&spool));
    let still = kept.iter().filter(|e| matches!(e.fact, Fact::Goodbye { .. })).count() as u64;
    let (mut lost_summaries, mut lost_transitions) = (0, 0);
    for event in &kept {
        if let Fact::Loss { summaries, transitions, .. } = &event.fact {
            lost_summaries += summaries;
            lost_transitions += transitions;
        }
    }
    let kept_summaries = kept.iter().filter(|e| e.fact.is_summary()).count() as u64;
    assert_eq!((still, lost_transitions), (transitions, 0), "transitions were spared");
    assert_eq!(kept_summaries + lost_summaries, 150);
    assert!(kept.windows(2).all(|two| two[0].seq < two[1].seq));
    assert_eq!(spool.problem(), None);
}

#[test]
fn transitions_go_last_and_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), Limits { disk: 5_000, ..Limits::default() });
    for _ in 0..100 {
        spool.append(now(), goodbye());
    }
    let kept = events(&everything(&spool));
    let lost: u64 =
        kept.iter().map(|e| if let Fact::Loss { transitions, .. } = e.fact { transitions } else { 0 }).sum();
    let left = kept.iter().filter(|e| matches!(e.fact, Fact::Goodbye { .. })).count() as u64;
    assert_eq!(lost + left, 100);
    assert!(spool.fill().bytes <= 5_000);
}

#[test]
fn a_report_of_losses_that_is_given_up_passes_on_what_it_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), Limits { disk: 1_200, ..Limits::default() });
    for _ in 0..100 {
        spool.append(now(), goodbye());
    }
    let kept = events(&everything(&spool));
    let reports = kept.iter().filter(|e| matches!(e.fact, Fact::Loss { .. })).count() as u64;
    let lost: u64 =
        kept.iter().map(|e| if let Fact::Loss { transitions, .. } = e.fact { transitions } else { 0 }).sum();
    assert!(spool.current.next - 1 - 100 > reports, "some reports were given up: {kept:?}");
    assert_eq!(lost + (kept.len() as u64 - reports), 100);
}

#[test]
fn a_full_disk_keeps_events_in_memory_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), Limits::default());
    spool.append(now(), goodbye());
    spool.current.capacity = Some(300);
    for _ in 0..5 {
        spool.append(now(), goodbye());
    }
    assert!(spool.problem().unwrap().contains("only in memory"), "{:?}", spool.problem());
    assert!(spool.fill().bytes_in_memory > 0);
    assert_eq!(seqs(&everything(&spool)), [1, 2, 3, 4, 5, 6]);

    spool.current.capacity = None;
    spool.settle();
    assert_eq!((spool.problem(), spool.fill().bytes_in_memory), (None, 0));
    drop(spool);
    assert_eq!(seqs(&everything(&Spool::open(folder.path(), Limits::default()))), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn an_unusable_folder_is_said_and_memory_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, b"in the way").unwrap();
    let mut spool = Spool::open(&blocked.join("spool"), Limits { memory: 4_000, ..Limits::default() });
    assert!(spool.problem().is_some());
    for _ in 0..100 {
        spool.append(now(), goodbye());
    }
    assert!(spool.fill().bytes_in_memory <= 4_500, "{:?}", spool.fill());
    let kept = events(&everything(&spool));
    let lost: u64 =
        kept.iter().map(|e| if let Fact::Loss { transitions, .. } = e.fact { transitions } else { 0 }).sum();
    let left = kept.iter().filter(|e| matches!(e.fact, Fact::Goodbye { .. })).count() as u64;
    assert_eq!(lost + left, 100);
    spool.acknowledge(spool.stream(), u64::MAX);
    assert_eq!(spool.fill().events, 0);
}

#[test]
fn a_folder_wiped_while_running_is_a_reported_loss() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), Limits::default());
    spool.append(now(), goodbye());
    spool.append(now(), goodbye());
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    spool.append(now(), goodbye());
    let kept = events(&everything(&spool));
    assert_eq!(kept[0].seq, 3);
    assert!(matches!(kept[1].fact, Fact::Loss { transitions: 2, .. }), "{kept:?}");
}

#[test]
fn streams_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { streams: 3, ..Limits::default() };
    for _ in 0..10 {
        Spool::open(folder.path(), limits).append(now(), goodbye());
    }
    assert!(Spool::open(folder.path(), limits).older.len() < 3);
}

/// What may happen to a spool.
#[derive(Debug, Clone)]
enum Step {
    Append {
        summary: bool,
    },
    Acknowledge {
        part: u8,
    },
    /// The process is killed while it appends, after this share of the record's bytes.
    KilledWhileAppending {
        share: u8,
    },
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => any::<bool>().prop_map(|summary| Step::Append { summary }),
        3 => any::<u8>().prop_map(|part| Step::Acknowledge { part }),
        1 => any::<u8>().prop_map(|share| Step::KilledWhileAppending { share }),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..60)
}

/// The file of the current stream.
fn current_file(folder: &Path, spool: &Spool) -> PathBuf {
    let name = spool.stream().to_string();
    list(folder).into_iter().find(|(_, id, _)| id.to_string() == name).map(|(_, _, path)| path).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// A collector with one cursor a stream sees every appended event once, or is told how many are missing.
    #[test]
    fn nothing_is_lost_unsaid_and_nothing_counts_twice(steps in steps(), small in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { disk: if small { 3_000 } else { 1 << 20 }, ..Limits::default() };
        let mut spool = Spool::open(folder.path(), limits);
        let mut appended = 0u64;
        let mut torn = 0u64;
        let mut stored: BTreeMap<(StreamId, u64), String> = BTreeMap::new();
        let mut cursors: BTreeMap<StreamId, u64> = BTreeMap::new();
        let mut reported = 0u64;
        let mut receive = |spool: &mut Spool, most: usize| -> Result<(), TestCaseError> {
            let batch = spool.batch(most.max(1), 4_000);
            let cursor = cursors.entry(batch.stream).or_insert(0);
            *cursor = (*cursor).max(batch.oldest - 1);
            for (event, raw) in events(&batch).iter().zip(&batch.events) {
                let before = stored.get(&(batch.stream, event.seq));
                if event.seq > *cursor {
                    *cursor = event.seq;
                    stored.insert((batch.stream, event.seq), raw.get().to_owned());
                } else if let Some(before) = before {
                    prop_assert_eq!(before.as_str(), raw.get(), "the same number with other content");
                }
            }
            spool.acknowledge(batch.stream, *cursor);
            Ok(())
        };
        for step in steps {
            match step {
                Step::Append { summary } => {
                    spool.append(now(), if summary { samples() } else { goodbye() });
                    appended += 1;
                }
                Step::Acknowledge { part } => receive(&mut spool, usize::from(part) % 12)?,
                Step::Restart => {
                    drop(spool);
                    spool = Spool::open(folder.path(), limits);
                }
                Step::KilledWhileAppending { share } => {
                    let before = spool.current.on_disk();
                    let seq = spool.append(now(), goodbye());
                    let after = spool.current.on_disk();
                    // Only the plain append is cut here; a thinning replaces the file in one step.
                    if seq == spool.current.next - 1 && after > before {
                        let keep = before + (after - before - 1) * u64::from(share) / 255;
                        let path = current_file(folder.path(), &spool);
                        OpenOptions::new().write(true).open(path).unwrap().set_len(keep).unwrap();
                        torn += u64::from(keep > before);
                        appended += u64::from(keep > before);
                    } else {
                        appended += 1;
                    }
                    drop(spool);
                    spool = Spool::open(folder.path(), limits);
                }
            }
        }
        spool.append(now(), goodbye());
        appended += 1;
        for _ in 0..400 {
            if spool.fill().events == 0 {
                break;
            }
            receive(&mut spool, 50)?;
        }
        prop_assert_eq!(spool.fill().events, 0, "everything drains");
        let mut real = 0u64;
        for text in stored.values() {
            match serde_json::from_str::<Event>(text).unwrap().fact {
                Fact::Loss { summaries, transitions, .. } => reported += summaries + transitions,
                _ => real += 1,
            }
        }
        // A loss may be reported that did not happen (killed in between); a dropped report passes on what it counted.
        prop_assert!(real + reported >= appended, "{} stored + {} reported < {}", real, reported, appended);
        prop_assert!(real <= appended);
        if !small {
            prop_assert_eq!((real, reported), (appended - torn, torn));
        }
    }
}
