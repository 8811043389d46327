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
        a_line_has_routes_from_end_to_end
        a_full_mesh_joins_each_with_each
        a_failed_check_says_what_came_back;
    ["veth", "bridge"] =>
        a_star_has_a_port_for_each_namespace
        ports_of_namespaces_with_long_names_are_told_apart_by_their_ends
        a_tree_has_bridges_down_to_its_hosts
        a_leaf_of_a_fabric_has_a_route_by_all_spines
        a_fabric_goes_on_without_one_of_its_spines
        a_second_run_of_every_part_changes_nothing
        parts_have_ipv6_as_well;
    ["veth", "netem"] =>
        a_line_is_impaired_in_both_directions
        a_line_is_impaired_by_a_schedule;
    ["veth", "vlan"] =>
        a_trunk_carries_a_vlan_for_each_tenant;
    ["dummy", "ipvlan"] =>
        a_fleet_has_a_slave_in_each_namespace;
    ["bond", "dummy"] =>
        a_bond_stands_in_for_an_uplink_that_is_missing;
    [] =>
        a_wrong_argument_is_told_with_its_function_and_its_name
        a_network_without_room_is_told_before_anything_is_made
        what_cannot_join_two_hosts_is_told
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
        lab::leaf_spine("f", 2, 2, 1, "10.6.0.0/16");
        lab::line([netns("l1"), netns("l2"), netns("l3")], "10.7.0.0/24");
        lab::full_mesh([netns("m1"), netns("m2"), netns("m3")], "10.8.0.0/24");"#;
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

/// Calls that are refused, and what is told: whole, and before there is anything but what the call itself names.
fn refused(lab: &Lab, calls: &[(&str, &str)]) {
    let modules = ["std/lab", "std/address", "std/check", "std/fabric"];
    let imports = modules.map(|path| format!("import \"{path}\" as {};", &path[4..]));
    let lines: Vec<(String, &str)> = calls
        .iter()
        .map(|(call, told)| (format!("{} {call}", imports.concat()), *told))
        .collect();
    let lines: Vec<(&str, &str)> = lines.iter().map(|(l, t)| (l.as_str(), *t)).collect();
    lab.refuses(&lines);
    for net in lab.namespaces() {
        assert_eq!(lab.links(&net), Vec::<String>::new());
    }
}

const NETWORK: &str = "a network such as \"10.0.0.0/24\"";

