//! What a ruleset in the language of nftables is about, as far as that must be known before it is made.

use std::collections::BTreeSet;

/// A table by its family and name.
pub(super) type Named = (String, String);

/// What a text is about.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    /// Tables that it names.
    pub(super) named: BTreeSet<Named>,
    /// Of those the ones that it says all of, `table ip nat { … }`.
    pub(super) declared: BTreeSet<Named>,
    /// Whether it is about all that stands, as `flush ruleset` is.
    pub(super) is_all: bool,
}

const FAMILIES: [&str; 6] = ["ip", "ip6", "inet", "arp", "bridge", "netdev"];
const COMMANDS: [&str; 8] = [
    "add", "create", "delete", "destroy", "flush", "insert", "replace", "reset",
];

/// Reads it.
pub(super) fn about(text: &str) -> About {
    let mut about = About::default();
    for statement in statements(text) {
        let mut words = statement.iter().map(String::as_str).peekable();
        let is_command = words.next_if(|word| COMMANDS.contains(word)).is_some();
        let Some(object) = words.next() else { continue };
        if object == "ruleset" || object == "include" {
            about.is_all = true;
            continue;
        }
        if !is_command && object != "table" {
            continue;
        }
        let family = words
            .next_if(|word| FAMILIES.contains(word))
            .unwrap_or("ip");
        let Some(name) = words.next().filter(|name| *name != "{") else {
            continue;
        };
        let named = (family.to_owned(), name.to_owned());
        if object == "table" && words.next() == Some("{") {
            about.declared.insert(named.clone());
        }
        about.named.insert(named);
    }
    about
}

/// The statements outside of braces, each with the brace that follows it, word by word.
fn statements(text: &str) -> Vec<Vec<String>> {
    let mut statements = vec![Vec::new()];
    let mut word = String::new();
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut comment = false;
    for letter in text.chars().chain(['\n']) {
        if comment && letter != '\n' {
            continue;
        }
        comment = false;
        if letter == '"' {
            quoted = !quoted;
        }
        let ends = !quoted && (letter.is_whitespace() || matches!(letter, ';' | '{' | '}' | '#'));
        if !ends {
            word.push(letter);
            continue;
        }
        if depth == 0
            && !word.is_empty()
            && let Some(statement) = statements.last_mut()
        {
            statement.push(std::mem::take(&mut word));
        }
        word.clear();
        match letter {
            '#' => comment = true,
            '{' => {
                if depth == 0
                    && let Some(statement) = statements.last_mut()
                {
                    statement.push("{".to_owned());
                }
                depth += 1;
            }
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && matches!(letter, '\n' | ';' | '}') {
            statements.push(Vec::new());
        }
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(set: &BTreeSet<Named>) -> Vec<String> {
        set.iter().map(|(f, n)| format!("{f} {n}")).collect()
    }

    #[test]
    fn a_text_names_the_tables_that_it_is_about() {
        let about = about(
            "# table ip no {}\ntable inet f {\n chain c { type filter hook input priority 0; }\n}\n\
             add rule ip6 g c drop; delete table h\nadd rule ip i c comment \"; table ip j {\"\n",
        );
        assert_eq!(names(&about.named), ["inet f", "ip h", "ip i", "ip6 g"]);
        assert_eq!(names(&about.declared), ["inet f"]);
        assert!(!about.is_all);
        assert!(super::about("flush ruleset").is_all);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = about(&text);
        }
    }
}
