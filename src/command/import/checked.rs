//! What the checker refuses of an imported script stays as a comment, as what is not understood does: the script can be run.

use std::collections::BTreeMap;

use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::script::Script;
use crate::engine::{Interpreter, check, stack};
use crate::import::Imported;
use crate::steps::Left;
use crate::value::escape::on_one_line;

/// How often the rest is looked at again: a variable that is a comment now is missed by what names it.
const MOST_ROUNDS: usize = 20;

/// The script without its mistakes, which are noted with the lines of `source` that they seem to come from.
pub(super) fn without_mistakes(mut imported: Imported, source: &str) -> Imported {
    for _ in 0..MOST_ROUNDS {
        let found = stack::with_room(|| mistakes(&imported.script)).unwrap_or_default();
        let mut left = Vec::new();
        let lines = imported.script.lines().enumerate().map(|(at, line)| {
            let Some(why) = found.get(&(at + 1)).filter(|_| is_whole(line)) else {
                return line.to_owned();
            };
            let statement = line.trim();
            let indent = &line[..line.len() - line.trim_start().len()];
            left.push(Left {
                line: line_of(source, statement),
                text: statement.to_owned(),
                why: why.clone(),
            });
            format!(
                "{indent}// not translated: {}    ({})",
                on_one_line(statement),
                on_one_line(why)
            )
        });
        let script: String = lines.map(|line| line + "\n").collect();
        if left.is_empty() {
            break;
        }
        imported.script = script;
        imported.left.extend(left);
    }
    imported
}

/// Why the checker refuses a script, by the line.
fn mistakes(script: &str) -> BTreeMap<usize, String> {
    let interpreter = Interpreter::new(Session::new(Settings::default()));
    let found = check::script(&interpreter, &Script::new("<import>", script), &[]);
    let found = found.into_iter().map(|mistake| mistake.report);
    found
        .filter_map(|report| Some((report.place?.line, report.message)))
        .collect()
}

/// Whether a line is a statement by itself, which may become a comment.
fn is_whole(line: &str) -> bool {
    let text = line.trim();
    let count = |brackets: [char; 2]| {
        let [open, close] = brackets.map(|bracket| text.matches(bracket).count());
        open == close
    };
    text.ends_with(';') && !text.starts_with("//") && count(['{', '}']) && count(['(', ')'])
}

/// The line of the source that has all texts of a statement; 0 where none does.
fn line_of(source: &str, statement: &str) -> usize {
    let texts: Vec<&str> = statement.split('"').skip(1).step_by(2).collect();
    let has_all = |line: &str| !texts.is_empty() && texts.iter().all(|text| line.contains(text));
    let found = source.lines().position(has_all);
    found.map_or(0, |at| at + 1)
}
