//! Rows of text under aligned headings.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Draws `rows` under `headings` in capitals, two blanks between columns, nothing at the end of a line.
pub fn draw<S: AsRef<str>>(headings: &[S], rows: &[Vec<String>]) -> String {
    let headings: Vec<String> = headings
        .iter()
        .map(|heading| heading.as_ref().to_uppercase())
        .collect();
    draw_under(&headings, rows)
}

/// The same under headings that are names, and stay as they are.
pub fn draw_under(headings: &[String], rows: &[Vec<String>]) -> String {
    let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
    let widths: Vec<usize> = (0..headings.len())
        .map(|column| {
            rows.iter()
                .map(|row| cell(row, column).width())
                .chain([headings[column].width()])
                .max()
                .unwrap_or_default()
        })
        .collect();
    let line = |row: &[String]| {
        let mut line = String::new();
        for (column, width) in widths.iter().enumerate() {
            let text = cell(row, column);
            line.push_str(&text);
            let blanks = (width + 2).saturating_sub(text.width());
            line.extend(std::iter::repeat_n(' ', blanks));
        }
        line.trim_end().to_owned()
    };
    std::iter::once(line(headings))
        .chain(rows.iter().map(|row| line(row)))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The longest word that a cell is not broken within, to make a table as wide as is wanted.
const WORD: usize = 24;
/// How narrow a column may become for that: what is narrower reads worse than a block.
const COLUMN: usize = 16;

/// Draws `rows` under `headings` in no more than `width` columns: cells go on in the next line where they have to, and where
/// there is no room for that either, each row is a block of lines, one for each cell that is not empty.
pub fn draw_in<S: AsRef<str>>(headings: &[S], rows: &[Vec<String>], width: usize) -> String {
    let headings: Vec<String> = headings
        .iter()
        .map(|heading| heading.as_ref().to_uppercase())
        .collect();
    let all = || std::iter::once(&headings).chain(rows);
    let of_column = |measure: &dyn Fn(&str) -> usize, column: usize| {
        let cells = all().filter_map(|row| row.get(column));
        cells.map(|cell| measure(cell)).max().unwrap_or_default()
    };
    let columns = 0..headings.len();
    let mut widths: Vec<usize> = columns
        .clone()
        .map(|column| of_column(&|cell| cell.width(), column))
        .collect();
    let longest = |cell: &str| cell.split(' ').map(UnicodeWidthStr::width).max();
    let least: Vec<usize> = columns
        .map(|column| of_column(&|cell| longest(cell).unwrap_or(0).min(WORD), column))
        .zip(&widths)
        .map(|(longest, width)| longest.max(COLUMN).min(*width))
        .collect();
    let gaps = 2 * headings.len().saturating_sub(1);
    while gaps + widths.iter().sum::<usize>() > width {
        let shrinking = (0..widths.len()).filter(|column| widths[*column] > least[*column]);
        match shrinking.max_by_key(|column| widths[*column]) {
            Some(column) => widths[column] -= 1,
            None => return blocks(&headings, rows, width),
        }
    }
    let mut lines = Vec::new();
    for row in all() {
        let cells = row.iter().zip(&widths);
        let cells: Vec<Vec<String>> = cells.map(|(cell, width)| wrapped(cell, *width)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or_default();
        for at in 0..height {
            let mut line = String::new();
            for (cell, width) in cells.iter().zip(&widths) {
                let text = cell.get(at).map_or("", String::as_str);
                line.push_str(text);
                let blanks = (width + 2).saturating_sub(text.width());
                line.extend(std::iter::repeat_n(' ', blanks));
            }
            lines.push(line.trim_end().to_owned());
        }
    }
    lines.join("\n")
}

/// Each row as a block of lines: a heading, and what is under it.
fn blocks(headings: &[String], rows: &[Vec<String>], width: usize) -> String {
    let indent = headings.iter().map(|heading| heading.width()).max();
    let indent = indent.unwrap_or_default() + 2;
    let block = |row: &Vec<String>| {
        let cells = headings.iter().zip(row);
        let lines = cells
            .filter(|(_, cell)| !cell.is_empty())
            .flat_map(|(heading, cell)| {
                let parts = wrapped(cell, width.saturating_sub(indent).max(WORD / 3));
                let mut heading = heading.as_str();
                parts
                    .into_iter()
                    .map(|part| format!("{:indent$}{part}", std::mem::take(&mut heading)))
                    .collect::<Vec<_>>()
            });
        lines.collect::<Vec<_>>().join("\n")
    };
    rows.iter().map(block).collect::<Vec<_>>().join("\n\n")
}

/// The text in lines of at most `width` columns, which end between words where they can.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.width();
        let is_first = used == 0;
        if !is_first && used + 1 + length <= width {
            used += 1 + length;
            if let Some(line) = lines.last_mut() {
                line.push(' ');
                line.push_str(word);
            }
            continue;
        }
        if !is_first {
            lines.push(String::new());
            used = 0;
        }
        for letter in word.chars() {
            let wide = letter.width().unwrap_or(0);
            if used + wide > width {
                lines.push(String::new());
                used = 0;
            }
            used += wide;
            if let Some(line) = lines.last_mut() {
                line.push(letter);
            }
        }
    }
    lines
}

