//! macvlan slaves.

use serde_json::json;

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["macvlan", "veth"] =>
        a_macvlan_slave_in_each_mode
        a_macvlan_slave_is_made_as_ip_makes_it
        a_macvlan_slave_is_in_mode_bridge_where_none_is_asked
        a_macvlan_slave_is_made_straight_in_its_namespace
        a_macvlan_slave_in_another_mode_is_a_conflict
        siblings_in_mode_bridge_talk_and_in_mode_private_do_not
        a_slave_in_mode_source_has_the_addresses_that_it_takes_frames_from
        a_slave_in_mode_source_hears_nobody_else
        the_commands_of_a_slave_in_mode_source_lead_where_its_run_leads
        a_parent_that_is_down_is_taken_and_noted_once
        a_slave_is_made_in_the_namespace_in_front_of_the_dot
        what_no_macvlan_can_have_is_refused;
    ["macvtap", "veth"] =>
        a_macvtap_slave_in_mode_source_has_its_addresses
        what_no_macvtap_can_have_is_refused
        a_macvtap_slave_in_each_mode
        a_macvtap_slave_in_another_mode_is_a_conflict;
}

fn parent(lab: &Lab) {
    lab.ip("link add p0 type veth peer name p1\nlink set p0 up\nlink set p1 up");
}

