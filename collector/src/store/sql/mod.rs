//! The store, written once for both engines: what `sqlite/` and `postgres/` give is a connection ([`Sql`]), the texts
//! that make the tables, and what one engine alone can do. One writer thread with group commit, a few connections that
//! read. Other processes may use the same database at the same time.

pub mod apply;
pub mod calendars;
mod catalogue;
pub mod check;
pub mod copy;
mod decide;
mod desk;
mod doubts;
mod effects;
pub mod engine;
mod events;
mod explanation;
mod findings;
mod fleet;
mod hand;
mod history;
mod identity;
mod incidents;
mod inventory;
mod kin;
mod last;
mod lines;
mod maintenance;
mod outbox;
mod pages;
pub mod published;
mod readers;
mod references;
mod refused;
mod replicas;
pub mod restored;
mod rollup;
pub mod row;
mod schools;
mod set_back;
pub mod tables;
mod ticket_effects;
mod ticket_policy;
mod tickets;
mod upkeep;
mod users;
mod view;
mod wide;
mod writer;

use super::*;
use crate::directory::SchoolRow;
use apply::Apply;
use engine::Sql;
use published::Published;
use readers::Readers;
use tokio::sync::broadcast;
use writer::{Tx, Writer};

pub use readers::READERS;

/// Changes that a slow reader of [`Store::changes`] may lag behind before it is told that it missed some.
const CHANGES: usize = 1024;

/// Items of one call of [`Store::apply`] that go to the writer together.
const ITEMS: usize = 256;

/// The store on a database of either engine.
#[derive(Clone)]
pub struct SqlStore {
    writer: Writer,
    readers: Readers,
    published: Published,
}

impl SqlStore {
    /// A store on these connections, whose tables are up to date: one that writes, some that read.
    pub fn start(writer: Sql, mut readers: Vec<Sql>) -> Result<Self, StoreError> {
        readers.iter_mut().for_each(|reader| reader.share_calendars(&writer));
        let (changes, _) = broadcast::channel(CHANGES);
        let published = Published::new(&writer, changes)?;
        let writer = Writer::start(writer, published.clone())?;
        Ok(Self { writer, readers: Readers::new(readers), published })
    }

