//! Explanations of what stands: addresses in doubt, martians, proxies of IPv6, filters beside the one that is meant, strangers.

use crate::case::cases;
use crate::lab::Lab;

use super::{
    Broken, ROUTED, SWITCHED, are_named_and_mended, are_named_and_mended_within, routed, switched,
};

cases! {
    ["veth"] =>
        a_namespace_without_a_link_is_joined
        addresses_in_doubt_are_named_and_mended
        who_refuses_packets_to_a_stranger_is_told
        proxies_of_ipv6_are_followed_named_and_mended
        martians_are_mended
        a_lab_that_goes_while_it_is_explained_is_told;
    ["veth", "bridge", "macvlan"] =>
        an_address_that_another_one_had_first_is_named_and_mended
        parents_and_slaves_are_named_and_mended
        links_without_a_carrier_are_named_and_mended
        path_names_the_owner_that_packets_come_to
        bridges_that_nothing_joins_are_joined
        who_has_lost_an_address_that_was_learned_is_told
        a_bridge_of_many_ports_takes_no_longer;
    ["veth", "bridge", "nft"] =>
        a_rule_beside_the_one_that_takes_packets_is_not_blamed
        filters_of_what_a_bridge_passes_on_are_named_and_mended;
    ["veth", "tbf"] =>
        a_queue_that_holds_packets_back_is_named_and_mended;
    ["ipvlan", "dummy"] =>
        causes_of_slaves_are_named_and_mended
        parents_and_their_slaves_are_parted_and_mended;
    ["macvlan", "dummy", "bond"] =>
        dummies_and_bonds_without_a_carrier_are_named_and_mended;
}

