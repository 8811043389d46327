//! Each option of each word for what links have and namespaces do, there and back: routes, rules, nexthops, addresses,
//! neighbours, entries of forwarding databases, ports, queues. What the trace says is imported, what stands is exported, and the
//! shell that the run is written as is run: all three lead to the same state.

use std::fmt::Write;

use ipvsh::dsl::options;
use ipvsh::schema::{Form, Opt, Quantity};
use serde_json::{Value, json};

use crate::case::cases;
use crate::lab::Lab;
use crate::options::there_and_back;
use crate::state;

cases! {
    ["veth"] =>
        every_option_of_routes_rules_and_nexthops_comes_back;
    ["bridge", "veth", "vxlan", "vlan_filtering"] =>
        every_option_of_addresses_neighbours_and_entries_comes_back
        every_option_of_ports_comes_back;
    ["veth", "netem", "tbf"] =>
        every_option_of_queues_comes_back;
}

/// The links that the calls are about.
const LINKS: &str = "let a = netns(\"a\");\na.veth(\"p0\", \"p1\").up();\na.link(\"p1\").up();\n\
                     a.link(\"p0\").addr(\"10.0.0.1/24\").addr(\"fd00::1/64\", #{nodad: true});\n";

/// Values that are other than those of most options of that form, as a script writes them.
const VALUES: &[(&str, &str, &str)] = &[
    ("route", "congctl", "\"reno\""),
    ("route", "nexthop", "1"),
    (
        "route",
        "nexthops",
        "[#{via: \"10.0.0.2\"}, #{via: \"10.0.0.3\", weight: 2}]",
    ),
    ("route", "scope", "\"site\""),
    ("route", "src", "\"10.0.0.1\""),
    ("route", "source", "\"10.0.0.1\""),
    ("route", "tos", "16"),
    ("route", "via", "\"10.0.0.3\""),
    ("rule", "from", "\"10.7.0.0/16\""),
    ("rule", "to", "\"10.8.0.0/16\""),
    ("rule", "suppress_ifgroup", "7"),
    ("rule", "target", "32766"),
    ("rule", "action", "\"unreachable\""),
    ("nexthop", "group", "[1, #{id: 2, weight: 3}]"),
    ("nexthop", "via", "\"10.0.0.3\""),
    ("addr", "broadcast", "\"10.255.255.255\""),
    ("addr", "peer", "\"10.3.0.2/24\""),
    ("addr", "scope", "\"link\""),
    ("addr", "valid_lft", "\"30000s\""),
    ("addr", "preferred_lft", "\"20000s\""),
    ("fdb", "dst", "\"10.0.0.7\""),
    ("port", "tagged", "[7, \"10-20\"]"),
    ("port", "untagged", "[8]"),
    (
        "netem",
        "loss_gemodel",
        "[\"1%\", \"30%\", \"90%\", \"2%\"]",
    ),
    (
        "netem",
        "loss_state",
        "[\"1%\", \"99%\", \"2%\", \"98%\", \"3%\"]",
    ),
    ("netem", "gap", "7"),
    ("tbf", "burst", "\"32KiB\""),
    ("tbf", "limit", "\"64KiB\""),
    ("tbf", "minburst", "\"2KiB\""),
    ("tbf", "peakrate", "\"20mbit\""),
];

