//! What never leaves a machine, and what an inventory is worth without root.

use serde_json::Value;
use std::process::Command;
use std::time::Duration;
use vigie_tests::process::{Running, output_of, program};
use vigie_tests::stage::{Stage, policy};
use vigie_tests::wait::wait_for;
use vigie_tests::world::skipped;

/// A word that occurs on this machine only where no inventory may look.
const MARK: &str = "marqueurprive";

#[test]
fn an_inventory_without_root_says_for_each_section_what_it_could_not_read() {
    let agent = program("vigie-agent").unwrap();
    // The built program may lie where other users may not look: they get a copy.
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("vigie-agent");
    std::fs::copy(&agent, &copy).unwrap();
    output_of(Command::new("chmod").arg("755").arg(folder.path())).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&copy);
    if !rustix::process::geteuid().is_root() {
        command = Command::new(&copy);
    }

    let text = output_of(command.args(["inventory", "--json"])).unwrap();

    let sections = sections_of(&serde_json::from_str(&text).unwrap());
    assert!(sections.len() >= 8, "{text}");
    for (name, section) in &sections {
        let outcome = section["outcome"].as_str().unwrap_or_default();
        let reasons = section["reasons"].as_array().map_or(0, Vec::len);
        match outcome {
            "complete" => assert_eq!(reasons, 0, "{name}"),
            "partial" | "unavailable" => assert!(reasons > 0, "{name} says why: {section}"),
            other => panic!("{name}: outcome « {other} »"),
        }
    }
    let software = sections.iter().find(|(name, _)| name == "software").expect("software");
    assert_eq!(software.1["outcome"], "complete", "dpkg's list is open to everybody");
}

/// The sections, whether they stand at the top or under a key of their own.
fn sections_of(inventory: &Value) -> Vec<(String, Value)> {
    let fields = inventory.get("sections").unwrap_or(inventory).as_object().expect("an object of sections");
    fields.iter().filter(|(_, v)| v.get("outcome").is_some()).map(|(name, v)| (name.clone(), v.clone())).collect()
}

#[test]
fn two_inventories_are_the_same_bytes() {
    let agent = program("vigie-agent").unwrap();
    let read = || output_of(Command::new(&agent).args(["inventory", "--json"])).unwrap();
    assert_eq!(read(), read());
}

#[test]
fn no_user_process_or_file_name_leaves_the_machine() {
    if skipped() {
        return;
    }
    // A process, a file and a person's folder with the mark in their names.
    let folder = tempfile::Builder::new().prefix(MARK).tempdir().unwrap();
    let process = folder.path().join(format!("{MARK}-processus"));
    std::fs::copy("/bin/sleep", &process).unwrap();
    std::fs::write(folder.path().join(format!("{MARK}-document.odt")), MARK).unwrap();
    let mut marked = Command::new(&process);
    marked.arg("300").env("USER", MARK);
    let _marked = Running::start("a marked process", marked, &folder.path().join("log")).unwrap();
    let policy = policy(5);
    let mut stage = Stage::enrolled(1, &policy).unwrap();
    for (name, value) in [("USER", MARK), ("LOGNAME", MARK), ("HOME", &*format!("/home/{MARK}")), ("SUDO_USER", MARK)] {
        stage.machines[0].set(name, value);
    }
    stage.machines[0].true_hardware = true;
    stage.machines[0].start().unwrap();
    stage.wait_all_well(&policy).unwrap();
    let store = stage.store().unwrap();
    let look = || store.section_body(&stage.ids[0], "software").ok().flatten();
    wait_for("the inventory", Duration::from_secs(30), look).unwrap();

    let shown = output_of(Command::new(program("vigie-agent").unwrap()).arg("show-payload").env("USER", MARK)).unwrap();
    let stored = store.everything_about(&stage.ids[0]).unwrap();

    assert!(shown.contains("software") && stored.contains("dpkg"), "there is something to look at");
    assert!(!shown.contains(MARK), "in show-payload");
    assert!(!stored.contains(MARK), "at the collector");
    // Persons of this machine, from its own list: the account names of people (uid 1000 and above).
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
    for account in accounts.lines() {
        let fields: Vec<&str> = account.split(':').collect();
        let person =
            fields.get(2).and_then(|uid| uid.parse::<u32>().ok()).is_some_and(|uid| (1000..60_000).contains(&uid));
        let home = fields.get(5).copied().unwrap_or_default();
        assert!(!(person && home.len() > 6 && stored.contains(home)), "the folder of a person: {home}");
    }
}

#[test]
fn show_payload_says_what_the_collector_holds() {
    if skipped() {
        return;
    }
    let policy = policy(5);
    let stage = Stage::running(1, &policy).unwrap();
    let store = stage.store().unwrap();
    let body = || store.section_body(&stage.ids[0], "operating-system").ok().flatten();
    let stored: Value =
        serde_json::from_str(&wait_for("the inventory", Duration::from_secs(30), body).unwrap()).unwrap();

    let shown = output_of(Command::new(program("vigie-agent").unwrap()).arg("show-payload")).unwrap();

    let kernel = stored.pointer("/data/kernel").and_then(Value::as_str).expect("a kernel");
    assert!(shown.contains(kernel), "{shown}");
}
