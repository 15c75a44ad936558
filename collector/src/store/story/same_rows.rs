//! A batch, one call after the other, either engine: the same rows and the same answers.

use super::*;
use proptest::prelude::*;
use vigie_shared::event::Sample;

/// What one call says.
#[derive(Debug, Clone, Copy)]
enum Says {
    Nothing,
    Bad,
    Good,
    Values,
    TheLastAgain,
    OtherContent,
    ItRebooted,
    Contradiction,
    WhatTheEngineFailsOn,
    OtherInventory,
}

fn says() -> impl Strategy<Value = Says> {
    prop_oneof![
        6 => Just(Says::Nothing),
        2 => Just(Says::Bad),
        2 => Just(Says::Good),
        1 => Just(Says::Values),
        1 => Just(Says::TheLastAgain),
        1 => Just(Says::OtherContent),
        1 => Just(Says::ItRebooted),
        1 => Just(Says::Contradiction),
        1 => Just(Says::WhatTheEngineFailsOn),
        1 => Just(Says::OtherInventory),
    ]
}

const MACHINES: u8 = 3;

/// A machine as its next call needs it.
struct Voice {
    agent: Agent,
    boots: u8,
    booted: i64,
    next: u64,
}

impl Voice {
    fn new(agent: &Agent, number: u8) -> Self {
        let agent = Agent {
            boot: BootId::from_slice(&[number; 16]).unwrap(),
            stream: StreamId::from_slice(&[number; 16]).unwrap(),
            ..agent.clone()
        };
        Self { agent, boots: number, booted: 0, next: 1 }
    }

    fn call(&mut self, second: i64, says: Says) -> SyncItem {
        let (last, next) = (self.next - 1, self.next);
        let plain = |oldest, events: &[(u64, i64, Fact)]| {
            let after = oldest + u64::try_from(events.len()).unwrap();
            self.agent.call(second, oldest, after.max(next), events)
        };
        let mut item = match says {
            Says::Nothing | Says::OtherInventory | Says::ItRebooted => plain(next, &[]),
            Says::Bad => plain(next, &[(next, second, internet(CheckState::Critical))]),
            Says::Good => plain(next, &[(next, second, internet(CheckState::Ok))]),
            Says::WhatTheEngineFailsOn => plain(next, &[(next, second, loss("contradiction"))]),
            Says::Values => {
                let value = Sample { metric: "free_bytes".to_owned(), instance: "C:".to_owned(), value: 1.5 };
                plain(next, &[(next, second, Fact::Samples { values: vec![value] })])
            }
            Says::TheLastAgain | Says::OtherContent if last == 0 => plain(next, &[]),
            Says::TheLastAgain => plain(last, &[(last, self.booted, resumed(last))]),
            Says::OtherContent => plain(last, &[(last, second, resumed(999))]),
            Says::Contradiction => plain(next, &[(next + 1, second, resumed(1)), (next, second, resumed(2))]),
        };
        match says {
            // What fails is not acknowledged; the same number comes again with something else.
            Says::Bad | Says::Good | Says::Values => self.next += 1,
            Says::OtherInventory => item.request.inventory = Some(Digest::of(&second.to_be_bytes())),
            Says::ItRebooted => {
                self.boots = self.boots.wrapping_add(50);
                self.booted = second - 1;
                self.agent.boot = BootId::from_slice(&[self.boots; 16]).unwrap();
                item.request.boot = self.agent.boot;
            }
            _ => {}
        }
        item.request.up_ms = u64::try_from(second - self.booted).unwrap() * 1000;
        item
    }
}

/// Identifiers that were drawn, replaced by when they come first.
fn without_chance(text: &str) -> String {
    let is_id = |word: &str| {
        let digits = word.chars().filter(char::is_ascii_hexdigit).count();
        digits == 32 && word.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
    };
    let mut known: Vec<String> = Vec::new();
    let words = text.split_inclusive(|c: char| c != '-' && !c.is_ascii_alphanumeric()).map(|word| {
        let (id, rest) =
            word.split_at(word.len().min(word.rfind(|c: char| c.is_ascii_alphanumeric()).map_or(0, |i| i + 1)));
        if !is_id(id) {
            return word.to_owned();
        }
        let id = id.replace('-', "");
        let place = known.iter().position(|one| *one == id).unwrap_or_else(|| {
            known.push(id);
            known.len() - 1
        });
        format!("id{place}{rest}")
    });
    words.collect()
}

/// Everything that can be seen after these calls, and what was answered.
async fn outcome(world: &World, calls: &[(u8, Says)], together: bool) -> (Vec<String>, String) {
    let (store, tiny) = (world.open(), Tiny::new());
    let mut voices: Vec<Voice> =
        machines(&store, MACHINES).await.iter().zip(1..).map(|(agent, number)| Voice::new(agent, number)).collect();
    // All are online when it begins, so that quiet heartbeats are quiet.
    for voice in &mut voices {
        sync(&store, &tiny, voice.call(30, Says::Nothing)).await.unwrap();
    }
    let mut second = 60;
    let items: Vec<Item> = calls
        .iter()
        .map(|(machine, says)| {
            second += 7;
            Item::Sync(Box::new(voices[usize::from(*machine)].call(second, *says)))
        })
        .collect();
    let results = if together {
        store.apply(items, tiny.clone()).await
    } else {
        let mut results = Vec::new();
        for item in items {
            results.extend(store.apply(vec![item], tiny.clone()).await);
        }
        results
    };
    let answers = results.into_iter().map(|result| match result {
        Ok(receipt) => format!("{receipt:?}"),
        Err(error) => without_chance(&format!("{error:?}")),
    });
    let now = at(second + 1);
    let mut pages = format!("{:#?}\n{:#?}\n", store.fleet(now).await.unwrap(), store.counts(now).await.unwrap());
    for voice in &voices {
        pages += &format!("{:#?}\n", store.machine(voice.agent.peer.machine, now).await.unwrap());
    }
    for ticket in store.tickets(100).await.unwrap() {
        pages += &format!("{:#?}\n", store.ticket(ticket.id).await.unwrap());
    }
    (answers.collect(), without_chance(&pages))
}

#[test]
fn identifiers_are_told_apart_but_not_by_name() {
    let id = MachineId::new();
    let (long, short, other) = (format!("{id:?}"), id.to_string(), MachineId::new());
    assert_eq!(without_chance(&format!("a {long}, [{short}] {other} 12-30")), "a MachineId(id0), [id0] id1 12-30");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_comes_to_the_same_as_one_call_after_the_other_on_either_engine(
        calls in proptest::collection::vec((0..MACHINES, says()), 1..24)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let expected = outcome(&World::sqlite(), &calls, false).await;
            let worlds = [(Some(World::sqlite()), true), (World::postgres(), false), (World::postgres(), true)];
            for (world, together) in worlds {
                let Some(world) = world else { continue };
                let (answers, pages) = outcome(&world, &calls, together).await;
                assert_eq!(answers, expected.0, "together: {together}, at {}", world.address);
                assert_eq!(pages, expected.1, "together: {together}, at {}", world.address);
            }
        });
    }
}
