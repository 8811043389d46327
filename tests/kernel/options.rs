//! Each option of each word that makes a link, there and back: what the trace says is imported as the same call, what stands is
//! exported as the same call, and the shell that the run is written as leads to the same links.
//!
//! netkit is left out: neither this kernel nor that of the micro-VM makes one. Its words are compared in `netkit`.

use std::fmt::Write;
use std::fs;

use ipvsh::dsl::kinds::kind::{self, Change, Kind};
use ipvsh::dsl::options;
use ipvsh::schema::{Family, Form, Opt, Wire};
use serde_json::Value;

use crate::case::cases;
use crate::lab::Lab;
use crate::state;

cases! {
    ["veth"] =>
        every_option_that_every_link_takes_comes_back;
    ["bridge", "macvlan", "vxlan", "veth", "vlan_filtering"] =>
        every_option_of_bridges_macvlans_and_vxlans_comes_back
        every_option_of_bridges_macvlans_and_vxlans_is_changed_in_place;
    ["tun", "veth"] =>
        every_option_of_tuns_comes_back;
    ["bond", "dummy", "geneve", "gre", "ip6gre", "ipip", "sit", "ip6tnl", "ipvlan", "macvtap", "ipvtap", "vlan", "vrf", "xfrm", "veth"] =>
        every_option_of_other_links_comes_back
        every_option_of_other_links_is_changed_in_place;
}

/// The links that a call names.
const LINKS: &str = "let a = netns(\"a\");\na.veth(\"p0\", \"p1\").up();\n\n";

/// What stands beside an option where it needs that: of a word, in which mode, and which other options.
const BESIDE: &[(&str, &str, &str)] = &[
    // The kernel has it so in these modes.
    ("bond", "ad_actor_sys_prio", "miimon: 100"),
    ("bond", "ad_select", "miimon: 100"),
    ("bond", "ad_user_port_key", "miimon: 100"),
    ("bond", "lacp_active", "miimon: 100"),
    ("bond", "lacp_rate", "miimon: 100"),
    ("bond", "tlb_dynamic_lb", "miimon: 100"),
    ("vxlan", "group", "dev: \"p0\""),
    ("bond", "updelay", "miimon: 100"),
    ("bond", "downdelay", "miimon: 100"),
    ("bond", "peer_notify_delay", "miimon: 100"),
    (
        "bond",
        "arp_validate",
        "arp_interval: 100, arp_ip_target: [\"10.0.0.9\"]",
    ),
    (
        "bond",
        "arp_all_targets",
        "arp_interval: 100, arp_ip_target: [\"10.0.0.9\"]",
    ),
];

/// The mode that an option is for, where it is not every one.
fn mode(word: &str, key: &str) -> &'static str {
    match (word, key) {
        ("bond", "packets_per_slave") => "balance-rr",
        ("bond", "tlb_dynamic_lb") => "balance-tlb",
        ("bond", key) if key.starts_with("ad_") || key.starts_with("lacp") => "802.3ad",
        ("bond", _) => "active-backup",
        ("macvlan" | "macvtap", "macs") => "source",
        _ => "private",
    }
}

/// A value that is not what is there where nothing is said, as a script writes it.
#[track_caller]
fn sample(word: &str, row: &Opt, number: usize) -> String {
    let usual = row.usual();
    let differs = |value: &ipvsh::steps::Value| Some(value) != usual.as_ref();
    match row.form {
        Form::Number { least, most, .. } => {
            let mut numbers = [7, 100, least, most].into_iter();
            let number = numbers.find(|number| {
                (least..=most).contains(number) && differs(&ipvsh::steps::Value::Number(*number))
            });
            // Powers of two, bits that are not reserved, multiples of the interval.
            let number = match row.key {
                "mcast_hash_max" => 512,
                "group_fwd_mask" => 8,
                "updelay" | "downdelay" | "peer_notify_delay" => 200,
                _ => number.unwrap(),
            };
            number.to_string()
        }
        Form::Key | Form::Account | Form::Table => "7".to_owned(),
        Form::Switch => differs(&ipvsh::steps::Value::Flag(true)).to_string(),
        Form::Choice(names) => {
            let mut names = names.iter().rev().map(|(name, _)| *name);
            let name = names.find(|name| {
                // The flag of a macvlan is of one mode.
                *name != "nopromisc" && differs(&ipvsh::steps::Value::text(*name))
            });
            format!("{:?}", name.unwrap())
        }
        Form::Time { .. } => "\"7s\"".to_owned(),
        Form::Host(Family::V6) => format!("\"fd00::{number:x}\""),
        Form::Host(_) => format!("\"10.0.0.{number}\""),
        Form::Group(_) => "\"239.1.1.7\"".to_owned(),
        Form::Hosts(Family::V6) => "[\"fd00::7\", \"fd00::8\"]".to_owned(),
        Form::Hosts(_) => "[\"10.0.0.7\", \"10.0.0.8\"]".to_owned(),
        Form::Macs => "[\"02:00:00:00:00:07\", \"02:00:00:00:00:08\"]".to_owned(),
        Form::Device => "\"p0\"".to_owned(),
        _ => panic!("{word}: a sample of `{}` is missing", row.key),
    }
}

