//! The store: domain operations only. It owns the transaction; the pure decider runs inside it.
//!
//! One trait, and one writing of it ([`sql`]) for two engines: [`sqlite`] embedded, [`postgres`] to grow. Every method says
//! what it bounds and what it answers; none hands out rows to be written back.

mod calendars;
mod desk;
mod fleet;
mod lines;
pub mod postgres;
pub mod sql;
pub mod sqlite;
#[cfg(test)]
mod story;
mod types;
mod views;

pub use calendars::*;
pub use desk::*;
pub use fleet::*;
pub use lines::*;
pub use types::*;
pub use views::*;

use crate::calendar::{CalendarSettings, HolidayTable, SchoolCalendars, Zone};
use crate::engine::Decide;
use crate::engine::reconcile::Difference;
use crate::helpdesk::ticket_policy::TicketPolicy;
use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;
use vigie_shared::id::{
    ClosureId, LineId, MachineId, MaintenanceId, MessageId, RefusedId, ReplicaId, SchoolId, TicketId,
};
use vigie_shared::policy::Policy;
use vigie_shared::uai::Uai;

/// Why an operation failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Refused for a reason the caller must be told, with a stable code.
    #[error("{}", .0.message)]
    Refused(vigie_shared::error::Refusal),
    /// What was named does not exist.
    #[error("{0}")]
    NotFound(String),
    /// It exists already, or contradicts what exists.
    #[error("{0}")]
    Conflict(String),
    /// The database failed: nothing of this operation was kept.
    #[error("the store failed: {0}")]
    Failed(String),
    /// The database cannot be reached.
    #[error("the database cannot be reached: {0}")]
    Away(String),
    /// Others wrote the same rows at the same time, again and again: nothing of this operation was kept.
    #[error("others are writing the same rows: {0}")]
    Contended(String),
}

/// Everything the collector keeps.
#[async_trait]
pub trait Store: FleetStore {
    // ── reports ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// Applies calls of agents and passages of time. All items that are waiting are committed together (group commit);
    /// each item stands alone: one that fails is refused alone. One result an item, in order. Answers after commit.
    ///
    /// For each sync: authorisation (certificate known, not expired at its receipt, not revoked; machine not deleted),
    /// the liveness row, the cursor of the stream, events, sections, then the decider when there is something to decide.
    /// A heartbeat that changes nothing touches its liveness row only.
    async fn apply(&self, items: Vec<Item>, decider: Arc<dyn Decide>) -> Vec<Result<Receipt, StoreError>>;

