//! Versions in the order of their source. One line says who compares: the rules of each source are shared with agents.

pub use usual::compare;

/// Stands in until each source's own rules are there: digits as numbers, letters as text, `~` before anything, an epoch
/// (`1:`) first. Right for dotted versions; of dpkg and rpm it knows no finer rules.
mod usual {
    use std::cmp::Ordering;

    /// The order of two versions in the writing of a source (`dpkg`, `rpm`, `windows`, …).
    pub fn compare(source: &str, a: &str, b: &str) -> Ordering {
        let epochs = matches!(source, "dpkg" | "rpm");
        let split = |text: &'_ str| -> (u64, String) {
            match text.split_once(':').filter(|_| epochs) {
                Some((epoch, rest)) => (epoch.parse().unwrap_or_default(), rest.to_owned()),
                None => (0, text.to_owned()),
            }
        };
        let (a, b) = (split(a), split(b));
        a.0.cmp(&b.0).then_with(|| parts(&a.1).cmp(&parts(&b.1)))
    }

    /// A run of a version. The order of the variants is their order at one place: `~` comes before the end.
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Part {
        Tilde,
        End,
        Text(String),
        Number(u128),
    }

    fn parts(text: &str) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if first == '~' {
                parts.push(Part::Tilde);
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            let digits = first.is_ascii_digit();
            let end = rest.find(|c: char| c == '~' || c.is_ascii_digit() != digits).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            rest = after;
            if digits {
                parts.push(Part::Number(run.parse().unwrap_or(u128::MAX)));
            } else if run.chars().any(char::is_alphanumeric) {
                parts.push(Part::Text(run.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase()));
            }
        }
        parts.push(Part::End);
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering::{Equal, Less};

    #[test]
    fn versions_are_compared_as_numbers() {
        let less = [
            ("dpkg", "128.3.0esr-1", "140.1.2esr-1"),
            ("windows", "9.9", "10.0"),
            ("dpkg", "9.0", "1:1.0"),
            ("dpkg", "1.0~rc1", "1.0"),
            ("windows", "1.2", "1.2.1"),
        ];
        for (source, a, b) in less {
            assert_eq!(compare(source, a, b), Less, "{a} {b}");
            assert_eq!(compare(source, b, a), Less.reverse(), "{b} {a}");
        }
        assert_eq!(compare("windows", "1.02", "1.2"), Equal);
    }
}
