//! Bonds.

use serde_json::json;

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    [] =>
        what_no_bond_can_have_is_refused;
    ["!bond"] =>
        a_kernel_without_bonds_is_told_with_module_and_config_option;
    ["bond"] =>
        a_bond_is_made_as_ip_makes_it
        a_bond_in_each_mode;
    ["bond", "dummy"] =>
        a_bond_takes_its_ports_and_brings_them_up
        a_bond_with_options
        a_bond_in_another_mode_is_a_conflict
        a_bond_with_all_its_options
        a_bond_that_watches_by_arp
        the_traffic_goes_to_the_active_port
        the_active_port_of_a_foreign_bond_is_put_back
        the_primary_port_is_the_one_that_is_asked
        a_delay_without_an_interval_is_refused
        a_rate_in_another_mode_is_refused
        a_link_that_is_no_port_can_not_be_active;
}

fn a_bond_is_made_as_ip_makes_it(lab: &Lab) {
    lab.as_ip_makes_it(
        "b0",
        r#"bond("b0", "802.3ad", #{miimon: 100, peer_notify_delay: 200, ad_actor_sys_prio: 100, ad_user_port_key: 7, num_grat_arp: 3,
            resend_igmp: 2, lp_interval: 5, all_slaves_active: true, lacp_active: false, ad_select: "bandwidth"});"#,
        "link add name b0 type bond mode 802.3ad miimon 100 peer_notify_delay 200 ad_actor_sys_prio 100 ad_user_port_key 7 \
         lp_interval 5 num_grat_arp 3 resend_igmp 2 all_slaves_active 1 lacp_active off ad_select bandwidth",
    );
    lab.as_ip_makes_it(
        "b0",
        r#"bond("b0", "active-backup", #{arp_interval: 100, arp_ip_target: ["10.0.0.1"], arp_validate: "all", arp_all_targets: "all",
            ns_ip6_target: ["fd00::1", "fd00::2"]});"#,
        "link add name b0 type bond mode active-backup arp_interval 100 arp_ip_target 10.0.0.1 arp_validate all \
         arp_all_targets all ns_ip6_target 'fd00::1,fd00::2'",
    );
    lab.as_ip_makes_it(
        "b0",
        r#"bond("b0", "balance-rr", #{packets_per_slave: 4});"#,
        "link add name b0 type bond mode balance-rr packets_per_slave 4",
    );
    lab.as_ip_makes_it(
        "b0",
        r#"bond("b0", "balance-tlb", #{tlb_dynamic_lb: false});"#,
        "link add name b0 type bond mode balance-tlb tlb_dynamic_lb 0",
    );
}

fn a_bond_in_each_mode(lab: &Lab) {
    let modes = [
        "balance-rr",
        "active-backup",
        "balance-xor",
        "broadcast",
        "802.3ad",
        "balance-tlb",
        "balance-alb",
    ];
    lab.run(&format!(
        "let n = 0; for mode in {modes:?} {{ bond(`b${{n}}`, mode); n += 1; }}"
    ));
    let made: Vec<_> = (0..modes.len())
        .map(|n| lab.link(HOST, &format!("b{n}"))["linkinfo"]["info_data"]["mode"].clone())
        .collect();
    assert_eq!(made, modes);
}

fn a_bond_takes_its_ports_and_brings_them_up(lab: &Lab) {
    lab.ip("link add p0 type dummy\nlink add p1 type dummy\nlink set p0 up");
    lab.run(r#"bond("bond0", "active-backup", [link("p0"), "p1"]).up();"#);
    for port in ["p0", "p1"] {
        let port = lab.link(HOST, port);
        assert_eq!(port["master"], "bond0");
        assert!(port["flags"].as_array().unwrap().contains(&json!("UP")));
    }
}

fn a_bond_with_options(lab: &Lab) {
    lab.run(
        r#"let a = netns("a"); a.dummy("p0"); a.bond("bond0", "802.3ad", ["p0"], #{miimon: 50, addr: "10.0.0.1/24", up: true});"#,
    );
    let data = &lab.link("a", "bond0")["linkinfo"]["info_data"];
    assert_eq!(
        (&data["mode"], &data["miimon"]),
        (&json!("802.3ad"), &json!(50))
    );
    assert_eq!(lab.addresses("a", "bond0"), ["10.0.0.1/24"]);
    assert_eq!(lab.link("a", "p0")["master"], "bond0");
}

fn a_bond_in_another_mode_is_a_conflict(lab: &Lab) {
    lab.ip("link add bond0 type bond mode balance-xor");
    let text =
        r#"try { bond("bond0", "active-backup"); } catch (e) { print(e.kind); print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "conflict\n[\"there: bond, mode balance-xor\", \"asked: bond, mode active-backup\"]\n"
    );
}

