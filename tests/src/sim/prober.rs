//! The collector's own eye: pings of routers, in rounds as `collector/src/probe` makes them; what is confirmed and what is
//! ours is the product's own code. Rounds that could only repeat the last are left out.

use super::Ms;
use super::drive::{Drive, Event};
use super::sight::lost;
use super::time::{MINUTE, SECOND, stamp};
use super::world::CollectorState;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::net::IpAddr;
use vigie_collector::probe::follow::Follows;
use vigie_collector::store::Item;
use vigie_shared::id::LineId;

/// Time between two rounds.
const ROUND: Ms = 15 * SECOND;
/// Time between the beginnings of two looks.
const PACE: Ms = 20;
/// Most looks of one kind in a round.
const LOOKS: usize = 500;
/// So long after a change rounds are made one by one, and longer while something waits to be confirmed.
const ALERT: Ms = 5 * MINUTE;

/// What the collector remembers of the lines that it pings.
#[derive(Default)]
pub(super) struct Prober {
    follows: Follows,
    /// Lines that are probed: the school by place, and the line by name.
    lines: BTreeMap<LineId, (usize, String)>,
    /// Whether each answered when last seen from outside the rounds.
    answered: BTreeMap<LineId, bool>,
    alert_until: Ms,
    /// A round is planned for then.
    planned: Option<Ms>,
}

impl Drive {
    /// Lines of a school that the collector pings.
    pub(super) fn probe_lines(&mut self, school: usize, known: Vec<(LineId, String)>) {
        let lines = self.world.schools.get(school).map(|s| s.lines.clone()).unwrap_or_default();
        let probed = |name: &String| lines.iter().any(|line| line.probed && line.name == *name);
        self.prober.lines.extend(known.into_iter().filter(|(_, n)| probed(n)).map(|(id, n)| (id, (school, n))));
    }

    /// A line may answer otherwise than before from now on. Looks until now saw what was before.
    pub(super) fn probe_alert(&mut self) {
        if self.prober.lines.is_empty() || self.world.collector == CollectorState::Down {
            return;
        }
        let now = self.now;
        let answers: BTreeMap<LineId, bool> = self
            .prober
            .lines
            .keys()
            .copied()
            .collect::<Vec<_>>()
            .into_iter()
            .map(|l| (l, self.answers(l, false)))
            .collect();
        if self.prober.answered == answers {
            return;
        }
        let resting = self.prober.planned.is_none();
        if resting {
            let minute = now.div_euclid(MINUTE) * MINUTE;
            for (line, before) in self.prober.answered.clone() {
                for at in [minute - MINUTE, minute] {
                    self.prober.follows.looked(line, before, stamp(at.min(now)));
                }
            }
            let next = (now.div_euclid(ROUND) + 1) * ROUND;
            self.prober.planned = Some(next);
            self.push(next, Event::Probe);
        }
        self.prober.answered = answers;
        self.prober.alert_until = now + ALERT;
    }

    /// Whether a router answers now; with `chance`, as far as a lossy line lets it.
    fn answers(&mut self, line: LineId, chance: bool) -> bool {
        let Some((school, name)) = self.prober.lines.get(&line) else { return false };
        let Some(school) = self.world.schools.get(*school) else { return false };
        let Some(line) = school.lines.iter().find(|line| line.name == *name) else { return false };
        let reachable = matches!(self.world.collector, CollectorState::Up | CollectorState::Overloaded);
        let good = line.up && line.answers_ping && school.power && reachable;
        let loss = line.loss_percent;
        good && !(chance && lost(loss, 3, &mut self.world.rng))
    }

    /// One round.
    pub(super) fn probe(&mut self) -> Result<()> {
        let now = self.now;
        if self.prober.planned != Some(now) {
            return Ok(());
        }
        self.prober.planned = None;
        if self.world.collector == CollectorState::Down {
            return Ok(());
        }
        let lines = self.port.claim_probing(now)?;
        self.prober.follows.keep(&lines);
        let mut at = now;
        let pending = self.prober.follows.pending(LOOKS);
        self.ping(pending, &mut at);
        self.tell_probes(at)?;
        let due = self.prober.follows.due(stamp(at), LOOKS);
        self.ping(due, &mut at);
        let witnesses = self.prober.follows.witnesses();
        self.ping(witnesses, &mut at);
        if now < self.prober.alert_until || !self.prober.follows.pending(1).is_empty() {
            self.prober.planned = Some(now + ROUND);
            self.push(now + ROUND, Event::Probe);
        }
        Ok(())
    }

    fn ping(&mut self, lines: Vec<(LineId, IpAddr)>, at: &mut Ms) {
        for (line, _) in lines {
            let answers = self.answers(line, true);
            self.prober.follows.looked(line, answers, stamp(*at));
            *at += PACE;
        }
    }

    fn tell_probes(&mut self, at: Ms) -> Result<()> {
        let news = self.prober.follows.news();
        if news.is_empty() {
            return Ok(());
        }
        self.settle()?;
        for news in news {
            let silent = self.prober.follows.silent_schools();
            let proven = news.answers || news.others_answered;
            let ours = !proven && !self.port.heard_elsewhere(silent, news.since, news.last)?;
            let Some(result) = self.prober.follows.result(&news, ours, stamp(at)) else { continue };
            for applied in self.port.apply(vec![Item::Probe(result)]) {
                if let Err(error) = applied {
                    bail!("what a probe came to could not be kept: {error}");
                }
            }
            self.take_notes();
            self.prober.follows.told(&result);
        }
        Ok(())
    }
}
