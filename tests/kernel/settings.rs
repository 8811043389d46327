//! Settings that every link has: queue, group, flags, other names, limits of segmentation, carrier.

use serde_json::{Value, json};

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["veth"] =>
        each_setting_is_as_iproute2_shows_it
        a_setting_that_is_as_asked_is_left_alone
        settings_of_a_foreign_link_are_put_back
        a_link_is_made_with_settings
        settings_at_the_making_are_given_to_a_link_that_is_there
        another_number_of_queues_is_a_conflict
        a_group_has_the_name_that_iproute2_knows
        an_altname_is_taken_away_and_may_be_gone
        altnames_of_a_foreign_link_are_put_back
        a_link_is_found_by_its_altname
        settings_are_said_as_commands
        a_link_moves_under_a_new_name
        a_move_under_a_new_name_to_where_it_is_renames
        a_foreign_link_that_moved_under_a_new_name_comes_back_under_its_own
        a_group_that_has_no_name_is_refused
        a_number_out_of_range_is_refused
        an_altname_that_another_link_has_is_refused
        an_altname_that_is_too_long_is_refused
        a_setting_of_a_link_that_is_gone_is_refused
        the_carrier_of_a_veth_is_refused
        a_name_that_is_taken_there_is_refused;
    ["veth", "bridge", "tbf"] =>
        what_a_later_step_takes_along_is_said;
    ["dummy"] =>
        the_carrier_of_a_dummy_goes_and_comes
        the_carrier_of_a_foreign_dummy_is_put_back;
}

const ALL: &str = r#".txqlen(77).group(7).promisc(true).arp(false).multicast(false).allmulticast(true)
    .gso_max_size(32000).gso_max_segs(16).gro_max_size(33000).altname("a-name-longer-than-a-link-has")"#;

fn what_a_later_step_takes_along_is_said(lab: &Lab) {
    let note = |text: &str| format!("note: what was asked does not stand any more: {text}\n");
    let tries = [
        (
            r#"let a = netns("a"); a.bridge("b", #{mtu: 1500}); a.veth("v", "w", #{mtu: 1400, master: "b"});"#,
            note("mtu 1500 of link `b` in namespace `a` is 1400 now"),
        ),
        (
            r#"let v = netns("a").veth("v", "w"); v.sysctl("ipv6.accept_ra", 0); v.addr("fd00::1/64"); v.mtu(1200);"#,
            [
                note("sysctl `ipv6.conf.v.accept_ra` 0 in namespace `a` is gone"),
                note("address `fd00::1/64` of link `v` in `a` is gone"),
            ]
            .concat(),
        ),
        (
            r#"let v = netns("a").veth("v", "w"); v.addr("10.0.0.1/24"); v.tbf(#{rate: "10mbit"}); v.netns(netns("b")); v.addr("10.0.0.1/24");"#,
            note(
                "queue tbf rate 10mbit burst 5000b limit 67500b of link `v` in `a` went with the move of the link",
            ),
        ),
        (
            r#"let v = netns("a").veth("v", "w"); v.addr("fd00::1/64"); v.sysctl("ipv6.disable_ipv6", 1);"#,
            note("address `fd00::1/64` of link `v` in `a` is gone"),
        ),
        (
            r#"let v = netns("a").veth("v", "w"); v.addr("fd00::1/64"); netns("a").sysctl("ipv6.conf.all.disable_ipv6", 1);"#,
            note("address `fd00::1/64` of link `v` in `a` is gone"),
        ),
        // The kernel takes down what it moves.
        (
            r#"let v = netns("a").veth("v", "w", #{up: true}); v.netns(netns("b")); v.netns(netns("c"));"#,
            note("state up of link `v` in namespace `a` went with the move of the link"),
        ),
        (
            r#"let v = netns("a").veth("v", "w"); v.up(); v.netns(netns("b")); v.up(); let x = v.peer; x.up(); x.down(); x.netns(netns("c"));"#,
            String::new(),
        ),
        (
            r#"let v = netns("a").veth("v", "w").addr("10.0.0.1/24").up(); v.netns(netns("b")); v.delete();"#,
            String::new(),
        ),
        // What belongs to the link goes with it.
        (
            r#"let x = netns("a").vxlan("x", 5, #{remote: "10.0.0.9"}); x.set(#{ageing: "100s"}); x.netns(netns("b"));"#,
            String::new(),
        ),
        // What has to come in that order.
        (
            r#"let v = netns("a").veth("v", "w"); v.mtu(1200); v.netns(netns("b")); v.addr("10.0.0.1/24").up();"#,
            String::new(),
        ),
    ];
    for (text, told) in tries {
        let output = lab.script(text);
        assert_eq!((output.code, output.stderr), (0, told), "{text}");
        lab.ipvsh(&["down", "lab"]);
    }
}

