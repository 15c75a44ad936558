//! The tables and how a database comes to them: migrations are numbered, embedded, never edited. Each is applied once,
//! under a lock, together with its number in `vigie_format`. What they mean is told in `sqlite/schema.rs`; the numbers of
//! the two engines have nothing to do with each other.
//!
//! Every truth and count is a `bigint`. `text` stands for `text COLLATE "C"`, so that names sort in the order of the
//! embedded engine whatever the database was made with.

use super::super::StoreError;
use super::super::sql::engine::Sql;
use super::super::sql::row::params;
use std::collections::BTreeSet;

/// The advisory lock of migrations.
const LOCK: i64 = 0x7669_6769_6500;
/// The oldest server that is known to do what is asked here.
const OLDEST: i64 = 130_000;

/// Applies what is missing. Safe to call from several processes at once.
pub fn migrate(sql: &Sql) -> Result<(), StoreError> {
    suits(sql)?;
    if current(sql)? == Some(MIGRATIONS.len()) {
        return Ok(());
    }
    sql.engine().begin()?;
    let result = upgrade(sql);
    let ended = sql.execute(if result.is_ok() { "COMMIT" } else { "ROLLBACK" }, &[]);
    result?;
    ended.map(drop)
}

/// Whether the tables are those of this program.
pub fn is_current(sql: &Sql) -> Result<(), StoreError> {
    let why = match current(sql)? {
        Some(known) if known == MIGRATIONS.len() => return Ok(()),
        Some(known) if known > MIGRATIONS.len() => return Err(newer(known)),
        Some(known) => format!("this database is of an earlier Vigie (format {known}): start the collector on it once"),
        None => "there is no store in this database: a collector that serves makes one".to_owned(),
    };
    Err(StoreError::Failed(why))
}

fn newer(known: usize) -> StoreError {
    let newest = MIGRATIONS.len();
    StoreError::Failed(format!(
        "this database was written by a newer Vigie (format {known}, this program knows {newest}): \
         start that newer version, or restore the backup made before the upgrade"
    ))
}

fn upgrade(sql: &Sql) -> Result<(), StoreError> {
    // Others may be migrating: that is waited for.
    sql.script("SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = '0'")?;
    sql.execute("SELECT pg_advisory_xact_lock(?1)", params![LOCK])?;
    let known = match current(sql)? {
        Some(known) => known,
        None => {
            refuse_foreign_tables(sql)?;
            sql.script("CREATE TABLE vigie_format (number bigint PRIMARY KEY)")?;
            0
        }
    };
    if known > MIGRATIONS.len() {
        return Err(newer(known));
    }
    for (number, text) in (1i64..).zip(MIGRATIONS).skip(known) {
        sql.script(&collated(text))?;
        sql.execute("INSERT INTO vigie_format (number) VALUES (?1)", params![number])?;
    }
    Ok(())
}

/// The number of the last migration; `None` where there never was one.
fn current(sql: &Sql) -> Result<Option<usize>, StoreError> {
    if tables(sql)?.contains("vigie_format") {
        return sql.value("SELECT coalesce(max(number), 0) FROM vigie_format", &[]).map(Some);
    }
    Ok(None)
}

/// Tables in the schema that is ours to use.
fn tables(sql: &Sql) -> Result<BTreeSet<String>, StoreError> {
    const SQL: &str = "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                       WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";
    sql.all(SQL, &[], |row| row.get(0))
}

/// Tables of somebody else are left alone; one that bears a name of ours would be in the way.
fn refuse_foreign_tables(sql: &Sql) -> Result<(), StoreError> {
    let there = tables(sql)?;
    let ours = MIGRATIONS.iter().flat_map(|text| text.split("CREATE TABLE ").skip(1)).filter_map(|rest| {
        let name = rest.split([' ', '(']).next()?.trim_matches('"');
        there.get(name)
    });
    let taken: Vec<&str> = ours.map(String::as_str).collect();
    if taken.is_empty() {
        return Ok(());
    }
    Err(StoreError::Failed(format!(
        "this database holds tables that are not Vigie's and bear names of Vigie's ({}): make a database for Vigie alone \
         (createdb) and name it in --store; nothing was changed",
        taken.join(", ")
    )))
}

