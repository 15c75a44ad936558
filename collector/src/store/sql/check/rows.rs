//! Rows compared with rows.

use super::super::super::StoreError;
use super::super::engine::Sql;
use super::super::row::{Cell, Row};
use super::{FIGURES, Outcome, RESTORE, TOLD};

/// A check by statements, each of which selects what is wrong.
pub struct Rule {
    check: &'static str,
    what: &'static str,
    advice: &'static str,
    looks: Vec<Look>,
}

/// A statement and what its columns are called.
struct Look {
    labels: &'static [&'static str],
    text: String,
    /// Said before the first label.
    begin: String,
}

fn look(labels: &'static [&'static str], text: &str) -> Look {
    Look { labels, text: text.to_owned(), begin: String::new() }
}

impl Rule {
    /// Carries it out.
    pub fn look(&self, sql: &Sql) -> Outcome {
        let mut outcome = Outcome::new(self.check, self.what, self.advice);
        let result = self.looks.iter().try_for_each(|look| look.carry_out(sql, &mut outcome));
        outcome.settle(result)
    }
}

impl Look {
    fn carry_out(&self, sql: &Sql, outcome: &mut Outcome) -> Result<(), StoreError> {
        let text = format!("SELECT * FROM ({}) AS found LIMIT {TOLD}", self.text);
        let found: Vec<String> = sql.all(&text, &[], |row| self.words(row))?;
        let all = match found.len() {
            0..TOLD => u64::try_from(found.len()).unwrap_or_default(),
            _ => sql.value(&format!("SELECT count(*) FROM ({}) AS found", self.text), &[])?,
        };
        let before = outcome.problems;
        found.into_iter().for_each(|words| outcome.add(words));
        outcome.problems = before.saturating_add(all);
        Ok(())
    }

    fn words(&self, row: &Row<'_>) -> Result<String, StoreError> {
        let mut words = Vec::with_capacity(self.labels.len());
        for (place, label) in self.labels.iter().enumerate() {
            words.push(format!("{label} {}", cell(row.cell(place)?)));
        }
        Ok(format!("{}{}", self.begin, words.join(", ")))
    }
}

fn cell(cell: Cell<'_>) -> String {
    match cell {
        Cell::Null => "nothing".to_owned(),
        Cell::Int(number) => number.to_string(),
        Cell::Real(number) => number.to_string(),
        Cell::Text(text) => format!("« {} »", text.chars().take(80).collect::<String>().escape_debug()),
        Cell::Blob(bytes) => data_encoding::HEXLOWER.encode(bytes),
    }
}

/// All of them.
pub fn rules() -> Vec<Rule> {
    vec![
        Rule {
            check: "references",
            what: "no row points to a school, a machine, a ticket, an incident or a user that is not there",
            advice: RESTORE,
            looks: REFERENCES.iter().map(reference).collect(),
        },
        Rule {
            check: "liveness",
            what: "every machine has the row that says when it was heard",
            advice: RESTORE,
            looks: vec![look(
                &["machine"],
                "SELECT m.id FROM machine m WHERE NOT EXISTS (SELECT 1 FROM liveness l WHERE l.machine = m.id)",
            )],
        },
        Rule {
            check: "cursors",
            what: "what is stored of a stream lies below its cursor, so that nothing is taken twice",
            advice: RESTORE,
            looks: vec![look(&["machine", "stream", "cursor", "event"], EVENTS), look(GAP_LABELS, GAPS)],
        },
        Rule {
            check: "incidents",
            what: "a cause has one open incident",
            advice: RESTORE,
            looks: vec![look(
                &["scope", "check", "instance", "open"],
                "SELECT scope, name, instance, count(*) FROM incident WHERE resolved IS NULL \
                 GROUP BY scope, name, instance HAVING count(*) > 1",
            )],
        },
        Rule {
            check: "tickets",
            what: "a group has one open ticket in its school, numbers are given once and counted",
            advice: RESTORE,
            looks: vec![
                look(
                    &["school", "group", "open tickets"],
                    "SELECT school, group_key, count(*) FROM ticket WHERE resolved IS NULL \
                     GROUP BY school, group_key HAVING count(*) > 1",
                ),
                look(&["number", "tickets"], "SELECT number, count(*) FROM ticket GROUP BY number HAVING count(*) > 1"),
                look(
                    &["ticket number beyond the counter", "counter"],
                    "SELECT t.number, coalesce(c.value, 0) FROM ticket t \
                     LEFT JOIN counter c ON c.name = 'ticket' AND c.shard = 0 WHERE t.number > coalesce(c.value, 0)",
                ),
            ],
        },
        Rule {
            check: "counters",
            what: "the counters of events and gaps say what is stored",
            advice: FIGURES,
            looks: ["event", "gap"].map(counter).into_iter().collect(),
        },
        Rule {
            check: "rollups",
            what: "the figures kept of each school are those of its rows",
            advice: FIGURES,
            looks: vec![look(ROLLUP_LABELS, ROLLUPS)],
        },
    ]
}

const EVENTS: &str = "SELECT s.machine, s.stream, s.cursor, e.seq FROM stream s JOIN ( \
        SELECT machine, stream, max(seq) AS seq FROM event GROUP BY machine, stream \
    ) e ON e.machine = s.machine AND e.stream = s.stream WHERE e.seq > s.cursor";
