//! What is taller than the screen is read in a pager: `$IPVSH_PAGER`, `$PAGER` or `less`.

use std::env;
use std::io::{Write, stdout};
use std::process::{Command, Stdio};

use unicode_width::UnicodeWidthStr;

use crate::net::process::terminal;
use crate::view::paint::ready;
use crate::view::plain;

/// What `less` does where the user has not said: it ends by itself where the text fits, shows colours, and leaves the text on
/// the screen.
const LESS: &str = "FRX";

/// Shows `text` in the pager and returns when the user has left it. `false` where there is no need of one, or none to be had.
pub(super) fn show(text: &str) -> bool {
    if !plain::is_live(&stdout()) {
        return false;
    }
    let Some((width, height)) = terminal_size::terminal_size_of(stdout()) else {
        return false;
    };
    let text = ready(text);
    // The prompt takes a line, too.
    if lines_of(&text, width.0.into()) < usize::from(height.0) {
        return false;
    }
    let Some(words) = command().filter(|words| !words.is_empty()) else {
        return false;
    };
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::piped());
    if env::var_os("LESS").is_none() {
        command.env("LESS", LESS);
    }
    let Ok(mut child) = command.spawn() else {
        return false;
    };
    if let Some(mut input) = child.stdin.take() {
        // Who leaves before the end has seen enough.
        let _ = input
            .write_all(text.as_bytes())
            .and_then(|()| input.write_all(b"\n"));
    }
    // How it ended says nothing of what was seen.
    let _ = child.wait();
    terminal::take_back();
    true
}

/// The pager and its arguments; none where it is switched off by an empty `$IPVSH_PAGER`.
fn command() -> Option<Vec<String>> {
    let own = env::var("IPVSH_PAGER").ok();
    let common = || env::var("PAGER").ok().filter(|pager| !pager.is_empty());
    let line = own.or_else(common).unwrap_or_else(|| "less".to_owned());
    shlex::split(&line)
}

/// How many lines of a screen of that width it takes.
fn lines_of(text: &str, width: usize) -> usize {
    let of_line = |line: &str| line.width().div_ceil(width.max(1)).max(1);
    text.lines().map(of_line).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_takes_several_of_the_screen() {
        assert_eq!(lines_of("", 80), 0);
        assert_eq!(lines_of("a\n\nb", 80), 3);
        assert_eq!(lines_of(&"x".repeat(81), 80), 2);
        assert_eq!(lines_of(&"x".repeat(160), 80), 2);
    }
}
