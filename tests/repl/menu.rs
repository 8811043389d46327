//! The menu that Tab opens: whole screens of it, and what the keys do there.

use tempfile::TempDir;

use crate::Test;
use crate::terminal::Terminal;

pub(crate) const TESTS: &[Test] = &[
    ("a_menu_shows_groups_and_what_each_is_for", groups),
    ("arrows_and_tab_choose_and_enter_takes", choosing),
    ("more_keys_narrow_a_menu_down", narrowing),
    (
        "control_c_and_escape_leave_the_menu_and_keep_the_line",
        leaving,
    ),
    ("a_key_that_moves_the_cursor_closes_the_menu", moving),
    ("a_menu_fits_a_terminal_of_any_width", widths),
    ("a_menu_scrolls_and_says_how_many_more_there_are", scrolling),
    (
        "a_menu_has_room_below_an_entry_of_many_lines",
        entry_of_many_lines,
    ),
    ("without_room_for_a_menu_a_list_is_printed", no_room),
    ("without_colour_a_menu_marks_the_chosen_one", without_colour),
    ("a_terminal_without_keys_lists_what_fits", dumb),
    (
        "what_is_pasted_with_tabs_is_what_was_pasted",
        tabs_in_a_paste,
    ),
    ("history_is_searched_past_an_open_menu", history),
];

fn start() -> (TempDir, Terminal) {
    let folder = TempDir::new().unwrap();
    let terminal = Terminal::start(&folder);
    (folder, terminal)
}

/// Waits until this stands from the last prompt on.
#[track_caller]
fn wait_for_below(terminal: &Terminal, wanted: &str) {
    terminal.wait_until(wanted, |screen| below(screen) == wanted);
}

