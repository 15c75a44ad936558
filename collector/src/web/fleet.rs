//! `/`: the health of the fleet. The state in words first, then what is due, then who needs somebody, then the rest.

use super::Web;
use super::access::{self, Need};
use super::cells::{self, Cell, CellView, Strip, Tally};
use super::guard::Ask;
use super::incidents::{self, IncidentView, TicketLine};
use super::lang::Lang;
use super::page::{PageError, Shell, html};
use super::words;
use crate::engine::Presence;
use crate::store::{Fleet, SchoolSummary, TicketSummary};
use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use vigie_shared::check::INTERNET;

/// Open tickets shown here; the rest is one link away.
const TICKETS: usize = 8;
/// Schools that are well are folded into their basins when there are more than this.
const ROWS: usize = 30;
/// Problems named on one tile.
const PROBLEMS: usize = 3;

/// The page.
pub async fn show(State(web): State<Web>, Extension(ask): Extension<Ask>) -> Result<Response, PageError> {
    let fleet = web.context.store.fleet(ask.now).await?;
    let view = FleetView::new(ask.lang, &fleet, ask.now);
    let s = Shell::new(&ask, ask.lang.say("nav-fleet"), "fleet");
    let may_know = ask.who.as_ref().is_some_and(|w| access::allows(w.role, Need::SeeDefects));
    let in_doubt = Some(web.context.in_doubt.load(Ordering::Relaxed)).filter(|n| may_know && *n > 0);
    let in_doubt = in_doubt.map(|n| ask.lang.tell("in-doubt", &[("n", n.into())]));
    html(&FleetTemplate { s, view, in_doubt })
}

#[derive(Template)]
#[template(path = "fleet.html")]
struct FleetTemplate {
    s: Shell,
    view: FleetView,
    /// That open incidents do not follow from the facts, for those who can have it mended.
    in_doubt: Option<String>,
}

/// A part of the headline: its text, and whether it is what hurts.
pub type Part = (String, bool);

/// The page in words.
pub struct FleetView {
    /// The state in words.
    pub headline: Vec<Part>,
    /// Day, hour and figures.
    pub sub: Vec<String>,
    /// Open tickets by time left.
    pub tickets: Vec<TicketLine>,
    /// Open tickets that are not shown here, in words.
    pub more_tickets: Option<String>,
    /// Schools that need somebody, worst first.
    pub tiles: Vec<Tile>,
    /// Their number in words.
    pub tiles_count: String,
    /// Schools that are well, by basin when folded, else in one group without a name.
    pub well: Vec<Group>,
    /// Their number in words.
    pub well_count: String,
    /// Machines that wait for approval, in words.
    pub quarantine: Option<String>,
    /// No machine has enrolled yet.
    pub empty: bool,
    /// No school was imported yet.
    pub no_schools: bool,
    /// Schools without machines, in words.
    pub without_machines: Option<String>,
}

/// A school that needs somebody.
pub struct Tile {
    /// Its page.
    pub href: String,
    /// Name.
    pub name: String,
    /// Town.
    pub town: String,
    /// `broken` or `look`.
    pub tone: &'static str,
    /// What is wrong, worst first: title, detail, time left or empty, tone.
    pub problems: Vec<Problem>,
    /// Problems that are not named, in words.
    pub more: Option<String>,
    /// The internet line's last day.
    pub strip: Strip,
    /// Machines.
    pub cells: Vec<CellView>,
    /// Machines in words.
    pub tally: String,
}

/// One thing that is wrong.
pub struct Problem {
    /// « Coupure internet ».
    pub title: String,
    /// « depuis 10 h 02 · ligne opérateur ».
    pub detail: String,
    /// Time left on its ticket, or empty.
    pub left: String,
    /// `broken` or `look`.
    pub tone: &'static str,
}

/// Schools that are well.
pub struct Group {
    /// Basin, when folded.
    pub name: Option<String>,
    /// Their number and machines in words.
    pub words: String,
    /// One line each.
    pub rows: Vec<Row>,
}

