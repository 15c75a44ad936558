//! The policy that is in force until somebody sets another.

use super::{Flapping, Grouping, Level, Rule, Terms, Then, TicketPolicy};
use crate::helpdesk::sla::Sla;
use vigie_shared::check::{BACKUP_LINE, INTERNET, LINE_QUALITY, LOCAL_NETWORK, SERVER_SILENT, VOLUME_SPACE};

fn rule(name: &str, check: &str, terms: Terms) -> Rule {
    Rule {
        name: name.to_owned(),
        check: check.to_owned(),
        causes: vec![],
        reasons: vec![],
        kinds: vec![],
        scopes: vec![],
        then: Then::Ticket(terms),
    }
}

fn terms(
    category: &str,
    (urgency, impact): (Level, Level),
    allowed_minutes: u32,
    (wait_s, quiet_s): (u32, u32),
) -> Terms {
    Terms {
        category: category.to_owned(),
        urgency,
        impact,
        allowed_minutes,
        wait_s,
        quiet_s,
        reopen_within_s: 24 * 3600,
        group: Grouping::School,
    }
}

impl Default for TicketPolicy {
    /// The coded agreement of four hours covers internet outages; a volume that fills up has two days of ten hours. What
    /// no rule names opens no ticket and feeds the next visit. When the collector itself is out of reach no school has a
    /// ticket for it.
    fn default() -> Self {
        use Level::{High, Low, Medium};
        let each = |terms: Terms| Terms { group: Grouping::Machine, ..terms };
        let cut = terms("internet", (High, High), Sla::INTERNET_MINUTES, (2 * 60, 5 * 60));
        let weakened = || terms("internet", (Medium, Medium), 10 * 60, (15 * 60, 15 * 60));
        let inside = terms("network", (High, Medium), 8 * 60, (15 * 60, 2 * 60));
        let silent = each(terms("server", (High, Medium), 8 * 60, (10 * 60, 5 * 60)));
        let full = terms("storage", (Medium, Low), 20 * 60, (0, 10 * 60));
        let cut = Rule {
            scopes: ["school", "network", "basin"].map(str::to_owned).into(),
            ..rule("internet-cut", INTERNET, cut)
        };
        // From outside a dead switch and the master switch of a room look alike, until somebody of that room tells.
        let silent_part = Rule {
            causes: vec!["undetermined".to_owned()],
            then: Then::NoTicket,
            ..rule("silent-part", LOCAL_NETWORK, inside.clone())
        };
        let flapping = [INTERNET, LINE_QUALITY, BACKUP_LINE, LOCAL_NETWORK, SERVER_SILENT, VOLUME_SPACE];
        Self {
            version: 0,
            flapping: flapping.map(|check| (check.to_owned(), Flapping::default())).into(),
            rules: vec![
                cut,
                rule("line-degraded", LINE_QUALITY, weakened()),
                rule("on-backup-line", BACKUP_LINE, weakened()),
                silent_part,
                rule("room-or-switch", LOCAL_NETWORK, inside),
                rule("server-silent", SERVER_SILENT, silent),
                rule("volume-full", VOLUME_SPACE, full),
            ],
        }
    }
}

#[cfg(test)]
impl TicketPolicy {
    /// The shipped policy without any waiting, for tests that are about something else.
    pub fn at_once() -> Self {
        let mut policy = Self::default();
        for rule in &mut policy.rules {
            if let Then::Ticket(terms) = &mut rule.then {
                (terms.wait_s, terms.quiet_s) = (0, 0);
            }
        }
        policy
    }
}
