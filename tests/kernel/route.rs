//! Routes: added, replaced, taken away, listed, looked up.

use serde_json::{Value, json};

use crate::case::cases;
use crate::lab::{HOST, Lab};
use crate::options::there_and_back;
use crate::state;

cases! {
    ["veth"] =>
        a_default_route_by_a_link
        a_default_route_by_a_gateway
        a_default_route_of_ipv6
        a_route_has_the_metric_and_the_table_that_are_asked
        a_route_has_the_source_that_is_asked
        a_gateway_outside_of_every_subnet_is_taken_with_onlink
        a_route_to_one_address
        an_ipv6_route_by_a_gateway
        routes_that_differ_in_their_metric_stand_beside_each_other
        a_route_that_is_there_is_left_as_it_is
        a_route_that_leads_elsewhere_is_replaced_where_that_is_asked
        a_route_is_taken_away
        only_the_routes_that_match_are_taken_away
        a_route_that_is_not_there_can_be_taken_away
        the_routes_are_listed_as_iproute2_prints_them
        the_routes_of_another_table_are_listed
        the_kernel_is_asked_which_route_it_would_take
        a_packet_is_looked_up_with_all_that_it_has
        a_packet_that_comes_in_is_looked_up_as_one
        a_route_leads_by_several_next_hops_with_their_weights
        a_route_refuses_packets
        a_route_has_its_metrics_its_maker_and_its_scope
        a_route_has_what_ip_route_says_of_its_path
        routes_for_other_types_of_service_stand_beside_each_other
        an_ipv4_network_lies_behind_an_ipv6_router
        a_route_of_somebody_else_is_put_back_with_all_that_it_had
        several_next_hops_go_back_to_what_they_were
        a_route_that_makes_no_sense_is_refused
        a_route_by_a_link_that_is_gone_is_refused
        what_packets_are_wrapped_in_is_checked;
    ["vrf", "veth"] =>
        packets_of_a_route_are_wrapped_and_it_comes_back;
}

/// A pair, up, with `v0` at 10.0.0.1/24 and `fd00::1/64`.
fn pair(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1\n\
         link set v0 up\nlink set v1 up\n\
         addr add 10.0.0.1/24 dev v0\naddr add fd00::1/64 dev v0 nodad");
}

/// What `ip route show` says to `arguments`, without the flags that come and go with the carrier.
fn routes(lab: &Lab, arguments: &str) -> Value {
    let mut routes = lab.routes(HOST, arguments);
    for route in routes.as_array_mut().unwrap() {
        let route = route.as_object_mut().unwrap();
        route.remove("flags");
        route.remove("pref");
    }
    routes
}

