//! The machinery of `measure load` itself, small: real collector, real crowd, nothing lost. Loopback only, needs no root.

use vigie_tests::load::stand::StoreChoice;
use vigie_tests::measure::load::{Options, measure};

#[test]
fn a_small_crowd_connects_beats_falls_silent_and_loses_nothing() {
    let options = Options {
        agents: 50,
        store: StoreChoice::Sqlite,
        replicas: 1,
        seconds: 1,
        retry_cap_ms: 2000,
        seed: 7,
        rounds: 1,
        outage: false,
    };

    let found = measure(&options).unwrap();

    for (key, expected) in [
        ("agents", 50),
        ("lost", 0),
        ("events_unknown", 0),
        ("refused_otherwise", 0),
        ("refused_503_without_retry_after", 0),
    ] {
        assert_eq!(found[key], expected, "{key}: {found}");
    }
    for key in
        ["connect_s", "heartbeats_per_s", "raw_store_rows_per_s", "raw_tls_echo_per_s", "share_of_echo", "p99_ms"]
    {
        assert!(found[key].as_f64().unwrap() > 0.0, "{key}: {found}");
    }
    // Each agent says that it started; about one heartbeat in a hundred brings something more.
    assert!(found["events_stored"].as_u64().unwrap() >= 50, "{found}");
}

#[test]
fn one_sqlite_file_takes_one_collector() {
    let options = Options {
        agents: 50,
        store: StoreChoice::Sqlite,
        replicas: 2,
        seconds: 1,
        retry_cap_ms: 2000,
        seed: 7,
        rounds: 1,
        outage: false,
    };

    let error = measure(&options).unwrap_err().to_string();

    assert!(error.contains("--store postgres"), "{error}");
}
