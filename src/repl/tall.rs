//! An entry that is taller than the terminal: only as much of it is drawn as has room, around the cursor.
//!
//! rustyline writes the whole entry, and then moves the cursor up by as many rows as lie below its place; of those, some may
//! have left the terminal at its top, and the rest is drawn over. What it writes goes through the highlighter, though: here
//! just a terminal full of rows is written. Where all rows below the cursor have room it moves to the right one among them. Where
//! they have none it moves up by more than there are, and a terminal stops a cursor at the top: so that is where its row is.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// How far apart the places are that a tab goes to, as rustyline has it.
const TAB: usize = 8;

/// How large the terminal is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl Size {
    pub(super) fn now() -> Self {
        let (columns, rows) = terminal_size::terminal_size().map_or((80, 24), |(columns, rows)| {
            (usize::from(columns.0), usize::from(rows.0))
        });
        Self {
            columns: columns.max(1),
            rows: rows.max(1),
        }
    }
}

/// A prompt, an entry, and what stands behind it, as the rows that rustyline counts.
pub(super) struct Rows {
    columns: usize,
    /// Each with the colours that it begins in.
    written: Vec<String>,
    /// How far the last one goes.
    column: usize,
    /// The colours that are switched on.
    style: String,
    /// The row that the cursor belongs to.
    cursor: usize,
    /// How many rows the entry has, with its prompt.
    entry: usize,
    /// Whether the last sign ended a line.
    is_ended: bool,
}

impl Rows {
    /// Lays out what is to be shown, coloured or not, with the cursor before the byte at `pos` of the plain entry.
    pub(super) fn lay(size: Size, prompt: &str, entry: &str, pos: usize, behind: &str) -> Self {
        let mut rows = Self {
            columns: size.columns,
            written: vec![String::new()],
            column: 0,
            style: String::new(),
            cursor: 0,
            entry: 0,
            is_ended: false,
        };
        rows.write(prompt);
        rows.wrap();
        let (left, right) = entry.split_at(place_in(entry, pos));
        rows.write(left);
        rows.wrap();
        rows.cursor = rows.written.len() - 1;
        rows.write(right);
        if !right.is_empty() {
            rows.wrap();
        }
        rows.entry = rows.written.len();
        if !behind.is_empty() {
            rows.write(behind);
            rows.wrap();
        }
        rows
    }

    /// How many rows the entry has, with its prompt.
    pub(super) fn of_entry(&self) -> usize {
        self.entry
    }

    /// Whether the terminal is too small for them.
    pub(super) fn are_too_many(&self, size: Size) -> bool {
        self.written.len() > size.rows
    }

    /// All of them, as rustyline would write them.
    pub(super) fn all(&self) -> String {
        self.draw(self.written.iter().collect())
    }

    /// Those that have room.
    pub(super) fn around_cursor(&self, size: Size) -> String {
        let below = self.written.len() - self.cursor;
        if below <= size.rows {
            let first = self.written.len() - size.rows;
            return self.draw(self.written[first..].iter().collect());
        }
        // What stands behind the entry, a menu, is shown right below the cursor.
        let (entry, behind) = self.written.split_at(self.entry);
        let (above, under) = entry.split_at(self.cursor + 1);
        let shown = above.last().into_iter().chain(behind).chain(under);
        self.draw(shown.take(size.rows).collect())
    }

    fn draw(&self, mut shown: Vec<&String>) -> String {
        // Where the last row is full rustyline goes to the next one by itself.
        if self.column == 0 && self.written.len() > 1 && !self.is_ended {
            shown.pop();
        }
        let shown: Vec<&str> = shown.into_iter().map(String::as_str).collect();
        shown.join("\n")
    }

    fn write(&mut self, text: &str) {
        let mut signs = text.chars();
        while let Some(sign) = signs.next() {
            self.is_ended = sign == '\n';
            match sign {
                '\n' => self.next_row(),
                '\u{1b}' => {
                    let rest = signs.as_str();
                    let length = style(rest);
                    self.paint(&rest[..length]);
                    signs = rest[length..].chars();
                }
                sign => {
                    let width = match sign {
                        '\t' => TAB - self.column % TAB,
                        sign => sign.width().unwrap_or(0),
                    };
                    if self.column + width > self.columns {
                        self.next_row();
                    }
                    self.column += width;
                    self.last().push(sign);
                }
            }
        }
    }

    /// Goes to the next row where this one is full, as rustyline does behind each part.
    fn wrap(&mut self) {
        if self.column >= self.columns {
            self.is_ended = false;
            self.next_row();
        }
    }

    fn paint(&mut self, code: &str) {
        if code == "[0m" || code == "[m" {
            self.style.clear();
        } else if code.ends_with('m') {
            self.style.push('\u{1b}');
            self.style.push_str(code);
        }
        let row = self.last();
        row.push('\u{1b}');
        row.push_str(code);
    }

    fn next_row(&mut self) {
        if !self.style.is_empty() {
            self.last().push_str("\u{1b}[0m");
        }
        self.written.push(self.style.clone());
        self.column = 0;
    }

