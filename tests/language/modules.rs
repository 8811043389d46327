//! Modules: where they are looked for, and errors in them.

use ipvsh::engine::catalog::Catalog;
use ipvsh::engine::modules::STANDARD;

use crate::program::Place;

fn errors(place: &Place) -> String {
    let run = place.run(&["lab.rhai"]);
    assert_eq!(run.code, Some(1), "{}", run.errors);
    run.errors
}

#[test]
fn a_module_is_looked_for_beside_the_script_that_imports_it() {
    let place = Place::new();
    std::fs::create_dir_all(place.path().join("labs/parts")).unwrap();
    place.write(
        "labs/lab.rhai",
        "import \"parts/a\" as a; print(a::twice(21));",
    );
    place.write(
        "labs/parts/a.rhai",
        "import \"b\" as b; fn twice(x) { b::add(x, x) }",
    );
    place.write("labs/parts/b.rhai", "fn add(x, y) { x + y }");
    let run = place.run(&["labs/lab.rhai"]);
    assert_eq!(
        (run.code, run.output.as_str()),
        (Some(0), "42\n"),
        "{}",
        run.errors
    );
}

#[test]
fn a_missing_module_is_told_with_where_it_was_looked_for() {
    let place = Place::with("import \"prats\" as parts;");
    place.write("parts.rhai", "");
    insta::assert_snapshot!(errors(&place), @r#"
    error: there is no module `prats`
     --> lab.rhai:1:8
      |
    1 | import "prats" as parts;
      |        ^^^^^^^
      = looked for it in `prats.rhai`
    hint: did you mean `parts`?
    "#);
    insta::assert_snapshot!(errors(&Place::with("import \"std/lba\" as lab;")), @r#"
    error: there is no module `std/lba`
     --> lab.rhai:1:8
      |
    1 | import "std/lba" as lab;
      |        ^^^^^^^^^
      = the standard library has `std/address`, `std/check`, `std/fabric`, `std/lab`
    hint: did you mean `std/lab`?
    "#);
    insta::assert_snapshot!(errors(&Place::with("lab::uplink(\"bond0\");")), @r#"
    error: there is no module `lab` here
     --> lab.rhai:1:1
      |
    1 | lab::uplink("bond0");
      | ^^^
    hint: import it first: `import "std/lab" as lab;`
    "#);
}

#[test]
fn a_file_of_the_name_of_a_standard_module_does_not_shadow_it() {
    let place = Place::with("import \"std/lab\" as lab;");
    std::fs::create_dir(place.path().join("std")).unwrap();
    place.write("std/lab.rhai", "print(\"shadow\");");
    let run = place.run(&["lab.rhai"]);
    assert_eq!(
        (run.code, run.output.as_str()),
        (Some(0), ""),
        "{}",
        run.errors
    );
}

#[test]
fn an_error_in_a_module_shows_the_modules_line() {
    let place = Place::with("import \"parts\" as parts;\n\nparts::make(1);\n");
    place.write(
        "parts.rhai",
        "// Parts.\n\nfn make(x) {\n    x.frobnicate()\n}\n",
    );
    insta::assert_snapshot!(errors(&place), @"
    error: an int has no method `frobnicate`
     --> parts.rhai:4:7
      |
    4 |     x.frobnicate()
      |       ^^^^^^^^^^
      = in call to `make` at lab.rhai:3
    hint: `ipvsh doc` lists all words
    ");
    place.write("parts.rhai", "let a = ;\n");
    insta::assert_snapshot!(errors(&place), @"
    error: unexpected `;`
     --> parts.rhai:1:9
      |
    1 | let a = ;
      |         ^
      = in module `parts.rhai`, imported at lab.rhai:1
    ");
    place.write("parts.rhai", "assert(false, \"not here\");\n");
    insta::assert_snapshot!(errors(&place), @r#"
    error: assertion failed: not here
     --> parts.rhai:1:1
      |
    1 | assert(false, "not here");
      | ^^^^^^
      = in module `parts.rhai`, imported at lab.rhai:1
    "#);
}

#[test]
fn a_missing_function_of_a_module_is_told() {
    let place = Place::with("import \"parts\" as parts;\nparts::mkae(1);\n");
    place.write("parts.rhai", "fn make(x) { x }\n");
    insta::assert_snapshot!(errors(&place), @"
    error: module `parts` has no function `mkae`
     --> lab.rhai:2:8
      |
    2 | parts::mkae(1);
      |        ^^^^
      = it has make
    hint: did you mean `parts::make`?
    ");
}

#[test]
fn modules_that_import_each_other_are_told() {
    let place = Place::with("import \"a\" as a;");
    place.write("a.rhai", "import \"b\" as b;");
    place.write("b.rhai", "import \"a\" as a;");
    insta::assert_snapshot!(errors(&place), @r#"
    error: cannot import `a`: it imports itself
     --> b.rhai:1:8
      |
    1 | import "a" as a;
      |        ^^^
      = directly, or by way of the modules that it imports
      = in module `b.rhai`, imported at a.rhai:1
      = in module `a.rhai`, imported at lab.rhai:1
    "#);
}

#[test]
fn an_error_in_the_standard_library_shows_the_users_line() {
    let place = Place::with(
        "import \"std/lab\" as lab;\nfn setup(name) {\n    lab::uplink(name)\n}\nsetup(\"a name of many bytes\");\n",
    );
    insta::assert_snapshot!(errors(&place), @"
    error: cannot find link `a name of many bytes` in namespace `host`: a link's name has at most 15 bytes, `a name of many bytes` has 20
     --> lab.rhai:3:10
      |
    3 |     lab::uplink(name)
      |          ^^^^^^
      = raised at std/lab:21
      = in call to `setup` at lab.rhai:5
    hint: shorten it, to `a name of many ` for example
    ");
}

#[test]
fn every_function_of_the_standard_library_has_a_test() {
    let tests = include_str!("../kernel/stdlib.rs");
    let catalog = Catalog::new();
    let functions = catalog.words.iter().filter(|word| word.name.contains("::"));
    let untested: Vec<&str> = functions
        .map(|word| word.name.as_str())
        .filter(|name| !tests.contains(&format!("{name}(")))
        .collect();
    assert!(untested.is_empty(), "without a test: {untested:?}");
}

#[test]
fn the_standard_library_has_no_mistakes() {
    let place = Place::new();
    for (name, text) in STANDARD {
        place.write("module.rhai", text);
        let run = place.run(&["check", "module.rhai"]);
        assert_eq!(
            (run.output.as_str(), run.errors.as_str()),
            ("module.rhai: no mistakes found\n", ""),
            "{name}"
        );
    }
}