/// Cuts the lines of `text` to `width` columns; an ellipsis marks each cut.
pub fn cut(text: &str, width: usize) -> String {
    let lines = text.lines().map(|line| {
        if line.width() <= width {
            return line.to_owned();
        }
        let mut left = width.saturating_sub(1);
        let mut cut: String = line
            .chars()
            .take_while(|c| {
                let wide = c.width().unwrap_or(0);
                let fits = wide <= left;
                left = left.saturating_sub(wide);
                fits
            })
            .collect();
        cut.push('…');
        cut
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_also_under_wide_characters() {
        let rows = [
            vec!["网络".to_owned(), "up".to_owned()],
            vec!["eth0".to_owned(), "down".to_owned()],
        ];
        insta::assert_snapshot!(draw(&["name", "state"], &rows), @r"
        NAME  STATE
        网络  up
        eth0  down
        ");
    }

    #[test]
    fn what_is_too_wide_is_cut() {
        assert_eq!(cut("abcdef\nab\n网网网", 5), "abcd…\nab\n网网…");
    }

    #[test]
    fn a_table_that_is_too_wide_goes_on_in_the_next_line() {
        let row =
            |name: &str, addrs: &str| vec![name.to_owned(), addrs.to_owned(), "up".to_owned()];
        let rows = [
            row("v0", "10.0.0.1/24 fd00::1/64 10.0.1.1/24"),
            row("lo", ""),
        ];
        insta::assert_snapshot!(draw_in(&["name", "addrs", "state"], &rows, 37), @r"
        NAME  ADDRS                     STATE
        v0    10.0.0.1/24 fd00::1/64    up
              10.0.1.1/24
        lo                              up
        ");
        let whole = draw_in(&["name", "addrs", "state"], &rows, 80);
        assert_eq!(whole, draw(&["name", "addrs", "state"], &rows));
        insta::assert_snapshot!(draw_in(&["name", "addrs", "state"], &rows, 22), @r"
        NAME   v0
        ADDRS  10.0.0.1/24
               fd00::1/64
               10.0.1.1/24
        STATE  up

        NAME   lo
        STATE  up
        ");
    }

    #[test]
    fn a_word_that_is_too_long_is_broken() {
        assert_eq!(wrapped("ab cdefgh i", 4), ["ab", "cdef", "gh i"]);
        assert_eq!(wrapped("网网网", 5), ["网网", "网"]);
        assert_eq!(wrapped("", 5), [""]);
    }

    #[test]
    fn a_short_row_leaves_its_cells_empty() {
        insta::assert_snapshot!(draw(&["a", "b"], &[vec!["1".to_owned()]]), @r"
        A  B
        1
        ");
    }
}
