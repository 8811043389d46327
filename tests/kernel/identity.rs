//! A lab is its name and the file that made it: another file of that name is told, and never taken for the same.

use std::fs;

use crate::case::cases;
use crate::lab::Lab;

cases! {
    [] =>
        another_file_of_the_name_is_a_conflict
        a_script_that_was_moved_is_known_again
        a_script_whose_maker_is_gone_takes_over_when_it_says_so
        down_without_a_name_lists_the_labs
        what_is_gone_needs_no_taking_down
        what_is_of_another_lab_is_told;
}

fn write(lab: &Lab, path: &str, text: &str) {
    let path = lab.folder().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A path as messages have it.
fn full(lab: &Lab, path: &str) -> String {
    let folder = fs::canonicalize(lab.folder()).unwrap();
    folder.join(path).display().to_string()
}

fn another_file_of_the_name_is_a_conflict(lab: &Lab) {
    write(lab, "x/lab.rhai", "netns(\"a\");");
    write(lab, "y/lab.rhai", "netns(\"b\");");
    assert_eq!(lab.ipvsh(&["x/lab.rhai"]).end(), "exit code 0\n");
    let (x, y) = (full(lab, "x/lab.rhai"), full(lab, "y/lab.rhai"));
    let told = format!(
        "exit code 1\nerror: cannot make lab `lab`: a lab of that name was made by {x}
 --> y/lab.rhai:1:1
  |
1 | netns(\"b\");
  | ^^^^^
  = this one is of {y}
hint: give this one a name of its own, `ipvsh --lab NAME {y}`, or take the other one down: `ipvsh down lab`\n"
    );
    assert_eq!(lab.ipvsh(&["y/lab.rhai"]).end(), told);
    // Who says the same name by hand merges nothing, either; and a plan tells it.
    assert_eq!(lab.ipvsh(&["--lab", "lab", "y/lab.rhai"]).end(), told);
    assert_eq!(lab.ipvsh(&["plan", "y/lab.rhai"]).end(), told);
    assert_eq!(
        lab.ipvsh(&["down", "y/lab.rhai"]).end(),
        format!(
            "exit code 1\nerror: cannot take down the lab of `y/lab.rhai`: lab `lab` was made by {x}\n\
             hint: `ipvsh down lab` takes that one down\n"
        )
    );
    assert_eq!(lab.namespaces(), ["a"]);
    assert_eq!(
        lab.ipvsh(&["--lab", "own", "y/lab.rhai"]).end(),
        "exit code 0\n"
    );
    let down = lab.ipvsh(&["down", "y/lab.rhai"]);
    assert_eq!(
        (down.code, down.stdout.as_str()),
        (0, "took down lab `own`: 1 namespace\n")
    );
    assert_eq!(lab.ipvsh(&["down", "x/lab.rhai"]).code, 0);
    assert_eq!(lab.namespaces(), Vec::<String>::new());
}

fn a_script_that_was_moved_is_known_again(lab: &Lab) {
    write(lab, "x/lab.rhai", "netns(\"a\");");
    assert_eq!(lab.ipvsh(&["x/lab.rhai"]).code, 0);
    let at = |path: &str| lab.folder().join(path);
    fs::create_dir(at("y")).unwrap();
    fs::rename(at("x/lab.rhai"), at("y/lab.rhai")).unwrap();
    assert_eq!(lab.ipvsh(&["y/lab.rhai"]).end(), "exit code 0\n");
    fs::rename(at("y/lab.rhai"), at("y/other.rhai")).unwrap();
    let down = lab.ipvsh(&["down", "y/other.rhai"]);
    assert_eq!(
        (down.code, down.stdout.as_str()),
        (0, "took down lab `lab`: 1 namespace\n")
    );
}

fn a_script_whose_maker_is_gone_takes_over_when_it_says_so(lab: &Lab) {
    write(lab, "x/lab.rhai", "netns(\"a\");");
    assert_eq!(lab.ipvsh(&["x/lab.rhai"]).code, 0);
    write(lab, "y/lab.rhai", "netns(\"a\"); netns(\"b\");");
    fs::remove_file(lab.folder().join("x/lab.rhai")).unwrap();
    let (x, y) = (full(lab, "x/lab.rhai"), full(lab, "y/lab.rhai"));
    let refused = lab.ipvsh(&["y/lab.rhai"]);
    assert_eq!(refused.code, 1);
    let end = format!(
        "  = this one is of {y}\n  = {x} is gone\nhint: if it was moved here, `ipvsh --lab lab {y}` takes its lab over; \
         `ipvsh down lab` takes the lab down\n"
    );
    assert!(refused.stderr.ends_with(&end), "{}", refused.stderr);
    assert_eq!(
        lab.ipvsh(&["--lab", "lab", "y/lab.rhai"]).end(),
        "exit code 0\n"
    );
    assert_eq!(lab.ipvsh(&["y/lab.rhai"]).end(), "exit code 0\n");
    assert_eq!(
        lab.ipvsh(&["down", "y/lab.rhai"]).stdout,
        "took down lab `lab`: 2 namespaces\n"
    );
}

fn down_without_a_name_lists_the_labs(lab: &Lab) {
    assert_eq!(lab.ipvsh(&["down"]).stdout, "no lab stands\n");
    write(lab, "lab.rhai", "netns(\"a\");");
    assert_eq!(lab.ipvsh(&["lab.rhai"]).code, 0);
    assert_eq!(lab.ipvsh(&["--lab", "b c", "-e", "netns(\"b\")"]).code, 0);
    assert_eq!(
        lab.ipvsh(&["down"]).end(),
        format!(
            "exit code 2\nerror: `ipvsh down` takes down the lab that is named, or the lab of a script\n  \
             = lab `b c`\n  = lab `lab`, made by {}\n\
             hint: `ipvsh down 'b c'` takes one down, `ipvsh down --all` all of them\n",
            full(lab, "lab.rhai")
        )
    );
    assert_eq!(lab.namespaces(), ["a", "b"]);
    assert_eq!(lab.ipvsh(&["down", "--all"]).code, 0);
}

fn what_is_gone_needs_no_taking_down(lab: &Lab) {
    for named in ["lab", "lab.rhai", "x/lab.rhai"] {
        let down = lab.ipvsh(&["down", named]);
        assert_eq!(
            (down.code, down.stdout, down.stderr.as_str()),
            (0, format!("no lab `{named}` stands\n"), "")
        );
    }
    assert_eq!(lab.ipvsh(&["--json", "down", "lab"]).stdout, "[]\n");
}

fn what_is_of_another_lab_is_told(lab: &Lab) {
    write(lab, "one.rhai", "netns(\"a\");");
    write(lab, "two.rhai", "netns(\"a\").link(\"lo\").up();");
    assert_eq!(lab.ipvsh(&["one.rhai"]).code, 0);
    let plan = lab.ipvsh(&["plan", "two.rhai"]).stdout;
    assert!(plan.starts_with("= namespace a   (of lab one)\n"), "{plan}");
    let told =
        "note: namespace `a` is of lab `one`: it stands as long as one of the two labs does\n";
    assert_eq!(
        lab.ipvsh(&["two.rhai"]).end(),
        format!("exit code 0\n{told}")
    );
    assert_eq!(lab.ipvsh(&["two.rhai"]).end(), "exit code 0\n");
    let listed = lab.ipvsh(&["ls"]).stdout;
    let shared: Vec<&str> = listed
        .lines()
        .filter(|line| line.starts_with("  shared"))
        .collect();
    assert_eq!(
        shared,
        [
            "  shared: namespace `a` (of lab two, too)",
            "  shared: namespace `a` (of lab one, too)"
        ]
    );
    assert_eq!(lab.ipvsh(&["down", "one"]).end(), "exit code 0\n");
    assert_eq!(lab.namespaces(), ["a"]);
    assert_eq!(lab.ipvsh(&["down", "two"]).code, 0);
    assert_eq!(lab.namespaces(), Vec::<String>::new());
}
