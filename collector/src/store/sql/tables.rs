//! Every table of the store, once: what a copy carries from one engine to another, and in which order.
//!
//! Parents come before those that refer to them. A migration that adds a table or a column adds it here too; a test
//! compares this list with the tables that the migrations make.

/// What a column holds, in both engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Identifiers, digests, keys: `BLOB`, `bytea`.
    Blob,
    /// Numbers, instants, truths: `INTEGER`, `bigint`.
    Int,
    /// Measured values: `REAL`, `double precision`.
    Real,
    /// Words, JSON: `TEXT`, `text`.
    Text,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a copy leaves it out: who holds a lease now means nothing elsewhere.
    pub passing: bool,
}

/// A table.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns; those of the primary key come first, in its order.
    pub columns: &'static [Column],
    /// How many columns the primary key has.
    pub key: usize,
    /// Rows read at once, so that a page has a bounded size: bodies may have megabytes.
    pub page: usize,
}

impl Table {
    /// The columns that a copy carries.
    pub fn carried(&self) -> impl Iterator<Item = &'static Column> {
        self.columns.iter().filter(|column| !column.passing)
    }

    /// Names of some columns, quoted, between commas.
    pub fn list<'a>(columns: impl Iterator<Item = &'a Column>) -> String {
        columns.map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ")
    }
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, passing: false }
}

const fn blob(name: &'static str) -> Column {
    column(name, Kind::Blob)
}

const fn int(name: &'static str) -> Column {
    column(name, Kind::Int)
}

const fn real(name: &'static str) -> Column {
    column(name, Kind::Real)
}

const fn text(name: &'static str) -> Column {
    column(name, Kind::Text)
}

const fn passing(column: Column) -> Column {
    Column { passing: true, ..column }
}

const fn table(name: &'static str, key: usize, page: usize, columns: &'static [Column]) -> Table {
    Table { name, columns, key, page }
}

/// Rows of a page where rows are small.
const MANY: usize = 1000;
/// Rows of a page where one row may have megabytes.
const FEW: usize = 16;

