//! What a machine sees of the world when it looks at its way to the internet, as the steps of the product's own check,
//! and whether a call of it arrives.

use super::Ms;
use super::rng::Rng;
use super::world::{CollectorState, Dns, Machine, World, switch_up};
use std::net::IpAddr;
use vigie_agent::checks::internet::quality::Series;
use vigie_agent::checks::internet::step::{Failure, Step, StepResult, Steps};
use vigie_shared::policy::{DnsTarget, HttpTarget, InternetPolicy, Policy};

/// The name that is asked for, and where a true answer lies.
pub const NAME: &str = "portail.example.fr";
const TRUTH: &str = "198.51.100.80";
const COLLECTOR: &str = "vigie.example.fr:443";
/// Echo requests of one look to one address, as the policy says by default.
const ECHOES: u32 = 5;

/// The policy under which simulated agents look.
pub fn policy(heartbeat_s: u32) -> Policy {
    let within = vec!["198.51.100.0/24".parse().expect("a network")];
    Policy {
        version: 1,
        heartbeat_s,
        internet: InternetPolicy {
            dns: vec![DnsTarget { name: NAME.to_owned(), within }],
            icmp: vec![IpAddr::from([198, 51, 100, 80])],
            tcp: vec![format!("{NAME}:443")],
            http: vec![HttpTarget { url: format!("http://{NAME}/"), status: 200, contains: String::new() }],
            ..InternetPolicy::default()
        },
        ..Policy::default()
    }
}

/// All that decides what a machine's looks and calls come to. Two equal sights give the same steps, apart from chance on
/// a line that loses packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// The network as memory knows it: gateway and interface.
    pub network: String,
    /// The cable has its carrier.
    pub link: bool,
    /// It has an address.
    pub address: bool,
    /// The gateway answers.
    pub gateway: bool,
    /// Something carries packets outside.
    pub outside: bool,
    /// Packets lost each way, percent.
    pub loss_percent: u8,
    /// Milliseconds added to an answer.
    pub latency_ms: u32,
    /// Whence the collector sees it.
    pub egress: IpAddr,
    /// The resolver.
    pub dns: Dns,
    /// A portal answers every page.
    pub portal: bool,
    /// Nothing but ICMP passes the filter.
    pub filter_dead: bool,
    /// ICMP does not pass.
    pub icmp_blocked: bool,
    /// The collector's name does not pass.
    pub collector_blocked: bool,
    /// TLS is opened on the way.
    pub tls_intercepted: bool,
    /// The collector.
    pub collector: CollectorState,
}

/// What a machine sees now. `addressed`: it got its address before addresses ceased to be given.
pub fn of(world: &World, machine: &Machine, addressed: bool) -> Sight {
    let mut sight = Sight {
        network: "192.168.1.1 wlan0".to_owned(),
        link: true,
        address: true,
        gateway: true,
        outside: true,
        loss_percent: 0,
        latency_ms: 0,
        egress: IpAddr::from([192, 0, 2, 200]),
        dns: Dns::Fine,
        portal: false,
        filter_dead: false,
        icmp_blocked: false,
        collector_blocked: false,
        tls_intercepted: false,
        collector: world.collector,
    };
    let (Some(school), false) = (world.school(&machine.school), machine.away) else { return sight };
    let Some(network) = school.network(machine.network) else { return sight };
    let over = world.over.get(&(school.uai.clone(), network.kind)).map(String::as_str);
    let line = school.carrier(network.kind, over);
    sight.network =
        format!("10.{}.0.1 eth0", if network.kind == super::world::NetworkKind::Pedagogical { 1 } else { 2 });
    // A cable ends in a switch, or in the router; both need current.
    sight.link = school.power && machine.switch.as_ref().is_none_or(|switch| switch_up(school, switch));
    sight.address = addressed || !network.dhcp_dead;
    sight.gateway = school.power && !network.down;
    sight.outside = line.is_some_and(|line| line.up);
    if let Some(line) = line {
        sight.loss_percent = line.loss_percent.max(if line.saturated { 8 } else { 0 });
        sight.latency_ms = line.latency_ms.max(if line.saturated { 1800 } else { 0 });
        sight.egress = network.egress.filter(|_| over.is_none()).unwrap_or(line.address);
    }
    sight.dns = network.dns;
    sight.portal = network.portal;
    sight.filter_dead = network.filter_dead;
    sight.icmp_blocked = school.icmp_blocked;
    sight.collector_blocked = school.collector_blocked;
    sight.tls_intercepted = school.tls_intercepted;
    sight
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It is answered after so long.
    Answered(Ms),
    /// It is answered 503 after so long.
    Turned(Ms),
    /// It fails after so long.
    Failed(Ms),
}

