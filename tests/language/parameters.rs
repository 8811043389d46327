//! Parameters of a script.

use crate::program::Place;

const SCRIPT: &str = "\
#!/usr/bin/env ipvsh
//! Two slaves of one parent.
//!
//! Each in its own namespace.

let parent = param(\"parent\", \"bond0\", \"interface that the slaves share\");
let count = param(\"count\", 2, \"how many namespaces\");
let up = param(\"up\", true, \"bring them up\");
let ports = param(\"ports\", [], \"ports of the bond\");
let rate = required(\"rate\", \"float\", \"in Mbit/s\");
print(`${parent} ${count} ${up} ${ports} ${rate} ${args}`);
";

fn output(arguments: &[&str]) -> String {
    let run = Place::with(SCRIPT).run(&[&["lab.rhai"], arguments].concat());
    assert_eq!(run.code, Some(0), "{}", run.errors);
    run.output
}

fn wrong_use(arguments: &[&str]) -> String {
    let run = Place::with(SCRIPT).run(&[&["lab.rhai"], arguments].concat());
    assert_eq!(run.code, Some(2), "{}", run.errors);
    assert_eq!(run.output, "");
    run.errors
}

fn wrong_script(script: &str) -> String {
    let run = Place::with(script).run(&["lab.rhai"]);
    assert_eq!(run.code, Some(1), "{}", run.errors);
    assert_eq!(run.output, "");
    run.errors
}

#[test]
fn parameters_are_set_behind_the_script() {
    assert_eq!(output(&["--rate", "1.5"]), "bond0 2 true [] 1.5 []\n");
    assert_eq!(
        output(&[
            "--rate=1",
            "--parent",
            "eth1",
            "--count=-3",
            "--no-up",
            "--ports",
            "a,b",
            "--",
            "x"
        ]),
        "eth1 -3 false [\"a\", \"b\"] 1.0 [\"x\"]\n"
    );
}

#[test]
fn help_shows_the_head_and_the_parameters_without_running() {
    insta::assert_snapshot!(output(&["--help"]), @"");
    let run = Place::with("print(1);").run(&["lab.rhai", "--help"]);
    insta::assert_snapshot!(run.output, @"");
}

#[test]
fn a_wrong_command_line_is_told_before_anything_runs() {
    insta::assert_snapshot!(wrong_use(&["--rate=1", "--cuont", "3"]), @"");
    insta::assert_snapshot!(wrong_use(&["--rate=1", "--count", "many"]), @"");
    insta::assert_snapshot!(wrong_use(&["--count", "1"]), @"");
    insta::assert_snapshot!(wrong_use(&["--rate=1", "eth1"]), @"");
}

#[test]
fn a_declaration_that_can_not_be_read_is_told_before_anything_runs() {
    insta::assert_snapshot!(wrong_script("print(1);\nlet n = \"a\";\nparam(n + \"b\", 1, \"help\");"), @"");
    insta::assert_snapshot!(wrong_script("print(1);\nlet a = [1];\nparam(\"b\", a.len(), \"help\");"), @"");
    insta::assert_snapshot!(wrong_script("param(\"a\", 1, \"help\");\nparam(\"a\", 2, \"help\");"), @"");
    insta::assert_snapshot!(wrong_script("required(\"a\", \"number\", \"help\");"), @"");
    insta::assert_snapshot!(wrong_script("param(\"help\", true, \"help\");"), @"");
    insta::assert_snapshot!(wrong_script("param(\"a\", #{}, \"help\");"), @"");
    insta::assert_snapshot!(wrong_script("param(\"a\");"), @"");
}

#[test]
fn a_parameter_belongs_to_the_top_level() {
    insta::assert_snapshot!(wrong_script("print(1);\nfn f() { param(\"a\", 1, \"help\") }"), @"");
    let place = Place::with("import \"parts\" as parts;");
    place.write("parts.rhai", "let a = param(\"a\", 1, \"help\");");
    insta::assert_snapshot!(place.run(&["lab.rhai"]).errors, @"");
}

#[test]
fn a_default_may_be_computed_from_constants() {
    let place = Place::with("const N = 2; print(param(\"a\", N * 2 + 1, \"help\") + 1);");
    assert_eq!(place.run(&["lab.rhai"]).output, "6\n");
    assert_eq!(place.run(&["lab.rhai", "--a", "1"]).output, "2\n");
}