/// What a copy carries, parents first.
pub const TABLES: &[Table] = &[
    table(
        "school",
        1,
        MANY,
        &[
            blob("id"),
            text("uai"),
            text("name"),
            text("kind"),
            text("town"),
            text("postcode"),
            text("academy"),
            text("department"),
            text("basin"),
            int("created"),
            int("updated"),
        ],
    ),
    table(
        "school_state",
        1,
        MANY,
        &[blob("school"), int("version"), int("next_wake"), passing(blob("leased_by")), passing(int("leased_until"))],
    ),
    table("network", 2, MANY, &[blob("school"), text("cidr"), text("kind")]),
    table(
        "line",
        1,
        MANY,
        &[
            blob("id"),
            blob("school"),
            text("operator"),
            text("reference"),
            text("address"),
            text("carries"),
            int("backup"),
            text("probe"),
            int("created"),
        ],
    ),
    table(
        "line_state",
        1,
        MANY,
        &[blob("line"), int("answers"), int("ours"), int("since"), int("last_answer"), int("ever_answered")],
    ),
    table("policy", 1, FEW, &[int("version"), text("body"), int("since")]),
    table("ticket_policy", 1, FEW, &[int("version"), text("body"), int("since"), text("by")]),
    table("software_policy", 1, FEW, &[int("version"), text("body"), int("since"), text("by")]),
    table("software_reference", 2, 100, &[text("kind"), text("name"), text("body"), int("since"), text("by")]),
    table(
        "maintenance",
        1,
        MANY,
        &[
            blob("id"),
            text("scope"),
            blob("school"),
            blob("machine"),
            text("subject"),
            int("starts"),
            int("ends"),
            text("reason"),
            text("by"),
            int("created"),
            int("ended"),
            text("ended_by"),
        ],
    ),
    table("authority", 1, FEW, &[int("id"), blob("wrapped_key"), blob("certificate")]),
    table(
        "collector",
        1,
        FEW,
        &[int("id"), int("alive"), int("absent_from"), int("absent_until"), int("restored_from")],
    ),
    table("counter", 2, MANY, &[text("name"), int("shard"), int("value")]),
    table(
        "token",
        1,
        MANY,
        &[blob("secret_sha256"), blob("school"), int("uses"), int("used"), int("expires"), int("created")],
    ),
    table(
        "machine",
        1,
        MANY,
        &[
            blob("id"),
            blob("school"),
            text("host_name"),
            text("kind"),
            text("status"),
            text("why"),
            text("hardware"),
            text("hardware_seen"),
            int("enrolled"),
            text("enrolled_from"),
            blob("enrolled_token"),
            blob("enrolled_key"),
            text("room"),
            text("network"),
        ],
    ),
    table(
        "certificate",
        1,
        MANY,
        &[blob("serial"), blob("machine"), blob("key_sha256"), int("not_before"), int("not_after"), int("revoked")],
    ),
    table(
        "liveness",
        1,
        MANY,
        &[
            blob("machine"),
            int("last_seen"),
            text("presence"),
            int("since"),
            blob("boot"),
            int("boot_offset"),
            int("interval_s"),
            int("backoff_cap_s"),
            text("address"),
            blob("inventory"),
            int("address_since"),
            text("usual_address"),
            text("network"),
            text("habit"),
        ],
    ),
    table("boot", 2, MANY, &[blob("machine"), blob("boot"), int("boot_offset"), int("last_seen")]),
    table(
        "finding",
        2,
        100,
        &[
            blob("machine"),
            int("n"),
            int("at"),
            text("by"),
            text("code"),
            text("subject"),
            text("figures"),
            text("raw"),
        ],
    ),
    table(
        "machine_change",
        2,
        100,
        &[
            blob("machine"),
            int("n"),
            int("at"),
            text("by"),
            text("section"),
            text("list"),
            text("item"),
            text("field"),
            text("kind"),
            text("before"),
            text("after"),
        ],
    ),
    table(
        "machine_hand",
        1,
        MANY,
        &[
            blob("machine"),
            int("version"),
            text("inventory_number"),
            text("warranty_end"),
            text("state"),
            text("note"),
            int("changed"),
            text("changed_by"),
            int("seen"),
            text("seen_by"),
            text("seen_room"),
        ],
    ),
    table("machine_kin", 1, MANY, &[blob("machine"), blob("former"), text("former_status"), int("at"), text("by")]),
    table("stream", 2, MANY, &[blob("machine"), blob("stream"), int("cursor"), int("last_used")]),
    table(
        "event",
        3,
        MANY,
        &[
            blob("machine"),
            blob("stream"),
            int("seq"),
            text("kind"),
            int("at"),
            int("certain"),
            int("received"),
            blob("digest"),
            text("body"),
        ],
    ),
    table("gap", 3, MANY, &[blob("machine"), blob("stream"), int("first"), int("last"), int("received")]),
    table("announced", 1, MANY, &[blob("machine"), text("digests")]),
    table(
        "section",
        2,
        FEW,
        &[
            blob("machine"),
            text("name"),
            blob("digest"),
            text("outcome"),
            text("body"),
            int("received"),
            text("complete_body"),
            int("complete_received"),
        ],
    ),
    table(
        "sample",
        5,
        MANY,
        &[int("day"), blob("machine"), text("metric"), text("instance"), int("at"), real("value")],
    ),
    table("sample_latest", 3, MANY, &[blob("machine"), text("metric"), text("instance"), int("at"), real("value")]),
    table(
        "check_state",
        4,
        MANY,
        &[
            blob("school"),
            blob("machine"),
            text("name"),
            text("instance"),
            text("state"),
            text("reason"),
            int("since"),
            text("evidence"),
        ],
    ),
    table(
        "ticket",
        1,
        MANY,
        &[
            blob("id"),
            int("number"),
            blob("school"),
            text("group_key"),
            text("name"),
            blob("machine"),
            text("instance"),
            int("allowed_minutes"),
            int("opened"),
            int("due"),
            int("restored"),
            int("resolved"),
            int("touched_by_human"),
            text("category"),
            text("urgency"),
            text("impact"),
            int("quiet_s"),
            int("reopen_within_s"),
            text("pauses"),
            int("reopened"),
            int("called"),
            text("taken_by"),
            blob("follows"),
        ],
    ),
    table(
        "incident",
        1,
        MANY,
        &[
            blob("id"),
            blob("school"),
            text("scope"),
            text("name"),
            text("instance"),
            text("cause"),
            text("confidence"),
            int("started_after"),
            int("started_by"),
            int("detected"),
            int("ended_after"),
            int("ended_by"),
            int("resolved"),
            text("witnesses"),
            text("votes"),
            blob("ticket"),
            blob("machine"),
            text("returns"),
            text("calm"),
        ],
    ),
    table(
        "incident_history",
        2,
        MANY,
        &[blob("incident"), int("n"), int("at"), text("by"), text("code"), text("figures")],
    ),
    table("ticket_entry", 2, MANY, &[blob("ticket"), int("n"), int("at"), text("by"), text("code"), text("figures")]),
    table("user", 1, MANY, &[text("login"), text("password_hash"), text("role"), int("created")]),
    table("calendar", 1, MANY, &[text("scope"), text("body"), int("since"), text("by")]),
    table(
        "closure",
        1,
        MANY,
        &[
            blob("id"),
            blob("school"),
            text("network"),
            text("starts"),
            text("ends"),
            text("reason"),
            text("note"),
            text("by"),
            int("created"),
        ],
    ),
    table("school_holiday", 2, MANY, &[text("zone"), int("year"), text("body"), int("since"), text("by")]),
    table("calendar_state", 1, FEW, &[int("id"), blob("version")]),
    table(
        "outbox",
        1,
        MANY,
        &[
            blob("id"),
            blob("school"),
            blob("ticket"),
            text("code"),
            text("figures"),
            int("created"),
            int("due"),
            int("attempts"),
            text("problem"),
            passing(blob("leased_by")),
            passing(int("leased_until")),
        ],
    ),
    table("refused", 1, FEW, &[blob("id"), int("at"), blob("machine"), blob("school"), text("why"), text("body")]),
    table(
        "school_rollup",
        1,
        MANY,
        &[
            blob("school"),
            int("machines"),
            int("never"),
            int("online"),
            int("gone"),
            int("silent"),
            int("quarantined"),
            int("open_incidents"),
            int("open_tickets"),
        ],
    ),
];

