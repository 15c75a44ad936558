//! `maintenance add | list | end`: planned maintenance. What breaks in it opens no ticket before its end.

use super::{BY, Data, block_on, clock, print};
use crate::store::{MaintenanceView, NewMaintenance, PlannedFor};
use anyhow::{Context, bail};
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use std::process::ExitCode;
use vigie_shared::id::{MachineId, MaintenanceId};
use vigie_shared::uai::Uai;

/// Maintenances listed.
const LISTED: usize = 100;

/// Arguments.
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Plan a maintenance of the fleet, a basin, a school, a room of it, or a machine.
    Add {
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        scope: ScopeArguments,
        /// When it begins: 2026-11-24T18:00 at the time of Paris, or with an offset, or +2h from now. Now, if nothing is
        /// said.
        #[arg(long, value_name = "TIME", value_parser = instant)]
        from: Option<When>,
        /// When it ends.
        #[arg(long, value_name = "TIME", value_parser = instant)]
        to: When,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Who plans it.
        #[arg(long, value_name = "LOGIN")]
        by: Option<String>,
    },
    /// List them: those that go on or are to come first.
    List {
        #[command(flatten)]
        data: Data,
    },
    /// End one before its time.
    End {
        #[command(flatten)]
        data: Data,
        /// Which, as `maintenance list` says.
        id: MaintenanceId,
    },
}

/// What is maintained: exactly one, a room beside its school.
#[derive(clap::Args)]
struct ScopeArguments {
    /// Everything.
    #[arg(long, conflicts_with_all = ["basin", "school", "room", "machine"])]
    fleet: bool,
    /// The schools of a basin.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["school", "room", "machine"])]
    basin: Option<String>,
    /// A school.
    #[arg(long, value_name = "UAI", conflicts_with = "machine")]
    school: Option<Uai>,
    /// A room of --school.
    #[arg(long, value_name = "NAME", requires = "school")]
    room: Option<String>,
    /// A machine.
    #[arg(long, value_name = "ID")]
    machine: Option<MachineId>,
}

impl ScopeArguments {
    fn planned_for(self) -> anyhow::Result<PlannedFor> {
        Ok(match (self.fleet, self.basin, self.school, self.room, self.machine) {
            (true, ..) => PlannedFor::Fleet,
            (_, Some(basin), ..) => PlannedFor::Basin(basin),
            (_, _, Some(school), Some(room), _) => PlannedFor::Room(school, room),
            (_, _, Some(school), ..) => PlannedFor::School(school),
            (.., Some(machine)) => PlannedFor::Machine(machine),
            _ => bail!("say what is maintained: --fleet, --basin, --school (with --room) or --machine"),
        })
    }
}

/// A time as it is typed.
#[derive(Clone, Copy)]
enum When {
    At(Timestamp),
    In(SignedDuration),
}

impl When {
    fn from(self, now: Timestamp) -> anyhow::Result<Timestamp> {
        match self {
            Self::At(at) => Ok(at),
            Self::In(pause) => now.checked_add(pause).context("that is too far away"),
        }
    }
}

/// A time of Paris, an instant with an offset, or a time from now.
fn instant(text: &str) -> anyhow::Result<When> {
    const WANTED: &str = "a time such as 2026-11-24T18:00, or +2h, is wanted";
    if let Some(pause) = text.strip_prefix('+') {
        return Ok(When::In(pause.parse().context(WANTED)?));
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(When::At(at));
    }
    let civil: DateTime = text.parse().context(WANTED)?;
    Ok(When::At(civil.in_tz("Europe/Paris")?.timestamp()))
}

/// Runs the verb.
pub fn run(options: Options) -> anyhow::Result<ExitCode> {
    let now = clock().now();
    match options.verb {
        Verb::Add { data, scope, from, to, reason, by } => {
            let planned_for = scope.planned_for()?;
            let id = block_on(async {
                let store = data.open()?;
                if let Some(login) = &by
                    && store.user(login).await?.is_none()
                {
                    bail!("« {login} » is no user");
                }
                let by = by.unwrap_or_else(|| BY.to_owned());
                let from = from.map_or(Ok(now), |from| from.from(now))?;
                let new = NewMaintenance { planned_for, from, to: to.from(now)?, reason, by };
                Ok(store.add_maintenance(new, now).await?)
            })?;
            print(id)?;
        }
        Verb::List { data } => {
            for one in block_on(async { Ok(data.open()?.maintenances(now, LISTED).await?) })? {
                print(line(&one, now))?;
            }
        }
        Verb::End { data, id } => {
            block_on(async { Ok(data.open()?.end_maintenance(id, BY, now).await?) })?;
            eprintln!("it is over: what is still broken gets its ticket now");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn line(one: &MaintenanceView, now: Timestamp) -> String {
    let end = one.ended.unwrap_or(one.to);
    let state = match (one.from <= now, end <= now) {
        (_, true) => "over",
        (true, false) => "now",
        (false, false) => "planned",
    };
    let mut what = vec![one.kind.clone()];
    what.extend(one.school.as_ref().map(|(uai, _)| uai.to_string()));
    what.extend(one.machine.as_ref().map(|(_, name)| name.clone()));
    what.extend(one.subject.clone());
    let what: String = what.join(" ").chars().filter(|c| !c.is_control()).collect();
    let reason: String = one.reason.chars().filter(|c| !c.is_control()).collect();
    format!("{}  {state:<7}  {} – {end}  {what}  {reason}", one.id, one.from)
}
