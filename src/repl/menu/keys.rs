//! What the keys do while the menu is open.

use std::sync::{Arc, Mutex};

use rustyline::{
    Cmd, ConditionalEventHandler, Event, EventContext, KeyCode, KeyEvent, Modifiers, RepeatCount,
};

use super::{Menu, Past};

/// How far a page goes.
const PAGE: isize = 8;

/// All keys that nothing else is bound to.
pub(in crate::repl) struct Keys {
    pub(in crate::repl) menu: Arc<Mutex<Menu>>,
}

impl ConditionalEventHandler for Keys {
    fn handle(
        &self,
        event: &Event,
        _: RepeatCount,
        _: bool,
        context: &EventContext,
    ) -> Option<Cmd> {
        let mut menu = self.menu.lock().ok()?;
        let key = event.get(0)?;
        if !menu.is_open() {
            // What ends the search and does nothing else leaves its prompt on the screen.
            if menu.is_searching
                && ends_search(*key)
                && !is_drawn((key.0, key.1), context.line(), context.pos())
            {
                return Some(Cmd::Repaint);
            }
            return in_the_past(&mut menu, *key, context.line(), context.pos());
        }
        menu.past = None;
        pressed(&mut menu, *key, context.line(), context.pos())
    }
}

/// Whether a key has no meaning in a search of the history.
fn ends_search(key: KeyEvent) -> bool {
    matches!(
        key.0,
        KeyCode::Left
            | KeyCode::Right
            | KeyCode::Home
            | KeyCode::End
            | KeyCode::PageUp
            | KeyCode::PageDown
            | KeyCode::Insert
            | KeyCode::Delete
            | KeyCode::BackTab
            | KeyCode::F(_)
    ) || matches!(
        (key.0, key.1),
        (
            KeyCode::Char('A' | 'B' | 'E' | 'F' | 'K' | 'T' | 'U' | 'W' | 'Y'),
            Modifiers::CTRL
        ) | (KeyCode::Char(_), Modifiers::ALT)
    )
}

/// What Up and Down do at the prompt: they choose among the entries that begin with what is typed. `None` for what they always do.
fn in_the_past(menu: &mut Menu, key: KeyEvent, line: &str, place: usize) -> Option<Cmd> {
    let back = match (key.0, key.1) {
        (KeyCode::Up, Modifiers::NONE) | (KeyCode::Char('P'), Modifiers::CTRL) => true,
        (KeyCode::Down, Modifiers::NONE) | (KeyCode::Char('N'), Modifiers::CTRL) => false,
        _ => {
            menu.past = None;
            return None;
        }
    };
    if menu.past.is_none() {
        let is_within = line.contains('\n');
        menu.past = match line.get(..place) {
            _ if is_within => return None,
            Some("") | None => Some(Past::Each),
            Some(_) => Some(Past::Typed),
        };
    }
    (menu.past == Some(Past::Typed)).then_some(if back {
        Cmd::HistorySearchBackward
    } else {
        Cmd::HistorySearchForward
    })
}

/// What else is bound to a key and does its work: the menu goes first.
pub(in crate::repl) trait StayOpen {
    /// Takes the key where the menu is open and has a use for it.
    fn of_menu(&self, key: &Event, context: &EventContext) -> Option<Cmd>;
}

impl StayOpen for Arc<Mutex<Menu>> {
    fn of_menu(&self, key: &Event, context: &EventContext) -> Option<Cmd> {
        let menu = self.clone();
        Keys { menu }.handle(key, 1, true, context)
    }
}

/// What a key does while the menu is open; `None` for what it always does.
fn pressed(menu: &mut Menu, key: KeyEvent, line: &str, place: usize) -> Option<Cmd> {
    let (is_only, is_chosen) = (menu.shown.len() == 1, menu.chosen.is_some());
    let by = match (key.0, key.1) {
        (KeyCode::Tab, _) | (KeyCode::Char('I'), Modifiers::CTRL) if is_only => {
            return taken(menu);
        }
        (KeyCode::Enter | KeyCode::Right, Modifiers::NONE)
        | (KeyCode::Char('J' | 'M'), Modifiers::CTRL)
            if is_chosen =>
        {
            return taken(menu);
        }
        (KeyCode::Tab | KeyCode::Down, _) | (KeyCode::Char('I' | 'N'), Modifiers::CTRL) => 1,
        (KeyCode::BackTab | KeyCode::Up, _) | (KeyCode::Char('P'), Modifiers::CTRL) => -1,
        (KeyCode::PageDown, _) => PAGE,
        (KeyCode::PageUp, _) => -PAGE,
        // They narrow it down, or widen it; what they put elsewhere closes it.
        (KeyCode::Char(_), Modifiers::NONE | Modifiers::SHIFT)
        | (KeyCode::Backspace, Modifiers::NONE)
        | (KeyCode::Char('H'), Modifiers::CTRL)
        | (KeyCode::BracketedPasteStart, _) => return None,
        other => {
            menu.close();
            return (!is_drawn(other, line, place)).then_some(Cmd::Repaint);
        }
    };
    menu.go(by);
    Some(Cmd::Repaint)
}

fn taken(menu: &mut Menu) -> Option<Cmd> {
    menu.take().then_some(Cmd::Complete)
}

/// Whether what a key always does draws the line anew, without the menu. Of the others, the first one closes it only.
fn is_drawn((code, with): (KeyCode, Modifiers), line: &str, place: usize) -> bool {
    let (before, after) = line.split_at(place);
    let goes_back = !before.is_empty() && !before.ends_with('\n');
    let goes_on = !after.is_empty() && !after.starts_with('\n');
    match (code, with) {
        (KeyCode::Enter, _) | (KeyCode::Char('J' | 'M' | 'L' | 'R'), Modifiers::CTRL) => true,
        // At the end of an empty line it leaves the session.
        (KeyCode::Char('D'), Modifiers::CTRL) => line.is_empty() || goes_on,
        (KeyCode::Left | KeyCode::Home, Modifiers::NONE)
        | (KeyCode::Char('A' | 'B' | 'U' | 'W'), Modifiers::CTRL) => goes_back,
        (KeyCode::Right | KeyCode::End | KeyCode::Delete, Modifiers::NONE)
        | (KeyCode::Char('E' | 'F' | 'K'), Modifiers::CTRL) => goes_on,
        _ => false,
    }
}