/// Whether a server of this age with this encoding can hold the store.
fn suits(sql: &Sql) -> Result<(), StoreError> {
    let version: i64 = sql.value("SELECT CAST(current_setting('server_version_num') AS BIGINT)", &[])?;
    if version < OLDEST {
        let (found, wanted) = (version / 10_000, OLDEST / 10_000);
        return Err(StoreError::Failed(format!("PostgreSQL {found} is too old: {wanted} or newer is wanted")));
    }
    let encoding: String = sql.value("SELECT current_setting('server_encoding')", &[])?;
    if encoding != "UTF8" {
        return Err(StoreError::Failed(format!(
            "the database is encoded in {encoding}: make it with « createdb --encoding=UTF8 --template=template0 »"
        )));
    }
    Ok(())
}

fn collated(text: &str) -> String {
    text.replace(" text", " text COLLATE \"C\"")
}

/// The number of the last migration of this program.
#[cfg(test)]
pub fn newest() -> usize {
    MIGRATIONS.len()
}

/// Every migration in order; the position plus one is its number.
const MIGRATIONS: &[&str] = &[FIRST, LINES, CALENDARS, HELPDESK, VERDICTS, HISTORY, SOFTWARE, KINSHIP];

const FIRST: &str = "
-- Schools -----------------------------------------------------------------------------------------------------------
CREATE TABLE school (
    id bytea PRIMARY KEY, uai text NOT NULL UNIQUE, name text NOT NULL, kind text NOT NULL, town text NOT NULL,
    postcode text NOT NULL, academy text NOT NULL, department text NOT NULL, basin text,
    created bigint NOT NULL, updated bigint NOT NULL
);
-- What changes often about a school, apart so that the row of names stays still.
-- `leased_by` looks at it while it is due, until `leased_until`.
CREATE TABLE school_state (
    school bytea PRIMARY KEY REFERENCES school (id), version bigint NOT NULL DEFAULT 0, next_wake bigint,
    leased_by bytea, leased_until bigint
) WITH (fillfactor = 80);
CREATE INDEX school_due ON school_state (next_wake) WHERE next_wake IS NOT NULL;
CREATE TABLE network (
    school bytea NOT NULL REFERENCES school (id), cidr text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('pedagogical', 'administrative')),
    PRIMARY KEY (school, cidr)
);

-- One row each ------------------------------------------------------------------------------------------------------
CREATE TABLE policy (version bigint PRIMARY KEY, body text NOT NULL, since bigint NOT NULL);
CREATE TABLE authority (
    id bigint PRIMARY KEY CHECK (id = 1), wrapped_key bytea NOT NULL, certificate bytea NOT NULL
);
CREATE TABLE collector (
    id bigint PRIMARY KEY CHECK (id = 1), alive bigint NOT NULL, absent_from bigint, absent_until bigint,
    restored_from bigint
);
-- Counters in parts: collectors that count at the same time do not wait for each other. Part 0 of 'ticket' is the last
-- ticket number; the others are rows of `event` and `gap`, which are too many to be counted at each look.
CREATE TABLE counter (name text NOT NULL, shard bigint NOT NULL, value bigint NOT NULL, PRIMARY KEY (name, shard));
INSERT INTO counter (name, shard, value) VALUES ('ticket', 0, 0), ('event', 0, 0), ('gap', 0, 0);

