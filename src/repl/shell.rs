//! Lines of a shell at the prompt: those of `ip` and its like become a script, and `!` runs a program as it is.

use std::borrow::Cow;

use super::lex::{Kind, Piece, pieces};
use crate::engine::Failure;
use crate::import::{Imported, import};
use crate::value::escape::inside_of_literal;
use crate::view::error::Report;

/// The programs whose lines are understood.
const PROGRAMS: [&str; 6] = ["ip", "tc", "bridge", "sysctl", "ping", "nft"];

/// Whether an entry is a line of one of the programs, and no code.
pub(super) fn is_of_program(entry: &str) -> bool {
    let entry = entry.trim();
    let Some((program, rest)) = entry.split_once(' ') else {
        return false;
    };
    let rest = rest.trim_start();
    // `ip in list` and `ping == 3` are code.
    PROGRAMS.contains(&program)
        && !entry.contains('\n')
        && !rest.starts_with("in ")
        && rest.starts_with(|c: char| c.is_alphanumeric() || "-$\"'".contains(c))
}

/// The program that an entry asks to be run as it is: what stands behind its `!`.
pub(super) fn program(entry: &str) -> Option<&str> {
    let rest = entry.trim().strip_prefix('!')?;
    // `!ready` alone is code, and so is what goes on in another line or with an operator.
    let is_code = rest.starts_with(['(', '!', '=']) || rest.contains('\n');
    (!is_code && !rest.trim().is_empty()).then(|| rest.trim())
}

/// The script that a line of a program is.
pub(super) fn script(line: &str) -> Result<String, Failure> {
    let line = line.trim();
    let words: Vec<&str> = line.split_whitespace().collect();
    if let Some(shown) = what_only_shows(&words) {
        return Ok(shown);
    }
    // Without a word behind it `tc` shows, too.
    let with_verb;
    let line = match words[..] {
        ["tc", "qdisc" | "class" | "filter"] => {
            with_verb = format!("{line} show");
            &with_verb
        }
        _ => line,
    };
    let why = match import(line, None) {
        Ok(Imported { script, left, .. }) if left.is_empty() => return Ok(plain(script.trim())),
        Ok(imported) => imported.left.into_iter().next().map(|left| left.why),
        Err(_) => None,
    };
    let report = Report::new(match why {
        Some(why) => format!("`{line}` can't be said in words: {why}"),
        None => format!("`{line}` can't be said in words"),
    });
    Err(Failure::script(
        report.hint(format!("`!{line}` runs it as it is")),
    ))
}

/// What only shows and is no part of a set-up, so that the importer passes over it.
fn what_only_shows(words: &[&str]) -> Option<String> {
    match words {
        ["nft", "list", "ruleset"] => Some("here().ruleset".to_owned()),
        ["sysctl", "-n", key] | ["sysctl", key] if !key.starts_with('-') && !key.contains('=') => {
            let key = key.replace('/', ".");
            let key = key.strip_prefix("net.")?;
            Some(format!("sysctl(\"{}\")", inside_of_literal(key)))
        }
        _ => None,
    }
}

/// What only prints is a value, as other entries are, and a failure is one of the entry.
fn plain(script: &str) -> String {
    let lines: Vec<&str> = script.lines().map(plain_line).collect();
    lines.join("\n")
}

fn plain_line(line: &str) -> &str {
    let tried = within(line, "try { ", " } catch {}");
    let shown = within(tried, "print(", ");");
    match shown.strip_suffix(".stdout") {
        // What a program says is shown as it runs.
        Some(run) if run.ends_with("])") => run,
        _ => shown,
    }
}

/// What stands between the two, where they are the begin and the end of a line.
fn within<'a>(line: &'a str, begin: &str, end: &str) -> &'a str {
    let inner = line.strip_prefix(begin);
    inner
        .and_then(|inner| inner.strip_suffix(end))
        .unwrap_or(line)
}

/// What stands for the last value in code.
pub(super) const LAST: &str = "_it";

/// The entry with `_` replaced by what stands for the last value.
pub(super) fn with_last(entry: &str) -> Cow<'_, str> {
    let all = pieces(entry);
    let solid: Vec<&Piece> = all.iter().filter(|one| one.kind != Kind::Blank).collect();
    let is_meant = |index: usize, piece: &Piece| {
        // It is also the rest of a `switch`.
        let is_case = solid.get(index + 1).is_some_and(|next| next.is("="))
            && solid.get(index + 2).is_some_and(|next| next.is(">"));
        let before = index.checked_sub(1).and_then(|before| solid.get(before));
        let is_named =
            before.is_some_and(|before| ["let", "const", "for", "."].contains(&before.text));
        piece.kind == Kind::Name && piece.is("_") && !is_case && !is_named
    };
    let starts: Vec<usize> = solid
        .iter()
        .enumerate()
        .filter(|(index, piece)| is_meant(*index, piece))
        .map(|(_, piece)| piece.start)
        .collect();
    if starts.is_empty() {
        return Cow::Borrowed(entry);
    }
    let mut text = String::with_capacity(entry.len() + 2 * starts.len());
    let mut from = 0;
    for start in starts {
        text.push_str(&entry[from..start]);
        text.push_str(LAST);
        from = start + 1;
    }
    text.push_str(&entry[from..]);
    Cow::Owned(text)
}

