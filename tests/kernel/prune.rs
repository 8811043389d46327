//! What a script no longer makes: a plan lists it, a run names it, `--prune` takes it down and nothing else.

use std::fs;

use crate::case::cases;
use crate::lab::{HOST, Lab, Output};
use crate::state;

cases! {
    ["veth", "bridge"] =>
        a_line_that_is_gone_is_listed_by_a_plan_and_named_by_a_run
        the_same_things_made_another_way_stay
        what_hangs_on_what_the_script_makes_keeps_it
        what_was_taken_away_comes_back_with_down_alone
        a_run_that_fails_prunes_nothing
        what_another_lab_wants_stays;
    ["veth", "bridge", "nft", "tbf"] =>
        all_that_a_lab_has_goes_where_the_script_says_nothing_any_more;
}

fn write(lab: &Lab, text: &str) {
    fs::write(lab.folder().join("lab.rhai"), text).unwrap();
}

/// Runs the script with what is there of the options before it.
#[track_caller]
fn run(lab: &Lab, options: &[&str], text: &str) -> Output {
    write(lab, text);
    lab.ipvsh(&[options, &["lab.rhai"]].concat())
}

#[track_caller]
fn stands(lab: &Lab, text: &str) {
    assert_eq!(run(lab, &[], text).end(), "exit code 0\n", "{text}");
}

