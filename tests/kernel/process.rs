//! Processes that go on beside a script, and end with its lab.

use std::fs;
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::case::cases;
use crate::common;
use crate::lab::{Lab, Output, finish};

cases! {
    [] =>
        a_process_goes_on_when_the_script_has_ended
        a_second_run_takes_the_process_over
        a_process_that_has_ended_is_started_again
        a_down_ends_a_process_and_what_it_has_started
        a_process_that_does_not_listen_is_ended_by_force
        a_process_is_ended_where_the_run_takes_its_lab_down
        a_run_that_fails_ends_its_processes
        a_process_of_a_run_that_was_killed_is_ended_by_down
        a_process_killed_between_start_and_journal_is_found
        what_has_the_number_of_a_process_is_left_alone
        a_process_in_a_namespace_that_is_not_the_labs_is_ended
        what_a_command_left_behind_in_the_namespace_is_ended
        a_process_of_somebody_else_is_named_and_left
        the_script_ends_a_process
        a_deleted_namespace_takes_the_labs_processes_along
        an_interrupt_does_not_reach_a_process
        a_plan_starts_no_process
        lines_come_in_their_order
        what_a_process_writes_is_bounded_and_what_is_dropped_is_counted
        what_records_the_output_goes_with_the_process
        what_is_wrong_with_a_process_is_said;
}

/// Waits until `holds`: the kernel takes a moment for the end of a process.
pub(crate) fn until(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(100);
    while !holds() {
        assert!(Instant::now() < deadline, "it never came to hold");
        std::thread::yield_now();
    }
}

/// The processes in a namespace, as iproute2 finds them.
fn pids(netns: &str) -> Vec<u32> {
    let text = common::output("ip", &["netns", "pids", netns]);
    let mut pids: Vec<u32> = text.lines().map(|pid| pid.parse().unwrap()).collect();
    pids.sort_unstable();
    pids
}

fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The counts of a summary.
fn last(output: &Output) -> &str {
    output.stderr.lines().last().unwrap_or_default()
}

const SERVER: &str = r#"let p = netns("a").spawn("sleep 1000"); print(p.pid);"#;

fn number(text: &str) -> u32 {
    text.trim().parse().unwrap()
}

fn down(lab: &Lab) -> String {
    let output = lab.ipvsh(&["down", "lab"]);
    assert_eq!(output.end(), "exit code 0\n");
    output.stdout
}

fn a_process_goes_on_when_the_script_has_ended(lab: &Lab) {
    let pid = number(&lab.run(SERVER));
    assert_eq!(pids("a"), [pid]);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(status.contains(&format!("NSsid:\t{pid}")), "{status}");
    let listed = lab.ipvsh(&["ls"]).stdout;
    assert!(
        listed.starts_with("lab: 1 namespace, 1 process\n"),
        "{listed}"
    );
    assert_eq!(down(lab), "took down lab `lab`: 1 namespace, 1 process\n");
    assert!(!runs(pid));
    assert_eq!(lab.recorded(), 0);
}

