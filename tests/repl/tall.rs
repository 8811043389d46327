//! An entry that is taller than the terminal: the cursor is always to be seen, on the line that it is in.

use tempfile::TempDir;

use crate::Test;
use crate::terminal::Terminal;

pub(crate) const TESTS: &[Test] = &[
    (
        "an_entry_taller_than_the_screen_is_typed_and_walked_through",
        an_entry_taller_than_the_screen_is_typed_and_walked_through,
    ),
    (
        "an_entry_taller_than_the_screen_is_pasted_and_changed_at_its_top",
        an_entry_taller_than_the_screen_is_pasted_and_changed_at_its_top,
    ),
    (
        "a_menu_has_room_wherever_the_cursor_is",
        a_menu_has_room_wherever_the_cursor_is,
    ),
    (
        "a_tall_entry_of_the_history_is_found_and_left",
        a_tall_entry_of_the_history_is_found_and_left,
    ),
];

const SIZES: [(u16, u16); 2] = [(10, 40), (24, 80)];

const UP: &str = "\x1b[A";
const DOWN: &str = "\x1b[B";

/// Forty lines, of which some are wider than a narrow terminal.
fn entry() -> Vec<String> {
    let mut lines = vec!["fn sum() {".to_owned(), "    let total = 0;".to_owned()];
    lines.extend((1..=36).map(|number| {
        let about = if number % 5 == 0 {
            " // and a comment that is wider than 40"
        } else {
            ""
        };
        format!("    total += {number};{about}")
    }));
    lines.extend(["    total".to_owned(), "}".to_owned()]);
    assert_eq!(lines.len(), 40);
    lines
}

/// The rows of a line on a terminal, behind the prompt where it is the first.
fn rows_of(line: &str, is_first: bool, columns: u16) -> Vec<String> {
    let line = if is_first {
        format!("sandbox> {line}")
    } else {
        line.to_owned()
    };
    if line.is_empty() {
        return vec![line];
    }
    let signs: Vec<char> = line.chars().collect();
    let rows = signs.chunks(columns.into());
    rows.map(|row| row.iter().collect::<String>().trim_end().to_owned())
        .collect()
}

/// Waits until the cursor is in the line at `place` of `lines`, and what is on the screen is what stands around that.
#[track_caller]
fn wait_in_line(terminal: &Terminal, lines: &[String], place: usize) {
    terminal.wait_until(&format!("line {place} around the cursor"), |screen| {
        let (height, columns) = screen.size();
        let (height, columns) = (height.get(), columns.get());
        let (row, _) = screen.cursor_position();
        let on_screen: Vec<String> = screen.rows(0, columns).collect();
        let mut all: Vec<(usize, String)> = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            let rows = rows_of(line, number == 0, columns).into_iter();
            all.extend(rows.map(|row| (number, row)));
        }
        // Where the screen begins within the entry.
        (0..all.len()).any(|top| {
            let part = &all[top..all.len().min(top + usize::from(height))];
            let is_same = part
                .iter()
                .zip(&on_screen)
                .all(|((_, row), shown)| row == shown.trim_end());
            let under = part.get(usize::from(row));
            part.len() == usize::from(height)
                && is_same
                && under.is_some_and(|(number, _)| *number == place)
        })
    });
}

#[track_caller]
fn walk(terminal: &mut Terminal, lines: &[String], places: impl Iterator<Item = usize>, key: &str) {
    for place in places {
        terminal.type_keys(key);
        wait_in_line(terminal, lines, place);
    }
}

fn an_entry_taller_than_the_screen_is_typed_and_walked_through() {
    for (rows, columns) in SIZES {
        let mut terminal = Terminal::start(&TempDir::new().unwrap());
        terminal.resize_to(rows, columns);
        let mut lines = entry();
        let last = lines.pop().unwrap();
        for line in &lines {
            terminal.type_keys(&format!("{}\r", line.trim()));
        }
        lines.push("    ".to_owned());
        wait_in_line(&terminal, &lines, 39);
        walk(&mut terminal, &lines, (0..39).rev(), UP);
        walk(&mut terminal, &lines, 1..40, DOWN);
        terminal.type_keys(&format!("{last}\r"));
        terminal.wait_for_prompt();
        // All of it stands above the next prompt.
        assert!(terminal.wrote("sandbox\x1b[0m> \x1b[35mfn\x1b[0m "));
        terminal.wait_for("\n    total\n}\nsandbox>");
        assert!(terminal.enter("sum()").contains("\n666\n"));
    }
}

