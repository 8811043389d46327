//! ipvlan slaves, and the port that those of one parent share.

use serde_json::{Value, json};

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["veth", "!ipvlan"] =>
        a_kernel_without_ipvlan_is_told_with_module_and_config_option;
    ["ipvlan", "dummy"] =>
        a_slave_in_each_mode_and_flag
        the_first_slave_is_in_mode_l3_and_flag_bridge
        a_slave_is_made_straight_in_its_namespace
        a_slave_takes_a_name_that_the_parents_namespace_has_too
        a_slave_has_the_mac_address_of_its_parent
        a_second_slave_without_a_mode_keeps_mode_and_flag_of_the_port
        a_second_slave_of_an_iproute2_made_port_keeps_it_too
        a_second_slave_that_switches_switches_its_siblings
        a_mode_is_set_on_a_slave_without_siblings
        a_mode_is_set_on_all_siblings_where_that_is_asked
        a_slave_on_a_slave_is_a_sibling_on_the_parent
        a_slave_that_is_there_is_found_again
        a_slave_of_another_parent_is_a_conflict
        slaves_in_mode_l3_talk_across_subnets
        slaves_with_flag_private_do_not_talk
        deleting_the_parent_deletes_slaves_in_every_namespace
        an_address_that_a_sibling_has_is_refused;
}

fn parent(lab: &Lab) {
    lab.ip("link add p0 type dummy\nlink set p0 up");
}

fn port(link: &Value) -> (&str, &str) {
    let data = &link["linkinfo"]["info_data"];
    let flags = ["bridge", "private", "vepa"];
    let flag = flags.into_iter().find(|flag| data[*flag] == true);
    (
        data["mode"].as_str().unwrap_or_default(),
        flag.unwrap_or_default(),
    )
}

fn a_slave_in_each_mode_and_flag(lab: &Lab) {
    parent(lab);
    for mode in ["l2", "l3", "l3s"] {
        for flag in ["bridge", "private", "vepa"] {
            lab.ip("netns add oracle");
            lab.ip(&format!(
                "link add link p0 name v netns oracle type ipvlan mode {mode} {flag}"
            ));
            let theirs = lab.link("oracle", "v")["linkinfo"].clone();
            lab.ip_in("oracle", "link del v");
            lab.run(&format!(
                "netns(\"oracle\").ipvlan(\"p0\", \"v\", \"{mode}\", #{{flag: \"{flag}\"}});"
            ));
            let ours = lab.link("oracle", "v");
            assert_eq!(ours["linkinfo"], theirs);
            assert_eq!(port(&ours), (mode, flag));
            lab.ip_in("oracle", "link del v");
            lab.ip("netns del oracle");
        }
    }
}

