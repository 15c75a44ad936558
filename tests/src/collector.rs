//! The real collector under test: started, killed and restarted on the same ports and the same folder, and told what
//! to do with its own command line. Alone on its embedded store, or one of several on a PostgreSQL database.

use crate::client::Reach;
use crate::netns::Namespace;
use crate::process::{Running, output_of, program};
use crate::relay::Relay;
use crate::store::Store;
use crate::wait::wait_for;
use crate::world::{COLLECTOR, School, World};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::fs::DirBuilder;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use vigie_shared::policy::Policy;

/// UAIs with right check letters, of schools that do not exist.
pub const SCHOOLS: [&str; 3] = ["0959901W", "0959902X", "0959903Y"];

const START: Duration = Duration::from_secs(30);

/// A collector and its folder.
pub struct Collector {
    data: PathBuf,
    namespace: Option<String>,
    names: Vec<String>,
    database: Option<Database>,
    balancer: Option<String>,
    listen: String,
    plain: String,
    environment: Vec<(String, String)>,
    bound: Option<Bound>,
    running: Option<Running>,
    // Forwarded ports when it runs in a namespace.
    relays: Vec<(SocketAddr, Relay)>,
}

/// A PostgreSQL database that a collector keeps its store in.
#[derive(Debug, Clone)]
pub struct Database {
    /// `postgres://…` as the collector reaches it.
    pub url: String,
    /// `postgres://…` as this process reaches it, to look at.
    pub look: String,
}

/// What the ready file says.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Bound {
    listen: SocketAddr,
    plain: SocketAddr,
}

/// A ticket policy, changed for outages that are told apart by their tickets: resolved after two heartbeats without
/// trouble, never opened again, and no two of them one that flaps.
pub fn ticket_policy(shown: &str, heartbeat_s: u32) -> Result<String> {
    let mut policy: serde_json::Value = serde_json::from_str(shown)?;
    let rules = policy.get_mut("rules").and_then(|rules| rules.as_array_mut()).context("a ticket policy has rules")?;
    for rule in rules.iter_mut().filter(|rule| rule.get("check").is_some_and(|check| check == "internet")) {
        let terms = rule.pointer_mut("/then/ticket").and_then(|terms| terms.as_object_mut());
        if let Some(terms) = terms {
            terms.insert("wait_s".to_owned(), 0.into());
            terms.insert("quiet_s".to_owned(), (2 * heartbeat_s).into());
            terms.insert("reopen_within_s".to_owned(), 0.into());
        }
    }
    // Cuts a few minutes apart are several, each with a start, an end and a ticket.
    if let Some(flapping) = policy.pointer_mut("/flapping/internet").and_then(|flapping| flapping.as_object_mut()) {
        flapping.insert("same_within_s".to_owned(), 0.into());
    }
    Ok(serde_json::to_string_pretty(&policy)?)
}

impl Collector {
    /// A collector on the loopback of this namespace, with its folder under `folder`; not started yet.
    pub fn on_loopback(folder: &Path) -> Result<Self> {
        Self::new(folder.join("collector"), None, "127.0.0.1")
    }

    /// A collector outside the schools of a world; not started yet.
    pub fn outside(world: &World) -> Result<Self> {
        Self::new(world.folder().join("collector"), Some(&world.outside), COLLECTOR)
    }

    /// A collector behind a balancer, on `database` or on its embedded store, with its folder at `data`: listens on
    /// `address` in `namespace` (otherwise on this host) and is called `name` too, the balancer's address. Not started
    /// yet.
    pub fn replica(
        data: &Path,
        namespace: Option<&Namespace>,
        address: &str,
        name: &str,
        database: Option<&Database>,
    ) -> Result<Self> {
        let mut replica = Self::new(data.to_owned(), namespace, address)?;
        replica.names.push(name.to_owned());
        replica.names.dedup();
        replica.database = database.cloned();
        Ok(replica)
    }

    /// Believes the balancer at this address whom it speaks for.
    pub fn believe(&mut self, balancer: &str) {
        self.balancer = Some(balancer.to_owned());
    }

