//! The interactive session: read an entry, run it, show its value, go on.

mod history;

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};
use std::rc::Rc;

use rhai::Scope;
use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor};

use crate::dsl::{Session, print};
use crate::engine::script::Script;
use crate::engine::signals::Signals;
use crate::engine::{Failure, Interpreter, Reason};
use crate::error::Error;
use crate::view::error::Report;

/// What ends the session.
const FAREWELLS: [&str; 5] = ["exit", "quit", ":quit", ":exit", ":q"];
/// What a line begins with that goes on with an entry.
const GOES_ON: &str = "… ";

/// Talks with the user until they leave; where standard input is no terminal, runs what comes from there.
///
/// `color` is whether errors are drawn in colour.
pub fn run(session: Rc<Session>, color: bool) -> Result<u8, Failure> {
    let mut talk = Talk::new(session, color)?;
    if stdin().is_terminal() {
        talk.with_terminal()
    } else {
        talk.with_lines()
    }
}

/// A session in progress.
struct Talk {
    interpreter: Interpreter,
    /// The variables.
    scope: Scope<'static>,
    signals: Signals,
    color: bool,
}

/// What to do after an entry.
enum Next {
    Entry,
    Leave,
}

impl Talk {
    fn new(session: Rc<Session>, color: bool) -> Result<Self, Failure> {
        let signals = Signals::watch(&session, &[]).map_err(|error| broken(&error))?;
        let interpreter = Interpreter::new(session);
        Ok(Self {
            scope: interpreter.scope(),
            interpreter,
            signals,
            color,
        })
    }

    fn with_terminal(&mut self) -> Result<u8, Failure> {
        let config = Config::builder()
            .auto_add_history(false)
            .max_history_size(10_000)
            .map_err(|error| unusable(&error))?
            .build();
        let mut editor = DefaultEditor::with_config(config).map_err(|error| unusable(&error))?;
        let file = history::file();
        if let Some(file) = &file {
            // There is none at the first time.
            let _ = editor.load_history(file);
        }
        loop {
            let prompt = self.prompt();
            let entry = match self
                .entry(|first| editor.readline(if first { prompt.as_str() } else { GOES_ON }))
            {
                Ok(entry) => entry,
                Err(ReadlineError::Interrupted) => continue,
                Err(ReadlineError::Eof) => return Ok(0),
                Err(error) => return Err(unusable(&error)),
            };
            if entry.trim().is_empty() {
                continue;
            }
            if editor.add_history_entry(entry.as_str()).is_ok()
                && let Some(file) = &file
            {
                // A history that can't be written is no reason to stop.
                let _ = editor.append_history(file);
            }
            if let Next::Leave = self.take(&entry)? {
                return Ok(self.interpreter.session().exit_code().unwrap_or(0));
            }
        }
    }

    /// Runs what comes line by line, and ends at the first mistake.
    fn with_lines(&mut self) -> Result<u8, Failure> {
        let mut lines = stdin().lock().lines();
        loop {
            let entry = self.entry(|_| match lines.next() {
                Some(Ok(line)) => Ok(line),
                Some(Err(error)) => Err(ReadlineError::Io(error)),
                None => Err(ReadlineError::Eof),
            });
            match entry {
                Ok(entry) if is_farewell(&entry) => return Ok(0),
                Ok(entry) => self.evaluate(&entry)?,
                Err(ReadlineError::Eof) => return Ok(0),
                Err(error) => return Err(unusable(&error)),
            }
            if let Some(code) = self.interpreter.session().exit_code() {
                return Ok(code);
            }
        }
    }

    /// Reads lines until they are a whole entry. What stands there at the end of the input, or before an empty line, is one too.
    fn entry(
        &self,
        mut line: impl FnMut(bool) -> rustyline::Result<String>,
    ) -> rustyline::Result<String> {
        let mut entry = line(true)?;
        while self.interpreter.is_incomplete(&entry, &self.scope) {
            match line(false) {
                Ok(more) if more.trim().is_empty() && stdin().is_terminal() => break,
                Ok(more) => {
                    entry.push('\n');
                    entry.push_str(&more);
                }
                Err(ReadlineError::Eof) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(entry)
    }

    fn prompt(&self) -> String {
        let here = self.interpreter.session().here();
        let here = here.map_or_else(|_| "?".to_owned(), |here| here.label().to_owned());
        format!("{here}> ")
    }

    /// Runs an entry; a failure is shown, and the session goes on.
    fn take(&mut self, entry: &str) -> Result<Next, Failure> {
        if is_farewell(entry) {
            return Ok(Next::Leave);
        }
        match self.evaluate(entry) {
            Err(failure) if failure.reason == Reason::OutputClosed => return Err(failure),
            Err(failure) => {
                // Without standard error there is nobody to tell.
                let _ = writeln!(stderr(), "{}", failure.report.draw(self.color));
            }
            Ok(()) => {}
        }
        self.signals.reset();
        Ok(match self.interpreter.session().exit_code() {
            Some(_) => Next::Leave,
            None => Next::Entry,
        })
    }

    /// Runs an entry and prints its value.
    fn evaluate(&mut self, entry: &str) -> Result<(), Failure> {
        let number = self.interpreter.session().next_entry();
        let script = Script::new(&format!("<{number}>"), entry);
        let ast = self.interpreter.compile(&script, &self.scope)?;
        self.interpreter.keep(&ast)?;
        let value = self.interpreter.run(&ast, &mut self.scope)?;
        // In JSON, too, an entry without a value says nothing.
        let text = if value.is_unit() {
            String::new()
        } else {
            print::result(self.interpreter.session(), &value)
        };
        if text.is_empty() {
            return Ok(());
        }
        let session = self.interpreter.session();
        session.print(&text).map_err(|error| Failure {
            report: Report::new(error.to_string()),
            reason: Reason::OutputClosed,
        })
    }
}

fn is_farewell(entry: &str) -> bool {
    FAREWELLS.contains(&entry.trim().trim_end_matches(';'))
}

fn broken(error: &Error) -> Failure {
    Failure::script(Report::new(error.to_string()))
}

fn unusable(error: &ReadlineError) -> Failure {
    Failure::script(Report::new(format!(
        "cannot read from the terminal: {error}"
    )))
}
