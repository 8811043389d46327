//! Entries that made or changed something: taken back, and done again.
//!
//! An entry owns what it did by the number of its stretch in the lab, wherever it stands among the others.

use rhai::Dynamic;

use super::lex::{Kind, pieces};
use super::state::State;
use super::transcript::Number;
use super::{Talk, broken};
use crate::dsl::handle::{Link, Netns};
use crate::dsl::objects::link;
use crate::engine::Failure;
use crate::engine::script::Script;
use crate::lab::rollback::Undone;
use crate::value::escape::inside_of_literal;
use crate::view::error::Report;

/// What a variable had before an entry that names it, and what it was left with, as a script writes it.
struct Change {
    name: String,
    before: Dynamic,
    after: String,
}

/// An entry that made or changed something.
struct Deed {
    /// Its stretch in the lab.
    stretch: usize,
    /// Its number in the transcript.
    number: Number,
    typed: String,
    script: Script,
    changes: Vec<Change>,
    /// The variables that it declares.
    declared: Vec<String>,
}

/// What stands and can be taken back, and what was taken back and can be done again.
#[derive(Default)]
pub(super) struct Deeds {
    standing: Vec<Deed>,
    taken_back: Vec<Deed>,
}

/// What is known before an entry runs.
pub(super) struct Before {
    values: Vec<(String, Dynamic)>,
    /// How many variables there were.
    pub(super) count: usize,
}

impl Before {
    /// Keeps the variables that `text` names, as far as they are data.
    pub(super) fn of(state: &State, text: &str) -> Self {
        let scope = state.scope.borrow();
        let mut values: Vec<(String, Dynamic)> = Vec::new();
        for piece in pieces(text).iter().filter(|one| one.kind == Kind::Name) {
            let is_known = values.iter().any(|(name, _)| name == piece.text);
            let value = scope.get_value::<Dynamic>(piece.text);
            let value = value.filter(|value| !is_known && literal(value).is_some());
            values.extend(value.map(|value| (piece.text.to_owned(), value.flatten_clone())));
        }
        Self {
            values,
            count: scope.len(),
        }
    }
}

impl Deeds {
    /// Notes an entry that did something.
    pub(super) fn add(
        &mut self,
        state: &State,
        (stretch, number): (usize, Number),
        (script, typed): (&Script, &str),
        before: Before,
    ) {
        let scope = state.scope.borrow();
        let declared = scope.iter().skip(before.count);
        let declared: Vec<String> = declared.map(|(name, ..)| name.to_owned()).collect();
        let changes = before.values.into_iter().filter_map(|(name, before)| {
            if declared.contains(&name) {
                return None;
            }
            let after = literal(&scope.get_value::<Dynamic>(&name)?)?;
            (literal(&before)? != after).then_some(Change {
                name,
                before,
                after,
            })
        });
        let changes = changes.collect();
        self.standing.push(Deed {
            stretch,
            number,
            typed: typed.to_owned(),
            script: script.clone(),
            changes,
            declared,
        });
    }

    /// How many entries can be taken back.
    pub(super) fn standing(&self) -> usize {
        self.standing.len()
    }

    /// How many can be done again.
    pub(super) fn taken_back(&self) -> usize {
        self.taken_back.len()
    }

    /// Goes on from here with something new: what was taken back is no longer to be done again.
    pub(super) fn go_on(&mut self) {
        self.taken_back.clear();
    }
}

impl Talk {
    /// Undoes the last entry that changed something.
    pub(super) fn undo(&mut self) -> Result<(), Failure> {
        let session = self.state.session().clone();
        let Some(stretch) = session.lab().newest_stretch() else {
            return Err(Failure::script(Report::new(
                "there is nothing to take back: no entry made anything that still stands",
            )));
        };
        let standing = &mut self.deeds.standing;
        let at = standing.iter().rposition(|deed| deed.stretch == stretch);
        let deed = at.map(|at| standing.remove(at));
        let undone = self.roll_back(stretch)?;
        let typed = deed.as_ref().map_or("", |deed| &deed.typed);
        let first = typed.lines().next().unwrap_or_default().trim();
        self.note(&match undone.counted() {
            Some(counted) => format!("took back `{first}`: {counted}"),
            None => format!("nothing of `{first}` was left to take back"),
        });
        for failure in &undone.failures {
            self.note(&Report::of(failure).draw(self.manner.color));
        }
        for left in &undone.left {
            self.note(&format!("note: {left}"));
        }
        if let Some(deed) = deed {
            let gone = self.take_back_variables(&deed);
            self.note_gone(&gone);
            self.deeds.taken_back.push(deed);
        }
        Ok(())
    }

    /// Gives data its former value where nothing has changed it since, and marks what stands for things that are gone. Returns the
    /// names of those variables.
    fn take_back_variables(&mut self, deed: &Deed) -> Vec<String> {
        let state = self.state.clone();
        let mut stays = Vec::new();
        for change in &deed.changes {
            let now = state.variable(&change.name).as_ref().and_then(literal);
            if now.as_ref() == Some(&change.after) {
                let mut scope = state.scope.borrow_mut();
                scope.set_or_push(change.name.as_str(), change.before.clone());
            } else {
                stays.push(format!("{} = {};", change.name, change.after));
            }
        }
        let mut gone = Vec::new();
        for name in &deed.declared {
            let value = state.variable(name);
            match value.as_ref().and_then(literal) {
                Some(value) => stays.push(format!("let {name} = {value};")),
                None => gone.push(name.clone()),
            }
        }
        self.transcript.take_back(deed.number, stays, gone.clone());
        gone.retain(|name| {
            !state
                .variable(name)
                .is_some_and(|value| self.stands(&value))
        });
        state.mark_taken_back(gone.iter().cloned());
        gone
    }

