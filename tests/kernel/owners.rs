//! Two labs, and other tools, beside each other: what one wants stays while it wants it, and what was there before comes back with the
//! last.

use std::fs;

use serde_json::Value;

use crate::case::cases;
use crate::lab::{HOST, Lab};
use crate::state;

cases! {
    ["veth", "bridge"] =>
        what_two_labs_set_goes_with_the_last_of_them
        fdb_entries_of_two_labs_go_with_the_last_of_them
        what_another_tool_has_changed_since_is_left_and_told
        a_namespace_in_which_another_lab_has_links_stays
        what_a_link_of_another_lab_hangs_on_stays
        what_a_run_that_failed_made_is_not_missed;
    ["nft", "veth"] =>
        rules_of_two_labs_and_of_an_admin_are_kept_apart
        a_ruleset_that_somebody_has_changed_is_left_and_told
        a_ruleset_of_two_labs_stays_until_both_are_down;
    ["veth", "tbf"] =>
        a_queue_that_somebody_has_changed_is_left_and_told;
    ["veth"] =>
        a_neighbour_that_somebody_has_changed_is_left_and_told
        a_namespace_in_which_another_lab_has_processes_stays
        a_link_that_another_lab_has_deleted_goes_with_its_own
        a_failing_run_ends_what_its_programs_have_started;
}

#[track_caller]
fn run_as(lab: &Lab, name: &str, text: &str) {
    fs::write(lab.folder().join(format!("{name}.rhai")), text).unwrap();
    let output = lab.ipvsh(&[&format!("{name}.rhai")]);
    let lines = output.stderr.lines();
    let said: Vec<&str> = lines
        .filter(|line| !line.contains(" is of lab `"))
        .collect();
    assert_eq!((output.code, said), (0, Vec::new()), "{text}");
}

/// Takes a lab down; returns what it says beside how much that was.
fn down(lab: &Lab, name: &str) -> String {
    let output = lab.ipvsh(&["down", name]);
    assert_eq!(output.code, 0, "{output:?}");
    output.stderr
}

/// What stands before both.
const FOREIGN: &str = "link add p0 type veth peer name p1\nlink set p0 mtu 1450\nlink set p0 up\nlink set p1 up\n\
                       addr add 10.8.0.1/24 dev p0\naddr add fd08::1/64 dev p0 nodad\nlink add br0 address 02:00:00:00:00:99 type bridge";

