//! Check `internet`: does this machine reach the internet, and if not, where does the way end?
//! link → address → route → gateway → DNS → outside (ping, connections, pages) → collector.
//!
//! Each probe has its file and gives typed [`step::Step`]s; [`judge`] decides, purely, from the steps and the memory of
//! what has worked on this network. Probes run beside each other; sockets live for one look only. Who is probed outside
//! is the policy's decision: with the default policy nobody is.

pub mod collector;
pub mod dns;
pub mod http;
pub mod judge;
pub mod memory;
pub mod path;
pub mod ping;
mod portal;
pub mod quality;
pub mod resolve;
pub mod step;
pub mod tcp;

use crate::checks::confirm::Rule;
use crate::inventory::routes;
use crate::sort;
use crate::source::Source;
use collector::{Attempt, LastAttempt};
use memory::Memory;
use path::Path;
use quality::{Series, Window};
use resolve::{Found, Resolver};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use step::{Failure, Step, Steps};
use tokio::task::JoinSet;
use vigie_shared::check::{CheckResult, CheckState, INTERNET, Reason};
use vigie_shared::policy::{HttpTarget, InternetPolicy};

/// Most resolvers asked: as many as the C library uses.
const RESOLVERS_MAX: usize = 3;

/// The check, with what it remembers between looks.
pub struct Internet {
    collector: String,
    memory: Memory,
    resolver: Resolver,
    sequences: ping::Sequences,
    identifier: u16,
    window: Window,
    attempt: LastAttempt,
}

impl Internet {
    /// `collector` is `host:port`.
    pub fn new(collector: impl Into<String>, memory: Memory) -> Self {
        // Any number will do: it tells our raw echo requests from those of other programs on this machine.
        let identifier = u16::try_from(std::process::id() & 0xffff).unwrap_or(1);
        let (resolver, sequences) = (Resolver::default(), ping::Sequences::default());
        let (window, attempt) = (Window::default(), LastAttempt::default());
        Self { collector: collector.into(), memory, resolver, sequences, identifier, window, attempt }
    }

    /// The same, told by the conversation with the collector what its last attempt came to.
    pub fn listening_to(self, attempt: LastAttempt) -> Self {
        Self { attempt, ..self }
    }

    /// What has worked on which network.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Looks once, judges by what has worked before, and learns. Takes at most five times `timeout_ms` and a second;
    /// the steps are missing when that was not enough. `at_ms` is the time on the boot clock.
    pub async fn check(
        &mut self,
        source: &Arc<dyn Source>,
        policy: &InternetPolicy,
        at_ms: u64,
    ) -> (Option<Steps>, CheckResult) {
        let patience = Duration::from_millis(u64::from(policy.timeout_ms) * 5 + 1000);
        match tokio::time::timeout(patience, self.look(source, policy)).await {
            Ok((mut steps, series)) => {
                steps.quality = self.measure(&steps, series, policy, at_ms);
                let result = judge::judge(&steps, &self.memory);
                self.memory.learn(&steps);
                (Some(steps), result)
            }
            Err(_) => {
                let why = format!("the look did not end in {} ms", patience.as_millis());
                (None, measure_failed(why))
            }
        }
    }

    /// Loss and latency of the last looks, where they are measured.
    fn measure(
        &mut self,
        steps: &Steps,
        series: Measures,
        policy: &InternetPolicy,
        at_ms: u64,
    ) -> Option<quality::Measured> {
        let target = *policy.icmp.first().filter(|_| policy.quality.echoes > 0)?;
        let mut usual = self.memory.usual(&steps.network, target);
        let both = (series.outside, series.gateway);
        let measured = self.window.look(at_ms, &steps.network, both, &mut usual, &policy.quality);
        self.memory.learn_usual(&steps.network, target, usual);
        Some(measured)
    }

    /// Looks once; learns nothing but the addresses of names.
    async fn look(&mut self, source: &Arc<dyn Source>, policy: &InternetPolicy) -> (Steps, Measures) {
        let path = path::read(source.as_ref());
        let mut probes = JoinSet::new();
        self.start_gateway(&mut probes, source, &path, policy);
        self.start_outside(&mut probes, source, policy);
        self.start_collector(&mut probes, policy);

        let (mut done, mut series, mut names_known) = (BTreeMap::new(), Measures::default(), false);
        while let Some(probe) = probes.join_next().await {
            match probe {
                Ok(Probed { slot, step, learnt, measured, named }) => {
                    names_known |= named;
                    match slot {
                        Slot::Gateway => series.gateway = measured,
                        Slot::Icmp(0) => series.outside = measured,
                        _ => {}
                    }
                    if let Some((host, addresses)) = learnt {
                        self.memory.learn_addresses(&host, &addresses);
                    }
                    done.insert(slot, step);
                }
                Err(error) => tracing::warn!(%error, "a probe of the check internet ended by itself"),
            }
        }
        let gateway = done.remove(&Slot::Gateway).unwrap_or_else(|| Step::skipped("", "no gateway"));
        let collector = done.remove(&Slot::Collector).unwrap_or_else(|| Step::skipped("", "no collector known"));
        let mut steps = Steps {
            network: path.network,
            link: path.link,
            address: path.address,
            route: path.route,
            gateway,
            dns: vec![],
            icmp: vec![],
            tcp: vec![],
            http: vec![],
            collector,
            names_known,
            fresh_name: false,
            quality: None,
        };
        for (slot, step) in done {
            match slot {
                Slot::Dns(_) => steps.dns.push(step),
                Slot::Icmp(_) => steps.icmp.push(step),
                Slot::Tcp(_) => steps.tcp.push(step),
                Slot::Http(_) => steps.http.push(step),
                Slot::Gateway | Slot::Collector => {}
            }
        }
        steps.fresh_name = fresh_name(source, &steps, policy).await;
        (steps, series)
    }

