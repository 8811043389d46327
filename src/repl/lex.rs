//! The pieces of a text that is still being typed: unlike the parser this never gives up.

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or keyword.
    Name,
    /// A number.
    Number,
    /// A text between quotes or back-ticks, with whether it is closed.
    Text { closed: bool },
    /// A comment, with whether it is closed.
    Comment { closed: bool },
    /// An opening bracket: `(`, `[`, `{`, or `#` for `#{`.
    Open(char),
    /// A closing bracket.
    Close(char),
    /// Blanks.
    Blank,
    /// Any other sign.
    Sign,
}

/// A piece and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

impl Piece<'_> {
    pub(crate) fn is(&self, text: &str) -> bool {
        self.text == text
    }

    /// What stands between the quotes.
    pub(crate) fn content(&self) -> &str {
        let inner = self.text.get(1..).unwrap_or_default();
        match self.kind {
            Kind::Text { closed: true } => inner.get(..inner.len().saturating_sub(1)).unwrap_or(""),
            _ => inner,
        }
    }
}

/// Cuts `text` into pieces.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(first) = text[start..].chars().next() {
        let (kind, length) = piece(&text[start..], first);
        found.push(Piece {
            kind,
            text: &text[start..start + length],
            start,
        });
        start += length;
    }
    found
}

fn piece(rest: &str, first: char) -> (Kind, usize) {
    let up_to = |is_in: fn(char) -> bool| rest.find(|c: char| !is_in(c)).unwrap_or(rest.len());
    if rest.starts_with("//") {
        let end = rest.find('\n').unwrap_or(rest.len());
        (Kind::Comment { closed: true }, end)
    } else if rest.starts_with("/*") {
        match rest.find("*/") {
            Some(end) => (Kind::Comment { closed: true }, end + 2),
            None => (Kind::Comment { closed: false }, rest.len()),
        }
    } else if first == '"' || first == '`' {
        quoted(rest, first)
    } else if rest.starts_with("#{") {
        (Kind::Open('#'), 2)
    } else if "([{".contains(first) {
        (Kind::Open(first), 1)
    } else if ")]}".contains(first) {
        (Kind::Close(first), 1)
    } else if first.is_whitespace() {
        (Kind::Blank, up_to(char::is_whitespace))
    } else if first.is_ascii_digit() {
        (
            Kind::Number,
            up_to(|c| c.is_ascii_alphanumeric() || c == '_'),
        )
    } else if first.is_alphabetic() || first == '_' {
        (Kind::Name, up_to(|c| c.is_alphanumeric() || c == '_'))
    } else if rest.starts_with("::") {
        (Kind::Sign, 2)
    } else {
        (Kind::Sign, first.len_utf8())
    }
}

fn quoted(rest: &str, quote: char) -> (Kind, usize) {
    let mut escaped = false;
    for (index, c) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote == '"' {
            escaped = true;
        } else if c == quote {
            return (Kind::Text { closed: true }, index + 1);
        } else if c == '\n' && quote == '"' {
            // Such a string ends on its line.
            return (Kind::Text { closed: false }, index);
        }
    }
    (Kind::Text { closed: false }, rest.len())
}

/// How far the line is set in that opened the innermost bracket which is open at the end of `text`; `None` where none is, and
/// within a text or a comment.
pub(crate) fn indent(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    for piece in pieces(text) {
        match piece.kind {
            Kind::Open(_) => open.push(piece.start),
            Kind::Close(_) => drop(open.pop()),
            // One between quotes ends with its line.
            Kind::Text { closed: false } if piece.text.starts_with('`') => return None,
            Kind::Comment { closed: false } => return None,
            _ => {}
        }
    }
    let before = &text[..open.pop()?];
    let line = &text[before.rfind('\n').map_or(0, |end| end + 1)..];
    Some(line.len() - line.trim_start_matches(' ').len())
}

/// The brackets without a partner, by the place where they begin: those closed wrongly, and those left open.
pub(crate) fn unbalanced(pieces: &[Piece]) -> (Vec<usize>, Vec<usize>) {
    let (mut wrong, mut open) = (Vec::new(), Vec::new());
    for piece in pieces {
        match piece.kind {
            Kind::Open(bracket) => open.push((bracket, piece.start)),
            Kind::Close(bracket) => {
                let fits = |open: char| match bracket {
                    ')' => open == '(',
                    ']' => open == '[',
                    _ => open == '{' || open == '#',
                };
                match open.last() {
                    Some((last, _)) if fits(*last) => drop(open.pop()),
                    _ => wrong.push(piece.start),
                }
            }
            _ => {}
        }
    }
    (wrong, open.into_iter().map(|(_, start)| start).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_cut_into_pieces_that_make_it_up_again() {
        for text in [
            "net.ping(\"a\\\"b",
            "`x${1}\n` /* open",
            "#{a: 1.5} // c\n\"x\n1",
            "é::ß",
        ] {
            let all: String = pieces(text).iter().map(|piece| piece.text).collect();
            assert_eq!(all, text);
        }
    }

    #[test]
    fn brackets_without_a_partner_are_found() {
        let found = |text| unbalanced(&pieces(text));
        assert_eq!(found("f(a[1)]"), (vec![5], vec![1]));
        assert_eq!(found("#{a: (1)}"), (vec![], vec![]));
        assert_eq!(found("\"(\" }"), (vec![4], vec![]));
    }

    #[test]
    fn a_line_is_set_in_by_the_one_that_opened_the_innermost_bracket() {
        assert_eq!(indent("if x {\n    f("), Some(4));
        assert_eq!(indent("print(#{\n    a: 1\n    "), Some(0));
        assert_eq!(indent("print(#{\n    a: 1\n})"), None);
        assert_eq!(indent("f(`a {\n"), None);
        assert_eq!(indent("f( /* {\n"), None);
    }
}
