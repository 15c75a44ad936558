//! Which column of a file holds what: names of the national directory, of its older editions, and of a simple list.

use super::{Code, LineError};

/// What is read of a school.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Uai,
    Name,
    Kind,
    Town,
    Postcode,
    Academy,
    Department,
    DepartmentNumber,
    Basin,
}

/// The names of each field after [`plain`], best first: the annuaire de l'éducation, its French labels, the older
/// "adresse et géolocalisation" edition, a simple list in French or English.
const NAMES: &[(Field, &[&str])] = &[
    (
        Field::Uai,
        &[
            "identifiant_de_l_etablissement",
            "numero_uai",
            "numero_d_uai",
            "uai",
            "code_uai",
            "code_etablissement",
            "rne",
            "code_rne",
        ],
    ),
    (
        Field::Name,
        &[
            "nom_etablissement",
            "nom_de_l_etablissement",
            "appellation_officielle",
            "nom",
            "name",
            "etablissement",
            "school",
        ],
    ),
    (
        Field::Kind,
        &[
            "type_etablissement",
            "type_d_etablissement",
            "type_de_l_etablissement",
            "libelle_nature",
            "nature_uai_libe",
            "type",
            "kind",
        ],
    ),
    (
        Field::Town,
        &[
            "nom_commune",
            "nom_de_la_commune",
            "libelle_commune",
            "libelle_de_la_commune",
            "commune",
            "ville",
            "town",
            "city",
        ],
    ),
    (Field::Postcode, &["code_postal", "code_postal_uai", "postcode", "postal_code"]),
    (Field::Academy, &["libelle_academie", "libelle_de_l_academie", "nom_academie", "academie", "academy"]),
    (
        Field::Department,
        &["libelle_departement", "libelle_du_departement", "nom_departement", "departement", "department"],
    ),
    (Field::DepartmentNumber, &["code_departement", "code_du_departement", "numero_departement"]),
    (Field::Basin, &["bassin", "basin", "nom_bassin", "libelle_bassin", "bassin_de_formation"]),
];

/// Fields without which a school cannot be kept.
const NEEDED: [Field; 2] = [Field::Uai, Field::Name];

const SEPARATORS: [u8; 3] = [b';', b',', b'\t'];

/// The columns of one file.
#[derive(Debug)]
pub(super) struct Columns {
    separator: u8,
    header: Vec<String>,
    /// The place of each field in a line.
    places: Vec<(Field, usize)>,
}

impl Columns {
    /// Reads the header with the separator that finds most of the known columns.
    pub(super) fn detect(text: &str) -> Result<Self, LineError> {
        let candidates = SEPARATORS.map(|separator| header_of(text, separator));
        let best = SEPARATORS.into_iter().zip(candidates).max_by_key(|(_, header)| (known(header), header.len()));
        let (separator, header) = best.unwrap_or_default();
        let mut places = Vec::with_capacity(NAMES.len());
        for (field, names) in NAMES {
            if let Some(place) = place_of(names, &header)? {
                places.push((*field, place));
            }
        }
        let columns = Self { separator, header, places };
        match columns.missing() {
            None => Ok(columns),
            Some(message) => Err(LineError { line: 1, column: None, code: Code::ColumnsMissing, message }),
        }
    }

    pub(super) fn separator(&self) -> u8 {
        self.separator
    }

    /// The number of columns of the header.
    pub(super) fn width(&self) -> usize {
        self.header.len()
    }

    /// The name of a field's column, as the file writes it.
    pub(super) fn name(&self, field: Field) -> Option<&str> {
        self.header.get(self.place(field)?).map(String::as_str)
    }

