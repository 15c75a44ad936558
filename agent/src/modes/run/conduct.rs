//! The two loops of the running agent, side by side on one thread: the checks, and the conversation with the collector.

use super::goodbye;
use crate::checks::Dated;
use crate::source::Source;
use crate::spool::Moment;
use crate::sync::backoff::{Backoff, random_up_to};
use crate::sync::caller::Caller;
use crate::sync::desk::{Desk, Urgency};
use crate::sync::link::CallError;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use vigie_shared::check::{CheckStanding, CheckState, INTERNET};
use vigie_shared::error::ErrorCode;
use vigie_shared::event::{Fact, GoodbyeReason};
use vigie_shared::policy::Policy;

/// How often a sleep of the machine is looked for.
const TICK: Duration = Duration::from_secs(15);
/// Patience of the call that says goodbye.
const GOODBYE: Duration = Duration::from_secs(3);
/// A call that was asked for comes within this, so that a whole school does not call at once.
const ASKED_MS: u64 = 2_000;
/// Longest wait between two attempts after a refusal that only a person can lift.
const REFUSED_MS: u64 = 900_000;
/// Longest wait between two looks whether a check is due.
const CHECKS_WAIT_MS: u64 = 60_000;

/// What the system tells the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Stop (SIGTERM, SIGINT).
    Stop,
    /// The machine goes to sleep (SIGUSR1).
    Suspend,
    /// The machine woke up (SIGUSR2).
    Resume,
}

/// Whatever makes the checks.
pub trait Watch {
    /// Makes the checks that are due. May be dropped midway.
    fn run_due(&mut self, policy: &Policy) -> impl Future<Output = Vec<Dated>>;
    /// When something is due next, milliseconds since boot.
    fn next_due_ms(&self) -> u64;
    /// The confirmed states.
    fn standings(&self) -> Vec<CheckStanding>;
}

/// Runs until [`Signal::Stop`]; the goodbye is said.
pub async fn conduct(
    desk: &Desk,
    caller: &mut Caller,
    watch: &mut impl Watch,
    signals: mpsc::Receiver<Signal>,
    source: &dyn Source,
) {
    let conversation = Conversation::new(desk, caller, signals, source);
    tokio::select! {
        () = make_checks(desk, watch) => {}
        () = conversation.run() => {}
    }
}

async fn make_checks(desk: &Desk, watch: &mut impl Watch) {
    loop {
        let policy = desk.policy();
        for dated in watch.run_due(&policy).await {
            let urgency = urgency(&dated.fact);
            let at = Moment { boot: desk.boot, up_ms: dated.up_ms, wall_ms: dated.wall_ms };
            desk.happened_at(at, dated.fact);
            if let Some(urgency) = urgency {
                desk.ask(urgency);
            }
        }
        desk.set_standings(watch.standings());
        let wait = watch.next_due_ms().saturating_sub(desk.clock.since_boot_ms()).clamp(100, CHECKS_WAIT_MS);
        tokio::select! {
            () = sleep(Duration::from_millis(wait)) => {}
            () = desk.policy_changed.notified() => {}
        }
    }
}

/// A transition is worth a call; the internet that is back even interrupts a back-off.
fn urgency(fact: &Fact) -> Option<Urgency> {
    match fact {
        Fact::Check { result, .. } if result.check == INTERNET && result.state == CheckState::Ok => {
            Some(Urgency::Reopened)
        }
        Fact::Check { .. } => Some(Urgency::Soon),
        _ => None,
    }
}

struct Conversation<'a> {
    desk: &'a Desk,
    caller: &'a mut Caller,
    signals: mpsc::Receiver<Signal>,
    source: &'a dyn Source,
    backoff: Backoff,
    /// When to call next.
    next: Instant,
    /// Not before this, whatever is asked: the collector said when to come back.
    not_before: Instant,
    suspended: bool,
    /// The refusal that was last said in the log.
    said: Option<ErrorCode>,
}

