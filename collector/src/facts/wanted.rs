//! What is lacking of a machine's inventory.
//!
//! A known digest of the whole is answered with nothing; an unknown one with [`Want::Digests`]; digests with
//! [`Want::Sections`] of those whose bytes are not held. What was announced is remembered between calls, so that a body
//! is compared with what was announced for it. A section that is refused never hides the others, and a section that is
//! no longer announced is not removed.

use std::collections::{BTreeMap, BTreeSet};
use vigie_shared::digest::Digest;
use vigie_shared::limits::{SECTION_MAX, SECTIONS_MAX};
use vigie_shared::sync::Want;

/// Longest name of a section, bytes.
const NAME_MAX: usize = 64;

/// What the collector holds of a machine.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// Digest of the whole of which every section is held.
    pub whole: Option<Digest>,
    /// Digests announced by an earlier call, while bodies are being fetched.
    pub announced: BTreeMap<String, Digest>,
    /// Digests of the bodies held.
    pub sections: BTreeMap<String, Digest>,
}

/// What a call says about the inventory.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// Digest of the whole.
    pub inventory: Option<Digest>,
    /// Digests of all sections.
    pub digests: Option<BTreeMap<String, Digest>>,
    /// Bodies: digest and length of the bytes as sent.
    pub bodies: BTreeMap<String, (Digest, usize)>,
}

/// Something of a call that is not taken, with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotTaken {
    /// The section, or `digests`.
    pub name: String,
    /// Stable code: `section_mismatch`, `section_too_large`, `section_name_invalid`, `too_many_sections`,
    /// `digests_mismatch`.
    pub code: &'static str,
}

/// What to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Names of the bodies to store: those whose digest differs from what is held.
    pub store: BTreeSet<String>,
    /// What is not taken.
    pub refused: Vec<NotTaken>,
    /// Digest of the whole, when all of it is held now and was not before.
    pub whole: Option<Digest>,
    /// What to remember as announced, when that changes; empty when nothing is being fetched any more.
    pub announced: Option<BTreeMap<String, Digest>>,
    /// What to answer.
    pub want: Option<Want>,
}

/// Plans one call.
pub fn plan(held: &Held, said: &Said) -> Plan {
    let mut plan = Plan::default();
    let none = BTreeMap::new();
    let announced = match &said.digests {
        Some(digests) => match announcement(said.inventory, digests) {
            Ok(()) => digests,
            Err(code) => {
                plan.refused.push(NotTaken { name: "digests".to_owned(), code });
                return plan;
            }
        },
        // A call may be overtaken by another: what was announced for another whole tells nothing about this one.
        None if said.inventory.is_some_and(|whole| Digest::of_sections(&held.announced) != whole) => &none,
        None => &held.announced,
    };
    let mut now = held.sections.clone();
    for (name, (digest, length)) in &said.bodies {
        if let Some(code) = fault(name, *digest, *length, announced, &now) {
            plan.refused.push(NotTaken { name: name.clone(), code });
        } else if now.insert(name.clone(), *digest) != Some(*digest) {
            plan.store.insert(name.clone());
        }
    }
    let Some(whole) = said.inventory else { return plan };
    if held.whole == Some(whole) && plan.store.is_empty() {
        return plan;
    }
    if Digest::of_sections(announced) != whole {
        plan.want = Some(Want::Digests);
        return plan;
    }
    let lacking: Vec<String> = announced
        .iter()
        .filter(|(name, digest)| now.get(*name) != Some(digest))
        .map(|(name, _)| name.clone())
        .collect();
    if lacking.is_empty() {
        plan.whole = Some(whole);
        plan.announced = Some(BTreeMap::new());
    } else {
        plan.want = Some(Want::Sections(lacking));
        plan.announced = (*announced != held.announced).then(|| announced.clone());
    }
    plan
}

fn announcement(whole: Option<Digest>, digests: &BTreeMap<String, Digest>) -> Result<(), &'static str> {
    if digests.len() > SECTIONS_MAX {
        return Err("too_many_sections");
    }
    if !digests.keys().all(|name| good_name(name)) {
        return Err("section_name_invalid");
    }
    if whole.is_some_and(|whole| whole != Digest::of_sections(digests)) {
        return Err("digests_mismatch");
    }
    Ok(())
}

fn fault(
    name: &str,
    digest: Digest,
    length: usize,
    announced: &BTreeMap<String, Digest>,
    held: &BTreeMap<String, Digest>,
) -> Option<&'static str> {
    if !good_name(name) {
        return Some("section_name_invalid");
    }
    if length > SECTION_MAX {
        return Some("section_too_large");
    }
    if announced.get(name).is_some_and(|announced| *announced != digest) {
        return Some("section_mismatch");
    }
    (!held.contains_key(name) && held.len() >= SECTIONS_MAX).then_some("too_many_sections")
}

