//! Compares what is wanted with what was found, and says each difference with all that was found.

use super::{About, Facets, Restored, Scenario, Target, Want, Wanted};
use crate::sim::Ms;
use crate::sim::found::{Found, Incident, Ticket};
use crate::sim::time::{lasting, shown};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Something that is not as wanted.
#[derive(Debug, Clone)]
pub struct Difference {
    /// File.
    pub file: String,
    /// Line of the want.
    pub line: usize,
    /// What was wanted, as written.
    pub wanted: String,
    /// What is not so.
    pub why: String,
    /// All that was found, one line each.
    pub found: Vec<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:{}: wanted: {}", self.file, self.line, self.wanted)?;
        writeln!(f, "    but {}", self.why)?;
        for line in &self.found {
            writeln!(f, "    found: {line}")?;
        }
        Ok(())
    }
}

/// What the scenario does and the store has no operation for.
pub fn unsupported(scenario: &Scenario, asked: &[(Ms, String)]) -> Vec<Difference> {
    let difference = |(at, why): &(Ms, String)| Difference {
        file: scenario.file.clone(),
        line: 0,
        wanted: format!("what happens at {}", shown(*at)),
        why: why.clone(),
        found: vec![],
    };
    asked.iter().map(difference).collect()
}

/// What the reconciler finds at the end.
pub fn in_doubt(scenario: &Scenario, doubts: &[String]) -> Vec<Difference> {
    let difference = |why: &String| Difference {
        file: scenario.file.clone(),
        line: 0,
        wanted: "open incidents that follow from the facts at the end".to_owned(),
        why: why.clone(),
        found: vec![],
    };
    doubts.iter().map(difference).collect()
}

/// All differences. `seen` is what was found at the instants of wants that look earlier than the end.
pub fn compare(scenario: &Scenario, seen: &BTreeMap<Ms, Found>, end: &Found) -> Vec<Difference> {
    let mut spoken_of: BTreeSet<i64> = BTreeSet::new();
    let mut differences = Vec::new();
    for wanted in &scenario.wants {
        let found = wanted.at.and_then(|at| seen.get(&at)).unwrap_or(end);
        let mut judge = Judge { found, spoken_of: &mut spoken_of };
        if let Err(why) = judge.want(&wanted.want) {
            differences.push(difference(scenario, wanted, why, found));
        }
    }
    // Who speaks of a ticket may stand below.
    differences.retain(|difference| {
        let wanted = scenario.wants.iter().find(|wanted| wanted.line == difference.line);
        !matches!(wanted.map(|wanted| &wanted.want), Some(Want::NoOtherTicket))
    });
    for wanted in scenario.wants.iter().filter(|wanted| wanted.want == Want::NoOtherTicket) {
        let found = wanted.at.and_then(|at| seen.get(&at)).unwrap_or(end);
        let others: Vec<_> = found.tickets.iter().filter(|t| !spoken_of.contains(&t.number)).collect();
        if !others.is_empty() {
            let numbers: Vec<_> = others.iter().map(|ticket| ticket.number.to_string()).collect();
            differences.push(difference(scenario, wanted, format!("there is: ticket {}", numbers.join(", ")), found));
        }
    }
    differences
}

fn difference(scenario: &Scenario, wanted: &Wanted, why: String, found: &Found) -> Difference {
    let mut all: Vec<String> = found.tickets.iter().map(Ticket::shown).collect();
    all.extend(found.incidents.iter().map(Incident::shown));
    match wanted.want {
        Want::Messages { .. } => {
            all.extend(
                found.messages.iter().map(|m| format!("message {} about {} at {}", m.code, m.school, shown(m.at))),
            );
        }
        Want::Finding { .. } => {
            let line = |f: &crate::sim::found::Finding| format!("finding {} on {} of {}", f.code, f.machine, f.school);
            all.extend(found.findings.iter().map(line));
        }
        Want::Machine { .. } => {
            let line =
                |m: &crate::sim::found::Known| format!("{} of {}: {}, {}", m.machine, m.school, m.status, m.presence);
            all.extend(found.machines.iter().map(line));
        }
        Want::Why { .. } => all.extend(
            found.tickets.iter().map(|ticket| format!("ticket {}: {}", ticket.number, why_text(found, ticket))),
        ),
        _ => {}
    }
    if all.is_empty() {
        all.push("no ticket and no incident".to_owned());
    }
    Difference { file: scenario.file.clone(), line: wanted.line, wanted: wanted.text.clone(), why, found: all }
}

struct Judge<'a> {
    found: &'a Found,
    spoken_of: &'a mut BTreeSet<i64>,
}

type Verdict = Result<(), String>;