-- Machines ----------------------------------------------------------------------------------------------------------
CREATE TABLE token (
    secret_sha256 bytea PRIMARY KEY, school bytea NOT NULL REFERENCES school (id), uses bigint NOT NULL,
    used bigint NOT NULL DEFAULT 0 CHECK (used <= uses), expires bigint NOT NULL, created bigint NOT NULL
);
CREATE TABLE machine (
    id bytea PRIMARY KEY, school bytea NOT NULL REFERENCES school (id), host_name text NOT NULL, kind text NOT NULL,
    status text NOT NULL CHECK (status IN ('trusted', 'quarantined', 'revoked', 'deleted')), why text,
    hardware text NOT NULL, hardware_seen text, enrolled bigint NOT NULL, enrolled_from text NOT NULL,
    enrolled_token bytea NOT NULL, enrolled_key bytea NOT NULL
);
CREATE INDEX machine_of_school ON machine (school, id);
CREATE UNIQUE INDEX machine_once ON machine (enrolled_token, enrolled_key);
CREATE TABLE certificate (
    serial bytea PRIMARY KEY, machine bytea NOT NULL REFERENCES machine (id), key_sha256 bytea NOT NULL,
    not_before bigint NOT NULL, not_after bigint NOT NULL, revoked bigint
);
CREATE INDEX certificate_of_machine ON certificate (machine);
-- The only row that a quiet heartbeat writes. `boot_offset` is receipt minus milliseconds since boot: when the boot
-- began. Half of each page is kept free and no index holds what changes: the new row lies beside the old one.
CREATE TABLE liveness (
    machine bytea PRIMARY KEY REFERENCES machine (id), last_seen bigint, presence text NOT NULL, since bigint,
    boot bytea, boot_offset bigint, interval_s bigint NOT NULL, backoff_cap_s bigint NOT NULL,
    address text, inventory bytea
) WITH (fillfactor = 50);
-- Earlier boots: offset as last known.
CREATE TABLE boot (
    machine bytea NOT NULL, boot bytea NOT NULL, boot_offset bigint NOT NULL, last_seen bigint NOT NULL,
    PRIMARY KEY (machine, boot)
);
-- What was noticed about the identity of a machine and the quality of what it sends. `subject` makes it count once.
CREATE TABLE finding (
    machine bytea NOT NULL, n bigint NOT NULL, at bigint NOT NULL, by text NOT NULL, code text NOT NULL,
    subject text NOT NULL, figures text NOT NULL, raw text,
    PRIMARY KEY (machine, n), UNIQUE (machine, code, subject)
);

-- Reports -----------------------------------------------------------------------------------------------------------
CREATE TABLE stream (
    machine bytea NOT NULL, stream bytea NOT NULL, cursor bigint NOT NULL, last_used bigint NOT NULL,
    PRIMARY KEY (machine, stream)
);
CREATE TABLE event (
    machine bytea NOT NULL, stream bytea NOT NULL, seq bigint NOT NULL, kind text NOT NULL, at bigint NOT NULL,
    certain bigint NOT NULL, received bigint NOT NULL, digest bytea NOT NULL, body text NOT NULL,
    PRIMARY KEY (machine, stream, seq)
);
CREATE INDEX event_received ON event (received);
CREATE TABLE gap (
    machine bytea NOT NULL, stream bytea NOT NULL, first bigint NOT NULL, last bigint NOT NULL,
    received bigint NOT NULL,
    PRIMARY KEY (machine, stream, first)
);
CREATE INDEX gap_received ON gap (received);
-- Digests that the agent announced and whose bodies are being fetched.
CREATE TABLE announced (machine bytea PRIMARY KEY, digests text NOT NULL);
CREATE TABLE section (
    machine bytea NOT NULL, name text NOT NULL, digest bytea NOT NULL, outcome text NOT NULL, body text NOT NULL,
    received bigint NOT NULL, complete_body text, complete_received bigint,
    PRIMARY KEY (machine, name)
);
-- A partition a day, made when its first sample comes: the rows of a day go together.
CREATE TABLE sample (
    day bigint NOT NULL, machine bytea NOT NULL, metric text NOT NULL, instance text NOT NULL, at bigint NOT NULL,
    value double precision NOT NULL,
    PRIMARY KEY (day, machine, metric, instance, at)
) PARTITION BY RANGE (day);
CREATE TABLE sample_latest (
    machine bytea NOT NULL, metric text NOT NULL, instance text NOT NULL, at bigint NOT NULL,
    value double precision NOT NULL,
    PRIMARY KEY (machine, metric, instance)
);

