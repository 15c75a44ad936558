//! Memory of the collector over a simulated week: its wall clock runs some two thousand times faster (libfaketime), and
//! machines come in the morning, report every minute, say goodbye in the evening. Its timers run at the real pace, so
//! that handshakes and idle limits stay what they are.

use crate::fake::now_ms;
use crate::load::figures::{median, round};
use crate::load::orders::{ClockPlan, Order, Plan, Tally, Target};
use crate::load::stand::{Setup, Stand, StoreChoice};
use crate::machine::faketime;
use crate::measure::sampling;
use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use vigie_shared::id::StreamId;

/// The week begins on a Wednesday, so that the second and the last day (Thursday, Tuesday) are alike.
const BEGIN: &str = "2027-03-03 00:00:00";
/// What is written then is past its time when the week begins, so that the clean-up has something to do.
const LONG_BEFORE: &str = "2026-11-21 00:00:00";
const DAYS: usize = 7;
const HOURS: usize = 24;
const HOUR_MS: i64 = 3_600_000;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// Simulated agents.
    pub agents: usize,
    /// On which store.
    pub store: StoreChoice,
    /// Real minutes that the week takes.
    pub minutes: u32,
    /// Seed of what is random.
    pub seed: u64,
}

/// Measures and prints.
pub fn run(options: &Options) -> Result<()> {
    println!("{}", measure(options)?);
    Ok(())
}

/// The whole measurement.
pub fn measure(options: &Options) -> Result<Value> {
    let library = faketime().context("the Debian package libfaketime is not installed")?;
    if options.agents == 0 || options.minutes == 0 {
        bail!("at least one agent and one minute");
    }
    let speed = DAYS as f64 * 86_400.0 / (f64::from(options.minutes) * 60.0);
    eprintln!("week: {} agents, {speed:.0} simulated seconds a second, seed {}", options.agents, options.seed);
    let (mut stand, told_before, stored_before) = long_before(options, &library)?;

    stand.collectors.set_environment(fake_clock(&library, &format!("@{BEGIN} x{speed}")));
    let clock = ClockPlan { real_ms: now_ms(), simulated_ms: instant_ms(BEGIN)?, speed };
    stand.collectors.start()?;
    stand.crowds.order(&Order::Clock(clock))?;
    let until_ms = clock.simulated_ms + i64::try_from(DAYS * HOURS)? * HOUR_MS;
    let (tally, hours) = sampled(&mut stand, clock, until_ms)?;
    let drained = stand.crowds.order(&Order::Drain)?;

    let mut accounts = stand.crowds.accounts(&stand.folder())?;
    accounts.retain(|account| !told_before.contains(&account.stream));
    let verdict = stand.truth()?.compare(&accounts)?;
    let day = |number: usize| {
        let of_day = hours.get(number * HOURS..(number + 1) * HOURS).unwrap_or_default();
        median(of_day)
    };
    let (second, last) = (day(1), day(DAYS - 1));
    if let Some(trouble) = &tally.trouble {
        eprintln!("  first trouble: {trouble}");
    }
    Ok(json!({
        "simulated_days": DAYS,
        "heartbeats": tally.done,
        "rss_first_day_kib": day(0),
        "rss_second_day_kib": second,
        "rss_last_day_kib": last,
        "growth_kib_per_day": round((last - second) / (DAYS - 2) as f64, 1),
        "lost": verdict.lost() + drained.failed + tally.contradictions,
        "rss_by_day_kib": (0..DAYS).map(day).collect::<Vec<_>>(),
        "rss_highest_kib": hours.iter().copied().fold(0.0, f64::max),
        "agents": options.agents,
        "store": options.store.word(),
        "speed": speed.round(),
        "seed": options.seed,
        "heartbeats_failed": tally.failed,
        "refused_503": tally.refused_503,
        "refused_otherwise": tally.refused_other,
        "connections_broken": tally.broken,
        "events_stored": verdict.stored,
        "old_events_before": stored_before,
        "old_events_left": verdict.unknown,
    }))
}

/// Everybody enrols and reports long before the week: the streams of that time, and how many events they left.
fn long_before(options: &Options, library: &str) -> Result<(Stand, HashSet<StreamId>, u64)> {
    let plan = Plan {
        doors: vec![],
        schools: vec![],
        // One in three: there must be something to clean up.
        events_of_10000: 3_333,
        retry_cap_ms: 500,
        seed: options.seed,
        clock: Some(ClockPlan { real_ms: now_ms(), simulated_ms: instant_ms(LONG_BEFORE)?, speed: 1.0 }),
    };
    let setup = Setup {
        agents: options.agents,
        store: options.store.clone(),
        replicas: 1,
        environment: fake_clock(library, &format!("@{LONG_BEFORE}")),
    };
    let (mut stand, _) = Stand::enrolled(setup, plan)?;
    stand.crowds.order(&Order::Storm)?;
    stand.crowds.order(&Order::Beat { target: Target::Collector, for_ms: 3_000 })?;
    let drained = stand.crowds.order(&Order::Drain)?;
    let accounts = stand.crowds.accounts(&stand.folder())?;
    let verdict = stand.truth()?.compare(&accounts)?;
    if verdict.lost() + drained.failed > 0 {
        bail!("events were lost before the week began: {verdict:?}");
    }
    eprintln!("  {} events written long before", verdict.stored);
    stand.collectors.stop()?;
    Ok((stand, accounts.iter().map(|account| account.stream).collect(), verdict.stored))
}

/// The week itself, and the resident memory at the end of each simulated hour, KiB.
fn sampled(stand: &mut Stand, clock: ClockPlan, until_ms: i64) -> Result<(Tally, Vec<f64>)> {
    let pids = stand.collectors.pids();
    let over = AtomicBool::new(false);
    let hour = Duration::from_secs_f64(HOUR_MS as f64 / 1000.0 / clock.speed);
    std::thread::scope(|scope| {
        let sampling = scope.spawn(|| {
            let (begun, mut hours) = (Instant::now(), Vec::with_capacity(DAYS * HOURS));
            while !over.load(Ordering::Relaxed) && hours.len() < DAYS * HOURS {
                let due = hour * u32::try_from(hours.len() + 1).unwrap_or(u32::MAX);
                std::thread::sleep(due.saturating_sub(begun.elapsed()));
                let all: u64 = pids.iter().filter_map(|pid| sampling::rss_kib(*pid).ok()).sum();
                hours.push(all as f64);
                if hours.len().is_multiple_of(HOURS) {
                    eprintln!("  day {}: {all} KiB", hours.len() / HOURS);
                }
            }
            hours
        });
        let tally = stand.crowds.order(&Order::Week { until_ms });
        over.store(true, Ordering::Relaxed);
        let mut hours = sampling.join().map_err(|_| anyhow::anyhow!("sampling failed"))?;
        // The crowd may be done a moment before the last hour is over.
        if let (Some(last), true) = (hours.last().copied(), hours.len() + 2 >= DAYS * HOURS) {
            hours.resize(DAYS * HOURS, last);
        }
        Ok((tally?, hours))
    })
}

fn fake_clock(library: &str, time: &str) -> Vec<(String, String)> {
    [("LD_PRELOAD", library), ("FAKETIME", time), ("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("TZ", "UTC")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// A time in UTC, milliseconds since 1970.
fn instant_ms(text: &str) -> Result<i64> {
    Ok(format!("{}Z", text.replace(' ', "T")).parse::<Timestamp>()?.as_millisecond())
}
