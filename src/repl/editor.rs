//! The line editor: completion, hints, colours, and the check whether an entry continues on the next line.

use std::borrow::Cow;
use std::io::stdin;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{
    Cmd, ColorMode, CompletionType, ConditionalEventHandler, Config, Context, Editor, Event,
    EventContext, EventHandler, KeyCode, KeyEvent, Modifiers, RepeatCount,
};

use super::complete::{self, Candidate};
use super::hint::{self, Ghost};
use super::state::State;
use super::{commands, highlight, lex};

/// The indentation for each open bracket.
const INDENT: usize = 4;

/// What rustyline asks while a line is typed.
pub(super) struct Aid {
    state: Rc<State>,
    color: bool,
    /// What takes the place of the line that the cursor is in, where a closing bracket was typed.
    stepped_back: Arc<Mutex<Option<String>>>,
}

impl rustyline::Helper for Aid {}

impl Completer for Aid {
    type Candidate = Candidate;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Candidate>)> {
        let stepped_back = self.stepped_back.lock().ok().and_then(|mut it| it.take());
        if let Some(with_bracket) = stepped_back {
            let start = line[..pos].rfind('\n').map_or(0, |end| end + 1);
            return Ok((start, vec![Candidate::plain(&with_bracket)]));
        }
        Ok(complete::complete(&self.state, &line[..pos]))
    }
}

impl Hinter for Aid {
    type Hint = Ghost;

    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<Ghost> {
        // Without colour it would look like what was typed.
        hint::hint(&self.state, line, pos, context).filter(|_| self.color)
    }
}

impl Highlighter for Aid {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.color {
            highlight::highlight(&self.state, line)
        } else {
            Cow::Borrowed(line)
        }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[2m{hint}\x1b[0m"))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.color && kind != CmdKind::MoveCursor
    }
}

impl Validator for Aid {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        // An empty line ends an unfinished entry.
        let code = commands::code(text).filter(|_| !text.ends_with('\n'));
        let interpreter = self.state.interpreter.borrow();
        let goes_on =
            code.is_some_and(|code| interpreter.is_incomplete(code, &self.state.scope.borrow()));
        Ok(if goes_on {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}

/// Enter inside of brackets begins an indented line.
struct GoOn;

impl ConditionalEventHandler for GoOn {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        let before = &context.line()[..context.pos()];
        let is_last = context.pos() == context.line().len();
        // An empty line ends an unfinished entry.
        let is_ended = is_last && before.ends_with('\n') && before.len() > 1;
        if !is_last || is_ended || commands::code(before).is_none() {
            return None;
        }
        let indent = lex::indent(before)?;
        Some(Cmd::Insert(1, format!("\n{}", " ".repeat(indent + INDENT))))
    }
}

/// A closing bracket at the beginning of a line goes below the line that opened it.
struct StepBack {
    bracket: char,
    /// Where the line goes that the completer is to hand over: rustyline's own way to replace a text leaves the cursor before it.
    line: Arc<Mutex<Option<String>>>,
}

impl ConditionalEventHandler for StepBack {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        let before = &context.line()[..context.pos()];
        let line = before.rsplit('\n').next()?;
        if line.is_empty() || !before.contains('\n') || !line.trim().is_empty() {
            return None;
        }
        let indent = lex::indent(before)?;
        let line = format!("{}{}", " ".repeat(indent), self.bracket);
        self.line.lock().ok()?.replace(line);
        Some(Cmd::Complete)
    }
}

/// Descriptors that are kept from all else, and given free for what rustyline opens while it reads a line: it waits by
/// `select`, which knows none above 1,023, and a session with many namespaces has all of those in use.
pub(super) struct Spare(Vec<OwnedFd>);

impl Spare {
    pub(super) fn take() -> Self {
        // If none are free now, some may be free the next time.
        let more = (0..2).filter_map(|_| stdin().as_fd().try_clone_to_owned().ok());
        Self(more.collect())
    }

    /// Closes them while `read` runs.
    pub(super) fn lend<T>(&mut self, read: impl FnOnce() -> T) -> T {
        self.0.clear();
        let result = read();
        *self = Self::take();
        result
    }
}

/// The editor of a session.
pub(super) fn new(
    state: &Rc<State>,
    color: bool,
) -> Result<Editor<Aid, FileHistory>, ReadlineError> {
    let config = Config::builder()
        .auto_add_history(false)
        .history_ignore_space(true)
        .history_ignore_dups(true)?
        .max_history_size(10_000)?
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        // A question that takes no Ctrl-C is worse than a long list.
        .completion_prompt_limit(usize::MAX)
        .color_mode(if color {
            ColorMode::Forced
        } else {
            ColorMode::Disabled
        })
        .bracketed_paste(true)
        .build();
    let mut editor = Editor::with_config(config)?;
    let stepped_back = Arc::new(Mutex::new(None));
    editor.set_helper(Some(Aid {
        state: state.clone(),
        color,
        stepped_back: stepped_back.clone(),
    }));
    let key = |code| KeyEvent(code, Modifiers::NONE);
    editor.bind_sequence(
        key(KeyCode::Enter),
        EventHandler::Conditional(Box::new(GoOn)),
    );
    // A new line, whatever the entry is so far.
    editor.bind_sequence(
        KeyEvent(KeyCode::Enter, Modifiers::ALT),
        EventHandler::Simple(Cmd::Insert(1, "\n".to_owned())),
    );
    for bracket in [')', ']', '}'] {
        let step_back = StepBack {
            bracket,
            line: stepped_back.clone(),
        };
        editor.bind_sequence(
            key(KeyCode::Char(bracket)),
            EventHandler::Conditional(Box::new(step_back)),
        );
    }
    Ok(editor)
}
