//! What a session makes: taken back, saved, warned of.

use tempfile::TempDir;

use crate::Test;
use crate::terminal::Terminal;

pub(crate) const TESTS: &[Test] = &[
    (
        "why_takes_names_and_variables",
        why_takes_names_and_variables,
    ),
    (
        "undo_takes_back_what_the_last_entry_made",
        undo_takes_back_what_the_last_entry_made,
    ),
    (
        "undo_brings_back_what_an_entry_deleted",
        undo_brings_back_what_an_entry_deleted,
    ),
    (
        "steps_are_traced_while_that_is_on",
        steps_are_traced_while_that_is_on,
    ),
    (
        "what_an_entry_made_that_fails_is_taken_back",
        what_an_entry_made_that_fails_is_taken_back,
    ),
    (
        "a_saved_session_gives_the_same_lab",
        a_saved_session_gives_the_same_lab,
    ),
    (
        "undo_names_the_command_that_loaded_a_script",
        undo_names_the_command_that_loaded_a_script,
    ),
    (
        "a_return_does_not_end_the_saved_script",
        a_return_does_not_end_the_saved_script,
    ),
    ("leaving_warns_of_what_stands", leaving_warns_of_what_stands),
    (
        "leaving_says_how_the_lab_is_taken_down",
        leaving_says_how_the_lab_is_taken_down,
    ),
    (
        "leaving_without_a_lab_is_quiet",
        leaving_without_a_lab_is_quiet,
    ),
    ("the_tree_shows_what_stands", the_tree_shows_what_stands),
    (
        "who_reaches_whom_is_watched_live",
        who_reaches_whom_is_watched_live,
    ),
];

const LAB: [&str; 6] = [
    "let a = netns(`net-a`)",
    "let b = netns(`net-b`)",
    "let left = a.veth(`to-b`, b, `to-a`, #{addr: `10.0.1.1/24`, up: true})",
    "fn host_of(link) {\nlink.addr(`10.0.1.2/24`).up()\n}",
    "host_of(b.link(`to-a`))",
    "a.route(`10.9.0.0/16`, #{via: `10.0.1.2`})",
];

/// What `ip` says of the lab, less what differs from run to run.
fn state(terminal: &Terminal) -> String {
    let mut state = String::new();
    for netns in ["net-a", "net-b"] {
        for object in ["addr", "route", "-d link"] {
            let json: serde_json::Value =
                serde_json::from_str(&terminal.ip(&format!("-j -n {netns} {object}"))).unwrap();
            state.push_str(&plain(json).to_string());
            state.push('\n');
        }
    }
    state
}

/// Without hardware addresses and what follows from them, and without what the kernel is still about to do.
fn plain(mut json: serde_json::Value) -> serde_json::Value {
    let gone = [
        "address",
        "link_index",
        "operstate",
        "tentative",
        "valid_life_time",
    ];
    let late = ["NO-CARRIER", "LOWER_UP", "linkdown"];
    match &mut json {
        serde_json::Value::Array(list) => {
            list.retain(|item| item["family"] != "inet6");
            for item in list {
                *item = plain(item.take());
            }
        }
        serde_json::Value::Object(map) => {
            map.retain(|key, _| !gone.contains(&key.as_str()));
            for (key, value) in map.iter_mut() {
                match value.as_array_mut().filter(|_| key == "flags") {
                    Some(flags) => flags.retain(|flag| !late.iter().any(|late| flag == late)),
                    None => *value = plain(value.take()),
                }
            }
        }
        _ => {}
    }
    json
}

