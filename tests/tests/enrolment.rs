//! Tokens and certificate requests on the enrolment door. Loopback only, needs no root.

use data_encoding::BASE32_NOPAD;
use std::process::Command;
use std::time::Duration;
use vigie_shared::enrol::EnrolAnswer;
use vigie_shared::error::ErrorCode;
use vigie_shared::token::EnrolmentToken;
use vigie_tests::client::Answer;
use vigie_tests::collector::{Collector, SCHOOLS};
use vigie_tests::fake::{FakeMachine, certificate_request, enrol_request, now_ms, say_on_enrol_door};
use vigie_tests::process::{output_of, program};
use vigie_tests::wait::wait_for;

fn try_token(collector: &Collector, pin: &EnrolmentToken, token: &str) -> Answer {
    let (_, request) = certificate_request().unwrap();
    let body = serde_json::to_vec(&enrol_request(token, &request, "poste")).unwrap();
    say_on_enrol_door(&collector.reach().unwrap(), pin, body).unwrap().0
}

fn assert_refused(collector: &Collector, what: &str, answer: &Answer, status: u16, code: ErrorCode) {
    assert_eq!((answer.status, answer.code()), (status, Some(code)), "{what}: {}", answer.message());
    assert_eq!(collector.store().unwrap().machine_count().unwrap(), 0, "{what}: no machine was made");
}

/// The 16 secret bytes of a token.
fn secret(token: &str) -> [u8; 16] {
    let bytes = BASE32_NOPAD.decode(token.rsplit_once('-').unwrap().1.as_bytes()).unwrap();
    bytes[..16].try_into().unwrap()
}

#[test]
fn wrong_tokens_get_their_code_and_make_no_machine() {
    let (_folder, collector) = Collector::ready().unwrap();
    let (_other_folder, other) = Collector::ready().unwrap();
    let text = collector.token(5).unwrap();
    let good: EnrolmentToken = text.parse().unwrap();
    let pin = *good.authority_key_sha256();

    let mut altered = text.clone().into_bytes();
    let at = altered.len() - 20;
    altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    let unknown = EnrolmentToken::new(SCHOOLS[0].parse().unwrap(), [7; 16], pin).to_string();
    let other_school = EnrolmentToken::new(SCHOOLS[1].parse().unwrap(), secret(&text), pin).to_string();
    let foreign = other.token(1).unwrap();
    let wrong_uai = text.replacen(SCHOOLS[0], "0959901A", 1);
    for (what, token) in [
        ("altered", altered.as_str()),
        ("unknown secret", &unknown),
        ("another school", &other_school),
        ("another collector", &foreign),
        ("wrong check letter", &wrong_uai),
        ("empty", ""),
        ("not a token", "bonjour"),
    ] {
        assert_refused(&collector, what, &try_token(&collector, &good, token), 403, ErrorCode::TokenInvalid);
    }

    let mut machine = FakeMachine::enrol(&collector.reach().unwrap(), &text, "poste1").unwrap();
    machine.heartbeat(1).unwrap();
}

#[test]
fn an_expired_token_is_told_apart() {
    let (_folder, collector) = Collector::ready().unwrap();
    let end = jiff::Timestamp::from_millisecond(now_ms() + 1500).unwrap();
    let text = collector.token_for(SCHOOLS[0], 1, &end.to_string()).unwrap();
    wait_for("the end of the token", Duration::from_secs(5), || (now_ms() > end.as_millisecond()).then_some(()))
        .unwrap();

    let answer = try_token(&collector, &text.parse().unwrap(), &text);

    assert_refused(&collector, "expired", &answer, 403, ErrorCode::TokenExpired);
}

#[test]
fn a_used_up_token_is_told_apart_and_a_lost_answer_costs_no_second_use() {
    let (_folder, collector) = Collector::ready().unwrap();
    let text = collector.token(1).unwrap();
    let token: EnrolmentToken = text.parse().unwrap();
    let (_, request) = certificate_request().unwrap();
    let body = serde_json::to_vec(&enrol_request(&text, &request, "poste1")).unwrap();
    let reach = collector.reach().unwrap();
    let enrol = || say_on_enrol_door(&reach, &token, body.clone()).unwrap().0.read::<EnrolAnswer>().unwrap();

    let (first, again) = (enrol(), enrol());
    assert_eq!(first.machine, again.machine);
    let answer = try_token(&collector, &token, &text);

    assert_eq!((answer.status, answer.code()), (403, Some(ErrorCode::TokenExhausted)), "{}", answer.message());
    assert_eq!(collector.store().unwrap().machine_count().unwrap(), 1);
}

