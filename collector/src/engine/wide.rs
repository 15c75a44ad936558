//! The second engine: verdicts on more than one school. Pure, like the first, and with a lock of its own: it looks at what
//! the schools were found to be, never at their machines, and schools look at what it found. Both locks are never held
//! together.
//!
//! Schools of one basin on lines of one operator that are cut at one moment are one cause. When schools of several areas
//! are cut at one moment and nobody at all is heard, it is the collector that is out of reach.

use super::{Bracket, Cause, Confidence, IncidentKey, Note, Scope};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::check::INTERNET;
use vigie_shared::id::SchoolId;

/// Schools that must agree.
const SCHOOLS: usize = 3;
/// Starts as far apart as this are one moment.
const MOMENT: SignedDuration = SignedDuration::from_mins(5);
/// Calls on their way at that moment may still come in.
const HEARD: SignedDuration = SignedDuration::from_secs(2);
/// Schools cut longer than this before are another story.
const RECENT: SignedDuration = SignedDuration::from_mins(30);

/// What a school was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// The school.
    pub school: SchoolId,
    /// Its area ([`area`]).
    pub area: String,
    /// Machines of it that may bear witness and are heard.
    pub online: u64,
    /// Its open internet incident: when it began, when it was detected, and why.
    pub cut: Option<(Bracket, Timestamp, Cause)>,
}

/// An open verdict on more than one school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wide {
    /// The school that was cut first: its ticket is that of all.
    pub anchor: SchoolId,
    /// When it began.
    pub started: Bracket,
    /// Why.
    pub cause: Cause,
}

/// What must be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WideEffect {
    /// Open it, in the name of the school that was cut first.
    Open {
        /// On what.
        key: IncidentKey,
        /// What it is.
        wide: Wide,
        /// How sure.
        confidence: Confidence,
        /// Why it is believed.
        note: Note,
    },
    /// Its cause is known better.
    Refine {
        /// On what.
        key: IncidentKey,
        /// What it is now.
        wide: Wide,
        /// Line of history.
        note: Note,
    },
    /// All its schools are well again.
    Close {
        /// On what.
        key: IncidentKey,
        /// What it was.
        wide: Wide,
        /// Line of history.
        note: Note,
    },
}

impl WideEffect {
    /// What it is about.
    pub fn about(&self) -> (&IncidentKey, &Wide) {
        match self {
            Self::Open { key, wide, .. } | Self::Refine { key, wide, .. } | Self::Close { key, wide, .. } => {
                (key, wide)
            }
        }
    }
}

