//! The standard library, judged by iproute2.

use serde_json::json;

use crate::case::cases;
use crate::lab::Lab;

cases! {
    ["veth"] =>
        a_wire_has_both_ends_in_their_namespaces
        a_ring_joins_the_last_with_the_first
        a_router_forwards_between_its_subnets
        a_wire_in_a_network_of_two_uses_both_addresses;
    ["veth", "bridge"] =>
        a_star_has_a_port_for_each_namespace;
    ["veth", "vlan"] =>
        a_trunk_carries_a_vlan_for_each_tenant;
    ["dummy", "ipvlan"] =>
        a_fleet_has_a_slave_in_each_namespace;
    [] =>
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