impl Sight {
    /// Whether packets to the outside and back come through at all.
    pub fn carries(&self) -> bool {
        self.link && self.address && self.gateway && self.outside
    }

    /// Whether looks depend on chance, or measure something that must be measured for a while.
    pub fn is_chancy(&self) -> bool {
        (self.loss_percent > 0 || self.latency_ms > 0) && self.carries()
    }

    /// Whether calls depend on chance: over a line that is only slow a quiet heartbeat is as quiet as any.
    pub fn loses(&self) -> bool {
        self.loss_percent > 0 && self.carries()
    }

    /// The echoes of one look: outside, and to the gateway.
    pub fn series(&self, rng: &mut Rng) -> (Series, Series) {
        let gateway = if self.link && self.address && self.gateway { ECHOES } else { 0 };
        let through = self.carries() && !self.icmp_blocked && !self.portal;
        let outside = (0..ECHOES).filter(|_| through && !lost(self.loss_percent, 1, rng)).count();
        let jitter = if self.latency_ms > 0 { u32::try_from(rng.up_to(20_000)).unwrap_or(0) } else { 0 };
        let series = |received: u32, rtt_us| Series { sent: ECHOES, received, rtt_us };
        let outside = u32::try_from(outside).unwrap_or(0);
        (series(outside, 12_000 + self.latency_ms * 1000 + jitter), series(gateway, 600))
    }

    /// What becomes of a call now. An open connection needs no resolver.
    pub fn reach(&self, connected: bool, rng: &mut Rng) -> Reach {
        if !self.link || !self.address {
            return Reach::Failed(100);
        }
        let passes = self.carries() && !self.portal && !self.filter_dead && !self.collector_blocked;
        if !passes || self.collector == CollectorState::LineCut {
            return Reach::Failed(5_000);
        }
        if self.tls_intercepted || self.collector == CollectorState::Down {
            return Reach::Failed(150);
        }
        if self.dns != Dns::Fine && !connected {
            return Reach::Failed(if self.dns == Dns::Dead { 10_000 } else { 300 });
        }
        // TCP sends again five times within the patience of a call.
        if lost(self.loss_percent, 5, rng) {
            return Reach::Failed(30_000);
        }
        let took = 60 + Ms::from(self.latency_ms) * 2 + if self.loss_percent > 0 { rng.up_to(2_000) } else { 0 };
        if self.collector == CollectorState::Overloaded { Reach::Turned(took) } else { Reach::Answered(took) }
    }

    /// How long a look takes: until the slowest probe answered or was given up.
    pub fn look_takes(&self, steps: &Steps) -> Ms {
        let silent = |step: &Step| step.failure() == Some(&Failure::Silent);
        let patient = |some: &[Step]| some.iter().any(silent);
        match () {
            () if patient(&steps.dns) => 4_000,
            () if patient(&steps.icmp) || patient(&steps.tcp) || patient(&steps.http) || silent(&steps.collector) => {
                2_000
            }
            () => 200 + Ms::from(self.latency_ms),
        }
    }

