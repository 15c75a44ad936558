//! Tokens, enrolment, certificates, approval, revocation.

use super::*;

on_every_store!(
    a_token_lets_in_as_many_as_it_says,
    an_unknown_secret_and_another_school_read_the_same,
    enrolling_again_with_the_same_key_is_the_same_machine,
    what_a_machine_says_of_itself_is_bounded,
    an_odd_character_refuses_nobody,
    an_unexpected_address_waits_for_a_person,
    certificates_are_judged_at_every_call,
    a_certificate_renewed_after_the_restored_backup_is_adopted,
    what_a_restored_store_must_not_adopt_stays_unknown,
    other_hardware_goes_back_to_quarantine_until_approved,
    a_revoked_machine_is_refused_and_the_engine_is_told,
    the_authority_is_kept_once,
);

async fn a_token_lets_in_as_many_as_it_says(world: &World) {
    let store = world.open();
    machines(&store, 2).await;
    assert_eq!(code(store.enrol(enrolment(1, 3)).await.unwrap_err()), ErrorCode::TokenExhausted);

    store.create_token(token(2, 5)).await.unwrap();
    let late = Enrolment { now: at(1_000_001), ..enrolment(2, 4) };
    assert_eq!(code(store.enrol(late).await.unwrap_err()), ErrorCode::TokenExpired);
    let unknown = NewToken { school: OTHER_UAI.parse().unwrap(), ..token(3, 1) };
    assert!(matches!(store.create_token(unknown).await, Err(StoreError::NotFound(_))));
}

async fn an_unknown_secret_and_another_school_read_the_same(world: &World) {
    let store = world.open();
    machines(&store, 1).await;
    store.import_schools(vec![school_row(OTHER_UAI, "Lycée Bêta")], at(0)).await.unwrap();
    store.create_token(token(2, 5)).await.unwrap();

    let unknown = store.enrol(enrolment(99, 9)).await.unwrap_err();
    let foreign = store.enrol(Enrolment { school: OTHER_UAI.parse().unwrap(), ..enrolment(2, 9) }).await.unwrap_err();

    assert_eq!(unknown.to_string(), foreign.to_string());
    assert_eq!((code(unknown), code(foreign)), (ErrorCode::TokenInvalid, ErrorCode::TokenInvalid));
}

async fn enrolling_again_with_the_same_key_is_the_same_machine(world: &World) {
    let store = world.open();
    machines(&store, 1).await;
    store.create_token(token(2, 1)).await.unwrap();

    let first = store.enrol(enrolment(2, 7)).await.unwrap();
    let again = store.enrol(enrolment(2, 7)).await.unwrap();

    assert_eq!(first, again, "although the token has no uses left");
    assert_eq!(code(store.enrol(enrolment(2, 8)).await.unwrap_err()), ErrorCode::TokenExhausted);
}

async fn what_a_machine_says_of_itself_is_bounded(world: &World) {
    let store = world.open();
    machines(&store, 1).await;
    store.create_token(token(2, 1)).await.unwrap();
    let request = Enrolment { host_name: "é".repeat(5000), kind: "spaceship".to_owned(), ..enrolment(2, 7) };
    let machine = store.enrol(request).await.unwrap().machine;
    let shown = store.machine(machine, at(2)).await.unwrap().unwrap().machine;
    assert_eq!((shown.host_name.chars().count(), shown.kind.as_str()), (253, "workstation"));
}

async fn an_odd_character_refuses_nobody(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    machines(&store, 1).await;
    store.create_token(token(2, 1)).await.unwrap();

    let request = Enrolment { host_name: "PC\0-é\u{1F4BB}".to_owned(), ..enrolment(2, 7) };
    let machine = store.enrol(request).await.unwrap().machine;

    let name = store.machine(machine, at(2)).await.unwrap().unwrap().machine.host_name;
    assert!(name.starts_with("PC") && name.ends_with("-é\u{1F4BB}") && name.chars().count() == 6, "{name:?}");
    let agent = Agent::with_certificate(&store, machine, 7).await;
    let odd = r#"{"seq":1,"kind":"odd\u0000kind","why":"\u0000"}"#;
    let body = RawValue::from_string(odd.to_owned()).unwrap();
    assert_eq!(sync(&store, &tiny, agent.raw_call(60, 1, 2, vec![body])).await.unwrap().ack, 1);
    assert_eq!(store.machine(machine, at(61)).await.unwrap().unwrap().findings.len(), 1);
}

