//! What `--json` prints: one document on standard output, which has the error; where there is none, the error is one on standard
//! error.

use crate::program::Place;

fn run(arguments: &[&str], script: &str) -> (String, String, Option<i32>) {
    let run = Place::with(script).run(arguments);
    (run.output, run.errors, run.code)
}

#[test]
fn a_line_is_its_value_and_what_it_prints_stands_beside_it() {
    let (output, errors, code) = run(&["--json", "-e", "print(\"hi\"); #{a: [1, 2.5, ()]}"], "");
    assert_eq!(
        (output.as_str(), errors.as_str(), code),
        ("{\"a\":[1,2.5,null]}\n", "hi\n", Some(0))
    );
}

#[test]
fn a_run_is_one_document_of_counts_and_output() {
    let (output, errors, code) = run(&["--json", "lab.rhai"], "print(\"a\");\nprint([1, 2]);\n");
    insta::assert_snapshot!(output, @r#"
    {"ok":true,"exit_code":0,"created":0,"changed":0,"unchanged":0,"deleted":0,"stale":0,"taken_down":{"namespaces":0,"links":0,"changes":0},"result":null,"error":null,"objects":[],"output":["a","[1, 2]"],"notes":[]}
    "#);
    assert_eq!((errors.as_str(), code), ("", Some(0)));
}

#[test]
fn a_run_that_fails_says_so_in_its_document_and_nowhere_else() {
    let (output, errors, code) = run(
        &["--json", "lab.rhai"],
        "print(\"a\");\nassert(false, \"no\");\n",
    );
    insta::assert_snapshot!(output, @r#"
    {"ok":false,"exit_code":1,"created":0,"changed":0,"unchanged":0,"deleted":0,"stale":0,"taken_down":{"namespaces":0,"links":0,"changes":0},"result":null,"error":{"kind":"assertion","message":"assertion failed: no","hint":null,"notes":[],"errno":null,"kernel":null,"netns":null,"object":null,"file":"lab.rhai","line":2,"position":1},"objects":[],"output":["a"],"notes":[]}
    "#);
    assert_eq!((errors.as_str(), code), ("", Some(1)));
}

#[test]
fn a_run_in_lines_tells_each_thing_as_it_happens() {
    let script = "print(\"a\");\nprint([1, 2]);\nassert(false, \"no\");\n";
    let (output, errors, code) = run(&["--json=lines", "lab.rhai"], script);
    insta::assert_snapshot!(output, @r#"
    {"event":"output","text":"a"}
    {"event":"output","text":"[1, 2]"}
    {"event":"end","ok":false,"exit_code":1,"created":0,"changed":0,"unchanged":0,"deleted":0,"stale":0,"taken_down":{"namespaces":0,"links":0,"changes":0},"result":null,"error":{"kind":"assertion","message":"assertion failed: no","hint":null,"notes":[],"errno":null,"kernel":null,"netns":null,"object":null,"file":"lab.rhai","line":3,"position":1}}
    "#);
    assert_eq!((errors.as_str(), code), ("", Some(1)));
}

#[test]
fn what_has_no_run_is_not_told_in_lines() {
    for arguments in [&["--json=lines", "ls"][..], &["--json=lines", "-e", "1"]] {
        let (output, errors, code) = run(arguments, "");
        let error: serde_json::Value = serde_json::from_str(&errors).unwrap();
        assert_eq!((output.as_str(), code), ("", Some(2)), "{arguments:?}");
        assert_eq!(error["hint"], "`--json` prints one document");
    }
}

#[test]
fn a_wrong_command_line_is_an_error_of_kind_usage() {
    let (output, errors, code) = run(&["--json", "lab.rhai", "--cuont=1"], "param(\"count\", 2);");
    insta::assert_snapshot!(errors, @r#"
    {"kind":"usage","message":"the script has no parameter `--cuont`","hint":"did you mean `--count`?","notes":["it has --count"],"errno":null,"kernel":null,"netns":null,"object":null,"file":null,"line":null,"position":null}
    "#);
    assert_eq!((output.as_str(), code), ("", Some(2)));
}

#[test]
fn check_lists_the_mistakes() {
    let (output, errors, code) = run(&["--json", "check", "lab.rhai"], "foo();\nassert();\n");
    let mistakes: serde_json::Value = serde_json::from_str(&output).unwrap();
    let found = |index: usize| {
        let mistake = &mistakes[index];
        (mistake["line"].as_u64(), mistake["message"].as_str())
    };
    assert_eq!(found(0), (Some(1), Some("there is no word `foo`")));
    assert_eq!(
        found(1),
        (Some(2), Some("`assert` takes 1 or 2 arguments, not 0"))
    );
    assert_eq!((errors.as_str(), code), ("", Some(1)));
    let (output, _, code) = run(&["--json", "check", "lab.rhai"], "1");
    assert_eq!((output.as_str(), code), ("[]\n", Some(0)));
}

#[test]
fn the_manual_has_the_forms_of_a_word() {
    let (output, _, code) = run(&["--json", "doc", "here"], "");
    let found: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(found[0]["forms"][0]["call"], "here()");
    assert_eq!((found[0]["word"].as_str(), code), (Some("here"), Some(0)));
}

#[test]
fn what_a_session_prints_does_not_stand_among_its_values() {
    let run = Place::new().feed(&["--json"], "print(`on the way`); 1\n[2]\n");
    assert_eq!(
        (run.output.as_str(), run.errors.as_str()),
        ("1\n[2]\n", "on the way\n")
    );
}

#[test]
fn each_value_of_a_session_is_a_line() {
    let run = Place::new().feed(&["--json"], "1 + 1\nlet a = 3;\n[a]\n");
    assert_eq!((run.output.as_str(), run.errors.as_str()), ("2\n[3]\n", ""));
}