    fn start_gateway(&mut self, probes: &mut Probes, source: &Arc<dyn Source>, path: &Path, policy: &InternetPolicy) {
        let Some(gateway) = path.gateway.clone() else { return };
        // Only beside a series to the outside does one to the gateway tell anything.
        let series = if policy.icmp.is_empty() { 0 } else { policy.quality.echoes };
        let echo = self.echo(gateway.address, gateway.scope_id, policy, series);
        let source = Arc::clone(source);
        probes.spawn(
            async move { Probed::measured(Slot::Gateway, ping::gateway(source.as_ref(), &gateway, echo).await) },
        );
    }

    fn start_outside(&mut self, probes: &mut Probes, source: &Arc<dyn Source>, policy: &InternetPolicy) {
        let patience = patience(policy);
        let mut resolvers = if policy.dns.is_empty() { vec![] } else { routes::resolvers(source.as_ref()) };
        resolvers.truncate(RESOLVERS_MAX);
        if resolvers.is_empty() && !policy.dns.is_empty() {
            let step = Step::failed("/etc/resolv.conf", Failure::Absent("no resolver is configured".to_owned()));
            probes.spawn(async move { Probed::plain(Slot::Dns(0), step) });
        }
        for (n, (target, resolver)) in
            policy.dns.iter().flat_map(|t| resolvers.iter().map(move |r| (t, *r))).enumerate()
        {
            let target = target.clone();
            probes.spawn(async move {
                Probed::plain(Slot::Dns(n), dns::ask((resolver, 53).into(), &target, patience).await)
            });
        }
        for (n, target) in policy.icmp.iter().enumerate() {
            let echo = self.echo(*target, 0, policy, if n == 0 { policy.quality.echoes } else { 0 });
            probes.spawn(async move { Probed::measured(Slot::Icmp(n), ping::echo(echo).await) });
        }
        for (n, target) in policy.tcp.iter().enumerate() {
            self.start_connection(probes, n, target, policy);
        }
        for (n, target) in policy.http.iter().enumerate() {
            self.start_page(probes, Slot::Http(n), target, policy);
        }
    }

    fn start_page(&self, probes: &mut Probes, slot: Slot, target: &HttpTarget, policy: &InternetPolicy) {
        let patience = patience(policy);
        let Some((host, port)) = http::host(&target.url) else {
            let step = Step::skipped(&target.url, "not an address of a page");
            probes.spawn(async move { Probed::plain(slot, step) });
            return;
        };
        let known = self.memory.addresses(&host).map(<[IpAddr]>::to_vec);
        let resolver = self.resolver.clone();
        let target = target.clone();
        probes.spawn(async move {
            match resolver.found(&host, known, patience).await {
                Ok(found) => {
                    let step = http::fetch(&target, found.addresses(), port, patience).await;
                    Probed::learning(slot, step, host, found)
                }
                Err(why) => Probed::plain(slot, Step::skipped(&target.url, why)),
            }
        });
    }

    /// The conversation with the collector knows where it is by its certificate; the look only tries whether it is there.
    fn start_collector(&mut self, probes: &mut Probes, policy: &InternetPolicy) {
        if self.collector.is_empty() {
            return;
        }
        let shown = self.collector.clone();
        let Some((host, port)) = resolve::split(&shown).map(|(host, port)| (host.to_owned(), port)) else {
            let step = Step::skipped(&shown, "not host:port");
            probes.spawn(async move { Probed::plain(Slot::Collector, step) });
            return;
        };
        let attempt = self.attempt.get();
        if let Attempt::Reached(address) = attempt {
            self.memory.learn_addresses(&host, &[address]);
        }
        let known = self.memory.addresses(&host).map(<[IpAddr]>::to_vec).unwrap_or_default();
        let (resolver, patience) = (self.resolver.clone(), patience(policy));
        let target = collector::Target { shown, host, port, known, attempt };
        probes.spawn(async move { Probed::plain(Slot::Collector, collector::look(target, &resolver, patience).await) });
    }