/// What stands from the last prompt on.
fn below(screen: &vt100::Screen) -> String {
    let width = screen.size().1;
    let rows: Vec<String> = screen.rows(0, width.into()).collect();
    let from = rows.iter().rposition(|row| row.starts_with("sandbox> "));
    let rows = rows[from.unwrap_or(0)..].iter().map(|row| row.trim_end());
    rows.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

fn groups() {
    let (_folder, mut terminal) = start();
    terminal.enter("let port_of = 80");
    terminal.type_keys("por\t");
    wait_for_below(
        &terminal,
        "sandbox> port
variables
  port_of    int 80
words
  port       Sets up the link as a bridge's port: its VLANs and its options, and returns the link.
  wait_port  Waits until something in the namespace listens on the port, for `time` at most: `prot…
  report     The report of the pings from one member to another, each given as a handle or by its …
statements
  export
  import",
    );
    // The heading comes back with the first one; what is chosen says how it is called.
    terminal.type_keys("\x1b[B\x1b[B");
    terminal.wait_for("\n> port       Sets up");
    terminal.wait_for("\n  port(link: string");
}

fn choosing() {
    let (_folder, mut terminal) = start();
    for name in ["lab-1", "lab-2", "lab-3"] {
        terminal.enter(&format!("netns(\"{name}\")"));
    }
    terminal.type_keys("netns(\"la\t");
    wait_for_below(
        &terminal,
        "sandbox> netns(\"lab-\n  lab-1\n  lab-2\n  lab-3",
    );
    let keys = ["\t", "\x1b[B", "\x1b[B", "\x1b[B", "\x1b[Z", "\x1b[A"];
    for (key, chosen) in keys.into_iter().zip([1, 2, 3, 1, 3, 2]) {
        terminal.type_keys(key);
        let mark = |at| if at == chosen { '>' } else { ' ' };
        let rows = (1..=3).map(|at| format!("\n{} lab-{at}", mark(at)));
        let wanted = format!("sandbox> netns(\"lab-{}", rows.collect::<String>());
        wait_for_below(&terminal, &wanted);
    }
    terminal.type_keys("\r\").name\r");
    terminal.wait_for_prompt();
    let screen = terminal.screen();
    assert!(
        screen.contains("sandbox> netns(\"lab-2\").name\nlab-2\n"),
        "{screen}"
    );
    // Without a choice Enter does what it always does.
    terminal.type_keys("let told\t = 1\r");
    terminal.wait_for_prompt();
    terminal.type_keys("let a = \ttold\r");
    terminal.wait_for_prompt();
    assert!(terminal.enter("a + 41").ends_with("\n42\nsandbox>"));
}

fn narrowing() {
    let (_folder, mut terminal) = start();
    terminal.type_keys("wa\t_");
    terminal.wait_for("sandbox> wait_\n  wait_dad    Waits until duplicate");
    terminal.type_keys("p");
    wait_for_below(
        &terminal,
        "sandbox> wait_p\n  wait_port  Waits until something in the namespace listens on the port, for `time` at most: `prot…
  wait_up    Waits until the link is up and has a carrier, five seconds at most, and returns it.",
    );
    terminal.type_keys("\x7f");
    terminal.wait_for("sandbox> wait_\n  wait_dad    Waits until duplicate");
    // What fits nothing closes it, and so does what begins something else.
    terminal.type_keys("zz");
    wait_for_below(&terminal, "sandbox> wait_zz");
    // Letters in their order find it, too.
    terminal.type_keys("\x15wtprt\t");
    terminal.wait_for("sandbox> wait_port(");
}

fn leaving() {
    let (_folder, mut terminal) = start();
    for key in ["\x03", "\x1b", "\x07"] {
        terminal.type_keys("wai\t");
        terminal.wait_for("wait_dad");
        terminal.type_keys(key);
        wait_for_below(&terminal, "sandbox> wait");
        terminal.type_keys("\x15");
        wait_for_below(&terminal, "sandbox>");
    }
}

fn moving() {
    for color in ["always", "never"] {
        let folder = TempDir::new().unwrap();
        let color = format!("--color={color}");
        let mut terminal = Terminal::start_with(&folder, &["--sandbox=ns", &color]);
        terminal.wait_for_prompt();
        // Those that go nowhere close it, too.
        for key in [
            "\x1b[D", "\x1b[C", "\x1b[H", "\x1b[F", "\x01", "\x05", "\x0b", "\x1b[3~", "\x19",
        ] {
            terminal.type_keys("wai\t");
            terminal.wait_for("wait_dad");
            terminal.type_keys(key);
            wait_for_below(&terminal, "sandbox> wait");
            terminal.type_keys("\x05\x15");
            wait_for_below(&terminal, "sandbox>");
        }
    }
}

fn widths() {
    let (_folder, mut terminal) = start();
    for (columns, first) in [
        (
            200,
            "  wait        Waits until the process has ended, and returns its exit code: 128 and the number of the signal where one ended it.",
        ),
        (
            80,
            "  wait        Waits until the process has ended, and returns its exit code: 12…",
        ),
        (40, "  wait        Waits until the process …"),
        (20, "  wait"),
    ] {
        terminal.resize(columns);
        terminal.type_keys("wai\t");
        terminal.wait_until(first, |screen| {
            let below = below(screen);
            let lines: Vec<&str> = below.lines().collect();
            lines.len() == 8 && lines[0] == "sandbox> wait" && lines[1] == first
        });
        terminal.type_keys("\x03\x15");
        wait_for_below(&terminal, "sandbox>");
    }
}

fn scrolling() {
    let (_folder, mut terminal) = start();
    terminal.enter("for i in 1..=30 { netns(`many-${i}`) }");
    terminal.type_keys("netns(\"m\t");
    let rows = |from: u32, to: u32, chosen: u32| {
        let mark = |at| if at == chosen { '>' } else { ' ' };
        let rows = (from..=to).map(|at| format!("\n{} many-{at}", mark(at)));
        format!(
            "sandbox> netns(\"many-{}\n  … 20 more",
            rows.collect::<String>()
        )
    };
    wait_for_below(&terminal, &rows(1, 10, 0));
    terminal.type_keys("\x1b[6~");
    wait_for_below(&terminal, &rows(1, 10, 1));
    terminal.type_keys("\x1b[6~\x1b[B\x1b[B");
    wait_for_below(&terminal, &rows(2, 11, 11));
    terminal.type_keys("\x1b[5~");
    wait_for_below(&terminal, &rows(2, 11, 3));
    // Behind the first comes the last.
    terminal.type_keys("\x1b[A\x1b[A\x1b[A");
    wait_for_below(&terminal, &rows(21, 30, 30));
}

fn entry_of_many_lines() {
    let (_folder, mut terminal) = start();
    terminal.resize_to(12, 60);
    terminal.type_keys("let all = [\r1,\r2,\rwai\t");
    wait_for_below(
        &terminal,
        "sandbox> let all = [
    1,
    2,
    wait
  wait        Waits until the process has ended, and retur…
  wait_dad    Waits until duplicate address detection has …
  wait_event  Waits until the kernel reports what `wanted`…
  wait_for    Calls `condition` until it gives true, for `…
  wait_line   Waits for a line that holds `text`, but for …
  wait_port   Waits until something in the namespace liste…
  wait_up     Waits until the link is up and has a carrier…",
    );
    terminal.type_keys("\x1b[A\r");
    terminal.wait_until("the last one", |screen| {
        below(screen).starts_with("sandbox> let all = [\n    1,\n    2,\n    wait_up(")
    });
}

fn no_room() {
    let (_folder, mut terminal) = start();
    terminal.resize_to(4, 40);
    terminal.type_keys("wai\t");
    terminal.wait_for("--More--");
    terminal.type_keys("q");
    wait_for_below(&terminal, "sandbox> wait");
}

fn without_colour() {
    let folder = TempDir::new().unwrap();
    let mut terminal = Terminal::start_with(&folder, &["--sandbox=ns", "--color=never"]);
    terminal.wait_for_prompt();
    terminal.type_keys("wai\t\t\t");
    terminal.wait_for("\n> wait_dad    Waits");
    terminal.with_screen(|screen| {
        for row in 0..20 {
            for column in 0..100 {
                let is_plain = screen.cell(row, column).is_none_or(|cell| {
                    cell.fgcolor() == vt100::Color::Default
                        && !(cell.inverse() || cell.dim() || cell.bold())
                });
                assert!(is_plain, "{row} {column}: {}", screen.contents());
            }
        }
    });
}

fn dumb() {
    let folder = TempDir::new().unwrap();
    let mut terminal = Terminal::start_as("dumb", &folder);
    terminal.wait_for("sandbox> ");
    terminal.type_keys("netns(\"one\"); netns(\"two\");\r");
    terminal.wait_for("+ namespace two\ntwo\nsandbox> ");
    terminal.type_keys("let x = netns(\"\t\r");
    terminal.wait_for("\n1 one\n2 two\nsandbox> ");
    terminal.type_keys("6 * 7\r");
    terminal.wait_for("\n42\nsandbox> ");
}

fn tabs_in_a_paste() {
    let (folder, mut terminal) = start();
    for script in [
        "fn twice(x) {\n\tif x > 1 {\n\t\tx * 2\n\t} else {\n\t\tx\n\t}\n}",
        "let told\t= 5;",
    ] {
        for keys in [
            format!("\x1b[200~{script}\x1b[201~\r"),
            format!("{}\r", script.replace('\n', "\r")),
        ] {
            terminal.type_keys(&keys);
            terminal.wait_for_prompt();
        }
    }
    assert!(terminal.enter("twice(told)").ends_with("\n10\nsandbox>"));
    let history = std::fs::read_to_string(folder.path().join("ipvsh/history")).unwrap();
    assert!(!history.contains("twice(("), "{history}");
}

fn history() {
    let (_folder, mut terminal) = start();
    terminal.enter("let first = 11");
    terminal.type_keys("wai\t");
    terminal.wait_for("wait_dad");
    terminal.type_keys("\x12fir");
    terminal.wait_for("(reverse-i-search)`fir': let first = 11");
    assert!(!terminal.screen().contains("wait_dad"));
    terminal.type_keys("\r");
    terminal.wait_for_prompt();
}
