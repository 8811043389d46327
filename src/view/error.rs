//! One error drawn: the message, where it happened, the source line with a caret, what else is known, what to type next.

use colored::Colorize;
use schemars::JsonSchema;
use serde::Serialize;
use unicode_width::UnicodeWidthChar;

use crate::error::{Error, errno_name};
use crate::value::escape::on_one_line;
use crate::view::paint::paint;
use crate::view::plain;

/// An error as it is reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What went wrong, on one line.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
    /// Further facts: the kernel's words, the calls that led there.
    pub notes: Vec<String>,
    /// What to type instead.
    pub hint: Option<String>,
    /// Further fields of a caught error, for JSON: `kind`, `errno`, `kernel`, `netns`, `object`.
    pub facts: Vec<(&'static str, String)>,
}

/// A place in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user called it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
    /// The text of the line.
    pub source: String,
}

/// What a failure says, for programs: a document of `--json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Told {
    /// What sort of failure: `not_found`, `conflict`, `usage`.
    pub kind: Option<String>,
    /// What went wrong.
    pub message: String,
    /// What to type instead.
    pub hint: Option<String>,
    /// Further facts.
    pub notes: Vec<String>,
    /// The error number, as the kernel's headers write it: `EEXIST`.
    pub errno: Option<String>,
    /// What the kernel said in words.
    pub kernel: Option<String>,
    /// The namespace in which it failed.
    pub netns: Option<String>,
    /// The object that it failed on.
    pub object: Option<String>,
    /// The script.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<usize>,
    /// The character in the line, from 1.
    pub position: Option<usize>,
}

impl Report {
    /// A report with nothing but its message.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    /// The report of a failure that has no place in a script.
    pub fn of(error: &Error) -> Self {
        let mut report = Self::new(error.message());
        report.notes.clone_from(&error.notes);
        report.hint.clone_from(&error.hint);
        let facts = [
            ("kind", Some(error.kind.name().to_owned())),
            ("errno", error.errno.map(errno_name)),
            ("kernel", error.kernel.clone()),
            ("netns", error.netns.clone()),
            ("object", error.object.clone()),
        ];
        report.facts = facts
            .into_iter()
            .filter_map(|(key, fact)| Some((key, fact?)))
            .collect();
        report
    }

    /// What it says, with the keys of a caught error and the file.
    pub fn told(&self) -> Told {
        let fact = |key: &str| {
            let mut facts = self.facts.iter();
            let fact = facts.find(|(known, _)| *known == key);
            fact.map(|(_, fact)| fact.clone())
        };
        let place = self.place.as_ref();
        Told {
            kind: fact("kind"),
            message: self.message.clone(),
            hint: self.hint.clone(),
            notes: self.notes.clone(),
            errno: fact("errno"),
            kernel: fact("kernel"),
            netns: fact("netns"),
            object: fact("object"),
            file: place.map(|place| place.file.clone()),
            line: place.map(|place| place.line),
            position: place.map(|place| place.column),
        }
    }

    /// Says what to type instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a further fact.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The error as it is shown, with no line break at its end.
    pub fn draw(&self, color: bool) -> String {
        let red = |text: &str| paint(color, text, |text| text.red().bold());
        let blue = |text: &str| paint(color, text, |text| text.blue().bold());
        let bold = |text: &str| paint(color, text, Colorize::bold);
        let cyan = |text: &str| paint(color, text, |text| text.cyan().bold());

        // A further line of a message or hint stands in, so that it passes for nothing else.
        let hung = |text: &str| text.replace('\n', "\n  ");
        let message = hung(&self.message);
        let mut lines = vec![format!("{} {}", red("error:"), bold(&message))];
        let mut margin = 1;
        if let Some(place) = self.place.as_ref().filter(|_| plain::is_on()) {
            let file = on_one_line(&place.file);
            let (line, column) = (place.line, place.column);
            lines.push(format!("at {file}, line {line}, column {column}:"));
            lines.push(format!("  {}", place.source.trim()));
        } else if let Some(place) = &self.place {
            let number = place.line.to_string();
            margin = number.len();
            let gutter = " ".repeat(margin);
            lines.push(format!(
                "{gutter}{} {}:{}:{}",
                blue("-->"),
                on_one_line(&place.file),
                place.line,
                place.column
            ));
            let (source, before, under) = place.laid_out();
            lines.push(format!("{gutter} {}", blue("|")));
            lines.push(
                format!("{} {} {source}", blue(&number), blue("|"))
                    .trim_end()
                    .to_owned(),
            );
            lines.push(format!(
                "{gutter} {} {}{}",
                blue("|"),
                " ".repeat(before),
                red(&"^".repeat(under))
            ));
        }
        let gutter = " ".repeat(margin);
        for note in &self.notes {
            let mut parts = note.lines();
            let first = parts.next().unwrap_or_default();
            lines.push(format!("{gutter} {} {first}", blue("=")));
            lines.extend(parts.map(|part| format!("{gutter}   {part}")));
        }
        if let Some(hint) = &self.hint {
            lines.push(format!("{} {}", cyan("hint:"), hung(hint)));
        }
        lines.join("\n")
    }
}

/// How wide a tab is drawn.
const TAB: usize = 4;

