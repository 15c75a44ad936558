//! Confirmation: how many looks in a row must agree before a change is believed, and when the change began.
//!
//! Pure. Times are milliseconds of the boot clock (suspend included); the wall clock is only carried along. Rules:
//! - The first look is believed at once: there is no earlier state to protect.
//! - Another *state* is believed after `needed` looks in a row with that state. It is dated at the first of them and
//!   carries the reason and evidence of the last, the best informed.
//!   Where looks contradict each other easily ([`Rule::one_reason`]) they must agree in their reason as well.
//! - Another *reason* within the same state is a change too, because causes matter: it needs `needed` looks in a row
//!   with exactly that reason.
//! - The bracket is the time from the last look that still agreed with the old belief to the date of the change. Two
//!   looks further apart than `gap_max_ms` mean that the machine slept or the process stood still: what is pending
//!   starts again, and the bracket is unknown.

use vigie_shared::check::{CheckResult, CheckState, Reason};

/// When a look was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since boot, suspend included.
    pub up_ms: u64,
    /// Wall clock, milliseconds since 1970: carried, never used.
    pub wall_ms: i64,
}

/// How sceptical to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Looks in a row that must agree; 0 counts as 1.
    pub needed: u32,
    /// Longest distance between two looks that belong together, milliseconds.
    pub gap_max_ms: u64,
    /// Looks agree only if they have the same reason, for another state too.
    pub one_reason: bool,
}

/// A change that is believed.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// The first look that saw it.
    pub since: Moment,
    /// The new state.
    pub result: CheckResult,
    /// Milliseconds between the last look that saw the old state and `since`, when both belong together.
    pub bracket_ms: Option<u64>,
}

/// What is believed of one check on one instance.
#[derive(Debug, Clone, Default)]
pub struct Confirmation {
    believed: Option<(CheckState, Reason)>,
    pending: Option<Pending>,
    last_look_ms: Option<u64>,
    /// Last look with the believed state, whatever its reason; forgotten after a gap.
    last_same_state_ms: Option<u64>,
    /// Last look with the believed state and reason; forgotten after a gap.
    last_same_ms: Option<u64>,
}

/// A change that is not believed yet.
#[derive(Debug, Clone)]
struct Pending {
    state: CheckState,
    reason: Reason,
    since: Moment,
    looks: u32,
    bracket_ms: Option<u64>,
}

impl Confirmation {
    /// The confirmed state and its reason; none before the first look.
    pub fn believed(&self) -> Option<&(CheckState, Reason)> {
        self.believed.as_ref()
    }

    /// Whether a change waits for more looks: look again soon.
    pub fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Takes in one look, and says when it settles a change. Looks come in the order of time.
    pub fn observe(&mut self, at: Moment, result: &CheckResult, rule: Rule) -> Option<Transition> {
        let gap = self.last_look_ms.is_some_and(|last| at.up_ms.saturating_sub(last) > rule.gap_max_ms);
        self.last_look_ms = Some(at.up_ms);
        if gap {
            self.pending = None;
            self.last_same_state_ms = None;
            self.last_same_ms = None;
        }
        let Some((state, reason)) = self.believed.as_ref() else {
            return Some(self.believe(at, at, result, None));
        };
        let (same_state, same_reason) = (*state == result.state, *reason == result.reason);
        if same_state {
            self.last_same_state_ms = Some(at.up_ms);
        }
        if same_state && same_reason {
            self.last_same_ms = Some(at.up_ms);
            self.pending = None;
            return None;
        }
        let old_ms = if same_state { self.last_same_ms } else { self.last_same_state_ms };
        let pending = match self.pending.take() {
            Some(pending) if pending.continues_with(result, same_state || rule.one_reason) => {
                Pending { looks: pending.looks.saturating_add(1), ..pending }
            }
            _ => Pending {
                state: result.state,
                reason: result.reason.clone(),
                since: at,
                looks: 1,
                bracket_ms: old_ms.map(|old| at.up_ms.saturating_sub(old)),
            },
        };
        if pending.looks >= rule.needed {
            return Some(self.believe(pending.since, at, result, pending.bracket_ms));
        }
        self.pending = Some(pending);
        None
    }

    fn believe(&mut self, since: Moment, last: Moment, result: &CheckResult, bracket_ms: Option<u64>) -> Transition {
        self.believed = Some((result.state, result.reason.clone()));
        self.pending = None;
        self.last_same_state_ms = Some(last.up_ms);
        self.last_same_ms = Some(last.up_ms);
        Transition { since, result: result.clone(), bracket_ms }
    }
}

