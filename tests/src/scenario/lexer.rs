//! One line of a scenario in words. `#` begins a comment, quotes hold a text, commas stand alone.

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The word, or the text between quotes.
    pub text: String,
    /// Whether it stood between quotes.
    pub quoted: bool,
    /// Column of its first character, from 1.
    pub column: usize,
}

/// The words of a line, or the column of a quote that is never closed.
pub fn words(line: &str) -> Result<Vec<Token>, usize> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut open = false;
    let mut letters = line.chars().enumerate().peekable();
    while let Some((at, letter)) = letters.next() {
        let column = at + 1;
        match letter {
            '#' => break,
            '"' | '«' => {
                let end = if letter == '"' { '"' } else { '»' };
                let mut text = String::new();
                loop {
                    match letters.next() {
                        None => return Err(column),
                        Some((_, next)) if next == end => break,
                        Some((_, next)) => text.push(next),
                    }
                }
                tokens.push(Token { text: text.trim().to_owned(), quoted: true, column });
                open = false;
            }
            ',' | '±' | '%' => {
                tokens.push(Token { text: letter.to_string(), quoted: false, column });
                open = false;
            }
            space if space.is_whitespace() => open = false,
            letter => match tokens.last_mut().filter(|_| open) {
                Some(word) => word.text.push(letter),
                None => {
                    tokens.push(Token { text: letter.to_string(), quoted: false, column });
                    open = true;
                }
            },
        }
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_commas_and_texts() {
        let found = words("one ticket, started 10:02 ± 90 s because \"a, b\" # no more").unwrap();
        let texts: Vec<_> = found.iter().map(|t| t.text.as_str()).collect();
        assert_eq!(texts, ["one", "ticket", ",", "started", "10:02", "±", "90", "s", "because", "a, b"]);
        assert_eq!(found[2].column, 11);
        assert_eq!(words("say \"no end"), Err(5));
    }
}