fn the_first_slave_is_in_mode_l3_and_flag_bridge(lab: &Lab) {
    parent(lab);
    assert_eq!(
        lab.value(r#"let v = ipvlan("p0", "v"); [v.mode, v.flag]"#),
        json!(["l3", "bridge"])
    );
    assert_eq!(port(&lab.link(HOST, "v")), ("l3", "bridge"));
}

fn a_slave_is_made_straight_in_its_namespace(lab: &Lab) {
    parent(lab);
    let index = lab.value(r#"netns("a").ipvlan("p0", "v", "l2").index"#);
    assert_eq!(lab.links(HOST), ["p0"]);
    let link = lab.link("a", "v");
    assert_eq!(link["ifindex"], index);
    assert_eq!(link["link_index"], lab.link(HOST, "p0")["ifindex"]);
    assert_eq!(
        lab.value(r#"let p = netns("a").link("v").parent; [p.name, p.netns.name]"#),
        json!(["p0", "host"])
    );
}

fn a_slave_takes_a_name_that_the_parents_namespace_has_too(lab: &Lab) {
    parent(lab);
    lab.ip("link add eth0 type dummy");
    lab.run(r#"netns("a").ipvlan("p0", "eth0", "l2", #{addr: "10.0.0.1/24", up: true});"#);
    let link = lab.link("a", "eth0");
    assert_eq!(link["linkinfo"]["info_kind"], "ipvlan");
    assert!(link["flags"].as_array().unwrap().contains(&json!("UP")));
    assert_eq!(lab.links("a"), ["eth0"]);
    assert_eq!(lab.addresses("a", "eth0"), ["10.0.0.1/24"]);
    assert_eq!(lab.link(HOST, "eth0")["linkinfo"]["info_kind"], "dummy");
}

fn a_slave_has_the_mac_address_of_its_parent(lab: &Lab) {
    parent(lab);
    lab.run(r#"netns("a").ipvlan("p0", "v");"#);
    assert_eq!(
        lab.link("a", "v")["address"],
        lab.link(HOST, "p0")["address"]
    );
}

fn a_second_slave_without_a_mode_keeps_mode_and_flag_of_the_port(lab: &Lab) {
    parent(lab);
    lab.run(
        r#"netns("a").ipvlan("p0", "v1", "l2", #{flag: "private"});
           netns("b").ipvlan("p0", "v2");"#,
    );
    assert_eq!(port(&lab.link("a", "v1")), ("l2", "private"));
    assert_eq!(port(&lab.link("b", "v2")), ("l2", "private"));
}

fn a_second_slave_of_an_iproute2_made_port_keeps_it_too(lab: &Lab) {
    parent(lab);
    lab.ip("netns add a\nlink add link p0 name v1 netns a type ipvlan mode l3s vepa");
    lab.run(r#"netns("b").ipvlan("p0", "v2");"#);
    assert_eq!(port(&lab.link("a", "v1")), ("l3s", "vepa"));
    assert_eq!(port(&lab.link("b", "v2")), ("l3s", "vepa"));
}

fn a_second_slave_that_switches_switches_its_siblings(lab: &Lab) {
    parent(lab);
    lab.run(
        r#"netns("a").ipvlan("p0", "v1", "l2");
           netns("b").ipvlan("p0", "v2", "l3", #{flag: "vepa", switch: true});"#,
    );
    assert_eq!(port(&lab.link("a", "v1")), ("l3", "vepa"));
    assert_eq!(port(&lab.link("b", "v2")), ("l3", "vepa"));
}

fn a_mode_is_set_on_a_slave_without_siblings(lab: &Lab) {
    parent(lab);
    lab.run(r#"netns("a").ipvlan("p0", "v1", "l2").mode("l3s", #{flag: "private"});"#);
    assert_eq!(port(&lab.link("a", "v1")), ("l3s", "private"));
}

fn a_mode_is_set_on_all_siblings_where_that_is_asked(lab: &Lab) {
    parent(lab);
    lab.run(
        r#"let v = netns("a").ipvlan("p0", "v1", "l2");
           netns("b").ipvlan("p0", "v2");
           v.mode("l3", #{switch: true});"#,
    );
    assert_eq!(port(&lab.link("a", "v1")).0, "l3");
    assert_eq!(port(&lab.link("b", "v2")).0, "l3");
}

fn a_slave_on_a_slave_is_a_sibling_on_the_parent(lab: &Lab) {
    parent(lab);
    let text = r#"let v = ipvlan("p0", "v1", "l2").up(); netns("a").ipvlan(v, "v2").parent.name"#;
    assert_eq!(lab.value(text), json!("p0"));
    assert_eq!(
        lab.link("a", "v2")["link_index"],
        lab.link(HOST, "p0")["ifindex"]
    );
    assert_eq!(port(&lab.link("a", "v2")).0, "l2");
}

fn a_slave_that_is_there_is_found_again(lab: &Lab) {
    parent(lab);
    lab.ip("netns add a\nlink add link p0 name v netns a type ipvlan mode l2");
    let before = crate::state::whole(lab);
    let output = lab.script_with(&["--summary"], r#"netns("a").ipvlan("p0", "v", "l2");"#);
    assert_eq!(
        output.stderr,
        "= namespace a\n= ipvlan    v in a\ncreated 0, changed 0, unchanged 2, deleted 0\n"
    );
    crate::state::assert_same(&crate::state::whole(lab), &before);
}

fn a_slave_of_another_parent_is_a_conflict(lab: &Lab) {
    parent(lab);
    lab.ip("link add p1 type dummy\nlink set p1 up\nnetns add a\n\
         link add link p0 name v netns a type ipvlan mode l2");
    let text =
        r#"try { netns("a").ipvlan("p1", "v"); } catch (e) { print(e.kind); print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "conflict\n[\"there: ipvlan, parent p0\", \"asked: ipvlan, parent p1\"]\n"
    );
}

const TWO: &str = r#"
    let a = netns("a");
    a.ipvlan("p0", "v", MODE, #{addr: "10.1.0.2/24", up: true, route: "default"});
    netns("b").ipvlan("p0", "v", #{addr: "10.2.0.2/24", up: true, route: "default"});
    print(a.ping("10.2.0.2", #{count: 1, timeout: "1s", quiet: true}).received);"#;

fn slaves_in_mode_l3_talk_across_subnets(lab: &Lab) {
    parent(lab);
    assert_eq!(lab.run(&TWO.replace("MODE,", "\"l3\",")), "1\n");
}

fn slaves_with_flag_private_do_not_talk(lab: &Lab) {
    parent(lab);
    let private = TWO.replace("MODE, #{", "\"l3\", #{flag: \"private\", ");
    assert_eq!(lab.run(&private), "0\n");
}

fn deleting_the_parent_deletes_slaves_in_every_namespace(lab: &Lab) {
    parent(lab);
    lab.run(
        r#"netns("a").ipvlan("p0", "v1"); netns("b").ipvlan("p0", "v2"); link("p0").delete();"#,
    );
    assert!(lab.links("a").is_empty());
    assert!(lab.links("b").is_empty());
}

fn an_address_that_a_sibling_has_is_refused(lab: &Lab) {
    parent(lab);
    let text = r#"
        netns("a").ipvlan("p0", "v1", #{addr: "10.0.0.1/24", up: true});
        let v2 = netns("b").ipvlan("p0", "v2", #{up: true});
        try { v2.addr("10.0.0.1/24"); } catch (e) { print(`${e.kind} ${e.errno}: ${e.message}`); }"#;
    assert_eq!(
        lab.run(text),
        "exists EADDRINUSE: cannot add address `10.0.0.1/24` in namespace `b`: another slave of the same parent has it\n"
    );
    assert!(lab.addresses("b", "v2").is_empty());
}

fn a_kernel_without_ipvlan_is_told_with_module_and_config_option(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up");
    lab.wait_up("v0");
    lab.wait_up("v1");
    lab.lacks(&[(
        r#"ipvlan("v0", "i0")"#,
        "ipvlan",
        "i0",
        "ipvlan",
        "CONFIG_IPVLAN",
    )]);
}
