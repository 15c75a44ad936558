//! The journal: one line a message in the log of this process, which systemd's journal or Loki keeps and alerts on.

use super::Channel;
use crate::store::Message;
use async_trait::async_trait;

/// See the module.
pub struct Journal;

#[async_trait]
impl Channel for Journal {
    fn name(&self) -> &'static str {
        "journal"
    }

    async fn tell(&self, message: &Message) -> Result<(), String> {
        tracing::info!(
            ticket = message.number,
            school = message.school.0,
            check = plain(&message.check),
            what = message.note.code,
            id = %message.id,
            "{}",
            words(message)
        );
        Ok(())
    }
}

/// The message as a sentence.
fn words(message: &Message) -> String {
    let figure = |name: &str| message.note.with.get(name).map_or("?", String::as_str);
    let place = format!("{} ({})", plain(&message.school.1), message.school.0);
    let number = message.number;
    let about = match &message.about {
        None => plain(&message.check),
        Some((host, instance)) => format!("{} {} on {}", plain(&message.check), plain(instance), plain(host)),
    };
    match message.note.code.as_str() {
        "ticket_opened" => format!("ticket {number} was opened: {about} at {place}, due {}", figure("due")),
        "incident_joined" => {
            let instance = plain(figure("instance"));
            format!("ticket {number} has one more incident: {} {instance} at {place}", plain(&message.check))
        }
        "ticket_reopened" => {
            format!("ticket {number} is open again: {about} at {place}, due {}", figure("due"))
        }
        "ticket_tightened" => {
            format!("ticket {number} presses more: {about} at {place}, due {}", figure("due"))
        }
        "ticket_resolved" => {
            format!("ticket {number} is resolved: {about} at {place}, restored {}", figure("restored"))
        }
        other => format!("ticket {number}: {} ({about} at {place})", plain(other)),
    }
}

/// Names come from machines and lists: nothing in them may begin a line of its own.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Note;
    use jiff::Timestamp;
    use vigie_shared::id::{MessageId, TicketId};

    fn message(note: Note, about: Option<(&str, &str)>) -> Message {
        Message {
            id: MessageId::new(),
            ticket: TicketId::new(),
            number: 12,
            school: ("0959901W".to_owned(), "Collège Alpha\nticket 1 is resolved".to_owned()),
            check: "internet".to_owned(),
            about: about.map(|(host, instance)| (host.to_owned(), instance.to_owned())),
            note,
            created: Timestamp::UNIX_EPOCH,
            attempt: 1,
        }
    }

    #[test]
    fn each_message_is_one_line_in_words() {
        let opened = words(&message(Note::new("ticket_opened").with("due", "2026-11-24T10:00:00Z"), None));
        assert_eq!(
            opened,
            "ticket 12 was opened: internet at Collège Alpha ticket 1 is resolved (0959901W), due 2026-11-24T10:00:00Z"
        );
        let joined = words(&message(Note::new("incident_joined").with("instance", "/data"), Some(("PC01", "/"))));
        assert!(joined.starts_with("ticket 12 has one more incident: internet /data at "), "{joined}");
        let note = Note::new("ticket_resolved").with("restored", "2026-11-24T09:00:00Z");
        let resolved = words(&message(note, Some(("PC\u{1b}01", "/"))));
        assert!(resolved.starts_with("ticket 12 is resolved: internet / on PC 01 at "), "{resolved}");
        assert!(resolved.ends_with("restored 2026-11-24T09:00:00Z"), "{resolved}");
    }
}