impl Judge<'_> {
    fn want(&mut self, want: &Want) -> Verdict {
        match want {
            Want::Tickets { count, check, target, facets } => self.tickets(*count, check.as_deref(), target, facets),
            Want::NoOtherTicket => Ok(()),
            Want::Incidents { count, check, target, facets } => {
                self.incidents(*count, check.as_deref(), target, facets)
            }
            Want::Latest { check, target, facets } => {
                let latest = self.found.incidents.iter().rfind(|i| is_on(i, target) && i.check == *check);
                let latest = latest.ok_or_else(|| format!("there is no incident {check} there"))?;
                incident_is(latest, facets)
            }
            Want::Finding { code, target, there } => {
                let such = |f: &&crate::sim::found::Finding| {
                    let on = match target {
                        Target::Any => true,
                        Target::In { school, scope } => {
                            f.school == *school && (scope == "school" || *scope == format!("machine {}", f.machine))
                        }
                        Target::Above(_) => false,
                    };
                    on && code.as_ref().is_none_or(|code| f.code == *code)
                };
                match (self.found.findings.iter().any(|f| such(&f)), there) {
                    (true, false) => Err("there is one".to_owned()),
                    (false, true) => Err("there is none".to_owned()),
                    _ => Ok(()),
                }
            }
            Want::Messages { count, code, target, window } => {
                let such = |m: &&crate::sim::found::Message| {
                    let on = match target {
                        Target::In { school, .. } => m.school == *school,
                        _ => true,
                    };
                    on && code.as_ref().is_none_or(|code| m.code == *code) && within(*window, m.at)
                };
                let there = self.found.messages.iter().filter(such).count();
                if there == *count { Ok(()) } else { Err(format!("there are {there}")) }
            }
            Want::Why { check, target, contains } => {
                let texts: Vec<String> = self
                    .found
                    .tickets
                    .iter()
                    .filter(|t| t.check == *check && self.ticket_on(t, target))
                    .map(|ticket| why_text(self.found, ticket))
                    .collect();
                match texts.iter().any(|text| text.contains(contains)) {
                    true => Ok(()),
                    false => Err("no explanation there contains it".to_owned()),
                }
            }
            Want::Machine { school, name, is } => {
                let such = |m: &&crate::sim::found::Known| m.school == *school && m.machine == *name;
                // The same name twice: the machine that was installed anew comes last.
                let known = self.found.machines.iter().rfind(such).ok_or("there is no such machine")?;
                match known.presence == *is || known.status == *is {
                    true => Ok(()),
                    false => Err(format!("it is {}, {}", known.status, known.presence)),
                }
            }
        }
    }

    fn ticket_on(&self, ticket: &Ticket, target: &Target) -> bool {
        let incidents = || ticket.incidents.iter().filter_map(|place| self.found.incidents.get(*place));
        match target {
            Target::Any => true,
            // The ticket of a school lists what is in it.
            Target::In { school, scope } if scope == "school" => ticket.school == *school,
            target => incidents().any(|incident| is_on(incident, target)),
        }
    }

    fn tickets(&mut self, count: usize, check: Option<&str>, target: &Target, facets: &Facets) -> Verdict {
        let such: Vec<&Ticket> = self
            .found
            .tickets
            .iter()
            .filter(|t| check.is_none_or(|check| t.check == check) && self.ticket_on(t, target))
            .filter(|t| within(facets.opened, t.opened))
            .filter(|t| facets.open != Some(true) || t.resolved.is_none() || count > 0)
            .collect();
        self.spoken_of.extend(such.iter().map(|ticket| ticket.number));
        if such.len() != count {
            return Err(format!("there are {}", such.len()));
        }
        such.into_iter().try_for_each(|ticket| self.ticket_is(ticket, facets))
    }

    fn ticket_is(&self, ticket: &Ticket, facets: &Facets) -> Verdict {
        let name = format!("ticket {}", ticket.number);
        if let Some(open) = facets.open
            && ticket.resolved.is_none() != open
        {
            return Err(format!("{name} is {}", if open { "resolved" } else { "still open" }));
        }
        if let (Some(window), Some(resolved)) = (facets.resolved, ticket.resolved)
            && !within(Some(window), resolved)
        {
            return Err(format!("{name} was resolved {}", shown(resolved)));
        }
        history(&name, ticket.history.iter().map(|entry| entry.code.as_str()), facets)?;
        let incidents: Vec<&Incident> =
            ticket.incidents.iter().filter_map(|place| self.found.incidents.get(*place)).collect();
        let rest =
            Facets { opened: None, open: None, resolved: None, history: vec![], no_history: vec![], ..facets.clone() };
        if rest == Facets::default() {
            return Ok(());
        }
        // One of its incidents is what the want speaks of; the first that is not is told.
        let mut first = Err(format!("{name} has no incident"));
        for (n, incident) in incidents.into_iter().enumerate() {
            match incident_is(incident, &rest) {
                Ok(()) => return Ok(()),
                Err(why) if n == 0 => first = Err(why),
                Err(_) => {}
            }
        }
        first
    }

    fn incidents(&mut self, count: usize, check: Option<&str>, target: &Target, facets: &Facets) -> Verdict {
        let such: Vec<&Incident> = self
            .found
            .incidents
            .iter()
            .filter(|i| check.is_none_or(|check| i.check == check) && is_on(i, target))
            .filter(|i| within(facets.opened, i.detected))
            .filter(|i| facets.open != Some(true) || i.resolved.is_none() || count > 0)
            .collect();
        if such.len() != count {
            return Err(format!("there are {}", such.len()));
        }
        let rest = Facets { opened: None, ..facets.clone() };
        such.into_iter().try_for_each(|incident| incident_is(incident, &rest))
    }
}

