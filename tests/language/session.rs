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
