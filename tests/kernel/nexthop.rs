//! Nexthop objects: made, grouped, replaced, named by routes, taken away.

use serde_json::{Value, json};

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["veth"] =>
        a_nexthop_leads_by_a_gateway_and_a_link
        a_nexthop_leads_nowhere
        a_group_has_members_with_weights
        a_route_names_its_nexthop
        a_second_run_leaves_nexthops_and_their_routes
        a_nexthop_that_leads_elsewhere_is_a_conflict
        a_route_by_another_nexthop_is_a_conflict
        a_replaced_nexthop_takes_its_routes_along
        a_group_takes_the_place_of_a_single_one
        a_nexthop_is_taken_away_with_what_names_it
        what_a_run_did_to_nexthops_is_undone
        nexthops_of_a_foreign_namespace_go_with_the_lab
        nexthops_are_traced_as_ip_makes_them
        nexthops_are_listed_as_a_table
        a_plan_knows_the_nexthops_that_it_has_planned
        what_a_nexthop_cannot_be_is_refused
        what_a_route_cannot_have_of_a_nexthop_is_refused;
}

/// A pair, up, with `v0` at 10.0.0.1/24 and `fd00::1/64`.
fn pair(lab: &Lab) {
    lab.ip(
        "link set lo up\nlink add v0 type veth peer name v1\nlink set v0 addrgenmode none\nlink set v1 addrgenmode none\n\
         link set v0 up\nlink set v1 up\n\
         addr add 10.0.0.1/24 dev v0\naddr add fd00::1/64 dev v0 nodad",
    );
    lab.wait_up("v0");
}

/// All nexthops, without their empty flags.
fn nexthops(lab: &Lab, netns: &str) -> Value {
    let mut found = lab.json(netns, "nexthop");
    for one in found.as_array_mut().unwrap() {
        let one = one.as_object_mut().unwrap();
        one.remove("scope");
        if one["flags"] == json!([]) {
            one.remove("flags");
        }
    }
    found
}

