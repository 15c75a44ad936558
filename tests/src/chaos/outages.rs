//! Outages and their tickets: each outage deserves one, nothing else deserves any.

use super::stored::TicketRow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What came of the tickets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// All tickets.
    pub tickets: u64,
    /// Lines that were cut.
    pub outages: u64,
    /// Of these, without a ticket.
    pub missed: u64,
    /// Tickets of an outage that had one already.
    pub twice: u64,
    /// Tickets without an outage.
    pub without_cause: u64,
}

/// One line that is cut.
#[derive(Debug)]
struct Outage {
    uai: String,
    tickets: BTreeSet<i64>,
    over: bool,
}

#[derive(Debug, Default)]
struct State {
    outages: Vec<Outage>,
    seen: BTreeMap<i64, TicketRow>,
    without_cause: BTreeSet<i64>,
}

/// The books of all outages, kept while tickets appear.
#[derive(Debug, Default)]
pub struct Outages {
    state: Mutex<State>,
}

impl Outages {
    /// A line is cut: from now on a new ticket of that school is about it.
    pub fn begin(&self, uai: &str) -> usize {
        let mut state = self.lock();
        state.outages.push(Outage { uai: uai.to_owned(), tickets: BTreeSet::new(), over: false });
        state.outages.len() - 1
    }

    /// It is over: resolved, and all that was late has come.
    pub fn end(&self, outage: usize) {
        if let Some(outage) = self.lock().outages.get_mut(outage) {
            outage.over = true;
        }
    }

    /// Takes in the tickets that there are; answers those that nobody can explain, each once.
    pub fn look(&self, tickets: Vec<TicketRow>) -> Vec<TicketRow> {
        let mut state = self.lock();
        let mut strange = Vec::new();
        for ticket in tickets {
            if state.seen.insert(ticket.number, ticket.clone()).is_some() {
                continue;
            }
            let cause = state.outages.iter_mut().find(|outage| !outage.over && outage.uai == ticket.uai);
            match cause {
                Some(outage) if ticket.about == "internet" => drop(outage.tickets.insert(ticket.number)),
                _ => {
                    state.without_cause.insert(ticket.number);
                    strange.push(ticket);
                }
            }
        }
        strange
    }

    /// Whether an outage has its ticket.
    pub fn has_ticket(&self, outage: usize) -> bool {
        self.lock().outages.get(outage).is_some_and(|outage| !outage.tickets.is_empty())
    }

    /// Whether all its tickets are resolved, of which there is at least one.
    pub fn is_resolved(&self, outage: usize) -> bool {
        let state = self.lock();
        let resolved = |number: &i64| state.seen.get(number).is_some_and(|ticket| ticket.resolved);
        state.outages.get(outage).is_some_and(|o| !o.tickets.is_empty() && o.tickets.iter().all(resolved))
    }

    /// The sums.
    pub fn tally(&self) -> Tally {
        let state = self.lock();
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Tally {
            tickets: count(state.seen.len()),
            outages: count(state.outages.len()),
            missed: count(state.outages.iter().filter(|outage| outage.tickets.is_empty()).count()),
            twice: count(state.outages.iter().map(|outage| outage.tickets.len().saturating_sub(1)).sum()),
            without_cause: count(state.without_cause.len()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(number: i64, uai: &str, resolved: bool) -> TicketRow {
        TicketRow { number, uai: uai.to_owned(), about: "internet".to_owned(), resolved }
    }

    #[test]
    fn an_outage_has_one_ticket_and_what_has_no_outage_is_strange() {
        let outages = Outages::default();
        let first = outages.begin("0959901W");
        assert!(outages.look(vec![ticket(1, "0959901W", false)]).is_empty());
        assert!(outages.has_ticket(first) && !outages.is_resolved(first));
        assert_eq!(outages.look(vec![ticket(2, "0959902X", false)]).len(), 1);
        assert!(outages.look(vec![ticket(1, "0959901W", true), ticket(2, "0959902X", true)]).is_empty());
        assert!(outages.is_resolved(first));
        let good = Tally { tickets: 2, outages: 1, missed: 0, twice: 0, without_cause: 1 };
        assert_eq!(outages.tally(), good);

        assert!(outages.look(vec![ticket(3, "0959901W", false)]).is_empty());
        outages.end(first);
        assert_eq!(outages.look(vec![ticket(4, "0959901W", false)]).len(), 1, "after its end");
        outages.begin("0959903Y");
        let bad = Tally { tickets: 4, outages: 2, missed: 1, twice: 1, without_cause: 2 };
        assert_eq!(outages.tally(), bad);
    }
}
