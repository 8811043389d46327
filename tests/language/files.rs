//! Scripts as files: missing, empty, odd, and changed while they run.

use std::io::Read;

use crate::program::Place;

#[track_caller]
fn wrong_use(place: &Place, arguments: &[&str]) -> String {
    let run = place.run(arguments);
    assert_eq!(run.code, Some(2), "{}", run.errors);
    assert_eq!(run.output, "");
    run.errors
}

#[test]
fn a_missing_script_is_told_with_the_nearest_name() {
    let place = Place::with("");
    insta::assert_snapshot!(wrong_use(&place, &["lba.rhai"]), @"
    error: there is no script `lba.rhai`
    hint: did you mean `lab.rhai`?
    ");
    insta::assert_snapshot!(wrong_use(&place, &["lab"]), @"
    error: there is no script `lab`
    hint: did you mean `lab.rhai`?
    ");
    insta::assert_snapshot!(wrong_use(&place, &["dco"]), @"
    error: there is no script `dco`
    hint: did you mean the command `ipvsh doc`?
    ");
}

#[test]
fn a_word_that_is_no_command_is_told_with_what_there_is() {
    let place = Place::with("");
    insta::assert_snapshot!(wrong_use(&place, &["run", "my lab.rhai"]), @"
    error: there is no script `run`
    hint: a script is run by its name: `ipvsh 'my lab.rhai'`
    ");
    insta::assert_snapshot!(wrong_use(&place, &["frobnicate"]), @"
    error: there is no script `frobnicate`
      = commands: doc, check, plan, ls, down, confirm, enable, disable, test, doctor, demo, new, fmt, lsp, import, export, graph, watch, view, capture, extcap, vm
    hint: the name of a script ends in .rhai; `ipvsh new` writes one to begin with
    ");
}

#[test]
fn a_folder_is_no_script() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("labs")).unwrap();
    insta::assert_snapshot!(wrong_use(&place, &["labs"]), @"
    error: cannot run `labs`: it is a directory
    hint: name a script in it
    ");
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
    insta::assert_snapshot!(wrong_use(&place, &["./program"]), @"
    error: cannot run `./program`: it is binary, not a script
    hint: a script is a text in the language of ipvsh, see `ipvsh doc`
    ");
    place.write("latin.rhai", b"let a = 1;\nprint(\"caf\xe9\");\n");
    insta::assert_snapshot!(wrong_use(&place, &["latin.rhai"]), @r#"
    error: cannot run `latin.rhai`: it is not UTF-8 text
     --> latin.rhai:2:11
      |
    2 | print("caf�");
      |           ^
    hint: save it as UTF-8
    "#);
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
    insta::assert_snapshot!(run.errors, @"
    error: there is no word `frobnicate`
     --> lab.rhai:3:1
      |
    3 | frobnicate();
      | ^^^^^^^^^^
    hint: `ipvsh doc` lists all words
    ");
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
    insta::assert_snapshot!(run.errors, @"
    error: there is no word `frobnicate`
     --> <stdin>:2:1
      |
    2 | frobnicate();
      | ^^^^^^^^^^
    hint: `ipvsh doc` lists all words
    ");
}

#[test]
fn an_error_shows_the_line_that_ran_also_where_the_file_has_changed() {
    let place = Place::with("print(\"started\");\nsleep(\"500ms\");\nfrobnicate();\n");
    let mut child = place
        .command(&["lab.rhai"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    place.write("lab.rhai", "something else\nentirely\n");
    let output = child.wait_with_output().unwrap();
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"
    error: there is no word `frobnicate`
     --> lab.rhai:3:1
      |
    3 | frobnicate();
      | ^^^^^^^^^^
    hint: `ipvsh doc` lists all words
    ");
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
    insta::assert_snapshot!(wrong_use(&Place::new(), &["--sumary", "lab.rhai"]), @"
    error: unexpected argument '--sumary' found

      tip: a similar argument exists: '--summary'

    Usage: ipvsh [OPTIONS] [SCRIPT [--PARAMETER VALUE]… [-- ARG…]]
           ipvsh [OPTIONS] -e EXPRESSION
           ipvsh [OPTIONS] COMMAND

    For more information, try '--help'.
    ");
    let place = Place::with("");
    insta::assert_snapshot!(wrong_use(&place, &["lab.rhai", "--summary"]), @"
    error: the script has no parameter `--summary`
      = it has none at all
    hint: options of ipvsh stand before the script: `ipvsh --summary …`
    ");
}
