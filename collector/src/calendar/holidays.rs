//! French public holidays, computed for any year of the Gregorian calendar.
//!
//! Source: Code du travail, articles L3133-1 (the eleven national holidays), L3134-13 (Alsace-Moselle) and L3422-2 (the
//! day that commemorates the abolition of slavery overseas).
//! Easter follows the Gregorian computus in the form of Meeus, Jones and Butcher.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Which list of public holidays applies to a school.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    /// The eleven holidays of the whole country.
    #[default]
    France,
    /// Bas-Rhin, Haut-Rhin and Moselle: Good Friday and 26 December as well.
    AlsaceMoselle,
    /// Guadeloupe: 27 May as well.
    Guadeloupe,
    /// Martinique: 22 May as well.
    Martinique,
    /// Guyane: 10 June as well.
    Guyane,
    /// La Réunion: 20 December as well.
    Reunion,
    /// Mayotte: 27 April as well.
    Mayotte,
}

impl Region {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::France,
        Self::AlsaceMoselle,
        Self::Guadeloupe,
        Self::Martinique,
        Self::Guyane,
        Self::Reunion,
        Self::Mayotte,
    ];

    /// The word of settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::France => "france",
            Self::AlsaceMoselle => "alsace_moselle",
            Self::Guadeloupe => "guadeloupe",
            Self::Martinique => "martinique",
            Self::Guyane => "guyane",
            Self::Reunion => "reunion",
            Self::Mayotte => "mayotte",
        }
    }

    /// From the word of settings.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|region| region.as_str() == word)
    }

    /// Month and day of the abolition of slavery, where it is a public holiday.
    fn abolition(self) -> Option<(i8, i8)> {
        match self {
            Self::France | Self::AlsaceMoselle => None,
            Self::Guadeloupe => Some((5, 27)),
            Self::Martinique => Some((5, 22)),
            Self::Guyane => Some((6, 10)),
            Self::Reunion => Some((12, 20)),
            Self::Mayotte => Some((4, 27)),
        }
    }
}

/// One public holiday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holiday {
    /// 1 January, jour de l'An.
    NewYear,
    /// The Friday before Easter, vendredi saint (Alsace-Moselle).
    GoodFriday,
    /// The day after Easter, lundi de Pâques.
    EasterMonday,
    /// 1 May, fête du Travail.
    LabourDay,
    /// 8 May, victoire de 1945.
    VictoryDay,
    /// Thirty-nine days after Easter, Ascension.
    Ascension,
    /// Fifty days after Easter, lundi de Pentecôte.
    WhitMonday,
    /// 14 July, fête nationale.
    NationalDay,
    /// 15 August, Assomption.
    Assumption,
    /// 1 November, Toussaint.
    AllSaints,
    /// 11 November, armistice de 1918.
    Armistice,
    /// 25 December, Noël.
    Christmas,
    /// 26 December, Saint-Étienne (Alsace-Moselle).
    SaintStephen,
    /// Abolition de l'esclavage, on a day of its own in each overseas department.
    Abolition,
}

impl Holiday {
    /// The word of message keys and settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewYear => "new_year",
            Self::GoodFriday => "good_friday",
            Self::EasterMonday => "easter_monday",
            Self::LabourDay => "labour_day",
            Self::VictoryDay => "victory_day",
            Self::Ascension => "ascension",
            Self::WhitMonday => "whit_monday",
            Self::NationalDay => "national_day",
            Self::Assumption => "assumption",
            Self::AllSaints => "all_saints",
            Self::Armistice => "armistice",
            Self::Christmas => "christmas",
            Self::SaintStephen => "saint_stephen",
            Self::Abolition => "abolition",
        }
    }
}

/// The holiday that falls on `date`. Where two fall together (Ascension on 8 May 1997), the one with the fixed date.
pub fn holiday(date: Date, region: Region) -> Option<Holiday> {
    fixed(date, region).or_else(|| moving(date, region))
}

