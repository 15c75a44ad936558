//! Every row of the decision table, and what the evidence says.

use super::super::quality::Measured;
use super::*;

/// A look at a network on which everything works.
pub fn good() -> Steps {
    Steps {
        network: "192.0.2.1 eth0".into(),
        link: Step::ok("eth0", "eth0 up"),
        address: Step::ok("", ""),
        route: Step::ok("192.0.2.1 eth0", ""),
        gateway: Step::ok("192.0.2.1", ""),
        dns: vec![Step::ok("a.example @192.0.2.53", "198.51.100.7"), Step::ok("a.example @192.0.2.54", "198.51.100.7")],
        icmp: vec![Step::ok("198.51.100.7", "")],
        tcp: vec![Step::ok("a.example:443", ""), Step::ok("198.51.100.8:53", "")],
        http: vec![Step::ok("http://a.example/", "200")],
        collector: Step::ok("collector.example:8443", ""),
        names_known: true,
        fresh_name: false,
        quality: None,
    }
}

/// A memory in which everything of `good` has worked.
fn knows_all() -> Memory {
    let mut memory = Memory::default();
    memory.learn(&good());
    memory
}

fn fails(step: &mut Step, failure: Failure) {
    step.result = StepResult::Failed(failure);
}

fn all_silent(steps: &mut [Step]) {
    steps.iter_mut().for_each(|step| fails(step, Failure::Silent));
}

fn outside_silent(s: &mut Steps) {
    all_silent(&mut s.icmp);
    all_silent(&mut s.tcp);
    all_silent(&mut s.http);
}

fn absent() -> Failure {
    Failure::Absent("absent".into())
}

fn wrong() -> Failure {
    Failure::Wrong("302".into())
}

fn portal() -> Failure {
    Failure::Portal("302".into())
}

fn measured(s: &mut Steps, verdict: Verdict) {
    let rtt_usual_ms = Some(20);
    let gateway_loss_percent = Some(0);
    s.quality = Some(Measured {
        verdict,
        losing: false,
        looks: 10,
        loss_percent: 12,
        gateway_loss_percent,
        rtt_ms: 41,
        rtt_usual_ms,
    });
}

/// The last looks lost packets, too few for a verdict on the line.
fn losing(s: &mut Steps) {
    measured(s, Verdict::Good);
    s.quality.iter_mut().for_each(|measured| measured.losing = true);
}

fn no_targets(s: &mut Steps) {
    s.icmp.clear();
    s.tcp.clear();
    s.http.clear();
}

/// Changes a good look into the one of a row.
type Change = fn(&mut Steps);

