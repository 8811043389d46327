//! `fmt`: one style, and the same script.

use std::fs;
use std::path::{Path, PathBuf};

use ipvsh::engine::format;
use proptest::prelude::*;

use crate::program::Place;

/// All scripts of the repository.
fn scripts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = ["scripts", "stdlib", "src/command/new"]
        .map(|name| root.join(name))
        .to_vec();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rhai") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 20, "only {}", found.len());
    found.sort();
    found
}

#[test]
fn all_scripts_here_are_in_style() {
    for file in scripts() {
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(
            format::script(&text).as_deref(),
            Some(text.as_str()),
            "{}",
            file.display()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// However the lines of a script are set in and ended, it comes out in style; only where its author ends a line counts.
    #[test]
    fn a_script_comes_out_the_same_however_its_lines_are_set_in(
        index in any::<prop::sample::Index>(),
        blanks in prop::collection::vec((0_usize..9, 0_usize..3), 1..40),
    ) {
        let all = scripts();
        let text = fs::read_to_string(&all[index.index(all.len())]).unwrap();
        // What stands within a text of several lines is no line of code, nor is a comment's column free.
        prop_assume!(!text.contains("/*") && text.lines().all(|line| line.matches('`').count() % 2 == 0));
        let mut given = String::new();
        for (line, (before, behind)) in std::iter::zip(text.lines(), blanks.iter().cycle()) {
            let is_plain = !line.contains("//") || line.trim_start().starts_with("//");
            let line = if is_plain { line.trim_start() } else { line };
            given.push_str(&" ".repeat(if is_plain { *before } else { 0 }));
            given.push_str(line);
            given.push_str(&" ".repeat(*behind));
            given.push_str(if line.is_empty() && *behind > 0 { "\n\n" } else { "\n" });
        }
        prop_assert_eq!(format::script(&given), Some(text));
    }
}

#[test]
fn files_and_folders_are_formatted_in_place_once() {
    let place = Place::with("let a=1;\n");
    place.write("labs.d", "");
    fs::create_dir(place.path().join("labs")).unwrap();
    place.write("labs/b.rhai", "if true{\nprint( 1 )\n}");
    place.write("labs/c.rhai", "print(2);\n");
    let run = place.run(&["fmt", "--check", "lab.rhai", "labs"]);
    assert_eq!((run.code, run.errors.as_str()), (Some(1), ""));
    assert_eq!(
        run.output,
        "lab.rhai: not in style\nlabs/b.rhai: not in style\n"
    );
    let run = place.run(&["fmt", "lab.rhai", "labs"]);
    assert_eq!((run.code, run.errors.as_str()), (Some(0), ""));
    assert_eq!(run.output, "lab.rhai: formatted\nlabs/b.rhai: formatted\n");
    let text = fs::read_to_string(place.path().join("labs/b.rhai")).unwrap();
    assert_eq!(text, "if true {\n    print(1)\n}\n");
    let run = place.run(&["fmt", "--json", "labs"]);
    assert_eq!(
        run.output.trim_end(),
        r#"[{"file":"labs/b.rhai","changed":false},{"file":"labs/c.rhai","changed":false}]"#
    );
    let run = place.feed(&["fmt", "-"], "let a=1;");
    assert_eq!((run.code, run.output.as_str()), (Some(0), "let a = 1;\n"));
}

#[test]
fn a_script_with_a_mistake_stays_as_it_is() {
    let place = Place::with("let a =  ;\n");
    let run = place.run(&["fmt", "lab.rhai"]);
    assert_eq!((run.code, run.output.as_str()), (Some(1), ""));
    assert!(run.errors.contains("--> lab.rhai:1:10"), "{}", run.errors);
    let text = fs::read_to_string(place.path().join("lab.rhai")).unwrap();
    assert_eq!(text, "let a =  ;\n");
    fs::create_dir(place.path().join("empty")).unwrap();
    let run = place.run(&["fmt", "empty"]);
    insta::assert_snapshot!(run.errors, @"
    error: there are no scripts in `empty`
    hint: their names end in .rhai
    ");
}