/// One quiet line.
pub struct Row {
    /// Its page.
    pub href: String,
    /// Name.
    pub name: String,
    /// Town.
    pub town: String,
    /// Machines.
    pub cells: Vec<CellView>,
    /// Machines in words.
    pub tally: String,
    /// What to know, or that there is nothing.
    pub note: String,
    /// Whether there is nothing to know.
    pub quiet: bool,
}

/// How a school stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// Cut or broken.
    Broken,
    /// Worth a look now.
    Look,
    /// Well.
    Well,
}

fn standing(school: &SchoolSummary) -> Standing {
    let tally = Tally::of(&school.machines);
    // Many of those that should be there fell silent together: the engine may be about to say why.
    let expected = tally.heard() + tally.get(Cell::Silent);
    let going_silent = tally.get(Cell::Silent) >= 2 && tally.get(Cell::Silent) * 2 >= expected;
    if school.open.iter().any(|i| i.check == INTERNET) || tally.get(Cell::Broken) > 0 {
        Standing::Broken
    } else if !school.open.is_empty() || going_silent {
        Standing::Look
    } else {
        Standing::Well
    }
}

impl FleetView {
    /// The fleet as it is at `now`.
    pub fn new(lang: Lang, fleet: &Fleet, now: Timestamp) -> Self {
        let mut calling: Vec<(Standing, &SchoolSummary)> =
            fleet.schools.iter().map(|s| (standing(s), s)).filter(|(st, _)| *st != Standing::Well).collect();
        // The order of schools within one standing is the store's, by name.
        calling.sort_by_key(|(standing, school)| (*standing, due_of(school, &fleet.tickets)));
        let well: Vec<&SchoolSummary> = fleet.schools.iter().filter(|s| standing(s) == Standing::Well).collect();
        let count = |n: usize| lang.tell("count-schools", &[("n", n.into())]);
        let hidden = fleet.tickets.len().saturating_sub(TICKETS);
        Self {
            headline: headline(lang, fleet, &calling, now),
            sub: sub(lang, fleet, now),
            tickets: fleet.tickets.iter().take(TICKETS).map(|t| incidents::ticket(lang, t, now)).collect(),
            more_tickets: (hidden > 0).then(|| lang.tell("more-tickets", &[("n", hidden.into())])),
            tiles: calling
                .iter()
                .map(|(standing, school)| tile(lang, *standing, school, &fleet.tickets, now))
                .collect(),
            tiles_count: count(calling.len()),
            well: groups(lang, &well),
            well_count: count(well.len()),
            quarantine: (fleet.quarantined > 0)
                .then(|| lang.tell("quarantine-notice", &[("n", fleet.quarantined.into())])),
            empty: fleet.schools.is_empty(),
            no_schools: fleet.schools.is_empty() && fleet.empty_schools == 0,
            without_machines: (fleet.empty_schools > 0 && !fleet.schools.is_empty())
                .then(|| lang.tell("schools-without-machines", &[("n", fleet.empty_schools.into())])),
        }
    }
}

/// The earliest due time among the open tickets of a school; schools without tickets come last.
fn due_of(school: &SchoolSummary, tickets: &[TicketSummary]) -> Timestamp {
    let waits = |t: &&TicketSummary| t.open && t.restored.is_none() && t.school.0 == school.uai;
    tickets.iter().filter(waits).map(|t| t.due).min().unwrap_or(Timestamp::MAX)
}

