//! The process of the simulated agents: obeys orders from its standard input, one answer each.

use super::agent::Agent;
use super::orders::{Order, Plan, Tally, Target};
use super::world::World;
use super::{enrolling, week};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Longest time for a crowd to connect, to come back or to drain.
const PATIENCE: Duration = Duration::from_secs(180);
/// An end that is not reached: [`World::stop`] comes first.
const LONG: Duration = Duration::from_secs(86_400);

/// Reads the plan, then orders until the input ends.
pub fn run() -> Result<()> {
    let mut lines = std::io::stdin().lock().lines();
    let plan: Plan = serde_json::from_str(&lines.next().context("no plan")??).context("the plan")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut crowd = Crowd { world: Arc::new(World::new(plan)), agents: Vec::new(), going: JoinSet::new() };
    for line in lines {
        let order: Order = serde_json::from_str(&line?).context("an order")?;
        let tally = runtime.block_on(crowd.obey(order))?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&tally)?)?;
        out.flush()?;
    }
    Ok(())
}

struct Crowd {
    world: Arc<World>,
    agents: Vec<Agent>,
    /// Those who go on until told to stop.
    going: JoinSet<Agent>,
}

impl Crowd {
    async fn obey(&mut self, order: Order) -> Result<Tally> {
        let begun = Instant::now();
        let mut authority = None;
        match order {
            Order::Enrol => {
                let (seen, agents) = enrolling::all(&self.world).await?;
                self.world.counters.done.store(agents.len() as u64, Ordering::Relaxed);
                (self.agents, authority) = (agents, Some(seen));
            }
            Order::Echo { address, authority } => self.world.set_echo(address, &authority)?,
            Order::Storm => self.all(move |world, agent| storm(world, agent, begun)).await?,
            Order::Beat { target, for_ms } => {
                let until = begun + Duration::from_millis(for_ms);
                self.all(move |world, agent| beat(world, agent, target, until)).await?;
            }
            Order::Tell => {
                self.agents.iter_mut().for_each(|agent| agent.note_internet(&self.world, true));
                self.all(drain).await?;
            }
            Order::Fall { schools } => self.fall(schools),
            Order::Return => self.come_back().await?,
            Order::Stop => self.stop().await?,
            Order::Drain => self.all(drain).await?,
            Order::Clock(plan) => self.world.clock.set(plan),
            Order::Week { until_ms } => self.all(move |world, agent| week::live(world, agent, until_ms)).await?,
            Order::Account { file } => {
                let accounts: Vec<_> = self.agents.iter().flat_map(Agent::accounts).collect();
                std::fs::write(&file, serde_json::to_vec(&accounts)?)
                    .with_context(|| format!("{} cannot be written", file.display()))?;
            }
        }
        let mut tally = self.world.counters.take(begun);
        tally.authority = authority;
        Ok(tally)
    }

    /// Every agent does this at once.
    async fn all<W>(&mut self, work: impl Fn(Arc<World>, Agent) -> W) -> Result<()>
    where
        W: Future<Output = Agent> + Send + 'static,
    {
        if !self.going.is_empty() {
            bail!("some agents still go on: stop them first");
        }
        let mut tasks = JoinSet::new();
        for agent in self.agents.drain(..) {
            tasks.spawn(work(self.world.clone(), agent));
        }
        self.gather(tasks).await
    }

    async fn gather(&mut self, mut tasks: JoinSet<Agent>) -> Result<()> {
        while let Some(agent) = tasks.join_next().await {
            self.agents.push(agent?);
        }
        self.agents.sort_by_key(|agent| agent.who.place);
        Ok(())
    }

    fn fall(&mut self, schools: Vec<usize>) {
        let fallen: BTreeSet<usize> = schools.into_iter().collect();
        self.world.stop.store(false, Ordering::Relaxed);
        for mut agent in std::mem::take(&mut self.agents) {
            if fallen.contains(&agent.who.school) {
                agent.note_internet(&self.world, false);
                self.agents.push(agent);
            } else {
                self.going.spawn(beat(self.world.clone(), agent, Target::Collector, Instant::now() + LONG));
            }
        }
    }

    async fn come_back(&mut self) -> Result<()> {
        let (told, mut telling) = mpsc::channel(self.agents.len().max(1));
        let count = self.agents.len();
        for mut agent in self.agents.drain(..) {
            let (world, told) = (self.world.clone(), told.clone());
            self.going.spawn(async move {
                // While it was away its checks went on: that is what is buffered.
                for _ in 0..3 {
                    agent.note_something(&world, Target::Collector);
                }
                agent.note_internet(&world, true);
                let agent = drain(world.clone(), agent).await;
                // Whoever counts may have lost patience.
                let _ = told.send(agent.has_told_all()).await;
                drop(told);
                beat(world, agent, Target::Collector, Instant::now() + LONG).await
            });
        }
        drop(told);
        let all = async {
            for _ in 0..count {
                if telling.recv().await.is_none() {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE * 2, all).await.context("some agents did not come back")
    }

    async fn stop(&mut self) -> Result<()> {
        self.world.stop.store(true, Ordering::Relaxed);
        let going = std::mem::take(&mut self.going);
        self.gather(going).await?;
        self.world.stop.store(false, Ordering::Relaxed);
        Ok(())
    }
}

/// Connects and calls until the first call is acknowledged; the latency is from the beginning of the storm.
async fn storm(world: Arc<World>, mut agent: Agent, begun: Instant) -> Agent {
    agent.hang_up();
    agent.first_heard = None;
    agent.heartbeat(&world, Target::Collector, Instant::now() + PATIENCE).await;
    if let Some(heard) = agent.first_heard {
        world.counters.latencies.add(u64::try_from((heard - begun).as_micros()).unwrap_or(u64::MAX));
    }
    count(&world, agent.first_heard.is_some());
    agent
}

/// Calls without a pause until the time is over or the crowd is stopped.
async fn beat(world: Arc<World>, mut agent: Agent, target: Target, until: Instant) -> Agent {
    let counters = &world.counters;
    while Instant::now() < until && !world.stopped() {
        if agent.dice.below(10_000) < world.plan.events_of_10000 {
            agent.note_something(&world, target);
        }
        let Some(took) = agent.heartbeat(&world, target, until).await else {
            // Told to wait beyond the end, or stopped.
            tokio::time::sleep_until(until.min(Instant::now() + Duration::from_secs(1)).into()).await;
            continue;
        };
        if Instant::now() <= until {
            counters.count(&counters.done);
            counters.latencies.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
    }
    agent
}

/// Calls until nothing is left to tell.
async fn drain(world: Arc<World>, mut agent: Agent) -> Agent {
    let deadline = Instant::now() + PATIENCE;
    while !agent.has_told_all() && Instant::now() < deadline && !world.stopped() {
        agent.heartbeat(&world, Target::Collector, deadline).await;
    }
    count(&world, agent.has_told_all());
    agent
}

fn count(world: &World, good: bool) {
    let counters = &world.counters;
    counters.count(if good { &counters.done } else { &counters.failed });
}
