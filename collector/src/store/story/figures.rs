//! The figures kept for each school are what a look at every machine, incident and ticket says.

use super::*;

on_every_store!(the_figures_of_schools_are_what_a_look_at_everything_says);

/// The figures as a look at everything tells them. At second 0 nobody is late yet: presence is as it was decided.
async fn scan(store: &Arc<dyn Store>) -> (BTreeMap<String, u64>, u64, u64) {
    let fleet = store.fleet(at(0)).await.unwrap();
    let mut machines: BTreeMap<String, u64> =
        ["never", "online", "left", "silent"].map(|word| (word.to_owned(), 0)).into();
    let mut quarantined = 0;
    for machine in fleet.schools.iter().flat_map(|school| &school.machines) {
        *machines.get_mut(machine.presence.as_str()).unwrap() += 1;
        quarantined += u64::from(machine.status == "quarantined");
    }
    (machines, quarantined, u64::try_from(fleet.tickets.len()).unwrap())
}

/// A small generator of numbers (xorshift), so that a failure can be repeated.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }
}

async fn the_figures_of_schools_are_what_a_look_at_everything_says(world: &World) {
    for seed in [1, 2, 3] {
        history(&world.open(), seed).await;
    }
}

/// A random history; after each step the figures agree.
async fn history(store: &Arc<dyn Store>, seed: u64) {
    let tiny = Tiny::new();
    let mut numbers = Numbers(0x9E37_79B9 + seed);
    store.import_schools(vec![school_row(UAI, "Collège Alpha"), school_row(OTHER_UAI, "Beta")], at(0)).await.unwrap();
    let school = school_id(store).await;
    let secret = u8::try_from(100 + seed).unwrap();
    store.create_token(token(secret, 40)).await.unwrap();
    let mut agents: Vec<(Agent, u64)> = Vec::new();
    for step in 1..=60u8 {
        let second = 60 + 200 * i64::from(step);
        let some = if agents.is_empty() { None } else { Some(numbers.below(agents.len())) };
        let what = numbers.below(9);
        match (what, some) {
            (0 | 8, _) | (_, None) => {
                let mut asks = enrolment(secret, step);
                // Some come from an address that nobody expects, and wait.
                asks.address = if numbers.below(2) == 0 { "192.0.2.7" } else { "203.0.113.9" }.parse().unwrap();
                let enrolled = store.enrol(asks).await.unwrap();
                let serial = step + u8::try_from(seed * 60).unwrap();
                agents.push((Agent::with_certificate(store, enrolled.machine, serial).await, 1));
            }
            (1, Some(some)) => {
                let which = Which::One(agents[some].0.peer.machine);
                store.approve(which, "somebody", at(second), tiny.clone()).await.ok();
            }
            (2, Some(some)) => {
                let machine = agents[some].0.peer.machine;
                store.revoke(machine, "somebody", at(second), tiny.clone()).await.unwrap();
            }
            (3, _) => {
                let tick = Item::Tick { school, upto: at(second), now: at(second) };
                store.apply(vec![tick], tiny.clone()).await.remove(0).unwrap();
            }
            (_, Some(some)) => {
                let other_hardware = Fact::Started { version: "0.1.0".to_owned(), hardware: board("PF9Z8Y7X") };
                let facts = [
                    internet(CheckState::Critical),
                    internet(CheckState::Ok),
                    loss("poison"),
                    resumed(1),
                    other_hardware,
                ];
                let (agent, next) = &mut agents[some];
                let fact = facts[numbers.below(facts.len())].clone();
                let call = agent.call(second, *next, *next + 1, &[(*next, second - 1, fact)]);
                if sync(store, &tiny, call).await.is_ok() {
                    *next += 1;
                }
            }
        }
        let counts = store.counts(at(second)).await.unwrap();
        let found = (counts.machines, counts.quarantined, counts.open_tickets);
        assert_eq!(found, scan(store).await, "seed {seed}, step {step}, {what}");
    }
    assert!(agents.len() > 5, "something happened");
}
