//! Making is ensuring: a second run changes nothing.

use serde_json::Value;

use crate::case::cases;
use crate::faults::run_with;
use crate::lab::Lab;
use crate::state;

cases! {
    ["veth", "bridge", "macvlan"] =>
        a_second_run_changes_nothing
        a_link_that_was_moved_is_found_where_it_is_now;
    ["dummy", "ipvlan", "bond", "vlan"] =>
        a_second_run_with_ipvlan_changes_nothing;
    ["veth"] =>
        what_is_missing_is_made_and_the_rest_left
        a_dropped_address_is_added_again
        a_pair_is_found_with_its_far_end_where_that_was_moved
        a_link_that_was_renamed_is_found_by_the_name_that_it_was_made_with;
}

/// Runs `text` twice; the second run must find everything as it is asked for.
fn twice(lab: &Lab, text: &str, objects: usize) {
    let first = lab.script_with(&["--summary"], text);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let before = state::whole(lab);
    let second = lab.script_with(&["--summary"], text);
    let (counts, lines): (Vec<&str>, Vec<&str>) = second
        .stderr
        .lines()
        .partition(|line| line.starts_with("created"));
    assert_eq!(
        (second.code, counts),
        (
            0,
            vec![format!("created 0, changed 0, unchanged {objects}, deleted 0").as_str()]
        )
    );
    assert_eq!(lines.len(), objects);
    for line in lines {
        assert!(line.starts_with("= "), "{line}");
    }
    state::assert_same(&state::whole(lab), &before);
}

fn a_second_run_changes_nothing(lab: &Lab) {
    let text = r#"
        let a = netns("a");
        let v = a.veth("v0", netns("b"), "v1", #{mtu: 1400, alias: "near", up: true});
        v.addr("10.0.0.1/24").addr("fd00::1/64", #{nodad: true}).route("10.1.0.0/16");
        v.peer.mac("02:00:00:00:00:01").up().wait_up();
        v.wait_up();
        a.bridge("br0", #{stp: true});
        a.veth("w0", "w1").master("br0");
        a.macvlan(v, "m0", "private", #{addr: "10.2.0.1/24", up: true});
        a.route("default", #{via: "10.0.0.254"});"#;
    twice(lab, text, 18);
}

fn a_link_that_was_moved_is_found_where_it_is_now(lab: &Lab) {
    lab.ip("link add p0 type veth peer name p1\nlink set p0 up\nlink set p1 up\nlink add m0 link p0 type macvlan");
    let text = r#"
        macvlan("p0", "mv0");
        netns("a"); netns("b");
        link("mv0").netns("a", "eth0");
        let m = link("m0").netns("b");
        within "a" { addr("eth0", "10.0.0.1/24"); up("eth0"); }
        m.up();"#;
    // As often as the script asks for them: what is asked of a link that is there is reported, too.
    twice(lab, text, 8);
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(plan.end(), "exit code 0\n", "{}", plan.stdout);
    // What somebody else has deleted is made again where the script says.
    lab.ip_in("a", "link del eth0");
    let again = lab.script_with(&["--summary"], text);
    assert!(
        again
            .stderr
            .ends_with("created 2, changed 2, unchanged 4, deleted 0\n"),
        "{}",
        again.stderr
    );
    assert_eq!(lab.addresses("a", "eth0"), ["10.0.0.1/24"]);
    assert_eq!(lab.links("b"), ["m0"]);
}

fn a_second_run_with_ipvlan_changes_nothing(lab: &Lab) {
    let text = r#"
        dummy("d0"); dummy("d1");
        let up = bond("bond0", "active-backup", ["d0", "d1"], #{miimon: 100, up: true});
        vlan(up, "bond0.7", 7);
        for i in 1..=2 {
            netns(`n${i}`).ipvlan(up, "v", "l2", #{flag: "private", addr: `10.${i}.0.1/24`, up: true, route: "default"});
        }"#;
    twice(lab, text, 17);
}

fn what_is_missing_is_made_and_the_rest_left(lab: &Lab) {
    lab.ip("netns add a");
    lab.ip_in("a", "link add v0 type veth peer name v1\nlink set v0 up");
    let text = r#"netns("a").veth("v0", "v1", #{up: true}).addr("10.0.0.1/24");"#;
    let output = lab.script_with(&["--summary"], text);
    assert_eq!(
        output.stderr,
        "\
= namespace a
= veth      v0 in a
= state     v0: up in a
+ address   10.0.0.1/24 on v0 in a
created 1, changed 0, unchanged 3, deleted 0
"
    );
    assert_eq!(lab.addresses("a", "v0"), ["10.0.0.1/24"]);
}

fn a_dropped_address_is_added_again(lab: &Lab) {
    let text = r#"netns("a").veth("v0", "v1", #{addr: "10.0.0.1/24"});"#;
    lab.run(text);
    lab.ip_in("a", "addr del 10.0.0.1/24 dev v0");
    lab.run(text);
    assert_eq!(lab.addresses("a", "v0"), ["10.0.0.1/24"]);
}

/// The objects that a run reports, which has to end well.
fn reported(lab: &Lab, fault: &str, script: &str) -> Vec<Value> {
    let output = run_with(lab, fault, &["--json", script]);
    assert_eq!(output.end(), "exit code 0\n", "{script}");
    let document: Value = serde_json::from_str(&output.stdout).unwrap();
    document["objects"].as_array().unwrap().clone()
}

/// A second run of a script changes nothing: a changing request would be the end of it, as it is killed before its first one.
pub(crate) fn is_unchanged_by_a_second_run(lab: &Lab, script: &str) {
    let first = reported(lab, "", script);
    assert!(first.iter().any(|object| object["outcome"] == "created"));
    let before = state::whole(lab);
    let second = reported(lab, "kill-before:1", script);
    for object in &second {
        assert_eq!(object["outcome"], "unchanged", "{object}");
    }
    state::assert_same(&state::whole(lab), &before);
}

fn a_pair_is_found_with_its_far_end_where_that_was_moved(lab: &Lab) {
    let text = r#"
        let a = netns("a");
        veth("v0", "v1").peer.netns(a).addr("10.0.0.1/24").up();
        veth("w0", "w1");
        link("w1").netns(a, "eth1").up();
        a.veth("x0", "x1").peer.netns(host());"#;
    twice(lab, text, 10);
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(plan.end(), "exit code 0\n", "{}", plan.stdout);
    // Moved on by somebody else, it is not where the lab has left it.
    lab.sh("ip netns add b\nip -n a link set v1 netns b");
    let run = lab.ipvsh(&["lab.rhai"]);
    assert!(
        run.code == 1 && run.stderr.contains("there: `v1` in namespace `b`"),
        "{}",
        run.stderr
    );
}

fn a_link_that_was_renamed_is_found_by_the_name_that_it_was_made_with(lab: &Lab) {
    let text = r#"
        let a = netns("a");
        let v = veth("v0", "v1").rename("near").up();
        v.peer.rename("far").netns(a).up();
        a.veth("x0", "x1").rename("x2");"#;
    twice(lab, text, 9);
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(plan.end(), "exit code 0\n", "{}", plan.stdout);
    let down = lab.ipvsh(&["down", "lab.rhai"]);
    assert_eq!(down.code, 0, "{}", down.stderr);
    assert!(lab.links(crate::lab::HOST).is_empty());
}