fn a_parent_that_is_down_is_taken_and_noted_once(lab: &Lab) {
    lab.ip("link add p0 type veth peer name p1");
    let output = lab.script(r#"macvlan("p0", "m0"); macvlan("p0", "m1");"#);
    assert_eq!(
        output.stderr,
        "note: parent `p0` is down: its slaves have no carrier until it is up\n"
    );
    assert_eq!(output.code, 0);
    assert_eq!(lab.link(HOST, "m1")["link"], json!("p0"));
}

fn a_macvlan_slave_in_each_mode(lab: &Lab) {
    parent(lab);
    for mode in ["bridge", "private", "vepa", "passthru", "source"] {
        lab.run(&format!(r#"macvlan("p0", "m0", "{mode}");"#));
        assert_eq!(
            lab.link(HOST, "m0")["linkinfo"]["info_data"]["mode"],
            json!(mode)
        );
        lab.ip("link del m0");
    }
}

fn a_macvlan_slave_is_made_as_ip_makes_it(lab: &Lab) {
    parent(lab);
    lab.as_ip_makes_it(
        "m0",
        r#"macvlan("p0", "m0", "passthru", #{flag: "nopromisc"});"#,
        "link add link p0 name m0 type macvlan mode passthru flag nopromisc",
    );
    lab.as_ip_makes_it(
        "m0",
        r#"macvlan("p0", "m0", "source", #{flag: "nodst", bcqueuelen: 50, macs: "02:00:00:00:00:07"});"#,
        "link add link p0 name m0 type macvlan mode source flag nodst bcqueuelen 50 macaddr set 02:00:00:00:00:07",
    );
    lab.refuses(&[
        (
            r#"macvlan("p0", "m0", "bridge", #{flag: "nopromisc"})"#,
            "invalid: cannot create macvlan `m0` in namespace `host`: the flag nopromisc is for mode passthru, not bridge",
        ),
        (
            r#"macvlan("p0", "m0", "bridge", #{flag: "private"})"#,
            "invalid: cannot create macvlan `m0` in namespace `host`: macvlan has no flag `private`\n\
             note: flags: null, nopromisc, nodst\nhint: write \"null\" or \"nopromisc\" or \"nodst\"",
        ),
        (
            r#"macvlan("p0", "m0", "bridge", #{bcqueuelen: -1})"#,
            "invalid: cannot create macvlan `m0` in namespace `host`: `bcqueuelen` is 0 to 4294967295, not -1",
        ),
    ]);
}

fn a_macvlan_slave_is_in_mode_bridge_where_none_is_asked(lab: &Lab) {
    parent(lab);
    lab.run(r#"macvlan("p0", "m0", #{mac: "02:00:00:00:00:07"});"#);
    let link = lab.link(HOST, "m0");
    assert_eq!(link["linkinfo"]["info_data"]["mode"], "bridge");
    assert_eq!(
        (&link["link"], &link["address"]),
        (&json!("p0"), &json!("02:00:00:00:00:07"))
    );
}

fn a_macvlan_slave_is_made_straight_in_its_namespace(lab: &Lab) {
    parent(lab);
    lab.run(r#"netns("a").macvlan("p0", "m0", #{addr: "10.0.0.1/24", up: true});"#);
    assert_eq!(lab.links("a"), ["m0"]);
    assert_eq!(
        lab.link("a", "m0")["link_index"],
        lab.link(HOST, "p0")["ifindex"]
    );
    assert_eq!(lab.addresses("a", "m0"), ["10.0.0.1/24"]);
}

fn a_macvlan_slave_in_another_mode_is_a_conflict(lab: &Lab) {
    parent(lab);
    lab.ip("link add link p0 name m0 type macvlan mode vepa");
    let text =
        r#"try { macvlan("p0", "m0", "bridge"); } catch (e) { print(e.kind); print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "conflict\n[\"there: macvlan, mode vepa\", \"asked: macvlan, mode bridge\"]\n"
    );
}

fn siblings_in_mode_bridge_talk_and_in_mode_private_do_not(lab: &Lab) {
    parent(lab);
    let printed = lab.run(
        r#"
        for mode in ["bridge", "private"] {
            let a = netns(`${mode}-a`);
            a.macvlan("p0", "m0", mode, #{addr: "10.0.0.1/24", up: true}).wait_up();
            netns(`${mode}-b`).macvlan("p0", "m0", mode, #{addr: "10.0.0.2/24", up: true}).wait_up();
            let report = a.ping("10.0.0.2", #{count: 1, timeout: "300ms", quiet: true});
            print(`${mode}: ${report.received}`);
        }"#,
    );
    assert_eq!(printed, "bridge: 1\nprivate: 0\n");
}

fn a_macvtap_slave_in_each_mode(lab: &Lab) {
    parent(lab);
    for mode in ["bridge", "private", "vepa", "passthru", "source"] {
        lab.run(&format!(r#"macvtap("p0", "t0", "{mode}", #{{up: true}});"#));
        let info = &lab.link(HOST, "t0")["linkinfo"];
        assert_eq!(
            (&info["info_kind"], &info["info_data"]["mode"]),
            (&json!("macvtap"), &json!(mode))
        );
        lab.ip("link del t0");
    }
}

fn a_macvtap_slave_in_another_mode_is_a_conflict(lab: &Lab) {
    parent(lab);
    lab.run(r#"macvtap("p0", "t0", "vepa"); macvtap("p0", "t0", "vepa");"#);
    let text = r#"try { macvtap("p0", "t0"); } catch (e) { print(e.kind); print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "conflict\n[\"there: macvtap, mode vepa\", \"asked: macvtap, mode bridge\"]\n"
    );
}

const SOURCE: &str =
    r#"macvlan("p0", "m0", "source", #{macs: ["02:00:00:00:00:08", "02:00:00:00:00:07"]});"#;

/// The addresses that `ip` lists for the slave `m0`, sorted.
fn sources(lab: &Lab) -> Vec<String> {
    let shown = lab.link(HOST, "m0");
    let list = shown["linkinfo"]["info_data"]["macaddr_data"].clone();
    let mut macs: Vec<String> = serde_json::from_value(list).unwrap();
    macs.sort();
    macs
}

fn a_slave_in_mode_source_has_the_addresses_that_it_takes_frames_from(lab: &Lab) {
    parent(lab);
    lab.twice(SOURCE);
    assert_eq!(sources(lab), ["02:00:00:00:00:07", "02:00:00:00:00:08"]);
    assert_eq!(
        lab.value(r#"[link("m0").macs, link("p0").macs]"#),
        json!([["02:00:00:00:00:07", "02:00:00:00:00:08"], null])
    );
    lab.refuses(&[(
        r#"macvlan("p0", "m0", "source", #{macs: "02:00:00:00:00:09"})"#,
        "conflict: cannot create macvlan `m0` in namespace `host`: a link with that name exists and differs\n\
         note: there: macvlan, macs 02:00:00:00:00:07,02:00:00:00:00:08\n\
         note: asked: macvlan, macs 02:00:00:00:00:09\n\
         hint: take another name, ask for what is there, or replace it with #{replace: true}",
    )]);
    lab.twice(r#"macvlan("p0", "m0", "source", #{macs: [], replace: true});"#);
    assert_eq!(lab.value(r#"link("m0").macs"#), json!([]));
}

fn a_slave_in_mode_source_hears_nobody_else(lab: &Lab) {
    let printed = lab.run(
        r#"
        let far = netns("far");
        // Until both have their carrier, the kernel drops what is sent.
        far.veth("v0", host(), "p0", #{mac: "02:00:00:00:00:07", addr: "10.0.0.1/24", up: true}).peer.up().wait_up().peer.wait_up();
        for (timeout, last) in ["30s", "300ms"] {
            let macs = [`02:00:00:00:00:0${7 + last}`];
            netns("near").macvlan("p0", "m0", "source", #{macs: macs, addr: "10.0.0.2/24", up: true, replace: true}).wait_up();
            print(far.ping("10.0.0.2", #{count: 1, timeout: timeout, quiet: true}).received);
        }"#,
    );
    assert_eq!(printed, "1\n0\n");
}

fn the_commands_of_a_slave_in_mode_source_lead_where_its_run_leads(lab: &Lab) {
    parent(lab);
    let traced = lab.script_with(&["--trace"], SOURCE).stderr;
    let command = "ip link add link p0 name m0 type macvlan mode source macaddr set 02:00:00:00:00:07 02:00:00:00:00:08";
    assert_eq!(traced, format!("+ {command}\n"));
    let made = sources(lab);
    lab.ip("link del m0");
    lab.ip(&command[3..]);
    assert_eq!(sources(lab), made);
}

fn a_macvtap_slave_in_mode_source_has_its_addresses(lab: &Lab) {
    parent(lab);
    lab.twice(r#"macvtap("p0", "m0", "source", #{macs: "02:00:00:00:00:07"});"#);
    assert_eq!(sources(lab), ["02:00:00:00:00:07"]);
}

/// What neither kind of slave can have, with its own name in the place of `KIND`.
fn refusals(lab: &Lab, kind: &str) {
    lab.ip(
        "link add p0 type veth peer name p1\nlink set p0 up\nlink set p1 up\nlink add v0 type veth peer name d1\n\
         link add br0 type bridge\nlink set d1 master br0",
    );
    lab.wait_up("p0");
    lab.wait_up("p1");
    let making = format!("cannot create {kind} `m0` in namespace `host`:");
    let cases = [
        (
            r#""p0", "m0", "brigde""#,
            format!(
                "invalid: {making} {kind} has no mode `brigde`\n\
                 note: modes: bridge, private, vepa, passthru, source\n\
                 hint: did you mean \"bridge\"?"
            ),
        ),
        (
            r#""p0", "m0", #{flag: 1}"#,
            format!("invalid: {making} option `flag` takes a string, not an integer"),
        ),
        (
            r#""p0", "m0", #{macs: "02:00:00:00:00:07"}"#,
            format!(
                "invalid: {making} `macs` are for mode source, and mode bridge takes frames from everywhere\n\
                 hint: ask for mode \"source\""
            ),
        ),
        (
            r#""p0", "m0", "source", #{macs: "02:00"}"#,
            format!(
                "invalid: {making} `02:00` is not a MAC address\n\
                 hint: write it as \"02:00:00:00:00:01\""
            ),
        ),
        (
            r#""p0", "m0", "source", #{macs: 1}"#,
            format!(
                "invalid: {making} option `macs` takes a string or a list of strings, not an integer"
            ),
        ),
        (
            r#""p0", "m0", #{mac: "01:00:00:00:00:07"}"#,
            format!(
                "invalid: {making} `01:00:00:00:00:07` is a multicast address, a link needs a unicast one\n\
                 hint: the first byte must be even"
            ),
        ),
        (
            r#""lo", "m0""#,
            format!(
                "invalid: {making} `lo` is a loopback, which carries no {kind}\n\
                 hint: take an Ethernet link as parent: a bond, veth, dummy or hardware"
            ),
        ),
        (
            r#""d1", "m0""#,
            format!(
                "busy: {making} parent `d1` is a port of bridge `br0`\n\
                 hint: stack it on the bridge `br0` instead, or free the port with link(\"d1\").nomaster()"
            ),
        ),
        (
            r#""p7", "m0""#,
            format!(
                "not_found: {making} there is no link `p7`\n\
                 note: links there: lo, p1, p0, d1, v0, br0\n\
                 hint: did you mean `p1`?"
            ),
        ),
    ];
    let cases: Vec<(String, String)> = cases
        .into_iter()
        .map(|(arguments, told)| (format!("{kind}({arguments})"), told))
        .collect();
    let cases: Vec<(&str, &str)> = cases
        .iter()
        .map(|(line, told)| (line.as_str(), told.as_str()))
        .collect();
    lab.refuses(&cases);
}

fn what_no_macvlan_can_have_is_refused(lab: &Lab) {
    refusals(lab, "macvlan");
}

fn what_no_macvtap_can_have_is_refused(lab: &Lab) {
    refusals(lab, "macvtap");
}

/// In front of the dot is where: the parent's own namespace, whatever the current one. Behind a bracket it is the parent alone.
fn a_slave_is_made_in_the_namespace_in_front_of_the_dot(lab: &Lab) {
    lab.run(
        r#"let a = netns("a");
        let b = netns("b");
        let v = a.veth("v0", "v1").up();
        v.peer.up();
        v.macvlan("m1");
        v
            .macvlan("m2");
        macvlan(v, "m3");
        b.macvlan(v, "m4");
        within b { v.macvlan("m5"); macvlan(v, "m6"); }
        let make = |parent| parent.macvlan("m7");
        make.call(v);
        // Where there is no such link here, that of the namespace is meant.
        a.macvlan("v1", "m8");"#,
    );
    let sorted = |place| {
        let mut links = lab.links(place);
        links.sort();
        links
    };
    assert_eq!(sorted(HOST), ["m3"]);
    assert_eq!(sorted("a"), ["m1", "m2", "m5", "m7", "m8", "v0", "v1"]);
    assert_eq!(sorted("b"), ["m4", "m6"]);
}
