//! Rules: added, taken away, listed, undone.

use serde_json::{Value, json};

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    [] =>
        a_rule_has_all_that_is_asked
        a_rule_of_ipv6_for_all_but_some
        a_rule_goes_on_with_another
        a_rule_without_a_priority_comes_before_all_but_the_first
        a_rule_has_what_else_ip_rule_gives_it
        rules_of_every_sort_are_put_back_as_they_were
        a_rule_that_is_there_is_left_as_it_is
        a_rule_that_differs_is_a_conflict_and_is_replaced_where_that_is_asked
        the_rules_that_match_are_taken_away_and_no_others
        a_rule_that_is_not_there_can_be_taken_away
        the_rules_are_listed_as_iproute2_prints_them
        rules_are_listed_and_taken_back_with_their_lab
        a_rule_that_says_too_little_or_too_much_is_refused;
}

/// The rules of the case itself but the three that are always there.
fn rules(lab: &Lab, family: &str) -> Value {
    let mut rules = lab.json(HOST, &format!("{family} rule show"));
    let own = [0, 32766, 32767];
    rules
        .as_array_mut()
        .unwrap()
        .retain(|rule| !own.contains(&rule["priority"].as_u64().unwrap()));
    rules
}

fn a_rule_has_all_that_is_asked(lab: &Lab) {
    lab.run(
        r#"rule(#{from: "10.0.0.0/8", to: "192.0.2.1", iif: "lo", fwmark: "0x10/0xf0", ipproto: "tcp", sport: "1000-2000",
            dport: 80, tos: 16, table: 100, priority: 500, suppress_prefixlength: 0});
        rule(#{oif: "x0", action: "prohibit", priority: 501});"#,
    );
    assert_eq!(
        rules(lab, "-4"),
        json!([
            {"priority": 500, "src": "10.0.0.0", "srclen": 8, "dst": "192.0.2.1", "tos": "0x10", "fwmark": "0x10",
             "fwmask": "0xf0", "iif": "lo", "ipproto": "tcp", "sport_start": 1000, "sport_end": 2000, "dport": 80,
             "table": "100", "suppress_prefixlen": 0},
            {"priority": 501, "src": "all", "oif": "x0", "oif_detached": null, "action": "prohibit"},
        ])
    );
}

