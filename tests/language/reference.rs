//! The manual as files for other programs: the reference, the man page, completions, definitions for editors.

use std::process::Command;

use ipvsh::engine::catalog::Catalog;
use rhai::Engine;

use crate::program::Place;

#[track_caller]
fn generated(arguments: &[&str]) -> String {
    let run = Place::new().run(&[&["doc"], arguments].concat());
    assert_eq!((run.code, run.errors.as_str()), (Some(0), ""));
    run.output
}

fn exists(program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output();
    found.is_ok_and(|found| found.status.success())
}

#[test]
fn the_reference_says_what_the_program_says() {
    let kept = include_str!("../../docs/reference.md");
    assert!(
        generated(&["--markdown"]) == kept,
        "docs/reference.md is out of date. Run:\n\n    cargo run -q -- doc --markdown > docs/reference.md\n"
    );
}

#[test]
fn the_schema_says_what_the_program_says() {
    assert!(
        generated(&["--schema"]) == include_str!("../../docs/schema.json"),
        "docs/schema.json is out of date. Run:\n\n    cargo run -q -- doc --schema > docs/schema.json\n"
    );
}

#[test]
fn the_completions_of_the_shells_are_well_formed() {
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let text = generated(&["--completions", shell]);
        assert!(text.contains("COMPLETE="), "{shell}: {text}");
        if exists(shell) {
            let place = Place::new();
            place.write("completions", &text);
            let output = Command::new(shell)
                .args([check, "completions"])
                .current_dir(place.path())
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{shell}");
        }
    }
}

#[test]
fn the_man_page_is_well_formed() {
    let page = generated(&["--man"]);
    assert!(page.contains(".TH ipvsh 1"));
    for heading in ["NAME", "SYNOPSIS", "OPTIONS", "COMMANDS", "EXAMPLES"] {
        assert!(page.contains(&format!(".SH {heading}\n")), "{heading}");
    }
    for request in page.lines().filter(|line| line.starts_with('.')) {
        let name = request.split_whitespace().next().unwrap();
        let known = [
            ".TH", ".SH", ".SS", ".TP", ".PP", ".RS", ".RE", ".IP", ".nf", ".fi", ".ie", ".el",
            ".br",
        ];
        assert!(known.contains(&name), "{request}");
    }
    if exists("groff") {
        let place = Place::new();
        place.write("ipvsh.1", &page);
        let output = Command::new("groff")
            .args(["-man", "-Tutf8", "-Kutf8", "-ww", "-z", "ipvsh.1"])
            .current_dir(place.path())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

/// A definition is a function without a body: with one, and without its types, Rhai itself can parse it.
#[track_caller]
fn as_function(definition: &str) -> String {
    let (head, rest) = definition.split_once('(').unwrap();
    let (list, returns) = rest.rsplit_once(") -> ").unwrap();
    assert!(returns.ends_with(';') && returns.len() > 1, "{definition}");
    let names: Vec<_> = list
        .split(", ")
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| parameter.split_once(": ").unwrap().0)
        .collect();
    let head = head
        .replace("fn get ", "fn get_")
        .replace("fn set ", "fn set_");
    format!("{head}({}) {{}}", names.join(", "))
}

#[test]
fn the_definitions_can_be_read() {
    let text = generated(&["--definitions"]);
    assert!(text.contains("\nmodule static;\n"), "no module");
    for wanted in [
        "fn netns(name: String) -> Netns;",
        "fn route(net: Netns, destination: String, dev: ?) -> ();",
        "fn get mtu(object: Link) -> int;",
        "fn up(link: String) -> Link;",
        "module lab {",
        "fn uplink(name: ?) -> ?;",
    ] {
        assert!(text.contains(wanted), "{wanted}");
    }
    // Rhai's own functions, which it brings along in this form, come with the rest.
    let catalog = Catalog::new();
    let is_ours = |line: &str| {
        let name = line
            .strip_prefix("fn ")
            .and_then(|line| line.split('(').next());
        name.is_some_and(|name| catalog.word(name).is_some())
    };
    let engine = Engine::new_raw();
    let mut seen = 0;
    let whole = |line: &&str| is_ours(line) && line.contains(") -> ");
    for line in text.lines().filter(whole) {
        let function = as_function(line);
        engine
            .compile(&function)
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        seen += 1;
    }
    assert!(seen > 100, "only {seen} functions");
}

/// A page of a command has the options that its help has, and no others.
#[test]
fn the_page_of_a_command_has_the_options_of_its_help() {
    let place = Place::new();
    let run = place.run(&["doc", "--man=pages"]);
    assert_eq!((run.code, run.errors.as_str()), (Some(0), ""));
    let options = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '-');
        let long = words.filter(|word| word.len() > 2 && word.starts_with("--"));
        let mut found: Vec<String> = long.map(str::to_owned).collect();
        found.sort();
        found.dedup();
        found
    };
    let files: Vec<&str> = run.output.lines().collect();
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let page = std::fs::read_to_string(place.path().join(file)).unwrap();
        let name = file.rsplit('/').next().unwrap_or_default();
        let Some(name) = name.strip_prefix("ipvsh-") else {
            continue;
        };
        let words: Vec<&str> = name.trim_end_matches(".1").split('-').collect();
        let help = place.run(&[&words[..], &["--help"]].concat()).output;
        let page = page.replace("\\-", "-");
        let (own, _) = page
            .split_once(".SH \"EXIT STATUS\"")
            .unwrap_or((&page, ""));
        let mut shown = options(&help);
        shown.retain(|option| option != "--help");
        assert_eq!(options(own), shown, "{file}");
    }
}
