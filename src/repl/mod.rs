//! The interactive session: read an entry, run it, show its value, go on.

mod commands;
pub(crate) mod complete;
mod editor;
mod highlight;
pub(crate) mod hint;
mod history;
mod init;
pub(crate) mod lex;
mod menu;
mod pager;
mod shell;
pub(crate) mod state;
mod tall;
mod transcript;
mod undo;

use std::fmt::Display;
use std::io::{BufRead, ErrorKind, IsTerminal, stdin, stdout};
use std::path::Path;
use std::rc::Rc;

use nix::sys::utsname::uname;
use rhai::{AST, Dynamic};
use rustyline::error::ReadlineError;
use textwrap::WordSplitter;

use self::complete::Candidate;
use self::editor::Spare;
use self::history::History;
use self::menu::{Menu, Outcome};
use self::state::State;
use self::transcript::Transcript;
use self::undo::{Before, Deeds};
use crate::dsl::Session;
use crate::dsl::acts::place;
use crate::dsl::handle::Netns;
use crate::dsl::script::print;
use crate::engine::script::Script;
use crate::engine::signals::Signals;
use crate::engine::{Failure, Reason, params};
use crate::error::Error;
use crate::net;
use crate::value::escape::{literal as literal_of, on_one_line};
use crate::value::shell as word_of_shell;
use crate::view::error::Report;
use crate::view::screen::{self, Stream};

/// How a session is told to behave.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// Whether the prompt, what is typed, and errors are drawn in colour.
    pub color: bool,
    /// Whether the session runs in a throw-away place.
    pub is_throw_away: bool,
    /// Whether it is read aloud: nothing is drawn anew, and nothing beside the line.
    pub is_plain: bool,
}

/// Reads and runs entries until the user leaves; without a terminal, reads them from standard input.
pub fn run(session: Rc<Session>, manner: Manner) -> Result<u8, Failure> {
    if stdin().is_terminal() && stdout().is_terminal() {
        Talk::new(session, manner, true)?.with_terminal()
    } else {
        Talk::new(session, manner, false)?.with_lines()
    }
}

/// A session in progress.
struct Talk {
    state: Rc<State>,
    signals: Signals,
    transcript: Transcript,
    deeds: Deeds,
    /// What was typed, in earlier sessions too.
    past: Vec<String>,
    manner: Manner,
    on_terminal: bool,
}

/// What to do after an entry.
enum Next {
    Entry,
    Leave,
}

impl Talk {
    fn new(session: Rc<Session>, manner: Manner, on_terminal: bool) -> Result<Self, Failure> {
        let signals = if on_terminal {
            Signals::watch_over_and_over(&session)
        } else {
            Signals::watch(&session, &[])
        };
        Ok(Self {
            signals: signals.map_err(|error| broken(&error))?,
            state: Rc::new(State::new(session)),
            transcript: Transcript::default(),
            deeds: Deeds::default(),
            past: Vec::new(),
            manner,
            on_terminal,
        })
    }

