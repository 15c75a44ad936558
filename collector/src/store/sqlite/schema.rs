//! The tables and how a database comes to them: migrations are numbered, embedded, never edited. Each is applied once,
//! under the writer's lock, together with its number in `user_version`.
//!
//! Keys: identifiers are 16 bytes, instants milliseconds since 1970. The school leads where a school is the unit of
//! work. There are no references across schools.

use super::super::StoreError;
use rusqlite::Connection;

/// Applies what is missing. Safe to call from several processes at once.
pub fn migrate(connection: &Connection) -> Result<(), StoreError> {
    let newest = MIGRATIONS.len();
    if version(connection)? == newest {
        return Ok(());
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let result = upgrade(connection, newest);
    connection.execute_batch(if result.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    result
}

/// Refuses a database of another format, which only [`migrate`] may change.
pub fn refuse_other(connection: &Connection) -> Result<(), StoreError> {
    let (current, newest) = (version(connection)?, MIGRATIONS.len());
    match current.cmp(&newest) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(newer(current, newest)),
        std::cmp::Ordering::Less => {
            const IS: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'school')";
            let ours: bool = connection.query_row(IS, [], |row| row.get(0))?;
            Err(StoreError::Failed(if ours {
                format!(
                    "this database has the older format {current} (this program writes {newest}): any verb that writes, \
                     such as « vigie-collector serve », brings it up to date; this one changes nothing"
                )
            } else {
                "this is a SQLite database, but not one of Vigie".to_owned()
            }))
        }
    }
}

fn newer(current: usize, newest: usize) -> StoreError {
    StoreError::Failed(format!(
        "this database was written by a newer Vigie (format {current}, this program knows {newest}): \
         start that newer version, or restore the backup made before the upgrade"
    ))
}

fn upgrade(connection: &Connection, newest: usize) -> Result<(), StoreError> {
    // Read again under the lock: another process may have been quicker.
    let current = version(connection)?;
    if current > newest {
        return Err(newer(current, newest));
    }
    for (number, sql) in MIGRATIONS.iter().enumerate().skip(current) {
        connection.execute_batch(sql)?;
        connection.execute_batch(&format!("PRAGMA user_version = {}", number + 1))?;
    }
    Ok(())
}

fn version(connection: &Connection) -> Result<usize, StoreError> {
    let number: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    usize::try_from(number).map_err(|_| StoreError::Failed(format!("this is not a Vigie database (format {number})")))
}

/// Every migration in order; the position plus one is the format.
const MIGRATIONS: &[&str] = &[FIRST, SECOND, LINES, CALENDARS, HELPDESK, VERDICTS, HISTORY, SOFTWARE, KINSHIP];

