//! What scripts throw and catch, and how it is drawn where nobody catches it.

use crate::program::{Place, failure, script_failure, value};

#[test]
fn a_thrown_text_is_the_message() {
    insta::assert_snapshot!(failure("throw \"the lab is on fire\""), @r#"
    error: the lab is on fire
     --> <expression>:1:1
      |
    1 | throw "the lab is on fire"
      | ^^^^^
    "#);
}

#[test]
fn a_thrown_map_may_bring_message_and_hint() {
    insta::assert_snapshot!(failure("throw #{message: \"no uplink\", hint: \"plug it in\"}"), @r#"
    error: no uplink
     --> <expression>:1:1
      |
    1 | throw #{message: "no uplink", hint: "plug it in"}
      | ^^^^^
    hint: plug it in
    "#);
    insta::assert_snapshot!(failure("throw #{code: 5}"), @"
    error: the script failed with #{code: 5}
     --> <expression>:1:1
      |
    1 | throw #{code: 5}
      | ^^^^^
    ");
    insta::assert_snapshot!(failure("throw"), @"
    error: the script failed without saying why
     --> <expression>:1:1
      |
    1 | throw
      | ^^^^^
    ");
}

#[test]
fn a_failed_assertion_says_its_text() {
    insta::assert_snapshot!(failure("assert(1 > 2, \"one is less\")"), @r#"
    error: assertion failed: one is less
     --> <expression>:1:1
      |
    1 | assert(1 > 2, "one is less")
      | ^^^^^^
    "#);
    insta::assert_snapshot!(failure("assert(1 > 2)"), @"
    error: assertion failed
     --> <expression>:1:1
      |
    1 | assert(1 > 2)
      | ^^^^^^
    ");
}

#[test]
fn the_calls_that_led_there_are_shown() {
    let script = "\
fn inner(x) {
    assert(x < 3, \"too much\");
}
fn outer(x) {
    inner(x + 1);
}
for x in 0..5 {
    outer(x);
}
";
    insta::assert_snapshot!(script_failure(script), @r#"
    error: assertion failed: too much
     --> lab.rhai:2:5
      |
    2 |     assert(x < 3, "too much");
      |     ^^^^^^
      = in call to `inner` at lab.rhai:5
      = in call to `outer` at lab.rhai:8
    "#);
}

#[test]
fn an_error_in_a_closure_is_shown_with_its_place() {
    insta::assert_snapshot!(failure("[1, 2].map(|x| x.frobnicate())"), @"
    error: an int has no method `frobnicate`
     --> <expression>:1:18
      |
    1 | [1, 2].map(|x| x.frobnicate())
      |                  ^^^^^^^^^^
      = in call to a closure at <expression>:1
      = in call to `map` at <expression>:1
    hint: `ipvsh doc` lists all words
    ");
}

#[test]
fn a_caught_error_has_its_kind_and_place() {
    let line = "let t = (); try { assert(false, \"no\") } \
        catch (e) { t = [e.kind, e.message, e.line, e.position, e.hint] } t";
    assert_eq!(
        value(line),
        "[\"assertion\", \"assertion failed: no\", 1, 19, ()]"
    );
}

#[test]
fn an_error_thrown_again_says_where_it_came_from() {
    let script = "try {\n    assert(false);\n} catch (e) {\n    throw e;\n}\n";
    insta::assert_snapshot!(script_failure(script), @"
    error: assertion failed
     --> lab.rhai:4:5
      |
    4 |     throw e;
      |     ^^^^^
      = first raised at line 2
    ");
}

#[test]
fn exit_ends_the_script_with_its_code() {
    let place = Place::with("fn f() { exit(4); }\nprint(1);\nf();\nprint(2);");
    let run = place.run(&["lab.rhai"]);
    assert_eq!(
        (run.code, run.output.as_str(), run.errors.as_str()),
        (Some(4), "1\n", "")
    );
    assert_eq!(value("exit()"), "");
    insta::assert_snapshot!(failure("exit(300)"), @"
    error: an exit code is from 0 to 255, not 300
     --> <expression>:1:1
      |
    1 | exit(300)
      | ^^^^
    ");
}

/// Whatever is called on the way: Rhai tells of an error in a function in words alone.
#[test]
fn what_is_caught_from_a_function_says_the_same_as_what_is_caught_on_the_spot() {
    let mistakes = [
        "host().nosuch()",
        "host().nosuch",
        "nosuch(1)",
        "1 + host()",
        "[1][7]",
        "[1, 2][7]",
        "[][7]",
        "\"ab\"[7]",
        "let n = 5; for i in n {}",
        "let m = #{a: 1}; m.b",
        "host()[0]",
        "let n = 1; if n { print(n) }",
        "let x = \"a\"; x -= 1",
        "1 / 0",
        "mtu(\"a\")",
        "!5",
        "host().veth(1, 2)",
    ];
    for mistake in mistakes {
        let script = format!(
            "fn say(e) {{ print(`${{e.kind}} | ${{e.message}} | ${{e.hint}}`); }}\n\
             try {{ {mistake}; }} catch (e) {{ say(e); }}\n\
             let f = || {{ {mistake}; }};\n\
             try {{ f.call(); }} catch (e) {{ say(e); }}\n"
        );
        let run = Place::with(&script).run(&["lab.rhai"]);
        let said: Vec<&str> = run.output.lines().collect();
        assert_eq!(said.len(), 2, "{mistake}: {}{}", run.output, run.errors);
        assert_eq!(said[0], said[1], "{mistake}");
        assert!(!said[0].contains("lab.rhai"), "{mistake}: {}", said[0]);
    }
}
