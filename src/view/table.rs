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
    fn a_short_row_leaves_its_cells_empty() {
        insta::assert_snapshot!(draw(&["a", "b"], &[vec!["1".to_owned()]]), @r"
        A  B
        1
        ");
    }
}
