//! Machines that enrolled again: which they are, by their hardware, and what people decided. The rows of the former one
//! stay where they are: the link says where to read on, and taking it away splits the two without loss.

use super::super::{Kin, KinMachine, Kinship, StoreError};
use super::engine::Sql;
use super::row::{Row, cut, ms, params};
use super::writer::Tx;
use super::{decide, findings, hand};
use crate::engine::{Decide, Input, Note};
use crate::fleet::kinship::shared;
use jiff::Timestamp;
use std::collections::BTreeMap;
use vigie_shared::evidence::HardwareEvidence;
use vigie_shared::id::{MachineId, SchoolId};

/// Machines that are compared.
const COMPARED: i64 = 20_000;
/// Pairs told.
const TOLD: usize = 200;
/// Former machines that one goes back to.
const CHAIN: usize = 16;

const MACHINE: &str = "SELECT m.id, m.host_name, s.uai, s.name, m.enrolled, l.last_seen, m.status, \
        coalesce(m.hardware_seen, m.hardware), m.school \
    FROM machine m JOIN school s ON s.id = m.school LEFT JOIN liveness l ON l.machine = m.id";

struct Known {
    machine: KinMachine,
    hardware: HardwareEvidence,
    school: SchoolId,
}

fn known(row: &Row<'_>) -> Result<Known, StoreError> {
    let hardware: String = row.get(7)?;
    let machine = KinMachine {
        id: row.get(0)?,
        host_name: row.get(1)?,
        school: (row.get(2)?, row.get(3)?),
        enrolled: row.get(4)?,
        last_seen: row.get(5)?,
        status: row.get(6)?,
    };
    Ok(Known { machine, hardware: serde_json::from_str(&hardware).unwrap_or_default(), school: row.get(8)? })
}

/// Whether the former one has been silent since the other enrolled: two that speak are two.
fn silent_since(former: &KinMachine, machine: &KinMachine) -> bool {
    former.last_seen.is_none_or(|seen| seen < machine.enrolled)
}

/// Pairs that hardware makes the same machine and nobody has decided on.
pub fn undecided(sql: &Sql) -> Result<Vec<Kinship>, StoreError> {
    let text = format!("{MACHINE} WHERE m.status <> 'deleted' ORDER BY m.enrolled DESC, m.id DESC LIMIT {COMPARED}");
    let mut all: Vec<Known> = sql.all(&text, &[], known)?;
    all.reverse();
    // By each fact, the latest machine that has it: a chain is told link by link.
    let mut by_fact: BTreeMap<String, usize> = BTreeMap::new();
    let mut pairs = Vec::new();
    for (place, one) in all.iter().enumerate() {
        let facts = facts(&one.hardware);
        let former = facts.iter().filter_map(|fact| by_fact.get(fact).copied()).max();
        if let Some(former) = former.and_then(|former| all.get(former))
            && let Some(told) = shared(&one.hardware, &former.hardware)
        {
            let silent = silent_since(&former.machine, &one.machine);
            let told = told.into_iter().map(str::to_owned).collect();
            pairs.push(Kinship { machine: one.machine.clone(), former: former.machine.clone(), shared: told, silent });
        }
        by_fact.extend(facts.into_iter().map(|fact| (fact, place)));
    }
    pairs.reverse();
    pairs.truncate(TOLD);
    Ok(pairs)
}

fn facts(hardware: &HardwareEvidence) -> Vec<String> {
    let one = |kind: &str, value: &Option<String>| value.as_ref().map(|value| format!("{kind} {value}"));
    let board = [
        one("uuid", &hardware.system_uuid),
        one("board", &hardware.board_serial),
        one("system", &hardware.system_serial),
    ];
    let disks = hardware.disks.iter().map(|disk| format!("disk {disk}"));
    board.into_iter().flatten().chain(disks).chain(hardware.macs.iter().map(|mac| format!("mac {mac}"))).collect()
}

/// What was decided, the latest first.
pub fn decided(sql: &Sql, limit: usize) -> Result<Vec<Kin>, StoreError> {
    const SQL: &str = "SELECT k.machine, m.host_name, k.former, f.host_name, k.at, k.by FROM machine_kin k \
        JOIN machine m ON m.id = k.machine JOIN machine f ON f.id = k.former ORDER BY k.at DESC, k.machine LIMIT ?1";
    let read = |row: &Row<'_>| {
        let (machine, former) = ((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?));
        Ok(Kin { machine, former, at: row.get(4)?, by: row.get(5)? })
    };
    sql.all(SQL, params![i64::try_from(limit).unwrap_or(i64::MAX)], read)
}