async fn an_unexpected_address_waits_for_a_person(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    machines(&store, 1).await;
    store.create_token(token(2, 2)).await.unwrap();
    let request = Enrolment { address: "198.51.100.9".parse().unwrap(), ..enrolment(2, 5) };
    let enrolled = store.enrol(request).await.unwrap();
    assert!(enrolled.quarantined);
    let mapped = Enrolment { address: "::ffff:192.0.2.9".parse().unwrap(), ..enrolment(2, 6) };
    assert!(!store.enrol(mapped).await.unwrap().quarantined, "an IPv4 address in IPv6 clothes is the same address");

    let waiting = store.quarantine().await.unwrap();
    assert_eq!((waiting.len(), waiting[0].id, waiting[0].why.as_str()), (1, enrolled.machine, "address_not_expected"));
    let agent = Agent::with_certificate(&store, enrolled.machine, 5).await;
    assert!(sync(&store, &tiny, agent.call(60, 1, 1, &[])).await.unwrap().quarantined);
    tiny.told();

    assert_eq!(store.approve(Which::All, "technicien.a", at(61), tiny.clone()).await.unwrap(), [enrolled.machine]);

    assert_eq!(tiny.told(), [Input::MachineChanged { machine: enrolled.machine, at: at(61) }]);
    assert!(!sync(&store, &tiny, agent.call(62, 1, 1, &[])).await.unwrap().quarantined);
    assert_eq!(store.approve(Which::All, "technicien.a", at(63), tiny.clone()).await.unwrap(), []);
    let page = store.machine(enrolled.machine, at(63)).await.unwrap().unwrap();
    assert_eq!((page.findings[0].by.as_str(), page.findings[0].note.code.as_str()), ("technicien.a", "approved"));
    let nobody = store.approve(Which::One(MachineId::new()), "technicien.a", at(64), tiny).await;
    assert!(matches!(nobody, Err(StoreError::NotFound(_))));
}

async fn certificates_are_judged_at_every_call(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agents = machines(&store, 2).await;
    let refused = async |change: &dyn Fn(&mut SyncItem)| {
        let mut item = agents[0].call(60, 1, 2, &[(1, 50, resumed(1))]);
        change(&mut item);
        code(sync(&store, &tiny, item).await.unwrap_err())
    };
    assert_eq!(refused(&|item| item.peer.serial = vec![9; 16]).await, ErrorCode::MachineUnknown);
    assert_eq!(refused(&|item| item.peer.machine = agents[1].peer.machine).await, ErrorCode::MachineUnknown);
    assert_eq!(refused(&|item| item.received = at(401 * 86_400)).await, ErrorCode::CertificateExpired);
    assert_eq!(store.counts(at(61)).await.unwrap().events, 0);
    assert_eq!(store.authorise(&agents[0].peer, at(60)).await.unwrap(), agents[0].peer.machine);
    let late = store.authorise(&agents[0].peer, at(401 * 86_400)).await.unwrap_err();
    assert_eq!(code(late), ErrorCode::CertificateExpired);
    assert_eq!(tiny.told(), []);
}

async fn other_hardware_goes_back_to_quarantine_until_approved(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let started = |serial| Fact::Started { version: "0.1.0".to_owned(), hardware: board(serial) };
    sync(&store, &tiny, agent.call(60, 1, 2, &[(1, 59, started("PF1A2B3C"))])).await.unwrap();
    tiny.told();

    let receipt = sync(&store, &tiny, agent.call(70, 2, 3, &[(2, 69, started("PF9Z8Y7X"))])).await.unwrap();

    assert!(receipt.quarantined && receipt.ack == 2, "its data is kept");
    assert!(tiny.told().contains(&Input::MachineChanged { machine: agent.peer.machine, at: at(70) }));
    assert_eq!(store.quarantine().await.unwrap()[0].why, "other_hardware");
    let page = store.machine(agent.peer.machine, at(71)).await.unwrap().unwrap();
    assert_eq!(page.findings[0].note.code, "other_hardware");

    store.approve(Which::One(agent.peer.machine), "technicien.a", at(80), tiny.clone()).await.unwrap();
    let receipt = sync(&store, &tiny, agent.call(90, 3, 4, &[(3, 89, started("PF9Z8Y7X"))])).await.unwrap();
    assert!(!receipt.quarantined, "what a person approved is expected from now on");
}

async fn a_revoked_machine_is_refused_and_the_engine_is_told(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    let machine = agent.peer.machine;
    store.revoke(machine, "technicien.a", at(61), tiny.clone()).await.unwrap();

    assert_eq!(tiny.told(), [Input::MachineChanged { machine, at: at(61) }]);
    let error = sync(&store, &tiny, agent.call(62, 1, 1, &[])).await.unwrap_err();
    assert_eq!(code(error), ErrorCode::CertificateRevoked);
    assert_eq!(code(store.enrol(enrolment(1, 1)).await.unwrap_err()), ErrorCode::CertificateRevoked);
    assert!(matches!(store.approve(Which::One(machine), "x", at(63), tiny).await, Err(StoreError::Conflict(_))));
    assert_eq!(store.machine(machine, at(63)).await.unwrap().unwrap().machine.status, "revoked");
}

