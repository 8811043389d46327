//! What was typed and succeeded, to be saved as a script.

mod needed;

use std::collections::BTreeSet;

use rhai::{AST, Position, Stmt};

use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::script::Script;
use crate::engine::{Interpreter, functions};
use crate::repl::lex::{Kind, pieces};
use crate::repl::shell::LAST;

/// What tells an entry from the others of its session.
pub(super) type Number = usize;

/// An entry that succeeded, or was stopped by Ctrl-C.
struct Entry {
    number: Number,
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
    /// Whether a later entry uses its value as the last one.
    is_asked_for: bool,
    taken_back: Option<TakenBack>,
}

/// What is left of an entry that was taken back.
struct TakenBack {
    /// The functions and modules that it declares, and the data that it left in variables.
    stays: Vec<String>,
    /// The variables that stand for what is gone.
    gone: Vec<String>,
    /// How many entries there were then.
    at: usize,
}

/// The entries of a session.
#[derive(Default)]
pub(super) struct Transcript {
    entries: Vec<Entry>,
    last: Number,
    /// The entry that gave the last value.
    gave_last: Option<Number>,
}

impl Transcript {
    /// Notes an entry: what was typed, and the text that was run for it.
    pub(super) fn add(&mut self, typed: &str, text: &str, ast: &AST, made: bool) -> Number {
        let declares: Vec<(String, usize)> = functions::functions(ast)
            .iter()
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
        let ends = done.is_none();
        self.push(Entry {
            number: 0,
            typed: typed.trim().to_owned(),
            ends,
            done: done.unwrap_or_else(|| text.trim().to_owned()),
            made,
            functions,
            is_asked_for: false,
            taken_back: None,
        })
    }

    /// Notes an entry that was stopped at `line`, or in its last statement: that one is no part of the script.
    pub(super) fn add_stopped(
        &mut self,
        typed: &str,
        text: &str,
        ast: &AST,
        line: Option<usize>,
        made: bool,
    ) -> Number {
        let starts = ast.statements().iter().map(Stmt::position);
        let last = starts
            .rev()
            .find(|start| line.is_none_or(|line| start.line().is_none_or(|own| own <= line)));
        let done = last.map_or(0, |start| offset(text, start));
        self.push(Entry {
            number: 0,
            typed: typed.trim().to_owned(),
            done: text[..done].trim().to_owned(),
            ends: false,
            made,
            functions: Vec::new(),
            is_asked_for: false,
            taken_back: None,
        })
    }

    fn push(&mut self, entry: Entry) -> Number {
        self.last += 1;
        let number = self.last;
        if entry.done.contains(LAST) {
            let gave_last = self.gave_last;
            let mut given = self.entries.iter_mut();
            if let Some(given) = given.find(|one| Some(one.number) == gave_last) {
                given.is_asked_for = true;
            }
        }
        self.entries.push(Entry { number, ..entry });
        number
    }

    /// Notes that the entry `number` gave a value.
    pub(super) fn gave_last(&mut self, number: Number) {
        self.gave_last = Some(number);
    }

    /// Notes that an entry was taken back: of what it did, `stays` stays; the variables `gone` stand for what is gone.
    pub(super) fn take_back(&mut self, number: Number, stays: Vec<String>, gone: Vec<String>) {
        let at = self.entries.len();
        if let Some(entry) = self.entries.iter_mut().find(|one| one.number == number) {
            let mut all = needed::declarations(&entry.done);
            all.extend(stays);
            entry.taken_back = Some(TakenBack {
                stays: all,
                gone,
                at,
            });
        }
    }

    /// Puts the last entry, which did again what the entry `number` was taken back of, into its place, unless one that came since
    /// has changed what it uses.
    pub(super) fn put_in_place(&mut self, number: Number) {
        let Some(at) = self.entries.iter().position(|one| one.number == number) else {
            return;
        };
        let Some(last) = self.entries.pop() else {
            return;
        };
        let taken_back = self.entries[at].taken_back.as_ref();
        let since = taken_back.map_or(0, |taken_back| taken_back.at);
        let mut changed = BTreeSet::new();
        for entry in self.entries.iter().skip(since) {
            needed::lose(&entry.done, &mut changed);
        }
        if needed::uses(&last.done, &changed) {
            self.entries.push(last);
        } else {
            self.entries[at] = last;
        }
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
        // Variables that do not have, in the script, what they had in the session.
        let mut lost: BTreeSet<String> = BTreeSet::new();
        for entry in &self.entries {
            if let Some(taken_back) = &entry.taken_back {
                for stays in &taken_back.stays {
                    let longer = format!("{text}{}\n", ended(stays));
                    if parses(&longer) {
                        text = longer;
                        needed::settle(stays, &mut lost);
                    }
                }
                lost.extend(taken_back.gone.iter().cloned());
                continue;
            }
            let is_empty = entry.done.is_empty();
            let does = entry.made || entry.ends || entry.is_asked_for;
            if is_empty || !does && needed::only_shows(&entry.done) {
                continue;
            }
            let ended = ended(&entry.done);
            let ended = if entry.is_asked_for && needed::is_expression(&entry.done) {
                format!("let {LAST} = {ended}")
            } else {
                ended
            };
            let longer = format!("{text}{ended}\n");
            let why = if entry.ends {
                "would end the script by its `return`"
            } else if needed::uses(&entry.done, &lost) {
                "uses what was taken back"
            } else if !parses(&longer) {
                "no longer fits what stands before it"
            } else {
                needed::settle(&entry.done, &mut lost);
                text = longer;
                continue;
            };
            needed::lose(&entry.done, &mut lost);
            left_out.push((entry.typed.clone(), why));
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
            ("a.b = 2 // one", false),
            ("a.b // one", false),
            ("if a.b == 1 { f() }", true),
            ("fn f() { 2 }", false),
        ])
        .script();
        assert_eq!(left_out, []);
        assert_eq!(
            text,
            "//! Saved from a session.\n\nlet a = #{b: 1};\na.b = 2 // one\n;\nif a.b == 1 { f() };\nfn f() { 2 };\n"
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
        let mut transcript = transcript(&[
            ("let a = 1; fn f() { 7 }", true),
            ("let b = a", false),
            ("let c = b + 1", false),
            ("let d = f()", false),
        ]);
        transcript.take_back(1, vec!["n = 2;".to_owned()], vec!["a".to_owned()]);
        let (text, left_out) = transcript.script();
        assert_eq!(
            text,
            "//! Saved from a session.\n\nfn f() { 7 };\nlet d = f();\n"
        );
        let why = "uses what was taken back";
        assert_eq!(
            left_out,
            [
                ("let b = a".to_owned(), why),
                ("let c = b + 1".to_owned(), why)
            ]
        );
    }

    #[test]
    fn what_is_done_again_stands_where_it_stood() {
        let mut transcript = transcript(&[("let a = 1", true), ("let b = a", false)]);
        transcript.take_back(1, Vec::new(), vec!["a".to_owned()]);
        transcript.add("let a = 1", "let a = 1", &AST::empty(), true);
        transcript.put_in_place(1);
        assert_eq!(
            transcript.script().0,
            "//! Saved from a session.\n\nlet a = 1;\nlet b = a;\n"
        );
    }
}
