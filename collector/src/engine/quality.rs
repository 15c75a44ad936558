//! Stage: the line carries, but badly, or it is the back-up line that carries. Seen by several machines, never by one.

use super::incident::{self, Found};
use super::{Bracket, Cause, Confidence, Effect, IncidentKey, MachineRow, Note, Presence, Scope, View};
use crate::facts::egress;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use vigie_shared::check::{BACKUP_LINE, CheckState, INTERNET, LINE_QUALITY, Reason};
use vigie_shared::id::MachineId;

/// Machines that must agree.
const QUORUM: usize = 2;

/// Opens and ends the incidents of a bad line and of a back-up line.
pub fn judge(view: &mut View, now: Timestamp, effects: &mut Vec<Effect>) {
    let slow = since(view, |id, _| {
        let row = view.checks.get(&(id, INTERNET.to_owned(), String::new()))?;
        (row.state == CheckState::Warning && row.reason == Reason::LineDegraded).then_some(row.since)
    });
    settle(view, LINE_QUALITY, Cause::DegradedLine, "opened_by_quality", &slow, now, effects);
    explain(view, now, effects);
    let elsewhere = since(view, |_, row| {
        let (now, usual) = (row.address?, row.usual_address?);
        // Whoever leaves by a line that is no back-up is where it should be, whatever it is used to.
        let main = || view.lines.values().any(|line| !line.backup && egress::same(line.address, now));
        (now != usual && !main() && !is_home(view, row, now)).then(|| row.address_since.or(row.last_seen)).flatten()
    });
    settle(view, BACKUP_LINE, Cause::BackupLine, "opened_by_address", &elsewhere, now, effects);
}

/// Whether machines that have been here longer are used to an address: then it is this one, first heard over a back-up, that
/// got used to the wrong one.
fn is_home(view: &View, row: &MachineRow, address: IpAddr) -> bool {
    let elder = |other: &&MachineRow| other.is_eye() && other.enrolled < row.enrolled;
    view.machines
        .values()
        .filter(elder)
        .any(|other| other.usual_address.is_some_and(|usual| egress::same(usual, address)))
}

/// Over a line that is measured to lose packets, questions that stay unanswered are its doing, not the resolver's and not
/// that of a filter.
fn explain(view: &mut View, now: Timestamp, effects: &mut Vec<Effect>) {
    if !is_degraded(view) {
        return;
    }
    let unanswered = view.incidents.iter().filter(|(key, row)| {
        let larger = key.check == INTERNET && matches!(key.scope, Scope::School(_) | Scope::Network(..));
        larger && row.ended.is_none() && is_explained(row.cause)
    });
    for key in unanswered.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
        incident::blame(view, &key, Cause::DegradedLine, now, effects);
    }
}

fn is_degraded(view: &View) -> bool {
    incident::find_open(view, &IncidentKey::new(Scope::School(view.school), LINE_QUALITY, "")).is_some()
}

/// Whether the line of the school is known to be degraded, and machines that name this cause only feel that.
pub fn explains(view: &View, cause: Cause) -> bool {
    is_degraded(view) && is_explained(cause)
}

/// Whether a degraded line looks like this from a machine now and then.
pub fn is_explained(cause: Cause) -> bool {
    matches!(cause, Cause::Dns | Cause::BlockedByName | Cause::Proxy | Cause::Line | Cause::Undetermined)
}

fn eyes(view: &View) -> impl Iterator<Item = (MachineId, &MachineRow)> {
    view.machines.iter().filter(|(_, row)| row.is_eye() && row.presence == Presence::Online).map(|(id, row)| (*id, row))
}

/// The machines that see it, and since when.
fn since(view: &View, sees: impl Fn(MachineId, &MachineRow) -> Option<Timestamp>) -> BTreeMap<MachineId, Timestamp> {
    eyes(view).filter_map(|(id, row)| sees(id, row).map(|since| (id, since))).collect()
}

/// Opens while at least two see it and half of those heard do; ends when fewer than a quarter do. Who was enrolled since it
/// began knows nothing else, and does not count.
fn settle(
    view: &mut View,
    check: &str,
    cause: Cause,
    code: &str,
    seen: &BTreeMap<MachineId, Timestamp>,
    now: Timestamp,
    effects: &mut Vec<Effect>,
) {
    let key = IncidentKey::new(Scope::School(view.school), check, "");
    let online_before = |start: Timestamp| eyes(view).filter(|(_, row)| row.enrolled <= start).count();
    let Some(open) = incident::find_open(view, &key) else {
        let Some(by) = seen.values().min().copied() else { return };
        let online = online_before(by);
        if seen.len() >= QUORUM && seen.len() * 2 >= online {
            let witnesses: BTreeSet<_> = seen.keys().copied().collect();
            let votes = witnesses.iter().map(|id| (*id, cause)).collect();
            let note = Note::new(code).with("witnesses", seen.len()).with("online", online);
            let started = Bracket { after: by - SignedDuration::from_secs(60), by };
            let confidence = Confidence::Confirmed;
            incident::open(view, &key, Found { cause, confidence, started, witnesses, votes, note }, now, effects);
        }
        return;
    };
    let online = online_before(open.started.by);
    // Nobody is heard: nothing is known of the line.
    if online == 0 || seen.len() * 4 >= online {
        return incident::unwell(view, &key, effects);
    }
    let ended = Bracket { after: open.detected.min(now), by: now };
    let note = Note::new("resolved_by_quality").with("online", online);
    incident::well(view, &key, ended, now, note, effects);
}
