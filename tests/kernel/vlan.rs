//! VLAN links.

use serde_json::json;

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["veth"] =>
        what_no_vlan_can_have_is_refused;
    ["veth", "!vlan"] =>
        a_kernel_without_vlans_is_told_with_module_and_config_option;
    ["vlan", "dummy"] =>
        a_vlan_has_the_id_and_the_parent_that_are_asked
        a_vlan_with_the_protocol_of_providers
        a_vlan_is_made_straight_in_another_namespace
        a_vlan_with_another_id_is_a_conflict
        a_vlan_with_flags;
    ["vlan", "veth"] =>
        tagged_frames_reach_the_vlan_of_their_id_only
        an_id_is_for_one_vlan_of_a_parent_only;
}

fn a_vlan_has_the_id_and_the_parent_that_are_asked(lab: &Lab) {
    lab.ip("link add d0 type dummy");
    lab.run(r#"vlan("d0", "d0.10", 10);"#);
    let link = lab.link(HOST, "d0.10");
    let data = &link["linkinfo"]["info_data"];
    assert_eq!(
        (&link["link"], &data["id"], &data["protocol"]),
        (&json!("d0"), &json!(10), &json!("802.1Q"))
    );
}

fn a_vlan_with_the_protocol_of_providers(lab: &Lab) {
    lab.ip("link add d0 type dummy");
    lab.run(r#"vlan("d0", "s", 4094, #{protocol: "802.1ad"});"#);
    let data = &lab.link(HOST, "s")["linkinfo"]["info_data"];
    assert_eq!(
        (&data["id"], &data["protocol"]),
        (&json!(4094), &json!("802.1ad"))
    );
}

fn a_vlan_is_made_straight_in_another_namespace(lab: &Lab) {
    lab.ip("link add d0 type dummy\nlink set d0 up");
    let parent = r#"let v = netns("a").vlan("d0", "v10", 10, #{addr: "10.0.0.1/24", up: true}); v.parent.name"#;
    assert_eq!(lab.value(parent), json!("d0"));
    assert_eq!(lab.links("a"), ["v10"]);
    assert_eq!(
        lab.link("a", "v10")["link_index"],
        lab.link(HOST, "d0")["ifindex"]
    );
    assert_eq!(lab.addresses("a", "v10"), ["10.0.0.1/24"]);
}

fn a_vlan_with_another_id_is_a_conflict(lab: &Lab) {
    lab.ip("link add d0 type dummy\nlink add link d0 name v type vlan id 10");
    let text = r#"try { vlan("d0", "v", 11); } catch (e) { print(e.kind); print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "conflict\n[\"there: vlan, id 10\", \"asked: vlan, id 11\"]\n"
    );
}

fn tagged_frames_reach_the_vlan_of_their_id_only(lab: &Lab) {
    let printed = lab.run(
        r#"
        let a = netns("a");
        let b = netns("b");
        let end = a.veth("e", b, "e", #{up: true});
        end.peer.up();
        a.vlan(end, "t5", 5, #{addr: "10.5.0.1/24", up: true});
        a.vlan(end, "t6", 6, #{addr: "10.6.0.1/24", up: true});
        b.vlan(end.peer, "t5", 5, #{addr: "10.5.0.2/24", up: true}).wait_up();
        b.vlan(end.peer, "t7", 7, #{addr: "10.6.0.2/24", up: true});
        for to in ["10.5.0.2", "10.6.0.2"] {
            print(a.ping(to, #{count: 1, timeout: "300ms", quiet: true}).received);
        }"#,
    );
    assert_eq!(printed, "1\n0\n");
}

fn a_vlan_with_flags(lab: &Lab) {
    lab.ip("link add d0 type dummy");
    let text = r#"vlan("d0", "v", 10, #{reorder_hdr: false, gvrp: true, loose_binding: true});"#;
    let output = lab.script_with(&["--trace"], text);
    assert_eq!(
        output.stderr,
        "+ ip link add link d0 name v type vlan id 10 protocol 802.1Q reorder_hdr off gvrp on loose_binding on\n"
    );
    let data = &lab.link(HOST, "v")["linkinfo"]["info_data"];
    assert_eq!(data["flags"], json!(["GVRP", "LOOSE_BINDING"]));
    let output = lab.script_with(&["--trace"], text);
    assert_eq!(output.end(), "exit code 0\n");
    let text = r#"try { vlan("d0", "v", 10, #{gvrp: false}); } catch (e) { print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "[\"there: vlan, gvrp true\", \"asked: vlan, gvrp false\"]\n"
    );
}

fn a_kernel_without_vlans_is_told_with_module_and_config_option(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1");
    lab.lacks(&[(
        r#"vlan("v0", "v0.10", 10)"#,
        "vlan",
        "v0.10",
        "8021q",
        "CONFIG_VLAN_8021Q",
    )]);
}

fn what_no_vlan_can_have_is_refused(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1");
    lab.refuses(&[
        (
            r#"vlan("v0", "v0.10", -1)"#,
            "invalid: cannot create vlan `v0.10` in namespace `host`: `id` is 0 to 4094, not -1",
        ),
        (
            r#"vlan("v0", "v0.10", 4095)"#,
            "invalid: cannot create vlan `v0.10` in namespace `host`: `id` is 0 to 4094, not 4095",
        ),
        (
            r#"vlan("v0", "v0.10", 10, #{protocol: "802.1qq"})"#,
            "invalid: cannot create vlan `v0.10` in namespace `host`: vlan has no protocol `802.1qq`\n\
             note: protocols: 802.1Q, 802.1ad\n\
             hint: did you mean \"802.1Q\"?",
        ),
        (
            r#"vlan("v0", "v0.10", 10, #{gvpr: true})"#,
            "invalid: cannot create vlan `v0.10` in namespace `host`: `vlan` has no option `gvpr`\n\
             hint: did you mean `gvrp`?",
        ),
        (
            r#"vlan("v0", "v0.10", 10, #{mvrp: 1})"#,
            "invalid: cannot create vlan `v0.10` in namespace `host`: option `mvrp` takes true or false, not an integer",
        ),
        (
            r#"vlan("e7", "v0.10", 10)"#,
            "not_found: cannot create vlan `v0.10` in namespace `host`: there is no link `e7`\n\
             note: links there: lo, v1, v0",
        ),
        (
            r#"let gone = veth("g0", "g1"); link("g0").delete(); vlan(gone, "v0.10", 10)"#,
            "not_found: cannot create vlan `v0.10` in namespace `host`: link `g0` is gone from namespace `host`\n\
             hint: it was deleted after this handle was made; look it up again with link(…)",
        ),
        (
            r#"vlan(netns("a"), "v0.10", 10)"#,
            "invalid: cannot create vlan `v0.10` in namespace `host`: the parent is missing: a namespace stands in its place\n\
             hint: write the namespace in front, then the parent and the name: net.ipvlan(\"eth0\", \"v1\")",
        ),
    ]);
}

fn an_id_is_for_one_vlan_of_a_parent_only(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1\nlink add link v0 name other type vlan id 10");
    lab.refuses(&[(
        r#"vlan("v0", "v0.10", 10)"#,
        "exists: cannot create vlan `v0.10` in namespace `host`: another link has what only one can have\n\
         hint: give it another id, key or address than that link has",
    )]);
}
