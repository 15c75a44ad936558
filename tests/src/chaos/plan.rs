//! The faults of a seed: what, whom, how long, how soon after the one before. The same seed gives the same faults.

use crate::measure::outage::Dice;
use serde::Serialize;
use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// SIGKILL of an agent, started again later.
    AgentKilled,
    /// SIGSTOP of an agent, SIGCONT later.
    AgentStopped,
    /// The disk of an agent's spool is full.
    AgentDiskFull,
    /// The wall clock of an agent jumps, and back.
    AgentClock,
    /// SIGKILL of a collector, started again later.
    CollectorKilled,
    /// SIGSTOP of a collector, SIGCONT later.
    CollectorStopped,
    /// The disk of the embedded database is full, while somebody reads it (so that its log cannot begin again).
    CollectorDiskFull,
    /// The wall clock of a collector jumps, and back.
    CollectorClock,
    /// An agent's connections are cut and new ones refused.
    Cut,
    /// An agent's traffic is late, both ways.
    Delayed,
    /// A call is carried out and its answer dropped with the connection: the agent makes it a second time.
    Duplicated,
    /// A call is carried out and its answer never comes: the agent waits, then makes it a second time.
    AnswerLost,
    /// A call is held back until a later one has overtaken it.
    Reordered,
    /// A bit of an agent's traffic is flipped.
    Corrupted,
    /// An agent's connection ends in the middle of what was being sent.
    Truncated,
    /// The line of a school is cut, until the collector has seen it: the only fault that deserves a ticket.
    LineCut,
    /// The database server is stopped at once, without a checkpoint, and started again.
    DatabaseKilled,
    /// The database server drops all sessions and starts again.
    DatabaseRestarted,
    /// A collector is cut from its database.
    DatabaseCut,
}

impl Kind {
    /// As written in the figures.
    pub fn name(self) -> String {
        serde_json::to_value(self).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// Where the collector keeps what it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum StoreKind {
    /// One collector with its embedded database.
    #[default]
    Sqlite,
    /// Two collectors on one PostgreSQL.
    Postgres,
}

impl StoreKind {
    /// As written in the figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// Whom it hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// An agent by its place.
    Agent(usize),
    /// A collector by its place.
    Collector(usize),
    /// A school by its place.
    School(usize),
    /// The database server.
    Database,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Agent(n) => write!(f, "agent {}", n + 1),
            Self::Collector(n) => write!(f, "collector {}", n + 1),
            Self::School(n) => write!(f, "school {}", n + 1),
            Self::Database => f.write_str("database"),
        }
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// From 1.
    pub number: u32,
    /// What.
    pub kind: Kind,
    /// Whom.
    pub target: Target,
    /// Time after the beginning of the one before.
    pub gap: Duration,
    /// How long it lasts; the most it lasts for those that end when they have struck.
    pub lasts: Duration,
    /// A number for what the kind needs: an offset in seconds, a delay in milliseconds, a choice.
    pub amount: i64,
}

/// Who is there to be hit.
#[derive(Debug, Clone, Copy)]
pub struct Cast {
    /// The store.
    pub store: StoreKind,
    /// Schools.
    pub schools: usize,
    /// Agents of each school.
    pub agents_per_school: usize,
}

impl Cast {
    /// Collectors.
    pub fn collectors(self) -> usize {
        match self.store {
            StoreKind::Sqlite => 1,
            StoreKind::Postgres => 2,
        }
    }

    /// Agents.
    pub fn agents(self) -> usize {
        self.schools * self.agents_per_school
    }
}

/// How often each kind is in the bag that is drawn from until it is empty.
const BAG: &[(Kind, usize)] = &[
    (Kind::AgentKilled, 4),
    (Kind::AgentStopped, 2),
    (Kind::AgentDiskFull, 2),
    (Kind::AgentClock, 2),
    (Kind::CollectorKilled, 3),
    (Kind::CollectorStopped, 2),
    (Kind::CollectorClock, 2),
    (Kind::Cut, 2),
    (Kind::Delayed, 2),
    (Kind::Duplicated, 2),
    (Kind::AnswerLost, 1),
    (Kind::Reordered, 2),
    (Kind::Corrupted, 2),
    (Kind::Truncated, 2),
    (Kind::LineCut, 1),
];
const WITH_SQLITE: &[(Kind, usize)] = &[(Kind::CollectorDiskFull, 2)];
const WITH_POSTGRES: &[(Kind, usize)] =
    &[(Kind::DatabaseKilled, 1), (Kind::DatabaseRestarted, 1), (Kind::DatabaseCut, 2)];

