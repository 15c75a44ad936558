//! What the parts of the running agent share: the spool, the policy, the clocks and what was asked for.
//!
//! Everything runs on one thread; a borrow is never held across an await.

use super::status::{Status, Trouble};
use crate::clock::Clock;
use crate::settings::{StateFolder, write_atomically, write_lightly};
use crate::spool::{Moment, Spool};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use tokio::sync::Notify;
use vigie_shared::check::CheckStanding;
use vigie_shared::event::Fact;
use vigie_shared::id::{BootId, MachineId};
use vigie_shared::policy::Policy;

/// A sleep shorter than this is a hiccup of the two clocks.
const SLEEP_MIN_MS: u64 = 5_000;
/// The status is written at most this often when nothing notable changed.
const STATUS_EVERY_MS: u64 = 60_000;

/// How urgently a call is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Soon, unless the collector is known to be out of reach.
    Soon,
    /// Soon, even in the middle of a back-off: the way to the collector may be open again.
    Reopened,
}

/// What is shared.
pub struct Desk {
    /// The state folder.
    pub state: StateFolder,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// The boot of this machine.
    pub boot: BootId,
    /// Events to send.
    pub spool: RefCell<Spool>,
    /// Woken when a call is wanted.
    pub asked: Notify,
    /// Woken when the policy changed.
    pub policy_changed: Notify,
    policy: RefCell<Policy>,
    refused_policy: Cell<u64>,
    standings: RefCell<Vec<CheckStanding>>,
    urgency: Cell<Option<Urgency>>,
    asleep_ms: Cell<u64>,
    status: RefCell<Status>,
    status_written: RefCell<Option<(u64, Status)>>,
}

