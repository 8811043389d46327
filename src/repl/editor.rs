//! The line editor: completion, hints, colours, and the check whether an entry continues on the next line.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::io::stdin;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::history::FileHistory;
use rustyline::line_buffer::LineBuffer;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{
    Changeset, Cmd, ColorMode, CompletionType, ConditionalEventHandler, Config, Context, Editor,
    Event, EventContext, EventHandler, KeyCode, KeyEvent, Modifiers, RepeatCount,
};

use super::complete::{self, Candidate};
use super::hint::{self, Ghost};
use super::menu::{Keys, Menu, Outcome, Room, StayOpen};
use super::state::State;
use super::tall::{self, Rows, Size};
use super::{Manner, commands, highlight, lex};

/// The indentation for each open bracket.
const INDENT: usize = 4;

/// How long the rest of a key that begins with Escape may take, in milliseconds; after that it is Escape by itself.
const ESCAPE: u16 = 200;

/// What rustyline asks while a line is typed.
pub(super) struct Aid {
    state: Rc<State>,
    manner: Manner,
    menu: Arc<Mutex<Menu>>,
    drawn: Drawn,
}

/// What is known of what rustyline draws next, and of what it drew.
#[derive(Default)]
struct Drawn {
    /// The prompt, in its colours.
    prompt: RefCell<String>,
    /// What stands behind the line.
    behind: RefCell<String>,
    /// Whether that is drawn, too.
    has_behind: Cell<bool>,
    /// Where the cursor is in the line.
    pos: Cell<usize>,
    /// Whether there were more rows than the terminal has.
    is_tall: Cell<bool>,
    /// Whether the line was taken: then all of it is drawn, and stays above what it says.
    is_taken: Cell<bool>,
}

impl Aid {
    /// Notes the prompt that the next line is typed behind.
    pub(super) fn note_prompt(&self, prompt: &str) {
        prompt.clone_into(&mut self.drawn.prompt.borrow_mut());
        self.drawn.behind.borrow_mut().clear();
        self.drawn.is_tall.set(false);
        self.drawn.is_taken.set(false);
        if let Ok(mut menu) = self.menu.lock() {
            menu.close();
            menu.take_lingering();
        }
    }

    /// The room for a menu below `line`.
    fn room(&self, line: &str) -> Room {
        Room::below(self.rows_of(line), Size::now(), self.manner.color)
    }

    /// How many rows of the terminal the line takes, with its prompt.
    fn rows_of(&self, line: &str) -> usize {
        let prompt = self.drawn.prompt.borrow();
        Rows::lay(Size::now(), &prompt, line, line.len(), "").of_entry()
    }
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
        let Ok(mut menu) = self.menu.lock() else {
            return Ok((pos, Vec::new()));
        };
        if let Some((start, text)) = menu.taken() {
            return Ok((start, vec![Candidate::plain(&text)]));
        }
        if let Some(numbered) = menu.numbered(&line[..pos]) {
            return Ok(numbered);
        }
        let offer = complete::offer(&self.state, &line[..pos]);
        let start = offer.start;
        let (before, typed) = line[..pos].split_at(start);
        let put = match menu.ask(before, typed, offer) {
            Outcome::Nothing => return Ok((start, Vec::new())),
            Outcome::Put(text) => text,
            Outcome::Open(text) if self.manner.is_plain || !self.room(line).is_enough() => {
                menu.close();
                let mut list = menu.list(&text);
                if !self.manner.is_plain {
                    for one in &mut list {
                        one.cut(self.room(line).width);
                    }
                }
                // So wide that rustyline puts no second one beside it.
                let width = self.room(line).width / 2 + 1;
                if let Some(first) = list.first_mut() {
                    first.widen(width);
                }
                // rustyline draws the entry over as many of the last rows as it has above its own.
                if let Some(last) = list.last_mut() {
                    last.leave_rows(self.rows_of(line).saturating_sub(1));
                }
                return Ok((start, list));
            }
            Outcome::Open(text) => {
                let after = format!("{before}{text}");
                // What all have in common may begin a text: now something can stand within it.
                if complete::start(&after) != start {
                    let offer = complete::offer(&self.state, &after);
                    let (before, typed) = after.split_at(offer.start);
                    menu.ask(before, typed, offer);
                }
                text
            }
        };
        // What is to be drawn anew is drawn where something was put into the line.
        Ok((start, vec![Candidate::plain(&put)]))
    }

    fn update(&self, line: &mut LineBuffer, start: usize, elected: &str, changes: &mut Changeset) {
        let end = line.pos();
        // No change is none to be undone.
        if &line[start..end] != elected {
            line.replace(start..end, elected, changes);
        }
    }
}

