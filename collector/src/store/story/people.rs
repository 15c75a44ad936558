//! Users, sessions, failed sign-ins.

use super::*;

on_every_store!(
    a_login_is_taken_once,
    a_session_ends_at_its_time_or_when_told,
    all_sessions_of_a_user_end_together,
    failed_sign_ins_are_counted_since_a_moment_and_forgotten,
);

fn user(login: &str) -> NewUser {
    NewUser {
        login: login.to_owned(),
        password_hash: "$argon2id$v=19$…".to_owned(),
        role: Role::Supervisor,
        created: at(0),
    }
}

fn session(secret: u8, login: &str) -> NewSession {
    NewSession {
        secret_sha256: [secret; 32],
        login: login.to_owned(),
        csrf: "token".to_owned(),
        created: at(0),
        expires: at(1000),
    }
}

async fn a_login_is_taken_once(world: &World) {
    let store = world.open();
    assert!(!store.has_users().await.unwrap());
    store.add_user(user("superviseur.a")).await.unwrap();
    assert!(matches!(store.add_user(user("superviseur.a")).await, Err(StoreError::Conflict(_))));
    assert!(store.has_users().await.unwrap());
    assert_eq!(store.user("superviseur.a").await.unwrap().unwrap().role, Role::Supervisor);
    assert!(store.user("superviseur.b").await.unwrap().is_none());
}

async fn a_session_ends_at_its_time_or_when_told(world: &World) {
    let store = world.open();
    store.add_user(user("superviseur.a")).await.unwrap();
    assert!(matches!(store.create_session(session(1, "nobody")).await, Err(StoreError::NotFound(_))));
    store.create_session(session(1, "superviseur.a")).await.unwrap();
    store.create_session(session(2, "superviseur.a")).await.unwrap();

    let row = store.session(&[1; 32], at(999)).await.unwrap().unwrap();
    assert_eq!((row.login.as_str(), row.role, row.csrf.as_str()), ("superviseur.a", Role::Supervisor, "token"));
    assert!(store.session(&[1; 32], at(1000)).await.unwrap().is_none());
    store.end_session(&[1; 32]).await.unwrap();
    assert!(store.session(&[1; 32], at(1)).await.unwrap().is_none());
    assert!(store.session(&[2; 32], at(1)).await.unwrap().is_some());
    assert_eq!(store.retain(at(1000)).await.unwrap(), 1);
}

async fn all_sessions_of_a_user_end_together(world: &World) {
    let store = world.open();
    for login in ["superviseur.a", "superviseur.b"] {
        store.add_user(user(login)).await.unwrap();
    }
    for (secret, login) in [(1, "superviseur.a"), (2, "superviseur.a"), (3, "superviseur.b")] {
        store.create_session(session(secret, login)).await.unwrap();
    }
    assert_eq!(store.end_sessions_of("superviseur.a").await.unwrap(), 2);
    assert!(store.session(&[2; 32], at(1)).await.unwrap().is_none());
    assert!(store.session(&[3; 32], at(1)).await.unwrap().is_some());
}

async fn failed_sign_ins_are_counted_since_a_moment_and_forgotten(world: &World) {
    let store = world.open();
    for (second, expected) in [(10, 1), (20, 2), (30, 2)] {
        let since = at(second - 10);
        assert_eq!(store.failed_sign_ins("a", true, since, at(second)).await.unwrap(), expected.min(2));
    }
    assert_eq!(store.failed_sign_ins("b", false, at(0), at(31)).await.unwrap(), 0);
    store.clear_failed_sign_ins("a").await.unwrap();
    assert_eq!(store.failed_sign_ins("a", false, at(0), at(31)).await.unwrap(), 0);
}
