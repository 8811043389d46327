//! Staying alive: errors, Ctrl-C, Ctrl-Z, a narrower window, a namespace that goes.

use tempfile::TempDir;

use crate::Test;
use crate::terminal::Terminal;

pub(crate) const TESTS: &[Test] = &[
    (
        "an_error_prints_and_keeps_the_variables",
        an_error_prints_and_keeps_the_variables,
    ),
    (
        "control_c_stops_a_ping_and_only_that",
        control_c_stops_a_ping_and_only_that,
    ),
    (
        "control_c_stops_a_loop_a_sleep_and_a_command",
        control_c_stops_a_loop_a_sleep_and_a_command,
    ),
    (
        "control_backslash_stops_a_ping_and_only_that",
        control_backslash_stops_a_ping_and_only_that,
    ),
    (
        "control_c_clears_what_is_typed",
        control_c_clears_what_is_typed,
    ),
    (
        "control_z_stops_a_session_and_fg_goes_on_with_it",
        control_z_stops_a_session_and_fg_goes_on_with_it,
    ),
    (
        "what_is_no_text_is_dropped_and_the_session_goes_on",
        what_is_no_text_is_dropped_and_the_session_goes_on,
    ),
    (
        "what_is_being_typed_is_drawn_anew_in_a_narrower_window",
        what_is_being_typed_is_drawn_anew_in_a_narrower_window,
    ),
    (
        "a_session_with_more_namespaces_than_it_may_keep_open_goes_on",
        a_session_with_more_namespaces_than_it_may_keep_open_goes_on,
    ),
    (
        "tables_are_as_wide_as_the_window_is_now",
        tables_are_as_wide_as_the_window_is_now,
    ),
    (
        "a_namespace_that_was_deleted_is_told",
        a_namespace_that_was_deleted_is_told,
    ),
    (
        "the_prompt_shows_where_one_is",
        the_prompt_shows_where_one_is,
    ),
    (
        "a_shell_opens_in_the_namespace",
        a_shell_opens_in_the_namespace,
    ),
    (
        "functions_modules_and_commands",
        functions_modules_and_commands,
    ),
];

fn start() -> (TempDir, Terminal) {
    let folder = TempDir::new().unwrap();
    let terminal = Terminal::start(&folder);
    (folder, terminal)
}

fn an_error_prints_and_keeps_the_variables() {
    let (_folder, mut terminal) = start();
    terminal.enter("let kept = 5");
    let screen = terminal.enter("let kept = 6; frobnicate()");
    assert!(
        screen.contains("error: there is no word `frobnicate`"),
        "{screen}"
    );
    assert!(terminal.enter("kept * 10").contains("\n50\n"));
}

fn control_c_stops_a_ping_and_only_that() {
    let (_folder, mut terminal) = start();
    terminal.enter("let kept = 5");
    terminal.type_keys("host().ping(\"127.0.0.1\")\r");
    terminal.wait_for("icmp_seq=1");
    terminal.type_keys("\x03");
    terminal.wait_for_prompt();
    assert!(
        terminal.screen().contains("packets transmitted"),
        "{}",
        terminal.screen()
    );
    assert!(terminal.enter("kept * 10").contains("\n50\n"));
}

fn control_c_stops_a_loop_a_sleep_and_a_command() {
    let (_folder, mut terminal) = start();
    for entry in [
        "print(`on`); loop { }",
        "print(`on`); sleep(`1h`)",
        "print(`on`); host().exec([`sleep`, `3600`])",
    ] {
        // The same twice: a second Ctrl-C is no other than the first.
        for _ in 0..2 {
            terminal.type_keys(&format!("{entry}\r"));
            terminal.wait_for("\non");
            terminal.type_keys("\x03");
            terminal.wait_for_prompt();
            let screen = terminal.screen();
            // Ctrl-C goes to the command, too, which may be the quicker one.
            let is_stopped = screen.contains("interrupted") || screen.contains("exit code 130");
            assert!(is_stopped, "{screen}");
            terminal.enter(":clear");
        }
    }
}

fn control_backslash_stops_a_ping_and_only_that() {
    let (_folder, mut terminal) = start();
    terminal.enter("let kept = 5");
    terminal.type_keys("host().ping(\"127.0.0.1\")\r");
    terminal.wait_for("icmp_seq=1");
    terminal.type_keys("\x1c");
    terminal.wait_for_prompt();
    assert!(terminal.enter("kept * 10").contains("\n50\n"));
}

fn control_c_clears_what_is_typed() {
    let (_folder, mut terminal) = start();
    terminal.type_keys("let x = (\x03");
    terminal.wait_for_prompt();
    assert!(terminal.enter("1 + 1").contains("\n2\n"));
}

fn control_z_stops_a_session_and_fg_goes_on_with_it() {
    let folder = TempDir::new().unwrap();
    let mut terminal = Terminal::start_from_shell(&folder);
    let stop = |terminal: &mut Terminal, times: usize| {
        terminal.type_keys("\x1a");
        terminal.wait_until("a stopped job", |screen| {
            screen.contents().matches("Stopped").count() == times
        });
        terminal.type_keys("fg\r");
    };
    terminal.enter("let kept = 5");
    stop(&mut terminal, 1);
    terminal.type_keys("kept * 10\r");
    terminal.wait_for("\n50\n");
    terminal.type_keys("host().ping(\"127.0.0.1\")\r");
    terminal.wait_for("icmp_seq=1 ");
    stop(&mut terminal, 2);
    terminal.wait_for("icmp_seq=3 ");
    terminal.type_keys("\x03");
    terminal.wait_for("packets transmitted");
    terminal.type_keys("kept * 11\r");
    terminal.wait_for("\n55\n");
}

