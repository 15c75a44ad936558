//! Zones of school holidays, and where a school lies: its zone, its public holidays, its time zone, from what the
//! national directory says of it.
//!
//! Sources: arrêté du 7 décembre 2022 fixant le calendrier scolaire (académies of zones A, B and C); Code de l'éducation,
//! articles D521-6 and D521-7 (Corse and the overseas académies have calendars of their own); the first three digits of a
//! UAI are the number of its department (620 and 720 in Corse).

use super::Region;
use serde::{Deserialize, Serialize};
use vigie_shared::uai::Uai;

/// Who goes on holiday together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Zone {
    /// Besançon, Bordeaux, Clermont-Ferrand, Dijon, Grenoble, Limoges, Lyon, Poitiers.
    A,
    /// Aix-Marseille, Amiens, Lille, Nancy-Metz, Nantes, Nice, Normandie, Orléans-Tours, Reims, Rennes, Strasbourg.
    B,
    /// Créteil, Montpellier, Paris, Toulouse, Versailles.
    C,
    /// The académie of Corse.
    Corse,
    /// The académie of Guadeloupe.
    Guadeloupe,
    /// The académie of Martinique.
    Martinique,
    /// The académie of Guyane.
    Guyane,
    /// The académie of La Réunion.
    Reunion,
    /// The académie of Mayotte.
    Mayotte,
}

impl Zone {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::A,
        Self::B,
        Self::C,
        Self::Corse,
        Self::Guadeloupe,
        Self::Martinique,
        Self::Guyane,
        Self::Reunion,
        Self::Mayotte,
    ];

    /// The word of settings, tables and screens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::Corse => "Corse",
            Self::Guadeloupe => "Guadeloupe",
            Self::Martinique => "Martinique",
            Self::Guyane => "Guyane",
            Self::Reunion => "Réunion",
            Self::Mayotte => "Mayotte",
        }
    }

    /// From the word, whatever its case and accents.
    pub fn parse(word: &str) -> Option<Self> {
        let word = plain(word);
        Self::ALL.into_iter().find(|zone| plain(zone.as_str()) == word)
    }
}

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        Self::parse(&word).ok_or_else(|| unknown(&word))
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.as_str().to_owned()
    }
}

/// What is said of a word that is no zone.
pub fn unknown(word: &str) -> String {
    let known: Vec<&str> = Zone::ALL.into_iter().map(Zone::as_str).collect();
    format!("« {} » is not a zone: {} are known", super::short(word), known.join(", "))
}

/// Where a school lies, as far as calendars go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Territory {
    /// Its school holidays; `None` where nothing tells.
    pub zone: Option<Zone>,
    /// Its public holidays.
    pub holidays: Region,
    /// Its time zone, a name of the IANA database.
    pub time_zone: &'static str,
}

impl Territory {
    /// From the académie and the department as the directory writes them (either may be empty), and the school's number.
    pub fn of(academy: &str, department: &str, uai: Uai) -> Self {
        let by_uai = by_uai(uai);
        let department = Department::named(department).unwrap_or(by_uai);
        let zone = match by_academy(academy) {
            Some(zone) => Some(zone),
            None => department.zone(),
        };
        Self { zone, holidays: department.holidays(), time_zone: department.time_zone() }
    }
}

/// The académies of each zone, without accents; Caen and Rouen were those of Normandie.
const ACADEMIES: &[(Zone, &[&str])] = &[
    (Zone::A, &["besancon", "bordeaux", "clermont ferrand", "dijon", "grenoble", "limoges", "lyon", "poitiers"]),
    (
        Zone::B,
        &[
            "aix marseille",
            "amiens",
            "caen",
            "lille",
            "nancy metz",
            "nantes",
            "nice",
            "normandie",
            "orleans tours",
            "reims",
            "rennes",
            "rouen",
            "strasbourg",
        ],
    ),
    (Zone::C, &["creteil", "montpellier", "paris", "toulouse", "versailles"]),
    (Zone::Corse, &["corse"]),
    (Zone::Guadeloupe, &["guadeloupe"]),
    (Zone::Martinique, &["martinique"]),
    (Zone::Guyane, &["guyane"]),
    (Zone::Reunion, &["reunion"]),
    (Zone::Mayotte, &["mayotte"]),
];