fn a_second_run_takes_the_process_over(lab: &Lab) {
    let text = r#"
        let p = netns("a").spawn(["sh", "-c", "echo ready; exec sleep 1000"]);
        print(p.wait_line("ready", "20s"));
        print(p.pid);"#;
    let first = lab.script_with(&["--summary"], text);
    let second = lab.script_with(&["--summary"], text);
    assert_eq!(first.stdout, second.stdout);
    assert_eq!(last(&first), "created 2, changed 0, unchanged 0, deleted 0");
    assert_eq!(
        last(&second),
        "created 0, changed 0, unchanged 2, deleted 0"
    );
    // Another program, another environment, and a second one of the same are processes of their own.
    let more = format!(
        "{text} let n = netns(\"a\"); let c = [\"sh\", \"-c\", \"echo ready; exec sleep 1000\"];
         n.spawn(c); n.spawn(c, #{{env: #{{A: 1}}}});"
    );
    lab.run(&more);
    assert_eq!(pids("a").len(), 3);
    assert_eq!(down(lab), "took down lab `lab`: 1 namespace, 3 processes\n");
}

fn a_process_that_has_ended_is_started_again(lab: &Lab) {
    let text = r#"netns("a").spawn("true");"#;
    // What has recorded its output ends a moment after it.
    let has_ended = || {
        let listed = lab.ipvsh(&["ls"]).stdout;
        listed.starts_with("lab: 1 namespace\n") && listed.contains("\n  missing: process ")
    };
    lab.run(text);
    until(has_ended);
    let again = lab.script_with(&["--summary"], text);
    assert_eq!(last(&again), "created 1, changed 0, unchanged 1, deleted 0");
    until(has_ended);
    assert_eq!(down(lab), "took down lab `lab`: 1 namespace\n");
    assert_eq!(lab.recorded(), 0);
}

fn a_down_ends_a_process_and_what_it_has_started(lab: &Lab) {
    // One child in its session, one that has left it, one that has cleared its environment.
    let text = r#"
        let p = netns("a").spawn(["sh", "-c", "sleep 1000 & setsid sleep 1000 & env -i sleep 1000 & echo ready; wait"]);
        p.wait_line("ready", "20s");"#;
    lab.run(text);
    until(|| pids("a").len() == 4);
    assert_eq!(down(lab), "took down lab `lab`: 1 namespace, 1 process\n");
    assert!(lab.namespaces().is_empty());
}

fn a_process_that_does_not_listen_is_ended_by_force(lab: &Lab) {
    let text = r#"
        let p = netns("a").spawn(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1000; done"]);
        p.wait_line("ready", "20s");
        print(p.pid);"#;
    let pid = number(&lab.run(text));
    assert_eq!(down(lab), "took down lab `lab`: 1 namespace, 1 process\n");
    assert!(!runs(pid));
}

fn a_process_is_ended_where_the_run_takes_its_lab_down(lab: &Lab) {
    let output = lab.script_with(&["--rm"], SERVER);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(!runs(number(&output.stdout)));
    assert_eq!(lab.recorded(), 0);
}

fn a_run_that_fails_ends_its_processes(lab: &Lab) {
    let output = lab.script(&format!("{SERVER} assert(false);"));
    assert!(
        output
            .stderr
            .starts_with("took down what this run made: 1 namespace, 1 process\n"),
        "{}",
        output.stderr
    );
    assert!(!runs(number(&output.stdout)));
}

fn a_process_of_a_run_that_was_killed_is_ended_by_down(lab: &Lab) {
    fs::write(
        lab.folder().join("lab.rhai"),
        format!("{SERVER} sleep(1000);"),
    )
    .unwrap();
    let mut run = lab.start(&["lab.rhai"]);
    let mut line = String::new();
    let mut output = BufReader::new(run.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    run.kill().unwrap();
    run.wait().unwrap();
    assert!(runs(number(&line)));
    assert_eq!(down(lab), "took down lab `lab`: 1 namespace, 1 process\n");
    assert!(!runs(number(&line)));
}

fn a_process_killed_between_start_and_journal_is_found(lab: &Lab) {
    lab.ip("netns add old");
    let pid = number(&lab.run(r#"print(netns("old").spawn("sleep 1000").pid);"#));
    // As the journal is where the run was killed before it could tell which process it was.
    let journal = "/run/ipvsh/labs/lab.jsonl";
    let text = fs::read_to_string(journal).unwrap();
    let torn: String = text
        .split_inclusive('\n')
        .filter(|line| !line.contains("\"is\""))
        .collect();
    fs::write(journal, torn).unwrap();
    assert_eq!(down(lab), "took down lab `lab`: 1 process\n");
    assert!(!runs(pid));
}

fn what_has_the_number_of_a_process_is_left_alone(lab: &Lab) {
    lab.ip("netns add old");
    let pid = number(&lab.run(r#"print(netns("old").spawn("sleep 1000").pid);"#));
    let mut other = lab
        .in_netns("old", || {
            std::process::Command::new("sleep").arg("1000").spawn()
        })
        .unwrap();
    let journal = "/run/ipvsh/labs/lab.jsonl";
    let text = fs::read_to_string(journal).unwrap();
    let changed = text.replace(
        &format!("\"pid\":{pid}"),
        &format!("\"pid\":{}", other.id()),
    );
    fs::write(journal, changed).unwrap();
    assert_eq!(down(lab), "took down lab `lab`: 1 process\n");
    let is_left = runs(other.id());
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(is_left && !runs(pid));
}

fn a_process_in_a_namespace_that_is_not_the_labs_is_ended(lab: &Lab) {
    lab.ip("netns add old");
    let pid = number(&lab.run(r#"print(netns("old").spawn("sleep 1000").pid);"#));
    assert_eq!(pids("old"), [pid]);
    assert_eq!(down(lab), "took down lab `lab`: 1 process\n");
    assert!(!runs(pid));
    assert_eq!(lab.namespaces(), ["old"]);
}

fn what_a_command_left_behind_in_the_namespace_is_ended(lab: &Lab) {
    lab.run(r#"netns("a").exec(["sh", "-c", "setsid -f sleep 1000 >/dev/null 2>&1"]);"#);
    until(|| pids("a").len() == 1);
    let pid = pids("a")[0];
    assert_eq!(down(lab), "took down lab `lab`: 1 namespace\n");
    assert!(!runs(pid));
}

fn a_process_of_somebody_else_is_named_and_left(lab: &Lab) {
    lab.run(r#"netns("a");"#);
    let mut other = lab
        .in_netns("a", || {
            std::process::Command::new("sleep").arg("1000").spawn()
        })
        .unwrap();
    let output = lab.ipvsh(&["down", "lab"]);
    let (pid, is_left) = (other.id(), runs(other.id()));
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(is_left);
    assert_eq!(
        (output.code, output.stderr),
        (
            1,
            format!(
                "error: cannot delete namespace `a`: processes are inside\n  = inside: {pid} (sleep)\n\
                 hint: end them first, or take the lab down with `ipvsh down --force LAB`\n"
            )
        )
    );
    assert_eq!(lab.namespaces(), ["a"]);
}

fn the_script_ends_a_process(lab: &Lab) {
    let found = lab.value(
        r#"let n = netns("a");
           let codes = [];
           for how in ["TERM", "sigkill", "Int"] { let p = n.spawn("sleep 1000"); p.signal(how); codes.push(p.wait("20s")); }
           let p = n.spawn("sleep 1000"); p.kill(); p.kill(); codes.push(p.status);
           let q = n.spawn(["sh", "-c", "echo last; exit 7"]); codes.push(q.wait()); codes.push(q.lines); codes.push(q.running);
           codes"#,
    );
    assert_eq!(found, json!([143, 137, 130, 143, 7, ["last"], false]));
    assert!(pids("a").is_empty());
    assert_eq!(lab.recorded(), 0);
}

fn a_deleted_namespace_takes_the_labs_processes_along(lab: &Lab) {
    let pid = number(&lab.run(&format!("{SERVER} netns(\"a\").delete();")));
    assert!(!runs(pid));
    assert!(lab.namespaces().is_empty());
    assert_eq!(lab.recorded(), 0);
}

fn an_interrupt_does_not_reach_a_process(lab: &Lab) {
    fs::write(lab.folder().join("lab.rhai"), format!("{SERVER} p.wait();")).unwrap();
    let mut run = lab.start(&["--keep", "lab.rhai"]);
    let mut line = String::new();
    let mut output = BufReader::new(run.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let group = fs::read_to_string(format!("/proc/{}/stat", number(&line))).unwrap();
    let fields: Vec<&str> = group.rsplit_once(") ").unwrap().1.split(' ').collect();
    // The terminal sends Ctrl-C to its group, which is not that of the process.
    assert_eq!(number(fields[2]), number(&line));
    kill(Pid::from_raw(run.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(finish(run).code, 130);
    assert!(runs(number(&line)));
    down(lab);
    assert!(!runs(number(&line)));
}

fn a_plan_starts_no_process(lab: &Lab) {
    let text = r#"
        let p = netns("a").spawn(["sh", "-c", "echo ready; exec sleep 1000"]);
        p.wait_line("ready", "20s");
        p.signal("HUP"); p.kill();"#;
    fs::write(lab.folder().join("lab.rhai"), text).unwrap();
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(plan.end(), "exit code 10\n");
    assert!(plan.stdout.contains("process"), "{}", plan.stdout);
    assert!(lab.namespaces().is_empty());
    assert_eq!(lab.recorded(), 0);
    // A process that runs is seen, and left alone.
    let pid = number(&lab.run(SERVER));
    fs::write(lab.folder().join("lab.rhai"), format!("{SERVER} p.kill();")).unwrap();
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(plan.end(), "exit code 0\n", "{}", plan.stdout);
    assert!(runs(pid));
}

fn lines_come_in_their_order(lab: &Lab) {
    let found = lab.value(
        r#"let p = netns("a").spawn(["sh", "-c", "seq 3; printf rest"]);
           let first = p.line("20s");
           let third = p.wait_line("3", "20s");
           let rest = p.line("20s");
           [first, third, rest, p.line("20s"), p.lines]"#,
    );
    assert_eq!(
        found,
        json!(["1", "3", "rest", null, ["1", "2", "3", "rest"]])
    );
}

fn what_a_process_writes_is_bounded_and_what_is_dropped_is_counted(lab: &Lab) {
    let output = lab.ipvsh(&[
        "--json",
        "--lab",
        "lab",
        "-e",
        r#"let p = netns("a").spawn("seq 100000", #{output: "1KiB"});
           p.wait();
           let q = netns("a").spawn("yes");
           let last = p.lines;
           [p.dropped + last.len() * 6 + 1, last[0], last[last.len() - 1], q.line(), q.line("20s")]"#,
    ]);
    let found: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    // All that `seq` wrote: each line of the last has five digits, but one.
    let all: u64 = (1..=100_000_u64)
        .map(|n| n.to_string().len() as u64 + 1)
        .sum();
    assert_eq!(found, json!([all, "99831", "100000", "y", "y"]));
    // What `yes` wrote before it was read may be told as well.
    assert_eq!(
        output.stderr.lines().next().unwrap_or_default(),
        "note: `seq 100000` wrote more than the 1KiB that are kept: 587874 bytes were dropped before they were read; \
         keep more with #{output: \"4KiB\"}, read them as they come, or have the program write a file"
    );
    // It goes on writing, and its file does not grow.
    let folder = lab.folder().join(crate::lab::TEMPORARY);
    let files = || {
        let folders = fs::read_dir(&folder).unwrap().flatten();
        folders.flat_map(|folder| fs::read_dir(folder.path()).unwrap().flatten())
    };
    let file = files().next().unwrap();
    let end = || {
        let bytes = fs::read(file.path()).unwrap();
        u64::from_ne_bytes(bytes[24..32].try_into().unwrap())
    };
    until(|| end() > 64 << 20);
    assert_eq!(file.metadata().unwrap().len(), (16 << 20) + 4096);
    assert!(!fs::exists("/run/ipvsh/output").unwrap());
    assert_eq!(down(lab), "took down lab `lab`: 1 namespace, 1 process\n");
    assert_eq!(lab.recorded(), 0);
}

fn what_records_the_output_goes_with_the_process(lab: &Lab) {
    lab.run(r#"netns("a").spawn(["sh", "-c", "exec sleep 1000"]);"#);
    assert_eq!(lab.recorded(), 1);
    let pid = Pid::from_raw(pids("a")[0].cast_signed());
    kill(pid, Signal::SIGKILL).unwrap();
    until(|| lab.recorded() == 0);
    // A second run finds nothing to take over.
    let output = lab.script_with(&["--summary"], r#"netns("a").spawn("true");"#);
    assert_eq!(
        last(&output),
        "created 1, changed 0, unchanged 1, deleted 0"
    );
    down(lab);
}

fn what_is_wrong_with_a_process_is_said(lab: &Lab) {
    lab.ip("netns add a");
    lab.refuses(&[
        (
            r#"netns("a").spawn("no-such-program")"#,
            "not_found: cannot start `no-such-program` in namespace `a`: there is no such program\n\
             hint: install it, or write its full path",
        ),
        (
            r#"netns("a").spawn([])"#,
            "invalid: cannot start `` in namespace `a`: the list names no program\n\
             hint: write the program and its arguments: [\"ip\", \"address\"]",
        ),
        (
            r#"netns("a").spawn("echo 'a")"#,
            "invalid: cannot start `echo 'a` in namespace `a`: a quote in the line is not closed\n\
             hint: give the program and its arguments as a list to write them as they are",
        ),
        (
            r#"netns("a").spawn("true", #{user: "no-such-user"})"#,
            "not_found: cannot start `true` in namespace `a`: there is no user `no-such-user`\n\
             hint: `getent passwd` lists those that there are",
        ),
        (
            r#"netns("a").spawn("true", #{cwd: "/no/such"})"#,
            "not_found: cannot start `true` in namespace `a`: there is no folder `/no/such`",
        ),
        (
            r#"netns("a").spawn("true", #{input: "x"})"#,
            "invalid: cannot start `true` in namespace `a`: `spawn` has no option `input`",
        ),
        (
            r#"netns("a").spawn("true", #{evn: #{}})"#,
            "invalid: cannot start `true` in namespace `a`: `spawn` has no option `evn`\n\
             hint: did you mean `env`?",
        ),
        (
            r#"let g = netns("g"); g.delete(); g.spawn("true")"#,
            "not_found: cannot start `true` in namespace `g`: namespace `g` is gone\n\
             hint: it was deleted after this handle was made; make it again by its name",
        ),
        (
            r#"netns("a").spawn("sleep 1000").wait("1ms")"#,
            "timeout: cannot wait for `sleep 1000` in namespace `a`: it still runs after 1ms",
        ),
        (
            r#"netns("a").spawn("sleep 1000").wait("soon")"#,
            "invalid: cannot wait for `sleep 1000` in namespace `a`: `soon` is not a duration\n\
             hint: write a number and a unit, such as \"200ms\", \"1.5s\" or \"2m\"",
        ),
        (
            r#"netns("a").spawn("sleep 1000").line("1ms")"#,
            "timeout: cannot read a line of `sleep 1000` in namespace `a`: none came within 1ms",
        ),
        (
            r#"netns("a").spawn("sleep 1000").wait_line("x", "1ms")"#,
            "timeout: cannot wait for a line of `sleep 1000` in namespace `a`: none held `x` within 1ms",
        ),
        (
            r#"netns("a").spawn(["sh", "-c", "echo why; exit 3"]).wait_line("x", "20s")"#,
            "not_found: cannot wait for a line of `sh -c 'echo why; exit 3'` in namespace `a`: it ended with exit code 3, and none held `x`\n\
             note: output: why",
        ),
        (
            r#"netns("a").spawn("sleep 1000").signal("TREM")"#,
            "invalid: cannot signal `sleep 1000` in namespace `a`: there is no signal `TREM`\n\
             hint: did you mean \"TERM\"?",
        ),
        (
            r#"netns("a").spawn("sleep 1000").signal("frobnicate")"#,
            "invalid: cannot signal `sleep 1000` in namespace `a`: there is no signal `frobnicate`\n\
             hint: write it by its name: \"TERM\", \"HUP\", \"USR1\"",
        ),
        (
            r#"let p = netns("a").spawn("true"); p.wait(); p.signal("TERM")"#,
            "not_found: cannot signal `true` in namespace `a`: it has ended",
        ),
    ]);
    down(lab);
}
