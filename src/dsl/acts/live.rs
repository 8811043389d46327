//! What a program writes, on the terminal while it runs: where its text is what an entry shows.

use std::cell::{Cell, RefCell};

use rhai::{NativeCallContext, Position};

use crate::dsl::Session;

/// The call whose value the entry shows, and whether it was shown as it came.
#[derive(Debug, Default)]
pub(crate) struct Live {
    awaited: RefCell<Option<(String, Position)>>,
    shown: Cell<bool>,
}

impl Live {
    /// Notes that an entry begins, which shows the value of the call at that place of the script, if it shows one.
    pub(crate) fn begin(&self, script: &str, call: Option<Position>) {
        let awaited = call.map(|position| (script.to_owned(), position));
        self.awaited.replace(awaited);
        self.shown.set(false);
    }

    /// Whether it is the value of this call that the entry shows; said once.
    fn take(&self, context: &NativeCallContext) -> bool {
        let source = context.call_source().unwrap_or_default();
        let is_it = |(script, position): &mut (String, Position)| {
            script == source && *position == context.call_position()
        };
        self.awaited.borrow_mut().take_if(is_it).is_some()
    }

    /// Whether the value was shown as it came.
    pub(crate) fn is_shown(&self) -> bool {
        self.shown.get()
    }
}

/// Shows parts of a text as they come.
pub(crate) struct Screen<'a> {
    session: &'a Session,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// The beginning of a letter whose end is still to come, of each stream.
    torn: [Vec<u8>; 2],
    /// What was written last ended a line.
    is_at_margin: bool,
}

impl<'a> Screen<'a> {
    /// One for the call, where somebody at a terminal waits for its text.
    pub(crate) fn of(session: &'a Session, context: &NativeCallContext) -> Option<Self> {
        let is_watched = session.width().is_some() && !session.lab().plans();
        (is_watched && session.live().take(context)).then(|| {
            session.live().shown.set(true);
            Self {
                session,
                state: RefCell::new(State {
                    is_at_margin: true,
                    ..State::default()
                }),
            }
        })
    }

    /// Shows what came by the stream of that number, 0 or 1.
    pub(crate) fn show(&self, stream: usize, bytes: &[u8]) {
        let mut state = self.state.borrow_mut();
        let Some(torn) = state.torn.get_mut(stream) else {
            return;
        };
        torn.extend_from_slice(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(torn) {
                Ok(rest) => {
                    text.push_str(rest);
                    torn.clear();
                    break;
                }
                Err(error) => {
                    let (good, bad) = torn.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(good));
                    let Some(length) = error.error_len() else {
                        *torn = bad.to_vec();
                        break;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    *torn = bad[length..].to_vec();
                }
            }
        }
        if text.is_empty() {
            return;
        }
        state.is_at_margin = text.ends_with('\n');
        // Where it fails the session notes it, and the run ends at its next step.
        let _ = self.session.print_part(&text);
    }

    /// Says how the program ended, on a line of its own.
    pub(crate) fn end(&self, code: i64) {
        if !self.state.borrow().is_at_margin {
            let _ = self.session.print_part("\n");
        }
        if code != 0 {
            let _ = self.session.print(&format!("exit code {code}"));
        }
    }
}
