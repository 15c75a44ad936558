//! Questions to the machine's own resolvers, straight over UDP (RFC 1035): who answers, and is it the truth?
//!
//! The C library's resolver would hide which resolver answered, and would take its own time.

use super::step::{Failure, Step};
use ipnet::IpNet;
use ring::rand::{SecureRandom, SystemRandom};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, Question, RCODE, TYPE};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::Instant;
use vigie_shared::policy::DnsTarget;

/// Datagrams sent for one question: the first and one more.
const ATTEMPTS: u32 = 2;
/// Once one of the two questions is answered, how long the other is still waited for: some resolvers drop AAAA.
const GRACE: Duration = Duration::from_millis(300);
/// Most datagrams read in one look: a flood of wrong ones must not keep us.
const DATAGRAMS_MAX: usize = 64;
/// Largest answer read, bytes: without EDNS none is larger than 512.
const DATAGRAM_MAX: usize = 1500;
const TYPES: [TYPE; 2] = [TYPE::A, TYPE::AAAA];

/// Asks one resolver for the addresses of a name. `patience` is for each datagram.
pub async fn ask(resolver: SocketAddr, target: &DnsTarget, patience: Duration) -> Step {
    let shown = if resolver.port() == 53 { resolver.ip().to_string() } else { resolver.to_string() };
    let name = format!("{} @{shown}", target.name);
    let begun = Instant::now();
    match exchange(resolver, &target.name, patience).await {
        Ok(answers) => match verdict(&answers, &target.within) {
            Ok(seen) => Step::ok(name, seen),
            Err(failure) => Step::failed(name, failure),
        }
        .took(begun.elapsed()),
        Err(Problem::Answered(failure)) => Step::failed(name, failure).took(begun.elapsed()),
        Err(Problem::NotAsked(why)) => Step::skipped(name, why),
    }
}

/// Why there are no answers to judge.
enum Problem {
    /// The network said so.
    Answered(Failure),
    /// The question could not be put.
    NotAsked(String),
}

/// What came back for one question.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    /// Addresses, maybe none; `truncated` when there are more than fit.
    Addresses { addresses: Vec<IpAddr>, truncated: bool },
    /// The name does not exist.
    NoSuchName,
    /// The resolver says that it cannot.
    Failed(String),
}

