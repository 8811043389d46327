//! The standard library, judged by iproute2.

use serde_json::json;

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["veth"] =>
        a_wire_has_both_ends_in_their_namespaces
        a_ring_joins_the_last_with_the_first
        a_router_forwards_between_its_subnets
        a_wire_in_a_network_of_two_uses_both_addresses
        a_failed_check_says_what_came_back;
    ["veth", "bridge"] =>
        a_star_has_a_port_for_each_namespace
        ports_of_namespaces_with_long_names_are_told_apart_by_their_ends
        a_tree_has_bridges_down_to_its_hosts
        a_leaf_of_a_fabric_has_a_route_by_all_spines
        a_fabric_goes_on_without_one_of_its_spines
        a_second_run_of_every_part_changes_nothing
        parts_have_ipv6_as_well;
    ["veth", "vlan"] =>
        a_trunk_carries_a_vlan_for_each_tenant;
    ["dummy", "ipvlan"] =>
        a_fleet_has_a_slave_in_each_namespace;
    ["bond", "dummy"] =>
        a_bond_stands_in_for_an_uplink_that_is_missing;
    [] =>
        parts_that_cannot_be_are_refused
        addresses_are_planned_in_networks_of_any_size
        a_full_network_has_no_next_address
        a_failed_check_says_what_was_wanted;
}

