//! What the signs behind backslashes stand for in the texts of `echo -e`, `printf` and `$'…'`.

use std::iter::Peekable;
use std::str::Chars;

/// What a terminal takes as the beginning of an order: to change the colour, and others.
const ESCAPE: char = '\u{1b}';

/// The text with what its signs stand for, without orders to a terminal: what a script prints is shown as it is.
pub(super) fn unescaped(text: &str) -> String {
    let mut all = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            all.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => all.push('\n'),
            Some('t') => all.push('\t'),
            Some('r') => all.push('\r'),
            Some('e' | 'E') => all.push(ESCAPE),
            Some(sign @ ('"' | '\'')) => all.push(sign),
            Some('x') => all.extend(number(&mut chars, 16, 2, 0)),
            Some('0') => all.extend(number(&mut chars, 8, 3, 0)),
            Some(sign @ '1'..='7') => {
                let first = sign.to_digit(8).unwrap_or(0);
                all.extend(number(&mut chars, 8, 2, first));
            }
            Some('\\') | None => all.push('\\'),
            Some(other) => all.extend(['\\', other]),
        }
    }
    without_orders(&all)
}

/// The sign with the number that `first` and the digits that follow make, `most` of them.
fn number(chars: &mut Peekable<Chars>, radix: u32, most: usize, first: u32) -> Option<char> {
    let mut number = first;
    for _ in 0..most {
        let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix)) else {
            break;
        };
        chars.next();
        number = number * radix + digit;
    }
    char::from_u32(number)
}

/// The text without orders to a terminal of the form `ESC [ … LETTER`.
fn without_orders(text: &str) -> String {
    let mut all = String::new();
    let mut rest = text;
    while let Some((before, order)) = rest.split_once(ESCAPE) {
        all.push_str(before);
        rest = match order.strip_prefix('[') {
            Some(order) => {
                let end = order.find(|c: char| !c.is_ascii_digit() && c != ';');
                end.map_or("", |end| order.get(end + 1..).unwrap_or_default())
            }
            None => order,
        };
    }
    all + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_stand_for_what_a_shell_has_them_stand_for() {
        assert_eq!(unescaped(r"a\tb\n\\n"), "a\tb\n\\n");
        assert_eq!(unescaped(r"\x41\0101\101\060"), "AAA0");
        assert_eq!(unescaped(r"\z\"), "\\z\\");
    }

    #[test]
    fn colours_are_left_out() {
        assert_eq!(
            unescaped(r"\033[1;31mbad\033[0m, \e[32mgood\x1b[m"),
            "bad, good"
        );
        assert_eq!(unescaped("\u{1b}[K\u{1b}é\u{1b}["), "é");
    }
}