const GAP_LABELS: &[&str] = &["machine", "stream", "cursor", "gap up to"];
const GAPS: &str = "SELECT s.machine, s.stream, s.cursor, g.last FROM stream s \
    JOIN gap g ON g.machine = s.machine AND g.stream = s.stream WHERE g.last > s.cursor OR g.first > g.last";

fn counter(table: &'static str) -> Look {
    Look {
        labels: &["counted", "stored"],
        text: format!(
            "SELECT c.kept, s.stored FROM \
                (SELECT coalesce(CAST(sum(value) AS BIGINT), 0) AS kept FROM counter WHERE name = '{table}') AS c, \
                (SELECT count(*) AS stored FROM {table}) AS s WHERE c.kept <> s.stored"
        ),
        begin: format!("{table}: "),
    }
}

/// Table, column, the table that it points to and the column there.
const REFERENCES: &[[&str; 4]] = &[
    ["school_state", "school", "school", "id"],
    ["network", "school", "school", "id"],
    ["line", "school", "school", "id"],
    ["line_state", "line", "line", "id"],
    ["token", "school", "school", "id"],
    ["machine", "school", "school", "id"],
    ["check_state", "school", "school", "id"],
    ["ticket", "school", "school", "id"],
    ["incident", "school", "school", "id"],
    ["outbox", "school", "school", "id"],
    ["school_rollup", "school", "school", "id"],
    ["certificate", "machine", "machine", "id"],
    ["liveness", "machine", "machine", "id"],
    ["boot", "machine", "machine", "id"],
    ["finding", "machine", "machine", "id"],
    ["machine_change", "machine", "machine", "id"],
    ["machine_hand", "machine", "machine", "id"],
    ["machine_kin", "machine", "machine", "id"],
    ["machine_kin", "former", "machine", "id"],
    ["stream", "machine", "machine", "id"],
    ["event", "machine", "machine", "id"],
    ["gap", "machine", "machine", "id"],
    ["announced", "machine", "machine", "id"],
    ["section", "machine", "machine", "id"],
    ["sample", "machine", "machine", "id"],
    ["sample_latest", "machine", "machine", "id"],
    ["check_state", "machine", "machine", "id"],
    ["ticket", "machine", "machine", "id"],
    ["incident", "machine", "machine", "id"],
    ["incident", "ticket", "ticket", "id"],
    ["ticket", "follows", "ticket", "id"],
    ["maintenance", "school", "school", "id"],
    ["maintenance", "machine", "machine", "id"],
    ["incident_history", "incident", "incident", "id"],
    ["ticket_entry", "ticket", "ticket", "id"],
    ["outbox", "ticket", "ticket", "id"],
    ["session", "login", "user", "login"],
];

fn reference([table, column, parent, key]: &[&'static str; 4]) -> Look {
    Look {
        labels: &["pointing to", "rows"],
        text: format!(
            "SELECT c.{column}, count(*) FROM \"{table}\" c WHERE c.{column} IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM \"{parent}\" p WHERE p.{key} = c.{column}) GROUP BY c.{column}"
        ),
        begin: format!("{table} without its {parent}: "),
    }
}

const ROLLUP_LABELS: &[&str] = &[
    "school",
    "machines kept",
    "counted",
    "never heard kept",
    "counted",
    "online kept",
    "counted",
    "left kept",
    "counted",
    "silent kept",
    "counted",
    "quarantined kept",
    "counted",
    "open incidents kept",
    "counted",
    "open tickets kept",
    "counted",
];
const ROLLUPS: &str = "SELECT * FROM (SELECT s.id, \
        coalesce(r.machines, 0) AS k1, (SELECT count(*) FROM machine m WHERE m.school = s.id \
            AND m.status IN ('trusted', 'quarantined')) AS c1, \
        coalesce(r.never, 0) AS k2, (SELECT count(*) FROM machine m JOIN liveness l ON l.machine = m.id \
            WHERE m.school = s.id AND m.status IN ('trusted', 'quarantined') AND l.presence = 'never') AS c2, \
        coalesce(r.online, 0) AS k3, (SELECT count(*) FROM machine m JOIN liveness l ON l.machine = m.id \
            WHERE m.school = s.id AND m.status IN ('trusted', 'quarantined') AND l.presence = 'online') AS c3, \
        coalesce(r.gone, 0) AS k4, (SELECT count(*) FROM machine m JOIN liveness l ON l.machine = m.id \
            WHERE m.school = s.id AND m.status IN ('trusted', 'quarantined') AND l.presence = 'left') AS c4, \
        coalesce(r.silent, 0) AS k5, (SELECT count(*) FROM machine m JOIN liveness l ON l.machine = m.id \
            WHERE m.school = s.id AND m.status IN ('trusted', 'quarantined') AND l.presence = 'silent') AS c5, \
        coalesce(r.quarantined, 0) AS k6, (SELECT count(*) FROM machine m WHERE m.school = s.id \
            AND m.status = 'quarantined') AS c6, \
        coalesce(r.open_incidents, 0) AS k7, (SELECT count(*) FROM incident i WHERE i.school = s.id \
            AND i.resolved IS NULL) AS c7, \
        coalesce(r.open_tickets, 0) AS k8, (SELECT count(*) FROM ticket t WHERE t.school = s.id \
            AND t.resolved IS NULL) AS c8 \
        FROM school s LEFT JOIN school_rollup r ON r.school = s.id) AS f \
    WHERE k1 <> c1 OR k2 <> c2 OR k3 <> c3 OR k4 <> c4 OR k5 <> c5 OR k6 <> c6 OR k7 <> c7 OR k8 <> c8";
