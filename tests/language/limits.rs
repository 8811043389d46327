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
    assert!(took < Duration::from_secs(20), "{took:?}");
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
    assert!(took < Duration::from_secs(20), "{took:?}");
    let (run, _) = ended_by("print(1);\nsleep(3600);\n", Signal::SIGTERM);
    assert_eq!(run.code, Some(143));
    // It may come just before the wait begins.
    assert!(
        run.errors
            .starts_with("error: interrupted\n --> lab.rhai:2:"),
        "{}",
        run.errors
    );
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

#[test]
fn rows_are_collected_in_a_time_that_grows_with_their_number() {
    let began = Instant::now();
    let script = "let rows = [];\n\
                  for i in 0..100000 { rows.push(#{name: `n${i}`, ip: \"10.0.0.1\", vlan: i}); }\n\
                  print(rows.len());";
    let run = Place::with(script).run(&["lab.rhai"]);
    assert_eq!((run.output.as_str(), run.code), ("100000\n", Some(0)));
    // Measured at each step it takes minutes.
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
}

/// What is said of a script that has taken more than 16 MiB.
const USED_UP: &str = "error: the script used up the memory that it may have: 16 MiB\n";

#[test]
fn a_script_that_takes_too_much_memory_ends_with_an_error() {
    for script in [
        "let s = \"0123456789\"; loop { s += s; }",
        "let s = \"0123456789\"; loop { s = s + s; }",
        "let l = [1]; loop { l += l; }",
        "let l = []; loop { l.push(#{a: \"text\", b: l.len()}); }",
        "let m = #{}; let i = 0; loop { m[`k${i}`] = i; i += 1; }",
        "let all = []; loop { let n = all.len(); all.push(|| n); }",
        "fn f(s) { f(s + s) } f(\"0123456789\")",
        "fn f(s, n) { if n == 0 { loop { s += s; } } f(s + `${n}`, n - 1) } f(\"0\", 500)",
        // One step that takes far too much.
        "let l = []; l.pad(500000000, 1);",
        "blob(8000000000)",
        "let s = \"\"; s.pad(100000, \"a\"); let t = s; s.replace(\"a\", t);",
        "let s = \"\"; s.pad(1000000, \"a\"); s.split(\"\")",
    ] {
        let run = Place::with(script).run(&["--memory", "16MiB", "lab.rhai"]);
        assert_eq!(run.code, Some(1), "{script}: {}", run.errors);
        assert!(run.errors.starts_with(USED_UP), "{script}: {}", run.errors);
    }
}

#[test]
fn a_script_may_take_more_where_it_is_given_more() {
    let script = "let s = \"0123456789abcdef\"; for i in 0..23 { s += s; } print(s.len());";
    let place = Place::with(script);
    let run = place.run(&["--memory", "1GiB", "lab.rhai"]);
    assert_eq!((run.output.as_str(), run.code), ("134217728\n", Some(0)));
    let run = place.run(&["--memory", "much", "lab.rhai"]);
    assert_eq!(run.code, Some(2), "{}", run.errors);
}

#[test]
fn where_the_system_has_no_more_memory_the_run_ends_with_an_error() {
    let place = Place::with("let s = \"0123456789\"; loop { s += s; }");
    for limit in [400_000, 700_000] {
        let line = format!("ulimit -v {limit}; exec \"$0\" \"$@\"");
        let plain = place.command(&["lab.rhai"]);
        let output = Command::new("sh")
            .args(["-c", &line])
            .arg(plain.get_program())
            .args(plain.get_args())
            .current_dir(place.path())
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{limit}: {errors}");
        assert!(
            errors.starts_with("error: the script used up the memory"),
            "{limit}: {errors}"
        );
    }
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let place = Place::with("import \"pipe\" as p;");
    nix::unistd::mkfifo(&place.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    nix::unistd::mkfifo(
        &place.path().join("pipe.rhai"),
        nix::sys::stat::Mode::S_IRWXU,
    )
    .unwrap();
    let commands: [&[&str]; 5] = [&[], &["plan"], &["check"], &["import"], &["--sandbox=vm"]];
    for command in commands {
        for (file, what) in [
            ("pipe", "a pipe"),
            ("/dev/zero", "a device"),
            (".", "a directory"),
        ] {
            let began = Instant::now();
            let run = place.run(&[command, &[file]].concat());
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "{command:?} {file}"
            );
            let text = format!("`{file}`: it is {what}");
            assert!(
                run.errors.contains(&text),
                "{command:?} {file}: {}",
                run.errors
            );
            assert!([Some(1), Some(2)].contains(&run.code), "{command:?} {file}");
        }
    }
    let run = place.run(&["lab.rhai"]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.errors.contains("`pipe.rhai`: it is a pipe, not a file"),
        "{}",
        run.errors
    );
}

#[test]
fn a_script_that_comes_through_a_pipe_of_the_shell_is_read_to_its_end() {
    let program = env!("CARGO_BIN_EXE_ipvsh");
    let line = format!(
        "{program} <(echo 'print(1);'); echo 'print(2);' | {program} -; {program} - < /dev/zero"
    );
    let output = Command::new("bash").args(["-c", &line]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "1\n2\n");
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: cannot read `<stdin>`: it is larger than 256 MiB\n"
    );
}
