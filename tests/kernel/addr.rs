//! Addresses: added, found again, taken away, listed.

use std::fs;

use serde_json::{Value, json};

use crate::case::cases;
use crate::lab::{HOST, Lab};
use crate::state;

cases! {
    ["veth"] =>
        an_ipv4_address_is_added
        an_ipv6_address_is_added
        without_duplicate_address_detection_an_address_is_not_tentative
        a_second_address_of_a_subnet_is_secondary
        an_address_that_is_there_is_left_as_it_is
        an_address_is_taken_away
        an_address_is_taken_away_without_its_prefix_length
        an_address_that_is_not_there_can_be_taken_away
        the_addresses_of_a_link_are_listed
        the_addresses_of_a_namespace_are_listed
        an_ipv4_address_has_all_that_is_asked
        an_ipv6_address_has_all_that_is_asked
        an_address_of_a_link_to_one_peer
        the_broadcast_address_is_that_of_the_subnet
        an_address_joins_its_group
        an_address_is_good_for_as_long_as_is_asked
        what_an_address_was_given_is_told
        a_second_run_leaves_each_address_as_it_is
        an_address_that_is_otherwise_is_a_conflict_with_both_sides
        an_address_is_changed_in_place_where_the_kernel_can
        what_cannot_be_changed_in_place_makes_room
        an_address_of_a_foreign_link_is_put_back_as_it_was
        the_first_address_of_a_subnet_takes_the_others_along
        the_others_of_a_subnet_are_put_back_in_their_order
        a_promoted_address_gives_its_place_back
        a_change_of_an_address_is_undone
        a_moved_link_gets_its_addresses_back_as_they_were
        each_option_is_traced_as_a_word_of_ip
        a_plan_knows_each_address_that_it_has_planned
        duplicate_address_detection_is_waited_for
        an_address_that_somebody_else_has_ends_the_wait
        a_link_that_is_down_ends_the_wait_late
        an_address_stands_beside_one_with_another_prefix_length
        the_address_of_a_loopback_is_in_nobodys_way
        what_an_address_cannot_have_is_refused;
}

fn pair(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1");
}

