//! A machine as a cell (shape and colour), a group of machines as figures, a line's last day as a strip.

use super::lang::Lang;
use super::{reasons, words};
use crate::engine::Presence;
use crate::store::{MachineSummary, SchoolSummary};
use jiff::{SignedDuration, Timestamp};
use vigie_shared::check::{CheckState, INTERNET};

/// What a machine's cell shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// Something critical was measured on it.
    Broken,
    /// Not heard, without goodbye.
    Silent,
    /// Something is to be looked at, or could not be measured.
    Look,
    /// Nothing is known yet: never heard, nothing measured, or not approved.
    Unknown,
    /// Heard lately and all that is measured is well.
    Online,
    /// Said goodbye.
    Off,
}

impl Cell {
    /// All of them, worst first.
    pub const ALL: [Self; 6] = [Self::Broken, Self::Silent, Self::Look, Self::Unknown, Self::Online, Self::Off];

    /// What a machine's cell shows. Unknown is never shown as well (invariant 9).
    pub fn of(machine: &MachineSummary) -> Self {
        if machine.status != "trusted" {
            return Self::Unknown;
        }
        // Once a machine has left, its last word on the internet is of the past; a full disk is still full.
        let gone = machine.presence == Presence::Left;
        let stale = gone && machine.worst_check.as_ref().is_some_and(|(check, _, _)| check == INTERNET);
        match (machine.presence, machine.worst) {
            (Presence::Never, _) => Self::Unknown,
            (Presence::Silent, _) => Self::Silent,
            (Presence::Left, _) if stale => Self::Off,
            (_, Some(CheckState::Critical)) => Self::Broken,
            (_, Some(CheckState::Warning)) => Self::Look,
            (Presence::Left, _) => Self::Off,
            (Presence::Online, Some(CheckState::Unknown)) => Self::Look,
            (Presence::Online, None) => Self::Unknown,
            (Presence::Online, Some(CheckState::Ok)) => Self::Online,
        }
    }

    /// The word of classes, glyphs and message keys.
    pub fn word(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Silent => "silent",
            Self::Look => "look",
            Self::Unknown => "unknown",
            Self::Online => "online",
            Self::Off => "off",
        }
    }

    /// Whether somebody may have to do something about it.
    pub fn calls(self) -> bool {
        matches!(self, Self::Broken | Self::Silent | Self::Look)
    }
}

/// One cell as drawn.
pub struct CellView {
    /// The machine's page.
    pub href: String,
    /// Which cell.
    pub cell: Cell,
    /// Its name and state in words.
    pub label: String,
    /// Name alone.
    pub name: String,
    /// State in words, with the reason when there is one.
    pub state: String,
}

/// The cell of a machine in words: « en ligne », « en panne : volume C: presque plein ».
pub fn state_words(lang: Lang, machine: &MachineSummary) -> String {
    let cell = Cell::of(machine);
    let key = match (cell, machine.status.as_str(), machine.presence) {
        (Cell::Unknown, "quarantined", _) => "cell-quarantined".to_owned(),
        (Cell::Unknown, "revoked", _) => "cell-revoked".to_owned(),
        (Cell::Unknown, _, Presence::Never) => "cell-never".to_owned(),
        (Cell::Unknown, _, _) => "cell-unmeasured".to_owned(),
        _ => format!("cell-{}", cell.word()),
    };
    let state = lang.say(&key);
    match (&machine.worst_check, cell) {
        (Some((check, instance, reason)), Cell::Broken | Cell::Look) => lang.tell(
            "cell-why",
            &[
                ("state", state.into()),
                ("reason", reasons::reason(lang, reason).into()),
                ("check", reasons::check_with_instance(lang, check, instance).into()),
            ],
        ),
        _ => state,
    }
}

/// A machine's cell.
pub fn view(lang: Lang, machine: &MachineSummary) -> CellView {
    let state = state_words(lang, machine);
    CellView {
        href: format!("/postes/{}", machine.id),
        cell: Cell::of(machine),
        label: format!("{} – {state}", machine.host_name),
        name: machine.host_name.clone(),
        state,
    }
}