    /// A started collector on the loopback with [`SCHOOLS`] imported, and the folder it lives in. Needs no root.
    pub fn ready() -> Result<(TempDir, Self)> {
        let folder = tempfile::Builder::new().prefix("vigie-collector-").tempdir()?;
        let mut collector = Self::on_loopback(folder.path())?;
        collector.start(None)?;
        collector.import_schools()?;
        Ok((folder, collector))
    }

    fn new(data: PathBuf, namespace: Option<&Namespace>, name: &str) -> Result<Self> {
        std::fs::create_dir_all(&data)?;
        Ok(Self {
            data,
            namespace: namespace.map(|namespace| namespace.name().to_owned()),
            names: vec![name.to_owned()],
            database: None,
            balancer: None,
            listen: format!("{name}:0"),
            plain: "127.0.0.1:0".to_owned(),
            environment: Vec::new(),
            bound: None,
            running: None,
            relays: Vec::new(),
        })
    }

    /// Sets a variable for the next starts.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Forgets the variables set.
    pub fn unset_all(&mut self) {
        self.environment.clear();
    }

    /// Its folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Starts it and waits until it is ready. From the second time on it gets the ports of the first.
    pub fn start(&mut self, world: Option<&World>) -> Result<()> {
        if self.running.is_some() {
            bail!("the collector already runs");
        }
        let ready = self.data.join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let mut command = self.command()?;
        command.arg("serve").arg("--data").arg(&self.data).args(["--listen", &self.listen]);
        command.args(["--plain-listen", &self.plain]).arg("--ready-file").arg(&ready);
        for name in &self.names {
            command.args(["--name", name]);
        }
        if let Some(balancer) = &self.balancer {
            command.args(["--balancer", balancer]);
        }
        self.add_store(&mut command);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let log = self.data.with_extension("log");
        let mut running = Running::start("collector", command, &log)?;
        let bound = wait_for("the collector to be ready", START, || {
            if !running.is_running() {
                return Some(Err(anyhow::anyhow!("the collector ended at once:\n{}", running.log())));
            }
            let text = std::fs::read_to_string(&ready).ok()?;
            serde_json::from_str::<Bound>(&text).ok().map(Ok)
        })??;
        self.running = Some(running);
        self.bound = Some(bound);
        self.listen = bound.listen.to_string();
        self.plain = bound.plain.to_string();
        if let (Some(world), true) = (world, self.relays.is_empty()) {
            for address in [bound.listen, bound.plain] {
                self.relays.push((address, world.forward(address)?));
            }
        }
        Ok(())
    }

    /// SIGKILL.
    pub fn kill_9(&mut self) -> Result<()> {
        self.running.take().context("no collector to kill")?.kill_9()
    }

