//! `ipvsh test`: each test in a private place of its own, whatever it does there.

use std::fs;

use crate::case::cases;
use crate::lab::{Lab, Output, finish, in_repository};

cases! {
    ["veth"] =>
        tests_run_in_places_of_their_own_and_leave_nothing
        a_failure_tells_all_that_is_known
        a_hanging_crashing_or_leaking_test_is_a_failure_of_its_own
        the_forms_for_programs_say_the_same
        tests_are_chosen_listed_and_repeated
        a_test_that_is_named_twice_runs_once_and_the_rest_of_its_file_as_well
        the_first_failure_ends_a_run_that_fails_fast
        what_a_test_made_may_be_kept_and_looked_at
        the_example_tests_pass;
    ["bond", "dummy", "ipvlan", "macvlan", "veth", "vlan", "vrf", "nft"] =>
        the_example_tests_of_other_kinds_pass;
    ["!ipvlan"] =>
        a_test_that_needs_what_the_kernel_lacks_is_skipped_where_only_this_one_is_wanted;
}

/// What was printed, with a placeholder for every time.
fn without_times(text: &str) -> String {
    let is_time = |text: &str| {
        let mut words = text.split(' ');
        let number = words.next().is_some_and(|one| one.parse::<f64>().is_ok());
        number && matches!(words.next(), Some("ms" | "s")) && words.next().is_none()
    };
    let lines = text.lines().map(|line| {
        if let Some((before, time)) = line.rsplit_once(" (")
            && time.strip_suffix(')').is_some_and(is_time)
        {
            return format!("{before} (TIME)");
        }
        if let Some((before, time)) = line.rsplit_once(" in ")
            && is_time(time)
        {
            return format!("{before} in TIME");
        }
        line.to_owned()
    });
    let lines: Vec<String> = lines.map(|line| line + "\n").collect();
    lines.concat()
}

/// The same, the lines of tests that end side by side in the order of their names.
fn sorted(text: &str) -> String {
    let text = without_times(text);
    let mut lines: Vec<&str> = text.lines().collect();
    let end = lines.iter().position(|line| line.is_empty());
    lines[..end.unwrap_or(0)].sort_unstable();
    lines.join("\n") + "\n"
}

fn test(lab: &Lab, text: &str, arguments: &[&str]) -> Output {
    fs::write(lab.folder().join("lab_test.rhai"), text).unwrap();
    lab.ipvsh(&[&["test"], arguments].concat())
}

fn tests_run_in_places_of_their_own_and_leave_nothing(lab: &Lab) {
    let text = r#"
fn setup() { print("setup"); netns("a") }
fn teardown(a) { print(`teardown ${a.name}`); }
/// The first
fn test_one(a) { expect(state().keys(), ["a", "host"]); a.veth("v0", "v1"); }
fn test_two(a) { expect(a.links.len(), 1); }
fn test_later() { skip("not today"); }
"#;
    let output = test(lab, text, &[]);
    assert_eq!(
        (
            output.code,
            sorted(&output.stdout).as_str(),
            output.stderr.as_str()
        ),
        (
            0,
            "– lab_test.rhai::test_later: skipped: not today
✔ lab_test.rhai::test_one  The first (TIME)
✔ lab_test.rhai::test_two (TIME)

2 passed, 1 skipped in TIME
",
            ""
        )
    );
    assert_eq!(lab.namespaces(), [""; 0]);
    assert_eq!(lab.ipvsh(&["ls"]).stdout, "no lab stands\n");
}

