//! Random scripts over all words: a plan is what the run does, a second run changes nothing, what is exported leads to the same
//! state, and `down` to the state before.

mod script;
mod values;
mod words;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ipvsh::dsl::options;
use ipvsh::engine::catalog::Catalog;
use serde_json::Value;

use crate::case::Case;
use crate::export::everything;
use crate::lab::{HOST, Lab, Output};
use crate::seeds::{Dice, Rounds, attack, is_asked};
use crate::state;
use script::Script;

/// The kinds of link that this kernel has as a rule.
const HERE: &[&str] = &[
    "veth", "bridge", "macvlan", "macvtap", "vxlan", "ifb", "tun", "tap",
];

/// Kinds that take the micro-VM where this kernel is short of them.
const ALL: &[&str] = &[
    "veth",
    "bridge",
    "macvlan",
    "macvtap",
    "vxlan",
    "ifb",
    "tun",
    "tap",
    "ipvlan",
    "ipvtap",
    "vlan",
    "geneve",
    "gre",
    "gretap",
    "ip6gre",
    "ip6gretap",
    "ipip",
    "sit",
    "ip6tnl",
    "xfrm",
    "wireguard",
    "vrf",
    "dummy",
    "bond",
];

/// The cases of this topic.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![Case::new(
        module_path!(),
        "every_word_and_option_is_tried_or_left_out_with_a_reason",
        &[],
        every_word_and_option_is_tried,
    )];
    for part in 0..2 {
        cases.push(Case::new(
            module_path!(),
            &format!("a_plan_of_random_words_is_what_a_run_does_here_{part}"),
            &[
                "veth", "bridge", "macvlan", "vxlan", "ifb", "tun", "nft", "tbf", "htb",
            ],
            move |_| {
                let rounds = Rounds::of_part(40, part, 2);
                attack("random words here", rounds, |lab, dice| {
                    is_true(lab, dice, HERE, &["netem"])
                });
            },
        ));
    }
    if !is_asked() {
        // A run takes seconds in the micro-VM: these are for `make attack`.
        return cases;
    }
    cases.push(Case::new(
        module_path!(),
        "a_plan_of_random_words_is_what_a_run_does_with_all_kinds",
        &[
            "dummy",
            "ipvlan",
            "bond",
            "vlan",
            "vrf",
            "geneve",
            "gre",
            "xfrm",
            "wireguard",
            "netem",
            "nft",
            "htb",
        ],
        |_| {
            attack(
                "random words with all kinds",
                Rounds::new(2),
                |lab, dice| is_true(lab, dice, ALL, &[]),
            );
        },
    ));
    cases
}

fn every_word_and_option_is_tried(_: &Lab) {
    let tried = words::KINDS.iter().map(|kind| kind.word);
    let tried = tried.chain(words::ON_LINKS.iter().map(|act| act.word));
    let tried = tried.chain(words::ON_PLACES.iter().map(|act| act.word));
    let tried: BTreeSet<&str> = tried.chain(words::IN_ALL.iter().copied()).collect();
    let left: BTreeSet<&str> = words::LEFT_OUT
        .iter()
        .flat_map(|(_, words)| words.iter().copied())
        .collect();
    let catalog = Catalog::new();
    let known: BTreeSet<&str> = catalog
        .words
        .iter()
        .map(|word| word.name.as_str())
        // A word of the standard library is made of others.
        .filter(|word| !word.contains("::"))
        .collect();
    let both: Vec<_> = tried.intersection(&left).collect();
    assert_eq!(both, Vec::<&&str>::new(), "tried and left out");
    let all: BTreeSet<&str> = tried.union(&left).copied().collect();
    assert_eq!(all, known);
    let unknown: Vec<String> = tried
        .iter()
        .filter(|word| !["exec", "lookup", "routes"].contains(word))
        .flat_map(|word| options::keys(word).into_iter().map(move |key| (*word, key)))
        .filter(|(word, key)| values::of(word, key).is_none())
        .map(|(word, key)| format!("{word} {key}"))
        .collect();
    assert_eq!(
        unknown,
        Vec::<String>::new(),
        "options without a value to try"
    );
}