/// Easter Sunday of a year; `None` outside the years that a [`Date`] can hold.
pub fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let golden = y.rem_euclid(19);
    let (century, of_century) = (y.div_euclid(100), y.rem_euclid(100));
    let (leap_centuries, century_rest) = (century.div_euclid(4), century.rem_euclid(4));
    let moon_shift = (century + 8).div_euclid(25);
    let moon_correction = (century - moon_shift + 1).div_euclid(3);
    let epact = (19 * golden + century - leap_centuries - moon_correction + 15).rem_euclid(30);
    let (leap_years, year_rest) = (of_century.div_euclid(4), of_century.rem_euclid(4));
    let to_sunday = (32 + 2 * century_rest + 2 * leap_years - epact - year_rest).rem_euclid(7);
    let late = (golden + 11 * epact + 22 * to_sunday).div_euclid(451);
    let day_count = epact + to_sunday - 7 * late + 114;
    let month = i8::try_from(day_count.div_euclid(31)).ok()?;
    let day = i8::try_from(day_count.rem_euclid(31) + 1).ok()?;
    Date::new(year, month, day).ok()
}

fn fixed(date: Date, region: Region) -> Option<Holiday> {
    Some(match (date.month(), date.day()) {
        (1, 1) => Holiday::NewYear,
        (5, 1) => Holiday::LabourDay,
        (5, 8) => Holiday::VictoryDay,
        (7, 14) => Holiday::NationalDay,
        (8, 15) => Holiday::Assumption,
        (11, 1) => Holiday::AllSaints,
        (11, 11) => Holiday::Armistice,
        (12, 25) => Holiday::Christmas,
        (12, 26) if region == Region::AlsaceMoselle => Holiday::SaintStephen,
        day if region.abolition() == Some(day) => Holiday::Abolition,
        _ => return None,
    })
}