/// What stands beside an option where it needs that, or in the place of what stands beside the others of its word.
const BESIDE: &[(&str, &[&str], &str)] = &[
    ("route", &["via", "nexthop", "nexthops", "type"], ""),
    ("route", &["dev", "scope"], "dev: \"p0\""),
    ("route", &["onlink"], "dev: \"p0\", via: \"10.9.9.9\""),
    ("route", &[], "via: \"10.0.0.2\""),
    ("rule", &["l3mdev", "action", "table", "proto"], ""),
    ("rule", &["target"], "action: \"goto\""),
    ("rule", &["sport", "dport"], "ipproto: \"tcp\", table: 7"),
    ("rule", &[], "table: 7"),
    ("nexthop", &["group", "blackhole", "dev"], ""),
    ("nexthop", &["family"], "dev: \"p0\""),
    ("nexthop", &["onlink"], "via: \"10.9.9.9\", dev: \"p0\""),
    ("nexthop", &["via"], "dev: \"p0\""),
    ("nexthop", &[], "via: \"10.0.0.2\", dev: \"p0\""),
    ("addr", &["preferred_lft"], "valid_lft: \"30000s\""),
    ("fdb", &["vni"], "dst: \"10.0.0.8\""),
    ("netem", &["jitter", "reorder"], "delay: \"10ms\""),
    (
        "netem",
        &["delay_correlation", "distribution"],
        "delay: \"10ms\", jitter: \"2ms\"",
    ),
    (
        "netem",
        &["reorder_correlation", "gap"],
        "delay: \"10ms\", reorder: \"25%\"",
    ),
    ("netem", &["loss_correlation"], "loss: \"2%\""),
    ("netem", &["duplicate_correlation"], "duplicate: \"2%\""),
    ("netem", &["corrupt_correlation"], "corrupt: \"2%\""),
    ("netem", &["limit"], "loss: \"3%\""),
    ("tbf", &["rate"], ""),
    (
        "tbf",
        &["minburst"],
        "rate: \"1mbit\", peakrate: \"20mbit\"",
    ),
    ("tbf", &[], "rate: \"1mbit\""),
];

/// What is no part of the state: it says how the call is meant.
const ABOUT_THE_CALL: [&str; 1] = ["replace"];

fn beside(word: &str, key: &str) -> &'static str {
    let rows = BESIDE.iter().filter(|(known, ..)| *known == word);
    let fits = |keys: &&[&str]| keys.contains(&key) || keys.is_empty();
    let mut found = rows.filter(|(_, keys, _)| fits(keys));
    found.next().map_or("", |(.., beside)| beside)
}

fn value(word: &str, row: &Opt) -> String {
    let known = VALUES
        .iter()
        .find(|(of, key, _)| (*of, *key) == (word, row.key));
    if let Some((.., value)) = known {
        return (*value).to_owned();
    }
    match row.form {
        Form::Number { least, most, .. } => {
            let mut numbers = [7, 100, least, most].into_iter();
            numbers
                .find(|number| (least..=most).contains(number))
                .unwrap()
                .to_string()
        }
        Form::TableName | Form::Mark => "7".to_owned(),
        Form::Switch => {
            let usual = row.usual();
            (usual != Some(ipvsh::steps::Value::Flag(true))).to_string()
        }
        Form::Choice(names) => format!("{:?}", names.last().unwrap().0),
        Form::Named { names, .. } => format!("{:?}", names.last().unwrap().0),
        Form::Range { like, .. } => format!("{like:?}"),
        Form::Time { .. } => "\"300ms\"".to_owned(),
        Form::Quantity(Quantity::Duration) => "\"7ms\"".to_owned(),
        Form::Quantity(Quantity::Rate) => "\"7mbit\"".to_owned(),
        Form::Quantity(Quantity::Percent) => "\"7%\"".to_owned(),
        Form::Device => "\"p0\"".to_owned(),
        other => panic!("a value of `{}` of {word} is missing: {other:?}", row.key),
    }
}

/// The options of the word with one of them: `#{…}`.
fn map(word: &str, row: &Opt) -> String {
    let beside = beside(word, row.key);
    let own = format!("{}: ", row.key);
    let own = match beside.starts_with(&own) || beside.contains(&format!(", {own}")) {
        true => String::new(),
        false => format!("{own}{}", value(word, row)),
    };
    let parts = [beside.to_owned(), own];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("#{{{}}}", parts.join(", "))
}

