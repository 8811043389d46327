//! Queues: netem, tbf and htb on a link, judged by `tc` and by what they do to packets.

use std::fs;

use ipvsh::net::queue::Distribution;
use serde_json::{Value, json};

use crate::case::cases;
use crate::common;
use crate::lab::{HOST, Lab, Output};
use crate::options::there_and_back;

cases! {
    ["veth", "tbf"] =>
        tbf_holds_a_link_to_a_rate
        the_limit_of_tbf_is_what_it_holds_in_its_latency
        the_same_queue_again_sends_nothing
        a_queue_made_by_tc_is_taken_for_the_one_that_is_asked
        another_queue_is_a_conflict_that_shows_both
        a_queue_is_replaced_where_that_is_asked
        the_kernels_default_is_no_conflict
        a_cleared_queue_leaves_the_default_and_clearing_it_again_nothing_to_do
        a_queue_is_read_as_a_map_with_its_units
        a_foreign_link_gets_its_queue_back_when_the_run_fails
        a_foreign_link_gets_its_queue_back_when_the_lab_is_taken_down
        a_queue_that_somebody_else_put_there_since_is_left
        the_bare_words_take_a_link_by_name
        a_plan_knows_the_queue_that_it_has_planned
        what_is_wrong_with_a_queue_of_tbf_is_refused
        a_queue_on_a_link_that_is_gone_is_refused;
    ["veth", "tbf", "htb", "u32"] =>
        htb_has_the_classes_and_filters_that_are_asked
        htb_without_a_rate_has_its_classes_side_by_side
        htb_again_is_unchanged
        htb_again_is_unchanged_also_under_another_mtu
        packets_go_to_the_class_that_they_are_steered_to
        a_foreign_htb_comes_back_whole
        what_is_wrong_with_a_queue_of_htb_is_refused
        a_trace_of_queues_makes_the_same_when_it_is_run;
    [] =>
        the_tables_of_distributions_are_those_of_tc;
    ["veth"] =>
        what_is_wrong_with_a_queue_of_netem_is_refused;
    ["veth", "netem"] =>
        netem_has_what_is_asked
        netem_loses_in_bursts_as_tc_has_it
        netem_that_is_replaced_keeps_nothing_of_the_one_before
        a_delay_is_seen_by_ping
        a_distribution_spreads_the_delays
        a_loss_of_all_leaves_no_reply
        a_foreign_netem_comes_back;
    ["veth", "tbf", "netem"] =>
        netem_below_tbf
        a_queue_inside_another_and_a_hook_come_back_by_each_way
        a_hook_of_a_foreign_link_comes_and_goes;
    ["veth", "htb", "u32", "fw", "netem"] =>
        a_class_of_htb_has_a_netem_and_takes_what_is_marked;
}

/// The queue of `v0` in the namespace `netns`, as `tc` lists it.
fn root(lab: &Lab, netns: &str) -> Value {
    let queues = lab.tc(netns, "qdisc show dev v0");
    let queues = queues.as_array().unwrap().iter();
    let mut roots = queues.filter(|queue| queue["root"] == json!(true));
    roots.next().cloned().unwrap_or(Value::Null)
}

/// What a run says last: how many objects were made and so on.
fn counts(output: &Output) -> &str {
    output.stderr.lines().last().unwrap_or_default()
}

fn pair(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up");
}

