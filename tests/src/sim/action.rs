//! What can happen. One vocabulary for scenario files and for the generator of a year; as JSON through serde
//! (`{"do":"cut_line","line":{"school":"0959901W"}}`).

use super::Ms;
use super::world::{CollectorState, Dns, Kind, NetworkKind};
use serde::{Deserialize, Serialize};

/// A line of a school.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRef {
    /// UAI.
    pub school: String,
    /// Its name; the first line otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl LineRef {
    /// The first line of a school.
    pub fn first(school: &str) -> Self {
        Self { school: school.to_owned(), name: None }
    }
}

/// One network of a school, or all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetRef {
    /// UAI.
    pub school: String,
    /// Which; all otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkKind>,
}

/// Which machines of a school.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// All.
    All,
    /// All of a kind.
    Kind(Kind),
    /// Those in a room.
    Room(String),
    /// Those on a switch.
    Switch(String),
    /// Those on a network.
    Network(NetworkKind),
    /// These.
    Named(Vec<String>),
}

/// Some machines of a school.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machines {
    /// UAI.
    pub school: String,
    /// Which.
    pub which: Which,
}

impl Machines {
    /// All of a school.
    pub fn all(school: &str) -> Self {
        Self { school: school.to_owned(), which: Which::All }
    }

    /// One.
    pub fn one(school: &str, name: &str) -> Self {
        Self { school: school.to_owned(), which: Which::Named(vec![name.to_owned()]) }
    }
}

/// How a machine goes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Shut down: the agent says goodbye.
    Shutdown,
    /// Put to sleep: the agent says goodbye; the boot goes on.
    Suspend,
    /// Windows Fast Startup: the kernel is hibernated, services are not told; the boot goes on.
    FastStartup,
    /// The plug is pulled: nobody is told.
    PowerCut,
    /// It hangs: nobody is told.
    Crash,
    /// Restarts: goodbye, and back after a minute and a half.
    Restart,
    /// Restarts to install updates: goodbye, and back after ten minutes.
    Update,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    /// A line carries nothing any more.
    CutLine { line: LineRef },
    /// It carries again, as well as on the first day.
    RestoreLine { line: LineRef },
    /// It loses packets, takes time, or is full.
    DegradeLine { line: LineRef, loss_percent: u8, latency_ms: u32, saturated: bool },
    /// A network's traffic goes over another line.
    FailOver { net: NetRef, line: String },
    /// Traffic goes over the preferred line again.
    FailBack { net: NetRef },
    /// The router answers or ignores pings from outside.
    RouterPing { line: LineRef, answers: bool },
    /// A resolver dies, lies, or is well.
    Dns { net: NetRef, state: Dns },
    /// Addresses are given no more, or again.
    Dhcp { net: NetRef, dead: bool },
    /// A portal stands in the way, or no more.
    Portal { net: NetRef, on: bool },
    /// The filter dies, or works.
    Filter { net: NetRef, dead: bool },
    /// A network loses its interface of the router, or has it back.
    Network { net: NetRef, down: bool },
    /// Pings to the outside are blocked, or pass.
    Icmp { school: String, blocked: bool },
    /// The collector's name is blocked, or passes.
    CollectorName { school: String, blocked: bool },
    /// TLS is opened on the way, or passes.
    Tls { school: String, intercepted: bool },
    /// A switch breaks, or works.
    Switch { school: String, switch: String, down: bool },
    /// Current goes or comes: of a room, or of the whole school.
    Power { school: String, room: Option<String>, on: bool },
    /// Machines are switched on (or woken), one after another within so many seconds.
    On { machines: Machines, within_s: u32 },
    /// Machines go off, one after another within so many seconds.
    Off { machines: Machines, how: How, within_s: u32 },
    /// Nomades leave the school; they run at home all the same when they are on.
    Leave { machines: Machines },
    /// Nomades are back.
    Return { machines: Machines },
    /// The collector's state changes.
    Collector { state: CollectorState },
    /// A machine is installed anew: half an hour later it enrols as a new one with the same hardware.
    Reimage { machines: Machines },
    /// Another machine starts from a copy of the disk of one that was enrolled.
    Clone { machine: Machines, name: String },
    /// Machines are frozen: from now on every boot begins from the disk as it is.
    Freeze { machines: Machines },
    /// A machine restarts into another system, which is enrolled on its own; again: back to the first.
    DualBoot { machine: Machines, system: String },
    /// Somebody (or an empty battery) sets the wall clock to this.
    Clock { machines: Machines, to: Ms },
    /// The directory server stops or works.
    Directory { school: String, up: bool },
    /// Free space of the volume becomes this.
    Space { machines: Machines, free_percent: u8 },
    /// The agents are killed without goodbye, the machines stay on; or started again.
    Agents { machines: Machines, running: bool },
    /// A person approves all that waits.
    Approve,
    /// Somebody calls because of this.
    PhoneCall { school: String, subject: String },
    /// Work is announced.
    Maintenance { school: String, from: Ms, to: Ms, reason: String },
    /// A school is closed on days that no calendar knows.
    Closure { school: String, from: Ms, to: Ms, reason: String },
    /// A person takes the open ticket about this check.
    Take { school: String, check: String },
}

impl Action {
    /// The schools it touches; empty for all.
    pub fn school(&self) -> Option<&str> {
        use Action::*;
        match self {
            CutLine { line } | RestoreLine { line } | DegradeLine { line, .. } | RouterPing { line, .. } => {
                Some(&line.school)
            }
            FailOver { net, .. }
            | FailBack { net }
            | Dns { net, .. }
            | Dhcp { net, .. }
            | Portal { net, .. }
            | Filter { net, .. }
            | Network { net, .. } => Some(&net.school),
            On { machines, .. }
            | Off { machines, .. }
            | Leave { machines }
            | Return { machines }
            | Reimage { machines }
            | Freeze { machines }
            | Clock { machines, .. }
            | Space { machines, .. }
            | Agents { machines, .. }
            | Clone { machine: machines, .. }
            | DualBoot { machine: machines, .. } => Some(&machines.school),
            Icmp { school, .. }
            | CollectorName { school, .. }
            | Tls { school, .. }
            | Switch { school, .. }
            | Power { school, .. }
            | Directory { school, .. }
            | PhoneCall { school, .. }
            | Maintenance { school, .. }
            | Closure { school, .. }
            | Take { school, .. } => Some(school),
            Collector { .. } | Approve => None,
        }
    }
}
