//! Explanations: one lab for each cause, the cause named, then mended as told, then reached.

pub(crate) mod standing;
pub(crate) mod translation;

use crate::case::cases;
use crate::lab::Lab;
use crate::state;

cases! {
    ["veth"] =>
        what_is_reached_has_no_cause
        the_heading_says_in_which_namespace_a_link_is
        the_zone_of_an_address_says_which_link_is_meant
        a_ladder_says_where_it_breaks_and_what_mends_it
        ends_that_are_not_there_are_told
        nothing_is_changed_nor_left
        a_neighbour_that_was_asked_for_before_takes_no_longer
        a_failed_expectation_says_why_and_what_to_type
        a_failed_expectation_asks_why_of_what_it_has_sent;
    ["veth", "bridge", "macvlan"] =>
        causes_of_routing_are_named_and_mended
        proxies_are_followed_named_and_mended
        a_martian_source_is_called_so
        who_answers_for_an_address_of_several_is_told
        an_address_that_two_have_is_named_and_mended
        links_too_narrow_are_named_and_mended
        packets_whose_time_to_live_runs_out_are_told
        a_port_that_does_not_forward_yet_is_waited_for
        causes_of_the_link_layer_are_named_and_mended;
    ["veth", "vlan_filtering"] =>
        causes_of_vlans_are_named_and_mended;
    ["veth", "nft"] =>
        causes_of_filters_are_named_and_mended
        filters_of_questions_are_named_and_mended
        packets_with_a_mark_are_followed
        a_link_too_narrow_is_named_where_the_router_is_not_heard;
    ["veth", "bridge", "vxlan"] =>
        causes_of_tunnels_are_named_and_mended;
    ["veth", "vxlan", "nft"] =>
        filters_of_outer_packets_are_named_and_mended;
    ["veth", "vrf"] =>
        causes_of_vrfs_are_named_and_mended;
    ["veth", "geneve"] =>
        causes_of_geneve_are_named_and_mended;
    ["veth", "ipvlan", "netem", "vrf", "dummy"] =>
        causes_that_take_more_drivers_are_named_and_mended;
}

