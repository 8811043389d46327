//! Typing: completion, hints, colours, several lines, paste, the history.

use tempfile::TempDir;

use crate::Test;
use crate::terminal::Terminal;

pub(crate) const TESTS: &[Test] = &[
    (
        "tab_completes_a_word_with_its_bracket",
        tab_completes_a_word_with_its_bracket,
    ),
    (
        "tab_shows_what_fits_the_type_before_the_dot",
        tab_shows_what_fits_the_type_before_the_dot,
    ),
    ("tab_knows_the_type_of_a_call", tab_knows_the_type_of_a_call),
    (
        "tab_looks_at_a_property_to_know_its_type",
        tab_looks_at_a_property_to_know_its_type,
    ),
    (
        "tab_behind_a_list_or_a_text_offers_what_is_meant_for_them",
        tab_behind_a_list_or_a_text_offers_what_is_meant_for_them,
    ),
    (
        "tab_completes_the_keys_of_options",
        tab_completes_the_keys_of_options,
    ),
    (
        "tab_completes_the_names_that_an_option_can_have",
        tab_completes_the_names_that_an_option_can_have,
    ),
    (
        "tab_completes_namespaces_and_links_of_the_kernel",
        tab_completes_namespaces_and_links_of_the_kernel,
    ),
    (
        "tab_completes_processes_with_a_namespace",
        tab_completes_processes_with_a_namespace,
    ),
    (
        "tab_completes_containers_that_run",
        tab_completes_containers_that_run,
    ),
    (
        "a_program_of_containers_that_hangs_holds_up_no_typing",
        a_program_of_containers_that_hangs_holds_up_no_typing,
    ),
    (
        "tab_completes_commands_their_parameters_and_files",
        tab_completes_commands_their_parameters_and_files,
    ),
    (
        "a_ghost_shows_the_signature_and_the_history",
        a_ghost_shows_the_signature_and_the_history,
    ),
    (
        "a_ghost_shows_the_form_that_is_being_typed",
        a_ghost_shows_the_form_that_is_being_typed,
    ),
    (
        "tab_within_brackets_offers_what_a_value_begins_with",
        tab_within_brackets_offers_what_a_value_begins_with,
    ),
    (
        "tab_completes_code_within_a_text_and_no_key_twice",
        tab_completes_code_within_a_text_and_no_key_twice,
    ),
    (
        "tab_offers_the_links_of_where_the_call_acts",
        tab_offers_the_links_of_where_the_call_acts,
    ),
    (
        "tab_completes_the_parent_of_a_bare_word",
        tab_completes_the_parent_of_a_bare_word,
    ),
    (
        "an_unknown_word_and_a_stray_bracket_are_red",
        an_unknown_word_and_a_stray_bracket_are_red,
    ),
    (
        "an_unknown_command_and_an_unknown_word_of_a_module_are_red",
        an_unknown_command_and_an_unknown_word_of_a_module_are_red,
    ),
    (
        "without_colour_nothing_is_coloured",
        without_colour_nothing_is_coloured,
    ),
    (
        "what_is_not_complete_goes_on_set_in",
        what_is_not_complete_goes_on_set_in,
    ),
    ("a_pasted_script_is_one_entry", a_pasted_script_is_one_entry),
    (
        "a_closing_bracket_goes_below_the_line_that_opened_it",
        a_closing_bracket_goes_below_the_line_that_opened_it,
    ),
    (
        "lines_that_come_at_once_are_entered_one_by_one",
        lines_that_come_at_once_are_entered_one_by_one,
    ),
    ("control_r_finds_an_entry", control_r_finds_an_entry),
    ("alt_enter_begins_a_new_line", alt_enter_begins_a_new_line),
    (
        "functions_of_an_own_module_are_offered",
        functions_of_an_own_module_are_offered,
    ),
    (
        "a_session_begins_with_the_script_of_the_user",
        a_session_begins_with_the_script_of_the_user,
    ),
    (
        "up_chooses_among_what_begins_as_typed",
        up_chooses_among_what_begins_as_typed,
    ),
    (
        "the_history_stays_between_sessions_each_entry_once",
        the_history_stays_between_sessions_each_entry_once,
    ),
    (
        "a_leading_blank_keeps_an_entry_private",
        a_leading_blank_keeps_an_entry_private,
    ),
];

fn folder() -> TempDir {
    TempDir::new().unwrap()
}

fn tab_completes_a_word_with_its_bracket() {
    let mut terminal = Terminal::start(&folder());
    terminal.type_keys("namesp\t");
    terminal.wait_for("sandbox> namespaces()");
}

