//! `demo`: the stories that are part of the program.

use std::fs;

use crate::program::Place;

#[test]
fn each_story_is_listed_with_what_it_is_about() {
    let run = Place::new().run(&["demo", "--list"]);
    assert_eq!((run.code, run.errors.as_str()), (Some(0), ""));
    insta::assert_snapshot!(run.output);
    let run = Place::new().run(&["demo", "--list", "--json"]);
    let stories: serde_json::Value = serde_json::from_str(&run.output).unwrap();
    assert_eq!(stories[0]["name"], "container");
    assert_eq!(
        stories.as_array().unwrap().len(),
        ipvsh::engine::stories::ALL.len()
    );
}

#[test]
fn a_story_that_there_is_not_is_told_with_the_nearest() {
    let run = Place::new().run(&["demo", "l4"]);
    assert_eq!((run.code, run.output.as_str()), (Some(2), ""));
    insta::assert_snapshot!(run.errors, @"
    error: there is no story `l4`
    hint: did you mean `ipvsh demo l2`?
    ");
    let run = Place::new().run(&["demo", "something"]);
    insta::assert_snapshot!(run.errors, @"
    error: there is no story `something`
    hint: `ipvsh demo --list` lists them
    ");
}

#[test]
fn the_parameters_of_a_story_are_told() {
    let run = Place::new().run(&["demo", "l3", "--help"]);
    assert_eq!((run.code, run.errors.as_str()), (Some(0), ""));
    assert!(
        run.output.contains("--count") && run.output.starts_with("IPvlan in mode l3"),
        "{}",
        run.output
    );
    let run = Place::new().run(&["demo", "l3", "--cuont", "3"]);
    assert_eq!(run.code, Some(2), "{}", run.errors);
}

#[test]
fn stories_are_written_as_scripts_and_replace_nothing() {
    let place = Place::new();
    let run = place.run(&["demo", "--write", "here", "l3", "l2"]);
    assert_eq!(
        (run.code, run.output.as_str()),
        (Some(0), "here/l3.rhai\nhere/l2.rhai\n")
    );
    let text = fs::read_to_string(place.path().join("here/l3.rhai")).unwrap();
    assert_eq!(text, fs::read_to_string("scripts/l3.rhai").unwrap());
    let run = place.run(&["demo", "--write", "here"]);
    insta::assert_snapshot!(run.errors, @"
    error: here/l2.rhai is there already
    hint: name another folder
    ");
    assert_eq!(run.code, Some(2));
    assert_eq!(fs::read_dir(place.path().join("here")).unwrap().count(), 2);
}