#[test]
fn a_certificate_request_that_is_not_its_own_keys_takes_no_use_of_the_token() {
    let (_folder, collector) = Collector::ready().unwrap();
    let text = collector.token(1).unwrap();
    let token: EnrolmentToken = text.parse().unwrap();
    let (_, good) = certificate_request().unwrap();
    // The last characters of the base64 body are the signature.
    let lines: Vec<&str> = good.trim().lines().collect();
    let last = lines.len() - 2;
    let broken: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| {
            if at == last {
                line.replace(|c: char| c.is_ascii_digit(), "A").replace('b', "c")
            } else {
                (*line).to_owned()
            }
        })
        .collect();
    for (what, request) in
        [("rubbish", "rubbish".to_owned()), ("a broken signature", broken.join("\n")), ("empty", String::new())]
    {
        let body = serde_json::to_vec(&enrol_request(&text, &request, "poste")).unwrap();
        let (answer, _) = say_on_enrol_door(&collector.reach().unwrap(), &token, body).unwrap();
        assert_refused(&collector, what, &answer, 400, ErrorCode::RequestInvalid);
    }

    assert!(FakeMachine::enrol(&collector.reach().unwrap(), &text, "poste1").is_ok(), "the use was not taken");
}

#[test]
fn rubbish_on_the_enrolment_door_is_refused_like_elsewhere() {
    let (_folder, collector) = Collector::ready().unwrap();
    let token: EnrolmentToken = collector.token(1).unwrap().parse().unwrap();
    let say = |body: Vec<u8>| say_on_enrol_door(&collector.reach().unwrap(), &token, body).unwrap().0;

    assert_refused(&collector, "no JSON", &say(b"{".to_vec()), 400, ErrorCode::BodyInvalid);
    assert_refused(
        &collector,
        "a missing field",
        &say(br#"{"v":1,"token":"x"}"#.to_vec()),
        400,
        ErrorCode::BodyInvalid,
    );
    assert_refused(&collector, "too deep", &say(vec![b'['; 5000]), 400, ErrorCode::BodyTooDeep);
    assert_refused(&collector, "another schema", &say(br#"{"v":9}"#.to_vec()), 426, ErrorCode::SchemaUnsupported);
}

#[test]
fn the_secret_of_a_token_is_never_logged_nor_stored() {
    let (_folder, collector) = Collector::ready().unwrap();
    let text = collector.token(1).unwrap();
    let body = text.rsplit_once('-').unwrap().1;

    FakeMachine::enrol(&collector.reach().unwrap(), &text, "poste1").unwrap();

    assert!(!collector.log().contains(&body[..20]), "in the log");
    let secret = secret(&text);
    for file in std::fs::read_dir(collector.data()).unwrap().flatten().filter(|file| file.path().is_file()) {
        let bytes = std::fs::read(file.path()).unwrap();
        let found = bytes.windows(16).any(|part| part == secret)
            || bytes.windows(20).any(|part| part == &body.as_bytes()[..20]);
        assert!(!found, "in {}", file.path().display());
    }
}

#[test]
fn the_agent_does_not_give_its_token_to_a_collector_that_the_token_does_not_name() {
    let (_folder, collector) = Collector::ready().unwrap();
    let (_other_folder, other) = Collector::ready().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, state) = (folder.path().join("token"), folder.path().join("state"));
    std::fs::write(&file, other.token(1).unwrap()).unwrap();
    let enrol = |collector: &Collector| {
        let mut command = Command::new(program("vigie-agent").unwrap());
        command.args(["enrol", "--collector", &collector.url(), "--token-file"]).arg(&file).arg("--state").arg(&state);
        output_of(&mut command)
    };

    let error = enrol(&collector).unwrap_err().to_string();

    assert_eq!(collector.store().unwrap().machine_count().unwrap(), 0);
    assert!(!collector.log().contains("token_invalid"), "the token was sent");
    assert!(error.contains("authority") || error.contains("token"), "it says what is wrong: {error}");
    enrol(&other).expect("and it enrols where the token is from");
    assert_eq!(other.store().unwrap().machine_count().unwrap(), 1);
}

#[test]
fn a_token_with_a_typing_error_is_found_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let token = EnrolmentToken::new(SCHOOLS[0].parse().unwrap(), [7; 16], [9; 32]).to_string();
    std::fs::write(&file, token.replacen("-A", "-B", 1).replacen('7', "2", 1)).unwrap();

    let mut command = Command::new(program("vigie-agent").unwrap());
    // Nothing listens there: it must not come so far.
    command.args(["enrol", "--collector", "https://127.0.0.1:9", "--token-file"]).arg(&file);
    let error = output_of(command.arg("--state").arg(folder.path().join("state"))).unwrap_err().to_string();

    assert!(error.contains("altered") || error.contains("copy"), "{error}");
    assert!(!error.contains(token.rsplit_once('-').unwrap().1), "the token is not repeated: {error}");
}
