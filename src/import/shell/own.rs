//! The variables that a script sets somewhere: where it has not come there yet, they are empty.

use std::collections::HashSet;

use crate::import::lex::is_name;

/// Words behind which names of variables stand.
const DECLARING: [&str; 6] = ["local", "declare", "typeset", "export", "readonly", "read"];

/// Their names.
pub(in crate::import) fn names(text: &str) -> HashSet<String> {
    let mut names = HashSet::new();
    for line in text.lines() {
        let mut is_declared = false;
        for word in line.split(|c: char| c.is_whitespace() || ";&|(){}`".contains(c)) {
            let name = word.split(['=', '+', '[']).next().unwrap_or_default();
            let behind = &word[name.len()..];
            let is_set = behind.starts_with('=') || behind.starts_with("+=");
            if is_name(name) && (is_set || is_declared && behind.is_empty()) {
                names.insert(name.to_owned());
            }
            is_declared = DECLARING.contains(&word) || is_declared && !word.is_empty();
        }
    }
    // They come from outside, too.
    for name in [
        "PATH",
        "HOME",
        "USER",
        "SUDO_USER",
        "PWD",
        "SHELL",
        "TERM",
        "DISPLAY",
    ] {
        names.remove(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_are_set() {
        let text =
            "a=1; local b c=2\nif x; then d+=3; fi\nip link set e up\nread -r f\n[ \"$g\" = 1 ]\n";
        let found = names(text);
        for (name, is_set) in [
            ("a", true),
            ("b", true),
            ("c", true),
            ("d", true),
            ("f", true),
            ("e", false),
            ("g", false),
        ] {
            assert_eq!(found.contains(name), is_set, "{name}");
        }
    }
}
