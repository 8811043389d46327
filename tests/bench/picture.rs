//! Draws the picture of a session: `cargo bench --bench picture --profile dev`.
//!
//! A lab is built, looked at, pinged, mistyped, and undone in a real pseudo-terminal; what stands on its screen at the end
//! becomes `tests/picture/session.svg`.

#![allow(
    clippy::unwrap_used,
    reason = "a picture that can't be drawn is a failed run"
)]

#[allow(dead_code, reason = "the picture uses a part of what the tests use")]
#[path = "../repl/terminal.rs"]
mod terminal;

use std::fmt::Write;
use std::path::Path;

use tempfile::TempDir;
use terminal::Terminal;

const ENTRIES: [&str; 6] = [
    "let a = netns(\"a\"); let b = netns(\"b\");",
    "a.veth(\"to-b\", b, \"to-a\", #{addr: \"10.0.0.1/24\", up: true})",
    "b.link(\"to-a\").addr(\"10.0.0.2/24\").up()",
    "a.ping(\"10.0.0.2\", 2)",
    "tree()",
    "a.pign(b)",
];
/// The size of a character on the picture.
const CELL: (usize, usize) = (8, 18);
const COLORS: [&str; 8] = [
    "#45475a", "#f38ba8", "#a6e3a1", "#f9e2af", "#89b4fa", "#f5c2e7", "#94e2d5", "#cdd6f4",
];

fn main() {
    let mut terminal = Terminal::start(&TempDir::new().unwrap());
    terminal.resize_to(46, 100);
    for entry in ENTRIES {
        terminal.enter(entry);
    }
    terminal.enter(":undo");
    // The next call, as it is being typed.
    terminal.type_keys("b.link(\"to-a\").addr(\"\t");
    terminal.wait_for("free on this segment");
    let svg = terminal.with_screen(draw);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/picture/session.svg");
    std::fs::write(file, svg).unwrap();
}

fn draw(screen: &vt100::Screen) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let used = screen.contents().trim_end().lines().count();
    let (width, height) = (usize::from(columns) * CELL.0 + 32, used * CELL.1 + 32);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1e1e2e\"/>\n\
         <g font-family=\"ui-monospace, Menlo, Consolas, monospace\" font-size=\"13\" xml:space=\"preserve\">\n"
    );
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            let Some(first) = screen.cell(row, column) else {
                break;
            };
            let (style, start) = (style(first), column);
            let mut text = String::new();
            while let Some(cell) = screen
                .cell(row, column)
                .filter(|cell| self::style(cell) == style)
            {
                text.push_str(if cell.has_contents() {
                    cell.contents()
                } else {
                    " "
                });
                column += 1;
            }
            if !text.trim().is_empty() {
                let x = 16 + usize::from(start) * CELL.0;
                let y = 30 + usize::from(row) * CELL.1;
                let length = usize::from(column - start) * CELL.0;
                let text = text
                    .replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace('>', "&gt;");
                writeln!(
                    svg,
                    "<text x=\"{x}\" y=\"{y}\" textLength=\"{length}\" {style}>{text}</text>"
                )
                .unwrap();
            }
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn style(cell: &vt100::Cell) -> String {
    let color = match cell.fgcolor() {
        vt100::Color::Idx(index) => COLORS[usize::from(index % 8)],
        _ => COLORS[7],
    };
    let bold = if cell.bold() {
        " font-weight=\"bold\""
    } else {
        ""
    };
    let dim = if cell.dim() { " opacity=\"0.5\"" } else { "" };
    format!("fill=\"{color}\"{bold}{dim}")
}
