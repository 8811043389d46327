//! The interactive session, fed from a pipe.

use crate::program::Place;

fn talk(input: &str) -> (String, String, Option<i32>) {
    let run = Place::new().feed(&[], input);
    (run.output, run.errors, run.code)
}

#[test]
fn each_line_prints_its_value_and_all_that_was_declared_stays() {
    let (output, errors, code) = talk(
        "let a = 20;\nfn twice(x) {\n    x * 2\n}\nconst B = 1;\ntwice(a) + B\n\"text\"\n()\n",
    );
    assert_eq!(
        (output.as_str(), errors.as_str(), code),
        ("41\ntext\n", "", Some(0))
    );
}

#[test]
fn modules_stay_imported() {
    let place = Place::new();
    place.write("parts.rhai", "fn one() { 1 }");
    let run = place.feed(
        &[],
        "import \"parts\" as parts;\nfn two() { parts::one() + 1 }\ntwo() + parts::one()\n",
    );
    assert_eq!((run.output.as_str(), run.errors.as_str()), ("3\n", ""));
}

#[test]
fn what_is_not_complete_goes_on_in_the_next_line() {
    for input in [
        "1 +\n2\n",
        "[1,\n2].len() + 1\n",
        "`a\nb`.len()\n",
        "/* a\n */ 3\n",
        "let f = |x|\nx + 1; f.call(2)\n",
        "if true {\n3\n}\n",
    ] {
        let (output, errors, _) = talk(input);
        assert_eq!((output.as_str(), errors.as_str()), ("3\n", ""), "{input}");
    }
}

#[test]
fn an_error_names_the_entry_and_ends_what_is_not_typed() {
    let (output, errors, code) = talk("fn f(x) {\n  x.frobnicate()\n}\nf(1)\nprint(2)\n");
    assert_eq!((output.as_str(), code), ("", Some(1)));
    insta::assert_snapshot!(errors, @"
    error: an int has no method `frobnicate`
     --> <1>:2:5
      |
    2 |   x.frobnicate()
      |     ^^^^^^^^^^
      = in call to `f` at <2>:1
    hint: `ipvsh doc` lists all words
    ");
}

#[test]
fn exit_leaves() {
    for farewell in ["exit", "quit", ":quit", "exit()"] {
        let (output, errors, code) = talk(&format!("1\n{farewell}\n2\n"));
        assert_eq!(
            (output.as_str(), errors.as_str(), code),
            ("1\n", "", Some(0))
        );
    }
    assert_eq!(talk("exit(7)\n").2, Some(7));
}

#[test]
fn an_exit_code_is_no_value() {
    assert_eq!(talk("exit(3)\n"), (String::new(), String::new(), Some(3)));
}

#[test]
fn a_line_of_ip_runs_as_words_and_says_which() {
    let (output, errors, code) =
        talk("ip -br link show dev lo\nsysctl net.ipv4.ip_default_ttl\nip lnk add v0\n");
    assert!(output.starts_with("lo "), "{output}");
    assert_eq!(output.lines().last(), Some("64"));
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(errors, @r#"
    = link("lo")
    = sysctl("ipv4.ip_default_ttl")
    error: `ip lnk add v0` can't be said in words: `ip lnk` is not known here
    hint: `!ip lnk add v0` runs it as it is
    "#);
}

#[test]
fn the_sign_of_the_last_value_is_that() {
    let (output, errors, code) = talk("7\n_ + 1\n_ * 2\nswitch 5 { _ => 1 }\n");
    assert_eq!(
        (output.as_str(), errors.as_str(), code),
        ("7\n8\n16\n1\n", "", Some(0))
    );
}

#[test]
fn a_question_mark_asks_about_a_name() {
    let (output, errors, code) = talk("let n = [1]\nn?\n?n\nfn own(x, y) { x }\nown?\n");
    assert_eq!(
        (output.as_str(), errors.as_str(), code),
        ("n: list = [1]\nn: list = [1]\nown(x, y)\n", "", Some(0))
    );
    let (output, errors, code) = talk("sleep?\n");
    assert!(output.contains("Waits for `time`"), "{output}");
    assert_eq!((errors.as_str(), code), ("", Some(0)));
}

#[test]
fn a_program_runs_as_it_is() {
    let (output, errors, code) = talk("!echo hello $((1 + 1))\n!(1 == 2)\n");
    assert_eq!(
        (output.as_str(), errors.as_str(), code),
        ("hello 2\ntrue\n", "", Some(0))
    );
}

#[test]
fn a_script_is_loaded_with_parameters() {
    let place = Place::new();
    place.write("lab.rhai", "let count = param(\"count\", 2);\ncount");
    let run = place.feed(
        &[],
        ":load lab.rhai --count 5\n:load lab.rhai\n:load lab.rhai --cuont 1\n",
    );
    assert_eq!(run.output, "5\n2\n");
    assert!(run.errors.contains("cuont"), "{}", run.errors);
    let run = place.feed(&[], ":load lab.rhai --help\n");
    assert_eq!((run.errors.as_str(), run.code), ("", Some(0)));
    assert_eq!(
        run.output,
        "Usage: ipvsh lab.rhai [--PARAMETER VALUE]…\n\nParameters:\n  --count INT  [default: 2]\n"
    );
}

#[test]
fn what_is_saved_is_no_file_of_somebody_else() {
    let place = Place::new();
    place.write("kept.rhai", "1");
    let run = place.feed(&[], "let a = 1\n5\n:save kept.rhai\n");
    assert_eq!(run.code, Some(1));
    insta::assert_snapshot!(run.errors, @r"
    error: cannot write `kept.rhai`: there is a file of that name
    hint: `:save kept.rhai --replace` writes over it
    ");
    let run = place.feed(
        &[],
        "let a = 1\na + 1\n_ + 5\nlet b = _\n:save kept.rhai --replace\n",
    );
    assert_eq!(run.code, Some(0), "{}", run.errors);
    let saved = std::fs::read_to_string(place.path().join("kept.rhai")).unwrap();
    assert_eq!(
        saved,
        "//! Saved from a session.\n\nlet a = 1;\nlet _it = a + 1;\nlet _it = _it + 5;\nlet b = _it;\n"
    );
}