    /// The row that is being written.
    fn last(&mut self) -> &mut String {
        if self.written.is_empty() {
            self.written.push(String::new());
        }
        let last = self.written.len() - 1;
        &mut self.written[last]
    }
}

/// The line without what a terminal would take as a command, and the place of the cursor in that; rustyline counts no columns for it.
pub(super) fn to_be_seen(line: &str, pos: usize) -> (Cow<'_, str>, usize) {
    let is_seen = |sign: &char| !sign.is_control() || ['\n', '\t'].contains(sign);
    if line.chars().all(|sign| is_seen(&sign)) {
        return (Cow::Borrowed(line), pos);
    }
    let seen = |text: &str| -> String { text.chars().filter(is_seen).collect() };
    let before = seen(&line[..pos]).len();
    (Cow::Owned(seen(line)), before)
}

/// How long the rest of a code for colours is, at the beginning of `text`, behind Escape.
fn style(text: &str) -> usize {
    let Some(code) = text.strip_prefix('[') else {
        return 0;
    };
    let end = code.find(|sign: char| !sign.is_ascii_digit() && sign != ';');
    end.filter(|end| code[*end..].starts_with('m'))
        .map_or(0, |end| end + 2)
}

/// Where the byte at `pos` of a plain text stands in the coloured one.
fn place_in(coloured: &str, pos: usize) -> usize {
    let mut left = pos;
    let mut signs = coloured.char_indices();
    while left > 0 {
        let Some((at, sign)) = signs.next() else {
            return coloured.len();
        };
        let length = if sign == '\u{1b}' {
            style(&coloured[at + 1..])
        } else {
            0
        };
        if length == 0 {
            left = left.saturating_sub(sign.len_utf8());
        } else {
            // Of what a code is made, each sign is one byte.
            signs.nth(length - 1);
        }
    }
    coloured.len() - signs.as_str().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lay(columns: usize, entry: &str, pos: usize, behind: &str) -> Rows {
        let size = Size { columns, rows: 3 };
        Rows::lay(size, "> ", entry, pos, behind)
    }

    const THREE: Size = Size {
        columns: 10,
        rows: 3,
    };

    #[test]
    fn what_has_room_is_drawn_as_it_is() {
        let rows = lay(10, "a\nb", 3, "");
        assert!(!rows.are_too_many(THREE));
        assert_eq!(rows.all(), "> a\nb");
    }

    #[test]
    fn the_last_rows_are_shown_while_the_cursor_is_among_them() {
        let text = "a\nb\nc\nd\ne";
        for pos in [9, 7, 5] {
            assert_eq!(lay(10, text, pos, "").around_cursor(THREE), "c\nd\ne");
        }
    }

    #[test]
    fn above_those_the_cursor_is_in_the_top_row() {
        let text = "a\nb\nc\nd\ne";
        assert_eq!(lay(10, text, 3, "").around_cursor(THREE), "b\nc\nd");
        assert_eq!(lay(10, text, 0, "").around_cursor(THREE), "> a\nb\nc");
    }

    #[test]
    fn a_menu_is_shown_below_the_cursor() {
        let text = "a\nb\nc\nd\ne";
        assert_eq!(lay(10, text, 3, "\nm").around_cursor(THREE), "b\nm\nc");
        assert_eq!(lay(10, text, 9, "\nm").around_cursor(THREE), "d\ne\nm");
    }

    #[test]
    fn a_full_row_is_followed_by_an_empty_one_which_rustyline_draws() {
        let rows = lay(4, "abcdef", 6, "");
        assert_eq!((rows.written.len(), rows.cursor), (3, 2));
        assert_eq!(rows.all(), "> ab\ncdef");
        // Wide signs are not split.
        assert_eq!(lay(4, "a日b", 5, "").all(), "> a\n日b");
    }

    #[test]
    fn colours_go_on_in_the_next_row() {
        let rows = lay(10, "\u{1b}[32m`a\nb`\u{1b}[0m c", 4, "");
        assert_eq!(rows.cursor, 1);
        assert_eq!(
            rows.all(),
            "> \u{1b}[32m`a\u{1b}[0m\n\u{1b}[32mb`\u{1b}[0m c"
        );
    }

    #[test]
    fn what_a_terminal_would_take_as_a_command_is_not_drawn() {
        assert_eq!(to_be_seen("a\u{1b}[2J\nb", 3), ("a[2J\nb".into(), 2));
        assert_eq!(to_be_seen("a\tb", 2), ("a\tb".into(), 2));
    }

    #[test]
    fn a_place_is_found_behind_colours() {
        assert_eq!(place_in("\u{1b}[32mab\u{1b}[0mc", 0), 0);
        assert_eq!(place_in("\u{1b}[32mab\u{1b}[0mc", 2), 7);
        assert_eq!(place_in("\u{1b}[32mab\u{1b}[0mc", 3), 12);
        assert_eq!(place_in("ä\u{1b}", 3), 3);
    }
}