/// A document of ipvsh.
fn document(output: &Output) -> Result<Value, String> {
    serde_json::from_str(&output.stdout)
        .map_err(|_| format!("no document: {}\n{}", output.stdout, output.stderr))
}

/// The objects of a document, but for what a run does not tell or nobody can know before.
fn objects(document: &Value) -> Vec<String> {
    let objects = document["objects"].as_array().into_iter().flatten();
    objects
        .filter(|object| object["outcome"] != "would_test")
        .map(|object| {
            let mut object = object.clone();
            // Which one a new link gets at random only the kernel knows.
            if object["kind"] == "mac" {
                object["before"].take();
            }
            object.to_string()
        })
        .collect()
}

/// What is compared of an error: all but what a run says of taking itself down.
fn error(document: &Value) -> Value {
    let mut error = document["error"].clone();
    if let Some(map) = error.as_object_mut() {
        map.remove("notes");
    }
    error
}

/// The first line in which two lists differ.
fn compare(what: &str, planned: &[String], done: &[String]) -> Result<(), String> {
    let most = planned.len().max(done.len());
    for index in 0..most {
        let (one, other) = (planned.get(index), done.get(index));
        if one != other {
            let end = "the end".to_owned();
            return Err(format!(
                "{what}: step {}\n    plan: {}\n    run:  {}",
                index + 1,
                one.unwrap_or(&end),
                other.unwrap_or(&end)
            ));
        }
    }
    Ok(())
}

/// Tries one random script.
#[track_caller]
fn is_true(lab: &Lab, mut dice: Dice, kinds: &[&str], lacks: &[&str]) -> Result<(), String> {
    let script = script::write(&mut dice, kinds, lacks);
    let tried = try_script(lab, &script, dice.chance(50));
    tried.map_err(|why| format!("{why}\n{}", script.text))
}

#[track_caller]
fn try_script(lab: &Lab, script: &Script, prunes: bool) -> Result<(), String> {
    lab.ip(
        "link add p0 type veth peer name p1\nlink set p0 up\nlink set p1 up\naddr add 10.8.0.1/24 dev p0",
    );
    lab.wait_up("p0");
    std::fs::write(lab.folder().join("lab.rhai"), &script.text).map_err(|e| e.to_string())?;
    let before = state::whole(lab);
    let plan = document(&lab.ipvsh(&["--json", "plan", "lab.rhai"]))?;
    if let Some(differences) = state::differences(&state::whole(lab), &before) {
        return Err(format!("the plan changes something: {differences}"));
    }
    let run = document(&lab.ipvsh(&["--json", "lab.rhai"]))?;
    let (mut planned, mut done) = (objects(&plan), objects(&run));
    let conflict = planned
        .iter()
        .position(|step| step.starts_with("conflict "));
    if let Some(at) = conflict {
        // A plan goes on behind it, a run does not.
        planned.truncate(at);
        if run["error"]["kind"] != "conflict" && done.len() == at {
            return Err(format!(
                "the plan sees a conflict, the run none: {}",
                run["error"]
            ));
        }
        done.truncate(at);
    }
    compare("plan and run", &planned, &done)?;
    if conflict.is_none() && error(&plan) != error(&run) {
        return Err(format!("plan: {}\nrun:  {}", error(&plan), error(&run)));
    }
    if run["ok"] == true {
        stands(lab, script, &run)?;
        if prunes {
            says_nothing_more(lab)?;
        }
        let down = lab.ipvsh(&["down", "lab"]);
        // Where all that was made was found again elsewhere, or deleted, no lab stands.
        let is_none = down.stderr.contains("there is no lab of that name");
        if (down.code, down.stderr.as_str()) != (0, "") && !is_none {
            return Err(format!("down: {} {}", down.code, down.stderr));
        }
    }
    settles(lab, &before, "down")
}

