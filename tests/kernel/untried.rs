//! A plan of links whose drivers are not loaded yet: it loads none, and knows by rule what it can't try out.

use std::fs;

use nix::kmod::{DeleteModuleFlags, delete_module};
use serde_json::Value;

use crate::case::cases;
use crate::lab::{Lab, Output};

cases! {
    // A machine of its own: drivers are unloaded, with all links of theirs.
    ["dummy", "bond", "ipvlan", "gre", "wireguard", "vrf"] =>
        a_plan_knows_by_rule_what_drivers_refuse_that_are_not_loaded
        a_setting_of_a_link_on_the_host_is_planned_where_its_driver_is_not_loaded;
}

/// What makes a link `k` of the kind in `x`.
const KINDS: &[(&str, &str)] = &[
    ("dummy", r#"x.dummy("k")"#),
    ("ifb", r#"x.ifb("k")"#),
    ("bond", r#"x.bond("k", "active-backup")"#),
    ("ipvlan", r#"x.ipvlan("d0", "k", "l3")"#),
    ("macvtap", r#"x.macvtap("d0", "k")"#),
    (
        "gre",
        r#"x.gre("k", #{local: "10.0.0.1", remote: "10.0.0.2"})"#,
    ),
    ("wireguard", r#"x.wireguard("k")"#),
    ("vrf", r#"x.vrf("k", 77)"#),
];

/// What is done with it.
const ACTS: &[&str] = &[
    r#"k.mac("02:00:00:00:00:24")"#,
    "k.mtu(60)",
    "k.mtu(9000)",
    "k.mtu(1400)",
    "k.arp(false)",
    "k.multicast(false)",
    "k.txqlen(50)",
    "k.gso_max_segs(16)",
    r#"k.sysctl("rp_filter", 2)"#,
    "k.up()",
    r#"k.rename("k2")"#,
    "k.carrier(false)",
    r#"k.master(x.bridge("bb"))"#,
    "k.nomaster()",
    "k.down()",
    "k.netns(y)",
    "k.delete()",
];

/// Unloads what can be.
fn unload() {
    for _ in 0..6 {
        let modules = fs::read_to_string("/proc/modules").unwrap();
        for line in modules.lines() {
            let mut words = line.split(' ');
            let (name, used) = (words.next().unwrap(), words.nth(1).unwrap());
            if used == "0" && !name.starts_with("virtio") {
                let name = std::ffi::CString::new(name).unwrap();
                let _ = delete_module(&name, DeleteModuleFlags::O_NONBLOCK);
            }
        }
    }
}

fn objects(output: &Output) -> Vec<String> {
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    let objects = document["objects"].as_array().unwrap().iter();
    objects
        .filter(|object| object["outcome"] != "conflict")
        .map(|object| {
            let text = |key: &str| object[key].as_str().unwrap_or_default();
            // A new link's address is random.
            let name = match text("kind") {
                "mac" => text("name").rsplit(' ').next().unwrap_or_default(),
                _ => text("name"),
            };
            format!(
                "{} {} {name} in {}",
                text("outcome"),
                text("kind"),
                text("netns")
            )
        })
        .collect()
}

fn untried(plan: &Output) -> Vec<String> {
    let document: Value = serde_json::from_str(&plan.stdout).unwrap();
    let untried = document["untried"].as_array().unwrap().iter();
    untried
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

fn a_plan_knows_by_rule_what_drivers_refuse_that_are_not_loaded(lab: &Lab) {
    let mut cold = 0;
    let mut differ = Vec::new();
    for (kind, made) in KINDS {
        unload();
        let acts: Vec<String> = ACTS
            .iter()
            .map(|act| format!("try {{ {act}; }} catch {{}}"))
            .collect();
        let acts = acts.join("\n");
        let script = format!(
            "let x = netns(\"x\"); let y = netns(\"y\");\n\
             host().veth(\"d0\", \"d1\", #{{up: true, addr: \"10.0.0.1/24\"}}).peer.up();\n\
             let k = {made};\n{acts}"
        );
        fs::write(lab.folder().join("lab.rhai"), script).unwrap();
        let plan = lab.ipvsh(&["--json", "plan", "lab.rhai"]);
        let run = lab.ipvsh(&["--json", "lab.rhai"]);
        cold += usize::from(!untried(&plan).is_empty());
        let (planned, done) = (objects(&plan), objects(&run));
        if planned != done {
            differ.push(format!("{kind}\nplan: {planned:#?}\nrun: {done:#?}"));
        }
        lab.ipvsh(&["down", "lab"]);
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert_eq!(cold, KINDS.len());
}

fn a_setting_of_a_link_on_the_host_is_planned_where_its_driver_is_not_loaded(lab: &Lab) {
    unload();
    let script = r#"host().dummy("k").sysctl("rp_filter", 2);"#;
    fs::write(lab.folder().join("lab.rhai"), script).unwrap();
    let plan = lab.ipvsh(&["--color=never", "plan", "lab.rhai"]);
    assert_eq!(plan.code, 10, "{} {}", plan.stdout, plan.stderr);
    assert!(
        plan.stderr
            .contains("note: the kernel has not loaded `dummy` yet, and a plan loads nothing"),
        "{}",
        plan.stderr
    );
    assert!(
        plan.stdout.contains("sysctl ipv4.conf.k.rp_filter: 0 to 2"),
        "{}",
        plan.stdout
    );
}
