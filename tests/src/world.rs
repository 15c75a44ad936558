//! A school made of network namespaces, and the outside world.
//!
//! ```text
//!  machines ── switch (bridge) ── gateway ──(line)── outside: collector, DNS, HTTP and TCP targets, answers ping
//!  10.40.k.10…                   10.40.k.1           198.51.100.10 / .53 / .80
//! ```
//! Nothing is made in the namespace of the host and nothing can leave: `outside` has no route to anywhere else.
//! The line is cut on the gateway's side, either hard (the interface goes down) or silently (packets vanish, so that
//! connections hang rather than fail). Everything is removed on drop, on panic, and by the next run after a SIGKILL.

use crate::netns::{self, Namespace};
use crate::outside::Services;
use crate::relay::Relay;
use anyhow::{Context, Result};
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// Address of the collector, in TEST-NET-2 (RFC 5737).
pub const COLLECTOR: &str = "198.51.100.10";
/// Address of the DNS server.
pub const RESOLVER: &str = "198.51.100.53";
/// Address that answers ping, HTTP on port 80 and TCP on port 443.
pub const TARGET: &str = "198.51.100.80";
/// Name that the DNS server resolves to [`TARGET`].
pub const TARGET_NAME: &str = "temoin.example";

/// Worlds at the same time: they mostly wait, but their bounds are seconds.
const TOGETHER: usize = 3;

static WORLDS: AtomicUsize = AtomicUsize::new(0);

/// The whole: schools and the outside.
pub struct World {
    number: usize,
    // Fields are dropped in this order: what runs inside first, then the namespaces, then the lock.
    services: Services,
    /// The schools, numbered from 1 in their addresses.
    pub schools: Vec<School>,
    /// Where the collector lives.
    pub outside: Namespace,
    folder: TempDir,
    _place: Vec<File>,
}

/// One school: its own subnet, its own line.
pub struct School {
    number: usize,
    /// Its machines' namespaces, in order of their addresses.
    pub machines: Vec<Namespace>,
    switch: Namespace,
    gateway: Namespace,
}

/// Whether `VIGIE_WORLDS=required` is set, as `./dev test` does: what would be skipped then fails, so that a test that
/// was skipped never passes for one that was made.
pub fn required() -> bool {
    std::env::var_os("VIGIE_WORLDS").is_some_and(|word| word == "required")
}

/// Whether no world can be made here; the reason is told on standard error. A failure where worlds are [`required`].
pub fn skipped() -> bool {
    match netns::possible() {
        Ok(()) => false,
        Err(why) if required() => panic!("network namespaces are required and cannot be made: {why:#}"),
        Err(why) => {
            eprintln!("skipped: needs root and network namespaces ({why:#})");
            true
        }
    }
}

impl World {
    /// The outside world, without schools. Waits for its turn: at most [`TOGETHER`] worlds at a time on one machine.
    pub fn new() -> Result<Self> {
        let place = loop {
            if let Some(place) = (0..TOGETHER).find_map(|n| place(n).ok().filter(|file| file.try_lock().is_ok())) {
                break vec![place];
            }
            std::thread::sleep(Duration::from_millis(200));
        };
        Self::in_place(place)
    }

    /// The same, with no other world beside it: for measurements.
    pub fn alone() -> Result<Self> {
        let places = (0..TOGETHER).map(place).collect::<Result<Vec<_>>>()?;
        for place in &places {
            if place.try_lock().is_ok() {
                continue;
            }
            eprintln!("waiting for the worlds of tests that run on this machine to end");
            place.lock().context("waiting for the worlds of tests to end")?;
        }
        Self::in_place(places)
    }

    fn in_place(place: Vec<File>) -> Result<Self> {
        netns::sweep();
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        let outside = Namespace::new(netns::unique(number, "out"), None)?;
        for address in [COLLECTOR, RESOLVER, TARGET] {
            outside.ip(&["addr", "add", &format!("{address}/32"), "dev", "lo"])?;
        }
        let services = Services::start(&outside)?;
        let folder = tempfile::Builder::new().prefix("vigie-world-").tempdir()?;
        Ok(Self { number, services, schools: Vec::new(), outside, folder, _place: place })
    }

    /// A world with one school of `machines` machines.
    pub fn with_school(machines: usize) -> Result<Self> {
        let mut world = Self::new()?;
        world.add_school(machines)?;
        Ok(world)
    }

