//! The end of an outage needs proof: a machine whose own check reaches the outside again, contact from those that had
//! fallen silent, or the school's router that answers again. A complaint that turns *unknown* proves nothing.

use super::super::{Bracket, Effect, IncidentRow, Input, Kind, Note, Presence, Scope, View, incident};
use super::{Arena, QUORUM, complaint, networks, probe, sights};
use jiff::{SignedDuration, Timestamp};
use vigie_shared::check::{CheckState, INTERNET};

/// Ends the open incident of an arena once there is proof.
pub fn judge(view: &mut View, arena: &Arena, inputs: &[Input], now: Timestamp, effects: &mut Vec<Effect>) {
    let Some(incident) = incident::find_open(view, &arena.key).cloned() else { return };
    let (mut proven, mut heard, mut sick) = (0usize, 0usize, 0usize);
    let mut first_contact: Option<Timestamp> = None;
    for (id, row) in arena.eyes(view).filter(|(_, row)| row.presence == Presence::Online) {
        let Some(seen) = row.last_seen.filter(|seen| *seen > incident.started.by) else { continue };
        let check = view.checks.get(&(id, INTERNET.to_owned(), String::new()));
        let complained = incident.votes.contains_key(&id);
        let fell_silent = incident.witnesses.contains(&id) || incident.witnesses.is_empty();
        // What was last well at the very instant of the start is proof only from somebody who complained since.
        let well_since =
            if complained { incident.started.after } else { incident.started.after + SignedDuration::from_millis(1) };
        match check {
            _ if complaint(view, id).is_some() => {
                sick += 1;
                continue;
            }
            Some(check) if check.state == CheckState::Ok && check.since >= well_since => proven += 1,
            // Contact alone tells something of a machine that had fallen silent, and only if it does not complain.
            _ if fell_silent && !complained => heard += 1,
            _ => continue,
        }
        first_contact = Some(first_contact.map_or(seen, |first| first.min(seen)));
    }
    let wanted = QUORUM.min(incident.witnesses.len().max(1));
    let well = proven + heard;
    let told = well > sick && (proven > 0 || well >= wanted);
    let answers = if arena.network.is_none() && sick == 0 { probe::returned(view, incident.started.by) } else { None };
    if !told && answers.is_none() {
        return incident::unwell(view, &arena.key, effects);
    }
    if answers.is_none()
        && let Some(network) = of_one_network(view, arena, &incident)
    {
        return incident::narrow(view, &arena.key, &network.key, now, effects);
    }
    let by = first_contact.into_iter().chain(answers.map(|bracket| bracket.by)).min().unwrap_or(now);
    // Whoever returned before all was told of, told it: bad it was until then only as far as somebody saw.
    let bad = if by <= incident.detected { incident.started.by } else { incident.detected };
    let after = answers.map_or(bad, |bracket| bracket.after).min(by);
    let ended = sights::end(&sights::seen(view, arena, inputs), Bracket { after, by }, incident.started.after);
    let note = match answers {
        Some(_) if !told => Note::new("resolved_by_probe"),
        _ => Note::new("resolved_by_return").with("machines", well),
    };
    incident::well(view, &arena.key, ended, now, note, effects);
}

/// The network that a verdict on the school is about, as is seen when the other one is heard first: all who fell silent are
/// of it, none of them is back, and one is a server, which nobody switched off meanwhile.
fn of_one_network(view: &View, arena: &Arena, incident: &IncidentRow) -> Option<Arena> {
    let of_network = |network: &Arena| {
        let rows = || incident.witnesses.iter().filter_map(|id| view.machines.get(id));
        rows().all(|row| Some(row.net()) == network.network && row.presence == Presence::Silent)
            && rows().any(|row| row.kind == Kind::Server)
    };
    let whole = arena.network.is_none() && matches!(arena.key.scope, Scope::School(_));
    networks(view).into_iter().filter(|_| whole && !incident.witnesses.is_empty()).find(of_network)
}
