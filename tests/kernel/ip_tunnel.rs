//! Tunnels between two addresses.

use serde_json::json;

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["!gre", "!gretap", "!ip6gre", "!ip6gretap", "!ipip", "!sit", "!ip6tnl"] =>
        a_kernel_without_tunnels_is_told_with_module_and_config_option;
    ["gre"] =>
        what_no_tunnel_can_have_is_refused
        a_gre_tunnel_with_another_key_is_a_conflict
        a_run_that_fails_takes_its_tunnel_down;
    ["gre", "gretap", "ipip", "sit", "dummy"] =>
        tunnels_over_ipv4_have_what_is_asked;
    ["gre", "gretap", "ipip", "sit"] =>
        tunnels_over_ipv4_are_made_as_ip_makes_them;
    ["ip6gre", "ip6gretap", "ip6tnl"] =>
        tunnels_over_ipv6_are_made_as_ip_makes_them;
    ["ip6gre", "ip6gretap", "ip6tnl", "dummy"] =>
        tunnels_over_ipv6_have_what_is_asked;
    ["gre", "ipip", "veth"] =>
        packets_cross_a_tunnel;
}

fn tunnels_over_ipv4_have_what_is_asked(lab: &Lab) {
    lab.ip("link add d0 type dummy");
    let ends = r#"local: "10.0.0.1", remote: "10.0.0.2", ttl: 9, dev: "d0""#;
    let script: String = ["gre", "gretap", "ipip", "sit"]
        .map(|kind| format!("{kind}(\"t-{kind}\", #{{{ends}}});\n"))
        .concat();
    lab.twice(&script);
    lab.twice(r#"gretap("keyed", #{remote: "10.0.0.3", key: 77});"#);
    for kind in ["gre", "gretap", "ipip", "sit"] {
        let info = lab.link(HOST, &format!("t-{kind}"))["linkinfo"].clone();
        let data = &info["info_data"];
        assert_eq!(
            (
                &info["info_kind"],
                &data["local"],
                &data["remote"],
                &data["ttl"],
                &data["link"]
            ),
            (
                &json!(kind),
                &json!("10.0.0.1"),
                &json!("10.0.0.2"),
                &json!(9),
                &json!("d0")
            ),
            "{info}"
        );
    }
    let data = lab.link(HOST, "keyed")["linkinfo"]["info_data"].clone();
    assert_eq!(
        (&data["ikey"], &data["okey"]),
        (&json!("0.0.0.77"), &json!("0.0.0.77")),
        "{data}"
    );
}

fn tunnels_over_ipv4_are_made_as_ip_makes_them(lab: &Lab) {
    for kind in ["gre", "gretap"] {
        lab.as_ip_makes_it(
            "t0",
            &format!(r#"{kind}("t0", #{{remote: "10.0.0.3", key: 77, csum: true, seq: true, pmtudisc: false, fwmark: 9}});"#),
            &format!("link add name t0 type {kind} key 77 remote 10.0.0.3 nopmtudisc csum seq fwmark 9"),
        );
        lab.as_ip_makes_it(
            "t0",
            &format!(r#"{kind}("t0", #{{remote: "10.0.0.3", csum: false, seq: true}});"#),
            &format!("link add name t0 type {kind} remote 10.0.0.3 nocsum seq"),
        );
    }
    for kind in ["ipip", "sit"] {
        lab.as_ip_makes_it(
            "t0",
            &format!(
                r#"{kind}("t0", #{{remote: "10.0.0.3", ttl: 9, pmtudisc: true, fwmark: 9}});"#
            ),
            &format!("link add name t0 type {kind} remote 10.0.0.3 ttl 9 pmtudisc fwmark 9"),
        );
    }
    lab.ip("link add t0 type gre remote 10.0.0.3 csum");
    let text = r#"try { gre("t0", #{remote: "10.0.0.3", csum: false, seq: true}); } catch (e) { print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "[\"there: gre, csum true, seq false\", \"asked: gre, csum false, seq true\"]\n"
    );
}

fn tunnels_over_ipv6_are_made_as_ip_makes_them(lab: &Lab) {
    for kind in ["ip6gre", "ip6gretap"] {
        lab.as_ip_makes_it(
            "t0",
            &format!(r#"{kind}("t0", #{{remote: "fd00::3", key: 77, csum: true, seq: true, fwmark: 9}});"#),
            &format!("link add name t0 type {kind} key 77 remote fd00::3 csum seq fwmark 9"),
        );
    }
    lab.as_ip_makes_it(
        "t0",
        r#"ip6tnl("t0", #{remote: "fd00::3", ttl: 9, fwmark: 9});"#,
        "link add name t0 type ip6tnl remote fd00::3 ttl 9 fwmark 9",
    );
}

fn tunnels_over_ipv6_have_what_is_asked(lab: &Lab) {
    let kinds = ["ip6gre", "ip6gretap", "ip6tnl"];
    let script: String = kinds
        .map(|kind| {
            format!("{kind}(\"t-{kind}\", #{{local: \"fd00::1\", remote: \"fd00::2\"}});\n")
        })
        .concat();
    lab.twice(&script);
    for kind in kinds {
        let made = lab.link(HOST, &format!("t-{kind}"))["linkinfo"].clone();
        lab.ip(&format!(
            "link del t-{kind}\nlink add t-{kind} type {kind} local fd00::1 remote fd00::2"
        ));
        assert_eq!(made, lab.link(HOST, &format!("t-{kind}"))["linkinfo"]);
    }
}

fn a_gre_tunnel_with_another_key_is_a_conflict(lab: &Lab) {
    lab.ip("link add t0 type gre remote 10.0.0.2 key 5");
    let text = r#"try { gre("t0", #{remote: "10.0.0.2", key: 6}); } catch (e) { print(e.kind); print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "conflict\n[\"there: gre, key 5\", \"asked: gre, key 6\"]\n"
    );
}

fn a_run_that_fails_takes_its_tunnel_down(lab: &Lab) {
    lab.fails(r#"gre("t0", #{remote: "10.0.0.2"}); throw "no";"#);
    assert!(!lab.links(HOST).contains(&"t0".to_owned()));
}

fn what_no_tunnel_can_have_is_refused(lab: &Lab) {
    lab.refuses(&[
        (
            r#"gre("t0", #{remote: "fd00::2"})"#,
            "invalid: cannot create gre `t0` in namespace `host`: `remote` is an IPv4 address, and fd00::2 is not",
        ),
        (
            r#"ip6gre("t0", #{local: "10.0.0.1"})"#,
            "invalid: cannot create ip6gre `t0` in namespace `host`: `local` is an IPv6 address, and 10.0.0.1 is not",
        ),
        (
            r#"gre("t0", #{ttl: 9, pmtudisc: false})"#,
            "invalid: cannot create gre `t0` in namespace `host`: \
             `ttl` and `pmtudisc: false` exclude each other: packets with a fixed TTL are not cut into fragments",
        ),
        (
            r#"gre("t0", #{csum: 1})"#,
            "invalid: cannot create gre `t0` in namespace `host`: option `csum` takes true or false, not an integer",
        ),
        (
            r#"ip6gre("t0", #{pmtudisc: true})"#,
            "invalid: cannot create ip6gre `t0` in namespace `host`: `ip6gre` has no option `pmtudisc`",
        ),
        (
            r#"sit("t0", #{fwmark: -1})"#,
            "invalid: cannot create sit `t0` in namespace `host`: `fwmark` is 0 to 4294967295, not -1",
        ),
        (
            r#"ipip("t0", #{key: 1})"#,
            "invalid: cannot create ipip `t0` in namespace `host`: `ipip` has no option `key`",
        ),
        (
            r#"sit("t0", #{ttl: -1})"#,
            "invalid: cannot create sit `t0` in namespace `host`: `ttl` is 0 to 255, not -1",
        ),
        (
            r#"gretap("t0", #{key: 4294967296})"#,
            "invalid: cannot create gretap `t0` in namespace `host`: `key` is 0 to 4294967295, not 4294967296",
        ),
    ]);
}

fn packets_cross_a_tunnel(lab: &Lab) {
    let printed = lab.run(
        r#"
        let a = netns("a");
        let b = netns("b");
        let end = a.veth("e", b, "e", #{addr: "10.0.0.1/24", up: true});
        end.peer.addr("10.0.0.2/24").up().wait_up();
        a.gre("t", #{remote: "10.0.0.2", local: "10.0.0.1", key: 5, addr: "10.5.0.1/24", up: true});
        b.gre("t", #{remote: "10.0.0.1", local: "10.0.0.2", key: 5, addr: "10.5.0.2/24", up: true});
        a.ipip("i", #{remote: "10.0.0.2", local: "10.0.0.1", addr: "10.6.0.1/24", up: true});
        b.ipip("i", #{remote: "10.0.0.1", local: "10.0.0.2", addr: "10.6.0.2/24", up: true});
        for to in ["10.5.0.2", "10.6.0.2"] {
            print(a.ping(to, #{count: 1, quiet: true}).received);
        }"#,
    );
    assert_eq!(printed, "1\n1\n");
}

fn a_kernel_without_tunnels_is_told_with_module_and_config_option(lab: &Lab) {
    lab.lacks(&[
        (
            r#"gre("t0", #{remote: "10.0.0.2"})"#,
            "gre",
            "t0",
            "ip_gre",
            "CONFIG_NET_IPGRE",
        ),
        (
            r#"gretap("t0", #{remote: "10.0.0.2"})"#,
            "gretap",
            "t0",
            "ip_gre",
            "CONFIG_NET_IPGRE",
        ),
        (
            r#"ip6gre("t0", #{remote: "fd00::2"})"#,
            "ip6gre",
            "t0",
            "ip6_gre",
            "CONFIG_IPV6_GRE",
        ),
        (
            r#"ip6gretap("t0", #{remote: "fd00::2"})"#,
            "ip6gretap",
            "t0",
            "ip6_gre",
            "CONFIG_IPV6_GRE",
        ),
        (
            r#"ipip("t0", #{remote: "10.0.0.2"})"#,
            "ipip",
            "t0",
            "ipip",
            "CONFIG_NET_IPIP",
        ),
        (
            r#"sit("t0", #{remote: "10.0.0.2"})"#,
            "sit",
            "t0",
            "sit",
            "CONFIG_IPV6_SIT",
        ),
        (
            r#"ip6tnl("t0", #{remote: "fd00::2"})"#,
            "ip6tnl",
            "t0",
            "ip6_tunnel",
            "CONFIG_IPV6_TUNNEL",
        ),
    ]);
}