fn a_nexthop_leads_by_a_gateway_and_a_link(lab: &Lab) {
    pair(lab);
    lab.run(
        r#"
        nexthop(1, #{via: "10.0.0.2", dev: "v0"});
        nexthop(2, #{dev: link("v0"), proto: "static"});
        nexthop(3, #{via: "192.0.2.1", dev: "v0", onlink: true, proto: 77});
        nexthop(4, #{via: "fd00::2", dev: "v0"});
        nexthop(4294967295, #{dev: "v0", family: "inet6"});
        "#,
    );
    assert_eq!(
        nexthops(lab, HOST),
        json!([
            {"id": 1, "gateway": "10.0.0.2", "dev": "v0"},
            {"id": 2, "dev": "v0", "protocol": "static"},
            {"id": 3, "gateway": "192.0.2.1", "dev": "v0", "protocol": "77", "flags": ["onlink"]},
            {"id": 4, "gateway": "fd00::2", "dev": "v0"},
            {"id": 4_294_967_295_u32, "dev": "v0"},
        ])
    );
}

fn a_nexthop_leads_nowhere(lab: &Lab) {
    lab.run(r#"let a = netns("a"); a.link("lo").up(); a.nexthop(1, #{blackhole: true}).nexthop(2, #{blackhole: true, family: "inet6"});"#);
    assert_eq!(
        nexthops(lab, "a"),
        json!([{"id": 1, "blackhole": null}, {"id": 2, "blackhole": null}])
    );
    lab.run(r#"netns("a").route("fd01::/64", #{nexthop: 2});"#);
    assert_eq!(lab.json("a", "-6 route show")[0]["nhid"], 2);
}

fn a_group_has_members_with_weights(lab: &Lab) {
    pair(lab);
    lab.run(
        r#"
        for i in 1..=3 { nexthop(i, #{via: `10.0.0.${i + 1}`, dev: "v0"}); }
        nexthop(10, #{group: [3, 1]});
        nexthop(11, #{group: [#{id: 2, weight: 255}, #{id: 3}, 1]});
        "#,
    );
    let found = nexthops(lab, HOST);
    assert_eq!(found[3], json!({"id": 10, "group": [{"id": 1}, {"id": 3}]}));
    assert_eq!(
        found[4]["group"],
        json!([{"id": 1}, {"id": 2, "weight": 255}, {"id": 3}])
    );
}

fn a_route_names_its_nexthop(lab: &Lab) {
    pair(lab);
    let found = lab.value(
        r#"
        nexthop(1, #{via: "10.0.0.2", dev: "v0"});
        nexthop(2, #{via: "10.0.0.3", dev: "v0"});
        nexthop(3, #{via: "fd00::2", dev: "v0"});
        nexthop(4, #{blackhole: true});
        nexthop(10, #{group: [1, 2]});
        route("10.1.0.0/16", #{nexthop: 1, metric: 7});
        route("10.2.0.0/16", #{nexthop: 10});
        route("10.4.0.0/16", #{nexthop: 4});
        route("fd01::/64", #{nexthop: 3, table: 100});
        host().routes.filter(|r| r.nexthop != ()).map(|r| r.line) + host().routes(#{table: 100}).map(|r| r.nexthop)
        "#,
    );
    let route = |arguments: &str| {
        let found = lab.json(HOST, arguments);
        assert_eq!(found.as_array().unwrap().len(), 1, "{arguments}");
        found[0]["nhid"].clone()
    };
    assert_eq!(route("route show 10.1.0.0/16 metric 7"), 1);
    assert_eq!(route("route show 10.2.0.0/16"), 10);
    assert_eq!(route("route show 10.4.0.0/16"), 4);
    assert_eq!(route("-6 route show table 100"), 3);
    assert_eq!(
        found,
        json!([
            "10.1.0.0/16 nhid 1 via 10.0.0.2 dev v0 metric 7",
            "10.2.0.0/16 nhid 10 nexthop via 10.0.0.2 dev v0 weight 1 nexthop via 10.0.0.3 dev v0 weight 1",
            "blackhole 10.4.0.0/16 nhid 4 dev lo",
            3,
        ])
    );
}

/// Nexthops of every sort, and routes by them.
const ALL: &str = r#"
    let a = host();
    a.nexthop(1, #{via: "10.0.0.2", dev: "v0"}).nexthop(2, #{dev: "v0", proto: "static"});
    a.nexthop(3, #{via: "fd00::2", dev: "v0"}).nexthop(4, #{blackhole: true}).nexthop(5, #{via: "10.0.0.5", dev: "v0"});
    a.nexthop(10, #{group: [#{id: 5, weight: 2}, 1]});
    a.route("10.1.0.0/16", #{nexthop: 1});
    a.route("10.2.0.0/16", #{nexthop: 10, table: 100});
    a.route("10.4.0.0/16", #{nexthop: 4});
    a.route("fd01::/64", #{nexthop: 3});
"#;

fn a_second_run_leaves_nexthops_and_their_routes(lab: &Lab) {
    pair(lab);
    lab.twice(ALL);
}

fn a_nexthop_that_leads_elsewhere_is_a_conflict(lab: &Lab) {
    pair(lab);
    lab.ip("nexthop add id 1 via 10.0.0.2 dev v0\nnexthop add id 2 blackhole\nnexthop add id 3 via 10.0.0.3 dev v0\n\
         nexthop add id 10 group 1,2/3");
    let told = |id: u32, there: &str, asked: &str| {
        format!(
            "conflict: cannot add nexthop `{id}` in namespace `host`: a nexthop of that number is there and leads elsewhere\n\
             note: there: {there}\nnote: asked: {asked}\nhint: take another number, or replace it with #{{replace: true}}"
        )
    };
    lab.refuses(&[
        (
            r#"nexthop(1, #{via: "10.0.0.9", dev: "v0"})"#,
            &told(1, "id 1 via 10.0.0.2 dev v0", "id 1 via 10.0.0.9 dev v0"),
        ),
        (
            r#"nexthop(2, #{dev: "v0", proto: "static"})"#,
            &told(2, "id 2 blackhole", "id 2 dev v0 proto static"),
        ),
        (
            "nexthop(10, #{group: [1, 3]})",
            &told(10, "id 10 group 1,2/3", "id 10 group 1/3"),
        ),
        (
            "nexthop(10, #{blackhole: true})",
            &told(10, "id 10 group 1,2/3", "id 10 blackhole"),
        ),
    ]);
}

fn a_route_by_another_nexthop_is_a_conflict(lab: &Lab) {
    pair(lab);
    lab.ip("nexthop add id 1 via 10.0.0.2 dev v0\nnexthop add id 2 via 10.0.0.3 dev v0\nroute add 10.1.0.0/16 nhid 1");
    lab.refuses(&[(
        r#"route("10.1.0.0/16", #{nexthop: 2})"#,
        "conflict: cannot add route `10.1.0.0/16` in namespace `host`: a route to that destination is there and leads elsewhere\n\
         note: there: 10.1.0.0/16 nhid 1\nnote: asked: 10.1.0.0/16 nhid 2\n\
         hint: give it a metric of its own, or replace it with #{replace: true}",
    )]);
    lab.run(r#"route("10.1.0.0/16", #{nexthop: 2, replace: true});"#);
    assert_eq!(lab.json(HOST, "route show 10.1.0.0/16")[0]["nhid"], 2);
    lab.run(r#"del_route("10.1.0.0/16", #{nexthop: 1});"#);
    assert_eq!(lab.json(HOST, "route show 10.1.0.0/16")[0]["nhid"], 2);
    lab.run(r#"del_route("10.1.0.0/16", #{nexthop: 2});"#);
    assert_eq!(lab.json(HOST, "route show 10.1.0.0/16"), json!([]));
}

fn a_replaced_nexthop_takes_its_routes_along(lab: &Lab) {
    pair(lab);
    lab.run(ALL);
    let text = r#"nexthop(1, #{via: "10.0.0.77", dev: "v0", replace: true}); nexthop(10, #{group: [1, 2, 5], replace: true});"#;
    let output = lab.script_with(&["--trace", "--summary"], text);
    assert_eq!(
        output.stderr,
        "+ ip nexthop replace id 1 via 10.0.0.77 dev v0\n+ ip nexthop replace id 10 group 1/2/5\n\
         ~ nexthop id 1 via 10.0.0.77 dev v0 in host\n~ nexthop id 10 group 1/2/5 in host\n\
         created 0, changed 2, unchanged 0, deleted 0\n"
    );
    assert_eq!(
        lab.json(HOST, "route show 10.1.0.0/16")[0]["gateway"],
        "10.0.0.77"
    );
    lab.twice(text);
}

fn a_group_takes_the_place_of_a_single_one(lab: &Lab) {
    pair(lab);
    lab.ip("nexthop add id 1 via 10.0.0.2 dev v0\nnexthop add id 2 blackhole\nroute add 10.1.0.0/16 nhid 2");
    let output = lab.script_with(&["--trace"], "nexthop(2, #{group: [1], replace: true});");
    assert_eq!(
        output.stderr,
        "+ ip route del 10.1.0.0/16 nhid 2\n+ ip nexthop del id 2\n+ ip nexthop add id 2 group 1\n"
    );
    assert_eq!(nexthops(lab, HOST)[1]["group"], json!([{"id": 1}]));
}

fn a_nexthop_is_taken_away_with_what_names_it(lab: &Lab) {
    pair(lab);
    lab.run(ALL);
    let text = "del_nexthop(1); del_nexthop(1).del_nexthop(99).del_nexthop(5);";
    let output = lab.script_with(&["--trace", "--summary"], text);
    assert_eq!(
        output.stderr,
        "+ ip route del 10.1.0.0/16 nhid 1\n+ ip nexthop replace id 10 group '5,2'\n+ ip nexthop del id 1\n\
         + ip route del 10.2.0.0/16 nhid 10 table 100\n+ ip nexthop del id 10\n+ ip nexthop del id 5\n\
         - route   10.1.0.0/16 nhid 1 in host\n~ nexthop id 10 group 5,2 in host\n- nexthop id 1 via 10.0.0.2 dev v0 in host\n\
         = nexthop id 1 in host\n= nexthop id 99 in host\n\
         - route   10.2.0.0/16 nhid 10 table 100 in host\n- nexthop id 10 group 5,2 in host\n- nexthop id 5 via 10.0.0.5 dev v0 in host\n\
         created 0, changed 1, unchanged 2, deleted 5\n"
    );
    let left = nexthops(lab, HOST);
    let left: Vec<_> = left
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].clone())
        .collect();
    assert_eq!(left, [2, 3, 4]);
}

/// Nexthops and the routes by them, as iproute2 tells them.
fn whole(lab: &Lab) -> [Value; 3] {
    // The kernel makes its own at a time of its own.
    let routes = |query| {
        let mut routes = lab.json(HOST, query);
        let all = routes.as_array_mut().expect("a list");
        all.retain(|route| route["protocol"] != "kernel");
        routes
    };
    [
        nexthops(lab, HOST),
        routes("route show table all"),
        routes("-6 route show table all"),
    ]
}

fn what_a_run_did_to_nexthops_is_undone(lab: &Lab) {
    pair(lab);
    lab.run(ALL);
    let before = whole(lab);
    let error = lab.fails(
        r#"
        nexthop(1, #{via: "10.0.0.99", dev: "v0", replace: true});
        nexthop(4, #{group: [2], replace: true});
        del_nexthop(5);
        del_nexthop(3);
        nexthop(20, #{via: "10.0.0.20", dev: "v0"});
        route("10.20.0.0/16", #{nexthop: 20});
        throw "enough";
        "#,
    );
    assert!(
        error.contains("took down what this run made: 10 changes"),
        "{error}"
    );
    assert_eq!(whole(lab), before);
}

fn nexthops_of_a_foreign_namespace_go_with_the_lab(lab: &Lab) {
    pair(lab);
    let before = whole(lab);
    lab.run(ALL);
    // Of what is missing it would say so.
    let listed = lab.ipvsh(&["ls"]).stdout;
    assert_eq!(
        listed.lines().next(),
        Some("lab: 4 routes, 6 other changes")
    );
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let output = lab.ipvsh(&["down", "lab"]);
    assert_eq!(output.end(), "exit code 0\n");
    assert_eq!(whole(lab), before);
}

fn nexthops_are_traced_as_ip_makes_them(lab: &Lab) {
    pair(lab);
    let emitted = lab.folder().join("lab.sh");
    let text = format!(
        "{ALL} nexthop(6, #{{dev: \"v0\", family: \"inet6\"}}); nexthop(7, #{{via: \"192.0.2.1\", dev: \"v0\", onlink: true}});"
    );
    let output = lab.script_with(&["--trace", "--emit", emitted.to_str().unwrap()], &text);
    assert_eq!(
        output.stderr,
        "+ ip nexthop add id 1 via 10.0.0.2 dev v0\n+ ip nexthop add id 2 dev v0 proto static\n\
         + ip -6 nexthop add id 3 via fd00::2 dev v0\n+ ip nexthop add id 4 blackhole\n\
         + ip nexthop add id 5 via 10.0.0.5 dev v0\n+ ip nexthop add id 10 group '1/5,2'\n\
         + ip route add 10.1.0.0/16 nhid 1\n+ ip route add 10.2.0.0/16 nhid 10 table 100\n\
         + ip route add 10.4.0.0/16 nhid 4\n+ ip -6 route add fd01::/64 nhid 3\n\
         + ip -6 nexthop add id 6 dev v0\n+ ip nexthop add id 7 via 192.0.2.1 dev v0 onlink\n"
    );
    let made = whole(lab);
    lab.ip("nexthop flush");
    crate::common::output("sh", &[emitted.to_str().unwrap()]);
    assert_eq!(whole(lab), made);
}

fn nexthops_are_listed_as_a_table(lab: &Lab) {
    pair(lab);
    lab.ip("nexthop add id 1 via 10.0.0.2 dev v0 proto static\nnexthop add id 2 blackhole\nnexthop add id 3 dev v0\nnexthop add id 10 group 1/3,7");
    assert_eq!(
        lab.ipvsh(&["-e", "nexthops()"]).stdout,
        "ID  VIA       LINK  GROUP  FLAGS      PROTOCOL\n\
         1   10.0.0.2  v0                      static\n\
         2                          blackhole\n\
         3             v0\n\
         10                  1/3,7\n"
    );
    assert_eq!(
        lab.value("host().nexthops"),
        json!([
            {"id": 1, "via": "10.0.0.2", "link": "v0", "group": [], "blackhole": false, "onlink": false, "protocol": "static", "line": "id 1 via 10.0.0.2 dev v0 proto static"},
            {"id": 2, "via": null, "link": null, "group": [], "blackhole": true, "onlink": false, "protocol": null, "line": "id 2 blackhole"},
            {"id": 3, "via": null, "link": "v0", "group": [], "blackhole": false, "onlink": false, "protocol": null, "line": "id 3 dev v0"},
            {"id": 10, "via": null, "link": null, "group": [{"id": 1, "weight": 1}, {"id": 3, "weight": 7}], "blackhole": false, "onlink": false, "protocol": null, "line": "id 10 group 1/3,7"},
        ])
    );
    assert_eq!(
        lab.value("nexthops().map(|n| [n.id, n.via, n.link, n.group.len(), n.blackhole, n.onlink, n.protocol, `${n}`])"),
        json!([
            [1, "10.0.0.2", "v0", 0, false, false, "static", "id 1 via 10.0.0.2 dev v0 proto static"],
            [2, null, null, 0, true, false, null, "id 2 blackhole"],
            [3, null, "v0", 0, false, false, null, "id 3 dev v0"],
            [10, null, null, 2, false, false, null, "id 10 group 1/3,7"],
        ])
    );
}

fn a_plan_knows_the_nexthops_that_it_has_planned(lab: &Lab) {
    pair(lab);
    lab.ip("nexthop add id 50 via 10.0.0.50 dev v0\nnexthop add id 51 group 50\nroute add 10.50.0.0/16 nhid 51");
    crate::plan::is_what_a_run_does(
        lab,
        &format!(
            r#"
            {ALL} {ALL}
            del_nexthop(5);
            nexthop(2, #{{via: "10.0.0.22", dev: "v0", replace: true}});
            nexthop(10, #{{group: [1, 2], replace: true}});
            del_nexthop(50);
            del_nexthop(51);
            let b = netns("b");
            let w = b.veth("w0", "w1", #{{up: true, addr: "10.3.0.1/24"}});
            w.peer.up();
            b.nexthop(1, #{{via: "10.3.0.2", dev: w}}).nexthop(2, #{{group: [1]}});
            b.route("10.7.0.0/16", #{{nexthop: 2}});
            w.delete();
            b.link("lo").up();
            b.nexthop(2, #{{blackhole: true}});
            "#
        ),
    );
}

#[allow(clippy::too_many_lines, reason = "a list of what is refused")]
fn what_a_nexthop_cannot_be_is_refused(lab: &Lab) {
    pair(lab);
    lab.ip("nexthop add id 1 via 10.0.0.2 dev v0\nnexthop add id 3 blackhole\nnexthop add id 10 group 1\nnetns add b\n\
         link add d0 type veth peer name d1\nlink add c0 type veth peer name c1\nlink set c0 up");
    let before = whole(lab);
    let told = |id: &str, kind: &str, why: &str| {
        format!("{kind}: cannot add nexthop `{id}` in namespace `host`: {why}")
    };
    let two = |why: &str| told("2", "invalid", why);
    let only_one =
        two("it leads by a gateway and a link, or to a group, or is a blackhole: only one of them");
    let cases = [
        (
            "0, #{blackhole: true}",
            told("0", "invalid", "`id` is 1 to 4294967295, not 0"),
        ),
        (
            "2, #{}",
            format!(
                "{}\nhint: say where it leads: #{{via: \"10.0.0.1\", dev: \"LINK\"}}, #{{group: [1, 2]}} or #{{blackhole: true}}",
                two("neither a link, nor a group, nor a blackhole is given")
            ),
        ),
        (
            r#"2, #{via: "10.0.0.3"}"#,
            format!(
                "{}\nhint: say which: #{{via: \"10.0.0.3\", dev: \"LINK\"}}",
                two("gateway `10.0.0.3` is given without its link")
            ),
        ),
        (
            r#"2, #{via: "10.0.0", dev: "v0"}"#,
            format!(
                "{}\nhint: write it as \"10.0.0.1\" or \"fd00::1\"",
                two("`10.0.0` is not an IP address")
            ),
        ),
        (
            r#"2, #{via: "10.0.0.3", dev: "v0", family: "inet6"}"#,
            two("gateway `10.0.0.3` is not of the family inet6"),
        ),
        (
            r#"2, #{blackhole: true, family: "ipv6"}"#,
            format!(
                "{}\nnote: families: inet, inet6\nhint: write \"inet\" or \"inet6\"",
                two("a nexthop has no family `ipv6`")
            ),
        ),
        (r#"2, #{dev: "v0", blackhole: true}"#, only_one.clone()),
        (r#"2, #{dev: "v0", group: [1]}"#, only_one),
        (
            r#"2, #{group: [1], family: "inet"}"#,
            two("a group has no family but that of its members"),
        ),
        (
            "2, #{group: []}",
            format!(
                "{}\nhint: name its members: #{{group: [1, 2]}}",
                two("`group` is empty")
            ),
        ),
        (
            "2, #{group: 1}",
            two(
                "option `group` takes a list of numbers, or of maps `#{id, weight}`, not an integer",
            ),
        ),
        (
            r#"2, #{group: ["1"]}"#,
            two("option `group` takes a list of numbers, or of maps `#{id, weight}`, not a string"),
        ),
        (
            "2, #{group: [#{weight: 2}]}",
            two("a member of the group has no `id`"),
        ),
        (
            "2, #{group: [#{id: 1, weight: 256}]}",
            two("`weight` is 1 to 255, not 256"),
        ),
        (
            "2, #{group: [#{id: 1, weigth: 2}]}",
            format!(
                "{}\nhint: did you mean `weight`?",
                two("`group` has no option `weigth`")
            ),
        ),
        (
            "2, #{group: [1, 1]}",
            format!(
                "{}\nhint: give it a weight: #{{id: 1, weight: 2}}",
                two("nexthop 1 is in the group twice")
            ),
        ),
        (
            "2, #{group: [10]}",
            format!(
                "{}\nhint: name the members of that group",
                two("nexthop 10 is a group itself")
            ),
        ),
        (
            "2, #{group: [3, 1]}",
            two("nexthop 3 is a blackhole, and shares packets with no other"),
        ),
        (
            "2, #{group: [1, 7]}",
            format!(
                "{}\nnote: nexthops there: 1, 3, 10\nhint: make it first: net.nexthop(7, #{{via: \"10.0.0.1\", dev: \"LINK\"}})",
                told("2", "not_found", "there is no nexthop 7")
            ),
        ),
        (
            r#"2, #{dev: "v7"}"#,
            format!(
                "{}\nnote: links there: lo, v1, v0, d1, d0, c1, c0\nhint: did you mean `v1`?",
                "not_found: cannot add nexthop `2` in namespace `host`: there is no link `v7`"
            ),
        ),
        (
            r#"2, #{dev: netns("b").link("lo")}"#,
            two("link `lo` is in another namespace, `b`"),
        ),
        (
            "2, #{dev: 3}",
            two("option `dev` takes a link or its name, not an integer"),
        ),
        (
            r#"2, #{dev: "v0", proto: 256}"#,
            two("`proto` is 1 to 255, not 256"),
        ),
        (
            r#"2, #{dev: "v0", prot: 2}"#,
            format!(
                "{}\nhint: did you mean `proto`?",
                two("`nexthop` has no option `prot`")
            ),
        ),
        (
            r#"2, #{dev: "d0"}"#,
            format!(
                "{}\nhint: bring it up first: link(\"d0\").up()",
                told("2", "unreachable", "link `d0` is down")
            ),
        ),
        (
            r#"2, #{dev: "c0"}"#,
            format!(
                "{}\nhint: bring its other end, or its parent, up first",
                told("2", "unreachable", "link `c0` has no carrier")
            ),
        ),
        (
            r#"2, #{via: "192.0.2.1", dev: "v0"}"#,
            format!(
                "{}\nhint: give the link an address in the gateway's subnet first, or say #{{via: \"192.0.2.1\", dev: \"v0\", onlink: true}}",
                told(
                    "2",
                    "unreachable",
                    "gateway `192.0.2.1` is in no subnet of link `v0`"
                )
            ),
        ),
    ];
    let cases: Vec<(String, String)> = cases
        .into_iter()
        .map(|(arguments, told)| (format!("nexthop({arguments})"), told))
        .chain([(
            "del_nexthop(-1)".to_owned(),
            "invalid: cannot delete nexthop `-1` in namespace `host`: `id` is 1 to 4294967295, not -1".to_owned(),
        )])
        .collect();
    let cases: Vec<(&str, &str)> = cases
        .iter()
        .map(|(line, told)| (line.as_str(), told.as_str()))
        .collect();
    lab.refuses(&cases);
    assert_eq!(whole(lab), before);
}

fn what_a_route_cannot_have_of_a_nexthop_is_refused(lab: &Lab) {
    pair(lab);
    lab.ip("nexthop add id 1 via 10.0.0.2 dev v0\nnexthop add id 10 group 1");
    let before = whole(lab);
    let route = |kind: &str, to: &str, why: &str| {
        format!("{kind}: cannot add route `{to}` in namespace `host`: {why}")
    };
    let hint = "\nhint: name one with a gateway of IPv6, or with #{family: \"inet6\"}";
    let beside = route(
        "invalid",
        "10.1.0.0/16",
        "a gateway or a link is given beside `nexthop`, which says where it leads",
    );
    lab.refuses(&[
        (
            r#"route("10.1.0.0/16", #{nexthop: 7})"#,
            &format!("{}\nnote: nexthops there: 1, 10\nhint: make it first: net.nexthop(7, #{{via: \"10.0.0.1\", dev: \"LINK\"}})", route("not_found", "10.1.0.0/16", "there is no nexthop 7")),
        ),
        (
            r#"route("fd01::/64", #{nexthop: 1})"#,
            &format!("{}{hint}", route("invalid", "fd01::/64", "nexthop 1 is one of IPv4, and the route is one of IPv6")),
        ),
        (
            r#"route("fd01::/64", #{nexthop: 10})"#,
            &format!("{}{hint}", route("invalid", "fd01::/64", "nexthop 1 is one of IPv4, and the route is one of IPv6")),
        ),
        (r#"route("10.1.0.0/16", #{nexthop: 1, via: "10.0.0.2"})"#, &beside),
        (r#"link("v0").route("10.1.0.0/16", #{nexthop: 1})"#, &beside),
        (
            r#"route("10.1.0.0/16", #{nexthop: 0})"#,
            &route("invalid", "10.1.0.0/16", "`nexthop` is 1 to 4294967295, not 0"),
        ),
        (
            r#"route("10.1.0.0/16", #{nexthop: 1, type: "blackhole"})"#,
            &route("invalid", "10.1.0.0/16", "a blackhole route leads nowhere, and takes neither a gateway nor a link"),
        ),
    ]);
    assert_eq!(whole(lab), before);
}
