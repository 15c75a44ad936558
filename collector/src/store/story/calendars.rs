//! Calendars of schools: what is usual, what is set for the fleet and for schools, closures, school holidays.

use super::*;
use crate::calendar::{
    CalendarSettings, Closed, Closure, ClosureReason, Day, HolidayTable, NetworkKind, Region, SchoolCalendars, Stretch,
    Zone,
};
use jiff::civil::{Date, date};
use vigie_shared::id::ClosureId;
use vigie_shared::uai::Uai;

on_every_store!(
    a_school_has_the_usual_calendars_of_its_place,
    what_a_school_sets_wins_over_the_fleet_and_comes_off_again,
    a_setting_that_makes_no_sense_is_refused_and_nothing_changes,
    closures_of_a_school_and_of_all_close_the_networks_they_name,
    a_closure_is_taken_away_by_whoever_may,
    closures_are_bounded_and_the_same_is_one,
    school_holidays_are_replaced_year_by_year_if_they_are_whole,
    a_directory_that_moves_a_school_moves_its_calendar,
    a_change_wakes_the_schools_it_touches,
    calendars_are_shared_and_kept_until_something_changes,
    what_a_transaction_gave_up_is_not_kept,
    what_makes_no_sense_as_stored_does_not_count,
);

fn uai(text: &str) -> Uai {
    text.parse().unwrap()
}

async fn two_schools(store: &Arc<dyn Store>) {
    let rows = vec![school_row(UAI, "Collège Alpha"), school_row(OTHER_UAI, "Collège Bêta")];
    store.import_schools(rows, at(0)).await.unwrap();
}

async fn of(store: &Arc<dyn Store>, school: &str) -> SchoolCalendars {
    store.calendars(uai(school)).await.unwrap()
}

fn settings(fields: &str) -> Option<CalendarSettings> {
    Some(CalendarSettings::parse(&format!("{{\"version\":1,{fields}}}")).unwrap())
}

fn snow(school: Option<&str>, network: Option<NetworkKind>, from: &str, to: &str) -> NewClosure {
    let closure = Closure::new(Stretch::parse(from, to).unwrap(), ClosureReason::Snow, "routes coupées").unwrap();
    NewClosure { school: school.map(uai), network, closure, by: "superviseur".to_owned(), now: at(5) }
}

fn is_snowed_in(calendars: &SchoolCalendars, kind: NetworkKind, day: Date) -> bool {
    matches!(calendars.of(kind).day(day), Day::Closed(Closed::Exceptional { reason: ClosureReason::Snow, .. }))
}

const MONDAY: Date = date(2026, 11, 23);

async fn a_school_has_the_usual_calendars_of_its_place(world: &World) {
    let store = world.open();
    two_schools(&store).await;
    let lorraine = SchoolRow {
        academy: "Nancy-Metz".to_owned(),
        department: "Moselle".to_owned(),
        ..school_row(UAI, "Collège Alpha")
    };
    store.import_schools(vec![lorraine], at(1)).await.unwrap();

    let (alpha, beta) = (of(&store, UAI).await, of(&store, OTHER_UAI).await);

    assert_eq!((alpha.pedagogical.zone(), alpha.administrative.zone()), (Some(Zone::B), None));
    assert_eq!(alpha.pedagogical.rules().holidays, Some(Region::AlsaceMoselle));
    // Nothing is known of the académie: the school's number says Val-d'Oise.
    assert_eq!((beta.pedagogical.zone(), beta.pedagogical.rules().holidays), (Some(Zone::C), Some(Region::France)));
    assert_eq!(store.calendar_settings(None).await.unwrap(), None);
    assert!(store.closures(None).await.unwrap().is_empty());
    assert_eq!(store.school_holidays().await.unwrap(), *HolidayTable::shipped());
    assert!(matches!(store.calendars(uai("0959903Y")).await, Err(StoreError::NotFound(_))));
}

