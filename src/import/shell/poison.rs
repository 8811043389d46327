//! What is no longer known where a command was not understood.

use super::Reader;
use super::expand::Held;
use crate::import::lex::is_name;

/// Words of the shell behind which the names of variables stand.
const SETTING: [&str; 9] = [
    "for",
    "read",
    "getopts",
    "mapfile",
    "readarray",
    "select",
    "let",
    "printf",
    "unset",
];

impl Reader<'_> {
    /// Takes all variables and functions that a text may set as unknown.
    pub(super) fn poison(&mut self, text: &str, depth: usize) {
        let bytes = text.as_bytes();
        let mut is_setting = false;
        let mut at = 0;
        while at < text.len() {
            let c = bytes[at];
            if !(c.is_ascii_alphanumeric() || c == b'_') {
                if matches!(c, b';' | b'\n' | b'|' | b'&') {
                    is_setting = false;
                }
                at += 1;
                continue;
            }
            let start = at;
            while at < text.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_') {
                at += 1;
            }
            let name = &text[start..at];
            let before = text[..start].trim_end_matches(' ');
            let rest = text[at..].trim_start_matches(' ');
            let line = before.rsplit('\n').next().unwrap_or_default();
            let behind = &text[at..];
            let is_calculated = line.contains("((") || is_setting;
            let is_assigned = behind.starts_with('=')
                || behind.starts_with("+=")
                || (behind.starts_with('[') && !before.ends_with('{'))
                || (is_calculated
                    && [
                        "=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "|=", "&=", "^=", "++",
                        "--",
                    ]
                    .iter()
                    .any(|sign| rest.starts_with(sign)));
            let is_counted = before.ends_with("++") || before.ends_with("--");
            if rest.starts_with("()") || before.ends_with("function") {
                if is_name(name) {
                    self.functions.insert(name.to_owned(), None);
                }
            } else if depth < 5
                && let Some(Some(function)) = self.functions.get(name).cloned()
            {
                self.called.insert(name.to_owned());
                let own = function.own.clone();
                self.poison(&own, depth + 1);
                // Its own definition stands in its text.
                self.functions.insert(name.to_owned(), Some(function));
            }
            if is_name(name) && (is_assigned || is_counted || is_setting) {
                self.variables.insert(name.to_owned(), Held::Unknown);
            }
            is_setting |= SETTING.contains(&name);
        }
    }
}
