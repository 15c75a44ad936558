//! Files as people have them: the published directory, spreadsheets' exports, and files that are wrong.

use super::*;
use proptest::prelude::*;

/// The header of the national directory as its service exports it, shortened to the columns around those we read.
const NATIONAL: &str = "Identifiant_de_l_etablissement,Nom_etablissement,Type_etablissement,Statut_public_prive,\
Adresse_1,Code_postal,Code_commune,Nom_commune,Code_departement,Code_academie,Telephone,Libelle_departement,\
Libelle_academie,Libelle_region,libelle_nature,etat";

fn uai(text: &str) -> Uai {
    text.parse().unwrap()
}

fn errors(bytes: &[u8]) -> Vec<LineError> {
    parse(bytes).expect_err("this file must be refused")
}

fn only_error(text: &str) -> LineError {
    let mut errors = errors(text.as_bytes());
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

/// A valid school number for a seven-digit number.
fn number(digits: u32) -> String {
    (b'A'..=b'Z').map(|l| format!("{digits:07}{}", char::from(l))).find(|text| text.parse::<Uai>().is_ok()).unwrap()
}

#[test]
fn the_national_directory_is_understood() {
    let file = format!(
        "{NATIONAL}\r\n0959901W,\"Collège Les Tilleuls, annexe\",Collège,Public,1 rue des Écoles,95999,95998,\
         Ville-Exemple,095,25,01 00 00 00 00,Val-d'Oise,Versailles,Ile-de-France,COLLEGE,OUVERT\r\n"
    );
    let rows = parse(file.as_bytes()).unwrap();
    assert_eq!(
        rows,
        [SchoolRow {
            uai: uai("0959901W"),
            name: "Collège Les Tilleuls, annexe".into(),
            kind: "Collège".into(),
            town: "Ville-Exemple".into(),
            postcode: "95999".into(),
            academy: "Versailles".into(),
            department: "Val-d'Oise".into(),
            basin: None,
        }]
    );
}

#[test]
fn french_labels_semicolons_and_a_bom_are_understood() {
    let file = "\u{feff}Identifiant de l'établissement;Nom de l'établissement;Code postal;Nom de la commune;Code département\n\
                0959901W;Collège Les Tilleuls;95999;Ville-Exemple;095\n";
    let rows = parse(file.as_bytes()).unwrap();
    assert_eq!(rows[0].name, "Collège Les Tilleuls");
    assert_eq!(rows[0].town, "Ville-Exemple");
    assert_eq!(rows[0].department, "095");
    assert_eq!(rows[0].academy, "");
}

#[test]
fn a_simple_list_with_any_separator_and_any_order_of_columns_is_understood() {
    for separator in [",", ";", "\t"] {
        let file = format!(
            "basin{separator}Town{separator}NAME{separator}uai\n\
             Nord{separator}Ville-Exemple{separator}École du Parc{separator}0959901w\n"
        );
        let rows = parse(file.as_bytes()).unwrap();
        assert_eq!(rows[0].basin.as_deref(), Some("Nord"), "separator {separator:?}");
        assert_eq!((rows[0].name.as_str(), rows[0].uai), ("École du Parc", uai("0959901W")));
    }
}

#[test]
fn windows_1252_and_utf_16_are_read_like_utf_8() {
    let file = "uai;nom;commune\r\n0959901W;Collège Cœur d’Île;Évry-Exemple\r\n";
    let expected = parse(file.as_bytes()).unwrap();
    let (windows, _, _) = WINDOWS_1252.encode(file);
    assert_eq!(parse(&windows).unwrap(), expected);
    let utf_16: Vec<u8> = "\u{feff}".encode_utf16().chain(file.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(parse(&utf_16).unwrap(), expected);
    assert_eq!(expected[0].name, "Collège Cœur d’Île");
}

#[test]
fn missing_columns_are_one_error_that_lists_what_was_looked_for_and_found() {
    let error = only_error("code;ville\n0959901W;Ville-Exemple\n");
    assert_eq!((error.line, error.code), (1, Code::ColumnsMissing));
    for word in ["school number", "identifiant_de_l_etablissement", "uai", "nom_etablissement", "Found: code, ville"] {
        assert!(error.message.contains(word), "{word} in {}", error.message);
    }
}

#[test]
fn a_column_that_stands_twice_is_refused() {
    let error = only_error("uai;nom;UAI\n0959901W;Collège;0959901W\n");
    assert_eq!((error.code, error.column.as_deref()), (Code::ColumnTwice, Some("uai")));
}

#[test]
fn a_wrong_check_letter_names_line_field_and_expected_letter() {
    let error = only_error("Numéro UAI;nom\n0959901W;Collège A\n0959902A;Collège B\n");
    assert_eq!((error.line, error.code), (3, Code::UaiLetter));
    assert_eq!(error.column.as_deref(), Some("Numéro UAI"));
    let shown = error.to_string();
    assert!(shown.starts_with("line 3, column « Numéro UAI »: "), "{shown}");
    assert!(shown.contains("X is expected") && shown.ends_with("[uai_letter]"), "{shown}");
}

#[test]
fn every_wrong_line_is_named_and_nothing_is_kept() {
    let errors = errors(b"uai,name\n0959901W,A\nabc,B\n,C\n0959902X,\n");
    let seen: Vec<_> = errors.iter().map(|error| (error.line, error.code)).collect();
    assert_eq!(seen, [(3, Code::UaiShape), (4, Code::ValueMissing), (5, Code::ValueMissing)]);
}

#[test]
fn a_school_that_stands_twice_is_named_with_both_lines() {
    let error = only_error("uai,name\n0959901W,A\n0959902X,B\n0959901w,C\n");
    assert_eq!((error.line, error.code), (4, Code::UaiTwice));
    assert!(error.message.contains("lines 2 and 4"), "{}", error.message);
}

#[test]
fn blank_lines_are_ignored_and_lines_are_counted_as_an_editor_does() {
    for end in ["\n", "\r\n", "\r"] {
        let file = ["", "uai,name", "", ",", "0959901W,A", "", "", "wrong,B", ""].join(end);
        let error = only_error(&file);
        assert_eq!((error.line, error.code), (8, Code::UaiShape), "{end:?}");
    }
}

#[test]
fn a_quoted_value_over_two_lines_in_a_column_that_is_not_read_is_fine_and_counted() {
    let error = only_error("uai,name,notes\n0959901W,A,\"two\nlines\"\nwrong,B,\n");
    assert_eq!((error.line, error.code), (4, Code::UaiShape));
}

#[test]
fn a_line_break_inside_a_name_is_refused() {
    let error = only_error("uai,name\n0959901W,\"Collège\nA\"\n");
    assert_eq!((error.line, error.code, error.column.as_deref()), (2, Code::ValueInvalid, Some("name")));
}

#[test]
fn a_quote_that_is_never_closed_does_not_swallow_the_schools_after_it() {
    let error = only_error("uai,name,notes\n0959901W,A,\"open\n0959902X,B,\n0959903Y,C,\n");
    assert_eq!((error.line, error.code), (2, Code::QuoteOpen));
}

#[test]
fn more_values_than_columns_are_refused_and_empty_ones_at_the_end_are_not() {
    let error = only_error("uai,name\n0959901W,Collège A, annexe\n");
    assert_eq!((error.line, error.code), (2, Code::LineTooLong));
    assert_eq!(parse(b"uai,name\n0959901W,A,,\n").unwrap().len(), 1);
}

#[test]
fn values_left_out_at_the_end_of_a_line_are_empty() {
    let rows = parse(b"uai;name;town;basin\n0959901W;A\n").unwrap();
    assert_eq!((rows[0].town.as_str(), rows[0].basin.as_deref()), ("", None));
}

#[test]
fn an_overlong_value_is_refused() {
    let error = only_error(&format!("uai;name\n0959901W;{}\n", "é".repeat(MAX_FIELD_CHARS + 1)));
    assert_eq!((error.line, error.code), (2, Code::ValueTooLong));
    let longest = format!("uai;name\n0959901W;{}\n", "é".repeat(MAX_FIELD_CHARS));
    assert!(parse(longest.as_bytes()).is_ok());
}

#[test]
fn empty_files_and_headers_alone_are_refused() {
    for (file, code) in [("", Code::FileEmpty), ("\u{feff}\r\n \n", Code::FileEmpty), ("uai,name\n", Code::NoRows)] {
        assert_eq!(only_error(file).code, code, "{file:?}");
    }
}

#[test]
fn a_file_above_the_bound_is_refused_before_it_is_read() {
    assert_eq!(errors(&vec![b'x'; MAX_BYTES + 1])[0].code, Code::FileTooLarge);
}

#[test]
fn more_schools_than_the_bound_are_refused() {
    let mut file = String::from("uai,name\n");
    for digits in 0..=u32::try_from(MAX_ROWS).unwrap() {
        file.push_str(&format!("{},School\n", number(digits)));
    }
    assert_eq!(only_error(&file).code, Code::TooManyRows);
}

#[test]
fn reading_stops_after_many_errors_and_says_so() {
    let errors = errors(format!("uai,name\n{}", "wrong,A\n".repeat(5_000)).as_bytes());
    assert_eq!(errors.len(), MAX_ERRORS + 1);
    assert_eq!(errors[MAX_ERRORS].code, Code::TooManyErrors);
}

proptest! {
    #[test]
    fn any_bytes_are_answered_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn any_lines_below_a_header_give_rows_or_errors_never_both_nor_neither(body in "[0-9AW,;\"\r\né]{0,200}") {
        match parse(format!("uai,name\n{body}").as_bytes()) {
            Ok(rows) => prop_assert!(!rows.is_empty()),
            Err(errors) => prop_assert!(!errors.is_empty()),
        }
    }

    #[test]
    fn what_a_csv_writer_writes_is_read_back(
        schools in prop::collection::btree_map(0u32..10_000_000, ("[!-~é]([ -~é]{0,30}[!-~é])?", "[ -~é]{0,20}"), 1..20),
        separator in prop::sample::select(vec![b',', b';', b'\t'])
    ) {
        let mut writer = csv::WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
        writer.write_record(["uai", "name", "town"]).unwrap();
        for (digits, (name, town)) in &schools {
            writer.write_record([&number(*digits), name, town]).unwrap();
        }
        let rows = parse(&writer.into_inner().unwrap()).unwrap();
        let read: Vec<_> = rows.iter().map(|row| (row.uai.to_string(), row.name.clone(), row.town.clone())).collect();
        let written: Vec<_> = schools.into_iter()
            .map(|(digits, (name, town))| (number(digits), name, town.trim().to_owned()))
            .collect();
        prop_assert_eq!(read, written);
    }
}
