//! Debian's rules (policy 5.6.12, `deb-version(7)`): `[epoch:]upstream[-revision]`; `~` sorts before the end.

use super::{epoch, numbers, take};
use std::cmp::Ordering;

/// Compares two versions: `Less` when `a` is older.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (epoch_a, a) = epoch(a.trim().as_bytes());
    let (epoch_b, b) = epoch(b.trim().as_bytes());
    let (upstream_a, revision_a) = revision(a);
    let (upstream_b, revision_b) = revision(b);
    numbers(epoch_a, epoch_b).then_with(|| part(upstream_a, upstream_b)).then_with(|| part(revision_a, revision_b))
}

/// Upstream version and revision, which follows the last hyphen; none is the same as `0`.
fn revision(version: &[u8]) -> (&[u8], &[u8]) {
    match version.iter().rposition(|byte| *byte == b'-') {
        Some(hyphen) => {
            let (upstream, revision) = version.split_at(hyphen);
            (upstream, revision.get(1..).unwrap_or_default())
        }
        None => (version, b""),
    }
}

/// Runs without digits and numbers by turns, from the left.
fn part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !(a.is_empty() && b.is_empty()) {
        let words = words(take(&mut a, |byte| !byte.is_ascii_digit()), take(&mut b, |byte| !byte.is_ascii_digit()));
        let order = words.then_with(|| numbers(take(&mut a, u8::is_ascii_digit), take(&mut b, u8::is_ascii_digit)));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Runs without digits, byte by byte: `~`, the end, letters, all else.
fn words(a: &[u8], b: &[u8]) -> Ordering {
    let rank = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    (0..a.len().max(b.len()))
        .map(|at| rank(a.get(at)).cmp(&rank(b.get(at))))
        .find(|o| o.is_ne())
        .unwrap_or(Ordering::Equal)
}
