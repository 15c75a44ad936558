//! Everything set up: a school, a collector outside, enrolled machines that report and find the internet well.

use crate::collector::{Collector, SCHOOLS};
use crate::machine::Machine;
use crate::outside;
use crate::store::{Store, Ticket};
use crate::wait::wait_for;
use crate::world::World;
use anyhow::{Context, Result};
use std::time::Duration;
use vigie_shared::check::INTERNET;
use vigie_shared::id::MachineId;
use vigie_shared::policy::Policy;

/// A running school.
pub struct Stage {
    /// The real agents. Dropped first.
    pub machines: Vec<Machine>,
    /// Who they are, in the same order.
    pub ids: Vec<MachineId>,
    /// The real collector.
    pub collector: Collector,
    /// The networks.
    pub world: World,
}

/// A policy with this heartbeat and the check `internet` at the same pace, aimed at the servers of the world.
pub fn policy(heartbeat_s: u32) -> Policy {
    let mut policy = Policy { heartbeat_s, internet: outside::policy(heartbeat_s.max(5)), ..Policy::default() };
    // Quiet: free space changes with whatever else runs on this machine, and how full its disk is, is no fault of ours.
    policy.volume_space.every_s = 86_400;
    (policy.volume_space.warning_percent, policy.volume_space.critical_percent) = (1, 0);
    policy
}

impl Stage {
    /// A school with `machines` enrolled machines; their agents are not started.
    pub fn enrolled(machines: usize, policy: &Policy) -> Result<Self> {
        Self::enrolled_in(World::new()?, machines, policy)
    }

    /// The same in a world that has no school yet.
    pub fn enrolled_in(mut world: World, machines: usize, policy: &Policy) -> Result<Self> {
        world.add_school(machines)?;
        let mut collector = Collector::outside(&world)?;
        collector.start(Some(&world))?;
        collector.import_schools()?;
        let school = world.schools.first().context("one school")?;
        collector.expect_network(SCHOOLS[0], school)?;
        collector.set_policy(policy)?;
        let token = collector.token(u32::try_from(machines)?)?;
        let mut stage = Self { machines: Vec::new(), ids: Vec::new(), collector, world };
        for (place, namespace) in stage.world.schools[0].machines.iter().enumerate() {
            let machine = Machine::new(namespace, &format!("salle1-poste{}", place + 1), stage.world.folder())?;
            stage.ids.push(machine.enrol(&stage.collector.url(), &token)?);
            stage.machines.push(machine);
        }
        Ok(stage)
    }

    /// The same with running agents whose check `internet` is confirmed to be well.
    pub fn running(machines: usize, policy: &Policy) -> Result<Self> {
        let mut stage = Self::enrolled(machines, policy)?;
        for machine in &mut stage.machines {
            machine.start()?;
        }
        stage.wait_all_well(policy)?;
        Ok(stage)
    }

    /// Waits until every machine has reported that the internet is well.
    pub fn wait_all_well(&self, policy: &Policy) -> Result<()> {
        let store = self.collector.store()?;
        let bound = Duration::from_secs(u64::from(policy.heartbeat_s) * 6 + 30);
        for (machine, id) in self.machines.iter().zip(&self.ids) {
            let look = || (store.check_state(id, INTERNET).ok()??.as_str() == "ok").then_some(());
            wait_for(&format!("« internet ok » of {}", machine.host), bound, look)
                .with_context(|| format!("log of the agent:\n{}", crate::process::tail(&machine.log(), 20)))?;
        }
        Ok(())
    }

    /// Waits until every machine was heard twice more: whatever it had to tell is told by then.
    pub fn wait_all_told(&self, bound: Duration) -> Result<()> {
        let store = self.collector.store()?;
        for _ in 0..2 {
            let now = crate::fake::now_ms();
            for (machine, id) in self.machines.iter().zip(&self.ids) {
                let look = || (store.last_seen_ms(id).ok()?? > now).then_some(());
                wait_for(&format!("another heartbeat of {}", machine.host), bound, look)
                    .with_context(|| format!("log of the agent:\n{}", crate::process::tail(&machine.log(), 20)))?;
            }
        }
        Ok(())
    }

    /// The database of the collector.
    pub fn store(&self) -> Result<Store> {
        self.collector.store()
    }

    /// Cuts the line of the first school.
    pub fn cut(&self) -> Result<()> {
        self.world.schools[0].cut_line()
    }

    /// Restores it.
    pub fn restore(&self) -> Result<()> {
        self.world.schools[0].restore_line()
    }

    /// Waits for the ticket about the internet.
    pub fn wait_ticket(&self, bound: Duration) -> Result<Ticket> {
        let store = self.store()?;
        wait_for("a ticket", bound, || store.tickets().ok()?.into_iter().next())
            .with_context(|| format!("log of the collector:\n{}", crate::process::tail(&self.collector.log(), 20)))
    }

    /// Waits until that ticket is resolved.
    pub fn wait_resolved(&self, bound: Duration) -> Result<Ticket> {
        let store = self.store()?;
        wait_for("the ticket to be resolved", bound, || {
            store.tickets().ok()?.into_iter().find(|ticket| ticket.resolved_ms.is_some())
        })
        .with_context(|| format!("log of the collector:\n{}", crate::process::tail(&self.collector.log(), 20)))
    }
}
