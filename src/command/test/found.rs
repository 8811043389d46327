//! The tests that the command line names: files looked for in folders, their functions and the rows of their tables.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::child::{self, End};
use super::done::{Failed, Item, Outcome};
use crate::command::line::Test;
use crate::command::output;
use crate::dsl::Session;
use crate::dsl::session::Settings;
use crate::engine::files::Needs;
use crate::engine::script::Script;
use crate::engine::{Failure, Interpreter, files, testing};
use crate::error::nearest;
use crate::view::error::Report;

/// How the files of tests end.
const ENDING: &str = "_test.rhai";
/// What marks a folder that can be made anew, as that of a build.
const CACHE: &str = "CACHEDIR.TAG";

/// A file with tests, and which of them are meant.
struct Named {
    file: PathBuf,
    /// The names of single tests, with their row.
    tests: Vec<String>,
    /// Whether all of its tests are meant.
    is_whole: bool,
}

/// The tests that are to run, in their order, with all that they need.
pub(super) fn all(asked: &Test, interrupted: &AtomicBool) -> Result<(Vec<Item>, Needs), Failure> {
    let mut needed = Needs::default();
    let mut items = Vec::new();
    for named in named(&asked.paths)? {
        let found = tests_of(&named.file, asked, interrupted, &mut needed);
        for test in &named.tests {
            if !found.iter().any(|item| is_called(item, test)) {
                let names = found.iter().map(Item::id);
                return Err(unknown(&named.file, test, &names.collect::<Vec<_>>()));
            }
        }
        let is_meant =
            |item: &Item| named.is_whole || named.tests.iter().any(|name| is_called(item, name));
        items.extend(found.into_iter().filter(is_meant));
    }
    if items.is_empty() {
        output::note(
            "note: the files of tests end in `_test.rhai`, their functions begin with `test_`",
        );
    }
    if let Some(text) = &asked.filter {
        let before = items.len();
        items.retain(|item| item.id().contains(text) || item.title.contains(text));
        if items.is_empty() && before > 0 {
            output::note(&format!(
                "note: none of the {before} tests has `{text}` in its name or title: `ipvsh test --list` lists them"
            ));
        }
    }
    if let Some(seed) = asked.shuffle {
        shuffle(&mut items, seed);
    }
    let mut repeated = Vec::new();
    for run in 1..=usize::from(asked.repeat) {
        repeated.extend(items.iter().map(|item| Item {
            run,
            ..item.clone()
        }));
    }
    needed.files.sort_unstable();
    needed.files.dedup();
    Ok((repeated, needed))
}

/// Whether the test is called so: by its name, or by its name and row.
fn is_called(item: &Item, name: &str) -> bool {
    let id = item.id();
    let own = id.rsplit_once("::").map_or("", |(_, own)| own);
    // A row may have any character in its name.
    let file = format!("{}::", item.file.display());
    let own = id.strip_prefix(&file).unwrap_or(own);
    own == name || item.function == name
}

fn unknown(file: &Path, test: &str, known: &[String]) -> Failure {
    let file = file.display();
    let report = Report::new(format!("there is no test `{test}` in `{file}`"));
    let own = known.iter().filter_map(|id| id.split_once("::"));
    let report = match nearest(test, own.map(|(_, own)| own)) {
        Some(near) => report.hint(format!("did you mean `{near}`?")),
        None => report.hint(format!(
            "`ipvsh test --list {file}` lists those that there are"
        )),
    };
    Failure::usage(report)
}

/// The files, each once.
fn named(paths: &[String]) -> Result<Vec<Named>, Failure> {
    let here = [".".to_owned()];
    let paths = if paths.is_empty() { &here } else { paths };
    let mut all: Vec<Named> = Vec::new();
    for path in paths {
        let (path, test) = split(path);
        let files = if path.is_dir() {
            below(path)
        } else if path.exists() {
            vec![path.to_owned()]
        } else {
            return Err(Failure::usage(missing(path)));
        };
        for file in files {
            let at = all.iter().position(|known| known.file == file);
            let at = at.unwrap_or_else(|| {
                all.push(Named {
                    file,
                    tests: Vec::new(),
                    is_whole: false,
                });
                all.len() - 1
            });
            all[at].is_whole |= test.is_none();
            all[at].tests.extend(test.clone());
        }
    }
    Ok(all)
}

