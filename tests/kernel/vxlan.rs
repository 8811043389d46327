//! VXLAN links.

use serde_json::json;

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["vxlan"] =>
        a_vxlan_has_what_is_asked
        a_vxlan_is_made_as_ip_makes_it
        a_vxlan_that_is_there_as_asked_is_left_alone
        a_vxlan_with_another_remote_is_a_conflict_and_is_replaced_where_that_is_asked
        a_run_that_fails_takes_its_vxlan_down
        what_no_vxlan_can_have_is_refused
        the_steps_of_a_vxlan_are_told_in_the_words_of_ip;
    ["vxlan", "veth"] =>
        a_vxlan_of_a_group_is_bound_to_its_device
        frames_cross_a_vxlan;
}

const WHOLE: &str = r#"vxlan("vx", 42, #{remote: "10.0.0.2", local: "10.0.0.1", dstport: 4789, ttl: 9, tos: 16,
    learning: false, ageing: "5m", up: true});"#;

fn a_vxlan_has_what_is_asked(lab: &Lab) {
    lab.run(WHOLE);
    let data = lab.link(HOST, "vx")["linkinfo"]["info_data"].clone();
    let asked = json!({
        "id": 42, "remote": "10.0.0.2", "local": "10.0.0.1", "port": 4789, "ttl": 9, "tos": 16, "learning": false, "ageing": 300,
    });
    for (key, value) in asked.as_object().unwrap() {
        let found = match &data[key] {
            serde_json::Value::String(hex) if hex.starts_with("0x") => {
                json!(i64::from_str_radix(&hex[2..], 16).unwrap())
            }
            found => found.clone(),
        };
        assert_eq!(&found, value, "{key} in {data}");
    }
    lab.run(r#"vxlan("v6", 43, #{remote: "fd00::2", dstport: 4790});"#);
    let data = lab.link(HOST, "v6")["linkinfo"]["info_data"].clone();
    assert_eq!(data["remote6"], json!("fd00::2"), "{data}");
}

fn a_vxlan_is_made_as_ip_makes_it(lab: &Lab) {
    lab.as_ip_makes_it(
        "vx",
        r#"vxlan("vx", 42, #{proxy: true, rsc: true, l2miss: true, l3miss: true, maxaddress: 100, udpcsum: false, df: "set",
            udp6zerocsumtx: true, udp6zerocsumrx: true, dstport: 4789});"#,
        "link add name vx type vxlan dstport 4789 maxaddress 100 proxy rsc l2miss l3miss noudpcsum udp6zerocsumtx \
         udp6zerocsumrx df set id 42",
    );
    lab.ip("link add vx type vxlan id 42 dstport 4789 l2miss");
    let text = r#"try { vxlan("vx", 42, #{l2miss: false, df: "inherit"}); } catch (e) { print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "[\"there: vxlan, l2miss true, df unset\", \"asked: vxlan, l2miss false, df inherit\"]\n"
    );
}

fn a_vxlan_that_is_there_as_asked_is_left_alone(lab: &Lab) {
    lab.twice(WHOLE);
}

fn a_vxlan_with_another_remote_is_a_conflict_and_is_replaced_where_that_is_asked(lab: &Lab) {
    lab.ip("link add vx type vxlan id 42 remote 10.0.0.9 dstport 4789");
    let text = r#"try { vxlan("vx", 42, #{remote: "10.0.0.2"}); } catch (e) { print(e.kind); print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "conflict\n[\"there: vxlan, remote 10.0.0.9\", \"asked: vxlan, remote 10.0.0.2\"]\n"
    );
    lab.run(r#"vxlan("vx", 42, #{remote: "10.0.0.2", replace: true});"#);
    assert_eq!(
        lab.link(HOST, "vx")["linkinfo"]["info_data"]["remote"],
        json!("10.0.0.2")
    );
}

