//! What was typed and succeeded, to be saved as a script.

use rhai::AST;

use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::Interpreter;
use crate::engine::script::Script;

/// An entry that succeeded.
struct Entry {
    text: String,
    /// Whether it made or changed anything that can be taken back.
    made: bool,
    /// The functions that it declares, with the number of their parameters, where it does nothing else.
    functions: Vec<(String, usize)>,
}

/// The entries of a session.
#[derive(Default)]
pub(super) struct Transcript {
    entries: Vec<Entry>,
}

impl Transcript {
    /// Notes an entry.
    pub(super) fn add(&mut self, text: &str, ast: &AST, made: bool) {
        let declares: Vec<(String, usize)> = ast
            .iter_functions()
            .map(|function| (function.name.to_owned(), function.params.len()))
            .collect();
        // A function that was typed once more takes the place of the first: a script has each once.
        self.entries.retain(|entry| {
            entry.functions.is_empty() || !entry.functions.iter().all(|one| declares.contains(one))
        });
        let functions = if ast.statements().is_empty() {
            declares
        } else {
            Vec::new()
        };
        self.entries.push(Entry {
            text: text.trim().to_owned(),
            made,
            functions,
        });
    }

    /// Takes out the last entry that made something, and returns it.
    pub(super) fn take_last_made(&mut self) -> Option<String> {
        let index = self.entries.iter().rposition(|entry| entry.made)?;
        Some(self.entries.remove(index).text)
    }

    /// The script, and the entries that had to be left out, as what they use was taken back.
    pub(super) fn script(&self) -> (String, Vec<String>) {
        let interpreter = Interpreter::new(Session::new(Settings::default()));
        let parses = |text: &str| {
            let script = Script::new("<save>", text);
            interpreter
                .parse(&script, &Interpreter::scope_of_names())
                .is_ok()
        };
        let mut text = String::from("//! Saved from a session.\n\n");
        let mut left_out = Vec::new();
        for entry in &self.entries {
            let ended = ended(&entry.text);
            let longer = format!("{text}{ended}\n");
            if parses(&longer) {
                text = longer;
            } else {
                left_out.push(entry.text.clone());
            }
        }
        (text, left_out)
    }
}

/// The entry with a semicolon at its end, where one is needed before the next.
fn ended(text: &str) -> String {
    let last = text.lines().last().unwrap_or_default();
    if text.ends_with(';') {
        text.to_owned()
    } else if last.contains("//") {
        format!("{text}\n;")
    } else {
        format!("{text};")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript(entries: &[(&str, bool)]) -> Transcript {
        let interpreter = Interpreter::new(Session::new(Settings::default()));
        let mut transcript = Transcript::default();
        let engine = interpreter.engine();
        for (text, made) in entries {
            let ast = engine
                .compile_with_scope(&rhai::Scope::new(), text)
                .unwrap_or_default();
            transcript.add(text, &ast, *made);
        }
        transcript
    }

    #[test]
    fn entries_become_statements() {
        let (text, left_out) = transcript(&[
            ("let a = #{b: 1}", false),
            ("fn f() { 1 }", false),
            ("a.b // one", false),
            ("if a.b == 1 { f() }", true),
            ("fn f() { 2 }", false),
        ])
        .script();
        assert_eq!(left_out, Vec::<String>::new());
        assert_eq!(
            text,
            "//! Saved from a session.\n\nlet a = #{b: 1};\na.b // one\n;\nif a.b == 1 { f() };\nfn f() { 2 };\n"
        );
    }

    #[test]
    fn what_was_taken_back_is_left_out_with_what_needs_it() {
        let mut transcript = transcript(&[("let a = 1", true), ("a", false), ("2", false)]);
        assert_eq!(transcript.take_last_made().as_deref(), Some("let a = 1"));
        let (text, left_out) = transcript.script();
        assert_eq!(text, "//! Saved from a session.\n\n2;\n");
        assert_eq!(left_out, ["a"]);
    }
}