/// What no copy carries: it says who is at work or signed in at this moment. After a restore people sign in again; a
/// session that somebody ended since the backup must not come back.
pub const PASSING: &[Table] = &[
    table("duty", 1, MANY, &[text("name"), blob("holder"), int("until")]),
    table("replica", 1, MANY, &[blob("id"), text("name"), int("started"), int("alive"), int("low")]),
    table(
        "session",
        1,
        MANY,
        &[blob("secret_sha256"), text("login"), text("csrf"), int("created"), int("expires"), int("last_used")],
    ),
    table("wide_due", 1, MANY, &[int("n"), blob("school")]),
    table("failed_sign_in", 1, MANY, &[int("n"), text("login"), int("at")]),
];

#[cfg(test)]
mod tests {
    use super::super::row::{Row, params};
    use super::*;
    use crate::store::sqlite;
    use std::collections::{BTreeMap, BTreeSet};

    fn migrated() -> (tempfile::TempDir, super::super::engine::Sql) {
        let folder = tempfile::tempdir().unwrap();
        let sql = sqlite::connection(&folder.path().join("test.db")).unwrap();
        (folder, sql)
    }

    #[test]
    fn every_table_and_column_that_the_migrations_make_is_listed() {
        let (_folder, sql) = migrated();
        const NAMES: &str = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let made: BTreeSet<String> = sql.all(NAMES, &[], |row| row.get(0)).unwrap();
        let listed: BTreeSet<String> = TABLES.iter().chain(PASSING).map(|table| table.name.to_owned()).collect();
        assert_eq!(listed, made);
        for table in TABLES.iter().chain(PASSING) {
            let info = format!("SELECT name, type, pk FROM pragma_table_info('{}')", table.name);
            let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, (row.get::<String>(1)?, row.get::<usize>(2)?)));
            let made: BTreeMap<String, (String, usize)> = sql.all(&info, &[], read).unwrap();
            let listed = table.columns.iter().enumerate().map(|(place, column)| {
                let kind = match column.kind {
                    Kind::Blob => "BLOB",
                    Kind::Int => "INTEGER",
                    Kind::Real => "REAL",
                    Kind::Text => "TEXT",
                };
                let in_key = if place < table.key { place + 1 } else { 0 };
                (column.name.to_owned(), (kind.to_owned(), in_key))
            });
            assert_eq!(listed.collect::<BTreeMap<_, _>>(), made, "{}", table.name);
        }
    }

    #[test]
    fn parents_come_before_those_that_refer_to_them() {
        let (_folder, sql) = migrated();
        let place = |name: &str| TABLES.iter().position(|table| table.name == name);
        let mut references = 0;
        for (child, table) in TABLES.iter().enumerate() {
            const PARENTS: &str = "SELECT \"table\" FROM pragma_foreign_key_list(?1)";
            let parents: Vec<String> = sql.all(PARENTS, params![table.name], |row| row.get(0)).unwrap();
            for parent in parents {
                references += 1;
                assert!(place(&parent).is_some_and(|parent| parent < child), "{} before {}", parent, table.name);
            }
        }
        assert!(references > 8, "{references}");
    }
}
