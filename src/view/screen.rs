//! The one way to standard output and standard error: what others wrote is shown escaped.

use std::io::{self, IsTerminal, Write, stderr, stdout};

use crate::value::escape;
use crate::view::paint::ready;
use crate::view::plain::words;

/// Where a line is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Prints a line of ours. Its colours are those of our own paint.
pub fn say(to: Stream, text: &str) -> io::Result<()> {
    write(to, &words(&ready(text)), "\n")
}

/// Prints a text of ours as it stands, with no line end behind it.
pub fn say_text(to: Stream, text: &str) -> io::Result<()> {
    write(to, &words(&ready(text)), "")
}

/// Prints a document of JSON, on a line.
pub fn say_json(to: Stream, text: &str) -> io::Result<()> {
    write(to, &escape::json(text), "\n")
}

/// Prints what a script prints on purpose: into a file or a pipe as it is, on a terminal escaped.
pub fn say_of_script(to: Stream, text: &str) -> io::Result<()> {
    let is_terminal = match to {
        Stream::Out => stdout().is_terminal(),
        Stream::Err => stderr().is_terminal(),
    };
    if is_terminal {
        say(to, text)
    } else {
        write(to, text, "\n")
    }
}

/// Clears the terminal.
pub fn clear() -> io::Result<()> {
    write(Stream::Out, "\u{1b}[H\u{1b}[2J", "\n")
}

/// Switches to a page of its own and hides the cursor, or back.
pub fn switch(is_own: bool) -> io::Result<()> {
    let text = if is_own {
        "\u{1b}[?1049h\u{1b}[?25l"
    } else {
        "\u{1b}[?25h\u{1b}[?1049l"
    };
    write(Stream::Out, text, "")
}

/// Draws lines over those that were drawn before.
pub fn redraw(lines: &[String]) -> io::Result<()> {
    let lines: Vec<String> = lines.iter().map(|line| ready(line)).collect();
    let text = lines.join("\u{1b}[K\r\n");
    write(Stream::Out, &format!("\u{1b}[H{text}\u{1b}[K\u{1b}[J"), "")
}

fn write(to: Stream, text: &str, end: &str) -> io::Result<()> {
    let mut to: Box<dyn Write> = match to {
        Stream::Out => Box::new(stdout().lock()),
        Stream::Err => Box::new(stderr().lock()),
    };
    to.write_all(format!("{text}{end}").as_bytes())?;
    to.flush()
}
