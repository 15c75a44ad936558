//! Everything set up: a store, the collectors on it, schools with ranges and tokens, and the crowd, enrolled.

use super::collectors::Collectors;
use super::orders::{Order, Plan, SchoolPlan, Tally};
use super::side::Crowds;
use super::truth::{Truth, Verdict};
use super::{cidr, raw, uai};
use crate::measure::sampling;
use anyhow::{Result, bail};
use std::path::Path;
use std::time::Duration;
use vigie_test_postgres::{Durability, Options, Postgres};

/// Machines of a school.
pub const PER_SCHOOL: usize = 20;

/// Which store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreChoice {
    /// Embedded.
    Sqlite,
    /// A PostgreSQL server of our own, for this run.
    Postgres,
    /// A database that exists and is empty.
    Url(String),
}

impl std::str::FromStr for StoreChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => Ok(Self::Postgres),
            url if url.starts_with("postgres://") || url.starts_with("postgresql://") => Ok(Self::Url(url.to_owned())),
            _ => Err("sqlite, postgres or postgres://… is wanted".to_owned()),
        }
    }
}

impl StoreChoice {
    /// Its word in results.
    pub fn word(&self) -> &'static str {
        if *self == Self::Sqlite { "sqlite" } else { "postgres" }
    }
}

/// What is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Simulated agents.
    pub agents: usize,
    /// On which store.
    pub store: StoreChoice,
    /// Collectors on that store.
    pub replicas: usize,
    /// Variables of the collectors.
    pub environment: Vec<(String, String)>,
}

/// The collectors, their store and the crowd.
pub struct Stand {
    /// The crowd; dropped first.
    pub crowds: Crowds,
    /// The collectors.
    pub collectors: Collectors,
    /// Their schools.
    pub schools: usize,
    url: Option<String>,
    // After the collectors, which use it.
    server: Option<Postgres>,
    folder: tempfile::TempDir,
}

impl Stand {
    /// Starts collectors with schools, ranges and tokens, and enrols everybody; doors and schools of `plan` are filled in.
    pub fn enrolled(setup: Setup, plan: Plan) -> Result<(Self, Tally)> {
        let Setup { agents, store, replicas, environment } = setup;
        let folder = tempfile::Builder::new().prefix("vigie-load-").tempdir()?;
        let (server, url) = match store {
            StoreChoice::Sqlite => (None, None),
            StoreChoice::Url(url) => (None, Some(url)),
            StoreChoice::Postgres => {
                let durable = Options { durability: Durability::Real, ..Default::default() };
                let server = Postgres::start_with(durable)?;
                let url = server.create_database("load")?;
                (Some(server), Some(url))
            }
        };
        let mut collectors = Collectors::new(folder.path(), replicas, url.clone())?;
        collectors.set_environment(environment);
        collectors.start()?;
        let schools = schools(&collectors, folder.path(), agents)?;
        eprintln!("  {} schools made", schools.len());
        let plan = Plan { doors: collectors.doors()?, schools, ..plan };
        let mut crowds = Crowds::start(&plan)?;
        let enrolled = crowds.order(&Order::Enrol)?;
        if enrolled.quarantined > 0 {
            bail!("{} machines were not trusted at once", enrolled.quarantined);
        }
        eprintln!("  {} agents enrolled in {:.1} s", enrolled.done, enrolled.seconds);
        let stand = Self { crowds, collectors, schools: plan.schools.len(), url, server, folder };
        Ok((stand, enrolled))
    }

    /// The folder of this run, gone with it.
    pub fn folder(&self) -> std::path::PathBuf {
        self.folder.path().to_owned()
    }

    /// The database, looked at from outside.
    pub fn truth(&self) -> Result<Truth> {
        match (&self.url, self.collectors.sqlite()) {
            (Some(url), _) => Truth::postgres(url),
            (None, Some(file)) => Truth::sqlite(&file),
            (None, None) => bail!("no collector"),
        }
    }

    /// Compares what agents were told with what is stored.
    pub fn verdict(&mut self) -> Result<Verdict> {
        let accounts = self.crowds.accounts(self.folder.path())?;
        self.truth()?.compare(&accounts)
    }

    /// Processor time of a PostgreSQL server of our own since it started, seconds; 0 where there is none.
    pub fn store_cpu_s(&self) -> f64 {
        let Some(first) = self.server.as_ref().and_then(Postgres::pid) else { return 0.0 };
        let all = sampling::children(first).into_iter().chain([first]);
        // A session that just ended is not there any more.
        all.filter_map(|pid| sampling::cpu_s_of(pid).ok()).sum()
    }

    /// Durable rows a second of the store's engine itself.
    pub fn raw(&self, agents: usize, time: Duration) -> Result<f64> {
        match &self.url {
            Some(url) => raw::postgres(url, agents, time),
            None => raw::sqlite(self.folder.path(), agents, time),
        }
    }
}

/// Schools, their ranges and tokens.
fn schools(collectors: &Collectors, folder: &Path, agents: usize) -> Result<Vec<SchoolPlan>> {
    let count = agents.div_ceil(PER_SCHOOL);
    let mut text = String::from("uai;name;type;town;basin\n");
    for place in 0..count {
        text.push_str(&format!("{};Collège {};Collège;Ville-Exemple;Nord\n", uai(place), place + 1));
    }
    let file = folder.join("schools.csv");
    std::fs::write(&file, text)?;
    collectors.admin(&["schools", "import", &file.to_string_lossy()])?;
    let calendar = file.with_extension("calendar.json");
    std::fs::write(&calendar, crate::collector::always_open())?;
    collectors.admin(&["calendar", "set", &calendar.to_string_lossy()])?;
    let school = |place: usize| {
        let machines = PER_SCHOOL.min(agents - place * PER_SCHOOL);
        let (uai, uses) = (uai(place), machines.to_string());
        collectors.admin(&["network", "add", "--school", &uai, "--kind", "pedagogical", "--cidr", &cidr(place)])?;
        let token = collectors.admin(&["token", "create", "--school", &uai, "--uses", &uses, "--expires", "7d"])?;
        Ok(SchoolPlan { place, machines, token })
    };
    (0..count).map(school).collect()
}