/// What is wanted by both, by the first, by the second, and a command of iproute2 whose answer shows who has it.
const PAIRS: &[(&str, &str, &str)] = &[
    (
        r#"link("p0").mtu(1400);"#,
        r#"link("p0").mtu(1350);"#,
        "link show dev p0",
    ),
    (
        r#"link("p0").mtu(1400);"#,
        r#"link("p0").mtu(1400);"#,
        "link show dev p0",
    ),
    // Each takes all of IPv6 along.
    (
        r#"link("p0").mtu(1200);"#,
        r#"link("p0").mtu(1250);"#,
        "link show dev p0",
    ),
    (
        r#"link("p0").alias("first");"#,
        r#"link("p0").alias("second");"#,
        "link show dev p0",
    ),
    (
        r#"link("p1").up().txqlen(50); link("p1").txqlen(60);"#,
        r#"link("p1").txqlen(70);"#,
        "link show dev p1",
    ),
    (
        r#"link("p1").master("br0");"#,
        r#"link("p1").master("br0");"#,
        "link show dev p1",
    ),
    (
        r#"link("p0").addr("10.9.0.1/24");"#,
        r#"link("p0").addr("10.9.0.1/24");"#,
        "addr show dev p0",
    ),
    (
        r#"route("10.77.0.0/16", #{via: "10.8.0.9"});"#,
        r#"route("10.77.0.0/16", #{via: "10.8.0.9"});"#,
        "route show",
    ),
    (
        r#"rule(#{from: "10.3.0.0/16", table: 7, priority: 70});"#,
        r#"rule(#{from: "10.3.0.0/16", table: 7, priority: 70});"#,
        "rule show",
    ),
    (
        r#"rule(#{from: "10.3.0.0/16", table: 7, priority: 70});"#,
        r"del_rule(#{priority: 70});",
        "rule show",
    ),
    (
        r#"link("p0").neighbor("10.8.0.7", "02:00:00:00:00:07");"#,
        r#"link("p0").neighbor("10.8.0.7", "02:00:00:00:00:07");"#,
        "neigh show dev p0 nud permanent",
    ),
    (
        r#"link("p0").neighbor("10.8.0.7", "02:00:00:00:00:07");"#,
        r#"link("p0").neighbor("10.8.0.7", "02:00:00:00:00:08", #{replace: true});"#,
        "neigh show dev p0 nud permanent",
    ),
    (
        r#"link("p0").neighbor("10.8.0.7", #{proxy: true});"#,
        r#"link("p0").neighbor("10.8.0.7", #{proxy: true});"#,
        "neigh show proxy",
    ),
    (
        r#"link("p0").neighbor("10.8.0.7", "02:00:00:00:00:07");"#,
        r#"link("p0").del_neighbor("10.8.0.7");"#,
        "neigh show dev p0 nud permanent",
    ),
    (
        r#"host().nexthop(5, #{via: "10.8.0.9", dev: "p0"});"#,
        r#"host().nexthop(5, #{via: "10.8.0.9", dev: "p0"});"#,
        "nexthop show",
    ),
    (
        r#"host().nexthop(5, #{via: "10.8.0.9", dev: "p0"});"#,
        r#"host().nexthop(5, #{via: "10.8.0.8", dev: "p0", replace: true});"#,
        "nexthop show",
    ),
    (
        r#"host().nexthop(5, #{via: "10.8.0.9", dev: "p0"});"#,
        r"host().del_nexthop(5);",
        "nexthop show",
    ),
    (
        r#"route("10.77.0.0/16", #{via: "10.8.0.9"});"#,
        r#"host().del_route("10.77.0.0/16");"#,
        "route show",
    ),
    (
        r#"link("p0").addr("10.9.0.1/24");"#,
        r#"link("p0").del_addr("10.9.0.1");"#,
        "addr show dev p0",
    ),
    (
        r#"veth("c0", "c1", #{up: true});"#,
        r#"veth("c0", "c1", #{up: true});"#,
        "link show",
    ),
    (
        r#"host().sysctl("net.ipv4.ip_forward", 1);"#,
        r#"host().sysctl("net.ipv4.ip_forward", 1);"#,
        "netconf show dev p0",
    ),
    (
        r#"host().sysctl("net.ipv4.conf.p0.rp_filter", 1);"#,
        r#"host().sysctl("net.ipv4.conf.p0.rp_filter", 2);"#,
        "netconf show dev p0",
    ),
];

fn what_two_labs_set_goes_with_the_last_of_them(lab: &Lab) {
    lab.ip(FOREIGN);
    lab.wait_up("p0");
    let before = state::whole(lab);
    for (first, second, shown) in PAIRS {
        let see = || -> Value {
            let mut seen = lab.json(HOST, shown);
            state::forget(
                &mut seen,
                &["operstate", "ifindex", "link_index", "tentative"],
            );
            state::forget_carrier(&mut seen);
            seen
        };
        for order in [["a", "b"], ["b", "a"]] {
            run_as(lab, "a", first);
            let with_first = see();
            run_as(lab, "b", second);
            let with_second = see();
            assert_eq!(down(lab, order[0]), "", "{first} {second} {order:?}");
            let wanted = if order[0] == "a" {
                &with_second
            } else {
                &with_first
            };
            assert_eq!(see(), *wanted, "{first} {second} {order:?}");
            assert_eq!(down(lab, order[1]), "", "{first} {second} {order:?}");
            state::assert_same(&state::whole(lab), &before);
        }
    }
}