fn a_failure_tells_all_that_is_known(lab: &Lab) {
    let text = r#"/// b answers
fn test_reach() {
    let v = netns("a").veth("v0", netns("b"), "v1", #{addr: "10.0.0.1/24", up: true});
    v.peer.addr("10.0.0.2/24");
    print("trying");
    netns("a").expect_reach(netns("b"), #{count: 1, timeout: "100ms"});
}
"#;
    let output = test(lab, text, &["--quiet"]);
    // How far the kernel has come with the neighbour is a matter of time.
    let stdout = without_times(&output.stdout)
        .replace(" (neighbour 10.0.0.2: INCOMPLETE)", "")
        .replace(" (neighbour 10.0.0.2: FAILED)", "");
    assert_eq!(
        (output.code, stdout.as_str(), output.stderr.as_str()),
        (
            1,
            r#"✘ lab_test.rhai::test_reach  b answers: `b` is not reached from namespace `a`

✘ lab_test.rhai::test_reach  b answers
  error: `b` is not reached from namespace `a`
   --> lab_test.rhai:6:16
    |
  6 |     netns("a").expect_reach(netns("b"), #{count: 1, timeout: "100ms"});
    |                ^^^^^^^^^^^^
    = pinged: 10.0.0.2 from 10.0.0.1
    = came back: nothing
    = cause: link b:v1 is down
  hint: netns("b").link("v1").up()
  why: a → 10.0.0.2
    a:v0  10.0.0.1  ✔ route on the link
    b:v1  10.0.0.2  ✘ link b:v1 is down
  mend: netns("b").link("v1").up()
  what stood:
    host
    └─ lo UNKNOWN 127.0.0.1/8 ::1/128
    a
    ├─ lo DOWN
    └─ v0 veth DOWN 10.0.0.1/24 ⇄ v1 in b
    b
    ├─ lo DOWN
    └─ v1 veth DOWN 10.0.0.2/24 ⇄ v0 in a
  printed:
    trying
  alone: ipvsh test lab_test.rhai::test_reach

0 passed, 1 failed in TIME
"#,
            ""
        )
    );
}

fn a_hanging_crashing_or_leaking_test_is_a_failure_of_its_own(lab: &Lab) {
    let text = r#"
fn test_hang() { loop { } }
fn test_crash() { exec("sh -c 'read a b c parent d < /proc/$PPID/stat; kill -9 $PPID $parent'"); }
fn test_leak() { exec("sh -c 'sleep 7654321 >/dev/null 2>&1 & until grep -q ^sleep /proc/$!/comm; do :; done'"); }
fn test_leak_in_netns() { netns("a").exec("sh -c 'sleep 7654321 >/dev/null 2>&1 & until grep -q ^sleep /proc/$!/comm; do :; done'"); }
fn test_ends() { exit(3); }
fn test_spawn() { netns("a").spawn("sleep 1000"); }
"#;
    let output = test(lab, text, &["--timeout", "15s"]);
    let lines = sorted(&output.stdout);
    let (lines, _) = lines.split_once("\n\n").unwrap();
    assert_eq!(
        (output.code, lines),
        (
            1,
            "✔ lab_test.rhai::test_spawn (TIME)
✘ lab_test.rhai::test_crash: the process of the test was ended by SIGKILL, and told nothing
✘ lab_test.rhai::test_ends: the test ended itself with exit code 3
✘ lab_test.rhai::test_hang: the test did not end within 15s
✘ lab_test.rhai::test_leak: the test left processes running: `sleep 7654321`
✘ lab_test.rhai::test_leak_in_netns: the test left processes running: `sleep 7654321`"
        )
    );
    // The brackets keep the search from finding itself.
    lab.sh("! pgrep -f '[s]leep 7654321'");
}

const BOTH: &str = "/// Good\nfn test_a() { print(\"said\"); }\nfn test_b() { expect(1, 2); }\n";

fn the_forms_for_programs_say_the_same(lab: &Lab) {
    let tap = test(lab, BOTH, &["--tap", "--filter", "test_a"]);
    assert_eq!(
        (tap.code, tap.stdout.as_str()),
        (
            0,
            "TAP version 14\n1..1\nok 1 - lab_test.rhai::test_a  Good\n"
        )
    );
    let json = test(lab, BOTH, &["--json", "--junit", "junit.xml"]);
    let events = json
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let mut events: Vec<serde_json::Value> = events.collect();
    let end = events.pop().unwrap();
    events.sort_by_key(|event| event["test"].to_string());
    assert_eq!(json.code, 1);
    assert_eq!(
        (
            &end["event"],
            &end["passed"],
            &end["failed"],
            &end["skipped"]
        ),
        (&"end".into(), &1.into(), &1.into(), &0.into())
    );
    let told = |event: &serde_json::Value| {
        ["test", "title", "outcome", "output"].map(|key| event[key].as_str().unwrap().to_owned())
    };
    assert_eq!(
        events.iter().map(told).collect::<Vec<_>>(),
        [
            ["lab_test.rhai::test_a", "Good", "passed", "said\n"],
            ["lab_test.rhai::test_b", "", "failed", ""]
        ]
    );
    assert_eq!(
        events[1]["error"]["message"],
        "the value is not as expected"
    );
    assert_eq!(events[1]["error"]["line"], 3);
    let junit = fs::read_to_string(lab.folder().join("junit.xml")).unwrap();
    for part in [
        "<testsuite name=\"lab_test.rhai\" tests=\"2\"",
        "<testcase name=\"test_b\" classname=\"lab_test.rhai\"",
        "<failure message=\"the value is not as expected\">",
    ] {
        assert!(junit.contains(part), "{part}: {junit}");
    }
    let mut command = lab.command(&["test", "--quiet"]);
    let output = command.env("GITHUB_ACTIONS", "true").output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let annotation = output.lines().find(|line| line.starts_with("::")).unwrap();
    assert_eq!(
        annotation,
        "::error file=lab_test.rhai,line=3,title=lab_test.rhai%3A%3Atest_b::the value is not as expected%0Aexpected: 2%0Agot:      1"
    );
}

fn tests_are_chosen_listed_and_repeated(lab: &Lab) {
    let text = "fn cases() { [\"x\", \"y\"] }\n/// Rows\nfn test_a(row) { expect(row, \"x\"); }\nfn test_b() { }\n";
    let list = test(lab, text, &["--list"]);
    let all =
        "lab_test.rhai::test_a[x]  Rows\nlab_test.rhai::test_a[y]  Rows\nlab_test.rhai::test_b\n";
    assert_eq!((list.code, list.stdout.as_str()), (0, all));
    let one = test(lab, text, &["lab_test.rhai::test_a[x]"]);
    assert_eq!(
        (one.code, without_times(&one.stdout).as_str()),
        (
            0,
            "✔ lab_test.rhai::test_a[x]  Rows (TIME)\n\n1 passed in TIME\n"
        )
    );
    let twice = test(
        lab,
        text,
        &["lab_test.rhai::test_b", "--repeat", "2", "--shuffle", "7"],
    );
    assert_eq!(
        (twice.code, sorted(&twice.stdout).as_str()),
        (
            0,
            "✔ lab_test.rhai::test_b (TIME)\n✔ lab_test.rhai::test_b (run 2) (TIME)\n\n2 passed in TIME\n"
        )
    );
    let none = test(lab, text, &["--filter", "nothing"]);
    assert_eq!(
        none.end(),
        "exit code 5\nnote: none of the 3 tests has `nothing` in its name or title: `ipvsh test --list` lists them\n"
    );
    assert_eq!(none.stdout, "no test ran\n");
    let none = test(lab, "fn helper() {}\n", &[]);
    assert_eq!(
        none.end(),
        "exit code 5\nnote: the files of tests end in `_test.rhai`, their functions begin with `test_`\n"
    );
    // What follows a title goes on with its sentence.
    let told = test(lab, "/// It fails.\nfn test_a() { throw \"so\"; }\n", &[]);
    let first = told.stdout.lines().next().unwrap_or_default();
    assert_eq!(first, "✘ lab_test.rhai::test_a  It fails: so");
    let unknown = test(lab, text, &["lab_test.rhai::test_c"]);
    assert_eq!(
        unknown.end(),
        "exit code 2
error: there is no test `test_c` in `lab_test.rhai`
hint: did you mean `test_b`?
"
    );
}

/// The example tests whose text is wanted, copied beside the lab, all pass when `run` starts them.
#[track_caller]
fn examples_pass(lab: &Lab, is_wanted: fn(&str) -> bool, run: impl Fn(&[&str]) -> Output) {
    for entry in fs::read_dir(in_repository("scripts/tests")).unwrap() {
        let file = entry.unwrap().path();
        if is_wanted(&fs::read_to_string(&file).unwrap()) {
            fs::copy(&file, lab.folder().join(file.file_name().unwrap())).unwrap();
        }
    }
    let listed = run(&["test", "--list"]).stdout;
    let passed = listed.lines().map(|test| format!("✔ {test} (TIME)\n"));
    let mut passed: Vec<String> = passed.collect();
    passed.sort_unstable();
    assert!(passed.len() > 10, "{listed}");
    let wanted = format!("{}\n{} passed in TIME\n", passed.concat(), passed.len());
    let output = run(&["test"]);
    assert_eq!((output.code, sorted(&output.stdout)), (0, wanted));
}

fn the_example_tests_pass(lab: &Lab) {
    let is_wanted = |text: &str| !text.contains("needs(");
    examples_pass(lab, is_wanted, |arguments| lab.ipvsh(arguments));
}

fn the_example_tests_of_other_kinds_pass(lab: &Lab) {
    // It starts itself for each test, which the copy of this program is not.
    let run = |arguments: &[&str]| finish(lab.start(&[&["--sandbox=ns"], arguments].concat()));
    examples_pass(lab, |text| text.contains("needs("), run);
}

fn a_test_that_needs_what_the_kernel_lacks_is_skipped_where_only_this_one_is_wanted(lab: &Lab) {
    let text = "fn test_a() { needs(\"ipvlan\"); }\n";
    fs::write(lab.folder().join("lab_test.rhai"), text).unwrap();
    let output = lab.ipvsh(&["--sandbox=ns", "test"]);
    assert_eq!(
        (output.code, without_times(&output.stdout).as_str()),
        (
            5,
            "– lab_test.rhai::test_a: skipped: it needs ipvlan, which this kernel does not have\n\n0 passed, 1 skipped in TIME\n"
        )
    );
}

fn a_test_that_is_named_twice_runs_once_and_the_rest_of_its_file_as_well(lab: &Lab) {
    let text = "fn test_a() {}\nfn test_b() {}\n";
    for paths in [
        ["lab_test.rhai", "lab_test.rhai::test_a"],
        ["lab_test.rhai::test_a", "lab_test.rhai"],
        [".", "lab_test.rhai::test_a"],
    ] {
        let output = test(lab, text, &[&["--list"], &paths[..]].concat());
        assert_eq!(
            output.stdout, "lab_test.rhai::test_a\nlab_test.rhai::test_b\n",
            "{paths:?}"
        );
    }
}

fn the_first_failure_ends_a_run_that_fails_fast(lab: &Lab) {
    let others: Vec<String> = (0..60).map(|n| format!("fn test_{n}() {{}}\n")).collect();
    let text = format!(
        "fn test_a() {{ assert(false, \"no\"); }}\n{}",
        others.concat()
    );
    let output = test(lab, &text, &["--fail-fast"]);
    assert_eq!(output.code, 1, "{output:?}");
    let last = output.stdout.lines().last().unwrap_or_default();
    assert!(
        last.contains(" passed, 1 failed, ") && last.contains(" not run in "),
        "{last}"
    );
}

fn what_a_test_made_may_be_kept_and_looked_at(lab: &Lab) {
    let text = "fn test_a() {\n    netns(\"a\");\n    assert(false, \"no\");\n}\n";
    let output = test(lab, text, &["--keep"]);
    assert_eq!(
        output.end(),
        "exit code 1
once more, to look at its lab: lab_test.rhai::test_a
error: assertion failed: no
 --> lab_test.rhai:3:5
  |
3 |     assert(false, \"no\");
  |     ^^^^^^
this is its lab: `tree()` shows it, Ctrl-D leaves it
"
    );
    assert_eq!(lab.namespaces(), [""; 0]);
}
