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
/// Most records that fit in such an answer: a question and records of 11 bytes and more.
const RECORDS_MAX: usize = DATAGRAM_MAX / 11;
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

/// Whether a resolver answers a name that nobody can have asked before, below one that it knows: yes or no, such an answer
/// came from outside. A cache holds answers for a while after the line is cut.
pub async fn answers_fresh(resolver: SocketAddr, below: &str, patience: Duration) -> bool {
    let Some([a, b]) = random_ids() else { return false };
    let name = format!("vigie-{a:04x}{b:04x}.{below}");
    let answers = exchange(resolver, &name, patience).await;
    answers.is_ok_and(|answers| {
        answers.iter().flatten().any(|answer| matches!(answer, Answer::NoSuchName | Answer::Addresses { .. }))
    })
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

/// Sum of the four counts of the header: the parser makes room for as many records as are announced.
fn records_announced(datagram: &[u8]) -> Option<usize> {
    let counts = datagram.get(4..12)?;
    Some(
        counts
            .chunks_exact(2)
            .filter_map(|pair| pair.try_into().ok())
            .map(|pair| usize::from(u16::from_be_bytes(pair)))
            .sum(),
    )
}

/// The answer in a datagram, if it is one to this very question; anything else is ignored.
fn read(datagram: &[u8], id: u16, name: &str, kind: TYPE) -> Option<Answer> {
    if records_announced(datagram)? > RECORDS_MAX {
        return None;
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use simple_dns::ResourceRecord;
    use simple_dns::rdata::{A, AAAA};

    const PATIENCE: Duration = Duration::from_millis(400);

    fn target(within: &[&str]) -> DnsTarget {
        let within = within.iter().map(|net| net.parse().unwrap()).collect();
        DnsTarget { name: "www.a.example".into(), within }
    }

    /// A resolver on loopback: `answer` turns the n-th datagram into what is sent back.
    async fn resolver(answer: impl Fn(usize, Packet<'_>) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0u8; 1500];
            for n in 0.. {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                for reply in answer(n, Packet::parse(&buffer[..length]).unwrap()) {
                    socket.send_to(&reply, from).await.unwrap();
                }
            }
        });
        address
    }

    fn reply(query: Packet<'_>, addresses: &[&str]) -> Vec<u8> {
        let name = query.questions[0].qname.clone();
        let kind = query.questions[0].qtype;
        let mut reply = query.into_reply();
        for address in addresses {
            let (rdata, of) = match address.parse().unwrap() {
                IpAddr::V4(v4) => (RData::A(A { address: v4.to_bits() }), TYPE::A),
                IpAddr::V6(v6) => (RData::AAAA(AAAA { address: v6.to_bits() }), TYPE::AAAA),
            };
            if kind == QTYPE::TYPE(of) {
                reply.answers.push(ResourceRecord::new(name.clone(), CLASS::IN, 60, rdata));
            }
        }
        reply.build_bytes_vec().unwrap()
    }

    fn failing(query: Packet<'_>, rcode: RCODE) -> Vec<u8> {
        let mut reply = query.into_reply();
        *reply.rcode_mut() = rcode;
        reply.build_bytes_vec().unwrap()
    }

    #[tokio::test]
    async fn a_true_answer_is_ok_and_says_the_address() {
        let at = resolver(|_, query| vec![reply(query, &["198.51.100.7", "2001:db8::7"])]).await;
        let step = ask(at, &target(&["198.51.100.0/24"]), PATIENCE).await;
        assert_eq!(step.result, super::super::step::StepResult::Ok("198.51.100.7".into()));
        assert_eq!(step.target, format!("www.a.example @{at}"));
    }

    #[tokio::test]
    async fn a_lie_is_a_wrong_answer() {
        let at = resolver(|_, query| vec![reply(query, &["192.0.2.66"])]).await;
        let step = ask(at, &target(&["198.51.100.0/24"]), PATIENCE).await;
        assert_eq!(step.failure(), Some(&Failure::Wrong("192.0.2.66".into())));
    }

    #[tokio::test]
    async fn a_name_nobody_asked_before_is_answered_only_over_a_line_that_carries() {
        let denied = resolver(|_, query| vec![failing(query, RCODE::NameError)]).await;
        assert!(answers_fresh(denied, "www.a.example", PATIENCE).await, "no such name is an answer");
        let cut_off = resolver(|_, query| vec![failing(query, RCODE::ServerFailure)]).await;
        assert!(!answers_fresh(cut_off, "www.a.example", PATIENCE).await);
        let cache = resolver(|_, query| {
            let known = query.questions[0].qname.to_string() == "www.a.example";
            if known { vec![reply(query, &["198.51.100.7"])] } else { vec![] }
        })
        .await;
        assert!(!answers_fresh(cache, "www.a.example", PATIENCE).await);
        assert!(ask(cache, &target(&[]), PATIENCE).await.is_ok(), "what it remembers it answers");
    }

    #[tokio::test]
    async fn silence_is_asked_again_once_and_ends_in_time() {
        let begun = Instant::now();
        let at = resolver(|_, _| vec![]).await;
        let step = ask(at, &target(&[]), PATIENCE).await;
        assert_eq!(step.failure(), Some(&Failure::Silent));
        assert!(begun.elapsed() >= PATIENCE * ATTEMPTS && begun.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn one_lost_datagram_is_no_failure() {
        let at = resolver(|n, query| if n < 2 { vec![] } else { vec![reply(query, &["198.51.100.7"])] }).await;
        assert!(ask(at, &target(&[]), PATIENCE).await.is_ok());
    }

    #[tokio::test]
    async fn a_resolver_that_drops_the_question_about_ipv6_still_works() {
        let at = resolver(|_, query| match query.questions[0].qtype {
            QTYPE::TYPE(TYPE::A) => vec![reply(query, &["198.51.100.7"])],
            _ => vec![],
        })
        .await;
        let begun = Instant::now();
        assert!(ask(at, &target(&[]), Duration::from_secs(30)).await.is_ok());
        assert!(begun.elapsed() < Duration::from_secs(10), "it is not waited for at length");
    }

    #[tokio::test]
    async fn answers_with_another_number_or_to_another_question_are_ignored() {
        let at = resolver(|_, query| {
            let mut other_number = query.clone();
            other_number.set_id(query.id().wrapping_add(7));
            let mut other_name = query.clone();
            other_name.questions[0].qname = Name::new("evil.example").unwrap();
            let truth = if query.questions[0].qtype == QTYPE::TYPE(TYPE::A) { "198.51.100.7" } else { "2001:db8::7" };
            let echoed = query.build_bytes_vec().unwrap();
            vec![
                reply(other_number, &["192.0.2.66"]),
                reply(other_name, &["192.0.2.66"]),
                echoed,
                b"rubbish".to_vec(),
                reply(query, &[truth]),
            ]
        })
        .await;
        let step = ask(at, &target(&[]), PATIENCE).await;
        assert_eq!(step.result, super::super::step::StepResult::Ok("198.51.100.7".into()));
    }

    #[test]
    fn an_answer_that_announces_more_records_than_fit_is_ignored() {
        let mut query = Packet::new_query(7);
        query.questions.push(Question::new(
            Name::new("www.a.example").unwrap(),
            QTYPE::TYPE(TYPE::A),
            CLASS::IN.into(),
            false,
        ));
        let mut datagram = reply(query, &["198.51.100.7"]);
        assert!(read(&datagram, 7, "WWW.a.example.", TYPE::A).is_some());
        datagram[10..12].copy_from_slice(&u16::MAX.to_be_bytes());
        assert_eq!(read(&datagram, 7, "www.a.example", TYPE::A), None);
    }

    proptest::proptest! {
        #[test]
        fn no_datagram_makes_the_reader_fail(
            damage in proptest::collection::vec((0usize..80, proptest::num::u8::ANY), 0..12),
            length in 0usize..80,
        ) {
            let mut query = Packet::new_query(7);
            let name = Name::new("www.a.example").unwrap();
            query.questions.push(Question::new(name, QTYPE::TYPE(TYPE::A), CLASS::IN.into(), false));
            let mut datagram = reply(query, &["198.51.100.7", "198.51.100.8"]);
            for (at, byte) in damage {
                if let Some(place) = datagram.get_mut(at) {
                    *place = byte;
                }
            }
            datagram.truncate(length);
            if let Some(Answer::Addresses { addresses, .. }) = read(&datagram, 7, "www.a.example", TYPE::A) {
                proptest::prop_assert!(addresses.len() <= RECORDS_MAX);
            }
        }
    }

    #[tokio::test]
    async fn a_flood_of_foreign_answers_does_not_keep_us() {
        let at = resolver(|_, query| vec![failing(Packet::new_query(query.id().wrapping_add(9)), RCODE::NoError); 200])
            .await;
        let step = ask(at, &target(&[]), PATIENCE).await;
        assert!(matches!(step.failure(), Some(Failure::Refused(why)) if why.contains("flood")), "{step:?}");
    }

    #[tokio::test]
    async fn a_resolver_without_a_way_out_says_servfail() {
        let at = resolver(|_, query| vec![failing(query, RCODE::ServerFailure)]).await;
        let step = ask(at, &target(&[]), PATIENCE).await;
        assert_eq!(step.failure(), Some(&Failure::Refused("SERVFAIL".into())));
    }

    #[tokio::test]
    async fn a_name_denied_is_a_wrong_answer() {
        let at = resolver(|_, query| vec![failing(query, RCODE::NameError)]).await;
        assert_eq!(ask(at, &target(&[]), PATIENCE).await.failure(), Some(&Failure::Wrong("no such name".into())));
        let at = resolver(|_, query| vec![reply(query, &[])]).await;
        assert_eq!(ask(at, &target(&[]), PATIENCE).await.failure(), Some(&Failure::Wrong("no address".into())));
    }

    #[tokio::test]
    async fn a_closed_port_refuses() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        drop(socket);
        let step = ask(at, &target(&[]), PATIENCE).await;
        assert_eq!(step.failure(), Some(&Failure::Refused("connection refused".into())));
    }

    #[test]
    fn a_family_without_a_network_in_the_policy_is_not_judged() {
        let found = |addresses: &[&str]| {
            let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
            [Some(Answer::Addresses { addresses, truncated: false }), None]
        };
        let within = ["198.51.100.0/24".parse().unwrap()];
        assert!(verdict(&found(&["2001:db8::1"]), &within).is_ok());
        assert!(verdict(&found(&["2001:db8::1", "192.0.2.66"]), &within).is_err());
        assert!(verdict(&found(&["192.0.2.66", "198.51.100.7"]), &within).is_ok());
        assert!(verdict(&found(&["0.0.0.0"]), &[]).is_err(), "a sinkhole is no address");
    }
}
