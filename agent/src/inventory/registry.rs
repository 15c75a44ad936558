//! Exports of the Windows registry (`.reg` files, version 5 and REGEDIT4): keys and values, as pure facts. What is read
//! from a live registry will have the same shape.
//!
//! UTF-16 of both orders, UTF-8, or one byte a character; strings over several lines, continued lines, every type.
//! What is not understood is counted and said, and never hides the rest.

use serde::Serialize;
use std::str::Lines;

/// Most keys kept.
const KEYS_MAX: usize = 200_000;
/// Most lines over which one string may go.
const STRING_LINES_MAX: usize = 200;
/// First line of a file of version 5.
const HEADER: &str = "Windows Registry Editor Version 5.00";
/// First line of a file of Windows 98 and NT 4: one byte a character, also in hexadecimal texts.
const OLD_HEADER: &str = "REGEDIT4";

/// One value. Numbers of 32 and 64 bits are one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// `REG_SZ`, `REG_EXPAND_SZ` (not expanded), `REG_LINK`.
    Text(String),
    /// `REG_DWORD`, `REG_DWORD_BIG_ENDIAN`, `REG_QWORD`.
    Number(u64),
    /// `REG_MULTI_SZ`.
    Texts(Vec<String>),
    /// All other types, in hexadecimal when shown.
    #[serde(serialize_with = "hexadecimal")]
    Bytes(Vec<u8>),
}

fn hexadecimal<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&data_encoding::HEXLOWER.encode(bytes))
}

/// One key with its values; names as written (Windows ignores case).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Key {
    /// Whole path, such as `HKEY_LOCAL_MACHINE\SOFTWARE\…`.
    pub path: String,
    /// Names and values in the order of the file; the default value has no name.
    pub values: Vec<(String, Value)>,
}

impl Key {
    /// A value by its name, whatever its case.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// A text by its name.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number by its name.
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.value(name)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }
}

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Export {
    /// Keys in the order of the file.
    pub keys: Vec<Key>,
    /// What could not be understood, without its content.
    pub problems: Vec<String>,
}

/// Reads an export.
pub fn parse(bytes: &[u8]) -> Export {
    let mut export = Export::default();
    let text = decode(bytes, &mut export.problems);
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default().trim();
    let wide = header != OLD_HEADER;
    if wide && header != HEADER {
        export.problems.push(format!("the first line is not « {HEADER} »: this may be no export of the registry"));
        lines = text.lines();
    }
    let (mut not_understood, mut beyond, mut inside) = (0usize, 0usize, false);
    while let Some(line) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(';') {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            // A path may hold brackets; a key that is taken away begins with a minus.
            let path = rest.rsplit_once(']').map(|(path, _)| path).filter(|path| !path.is_empty());
            inside = path.is_some_and(|path| !path.starts_with('-')) && export.keys.len() < KEYS_MAX;
            not_understood += usize::from(path.is_none());
            beyond += usize::from(export.keys.len() == KEYS_MAX);
            if let (true, Some(path)) = (inside, path) {
                export.keys.push(Key { path: path.to_owned(), values: vec![] });
            }
            continue;
        }
        match (value(line, &mut lines, wide), export.keys.last_mut()) {
            (Some((name, Some(value))), Some(key)) if inside => key.values.push((name, value)),
            (Some(_), _) => {}
            (None, _) => not_understood += 1,
        }
    }
    if not_understood > 0 {
        export.problems.push(format!("{not_understood} lines are not understood"));
    }
    if beyond > 0 {
        export.problems.push(format!("only the first {KEYS_MAX} keys are read, {beyond} more are left out"));
    }
    export
}

/// The text of a file, by its byte order mark.
fn decode(bytes: &[u8], problems: &mut Vec<String>) -> String {
    let units = |rest: &[u8], one: fn([u8; 2]) -> u16| -> Vec<u16> {
        rest.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(one).collect()
    };
    let wide = match bytes {
        [0xFF, 0xFE, rest @ ..] => Some((rest, units(rest, u16::from_le_bytes))),
        [0xFE, 0xFF, rest @ ..] => Some((rest, units(rest, u16::from_be_bytes))),
        // Tools lose the mark; the first character is ASCII either way.
        [_, 0, ..] => Some((bytes, units(bytes, u16::from_le_bytes))),
        [0, _, ..] => Some((bytes, units(bytes, u16::from_be_bytes))),
        _ => None,
    };
    let Some((rest, units)) = wide else {
        let bytes = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes);
        return match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => {
                problems.push("the characters are neither UTF-16 nor UTF-8: accents may be wrong".into());
                bytes.iter().map(|byte| char::from(*byte)).collect()
            }
        };
    };
    if rest.len() % 2 == 1 {
        problems.push("the file ends in the middle of a character: it is cut".into());
    }
    String::from_utf16_lossy(&units)
}

