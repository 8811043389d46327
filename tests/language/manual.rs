//! `doc` and `help`.

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
        "Properties",
        ".altnames",
    ] {
        assert!(run.output.contains(word), "{word}");
    }
}

#[test]
fn a_topic_says_what_each_of_its_words_does() {
    let run = Place::new().run(&["doc", "places"]);
    insta::assert_snapshot!(run.output, @"
    Places
      enter  Makes `place` the current namespace until `leave()`, and the prompt shows it.
      leave  Goes back to the namespace that was current before `enter`.
      shell  Opens your own shell, `$SHELL`, in the namespace, and returns its exit code when it ends.
    ");
}

#[test]
fn what_a_handle_has_is_found_behind_its_type() {
    let run = Place::new().run(&["doc", "link.qdiscs"]);
    insta::assert_snapshot!(run.output, @"
    Link.qdiscs -> list

        The queues of the link as a list of maps: `kind`, `handle`, `parent`, `is_default`, `options`,
        `stats`; `classes` and `filters` of htb.
    ");
    let place = Place::new();
    let page = place.run(&["doc", "wait_up"]).output;
    assert_eq!(place.run(&["doc", "Link.wait_up"]).output, page);
    assert_eq!(place.run(&["doc", "Netns.qdiscs"]).code, Some(2));
    let run = place.run(&["--json", "doc", "Link.qdiscs"]);
    assert!(
        run.output.contains(r#""property":"qdiscs","of":"Link""#),
        "{}",
        run.output
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