/// The zone of an académie: « Versailles », « Académie de La Réunion ».
pub fn by_academy(name: &str) -> Option<Zone> {
    let name = plain(name);
    let name = ["academie de ", "academie d "].iter().fold(name.as_str(), |name, start| strip(name, start));
    let name = strip(strip(name, "la "), "l ");
    ACADEMIES.iter().find(|(_, names)| names.contains(&name)).map(|(zone, _)| *zone)
}

fn strip<'a>(text: &'a str, start: &str) -> &'a str {
    text.strip_prefix(start).unwrap_or(text)
}

/// A department by its number; Corse is 20, overseas have three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Department(u16);

/// Departments whose name decides something beside their zone.
const NAMED: &[(&str, u16)] = &[
    ("moselle", 57),
    ("bas rhin", 67),
    ("haut rhin", 68),
    ("corse du sud", 20),
    ("haute corse", 20),
    ("guadeloupe", 971),
    ("martinique", 972),
    ("guyane", 973),
    ("la reunion", 974),
    ("reunion", 974),
    ("saint pierre et miquelon", 975),
    ("mayotte", 976),
];

/// Departments of each zone by number.
const DEPARTMENTS: &[(Zone, &[u16])] = &[
    (
        Zone::A,
        &[
            1, 3, 7, 15, 16, 17, 19, 21, 23, 24, 25, 26, 33, 38, 39, 40, 42, 43, 47, 58, 63, 64, 69, 70, 71, 73, 74,
            79, 86, 87, 89, 90,
        ],
    ),
    (
        Zone::B,
        &[
            2, 4, 5, 6, 8, 10, 13, 14, 18, 22, 27, 28, 29, 35, 36, 37, 41, 44, 45, 49, 50, 51, 52, 53, 54, 55, 56, 57,
            59, 60, 61, 62, 67, 68, 72, 76, 80, 83, 84, 85, 88,
        ],
    ),
    (Zone::C, &[9, 11, 12, 30, 31, 32, 34, 46, 48, 65, 66, 75, 77, 78, 81, 82, 91, 92, 93, 94, 95]),
    (Zone::Corse, &[20]),
    (Zone::Guadeloupe, &[971]),
    (Zone::Martinique, &[972]),
    (Zone::Guyane, &[973]),
    (Zone::Reunion, &[974]),
    (Zone::Mayotte, &[976]),
];

impl Department {
    /// From what the directory writes: a number, or the name of one of [`NAMED`].
    fn named(text: &str) -> Option<Self> {
        let text = plain(text);
        if let Some((_, number)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Some(Self(*number));
        }
        if ["2a", "2b"].iter().any(|corse| text.ends_with(corse)) {
            return Some(Self(20));
        }
        text.parse().ok().filter(|number| *number > 0).map(Self)
    }

    fn zone(self) -> Option<Zone> {
        DEPARTMENTS.iter().find(|(_, numbers)| numbers.contains(&self.0)).map(|(zone, _)| *zone)
    }

    fn holidays(self) -> Region {
        match self.0 {
            57 | 67 | 68 => Region::AlsaceMoselle,
            971 => Region::Guadeloupe,
            972 => Region::Martinique,
            973 => Region::Guyane,
            974 => Region::Reunion,
            976 => Region::Mayotte,
            _ => Region::France,
        }
    }

    fn time_zone(self) -> &'static str {
        match self.0 {
            971 => "America/Guadeloupe",
            972 => "America/Martinique",
            973 => "America/Cayenne",
            974 => "Indian/Reunion",
            975 => "America/Miquelon",
            976 => "Indian/Mayotte",
            _ => "Europe/Paris",
        }
    }
}

