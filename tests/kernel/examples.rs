//! Every example of the manual, run as it stands there.

use std::collections::HashMap;

use ipvsh::dsl::kinds::kind;
use ipvsh::engine::catalog::{Catalog, Example, Expected};

use crate::case::Case;
use crate::lab::Lab;

/// A case for each example: the word's name, and its number among those of the word.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut numbers = HashMap::new();
    for example in Catalog::new().examples() {
        // A required parameter is missed before the example starts: its examples are run in the tests of the language.
        if !example.runs || example.word == "required" {
            continue;
        }
        let number: &mut usize = numbers.entry(example.word.clone()).or_default();
        *number += 1;
        let fact = format!("{}_{number}", example.word);
        let needs = needs(&example.code);
        // The name is not split as a path here: a word of a module has one in front.
        let mut case = Case::new("examples", &fact, needs, move |lab| run(lab, &example));
        case.name = format!("examples::{fact}");
        cases.push(case);
    }
    cases
}

/// The kinds of link that an example makes, by the words that it calls.
fn needs(code: &str) -> &'static [&'static str] {
    let words: Vec<&str> = code
        .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '(')
        .flat_map(|part| part.split_inclusive('('))
        .filter_map(|part| part.strip_suffix('('))
        .collect();
    let mut needs: Vec<&str> = words
        .iter()
        .filter_map(|word| Some(kind::of_word(word)?.name))
        .collect();
    for (word, more) in [
        ("drop", &["nft"][..]),
        ("htb", &["htb", "u32"]),
        ("full_mesh", &["veth"]),
        ("impair", &["netem", "veth"]),
        ("leaf_spine", &["bridge", "veth"]),
        ("line", &["veth"]),
        ("netem", &["netem"]),
        ("nft", &["nft"]),
        ("tbf", &["tbf"]),
        ("router", &["veth"]),
        ("star", &["bridge", "veth"]),
        ("tree", &["bridge", "veth"]),
        ("trunk", &["veth", "vlan"]),
        ("uplink", &["bond", "dummy"]),
    ] {
        if words.contains(&word) {
            needs.extend(more);
        }
    }
    needs.leak()
}

fn run(lab: &Lab, example: &Example) {
    let output = lab.ipvsh(&["--json", "-e", &example.code]);
    let code = &example.code;
    if let Some(Expected::Failure(text)) = &example.expected {
        assert_ne!(output.code, 0, "{code}");
        assert!(output.stderr.contains(text), "{code}\n{}", output.stderr);
        return;
    }
    // With --json, what an example prints goes to standard error.
    assert_eq!(output.code, 0, "{code}\n{}", output.stderr);
    if let Some(Expected::Value(expected)) = &example.expected {
        let json = |text: &str| -> serde_json::Value {
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{code}\n{text}: {error}"))
        };
        let expected = if expected == "()" { "null" } else { expected };
        assert_eq!(json(&output.stdout), json(expected), "{code}");
    }
}