impl Desk {
    /// A desk with the kept policy.
    pub fn new(state: StateFolder, clock: Arc<dyn Clock>, boot: BootId, machine: MachineId) -> Self {
        let spool = Spool::open(&state.spool(), crate::spool::Limits::default());
        let policy = state.load_policy();
        let asleep_ms = clock.since_boot_ms().saturating_sub(clock.awake_ms());
        let status = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            machine,
            written_wall_ms: 0,
            last_contact_ms: None,
            policy: policy.version,
            quarantined: false,
            failures: 0,
            connections: 0,
            trouble: None,
            spool: spool.fill(),
            spool_problem: spool.problem().map(ToOwned::to_owned),
        };
        Self {
            state,
            clock,
            boot,
            spool: RefCell::new(spool),
            asked: Notify::new(),
            policy_changed: Notify::new(),
            policy: RefCell::new(policy),
            refused_policy: Cell::new(0),
            standings: RefCell::new(Vec::new()),
            urgency: Cell::new(None),
            asleep_ms: Cell::new(asleep_ms),
            status: RefCell::new(status),
            status_written: RefCell::new(None),
        }
    }

    /// This moment.
    pub fn now(&self) -> Moment {
        Moment { boot: self.boot, up_ms: self.clock.since_boot_ms(), wall_ms: self.clock.wall().as_millisecond() }
    }

    /// Spools something that happens now.
    pub fn happened(&self, fact: Fact) {
        self.happened_at(self.now(), fact);
    }

    /// Spools something that happened at that moment of this boot.
    pub fn happened_at(&self, at: Moment, fact: Fact) {
        self.spool.borrow_mut().append(at, fact);
    }

    /// The policy in force.
    pub fn policy(&self) -> Policy {
        self.policy.borrow().clone()
    }

    /// Takes a policy if every field of it is within bounds; otherwise the old one stays and the log names the fields.
    pub fn offer_policy(&self, policy: Policy) {
        let problems = policy.problems();
        if !problems.is_empty() {
            if self.refused_policy.replace(policy.version) != policy.version {
                let fields: Vec<_> = problems.iter().map(ToString::to_string).collect();
                let kept = self.policy.borrow().version;
                tracing::error!(
                    "policy {} is refused, policy {kept} stays in force: {}; correct it on the collector",
                    policy.version,
                    fields.join("; ")
                );
            }
            return;
        }
        let bytes = serde_json::to_vec(&policy).unwrap_or_default();
        if let Err(error) = write_atomically(&self.state.policy(), &bytes) {
            tracing::warn!("the policy cannot be kept for the next start ({error}); it is in force now");
        }
        tracing::info!("policy {} is in force: one heartbeat every {} s", policy.version, policy.heartbeat_s);
        self.policy.replace(policy);
        self.policy_changed.notify_one();
    }

    /// The confirmed states of the checks.
    pub fn standings(&self) -> Vec<CheckStanding> {
        self.standings.borrow().clone()
    }

    /// New standings; says whether they changed.
    pub fn set_standings(&self, standings: Vec<CheckStanding>) -> bool {
        self.standings.replace(standings.clone()) != standings
    }

    /// Asks for a call.
    pub fn ask(&self, urgency: Urgency) {
        self.urgency.set(self.urgency.get().max(Some(urgency)));
        self.asked.notify_one();
    }

    /// What was asked for since the last time.
    pub fn take_urgency(&self) -> Option<Urgency> {
        self.urgency.take()
    }

    /// Notices a sleep by the difference of the two clocks; spools it and says how long it was.
    pub fn notice_sleep(&self) -> Option<u64> {
        let asleep = self.clock.since_boot_ms().saturating_sub(self.clock.awake_ms());
        let slept_ms = asleep.saturating_sub(self.asleep_ms.replace(asleep));
        if slept_ms < SLEEP_MIN_MS {
            return None;
        }
        tracing::info!("this machine slept for {} s", slept_ms / 1000);
        self.happened(Fact::Resumed { slept_ms });
        Some(slept_ms)
    }

    /// Changes the status and writes it when that is due. A folder that cannot be written is said elsewhere.
    pub fn update_status(&self, change: impl FnOnce(&mut Status)) {
        let mut status = self.status.borrow_mut();
        change(&mut status);
        status.policy = self.policy.borrow().version;
        status.written_wall_ms = self.clock.wall().as_millisecond();
        {
            let spool = self.spool.borrow();
            status.spool = spool.fill();
            status.spool_problem = spool.problem().map(ToOwned::to_owned);
        }
        let up_ms = self.clock.since_boot_ms();
        let mut written = self.status_written.borrow_mut();
        let due = written
            .as_ref()
            .is_none_or(|(at, before)| up_ms.saturating_sub(*at) >= STATUS_EVERY_MS || status.differs_notably(before));
        if due {
            if let Err(error) = serde_json::to_vec_pretty(&*status)
                .map_err(Into::into)
                .and_then(|bytes| write_lightly(&self.state.status(), &bytes))
            {
                tracing::debug!("the status cannot be written: {error}");
            }
            *written = Some((up_ms, status.clone()));
        }
    }

    /// Notes a trouble with the collector.
    pub fn trouble(&self, message: String, failures: u32) {
        let wall_ms = self.clock.wall().as_millisecond();
        self.update_status(|status| {
            status.failures = failures;
            status.trouble = Some(Trouble { message, wall_ms });
        });
    }

    /// A copy of the status.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::tests::FixedClock;

    fn desk(folder: &std::path::Path) -> (Desk, Arc<FixedClock>) {
        let clock = Arc::new(FixedClock::at_wall(1_795_446_879_000));
        let shared: Arc<dyn Clock> = Arc::<FixedClock>::clone(&clock);
        (Desk::new(StateFolder::new(folder), shared, BootId::new(), MachineId::new()), clock)
    }

    #[test]
    fn a_sleep_is_noticed_once_and_a_hiccup_never() {
        let folder = tempfile::tempdir().unwrap();
        let (desk, clock) = desk(folder.path());
        clock.pass(60_000);
        clock.sleep(4_000);
        assert_eq!(desk.notice_sleep(), None);
        clock.sleep(3_600_000);
        assert_eq!(desk.notice_sleep(), Some(3_600_000));
        assert_eq!(desk.notice_sleep(), None);
        assert_eq!(desk.spool.borrow().fill().events, 1);
    }

    #[test]
    fn a_bad_policy_leaves_the_old_one_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let (desk, _) = desk(folder.path());
        desk.offer_policy(Policy { version: 4, heartbeat_s: 30, ..Policy::default() });
        desk.offer_policy(Policy { version: 5, heartbeat_s: 1, ..Policy::default() });
        assert_eq!((desk.policy().version, desk.policy().heartbeat_s), (4, 30));
        assert_eq!(StateFolder::new(folder.path()).load_policy().version, 4, "and it is kept for the next start");
    }

    #[test]
    fn the_status_is_written_once_a_minute_or_when_something_notable_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (desk, clock) = desk(folder.path());
        let written = || crate::settings::read_json::<Status>(&desk.state.status()).unwrap().last_contact_ms;
        desk.update_status(|s| s.last_contact_ms = Some(1));
        desk.update_status(|s| s.last_contact_ms = Some(2));
        assert_eq!(written(), Some(1));
        clock.pass(60_000);
        desk.update_status(|s| s.last_contact_ms = Some(3));
        assert_eq!(written(), Some(3));
        desk.trouble("cut".into(), 1);
        desk.update_status(|s| s.last_contact_ms = Some(4));
        let status: Status = crate::settings::read_json(&desk.state.status()).unwrap();
        assert_eq!(status.trouble.unwrap().message, "cut");
    }

    #[test]
    fn the_strongest_wish_wins() {
        let folder = tempfile::tempdir().unwrap();
        let (desk, _) = desk(folder.path());
        desk.ask(Urgency::Reopened);
        desk.ask(Urgency::Soon);
        assert_eq!(desk.take_urgency(), Some(Urgency::Reopened));
        assert_eq!(desk.take_urgency(), None);
    }
}