fn a_wire_has_both_ends_in_their_namespaces(lab: &Lab) {
    lab.run(r#"import "std/lab" as lab; lab::wire(netns("a"), netns("b"), "10.0.0.0/30");"#);
    assert_eq!(lab.addresses("a", "to-b"), ["10.0.0.1/30"]);
    assert_eq!(lab.addresses("b", "to-a"), ["10.0.0.2/30"]);
}

fn a_wire_in_a_network_of_two_uses_both_addresses(lab: &Lab) {
    lab.run(r#"import "std/lab" as lab; lab::wire(netns("a"), netns("b"), "10.0.0.4/31");"#);
    assert_eq!(lab.addresses("a", "to-b"), ["10.0.0.4/31"]);
    assert_eq!(lab.addresses("b", "to-a"), ["10.0.0.5/31"]);
}

fn a_ring_joins_the_last_with_the_first(lab: &Lab) {
    lab.run(r#"import "std/lab" as lab; lab::ring([netns("a"), netns("b"), netns("c")], "10.0.0.0/24");"#);
    assert_eq!(lab.addresses("c", "to-a"), ["10.0.0.9/30"]);
    assert_eq!(lab.addresses("a", "to-c"), ["10.0.0.10/30"]);
    assert_eq!(lab.links("b"), ["to-a", "to-c"]);
}

fn a_router_forwards_between_its_subnets(lab: &Lab) {
    lab.run(
        r#"import "std/lab" as lab;
        lab::router("r", [netns("a"), netns("b")], "10.0.0.0/16");
        assert(netns("a").ping("10.0.1.2", #{count: 1, quiet: true}).ok);"#,
    );
    assert_eq!(lab.routes("a", "default")[0]["gateway"], "10.0.0.1");
    assert_eq!(lab.addresses("r", "to-b"), ["10.0.1.1/24"]);
}

fn a_star_has_a_port_for_each_namespace(lab: &Lab) {
    lab.run(r#"import "std/lab" as lab; lab::star(netns("hub"), [netns("a"), netns("b")], "10.0.0.0/24");"#);
    for port in ["to-a", "to-b"] {
        assert_eq!(lab.link("hub", port)["master"], "br0");
    }
    assert_eq!(lab.addresses("hub", "br0"), ["10.0.0.1/24"]);
    assert_eq!(lab.addresses("b", "eth0"), ["10.0.0.3/24"]);
}

fn ports_of_namespaces_with_long_names_are_told_apart_by_their_ends(lab: &Lab) {
    lab.run(
        r#"import "std/lab" as lab;
        lab::star(netns("hub"), [netns("a-long-name-1"), netns("a-long-name-2")], "10.0.0.0/24");"#,
    );
    assert_eq!(
        lab.links("hub"),
        ["br0", "to--long-name-1", "to--long-name-2"]
    );
}

fn a_tree_has_bridges_down_to_its_hosts(lab: &Lab) {
    let printed = lab.run(
        r#"import "std/lab" as lab;
        let tree = lab::tree("t", 2, 3, "10.0.0.0/24");
        tree.hosts[0].expect_reach(tree.hosts[8]);
        print(`${tree.root} ${tree.bridges.len()} ${tree.hosts.len()}`);"#,
    );
    assert_eq!(printed, "t-s1 4 9\n");
    assert_eq!(lab.links("t-s1"), ["br0", "to-s2", "to-s3", "to-s4"]);
    assert_eq!(
        lab.links("t-s4"),
        ["br0", "to-s1", "to-h7", "to-h8", "to-h9"]
    );
    for port in ["to-s1", "to-h7"] {
        assert_eq!(lab.link("t-s4", port)["master"], "br0");
    }
    assert_eq!(lab.addresses("t-h9", "eth0"), ["10.0.0.9/24"]);
}

const FABRIC: &str = r#"
    import "std/lab" as lab;
    let fabric = lab::leaf_spine("f", 2, 3, 2, "10.0.0.0/16");"#;

fn a_leaf_of_a_fabric_has_a_route_by_all_spines(lab: &Lab) {
    let printed = lab.run(&format!(
        "{FABRIC}
        for hosts in fabric.hosts {{
            fabric.hosts[0][0].expect_reach(hosts[1]);
            fabric.leaves[2].expect_reach(hosts[1]);
        }}
        print([fabric.spines.len(), fabric.leaves.len(), fabric.hosts.len(), fabric.hosts[2].len()]);
        print(fabric.subnets);"
    ));
    assert_eq!(
        printed,
        "[2, 3, 3, 2]\n[\"10.0.1.0/24\", \"10.0.2.0/24\", \"10.0.3.0/24\"]\n"
    );
    let route = &lab.routes("f-leaf-3", "10.0.1.0/24")[0];
    assert_eq!(route["prefsrc"], "10.0.3.1");
    let hops = route["nexthops"].as_array().unwrap();
    let hops: Vec<_> = hops
        .iter()
        .map(|hop| (&hop["dev"], &hop["gateway"]))
        .collect();
    assert_eq!(
        hops,
        [
            (&json!("to-spine-1"), &json!("10.0.0.9")),
            (&json!("to-spine-2"), &json!("10.0.0.11"))
        ]
    );
    assert_eq!(
        lab.routes("f-spine-2", "10.0.3.0/24")[0]["gateway"],
        "10.0.0.10"
    );
    assert_eq!(lab.addresses("f-host-3-2", "eth0"), ["10.0.3.3/24"]);
}

fn a_fabric_goes_on_without_one_of_its_spines(lab: &Lab) {
    lab.run(&format!(
        "{FABRIC}
        let far = fabric.hosts[2];
        for spine in fabric.spines {{
            for leaf in 1..=3 {{
                let end = spine.link(`to-leaf-${{leaf}}`).down().peer;
                wait_for(|| end.state != \"UP\", \"5s\");
            }}
            for host in far {{ fabric.hosts[0][0].expect_reach(host); }}
            for leaf in 1..=3 {{ spine.link(`to-leaf-${{leaf}}`).up().wait_up(); }}
            lab::leaf_spine(\"f\", 2, 3, 2, \"10.0.0.0/16\");
        }}"
    ));
}

fn a_second_run_of_every_part_changes_nothing(lab: &Lab) {
    let text = r#"import "std/lab" as lab;
        lab::wire(netns("w1"), netns("w2"), "10.1.0.0/30");
        lab::star(netns("hub"), [netns("a"), netns("b")], "10.2.0.0/24");
        lab::ring([netns("r1"), netns("r2"), netns("r3")], "10.3.0.0/24");
        lab::router("r", [netns("c"), netns("d")], "10.4.0.0/16");
        lab::tree("t", 2, 2, "10.5.0.0/24");
        lab::leaf_spine("f", 2, 2, 1, "10.6.0.0/16");"#;
    lab.run(text);
    let again = lab.script_with(&["--summary"], text);
    let counts = again.stderr.lines().last().unwrap();
    assert!(
        counts.starts_with("created 0, changed 0, ") && counts.ends_with(", deleted 0"),
        "{}",
        again.stderr
    );
}

fn parts_have_ipv6_as_well(lab: &Lab) {
    lab.run(
        r#"import "std/lab" as lab;
        lab::wire(netns("w1"), netns("w2"), "fd00:1::/127");
        netns("w1").expect_reach("fd00:1::1");
        lab::star(netns("hub"), [netns("a"), netns("b")], "fd00:2::/64");
        netns("a").expect_reach("fd00:2::3");
        lab::ring([netns("r1"), netns("r2"), netns("r3")], "fd00:3::/48");
        netns("r3").expect_reach("fd00:3:0:2::2");
        lab::router("r", [netns("c"), netns("d")], "fd00:4::/48");
        netns("c").expect_reach("fd00:4:0:1::2");
        let tree = lab::tree("t", 2, 2, "fd00:5::/64");
        tree.hosts[0].expect_reach("fd00:5::4");
        let fabric = lab::leaf_spine("f", 2, 2, 1, "fd00:6::/48");
        fabric.hosts[0][0].expect_reach(fabric.hosts[1][0]);
        fabric.leaves[0].expect_reach(fabric.hosts[1][0]);"#,
    );
    assert_eq!(lab.addresses("f-host-2-1", "eth0"), ["fd00:6:0:2::2/64"]);
}

fn a_bond_stands_in_for_an_uplink_that_is_missing(lab: &Lab) {
    let text = r#"import "std/lab" as lab; print(lab::uplink("bond7").mtu);"#;
    assert_eq!(
        lab.run(text),
        "there is no link bond7 here: a bond of two dummy ports stands in for it\n1500\n"
    );
    assert_eq!(lab.links(HOST), ["bond7-p0", "bond7-p1", "bond7"]);
    // It is there now.
    assert_eq!(lab.run(text), "1500\n");
}

fn parts_that_cannot_be_are_refused(lab: &Lab) {
    for (call, text) in [
        (
            r#"lab::tree("t", 0, 2, "10.0.0.0/24")"#,
            "assertion failed: a tree is one bridge deep at least",
        ),
        (
            r#"lab::tree("t", 1, 0, "10.0.0.0/24")"#,
            "assertion failed: a bridge of a tree has one branch at least",
        ),
        (
            r#"lab::leaf_spine("f", 0, 2, 2, "10.0.0.0/16")"#,
            "assertion failed: a fabric has one spine and one leaf at least",
        ),
        (
            r#"lab::ring([netns("a"), netns("b")], "10.0.0.0/16")"#,
            "assertion failed: a ring takes three namespaces at least",
        ),
    ] {
        let drawn = lab.fails(&format!("import \"std/lab\" as lab;\n{call};"));
        assert!(
            drawn.contains(&format!("error: {text}\n --> lab.rhai:2:6\n")),
            "{drawn}"
        );
    }
}

fn addresses_are_planned_in_networks_of_any_size(lab: &Lab) {
    let printed = lab.run(
        r#"import "std/address" as address;
        print(address::subnets("10.0.0.0/8", 24).len());
        print(address::subnets("10.0.0.0/24", 24));
        print(address::first_subnets("0.0.0.0/0", 32, 2));
        print(address::first_subnets("fd00::/8", 64, 2));
        print(address::host("10.0.0.0/8", 16777214));
        print(address::host("fd00::/16", -1));
        print(address::next_free("fd00::/8", ["FD00:0::0001/64", "fd00::3"]));
        print(address::next_free("10.0.0.4/31", ["10.0.0.4"]));
        print(address::next_free("10.0.0.7/32", []));
        let taken = [];
        for index in 1..=1000 { taken.push(address::host("10.0.0.0/16", index)); }
        print(address::next_free("10.0.0.0/16", taken));"#,
    );
    assert_eq!(
        printed,
        "\
65536
[\"10.0.0.0/24\"]
[\"0.0.0.0/32\", \"0.0.0.1/32\"]
[\"fd00::/64\", \"fd00:0:0:1::/64\"]
10.255.255.254/8
fd00:ffff:ffff:ffff:ffff:ffff:ffff:ffff/16
fd00::2/8
10.0.0.5/31
10.0.0.7/32
10.0.3.233/16
"
    );
    let text = lab.fails("import \"std/address\" as address;\naddress::subnets(\"fd00::/8\", 64);");
    assert!(
        text.starts_with(
            "error: fd00::/8 has more than 65536 subnets of length 64: pick them by nth_subnet(network, length, index)\n --> lab.rhai:2:10\n"
        ),
        "{text}"
    );
}

fn a_trunk_carries_a_vlan_for_each_tenant(lab: &Lab) {
    lab.run(r#"import "std/lab" as lab; lab::trunk(netns("a"), netns("b"), #{red: 10, blue: 20}, "10.0.0.0/16");"#);
    for (tenant, id, subnet) in [("blue", 20, 0), ("red", 10, 1)] {
        let link = lab.link("b", tenant);
        assert_eq!(link["linkinfo"]["info_data"]["id"], json!(id));
        assert_eq!(lab.addresses("b", tenant), [format!("10.0.{subnet}.2/24")]);
    }
}

fn a_fleet_has_a_slave_in_each_namespace(lab: &Lab) {
    lab.run(r#"import "std/lab" as lab; lab::fleet(dummy("up0", #{up: true}), "n", 3, "10.20.0.0/16");"#);
    assert_eq!(lab.namespaces(), ["n-1", "n-2", "n-3"]);
    let slave = lab.link("n-3", "eth0");
    assert_eq!(slave["linkinfo"]["info_data"]["mode"], "l3");
    assert_eq!(lab.addresses("n-3", "eth0"), ["10.20.0.3/16"]);
    assert_eq!(lab.routes("n-3", "default")[0]["dev"], "eth0");
}

fn a_full_network_has_no_next_address(lab: &Lab) {
    let text = lab.fails(
        r#"import "std/address" as address;
address::next_free("10.0.0.0/30", ["10.0.0.1", "10.0.0.2/30"]);"#,
    );
    assert!(
        text.starts_with("error: 10.0.0.0/30 has no free address left\n --> lab.rhai:2:10\n"),
        "{text}"
    );
}

fn a_failed_check_says_what_came_back(lab: &Lab) {
    let wired = r#"
        import "std/lab" as lab;
        import "std/check" as check;
        lab::wire(netns("a"), netns("b"), "10.0.0.0/30");"#;
    let report = lab.run(&format!(
        "{wired} print(check::reaches(netns(\"a\"), \"10.0.0.2\").received); check::does_not_reach(netns(\"a\"), \"192.0.2.1\");"
    ));
    assert_eq!(report, "1\n");
    for (call, text) in [
        (
            "check::does_not_reach(netns(\"a\"), \"10.0.0.2\")",
            "a reaches 10.0.0.2, which it was not to",
        ),
        (
            "check::equal(netns(\"a\").links.len(), 3, \"the links\")",
            "the links is 2, not 3",
        ),
    ] {
        let drawn = lab.fails(&format!("{wired}\n{call};"));
        assert!(
            drawn.starts_with(&format!("error: assertion failed: {text}\n")),
            "{drawn}"
        );
    }
}

fn a_failed_check_says_what_was_wanted(lab: &Lab) {
    let text = lab.fails(
        r#"import "std/check" as check;
check::fails(|| netns("a"), "denied");"#,
    );
    assert!(
        text.contains("error: assertion failed: this was to fail with denied, and did not fail\n"),
        "{text}"
    );
}
