//! A run that fails takes down what it made and puts back what it changed.

use std::io::{BufRead, BufReader, Read};
use std::process::Child;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::case::cases;
use crate::lab::{HOST, Lab, finish};
use crate::state;

cases! {
    ["veth", "bridge"] =>
        a_throw_takes_down_what_was_made
        a_failed_assertion_takes_down_what_was_made
        a_misspelt_word_takes_down_what_was_made
        a_refusal_of_the_kernel_takes_down_what_was_made
        changes_of_a_foreign_link_are_put_back
        a_foreign_link_that_moved_is_brought_back
        a_foreign_link_that_moved_into_a_namespace_of_the_run_is_brought_back
        a_foreign_link_that_was_renamed_has_its_name_again
        an_address_that_was_taken_away_is_there_again
        what_a_foreign_link_loses_by_a_change_is_there_again
        a_route_that_was_taken_away_is_there_again
        an_interrupt_during_a_ping_takes_down_what_was_made
        a_termination_during_a_ping_takes_down_what_was_made
        an_interrupted_sleep_takes_down_what_was_made
        what_was_made_in_a_foreign_namespace_goes_and_the_rest_stays
        a_failed_run_leaves_its_lab_with_keep
        a_run_that_ends_well_leaves_its_lab
        a_run_that_ends_well_takes_its_lab_down_with_rm
        an_early_exit_leaves_the_lab
        an_exit_code_that_says_failed_takes_the_lab_down;
    ["dummy", "ipvlan"] =>
        slaves_of_a_foreign_parent_go
        a_switched_port_is_switched_back
        a_port_that_a_new_slave_switched_is_switched_back
        a_port_is_switched_back_by_a_later_down;
}

/// What was there before the run: a pair with addresses and routes, a bridge, a namespace with a pair of its own.
fn foreign(lab: &Lab) {
    lab.ip(
        "link add v0 type veth peer name v1\nlink add br0 address 02:00:00:00:00:b0 type bridge\n\
         link set v0 up\nlink set v1 up\n\
         addr add 10.0.0.1/24 dev v0\naddr add 10.0.1.1/24 dev v0\n\
         route add 10.1.0.0/16 via 10.0.0.254\nroute add 10.2.0.0/16 dev v0 metric 7\n\
         netns add old",
    );
    lab.wait_up("v0");
    lab.wait_up("v1");
    lab.ip_in(
        "old",
        "link add o0 type veth peer name o1\nlink set o0 mtu 1300",
    );
}

