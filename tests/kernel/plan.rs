//! A plan tells what a run will do, and changes nothing; the commands of a trace lead where the run leads.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::case::cases;
use crate::lab::{Lab, finish};
use crate::state;

cases! {
    ["veth", "bridge", "macvlan"] =>
        a_plan_shows_what_a_run_then_does
        a_plan_of_what_stands_changes_nothing
        a_plan_changes_nothing_of_the_machine
        the_commands_of_a_run_lead_where_it_leads;
    ["veth"] =>
        a_plan_says_what_is_in_the_way_and_goes_on
        a_plan_sees_its_namespaces_where_there_were_none_ever
        a_plan_follows_moves_names_and_ends
        a_plan_refuses_the_next_hops_that_the_kernel_refuses
        a_plan_looks_up_the_routes_that_it_has_planned
        a_plan_looks_where_its_rules_say
        a_plan_gives_rules_the_priorities_that_the_kernel_gives
        a_plan_does_not_try_what_is_not_there
        a_plan_that_fails_shows_how_far_it_came
        a_plan_knows_the_namespace_of_a_process_that_it_would_start
        a_step_is_traced_as_it_is_typed
        a_plan_knows_the_other_names_that_it_has_planned;
    ["bridge", "veth", "vlan_filtering"] =>
        a_plan_knows_the_vlans_that_it_has_planned;
    ["bond", "dummy", "ipvlan"] =>
        a_plan_sees_the_port_of_a_parent;
    ["veth", "vrf"] =>
        a_plan_keeps_the_routes_of_a_vrf_apart;
    ["!dummy"] =>
        a_plan_ends_at_a_kind_of_link_that_the_kernel_lacks;
    ["!ipvlan", "veth"] =>
        a_plan_tells_a_script_of_a_kind_that_the_kernel_lacks;
}

