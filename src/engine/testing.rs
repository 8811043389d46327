//! Tests in a script: its functions `test_…`, found without running it, and one of them run with `setup` before and `teardown`
//! behind it.

use std::any::TypeId;
use std::cell::RefCell;
use std::rc::Rc;

use rhai::{AST, Dynamic, EvalAltResult, FnPtr, NativeCallContext};

use crate::dsl::script::print;
use crate::engine::script::Script;
use crate::engine::{Failure, Interpreter, functions};
use crate::error::Error;
use crate::view::error::Report;

/// What the functions of tests begin with.
pub const PREFIX: &str = "test_";
/// The functions around them.
const SETUP: &str = "setup";
const TEARDOWN: &str = "teardown";
/// The function that returns the table of cases.
const CASES: &str = "cases";
/// The function by which the script calls its tests.
const CALL: &str = "call_of_ipvsh_test";

/// A test of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What its `///` lines say, the first of them.
    pub title: String,
    /// The line on which it begins.
    pub line: usize,
    /// How many parameters it takes.
    pub takes: usize,
}

/// The tests of a script, in their order.
pub fn functions(ast: &AST, script: &Script) -> Vec<Function> {
    let line_of = |name: &str| {
        let begins = |line: &str| {
            let line = line.trim_start();
            let rest = line.strip_prefix("private ").unwrap_or(line);
            let rest = rest.strip_prefix("fn ").map(str::trim_start);
            let rest = rest.and_then(|rest| rest.strip_prefix(name));
            rest.is_some_and(|rest| rest.trim_start().starts_with('('))
        };
        script.text.lines().position(begins).map_or(1, |at| at + 1)
    };
    let mut found: Vec<Function> = functions::functions(ast)
        .iter()
        .filter(|function| function.name.starts_with(PREFIX))
        .map(|function| Function {
            name: function.name.to_owned(),
            title: title(&function.comments),
            line: line_of(function.name),
            takes: function.params.len(),
        })
        .collect();
    found.sort_by_key(|function| function.line);
    found
}

fn title(comments: &[&str]) -> String {
    let lines = comments.iter().flat_map(|comment| comment.lines());
    let mut lines = lines.map(|line| line.trim().trim_start_matches('/').trim());
    lines.find(|line| !line.is_empty()).unwrap_or("").to_owned()
}

/// Whether the script has a table of cases.
pub fn has_cases(ast: &AST) -> bool {
    takes(ast, CASES).is_some()
}

/// How many parameters the function `name` takes, where there is one.
fn takes(ast: &AST, name: &str) -> Option<usize> {
    let functions = functions::functions(ast);
    let found = functions.iter().find(|function| function.name == name)?;
    Some(found.params.len())
}

/// How the rows of a test are called, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows(pub Vec<String>);

/// The row of the table for the test `name`: a list is for all tests, a map has one list a test.
fn rows_for(table: &Dynamic, name: &str) -> Result<Option<rhai::Array>, Error> {
    let rows = if table.is_array() {
        Some(table.clone())
    } else if let Ok(map) = table.as_map_ref() {
        map.get(name).cloned()
    } else {
        return Err(wrong_table());
    };
    let rows = rows.map(|rows| rows.into_array().map_err(|_| wrong_table()));
    rows.transpose()
}

fn wrong_table() -> Error {
    Error::invalid("`cases()` returns a list, or a map with a list for each test")
        .hint("write for example: fn cases() { [#{name: \"small\", mtu: 1280}, #{name: \"usual\", mtu: 1500}] }")
}

/// How a row is called: by its `name`, as it is written where it is short, else by its number.
fn name_of_row(row: &Dynamic, index: usize) -> String {
    if let Ok(map) = row.as_map_ref()
        && let Some(name) = map.get("name")
    {
        return name.to_string();
    }
    let text = print::value(None, row).show();
    let is_short = text.chars().count() <= 24 && !text.contains(['\n', '[', ']', '{']);
    if is_short && !text.is_empty() {
        text
    } else {
        (index + 1).to_string()
    }
}

