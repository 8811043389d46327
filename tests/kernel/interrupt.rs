//! Ctrl-C and SIGTERM end every word that waits, at once, and the run takes down what it made.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::case::cases;
use crate::lab::{Lab, finish};
use crate::process::until;

cases! {
    ["veth"] =>
        a_word_that_waits_is_ended_by_the_first_signal
        what_another_run_holds_is_told_and_not_waited_for
        a_down_that_waits_is_ended_by_the_first_signal_and_goes_on_with_the_next;
}

/// What a run may take to end, for the slowest machine: each word below would wait for longer.
const AT_ONCE: Duration = Duration::from_secs(20);

/// What waits; `a` has an address, and nobody answers for its neighbours.
const WORDS: &[&str] = &[
    "sleep(\"100s\")",
    "loop { }",
    "wait_for(|| false, \"100s\")",
    "wait_for(|| false, #{timeout: \"100s\", interval: \"50s\"})",
    "a.wait_port(\"tcp\", 80, \"100s\")",
    "a.exec(\"sleep 100\")",
    "a.exec([\"sh\", \"-c\", \"trap '' TERM INT; sleep 100\"])",
    "a.exec(\"cat\", #{input: \"x\", timeout: \"100s\"}); a.exec(\"sleep 100\", #{timeout: \"99s\"})",
    "a.spawn(\"sleep 100\").wait()",
    "a.spawn(\"sleep 100\").wait(\"99s\")",
    "a.spawn(\"sleep 100\").line()",
    "a.spawn(\"sleep 100\").line(\"99s\")",
    "a.spawn(\"yes\").wait_line(\"no\", \"99s\")",
    "a.ping(\"10.0.0.9\", 0)",
    "a.ping(\"10.0.0.9\", #{count: 1, timeout: \"100s\", quiet: true})",
    "a.ping(\"there.is.nobody.to.answer\", 1)",
    "w.addr(\"10.0.0.2/24\"); w.neighbor(\"10.0.0.1\", \"02:00:00:00:00:01\"); mesh([a, b], #{timeout: \"100s\"})",
    "expect_reach(a, \"10.0.0.9\", #{timeout: \"100s\"})",
    "expect_no_reach(a, \"10.0.0.9\", #{timeout: \"100s\"})",
    "b.link(\"down\").wait_up()",
    "w.addr(\"10.0.0.9/24\"); throughput(a, \"10.0.0.9\", #{timeout: \"100s\"})",
];

fn a_word_that_waits_is_ended_by_the_first_signal(lab: &Lab) {
    // The name server is one of those who do not answer.
    lab.copy_etc();
    fs::remove_file("/etc/resolv.conf").unwrap_or_default();
    let silent = "nameserver 10.0.0.8\noptions timeout:30 attempts:3\n";
    fs::write("/etc/resolv.conf", silent).unwrap();
    for word in WORDS {
        for signal in [Signal::SIGINT, Signal::SIGTERM] {
            let text = format!(
                "let a = netns(\"a\"); let b = netns(\"b\"); b.veth(\"down\", \"peer\");
                 let v = a.veth(\"v\", b, \"w\", #{{addr: \"10.0.0.1/24\", up: true}}); let w = v.peer.up();
                 for last in [8, 9] {{ v.neighbor(`10.0.0.${{last}}`, `02:00:00:00:00:0${{last}}`); }}
                 print(\"here\"); {word};"
            );
            let (run, _output) = start(lab, &text);
            let pid = run.id();
            if *word != "loop { }" {
                until(|| is_asleep(pid));
            }
            let asked = Instant::now();
            kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
            let ended = finish(run);
            assert_eq!(ended.code, 128 + signal as i32, "{word}: {}", ended.stderr);
            assert!(asked.elapsed() < AT_ONCE, "{word}: {:?}", asked.elapsed());
            let told = "took down what this run made: 2 namespaces";
            assert!(ended.stderr.contains(told), "{word}: {}", ended.stderr);
            assert_eq!(lab.namespaces(), [""; 0], "{word}");
        }
    }
}

/// Starts the script, and waits until it has said that it is here. Returns its output as well, which it would else write to nobody.
fn start(lab: &Lab, text: &str) -> (Child, BufReader<ChildStdout>) {
    fs::write(lab.folder().join("lab.rhai"), text).unwrap();
    let mut run = lab.start(&["lab.rhai"]);
    let mut line = String::new();
    let mut output = BufReader::new(run.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "here\n", "{text}");
    (run, output)
}

fn what_another_run_holds_is_told_and_not_waited_for(lab: &Lab) {
    let (run, _output) = start(lab, "netns(\"a\"); print(\"here\"); sleep(\"600s\");");
    let pid = run.id();
    for arguments in [&["lab.rhai"][..], &["down", "lab"], &["down", "--all"]] {
        let output = lab.ipvsh(arguments);
        let told = format!("cannot open the journal of lab `lab`: it is in use by process {pid} ");
        assert_eq!(output.code, 1, "{arguments:?}: {}", output.stderr);
        assert!(
            output.stderr.contains(&told),
            "{arguments:?}: {}",
            output.stderr
        );
    }
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(finish(run).code, 128 + Signal::SIGTERM as i32);
    assert_eq!(lab.namespaces(), [""; 0]);
}

fn a_down_that_waits_is_ended_by_the_first_signal_and_goes_on_with_the_next(lab: &Lab) {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        lab.run(
            r#"
            let a = netns("a");
            netns("b").veth("v", a, "w");
            let p = a.spawn(["sh", "-c", "trap '' TERM INT; echo on; while :; do sleep 1; done"]);
            p.wait_line("on", "60s");"#,
        );
        let down = lab.start(&["down", "lab"]);
        let pid = down.id();
        until(|| is_asleep(pid));
        let asked = Instant::now();
        kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
        let ended = finish(down);
        // It had done all where this test was slower.
        assert!(
            [0, 128 + signal as i32].contains(&ended.code),
            "{}",
            ended.end()
        );
        assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
        let again = lab.ipvsh(&["down", "--all"]);
        assert_eq!(again.end(), "exit code 0\n");
        assert_eq!(lab.namespaces(), [""; 0]);
        assert_eq!(lab.recorded(), 0);
    }
}

/// Whether the process waits for something: each thread of it, as the first one only waits for that which runs the script.
fn is_asleep(pid: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let mut tasks = tasks.into_iter().flatten().flatten().peekable();
    let sleeps = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('S'))
    };
    tasks.peek().is_some() && tasks.all(sleeps)
}