impl<'a> Conversation<'a> {
    fn new(desk: &'a Desk, caller: &'a mut Caller, signals: mpsc::Receiver<Signal>, source: &'a dyn Source) -> Self {
        let now = Instant::now();
        // All machines of a school are switched on together.
        let first = random_up_to(u64::from(desk.policy().heartbeat_s) * 1000 / 6);
        let next = now + Duration::from_millis(first);
        let backoff = Backoff::default();
        Self { desk, caller, signals, source, backoff, next, not_before: now, suspended: false, said: None }
    }

    async fn run(mut self) {
        loop {
            self.tick();
            tokio::select! {
                signal = self.signals.recv() => {
                    if self.obey(signal.unwrap_or(Signal::Stop)).await {
                        return;
                    }
                }
                () = self.desk.asked.notified() => self.plan_asked(),
                () = sleep(TICK) => {}
                () = sleep_until(self.next) => {
                    let signal = tokio::select! {
                        result = self.caller.round(self.desk) => {
                            self.conclude(result);
                            None
                        }
                        signal = self.signals.recv() => Some(signal.unwrap_or(Signal::Stop)),
                    };
                    if let Some(signal) = signal && self.obey(signal).await {
                        return;
                    }
                }
            }
        }
    }

    fn tick(&mut self) {
        if self.desk.notice_sleep().is_some() {
            self.woke_up();
        }
        self.desk.spool.borrow_mut().settle();
    }

    fn woke_up(&mut self) {
        self.suspended = false;
        // The other end has long forgotten the connection.
        self.caller.link.hang_up();
        self.desk.ask(Urgency::Reopened);
    }

    fn plan_asked(&mut self) {
        let Some(urgency) = self.desk.take_urgency() else { return };
        let told_already = self.desk.spool.borrow().fill().events == 0;
        let hopeless = urgency == Urgency::Soon && self.backoff.failures() > 0;
        if told_already || hopeless {
            return;
        }
        let soon = Instant::now() + Duration::from_millis(random_up_to(ASKED_MS));
        self.next = self.next.min(soon.max(self.not_before));
    }

    fn conclude(&mut self, result: Result<u32, CallError>) {
        let now = Instant::now();
        match result {
            Ok(next_s) => {
                if self.backoff.failures() > 0 {
                    tracing::info!("the collector answers again");
                }
                self.backoff.succeeded();
                self.said = None;
                self.not_before = now;
                self.next = now + Duration::from_secs(next_s.into());
            }
            Err(error) => self.conclude_failure(&error, now),
        }
    }

    fn conclude_failure(&mut self, error: &CallError, now: Instant) {
        let cap = Duration::from_secs(self.desk.policy().backoff_cap_s().into());
        let first = self.backoff.failures() == 0;
        let mut wait = self.backoff.failed(cap);
        let mut message = error.to_string();
        if let CallError::Refused { refusal, retry_after, .. } = error {
            if let Some(advice) = advice(&refusal.code) {
                message = format!("{message}. {advice}. Events are kept");
                wait = Duration::from_millis(REFUSED_MS / 3 * 2 + random_up_to(REFUSED_MS / 3));
                self.not_before = now + wait;
                if self.said.as_ref() != Some(&refusal.code) {
                    tracing::error!("{message}");
                    self.said = Some(refusal.code.clone());
                }
            } else if let Some(retry_after) = retry_after {
                self.not_before = now + *retry_after;
                wait = wait.max(*retry_after + Duration::from_millis(random_up_to(ASKED_MS)));
            }
        }
        if first && self.said.is_none() {
            tracing::warn!("{message}");
        }
        tracing::debug!("attempt failed ({message}); the next in {} ms", wait.as_millis());
        self.desk.trouble(message, self.backoff.failures());
        self.next = now + wait;
    }

