//! Folds the like steps of a script into loops: [`fold`].
//!
//! It works on the text that [`write`](super::write) makes: a statement stands on lines of its own, and has no arithmetic in it. What
//! repeats is a block of statements in which numbers grow by the same from one to the next, those within texts too. A variable of a
//! namespace is one of the loop then, and found again by `netns` where it is used behind.

mod repeat;
mod statement;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use repeat::{Repeated, Series, flat, repeated, series};
use statement::{Atom, Chunk, Names, chunks, namespaces, parts, variables, words};

/// The script with its like steps in loops.
pub(crate) fn fold(script: &str) -> String {
    let names = namespaces(script);
    let chunks = chunks(script, &names);
    let mut folder = Folder {
        taken: chunks.iter().flat_map(|chunk| words(&chunk.text)).collect(),
        text: String::new(),
        lost: BTreeSet::new(),
        names,
    };
    let mut at = 0;
    while let Some(chunk) = chunks.get(at) {
        if let Some(block) = repeated(&chunks[at..], &folder.names) {
            folder.write_loop(&chunks[at..], &block);
            at += block.length * block.times;
        } else {
            folder.write(chunk);
            at += 1;
        }
    }
    folder.text
}

struct Folder {
    text: String,
    /// Variables that were of a loop, and can't be used where the text ends.
    lost: BTreeSet<String>,
    /// All names in the script, none of which is free.
    taken: BTreeSet<String>,
    names: Names,
}

impl Folder {
    fn stand_apart(&mut self, chunk: &Chunk) {
        if chunk.is_apart {
            self.text.push('\n');
        }
    }

    /// Writes it as it is, and in front of it what it needs that was of a loop.
    fn write(&mut self, chunk: &Chunk) {
        self.stand_apart(chunk);
        if let Some(name) = &chunk.declares {
            self.lost.remove(name);
        }
        for name in variables(&chunk.text) {
            self.declare(&name);
        }
        self.text += &chunk.text;
    }

    /// Finds the namespace of a variable again, where that is not at hand.
    fn declare(&mut self, name: &str) {
        if self.lost.remove(name)
            && let Some((word, netns)) = self.names.get(name)
        {
            let _ = writeln!(self.text, "let {name} = {word}(\"{netns}\");");
        }
    }

    fn free(&self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        while self.taken.contains(&name) || super::write::RESERVED.contains(&name.as_str()) {
            name.push('_');
        }
        name
    }

    /// Writes the block once, with a counter in the place of the numbers that go on.
    fn write_loop(&mut self, chunks: &[Chunk], block: &Repeated) {
        let counter = self.free("i");
        let body = &chunks[..block.length];
        let second = &chunks[block.length..2 * block.length];
        let (Some(one), Some(other)) = (flat(body, &self.names), flat(second, &self.names)) else {
            return;
        };
        let series = series(&one, &other).unwrap_or_default();
        let one_by_one = series.iter().find(|series| series.step == 1);
        let from = one_by_one.map_or(1, |series| series.first);
        let to = from + i64::try_from(block.times).unwrap_or(i64::MAX) - 1;
        let terms = series
            .iter()
            .map(|series| (series.step != 0).then(|| term(*series, from, &counter)));
        let mut terms: Terms = terms.collect::<Vec<_>>().into_iter();

        let mut own = BTreeMap::new();
        let mut lines = String::new();
        for chunk in body {
            let text = self.in_loop(chunk, &mut terms, &mut own, &mut lines);
            lines.push_str(&text);
        }
        body.iter()
            .take(1)
            .for_each(|chunk| self.stand_apart(chunk));
        let _ = writeln!(self.text, "for {counter} in {from}..={to} {{");
        for line in lines.lines() {
            let _ = writeln!(self.text, "    {line}");
        }
        self.text.push_str("}\n");
        let all = &chunks[..block.length * block.times];
        self.lost
            .extend(all.iter().filter_map(|chunk| chunk.declares.clone()));
    }

    /// A statement as it stands in the loop. `own` are the variables of the loop, by those that they stand for; one that is not
    /// declared in it is found in `lines`, in front of the statement.
    fn in_loop(
        &mut self,
        chunk: &Chunk,
        terms: &mut Terms,
        own: &mut BTreeMap<String, String>,
        lines: &mut String,
    ) -> String {
        let mut text = String::new();
        let mut quoted: Option<Quoted> = None;
        for atom in chunk.atoms.iter().flatten() {
            match (atom, &mut quoted) {
                (Atom::Quote, inner) => match inner.take() {
                    None => quoted = Some(Quoted::default()),
                    Some(inner) => text.push_str(&inner.literal()),
                },
                (Atom::Variable(name), _) => {
                    let (word, netns) = self.names.get(name).cloned().unwrap_or_default();
                    let mut of_name = Quoted::default();
                    for part in parts(&netns) {
                        of_name.add(&part, terms);
                    }
                    let is_declared = chunk.declares.as_ref() == Some(name);
                    if !of_name.is_made {
                        if !is_declared {
                            self.declare(name);
                        }
                        text.push_str(name);
                        continue;
                    }
                    if !own.contains_key(name) {
                        let variable = self.of_loop(name, own);
                        if !is_declared {
                            let literal = of_name.literal();
                            let _ = writeln!(lines, "let {variable} = {word}({literal});");
                        }
                        own.insert(name.clone(), variable);
                    }
                    text.push_str(&own[name]);
                }
                (part, Some(inner)) => inner.add(part, terms),
                (Atom::Fixed(fixed), None) => text.push_str(fixed),
                (Atom::Number(number), None) => {
                    let term = terms.next().flatten();
                    text.push_str(&term.unwrap_or_else(|| number.to_string()));
                }
            }
        }
        text
    }

    /// A variable of the loop for the ones like `name`.
    fn of_loop(&self, name: &str, own: &BTreeMap<String, String>) -> String {
        let base = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
        let mut variable = self.free(if base.is_empty() { "net" } else { base });
        while own.values().any(|other| *other == variable) {
            variable.push('_');
        }
        variable
    }
}

/// What stands for each number of a block: a term of the counter, or none where it stays as it is.
type Terms = std::vec::IntoIter<Option<String>>;

/// A text that is put together.
#[derive(Default)]
struct Quoted {
    text: String,
    /// A term of the counter is in it.
    is_made: bool,
}

impl Quoted {
    fn add(&mut self, part: &Atom, terms: &mut Terms) {
        match part {
            Atom::Fixed(fixed) => self.text.push_str(fixed),
            Atom::Number(number) => match terms.next().flatten() {
                Some(term) => {
                    let _ = write!(self.text, "${{{term}}}");
                    self.is_made = true;
                }
                None => self.text.push_str(&number.to_string()),
            },
            Atom::Quote | Atom::Variable(_) => {}
        }
    }

    fn literal(&self) -> String {
        let Self { text, is_made } = self;
        if *is_made {
            format!("`{text}`")
        } else {
            format!("\"{text}\"")
        }
    }
}

/// A number of a block by the counter, which begins with `from`.
fn term(Series { first, step }: Series, from: i64, counter: &str) -> String {
    let rest = first - step * from;
    let product = match step {
        1 => counter.to_owned(),
        -1 => return format!("{rest} - {counter}"),
        step => format!("{step} * {counter}"),
    };
    match rest {
        0 => product,
        rest if rest < 0 => format!("{product} - {}", -rest),
        rest => format!("{product} + {rest}"),
    }
}

#[cfg(test)]
mod tests;
