//! The whole state of a lab as iproute2 sees it: to be the same before and after, or the same as another way leads to.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::lab::{HOST, Lab};

/// What changes by itself, or late, and what stays different once a link was up or under a bridge, but means nothing.
const UNSTEADY: &[&str] = &[
    // A bond looks at its ports now and then, and takes one when it finds it up.
    "active_slave",
    "forward_delay_timer",
    "gc_timer",
    "hello_timer",
    "link_failure_count",
    "mii_status",
    // The kernel sets it a moment after the link has come up, at most once a second (net/core/link_watch.c).
    "operstate",
    "preferred_life_time",
    "qdisc",
    "root_path_cost",
    "root_port",
    // Of a port of a bridge or bond: it follows the operational state.
    "state",
    "tcn_timer",
    // Until nobody has objected to the address.
    "tentative",
    "topology_change",
    "topology_change_detected",
    "topology_change_timer",
    "tso_max_size",
    "valid_life_time",
];

/// Everything: links with all their properties and addresses, routes of all tables and both families, rules, permanent
/// neighbours, the namespaces and their inodes.
pub(crate) fn whole(lab: &Lab) -> Value {
    let mut state = Map::new();
    for name in std::iter::once(HOST.to_owned()).chain(lab.namespaces()) {
        let inode = std::fs::metadata(Path::new("/run/netns").join(&name)).map(|meta| meta.ino());
        // In one go: this is looked at many times.
        let [links, routes, rules, neighbors] = lab.batch(
            &name,
            "addr show\nroute show table all\nrule show\nneigh show nud permanent",
        );
        let place = json!({
            "inode": inode.ok(),
            "links": links,
            "routes": routes,
            "rules": rules,
            "neighbors": sorted(neighbors),
        });
        state.insert(name, place);
    }
    let mut state = Value::Object(state);
    settle(&mut state);
    state
}

/// A list whose order says nothing: the kernel tells neighbours by their hashes.
pub(crate) fn sorted(mut list: Value) -> Value {
    if let Some(list) = list.as_array_mut() {
        list.sort_by_key(Value::to_string);
    }
    list
}

/// Takes out all that the kernel changes at a time of its own.
pub(crate) fn settle(state: &mut Value) {
    forget(state, UNSTEADY);
    forget_carrier(state);
    forget_what_comes_late(state);
    forget_what_the_kernel_leaves(state);
}

/// Takes out what the kernel leaves where a link was: the rule of VRFs, which it makes with the first one of a namespace and never
/// again, so that nobody may take it away; and how often a link that is down is promiscuous, which it counts anew when that comes up.
fn forget_what_the_kernel_leaves(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let is_down = |flags: &Value| {
                flags
                    .as_array()
                    .is_some_and(|all| all.iter().all(|one| one != "UP"))
            };
            if map.get("flags").is_some_and(is_down) {
                map.remove("promiscuity");
            }
            map.values_mut().for_each(forget_what_the_kernel_leaves);
        }
        Value::Array(values) => {
            values.retain(|value| value["priority"] != 1000 || value.get("l3mdev").is_none());
            values.iter_mut().for_each(forget_what_the_kernel_leaves);
        }
        _ => {}
    }
}

/// What it means: without what the kernel numbers or makes up by itself, and whatever the order of the links.
pub(crate) fn meaning(lab: &Lab) -> Value {
    meaning_of(whole(lab))
}

/// What a [`whole`] state means.
pub(crate) fn meaning_of(mut state: Value) -> Value {
    forget(
        &mut state,
        &[
            "address",
            "broadcast",
            "ifindex",
            "inode",
            "link_index",
            "link_netnsid",
            "perm_hwaddr",
            "permaddr",
            "stable-privacy",
            "root_id",
            "bridge_id",
        ],
    );
    sort_links(&mut state);
    state
}

/// Takes out the flags of links and routes that follow the operational state, and are as late.
pub(crate) fn forget_carrier(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(forget_carrier),
        Value::Array(values) => {
            let follows = ["NO-CARRIER", "LOWER_UP", "linkdown"];
            values.retain(|value| !follows.iter().any(|flag| value == flag));
            values.iter_mut().for_each(forget_carrier);
        }
        _ => {}
    }
}

/// Takes out what stands under the keys.
pub(crate) fn forget(value: &mut Value, keys: &[&str]) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !keys.contains(&key.as_str()));
            map.values_mut().for_each(|value| forget(value, keys));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| forget(value, keys)),
        _ => {}
    }
}

/// By name: the order by ifindex says who came first.
fn sort_links(state: &mut Value) {
    let places = state.as_object_mut().into_iter().flatten();
    for links in places.filter_map(|(_, place)| place["links"].as_array_mut()) {
        links.sort_by_key(|link| link["ifname"].as_str().map(str::to_owned));
    }
}

/// Takes out IPv6 addresses and routes that links get some time later: link-local ones when they come up, and those to their own
/// addresses when nobody has objected to them.
fn forget_what_comes_late(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(forget_what_comes_late),
        Value::Array(values) => {
            values.retain(|value| {
                let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
                let by_itself = |text: &str| text.starts_with("fe80:") || text.starts_with("ff00:");
                let follows = ["local", "anycast"].contains(&text("type"))
                    && text("protocol") == "kernel"
                    && text("dst").contains(':');
                !by_itself(text("local")) && !by_itself(text("dst")) && !follows
            });
            values.iter_mut().for_each(forget_what_comes_late);
        }
        _ => {}
    }
}

/// Fails with the lines in which two states differ.
#[track_caller]
pub(crate) fn assert_same(now: &Value, before: &Value) {
    if let Some(differences) = differences(now, before) {
        panic!("{differences}");
    }
}

/// The lines in which two states differ, if there are any.
pub(crate) fn differences(now: &Value, before: &Value) -> Option<String> {
    if now == before {
        return None;
    }
    let (now, before) = (lines(now), lines(before));
    let gone: Vec<&String> = before.iter().filter(|line| !now.contains(line)).collect();
    let new: Vec<&String> = now.iter().filter(|line| !before.contains(line)).collect();
    let is_same = gone.is_empty() && new.is_empty();
    (!is_same).then(|| format!("not the same state\n  gone: {gone:#?}\n  new: {new:#?}"))
}

/// A state as lines: `/host/links/0/mtu = 1500`.
fn lines(state: &Value) -> Vec<String> {
    fn add(lines: &mut Vec<String>, path: &str, value: &Value) {
        match value {
            Value::Object(map) if !map.is_empty() => map
                .iter()
                .for_each(|(key, value)| add(lines, &format!("{path}/{key}"), value)),
            Value::Array(values) if !values.is_empty() => values
                .iter()
                .enumerate()
                .for_each(|(key, value)| add(lines, &format!("{path}/{key}"), value)),
            value => lines.push(format!("{path} = {value}")),
        }
    }
    let mut all = Vec::new();
    add(&mut all, "", state);
    all
}
