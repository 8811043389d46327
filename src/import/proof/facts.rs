//! The facts that stand in what was printed of a namespace, without what comes by chance.

use std::collections::BTreeMap;

use serde_json::Value;

/// What a fact is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Thing {
    /// The thing, in words: "link `v0`".
    pub(super) what: String,
    /// The property; empty where only that it is there counts.
    pub(super) property: String,
}

/// What is known of each thing: the value of its property, or an empty text for each time that it is there.
pub(super) type Facts = BTreeMap<Thing, Vec<String>>;

/// What changes by itself, or says only which number somebody got.
const PASSING: &[&str] = &[
    "ad_info",
    "age",
    "bridge_id",
    "bytes",
    "config_pending",
    "designated_bridge",
    "designated_cost",
    "designated_port",
    "designated_root",
    "expires",
    "direct_packets_stat",
    "fdb_n_learned",
    "forward_delay_timer",
    "gc_timer",
    "hello_timer",
    "hold_timer",
    "id",
    "ifindex",
    "link_index",
    "link_netnsid",
    "message_age_timer",
    "mii_link_failure_count",
    "no",
    "perm_hwaddr",
    "permaddr",
    "port_id",
    "port_no",
    "preferred_life_time",
    "probes",
    "refcnt",
    "root_id",
    "root_path_cost",
    "root_port",
    "stats",
    "stats64",
    "tcn_timer",
    "tentative",
    "timers",
    "topology_change",
    "topology_change_ack",
    "topology_change_detected",
    "topology_change_timer",
    "updated",
    "used",
    "valid_life_time",
];

/// Queues that the kernel gives a link by itself.
const OWN_QUEUES: [&str; 5] = ["fq", "fq_codel", "mq", "noqueue", "pfifo_fast"];

/// How a setting is called.
const SETTING: &str = "the setting";

/// Settings that the kernel reckons from the memory that is free.
const OF_MEMORY: [&str; 2] = ["tcp_rmem", "tcp_wmem"];

/// From here on the kernel chooses UDP ports by itself.
const FIRST_FREE_PORT: u16 = 0x8000;

/// Reads what was printed; `source` is in small letters.
pub(super) fn read(text: &str, source: &str) -> Facts {
    let mut facts = Facts::new();
    for (part, text) in parts(text) {
        match part {
            "ruleset" | "tunnels" | "policies" => lines(&mut facts, part, text),
            "settings" => settings(&mut facts, text, source),
            "ports" => ports(&mut facts, text),
            "programs" => {
                for line in text.lines() {
                    is_there(&mut facts, format!("the program `{}`", line.trim()));
                }
            }
            _ => {
                for entry in entries(text) {
                    one(&mut facts, part, &entry, source);
                }
            }
        }
    }
    facts
}

/// The parts of what was printed, each behind a line with its name.
fn parts(text: &str) -> Vec<(&str, &str)> {
    let parts = text.split("@@ ").skip(1);
    parts
        .map(|part| part.split_once('\n').unwrap_or((part, "")))
        .map(|(name, text)| (name.trim(), text))
        .collect()
}

/// The entries of several lists, one behind the other.
fn entries(text: &str) -> Vec<Value> {
    let lists = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let lists = lists.map_while(Result::ok);
    let entries = lists.flat_map(|list| match list {
        Value::Array(entries) => entries,
        other => vec![other],
    });
    entries
        .filter(|entry| entry.as_object().is_some_and(|keys| !keys.is_empty()))
        .collect()
}

fn is_there(facts: &mut Facts, what: String) {
    let thing = Thing {
        what,
        property: String::new(),
    };
    facts.entry(thing).or_default().push(String::new());
}

fn has(facts: &mut Facts, what: &str, property: &str, value: String) {
    let thing = Thing {
        what: what.to_owned(),
        property: property.to_owned(),
    };
    facts.insert(thing, vec![value]);
}

