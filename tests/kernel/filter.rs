//! Filters and translated addresses, judged by `nft` and by what packets come through.

use std::fs;

use crate::case::cases;
use crate::common;
use crate::lab::{HOST, Lab, Output};

cases! {
    ["nft"] =>
        a_rule_stands_in_a_table_of_its_own
        the_same_rule_again_is_unchanged
        a_rule_stands_in_the_hooks_that_fit
        a_foreign_namespace_gets_its_rules_back
        a_lab_that_is_taken_down_takes_its_rules_along
        a_ruleset_is_given_to_nft_and_read_back
        a_ruleset_prints_as_nft_prints_it_and_stays_a_list
        the_same_ruleset_again_is_unchanged
        a_table_that_is_there_already_is_a_conflict
        a_ruleset_that_was_changed_since_is_a_conflict
        a_foreign_table_comes_back_as_it_was
        a_mistake_in_a_ruleset_is_shown_with_its_line
        what_is_wrong_with_a_rule_is_refused
        a_plan_makes_no_rules
        a_plan_knows_the_rules_that_it_has_planned
        without_nft_the_package_is_named;
    ["nft", "veth"] =>
        a_rule_about_what_is_not_there_is_refused
        dropped_packets_get_no_answer_and_accepted_ones_do
        masqueraded_packets_come_from_the_link_that_they_go_out_by
        a_forwarded_port_leads_to_another_address;
    ["nft", "veth", "ipvlan"] =>
        rules_of_the_host_see_what_comes_in_for_slaves_of_l3s_and_not_of_l3;
}

/// The ruleset as `nft` lists it.
fn rules(lab: &Lab, netns: &str) -> String {
    let list = || common::output("nft", &["list", "ruleset"]);
    if netns == HOST {
        list()
    } else {
        lab.in_netns(netns, list)
    }
}

fn counts(output: &Output) -> &str {
    output.stderr.lines().last().unwrap_or_default()
}

/// The rules of ipvsh's own table, without their marks, behind their chains.
fn own(lab: &Lab, netns: &str) -> Vec<String> {
    let text = rules(lab, netns);
    let mut chain = "";
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("chain ") {
            chain = rest.trim_end_matches(" {");
        } else if let Some((rule, _)) = line.split_once(" comment \"ipvsh ") {
            found.push(format!("{chain}: {rule}"));
        }
    }
    found
}

fn a_rule_stands_in_a_table_of_its_own(lab: &Lab) {
    lab.run(
        r#"netns("a").drop(#{from: ["10.0.0.0/24", "10.1.0.0/16"], proto: "tcp", dport: [80, "8000-8010"], hook: "input"});"#,
    );
    assert_eq!(
        own(lab, "a"),
        ["input: ip saddr { 10.0.0.0/24, 10.1.0.0/16 } tcp dport { 80, 8000-8010 } drop"]
    );
    assert!(rules(lab, "a").starts_with("table inet ipvsh {\n"));
    assert_eq!(rules(lab, HOST), "");
}

fn the_same_rule_again_is_unchanged(lab: &Lab) {
    let text = r#"netns("a").drop(#{to: "fd00::/64"}).accept(#{proto: "udp"});"#;
    lab.run(text);
    let before = rules(lab, "a");
    let output = lab.script_with(&["--summary", "--trace"], text);
    assert_eq!(
        counts(&output),
        "created 0, changed 0, unchanged 3, deleted 0"
    );
    assert!(!output.stderr.contains("+ "), "{}", output.stderr);
    assert_eq!(rules(lab, "a"), before);
}