/// Row of the table, whether the probes worked before, what happened, and the verdict.
type Row = (&'static str, bool, Change, CheckState, Reason);

const TABLE: &[Row] = {
    use CheckState::{Critical, Ok, Unknown, Warning};
    &[
        ("1 portal", true, |s| fails(&mut s.http[0], portal()), Critical, Reason::CaptivePortal),
        (
            "1 portal and nothing else",
            true,
            |s| {
                outside_silent(s);
                fails(&mut s.http[0], portal())
            },
            Critical,
            Reason::CaptivePortal,
        ),
        ("1 portal since ever", false, |s| fails(&mut s.http[0], portal()), Warning, Reason::CaptivePortal),
        (
            "1 portal for one page, a block page for another",
            true,
            |s| {
                s.http.push(Step::failed("http://b.example/", wrong()));
                fails(&mut s.http[0], portal())
            },
            Critical,
            Reason::CaptivePortal,
        ),
        ("1 block page", true, |s| fails(&mut s.http[0], wrong()), Critical, Reason::OutsideIntercepted),
        ("1 page never true here", false, |s| fails(&mut s.http[0], wrong()), Warning, Reason::OutsideIntercepted),
        ("2 all resolvers silent", true, |s| all_silent(&mut s.dns), Critical, Reason::DnsUnreachable),
        (
            "2 resolvers fail",
            true,
            |s| s.dns.iter_mut().for_each(|d| fails(d, Failure::Refused("SERVFAIL".into()))),
            Critical,
            Reason::DnsUnreachable,
        ),
        (
            "2 no resolver configured",
            false,
            |s| s.dns = vec![Step::failed("/etc/resolv.conf", absent())],
            Critical,
            Reason::DnsUnreachable,
        ),
        (
            "3 all resolvers lie",
            true,
            |s| s.dns.iter_mut().for_each(|d| fails(d, wrong())),
            Critical,
            Reason::DnsWrongAnswer,
        ),
        (
            "3 one lies, one is silent",
            true,
            |s| {
                all_silent(&mut s.dns);
                fails(&mut s.dns[0], wrong())
            },
            Critical,
            Reason::DnsWrongAnswer,
        ),
        ("3 always lied", false, |s| s.dns.iter_mut().for_each(|d| fails(d, wrong())), Warning, Reason::DnsWrongAnswer),
        ("4 one of two lies", true, |s| fails(&mut s.dns[0], wrong()), Warning, Reason::DnsWrongAnswer),
        (
            "5 only ping is left",
            true,
            |s| {
                all_silent(&mut s.tcp);
                all_silent(&mut s.http)
            },
            Critical,
            Reason::WebBlocked,
        ),
        (
            "5 only ping is left, the collector answers",
            true,
            |s| {
                s.tcp.iter_mut().for_each(|t| fails(t, Failure::Refused("504".into())));
                all_silent(&mut s.http)
            },
            Critical,
            Reason::WebBlocked,
        ),
        (
            "5 connections and pages never worked here",
            false,
            |s| {
                all_silent(&mut s.tcp);
                all_silent(&mut s.http)
            },
            Ok,
            Reason::Fine,
        ),
        (
            "6 one target of two",
            true,
            |s| fails(&mut s.tcp[0], Failure::Refused("refused".into())),
            Warning,
            Reason::OutsidePartial,
        ),
        ("6 pages fail, connections work", true, |s| all_silent(&mut s.http), Warning, Reason::OutsidePartial),
        ("7 collector", true, |s| fails(&mut s.collector, Failure::Silent), Warning, Reason::CollectorUnreachable),
        (
            "7 collector never reached",
            false,
            |s| fails(&mut s.collector, Failure::Silent),
            Warning,
            Reason::CollectorUnreachable,
        ),
        (
            "7 the collector's name leads elsewhere",
            true,
            |s| fails(&mut s.collector, Failure::Misnamed("elsewhere".into())),
            Warning,
            Reason::CollectorNameBlocked,
        ),
        (
            "7 the collector's name is not known, others are",
            true,
            |s| fails(&mut s.collector, Failure::Unnamed("no address".into())),
            Warning,
            Reason::CollectorNameBlocked,
        ),
        (
            "7 no name is known",
            false,
            |s| {
                s.names_known = false;
                s.dns.clear();
                fails(&mut s.collector, Failure::Unnamed("no answer".into()))
            },
            Warning,
            Reason::CollectorUnreachable,
        ),
        ("7 another certificate", true, |s| fails(&mut s.collector, Failure::Foreign), Warning, Reason::TlsIntercepted),
        (
            "7 another certificate on a degraded line",
            true,
            |s| {
                measured(s, Verdict::Line);
                fails(&mut s.collector, Failure::Foreign)
            },
            Warning,
            Reason::TlsIntercepted,
        ),
        ("8 packets are lost behind the gateway", true, |s| measured(s, Verdict::Line), Warning, Reason::LineDegraded),
        (
            "8 resolvers silent over a line that loses",
            true,
            |s| {
                measured(s, Verdict::Line);
                all_silent(&mut s.dns)
            },
            Warning,
            Reason::LineDegraded,
        ),
        (
            "8 the collector silent over a line that loses",
            true,
            |s| {
                measured(s, Verdict::Line);
                fails(&mut s.collector, Failure::Silent)
            },
            Warning,
            Reason::LineDegraded,
        ),
        (
            "8 resolvers silent while packets begin to be lost",
            true,
            |s| {
                losing(s);
                all_silent(&mut s.dns)
            },
            Warning,
            Reason::LineDegraded,
        ),
        (
            "8 connections and pages silent while packets begin to be lost",
            true,
            |s| {
                losing(s);
                all_silent(&mut s.tcp);
                all_silent(&mut s.http)
            },
            Warning,
            Reason::LineDegraded,
        ),
        ("8 packets begin to be lost, all answers", true, losing, Ok, Reason::Fine),
        (
            "12 ping is blocked here, a name that no cache holds is answered",
            true,
            |s| {
                outside_silent(s);
                s.fresh_name = true;
                fails(&mut s.collector, Failure::Silent)
            },
            Critical,
            Reason::WebBlocked,
        ),
        ("8 packets are lost before the gateway", true, |s| measured(s, Verdict::Local), Warning, Reason::LocalLoss),
        ("8 all is measured and well", true, |s| measured(s, Verdict::Good), Ok, Reason::Fine),
        ("8 all is well", true, |_| (), Ok, Reason::Fine),
        ("8 all is well at first sight", false, |_| (), Ok, Reason::Fine),
        ("8 ping outside blocked today", true, |s| all_silent(&mut s.icmp), Ok, Reason::Fine),
        ("8 gateway silent, outside answers", true, |s| fails(&mut s.gateway, Failure::Silent), Ok, Reason::Fine),
        ("8 one resolver of two silent", true, |s| fails(&mut s.dns[0], Failure::Silent), Ok, Reason::Fine),
        ("8 resolvers never answered", false, |s| all_silent(&mut s.dns), Ok, Reason::Fine),
        ("8 a target that never worked", false, |s| fails(&mut s.tcp[0], Failure::Silent), Ok, Reason::Fine),
        (
            "9 cable out",
            true,
            |s| {
                outside_silent(s);
                fails(&mut s.link, absent());
                fails(&mut s.collector, Failure::Silent)
            },
            Critical,
            Reason::LinkDown,
        ),
        (
            "9 cable out at first sight",
            false,
            |s| {
                outside_silent(s);
                fails(&mut s.link, absent());
                fails(&mut s.route, absent());
                fails(&mut s.collector, Failure::Silent)
            },
            Critical,
            Reason::LinkDown,
        ),
        (
            "9 cable out, no targets",
            false,
            |s| {
                no_targets(s);
                fails(&mut s.link, absent());
                fails(&mut s.collector, Failure::Silent)
            },
            Critical,
            Reason::LinkDown,
        ),
        (
            "9 collector on this machine",
            false,
            |s| {
                no_targets(s);
                fails(&mut s.link, absent())
            },
            Warning,
            Reason::LinkDown,
        ),
        (
            "9 cable out, the collector answers under its old address",
            true,
            |s| {
                outside_silent(s);
                fails(&mut s.link, absent());
                fails(&mut s.collector, Failure::Misnamed("no address".into()))
            },
            Warning,
            Reason::LinkDown,
        ),
        (
            "10 no address",
            true,
            |s| {
                outside_silent(s);
                fails(&mut s.address, absent());
                fails(&mut s.route, absent());
                fails(&mut s.collector, Failure::Silent)
            },
            Critical,
            Reason::NoAddress,
        ),
        (
            "11 no route",
            true,
            |s| {
                outside_silent(s);
                fails(&mut s.route, absent());
                fails(&mut s.collector, Failure::Silent)
            },
            Critical,
            Reason::NoRoute,
        ),
        (
            "11 no route but the collector",
            true,
            |s| {
                outside_silent(s);
                fails(&mut s.route, absent())
            },
            Warning,
            Reason::NoRoute,
        ),
        (
            "12 gateway silent",
            true,
            |s| {
                outside_silent(s);
                fails(&mut s.gateway, Failure::Silent);
                fails(&mut s.collector, Failure::Silent)
            },
            Critical,
            Reason::GatewayUnreachable,
        ),
        (
            "12 gateway not on the network",
            false,
            |s| {
                outside_silent(s);
                fails(&mut s.gateway, Failure::NoNeighbour);
                fails(&mut s.collector, Failure::Silent)
            },
            Critical,
            Reason::GatewayUnreachable,
        ),
        (
            "12 gateway silent, no targets",
            true,
            |s| {
                no_targets(s);
                fails(&mut s.gateway, Failure::Silent);
                fails(&mut s.collector, Failure::Silent)
            },
            Critical,
            Reason::GatewayUnreachable,
        ),
        (
            "13 line cut",
            true,
            |s| {
                outside_silent(s);
                fails(&mut s.collector, Failure::Silent)
            },
            Critical,
            Reason::OutsideUnreachable,
        ),
        (
            "13 line cut, names too",
            true,
            |s| {
                outside_silent(s);
                all_silent(&mut s.dns);
                fails(&mut s.collector, Failure::Silent)
            },
            Critical,
            Reason::OutsideUnreachable,
        ),
        (
            "13 gateway silent but the collector",
            true,
            |s| {
                outside_silent(s);
                fails(&mut s.gateway, Failure::Silent)
            },
            Critical,
            Reason::OutsideUnreachable,
        ),
        (
            "14 nothing to try without names",
            true,
            |s| {
                no_targets(s);
                s.tcp = vec![Step::skipped("a.example:443", "no address")];
                all_silent(&mut s.dns)
            },
            Critical,
            Reason::DnsUnreachable,
        ),
        (
            "15 all resolvers lie, no targets",
            true,
            |s| {
                no_targets(s);
                s.dns.iter_mut().for_each(|d| fails(d, wrong()))
            },
            Critical,
            Reason::DnsWrongAnswer,
        ),
        (
            "15 always lied, no targets",
            false,
            |s| {
                no_targets(s);
                s.dns.iter_mut().for_each(|d| fails(d, wrong()))
            },
            Warning,
            Reason::DnsWrongAnswer,
        ),
        ("16 never worked here", false, outside_silent, Unknown, Reason::OutsideUnreachable),
        (
            "16 nothing ever worked",
            false,
            |s| {
                outside_silent(s);
                all_silent(&mut s.dns);
                fails(&mut s.gateway, Failure::Silent);
                fails(&mut s.collector, Failure::Silent)
            },
            Unknown,
            Reason::OutsideUnreachable,
        ),
        (
            "17 line or collector",
            true,
            |s| {
                no_targets(s);
                fails(&mut s.collector, Failure::Silent)
            },
            Unknown,
            Reason::CollectorUnreachable,
        ),
        (
            "17 no targets, another certificate",
            true,
            |s| {
                no_targets(s);
                fails(&mut s.collector, Failure::Foreign)
            },
            Warning,
            Reason::TlsIntercepted,
        ),
        (
            "18 only ping, not permitted",
            true,
            |s| {
                no_targets(s);
                s.icmp = vec![Step::skipped("198.51.100.7", "needs CAP_NET_RAW")]
            },
            Unknown,
            Reason::MeasureFailed,
        ),
        ("19 no targets", true, no_targets, Unknown, Reason::NotConfigured),
        (
            "19 no targets, gateway silent, collector answers",
            true,
            |s| {
                no_targets(s);
                fails(&mut s.gateway, Failure::Silent)
            },
            Unknown,
            Reason::NotConfigured,
        ),
    ]
};

#[test]
fn every_row_of_the_table_holds() {
    for (row, worked, change, state, reason) in TABLE {
        let mut steps = good();
        change(&mut steps);
        let memory = if *worked { knows_all() } else { Memory::default() };
        let result = judge(&steps, &memory);
        assert_eq!((result.state, &result.reason), (*state, reason), "row {row}: {steps:#?}");
    }
}

#[test]
fn a_step_that_never_worked_here_is_named_as_no_evidence() {
    let mut steps = good();
    outside_silent(&mut steps);
    let evidence = judge(&steps, &Memory::default()).evidence;
    assert_eq!(evidence.get("no_evidence").map(String::as_str), Some("outside_icmp outside_tcp outside_http"));
    assert_eq!(judge(&steps, &knows_all()).evidence.get("no_evidence"), None);
}

#[test]
fn evidence_is_short_words_and_figures() {
    let mut steps = good();
    steps.gateway.millis = Some(3);
    steps.tcp[0].millis = Some(21);
    steps.tcp[1].millis = Some(14);
    fails(&mut steps.dns[1], Failure::Wrong("x".repeat(1000)));
    let evidence = judge(&steps, &knows_all()).evidence;
    let get = |key: &str| evidence.get(key).map(String::as_str);
    assert_eq!(get("link"), Some("eth0 up"));
    assert_eq!((get("gateway"), get("gateway_ms")), (Some("ok"), Some("3")));
    assert_eq!((get("outside_tcp"), get("outside_tcp_ms")), (Some("2/2"), Some("14")));
    assert!(get("dns").unwrap().starts_with("1/2: a.example @192.0.2.54 wrong answer: xxx"));
    assert!(evidence.values().all(|value| value.chars().count() <= EVIDENCE_MAX + 1));
    assert_eq!(get("address"), None, "what is in order is not said at length");
}

#[test]
fn a_degraded_line_is_told_in_figures() {
    let mut steps = good();
    measured(&mut steps, Verdict::Line);
    let evidence = judge(&steps, &knows_all()).evidence;
    let figures = ["loss_percent", "gateway_loss_percent", "rtt_ms", "rtt_usual_ms"].map(|key| evidence[key].as_str());
    assert_eq!(figures, ["12", "0", "41", "20"]);
    measured(&mut steps, Verdict::Good);
    assert_eq!(judge(&steps, &knows_all()).evidence.get("loss_percent"), None, "what is in order is not said");
}

#[test]
fn what_worked_on_another_network_is_no_evidence_here() {
    let mut steps = good();
    outside_silent(&mut steps);
    steps.network = "203.0.113.1 wlan0".into();
    let result = judge(&steps, &knows_all());
    assert_eq!((result.state, result.reason), (CheckState::Unknown, Reason::OutsideUnreachable));
}

#[test]
fn where_no_loss_can_be_measured_silence_of_a_few_must_last() {
    let policy = vigie_shared::policy::InternetPolicy { confirm: 2, ..Default::default() };
    let mut silent = good();
    all_silent(&mut silent.dns);
    let result = judge(&silent, &knows_all());
    assert_eq!(super::super::rule(Some(&silent), &result, &policy).needed, 6);
    measured(&mut silent, Verdict::Good);
    assert_eq!(super::super::rule(Some(&silent), &result, &policy).needed, 2);
    let mut cut = good();
    outside_silent(&mut cut);
    fails(&mut cut.collector, Failure::Silent);
    let result = judge(&cut, &knows_all());
    assert_eq!(super::super::rule(Some(&cut), &result, &policy).needed, 2, "nothing answers at all");
}