fn text_at<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Reads an entry of a list that a tool of iproute2 has printed.
fn one(facts: &mut Facts, part: &str, entry: &Value, source: &str) {
    match part {
        "links" => link(facts, entry, source),
        "addresses" => addresses(facts, entry, source),
        "queues" if OWN_QUEUES.contains(&text_at(entry, "kind")) => {}
        "entries" if !is_lasting(entry, source) => {}
        // Those that come with a link-local address, which the kernel has made of a hardware address by chance.
        _ if is_of_chance(text_at(entry, "dst"), source) => {}
        _ => {
            let words = in_words(&leaves(entry, source), &[]);
            is_there(facts, format!("{} {words}", one_of(part)));
        }
    }
}

fn link(facts: &mut Facts, entry: &Value, source: &str) {
    let what = format!("link `{}`", text_at(entry, "ifname"));
    for (property, mut value) in leaves(entry, source) {
        // Without a carrier the kernel says the one or the other by whether a link of its own namespace happens to have the number
        // of the far end (`default_operstate` of net/core/link_watch.c).
        if property == "operstate" && value == "LOWERLAYERDOWN" {
            "DOWN".clone_into(&mut value);
        }
        // What its queue is the queues tell.
        if !["ifname", "qdisc"].contains(&property.as_str()) {
            has(facts, &what, &property, value);
        }
    }
    let is_elsewhere = entry.get("link_netnsid").is_some();
    let end = if is_elsewhere { "elsewhere" } else { "here" };
    has(facts, &what, "other end", end.to_owned());
}

fn addresses(facts: &mut Facts, entry: &Value, source: &str) {
    let name = text_at(entry, "ifname");
    let all = entry.get("addr_info").and_then(Value::as_array);
    for address in all.into_iter().flatten() {
        let local = text_at(address, "local");
        if local.starts_with("fe80") && !source.contains(local) {
            is_there(facts, format!("a link-local address of link `{name}`"));
            continue;
        }
        let number = |key: &str| address.get(key).and_then(Value::as_u64).unwrap_or_default();
        let limited = number("valid_life_time") != u64::from(u32::MAX);
        let limited = if limited { " for a time" } else { "" };
        let length = number("prefixlen");
        let rest = in_words(&leaves(address, source), &["local", "prefixlen", "family"]);
        let what = format!("address `{local}/{length}` of link `{name}`{limited}");
        is_there(facts, format!("{what} {rest}").trim_end().to_owned());
    }
}

fn is_of_chance(destination: &str, source: &str) -> bool {
    destination.starts_with("fe80::")
        && !["fe80::/64", "fe80::/10"].contains(&destination)
        && !source.contains(destination.split('/').next().unwrap_or_default())
}

/// Whether an entry of a forwarding database was made by somebody.
fn is_lasting(entry: &Value, source: &str) -> bool {
    let mac = text_at(entry, "mac");
    ["permanent", "static"].contains(&text_at(entry, "state"))
        && (source.contains(mac) || mac == "00:00:00:00:00:00" || entry.get("dst").is_some())
}

/// How one of a part is called.
fn one_of(part: &str) -> &str {
    match part {
        "routes" => "route",
        "rules" => "rule",
        "neighbors" => "neighbor",
        "nexthops" => "nexthop",
        "queues" => "queue",
        "classes" => "class",
        "filters" => "filter",
        "vlans" => "VLAN",
        "entries" => "forwarding entry",
        other => other,
    }
}

/// The leaves of a value with the way to each.
fn leaves(value: &Value, source: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    flatten(value, "", source, &mut all);
    all
}

fn flatten(value: &Value, path: &str, source: &str, all: &mut Vec<(String, String)>) {
    match value {
        Value::Object(keys) => {
            for (key, value) in keys {
                if PASSING.contains(&key.as_str()) || key == "handle" && is_unasked(value, source) {
                    continue;
                }
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                flatten(value, &path, source, all);
            }
        }
        Value::Array(values) => {
            let texts = values.iter();
            let mut texts: Vec<String> = texts
                .map(|value| in_words(&leaves(value, source), &[]))
                .collect();
            texts.sort_unstable();
            all.push((path.to_owned(), texts.join(" ")));
        }
        Value::String(text) => all.push((path.to_owned(), without_chance(text, source))),
        other => all.push((path.to_owned(), other.to_string())),
    }
}