/// The call that makes the link `name`, with the option or only with what stands beside it.
fn call(kind: &Kind, row: &Opt, name: &str, number: usize, is_said: bool) -> String {
    let word = kind.word;
    let key = row.key;
    let mut given = Vec::new();
    let beside = BESIDE
        .iter()
        .find(|(known, of, _)| (*known, *of) == (word, key));
    given.extend(beside.map(|(.., beside)| (*beside).to_owned()));
    // Tunnels between the same ends would be the same.
    let far = match word {
        "geneve" if key.starts_with("udp6") => Some(format!("remote: \"fd01::{number:x}\"")),
        "gre" | "gretap" | "ipip" | "sit" | "geneve" => {
            Some(format!("remote: \"10.0.1.{number}\""))
        }
        "ip6gre" | "ip6gretap" | "ip6tnl" => Some(format!("remote: \"fd01::{number:x}\"")),
        _ => None,
    };
    given.extend(far.filter(|_| key != "remote" || !is_said));
    if is_said {
        given.push(format!("{key}: {}", sample(word, row, number)));
    }
    // As they stand in the table, and so in what is written.
    let place = |one: &String| {
        let key = one.split(':').next().unwrap();
        kind.table.iter().position(|row| row.key == key)
    };
    given.sort_by_key(place);
    let options = given.join(", ");
    let end = format!("#{{{options}}}");
    match word {
        "ipvlan" | "ipvtap" => {
            format!("a.{word}(a.link(\"q{number}\"), \"{name}\", \"l2\", {end});")
        }
        "macvlan" | "macvtap" => {
            format!(
                "a.{word}(a.link(\"p0\"), \"{name}\", \"{}\", {end});",
                mode(word, key)
            )
        }
        "vlan" => format!("a.vlan(a.link(\"p0\"), \"{name}\", {number}, {end});"),
        "bond" => format!("a.bond(\"{name}\", \"{}\", {end});", mode(word, key)),
        "vxlan" | "geneve" | "xfrm" => format!("a.{word}(\"{name}\", {number}, {end});"),
        _ => format!("a.{word}(\"{name}\", {end});"),
    }
}

/// The calls for each option of the words, one link for each.
fn calls(words: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    for word in words {
        let kind = kind::of_word(word).unwrap();
        let own = kind.table.iter().filter(|row| row.is_option());
        let is_told = |row: &&Opt| !matches!(row.wire, Wire::None) && row.key != "mode";
        for row in own.filter(is_told) {
            let number = lines.len() + 11;
            if word.starts_with("ipv") {
                lines.push(format!("a.dummy(\"q{number}\").up();"));
            }
            lines.push(call(kind, row, &format!("x{number}"), number, true));
        }
    }
    lines
}

/// For each option of the words: the link that is made with it, and the same made without and changed. What is fixed is refused.
#[track_caller]
fn change_in_place(lab: &Lab, words: &[&str]) {
    let (mut made, mut changed, mut fixed) = (String::new(), String::new(), String::new());
    let mut number = 10;
    for word in words {
        let kind = kind::of_word(word).unwrap();
        let own = kind.table.iter().filter(|row| row.is_option());
        for row in own.filter(|row| !matches!(row.wire, Wire::None)) {
            number += 1;
            let name = format!("x{number}");
            let without = call(kind, row, &name, number, false);
            let value = sample(word, row, number);
            let set = format!("a.link(\"{name}\").set(#{{{}: {value}}});", row.key);
            let is_fixed = matches!(kind.change, Change::Said(keys) if keys.contains(&row.key));
            if is_fixed {
                writeln!(
                    made,
                    "{without}\ntry {{ {set} }} catch (e) {{ print(`{word} {} ${{e.kind}}`); }}",
                    row.key
                )
                .unwrap();
                writeln!(fixed, "{word} {} unsupported", row.key).unwrap();
                writeln!(changed, "{without}").unwrap();
            } else {
                let with = call(kind, row, &name, number, true);
                writeln!(made, "{with}").unwrap();
                writeln!(changed, "{without}\n{set}").unwrap();
            }
        }
    }
    // A tunnel over IPv6 has its MTU from its options as they were when it was made.
    let told = |lab: &Lab| {
        let mut links = links(lab);
        state::forget(&mut links, &["mtu"]);
        links
    };
    assert_eq!(lab.run(&format!("{LINKS}{made}")), fixed);
    let wanted = told(lab);
    lab.clear();
    assert_eq!(lab.run(&format!("{LINKS}{changed}")), "");
    state::assert_same(&told(lab), &wanted);
}

fn every_option_of_bridges_macvlans_and_vxlans_is_changed_in_place(lab: &Lab) {
    change_in_place(lab, &["bridge", "macvlan", "vxlan"]);
}

/// Links that take a kernel with more drivers.
const OTHERS: &[&str] = &[
    "bond",
    "geneve",
    "gre",
    "gretap",
    "ip6gre",
    "ip6gretap",
    "ipip",
    "sit",
    "ip6tnl",
    "macvtap",
    "vlan",
    "xfrm",
];

