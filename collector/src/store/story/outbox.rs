//! Messages to people: written with the verdict, told by one collector at a time, at least once, not for ever.

use super::*;
use crate::clock::Clock;
use crate::notify::{self, Channel};
use vigie_shared::id::MessageId;

on_every_store!(
    a_ticket_is_told_when_it_opens_and_when_it_is_resolved,
    a_verdict_that_is_not_kept_tells_nothing,
    a_message_is_one_collectors_to_tell,
    a_message_that_failed_is_due_again_later,
    a_message_whose_teller_died_is_told_by_another,
    a_message_that_nobody_takes_is_given_up,
    old_news_is_given_up,
    what_one_channel_does_not_take_is_handed_to_all_again,
);

/// A school whose line is cut at second 60 and back at second 120, as far as asked for.
async fn outage(store: &Arc<dyn Store>, resolved: bool) {
    let tiny = Tiny::new();
    let agent = one_machine(store).await;
    sync(store, &tiny, agent.call(60, 1, 2, &[(1, 50, internet(CheckState::Critical))])).await.unwrap();
    if resolved {
        sync(store, &tiny, agent.call(120, 2, 3, &[(2, 110, internet(CheckState::Ok))])).await.unwrap();
    }
}

async fn claim(store: &Arc<dyn Store>, replica: ReplicaId, second: i64) -> Vec<Message> {
    store.claim_messages(replica, at(second), 10).await.unwrap()
}

async fn waiting(store: &Arc<dyn Store>) -> u64 {
    store.counts(at(0)).await.unwrap().messages_waiting
}

async fn a_ticket_is_told_when_it_opens_and_when_it_is_resolved(world: &World) {
    let store = world.open();
    outage(&store, true).await;

    let messages = claim(&store, ReplicaId::new(), 121).await;

    let codes: Vec<_> = messages.iter().map(|message| (message.note.code.as_str(), message.created)).collect();
    assert_eq!(codes, [("ticket_opened", at(60)), ("ticket_resolved", at(120))]);
    let ticket = store.tickets(10).await.unwrap().remove(0);
    for message in &messages {
        assert_eq!((message.ticket, message.number, message.attempt), (ticket.id, 1, 1));
        assert_eq!(message.school, (UAI.to_owned(), "Collège Alpha".to_owned()));
        assert_eq!((message.check.as_str(), message.about.clone()), (INTERNET, None));
    }
    assert_eq!(messages[0].note.with["due"], ticket.due.to_string());
    assert_eq!(messages[1].note.with["restored"], at(110).to_string());
    assert!(messages[0].id < messages[1].id);
}

/// Opens a ticket, then asks for something that cannot be written.
struct Contradicts;

impl Decide for Contradicts {
    fn decide(&self, view: &mut View, inputs: &[Input], now: Timestamp) -> Decision {
        let mut decision = Tiny::default().decide(view, inputs, now);
        let key = IncidentKey::new(Scope::Collector, "nothing", "");
        decision.effects.push(resolve(key, now));
        decision
    }
}

async fn a_verdict_that_is_not_kept_tells_nothing(world: &World) {
    let store = world.open();
    let agent = one_machine(&store).await;
    let call = agent.call(60, 1, 2, &[(1, 50, internet(CheckState::Critical))]);

    let result = store.apply(vec![Item::Sync(Box::new(call))], Arc::new(Contradicts)).await.remove(0);

    assert!(result.is_err());
    assert_eq!((waiting(&store).await, claim(&store, ReplicaId::new(), 100).await.len()), (0, 0));
}

async fn a_message_is_one_collectors_to_tell(world: &World) {
    let (store, beside) = (world.open(), world.open());
    outage(&store, true).await;
    let (one, other) = (ReplicaId::new(), ReplicaId::new());

    let first = store.claim_messages(one, at(121), 1).await.unwrap();
    let second = beside.claim_messages(other, at(121), 10).await.unwrap();

    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!((first[0].note.code.as_str(), second[0].note.code.as_str()), ("ticket_opened", "ticket_resolved"));
    assert_eq!((claim(&store, one, 122).await, claim(&beside, other, 122).await), (vec![], vec![]));
    store.message_done(second[0].id, one).await.unwrap();
    assert_eq!(waiting(&store).await, 2, "it is not this collector's to say so");
    store.message_done(first[0].id, one).await.unwrap();
    beside.message_done(second[0].id, other).await.unwrap();
    assert_eq!(waiting(&store).await, 0);
}

