//! Cursors of streams: which events of a call are new, which are known, which will never come.
//!
//! A stream is a log numbered from 1. The collector keeps one cursor per (machine, stream): everything up to it is
//! settled, stored or written down as a gap. An agent keeps what is not acknowledged and sends it in order, so:
//!
//! * what lies below `oldest` no longer exists: the cursor moves to `max(cursor, oldest − 1)` and what was skipped is a
//!   gap;
//! * a hole *between* two events of one call is a gap too. When its spool is full an agent gives summaries up in the
//!   middle of the log; a hole that were refused, or acknowledged only up to, would block that agent for ever;
//! * a hole *before* the first event, at or above `oldest`, is what the agent believes settled and the collector does
//!   not know (a database restored from a backup): nothing of the call is taken, the acknowledgement stays at the
//!   cursor, and the agent goes on from there;
//! * numbers up to the cursor are settled: the caller compares their content with what is stored. Other content under the
//!   same number is an identity finding, not a duplicate.

use std::collections::BTreeSet;

/// What to do with the events of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Ranges of numbers, both ends included, that no longer exist anywhere; in increasing order.
    pub gaps: Vec<(u64, u64)>,
    /// Numbers to store, all above the old cursor.
    pub accept: BTreeSet<u64>,
    /// Numbers that were settled before.
    pub duplicates: BTreeSet<u64>,
    /// The cursor afterwards: all numbers up to it are stored or in a gap.
    pub cursor: u64,
    /// What is acknowledged: the cursor, but never a number that the agent has yet to give (a machine set back to a
    /// snapshot would forget new events under old numbers).
    pub ack: u64,
}

/// Why the numbers of a call contradict each other. The message names the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// Numbers start at 1.
    #[error("oldest: event numbers start at 1, not {0}")]
    FromZero(u64),
    /// `next` lies before `oldest`.
    #[error("next: {next} is below oldest, {oldest}: next is the number that the coming event will get")]
    NextBelowOldest {
        /// As sent.
        oldest: u64,
        /// As sent.
        next: u64,
    },
    /// A number that cannot be kept.
    #[error("next: {0} is beyond the largest number, 2^63 − 1")]
    TooLarge(u64),
    /// Out of order, or twice in one call.
    #[error("events: seq {seq} comes after seq {before}: events are sent in increasing order, each once")]
    Order {
        /// The offending number.
        seq: u64,
        /// The number before it.
        before: u64,
    },
    /// Below what is said to exist.
    #[error("events: seq {seq} is below oldest, {oldest}, which is said to be the lowest that exists")]
    BelowOldest {
        /// The offending number.
        seq: u64,
        /// As sent.
        oldest: u64,
    },
    /// From the future.
    #[error("events: seq {seq} is not below next, {next}: it was not given yet")]
    FromTheFuture {
        /// The offending number.
        seq: u64,
        /// As sent.
        next: u64,
    },
}

/// Plans one call. `cursor` is the stored one, `None` for a stream never seen; `seqs` are as sent.
pub fn plan(cursor: Option<u64>, oldest: u64, next: u64, seqs: &[u64]) -> Result<Plan, SequenceError> {
    verify(oldest, next, seqs)?;
    let old = cursor.unwrap_or(0);
    let mut plan = Plan { gaps: vec![], accept: BTreeSet::new(), duplicates: BTreeSet::new(), cursor: old, ack: 0 };
    if oldest - 1 > plan.cursor {
        plan.gaps.push((plan.cursor + 1, oldest - 1));
        plan.cursor = oldest - 1;
    }
    let (known, new): (Vec<u64>, Vec<u64>) = seqs.iter().partition(|seq| **seq <= old);
    plan.duplicates = known.into_iter().collect();
    // The log goes on from the cursor, or from an event of this call that is already settled.
    let joins = !plan.duplicates.is_empty() || new.first().is_none_or(|first| *first == plan.cursor + 1);
    if joins {
        for seq in new {
            if seq > plan.cursor + 1 {
                plan.gaps.push((plan.cursor + 1, seq - 1));
            }
            plan.accept.insert(seq);
            plan.cursor = seq;
        }
    }
    plan.ack = plan.cursor.min(next - 1);
    Ok(plan)
}

