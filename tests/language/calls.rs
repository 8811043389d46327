//! Calls, properties and names that are wrong.

use crate::program::{failure, script_failure, value};

#[test]
fn a_wrong_name_is_told_with_the_nearest_right_one() {
    insta::assert_snapshot!(failure("netsn(\"a\")"), @"");
    insta::assert_snapshot!(failure("host().ipvaln(\"bond0\", \"v1\")"), @"");
    insta::assert_snapshot!(failure("frobnicate(1)"), @"");
}

#[test]
fn a_wrong_count_is_told_with_what_is_accepted() {
    insta::assert_snapshot!(failure("assert()"), @"");
    insta::assert_snapshot!(failure("fn f(a, b) { a } f(1)"), @"");
}

#[test]
fn a_wrong_type_is_told_with_the_argument() {
    insta::assert_snapshot!(failure("netns(3)"), @"");
    insta::assert_snapshot!(failure("assert(true, 5)"), @"");
    insta::assert_snapshot!(failure("let n = 5; n.up()"), @"");
}

#[test]
fn an_operator_between_the_wrong_types_is_told() {
    insta::assert_snapshot!(failure("\"a\" - 1"), @"");
    insta::assert_snapshot!(failure("[1] + true"), @"");
}

#[test]
fn an_unknown_variable_is_told_before_anything_runs() {
    let errors = script_failure("print(\"not printed\");\nlet count = 1;\nprint(cuont);");
    insta::assert_snapshot!(errors, @"");
    insta::assert_snapshot!(failure("host.name"), @"");
    insta::assert_snapshot!(failure("let a = 1; fn f() { a } f()"), @"");
    insta::assert_snapshot!(failure("bond0"), @"");
}

#[test]
fn an_unknown_property_is_told_with_those_there_are() {
    insta::assert_snapshot!(failure("host().nmae"), @"");
    insta::assert_snapshot!(failure("let m = #{mtu: 1}; m.mut"), @"");
    insta::assert_snapshot!(failure("host().ping"), @"");
    insta::assert_snapshot!(failure("host().name()"), @"");
}

#[test]
fn a_property_that_can_only_be_read_is_told() {
    insta::assert_snapshot!(failure("let h = host(); h.name = \"other\""), @"");
}

#[test]
fn a_function_in_a_variable_is_told_how_to_be_called() {
    insta::assert_snapshot!(failure("let f = |x| x; f(3)"), @"");
}

#[test]
fn values_out_of_range_are_told() {
    insta::assert_snapshot!(failure("[1, 2][4]"), @"");
    insta::assert_snapshot!(failure("let a = 1; a / 0"), @"");
    insta::assert_snapshot!(failure("for x in 5 { }"), @"");
    insta::assert_snapshot!(failure("const A = 1; A = 2"), @"");
}

#[test]
fn values_print_as_a_user_reads_them() {
    assert_eq!(value("1 + 1"), "2");
    assert_eq!(value("\"two words\""), "two words");
    assert_eq!(value("[1, \"a\", ()]"), "[1, \"a\", ()]");
    assert_eq!(value("#{b: 1, a: \"x\"}"), "a: \"x\"\nb: 1");
    assert_eq!(
        value("[#{name: \"a\", up: true}, #{name: \"bb\", up: false}]"),
        "NAME  UP\na     true\nbb    false"
    );
    assert_eq!(value("host()"), "host");
    assert_eq!(value("let a = 1;"), "");
}

#[test]
fn a_chain_of_sixty_calls_in_a_function_is_not_too_deep() {
    let chain = ".filter(|x| x > 0)".repeat(60);
    assert_eq!(value(&format!("fn f() {{ [1]{chain} }} f()")), "[1]");
}