fn a_rule_stands_in_the_hooks_that_fit(lab: &Lab) {
    lab.run(
        r#"let a = netns("a");
           a.drop(#{from: "10.0.0.1"});
           a.reject(#{iif: "lo", from: "10.0.0.2"});
           a.accept(#{oif: "lo", hook: ["output"]});"#,
    );
    assert_eq!(
        own(lab, "a"),
        [
            "input: ip saddr 10.0.0.1 drop",
            "input: iifname \"lo\" ip saddr 10.0.0.2 reject with icmp port-unreachable",
            "forward: ip saddr 10.0.0.1 drop",
            "forward: iifname \"lo\" ip saddr 10.0.0.2 reject with icmp port-unreachable",
            "output: ip saddr 10.0.0.1 drop",
            "output: oifname \"lo\" accept",
        ]
    );
}

fn a_foreign_namespace_gets_its_rules_back(lab: &Lab) {
    common::output("nft", &["add", "table", "ip", "theirs"]);
    let before = rules(lab, HOST);
    lab.fails(
        r#"drop(#{to: "10.0.0.1"}); host().nft("table ip mine { chain c { }; }"); throw "enough";"#,
    );
    assert_eq!(rules(lab, HOST), before);
}

fn a_lab_that_is_taken_down_takes_its_rules_along(lab: &Lab) {
    lab.run(r#"drop(#{to: "10.0.0.1"}); drop(#{to: "10.0.0.2"}); nft("add table ip mine");"#);
    assert_eq!(own(lab, HOST).len(), 7);
    common::output("nft", &["add", "table", "ip", "theirs"]);
    let output = lab.ipvsh(&["down", "lab.rhai"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(rules(lab, HOST), "table ip theirs {\n}\n");
}

const RULESET: &str = "table inet web {\n chain c {\n  type filter hook input priority 0; policy accept;\n  tcp dport 80 counter drop\n }\n}\n";

fn a_ruleset_is_given_to_nft_and_read_back(lab: &Lab) {
    let names = lab.value(&format!(
        "let a = netns(\"a\"); a.nft(`{RULESET}`); a.ruleset.filter(|o| \"chain\" in o && o.chain.table == \"web\").map(|o| o.chain.name)"
    ));
    assert_eq!(names, serde_json::json!(["c"]));
    assert!(rules(lab, "a").contains("tcp dport 80 counter packets 0 bytes 0 drop"));
}

fn a_ruleset_prints_as_nft_prints_it_and_stays_a_list(lab: &Lab) {
    let text = r#"let a = netns("a");
        a.nft("table inet mine { set s { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 }; }; chain c { type filter hook input priority 0; policy drop; ip saddr @s tcp dport { 22, 80-90 } counter accept comment \"for ssh\"; }; }");
        let rules = a.nft();
        print(rules);
        print(#{of_a: rules});
        print(a.ruleset.filter(|one| "set" in one).map(|one| one.set.name));"#;
    let printed = lab.run(text);
    let listed = rules(lab, "a");
    let indented = listed.trim_end().replace('\n', "\n  ");
    assert_eq!(printed, format!("{listed}of_a:\n  {indented}\n[\"s\"]\n"));
}

fn the_same_ruleset_again_is_unchanged(lab: &Lab) {
    let text = format!("netns(\"a\").nft(`{RULESET}`);");
    lab.run(&text);
    let before = rules(lab, "a");
    let output = lab.script_with(&["--summary"], &text);
    assert_eq!(
        counts(&output),
        "created 0, changed 0, unchanged 2, deleted 0"
    );
    assert_eq!(rules(lab, "a"), before);
}

fn a_table_that_is_there_already_is_a_conflict(lab: &Lab) {
    common::output("nft", &["add", "table", "inet", "web"]);
    let text = format!("nft(`{RULESET}`);");
    assert_eq!(
        lab.run(&format!(
            "try {{ {text} }} catch (e) {{ print(e.kind); print(e.message); }}"
        )),
        "conflict\ncannot set the ruleset in namespace `host`: table `inet web` is there and was made by something else\n"
    );
    lab.run(&text.replace("`)", "`, #{replace: true})"));
    assert!(rules(lab, HOST).contains("tcp dport 80"));
}

fn a_ruleset_that_was_changed_since_is_a_conflict(lab: &Lab) {
    let text = format!("nft(`{RULESET}`);");
    lab.run(&text);
    common::output("nft", &["flush", "table", "inet", "web"]);
    assert_eq!(
        lab.run(&format!(
            "try {{ {text} }} catch (e) {{ print(e.message); }}"
        )),
        "cannot set the ruleset in namespace `host`: table `inet web` was changed since this ruleset was made\n"
    );
    lab.run(&text.replace("`)", "`, #{replace: true})"));
    assert!(rules(lab, HOST).contains("tcp dport 80"));
    let again = lab.script_with(&["--summary"], &text);
    assert_eq!(
        counts(&again),
        "created 0, changed 0, unchanged 1, deleted 0"
    );
}

fn a_foreign_table_comes_back_as_it_was(lab: &Lab) {
    lab.run(&format!("nft(`{RULESET}`);"));
    common::output("nft", &["delete", "table", "inet", "ipvsh"]);
    let before = rules(lab, HOST);
    fs::write(
        lab.folder().join("other.rhai"),
        r#"nft("add rule inet web c tcp dport 443 drop"); nft("flush ruleset"); throw "enough";"#,
    )
    .unwrap();
    assert_eq!(lab.ipvsh(&["other.rhai"]).code, 1);
    assert_eq!(rules(lab, HOST), before);
}

fn a_mistake_in_a_ruleset_is_shown_with_its_line(lab: &Lab) {
    let said = lab.fails("nft(`table ip a {\n}\nadd rule ip a c tcp dprot 80 drop\n`);");
    assert!(
        said.starts_with(
            "error: cannot set the ruleset in namespace `host`: line 3 of the ruleset: syntax error"
        ),
        "{said}"
    );
    assert!(
        said.contains("  = add rule ip a c tcp dprot 80 drop\n"),
        "{said}"
    );
    assert_eq!(rules(lab, HOST), "");
}

fn what_is_wrong_with_a_rule_is_refused(lab: &Lab) {
    let printed = lab.caught(
        "host()",
        &[
            r"drop(#{dport: 80})",
            r#"drop(#{proto: "tcp", dport: 0})"#,
            r#"drop(#{proto: "tcp", dport: "90-80"})"#,
            r#"drop(#{proto: "tcp", dport: "http"})"#,
            r#"drop(#{proto: "tpc"})"#,
            r#"drop(#{from: "10.0.0.0/8", to: "fd00::/8"})"#,
            r#"drop(#{from: "10.0.0.0/33"})"#,
            r"drop(#{from: []})",
            r"drop(#{from: 3})",
            r#"drop(#{proto: "tcp", dport: []})"#,
            r#"drop(#{proto: "tcp", dport: 1.5})"#,
            r#"drop(#{proto: "icmp", dport: 3})"#,
            r#"drop(#{from: "fd00::/8", proto: "icmp"})"#,
            r#"drop(#{to: ["10.0.0.0/8"], proto: "icmpv6"})"#,
            r#"drop(#{iif: "v9"})"#,
            r#"drop(#{iif: "lo", hook: "output"})"#,
            r#"drop(#{hook: "inptu"})"#,
            r#"drop(#{frm: "10.0.0.1"})"#,
            r#"nat(#{proto: "tcp"})"#,
            r#"nat(#{dnat: "10.0.0.2:80"})"#,
            r#"nat(#{dnat: "somewhere"})"#,
            r#"nat(#{proto: "tcp", dnat: "10.0.0.2:0"})"#,
            r#"nat(#{dnat: "10.0.0.2", snat: "10.0.0.3"})"#,
            r"nat(#{dnat: 3})",
            r#"nat(#{from: "10.0.0.0/8", snat: "fd00::1"})"#,
            r#"nat(#{oif: "lo", dnat: "10.0.0.2"})"#,
            r#"nat(#{iif: "lo", snat: "10.0.0.2"})"#,
            r#"masquerade("v9")"#,
        ],
    );
    let printed = printed
        .replace("invalid: cannot drop packets in namespace `host`: ", "- ")
        .replace(
            "invalid: cannot translate addresses in namespace `host`: ",
            "> ",
        );
    assert_eq!(
        printed,
        r#"- `dport` is a port of a protocol
  hint: say which: #{proto: "tcp", dport: 443}
- `dport` is 1 to 65535, not 0
- `dport` runs backwards: 90-80
- `dport` is a port or a range of them, not `http`
  hint: write it as 443 or "8000-8010"
- a rule has no proto `tpc`
  protos: tcp, udp, sctp, icmp, icmpv6
  hint: did you mean "tcp"?
- fd00:: is of another family than the rest
  hint: write a rule for IPv4 and one for IPv6
- `10.0.0.0/33`: the prefix length of an IPv4 address is 0 to 32, not `33`
- `from` names no prefix
  hint: leave `from` out where all are meant
- option `from` takes a string or a list of strings, not an integer
- `dport` names no port
- option `dport` takes a port, a range such as "8000-8010", or a list of them, not a float
- `dport` is a port of a protocol
  hint: say which: #{proto: "tcp", dport: 443}
- `icmp` is of another family than the addresses
  hint: did you mean "icmpv6"?
- `icmpv6` is of another family than the addresses
  hint: did you mean "icmp"?
not_found: cannot drop packets in namespace `host`: there is no link `v9`
  links there: lo
- `iif` says nothing in hook output: no packets come in there
- a rule has no hook `inptu`
  hooks: input, forward, output
  hint: did you mean "input"?
- `drop` has no option `frm`
  options: dport, from, hook, iif, oif, proto, sport, to
  hint: did you mean `from`?
> `nat` takes one of `dnat` and `snat`
  hint: write the new address: #{proto: "tcp", dport: 8080, dnat: "10.0.0.2:80"}
> the port of `dnat` is one of a protocol
  hint: say which: #{proto: "tcp", dport: 8080, dnat: "10.0.0.2:80"}
> `dnat` is an address, or one with a port, not `somewhere`
  hint: write it as "10.0.0.2", "10.0.0.2:80" or "[fd00::2]:80"
> the port of `dnat` is 1 to 65535, not 0
> `nat` takes one of `dnat` and `snat`
  hint: write the new address: #{proto: "tcp", dport: 8080, dnat: "10.0.0.2:80"}
> option `dnat` takes a string, not an integer
> fd00::1 is of another family than the rest
  hint: write a rule for IPv4 and one for IPv6
> `oif` says nothing with `dnat`: where a packet goes out is decided behind it
> `iif` says nothing with `snat`: it is done when a packet goes out
not_found: cannot masquerade packets in namespace `host`: there is no link `v9`
  links there: lo
"#
    );
    assert_eq!(rules(lab, HOST), "");
}

fn a_rule_about_what_is_not_there_is_refused(lab: &Lab) {
    let gone = "hint: it was deleted after this handle was made; make it again by its name";
    let no_link = "link `v0` is gone from namespace `a`\n\
                   hint: it was deleted after this handle was made; look it up again with link(…)";
    let away = "let g = netns(\"g\"); g.delete(); g";
    let unlinked = "let a = netns(\"a\"); let v = a.veth(\"v0\", \"v1\"); v.delete(); a";
    let elsewhere = "link `lo` is in another namespace, `host`";
    let lines = [
        (
            format!(r#"{away}.drop(#{{to: "10.0.0.1"}})"#),
            format!("not_found: cannot drop packets in namespace `g`: namespace `g` is gone\n{gone}"),
        ),
        (
            format!(r#"{away}.nat(#{{snat: "10.0.0.1"}})"#),
            format!("not_found: cannot translate addresses in namespace `g`: namespace `g` is gone\n{gone}"),
        ),
        (
            format!(r#"{away}.masquerade("v0")"#),
            format!("not_found: cannot masquerade packets in namespace `g`: namespace `g` is gone\n{gone}"),
        ),
        (
            format!(r#"{away}.nft("add table ip t")"#),
            format!("not_found: cannot set the ruleset in namespace `g`: namespace `g` is gone\n{gone}"),
        ),
        (
            format!("{away}.nft()"),
            format!("not_found: cannot read the ruleset in namespace `g`: namespace `g` is gone\n{gone}"),
        ),
        (
            format!("{unlinked}.drop(#{{iif: v}})"),
            format!("not_found: cannot drop packets in namespace `a`: {no_link}"),
        ),
        (
            format!("{unlinked}.masquerade(v)"),
            format!("not_found: cannot masquerade packets in namespace `a`: {no_link}"),
        ),
        (
            r#"netns("a").drop(#{oif: host().link("lo")})"#.to_owned(),
            format!("invalid: cannot drop packets in namespace `a`: {elsewhere}"),
        ),
        (
            r#"netns("a").masquerade(host().link("lo"))"#.to_owned(),
            format!("invalid: cannot masquerade packets in namespace `a`: {elsewhere}"),
        ),
        (
            r#"netns("a").masquerade(3)"#.to_owned(),
            "invalid: cannot masquerade packets in namespace `a`: a link is wanted here, or its name, not an integer".to_owned(),
        ),
        (
            r#"netns("a").masquerade("lo", #{form: "10.0.0.0/8"})"#.to_owned(),
            "invalid: cannot masquerade packets in namespace `a`: `masquerade` has no option `form`\nhint: did you mean `from`?".to_owned(),
        ),
        (
            r#"netns("a").nft("add table ip t", #{repalce: true})"#.to_owned(),
            "invalid: cannot set the ruleset in namespace `a`: `nft` has no option `repalce`\nhint: did you mean `replace`?".to_owned(),
        ),
        (
            r#"netns("a").nft("add table ip t", #{replace: 1})"#.to_owned(),
            "invalid: cannot set the ruleset in namespace `a`: option `replace` takes true or false, not an integer".to_owned(),
        ),
    ];
    let lines: Vec<(&str, &str)> = lines
        .iter()
        .map(|(line, told)| (line.as_str(), told.as_str()))
        .collect();
    lab.refuses(&lines);
    assert_eq!(rules(lab, "a"), "");
}

fn a_plan_makes_no_rules(lab: &Lab) {
    fs::write(
        lab.folder().join("lab.rhai"),
        r#"drop(#{to: "10.0.0.1"}); netns("a").drop(#{to: "10.0.0.1"}); nft("add table ip mine");"#,
    )
    .unwrap();
    let output = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(
        output.stdout.lines().last(),
        Some("a run would create 4"),
        "{}",
        output.stderr
    );
    assert_eq!(rules(lab, HOST), "");
}

fn a_plan_knows_the_rules_that_it_has_planned(lab: &Lab) {
    common::output("nft", &["add", "table", "ip", "foreign"]);
    crate::plan::is_what_a_run_does(
        lab,
        r#"
        for net in [host(), netns("a")] {
            for round in 0..2 {
                net.drop(#{proto: "tcp", dport: 22, hook: "input"});
                net.drop(#{proto: "tcp", dport: 22});
                net.masquerade("lo", #{from: "10.0.0.0/24"});
                net.nat(#{proto: "tcp", dport: 8080, dnat: "10.0.0.2:80"});
                net.nft("table ip t { chain c { }; }");
            }
            for round in 0..2 {
                net.nft("table ip t { chain d { }; }", #{replace: true});
                net.accept(#{proto: "udp"});
            }
        }
        nft("add chain ip foreign c");
        nft("flush ruleset; add table ip last");
        drop(#{proto: "tcp", dport: 22});
        nft("table ip t { chain c { }; }");
        "#,
    );
}

fn without_nft_the_package_is_named(lab: &Lab) {
    fs::write(lab.folder().join("lab.rhai"), r#"drop(#{to: "10.0.0.1"});"#).unwrap();
    let child = lab
        .command(&["lab.rhai"])
        .env("PATH", "/nowhere")
        .spawn()
        .unwrap();
    let output = crate::lab::finish(child);
    assert_eq!(
        output.stderr,
        r#"error: cannot drop packets in namespace `host`: the program `nft` is not there
 --> lab.rhai:1:1
  |
1 | drop(#{to: "10.0.0.1"});
  | ^^^^
hint: install the package nftables
"#
    );
}

/// A namespace `a` behind the router `r`, and `b` beyond it.
const ROUTER: &str = r#"
    let r = netns("r");
    let a = netns("a");
    let b = netns("b");
    let inner = r.veth("inner", a, "eth0", #{addr: "10.0.0.1/24", up: true});
    let outer = r.veth("outer", b, "eth0", #{addr: "192.0.2.1/24", up: true});
    inner.peer.addr("10.0.0.2/24").up().route("default", #{via: "10.0.0.1"});
    outer.peer.addr("192.0.2.2/24").up();
    inner.wait_up();
    outer.wait_up();
    r.exec(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"], #{check: true});
    let reached = || a.ping("192.0.2.2", #{count: 1, timeout: "500ms", quiet: true}).received;
"#;

fn dropped_packets_get_no_answer_and_accepted_ones_do(lab: &Lab) {
    let printed = lab.run(&format!(
        r#"{ROUTER}
        b.route("10.0.0.0/24", #{{via: "192.0.2.1"}});
        print(reached.call());
        r.accept(#{{from: "10.0.0.2", iif: inner}});
        r.drop(#{{from: "10.0.0.0/24", to: "192.0.2.0/24"}});
        print(reached.call());
        b.drop(#{{proto: "icmp", hook: "input"}});
        print(reached.call());"#
    ));
    assert_eq!(printed, "1\n1\n0\n");
}

fn masqueraded_packets_come_from_the_link_that_they_go_out_by(lab: &Lab) {
    let printed = lab.run(&format!(
        r"{ROUTER}
        print(reached.call());
        r.masquerade(outer);
        print(reached.call());"
    ));
    assert_eq!(printed, "0\n1\n");
}

fn a_forwarded_port_leads_to_another_address(lab: &Lab) {
    let printed = lab.run(&format!(
        r#"{ROUTER}
        let sees = || b.ping("192.0.2.9", #{{count: 1, timeout: "500ms", quiet: true}}).received;
        r.addr("outer", "192.0.2.9/24");
        a.drop(#{{proto: "icmp", hook: "input"}});
        print(sees.call());
        r.nat(#{{iif: outer, to: "192.0.2.9", dnat: "10.0.0.2"}});
        print(sees.call());
        r.nat(#{{iif: outer, proto: "tcp", dport: 8080, dnat: "10.0.0.2:80"}});
        r.nat(#{{from: "10.0.0.0/24", oif: outer, snat: "192.0.2.9"}});"#
    ));
    assert_eq!(printed, "1\n0\n");
    assert_eq!(
        own(lab, "r"),
        [
            "prerouting: iifname \"outer\" ip daddr 192.0.2.9 dnat ip to 10.0.0.2",
            "prerouting: iifname \"outer\" tcp dport 8080 dnat ip to 10.0.0.2:80",
            "postrouting: oifname \"outer\" ip saddr 10.0.0.0/24 snat ip to 192.0.2.9",
        ]
    );
}

fn rules_of_the_host_see_what_comes_in_for_slaves_of_l3s_and_not_of_l3(lab: &Lab) {
    let printed = lab.run(
        r#"
        let out = netns("out");
        let parent = veth("v0", out, "v1", #{up: true});
        parent.peer.addr("10.0.0.9/24").up();
        parent.wait_up();
        let a = netns("a");
        let b = netns("b");
        let slave = a.ipvlan(parent, "s0", "l3s", #{addr: "10.0.0.1/24", up: true});
        b.ipvlan(parent, "s0", "l3s", #{addr: "10.0.0.2/24", up: true});
        out.exec(["ip", "neigh", "replace", "10.0.0.1", "lladdr", parent.mac, "dev", "v1"], #{check: true});
        let seen = || {
            print(out.ping("10.0.0.1", #{count: 1, timeout: "500ms", quiet: true}).received);
            print(b.ping("10.0.0.1", #{count: 1, timeout: "500ms", quiet: true}).received);
        };
        seen.call();
        host().drop(#{to: "10.0.0.1", hook: "input"});
        seen.call();
        slave.mode("l3", #{switch: true});
        seen.call();"#,
    );
    assert_eq!(printed, "1\n1\n0\n1\n1\n1\n");
}
