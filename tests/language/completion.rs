//! Completion at the prompt of a shell, by bash itself, which asks the program at each Tab.

use std::process::Command;

use crate::program::{Place, program};

const SCRIPT: &str = r#"
//! A lab with parameters.
let parent = param("parent", "eth0", "interface that the slaves share");
let mode = param("mode", "l3", #{one_of: ["l2", "l3", "l3s"], help: "mode of the slaves"});
let fast = param("fast", true, "without waiting");
let lab = param("lab", 3, "named as an option of the program");
"#;

/// What bash offers behind the words, in a folder with two scripts.
#[track_caller]
fn completed(words: &str) -> Vec<String> {
    let place = Place::new();
    place.write("lab.rhai", SCRIPT);
    place.write("broken.rhai", "let = ");
    place.write("notes.txt", "");
    let script = format!(
        "source <(ipvsh doc --completions bash); COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
         COMP_TYPE=9; compopt() {{ :; }}; \
         _clap_complete_ipvsh ipvsh \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let folder = std::path::Path::new(program()).parent().unwrap();
    let paths = std::env::var("PATH").unwrap();
    let output = Command::new("bash")
        .args(["--norc", "-c", &script])
        .env("PATH", format!("{}:{paths}", folder.display()))
        .current_dir(place.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{words}");
    let words = String::from_utf8(output.stdout).unwrap();
    words
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[test]
fn commands_and_options_are_completed() {
    assert_eq!(completed("ipvsh do"), ["doc", "down", "doctor"]);
    assert_eq!(completed("ipvsh doc --comp"), ["--completions"]);
    assert_eq!(completed("ipvsh doc --completions zs"), ["zsh"]);
    assert_eq!(completed("ipvsh --sandb"), ["--sandbox"]);
    assert_eq!(completed("ipvsh --color a"), ["auto", "always"]);
}

#[test]
fn scripts_and_no_other_files_are_offered_where_a_script_is_wanted() {
    for before in [
        "ipvsh",
        "ipvsh --rm",
        "ipvsh plan",
        "ipvsh check",
        "ipvsh enable",
    ] {
        assert_eq!(
            completed(&format!("{before} l")).last().unwrap(),
            "lab.rhai",
            "{before}"
        );
        assert!(
            !completed(&format!("{before} ''")).contains(&"notes.txt".to_owned()),
            "{before}"
        );
    }
}

#[test]
fn the_parameters_of_a_script_are_offered_behind_it() {
    let own = ["--parent", "--mode", "--fast", "--no-fast", "--lab"];
    for before in [
        "ipvsh lab.rhai",
        "ipvsh --rm lab.rhai --mode l2",
        "ipvsh plan lab.rhai",
        "ipvsh graph lab.rhai",
    ] {
        let offered = completed(&format!("{before} --"));
        for name in own {
            assert!(
                offered.contains(&name.to_owned()),
                "{before}: {name} of {offered:?}"
            );
        }
        assert!(
            !offered.contains(&"--sandbox".to_owned()),
            "{before}: {offered:?}"
        );
    }
}

#[test]
fn a_parameter_is_offered_its_choices_or_its_default() {
    assert_eq!(completed("ipvsh lab.rhai --mode l"), ["l2", "l3", "l3s"]);
    assert_eq!(completed("ipvsh plan lab.rhai --mode l3"), ["l3", "l3s"]);
    assert_eq!(completed("ipvsh lab.rhai --parent e"), ["eth0"]);
    assert_eq!(completed("ipvsh demo l3 --co"), ["--count", "--color"]);
}

#[test]
fn words_of_the_manual_stories_and_templates_are_offered() {
    assert_eq!(completed("ipvsh doc ipvl"), ["ipvlan"]);
    assert_eq!(completed("ipvsh doc std/l"), ["std/lab"]);
    assert_eq!(completed("ipvsh demo leaf"), ["leaf-spine"]);
    assert_eq!(completed("ipvsh new --template rou"), ["router"]);
}

#[test]
fn a_script_with_mistakes_is_no_error_at_the_prompt() {
    assert!(completed("ipvsh broken.rhai --j").contains(&"--json".to_owned()));
    assert!(completed("ipvsh nowhere.rhai --j").contains(&"--json".to_owned()));
}