/// The faults of a seed, in order.
pub fn plan(seed: u64, faults: u32, cast: Cast) -> Vec<Fault> {
    let mut dice = Dice::new(seed);
    let mut bag: Vec<Kind> = Vec::new();
    let mut planned = Vec::new();
    for number in 1..=faults {
        if bag.is_empty() {
            let own = if cast.store == StoreKind::Sqlite { WITH_SQLITE } else { WITH_POSTGRES };
            bag = BAG.iter().chain(own).flat_map(|(kind, count)| std::iter::repeat_n(*kind, *count)).collect();
        }
        let kind = bag.swap_remove(below(&mut dice, bag.len()));
        let gap = dice.part_of(Duration::from_millis(1500));
        planned.push(throw(number, kind, gap, cast, &mut dice));
    }
    planned
}

fn throw(number: u32, kind: Kind, gap: Duration, cast: Cast, dice: &mut Dice) -> Fault {
    let agent = Target::Agent(below(dice, cast.agents()));
    let collector = Target::Collector(below(dice, cast.collectors()));
    let school = Target::School(below(dice, cast.schools));
    let amount = below(dice, 1 << 16);
    let mut between =
        |low: u64, high: u64| Duration::from_millis(low) + dice.part_of(Duration::from_millis(high - low));
    let (target, lasts) = match kind {
        Kind::AgentKilled => (agent, between(100, 4_000)),
        Kind::AgentStopped => (agent, between(500, 6_000)),
        Kind::AgentDiskFull => (agent, between(3_000, 7_000)),
        Kind::AgentClock => (agent, between(2_000, 6_000)),
        Kind::CollectorKilled => (collector, between(0, 3_000)),
        // Now and then long enough to count as an absence.
        Kind::CollectorStopped if amount.is_multiple_of(4) => (collector, between(16_000, 20_000)),
        Kind::CollectorStopped => (collector, between(500, 6_000)),
        Kind::CollectorDiskFull if amount.is_multiple_of(4) => (collector, between(16_000, 20_000)),
        Kind::CollectorDiskFull => (collector, between(3_000, 8_000)),
        Kind::CollectorClock => (collector, between(2_000, 8_000)),
        Kind::Cut | Kind::Delayed => (agent, between(1_000, 6_000)),
        Kind::Duplicated | Kind::AnswerLost | Kind::Reordered | Kind::Corrupted | Kind::Truncated => {
            (agent, Duration::from_secs(12))
        }
        Kind::LineCut => (school, between(1_000, 6_000)),
        Kind::DatabaseKilled | Kind::DatabaseRestarted => (Target::Database, between(0, 3_000)),
        Kind::DatabaseCut => (collector, between(1_000, 8_000)),
    };
    let amount = match kind {
        // Seconds; a machine's clock may be years off, a collector's is corrected by its administrators.
        Kind::AgentClock => offset(amount, &[-300_000_000, -86_400, -3_600, -40, 40, 3_600, 86_400, 300_000_000]),
        Kind::CollectorClock => match cast.store {
            StoreKind::Sqlite => offset(amount, &[-7_200, -3_600, -300, -30, 30, 300, 3_600, 7_200]),
            // Several collectors are to be kept in time.
            StoreKind::Postgres => offset(amount, &[-300, -30, -10, 10, 30, 300]),
        },
        _ => i64::try_from(amount).unwrap_or_default(),
    };
    Fault { number, kind, target, gap, lasts, amount }
}

fn offset(amount: usize, all: &[i64]) -> i64 {
    all[amount % all.len()]
}

fn below(dice: &mut Dice, end: usize) -> usize {
    usize::try_from(dice.next() % u64::try_from(end.max(1)).unwrap_or(1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const CAST: Cast = Cast { store: StoreKind::Sqlite, schools: 3, agents_per_school: 3 };

    #[test]
    fn the_same_seed_gives_the_same_faults_and_another_seed_others() {
        assert_eq!(plan(7, 300, CAST), plan(7, 300, CAST));
        assert_ne!(plan(7, 300, CAST), plan(8, 300, CAST));
        assert_eq!(plan(7, 300, CAST)[..50], plan(7, 50, CAST), "more faults are a continuation");
    }

    #[test]
    fn every_kind_of_the_store_occurs_and_hits_somebody_who_exists() {
        for store in [StoreKind::Sqlite, StoreKind::Postgres] {
            let cast = Cast { store, ..CAST };
            let faults = plan(1, 300, cast);
            let own = if store == StoreKind::Sqlite { WITH_SQLITE } else { WITH_POSTGRES };
            let expected: BTreeSet<Kind> = BAG.iter().chain(own).map(|(kind, _)| *kind).collect();
            assert_eq!(faults.iter().map(|fault| fault.kind).collect::<BTreeSet<_>>(), expected);
            for fault in faults {
                assert!(fault.lasts <= Duration::from_secs(20) && fault.gap < Duration::from_secs(2), "{fault:?}");
                assert!(match fault.target {
                    Target::Agent(n) => n < cast.agents(),
                    Target::Collector(n) => n < cast.collectors(),
                    Target::School(n) => n < cast.schools,
                    Target::Database => store == StoreKind::Postgres,
                });
            }
        }
    }
}