fn verify(oldest: u64, next: u64, seqs: &[u64]) -> Result<(), SequenceError> {
    if oldest == 0 {
        return Err(SequenceError::FromZero(oldest));
    }
    if next < oldest {
        return Err(SequenceError::NextBelowOldest { oldest, next });
    }
    if i64::try_from(next).is_err() {
        return Err(SequenceError::TooLarge(next));
    }
    let mut before = None;
    for &seq in seqs {
        if seq < oldest {
            return Err(SequenceError::BelowOldest { seq, oldest });
        }
        if seq >= next {
            return Err(SequenceError::FromTheFuture { seq, next });
        }
        if let Some(before) = before.filter(|before| seq <= *before) {
            return Err(SequenceError::Order { seq, before });
        }
        before = Some(seq);
    }
    Ok(())
}

/// Numbers of events of which some cannot be read: a missing one is taken to follow its neighbour.
pub fn numbers(read: &[Option<u64>], oldest: u64) -> Vec<u64> {
    let mut follows = oldest;
    let mut all = Vec::with_capacity(read.len());
    for seq in read {
        let seq = seq.unwrap_or(follows);
        follows = seq.saturating_add(1);
        all.push(seq);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_new_stream_is_taken_from_its_first_event() {
        let plan = plan(None, 1, 4, &[1, 2, 3]).unwrap();
        assert_eq!((plan.ack, plan.gaps, plan.accept.len()), (3, vec![], 3));
    }

    #[test]
    fn what_no_longer_exists_is_a_gap_and_nothing_waits_for_it() {
        let plan = plan(Some(4), 9, 11, &[9, 10]).unwrap();
        assert_eq!((plan.ack, plan.gaps), (10, vec![(5, 8)]));
    }

    #[test]
    fn an_empty_spool_settles_everything() {
        let plan = plan(Some(4), 9, 9, &[]).unwrap();
        assert_eq!((plan.ack, plan.gaps), (8, vec![(5, 8)]));
    }

    #[test]
    fn summaries_given_up_in_the_middle_are_a_gap() {
        let plan = plan(Some(4), 5, 9, &[5, 8]).unwrap();
        assert_eq!((plan.ack, plan.gaps, plan.accept), (8, vec![(6, 7)], BTreeSet::from([5, 8])));
    }

    #[test]
    fn a_collector_restored_from_a_backup_asks_for_what_it_lacks() {
        let plan = plan(Some(4), 3, 9, &[7, 8]).unwrap();
        assert_eq!((plan.ack, plan.gaps, plan.accept.len()), (4, vec![], 0));
    }

    #[test]
    fn a_lost_answer_makes_duplicates_and_the_rest_is_new() {
        let plan = plan(Some(6), 5, 9, &[5, 6, 7, 8]).unwrap();
        assert_eq!((plan.ack, plan.duplicates, plan.accept), (8, BTreeSet::from([5, 6]), BTreeSet::from([7, 8])));
    }

    #[test]
    fn a_machine_set_back_is_never_acknowledged_numbers_it_has_yet_to_give() {
        let plan = plan(Some(9), 4, 6, &[4, 5]).unwrap();
        assert_eq!((plan.cursor, plan.ack, plan.duplicates), (9, 5, BTreeSet::from([4, 5])));
    }

    #[test]
    fn contradictions_name_the_field() {
        let cases: [(u64, u64, &[u64], &str); 6] = [
            (0, 1, &[], "oldest:"),
            (5, 4, &[], "next:"),
            (1, u64::MAX, &[], "next:"),
            (1, 9, &[2, 2], "events: seq 2 comes after"),
            (3, 9, &[2], "events: seq 2 is below oldest"),
            (3, 9, &[9], "events: seq 9 is not below next"),
        ];
        for (oldest, next, seqs, words) in cases {
            let error = plan(Some(1), oldest, next, seqs).unwrap_err().to_string();
            assert!(error.starts_with(words), "{error}");
        }
    }

    #[test]
    fn an_unreadable_number_follows_its_neighbour() {
        assert_eq!(numbers(&[None, Some(7), None, Some(9)], 6), [6, 7, 8, 9]);
    }

    /// What an honest agent and a lossy network do.
    #[derive(Debug, Clone)]
    enum Step {
        Append(u8),
        GiveUp(prop::sample::Index),
        Send { most: u8, answer_lost: bool },
        Replay(prop::sample::Index),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1u8..5).prop_map(Step::Append),
            any::<prop::sample::Index>().prop_map(Step::GiveUp),
            (1u8..6, any::<bool>()).prop_map(|(most, answer_lost)| Step::Send { most, answer_lost }),
            any::<prop::sample::Index>().prop_map(Step::Replay),
        ]
    }

    proptest! {
        #[test]
        fn each_number_is_stored_once_and_none_is_acknowledged_that_was_not_settled(steps in prop::collection::vec(step(), 1..80)) {
            let mut spool: BTreeSet<u64> = BTreeSet::new();
            let (mut next, mut cursor, mut given_up) = (1u64, None, BTreeSet::new());
            let (mut stored, mut gaps, mut sent) = (BTreeSet::new(), BTreeSet::new(), vec![]);
            for step in steps {
                let call = match step {
                    Step::Append(n) => {
                        spool.extend(next..next + u64::from(n));
                        next += u64::from(n);
                        continue;
                    }
                    Step::GiveUp(at) => {
                        if !spool.is_empty() {
                            let lost = *at.get(&spool.iter().copied().collect::<Vec<_>>());
                            spool.remove(&lost);
                            given_up.insert(lost);
                        }
                        continue;
                    }
                    Step::Send { most, answer_lost } => {
                        let seqs: Vec<u64> = spool.iter().copied().take(most.into()).collect();
                        let call = (seqs.first().copied().unwrap_or(next), next, seqs);
                        sent.push(call.clone());
                        (call, answer_lost)
                    }
                    Step::Replay(at) if !sent.is_empty() => (at.get(&sent).clone(), true),
                    Step::Replay(_) => continue,
                };
                let ((oldest, next, seqs), answer_lost) = call;
                let plan = plan(cursor, oldest, next, &seqs).unwrap();
                for seq in &plan.accept {
                    prop_assert!(stored.insert(*seq), "{seq} stored twice");
                }
                for (first, last) in &plan.gaps {
                    for seq in *first..=*last {
                        prop_assert!(gaps.insert(seq) && !stored.contains(&seq), "{seq} is a gap twice, or stored");
                    }
                }
                prop_assert!(Some(plan.cursor) >= cursor, "the cursor went back");
                prop_assert!((1..=plan.cursor).all(|seq| stored.contains(&seq) || gaps.contains(&seq)));
                prop_assert!(plan.ack <= plan.cursor && plan.ack < next);
                cursor = Some(plan.cursor);
                if !answer_lost {
                    spool.retain(|seq| *seq > plan.ack);
                }
            }
            prop_assert!(gaps.is_subset(&given_up), "a gap that the agent never gave up");
        }

        #[test]
        fn any_numbers_are_answered_and_settle_every_number_up_to_the_cursor_once(
            cursor in prop::option::of(0u64..40), oldest in 0u64..40, next in 0u64..40,
            seqs in prop::collection::vec(0u64..40, 0..12),
        ) {
            if let Ok(plan) = plan(cursor, oldest, next, &seqs) {
                let old = cursor.unwrap_or(0);
                let mut settled: Vec<u64> = plan.gaps.iter().flat_map(|(a, b)| *a..=*b).collect();
                settled.extend(&plan.accept);
                settled.sort_unstable();
                prop_assert_eq!(settled, (old + 1..=plan.cursor).collect::<Vec<_>>());
                prop_assert!(plan.duplicates.iter().all(|seq| *seq <= old));
            }
        }
    }
}
