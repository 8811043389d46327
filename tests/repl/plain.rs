//! A session that is read aloud, and one on a terminal that knows letters only.

use tempfile::TempDir;

use crate::Test;
use crate::terminal::Terminal;

pub(crate) const TESTS: &[Test] = &[
    (
        "a_plain_session_says_all_in_words",
        a_plain_session_says_all_in_words,
    ),
    (
        "a_number_and_tab_take_of_a_plain_list",
        a_number_and_tab_take_of_a_plain_list,
    ),
    (
        "a_dumb_terminal_gets_letters_only",
        a_dumb_terminal_gets_letters_only,
    ),
];

const LAB: &str = r#"let a = netns("a"); a.veth("v0", "v1", #{up: true});"#;

fn plain(folder: &TempDir) -> Terminal {
    let mut terminal = Terminal::start_with(folder, &["--sandbox=ns", "--plain"]);
    terminal.wait_for_prompt();
    terminal
}

fn a_plain_session_says_all_in_words() {
    let folder = TempDir::new().unwrap();
    let test = "fn test_one() { assert(1 == 1); }\nfn test_two() { assert(1 == 2, \"no\"); }\n";
    std::fs::write(folder.path().join("sums_test.rhai"), test).unwrap();
    let mut terminal = plain(&folder);
    terminal.enter(LAB);
    terminal.enter(":clear");
    let screen = terminal.enter("tree()");
    assert!(
        screen.ends_with(
            "tree()
host
  lo UNKNOWN 127.0.0.1/8 ::1/128
a
  lo DOWN
  v1 veth DOWN joined to v0
  v0 veth LOWERLAYERDOWN joined to v1
sandbox>"
        ),
        "{screen}"
    );
    let screen = terminal.enter("a.nope()");
    assert!(
        screen.ends_with(
            "error: a namespace has no method `nope`
at <3>, line 1, column 3:
  a.nope()
hint: `ipvsh doc` lists all words
sandbox>"
        ),
        "{screen}"
    );
    let screen = terminal.enter(":test sums_test.rhai");
    assert!(
        screen.contains("\nok sums_test.rhai::test_one ("),
        "{screen}"
    );
    assert!(
        screen.contains("\nfailed sums_test.rhai::test_two: assertion failed: no\n"),
        "{screen}"
    );
    assert!(screen.is_ascii(), "{screen}");
    // What was typed before is no ghost behind the cursor, and nothing is coloured.
    terminal.type_keys("let a");
    terminal.wait_for("sandbox> let a");
    assert!(!terminal.screen().contains("let a = netns"), "{screen}");
    assert!(!terminal.wrote("\x1b[1m") && !terminal.wrote("\x1b[3"));
}

fn a_number_and_tab_take_of_a_plain_list() {
    let folder = TempDir::new().unwrap();
    let mut terminal = plain(&folder);
    terminal.enter("for name in [\"lab-1\", \"lab-2\"] { netns(name); }");
    terminal.type_keys("netns(\"l\t");
    terminal.wait_for("\n2 lab-2\nsandbox> netns(\"lab-");
    // What is the beginning of a name is no number of it.
    terminal.type_keys("\x7f\x7f\x7f\x7f\"\x15wai\t");
    terminal.wait_for("\n4 wait_for: ");
    terminal.type_keys("4\t");
    terminal.wait_for("sandbox> wait_for(");
    // Nothing of the list is drawn over by an entry of several lines.
    terminal.type_keys("\x15\x0cfn f() {\r[\rwai\t");
    terminal.wait_for("\n7 wait_up: Waits until the link is up");
    terminal.wait_for("returns it.\nsandbox> fn f() {\n    [\n        wait");
}

fn a_dumb_terminal_gets_letters_only() {
    let folder = TempDir::new().unwrap();
    let mut terminal = Terminal::start_as("dumb", &folder);
    terminal.wait_for("sandbox> ");
    terminal.type_keys("print(progress([1, 2, 3], \"steps\").to_array().len()); a.nope()\r");
    terminal.wait_for("hint:");
    terminal.type_keys("tree()\r");
    terminal.wait_for("127.0.0.1");
    assert!(!terminal.wrote("\x1b"), "{}", terminal.screen());
}
