//! Making is ensuring: a second run changes nothing.

use crate::case::cases;
use crate::lab::Lab;
use crate::state;

cases! {
    ["veth", "bridge", "macvlan"] =>
        a_second_run_changes_nothing;
    ["dummy", "ipvlan", "bond", "vlan"] =>
        a_second_run_with_ipvlan_changes_nothing;
    ["veth"] =>
        what_is_missing_is_made_and_the_rest_left
        a_dropped_address_is_added_again;
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

fn a_second_run_with_ipvlan_changes_nothing(lab: &Lab) {
    let text = r#"
        dummy("d0"); dummy("d1");
        let up = bond("bond0", "active-backup", ["d0", "d1"], #{miimon: 100, up: true});
        vlan(up, "bond0.7", 7);
        for i in 1..=2 {
            netns(`n${i}`).ipvlan(up, "v", "l2", #{flag: "private", addr: `10.${i}.0.1/24`, up: true, route: "default"});
        }"#;
    twice(lab, text, 15);
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
