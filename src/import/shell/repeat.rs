//! Loops.

use std::collections::{HashMap, HashSet};

use super::branch::calls;
use super::expand::Held;
use super::parse::{Node, What};
use super::{Flow, MOST, Reader, Status, own, parse};
use crate::import::lex::{Piece, is_name, tokens};
use crate::import::parameters::{self, has_sign};
use crate::steps::write::RESERVED;
use crate::steps::{Item, is_placeholder};

impl Reader<'_> {
    pub(super) fn each(
        &mut self,
        name: &str,
        words: Option<&[parse::Word]>,
        body: &[Node],
    ) -> Status {
        if let Some([word]) = words
            && self.has_signs()
            && let Some(range) = self.range_of(word)
        {
            return self.counting(name, &range, body);
        }
        if words.is_none_or(is_all_arguments) && self.all_positional().is_none() {
            let before = self.items.len();
            let status = self.counting(name, "args", body);
            if status == Status::Assumed {
                let text = "`args` is what stands behind `--`: `ipvsh SCRIPT -- ARG…`".to_owned();
                self.items.insert(before, Item::Comment(text));
            }
            return status;
        }
        let words = match words {
            Some(words) => match self.expand(words) {
                Ok(words) => words,
                Err(why) => return self.unknown(why),
            },
            None => match self.all_positional() {
                Some(arguments) => arguments,
                None => return self.unknown("the arguments of the script"),
            },
        };
        // It may have several words.
        if words.iter().any(|word| has_sign(word)) {
            return self.unknown("a loop over an argument");
        }
        self.looped(
            |reader, index| {
                let Some(word) = words.get(index) else {
                    return Ok(false);
                };
                reader
                    .variables
                    .insert(name.to_owned(), Held::Text(word.clone()));
                Ok(true)
            },
            body,
            |_| Ok(()),
            false,
        )
    }

    pub(super) fn counted(&mut self, [first, test, next]: &[String; 3], body: &[Node]) -> Status {
        if self.has_signs()
            && let Some((name, range)) = self.range_counted(first, test, next)
        {
            return self.counting(&name, &range, body);
        }
        if !first.is_empty()
            && let Err(why) = self.calculate(first)
        {
            return self.unknown(why);
        }
        self.looped(
            |reader, _| Ok(test.is_empty() || reader.calculate(test)? != 0),
            body,
            |reader| {
                if !next.is_empty() {
                    reader.calculate(next)?;
                }
                Ok(())
            },
            true,
        )
    }

    pub(super) fn repeat(&mut self, is_until: bool, test: &[Node], body: &[Node]) -> Status {
        self.looped(
            |reader, _| match reader.ask_all(test) {
                Status::Success => Ok(!is_until),
                Status::Failure => Ok(is_until),
                Status::Unknown => Err(reader.why.clone()),
                _ => Err("how often it is run depends on how a command ends".to_owned()),
            },
            body,
            |_| Ok(()),
            true,
        )
    }

    /// Runs the body as long as `goes_on` says. A loop of whose body nothing is understood is left as a whole.
    fn looped(
        &mut self,
        mut goes_on: impl FnMut(&mut Self, usize) -> Result<bool, String>,
        body: &[Node],
        mut next: impl FnMut(&mut Self) -> Result<(), String>,
        is_endless: bool,
    ) -> Status {
        let (before, line) = (self.items.len(), self.line);
        let seen = self.seen.clone();
        let mut last: Option<(HashMap<String, Held>, usize)> = None;
        for index in 0.. {
            if index > 0 && is_endless {
                let now = (self.variables.clone(), self.input_left());
                // Nothing has changed, and nothing will.
                if last.as_ref() == Some(&now) {
                    self.seen = seen;
                    self.variables = now.0;
                    "a loop that never ends".clone_into(&mut self.why);
                    self.flow = Flow::Stuck(line);
                    return Status::Assumed;
                }
                last = Some(now);
            }
            let is_on = match goes_on(self, index) {
                Ok(is_on) => is_on,
                Err(why) => {
                    self.seen = seen;
                    return self.unknown(why);
                }
            };
            if !is_on {
                if index == 0 {
                    for node in body {
                        self.not_run(node, "the loop is never run");
                    }
                }
                break;
            }
            self.count += 1;
            if self.count > MOST {
                self.seen = seen;
                self.flow = Flow::Exit(0);
                return self.unknown("it goes on for too long");
            }
            let begin = self.items.len();
            self.list(body);
            if self.items.get(begin) == Some(&Item::Blank) {
                self.items.remove(begin);
            }
            match self.flow {
                Flow::Break(levels) => {
                    self.flow = outer(levels, Flow::Break);
                    break;
                }
                Flow::Continue(1) => self.flow = Flow::Next,
                Flow::Continue(levels) => {
                    self.flow = outer(levels, Flow::Continue);
                    break;
                }
                Flow::Return | Flow::Exit(_) | Flow::Failed(_) | Flow::Stuck(_) => break,
                Flow::Next => {}
            }
            if let Err(why) = next(self) {
                self.seen = seen;
                return self.unknown(why);
            }
        }
        let made = &self.items[before..];
        let first = made.iter().find_map(|item| match item {
            Item::Left(left) => Some(left.why.clone()),
            _ => None,
        });
        let has_steps = made.iter().any(|item| matches!(item, Item::Step(_)));
        if let Some(why) = first
            && !has_steps
        {
            self.seen = seen;
            return self.unknown(why);
        }
        Status::Success
    }

    /// The range that `$(seq 1 $N)` counts, where it hangs on what only a run knows.
    fn range_of(&mut self, word: &parse::Word) -> Option<String> {
        let [Piece::Command { text, .. }] = word.as_slice() else {
            return None;
        };
        let nodes = parse::parse(&tokens(text, 1));
        let [node] = nodes.as_slice() else {
            return None;
        };
        let What::Simple(simple) = &node.what else {
            return None;
        };
        let words = self.expand(&simple.words).ok()?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (first, last) = match words.as_slice() {
            ["seq", last] => ("1", *last),
            ["seq", first, last] => (*first, *last),
            _ => return None,
        };
        Some(format!("{}..={}", bound(first)?, bound(last)?)).filter(|range| has_sign(range))
    }

    /// The variable that `for ((i = 1; i <= N; i++))` counts with, and its range, where that hangs on what only a run knows.
    fn range_counted(&mut self, first: &str, test: &str, next: &str) -> Option<(String, String)> {
        let (name, first) = first.split_once('=')?;
        let (name, first) = (name.trim(), bound(first.trim())?);
        let (sign, last) = ["<=", "<"].iter().find_map(|sign| {
            let (left, last) = test.split_once(sign)?;
            (left.trim() == name).then_some((*sign, last.trim()))
        })?;
        let last = last.strip_prefix('$').unwrap_or(last);
        let last = last.trim_matches(['{', '}']);
        let Some(Held::Text(last)) = self.variables.get(last) else {
            return None;
        };
        let last = bound(last).filter(|last| has_sign(last))?;
        let steps = [
            format!("{name}++"),
            format!("++{name}"),
            format!("{name}+=1"),
        ];
        let next = next.replace(' ', "");
        let dots = if sign == "<" { ".." } else { "..=" };
        (is_name(name) && steps.contains(&next))
            .then(|| (name.to_owned(), format!("{first}{dots}{last}")))
    }

    /// A loop over a range that only a run knows: its body is read once, with a sign for the variable.
    fn counting(&mut self, name: &str, range: &str, body: &[Node]) -> Status {
        const WHY: &str = "a loop over an argument";
        let Some((number, sign)) = parameters::of_counter(self.asked.counters.len()) else {
            return self.unknown(WHY);
        };
        let variable = name.to_ascii_lowercase();
        if self.printed.is_some() || RESERVED.contains(&variable.as_str()) {
            return self.unknown(WHY);
        }
        let mut base = self.clone();
        // What the turn before has left is not known.
        for name in self.set_by(body) {
            base.variables.insert(name, Held::Unknown);
        }
        base.variables.insert(name.to_owned(), Held::Text(sign));
        self.asked.counters.push((number, variable.clone()));
        let before = self.clone();
        let Some((mut inner, items)) = self.apart(&base, &|reader| _ = reader.list(body)) else {
            return self.unknown(WHY);
        };
        // It may have been asked for before it was changed.
        let is_changed = |(name, held): (&String, &Held)| {
            let was = base.variables.get(name);
            was != Some(&Held::Unknown) && was != Some(held)
        };
        if inner.flow != Flow::Next || inner.variables.iter().any(is_changed) {
            return self.unknown(WHY);
        }
        inner.variables.insert(name.to_owned(), Held::Unknown);
        let head = format!("for {variable} in {range}");
        self.items.push(Item::Block(vec![(head, items)]));
        self.keep_common(&[before, inner]);
        Status::Assumed
    }

    /// The variables that commands set, and the functions that they call.
    fn set_by(&self, body: &[Node]) -> HashSet<String> {
        let texts = body.iter().map(|node| self.text_of(node));
        let mut names: HashSet<String> = texts.flat_map(|text| own::names(&text)).collect();
        let (mut called, mut known) = (HashSet::new(), 0);
        calls(body, &mut called);
        while called.len() > known {
            known = called.len();
            for name in called.clone() {
                if let Some(Some(function)) = self.functions.get(&name) {
                    names.extend(own::names(&function.own));
                    calls(&function.body, &mut called);
                }
            }
        }
        names
    }
}

/// Whether a loop goes over `"$@"`.
fn is_all_arguments(words: &[parse::Word]) -> bool {
    let [word] = words else {
        return false;
    };
    let is_said = |piece: &&Piece| !matches!(piece, Piece::Text { text, .. } if text.is_empty());
    let pieces: Vec<&Piece> = word.iter().filter(is_said).collect();
    matches!(pieces.as_slice(), [Piece::Variable { name, .. }] if name == "@" || name == "*")
}

/// An end of a range: a number, or what stands for one.
fn bound(text: &str) -> Option<String> {
    (is_placeholder(text) || text.parse::<i64>().is_ok()).then(|| text.to_owned())
}

fn outer(levels: usize, flow: impl Fn(usize) -> Flow) -> Flow {
    match levels {
        0 | 1 => Flow::Next,
        more => flow(more - 1),
    }
}
