//! What the reconciler looks at: every school that has machines, as it is in one snapshot.

use super::super::StoreError;
use super::engine::Sql;
use super::{row::cut, view};
use crate::engine::Decide;
use crate::engine::reconcile::{Difference, differences};
use jiff::Timestamp;
use vigie_shared::id::SchoolId;
use vigie_shared::uai::Uai;

/// The schools to look at.
pub fn schools(sql: &Sql) -> Result<Vec<(SchoolId, Uai)>, StoreError> {
    const SQL: &str = "SELECT s.id, s.uai FROM school s WHERE s.id IN (SELECT school FROM machine) ORDER BY s.uai";
    sql.all(SQL, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// What does not agree in one of them.
pub fn of_school(
    sql: &Sql,
    school: SchoolId,
    upto: Timestamp,
    now: Timestamp,
    decider: &dyn Decide,
) -> Result<Vec<Difference>, StoreError> {
    let (upto, now) = (cut(upto), cut(now));
    Ok(differences(decider, &view::load(sql, school, now)?, upto.min(now), now))
}
