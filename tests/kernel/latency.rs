//! Latency: what is answered, what is lost, and what is told.

use serde_json::json;

use crate::case::cases;
use crate::lab::Lab;

cases! {
    ["veth"] =>
        each_protocol_has_its_answers_and_a_histogram
        what_is_not_answered_is_lost_and_told_with_the_cause
        a_latency_that_makes_no_sense_is_refused;
}

/// Namespaces `a` (10.0.0.1, `fd00::1`) and `b` (10.0.0.2, `fd00::2`), joined.
const TWO: &str = r#"let a = netns("a");
    let b = netns("b");
    let v = a.veth("v", b, "w", #{addr: ["10.0.0.1/24", "fd00::1/64"], nodad: true, up: true});
    v.peer.addr("10.0.0.2/24").addr("fd00::2/64", #{nodad: true}).up().wait_up();
    v.wait_up();
"#;

fn each_protocol_has_its_answers_and_a_histogram(lab: &Lab) {
    let found = lab.value(&format!(
        "{TWO}{}",
        r#"let found = [];
        for proto in ["icmp", "udp", "tcp"] {
            for to in ["10.0.0.2", "fd00::2"] {
                let l = latency(a, to, #{proto: proto, count: 20, size: 1000, quiet: true});
                let counts = l.histogram.map(|bin| bin.count);
                let times = [l.min_ms, l.p50_ms, l.p90_ms, l.p99_ms, l.p999_ms, l.max_ms];
                let sorted = times.map(|t| t);
                sorted.sort();
                found.push([l.sent, l.received, l.loss_percent, counts.sum(), sorted == times, l.min_ms > 0.0]);
            }
        }
        found"#
    ));
    assert_eq!(found, json!(vec![json!([20, 20, 0.0, 20, true, true]); 6]));
}

fn what_is_not_answered_is_lost_and_told_with_the_cause(lab: &Lab) {
    let run = lab.script(&format!(
        "{TWO}{}",
        r#"v.peer.down();
        let l = latency(a, b, #{count: 2, timeout: "20ms"});
        print([l.received, l.loss_percent, l.p50_ms, l.histogram]);
        try { latency(a, b, #{proto: "udp", timeout: "20ms"}); } catch (e) { print(`${e.kind}: ${e.hint}`); }"#
    ));
    assert_eq!(
        run.stdout,
        "LATENCY a → b (10.0.0.2), icmp
0 of 2 answered
[0, 100.0, (), []]
unreachable: netns(\"b\").link(\"w\").up()
"
    );
    assert_eq!(
        run.stderr,
        "cause: link b:w is down\nhint: netns(\"b\").link(\"w\").up()\n"
    );
}

fn a_latency_that_makes_no_sense_is_refused(lab: &Lab) {
    lab.run(TWO);
    let caught = lab.caught(
        "existing(\"a\")",
        &[
            "latency(\"b\", #{count: 0})",
            "latency(\"b\", #{proto: \"udp\", size: 8})",
            "latency(\"b\", #{proto: \"sctp\"})",
            "latency(\"b\", #{streams: 2})",
        ],
    );
    assert_eq!(
        caught,
        r#"invalid: cannot measure the latency to `b`: `count` is 1 to 1000000, not 0
invalid: cannot measure the latency to `b`: `size` is 16 or more for udp, not 8
invalid: cannot measure the latency to `b`: `latency` has no proto `sctp`
  protos: icmp, udp, tcp
  hint: write "icmp" or "udp" or "tcp"
invalid: cannot measure the latency to `b`: `latency` has no option `streams`
  options: count, interval, proto, quiet, size, timeout, tos
"#
    );
}
