//! One line being read, word by word; what is not as expected is named with its place.

use super::lexer::{Token, words};
use crate::sim::Ms;
use crate::sim::time::{HOUR, MINUTE, SECOND, at, civil};
use jiff::civil::{Date, Time};

/// A text that is no scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: expected {expected}, found {found}")]
pub struct Unreadable {
    /// File.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What was expected.
    pub expected: String,
    /// What was there.
    pub found: String,
}

type Read<T> = Result<T, Unreadable>;

/// A line being read.
pub struct Line<'a> {
    file: &'a str,
    /// Its number.
    pub number: usize,
    pub(super) tokens: Vec<Token>,
    pub(super) next: usize,
    end: usize,
}

impl<'a> Line<'a> {
    pub(super) fn new(file: &'a str, number: usize, text: &str) -> Read<Self> {
        let end = text.chars().count() + 1;
        match words(text) {
            Ok(tokens) => Ok(Self { file, number, tokens, next: 0, end }),
            Err(column) => Err(Unreadable {
                file: file.to_owned(),
                line: number,
                column,
                expected: "a closing quote".to_owned(),
                found: "the end of the line".to_owned(),
            }),
        }
    }

    /// The next word, if there is one.
    pub fn peek(&self) -> Option<&str> {
        self.tokens.get(self.next).filter(|token| !token.quoted).map(|token| token.text.as_str())
    }

    /// The word after the next.
    pub fn peek_second(&self) -> Option<&str> {
        self.tokens.get(self.next + 1).map(|token| token.text.as_str())
    }

    /// Whether nothing is left.
    pub fn is_done(&self) -> bool {
        self.next >= self.tokens.len()
    }

    /// Takes this word if it is next.
    pub fn eat(&mut self, word: &str) -> bool {
        let there = self.peek() == Some(word);
        self.next += usize::from(there);
        there
    }

    /// Takes these words if they are next, all or none.
    pub fn eat_all(&mut self, phrase: &str) -> bool {
        let before = self.next;
        let there = phrase.split(' ').all(|word| self.eat(word));
        if !there {
            self.next = before;
        }
        there
    }

    /// This word must be next.
    pub fn want(&mut self, word: &str) -> Read<()> {
        if self.eat(word) { Ok(()) } else { Err(self.expected(&format!("« {word} »"))) }
    }

    /// A word of one's own choice.
    pub fn word(&mut self, what: &str) -> Read<String> {
        match self.tokens.get(self.next) {
            Some(token) if token.quoted || !matches!(token.text.as_str(), "," | "±" | "%") => {
                let text = token.text.clone();
                self.next += 1;
                Ok(text)
            }
            _ => Err(self.expected(what)),
        }
    }

    /// A text between quotes, if one is next.
    pub fn quoted(&mut self) -> Option<String> {
        let token = self.tokens.get(self.next).filter(|token| token.quoted)?;
        let text = token.text.clone();
        self.next += 1;
        Some(text)
    }

    /// One of these words.
    pub fn one_of(&mut self, words: &[&str]) -> Read<String> {
        for word in words {
            if self.eat(word) {
                return Ok((*word).to_owned());
            }
        }
        Err(self.expected(&words.iter().map(|w| format!("« {w} »")).collect::<Vec<_>>().join(" or ")))
    }

    /// A whole number.
    pub fn number<T: std::str::FromStr>(&mut self, what: &str) -> Read<T> {
        match self.peek().and_then(|word| word.parse().ok()) {
            Some(number) => {
                self.next += 1;
                Ok(number)
            }
            None => Err(self.expected(what)),
        }
    }

    /// `20 min`, `30 s`, `2 h`.
    pub fn lasting(&mut self) -> Read<Ms> {
        let count: Ms = self.number("a number of seconds, minutes or hours, such as « 30 s »")?;
        let unit = self.one_of(&["s", "min", "h"])?;
        Ok(count
            * if unit == "s" {
                SECOND
            } else if unit == "min" {
                MINUTE
            } else {
                HOUR
            })
    }

    /// A date, if one is next: `2026-10-06` or `day+1`.
    pub fn date(&mut self, first: Date) -> Option<Date> {
        let word = self.peek()?;
        let date = match word.strip_prefix("day+") {
            Some(days) => first.checked_add(jiff::Span::new().try_days(days.parse::<i64>().ok()?).ok()?).ok()?,
            None => word.parse().ok().filter(|_| word.len() == 10)?,
        };
        self.next += 1;
        Some(date)
    }

    /// `10:02` or `10:02:30`.
    pub fn clock(&mut self) -> Read<Time> {
        let parsed = self.peek().and_then(|word| {
            let mut parts = word.split(':').map(|part| part.parse::<i8>().ok());
            let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
            Time::new(hour, minute, second, 0).ok()
        });
        match parsed {
            Some(time) => {
                self.next += 1;
                Ok(time)
            }
            None => Err(self.expected("a time such as 10:02 or 10:02:30")),
        }
    }

    /// `[DATE] TIME`, on the first day unless a date is said; `TIMEZ` is universal time.
    pub fn instant(&mut self, first: Date) -> Read<Ms> {
        let day = self.date(first).unwrap_or(first);
        if let Some(word) = self.peek().and_then(|word| word.strip_suffix('Z')).map(str::to_owned)
            && let Ok(stamp) =
                format!("{day}T{word}{}Z", if word.len() == 5 { ":00" } else { "" }).parse::<jiff::Timestamp>()
        {
            self.next += 1;
            return Ok(stamp.as_millisecond());
        }
        Ok(at(day, self.clock()?))
    }

    /// `between INSTANT and INSTANT`, whose first word was taken. The second is on the day of the first.
    pub fn window(&mut self, first: Date) -> Read<(Ms, Ms)> {
        let from = self.instant(first)?;
        self.want("and")?;
        let to = self.instant(civil(from).date())?;
        if to < from { Err(self.expected("a time after the first")) } else { Ok((from, to)) }
    }

    /// An error at the next word.
    pub fn expected(&self, what: &str) -> Unreadable {
        let (column, found) = match self.tokens.get(self.next) {
            Some(token) => (token.column, format!("« {} »", token.text)),
            None => (self.end, "the end of the line".to_owned()),
        };
        Unreadable { file: self.file.to_owned(), line: self.number, column, expected: what.to_owned(), found }
    }

    /// An error about the word just taken.
    pub fn wrong(&mut self, what: &str) -> Unreadable {
        self.next = self.next.saturating_sub(1);
        self.expected(what)
    }

    /// Nothing may be left.
    pub fn end(&self) -> Read<()> {
        if self.is_done() { Ok(()) } else { Err(self.expected("the end of the line")) }
    }
}
