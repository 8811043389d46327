//! How a session shows values: programs while they run, tables as wide as the terminal, long texts in a pager.

use tempfile::TempDir;

use crate::Test;
use crate::terminal::Terminal;

pub(crate) const TESTS: &[Test] = &[
    (
        "a_program_shows_while_it_runs_and_ctrl_c_keeps_what_it_wrote",
        a_program_shows_while_it_runs_and_ctrl_c_keeps_what_it_wrote,
    ),
    (
        "a_table_is_no_wider_than_the_terminal",
        a_table_is_no_wider_than_the_terminal,
    ),
    (
        "what_is_taller_than_the_screen_goes_through_the_pager",
        what_is_taller_than_the_screen_goes_through_the_pager,
    ),
];

/// What stands behind the last entry, without the prompt.
fn below(screen: &str, entry: &str) -> String {
    let (_, rest) = screen.rsplit_once(entry).unwrap();
    let lines = rest.trim_end().lines().skip(1);
    let lines: Vec<&str> = lines.map(str::trim_end).collect();
    lines[..lines.len() - 1].join("\n")
}

fn a_program_shows_while_it_runs_and_ctrl_c_keeps_what_it_wrote() {
    let folder = TempDir::new().unwrap();
    let mut terminal = Terminal::start(&folder);
    let entry = r#"exec(["sh", "-c", "trap 'echo bye; exit 3' INT; echo one; echo two >&2; echo; echo ready; while :; do sleep 0.05; done"])"#;
    terminal.type_keys(&format!("{entry}\r"));
    // What comes by another pipe comes at a time of its own.
    terminal.wait_until("its last lines before it waits", |screen| {
        let shown = screen.contents();
        shown.contains("\nready") && shown.contains("\ntwo")
    });
    terminal.type_keys("\x03");
    terminal.wait_for_prompt();
    let screen = terminal.screen();
    let shown = screen.rsplit("sleep 0.05").next().unwrap();
    for line in ["\none\n", "\ntwo\n", "bye\n", "\nexit code 3\n"] {
        assert_eq!(shown.matches(line).count(), 1, "{line:?}: {screen}");
    }
    let screen = terminal.enter("let told = _; [told.code, told.stdout]");
    assert!(
        screen.contains(r#"[3, "one\n\nready\nbye\n"]"#),
        "it has not been kept: {screen}"
    );
    let screen = terminal.enter(r#"exec("echo once")"#);
    assert_eq!(below(&screen, r#"exec("echo once")"#), "once");
    let screen = terminal.enter(r#"let quiet = exec("echo held"); 1"#);
    assert_eq!(below(&screen, r#"exec("echo held"); 1"#), "1");
}

fn a_table_is_no_wider_than_the_terminal() {
    let folder = TempDir::new().unwrap();
    let mut terminal = Terminal::start(&folder);
    terminal.enter(
        r#"let rows = [#{name: "v0", text: "ten words that go on in the line below them", state: "up"}, #{name: "lo", text: "", state: "up"}];"#,
    );
    terminal.resize(40);
    let screen = terminal.enter("rows ");
    assert_eq!(
        below(&screen, "rows"),
        "NAME  TEXT                         STATE
v0    ten words that go on in the  up
      line below them
lo                                 up"
    );
    terminal.resize(18);
    let screen = terminal.enter("rows ");
    assert_eq!(
        below(&screen, "rows"),
        "NAME   v0
TEXT   ten words
       that go on
       in the line
       below them
STATE  up

NAME   lo
STATE  up"
    );
}

fn what_is_taller_than_the_screen_goes_through_the_pager() {
    let pager = (
        "pager-of-case",
        "#!/bin/sh\nsed -n '1s/^/first: /p;$s/^/last: /p'\n",
    );
    let folder = TempDir::new().unwrap();
    let mut terminal = Terminal::start_with_programs(&folder, &[pager]);
    terminal.enter(r#"let text = "end"; for i in 0..38 { text = "line\n" + text; }"#);
    let screen = terminal.enter("text ");
    assert!(screen.contains("line\nend\nsandbox>"), "{screen}");
    let screen = terminal.enter(r#""line\n" + text"#);
    assert_eq!(below(&screen, "+ text"), "first: line\nlast: end");
}
