//! Throughput: what came is what the kernel counted, what is told and what is refused.

use std::io::{BufRead, BufReader};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::case::cases;
use crate::lab::{Lab, TWO, finish, two};

cases! {
    ["veth"] =>
        what_came_is_what_the_link_counted
        datagrams_go_at_their_rate_in_both_directions_and_all_streams
        a_measurement_is_told_line_by_line
        an_end_that_is_not_reached_is_told_with_the_cause
        what_makes_no_sense_is_refused
        a_plan_measures_nothing
        a_signal_ends_it_with_what_came;
}

/// The bytes that the link has taken in.
fn taken_in(lab: &Lab, netns: &str, link: &str) -> u64 {
    let links = lab.json(netns, &format!("-s link show dev {link}"));
    links[0]["stats64"]["rx"]["bytes"].as_u64().unwrap()
}

fn what_came_is_what_the_link_counted(lab: &Lab) {
    for (options, to, netns, link) in [
        ("streams: 3", "\"b\"", "b", "w"),
        ("reverse: true, mss: 600", "\"fd00::2\"", "a", "v"),
        (
            "zerocopy: true, tos: 16",
            "existing(\"b\").link(\"w\")",
            "b",
            "w",
        ),
        ("proto: \"udp\", rate: \"50mbit\"", "\"b\"", "b", "w"),
    ] {
        lab.run(TWO);
        let before = taken_in(lab, netns, link);
        let found = lab.value(&format!(
            "let t = throughput(\"a\", {to}, #{{time: \"60ms\", interval: \"20ms\", quiet: true, {options}}});
             let sum = t.intervals.map(|i| i.bytes).sum();
             [t.bytes, t.bits_per_second * t.seconds / 8.0, sum, t.lost, t.seconds > 0.05]"
        ));
        let bytes = found[0].as_u64().unwrap();
        let counted = taken_in(lab, netns, link) - before;
        // Of a stream the end is cut off, and segments may come twice; each has its headers.
        assert!(
            bytes > 50_000 && bytes < counted,
            "{options}: {bytes} {counted}"
        );
        assert!((found[1].as_f64().unwrap() - found[0].as_f64().unwrap()).abs() < 1.0);
        if options.contains("udp") {
            assert!(counted < bytes / 10 * 11, "{options}: {bytes} {counted}");
            assert_eq!(found[3], json!(0));
        } else {
            assert_eq!(found[2], found[0], "{options}");
            assert_eq!(found[3], json!(null));
        }
        assert_eq!(found[4], json!(true));
        lab.ipvsh(&["down", "--all"]);
    }
}

fn datagrams_go_at_their_rate_in_both_directions_and_all_streams(lab: &Lab) {
    let found = lab.value(&two(
        r#"let t = throughput(a, b, #{proto: "udp", rate: "8mbit", size: "1000b", streams: 2, bidir: true, time: "200ms", quiet: true});
           [t, t.back].map(|t| [t.from, t.to, t.lost, t.out_of_order, t.duplicates, t.bytes == t.sent * 1000, t.retransmits])"#,
    ));
    let way = |from, to| json!([from, to, 0, 0, 0, true, null]);
    assert_eq!(found, json!([way("a", "b"), way("b", "a")]));
}

/// The lines with their numbers taken out.
fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive([' ', '\n']) {
        let is_number = word.starts_with(|c: char| c.is_ascii_digit()) && !word.contains("10.0.0");
        let is_unit = ["kbit/s", "Mbit/s", "Gbit/s", "B", "kB", "MB", "GB"]
            .contains(&word.trim_end().trim_end_matches(','));
        if is_number || is_unit {
            out.push_str(if out.ends_with("N ") { "" } else { "N " });
            out.push_str(if word.ends_with('\n') { "\n" } else { "" });
        } else if word != " " {
            out.push_str(word);
        }
    }
    out
}

fn a_measurement_is_told_line_by_line(lab: &Lab) {
    let told = lab.run(&two(
        r#"throughput(a, b, #{proto: "udp", rate: "10mbit", size: 1000, time: "40ms", interval: "20ms"});"#,
    ));
    assert_eq!(
        without_numbers(&told),
        "THROUGHPUT a → b (10.0.0.2), udp for N bytes a datagram, N at most
N s N lost, jitter N ms
N s N lost, jitter N ms
N in N s, N of N datagrams lost (0%), jitter N ms, cpu N \n"
    );
}

