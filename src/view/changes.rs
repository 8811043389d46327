//! What a run did, or would do, object by object: a line each, aligned.

use colored::{ColoredString, Colorize};

use crate::value::escape::on_one_line;
use crate::view::paint::paint;

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is made.
    Create,
    /// It is changed.
    Change,
    /// It is as asked.
    Keep,
    /// It is taken away.
    Delete,
    /// It is in the way of what is asked.
    Conflict,
    /// Only a real run can tell.
    Test,
}

impl Mark {
    fn sign(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Change => "~",
            Self::Keep => "=",
            Self::Delete => "-",
            Self::Conflict => "!",
            Self::Test => "?",
        }
    }

    fn style(self) -> fn(ColoredString) -> ColoredString {
        match self {
            Self::Create => Colorize::green,
            Self::Change => Colorize::yellow,
            Self::Keep => Colorize::dimmed,
            Self::Delete | Self::Conflict => Colorize::red,
            Self::Test => Colorize::cyan,
        }
    }
}

/// An object, and what happens to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// What happens.
    pub mark: Mark,
    /// What kind of thing it is.
    pub kind: &'a str,
    /// Its name among objects of its kind.
    pub name: &'a str,
    /// The namespace that it lives in.
    pub place: Option<&'a str>,
    /// Why, in a few words.
    pub remark: Option<&'a str>,
    /// Further facts about it, one per line.
    pub notes: &'a [String],
}

/// Draws the lines below each other: sign, kind, name, and where; no line end behind the last.
pub fn draw(lines: &[Line], color: bool) -> String {
    let width = lines.iter().map(|line| line.kind.len()).max().unwrap_or(0);
    let mut drawn = Vec::new();
    for line in lines {
        let place = line
            .place
            .map(|place| format!(" in {}", on_one_line(place)));
        let remark = line.remark.map(|remark| format!("   {remark}"));
        let text = format!(
            "{} {:width$} {}{}{}",
            line.mark.sign(),
            line.kind,
            on_one_line(line.name),
            place.unwrap_or_default(),
            remark.unwrap_or_default()
        );
        drawn.push(paint(color, text.trim_end(), line.mark.style()));
        drawn.extend(
            line.notes
                .iter()
                .map(|note| format!("    {}", on_one_line(note))),
        );
    }
    drawn.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_aligned_and_notes_stand_below() {
        let notes = ["there: vlan".to_owned()];
        let line = |mark, kind, name, place| Line {
            mark,
            kind,
            name,
            place,
            remark: None,
            notes: &[],
        };
        let lines = [
            line(Mark::Create, "namespace", "a", None),
            line(Mark::Keep, "veth", "x", Some("a")),
            Line {
                remark: Some("no longer in the script"),
                ..line(Mark::Delete, "veth", "y", Some("a"))
            },
            Line {
                notes: &notes,
                ..line(Mark::Conflict, "dummy", "d", Some("a"))
            },
        ];
        insta::assert_snapshot!(draw(&lines, false), @r"
        + namespace a
        = veth      x in a
        - veth      y in a   no longer in the script
        ! dummy     d in a
            there: vlan
        ");
    }
}
