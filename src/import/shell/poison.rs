//! What is no longer known where a command was not understood.

use super::Reader;
use super::expand::Held;
use crate::import::lex::is_name;

/// Words of the shell behind which the names of variables stand.
const SETTING: [&str; 7] = [
    "read",
    "getopts",
    "mapfile",
    "readarray",
    "let",
    "printf -v",
    "unset",
];

/// Those behind which one stands.
const SETTING_ONE: [&str; 2] = ["for", "select"];

/// Those that take assignments as words, which may be quoted.
const DECLARING: [&str; 5] = ["export", "declare", "typeset", "local", "readonly"];

/// Signs that set what stands in front of them in a calculation.
const ASSIGNING: [&str; 13] = [
    "=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "|=", "&=", "^=", "++", "--",
];

/// Whether a word goes on before or behind a name.
fn goes_on(c: char) -> bool {
    "-./:@%+".contains(c)
}

impl Reader<'_> {
    /// Takes all variables and functions that a text may set as unknown.
    pub(super) fn poison(&mut self, text: &str, depth: usize) {
        let bytes = text.as_bytes();
        let (mut is_setting, mut is_one) = (false, false);
        let mut at = 0;
        while at < text.len() {
            let c = bytes[at];
            if !(c.is_ascii_alphanumeric() || c == b'_') {
                if matches!(c, b';' | b'\n' | b'|' | b'&') {
                    is_setting = false;
                    is_one = false;
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
            if name == "eval" {
                // It may set whatever it likes.
                for held in self.variables.values_mut() {
                    *held = Held::Unknown;
                }
            }
            let last = text[..start].chars().next_back();
            if last == Some('$') || text[..start].ends_with("${") {
                let is_set =
                    last == Some('{') && (behind.starts_with(":=") || behind.starts_with('='));
                if is_name(name) && is_set {
                    self.variables.insert(name.to_owned(), Held::Unknown);
                }
                continue;
            }
            let is_calculated = line.contains("((") || is_setting;
            let is_word = !last.is_some_and(goes_on);
            let is_quoted = matches!(last, Some('"' | '\''));
            let may_assign =
                is_word && (!is_quoted || DECLARING.iter().any(|word| line.contains(word)));
            let is_assigned = may_assign
                && (behind.starts_with('=') || behind.starts_with("+=") || behind.starts_with('['))
                || (is_calculated
                    && !rest.starts_with("==")
                    && ASSIGNING.iter().any(|sign| rest.starts_with(sign)));
            let is_counted = is_calculated && (before.ends_with("++") || before.ends_with("--"));
            if rest.starts_with("()") || before.ends_with("function") {
                if is_name(name) {
                    self.functions.insert(name.to_owned(), None);
                }
            } else if depth < 5
                && is_word
                && !behind.starts_with(|c| goes_on(c) || c == '=')
                && let Some(Some(function)) = self.functions.get(name).cloned()
            {
                self.called.insert(name.to_owned());
                let own = function.own.clone();
                self.poison(&own, depth + 1);
                // Its own definition stands in its text.
                self.functions.insert(name.to_owned(), Some(function));
            }
            if is_name(name) && (is_assigned || is_counted || is_setting || is_one) {
                self.variables.insert(name.to_owned(), Held::Unknown);
            }
            is_one = SETTING_ONE.contains(&name);
            is_setting |= SETTING.iter().any(|word| {
                word.split(' ').next() == Some(name) && text[start..].starts_with(word)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    /// What stands for `$N` behind a command that is not understood, where it was 3 before; none where that is not known.
    fn value_behind(text: &str) -> Option<String> {
        let source = format!("N=3\nsum() {{ N=$((N+1)); }}\n{text}\nip netns add n$N\n");
        let imported = crate::import::import(&source, None).ok()?;
        let made = imported
            .script
            .lines()
            .find_map(|line| line.split_once("netns(\"n"));
        made.map(|(_, rest)| rest.trim_end_matches("\");").to_owned())
    }

    #[test]
    fn what_a_refused_command_may_set_is_not_known_and_all_else_is() {
        for text in [
            "for i in $(seq 1 $N $W); do ip netns add x$i; done",
            "while read -r x; do echo \"N=$N\"; done < /some/file",
            "for ((i = 0; i < N && N == $W; i++)); do ip netns add x$i; done",
            "for i in $(ls); do ip netns add sum-$i; printf '%s' N; done",
            "until frob --N=5; do sysctl -w net.x.N=5; done",
        ] {
            assert_eq!(value_behind(text).as_deref(), Some("3"), "{text}");
        }
        for text in [
            "for i in $(ls); do N=$((N+1)); done",
            "for i in $(ls); do ((N--)); done",
            "for i in $(ls); do let N=4; done",
            "for i in $(ls); do : ${N:=4}; done",
            "for i in $(ls); do sum; done",
            "for i in $(ls); do printf -v N %s $i; done",
            "for i in $(ls); do export \"N=4\"; done",
            "for i in $(ls); do eval \"$i=4\"; done",
            "for N in $(ls); do ip netns add x; done",
            "while read -r x N; do ip netns add x; done < /some/file",
        ] {
            assert_eq!(value_behind(text), None, "{text}");
        }
    }
}
