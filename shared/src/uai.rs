//! UAI: the French national school number, seven digits and a check letter (for example `0959901W`).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The check letters in order of the remainder of the seven digits by 23: I, O and Q are never used.
const LETTERS: &[u8; 23] = b"ABCDEFGHJKLMNPRSTUVWXYZ";

/// A school number whose check letter is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Uai([u8; 8]);

/// Why a text is not a UAI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UaiError {
    /// Not seven digits and one letter.
    #[error("« {0} » is not a UAI: seven digits and one letter are wanted, such as 0959901W")]
    Shape(String),
    /// The letter does not match the digits.
    #[error("the check letter of UAI « {given} » is wrong: {expected} is expected after these digits")]
    Letter {
        /// What was given.
        given: String,
        /// The letter that the seven digits demand.
        expected: char,
    },
}

impl Uai {
    /// The eight characters.
    pub fn as_str(&self) -> &str {
        // Only ASCII digits and letters are ever stored.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Uai {
    type Err = UaiError;

    fn from_str(text: &str) -> Result<Self, UaiError> {
        let shape = || UaiError::Shape(text.chars().take(40).collect());
        let upper = text.trim().to_ascii_uppercase();
        let bytes: [u8; 8] = upper.as_bytes().try_into().map_err(|_| shape())?;
        let (digits, letter) = bytes.split_at(7);
        if !digits.iter().all(u8::is_ascii_digit) || !letter.iter().all(u8::is_ascii_uppercase) {
            return Err(shape());
        }
        let number = digits.iter().fold(0usize, |n, d| n * 10 + usize::from(d - b'0'));
        let expected = LETTERS.get(number % 23).copied().unwrap_or(b'?');
        if letter != [expected] {
            return Err(UaiError::Letter { given: upper, expected: char::from(expected) });
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Uai {
    type Error = UaiError;
    fn try_from(text: String) -> Result<Self, UaiError> {
        text.parse()
    }
}

impl From<Uai> for String {
    fn from(uai: Uai) -> Self {
        uai.as_str().to_owned()
    }
}

impl fmt::Display for Uai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_right_letter_is_accepted_in_either_case() {
        assert_eq!("0959901W".parse::<Uai>().unwrap().as_str(), "0959901W");
        assert_eq!(" 0959901w ".parse::<Uai>().unwrap().as_str(), "0959901W");
    }

    #[test]
    fn a_wrong_letter_names_the_expected_one() {
        let error = "0959901A".parse::<Uai>().unwrap_err();
        assert_eq!(error, UaiError::Letter { given: "0959901A".into(), expected: 'W' });
    }

    #[test]
    fn other_shapes_are_refused() {
        for text in ["", "0959901", "09599011", "095990WW", "0959901WW", "é959901", "0959901é"] {
            assert!(matches!(text.parse::<Uai>(), Err(UaiError::Shape(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn exactly_one_letter_fits_seven_digits(number in 0u32..10_000_000) {
            let fits = (b'A'..=b'Z').filter(|l| format!("{number:07}{}", char::from(*l)).parse::<Uai>().is_ok()).count();
            prop_assert_eq!(fits, 1);
        }

        #[test]
        fn any_text_is_answered_without_panic(text in ".{0,20}") {
            let _ = text.parse::<Uai>();
        }
    }
}