impl Hinter for Aid {
    type Hint = Ghost;

    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<Ghost> {
        let found = self.below(line, pos).or_else(|| {
            // Without colour it would look like what was typed.
            let is_wanted = self.manner.color && !self.manner.is_plain;
            hint::hint(&self.state, line, pos, context).filter(|_| is_wanted)
        });
        let shown = found.as_ref().map_or("", Hint::display);
        *self.drawn.behind.borrow_mut() = in_colours(shown);
        found
    }
}

impl Aid {
    /// The menu, where it is open for this place.
    fn below(&self, line: &str, pos: usize) -> Option<Ghost> {
        let mut menu = self.menu.lock().ok()?;
        if !menu.is_open() {
            return None;
        }
        let start = menu.start();
        // What is typed may have become the begin of something else: `1` of `10`, a text of a name.
        let is_same = complete::start(&line[..pos]) == start;
        let room = self.room(line);
        if !is_same || !room.is_enough() || !menu.follow(line, pos) {
            menu.close();
            return None;
        }
        Some(Ghost::menu(menu.draw(room)))
    }
}

/// What stands behind a line, in its colours.
fn in_colours(behind: &str) -> String {
    // A menu has its own.
    if behind.is_empty() || behind.starts_with('\n') {
        behind.to_owned()
    } else {
        format!("\x1b[2m{behind}\x1b[0m")
    }
}

/// The prompt is drawn with the line, and so is what stands behind it: together they may be taller than the terminal.
impl Highlighter for Aid {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(
        &'s self,
        prompt: &'p str,
        is_own: bool,
    ) -> Cow<'b, str> {
        if let Ok(mut menu) = self.menu.lock() {
            menu.is_searching = !is_own;
        }
        prompt.clone_into(&mut self.drawn.prompt.borrow_mut());
        Cow::Borrowed("")
    }

    fn highlight<'l>(&self, line: &'l str, pos: usize) -> Cow<'l, str> {
        let (line, pos) = tall::to_be_seen(line, pos);
        let coloured = if self.manner.color {
            highlight::highlight(&self.state, &line)
        } else {
            Cow::Borrowed(&*line)
        };
        let (size, prompt) = (Size::now(), self.drawn.prompt.borrow());
        let behind = self.drawn.behind.borrow();
        let behind = if self.drawn.has_behind.get() {
            behind.as_str()
        } else {
            ""
        };
        let rows = Rows::lay(size, &prompt, &coloured, pos, behind);
        self.drawn.is_tall.set(rows.are_too_many(size));
        Cow::Owned(if !rows.are_too_many(size) {
            format!("{prompt}{coloured}")
        } else if self.drawn.is_taken.get() && pos == line.len() {
            rows.all()
        } else {
            rows.around_cursor(size)
        })
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.drawn.is_tall.get() {
            Cow::Borrowed("")
        } else {
            Cow::Owned(in_colours(hint))
        }
    }

    fn highlight_char(&self, line: &str, pos: usize, kind: CmdKind) -> bool {
        self.drawn.pos.set(pos);
        self.drawn.has_behind.set(kind == CmdKind::Other);
        // A menu that was closed is wiped off by drawing the line anew.
        let menu = self.menu.lock();
        let lingers = menu.is_ok_and(|mut menu| menu.take_lingering() || menu.is_searching);
        let is_changed = self.manner.color && kind != CmdKind::MoveCursor;
        lingers || is_changed || self.drawn.is_tall.get() || self.rows_of(line) > Size::now().rows
    }
}