/// All that is said about a ticket: codes and figures of its history and of its incidents.
fn why_text(found: &Found, ticket: &Ticket) -> String {
    let incidents = ticket.incidents.iter().filter_map(|place| found.incidents.get(*place));
    let lines = ticket.history.iter().chain(incidents.flat_map(|incident| &incident.history));
    lines.map(|entry| format!("{} {}", entry.code, entry.figures)).collect::<Vec<_>>().join("; ")
}

fn within(window: Option<(Ms, Ms)>, at: Ms) -> bool {
    window.is_none_or(|(from, to)| (from..=to).contains(&at))
}

fn is_on(incident: &Incident, target: &Target) -> bool {
    match target {
        Target::Any => true,
        Target::In { school, scope } => {
            let within = scope == "school" && incident.scope.starts_with("network ");
            incident.school == *school && (incident.scope == *scope || within)
        }
        // A verdict above schools names its basin and operator in its instance.
        Target::Above(scope) => match scope.split_once(' ') {
            Some((_, name)) => incident.scope == "basin" && incident.instance.contains(name),
            None => incident.scope == *scope,
        },
    }
}

fn near(about: About, at: Ms) -> bool {
    (at - about.at).abs() <= about.by
}

fn history<'a>(name: &str, codes: impl Iterator<Item = &'a str> + Clone, facets: &Facets) -> Verdict {
    for wanted in &facets.history {
        if !codes.clone().any(|code| code == wanted) {
            let all: Vec<_> = codes.clone().collect();
            return Err(format!("the history of {name} is {}", all.join(", ")));
        }
    }
    match facets.no_history.iter().find(|unwanted| codes.clone().any(|code| code == **unwanted)) {
        Some(unwanted) => Err(format!("the history of {name} has {unwanted}")),
        None => Ok(()),
    }
}

fn incident_is(incident: &Incident, facets: &Facets) -> Verdict {
    if let Some(started) = facets.started.filter(|started| !near(*started, incident.start())) {
        let off = lasting(incident.start() - started.at);
        return Err(format!("it began {} by the best estimate, {off} off", shown(incident.start())));
    }
    if let Some(open) = facets.open
        && incident.resolved.is_none() != open
    {
        return Err(format!("it is {}", if open { "resolved" } else { "still open" }));
    }
    if let Some(window) = facets.resolved
        && !incident.resolved.is_some_and(|resolved| within(Some(window), resolved))
    {
        return Err("it was not resolved then".to_owned());
    }
    restored(incident, facets)?;
    if !facets.causes.is_empty() && !facets.causes.contains(&incident.cause) {
        return Err(format!("its cause is {} {}", incident.cause, incident.confidence));
    }
    if facets.confidence.as_ref().is_some_and(|wanted| *wanted != incident.confidence) {
        return Err(format!("its cause is {} {}", incident.cause, incident.confidence));
    }
    if let Some(witnesses) = facets.witnesses.filter(|wanted| *wanted != incident.witnesses) {
        return Err(format!("it is seen by {} machines, not {witnesses}", incident.witnesses));
    }
    if facets.with_ticket.is_some_and(|wanted| wanted != incident.ticket.is_some()) {
        return Err(format!("it is on {}", incident.ticket.map_or("no ticket".to_owned(), |n| format!("ticket {n}"))));
    }
    history("the incident", incident.history.iter().map(|entry| entry.code.as_str()), facets)
}

fn restored(incident: &Incident, facets: &Facets) -> Verdict {
    let Some(wanted) = facets.restored else { return Ok(()) };
    let (Some((after, by)), Some(end)) = (incident.ended, incident.end()) else {
        return Err("it has no end".to_owned());
    };
    match wanted {
        Restored::At(about) if !near(about, end) => {
            Err(format!("it ended {} by the best estimate, {} off", shown(end), lasting(end - about.at)))
        }
        Restored::Between(from, to) if !near(from, after) || !near(to, by) => {
            Err(format!("it is known to have ended between {} and {}", shown(after), shown(by)))
        }
        _ => Ok(()),
    }
}