    fn start_connection(&self, probes: &mut Probes, n: usize, target: &str, policy: &InternetPolicy) {
        let (slot, patience) = (Slot::Tcp(n), patience(policy));
        let Some((host, port)) = resolve::split(target).map(|(host, port)| (host.to_owned(), port)) else {
            let step = Step::skipped(target, "not host:port");
            probes.spawn(async move { Probed::plain(slot, step) });
            return;
        };
        let known = self.memory.addresses(&host).map(<[IpAddr]>::to_vec);
        let resolver = self.resolver.clone();
        let target = target.to_owned();
        probes.spawn(async move {
            match resolver.found(&host, known, patience).await {
                Ok(found) => {
                    let step = tcp::step(&target, found.addresses(), port, patience).await;
                    Probed::learning(slot, step, host, found)
                }
                Err(why) => Probed::plain(slot, Step::skipped(target, why)),
            }
        });
    }

    fn echo(&mut self, target: IpAddr, scope_id: u32, policy: &InternetPolicy, series: u32) -> ping::Echo {
        let sequence = self.sequences.take(target, series);
        ping::Echo { target, scope_id, sequence, identifier: self.identifier, patience: patience(policy), series }
    }
}

/// Looks in a row that must agree where the loss of the line cannot be measured.
const UNMEASURED: u32 = 6;

/// When a result is believed. Over a line that loses packets one target or another stays silent now and then; where ping
/// is blocked nobody can tell that from a resolver or a filter that is dead, except by its lasting, always the same.
pub fn rule(steps: Option<&Steps>, result: &CheckResult, policy: &InternetPolicy) -> Rule {
    let may_be_loss = matches!(
        result.reason,
        Reason::DnsUnreachable | Reason::CollectorUnreachable | Reason::OutsidePartial | Reason::WebBlocked
    );
    let measured =
        |steps: &Steps| steps.quality.is_some_and(|line| line.looks > 0 && line.gateway_loss_percent.is_some());
    let unmeasured = steps.is_some_and(|steps| !measured(steps));
    Rule {
        needed: if may_be_loss && unmeasured { policy.confirm.max(UNMEASURED) } else { policy.confirm },
        gap_max_ms: u64::from(policy.every_s) * 2000 + u64::from(policy.timeout_ms) * 3,
        one_reason: unmeasured,
    }
}

/// Where nothing outside answers but a name: whether it was remembered, or came over the line just now.
async fn fresh_name(source: &Arc<dyn Source>, steps: &Steps, policy: &InternetPolicy) -> bool {
    let cut = steps.outside().all(|(_, step)| !step.is_ok());
    let (Some(target), true) = (policy.dns.first(), cut && steps.dns.iter().any(Step::is_ok)) else { return false };
    let patience = patience(policy);
    let mut resolvers = routes::resolvers(source.as_ref());
    resolvers.truncate(RESOLVERS_MAX);
    let mut asked = JoinSet::new();
    for resolver in resolvers {
        let below = target.name.clone();
        asked.spawn(async move { dns::answers_fresh((resolver, 53).into(), &below, patience).await });
    }
    asked.join_all().await.contains(&true)
}

/// The series of one look.
#[derive(Debug, Clone, Copy, Default)]
struct Measures {
    gateway: Series,
    outside: Series,
}

type Probes = JoinSet<Probed>;

/// Where the result of a probe belongs, in the order of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Gateway,
    Dns(usize),
    Icmp(usize),
    Tcp(usize),
    Http(usize),
    Collector,
}

/// One probe that ended, and the addresses of its name when they led somewhere.
struct Probed {
    slot: Slot,
    step: Step,
    learnt: Option<(String, Vec<IpAddr>)>,
    measured: Series,
    /// A name was resolved for it.
    named: bool,
}

impl Probed {
    fn plain(slot: Slot, step: Step) -> Self {
        Self { slot, step, learnt: None, measured: Series::default(), named: false }
    }

    fn measured(slot: Slot, (step, measured): (Step, Series)) -> Self {
        Self { measured, ..Self::plain(slot, step) }
    }

    fn learning(slot: Slot, step: Step, host: String, found: Found) -> Self {
        let named = matches!(found, Found::Resolved(_));
        let learnt = step.is_ok().then(|| (host, found.into_addresses()));
        Self { learnt, named, ..Self::plain(slot, step) }
    }
}

fn patience(policy: &InternetPolicy) -> Duration {
    Duration::from_millis(u64::from(policy.timeout_ms))
}

fn measure_failed(why: String) -> CheckResult {
    CheckResult {
        check: INTERNET.to_owned(),
        instance: String::new(),
        state: CheckState::Unknown,
        reason: Reason::MeasureFailed,
        evidence: sort::map([("problem".to_owned(), why)]),
    }
}