fn a_namespace_without_a_link_is_joined(lab: &Lab) {
    const LONE: &str = r#"
        let a = netns("a"); let b = netns("b"); let r = netns("r"); a.link("lo").up();
        b.veth("e0", r, "e1", #{addr: ["10.0.0.2/24", "fd00::2/64"], nodad: true, up: true});
        r.link("e1").addr("10.0.0.1/24").addr("10.255.0.1/30").up();
        r.link("e1").wait_up(); b.link("e0").wait_up();"#;
    const AT_BRIDGE: &str = r#"
        let a = netns("a"); let s = netns("s"); let b = netns("b"); let br = s.bridge("br", #{up: true});
        b.veth("join0", s, "p0", #{addr: "10.0.0.2/24", up: true}).peer.master(br).up().wait_up();"#;
    let lone = |lab, ends| Broken {
        lab,
        ends,
        ..routed("", &["no_link"], "a")
    };
    are_named_and_mended(
        lab,
        &[
            lone(LONE, r#""a", "10.0.0.2""#),
            lone(LONE, r#""a", "fd00::2""#),
            lone(AT_BRIDGE, r#""a", "b""#),
        ],
    );
    let script = format!(
        r#"{LONE}
        let found = why("a", "10.0.0.2", #{{quiet: true}});
        print(`${{found.cause}} ${{found.evidence}}`);
        print(found.mend);"#
    );
    assert_eq!(
        lab.run(&script),
        "a has no link but its loopback [\"route get 10.0.0.2: ENETUNREACH\"]\n\
         netns(\"a\").veth(\"join0\", netns(\"b\"), \"join1\", #{addr: \"10.255.1.1/30\", nodad: true, up: true})\
         .peer.addr(\"10.255.1.2/30\", #{nodad: true}).up(); netns(\"a\").route(\"10.0.0.0/24\", #{via: \"10.255.1.2\"})\n"
    );
}

/// Two bridges with an address each, and no ports.
const APART: &str = r#"
let a = netns("a"); let b = netns("b");
a.bridge("br", #{addr: "10.0.0.1/24", up: true}); b.bridge("br", #{addr: "10.0.0.2/24", up: true});
"#;

fn who_has_lost_an_address_that_was_learned_is_told(lab: &Lab) {
    are_named_and_mended(
        lab,
        &[switched(
            r#"if !why("a", "b", #{quiet: true}).reached { throw "not joined"; }
                a.link("e0").neighbor("10.0.0.2", b.link("e0").mac);
                a.route("10.9.0.0/24", #{via: "10.0.0.2"}); b.link("lo").up().addr("10.9.0.1/32");
                b.link("e0").del_addr("10.0.0.2/24"); s.link("p2").nomaster();"#,
            &["no_such_address", "wrong_neighbour", "not_joined"],
            "b:e0",
        )],
    );
}

fn bridges_that_nothing_joins_are_joined(lab: &Lab) {
    let apart = Broken {
        lab: APART,
        ends: r#""a", "10.0.0.2""#,
        ..routed("", &["not_joined"], "b:br")
    };
    are_named_and_mended(lab, &[apart]);
}

/// `a` (`fd00::1`) and `b`, both with duplicate address detection that takes its time at `e0` of `b`.
const DOUBTED: &str = r#"
let a = netns("a"); let b = netns("b"); a.sysctl("ipv6.conf.default.accept_dad", 0);
a.veth("e0", b, "e0", #{addr: "fd00::1/64", nodad: true, up: true});
b.sysctl("ipv6.conf.e0.dad_transmits", 3); b.link("e0").addr("fd00::2/64").up().wait_up();
"#;

fn addresses_in_doubt_are_named_and_mended(lab: &Lab) {
    let doubted = |ends| Broken {
        lab: DOUBTED,
        ends,
        ..routed("", &["tentative"], "b:e0")
    };
    are_named_and_mended(
        lab,
        &[doubted(r#""a", "fd00::2""#), doubted(r#""b", "fd00::1""#)],
    );
}

fn an_address_that_another_one_had_first_is_named_and_mended(lab: &Lab) {
    are_named_and_mended(
        lab,
        &[Broken {
            lab: r#"
                let a = netns("a"); let b = netns("b"); let c = netns("c"); let s = netns("s");
                s.bridge("br0", #{up: true, mcast_snooping: false});
                for place in [a, b, c] {
                    place.veth("e0", s, `p${place.name}`, #{up: true});
                    s.link(`p${place.name}`).master("br0").up().wait_up();
                }
                a.link("e0").addr("fd00::1/64", #{nodad: true});
                c.link("e0").addr("fd00::2/64", #{nodad: true});
                b.link("e0").addr("fd00::2/64");
                while b.link("e0").addrs.filter(|one| one.ip == "fd00::2")[0].dad_failed != true { sleep("10ms"); }"#,
            ..routed("", &["duplicate_address", "duplicate_address"], "c:e0")
        }],
    );
}

fn who_refuses_packets_to_a_stranger_is_told(lab: &Lab) {
    for (how, cause, refused) in [
        (
            "",
            "r has no route to 192.0.2.1",
            "net unreachable, ICMP type 3 code 0",
        ),
        (
            r#"r.route("192.0.2.0/24", #{type: "unreachable"});"#,
            "a route of type unreachable of r refuses 192.0.2.1",
            "host unreachable, ICMP type 3 code 1",
        ),
        (
            r#"r.route("192.0.2.0/24", #{type: "prohibit"});"#,
            "a route of type prohibit of r refuses 192.0.2.1",
            "prohibited, ICMP type 3 code 13",
        ),
        (
            r#"r.route("192.0.2.0/24", #{type: "blackhole"});"#,
            "a route of type blackhole of r refuses 192.0.2.1",
            "",
        ),
    ] {
        let script = format!(
            r#"{ROUTED} {how}
            try {{ why("a", "192.0.2.1", #{{quiet: true}}); }} catch (e) {{ print(`${{e.kind}}: ${{e.message}}`); print(e.notes); print(e.hint); }}"#
        );
        let output = lab.script_with(&["--rm"], &script);
        let notes = if refused.is_empty() {
            "[]".to_owned()
        } else {
            format!("[\"refused by 10.0.1.2 (r): {refused}\"]")
        };
        assert_eq!(
            output.stdout,
            format!(
                "not_found: cannot explain the way to `192.0.2.1`: no namespace here has the address `192.0.2.1`; {cause}\n{notes}\nlist those that there are: tree()\n"
            ),
            "{}",
            output.stderr
        );
    }
}

fn proxies_of_ipv6_are_followed_named_and_mended(lab: &Lab) {
    // Two halves of a network that the router joins as a proxy.
    const HALVES: &str = r#"
        let a = netns("a"); let r = netns("r"); let b = netns("b");
        for place in [a, r, b] { place.sysctl("ipv6.conf.default.accept_dad", 0); }
        a.veth("e0", r, "e1", #{addr: "fd00::1/64", nodad: true, up: true});
        b.veth("e0", r, "e2", #{addr: "fd00::82/64", nodad: true, up: true});
        for end in [r.link("e1").up(), r.link("e2").up(), a.link("e0"), b.link("e0")] { end.wait_up(); }
        r.forward();
        r.link("e1").route("fd00::1/128"); r.link("e2").route("fd00::82/128");
        for name in ["e1", "e2"] {
            r.sysctl(`ipv6.conf.${name}.proxy_ndp`, 1);
            r.sysctl(`ipv6.neigh.${name}.proxy_delay`, 0);
        }
        r.link("e1").neighbor("fd00::82", #{proxy: true});
        r.link("e2").neighbor("fd00::1", #{proxy: true});"#;
    let halves = |how, sorts, at| Broken {
        lab: HALVES,
        ..routed(how, sorts, at)
    };
    are_named_and_mended(
        lab,
        &[
            halves(
                r#"r.link("e1").del_neighbor("fd00::82");"#,
                &["proxy"],
                "r:e1",
            ),
            halves(
                r#"r.link("e2").del_neighbor("fd00::1");"#,
                &["proxy"],
                "r:e2",
            ),
            halves(
                r#"r.sysctl("ipv6.conf.e1.proxy_ndp", 0);"#,
                &["proxy"],
                "r:e1",
            ),
            halves(
                r#"r.sysctl("ipv6.conf.e2.proxy_ndp", 0); r.link("e2").del_neighbor("fd00::1");"#,
                &["proxy"],
                "r:e2",
            ),
            halves(
                r#"r.sysctl("ipv6.conf.all.forwarding", 0);"#,
                &["forwarding_off"],
                "r:e1",
            ),
        ],
    );
}

fn a_lab_that_goes_while_it_is_explained_is_told(lab: &Lab) {
    for doomed in ["a", "b"] {
        // It asks until there is nothing left to be explained, whatever is gone by then.
        let output = lab.script(&format!(
            r#"{ROUTED}
            host().spawn(["ip", "netns", "del", "{doomed}"]);
            for round in 0..1000 {{ why("a", "b", #{{quiet: true, timeout: "50ms"}}); }}"#
        ));
        assert!(
            output.code == 1 && output.stderr.contains("error: cannot explain the way to"),
            "{doomed}: {}",
            output.stderr
        );
    }
}

fn a_bridge_of_many_ports_takes_no_longer(lab: &Lab) {
    let script = r#"
        let hub = netns("hub"); let br = hub.bridge("br", #{up: true});
        let a = netns("a"); let b = netns("b");
        for i in 0..150 { hub.veth(`v${i}`, `w${i}`); hub.link(`v${i}`).master(br).up(); hub.link(`w${i}`).up(); }
        a.veth("e0", hub, "pa", #{addr: "10.0.0.1/24", up: true});
        b.veth("e0", hub, "pb", #{addr: "10.0.0.2/24"});
        hub.link("pa").master(br).up(); hub.link("pb").master(br).up();
        let begun = timestamp();
        let found = why("a", "b", #{quiet: true});
        let took = begun.elapsed;
        print(`${found.sort} ${if took < 5.0 { "in time" } else { took.to_string() }}`);"#;
    assert_eq!(lab.run(script), "link_down in time\n");
}

fn martians_are_mended(lab: &Lab) {
    // The router has the sender's address for that of all hosts.
    let narrow = r#"r.link("e1").del_addr("10.0.1.2/24").addr("10.0.1.2/25");
        a.link("e0").addr("10.0.1.127/24");"#;
    for (how, source, wanted) in [
        (
            "",
            "127.0.0.1",
            r#"netns("a").ping("10.0.2.2", #{source: "10.0.1.1"})"#,
        ),
        (
            narrow,
            "10.0.1.127",
            r#"netns("r").link("e1").del_addr("10.0.1.2/25"); netns("r").link("e1").addr("10.0.1.2/24")"#,
        ),
    ] {
        let script = format!(
            r#"{ROUTED} {how}
            print(why("a", "10.0.2.2", #{{source: "{source}", quiet: true}}).mend);"#
        );
        let output = lab.script_with(&["--rm"], &script);
        assert_eq!(output.stdout, format!("{wanted}\n"), "{}", output.stderr);
    }
    are_named_and_mended(
        lab,
        &[Broken {
            ends: r#""10.0.1.127", "10.0.2.2""#,
            ..routed(
                r#"r.link("e1").del_addr("10.0.1.2/24").addr("10.0.1.2/25");
                    a.link("e0").addr("10.0.1.127/24"); r.link("e1").sysctl("rp_filter", 1);"#,
                &["martian"],
                "r:e1",
            )
        }],
    );
}

fn parents_and_slaves_are_named_and_mended(lab: &Lab) {
    let slaves = |mode, how, sorts, at| Broken {
        lab: match mode {
            "vepa" => {
                r#"host().veth("p0", "q0"); link("p0").up(); link("q0").up();
                let a = netns("a"); let b = netns("b");
                a.macvlan("p0", "m0", "vepa", #{addr: "10.0.0.1/24", up: true});
                b.macvlan("p0", "m0", "vepa", #{addr: "10.0.0.2/24", up: true});"#
            }
            _ => {
                r#"host().veth("p0", "q0"); link("p0").up(); link("q0").up();
                let a = netns("a"); let b = netns("b");
                a.macvlan("p0", "m0", "bridge", #{addr: "10.0.0.1/24", up: true});
                b.macvlan("p0", "m0", "bridge", #{addr: "10.0.0.2/24", up: true});"#
            }
        },
        ..routed(how, sorts, at)
    };
    are_named_and_mended(
        lab,
        &[
            slaves("vepa", "", &["private"], "a:m0"),
            slaves("bridge", r#"link("p0").down();"#, &["link_down"], "host:p0"),
        ],
    );
}

fn links_without_a_carrier_are_named_and_mended(lab: &Lab) {
    const SLAVES: &str = r#"
        let a = netns("a"); let s = netns("s"); let b = netns("b");
        s.veth("p0", "q0"); s.link("q0").up(); s.link("p0").up().wait_up();
        a.macvlan(s.link("p0"), "m0", "bridge", #{addr: "10.0.0.1/24", up: true});
        b.macvlan(s.link("p0"), "m0", "bridge", #{addr: "10.0.0.2/24", up: true});"#;
    const ON_BRIDGE: &str = r#"
        let a = netns("a"); let s = netns("s"); let b = netns("b"); let br = s.bridge("br0", #{up: true});
        a.macvlan(br, "m0", "bridge", #{addr: "10.0.0.1/24", up: true});
        b.macvlan(br, "m0", "bridge", #{addr: "10.0.0.2/24", up: true});
        s.veth("v0", "v1"); s.link("v0").master(br).up(); s.link("v1").up(); s.link("v0").wait_up();
        // The slaves lose it a moment later.
        let gone = || { for place in [a, b] { while place.link("m0").carrier { sleep("10ms"); } } };"#;
    let slaves = |lab, how, sorts, at| Broken {
        lab,
        ..routed(how, sorts, at)
    };
    are_named_and_mended(
        lab,
        &[
            slaves(
                SLAVES,
                r#"a.exec("ip link set m0 protodown on");"#,
                &["no_carrier"],
                "a:m0",
            ),
            slaves(
                SLAVES,
                r#"b.exec("ip link set m0 protodown on");"#,
                &["no_carrier"],
                "b:m0",
            ),
            slaves(
                SLAVES,
                r#"s.link("q0").down(); for place in [a, b] { while place.link("m0").carrier { sleep("10ms"); } }"#,
                &["link_down"],
                "s:q0",
            ),
            slaves(
                ON_BRIDGE,
                r#"s.link("v0").down(); gone.call();"#,
                &["no_carrier"],
                "s:br0",
            ),
            slaves(
                ON_BRIDGE,
                r#"s.link("v0").delete(); gone.call();"#,
                &["no_carrier"],
                "s:br0",
            ),
        ],
    );
    let script = format!(
        r#"{ON_BRIDGE} s.link("v0").delete(); gone.call();
        let found = why("a", "b", #{{quiet: true}});
        print(found.cause); print(found.evidence[0]); print(found.mend);"#
    );
    assert_eq!(
        lab.run(&script),
        "link s:br0 has no carrier, and with it a:m0, which is on it: it has no port\n\
         NO-CARRIER, state DOWN\n\
         netns(\"s\").veth(\"port0\", \"port1\"); netns(\"s\").link(\"port0\").master(\"br0\").up(); netns(\"s\").link(\"port1\").up()\n"
    );
}

fn path_names_the_owner_that_packets_come_to(lab: &Lab) {
    let script = format!(
        r#"{SWITCHED}
        let c = netns("c");
        c.veth("e0", s, "p3", #{{addr: "10.0.0.2/24", up: true}});
        s.link("p3").master(br).up().wait_up();
        for owner in [b, c] {{
            a.link("e0").neighbor("10.0.0.2", owner.link("e0").mac, #{{replace: true}});
            print(why("a", "10.0.0.2", #{{quiet: true}}).path.map(|hop| hop.netns));
            print(path("a", "10.0.0.2", #{{quiet: true}}).hops.map(|hop| hop.netns));
        }}"#
    );
    assert_eq!(
        lab.run(&script),
        "[\"a\", \"b\"]\n[\"b\"]\n[\"a\", \"c\"]\n[\"c\"]\n"
    );
}

fn a_rule_beside_the_one_that_takes_packets_is_not_blamed(lab: &Lab) {
    // A rule of each family that takes something else, before another cause.
    let beside = |how, sorts, at| switched(how, sorts, at);
    are_named_and_mended(
        lab,
        &[
            beside(
                r#"a.nft("table arp f { chain o { type filter hook output priority 0; arp daddr ip 10.0.0.77 drop; }; }");
                    b.link("e0").arp(false);"#,
                &["noarp"],
                "b:e0",
            ),
            beside(
                r#"b.nft("table arp f { chain i { type filter hook input priority 0; arp daddr ip 10.0.0.77 drop; arp operation request drop; }; }");"#,
                &["filter"],
                "b",
            ),
            beside(
                r#"s.nft("table bridge f { chain f { type filter hook forward priority 0; ip daddr 10.0.0.77 drop; ip daddr 10.0.0.2 icmp type echo-request drop; }; }");"#,
                &["filter"],
                "s",
            ),
            beside(
                r#"b.nft("table netdev f { chain i { type filter hook ingress device e0 priority 0; ip daddr 10.0.0.77 drop; icmp type echo-request drop; }; }");"#,
                &["filter"],
                "b",
            ),
            beside(
                r#"b.nft("table netdev f { chain i { type filter hook ingress device e0 priority 0; ip daddr 10.0.0.77 drop; arp operation reply drop; }; }");
                    b.sysctl("ipv4.icmp_echo_ignore_all", 1);"#,
                &["echo_ignored"],
                "b",
            ),
        ],
    );
    // Where the kernel does not say why, the rules that have not taken the packets are not blamed for it.
    let script = format!(
        r#"{SWITCHED}
        s.nft("table bridge f {{ chain f {{ type filter hook forward priority 0; ip daddr 10.0.0.77 drop; }}; }}");
        s.nft("table netdev f {{ chain i {{ type filter hook ingress device p1 priority 0; ip daddr 10.0.0.77 drop; }}; }}");
        a.link("e0").neighbor("10.0.0.2", b.link("e0").mac);
        b.link("e0").mac("02:00:00:00:00:99");
        b.link("e0").neighbor("10.0.0.1", a.link("e0").mac);
        print(why("a", "b", #{{quiet: true}}).sort);"#
    );
    assert_ne!(lab.run(&script), "filter\n");
}

fn filters_of_what_a_bridge_passes_on_are_named_and_mended(lab: &Lab) {
    are_named_and_mended(
        lab,
        &[switched(
            r#"br.set(#{nf_call_iptables: true});
                s.nft("table ip f { chain c { type filter hook forward priority 0; ip daddr 10.0.0.77 drop; icmp type echo-request drop; }; }");"#,
            &["filter"],
            "s",
        )],
    );
}

fn a_queue_that_holds_packets_back_is_named_and_mended(lab: &Lab) {
    for queue in [
        r#"tbf(#{rate: "8kbit", burst: "1600B", limit: "10000B"})"#,
        r#"htb(#{classes: [#{name: "slow", rate: "8kbit", burst: "1600B"}], otherwise: "slow"})"#,
    ] {
        let script = format!(
            r#"{ROUTED} a.link("e0").{queue};
            // The first ones may pass at once.
            a.ping("b", #{{count: 3, size: 1400, interval: "10ms", timeout: "20ms", quiet: true}});
            let found = why("a", "b", #{{quiet: true, size: 1400}});
            print([found.sort, found.at, found.mend]);
            eval(found.mend);
            print(why("a", "b", #{{quiet: true, size: 1400, timeout: "2s"}}).reached);"#
        );
        let output = lab.script_with(&["--rm"], &script);
        assert_eq!(
            output.stdout,
            "[\"queue\", \"a:e0\", \"netns(\\\"a\\\").link(\\\"e0\\\").clear_qdisc()\"]\ntrue\n",
            "{queue}\n{}",
            output.stderr
        );
    }
}

fn causes_of_slaves_are_named_and_mended(lab: &Lab) {
    const L2: &str = r#"
        dummy("p0", #{up: true});
        let a = netns("a"); let b = netns("b");
        a.ipvlan("p0", "v0", "l2", #{addr: "10.0.1.1/24", up: true, route: "default"});
        b.ipvlan("p0", "v0", "l2", #{addr: "10.0.2.2/24", up: true, route: "default"});"#;
    const L3: &str = r#"
        dummy("p0", #{addr: "10.0.9.9/24", up: true});
        let a = netns("a"); let b = netns("b");
        a.ipvlan("p0", "v0", "l3", #{addr: "10.0.1.1/24", up: true, route: "default"});
        b.ipvlan("p0", "v0", "l3", #{addr: "10.0.2.2/24", up: true, route: "default"});"#;
    let slaves = |lab, how, sorts, at| Broken {
        lab,
        ..routed(how, sorts, at)
    };
    are_named_and_mended_within(
        lab,
        "2s",
        &[
            slaves(L2, r#"b.del_route("default");"#, &["no_way_back"], "b"),
            slaves(L2, r#"a.del_route("default");"#, &["no_route"], "a"),
            slaves(
                L3,
                r#"a.link("v0").mode("l3", #{flag: "vepa", switch: true});"#,
                &["private"],
                "a:v0",
            ),
        ],
    );
}

/// A slave in `a` and its parent here, each with an address of both families of one network.
const OVER_PARENT: &str = r#"
let a = netns("a"); let p = dummy("p0", #{addr: ["10.0.9.9/24", "fd00::9/64"], nodad: true, up: true});
let own = #{addr: ["10.0.9.1/24", "fd00::1/64"], nodad: true, up: true};
"#;

fn parents_and_their_slaves_are_parted_and_mended(lab: &Lab) {
    for slave in [
        r#"a.ipvlan(p, "v0", "l2", own);"#,
        r#"a.ipvlan(p, "v0", "l3", own);"#,
        r#"a.ipvlan(p, "v0", "l3s", own);"#,
        r#"a.macvlan(p, "v0", "bridge", own);"#,
        r#"a.macvlan(p, "v0", "private", own);"#,
        r#"a.macvlan(p, "v0", "vepa", own);"#,
    ] {
        let script = format!(
            r#"{OVER_PARENT} {slave}
            for ends in [["a", "fd00::9"], ["10.0.9.9", "a"], ["a", "10.0.9.9"]] {{
                let sorts = [];
                for round in 0..4 {{
                    let found = why(ends[0], ends[1], #{{quiet: true, timeout: "2s"}});
                    if found.reached {{ break; }}
                    sorts.push(found.sort);
                    eval(found.mend);
                }}
                print([why(ends[0], ends[1], #{{quiet: true, timeout: "2s"}}).reached, sorts]);
            }}"#
        );
        let output = lab.script_with(&["--rm"], &script);
        // Those that are not to talk to each other are let to, when they are slaves both.
        let then = if slave.contains("private") || slave.contains("vepa") {
            r#", "private""#
        } else {
            ""
        };
        assert_eq!(
            output.stdout,
            format!(
                "[true, [\"parent_and_slave\"{then}]]\n[true, [\"parent_and_slave\"]]\n[true, []]\n"
            ),
            "{slave}\n{}",
            output.stderr
        );
    }
}

fn dummies_and_bonds_without_a_carrier_are_named_and_mended(lab: &Lab) {
    const SLAVES: &str = r#"
        let a = netns("a"); let b = netns("b");
        a.macvlan("p0", "m0", "bridge", #{addr: "10.0.0.1/24", up: true});
        b.macvlan("p0", "m0", "bridge", #{addr: "10.0.0.2/24", up: true});
        while a.link("m0").carrier || b.link("m0").carrier { sleep("10ms"); }"#;
    for (parent, wanted) in [
        (
            r#"dummy("p0", #{up: true}).carrier(false);"#,
            r#"host().link("p0").carrier(true)"#,
        ),
        (
            r#"bond("p0", "active-backup").up();"#,
            r#"host().veth("port0", "port1"); host().link("port0").master("p0").up(); host().link("port1").up()"#,
        ),
    ] {
        let script = format!(
            r#"{parent} {SLAVES}
            let found = why("a", "b", #{{quiet: true, timeout: "2s"}});
            print(`${{found.sort}} ${{found.at}} ${{found.mend}}`);
            eval(found.mend);
            for place in [a, b] {{ place.link("m0").wait_up(); }}
            print(why("a", "b", #{{quiet: true, timeout: "2s"}}).reached);"#
        );
        let output = lab.script_with(&["--rm"], &script);
        assert_eq!(
            output.stdout,
            format!("no_carrier host:p0 {wanted}\ntrue\n"),
            "{parent}\n{}",
            output.stderr
        );
    }
}
