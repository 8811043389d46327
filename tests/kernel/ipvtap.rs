//! ipvtap slaves.

use serde_json::json;

use crate::case::cases;
use crate::lab::Lab;

cases! {
    ["veth", "!ipvtap"] =>
        a_kernel_without_ipvtap_is_told_with_module_and_config_option;
    ["ipvtap", "dummy"] =>
        an_ipvtap_slave_in_each_mode
        an_ipvtap_slave_shares_the_port_with_ipvlan_slaves;
}

fn parent(lab: &Lab) {
    lab.ip("link add p0 type dummy\nlink set p0 up");
}

fn an_ipvtap_slave_in_each_mode(lab: &Lab) {
    parent(lab);
    for mode in ["l2", "l3", "l3s"] {
        lab.run(&format!(
            r#"netns("a").ipvtap("p0", "t", "{mode}", #{{flag: "vepa"}});"#
        ));
        let info = lab.link("a", "t")["linkinfo"].clone();
        assert_eq!(info["info_kind"], "ipvtap");
        assert_eq!(
            lab.value(r#"let t = existing("a").link("t"); [t.kind, t.mode, t.flag]"#),
            json!(["ipvtap", mode, "vepa"])
        );
        lab.ip_in("a", "link del dev t");
    }
}

fn an_ipvtap_slave_shares_the_port_with_ipvlan_slaves(lab: &Lab) {
    parent(lab);
    lab.run(
        r#"netns("a").ipvlan("p0", "v", "l2", #{flag: "private"}); netns("b").ipvtap("p0", "t");"#,
    );
    assert_eq!(
        lab.value(r#"let t = existing("b").link("t"); [t.mode, t.flag]"#),
        json!(["l2", "private"])
    );
    let sibling = lab.link("a", "v");
    assert_eq!(sibling["linkinfo"]["info_data"]["mode"], "l2");
}

fn a_kernel_without_ipvtap_is_told_with_module_and_config_option(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up");
    lab.wait_up("v0");
    lab.wait_up("v1");
    lab.lacks(&[(
        r#"ipvtap("v0", "i0")"#,
        "ipvtap",
        "i0",
        "ipvtap",
        "CONFIG_IPVTAP",
    )]);
}