fn headline(lang: Lang, fleet: &Fleet, calling: &[(Standing, &SchoolSummary)], now: Timestamp) -> Vec<Part> {
    if fleet.schools.is_empty() {
        return parts(&lang.say("headline-empty"));
    }
    if fleet.schools.iter().flat_map(|s| &s.machines).all(|m| m.presence == Presence::Never) {
        return parts(&lang.say("headline-waiting"));
    }
    let cut: Vec<&SchoolSummary> =
        calling.iter().filter(|(_, s)| s.open.iter().any(|i| i.check == INTERNET)).map(|(_, s)| *s).collect();
    let cut_off = |t: &&TicketSummary| t.open && t.restored.is_none() && t.check == INTERNET;
    let due = fleet.tickets.iter().filter(cut_off).map(|t| t.due).min();
    let late = due.is_some_and(|due| due < now);
    let until = due.map(|due| words::moment(lang, due, now)).unwrap_or_default();
    let ending = match (due, late) {
        (None, _) => String::new(),
        (Some(_), false) => lang.tell("headline-before", &[("due", until.into())]),
        (Some(_), true) => lang.tell("headline-late", &[("due", until.into())]),
    };
    let schools = lang.tell("headline-schools", &[("n", calling.len().into())]);
    match (calling, cut.as_slice()) {
        ([], _) if fleet.tickets.iter().any(|t| t.open) => parts(&lang.say("headline-tickets-only")),
        ([], _) => parts(&lang.say("headline-well")),
        ([_], [school]) => {
            let name = school.name.replace(['⟦', '⟧'], "");
            parts(&lang.tell("headline-one-cut", &[("school", name.into()), ("ending", ending.into())]))
        }
        (_, []) => parts(&schools),
        _ => {
            let figures = [("schools", calling.len().into()), ("cuts", cut.len().into()), ("ending", ending.into())];
            parts(&lang.tell("headline-cuts", &figures))
        }
    }
}

/// Cuts a headline at its marks ⟦ ⟧: what stands between them is what hurts.
fn parts(text: &str) -> Vec<Part> {
    text.split('⟦')
        .enumerate()
        .flat_map(|(n, piece)| match piece.split_once('⟧') {
            Some((loud, rest)) if n > 0 => vec![(loud.to_owned(), true), (rest.to_owned(), false)],
            _ => vec![(piece.to_owned(), false)],
        })
        .filter(|(text, _)| !text.is_empty())
        .collect()
}

fn sub(lang: Lang, fleet: &Fleet, now: Timestamp) -> Vec<String> {
    let mut sub = vec![words::capital(&words::full(lang, now, now))];
    if !fleet.schools.is_empty() {
        let tally = Tally::of(fleet.schools.iter().flat_map(|s| &s.machines));
        let expected = tally.heard() + tally.get(Cell::Silent);
        sub.push(lang.tell("online-of", &[("online", tally.heard().into()), ("expected", expected.into())]));
        if tally.get(Cell::Off) > 0 {
            sub.push(lang.tell("count-off", &[("n", tally.get(Cell::Off).into())]));
        }
    }
    sub
}

fn tile(lang: Lang, standing: Standing, school: &SchoolSummary, tickets: &[TicketSummary], now: Timestamp) -> Tile {
    let mut problems: Vec<Problem> = school
        .open
        .iter()
        .map(|i| (i, incidents::incident(lang, i, now)))
        .map(|(incident, view)| {
            let ticket = tickets.iter().find(|t| {
                let same_machine = match (&t.about, &incident.machine) {
                    (Some((machine, instance)), Some((_, name))) => machine == name && *instance == incident.instance,
                    (None, None) => true,
                    _ => false,
                };
                t.open && t.school.0 == school.uai && t.check == incident.check && same_machine
            });
            let left = ticket.map(|t| incidents::ticket(lang, t, now).left).unwrap_or_default();
            problem(view, left)
        })
        .collect();
    problems.sort_by_key(|p| p.tone);
    if problems.is_empty() {
        problems.extend(measured(lang, school));
    }
    let hidden = problems.len().saturating_sub(PROBLEMS);
    problems.truncate(PROBLEMS);
    Tile {
        href: format!("/etablissements/{}", school.uai),
        name: school.name.clone(),
        town: school.town.clone(),
        tone: if standing == Standing::Broken { "broken" } else { "look" },
        problems,
        more: (hidden > 0).then(|| lang.tell("more-problems", &[("n", hidden.into())])),
        strip: Strip::of(lang, school, now),
        cells: cells::views(lang, school),
        tally: Tally::of(&school.machines).words(lang),
    }
}

