//! `new`: scripts to begin with.

use std::fs;

use crate::program::Place;

const TEMPLATES: [(&str, &str); 4] = [
    ("lab", "x.rhai"),
    ("router", "x.rhai"),
    ("ipvlan", "x.rhai"),
    ("test", "x_test.rhai"),
];

#[test]
fn each_template_is_a_script_without_mistakes() {
    for (template, file) in TEMPLATES {
        let place = Place::new();
        let run = place.run(&["new", "--template", template, "x"]);
        assert_eq!(
            (run.code, run.output),
            (Some(0), format!("{file}\n")),
            "{template}"
        );
        let run = place.run(&["check", file]);
        assert_eq!(
            run.output,
            format!("{file}: no mistakes found\n"),
            "{}",
            run.errors
        );
    }
    let listed = Place::new().run(&["new", "--list"]).output;
    let names: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(names, TEMPLATES.map(|(name, _)| name));
}

#[test]
fn a_file_that_is_there_is_not_replaced() {
    let place = Place::with("mine");
    let run = place.run(&["new"]);
    assert_eq!((run.code, run.output.as_str()), (Some(2), ""));
    insta::assert_snapshot!(run.errors, @"
    error: lab.rhai is there already
    hint: name another file
    ");
    assert_eq!(
        fs::read_to_string(place.path().join("lab.rhai")).unwrap(),
        "mine"
    );
}

#[test]
fn a_template_that_there_is_not_is_told_with_the_nearest() {
    let run = Place::new().run(&["new", "-t", "roter"]);
    assert_eq!(run.code, Some(2));
    insta::assert_snapshot!(run.errors, @"
    error: there is no template `roter`
    hint: did you mean `--template router`?
    ");
}