    fn with_terminal(&mut self) -> Result<u8, Failure> {
        let mut editor = editor::new(&self.state, self.manner).map_err(|error| unusable(&error))?;
        let history = History::load(&mut editor);
        self.past.extend(editor.history().iter().cloned());
        self.greet();
        init::run(self)?;
        let mut spare = Spare::take();
        loop {
            let prompt = self.prompt();
            if let Some(aid) = editor.helper() {
                aid.note_prompt(&prompt.0);
            }
            let entry = match spare.lend(|| editor.readline(&prompt)) {
                Ok(entry) => entry,
                Err(ReadlineError::Interrupted) => continue,
                Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                    let report = Report::new("what was typed is no UTF-8, and was dropped")
                        .hint("set the terminal to UTF-8");
                    self.note(&report.draw(self.manner.color));
                    continue;
                }
                Err(ReadlineError::Eof) => break,
                Err(error) => return Err(unusable(&error)),
            };
            if let Some(asked) = entry.strip_suffix('\t') {
                self.list(asked)?;
                continue;
            }
            if entry.trim().is_empty() {
                continue;
            }
            history.add(&mut editor, &entry);
            if !entry.starts_with(' ') {
                self.past.push(entry.clone());
            }
            if let Next::Leave = self.take(&entry)? {
                break;
            }
        }
        self.warn_of_what_stands();
        Ok(self.state.session().exit_code().unwrap_or(0))
    }

    /// Says what fits the end of `text`: a terminal that can't move the cursor has no menu.
    fn list(&self, text: &str) -> Result<(), Failure> {
        let mut menu = Menu::default();
        let offer = complete::offer(&self.state, text);
        let (before, typed) = text.split_at(offer.start);
        let lines = match menu.ask(before, typed, offer) {
            Outcome::Open(typed) | Outcome::Put(typed) => menu.list(&typed),
            Outcome::Nothing => Vec::new(),
        };
        let lines: Vec<&str> = lines.iter().map(Candidate::shown).collect();
        if lines.is_empty() {
            self.note("nothing fits");
            return Ok(());
        }
        self.say(&lines.join("\n"))
    }

    /// Runs standard input entry by entry, and stops at the first failure.
    fn with_lines(&mut self) -> Result<u8, Failure> {
        let mut lines = stdin().lock().lines();
        while let Some(entry) = self.entry(&mut lines)? {
            self.past.push(entry.clone());
            if let Next::Leave = self.respond(&entry)? {
                break;
            }
            let session = self.state.session();
            if let Some(signal) = session.interrupted() {
                return Err(Failure {
                    report: Report::new("interrupted"),
                    reason: Reason::Interrupted(signal),
                });
            }
            if session.exit_code().is_some() {
                break;
            }
        }
        Ok(self.state.session().exit_code().unwrap_or(0))
    }

    /// Reads lines until they are a whole entry, or there are no more.
    fn entry(
        &self,
        lines: &mut impl Iterator<Item = std::io::Result<String>>,
    ) -> Result<Option<String>, Failure> {
        let mut entry: Option<String> = None;
        for line in lines {
            let line = line.map_err(|error| unreadable(&error))?;
            let entry = match &mut entry {
                Some(entry) => {
                    entry.push('\n');
                    entry.push_str(&line);
                    entry
                }
                None => entry.insert(line),
            };
            let interpreter = self.state.interpreter.borrow();
            let code = commands::code(entry);
            if !code.is_some_and(|code| interpreter.is_incomplete(code, &self.state.scope.borrow()))
            {
                break;
            }
        }
        Ok(entry)
    }

    /// What the prompt calls the namespace that the session was started in.
    fn home(&self) -> &'static str {
        if self.manner.is_throw_away {
            "sandbox"
        } else {
            net::netns::Netns::LABEL_OF_START
        }
    }

    /// Says where the session is, and what to type first.
    fn greet(&self) {
        if self.state.session().settings().quiet {
            return;
        }
        let kernel = uname().map_or_else(
            |_| String::new(),
            |name| format!(", kernel {}", name.release().to_string_lossy()),
        );
        let (place, stays) = if self.manner.is_throw_away {
            ("in a sandbox", "all goes when you leave")
        } else {
            ("on this machine", "what you make stays")
        };
        // Three lines on 80 columns.
        let text = format!(
            "ipvsh {} {place}{kernel}: {stays}\n\
             help, ping? and Tab say what there is; lines of `ip` work, !CMD runs a program\n\
             :undo takes back what an entry did, :quit leaves",
            env!("CARGO_PKG_VERSION"),
        );
        let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
        let lines = textwrap::Options::new(width).word_splitter(WordSplitter::NoHyphenation);
        self.note(&textwrap::fill(&text, lines));
    }

    /// The prompt, plain and in colour: where bare words act.
    fn prompt(&self) -> (String, String) {
        let (place, is_there) = match self.state.session().here() {
            Ok(here) if here.path() == Path::new(net::netns::Netns::START) => {
                (self.home().to_owned(), true)
            }
            Ok(here) => (on_one_line(here.label()).into_owned(), here.check().is_ok()),
            Err(_) => ("?".to_owned(), false),
        };
        let plain = if is_there {
            format!("{place}> ")
        } else {
            format!("{place} (gone)> ")
        };
        let style = if is_there { "\x1b[1;36m" } else { "\x1b[1;31m" };
        let styled = if self.manner.color {
            format!("{style}{}\x1b[0m> ", &plain[..plain.len() - 2])
        } else {
            plain.clone()
        };
        (plain, styled)
    }

    /// Does what an entry says; a failure is shown, and the session goes on.
    fn take(&mut self, entry: &str) -> Result<Next, Failure> {
        self.signals.reset();
        let next = match self.respond(entry) {
            Err(failure) if failure.reason == Reason::OutputClosed => return Err(failure),
            Err(failure) => {
                self.note(&failure.report.draw(self.manner.color));
                Next::Entry
            }
            Ok(next) => next,
        };
        self.signals.reset();
        Ok(match self.state.session().exit_code() {
            Some(_) => Next::Leave,
            None => next,
        })
    }

    fn respond(&mut self, entry: &str) -> Result<Next, Failure> {
        let trimmed = entry.trim();
        if commands::is_farewell(trimmed) {
            return Ok(Next::Leave);
        }
        if let Some(about) = commands::asked_for_help(trimmed)
            && self.state.variable("help").is_none()
        {
            return commands::run(self, &format!("help {about}"));
        }
        if let Some(command) = trimmed.strip_prefix(':') {
            return commands::run(self, command);
        }
        if let Some(line) = shell::program(trimmed) {
            self.run_program(line)?;
        } else if shell::is_of_program(trimmed) {
            let script = self.without_what_is_known(&shell::script(trimmed)?);
            for line in script.lines() {
                self.note(&format!("= {line}"));
            }
            self.evaluate_as(&script, trimmed)?;
        } else {
            self.evaluate(entry)?;
        }
        Ok(Next::Entry)
    }

    /// Runs an entry and prints its value.
    fn evaluate(&mut self, entry: &str) -> Result<(), Failure> {
        let code = shell::with_last(entry);
        if code != entry && self.state.variable(shell::LAST).is_none() {
            let report = Report::new("there is no last value yet");
            return Err(Failure::script(report.hint(
                "`_` is the value of the entry before: `1 + 1`, then `_ * 2`",
            )));
        }
        let result = self.evaluate_as(&code, entry);
        result.map_err(|failure| shell::as_typed(failure, entry, &code))
    }

    /// Runs `code` for an entry that was typed as `typed`, and prints its value.
    fn evaluate_as(&mut self, code: &str, typed: &str) -> Result<(), Failure> {
        let number = self.state.session().next_entry();
        self.run_script(&Script::new(&format!("<{number}>"), code), typed)
    }

    /// The script of a line without the variables for namespaces that the session has under the same names.
    fn without_what_is_known(&self, script: &str) -> String {
        let is_known = |line: &str| {
            let declared = line
                .strip_prefix("let ")
                .and_then(|line| line.split_once(" = "));
            declared.is_some_and(|(name, value)| {
                let held = self
                    .state
                    .variable(name)
                    .and_then(Dynamic::try_cast::<Netns>);
                held.is_some_and(|held| {
                    value == format!("netns({});", literal_of(held.label())) && held.check().is_ok()
                })
            })
        };
        let lines: Vec<&str> = script.lines().collect();
        // Alone it is what was asked for.
        let is_left = |line: &&&str| lines.len() == 1 || !is_known(line);
        let left: Vec<&str> = lines.iter().filter(is_left).copied().collect();
        left.join("\n").trim_start().to_owned()
    }

    /// Hands over the parameters that a script is loaded with; returns its help where that is asked for instead.
    fn give(&self, script: &Script, given: &[String]) -> Result<Option<String>, Failure> {
        let interpreter = self.state.interpreter.borrow();
        let ast = interpreter.compile(script, &self.state.scope.borrow())?;
        let declared = interpreter.parameters(&ast)?;
        let given = params::parse(&declared, given).map_err(Failure::script)?;
        if given.help {
            let help = params::help(&script.name, &script.head(), &declared);
            return Ok(Some(help));
        }
        self.state.session().load_with(given.values);
        Ok(None)
    }

    /// Runs a line of the user's shell on the terminal, in the namespace where bare words act.
    fn run_program(&self, line: &str) -> Result<(), Failure> {
        let session = self.state.session();
        let ended = session
            .here()
            .and_then(|here| place::shell(session, &Netns(here), Some(line)));
        match ended {
            Ok(0) => {}
            Ok(code) => self.note(&format!("it ended with exit code {code}")),
            Err(error) => return Err(Failure::script(Report::of(&error))),
        }
        Ok(())
    }

    /// Runs a script as one entry, which was typed as `typed`. What it made is taken back where it fails, as a script's is; an
    /// interrupted one keeps it.
    fn run_script(&mut self, script: &Script, typed: &str) -> Result<(), Failure> {
        let state = self.state.clone();
        let session = state.session();
        let stretch = session.lab().mark();
        let text = script.source();
        let before = Before::of(&state, &text);
        let from = session.lab().outcomes().entries().len();
        let ast = self.read(script)?;
        let result = {
            let interpreter = state.interpreter.borrow();
            interpreter.run_shown(&ast, &mut state.scope.borrow_mut())
        };
        let made = session.lab().newest_stretch() == Some(stretch);
        let number = match &result {
            // Ctrl-C ends a ping early; that is no failure.
            Ok(_) if session.interrupted().is_some() => {
                self.transcript.add_stopped(typed, &text, &ast, None, made)
            }
            Ok(_) => self.transcript.add(typed, &text, &ast, made),
            Err(failure) if matches!(failure.reason, Reason::Interrupted(_)) => {
                let place = failure.report.place.as_ref();
                let line = place.map(|place| place.line);
                self.transcript.add_stopped(typed, &text, &ast, line, made)
            }
            Err(_) => {
                state.scope.borrow_mut().rewind(before.count);
                // From a pipe, a failure ends the session, and the session takes its lab down.
                if made && self.on_terminal {
                    let undone = self.roll_back(stretch)?;
                    self.note(&undone.to_string().replace("this run", "this entry"));
                }
                return result.map(drop);
            }
        };
        state.declare_again(before.count);
        // What can't be looked at stays noted.
        let _ = session.wait(session.lab().strike_gone_along());
        session.say_made(from);
        if made {
            self.deeds.go_on();
            let of = (stretch, number);
            self.deeds.add(&state, of, (script, typed), before);
        }
        let value = result?;
        if !value.is_unit() {
            let mut scope = state.scope.borrow_mut();
            scope.set_or_push(shell::LAST, value.clone());
            self.transcript.gave_last(number);
        }
        self.show(&value)
    }

    /// Parses an entry, and keeps the functions and modules that it declares.
    fn read(&self, script: &Script) -> Result<AST, Failure> {
        let mut interpreter = self.state.interpreter.borrow_mut();
        let ast = interpreter.compile(script, &self.state.scope.borrow())?;
        interpreter.keep(&ast)?;
        let imports = params::imports(&ast).into_iter();
        self.state
            .learn(&ast, imports.map(|(path, alias, _)| (path, alias)));
        Ok(ast)
    }

    fn show(&self, value: &rhai::Dynamic) -> Result<(), Failure> {
        if value.is_unit() {
            return Ok(());
        }
        let session = self.state.session();
        let text = print::result(session, value);
        if text.is_empty() {
            return Ok(());
        }
        if session.settings().json {
            // What is printed on the way goes beside it.
            let said = screen::say_json(Stream::Out, &text);
            return said.map_err(|error| closed(&error));
        }
        if self.on_terminal && pager::show(&text) {
            return Ok(());
        }
        session
            .print_of_script(&text)
            .map_err(|error| closed(&error))
    }

    /// A lab outlives the session that made it.
    fn warn_of_what_stands(&self) {
        let session = self.state.session();
        // `exit(1)` counts as a failure: the lab is taken down.
        if session.exit_code().is_some_and(|code| code != 0) {
            return;
        }
        let (names, links) = session.lab().standing();
        let namespaces: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        let mut parts = Vec::new();
        match namespaces.len() {
            0 => {}
            1 => parts.push(format!("namespace {}", namespaces[0])),
            count => parts.push(format!("{count} namespaces ({})", namespaces.join(", "))),
        }
        match links {
            0 => {}
            1 => parts.push("1 link".to_owned()),
            count => parts.push(format!("{count} links")),
        }
        if parts.is_empty() {
            return;
        }
        let what = parts.join(" and ");
        self.note(&if self.manner.is_throw_away {
            format!("the lab made here goes away with the sandbox: {what}")
        } else {
            let lab = session.lab().name().unwrap_or_default();
            format!(
                "the lab made here still stands: {what}\nhint: `ipvsh down {}` takes it down, `ipvsh ls` shows it; in a session, `:undo` takes back entry by entry",
                word_of_shell::word(&lab)
            )
        });
    }

    /// Prints a line where values go.
    fn say(&self, text: &str) -> Result<(), Failure> {
        if self.on_terminal && pager::show(text) {
            return Ok(());
        }
        let said = self.state.session().print(text);
        said.map_err(|error| closed(&error))
    }

    /// Says something beside the values.
    #[allow(clippy::unused_self, reason = "it is the session that speaks")]
    fn note(&self, text: &str) {
        // Without standard error the message is lost.
        let _ = screen::say(Stream::Err, text);
    }
}

/// The failure for a closed output.
fn closed(error: &dyn Display) -> Failure {
    Failure {
        report: Report::new(error.to_string()),
        reason: Reason::OutputClosed,
    }
}

fn broken(error: &Error) -> Failure {
    Failure::script(Report::new(error.to_string()))
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure::script(Report::new(match error.kind() {
        ErrorKind::InvalidData => "what comes from standard input is no UTF-8".to_owned(),
        _ => format!("cannot read from standard input: {error}"),
    }))
}

fn unusable(error: &ReadlineError) -> Failure {
    Failure::script(Report::new(format!(
        "cannot read from the terminal: {error}"
    )))
}