-- Verdicts ----------------------------------------------------------------------------------------------------------
CREATE TABLE check_state (
    school bytea NOT NULL, machine bytea NOT NULL, name text NOT NULL, instance text NOT NULL, state text NOT NULL,
    reason text NOT NULL, since bigint NOT NULL, evidence text NOT NULL,
    PRIMARY KEY (school, machine, name, instance)
);
CREATE TABLE ticket (
    id bytea PRIMARY KEY, number bigint NOT NULL UNIQUE, school bytea NOT NULL REFERENCES school (id),
    group_key text NOT NULL, name text NOT NULL, machine bytea, instance text NOT NULL,
    allowed_minutes bigint NOT NULL, opened bigint NOT NULL, due bigint NOT NULL, restored bigint,
    resolved bigint, touched_by_human bigint NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX ticket_open ON ticket (school, group_key) WHERE resolved IS NULL;
CREATE INDEX ticket_due ON ticket (due) WHERE resolved IS NULL;
CREATE INDEX ticket_resolved ON ticket (resolved) WHERE resolved IS NOT NULL;
CREATE INDEX ticket_of_school ON ticket (school, resolved);
CREATE TABLE incident (
    id bytea PRIMARY KEY, school bytea NOT NULL REFERENCES school (id), scope text NOT NULL, name text NOT NULL,
    instance text NOT NULL, cause text NOT NULL, confidence text NOT NULL, started_after bigint NOT NULL,
    started_by bigint NOT NULL, detected bigint NOT NULL, ended_after bigint, ended_by bigint, resolved bigint,
    witnesses text NOT NULL, votes text NOT NULL, ticket bytea REFERENCES ticket (id), machine bytea
);
CREATE UNIQUE INDEX incident_open ON incident (scope, name, instance) WHERE resolved IS NULL;
CREATE INDEX incident_of_school ON incident (school, resolved);
CREATE INDEX incident_ended ON incident (ended_by) WHERE ended_by IS NOT NULL;
CREATE INDEX incident_of_ticket ON incident (ticket) WHERE ticket IS NOT NULL;
CREATE TABLE incident_history (
    incident bytea NOT NULL REFERENCES incident (id), n bigint NOT NULL, at bigint NOT NULL, by text NOT NULL,
    code text NOT NULL, figures text NOT NULL,
    PRIMARY KEY (incident, n)
);
CREATE TABLE ticket_entry (
    ticket bytea NOT NULL REFERENCES ticket (id), n bigint NOT NULL, at bigint NOT NULL, by text NOT NULL,
    code text NOT NULL, figures text NOT NULL,
    PRIMARY KEY (ticket, n)
);
-- Histories only grow.
CREATE FUNCTION vigie_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '%: this history is append-only', TG_TABLE_NAME; END $$;
CREATE TRIGGER incident_history_kept BEFORE UPDATE OR DELETE ON incident_history
    FOR EACH ROW EXECUTE FUNCTION vigie_append_only();
CREATE TRIGGER ticket_entry_kept BEFORE UPDATE OR DELETE ON ticket_entry
    FOR EACH ROW EXECUTE FUNCTION vigie_append_only();

-- People ------------------------------------------------------------------------------------------------------------
CREATE TABLE \"user\" (
    login text PRIMARY KEY, password_hash text NOT NULL,
    role text NOT NULL CHECK (role IN ('supervisor', 'technician')), created bigint NOT NULL
);
CREATE TABLE session (
    secret_sha256 bytea PRIMARY KEY, login text NOT NULL REFERENCES \"user\" (login) ON DELETE CASCADE,
    csrf text NOT NULL, created bigint NOT NULL, expires bigint NOT NULL, last_used bigint NOT NULL
);
CREATE INDEX session_of_user ON session (login);
CREATE INDEX session_expires ON session (expires);
CREATE TABLE failed_sign_in (
    n bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, login text NOT NULL, at bigint NOT NULL
);
CREATE INDEX failed_sign_in_of ON failed_sign_in (login, at);

