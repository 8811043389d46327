//! Cuts a shell script into words, operators and comments.

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As it stands; `quoted` text is never split.
    Text { text: String, quoted: bool },
    /// What stands in `${…}`, or behind a `$`: a name, and perhaps what is done with its value.
    Variable { name: String, quoted: bool },
    /// `$((…))`
    Arithmetic(String),
    /// `$(…)` or back-ticks.
    Command { text: String, quoted: bool },
    /// `<(…)`: the name of a file with what the commands print.
    Process(String),
}

/// What a script consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Word(Vec<Piece>),
    /// `((…))` where a command is expected.
    Arithmetic(String),
    /// The text of a here-document, in place of the mark that ends it.
    Here(Vec<Piece>),
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
}

/// Whether an operator sends what a command prints elsewhere, or reads from elsewhere.
pub(crate) fn is_redirection(operator: &str) -> bool {
    operator.contains(['>', '<'])
}

/// Longer ones first.
const OPERATORS: &[&str] = &[
    "<<<", "<<-", "&>>", ";;&", "&&", "||", ";;", ";&", "<<", ">>", "&>", ">&", "<&", ">|", ";",
    "&", "|", "(", ")", "<", ">",
];

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
    /// The here-documents of this line that are still to come: the token of the mark, and whether tabs are taken away.
    awaited: Vec<(usize, bool)>,
    /// Whether `[[` is open: brackets there begin no command.
    in_test: bool,
}

/// The tokens of a script whose first line has the number `line`. A quote that is never closed reaches to the end.
pub(crate) fn tokens(text: &str, line: usize) -> Vec<Token> {
    let mut lexer = Lexer::new(text, line);
    while lexer.at < text.len() {
        lexer.token();
    }
    lexer.tokens
}

/// The pieces of a text in which quotes mean nothing, but variables do.
pub(crate) fn text(text: &str) -> Vec<Piece> {
    Lexer::new(text, 1).word(true)
}

