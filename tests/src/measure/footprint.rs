//! What the agent costs a school machine: memory, processor time, disk, bytes on the line; beside its neighbours.

use super::sampling::{median_cpu_ms, peak_kib, pss_anonymous_kib, pss_kib, size};
use super::{peers, wire::Meter};
use crate::process::program;
use crate::stage::{Stage, policy};
use crate::wait::wait_for;
use crate::world::World;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;

/// Heartbeat of the measure, seconds: bytes a heartbeat do not depend on it.
const HEARTBEAT_S: u32 = 5;
const HEARTBEATS: u64 = 10;
const INVENTORIES: usize = 20;
const BOUND: Duration = Duration::from_secs(60);

/// Budgets of the design, to say which are met.
const BUDGETS: [(&str, f64); 7] = [
    ("pss_kib", 5_000_000.0 / 1024.0),
    ("peak_inventory_kib", 10_240.0),
    ("inventory_cpu_ms", 30.0),
    ("binary_bytes", 4_000_000.0),
    ("first_inventory_bytes", 24_000.0),
    ("heartbeat_bytes", 650.0),
    ("connections_for_ten_heartbeats", 1.0),
];

/// Measures and prints.
pub fn run(install_peers: bool) -> Result<()> {
    let agent = program("vigie-agent")?;
    let agent_path = agent.to_string_lossy().into_owned();
    let mut policy = policy(HEARTBEAT_S);
    // The check would add its own events and processor time to what is measured; it looks once an hour here.
    policy.internet.every_s = 3600;

    eprintln!("footprint: one machine with the hardware and the software of this one");
    let mut stage = Stage::enrolled_in(World::alone()?, 1, &policy)?;
    stage.machines[0].true_hardware = true;
    let meter = Meter::new(&stage.world.schools[0].machines[0], stage.collector.door()?)?;
    let store = stage.store()?;

    stage.machines[0].start()?;
    let sections = wait_for("the first inventory", BOUND, || {
        let names = store.sections(&stage.ids[0]).ok()?;
        names.iter().any(|name| name == vigie_shared::section::name::SOFTWARE).then_some(names)
    })?;
    let first = meter.settled(BOUND)?;
    eprintln!("  first inventory: {first:?}, sections {sections:?}");

    // Whatever still changes after the start (checks that get confirmed) has its own heartbeat first.
    let before = quiet(&meter, &store, &stage)?;
    let events_before = store.event_count()?;
    let mut after = before;
    for beat in 1..=HEARTBEATS {
        after = meter.next_exchange(BOUND)?;
        eprintln!("  heartbeat {beat}: {} bytes so far", after.since(before).bytes);
    }
    let ten = after.since(before);
    ensure!(store.event_count()? == events_before, "the heartbeats were not quiet: events came with them");

    let pid = stage.machines[0].agent()?.pid();
    let (pss, own, peak) = (pss_kib(pid)?, pss_anonymous_kib(pid)?, peak_kib(pid)?);
    stage.machines[0].stop()?;
    drop(stage);

    eprintln!("  {INVENTORIES} inventories");
    let cpu = median_cpu_ms(&[&agent_path, "inventory", "--json"], INVENTORIES)?;
    let folder = tempfile::tempdir()?;
    let result = json!({
        "pss_kib": pss,
        "pss_anonymous_kib": own,
        "peak_inventory_kib": peak,
        "inventory_cpu_ms": rounded(cpu),
        "binary_bytes": size(&agent)?,
        "first_inventory_bytes": first.bytes,
        "heartbeat_bytes": rounded(to_f64(ten.bytes) / to_f64(HEARTBEATS)),
        // The connection that was open at the first of them counts too.
        "connections_for_ten_heartbeats": (1 + ten.connections).min(HEARTBEATS),
        "packages": packages(&agent_path).unwrap_or(Value::Null),
        "peers": peers::all(folder.path(), install_peers),
    });
    report(&result);
    println!("{result}");
    Ok(())
}

/// Waits for an exchange that brought no event and no section.
fn quiet(meter: &Meter, store: &crate::store::Store, stage: &Stage) -> Result<super::wire::Count> {
    let mut seen = 0;
    wait_for("a quiet heartbeat", BOUND, || {
        let state = (store.event_count().ok()?, store.section_versions(&stage.ids[0]).ok()?);
        let count = meter.next_exchange(BOUND).ok()?;
        let same = state == (store.event_count().ok()?, store.section_versions(&stage.ids[0]).ok()?);
        // Two in a row.
        seen = if same { seen + 1 } else { 0 };
        (seen >= 2).then_some(count)
    })
}

/// Number of packages in the inventory, for which the first inventory is judged.
fn packages(agent: &str) -> Result<Value> {
    let text = crate::process::output_of(std::process::Command::new(agent).args(["inventory", "--json"]))?;
    let inventory: Value = serde_json::from_str(&text)?;
    Ok(find_packages(&inventory).context("no list of packages")?.into())
}

fn find_packages(value: &Value) -> Option<usize> {
    match value {
        Value::Object(fields) => match fields.get("packages") {
            Some(Value::Array(packages)) => Some(packages.len()),
            _ => fields.values().find_map(find_packages),
        },
        Value::Array(items) => items.iter().find_map(find_packages),
        _ => None,
    }
}

fn report(result: &Value) {
    for (name, budget) in BUDGETS {
        let seen = result.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
        let verdict = if seen <= budget { "met" } else { "NOT MET" };
        eprintln!("  {name}: {seen} (budget {budget:.0}): {verdict}");
    }
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn to_f64(value: u64) -> f64 {
    u32::try_from(value).map_or(f64::INFINITY, f64::from)
}
