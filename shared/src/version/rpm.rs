//! RPM's rules (`rpm-version(7)`): `[epoch:]version[-release]`. Segments of digits or letters; what stands between is
//! of no account. In the order of a segment: `~`, the end, `^`, letters, digits.

use super::{epoch, numbers, take};
use std::cmp::Ordering;

/// Compares two versions: `Less` when `a` is older. No epoch is 0; no release is older than any.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (epoch_a, a) = epoch(a.trim().as_bytes());
    let (epoch_b, b) = epoch(b.trim().as_bytes());
    let (version_a, release_a) = release(a);
    let (version_b, release_b) = release(b);
    numbers(epoch_a, epoch_b)
        .then_with(|| part(version_a, version_b))
        .then_with(|| release_a.is_some().cmp(&release_b.is_some()))
        .then_with(|| part(release_a.unwrap_or_default(), release_b.unwrap_or_default()))
}

fn release(version: &[u8]) -> (&[u8], Option<&[u8]>) {
    match version.iter().rposition(|byte| *byte == b'-') {
        Some(hyphen) => {
            let (version, release) = version.split_at(hyphen);
            (version, release.get(1..))
        }
        None => (version, None),
    }
}

/// One segment, in ascending order of kind.
enum Segment<'a> {
    Tilde,
    End,
    Caret,
    Letters(&'a [u8]),
    Digits(&'a [u8]),
}

impl Segment<'_> {
    fn rank(&self) -> u8 {
        match self {
            Self::Tilde => 0,
            Self::End => 1,
            Self::Caret => 2,
            Self::Letters(_) => 3,
            Self::Digits(_) => 4,
        }
    }
}

fn next<'a>(rest: &mut &'a [u8]) -> Segment<'a> {
    take(rest, |byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'~' | b'^'));
    match rest.split_first() {
        None => Segment::End,
        Some((b'~', tail)) => {
            *rest = tail;
            Segment::Tilde
        }
        Some((b'^', tail)) => {
            *rest = tail;
            Segment::Caret
        }
        Some((first, _)) if first.is_ascii_digit() => Segment::Digits(take(rest, u8::is_ascii_digit)),
        Some(_) => Segment::Letters(take(rest, u8::is_ascii_alphabetic)),
    }
}

fn part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let order = match (next(&mut a), next(&mut b)) {
            (Segment::End, Segment::End) => return Ordering::Equal,
            (Segment::Digits(a), Segment::Digits(b)) => numbers(a, b),
            (Segment::Letters(a), Segment::Letters(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        };
        if order.is_ne() {
            return order;
        }
    }
}