/// Calls, the function that each is of, the argument that is wrong, what it is to be and what it is.
const WRONG: &[(&str, &str, &str, &str, &str)] = &[
    ("lab::uplink(7)", "lab::uplink", "name", "a string", "7"),
    (
        "lab::fleet((), 1, 2, \"10.0.0.0/8\")",
        "lab::fleet",
        "stem",
        "a string",
        "1",
    ),
    (
        "lab::fleet((), \"n\", 0, \"10.0.0.0/8\")",
        "lab::fleet",
        "count",
        "1 to 65536",
        "0",
    ),
    (
        "lab::fleet((), \"n\", 100000, \"10.0.0.0/8\")",
        "lab::fleet",
        "count",
        "1 to 65536",
        "100000",
    ),
    (
        "lab::fleet((), \"n\", \"2\", \"10.0.0.0/8\")",
        "lab::fleet",
        "count",
        "1 to 65536",
        "\"2\"",
    ),
    (
        "lab::fleet((), \"n\", 2, \"ten\")",
        "lab::fleet",
        "network",
        NETWORK,
        "\"ten\"",
    ),
    (
        "lab::wire(\"a\", netns(\"b\"), \"10.0.0.0/30\")",
        "lab::wire",
        "a",
        "a namespace",
        "\"a\"",
    ),
    (
        "lab::wire(netns(\"a\"), 7, \"10.0.0.0/30\")",
        "lab::wire",
        "b",
        "a namespace",
        "7",
    ),
    (
        "lab::wire(netns(\"a\"), netns(\"b\"), \"10.0.0.0/33\")",
        "lab::wire",
        "network",
        NETWORK,
        "\"10.0.0.0/33\"",
    ),
    (
        "lab::impair(\"eth0\", #{})",
        "lab::impair",
        "end",
        "a link",
        "\"eth0\"",
    ),
    (
        "lab::impair(host().link(\"lo\"), \"10ms\")",
        "lab::impair",
        "options",
        "a map",
        "\"10ms\"",
    ),
    (
        "fabric::hosts(\"h1\", [])",
        "fabric::hosts",
        "addresses",
        "a map",
        "a list",
    ),
    (
        "fabric::hosts(\"h1\", #{h1: \"gate\"})",
        "fabric::hosts",
        "addresses.h1",
        "a network such as \"10.0.0.0/24\"",
        "\"gate\"",
    ),
    (
        "lab::star(7, [], \"10.0.0.0/24\")",
        "lab::star",
        "center",
        "a namespace",
        "7",
    ),
    (
        "lab::star(netns(\"a\"), netns(\"b\"), \"10.0.0.0/24\")",
        "lab::star",
        "leaves",
        "a list",
        "a namespace",
    ),
    (
        "lab::star(netns(\"a\"), [], \"10.0.0.0/24\")",
        "lab::star",
        "leaves.len()",
        "1 to 65536",
        "0",
    ),
    (
        "lab::star(netns(\"a\"), [netns(\"b\"), \"c\"], \"10.0.0.0/24\")",
        "lab::star",
        "leaves[1]",
        "a namespace",
        "\"c\"",
    ),
    (
        "lab::ring([netns(\"a\"), netns(\"b\")], \"10.0.0.0/24\")",
        "lab::ring",
        "nets.len()",
        "3 to 65536",
        "2",
    ),
    (
        "lab::full_mesh([netns(\"a\")], \"10.0.0.0/24\")",
        "lab::full_mesh",
        "nets.len()",
        "2 to 65536",
        "1",
    ),
    (
        "lab::line([netns(\"a\")], \"10.0.0.0/24\")",
        "lab::line",
        "nets.len()",
        "2 to 65536",
        "1",
    ),
    (
        "lab::router(netns(\"a\"), [], \"10.0.0.0/16\")",
        "lab::router",
        "name",
        "a string",
        "a namespace",
    ),
    (
        "lab::router(\"r\", [7], \"10.0.0.0/16\")",
        "lab::router",
        "hosts[0]",
        "a namespace",
        "7",
    ),
    (
        "lab::router(\"r\", [netns(\"a\")], 7)",
        "lab::router",
        "network",
        NETWORK,
        "7",
    ),
    (
        "lab::trunk(netns(\"a\"), netns(\"b\"), [10], \"10.0.0.0/16\")",
        "lab::trunk",
        "tenants",
        "a map",
        "a list",
    ),
    (
        "lab::trunk(netns(\"a\"), netns(\"b\"), #{red: 4096}, \"10.0.0.0/16\")",
        "lab::trunk",
        "tenants.red",
        "0 to 4095",
        "4096",
    ),
    (
        "lab::tree(\"t\", 0, 2, \"10.0.0.0/24\")",
        "lab::tree",
        "depth",
        "1 to 12",
        "0",
    ),
    (
        "lab::tree(\"t\", 1, -1, \"10.0.0.0/24\")",
        "lab::tree",
        "fanout",
        "1 to 32",
        "-1",
    ),
    (
        "lab::leaf_spine(\"f\", 0, 2, 2, \"10.0.0.0/16\")",
        "lab::leaf_spine",
        "spines",
        "1 to 128",
        "0",
    ),
    (
        "lab::leaf_spine(\"f\", 1, 2.5, 2, \"10.0.0.0/16\")",
        "lab::leaf_spine",
        "leaves",
        "1 to 1000",
        "2.5",
    ),
    (
        "lab::leaf_spine(\"f\", 1, 2, 254, \"10.0.0.0/16\")",
        "lab::leaf_spine",
        "hosts",
        "0 to 253",
        "254",
    ),
    (
        "address::subnets(7, 24)",
        "address::subnets",
        "network",
        NETWORK,
        "7",
    ),
    (
        "address::subnets(\"10.0.0.0/24\", 23)",
        "address::subnets",
        "length",
        "24 to 32",
        "23",
    ),
    (
        "address::subnets(\"fd00::/64\", 129)",
        "address::subnets",
        "length",
        "64 to 128",
        "129",
    ),
    (
        "address::subnets(\"10.0.0.0/24\", \"25\")",
        "address::subnets",
        "length",
        "24 to 32",
        "\"25\"",
    ),
    (
        "address::first_subnets(\"10.0.0.0/24\", 25, -1)",
        "address::first_subnets",
        "count",
        "0 to 65536",
        "-1",
    ),
    (
        "address::host(\"10.0.0.0/24\", \"1\")",
        "address::host",
        "index",
        "an integer",
        "\"1\"",
    ),
    (
        "address::next_free(\"10.0.0.0/24\", \"10.0.0.1\")",
        "address::next_free",
        "taken",
        "a list",
        "\"10.0.0.1\"",
    ),
    (
        "address::next_free(\"10.0.0.0/24\", [7])",
        "address::next_free",
        "taken",
        NETWORK,
        "7",
    ),
    (
        "check::reaches(\"a\", \"10.0.0.1\")",
        "check::reaches",
        "net",
        "a namespace",
        "\"a\"",
    ),
    (
        "check::does_not_reach(7, \"10.0.0.1\")",
        "check::does_not_reach",
        "net",
        "a namespace",
        "7",
    ),
    (
        "check::all_reach(\"a\")",
        "check::all_reach",
        "members",
        "a list",
        "\"a\"",
    ),
    (
        "check::fails(7, \"busy\")",
        "check::fails",
        "action",
        "a function",
        "7",
    ),
    (
        "check::fails(|| 1, 7)",
        "check::fails",
        "kind",
        "a string",
        "7",
    ),
];

