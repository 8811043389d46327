//! How a menu looks: rows below the line, as many as have room.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::{Menu, Row};
use crate::repl::hint::cut;
use crate::repl::tall::Size;

/// How many rows it has at most, however tall the terminal is.
const ROWS: usize = 10;
/// With fewer rows there is no moving in it.
const FEW: usize = 3;
/// The widest column of names, where there is something to say beside them.
const NAMES: usize = 40;

/// The room that a terminal leaves below the line.
#[derive(Clone, Copy, Debug)]
pub(in crate::repl) struct Room {
    /// How many columns there are.
    pub(in crate::repl) width: usize,
    /// How many rows.
    pub(in crate::repl) height: usize,
    /// Whether it may be drawn in colour.
    pub(in crate::repl) color: bool,
}

impl Room {
    /// What an entry of so many rows leaves of the terminal. Where that is too little, the entry gives way.
    pub(in crate::repl) fn below(entry: usize, size: Size, color: bool) -> Self {
        let left = size.rows.saturating_sub(entry);
        Self {
            width: size.columns,
            height: if left > FEW {
                left
            } else {
                (size.rows / 2).max(FEW + 1).min(size.rows - 1)
            },
            color,
        }
    }

    /// Whether there is enough of it for a menu.
    pub(in crate::repl) fn is_enough(self) -> bool {
        // Below the rows, it says how many more there are.
        self.height > FEW && self.width >= 12
    }
}

impl Menu {
    /// The text below the line. Moves what is to be seen so far that the chosen one is.
    pub(in crate::repl) fn draw(&mut self, room: Room) -> String {
        let rows = self.rows();
        let height = ROWS.min(room.height.saturating_sub(1)).max(1);
        if let Some(chosen) = self.chosen {
            let is_chosen = |row: &Row| matches!(row, Row::One(place) if *place == chosen);
            let at = rows.iter().position(is_chosen).unwrap_or(0);
            // The heading above the first comes with it.
            let first = if at == 1 { 0 } else { at };
            self.top = self.top.clamp((at + 1).saturating_sub(height), first);
        }
        self.top = self.top.min(rows.len().saturating_sub(height));
        let seen = &rows[self.top..rows.len().min(self.top + height)];
        let mut text = String::new();
        let column = self.column(seen, room);
        for row in seen {
            text.push('\n');
            match row {
                Row::Heading(heading) => paint(&mut text, "1", &cut(heading, room.width), room),
                Row::One(place) => self.draw_one(&mut text, *place, column, room),
            }
        }
        let is_one = |row: &&Row| matches!(row, Row::One(_));
        let more = self.shown.len() - seen.iter().filter(is_one).count();
        let mut foot = Vec::new();
        if more > 0 {
            foot.push(format!("… {more} more"));
        }
        if let Some(chosen) = self.chosen() {
            let shown = chosen.shown();
            if shown != chosen.name() && shown != chosen.put() {
                foot.push(shown.to_owned());
            }
        }
        if !foot.is_empty() {
            text.push('\n');
            let foot = cut(&foot.join("   "), room.width.saturating_sub(2));
            paint(&mut text, "2", &format!("  {foot}"), room);
        }
        text
    }

    /// How wide the names are.
    fn column(&self, seen: &[Row], room: Room) -> usize {
        let (mut widest, mut is_said) = (0, false);
        for row in seen {
            if let Row::One(place) = row {
                let one = &self.all[self.shown[*place]];
                widest = widest.max(one.name().width());
                is_said |= !one.said().is_empty();
            }
        }
        let room = room.width.saturating_sub(3);
        if is_said {
            widest.min(NAMES).min(room * 3 / 5)
        } else {
            widest.min(room)
        }
    }

    fn draw_one(&self, text: &mut String, place: usize, column: usize, room: Room) {
        let one = &self.all[self.shown[place]];
        let is_chosen = self.chosen == Some(place);
        let name = one.name();
        let name = if name.width() > column {
            cut(&name, column)
        } else {
            name.into_owned()
        };
        let is_alone = one.said().is_empty() && !is_chosen;
        let blanks = if is_alone {
            0
        } else {
            column.saturating_sub(name.width())
        };
        let blanks = " ".repeat(blanks);
        let mark = if is_chosen { "> " } else { "  " };
        let style = if is_chosen { "7" } else { "" };
        paint(text, style, &format!("{mark}{name}{blanks}"), room);
        let left = room.width.saturating_sub(column + 5);
        if !one.said().is_empty() && left > 8 {
            text.push_str("  ");
            paint(text, "2", &cut(one.said(), left), room);
        }
    }
}

/// Writes `what`, in that style where colours are wanted.
fn paint(text: &mut String, style: &str, what: &str, room: Room) {
    // A text takes all that is written to it.
    let _ = if room.color && !style.is_empty() {
        write!(text, "\x1b[{style}m{what}\x1b[0m")
    } else {
        write!(text, "{what}")
    };
}