/// The rows of the word, each with a number of its own.
fn rows(word: &str) -> impl Iterator<Item = (usize, &'static Opt)> {
    let rows = options::own(word).into_iter().filter(|row| row.is_option());
    let rows = rows.filter(|row| !ABOUT_THE_CALL.contains(&row.key));
    (11..).zip(rows)
}

/// Leads the script there and back; each option has to be in what is imported and in what is exported.
fn come_back(lab: &Lab, script: &str, words: &[&str], silent: &[&str]) {
    let texts = there_and_back(lab, script, whole);
    for (text, whence) in texts.iter().zip(["import of the trace", "export"]) {
        for word in words {
            for (_, row) in rows(word) {
                let key = format!("{}: ", row.key);
                let is_there = text.contains(&key) || silent.contains(&row.key);
                assert!(
                    is_there,
                    "{whence} says nothing of `{}` of {word}:\n{text}",
                    row.key
                );
            }
        }
    }
}

/// All that the words can change, but for what runs or is drawn.
fn whole(lab: &Lab) -> Value {
    let mut state = json!({
        "links": lab.json("a", "-d link show"),
        "addresses": lab.json("a", "address show"),
        "routes": lab.json("a", "-d route show table all"),
        "routes6": lab.json("a", "-d -6 route show table all"),
        "rules": lab.json("a", "rule show"),
        "rules6": lab.json("a", "-6 rule show"),
        "nexthops": lab.json("a", "nexthop show"),
        "neighbours": lab.json("a", "neigh show nud permanent"),
        "noarp": lab.json("a", "neigh show nud noarp"),
        "proxies": lab.json("a", "neigh show proxy"),
        "entries": lab.bridge("a", "fdb show"),
        "vlans": lab.bridge("a", "vlan show"),
        "queues": lab.tc("a", "qdisc show"),
    });
    let unsteady = [
        "address",
        "broadcast_mac",
        "ifindex",
        "link_index",
        "operstate",
        "state",
        "permaddr",
        "bridge_id",
        "root_id",
        "designated_bridge",
        "designated_root",
        "gc_timer",
        "hello_timer",
        "tcn_timer",
        "topology_change_timer",
        "forward_delay_timer",
        "hold_timer",
        "message_age_timer",
        "valid_life_time",
        "preferred_life_time",
        "handle",
        "mac",
        "refcnt",
    ];
    let macs = chosen(&state["entries"]);
    state::forget(&mut state, &unsteady);
    state::forget_carrier(&mut state);
    state["entries"] = macs;
    for part in ["addresses", "routes", "routes6", "links", "queues", "vlans"] {
        let list = state[part].as_array_mut().unwrap();
        for one in list.iter_mut() {
            sort(one);
        }
        list.sort_by_key(ToString::to_string);
    }
    state
}

/// The entries that the calls have made.
fn chosen(entries: &Value) -> Value {
    let entries = entries.as_array().unwrap().iter();
    let is_own = |entry: &&Value| entry["mac"].as_str().unwrap().starts_with("02:00:00:");
    let mut entries: Vec<Value> = entries.filter(is_own).cloned().collect();
    entries.sort_by_key(ToString::to_string);
    Value::Array(entries)
}

fn sort(value: &mut Value) {
    match value {
        Value::Array(values) => {
            values.iter_mut().for_each(sort);
            values.sort_by_key(ToString::to_string);
        }
        Value::Object(map) => map.values_mut().for_each(sort),
        _ => {}
    }
}