const ALL: &str = r#"bond("bond0", "802.3ad", ["p0"], #{
    miimon: 50, updelay: 100, downdelay: 200, min_links: 1, lacp_rate: "fast", xmit_hash_policy: "layer3+4",
});"#;

fn a_bond_with_all_its_options(lab: &Lab) {
    lab.ip("link add p0 type dummy");
    lab.run(ALL);
    let data = &lab.link(HOST, "bond0")["linkinfo"]["info_data"];
    let keys = [
        "mode",
        "miimon",
        "updelay",
        "downdelay",
        "min_links",
        "ad_lacp_rate",
        "xmit_hash_policy",
    ];
    let seen: Vec<_> = keys.iter().map(|key| data[key].clone()).collect();
    assert_eq!(
        json!(seen),
        json!(["802.3ad", 50, 100, 200, 1, "fast", "layer3+4"])
    );
    let output = lab.script_with(&["--trace"], ALL);
    assert_eq!(output.end(), "exit code 0\n");
    let text = ALL.replace("layer3+4", "layer2");
    let text = format!("try {{ {text} }} catch (e) {{ print(e.notes); }}");
    assert_eq!(
        lab.run(&text),
        "[\"there: bond, xmit_hash_policy layer3+4\", \"asked: bond, xmit_hash_policy layer2\"]\n"
    );
}

fn a_bond_that_watches_by_arp(lab: &Lab) {
    let text = r#"bond("bond0", "active-backup", #{arp_interval: 500, arp_ip_target: ["10.0.0.1", "10.0.0.2"], fail_over_mac: "active"});"#;
    lab.run(text);
    let data = &lab.link(HOST, "bond0")["linkinfo"]["info_data"];
    assert_eq!(
        (
            &data["arp_interval"],
            &data["arp_ip_target"],
            &data["fail_over_mac"]
        ),
        (
            &json!(500),
            &json!(["10.0.0.1", "10.0.0.2"]),
            &json!("active")
        )
    );
    let output = lab.script_with(&["--trace"], text);
    assert_eq!(output.end(), "exit code 0\n");
}

/// A bond `bond0` of `p0` and `p1`, the traffic on `p0`.
fn of_two(lab: &Lab) {
    lab.ip(
        "link add p0 type dummy\nlink add p1 type dummy\nlink add p2 type dummy\n\
         link add bond0 type bond mode active-backup miimon 100\n\
         link set p0 master bond0\nlink set p1 master bond0\nlink set bond0 up\n\
         link set bond0 type bond active_slave p0",
    );
}

fn active(lab: &Lab) -> serde_json::Value {
    lab.link(HOST, "bond0")["linkinfo"]["info_data"]["active_slave"].clone()
}