    /// What was told to readers of changes.
    pub fn published(&self) -> &Published {
        &self.published
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn apply(&self, items: Vec<Item>, decider: Arc<dyn Decide>) -> Vec<Result<Receipt, StoreError>> {
        let mut waiting = Vec::new();
        let mut items = items.into_iter().peekable();
        while items.peek().is_some() {
            let some: Vec<Item> = items.by_ref().take(ITEMS).collect();
            let count = some.len();
            let (job, results) = Apply::new(some, decider.clone());
            let sent = self.writer.send(Box::new(job)).await.is_ok();
            waiting.push((count, sent.then_some(results)));
        }
        let mut all = Vec::new();
        for (count, results) in waiting {
            let told = match results {
                Some(results) => results.await.ok(),
                None => None,
            };
            all.extend(told.unwrap_or_else(|| (0..count).map(|_| Err(writer::stopped())).collect()));
        }
        all
    }

    async fn doubts(
        &self,
        upto: Timestamp,
        now: Timestamp,
        decider: Arc<dyn Decide>,
    ) -> Result<Vec<(Uai, Difference)>, StoreError> {
        let mut all = Vec::new();
        for (school, uai) in self.readers.read(doubts::schools).await? {
            let decider = decider.clone();
            let of_school = move |sql: &Sql| doubts::of_school(sql, school, upto, now, decider.as_ref());
            all.extend(self.readers.read(of_school).await?.into_iter().map(|difference| (uai, difference)));
        }
        Ok(all)
    }

    async fn look_wide(&self, now: Timestamp) -> Result<(), StoreError> {
        if !self.readers.read(wide::is_due).await? {
            return Ok(());
        }
        self.writer.write_often(move |tx| wide::look(tx, now)).await
    }

    async fn claim_due(
        &self,
        replica: ReplicaId,
        upto: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<SchoolId>, StoreError> {
        // Most of the time there is nothing, and a look costs less than a transaction that writes.
        if !self.readers.read(move |sql| replicas::any_due(sql, upto, now)).await? {
            return Ok(vec![]);
        }
        self.writer.write_often(move |tx| replicas::claim_due(tx, replica, upto, now, limit)).await
    }

    async fn sign_of_life(&self, sign: SignOfLife) -> Result<Signed, StoreError> {
        self.writer.write_often(move |tx| replicas::sign(tx, &sign)).await
    }

    async fn claim_messages(
        &self,
        replica: ReplicaId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        if !self.readers.read(move |sql| outbox::any_due(sql, now)).await? {
            return Ok(vec![]);
        }
        self.writer.write_often(move |tx| outbox::claim(tx, replica, now, limit)).await
    }

    async fn message_done(&self, id: MessageId, replica: ReplicaId) -> Result<(), StoreError> {
        self.writer.write_often(move |tx| outbox::done(tx, id, replica)).await
    }

    async fn message_failed(
        &self,
        id: MessageId,
        replica: ReplicaId,
        problem: &str,
        retry_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let problem = problem.to_owned();
        self.writer.write_often(move |tx| outbox::failed(tx, id, replica, &problem, retry_at)).await
    }

    async fn refused_items(&self, limit: usize) -> Result<Vec<RefusedItem>, StoreError> {
        self.readers.read(move |sql| refused::latest(sql, limit)).await
    }

    async fn refused_item(&self, id: RefusedId) -> Result<Option<(RefusedItem, String)>, StoreError> {
        self.readers.read(move |sql| refused::one(sql, id)).await
    }

    fn changes(&self) -> broadcast::Receiver<(SchoolId, u64)> {
        self.published.subscribe()
    }

    async fn import_schools(&self, rows: Vec<SchoolRow>, now: Timestamp) -> Result<Imported, StoreError> {
        self.writer.write(move |tx| schools::import(tx, &rows, now)).await
    }

    async fn add_network(&self, network: NewNetwork) -> Result<(), StoreError> {
        self.writer.write(move |tx| schools::add_network(tx, &network)).await
    }

    async fn add_line(&self, line: NewLine, now: Timestamp) -> Result<LineId, StoreError> {
        self.writer.write(move |tx| lines::add(tx, &line, now)).await
    }

    async fn lines(&self, school: Option<Uai>) -> Result<Vec<LineSummary>, StoreError> {
        self.readers.read(move |sql| lines::list(sql, school)).await
    }

    async fn remove_line(&self, line: LineId, now: Timestamp) -> Result<(), StoreError> {
        self.writer.write(move |tx| lines::remove(tx, line, now)).await
    }

    async fn claim_probing(&self, replica: ReplicaId, now: Timestamp) -> Result<Option<Vec<ProbedLine>>, StoreError> {
        if !self.readers.read(move |sql| lines::probing_is_free(sql, replica, now)).await? {
            return Ok(None);
        }
        self.writer.write_often(move |tx| lines::claim_probing(tx, replica, now)).await
    }

    async fn heard_elsewhere(
        &self,
        than: BTreeSet<SchoolId>,
        after: Timestamp,
        upto: Timestamp,
    ) -> Result<bool, StoreError> {
        self.readers.read(move |sql| lines::heard_elsewhere(sql, &than, after, upto)).await
    }

    async fn policy(&self) -> Result<Policy, StoreError> {
        self.readers.read(|sql| Ok(Policy::clone(writer::read_policy(sql)?.as_ref()))).await
    }

    async fn set_policy(&self, policy: Policy, now: Timestamp) -> Result<u64, StoreError> {
        self.writer.write(move |tx| schools::set_policy(tx, &policy, now)).await
    }

    async fn calendars(&self, school: Uai) -> Result<SchoolCalendars, StoreError> {
        self.readers.read(move |sql| calendars::of_school(sql, schools::find(sql, school)?)).await
    }

    async fn calendar_settings(&self, school: Option<Uai>) -> Result<Option<CalendarSettings>, StoreError> {
        self.readers.read(move |sql| calendars::settings(sql, school)).await
    }

    async fn set_calendar(
        &self,
        school: Option<Uai>,
        settings: Option<CalendarSettings>,
        by: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let by = by.to_owned();
        self.writer.write(move |tx| calendars::set(tx, school, settings.as_ref(), &by, now)).await
    }

    async fn closures(&self, school: Option<Uai>) -> Result<Vec<ClosureRow>, StoreError> {
        self.readers.read(move |sql| calendars::closures(sql, school)).await
    }

    async fn add_closure(&self, closure: NewClosure) -> Result<ClosureId, StoreError> {
        self.writer.write(move |tx| calendars::add_closure(tx, &closure)).await
    }

    async fn remove_closure(&self, id: ClosureId, of: Option<Uai>, now: Timestamp) -> Result<ClosureRow, StoreError> {
        self.writer.write(move |tx| calendars::remove_closure(tx, id, of, now)).await
    }

    async fn school_holidays(&self) -> Result<HolidayTable, StoreError> {
        self.readers.read(calendars::holidays).await
    }

    async fn set_school_holidays(
        &self,
        table: HolidayTable,
        by: &str,
        now: Timestamp,
    ) -> Result<HolidaysSet, StoreError> {
        let by = by.to_owned();
        self.writer.write(move |tx| calendars::set_holidays(tx, &table, &by, now)).await
    }

    async fn clear_school_holidays(&self, zone: Zone, year: i16, now: Timestamp) -> Result<(), StoreError> {
        self.writer.write(move |tx| calendars::clear_holidays(tx, zone, year, now)).await
    }

    async fn ticket_policy(&self) -> Result<Arc<TicketPolicy>, StoreError> {
        self.readers.read(ticket_policy::in_force).await
    }

    async fn set_ticket_policy(&self, policy: TicketPolicy, by: &str, now: Timestamp) -> Result<u64, StoreError> {
        let by = by.to_owned();
        self.writer.write(move |tx| ticket_policy::set(tx, &policy, &by, now)).await
    }

    async fn ticket_policy_versions(&self, limit: usize) -> Result<Vec<PolicyVersion>, StoreError> {
        self.readers.read(move |sql| ticket_policy::versions(sql, limit)).await
    }

    async fn call(&self, call: NewCall, now: Timestamp, decider: Arc<dyn Decide>) -> Result<Called, StoreError> {
        self.writer.write(move |tx| desk::call(tx, &call, now, decider.as_ref())).await
    }

    async fn act_on_ticket(
        &self,
        ticket: TicketId,
        act: TicketAct,
        by: &str,
        now: Timestamp,
        decider: Arc<dyn Decide>,
    ) -> Result<(), StoreError> {
        let by = by.to_owned();
        self.writer.write(move |tx| desk::act(tx, ticket, &act, &by, now, decider.as_ref())).await
    }

    async fn add_maintenance(&self, new: NewMaintenance, now: Timestamp) -> Result<MaintenanceId, StoreError> {
        self.writer.write(move |tx| maintenance::add(tx, &new, now)).await
    }

    async fn end_maintenance(&self, id: MaintenanceId, by: &str, now: Timestamp) -> Result<(), StoreError> {
        let by = by.to_owned();
        self.writer.write(move |tx| maintenance::end(tx, id, &by, now)).await
    }

    async fn maintenances(&self, now: Timestamp, limit: usize) -> Result<Vec<MaintenanceView>, StoreError> {
        self.readers.read(move |sql| maintenance::list(sql, now, limit)).await
    }

    async fn authority(&self) -> Result<Option<AuthorityRow>, StoreError> {
        self.readers.read(schools::authority).await
    }

    async fn create_authority(&self, authority: AuthorityRow) -> Result<(), StoreError> {
        self.writer.write(move |tx| schools::create_authority(tx, &authority)).await
    }

    async fn create_token(&self, token: NewToken) -> Result<(), StoreError> {
        self.writer.write(move |tx| identity::create_token(tx, &token)).await
    }

    async fn enrol(&self, request: Enrolment) -> Result<Enrolled, StoreError> {
        self.writer.write(move |tx| identity::enrol(tx, &request)).await
    }

    async fn add_certificate(&self, certificate: NewCertificate) -> Result<(), StoreError> {
        self.writer.write(move |tx| identity::add_certificate(tx, &certificate)).await
    }

    async fn authorise(&self, peer: &Peer, now: Timestamp) -> Result<MachineId, StoreError> {
        let asked = peer.clone();
        let judge = move |sql: &Sql| {
            let judged = identity::authorise(sql, &asked, now);
            Ok((judged.is_err() && identity::adoptable(sql, &asked)?.is_some(), judged))
        };
        let (adoptable, judged) = self.readers.read(judge).await?;
        if !adoptable {
            return judged;
        }
        let peer = peer.clone();
        let adopt = move |tx: &mut Tx<'_>| {
            identity::adopt(tx, &peer, now)?;
            identity::authorise(tx.sql, &peer, now)
        };
        self.writer.write(adopt).await
    }

    async fn approve(
        &self,
        which: Which,
        by: &str,
        now: Timestamp,
        decider: Arc<dyn Decide>,
    ) -> Result<Vec<MachineId>, StoreError> {
        let by = by.to_owned();
        self.writer.write(move |tx| identity::approve(tx, &which, &by, now, decider.as_ref())).await
    }

    async fn place(
        &self,
        machine: MachineId,
        room: &str,
        network: Option<crate::engine::NetworkKind>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let room = room.trim().to_owned();
        self.writer.write(move |tx| identity::place(tx, machine, &room, network, now)).await
    }

    async fn revoke(
        &self,
        machine: MachineId,
        by: &str,
        now: Timestamp,
        decider: Arc<dyn Decide>,
    ) -> Result<(), StoreError> {
        let by = by.to_owned();
        self.writer.write(move |tx| identity::revoke(tx, machine, &by, now, decider.as_ref())).await
    }

    async fn add_user(&self, user: NewUser) -> Result<(), StoreError> {
        self.writer.write(move |tx| users::add(tx, &user)).await
    }

    async fn user(&self, login: &str) -> Result<Option<UserRow>, StoreError> {
        let login = login.to_owned();
        self.readers.read(move |sql| users::user(sql, &login)).await
    }

    async fn set_password(&self, login: &str, password_hash: &str) -> Result<(), StoreError> {
        let (login, password_hash) = (login.to_owned(), password_hash.to_owned());
        self.writer.write(move |tx| users::set_password(tx, &login, &password_hash)).await
    }

    async fn remove_user(&self, login: &str) -> Result<(), StoreError> {
        let login = login.to_owned();
        self.writer.write(move |tx| users::remove(tx, &login)).await
    }

    async fn has_users(&self) -> Result<bool, StoreError> {
        self.readers.read(users::any).await
    }

    async fn create_session(&self, session: NewSession) -> Result<(), StoreError> {
        self.writer.write_often(move |tx| users::create_session(tx, &session)).await
    }

    async fn session(&self, secret_sha256: &[u8; 32], now: Timestamp) -> Result<Option<SessionRow>, StoreError> {
        let secret = *secret_sha256;
        let found = self.readers.read(move |sql| users::session(sql, &secret, now)).await?;
        let Some((session, last_used)) = found else { return Ok(None) };
        if last_used.duration_until(now) >= users::LAST_USE_EVERY {
            self.writer.write_often(move |tx| users::use_session(tx, &secret, now)).await?;
        }
        Ok(Some(session))
    }

    async fn end_session(&self, secret_sha256: &[u8; 32]) -> Result<(), StoreError> {
        let secret = *secret_sha256;
        self.writer.write_often(move |tx| users::end_session(tx, &secret)).await
    }

    async fn end_sessions_of(&self, login: &str) -> Result<u64, StoreError> {
        let login = login.to_owned();
        self.writer.write(move |tx| users::end_sessions_of(tx, &login)).await
    }

    async fn failed_sign_ins(
        &self,
        login: &str,
        add: bool,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let login = login.to_owned();
        self.writer.write(move |tx| users::failed(tx, &login, add, since, now)).await
    }

    async fn clear_failed_sign_ins(&self, login: &str) -> Result<(), StoreError> {
        let login = login.to_owned();
        self.writer.write(move |tx| users::clear_failed(tx, &login)).await
    }

    async fn fleet(&self, now: Timestamp) -> Result<Fleet, StoreError> {
        self.readers.read(move |sql| pages::fleet(sql, now)).await
    }

    async fn school(&self, uai: &str, now: Timestamp) -> Result<Option<SchoolPage>, StoreError> {
        let uai = uai.to_owned();
        self.readers.read(move |sql| pages::school(sql, &uai, now)).await
    }

    async fn machine(&self, machine: MachineId, now: Timestamp) -> Result<Option<MachinePage>, StoreError> {
        self.readers.read(move |sql| pages::machine(sql, machine, now)).await
    }

    async fn tickets(&self, limit: usize) -> Result<Vec<TicketSummary>, StoreError> {
        self.readers.read(move |sql| tickets::latest(sql, limit)).await
    }

    async fn ticket(&self, ticket: TicketId) -> Result<Option<TicketPage>, StoreError> {
        self.readers.read(move |sql| tickets::page(sql, ticket)).await
    }

    async fn quarantine(&self) -> Result<Vec<QuarantinedMachine>, StoreError> {
        self.readers.read(pages::quarantine).await
    }

    async fn counts(&self, now: Timestamp) -> Result<Counts, StoreError> {
        self.readers.read(move |sql| pages::counts(sql, now)).await
    }

    async fn retain(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.writer.write(move |tx| upkeep::retain(tx, now)).await
    }
}