    /// Leases schools whose `next_wake` is at or before `upto` to a collector for 10 s, at most `limit`, earliest first.
    /// Those leased already are passed over, whoever has them. The decision on a school ends its lease; a lease whose
    /// holder died, or failed on the school, runs out.
    async fn claim_due(
        &self,
        replica: ReplicaId,
        upto: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<SchoolId>, StoreError>;

    /// Looks for verdicts on more than one school ([`crate::engine::wide`]), when a school's way to the internet was judged
    /// anew since the last look. Any collector may; they pass one at a time.
    async fn look_wide(&self, now: Timestamp) -> Result<(), StoreError>;

    /// Where open incidents do not follow from the facts, judged up to `upto`: nothing is changed
    /// ([`crate::engine::reconcile`]). Looks at one school after the other.
    async fn doubts(
        &self,
        upto: Timestamp,
        now: Timestamp,
        decider: Arc<dyn Decide>,
    ) -> Result<Vec<(Uai, Difference)>, StoreError>;

    /// A receiver of "something to see changed in this school": its id and new version, after each commit.
    fn changes(&self) -> tokio::sync::broadcast::Receiver<(SchoolId, u64)>;

    /// The calls that the collector failed on, the latest first. At most 10 of one machine and 1,000 in all are kept.
    async fn refused_items(&self, limit: usize) -> Result<Vec<RefusedItem>, StoreError>;

    /// One of them with what was sent: JSON, cut at 256 KiB.
    async fn refused_item(&self, id: RefusedId) -> Result<Option<(RefusedItem, String)>, StoreError>;

    // ── several collectors ───────────────────────────────────────────────────────────────────────────────────────

    /// A collector lives; called every second. Answers up to when silence may be judged: the least low-watermark of all
    /// collectors that live, own one included.
    ///
    /// A collector not heard for 15 s is given up. That, a sign of one's own that could not be written before or comes
    /// 5 s late (cut from the database, suspended), and nobody having been alive for as long are absences: they are kept
    /// for the engine ([`crate::engine::CollectorAbsence`]), and all schools with machines are looked at. Whoever starts
    /// under the same name within 5 s takes the place of the one before without absence.
    async fn sign_of_life(&self, sign: SignOfLife) -> Result<Signed, StoreError>;

    /// Leases messages that are due to a collector for 60 s, at most `limit`, the oldest first. Each attempt is counted:
    /// after 20 of them, or 7 days, a message is given up with a warning. Whoever is told must bear a repetition.
    async fn claim_messages(
        &self,
        replica: ReplicaId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError>;

    /// A message was told: it is forgotten, unless another collector has its lease by now.
    async fn message_done(&self, id: MessageId, replica: ReplicaId) -> Result<(), StoreError>;

    /// A message could not be told: it is due again at `retry_at`. Answers whether it was given up instead.
    async fn message_failed(
        &self,
        id: MessageId,
        replica: ReplicaId,
        problem: &str,
        retry_at: Timestamp,
    ) -> Result<bool, StoreError>;

    // ── schools, policy ──────────────────────────────────────────────────────────────────────────────────────────

    /// Creates or updates schools by their UAI, all or nothing.
    async fn import_schools(
        &self,
        rows: Vec<crate::directory::SchoolRow>,
        now: Timestamp,
    ) -> Result<Imported, StoreError>;
    /// Adds an address range of a school: machines that enrol from it are expected there.
    async fn add_network(&self, network: NewNetwork) -> Result<(), StoreError>;
    /// Adds an internet access of a school; the same address again changes what is known of it. At most 8 of a school.
    async fn add_line(&self, line: NewLine, now: Timestamp) -> Result<LineId, StoreError>;
    /// Lines of one school, or of all, the main ones of a school first.
    async fn lines(&self, school: Option<Uai>) -> Result<Vec<LineSummary>, StoreError>;
    /// Removes a line and what its probe came to. [`StoreError::NotFound`] if there is no such line.
    async fn remove_line(&self, line: LineId, now: Timestamp) -> Result<(), StoreError>;
    /// Takes the duty of probing lines for 45 s, or keeps it, and answers the lines to probe, at most 5,000. `None` when
    /// another collector has it, or there is nothing to probe.
    async fn claim_probing(&self, replica: ReplicaId, now: Timestamp) -> Result<Option<Vec<ProbedLine>>, StoreError>;
    /// Whether a machine of a school other than these was heard last after an instant and not later than another.
    async fn heard_elsewhere(
        &self,
        than: BTreeSet<SchoolId>,
        after: Timestamp,
        upto: Timestamp,
    ) -> Result<bool, StoreError>;
    /// The policy in force.
    async fn policy(&self) -> Result<Policy, StoreError>;
    /// Puts a policy in force under the next version, which is answered. Refused with its problems if it has any.
    async fn set_policy(&self, policy: Policy, now: Timestamp) -> Result<u64, StoreError>;

    // ── calendars ────────────────────────────────────────────────────────────────────────────────────────────────

    /// The calendars of a school as they count now: what is set for it, over what is set for the fleet, over what is
    /// usual where it lies. Worked out once after each change.
    async fn calendars(&self, school: Uai) -> Result<SchoolCalendars, StoreError>;
    /// What is set for a school, or for the fleet; `None` where nothing is.
    async fn calendar_settings(&self, school: Option<Uai>) -> Result<Option<CalendarSettings>, StoreError>;
    /// Sets that, as a whole; `None` takes it away. [`StoreError::Conflict`] if it makes no sense. The schools are looked
    /// at again.
    async fn set_calendar(
        &self,
        school: Option<Uai>,
        settings: Option<CalendarSettings>,
        by: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;
    /// Exceptional closures by their start: those that touch a school, or all.
    async fn closures(&self, school: Option<Uai>) -> Result<Vec<ClosureRow>, StoreError>;
    /// Adds one; at most 500 for a school, and 500 for all. The same again is the one that is there.
    async fn add_closure(&self, closure: NewClosure) -> Result<ClosureId, StoreError>;
    /// Takes one away and answers it. With a school, only one of its own: [`StoreError::NotFound`] otherwise.
    async fn remove_closure(&self, id: ClosureId, of: Option<Uai>, now: Timestamp) -> Result<ClosureRow, StoreError>;
    /// The school holidays in force: those compiled in, each zone and school year replaced by what was set for it.
    async fn school_holidays(&self) -> Result<HolidayTable, StoreError>;
    /// Sets the school years that a table has whole, and answers which those are, and which it has in part.
    async fn set_school_holidays(
        &self,
        table: HolidayTable,
        by: &str,
        now: Timestamp,
    ) -> Result<HolidaysSet, StoreError>;
    /// Takes away what was set for a zone and school year, which is again as compiled in. [`StoreError::NotFound`] where
    /// nothing was set.
    async fn clear_school_holidays(&self, zone: Zone, year: i16, now: Timestamp) -> Result<(), StoreError>;

    // ── tickets and maintenance ──────────────────────────────────────────────────────────────────────────────────

    /// The ticket policy in force.
    async fn ticket_policy(&self) -> Result<Arc<TicketPolicy>, StoreError>;
    /// Puts a ticket policy in force under the next version, which is answered; earlier ones are kept. Refused with its
    /// problems if it has any. Tickets that are open keep the terms on which they were opened.
    async fn set_ticket_policy(&self, policy: TicketPolicy, by: &str, now: Timestamp) -> Result<u64, StoreError>;
    /// Versions of the ticket policy that were in force, the newest first, at most `limit`.
    async fn ticket_policy_versions(&self, limit: usize) -> Result<Vec<PolicyVersion>, StoreError>;
    /// Takes a call: it joins the open ticket of its school and subject, else it opens one, which what the engine found or
    /// finds about the same joins in its turn.
    async fn call(&self, call: NewCall, now: Timestamp, decider: Arc<dyn Decide>) -> Result<Called, StoreError>;
    /// Does what somebody wants done on a ticket; from then on the machine does not close it.
    async fn act_on_ticket(
        &self,
        ticket: TicketId,
        act: TicketAct,
        by: &str,
        now: Timestamp,
        decider: Arc<dyn Decide>,
    ) -> Result<(), StoreError>;
    /// Plans a maintenance of at most 90 days. Nobody is told of what breaks in it before it ends; all else goes on.
    async fn add_maintenance(&self, new: NewMaintenance, now: Timestamp) -> Result<MaintenanceId, StoreError>;
    /// Ends a maintenance before its time. [`StoreError::Conflict`] if it is over already.
    async fn end_maintenance(&self, id: MaintenanceId, by: &str, now: Timestamp) -> Result<(), StoreError>;
    /// Maintenances that go on or are to come, the next first, then those that are over; at most `limit`.
    async fn maintenances(&self, now: Timestamp, limit: usize) -> Result<Vec<MaintenanceView>, StoreError>;

    // ── identity ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// The authority: wrapped key and certificate, if one was made.
    async fn authority(&self) -> Result<Option<AuthorityRow>, StoreError>;
    /// Keeps the authority. [`StoreError::Conflict`] if there is one.
    async fn create_authority(&self, authority: AuthorityRow) -> Result<(), StoreError>;
    /// Keeps a token (only the SHA-256 of its secret). [`StoreError::NotFound`] if the school is unknown.
    async fn create_token(&self, token: NewToken) -> Result<(), StoreError>;
    /// Takes one use of a token and makes a machine, quarantined unless its address lies in a network of its school.
    /// The same public key again (a lost answer) is the same machine and no further use.
    async fn enrol(&self, request: Enrolment) -> Result<Enrolled, StoreError>;
    /// Keeps a certificate that was just signed for a machine.
    async fn add_certificate(&self, certificate: NewCertificate) -> Result<(), StoreError>;
    /// Whether a certificate may be used now (the renewal asks; `apply` checks for itself).
    async fn authorise(&self, peer: &Peer, now: Timestamp) -> Result<MachineId, StoreError>;
    /// Approves one machine, or all that wait. Answers which. The engine is told.
    async fn approve(
        &self,
        which: Which,
        by: &str,
        now: Timestamp,
        decider: Arc<dyn Decide>,
    ) -> Result<Vec<MachineId>, StoreError>;
    /// Says in which room a machine stands (empty: not known; at most 60 characters) and on which network it is (`None`: as
    /// its address tells).
    async fn place(
        &self,
        machine: MachineId,
        room: &str,
        network: Option<crate::engine::NetworkKind>,
        now: Timestamp,
    ) -> Result<(), StoreError>;
    /// Revokes a machine: its certificates are refused from now on. The engine is told.
    async fn revoke(
        &self,
        machine: MachineId,
        by: &str,
        now: Timestamp,
        decider: Arc<dyn Decide>,
    ) -> Result<(), StoreError>;

    // ── users and sessions ───────────────────────────────────────────────────────────────────────────────────────

    /// Adds a user. [`StoreError::Conflict`] if the login is taken.
    async fn add_user(&self, user: NewUser) -> Result<(), StoreError>;
    /// A user by login.
    async fn user(&self, login: &str) -> Result<Option<UserRow>, StoreError>;
    /// Gives a user another password, ends all sessions and forgets failed sign-ins, all at once.
    /// [`StoreError::NotFound`] if there is no such user.
    async fn set_password(&self, login: &str, password_hash: &str) -> Result<(), StoreError>;
    /// Removes a user and ends all sessions. [`StoreError::NotFound`] if there is no such user.
    async fn remove_user(&self, login: &str) -> Result<(), StoreError>;
    /// Whether any user exists.
    async fn has_users(&self) -> Result<bool, StoreError>;
    /// Keeps a session (only the SHA-256 of its secret).
    async fn create_session(&self, session: NewSession) -> Result<(), StoreError>;
    /// The session and its user if it is neither ended nor expired at `now`; moves its last use, at most once a minute.
    async fn session(&self, secret_sha256: &[u8; 32], now: Timestamp) -> Result<Option<SessionRow>, StoreError>;
    /// Ends a session.
    async fn end_session(&self, secret_sha256: &[u8; 32]) -> Result<(), StoreError>;
    /// Ends all sessions of a user (password changed, user removed) and answers how many.
    async fn end_sessions_of(&self, login: &str) -> Result<u64, StoreError>;
    /// Counts a failed sign-in for this login and answers how many there were since `since`; success clears it.
    async fn failed_sign_ins(
        &self,
        login: &str,
        add: bool,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<u32, StoreError>;
    /// Forgets failed sign-ins of this login.
    async fn clear_failed_sign_ins(&self, login: &str) -> Result<(), StoreError>;

    // ── reads for the pages ──────────────────────────────────────────────────────────────────────────────────────

    /// The whole fleet: schools with their machines, open tickets by due time.
    async fn fleet(&self, now: Timestamp) -> Result<Fleet, StoreError>;
    /// One school.
    async fn school(&self, uai: &str, now: Timestamp) -> Result<Option<SchoolPage>, StoreError>;
    /// One machine with its sections and checks.
    async fn machine(&self, machine: MachineId, now: Timestamp) -> Result<Option<MachinePage>, StoreError>;
    /// Tickets, open ones by due time, then those resolved lately; at most `limit`.
    async fn tickets(&self, limit: usize) -> Result<Vec<TicketSummary>, StoreError>;
    /// One ticket with its history.
    async fn ticket(&self, ticket: TicketId) -> Result<Option<TicketPage>, StoreError>;
    /// Machines that wait for approval.
    async fn quarantine(&self) -> Result<Vec<QuarantinedMachine>, StoreError>;
    /// Figures for `/metrics`: machines and tickets from the figures kept for each school, presence as last judged.
    async fn counts(&self, now: Timestamp) -> Result<Counts, StoreError>;

    // ── upkeep ───────────────────────────────────────────────────────────────────────────────────────────────────

    /// Drops what is past its time: events and gaps after 90 days, samples after 35, lines of
    /// the history of machines after three years, sessions at their end, resolved
    /// incidents and tickets never. Bounded work a call; answers how many rows went.
    async fn retain(&self, now: Timestamp) -> Result<u64, StoreError>;
}