fn what_is_no_text_is_dropped_and_the_session_goes_on() {
    let (_folder, mut terminal) = start();
    terminal.enter("let kept = 5");
    terminal.type_bytes(b"let kept = \"\xff\xfe");
    terminal.wait_for_prompt();
    let screen = terminal.screen();
    assert!(
        screen.contains("error: what was typed is no UTF-8, and was dropped\n"),
        "{screen}"
    );
    assert!(terminal.enter("kept * 10").contains("\n50\n"));
}

fn what_is_being_typed_is_drawn_anew_in_a_narrower_window() {
    let (_folder, mut terminal) = start();
    let long = "y".repeat(80);
    terminal.type_keys(&format!("fn f(a) {{\rlet long = `{long}`;\ra + 1"));
    terminal.wait_for("    a + 1");
    terminal.resize(40);
    let rest = format!("{}`;", &long[..16]);
    terminal.wait_until("the end of the long line on a row of its own", |screen| {
        let rows: Vec<String> = screen.rows(0, 40).collect();
        rows[..8].ends_with(&[rest.clone(), "    a + 1".to_owned()])
    });
    terminal.type_keys("\r}\r");
    terminal.wait_for_prompt();
    let screen = terminal.screen();
    assert_eq!(screen.matches("fn f(a) {").count(), 1, "{screen}");
    assert!(terminal.enter("f(2)").contains("\n3\n"));
}

fn a_session_with_more_namespaces_than_it_may_keep_open_goes_on() {
    let (_folder, mut terminal) = start();
    terminal.enter("let all = []; for i in 0..520 { all.push(netns(`n${i}`)); all[i].links; }");
    let screen =
        terminal.enter("exec(`ls /proc/${host().processes[0]}/fd`).stdout.split().len < 1024");
    assert!(screen.contains("\ntrue\n"), "{screen}");
    assert!(terminal.enter("1 + 1").contains("\n2\n"));
}

fn tables_are_as_wide_as_the_window_is_now() {
    let (_folder, mut terminal) = start();
    terminal.enter("let list = [#{a: 1, b: `long long long long long long long`}]");
    assert!(
        terminal
            .enter("list")
            .contains("1  long long long long long long long\n")
    );
    terminal.enter(":clear");
    terminal.resize(30);
    let screen = terminal.enter("list");
    assert!(
        screen.contains("1  long long long long long\n   long long\n"),
        "{screen}"
    );
}

fn a_namespace_that_was_deleted_is_told() {
    let (_folder, mut terminal) = start();
    let screen = terminal.enter("let net = netns(`gone`); enter(net)");
    assert!(screen.ends_with("gone>"), "{screen}");
    terminal.ip("netns del gone");
    let screen = terminal.enter("net.links()");
    assert!(screen.contains("namespace `gone`"), "{screen}");
    assert!(terminal.enter("net").contains("> net\ngone (gone)\n"));
    assert!(screen.ends_with("gone (gone)>"), "{screen}");
    assert!(terminal.enter("leave()").ends_with("sandbox>"));
}

fn the_prompt_shows_where_one_is() {
    let (_folder, mut terminal) = start();
    terminal.enter("netns(`net-1`); netns(`net-2`)");
    assert!(terminal.enter("enter(`net-1`)").ends_with("net-1>"));
    assert!(
        terminal
            .enter("within `net-2` { here().name }")
            .contains("\nnet-2\n")
    );
    assert!(terminal.enter("leave()").ends_with("sandbox>"));
    assert!(
        terminal
            .enter("leave()")
            .contains("no namespace was entered")
    );
}

fn a_shell_opens_in_the_namespace() {
    let (_folder, mut terminal) = start();
    terminal.enter("netns(`net-1`).veth(`inside0`, `inside1`)");
    terminal.type_keys("shell(`net-1`)\r");
    terminal.wait_for("shell$");
    terminal.type_keys("ip -br link; echo in $IPVSH_NETNS\r");
    terminal.wait_until("the shell's next prompt", |screen| {
        screen.contents().matches("shell$").count() == 2
    });
    assert!(
        terminal.screen().contains("inside0@inside1"),
        "{}",
        terminal.screen()
    );
    // What is typed before the shell asks again is echoed twice.
    terminal.wait_until("the shell's prompt", |screen| {
        screen.contents().trim_end().ends_with("shell$")
    });
    terminal.type_keys("exit 3\r");
    terminal.wait_for_prompt();
    assert!(
        terminal.screen().contains("exit 3\n3\n"),
        "{}",
        terminal.screen()
    );
    assert!(terminal.enter("1 + 1").contains("\n2\n"));
}

fn functions_modules_and_commands() {
    let (_folder, mut terminal) = start();
    terminal.enter("import `std/lab` as lab; fn one() { 1 }");
    assert!(terminal.enter("one() + 1").contains("\n2\n"));
    terminal.type_keys("lab::up\t");
    terminal.wait_for("lab::uplink(");
    terminal.enter("\x15let shown = `here`");
    assert!(terminal.enter(":vars").contains("shown  string  \"here\""));
    assert!(terminal.enter(":time one()").contains("took "));
    assert!(
        terminal
            .enter(":time [\rone() + 41]")
            .contains("[42]\ntook ")
    );
    assert!(
        terminal
            .enter(":frob")
            .contains("there is no command `:frob`")
    );
    assert!(
        terminal
            .enter("help(assert)")
            .contains("Fails the script unless")
    );
    terminal.enter(":clear");
    for asked in ["help assert", ":help assert"] {
        let screen = terminal.enter(asked);
        assert!(screen.contains("Fails the script unless"), "{screen}");
        terminal.enter(":clear");
    }
    assert!(terminal.enter("?").contains(":undo"));
    assert!(
        terminal
            .enter("asert(true)")
            .contains("did you mean `assert`?")
    );
}
