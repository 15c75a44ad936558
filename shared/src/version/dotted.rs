//! Versions as makers of Windows programs write them: numbers of any length between dots, sometimes with words
//! (`24.09`, `1.0.2k`, `3.0 beta 2`, `v8u202-b08`). Nobody standardised them; the order is the one a person expects.
//!
//! A missing number is 0 (`1.2` is `1.2.0.0`). Words that announce a version (`alpha`, `beta`, `rc`, …) come before it,
//! other words after it and before the next number (`1.0.2` < `1.0.2k` < `1.0.2.1`).

use super::{numbers, take};
use std::cmp::Ordering;

/// Words that announce a version, in their order.
const BEFORE: [&str; 9] = ["dev", "nightly", "alpha", "a", "beta", "b", "pre", "preview", "rc"];
/// Words that say nothing.
const NOTHING: [&str; 4] = ["final", "release", "ga", "build"];

/// Compares two versions: `Less` when `a` is older.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (start(a), start(b));
    loop {
        let (left, right) = (next(&mut a), next(&mut b));
        if left.is_none() && right.is_none() {
            return Ordering::Equal;
        }
        // Past its end a version goes on with zeros.
        let order = order(left.unwrap_or(Part::Number(b"")), right.unwrap_or(Part::Number(b"")));
        if order.is_ne() {
            return order;
        }
    }
}

/// Without the letter that many put before the number.
fn start(version: &str) -> &[u8] {
    let version = version.trim().as_bytes();
    match version {
        [b'v' | b'V', rest @ ..] if rest.first().is_some_and(u8::is_ascii_digit) => rest,
        _ => version,
    }
}

#[derive(Clone, Copy)]
enum Part<'a> {
    Number(&'a [u8]),
    Word(&'a [u8]),
}

impl Part<'_> {
    /// Announcing words, zero, other words, numbers.
    fn rank(&self) -> usize {
        match self {
            Self::Word(word) => BEFORE.iter().position(|known| is(word, known)).unwrap_or(BEFORE.len() + 1),
            Self::Number(digits) if digits.iter().all(|byte| *byte == b'0') => BEFORE.len(),
            Self::Number(_) => BEFORE.len() + 2,
        }
    }
}

fn is(word: &[u8], known: &str) -> bool {
    word.eq_ignore_ascii_case(known.as_bytes())
}

/// The next number or word; punctuation and words that say nothing are passed over.
fn next<'a>(rest: &mut &'a [u8]) -> Option<Part<'a>> {
    // What is not ASCII belongs to a word, so that it is not lost.
    let letter = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
    loop {
        take(rest, |byte| byte.is_ascii() && !byte.is_ascii_alphanumeric());
        let digits = take(rest, u8::is_ascii_digit);
        if !digits.is_empty() {
            return Some(Part::Number(digits));
        }
        let word = take(rest, letter);
        if word.is_empty() {
            return None;
        }
        if !NOTHING.iter().any(|known| is(word, known)) {
            return Some(Part::Word(word));
        }
    }
}

fn order(a: Part<'_>, b: Part<'_>) -> Ordering {
    a.rank().cmp(&b.rank()).then_with(|| match (a, b) {
        (Part::Number(a), Part::Number(b)) => numbers(a, b),
        (Part::Word(a), Part::Word(b)) => {
            let lower = |word: &'_ [u8]| word.to_ascii_lowercase();
            lower(a).cmp(&lower(b))
        }
        _ => Ordering::Equal,
    })
}
