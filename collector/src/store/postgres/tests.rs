//! What PostgreSQL alone must do: be refused in clear words, come back, never hang, never lose a notification for good.

use super::super::sql::row::params;
use super::super::{Store, StoreError};
use super::*;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use vigie_test_postgres::Postgres;

/// A database of its own; nothing where PostgreSQL may be missing and is.
fn database() -> Option<(&'static Postgres, String)> {
    static SERVER: std::sync::LazyLock<Postgres> = std::sync::LazyLock::new(|| Postgres::start().unwrap());
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    if vigie_test_postgres::skipped() {
        return None;
    }
    let name = format!("engine_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    SERVER.create_database(&name).unwrap();
    Some((&SERVER, name))
}

fn settings(url: &str) -> Settings {
    Settings::new(url, None, None).unwrap()
}

fn refused(url: &str) -> StoreError {
    open(&settings(url)).err().unwrap()
}

#[test]
fn a_wrong_way_in_is_refused_with_what_to_do_and_without_the_password() {
    let Some((server, name)) = database() else { return };
    let good = server.url_of(&name);
    let told = |url: &str| {
        let error = refused(url);
        assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
        assert!(!error.to_string().contains("hushhush") && !error.to_string().contains(server.password()), "{error}");
        error.to_string()
    };

    let password = told(&good.replace(server.password(), "hushhush"));
    assert!(password.contains("« vigie »") && password.contains("--store-password-file"), "{password}");
    let none = told(&good.replace(&format!(":{}", server.password()), ""));
    assert!(none.contains("« vigie »") && none.contains("--store-password-file"), "{none}");
    let missing = told(&server.url_of("nowhere"));
    assert!(missing.contains("« nowhere »") && missing.contains("createdb"), "{missing}");

    server.psql("CREATE ROLE guest LOGIN PASSWORD 'hushhush'").unwrap();
    let stranger = told(&good.replace("vigie:", "guest:").replace(server.password(), "hushhush"));
    assert!(stranger.contains("« guest »") && stranger.contains("OWNER"), "{stranger}");

    server.psql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0").unwrap();
    let latin = told(&server.url_of("latin"));
    assert!(latin.contains("LATIN1") && latin.contains("UTF8"), "{latin}");
}

#[test]
fn a_server_that_is_not_there_is_away() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = refused(&format!("postgres://vigie:hushhush@{free}/x"));
    let told = error.to_string();
    assert!(matches!(error, StoreError::Away(_)) && told.contains(&free.to_string()), "{told}");
    assert!(!told.contains("hushhush"), "{told}");
}

#[test]
fn a_socket_of_this_machine_is_a_way_in_too() {
    let Some((server, name)) = database() else { return };
    let folder = server.folder().to_str().unwrap().replace('/', "%2F");
    let url = format!("postgres://vigie:{}@{folder}:{}/{name}", server.password(), server.address().port());
    let sql = connection(&settings(&url)).unwrap();
    assert!(sql.value::<bool>("SELECT inet_client_addr() IS NULL", &[]).unwrap());
}

#[test]
fn something_that_accepts_and_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://vigie@{}/x?connect_timeout=1", silent.local_addr().unwrap());
    let begun = Instant::now();
    assert!(matches!(refused(&url), StoreError::Away(_)));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn tables_are_made_once_however_many_come() {
    let Some((server, name)) = database() else { return };
    let url = server.url_of(&name);
    std::thread::scope(|scope| {
        let opening: Vec<_> = (0..6).map(|_| scope.spawn(|| connection(&settings(&url)).map(drop))).collect();
        for opened in opening {
            opened.join().unwrap().unwrap();
        }
    });
    let sql = connection(&settings(&url)).unwrap();
    let formats: Vec<i64> = sql.all("SELECT number FROM vigie_format ORDER BY number", &[], |row| row.get(0)).unwrap();
    assert_eq!(formats, (1..=i64::try_from(schema::newest()).unwrap()).collect::<Vec<_>>());
    read_only(&settings(&url)).unwrap();
}

