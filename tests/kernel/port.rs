//! Ports of bridges: their options and their VLANs.

use serde_json::{Value, json};

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["bridge", "veth"] =>
        the_options_of_a_port_are_those_that_iproute2_shows
        options_that_are_as_asked_are_left_alone
        options_of_a_foreign_port_are_put_back
        options_are_said_as_commands
        the_ports_of_a_bridge_are_listed
        what_is_no_port_has_no_options
        a_link_without_a_master_is_refused
        an_unknown_option_is_refused
        a_cost_out_of_range_is_refused
        a_vlan_out_of_range_is_refused
        a_range_that_is_none_is_refused
        a_vlan_that_is_tagged_and_untagged_is_refused
        an_option_of_a_port_is_refused_on_the_bridge
        a_port_that_is_gone_is_refused;
    ["bridge", "veth", "vlan_filtering"] =>
        a_port_is_in_just_the_vlans_that_are_asked
        vlans_that_are_as_asked_are_left_alone
        vlans_of_a_foreign_port_are_put_back
        vlans_are_said_as_commands
        a_bridge_itself_has_vlans
        the_vlans_of_a_port_are_those_that_bridge_shows
        access_ports_of_one_vlan_can_talk_and_others_can_not;
    ["bridge", "veth", "!vlan_filtering"] =>
        vlans_are_refused_where_bridges_know_none;
}

/// A bridge `br0` with the port `v0` in the namespace of the case.
fn plugged(lab: &Lab) {
    lab.ip("link add br0 type bridge\nlink add v0 type veth peer name v1\nlink set v0 master br0");
}

/// A bridge that filters, with the port `v0`.
fn filtering(lab: &Lab) {
    plugged(lab);
    lab.ip("link set br0 type bridge vlan_filtering 1");
}

fn options(lab: &Lab) -> Value {
    lab.link(HOST, "v0")["linkinfo"]["info_slave_data"].clone()
}

/// What `bridge -j vlan` says of the link: id and flags.
fn vlans(name: &str) -> Value {
    let text = crate::common::output("bridge", &["-j", "vlan", "show", "dev", name]);
    let links: Value = serde_json::from_str(&text).unwrap_or_default();
    let vlans = links[0]["vlans"].as_array().cloned().unwrap_or_default();
    let vlans = vlans.iter().map(|vlan| match vlan["flags"].as_array() {
        Some(flags) => json!([vlan["vlan"], flags]),
        None => json!([vlan["vlan"], []]),
    });
    vlans.collect()
}

const ALL: &str = r#"link("v0").port(#{
    hairpin: true, isolated: true, learning: false, flood: false, mcast_flood: false, bcast_flood: false, guard: true,
    root_block: true, fastleave: true, neigh_suppress: true, proxy_arp: true, locked: true, mcast_to_unicast: true, vlan_tunnel: true,
    cost: 7, priority: 8,
});"#;

