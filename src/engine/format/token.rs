//! The tokens of a script, comments among them. Unlike those of the parser they are its very text.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Kind {
    Keyword,
    Name,
    Number,
    /// Between quotes or back-ticks, with all that is interpolated.
    Text,
    /// To the end of its line.
    LineComment,
    BlockComment,
    /// `(`, `[`, `?[`, `{`, `#{`.
    Open,
    Close,
    Operator,
}

/// A token, and how it stood in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Token<'a> {
    pub(in crate::engine) kind: Kind,
    pub(in crate::engine) text: &'a str,
    /// How many line ends stand before it.
    pub(super) newlines: usize,
    /// Whether nothing stands between it and the one before.
    pub(super) is_glued: bool,
    /// How many characters stand before it on its line.
    pub(super) column: usize,
}

impl Token<'_> {
    pub(in crate::engine) fn is(&self, text: &str) -> bool {
        self.text == text
    }

    pub(in crate::engine) fn is_comment(&self) -> bool {
        matches!(self.kind, Kind::LineComment | Kind::BlockComment)
    }
}

/// Those that a bracket behind is no argument of.
const KEYWORDS: [&str; 23] = [
    "as", "break", "catch", "const", "continue", "do", "else", "export", "fn", "for", "if",
    "import", "in", "let", "loop", "private", "return", "switch", "throw", "try", "until", "while",
    "within",
];

/// Longest first.
const OPERATORS: [&str; 30] = [
    "..=", "**=", "<<=", ">>=", "!in", "=>", "==", "!=", "<=", ">=", "&&", "||", "??", "?.", "::",
    "..", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "**", "<<", ">>", "->", "<", ">",
];

/// Cuts a script into its tokens.
pub(in crate::engine) fn all(script: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut at, mut end) = (0, 0);
    while let Some(next) = script[at..].chars().next() {
        if next.is_whitespace() {
            at += next.len_utf8();
            continue;
        }
        let rest = &script[at..];
        let (kind, length) = if at == 0 && rest.starts_with("#!") {
            (Kind::LineComment, line(rest))
        } else {
            one(rest, next)
        };
        let text = &rest[..length];
        let start_of_line = script[..at].rfind('\n').map_or(0, |end| end + 1);
        found.push(Token {
            kind,
            text: if kind == Kind::LineComment {
                text.trim_end()
            } else {
                text
            },
            newlines: script[end..at].matches('\n').count(),
            is_glued: end == at && at > 0,
            column: script[start_of_line..at].chars().count(),
        });
        at += length;
        end = at;
    }
    found
}

/// The kind and the length of the token that `rest` begins with.
fn one(rest: &str, first: char) -> (Kind, usize) {
    if rest.starts_with("//") {
        (Kind::LineComment, line(rest))
    } else if rest.starts_with("/*") {
        (Kind::BlockComment, block_comment(rest))
    } else if let Some(length) = raw(rest) {
        (Kind::Text, length)
    } else if first == '"' || first == '\'' {
        (Kind::Text, quoted(rest, first))
    } else if first == '`' {
        (Kind::Text, template(rest))
    } else if rest.starts_with("#{") || rest.starts_with("?[") {
        (Kind::Open, 2)
    } else if "([{".contains(first) {
        (Kind::Open, 1)
    } else if ")]}".contains(first) {
        (Kind::Close, 1)
    } else if first.is_ascii_digit() {
        (Kind::Number, number(rest))
    } else if first.is_alphabetic() || first == '_' {
        let length = word(rest);
        let is_keyword = KEYWORDS.contains(&&rest[..length]);
        (
            if is_keyword {
                Kind::Keyword
            } else {
                Kind::Name
            },
            length,
        )
    } else {
        let known = OPERATORS.iter().find(|operator| {
            // `!in` is no `!` before a name that begins so.
            rest.starts_with(**operator) && (**operator != "!in" || word(&rest[1..]) == 2)
        });
        let length = known.map_or(first.len_utf8(), |operator| operator.len());
        (Kind::Operator, length)
    }
}

fn line(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

fn word(rest: &str) -> usize {
    rest.find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len())
}

/// Comments of this form hold others.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// `#"…"#`, with any number of `#`, has no escapes.
fn raw(rest: &str) -> Option<usize> {
    let signs = rest.len() - rest.trim_start_matches('#').len();
    if signs == 0 || !rest[signs..].starts_with('"') {
        return None;
    }
    let end = format!("\"{}", "#".repeat(signs));
    let start = signs + 1;
    let length = rest[start..].find(&end).map(|at| start + at + end.len());
    Some(length.unwrap_or(rest.len()))
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' {
            is_escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    rest.len()
}

/// Text between back-ticks: two of them mean one, and `${…}` holds tokens.
fn template(rest: &str) -> usize {
    let mut at = 1;
    while let Some(next) = rest[at..].chars().next() {
        if rest[at..].starts_with("``") {
            at += 2;
        } else if next == '`' {
            return at + 1;
        } else if rest[at..].starts_with("${") {
            at += 2 + interpolated(&rest[at + 2..]);
        } else {
            at += next.len_utf8();
        }
    }
    rest.len()
}

/// The length up to and with the bracket that closes the one before `rest`.
fn interpolated(rest: &str) -> usize {
    let (mut depth, mut at) = (1_usize, 0);
    while let Some(next) = rest[at..].chars().next() {
        if next.is_whitespace() {
            at += next.len_utf8();
            continue;
        }
        let (kind, length) = one(&rest[at..], next);
        at += length;
        match kind {
            Kind::Open => depth += 1,
            Kind::Close => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn number(rest: &str) -> usize {
    let mut length = word(rest);
    let digit_at = |at: usize| rest[at..].starts_with(|c: char| c.is_ascii_digit());
    if rest[length..].starts_with('.') && digit_at(length + 1) {
        length += 1 + word(&rest[length + 1..]);
    }
    // The sign of an exponent.
    let is_decimal = !rest.starts_with("0x") && !rest.starts_with("0X");
    if is_decimal
        && rest[..length].ends_with(['e', 'E'])
        && rest[length..].starts_with(['+', '-'])
        && digit_at(length + 1)
    {
        length += 1 + word(&rest[length + 1..]);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<&str> {
        all(script).iter().map(|token| token.text).collect()
    }

    #[test]
    fn what_looks_like_code_in_a_text_is_text() {
        assert_eq!(
            texts(r#"a("x // \" y")"#),
            ["a", "(", r#""x // \" y""#, ")"]
        );
        assert_eq!(
            texts("`a ${f(`b ${#{c: 1}.c}`)} ``d`` ` + 1"),
            ["`a ${f(`b ${#{c: 1}.c}`)} ``d`` `", "+", "1"]
        );
        assert_eq!(texts("#\"a\\\"# + 'x'"), ["#\"a\\\"#", "+", "'x'"]);
        assert_eq!(texts("/* a /* b */ c */ d"), ["/* a /* b */ c */", "d"]);
    }

    #[test]
    fn numbers_and_ranges_are_told_apart() {
        assert_eq!(
            texts("1..=2.5e-3 - 0xe+1"),
            ["1", "..=", "2.5e-3", "-", "0xe", "+", "1"]
        );
        assert_eq!(
            texts("x.1.to_int()"),
            ["x", ".", "1", ".", "to_int", "(", ")"]
        );
        assert_eq!(texts("!inside !in b"), ["!", "inside", "!in", "b"]);
    }
}
