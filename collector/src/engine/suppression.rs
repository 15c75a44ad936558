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

/// Where something is that a maintenance may cover.
#[derive(Debug, Clone, Copy)]
pub struct Spot<'a> {
    /// What an incident is on.
    pub scope: &'a Scope,
    /// The machine that the scope is about, or sits on, if any.
    pub machine: Option<MachineId>,
    /// The only room that it is about; empty: none, or not known.
    pub room: &'a str,
}

impl<'a> From<&'a Scope> for Spot<'a> {
    fn from(scope: &'a Scope) -> Self {
        Self { scope, machine: None, room: "" }
    }
}

impl Maintenance {
    /// Whether it is about this spot.
    fn is_about(&self, spot: Spot<'_>) -> bool {
        let Spot { scope, machine, room } = spot;
        let text = scope.to_string();
        let (kind, which) = text.split_once(':').unwrap_or((&text, ""));
        let in_school = !["collector", "operator", "basin"].contains(&kind);
        match &self.scope {
            MaintenanceScope::Fleet => true,
            MaintenanceScope::Basin(basin) if kind == "basin" => which == basin,
            MaintenanceScope::Basin(_) => in_school,
            MaintenanceScope::School(school) if kind == "school" => which == school.to_string(),
            MaintenanceScope::School(_) => in_school,
            MaintenanceScope::Room(_, maintained) => room == maintained,
            MaintenanceScope::Machine(one) => machine == Some(*one) || (kind == "machine" && which == one.to_string()),
        }
    }
}

/// The maintenance that covers a scope at an instant, the one that lasts longest if there are several.
pub fn covers<'m>(maintenances: &'m [Maintenance], spot: Spot<'_>, at: Timestamp) -> Option<&'m Maintenance> {
    let covering = maintenances.iter().filter(|m| m.from <= at && at < m.to && m.is_about(spot));
    covering.max_by_key(|m| (m.to, m.id))
}

/// The end of the last maintenance that covered a scope in `[since, at]` and is over: what was found in it counts from
/// there.
pub fn ended_since(maintenances: &[Maintenance], spot: Spot<'_>, since: Timestamp, at: Timestamp) -> Option<Timestamp> {
    let over = maintenances.iter().filter(|m| m.from < m.to && since < m.to && m.to <= at && m.is_about(spot));
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
            scopes.map(|scope| covers(&planned, (&scope).into(), at(5)).is_some())
        };
        assert_eq!(covered(MaintenanceScope::Fleet), [true, true, true, true]);
        assert_eq!(covered(MaintenanceScope::Basin("Nord".to_owned())), [false, true, true, true]);
        assert_eq!(covered(MaintenanceScope::School(school)), [false, true, true, true]);
        assert_eq!(covered(MaintenanceScope::Machine(one)), [false, false, true, false]);
        assert_eq!(covered(MaintenanceScope::Room(school, "B12".to_owned())), [false; 4]);
        let planned = [planned(MaintenanceScope::Machine(one), 0, 10)];
        let scope = Scope::School(school);
        assert!(covers(&planned, Spot { machine: Some(one), ..(&scope).into() }, at(5)).is_some());
    }

    #[test]
    fn a_room_covers_the_machines_that_stand_in_it_and_its_own_part_of_the_network() {
        let (school, machine) = (SchoolId::new(), Scope::Machine(MachineId::new()));
        let planned = [planned(MaintenanceScope::Room(school, "B12".to_owned()), 0, 10)];
        let covered = |scope: &Scope, room| covers(&planned, Spot { room, ..scope.into() }, at(5)).is_some();
        assert!(covered(&machine, "B12") && covered(&Scope::School(school), "B12"));
        assert!(!covered(&machine, "B13") && !covered(&machine, ""));
        assert!(!covered(&Scope::School(school), "B12, B13"), "more than it");
    }

    #[test]
    fn it_covers_from_its_beginning_up_to_its_end_and_the_longest_is_named() {
        let school = SchoolId::new();
        let scope = Scope::School(school);
        let list = [planned(MaintenanceScope::School(school), 10, 20), planned(MaintenanceScope::Fleet, 15, 30)];
        let until = |second| covers(&list, (&scope).into(), at(second)).map(|m| m.to);
        assert_eq!(
            [9, 10, 14, 15, 20, 29, 30].map(until),
            [None, Some(at(20)), Some(at(20)), Some(at(30)), Some(at(30)), Some(at(30)), None]
        );
        let ended = |since, now| ended_since(&list, (&scope).into(), at(since), at(now));
        assert_eq!(ended(12, 19), None);
        assert_eq!(ended(12, 25), Some(at(20)));
        assert_eq!(ended(12, 31), Some(at(30)));
        assert_eq!(ended(30, 31), None, "what was found after its end has nothing to do with it");
    }
}
