//! The processes beside the measurement: crowds of agents and the empty handler, spoken to line by line.

use super::echo::Listening;
use super::orders::{Account, Order, Plan, SchoolPlan, Tally};
use crate::measure::sampling;
use crate::process::program;
use anyhow::{Context, Result};
use serde::Serialize;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Agents in one process: each takes two connections, and a process may be held to 20,000 open files.
const AGENTS_A_PROCESS: usize = 8_000;

/// A process that ends when this is dropped.
struct Side {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Side {
    fn start(verb: &str) -> Result<Self> {
        let mut child = Command::new(program("load_agents")?)
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("load_agents could not be started")?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Self { child, input, output })
    }

    fn say(&mut self, line: &impl Serialize) -> Result<()> {
        let input = self.input.as_mut().context("already ended")?;
        writeln!(input, "{}", serde_json::to_string(line)?)?;
        Ok(input.flush()?)
    }

    fn hear<T: serde::de::DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            anyhow::bail!("load_agents ended; it said why above");
        }
        serde_json::from_str(&line).with_context(|| line)
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // Without input it ends by itself; in the middle of an order it does not notice.
        self.input = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All agents, in as many processes as it takes.
pub struct Crowds(Vec<Side>);

impl Crowds {
    /// Starts the processes with their parts of the plan.
    pub fn start(plan: &Plan) -> Result<Self> {
        let mut crowds = Vec::new();
        for (number, schools) in share(&plan.schools).into_iter().enumerate() {
            let mut side = Side::start("agents")?;
            side.say(&Plan { schools, seed: plan.seed.wrapping_add(number as u64 * 7919), ..plan.clone() })?;
            crowds.push(side);
        }
        Ok(Self(crowds))
    }

    /// How many processes.
    pub fn processes(&self) -> usize {
        self.0.len()
    }

    /// Processor time that all have taken since they started, seconds.
    pub fn cpu_s(&self) -> Result<f64> {
        self.0.iter().map(|side| sampling::cpu_s_of(side.child.id())).sum()
    }

    /// Gives the same order to all, and adds up what comes of it.
    pub fn order(&mut self, order: &Order) -> Result<Tally> {
        for side in &mut self.0 {
            side.say(order)?;
        }
        let mut all = Tally::default();
        for side in &mut self.0 {
            all.merge(side.hear()?);
        }
        Ok(all)
    }

    /// What every agent had acknowledged.
    pub fn accounts(&mut self, folder: &std::path::Path) -> Result<Vec<Account>> {
        let mut all = Vec::new();
        for (number, side) in self.0.iter_mut().enumerate() {
            let file = folder.join(format!("accounts-{number}.json"));
            side.say(&Order::Account { file: file.clone() })?;
            side.hear::<Tally>()?;
            all.extend(serde_json::from_slice::<Vec<Account>>(&std::fs::read(file)?)?);
        }
        Ok(all)
    }
}

/// Whole schools, at most [`AGENTS_A_PROCESS`] machines together.
fn share(schools: &[SchoolPlan]) -> Vec<Vec<SchoolPlan>> {
    let mut parts: Vec<Vec<SchoolPlan>> = Vec::new();
    let mut machines = 0;
    for school in schools {
        if parts.is_empty() || machines + school.machines > AGENTS_A_PROCESS {
            parts.push(Vec::new());
            machines = 0;
        }
        machines += school.machines;
        if let Some(part) = parts.last_mut() {
            part.push(school.clone());
        }
    }
    parts
}

/// The running empty handler.
pub struct Echo {
    side: Side,
    /// Where it listens and how to trust it.
    pub listening: Listening,
}

impl Echo {
    /// Starts it for clients of this authority (PEM).
    pub fn start(clients: &str) -> Result<Self> {
        let mut side = Side::start("echo")?;
        side.say(&clients)?;
        let listening = side.hear()?;
        Ok(Self { side, listening })
    }

    /// Processor time that it has taken since it started, seconds.
    pub fn cpu_s(&self) -> Result<f64> {
        sampling::cpu_s_of(self.side.child.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_process_gets_more_agents_than_its_files_allow_and_no_school_is_split() {
        let schools: Vec<_> = (0..1000).map(|place| SchoolPlan { place, machines: 20, token: String::new() }).collect();
        let parts = share(&schools);
        let sizes: Vec<usize> = parts.iter().map(|part| part.iter().map(|school| school.machines).sum()).collect();
        assert_eq!(sizes, [8000, 8000, 4000]);
        assert_eq!(share(&schools[..3]).len(), 1);
    }
}
