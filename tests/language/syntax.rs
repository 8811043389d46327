//! Scripts that can't be parsed: the place is where a reader would look.

use crate::program::{failure, script_failure};

#[test]
fn a_missing_semicolon_is_missed_where_it_should_stand() {
    insta::assert_snapshot!(script_failure("let a = 1\n\n// a comment\nlet b = 2;\n"), @"
    error: `;` is missing to terminate this statement
     --> lab.rhai:1:10
      |
    1 | let a = 1
      |          ^
    ");
}

#[test]
fn an_open_bracket_is_told_at_the_end() {
    insta::assert_snapshot!(script_failure("if true {\n    print(1);\n"), @"
    error: `}` is missing to terminate this block
     --> lab.rhai:2:14
      |
    2 |     print(1);
      |              ^
    ");
    insta::assert_snapshot!(failure("print((1 + 2);"), @"
    error: `,` or `)` is missing to separate the arguments to function call `print`
     --> <expression>:1:14
      |
    1 | print((1 + 2);
      |              ^
    ");
}

#[test]
fn an_open_text_is_told_where_it_begins() {
    insta::assert_snapshot!(script_failure("let a = \"open;\nlet b = 1;"), @r#"
    error: a text that isn't closed
     --> lab.rhai:1:9
      |
    1 | let a = "open;
      |         ^^^^^^
    hint: a text between double quotes ends on its line; one between back-ticks may go over several
    "#);
}

#[test]
fn a_keyword_as_a_name_is_told() {
    insta::assert_snapshot!(failure("let match = 1"), @"
    error: `match` is reserved by the language and can't be used as a name
     --> <expression>:1:5
      |
    1 | let match = 1
      |     ^^^^^
    hint: choose another name
    ");
}

#[test]
fn a_missing_expression_is_told() {
    insta::assert_snapshot!(failure("let a = ;"), @"
    error: unexpected `;`
     --> <expression>:1:9
      |
    1 | let a = ;
      |         ^
    ");
    insta::assert_snapshot!(failure("within { }"), @r#"
    error: `within` takes a namespace and a block
     --> <expression>:1:11
      |
    1 | within { }
      |           ^
    hint: write `within PLACE { … }`, such as `within "net-1" { … }`
    "#);
}

#[test]
fn a_doc_comment_in_the_wrong_place_is_told() {
    insta::assert_snapshot!(script_failure("/// What it does.\nlet a = 1;\n"), @"
    error: a `///` comment stands before a function only
     --> lab.rhai:1:1
      |
    1 | /// What it does.
      | ^^^
    hint: write `//` for a plain comment, `//!` for the head of the script
    ");
}

#[test]
fn wide_characters_before_the_mistake_do_not_shift_the_caret() {
    insta::assert_snapshot!(script_failure("\tlet n = \"网络\"; frobnicate(n);"), @r#"
    error: there is no word `frobnicate`
     --> lab.rhai:1:16
      |
    1 |     let n = "网络"; frobnicate(n);
      |                     ^^^^^^^^^^
    hint: `ipvsh doc` lists all words
    "#);
}
