//! What scripts throw and catch, and how it is drawn where nobody catches it.

use crate::program::{Place, failure, script_failure, value};

#[test]
fn a_thrown_text_is_the_message() {
    insta::assert_snapshot!(failure("throw \"the lab is on fire\""), @"");
}

#[test]
fn a_thrown_map_may_bring_message_and_hint() {
    insta::assert_snapshot!(failure("throw #{message: \"no uplink\", hint: \"plug it in\"}"), @"");
    insta::assert_snapshot!(failure("throw #{code: 5}"), @"");
    insta::assert_snapshot!(failure("throw"), @"");
}

#[test]
fn a_failed_assertion_says_its_text() {
    insta::assert_snapshot!(failure("assert(1 > 2, \"one is less\")"), @"");
    insta::assert_snapshot!(failure("assert(1 > 2)"), @"");
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
    insta::assert_snapshot!(script_failure(script), @"");
}

#[test]
fn an_error_in_a_closure_is_shown_with_its_place() {
    insta::assert_snapshot!(failure("[1, 2].map(|x| x.frobnicate())"), @"");
}

#[test]
fn a_caught_error_has_its_kind_and_place() {
    let line =
        "try { assert(false, \"no\") } catch (e) { `${e.kind} ${e.message} ${e.line} ${e.hint}` }";
    assert_eq!(value(line), "assertion assertion failed: no 1 ");
}

#[test]
fn an_error_thrown_again_says_where_it_came_from() {
    let script = "try {\n    assert(false);\n} catch (e) {\n    throw e;\n}\n";
    insta::assert_snapshot!(script_failure(script), @"");
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
    insta::assert_snapshot!(failure("exit(300)"), @"");
}
