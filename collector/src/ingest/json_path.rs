//! Where in a JSON text an error lies, in words: `events[3].up_ms`. Used for messages only, after a parser stopped.

/// One level of nesting on the way.
enum Level {
    /// In an object, at this key.
    Key(String),
    /// In an array, at this index.
    Index(usize),
}

/// The field that contains this line and column (both from 1, columns in bytes); empty for the top.
pub fn at(text: &[u8], line: usize, column: usize) -> String {
    let before: usize = text.split_inclusive(|b| *b == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    let end = before.saturating_add(column).min(text.len());
    let mut levels: Vec<Level> = Vec::new();
    let (mut string, mut in_string, mut escaped): (Vec<u8>, bool, bool) = (Vec::new(), false, false);
    for byte in text.iter().take(end) {
        match (in_string, escaped, byte) {
            (true, true, _) => {
                escaped = false;
                string.push(*byte);
            }
            (true, false, b'\\') => escaped = true,
            (true, false, b'"') => in_string = false,
            (true, false, _) => string.push(*byte),
            (false, _, b'"') => {
                in_string = true;
                string.clear();
            }
            (false, _, b':') => {
                if let Some(Level::Key(key)) = levels.last_mut() {
                    // Keys are short words; a long one is an attack on the log.
                    *key = String::from_utf8_lossy(&string).chars().filter(|c| !c.is_control()).take(60).collect();
                }
            }
            (false, _, b'{') => levels.push(Level::Key(String::new())),
            (false, _, b'[') => levels.push(Level::Index(0)),
            (false, _, b',') => match levels.last_mut() {
                Some(Level::Index(n)) => *n += 1,
                Some(Level::Key(key)) => key.clear(),
                None => {}
            },
            // The bracket at the very end is where the parser noticed: what it closes is still meant.
            (false, _, b'}' | b']') => {
                levels.pop();
            }
            _ => {}
        }
    }
    let mut path = String::new();
    for level in levels {
        match level {
            Level::Key(key) if key.is_empty() => {}
            Level::Key(key) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&key);
            }
            Level::Index(n) => path.push_str(&format!("[{n}]")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::at;
    use proptest::prelude::*;

    #[test]
    fn it_names_nested_fields_and_indexes() {
        let text = br#"{"a":1,"b":{"c":[10,{"d":"x"}]}}"#;
        let column = text.iter().position(|b| *b == b'x').unwrap() + 1;
        assert_eq!(at(text, 1, column), "b.c[1].d");
        assert_eq!(at(text, 1, 6), "a");
        assert_eq!(at(text, 1, 0), "");
    }

    #[test]
    fn quotes_and_brackets_in_strings_do_not_count() {
        assert_eq!(at(br#"{"a":"\"[{,:","b":2}"#, 1, 18), "b");
    }

    proptest! {
        #[test]
        fn any_text_and_place_is_answered(text in prop::collection::vec(any::<u8>(), 0..60), l in 0usize..5, c in 0usize..80) {
            let _ = at(&text, l, c);
        }
    }
}