/// A machine and those that it continues, the latest first.
pub fn chain(sql: &Sql, machine: MachineId) -> Result<Vec<MachineId>, StoreError> {
    let mut chain = vec![machine];
    const SQL: &str = "SELECT former FROM machine_kin WHERE machine = ?1";
    while let Some(last) = chain.last().filter(|_| chain.len() < CHAIN) {
        match sql.find(SQL, params![*last], |row| row.get::<MachineId>(0))? {
            Some(former) if !chain.contains(&former) => chain.push(former),
            _ => break,
        }
    }
    Ok(chain)
}

fn find(sql: &Sql, machine: MachineId) -> Result<Known, StoreError> {
    let text = format!("{MACHINE} WHERE m.id = ?1");
    let found = sql.find(&text, params![machine], known)?;
    found.ok_or_else(|| StoreError::NotFound(format!("there is no machine {machine}")))
}

/// Says that a machine is the one that was known as another. What people wrote about that one goes on.
pub fn attach(
    tx: &mut Tx<'_>,
    machine: MachineId,
    former: MachineId,
    by: &str,
    now: Timestamp,
    decider: &dyn Decide,
) -> Result<(), StoreError> {
    let now = cut(now);
    let schools = [find(tx.sql, machine)?.school, find(tx.sql, former)?.school].into();
    tx.sql.engine().lock_schools(&schools)?;
    let (new, old) = (find(tx.sql, machine)?, find(tx.sql, former)?);
    let no = |why: &str| Err(StoreError::Conflict(why.to_owned()));
    if machine == former || new.machine.status == "deleted" || old.machine.status == "deleted" {
        return no("one of the two is not there any more: look at the list again");
    }
    if shared(&new.hardware, &old.hardware).is_none() {
        return no("their hardware does not say that they are one machine");
    }
    if new.machine.enrolled <= old.machine.enrolled || !silent_since(&old.machine, &new.machine) {
        return no("both were heard after the second enrolled: these are two machines, one is a clone");
    }
    const SQL: &str = "INSERT INTO machine_kin (machine, former, former_status, at, by) VALUES (?1, ?2, ?3, ?4, ?5)";
    // One that continues another already: that one continues this.
    let last = chain(tx.sql, machine)?.pop().unwrap_or(machine);
    tx.sql.execute(SQL, params![last, former, old.machine.status, ms(now), by])?;
    tx.sql.execute("UPDATE machine SET status = 'deleted' WHERE id = ?1", params![former])?;
    hand::go_on(tx, machine, former)?;
    let note = Note::new("reattached").with("name", &old.machine.host_name).with("since", old.machine.enrolled);
    findings::add(tx.sql, machine, now, by, &note, &format!("{former} {}", ms(now)), None)?;
    tell(tx, &[(machine, new.school), (former, old.school)], now, decider)
}

/// Takes that back: both stand as before it, what was written since stays with the machine that speaks.
pub fn detach(
    tx: &mut Tx<'_>,
    machine: MachineId,
    by: &str,
    now: Timestamp,
    decider: &dyn Decide,
) -> Result<(), StoreError> {
    let now = cut(now);
    const SQL: &str = "SELECT former, former_status FROM machine_kin WHERE machine = ?1";
    let read = |row: &Row<'_>| Ok((row.get::<MachineId>(0)?, row.get::<String>(1)?));
    let nothing = || StoreError::NotFound(format!("machine {machine} continues no other"));
    let (former, _) = tx.sql.find(SQL, params![machine], read)?.ok_or_else(nothing)?;
    let (new, old) = (find(tx.sql, machine)?.school, find(tx.sql, former)?.school);
    tx.sql.engine().lock_schools(&[new, old].into())?;
    let (former, status) = tx.sql.find(SQL, params![machine], read)?.ok_or_else(nothing)?;
    tx.sql.execute("DELETE FROM machine_kin WHERE machine = ?1", params![machine])?;
    tx.sql.execute("UPDATE machine SET status = ?2 WHERE id = ?1 AND status = 'deleted'", params![former, status])?;
    let note = Note::new("split");
    findings::add(tx.sql, machine, now, by, &note, &format!("{former} {}", ms(now)), None)?;
    tell(tx, &[(machine, new), (former, old)], now, decider)
}

fn tell(
    tx: &mut Tx<'_>,
    machines: &[(MachineId, SchoolId)],
    now: Timestamp,
    decider: &dyn Decide,
) -> Result<(), StoreError> {
    for (machine, school) in machines {
        decide::run(tx, *school, &[Input::MachineChanged { machine: *machine, at: now }], now, decider)?;
        tx.recount.insert(*school);
        tx.changed(*school)?;
    }
    Ok(())
}