fn an_end_that_is_not_reached_is_told_with_the_cause(lab: &Lab) {
    let caught = |set_up: &str, call: &str| {
        lab.run(&two(set_up));
        let caught = lab.caught("existing(\"a\")", &[call]);
        lab.ipvsh(&["down", "--all"]);
        caught
    };
    assert_eq!(
        caught("v.peer.down();", r#"throughput("b", #{timeout: "50ms"})"#),
        "unreachable: cannot measure the throughput to `b` in namespace `a`: 10.0.0.2 did not answer within 50ms
  cause: link b:w is down
  hint: netns(\"b\").link(\"w\").up()
"
    );
    let no_way =
        "a.route(\"10.9.0.9\", #{type: \"unreachable\"}); b.link(\"w\").addr(\"10.9.0.9/32\");";
    for proto in ["tcp", "udp"] {
        let call = format!("throughput(\"10.9.0.9\", #{{proto: \"{proto}\"}})");
        assert_eq!(
            caught(no_way, &call),
            "unreachable: cannot measure the throughput to `10.9.0.9` in namespace `a`: 10.9.0.9 is not reached: no route to host
  cause: a route of type unreachable of a refuses 10.9.0.9
  hint: netns(\"a\").del_route(\"10.9.0.9\")
"
        );
    }
}

fn what_makes_no_sense_is_refused(lab: &Lab) {
    lab.run(&two("netns(\"empty\");"));
    let caught = lab.caught(
        "netns(\"a\")",
        &[
            r#"throughput("b", #{time: "0s"})"#,
            r#"throughput("b", #{time: "2m", interval: "1ms"})"#,
            r#"throughput("b", #{time: "20h", interval: "10ms"})"#,
            r#"throughput("b", #{streams: 0})"#,
            r#"throughput("b", #{size: 1000})"#,
            r#"throughput("b", #{proto: "udp", size: "64KiB"})"#,
            r#"throughput("b", #{proto: "udp", mss: 1000})"#,
            r#"throughput("b", #{proto: "sctp"})"#,
            r#"throughput("b", #{bidir: true, reverse: true})"#,
            r#"throughput("b", #{port: 5201})"#,
            r#"throughput("empty")"#,
            r#"throughput("bb")"#,
            r#"throughput("10.0.0.7")"#,
            "throughput(7)",
        ],
    );
    assert_eq!(
        caught,
        r#"invalid: cannot measure the throughput to `b`: `time` is 1ms to 24h, not 0s
invalid: cannot measure the throughput to `b`: `interval` is 10ms to 24h, not 1ms
invalid: cannot measure the throughput to `b`: 72000s has more than 100000 intervals of 10ms
  hint: make the intervals longer: #{interval: "10s"}
invalid: cannot measure the throughput to `b`: `streams` is 1 to 500, not 0
invalid: cannot measure the throughput to `b`: `size` is of udp, and tcp is measured
  hint: leave it out, or give proto: "udp"
invalid: cannot measure the throughput to `b`: `size` is 16 to 65507, not 65536
invalid: cannot measure the throughput to `b`: `mss` is of tcp, and udp is measured
  hint: leave it out, or give proto: "tcp"
invalid: cannot measure the throughput to `b`: `throughput` has no proto `sctp`
  protos: tcp, udp
  hint: write "tcp" or "udp"
invalid: cannot measure the throughput to `b`: `bidir` measures what `reverse` does, too
  hint: give the one or the other
invalid: cannot measure the throughput to `b`: `throughput` has no option `port`
  options: bidir, interval, mss, proto, quiet, rate, reverse, size, streams, time, timeout, tos, zerocopy
not_found: cannot measure the throughput to `empty`: namespace `empty` has no global address
  hint: give it one: link.addr("10.0.0.1/24")
not_found: cannot measure the throughput to `bb`: there is no namespace `bb`
  hint: did you mean `b`?
not_found: cannot measure the throughput to `10.0.0.7`: no namespace here has the address `10.0.0.7`
  hint: list those that there are: tree()
invalid: cannot measure the throughput: an end is an address, a link or a namespace, not an integer
"#
    );
}

fn a_plan_measures_nothing(lab: &Lab) {
    std::fs::write(
        lab.folder().join("lab.rhai"),
        two(r#"let t = throughput("a", "b", #{bidir: true, rate: "10mbit"}); assert(t.bits_per_second == 1e7 && t.back.from == "b", "hoped");"#),
    )
    .unwrap();
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    let told = "? throughput a → b in a\na run would create 7, change 1, test 1\n";
    assert!(plan.stdout.ends_with(told), "{}", plan.stdout);
    assert_eq!(lab.namespaces(), [""; 0]);
}

fn a_signal_ends_it_with_what_came(lab: &Lab) {
    std::fs::write(
        lab.folder().join("lab.rhai"),
        two(r#"throughput(a, b, #{time: "100s", interval: "20ms", rate: "1mbit"});"#),
    )
    .unwrap();
    let mut run = lab.start(&["lab.rhai"]);
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
    // The heading, and an interval.
    lines.by_ref().take(2).for_each(drop);
    let pid = Pid::from_raw(run.id().cast_signed());
    kill(pid, Signal::SIGINT).unwrap();
    let last = lines.last().unwrap().unwrap();
    let ended = finish(run);
    assert!(last.contains(" retransmits, rtt "), "{last}");
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    assert_eq!(lab.namespaces(), [""; 0]);
}
