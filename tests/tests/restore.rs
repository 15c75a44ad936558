//! A collector restored from its backup: agents go on without help, what was lost is noted, what they still know comes
//! back. The real agent needs root and network namespaces; the rest needs nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vigie_shared::enrol::{RenewAnswer, RenewRequest};
use vigie_shared::error::ErrorCode;
use vigie_shared::limits::{ALPN_AGENT, SCHEMA};
use vigie_shared::policy::Policy;
use vigie_shared::sync::RENEW_PATH;
use vigie_tests::client::{Connection, Identity, config};
use vigie_tests::collector::Collector;
use vigie_tests::fake::{FakeMachine, certificate_request, now_ms};
use vigie_tests::stage::{Stage, policy};
use vigie_tests::wait::{stays_true, wait_for};
use vigie_tests::world::skipped;

/// Puts a new folder in the place of the collector's, with the key and the backup: what an administrator does after a disk
/// was lost. The collector is stopped.
fn lose_and_restore(collector: &mut Collector, backup: &Path) {
    let data = collector.data().to_owned();
    let lost: PathBuf = data.with_extension("lost");
    fs::rename(&data, &lost).unwrap();
    fs::create_dir_all(data.join("keys")).unwrap();
    fs::copy(lost.join("keys/authority.key"), data.join("keys/authority.key")).unwrap();
    collector.admin(&["restore", backup.to_str().unwrap()]).unwrap();
}

fn enrolled(collector: &Collector, host: &str) -> FakeMachine {
    let token = collector.token(1).unwrap();
    let machine = FakeMachine::enrol(&collector.reach().unwrap(), &token, host).unwrap();
    collector.approve_all().unwrap();
    machine
}

/// Renews the certificate of a machine, as its agent does from day 200.
fn renew(machine: &mut FakeMachine) {
    let (key, request) = certificate_request().unwrap();
    let body = serde_json::to_vec(&RenewRequest { v: SCHEMA, certificate_request: request }).unwrap();
    let config = config(&machine.authority, &[ALPN_AGENT], Some(&machine.identity)).unwrap();
    let answer = Connection::open(&machine.reach, &config).unwrap().post(RENEW_PATH, body).unwrap();
    let answer: RenewAnswer = answer.read().unwrap();
    machine.identity = Identity::new(&answer.certificate, &key).unwrap();
    machine.reconnect(&machine.reach.clone());
}

#[test]
fn a_certificate_renewed_after_the_backup_is_adopted_and_a_later_machine_stays_unknown() {
    let (folder, mut collector) = Collector::ready().unwrap();
    let (mut early, mut revoked) = (enrolled(&collector, "poste1"), enrolled(&collector, "poste2"));
    collector.admin(&["revoke", &revoked.machine.to_string()]).unwrap();
    early.sync(&early.request(1, 2, vec![early.started(1)])).unwrap();
    let backup = folder.path().join("backup.vigie");
    collector.admin(&["backup", backup.to_str().unwrap()]).unwrap();
    // After the backup: a renewal, two events, a machine.
    renew(&mut early);
    assert_eq!(early.sync(&early.request(2, 4, vec![early.resumed(2, 1), early.resumed(3, 2)])).unwrap().ack, 3);
    let mut late = enrolled(&collector, "poste3");
    late.heartbeat(1).unwrap();
    collector.stop().unwrap();

    lose_and_restore(&mut collector, &backup);
    collector.start(None).unwrap();

    let reach = collector.reach().unwrap();
    for machine in [&mut early, &mut late, &mut revoked] {
        machine.reconnect(&reach);
    }
    // Its events 2 and 3 are nowhere any more: it has 4.
    let answer = early.sync(&early.request(4, 5, vec![early.resumed(4, 3)])).unwrap();
    assert_eq!(answer.ack, 4);
    let answer = late.call(&late.request(1, 1, vec![])).unwrap();
    assert_eq!((answer.status, answer.code()), (403, Some(ErrorCode::MachineUnknown)), "{}", answer.message());
    let answer = revoked.call(&revoked.request(1, 1, vec![])).unwrap();
    assert_eq!(answer.code(), Some(ErrorCode::CertificateRevoked));

    let store = collector.store().unwrap();
    assert_eq!(store.findings(&early.machine).unwrap(), ["certificate_adopted"]);
    let gaps: Vec<(u64, u64)> = store.gaps(&early.machine).unwrap().into_iter().map(|gap| (gap.1, gap.2)).collect();
    assert_eq!(gaps, [(2, 3)]);
    renew(&mut early);
    early.heartbeat(5).unwrap();
    collector.admin(&["check-store"]).unwrap();
}

