//! Compares what the agents know to be true with what the collector has stored. Pure.

use super::journal::Truth;
use super::stored::{Event, Stored};
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::id::{MachineId, StreamId};

/// Most problems that are put into words.
const WORDS: usize = 40;

/// What came of the comparison. Everything after the first four should be 0 or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Numbered events whose acknowledgement an agent saw.
    pub acknowledged: u64,
    /// Numbered events that were on an agent's disk, acknowledged or not.
    pub durable: u64,
    /// Numbered events that a full disk refused at first.
    pub refused: u64,
    /// Numbered events in the store.
    pub stored: u64,
    /// Acknowledged or durable events that are not in the store as they were spooled, and not declared lost either if
    /// they were only durable.
    pub lost: u64,
    /// Durable events that no longer existed and were declared lost by a gap or a loss event.
    pub declared_lost: u64,
    /// Numbers, sequence numbers or their effects that are in the store more than once.
    pub applied_twice: u64,
    /// Anything else that contradicts the truth: unknown numbers, findings, holes without a word, wrong counts.
    pub contradictions: u64,
    /// The problems in words, a bounded number of them.
    pub words: Vec<String>,
}

impl Verdict {
    fn say(&mut self, text: String) {
        if self.words.len() < WORDS {
            self.words.push(text);
        }
    }
}

/// Judges every machine.
pub fn judge(truths: &BTreeMap<MachineId, Truth>, stored: &Stored) -> Verdict {
    let mut verdict = Verdict::default();
    for (machine, truth) in truths {
        let events: Vec<&Event> = stored.events.iter().filter(|event| event.machine == *machine).collect();
        verdict.refused += truth.refused;
        losses(&mut verdict, *machine, truth, &events, stored);
        repetitions(&mut verdict, *machine, truth, &events, stored);
        holes(&mut verdict, *machine, &events, stored);
    }
    if stored.counted_events != stored.events.len() as u64 {
        verdict.contradictions += 1;
        let (counted, rows) = (stored.counted_events, stored.events.len());
        verdict.say(format!("the collector counts {counted} events and has {rows}"));
    }
    for finding in &stored.findings {
        verdict.contradictions += 1;
        verdict.say(format!("finding: {finding}"));
    }
    verdict
}

/// What must be there, byte for byte.
fn losses(verdict: &mut Verdict, machine: MachineId, truth: &Truth, events: &[&Event], stored: &Stored) {
    let by_place: BTreeMap<(StreamId, u64), &Event> =
        events.iter().map(|event| ((event.stream, event.seq), *event)).collect();
    // What loss events admit, each good for one event that is on no other list.
    let mut admitted: u64 = events.iter().map(|event| event.admits).sum();
    for (&(stream, seq), known) in &truth.events {
        verdict.acknowledged += u64::from(known.acknowledged);
        verdict.durable += u64::from(known.durable);
        if !known.acknowledged && !known.durable {
            continue;
        }
        match by_place.get(&(stream, seq)) {
            Some(event) if event.digest == known.digest && event.number == Some(known.number) => continue,
            Some(_) => {
                verdict.lost += 1;
                verdict
                    .say(format!("{machine} {stream} {seq}: number {} has other content in the store", known.number));
            }
            None if !known.acknowledged && stored.is_gap(machine, stream, seq) => verdict.declared_lost += 1,
            None if !known.acknowledged && admitted > 0 => {
                admitted -= 1;
                verdict.declared_lost += 1;
            }
            None => {
                verdict.lost += 1;
                let what = if known.acknowledged { "acknowledged" } else { "durable" };
                verdict.say(format!("{machine} {stream} {seq}: number {}, {what}, is not in the store", known.number));
            }
        }
    }
}