impl Pending {
    /// Whether this look is one more for the same change. A change of state is about the state only; a change of reason
    /// within the believed state is about the reason, as is all where one reason is wanted.
    fn continues_with(&self, result: &CheckResult, about_reason: bool) -> bool {
        self.state == result.state && (!about_reason || self.reason == result.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const RULE: Rule = Rule { needed: 2, gap_max_ms: 120_000, one_reason: false };

    fn result(state: CheckState, reason: Reason) -> CheckResult {
        CheckResult { check: "internet".into(), instance: String::new(), state, reason, evidence: BTreeMap::new() }
    }

    fn ok() -> CheckResult {
        result(CheckState::Ok, Reason::Fine)
    }

    fn cut(reason: Reason) -> CheckResult {
        result(CheckState::Critical, reason)
    }

    fn at(second: u64) -> Moment {
        let wall = i64::try_from(second).unwrap();
        Moment { up_ms: second * 1000, wall_ms: 1_795_446_879_000 + wall * 1000 }
    }

    #[test]
    fn the_first_look_is_believed_at_once() {
        let mut confirmation = Confirmation::default();
        let first = confirmation.observe(at(7), &cut(Reason::LinkDown), RULE).unwrap();
        assert_eq!((first.since, first.bracket_ms), (at(7), None));
        assert_eq!(confirmation.believed(), Some(&(CheckState::Critical, Reason::LinkDown)));
    }

    #[test]
    fn a_change_is_dated_at_the_first_of_the_looks_that_confirm_it() {
        let mut confirmation = Confirmation::default();
        confirmation.observe(at(0), &ok(), RULE);
        confirmation.observe(at(60), &ok(), RULE);
        assert_eq!(confirmation.observe(at(120), &cut(Reason::GatewayUnreachable), RULE), None);
        assert!(confirmation.is_pending());

        let change = confirmation.observe(at(135), &cut(Reason::OutsideUnreachable), RULE).unwrap();

        assert_eq!((change.since, change.bracket_ms), (at(120), Some(60_000)));
        assert_eq!(change.result.reason, Reason::OutsideUnreachable, "the last look is the best informed");
        assert!(!confirmation.is_pending());
    }

    #[test]
    fn one_bad_look_among_good_ones_changes_nothing() {
        let mut confirmation = Confirmation::default();
        confirmation.observe(at(0), &ok(), RULE);
        for second in 1..10 {
            let look = if second % 2 == 0 { ok() } else { cut(Reason::OutsideUnreachable) };
            assert_eq!(confirmation.observe(at(second * 60), &look, RULE), None);
        }
    }

    #[test]
    fn another_reason_in_the_same_state_is_a_change_with_its_own_confirmation() {
        let mut confirmation = Confirmation::default();
        confirmation.observe(at(0), &cut(Reason::OutsideUnreachable), RULE);
        confirmation.observe(at(60), &cut(Reason::OutsideUnreachable), RULE);
        assert_eq!(confirmation.observe(at(120), &cut(Reason::LinkDown), RULE), None);
        assert_eq!(confirmation.observe(at(135), &cut(Reason::NoAddress), RULE), None, "another reason starts again");

        let change = confirmation.observe(at(150), &cut(Reason::NoAddress), RULE).unwrap();

        assert_eq!((change.since, change.bracket_ms), (at(135), Some(75_000)));
    }

    #[test]
    fn a_sleep_makes_the_bracket_unknown_and_starts_the_confirmation_again() {
        let mut confirmation = Confirmation::default();
        confirmation.observe(at(0), &ok(), RULE);
        confirmation.observe(at(60), &cut(Reason::LinkDown), RULE);

        assert_eq!(confirmation.observe(at(30_000), &cut(Reason::LinkDown), RULE), None);
        let change = confirmation.observe(at(30_015), &cut(Reason::LinkDown), RULE).unwrap();

        assert_eq!((change.since, change.bracket_ms), (at(30_000), None));
    }

    #[test]
    fn one_look_is_enough_when_the_policy_says_so() {
        let mut confirmation = Confirmation::default();
        let rule = Rule { needed: 1, ..RULE };
        confirmation.observe(at(0), &ok(), rule);
        let change = confirmation.observe(at(60), &cut(Reason::NoRoute), rule).unwrap();
        assert_eq!((change.since, change.bracket_ms), (at(60), Some(60_000)));
    }

    #[test]
    fn where_one_reason_is_wanted_looks_that_contradict_each_other_confirm_nothing() {
        let mut confirmation = Confirmation::default();
        let rule = Rule { needed: 3, one_reason: true, ..RULE };
        confirmation.observe(at(0), &ok(), rule);
        for second in [60, 75, 90, 105] {
            let reason = if second % 2 == 0 { Reason::DnsUnreachable } else { Reason::WebBlocked };
            assert_eq!(confirmation.observe(at(second), &cut(reason), rule), None);
        }
        assert_eq!(confirmation.observe(at(120), &cut(Reason::DnsUnreachable), rule), None);
        assert_eq!(confirmation.observe(at(135), &cut(Reason::DnsUnreachable), rule), None);
        let change = confirmation.observe(at(150), &cut(Reason::DnsUnreachable), rule).unwrap();
        assert_eq!(change.since, at(120));
    }

    /// One look: seconds after the one before, and what it saw.
    fn looks() -> impl Strategy<Value = Vec<(u64, CheckResult)>> {
        let seen = prop_oneof![
            4 => Just(ok()),
            2 => Just(cut(Reason::OutsideUnreachable)),
            2 => Just(cut(Reason::LinkDown)),
            1 => Just(result(CheckState::Warning, Reason::OutsidePartial)),
            1 => Just(result(CheckState::Unknown, Reason::NotConfigured)),
        ];
        let wait = prop_oneof![8 => 1u64..=120, 1 => 121u64..=100_000];
        proptest::collection::vec((wait, seen), 1..60)
    }

    proptest! {
        #[test]
        fn transitions_alternate_move_forward_and_carry_a_true_bracket(seen in looks(), needed in 1u32..5, one_reason in any::<bool>()) {
            let rule = Rule { needed, one_reason, ..RULE };
            let mut confirmation = Confirmation::default();
            let mut history: Vec<(u64, CheckResult)> = Vec::new();
            let mut transitions: Vec<Transition> = Vec::new();
            let mut second = 0;
            for (wait, look) in seen {
                second += wait;
                history.push((second, look.clone()));
                if let Some(transition) = confirmation.observe(at(second), &look, rule) {
                    // It says what this look saw.
                    prop_assert_eq!(&transition.result, &look);
                    if let Some(before) = transitions.last() {
                        prop_assert_ne!(
                            (before.result.state, &before.result.reason),
                            (transition.result.state, &transition.result.reason)
                        );
                        prop_assert!(before.since.up_ms < transition.since.up_ms);
                        // All looks since its date agree, are enough of them, and no sleep lies between them.
                        let since = |t: &Transition| t.since.up_ms / 1000;
                        let same_state = before.result.state == look.state;
                        let run: Vec<_> = history.iter().filter(|(t, _)| *t >= since(&transition)).collect();
                        prop_assert_eq!(run.len(), usize::try_from(needed).unwrap());
                        prop_assert!(run.iter().all(|(_, r)| r.state == look.state
                            && (!(same_state || one_reason) || r.reason == look.reason)));
                        prop_assert!(run.windows(2).all(|w| w[1].0 - w[0].0 <= 120));
                        // The bracket reaches back to the last look that agreed with the old belief.
                        let old = history.iter().rposition(|(t, r)| *t < since(&transition)
                            && r.state == before.result.state
                            && (!same_state || r.reason == before.result.reason));
                        let old = old.unwrap();
                        let slept = history[old..].windows(2).any(|w| w[1].0 - w[0].0 > 120);
                        let expected = (!slept).then(|| (since(&transition) - history[old].0) * 1000);
                        prop_assert_eq!(transition.bracket_ms, expected);
                    } else {
                        prop_assert_eq!(history.len(), 1);
                    }
                    transitions.push(transition);
                }
                let (state, reason) = confirmation.believed().cloned().unwrap();
                let last = transitions.last().unwrap();
                prop_assert_eq!((state, reason), (last.result.state, last.result.reason.clone()));
            }
        }

        #[test]
        fn a_state_that_lasts_is_believed_after_exactly_the_looks_needed(needed in 1u32..6, before in 1u64..20) {
            let rule = Rule { needed, ..RULE };
            let mut confirmation = Confirmation::default();
            for n in 0..before {
                confirmation.observe(at(n * 60), &ok(), rule);
            }
            let looks_until_believed = (0..10)
                .find(|n| confirmation.observe(at((before + n) * 60), &cut(Reason::NoRoute), rule).is_some());
            prop_assert_eq!(looks_until_believed, Some(u64::from(needed) - 1));
        }
    }
}