/// Takes away what a script made that says nothing any more. What it had taken away is left to `down`.
#[track_caller]
fn says_nothing_more(lab: &Lab) -> Result<(), String> {
    std::fs::write(lab.folder().join("lab.rhai"), "").map_err(|e| e.to_string())?;
    let plan = document(&lab.ipvsh(&["--json", "plan", "--prune", "lab.rhai"]))?;
    let run = document(&lab.ipvsh(&["--json", "--prune", "lab.rhai"]))?;
    compare("plan and run of --prune", &objects(&plan), &objects(&run))?;
    if run["ok"] != true {
        return Err(format!("--prune fails: {}", run["error"]));
    }
    let left = document(&lab.ipvsh(&["--json", "plan", "lab.rhai"]))?;
    if left["stale"] != 0 {
        return Err(format!("--prune leaves something: {}", left["objects"]));
    }
    Ok(())
}

/// Holds a lab that stands against its script: a second run, and an export.
#[track_caller]
fn stands(lab: &Lab, script: &Script, run: &Value) -> Result<(), String> {
    let whole = everything(lab);
    let says_what_fell = !run["undone"].is_null();
    let again = document(&lab.ipvsh(&["--json", "lab.rhai"]))?;
    if again["ok"] != true && !says_what_fell {
        return Err(format!("the second run fails: {}", again["error"]));
    }
    if again["ok"] == true && !script.contradicts && !says_what_fell {
        let changed: Vec<String> = objects(&again)
            .into_iter()
            .filter(|step| !step.contains(r#""outcome":"unchanged""#))
            .collect();
        if !changed.is_empty() {
            return Err(format!("the second run changes something: {changed:#?}"));
        }
        let differences = state::differences(&everything(lab), &whole);
        if let Some(differences) = differences {
            return Err(format!("the second run leads elsewhere: {differences}"));
        }
    }
    if again["ok"] == true && script.is_inside {
        comes_back(lab, &everything(lab))?;
    }
    Ok(())
}

/// Takes the lab down, runs what was exported of it, and takes that down.
fn comes_back(lab: &Lab, whole: &Value) -> Result<(), String> {
    let export = lab.ipvsh(&[
        "export",
        "--strict",
        "--keys",
        "n1",
        "n2",
        "-o",
        "exported.rhai",
    ]);
    let text = std::fs::read_to_string(lab.folder().join("exported.rhai")).unwrap_or_default();
    if (export.code, export.stderr.as_str()) != (0, "") {
        return Err(format!("export: {} {}\n{text}", export.code, export.stderr));
    }
    lab.ipvsh(&["down", "lab"]);
    let run = lab.ipvsh(&["exported.rhai"]);
    if (run.code, run.stderr.as_str()) != (0, "") {
        return Err(format!("what was exported fails: {}\n{text}", run.stderr));
    }
    let state = || {
        let mut state = everything(lab);
        if let Some(map) = state.as_object_mut() {
            map.remove(HOST);
        }
        state
    };
    let mut wanted = whole.clone();
    if let Some(map) = wanted.as_object_mut() {
        map.remove(HOST);
    }
    let differences = state::differences(&state(), &wanted);
    lab.ipvsh(&["down", "exported"]);
    match differences {
        Some(differences) => Err(format!(
            "what was exported leads elsewhere: {differences}\n{text}"
        )),
        None => Ok(()),
    }
}

/// Waits until the state is as before: the kernel ends namespaces in its own time.
fn settles(lab: &Lab, before: &Value, when: &str) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let now = state::whole(lab);
        if now == *before {
            return Ok(());
        }
        if Instant::now() > deadline {
            let differences = state::differences(&now, before).unwrap_or_default();
            return Err(format!("after {when}: {differences}"));
        }
    }
}