fn an_address_stands_beside_one_with_another_prefix_length(lab: &Lab) {
    lab.ip("netns add a");
    let text = r#"
        let v = netns("a").veth("v0", "v1").addr("10.0.0.1/24").up();
        v.addr("10.0.0.1/16", #{beside: true}).addr("10.0.0.1/32", #{peer: "10.9.0.1", beside: true});
        v.addr("10.0.0.1/16", #{beside: true, metric: 5, replace: true});"#;
    let plan = lab.script_with(&["--summary"], text);
    assert_eq!(plan.code, 0, "{}", plan.stderr);
    let addresses = ["10.0.0.1/24", "10.0.0.1/16", "10.0.0.1/32"];
    let mut present = lab.addresses("a", "v0");
    present.retain(|address| address.contains('.'));
    assert_eq!(present, addresses);
    lab.twice(text);
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert!(
        plan.stdout
            .ends_with("\na run would change nothing; 7 as asked already\n"),
        "{}",
        plan.stdout
    );
    lab.ipvsh(&["down", "lab.rhai"]);
    assert!(lab.links("a").iter().all(|link| link != "v0"));
}

fn the_address_of_a_loopback_is_in_nobodys_way(lab: &Lab) {
    let text = r#"netns("a").link("lo").up().addr("127.0.0.1/32");"#;
    lab.twice(text);
    assert_eq!(
        lab.addresses("a", "lo"),
        ["127.0.0.1/8", "127.0.0.1/32", "::1/128"]
    );
}

fn an_ipv4_address_is_added(lab: &Lab) {
    pair(lab);
    lab.run(r#"link("v0").addr("10.0.0.1/24");"#);
    assert_eq!(lab.addresses(HOST, "v0"), ["10.0.0.1/24"]);
}

fn an_ipv6_address_is_added(lab: &Lab) {
    pair(lab);
    lab.run(r#"addr("v0", "fd00::1/64");"#);
    assert_eq!(lab.addresses(HOST, "v0"), ["fd00::1/64"]);
}

fn without_duplicate_address_detection_an_address_is_not_tentative(lab: &Lab) {
    pair(lab);
    lab.ip("link set v0 up\nlink set v1 up");
    lab.run(r#"link("v0").addr("fd00::1/64", #{nodad: true}).addr("fd00::2/64");"#);
    let links = lab.json(HOST, "-6 addr show dev v0 scope global");
    let mut found: Vec<_> = links[0]["addr_info"]
        .as_array()
        .unwrap()
        .iter()
        // iproute2 leaves an empty object for what it filters out.
        .filter(|address| address["local"].is_string())
        .map(|address| (&address["local"], &address["nodad"]))
        .collect();
    found.sort_by_key(|(local, _)| local.to_string());
    assert_eq!(
        found,
        [
            (&json!("fd00::1"), &json!(true)),
            (&json!("fd00::2"), &json!(null))
        ]
    );
}

fn a_second_address_of_a_subnet_is_secondary(lab: &Lab) {
    pair(lab);
    let found = lab.value(
        r#"let v = link("v0").addr("10.0.0.1/24").addr("10.0.0.2/24"); v.addrs.map(|a| a.secondary)"#,
    );
    assert_eq!(found, json!([false, true]));
    let shown = lab.json(HOST, "addr show dev v0")[0]["addr_info"][1].clone();
    assert_eq!(
        (&shown["local"], &shown["secondary"]),
        (&json!("10.0.0.2"), &json!(true))
    );
}

fn an_address_that_is_there_is_left_as_it_is(lab: &Lab) {
    pair(lab);
    lab.ip("addr add 10.0.0.1/24 dev v0");
    let output = lab.script_with(&["--summary"], r#"link("v0").addr("10.0.0.1/24");"#);
    assert_eq!(
        output.stderr,
        "= address 10.0.0.1/24 on v0 in host\ncreated 0, changed 0, unchanged 1, deleted 0\n"
    );
    assert_eq!(lab.addresses(HOST, "v0"), ["10.0.0.1/24"]);
}

fn an_address_is_taken_away(lab: &Lab) {
    pair(lab);
    lab.ip("addr add 10.0.0.1/24 dev v0\naddr add 10.0.1.1/24 dev v0");
    lab.run(r#"link("v0").del_addr("10.0.0.1/24");"#);
    assert_eq!(lab.addresses(HOST, "v0"), ["10.0.1.1/24"]);
}

fn an_address_is_taken_away_without_its_prefix_length(lab: &Lab) {
    pair(lab);
    lab.ip("addr add fd00::1/64 dev v0");
    lab.run(r#"del_addr("v0", "fd00::1");"#);
    assert!(lab.addresses(HOST, "v0").is_empty());
}

fn an_address_that_is_not_there_can_be_taken_away(lab: &Lab) {
    pair(lab);
    let output = lab.script_with(&["--summary"], r#"link("v0").del_addr("10.0.0.1/24");"#);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (
            0,
            "= address 10.0.0.1/24 on v0 in host\ncreated 0, changed 0, unchanged 1, deleted 0\n"
        )
    );
}

fn the_addresses_of_a_link_are_listed(lab: &Lab) {
    pair(lab);
    lab.ip("addr add 10.0.0.1/24 dev v0\naddr add 10.9.0.1/24 dev v1");
    assert_eq!(
        lab.value(r#"link("v0").addrs"#),
        json!([{
            "address": "10.0.0.1/24", "ip": "10.0.0.1", "link": "v0", "prefix_length": 24, "peer": null,
            "scope": "global", "broadcast": null, "label": "v0", "metric": null, "valid_lft_s": null,
            "preferred_lft_s": null, "secondary": false, "tentative": false, "dad_failed": false, "flags": [],
        }])
    );
}

fn the_addresses_of_a_namespace_are_listed(lab: &Lab) {
    lab.ip("netns add a");
    lab.ip_in(
        "a",
        "link add v0 type veth peer name v1\naddr add 10.0.0.1/24 dev v0\naddr add 10.9.0.1/24 dev v1",
    );
    assert_eq!(
        lab.value(r#"netns("a").addrs.map(|a| `${a.link} ${a.address}`)"#),
        json!(["v1 10.9.0.1/24", "v0 10.0.0.1/24"])
    );
}

/// What `ip -j address` tells of the address of the link, without what only a clock knows.
fn told(lab: &Lab, netns: &str, link: &str, ip: &str) -> Value {
    let links = lab.json(netns, &format!("addr show dev {link}"));
    let mut addresses = links[0]["addr_info"].as_array().unwrap().iter();
    let found = addresses.find(|address| address["local"] == ip);
    let mut found = found.cloned().unwrap_or_default();
    for key in ["valid_life_time", "preferred_life_time"] {
        if found[key] == json!(u32::MAX) {
            found.as_object_mut().unwrap().remove(key);
        }
    }
    found
}

fn an_ipv4_address_has_all_that_is_asked(lab: &Lab) {
    pair(lab);
    lab.run(
        r#"link("v0").addr("10.0.0.1/24", #{
            scope: "link", label: "v0:web", broadcast: "10.0.0.255", metric: 7, noprefixroute: true,
        });"#,
    );
    assert_eq!(
        told(lab, HOST, "v0", "10.0.0.1"),
        json!({
            "family": "inet", "local": "10.0.0.1", "prefixlen": 24, "scope": "link", "label": "v0:web",
            "broadcast": "10.0.0.255", "metric": 7, "noprefixroute": true,
        })
    );
}

fn an_ipv6_address_has_all_that_is_asked(lab: &Lab) {
    pair(lab);
    lab.run(
        r#"netns("a");
        addr("v0", "fd00::1/64", #{scope: "global", nodad: true, noprefixroute: true, home: true, mngtmpaddr: true, metric: 9});"#,
    );
    assert_eq!(
        told(lab, HOST, "v0", "fd00::1"),
        json!({
            "family": "inet6", "local": "fd00::1", "prefixlen": 64, "scope": "global", "metric": 9,
            "nodad": true, "noprefixroute": true, "home": true, "mngtmpaddr": true,
        })
    );
}

fn an_address_of_a_link_to_one_peer(lab: &Lab) {
    pair(lab);
    let text = r#"
        let v = link("v0");
        v.addr("10.0.0.1", #{peer: "10.0.0.2"});
        v.addr("10.1.0.1", #{peer: "10.1.0.2/30"});
        v.addr("fd00::1/64", #{peer: "fd00::2", nodad: true});
    "#;
    lab.twice(text);
    let ends = |ip| {
        let found = told(lab, HOST, "v0", ip);
        (found["address"].clone(), found["prefixlen"].clone())
    };
    assert_eq!(ends("10.0.0.1"), (json!("10.0.0.2"), json!(32)));
    assert_eq!(ends("10.1.0.1"), (json!("10.1.0.2"), json!(30)));
    assert_eq!(ends("fd00::1"), (json!("fd00::2"), json!(64)));
    let taken = r#"link("v0").del_addr("10.0.0.1").del_addr("fd00::1/64").addrs.map(|a| a.peer)"#;
    assert_eq!(lab.value(taken), json!(["10.1.0.2"]));
    assert_eq!(lab.addresses(HOST, "v0"), ["10.1.0.1/30"]);
}

fn the_broadcast_address_is_that_of_the_subnet(lab: &Lab) {
    pair(lab);
    lab.run(
        r#"let v = link("v0");
        v.addr("10.0.0.1/23", #{broadcast: "+"}).addr("10.2.0.9/24", #{broadcast: "-"}).addr("10.3.0.0/31", #{broadcast: "+"});"#,
    );
    for (ip, broadcast) in [
        ("10.0.0.1", json!("10.0.1.255")),
        ("10.2.0.9", json!("10.2.0.0")),
        ("10.3.0.0", json!(null)),
    ] {
        assert_eq!(told(lab, HOST, "v0", ip)["broadcast"], broadcast);
    }
}

fn an_address_joins_its_group(lab: &Lab) {
    pair(lab);
    lab.ip("link set v0 up");
    lab.run(
        r#"link("v0").addr("239.1.2.3/32", #{autojoin: true}).addr("ff05::9/128", #{autojoin: true});"#,
    );
    let groups = lab.json(HOST, "maddr show dev v0")[0]["maddr"].clone();
    let has = |ip: &str| {
        groups
            .as_array()
            .unwrap()
            .iter()
            .any(|group| group["address"] == ip)
    };
    assert!(has("239.1.2.3") && has("ff05::9"), "{groups}");
}

fn an_address_is_good_for_as_long_as_is_asked(lab: &Lab) {
    pair(lab);
    let text = r#"
        let v = link("v0");
        v.addr("10.0.0.1/24", #{valid_lft: "1h", preferred_lft: 600});
        v.addr("10.1.0.1/24", #{valid_lft: "10m"});
        v.addr("10.2.0.1/24", #{valid_lft: "forever", preferred_lft: 0});
        v.addr("fd00::1/64", #{preferred_lft: "30m"});
        v.addr("fd00::2/64", #{valid_lft: "30m", preferred_lft: "0s"});
    "#;
    lab.twice(text);
    let times = |ip| {
        let found = told(lab, HOST, "v0", ip);
        // Rounded up to whole minutes: some of it has run.
        let minutes = |key: &str| found[key].as_u64().map(|seconds| seconds.div_ceil(60));
        (
            minutes("valid_life_time"),
            minutes("preferred_life_time"),
            found["deprecated"] == true,
        )
    };
    assert_eq!(times("10.0.0.1"), (Some(60), Some(10), false));
    assert_eq!(times("10.1.0.1"), (Some(10), Some(10), false));
    assert_eq!(times("10.2.0.1"), (None, None, true));
    assert_eq!(times("fd00::1"), (None, Some(30), false));
    assert_eq!(times("fd00::2"), (Some(30), Some(0), true));
}

fn what_an_address_was_given_is_told(lab: &Lab) {
    pair(lab);
    lab.ip(
        "addr add 10.0.0.1 peer 10.0.0.2/32 dev v0 label v0:x metric 3 noprefixroute\n\
         addr add 10.1.0.1/24 dev v0 valid_lft 1000 preferred_lft 0",
    );
    let found = lab.value(
        r#"link("v0").addrs.map(|a| [a.address, a.peer, a.label, a.metric, a.flags, a.valid_lft_s != () && a.valid_lft_s > 900, a.preferred_lft_s, a.dad_failed])"#,
    );
    assert_eq!(
        found,
        json!([
            [
                "10.0.0.1/32",
                "10.0.0.2",
                "v0:x",
                3,
                ["noprefixroute"],
                false,
                null,
                false
            ],
            [
                "10.1.0.1/24",
                null,
                "v0",
                null,
                ["deprecated"],
                true,
                0,
                false
            ],
        ])
    );
    let shown = lab.ipvsh(&["-e", r#"link("v0").addrs"#]).stdout;
    let lines: Vec<Vec<&str>> = shown
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines[0],
        ["LINK", "ADDRESS", "SCOPE", "FLAGS", "VALID", "PREFERRED"]
    );
    assert_eq!(
        lines[1],
        [
            "v0",
            "10.0.0.1",
            "peer",
            "10.0.0.2/32",
            "global",
            "noprefixroute"
        ]
    );
}

fn a_second_run_leaves_each_address_as_it_is(lab: &Lab) {
    pair(lab);
    lab.ip("link set v0 up\nlink set v1 up");
    lab.twice(
        r#"
        let v = link("v0");
        v.addr("10.0.0.1/24", #{scope: "link", label: "v0:1", broadcast: "+", metric: 5, noprefixroute: true, valid_lft: "2h"});
        v.addr("fd00::1/64", #{nodad: true, metric: 5, home: true, scope: "global"});
        v.addr("fe80::9/64", #{scope: "link"});
        v.addr("239.0.0.1/32", #{autojoin: true, scope: 7});
        let a = netns("a");
        a.veth("w0", "w1").addr("127.0.0.9/8", #{scope: "host"});
        "#,
    );
}

fn an_address_that_is_otherwise_is_a_conflict_with_both_sides(lab: &Lab) {
    pair(lab);
    lab.ip(
        "addr add 10.0.0.1/24 dev v0 scope link metric 5\naddr add 10.1.0.1 peer 10.1.0.2/32 dev v0\n\
         addr add 10.2.0.1/24 dev v0 valid_lft 1000 preferred_lft 500\naddr add fd00::1/64 dev v0 nodad",
    );
    let told = |text: &str, why: &str, there: &str, asked: &str| {
        let hint = if why.ends_with("peer") {
            "hint: ask for what is there, replace it with #{replace: true}, or have both with #{beside: true}"
        } else {
            "hint: ask for what is there, or replace it with #{replace: true}"
        };
        format!(
            "conflict: cannot add address `{text}` in namespace `host`: {why}\n\
             note: there: {there}\nnote: asked: {asked}\nnote: on link `v0`\n{hint}"
        )
    };
    let otherwise = "the link has it otherwise";
    lab.refuses(&[
        (
            r#"addr("v0", "10.0.0.1/24", #{scope: "global", metric: 6, broadcast: "+", noprefixroute: true})"#,
            &told(
                "10.0.0.1/24",
                otherwise,
                "10.0.0.1/24 scope link metric 5",
                "10.0.0.1/24 broadcast 10.0.0.255 metric 6 noprefixroute",
            ),
        ),
        (
            r#"addr("v0", "10.0.0.1/24", #{label: "v0:1"})"#,
            &told(
                "10.0.0.1/24",
                otherwise,
                "10.0.0.1/24 scope link label v0 metric 5",
                "10.0.0.1/24 label v0:1",
            ),
        ),
        (
            r#"addr("v0", "10.1.0.1/32", #{peer: "10.1.0.3"})"#,
            &told(
                "10.1.0.1/32",
                "the link has it with another peer",
                "10.1.0.1 peer 10.1.0.2/32",
                "10.1.0.1 peer 10.1.0.3/32",
            ),
        ),
        (
            r#"addr("v0", "fd00::1/64", #{nodad: false, home: true, noprefixroute: true})"#,
            &told("fd00::1/64", otherwise, "fd00::1/64 nodad", "fd00::1/64 home noprefixroute"),
        ),
    ]);
    // The lifetimes that it was given, to the second as the clock has it.
    let notes = lab.value(r#"let n = []; try { addr("v0", "10.2.0.1/24", #{valid_lft: "1h"}) } catch (e) { n = e.notes; } n"#);
    let there = notes[0].as_str().unwrap();
    assert!(
        there.starts_with("there: 10.2.0.1/24 valid_lft ") && there.contains(" preferred_lft "),
        "{there}"
    );
    assert_eq!(
        notes[1],
        "asked: 10.2.0.1/24 valid_lft 3600 preferred_lft 3600"
    );
}

fn an_address_is_changed_in_place_where_the_kernel_can(lab: &Lab) {
    pair(lab);
    lab.ip(
        "link set v0 up\nlink set v1 up\naddr add 10.0.0.1/24 dev v0 label v0:1\naddr add 10.0.0.2/24 dev v0\n\
         addr add fd00::1/64 dev v0 nodad home",
    );
    let text = r#"
        let v = link("v0");
        v.addr("10.0.0.1/24", #{valid_lft: "1h", metric: 5, replace: true});
        v.addr("fd00::1/64", #{noprefixroute: true, home: false, replace: true});
    "#;
    let output = lab.script_with(&["--trace", "--summary"], text);
    assert_eq!(
        output.stderr,
        "+ ip address change 10.0.0.1/24 dev v0 label v0:1 valid_lft 3600 preferred_lft 3600 metric 5\n\
         + ip address change fd00::1/64 dev v0 nodad noprefixroute\n\
         ~ address 10.0.0.1/24 on v0 in host\n~ address fd00::1/64 on v0 in host\n\
         created 0, changed 2, unchanged 0, deleted 0\n"
    );
    // The second of the subnet goes where the first is taken away.
    assert_eq!(
        lab.addresses(HOST, "v0"),
        ["10.0.0.1/24", "10.0.0.2/24", "fd00::1/64"]
    );
    let found = told(lab, HOST, "v0", "10.0.0.1");
    assert_eq!(
        (&found["metric"], &found["label"]),
        (&json!(5), &json!("v0:1"))
    );
    assert!(
        found["valid_life_time"]
            .as_u64()
            .is_some_and(|left| left > 3500 && left <= 3600),
        "{found}"
    );
    let found = told(lab, HOST, "v0", "fd00::1");
    assert_eq!(
        (&found["home"], &found["noprefixroute"], &found["nodad"]),
        (&json!(null), &json!(true), &json!(true))
    );
    lab.twice(text);
}

fn what_cannot_be_changed_in_place_makes_room(lab: &Lab) {
    pair(lab);
    lab.ip("addr add 10.0.0.1/24 dev v0 label v0:1\naddr add 10.1.0.1 peer 10.1.0.2/32 dev v0");
    let text = r#"
        let v = link("v0");
        v.addr("10.0.0.1/24", #{label: "v0:2", replace: true});
        v.addr("10.1.0.1/32", #{peer: "10.1.0.3", replace: true});
    "#;
    let output = lab.script_with(&["--trace"], text);
    assert_eq!(
        output.stderr,
        "+ ip address del 10.0.0.1/24 dev v0\n+ ip address add 10.0.0.1/24 dev v0 label v0:2\n\
         + ip address del 10.1.0.1 peer 10.1.0.2/32 dev v0\n+ ip address add 10.1.0.1 peer 10.1.0.3/32 dev v0\n"
    );
    assert_eq!(told(lab, HOST, "v0", "10.0.0.1")["label"], "v0:2");
    assert_eq!(told(lab, HOST, "v0", "10.1.0.1")["address"], "10.1.0.3");
}

/// All that `ip -j address` tells of the two links, the times but for what a test may take.
fn whole(lab: &Lab) -> Value {
    let mut links = lab.json(HOST, "addr show");
    state::forget(&mut links, &["operstate", "tentative"]);
    for link in links.as_array_mut().unwrap() {
        for address in link["addr_info"].as_array_mut().unwrap() {
            for key in ["valid_life_time", "preferred_life_time"] {
                if let Some(left) = address[key].as_u64() {
                    address[key] = json!(left.div_ceil(100));
                }
            }
        }
    }
    links
}

/// Addresses of every sort on `v0`, none of them tentative.
const OF_EVERY_SORT: &str = "link set v0 up\nlink set v1 up\n\
     addr add 10.0.0.1/24 broadcast + dev v0 label v0:1 metric 5 scope link noprefixroute valid_lft 4000 preferred_lft 3000\n\
     addr add 10.1.0.1 peer 10.1.0.2/32 dev v0\n\
     addr add fd00::1/64 dev v0 nodad home metric 7\n\
     addr add fd00::3 peer fd00::4/64 dev v0 nodad noprefixroute preferred_lft 4000";

fn an_address_of_a_foreign_link_is_put_back_as_it_was(lab: &Lab) {
    pair(lab);
    lab.ip("link set v0 addrgenmode none\nlink set v1 addrgenmode none");
    lab.ip(OF_EVERY_SORT);
    // An address without the flag that has passed the detection: it must not get the flag.
    lab.ip("addr add fd00::2/64 dev v0");
    lab.run(r#"link("v0").wait_dad();"#);
    let before = whole(lab);
    let error = lab.fails(
        r#"let v = link("v0");
        for a in v.addrs { v.del_addr(a.address); }
        assert(v.addrs.len() == 0, "all are gone");
        v.addr("10.0.0.1", #{peer: "10.7.0.7"});
        throw "enough";"#,
    );
    assert!(error.contains("enough"), "{error}");
    let mut after = whole(lab);
    // Their order among themselves is not kept.
    let mut before = before;
    for links in [&mut before, &mut after] {
        for link in links.as_array_mut().unwrap() {
            let addresses = link["addr_info"].as_array_mut().unwrap();
            addresses.sort_by_key(|address| address["local"].to_string());
        }
    }
    assert_eq!(after, before);
}

/// A pair whose end `v0` has a subnet with three addresses, and another one.
#[track_caller]
fn subnets(lab: &Lab, promote: &str) {
    pair(lab);
    lab.sh(&format!(
        "cd /proc/sys/net/ipv4/conf; echo 0 > all/promote_secondaries; echo {promote} > v0/promote_secondaries"
    ));
    lab.ip("link set v0 up\nlink set v1 up\n\
         addr add 10.0.0.1/24 dev v0 label v0:1\naddr add 10.0.0.2/24 broadcast + dev v0 scope global metric 5\n\
         addr add 10.1.0.1/24 dev v0\naddr add 10.0.0.3/24 dev v0\naddr add 10.0.0.4/16 dev v0");
    lab.wait_up("v0");
    lab.wait_up("v1");
    lab.ip("route add 10.5.0.0/16 via 10.1.0.9 src 10.1.0.1");
}

fn the_first_address_of_a_subnet_takes_the_others_along(lab: &Lab) {
    subnets(lab, "0");
    let text = r#"link("v0").del_addr("10.0.0.1");"#;
    let said = "- address 10.0.0.1/24 on v0 in host\n- address 10.0.0.2/24 on v0 in host\n\
        - address 10.0.0.3/24 on v0 in host\n";
    fs::write(lab.folder().join("lab.rhai"), text).unwrap();
    assert_eq!(
        lab.ipvsh(&["plan", "lab.rhai"]).stdout,
        format!("{said}a run would delete 3\n")
    );
    let output = lab.script_with(&["--summary"], text);
    assert_eq!(
        output.stderr,
        format!("{said}created 0, changed 0, unchanged 0, deleted 3\n")
    );
    assert_eq!(lab.addresses(HOST, "v0"), ["10.1.0.1/24", "10.0.0.4/16"]);
}

/// Takes away each address of `v0` by itself, by runs that fail and by labs that are taken down.
#[track_caller]
fn put_back(lab: &Lab) {
    let before = state::whole(lab);
    for ip in ["10.0.0.1", "10.0.0.2", "10.0.0.3"] {
        lab.fails(&format!(r#"link("v0").del_addr("{ip}"); throw "enough";"#));
        state::assert_same(&state::whole(lab), &before);
        lab.run(&format!(r#"link("v0").del_addr("{ip}");"#));
        let down = lab.ipvsh(&["down", "lab"]);
        assert_eq!(down.end(), "exit code 0\n");
        state::assert_same(&state::whole(lab), &before);
    }
    lab.fails(
        r#"let v = link("v0").del_addr("10.0.0.1").addr("10.0.0.3/24").addr("10.0.0.1/24");
        v.del_addr("10.0.0.3").addr("10.0.0.2/24", #{replace: true, label: "v0:2"});
        throw "enough";"#,
    );
    state::assert_same(&state::whole(lab), &before);
}

fn the_others_of_a_subnet_are_put_back_in_their_order(lab: &Lab) {
    subnets(lab, "0");
    put_back(lab);
}

fn a_promoted_address_gives_its_place_back(lab: &Lab) {
    subnets(lab, "1");
    put_back(lab);
}

fn a_change_of_an_address_is_undone(lab: &Lab) {
    pair(lab);
    lab.ip("link set v0 addrgenmode none\nlink set v1 addrgenmode none");
    lab.ip(OF_EVERY_SORT);
    // The kernel tells of the carrier when it comes to it.
    lab.run(r#"link("v0").wait_up(); link("v1").wait_up();"#);
    let before = whole(lab);
    lab.fails(
        r#"let v = link("v0");
        v.addr("10.0.0.1/24", #{valid_lft: "forever", metric: 99, replace: true});
        v.addr("fd00::1/64", #{valid_lft: "1h", home: false, noprefixroute: true, replace: true});
        throw "enough";"#,
    );
    assert_eq!(whole(lab), before);
}

fn a_moved_link_gets_its_addresses_back_as_they_were(lab: &Lab) {
    pair(lab);
    lab.ip("link set v0 addrgenmode none\nlink set v1 addrgenmode none");
    lab.ip(OF_EVERY_SORT);
    let before = told_all(lab);
    lab.fails(r#"link("v0").netns(netns("a")); throw "enough";"#);
    assert_eq!(told_all(lab), before);
}

fn told_all(lab: &Lab) -> Vec<Value> {
    let whole = whole(lab);
    let links = whole.as_array().unwrap();
    let link = links.iter().find(|link| link["ifname"] == "v0").unwrap();
    let mut addresses = link["addr_info"].as_array().unwrap().clone();
    // Its own one the kernel makes again, a new link's way.
    addresses.retain(|address| {
        address["local"]
            .as_str()
            .is_some_and(|ip| !ip.starts_with("fe80"))
    });
    addresses.sort_by_key(|address| address["local"].to_string());
    addresses
}

fn each_option_is_traced_as_a_word_of_ip(lab: &Lab) {
    pair(lab);
    let text = r#"
        let v = link("v0");
        v.addr("10.0.0.1/24", #{scope: "site", label: "v0:1", broadcast: "+", valid_lft: "1h", metric: 5, noprefixroute: true});
        v.addr("10.1.0.1", #{peer: "10.1.0.2", valid_lft: "forever", preferred_lft: "10m"});
        v.addr("239.0.0.1/32", #{autojoin: true});
        v.addr("fd00::1/64", #{peer: "fd00::2", nodad: true, home: true, mngtmpaddr: true});
    "#;
    let emitted = lab.folder().join("lab.sh");
    let output = lab.script_with(&["--trace", "--emit", emitted.to_str().unwrap()], text);
    assert_eq!(
        output.stderr,
        "+ ip address add 10.0.0.1/24 dev v0 broadcast 10.0.0.255 scope site label v0:1 valid_lft 3600 preferred_lft 3600 metric 5 noprefixroute\n\
         + ip address add 10.1.0.1 peer 10.1.0.2/32 dev v0 valid_lft forever preferred_lft 600\n\
         + ip address add 239.0.0.1/32 dev v0 autojoin\n\
         + ip address add fd00::1 peer fd00::2/64 dev v0 home mngtmpaddr nodad\n"
    );
    let made = whole(lab);
    lab.ip("addr flush dev v0");
    crate::common::output("sh", &[emitted.to_str().unwrap()]);
    assert_eq!(whole(lab), made);
}

fn a_plan_knows_each_address_that_it_has_planned(lab: &Lab) {
    pair(lab);
    lab.ip("addr add 10.9.0.1/24 dev v0 metric 4");
    crate::plan::is_what_a_run_does(
        lab,
        r#"
        for v in [link("v0"), netns("a").veth("w0", "w1")] {
            for round in 0..2 {
                v.addr("10.0.0.1/24", #{scope: "site", label: v.name + ":1", broadcast: "+", valid_lft: "1h", metric: 5, noprefixroute: true});
                v.addr("10.1.0.1", #{peer: "10.1.0.2", valid_lft: "forever", preferred_lft: "10m"});
                v.addr("239.0.0.1/32", #{autojoin: true});
                v.addr("fd00::1/64", #{peer: "fd00::2", nodad: true, home: true, mngtmpaddr: true});
                v.addr("fe80::1/64", #{scope: "link"});
            }
            v.addr("fd00::1/64", #{peer: "fd00::2", home: false, replace: true});
            v.addr("10.0.0.1/24", #{metric: 6, replace: true});
            v.addr("10.0.0.1/24", #{metric: 6});
            v.addr("10.1.0.1/24", #{replace: true});
            v.del_addr("10.1.0.1").del_addr("fe80::1").del_addr("fe80::1");
        }
        link("v0").addr("10.9.0.1/24", #{metric: 5, replace: true}).addr("10.9.0.1/24", #{metric: 5});
        "#,
    );
}

fn duplicate_address_detection_is_waited_for(lab: &Lab) {
    pair(lab);
    lab.ip("link set v0 up\nlink set v1 up");
    let tentative = lab.value(
        r#"let v = link("v0").addr("fd00::1/64");
        let before = v.addrs.filter(|a| a.ip == "fd00::1")[0].tentative;
        v.wait_dad();
        [before] + v.addrs.map(|a| a.tentative)"#,
    );
    // The other one is the link's own.
    assert_eq!(tentative, json!([true, false, false]));
    assert_eq!(told(lab, HOST, "v0", "fd00::1")["tentative"], json!(null));
}

fn an_address_that_somebody_else_has_ends_the_wait(lab: &Lab) {
    pair(lab);
    lab.ip("link set v0 up\nlink set v1 up\naddr add fd00::1/64 dev v1 nodad");
    let error = "exists: cannot wait for duplicate address detection on link `v0` in namespace `host`: somebody else on the network has address `fd00::1`\n\
                 hint: take another address, or look for who has it: two hosts can't share one";
    let text = "let told = |e| `${e.kind}: ${e.message}\nhint: ${e.hint}`;\n\
                let v = link(\"v0\").addr(\"fd00::1/64\");\n\
                let said = [];\n\
                for round in 0..2 { try { v.wait_dad(); } catch (e) { said += told.call(e); } }\n\
                said";
    // The second time it has failed already.
    assert_eq!(lab.value(text), json!([error, error]));
    assert_eq!(told(lab, HOST, "v0", "fd00::1")["dadfailed"], json!(true));
    assert_eq!(
        lab.value(r#"link("v0").addrs.filter(|a| a.ip == "fd00::1").map(|a| a.dad_failed)"#),
        json!([true])
    );
    // One that is not to stay for ever goes.
    let gone = "let said = \"\"; let v = link(\"v0\").del_addr(\"fd00::1\").addr(\"fd00::1/64\", #{valid_lft: \"1h\"});\n\
                try { v.wait_dad(); } catch (e) { said = e.kind; } said";
    assert_eq!(lab.value(gone), json!("exists"));
}

fn a_link_that_is_down_ends_the_wait_late(lab: &Lab) {
    pair(lab);
    lab.ip("addr add fd00::1/64 dev v0");
    lab.refuses(&[
        (
            r#"link("v0").wait_dad("50ms")"#,
            "timeout: cannot wait for duplicate address detection on link `v0` in namespace `host`: address `fd00::1` is still tentative after 50ms\n\
             hint: the link is down: bring it up first, with .up()",
        ),
        (
            r#"wait_dad("v0", "soon")"#,
            "invalid: cannot wait for duplicate address detection on link `v0` in namespace `host`: `soon` is not a duration\n\
             hint: write a number and a unit, such as \"200ms\", \"1.5s\" or \"2m\"",
        ),
    ]);
}

fn what_an_address_cannot_have_is_refused(lab: &Lab) {
    pair(lab);
    let add = |text: &str, why: &str| {
        format!("invalid: cannot add address `{text}` in namespace `host`: {why}")
    };
    let v4 = |why: &str| add("10.0.0.1/24", why);
    let v6 = |why: &str| add("fd00::1/64", why);
    let on = "note: on link `v0`";
    let cases: Vec<(String, String)> = [
        (r#"scope: "near""#, format!("{}\nnote: scopes: global, site, link, host, nowhere\n{on}\nhint: write \"global\" or \"site\" or \"link\" or \"host\" or \"nowhere\"", v4("an address has no scope `near`"))),
        ("scope: 256", format!("{}\n{on}", v4("`scope` is 0 to 255, not 256"))),
        ("scope: true", format!("{}\n{on}", v4("option `scope` takes a name such as \"link\", or a number, not a truth value"))),
        (r#"label: "eth7""#, format!("{}\n{on}\nhint: write it as \"v0:1\"", v4("label `eth7` does not begin with the name of the link, `v0`"))),
        (r#"label: "v0:0123456789abc""#, format!("{}\n{on}", v4("label `v0:0123456789abc` has 16 bytes, and 15 is the most"))),
        (r#"broadcast: "fd00::2""#, format!("{}\n{on}", v4("broadcast `fd00::2` and address `10.0.0.1` are of different families"))),
        (r#"broadcast: "all""#, format!("{}\n{on}\nhint: write it as \"10.0.0.1\" or \"fd00::1\"", v4("`all` is not an IP address"))),
        (r#"peer: "fd00::2""#, format!("{}\n{on}", v4("address `10.0.0.1` and peer `fd00::2` are of different families"))),
        (r#"peer: "10.0.0.2/25""#, format!("{}\n{on}\nhint: both are in one subnet: write the length once, with the peer", v4("the address has prefix length 24, its peer 25"))),
        ("valid_lft: 0", format!("{}\n{on}\nhint: take the address away with del_addr(…), or set `preferred_lft` to 0", v4("`valid_lft` is 0: the address would be gone at once"))),
        (r#"valid_lft: "1m", preferred_lft: "2m""#, format!("{}\n{on}", v4("`preferred_lft` is longer than `valid_lft`: no address is preferred after it is gone"))),
        (r#"valid_lft: "1.5s""#, format!("{}\n{on}", v4("`valid_lft` is a whole number of seconds, not 1.5s"))),
        (r#"valid_lft: "never""#, format!("{}\n{on}\nhint: write a number and a unit, such as \"10m\", or \"forever\"", v4("`never` is not a duration"))),
        ("valid_lft: 4294967295", format!("{}\n{on}\nhint: say \"forever\" for one without end", v4("`valid_lft` is at most 4294967294 seconds"))),
        ("valid_lft: []", format!("{}\n{on}", v4("option `valid_lft` takes a duration such as \"10m\", or \"forever\", not a list"))),
        ("metric: -1", format!("{}\n{on}", v4("`metric` is 0 to 4294967295, not -1"))),
        ("home: true", format!("{}\n{on}", v4("`home` is for IPv6, and this is an IPv4 address"))),
        ("autojoin: true", format!("{}\n{on}\nhint: a group is 224.0.0.0/4 or ff00::/8: addr(\"239.0.0.1/32\", #{{autojoin: true}})", v4("`autojoin` is for the address of a group, and this is none"))),
        ("nodad: 1", format!("{}\n{on}", v4("option `nodad` takes true or false, not an integer"))),
        ("mettric: 1", format!("{}\n{on}\nhint: did you mean `metric`?", v4("`addr` has no option `mettric`"))),
    ]
    .map(|(options, told)| (format!("addr(\"v0\", \"10.0.0.1/24\", #{{{options}}})"), told))
    .into_iter()
    .chain(
        [
            (r#"label: "v0:1""#, format!("{}\n{on}", v6("`label` is for IPv4, and this is an IPv6 address"))),
            (r#"broadcast: "+""#, format!("{}\n{on}", v6("`broadcast` is for IPv4, and this is an IPv6 address"))),
            (r#"scope: "link""#, format!("{}\n{on}", v6("an IPv6 address has the scope that is in it: `fd00::1` has scope global, not link"))),
        ]
        .map(|(options, told)| (format!("addr(\"v0\", \"fd00::1/64\", #{{{options}}})"), told)),
    )
    .chain([(
        r#"addr("v0", "10.0.0.1", #{nodad: true})"#.to_owned(),
        format!("{}\n{on}\nhint: write \"10.0.0.1/24\", with the length that your subnet has", add("10.0.0.1", "address `10.0.0.1` has no prefix length")),
    )])
    .collect();
    let cases: Vec<(&str, &str)> = cases
        .iter()
        .map(|(line, told)| (line.as_str(), told.as_str()))
        .collect();
    lab.refuses(&cases);
    assert!(lab.addresses(HOST, "v0").is_empty());
}