const MADE: &str = r#"
    let a = netns("a");
    let b = netns("b");
    let v = a.veth("v0", b, "v1", #{mtu: 1400, alias: "it's near", up: true, addr: ["10.0.0.1/24", "fd00::1/64"], nodad: true});
    v.peer.mac("02:00:00:00:00:01").up();
    a.bridge("br0", #{stp: true});
    a.veth("w0", "w1").master("br0");
    a.macvlan(v, "m0", "private", #{addr: "10.2.0.1/24", up: true});
    a.macvlan("p0", "m1", #{mtu: 1300});
    a.route("10.9.0.0/16", "v0", #{metric: 7});
    a.route("default", #{via: "10.0.0.254"});
    link("p0").mtu(1450);
    a.link("w1").netns(b);
    b.link("w1").rename("far");
    b.veth("gone", "too").delete();
    netns("c").delete();
"#;

fn parent(lab: &Lab) {
    lab.ip("link add p0 type veth peer name p1\nlink set p0 up\nlink set p1 up");
    lab.wait_up("p0");
}

/// The objects that a JSON document of ipvsh lists.
pub(crate) fn objects(output: &crate::lab::Output) -> Vec<Value> {
    let document: Value = serde_json::from_str(&output.stdout).expect("a document");
    let mut objects = document["objects"].as_array().expect("objects").clone();
    for object in &mut objects {
        if object["kind"] == "mac" {
            // Which one a new link gets at random only the kernel knows.
            object["before"].take();
        }
    }
    objects
}

/// Plans the script at `path`, then runs it: both must tell of the same objects, and the plan must change nothing.
#[track_caller]
fn plan_and_run(lab: &Lab, path: &str, parameters: &[&str], code: i32) {
    let before = state::whole(lab);
    let plan = lab.ipvsh(&[&["--json", "plan", path], parameters].concat());
    assert_eq!(plan.end(), format!("exit code {code}\n"), "{path}");
    state::assert_same(&state::whole(lab), &before);
    let run = lab.ipvsh(&[&["--json", path], parameters].concat());
    assert_eq!(run.end(), "exit code 0\n", "{path}");
    let mut planned = objects(&plan);
    planned.retain(|object| object["outcome"] != "would_test");
    assert_eq!(planned, objects(&run), "{path}");
}

/// Plans `text`, then runs it: see [`plan_and_run`].
#[track_caller]
pub(crate) fn is_what_a_run_does(lab: &Lab, text: &str) {
    write(lab, text);
    plan_and_run(lab, "lab.rhai", &[], 10);
}

fn write(lab: &Lab, text: &str) {
    fs::write(lab.folder().join("lab.rhai"), text).unwrap();
}

fn a_plan_shows_what_a_run_then_does(lab: &Lab) {
    parent(lab);
    write(lab, MADE);
    plan_and_run(lab, "lab.rhai", &[], 10);
}

fn a_plan_of_what_stands_changes_nothing(lab: &Lab) {
    parent(lab);
    let text = r#"
        let v = netns("a").veth("v0", netns("b"), "v1", #{up: true, addr: "10.0.0.1/24", route: "default"});
        netns("a").macvlan("p0", "m0");"#;
    lab.run(text);
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(
        (plan.code, plan.stdout.as_str(), plan.stderr.as_str()),
        (
            0,
            "\
= namespace b
= namespace a
= veth      v0 in a
= state     v0: up in a
= address   10.0.0.1/24 on v0 in a
= route     default dev v0 scope link in a
= namespace a
= macvlan   m0 in a
a run would change nothing; 8 as asked already
",
            ""
        )
    );
}

fn a_plan_changes_nothing_of_the_machine(lab: &Lab) {
    parent(lab);
    lab.ip("netns add b\nnetns add c");
    write(lab, MADE);
    plan_and_run(lab, "lab.rhai", &[], 10);
}

fn a_plan_says_what_is_in_the_way_and_goes_on(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1\nlink set v0 up\naddr add 10.0.0.1/16 dev v0");
    write(
        lab,
        r#"bridge("v0"); link("v0").addr("10.0.0.1/24"); netns("a");"#,
    );
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(
        (plan.code, plan.stdout.as_str(), plan.stderr.as_str()),
        (
            1,
            "\
! bridge    v0 in host
    a link with that name exists and differs
    there: veth
    asked: bridge
! address   10.0.0.1/24 on v0 in host
    the link has it with another prefix length
    there: 10.0.0.1/16
    asked: 10.0.0.1/24
+ namespace a
a run would create 1; 2 in the way: it would fail
",
            ""
        )
    );
}

fn a_plan_sees_its_namespaces_where_there_were_none_ever(lab: &Lab) {
    // Until the first is made there is no folder of them.
    if Path::new("/run/netns").exists() {
        fs::remove_dir("/run/netns").unwrap();
    }
    write(
        lab,
        r#"netns("a").veth("v0", netns("b"), "v1").peer.up(); assert(namespaces().len() >= 2);"#,
    );
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(plan.end(), "exit code 10\n");
    assert!(!Path::new("/run/netns").exists());
}

fn a_plan_follows_moves_names_and_ends(lab: &Lab) {
    write(
        lab,
        r#"
        let a = netns("a");
        let b = netns("b");
        let v = a.veth("v0", "v1");
        v.netns(b);
        v.rename("w0");
        assert(b.link("w0").peer.name == "v1");
        assert(v.peer.peer.name == "w0" && v.peer.peer.netns.name == "b");
        v.delete();
        assert(a.links.len() == 1 && b.links.len() == 1);
        a.delete();
        assert(namespaces().filter(|net| net.path.starts_with("/run/netns/")).len() == 1);
    "#,
    );
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(
        (plan.code, plan.stdout.as_str(), plan.stderr.as_str()),
        (
            10,
            "\
+ namespace a
+ namespace b
+ veth      v0 in a
~ place     v0: a to b in b
~ name      v0: v0 to w0 in b
- veth      w0 in b
- namespace a
a run would create 3, change 2, delete 2
",
            ""
        )
    );
    assert!(lab.namespaces().is_empty());
}

fn a_plan_looks_up_the_routes_that_it_has_planned(lab: &Lab) {
    parent(lab);
    write(
        lab,
        r#"
        let a = netns("a");
        let v = a.veth("v0", "v1", #{addr: ["10.0.0.1/24", "10.0.5.1/24", "fd00::1/64"], nodad: true, up: true});
        v.peer.up();
        v.wait_up();
        a.route("default", #{via: "10.0.0.254"});
        a.route("10.9.0.0/16", #{via: "10.0.5.9", metric: 7});
        a.route("10.9.0.0/16", #{via: "10.0.0.9", metric: 9});
        a.route("10.9.1.0/24", #{nexthops: [#{via: "10.0.0.7"}, #{via: "10.0.0.7", weight: 2}], source: "10.0.5.1"});
        a.route("10.8.0.0/16", #{type: "unreachable"});
        link("p0").addr("10.7.0.1/24");
        let found = "";
        for place in [a, host()] {
            for to in ["8.8.8.8", "10.0.0.1", "10.0.0.2", "10.9.2.1", "10.9.1.1", "fd00::2", "fd01::1", "10.8.0.1", "10.7.0.9"] {
                try {
                    let way = place.lookup(to);
                    found += `${to}: via ${way.via} dev ${way.link} src ${way.source} ${way.kind}; `;
                } catch (e) {
                    found += `${to}: ${e.kind} ${e.errno}; `;
                }
            }
        }
        throw found;"#,
    );
    throws_what_a_run_throws(lab);
}

fn a_plan_refuses_the_next_hops_that_the_kernel_refuses(lab: &Lab) {
    lab.ip(
        "link add p0 type veth peer name p1\nlink set p0 up\nlink set p1 up\nlink add q0 type veth peer name q1\n\
         addr add 10.8.0.1/24 dev p0\naddr add 10.7.0.1 peer 10.7.0.9/32 dev p0\naddr add fd08::1/64 dev p0 nodad",
    );
    lab.wait_up("p0");
    write(
        lab,
        r#"
        let said = "";
        let all = [
            ["10.20.0.0/16", #{via: "10.99.0.9"}],
            ["10.21.0.0/16", #{via: "10.8.0.9"}],
            ["10.22.0.0/16", #{via: "10.99.0.9", dev: "p0"}],
            ["10.23.0.0/16", #{via: "10.8.0.1"}],
            ["10.24.0.0/16", #{via: "10.21.0.1"}],
            ["10.25.0.0/16", #{via: "10.7.0.9"}],
            ["10.26.0.0/16", #{via: "10.8.0.255"}],
            ["10.27.0.0/16", #{via: "10.8.0.2", dev: "p1"}],
            ["10.28.0.0/16", #{dev: "p0", scope: "host"}],
            ["10.29.0.0/16", #{nexthops: [#{via: "10.99.0.9"}, #{via: "10.8.0.3"}]}],
            ["10.30.0.0/16", #{dev: "q0"}],
            ["10.31.0.0/16", #{via: "10.99.0.9", dev: "q0", onlink: true}],
            ["10.32.0.0/16", #{via: "10.99.0.9", dev: "p0", onlink: true}],
            ["10.33.0.0/16", #{dev: "p0", src: "10.55.0.1"}],
            ["10.34.0.0/16", #{via: "10.8.0.4", scope: "link"}],
            ["10.35.0.0/16", #{via: "10.8.0.4", scope: "host"}],
            ["10.36.0.0/16", #{via: "fe80::1", dev: "p1"}],
            ["10.37.0.0/16", #{via: "fe80::1", dev: "q0"}],
            ["10.38.0.0/16", #{via: "fd77::1", dev: "p1"}],
            ["fd20::/64", #{via: "fd77::1"}],
            ["fd21::/64", #{via: "fd08::1"}],
            ["fd22::/64", #{via: "fd77::1", dev: "p0"}],
            ["fd23::/64", #{nexthops: [#{via: "fd08::9"}, #{via: "fd77::3"}]}],
            ["fd24::/64", #{dev: "q0"}],
            ["fd25::/64", #{via: "fe80::1"}],
            ["fd26::/64", #{via: "fd08::7", src: "fd55::1"}],
            ["fd27::/64", #{via: "fd08::7"}],
        ];
        for one in all {
            try {
                host().route(one[0], one[1]);
                said += `${one[0]}; `;
            } catch (e) {
                said += `${e.message} ${e.kernel} ${e.errno}; `;
            }
        }
        for one in [
            #{via: "10.99.0.9", dev: "p0"},
            #{dev: "q0"},
            #{via: "fd99::9", dev: "p0"},
            #{via: "10.8.0.9", dev: "p0"},
            #{via: "10.99.0.9", dev: "p0", onlink: true, replace: true},
        ] {
            try {
                host().nexthop(5, one);
                said += "5; ";
            } catch (e) {
                said += `${e.message} ${e.kernel} ${e.errno}; `;
            }
        }
        throw said;"#,
    );
    let said = throws_what_a_run_throws(lab);
    let made = ["10.21", "10.23", "10.25", "10.28", "10.32", "10.36", "fd27"];
    for one in all_of("10.2", 0..10)
        .chain(all_of("10.3", 0..9))
        .chain(all_of("fd2", 0..8))
    {
        let is_made =
            said.contains(&format!(" {one}.0.0/16; ")) || said.contains(&format!(" {one}::/64; "));
        assert_eq!(is_made, made.contains(&one.as_str()), "{one}: {said}");
    }
}

/// The names that begin so, and end in a number.
fn all_of(begin: &str, numbers: std::ops::Range<u8>) -> impl Iterator<Item = String> {
    numbers.map(move |number| format!("{begin}{number}"))
}

/// Plans the script, then runs it: both must throw the same, which is then returned.
#[track_caller]
fn throws_what_a_run_throws(lab: &Lab) -> String {
    let thrown = |arguments: &[&str]| {
        let output = lab.ipvsh(arguments);
        assert_eq!(output.code, 1, "{}", output.stderr);
        let mut lines = output.stderr.lines();
        lines
            .find(|line| line.starts_with("error: "))
            .unwrap()
            .to_owned()
    };
    let planned = thrown(&["plan", "lab.rhai"]);
    assert_eq!(planned, thrown(&["lab.rhai"]));
    planned
}

const LOOK_UP: &str = r"
    fn look(net, to, options) {
        try {
            let way = net.lookup(to, options);
            return `${to}: via ${way.via} dev ${way.link} src ${way.source} ${way.kind} in ${way.table}; `;
        } catch (e) {
            return `${to}: ${e.kind} ${e.errno}; `;
        }
    }";

fn a_plan_looks_where_its_rules_say(lab: &Lab) {
    parent(lab);
    lab.sh("\
ip netns add b
ip link add v2 netns b type veth peer name v3
ip link set v3 up
ip -n b link set v2 up
ip -n b addr add 10.3.0.1/24 dev v2
ip -n b rule add to 10.7.0.0/16 table 7 priority 70
");
    write(
        lab,
        &format!(
            "{LOOK_UP}{}",
            r#"
        let a = netns("a");
        let v = a.veth("v0", "v1", #{addr: ["10.0.0.1/24", "10.0.5.1/24", "fd00::1/64"], nodad: true, up: true});
        v.peer.up();
        v.wait_up();
        a.route("default", #{via: "10.0.0.254"});
        a.route("10.9.0.0/16", #{via: "10.0.0.9"});
        a.route("10.9.0.0/16", #{via: "10.0.5.9", table: 100});
        a.route("10.8.0.0/16", #{type: "throw", table: 100});
        a.route("default", #{type: "unreachable", table: 101});
        a.route("fd09::/64", #{via: "fd00::9", table: 100});
        a.nexthop(3, #{via: "10.0.5.3", dev: "v0"}).nexthop(4, #{group: [3]});
        a.route("10.6.0.0/16", #{nexthop: 4});
        a.rule(#{to: "10.9.1.0/24", table: 100});
        a.rule(#{to: "10.9.2.0/24", from: "10.0.0.1", table: 100});
        a.rule(#{to: "10.8.0.0/16", table: 100});
        a.rule(#{to: "10.5.0.0/16", action: "prohibit"});
        a.rule(#{to: "10.4.0.0/16", action: "goto", target: 40000, priority: 30});
        a.rule(#{action: "nop", priority: 40000});
        a.rule(#{iif: "v0", action: "blackhole", priority: 5});
        a.rule(#{fwmark: 1, action: "blackhole", priority: 6});
        a.rule(#{to: "11.0.0.0/8", table: "main", suppress_prefixlength: 0, priority: 50});
        a.rule(#{to: "11.0.0.0/8", table: 101, priority: 51});
        a.rule(#{to: "12.0.0.0/8", not: true, action: "nop", priority: 7});
        a.rule(#{family: "inet6", table: 100, priority: 60});
        let b = netns("b");
        b.route("10.7.0.0/16", #{via: "10.3.0.7", table: 7});
        let found = "";
        for to in ["8.8.8.8", "10.9.0.1", "10.9.1.1", "10.9.2.1", "10.8.0.1", "10.6.0.1", "10.5.0.1", "10.4.0.1", "11.0.0.1", "12.0.0.1", "fd09::1", "10.0.0.1", "10.0.0.2"] {
            found += look(a, to, #{});
        }
        found += look(a, "10.9.2.1", #{source: "10.0.0.1"});
        a.del_rule(#{to: "10.9.1.0/24"});
        found += look(a, "10.9.1.1", #{});
        for to in ["10.7.0.1", "10.3.0.9", "8.8.8.8"] { found += look(b, to, #{}); }
        throw found;"#
        ),
    );
    let found = throws_what_a_run_throws(lab);
    for part in [
        "10.9.1.1: via 10.0.5.9",
        "10.5.0.1: unreachable EACCES",
        "10.4.0.1: unreachable ENETUNREACH",
        "10.7.0.1: via 10.3.0.7",
    ] {
        assert!(found.contains(part), "{part} in {found}");
    }
}

fn a_plan_gives_rules_the_priorities_that_the_kernel_gives(lab: &Lab) {
    is_what_a_run_does(
        lab,
        r#"
        for net in [host(), netns("a")] {
            for round in 0..2 {
                net.rule(#{from: "10.0.0.0/8", table: 100});
                net.rule(#{from: "10.1.0.0/16", table: 100});
                net.rule(#{from: "fd00::/64", table: 100});
                net.rule(#{from: "10.2.0.0/16", table: 100, priority: 7});
            }
            net.del_rule(#{from: "10.1.0.0/16"});
            net.rule(#{from: "10.3.0.0/16", table: 100});
        }"#,
    );
}

fn a_plan_keeps_the_routes_of_a_vrf_apart(lab: &Lab) {
    write(
        lab,
        &format!(
            "{LOOK_UP}{}",
            r#"
        let a = netns("a");
        let red = a.vrf("red", 10);
        let v = a.veth("v0", "v1").master(red).addr("10.0.0.1/24").up();
        v.peer.up();
        v.wait_up();
        a.route("10.9.0.0/16", #{via: "10.0.0.9", dev: "v0", table: 10});
        a.rule(#{to: "10.9.1.0/24", table: 10});
        let found = "";
        for to in ["10.0.0.2", "10.9.0.1", "10.9.1.1"] { found += look(a, to, #{}); }
        for rule in a.rules { found += `${rule}; `; }
        throw found;"#
        ),
    );
    let found = throws_what_a_run_throws(lab);
    let known = "10.0.0.2: unreachable ENETUNREACH; 10.9.0.1: unreachable ENETUNREACH; 10.9.1.1: via 10.0.0.9 dev v0";
    assert!(found.contains(known), "{found}");
}

fn a_plan_does_not_try_what_is_not_there(lab: &Lab) {
    write(
        lab,
        r#"
        let a = netns("a");
        let v = a.veth("v0", "v1").addr("10.0.0.1/24").up().wait_up();
        let report = a.ping("10.0.0.2", #{count: 2});
        print(report);
        assert(report.ok, "no answer");
        assert(a.exec(["echo", "x"]).stdout == "x\n", "no echo");
        a.dummy_is_no_word("d0");
    "#,
    );
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(
        (plan.code, plan.stdout.as_str()),
        (
            1,
            "\
+ namespace a
+ veth      v0 in a
+ address   10.0.0.1/24 on v0 in a
~ state     v0: down to up in a
? wait_up   v0 in a
? ping      10.0.0.2 in a
? exec      echo x in a
? assert    assertion failed: no echo in host
a run would create 3, change 1, test 4
"
        )
    );
    assert!(
        plan.stderr
            .contains("is not known to a plan, which ends here"),
        "{}",
        plan.stderr
    );
}

fn a_plan_that_fails_shows_how_far_it_came(lab: &Lab) {
    write(lab, r#"netns("a"); link("nowhere").up();"#);
    let plan = lab.ipvsh(&["--json", "plan", "lab.rhai"]);
    let document: Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(
        (plan.code, &document["objects"], &document["error"]["kind"]),
        (
            1,
            &json!([{"outcome": "created", "kind": "namespace", "name": "a", "namespace": null}]),
            &json!("not_found")
        )
    );
}

fn a_plan_knows_the_namespace_of_a_process_that_it_would_start(lab: &Lab) {
    write(
        lab,
        r#"
        let box = host().spawn(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 1000"]);
        box.wait_line("ready", "5s");
        netns(`pid:${box.pid}`).veth("v0", "v1");"#,
    );
    let process = "unshare --net sh -c 'echo ready; exec sleep 1000' in host";
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(
        (plan.code, plan.stdout, plan.stderr.as_str()),
        (
            10,
            format!(
                "\
+ process   {process}
? wait_line {process}
= namespace pid:0
+ veth      v0 in pid:0
a run would create 2, test 1; 1 as asked already
"
            ),
            ""
        )
    );
    let run = lab.ipvsh(&["lab.rhai"]);
    assert_eq!(run.end(), "exit code 0\n");
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(plan.end(), "exit code 0\n");
    assert!(
        plan.stdout
            .ends_with("a run would test 1; 3 as asked already\n"),
        "{}",
        plan.stdout
    );
}

fn a_step_is_traced_as_it_is_typed(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1");
    let text = r#"
        let a = netns("a");
        link("v1").netns(a).alias("to the left");
        within a { addr("v1", "fd00::1/64", #{nodad: true}); up("v1"); }
        a.route("10.0.0.0/8", "v1", #{metric: 5});
        a.link("v1").del_addr("fd00::1/64");"#;
    let traced = lab.script_with(&["--trace"], text);
    assert_eq!(
        (traced.code, traced.stderr.as_str()),
        (
            0,
            "\
+ ip netns add a
+ ip link set dev v1 netns a
+ ip -n a link set dev v1 alias 'to the left'
+ ip -n a address add fd00::1/64 dev v1 nodad
+ ip -n a link set dev v1 up
+ ip -n a route add 10.0.0.0/8 dev v1 metric 5
+ ip -n a address del fd00::1/64 dev v1
"
        )
    );
}

/// Runs the script at `path`, then the commands that it said to be the same: both must lead to the same state.
#[track_caller]
fn emit_and_compare(lab: &Lab, path: &str, parameters: &[&str]) {
    let options = ["--quiet", "--emit", "lab.sh", "--lab", "emitted", path];
    let run = lab.ipvsh(&[&options, parameters].concat());
    assert_eq!(run.end(), "exit code 0\n", "{path}");
    let by_ipvsh = state::meaning(lab);
    let down = lab.ipvsh(&["--quiet", "down", "emitted"]);
    assert_eq!(down.end(), "exit code 0\n", "{path}");
    let shell = Command::new("sh")
        .arg("lab.sh")
        .current_dir(lab.folder())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let shell = finish(shell.unwrap());
    assert_eq!(shell.end(), "exit code 0\n", "{path}");
    state::assert_same(&state::meaning(lab), &by_ipvsh);
}

fn the_commands_of_a_run_lead_where_it_leads(lab: &Lab) {
    parent(lab);
    write(lab, MADE);
    emit_and_compare(lab, "lab.rhai", &[]);
}

/// What a story is given here: large ones are made smaller, since a shell takes its time, and a container is known beforehand.
pub(crate) fn parameters(story: &str) -> &'static [&'static str] {
    match story.rsplit('/').next().unwrap_or_default() {
        "fleet.rhai" => &["--count", "20"],
        "leaf-spine.rhai" => &["--leaves", "2", "--hosts", "1"],
        "container.rhai" => &["--container", "web"],
        _ => &[],
    }
}

fn a_plan_sees_the_port_of_a_parent(lab: &Lab) {
    lab.ip("link add p0 type dummy\nlink set p0 up\nnetns add a\nlink add link p0 name i0 netns a type ipvlan mode l2");
    write(
        lab,
        r#"netns("b").ipvlan("p0", "i1"); netns("b").ipvlan("p0", "i2", "l3");"#,
    );
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(
        (plan.code, plan.stdout.as_str()),
        (
            1,
            "+ namespace b\n+ ipvlan    i1 in b\na run would create 2; then it would fail\n"
        )
    );
    assert!(
        plan.stderr.contains("parent `p0` runs in mode l2")
            && plan.stderr.contains("`i0` (a), `i1` (b)"),
        "{}",
        plan.stderr
    );
}

fn a_plan_knows_the_other_names_that_it_has_planned(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1\nlink property add dev v0 altname other-name");
    is_what_a_run_does(
        lab,
        r#"
        for link in [link("v0"), netns("a").veth("w0", "w1")] {
            for round in 0..2 { link.altname("a-name-of-its-own"); }
            for round in 0..2 { link.del_altname("a-name-of-its-own"); }
            link.altname("one-more-name");
            link.netns.link("one-more-name").mtu(1400);
        }
        link("other-name").del_altname("other-name");
        "#,
    );
}

fn a_plan_knows_the_vlans_that_it_has_planned(lab: &Lab) {
    lab.ip(
        "link add br0 type bridge vlan_filtering 1\nlink add v0 type veth peer name v1\nlink set v0 master br0",
    );
    crate::common::output("bridge", &["vlan", "add", "dev", "v0", "vid", "7"]);
    is_what_a_run_does(
        lab,
        r#"
        let a = netns("a");
        let b = a.bridge("br1", #{vlan_filtering: true});
        let w = a.veth("w0", "w1").master(b);
        for port in [link("v0"), w] {
            for round in 0..2 {
                port.port(#{pvid: 10, tagged: [20, "30-32"]});
            }
            port.port(#{tagged: [20]});
            port.port(#{pvid: 5, untagged: [5]});
        }
        w.nomaster().master(b).port(#{pvid: 10});
        for round in 0..2 { b.port(#{tagged: [10]}); }
        "#,
    );
}

/// The last lines of what is said of a failure, behind the place of it.
fn why(output: &crate::lab::Output) -> Vec<&str> {
    let lines = output.stderr.lines();
    lines
        .filter(|line| line.starts_with("error: ") || line.starts_with("hint: "))
        .collect()
}

fn a_plan_ends_at_a_kind_of_link_that_the_kernel_lacks(lab: &Lab) {
    write(lab, r#"netns("a").dummy("d0"); netns("b");"#);
    let before = state::whole(lab);
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    state::assert_same(&state::whole(lab), &before);
    assert_eq!(
        (plan.code, plan.stdout.as_str(), why(&plan)),
        (
            3,
            "+ namespace a\na run would create 1; then it would fail\n",
            vec![
                "error: cannot create dummy `d0` in namespace `a`: this kernel has no dummy driver (module `dummy`, CONFIG_DUMMY)",
                "hint: load it with `modprobe dummy`, or run with --sandbox=vm",
            ]
        )
    );
    let run = lab.ipvsh(&["lab.rhai"]);
    assert_eq!((run.code, &why(&run)[..2]), (3, &why(&plan)[..]));
}

fn a_plan_tells_a_script_of_a_kind_that_the_kernel_lacks(lab: &Lab) {
    parent(lab);
    is_what_a_run_does(
        lab,
        r#"
        for net in [host(), netns("a")] {
            try {
                net.ipvlan("p0", "i0");
            } catch (e) {
                if e.kind != "unsupported" { throw e; }
                net.veth("v0", "v1");
            }
        }"#,
    );
}