fn tab_shows_what_fits_the_type_before_the_dot() {
    let mut terminal = Terminal::start(&folder());
    terminal.enter("let net = netns(\"a\")");
    terminal.type_keys("net.i\t");
    terminal.wait_for("  ipvlan     Makes an ipvlan slave");
    assert!(
        !terminal.screen().contains("is_up"),
        "{}",
        terminal.screen()
    );
    terminal.type_keys("\x7fpin\t");
    terminal.wait_for("sandbox> net.ping(");
}

fn tab_knows_the_type_of_a_call() {
    let mut terminal = Terminal::start(&folder());
    terminal.type_keys("netns(\"a\").veth(\"v0\", \"v1\").is_\t");
    terminal.wait_for("\"v1\").is_up");
}

fn tab_looks_at_a_property_to_know_its_type() {
    let mut terminal = Terminal::start(&folder());
    terminal.enter("let v = netns(\"a\").veth(\"v0\", \"v1\")");
    // A link has an index; a namespace, which it could be for all that the manual says, has none.
    terminal.type_keys("v.peer.ind\t");
    terminal.wait_for("v.peer.index");
    terminal.enter("");
    terminal.type_keys("netns(\"a\").links[0].ind\t");
    terminal.wait_for("links[0].index");
}

fn tab_behind_a_list_or_a_text_offers_what_is_meant_for_them() {
    let mut terminal = Terminal::start(&folder());
    // `exec` takes a list too.
    terminal.type_keys("[1, 2].ex\t");
    terminal.wait_for("[1, 2].extract(");
}

fn tab_completes_the_keys_of_options() {
    let mut terminal = Terminal::start(&folder());
    terminal.type_keys("host().ping(\"::1\", #{cou\t2, int\t");
    terminal.wait_for("#{count: 2, interval: ");
}

fn tab_completes_the_names_that_an_option_can_have() {
    let mut terminal = Terminal::start(&folder());
    terminal.type_keys("bond(\"b\", \"80\t");
    terminal.wait_for("bond(\"b\", \"802.3ad");
    terminal.type_keys("\", #{xmit_hash_policy: \"v\t");
    terminal.wait_for("policy: \"vlan+srcmac");
    terminal.enter("\u{3}");
    terminal.type_keys("macvlan(\"p\", \"m\", \"pa\t");
    terminal.wait_for("\"passthru");
}

fn tab_completes_namespaces_and_links_of_the_kernel() {
    let mut terminal = Terminal::start(&folder());
    terminal.ip("netns add blue-net");
    terminal.ip("-n blue-net link add uplink0 type veth peer name uplink1");
    terminal.type_keys("netns(\"bl\t");
    terminal.wait_for("netns(\"blue-net");
    terminal.type_keys("\").link(\"up\t0\").name");
    terminal.wait_for(".link(\"uplink0\").name");
    assert!(terminal.enter("").contains("\nuplink0\n"));
}