    /// SIGTERM, and its end.
    pub fn stop(&mut self) -> Result<()> {
        self.running.take().context("no collector to stop")?.stop(Duration::from_secs(15)).map(drop)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.data.with_extension("log")).unwrap_or_default()
    }

    /// The running process.
    pub fn process(&mut self) -> Result<&mut Running> {
        self.running.as_mut().context("the collector is not started")
    }

    /// `https://…`, as agents are told.
    pub fn url(&self) -> String {
        format!("https://{}", self.listen)
    }

    /// The three doors, for clients of this process.
    pub fn reach(&self) -> Result<Reach> {
        let bound = self.bound.context("the collector was never started")?;
        let name = self.names.first().context("a collector has a name")?.clone();
        Ok(Reach { address: self.near(bound.listen), name })
    }

    /// The plain listener, for clients of this process.
    pub fn plain(&self) -> Result<SocketAddr> {
        Ok(self.near(self.bound.context("the collector was never started")?.plain))
    }

    /// Address and port of the agents' door as the agents see it.
    pub fn door(&self) -> Result<SocketAddr> {
        Ok(self.bound.context("the collector was never started")?.listen)
    }

    fn near(&self, address: SocketAddr) -> SocketAddr {
        self.relays.iter().find(|(to, _)| *to == address).map_or(address, |(_, relay)| relay.address())
    }

    /// Runs one of its verbs on its folder; what it prints.
    pub fn admin(&self, arguments: &[&str]) -> Result<String> {
        // A database server may be reached from the collector's own network only.
        let mut command =
            if self.database.is_some() { self.command()? } else { Command::new(program("vigie-collector")?) };
        command.args(arguments).arg("--data").arg(&self.data);
        self.add_store(&mut command);
        Ok(output_of(&mut command)?.trim().to_owned())
    }

    /// Imports [`SCHOOLS`], whose networks are always open: tests run at night too.
    pub fn import_schools(&self) -> Result<()> {
        let file = self.data.with_extension("csv");
        let mut text = String::from(
            "identifiant_de_l_etablissement;nom_etablissement;type_etablissement;code_postal;nom_commune;\
             libelle_departement;libelle_academie\n",
        );
        for (uai, name) in SCHOOLS.iter().zip(["des Tilleuls", "du Lac", "de la Plaine"]) {
            text.push_str(&format!("{uai};Collège {name};Collège;95000;Ville-Exemple;Val-d'Oise;Versailles\n"));
        }
        std::fs::write(&file, text)?;
        self.admin(&["schools", "import", &file.to_string_lossy()])?;
        let calendar = self.data.with_extension("calendar.json");
        std::fs::write(&calendar, always_open())?;
        self.admin(&["calendar", "set", &calendar.to_string_lossy()]).map(drop)
    }

    /// A token for the first school.
    pub fn token(&self, uses: u32) -> Result<String> {
        self.token_for(SCHOOLS[0], uses, "1d")
    }

    /// A token.
    pub fn token_for(&self, uai: &str, uses: u32, expires: &str) -> Result<String> {
        self.admin(&["token", "create", "--school", uai, "--uses", &uses.to_string(), "--expires", expires])
    }

    /// Declares the network of a school of the world, so that its machines are expected.
    pub fn expect_network(&self, uai: &str, school: &School) -> Result<()> {
        self.admin(&["network", "add", "--school", uai, "--kind", "pedagogical", "--cidr", &school.cidr()]).map(drop)
    }

    /// Approves all machines that wait.
    pub fn approve_all(&self) -> Result<()> {
        self.admin(&["approve", "--all"]).map(drop)
    }

    /// Puts a policy in force, and a ticket policy that suits its heartbeat ([`ticket_policy`]).
    pub fn set_policy(&self, policy: &Policy) -> Result<()> {
        let file = self.data.with_extension("policy.json");
        std::fs::write(&file, serde_json::to_vec_pretty(policy)?)?;
        self.admin(&["policy", "set", &file.to_string_lossy()])?;
        let tickets = ticket_policy(&self.admin(&["ticket-policy", "show"])?, policy.heartbeat_s)?;
        let file = self.data.with_extension("ticket-policy.json");
        std::fs::write(&file, tickets)?;
        self.admin(&["ticket-policy", "set", &file.to_string_lossy()]).map(drop)
    }

    /// Its database, to look at.
    pub fn store(&self) -> Result<Store> {
        match &self.database {
            None => Store::open(&self.data.join("vigie.sqlite")),
            Some(database) => Store::open_postgres(&database.look),
        }
    }

    /// Takes the file key of another collector on the same database, as an administrator copies it.
    pub fn take_file_key_of(&self, other: &Self) -> Result<()> {
        let (from, to) = (other.file_key(), self.file_key());
        let keys = to.parent().context("a key lies in a folder")?;
        let _ = DirBuilder::new().mode(0o700).create(keys);
        std::fs::copy(&from, &to).with_context(|| format!("{} to {}", from.display(), to.display()))?;
        Ok(())
    }

    /// Where its file key lies.
    pub fn file_key(&self) -> PathBuf {
        self.data.join("keys/authority.key")
    }

    fn add_store(&self, command: &mut Command) {
        if let Some(database) = &self.database {
            command.args(["--store", &database.url]);
        }
    }

    fn command(&self) -> Result<Command> {
        let program = program("vigie-collector")?;
        Ok(match &self.namespace {
            None => Command::new(program),
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(program);
                command
            }
        })
    }
}

/// Settings of a calendar that is always open.
pub fn always_open() -> String {
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let hours: Vec<String> = days.iter().map(|day| format!(r#""{day}":["00:00-24:00"]"#)).collect();
    let network = format!(r#"{{"public_holidays":"none","zone":"none","hours":{{{}}}}}"#, hours.join(","));
    format!(r#"{{"version":1,"pedagogical":{network},"administrative":{network}}}"#)
}