-- Several collectors -----------------------------------------------------------------------------------------------
-- Collectors that serve: last sign of life, and the instant up to which all they received is applied.
CREATE TABLE replica (
    id bytea PRIMARY KEY, name text NOT NULL, started bigint NOT NULL, alive bigint NOT NULL, low bigint NOT NULL
);
-- What is to be told to people, written with the verdict that it tells.
CREATE TABLE outbox (
    id bytea PRIMARY KEY, school bytea NOT NULL, ticket bytea NOT NULL, code text NOT NULL, figures text NOT NULL,
    created bigint NOT NULL, due bigint NOT NULL, attempts bigint NOT NULL DEFAULT 0, problem text,
    leased_by bytea, leased_until bigint
);
CREATE INDEX outbox_due ON outbox (due);
-- Calls that the collector failed on, kept to be looked at.
CREATE TABLE refused (
    id bytea PRIMARY KEY, at bigint NOT NULL, machine bytea, school bytea, why text NOT NULL, body text NOT NULL
);
CREATE INDEX refused_at ON refused (at);
-- Each school in figures, kept by the transactions that change them.
CREATE TABLE school_rollup (
    school bytea PRIMARY KEY, machines bigint NOT NULL, never bigint NOT NULL, online bigint NOT NULL,
    gone bigint NOT NULL, silent bigint NOT NULL, quarantined bigint NOT NULL, open_incidents bigint NOT NULL,
    open_tickets bigint NOT NULL
);
";

/// See `sqlite/schema.rs`.
const LINES: &str = "
CREATE TABLE line (
    id bytea PRIMARY KEY, school bytea NOT NULL REFERENCES school (id), operator text NOT NULL, reference text NOT NULL,
    address text NOT NULL, carries text NOT NULL, backup bigint NOT NULL,
    probe text NOT NULL CHECK (probe IN ('ping', 'none')), created bigint NOT NULL,
    UNIQUE (school, address)
);
CREATE INDEX line_probed ON line (id) WHERE probe = 'ping';
CREATE TABLE line_state (
    line bytea PRIMARY KEY REFERENCES line (id), answers bigint NOT NULL, ours bigint NOT NULL, since bigint NOT NULL,
    last_answer bigint, ever_answered bigint NOT NULL
);
CREATE TABLE duty (name text PRIMARY KEY, holder bytea NOT NULL, until bigint NOT NULL);
ALTER TABLE liveness ADD COLUMN address_since bigint;
ALTER TABLE liveness ADD COLUMN usual_address text;
ALTER TABLE liveness ADD COLUMN network text;
";

/// What verdicts need to know of machines, and to remember of incidents.
const VERDICTS: &str = "
-- Where a machine stands: told by people.
ALTER TABLE machine ADD COLUMN room text NOT NULL DEFAULT '';
-- The network it is on, where people told it.
ALTER TABLE machine ADD COLUMN network text;
-- When it is usually there, weekday by half-day, as counts.
ALTER TABLE liveness ADD COLUMN habit text;
-- When an incident came back after an end; and while it flaps, the end that is waited for.
ALTER TABLE incident ADD COLUMN returns text NOT NULL DEFAULT '[]';
ALTER TABLE incident ADD COLUMN calm text;
CREATE INDEX school_of_basin ON school (basin);
-- Schools that were judged anew since the second engine looked last.
CREATE TABLE wide_due (n bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, school bytea NOT NULL);
";

/// Calendars of schools.
const CALENDARS: &str = "
CREATE TABLE calendar (
    scope text PRIMARY KEY, body text NOT NULL, since bigint NOT NULL, by text NOT NULL
);
CREATE TABLE closure (
    id bytea PRIMARY KEY, school bytea REFERENCES school (id),
    network text CHECK (network IN ('pedagogical', 'administrative')), starts text NOT NULL, ends text NOT NULL,
    reason text NOT NULL, note text NOT NULL, by text NOT NULL, created bigint NOT NULL
);
CREATE INDEX closure_of_school ON closure (school, starts);
CREATE TABLE school_holiday (
    zone text NOT NULL, year bigint NOT NULL, body text NOT NULL, since bigint NOT NULL, by text NOT NULL,
    PRIMARY KEY (zone, year)
);
CREATE TABLE calendar_state (id bigint PRIMARY KEY CHECK (id = 1), version bytea NOT NULL);
";