#[test]
fn a_database_of_another_age_or_owner_is_refused_untouched() {
    let Some((server, name)) = database() else { return };
    let url = server.url_of(&name);
    let empty = read_only(&settings(&url)).err().unwrap().to_string();
    assert!(empty.contains("no store"), "{empty}");

    server.psql_in(&name, "CREATE TABLE ticket (seat text); INSERT INTO ticket VALUES ('A1')").unwrap();
    let foreign = refused(&url).to_string();
    assert!(foreign.contains("(ticket)") && foreign.contains("createdb"), "{foreign}");
    assert_eq!(server.psql_in(&name, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").unwrap(), "1");

    server.psql_in(&name, "DROP TABLE ticket; CREATE TABLE theirs (n int)").unwrap();
    drop(connection(&settings(&url)).unwrap());
    server.psql_in(&name, "INSERT INTO vigie_format VALUES (999)").unwrap();
    let newer = refused(&url).to_string();
    assert!(newer.contains("newer Vigie") && newer.contains(&name) && newer.contains("restore"), "{newer}");
}

#[test]
fn histories_only_grow() {
    let Some((server, name)) = database() else { return };
    let sql = connection(&settings(&server.url_of(&name))).unwrap();
    sql.script(
        "SET session_replication_role = replica; INSERT INTO incident_history VALUES ('\\x01', 1, 1, 'vigie', 'opened', \
         '{}'); INSERT INTO ticket_entry VALUES ('\\x01', 1, 1, 'vigie', 'opened', '{}'); \
         SET session_replication_role = origin",
    )
    .unwrap();
    for text in ["UPDATE incident_history SET code = 'x'", "DELETE FROM ticket_entry"] {
        let error = sql.execute(text, &[]).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{text}: {error}");
    }
}

#[test]
fn values_come_back_as_they_were_bound() {
    let Some((server, name)) = database() else { return };
    let sql = connection(&settings(&server.url_of(&name))).unwrap();
    sql.script("CREATE TABLE t (i bigint, r double precision, w text, b bytea)").unwrap();
    let none: Option<i64> = None;
    sql.execute("INSERT INTO t VALUES (?1, ?2, ?3, ?4)", params![i64::MIN, 0.1f64, "é'?1\0", [0u8, 255]]).unwrap();
    sql.execute("INSERT INTO t VALUES (?1, ?1, ?2, ?3)", params![none, None::<String>, None::<Vec<u8>>]).unwrap_err();
    sql.execute("INSERT INTO t (i, w) VALUES (?1, ?2)", params![none, None::<String>]).unwrap();
    type Found = (Option<i64>, Option<f64>, Option<String>, Option<Vec<u8>>, bool);
    let read = |row: &super::super::sql::row::Row<'_>| -> Result<Found, StoreError> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
    };
    let found: Vec<Found> = sql.all("SELECT i, r, w, b, i IS NULL FROM t ORDER BY i", &[], read).unwrap();
    let text = "é'?1\u{FFFD}".to_owned();
    assert_eq!(
        found,
        [(Some(i64::MIN), Some(0.1), Some(text), Some(vec![0, 255]), false), (None, None, None, None, true)]
    );
}

#[test]
fn a_failed_statement_is_not_committed_with_the_rest() {
    let Some((server, name)) = database() else { return };
    let sql = connection(&settings(&server.url_of(&name))).unwrap();
    sql.script("CREATE TABLE t (n bigint PRIMARY KEY)").unwrap();
    let insert = |n: i64| sql.execute("INSERT INTO t VALUES (?1)", params![n]);
    let count = || sql.value::<i64>("SELECT count(*) FROM t", &[]).unwrap();

    sql.engine().begin().unwrap();
    insert(1).unwrap();
    let twice = insert(1).unwrap_err().to_string();
    assert!(twice.contains("23505") && twice.contains("table t") && twice.contains("t_pkey"), "{twice}");
    // PostgreSQL itself would answer this COMMIT with a silent ROLLBACK.
    assert!(sql.execute("COMMIT", &[]).is_err());
    sql.execute("ROLLBACK", &[]).unwrap();
    assert_eq!(count(), 0);

    sql.engine().begin().unwrap();
    insert(1).unwrap();
    sql.execute("SAVEPOINT unit", &[]).unwrap();
    insert(1).unwrap_err();
    sql.execute("ROLLBACK TO unit", &[]).unwrap();
    insert(2).unwrap();
    sql.execute("COMMIT", &[]).unwrap();
    assert_eq!(count(), 2);
}

#[test]
fn who_stands_in_the_way_of_the_other_is_told_so() {
    let Some((server, name)) = database() else { return };
    let connect = || connection(&settings(&server.url_of(&name))).unwrap();
    let (one, other) = (connect(), connect());
    one.script("CREATE TABLE t (n bigint PRIMARY KEY, v bigint); INSERT INTO t VALUES (1, 0), (2, 0)").unwrap();
    let step = |sql: &Sql, n: i64| sql.execute("UPDATE t SET v = v + 1 WHERE n = ?1", params![n]);
    for sql in [&one, &other] {
        sql.engine().begin().unwrap();
    }
    step(&one, 1).unwrap();
    step(&other, 2).unwrap();

    let results = std::thread::scope(|scope| {
        let waiting = scope.spawn(move || {
            let result = step(&one, 2);
            (result, one.engine().broken(), one.execute("ROLLBACK", &[]))
        });
        let result = step(&other, 1);
        let second = (result, other.engine().broken(), other.execute("ROLLBACK", &[]));
        [waiting.join().unwrap(), second]
    });

    let lost: Vec<_> = results.iter().filter(|(result, ..)| result.is_err()).collect();
    assert_eq!(lost.len(), 1, "the database ends one of the two");
    let (result, broken, ended) = lost[0];
    assert!(matches!(result, Err(StoreError::Contended(_))), "{result:?}");
    assert!(matches!(broken, Some(StoreError::Contended(_))), "{broken:?}");
    ended.as_ref().unwrap();
}

#[tokio::test]
async fn a_store_may_be_opened_used_and_dropped_inside_a_runtime() {
    let Some((server, name)) = database() else { return };
    let store = open(&settings(&server.url_of(&name))).unwrap();
    assert!(!store.has_users().await.unwrap());
    drop(store);
    // All connections go, that of the thread that listens too.
    let left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vigie-collector' AND datname = ";
    let until = Instant::now() + Duration::from_secs(20);
    while server.psql(&format!("{left}'{name}'")).unwrap() != "0" {
        assert!(Instant::now() < until, "{}", server.psql(&format!("{left}'{name}'")).unwrap());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn a_connection_that_was_ended_while_idle_is_made_again() {
    let Some((server, name)) = database() else { return };
    let sql = connection(&settings(&server.url_of(&name))).unwrap();
    let end = || {
        let others = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
                      WHERE application_name = 'vigie-collector' AND datname = ";
        server.psql(&format!("{others}'{name}'")).unwrap();
    };
    end();
    sql.engine().begin().unwrap();
    sql.execute("CREATE TABLE t (n bigint)", &[]).unwrap();

    end();
    let lost = sql.execute("INSERT INTO t VALUES (1)", &[]).unwrap_err();
    assert!(matches!(lost, StoreError::Away(_)), "{lost:?}");
    assert!(matches!(sql.engine().broken(), Some(StoreError::Away(_))));
    // In the middle of a transaction nothing is made again: what was done before is gone.
    assert!(matches!(sql.execute("INSERT INTO t VALUES (1)", &[]), Err(StoreError::Away(_))));
    assert!(matches!(sql.execute("COMMIT", &[]), Err(StoreError::Away(_))));
    sql.execute("ROLLBACK", &[]).unwrap();

    sql.engine().begin_to_read().unwrap();
    assert!(sql.engine().broken().is_none());
    assert!(sql.execute("CREATE TABLE u (n bigint)", &[]).is_err(), "this one only reads");
    sql.execute("ROLLBACK", &[]).unwrap();
}

#[test]
fn samples_of_whole_days_are_dropped_at_once() {
    let Some((server, name)) = database() else { return };
    let sql = connection(&settings(&server.url_of(&name))).unwrap();
    sql.engine().begin().unwrap();
    for day in [-3i64, 7, 8, 9] {
        sql.engine().open_day(day).unwrap();
        sql.engine().open_day(day).unwrap();
        for at in 0..3i64 {
            let row = params![day, [1u8; 16], at];
            sql.execute(
                "INSERT INTO sample (day, machine, metric, instance, at, value) VALUES (?1, ?2, 'm', '', ?3, 1.5)",
                row,
            )
            .unwrap();
        }
    }
    sql.execute("SAVEPOINT unit", &[]).unwrap();
    sql.engine().open_day(10).unwrap();
    sql.execute("ROLLBACK TO unit", &[]).unwrap();
    // What a savepoint took back is not remembered as made.
    sql.engine().open_day(10).unwrap();
    assert_eq!(sql.engine().drop_days(9).unwrap(), Some(9));
    sql.execute("COMMIT", &[]).unwrap();
    let days: Vec<i64> = sql.all("SELECT DISTINCT day FROM sample", &[], |row| row.get(0)).unwrap();
    assert_eq!(days, [9]);
    let partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'sample'::regclass";
    assert_eq!(sql.value::<i64>(partitions, &[]).unwrap(), 2);
}

#[test]
fn two_processes_open_the_same_day_without_refusing_each_other() {
    let Some((server, name)) = database() else { return };
    let connect = || connection(&settings(&server.url_of(&name))).unwrap();
    let connections: Vec<Sql> = (0..4).map(|_| connect()).collect();
    std::thread::scope(|scope| {
        let opening: Vec<_> = connections
            .into_iter()
            .map(|sql| {
                scope.spawn(move || -> Result<(), StoreError> {
                    for day in 0..5 {
                        sql.engine().begin()?;
                        sql.engine().open_day(day)?;
                        sql.execute("COMMIT", &[])?;
                    }
                    Ok(())
                })
            })
            .collect();
        for opened in opening {
            opened.join().unwrap().unwrap();
        }
    });
}

/// Passes bytes to the server, until it is told not to: then nothing comes through and nobody is told.
struct Relay {
    address: SocketAddr,
    cut: Arc<AtomicBool>,
    sockets: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Self { address: listener.local_addr().unwrap(), cut: Arc::default(), sockets: Arc::default() };
        let (cut, sockets) = (relay.cut.clone(), relay.sockets.clone());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let Ok(there) = TcpStream::connect(server) else { continue };
                let mut open = sockets.lock().unwrap();
                open.extend([client.try_clone().unwrap(), there.try_clone().unwrap()]);
                for (from, to) in [(client.try_clone().unwrap(), there.try_clone().unwrap()), (there, client)] {
                    let cut = cut.clone();
                    std::thread::spawn(move || pass(from, to, &cut));
                }
            }
        });
        relay
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        for socket in self.sockets.lock().unwrap().drain(..) {
            drop(socket.shutdown(Shutdown::Both));
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, cut: &AtomicBool) {
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if !cut.load(Ordering::Relaxed) && to.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
    drop(to.shutdown(Shutdown::Both));
}

#[test]
fn a_network_on_which_everything_vanishes_holds_nobody_for_ever() {
    let Some((server, name)) = database() else { return };
    let relay = Relay::to(server.address());
    let url = server.url_of(&name).replace(&server.address().to_string(), &relay.address.to_string());
    let patient = settings(&format!("{url}?connect_timeout=1"));
    drop(connection(&patient).unwrap());
    let mut hurried = patient;
    hurried.patience = Duration::from_millis(300);
    let hurried = Arc::new(hurried);
    let sql = Sql::new(Engine::connect(hurried, "test".into(), Use::Serve).unwrap());
    sql.engine().begin().unwrap();

    relay.cut.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    let lost = sql.execute("INSERT INTO vigie_format VALUES (1000)", &[]).unwrap_err();
    assert!(matches!(lost, StoreError::Away(_)), "{lost:?}");
    sql.execute("ROLLBACK", &[]).unwrap();
    assert!(matches!(sql.engine().begin(), Err(StoreError::Away(_))));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());

    relay.cut.store(false, Ordering::Relaxed);
    sql.engine().begin().unwrap();
    assert_eq!(sql.value::<i64>("SELECT count(*) FROM vigie_format WHERE number = 1000", &[]).unwrap(), 0);
    sql.execute("ROLLBACK", &[]).unwrap();
}

