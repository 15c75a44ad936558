//! Which schools are looked at, and when: as the collector's ticker does, or leaving out those of which nothing can come.

use super::Ms;
use super::drive::Drive;
use super::store_port::Port;
use super::world::CollectorState;
use anyhow::{Context, Result};

impl Drive {
    pub(super) fn next_wake(&self) -> Option<Ms> {
        if self.world.collector == CollectorState::Down {
            return None;
        }
        self.places.iter().filter_map(|place| if place.asleep { place.note.other } else { place.note.wake }).min()
    }

    /// The ticker's turn.
    pub(super) fn look_at_schools(&mut self) -> Result<()> {
        let now = self.now;
        let mut due = Vec::new();
        for number in 0..self.places.len() {
            let Some(place) = self.places.get_mut(number) else { continue };
            let wake = if place.asleep { place.note.other } else { place.note.wake };
            if wake.is_none_or(|wake| wake > now) {
                continue;
            }
            if self.options.leap && place.note.other.is_none_or(|other| other > now) {
                place.asleep = true;
            } else {
                due.push(number);
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        if self.options.leap {
            for number in due {
                self.tick(number)?;
            }
            return Ok(());
        }
        for number in due {
            self.flush(number, vec![])?;
        }
        for school in self.port.claim_due(now)? {
            let number = self.of_id.get(&school).copied().context("the store claims a school that is not ours")?;
            self.tick(number)?;
        }
        // A wake that heartbeats have moved on meanwhile, or that the store does not call due: it is as the store says.
        for place in &mut self.places {
            if place.note.wake.is_some_and(|wake| wake <= now) {
                place.note.wake = Some(now + 1000);
            }
        }
        Ok(())
    }

    fn tick(&mut self, number: usize) -> Result<()> {
        let id = self.places.get(number).and_then(|place| place.id).context("a school")?;
        self.figures.ticks += 1;
        let before = self.now;
        for result in self.flush(number, vec![Port::tick(id, before)])? {
            result.map_err(|error| anyhow::anyhow!("a tick failed: {error}"))?;
        }
        let place = self.places.get_mut(number).context("a school")?;
        place.asleep = false;
        // The ticker comes back within a second, not at once.
        if let Some(wake) = place.note.wake.filter(|wake| *wake <= before) {
            place.note.wake = Some(wake.max(before + 1000));
        }
        if let Some(other) = place.note.other.filter(|other| *other <= before) {
            place.note.other = Some(other.max(before + 1000));
        }
        Ok(())
    }

    /// A machine does not beat any more: its school is looked at again.
    pub(super) fn disturb(&mut self, agent: usize) {
        let Some(machine) = self.agents.get(agent).map(|agent| agent.machine) else { return };
        let now = self.now;
        let Some(place) = self.place_of(machine).ok().and_then(|place| self.places.get_mut(place)) else { return };
        if place.asleep {
            place.asleep = false;
            (place.note.wake, place.note.other) = (Some(now), Some(now));
        } else {
            // It may not sleep at its next look: this machine was taken to be heard on.
            place.note.other = place.note.other.into_iter().chain(place.note.wake).min();
        }
    }

    /// The engine of several schools looks; schools that it concerns are looked at again.
    pub(super) fn look_wide(&mut self) -> Result<()> {
        self.wide_planned = false;
        if self.world.collector != CollectorState::Down {
            // Who was heard last counts there.
            self.settle()?;
            self.port.look_wide(self.now)?;
            self.wake_all();
        }
        Ok(())
    }

    /// A school is to be looked at.
    pub(super) fn wake(&mut self, number: usize) {
        let now = self.now;
        if let Some(place) = self.places.get_mut(number) {
            place.asleep = false;
            (place.note.wake, place.note.other) = (Some(now), Some(now));
        }
    }

    /// All schools are to be looked at: the collector came back.
    pub(super) fn wake_all(&mut self) {
        let now = self.now;
        for place in &mut self.places {
            place.asleep = false;
            (place.note.wake, place.note.other) = (Some(now), Some(now));
        }
    }
}