/// The failure of an entry as the user would read it: with what was typed in place of what stands for the last value.
pub(super) fn as_typed(mut failure: Failure, typed: &str, code: &str) -> Failure {
    if typed == code {
        return failure;
    }
    let report = &mut failure.report;
    let texts = [&mut report.message]
        .into_iter()
        .chain(&mut report.notes)
        .chain(&mut report.hint);
    for text in texts {
        *text = text.replace(&format!("`{LAST}`"), "`_`");
    }
    let Some(place) = &mut report.place else {
        return failure;
    };
    let line = |text: &str| text.lines().nth(place.line - 1).map(str::to_owned);
    let (Some(typed), Some(code)) = (line(typed), line(code)) else {
        return failure;
    };
    if code != place.source {
        return failure;
    }
    let before: String = code.chars().take(place.column - 1).collect();
    let (mut left, mut rest) = (before.as_str(), typed.as_str());
    let mut column = 1;
    while let Some(sign) = left.chars().next() {
        let is_last = left.starts_with(LAST) && !rest.starts_with(LAST);
        left = &left[if is_last { LAST.len() } else { sign.len_utf8() }..];
        let mut signs = rest.chars();
        signs.next();
        rest = signs.as_str();
        column += 1;
    }
    (place.column, place.source) = (column, typed);
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::error::Place;

    #[test]
    fn lines_of_programs_are_told_from_code() {
        for line in [
            "ip a",
            "ip -n foo link",
            "tc qdisc show",
            "ping -c 1 ::1",
            " ip netns",
        ] {
            assert!(is_of_program(line), "{line}");
        }
        for line in [
            "ip",
            "ping(\"::1\")",
            "ip = 3",
            "ip in list",
            "ip.len()",
            "tc\nx",
        ] {
            assert!(!is_of_program(line), "{line}");
        }
        assert_eq!(program("!ls -l"), Some("ls -l"));
        assert_eq!(program("!(1 == 2)"), None);
        assert_eq!(program("!"), None);
    }

    #[test]
    fn lines_become_what_is_typed_here() {
        let of = |line: &str| script(line).map_err(|failure| failure.report.message);
        assert_eq!(of("ip a"), Ok("addrs()".to_owned()));
        assert_eq!(
            of("ip netns add foo"),
            Ok("let foo = netns(\"foo\");".to_owned())
        );
        assert_eq!(
            of("sysctl net.ipv4.ip_forward"),
            Ok("sysctl(\"ipv4.ip_forward\")".to_owned())
        );
        assert_eq!(of("nft list ruleset"), Ok("here().ruleset".to_owned()));
        assert_eq!(
            of("tc qdisc"),
            Ok("exec([\"tc\", \"qdisc\", \"show\"])".to_owned())
        );
        assert_eq!(
            of("ip link add foo type dummyy"),
            Ok("exec([\"ip\", \"link\", \"add\", \"foo\", \"type\", \"dummyy\"]);".to_owned())
        );
        assert_eq!(
            of("ip lnk add v0"),
            Err("`ip lnk add v0` can't be said in words: `ip lnk` is not known here".to_owned())
        );
    }

    #[test]
    fn the_last_value_is_told_from_other_uses_of_its_sign() {
        assert_eq!(with_last("_.mtu + f(_, _)"), "_it.mtu + f(_it, _it)");
        for text in ["switch x { _ => 1 }", "let _ = 1", "\"_\"", "a_b"] {
            assert_eq!(with_last(text), text);
        }
    }

    #[test]
    fn a_failure_shows_what_was_typed() {
        let typed = "let a = 1;\n1; _ + _.x";
        let code = with_last(typed);
        for (column, wanted) in [(4, 4), (8, 6), (10, 8), (14, 10)] {
            let mut report = Report::new("there is no variable `_it`");
            report.place = Some(Place {
                file: "<1>".to_owned(),
                line: 2,
                column,
                source: "1; _it + _it.x".to_owned(),
            });
            let told = as_typed(Failure::script(report), typed, &code).report;
            let place = told.place.unwrap();
            assert_eq!(
                (place.column, place.source.as_str()),
                (wanted, "1; _ + _.x")
            );
            assert_eq!(told.message, "there is no variable `_`");
        }
    }
}