fn the_traffic_goes_to_the_active_port(lab: &Lab) {
    of_two(lab);
    let output = lab.script_with(
        &["--trace"],
        r#"let b = link("bond0").active("p1").active("p1"); print(b.active.name);"#,
    );
    assert_eq!(
        (output.stdout.as_str(), output.stderr.as_str()),
        (
            "p1\n",
            "+ ip link set dev bond0 type bond active_slave p1\n"
        )
    );
    assert_eq!(active(lab), "p1");
    assert_eq!(
        lab.value(r#"link("bond0").ports.map(|port| port.name)"#),
        json!(["p0", "p1"])
    );
}

fn the_active_port_of_a_foreign_bond_is_put_back(lab: &Lab) {
    of_two(lab);
    lab.fails(r#"link("bond0").active("p1"); throw "no";"#);
    assert_eq!(active(lab), "p0");
}

fn the_primary_port_is_the_one_that_is_asked(lab: &Lab) {
    lab.ip("link add p0 type dummy\nlink add p1 type dummy");
    let text = r#"bond("bond0", "active-backup", ["p0", "p1"], #{miimon: 100, primary: "p1", primary_reselect: "failure"}).primary.name"#;
    assert_eq!(lab.value(text), json!("p1"));
    let data = &lab.link(HOST, "bond0")["linkinfo"]["info_data"];
    assert_eq!(
        (&data["primary"], &data["primary_reselect"]),
        (&json!("p1"), &json!("failure"))
    );
}

fn a_delay_without_an_interval_is_refused(lab: &Lab) {
    assert_eq!(
        lab.fails(r#"bond("bond0", "active-backup", #{updelay: 100});"#),
        r#"error: cannot create bond `bond0` in namespace `host`: `updelay` counts in steps of `miimon`, which is not given
 --> lab.rhai:1:1
  |
1 | bond("bond0", "active-backup", #{updelay: 100});
  | ^^^^
hint: add miimon: 100
"#
    );
}

fn a_rate_in_another_mode_is_refused(lab: &Lab) {
    assert_eq!(
        lab.fails(r#"bond("bond0", "active-backup", #{lacp_rate: "fast"});"#),
        r#"error: cannot create bond `bond0` in namespace `host`: `lacp_rate` is for mode 802.3ad, not active-backup
 --> lab.rhai:1:1
  |
1 | bond("bond0", "active-backup", #{lacp_rate: "fast"});
  | ^^^^
"#
    );
}

fn a_link_that_is_no_port_can_not_be_active(lab: &Lab) {
    of_two(lab);
    assert_eq!(
        lab.fails(r#"link("bond0").active("p2");"#),
        r#"error: cannot set the active port of bond `bond0` in namespace `host`: `p2` is no port of it
 --> lab.rhai:1:15
  |
1 | link("bond0").active("p2");
  |               ^^^^^^
hint: make it one first: it is brought down, then link("p2").master(…)
"#
    );
    assert_eq!(
        lab.fails(r#"link("p2").active("p0");"#),
        r#"error: cannot set the active port of bond `p2` in namespace `host`: it is no bond
 --> lab.rhai:1:12
  |
1 | link("p2").active("p0");
  |            ^^^^^^
"#
    );
}

fn a_kernel_without_bonds_is_told_with_module_and_config_option(lab: &Lab) {
    lab.lacks(&[(
        r#"bond("bond0", "active-backup")"#,
        "bond",
        "bond0",
        "bonding",
        "CONFIG_BONDING",
    )]);
}

fn what_no_bond_can_have_is_refused(lab: &Lab) {
    lab.refuses(&[
        (
            r#"bond("bond0", "active-backpu")"#,
            "invalid: cannot create bond `bond0` in namespace `host`: bond has no mode `active-backpu`\n\
             note: modes: balance-rr, active-backup, balance-xor, broadcast, 802.3ad, balance-tlb, balance-alb\n\
             hint: did you mean \"active-backup\"?",
        ),
        (
            r#"bond("bond0", "802.3ad", #{miimno: 100})"#,
            "invalid: cannot create bond `bond0` in namespace `host`: `bond` has no option `miimno`\n\
             hint: did you mean `miimon`?",
        ),
        (
            r#"bond("bond0", "802.3ad", #{miimon: -1})"#,
            "invalid: cannot create bond `bond0` in namespace `host`: `miimon` is 0 to 2147483647, not -1",
        ),
        (
            r#"bond("bond0", "802.3ad", #{miimon: 100, updelay: 150})"#,
            "invalid: cannot create bond `bond0` in namespace `host`: `updelay` is a multiple of `miimon`, 100, not 150",
        ),
        (
            r#"bond("bond0", "802.3ad", #{lacp_rate: "slwo"})"#,
            "invalid: cannot create bond `bond0` in namespace `host`: bond has no lacp_rate `slwo`\n\
             note: lacp_rates: slow, fast\n\
             hint: did you mean \"slow\"?",
        ),
        (
            r#"bond("bond0", "active-backup", #{arp_ip_target: "fd00::1"})"#,
            "invalid: cannot create bond `bond0` in namespace `host`: `fd00::1` is not an IPv4 address",
        ),
        (
            r#"bond("bond0", "active-backup", ["e7"])"#,
            "not_found: cannot create bond `bond0` in namespace `host`: there is no link `e7`\n\
             note: links there: lo",
        ),
    ]);
}