/// What a script makes before it comes to its end.
const MADE: &str = r#"
    let a = netns("a");
    let v = a.veth("n0", netns("b"), "n1", #{addr: "10.9.0.1/24", up: true});
    v.peer.addr("10.9.0.2/24").up();
    v.wait_up();
    v.peer.wait_up();
    a.bridge("nbr", #{up: true});
    veth("h0", "h1", #{up: true}).master("br0");
    netns("old").veth("p0", "p1");
    netns("old").link("o0").mtu(1400).addr("10.8.0.1/24");
"#;

/// Runs what is made and then `end`, which is to fail; the state must be as before. Returns standard error.
#[track_caller]
fn undone(lab: &Lab, end: &str) -> String {
    foreign(lab);
    let before = state::whole(lab);
    let stderr = lab.fails(&format!("{MADE}{end}"));
    state::assert_same(&state::whole(lab), &before);
    stderr
}

const TOOK_DOWN: &str = "took down what this run made: 2 namespaces, 2 links, 2 other changes\n";

fn a_throw_takes_down_what_was_made(lab: &Lab) {
    assert_eq!(
        undone(lab, "throw \"enough\";"),
        format!(
            "{TOOK_DOWN}error: enough\n  --> lab.rhai:11:1\n   |\n11 | throw \"enough\";\n   | ^^^^^\n"
        )
    );
}

fn a_failed_assertion_takes_down_what_was_made(lab: &Lab) {
    assert_eq!(
        undone(lab, "assert(1 > 2, \"sums\");"),
        format!(
            "{TOOK_DOWN}error: assertion failed: sums\n  --> lab.rhai:11:1\n   |\n\
             11 | assert(1 > 2, \"sums\");\n   | ^^^^^^\n"
        )
    );
}

fn a_misspelt_word_takes_down_what_was_made(lab: &Lab) {
    assert_eq!(
        undone(lab, "a.vteh(\"x\", \"y\");"),
        format!(
            "{TOOK_DOWN}error: a namespace has no method `vteh`\n  --> lab.rhai:11:3\n   |\n\
             11 | a.vteh(\"x\", \"y\");\n   |   ^^^^\nhint: did you mean `veth`?\n"
        )
    );
}

fn a_refusal_of_the_kernel_takes_down_what_was_made(lab: &Lab) {
    let stderr = undone(lab, "a.route(\"10.3.0.0/16\", #{via: \"192.0.2.1\"});");
    assert!(stderr.starts_with(TOOK_DOWN), "{stderr}");
    assert!(stderr.contains("ENETUNREACH"), "{stderr}");
}

/// Lets a script change what is not its own, and fail; the state must be as before.
#[track_caller]
fn put_back(lab: &Lab, changes: &str) {
    foreign(lab);
    let before = state::whole(lab);
    lab.fails(&format!("{changes}\nthrow \"enough\";"));
    state::assert_same(&state::whole(lab), &before);
}

/// The same for what gets another ifindex by it.
#[track_caller]
fn brought_back(lab: &Lab, changes: &str) {
    foreign(lab);
    let before = state::meaning(lab);
    lab.fails(&format!("{changes}\nthrow \"enough\";"));
    state::assert_same(&state::meaning(lab), &before);
}

fn changes_of_a_foreign_link_are_put_back(lab: &Lab) {
    put_back(
        lab,
        r#"let o = netns("old").link("o0");
           o.mtu(1400).mac("02:00:00:00:00:01").alias("mine").up().addr("10.7.0.1/24").route("10.6.0.0/16");
           link("v0").addr("10.0.2.1/24").alias("mine").mtu(1400);
           link("v1").master("br0").mtu(1399);
           link("br0").up();"#,
    );
}

fn a_foreign_link_that_moved_is_brought_back(lab: &Lab) {
    brought_back(lab, r#"netns("old").link("o1").netns(host());"#);
}

fn a_foreign_link_that_moved_into_a_namespace_of_the_run_is_brought_back(lab: &Lab) {
    brought_back(
        lab,
        r#"let o = netns("old").link("o1"); o.netns(netns("new")); o.addr("10.7.0.1/24");"#,
    );
}

fn a_foreign_link_that_was_renamed_has_its_name_again(lab: &Lab) {
    put_back(lab, r#"netns("old").link("o1").rename("mine").mtu(1234);"#);
}

fn an_address_that_was_taken_away_is_there_again(lab: &Lab) {
    foreign(lab);
    let before = lab.addresses(HOST, "v0");
    lab.fails(r#"link("v0").del_addr("10.0.1.1/24"); throw "enough";"#);
    assert_eq!(lab.addresses(HOST, "v0"), before);
}

/// Changes that take routes and addresses from a foreign link: runs that fail and labs that are taken down give them back.
fn what_a_foreign_link_loses_by_a_change_is_there_again(lab: &Lab) {
    foreign(lab);
    lab.ip(
        "addr add fd00::1/64 dev v0 nodad\naddr add fd00::2/64 dev v0 nodad noprefixroute\n\
         route add fd01::/64 via fd00::9\nroute add 10.3.0.0/16 via 10.0.1.254 src 10.0.1.1 metric 9\n\
         route add default nexthop via 10.0.0.253 nexthop via 10.0.1.253 weight 2",
    );
    let undone = |change: &str, state: fn(&Lab) -> Value| {
        let before = state(lab);
        lab.fails(&format!(r#"{change} throw "enough";"#));
        state::assert_same(&state(lab), &before);
        lab.run(change);
        let down = lab.ipvsh(&["down", "lab"]);
        assert_eq!(down.end(), "exit code 0\n", "{change}");
        state::assert_same(&state(lab), &before);
    };
    for change in [
        r#"link("v0").down();"#,
        r#"link("v0").down().addr("10.0.0.9/24").up().del_addr("10.0.0.9");"#,
        r#"link("v0").del_addr("10.0.0.1").del_addr("10.0.1.1");"#,
        r#"link("v0").del_addr("10.0.1.1").route("10.3.0.0/16", #{metric: 9});"#,
    ] {
        undone(change, state::whole);
    }
    // It gets another ifindex on the way.
    for change in [
        r#"link("v0").netns("old");"#,
        r#"let v = link("v0").netns("old"); v.up().down();"#,
    ] {
        undone(change, state::meaning);
    }
}

fn a_route_that_was_taken_away_is_there_again(lab: &Lab) {
    put_back(
        lab,
        r#"del_route("10.1.0.0/16"); route("10.2.0.0/16", "v0", #{metric: 7, source: "10.0.1.1", replace: true});"#,
    );
}

/// Waits until the run prints `line`, sends it a signal, and waits for its end.
#[track_caller]
fn interrupt(mut run: Child, line: &str, signal: Signal) -> (i32, String, String) {
    let mut output = BufReader::new(run.stdout.take().unwrap());
    let mut text = String::new();
    while !text.lines().any(|printed| printed.starts_with(line)) {
        assert_ne!(
            output.read_line(&mut text).unwrap(),
            0,
            "it ended early: {text}"
        );
    }
    kill(Pid::from_raw(i32::try_from(run.id()).unwrap()), signal).unwrap();
    output.read_to_string(&mut text).unwrap();
    let ended = finish(run);
    (ended.code, text, ended.stderr)
}

#[track_caller]
fn signalled(lab: &Lab, last: &str, line: &str, signal: Signal) -> (i32, String, String) {
    foreign(lab);
    let before = state::whole(lab);
    std::fs::write(lab.folder().join("lab.rhai"), format!("{MADE}{last}")).unwrap();
    let ended = interrupt(lab.start(&["lab.rhai"]), line, signal);
    assert_eq!(ended.0, 128 + signal as i32, "{ended:?}");
    state::assert_same(&state::whole(lab), &before);
    ended
}

fn an_interrupt_during_a_ping_takes_down_what_was_made(lab: &Lab) {
    let (code, stdout, stderr) =
        signalled(lab, "a.ping(\"10.9.0.2\", 0);", "64 bytes", Signal::SIGINT);
    assert_eq!(code, 130);
    assert!(
        stdout.contains("--- 10.9.0.2 ping statistics ---"),
        "{stdout}"
    );
    assert!(stderr.starts_with(TOOK_DOWN), "{stderr}");
}

fn a_termination_during_a_ping_takes_down_what_was_made(lab: &Lab) {
    let (code, _, stderr) = signalled(lab, "a.ping(\"10.9.0.2\", 0);", "64 bytes", Signal::SIGTERM);
    assert_eq!(code, 143);
    assert!(stderr.starts_with(TOOK_DOWN), "{stderr}");
}

fn an_interrupted_sleep_takes_down_what_was_made(lab: &Lab) {
    let (code, _, stderr) = signalled(
        lab,
        "print(\"asleep\"); sleep(100);",
        "asleep",
        Signal::SIGINT,
    );
    assert_eq!(
        (code, stderr),
        (
            130,
            format!(
                "{TOOK_DOWN}error: interrupted\n  --> lab.rhai:11:18\n   |\n\
                 11 | print(\"asleep\"); sleep(100);\n   |                  ^^^^^\n"
            )
        )
    );
}

fn what_was_made_in_a_foreign_namespace_goes_and_the_rest_stays(lab: &Lab) {
    put_back(
        lab,
        r#"let old = netns("old"); old.veth("n0", "n1", #{addr: "10.7.0.1/24", up: true}); old.route("10.6.0.0/16", "n0");"#,
    );
    assert_eq!(lab.links("old"), ["o1", "o0"]);
}

fn a_failed_run_leaves_its_lab_with_keep(lab: &Lab) {
    let output = lab.script_with(
        &["--keep"],
        "netns(\"a\").veth(\"v0\", \"v1\");\nthrow \"enough\";",
    );
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (
            1,
            "error: enough\n --> lab.rhai:2:1\n  |\n2 | throw \"enough\";\n  | ^^^^^\n"
        )
    );
    assert_eq!(lab.links("a"), ["v1", "v0"]);
}

fn a_run_that_ends_well_leaves_its_lab(lab: &Lab) {
    lab.run(r#"netns("a").veth("v0", "v1");"#);
    assert_eq!(lab.links("a"), ["v1", "v0"]);
}

fn a_run_that_ends_well_takes_its_lab_down_with_rm(lab: &Lab) {
    foreign(lab);
    let before = state::whole(lab);
    let output = lab.script_with(&["--rm"], &format!("{MADE}print(a.links.len());"));
    assert_eq!(
        (output.code, output.stdout.as_str(), output.stderr.as_str()),
        (0, "3\n", "")
    );
    state::assert_same(&state::whole(lab), &before);
}

fn an_early_exit_leaves_the_lab(lab: &Lab) {
    let output = lab.script(r#"netns("a"); exit(0); netns("b");"#);
    assert_eq!(output.end(), "exit code 0\n");
    assert_eq!(lab.namespaces(), ["a"]);
}

fn an_exit_code_that_says_failed_takes_the_lab_down(lab: &Lab) {
    let output = lab.script(r#"netns("a"); exit(7); netns("b");"#);
    let said = "took down what this run made: 1 namespace\n";
    assert_eq!(output.end(), format!("exit code 7\n{said}"));
    assert_eq!(lab.namespaces(), Vec::<String>::new());
}

fn slaves_of_a_foreign_parent_go(lab: &Lab) {
    lab.ip("link add p0 type dummy\nlink set p0 up\nnetns add old");
    let before = state::meaning(lab);
    lab.fails(
        r#"ipvlan("p0", "v0"); netns("old").ipvlan("p0", "v1", #{addr: "10.0.0.1/24", up: true}); netns("a").ipvlan("p0", "v2");
           throw "enough";"#,
    );
    state::assert_same(&state::meaning(lab), &before);
}

fn a_switched_port_is_switched_back(lab: &Lab) {
    lab.ip("link add p0 type dummy\nlink set p0 up\nnetns add old\n\
         link add link p0 name v1 netns old type ipvlan mode l2 private");
    let before = state::whole(lab);
    lab.fails(r#"netns("old").link("v1").mode("l3", #{flag: "vepa"}); throw "enough";"#);
    state::assert_same(&state::whole(lab), &before);
}

const SIBLING: &str = "link add p0 type dummy\nlink set p0 up\nnetns add old\n\
     link add link p0 name v1 netns old type ipvlan mode l2 private";

const SWITCHING: [&str; 4] = [
    r#"netns("a").ipvlan("p0", "v2", "l3", #{flag: "vepa", switch: true});"#,
    r#"netns("a").ipvlan("p0", "v2").mode("l3s", #{switch: true});"#,
    r#"netns("old").link("v1").mode("l3", #{flag: "vepa"});"#,
    r#"let v = ipvlan("p0", "v2").mode("l3s", #{switch: true}); v.delete();"#,
];

fn a_port_that_a_new_slave_switched_is_switched_back(lab: &Lab) {
    lab.ip(SIBLING);
    let before = state::whole(lab);
    for text in SWITCHING {
        lab.fails(&format!("{text} throw \"enough\";"));
        state::assert_same(&state::whole(lab), &before);
    }
}

fn a_port_is_switched_back_by_a_later_down(lab: &Lab) {
    lab.ip(SIBLING);
    let before = state::whole(lab);
    let port = || lab.link("old", "v1")["linkinfo"]["info_data"].clone();
    for text in SWITCHING {
        lab.run(text);
        assert_ne!(port()["mode"], "l2");
        let output = lab.ipvsh(&["down", "lab"]);
        assert_eq!(output.end(), "exit code 0\n");
        state::assert_same(&state::whole(lab), &before);
    }
    // Switched by a second run, when its slave is none of the run's own.
    lab.run(r#"netns("a").ipvlan("p0", "v2");"#);
    lab.run(r#"netns("a").ipvlan("p0", "v2").mode("l3", #{flag: "vepa", switch: true});"#);
    assert_eq!(port()["mode"], "l3");
    assert_eq!(lab.ipvsh(&["down", "lab"]).code, 0);
    state::assert_same(&state::whole(lab), &before);
}
