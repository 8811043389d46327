//! The examples of the manual that need no privileges. The others run against a kernel.

use ipvsh::dsl::Session;
use ipvsh::dsl::session::Settings;
use ipvsh::engine::Interpreter;
use ipvsh::engine::catalog::{Catalog, in_doc};

use crate::program::Place;

/// The words that change nothing outside of the script.
const HARMLESS: [&str; 5] = ["assert", "here", "param", "required", "sleep"];

#[test]
fn the_examples_of_harmless_words_come_out_as_they_say() {
    let examples = Catalog::new().examples();
    for word in HARMLESS {
        let mut of_word = examples.iter().filter(|one| one.word == word).peekable();
        assert!(of_word.peek().is_some(), "`{word}` has no example");
        for example in of_word.filter(|one| one.runs && !one.code.contains("netns(")) {
            let interpreter = Interpreter::new(Session::collecting(Settings::default()));
            example.check(&interpreter).unwrap();
        }
    }
}

#[test]
fn the_examples_of_the_language_come_out_as_they_say() {
    let page = include_str!("../../docs/language.md");
    let examples = in_doc("language", page);
    let numbered = page.lines().filter(|line| line.starts_with("**")).count();
    assert_eq!((examples.len(), numbered), (40, 40));
    for example in examples {
        assert!(example.expected.is_some(), "{}", example.code);
        let interpreter = Interpreter::new(Session::collecting(Settings::default()));
        example.check(&interpreter).unwrap();
    }
    let run = Place::new().run(&["doc", "language"]);
    assert_eq!((run.code, run.output.as_str()), (Some(0), page));
}

#[test]
fn a_wrong_example_is_noticed() {
    let mut example = Catalog::new()
        .examples()
        .into_iter()
        .find(|one| one.word == "assert")
        .unwrap();
    example.code = "assert(false);".to_owned();
    example.expected = None;
    let interpreter = Interpreter::new(Session::collecting(Settings::default()));
    let wrong = example.check(&interpreter).unwrap_err();
    assert!(wrong.contains("assertion failed"), "{wrong}");
}