fn a_rule_of_ipv6_for_all_but_some(lab: &Lab) {
    lab.run(r#"rule(#{from: "fd00::/64", not: true, table: "main", priority: 9});"#);
    assert_eq!(
        rules(lab, "-6"),
        json!([{"priority": 9, "not": null, "src": "fd00::", "srclen": 64, "table": "main"}])
    );
    assert_eq!(rules(lab, "-4"), json!([]));
}

fn a_rule_goes_on_with_another(lab: &Lab) {
    let text = r#"
        rule(#{to: "10.0.0.0/8", action: "goto", target: 9, priority: 5});
        rule(#{action: "nop", priority: 9});"#;
    lab.run(text);
    lab.run(text);
    assert_eq!(
        rules(lab, "-4"),
        json!([
            {"priority": 5, "src": "all", "dst": "10.0.0.0", "dstlen": 8, "goto": 9},
            {"priority": 9, "src": "all", "nop": null},
        ])
    );
    lab.run(r#"del_rule(#{action: "goto", target: 9});"#);
    assert_eq!(rules(lab, "-4").as_array().unwrap().len(), 1);
}

fn a_rule_without_a_priority_comes_before_all_but_the_first(lab: &Lab) {
    lab.run("rule(#{fwmark: 1, table: 100}); rule(#{fwmark: 2, table: 100});");
    let found = rules(lab, "-4");
    let found = found.as_array().unwrap().iter();
    let found: Vec<_> = found
        .map(|rule| (&rule["priority"], &rule["fwmark"]))
        .collect();
    assert_eq!(
        found,
        [
            (&json!(32764), &json!("0x2")),
            (&json!(32765), &json!("0x1"))
        ]
    );
}

const RARER: &str = r#"rule(#{uidrange: "1000-1999", table: 100, suppress_ifgroup: 7, proto: "bird", priority: 500});
rule(#{from: "10.0.0.0/8", action: "goto", target: 900, priority: 501});
rule(#{fwmark: 9, action: "nop", priority: 900});
rule(#{uidrange: 5, l3mdev: true, priority: 901, family: "inet6"});"#;

fn a_rule_has_what_else_ip_rule_gives_it(lab: &Lab) {
    let output = lab.script_with(&["--trace"], RARER);
    assert_eq!(
        output.stderr,
        "+ ip rule add priority 500 from all uidrange 1000-1999 lookup 100 suppress_ifgroup 7 proto bird\n\
         + ip rule add priority 501 from 10.0.0.0/8 goto 900\n\
         + ip rule add priority 900 from all fwmark 0x9 nop\n\
         + ip -6 rule add priority 901 from all uidrange 5-5 l3mdev\n"
    );
    let (four, six) = (rules(lab, "-4"), rules(lab, "-6"));
    assert_eq!(
        four,
        json!([
            {"priority": 500, "src": "all", "uid_start": 1000, "uid_end": 1999, "table": "100", "suppress_ifgroup": "7",
             "protocol": "bird"},
            {"priority": 501, "src": "10.0.0.0", "srclen": 8, "goto": 900},
            {"priority": 900, "src": "all", "fwmark": "0x9", "nop": null},
        ])
    );
    lab.twice(RARER);
    lab.run("for i in [500, 501, 900, 901] { del_rule(#{priority: i}); }");
    assert_eq!((rules(lab, "-4"), rules(lab, "-6")), (json!([]), json!([])));
    lab.sh(&output.stderr.replace("+ ip ", "ip "));
    assert_eq!(
        (rules(lab, "-4")[1].clone(), rules(lab, "-6")),
        (four[1].clone(), six)
    );
    lab.twice(RARER);
}

fn rules_of_every_sort_are_put_back_as_they_were(lab: &Lab) {
    lab.ip(
        "rule add priority 400 uidrange 7-9 lookup 100 suppress_ifgroup 3 protocol static\n\
         rule add priority 401 not from 10.0.0.0/8 goto 500\nrule add priority 500 nop\n\
         rule add priority 501 l3mdev\nrule add priority 502 fwmark 1/7 tos 0x10 unreachable",
    );
    let before = lab.json(HOST, "-d rule show");
    lab.fails(r#"for rule in rules() { if rule.family == "inet" { del_rule(#{priority: rule.priority}); } } throw "enough";"#);
    assert_eq!(lab.json(HOST, "-d rule show"), before);
}

fn a_rule_that_is_there_is_left_as_it_is(lab: &Lab) {
    lab.ip("rule add from 10.0.0.0/8 lookup 100");
    lab.run(r#"rule(#{from: "fd00::/8", table: 100, priority: 50});"#);
    let text = r#"rule(#{from: "10.0.0.0/8", table: 100}); rule(#{from: "fd00::/8", table: 100, priority: 50, family: "inet6"});"#;
    let output = lab.script_with(&["--summary"], text);
    let counts = output.stderr.lines().last();
    assert_eq!(counts, Some("created 0, changed 0, unchanged 2, deleted 0"));
}

fn a_rule_that_differs_is_a_conflict_and_is_replaced_where_that_is_asked(lab: &Lab) {
    lab.ip("rule add from 10.0.0.0/8 lookup 100 priority 50");
    assert_eq!(
        lab.fails(r#"rule(#{from: "10.0.0.0/8", table: 200, priority: 50});"#),
        "error: cannot add rule `from 10.0.0.0/8 lookup 200` in namespace `host`: \
         a rule of that priority for the same packets is there and does something else\n \
         --> lab.rhai:1:1\n  |\n\
         1 | rule(#{from: \"10.0.0.0/8\", table: 200, priority: 50});\n  | ^^^^\n  \
         = there: 50: from 10.0.0.0/8 lookup 100\n  \
         = asked: 50: from 10.0.0.0/8 lookup 200\n\
         hint: give it a priority of its own, or replace it with #{replace: true}\n"
    );
    lab.run(r#"rule(#{from: "10.0.0.0/8", table: 200, priority: 50, replace: true});"#);
    assert_eq!(rules(lab, "-4")[0]["table"], "200");
    assert_eq!(rules(lab, "-4").as_array().unwrap().len(), 1);
}

fn the_rules_that_match_are_taken_away_and_no_others(lab: &Lab) {
    lab.ip("rule add from 10.0.0.0/8 lookup 100\nrule add from 10.0.0.0/8 fwmark 1 lookup 100\nrule add lookup 100");
    lab.run("del_rule(#{fwmark: 1});");
    assert_eq!(rules(lab, "-4").as_array().unwrap().len(), 2);
    lab.run(r#"del_rule(#{from: "all", table: 100});"#);
    assert_eq!(rules(lab, "-4")[0]["src"], "10.0.0.0");
    assert_eq!(rules(lab, "-4").as_array().unwrap().len(), 1);
}

fn a_rule_that_is_not_there_can_be_taken_away(lab: &Lab) {
    lab.run("del_rule(#{table: 7});");
    assert!(lab.fails("del_rule(#{});").starts_with(
        "error: cannot delete rule in namespace `host`: no option says which rule is meant\n"
    ));
}

fn the_rules_are_listed_as_iproute2_prints_them(lab: &Lab) {
    lab.ip("rule add not from 10.0.0.0/8 to 10.9.0.0/16 fwmark 1 iif lo lookup 100 priority 7");
    assert_eq!(
        lab.run("print(host().rules[1].line); print(rules());"),
        "7: not from 10.0.0.0/8 to 10.9.0.0/16 fwmark 0x1 iif lo lookup 100\n\
         PRIORITY  FAMILY  RULE\n\
         0         inet    from all lookup local\n\
         7         inet    not from 10.0.0.0/8 to 10.9.0.0/16 fwmark 0x1 iif lo lookup 100\n\
         32766     inet    from all lookup main\n\
         32767     inet    from all lookup default\n\
         0         inet6   from all lookup local\n\
         32766     inet6   from all lookup main\n"
    );
    assert_eq!(
        lab.value("host().rules[1]"),
        json!({"priority": 7, "family": "inet", "not": true, "from": "10.0.0.0/8", "to": "10.9.0.0/16", "iif": "lo",
               "oif": null, "fwmark": "0x1", "tos": 0, "ipproto": null, "sport": null, "dport": null, "table": "100",
               "action": "lookup", "suppress_prefixlength": null,
               "line": "7: not from 10.0.0.0/8 to 10.9.0.0/16 fwmark 0x1 iif lo lookup 100"})
    );
}

fn rules_are_listed_and_taken_back_with_their_lab(lab: &Lab) {
    lab.ip("rule add from 10.1.0.0/16 lookup 100\nrule add from 10.2.0.0/16 lookup 100");
    let before = rules(lab, "-4");
    lab.run(r#"rule(#{table: 100}); del_rule(#{from: "10.1.0.0/16"});"#);
    assert_eq!(rules(lab, "-4").as_array().unwrap().len(), 2);
    let listed = lab.ipvsh(&["ls"]).stdout;
    assert!(listed.contains("lab: 2 changes\n"), "{listed}");
    let listed = lab.ipvsh(&["--json", "ls"]).stdout;
    let told = r#"{"kind":"rule","name":"32765","namespace":"host","taken_away":true,"state":"stands","how":null,"also_of":[]}"#;
    assert!(listed.contains(told), "{listed}");
    let down = lab.ipvsh(&["down", "lab.rhai"]);
    assert_eq!(down.end(), "exit code 0\n");
    assert_eq!(rules(lab, "-4"), before);
}

#[allow(clippy::too_many_lines, reason = "a list of what is refused")]
fn a_rule_that_says_too_little_or_too_much_is_refused(lab: &Lab) {
    lab.ip("rule add priority 77 from 10.9.0.0/16 lookup 200");
    let before = (rules(lab, "-4"), rules(lab, "-6"));
    lab.refuses(&[
        (
            "rule(#{})",
            "invalid: cannot add rule in namespace `host`: neither a table nor an action is given\n\
             hint: say what it does: #{table: 100}, or #{action: \"blackhole\"}",
        ),
        (
            r#"rule(#{from: "10.0.0.0/8"})"#,
            "invalid: cannot add rule in namespace `host`: neither a table nor an action is given\n\
             hint: say what it does: #{table: 100}, or #{action: \"blackhole\"}",
        ),
        (
            r#"rule(#{from: "10.0.0.0/8", to: "fd00::/8", table: 1})"#,
            "invalid: cannot add rule in namespace `host`: source `10.0.0.0/8` and destination `fd00::/8` are of different families",
        ),
        (
            r#"rule(#{from: "10.0.0.0/8", family: "inet6", table: 1})"#,
            "invalid: cannot add rule in namespace `host`: `10.0.0.0/8` is not of the family inet6",
        ),
        (
            r#"rule(#{to: "fd00::/8", family: "inet", table: 1})"#,
            "invalid: cannot add rule in namespace `host`: `fd00::/8` is not of the family inet",
        ),
        (
            r#"rule(#{uidrange: "9-7", table: 1})"#,
            "invalid: cannot add rule in namespace `host`: \
             `uidrange` is a user's number, or a range such as \"1000-1999\", not `9-7`",
        ),
        (
            r"rule(#{uidrange: 1.5, table: 1})",
            "invalid: cannot add rule in namespace `host`: \
             option `uidrange` takes a user's number, or a range such as \"1000-1999\", not a float",
        ),
        (
            "rule(#{l3mdev: true, table: 5})",
            "invalid: cannot add rule in namespace `host`: \
             `l3mdev` looks up in the table of a VRF: neither a table nor an action is given beside it",
        ),
        (
            r#"rule(#{suppress_ifgroup: "nonesuch", table: 5})"#,
            "not_found: cannot add rule in namespace `host`: there is no group `nonesuch`\n\
             hint: give its number, or name it in /etc/iproute2/group",
        ),
        (
            r#"rule(#{suppress_ifgroup: 1, action: "blackhole"})"#,
            "invalid: cannot add rule in namespace `host`: `suppress_ifgroup` is for rules that look up in a table",
        ),
        (
            r#"rule(#{table: 1, family: "ipv6"})"#,
            "invalid: cannot add rule in namespace `host`: a rule has no family `ipv6`\n\
             note: families: inet, inet6\n\
             hint: write \"inet\" or \"inet6\"",
        ),
        (
            r#"rule(#{from: "10.0.0.1/8", table: 1})"#,
            "invalid: cannot add rule in namespace `host`: `10.0.0.1/8` has bits set beyond its prefix length\n\
             hint: the network is \"10.0.0.0/8\"",
        ),
        (
            r#"rule(#{from: "10.0.0.0/33", table: 1})"#,
            "invalid: cannot add rule in namespace `host`: `10.0.0.0/33`: the prefix length of an IPv4 address is 0 to 32, not `33`",
        ),
        (
            "rule(#{from: 10, table: 1})",
            "invalid: cannot add rule in namespace `host`: option `from` takes a string, not an integer",
        ),
        (
            "rule(#{table: 0})",
            "invalid: cannot add rule in namespace `host`: `table` is 1 to 4294967295, not 0",
        ),
        (
            r#"rule(#{table: "mian"})"#,
            "invalid: cannot add rule in namespace `host`: there is no routing table `mian`\n\
             note: tables: local, main, default\n\
             hint: did you mean \"main\"?",
        ),
        (
            r#"rule(#{table: 1, action: "blackhole"})"#,
            "invalid: cannot add rule in namespace `host`: a rule with the action `blackhole` looks up in no table",
        ),
        (
            r#"rule(#{action: "drop"})"#,
            "invalid: cannot add rule in namespace `host`: a rule has no action `drop`\n\
             note: actions: lookup, goto, blackhole, nop, unreachable, prohibit\n\
             hint: write \"lookup\" or \"goto\" or \"blackhole\" or \"nop\" or \"unreachable\" or \"prohibit\"",
        ),
        (
            r#"rule(#{action: "goto"})"#,
            "invalid: cannot add rule in namespace `host`: a rule with the action `goto` needs its `target`\n\
             hint: give it the priority of the rule to go on with: #{action: \"goto\", target: 32766}",
        ),
        (
            "rule(#{table: 1, target: 7})",
            "invalid: cannot add rule in namespace `host`: `target` is for rules with the action `goto`",
        ),
        (
            r#"rule(#{action: "goto", target: 7, priority: 7})"#,
            "invalid: cannot add rule in namespace `host`: a rule can go on with one behind it only, not from 7 to 7",
        ),
        (
            "rule(#{table: 1, priority: -1})",
            "invalid: cannot add rule in namespace `host`: `priority` is 0 to 4294967295, not -1",
        ),
        (
            "rule(#{table: 1, tos: 256})",
            "invalid: cannot add rule in namespace `host`: `tos` is 0 to 255, not 256",
        ),
        (
            "rule(#{table: 1, not: 1})",
            "invalid: cannot add rule in namespace `host`: option `not` takes true or false, not an integer",
        ),
        (
            "rule(#{table: 1, dport: 80})",
            "invalid: cannot add rule in namespace `host`: ports are given, and no protocol that has them\n\
             hint: add it: #{ipproto: \"tcp\"}",
        ),
        (
            r#"rule(#{table: 1, ipproto: "tcp", dport: "9-8"})"#,
            "invalid: cannot add rule in namespace `host`: `dport` is a port from 1 to 65535, or a range such as \"8000-8080\", not `9-8`",
        ),
        (
            r#"rule(#{table: 1, ipproto: "tcp", sport: 65536})"#,
            "invalid: cannot add rule in namespace `host`: `sport` is a port from 1 to 65535, or a range such as \"8000-8080\", not `65536`",
        ),
        (
            r#"rule(#{table: 1, ipproto: "tpc"})"#,
            "invalid: cannot add rule in namespace `host`: a rule has no ipproto `tpc`\n\
             note: ipprotos: icmp, ipip, tcp, udp, gre, esp, ipv6-icmp, sctp\n\
             hint: did you mean \"tcp\"?",
        ),
        (
            "rule(#{table: 1, ipproto: 256})",
            "invalid: cannot add rule in namespace `host`: `ipproto` is 1 to 255, not 256",
        ),
        (
            r#"rule(#{table: 1, fwmark: "0xg"})"#,
            "invalid: cannot add rule in namespace `host`: `fwmark`: `0xg` is not a number of 32 bits\n\
             hint: write it as 1, \"0x1\" or \"0x1/0xff\"",
        ),
        (
            "rule(#{table: 1, fwmark: 4294967296})",
            "invalid: cannot add rule in namespace `host`: `fwmark` is 0 to 4294967295, not 4294967296",
        ),
        (
            "rule(#{table: 1, fwmark: true})",
            "invalid: cannot add rule in namespace `host`: option `fwmark` takes an integer or a string such as \"0x1/0xff\", not a truth value",
        ),
        (
            r#"rule(#{table: 1, iif: "no/link"})"#,
            "invalid: cannot add rule in namespace `host`: a link's name holds no slash, `no/link` does",
        ),
        (
            "rule(#{table: 1, oif: 3})",
            "invalid: cannot add rule in namespace `host`: option `oif` takes a link or its name, not an integer",
        ),
        (
            "rule(#{table: 1, suppress_prefixlength: 129})",
            "invalid: cannot add rule in namespace `host`: `suppress_prefixlength` is 0 to 128, not 129",
        ),
        (
            r#"rule(#{action: "blackhole", suppress_prefixlength: 0})"#,
            "invalid: cannot add rule in namespace `host`: `suppress_prefixlength` is for rules that look up in a table",
        ),
        (
            "rule(#{table: 1, prio: 3})",
            "invalid: cannot add rule in namespace `host`: `rule` has no option `prio`",
        ),
        (
            r#"rule(#{from: "10.9.0.0/16", priority: 77, table: 100})"#,
            "conflict: cannot add rule `from 10.9.0.0/16 lookup 100` in namespace `host`: a rule of that priority for the same packets is there and does something else\n\
             note: there: 77: from 10.9.0.0/16 lookup 200\n\
             note: asked: 77: from 10.9.0.0/16 lookup 100\n\
             hint: give it a priority of its own, or replace it with #{replace: true}",
        ),
        (
            "del_rule(#{})",
            "invalid: cannot delete rule in namespace `host`: no option says which rule is meant\n\
             hint: name what it has: #{priority: 100}, or #{from: \"10.0.0.0/8\", table: 100}",
        ),
        (
            "del_rule(#{table: 0})",
            "invalid: cannot delete rule in namespace `host`: `table` is 1 to 4294967295, not 0",
        ),
        (
            "del_rule(#{replace: true})",
            "invalid: cannot delete rule in namespace `host`: `del_rule` has no option `replace`",
        ),
    ]);
    assert_eq!((rules(lab, "-4"), rules(lab, "-6")), before);
}
