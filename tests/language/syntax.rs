//! Scripts that can't be parsed: the place is where a reader would look.

use crate::program::{failure, script_failure};

#[test]
fn a_missing_semicolon_is_missed_where_it_should_stand() {
    insta::assert_snapshot!(script_failure("let a = 1\n\n// a comment\nlet b = 2;\n"), @"");
}

#[test]
fn an_open_bracket_is_told_at_the_end() {
    insta::assert_snapshot!(script_failure("if true {\n    print(1);\n"), @"");
    insta::assert_snapshot!(failure("print((1 + 2);"), @"");
}

#[test]
fn an_open_text_is_told_where_it_begins() {
    insta::assert_snapshot!(script_failure("let a = \"open;\nlet b = 1;"), @"");
}

#[test]
fn a_keyword_as_a_name_is_told() {
    insta::assert_snapshot!(failure("let match = 1"), @"");
}

#[test]
fn a_missing_expression_is_told() {
    insta::assert_snapshot!(failure("let a = ;"), @"");
    insta::assert_snapshot!(failure("within { }"), @"");
}

#[test]
fn a_doc_comment_in_the_wrong_place_is_told() {
    insta::assert_snapshot!(script_failure("/// What it does.\nlet a = 1;\n"), @"");
}

#[test]
fn wide_characters_before_the_mistake_do_not_shift_the_caret() {
    insta::assert_snapshot!(script_failure("\tlet 名 = \"网络\"; frobnicate(名);"), @"");
}
