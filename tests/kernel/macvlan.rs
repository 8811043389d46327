//! macvlan slaves.

use serde_json::json;

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["macvlan", "veth"] =>
        a_macvlan_slave_in_each_mode
        a_macvlan_slave_is_in_mode_bridge_where_none_is_asked
        a_macvlan_slave_is_made_straight_in_its_namespace
        a_macvlan_slave_in_another_mode_is_a_conflict
        siblings_in_mode_bridge_talk_and_in_mode_private_do_not;
    ["macvtap", "veth"] =>
        a_macvtap_slave_in_each_mode
        a_macvtap_slave_in_another_mode_is_a_conflict;
}

fn parent(lab: &Lab) {
    lab.ip("link add p0 type veth peer name p1\nlink set p0 up\nlink set p1 up");
}

fn a_macvlan_slave_in_each_mode(lab: &Lab) {
    parent(lab);
    for mode in ["bridge", "private", "vepa", "passthru", "source"] {
        lab.run(&format!(r#"macvlan("p0", "m0", "{mode}");"#));
        assert_eq!(
            lab.link(HOST, "m0")["linkinfo"]["info_data"]["mode"],
            json!(mode)
        );
        lab.ip("link del m0");
    }
}

fn a_macvlan_slave_is_in_mode_bridge_where_none_is_asked(lab: &Lab) {
    parent(lab);
    lab.run(r#"macvlan("p0", "m0", #{mac: "02:00:00:00:00:07"});"#);
    let link = lab.link(HOST, "m0");
    assert_eq!(link["linkinfo"]["info_data"]["mode"], "bridge");
    assert_eq!(
        (&link["link"], &link["address"]),
        (&json!("p0"), &json!("02:00:00:00:00:07"))
    );
}

fn a_macvlan_slave_is_made_straight_in_its_namespace(lab: &Lab) {
    parent(lab);
    lab.run(r#"netns("a").macvlan("p0", "m0", #{addr: "10.0.0.1/24", up: true});"#);
    assert_eq!(lab.links("a"), ["m0"]);
    assert_eq!(
        lab.link("a", "m0")["link_index"],
        lab.link(HOST, "p0")["ifindex"]
    );
    assert_eq!(lab.addresses("a", "m0"), ["10.0.0.1/24"]);
}

fn a_macvlan_slave_in_another_mode_is_a_conflict(lab: &Lab) {
    parent(lab);
    lab.ip("link add link p0 name m0 type macvlan mode vepa");
    let text =
        r#"try { macvlan("p0", "m0", "bridge"); } catch (e) { print(e.kind); print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "conflict\n[\"there: macvlan, mode vepa\", \"asked: macvlan, mode bridge\"]\n"
    );
}

fn siblings_in_mode_bridge_talk_and_in_mode_private_do_not(lab: &Lab) {
    parent(lab);
    let printed = lab.run(
        r#"
        for mode in ["bridge", "private"] {
            let a = netns(`${mode}-a`);
            a.macvlan("p0", "m0", mode, #{addr: "10.0.0.1/24", up: true}).wait_up();
            netns(`${mode}-b`).macvlan("p0", "m0", mode, #{addr: "10.0.0.2/24", up: true}).wait_up();
            let report = a.ping("10.0.0.2", #{count: 1, timeout: "300ms", quiet: true});
            print(`${mode}: ${report.received}`);
        }"#,
    );
    assert_eq!(printed, "bridge: 1\nprivate: 0\n");
}

fn a_macvtap_slave_in_each_mode(lab: &Lab) {
    parent(lab);
    for mode in ["bridge", "private", "vepa", "passthru", "source"] {
        lab.run(&format!(r#"macvtap("p0", "t0", "{mode}", #{{up: true}});"#));
        let info = &lab.link(HOST, "t0")["linkinfo"];
        assert_eq!(
            (&info["info_kind"], &info["info_data"]["mode"]),
            (&json!("macvtap"), &json!(mode))
        );
        lab.ip("link del t0");
    }
}

fn a_macvtap_slave_in_another_mode_is_a_conflict(lab: &Lab) {
    parent(lab);
    lab.run(r#"macvtap("p0", "t0", "vepa"); macvtap("p0", "t0", "vepa");"#);
    let text = r#"try { macvtap("p0", "t0"); } catch (e) { print(e.kind); print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "conflict\n[\"there: macvtap, mode vepa\", \"asked: macvtap, mode bridge\"]\n"
    );
}