/// The department that the first three digits of a school's number name.
fn by_uai(uai: Uai) -> Department {
    let digits = uai.as_str().get(..3).and_then(|digits| digits.parse().ok()).unwrap_or_default();
    Department(match digits {
        620 | 720 => 20,
        number => number,
    })
}

/// Lower case, without accents, words parted by one space: « Académie d'Aix-Marseille » is `academie d aix marseille`.
pub fn plain(text: &str) -> String {
    let letters = text.chars().flat_map(char::to_lowercase).map(|letter| match letter {
        'à' | 'â' | 'ä' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'î' | 'ï' => 'i',
        'ô' | 'ö' => 'o',
        'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        letter if letter.is_alphanumeric() => letter,
        _ => ' ',
    });
    let letters: String = letters.collect();
    letters.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn uai(text: &str) -> Uai {
        text.parse().unwrap()
    }

    #[test]
    fn each_academy_is_in_its_zone_however_it_is_written() {
        for (name, zone) in [
            ("Versailles", Zone::C),
            ("Académie de Créteil", Zone::C),
            ("Académie d'Aix-Marseille", Zone::B),
            ("ORLEANS-TOURS", Zone::B),
            ("Académie de la Réunion", Zone::Reunion),
            ("La Réunion", Zone::Reunion),
            ("Clermont-Ferrand", Zone::A),
            ("Corse", Zone::Corse),
        ] {
            assert_eq!(by_academy(name), Some(zone), "{name}");
        }
        assert_eq!(by_academy("Nulle-Part"), None);
        assert_eq!(by_academy(""), None);
    }

    #[test]
    fn each_department_of_metropolitan_france_has_exactly_one_zone() {
        let listed: Vec<u16> = DEPARTMENTS.iter().flat_map(|(_, numbers)| numbers.iter().copied()).collect();
        let once: BTreeSet<u16> = listed.iter().copied().collect();
        assert_eq!(listed.len(), once.len());
        assert_eq!(once.into_iter().filter(|number| *number < 100).collect::<Vec<_>>(), (1..=95).collect::<Vec<_>>());
    }

    #[test]
    fn where_the_directory_says_nothing_the_number_of_the_school_tells() {
        let alpha = Territory::of("", "", uai("0959901W"));
        assert_eq!(alpha, Territory { zone: Some(Zone::C), holidays: Region::France, time_zone: "Europe/Paris" });
        assert_eq!(Territory::of("Nulle-Part", "Nulle-Part", uai("0959901W")), alpha);
        let moselle = Territory::of("", "", number("0570001"));
        assert_eq!((moselle.zone, moselle.holidays), (Some(Zone::B), Region::AlsaceMoselle));
        assert_eq!(Territory::of("", "", number("6200001")).zone, Some(Zone::Corse));
        let overseas = Territory::of("", "", number("9740001"));
        let expected = Territory { zone: Some(Zone::Reunion), holidays: Region::Reunion, time_zone: "Indian/Reunion" };
        assert_eq!(overseas, expected);
    }

    #[test]
    fn the_department_decides_the_public_holidays_and_the_academy_the_zone() {
        for department in ["Moselle", "57", "057", "Bas-Rhin", "68"] {
            let place = Territory::of("Nancy-Metz", department, uai("0959901W"));
            assert_eq!((place.zone, place.holidays), (Some(Zone::B), Region::AlsaceMoselle), "{department}");
        }
        let place = Territory::of("Nancy-Metz", "Vosges", uai("0959901W"));
        assert_eq!((place.zone, place.holidays), (Some(Zone::B), Region::France));
        assert_eq!(Territory::of("", "2A", uai("0959901W")).zone, Some(Zone::Corse));
        assert_eq!(Territory::of("", "975", uai("0959901W")).zone, None);
    }

    /// A school's number with the letter that its digits demand.
    fn number(digits: &str) -> Uai {
        let found = ('A'..='Z').find_map(|letter| format!("{digits}{letter}").parse().ok());
        found.unwrap()
    }
}