/// Splits `FILE::TEST`; a file that is there by the whole name is that.
fn split(path: &str) -> (&Path, Option<String>) {
    if Path::new(path).exists() {
        return (Path::new(path), None);
    }
    match path.split_once("::") {
        Some((file, test)) => (Path::new(file), Some(test.to_owned())),
        None => (Path::new(path), None),
    }
}

fn missing(path: &Path) -> Report {
    // Its own words, with the nearest name beside it.
    match Script::read(path) {
        Err(report) => report,
        Ok(_) => Report::new(format!("there is no `{}`", path.display())),
    }
}

/// The files of tests in a folder and those below, by name. Hidden folders and those of builds are left out.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !name.starts_with('.') && !path.join(CACHE).exists() {
                left.push(path);
            } else if !is_folder && name.ends_with(ENDING) {
                found.push(path.strip_prefix(".").map_or(path.clone(), Path::to_owned));
            }
        }
    }
    found.sort_unstable();
    found
}

/// The tests of a file; where it can't be read, that as a test which failed.
fn tests_of(file: &Path, asked: &Test, interrupted: &AtomicBool, needed: &mut Needs) -> Vec<Item> {
    let refused = |failed: Failed| {
        vec![Item {
            file: file.to_owned(),
            function: String::new(),
            row: None,
            title: String::new(),
            line: 1,
            run: 1,
            refused: Some(Box::new(failed)),
        }]
    };
    let failure = |failure: Failure| {
        refused(Failed {
            report: failure.report,
            ..Failed::default()
        })
    };
    needed.files.extend(std::path::absolute(file).ok());
    let mut read = || {
        let script = Script::read(file).map_err(Failure::usage)?;
        let interpreter = Interpreter::new(Session::new(Settings::default()));
        let ast = interpreter.compile(&script, &Interpreter::scope_of_names())?;
        let files = files::needed(&interpreter, &script)?;
        needed
            .programs
            .extend(files::programs(&interpreter, &files));
        let files = files.into_iter().map(|(name, _)| name);
        needed
            .files
            .extend(files.filter_map(|name| std::path::absolute(name).ok()));
        Ok((testing::functions(&ast, &script), testing::has_cases(&ast)))
    };
    let (functions, has_cases) = match read() {
        Ok(found) => found,
        Err(error) => return failure(error),
    };
    let rows = if has_cases && !functions.is_empty() {
        match rows(file, asked, interrupted) {
            Ok(rows) => rows,
            Err(failed) => return refused(*failed),
        }
    } else {
        vec![None; functions.len()]
    };
    let mut items = Vec::new();
    for (function, rows) in functions.into_iter().zip(rows) {
        let item = Item {
            file: file.to_owned(),
            function: function.name,
            row: None,
            title: function.title,
            line: function.line,
            run: 1,
            refused: None,
        };
        match rows {
            // A test without a parameter has no use for a row.
            Some(rows) if function.takes > 0 => {
                items.extend(rows.into_iter().enumerate().map(|row| Item {
                    row: Some(row),
                    ..item.clone()
                }));
            }
            _ => items.push(item),
        }
    }
    items
}

/// The names of the rows of each test, told by a process of its own: the table may be made by any word.
fn rows(
    file: &Path,
    asked: &Test,
    interrupted: &AtomicBool,
) -> Result<Vec<Option<Vec<String>>>, Box<Failed>> {
    let arguments = ["test".to_owned(), format!("--rows={}", file.display())];
    let because = |report| {
        Box::new(Failed {
            report,
            ..Failed::default()
        })
    };
    match child::run(&arguments, asked.timeout, interrupted) {
        (End::Told(told), _) => {
            if let Some(Outcome::Failed(failed)) = Outcome::from_json(&told) {
                return Err(failed);
            }
            let rows = serde_json::from_value(told["rows"].clone());
            rows.map_err(|_| because(Report::new("the table of cases can't be made here")))
        }
        (End::Failed(report), _) => Err(because(report)),
        (End::Interrupted, _) => Err(because(Report::new("interrupted"))),
    }
}

/// Puts the items in another order, the same for the same seed.
fn shuffle(items: &mut [Item], seed: u64) {
    // Splitmix64: each seed has an order of its own, also small ones that follow each other.
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    for index in (1..items.len()).rev() {
        let bound = u64::try_from(index + 1).unwrap_or(u64::MAX);
        let other = usize::try_from(next() % bound).unwrap_or(0);
        items.swap(index, other);
    }
}
