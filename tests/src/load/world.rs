//! What the agents of one process share: where the doors are, the clock, counters, and how they trust.

use super::figures::Latencies;
use super::orders::{ClockPlan, Plan, Tally, Target};
use crate::client::certificate_of;
use crate::fake::now_ms;
use anyhow::{Context, Result};
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::UnixTime;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use vigie_shared::limits::ALPN_AGENT;

/// The clock of the crowd.
#[derive(Debug)]
pub struct Clock(RwLock<Pace>);

#[derive(Debug, Clone, Copy)]
struct Pace {
    begun: Instant,
    begun_ms: i64,
    speed: f64,
}

impl Pace {
    fn new(plan: Option<ClockPlan>) -> Self {
        let now = now_ms();
        let (begun_ms, speed) = plan.map_or((now, 1.0), |plan| {
            let passed = (now - plan.real_ms) as f64 * plan.speed;
            (plan.simulated_ms + passed as i64, plan.speed)
        });
        Self { begun: Instant::now(), begun_ms, speed }
    }
}

impl Clock {
    /// The real one, or a simulated one.
    pub fn new(plan: Option<ClockPlan>) -> Self {
        Self(RwLock::new(Pace::new(plan)))
    }

    /// Another pace from now on.
    pub fn set(&self, plan: ClockPlan) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Pace::new(Some(plan));
    }

    fn pace(&self) -> Pace {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        let pace = self.pace();
        pace.begun_ms + (pace.begun.elapsed().as_secs_f64() * pace.speed * 1000.0) as i64
    }

    /// How long a simulated time really takes.
    pub fn real(&self, simulated_ms: i64) -> Duration {
        Duration::from_secs_f64(simulated_ms.max(0) as f64 / 1000.0 / self.pace().speed)
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.now_ms().unsigned_abs())))
    }
}

/// The empty handler and how to trust it.
#[derive(Clone)]
pub struct EchoDoor {
    /// Its address.
    pub address: SocketAddr,
    verifier: Arc<dyn ServerCertVerifier>,
}

/// Counters of the order at hand.
#[derive(Default)]
pub struct Counters {
    /// See [`Tally`].
    pub done: AtomicU64,
    /// See [`Tally`].
    pub failed: AtomicU64,
    /// See [`Tally`].
    pub refused_503: AtomicU64,
    /// See [`Tally`].
    pub bare_503: AtomicU64,
    /// See [`Tally`].
    pub refused_other: AtomicU64,
    /// See [`Tally`].
    pub broken: AtomicU64,
    /// See [`Tally`].
    pub contradictions: AtomicU64,
    /// See [`Tally`].
    pub quarantined: AtomicU64,
    /// See [`Tally`].
    pub latencies: Latencies,
    trouble: Mutex<Option<String>>,
}

impl Counters {
    /// Counts one.
    pub fn count(&self, of: &AtomicU64) {
        of.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps the first trouble.
    pub fn trouble(&self, text: impl FnOnce() -> String) {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(text);
    }

    /// What was counted since the last time.
    pub fn take(&self, since: Instant) -> Tally {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        Tally {
            done: take(&self.done),
            failed: take(&self.failed),
            refused_503: take(&self.refused_503),
            bare_503: take(&self.bare_503),
            refused_other: take(&self.refused_other),
            broken: take(&self.broken),
            contradictions: take(&self.contradictions),
            quarantined: take(&self.quarantined),
            seconds: since.elapsed().as_secs_f64(),
            latencies: self.latencies.take(),
            trouble: self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take(),
            authority: None,
        }
    }
}

/// See the module.
pub struct World {
    /// Who the agents are.
    pub plan: Plan,
    /// Their clock.
    pub clock: Arc<Clock>,
    /// What happens.
    pub counters: Counters,
    /// Whoever goes on without an end stops when this is true.
    pub stop: AtomicBool,
    provider: Arc<CryptoProvider>,
    verifier: RwLock<Option<Arc<dyn ServerCertVerifier>>>,
    echo: RwLock<Option<EchoDoor>>,
}

impl World {
    /// The world of a plan.
    pub fn new(plan: Plan) -> Self {
        Self {
            clock: Arc::new(Clock::new(plan.clock)),
            plan,
            counters: Counters::default(),
            stop: AtomicBool::new(false),
            provider: Arc::new(ring::default_provider()),
            verifier: RwLock::default(),
            echo: RwLock::default(),
        }
    }

    /// The cryptography.
    pub fn provider(&self) -> &CryptoProvider {
        &self.provider
    }

    /// The collector's authority (PEM) is known from now on.
    pub fn trust(&self, authority: &str) -> Result<()> {
        let verifier = self.verifier_of(authority)?;
        self.verifier.write().unwrap_or_else(PoisonError::into_inner).get_or_insert(verifier);
        Ok(())
    }

    /// The empty handler is known from now on.
    pub fn set_echo(&self, address: SocketAddr, authority: &str) -> Result<()> {
        let door = EchoDoor { address, verifier: self.verifier_of(authority)? };
        *self.echo.write().unwrap_or_else(PoisonError::into_inner) = Some(door);
        Ok(())
    }

    /// The address to speak to: of the collectors, one by `turn`.
    pub fn door(&self, target: Target, turn: usize) -> Result<SocketAddr> {
        match target {
            Target::Collector => {
                let doors = &self.plan.doors;
                doors.get(turn % doors.len().max(1)).copied().context("no collector in the plan")
            }
            Target::Echo => {
                let echo = self.echo.read().unwrap_or_else(PoisonError::into_inner);
                echo.as_ref().map(|door| door.address).context("the empty handler is not known yet")
            }
        }
    }

    /// How an agent with this key speaks TLS to a target.
    pub fn tls(&self, target: Target, key: &Arc<CertifiedKey>) -> Result<Arc<ClientConfig>> {
        let verifier = match target {
            Target::Collector => self.verifier.read().unwrap_or_else(PoisonError::into_inner).clone(),
            Target::Echo => {
                let echo = self.echo.read().unwrap_or_else(PoisonError::into_inner);
                echo.as_ref().map(|door| door.verifier.clone())
            }
        };
        let verifier = verifier.context("no authority is known yet: enrol first")?;
        let builder = ClientConfig::builder_with_details(self.provider.clone(), self.clock.clone());
        let mut config = builder
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key.clone())));
        config.alpn_protocols = vec![ALPN_AGENT.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }

    /// Whether whoever goes on should stop.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn verifier_of(&self, authority: &str) -> Result<Arc<dyn ServerCertVerifier>> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate_of(authority)?)?;
        Ok(WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone()).build()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_clock_is_the_same_whenever_it_is_made_and_runs_faster() {
        let plan = ClockPlan { real_ms: now_ms() - 1000, simulated_ms: 1_795_000_000_000, speed: 2000.0 };
        let clock = Clock::new(Some(plan));
        let ahead = clock.now_ms() - plan.simulated_ms;
        assert!((2_000_000..2_400_000).contains(&ahead), "{ahead}");
        assert_eq!(clock.real(60_000), Duration::from_millis(30));
        assert!((Clock::new(None).now_ms() - now_ms()).abs() < 1000);
    }
}
