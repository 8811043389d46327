//! A plan of links whose drivers are not loaded yet: it loads none, and knows by rule what it can't try out. In a machine that has
//! just been booted, and in which nothing else runs.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use libtest_mimic::Failed;
use serde_json::Value;

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

/// A setting of a link on the host, as a plan tells it.
const ON_HOST: &str = "sysctl ipv4.conf.k.rp_filter: 0 to 2 in host";
const NOTE: &str = "note: the kernel has not loaded `dummy` yet, and a plan loads nothing";

/// The objects of a document, without the address that a new link has at random.
fn objects(document: &Value) -> Vec<String> {
    let objects = document["objects"].as_array().into_iter().flatten();
    let told = objects.filter(|object| object["outcome"] != "conflict");
    told.map(|object| {
        let mut object = object.clone();
        if object["kind"] == "mac" {
            object["before"].take();
        }
        object.to_string()
    })
    .collect()
}

pub(super) fn plans() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let acts = ACTS.iter();
    let acts: Vec<String> = acts
        .map(|act| format!("try {{ {act}; }} catch {{}}"))
        .collect();
    let mut script = r#"
        write("host.rhai", `host().dummy("k").sysctl("rp_filter", 2);`);
        let plan = exec(["ipvsh", "plan", "host.rhai"], #{check: false});
        print(plan.stdout + plan.stderr);
        print("====");"#
        .to_owned();
    for (kind, made) in KINDS {
        let text = format!(
            "let x = netns(\"x\"); let y = netns(\"y\");\n\
             host().veth(\"d0\", \"d1\", #{{up: true, addr: \"10.0.0.1/24\"}}).peer.up();\n\
             let k = {made};\n{}",
            acts.join("\n")
        );
        write!(
            script,
            r#"
            write("{kind}.rhai", `{text}`);
            for words in [["--json", "plan", "{kind}.rhai"], ["--json", "{kind}.rhai"]] {{
                print(exec(["ipvsh"] + words, #{{check: false}}).stdout);
            }}
            exec(["ipvsh", "--quiet", "down", "{kind}"]);"#
        )?;
    }
    fs::write(folder.path().join("lab.rhai"), script)?;
    let output = Command::new(env!("CARGO_BIN_EXE_ipvsh"))
        .current_dir(folder.path())
        .args(["--sandbox=vm", "lab.rhai"])
        .output()?;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let told = String::from_utf8(output.stdout)?;
    let (on_host, documents) = told.split_once("====\n").ok_or(told.clone())?;
    assert!(
        on_host.contains(ON_HOST) && on_host.contains(NOTE),
        "{on_host}"
    );
    let documents = documents.lines().filter(|line| !line.is_empty());
    let documents = documents.map(serde_json::from_str);
    let documents: Vec<Value> = documents.collect::<Result<_, _>>()?;
    assert_eq!(documents.len(), 2 * KINDS.len());
    for ((kind, _), pair) in KINDS.iter().zip(documents.chunks(2)) {
        let untried = pair[0]["untried"].as_array();
        assert!(
            untried.is_some_and(|names| !names.is_empty()),
            "{kind} is loaded"
        );
        assert_eq!(objects(&pair[0]), objects(&pair[1]), "{kind}");
    }
    Ok(())
}