fn tab_completes_processes_with_a_namespace() {
    let mut terminal = Terminal::start(&folder());
    terminal.enter("netns(`inside`).spawn(`sleep 1000`);");
    terminal.type_keys("netns(\"pid:\t\t");
    terminal.wait_until("a process", |screen| {
        let contents = screen.contents();
        let mut named = contents.split("pid:").skip(1);
        named.any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
}

fn tab_completes_containers_that_run() {
    let list =
        "#!/bin/sh\n[ \"$*\" = 'ps --format={{.Names}}' ] && printf 'web-2,front\\nweb-1\\n'\n";
    let folder = folder();
    let mut terminal = Terminal::start_with_programs(&folder, &[("docker", list)]);
    terminal.type_keys("netns(\"doc\t");
    terminal.type_until("\t", "\n  docker:front\n  docker:web-1\n  docker:web-2");
    terminal.type_keys("f");
    terminal.type_until("\t", "sandbox> netns(\"docker:front");
    // By themselves, too, where it asks the kernel only.
    terminal.enter("\x15netns(`doom`)");
    terminal.type_keys("netns(\"do\t");
    terminal.wait_for("\nothers\n  docker  of a container of docker");
}

fn a_program_of_containers_that_hangs_holds_up_no_typing() {
    let hangs = "#!/bin/sh\necho web\nsleep 1000\n";
    let folder = folder();
    let mut terminal = Terminal::start_with_programs(&folder, &[("podman", hangs)]);
    terminal.type_keys("netns(\"podman:\tweb\").up\t");
    terminal.wait_for("sandbox> netns(\"podman:web\").up(");
}

fn tab_completes_commands_their_parameters_and_files() {
    let folder = folder();
    std::fs::write(folder.path().join("story.rhai"), "let told = 7;").unwrap();
    let mut terminal = Terminal::start(&folder);
    terminal.type_keys(":lo\t st\t");
    terminal.wait_for("sandbox> :load story.rhai");
    terminal.enter("");
    assert!(terminal.enter("told + 1").contains("\n8\n"));
    terminal.type_keys(":trace of\t");
    terminal.wait_for(":trace off");
}

fn a_ghost_shows_the_signature_and_the_history() {
    let mut terminal = Terminal::start(&folder());
    terminal.type_keys("assert(");
    terminal.wait_for("assert(   assert(condition: bool)");
    terminal.type_keys("\x15");
    terminal.wait_until_gone("assert(");
    terminal.enter("let answer = 42");
    terminal.type_keys("let an");
    terminal.wait_for("sandbox> let answer = 42\nsandbox> let answer = 42");
    // The right arrow takes it over.
    terminal.type_keys("\x1b[C+ 1\r");
    terminal.wait_for_prompt();
    assert!(terminal.enter("answer").contains("\n43\n"));
}

fn a_ghost_shows_the_form_that_is_being_typed() {
    let mut terminal = Terminal::start(&folder());
    terminal.enter("let net = netns(\"a\"); let v = net.veth(\"v0\", \"v1\");");
    for (typed, ghost) in [
        ("net.route(", "net.route(destination: string, dev: any)"),
        ("v.route(", "link.route(destination: string)"),
        ("v.sysctl(", "link.sysctl(key: string)"),
        (
            "net.ipvlan(v, \"x\", #{",
            "net.ipvlan(parent: any, name: string, options: map)",
        ),
        (
            "net.ipvlan(v, \"x\", ",
            "net.ipvlan(parent: any, name: string, mode: string)",
        ),
    ] {
        terminal.type_keys(typed);
        terminal.wait_for(&format!("{typed}   {ghost}"));
        terminal.type_keys("\x15");
        terminal.wait_until_gone(ghost);
    }
}

fn tab_within_brackets_offers_what_a_value_begins_with() {
    let mut terminal = Terminal::start(&folder());
    terminal.enter("let catalog = 1");
    terminal.type_keys("print(ca\t");
    terminal.wait_for("\n  carrier  ");
    assert!(
        !terminal.screen().contains("catch"),
        "{}",
        terminal.screen()
    );
}

fn tab_completes_code_within_a_text_and_no_key_twice() {
    let mut terminal = Terminal::start(&folder());
    terminal.enter("let net = netns(\"a\")");
    terminal.type_keys("print(`in ${net.ino\t}`)");
    terminal.wait_for("sandbox> print(`in ${net.inode}`)");
    terminal.enter("");
    terminal.type_keys("net.ping(\"::1\", #{count: 2, co\t");
    terminal.type_keys("int\t");
    terminal.wait_for("#{count: 2, coint");
    terminal.enter("\x15");
    terminal.type_keys("net.drop(#{hook: \"f\t");
    terminal.wait_for("#{hook: \"forward");
}

fn tab_completes_the_parent_of_a_bare_word() {
    let mut terminal = Terminal::start(&folder());
    terminal.enter("netns(\"lost\")");
    terminal.type_keys("macvlan(\"l\t");
    terminal.wait_for("macvlan(\"lo   ");
}

fn an_unknown_word_and_a_stray_bracket_are_red() {
    let mut terminal = Terminal::start(&folder());
    terminal.type_keys("frobnicate(1)) netns(");
    let red = vt100::Color::Idx(1);
    terminal.wait_until("red", |screen| {
        let color = |column| screen.cell(3, column).map(vt100::Cell::fgcolor);
        color(9) == Some(red)
            && color(19) != Some(red)
            && color(22) == Some(red)
            && color(25) == Some(vt100::Color::Idx(6))
    });
}

fn an_unknown_command_and_an_unknown_word_of_a_module_are_red() {
    let mut terminal = Terminal::start(&folder());
    let red = vt100::Color::Idx(1);
    terminal.enter("import `std/lab` as l");
    for (typed, column, is_red) in [
        (":frob", 10, true),
        (":und", 10, false),
        (":time frob()", 16, true),
        ("l::wirr(", 13, true),
        ("l::wire(", 13, false),
        ("m::wire(", 9, true),
    ] {
        terminal.type_keys(typed);
        terminal.wait_until(typed, |screen| {
            let (row, _) = screen.cursor_position();
            let line = screen.rows(0, 100).nth(row.into()).unwrap_or_default();
            let cell = screen.cell(row, column);
            line.starts_with(&format!("sandbox> {typed}"))
                && cell.is_some_and(|cell| (cell.fgcolor() == red) == is_red)
        });
        terminal.type_keys("\x15");
        terminal.wait_until_gone(&format!("> {typed}"));
    }
    // A module has the name that it was given.
    terminal.type_keys("l::wi\t");
    terminal.wait_for("l::wire(   lab::wire(a, b, network)");
}

fn functions_of_an_own_module_are_offered() {
    let folder = folder();
    let text = "/// Says it twice.\nfn twice(text) { text + text }\nprivate fn turn() {}\nfn trice(text) {}\n";
    std::fs::write(folder.path().join("own.rhai"), text).unwrap();
    let mut terminal = Terminal::start(&folder);
    terminal.enter("import \"own\" as mine");
    terminal.type_keys("mine::tw\t\"a\")\r");
    terminal.wait_for("mine::twice(\"a\")\naa\n");
    terminal.wait_for_prompt();
    terminal.type_keys("mine::t\t");
    terminal.wait_for("\n  twice  Says it twice.\n  trice");
    terminal.type_keys("\t\t");
    terminal.wait_for("\n> trice\n  trice(text)");
    assert!(!terminal.screen().contains("turn"));
}

fn without_colour_nothing_is_coloured() {
    let folder = folder();
    let mut terminal = Terminal::start_with(&folder, &["--sandbox=ns", "--color=never"]);
    terminal.wait_for_prompt();
    terminal.enter("let answer = 42");
    terminal.type_keys("let ans");
    // Nor is there a ghost, which would look like what was typed.
    terminal.wait_until("`let ans` alone", |screen| {
        let lines = screen.contents();
        let last = lines.lines().rfind(|line| !line.trim().is_empty());
        last.is_some_and(|line| line.trim_end().ends_with("> let ans"))
    });
    terminal.with_screen(|screen| {
        let cells =
            (0..2).flat_map(|row| (0..40).filter_map(move |column| screen.cell(row, column)));
        let mut coloured = cells.filter(|cell| cell.fgcolor() != vt100::Color::Default);
        assert!(coloured.next().is_none(), "{}", screen.contents());
    });
}

fn what_is_not_complete_goes_on_set_in() {
    let mut terminal = Terminal::start(&folder());
    terminal.type_keys("fn twice(x) {\rx * 2\r}\r");
    terminal.wait_for_prompt();
    let screen = terminal.screen();
    assert!(screen.contains("{\n    x * 2\n}\n"), "{screen}");
    for (entry, value) in [
        ("twice(\r20 +\r1)", "42"),
        ("1 +\r6", "7"),
        ("/* a\rb */ 5", "5"),
        ("let f = |x|\rx + 2; f.call(1)", "3"),
        ("`a\rb`.len()", "3"),
    ] {
        let screen = terminal.enter(entry);
        assert!(
            screen.contains(&format!("\n{value}\n")),
            "{entry}:\n{screen}"
        );
    }
}

fn a_pasted_script_is_one_entry() {
    let mut terminal = Terminal::start(&folder());
    let script = "let a = 1;\nfn more(x) {\n    x + 1\n}\nmore(a) * 100";
    terminal.type_keys(&format!("\x1b[200~{script}\x1b[201~"));
    terminal.wait_for("* 100");
    assert!(!terminal.screen().contains("\n200"));
    assert!(terminal.enter("").contains("\n200\n"));
    // Back as a whole.
    terminal.type_keys("\x1b[A");
    terminal.wait_until("the script once more", |screen| {
        screen
            .contents()
            .matches("fn more(x) {\n    x + 1\n}")
            .count()
            == 2
    });
}

fn lines_that_come_at_once_are_entered_one_by_one() {
    let mut terminal = Terminal::start(&folder());
    // So pastes a terminal without brackets, and so type programs.
    terminal.type_keys("let a = 11\rlet b = 22\ra + b\r");
    terminal.wait_for("\n33\n");
}

fn control_r_finds_an_entry() {
    let mut terminal = Terminal::start(&folder());
    terminal.enter("let first = 11");
    terminal.enter("let second = 22");
    terminal.type_keys("\x12fir");
    terminal.wait_for("(reverse-i-search)`fir': let first = 11");
    terminal.type_keys("\r");
    terminal.wait_for_prompt();
}

fn alt_enter_begins_a_new_line() {
    let mut terminal = Terminal::start(&folder());
    terminal.type_keys("let a = 40;");
    terminal.wait_for("let a = 40;");
    terminal.type_keys("\x1b\r");
    terminal.type_keys("print(a + 2)\r");
    terminal.wait_for("\n42\n");
    terminal.wait_for_prompt();
}

fn the_history_stays_between_sessions_each_entry_once() {
    let folder = folder();
    let mut terminal = Terminal::start(&folder);
    for entry in ["let a = 1", "let b = 2", "let a = 1"] {
        terminal.enter(entry);
    }
    terminal.type_keys("\x04");
    assert_eq!(terminal.wait_for_end(), Some(0));
    let mut terminal = Terminal::start(&folder);
    terminal.type_keys("\x1b[A");
    terminal.wait_for("sandbox> let a = 1");
    terminal.type_keys("\x1b[A");
    terminal.wait_for("sandbox> let b = 2");
    terminal.type_keys("\x1b[A\x1b[A");
    let kept = std::fs::read_to_string(folder.path().join("ipvsh/history")).unwrap();
    assert_eq!(kept, "#V2\nlet b = 2\nlet a = 1\n");
}

fn up_chooses_among_what_begins_as_typed() {
    let folder = folder();
    let mut terminal = Terminal::start(&folder);
    for entry in ["let a = 1", "a + 40", "let b = 2", "b + 40"] {
        terminal.enter(entry);
    }
    terminal.type_keys("let");
    terminal.type_keys("\x1b[A");
    terminal.wait_for("sandbox> let b = 2");
    terminal.type_keys("\x1b[A");
    terminal.wait_for("sandbox> let a = 1");
    terminal.type_keys("\x1b[B");
    terminal.wait_for("sandbox> let b = 2");
    // Where nothing was typed it is each.
    terminal.type_keys("\x15\x1b[A");
    terminal.wait_for("sandbox> b + 40");
    terminal.type_keys("\x1b[A\x1b[A");
    terminal.wait_for("sandbox> a + 40");
}

fn a_session_begins_with_the_script_of_the_user() {
    let folder = folder();
    let settings = folder.path().join(".config/ipvsh");
    std::fs::create_dir_all(&settings).unwrap();
    let file = settings.join("init.rhai");
    std::fs::write(&file, "fn twice(x) { x * 2 }\nlet mine = 20;\n").unwrap();
    let mut terminal = Terminal::start(&folder);
    assert!(terminal.enter("twice(mine) + 2").contains("\n42\n"));
    // A mistake in it is told, and the session begins without it.
    std::fs::write(&file, "let mine = ;\n").unwrap();
    let mut terminal = Terminal::start(&folder);
    terminal.wait_for("init.rhai:1:12");
    assert!(terminal.enter("6 * 7").contains("\n42\n"));
}

fn a_leading_blank_keeps_an_entry_private() {
    let folder = folder();
    let mut terminal = Terminal::start(&folder);
    terminal.enter("let open = 1");
    terminal.enter(" let secret = 2");
    assert!(terminal.enter("secret + 1").contains("\n3\n"));
    let kept = std::fs::read_to_string(folder.path().join("ipvsh/history")).unwrap();
    assert_eq!(kept, "#V2\nlet open = 1\nsecret + 1\n");
}

fn a_closing_bracket_goes_below_the_line_that_opened_it() {
    let mut terminal = Terminal::start(&folder());
    terminal.type_keys("fn g(x) {\rif x {\r1\r} else {\r[\r2\r][0]\r}\r}\r");
    terminal.wait_for_prompt();
    let screen = terminal.screen();
    assert!(
        screen.contains(
            "fn g(x) {\n    if x {\n        1\n    } else {\n        [\n            2\n        ][0]\n    }\n}\n"
        ),
        "{screen}"
    );
    let screen = terminal.enter("print(#{\ra: g(true) + g(false)\r})");
    assert!(
        screen.contains("print(#{\n    a: g(true) + g(false)\n})\n"),
        "{screen}"
    );
    assert!(screen.ends_with("\na: 3\nsandbox>"), "{screen}");
}

/// It once offered those of the namespace that the session was started in.
fn tab_offers_the_links_of_where_the_call_acts() {
    let mut terminal = Terminal::start(&folder());
    terminal.ip("netns add blue");
    terminal.ip("-n blue link add inner0 type veth peer name inner1");
    terminal.ip("link add outer0 type veth peer name outer1");
    terminal.type_keys("within \"blue\" { up(\"in\t0");
    terminal.wait_for("up(\"inner0");
    terminal.enter("\x15");
    terminal.type_keys("netns(\"red\").link(\"ou\t");
    terminal.type_keys("?\x15macvlan(\t");
    terminal.wait_for("macvlan(\"\n  lo\n  outer0  veth\n  outer1  veth");
    let screen = terminal.screen();
    assert!(!screen.contains("link(\"outer"), "{screen}");
    assert!(!screen.contains("assert("), "{screen}");
}
