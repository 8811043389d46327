//! Explanations where a namespace on the way gives packets other addresses.

use crate::case::cases;
use crate::common;
use crate::lab::Lab;

use super::{Broken, ROUTED, are_named_and_mended, routed};

cases! {
    ["veth", "nft"] =>
        causes_behind_another_source_are_named_and_mended
        causes_behind_another_destination_are_named_and_mended
        what_is_translated_is_followed_to_who_answers
        what_is_said_of_a_translation_is_what_the_kernel_keeps
        an_explanation_leaves_no_table;
}

/// Gives `r`, which has 10.0.1.2 and 10.0.2.1, a chain of the hook with the rule.
macro_rules! nat {
    ($hook:literal, $rule:literal, $then:literal) => {
        concat!(
            r#"r.nft("table ip n { chain c { type nat hook "#,
            $hook,
            r#" priority 0; "#,
            $rule,
            r#"; }; }");"#,
            $then
        )
    };
}

fn asked(
    ends: &'static str,
    how: &'static str,
    sorts: &'static [&'static str],
    at: &'static str,
) -> Broken {
    Broken {
        ends,
        ..routed(how, sorts, at)
    }
}

fn causes_behind_another_source_are_named_and_mended(lab: &Lab) {
    are_named_and_mended(
        lab,
        &[
            // Behind `b` there is `q`, which has no way to the address that `r` puts in the place of that of `a`.
            asked(
                r#""a", "q""#,
                r#"let q = netns("q");
                    q.veth("f0", b, "f1", #{addr: "10.0.3.1/24", up: true});
                    b.link("f1").addr("10.0.3.2/24").up(); b.forward(); q.link("f0").wait_up();
                    r.route("10.0.3.0/24", #{via: "10.0.2.2"});
                    r.masquerade("e2");"#,
                &["no_way_back"],
                "q",
            ),
            // Without masquerade `b` has to know the way to the private address.
            routed(r#"b.del_route("default");"#, &["no_way_back"], "b"),
            routed(
                r#"r.masquerade("e2"); b.nft("table inet f { chain i { type filter hook input priority 0; ip saddr 10.0.1.1 drop; ip saddr 10.0.2.1 drop; }; }");"#,
                &["filter"],
                "b",
            ),
            asked(
                r#""a", "fd02::2""#,
                r#"r.masquerade("e2"); b.del_route("::/0"); b.sysctl("ipv6.icmp.echo_ignore_all", 1);"#,
                &["echo_ignored"],
                "b",
            ),
            routed(
                nat!("postrouting", "oifname e2 snat to 10.0.2.77", ""),
                &["no_such_address"],
                "r:e2",
            ),
        ],
    );
}

fn causes_behind_another_destination_are_named_and_mended(lab: &Lab) {
    let to_router = |how, sorts, at| asked(r#""a", "10.0.1.2""#, how, sorts, at);
    are_named_and_mended(
        lab,
        &[
            // To a host that is down, that does not answer ARP, that filters, that has no way back.
            to_router(
                nat!(
                    "prerouting",
                    "ip daddr 10.0.1.2 dnat to 10.0.2.2",
                    r#"b.link("e0").down();"#
                ),
                &["link_down", "no_way_back"],
                "b:e0",
            ),
            to_router(
                nat!(
                    "prerouting",
                    "ip daddr 10.0.1.2 dnat to 10.0.2.2",
                    r#"b.link("e0").arp(false);"#
                ),
                &["noarp"],
                "b:e0",
            ),
            to_router(
                nat!(
                    "prerouting",
                    "ip daddr 10.0.1.2 dnat to 10.0.2.2",
                    r#"b.nft("table inet f { chain i { type filter hook input priority 0; icmp type echo-request drop; }; }");"#
                ),
                &["filter"],
                "b",
            ),
            to_router(
                r#"r.nat(#{to: "10.0.1.2", proto: "icmp", dnat: "10.0.2.2"}); b.del_route("default");"#,
                &["no_way_back"],
                "b",
            ),
            to_router(
                nat!(
                    "prerouting",
                    "ip daddr 10.0.1.2 dnat to 10.0.2.2",
                    r#"r.sysctl("ipv4.ip_forward", 0);"#
                ),
                &["forwarding_off"],
                "r:e1",
            ),
            // To nobody, and to where no route leads.
            to_router(
                nat!("prerouting", "ip daddr 10.0.1.2 dnat to 10.0.2.99", ""),
                &["no_such_address"],
                "r",
            ),
            to_router(
                nat!("prerouting", "ip daddr 10.0.1.2 dnat to 10.77.0.1", ""),
                &["no_route"],
                "r",
            ),
            routed(
                nat!("prerouting", "ip daddr 10.0.2.2 dnat to 127.0.0.1", ""),
                &["martian"],
                "r:e1",
            ),
            // The sender itself sends it elsewhere.
            routed(
                r#"a.nft("table ip n { chain c { type nat hook output priority 0; ip daddr 10.0.2.2 dnat to 10.0.1.99; }; }");"#,
                &["no_such_address"],
                "a",
            ),
            // The reply comes by another way, and keeps the address that was not asked.
            to_router(
                nat!(
                    "prerouting",
                    "ip daddr 10.0.1.2 dnat to 10.0.2.2",
                    r#"let q = netns("q");
                    a.veth("f0", q, "f1", #{addr: "10.0.4.1/24", up: true}); q.link("f1").addr("10.0.4.2/24").up();
                    b.veth("g0", q, "g1", #{addr: "10.0.5.1/24", up: true}); q.link("g1").addr("10.0.5.2/24").up();
                    q.forward().route("10.0.1.0/24", #{via: "10.0.4.1"});
                    b.route("10.0.1.0/24", #{via: "10.0.5.2"});
                    for end in [a.link("f0"), q.link("g1")] { end.wait_up(); }"#
                ),
                &["untranslated"],
                "b",
            ),
        ],
    );
}

fn what_is_translated_is_followed_to_who_answers(lab: &Lab) {
    let script = format!(
        r#"{ROUTED}
        let tell = |to| {{
            let found = why("a", to, #{{quiet: true}});
            print([found.reached, found.path.map(|hop| hop.netns)]);
            print(found.to_string().split("\n").filter(|line| line.contains("translates")).map(|line| line.split("; ")[1]));
        }};
        r.masquerade("e2"); b.del_route("default");
        tell.call("b");
        r.nft("table ip n {{ chain c {{ type nat hook prerouting priority 0; ip daddr 192.0.2.1 dnat to 10.0.2.2; ip daddr 10.0.2.9 redirect; }}; }}");
        // Nobody has the one, and the router itself answers for the other.
        tell.call("192.0.2.1");
        tell.call("10.0.2.9");"#
    );
    assert_eq!(
        lab.run(&script),
        "[true, [\"a\", \"r\", \"b\"]]\n\
         [\"r translates source 10.0.1.1 to 10.0.2.1\"]\n\
         [true, [\"a\", \"r\", \"b\"]]\n\
         [\"r translates destination 192.0.2.1 to 10.0.2.2, source 10.0.1.1 to 10.0.2.1\"]\n\
         [true, [\"a\", \"r\"]]\n\
         []\n"
    );
}

fn what_is_said_of_a_translation_is_what_the_kernel_keeps(lab: &Lab) {
    let told = lab.run(&format!(
        r#"{ROUTED}
        r.nat(#{{to: "10.0.1.2", proto: "icmp", dnat: "10.0.2.2"}}); r.masquerade("e2");
        b.del_route("default"); b.sysctl("ipv4.icmp_echo_ignore_all", 1);
        let found = why("a", "10.0.1.2", #{{quiet: true}});
        print(found.sort);
        print(found.evidence.filter(|line| line.contains("translates")));"#
    ));
    assert_eq!(
        told,
        "echo_ignored\n[\"r translates destination 10.0.1.2 to 10.0.2.2, source 10.0.1.1 to 10.0.2.1\"]\n"
    );
    let kept = lab.in_netns("r", || {
        common::output(
            "sh",
            &[
                "-c",
                "cat /proc/thread-self/net/nf_conntrack 2>/dev/null || :",
            ],
        )
    });
    // Not every kernel lists it.
    let mut flows = kept.lines().filter(|line| line.contains("icmp"));
    assert!(
        kept.is_empty()
            || flows.any(|line| line.contains("src=10.0.1.1 dst=10.0.1.2")
                && line.contains("src=10.0.2.2 dst=10.0.2.1")),
        "{kept}"
    );
}

fn an_explanation_leaves_no_table(lab: &Lab) {
    lab.run(&format!(
        r#"{ROUTED} r.masquerade("e2"); b.del_route("default");"#
    ));
    let listed = || {
        lab.in_netns("r", || {
            common::output("nft", &["-s", "-a", "list", "ruleset"])
        })
    };
    let before = listed();
    lab.run(r#"print(why("a", "b", #{quiet: true}).reached);"#);
    assert_eq!(listed(), before);
}
