//! Bridges.

use serde_json::json;

use crate::case::cases;
use crate::lab::Lab;

cases! {
    ["bridge"] =>
        a_bridge_is_made_as_iproute2_makes_it
        a_bridge_that_differs_is_a_conflict;
    ["bridge", "vlan_filtering"] =>
        a_bridge_with_options;
    ["bridge", "veth"] =>
        what_is_plugged_into_a_bridge_can_talk;
}

fn a_bridge_is_made_as_iproute2_makes_it(lab: &Lab) {
    lab.ip("netns add b");
    lab.ip_in("b", "link add br0 type bridge");
    lab.run(r#"netns("a").bridge("br0");"#);
    let state = crate::state::meaning(lab);
    crate::state::assert_same(&state["a"], &state["b"]);
}

fn a_bridge_with_options(lab: &Lab) {
    lab.run(r#"netns("a").bridge("br0", #{stp: true, vlan_filtering: true, up: true});"#);
    let link = lab.link("a", "br0");
    let data = &link["linkinfo"]["info_data"];
    assert_eq!(
        (&data["stp_state"], &data["vlan_filtering"]),
        (&json!(1), &json!(1))
    );
    assert!(link["flags"].as_array().unwrap().contains(&json!("UP")));
}

fn a_bridge_that_differs_is_a_conflict(lab: &Lab) {
    let text = r#"
        let a = netns("a");
        a.bridge("br0", #{stp: true});
        try { a.bridge("br0", #{stp: false}); } catch (e) { print(e.kind); print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "conflict\n[\"there: bridge, stp true\", \"asked: bridge, stp false\"]\n"
    );
}

fn what_is_plugged_into_a_bridge_can_talk(lab: &Lab) {
    let printed = lab.run(
        r#"
        let hub = netns("hub");
        let br = hub.bridge("br0", #{up: true});
        for i in 1..=2 {
            let host = netns(`h${i}`);
            let port = host.veth("eth0", hub, `p${i}`, #{addr: `10.0.0.${i}/24`, up: true}).peer;
            port.master(br).up();
            host.link("eth0").wait_up();
        }
        print(netns("h1").ping("10.0.0.2", #{count: 1, quiet: true}).received);"#,
    );
    assert_eq!(printed, "1\n");
    assert_eq!(lab.link("hub", "p1")["master"], "br0");
}