/// The pieces of what stands behind a name in `${…}`: quotes are taken away, and blanks end nothing.
pub(crate) fn behind_name(text: &str) -> Vec<Piece> {
    let mut lexer = Lexer::new(text, 1);
    let mut pieces = Vec::new();
    while lexer.at < text.len() {
        pieces.extend(lexer.word(false));
        if let Some(c) = lexer.next() {
            add(&mut pieces, c.encode_utf8(&mut [0; 4]), false);
        }
    }
    pieces
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str, line: usize) -> Self {
        Self {
            text,
            at: 0,
            line,
            tokens: Vec::new(),
            awaited: Vec::new(),
            in_test: false,
        }
    }

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
        let is_expression = self.in_test && self.tokens.last().and_then(Token::bare) == Some("=~");
        if rest.starts_with("\\\n") {
            self.next();
            self.next();
        } else if rest.starts_with([' ', '\t', '\r']) {
            self.next();
        } else if rest.starts_with('\n') {
            self.next();
            self.push(Kind::Newline, line, start);
            self.here_documents();
        } else if rest.starts_with("((")
            && self.is_start()
            && let Some(end) = closing(rest).filter(|end| rest[..*end].ends_with(')'))
        {
            let text = rest[2..end - 1].to_owned();
            self.skip(end + 1);
            self.push(Kind::Arithmetic(text), line, start);
        } else if let Some(comment) = rest.strip_prefix('#') {
            let comment = comment.split('\n').next().unwrap_or_default();
            self.at += 1 + comment.len();
            let text = comment.strip_prefix(' ').unwrap_or(comment).trim_end();
            self.push(Kind::Comment(text.to_owned()), line, start);
        } else if let Some(operator) = OPERATORS
            .iter()
            .find(|operator| rest.starts_with(**operator))
            .filter(|_| !is_process(rest) && !is_expression)
        {
            self.at += operator.len();
            self.push(Kind::Operator(operator), line, start);
        } else {
            let pieces = if is_expression {
                self.expression()
            } else {
                self.word(false)
            };
            self.push(Kind::Word(pieces), line, start);
            let last = self.tokens.len() - 1;
            match self.tokens[last].bare() {
                Some("[[") => self.in_test = true,
                Some("]]") => self.in_test = false,
                _ => {}
            }
            let before = last.checked_sub(1).map(|before| &self.tokens[before].kind);
            if let Some(Kind::Operator(one @ ("<<" | "<<-"))) = before {
                self.awaited.push((last, *one == "<<-"));
            }
        }
    }

    /// Whether a command may begin here.
    fn is_start(&self) -> bool {
        const WORDS: [&str; 11] = [
            "do", "then", "else", "elif", "if", "while", "until", "for", "!", "{", "time",
        ];
        let Some(before) = self.tokens.last() else {
            return true;
        };
        match &before.kind {
            Kind::Newline | Kind::Comment(_) => true,
            Kind::Operator(one) => !is_redirection(one) && !self.in_test,
            _ => before.bare().is_some_and(|word| WORDS.contains(&word)),
        }
    }

    /// Reads the here-documents that the line which just ended has announced.
    fn here_documents(&mut self) {
        for (index, is_indented) in std::mem::take(&mut self.awaited) {
            let Kind::Word(pieces) = &self.tokens[index].kind else {
                continue;
            };
            let is_quoted = pieces
                .iter()
                .any(|piece| matches!(piece, Piece::Text { quoted: true, .. }));
            let mark: String = pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Text { text, .. } => text.as_str(),
                    _ => "",
                })
                .collect();
            let mut body = String::new();
            while self.at < self.text.len() {
                let line = self.rest().split('\n').next().unwrap_or_default();
                self.skip(line.len() + 1);
                let line = if is_indented {
                    line.trim_start_matches('\t')
                } else {
                    line
                };
                if line == mark {
                    break;
                }
                body.extend([line, "\n"]);
            }
            let pieces = if is_quoted {
                vec![Piece::Text {
                    text: body,
                    quoted: true,
                }]
            } else {
                text(&body)
            };
            self.tokens[index].kind = Kind::Here(pieces);
            self.tokens[index].range.end = self.at;
        }
    }

    /// Reads a word; or all that is left, where `is_text`.
    fn word(&mut self, is_text: bool) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut quoted = is_text;
        while let Some(c) = self.rest().chars().next() {
            match c {
                '"' if !is_text => {
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
                '<' | '>' if !quoted && is_process(self.rest()) => {
                    let rest = self.rest();
                    let end = closing(&rest[1..]).map_or(rest.len(), |end| end + 1);
                    let text = rest.get(2..end).unwrap_or_default().to_owned();
                    self.skip(end + 1);
                    pieces.push(Piece::Process(text));
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

    /// Reads a regular expression: brackets and bars are part of it.
    fn expression(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        loop {
            pieces.extend(self.word(false));
            match self.rest().chars().next() {
                Some(c) if !c.is_whitespace() => {
                    self.next();
                    add(&mut pieces, c.encode_utf8(&mut [0; 4]), false);
                }
                _ => return pieces,
            }
        }
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
            && let Some(end) = closing(&rest[1..]).map(|end| end + 1)
            && rest[..end].ends_with(')')
        {
            let text = rest[3..end - 1].to_owned();
            self.skip(end + 1);
            return Piece::Arithmetic(text);
        }
        // The older form.
        if rest.starts_with("$[")
            && let Some(end) = rest.find(']')
        {
            let text = rest[2..end].to_owned();
            self.skip(end + 1);
            return Piece::Arithmetic(text);
        }
        if rest.starts_with("$(") {
            let end = closing(&rest[1..]).map_or(rest.len(), |end| end + 1);
            let text = rest.get(2..end).unwrap_or_default().to_owned();
            self.skip(end + 1);
            return Piece::Command { text, quoted };
        }
        if rest.starts_with("${") {
            let end = closing(&rest[1..]).map_or(rest.len(), |end| end + 1);
            let name = rest.get(2..end).unwrap_or_default().to_owned();
            self.skip(end + 1);
            return Piece::Variable { name, quoted };
        }
        if !quoted && let Some(inner) = rest.strip_prefix("$'") {
            let text = inner.split('\'').next().unwrap_or_default();
            self.skip(text.len() + 3);
            let text = super::signs::unescaped(text);
            return Piece::Text { text, quoted: true };
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
                Piece::Variable {
                    name: c.to_string(),
                    quoted,
                }
            }
            _ => Piece::Text {
                text: "$".to_owned(),
                quoted,
            },
        }
    }
}

/// Whether a text begins with commands whose output has the name of a file.
fn is_process(text: &str) -> bool {
    text.starts_with("<(") || text.starts_with(">(")
}

/// Where the bracket that `text` begins with is closed; brackets in quotes do not count.
fn closing(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    let mut chars = text.char_indices();
    let mut is_quoted = false;
    while let Some((index, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '\'' if !is_quoted => {
                chars.find(|(_, c)| *c == '\'')?;
            }
            '"' => is_quoted = !is_quoted,
            '(' | '{' if !is_quoted || text[..index].ends_with('$') => open.push((c, is_quoted)),
            ')' | '}' => {
                let begin = if c == ')' { '(' } else { '{' };
                if open
                    .last()
                    .is_some_and(|(one, quoted)| *one == begin && *quoted == is_quoted)
                {
                    open.pop();
                    if open.is_empty() {
                        return Some(index);
                    }
                }
            }
            _ => {}
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
            other @ (Kind::Arithmetic(_) | Kind::Here(_)) => format!("<{other:?}>"),
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
