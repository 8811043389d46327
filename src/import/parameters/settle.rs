//! Writes the variables of parameters where their signs stand.

use std::collections::BTreeSet;

use super::judge::numbers;
use super::sign::{WITH_LENGTH, number};

/// Writes the variables of the parameters where signs of theirs stand in a script.
pub(in crate::import) fn settle(script: &str, parameters: &[(usize, String)]) -> String {
    if parameters.is_empty() {
        return script.to_owned();
    }
    let name = |c: char| {
        let number = number(c)?;
        let mut known = parameters.iter().filter(|(known, _)| *known == number);
        known.next().map(|(_, name)| name.as_str())
    };
    let numbers = numbers(script);
    let mut all = String::with_capacity(script.len());
    let mut rest = script;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            let (line, behind) = rest.split_at(rest.find('\n').unwrap_or(rest.len()));
            for c in line.chars().filter(|c| *c != WITH_LENGTH) {
                match name(c) {
                    Some(name) => all.extend(["${", name, "}"]),
                    None => all.push(c),
                }
            }
            rest = behind;
            continue;
        }
        if !matches!(first, '"' | '`') {
            match name(first) {
                Some(name) => all.push_str(name),
                None => all.push(first),
            }
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let end = end_of_text(&rest[1..], first);
        let (inside, behind) = rest[1..].split_at(end);
        rest = behind.get(1..).unwrap_or_default();
        all.push_str(&text_of(inside, first, &name, &numbers));
    }
    all
}

/// Where a text ends that `quote` has begun.
pub(super) fn end_of_text(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' && quote == '"' {
            is_escaped = true;
        } else if c == quote {
            return at;
        }
    }
    text.len()
}

/// A text of the language, with variables where signs stand: alone, within a text in backticks, or added where that can't say it.
fn text_of<'a>(
    inside: &str,
    quote: char,
    name: &impl Fn(char) -> Option<&'a str>,
    numbers: &BTreeSet<usize>,
) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut fixed = String::new();
    let mut template = String::new();
    for c in inside.chars().filter(|c| *c != WITH_LENGTH) {
        let Some(name) = name(c) else {
            fixed.push(c);
            template.push(c);
            continue;
        };
        if !fixed.is_empty() {
            parts.push(format!("{quote}{}{quote}", std::mem::take(&mut fixed)));
        }
        parts.push(name.to_owned());
        template.extend(["${", name, "}"]);
    }
    if !fixed.is_empty() || parts.is_empty() {
        parts.push(format!("{quote}{fixed}{quote}"));
    }
    let is_plain = quote == '`' || !inside.contains(['\\', '`', '$']);
    // A number alone is to be a text, too.
    let is_number = inside
        .chars()
        .filter_map(number)
        .any(|one| numbers.contains(&one));
    if (parts.len() > 1 || is_number) && is_plain {
        format!("`{template}`")
    } else {
        parts.join(" + ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::sign::sign;
    use super::*;

    #[test]
    fn signs_become_variables_in_texts_of_all_forms() {
        let [a, b] = [1, 2].map(|number| sign(number).unwrap());
        let parameters = [(1, "a".to_owned()), (2, "b".to_owned())];
        for (script, wanted) in [
            (format!("netns(\"{a}\");"), "netns(a);"),
            (format!("link(\"{a}-x{b}\");"), "link(`${a}-x${b}`);"),
            (
                format!("print(\"\\\"{a}\\\"\");"),
                "print(\"\\\"\" + a + \"\\\"\");",
            ),
            (
                format!("exec([\"$x\", \"$y{b}\"]);"),
                "exec([\"$x\", \"$y\" + b]);",
            ),
            (
                format!("print(`\n{a} \"b\"\n`);"),
                "print(`\n${a} \"b\"\n`);",
            ),
            (
                format!("// \"{a} is\nf(\"//{a}\");"),
                "// \"${a} is\nf(`//${a}`);",
            ),
            ("f(\"\", \"\\\\\");".to_owned(), "f(\"\", \"\\\\\");"),
        ] {
            assert_eq!(settle(&script, &parameters), wanted);
        }
    }
}