/// Whether nobody has asked for this handle of a queue: the kernel gives one, or the words that make queues in a tree.
fn is_unasked(handle: &Value, source: &str) -> bool {
    let number = handle.as_str().unwrap_or_default().trim_end_matches(':');
    !source.contains(&format!("handle {number}"))
}

/// A hardware address that nobody has asked for is one by chance.
fn without_chance(text: &str, source: &str) -> String {
    let is_mac = text.len() == 17 && text.split(':').all(|byte| byte.len() == 2);
    let is_plain = ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"].contains(&text);
    if is_mac && !is_plain && !source.contains(text) {
        "by chance".to_owned()
    } else {
        text.to_owned()
    }
}

/// Properties in a line, those first by which a thing goes.
fn in_words(all: &[(String, String)], without: &[&str]) -> String {
    const FIRST: [&str; 9] = [
        "type", "dst", "gateway", "dev", "src", "table", "kind", "priority", "ifname",
    ];
    let rank = |key: &str| {
        let at = FIRST.iter().position(|first| *first == key);
        at.unwrap_or(FIRST.len())
    };
    let mut all: Vec<&(String, String)> = all
        .iter()
        .filter(|(key, value)| !without.contains(&key.as_str()) && !value.is_empty())
        .collect();
    all.sort_by(|one, other| (rank(&one.0), &one.0).cmp(&(rank(&other.0), &other.0)));
    let said = all.iter().filter_map(|(key, value)| match key.as_str() {
        "" | "dst" => Some(value.clone()),
        "type" if value == "unicast" => None,
        key => Some(format!("{key} {value}")),
    });
    said.collect::<Vec<_>>().join(" ")
}

/// Text whose order counts.
fn lines(facts: &mut Facts, part: &str, text: &str) {
    let text = text.lines().filter(|line| !line.starts_with('#'));
    for (number, line) in text.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let what = format!("line {} of the {part}", number + 1);
        has(facts, &what, "text", format!("`{}`", line.trim()));
    }
}

/// Settings: each line a path and its value.
fn settings(facts: &mut Facts, text: &str, source: &str) {
    for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let name = key.rsplit('/').next().unwrap_or_default();
        if OF_MEMORY.contains(&name) && !source.contains(name) {
            continue;
        }
        let what = format!("{SETTING} `net.{}`", key.replace('/', "."));
        has(facts, &what, "value", value.trim().to_owned());
    }
}

/// Leaves out what only one of the places has and what comes and goes with something that is told itself: settings with links, the
/// properties of a kind or port with the kind and the master.
pub(super) fn keep_common(one: &mut Facts, other: &mut Facts) {
    let comes_along = |thing: &Thing| {
        let of_kind = ["linkinfo.info_data.", "linkinfo.info_slave_data."];
        thing.what.starts_with(SETTING) || of_kind.iter().any(|of| thing.property.starts_with(of))
    };
    one.retain(|thing, _| !comes_along(thing) || other.contains_key(thing));
    other.retain(|thing, _| !comes_along(thing) || one.contains_key(thing));
}

/// The UDP ports that are open, as `/proc/net/udp` has them.
fn ports(facts: &mut Facts, text: &str) {
    let local = text
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1));
    let numbers = local.filter_map(|local| u16::from_str_radix(local.split_once(':')?.1, 16).ok());
    for port in numbers {
        let what = if port >= FIRST_FREE_PORT {
            "a UDP port that the kernel chose".to_owned()
        } else {
            format!("UDP port {port}")
        };
        is_there(facts, what);
    }
}
