//! How many requests a run sends: so many for each thing that it makes, however many there are already.

use std::fs;

use crate::case::cases;
use crate::faults::run_with;
use crate::lab::Lab;

cases! {
    ["veth"] => the_questions_for_a_pair_do_not_grow_with_their_number;
    ["macvlan"] => the_questions_for_a_slave_do_not_grow_with_their_number;
}

/// How many of each are made.
const COUNT: u32 = 40;

/// How many questions a run may ask besides those for each.
const BESIDES: u32 = 40;

/// Runs the script in which `COUNT` stands for a number: each of the rounds asks the kernel at most `most` questions, the first and
/// a second run.
#[track_caller]
fn ask_at_most(lab: &Lab, text: &str, most: [u32; 2]) {
    fs::write(
        lab.folder().join("lab.rhai"),
        text.replace("COUNT", &COUNT.to_string()),
    )
    .unwrap();
    for (most, run) in most.into_iter().zip(["first", "second"]) {
        let too_many = COUNT * most + BESIDES;
        let output = run_with(lab, &format!("kill-asking:{too_many}"), &["lab.rhai"]);
        assert_eq!(
            output.end(),
            "exit code 0\n",
            "more than {too_many} questions in the {run} run of\n{text}"
        );
    }
    assert_eq!(lab.ipvsh(&["down", "lab"]).code, 0);
    assert_eq!(lab.namespaces(), [""; 0]);
}

fn the_questions_for_a_pair_do_not_grow_with_their_number(lab: &Lab) {
    for text in [
        // A star, from both sides.
        "for i in 1..=COUNT { let d = netns(`n${i}`).veth(\"e\", host(), `h${i}`, #{up: true}); d.peer.up(); }",
        "for i in 1..=COUNT { let d = veth(`h${i}`, netns(`n${i}`), \"e\", #{up: true}); d.peer.up(); }",
        // One by one: first all namespaces, then the pairs.
        "for i in 1..=COUNT { netns(`n${i}`); }
         for i in 1..=COUNT { veth(`h${i}`, netns(`n${i}`), \"e\").peer.up(); }",
        // A ring.
        "for i in 1..=COUNT { netns(`n${i}`); }
         for i in 1..=COUNT { let d = netns(`n${i}`).veth(\"a\", netns(`n${i % COUNT + 1}`), \"b\"); d.up(); d.peer.up(); }",
    ] {
        ask_at_most(lab, text, [12, 12]);
    }
}

fn the_questions_for_a_slave_do_not_grow_with_their_number(lab: &Lab) {
    lab.ip("link add p0 type veth peer p1\nlink set p0 up\nlink set p1 up");
    let text = "for i in 1..=COUNT { let m = netns(`n${i}`).macvlan(\"p0\", \"m\"); m.addr(`10.0.${i}.1/24`).up().route(\"default\"); m.parent.name; }";
    ask_at_most(lab, text, [10, 16]);
}