const HEARTBEAT_S: u32 = 5;
const BOUND: Duration = Duration::from_secs(60);

#[test]
fn the_real_agent_goes_on_by_itself_and_its_inventory_is_whole_again() {
    if skipped() {
        return;
    }
    let policy = Policy { inventory_s: 60, ..policy(HEARTBEAT_S) };
    let mut stage = Stage::running(1, &policy).unwrap();
    let machine = stage.ids[0];
    let backup = stage.world.folder().join("backup.vigie");
    let sections = || stage.store().unwrap().section_versions(&machine).unwrap();
    wait_for("the inventory", BOUND, || (sections().len() >= 8).then_some(())).unwrap();
    stage.collector.admin(&["backup", backup.to_str().unwrap()]).unwrap();
    let (at_backup, inventory_at_backup) = (cursor(&stage), sections());

    // After the backup: an outage is told, and the machine gets another address.
    stage.cut().unwrap();
    stays_true("the agent lives", Duration::from_secs(20), || stage.machines[0].agent().is_ok_and(|a| a.is_running()))
        .unwrap();
    stage.restore().unwrap();
    stage.wait_all_well(&policy).unwrap();
    wait_for("events since the backup", BOUND, || (cursor(&stage).1 > at_backup.1 + 1).then_some(())).unwrap();
    another_address(&stage);
    let changed = || (stage.store().unwrap().section_versions(&machine).unwrap() != inventory_at_backup).then_some(());
    wait_for("the changed inventory", BOUND * 3, changed).unwrap();
    stage.wait_all_told(BOUND).unwrap();
    let (at_end, inventory) = (cursor(&stage), stage.store().unwrap().section_versions(&machine).unwrap());
    stage.collector.stop().unwrap();

    lose_and_restore(&mut stage.collector, &backup);
    let restarted = now_ms();
    stage.collector.start(None).unwrap();

    let store = stage.store().unwrap();
    let heard = || (store.last_seen_ms(&machine).ok()?? > restarted).then_some(());
    wait_for("the agent", BOUND, heard).unwrap();
    let whole = || (store.section_versions(&machine).ok()? == inventory).then_some(());
    wait_for("the whole inventory", BOUND, whole).unwrap();
    let gap = wait_for("the gap", BOUND, || store.gaps(&machine).ok()?.into_iter().next()).unwrap();
    assert_eq!((gap.0.as_str(), gap.1), (at_end.0.as_str(), at_backup.1 + 1), "from the first event after the backup");
    assert!(gap.2 >= at_end.1, "up to what was acknowledged: {gap:?}, {at_end:?}");
    assert_eq!(store.findings(&machine).unwrap(), Vec::<String>::new());
    stage.wait_all_told(BOUND).unwrap();
    stage.wait_all_well(&policy).unwrap();
    stage.collector.admin(&["check-store"]).unwrap();
    assert_eq!(stage.machines[0].identity().unwrap(), machine, "nobody enrolled again");
}

/// The newest stream and its cursor.
fn cursor(stage: &Stage) -> (String, u64) {
    stage.store().unwrap().cursors(&stage.ids[0]).unwrap().pop().unwrap()
}

fn another_address(stage: &Stage) {
    let namespace = &stage.world.schools[0].machines[0];
    let shown = namespace.ip(&["-o", "-4", "addr", "show", "scope", "global"]).unwrap();
    // « 2: NAME    inet 10.40.1.10/24 … »
    let words: Vec<&str> = shown.split_whitespace().collect();
    let name = words[1].trim_end_matches(':').split('@').next().unwrap();
    namespace.ip(&["addr", "add", "192.0.2.77/32", "dev", name]).unwrap();
}