/// What there is to call in a script.
#[derive(Clone, Debug)]
enum Call {
    /// Its table of cases.
    Rows,
    /// A test, with that row of its table.
    Test(String, Option<usize>),
}

type Answered = Result<Dynamic, Box<EvalAltResult>>;

impl Interpreter {
    /// The rows of the table of cases for each of the tests `names`.
    pub fn rows(&mut self, ast: &AST, names: &[String]) -> Result<Vec<Option<Rows>>, Failure> {
        let table = self.call_in(ast, Call::Rows)?;
        if self.session.left_out().is_some() {
            // The whole file is skipped, which each of its tests says.
            return Ok(vec![None; names.len()]);
        }
        let rows = names.iter().map(|name| {
            let rows =
                rows_for(&table, name).map_err(|error| Failure::script(Report::of(&error)))?;
            let as_rows = |rows: rhai::Array| {
                let rows = rows.iter().enumerate();
                Rows(rows.map(|(index, row)| name_of_row(row, index)).collect())
            };
            Ok(rows.map(as_rows))
        });
        rows.collect()
    }

    /// Runs the test `name` of the script, with the row `row` of its table: the script itself, then `setup`, the test, and
    /// `teardown`, whatever the test came to.
    pub fn run_test(&mut self, ast: &AST, name: &str, row: Option<usize>) -> Result<(), Failure> {
        let done = self.call_in(ast, Call::Test(name.to_owned(), row));
        done.map(drop).map_err(|mut failure| {
            // That the test was called is no news.
            let called =
                [name, SETUP, TEARDOWN, CASES].map(|name| format!("in call to `{name}` at "));
            let notes = &mut failure.report.notes;
            if let Some(last) = notes.last()
                && called.iter().any(|called| last.starts_with(called))
            {
                notes.pop();
            }
            failure
        })
    }

    /// Runs the script, and makes the call where its imports and constants are known.
    fn call_in(&mut self, ast: &AST, call: Call) -> Result<Dynamic, Failure> {
        let source = ast.source().unwrap_or_default().to_owned();
        let functions = [SETUP, TEARDOWN, CASES].map(|name| takes(ast, name));
        let takes_of = match &call {
            Call::Test(name, _) => takes(ast, name).unwrap_or(0),
            Call::Rows => 0,
        };
        let result = Rc::new(RefCell::new(Dynamic::UNIT));
        let kept = result.clone();
        let native = move |context: NativeCallContext, _: &mut [&mut Dynamic]| {
            let value = answer(&context, &call, functions, takes_of)?;
            *kept.borrow_mut() = value;
            Ok(())
        };
        let types: [TypeId; 0] = [];
        self.engine.register_raw_fn(CALL, types, native);
        let line = Script::new(&source, &format!("{CALL}();"));
        let compiled = self.engine.compile(line.source());
        let line = compiled.map_err(|error| {
            Failure::script(Report::new(format!("cannot call the test: {error}")))
        })?;
        let mut whole = ast.merge(&line);
        whole.set_source(source.as_str());
        drop(self.run(&whole, &mut self.scope())?);
        Ok(result.take())
    }
}