fn steps_are_traced_while_that_is_on() {
    let mut terminal = Terminal::start(&TempDir::new().unwrap());
    terminal.enter(":trace on");
    let screen = terminal.enter(r#"netns("a").veth("x", "y").up();"#);
    assert!(screen.contains("+ ip netns add a"), "{screen}");
    assert!(
        screen.contains("+ ip -n a link add name x type veth peer name y"),
        "{screen}"
    );
    terminal.enter(":trace off");
    let screen = terminal.enter(r#"netns("b");"#);
    assert!(!screen.contains("netns add b"), "{screen}");
}

fn undo_takes_back_what_the_last_entry_made() {
    let mut terminal = Terminal::start(&TempDir::new().unwrap());
    for entry in LAB {
        terminal.enter(entry);
    }
    assert!(terminal.ip("-n net-a route").contains("10.9.0.0/16"));
    terminal.enter("1 + 1");
    let screen = terminal.enter(":undo");
    assert!(screen.contains("took back `a.route("), "{screen}");
    assert!(!terminal.ip("-n net-a route").contains("10.9.0.0/16"));
    assert!(
        terminal
            .ip("-n net-b -br addr show to-a")
            .contains("10.0.1.2/24")
    );
    terminal.enter(":undo");
    assert!(
        !terminal
            .ip("-n net-b -br addr show to-a")
            .contains("10.0.1.2/24")
    );
    assert!(terminal.ip("-n net-b -br link").contains("to-a"));
    terminal.enter(":undo");
    assert!(!terminal.ip("-n net-b -br link").contains("to-a"));
    terminal.enter(":undo");
    assert_eq!(
        terminal.ip("netns list").split_whitespace().next(),
        Some("net-a")
    );
    terminal.enter(":undo");
    assert_eq!(terminal.ip("netns list"), "");
    assert!(terminal.enter(":undo").contains("nothing to take back"));
}

/// It once took back the entry before that, under the name of the one whose work was deleted.
fn undo_brings_back_what_an_entry_deleted() {
    let mut terminal = Terminal::start(&TempDir::new().unwrap());
    for entry in LAB {
        terminal.enter(entry);
    }
    terminal.enter("netns(`alone`)");
    let before = state(&terminal);
    let screen = terminal.enter("left.delete()");
    assert!(!screen.contains("error"), "{screen}");
    assert!(!terminal.ip("-n net-a -br link").contains("to-b"));
    let screen = terminal.enter(":undo");
    assert!(screen.contains("took back `left.delete()`"), "{screen}");
    assert_eq!(state(&terminal), before);
    terminal.enter("b.delete()");
    assert_eq!(terminal.ip("netns list").lines().count(), 2);
    let screen = terminal.enter(":undo");
    assert!(screen.contains("took back `b.delete()`"), "{screen}");
    assert_eq!(state(&terminal), before);
    terminal.enter("netns(`alone`).delete()");
    terminal.enter(":undo");
    assert_eq!(terminal.ip("netns list").lines().count(), 3);
    for _ in 0..LAB.len() {
        terminal.enter(":undo");
    }
    assert_eq!(terminal.ip("netns list"), "");
    let screen = terminal.enter(":undo");
    assert!(screen.contains("nothing to take back"), "{screen}");
}

fn what_an_entry_made_that_fails_is_taken_back() {
    let mut terminal = Terminal::start(&TempDir::new().unwrap());
    terminal.enter("netns(`stays`)");
    let screen = terminal.enter("netns(`goes`); throw `no`");
    assert!(
        screen.contains("took down what this entry made: 1 namespace"),
        "{screen}"
    );
    assert_eq!(terminal.ip("netns list"), "stays\n");
}

fn a_saved_session_gives_the_same_lab() {
    let folder = TempDir::new().unwrap();
    let mut terminal = Terminal::start(&folder);
    for entry in LAB {
        terminal.enter(entry);
    }
    terminal.type_keys("a.exec(`ip link set lo up`); a.ping(`127.0.0.1`)\r");
    terminal.wait_for("icmp_seq=1");
    terminal.type_keys("\x03");
    terminal.wait_for_prompt();
    terminal.enter("frobnicate()");
    terminal.enter("netns(`taken-back`)");
    terminal.enter(":undo");
    let screen = terminal.enter(":save lab.rhai");
    assert!(screen.contains("wrote `lab.rhai`"), "{screen}");
    let typed = state(&terminal);
    let script = std::fs::read_to_string(folder.path().join("lab.rhai")).unwrap();
    assert!(
        !script.contains("frobnicate") && !script.contains("taken-back"),
        "{script}"
    );

    let mut second = Terminal::start(&folder);
    let screen = second.enter(":load lab.rhai");
    assert!(!screen.contains("error"), "{screen}");
    assert_eq!(typed, state(&second));
    assert!(
        typed.contains("10.0.1.2") && typed.contains("10.9.0.0/16"),
        "{typed}"
    );

    // As a script by itself, too: it prints no error and ends well.
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_ipvsh"))
        .args(["--sandbox=ns", "--summary", "lab.rhai"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
}

fn undo_names_the_command_that_loaded_a_script() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("story.rhai"), "netns(`told`);").unwrap();
    let mut terminal = Terminal::start(&folder);
    terminal.type_keys(":load ~/sto\t");
    terminal.wait_for("sandbox> :load ~/story.rhai");
    terminal.enter("");
    assert_eq!(terminal.ip("netns list"), "told\n");
    let screen = terminal.enter(":undo");
    assert!(
        screen.contains("took back `:load ~/story.rhai`: 1 namespace"),
        "{screen}"
    );
}

fn a_return_does_not_end_the_saved_script() {
    let folder = TempDir::new().unwrap();
    let mut terminal = Terminal::start(&folder);
    terminal.enter("return netns(`first`)");
    terminal.enter("let yes = true");
    terminal.enter("if yes { return 7 }");
    terminal.enter("netns(`second`)");
    let screen = terminal.enter(":save ~/lab.rhai");
    assert!(
        screen.contains(
            "left out, as it would end the script by its `return`: if yes { return 7 }\n"
        ),
        "{screen}"
    );
    let mut second = Terminal::start(&folder);
    second.enter(":load lab.rhai");
    assert_eq!(second.ip("netns list").lines().count(), 2);
}

fn leaving_says_how_the_lab_is_taken_down() {
    let mut terminal = Terminal::start_before_shell(&TempDir::new().unwrap());
    terminal.enter("netns(`net-a`)");
    terminal.type_keys("\x04");
    terminal.wait_for("shell$ ");
    let screen = terminal.screen();
    assert!(
        screen.contains("the lab made here still stands: namespace `net-a`\n"),
        "{screen}"
    );
    let way = screen
        .split('`')
        .find(|part| part.starts_with("ipvsh down "));
    let lab = way.unwrap().trim_start_matches("ipvsh down ");
    let program = env!("CARGO_BIN_EXE_ipvsh");
    terminal.type_keys(&format!("clear; {program} down {lab}\r"));
    terminal.wait_for(&format!("took down lab `{lab}`: 1 namespace"));
}

fn leaving_warns_of_what_stands() {
    let mut terminal = Terminal::start(&TempDir::new().unwrap());
    terminal.enter("netns(`net-a`); host().veth(`v0`, `v1`)");
    terminal.type_keys(":quit\r");
    assert_eq!(terminal.wait_for_end(), Some(0));
    let screen = terminal.screen();
    assert!(
        screen
            .contains("the lab made here goes away with the sandbox: namespace `net-a` and 1 link"),
        "{screen}"
    );
}

fn leaving_without_a_lab_is_quiet() {
    let mut terminal = Terminal::start(&TempDir::new().unwrap());
    terminal.enter("netns(`net-a`)");
    terminal.enter(":undo");
    terminal.type_keys("\x04");
    assert_eq!(terminal.wait_for_end(), Some(0));
    assert!(
        !terminal.screen().contains("the lab made here"),
        "{}",
        terminal.screen()
    );
}

fn the_tree_shows_what_stands() {
    let mut terminal = Terminal::start(&TempDir::new().unwrap());
    terminal.enter(LAB[0]);
    terminal.enter(LAB[1]);
    terminal.enter(LAB[2]);
    let screen = terminal.enter("tree()");
    assert!(screen.contains("10.0.1.1/24"), "{screen}");
    assert!(screen.contains("⇄ to-b in net-a"), "{screen}");
}

fn why_takes_names_and_variables() {
    let mut terminal = Terminal::start(&TempDir::new().unwrap());
    terminal.enter(
        r#"let v = netns("a").veth("v0", netns("b"), "v1", #{addr: "10.0.0.1/24", up: true});"#,
    );
    terminal.enter(r#"let far = v.peer.addr("10.0.0.2/24");"#);
    for entry in [":why a b", ":why v far", ":why a 10.0.0.2"] {
        let screen = terminal.enter(entry);
        assert!(screen.contains("link b:v1 is down"), "{screen}");
        assert!(
            screen.contains(r#"mend: netns("b").link("v1").up()"#),
            "{screen}"
        );
    }
    let screen = terminal.enter(":why a");
    assert!(
        screen.contains("`:why` is used as `:why FROM TO`"),
        "{screen}"
    );
}

fn who_reaches_whom_is_watched_live() {
    let folder = TempDir::new().unwrap();
    let mut terminal = Terminal::start(&folder);
    for entry in LAB {
        terminal.enter(entry);
    }
    terminal.enter("left.wait_up()");
    // The parent of the shell is the session: its file may lie where a sandbox shows nothing.
    terminal.type_keys("!/proc/$PPID/exe watch net-a net-b\r");
    terminal.wait_for("2 of 2 pairs reach each other");
    terminal.wait_for("q leaves");
    terminal.ip("-n net-b link set to-a down");
    terminal.wait_for("cause: net-a → net-b: link net-b:to-a is down");
    terminal.wait_for("hint: netns(\"net-b\").link(\"to-a\").up()");
    terminal.ip("-n net-b link set to-a up");
    terminal.wait_for("2 of 2 pairs reach each other");
    terminal.type_keys("q");
    terminal.wait_for_prompt();
}
