//! Loops.

use std::collections::HashMap;

use super::expand::Held;
use super::parse::Node;
use super::{Flow, MOST, Reader, Status, parse};
use crate::import::parameters::has_sign;
use crate::steps::Item;

impl Reader<'_> {
    pub(super) fn each(
        &mut self,
        name: &str,
        words: Option<&[parse::Word]>,
        body: &[Node],
    ) -> Status {
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
}

fn outer(levels: usize, flow: impl Fn(usize) -> Flow) -> Flow {
    match levels {
        0 | 1 => Flow::Next,
        more => flow(more - 1),
    }
}
