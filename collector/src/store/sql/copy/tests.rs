//! A copy holds what was read, whatever is in it, and says so in figures.

use super::*;
use crate::store::sql::row::params;
use crate::store::sql::tables::PASSING;
use crate::store::sqlite;

struct Stores {
    _folder: tempfile::TempDir,
    from: Sql,
    to: Sql,
}

fn stores() -> Stores {
    let folder = tempfile::tempdir().unwrap();
    let from = sqlite::connection(&folder.path().join("from.sqlite")).unwrap();
    let to = sqlite::connection(&folder.path().join("to.sqlite")).unwrap();
    Stores { _folder: folder, from, to }
}

/// A store with something in every table, in more rows than a page where that costs little. References are made whole.
fn fill(sql: &Sql) {
    sql.script("PRAGMA foreign_keys = off; DELETE FROM counter").unwrap();
    for table in TABLES.iter().chain(PASSING) {
        let rows = match table.name {
            "authority" | "collector" | "calendar_state" => 1,
            "policy" | "section" | "refused" => 2 * table.page + 3,
            "event" => 2 * table.page,
            _ => 7,
        };
        let names = Table::list(table.columns.iter());
        let places: Vec<String> = (1..=table.columns.len()).map(|place| format!("?{place}")).collect();
        let text = format!("INSERT INTO \"{}\" ({names}) VALUES ({})", table.name, places.join(", "));
        for row in 1..=rows {
            let values: Vec<Value> = table.columns.iter().map(|column| invented(table.name, column, row)).collect();
            let values: Vec<&dyn Bind> = values.iter().map(|value| value as &dyn Bind).collect();
            sql.execute(&text, &values).unwrap();
        }
    }
    sql.script("PRAGMA foreign_keys = on").unwrap();
}

fn invented(table: &str, column: &Column, row: usize) -> Value {
    let number = i64::try_from(row).unwrap();
    match (table, column.name, column.kind) {
        ("closure", "network", _) if row.is_multiple_of(2) => Value::Null,
        ("network", "kind", _) | ("closure", "network", _) => Value::Text("pedagogical".to_owned()),
        ("machine", "status", _) => Value::Text("trusted".to_owned()),
        ("line", "probe", _) => Value::Text("ping".to_owned()),
        ("maintenance", "scope", _) => Value::Text("fleet".to_owned()),
        ("maintenance", "ends", _) => Value::Int(number + 1),
        ("machine_hand", "state", _) => Value::Text("in_service".to_owned()),
        ("software_reference", "kind", _) => Value::Text("end_of_life".to_owned()),
        ("user", "role", _) => Value::Text("technician".to_owned()),
        ("session", "login", _) => Value::Text("login-1-é\n".to_owned()),
        ("token", "used", _) => Value::Int(0),
        ("token", "uses", _) => Value::Int(number),
        (_, "basin" | "resolved" | "problem" | "complete_body", _) if row.is_multiple_of(2) => Value::Null,
        (_, name, Kind::Text) => Value::Text(format!("{name}-{row}-é\n")),
        (_, _, Kind::Int) => Value::Int(if row == 7 { i64::MIN } else { number }),
        (_, _, Kind::Real) => Value::Real([-0.0, 0.1, 1e300, -7.0][row % 4]),
        (_, _, Kind::Blob) => Value::Blob([[0, 255, 39, 92].as_slice(), &number.to_be_bytes(), &[0; 4]].concat()),
    }
}

fn all(from: &Sql, to: &Sql) -> Result<Transferred, StoreError> {
    transfer(from, to, &mut |_, _| {}, &mut |_, _| Ok(()))
}

#[test]
fn a_copy_holds_every_row_of_every_table_but_what_passes() {
    let stores = stores();
    fill(&stores.from);

    let done = all(&stores.from, &stores.to).unwrap();

    assert_eq!(done.read, done.written);
    assert!(done.read.iter().all(|(_, sum)| sum.rows > 0), "{done:?}");
    assert_eq!((rows(&done.read, "event"), rows(&done.read, "section")), (2000, 35), "whole pages, and a part of one");
    for table in PASSING {
        let rows: u64 = stores.to.value(&format!("SELECT count(*) FROM {}", table.name), &[]).unwrap();
        assert_eq!(rows, 0, "{}", table.name);
    }
    let leases = "SELECT count(*) FROM school_state WHERE leased_by IS NOT NULL OR leased_until IS NOT NULL";
    assert_eq!(stores.to.value::<u64>(leases, &[]).unwrap(), 0);
    assert_eq!(differences(&done.read, &sums(&stores.to, &mut |_, _| {}).unwrap()), Vec::<String>::new());
}