    /// One look. `foreign`: the last attempt to call found a certificate of somebody else.
    pub fn steps(&self, foreign: bool, rng: &mut Rng) -> Steps {
        let absent = |what: &str| Failure::Absent(what.to_owned());
        let local = |good: bool, target: &str, failure: Failure| {
            if good { Step::ok(target, "") } else { Step::failed(target, failure) }
        };
        let route = self.link && self.address;
        let link = local(self.link, "eth0", absent("no carrier"));
        let address = match self.link {
            true => local(self.address, "eth0", absent("no address")),
            false => Step::skipped("eth0", "no carrier"),
        };
        let gateway_address = self.network.split(' ').next().unwrap_or_default();
        let gateway = match route {
            true => local(self.gateway, gateway_address, Failure::NoNeighbour),
            false => Step::skipped("", "no gateway"),
        };
        let through = self.carries();
        let filtered = through && !self.filter_dead;
        let dns_target = format!("{NAME} @10.0.0.53");
        let dns = match self.dns {
            // The school's own resolver lies and dies without any line; it tells the truth only over one.
            _ if !(route && self.gateway) => Step::failed(&dns_target, Failure::Silent),
            Dns::Dead => Step::failed(&dns_target, Failure::Silent),
            Dns::Lying => Step::failed(&dns_target, Failure::Wrong("10.0.0.99".to_owned())),
            Dns::Fine if !through => Step::failed(&dns_target, Failure::Refused("SERVFAIL".to_owned())),
            Dns::Fine => self.probe(&dns_target, TRUTH, 2, rng),
        };
        let icmp = if through && !self.icmp_blocked && !self.portal {
            self.probe(TRUTH, "", 1, rng)
        } else {
            Step::failed(TRUTH, Failure::Silent)
        };
        let tcp_target = format!("{NAME}:443");
        let tcp = if filtered && !self.portal && self.dns != Dns::Lying {
            self.probe(&tcp_target, "", 2, rng)
        } else {
            Step::failed(
                &tcp_target,
                if self.portal { Failure::Refused("refused".to_owned()) } else { Failure::Silent },
            )
        };
        let url = format!("http://{NAME}/");
        let http = if route && self.gateway && self.portal {
            Step::failed(&url, Failure::Portal("302 instead of 200, sent to portail.local".to_owned()))
        } else if route && self.gateway && self.dns == Dns::Lying {
            Step::failed(&url, Failure::Wrong("403 instead of 200".to_owned()))
        } else if filtered {
            self.probe(&url, "200", 2, rng)
        } else {
            Step::failed(&url, Failure::Silent)
        };
        let collector = self.collector_step(filtered && !self.portal, foreign, rng);
        Steps {
            network: if route { self.network.clone() } else { String::new() },
            link,
            address,
            route: match route {
                true => Step::ok(&self.network, ""),
                false => Step::skipped("", "no address"),
            },
            gateway,
            dns: vec![dns],
            icmp: vec![icmp],
            tcp: vec![tcp],
            http: vec![http],
            collector,
            names_known: self.dns == Dns::Fine && through,
            fresh_name: self.dns == Dns::Fine && through && route && self.gateway,
            quality: None,
        }
    }

    /// The collector accepts a connection, by its name, and shows the right certificate. `passes`: connections do.
    fn collector_step(&self, passes: bool, foreign: bool, rng: &mut Rng) -> Step {
        let named = self.dns == Dns::Fine && self.carries() && !self.collector_blocked;
        let answers = passes && matches!(self.collector, CollectorState::Up | CollectorState::Overloaded);
        let failure = match () {
            () if !named && answers => Failure::Misnamed("the name leads elsewhere".to_owned()),
            () if !named => Failure::Unnamed("no answer".to_owned()),
            () if passes && self.collector == CollectorState::Down => Failure::Refused("refused".to_owned()),
            () if !answers => Failure::Silent,
            () if foreign => Failure::Foreign,
            () => return self.probe(COLLECTOR, "", 2, rng),
        };
        Step::failed(COLLECTOR, failure)
    }

    /// A probe that would be answered, if the line does not lose it and all its repetitions.
    fn probe(&self, target: &str, seen: &str, tries: u32, rng: &mut Rng) -> Step {
        if lost(self.loss_percent, tries, rng) || u64::from(self.latency_ms) > 2000 {
            return Step::failed(target, Failure::Silent);
        }
        let millis = 12 + self.latency_ms;
        Step { target: target.to_owned(), result: StepResult::Ok(seen.to_owned()), millis: Some(millis) }
    }
}

/// Whether a question and all its repetitions are lost, there or back.
pub(super) fn lost(loss_percent: u8, tries: u32, rng: &mut Rng) -> bool {
    if loss_percent == 0 {
        return false;
    }
    let through = 1000 * i64::from(100 - loss_percent.min(100)).pow(2) / 10_000;
    (0..tries).all(|_| rng.happens(1000 - through))
}
