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

#[track_caller]
fn wrong_use(arguments: &[&str]) -> String {
    let run = Place::with(SCRIPT).run(&[&["lab.rhai"], arguments].concat());
    assert_eq!(run.code, Some(2), "{}", run.errors);
    assert_eq!(run.output, "");
    run.errors
}

#[track_caller]
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
    insta::assert_snapshot!(output(&["--help"]), @r#"
    Two slaves of one parent.

    Each in its own namespace.

    Usage: ipvsh lab.rhai [--PARAMETER VALUE]…

    Parameters:
      --parent STRING  interface that the slaves share  [default: "bond0"]
      --count INT      how many namespaces  [default: 2]
      --up             bring them up  [default: true]
      --ports LIST     ports of the bond  [default: []]
      --rate FLOAT     in Mbit/s  [required]
    "#);
    let run = Place::with("print(1);").run(&["lab.rhai", "--help"]);
    insta::assert_snapshot!(run.output, @"Usage: ipvsh lab.rhai");
}

#[test]
fn a_wrong_command_line_is_told_before_anything_runs() {
    insta::assert_snapshot!(wrong_use(&["--rate=1", "--cuont", "3"]), @"
    error: the script has no parameter `--cuont`
      = it has --parent --count --up --ports --rate
    hint: did you mean `--count`?
    ");
    insta::assert_snapshot!(wrong_use(&["--rate=1", "--count", "many"]), @"
    error: `--count` takes an int, not `many`
    hint: write for example `--count 10`
    ");
    insta::assert_snapshot!(wrong_use(&["--count", "1"]), @"
    error: the parameter `--rate` is missing
    hint: add `--rate FLOAT`: in Mbit/s
    ");
    insta::assert_snapshot!(wrong_use(&["--rate=1", "eth1"]), @"
    error: unexpected `eth1` behind the script
    hint: parameters are written `--NAME VALUE`; what the script finds in `args` stands behind `--`: `-- eth1`
    ");
}

#[test]
fn a_declaration_that_can_not_be_read_is_told_before_anything_runs() {
    insta::assert_snapshot!(wrong_script("print(1);\nlet n = \"a\";\nparam(n + \"b\", 1, \"help\");"), @r#"
    error: the name in `param` has to be a literal text
     --> lab.rhai:3:1
      |
    3 | param(n + "b", 1, "help");
      | ^^^^^
    hint: the command line is read before the script runs
    "#);
    insta::assert_snapshot!(wrong_script("print(1);\nlet a = [1];\nparam(\"b\", a.len(), \"help\");"), @r#"
    error: the default of parameter `b` has to be a literal value, or `hostname()`
     --> lab.rhai:3:1
      |
    3 | param("b", a.len(), "help");
      | ^^^^^
    hint: the command line is read before the script runs
    "#);
    insta::assert_snapshot!(wrong_script("param(\"a\", 1, \"help\");\nparam(\"a\", 2, \"help\");"), @r#"
    error: parameter `a` is declared a second time
     --> lab.rhai:2:1
      |
    2 | param("a", 2, "help");
      | ^^^^^
    hint: declare it once, and use the variable that holds its value
    "#);
    insta::assert_snapshot!(wrong_script("required(\"a\", \"number\", \"help\");"), @r#"
    error: `number` is no type of a parameter
     --> lab.rhai:1:1
      |
    1 | required("a", "number", "help");
      | ^^^^^^^^
    hint: write "int", "float", "bool", "string", "list" or "map"
    "#);
    insta::assert_snapshot!(wrong_script("param(\"help\", true, \"help\");"), @r#"
    error: `help` can't be the name of a parameter: `--help` shows the script's help
     --> lab.rhai:1:1
      |
    1 | param("help", true, "help");
      | ^^^^^
    hint: choose another name
    "#);
    insta::assert_snapshot!(wrong_script("param(\"a\", (), \"help\");"), @r#"
    error: the default of parameter `a` is of a type that no command line can give
     --> lab.rhai:1:1
      |
    1 | param("a", (), "help");
      | ^^^^^
    hint: it can be an int, a float, a bool, a string, a list or a map
    "#);
    insta::assert_snapshot!(wrong_script("param(\"a\");"), @r#"
    error: `param` takes 2 or 3 arguments, not 1
     --> lab.rhai:1:1
      |
    1 | param("a");
      | ^^^^^
    hint: write `param(name, default, help)`
    "#);
}

#[test]
fn a_parameter_belongs_to_the_top_level() {
    insta::assert_snapshot!(wrong_script("print(1);\nfn f() { param(\"a\", 1, \"help\") }"), @r#"
    error: `param` can't stand in a function: parameters belong to the top level of a script
     --> lab.rhai:2:10
      |
    2 | fn f() { param("a", 1, "help") }
      |          ^^^^^
    hint: declare it at the top of the script, and hand its value over
    "#);
    let place = Place::with("import \"parts\" as parts;");
    place.write("parts.rhai", "let a = param(\"a\", 1, \"help\");");
    insta::assert_snapshot!(place.run(&["lab.rhai"]).errors, @r#"
    error: `param` can't stand in a module: parameters belong to the top level of a script
     --> parts.rhai:1:9
      |
    1 | let a = param("a", 1, "help");
      |         ^^^^^
      = in module `parts.rhai`, imported at lab.rhai:1
    hint: declare it at the top of the script, and hand its value over
    "#);
}

#[test]
fn a_default_may_be_computed_from_constants() {
    let place = Place::with("const N = 2; print(param(\"a\", N * 2 + 1, \"help\") + 1);");
    assert_eq!(place.run(&["lab.rhai"]).output, "6\n");
    assert_eq!(place.run(&["lab.rhai", "--a", "1"]).output, "2\n");
}

const BOUNDED: &str = r#"
    let mode = param("mode", "l3", #{one_of: ["l2", "l3", "l3s"], help: "mode of the slaves"});
    let count = param("count", 2, #{least: 1, most: 1000});
    let ports = param("ports", [80, 443], #{least: 1, help: "ports that are open"});
    let limits = param("limits", #{rate: 1});
    print([mode, count, ports, limits].to_json());"#;

#[test]
fn a_value_is_one_that_the_declaration_takes() {
    let place = Place::with(BOUNDED);
    let good = |arguments: &[&str]| {
        let run = place.run(&[&["lab.rhai"], arguments].concat());
        assert_eq!((run.code, run.errors.as_str()), (Some(0), ""));
        run.output
    };
    assert_eq!(good(&[]), "[\"l3\",2,[80,443],{\"rate\":1}]\n");
    assert_eq!(
        good(&[
            "--mode=l2",
            "--count",
            "1000",
            "--ports",
            "22,23",
            "--limits",
            r#"{"rate": [1, 2]}"#
        ]),
        "[\"l2\",1000,[22,23],{\"rate\":[1,2]}]\n"
    );
    assert_eq!(
        good(&["--ports", "[1, 2]"]),
        "[\"l3\",2,[1,2],{\"rate\":1}]\n"
    );
    let said = [
        ["--mode", "l4"],
        ["--count", "0"],
        ["--count", "1001"],
        ["--ports", "22,x"],
        ["--ports", "0"],
        ["--ports", "[1, \"a\"]"],
        ["--limits", "1"],
        ["--limits", "{"],
    ]
    .map(|words| {
        let run = place.run(&["lab.rhai", words[0], words[1]]);
        assert_eq!((run.code, run.output.as_str()), (Some(2), ""), "{words:?}");
        run.errors
    })
    .concat();
    insta::assert_snapshot!(said);
    insta::assert_snapshot!("help_of_bounds", place.run(&["lab.rhai", "--help"]).output);
}

#[test]
fn a_declaration_that_contradicts_itself_is_told() {
    let said = [
        r#"param("mode", "l9", #{one_of: ["l2", "l3"]});"#,
        r#"param("mode", "l2", #{one_of: ["l2", 3]});"#,
        r#"param("mode", "l2", #{least: 1});"#,
        r#"param("count", 0, #{least: 1});"#,
        r#"param("count", 0, #{leest: 1});"#,
    ]
    .map(|line| {
        let run = Place::with(line).run(&["lab.rhai"]);
        assert_eq!(run.code, Some(1), "{line}");
        run.errors
    })
    .concat();
    insta::assert_snapshot!(said);
}

#[test]
fn parameters_come_from_a_file_and_those_that_are_typed_hold() {
    let place = Place::with(BOUNDED);
    place.write(
        "p.json",
        r#"{"mode": "l3s", "count": 7, "ports": [1], "limits": {"rate": 2}}"#,
    );
    place.write(
        "p.toml",
        "mode = \"l2\"\nports = [5, 6]\n[limits]\nrate = 3\n",
    );
    place.write("wrong.json", r#"{"cuont": 7}"#);
    place.write("list.json", "[1]");
    let run = |arguments: &[&str]| {
        let run = place.run(arguments);
        assert_eq!((run.code, run.errors.as_str()), (Some(0), ""));
        run.output
    };
    assert_eq!(
        run(&["--params", "p.json", "lab.rhai"]),
        "[\"l3s\",7,[1],{\"rate\":2}]\n"
    );
    assert_eq!(
        run(&[
            "--params",
            "p.json",
            "lab.rhai",
            "--count=9",
            "--ports",
            "3"
        ]),
        "[\"l3s\",9,[3],{\"rate\":2}]\n"
    );
    assert_eq!(
        run(&["--params=p.toml", "lab.rhai"]),
        "[\"l2\",2,[5,6],{\"rate\":3}]\n"
    );
    let piped = place.feed(&["--params", "-", "lab.rhai"], r#"{"count": 5}"#);
    assert_eq!(piped.output, "[\"l3\",5,[80,443],{\"rate\":1}]\n");
    let said = [
        &["--params", "wrong.json", "lab.rhai"][..],
        &["--params", "list.json", "lab.rhai"],
        &["--params", "none.json", "lab.rhai"],
        &["--params", "p.json"],
    ]
    .map(|words| {
        let run = place.run(words);
        assert_eq!(run.code, Some(2), "{words:?}");
        run.errors
    })
    .concat();
    insta::assert_snapshot!(said);
}