fn a_run_that_fails_takes_its_vxlan_down(lab: &Lab) {
    lab.fails(r#"vxlan("vx", 1); throw "no";"#);
    assert_eq!(lab.links(HOST), Vec::<String>::new());
}

fn what_no_vxlan_can_have_is_refused(lab: &Lab) {
    lab.refuses(&[
        (
            r#"vxlan("vx", 16777216)"#,
            "invalid: cannot create vxlan `vx` in namespace `host`: `id` is 0 to 16777215, not 16777216",
        ),
        (
            r#"vxlan("vx", 1, #{remot: "10.0.0.2"})"#,
            "invalid: cannot create vxlan `vx` in namespace `host`: `vxlan` has no option `remot`\n\
             hint: did you mean `remote`?",
        ),
        (
            r#"vxlan("vx", 1, #{remote: "ten"})"#,
            "invalid: cannot create vxlan `vx` in namespace `host`: `ten` is not an IP address\n\
             hint: write it as \"10.0.0.1\" or \"fd00::1\"",
        ),
        (
            r#"vxlan("vx", 1, #{remote: "239.1.1.1"})"#,
            "invalid: cannot create vxlan `vx` in namespace `host`: `remote` is the address of one host, and 239.1.1.1 is a multicast group",
        ),
        (
            r#"vxlan("vx", 1, #{group: "10.0.0.1", dev: "lo"})"#,
            "invalid: cannot create vxlan `vx` in namespace `host`: `group` is a multicast group, and 10.0.0.1 is the address of one host\n\
             hint: write it as \"239.1.1.1\" or \"ff05::1\"",
        ),
        (
            r#"vxlan("vx", 1, #{group: "239.1.1.1"})"#,
            "invalid: cannot create vxlan `vx` in namespace `host`: a multicast group is joined on a link, and `dev` is missing\n\
             hint: name the link that leads to the others: #{group: \"239.1.1.1\", dev: \"eth0\"}",
        ),
        (
            r#"vxlan("vx", 1, #{group: "239.1.1.1", remote: "10.0.0.2", dev: "lo"})"#,
            "invalid: cannot create vxlan `vx` in namespace `host`: `remote` and `group` exclude each other",
        ),
        (
            r#"vxlan("vx", 1, #{local: "10.0.0.1", remote: "fd00::2"})"#,
            "invalid: cannot create vxlan `vx` in namespace `host`: `local` and `remote` are of one family, and 10.0.0.1 and fd00::2 are not",
        ),
        (
            r#"vxlan("vx", 1, #{dstport: 65536})"#,
            "invalid: cannot create vxlan `vx` in namespace `host`: `dstport` is 1 to 65535, not 65536",
        ),
        (
            r#"vxlan("vx", 1, #{ttl: 256})"#,
            "invalid: cannot create vxlan `vx` in namespace `host`: `ttl` is 0 to 255, not 256",
        ),
        (
            r#"vxlan("vx", 1, #{ttl: "inherited"})"#,
            "invalid: cannot create vxlan `vx` in namespace `host`: vxlan has no ttl `inherited`\n\
             note: ttls: auto, inherit\n\
             hint: did you mean \"inherit\"?",
        ),
        (
            r#"vxlan("vx", 1, #{learning: "no"})"#,
            "invalid: cannot create vxlan `vx` in namespace `host`: option `learning` takes true or false, not a string",
        ),
        (
            r#"vxlan("vx", 1, #{df: "on"})"#,
            "invalid: cannot create vxlan `vx` in namespace `host`: vxlan has no df `on`\n\
             note: dfs: unset, set, inherit\n\
             hint: write \"unset\" or \"set\" or \"inherit\"",
        ),
        (
            r#"vxlan("vx", 1, #{df: true})"#,
            "invalid: cannot create vxlan `vx` in namespace `host`: option `df` takes a string, not a truth value",
        ),
        (
            r#"vxlan("vx", 1, #{maxaddress: -1})"#,
            "invalid: cannot create vxlan `vx` in namespace `host`: `maxaddress` is 0 to 4294967295, not -1",
        ),
        (
            r#"vxlan("vx", 1, #{dev: "nowhere"})"#,
            "not_found: cannot create vxlan `vx` in namespace `host`: there is no link `nowhere`\n\
             note: links there: lo",
        ),
    ]);
}

fn the_steps_of_a_vxlan_are_told_in_the_words_of_ip(lab: &Lab) {
    let output = lab.script_with(&["--trace"], WHOLE);
    assert_eq!(
        output.stderr,
        "+ ip link add name vx up type vxlan remote 10.0.0.2 local 10.0.0.1 dstport 4789 ttl 9 tos 0x10 nolearning ageing 300 id 42\n"
    );
    lab.ip("link del vx");
    lab.ip(output.stderr.trim().trim_start_matches("+ ip "));
    lab.twice(WHOLE);
}

fn a_vxlan_of_a_group_is_bound_to_its_device(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1\nlink set v0 up");
    lab.twice(r#"vxlan("vx", 7, #{group: "239.1.1.1", dev: "v0"});"#);
    let data = lab.link(HOST, "vx")["linkinfo"]["info_data"].clone();
    assert_eq!(
        (&data["group"], &data["link"]),
        (&json!("239.1.1.1"), &json!("v0"))
    );
    let text = r#"try { vxlan("vx", 7, #{dev: "v1"}); } catch (e) { print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "[\"there: vxlan, dev v0\", \"asked: vxlan, dev v1\"]\n"
    );
    lab.run(r#"netns("a");"#);
    let error = lab.fails(r#"netns("a").vxlan("vx", 8, #{dev: link("v0")});"#);
    assert!(
        error.contains("`dev` is a link of the same namespace, and `v0` is in `host`"),
        "{error}"
    );
}

fn frames_cross_a_vxlan(lab: &Lab) {
    let printed = lab.run(
        r#"
        let a = netns("a");
        let b = netns("b");
        let end = a.veth("e", b, "e", #{addr: "10.0.0.1/24", up: true});
        end.peer.addr("10.0.0.2/24").up().wait_up();
        a.vxlan("vx", 5, #{remote: "10.0.0.2", dstport: 4789, addr: "10.5.0.1/24", up: true});
        b.vxlan("vx", 5, #{remote: "10.0.0.1", dstport: 4789, addr: "10.5.0.2/24", up: true});
        print(a.ping("10.5.0.2", #{count: 1, quiet: true}).received);"#,
    );
    assert_eq!(printed, "1\n");
}
