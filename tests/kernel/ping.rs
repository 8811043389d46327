//! Ping as a word: its printed form and its report.

use serde_json::json;

use crate::case::cases;
use crate::lab::{Lab, Output, finish};
use crate::stories::without_times;

cases! {
    ["veth"] =>
        a_ping_prints_what_ping_prints
        a_ping_of_ipv6_prints_what_ping_prints
        a_report_says_what_was_sent_and_received
        a_lost_reply_is_a_result
        a_missing_route_is_told_apart_from_silence
        a_link_or_a_namespace_stands_for_its_first_address
        the_reply_comes_from_the_address_and_with_the_ttl_of_the_other_end
        a_quiet_ping_prints_nothing
        a_source_and_a_size_are_used;
}

/// Namespaces `a` (10.0.0.1, `fd00::1`) and `b` (10.0.0.2, `fd00::2`), joined.
fn pair(lab: &Lab) {
    lab.ip("netns add a\nnetns add b\nlink add v netns a type veth peer name v netns b");
    for (name, host) in [("a", 1), ("b", 2)] {
        lab.ip_in(
            name,
            &format!(
                "link set lo up\nlink set v up\n\
                 addr add 10.0.0.{host}/24 dev v\naddr add fd00::{host}/64 dev v nodad"
            ),
        );
    }
    lab.run(r#"netns("a").link("v").wait_up(); netns("b").link("v").wait_up();"#);
}

fn iputils(lab: &Lab, destination: &str) -> Output {
    let arguments = [
        "netns",
        "exec",
        "a",
        "ping",
        "-c",
        "2",
        "-i",
        "0.2",
        destination,
    ];
    let mut command = std::process::Command::new("ip");
    command
        .args(arguments)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let _ = lab;
    finish(command.spawn().unwrap())
}

fn a_ping_prints_what_ping_prints(lab: &Lab) {
    pair(lab);
    let ours = lab.run(r#"netns("a").ping("10.0.0.2", #{count: 2, interval: "200ms"});"#);
    let theirs = iputils(lab, "10.0.0.2").stdout;
    assert_eq!(without_times(&ours), without_times(&theirs));
}

fn a_ping_of_ipv6_prints_what_ping_prints(lab: &Lab) {
    pair(lab);
    let ours = lab.run(r#"netns("a").ping("fd00::2", #{count: 2, interval: "200ms"});"#);
    let theirs = iputils(lab, "fd00::2").stdout;
    assert_eq!(without_times(&ours), without_times(&theirs));
}

fn a_report_says_what_was_sent_and_received(lab: &Lab) {
    pair(lab);
    let found = lab.value(
        r#"let r = netns("a").ping("10.0.0.2", #{count: 3, interval: "10ms", quiet: true});
           [r.ok, r.sent, r.received, r.loss_percent, r.errors,
            r.rtt_min_ms > 0.0 && r.rtt_min_ms <= r.rtt_avg_ms && r.rtt_avg_ms <= r.rtt_max_ms, r.rtt_mdev_ms >= 0.0,
            r.replies.map(|reply| reply.seq)]"#,
    );
    assert_eq!(found, json!([true, 3, 3, 0.0, [], true, true, [1, 2, 3]]));
}

fn a_lost_reply_is_a_result(lab: &Lab) {
    pair(lab);
    lab.ip_in(
        "b",
        "route add blackhole 10.0.0.1/32\nroute add blackhole 10.0.0.0/24 metric 1",
    );
    let printed = lab.run(
        r#"let r = netns("a").ping("10.0.0.2", #{count: 2, interval: "10ms", timeout: "200ms"});
           print([r.ok, r.sent, r.received, r.loss_percent, r.rtt_min_ms]);"#,
    );
    assert_eq!(
        without_times(&printed),
        "PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.\n\
         \n\
         --- 10.0.0.2 ping statistics ---\n\
         2 packets transmitted, 0 received, 100% packet loss, time TIME\n\
         [false, 2, 0, 100.0, ()]\n"
    );
}

fn a_missing_route_is_told_apart_from_silence(lab: &Lab) {
    pair(lab);
    assert_eq!(
        lab.value(r#"netns("a").ping("192.0.2.1", #{count: 1, quiet: true}).errors"#),
        json!([{"errno": "ENETUNREACH", "kind": "send_failed", "mtu": null, "seq": 1}])
    );
}

fn a_link_or_a_namespace_stands_for_its_first_address(lab: &Lab) {
    pair(lab);
    let text = r#"
        let b = netns("b");
        for to in [b, b.link("v")] {
            let report = netns("a").ping(to, #{count: 1, quiet: true});
            print(report.replies[0].from);
        }"#;
    assert_eq!(lab.run(text), "10.0.0.2\n10.0.0.2\n");
}

fn the_reply_comes_from_the_address_and_with_the_ttl_of_the_other_end(lab: &Lab) {
    pair(lab);
    let found = lab.value(
        r#"let r = netns("a").ping("10.0.0.2", #{count: 1, quiet: true}).replies[0]; [r.from, r.ttl, r.bytes]"#,
    );
    assert_eq!(found, json!(["10.0.0.2", 64, 64]));
}

fn a_quiet_ping_prints_nothing(lab: &Lab) {
    pair(lab);
    assert_eq!(
        lab.run(r#"netns("a").ping("10.0.0.2", #{count: 1, quiet: true});"#),
        ""
    );
}

fn a_source_and_a_size_are_used(lab: &Lab) {
    pair(lab);
    lab.ip_in("a", "addr add 10.0.0.9/24 dev v");
    let printed =
        lab.run(r#"netns("a").ping("10.0.0.2", #{count: 1, source: "10.0.0.9", size: 100});"#);
    assert_eq!(
        without_times(&printed).lines().take(2).collect::<Vec<_>>(),
        [
            "PING 10.0.0.2 (10.0.0.2) from 10.0.0.9 : 100(128) bytes of data.",
            "108 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=TIME"
        ]
    );
}