fn a_line_that_is_gone_is_listed_by_a_plan_and_named_by_a_run(lab: &Lab) {
    stands(
        lab,
        r#"let a = netns("a"); netns("c").bridge("b0"); a.bridge("br0").addr("10.0.0.1/24").addr("10.0.1.1/24");"#,
    );
    write(lab, r#"netns("a").bridge("br0").addr("10.0.0.1/24");"#);
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    let listed = "\
= namespace a
= bridge    br0 in a
= address   10.0.0.1/24 on br0 in a
- address   10.0.1.1/24 on br0 in a   no longer in the script
- namespace c   no longer in the script
";
    assert_eq!(
        (plan.code, plan.stdout.as_str()),
        (
            0,
            &*format!(
                "{listed}a run would change nothing; 3 as asked already; \
                 2 no longer in the script: it takes --prune to take that down\n"
            )
        )
    );
    let plan = lab.ipvsh(&["plan", "--prune", "lab.rhai"]);
    assert_eq!(
        (plan.code, plan.stdout.as_str()),
        (
            10,
            &*format!("{listed}a run would delete 2; 3 as asked already\n")
        )
    );
    let run = lab.ipvsh(&["lab.rhai", "--"]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (
            0,
            "note: no longer in the script, and still stand: namespace c, address 10.0.1.1/24 on br0 in a; \
             `ipvsh --prune lab.rhai --` takes them down\n"
        )
    );
    assert_eq!(lab.namespaces(), ["a", "c"]);
    let run = lab.ipvsh(&["--prune", "lab.rhai"]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (
            0,
            "took down what is no longer in the script: 1 namespace, 1 other change\n"
        )
    );
    assert_eq!(lab.namespaces(), ["a"]);
    assert_eq!(lab.addresses("a", "br0"), ["10.0.0.1/24"]);
    // What went so is not missed.
    let ls = lab.ipvsh(&["ls"]).stdout;
    assert!(
        ls.starts_with("lab: 1 namespace, 1 link, 1 address\n"),
        "{ls}"
    );
    assert!(!ls.contains("missing"), "{ls}");
    let again = lab.ipvsh(&["--prune", "lab.rhai"]);
    assert_eq!(again.end(), "exit code 0\n");
}

fn all_that_a_lab_has_goes_where_the_script_says_nothing_any_more(lab: &Lab) {
    lab.ip("link add p0 type veth peer name p1\nlink set p0 mtu 1450\nlink set p0 up\nlink set p1 up\naddr add 10.8.0.1/24 dev p0");
    let before = state::whole(lab);
    stands(
        lab,
        r#"
        let n = netns("n");
        link("p1").netns(n).addr("10.8.0.2/24").up();
        link("p0").mtu(1400).alias("seen").addr("10.9.0.1/24").tbf(#{rate: "1mbit"})
            .neighbor("10.8.0.9", "02:00:00:00:00:09").sysctl("rp_filter", 2);
        host().route("10.77.0.0/16", #{via: "10.8.0.2"});
        host().rule(#{from: "10.5.0.0/24", table: 100});
        host().nexthop(5, #{blackhole: true});
        host().drop(#{proto: "tcp", dport: 22});
        host().nft("table inet t { chain c { counter; }; }");
        n.veth("v0", "v1").up();
        n.spawn("sleep 600");
        host().bridge("br0").addr("10.3.0.1/24").up().fdb("02:00:00:00:00:08");
        "#,
    );
    let run = run(lab, &["--prune"], "");
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (
            0,
            "took down what is no longer in the script: 1 namespace, 1 link, 1 process, 14 other changes\n"
        )
    );
    assert_eq!(state::differences(&state::whole(lab), &before), None);
    assert_eq!(lab.ipvsh(&["ls"]).stdout, "no lab stands\n");
}

fn the_same_things_made_another_way_stay(lab: &Lab) {
    stands(
        lab,
        r#"let a = netns("a"); let b = netns("b"); a.veth("v0", b, "v1"); b.link("v1").up().mtu(1400).addr("10.0.0.1/24"); a.spawn("sleep 600");"#,
    );
    // From the other end, by options, in a block, in another order.
    let run = run(
        lab,
        &["--prune", "--summary"],
        r#"let b = netns("b"); let a = netns("a"); spawn(a, "sleep 600");
        within b { veth("v1", "a", "v0", #{up: true, mtu: 1400, addr: "10.0.0.1/24"}); }"#,
    );
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (
            0,
            "\
= namespace b
= namespace a
= process   sleep 600 in a
= veth      v1 in b
= mtu       v1: 1400 in b
= state     v1: up in b
= address   10.0.0.1/24 on v1 in b
created 0, changed 0, unchanged 7, deleted 0
"
        )
    );
    assert_eq!(lab.addresses("b", "v1"), ["10.0.0.1/24"]);
}

fn what_hangs_on_what_the_script_makes_keeps_it(lab: &Lab) {
    stands(
        lab,
        r#"netns("a").veth("v0", "v1"); netns("b"); netns("a").bridge("br0");"#,
    );
    // A slave goes with its parent, and a link with its namespace: neither is taken from what is made now.
    let run = run(
        lab,
        &["--prune"],
        r#"within "a" { link("v0").up(); link("v1").master("br0"); } within "b" { bridge("x0"); }"#,
    );
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let links = |netns: &str| {
        let mut links = lab.links(netns);
        links.sort();
        links
    };
    assert_eq!(links("a"), ["br0", "v0", "v1"]);
    assert_eq!(links("b"), ["x0"]);
}

fn what_was_taken_away_comes_back_with_down_alone(lab: &Lab) {
    lab.ip("link add br0 type bridge\nlink set br0 up\naddr add 10.1.0.1/24 dev br0\nroute add blackhole 10.66.0.0/16");
    let before = state::whole(lab);
    stands(
        lab,
        r#"host().del_route("10.66.0.0/16"); link("br0").del_addr("10.1.0.1/24");"#,
    );
    let after = state::whole(lab);
    let pruned = run(lab, &["--prune"], "");
    assert_eq!((pruned.code, pruned.stderr.as_str()), (0, ""));
    assert_eq!(state::differences(&state::whole(lab), &after), None);
    assert_eq!(lab.ipvsh(&["down", "lab"]).code, 0);
    assert_eq!(state::differences(&state::whole(lab), &before), None);
}

fn a_run_that_fails_prunes_nothing(lab: &Lab) {
    stands(lab, r#"netns("a"); netns("b");"#);
    let failed = run(lab, &["--prune"], r#"netns("c"); throw "no";"#);
    assert_eq!(failed.code, 1);
    assert_eq!(lab.namespaces(), ["a", "b"]);
    let one = run(lab, &["--prune", "-e"], "");
    assert_eq!(
        one.end(),
        "exit code 2\nerror: `--prune` is for a script, which says all of its lab\n\
         hint: `ipvsh down LAB` takes a lab down\n"
    );
}

fn what_another_lab_wants_stays(lab: &Lab) {
    stands(
        lab,
        r#"netns("a").bridge("br0"); host().bridge("brh").mtu(1400);"#,
    );
    fs::write(
        lab.folder().join("other.rhai"),
        r#"netns("a").bridge("br1"); link("brh").mtu(1300); host().bridge("brh");"#,
    )
    .unwrap();
    assert_eq!(lab.ipvsh(&["other.rhai"]).code, 0);
    let pruned = run(lab, &["--prune"], "");
    assert_eq!(pruned.code, 0, "{pruned:?}");
    assert_eq!(lab.namespaces(), ["a"]);
    assert_eq!(lab.links("a"), ["br1"]);
    assert_eq!(lab.link(HOST, "brh")["mtu"], 1300);
    assert_eq!(lab.ipvsh(&["down", "other"]).code, 0);
    assert_eq!(lab.namespaces(), Vec::<String>::new());
    assert_eq!(lab.links(HOST), Vec::<String>::new());
}