const FIRST: &str = "
-- Schools -----------------------------------------------------------------------------------------------------------
CREATE TABLE school (
    id BLOB PRIMARY KEY, uai TEXT NOT NULL UNIQUE, name TEXT NOT NULL, kind TEXT NOT NULL, town TEXT NOT NULL,
    postcode TEXT NOT NULL, academy TEXT NOT NULL, department TEXT NOT NULL, basin TEXT,
    created INTEGER NOT NULL, updated INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- What changes often about a school, apart so that the row of names stays still.
CREATE TABLE school_state (
    school BLOB PRIMARY KEY REFERENCES school (id), version INTEGER NOT NULL DEFAULT 0, next_wake INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX school_due ON school_state (next_wake) WHERE next_wake IS NOT NULL;
CREATE TABLE network (
    school BLOB NOT NULL REFERENCES school (id), cidr TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('pedagogical', 'administrative')),
    PRIMARY KEY (school, cidr)
) STRICT, WITHOUT ROWID;

-- One row each ------------------------------------------------------------------------------------------------------
CREATE TABLE policy (version INTEGER PRIMARY KEY, body TEXT NOT NULL, since INTEGER NOT NULL) STRICT;
CREATE TABLE authority (
    id INTEGER PRIMARY KEY CHECK (id = 1), wrapped_key BLOB NOT NULL, certificate BLOB NOT NULL
) STRICT;
CREATE TABLE collector (
    id INTEGER PRIMARY KEY CHECK (id = 1), alive INTEGER NOT NULL, absent_from INTEGER, absent_until INTEGER
) STRICT;
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
-- The last ticket number; rows of `event` and `gap`, which are too many to be counted at each look.
INSERT INTO counter (name, value) VALUES ('ticket', 0), ('event', 0), ('gap', 0);

-- Machines ----------------------------------------------------------------------------------------------------------
CREATE TABLE token (
    secret_sha256 BLOB PRIMARY KEY, school BLOB NOT NULL REFERENCES school (id), uses INTEGER NOT NULL,
    used INTEGER NOT NULL DEFAULT 0 CHECK (used <= uses), expires INTEGER NOT NULL, created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE machine (
    id BLOB PRIMARY KEY, school BLOB NOT NULL REFERENCES school (id), host_name TEXT NOT NULL, kind TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('trusted', 'quarantined', 'revoked', 'deleted')), why TEXT,
    hardware TEXT NOT NULL, hardware_seen TEXT, enrolled INTEGER NOT NULL, enrolled_from TEXT NOT NULL,
    enrolled_token BLOB NOT NULL, enrolled_key BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX machine_of_school ON machine (school, id);
CREATE UNIQUE INDEX machine_once ON machine (enrolled_token, enrolled_key);
CREATE TABLE certificate (
    serial BLOB PRIMARY KEY, machine BLOB NOT NULL REFERENCES machine (id), key_sha256 BLOB NOT NULL,
    not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, revoked INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX certificate_of_machine ON certificate (machine);
-- The only row that a quiet heartbeat writes. `boot_offset` is receipt minus milliseconds since boot: when the boot began.
CREATE TABLE liveness (
    machine BLOB PRIMARY KEY REFERENCES machine (id), last_seen INTEGER, presence TEXT NOT NULL, since INTEGER,
    boot BLOB, boot_offset INTEGER, interval_s INTEGER NOT NULL, backoff_cap_s INTEGER NOT NULL,
    address TEXT, inventory BLOB
) STRICT, WITHOUT ROWID;
-- Earlier boots: offset as last known.
CREATE TABLE boot (
    machine BLOB NOT NULL, boot BLOB NOT NULL, boot_offset INTEGER NOT NULL, last_seen INTEGER NOT NULL,
    PRIMARY KEY (machine, boot)
) STRICT, WITHOUT ROWID;
-- What was noticed about the identity of a machine and the quality of what it sends. `subject` makes it count once.
CREATE TABLE finding (
    machine BLOB NOT NULL, n INTEGER NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL, code TEXT NOT NULL,
    subject TEXT NOT NULL, figures TEXT NOT NULL, raw TEXT,
    PRIMARY KEY (machine, n), UNIQUE (machine, code, subject)
) STRICT, WITHOUT ROWID;

-- Reports -----------------------------------------------------------------------------------------------------------
CREATE TABLE stream (
    machine BLOB NOT NULL, stream BLOB NOT NULL, cursor INTEGER NOT NULL, last_used INTEGER NOT NULL,
    PRIMARY KEY (machine, stream)
) STRICT, WITHOUT ROWID;
CREATE TABLE event (
    machine BLOB NOT NULL, stream BLOB NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
    certain INTEGER NOT NULL, received INTEGER NOT NULL, digest BLOB NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (machine, stream, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_received ON event (received);
CREATE TABLE gap (
    machine BLOB NOT NULL, stream BLOB NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    received INTEGER NOT NULL,
    PRIMARY KEY (machine, stream, first)
) STRICT, WITHOUT ROWID;
CREATE INDEX gap_received ON gap (received);
-- Digests that the agent announced and whose bodies are being fetched.
CREATE TABLE announced (machine BLOB PRIMARY KEY, digests TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE section (
    machine BLOB NOT NULL, name TEXT NOT NULL, digest BLOB NOT NULL, outcome TEXT NOT NULL, body TEXT NOT NULL,
    received INTEGER NOT NULL, complete_body TEXT, complete_received INTEGER,
    PRIMARY KEY (machine, name)
) STRICT;
-- One table whose key starts with the day: the rows of a day lie together and go together, without changing the schema
-- under prepared statements as a table a day would.
CREATE TABLE sample (
    day INTEGER NOT NULL, machine BLOB NOT NULL, metric TEXT NOT NULL, instance TEXT NOT NULL, at INTEGER NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (day, machine, metric, instance, at)
) STRICT, WITHOUT ROWID;
CREATE TABLE sample_latest (
    machine BLOB NOT NULL, metric TEXT NOT NULL, instance TEXT NOT NULL, at INTEGER NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (machine, metric, instance)
) STRICT, WITHOUT ROWID;

-- Verdicts ----------------------------------------------------------------------------------------------------------
CREATE TABLE check_state (
    school BLOB NOT NULL, machine BLOB NOT NULL, name TEXT NOT NULL, instance TEXT NOT NULL, state TEXT NOT NULL,
    reason TEXT NOT NULL, since INTEGER NOT NULL, evidence TEXT NOT NULL,
    PRIMARY KEY (school, machine, name, instance)
) STRICT, WITHOUT ROWID;
CREATE TABLE ticket (
    id BLOB PRIMARY KEY, number INTEGER NOT NULL UNIQUE, school BLOB NOT NULL REFERENCES school (id),
    group_key TEXT NOT NULL, name TEXT NOT NULL, machine BLOB, instance TEXT NOT NULL,
    allowed_minutes INTEGER NOT NULL, opened INTEGER NOT NULL, due INTEGER NOT NULL, restored INTEGER,
    resolved INTEGER, touched_by_human INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX ticket_open ON ticket (school, group_key) WHERE resolved IS NULL;
CREATE INDEX ticket_due ON ticket (due) WHERE resolved IS NULL;
CREATE INDEX ticket_resolved ON ticket (resolved) WHERE resolved IS NOT NULL;
CREATE INDEX ticket_of_school ON ticket (school, resolved);
CREATE TABLE incident (
    id BLOB PRIMARY KEY, school BLOB NOT NULL REFERENCES school (id), scope TEXT NOT NULL, name TEXT NOT NULL,
    instance TEXT NOT NULL, cause TEXT NOT NULL, confidence TEXT NOT NULL, started_after INTEGER NOT NULL,
    started_by INTEGER NOT NULL, detected INTEGER NOT NULL, ended_after INTEGER, ended_by INTEGER, resolved INTEGER,
    witnesses TEXT NOT NULL, votes TEXT NOT NULL, ticket BLOB REFERENCES ticket (id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX incident_open ON incident (scope, name, instance) WHERE resolved IS NULL;
CREATE INDEX incident_of_school ON incident (school, resolved);
CREATE INDEX incident_ended ON incident (ended_by) WHERE ended_by IS NOT NULL;
CREATE INDEX incident_of_ticket ON incident (ticket) WHERE ticket IS NOT NULL;
CREATE TABLE incident_history (
    incident BLOB NOT NULL REFERENCES incident (id), n INTEGER NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL,
    code TEXT NOT NULL, figures TEXT NOT NULL,
    PRIMARY KEY (incident, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE ticket_entry (
    ticket BLOB NOT NULL REFERENCES ticket (id), n INTEGER NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL,
    code TEXT NOT NULL, figures TEXT NOT NULL,
    PRIMARY KEY (ticket, n)
) STRICT, WITHOUT ROWID;
-- Histories only grow.
CREATE TRIGGER incident_history_kept BEFORE UPDATE ON incident_history
BEGIN SELECT RAISE(ABORT, 'the history of an incident is append-only'); END;
CREATE TRIGGER incident_history_stays BEFORE DELETE ON incident_history
BEGIN SELECT RAISE(ABORT, 'the history of an incident is append-only'); END;
CREATE TRIGGER ticket_entry_kept BEFORE UPDATE ON ticket_entry
BEGIN SELECT RAISE(ABORT, 'the history of a ticket is append-only'); END;
CREATE TRIGGER ticket_entry_stays BEFORE DELETE ON ticket_entry
BEGIN SELECT RAISE(ABORT, 'the history of a ticket is append-only'); END;

-- People ------------------------------------------------------------------------------------------------------------
CREATE TABLE user (
    login TEXT PRIMARY KEY, password_hash TEXT NOT NULL, role TEXT NOT NULL CHECK (role IN ('supervisor', 'technician')),
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE session (
    secret_sha256 BLOB PRIMARY KEY, login TEXT NOT NULL REFERENCES user (login) ON DELETE CASCADE, csrf TEXT NOT NULL,
    created INTEGER NOT NULL, expires INTEGER NOT NULL, last_used INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_of_user ON session (login);
CREATE INDEX session_expires ON session (expires);
CREATE TABLE failed_sign_in (n INTEGER PRIMARY KEY, login TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE INDEX failed_sign_in_of ON failed_sign_in (login, at);
";

/// What several collectors on one store share, in both engines alike, and what keeps a look at the whole fleet cheap.
const SECOND: &str = "
-- The machine of an incident, beside the text of its scope.
ALTER TABLE incident ADD COLUMN machine BLOB;
UPDATE incident SET machine = unhex(substr(scope, 9)) WHERE scope LIKE 'machine:%';
-- Counters in parts: collectors that count at the same time do not wait for each other. Part 0 of 'ticket' is the last
-- ticket number.
ALTER TABLE counter RENAME TO counter_whole;
CREATE TABLE counter (
    name TEXT NOT NULL, shard INTEGER NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (name, shard)
) STRICT, WITHOUT ROWID;
INSERT INTO counter (name, shard, value) SELECT name, 0, value FROM counter_whole;
DROP TABLE counter_whole;
-- The instant of the backup that this store was restored from: what was signed since is not in it.
ALTER TABLE collector ADD COLUMN restored_from INTEGER;
-- Who looks at a school that is due, and until when.
ALTER TABLE school_state ADD COLUMN leased_by BLOB;
ALTER TABLE school_state ADD COLUMN leased_until INTEGER;
-- Collectors that serve: last sign of life, and the instant up to which all they received is applied.
CREATE TABLE replica (
    id BLOB PRIMARY KEY, name TEXT NOT NULL, started INTEGER NOT NULL, alive INTEGER NOT NULL, low INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- What is to be told to people, written with the verdict that it tells.
CREATE TABLE outbox (
    id BLOB PRIMARY KEY, school BLOB NOT NULL, ticket BLOB NOT NULL, code TEXT NOT NULL, figures TEXT NOT NULL,
    created INTEGER NOT NULL, due INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, problem TEXT,
    leased_by BLOB, leased_until INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (due);
-- Calls that the collector failed on, kept to be looked at.
CREATE TABLE refused (
    id BLOB PRIMARY KEY, at INTEGER NOT NULL, machine BLOB, school BLOB, why TEXT NOT NULL, body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX refused_at ON refused (at);
-- Each school in figures, kept by the transactions that change them.
CREATE TABLE school_rollup (
    school BLOB PRIMARY KEY, machines INTEGER NOT NULL, never INTEGER NOT NULL, online INTEGER NOT NULL,
    gone INTEGER NOT NULL, silent INTEGER NOT NULL, quarantined INTEGER NOT NULL, open_incidents INTEGER NOT NULL,
    open_tickets INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO school_rollup
SELECT s.id,
    (SELECT count(*) FROM machine m WHERE m.school = s.id AND m.status IN ('trusted', 'quarantined')),
    (SELECT count(*) FROM machine m JOIN liveness l ON l.machine = m.id
        WHERE m.school = s.id AND m.status IN ('trusted', 'quarantined') AND l.presence = 'never'),
    (SELECT count(*) FROM machine m JOIN liveness l ON l.machine = m.id
        WHERE m.school = s.id AND m.status IN ('trusted', 'quarantined') AND l.presence = 'online'),
    (SELECT count(*) FROM machine m JOIN liveness l ON l.machine = m.id
        WHERE m.school = s.id AND m.status IN ('trusted', 'quarantined') AND l.presence = 'left'),
    (SELECT count(*) FROM machine m JOIN liveness l ON l.machine = m.id
        WHERE m.school = s.id AND m.status IN ('trusted', 'quarantined') AND l.presence = 'silent'),
    (SELECT count(*) FROM machine m WHERE m.school = s.id AND m.status = 'quarantined'),
    (SELECT count(*) FROM incident i WHERE i.school = s.id AND i.resolved IS NULL),
    (SELECT count(*) FROM ticket t WHERE t.school = s.id AND t.resolved IS NULL)
FROM school s;
";

/// Internet accesses of schools, the probe of their routers, and from where machines leave their school.
const LINES: &str = "
CREATE TABLE line (
    id BLOB PRIMARY KEY, school BLOB NOT NULL REFERENCES school (id), operator TEXT NOT NULL, reference TEXT NOT NULL,
    address TEXT NOT NULL, carries TEXT NOT NULL, backup INTEGER NOT NULL,
    probe TEXT NOT NULL CHECK (probe IN ('ping', 'none')), created INTEGER NOT NULL,
    UNIQUE (school, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX line_probed ON line (id) WHERE probe = 'ping';
-- What the probe of a line came to, as last confirmed. `ours`: this silence may be the collector's own.
CREATE TABLE line_state (
    line BLOB PRIMARY KEY REFERENCES line (id), answers INTEGER NOT NULL, ours INTEGER NOT NULL, since INTEGER NOT NULL,
    last_answer INTEGER, ever_answered INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- What one collector at a time does, and until when it is the one.
CREATE TABLE duty (name TEXT PRIMARY KEY, holder BLOB NOT NULL, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
-- Since when a machine comes from its address, from where it usually comes, and the network it was last known to be on:
-- written when the address changes.
ALTER TABLE liveness ADD COLUMN address_since INTEGER;
ALTER TABLE liveness ADD COLUMN usual_address TEXT;
ALTER TABLE liveness ADD COLUMN network TEXT;
";

/// What verdicts need to know of machines, and to remember of incidents.
const VERDICTS: &str = "
-- Where a machine stands: told by people.
ALTER TABLE machine ADD COLUMN room TEXT NOT NULL DEFAULT '';
-- The network it is on, where people told it.
ALTER TABLE machine ADD COLUMN network TEXT;
-- When it is usually there, weekday by half-day, as counts.
ALTER TABLE liveness ADD COLUMN habit TEXT;
-- When an incident came back after an end; and while it flaps, the end that is waited for.
ALTER TABLE incident ADD COLUMN returns TEXT NOT NULL DEFAULT '[]';
ALTER TABLE incident ADD COLUMN calm TEXT;
CREATE INDEX school_of_basin ON school (basin);
-- Schools that were judged anew since the second engine looked last.
CREATE TABLE wide_due (n INTEGER PRIMARY KEY, school BLOB NOT NULL) STRICT;
";

/// Calendars of schools: what is set for the fleet (`fleet`) and for schools (`school:ID`), exceptional closures, school
/// holidays that replace those compiled in.
const CALENDARS: &str = "
CREATE TABLE calendar (
    scope TEXT PRIMARY KEY, body TEXT NOT NULL, since INTEGER NOT NULL, by TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- `starts` and `ends` are days (both included), or instants (the second is the first that counts again). Without a
-- school: all of them; without a network: both.
CREATE TABLE closure (
    id BLOB PRIMARY KEY, school BLOB REFERENCES school (id),
    network TEXT CHECK (network IN ('pedagogical', 'administrative')), starts TEXT NOT NULL, ends TEXT NOT NULL,
    reason TEXT NOT NULL, note TEXT NOT NULL, by TEXT NOT NULL, created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX closure_of_school ON closure (school, starts);
CREATE TABLE school_holiday (
    zone TEXT NOT NULL, year INTEGER NOT NULL, body TEXT NOT NULL, since INTEGER NOT NULL, by TEXT NOT NULL,
    PRIMARY KEY (zone, year)
) STRICT, WITHOUT ROWID;
-- Another value after every change of what calendars are made of, never one that was there before.
CREATE TABLE calendar_state (id INTEGER PRIMARY KEY CHECK (id = 1), version BLOB NOT NULL) STRICT;
";

/// The ticket policy, planned maintenance, and what tickets keep for people.
const HELPDESK: &str = "
CREATE TABLE ticket_policy (version INTEGER PRIMARY KEY, body TEXT NOT NULL, since INTEGER NOT NULL, by TEXT NOT NULL) STRICT;
-- `subject` is the name of a basin or of a room. `ended` is when somebody ended it before its time.
CREATE TABLE maintenance (
    id BLOB PRIMARY KEY, scope TEXT NOT NULL CHECK (scope IN ('fleet', 'basin', 'school', 'room', 'machine')),
    school BLOB REFERENCES school (id), machine BLOB, subject TEXT, starts INTEGER NOT NULL,
    ends INTEGER NOT NULL CHECK (ends > starts), reason TEXT NOT NULL, by TEXT NOT NULL, created INTEGER NOT NULL,
    ended INTEGER, ended_by TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX maintenance_ends ON maintenance (ends);
-- The terms on which a ticket was opened, the intervals in which its clock stood ([[from, to], …]), when it was opened
-- again, when somebody called, who has it, and the former ticket that it follows.
ALTER TABLE ticket ADD COLUMN category TEXT NOT NULL DEFAULT 'other';
ALTER TABLE ticket ADD COLUMN urgency TEXT NOT NULL DEFAULT 'medium';
ALTER TABLE ticket ADD COLUMN impact TEXT NOT NULL DEFAULT 'medium';
ALTER TABLE ticket ADD COLUMN quiet_s INTEGER NOT NULL DEFAULT 120;
ALTER TABLE ticket ADD COLUMN reopen_within_s INTEGER NOT NULL DEFAULT 86400;
ALTER TABLE ticket ADD COLUMN pauses TEXT NOT NULL DEFAULT '[]';
ALTER TABLE ticket ADD COLUMN reopened INTEGER;
ALTER TABLE ticket ADD COLUMN called INTEGER;
ALTER TABLE ticket ADD COLUMN taken_by TEXT;
ALTER TABLE ticket ADD COLUMN follows BLOB;
UPDATE ticket SET category = 'internet', urgency = 'high', impact = 'high' WHERE name = 'internet';
UPDATE ticket SET category = 'storage', impact = 'low' WHERE name = 'volume-space';
";

/// What changed on machines, and what people wrote about them.
const HISTORY: &str = "
-- Kept for three years and within bounds (`sql/history.rs`). `by` is 'vigie' for what reports said, else a login.
CREATE TABLE machine_change (
    machine BLOB NOT NULL REFERENCES machine (id), n INTEGER NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL,
    section TEXT NOT NULL, list TEXT NOT NULL, item TEXT NOT NULL, field TEXT NOT NULL, kind TEXT NOT NULL,
    before TEXT, after TEXT,
    PRIMARY KEY (machine, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX machine_change_at ON machine_change (at);
-- No report touches this. The room stands in `machine`: verdicts are made by it.
CREATE TABLE machine_hand (
    machine BLOB PRIMARY KEY REFERENCES machine (id), version INTEGER NOT NULL, inventory_number TEXT NOT NULL,
    warranty_end TEXT, state TEXT NOT NULL CHECK (state IN ('in_service', 'in_stock', 'retired', 'stolen')),
    note TEXT NOT NULL, changed INTEGER, changed_by TEXT, seen INTEGER, seen_by TEXT, seen_room TEXT
) STRICT, WITHOUT ROWID;
";

/// Rules for software, and tables that people bring in.
const SOFTWARE: &str = "
CREATE TABLE software_policy (
    version INTEGER PRIMARY KEY, body TEXT NOT NULL, since INTEGER NOT NULL, by TEXT NOT NULL
) STRICT;
CREATE TABLE software_reference (
    kind TEXT NOT NULL CHECK (kind IN ('end_of_life', 'vulnerability')), name TEXT NOT NULL, body TEXT NOT NULL,
    since INTEGER NOT NULL, by TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
";

/// Machines that enrolled again.
const KINSHIP: &str = "
-- `machine` is the one known as `former` before, whose status was `former_status`.
CREATE TABLE machine_kin (
    machine BLOB PRIMARY KEY REFERENCES machine (id), former BLOB NOT NULL UNIQUE REFERENCES machine (id),
    former_status TEXT NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_wide ON incident (resolved) WHERE scope IN ('basin', 'collector');
";

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::*;

    #[test]
    fn a_database_of_a_newer_vigie_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vigie.db");
        drop(open(&path).unwrap());
        Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 999").unwrap();
        let error = open(&path).err().unwrap().to_string();
        assert!(error.contains("newer Vigie") && error.contains("vigie.db") && error.contains("restore"), "{error}");
    }

    #[test]
    fn several_processes_may_bring_the_tables_up_to_date_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vigie.db");
        std::thread::scope(|scope| {
            let opening: Vec<_> = (0..8).map(|_| scope.spawn(|| open(&path).map(drop))).collect();
            for opened in opening {
                opened.join().unwrap().unwrap();
            }
        });
        assert_eq!(version(&Connection::open(&path).unwrap()).unwrap(), MIGRATIONS.len());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_the_files() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("vigie.db")).unwrap();
        let mut files = 0;
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
            files += 1;
        }
        assert_eq!(files, 3, "database, log and index");
        drop(store);
    }

    #[test]
    fn histories_only_grow() {
        let sql = Connection::open_in_memory().unwrap();
        migrate(&sql).unwrap();
        sql.execute_batch(
            "PRAGMA foreign_keys = off;
             INSERT INTO incident_history VALUES (x'01', 1, 1, 'vigie', 'opened', '{}');
             INSERT INTO ticket_entry VALUES (x'01', 1, 1, 'vigie', 'opened', '{}');",
        )
        .unwrap();
        for text in [
            "UPDATE incident_history SET code = 'x'",
            "DELETE FROM incident_history",
            "UPDATE ticket_entry SET at = 2",
            "DELETE FROM ticket_entry",
        ] {
            let error = sql.execute_batch(text).unwrap_err().to_string();
            assert!(error.contains("append-only"), "{text}: {error}");
        }
    }

    #[test]
    fn a_group_has_one_open_ticket_in_the_database_itself() {
        let sql = Connection::open_in_memory().unwrap();
        migrate(&sql).unwrap();
        sql.execute_batch("PRAGMA foreign_keys = off").unwrap();
        let insert = |number: i64, resolved: Option<i64>| {
            let text = "INSERT INTO ticket (id, number, school, group_key, name, instance, allowed_minutes, opened, due, \
                        resolved) VALUES (randomblob(16), ?1, x'01', 'internet', 'internet', '', 240, 1, 2, ?2)";
            sql.execute(text, rusqlite::params![number, resolved])
        };
        insert(1, Some(5)).unwrap();
        insert(2, None).unwrap();
        assert!(insert(3, None).unwrap_err().to_string().contains("UNIQUE"));
    }

    #[test]
    fn something_else_than_a_database_is_named_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "this is certainly not a database, it is a letter ".repeat(20)).unwrap();
        let error = open(&path).err().unwrap().to_string();
        assert!(error.contains("notes.txt"), "{error}");
    }
}