/// The ticket policy, planned maintenance, and what tickets keep for people.
const HELPDESK: &str = "
CREATE TABLE ticket_policy (version bigint PRIMARY KEY, body text NOT NULL, since bigint NOT NULL, by text NOT NULL);
CREATE TABLE maintenance (
    id bytea PRIMARY KEY, scope text NOT NULL CHECK (scope IN ('fleet', 'basin', 'school', 'room', 'machine')),
    school bytea REFERENCES school (id), machine bytea, subject text, starts bigint NOT NULL,
    ends bigint NOT NULL CHECK (ends > starts), reason text NOT NULL, by text NOT NULL, created bigint NOT NULL,
    ended bigint, ended_by text
);
CREATE INDEX maintenance_ends ON maintenance (ends);
ALTER TABLE ticket ADD COLUMN category text NOT NULL DEFAULT 'other';
ALTER TABLE ticket ADD COLUMN urgency text NOT NULL DEFAULT 'medium';
ALTER TABLE ticket ADD COLUMN impact text NOT NULL DEFAULT 'medium';
ALTER TABLE ticket ADD COLUMN quiet_s bigint NOT NULL DEFAULT 120;
ALTER TABLE ticket ADD COLUMN reopen_within_s bigint NOT NULL DEFAULT 86400;
ALTER TABLE ticket ADD COLUMN pauses text NOT NULL DEFAULT '[]';
ALTER TABLE ticket ADD COLUMN reopened bigint;
ALTER TABLE ticket ADD COLUMN called bigint;
ALTER TABLE ticket ADD COLUMN taken_by text;
ALTER TABLE ticket ADD COLUMN follows bytea;
UPDATE ticket SET category = 'internet', urgency = 'high', impact = 'high' WHERE name = 'internet';
UPDATE ticket SET category = 'storage', impact = 'low' WHERE name = 'volume-space';
";

/// What changed on machines, and what people wrote about them. See `sqlite/schema.rs`.
const HISTORY: &str = "
CREATE TABLE machine_change (
    machine bytea NOT NULL REFERENCES machine (id), n bigint NOT NULL, at bigint NOT NULL, by text NOT NULL,
    section text NOT NULL, list text NOT NULL, item text NOT NULL, field text NOT NULL, kind text NOT NULL,
    before text, after text,
    PRIMARY KEY (machine, n)
);
CREATE INDEX machine_change_at ON machine_change (at);
CREATE TABLE machine_hand (
    machine bytea PRIMARY KEY REFERENCES machine (id), version bigint NOT NULL, inventory_number text NOT NULL,
    warranty_end text, state text NOT NULL CHECK (state IN ('in_service', 'in_stock', 'retired', 'stolen')),
    note text NOT NULL, changed bigint, changed_by text, seen bigint, seen_by text, seen_room text
);
";

/// Rules for software, and tables that people bring in.
const SOFTWARE: &str = "
CREATE TABLE software_policy (version bigint PRIMARY KEY, body text NOT NULL, since bigint NOT NULL, by text NOT NULL);
CREATE TABLE software_reference (
    kind text NOT NULL CHECK (kind IN ('end_of_life', 'vulnerability')), name text NOT NULL, body text NOT NULL,
    since bigint NOT NULL, by text NOT NULL,
    PRIMARY KEY (kind, name)
);
";

/// Machines that enrolled again. See `sqlite/schema.rs`.
const KINSHIP: &str = "
CREATE TABLE machine_kin (
    machine bytea PRIMARY KEY REFERENCES machine (id), former bytea NOT NULL UNIQUE REFERENCES machine (id),
    former_status text NOT NULL, at bigint NOT NULL, by text NOT NULL
);
CREATE INDEX incident_wide ON incident (resolved) WHERE scope IN ('basin', 'collector');
";