fn a_default_route_by_a_link(lab: &Lab) {
    pair(lab);
    lab.run(r#"link("v0").route("default");"#);
    assert_eq!(
        routes(lab, "default"),
        json!([{"dst": "default", "dev": "v0", "scope": "link"}])
    );
}

fn a_default_route_by_a_gateway(lab: &Lab) {
    pair(lab);
    lab.run(r#"route("default", #{via: "10.0.0.254"});"#);
    assert_eq!(
        routes(lab, "default"),
        json!([{"dst": "default", "gateway": "10.0.0.254", "dev": "v0"}])
    );
}

fn a_default_route_of_ipv6(lab: &Lab) {
    pair(lab);
    lab.run(r#"route("default", #{via: "fd00::fe"});"#);
    let found = lab.json(HOST, "-6 route show default");
    assert_eq!(
        (&found[0]["gateway"], &found[0]["dev"], &found[0]["metric"]),
        (&json!("fd00::fe"), &json!("v0"), &json!(1024))
    );
}

fn a_route_has_the_metric_and_the_table_that_are_asked(lab: &Lab) {
    pair(lab);
    lab.run(r#"route("10.1.0.0/16", "v0", #{metric: 50, table: 1000});"#);
    assert_eq!(
        routes(lab, "table 1000"),
        json!([{"dst": "10.1.0.0/16", "dev": "v0", "scope": "link", "metric": 50}])
    );
}

fn a_route_has_the_source_that_is_asked(lab: &Lab) {
    pair(lab);
    lab.ip("addr add 10.0.0.2/24 dev v0");
    lab.run(r#"link("v0").route("10.1.0.0/16", #{source: "10.0.0.2"});"#);
    assert_eq!(routes(lab, "10.1.0.0/16")[0]["prefsrc"], "10.0.0.2");
}

fn a_gateway_outside_of_every_subnet_is_taken_with_onlink(lab: &Lab) {
    pair(lab);
    lab.run(r#"route("10.1.0.0/16", #{via: "192.0.2.1", dev: "v0", onlink: true});"#);
    let found = &lab.routes(HOST, "10.1.0.0/16")[0];
    assert_eq!(found["gateway"], "192.0.2.1");
    assert_eq!(found["flags"], json!(["onlink"]));
}

fn a_route_to_one_address(lab: &Lab) {
    pair(lab);
    lab.run(r#"link("v0").route("10.7.7.7");"#);
    assert_eq!(
        routes(lab, "10.7.7.7"),
        json!([{"dst": "10.7.7.7", "dev": "v0", "scope": "link"}])
    );
}

fn an_ipv6_route_by_a_gateway(lab: &Lab) {
    pair(lab);
    lab.run(r#"route("fd77::/48", #{via: "fd00::2", metric: 7});"#);
    let found = lab.json(HOST, "-6 route show fd77::/48");
    assert_eq!(
        (&found[0]["gateway"], &found[0]["metric"]),
        (&json!("fd00::2"), &json!(7))
    );
}

fn routes_that_differ_in_their_metric_stand_beside_each_other(lab: &Lab) {
    pair(lab);
    lab.run(r#"route("default", #{via: "10.0.0.254"}); route("default", #{via: "10.0.0.253", metric: 9});"#);
    assert_eq!(routes(lab, "default").as_array().unwrap().len(), 2);
}

fn a_route_that_is_there_is_left_as_it_is(lab: &Lab) {
    pair(lab);
    lab.ip("route add default via 10.0.0.254");
    let output = lab.script_with(&["--summary"], r#"route("default", #{via: "10.0.0.254"});"#);
    assert_eq!(
        output.stderr,
        "= route default via 10.0.0.254 dev v0 in host\ncreated 0, changed 0, unchanged 1, deleted 0\n"
    );
}

fn a_route_that_leads_elsewhere_is_replaced_where_that_is_asked(lab: &Lab) {
    pair(lab);
    lab.ip("route add default via 10.0.0.254");
    lab.run(r#"route("default", #{via: "10.0.0.253", replace: true});"#);
    assert_eq!(
        routes(lab, "default"),
        json!([{"dst": "default", "gateway": "10.0.0.253", "dev": "v0"}])
    );
}

fn a_route_is_taken_away(lab: &Lab) {
    pair(lab);
    lab.ip("route add default via 10.0.0.254\nroute add 10.1.0.0/16 via 10.0.0.254");
    lab.run(r#"del_route("default");"#);
    assert_eq!(routes(lab, "default"), json!([]));
    assert_eq!(routes(lab, "10.1.0.0/16")[0]["gateway"], "10.0.0.254");
}

fn only_the_routes_that_match_are_taken_away(lab: &Lab) {
    pair(lab);
    lab.ip("route add default via 10.0.0.254\nroute add default via 10.0.0.253 metric 9");
    lab.run(r#"del_route("default", #{via: "10.0.0.253"});"#);
    assert_eq!(
        routes(lab, "default"),
        json!([{"dst": "default", "gateway": "10.0.0.254", "dev": "v0"}])
    );
}

fn a_route_that_is_not_there_can_be_taken_away(lab: &Lab) {
    pair(lab);
    let output = lab.script_with(&["--summary"], r#"del_route("10.1.0.0/16");"#);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (
            0,
            "= route 10.1.0.0/16 in host\ncreated 0, changed 0, unchanged 1, deleted 0\n"
        )
    );
}

fn the_routes_are_listed_as_iproute2_prints_them(lab: &Lab) {
    pair(lab);
    lab.ip("route add default via 10.0.0.254 metric 5\n\
         route add 10.1.0.0/16 dev v0 src 10.0.0.1\n\
         route add 10.2.0.0/16 via 192.0.2.1 dev v0 onlink\n\
         route add blackhole 10.3.0.0/16");
    let ours = lab.value("host().routes.filter(|r| !r.destination.contains(':')).map(|r| r.line)");
    let theirs = crate::common::output("ip", &["-4", "route"]);
    let theirs: Vec<&str> = theirs.lines().map(str::trim_end).collect();
    assert_eq!(ours, json!(theirs));
}

fn the_routes_of_another_table_are_listed(lab: &Lab) {
    pair(lab);
    lab.ip("route add 10.1.0.0/16 dev v0 table 100");
    assert_eq!(
        lab.value("routes(#{table: 100}).map(|r| r.destination)"),
        json!(["10.1.0.0/16"])
    );
}

fn a_packet_is_looked_up_with_all_that_it_has(lab: &Lab) {
    pair(lab);
    lab.ip("addr add 10.0.0.11/24 dev v0\n\
         route add 10.1.0.0/16 via 10.0.0.254\n\
         route add 10.1.0.0/16 via 10.0.0.253 table 101\n\
         rule add from 10.0.0.11 blackhole\nrule add fwmark 7 prohibit\n\
         rule add uidrange 7-7 unreachable\nrule add ipproto tcp dport 80 lookup 101\n\
         rule add ipproto udp sport 53 lookup 101");
    let found = lab.value(
        r#"let way = |options| {
               try { return lookup("10.1.2.3", options).via; } catch (e) { return e.errno; }
           };
           [way.call(#{}), way.call(#{from: "10.0.0.11"}), way.call(#{mark: 7}), way.call(#{uid: 7}), way.call(#{oif: "lo"}),
            way.call(#{proto: "tcp", dport: 80}), way.call(#{proto: 6, dport: 81}), way.call(#{proto: "udp", sport: 53})]"#,
    );
    let all = [
        "",
        "from 10.0.0.11",
        "mark 7",
        "uid 7",
        "oif lo",
        "ipproto tcp dport 80",
        "ipproto tcp dport 81",
        "ipproto udp sport 53",
    ];
    let told = all.map(|what| {
        let words = format!("-j route get 10.1.2.3 {what}");
        let output = std::process::Command::new("ip")
            .args(words.split_whitespace())
            .output()
            .unwrap();
        if output.status.success() {
            let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            return told[0]["gateway"].clone();
        }
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let errno = [
            ("Invalid argument", "EINVAL"),
            ("Permission denied", "EACCES"),
            ("Network is unreachable", "ENETUNREACH"),
        ];
        let errno = errno.iter().find(|(text, _)| told.contains(text));
        json!(errno.map_or(told.as_str(), |(_, name)| name))
    });
    assert_eq!(found, json!(told));
    lab.refuses(&[
        (
            r#"lookup("10.1.2.3", #{dport: 80})"#,
            "invalid: cannot look up the route to `10.1.2.3` in namespace `host`: only a packet of tcp or udp has ports\n\
             hint: add it: #{proto: \"tcp\"}",
        ),
        (
            r#"lookup("10.1.2.3", #{from: "fd00::1"})"#,
            "invalid: cannot look up the route to `10.1.2.3` in namespace `host`: `from` and the destination are of different families",
        ),
        (
            r#"lookup("10.1.2.3", #{from: "10.0.0.11"})"#,
            "unreachable: cannot look up the route to `10.1.2.3` in namespace `host`: a route of type blackhole swallows it, or the kernel takes no such question\n\
             hint: list them: net.routes()",
        ),
    ]);
}

fn a_packet_that_comes_in_is_looked_up_as_one(lab: &Lab) {
    pair(lab);
    lab.ip("route add 10.1.0.0/16 via 10.0.0.254");
    let found = lab.value(
        r#"let way = |from| { try { return lookup("10.1.2.3", #{iif: "v0", from: from}).via; } catch (e) { return e.kind + " " + e.errno; } };
           let closed = way.call("10.0.0.2");
           host().forward();
           let open = way.call("10.0.0.2");
           host().sysctl("ipv4.conf.all.rp_filter", 1);
           [closed, open, way.call("192.0.2.1")]"#,
    );
    let strict = found[2].clone();
    assert_eq!(
        found,
        json!(["unreachable EHOSTUNREACH", "10.0.0.254", strict])
    );
    assert!(["invalid EINVAL", "kernel EXDEV"].contains(&strict.as_str().unwrap()));
}

fn the_kernel_is_asked_which_route_it_would_take(lab: &Lab) {
    pair(lab);
    lab.ip("route add 10.1.0.0/16 via 10.0.0.254");
    let found = lab.value(r#"let r = lookup("10.1.2.3"); [r.via, r.link, r.source]"#);
    // A namespace, its name and a link stand for their first global address.
    let by_name = lab.value(
        r#"let b = netns("looked-up"); b.link("lo").addr("10.1.2.3/32").up();
        ["looked-up", b, b.link("lo")].map(|to| lookup(to).via)"#,
    );
    assert_eq!(by_name, json!([found[0], found[0], found[0]]));
    let told = lab.json(HOST, "route get 10.1.2.3")[0].clone();
    assert_eq!(
        found,
        json!([told["gateway"], told["dev"], told["prefsrc"]])
    );
}

const HOPS: &str = r#"route("10.1.0.0/16", #{nexthops: [#{via: "10.0.0.2"}, #{via: "10.0.0.3", dev: "v0", weight: 3}]});"#;

fn a_route_leads_by_several_next_hops_with_their_weights(lab: &Lab) {
    pair(lab);
    lab.run(HOPS);
    let found = routes(lab, "10.1.0.0/16");
    let hops: Vec<_> = found[0]["nexthops"].as_array().unwrap().iter().collect();
    let hops: Vec<_> = hops
        .iter()
        .map(|hop| (&hop["gateway"], &hop["dev"], &hop["weight"]))
        .collect();
    assert_eq!(
        hops,
        [
            (&json!("10.0.0.2"), &json!("v0"), &json!(1)),
            (&json!("10.0.0.3"), &json!("v0"), &json!(3))
        ]
    );
    let output = lab.script_with(&["--summary"], HOPS);
    let counts = output.stderr.lines().last();
    assert_eq!(counts, Some("created 0, changed 0, unchanged 1, deleted 0"));
    assert_eq!(
        lab.value(r#"host().routes.find(|r| r.destination == "10.1.0.0/16").line"#),
        json!(
            "10.1.0.0/16 nexthop via 10.0.0.2 dev v0 weight 1 nexthop via 10.0.0.3 dev v0 weight 3"
        )
    );
}

fn a_route_refuses_packets(lab: &Lab) {
    pair(lab);
    lab.run(
        r#"for kind in ["blackhole", "unreachable", "prohibit", "throw"] {
            for i in 1..=2 { route(`10.${kind.len()}.0.0/16`, #{type: kind}); route(`fd${kind.len()}::/16`, #{type: kind}); }
        }"#,
    );
    for (kind, destination) in [
        ("blackhole", "10.9.0.0/16"),
        ("unreachable", "10.11.0.0/16"),
        ("prohibit", "10.8.0.0/16"),
        ("throw", "10.5.0.0/16"),
    ] {
        assert_eq!(routes(lab, destination)[0]["type"], kind);
    }
    let found = lab.json(HOST, "-6 route show fd11::/16");
    assert_eq!(found[0]["type"], "unreachable");
}

fn a_route_has_its_metrics_its_maker_and_its_scope(lab: &Lab) {
    pair(lab);
    lab.run(
        r#"route("10.1.0.0/16", #{via: "10.0.0.2", src: "10.0.0.1", mtu: 1400, advmss: 1300, proto: "static", table: "default"});
        route("10.2.0.0/16", #{dev: "v0", scope: "host", proto: 77});"#,
    );
    assert_eq!(
        routes(lab, "table default"),
        json!([{"dst": "10.1.0.0/16", "gateway": "10.0.0.2", "dev": "v0", "protocol": "static", "prefsrc": "10.0.0.1",
                "metrics": [{"mtu": 1400, "advmss": 1300}]}])
    );
    let found = &routes(lab, "10.2.0.0/16")[0];
    assert_eq!(
        (&found["protocol"], &found["scope"]),
        (&json!("77"), &json!("host"))
    );
}

const OF_A_PATH: &str = r#"
    let v = link("v0");
    v.route("10.1.0.0/16", #{via: "10.0.0.9", mtu: 1400, window: 5000, advmss: 1300, reordering: 5, initcwnd: 20, ecn: true,
        rto_min: "300ms", initrwnd: 30, quickack: true, fastopen_no_cookie: true, congctl: "cubic"});
    v.route("fd01::/64", #{hoplimit: 9, rto_min: 1});
"#;

fn a_route_has_what_ip_route_says_of_its_path(lab: &Lab) {
    pair(lab);
    let output = lab.script_with(&["--trace"], OF_A_PATH);
    assert_eq!(
        output.stderr,
        "+ ip route add 10.1.0.0/16 via 10.0.0.9 dev v0 mtu 1400 window 5000 advmss 1300 reordering 5 initcwnd 20 \
         features ecn rto_min 300ms initrwnd 30 quickack 1 fastopen_no_cookie 1 congctl cubic\n\
         + ip -6 route add fd01::/64 dev v0 hoplimit 9 rto_min 1000ms\n"
    );
    let both = || {
        (
            routes(lab, "10.1.0.0/16"),
            lab.json(HOST, "-6 route show fd01::/64"),
        )
    };
    let made = both();
    assert_eq!(made.0[0]["metrics"][0]["initcwnd"], 20, "{}", made.0);
    lab.twice(OF_A_PATH);
    lab.ip("route del 10.1.0.0/16\nroute del fd01::/64");
    lab.sh(&output.stderr.replace("+ ip ", "ip "));
    assert_eq!(both(), made);
    lab.twice(OF_A_PATH);
    let text =
        r#"try { link("v0").route("fd01::/64", #{hoplimit: 8}); } catch (e) { print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "[\n  \"there: fd01::/64 dev v0 metric 1024 hoplimit 9 rto_min 1000ms\",\n  \"asked: fd01::/64 dev v0 hoplimit 8\",\n]\n"
    );
    lab.fails(r#"link("v0").route("fd01::/64", #{hoplimit: 8, replace: true}); throw "no";"#);
    assert_eq!(both(), made);
}

fn routes_for_other_types_of_service_stand_beside_each_other(lab: &Lab) {
    pair(lab);
    let text = r#"
        route("10.1.0.0/16", #{via: "10.0.0.8"});
        route("10.1.0.0/16", #{via: "10.0.0.9", tos: 16});
    "#;
    lab.twice(text);
    let found = lab.routes(HOST, "10.1.0.0/16");
    let found: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["gateway"], &one["tos"]))
        .collect();
    assert_eq!(
        found,
        [
            (&json!("10.0.0.9"), &json!("0x10")),
            (&json!("10.0.0.8"), &json!(null))
        ]
    );
    lab.fails(&format!("{text} throw \"no\";"));
    lab.ip("route flush 10.1.0.0/16");
    lab.fails(&format!("{text} throw \"no\";"));
    assert_eq!(routes(lab, "10.1.0.0/16"), json!([]));
}

fn an_ipv4_network_lies_behind_an_ipv6_router(lab: &Lab) {
    pair(lab);
    let text = r#"
        route("10.1.0.0/16", #{via: "fd00::9"});
        route("0.0.0.0/0", #{via: "fe80::9", dev: "v0"});
        route("10.2.0.0/16", #{nexthops: [#{via: "fd00::8"}, #{via: "10.0.0.9", weight: 2}]});
    "#;
    let output = lab.script_with(&["--trace"], text);
    assert_eq!(
        output.stderr,
        "+ ip route add 10.1.0.0/16 via inet6 fd00::9\n+ ip -4 route add default via inet6 fe80::9 dev v0\n\
         + ip route add 10.2.0.0/16 nexthop via inet6 fd00::8 weight 1 nexthop via 10.0.0.9 weight 2\n"
    );
    let made = routes(lab, "table main");
    assert_eq!(
        made[0],
        json!({"dst": "default", "via": {"family": "inet6", "host": "fe80::9"}, "dev": "v0"})
    );
    lab.twice(text);
    for text in [
        "route del default",
        "route del 10.1.0.0/16",
        "route del 10.2.0.0/16",
    ] {
        lab.ip(text);
    }
    lab.sh(&output.stderr.replace("+ ip ", "ip "));
    assert_eq!(routes(lab, "table main"), made);
    lab.twice(text);
    lab.fails(
        r#"del_route("default"); del_route("10.1.0.0/16"); del_route("10.2.0.0/16"); throw "no";"#,
    );
    assert_eq!(routes(lab, "table main"), made);
    assert_eq!(lab.value("host().routes[0].via"), json!("fe80::9"));
}

fn a_route_of_somebody_else_is_put_back_with_all_that_it_had(lab: &Lab) {
    pair(lab);
    lab.ip(
        "route add 10.1.0.0/16 via 10.0.0.9 tos 0x10 mtu lock 1400 rtt 80ms rttvar 40ms cwnd 7 ssthresh 9 window 5000 initcwnd 3 \
         features ecn rto_min 300ms congctl cubic\n\
         route add fd01::/64 via fd00::9 hoplimit 3 mtu 1400",
    );
    let both = || {
        ["-d route show", "-6 -d route show"].map(|command| {
            let mut routes = lab.json(HOST, command);
            state::settle(&mut routes);
            routes
        })
    };
    let before = both();
    lab.fails(r#"del_route("10.1.0.0/16"); del_route("fd01::/64"); assert(routes().len() == 1, "gone"); throw "no";"#);
    assert_eq!(both(), before);
}

fn several_next_hops_go_back_to_what_they_were(lab: &Lab) {
    pair(lab);
    lab.ip(
        "route add 10.1.0.0/16 proto static nexthop via 10.0.0.2 weight 2 nexthop via 10.0.0.3\n\
         route add blackhole 10.2.0.0/16",
    );
    let before = routes(lab, "");
    lab.run(r#"del_route("10.1.0.0/16"); del_route("10.2.0.0/16"); route("10.3.0.0/16", #{type: "throw"});"#);
    let down = lab.ipvsh(&["down", "lab.rhai"]);
    assert_eq!(down.end(), "exit code 0\n");
    assert_eq!(routes(lab, ""), before);
}

#[allow(clippy::too_many_lines, reason = "a list of what is refused")]
fn a_route_that_makes_no_sense_is_refused(lab: &Lab) {
    pair(lab);
    lab.ip("netns add b\nlink add d0 type veth peer name d1");
    let before = routes(lab, "");
    lab.refuses(&[
        (
            r#"route("10.1.0.0/16", #{type: "blackhole", via: "10.0.0.2"})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: a blackhole route leads nowhere, and takes neither a gateway nor a link",
        ),
        (
            r#"route("10.1.0.0/16", #{type: "drop"})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: a route has no type `drop`\n\
             note: types: unicast, local, broadcast, blackhole, unreachable, prohibit, throw\n\
             hint: write \"unicast\" or \"local\" or \"broadcast\" or \"blackhole\" or \"unreachable\" or \"prohibit\" or \"throw\"",
        ),
        (
            r#"route("10.1.0.0/16", #{})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: neither a gateway nor a link is given\n\
             hint: say where it leads: #{via: \"10.0.0.1\"}, or the link",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: "v0", scope: "far"})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: a route has no scope `far`\n\
             note: scopes: global, site, link, host\n\
             hint: write \"global\" or \"site\" or \"link\" or \"host\"",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: "v0", proto: "me"})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: a route has no proto `me`\n\
             note: protos: redirect, kernel, boot, static, ra, mrt, zebra, bird, dhcp, keepalived, babel, bgp, isis, ospf, rip, eigrp\n\
             hint: write \"redirect\" or \"kernel\" or \"boot\" or \"static\" or \"ra\" or \"mrt\" or \"zebra\" or \"bird\" or \"dhcp\" or \"keepalived\" or \"babel\" or \"bgp\" or \"isis\" or \"ospf\" or \"rip\" or \"eigrp\"",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: "v0", proto: 256})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: `proto` is 1 to 255, not 256",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: "v0", proto: true})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: option `proto` takes a name such as \"static\", or a number, not a truth value",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: "v0", mtu: 67})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: `mtu` is 68 to 65535, not 67",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: "v0", advmss: 65496})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: `advmss` is 1 to 65495, not 65496",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: "v0", metric: -1})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: `metric` is 0 to 4294967295, not -1",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: "v0", onlink: "yes"})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: option `onlink` takes true or false, not a string",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: "v0", table: "mian"})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: there is no routing table `mian`\n\
             note: tables: local, main, default\n\
             hint: did you mean \"main\"?",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: "v0", table: 0})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: `table` is 1 to 4294967295, not 0",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: "v7"})"#,
            "not_found: cannot add route `10.1.0.0/16` in namespace `host`: there is no link `v7`\n\
             note: links there: lo, v1, v0, d1, d0\n\
             hint: did you mean `v1`?",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: 7})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: option `dev` takes a link or its name, not an integer",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: netns("b").link("lo")})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: link `lo` is in another namespace, `b`",
        ),
        (
            r#"link("v0").route("10.1.0.0/16", #{dev: "v0"})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: the link is given twice, in front and as option `dev`",
        ),
        (
            r#"route("10.1.0.0/16", #{src: "10.0.0.1", source: "10.0.0.1", dev: "v0"})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: `source` and `src` are the same option, given twice",
        ),
        (
            r#"route("10.1.0.0/16", #{src: "fd00::1", dev: "v0"})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: source `fd00::1` and destination `10.1.0.0/16` are of different families",
        ),
        (
            r#"route("10.1.0.0/16", #{src: "10.0.0.77", dev: "v0"})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: this namespace has no address `10.0.0.77` to send from\n\
             hint: name one that it has, or give it that one first",
        ),
        (
            r#"route("fd01::/64", #{via: "10.0.0.2"})"#,
            "invalid: cannot add route `fd01::/64` in namespace `host`: gateway `10.0.0.2` and destination `fd01::/64` are of different families",
        ),
        (
            r#"route("10.1.0.0/16", #{via: "10.0.0.2/24"})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: `10.0.0.2/24` has a prefix length, where a plain address is wanted",
        ),
        (
            r#"route("10.1.0.0/16", #{via: "192.0.2.1"})"#,
            "unreachable: cannot add route `10.1.0.0/16` in namespace `host`: gateway `192.0.2.1` is in no subnet of this namespace's links\n\
             hint: give the link an address in the gateway's subnet first, or say #{via: \"192.0.2.1\", dev: \"LINK\", onlink: true}",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: "d0"})"#,
            "unreachable: cannot add route `10.1.0.0/16` in namespace `host`: link `d0` is down\n\
             hint: bring it up first: link(\"d0\").up()",
        ),
        (
            r#"route("10.1.2.3/16", #{dev: "v0"})"#,
            "invalid: cannot add route `10.1.2.3/16` in namespace `host`: `10.1.2.3/16` has bits set beyond its prefix length\n\
             hint: the network is \"10.1.0.0/16\"",
        ),
        (
            r#"route("10.1.0.0/33", #{dev: "v0"})"#,
            "invalid: cannot add route `10.1.0.0/33` in namespace `host`: `10.1.0.0/33`: the prefix length of an IPv4 address is 0 to 32, not `33`",
        ),
        (
            r#"route("10.1.0.0/16", #{gw: "10.0.0.2"})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: `route` has no option `gw`",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: "v0", hoplimit: 256})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: `hoplimit` is 1 to 255, not 256",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: "v0", rto_min: "3m"})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: `rto_min` is 1ms to 120s, not 180s",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: "v0", quickack: 1})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: option `quickack` takes true or false, not an integer",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: "v0", tos: 17})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: `tos` is a multiple of 4, not 17",
        ),
        (
            r#"route("fd01::/64", #{dev: "v0", tos: 16})"#,
            "invalid: cannot add route `fd01::/64` in namespace `host`: `tos` is for routes of IPv4",
        ),
        (
            r#"route("10.1.0.0/16", #{dev: "v0", congctl: "nonesuch"})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: this kernel has no congestion control `nonesuch`\n\
             hint: sysctl(\"ipv4.tcp_available_congestion_control\") names those that it has; load it with `modprobe tcp_nonesuch`",
        ),
        (
            r#"route("10.1.0.0/16", #{nexthops: []})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: `nexthops` is empty\n\
             hint: name them: #{nexthops: [#{via: \"10.0.0.1\"}, #{via: \"10.0.1.1\", weight: 2}]}",
        ),
        (
            r#"route("10.1.0.0/16", #{nexthops: "10.0.0.2"})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: option `nexthops` takes a list of maps, not a string",
        ),
        (
            r#"route("10.1.0.0/16", #{nexthops: ["10.0.0.2"]})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: option `nexthops` takes a list of maps, not a string",
        ),
        (
            r#"route("10.1.0.0/16", #{nexthops: [#{weight: 2}]})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: a next hop has neither a gateway nor a link",
        ),
        (
            r#"route("10.1.0.0/16", #{nexthops: [#{via: "10.0.0.2", weight: 257}]})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: `weight` is 1 to 256, not 257",
        ),
        (
            r#"route("10.1.0.0/16", #{nexthops: [#{via: "10.0.0.2", metric: 1}]})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: `nexthops` has no option `metric`",
        ),
        (
            r#"route("10.1.0.0/16", #{nexthops: [#{via: "10.0.0.2"}], dev: "v0"})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: a gateway or a link is given beside `nexthops`, which have their own",
        ),
        (
            r#"route("fd01::/64", #{nexthops: [#{via: "10.0.0.2"}]})"#,
            "invalid: cannot add route `fd01::/64` in namespace `host`: gateway `10.0.0.2` and destination `fd01::/64` are of different families",
        ),
        (
            r#"route("10.1.0.0/16", #{nexthops: [#{dev: netns("b").link("lo")}]})"#,
            "invalid: cannot add route `10.1.0.0/16` in namespace `host`: link `lo` is in another namespace, `b`",
        ),
        (
            r#"route("10.1.0.0/16", #{nexthops: [#{via: "192.0.2.1"}, #{via: "10.0.0.2"}]})"#,
            "unreachable: cannot add route `10.1.0.0/16` in namespace `host`: a gateway of `nexthops` is in no subnet of this namespace's links\n\
             hint: give a link an address in its subnet first, or say `dev` and `onlink: true` with it",
        ),
        (
            r#"del_route("10.1.0.0/16", #{proto: "static"})"#,
            "invalid: cannot delete route `10.1.0.0/16` in namespace `host`: `del_route` has no option `proto`",
        ),
        (
            r#"del_route("10.1.0.0/33")"#,
            "invalid: cannot delete route `10.1.0.0/33` in namespace `host`: `10.1.0.0/33`: the prefix length of an IPv4 address is 0 to 32, not `33`",
        ),
        (
            r#"lookup("b")"#,
            "not_found: cannot look up the route to `b` in namespace `host`: namespace `b` has no global address\nhint: give it one: net.addr(\"LINK\", \"10.0.0.1/24\")",
        ),
        (
            r#"lookup("10.1.0.0/16")"#,
            "invalid: cannot look up the route to `10.1.0.0/16` in namespace `host`: `10.1.0.0/16` has a prefix length, where a plain address is wanted",
        ),
        (
            r#"lookup("192.0.2.9")"#,
            "unreachable: cannot look up the route to `192.0.2.9` in namespace `host`: no route leads there\n\
             hint: add one: net.route(\"default\", \"LINK\")",
        ),
        (
            r#"lookup("10.0.0.2", #{source: "10.0.0"})"#,
            "invalid: cannot look up the route to `10.0.0.2` in namespace `host`: `10.0.0` is not an IP address\n\
             hint: write it as \"10.0.0.1\" or \"fd00::1\"",
        ),
        (
            r#"host().routes(#{table: "mian"})"#,
            "invalid: cannot list routes in namespace `host`: there is no routing table `mian`\n\
             note: tables: local, main, default\n\
             hint: did you mean \"main\"?",
        ),
    ]);
    assert_eq!(routes(lab, ""), before);
}

fn a_route_by_a_link_that_is_gone_is_refused(lab: &Lab) {
    pair(lab);
    lab.ip("link add d0 type veth peer name d1\nlink add e0 type veth peer name e1");
    for (text, told) in [
        (
            r#"let said = ""; let d = link("d1"); d.delete(); try { d.route("10.1.0.0/16") } catch (e) { said = `${e.kind}: ${e.message}` + "\n" + `hint: ${e.hint}` } said"#,
            "not_found: cannot add route `10.1.0.0/16` in namespace `host`: its link is gone\n\
             hint: it was deleted after its handle was made; look it up again with link(…)",
        ),
        (
            r#"let said = ""; let d = link("e0"); d.delete(); try { route("10.1.0.0/16", #{via: "10.0.0.2", dev: d}) } catch (e) { said = `${e.kind}: ${e.message}` + "\n" + `hint: ${e.hint}` } said"#,
            "not_found: cannot add route `10.1.0.0/16` in namespace `host`: its link is gone\n\
             hint: it was deleted after its handle was made; look it up again with link(…)",
        ),
    ] {
        assert_eq!(lab.value(text), json!(told), "{text}");
    }
}

const WRAPPED: &str = r#"let a = netns("a");
a.vrf("cust", 107, #{up: true});
a.veth("v0", "v1").up().addr("10.0.0.1/24").addr("fd00::1/64", #{nodad: true});
a.link("v1").up();
a.link("v0").route("10.7.0.0/16", #{via: "10.0.0.2", encap: "ip id 7 dst 10.9.0.1"});
a.link("v0").route("fd07::/64", #{vrf: "cust", encap: "seg6 mode encap segs fc00::1,fc00::2"});
a.link("v0").route("fd08::/64", #{encap: "seg6 mode inline segs fc00::1"});
a.link("cust").route("fc00::7/128", #{table: 90, encap: "seg6local action End.DT6 table 107"});
"#;

fn packets_of_a_route_are_wrapped_and_it_comes_back(lab: &Lab) {
    let routes = |lab: &Lab| {
        let mut routes = Vec::new();
        for family in ["-4", "-6"] {
            let all = lab.json("a", &format!("{family} route show table all"));
            let all = all.as_array().unwrap().clone().into_iter();
            routes.extend(all.filter(|route| !route["encap"].is_null()));
        }
        for route in &mut routes {
            route.as_object_mut().unwrap().remove("flags");
        }
        routes.sort_by_key(ToString::to_string);
        json!(routes)
    };
    let texts = there_and_back(lab, WRAPPED, routes);
    for text in &texts {
        assert_eq!(text.matches("encap:").count(), 4, "{text}");
    }
    crate::ensure::is_unchanged_by_a_second_run(lab, "lab.rhai");
}

fn what_packets_are_wrapped_in_is_checked(lab: &Lab) {
    let text = r#"
        let a = netns("a");
        let v = a.veth("v0", "v1").up().addr("10.0.0.1/24");
        for options in [#{encap: "gue"}, #{encap: "mpls 1048576"}, #{encap: 7}, #{vrf: "v0"}, #{vrf: "no"}] {
            try { v.route("10.7.0.0/16", options); } catch (e) { print(`${e.kind}: ${e.message}`); }
        }"#;
    assert_eq!(
        lab.run(text),
        "invalid: cannot add route `10.7.0.0/16` in namespace `a`: `encap`: `gue` is none of mpls, ip, ip6, seg6, seg6local
invalid: cannot add route `10.7.0.0/16` in namespace `a`: `encap`: `1048576` is no label: it is 0 to 1048575
invalid: cannot add route `10.7.0.0/16` in namespace `a`: option `encap` takes a string, not an integer
invalid: cannot add route `10.7.0.0/16` in namespace `a`: `vrf` takes a VRF, and `v0` is none
not_found: cannot add route `10.7.0.0/16` in namespace `a`: there is no link `no`
"
    );
}
