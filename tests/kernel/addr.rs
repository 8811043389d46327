//! Addresses: added, found again, taken away, listed.

use serde_json::json;

use crate::case::cases;
use crate::lab::{HOST, Lab};

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
        the_addresses_of_a_namespace_are_listed;
}

fn pair(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1");
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
            "address": "10.0.0.1/24", "ip": "10.0.0.1", "link": "v0", "prefix_length": 24,
            "scope": "global", "broadcast": null, "secondary": false, "tentative": false,
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