fn a_wrong_argument_is_told_with_its_function_and_its_name(lab: &Lab) {
    let told = WRONG.iter().map(|(_, function, name, wanted, given)| {
        format!("invalid: argument `{name}` of `{function}` is {wanted}, not {given}")
    });
    let told: Vec<String> = told.collect();
    let calls = WRONG.iter().zip(&told);
    let calls: Vec<(&str, &str)> = calls.map(|(call, told)| (call.0, told.as_str())).collect();
    refused(lab, &calls);
}

fn what_cannot_join_two_hosts_is_told(lab: &Lab) {
    let two = |call: &str| {
        format!(
            "let two = fabric::hosts(\"h1\", #{{h1: \"10.0.0.1\", h2: \"10.0.0.2\"}}); fabric::wire_across(two, {call})"
        )
    };
    let calls = [
        (
            "fabric::hosts(\"h3\", #{h1: \"10.0.0.1\", h2: \"10.0.0.2\"})".to_owned(),
            "this host, `h3`, is none of the hosts h1, h2",
        ),
        (
            "fabric::hosts(\"h1\", #{h1: \"fd00::1\", h2: \"fd00:0::1\"})".to_owned(),
            "two hosts have the address fd00::1",
        ),
        (
            "fabric::hosts(\"h1\", #{h1: \"10.0.0.1/24\"})".to_owned(),
            "the address of host `h1` is to be that alone, not 10.0.0.1/24",
        ),
        (
            two(r#""a", "h1", "b", "h3", "10.1.0.0/30""#),
            "there is no host `h3`: the hosts are h1, h2",
        ),
        (
            two(r#""a", "h1", "b", "h1", "10.1.0.0/30""#),
            "`a` and `b` are both on host `h1`: std/lab has `lab::wire` for these",
        ),
        (
            two(r#""a", "h1", "b", "h2", "10.1.0.0/30""#),
            "no link here has the address 10.0.0.1, that of host `h1`",
        ),
        (
            two(r#""a", "h1", "b", "h2", "10.1.0.0/30", #{vni: 7}"#),
            "`fabric::wire_across` has no option `vni`: it takes id, port",
        ),
    ];
    for (call, told) in calls {
        let said = lab.fails(&format!("import \"std/fabric\" as fabric; {call}"));
        assert_eq!(said.lines().next(), Some(&*format!("error: {told}")));
    }
    assert_eq!(lab.namespaces(), [""; 0]);
}

fn a_network_without_room_is_told_before_anything_is_made(lab: &Lab) {
    refused(
        lab,
        &[
            (
                "lab::fleet((), \"n\", 300, \"10.0.0.0/24\")",
                "invalid: argument `network` of `lab::fleet` has no room for host number 300: `10.0.0.0/24` has no address number 301\n\
                 hint: the first has number 0, the last 255",
            ),
            (
                "lab::wire(netns(\"a\"), netns(\"b\"), \"10.0.0.0/32\")",
                "invalid: argument `network` of `lab::wire` has no room for host number 2: `10.0.0.0/32` has no address number 2\n\
                 hint: the first has number 0, the last 0",
            ),
            (
                "lab::star(netns(\"c\"), [netns(\"a\"), netns(\"b\")], \"10.0.0.0/30\")",
                "invalid: argument `network` of `lab::star` has no room for host number 3: `10.0.0.0/30` has no address number 4\n\
                 hint: the first has number 0, the last 3",
            ),
            (
                "lab::ring([netns(\"a\"), netns(\"b\"), netns(\"c\")], \"10.0.0.0/30\")",
                "invalid: argument `network` of `lab::ring` has no room for 3 subnets: `10.0.0.0/30` has no /30 number 2\n\
                 hint: the first has number 0, the last 0",
            ),
            (
                "lab::leaf_spine(\"f\", 1, 1, 1, \"10.0.0.0/24\")",
                "invalid: argument `network` of `lab::leaf_spine` has no room for 2 subnets: `10.0.0.0/24` has no /24 number 1\n\
                 hint: the first has number 0, the last 0",
            ),
            (
                "address::subnets(\"fd00::/8\", 64)",
                "invalid: fd00::/8 has more than 65536 subnets of length 64\n\
                 hint: pick them by nth_subnet(network, length, index)",
            ),
            (
                "address::host(\"10.0.0.0/31\", 2)",
                "invalid: `10.0.0.0/31` has no address number 2\nhint: the first has number 0, the last 1",
            ),
            (
                "address::next_free(\"fd00::/127\", [\"fd00::\", \"fd00::1/64\"])",
                "not_found: fd00::/127 has no free address left",
            ),
        ],
    );
}

fn a_line_has_routes_from_end_to_end(lab: &Lab) {
    for network in ["10.0.0.0/24", "fd00::/48"] {
        let printed = lab.run(&format!(
            r#"import "std/lab" as lab;
            import "std/check" as check;
            let nets = ["a", "b", "c", "d"].map(|name| netns(name));
            lab::line(nets, "{network}");
            let found = check::all_reach(nets);
            print(found.report("a", "d").replies[0].ttl);"#
        ));
        // Two routers are between.
        assert_eq!(printed, "62\n");
    }
    assert_eq!(lab.routes("a", "10.0.0.8/30")[0]["gateway"], "10.0.0.2");
    assert_eq!(lab.routes("c", "10.0.0.0/30")[0]["gateway"], "10.0.0.5");
    assert_eq!(lab.links("d"), ["to-c"]);
}

fn a_full_mesh_joins_each_with_each(lab: &Lab) {
    let printed = lab.run(
        r#"import "std/lab" as lab;
        let nets = ["a", "b", "c"].map(|name| netns(name));
        print(lab::full_mesh(nets, "10.0.0.0/24"));
        for net in nets { for link in net.links { if link.name != "lo" { link.wait_up(); } } }
        print(mesh([netns("a").link("to-b"), netns("b").link("to-a")]).ok);"#,
    );
    assert_eq!(
        printed,
        "[\"10.0.0.0/30\", \"10.0.0.4/30\", \"10.0.0.8/30\"]\ntrue\n"
    );
    assert_eq!(lab.links("b"), ["to-a", "to-c"]);
    assert_eq!(lab.addresses("c", "to-b"), ["10.0.0.10/30"]);
}

fn a_line_is_impaired_in_both_directions(lab: &Lab) {
    lab.run(
        r#"import "std/lab" as lab;
        let cable = lab::wire(netns("a"), netns("b"), "10.0.0.0/30");
        lab::impair(cable, #{delay: "10ms"});"#,
    );
    for (net, link) in [("a", "to-b"), ("b", "to-a")] {
        let queue = &lab.tc(net, &format!("qdisc show dev {link}"))[0];
        assert_eq!(queue["kind"], "netem");
        assert_eq!(queue["options"]["delay"]["delay"], 0.01);
    }
}

fn a_line_is_impaired_by_a_schedule(lab: &Lab) {
    let kinds = |lab: &Lab| {
        [("a", "to-b"), ("b", "to-a")].map(|(net, link)| {
            let queue = lab.tc(net, &format!("qdisc show dev {link}"))[0].clone();
            (
                queue["kind"].clone(),
                queue["options"]["delay"]["delay"].clone(),
            )
        })
    };
    let begin = "import \"std/lab\" as lab; let cable = lab::wire(netns(\"a\"), netns(\"b\"), \"10.0.0.0/30\");";
    let run = |steps: &str| lab.run(&format!("{begin} print(lab::impair(cable, {steps}).name);"));
    let stays =
        run("[#{time: \"10ms\", loss: \"50%\"}, #{time: 0.01, delay: \"1s\"}, #{delay: \"20ms\"}]");
    assert_eq!(stays, "to-b\n");
    assert_eq!(
        kinds(lab),
        [("netem".into(), 0.02.into()), ("netem".into(), 0.02.into())]
    );
    assert_eq!(run("[#{time: \"10ms\", loss: \"50%\"}]"), "to-b\n");
    assert_eq!(kinds(lab).map(|(kind, _)| kind), ["noqueue", "noqueue"]);
    let refused = lab.ipvsh(&[
        "-e",
        &format!("{begin} lab::impair(cable, [#{{loss: \"50%\"}}, #{{time: 1}}])"),
    ]);
    assert!(
        refused
            .stderr
            .contains("options[0] of `lab::impair` has no `time`"),
        "{}",
        refused.stderr
    );
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
        (
            "check::between(7, 1, 3, \"the count\")",
            "the count is 7, not 1 to 3",
        ),
        (
            "check::between((), 1, 3, \"the time\")",
            "the time is nothing, not 1 to 3",
        ),
        (
            "netns(\"c\").veth(\"c0\", netns(\"c\"), \"c1\", #{addr: \"10.9.0.1/24\", up: true}); check::all_reach([\"a\", \"b\", \"c\"])",
            "a does not reach c (10.9.0.1): no route",
        ),
    ] {
        let drawn = lab.fails(&format!("{wired}\n{call};"));
        assert!(
            drawn.contains(&format!("error: assertion failed: {text}\n")),
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
