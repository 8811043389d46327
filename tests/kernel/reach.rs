//! Expectations of who reaches whom.

use crate::case::cases;
use crate::lab::Lab;

cases! {
    ["veth"] =>
        what_is_reached_is_as_expected
        who_is_not_reached_is_told_with_all_that_came_back
        who_is_reached_against_expectation_is_told
        a_broadcast_that_nobody_answers_is_told_with_who_would
        no_route_is_no_reach
        a_destination_that_is_nothing_is_told
        a_wrong_option_is_told;
}

const PAIR: &str = r#"
let a = netns("a");
let b = netns("b");
let v = a.veth("v0", b, "v1", #{addr: "10.0.0.1/24", up: true});
v.peer.addr("10.0.0.2/24").up().wait_up(); v.wait_up();
"#;

fn what_is_reached_is_as_expected(lab: &Lab) {
    let text = format!(
        "{PAIR}a.expect_reach(b); a.expect_reach(\"10.0.0.2\"); expect_reach(b, v);\n\
         expect_reach(\"a\", \"b\"); expect_reach(\"b\", v, #{{count: 1}}); within \"a\" {{ expect_reach(\"b\", #{{count: 1}}); }}\n\
         expect_no_reach(\"a\", \"10.0.0.9\", #{{count: 1, timeout: \"100ms\"}});\n\
         a.expect_no_reach(\"10.0.0.9\", #{{count: 1, timeout: \"100ms\"}}); print(\"done\");"
    );
    assert_eq!(lab.run(&text), "done\n");
}

fn fails(lab: &Lab, line: &str) -> String {
    let output = lab.script_with(&["--keep"], &format!("{PAIR}{line}"));
    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    output.stderr
}

fn who_is_not_reached_is_told_with_all_that_came_back(lab: &Lab) {
    let line = r#"a.expect_reach("10.0.0.9", #{count: 2, timeout: "50ms", interval: "10ms"});"#;
    assert_eq!(
        fails(lab, line),
        r#"error: `10.0.0.9` is not reached from namespace `a`
 --> lab.rhai:6:3
  |
6 | a.expect_reach("10.0.0.9", #{count: 2, timeout: "50ms", interval: "10ms"});
  |   ^^^^^^^^^^^^
  = pinged: 10.0.0.9 from 10.0.0.1
  = came back: nothing
  = cause: no namespace here has the address `10.0.0.9`
hint: list those that there are: tree()
"#
    );
}

fn who_is_reached_against_expectation_is_told(lab: &Lab) {
    assert_eq!(
        fails(lab, "a.expect_no_reach(b, #{count: 1});"),
        "error: `b` is reached from namespace `a`
 --> lab.rhai:6:3
  |
6 | a.expect_no_reach(b, #{count: 1});
  |   ^^^^^^^^^^^^^^^
  = pinged: 10.0.0.2 from 10.0.0.1
  = came back: 1 of 1 replies
hint: path(\"a\", \"10.0.0.2\") shows the way that the packets take
"
    );
}

fn a_broadcast_that_nobody_answers_is_told_with_who_would(lab: &Lab) {
    let line = r#"a.ping("10.0.0.255", #{count: 1, timeout: "100ms"});
a.expect_reach("10.0.0.255", #{count: 1, timeout: "100ms"});"#;
    let output = lab.script_with(&["--keep"], &format!("{PAIR}{line}"));
    assert_eq!(
        output.end(),
        r#"exit code 1
cause: `10.0.0.255` is a broadcast address, and `b` answers none: its ipv4.icmp_echo_ignore_broadcasts is 1
hint: netns("b").sysctl("ipv4.icmp_echo_ignore_broadcasts", 0)
error: `10.0.0.255` is not reached from namespace `a`
 --> lab.rhai:7:3
  |
7 | a.expect_reach("10.0.0.255", #{count: 1, timeout: "100ms"});
  |   ^^^^^^^^^^^^
  = pinged: 10.0.0.255 from 10.0.0.1
  = came back: nothing
  = cause: `10.0.0.255` is a broadcast address, and `b` answers none: its ipv4.icmp_echo_ignore_broadcasts is 1
hint: netns("b").sysctl("ipv4.icmp_echo_ignore_broadcasts", 0)
"#
    );
    let asked = r#"try { why("a", "10.0.0.255"); } catch (error) { print(error.hint); }"#;
    assert_eq!(
        lab.ipvsh(&["--lab", "lab", "-e", asked]).stdout,
        "netns(\"b\").sysctl(\"ipv4.icmp_echo_ignore_broadcasts\", 0)\n"
    );
    let mend = r#"netns("b").sysctl("ipv4.icmp_echo_ignore_broadcasts", 0); netns("a").expect_reach("10.0.0.255");"#;
    assert_eq!(lab.ipvsh(&["--lab", "lab", "-e", mend]).code, 0);
}

fn no_route_is_no_reach(lab: &Lab) {
    let line = r#"a.expect_no_reach("192.0.2.1"); a.expect_reach("192.0.2.1");"#;
    assert_eq!(
        fails(lab, line),
        r#"error: `192.0.2.1` is not reached from namespace `a`
 --> lab.rhai:6:35
  |
6 | a.expect_no_reach("192.0.2.1"); a.expect_reach("192.0.2.1");
  |                                   ^^^^^^^^^^^^
  = pinged: 192.0.2.1
  = came back: ping: sendmsg: Network is unreachable
  = cause: no namespace here has the address `192.0.2.1`; a has no route to 192.0.2.1
hint: list those that there are: tree()
"#
    );
}

fn a_destination_that_is_nothing_is_told(lab: &Lab) {
    assert_eq!(
        fails(lab, "a.expect_reach(7);"),
        r#"error: cannot ping in namespace `a`: a destination is an address, a name, a link or a namespace, not an integer
 --> lab.rhai:6:3
  |
6 | a.expect_reach(7);
  |   ^^^^^^^^^^^^
hint: a namespace in front is where the ping starts; to ping `a` from the current one, write here().ping(netns("a"), …)
"#
    );
}

fn a_wrong_option_is_told(lab: &Lab) {
    assert_eq!(
        fails(lab, "a.expect_reach(b, #{counts: 1});"),
        "error: cannot try to reach `b` in namespace `a`: `expect_reach` has no option `counts`
 --> lab.rhai:6:3
  |
6 | a.expect_reach(b, #{counts: 1});
  |   ^^^^^^^^^^^^
  = options: count, df, iface, interval, mark, size, source, timeout, tos, ttl
hint: did you mean `count`?
"
    );
}