#[test]
fn any_difference_is_named_with_both_figures() {
    let stores = stores();
    fill(&stores.from);
    let before = all(&stores.from, &stores.to).unwrap().read;
    let changes = [
        ("school", "UPDATE school SET name = name || ' ' WHERE uai = (SELECT min(uai) FROM school)"),
        ("sample", "UPDATE sample SET value = 0.2 WHERE day = 1"),
        ("ticket", "UPDATE ticket SET resolved = NULL WHERE number = 1"),
        ("stream", "UPDATE stream SET cursor = cursor + 1 WHERE cursor = 2"),
        ("gap", "DELETE FROM gap WHERE first = 3"),
    ];
    for (table, change) in changes {
        stores.to.script(&format!("SAVEPOINT change; {change}")).unwrap();
        let found = differences(&before, &sums(&stores.to, &mut |_, _| {}).unwrap());
        assert_eq!(found.len(), 1, "{table}: {found:?}");
        assert!(found[0].starts_with(&format!("table {table}: 7 rows (")), "{}", found[0]);
        stores.to.script("ROLLBACK TO change; RELEASE change").unwrap();
    }
}

#[test]
fn cells_that_moved_from_one_column_to_the_next_are_a_difference() {
    let mut one = Sum::default();
    let mut other = Sum::default();
    one.add(&[Value::Text("ab".into()), Value::Text("c".into()), Value::Null]);
    other.add(&[Value::Text("a".into()), Value::Text("bc".into()), Value::Null]);
    assert_ne!(one, other);
    assert_eq!(Sum::from_parts(1, &one.bytes()), Some(one));
    assert_eq!(Sum::from_parts(1, &one.bytes()[1..]), None);
}

#[test]
fn the_order_of_rows_does_not_matter_but_how_often_they_come_does() {
    let rows = [[Value::Int(1)], [Value::Int(2)], [Value::Int(3)]];
    let sum = |order: &[usize]| {
        let mut sum = Sum::default();
        order.iter().for_each(|place| sum.add(&rows[*place]));
        Sum { rows: 0, ..sum }
    };
    assert_eq!(sum(&[0, 1, 2]), sum(&[2, 0, 1]));
    assert_ne!(sum(&[0, 1, 2]), sum(&[0, 1, 1, 1, 2]), "an exclusive or would not see it");
}

#[test]
fn a_store_that_holds_anything_is_left_as_it_is() {
    let stores = stores();
    fill(&stores.from);
    const USER: &str = "INSERT INTO \"user\" VALUES ('technicien.a', 'x', 'technician', 1)";
    stores.to.script(USER).unwrap();

    let error = all(&stores.from, &stores.to).unwrap_err();

    assert!(matches!(&error, StoreError::Conflict(why) if why.contains("user: 1")), "{error:?}");
    assert_eq!(contents(&stores.to).unwrap(), ["user: 1"]);
}

#[test]
fn a_copy_that_fails_leaves_the_target_empty() {
    let stores = stores();
    fill(&stores.from);
    let stops = |to: &Sql, _: &Sums| to.script("INSERT INTO no_such_table VALUES (1)");
    transfer(&stores.from, &stores.to, &mut |_, _| {}, &mut { stops }).unwrap_err();
    assert_eq!(contents(&stores.to).unwrap(), Vec::<String>::new());

    // What the target refuses: a reference to a school that is not there.
    stores.from.script("PRAGMA foreign_keys = off; DELETE FROM school WHERE uai = 'uai-1-é' || char(10)").unwrap();
    let error = all(&stores.from, &stores.to).unwrap_err().to_string();
    assert!(error.contains("table school_state"), "{error}");
    assert_eq!(contents(&stores.to).unwrap(), Vec::<String>::new());
    all(&stores.to, &stores.from).unwrap_err();
}

#[test]
fn the_source_is_one_snapshot_while_others_write() {
    let stores = stores();
    fill(&stores.from);
    let path = stores._folder.path().join("from.sqlite");
    let other = sqlite::connection(&path).unwrap();
    let mut writes = 0;
    let mut meddle = |_: &str, _: u64| {
        writes += 1;
        let event = params![Value::Blob(vec![1; 16]), i64::from(writes)];
        other.execute("INSERT INTO gap VALUES (?1, ?1, ?2, ?2, ?2)", event).unwrap();
        other.execute("UPDATE counter SET value = value + 1", &[]).unwrap();
    };
    let before = sums(&stores.from, &mut |_, _| {}).unwrap();
    let done = transfer(&stores.from, &stores.to, &mut meddle, &mut |_, _| Ok(())).unwrap();
    // The snapshot begins with the first table that is read, before the first write.
    assert_eq!(done.read, before);
    assert!(writes > 20, "{writes}");
}