/// Gives the server a certificate for 127.0.0.1 of a new authority, whose own certificate is written into the folder.
fn with_tls(server: &Postgres, folder: &Path) -> std::path::PathBuf {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let trusted = folder.join("ca.pem");
    std::fs::write(&trusted, authority.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = rcgen::Issuer::new(authority, key);
    let server_key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&server_key, &issuer).unwrap();
    let owner = std::fs::metadata(server.folder()).unwrap();
    for (file, text) in [("server.pem", certificate.pem()), ("server.key", server_key.serialize_pem())] {
        let path = server.folder().join(file);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
        let setting = if file == "server.key" { "ssl_key_file" } else { "ssl_cert_file" };
        server.psql(&format!("ALTER SYSTEM SET {setting} = '{}'", path.display())).unwrap();
    }
    server.psql("ALTER SYSTEM SET ssl = on").unwrap();
    server.psql("SELECT pg_reload_conf()").unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while server.psql("SHOW ssl").unwrap() != "on" {
        assert!(Instant::now() < until, "TLS is not on");
    }
    trusted
}

#[test]
fn tls_is_used_and_the_server_is_told_from_an_impostor() {
    if vigie_test_postgres::skipped() {
        return;
    }
    let (server, folder) = (Postgres::start().unwrap(), tempfile::tempdir().unwrap());
    let authority = with_tls(&server, folder.path());
    let url = server.url();

    let secure = Settings::new(&format!("{url}?sslmode=verify-full"), None, Some(&authority)).unwrap();
    let sql = connection(&secure).unwrap();
    const MINE: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert!(sql.value::<bool>(MINE, &[]).unwrap());
    // More than one record of TLS each way.
    let long = "é".repeat(1 << 20);
    assert_eq!(sql.value::<String>("SELECT ?1 || 'x'", params![long]).unwrap().len(), long.len() + 1);

    let plain = connection(&settings(&format!("{url}?sslmode=disable"))).unwrap();
    assert!(!plain.value::<bool>(MINE, &[]).unwrap());

    let stranger = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let other = folder.path().join("other.pem");
    std::fs::write(&other, stranger.cert.pem()).unwrap();
    let by_name = url.replace("127.0.0.1", "localhost");
    for (url, ca) in [(&url, &other), (&by_name, &authority)] {
        let error = connection(&Settings::new(url, None, Some(ca)).unwrap()).err().unwrap();
        assert!(matches!(error, StoreError::Failed(_)) && error.to_string().contains("--store-ca"), "{error:?}");
    }
}
