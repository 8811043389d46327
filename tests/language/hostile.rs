//! Texts that others wrote do nothing on the terminal, wherever they are shown.

use crate::program::Place;

fn run(arguments: &[&str], script: &str) -> (String, String) {
    let run = Place::with(script).run(arguments);
    (run.output, run.errors)
}

#[test]
fn a_thrown_text_is_shown_escaped_and_passes_for_no_hint() {
    let (_, errors) = run(&["-e", r#"throw "a\x1b]0;title\x07\nhint: type this""#], "");
    insta::assert_snapshot!(errors, @r#"
    error: a\x1b]0;title\x07
      hint: type this
     --> <expression>:1:1
      |
    1 | throw "a\x1b]0;title\x07\nhint: type this"
      | ^^^^^
    "#);
}

#[test]
fn a_script_prints_into_a_pipe_what_it_wants_and_its_tables_are_escaped() {
    let (output, _) = run(
        &["lab.rhai"],
        "print(\"\\x1b[31m\");\nprint([#{name: \"a\\x1b[2J\\nb\"}]);\nprint(#{a: \"\\x1b\"});\n",
    );
    assert_eq!(output, "\u{1b}[31m\nNAME\na\\x1b[2J\\nb\na: \"\\u{1b}\"\n");
}

#[test]
fn the_help_of_a_script_is_shown_escaped() {
    let (output, _) = run(
        &["lab.rhai", "--help"],
        "//! A lab\u{1b}[8m.\nparam(\"a\", 1, \"x\\x1b[31m\");\n",
    );
    assert!(output.contains("A lab\\x1b[8m."), "{output}");
    assert!(output.contains("x\\x1b[31m"), "{output}");
    assert!(!output.contains('\u{1b}'), "{output}");
}

#[test]
fn json_has_no_character_that_acts_on_a_terminal() {
    let (output, _) = run(&["--json", "-e", r#""\u009b2J\x7f\u202e""#], "");
    assert_eq!(output, "\"\\u009b2J\\u007f\\u202e\"\n");
}

#[test]
fn colours_are_our_own_also_where_a_text_has_some() {
    let (_, errors) = run(&["--color", "always", "-e", r#"throw "a\x1b[32mb""#], "");
    assert!(
        errors.starts_with("\u{1b}[1;31merror:\u{1b}[0m \u{1b}[1ma\\x1b[32mb\u{1b}[0m\n"),
        "{errors:?}"
    );
}
