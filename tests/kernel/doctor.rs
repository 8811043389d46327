//! `ipvsh doctor`: what it says is so, and nothing changes by it.

use std::fs;

use ipvsh::dsl::kinds::kind;
use serde_json::Value;

use crate::case::{Features, cases};
use crate::lab::Lab;

cases! {
    ["veth"] =>
        each_kind_of_link_is_told_as_the_kernel_has_it
        a_script_whose_words_are_all_there_can_run
        a_script_for_want_of_a_program_can_not;
    ["!dummy"] =>
        a_script_for_want_of_a_driver_can_not;
}

fn loaded() -> Vec<String> {
    let modules = fs::read_dir("/sys/module").unwrap();
    let names = modules.map(|one| one.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn each_kind_of_link_is_told_as_the_kernel_has_it(lab: &Lab) {
    let before = loaded();
    let output = lab.ipvsh(&["doctor", "--json"]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    assert_eq!(loaded(), before);
    assert_eq!(lab.namespaces(), [""; 0]);
    let told: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
    let state = |what: &str| {
        let mut told = told.iter();
        let found = told.find(|one| one["what"] == what).unwrap();
        found["state"].as_str().unwrap()
    };
    let features = Features::new();
    for kind in kind::all() {
        // What can't be told without loading something is open.
        let wanted = if features.lacking(&[kind.name]).is_none() {
            "good"
        } else {
            "bad"
        };
        let told = state(kind.word);
        assert!(
            told == wanted || told == "open",
            "{}: {told}, not {wanted}",
            kind.word
        );
    }
    for what in [
        "--sandbox=ns",
        "user namespaces",
        "privileges",
        "/run/netns",
        "open files",
        "QEMU",
        "KVM",
        "labs",
    ] {
        state(what);
    }
}

fn a_script_whose_words_are_all_there_can_run(lab: &Lab) {
    let text = "import \"std/lab\" as lab;\nlab::router(\"r\", [netns(\"a\"), netns(\"b\")]);\n";
    fs::write(lab.folder().join("lab.rhai"), text).unwrap();
    let output = lab.ipvsh(&["doctor", "lab.rhai"]);
    assert_eq!(
        (output.code, output.stdout.as_str(), output.stderr.as_str()),
        (
            0,
            "Needed by the script
✔ veth: there (module `veth`, CONFIG_VETH)
✔ verdict: this kernel has all that its words need → `ipvsh --sandbox=ns lab.rhai`
",
            ""
        )
    );
}

fn a_script_for_want_of_a_program_can_not(lab: &Lab) {
    let text = "let a = netns(\"a\");\na.exec([\"sh\", \"-c\", \"true\"]);\na.spawn(\"no-such-program -s\");\n";
    fs::write(lab.folder().join("lab.rhai"), text).unwrap();
    let output = lab.ipvsh(&["doctor", "lab.rhai"]);
    assert_eq!(
        (output.code, output.stdout.as_str(), output.stderr.as_str()),
        (
            3,
            "Needed by the script
✘ program no-such-program: not here, which lab.rhai:3 starts → install the package that has it
✔ program sh: installed, which lab.rhai:2 starts
✘ verdict: it can't run here for want of no-such-program → install the programs, then `ipvsh doctor lab.rhai` once more
",
            ""
        )
    );
}

fn a_script_for_want_of_a_driver_can_not(lab: &Lab) {
    fs::write(
        lab.folder().join("lab.rhai"),
        "netns(\"a\").dummy(\"d0\");\n",
    )
    .unwrap();
    let output = lab.ipvsh(&["doctor", "lab.rhai"]);
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert_eq!((output.code, output.stderr.as_str()), (3, ""));
    assert_eq!(
        lines[..2],
        [
            "Needed by the script",
            "✘ dummy: this kernel has none (module `dummy`, CONFIG_DUMMY) → run with --sandbox=vm"
        ]
    );
    assert!(
        lines[2].starts_with("✘ verdict: it can't run on this kernel for want of dummy → "),
        "{}",
        lines[2]
    );
}