/// The errors of bad input, as a script catches them.
fn refusals(lab: &Lab, calls: &[&str]) -> String {
    pair(lab);
    let printed = lab.caught(r#"link("v0")"#, calls);
    assert_eq!(root(lab, HOST)["kind"], "noqueue", "{printed}");
    printed
}

fn tbf_holds_a_link_to_a_rate(lab: &Lab) {
    pair(lab);
    lab.run(r#"link("v0").tbf(#{rate: "10mbit", burst: "32KiB", limit: "64KiB"});"#);
    let queue = root(lab, HOST);
    assert_eq!(queue["kind"], "tbf");
    let options = &queue["options"];
    // In bytes a second; `tc` rounds the burst down.
    assert_eq!(options["rate"], 1_250_000);
    assert_eq!(options["burst"], 32_767);
    // What it holds, as the time that it takes to send: 64 KiB without the burst.
    assert_eq!(options["lat"], 26_214);
}

fn the_limit_of_tbf_is_what_it_holds_in_its_latency(lab: &Lab) {
    pair(lab);
    lab.run(r#"link("v0").tbf(#{rate: "8mbit", burst: "10KiB", latency: "100ms"});"#);
    assert_eq!(root(lab, HOST)["options"]["lat"], 100_000);
}

fn the_same_queue_again_sends_nothing(lab: &Lab) {
    pair(lab);
    let text = r#"link("v0").tbf(#{rate: "10mbit", burst: "32KiB", latency: "50ms"});"#;
    lab.run(text);
    let output = lab.script_with(&["--summary", "--trace"], text);
    assert_eq!(
        output.stderr,
        "= tbf on v0 in host\ncreated 0, changed 0, unchanged 1, deleted 0\n"
    );
}

fn a_queue_made_by_tc_is_taken_for_the_one_that_is_asked(lab: &Lab) {
    pair(lab);
    common::output(
        "tc",
        &[
            "qdisc", "add", "dev", "v0", "root", "tbf", "rate", "10mbit", "burst", "32kb", "limit",
            "64kb",
        ],
    );
    let output = lab.script_with(
        &["--summary"],
        r#"link("v0").tbf(#{rate: "10mbit", burst: "32KiB", limit: "64KiB"});"#,
    );
    assert_eq!(
        counts(&output),
        "created 0, changed 0, unchanged 1, deleted 0"
    );
}

fn another_queue_is_a_conflict_that_shows_both(lab: &Lab) {
    pair(lab);
    lab.run(r#"link("v0").tbf(#{rate: "10mbit", burst: "32KiB", limit: "64KiB"});"#);
    assert_eq!(
        lab.fails(r#"link("v0").tbf(#{rate: "20mbit", burst: "32KiB", limit: "64KiB"});"#),
        r#"error: cannot set tbf on link `v0` in namespace `host`: a queue exists and differs
 --> lab.rhai:1:12
  |
1 | link("v0").tbf(#{rate: "20mbit", burst: "32KiB", limit: "64KiB"});
  |            ^^^
  = there: tbf rate 10mbit burst 32768b limit 65536b
  = asked: tbf rate 20mbit burst 32768b limit 65536b
hint: ask for what is there, take it away with .clear_qdisc(), or replace it with #{replace: true}
"#
    );
    assert_eq!(root(lab, HOST)["options"]["rate"], 1_250_000);
}

fn a_queue_is_replaced_where_that_is_asked(lab: &Lab) {
    pair(lab);
    lab.run(r#"link("v0").tbf(#{rate: "10mbit"});"#);
    let output = lab.script_with(
        &["--summary"],
        r#"link("v0").tbf(#{rate: "20mbit", replace: true});"#,
    );
    assert_eq!(
        counts(&output),
        "created 0, changed 1, unchanged 0, deleted 0"
    );
    assert_eq!(root(lab, HOST)["options"]["rate"], 2_500_000);
}

fn the_kernels_default_is_no_conflict(lab: &Lab) {
    pair(lab);
    assert_eq!(root(lab, HOST)["kind"], "noqueue");
    lab.run(r#"link("v0").tbf(#{rate: "10mbit"});"#);
    assert_eq!(root(lab, HOST)["kind"], "tbf");
}

fn a_cleared_queue_leaves_the_default_and_clearing_it_again_nothing_to_do(lab: &Lab) {
    pair(lab);
    lab.run(r#"link("v0").tbf(#{rate: "10mbit"});"#);
    let output = lab.script_with(&["--summary"], r#"link("v0").clear_qdisc().clear_qdisc();"#);
    assert_eq!(
        counts(&output),
        "created 0, changed 0, unchanged 1, deleted 1"
    );
    assert_eq!(root(lab, HOST)["kind"], "noqueue");
}

fn a_queue_is_read_as_a_map_with_its_units(lab: &Lab) {
    pair(lab);
    let text = r#"link("v0").tbf(#{rate: "10mbit", burst: "32KiB", limit: "64KiB"}).qdiscs"#;
    let queues = lab.value(text);
    let queue = &queues[0];
    assert_eq!(
        (&queue["kind"], &queue["handle"], &queue["parent"]),
        (&json!("tbf"), &json!("1:"), &json!("root"))
    );
    assert_eq!(
        queue["options"],
        json!({
            "burst_bytes": 32_768, "limit_bytes": 65_536, "minburst_bytes": 0,
            "peakrate_bits_per_second": 0, "rate_bits_per_second": 10_000_000,
        })
    );
    assert_eq!(queue["stats"]["drops"], 0);
    assert_eq!(queue["is_default"], false);
}

fn a_foreign_link_gets_its_queue_back_when_the_run_fails(lab: &Lab) {
    pair(lab);
    common::output(
        "tc",
        &[
            "qdisc", "add", "dev", "v0", "root", "tbf", "rate", "1mbit", "burst", "4kb", "limit",
            "9kb",
        ],
    );
    let before = root(lab, HOST)["options"].clone();
    lab.fails(
        r#"link("v0").tbf(#{rate: "20mbit", replace: true});
           link("v1").tbf(#{rate: "20mbit"});
           throw "enough";"#,
    );
    assert_eq!(root(lab, HOST)["options"], before);
    assert_eq!(lab.tc(HOST, "qdisc show dev v1")[0]["kind"], "noqueue");
}

fn a_foreign_link_gets_its_queue_back_when_the_lab_is_taken_down(lab: &Lab) {
    pair(lab);
    lab.run(
        r#"link("v0").tbf(#{rate: "20mbit"});
           link("v0").tbf(#{rate: "30mbit", replace: true});"#,
    );
    let output = lab.ipvsh(&["down", "lab.rhai"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(root(lab, HOST)["kind"], "noqueue");
}

fn a_queue_that_somebody_else_put_there_since_is_left(lab: &Lab) {
    pair(lab);
    lab.run(r#"link("v0").tbf(#{rate: "20mbit"});"#);
    common::output(
        "tc",
        &[
            "qdisc", "replace", "dev", "v0", "root", "pfifo", "limit", "7",
        ],
    );
    let output = lab.ipvsh(&["down", "lab.rhai"]);
    assert!(
        output.stderr.contains("left as it is") || output.stdout.contains("left as it is"),
        "{output:?}"
    );
    assert_eq!(root(lab, HOST)["kind"], "pfifo");
}

fn the_bare_words_take_a_link_by_name(lab: &Lab) {
    lab.run(r#"let a = netns("a"); a.veth("v0", "v1"); a.tbf("v0", #{rate: "1mbit"});"#);
    assert_eq!(root(lab, "a")["kind"], "tbf");
}

fn a_plan_knows_the_queue_that_it_has_planned(lab: &Lab) {
    pair(lab);
    fs::write(
        lab.folder().join("lab.rhai"),
        r#"let v = link("v0").tbf(#{rate: "10mbit"});
           v.tbf(#{rate: "10mbit"});
           v.tbf(#{rate: "20mbit", replace: true});
           v.clear_qdisc();
           let w = netns("a").veth("v0", "v1");
           w.tbf(#{rate: "10mbit"});
           print(w.qdiscs[0].options.rate_bits_per_second);"#,
    )
    .unwrap();
    let output = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(
        output.stdout.lines().last(),
        Some("a run would create 4, change 1, delete 1; 1 as asked already"),
        "{}",
        output.stderr
    );
    assert_eq!(root(lab, HOST)["kind"], "noqueue");
}

fn what_is_wrong_with_a_queue_of_tbf_is_refused(lab: &Lab) {
    let printed = refusals(
        lab,
        &[
            r"tbf(#{})",
            r#"tbf(#{rate: "0mbit"})"#,
            r#"tbf(#{rate: "10 apples"})"#,
            r#"tbf(#{rate: "1mbit", burst: "100b"})"#,
            r#"tbf(#{rate: "1mbit", limit: "1b"})"#,
            r#"tbf(#{rate: "1mbit", burst: "5GiB"})"#,
            r#"tbf(#{rate: "1mbit", limit: "9kb", latency: "1s"})"#,
            r#"tbf(#{rate: "2mbit", peakrate: "1mbit"})"#,
            r#"tbf(#{rate: "2mbit", minburst: "2kb"})"#,
            r#"tbf(#{rat: "2mbit"})"#,
            r#"tbf(#{rate: "2mbit", replace: 1})"#,
            r"tbf(#{rate: [1]})",
        ],
    );
    assert_eq!(
        printed,
        "\
invalid: cannot set tbf on link `v0` in namespace `host`: tbf needs its `rate`
  hint: write it as #{rate: \"10mbit\"}
invalid: cannot set tbf on link `v0` in namespace `host`: a rate is 8 bits a second or more, not `0mbit`
invalid: cannot set tbf on link `v0` in namespace `host`: `10 apples` is in no unit of rate that is known here
  hint: the units are bit, kbit, mbit, gbit and tbit; bps, kbps, mbps, gbps and tbps for bytes a second
invalid: cannot set tbf on link `v0` in namespace `host`: `burst` of 100b holds no packet of the link, which takes 1518b
  hint: take a larger one, or give the link a smaller MTU
invalid: cannot set tbf on link `v0` in namespace `host`: `limit` of 1b holds no packet of the link, which takes 1518b
  hint: take a larger one, or say for how long it holds one: `latency`
invalid: cannot set tbf on link `v0` in namespace `host`: `5GiB` is more than the kernel counts, which is below 4GiB
invalid: cannot set tbf on link `v0` in namespace `host`: `limit` and `latency` say the same
  hint: give one of them: how much it holds, or for how long
invalid: cannot set tbf on link `v0` in namespace `host`: `peakrate` is more than the rate of 2mbit, not 1mbit
invalid: cannot set tbf on link `v0` in namespace `host`: `minburst` says nothing without `peakrate`
  hint: give `peakrate` too
invalid: cannot set tbf on link `v0` in namespace `host`: `tbf` has no option `rat`
  options: burst, latency, limit, minburst, netem, peakrate, rate, replace
  hint: did you mean `rate`?
invalid: cannot set tbf on link `v0` in namespace `host`: option `replace` takes true or false, not an integer
invalid: cannot set tbf on link `v0` in namespace `host`: option `rate` takes a rate such as \"10mbit\", not a list
"
    );
}

fn a_queue_on_a_link_that_is_gone_is_refused(lab: &Lab) {
    pair(lab);
    assert_eq!(
        lab.fails(r#"let v = link("v0"); v.delete(); v.tbf(#{rate: "1mbit"});"#),
        r#"took down what this run made: 1 change
error: link `v0` is gone from namespace `host`
 --> lab.rhai:1:35
  |
1 | let v = link("v0"); v.delete(); v.tbf(#{rate: "1mbit"});
  |                                   ^^^
hint: it was deleted after this handle was made; look it up again with link(…)
"#
    );
}

fn htb_again_is_unchanged_also_under_another_mtu(lab: &Lab) {
    pair(lab);
    let text = r#"link("v0").htb(#{classes: [#{name: "one", rate: "3mbit", ceil: "5mbit", packets: #{dst: "10.9.0.0/16"}},
        #{name: "rest", rate: "2mbit"}], rate: "10mbit"}).mtu(1300);"#;
    lab.run(text);
    lab.twice(text);
}

const HTB: &str = r#"
    link("v0").htb(#{rate: "10mbit", otherwise: "rest", classes: [
        #{name: "voice", rate: "1mbit", prio: 0, packets: #{proto: "udp", dport: 5060, dst: "10.0.0.0/24"}},
        #{name: "web", rate: "5mbit", ceil: "8mbit", prio: 1, packets: #{proto: "tcp", sport: 443}},
        #{name: "rest", rate: "500kbit", burst: "16KiB", prio: 2},
    ]});"#;

/// The classes of `v0`, sorted, a line each: older versions of `tc` have no JSON for them.
fn classes(_: &Lab) -> Vec<String> {
    let text = common::output("tc", &["class", "show", "dev", "v0"]);
    let mut lines: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    lines.sort();
    lines
}

fn htb_has_the_classes_and_filters_that_are_asked(lab: &Lab) {
    pair(lab);
    lab.run(HTB);
    let queue = root(lab, HOST);
    assert_eq!(
        (&queue["kind"], &queue["options"]["default"]),
        (&json!("htb"), &json!("0x30"))
    );
    assert_eq!(
        classes(lab),
        [
            "class htb 1:1 root rate 10Mbit ceil 10Mbit burst 5000b cburst 5000b",
            "class htb 1:10 parent 1:1 prio 0 rate 1Mbit ceil 10Mbit burst 1518b cburst 5000b",
            "class htb 1:20 parent 1:1 prio 1 rate 5Mbit ceil 8Mbit burst 2500b cburst 4000b",
            "class htb 1:30 parent 1:1 prio 2 rate 500Kbit ceil 10Mbit burst 16Kb cburst 5000b",
        ]
    );
    let filters = common::output("tc", &["filter", "show", "dev", "v0"]);
    let lines: Vec<&str> = filters
        .lines()
        .filter(|line| line.contains("flowid") || line.contains("match"))
        .map(|line| line.trim().split(" fh ").next().unwrap_or_default())
        .collect();
    assert_eq!(
        lines,
        [
            "filter parent 1: protocol ip pref 1 u32 chain 0",
            "match 0a000000/ffffff00 at 16",
            "match 00110000/00ff0000 at 8",
            "match 000013c4/0000ffff at 20",
            "filter parent 1: protocol ip pref 2 u32 chain 0",
            "match 00060000/00ff0000 at 8",
            "match 01bb0000/ffff0000 at 20",
            "filter parent 1: protocol ipv6 pref 3 u32 chain 0",
            "match 00000600/0000ff00 at 4",
            "match 01bb0000/ffff0000 at 40",
        ]
    );
}

fn htb_without_a_rate_has_its_classes_side_by_side(lab: &Lab) {
    pair(lab);
    lab.run(r#"link("v0").htb(#{classes: [#{name: "a", rate: "1mbit"}, #{name: "b", rate: "2mbit"}]});"#);
    assert_eq!(
        classes(lab),
        [
            "class htb 1:10 root prio 0 rate 1Mbit ceil 1Mbit burst 1518b cburst 1518b",
            "class htb 1:20 root prio 0 rate 2Mbit ceil 2Mbit burst 1518b cburst 1518b",
        ]
    );
}

fn htb_again_is_unchanged(lab: &Lab) {
    pair(lab);
    lab.run(HTB);
    let output = lab.script_with(&["--summary", "--trace"], HTB);
    assert_eq!(
        counts(&output),
        "created 0, changed 0, unchanged 1, deleted 0"
    );
}

fn packets_go_to_the_class_that_they_are_steered_to(lab: &Lab) {
    let printed = lab.run(
        r#"
        let a = netns("a");
        let b = netns("b");
        let wire = a.veth("v0", b, "v1", #{addr: ["10.0.0.1/24", "fd00::1/64"], up: true, nodad: true});
        wire.peer.up().addr("10.0.0.2/24");
        wire.peer.addr("fd00::2/64", #{nodad: true});
        wire.wait_up();
        wire.htb(#{otherwise: "rest", classes: [
            #{name: "four", rate: "10mbit", packets: #{proto: "icmp", dst: "10.0.0.0/24"}},
            #{name: "six", rate: "10mbit", packets: #{dst: "fd00::/64", proto: "icmp"}},
            #{name: "rest", rate: "10mbit"},
        ]});
        let sent = || wire.qdiscs[0].classes.map(|class| class.stats.packets);
        let before = sent.call();
        a.ping("10.0.0.2", #{count: 2, interval: "10ms", quiet: true});
        let after = sent.call();
        print(after[0] - before[0]);
        let before = after;
        a.ping("fd00::2", #{count: 3, interval: "10ms", quiet: true});
        let after = sent.call();
        print(after[1] - before[1] >= 3);
        print(after[0] - before[0]);"#,
    );
    assert_eq!(printed, "2\ntrue\n0\n");
}

fn a_foreign_htb_comes_back_whole(lab: &Lab) {
    pair(lab);
    for line in [
        "qdisc add dev v0 root handle 5: htb default 7",
        "class add dev v0 parent 5: classid 5:1 htb rate 9mbit",
        "class add dev v0 parent 5:1 classid 5:7 htb rate 3mbit ceil 9mbit prio 3",
        "qdisc add dev v0 parent 5:7 handle 8: tbf rate 1mbit burst 4kb limit 9kb",
        "filter add dev v0 parent 5: protocol ip prio 4 u32 match ip dst 10.0.0.0/8 flowid 5:7",
    ] {
        common::output("tc", &line.split(' ').collect::<Vec<_>>());
    }
    let state = || {
        let filters = common::output("tc", &["filter", "show", "dev", "v0"]);
        let mut queues = lab.tc(HOST, "qdisc show dev v0");
        for queue in queues.as_array_mut().unwrap() {
            queue.as_object_mut().unwrap().remove("refcnt");
        }
        (queues, classes(lab), filters)
    };
    let before = state();
    lab.fails(r#"link("v0").tbf(#{rate: "20mbit", replace: true}); throw "enough";"#);
    assert_eq!(state(), before);
}

fn what_is_wrong_with_a_queue_of_htb_is_refused(lab: &Lab) {
    let printed = refusals(
        lab,
        &[
            r"htb(#{})",
            r#"htb(#{classes: "fast"})"#,
            r"htb(#{classes: []})",
            r#"htb(#{classes: [#{rate: "1mbit"}]})"#,
            r#"htb(#{classes: [#{name: "a"}]})"#,
            r#"htb(#{classes: [#{name: "a", rate: "1mbit"}, #{name: "a", rate: "1mbit"}]})"#,
            r#"htb(#{otherwise: "fats", classes: [#{name: "fast", rate: "1mbit"}]})"#,
            r#"htb(#{ceil: "1mbit", classes: [#{name: "a", rate: "1mbit"}]})"#,
            r#"htb(#{classes: [#{name: "a", rate: "2mbit", ceil: "1mbit"}]})"#,
            r#"htb(#{classes: [#{name: "a", rate: "1mbit", prio: 8}]})"#,
            r#"htb(#{classes: [#{name: "a", rate: "1mbit", packets: #{dport: 80}}]})"#,
            r#"htb(#{classes: [#{name: "a", rate: "1mbit", packets: #{src: "10.0.0.0/8", dst: "fd00::/8"}}]})"#,
            r#"htb(#{classes: [#{name: "a", rate: "1mbit", packets: #{}}]})"#,
            r#"htb(#{classes: [#{name: "a", rate: "1mbit", packets: #{mark: 7, proto: "tcp"}}]})"#,
            r#"htb(#{classes: [#{name: "a", rate: "1mbit", packets: #{proto: "tpc"}}]})"#,
            r#"htb(#{classes: [#{name: "a", rate: "1mbit", netem: #{}}]})"#,
        ],
    );
    let head = "invalid: cannot set htb on link `v0` in namespace `host`: ";
    let hint = "  hint: write them as classes: [#{name: \"fast\", rate: \"8mbit\"}, #{name: \"slow\", rate: \"1mbit\"}]\n";
    assert_eq!(
        printed.replace(head, "- ").replace(hint, "  (classes)\n"),
        "\
- htb needs its `classes`
  (classes)
- option `classes` takes a list of maps, not a string
  (classes)
- htb has 1 to 4095 classes, not 0
  (classes)
- each class needs its `name`
  (classes)
- class `a`: it needs its `rate`
  hint: write it as #{rate: \"10mbit\"}
- two classes are called `a`
- `otherwise` names no class: there is no `fats`
  classes: fast
  hint: did you mean \"fast\"?
- `ceil` says nothing without `rate`
  hint: give `rate` too
- class `a`: `ceil` is the rate of 2mbit or more, not 1mbit
- class `a`: `prio` is 0 to 7, not 8
- class `a`: a port is one of a protocol
  hint: say which: #{proto: \"tcp\", dport: 443}
- class `a`: `src` 10.0.0.0/8 and `dst` fd00::/8 are of different families
- class `a`: `packets` says of none that it is meant
  options: dport, dst, mark, proto, sport, src
- class `a`: `mark` stands alone
  hint: let the firewall set the mark for just the packets that are meant
- class `a`: a class has no proto `tpc`
  protos: tcp, udp, sctp, icmp
  hint: did you mean \"tcp\"?
- class `a`: nothing is asked of it
  options: corrupt, corrupt_correlation, delay, delay_correlation, distribution, duplicate, duplicate_correlation, gap, jitter, limit, \
loss, loss_correlation, loss_gemodel, loss_state, rate, reorder, reorder_correlation
  hint: say what it is to do: #{delay: \"10ms\", loss: \"1%\"}
"
    );
}

fn a_trace_of_queues_makes_the_same_when_it_is_run(lab: &Lab) {
    pair(lab);
    let output = lab.script_with(&["--emit", "steps.sh"], HTB);
    assert_eq!(output.end(), "exit code 0\n");
    let state = || {
        (
            classes(lab),
            common::output("tc", &["filter", "show", "dev", "v0"]),
        )
    };
    let made = state();
    lab.run(r#"link("v0").clear_qdisc();"#);
    let steps = lab.folder().join("steps.sh");
    assert!(fs::read_to_string(&steps).unwrap().contains("tc qdisc add"));
    common::output("sh", &[steps.to_str().unwrap()]);
    assert_eq!(state(), made);
}

fn what_is_wrong_with_a_queue_of_netem_is_refused(lab: &Lab) {
    let printed = refusals(
        lab,
        &[
            r"netem(#{})",
            r#"netem(#{jitter: "2ms"})"#,
            r#"netem(#{delay: "1ms", delay_correlation: "25%"})"#,
            r#"netem(#{delay: "-1ms"})"#,
            r#"netem(#{delay: "99999999h"})"#,
            r"netem(#{loss: true})",
            r#"netem(#{loss: "101%"})"#,
            r#"netem(#{loss: "few"})"#,
            r#"netem(#{loss_correlation: "25%"})"#,
            r#"netem(#{reorder: "25%"})"#,
            r#"netem(#{delay: "1ms", gap: 5})"#,
            r#"netem(#{delay: "1ms", limit: 0})"#,
            r#"netem(#{delay: "1ms", distribution: "normal"})"#,
            r#"netem(#{delay: "1ms", jitter: "1ms", distribution: "norml"})"#,
            r#"netem(#{delay: "1ms", jitter: "1ms", distribution: 3})"#,
            r#"netem(#{dealy: "1ms"})"#,
            r#"netem(#{loss: "1%", loss_gemodel: ["1%"]})"#,
            r#"netem(#{loss_state: ["1%"], loss_gemodel: ["1%"]})"#,
            r#"netem(#{loss_gemodel: "1%"})"#,
            r"netem(#{loss_gemodel: []})",
            r"netem(#{loss_state: [1, 2, 3, 4, 5, 6]})",
            r#"netem(#{loss_state: ["1%", "120%"]})"#,
            r"netem(#{loss_gemodel: [1, true]})",
        ],
    );
    let head = "invalid: cannot set netem on link `v0` in namespace `host`: ";
    let all = "corrupt, corrupt_correlation, delay, delay_correlation, distribution, duplicate, duplicate_correlation, gap, jitter, \
               limit, loss, loss_correlation, loss_gemodel, loss_state, rate, reorder, reorder_correlation";
    assert_eq!(
        printed.replace(head, "- ").replace(all, "(all)"),
        "\
- nothing is asked of it
  options: (all)
  hint: say what it is to do: #{delay: \"10ms\", loss: \"1%\"}
- `jitter` says nothing without `delay`
  hint: give `delay` too
- `delay_correlation` says nothing without `jitter`
  hint: give `jitter` too
- `-1ms` is not a duration
  hint: write a number and a unit, such as \"200ms\", \"1.5s\" or \"2m\"
- `delay` of 359999996400s is more than the kernel counts, which is below 9223372036.854776s
- option `loss` takes a percentage such as \"1%\", not a truth value
- a percentage is 0 to 100, not `101%`
- `few` is not a percentage
  hint: write a number from 0 to 100, such as \"1%\" or \"0.5%\"
- `loss_correlation` says nothing without `loss`
  hint: give `loss` too
- `reorder` says nothing without `delay`
  hint: give `delay` too
- `gap` says nothing without `reorder`
  hint: give `reorder` too
- `limit` is 1 to 4294967295, not 0
- `distribution` says nothing without `jitter`
  hint: give `jitter` too
- netem has no distribution `norml`
  distributions: uniform, normal, pareto, paretonormal
  hint: did you mean \"normal\"?
- option `distribution` takes a string, not an integer
- `netem` has no option `dealy`
  options: (all), replace, tbf
  hint: did you mean `delay`?
- `loss` and `loss_gemodel` are two ways to say which packets are lost
  hint: leave one of them out
- `loss_gemodel` and `loss_state` are two ways to say which packets are lost
  hint: leave one of them out
- option `loss_gemodel` takes a list of percentages, not a string
- `loss_gemodel` has 1 to 4 percentages, not 0
- `loss_state` has 1 to 5 percentages, not 6
- a percentage is 0 to 100, not `120%`
- option `loss_gemodel` takes a percentage such as \"1%\", not a truth value
"
    );
}

fn netem_has_what_is_asked(lab: &Lab) {
    pair(lab);
    let text = r#"link("v0").netem(#{delay: "10ms", jitter: "2ms", delay_correlation: "25%", loss: "1%", loss_correlation: "50%",
        duplicate: "2%", corrupt: "0.5%", reorder: "30%", gap: 5, rate: "10mbit", limit: 200});"#;
    lab.run(text);
    let queue = root(lab, HOST);
    assert_eq!(queue["kind"], "netem");
    let options = &queue["options"];
    let near = |value: &Value, wanted: f64| (value.as_f64().unwrap() - wanted).abs() < 1e-6;
    assert_eq!(
        (&options["limit"], &options["gap"]),
        (&json!(200), &json!(5))
    );
    assert!(near(&options["delay"]["delay"], 0.01), "{options}");
    assert!(near(&options["delay"]["jitter"], 0.002), "{options}");
    assert!(near(&options["delay"]["correlation"], 0.25), "{options}");
    assert!(near(&options["loss-random"]["loss"], 0.01), "{options}");
    assert!(
        near(&options["loss-random"]["correlation"], 0.5),
        "{options}"
    );
    assert!(near(&options["duplicate"]["duplicate"], 0.02), "{options}");
    assert!(near(&options["corrupt"]["corrupt"], 0.005), "{options}");
    assert!(near(&options["reorder"]["reorder"], 0.3), "{options}");
    assert_eq!(options["rate"]["rate"], 1_250_000);
    let again = lab.script_with(&["--summary", "--trace"], text);
    assert_eq!(
        counts(&again),
        "created 0, changed 0, unchanged 1, deleted 0"
    );
    let read = lab.value(r#"link("v0").qdiscs[0].options"#);
    assert_eq!(
        (&read["delay_ms"], &read["loss_percent"], &read["gap"]),
        (&json!(10.0), &json!(1.0), &json!(5))
    );
}

fn netem_loses_in_bursts_as_tc_has_it(lab: &Lab) {
    pair(lab);
    for (of_tc, option) in [
        ("gemodel 1%", r#"loss_gemodel: ["1%"]"#),
        ("gemodel 1% 10%", r#"loss_gemodel: ["1%", 10]"#),
        (
            "gemodel 1% 10% 70% 0.1%",
            r#"loss_gemodel: ["1%", "10%", "70%", "0.1%"]"#,
        ),
        ("state 2%", r#"loss_state: ["2%"]"#),
        (
            "state 2% 20% 5% 60% 1%",
            r#"loss_state: ["2%", "20%", "5%", "60%", "1%"]"#,
        ),
    ] {
        lab.sh(&format!(
            "tc qdisc replace dev v1 root netem delay 1ms loss {of_tc}"
        ));
        let text = format!(r#"link("v0").netem(#{{delay: "1ms", {option}, replace: true}});"#);
        lab.run(&text);
        let ours = &lab.tc(HOST, "qdisc show dev v0")[0]["options"];
        assert_eq!(
            ours,
            &lab.tc(HOST, "qdisc show dev v1")[0]["options"],
            "{of_tc}"
        );
        let again = lab.script_with(&["--summary"], &text);
        assert_eq!(
            counts(&again),
            "created 0, changed 0, unchanged 1, deleted 0"
        );
    }
    let read = lab.value(r#"link("v0").qdiscs[0].options.loss_model"#);
    assert_eq!(
        read,
        json!({"name": "state", "percent": [2.0, 20.0, 5.0, 60.0, 1.0]})
    );
    // Loss at random takes the place of the model.
    lab.run(r#"link("v0").netem(#{loss: "1%", replace: true});"#);
    let options = &lab.tc(HOST, "qdisc show dev v0")[0]["options"];
    assert!(options.get("loss-state").is_none(), "{options}");
}

fn netem_that_is_replaced_keeps_nothing_of_the_one_before(lab: &Lab) {
    pair(lab);
    lab.run(
        r#"link("v0").netem(#{delay: "10ms", reorder: "30%", rate: "10mbit", corrupt: "1%"});
           link("v0").netem(#{loss: "1%", replace: true});"#,
    );
    let options = &root(lab, HOST)["options"];
    for key in ["delay", "reorder", "rate", "corrupt"] {
        assert_eq!(options[key], Value::Null, "{options}");
    }
}

/// Two namespaces with a wire between them; `wire` is the end in `a`.
const WIRE: &str = r#"
    let a = netns("a");
    let wire = a.veth("v0", netns("b"), "v1", #{addr: "10.0.0.1/24", up: true});
    wire.peer.up().addr("10.0.0.2/24");
    wire.wait_up();"#;

fn a_delay_is_seen_by_ping(lab: &Lab) {
    let printed = lab.run(&format!(
        r#"{WIRE}
        wire.netem(#{{delay: "20ms"}});
        wire.peer.netem(#{{delay: "15ms"}});
        let report = a.ping("10.0.0.2", #{{count: 2, interval: "10ms", timeout: "5s", quiet: true}});
        print(report.received);
        print(report.rtt_min_ms >= 35.0);"#
    ));
    assert_eq!(printed, "2\ntrue\n");
}

fn the_tables_of_distributions_are_those_of_tc(_: &Lab) {
    let folders = [
        "/usr/lib/tc",
        "/usr/lib64/tc",
        "/usr/share/tc",
        "/usr/lib/x86_64-linux-gnu/tc",
    ];
    for (name, distribution) in &Distribution::ALL[1..] {
        let text = folders
            .iter()
            .find_map(|folder| fs::read_to_string(format!("{folder}/{name}.dist")).ok());
        let text = text.expect("iproute2 has its tables somewhere");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let numbers = lines.flat_map(|line| line.split_whitespace());
        let table: Vec<i16> = numbers.map(|number| number.parse().unwrap()).collect();
        assert_eq!(distribution.table(), table, "{name}");
    }
}

fn a_distribution_spreads_the_delays(lab: &Lab) {
    let text = format!(
        r#"{WIRE}
        for (name, n) in ["uniform", "normal", "pareto"] {{
            wire.netem(#{{delay: "20ms", jitter: "4ms", distribution: name, loss: `${{n}}%`, replace: true}});
            let report = a.ping("10.0.0.2", #{{count: 100, interval: "2ms", timeout: "5s", quiet: true}});
            print(report.rtt_min_ms >= 16.0);
        }}"#
    );
    // A sixth of a normal distribution is below its middle by more than the jitter, of the others nothing. That none of a
    // hundred packets falls there is less likely than one to ten million.
    assert_eq!(lab.run(&text), "true\nfalse\ntrue\n");
    let queue = root(lab, "a");
    assert_eq!(queue["options"]["delay"]["delay"], 0.02);
    let text = r#"let v = netns("a").link("v0"); v.netem(#{delay: "20ms", jitter: "4ms", distribution: "pareto", loss: "2%"});"#;
    let again = lab.script_with(&["--summary"], text);
    assert_eq!(
        counts(&again),
        "created 0, changed 0, unchanged 2, deleted 0"
    );
    let text = r#"netns("a").link("v0").netem(#{delay: "1ms", jitter: "1ms", distribution: "normal", replace: true});"#;
    let traced = lab.script_with(&["--trace"], text);
    assert_eq!(
        traced.stderr,
        "+ tc -n a qdisc del dev v0 root\n\
         + tc -n a qdisc add dev v0 root handle 1: netem limit 1000 delay 1ms 1ms distribution normal\n"
    );
}

fn a_loss_of_all_leaves_no_reply(lab: &Lab) {
    let printed = lab.run(&format!(
        r#"{WIRE}
        wire.netem(#{{loss: "100%"}});
        print(a.ping("10.0.0.2", #{{count: 2, interval: "10ms", timeout: "200ms", quiet: true}}).received);"#
    ));
    assert_eq!(printed, "0\n");
}

fn a_foreign_netem_comes_back(lab: &Lab) {
    pair(lab);
    let line = "qdisc add dev v0 root handle 9: netem delay 7ms 1ms loss 3% rate 5mbit";
    common::output("tc", &line.split(' ').collect::<Vec<_>>());
    let before = root(lab, HOST);
    lab.fails(r#"link("v0").netem(#{loss: "1%", replace: true}); throw "enough";"#);
    let after = root(lab, HOST);
    assert_eq!(
        (
            &after["handle"],
            &after["options"]["delay"],
            &after["options"]["rate"]
        ),
        (
            &before["handle"],
            &before["options"]["delay"],
            &before["options"]["rate"]
        )
    );
    assert_eq!(
        after["options"]["loss-random"],
        before["options"]["loss-random"]
    );
}

fn netem_below_tbf(lab: &Lab) {
    pair(lab);
    let text = r#"link("v0").tbf(#{rate: "10mbit", netem: #{delay: "5ms"}});"#;
    lab.run(text);
    let queues = lab.tc(HOST, "qdisc show dev v0");
    assert_eq!(
        (&queues[1]["kind"], &queues[1]["parent"]),
        (&json!("netem"), &json!("1:1"))
    );
    let again = lab.script_with(&["--summary"], text);
    assert_eq!(
        counts(&again),
        "created 0, changed 0, unchanged 1, deleted 0"
    );
}

fn a_class_of_htb_has_a_netem_and_takes_what_is_marked(lab: &Lab) {
    pair(lab);
    let text = r#"link("v0").htb(#{otherwise: "slow", classes: [
        #{name: "marked", rate: "1mbit", packets: #{mark: 7}},
        #{name: "slow", rate: "1mbit", netem: #{delay: "50ms"}},
    ]});"#;
    lab.run(text);
    let queues = lab.tc(HOST, "qdisc show dev v0");
    assert_eq!(
        (&queues[1]["kind"], &queues[1]["parent"]),
        (&json!("netem"), &json!("1:20"))
    );
    let filters = common::output("tc", &["filter", "show", "dev", "v0"]);
    assert!(
        filters.contains("fw chain 0 handle 0x7 classid 1:10"),
        "{filters}"
    );
    let again = lab.script_with(&["--summary"], text);
    assert_eq!(
        counts(&again),
        "created 0, changed 0, unchanged 1, deleted 0"
    );
}

const CHAINS: &str = r#"let a = netns("a");
a.veth("v0", "v1");
a.link("v0").netem(#{delay: "20ms", tbf: #{rate: "20mbit", burst: "32KiB", latency: "400ms"}});
a.link("v1").tbf(#{rate: "10mbit", netem: #{delay: "5ms"}}).clsact();
a.veth("w0", "w1");
a.link("w0").ingress();
"#;

fn a_queue_inside_another_and_a_hook_come_back_by_each_way(lab: &Lab) {
    let queues = |lab: &Lab| {
        let all = lab.tc("a", "qdisc show");
        let all = all.as_array().unwrap().clone().into_iter();
        let made = all.filter(|queue| queue["handle"] != "0:");
        let mut made: Vec<Value> = made.collect();
        made.sort_by_key(ToString::to_string);
        Value::Array(made)
    };
    let texts = there_and_back(lab, CHAINS, queues);
    for text in &texts {
        for part in [
            "tbf: #{rate: \"20mbit\"",
            "netem: #{delay: \"5ms\"}",
            "clsact()",
            "ingress()",
        ] {
            assert!(text.contains(part), "no `{part}` in\n{text}");
        }
    }
    lab.twice(CHAINS);
    let made = queues(lab);
    assert_eq!(made.as_array().unwrap().len(), 6, "{made}");
}

fn a_hook_of_a_foreign_link_comes_and_goes(lab: &Lab) {
    lab.ip("link add f0 type veth peer name f1");
    lab.sh("tc qdisc add dev f1 clsact");
    let hooks = |lab: &Lab| {
        let all = lab.tc(HOST, "qdisc show");
        let all = all.as_array().unwrap().clone().into_iter();
        let kinds = all.filter(|queue| queue["handle"] == "ffff:");
        let mut kinds: Vec<String> = kinds
            .map(|queue| format!("{} {}", queue["dev"], queue["kind"]))
            .collect();
        kinds.sort();
        kinds.join(", ")
    };
    std::fs::write(
        lab.folder().join("hook.rhai"),
        "link(\"f0\").clsact();\nlink(\"f1\").clear_ingress().ingress();\n",
    )
    .unwrap();
    assert_eq!(lab.ipvsh(&["plan", "hook.rhai"]).code, 10);
    assert_eq!(lab.ipvsh(&["hook.rhai"]).end(), "exit code 0\n");
    let other = "try { link(\"f0\").ingress(); } catch (e) { print(e.kind); }";
    assert_eq!(lab.run(other), "conflict\n");
    assert_eq!(hooks(lab), "\"f0\" \"clsact\", \"f1\" \"ingress\"");
    assert_eq!(lab.ipvsh(&["down", "hook"]).end(), "exit code 0\n");
    assert_eq!(hooks(lab), "\"f1\" \"clsact\"");
}
