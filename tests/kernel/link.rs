//! Links of any kind: found, listed, changed, moved, deleted.

use serde_json::{Value, json};

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["veth"] =>
        a_link_is_found_by_its_name
        the_links_of_a_namespace_are_listed_by_ifindex
        a_link_comes_up
        a_link_goes_down
        a_bare_word_acts_on_the_link_of_that_name_here
        a_method_of_a_namespace_acts_on_its_link_of_that_name
        a_link_moves_to_another_namespace
        a_handle_follows_the_link_to_its_new_place
        a_link_moves_where_its_ifindex_is_taken
        a_link_is_renamed
        a_link_gets_an_mtu
        a_link_gets_a_hardware_address
        a_link_gets_an_alias
        a_link_is_deleted
        a_link_can_be_deleted_twice
        a_link_that_is_not_there_is_deleted_without_a_word
        waiting_ends_when_the_other_end_comes_up
        waiting_for_a_carrier_that_does_not_come_is_a_timeout
        the_properties_of_a_link_are_those_that_iproute2_shows;
    ["bridge"] =>
        a_printed_link_says_what_iproute2_says_of_it;
    ["veth", "bridge"] =>
        a_link_goes_under_a_bridge
        a_link_is_taken_from_under_its_bridge;
    ["dummy"] =>
        a_link_is_made_with_all_that_every_link_takes
        a_link_that_differs_is_replaced_where_that_is_asked;
}

fn flags(link: &Value) -> Vec<&str> {
    let flags = link["flags"].as_array().unwrap().iter();
    flags.map(|flag| flag.as_str().unwrap()).collect()
}

/// A pair `v0` and `v1` in the namespace of the case.
fn pair(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1");
}