async fn the_authority_is_kept_once(world: &World) {
    let store = world.open();
    assert!(store.authority().await.unwrap().is_none());
    let row = |byte| AuthorityRow { wrapped_key: vec![byte; 60], certificate: vec![byte; 400] };
    store.create_authority(row(1)).await.unwrap();
    assert!(matches!(store.create_authority(row(2)).await, Err(StoreError::Conflict(_))));
    assert_eq!(store.authority().await.unwrap().unwrap().wrapped_key, vec![1; 60]);
}

/// A store with two machines, set back to a backup taken at second 10,000, and their certificates signed later.
async fn restored(world: &World) -> (Arc<dyn Store>, Vec<Agent>) {
    let store = world.open();
    let mut agents = machines(&store, 2).await;
    world.restored_from(at(10_000));
    for (agent, serial) in agents.iter_mut().zip([51, 52]) {
        agent.peer = Peer { not_before: at(10_001), ..peer(agent.peer.machine, serial) };
    }
    (store, agents)
}

async fn a_certificate_renewed_after_the_restored_backup_is_adopted(world: &World) {
    let ((store, agents), tiny) = (restored(world).await, Tiny::new());

    // By a call, heard and taken at once; by a renewal that comes before any call.
    let call = agents[0].call(20_000, 1, 2, &[(1, 19_000, resumed(1))]);
    assert_eq!(sync(&store, &tiny, call).await.unwrap().ack, 1);
    assert_eq!(store.authorise(&agents[1].peer, at(20_000)).await.unwrap(), agents[1].peer.machine);

    for agent in &agents {
        let page = store.machine(agent.peer.machine, at(20_001)).await.unwrap().unwrap();
        let codes: Vec<&str> = page.findings.iter().map(|line| line.note.code.as_str()).collect();
        assert_eq!(codes, ["certificate_adopted"]);
        // From now on it is a certificate like any other: it ends, and can be revoked.
        let late = agent.call(401 * 86_400, 2, 2, &[]);
        assert_eq!(code(sync(&store, &tiny, late).await.unwrap_err()), ErrorCode::CertificateExpired);
        store.revoke(agent.peer.machine, "technicien.a", at(20_002), tiny.clone()).await.unwrap();
        let revoked = agent.call(20_003, 2, 2, &[]);
        assert_eq!(code(sync(&store, &tiny, revoked).await.unwrap_err()), ErrorCode::CertificateRevoked);
    }
}

async fn what_a_restored_store_must_not_adopt_stays_unknown(world: &World) {
    let ((store, agents), tiny) = (restored(world).await, Tiny::new());
    let [good, other] = [&agents[0], &agents[1]];
    let with = |peer: Peer| Agent { peer, ..good.clone() };
    store.revoke(other.peer.machine, "technicien.a", at(15_000), tiny.clone()).await.unwrap();

    let refused = [
        ("signed before the backup", with(Peer { not_before: at(10_000 - 3601), ..good.peer.clone() })),
        ("of a machine that enrolled after it", with(Peer { machine: MachineId::new(), ..good.peer.clone() })),
        ("of a revoked machine", other.clone()),
        ("known as another machine's", with(Peer { not_before: at(10_001), ..peer(good.peer.machine, 2) })),
    ];
    for (what, agent) in refused {
        let answer = sync(&store, &tiny, agent.call(20_000, 1, 1, &[])).await;
        assert_eq!(code(answer.expect_err(what)), ErrorCode::MachineUnknown, "{what}");
        let answer = store.authorise(&agent.peer, at(20_000)).await;
        assert_eq!(code(answer.expect_err(what)), ErrorCode::MachineUnknown, "{what}, renewing");
    }
    let expired = with(Peer { not_after: at(19_999), ..good.peer.clone() });
    let answer = sync(&store, &tiny, expired.call(20_000, 1, 1, &[])).await;
    assert_eq!(code(answer.unwrap_err()), ErrorCode::CertificateExpired, "and is not kept");
    sync(&store, &tiny, good.call(20_001, 1, 1, &[])).await.unwrap();

    // Restored once more, of a later backup: what was signed since the earliest may still be unknown.
    let fresh = peer(good.peer.machine, 60);
    let fresh = Agent { peer: Peer { not_before: at(30_000), ..fresh }, ..good.clone() };
    world.restored_from(Timestamp::MAX);
    assert!(sync(&store, &tiny, fresh.call(30_001, 1, 1, &[])).await.is_ok(), "the earliest backup counts");
}
