//! What people write about a machine: the form on its page, `POST /postes/{id}/fiche`.

use super::Web;
use super::guard::Ask;
use super::lang::Lang;
use super::page::PageError;
use super::{machine, notes, reasons, words};
use crate::fleet::hand::{Life, NOTE_MAX, NUMBER_MAX, Problem, ROOM_MAX, Written};
use crate::store::{Hand, HandSet};
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use vigie_shared::id::MachineId;

/// The part of the page.
pub struct HandView {
    /// Labels and values, for those who only look.
    pub facts: Vec<(String, String)>,
    /// Who wrote last, in words; empty if nobody has.
    pub changed: String,
    /// Fields of the form.
    pub version: u64,
    /// Where it stands.
    pub room: String,
    /// Its number.
    pub number: String,
    /// `2027-08-31`, or what was typed.
    pub warranty: String,
    /// Word, label and whether it is chosen.
    pub states: Vec<(&'static str, String, bool)>,
    /// Anything else.
    pub note: String,
    /// What is wrong with what was typed.
    pub problem: Option<String>,
    /// Whether somebody else wrote in between: what stands there now.
    pub outdated: Vec<(String, String)>,
    /// Bounds of texts.
    pub most: (usize, usize, usize),
    /// Whether the form is open.
    pub open: bool,
}

fn facts(lang: Lang, hand: &Hand, now: Timestamp) -> Vec<(String, String)> {
    let w = &hand.written;
    let warranty = w.warranty_end.map(|end| {
        let ended = now.as_millisecond() > end_of(end);
        let key = if ended { "hand-warranty-over" } else { "hand-warranty-until" };
        lang.tell(key, &[("date", words::date(lang, end).into())])
    });
    let seen = hand.seen.as_ref().map(|(at, by, room)| {
        let key = if room.is_empty() { "hand-seen-by" } else { "hand-seen-by-in" };
        let at = words::full(lang, *at, now);
        lang.tell(key, &[("at", at.into()), ("by", by.clone().into()), ("room", room.clone().into())])
    });
    let all = [
        ("hand-room", Some(w.room.clone())),
        ("hand-number", Some(w.inventory_number.clone())),
        ("hand-state", Some(reasons::word(lang, "life", w.state.as_str()))),
        ("hand-warranty", warranty),
        ("hand-seen", seen),
        ("hand-note", Some(w.note.clone())),
    ];
    let there = all.into_iter().filter_map(|(key, value)| Some((key, value.filter(|v| !v.is_empty())?)));
    there.map(|(key, value)| (lang.say(key), value)).collect()
}

/// The last millisecond of a day in Paris.
fn end_of(day: Date) -> i64 {
    let end = day.tomorrow().ok().and_then(|next| next.in_tz("Europe/Paris").ok());
    end.map_or(i64::MAX, |end| end.timestamp().as_millisecond())
}

impl HandView {
    /// What stands there, for looking and changing.
    pub fn new(lang: Lang, hand: &Hand, now: Timestamp) -> Self {
        let w = &hand.written;
        let changed = hand.changed.as_ref().map(|(at, by)| {
            let by = notes::by(lang, by);
            lang.tell("hand-changed", &[("at", words::full(lang, *at, now).into()), ("by", by.into())])
        });
        let state = |life: Life| (life.as_str(), reasons::word(lang, "life", life.as_str()), life == w.state);
        Self {
            facts: facts(lang, hand, now),
            changed: changed.unwrap_or_default(),
            version: hand.version,
            room: w.room.clone(),
            number: w.inventory_number.clone(),
            warranty: w.warranty_end.map(|date| date.to_string()).unwrap_or_default(),
            states: Life::ALL.into_iter().map(state).collect(),
            note: w.note.clone(),
            problem: None,
            outdated: vec![],
            most: (ROOM_MAX, NUMBER_MAX, NOTE_MAX),
            open: false,
        }
    }

    /// The same with what was typed and not taken.
    fn with_typed(mut self, lang: Lang, ask: &Ask, problem: &str) -> Self {
        let field = |name: &str| ask.field(name).to_owned();
        (self.room, self.number) = (field("salle"), field("numero"));
        (self.warranty, self.note) = (field("garantie"), field("note"));
        for (word, _, chosen) in &mut self.states {
            *chosen = *word == ask.field("etat");
        }
        self.problem = Some(lang.say(problem));
        self.open = true;
        self
    }
}

/// What the form says; else the key of what is wrong with it.
fn read(ask: &Ask) -> Result<Written, &'static str> {
    let warranty = ask.field("garantie").trim();
    let warranty_end =
        if warranty.is_empty() { None } else { Some(warranty.parse::<Date>().map_err(|_| "hand-problem-date")?) };
    let written = Written {
        room: ask.field("salle").to_owned(),
        inventory_number: ask.field("numero").to_owned(),
        warranty_end,
        state: Life::parse(ask.field("etat")).ok_or("hand-problem-state")?,
        note: ask.field("note").to_owned(),
    };
    written.clean().map_err(|problem| match problem {
        Problem::Room => "hand-problem-room",
        Problem::Number => "hand-problem-number",
        Problem::Note => "hand-problem-note",
    })
}

/// Writes: the fields `version`, `salle`, `numero`, `garantie`, `etat` and `note`.
pub async fn save(
    State(web): State<Web>,
    Extension(ask): Extension<Ask>,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id: MachineId = id.parse().map_err(|_| PageError::NotFound)?;
    let version: u64 = ask.field("version").parse().map_err(|_| PageError::BadForm)?;
    let store = &web.context.store;
    let (problem, status, mut shown) = match read(&ask) {
        Err(problem) => {
            let hand = store.hand(id).await?.ok_or(PageError::NotFound)?;
            let view = HandView { version, ..HandView::new(ask.lang, &hand, ask.now) };
            (problem, StatusCode::BAD_REQUEST, view)
        }
        Ok(written) => match store.set_hand(id, version, written, ask.login(), ask.now).await? {
            HandSet::Kept(version) => {
                tracing::info!(by = ask.login(), machine = %id, version, "somebody wrote about a machine");
                return Ok(Redirect::to(&format!("/postes/{id}#fiche")).into_response());
            }
            HandSet::Outdated(hand) => {
                // What is sent next replaces what stands there now: it was shown.
                let view = HandView::new(ask.lang, &hand, ask.now);
                let outdated = view.facts.clone();
                ("hand-problem-outdated", StatusCode::CONFLICT, HandView { outdated, ..view })
            }
        },
    };
    shown = shown.with_typed(ask.lang, &ask, problem);
    let mut response = machine::page(&web, &ask, id, &super::sections::Filter::default(), Some(shown)).await?;
    *response.status_mut() = status;
    Ok(response)
}