fn moving(date: Date, region: Region) -> Option<Holiday> {
    let days_after_easter = date.duration_since(easter(date.year())?).as_hours() / 24;
    Some(match days_after_easter {
        -2 if region == Region::AlsaceMoselle => Holiday::GoodFriday,
        1 => Holiday::EasterMonday,
        39 => Holiday::Ascension,
        50 => Holiday::WhitMonday,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{Weekday, date};
    use proptest::prelude::*;

    fn of_year(year: i16, region: Region) -> Vec<(Date, Holiday)> {
        date(year, 1, 1)
            .series(jiff::Span::new().days(1))
            .take_while(|day| day.year() == year)
            .filter_map(|day| holiday(day, region).map(|found| (day, found)))
            .collect()
    }

    #[test]
    fn easter_falls_on_the_published_dates() {
        // Arrange: dates published by the Bureau des longitudes, with the earliest and latest possible Easters.
        let published = [
            (1818, 3, 22),
            (1943, 4, 25),
            (1954, 4, 18),
            (1981, 4, 19),
            (1990, 4, 15),
            (2000, 4, 23),
            (2008, 3, 23),
            (2011, 4, 24),
            (2019, 4, 21),
            (2024, 3, 31),
            (2025, 4, 20),
            (2026, 4, 5),
            (2027, 3, 28),
            (2030, 4, 21),
            (2038, 4, 25),
            (2049, 4, 18),
            (2076, 4, 19),
            (2100, 3, 28),
        ];
        for (year, month, day) in published {
            // Act and assert
            assert_eq!(easter(year), Some(date(year, month, day)), "{year}");
        }
    }

    #[test]
    fn the_eleven_holidays_of_2026_are_the_official_ones() {
        let expected = [
            (date(2026, 1, 1), Holiday::NewYear),
            (date(2026, 4, 6), Holiday::EasterMonday),
            (date(2026, 5, 1), Holiday::LabourDay),
            (date(2026, 5, 8), Holiday::VictoryDay),
            (date(2026, 5, 14), Holiday::Ascension),
            (date(2026, 5, 25), Holiday::WhitMonday),
            (date(2026, 7, 14), Holiday::NationalDay),
            (date(2026, 8, 15), Holiday::Assumption),
            (date(2026, 11, 1), Holiday::AllSaints),
            (date(2026, 11, 11), Holiday::Armistice),
            (date(2026, 12, 25), Holiday::Christmas),
        ];
        assert_eq!(of_year(2026, Region::France), expected);
    }

    #[test]
    fn alsace_moselle_adds_good_friday_and_saint_stephen_only() {
        let everywhere = of_year(2026, Region::France);
        let mut added = of_year(2026, Region::AlsaceMoselle);
        added.retain(|day| !everywhere.contains(day));
        assert_eq!(added, [(date(2026, 4, 3), Holiday::GoodFriday), (date(2026, 12, 26), Holiday::SaintStephen)]);
    }

    #[test]
    fn each_overseas_department_has_the_abolition_on_its_own_day() {
        let days = [
            (Region::Guadeloupe, date(2026, 5, 27)),
            (Region::Martinique, date(2026, 5, 22)),
            (Region::Guyane, date(2026, 6, 10)),
            (Region::Reunion, date(2026, 12, 20)),
            (Region::Mayotte, date(2026, 4, 27)),
        ];
        for (region, day) in days {
            let mut added = of_year(2026, region);
            added.retain(|found| !of_year(2026, Region::France).contains(found));
            assert_eq!(added, [(day, Holiday::Abolition)], "{region:?}");
        }
    }

    #[test]
    fn regions_are_read_from_the_words_they_are_written_with() {
        for region in Region::ALL {
            assert_eq!(Region::parse(region.as_str()), Some(region));
            assert_eq!(serde_json::to_string(&region).unwrap(), format!("\"{}\"", region.as_str()));
        }
        assert_eq!(Region::parse("normandie"), None);
    }

    #[test]
    fn two_holidays_on_one_day_are_one_day_off_with_the_fixed_name() {
        // Ascension fell on 1 May in 2008 and on 8 May in 1997.
        assert_eq!(holiday(date(2008, 5, 1), Region::France), Some(Holiday::LabourDay));
        assert_eq!(holiday(date(1997, 5, 8), Region::France), Some(Holiday::VictoryDay));
        assert_eq!(of_year(2008, Region::France).len(), 10);
    }

    #[test]
    fn the_day_before_and_after_are_not_holidays() {
        for day in [date(2026, 4, 5), date(2026, 4, 7), date(2026, 5, 13), date(2026, 5, 15), date(2026, 12, 26)] {
            assert_eq!(holiday(day, Region::France), None, "{day}");
        }
    }

    #[test]
    fn every_year_from_1990_to_2100_holds_the_rules_of_easter() {
        for year in 1990..=2100 {
            let sunday = easter(year).unwrap();
            assert_eq!(sunday.weekday(), Weekday::Sunday, "{year}");
            assert!((date(year, 3, 22)..=date(year, 4, 25)).contains(&sunday), "{year}: {sunday}");
            assert_eq!(sunday, easter_by_the_tables(year), "{year}");
        }
    }

    #[test]
    fn every_year_from_1990_to_2100_has_its_holidays_on_the_right_weekdays() {
        for year in 1990..=2100 {
            let days = of_year(year, Region::France);
            let ascension = easter(year).unwrap().saturating_add(jiff::Span::new().days(39));
            let together = fixed(ascension, Region::France).is_some();
            assert_eq!(days.len(), if together { 10 } else { 11 }, "{year}");
            for (day, name) in days {
                match name {
                    Holiday::EasterMonday | Holiday::WhitMonday => assert_eq!(day.weekday(), Weekday::Monday, "{day}"),
                    Holiday::Ascension => assert_eq!(day.weekday(), Weekday::Thursday, "{day}"),
                    _ => {}
                }
            }
            assert_eq!(ascension.weekday(), Weekday::Thursday, "{year}");
            assert!(holiday(ascension, Region::France).is_some(), "{year}");
        }
    }

    /// The same feast by its definition: the Sunday after the first ecclesiastical full moon on or after 21 March,
    /// the moon by the epact of Lilius and Clavius. An own derivation to hold the short formula against.
    fn easter_by_the_tables(year: i16) -> Date {
        let (y, century) = (i32::from(year), i32::from(year) / 100 + 1);
        let golden = y % 19 + 1;
        let (solar, lunar) = (3 * century / 4 - 12, (8 * century + 5) / 25 - 5);
        let mut epact = (11 * golden + 20 + lunar - solar).rem_euclid(30);
        if epact == 24 || (epact == 25 && golden > 11) {
            epact += 1;
        }
        let mut full_moon = 44 - epact;
        if full_moon < 21 {
            full_moon += 30;
        }
        let moon = date(year, 3, 1).saturating_add(jiff::Span::new().days(i64::from(full_moon) - 1));
        moon.nth_weekday(1, Weekday::Sunday).unwrap()
    }

    proptest! {
        #[test]
        fn any_date_is_answered_and_alsace_has_every_national_holiday(
            year in -9999i16..=9999, month in 1i8..=12, day in 1i8..=28
        ) {
            let day = date(year, month, day);
            if let Some(found) = holiday(day, Region::France) {
                prop_assert_eq!(holiday(day, Region::AlsaceMoselle), Some(found));
            }
        }

        #[test]
        fn easter_of_any_gregorian_year_agrees_with_its_definition(year in 1583i16..=9998) {
            prop_assert_eq!(easter(year), Some(easter_by_the_tables(year)));
        }
    }
}
