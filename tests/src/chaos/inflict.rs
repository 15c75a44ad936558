//! Makes a fault happen, for as long as it lasts, and ends it.

use super::outages::Outages;
use super::path::Trouble;
use super::plan::{Fault, Kind, Target};
use super::run::pass;
use super::scene::{Agent, Party, Process, Scene, start_agent};
use super::volume::{Volume, WallClock};
use crate::collector::{Collector, SCHOOLS};
use crate::machine::Machine;
use crate::process::Running;
use crate::wait::{stays_true, wait_for};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// A program that was killed stands again after this, whatever else is wrong.
const TO_START: Duration = Duration::from_secs(90);
/// An outage is seen within this: the clock may have gone back by a minute, and after an absence of the collector
/// nobody is missed for half a minute.
pub const TO_TICKET: Duration = Duration::from_secs(150);

/// What can be killed, stopped and started.
pub trait Mortal {
    /// Its running process.
    fn running(&mut self) -> Result<&mut Running>;
    /// SIGKILL.
    fn kill(&mut self) -> Result<()>;
    /// Starts it again.
    fn start_again(&mut self) -> Result<()>;
}

impl Mortal for Machine {
    fn running(&mut self) -> Result<&mut Running> {
        self.agent()
    }

    fn kill(&mut self) -> Result<()> {
        self.kill_9()
    }

    fn start_again(&mut self) -> Result<()> {
        start_agent(self)
    }
}

impl Mortal for Collector {
    fn running(&mut self) -> Result<&mut Running> {
        self.process()
    }

    fn kill(&mut self) -> Result<()> {
        self.kill_9()
    }

    fn start_again(&mut self) -> Result<()> {
        self.start(None)
    }
}

/// Inflicts any fault but [`Kind::LineCut`]; it is over when this returns. Answers whether it found something to strike:
/// on a way on which nothing was said there is nothing to damage.
pub fn inflict(scene: &Scene, fault: &Fault) -> Result<bool> {
    match fault.target {
        Target::Agent(agent) => return on_agent(scene, agent, fault),
        Target::Collector(place) if fault.kind == Kind::DatabaseCut => {
            let cable = &scene.places[place];
            cable.cut()?;
            let result = pass(fault.lasts);
            cable.restore()?;
            result
        }
        Target::Collector(place) => on_collector(scene, &scene.collectors[place], fault),
        Target::Database => on_database(scene, fault),
        Target::School(_) => bail!("{:?} is not inflicted here", fault.kind),
    }
    .map(|()| true)
}

fn on_agent(scene: &Scene, place: usize, fault: &Fault) -> Result<bool> {
    let Agent { party, .. } = &scene.agents[place];
    let way = scene.way(place)?;
    let trouble = match fault.kind {
        Kind::AgentKilled => return killed(party, fault.lasts).map(|()| true),
        Kind::AgentStopped => return stopped(party, fault.lasts).map(|()| true),
        Kind::AgentDiskFull => return full(&party.volume, fault.lasts).map(|()| true),
        Kind::AgentClock => return wrong(&party.clock, fault).map(|()| true),
        Kind::Cut => Trouble::Cut,
        Kind::Delayed => Trouble::Delayed(Duration::from_millis(100 + fault.amount.unsigned_abs() % 1_100)),
        Kind::Duplicated => Trouble::Duplicated,
        Kind::AnswerLost => Trouble::AnswerLost,
        Kind::Reordered => Trouble::Reordered,
        Kind::Corrupted => Trouble::Corrupted { said: fault.amount % 2 == 0 },
        Kind::Truncated => Trouble::Truncated { said: fault.amount % 2 == 0 },
        other => bail!("{other:?} does not happen to agents"),
    };
    let before = way.bites();
    way.set(trouble);
    let result = match trouble {
        Trouble::Cut | Trouble::Delayed(_) => pass(fault.lasts),
        // These strike once.
        _ => until(fault.lasts, || way.bites() > before),
    };
    way.set(Trouble::None);
    result.map(|()| way.bites() > before)
}