async fn what_a_school_sets_wins_over_the_fleet_and_comes_off_again(world: &World) {
    let store = world.open();
    two_schools(&store).await;
    let fleet = settings(r#""pedagogical":{"zone":"A","hours":{"monday":[]}},"administrative":{"zone":"C"}"#);
    let own = settings(r#""pedagogical":{"zone":"B"}"#);

    store.set_calendar(None, fleet.clone(), "superviseur", at(2)).await.unwrap();
    store.set_calendar(Some(uai(UAI)), own.clone(), "superviseur", at(3)).await.unwrap();

    let (alpha, beta) = (of(&store, UAI).await, of(&store, OTHER_UAI).await);
    assert_eq!((alpha.pedagogical.zone(), beta.pedagogical.zone()), (Some(Zone::B), Some(Zone::A)));
    for calendars in [&alpha, &beta] {
        assert_eq!(calendars.administrative.zone(), Some(Zone::C));
        assert_eq!(calendars.pedagogical.day(MONDAY), Day::Closed(Closed::Weekday));
    }
    assert_eq!(store.calendar_settings(None).await.unwrap(), fleet);
    assert_eq!(store.calendar_settings(Some(uai(UAI))).await.unwrap(), own);
    assert_eq!(store.calendar_settings(Some(uai(OTHER_UAI))).await.unwrap(), None);

    store.set_calendar(None, None, "superviseur", at(4)).await.unwrap();
    store.set_calendar(Some(uai(UAI)), None, "superviseur", at(4)).await.unwrap();
    assert_eq!(of(&store, UAI).await.pedagogical.zone(), Some(Zone::C));
    let (again, _) = (world.open(), store);
    assert_eq!(again.calendar_settings(None).await.unwrap(), None);
}

async fn a_setting_that_makes_no_sense_is_refused_and_nothing_changes(world: &World) {
    let store = world.open();
    two_schools(&store).await;
    let mut bad = CalendarSettings::default();
    bad.pedagogical.zone = Some("D".to_owned());

    let refused = store.set_calendar(None, Some(bad), "superviseur", at(2)).await;

    assert!(matches!(&refused, Err(StoreError::Conflict(why)) if why.contains("pedagogical.zone")), "{refused:?}");
    let unknown = store.set_calendar(Some(uai("0959903Y")), settings(r#""pedagogical":{}"#), "x", at(2)).await;
    assert!(matches!(unknown, Err(StoreError::NotFound(_))));
    assert_eq!(store.calendar_settings(None).await.unwrap(), None);
}

async fn closures_of_a_school_and_of_all_close_the_networks_they_name(world: &World) {
    use NetworkKind::{Administrative, Pedagogical};
    let store = world.open();
    two_schools(&store).await;
    let tuesday = date(2026, 11, 24);
    let own = snow(Some(UAI), Some(Pedagogical), "2026-11-23", "2026-11-23");
    let all = snow(None, None, "2026-11-24", "2026-11-24");
    let hours = snow(Some(UAI), None, "2026-11-26T09:00:00Z", "2026-11-26T11:00:00Z");
    for closure in [&all, &own, &hours] {
        store.add_closure(closure.clone()).await.unwrap();
    }

    let (alpha, beta) = (of(&store, UAI).await, of(&store, OTHER_UAI).await);

    assert!(is_snowed_in(&alpha, Pedagogical, MONDAY) && !is_snowed_in(&alpha, Administrative, MONDAY));
    assert!(!is_snowed_in(&beta, Pedagogical, MONDAY));
    for calendars in [&alpha, &beta] {
        assert!(is_snowed_in(calendars, Pedagogical, tuesday) && is_snowed_in(calendars, Administrative, tuesday));
    }
    let ten: Timestamp = "2026-11-26T10:00:00Z".parse().unwrap();
    assert!(!alpha.administrative.is_open(ten) && beta.administrative.is_open(ten));
    let listed = store.closures(Some(uai(UAI))).await.unwrap();
    let told: Vec<_> = listed.iter().map(|row| (row.school, row.network, row.closure.clone())).collect();
    let as_given = |new: &NewClosure| (new.school, new.network, new.closure.clone());
    assert_eq!(told, [as_given(&own), as_given(&all), as_given(&hours)]);
    assert!(listed.iter().all(|row| row.by == "superviseur" && row.created == at(5)));
    assert_eq!(store.closures(Some(uai(OTHER_UAI))).await.unwrap().len(), 1);
    assert_eq!(store.closures(None).await.unwrap().len(), 3);
}

async fn a_closure_is_taken_away_by_whoever_may(world: &World) {
    let store = world.open();
    two_schools(&store).await;
    let own = store.add_closure(snow(Some(UAI), None, "2026-11-23", "2026-11-23")).await.unwrap();
    let all = store.add_closure(snow(None, None, "2026-11-24", "2026-11-24")).await.unwrap();

    for (id, of) in [(own, OTHER_UAI), (all, UAI), (ClosureId::new(), UAI)] {
        let refused = store.remove_closure(id, Some(uai(of)), at(6)).await;
        assert!(matches!(refused, Err(StoreError::NotFound(_))));
    }
    assert_eq!(store.closures(None).await.unwrap().len(), 2);
    let gone = store.remove_closure(own, Some(uai(UAI)), at(6)).await.unwrap();
    assert_eq!((gone.id, gone.school), (own, Some(uai(UAI))));
    store.remove_closure(all, None, at(6)).await.unwrap();
    assert!(store.closures(None).await.unwrap().is_empty());
    assert!(!is_snowed_in(&of(&store, UAI).await, NetworkKind::Pedagogical, MONDAY));
}

async fn closures_are_bounded_and_the_same_is_one(world: &World) {
    let store = world.open();
    two_schools(&store).await;
    let first = store.add_closure(snow(None, None, "2026-11-23", "2026-11-23")).await.unwrap();
    assert_eq!(store.add_closure(snow(None, None, "2026-11-23", "2026-11-23")).await.unwrap(), first);
    for n in 1..500 {
        let day = date(2026, 11, 23).saturating_add(jiff::Span::new().days(n)).to_string();
        store.add_closure(snow(None, None, &day, &day)).await.unwrap();
    }
    let one_more = store.add_closure(snow(None, None, "2020-01-01", "2020-01-01")).await;
    assert!(matches!(&one_more, Err(StoreError::Conflict(why)) if why.contains("500")), "{one_more:?}");
    store.add_closure(snow(Some(UAI), None, "2020-01-01", "2020-01-01")).await.unwrap();
    let nowhere = store.add_closure(snow(Some("0959903Y"), None, "2020-01-01", "2020-01-01")).await;
    assert!(matches!(nowhere, Err(StoreError::NotFound(_))));
}

async fn school_holidays_are_replaced_year_by_year_if_they_are_whole(world: &World) {
    let store = world.open();
    two_schools(&store).await;
    let text = "C;2027-10-23;2027-11-08;Toussaint\nC;2027-12-18;2028-01-03;Noël\nC;2028-02-12;2028-02-28;Hiver\n\
                C;2028-04-08;2028-04-24;Printemps\nC;2028-07-08;2028-09-01;Été\nA;2027-10-23;2027-11-08;Toussaint\n\
                C;2026-10-17;2026-11-02;Toussaint\n";
    assert!(!of(&store, UAI).await.pedagogical.knows(date(2027, 9, 1)));

    let table = HolidayTable::parse(text).unwrap();
    let done = store.set_school_holidays(table, "superviseur", at(7)).await.unwrap();

    assert_eq!(done.set, [(Zone::C, 2027)]);
    assert_eq!(done.partial, [(Zone::A, 2027), (Zone::C, 2026)]);
    let college = of(&store, UAI).await.pedagogical;
    assert_eq!(college.day(date(2027, 10, 25)), Day::Closed(Closed::SchoolHolidays("Toussaint".to_owned())));
    assert_eq!(college.known_until(MONDAY), Some(date(2028, 8, 31)));
    assert!(matches!(college.day(date(2027, 2, 8)), Day::Closed(Closed::SchoolHolidays(_))), "the year before stays");
    let again = "C;2027-10-16;2027-11-02;Toussaint\nC;2027-12-18;2028-01-03;Noël\nC;2028-02-12;2028-02-28;Hiver\n\
                 C;2028-04-08;2028-04-24;Printemps\nC;2028-07-08;2028-09-01;Été\n";
    store.set_school_holidays(HolidayTable::parse(again).unwrap(), "superviseur", at(8)).await.unwrap();
    assert_eq!(store.school_holidays().await.unwrap().of(Zone::C, 2027)[0].first, date(2027, 10, 16));

    store.clear_school_holidays(Zone::C, 2027, at(9)).await.unwrap();

    assert_eq!(store.school_holidays().await.unwrap(), *HolidayTable::shipped());
    assert!(!of(&store, UAI).await.pedagogical.knows(date(2027, 9, 1)));
    let again = store.clear_school_holidays(Zone::C, 2027, at(10)).await;
    assert!(matches!(again, Err(StoreError::NotFound(_))));
}

async fn a_directory_that_moves_a_school_moves_its_calendar(world: &World) {
    let store = world.open();
    two_schools(&store).await;
    assert_eq!(of(&store, UAI).await.pedagogical.zone(), Some(Zone::C));
    let row = SchoolRow { academy: "Lyon".to_owned(), ..school_row(UAI, "Collège Alpha") };
    store.import_schools(vec![row], at(1)).await.unwrap();
    assert_eq!(of(&store, UAI).await.pedagogical.zone(), Some(Zone::A));
}

async fn a_change_wakes_the_schools_it_touches(world: &World) {
    let (store, tiny) = (world.open(), Tiny::new());
    let agent = one_machine(&store).await;
    sync(&store, &tiny, agent.call(60, 1, 2, &[(1, 50, internet(CheckState::Ok))])).await.unwrap();
    let school = school_id(&store).await;
    let mut changes = store.changes();
    assert!(due(&store, 70).await.is_empty());

    let new = NewClosure { now: at(70), ..snow(Some(UAI), None, "2026-11-23", "2026-11-23") };
    store.add_closure(new).await.unwrap();
    assert_eq!(due(&store, 70).await, [school]);
    assert_eq!(changes.recv().await.unwrap().0, school, "its pages are told");

    // The lease of whoever asked runs out.
    store.set_calendar(None, settings(r#""pedagogical":{"zone":"A"}"#), "superviseur", at(90)).await.unwrap();
    assert_eq!(due(&store, 90).await, [school]);
}

async fn calendars_are_shared_and_kept_until_something_changes(world: &World) {
    let store = world.open();
    two_schools(&store).await;
    let (alpha, beta) = (of(&store, UAI).await, of(&store, OTHER_UAI).await);
    assert!(Arc::ptr_eq(&alpha.pedagogical, &beta.pedagogical), "schools that differ in nothing share their calendars");
    assert!(Arc::ptr_eq(&alpha.pedagogical, &of(&store, UAI).await.pedagogical), "they are kept");

    // Another collector on the same store changes something: what is kept here no longer counts.
    world.open().add_closure(snow(Some(UAI), None, "2026-11-23", "2026-11-23")).await.unwrap();

    let after = of(&store, UAI).await;
    assert!(is_snowed_in(&after, NetworkKind::Pedagogical, MONDAY));
    assert!(!Arc::ptr_eq(&after.pedagogical, &of(&store, OTHER_UAI).await.pedagogical));
}

async fn what_a_transaction_gave_up_is_not_kept(world: &World) {
    let store = world.open();
    two_schools(&store).await;
    let school = school_id(&store).await;
    let sql = world.connection();
    let zone = || sql::calendars::of_school(&sql, school).unwrap().pedagogical.zone();
    assert_eq!(zone(), Some(Zone::C));
    let set = |zone: &str| {
        let mut tx = sql::calendars::tests::transaction(&sql);
        let given = settings(&format!("\"pedagogical\":{{\"zone\":\"{zone}\"}}"));
        sql::calendars::set(&mut tx, None, given.as_ref(), "x", at(9)).unwrap();
        assert_eq!(tx.calendars(school).unwrap().pedagogical.zone(), Zone::parse(zone));
    };

    sql.engine().begin().unwrap();
    set("A");
    sql.execute("ROLLBACK", &[]).unwrap();
    assert_eq!(zone(), Some(Zone::C));
    sql.engine().begin().unwrap();
    set("B");
    sql.execute("COMMIT", &[]).unwrap();
    assert_eq!(zone(), Some(Zone::B));
}

async fn what_makes_no_sense_as_stored_does_not_count(world: &World) {
    let store = world.open();
    two_schools(&store).await;
    store.set_calendar(None, settings(r#""pedagogical":{"zone":"A"}"#), "superviseur", at(2)).await.unwrap();
    store.add_closure(snow(Some(UAI), None, "2026-11-23", "2026-11-23")).await.unwrap();
    let sql = world.connection();
    sql.execute("UPDATE calendar SET body = '{\"version\":1,\"pedagogical\":{\"zone\":\"D\"}}'", &[]).unwrap();
    sql.execute("UPDATE closure SET starts = 'soon'", &[]).unwrap();

    let college = sql::calendars::of_school(&sql, school_id(&store).await).unwrap().pedagogical;

    assert_eq!((college.zone(), college.closures().len()), (Some(Zone::C), 0), "as usual");
    let mut problems = Vec::new();
    let told = &mut |outcome: sql::check::Outcome| problems.extend(outcome.first);
    sql::check::run(&sql, told).unwrap();
    assert!(problems.iter().any(|p| p.contains("pedagogical.zone")), "{problems:?}");
    assert!(problems.iter().any(|p| p.contains("« soon »")), "{problems:?}");
}
