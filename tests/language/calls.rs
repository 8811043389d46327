//! Calls, properties and names that are wrong.

use crate::program::{failure, script_failure, value};

#[test]
fn a_wrong_name_is_told_with_the_nearest_right_one() {
    insta::assert_snapshot!(failure("netsn(\"a\")"), @r#"
    error: there is no word `netsn`
     --> <expression>:1:1
      |
    1 | netsn("a")
      | ^^^^^
    hint: did you mean `netns`?
    "#);
    insta::assert_snapshot!(failure("host().ipvaln(\"bond0\", \"v1\")"), @r#"
    error: a namespace has no method `ipvaln`
     --> <expression>:1:8
      |
    1 | host().ipvaln("bond0", "v1")
      |        ^^^^^^
    hint: did you mean `ipvlan`?
    "#);
    insta::assert_snapshot!(failure("frobnicate(1)"), @"
    error: there is no word `frobnicate`
     --> <expression>:1:1
      |
    1 | frobnicate(1)
      | ^^^^^^^^^^
    hint: `ipvsh doc` lists all words
    ");
}

#[test]
fn a_wrong_count_is_told_with_what_is_accepted() {
    insta::assert_snapshot!(failure("assert()"), @"
    error: `assert` takes 1 or 2 arguments, not 0
     --> <expression>:1:1
      |
    1 | assert()
      | ^^^^^^
      = accepted:
        assert(condition: bool)
        assert(condition: bool, text: string)
    ");
    insta::assert_snapshot!(failure("fn f(a, b) { a } f(1)"), @"
    error: `f` takes 2 arguments, not 1
     --> <expression>:1:18
      |
    1 | fn f(a, b) { a } f(1)
      |                  ^
      = accepted:
        f(a, b)
    ");
}

#[test]
fn a_wrong_type_is_told_with_the_argument() {
    insta::assert_snapshot!(failure("netns(3)"), @"
    error: argument 1 (name) of `netns` is a string, not an int
     --> <expression>:1:1
      |
    1 | netns(3)
      | ^^^^^
      = accepted:
        netns(name: string) -> Netns
        link.netns(target: any) -> Link
        link.netns(target: any, name: string) -> Link
    ");
    insta::assert_snapshot!(failure("assert(true, 5)"), @"
    error: argument 2 (text) of `assert` is a string, not an int
     --> <expression>:1:1
      |
    1 | assert(true, 5)
      | ^^^^^^
      = accepted:
        assert(condition: bool)
        assert(condition: bool, text: string)
    ");
    insta::assert_snapshot!(failure("let n = 5; n.up()"), @"
    error: `up` is a method of a link, not of an int
     --> <expression>:1:14
      |
    1 | let n = 5; n.up()
      |              ^^
      = accepted:
        link.up() -> Link
        net.up(link: string) -> Link
        up(link: string) -> Link
    ");
}

#[test]
fn an_operator_between_the_wrong_types_is_told() {
    insta::assert_snapshot!(failure("\"a\" - 1"), @r#"
    error: `-` does not work between a string and an int
     --> <expression>:1:5
      |
    1 | "a" - 1
      |     ^
    "#);
    insta::assert_snapshot!(failure("[1] + true"), @"
    error: `+` does not work between a list and a bool
     --> <expression>:1:5
      |
    1 | [1] + true
      |     ^
    hint: to put values into a text, write `${value}` between back-ticks
    ");
}

#[test]
fn an_unknown_variable_is_told_before_anything_runs() {
    let errors = script_failure("print(\"not printed\");\nlet count = 1;\nprint(cuont);");
    insta::assert_snapshot!(errors, @"
    error: there is no variable `cuont`
     --> lab.rhai:3:7
      |
    3 | print(cuont);
      |       ^^^^^
    hint: did you mean `count`?
    ");
    insta::assert_snapshot!(failure("host.name"), @"
    error: there is no variable `host`
     --> <expression>:1:1
      |
    1 | host.name
      | ^^^^
    hint: `host` is a word: call it as `host()`
    ");
    insta::assert_snapshot!(failure("let a = 1; fn f() { a } f()"), @"
    error: there is no variable `a`
     --> <expression>:1:21
      |
    1 | let a = 1; fn f() { a } f()
      |                     ^
    hint: a function sees its parameters only: hand `a` over as one, or declare it before its use
    ");
    insta::assert_snapshot!(failure("bond0"), @r#"
    error: there is no variable `bond0`
     --> <expression>:1:1
      |
    1 | bond0
      | ^^^^^
    hint: did you mean the word `bond`, or the text "bond0"?
    "#);
}

#[test]
fn an_unknown_property_is_told_with_those_there_are() {
    insta::assert_snapshot!(failure("host().nmae"), @"
    error: a namespace has no property `nmae`
     --> <expression>:1:8
      |
    1 | host().nmae
      |        ^^^^
      = it has .path .inode .processes .name .links .addrs .routes .nexthops .rules .neighbors .ruleset
    hint: did you mean `.name`?
    ");
    insta::assert_snapshot!(failure("let m = #{mtu: 1}; m.mut"), @r#"
    error: the map has no `mut`
     --> <expression>:1:22
      |
    1 | let m = #{mtu: 1}; m.mut
      |                      ^^^
    hint: `"mut" in map` says whether it has; `map.get("mut")` is () where it hasn't
    "#);
    insta::assert_snapshot!(failure("host().ping"), @"
    error: a namespace has no property `ping`
     --> <expression>:1:8
      |
    1 | host().ping
      |        ^^^^
      = it has .path .inode .processes .name .links .addrs .routes .nexthops .rules .neighbors .ruleset
    hint: it is a method: write `.ping(…)`
    ");
    insta::assert_snapshot!(failure("host().name()"), @"
    error: `name` is a property of a namespace, not a method
     --> <expression>:1:8
      |
    1 | host().name()
      |        ^^^^
    hint: write `.name` without brackets
    ");
}

#[test]
fn a_property_that_can_only_be_read_is_told() {
    insta::assert_snapshot!(failure("let h = host(); h.name = \"other\""), @r#"
    error: `.name` of a namespace can't be assigned to
     --> <expression>:1:19
      |
    1 | let h = host(); h.name = "other"
      |                   ^^^^
    "#);
}

#[test]
fn a_function_in_a_variable_is_told_how_to_be_called() {
    insta::assert_snapshot!(failure("let f = |x| x; f(3)"), @"
    error: there is no word `f`
     --> <expression>:1:16
      |
    1 | let f = |x| x; f(3)
      |                ^
    hint: `f` is a variable; where it holds a function, write `f.call(…)`
    ");
}

#[test]
fn values_out_of_range_are_told() {
    insta::assert_snapshot!(failure("[1, 2][4]"), @"
    error: index 4 of a list of 2
     --> <expression>:1:8
      |
    1 | [1, 2][4]
      |        ^
    hint: the first item has index 0, the last one -1
    ");
    insta::assert_snapshot!(failure("let a = 1; a / 0"), @"
    error: division by zero: 1 / 0
     --> <expression>:1:14
      |
    1 | let a = 1; a / 0
      |              ^
    ");
    insta::assert_snapshot!(failure("for x in 5 { }"), @"
    error: `for` can't go through an int
     --> <expression>:1:10
      |
    1 | for x in 5 { }
      |          ^
    hint: it goes through the numbers below one as `for i in 0..3`
    ");
    insta::assert_snapshot!(failure("const A = 1; A = 2"), @"
    error: `A` is a constant and can't be assigned to
     --> <expression>:1:14
      |
    1 | const A = 1; A = 2
      |              ^
    hint: declare it with `let A`
    ");
}

#[test]
fn values_print_as_a_user_reads_them() {
    assert_eq!(value("1 + 1"), "2");
    assert_eq!(value("\"two words\""), "two words");
    assert_eq!(value("[1, \"a\", ()]"), "[1, \"a\", ()]");
    assert_eq!(value("#{b: 1, a: \"x\"}"), "b: 1\na: \"x\"");
    assert_eq!(
        value("fn row(n) { #{zone: n, addr: [n]} } [1, 2].map(|n| row(n))"),
        "ZONE  ADDR\n1     1\n2     2"
    );
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

#[test]
fn a_method_is_explained_by_the_forms_of_what_it_was_called_on() {
    insta::assert_snapshot!(failure("host().route(\"default\")"), @r#"
    error: `route` takes 2 or 3 arguments, not 1
     --> <expression>:1:8
      |
    1 | host().route("default")
      |        ^^^^^
      = accepted:
        net.route(destination: string, dev: any)
        net.route(destination: string, options: map)
        net.route(destination: string, dev: any, options: map)
    "#);
    insta::assert_snapshot!(failure("5.up()"), @"
    error: `up` is a method of a link, not of an int
     --> <expression>:1:3
      |
    1 | 5.up()
      |   ^^
      = accepted:
        link.up() -> Link
        net.up(link: string) -> Link
        up(link: string) -> Link
    ");
}

#[test]
fn a_place_that_is_none_is_refused_with_the_two_that_are() {
    insta::assert_snapshot!(failure("within 5 { 1 }"), @r#"
    error: `within` takes a namespace or its name, not an integer
     --> <expression>:1:8
      |
    1 | within 5 { 1 }
      |        ^
    hint: write `within net { … }` or `within "net-1" { … }`
    "#);
}