/// One value, with the lines on which it goes on. The value is nothing where the file takes it away.
fn value<'a>(line: &'a str, lines: &mut Lines<'a>, wide: bool) -> Option<(String, Option<Value>)> {
    let (name, rest) = match line.strip_prefix('@') {
        Some(rest) => (String::new(), rest),
        None => quoted(line.strip_prefix('"')?, lines)?,
    };
    let data = rest.trim_start().strip_prefix('=')?.trim();
    if data == "-" {
        return Some((name, None));
    }
    if let Some(text) = data.strip_prefix('"') {
        return Some((name, Some(Value::Text(quoted(text, lines)?.0))));
    }
    let (kind, digits) = data.split_once(':')?;
    if kind.eq_ignore_ascii_case("dword") {
        return Some((name, Some(Value::Number(u32::from_str_radix(digits.trim(), 16).ok()?.into()))));
    }
    let kind = kind.to_ascii_lowercase();
    let kind = match kind.strip_prefix("hex")? {
        "" => 3,
        number => u32::from_str_radix(number.strip_prefix('(')?.strip_suffix(')')?, 16).ok()?,
    };
    Some((name, Some(typed(kind, hex(digits, lines)?, wide))))
}

/// The rest of a string behind its first quote, and what follows its last one. It may go over several lines.
fn quoted<'a>(first: &'a str, lines: &mut Lines<'a>) -> Option<(String, &'a str)> {
    let mut text = String::new();
    let mut line = first;
    for _ in 0..STRING_LINES_MAX {
        let mut characters = line.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => return Some((text, line.get(at + 1..).unwrap_or_default())),
                '\\' => match characters.next() {
                    Some((_, escaped @ ('\\' | '"'))) => text.push(escaped),
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => text.push('\\'),
                },
                other => text.push(other),
            }
        }
        text.push('\n');
        // Another key is no part of a string: this one lost its quote. What was looked at is not lost.
        let mut ahead = lines.clone();
        line = ahead.next().filter(|next| !next.starts_with("[HKEY_"))?;
        *lines = ahead;
    }
    None
}

/// Bytes in hexadecimal between commas; a backslash at the end of a line goes on with the next one.
fn hex(first: &str, lines: &mut Lines<'_>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut line = first.trim();
    loop {
        let (digits, more) = match line.strip_suffix('\\') {
            Some(digits) => (digits, true),
            None => (line, false),
        };
        for pair in digits.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            bytes.push(u8::from_str_radix(pair, 16).ok()?);
        }
        if !more {
            return Some(bytes);
        }
        line = lines.next().unwrap_or_default().trim();
    }
}

/// Bytes as their type means them (`winnt.h`); bytes that their type cannot mean stay bytes.
fn typed(kind: u32, bytes: Vec<u8>, wide: bool) -> Value {
    let little = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    match (kind, bytes.len()) {
        (1 | 2 | 6, _) => Value::Text(texts(&bytes, wide).into_iter().next().unwrap_or_default()),
        (7, _) => Value::Texts(texts(&bytes, wide).into_iter().filter(|text| !text.is_empty()).collect()),
        (4, 4) | (11, 8) => Value::Number(little(&bytes)),
        (5, 4) => Value::Number(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))),
        _ => Value::Bytes(bytes),
    }
}

/// Texts that end with a NUL each.
fn texts(bytes: &[u8], wide: bool) -> Vec<String> {
    let text: String = if wide {
        let units: Vec<u16> =
            bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(u16::from_le_bytes).collect();
        String::from_utf16_lossy(&units)
    } else {
        bytes.iter().map(|byte| char::from(*byte)).collect()
    };
    text.split('\0').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
