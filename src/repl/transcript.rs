//! What was typed and succeeded, to be saved as a script.

use rhai::{AST, Position, Stmt};

use super::lex::{Kind, pieces};
use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::Interpreter;
use crate::engine::script::Script;

/// An entry that succeeded, or was stopped by Ctrl-C.
struct Entry {
    /// What was typed.
    typed: String,
    /// What of it goes into the script: of one that was stopped what was done by then.
    done: String,
    /// Whether it would end the script where it stands.
    ends: bool,
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
    /// Notes an entry: what was typed, and the text that was run for it.
    pub(super) fn add(&mut self, typed: &str, text: &str, ast: &AST, made: bool) {
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
        let done = without_return(text.trim()).map(|done| done.trim().to_owned());
        self.entries.push(Entry {
            typed: typed.trim().to_owned(),
            ends: done.is_none(),
            done: done.unwrap_or_else(|| text.trim().to_owned()),
            made,
            functions,
        });
    }

    /// Notes an entry that was stopped at `line`, or in its last statement: that one is no part of the script.
    pub(super) fn add_stopped(
        &mut self,
        typed: &str,
        text: &str,
        ast: &AST,
        line: Option<usize>,
        made: bool,
    ) {
        let starts = ast.statements().iter().map(Stmt::position);
        let last = starts
            .rev()
            .find(|start| line.is_none_or(|line| start.line().is_none_or(|own| own <= line)));
        let done = last.map_or(0, |start| offset(text, start));
        self.entries.push(Entry {
            typed: typed.trim().to_owned(),
            done: text[..done].trim().to_owned(),
            ends: false,
            made,
            functions: Vec::new(),
        });
    }

    /// Takes out the last entry that made something, and returns it.
    pub(super) fn take_last_made(&mut self) -> Option<String> {
        let index = self.entries.iter().rposition(|entry| entry.made)?;
        Some(self.entries.remove(index).typed)
    }

    /// The script, and the entries that had to be left out, each with the reason.
    pub(super) fn script(&self) -> (String, Vec<(String, &'static str)>) {
        let interpreter = Interpreter::new(Session::new(Settings::default()));
        let parses = |text: &str| {
            let script = Script::new("<save>", text);
            interpreter
                .parse(&script, &Interpreter::scope_of_names())
                .is_ok()
        };
        let mut text = String::from("//! Saved from a session.\n\n");
        let mut left_out = Vec::new();
        for entry in self.entries.iter().filter(|entry| !entry.done.is_empty()) {
            if entry.ends {
                left_out.push((entry.typed.clone(), "would end the script by its `return`"));
                continue;
            }
            let ended = ended(&entry.done);
            let longer = format!("{text}{ended}\n");
            if parses(&longer) {
                text = longer;
            } else {
                // What it uses was taken back.
                let why = "no longer fits what stands before it";
                left_out.push((entry.typed.clone(), why));
            }
        }
        (text, left_out)
    }
}

/// What an entry did, without the `return` that ended it and what stands behind: in a script that would end all. `None` where
/// one stands within another statement.
fn without_return(text: &str) -> Option<String> {
    // The open brackets, each with whether it holds the body of a function, which may return.
    let mut open = Vec::new();
    let mut is_declared = false;
    let mut last = "";
    for piece in pieces(text) {
        match piece.kind {
            Kind::Blank | Kind::Comment { .. } => continue,
            Kind::Open('{') => {
                open.push(is_declared || last == "|");
                is_declared = false;
            }
            Kind::Open(_) => open.push(false),
            Kind::Close(_) => drop(open.pop()),
            Kind::Name if piece.is("fn") => is_declared = true,
            Kind::Name if piece.is("return") && !open.contains(&true) => {
                let rest = &text[piece.start + piece.text.len()..];
                let value = rest[..end_of_statement(rest)].trim();
                let done = format!("{}{value}", &text[..piece.start]);
                return open.is_empty().then_some(done);
            }
            _ => {}
        }
        last = piece.text;
    }
    Some(text.to_owned())
}

/// Where the statement that begins `text` ends.
fn end_of_statement(text: &str) -> usize {
    let mut depth = 0_usize;
    for piece in pieces(text) {
        match piece.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth = depth.saturating_sub(1),
            _ if depth == 0 && piece.is(";") => return piece.start,
            _ => {}
        }
    }
    text.len()
}

/// Where in `text` a position is.
fn offset(text: &str, position: Position) -> usize {
    let (Some(line), Some(column)) = (position.line(), position.position()) else {
        return 0;
    };
    let before: usize = text
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum();
    let rest = text[before..].chars().take(column - 1);
    before + rest.map(char::len_utf8).sum::<usize>()
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
            transcript.add(text, text, &ast, *made);
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
        assert_eq!(left_out, []);
        assert_eq!(
            text,
            "//! Saved from a session.\n\nlet a = #{b: 1};\na.b // one\n;\nif a.b == 1 { f() };\nfn f() { 2 };\n"
        );
    }

    #[test]
    fn of_an_entry_that_was_stopped_stays_what_was_done() {
        let interpreter = Interpreter::new(Session::new(Settings::default()));
        let text = "let e = `é`; e += 1;\nloop {\n  e += 1;\n}\ne";
        let ast = interpreter.engine().compile(text).unwrap();
        let mut transcript = Transcript::default();
        transcript.add_stopped(text, text, &ast, Some(3), false);
        transcript.add_stopped(
            "1",
            "1",
            &interpreter.engine().compile("1").unwrap(),
            None,
            false,
        );
        assert_eq!(
            transcript.script().0,
            "//! Saved from a session.\n\nlet e = `é`; e += 1;\n"
        );
    }

    #[test]
    fn a_return_does_not_end_the_script() {
        let (text, left_out) = transcript(&[
            ("let a = 1; return a + f(1); a = 2", true),
            ("return", false),
            ("let b = [2, 3]", true),
            ("for c in b { return c }", false),
            ("fn f(x) { return x }", false),
            ("let g = |x| { return x }; throw 1", false),
        ])
        .script();
        assert_eq!(
            text,
            "//! Saved from a session.\n\nlet a = 1; a + f(1);\nlet b = [2, 3];\nfn f(x) { return x };\nlet g = |x| { return x }; throw 1;\n"
        );
        assert_eq!(
            left_out,
            [(
                "for c in b { return c }".to_owned(),
                "would end the script by its `return`"
            )]
        );
    }

    #[test]
    fn what_was_taken_back_is_left_out_with_what_needs_it() {
        let mut transcript = transcript(&[("let a = 1", true), ("a", false), ("2", false)]);
        assert_eq!(transcript.take_last_made().as_deref(), Some("let a = 1"));
        let (text, left_out) = transcript.script();
        assert_eq!(text, "//! Saved from a session.\n\n2;\n");
        assert_eq!(
            left_out,
            [("a".to_owned(), "no longer fits what stands before it")]
        );
    }
}
