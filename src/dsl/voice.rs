//! What a session says: what the script prints, and what there is to say beside that.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use crate::dsl::session::{Output, Settings};
use crate::dsl::strands::Strands;
use crate::error::{Error, Result};
use crate::lab::outcome::{Entry, Outcomes};
use crate::view::screen::{self, Stream};

/// Something that happened in a run.
#[derive(Clone, Copy, Debug)]
pub enum Happening<'a> {
    /// An object was asked for.
    Object(&'a Entry),
    /// The script printed a line.
    Output(&'a str),
    /// A note was said.
    Note(&'a str),
}

/// How a line is written of what happened.
pub type Form = for<'a> fn(&Happening<'a>) -> String;

/// How a text is printed.
type Say = fn(Stream, &str) -> std::io::Result<()>;

/// Where what is said goes.
pub(super) struct Voice {
    quiet: bool,
    output: Output,
    /// How each thing is told at once, where that is wanted.
    lines: Option<Form>,
    /// How many objects were told so.
    told: Cell<usize>,
    /// What was printed, where it is collected and not written to standard output.
    collected: RefCell<String>,
    /// Whether nobody reads standard output any more.
    is_closed: Cell<bool>,
    /// The notes that were said, each with its entry.
    noted: RefCell<BTreeSet<(usize, String)>>,
    /// Their texts, in the order in which they were said.
    notes: RefCell<Vec<String>>,
    /// The closures that run side by side, whose texts wait for their turn.
    strands: Strands,
}

impl Voice {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            quiet: settings.quiet,
            output: settings.output,
            lines: settings.lines,
            told: Cell::default(),
            collected: RefCell::default(),
            is_closed: Cell::default(),
            noted: RefCell::default(),
            notes: RefCell::default(),
            strands: Strands::default(),
        }
    }

    pub(super) fn strands(&self) -> &Strands {
        &self.strands
    }

    /// Notes that nobody reads standard output any more.
    pub(super) fn close(&self) {
        self.is_closed.set(true);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    pub(super) fn collected(&self) -> String {
        self.collected.borrow().clone()
    }

    pub(super) fn notes(&self) -> Vec<String> {
        self.notes.borrow().clone()
    }

    /// Says a text on standard output, or keeps it until it is its turn.
    pub(super) fn say_out(&self, to: Stream, text: &str, say: Say) -> Result<()> {
        if self.strands.hold(to, text, say) {
            return Ok(());
        }
        say(to, text).map_err(|error| {
            self.is_closed.set(true);
            Error::io(&error).doing_plain("print")
        })
    }

    /// Prints a line; `plain` is how it is collected.
    pub(super) fn print(
        &self,
        outcomes: &Outcomes,
        line: &str,
        plain: &str,
        say: Say,
    ) -> Result<()> {
        let to = match self.output {
            Output::Collected => {
                let mut all = self.collected.borrow_mut();
                all.push_str(plain);
                all.push('\n');
                return Ok(());
            }
            _ if self.lines.is_some() => return self.tell(outcomes, &Happening::Output(plain)),
            Output::Error => Stream::Err,
            Output::Standard => Stream::Out,
        };
        self.say_out(to, line, say)
    }

    /// Tells what happened, behind the objects that were not told yet, where each thing is told at once.
    fn tell(&self, outcomes: &Outcomes, what: &Happening) -> Result<()> {
        self.tell_objects(outcomes)?;
        match self.lines {
            Some(form) => self.say_out(Stream::Out, &form(what), screen::say_json),
            None => Ok(()),
        }
    }

    /// Tells the objects that were not told yet, where each thing is told at once.
    pub(super) fn tell_objects(&self, outcomes: &Outcomes) -> Result<()> {
        let Some(form) = self.lines else {
            return Ok(());
        };
        let entries = outcomes.entries();
        let from = self.told.replace(entries.len());
        for entry in entries.iter().skip(from) {
            let line = form(&Happening::Object(entry));
            self.say_out(Stream::Out, &line, screen::say_json)?;
        }
        Ok(())
    }

    /// Says what may surprise, once in an entry of a session.
    pub(super) fn note(&self, outcomes: &Outcomes, entry: usize, text: &str) {
        if !self.noted.borrow_mut().insert((entry, text.to_owned())) {
            return;
        }
        self.notes.borrow_mut().push(text.to_owned());
        // Where nobody reads it, the run goes on.
        let _ = self.tell(outcomes, &Happening::Note(text));
        self.say_beside(&format!("note: {text}"));
    }

    /// Says something on standard error, beside the script's own output.
    pub(super) fn say_beside(&self, text: &str) {
        if !self.quiet && !self.strands.hold(Stream::Err, text, screen::say) {
            // Where nobody reads it, the run goes on.
            let _ = screen::say(Stream::Err, text);
        }
    }
}