    /// Whether a value is a handle of something that is there.
    fn stands(&self, value: &Dynamic) -> bool {
        if let Some(netns) = value.read_lock::<Netns>() {
            return netns.check().is_ok();
        }
        value.read_lock::<Link>().is_some_and(|handle| {
            let found = link::find(self.state.session(), &handle.netns(), &handle.name());
            found.is_ok_and(|found| found.is_some_and(|seen| seen.index == handle.index()))
        })
    }

    /// Says which variables stand for what was taken back.
    fn note_gone(&self, gone: &[String]) {
        let names: Vec<_> = gone.iter().map(|name| format!("`{name}`")).collect();
        let verb = match names.len() {
            0 => return,
            1 => "stands",
            _ => "stand",
        };
        self.note(&format!(
            "note: {} {verb} for what was taken back; `:redo` makes it again",
            names.join(", "),
        ));
    }

    /// Does once more what was taken back last.
    pub(super) fn redo(&mut self) -> Result<(), Failure> {
        let Some(deed) = self.deeds.taken_back.pop() else {
            return Err(Failure::script(Report::new(
                "there is nothing to do again: nothing was taken back since the last entry that changed anything",
            )));
        };
        let first = deed.typed.lines().next().unwrap_or_default().trim();
        self.note(&format!("does again `{first}`"));
        let rest = std::mem::take(&mut self.deeds.taken_back);
        let done = self.run_script(&deed.script, &deed.typed);
        self.deeds.taken_back = rest;
        done?;
        self.transcript.put_in_place(deed.number);
        Ok(())
    }

    /// Takes down all that the session made.
    pub(super) fn take_down(&mut self) -> Result<(), Failure> {
        let session = self.state.session().clone();
        if session.lab().is_empty() {
            return Err(Failure::script(Report::new(
                "there is nothing to take down: this session made nothing that still stands",
            )));
        }
        let undone = self.settled(session.lab().roll_back())?;
        self.note(&undone.to_string().replace("this run", "this session"));
        for failure in &undone.failures {
            self.note(&Report::of(failure).draw(self.manner.color));
        }
        let mut gone = Vec::new();
        for deed in std::mem::take(&mut self.deeds.standing).into_iter().rev() {
            gone.extend(self.take_back_variables(&deed));
            self.deeds.taken_back.push(deed);
        }
        gone.sort();
        gone.dedup();
        self.note_gone(&gone);
        Ok(())
    }

    pub(super) fn roll_back(&self, stretch: usize) -> Result<Undone, Failure> {
        self.settled(self.state.session().lab().roll_back_stretch(stretch))
    }

    /// Undoes something, and lets go of all that it was done by: a namespace lives on while a socket of it is open, and while the
    /// session waits for a key none is closed.
    fn settled(&self, undoing: impl Future<Output = Undone>) -> Result<Undone, Failure> {
        let session = self.state.session();
        let undone = session.wait(undoing);
        session.ports().forget();
        let closed = session.wait(std::future::ready(()));
        closed.map_err(|error| broken(&error))?;
        undone.map_err(|error| broken(&error))
    }
}

/// Data as a script writes it; `None` of what stands for something else, and of functions.
pub(in crate::repl) fn literal(value: &Dynamic) -> Option<String> {
    if value.is_unit() {
        Some("()".to_owned())
    } else if let Ok(number) = value.as_float() {
        number.is_finite().then(|| format!("{number:?}"))
    } else if value.is_int() || value.is_bool() {
        Some(value.to_string())
    } else if let Ok(text) = value.as_immutable_string_ref() {
        Some(format!("\"{}\"", inside_of_literal(&text)))
    } else if let Ok(list) = value.as_array_ref() {
        let items: Option<Vec<String>> = list.iter().map(literal).collect();
        Some(format!("[{}]", items?.join(", ")))
    } else if let Ok(map) = value.as_map_ref() {
        let items = map.iter().map(|(key, value)| {
            let value = literal(value)?;
            Some(format!("\"{}\": {value}", inside_of_literal(key)))
        });
        let items: Option<Vec<String>> = items.collect();
        Some(format!("#{{{}}}", items?.join(", ")))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_written_as_a_script_writes_it() {
        let engine = rhai::Engine::new();
        for text in [
            "()",
            "-7",
            "1.0",
            "true",
            r#""a\"b\\ \n""#,
            "[1, [2.5, ()]]",
            r#"#{"a b": 1, "c": [#{}]}"#,
        ] {
            let value: Dynamic = engine.eval(text).unwrap();
            let written = literal(&value).unwrap();
            let again: Dynamic = engine.eval(&written).unwrap();
            assert_eq!(literal(&again), Some(written), "{text}");
        }
        assert_eq!(literal(&engine.eval("|x| x").unwrap()), None);
    }
}
