//! Bridges.

use serde_json::json;

use crate::case::cases;
use crate::lab::Lab;

cases! {
    ["bridge"] =>
        a_bridge_is_made_as_iproute2_makes_it
        a_bridge_that_differs_is_a_conflict
        a_bridge_with_times_and_multicast
        a_bridge_as_asked_is_left_alone
        a_bridge_is_made_as_ip_makes_it
        what_no_bridge_can_have_is_refused
        a_time_out_of_range_is_refused
        a_default_pvid_out_of_range_is_refused;
    ["bridge", "vlan_filtering"] =>
        a_bridge_with_options
        a_bridge_with_vlans_of_providers;
    ["bridge", "veth"] =>
        what_is_plugged_into_a_bridge_can_talk
        the_mtu_that_was_asked_stands_with_ports_of_less;
}

fn a_bridge_is_made_as_iproute2_makes_it(lab: &Lab) {
    lab.ip("netns add b");
    lab.ip_in("b", "link add br0 type bridge");
    lab.run(r#"netns("a").bridge("br0");"#);
    let state = crate::state::meaning(lab);
    crate::state::assert_same(&state["a"], &state["b"]);
}

fn a_bridge_with_options(lab: &Lab) {
    lab.run(r#"netns("a").bridge("br0", #{stp: true, vlan_filtering: true, up: true});"#);
    let link = lab.link("a", "br0");
    let data = &link["linkinfo"]["info_data"];
    assert_eq!(
        (&data["stp_state"], &data["vlan_filtering"]),
        (&json!(1), &json!(1))
    );
    assert!(link["flags"].as_array().unwrap().contains(&json!("UP")));
}

fn a_bridge_that_differs_is_a_conflict(lab: &Lab) {
    let text = r#"
        let a = netns("a");
        a.bridge("br0", #{stp: true});
        try { a.bridge("br0", #{stp: false}); } catch (e) { print(e.kind); print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "conflict\n[\"there: bridge, stp true\", \"asked: bridge, stp false\"]\n"
    );
}

fn what_is_plugged_into_a_bridge_can_talk(lab: &Lab) {
    let printed = lab.run(
        r#"
        let hub = netns("hub");
        let br = hub.bridge("br0", #{up: true});
        for i in 1..=2 {
            let host = netns(`h${i}`);
            let port = host.veth("eth0", hub, `p${i}`, #{addr: `10.0.0.${i}/24`, up: true}).peer;
            port.master(br).up();
            host.link("eth0").wait_up();
        }
        print(netns("h1").ping("10.0.0.2", #{count: 1, quiet: true}).received);"#,
    );
    assert_eq!(printed, "1\n");
    assert_eq!(lab.link("hub", "p1")["master"], "br0");
}

const TIMED: &str = r#"netns("a").bridge("br0", #{
    stp: true, priority: 4096, forward_delay: "4s", hello_time: 1, max_age: "6s", ageing_time: "5m", mcast_snooping: false,
    mcast_querier: true, group_fwd_mask: 8,
});"#;

fn a_bridge_with_times_and_multicast(lab: &Lab) {
    let output = lab.script_with(&["--trace"], TIMED);
    assert_eq!(
        output.stderr,
        "+ ip netns add a\n\
         + ip -n a link add name br0 type bridge forward_delay 400 hello_time 100 max_age 600 ageing_time 30000 \
         priority 4096 group_fwd_mask 8 mcast_snooping 0 mcast_querier 1 stp_state 1\n"
    );
    let data = &lab.link("a", "br0")["linkinfo"]["info_data"];
    let keys = [
        "stp_state",
        "priority",
        "forward_delay",
        "hello_time",
        "max_age",
        "ageing_time",
        "mcast_snooping",
        "mcast_querier",
        "group_fwd_mask",
    ];
    let seen: Vec<_> = keys.iter().map(|key| data[key].clone()).collect();
    assert_eq!(
        json!(seen),
        json!([1, 4096, 400, 100, 600, 30000, 0, 1, "0x8"])
    );
}

fn a_bridge_as_asked_is_left_alone(lab: &Lab) {
    lab.run(TIMED);
    let output = lab.script_with(&["--trace"], TIMED);
    assert_eq!(output.end(), "exit code 0\n");
    let text = TIMED.replace("5m", "10s");
    let text = format!("try {{ {text} }} catch (e) {{ print(e.notes); }}");
    assert_eq!(
        lab.run(&text),
        "[\"there: bridge, ageing_time 300s\", \"asked: bridge, ageing_time 10s\"]\n"
    );
}

fn a_bridge_is_made_as_ip_makes_it(lab: &Lab) {
    lab.as_ip_makes_it(
        "br0",
        r#"bridge("br0", #{mcast_query_interval: "60s", mcast_query_response_interval: "500ms", mcast_querier_interval: "2m",
            mcast_membership_interval: "130s", mcast_last_member_interval: "1.5s", mcast_startup_query_interval: 30,
            mcast_hash_max: 512, mcast_last_member_count: 3, mcast_startup_query_count: 4, mcast_igmp_version: 3,
            mcast_mld_version: 2, mcast_router: 2, mcast_query_use_ifaddr: true, mcast_stats_enabled: true});"#,
        "link add name br0 type bridge mcast_last_member_interval 150 mcast_membership_interval 13000 mcast_querier_interval 12000 \
         mcast_query_interval 6000 mcast_query_response_interval 50 mcast_startup_query_interval 3000 mcast_hash_max 512 \
         mcast_last_member_count 3 mcast_startup_query_count 4 mcast_igmp_version 3 mcast_mld_version 2 mcast_router 2 \
         mcast_query_use_ifaddr 1 mcast_stats_enabled 1",
    );
    lab.ip("link add br0 type bridge mcast_query_interval 6050");
    let text = r#"try { bridge("br0", #{mcast_query_interval: "1m", mcast_router: 0}); } catch (e) { print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "[\n  \"there: bridge, mcast_query_interval 60.5s, mcast_router 1\",\n  \
          \"asked: bridge, mcast_query_interval 60s, mcast_router 0\",\n]\n"
    );
}

fn what_no_bridge_can_have_is_refused(lab: &Lab) {
    let refused =
        |why: &str| format!("invalid: cannot create bridge `br0` in namespace `host`: {why}");
    let lines = [
        (
            "mcast_igmp_version: 4",
            "`mcast_igmp_version` is 2 to 3, not 4",
        ),
        (
            "mcast_mld_version: 0",
            "`mcast_mld_version` is 1 to 2, not 0",
        ),
        ("mcast_router: 3", "`mcast_router` is 0 to 2, not 3"),
        (
            "mcast_hash_max: -1",
            "`mcast_hash_max` is 0 to 4294967295, not -1",
        ),
        (
            "mcast_stats_enabled: 1",
            "option `mcast_stats_enabled` takes true or false, not an integer",
        ),
        (
            "mcast_query_interval: \"soon\"",
            "`soon` is not a duration\nhint: write a number and a unit, such as \"200ms\", \"1.5s\" or \"2m\"",
        ),
        ("priority: 65536", "`priority` is 0 to 65535, not 65536"),
        (
            "stp: \"on\"",
            "option `stp` takes true or false, not a string",
        ),
        (
            "vlan_protocol: \"802.1x\"",
            "bridge has no vlan_protocol `802.1x`\nnote: vlan_protocols: 802.1Q, 802.1ad\nhint: did you mean \"802.1Q\"?",
        ),
    ];
    let lines =
        lines.map(|(option, why)| (format!(r#"bridge("br0", #{{{option}}})"#), refused(why)));
    let lines: Vec<_> = lines
        .iter()
        .map(|(line, told)| (line.as_str(), told.as_str()))
        .collect();
    lab.refuses(&lines);
}

fn a_bridge_with_vlans_of_providers(lab: &Lab) {
    lab.as_ip_makes_it(
        "br0",
        r#"bridge("br0", #{vlan_filtering: true, vlan_stats_enabled: true, vlan_stats_per_port: true, nf_call_iptables: false});"#,
        "link add name br0 type bridge nf_call_iptables 0 vlan_stats_enabled 1 vlan_stats_per_port 1 vlan_filtering 1",
    );
    lab.run(
        r#"netns("a").bridge("br0", #{vlan_filtering: true, vlan_protocol: "802.1ad", vlan_default_pvid: 9});"#,
    );
    let data = &lab.link("a", "br0")["linkinfo"]["info_data"];
    assert_eq!(
        (&data["vlan_protocol"], &data["vlan_default_pvid"]),
        (&json!("802.1ad"), &json!(9))
    );
}

fn a_time_out_of_range_is_refused(lab: &Lab) {
    assert_eq!(
        lab.fails(r#"bridge("br0", #{hello_time: "11s"});"#),
        r#"error: cannot create bridge `br0` in namespace `host`: `hello_time` is 1s to 10s, not 11s
 --> lab.rhai:1:1
  |
1 | bridge("br0", #{hello_time: "11s"});
  | ^^^^^^
"#
    );
}

fn a_default_pvid_out_of_range_is_refused(lab: &Lab) {
    assert_eq!(
        lab.fails(r#"bridge("br0", #{vlan_default_pvid: 4095});"#),
        r#"error: cannot create bridge `br0` in namespace `host`: `vlan_default_pvid` is 0 to 4094, not 4095
 --> lab.rhai:1:1
  |
1 | bridge("br0", #{vlan_default_pvid: 4095});
  | ^^^^^^
"#
    );
}

fn the_mtu_that_was_asked_stands_with_ports_of_less(lab: &Lab) {
    let script = r#"let n = netns("n");
        let asked = n.bridge("asked", #{mtu: 9000, up: true});
        let free = n.bridge("free", #{up: true});
        n.veth("v0", "w0", #{mtu: 1400, master: asked});
        n.veth("v1", "w1", #{mtu: 1400, master: free});"#;
    let mtu = |name| lab.link("n", name)["mtu"].clone();
    for _ in ["first", "again"] {
        lab.run(script);
        assert_eq!((mtu("asked"), mtu("free")), (9000.into(), 1400.into()));
    }
}