fn every_option_of_routes_rules_and_nexthops_comes_back(lab: &Lab) {
    let mut script = LINKS.to_owned();
    script += "a.nexthop(1, #{via: \"10.0.0.5\", dev: \"p0\"});\na.nexthop(2, #{via: \"10.0.0.6\", dev: \"p0\"});\n";
    for (number, row) in rows("nexthop") {
        writeln!(script, "a.nexthop({number}, {});", map("nexthop", row)).unwrap();
    }
    for (number, row) in rows("route") {
        writeln!(
            script,
            "a.route(\"10.100.{number}.0/24\", {});",
            map("route", row)
        )
        .unwrap();
    }
    for (number, row) in rows("rule") {
        let map = map("rule", row);
        let map = match row.key {
            "priority" => "#{priority: 7, table: 7}".to_owned(),
            "family" => "#{priority: 9, table: 7, family: \"inet6\"}".to_owned(),
            "proto" => "#{priority: 8, table: 7, proto: \"static\"}".to_owned(),
            _ => map.replacen("#{", &format!("#{{priority: {number}, "), 1),
        };
        writeln!(script, "a.rule({map});").unwrap();
    }
    // It is told as `src`.
    come_back(lab, &script, &["nexthop", "route", "rule"], &["source"]);
}

fn every_option_of_addresses_neighbours_and_entries_comes_back(lab: &Lab) {
    let mut script = LINKS.to_owned();
    script += "a.vxlan(\"x0\", 7, #{dstport: 4789}).up();\n\
               a.bridge(\"br0\", #{vlan_filtering: true}).up();\n\
               a.link(\"p1\").master(\"br0\").port(#{pvid: 1, tagged: [7]});\n";
    for (number, row) in rows("addr") {
        let map = map("addr", row);
        let address = match row.key {
            "autojoin" => format!("239.1.1.{number}/32"),
            "home" | "mngtmpaddr" | "nodad" => format!("fd00:{number}::1/64"),
            "peer" => "10.3.0.1".to_owned(),
            _ => format!("10.{number}.0.1/8"),
        };
        let map = match row.key {
            "label" => "#{label: \"p0:7\"}".to_owned(),
            _ => map,
        };
        writeln!(script, "a.link(\"p0\").addr(\"{address}\", {map});").unwrap();
    }
    for (number, row) in rows("neighbor") {
        let call = match row.key {
            "proxy" => format!("\"10.0.0.{number}\", #{{proxy: true}}"),
            "router" => {
                format!("\"fd00::{number}\", \"02:00:00:00:00:{number}\", #{{router: true}}")
            }
            "state" => {
                format!("\"10.0.0.{number}\", \"02:00:00:00:00:{number}\", #{{state: \"noarp\"}}")
            }
            other => panic!("a call with `{other}` is missing"),
        };
        writeln!(script, "a.link(\"p0\").neighbor({call});").unwrap();
    }
    for (number, row) in rows("fdb") {
        let link = if ["dst", "vni"].contains(&row.key) {
            "x0"
        } else {
            "p1"
        };
        let map = map("fdb", row);
        writeln!(
            script,
            "a.link(\"{link}\").fdb(\"02:00:00:00:00:{number}\", {map});"
        )
        .unwrap();
    }
    come_back(lab, &script, &["addr", "neighbor", "fdb"], &[]);
}

fn every_option_of_ports_comes_back(lab: &Lab) {
    let mut script =
        "let a = netns(\"a\");\na.bridge(\"br0\", #{vlan_filtering: true}).up();\n".to_owned();
    for (number, row) in rows("port") {
        let map = map("port", row);
        writeln!(
            script,
            "a.veth(\"v{number}\", \"w{number}\").master(\"br0\").port({map});"
        )
        .unwrap();
    }
    come_back(lab, &script, &["port"], &[]);
}

fn every_option_of_queues_comes_back(lab: &Lab) {
    let mut script = "let a = netns(\"a\");\n".to_owned();
    let mut links = 11..;
    for word in ["netem", "tbf"] {
        for (_, row) in rows(word).filter(|(_, row)| row.key != "netem") {
            let number = links.next().unwrap();
            let map = map(word, row);
            writeln!(
                script,
                "a.veth(\"v{number}\", \"w{number}\").{word}({map});"
            )
            .unwrap();
        }
    }
    // tbf tells how long it holds a packet as how much that is; the kernel does not tell the table of a distribution, nor does `tc` a netem inside.
    come_back(lab, &script, &["netem"], &["distribution"]);
}
