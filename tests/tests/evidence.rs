//! What machines and the collector see of causes that look alike: filters, portals, lines that lose, routers that fall
//! silent. Real networks, really ill. Needs root and network namespaces.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use vigie_agent::checks::internet::Internet;
use vigie_agent::checks::internet::memory::Memory;
use vigie_agent::source::{Source, Unreadable, VolumeUse};
use vigie_shared::check::Reason;
use vigie_shared::policy::{InternetPolicy, QualityPolicy};
use vigie_tests::netns::Namespace;
use vigie_tests::outside;
use vigie_tests::process::program;
use vigie_tests::stage::{Stage, policy};
use vigie_tests::wait::wait_for;
use vigie_tests::world::{TARGET, World, skipped};

/// State and reason of `vigie-agent check internet` on a machine.
fn check(machine: &Namespace, policy: &std::path::Path) -> (String, String) {
    let mut command = machine.command(program("vigie-agent").unwrap());
    command.args(["check", "internet", "--json", "--policy"]).arg(policy);
    let output = command.output().unwrap();
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    let word = |key: &str| seen[0][key].as_str().unwrap().to_owned();
    (word("state"), word("reason"))
}

#[test]
fn a_dead_filter_and_a_portal_are_told_from_a_cut_line() {
    if skipped() {
        return;
    }
    let world = World::with_school(1).unwrap();
    let (school, file) = (&world.schools[0], world.folder().join("policy.json"));
    let asked = vigie_shared::policy::Policy { internet: outside::policy(60), ..Default::default() };
    std::fs::write(&file, serde_json::to_vec(&asked).unwrap()).unwrap();
    let machine = &school.machines[0];
    let word = |state: &str, reason: Reason| (state.to_owned(), reason.as_str().to_owned());
    wait_for("the outside", Duration::from_secs(20), || (check(machine, &file).1 == "fine").then_some(())).unwrap();

    let gateway = school.gateway();
    let filter = "chain forward { type filter hook forward priority 0; meta l4proto tcp drop; }";
    gateway.nft(&format!("table inet ill {{\n{filter}\n}}\n")).unwrap();
    assert_eq!(check(machine, &file), word("critical", Reason::WebBlocked));
    gateway.nft("delete table inet ill\n").unwrap();

    let portal = gateway.thread(|| TcpListener::bind("0.0.0.0:8080").unwrap()).unwrap().join().unwrap();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = portal.accept().unwrap();
        let _ = stream.read(&mut [0; 2048]);
        let answer = "HTTP/1.1 302 Found\r\nLocation: http://portail.example/?who=x\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let redirect =
        "chain pre { type nat hook prerouting priority dstnat; iif \"lan\" tcp dport 80 redirect to :8080; }";
    gateway.nft(&format!("table ip ill {{\n{redirect}\n}}\n")).unwrap();
    assert_eq!(check(machine, &file), word("critical", Reason::CaptivePortal));
    serving.join().unwrap();
    gateway.nft("delete table ip ill\n").unwrap();

    school.cut_line_silently().unwrap();
    assert_eq!(check(machine, &file), word("critical", Reason::OutsideUnreachable));
}

/// A machine of the world as far as its gateway goes: `/proc/net` shows the network of the process, not of the thread.
struct Wired;