fn a_link_is_found_by_its_name(lab: &Lab) {
    pair(lab);
    assert_eq!(
        lab.value(r#"link("v0").index"#),
        lab.link(HOST, "v0")["ifindex"]
    );
}

fn the_links_of_a_namespace_are_listed_by_ifindex(lab: &Lab) {
    pair(lab);
    assert_eq!(
        lab.value("host().links.map(|link| link.name)"),
        json!(["lo", "v1", "v0"])
    );
}

fn a_link_comes_up(lab: &Lab) {
    pair(lab);
    lab.run(r#"link("v0").up();"#);
    assert!(flags(&lab.link(HOST, "v0")).contains(&"UP"));
    assert!(!flags(&lab.link(HOST, "v1")).contains(&"UP"));
}

fn a_link_goes_down(lab: &Lab) {
    pair(lab);
    lab.ip("link set v0 up");
    lab.run(r#"link("v0").down();"#);
    assert!(!flags(&lab.link(HOST, "v0")).contains(&"UP"));
}

fn a_bare_word_acts_on_the_link_of_that_name_here(lab: &Lab) {
    pair(lab);
    lab.run(r#"up("v1"); mtu("v0", 1400);"#);
    assert!(flags(&lab.link(HOST, "v1")).contains(&"UP"));
    assert_eq!(lab.link(HOST, "v0")["mtu"], 1400);
}

fn a_method_of_a_namespace_acts_on_its_link_of_that_name(lab: &Lab) {
    lab.ip("netns add a");
    lab.ip_in("a", "link add v0 type veth peer name v1");
    lab.run(r#"netns("a").up("v1");"#);
    assert!(flags(&lab.link("a", "v1")).contains(&"UP"));
}

fn a_link_moves_to_another_namespace(lab: &Lab) {
    pair(lab);
    lab.run(r#"netns("a"); link("v0").netns("a");"#);
    assert_eq!(lab.links(HOST), ["v1"]);
    assert_eq!(lab.links("a"), ["v0"]);
}

fn a_handle_follows_the_link_to_its_new_place(lab: &Lab) {
    pair(lab);
    lab.run(r#"let a = netns("a"); let v = link("v0"); v.netns(a); v.addr("10.0.0.1/24").up();"#);
    assert_eq!(lab.addresses("a", "v0"), ["10.0.0.1/24"]);
    assert!(flags(&lab.link("a", "v0")).contains(&"UP"));
}

fn a_link_moves_where_its_ifindex_is_taken(lab: &Lab) {
    lab.ip("netns add a\nlink add v0 index 77 type veth peer name v1");
    lab.ip_in("a", "link add w0 index 77 type veth peer name w1");
    let found = lab.value(r#"let v = link("v0"); v.netns("a"); v.mtu(1300); v.index"#);
    assert_eq!(lab.link("a", "v0")["ifindex"], found);
    assert_eq!(lab.link("a", "v0")["mtu"], 1300);
    assert_eq!(lab.link("a", "w0")["mtu"], 1500);
}

fn a_link_is_renamed(lab: &Lab) {
    pair(lab);
    assert_eq!(lab.value(r#"link("v0").rename("wan").name"#), json!("wan"));
    assert_eq!(lab.links(HOST), ["v1", "wan"]);
}

fn a_link_gets_an_mtu(lab: &Lab) {
    pair(lab);
    lab.run(r#"link("v0").mtu(9000);"#);
    assert_eq!(lab.link(HOST, "v0")["mtu"], 9000);
}

fn a_link_gets_a_hardware_address(lab: &Lab) {
    pair(lab);
    lab.run(r#"link("v0").mac("02:00:00:00:00:2A");"#);
    assert_eq!(lab.link(HOST, "v0")["address"], "02:00:00:00:00:2a");
}

fn a_link_gets_an_alias(lab: &Lab) {
    pair(lab);
    lab.run(r#"link("v0").alias("to the lab");"#);
    assert_eq!(lab.link(HOST, "v0")["ifalias"], "to the lab");
}

fn a_link_is_deleted(lab: &Lab) {
    pair(lab);
    lab.run(r#"link("v0").delete();"#);
    assert!(lab.links(HOST).is_empty());
}

fn a_link_can_be_deleted_twice(lab: &Lab) {
    pair(lab);
    let text = r#"let v = link("v0"); v.delete(); v.delete();"#;
    let output = lab.script_with(&["--summary"], text);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (
            0,
            "- veth v0 in host\n= veth v0 in host\ncreated 0, changed 0, unchanged 1, deleted 1\n"
        )
    );
}

fn a_link_that_is_not_there_is_deleted_without_a_word(lab: &Lab) {
    let script = r#"let a = netns("a"); delete("v0"); a.delete("v0");"#;
    let output = lab.script_with(&["--summary"], script);
    assert_eq!(
        output.end(),
        "exit code 0\n+ namespace a\n= link      v0 in host\n= link      v0 in a\ncreated 1, changed 0, unchanged 2, deleted 0\n"
    );
}

fn waiting_ends_when_the_other_end_comes_up(lab: &Lab) {
    pair(lab);
    lab.ip("link set v0 up\nlink set v1 up");
    assert_eq!(lab.value(r#"link("v0").wait_up().carrier"#), json!(true));
    assert_eq!(lab.link(HOST, "v0")["operstate"], "UP");
}

fn waiting_for_a_carrier_that_does_not_come_is_a_timeout(lab: &Lab) {
    pair(lab);
    let text =
        r#"try { link("v0").up().wait_up(); } catch (e) { print(`${e.kind}: ${e.message}`); }"#;
    assert_eq!(
        lab.run(text),
        "timeout: cannot wait for link `v0` in namespace `host`: it has no carrier after 5s\n"
    );
}

fn the_properties_of_a_link_are_those_that_iproute2_shows(lab: &Lab) {
    pair(lab);
    lab.ip("link set v0 up alias near\nlink set v1 up");
    let found = lab.value(
        r#"let v = link("v0").wait_up();
           [v.name, v.index, v.kind, v.mtu, v.mac, v.alias, v.state, v.flags, v.netns.name, v.parent, v.master]"#,
    );
    let seen = lab.link(HOST, "v0");
    assert_eq!(
        found,
        json!([
            "v0",
            seen["ifindex"],
            seen["linkinfo"]["info_kind"],
            seen["mtu"],
            seen["address"],
            "near",
            seen["operstate"],
            seen["flags"],
            "host",
            null,
            null
        ])
    );
}

fn a_printed_link_says_what_iproute2_says_of_it(lab: &Lab) {
    // An address that comes by itself would come between the two looks.
    lab.ip("link add v0 type bridge\nlink set v0 addrgenmode none mtu 1400 up");
    lab.ip("addr add 10.0.0.1/24 dev v0\naddr add fd00::1/64 dev v0 nodad");
    let brief = crate::common::output("ip", &["-br", "addr", "show", "dev", "v0"]);
    let words: Vec<&str> = brief.split_whitespace().collect();
    let (front, addresses) = words.split_at(2);
    let seen = lab.link(HOST, "v0");
    let line = format!(
        "{:<16} {:<14} bridge mtu 1400 {} {}",
        front[0],
        front[1],
        seen["address"].as_str().unwrap(),
        addresses.join(" "),
    );
    assert_eq!(lab.run(r#"print(link("v0"));"#).trim_end(), line);
}

fn a_link_goes_under_a_bridge(lab: &Lab) {
    pair(lab);
    lab.ip("link add br0 type bridge");
    assert_eq!(
        lab.value(r#"link("v0").master("br0").master.name"#),
        json!("br0")
    );
    assert_eq!(lab.link(HOST, "v0")["master"], "br0");
}

fn a_link_is_taken_from_under_its_bridge(lab: &Lab) {
    pair(lab);
    lab.ip("link add br0 type bridge\nlink set v0 master br0");
    lab.run(r#"link("v0").nomaster();"#);
    assert_eq!(lab.link(HOST, "v0")["master"], Value::Null);
}

fn a_link_is_made_with_all_that_every_link_takes(lab: &Lab) {
    lab.run(
        r#"netns("a").dummy("d0", #{
               addr: ["10.0.0.1/24", "fd00::1/64"], nodad: true, alias: "near", mac: "02:00:00:00:00:07",
               mtu: 1400, up: true, route: ["default", "10.9.0.0/16"],
           });"#,
    );
    let link = lab.link("a", "d0");
    assert_eq!(
        (&link["mtu"], &link["address"], &link["ifalias"]),
        (&json!(1400), &json!("02:00:00:00:00:07"), &json!("near"))
    );
    assert!(flags(&link).contains(&"UP"));
    assert_eq!(lab.addresses("a", "d0"), ["10.0.0.1/24", "fd00::1/64"]);
    let routes = lab.routes("a", "");
    let routes: Vec<_> = routes
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["dst"])
        .collect();
    assert_eq!(routes, ["default", "10.0.0.0/24", "10.9.0.0/16"]);
}

fn a_link_that_differs_is_replaced_where_that_is_asked(lab: &Lab) {
    lab.ip("link add d0 type veth peer name d1");
    lab.run(r#"dummy("d0", #{replace: true});"#);
    assert_eq!(lab.link(HOST, "d0")["linkinfo"]["info_kind"], "dummy");
    assert_eq!(lab.links(HOST), ["d0"]);
}
