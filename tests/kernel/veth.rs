//! veth pairs.

use serde_json::json;

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["veth"] =>
        a_pair_within_a_namespace
        a_pair_between_two_namespaces
        a_pair_to_a_namespace_given_by_name
        the_options_are_for_the_first_end
        the_peer_of_each_end_is_the_other
        a_peer_in_a_namespace_without_a_name_can_not_be_told
        deleting_one_end_deletes_both
        a_link_of_another_kind_has_no_peer
        what_no_veth_can_have_is_refused;
}

fn a_pair_within_a_namespace(lab: &Lab) {
    lab.run(r#"netns("a").veth("v0", "v1");"#);
    assert_eq!(lab.link("a", "v0")["link"], "v1");
    assert_eq!(lab.link("a", "v1")["link"], "v0");
}

fn a_pair_between_two_namespaces(lab: &Lab) {
    lab.run(r#"netns("a").veth("to-b", netns("b"), "to-a");"#);
    assert!(lab.links(HOST).is_empty());
    assert_eq!(lab.links("a"), ["to-b"]);
    assert_eq!(lab.links("b"), ["to-a"]);
    let (near, far) = (lab.link("a", "to-b"), lab.link("b", "to-a"));
    assert_eq!(near["link_index"], far["ifindex"]);
    assert_eq!(far["link_index"], near["ifindex"]);
}

fn a_pair_to_a_namespace_given_by_name(lab: &Lab) {
    lab.ip("netns add b");
    lab.run(r#"veth("to-b", "b", "to-host");"#);
    assert_eq!(lab.links(HOST), ["to-b"]);
    assert_eq!(lab.links("b"), ["to-host"]);
}

fn the_options_are_for_the_first_end(lab: &Lab) {
    lab.run(r#"netns("a").veth("v0", "v1", #{addr: "10.0.0.1/24", mtu: 1400, up: true});"#);
    assert_eq!(lab.addresses("a", "v0"), ["10.0.0.1/24"]);
    assert_eq!(lab.link("a", "v0")["mtu"], 1400);
    assert!(lab.addresses("a", "v1").is_empty());
    assert_eq!(lab.link("a", "v1")["operstate"], "DOWN");
}

fn the_peer_of_each_end_is_the_other(lab: &Lab) {
    lab.ip("netns add a\nnetns add b\nlink add v0 netns a type veth peer name v1 netns b");
    let text = r#"let v = netns("a").link("v0"); let w = v.peer; [w.name, w.netns.name, w.peer.name, w.peer.netns.name]"#;
    assert_eq!(lab.value(text), json!(["v1", "b", "v0", "a"]));
}

fn a_peer_in_a_namespace_without_a_name_can_not_be_told(lab: &Lab) {
    lab.ip("netns add a\nnetns add b\nlink add v0 netns a type veth peer name v1 netns b");
    let held = std::fs::File::open("/run/netns/b").unwrap();
    lab.ip("netns del b");
    assert_eq!(lab.value(r#"netns("a").link("v0").peer"#), json!(null));
    drop(held);
}

fn deleting_one_end_deletes_both(lab: &Lab) {
    lab.run(r#"let v = netns("a").veth("v0", netns("b"), "v1"); v.peer.delete();"#);
    assert!(lab.links("a").is_empty());
    assert!(lab.links("b").is_empty());
}

fn a_link_of_another_kind_has_no_peer(lab: &Lab) {
    assert_eq!(lab.value(r#"link("lo").peer"#), json!(null));
}

fn what_no_veth_can_have_is_refused(lab: &Lab) {
    lab.ip("link add x0 type veth peer name x1");
    lab.refuses(&[
        (
            r#"veth("v0", "v0")"#,
            "invalid: cannot create veth `v0` in namespace `host`: the two ends can't have one name in one namespace",
        ),
        (
            r#"veth("v0", "v/1")"#,
            "invalid: cannot create veth `v0` in namespace `host`: a link's name holds no slash, `v/1` does",
        ),
        (
            r#"veth("v0", "x1")"#,
            "exists: cannot create veth `v0` in namespace `host`: the peer's name `x1` is taken\n\
             note: there: veth `x1`\n\
             hint: take another name for the peer",
        ),
        (
            r#"veth("v0", "v1", #{mod: "l2"})"#,
            "invalid: cannot create veth `v0` in namespace `host`: `veth` has no option `mod`",
        ),
        (
            r#"veth("x0", "x2")"#,
            "conflict: cannot create veth `x0` in namespace `host`: a pair of that name is there and ends elsewhere\n\
             note: there: `x1` in namespace `host`\n\
             note: asked: `x2` in namespace `host`\n\
             hint: take another name, ask for what is there, or replace it with #{replace: true}",
        ),
    ]);
}