    /// A folder that is removed with the world.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The servers outside, to make them fail or lie.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Adds a school and its line.
    pub fn add_school(&mut self, machines: usize) -> Result<&School> {
        let number = self.schools.len() + 1;
        let named = |part: &str| netns::unique(self.number, &format!("s{number}{part}"));
        let switch = Namespace::new(named("sw"), None)?;
        let gateway = Namespace::new(named("gw"), None)?;
        switch.ip(&["link", "add", "br0", "type", "bridge"])?;
        switch.ip(&["link", "set", "br0", "up"])?;
        plug(&gateway, "lan", &switch, "gw")?;
        gateway.ip(&["addr", "add", &format!("10.40.{number}.1/24"), "dev", "lan"])?;

        let line = format!("school{number}");
        link(&gateway, "line", &self.outside, &line)?;
        gateway.ip(&["addr", "add", &format!("10.255.{number}.2/30"), "dev", "line"])?;
        self.outside.ip(&["addr", "add", &format!("10.255.{number}.1/30"), "dev", &line])?;
        let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
        crate::process::output_of(gateway.command("sh").args(["-c", forward]))?;
        let lan = format!("10.40.{number}.0/24");
        self.outside.ip(&["route", "add", &lan, "via", &format!("10.255.{number}.2")])?;

        let mut made = Vec::new();
        for place in 0..machines {
            let machine = Namespace::new(named(&format!("m{place}")), Some(RESOLVER))?;
            plug(&machine, "eth0", &switch, &format!("port{place}"))?;
            machine.ip(&["addr", "add", &format!("10.40.{number}.{}/24", 10 + place), "dev", "eth0"])?;
            machine.ip(&["route", "add", "default", "via", &format!("10.40.{number}.1")])?;
            made.push(machine);
        }
        let school = School { number, machines: made, switch, gateway };
        school.restore_line()?;
        self.schools.push(school);
        self.schools.last().context("a school was just added")
    }

    /// A port on the loopback of the host that leads to `to` in the outside namespace, for browsers and raw clients.
    pub fn forward(&self, to: SocketAddr) -> Result<Relay> {
        Relay::start(&self.outside, to)
    }
}

/// One of the locks that worlds take; given back when the file is closed, also by a SIGKILL.
fn place(number: usize) -> Result<File> {
    let path = std::env::temp_dir().join(format!("vigie-world-{number}.lock"));
    File::create(&path).with_context(|| path.display().to_string())
}

impl School {
    /// Addresses of its network.
    pub fn cidr(&self) -> String {
        format!("10.40.{}.0/24", self.number)
    }

    /// Its gateway, to make it ill in other ways than below. Its interfaces are `lan` and `line`.
    pub fn gateway(&self) -> &Namespace {
        &self.gateway
    }

    /// Address of its gateway on its own network.
    pub fn gateway_address(&self) -> String {
        format!("10.40.{}.1", self.number)
    }

    /// Public address of its line, as seen from outside.
    pub fn line_address(&self) -> String {
        format!("10.255.{}.2", self.number)
    }

    /// Cuts the line: the gateway's uplink goes down, what is sent fails at once.
    pub fn cut_line(&self) -> Result<()> {
        self.gateway.ip(&["link", "set", "line", "down"]).map(drop)
    }

    /// Cuts the line without a word: packets vanish at the gateway, connections hang.
    pub fn cut_line_silently(&self) -> Result<()> {
        let chain = |hook: &str, rule: &str| {
            format!("chain {hook} {{ type filter hook {hook} priority 0; policy accept; {rule}; }}\n")
        };
        let chains = [
            chain("forward", "iif \"line\" drop; oif \"line\" drop"),
            chain("output", "oif \"line\" drop"),
            chain("input", "iif \"line\" drop"),
        ];
        self.gateway.nft(&format!("table inet cut {{\n{}}}\n", chains.concat()))
    }

    /// Brings the line back, however it was cut.
    pub fn restore_line(&self) -> Result<()> {
        self.gateway.nft("add table inet cut\ndelete table inet cut\n")?;
        self.gateway.ip(&["link", "set", "line", "up"])?;
        let next = format!("10.255.{}.1", self.number);
        self.gateway.ip(&["route", "replace", "default", "via", &next]).map(drop)
    }

    /// Pulls the plug of the gateway's side of the switch: machines see each other and nothing else.
    pub fn unplug_gateway(&self) -> Result<()> {
        self.switch.ip(&["link", "set", "gw", "down"]).map(drop)
    }

    /// Puts it back.
    pub fn plug_gateway(&self) -> Result<()> {
        self.switch.ip(&["link", "set", "gw", "up"]).map(drop)
    }
}

/// A cable between two namespaces. One packet is one segment, as on a real cable, so that counters count real bytes.
fn link(a: &Namespace, a_end: &str, b: &Namespace, b_end: &str) -> Result<()> {
    a.ip(&["link", "add", a_end, "type", "veth", "peer", "name", b_end, "netns", b.name()])?;
    for (namespace, end) in [(a, a_end), (b, b_end)] {
        namespace.ip(&["link", "set", end, "gso_max_segs", "1"])?;
        namespace.ip(&["link", "set", end, "up"])?;
    }
    Ok(())
}

/// A cable into the switch.
fn plug(machine: &Namespace, end: &str, switch: &Namespace, port: &str) -> Result<()> {
    link(machine, end, switch, port)?;
    switch.ip(&["link", "set", port, "master", "br0"]).map(drop)
}