/// The settings of this topic, as `ip -d link` shows them.
fn settings(lab: &Lab, netns: &str, name: &str) -> Value {
    let link = lab.link(netns, name);
    let flags = link["flags"].as_array().unwrap();
    let has = |flag: &str| flags.contains(&json!(flag));
    json!([
        link["txqlen"],
        link["group"],
        has("PROMISC"),
        has("NOARP"),
        has("MULTICAST"),
        has("ALLMULTI"),
        link["gso_max_size"],
        link["gso_max_segs"],
        link["gro_max_size"],
        link["altnames"],
    ])
}

fn as_asked() -> Value {
    let altnames = ["a-name-longer-than-a-link-has"];
    json!([77, "7", true, true, false, true, 32000, 16, 33000, altnames])
}

fn pair(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1");
}

fn each_setting_is_as_iproute2_shows_it(lab: &Lab) {
    pair(lab);
    let read = lab.value(&format!(
        r#"let v = link("v0"){ALL};
           [v.txqlen, v.group, v.promisc, v.arp, v.multicast, v.allmulticast, v.gso_max_size, v.gso_max_segs, v.gro_max_size, v.altnames]"#
    ));
    let altnames = ["a-name-longer-than-a-link-has"];
    let wanted = json!([
        77, "7", true, false, false, true, 32000, 16, 33000, altnames
    ]);
    assert_eq!(read, wanted);
    assert_eq!(settings(lab, HOST, "v0"), as_asked());
}

