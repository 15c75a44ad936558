//! Runs the pure decider on a school's rows, inside the transaction, and writes what it decides.

use super::super::StoreError;
use super::row::{ms, params};
use super::writer::Tx;
use super::{effects, view, wide};
use crate::engine::{Decide, Input};
use jiff::Timestamp;
use vigie_shared::id::SchoolId;

/// Decides on new inputs of one school. The school's version moves when the decider wants something written.
pub fn run(
    tx: &mut Tx<'_>,
    school: SchoolId,
    inputs: &[Input],
    now: Timestamp,
    decider: &dyn Decide,
) -> Result<(), StoreError> {
    let mut view = view::load(tx.sql, school, now)?;
    let decision = decider.decide(&mut view, inputs, now);
    for effect in &decision.effects {
        effects::write(tx, school, effect)?;
    }
    if !decision.effects.is_empty() {
        tx.changed(school)?;
    }
    if wide::concerns(&decision.effects) {
        wide::note(tx, school)?;
    }
    wake(tx, school, decision.next_wake)
}

/// Keeps when the school must be looked at again; rounded up, so that it is never looked at a moment too early. Whoever
/// had claimed the school need not look any more.
fn wake(tx: &mut Tx<'_>, school: SchoolId, at: Option<Timestamp>) -> Result<(), StoreError> {
    let at = at.map(|at| if at.subsec_nanosecond() % 1_000_000 == 0 { ms(at) } else { ms(at).saturating_add(1) });
    const SQL: &str = "INSERT INTO school_state (school, next_wake) VALUES (?1, ?2) \
                       ON CONFLICT (school) DO UPDATE SET next_wake = excluded.next_wake, leased_by = NULL, \
                           leased_until = NULL \
                       WHERE school_state.next_wake IS DISTINCT FROM excluded.next_wake \
                           OR school_state.leased_by IS NOT NULL";
    tx.sql.execute(SQL, params![school.as_bytes(), at])?;
    Ok(())
}
