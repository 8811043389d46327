//! The statements of a script, and what they are put together of.

use std::collections::BTreeMap;

/// The namespace of each variable that holds one, with the word that makes or finds it in front.
pub(super) type Names = BTreeMap<String, (String, String)>;

/// A part of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Atom {
    Fixed(String),
    /// A number, which may be another one in the next block.
    Number(i64),
    /// The begin or the end of a text.
    Quote,
    /// A variable that holds a namespace.
    Variable(String),
}

/// A statement, or lines that are none.
pub(super) struct Chunk {
    /// Whether an empty line stands in front of it.
    pub(super) is_apart: bool,
    pub(super) text: String,
    /// None where it can't be part of a loop.
    pub(super) atoms: Option<Vec<Atom>>,
    /// The variable that it declares for a namespace.
    pub(super) declares: Option<String>,
}

/// The namespace of each variable, as `let NAME = netns("…");` has it, and the word that is used.
pub(super) fn namespaces(script: &str) -> Names {
    let declared = script.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("let ")?.split_once(" = ")?;
        let (word, rest) = rest.split_once("(\"")?;
        let netns = rest.strip_suffix("\");")?;
        let is_one =
            ["netns", "existing"].contains(&word) && !netns.contains(['"', '\\', '`', '$']);
        is_one.then(|| (name.to_owned(), (word.to_owned(), netns.to_owned())))
    });
    declared.collect()
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// All names in a statement that stand in none of its texts; none in a comment.
pub(super) fn variables(statement: &str) -> Vec<String> {
    if statement.starts_with("//") {
        return Vec::new();
    }
    let mut plain = String::new();
    let mut quote = None;
    let mut chars = statement.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('"'), '\\') => _ = chars.next(),
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '`') => quote = Some(c),
            (None, c) => plain.push(c),
            _ => {}
        }
    }
    words(&plain)
}

/// All names in a text.
pub(super) fn words(text: &str) -> Vec<String> {
    let words = text.split(|c| !is_word(c)).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

pub(super) fn chunks(script: &str, names: &Names) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut statement = String::new();
    let mut is_raw = false;
    let mut is_apart = false;
    let mut is_block = false;
    for line in script.lines() {
        let is_whole = statement.is_empty() && !is_raw;
        if is_whole && line.is_empty() {
            is_apart = true;
            continue;
        }
        if is_whole && line.starts_with("//") {
            let text = format!("{line}\n");
            chunks.push(Chunk {
                is_apart: std::mem::take(&mut is_apart),
                text,
                atoms: None,
                declares: None,
            });
            continue;
        }
        let begins_block = ["if ", "for "].iter().any(|word| line.starts_with(word));
        is_block |= is_whole && begins_block && line.ends_with('{');
        is_raw ^= line.matches('`').count() % 2 == 1;
        statement += line;
        statement.push('\n');
        let is_end = if is_block {
            line == "}"
        } else {
            line.ends_with(';') || line.ends_with('}')
        };
        if !is_raw && is_end {
            let text = std::mem::take(&mut statement);
            let declares = text
                .strip_prefix("let ")
                .and_then(|rest| Some(rest.split_once(" = ")?.0.to_owned()));
            let declares = declares.filter(|name| names.contains_key(name));
            let is_other =
                std::mem::take(&mut is_block) || text.starts_with("let ") && declares.is_none();
            let atoms = if is_other { None } else { atoms(&text, names) };
            chunks.push(Chunk {
                is_apart: std::mem::take(&mut is_apart),
                text,
                atoms,
                declares,
            });
        }
    }
    if !statement.is_empty() {
        chunks.push(Chunk {
            is_apart,
            text: statement,
            atoms: None,
            declares: None,
        });
    }
    chunks
}

/// The parts of a statement; none where a loop could not say it.
fn atoms(text: &str, names: &Names) -> Option<Vec<Atom>> {
    if text.contains(['`', '\\', '$']) {
        return None;
    }
    let mut atoms = Vec::new();
    let mut is_text = false;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = |is_in: fn(char) -> bool| rest.find(|c| !is_in(c)).unwrap_or(rest.len());
        let length = if first == '"' {
            is_text = !is_text;
            atoms.push(Atom::Quote);
            1
        } else if first.is_ascii_digit() {
            let length = end(|c| c.is_ascii_digit());
            atoms.push(number(&rest[..length]));
            length
        } else if !is_text && (first.is_ascii_alphabetic() || first == '_') {
            let length = end(is_word);
            let word = rest[..length].to_owned();
            let is_variable = names.contains_key(&word)
                && !matches!(atoms.last(), Some(Atom::Fixed(text)) if text.ends_with('.'));
            atoms.push(if is_variable {
                Atom::Variable(word)
            } else {
                Atom::Fixed(word)
            });
            length
        } else {
            let length = if is_text {
                end(|c| !c.is_ascii_digit() && c != '"')
            } else {
                end(|c| !is_word(c) && c != '"')
            };
            atoms.push(Atom::Fixed(rest[..length].to_owned()));
            length
        };
        rest = &rest[length..];
    }
    Some(atoms)
}

/// A number that can be counted with: one with zeros in front is a text.
fn number(digits: &str) -> Atom {
    let is_plain = digits == "0" || !digits.starts_with('0');
    match digits.parse() {
        Ok(number) if is_plain && digits.len() < 10 => Atom::Number(number),
        _ => Atom::Fixed(digits.to_owned()),
    }
}

/// A text in its numbers and what stands between them.
pub(super) fn parts(text: &str) -> Vec<Atom> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_number = first.is_ascii_digit();
        let length = rest
            .find(|c: char| c.is_ascii_digit() != is_number)
            .unwrap_or(rest.len());
        let part = &rest[..length];
        parts.push(if is_number {
            number(part)
        } else {
            Atom::Fixed(part.to_owned())
        });
        rest = &rest[length..];
    }
    parts
}