/// Sends both questions, again once where unanswered, and returns what came back for A and AAAA.
async fn exchange(resolver: SocketAddr, name: &str, patience: Duration) -> Result<[Option<Answer>; 2], Problem> {
    let refused = |error: std::io::Error| Problem::Answered(Failure::Refused(error.kind().to_string()));
    let own: SocketAddr = match resolver {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(own).await.map_err(|error| Problem::NotAsked(format!("no socket: {error}")))?;
    // Connected: the kernel drops what others send, and reports a closed port.
    socket.connect(resolver).await.map_err(refused)?;
    let ids = random_ids().ok_or_else(|| Problem::NotAsked("no random numbers".to_owned()))?;
    let mut answers: [Option<Answer>; 2] = [None, None];
    let mut buffer = [0u8; DATAGRAM_MAX];
    let mut datagrams = 0;
    for _ in 0..ATTEMPTS {
        for ((id, kind), answer) in ids.iter().zip(TYPES).zip(&answers) {
            if answer.is_none() {
                let question = question(*id, name, kind).map_err(Problem::NotAsked)?;
                socket.send(&question).await.map_err(refused)?;
            }
        }
        let mut until = Instant::now() + patience;
        while answers.iter().any(Option::is_none) {
            let Ok(received) = tokio::time::timeout_at(until, socket.recv(&mut buffer)).await else { break };
            let received = received.map_err(refused)?;
            datagrams += 1;
            if datagrams > DATAGRAMS_MAX {
                return Err(Problem::Answered(Failure::Refused("a flood of answers to other questions".to_owned())));
            }
            for ((id, kind), answer) in ids.iter().zip(TYPES).zip(&mut answers) {
                if let (None, Some(read)) = (&answer, buffer.get(..received).and_then(|b| read(b, *id, name, kind))) {
                    *answer = Some(read);
                    until = until.min(Instant::now() + GRACE);
                }
            }
        }
        if answers.iter().any(Option::is_some) {
            break;
        }
    }
    Ok(answers)
}

fn random_ids() -> Option<[u16; 2]> {
    let mut bytes = [0u8; 4];
    SystemRandom::new().fill(&mut bytes).ok()?;
    let [a, b, c, d] = bytes;
    let (first, second) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    Some([first, if second == first { second.wrapping_add(1) } else { second }])
}

fn question(id: u16, name: &str, kind: TYPE) -> Result<Vec<u8>, String> {
    let name = Name::new(name).map_err(|error| format!("« {name} » is not a name: {error}"))?;
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet.questions.push(Question::new(name, QTYPE::TYPE(kind), CLASS::IN.into(), false));
    packet.build_bytes_vec().map_err(|error| format!("the question cannot be written: {error}"))
}

/// The answer in a datagram, if it is one to this very question; anything else is ignored.
fn read(datagram: &[u8], id: u16, name: &str, kind: TYPE) -> Option<Answer> {
    let packet = Packet::parse(datagram).ok()?;
    let [asked] = packet.questions.as_slice() else { return None };
    let same_name = asked.qname.to_string().trim_end_matches('.').eq_ignore_ascii_case(name.trim_end_matches('.'));
    let ours =
        packet.id() == id && packet.has_flags(PacketFlag::RESPONSE) && same_name && asked.qtype == QTYPE::TYPE(kind);
    ours.then(|| match packet.rcode() {
        RCODE::NoError => {
            let addresses = packet.answers.iter().filter_map(|record| match &record.rdata {
                RData::A(a) => Some(IpAddr::V4(Ipv4Addr::from_bits(a.address))),
                RData::AAAA(aaaa) => Some(IpAddr::V6(Ipv6Addr::from_bits(aaaa.address))),
                _ => None,
            });
            let truncated = packet.has_flags(PacketFlag::TRUNCATION);
            Answer::Addresses { addresses: addresses.collect(), truncated }
        }
        RCODE::NameError => Answer::NoSuchName,
        RCODE::ServerFailure => Answer::Failed("SERVFAIL".to_owned()),
        RCODE::Refused => Answer::Failed("REFUSED".to_owned()),
        other => Answer::Failed(format!("{other:?}")),
    })
}

/// Whether the answers are what the policy calls true. One address in the right networks is enough; a family for which
/// no network is named is not judged.
fn verdict(answers: &[Option<Answer>; 2], within: &[IpNet]) -> Result<String, Failure> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    let mut more = false;
    for answer in answers.iter().flatten() {
        if let Answer::Addresses { addresses: found, truncated } = answer {
            addresses.extend(found);
            more |= truncated;
        }
    }
    let judged =
        |address: &&IpAddr| within.is_empty() || within.iter().any(|net| net.addr().is_ipv4() == address.is_ipv4());
    let is_true = |address: &IpAddr| {
        !address.is_unspecified() && (within.is_empty() || within.iter().any(|net| net.contains(address)))
    };
    if let Some(address) = addresses.iter().find(|address| is_true(address)) {
        return Ok(address.to_string());
    }
    if let Some(address) = addresses.iter().find(judged) {
        return Err(Failure::Wrong(address.to_string()));
    }
    if let Some(address) = addresses.first() {
        return Ok(address.to_string());
    }
    if more {
        return Ok("answer too long for a datagram".to_owned());
    }
    match answers {
        [Some(Answer::NoSuchName), _] | [None, Some(Answer::NoSuchName)] => {
            Err(Failure::Wrong("no such name".to_owned()))
        }
        [Some(Answer::Failed(why)), _] | [None, Some(Answer::Failed(why))] => Err(Failure::Refused(why.clone())),
        [Some(Answer::Addresses { .. }), _] => Err(Failure::Wrong("no address".to_owned())),
        [None, _] => Err(Failure::Silent),
    }
}
