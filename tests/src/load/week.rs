//! A week in the life of a simulated machine: heartbeats at simulated minutes, events and values now and then,
//! goodbyes in the evening, a new boot in the morning. One in ten is a server that never sleeps.

use super::agent::Agent;
use super::orders::Target;
use super::world::World;
use std::sync::Arc;
use std::time::Instant;
use vigie_shared::event::{Fact, GoodbyeReason};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// One value a quarter of an hour, one heartbeat in so many.
const VALUES_EVERY: u64 = 15;

/// Whether a machine is on at this instant, milliseconds since 1970.
pub fn is_on(place: usize, at_ms: i64) -> bool {
    if place.is_multiple_of(10) {
        return true;
    }
    // 5 January 1970 was a Monday.
    let (day, time) = ((at_ms.div_euclid(DAY) - 4).rem_euclid(7), at_ms.rem_euclid(DAY));
    // Not all are switched on at the same minute, and on Wednesdays only the morning is taught.
    let shift = i64::try_from(place % 30).unwrap_or(0) * MINUTE;
    let evening = if day == 2 { 12 * HOUR } else { 17 * HOUR };
    day < 5 && (7 * HOUR + 30 * MINUTE + shift..evening + shift).contains(&time)
}

/// Lives until an instant of the crowd's clock.
pub async fn live(world: Arc<World>, mut agent: Agent, until_ms: i64) -> Agent {
    let place = agent.who.place;
    let mut on = false;
    agent.hang_up();
    // Not all speak at the same second of the minute.
    let mut next = world.clock.now_ms() + i64::try_from(place * 997).unwrap_or(0) % MINUTE;
    while next < until_ms {
        tokio::time::sleep(world.clock.real(next - world.clock.now_ms())).await;
        match (on, is_on(place, next)) {
            (false, true) => {
                // Older streams drain first.
                if !agent.has_told_all() {
                    speak(&world, &mut agent).await;
                }
                if agent.has_told_all() {
                    agent.boot(&world);
                }
                speak(&world, &mut agent).await;
            }
            (true, true) => {
                if agent.dice.below(VALUES_EVERY) == 0 {
                    agent.note_something(&world, Target::Collector);
                }
                speak(&world, &mut agent).await;
            }
            (true, false) => {
                agent.note(&world, Target::Collector, Fact::Goodbye { reason: GoodbyeReason::Shutdown });
                speak(&world, &mut agent).await;
                agent.hang_up();
            }
            (false, false) => {}
        }
        on = is_on(place, next);
        // A process that lags behind skips minutes rather than hurry after them.
        next = (next + MINUTE).max(world.clock.now_ms() - MINUTE);
    }
    agent
}

async fn speak(world: &World, agent: &mut Agent) {
    let deadline = Instant::now() + std::time::Duration::from_secs(20);
    let counters = &world.counters;
    match agent.heartbeat(world, Target::Collector, deadline).await {
        Some(_) => counters.count(&counters.done),
        None => counters.count(&counters.failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_sleep_at_night_on_wednesday_afternoons_and_at_weekends() {
        // From a Monday on: 1 March 2027.
        let at = |day: i64, hour: i64| 1_803_859_200_000 + day * DAY + hour * HOUR;
        assert!(is_on(1, at(0, 10)) && is_on(1, at(4, 16)));
        for asleep in [at(0, 3), at(0, 20), at(2, 15), at(5, 10), at(6, 10)] {
            assert!(!is_on(1, asleep), "{asleep}");
            assert!(is_on(10, asleep), "a server is always on");
        }
    }
}