/// `a` (10.0.1.1, `fd01::1`), the router `r`, and `b` (10.0.2.2, `fd02::2`).
pub(crate) const ROUTED: &str = r#"
let a = netns("a"); let r = netns("r"); let b = netns("b");
for place in [a, r, b] { place.link("lo").up(); place.sysctl("ipv6.conf.default.accept_dad", 0); }
a.veth("e0", r, "e1", #{addr: ["10.0.1.1/24", "fd01::1/64"], nodad: true, up: true});
r.link("e1").addr("10.0.1.2/24").addr("fd01::2/64", #{nodad: true}).up();
b.veth("e0", r, "e2", #{addr: ["10.0.2.2/24", "fd02::2/64"], nodad: true, up: true});
r.link("e2").addr("10.0.2.1/24").addr("fd02::1/64", #{nodad: true}).up();
a.route("default", #{via: "10.0.1.2"}); a.route("::/0", #{via: "fd01::2"});
b.route("default", #{via: "10.0.2.1"}); b.route("::/0", #{via: "fd02::1"});
r.forward();
for end in [a.link("e0"), r.link("e1"), r.link("e2"), b.link("e0")] { end.wait_up(); }
"#;

/// `a` (10.0.0.1) and `b` (10.0.0.2) at a bridge in `s`.
const SWITCHED: &str = r#"
let a = netns("a"); let s = netns("s"); let b = netns("b");
let br = s.bridge("br0", #{up: true});
a.veth("e0", s, "p1", #{addr: "10.0.0.1/24", up: true});
b.veth("e0", s, "p2", #{addr: "10.0.0.2/24", up: true});
s.link("p1").master(br).up().wait_up();
s.link("p2").master(br).up().wait_up();
"#;

/// `a` (10.9.0.1) and `b` (10.9.0.2) at the ends of a tunnel, from 192.168.1.1 by the router `r` to 192.168.2.2.
const TUNNELLED: &str = r#"
let a = netns("a"); let r = netns("r"); let b = netns("b");
a.veth("e0", r, "e1", #{addr: "192.168.1.1/24", up: true});
r.link("e1").addr("192.168.1.2/24").up();
b.veth("e0", r, "e2", #{addr: "192.168.2.2/24", up: true});
r.link("e2").addr("192.168.2.1/24").up();
a.route("default", #{via: "192.168.1.2"}); b.route("default", #{via: "192.168.2.1"});
r.forward();
for end in [a.link("e0"), r.link("e1"), r.link("e2"), b.link("e0")] { end.wait_up(); }
a.vxlan("vx0", 42, #{remote: "192.168.2.2", local: "192.168.1.1", dstport: 4789, addr: "10.9.0.1/24", up: true});
b.vxlan("vx0", 42, #{remote: "192.168.1.1", local: "192.168.2.2", dstport: 4789, addr: "10.9.0.2/24", up: true});
"#;

/// A lab with one thing broken.
struct Broken {
    /// What makes it.
    lab: &'static str,
    /// What breaks it.
    how: &'static str,
    /// The ends, as a call has them.
    ends: &'static str,
    /// The sorts of the causes, one after the other as each is mended.
    sorts: &'static [&'static str],
    /// Where the first one is.
    at: &'static str,
}

/// Breaks each lab, and lets the text of each mend run until the other end is reached.
#[track_caller]
fn are_named_and_mended(lab: &Lab, all: &[Broken]) {
    are_named_and_mended_within(lab, "300ms", all);
}

/// The same where a reply may take as long as `timeout`.
#[track_caller]
fn are_named_and_mended_within(lab: &Lab, timeout: &str, all: &[Broken]) {
    for broken in all {
        let Broken {
            lab: make,
            how,
            ends,
            ..
        } = broken;
        let script = format!(
            r#"{make}
            {how}
            let sorts = [];
            let at = ();
            for round in 0..4 {{
                let found = why({ends}, #{{quiet: true, timeout: "{timeout}"}});
                if found.reached {{ break; }}
                // A port that has just come up takes a moment, and so does a neighbour asked for in vain.
                if found.sort == "unknown" && at != () {{ continue; }}
                if at == () {{ at = found.at; }}
                sorts.push(found.sort);
                if found.sort == "unknown" {{ continue; }}
                if !found.to_string().contains("✘") {{ sorts.push("not in the ladder"); }}
                if found.mend == () {{ sorts.push(found.cause); break; }}
                if found.evidence.len() == 0 && found.sort != "link_down" && found.sort != "lo_down" && found.sort != "no_address" {{
                    sorts.push("no evidence");
                }}
                eval(found.mend);
                for place in namespaces().filter(|place| ["a", "b", "r", "s"].contains(place.name)) {{
                    for one in place.links {{
                        if one.is_up && one.kind == "veth" {{ one.wait_up(); }}
                    }}
                }}
            }}
            sorts.push(why({ends}, #{{quiet: true, timeout: "{timeout}"}}).reached);
            print([sorts, at]);"#
        );
        let output = lab.script_with(&["--rm"], &script);
        let mut wanted: Vec<String> = broken
            .sorts
            .iter()
            .map(|sort| format!("\"{sort}\""))
            .collect();
        wanted.push("true".to_owned());
        assert_eq!(
            (output.stdout.as_str(), output.code),
            (
                format!("[[{}], \"{}\"]\n", wanted.join(", "), broken.at).as_str(),
                0
            ),
            "{how}\n{}",
            output.stderr
        );
    }
}

fn routed(how: &'static str, sorts: &'static [&'static str], at: &'static str) -> Broken {
    Broken {
        lab: ROUTED,
        how,
        ends: r#""a", "b""#,
        sorts,
        at,
    }
}

#[track_caller]
fn switched(how: &'static str, sorts: &'static [&'static str], at: &'static str) -> Broken {
    Broken {
        lab: SWITCHED,
        ..routed(how, sorts, at)
    }
}

#[track_caller]
fn tunnelled(how: &'static str, sorts: &'static [&'static str], at: &'static str) -> Broken {
    Broken {
        lab: TUNNELLED,
        ..routed(how, sorts, at)
    }
}

fn what_is_reached_has_no_cause(lab: &Lab) {
    let script = format!(
        r#"{ROUTED}
        for ends in [["a", "b"], ["b", "a"], ["10.0.1.1", "10.0.2.2"], ["a", "fd02::2"], ["a", "10.0.1.2"], ["a", "10.0.1.1"]] {{
            let found = why(ends[0], ends[1], #{{quiet: true}});
            print([found.reached, found.cause, found.mend, found.path.map(|hop| hop.netns)]);
        }}
        let found = why(a.link("e0"), b.link("e0"), #{{quiet: true}});
        print([found.reached, found.path]);"#
    );
    assert_eq!(
        lab.run(&script),
        "[true, (), (), [\"a\", \"r\", \"b\"]]\n\
         [true, (), (), [\"b\", \"r\", \"a\"]]\n\
         [true, (), (), [\"a\", \"r\", \"b\"]]\n\
         [true, (), (), [\"a\", \"r\", \"b\"]]\n\
         [true, (), (), [\"a\", \"r\"]]\n\
         [true, (), (), [\"a\"]]\n\
         [\n  true,\n  [\n    \
         #{netns: \"a\", link: \"e0\", address: \"10.0.1.1\"},\n    \
         #{netns: \"r\", link: \"e1\", address: \"10.0.1.2\"},\n    \
         #{netns: \"b\", link: \"e0\", address: \"10.0.2.2\"},\n  ],\n]\n"
    );
}

fn the_heading_says_in_which_namespace_a_link_is(lab: &Lab) {
    let script = format!(
        r#"{ROUTED}
        print(why(b.link("e0"), a.link("e0"), #{{quiet: true}}).to_string().split("\n")[0]);
        print(path(b.link("e0"), a.link("e0"), #{{quiet: true}}).to_string() != "");"#
    );
    assert_eq!(lab.run(&script), "why: b:e0 → a:e0\ntrue\n");
}

fn the_zone_of_an_address_says_which_link_is_meant(lab: &Lab) {
    let script = format!(
        r#"{ROUTED}
        for end in [a, b] {{ end.link("e0").addr("fe80::b/64", #{{nodad: true}}); }}
        for zone in ["e1", "e2"] {{
            let found = why("r", "fe80::b%" + zone, #{{quiet: true}});
            print([found.reached, found.path.map(|hop| hop.netns)]);
            print(path("r", "fe80::b%" + zone, #{{quiet: true}}).reached);
        }}
        print(r.ping("fe80::b%e2", #{{count: 1}}).ok);"#
    );
    let output = lab.run(&script);
    let lines: Vec<&str> = output.lines().collect();
    let wanted = [
        r#"[true, ["r", "a"]]"#,
        "true",
        r#"[true, ["r", "b"]]"#,
        "true",
    ];
    assert_eq!(lines[..4], wanted, "{output}");
    assert!(
        lines[4].starts_with("PING fe80::b%e2(fe80::b%e2) from fe80::"),
        "{output}"
    );
    assert_eq!(lines.last(), Some(&"true"));
}

fn a_ladder_says_where_it_breaks_and_what_mends_it(lab: &Lab) {
    let script = format!(
        r#"{ROUTED}
        r.sysctl("ipv4.ip_forward", 0);
        r.link("e1").mac("02:00:00:00:00:01");
        let found = why("a", "10.0.2.2");
        print(found.evidence);
        print(found.ruled_out);"#
    );
    assert_eq!(
        lab.run(&script),
        "why: a → 10.0.2.2\n\
         \x20 a:e0  10.0.1.1  ✔ route via 10.0.1.2, neighbour 02:00:00:00:00:01\n\
         \x20 r:e1  10.0.1.2  ✘ r does not forward IPv4 (Ip:InAddrErrors +2, route get 10.0.2.2 from 10.0.1.1 iif e1: EHOSTUNREACH)\n\
         mend: netns(\"r\").forward()\n\
         [\"Ip:InAddrErrors +2\", \"route get 10.0.2.2 from 10.0.1.1 iif e1: EHOSTUNREACH\"]\n\
         [\"a has a route to 10.0.2.2\"]\n"
    );
}

fn causes_of_routing_are_named_and_mended(lab: &Lab) {
    are_named_and_mended(
        lab,
        &[
            routed(
                r#"r.sysctl("ipv4.ip_forward", 0);"#,
                &["forwarding_off"],
                "r:e1",
            ),
            Broken {
                ends: r#""a", "fd02::2""#,
                ..routed(
                    r#"r.sysctl("ipv6.conf.all.forwarding", 0);"#,
                    &["forwarding_off"],
                    "r:e1",
                )
            },
            routed(r#"a.del_route("default");"#, &["no_route"], "a"),
            routed(r#"b.del_route("default");"#, &["no_way_back"], "b"),
            routed(
                r#"a.del_route("default"); a.route("default", #{via: "10.0.1.77"});"#,
                &["no_such_address"],
                "a:e0",
            ),
            routed(
                r#"r.link("e2").del_addr("10.0.2.1/24");"#,
                &["no_address"],
                "r:e2",
            ),
            routed(
                r#"a.veth("f0", r, "f1", #{addr: "10.0.3.1/24", up: true});
                    r.link("f1").addr("10.0.3.2/24").up().wait_up();
                    r.route("10.0.1.1/32", #{via: "10.0.3.1"});
                    r.sysctl("ipv4.conf.e1.rp_filter", 1);"#,
                &["rp_filter"],
                "r:e1",
            ),
            routed(
                r#"a.route("10.0.2.0/24", #{type: "blackhole"});"#,
                &["blackhole"],
                "a",
            ),
            routed(
                r#"r.route("10.0.2.2/32", #{type: "prohibit"});"#,
                &["prohibit"],
                "r",
            ),
            routed(
                r#"b.route("10.0.1.0/24", #{type: "unreachable"});"#,
                &["unreachable"],
                "b",
            ),
            routed(
                r#"r.rule(#{to: "10.0.2.0/24", action: "prohibit", priority: 50});"#,
                &["prohibit"],
                "r",
            ),
            routed(
                r#"b.sysctl("ipv4.icmp_echo_ignore_all", 1);"#,
                &["echo_ignored"],
                "b",
            ),
            routed(
                r#"a.link("e0").down();"#,
                &["link_down", "no_route"],
                "a:e0",
            ),
            // Two routers that send to each other what is for `b`.
            routed(
                r#"let q = netns("q");
                    r.veth("f0", q, "f1", #{addr: "10.0.3.1/24", up: true});
                    q.link("f1").addr("10.0.3.2/24").up().wait_up();
                    q.forward().route("default", #{via: "10.0.3.1"});
                    r.link("e2").del_addr("10.0.2.1/24");
                    r.route("default", #{via: "10.0.3.2"});"#,
                &["loop"],
                "r",
            ),
            // A link in the middle, which took its route with it.
            Broken {
                ends: r#""a", "10.0.9.1""#,
                ..routed(
                    r#"let q = netns("q"); q.link("lo").addr("10.0.9.1/32").up();
                    r.veth("f0", q, "f1", #{addr: "10.0.3.1/24", up: true});
                    q.link("f1").addr("10.0.3.2/24").up().wait_up();
                    q.route("default", #{via: "10.0.3.1"});
                    r.route("10.0.9.0/24", #{via: "10.0.3.2"});
                    r.link("f0").down();"#,
                    &["link_down"],
                    "r:f0",
                )
            },
            Broken {
                ends: r#""a", "10.0.1.1""#,
                ..routed(r#"a.link("lo").down();"#, &["lo_down"], "a:lo")
            },
            Broken {
                ends: r#""a", "127.0.0.1""#,
                ..routed(r#"a.link("lo").down();"#, &["lo_down"], "a:lo")
            },
        ],
    );
}

fn proxies_are_followed_named_and_mended(lab: &Lab) {
    // Two halves of a network that the router joins as a proxy.
    const HALVES: &str = r#"
        let a = netns("a"); let r = netns("r"); let b = netns("b");
        a.veth("e0", r, "e1", #{addr: "10.0.0.1/24", up: true});
        b.veth("e0", r, "e2", #{addr: "10.0.0.130/24", up: true});
        r.link("e1").addr("10.0.0.2/25").up().wait_up();
        r.link("e2").addr("10.0.0.129/25").up().wait_up();
        for end in [a.link("e0"), b.link("e0")] { end.wait_up(); }
        r.forward();
        for name in ["e1", "e2"] {
            r.link(name).sysctl("proxy_arp", 1);
            r.sysctl(`ipv4.neigh.${name}.proxy_delay`, 0);
        }"#;
    let halves = |how, sorts, at| Broken {
        lab: HALVES,
        ..routed(how, sorts, at)
    };
    are_named_and_mended(
        lab,
        &[
            halves(
                r#"r.sysctl("ipv4.ip_forward", 0);"#,
                &["forwarding_off"],
                "r:e1",
            ),
            halves(
                r#"r.link("e2").sysctl("proxy_arp", 0);"#,
                &["proxy"],
                "r:e2",
            ),
            halves(r#"b.link("e0").down();"#, &["link_down"], "b:e0"),
            halves(r#"r.link("e2").down();"#, &["link_down"], "r:e2"),
            halves(
                r#"for name in ["e1", "e2"] { r.link(name).sysctl("proxy_arp", 0); }
                    r.link("e1").neighbor("10.0.0.130", #{proxy: true});"#,
                &["proxy"],
                "r:e2",
            ),
        ],
    );
    // The kernel waits up to 0.8 s with each answer, by default.
    for how in [
        "",
        r#"for name in ["e1", "e2"] { r.sysctl(`ipv4.neigh.${name}.proxy_delay`, 80); }"#,
    ] {
        let output = lab.script_with(
            &["--rm"],
            &format!(r#"{HALVES} {how} print(why("a", "b", #{{quiet: true}}).reached);"#),
        );
        assert_eq!(output.stdout, "true\n", "{how}\n{}", output.stderr);
    }
}

fn a_martian_source_is_called_so(lab: &Lab) {
    let script = format!(
        r#"{ROUTED}
        r.link("e1").del_addr("10.0.1.2/24").addr("10.0.1.2/25");
        a.link("e0").addr("10.0.1.127/24");
        let tell = |source| {{
            let found = why("a", "10.0.2.2", #{{source: source, quiet: true}});
            print(`${{found.sort}} ${{found.at}} ${{found.cause}}`);
        }};
        tell.call("127.0.0.1");
        tell.call("10.0.1.127");
        r.sysctl("ipv4.conf.e1.rp_filter", 1);
        tell.call("10.0.1.127");"#
    );
    assert_eq!(
        lab.run(&script),
        "martian a a sends no packets from 127.0.0.1 out of a link: it is an address of the loopback\n\
         broadcast r:e1 r takes 10.0.1.127 for a broadcast address, that of r:e1\n\
         martian r:e1 r takes no packets from 10.0.1.127 that come in by a link: it is the broadcast address of r:e1, a martian source\n"
    );
}

fn who_answers_for_an_address_of_several_is_told(lab: &Lab) {
    let script = format!(
        r#"{SWITCHED}
        let c = netns("c");
        c.veth("e0", s, "p3", #{{addr: "10.0.0.2/24", up: true}});
        s.link("p3").master(br).up().wait_up();
        // Whose answer comes last is asked.
        a.link("e0").neighbor("10.0.0.2", c.link("e0").mac);
        let found = why("a", "10.0.0.2", #{{quiet: true}}).to_string();
        print(found.split("\n").filter(|line| line.contains("answers"))[0].contains("c:e0  10.0.0.2  ✔ answers; b:e0 has 10.0.0.2, too"));"#
    );
    assert_eq!(lab.run(&script), "true\n");
}

fn an_address_that_two_have_is_named_and_mended(lab: &Lab) {
    are_named_and_mended(
        lab,
        &[
            // Another one answers in place of the one that was asked.
            switched(
                r#"let c = netns("c");
                    c.veth("e0", s, "p3", #{addr: "10.0.0.2/24", up: true});
                    s.link("p3").master(br).up().wait_up();
                    b.link("e0").arp(false);"#,
                &["duplicate_address", "noarp"],
                "c:e0",
            ),
            routed(
                r#"r.link("e2").addr("10.0.2.2/24");"#,
                &["duplicate_address"],
                "r:e2",
            ),
            Broken {
                ends: r#""a", "b""#,
                ..routed(
                    r#"a.link("e0").addr("10.0.2.2/24");"#,
                    &["duplicate_address"],
                    "a:e0",
                )
            },
            // Who is asked has the address of who asks.
            switched(
                r#"b.link("e0").addr("10.0.0.1/24");"#,
                &["duplicate_address"],
                "b:e0",
            ),
        ],
    );
}

fn links_too_narrow_are_named_and_mended(lab: &Lab) {
    const NARROW: &str = r#"r.link("e2").mtu(1300); b.link("e0").mtu(1300);"#;
    let widened = |flush: &str| {
        let widened = r#"netns("r").link("e2").mtu(1500); netns("b").link("e0").mtu(1500)"#;
        format!("r:e2 {widened}; netns(\"a\").exec(\"{flush}\")")
    };
    for (make, how, to, wanted) in [
        // A router tells of it.
        (ROUTED, NARROW, "10.0.2.2", widened("ip route flush cache")),
        (
            ROUTED,
            NARROW,
            "fd02::2",
            widened("ip -6 route flush cache"),
        ),
        // On the link layer nobody does.
        (
            SWITCHED,
            r#"s.link("p2").mtu(1000);"#,
            "10.0.0.2",
            r#"s:p2 netns("s").link("p2").mtu(1500)"#.to_owned(),
        ),
    ] {
        let script = format!(
            r#"{make}
            {how}
            let asked = #{{size: 1400, df: true, quiet: true}};
            let found = why("a", "{to}", asked);
            print(`${{found.sort}} ${{found.at}} ${{found.mend}}`);
            eval(found.mend);
            print(why("a", "{to}", asked).reached);"#
        );
        let output = lab.script_with(&["--rm"], &script);
        assert_eq!(
            (output.stdout.as_str(), output.code),
            (format!("mtu {wanted}\ntrue\n").as_str(), 0),
            "{how} {to}\n{}",
            output.stderr
        );
    }
}

fn packets_whose_time_to_live_runs_out_are_told(lab: &Lab) {
    let script = format!(
        r#"{ROUTED}
        let found = why("a", "b", #{{ttl: 1, quiet: true}});
        print(`${{found.sort}} ${{found.at}} ${{found.cause}} ${{found.evidence[0]}}`);"#
    );
    assert_eq!(
        lab.run(&script),
        "ttl r:e1 the time to live of the packets runs out at r time exceeded, from 10.0.1.2\n"
    );
}

fn a_link_too_narrow_is_named_where_the_router_is_not_heard(lab: &Lab) {
    let script = format!(
        r#"{ROUTED} r.link("e2").mtu(1300);
        r.nft("table inet f {{ chain o {{ type filter hook output priority 0; icmp type destination-unreachable drop; }}; }}");
        let found = why("a", "b", #{{size: 1400, df: true, quiet: true}});
        print(`${{found.sort}} ${{found.at}} ${{found.evidence}}`);"#
    );
    assert_eq!(
        lab.run(&script),
        "mtu r:e2 [\"MTU 1300\", \"Ip:FragFails +2\"]\n"
    );
}

fn a_port_that_does_not_forward_yet_is_waited_for(lab: &Lab) {
    let script = format!(
        r#"{SWITCHED}
        br.set(#{{stp: true, forward_delay: "30s"}});
        s.link("p2").down().up();
        let found = why("a", "b", #{{quiet: true}});
        print([found.sort, found.at, found.mend]);
        print(found.cause);
        print(found.evidence.filter(|line| !line.starts_with("neighbour")));"#
    );
    assert_eq!(
        lab.run(&script),
        "[\"port_state\", \"s:p2\", \"sleep(\\\"60s\\\")\"]\n\
         the bridge does not let port s:p2 forward yet: wait for it, 60s at most\n\
         [\"state of the port: listening\", \"forward_delay 30s\"]\n"
    );
}

fn causes_of_the_link_layer_are_named_and_mended(lab: &Lab) {
    are_named_and_mended(
        lab,
        &[
            switched(r#"b.link("e0").down();"#, &["link_down"], "b:e0"),
            switched(r#"s.link("p2").down();"#, &["link_down"], "s:p2"),
            switched(r#"s.link("p2").nomaster();"#, &["not_joined"], "b:e0"),
            switched("br.down();", &["link_down"], "s:br0"),
            switched(
                r#"s.link("p1").port(#{isolated: true}); s.link("p2").port(#{isolated: true});"#,
                &["isolated"],
                "s:p2",
            ),
            switched(r#"b.link("e0").arp(false);"#, &["noarp"], "b:e0"),
            switched(
                r#"s.link("p2").port(#{bcast_flood: false});"#,
                &["flood_off"],
                "s:p2",
            ),
            Broken {
                lab: r#"
                    let a = netns("a"); let s = netns("s"); let b = netns("b");
                    for place in [a, b] { place.sysctl("ipv6.conf.default.accept_dad", 0); }
                    let br = s.bridge("br0", #{up: true, mcast_snooping: false});
                    a.veth("e0", s, "p1", #{addr: "fd00::1/64", nodad: true, up: true});
                    b.veth("e0", s, "p2", #{addr: "fd00::2/64", nodad: true, up: true});
                    s.link("p1").master(br).up().wait_up();
                    s.link("p2").master(br).up().wait_up();"#,
                ..switched(
                    r#"s.link("p2").port(#{mcast_flood: false});"#,
                    &["flood_off"],
                    "s:p2",
                )
            },
            switched(
                r#"s.link("p2").port(#{locked: true}).del_fdb(b.link("e0").mac);"#,
                &["locked"],
                "s:p2",
            ),
            switched(
                r#"a.link("e0").mac(b.link("e0").mac);"#,
                &["duplicate_mac"],
                "a:e0",
            ),
            switched(
                r#"a.link("e0").neighbor("10.0.0.2", "02:00:00:00:00:99");"#,
                &["wrong_neighbour"],
                "a:e0",
            ),
            switched(
                r#"a.link("e0").del_addr("10.0.0.1/24");"#,
                &["no_address"],
                "a",
            ),
            Broken {
                lab: r#"
                    host().veth("p0", "q0"); link("p0").up(); link("q0").up();
                    let a = netns("a"); let b = netns("b");
                    a.macvlan("p0", "m0", "private", #{addr: "10.0.0.1/24", up: true});
                    b.macvlan("p0", "m0", "private", #{addr: "10.0.0.2/24", up: true});"#,
                ..routed("", &["private"], "a:m0")
            },
            Broken {
                lab: r#"
                    host().veth("p0", "q0", #{addr: "10.0.0.9/24", up: true}); link("q0").up();
                    let a = netns("a");
                    a.macvlan("p0", "m0", #{addr: "10.0.0.1/24", up: true});"#,
                ends: r#""a", "10.0.0.9""#,
                ..routed("", &["parent_and_slave"], "a:m0")
            },
        ],
    );
}

fn causes_of_vlans_are_named_and_mended(lab: &Lab) {
    let in_vlans = |how, at| Broken {
        lab: r#"
            let a = netns("a"); let s = netns("s"); let b = netns("b");
            let br = s.bridge("br0", #{vlan_filtering: true, up: true});
            a.veth("e0", s, "p1", #{addr: "10.0.0.1/24", up: true});
            b.veth("e0", s, "p2", #{addr: "10.0.0.2/24", up: true});
            s.link("p1").master(br).up().wait_up();
            s.link("p2").master(br).up().wait_up();"#,
        ..routed(how, &["vlan"], at)
    };
    // As below: it runs where replies are late.
    are_named_and_mended_within(
        lab,
        "2s",
        &[in_vlans(
            r#"s.link("p1").port(#{pvid: 10}); s.link("p2").port(#{pvid: 20});"#,
            "s:p2",
        )],
    );
}

fn causes_of_filters_are_named_and_mended(lab: &Lab) {
    are_named_and_mended(
        lab,
        &[
            routed(r#"r.drop(#{from: "10.0.1.0/24"});"#, &["filter"], "r"),
            routed(r#"r.reject(#{to: "10.0.2.0/24"});"#, &["filter"], "r"),
            routed(
                r#"b.nft("table inet f { chain i { type filter hook input priority 0; policy drop; }; }");"#,
                &["filter"],
                "b",
            ),
            routed(
                r#"a.nft("table inet f { chain o { type filter hook output priority 0; icmp type echo-request drop; }; }");"#,
                &["filter"],
                "a",
            ),
        ],
    );
}

fn causes_of_tunnels_are_named_and_mended(lab: &Lab) {
    // The ends are asked for by the addresses in the tunnel.
    let inside = |broken: Broken| Broken {
        ends: r#""a", "10.9.0.2""#,
        ..broken
    };
    let all = [
        // Of the way of the outer packets, there and back.
        tunnelled(r#"r.link("e2").down();"#, &["link_down"], "r:e2"),
        tunnelled(
            r#"b.link("e0").down();"#,
            &["link_down", "no_route"],
            "b:e0",
        ),
        tunnelled(r#"a.del_route("default");"#, &["no_route"], "a"),
        tunnelled(r#"b.del_route("default");"#, &["no_route"], "b"),
        tunnelled(
            r#"r.sysctl("ipv4.ip_forward", 0);"#,
            &["forwarding_off"],
            "r:e1",
        ),
        // Where one end sends to.
        tunnelled(
            r#"a.link("vx0").set(#{remote: "192.168.2.9"});"#,
            &["wrong_remote"],
            "a:vx0",
        ),
        tunnelled(
            r#"a.link("vx0").set(#{remote: "192.168.2.1"});"#,
            &["wrong_remote"],
            "a:vx0",
        ),
        tunnelled(
            r#"b.link("vx0").delete();
                b.vxlan("vx0", 42, #{remote: "192.168.1.9", learning: false, dstport: 4789, addr: "10.9.0.2/24", up: true});"#,
            &["wrong_remote"],
            "b:vx0",
        ),
        tunnelled(
            r#"why("a", "10.9.0.2", #{quiet: true});
                a.link("vx0").fdb(b.link("vx0").mac, #{dst: "192.168.1.2", replace: true});"#,
            &["wrong_remote"],
            "a:vx0",
        ),
        tunnelled(
            r#"a.link("vx0").set(#{local: "192.168.1.77"});"#,
            &["wrong_local"],
            "a:vx0",
        ),
        tunnelled(
            r#"a.link("vx0").del_fdb("00:00:00:00:00:00");"#,
            &["no_fdb_entry"],
            "a:vx0",
        ),
        tunnelled(
            r#"b.link("vx0").delete();
                b.vxlan("vx0", 42, #{learning: false, dstport: 4789, addr: "10.9.0.2/24", up: true});"#,
            &["no_fdb_entry"],
            "b:vx0",
        ),
        // What is for everybody goes to another far end only.
        tunnelled(
            r#"let c = netns("c");
                c.veth("e0", r, "e3", #{addr: "192.168.3.2/24", up: true});
                r.link("e3").addr("192.168.3.1/24").up().wait_up();
                c.route("default", #{via: "192.168.3.1"});
                c.vxlan("vx0", 42, #{remote: "192.168.1.1", dstport: 4789, addr: "10.9.0.3/24", up: true});
                a.link("vx0").set(#{remote: "192.168.3.2"});"#,
            &["no_fdb_entry"],
            "a:vx0",
        ),
        // What the ends don't have in common.
        tunnelled(
            r#"b.vxlan("vx0", 43, #{remote: "192.168.1.1", local: "192.168.2.2", dstport: 4789, replace: true});"#,
            &["vni"],
            "b:vx0",
        ),
        tunnelled(
            r#"b.vxlan("vx0", 42, #{remote: "192.168.1.1", dstport: 4790, learning: false, replace: true});"#,
            &["dstport"],
            "b:vx0",
        ),
        // Behind bridges, after frames have passed.
        tunnelled(
            r#"let br = a.bridge("br0", #{up: true});
                a.link("vx0").del_addr("10.9.0.1/24").master(br); br.addr("10.9.0.1/24");
                if !why("a", "10.9.0.2", #{quiet: true}).reached { throw "not joined"; }
                r.link("e1").down();"#,
            &["link_down"],
            "r:e1",
        ),
        // Its outer packets go from the namespace that it was made in.
        tunnelled(
            r#"let c = netns("c");
                b.link("vx0").netns(c);
                c.link("vx0").addr("10.9.0.2/24").up();
                b.del_route("default");"#,
            &["no_route"],
            "b",
        ),
    ];
    are_named_and_mended(lab, &all.map(inside));
}

fn filters_of_outer_packets_are_named_and_mended(lab: &Lab) {
    let rule = |how, at| Broken {
        ends: r#""a", "10.9.0.2""#,
        ..tunnelled(how, &["filter"], at)
    };
    are_named_and_mended(
        lab,
        &[
            rule(
                r#"r.nft("table inet f { chain o { type filter hook forward priority 0; tcp dport 22 drop; udp dport 4789 drop; }; }");"#,
                "r",
            ),
            rule(
                r#"b.nft("table inet f { chain o { type filter hook input priority 0; udp dport 4789 drop; }; }");"#,
                "b",
            ),
            rule(
                r#"a.nft("table inet f { chain o { type filter hook output priority 0; udp dport 4789 drop; }; }");"#,
                "a",
            ),
        ],
    );
}

fn causes_of_vrfs_are_named_and_mended(lab: &Lab) {
    // As `ROUTED`, with both links of the router under a VRF, which keeps its packets from other tables.
    const IN_VRF: &str = r#"
        let a = netns("a"); let r = netns("r"); let b = netns("b"); let q = netns("q");
        let red = r.vrf("red", 10);
        r.route("default", #{type: "unreachable", vrf: red, metric: 4278198272});
        a.veth("e0", r, "e1", #{addr: "10.0.1.1/24", up: true});
        b.veth("e0", r, "e2", #{addr: "10.0.2.2/24", up: true});
        r.link("e1").master(red).addr("10.0.1.2/24").up();
        r.link("e2").master(red).addr("10.0.2.1/24").up();
        b.veth("f0", q, "e0", #{addr: "10.0.3.1/24", up: true});
        q.link("e0").addr("10.0.3.2/24").up();
        a.route("default", #{via: "10.0.1.2"}); b.route("default", #{via: "10.0.2.1"});
        q.route("default", #{via: "10.0.3.1"});
        r.route("10.0.3.0/24", #{via: "10.0.2.2", vrf: red});
        r.forward(); b.forward();
        for end in [a.link("e0"), r.link("e1"), r.link("e2"), b.link("e0"), q.link("e0")] { end.wait_up(); }"#;
    let broken = |how, ends, sorts, at| Broken {
        lab: IN_VRF,
        ends,
        ..routed(how, sorts, at)
    };
    are_named_and_mended_within(
        lab,
        "2s",
        &[
            broken(
                r#"r.del_route("10.0.3.0/24", #{vrf: red});"#,
                r#""a", "10.0.3.2""#,
                &["no_route"],
                "r",
            ),
            broken(
                r#"r.link("e2").nomaster();"#,
                r#""a", "10.0.2.2""#,
                &["vrf"],
                "r:e2",
            ),
            broken(
                r#"r.link("e1").nomaster();"#,
                r#""a", "10.0.2.2""#,
                &["vrf", "vrf"],
                "r:e2",
            ),
            // Who answers does so in the VRF that was asked by.
            broken(
                r#"b.vrf("blue", 20); b.link("e0").master("blue");"#,
                r#""a", "10.0.2.2""#,
                &["no_way_back"],
                "b",
            ),
            // Who sends does so outside of it, unless it is bound to it.
            broken("", r#""r", "10.0.2.2""#, &["vrf"], "r:e2"),
            broken(
                r#"r.del_route("10.0.3.0/24", #{vrf: red});"#,
                r#""r", "10.0.3.2""#,
                &["vrf", "no_route"],
                "r:e2",
            ),
        ],
    );
    let script = format!(
        r#"{IN_VRF}
        r.del_route("10.0.3.0/24", #{{vrf: red}});
        let found = why("a", "10.0.3.2", #{{quiet: true, timeout: "2s"}});
        print(found.cause);
        print(found.mend);"#
    );
    assert_eq!(
        lab.run(&script),
        "r has no route to 10.0.3.2 in VRF red\n\
         netns(\"r\").route(\"10.0.3.0/24\", #{via: \"10.0.2.2\", vrf: \"red\"})\n"
    );
}

fn causes_of_geneve_are_named_and_mended(lab: &Lab) {
    const GENEVE: &str = r#"
        let a = netns("a"); let b = netns("b");
        a.veth("e0", b, "e0", #{addr: "192.168.1.1/24", up: true});
        b.link("e0").addr("192.168.1.2/24").up().wait_up();
        a.geneve("g0", 42, #{remote: "192.168.1.2", addr: "10.9.0.1/24", up: true});
        b.geneve("g0", 42, #{remote: "192.168.1.1", addr: "10.9.0.2/24", up: true});"#;
    let broken = |how, sorts, at| Broken {
        lab: GENEVE,
        ends: r#""a", "10.9.0.2""#,
        ..routed(how, sorts, at)
    };
    are_named_and_mended_within(
        lab,
        "2s",
        &[
            broken(
                r#"a.link("g0").set(#{remote: "192.168.1.9"});"#,
                &["wrong_remote"],
                "a:g0",
            ),
            broken(
                r#"b.geneve("g0", 43, #{remote: "192.168.1.1", replace: true});"#,
                &["vni"],
                "b:g0",
            ),
            broken(
                r#"b.geneve("g0", 42, #{remote: "192.168.1.1", dstport: 7000, replace: true});"#,
                &["dstport"],
                "b:g0",
            ),
        ],
    );
}

fn filters_of_questions_are_named_and_mended(lab: &Lab) {
    let filter = |how, at| switched(how, &["filter"], at);
    are_named_and_mended(
        lab,
        &[
            filter(
                r#"a.nft("table arp f { chain o { type filter hook output priority 0; policy drop; }; }");"#,
                "a",
            ),
            filter(
                r#"b.nft("table arp f { chain i { type filter hook input priority 0; arp operation request drop; }; }");"#,
                "b",
            ),
            filter(
                r#"b.nft("table arp f { chain o { type filter hook output priority 0; arp operation reply drop; }; }");"#,
                "b",
            ),
            filter(
                r#"s.nft("table bridge f { chain f { type filter hook forward priority 0; ether type arp drop; }; }");"#,
                "s",
            ),
            // One of ARP is not taken for one of IP.
            routed(
                r#"b.nft("table arp f { chain i { type filter hook input priority 0; policy drop; }; }");
                    b.link("e0").neighbor("10.0.2.1", r.link("e2").mac);
                    r.link("e2").neighbor("10.0.2.2", b.link("e0").mac);
                    b.sysctl("ipv4.icmp_echo_ignore_all", 1);"#,
                &["echo_ignored"],
                "b",
            ),
        ],
    );
}

fn packets_with_a_mark_are_followed(lab: &Lab) {
    // The router marks what `a` sends, and sends that by `q`.
    const MARKED: &str = r#"
        let q = netns("q");
        r.veth("f0", q, "f1", #{addr: "10.0.3.1/24", up: true});
        q.link("f1").addr("10.0.3.2/24").up().wait_up();
        q.veth("g0", b, "g1", #{addr: "10.0.4.1/24", up: true});
        b.link("g1").addr("10.0.4.2/24").up().wait_up();
        q.forward(); q.route("10.0.2.0/24", #{via: "10.0.4.2"}); q.route("10.0.1.0/24", #{via: "10.0.3.1"});
        r.route("10.0.2.0/24", #{via: "10.0.3.2", table: 100});
        r.rule(#{fwmark: 7, table: 100, priority: 100});
        r.nft("table ip m { chain p { type filter hook prerouting priority -150; ip saddr 10.0.1.1 meta mark set 7; }; }");"#;
    for (how, wanted) in [
        ("", "() ()"),
        ("q.sysctl(\"ipv4.ip_forward\", 0);", "forwarding_off q:f1"),
        (
            "q.del_route(\"10.0.2.0/24\"); q.route(\"10.0.2.0/24\", #{type: \"prohibit\"});",
            "prohibit q",
        ),
    ] {
        let script = format!(
            r#"{ROUTED} {MARKED} {how}
            let found = why("a", "b", #{{quiet: true}});
            print(`${{if found.sort == () {{ "()" }} else {{ found.sort }}}} ${{if found.at == () {{ "()" }} else {{ found.at }}}}`);"#
        );
        let output = lab.script_with(&["--rm"], &script);
        assert_eq!(
            (output.stdout.as_str(), output.code),
            (format!("{wanted}\n").as_str(), 0),
            "{how}\n{}",
            output.stderr
        );
    }
}

fn causes_that_take_more_drivers_are_named_and_mended(lab: &Lab) {
    const L3: &str = r#"
        dummy("p0", #{up: true});
        let a = netns("a"); let b = netns("b");
        a.ipvlan("p0", "v0", "l3", #{addr: "10.0.1.1/24", up: true, route: "default"});
        b.ipvlan("p0", "v0", "l3", #{addr: "10.0.2.2/24", up: true, route: "default"});"#;
    let slaves = |how, sorts, at| Broken {
        lab: L3,
        ..routed(how, sorts, at)
    };
    // An emulated processor that runs several cases answers late.
    are_named_and_mended_within(
        lab,
        "2s",
        &[
            slaves(r#"a.del_route("default");"#, &["no_route"], "a"),
            slaves(r#"b.del_route("default");"#, &["no_way_back"], "b"),
            slaves(
                r#"a.link("v0").mode("l3", #{flag: "private", switch: true});"#,
                &["private"],
                "a:v0",
            ),
            routed(
                r#"a.link("e0").netem(#{loss: "100%"});"#,
                &["queue"],
                "a:e0",
            ),
            routed(
                r#"r.link("e2").netem(#{loss: "100%"});"#,
                &["queue"],
                "r:e2",
            ),
        ],
    );
    // One bit of each packet is another one. Of a short packet that is often one of the sender's hardware address, which nobody minds.
    let script = format!(
        r#"{ROUTED} a.link("e0").netem(#{{corrupt: "100%"}});
        let found = why("a", "b", #{{size: 1400, quiet: true}});
        print(`${{found.sort}} ${{found.at}} ${{found.mend}}`);"#
    );
    let output = lab.script_with(&["--rm"], &script);
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (0, "queue a:e0 netns(\"a\").link(\"e0\").clear_qdisc()\n"),
        "{}",
        output.stderr
    );
}

fn ends_that_are_not_there_are_told(lab: &Lab) {
    lab.run(ROUTED);
    lab.refuses(&[
        (
            r#"why("a", "bb")"#,
            "not_found: cannot explain the way to `bb`: there is no namespace `bb`\nhint: did you mean `b`?",
        ),
        (
            r#"why("a", "192.0.2.1")"#,
            "not_found: cannot explain the way to `192.0.2.1`: no namespace here has the address `192.0.2.1`; r has no route to 192.0.2.1\n\
             note: refused by 10.0.1.2 (r): net unreachable, ICMP type 3 code 0\nhint: list those that there are: tree()",
        ),
        (
            r#"why("a", "10.0.2.900")"#,
            "invalid: cannot explain the way to `10.0.2.900`: `10.0.2.900` is not an IP address\nhint: each part of an IPv4 address is 0 to 255, `900` is not",
        ),
        (
            r#"why("r", "fe80::b%e9")"#,
            "not_found: cannot explain the way to `fe80::b%e9`: there is no link `e9` in namespace `r`",
        ),
        (
            r#"why("a", 7)"#,
            "invalid: cannot explain the way: an end is an address, a link or a namespace, not an integer",
        ),
        (
            r#"why("a", "b", #{sise: 7})"#,
            "invalid: cannot explain the way to `b`: `why` has no option `sise`\nhint: did you mean `size`?",
        ),
    ]);
}

fn nothing_is_changed_nor_left(lab: &Lab) {
    lab.run(&format!(r#"{ROUTED} r.sysctl("ipv4.ip_forward", 0);"#));
    let before = state::whole(lab);
    lab.run(r#"why("a", "b", #{quiet: true});"#);
    state::assert_same(&state::whole(lab), &before);
}

fn a_neighbour_that_was_asked_for_before_takes_no_longer(lab: &Lab) {
    // Over four hops, at the last of which nobody answers.
    let script = r#"
        let on_way = ["a", "r1", "r2", "r3", "b"].map(|name| netns(name));
        for i in 0..4 {
            on_way[i].veth("r", on_way[i + 1], "l", #{addr: `10.0.${i}.1/24`, up: true});
            on_way[i + 1].link("l").addr(`10.0.${i}.2/24`).up().wait_up();
            if i > 0 { on_way[i].forward(); on_way[i + 1].route("10.0.0.0/24", #{via: `10.0.${i}.1`}); }
        }
        for i in 0..3 { on_way[i].route("10.0.3.0/24", #{via: `10.0.${i}.2`}); }
        on_way[4].link("l").arp(false);
        print(on_way[0].ping("10.0.3.2", #{count: 1, timeout: "100ms", quiet: true}).ok);
        let begun = timestamp();
        let found = why("a", "b", #{quiet: true});
        let took = begun.elapsed;
        print(`${found.sort} ${if took < 1.0 { "in time" } else { took.to_string() }}`);"#;
    assert_eq!(lab.run(script), "false\nnoarp in time\n");
}

fn a_failed_expectation_says_why_and_what_to_type(lab: &Lab) {
    let script = format!(
        r#"{ROUTED} r.sysctl("ipv4.ip_forward", 0);
        try {{ a.expect_reach(b, #{{count: 1, timeout: "200ms"}}); }} catch (e) {{ print(e.notes); print(e.hint); }}"#
    );
    assert_eq!(
        lab.run(&script),
        "[\"pinged: 10.0.2.2 from 10.0.1.1\", \"came back: nothing\", \"cause: r does not forward IPv4\"]\n\
         netns(\"r\").forward()\n"
    );
}

fn a_failed_expectation_asks_why_of_what_it_has_sent(lab: &Lab) {
    let script = format!(
        r#"{ROUTED} r.link("e2").mtu(1300);
        try {{ a.expect_reach(b, #{{count: 1, timeout: "200ms", size: 1400, df: true}}); }}
        catch (e) {{ print(e.notes.len() + " " + e.notes[2]); print(e.hint.split(";")[0]); }}"#
    );
    assert_eq!(
        lab.run(&script),
        "3 cause: packets are too long for link r:e2\nnetns(\"r\").link(\"e2\").mtu(1500)\n"
    );
}