fn problem(view: IncidentView, left: String) -> Problem {
    let about = view.machine.map(|(_, name)| name).unwrap_or_default();
    let place = if view.instance.is_empty() { about } else { format!("{about}, {}", view.instance) };
    let detail = if place.is_empty() { view.detail } else { format!("{place} · {}", view.detail) };
    Problem { title: view.title, detail, left, tone: view.tone }
}

/// What the cells say, for a school that needs somebody before any incident is open.
fn measured(lang: Lang, school: &SchoolSummary) -> Vec<Problem> {
    let of = |cell: Cell| school.machines.iter().filter(move |m| Cell::of(m) == cell).collect::<Vec<_>>();
    let (broken, silent) = (of(Cell::Broken), of(Cell::Silent));
    let names = |machines: &[&crate::store::MachineSummary]| {
        let names: Vec<String> = machines.iter().take(3).map(|m| m.host_name.clone()).collect();
        words::list(lang, &names)
    };
    let mut found = vec![];
    if !broken.is_empty() {
        let title = lang.tell("title-broken", &[("n", broken.len().into())]);
        found.push(Problem { title, detail: names(&broken), left: String::new(), tone: "broken" });
    }
    if silent.len() >= 2 {
        let title = lang.tell("title-silent", &[("n", silent.len().into())]);
        let detail = lang.say("silent-no-verdict");
        found.push(Problem { title, detail, left: String::new(), tone: "look" });
    }
    found
}

fn groups(lang: Lang, schools: &[&SchoolSummary]) -> Vec<Group> {
    let rows = |schools: &[&SchoolSummary]| schools.iter().map(|s| row(lang, s)).collect::<Vec<_>>();
    if schools.len() <= ROWS {
        return vec![Group { name: None, words: String::new(), rows: rows(schools) }];
    }
    let mut basins: BTreeMap<Option<String>, Vec<&SchoolSummary>> = BTreeMap::new();
    for school in schools {
        basins.entry(school.basin.clone()).or_default().push(school);
    }
    let group = |(basin, schools): (Option<String>, Vec<&SchoolSummary>)| {
        let tally = Tally::of(schools.iter().flat_map(|s| &s.machines));
        let figures = [("schools", schools.len().into()), ("online", tally.heard().into())];
        Group {
            name: Some(basin.unwrap_or_else(|| lang.say("no-basin"))),
            words: lang.tell("basin-words", &figures),
            rows: rows(&schools),
        }
    };
    basins.into_iter().map(group).collect()
}

fn row(lang: Lang, school: &SchoolSummary) -> Row {
    let tally = Tally::of(&school.machines);
    let part = |cell: Cell| {
        let n = tally.get(cell);
        (n > 0).then(|| lang.tell(&format!("count-{}", cell.word()), &[("n", n.into())]))
    };
    let mut notes: Vec<String> = [Cell::Silent, Cell::Look].into_iter().filter_map(part).collect();
    let waiting = school.machines.iter().filter(|m| m.status == "quarantined").count();
    let others = tally.get(Cell::Unknown).saturating_sub(waiting);
    let counted = [("count-quarantined", waiting), ("count-unknown", others)];
    notes.extend(counted.iter().filter(|(_, n)| *n > 0).map(|(key, n)| lang.tell(key, &[("n", (*n).into())])));
    Row {
        href: format!("/etablissements/{}", school.uai),
        name: school.name.clone(),
        town: school.town.clone(),
        cells: cells::views(lang, school),
        tally: tally.words(lang),
        quiet: notes.is_empty(),
        note: if notes.is_empty() { lang.say("nothing-to-say") } else { notes.join(", ") },
    }
}