fn the_options_of_a_port_are_those_that_iproute2_shows(lab: &Lab) {
    plugged(lab);
    lab.run(ALL);
    let seen = options(lab);
    let shown = [
        "hairpin",
        "isolated",
        "learning",
        "flood",
        "mcast_flood",
        "bcast_flood",
        "guard",
        "root_block",
        "fastleave",
        "neigh_suppress",
        "proxy_arp",
        "locked",
        "mcast_to_unicast",
        "vlan_tunnel",
        "cost",
        "priority",
    ];
    let values: Vec<_> = shown.map(|key| seen[key].clone()).to_vec();
    assert_eq!(
        json!(values),
        json!([
            true, true, false, false, false, false, true, true, true, true, true, true, true, true,
            7, 8
        ])
    );
    let read = lab.value(r#"link("v0").port_options"#);
    let read: Vec<_> = shown.map(|key| read[key].clone()).to_vec();
    assert_eq!(read, values);
}

fn options_that_are_as_asked_are_left_alone(lab: &Lab) {
    plugged(lab);
    lab.run(ALL);
    let output = lab.script_with(&["--summary", "--trace"], ALL);
    assert!(
        output
            .stderr
            .ends_with("created 0, changed 0, unchanged 16, deleted 0\n")
            && !output.stderr.contains("+ "),
        "{}",
        output.stderr
    );
}

fn options_of_a_foreign_port_are_put_back(lab: &Lab) {
    plugged(lab);
    lab.ip("link set v0 type bridge_slave cost 55 hairpin on");
    let before = options(lab);
    lab.fails(&format!("{ALL} throw \"no\";"));
    assert_eq!(options(lab), before);
}

fn options_are_said_as_commands(lab: &Lab) {
    plugged(lab);
    let output = lab.script_with(
        &["--trace"],
        r#"link("v0").port(#{isolated: true, learning: false, cost: 7});"#,
    );
    assert_eq!(
        output.stderr,
        "+ ip link set dev v0 type bridge_slave isolated on\n\
         + ip link set dev v0 type bridge_slave learning off\n\
         + ip link set dev v0 type bridge_slave cost 7\n"
    );
}

fn the_ports_of_a_bridge_are_listed(lab: &Lab) {
    plugged(lab);
    lab.ip("link add w0 type veth peer name w1\nlink set w1 master br0");
    let names = r#"link("br0").ports.map(|port| port.name)"#;
    assert_eq!(lab.value(names), json!(["v0", "w1"]));
    assert_eq!(lab.value(r#"link("w0").ports"#), json!([]));
}

fn what_is_no_port_has_no_options(lab: &Lab) {
    plugged(lab);
    assert_eq!(lab.value(r#"link("v1").port_options"#), Value::Null);
    assert_eq!(lab.value(r#"link("v1").vlans"#), json!([]));
}

fn a_link_without_a_master_is_refused(lab: &Lab) {
    plugged(lab);
    assert_eq!(
        lab.fails(r#"link("v1").port(#{hairpin: true});"#),
        r#"error: cannot set up port `v1` in namespace `host`: it is a port of no bridge
 --> lab.rhai:1:12
  |
1 | link("v1").port(#{hairpin: true});
  |            ^^^^
hint: plug it into one first: .master(bridge)
"#
    );
}

fn an_unknown_option_is_refused(lab: &Lab) {
    plugged(lab);
    assert_eq!(
        lab.fails(r#"link("v0").port(#{hairpin: true, tag: 5});"#),
        r#"error: cannot set up port `v0` in namespace `host`: `port` has no option `tag`
 --> lab.rhai:1:12
  |
1 | link("v0").port(#{hairpin: true, tag: 5});
  |            ^^^^
  = options: bcast_flood, cost, fastleave, flood, guard, hairpin, isolated, learning, locked, mcast_flood, mcast_to_unicast, neigh_suppress, priority, proxy_arp, pvid, root_block, tagged, untagged, vlan_tunnel
"#
    );
    assert_eq!(options(lab)["hairpin"], false);
}

fn a_cost_out_of_range_is_refused(lab: &Lab) {
    plugged(lab);
    assert_eq!(
        lab.fails(r#"link("v0").port(#{cost: 0});"#),
        r#"error: cannot set up port `v0` in namespace `host`: `cost` is 1 to 65535, not 0
 --> lab.rhai:1:12
  |
1 | link("v0").port(#{cost: 0});
  |            ^^^^
"#
    );
}

fn a_vlan_out_of_range_is_refused(lab: &Lab) {
    plugged(lab);
    assert_eq!(
        lab.fails(r#"link("v0").port(#{isolated: true, tagged: [10, 4095]});"#),
        r#"error: cannot set up port `v0` in namespace `host`: a VLAN id is 1 to 4094, not 4095
 --> lab.rhai:1:12
  |
1 | link("v0").port(#{isolated: true, tagged: [10, 4095]});
  |            ^^^^
"#
    );
    assert_eq!(options(lab)["isolated"], false);
}

fn a_range_that_is_none_is_refused(lab: &Lab) {
    plugged(lab);
    assert_eq!(
        lab.fails(r#"link("v0").port(#{tagged: "10-x"});"#),
        r#"error: cannot set up port `v0` in namespace `host`: `10-x` is no VLAN id and no range of them
 --> lab.rhai:1:12
  |
1 | link("v0").port(#{tagged: "10-x"});
  |            ^^^^
hint: write 10, or "10-20"
"#
    );
    assert_eq!(
        lab.fails(r#"link("v0").port(#{tagged: "20-10"});"#),
        r#"error: cannot set up port `v0` in namespace `host`: the range 20-10 ends before it begins
 --> lab.rhai:1:12
  |
1 | link("v0").port(#{tagged: "20-10"});
  |            ^^^^
"#
    );
}

fn a_vlan_that_is_tagged_and_untagged_is_refused(lab: &Lab) {
    plugged(lab);
    assert_eq!(
        lab.fails(r#"link("v0").port(#{tagged: "10-12", untagged: 11});"#),
        r#"error: cannot set up port `v0` in namespace `host`: VLAN 11 is both in `tagged` and in `untagged`
 --> lab.rhai:1:12
  |
1 | link("v0").port(#{tagged: "10-12", untagged: 11});
  |            ^^^^
"#
    );
}

fn an_option_of_a_port_is_refused_on_the_bridge(lab: &Lab) {
    plugged(lab);
    assert_eq!(
        lab.fails(r#"link("br0").port(#{hairpin: true});"#),
        r#"error: cannot set up port `br0` in namespace `host`: `hairpin` is an option of a port, and this is the bridge itself
 --> lab.rhai:1:13
  |
1 | link("br0").port(#{hairpin: true});
  |             ^^^^
hint: a bridge itself takes pvid, tagged and untagged
"#
    );
}

fn a_port_that_is_gone_is_refused(lab: &Lab) {
    plugged(lab);
    assert_eq!(
        lab.fails(r#"let v = link("v0"); v.delete(); v.port(#{cost: 7});"#),
        r#"took down what this run made: 1 change
error: link `v0` is gone from namespace `host`
 --> lab.rhai:1:35
  |
1 | let v = link("v0"); v.delete(); v.port(#{cost: 7});
  |                                   ^^^^
hint: it was deleted after this handle was made; look it up again with link(…)
"#
    );
}

const VLANS: &str = r#"link("v0").port(#{pvid: 10, tagged: [20, "30-31"], untagged: 40});"#;

fn as_asked() -> Value {
    json!([
        [10, ["PVID", "Egress Untagged"]],
        [20, []],
        [30, []],
        [31, []],
        [40, ["Egress Untagged"]]
    ])
}

fn a_port_is_in_just_the_vlans_that_are_asked(lab: &Lab) {
    filtering(lab);
    lab.run(VLANS);
    assert_eq!(vlans("v0"), as_asked());
    lab.run(r#"link("v0").port(#{pvid: 20, tagged: [20, 10]});"#);
    assert_eq!(vlans("v0"), json!([[10, []], [20, ["PVID"]]]));
    lab.run(r#"link("v0").port(#{tagged: []});"#);
    assert_eq!(vlans("v0"), json!([]));
}

fn vlans_that_are_as_asked_are_left_alone(lab: &Lab) {
    filtering(lab);
    lab.run(VLANS);
    let output = lab.script_with(&["--summary", "--trace"], VLANS);
    assert!(
        output
            .stderr
            .ends_with("created 0, changed 0, unchanged 5, deleted 0\n")
            && !output.stderr.contains("+ "),
        "{}",
        output.stderr
    );
}

fn vlans_of_a_foreign_port_are_put_back(lab: &Lab) {
    filtering(lab);
    let before = vlans("v0");
    lab.fails(&format!("{VLANS} throw \"no\";"));
    assert_eq!(vlans("v0"), before);
    lab.fails(r#"link("v0").port(#{pvid: 10, untagged: 1}); throw "no";"#);
    assert_eq!(vlans("v0"), before);
}

fn vlans_are_said_as_commands(lab: &Lab) {
    filtering(lab);
    let text = r#"link("v0").port(#{pvid: 10, tagged: 20}); link("br0").port(#{tagged: [10]});"#;
    let output = lab.script_with(&["--trace"], text);
    assert_eq!(
        output.stderr,
        "+ bridge vlan del dev v0 vid 1\n\
         + bridge vlan add dev v0 vid 20\n\
         + bridge vlan add dev v0 vid 10 pvid untagged\n\
         + bridge vlan del dev br0 vid 1 self\n\
         + bridge vlan add dev br0 vid 10 self\n"
    );
}

fn a_bridge_itself_has_vlans(lab: &Lab) {
    filtering(lab);
    let before = vlans("br0");
    lab.fails(r#"link("br0").port(#{pvid: 10, tagged: 20}); throw "no";"#);
    assert_eq!(vlans("br0"), before);
    lab.run(r#"link("br0").port(#{pvid: 10, tagged: 20});"#);
    let wanted = json!([[10, ["PVID", "Egress Untagged"]], [20, []]]);
    assert_eq!(vlans("br0"), wanted);
}

fn the_vlans_of_a_port_are_those_that_bridge_shows(lab: &Lab) {
    filtering(lab);
    lab.run(VLANS);
    let read = lab.value(r#"link("v0").vlans"#);
    let read = read.as_array().unwrap().iter().map(|vlan| {
        let mut flags = Vec::new();
        flags.extend((vlan["pvid"] == true).then_some("PVID"));
        flags.extend((vlan["untagged"] == true).then_some("Egress Untagged"));
        json!([vlan["vid"], flags])
    });
    assert_eq!(read.collect::<Value>(), vlans("v0"));
}

fn access_ports_of_one_vlan_can_talk_and_others_can_not(lab: &Lab) {
    let printed = lab.run(
        r#"
        let hub = netns("hub");
        let br = hub.bridge("br0", #{up: true, vlan_filtering: true});
        for (vid, i) in [10, 10, 20] {
            let host = netns(`h${i}`);
            let port = host.veth("eth0", hub, `p${i}`, #{addr: `10.0.0.${i + 1}/24`, up: true}).peer;
            port.master(br).port(#{pvid: vid}).up();
            host.link("eth0").wait_up();
        }
        for to in ["10.0.0.2", "10.0.0.3"] {
            print(netns("h0").ping(to, #{count: 1, timeout: "300ms", quiet: true}).received);
        }"#,
    );
    assert_eq!(printed, "1\n0\n");
}

fn vlans_are_refused_where_bridges_know_none(lab: &Lab) {
    plugged(lab);
    let output = lab.script(r#"link("v0").port(#{pvid: 10});"#);
    assert_eq!(output.code, 3);
    assert_eq!(
        output.stderr,
        r#"error: cannot set the VLANs of port `v0` in namespace `host`: this kernel's bridges know no VLANs (CONFIG_BRIDGE_VLAN_FILTERING)
 --> lab.rhai:1:12
  |
1 | link("v0").port(#{pvid: 10});
  |            ^^^^
  = errno: EOPNOTSUPP
hint: run with --sandbox=vm
"#
    );
}