/// What must be there once.
fn repetitions(verdict: &mut Verdict, machine: MachineId, truth: &Truth, events: &[&Event], stored: &Stored) {
    let (mut places, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for event in events {
        let mut twice = !places.insert((event.stream, event.seq));
        if let Some(number) = event.number {
            verdict.stored += 1;
            twice |= !numbers.insert(number);
            if !truth.intended.contains(&number) {
                verdict.contradictions += 1;
                verdict.say(format!("{machine} {} {}: number {number} was never made", event.stream, event.seq));
            }
        }
        if twice {
            verdict.applied_twice += 1;
            verdict.say(format!("{machine} {} {}: stored a second time ({:?})", event.stream, event.seq, event.number));
        }
    }
    for number in numbers.iter().filter(|number| !number.is_multiple_of(3)) {
        let rows = stored.samples.get(&(machine, *number)).copied().unwrap_or(0);
        if rows > 1 {
            verdict.applied_twice += 1;
        } else if rows == 0 {
            verdict.lost += 1;
        }
        if rows != 1 {
            verdict.say(format!("{machine}: the value of number {number} is stored {rows} times"));
        }
    }
}

/// Streams whose start is not one, and settled numbers that are neither stored nor known to be lost.
fn holes(verdict: &mut Verdict, machine: MachineId, events: &[&Event], stored: &Stored) {
    for ((of, stream), cursor) in stored.cursors.iter().filter(|((of, _), _)| *of == machine) {
        let there: BTreeSet<u64> = events.iter().filter(|e| e.stream == *stream).map(|e| e.seq).collect();
        for seq in (1..=*cursor).filter(|seq| !there.contains(seq) && !stored.is_gap(*of, *stream, *seq)) {
            verdict.contradictions += 1;
            verdict.say(format!("{of} {stream} {seq}: settled, and neither stored nor known to be lost"));
        }
        let beyond = there.iter().filter(|seq| *seq > cursor).count();
        if beyond > 0 {
            verdict.contradictions += 1;
            verdict.say(format!("{of} {stream}: {beyond} events beyond the cursor {cursor}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::journal::{Line, Spooled};
    use super::*;
    use vigie_shared::digest::Digest;

    /// One machine, one stream: numbers 1 to 4 at sequence numbers 2 to 5, of which 1 to 3 are acknowledged and 4 is
    /// durable only.
    fn world() -> (MachineId, StreamId, BTreeMap<MachineId, Truth>, Stored) {
        let (machine, stream) = (MachineId::new(), StreamId::new());
        let digest = |number: u64| Digest::of(&number.to_le_bytes());
        let mut truth = Truth::default();
        let mut stored = Stored::default();
        truth.learn(Line::Started(stream));
        let row = |seq, number: Option<u64>| Event {
            machine,
            stream,
            seq,
            digest: digest(number.unwrap_or(0)),
            number,
            admits: 0,
        };
        stored.events.push(row(1, None));
        for number in 1..=4 {
            truth.learn(Line::Intended(number));
            truth.learn(Line::Spooled(Spooled { number, seq: number + 1, digest: digest(number), durable: true }));
            stored.events.push(row(number + 1, Some(number)));
            if number != 3 {
                stored.samples.insert((machine, number), 1);
            }
        }
        truth.learn(Line::Acknowledged { stream, first: 1, last: 4 });
        stored.cursors.insert((machine, stream), 5);
        stored.counted_events = 5;
        (machine, stream, BTreeMap::from([(machine, truth)]), stored)
    }

    fn without(stored: &mut Stored, seq: u64) {
        stored.events.retain(|event| event.seq != seq);
        stored.samples.retain(|(_, number), _| number + 1 != seq);
        stored.counted_events = stored.events.len() as u64;
    }

    #[test]
    fn a_store_that_agrees_is_found_good() {
        let (_, _, truths, stored) = world();
        let verdict = judge(&truths, &stored);
        assert_eq!(verdict, Verdict { acknowledged: 3, durable: 4, stored: 4, ..Verdict::default() });
    }

    #[test]
    fn an_acknowledged_event_that_is_missing_is_lost_whatever_is_declared() {
        let (machine, stream, truths, mut stored) = world();
        without(&mut stored, 3);
        stored.gaps.push((machine, stream, 3, 3));
        stored.events[0].admits = 10;
        let verdict = judge(&truths, &stored);
        assert_eq!((verdict.lost, verdict.declared_lost, verdict.contradictions), (1, 0, 0), "{verdict:?}");
    }

    #[test]
    fn a_durable_event_that_is_missing_is_lost_unless_that_was_declared() {
        let (machine, stream, truths, mut stored) = world();
        without(&mut stored, 5);
        let silent = judge(&truths, &stored);
        assert_eq!((silent.lost, silent.declared_lost), (1, 0));
        assert_eq!(silent.contradictions, 1, "and its number is settled without a word");

        let mut gap = stored.clone();
        gap.gaps.push((machine, stream, 5, 5));
        let verdict = judge(&truths, &gap);
        assert_eq!((verdict.lost, verdict.declared_lost, verdict.contradictions), (0, 1, 0));

        stored.events[0].admits = 1;
        assert_eq!(judge(&truths, &stored).lost, 0);
    }

    #[test]
    fn other_content_under_the_same_number_is_a_loss() {
        let (_, _, truths, mut stored) = world();
        stored.events[2].digest = Digest::of(b"something else");
        assert_eq!(judge(&truths, &stored).lost, 1);
    }

    #[test]
    fn whatever_is_there_a_second_time_is_found() {
        let (machine, stream, truths, stored) = world();
        let mut row = stored.clone();
        row.events.push(row.events[2].clone());
        row.counted_events += 1;
        assert_eq!(judge(&truths, &row).applied_twice, 1);

        let mut number = stored.clone();
        number.events.push(Event { seq: 6, ..number.events[2].clone() });
        number.cursors.insert((machine, stream), 6);
        number.counted_events += 1;
        assert_eq!(judge(&truths, &number).applied_twice, 1, "the same number under another sequence number");

        let mut value = stored;
        value.samples.insert((machine, 1), 2);
        assert_eq!(judge(&truths, &value).applied_twice, 1);
    }

    #[test]
    fn a_value_that_is_missing_an_unknown_number_a_finding_and_a_wrong_count_are_found() {
        let (machine, _, truths, stored) = world();
        let mut value = stored.clone();
        value.samples.remove(&(machine, 1));
        assert_eq!(judge(&truths, &value).lost, 1);

        let mut wrong = stored;
        wrong.events[0].number = Some(99);
        wrong.samples.insert((machine, 99), 1);
        wrong.findings.push("same_number_other_content".to_owned());
        wrong.counted_events = 7;
        assert_eq!(judge(&truths, &wrong).contradictions, 3);
    }
}
