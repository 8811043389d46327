//! Scripts as files: missing, empty, odd, and changed while they run.

use std::time::{Duration, Instant};

use crate::program::Place;

fn wrong_use(place: &Place, arguments: &[&str]) -> String {
    let run = place.run(arguments);
    assert_eq!(run.code, Some(2), "{}", run.errors);
    assert_eq!(run.output, "");
    run.errors
}

#[test]
fn a_missing_script_is_told_with_the_nearest_name() {
    let place = Place::with("");
    insta::assert_snapshot!(wrong_use(&place, &["lba.rhai"]), @"");
    insta::assert_snapshot!(wrong_use(&place, &["lab"]), @"");
    insta::assert_snapshot!(wrong_use(&place, &["dco"]), @"");
}

#[test]
fn a_folder_is_no_script() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("labs")).unwrap();
    insta::assert_snapshot!(wrong_use(&place, &["labs"]), @"");
}

#[test]
fn an_empty_script_does_nothing() {
    let run = Place::with("").run(&["lab.rhai"]);
    assert_eq!(
        (run.code, run.output.as_str(), run.errors.as_str()),
        (Some(0), "", "")
    );
}

#[test]
fn what_is_no_text_is_refused() {
    let place = Place::new();
    place.write("program", b"\x7fELF\0\0\0");
    insta::assert_snapshot!(wrong_use(&place, &["./program"]), @"");
    place.write("latin.rhai", b"let a = 1;\nprint(\"caf\xe9\");\n");
    insta::assert_snapshot!(wrong_use(&place, &["latin.rhai"]), @"");
}

#[test]
fn line_ends_of_windows_and_a_byte_order_mark_are_read_over() {
    let place = Place::with("\u{feff}let a = `x\r\ny`;\r\nprint(a.len());\r\n");
    let run = place.run(&["lab.rhai"]);
    assert_eq!(
        (run.code, run.output.as_str()),
        (Some(0), "3\n"),
        "{}",
        run.errors
    );
}

#[test]
fn the_first_line_may_name_the_interpreter() {
    let place = Place::with("#!/usr/bin/env ipvsh\nprint(1);\nfrobnicate();\n");
    let run = place.run(&["lab.rhai"]);
    assert_eq!(run.output, "1\n");
    insta::assert_snapshot!(run.errors, @"");
}

#[test]
fn a_script_comes_from_standard_input_as_well() {
    let place = Place::new();
    let run = place.feed(
        &["-", "--count", "3"],
        "print(param(\"count\", 1, \"how many\"));",
    );
    assert_eq!(
        (run.code, run.output.as_str()),
        (Some(0), "3\n"),
        "{}",
        run.errors
    );
    let run = place.feed(&["-"], "print(1);\nfrobnicate();\n");
    insta::assert_snapshot!(run.errors, @"");
}

#[test]
fn an_error_shows_the_line_that_ran_also_where_the_file_has_changed() {
    let place = Place::with("print(\"started\");\nsleep(\"500ms\");\nfrobnicate();\n");
    let started = Instant::now();
    let child = place
        .command(&["lab.rhai"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(200));
    place.write("lab.rhai", "something else\nentirely\n");
    let output = child.wait_with_output().unwrap();
    assert!(started.elapsed() > Duration::from_millis(500));
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"");
}

#[test]
fn a_command_wins_over_a_script_of_its_name() {
    let place = Place::new();
    place.write("doc", "print(\"the script\");");
    assert!(place.run(&["doc"]).output.contains("Namespaces"));
    assert_eq!(place.run(&["./doc"]).output, "the script\n");
}

#[test]
fn an_unknown_option_is_told_with_the_nearest() {
    insta::assert_snapshot!(wrong_use(&Place::new(), &["--sumary", "lab.rhai"]), @"");
    let place = Place::with("");
    insta::assert_snapshot!(wrong_use(&place, &["lab.rhai", "--summary"]), @"");
}