fn a_setting_that_is_as_asked_is_left_alone(lab: &Lab) {
    pair(lab);
    lab.run(&format!(r#"link("v0"){ALL};"#));
    let output = lab.script_with(&["--summary", "--trace"], &format!(r#"link("v0"){ALL};"#));
    assert!(
        output
            .stderr
            .ends_with("created 0, changed 0, unchanged 10, deleted 0\n")
            && !output.stderr.contains("+ "),
        "{}",
        output.stderr
    );
}

fn settings_of_a_foreign_link_are_put_back(lab: &Lab) {
    pair(lab);
    lab.ip("link set v0 txqueuelen 50 group 3");
    let before = lab.link(HOST, "v0");
    let stderr = lab.fails(&format!(r#"link("v0"){ALL}; throw "no";"#));
    assert!(
        stderr.starts_with("took down what this run made: 10 changes\n"),
        "{stderr}"
    );
    assert_eq!(lab.link(HOST, "v0"), before);
}

const AT_MAKING: &str = r#"netns("a").veth("v0", "v1", #{
    txqlen: 77, group: 7, promisc: true, arp: false, multicast: false, allmulticast: true, gso_max_size: 32000,
    gso_max_segs: 16, gro_max_size: 33000, altname: ["a-name-longer-than-a-link-has"], numtxqueues: 3, numrxqueues: 2,
}).queues"#;

fn a_link_is_made_with_settings(lab: &Lab) {
    assert_eq!(lab.value(AT_MAKING), json!({"tx": 3, "rx": 2}));
    assert_eq!(settings(lab, "a", "v0"), as_asked());
    let link = lab.link("a", "v0");
    assert_eq!(
        (&link["num_tx_queues"], &link["num_rx_queues"]),
        (&json!(3), &json!(2))
    );
}

fn settings_at_the_making_are_given_to_a_link_that_is_there(lab: &Lab) {
    lab.run(r#"netns("a").veth("v0", "v1", #{numtxqueues: 3, numrxqueues: 2});"#);
    lab.run(AT_MAKING);
    assert_eq!(settings(lab, "a", "v0"), as_asked());
    let output = lab.script_with(&["--summary"], AT_MAKING);
    assert!(
        output
            .stderr
            .ends_with("created 0, changed 0, unchanged 12, deleted 0\n")
            && !output.stderr.contains("+ "),
        "{}",
        output.stderr
    );
}

fn another_number_of_queues_is_a_conflict(lab: &Lab) {
    lab.ip("link add v0 numtxqueues 2 type veth peer name v1");
    let text = r#"try { veth("v0", "v1", #{numtxqueues: 3}); } catch (e) { print(e.kind); print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "conflict\n[\"there: veth, numtxqueues 2\", \"asked: veth, numtxqueues 3\"]\n"
    );
}

fn a_group_has_the_name_that_iproute2_knows(lab: &Lab) {
    pair(lab);
    lab.ip("link set v0 group 9");
    assert_eq!(
        lab.value(r#"link("v0").group("default").group"#),
        json!("default")
    );
    assert_eq!(lab.link(HOST, "v0")["group"], "default");
}

fn an_altname_is_taken_away_and_may_be_gone(lab: &Lab) {
    pair(lab);
    lab.ip("link property add dev v0 altname one altname two");
    let left = lab.value(r#"link("v0").del_altname("one").del_altname("one").altnames"#);
    assert_eq!(left, json!(["two"]));
    assert_eq!(lab.link(HOST, "v0")["altnames"], json!(["two"]));
}

fn altnames_of_a_foreign_link_are_put_back(lab: &Lab) {
    pair(lab);
    lab.ip("link property add dev v0 altname one");
    lab.fails(r#"link("v0").del_altname("one").altname("two"); throw "no";"#);
    assert_eq!(lab.link(HOST, "v0")["altnames"], json!(["one"]));
}

fn a_link_is_found_by_its_altname(lab: &Lab) {
    pair(lab);
    lab.ip("link property add dev v0 altname uplink");
    assert_eq!(lab.value(r#"link("uplink").name"#), json!("v0"));
}

fn settings_are_said_as_commands(lab: &Lab) {
    pair(lab);
    let text = format!(r#"link("v0"){ALL}.del_altname("a-name-longer-than-a-link-has");"#);
    let output = lab.script_with(&["--trace"], &text);
    let altname = "altname a-name-longer-than-a-link-has";
    assert_eq!(
        output.stderr,
        format!(
            "+ ip link set dev v0 txqueuelen 77\n\
             + ip link set dev v0 group 7\n\
             + ip link set dev v0 promisc on\n\
             + ip link set dev v0 arp off\n\
             + ip link set dev v0 multicast off\n\
             + ip link set dev v0 allmulticast on\n\
             + ip link set dev v0 gso_max_size 32000\n\
             + ip link set dev v0 gso_max_segs 16\n\
             + ip link set dev v0 gro_max_size 33000\n\
             + ip link property add dev v0 {altname}\n\
             + ip link property del dev v0 {altname}\n"
        )
    );
}

fn a_link_moves_under_a_new_name(lab: &Lab) {
    pair(lab);
    lab.ip("netns add a");
    lab.ip_in("a", "link add v0 type veth peer name w1");
    let text = r#"link("v0").netns("a", "wan").mtu(1400).name"#;
    assert_eq!(lab.value(text), json!("wan"));
    assert_eq!(lab.links(HOST), ["v1"]);
    assert_eq!(lab.link("a", "wan")["mtu"], 1400);
}

fn a_move_under_a_new_name_to_where_it_is_renames(lab: &Lab) {
    pair(lab);
    assert_eq!(
        lab.value(r#"link("v0").netns(host(), "wan").name"#),
        json!("wan")
    );
    assert_eq!(lab.links(HOST), ["v1", "wan"]);
}

fn a_foreign_link_that_moved_under_a_new_name_comes_back_under_its_own(lab: &Lab) {
    pair(lab);
    lab.ip("addr add 10.0.0.1/24 dev v0\nlink set v0 up\nnetns add old");
    lab.fails(r#"link("v0").netns("old", "wan"); throw "no";"#);
    assert_eq!(lab.links(HOST), ["v1", "v0"]);
    assert_eq!(lab.addresses(HOST, "v0"), ["10.0.0.1/24"]);
    assert!(lab.links("old").is_empty());
}

fn a_group_that_has_no_name_is_refused(lab: &Lab) {
    pair(lab);
    assert_eq!(
        lab.fails(r#"link("v0").group("defualt");"#),
        r#"error: cannot set group of link `v0` in namespace `host`: there is no group `defualt`
 --> lab.rhai:1:12
  |
1 | link("v0").group("defualt");
  |            ^^^^^
  = groups: default
hint: did you mean "default"?
"#
    );
}

fn a_number_out_of_range_is_refused(lab: &Lab) {
    pair(lab);
    assert_eq!(
        lab.fails(r#"link("v0").txqlen(-1);"#),
        r#"error: cannot set txqlen of link `v0` in namespace `host`: `txqlen` is 0 to 4294967295, not -1
 --> lab.rhai:1:12
  |
1 | link("v0").txqlen(-1);
  |            ^^^^^^
"#
    );
    assert_eq!(
        lab.fails(r#"netns("a").veth("v0", "v1", #{gso_max_segs: 70000});"#),
        r#"took down what this run made: 1 namespace
error: cannot create veth `v0` in namespace `a`: `gso_max_segs` is 0 to 65535, not 70000
 --> lab.rhai:1:12
  |
1 | netns("a").veth("v0", "v1", #{gso_max_segs: 70000});
  |            ^^^^
"#
    );
}

fn an_altname_that_another_link_has_is_refused(lab: &Lab) {
    pair(lab);
    assert_eq!(
        lab.fails(r#"link("v0").altname("v1");"#),
        r#"error: cannot set altname of link `v0` in namespace `host`: a link there has that name already
 --> lab.rhai:1:12
  |
1 | link("v0").altname("v1");
  |            ^^^^^^^
  = errno: EEXIST
"#
    );
}

fn an_altname_that_is_too_long_is_refused(lab: &Lab) {
    pair(lab);
    let long = "x".repeat(128);
    let stderr = lab.fails(&format!(r#"link("v0").altname("{long}");"#));
    assert!(
        stderr.starts_with(
            "error: cannot set altname of link `v0` in namespace `host`: an altname has at most 127 bytes, this one has 128\n"
        ),
        "{stderr}"
    );
}

fn a_setting_of_a_link_that_is_gone_is_refused(lab: &Lab) {
    pair(lab);
    assert_eq!(
        lab.fails(r#"let v = link("v0"); v.delete(); v.promisc(true);"#),
        r#"took down what this run made: 1 change
error: link `v0` is gone from namespace `host`
 --> lab.rhai:1:35
  |
1 | let v = link("v0"); v.delete(); v.promisc(true);
  |                                   ^^^^^^^
hint: it was deleted after this handle was made; look it up again with link(…)
"#
    );
}

fn the_carrier_of_a_veth_is_refused(lab: &Lab) {
    pair(lab);
    let output = lab.script(r#"link("v0").carrier(true);"#);
    assert_eq!(output.code, 3);
    assert_eq!(
        output.stderr,
        r#"error: cannot set carrier of link `v0` in namespace `host`: a veth link has its carrier from what it is connected to
 --> lab.rhai:1:12
  |
1 | link("v0").carrier(true);
  |            ^^^^^^^
  = errno: EOPNOTSUPP
hint: a dummy's carrier can be set; else bring the other end, or the parent, down
"#
    );
}

fn a_name_that_is_taken_there_is_refused(lab: &Lab) {
    pair(lab);
    lab.ip("netns add a");
    lab.ip_in("a", "link add wan type veth peer name w1");
    assert_eq!(
        lab.fails(r#"link("v0").netns("a", "wan");"#),
        r#"error: cannot move link `v0` in namespace `host`: namespace `a` already has a link of that name
 --> lab.rhai:1:12
  |
1 | link("v0").netns("a", "wan");
  |            ^^^^^
  = there: veth `wan`
hint: give it another name on the way: .netns(target, "name")
"#
    );
}

fn the_carrier_of_a_dummy_goes_and_comes(lab: &Lab) {
    let seen = lab.value(
        r#"let d = netns("a").dummy("d0", #{up: true, carrier: false});
           [d.carrier, d.carrier(true).carrier, d.carrier(false).carrier]"#,
    );
    assert_eq!(seen, json!([false, true, false]));
    assert!(
        !lab.link("a", "d0")["flags"]
            .as_array()
            .unwrap()
            .contains(&json!("LOWER_UP"))
    );
}

fn the_carrier_of_a_foreign_dummy_is_put_back(lab: &Lab) {
    lab.ip("link add d0 type dummy\nlink set d0 up");
    lab.fails(r#"link("d0").carrier(false); throw "no";"#);
    assert!(
        lab.link(HOST, "d0")["flags"]
            .as_array()
            .unwrap()
            .contains(&json!("LOWER_UP"))
    );
}
