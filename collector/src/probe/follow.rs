//! Which looks at lines come to something new. Pure: looks in, news out.
//!
//! A result is believed after two looks in a row. A silence is held against a line only where something else proves that
//! the collector's own line carried between those two looks: another line that answered, or a machine of another school
//! that was heard. Without such a proof it *may be ours*, and says so; it is looked at again until one comes.

use crate::store::{ProbeResult, ProbedLine};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use vigie_shared::id::{LineId, SchoolId};

/// Time between two looks at a line of which nothing new is expected.
pub const EVERY: SignedDuration = SignedDuration::from_secs(60);
/// Looks further apart than this do not confirm each other.
const GAP_MAX: SignedDuration = SignedDuration::from_mins(3);
/// Looks in a row that must agree.
const CONFIRM: u32 = 2;
/// Lines that are asked to bear witness for the collector's own line when another falls silent.
const WITNESSES: usize = 8;

/// Looks in a row that came to the same.
#[derive(Debug, Clone, Copy)]
struct Run {
    answers: bool,
    since: Timestamp,
    last: Timestamp,
    looks: u32,
}

/// What was told of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    answers: bool,
    ours: bool,
}

/// One line as followed.
#[derive(Debug, Clone)]
struct Follow {
    school: SchoolId,
    address: IpAddr,
    told: Option<Told>,
    run: Option<Run>,
    last_answer: Option<Timestamp>,
}

impl Follow {
    fn new(line: &ProbedLine) -> Self {
        let told = line.state.map(|state| Told { answers: state.answers, ours: state.ours });
        Self { school: line.school, address: line.address, told, run: None, last_answer: None }
    }

    fn looked(&mut self, answers: bool, at: Timestamp) {
        match self.run.as_mut().filter(|run| run.answers == answers && run.last.duration_until(at) <= GAP_MAX) {
            Some(run) => (run.last, run.looks) = (at, run.looks.saturating_add(1)),
            None => self.run = Some(Run { answers, since: at, last: at, looks: 1 }),
        }
        if answers {
            self.last_answer = Some(at);
        }
    }

    /// Whether another look is wanted soon: something new waits to be confirmed, or for a proof.
    fn is_pending(&self) -> bool {
        self.run.is_some_and(|run| match self.told {
            None => true,
            Some(told) => told.answers != run.answers || (told.ours && !run.answers),
        })
    }

    /// A silence in which nobody else has yet proved anything.
    fn fell_silent(&self) -> Option<Timestamp> {
        self.run.filter(|run| !run.answers && self.is_pending()).map(|run| run.since)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.run.is_none_or(|run| run.last.duration_until(now).abs() >= EVERY)
    }

    /// What is confirmed and not told.
    fn news(&self) -> Option<Run> {
        self.run.filter(|run| run.looks >= CONFIRM && self.is_pending())
    }
}

/// Something confirmed; whether it is ours is asked next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    /// The line.
    pub line: LineId,
    /// Its school.
    pub school: SchoolId,
    /// Whether it answers.
    pub answers: bool,
    /// The first look that came to this.
    pub since: Timestamp,
    /// The latest.
    pub last: Timestamp,
    /// The last answer before a silence.
    pub last_answer: Option<Timestamp>,
    /// Whether another line answered between the two.
    pub others_answered: bool,
}

/// All lines that are probed.
#[derive(Debug, Default)]
pub struct Follows(BTreeMap<LineId, Follow>);

impl Follows {
    /// Follows these lines and no others. What was seen of a line whose address changed counts no more.
    pub fn keep(&mut self, lines: &[ProbedLine]) {
        let wanted: BTreeSet<LineId> = lines.iter().map(|line| line.id).collect();
        self.0.retain(|line, _| wanted.contains(line));
        for line in lines {
            let known = self.0.entry(line.id).or_insert_with(|| Follow::new(line));
            if known.address != line.address || known.school != line.school {
                *known = Follow::new(line);
            }
        }
    }

    /// Whom to look at first: what waits to be confirmed, at most so many.
    pub fn pending(&self, most: usize) -> Vec<(LineId, IpAddr)> {
        let pending = self.0.iter().filter(|(_, follow)| follow.is_pending());
        pending.map(|(line, follow)| (*line, follow.address)).take(most).collect()
    }

    /// Whom to look at because it is time, those first that were not looked at for the longest, at most so many.
    pub fn due(&self, now: Timestamp, most: usize) -> Vec<(LineId, IpAddr)> {
        let due = self.0.iter().filter(|(_, follow)| follow.is_due(now) && !follow.is_pending());
        let mut due: Vec<_> =
            due.map(|(line, follow)| (follow.run.map(|run| run.last), *line, follow.address)).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, line, address)| (line, address)).take(most).collect()
    }

    /// Lines that answered when last looked at, to be asked again because others fell silent since.
    pub fn witnesses(&self) -> Vec<(LineId, IpAddr)> {
        let Some(silent) = self.0.values().filter_map(Follow::fell_silent).max() else { return vec![] };
        let asked = |follow: &&Follow| follow.run.is_some_and(|run| run.answers && run.last <= silent);
        let lines = self.0.iter().filter(|(_, follow)| asked(follow));
        lines.map(|(line, follow)| (*line, follow.address)).take(WITNESSES).collect()
    }

    /// Takes the result of a look that began at this instant.
    pub fn looked(&mut self, line: LineId, answers: bool, at: Timestamp) {
        if let Some(follow) = self.0.get_mut(&line) {
            follow.looked(answers, at);
        }
    }

    /// What is confirmed and not told yet.
    pub fn news(&self) -> Vec<News> {
        let news = |(line, follow): (&LineId, &Follow)| {
            let run = follow.news()?;
            let between = |at: Timestamp| run.since < at && at < run.last;
            let mut others = self.0.iter().filter(|(other, _)| *other != line);
            Some(News {
                line: *line,
                school: follow.school,
                answers: run.answers,
                since: run.since,
                last: run.last,
                last_answer: follow.last_answer.filter(|_| !run.answers),
                others_answered: others.any(|(_, other)| other.last_answer.is_some_and(between)),
            })
        };
        self.0.iter().filter_map(news).collect()
    }

    /// Schools of which a line is silent: their machines bear no witness for the collector's line.
    pub fn silent_schools(&self) -> BTreeSet<SchoolId> {
        let silent = |follow: &&Follow| follow.run.is_some_and(|run| !run.answers);
        self.0.values().filter(silent).map(|follow| follow.school).collect()
    }

    /// The result that news comes to, when it differs from what was told.
    pub fn result(&self, news: &News, ours: bool, at: Timestamp) -> Option<ProbeResult> {
        let ours = ours && !news.answers;
        let told = Told { answers: news.answers, ours };
        let News { line, school, answers, since, last_answer, .. } = *news;
        let differs = self.0.get(&line).is_some_and(|follow| follow.told != Some(told));
        differs.then_some(ProbeResult { school, line, answers, ours, since, last_answer, at })
    }

    /// A result was kept.
    pub fn told(&mut self, result: &ProbeResult) {
        if let Some(follow) = self.0.get_mut(&result.line) {
            follow.told = Some(Told { answers: result.answers, ours: result.ours });
        }
    }
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