fn good_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_MAX && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Bodies = BTreeMap<String, Vec<u8>>;

    fn digests(bodies: &Bodies) -> BTreeMap<String, Digest> {
        bodies.iter().map(|(name, body)| (name.clone(), Digest::of(body))).collect()
    }

    fn bodies(list: &[(&str, &str)]) -> Bodies {
        list.iter().map(|(name, body)| ((*name).to_owned(), body.as_bytes().to_vec())).collect()
    }

    fn apply(held: &mut Held, said: &Said) -> Plan {
        let plan = plan(held, said);
        for name in &plan.store {
            held.sections.insert(name.clone(), said.bodies[name].0);
        }
        held.whole = plan.whole.or(held.whole);
        held.announced = plan.announced.clone().unwrap_or_else(|| held.announced.clone());
        plan
    }

    /// An agent that answers what is wanted; the number of calls until nothing is.
    fn converse(held: &mut Held, inventory: &Bodies) -> usize {
        let all = digests(inventory);
        let mut said = Said { inventory: Some(Digest::of_sections(&all)), ..Said::default() };
        for calls in 1..10 {
            let Some(want) = apply(held, &said).want else { return calls };
            (said.digests, said.bodies) = match want {
                Want::Digests => (Some(all.clone()), BTreeMap::new()),
                Want::Sections(names) => {
                    let body = |name: String| {
                        let bytes = &inventory[&name];
                        (name, (Digest::of(bytes), bytes.len()))
                    };
                    (None, names.into_iter().map(body).collect())
                }
            };
        }
        10
    }

    #[test]
    fn a_known_whole_wants_nothing() {
        let mut held = Held::default();
        let inventory = bodies(&[("system", "{}"), ("memory", "[]")]);
        assert_eq!(converse(&mut held, &inventory), 3);
        assert_eq!(converse(&mut held, &inventory), 1);
    }

    #[test]
    fn only_what_differs_is_wanted() {
        let mut held = Held::default();
        converse(&mut held, &bodies(&[("system", "{}"), ("memory", "[]")]));
        let changed = digests(&bodies(&[("system", "{}"), ("memory", "[1]")]));
        let said = Said { inventory: Some(Digest::of_sections(&changed)), digests: Some(changed), ..Said::default() };
        assert_eq!(plan(&held, &said).want, Some(Want::Sections(vec!["memory".into()])));
    }

    #[test]
    fn a_body_that_was_not_announced_so_is_refused_by_name_and_the_others_are_kept() {
        let announced = digests(&bodies(&[("system", "{}"), ("memory", "[]")]));
        let held = Held { announced: announced.clone(), ..Held::default() };
        let said = Said {
            inventory: Some(Digest::of_sections(&announced)),
            bodies: BTreeMap::from([
                ("system".to_owned(), (Digest::of(b"{}"), 2)),
                ("memory".to_owned(), (Digest::of(b"altered"), 7)),
            ]),
            ..Said::default()
        };
        let plan = plan(&held, &said);
        assert_eq!(plan.store, BTreeSet::from(["system".to_owned()]));
        assert_eq!(plan.refused, [NotTaken { name: "memory".into(), code: "section_mismatch" }]);
        assert_eq!(plan.want, Some(Want::Sections(vec!["memory".into()])));
    }

    #[test]
    fn a_body_is_not_held_against_what_was_announced_for_another_whole() {
        let older = digests(&bodies(&[("system", "{}"), ("memory", "[]")]));
        let newer = digests(&bodies(&[("system", "{}"), ("memory", "[1]")]));
        let held = Held { announced: older, ..Held::default() };
        let said = Said {
            inventory: Some(Digest::of_sections(&newer)),
            bodies: BTreeMap::from([("memory".to_owned(), (Digest::of(b"[1]"), 3))]),
            ..Said::default()
        };
        let plan = plan(&held, &said);
        assert_eq!((plan.refused.len(), plan.want), (0, Some(Want::Digests)));
        assert_eq!(plan.store, BTreeSet::from(["memory".to_owned()]));
    }

    #[test]
    fn bounds_are_said_by_name() {
        let body = |name: &str, length| BTreeMap::from([(name.to_owned(), (Digest::of(b"x"), length))]);
        let full: BTreeMap<_, _> = (0..SECTIONS_MAX).map(|n| (format!("s{n}"), Digest::of(b"y"))).collect();
        let cases = [
            (Held::default(), body("big", SECTION_MAX + 1), "section_too_large"),
            (Held::default(), body("", 1), "section_name_invalid"),
            (Held::default(), body("a\nb", 1), "section_name_invalid"),
            (Held { sections: full, ..Held::default() }, body("one-more", 1), "too_many_sections"),
        ];
        for (held, bodies, code) in cases {
            let plan = plan(&held, &Said { bodies, ..Said::default() });
            assert_eq!((plan.refused[0].code, plan.store.len()), (code, 0));
        }
    }

    #[test]
    fn digests_that_do_not_make_up_the_whole_are_not_taken() {
        let said = Said {
            inventory: Some(Digest::of(b"other")),
            digests: Some(digests(&bodies(&[("a", "1")]))),
            ..Said::default()
        };
        let plan = plan(&Held::default(), &said);
        assert_eq!((plan.refused[0].code, plan.want), ("digests_mismatch", None));
    }

    proptest! {
        #[test]
        fn whatever_is_held_three_calls_bring_the_rest(
            before in prop::collection::btree_map("[a-f]", prop::collection::vec(any::<u8>(), 0..4), 0..6),
            after in prop::collection::btree_map("[a-f]", prop::collection::vec(any::<u8>(), 0..4), 0..6),
        ) {
            let mut held = Held::default();
            converse(&mut held, &before);
            let calls = converse(&mut held, &after);
            prop_assert!(calls <= 3, "{calls} calls");
            prop_assert_eq!(held.whole, Some(Digest::of_sections(&digests(&after))));
            for (name, digest) in digests(&after) {
                prop_assert_eq!(held.sections.get(&name), Some(&digest));
            }
        }
    }
}
