//! Texts of others, made fit to be shown: no character of them moves the cursor, hides, or turns the text around.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character does something else than to show itself: a control character, or one that is invisible, ends a line,
/// or changes the direction of what follows.
fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// A character as a literal of the language writes it: `\x1b`, `\u202e`.
fn escape(c: char, to: &mut String) {
    let code = u32::from(c);
    // Writing to memory does not fail.
    let _ = match c {
        '\n' => write!(to, "\\n"),
        '\r' => write!(to, "\\r"),
        '\t' => write!(to, "\\t"),
        _ if code < 0x80 => write!(to, "\\x{code:02x}"),
        _ if code < 0x1_0000 => write!(to, "\\u{code:04x}"),
        _ => write!(to, "\\U{code:08x}"),
    };
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_escaped(c) {
            escape(c, &mut shown);
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// The text with its lines and tabs as they are.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_active(c) && c != '\n' && c != '\t')
}

/// The text on one line, whatever is in it.
pub fn on_one_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_active)
}

/// A text of JSON in which the strings hold no such character as it is. Outside of strings it has none.
pub fn json(text: &str) -> Cow<'_, str> {
    if !text.contains(is_active) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_active(c) && !c.is_ascii_whitespace() {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// A text as a literal of the language.
pub fn literal(text: &str) -> String {
    format!("\"{}\"", inside_of_literal(text))
}

/// What stands between the quotes of the literal.
pub fn inside_of_literal(text: &str) -> String {
    let mut inside = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => inside.extend(['\\', c]),
            c if is_active(c) => escape(c, &mut inside),
            c => inside.push(c),
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_shown_and_the_rest_stays() {
        assert_eq!(
            visible("a\x1b[31m\u{9b}2J\u{202e}x\r\n\tb\u{7f}é网👩‍🔬"),
            "a\\x1b[31m\\u009b2J\\u202ex\\r\n\tb\\x7fé网👩‍🔬"
        );
        assert_eq!(on_one_line("a\n\tb\u{2028}c"), "a\\n\\tb\\u2028c");
        assert!(matches!(on_one_line("veth0"), Cow::Borrowed("veth0")));
    }

    #[test]
    fn json_stays_json_and_means_the_same() {
        let value = serde_json::json!({"name": "a\x1b\u{7f}\u{9b}\u{202e}\u{e0041}\n"});
        let text = value.to_string();
        let shown = json(&text);
        assert!(!shown.contains(is_active));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
            value
        );
    }

    proptest! {
        #[test]
        fn a_literal_is_one_line_and_means_the_text(text in any::<String>()) {
            let literal = literal(&text);
            prop_assert!(!literal.contains(is_active));
            let engine = rhai::Engine::new();
            prop_assert_eq!(engine.eval_expression::<String>(&literal).unwrap(), text);
        }
    }
}