impl Place {
    /// The source line with its tabs spread out, the blanks before the caret, and the carets under the whole word.
    fn laid_out(&self) -> (String, usize, usize) {
        let chars: Vec<char> = self.source.chars().collect();
        let start = self.column.saturating_sub(1).min(chars.len());
        let end = start + word_length(&chars[start..]);
        let mut source = String::new();
        let (mut before, mut under, mut column) = (0, 0, 0);
        for (index, c) in chars.iter().enumerate() {
            let width = match c {
                '\t' => {
                    let width = TAB - column % TAB;
                    source.extend(std::iter::repeat_n(' ', width));
                    width
                }
                c if c.is_control() => {
                    source.push('\u{fffd}');
                    1
                }
                c => {
                    source.push(*c);
                    c.width().unwrap_or(0)
                }
            };
            column += width;
            if index < start {
                before += width;
            } else if index < end {
                under += width;
            }
        }
        (source, before, under.max(1))
    }
}

/// How many characters the word, text or operator has that the line begins with.
fn word_length(line: &[char]) -> usize {
    let run = |belongs: fn(char) -> bool| line.iter().take_while(|c| belongs(**c)).count();
    match line.first() {
        Some(c) if c.is_alphabetic() || *c == '_' => run(|c| c.is_alphanumeric() || c == '_'),
        Some(c) if c.is_numeric() => run(|c| c.is_alphanumeric() || c == '_'),
        Some(quote @ ('"' | '`' | '\'')) => text_length(line, *quote),
        Some('=' | '+' | '-' | '*' | '/' | '%' | '<' | '>' | '!' | '&' | '|' | '^' | '?') => {
            run(|c| "=+-*/%<>!&|^?".contains(c))
        }
        _ => 1,
    }
}

/// The length of the quoted text that the line begins with; to the end of the line where it isn't closed.
fn text_length(line: &[char], quote: char) -> usize {
    let mut escaped = false;
    for (index, c) in line.iter().enumerate().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            c if *c == quote => return index + 1,
            _ => {}
        }
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(source: &str, column: usize) -> Report {
        Report {
            place: Some(Place {
                file: "scripts/l3.rhai".to_owned(),
                line: 12,
                column,
                source: source.to_owned(),
            }),
            ..Report::new(
                "cannot create ipvlan `ipvlan2` in namespace `net-2`: parent `bond0` runs in mode l2",
            )
        }
    }

    #[test]
    fn an_error_shows_its_line_with_the_whole_word_underlined() {
        let report = report("    net.ipvlan(uplink, \"ipvlan2\", \"l3\")", 9)
            .note("siblings that would be switched to l3: `ipvlan1` (net-1)")
            .hint("ask for mode \"l2\", or switch them all with #{switch: true}");
        insta::assert_snapshot!(report.draw(false), @r#"
        error: cannot create ipvlan `ipvlan2` in namespace `net-2`: parent `bond0` runs in mode l2
          --> scripts/l3.rhai:12:9
           |
        12 |     net.ipvlan(uplink, "ipvlan2", "l3")
           |         ^^^^^^
           = siblings that would be switched to l3: `ipvlan1` (net-1)
        hint: ask for mode "l2", or switch them all with #{switch: true}
        "#);
    }

    #[test]
    fn tabs_and_wide_characters_before_the_caret_line_up() {
        insta::assert_snapshot!(report("\tlet 网 = \t`图` + frob();", 17).draw(false), @r"
        error: cannot create ipvlan `ipvlan2` in namespace `net-2`: parent `bond0` runs in mode l2
          --> scripts/l3.rhai:12:17
           |
        12 |     let 网 =    `图` + frob();
           |                        ^^^^
        ");
    }

    #[test]
    fn a_wide_word_has_wide_carets() {
        insta::assert_snapshot!(report("frob(\"网络\")", 6).draw(false), @r#"
        error: cannot create ipvlan `ipvlan2` in namespace `net-2`: parent `bond0` runs in mode l2
          --> scripts/l3.rhai:12:6
           |
        12 | frob("网络")
           |      ^^^^^^
        "#);
    }

    #[test]
    fn a_place_past_the_end_of_the_line_has_one_caret() {
        insta::assert_snapshot!(report("let x = ", 40).draw(false), @r"
        error: cannot create ipvlan `ipvlan2` in namespace `net-2`: parent `bond0` runs in mode l2
          --> scripts/l3.rhai:12:40
           |
        12 | let x =
           |         ^
        ");
    }

    #[test]
    fn a_note_of_several_lines_stays_in_the_margin() {
        insta::assert_snapshot!(Report::new("no").note("first\nsecond").draw(false), @r"
        error: no
          = first
            second
        ");
    }

    #[test]
    fn colour_changes_nothing_but_the_colour() {
        let report = report("net.ipvlan()", 5).note("a note").hint("a hint");
        let coloured = crate::view::paint::ready(&report.draw(true));
        assert_ne!(coloured, report.draw(false));
        let mut plain = String::new();
        let mut rest = coloured.as_str();
        while let Some((before, after)) = rest.split_once("\u{1b}[") {
            plain.push_str(before);
            rest = after.split_once('m').map_or("", |(_, after)| after);
        }
        plain.push_str(rest);
        assert_eq!(plain, report.draw(false));
    }
}