impl Validator for Aid {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        // An empty line ends an unfinished entry; a tab at the end, where a terminal has no keys of its own, asks what fits.
        let code = commands::code(text).filter(|_| !text.ends_with(['\n', '\t']));
        let interpreter = self.state.interpreter.borrow();
        let goes_on =
            code.is_some_and(|code| interpreter.is_incomplete(code, &self.state.scope.borrow()));
        if goes_on {
            return Ok(ValidationResult::Incomplete);
        }
        self.drawn.is_taken.set(true);
        // With a message, an empty one, the line is drawn once more; where the cursor has to go to the end it is in any case.
        let is_at_end = self.drawn.pos.get() == text.len();
        let message = (self.drawn.is_tall.get() && is_at_end).then(String::new);
        Ok(ValidationResult::Valid(message))
    }
}

/// Enter inside of brackets begins an indented line.
struct GoOn {
    menu: Arc<Mutex<Menu>>,
}

impl ConditionalEventHandler for GoOn {
    fn handle(&self, key: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        if let Some(taken) = self.menu.of_menu(key, context) {
            return Some(taken);
        }
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
    menu: Arc<Mutex<Menu>>,
}

impl ConditionalEventHandler for StepBack {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        let before = &context.line()[..context.pos()];
        let line = before.rsplit('\n').next()?;
        if line.is_empty() || !before.contains('\n') || !line.trim().is_empty() {
            return None;
        }
        let indent = lex::indent(before)?;
        let start = before.len() - line.len();
        let line = format!("{}{}", " ".repeat(indent), self.bracket);
        self.menu.lock().ok()?.put(start, line);
        Some(Cmd::Complete)
    }
}

/// Tab at the beginning of a further line sets it in: so begin lines that are pasted.
struct SetIn {
    menu: Arc<Mutex<Menu>>,
}

impl ConditionalEventHandler for SetIn {
    fn handle(&self, key: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        if let Some(moved) = self.menu.of_menu(key, context) {
            return Some(moved);
        }
        let (above, line) = context.line()[..context.pos()].rsplit_once('\n')?;
        let is_code = commands::code(above).is_some() && line.trim().is_empty();
        is_code.then(|| Cmd::Insert(1, " ".repeat(INDENT)))
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
    manner: Manner,
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
        // The helper knows whether colours are wanted; where it is not asked, a menu can't be wiped off.
        .color_mode(ColorMode::Forced)
        .keyseq_timeout(Some(ESCAPE))
        .bracketed_paste(true)
        .build();
    let mut editor = Editor::with_config(config)?;
    let menu = Arc::<Mutex<Menu>>::default();
    editor.set_helper(Some(Aid {
        state: state.clone(),
        manner,
        menu: menu.clone(),
        drawn: Drawn::default(),
    }));
    let key = |code| KeyEvent(code, Modifiers::NONE);
    let mut bind = |event: Event, handler: Box<dyn ConditionalEventHandler>| {
        editor.bind_sequence(event, EventHandler::Conditional(handler));
    };
    bind(Event::Any, Box::new(Keys { menu: menu.clone() }));
    bind(
        key(KeyCode::Enter).into(),
        Box::new(GoOn { menu: menu.clone() }),
    );
    bind(
        key(KeyCode::Tab).into(),
        Box::new(SetIn { menu: menu.clone() }),
    );
    for bracket in [')', ']', '}'] {
        let menu = menu.clone();
        bind(
            key(KeyCode::Char(bracket)).into(),
            Box::new(StepBack { bracket, menu }),
        );
    }
    // A new line, whatever the entry is so far.
    editor.bind_sequence(
        KeyEvent(KeyCode::Enter, Modifiers::ALT),
        EventHandler::Simple(Cmd::Insert(1, "\n".to_owned())),
    );
    Ok(editor)
}