fn an_entry_taller_than_the_screen_is_pasted_and_changed_at_its_top() {
    for (rows, columns) in SIZES {
        let mut terminal = Terminal::start(&TempDir::new().unwrap());
        terminal.resize_to(rows, columns);
        let mut lines = entry();
        terminal.type_keys(&format!("\x1b[200~{}\x1b[201~", lines.join("\n")));
        wait_in_line(&terminal, &lines, 39);
        walk(&mut terminal, &lines, (1..39).rev(), UP);
        // At the end of the line, a number with two more digits.
        terminal.type_keys("\x05\x7f00;");
        "    let total = 000;".clone_into(&mut lines[1]);
        wait_in_line(&terminal, &lines, 1);
        terminal.type_keys("\x7f\x7f\x7f\x7f334;\x1b\r");
        "    let total = 334;".clone_into(&mut lines[1]);
        lines.insert(2, String::new());
        wait_in_line(&terminal, &lines, 2);
        terminal.type_keys("total += 9000;\r");
        terminal.wait_for_prompt();
        terminal.wait_for("\n    total\n}\nsandbox>");
        assert!(terminal.enter("sum()").contains("\n10000\n"));
        // Ctrl-C leaves it below what is to be seen of it.
        terminal.type_keys(&format!("\x1b[200~{}\x1b[201~", entry().join("\n")));
        wait_in_line(&terminal, &entry(), 39);
        walk(&mut terminal, &entry(), (10..39).rev(), UP);
        terminal.type_keys("\x03");
        terminal.wait_for_prompt();
        assert!(terminal.enter("6 * 7").contains("\n42\n"));
    }
}

fn a_menu_has_room_wherever_the_cursor_is() {
    for (rows, columns) in SIZES {
        let mut terminal = Terminal::start(&TempDir::new().unwrap());
        terminal.resize_to(rows, columns);
        let lines = entry();
        terminal.type_keys(&format!("\x1b[200~{}\x1b[201~", lines.join("\n")));
        wait_in_line(&terminal, &lines, 39);
        for place in [39, 20, 1] {
            let from = lines.len() - 1 - place;
            terminal.type_keys(&UP.repeat(from));
            wait_in_line(&terminal, &lines, place);
            terminal.type_keys("\x05 wait_\t");
            terminal.wait_until("the menu below the cursor", |screen| {
                let (row, _) = screen.cursor_position();
                let below = screen.rows(0, columns).nth(usize::from(row) + 1);
                below.is_some_and(|row| row.starts_with("  wait_"))
            });
            terminal.type_keys("\x03");
            terminal.type_keys("\x17\x7f");
            wait_in_line(&terminal, &lines, place);
            terminal.type_keys(&DOWN.repeat(from));
            wait_in_line(&terminal, &lines, 39);
        }
    }
}

fn a_tall_entry_of_the_history_is_found_and_left() {
    for (rows, columns) in SIZES {
        let mut terminal = Terminal::start(&TempDir::new().unwrap());
        terminal.resize_to(rows, columns);
        let lines = entry();
        terminal.type_keys(&format!("\x1b[200~{}\x1b[201~\r", lines.join("\n")));
        terminal.wait_for_prompt();
        terminal.enter("1 + 1");
        terminal.type_keys(UP);
        terminal.wait_for("sandbox> 1 + 1\n2\nsandbox> 1 + 1");
        terminal.type_keys(UP);
        wait_in_line(&terminal, &lines, 39);
        walk(&mut terminal, &lines, (0..39).rev(), UP);
        walk(&mut terminal, &lines, 1..40, DOWN);
        terminal.type_keys(DOWN);
        terminal.wait_until("the later one alone", |screen| {
            screen.contents().trim_end() == "sandbox> 1 + 1"
        });
        terminal.type_keys("\x15\x12total += 12");
        terminal.wait_until("what was searched for, in the top row", |screen| {
            let rows: Vec<String> = screen.rows(0, columns).collect();
            let (row, _) = screen.cursor_position();
            rows[usize::from(row)].contains("total += 12;")
        });
        terminal.type_keys("\x07");
        terminal.wait_until("an empty line", |screen| {
            screen.contents().trim_end() == "sandbox>"
        });
    }
}