/// Makes the call.
fn answer(
    context: &NativeCallContext,
    call: &Call,
    [setup, teardown, cases]: [Option<usize>; 3],
    takes: usize,
) -> Answered {
    let called =
        |name: &str, arguments: Vec<Dynamic>| FnPtr::new(name)?.call_raw(context, None, arguments);
    let table = || match cases {
        Some(_) => called(CASES, Vec::new()),
        None => Ok(Dynamic::UNIT),
    };
    let (name, row) = match call {
        Call::Rows => return table(),
        Call::Test(name, row) => (name, row),
    };
    // Before anything is made: what fails here leaves nothing to be torn down.
    let row = match row {
        Some(index) => {
            let rows = rows_for(&table()?, name)?.unwrap_or_default();
            Some(rows.get(*index).cloned().unwrap_or(Dynamic::UNIT))
        }
        None => None,
    };
    let made = match setup {
        Some(_) => called(SETUP, Vec::new())?,
        None => Dynamic::UNIT,
    };
    let mut arguments = Vec::new();
    // What `setup` returned, then the row; a test takes as many of them as it has parameters.
    if takes > usize::from(row.is_some()) {
        arguments.push(made.clone());
    }
    if takes > 0 {
        arguments.extend(row);
    }
    let tried = called(name, arguments);
    let torn = match teardown {
        Some(0) => called(TEARDOWN, Vec::new()),
        Some(_) => called(TEARDOWN, vec![made]),
        None => Ok(Dynamic::UNIT),
    };
    tried.and(torn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::Session;
    use crate::dsl::session::{Output, Settings};

    fn interpreter() -> Interpreter {
        Interpreter::new(Session::new(Settings {
            output: Output::Collected,
            ..Settings::default()
        }))
    }

    fn ast(interpreter: &Interpreter, text: &str) -> (AST, Script) {
        let script = Script::new("x_test.rhai", text);
        let scope = Interpreter::scope_of_names();
        (interpreter.compile(&script, &scope).unwrap(), script)
    }

    #[test]
    fn the_tests_of_a_script_stand_in_its_order_with_their_titles() {
        let text = "fn helper() {}\n\n/// Second to none.\n/// More.\nfn test_b() {}\nfn test_a(lab, row) {}\n";
        let (ast, script) = ast(&interpreter(), text);
        let found = functions(&ast, &script);
        let found: Vec<_> = found
            .iter()
            .map(|one| (one.name.as_str(), one.title.as_str(), one.line, one.takes))
            .collect();
        assert_eq!(
            found,
            [("test_b", "Second to none.", 5, 0), ("test_a", "", 6, 2)]
        );
    }

    #[test]
    fn a_test_runs_between_setup_and_teardown_with_what_stands_at_top_level() {
        let text = "import \"std/address\" as address;\nconst N = 3;\nfn setup() { print(\"setup\"); #{v: 7} }\nfn teardown(lab) { print(`down ${lab.v}`); }\nfn cases() { [#{name: \"one\", x: 1}, 2] }\nfn test_a(lab, row) { print(`a ${lab.v} ${row} ${global::N}`); address::host(\"10.0.0.0/24\", 1); }\n";
        let mut interpreter = interpreter();
        let (ast, _) = ast(&interpreter, text);
        let rows = interpreter.rows(&ast, &["test_a".to_owned()]).unwrap();
        assert_eq!(rows, [Some(Rows(vec!["one".to_owned(), "2".to_owned()]))]);
        interpreter.run_test(&ast, "test_a", Some(1)).unwrap();
        let said = interpreter.session().collected();
        assert_eq!(said, "setup\na 7 2 3\ndown 7\n");
    }

    #[test]
    fn what_was_made_is_torn_down_also_where_the_test_fails() {
        let text =
            "fn teardown() { print(\"down\"); }\nfn test_a() {\n  assert(1 == 2, \"no\");\n}\n";
        let mut interpreter = interpreter();
        let (ast, _) = ast(&interpreter, text);
        let failure = interpreter.run_test(&ast, "test_a", None).unwrap_err();
        insta::assert_snapshot!(failure.report.draw(false), @r#"
        error: assertion failed: no
         --> x_test.rhai:3:3
          |
        3 |   assert(1 == 2, "no");
          |   ^^^^^^
        "#);
        assert_eq!(interpreter.session().collected(), "down\n");
    }

    #[test]
    fn what_a_table_fails_for_is_told_before_anything_is_made() {
        let text = "fn cases() { [1, 2] }\nfn setup() { print(\"up\"); }\nfn teardown() { print(\"down\"); }\nfn test_a(lab, row) {}\n";
        let mut interpreter = interpreter();
        let (whole, _) = ast(&interpreter, text);
        interpreter.run_test(&whole, "test_a", Some(0)).unwrap();
        assert_eq!(interpreter.session().collected(), "up\ndown\n");
        let mut interpreter = super::tests::interpreter();
        let (wrong, _) = ast(&interpreter, &text.replace("[1, 2]", "throw \"no\""));
        let failure = interpreter.run_test(&wrong, "test_a", Some(0)).unwrap_err();
        assert_eq!(failure.report.message, "no");
        assert_eq!(interpreter.session().collected(), "");
    }
}