    /// The value of a field in a line, trimmed; empty where the file has no such column or the line ends before it
    /// (spreadsheets leave out empty values at the end).
    pub(super) fn value<'r>(&self, record: &'r csv::StringRecord, field: Field) -> &'r str {
        self.place(field).and_then(|place| record.get(place)).unwrap_or_default().trim()
    }

    fn place(&self, field: Field) -> Option<usize> {
        self.places.iter().find(|(known, _)| *known == field).map(|(_, place)| *place)
    }

    /// What is needed and not there, with what was looked for and what was found.
    fn missing(&self) -> Option<String> {
        let missing: Vec<String> = NAMES
            .iter()
            .filter(|(field, _)| NEEDED.contains(field) && self.place(*field).is_none())
            .map(|(field, names)| format!("{} (one of: {})", field.title(), names.join(", ")))
            .collect();
        if missing.is_empty() {
            return None;
        }
        let found: Vec<String> = self.header.iter().take(40).map(|name| name.chars().take(60).collect()).collect();
        let more = if self.header.len() > found.len() { ", …" } else { "" };
        let (missing, found) = (missing.join("; "), found.join(", "));
        Some(format!("no column for {missing}. Found: {found}{more}. Is the first line the header?"))
    }
}

impl Field {
    fn title(self) -> &'static str {
        match self {
            Self::Uai => "the school number",
            Self::Name => "the name",
            Self::Kind => "the kind",
            Self::Town => "the town",
            Self::Postcode => "the postcode",
            Self::Academy => "the académie",
            Self::Department => "the département",
            Self::DepartmentNumber => "the number of the département",
            Self::Basin => "the basin",
        }
    }
}

fn header_of(text: &str, separator: u8) -> Vec<String> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut header = csv::StringRecord::new();
    // Memory that is valid UTF-8 can always be read.
    let _ = reader.read_record(&mut header);
    header.iter().map(|name| name.trim().to_owned()).collect()
}

/// The number of columns whose name is known.
fn known(header: &[String]) -> usize {
    header.iter().filter(|name| NAMES.iter().any(|(_, names)| names.contains(&plain(name).as_str()))).count()
}

/// The place of the best name that the header holds; an error where that name stands twice.
fn place_of(names: &[&str], header: &[String]) -> Result<Option<usize>, LineError> {
    for wanted in names {
        let mut places = header.iter().enumerate().filter(|(_, name)| plain(name) == *wanted);
        let Some((place, name)) = places.next() else { continue };
        if let Some((again, _)) = places.next() {
            let message = format!("this column stands twice, as number {} and {}: remove one", place + 1, again + 1);
            return Err(LineError { line: 1, column: Some(name.clone()), code: Code::ColumnTwice, message });
        }
        return Ok(Some(place));
    }
    Ok(None)
}

/// A name without case, accents and punctuation: `Nom de l'établissement` is `nom_de_l_etablissement`.
fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for letter in name.chars().flat_map(char::to_lowercase) {
        match without_accent(letter) {
            letter if letter.is_ascii_alphanumeric() => plain.push(letter),
            _ if plain.is_empty() || plain.ends_with('_') => {}
            _ => plain.push('_'),
        }
    }
    plain.truncate(plain.trim_end_matches('_').len());
    plain
}

fn without_accent(letter: char) -> char {
    match letter {
        'à' | 'â' | 'ä' => 'a',
        'ç' => 'c',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'î' | 'ï' => 'i',
        'ô' | 'ö' => 'o',
        'ù' | 'û' | 'ü' => 'u',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_compared_without_case_accents_and_punctuation() {
        for (written, expected) in [
            ("Identifiant de l'établissement", "identifiant_de_l_etablissement"),
            ("Identifiant_de_l_etablissement", "identifiant_de_l_etablissement"),
            ("  Numéro d’UAI ", "numero_d_uai"),
            ("CODE POSTAL", "code_postal"),
            ("Académie (nom)", "academie_nom"),
            ("—", ""),
        ] {
            assert_eq!(plain(written), expected);
        }
    }

    #[test]
    fn every_listed_name_is_plain_and_stands_for_one_field_only() {
        let all: Vec<&str> = NAMES.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        for name in &all {
            assert_eq!(plain(name), *name);
            assert_eq!(all.iter().filter(|other| *other == name).count(), 1, "{name}");
        }
    }

    proptest! {
        #[test]
        fn plain_is_stable_and_holds_letters_digits_and_underscores(name in ".{0,40}") {
            let once = plain(&name);
            prop_assert!(once.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_'));
            prop_assert_eq!(plain(&once), once);
        }
    }
}
