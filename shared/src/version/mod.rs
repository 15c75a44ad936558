//! Versions are compared by the rules of where they come from: no rule fits all. "Newer" decides who lags in the
//! fleet, what is below a minimum and what an update would bring.
//!
//! Each rule is a total preorder (antisymmetric, transitive); different writings may be equal (`1.0` and `1.00`).
//! Numbers have any length; time is linear in the length of both.

pub mod dotted;
pub mod dpkg;
pub mod rpm;

use std::cmp::Ordering;

/// Whose rules apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rules {
    /// Debian policy, 5.6.12: [`dpkg::compare`].
    Dpkg,
    /// `rpmvercmp`: [`rpm::compare`].
    Rpm,
    /// Numbers and words between dots: [`dotted::compare`].
    Dotted,
}

impl Rules {
    /// The rules of a source of packages as [`crate::section::Package::source`] names it. Snap, Flatpak, Windows and
    /// what is not known have no rules of their own: numbers between dots.
    pub fn of(source: &str) -> Self {
        match source {
            "dpkg" => Self::Dpkg,
            "rpm" => Self::Rpm,
            _ => Self::Dotted,
        }
    }

    /// Compares two versions by these rules: `Less` when `a` is older.
    pub fn compare(self, a: &str, b: &str) -> Ordering {
        match self {
            Self::Dpkg => dpkg::compare(a, b),
            Self::Rpm => rpm::compare(a, b),
            Self::Dotted => dotted::compare(a, b),
        }
    }
}

/// Compares two versions of one source (`dpkg`, `rpm`, `windows`, …): `Less` when `a` is older.
pub fn compare(source: &str, a: &str, b: &str) -> Ordering {
    Rules::of(source).compare(a, b)
}

/// Takes the bytes at the front that satisfy `wanted`.
fn take<'a>(rest: &mut &'a [u8], wanted: impl Fn(&u8) -> bool) -> &'a [u8] {
    let end = rest.iter().position(|byte| !wanted(byte)).unwrap_or(rest.len());
    let (head, tail) = rest.split_at(end);
    *rest = tail;
    head
}

/// Compares two runs of digits as numbers of any length.
fn numbers(a: &[u8], b: &[u8]) -> Ordering {
    let significant = |digits: &[u8]| digits.iter().position(|byte| *byte != b'0').unwrap_or(digits.len());
    let a = a.get(significant(a)..).unwrap_or_default();
    let b = b.get(significant(b)..).unwrap_or_default();
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// The epoch before the first colon, if it is a number, and the rest.
fn epoch(version: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = version;
    let digits = take(&mut rest, u8::is_ascii_digit);
    match rest.split_first() {
        Some((b':', rest)) if !digits.is_empty() => (digits, rest),
        _ => (b"", version),
    }
}

#[cfg(test)]
mod tests;
