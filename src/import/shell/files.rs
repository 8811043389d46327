//! Files that a script writes, and commands about files alone.

use super::parse::{Node, What};
use super::{Reader, Status};
use crate::import::lex::Piece;
use crate::steps::{Act, Item, Step, Value};

/// Programs that read and write files, and do nothing else.
const OF_FILES: [&str; 16] = [
    "grep", "egrep", "fgrep", "echo", "printf", "cat", "tee", "mkdir", "touch", "sed", "cp", "ln",
    "chmod", "[", "test", "true",
];

/// Those that change something by themselves.
const CHANGING: [&str; 7] = ["tee", "mkdir", "touch", "sed", "cp", "ln", "chmod"];

impl Reader<'_> {
    /// Writes a text to files, by the program that does.
    pub(super) fn write(
        &mut self,
        files: &[String],
        adds: bool,
        text: String,
    ) -> Result<Status, String> {
        let mut words = vec!["tee".to_owned()];
        words.extend(adds.then(|| "-a".to_owned()));
        words.extend(files.iter().cloned());
        self.run_program(&words, Some(text))
    }

    /// Has a shell run what is about files alone.
    pub(super) fn run_as_it_is(&mut self, text: &str) {
        let words = ["sh", "-c", text].map(str::to_owned);
        // It is a program that the translation always takes.
        let _ = self.run_program(&words, None);
    }

    fn run_program(&mut self, words: &[String], input: Option<String>) -> Result<Status, String> {
        if self.printed.is_some() {
            return Err("its output goes to a file".to_owned());
        }
        let steps = (self.translate)(&["true".to_owned()])?;
        for Step { place, act } in steps {
            let Act::InNetns(mut call) = act else {
                return Err("its output goes to a file".to_owned());
            };
            call.arguments = vec![Value::List(words.iter().map(Value::text).collect())];
            call.arguments.extend(
                input
                    .clone()
                    .map(|text| Value::Map(vec![("input".to_owned(), Value::Text(text))])),
            );
            self.items.push(Item::Step(Step {
                place,
                act: Act::InNetns(call),
            }));
        }
        Ok(Status::Assumed)
    }

    /// Whether commands read and write files and do nothing else, so that a shell can do it as well.
    pub(super) fn only_files(&mut self, node: &Node) -> bool {
        let mut changes = false;
        self.is_about_files(node, &mut changes) && changes
    }

    fn is_about_files(&mut self, node: &Node, changes: &mut bool) -> bool {
        match &node.what {
            What::Blank | What::Comment(_) => true,
            What::And(left, right) | What::Or(left, right) => {
                self.is_about_files(left, changes) && self.is_about_files(right, changes)
            }
            What::Not(inner) => self.is_about_files(inner, changes),
            What::Pipe(parts) | What::Group(parts) => {
                parts.iter().all(|part| self.is_about_files(part, changes))
            }
            What::If(arms, otherwise) => {
                arms.iter().all(|(test, body)| {
                    test.iter()
                        .chain(body)
                        .all(|node| self.is_about_files(node, changes))
                }) && otherwise
                    .iter()
                    .all(|node| self.is_about_files(node, changes))
            }
            What::Simple(simple) if simple.assignments.is_empty() => {
                let targets = simple.redirections.iter();
                let mut all = targets
                    .map(|redirection| &redirection.target)
                    .chain(&simple.words)
                    .flatten();
                // Another shell knows nothing of the variables here.
                if !all.all(|piece| matches!(piece, Piece::Text { .. })) {
                    return false;
                }
                let Ok(words) = self.expand(&simple.words) else {
                    return false;
                };
                let Ok(words) = super::simple::inner(&words) else {
                    return false;
                };
                let Some(program) = words.first().map(String::as_str) else {
                    return false;
                };
                let is_null = |target: &super::parse::Word| matches!(target.as_slice(), [Piece::Text { text, .. }] if text == "/dev/null" || text.len() == 1);
                *changes |= CHANGING.contains(&program)
                    || simple.redirections.iter().any(|redirection| {
                        redirection.operator.contains('>') && !is_null(&redirection.target)
                    });
                OF_FILES.contains(&program)
                    // What shows or makes links is no file.
                    && !words.iter().any(|word| {
                        ["/proc/", "/sys/", "/run/netns", "/var/run/netns"]
                            .iter()
                            .any(|begin| word.starts_with(begin))
                    })
            }
            _ => false,
        }
    }
}