async fn a_message_that_failed_is_due_again_later(world: &World) {
    let store = world.open();
    outage(&store, false).await;
    let (one, other) = (ReplicaId::new(), ReplicaId::new());
    let id = claim(&store, one, 61).await[0].id;

    assert!(!store.message_failed(id, one, "no mail server", at(70)).await.unwrap());

    assert_eq!(claim(&store, other, 69).await, []);
    let again = claim(&store, other, 70).await;
    assert_eq!((again[0].id, again[0].attempt), (id, 2));
    assert!(!store.message_failed(id, one, "too late to say", at(999)).await.unwrap());
    assert_eq!(claim(&store, one, 131).await.len(), 1, "what a former holder says moves nothing");
}

async fn a_message_whose_teller_died_is_told_by_another(world: &World) {
    let store = world.open();
    outage(&store, false).await;
    let (one, other) = (ReplicaId::new(), ReplicaId::new());
    let id = claim(&store, one, 61).await[0].id;

    assert_eq!(claim(&store, other, 120).await, []);
    let again = claim(&store, other, 121).await;

    assert_eq!((again[0].id, again[0].attempt), (id, 2));
    store.message_done(id, one).await.unwrap();
    assert_eq!(waiting(&store).await, 1, "the former holder no longer has it");
}

async fn a_message_that_nobody_takes_is_given_up(world: &World) {
    let store = world.open();
    outage(&store, true).await;
    let one = ReplicaId::new();
    let id: MessageId = claim(&store, one, 121).await[0].id;
    let (mut second, mut attempts) = (121, 1);

    // The first fails each time; whoever tries the second dies of it.
    while !store.message_failed(id, one, "no mail server", at(second + 100)).await.unwrap() {
        second += 100;
        attempts += u32::from(claim(&store, one, second).await.iter().any(|message| message.id == id));
        assert!(attempts < 100);
    }

    assert_eq!((attempts, waiting(&store).await), (20, 1));
    assert_eq!(claim(&store, one, second + 100).await, []);
    assert_eq!(waiting(&store).await, 0);
}

async fn old_news_is_given_up(world: &World) {
    const WEEK: i64 = 7 * 86_400;
    let store = world.open();
    outage(&store, true).await;
    assert_eq!(claim(&store, ReplicaId::new(), WEEK + 60).await.len(), 2, "a week old, not older");
    assert_eq!(claim(&store, ReplicaId::new(), WEEK + 200).await, []);
    assert_eq!(waiting(&store).await, 0);
}

type Heard = Arc<Mutex<Vec<(String, u32)>>>;

/// A channel that keeps what it is told, and refuses as often as asked.
struct Told {
    told: Heard,
    refuses: Mutex<u32>,
}

#[async_trait]
impl Channel for Told {
    fn name(&self) -> &'static str {
        "told"
    }

    async fn tell(&self, message: &Message) -> Result<(), String> {
        self.told.lock().unwrap().push((message.note.code.clone(), message.attempt));
        let mut refuses = self.refuses.lock().unwrap();
        if *refuses > 0 {
            *refuses -= 1;
            return Err("no mail server".to_owned());
        }
        Ok(())
    }
}

struct Set(i64);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        at(self.0)
    }
}

async fn what_one_channel_does_not_take_is_handed_to_all_again(world: &World) {
    let store = world.open();
    outage(&store, true).await;
    let (good, bad) = (Heard::default(), Heard::default());
    let channel = |told: &Heard, refuses| Box::new(Told { told: told.clone(), refuses: Mutex::new(refuses) });
    let channels: Vec<Box<dyn Channel>> = vec![channel(&bad, 1), channel(&good, 0)];
    let one = ReplicaId::new();
    let look = async |second| notify::look(store.as_ref(), &Set(second), one, &channels).await.unwrap();

    assert_eq!((look(121).await, waiting(&store).await), (2, 1));
    assert_eq!((look(125).await, look(126).await, waiting(&store).await), (0, 1, 0));

    let both = [("ticket_opened", 1), ("ticket_resolved", 1), ("ticket_opened", 2)];
    let both = both.map(|(code, attempt)| (code.to_owned(), attempt));
    assert_eq!((&good.lock().unwrap()[..], &bad.lock().unwrap()[..]), (&both[..], &both[..]));
}