impl Source for Wired {
    fn read(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        match path {
            "/proc/net/route" => {
                Ok(b"Iface\tDestination\tGateway\neth0\t00000000\t0101280A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
                    .to_vec())
            }
            _ => Err(Unreadable::Missing(path.into())),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<String>, Unreadable> {
        Err(Unreadable::Missing(path.into()))
    }

    fn link(&self, path: &str) -> Result<String, Unreadable> {
        Err(Unreadable::Missing(path.into()))
    }

    fn volumes(&self) -> Result<Vec<VolumeUse>, Unreadable> {
        Err(Unreadable::Missing("volumes".into()))
    }

    fn is_live(&self) -> bool {
        false
    }
}

/// A machine that looks every six seconds, in less time than that.
struct Watching<'w> {
    machine: &'w Namespace,
    check: Option<Internet>,
    at_ms: u64,
}

impl Watching<'_> {
    /// Some looks; what the last came to.
    fn looks(&mut self, count: u64) -> Reason {
        let mut check = self.check.take().unwrap_or_else(|| Internet::new("", Memory::default()));
        let from = self.at_ms;
        self.at_ms += count * 6_000;
        let looking = self.machine.thread(move || {
            let policy = InternetPolicy {
                timeout_ms: 200,
                icmp: vec![TARGET.parse().unwrap()],
                quality: QualityPolicy { echoes: 3, window_s: 60, ..QualityPolicy::default() },
                ..InternetPolicy::default()
            };
            let source: Arc<dyn Source> = Arc::new(Wired);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let mut last = Reason::MeasureFailed;
            for n in 1..=count {
                let (_, result) = runtime.block_on(check.check(&source, &policy, from + n * 6_000));
                last = result.reason;
            }
            (check, last)
        });
        let (check, last) = looking.unwrap().join().unwrap();
        self.check = Some(check);
        last
    }
}

#[test]
fn a_line_that_loses_is_told_from_a_cable_that_loses() {
    if skipped() {
        return;
    }
    let world = World::with_school(1).unwrap();
    let school = &world.schools[0];
    assert_eq!(school.gateway_address(), "10.40.1.1", "as the routes above say");
    let mut watching = Watching { machine: &school.machines[0], check: None, at_ms: 0 };
    assert_eq!(watching.looks(45), Reason::Fine, "what is usual is learnt");

    let lossy = |hook: &str, interface: &str| {
        let chain = format!("type filter hook {hook} priority 0; iif \"{interface}\" numgen inc mod 5 < 2 drop;");
        format!("table inet ill {{\nchain {hook} {{ {chain} }}\n}}\n")
    };
    school.gateway().nft(&lossy("forward", "line")).unwrap();
    assert_eq!(watching.looks(12), Reason::LineDegraded);
    school.gateway().nft("delete table inet ill\n").unwrap();
    assert_eq!(watching.looks(12), Reason::Fine);

    school.machines[0].nft(&lossy("input", "eth0")).unwrap();
    assert_eq!(watching.looks(12), Reason::LocalLoss);
    school.machines[0].nft("delete table inet ill\n").unwrap();
    assert_eq!(watching.looks(12), Reason::Fine);
}

#[test]
fn the_collector_sees_a_router_fall_silent_and_suspects_its_own_line_when_all_do() {
    if skipped() {
        return;
    }
    let mut world = World::new().unwrap();
    world.add_school(1).unwrap();
    let stage = Stage::enrolled_in(world, 1, &policy(5)).unwrap();
    let (first, second) = (&stage.world.schools[0], &stage.world.schools[1]);
    for (uai, school) in [("0959901W", first), ("0959902X", second)] {
        let address = school.line_address();
        let line =
            ["line", "add", "--school", uai, "--operator", "Opérateur", "--address", &address, "--probe", "ping"];
        stage.collector.admin(&line).unwrap();
    }
    let told = |uai: &str| {
        let list = stage.collector.admin(&["line", "list", "--school", uai]).unwrap();
        list.lines().last().unwrap_or_default().to_owned()
    };
    let becomes = |uai: &str, words: &str, bound: u64| {
        wait_for(words, Duration::from_secs(bound), || told(uai).contains(words).then_some(()))
            .unwrap_or_else(|error| panic!("{error:#}: {}", told(uai)));
    };
    becomes("0959901W", "answers since", 45);
    becomes("0959902X", "answers since", 45);

    first.cut_line_silently().unwrap();
    second.cut_line_silently().unwrap();
    becomes("0959901W", "perhaps our own line", 110);
    becomes("0959902X", "perhaps our own line", 45);

    // One answers again: whoever still does not is to blame for itself.
    second.restore_line().unwrap();
    becomes("0959902X", "answers since", 60);
    wait_for("the blame", Duration::from_secs(45), || (!told("0959901W").contains("our own")).then_some(())).unwrap();
    assert!(told("0959901W").contains("silent since"), "{}", told("0959901W"));
}
