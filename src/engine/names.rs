//! The names that a script declares, found in its text: also where it can't be parsed, so that a wrong name can be
//! compared with them.

use std::collections::BTreeSet;

/// The names of variables, parameters of functions and closures, loop variables and module aliases in `text`.
pub(crate) fn declared(text: &str) -> BTreeSet<String> {
    let words = words(text);
    let mut names = BTreeSet::new();
    let mut index = 0;
    while let Some(word) = words.get(index) {
        index += 1;
        let next = words.get(index).copied();
        match *word {
            "let" | "const" | "as" => names.extend(next.filter(|next| is_name(next))),
            "for" | "catch" => {
                let up_to = words[index..]
                    .iter()
                    .take(6)
                    .take_while(|word| !["in", "{"].contains(word));
                names.extend(up_to.copied().filter(|word| is_name(word)));
            }
            "fn" => {
                let list = words[index..].iter().take_while(|word| **word != ")");
                names.extend(list.skip(1).copied().filter(|word| is_name(word)));
            }
            // Behind a value it is an operator.
            "|" if !index
                .checked_sub(2)
                .is_some_and(|before| is_value(words[before])) =>
            {
                // A closure's parameters: names and commas up to the next bar.
                let list: Vec<_> = words[index..]
                    .iter()
                    .take_while(|word| **word != "|")
                    .copied()
                    .collect();
                if list.len() < 12 && list.iter().all(|word| is_name(word) || *word == ",") {
                    names.extend(list.into_iter().filter(|word| is_name(word)));
                }
            }
            _ => {}
        }
    }
    names.into_iter().map(str::to_owned).collect()
}

/// Whether `text` ends inside a block comment.
pub(crate) fn ends_in_comment(text: &str) -> bool {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("/*") && !rest.contains("*/") {
            return true;
        }
        rest = &rest[skipped(rest).unwrap_or(first.len_utf8())..];
    }
    false
}

/// The length of the comment or quoted text at the beginning of `text`, if there is one.
fn skipped(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        Some(text.find('\n').unwrap_or(text.len()))
    } else if text.starts_with("/*") {
        Some(text.find("*/").map_or(text.len(), |end| end + 2))
    } else {
        let quote = text.chars().next().filter(|c| ['"', '`'].contains(c))?;
        Some(quoted(text, quote))
    }
}

/// Whether a value can end with `word`.
fn is_value(word: &str) -> bool {
    is_name(word) || word.starts_with(|c: char| c.is_numeric()) || [")", "]"].contains(&word)
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The names and single signs of `text`, without comments and quoted texts.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if let Some(length) = skipped(rest) {
            length
        } else if first.is_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            let length = end.unwrap_or(rest.len());
            words.push(&rest[..length]);
            length
        } else {
            if !first.is_whitespace() {
                words.push(&rest[..first.len_utf8()]);
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    words
}

/// The length of the quoted text at the beginning of `text`.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote == '"' {
            escaped = true;
        } else if c == quote {
            return index + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        declared(text).into_iter().collect()
    }

    #[test]
    fn every_sort_of_declaration_is_found() {
        assert_eq!(
            found("let a = 1; const B = 2; for (c, i) in x {} fn f(d, e) { g } |h, k| h"),
            ["B", "a", "c", "d", "e", "h", "i", "k"]
        );
        assert_eq!(
            found("import \"std/lab\" as lab; try {} catch (e) {}"),
            ["e", "lab"]
        );
    }

    #[test]
    fn a_comment_that_is_not_closed_goes_on() {
        assert!(ends_in_comment("1 /* two"));
        assert!(!ends_in_comment("1 /* two */ // /*"));
        assert!(!ends_in_comment("\"/*\""));
    }

    #[test]
    fn comments_and_texts_declare_nothing() {
        assert!(found("// let a\n/* let b */ \"let \\\" c\" `let d` x | y | z + 1").is_empty());
    }
}
