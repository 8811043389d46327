//! Cuts a shell script into words, operators and comments.

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As it stands; `quoted` text is never split.
    Text { text: String, quoted: bool },
    /// `$NAME` or `${NAME}`.
    Variable { name: String, quoted: bool },
    /// `$((…))`
    Arithmetic(String),
    /// `$(…)` or back-ticks.
    Command { text: String, quoted: bool },
    /// Something that is not understood: `${NAME%…}`.
    Unknown(String),
}

/// What a script consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Word(Vec<Piece>),
    Operator(&'static str),
    Newline,
    Comment(String),
}

/// A token, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
    /// The bytes of the script.
    pub(crate) range: std::ops::Range<usize>,
}

impl Token {
    /// The word, where it is one without quotes and variables.
    pub(crate) fn bare(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(pieces) => match pieces.as_slice() {
                [
                    Piece::Text {
                        text,
                        quoted: false,
                    },
                ] => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether it is this operator.
    pub(crate) fn is(&self, operator: &str) -> bool {
        matches!(self.kind, Kind::Operator(one) if one == operator)
    }

    /// Whether a command ends before it.
    pub(crate) fn ends_command(&self) -> bool {
        matches!(self.kind, Kind::Newline | Kind::Comment(_))
            || matches!(self.kind, Kind::Operator(one) if !is_redirection(one))
    }
}

/// Whether an operator sends what a command prints elsewhere, or reads from elsewhere.
pub(crate) fn is_redirection(operator: &str) -> bool {
    operator.contains(['>', '<'])
}

/// Longer ones first.
const OPERATORS: &[&str] = &[
    "<<<", "<<-", "&>>", "&&", "||", ";;", "<<", ">>", "&>", ">&", "<&", ">|", ";", "&", "|", "(",
    ")", "<", ">",
];

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

/// The tokens of a script whose first line has the number `line`. A quote that is never closed reaches to the end.
pub(crate) fn tokens(text: &str, line: usize) -> Vec<Token> {
    let mut lexer = Lexer {
        text,
        at: 0,
        line,
        tokens: Vec::new(),
    };
    while lexer.at < text.len() {
        lexer.token();
    }
    lexer.tokens
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    fn push(&mut self, kind: Kind, line: usize, start: usize) {
        self.tokens.push(Token {
            kind,
            line,
            range: start..self.at,
        });
    }

    fn token(&mut self) {
        let (start, line) = (self.at, self.line);
        let rest = self.rest();
        if rest.starts_with("\\\n") {
            self.next();
            self.next();
        } else if rest.starts_with([' ', '\t', '\r']) {
            self.next();
        } else if rest.starts_with('\n') {
            self.next();
            self.push(Kind::Newline, line, start);
        } else if let Some(comment) = rest.strip_prefix('#') {
            let comment = comment.split('\n').next().unwrap_or_default();
            self.at += 1 + comment.len();
            let text = comment.strip_prefix(' ').unwrap_or(comment).trim_end();
            self.push(Kind::Comment(text.to_owned()), line, start);
        } else if let Some(operator) = OPERATORS
            .iter()
            .find(|operator| rest.starts_with(**operator))
        {
            self.at += operator.len();
            self.push(Kind::Operator(operator), line, start);
        } else {
            let pieces = self.word();
            self.push(Kind::Word(pieces), line, start);
        }
    }

    fn word(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut quoted = false;
        while let Some(c) = self.rest().chars().next() {
            match c {
                '"' => {
                    self.next();
                    quoted = !quoted;
                    add(&mut pieces, "", true);
                }
                '\'' if !quoted => {
                    self.next();
                    let text = self.rest().split('\'').next().unwrap_or_default();
                    add(&mut pieces, text, true);
                    self.skip(text.len());
                    self.next();
                }
                '\\' => {
                    self.next();
                    match self.next() {
                        None | Some('\n') => {}
                        Some(c) if quoted && !"$`\"\\".contains(c) => {
                            add(&mut pieces, &format!("\\{c}"), true);
                        }
                        Some(c) => add(&mut pieces, c.encode_utf8(&mut [0; 4]), true),
                    }
                }
                '$' | '`' => {
                    let piece = self.dollar(quoted);
                    pieces.push(piece);
                }
                // Of the blanks only these end a word in a shell: a no-break space is a letter to it.
                c if !quoted && " \t\r\n;&|()<>".contains(c) => break,
                c => {
                    self.next();
                    add(&mut pieces, c.encode_utf8(&mut [0; 4]), quoted);
                }
            }
        }
        pieces
    }

    fn skip(&mut self, bytes: usize) {
        let end = self.at + bytes;
        while self.at < end && self.next().is_some() {}
    }

    /// What stands at a `$` or back-tick.
    fn dollar(&mut self, quoted: bool) -> Piece {
        let rest = self.rest();
        if let Some(inner) = rest.strip_prefix('`') {
            let text = inner.split('`').next().unwrap_or_default().to_owned();
            self.skip(text.len() + 2);
            return Piece::Command { text, quoted };
        }
        if rest.starts_with("$((")
            && let Some(end) = rest.find("))")
        {
            let text = rest[3..end].to_owned();
            self.skip(end + 2);
            return Piece::Arithmetic(text);
        }
        if rest.starts_with("$(") {
            let end = closing(rest, '(', ')').unwrap_or(rest.len() - 1);
            let text = rest.get(2..end).unwrap_or_default().to_owned();
            self.skip(end + 1);
            return Piece::Command { text, quoted };
        }
        if rest.starts_with("${") {
            let end = closing(rest, '{', '}').unwrap_or(rest.len() - 1);
            let name = rest.get(2..end).unwrap_or_default().to_owned();
            self.skip(end + 1);
            return if is_name(&name) {
                Piece::Variable { name, quoted }
            } else {
                Piece::Unknown(format!("${{{name}}}"))
            };
        }
        self.next();
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = &rest[..end.unwrap_or(rest.len())];
        if is_name(name) {
            self.skip(name.len());
            return Piece::Variable {
                name: name.to_owned(),
                quoted,
            };
        }
        match rest.chars().next() {
            Some(c) if c.is_ascii_digit() || "@*#?$!-".contains(c) => {
                self.next();
                Piece::Unknown(format!("${c}"))
            }
            _ => Piece::Text {
                text: "$".to_owned(),
                quoted,
            },
        }
    }
}

/// Where the bracket that `text` opens first is closed.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return Some(index);
            }
        }
    }
    None
}