fn on_collector(scene: &Scene, party: &Party<Collector>, fault: &Fault) -> Result<()> {
    match fault.kind {
        Kind::CollectorKilled => killed(party, fault.lasts),
        Kind::CollectorStopped => stopped(party, fault.lasts),
        Kind::CollectorClock => wrong(&party.clock, fault),
        Kind::CollectorDiskFull => {
            let reader = scene.books.hold().context("a reader in the middle of its work")?;
            let result = full(&party.volume, fault.lasts);
            drop(reader);
            result
        }
        other => bail!("{other:?} does not happen to collectors"),
    }
}

fn on_database(scene: &Scene, fault: &Fault) -> Result<()> {
    let server = scene.server.as_ref().context("only several collectors have a database server")?;
    let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
    match fault.kind {
        Kind::DatabaseKilled => server.stop_hard()?,
        _ => server.stop()?,
    }
    let result = pass(fault.lasts);
    server.start_again()?;
    result
}

fn killed<T: Mortal>(party: &Party<T>, lasts: Duration) -> Result<()> {
    {
        let mut process = party.lock();
        process.down = true;
        // It may have ended by itself an instant ago, of another fault.
        let _ = process.program.kill();
    }
    pass(lasts)?;
    start(party)
}

/// Starts a program that is down, again and again as its supervisor would.
pub fn start<T: Mortal>(party: &Party<T>) -> Result<()> {
    wait_for("a program to start again", TO_START, || {
        let mut process = party.lock();
        let started = process.program.start_again().is_ok();
        process.down = !started;
        started.then_some(())
    })
}

fn stopped<T: Mortal>(party: &Party<T>, lasts: Duration) -> Result<()> {
    // Held for the whole time: a stopped process cannot be asked anything.
    let mut process = party.lock();
    let Process { program, .. } = &mut *process;
    let Ok(running) = program.running() else { return Ok(()) };
    let pid = i32::try_from(running.pid()).ok().and_then(Pid::from_raw).context("a process number")?;
    kill_process(pid, Signal::STOP)?;
    let result = pass(lasts);
    kill_process(pid, Signal::CONT)?;
    result
}

fn full(volume: &Volume, lasts: Duration) -> Result<()> {
    let began = Instant::now();
    let result = (|| {
        while began.elapsed() < lasts {
            volume.fill()?;
            stays_true("time", Duration::from_millis(50), || true)?;
        }
        Ok(())
    })();
    volume.empty()?;
    result
}

fn wrong(clock: &WallClock, fault: &Fault) -> Result<()> {
    clock.set(fault.amount)?;
    let result = pass(fault.lasts);
    clock.set(0)?;
    result
}

/// Waits for something that need not happen.
fn until(bound: Duration, mut happened: impl FnMut() -> bool) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < bound && !happened() {
        stays_true("time", Duration::from_millis(50), || true)?;
    }
    Ok(())
}

/// Cuts the line of a school until its ticket is there and a little longer. Answers how long the ticket took, seconds;
/// none if it did not come.
pub fn cut_line(scene: &Scene, fault: &Fault, outages: &Outages, outage: usize) -> Result<Option<f64>> {
    let Target::School(school) = fault.target else { bail!("only schools have lines") };
    let line = &scene.world.schools[school];
    if fault.amount % 2 == 0 {
        line.cut_line_silently()?;
    } else {
        line.cut_line()?;
    }
    let began = Instant::now();
    let seen = until(TO_TICKET, || outages.has_ticket(outage));
    let took = outages.has_ticket(outage).then(|| began.elapsed().as_secs_f64());
    let result = seen.and_then(|()| pass(fault.lasts));
    line.restore_line()?;
    result.map(|()| took)
}

/// Number of a school by its place.
pub fn uai(school: usize) -> &'static str {
    SCHOOLS[school]
}