fn fdb_entries_of_two_labs_go_with_the_last_of_them(lab: &Lab) {
    lab.ip(FOREIGN);
    lab.ip("link set p1 master br0");
    let see = || {
        let mut seen = lab.bridge(HOST, "fdb show dev p1");
        if let Some(all) = seen.as_array_mut() {
            all.retain(|entry| entry["state"] == "static");
        }
        seen
    };
    let entry = r#"link("p1").fdb("02:00:00:00:00:07");"#;
    let before = see();
    for (second, order) in [
        (entry, ["a", "b"]),
        (entry, ["b", "a"]),
        (r#"link("p1").del_fdb("02:00:00:00:00:07");"#, ["a", "b"]),
        (r#"link("p1").del_fdb("02:00:00:00:00:07");"#, ["b", "a"]),
    ] {
        run_as(lab, "a", entry);
        let with_first = see();
        assert_ne!(with_first, before);
        run_as(lab, "b", second);
        let with_second = see();
        down(lab, order[0]);
        let wanted = if order[0] == "a" {
            &with_second
        } else {
            &with_first
        };
        assert_eq!(see(), *wanted, "{second} {order:?}");
        down(lab, order[1]);
        assert_eq!(see(), before, "{second} {order:?}");
    }
}

fn what_another_tool_has_changed_since_is_left_and_told(lab: &Lab) {
    lab.ip(FOREIGN);
    lab.ip("link set p1 master br0");
    lab.wait_up("p0");
    for (made, changed, told) in [
        (
            r#"link("p1").fdb("02:00:00:00:00:07");"#,
            "bridge fdb replace 02:00:00:00:00:07 dev p1 master permanent; bridge fdb show dev p1 | grep 00:07",
            "fdb entry `02:00:00:00:00:07` of p1 of link `p1` in namespace `host` is permanent now: left as it is\n",
        ),
        (
            r#"host().nexthop(5, #{via: "10.8.0.9", dev: "p0"});"#,
            "ip nexthop replace id 5 via 10.8.0.7 dev p0; ip nexthop show",
            "nexthop `id 5 via 10.8.0.9 dev p0` of link `p0` in namespace `host` is `id 5 via 10.8.0.7` now: left as it is\n",
        ),
        (
            r#"link("p0").neighbor("10.8.0.7", "02:00:00:00:00:07"); link("p0").del_neighbor("10.8.0.7");"#,
            "ip neigh replace 10.8.0.7 lladdr 02:00:00:00:00:77 dev p0 nud permanent; ip neigh show nud permanent",
            "neighbor `10.8.0.7 dev p0 lladdr 02:00:00:00:00:07 PERMANENT` of link `p0` in namespace `host` has lladdr 02:00:00:00:00:77 now: left as it is\n",
        ),
    ] {
        run_as(lab, "a", made);
        lab.sh(changed);
        let listed = lab.ipvsh(&["ls"]).stdout;
        assert!(listed.contains(" now"), "{listed}");
        assert_eq!(down(lab, "a"), told);
    }
}

fn a_namespace_in_which_another_lab_has_links_stays(lab: &Lab) {
    let before = state::whole(lab);
    let first = r#"netns("s").veth("a0", "a1", #{addr: "10.1.0.1/24", up: true}); netns("s").link("lo").up();"#;
    let second = r#"netns("s").veth("b0", host(), "b1", #{addr: "10.2.0.1/24"});"#;
    for order in [["a", "b"], ["b", "a"]] {
        run_as(lab, "a", first);
        fs::write(lab.folder().join("b.rhai"), second).unwrap();
        assert_eq!(
            lab.ipvsh(&["b.rhai"]).end(),
            "exit code 0\nnote: namespace `s` is of lab `a`: it stands as long as one of the two labs does\n"
        );
        if order[0] == "a" {
            let refused = lab.ipvsh(&["down", "a"]);
            assert_eq!(
                refused.end(),
                "exit code 1\nerror: cannot take down lab `a`: other labs have links or processes in its namespaces\n  \
                 = lab `b` has link `b0` in namespace `s`\n\
                 hint: take those labs down first, or all of it with `ipvsh down --force a`\n"
            );
            assert_eq!(lab.ipvsh(&["down", "--force", "a"]).code, 0);
            assert_eq!(lab.namespaces(), Vec::<String>::new());
            assert_eq!(down(lab, "b"), "");
            state::assert_same(&state::whole(lab), &before);
            continue;
        }
        assert_eq!(down(lab, order[0]), "");
        let mut links = lab.links("s");
        links.sort();
        assert_eq!(links, ["a0", "a1"], "{order:?}");
        assert_eq!(down(lab, order[1]), "");
        state::assert_same(&state::whole(lab), &before);
    }
}

fn a_namespace_in_which_another_lab_has_processes_stays(lab: &Lab) {
    let script = |name: &str, text: &str| fs::write(lab.folder().join(name), text).unwrap();
    script("a.rhai", r#"netns("s");"#);
    script("b.rhai", r#"netns("s").spawn(["sleep", "1000"]);"#);
    for script in ["a.rhai", "b.rhai"] {
        assert_eq!(lab.ipvsh(&["--quiet", script]).code, 0);
    }
    let refused = lab.ipvsh(&["down", "a"]).stderr;
    assert!(
        refused.contains("(`sleep 1000`) in namespace `s`"),
        "{refused}"
    );
    assert_eq!(lab.namespaces(), ["s"]);
    // The lab that goes first has its namespace held by the other one.
    let all = lab.ipvsh(&["down", "--all"]);
    assert_eq!(
        (all.end().as_str(), lab.namespaces()),
        ("exit code 0\n", Vec::new())
    );
    assert_eq!(
        all.stdout,
        "took down lab `a`: 1 namespace\ntook down lab `b`: 1 process\n"
    );
}

/// What a link can't be without, of another lab: its parent, the link that carries it, the namespace of its other end.
const HANGING: [(&str, &str, &str, &str); 6] = [
    (
        r#"netns("s").link("lo").up();"#,
        r#"veth("w0", netns("s"), "w1").up();"#,
        "host",
        "w0",
    ),
    (
        r#"netns("s").link("lo").up();"#,
        r#"netns("t").veth("w0", netns("s"), "w1");"#,
        "t",
        "w0",
    ),
    (
        r#"veth("p0", "p1", #{up: true});"#,
        r#"macvlan(link("p0"), "w0", "bridge");"#,
        "host",
        "w0",
    ),
    (
        r#"netns("s").veth("p0", "p1", #{up: true});"#,
        r#"netns("t").macvlan(netns("s").link("p0"), "w0", "bridge");"#,
        "t",
        "w0",
    ),
    (
        r#"netns("s").veth("p0", "p1", #{up: true});"#,
        r#"netns("s").macvlan("p0", "w0", "bridge");"#,
        "s",
        "w0",
    ),
    (
        r#"veth("p0", "p1", #{up: true});"#,
        r#"netns("t").macvlan(host().link("p0"), "w0", "bridge");"#,
        "t",
        "w0",
    ),
];

fn what_a_link_of_another_lab_hangs_on_stays(lab: &Lab) {
    let before = state::whole(lab);
    for (first, second, place, link) in HANGING {
        run_as(lab, "a", first);
        run_as(lab, "b", second);
        let refused = lab.ipvsh(&["down", "a"]);
        let place = if place == "host" { HOST } else { place };
        assert!(
            lab.links(place).contains(&link.to_owned()),
            "{first} {second}: {}",
            refused.end()
        );
        let ls = lab.ipvsh(&["ls"]).stdout;
        assert!(!ls.contains("missing"), "{first} {second}: {ls}");
        assert_eq!(down(lab, "b"), "", "{first} {second}");
        assert_eq!(lab.ipvsh(&["down", "a"]).code, 0, "{first} {second}");
        state::assert_same(&state::whole(lab), &before);
    }
}

fn what_a_run_that_failed_made_is_not_missed(lab: &Lab) {
    run_as(lab, "lab", r#"netns("a");"#);
    lab.fails(r#"netns("a").veth("v2", "v3", #{addr: "10.1.0.1/24", up: true, route: "10.4.0.0/16"}); throw 1;"#);
    let listed = lab.ipvsh(&["ls"]).stdout;
    assert!(!listed.contains("missing"), "{listed}");
    run_as(
        lab,
        "lab",
        r#"let a = netns("a"); a.veth("v2", "v3", #{addr: "10.1.0.1/24"}).delete();"#,
    );
    let listed = lab.ipvsh(&["ls"]).stdout;
    assert!(!listed.contains("missing"), "{listed}");
    down(lab, "lab");
}

fn nft(arguments: &str) -> String {
    let output = std::process::Command::new("nft")
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The ports that rules of the table `inet ipvsh` name, in the order of `nft -j`.
fn ports() -> Vec<i64> {
    let listed: Value = serde_json::from_str(&nft("-j list ruleset")).unwrap();
    let rules = listed["nftables"].as_array().unwrap().iter();
    let matches = rules.filter_map(|object| object["rule"]["expr"].as_array());
    let mut ports: Vec<i64> = matches
        .flatten()
        .filter_map(|part| part["match"]["right"].as_i64())
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn rules_of_two_labs_and_of_an_admin_are_kept_apart(lab: &Lab) {
    let rule =
        |port: u32| format!("host().drop(#{{proto: \"tcp\", dport: {port}, hook: \"input\"}});");
    for order in [["a", "b"], ["b", "a"]] {
        run_as(lab, "a", &[rule(1001), rule(1003)].concat());
        run_as(lab, "b", &[rule(1002), rule(1003)].concat());
        assert_eq!(ports(), [1001, 1002, 1003]);
        assert_eq!(down(lab, order[0]), "");
        let left = if order[0] == "a" { 1002 } else { 1001 };
        assert_eq!(ports(), [left, 1003], "{order:?}");
        assert_eq!(down(lab, order[1]), "");
        assert_eq!(nft("list ruleset"), "");
    }
    run_as(lab, "a", &rule(1001));
    nft("add rule inet ipvsh input tcp dport 2000 accept");
    run_as(lab, "b", &rule(1002));
    down(lab, "a");
    down(lab, "b");
    assert_eq!(ports(), [2000]);
    nft("flush ruleset");
}

fn a_ruleset_that_somebody_has_changed_is_left_and_told(lab: &Lab) {
    run_as(
        lab,
        "a",
        r#"host().nft("table inet t { chain c { tcp dport 1001 drop; }; }");"#,
    );
    nft("add rule inet t c tcp dport 2000 accept");
    let told = down(lab, "a");
    assert_eq!(
        told,
        "table `inet t` in namespace `host` is not as the lab left it: left as it is\n"
    );
    assert_eq!(ports(), [1001, 2000]);
    nft("flush ruleset");
    run_as(
        lab,
        "a",
        r#"host().nft("table inet t { chain c { tcp dport 1001 drop; }; }");"#,
    );
    assert_eq!(down(lab, "a"), "");
    assert_eq!(nft("list ruleset"), "");
}

fn a_queue_that_somebody_has_changed_is_left_and_told(lab: &Lab) {
    lab.ip(FOREIGN);
    run_as(
        lab,
        "a",
        r#"link("p0").tbf(#{rate: "1mbit", burst: "3000", limit: "6000"});"#,
    );
    lab.sh("tc qdisc change dev p0 root tbf rate 2mbit burst 3000 limit 6000");
    let changed = lab.tc(HOST, "qdisc show dev p0");
    let told = down(lab, "a");
    assert!(
        told.starts_with("the queue of link `p0` in namespace `host` is tbf"),
        "{told}"
    );
    assert_eq!(lab.tc(HOST, "qdisc show dev p0"), changed);
}

fn a_failing_run_ends_what_its_programs_have_started(lab: &Lab) {
    for _ in 0..6 {
        let stderr = lab.fails(
            r#"
            let a = netns("a");
            a.spawn(["sh", "-c", "while :; do sh -c 'sleep 0.01 & sleep 0.02' & sleep 0.005; done"]);
            a.exec(["sh", "-c", "setsid sh -c 'while :; do sleep 0.01; done' >/dev/null 2>&1 &"]);
            throw "over";"#,
        );
        assert!(!stderr.contains("inside"), "{stderr}");
        assert!(lab.namespaces().is_empty(), "{stderr}");
    }
}

fn a_neighbour_that_somebody_has_changed_is_left_and_told(lab: &Lab) {
    lab.ip(FOREIGN);
    run_as(
        lab,
        "a",
        r#"link("p0").neighbor("10.8.0.7", "02:00:00:00:00:07").neighbor("10.8.0.8", "02:00:00:00:00:08");
           rule(#{from: "10.3.0.0/16", table: 7, priority: 70});
           rule(#{from: "10.4.0.0/16", table: 7, priority: 71});"#,
    );
    lab.ip("neigh replace 10.8.0.7 lladdr 02:00:00:00:00:77 dev p0 nud permanent\nneigh del 10.8.0.8 dev p0\nrule del from 10.4.0.0/16 table 7 priority 71");
    let listed = lab.ipvsh(&["ls"]).stdout;
    assert!(
        listed.contains("has lladdr 02:00:00:00:00:77 now"),
        "{listed}"
    );
    assert!(listed.contains("missing: neighbor `10.8.0.8"), "{listed}");
    assert!(listed.contains("missing: rule `"), "{listed}");
    assert!(listed.contains("10.4.0.0/16"), "{listed}");
    assert!(!listed.contains("10.3.0.0/16"), "{listed}");
    let told = down(lab, "a");
    assert!(
        told.contains("has lladdr 02:00:00:00:00:77 now: left as it is"),
        "{told}"
    );
    let left = lab.json(HOST, "neigh show nud permanent dev p0");
    assert_eq!(left[0]["lladdr"], "02:00:00:00:00:77", "{left}");
}

fn a_link_that_another_lab_has_deleted_goes_with_its_own(lab: &Lab) {
    let first = r#"
        let v = host().veth("v0", "v1", #{addr: "10.0.0.1/24", up: true});
        v.peer.up();
        host().route("10.9.0.0/16", #{via: "10.0.0.2"});
        v.neighbor("10.0.0.2", "02:00:00:00:00:09");
        netns("a").veth("w0", host(), "w1", #{addr: "10.3.0.1/24", up: true}).peer.up();"#;
    let before = state::meaning(lab);
    for order in [["a", "b"], ["b", "a"]] {
        run_as(lab, "a", first);
        run_as(lab, "b", r#"link("v0").delete(); link("w1").delete();"#);
        for name in order {
            assert_eq!(down(lab, name), "", "{name} of {order:?}");
        }
        state::assert_same(&state::meaning(lab), &before);
    }
}

fn a_ruleset_of_two_labs_stays_until_both_are_down(lab: &Lab) {
    let ruleset = || nft("list ruleset");
    let own = r#"nft("table inet web { chain in { type filter hook input priority 0; tcp dport 80 accept; }; }");"#;
    let more = r#"nft("add rule inet web in tcp dport 443 accept");"#;
    // The same of both.
    for order in [["a", "b"], ["b", "a"]] {
        run_as(lab, "a", own);
        let made = ruleset();
        run_as(lab, "b", own);
        assert_eq!(down(lab, order[0]), "");
        assert_eq!(ruleset(), made);
        assert_eq!(down(lab, order[1]), "");
        assert_eq!(ruleset(), "");
    }
    // One puts more into the table of the other.
    run_as(lab, "a", own);
    run_as(lab, "b", more);
    assert_eq!(down(lab, "b"), "");
    assert!(ruleset().contains("dport 80") && !ruleset().contains("443"));
    run_as(lab, "b", more);
    assert_eq!(
        down(lab, "a"),
        "table `inet web` in namespace `host` has rules of another lab as well: it is left as it is, and goes back to what \
         it was with that lab\n"
    );
    assert!(ruleset().contains("dport 80") && ruleset().contains("443"));
    assert_eq!(down(lab, "b"), "");
    assert_eq!(ruleset(), "");
}