/// The cells of a school, worst first, then by name; revoked machines are left out.
pub fn views(lang: Lang, school: &SchoolSummary) -> Vec<CellView> {
    let mut cells: Vec<CellView> =
        school.machines.iter().filter(|m| m.status != "revoked").map(|m| view(lang, m)).collect();
    cells.sort_by(|a, b| (a.cell, &a.name).cmp(&(b.cell, &b.name)));
    cells
}

/// How many machines are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally([usize; 6]);

impl Tally {
    /// Counts machines; revoked ones are left out.
    pub fn of<'a>(machines: impl IntoIterator<Item = &'a MachineSummary>) -> Self {
        let mut tally = Self::default();
        for machine in machines.into_iter().filter(|m| m.status != "revoked") {
            let cell = Cell::of(machine);
            if let Some((_, n)) = Cell::ALL.iter().zip(&mut tally.0).find(|(c, _)| **c == cell) {
                *n += 1;
            }
        }
        tally
    }

    /// How many are in this state.
    pub fn get(&self, cell: Cell) -> usize {
        Cell::ALL.iter().zip(self.0).find(|(c, _)| **c == cell).map(|(_, n)| n).unwrap_or_default()
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }

    /// Heard lately, whatever was measured.
    pub fn heard(&self) -> usize {
        self.get(Cell::Online) + self.get(Cell::Look) + self.get(Cell::Broken)
    }

    /// The figures in words, worst first: « 17 postes : 14 silencieux, 3 éteints ».
    pub fn words(&self, lang: Lang) -> String {
        let parts: Vec<String> = Cell::ALL
            .into_iter()
            .filter(|c| self.get(*c) > 0)
            .map(|c| lang.tell(&format!("count-{}", c.word()), &[("n", self.get(c).into())]))
            .collect();
        let all = lang.tell("count-machines", &[("n", self.total().into())]);
        if parts.is_empty() {
            all
        } else {
            lang.tell("count-detail", &[("all", all.into()), ("parts", parts.join(", ").into())])
        }
    }
}

/// Half hours of a strip.
const SLOTS: i64 = 48;

/// One bar of a strip, in the units of its drawing.
pub struct Bar {
    /// Left edge.
    pub x: i64,
    /// `ok`, `bad` or `none` (nobody there to see).
    pub tone: &'static str,
}

/// A line's last 24 hours.
pub struct Strip {
    /// Bars from the oldest to now.
    pub bars: Vec<Bar>,
    /// The same in words.
    pub label: String,
}

impl Strip {
    /// The strip of a school. A half hour is well only while machines of the school were known and heard.
    pub fn of(lang: Lang, school: &SchoolSummary, now: Timestamp) -> Self {
        let before = |d: i64| now.checked_sub(SignedDuration::from_mins(d)).unwrap_or(now);
        let known_from = school.machines.iter().filter_map(first_known).min();
        let heard_until = school.machines.iter().filter_map(|m| m.last_seen).max();
        let bars = (0..SLOTS).map(|n| {
            let (from, to) = (before((SLOTS - n) * 30), before((SLOTS - n - 1) * 30));
            let cut = school.outages.iter().any(|(start, end)| *start < to && end.is_none_or(|end| end > from));
            let seen = known_from.is_some_and(|k| k < to) && heard_until.is_some_and(|h| h > from);
            Bar {
                x: n * 4,
                tone: if cut {
                    "bad"
                } else if seen {
                    "ok"
                } else {
                    "none"
                },
            }
        });
        Self { bars: bars.collect(), label: strip_words(lang, school, now) }
    }
}

/// When the machine enrolled: the first 48 bits of its identifier, which is a UUIDv7.
fn first_known(machine: &MachineSummary) -> Option<Timestamp> {
    let (seconds, _) = machine.id.0.get_timestamp()?.to_unix();
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

fn strip_words(lang: Lang, school: &SchoolSummary, now: Timestamp) -> String {
    if school.outages.is_empty() {
        return lang.say("strip-none");
    }
    let parts: Vec<String> = school
        .outages
        .iter()
        .map(|(from, to)| {
            let from_words = words::moment(lang, *from, now);
            match to {
                Some(to) => {
                    lang.tell("strip-cut", &[("from", from_words.into()), ("to", words::moment(lang, *to, now).into())])
                }
                None => lang.tell("strip-cut-since", &[("from", from_words.into())]),
            }
        })
        .collect();
    lang.tell("strip-cuts", &[("cuts", parts.join(", ").into())])
}
