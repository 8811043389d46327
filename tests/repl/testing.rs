//! Tests of labs that are run on a terminal: the bar, the lab that one failed in, and those that run again after each change.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::Test;
use crate::terminal::Terminal;

pub(crate) const TESTS: &[Test] = &[
    (
        "a_run_of_tests_shows_a_bar_that_goes",
        a_run_of_tests_shows_a_bar_that_goes,
    ),
    (
        "the_lab_of_a_failed_test_is_entered",
        the_lab_of_a_failed_test_is_entered,
    ),
    (
        "tests_run_again_after_each_change",
        tests_run_again_after_each_change,
    ),
    (
        "a_session_runs_the_tests_of_a_file",
        a_session_runs_the_tests_of_a_file,
    ),
];

/// Written as a whole, as editors do: nobody reads half of it.
fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join("new"), text).unwrap();
    fs::rename(folder.join("new"), folder.join(name)).unwrap();
}

fn a_run_of_tests_shows_a_bar_that_goes() {
    let folder = TempDir::new().unwrap();
    let tests: Vec<String> = (0..8).map(|n| format!("fn test_{n}() {{}}\n")).collect();
    write(folder.path(), "lab_test.rhai", &tests.concat());
    let mut terminal = Terminal::start_with(&folder, &["test"]);
    terminal.wait_for_trace_of("] 1/8");
    terminal.wait_for("8 passed in ");
    assert_eq!(terminal.wait_for_end(), Some(0));
    let screen = terminal.screen();
    assert!(!screen.contains("/8"), "{screen}");
}

fn the_lab_of_a_failed_test_is_entered() {
    let folder = TempDir::new().unwrap();
    write(
        folder.path(),
        "lab_test.rhai",
        "fn test_a() {\n    netns(\"made-by-test\");\n    assert(false, \"no\");\n}\n",
    );
    let mut terminal = Terminal::start_with(&folder, &["test", "--keep"]);
    terminal.wait_for("this is its lab: `tree()` shows it, Ctrl-D leaves it");
    terminal.wait_for_prompt();
    let screen = terminal.enter("existing(\"made-by-test\").links.len()");
    assert!(screen.ends_with("\n1\nsandbox>"), "{screen}");
    terminal.type_keys("\x04");
    assert_eq!(terminal.wait_for_end(), Some(1));
}

fn tests_run_again_after_each_change() {
    let folder = TempDir::new().unwrap();
    let test = "import \"parts/number\" as number;\nfn test_a() { expect(number::of(), 2); }\n";
    let parts = folder.path().join("parts");
    fs::create_dir(&parts).unwrap();
    write(&parts, "number.rhai", "fn of() { 1 }\n");
    write(folder.path(), "lab_test.rhai", test);
    let mut terminal = Terminal::start_with(&folder, &["test", "--watch"]);
    terminal.wait_for("0 passed, 1 failed in ");
    terminal.wait_for("watching: Ctrl-C ends it");
    // What it imports, and the file itself.
    write(&parts, "number.rhai", "fn of() { 2 }\n");
    terminal.wait_for("\n1 passed in ");
    terminal.wait_for("watching: Ctrl-C ends it");
    write(
        folder.path(),
        "lab_test.rhai",
        &format!("{test}fn test_b() {{}}\n"),
    );
    terminal.wait_for("\n2 passed in ");
    terminal.wait_for("watching: Ctrl-C ends it");
    terminal.type_keys("\x03");
    assert_eq!(terminal.wait_for_end(), Some(130));
}

fn a_session_runs_the_tests_of_a_file() {
    let folder = TempDir::new().unwrap();
    write(
        folder.path(),
        "lab_test.rhai",
        "/// Holds\nfn test_a() {}\n/// Does not\nfn test_b() { netns(\"in-test\"); assert(false, \"no\"); }\n",
    );
    let mut terminal = Terminal::start(&folder);
    let screen = terminal.enter(":test lab_test.rhai");
    for text in [
        "✔ lab_test.rhai::test_a  Holds (",
        "✘ lab_test.rhai::test_b  Does not: assertion failed: no\n",
        "alone: ipvsh test lab_test.rhai::test_b\n",
        "1 passed, 1 failed in ",
    ] {
        assert!(screen.contains(text), "{text}\n{screen}");
    }
    // It is the tests' own.
    let screen = terminal.enter("namespaces().filter(|place| place.name == \"in-test\").len()");
    assert!(screen.ends_with("\n0\nsandbox>"), "{screen}");
    let screen = terminal.enter(":test nothing_test.rhai");
    assert!(screen.contains("nothing_test.rhai"), "{screen}");
}
