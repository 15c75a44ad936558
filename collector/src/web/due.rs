//! Why a ticket is due when it is: the business hours of its way, day by day.

use super::lang::Lang;
use super::words;
use crate::calendar::{BusinessHours, Pause, Region, holiday};
use crate::store::TicketSummary;
use jiff::civil::{Date, Weekday};
use jiff::{SignedDuration, Timestamp};
use std::sync::LazyLock;

/// Days told one by one; a longer way is told by its ends only.
const DAYS_MAX: usize = 15;

/// The hours in which the agreement runs, as the engine counts them.
static HOURS: LazyLock<Option<BusinessHours>> = LazyLock::new(|| BusinessHours::office_hours(Region::France).ok());

fn elapsed(from: Timestamp, to: Timestamp, pauses: &[Pause]) -> Option<SignedDuration> {
    HOURS.as_ref()?.elapsed(from, to, pauses).ok()
}

/// Share of the time allowed that is used up at `at`, percent, at most 100.
pub fn share(ticket: &TicketSummary, at: Timestamp) -> u8 {
    let allowed = i64::from(ticket.allowed_minutes.max(1)) * 60;
    let used = elapsed(ticket.opened, at, &ticket.pauses).map(|d| d.as_secs()).unwrap_or_default().clamp(0, allowed);
    u8::try_from(used.saturating_mul(100) / allowed).unwrap_or(100)
}

/// « Pourquoi cette échéance ? »: sentences, then the days of the way.
pub struct Why {
    /// The time allowed, the hours that count.
    pub lead: Vec<String>,
    /// Each day: what of it counts, or why nothing does.
    pub days: Vec<String>,
    /// So it is due then.
    pub end: String,
}

/// The explanation of a due time, from the same calendar that computed it.
pub fn why(lang: Lang, ticket: &TicketSummary, now: Timestamp) -> Why {
    let allowed = words::duration(lang, i64::from(ticket.allowed_minutes) * 60);
    let opened = words::full(lang, ticket.opened, now);
    let mut lead = vec![
        lang.tell("why-allowed", &[("allowed", allowed.into()), ("opened", opened.into())]),
        lang.say("why-hours"),
    ];
    if !ticket.pauses.is_empty() {
        lead.push(lang.tell("why-pauses", &[("n", ticket.pauses.len().into())]));
    }
    Why {
        lead,
        days: days(lang, ticket, now),
        end: lang.tell("why-due", &[("due", words::full(lang, ticket.due, now).into())]),
    }
}

fn days(lang: Lang, ticket: &TicketSummary, now: Timestamp) -> Vec<String> {
    let (first, last) = (words::paris(ticket.opened).date(), words::paris(ticket.due).date());
    let way: Vec<Date> = std::iter::successors(Some(first), |date| date.tomorrow().ok())
        .take_while(|date| *date <= last)
        .take(DAYS_MAX + 1)
        .collect();
    if way.len() > DAYS_MAX {
        return vec![];
    }
    way.into_iter().filter_map(|date| one_day(lang, date, ticket, now)).collect()
}

/// A day with the time of it that counts, or why none does.
fn one_day(lang: Lang, date: Date, ticket: &TicketSummary, now: Timestamp) -> Option<String> {
    let midnight = |date: Date| Some(date.in_tz("Europe/Paris").ok()?.timestamp());
    let (from, to) = (midnight(date)?.max(ticket.opened), midnight(date.tomorrow().ok()?)?.min(ticket.due));
    let counted = elapsed(from, to, &ticket.pauses)?;
    let open = elapsed(from, to, &[])?;
    let day = words::capital(&words::day(lang, midnight(date)?, now));
    let told = if counted > SignedDuration::ZERO {
        words::duration(lang, counted.as_secs())
    } else if holiday(date, Region::France).is_some() {
        lang.say("why-holiday")
    } else if matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) {
        lang.say("why-weekend")
    } else if open > SignedDuration::ZERO {
        lang.say("why-paused")
    } else {
        lang.say("why-closed")
    };
    Some(lang.tell("why-day", &[("day", day.into()), ("told", told.into())]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_shared::id::TicketId;

    fn ticket(opened: &str, due: &str) -> TicketSummary {
        let paris =
            |text: &str| text.parse::<jiff::civil::DateTime>().unwrap().in_tz("Europe/Paris").unwrap().timestamp();
        TicketSummary {
            id: TicketId::new(),
            number: 1,
            school: ("0959901W".parse().unwrap(), "Collège".into()),
            check: "internet".into(),
            about: None,
            open: true,
            opened: paris(opened),
            due: paris(due),
            allowed_minutes: 240,
            restored: None,
            resolved: None,
            category: "internet".into(),
            priority: 1,
            pauses: vec![],
            taken_by: None,
            called: None,
        }
    }

    #[test]
    fn each_day_of_the_way_says_what_counts_or_why_nothing_does() {
        let ticket = ticket("2026-12-24 17:50", "2026-12-28 11:50");
        let why = why(Lang::Fr, &ticket, ticket.opened);
        let plain = |text: &String| text.replace('\u{a0}', " ");
        assert_eq!(
            why.days.iter().map(plain).collect::<Vec<_>>(),
            [
                "Jeudi 24 décembre : 10 min",
                "Vendredi 25 décembre : jour férié, rien ne compte",
                "Samedi 26 décembre : fin de semaine, rien ne compte",
                "Dimanche 27 décembre : fin de semaine, rien ne compte",
                "Lundi 28 décembre : 3 h 50",
            ]
        );
        assert!(plain(&why.end).contains("lundi 28 décembre, 11 h 50"), "{}", why.end);
        let lead = plain(&why.lead[0]);
        assert!(lead.contains("4 h") && lead.contains("jeudi 24 décembre, 17 h 50"), "{lead}");
    }

    #[test]
    fn the_clock_stands_while_the_service_was_restored() {
        let mut ticket = ticket("2026-11-23 09:00", "2026-11-24 14:00");
        let at = |hours: i64| ticket.opened + SignedDuration::from_hours(hours);
        ticket.pauses = vec![Pause { from: at(1), to: at(26) }];
        assert_eq!([at(1), at(20), at(26), at(27)].map(|at| share(&ticket, at)), [25, 25, 25, 50]);
        let why = why(Lang::Fr, &ticket, ticket.opened);
        let plain = |text: &String| text.replace('\u{a0}', " ");
        let days = why.days.iter().map(plain).collect::<Vec<_>>();
        assert_eq!(days, ["Lundi 23 novembre : 1 h", "Mardi 24 novembre : 3 h"]);
        assert!(plain(&why.lead[2]).contains("rétabli"), "{}", why.lead[2]);
    }

    #[test]
    fn the_ring_stands_still_at_night() {
        let ticket = ticket("2026-11-23 16:00", "2026-11-24 10:00");
        let at = |hours: i64| share(&ticket, ticket.opened + SignedDuration::from_hours(hours));
        assert_eq!([at(0), at(1), at(2), at(10), at(18), at(40)], [0, 25, 50, 50, 100, 100]);
    }
}