/// Whether a text can name a variable.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn add(pieces: &mut Vec<Piece>, more: &str, is_quoted: bool) {
    if let Some(Piece::Text { text, quoted }) = pieces.last_mut()
        && *quoted == is_quoted
    {
        text.push_str(more);
    } else {
        pieces.push(Piece::Text {
            text: more.to_owned(),
            quoted: is_quoted,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> Vec<String> {
        let shown = tokens(text, 1).into_iter().map(|token| match token.kind {
            Kind::Word(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Text { text, .. } => text.clone(),
                    other => format!("{other:?}"),
                })
                .collect(),
            Kind::Operator(operator) => format!("<{operator}>"),
            Kind::Newline => "<newline>".to_owned(),
            Kind::Comment(text) => format!("<#{text}>"),
        });
        shown.collect()
    }

    #[test]
    fn words_operators_and_comments_are_told_apart() {
        assert_eq!(
            show("ip a 'x; y' \"b #c\" && e\\ f # no'te\ng 2>&1 h#i \\\n j"),
            [
                "ip",
                "a",
                "x; y",
                "b #c",
                "<&&>",
                "e f",
                "<#no'te>",
                "<newline>",
                "g",
                "2",
                "<>&>",
                "1",
                "h#i",
                "j"
            ]
        );
    }

    #[test]
    fn what_is_never_closed_ends_with_the_script() {
        for text in [
            "'a",
            "\"a",
            "$(a",
            "${a",
            "`a",
            "$((1",
            "\\",
            "$",
            "a\\",
            "${",
            "$(",
            "\u{a0}",
            "a \u{2029}",
            "\u{b}",
        ] {
            tokens(text, 1);
        }
    }
}