fn every_option_of_other_links_is_changed_in_place(lab: &Lab) {
    change_in_place(lab, OTHERS);
}

/// The links with all that is told of them, but for what is drawn or comes by itself.
fn links(lab: &Lab) -> Value {
    let mut links = lab.json("a", "-d link show");
    let unsteady = [
        "ifindex",
        "link_index",
        "operstate",
        "state",
        "broadcast",
        "permaddr",
        "perm_hwaddr",
        "bridge_id",
        "root_id",
        "gc_timer",
        "hello_timer",
        "tcn_timer",
        "topology_change_timer",
        "forward_delay_timer",
        "qdisc",
        "mii_status",
    ];
    state::forget(&mut links, &unsteady);
    state::forget_carrier(&mut links);
    let mut links = links.as_array().unwrap().clone();
    for link in &mut links {
        let is_drawn = !link["address"]
            .as_str()
            .unwrap_or_default()
            .starts_with("02:00:00:");
        if is_drawn {
            link.as_object_mut().unwrap().remove("address");
        }
    }
    links.sort_by_key(|link| link["ifname"].as_str().unwrap().to_owned());
    Value::Array(links)
}

/// Leads the script there and back by each way, to the same of what `told` tells; returns what was imported and what was exported.
pub(crate) fn there_and_back(lab: &Lab, script: &str, told: impl Fn(&Lab) -> Value) -> [String; 2] {
    fs::write(lab.folder().join("lab.rhai"), script).unwrap();
    let run = lab.ipvsh(&["--trace", "--emit", "run.sh", "lab.rhai"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let made = told(lab);
    let mut commands = String::new();
    for line in run.stderr.lines() {
        writeln!(commands, "{}", line.strip_prefix("+ ").expect(line)).unwrap();
    }
    let export = lab.ipvsh(&["export", "--strict", "-o", "exported.rhai"]);
    assert_eq!(export.end(), "exit code 0\n");
    lab.clear();

    // iproute2 has advice on the port of a VXLAN.
    let commands_of_run = fs::read_to_string(lab.folder().join("run.sh")).unwrap();
    lab.sh(&format!("exec 2> /dev/null\n{commands_of_run}"));
    state::assert_same(&told(lab), &made);
    lab.clear();

    fs::write(lab.folder().join("trace.sh"), commands).unwrap();
    let import = lab.ipvsh(&["import", "--strict", "-o", "imported.rhai", "trace.sh"]);
    assert_eq!(import.end(), "exit code 0\n");
    ["imported.rhai", "exported.rhai"].map(|file| {
        let text = fs::read_to_string(lab.folder().join(file)).unwrap();
        let check = lab.ipvsh(&["--quiet", "check", file]);
        assert_eq!(check.end(), "exit code 0\n", "{text}");
        let run = lab.ipvsh(&[file]);
        assert_eq!(run.end(), "exit code 0\n", "{text}");
        state::assert_same(&told(lab), &made);
        lab.clear();
        text
    })
}

#[track_caller]
fn come_back(lab: &Lab, words: &[&str]) {
    let calls = calls(words);
    let script = format!("{LINKS}{}\n", calls.join("\n"));
    let texts = there_and_back(lab, &script, links);
    for (text, whence) in texts.iter().zip(["import of the trace", "export"]) {
        let missing: Vec<_> = calls
            .iter()
            // What is brought up is so in a chain.
            .filter(|call| !text.contains(call.trim_end_matches(".up();")))
            .collect();
        assert!(missing.is_empty(), "{whence} has not: {missing:#?}\n{text}");
    }
}

fn every_option_of_bridges_macvlans_and_vxlans_comes_back(lab: &Lab) {
    come_back(lab, &["bridge", "macvlan", "vxlan"]);
}

fn every_option_of_tuns_comes_back(lab: &Lab) {
    come_back(lab, &["tun", "tap"]);
}

fn every_option_of_other_links_comes_back(lab: &Lab) {
    come_back(lab, &[OTHERS, &["ipvlan", "ipvtap"]].concat());
}

fn every_option_that_every_link_takes_comes_back(lab: &Lab) {
    let mut script = "let a = netns(\"a\");\na.bridge(\"br0\");\n".to_owned();
    for (number, row) in options::shared("veth").iter().enumerate() {
        let value = match row.key {
            "addr" => "[\"10.0.0.1/24\"]".to_owned(),
            "alias" => "\"the first\"".to_owned(),
            "altname" => "[\"another-name\"]".to_owned(),
            "group" => "7".to_owned(),
            "mac" => "\"02:00:00:00:00:07\"".to_owned(),
            "master" => "\"br0\"".to_owned(),
            "mtu" => "1400".to_owned(),
            // It is a route that needs a link that is up, and a dummy only has a carrier of its own.
            "route" | "carrier" => continue,
            "gso_max_size" | "gro_max_size" => "60000".to_owned(),
            _ => sample("veth", row, number),
        };
        writeln!(
            script,
            "a.veth(\"v{number}\", \"w{number}\", #{{{}: {value}}});",
            row.key
        )
        .unwrap();
    }
    there_and_back(lab, &script, links);
}
