//! The program refuses to run as nobody or as another machine, with the exit code that service managers are told not
//! to restart on, and enrolment refuses before anything is sent.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::path::Path;
use std::process::{Command, Output};

fn agent(arguments: &[&str], state: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vigie-agent")).args(arguments).arg("--state").arg(state).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_machine_that_is_not_enrolled_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let output = agent(&["run"], folder.path());
    assert_eq!(output.status.code(), Some(78), "{}", said(&output));
    assert!(said(&output).contains("vigie-agent enrol"), "{}", said(&output));
    assert_eq!(agent(&["status"], folder.path()).status.code(), Some(1));
}

#[test]
fn an_altered_token_is_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let output = agent(&["enrol", "--collector", "https://127.0.0.1:1", "--token", "VG1-0959901W-AAAA"], &state);
    assert!(!output.status.success());
    assert!(said(&output).contains("copy it again"), "{}", said(&output));
    assert!(!state.exists());
}

#[test]
fn an_identity_is_never_overwritten_by_accident() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("identity.json"), "{}").unwrap();
    let output = agent(&["enrol", "--collector", "https://127.0.0.1:1", "--token", "x"], folder.path());
    assert!(!output.status.success());
    assert!(said(&output).contains("--again"), "{}", said(&output));
    assert_eq!(std::fs::read(folder.path().join("identity.json")).unwrap(), b"{}");
}

#[test]
fn a_damaged_certificate_needs_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let identity = r#"{"collector":"https://127.0.0.1:1","machine":"0123456789abcdef0123456789abcdef","school":"0959901W",
        "certificate":"rubbish","key":"rubbish","authority":"rubbish","not_before_ms":0,"not_after_ms":1,"hardware":{}}"#;
    std::fs::write(folder.path().join("identity.json"), identity).unwrap();
    let output = agent(&["run"], folder.path());
    assert_eq!(output.status.code(), Some(78), "{}", said(&output));
    assert!(said(&output).contains("--again"), "{}", said(&output));
}
