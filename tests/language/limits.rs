//! Deep recursion, endless loops, signals, and readers that go away.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::{Place, Run, failure};

#[test]
fn recursion_without_end_is_an_error() {
    insta::assert_snapshot!(failure("fn f(n) { if n == 0 { 0 } else { 1 + f(n - 1) } } f(10000)"), @"
    error: recursion deeper than 1000 calls
     --> <expression>:1:51
      |
    1 | fn f(n) { if n == 0 { 0 } else { 1 + f(n - 1) } } f(10000)
      |                                                   ^
    hint: a function that calls itself needs a case in which it does not
    ");
}

#[test]
fn recursion_through_closures_is_an_error_too() {
    let errors =
        failure("let f = #{}; f.g = |f, n| [n].map(|x| f.g.call(f, x + 1)); f.g.call(f, 0)");
    assert!(errors.contains("recursion"), "{errors}");
}

#[test]
fn recursion_with_deep_expressions_does_not_overflow_the_stack() {
    let deep = format!("{}f(n + 1){}", "(1 + ".repeat(80), ")".repeat(80));
    let errors = failure(&format!("fn f(n) {{ {deep} }} f(0)"));
    assert!(errors.contains("recursion"), "{errors}");
}

#[test]
fn nesting_without_end_is_an_error() {
    let text = format!("let a = {}1{};", "(".repeat(100_000), ")".repeat(100_000));
    let place = Place::with(&text);
    let run = place.run(&["lab.rhai"]);
    assert_eq!(run.code, Some(1));
    assert!(run.errors.starts_with("error: this is nested too deep\n"));
}

/// Runs `script`, sends it `signal` once it has printed its first line, and returns how it ended and how long that took.
fn ended_by(script: &str, signal: Signal) -> (Run, Duration) {
    let place = Place::with(script);
    let mut child = place
        .command(&["lab.rhai"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
    let sent = Instant::now();
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
    let run = child.wait_with_output().unwrap().into();
    (run, sent.elapsed())
}

#[test]
fn an_endless_loop_ends_at_ctrl_c() {
    let (run, took) = ended_by("print(1);\nloop { }\n", Signal::SIGINT);
    assert_eq!(run.code, Some(130));
    assert!(took < Duration::from_millis(500), "{took:?}");
    // Which step of the loop it meets is a matter of chance.
    assert!(
        run.errors
            .starts_with("error: interrupted\n --> lab.rhai:2:"),
        "{}",
        run.errors
    );
}

#[test]
fn a_wait_ends_at_ctrl_c_and_no_catch_holds_it_up() {
    let script = "print(1);\nloop { try { sleep(\"1h\") } catch { } }\n";
    let (run, took) = ended_by(script, Signal::SIGINT);
    assert_eq!(run.code, Some(130), "{}", run.errors);
    assert!(took < Duration::from_millis(500), "{took:?}");
    let (run, _) = ended_by("print(1);\nsleep(3600);\n", Signal::SIGTERM);
    assert_eq!(run.code, Some(143));
    insta::assert_snapshot!(run.errors, @"
    error: interrupted
     --> lab.rhai:2:1
      |
    2 | sleep(3600);
      | ^^^^^
    ");
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let place = Place::with("loop { print(\"on and on\"); }");
    let program = env!("CARGO_BIN_EXE_ipvsh");
    let output = Command::new("sh")
        .args([
            "-c",
            &format!("{program} lab.rhai | head -n 2; {program} -e 1 | head -n 0"),
        ])
        .current_dir(place.path())
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "on and on\non and on\n"
    );
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
