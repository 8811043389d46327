//! `doc` and `check`.

use crate::program::Place;

#[test]
fn the_page_of_a_word_shows_its_forms_and_examples() {
    let run = Place::new().run(&["doc", "assert"]);
    insta::assert_snapshot!(run.output, @r#"
    assert(condition: bool)

        Fails the script unless `condition` is true.

        assert(1 + 1 == 2);

    assert(condition: bool, text: string)

        Fails the script with `text` unless `condition` is true.

        assert(1 + 1 == 3, "sums are off");    // !! assertion failed: sums are off
    "#);
}

#[test]
fn a_word_that_is_not_there_is_told_with_the_nearest() {
    let run = Place::new().run(&["doc", "asert"]);
    assert_eq!(run.code, Some(2));
    insta::assert_snapshot!(run.errors, @"
    error: there is no word `asert`
    hint: did you mean `assert`?
    ");
}

#[test]
fn the_index_has_every_topic() {
    let run = Place::new().run(&["doc"]);
    for word in [
        "Namespaces",
        "netns",
        "within",
        "ipvlan",
        "import \"std/lab\"",
        "Properties of Link",
    ] {
        assert!(run.output.contains(word), "{word}");
    }
}

#[test]
fn check_finds_all_calls_that_fit_nothing_without_running() {
    let script = "print(\"not printed\");\nlet n = host();\nn.ipvaln(1);\nassert();\nfn f(x) { g(x) }\nf(1, 2);\nn.ping(\"::1\");\n";
    let run = Place::with(script).run(&["check", "lab.rhai"]);
    assert_eq!((run.code, run.output.as_str()), (Some(1), ""));
    insta::assert_snapshot!(run.errors, @"
    error: a value has no method `ipvaln`
     --> lab.rhai:3:3
      |
    3 | n.ipvaln(1);
      |   ^^^^^^
    hint: did you mean `ipvlan`?
    error: `assert` takes 1 or 2 arguments, not 0
     --> lab.rhai:4:1
      |
    4 | assert();
      | ^^^^^^
      = accepted:
        assert(condition: bool)
        assert(condition: bool, text: string)
    error: there is no word `g`
     --> lab.rhai:5:11
      |
    5 | fn f(x) { g(x) }
      |           ^
    hint: `ipvsh doc` lists all words
    error: `f` takes 1 argument, not 2
     --> lab.rhai:6:1
      |
    6 | f(1, 2);
      | ^
      = accepted:
        f(x)
    ");
}

#[test]
fn check_is_content_with_a_good_script() {
    let run = Place::with("let f = |x| x + 1;\nprint(f.call(1));\nthis_is_fine();\nfn this_is_fine() { type_of(1) }\n").run(&["check", "lab.rhai"]);
    assert_eq!(
        (run.code, run.output.as_str()),
        (Some(0), "lab.rhai: no mistakes found\n"),
        "{}",
        run.errors
    );
}

#[test]
fn help_is_the_manual_from_within() {
    let place = Place::new();
    let page = place.run(&["doc", "assert"]).output;
    assert_eq!(place.run(&["-e", "help(\"assert\")"]).output, page);
    assert_eq!(
        place.run(&["-e", "help()"]).output,
        place.run(&["doc"]).output
    );
    let run = place.run(&["-e", "help(\"asert\")"]);
    assert!(
        run.errors.contains("did you mean `assert`?"),
        "{}",
        run.errors
    );
}