    /// Does what a signal asks; true when the agent is to stop.
    async fn obey(&mut self, signal: Signal) -> bool {
        match signal {
            Signal::Stop => {
                self.say_goodbye(goodbye::reason(self.source)).await;
                true
            }
            Signal::Suspend => {
                self.suspended = true;
                self.say_goodbye(GoodbyeReason::Suspend).await;
                self.caller.link.hang_up();
                self.next = Instant::now() + Duration::from_secs(self.desk.policy().heartbeat_s.into());
                false
            }
            Signal::Resume => {
                if self.desk.notice_sleep().is_none() && self.suspended {
                    self.desk.happened(Fact::Resumed { slept_ms: 0 });
                }
                self.woke_up();
                false
            }
        }
    }

    async fn say_goodbye(&mut self, reason: GoodbyeReason) {
        tracing::info!("goodbye: {reason}");
        self.desk.happened(Fact::Goodbye { reason });
        match timeout(GOODBYE, self.caller.tell_events(self.desk)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::info!("the goodbye waits in the spool: {error}"),
            Err(_) => tracing::info!("the goodbye waits in the spool: no answer in {} s", GOODBYE.as_secs()),
        }
        self.desk.update_status(|_| {});
    }
}

/// What a person must do about a refusal that does not pass by itself.
fn advice(code: &ErrorCode) -> Option<&'static str> {
    match code {
        ErrorCode::CertificateExpired => Some("Enrol this machine again with a new token (vigie-agent enrol --again)"),
        ErrorCode::CertificateRevoked => {
            Some("A person revoked this machine; if that was a mistake, enrol it again with a new token")
        }
        ErrorCode::MachineDeleted | ErrorCode::MachineUnknown => {
            Some("The collector does not know this machine any more; enrol it again with a new token")
        }
        ErrorCode::CertificateMissing => Some("Something between here and the collector removes the certificate"),
        ErrorCode::SchemaUnsupported => Some("Install the version of the agent that goes with this collector"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Live;
    use crate::sync::tests::{good, world};

    #[tokio::test]
    async fn only_the_way_that_is_open_again_interrupts_a_back_off_and_nothing_what_the_collector_said() {
        let mut world = world(good()).await;
        let desk = &world.desk;
        let (_sender, signals) = mpsc::channel(1);
        let mut conversation = Conversation::new(desk, &mut world.caller, signals, &Live);
        let now = Instant::now();
        let far = now + Duration::from_secs(120);
        conversation.next = far;
        conversation.conclude_failure(&CallError::Broken("cut".into()), now);
        conversation.next = far;

        desk.ask(Urgency::Reopened);
        conversation.plan_asked();
        assert_eq!(conversation.next, far, "nothing new to tell");
        desk.happened(Fact::Resumed { slept_ms: 0 });
        desk.ask(Urgency::Soon);
        conversation.plan_asked();
        assert_eq!(conversation.next, far, "the collector is out of reach");
        desk.ask(Urgency::Reopened);
        conversation.plan_asked();
        assert!(conversation.next <= Instant::now() + Duration::from_millis(ASKED_MS));

        (conversation.next, conversation.not_before) = (far, now + Duration::from_secs(60));
        desk.ask(Urgency::Reopened);
        conversation.plan_asked();
        assert_eq!(conversation.next, conversation.not_before, "the collector said when to come back");
    }

    #[tokio::test]
    async fn a_retry_after_is_honoured_with_some_jitter() {
        let mut world = world(good()).await;
        let (_sender, signals) = mpsc::channel(1);
        let mut conversation = Conversation::new(&world.desk, &mut world.caller, signals, &Live);
        let now = Instant::now();
        let refusal = vigie_shared::error::Refusal { code: ErrorCode::Overloaded, message: "full".into() };
        let retry_after = Some(Duration::from_secs(300));
        conversation.conclude_failure(&CallError::Refused { status: 503, refusal, retry_after }, now);
        let wait = conversation.next - now;
        assert!((300..=302).contains(&wait.as_secs()), "{wait:?}");
    }
}
