//! Stage: what planned maintenance suppresses. It keeps tickets from being opened, and people from being told, and
//! nothing else (invariant 3): incidents open and resolve all the while, and what is still open when the maintenance
//! ends gets its ticket then.

use super::Scope;
use jiff::Timestamp;
use vigie_shared::id::{MachineId, MaintenanceId, SchoolId};

/// What a maintenance is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaintenanceScope {
    /// All schools and the collector itself.
    Fleet,
    /// The schools of a basin.
    Basin(String),
    /// One school.
    School(SchoolId),
    /// One room of a school.
    Room(SchoolId, String),
    /// One machine.
    Machine(MachineId),
}

impl MaintenanceScope {
    /// The word of the store and of message keys.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Basin(_) => "basin",
            Self::School(_) => "school",
            Self::Room(..) => "room",
            Self::Machine(_) => "machine",
        }
    }
}

/// A planned maintenance that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    /// Which.
    pub id: MaintenanceId,
    /// What it is about. Of basins and schools a view holds those of its own school only.
    pub scope: MaintenanceScope,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends: as planned, or when somebody ended it before that.
    pub to: Timestamp,
    /// Why.
    pub reason: String,
}

impl Maintenance {
    /// Whether it is about this scope. `machine` is the machine that the scope is about, or sits on, if any.
    fn is_about(&self, scope: &Scope, machine: Option<MachineId>) -> bool {
        let text = scope.to_string();
        let (kind, which) = text.split_once(':').unwrap_or((&text, ""));
        let in_school = !["collector", "operator", "basin"].contains(&kind);
        match &self.scope {
            MaintenanceScope::Fleet => true,
            MaintenanceScope::Basin(basin) if kind == "basin" => which == basin,
            MaintenanceScope::Basin(_) => in_school,
            MaintenanceScope::School(school) if kind == "school" => which == school.to_string(),
            MaintenanceScope::School(_) => in_school,
            MaintenanceScope::Room(_, room) => kind == "room" && which == room,
            MaintenanceScope::Machine(one) => machine == Some(*one) || (kind == "machine" && which == one.to_string()),
        }
    }
}

/// The maintenance that covers a scope at an instant, the one that lasts longest if there are several.
pub fn covers<'m>(
    maintenances: &'m [Maintenance],
    scope: &Scope,
    machine: Option<MachineId>,
    at: Timestamp,
) -> Option<&'m Maintenance> {
    let covering = maintenances.iter().filter(|m| m.from <= at && at < m.to && m.is_about(scope, machine));
    covering.max_by_key(|m| (m.to, m.id))
}

/// The end of the last maintenance that covered a scope in `[since, at]` and is over: what was found in it counts from
/// there.
pub fn ended_since(
    maintenances: &[Maintenance],
    scope: &Scope,
    machine: Option<MachineId>,
    since: Timestamp,
    at: Timestamp,
) -> Option<Timestamp> {
    let over =
        maintenances.iter().filter(|m| m.from < m.to && since < m.to && m.to <= at && m.is_about(scope, machine));
    over.map(|m| m.to).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_424_400 + second).unwrap()
    }

    fn planned(scope: MaintenanceScope, from: i64, to: i64) -> Maintenance {
        Maintenance { id: MaintenanceId::new(), scope, from: at(from), to: at(to), reason: String::new() }
    }

    #[test]
    fn each_scope_covers_what_lies_in_it_and_nothing_else() {
        let (school, one, other) = (SchoolId::new(), MachineId::new(), MachineId::new());
        let scopes = [Scope::Collector, Scope::School(school), Scope::Machine(one), Scope::Machine(other)];
        let covered = |maintenance: MaintenanceScope| {
            let planned = [planned(maintenance, 0, 10)];
            scopes.map(|scope| covers(&planned, &scope, None, at(5)).is_some())
        };
        assert_eq!(covered(MaintenanceScope::Fleet), [true, true, true, true]);
        assert_eq!(covered(MaintenanceScope::Basin("Nord".to_owned())), [false, true, true, true]);
        assert_eq!(covered(MaintenanceScope::School(school)), [false, true, true, true]);
        assert_eq!(covered(MaintenanceScope::Machine(one)), [false, false, true, false]);
        assert_eq!(covered(MaintenanceScope::Room(school, "B12".to_owned())), [false; 4]);
        let planned = [planned(MaintenanceScope::Machine(one), 0, 10)];
        assert!(covers(&planned, &Scope::School(school), Some(one), at(5)).is_some());
    }

    #[test]
    fn it_covers_from_its_beginning_up_to_its_end_and_the_longest_is_named() {
        let school = SchoolId::new();
        let scope = Scope::School(school);
        let list = [planned(MaintenanceScope::School(school), 10, 20), planned(MaintenanceScope::Fleet, 15, 30)];
        let until = |second| covers(&list, &scope, None, at(second)).map(|m| m.to);
        assert_eq!(
            [9, 10, 14, 15, 20, 29, 30].map(until),
            [None, Some(at(20)), Some(at(20)), Some(at(30)), Some(at(30)), Some(at(30)), None]
        );
        let ended = |since, now| ended_since(&list, &scope, None, at(since), at(now));
        assert_eq!(ended(12, 19), None);
        assert_eq!(ended(12, 25), Some(at(20)));
        assert_eq!(ended(12, 31), Some(at(30)));
        assert_eq!(ended(30, 31), None, "what was found after its end has nothing to do with it");
    }
}