/// The name of the area of a school: its basin and the operator of its line.
pub fn area(basin: Option<&str>, operator: Option<&str>) -> String {
    [basin, operator].into_iter().flatten().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// The key of the verdict on an area.
pub fn key_of(area: &str) -> IncidentKey {
    IncidentKey::new(Scope::Basin, INTERNET, area)
}

/// The key of the verdict on the collector.
pub fn key_of_collector() -> IncidentKey {
    IncidentKey::new(Scope::Collector, INTERNET, "")
}

/// Whether a verdict on more than one school explains what is wrong in one since `started`.
pub fn explains(parent: Bracket, started: Bracket) -> bool {
    started.by + MOMENT >= parent.after && started.after <= parent.by + MOMENT
}

/// Since when nobody may have been heard for the collector to be out of reach: the moment at which enough schools of
/// several areas were cut. `None` when there is no such moment.
pub fn moment_of_all(stands: &[Stand], now: Timestamp) -> Option<Timestamp> {
    let all: Vec<&Stand> = stands.iter().collect();
    let hit = areas(stands).into_values().filter(|stands| stands.iter().any(|stand| stand.cut.is_some())).count();
    together(&all, now).filter(|_| hit >= 2).map(|(wide, _)| wide.started.by + HEARD)
}

/// The areas in which enough schools were cut at one moment, and which moment.
pub fn moments(stands: &[Stand], now: Timestamp) -> BTreeMap<String, Timestamp> {
    let cut = areas(stands).into_iter().filter_map(|(area, stands)| {
        together(&stands, now).map(|(wide, _)| (area.to_owned(), wide.started.by + HEARD))
    });
    cut.collect()
}

/// Decides, from what all schools were found to be, the verdicts that are open, and whether anybody was heard since
/// [`moment_of_all`].
pub fn decide(stands: &[Stand], open: &BTreeMap<IncidentKey, Wide>, somebody: bool, now: Timestamp) -> Vec<WideEffect> {
    let mut effects = Vec::new();
    let collector = key_of_collector();
    let by_area = areas(stands);
    if !open.contains_key(&collector)
        && !somebody
        && let Some(found) = of_collector(stands, now)
    {
        effects.push(found);
        return effects;
    }
    for (area, stands) in &by_area {
        let key = key_of(area);
        if !open.contains_key(&key)
            && !open.contains_key(&collector)
            && let Some((wide, witnesses)) = together(stands, now)
            && witnesses * 10 >= stands.iter().filter(|stand| stand.online > 0 || stand.cut.is_some()).count() * 6
        {
            let note = Note::new("opened_by_schools").with("schools", witnesses).with("area", area);
            effects.push(WideEffect::Open { key, wide, confidence: Confidence::Probable, note });
        }
    }
    for (key, wide) in open {
        effects.extend(course(key, wide, stands));
    }
    effects
}

fn areas(stands: &[Stand]) -> BTreeMap<&str, Vec<&Stand>> {
    let mut areas: BTreeMap<&str, Vec<&Stand>> = BTreeMap::new();
    for stand in stands.iter().filter(|stand| !stand.area.is_empty()) {
        areas.entry(stand.area.as_str()).or_default().push(stand);
    }
    areas
}

/// The schools that were cut at one moment: the verdict, and how many they are.
fn together(stands: &[&Stand], now: Timestamp) -> Option<(Wide, usize)> {
    let cut =
        || stands.iter().filter_map(|stand| stand.cut.map(|(started, at, cause)| (stand.school, started, at, cause)));
    let latest = cut().map(|(_, started, ..)| started.by).max().filter(|by| *by + RECENT > now)?;
    let of_moment: Vec<_> = cut().filter(|(_, started, ..)| started.by + MOMENT >= latest).collect();
    let (anchor, ..) = of_moment.iter().min_by_key(|(school, _, at, _)| (*at, *school)).copied()?;
    if of_moment.len() < SCHOOLS {
        return None;
    }
    let after = of_moment.iter().map(|(_, started, ..)| started.after).max()?;
    let by = of_moment.iter().map(|(_, started, ..)| started.by).min()?.max(after);
    let cause = common_cause(of_moment.iter().map(|(.., cause)| *cause));
    Some((Wide { anchor, started: Bracket { after: after.min(by), by }, cause }, of_moment.len()))
}

/// The cause that more than half of the schools have.
fn common_cause(causes: impl Iterator<Item = Cause>) -> Cause {
    let mut counts: BTreeMap<Cause, usize> = BTreeMap::new();
    let mut all = 0;
    for cause in causes {
        all += 1;
        *counts.entry(cause).or_default() += 1;
    }
    counts.into_iter().find(|(_, n)| *n * 2 > all).map_or(Cause::Undetermined, |(cause, _)| cause)
}

/// Schools of several areas were cut at one moment.
fn of_collector(stands: &[Stand], now: Timestamp) -> Option<WideEffect> {
    moment_of_all(stands, now)?;
    let all: Vec<&Stand> = stands.iter().collect();
    let (wide, schools) = together(&all, now)?;
    let note = Note::new("opened_by_all_schools").with("schools", schools);
    let wide = Wide { cause: Cause::Collector, ..wide };
    Some(WideEffect::Open { key: key_of_collector(), wide, confidence: Confidence::Probable, note })
}

/// What becomes of an open verdict: its cause follows its schools, it ends with the last of them.
fn course(key: &IncidentKey, wide: &Wide, stands: &[Stand]) -> Option<WideEffect> {
    let of_key = |stand: &&Stand| key.scope == Scope::Collector || stand.area == key.instance;
    let held: Vec<&Stand> = stands
        .iter()
        .filter(of_key)
        .filter(|stand| stand.cut.is_some_and(|(started, ..)| explains(wide.started, started)))
        .collect();
    if held.is_empty() {
        let note = Note::new("resolved_by_schools");
        return Some(WideEffect::Close { key: key.clone(), wide: wide.clone(), note });
    }
    let cause = common_cause(held.iter().filter_map(|stand| stand.cut.map(|(.., cause)| cause)));
    if key.scope == Scope::Collector || cause == wide.cause || cause == Cause::Undetermined {
        return None;
    }
    let schools: BTreeSet<_> = held.iter().map(|stand| stand.school).collect();
    let note = Note::new("cause_refined")
        .with("from", wide.cause.as_str())
        .with("to", cause.as_str())
        .with("witnesses", schools.len());
    Some(WideEffect::Refine { key: key.clone(), wide: Wide { cause, ..wide.clone() }, note })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_424_400 + second).unwrap()
    }

    fn stand(area: &str, online: u64, cut: Option<i64>) -> Stand {
        let cut = cut.map(|s| (Bracket { after: at(s - 60), by: at(s) }, at(s + 130), Cause::Undetermined));
        Stand { school: SchoolId::new(), area: area.into(), online, cut }
    }

    #[test]
    fn three_schools_of_an_area_cut_at_one_moment_are_one_cause_and_two_are_not() {
        let mut stands = vec![stand("Nord · A", 0, Some(0)), stand("Nord · A", 0, Some(20)), stand("Sud · A", 9, None)];
        assert_eq!(decide(&stands, &BTreeMap::new(), true, at(200)), []);
        stands.push(stand("Nord · A", 0, Some(40)));
        let effects = decide(&stands, &BTreeMap::new(), true, at(200));
        let [WideEffect::Open { key, wide, .. }] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!((key, wide.anchor), (&key_of("Nord · A"), stands[0].school));
    }

    #[test]
    fn schools_cut_hours_apart_are_several_causes() {
        let stands = [0, 4000, 9000].map(|s| stand("Nord · A", 0, Some(s)));
        assert_eq!(decide(&stands, &BTreeMap::new(), true, at(9200)), []);
    }

    #[test]
    fn a_few_of_many_schools_are_not_an_area() {
        let mut stands: Vec<_> = (0..3).map(|_| stand("Nord · A", 0, Some(0))).collect();
        stands.extend((0..9).map(|_| stand("Nord · A", 5, None)));
        assert_eq!(decide(&stands, &BTreeMap::new(), true, at(200)), []);
    }

    #[test]
    fn all_schools_of_several_areas_at_once_is_the_collector() {
        let stands = ["Nord · A", "Sud · B", "Est · A"].map(|area| stand(area, 0, Some(0)));
        let effects = decide(&stands, &BTreeMap::new(), false, at(200));
        assert!(matches!(&effects[..], [WideEffect::Open { key, .. }] if *key == key_of_collector()), "{effects:?}");
        assert_eq!(decide(&stands, &BTreeMap::new(), true, at(200)), [], "somebody was heard since");
        assert_eq!(moment_of_all(&stands, at(200)), Some(at(2)));
        let of_one = ["Nord · A"; 3].map(|area| stand(area, 0, Some(0)));
        assert_eq!(moment_of_all(&of_one, at(200)), None, "one area is no collector");
    }

    #[test]
    fn it_ends_with_the_last_school_and_its_cause_follows_them() {
        let key = key_of("Nord · A");
        let started = Bracket { after: at(-60), by: at(0) };
        let wide = Wide { anchor: SchoolId::new(), started, cause: Cause::Undetermined };
        let open = BTreeMap::from([(key.clone(), wide)]);
        let mut stands = vec![stand("Nord · A", 0, Some(0)), stand("Nord · A", 4, None)];
        assert_eq!(decide(&stands, &open, true, at(900)), []);
        stands[0].cut = stands[0].cut.map(|(started, at, _)| (started, at, Cause::Line));
        assert!(matches!(&decide(&stands, &open, true, at(900))[..], [WideEffect::Refine { .. }]));
        stands[0].cut = None;
        assert!(matches!(&decide(&stands, &open, true, at(900))[..], [WideEffect::Close { .. }]));
    }
}
