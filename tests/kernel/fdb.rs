//! Forwarding databases of bridges and VXLAN links.

use serde_json::{Value, json};

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["vxlan"] =>
        an_entry_of_a_vxlan_has_what_is_asked_and_a_second_run_changes_nothing
        an_entry_that_leads_elsewhere_is_a_conflict_and_is_replaced_where_that_is_asked
        an_entry_is_taken_away
        a_run_that_fails_takes_its_entries_back
        what_no_entry_can_be_is_refused;
    ["veth", "bridge"] =>
        an_entry_of_a_port_leads_out_of_it
        what_no_entry_of_a_port_can_be_is_refused
        an_entry_of_a_link_that_is_gone_is_refused;
}

/// The entries with that address, as `bridge -j fdb` lists them.
fn entries(link: &str, mac: &str) -> Vec<Value> {
    let text = crate::common::output("bridge", &["-j", "fdb", "show", "dev", link]);
    let listed: Value = serde_json::from_str(&text).unwrap_or_default();
    let listed = listed.as_array().cloned().unwrap_or_default();
    listed
        .into_iter()
        .filter(|entry| entry["mac"] == mac)
        .collect()
}

const VXLAN: &str = "link add vx type vxlan id 42 dstport 4789";
const MAC: &str = "02:00:00:00:00:07";

fn an_entry_of_a_vxlan_has_what_is_asked_and_a_second_run_changes_nothing(lab: &Lab) {
    lab.ip(VXLAN);
    lab.twice(
        r#"link("vx").fdb("02:00:00:00:00:07", #{dst: "10.0.0.2", vni: 43})
            .fdb("00:00:00:00:00:00", #{dst: "10.0.0.3"}).fdb("00:00:00:00:00:00", #{dst: "10.0.0.4"});"#,
    );
    let found = entries("vx", MAC);
    assert_eq!(
        (
            found.len(),
            &found[0]["dst"],
            &found[0]["vni"],
            &found[0]["state"]
        ),
        (1, &json!("10.0.0.2"), &json!(43), &json!("permanent")),
        "{found:?}"
    );
    let everywhere = entries("vx", "00:00:00:00:00:00");
    let ends: Vec<_> = everywhere.iter().map(|entry| &entry["dst"]).collect();
    assert_eq!(ends, [&json!("10.0.0.3"), &json!("10.0.0.4")]);
}

fn an_entry_that_leads_elsewhere_is_a_conflict_and_is_replaced_where_that_is_asked(lab: &Lab) {
    lab.ip(VXLAN);
    lab.refuses(&[(
        r#"link("vx").fdb("02:00:00:00:00:07", #{dst: "10.0.0.9"}); link("vx").fdb("02:00:00:00:00:07", #{dst: "10.0.0.2"})"#,
        "conflict: cannot add fdb entry `02:00:00:00:00:07 of vx` in namespace `host`: an entry for that address exists and differs\n\
         note: there: dst 10.0.0.9, permanent\n\
         note: asked: dst 10.0.0.2, permanent\n\
         hint: ask for what is there, or replace it with #{replace: true}",
    )]);
    lab.run(r#"link("vx").fdb("02:00:00:00:00:07", #{dst: "10.0.0.2", replace: true});"#);
    assert_eq!(entries("vx", MAC)[0]["dst"], json!("10.0.0.2"));
}

fn an_entry_is_taken_away(lab: &Lab) {
    lab.ip(VXLAN);
    lab.run(r#"link("vx").fdb("02:00:00:00:00:07", #{dst: "10.0.0.9"});"#);
    lab.run(r#"link("vx").del_fdb("02:00:00:00:00:07").del_fdb("02:00:00:00:00:07");"#);
    assert_eq!(entries("vx", MAC), Vec::<Value>::new());
}

fn a_run_that_fails_takes_its_entries_back(lab: &Lab) {
    lab.ip(VXLAN);
    lab.run(r#"link("vx").fdb("02:00:00:00:00:07", #{dst: "10.0.0.9"});"#);
    lab.fails(
        r#"link("vx").fdb("02:00:00:00:00:07", #{dst: "10.0.0.2", replace: true})
            .fdb("02:00:00:00:00:08", #{dst: "10.0.0.2"}); throw "no";"#,
    );
    assert_eq!(entries("vx", MAC)[0]["dst"], json!("10.0.0.9"));
    assert_eq!(entries("vx", "02:00:00:00:00:08"), Vec::<Value>::new());
}

fn an_entry_of_a_port_leads_out_of_it(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1\nlink add br0 type bridge\nlink set v0 master br0");
    lab.twice(r#"link("v0").fdb("02:00:00:00:00:07");"#);
    let found = entries("v0", MAC);
    assert_eq!(
        (found.len(), &found[0]["master"], &found[0]["state"]),
        (1, &json!("br0"), &json!("static")),
        "{found:?}"
    );
    lab.run(r#"link("v0").del_fdb("02:00:00:00:00:07");"#);
    assert_eq!(entries("v0", MAC), Vec::<Value>::new());
    assert_eq!(lab.link(HOST, "v0")["master"], json!("br0"));
}

fn what_no_entry_can_be_is_refused(lab: &Lab) {
    lab.ip(VXLAN);
    lab.refuses(&[
        (
            r#"link("vx").fdb("02:00", #{dst: "10.0.0.2"})"#,
            "invalid: cannot add fdb entry `02:00 of vx` in namespace `host`: `02:00` is not a MAC address\n\
             hint: write it as \"02:00:00:00:00:01\"",
        ),
        (
            r#"link("vx").fdb("02:00:00:00:00:07")"#,
            "invalid: cannot add fdb entry `02:00:00:00:00:07 of vx` in namespace `host`: the far end is missing\n\
             hint: give it as #{dst: \"10.0.0.2\"}",
        ),
        (
            r#"link("vx").fdb("02:00:00:00:00:07", #{dst: "10.0.0.2", vni: 16777216})"#,
            "invalid: cannot add fdb entry `02:00:00:00:00:07 of vx` in namespace `host`: `vni` is 0 to 16777215, not 16777216",
        ),
        (
            r#"link("lo").fdb("02:00:00:00:00:07")"#,
            "invalid: cannot add fdb entry `02:00:00:00:00:07 of lo` in namespace `host`: `lo` is no VXLAN link, no bridge and no port of one: it forwards nothing\n\
             hint: put it under a bridge first, with .master(bridge)",
        ),
        (
            r#"link("lo").fdb("02:00:00:00:00:07", #{dst: "10.0.0.2"})"#,
            "invalid: cannot add fdb entry `02:00:00:00:00:07 of lo` in namespace `host`: `dst` is for VXLAN links, and `lo` is none",
        ),
        (
            r#"link("vx").fdb("02:00:00:00:00:07", #{vlan: 4095})"#,
            "invalid: cannot add fdb entry `02:00:00:00:00:07 of vx` in namespace `host`: `vlan` is 1 to 4094, not 4095",
        ),
    ]);
}

fn what_no_entry_of_a_port_can_be_is_refused(lab: &Lab) {
    lab.ip(
        "link add br0 type bridge\nlink add p0 type veth peer name p1\nlink set p0 master br0\nlink set br0 up\nlink set p0 up",
    );
    crate::common::output(
        "bridge",
        &[
            "fdb",
            "add",
            "02:00:00:00:00:08",
            "dev",
            "p0",
            "master",
            "permanent",
        ],
    );
    lab.refuses(&[
        (
            r#"link("p0").fdb("02:00:00:00:00:07", #{vlan: 0})"#,
            "invalid: cannot add fdb entry `02:00:00:00:00:07 of p0` in namespace `host`: `vlan` is 1 to 4094, not 0",
        ),
        (
            r#"link("p0").fdb("02:00:00:00:00:07", #{dst: "10.0.0.2"})"#,
            "invalid: cannot add fdb entry `02:00:00:00:00:07 of p0` in namespace `host`: `dst` is for VXLAN links, and `p0` is none",
        ),
        (
            r#"link("p0").fdb("02:00:00:00:00:07", #{vni: 7})"#,
            "invalid: cannot add fdb entry `02:00:00:00:00:07 of p0` in namespace `host`: `vni` is for VXLAN links, and `p0` is none",
        ),
        (
            r#"link("p0").fdb("02:00:00:00:00:07", #{permanent: 1})"#,
            "invalid: cannot add fdb entry `02:00:00:00:00:07 of p0` in namespace `host`: option `permanent` takes true or false, not an integer",
        ),
        (
            r#"link("p0").fdb("02:00:00:00:00:07", #{vlna: 1})"#,
            "invalid: cannot add fdb entry `02:00:00:00:00:07 of p0` in namespace `host`: `fdb` has no option `vlna`\n\
             hint: did you mean `vlan`?",
        ),
        (
            r#"link("p0").fdb("02:00:00:00:00:08")"#,
            "conflict: cannot add fdb entry `02:00:00:00:00:08 of p0` in namespace `host`: an entry for that address exists and differs\n\
             note: there: permanent\n\
             note: asked: static\n\
             hint: ask for what is there, or replace it with #{replace: true}",
        ),
        (
            r#"link("p0").del_fdb("02:00")"#,
            "invalid: cannot delete fdb entry `02:00 of p0` in namespace `host`: `02:00` is not a MAC address\n\
             hint: write it as \"02:00:00:00:00:01\"",
        ),
        (
            r#"link("p0").del_fdb("02:00:00:00:00:08", #{permanent: true})"#,
            "invalid: cannot delete fdb entry `02:00:00:00:00:08 of p0` in namespace `host`: `del_fdb` has no option `permanent`",
        ),
        (
            r#"link("lo").del_fdb("02:00:00:00:00:08")"#,
            "invalid: cannot delete fdb entry `02:00:00:00:00:08 of lo` in namespace `host`: `lo` is no VXLAN link, no bridge and no port of one: it forwards nothing\n\
             hint: put it under a bridge first, with .master(bridge)",
        ),
    ]);
}

fn an_entry_of_a_link_that_is_gone_is_refused(lab: &Lab) {
    lab.ip("link add d0 type veth peer name d1");
    let (text, told) = (
        r#"let said = ""; let d = link("d1"); d.delete(); try { d.fdb("02:00:00:00:00:07") } catch (e) { said = `${e.kind}: ${e.message}` + "\n" + `hint: ${e.hint}` } said"#,
        "not_found: cannot add fdb entry `02:00:00:00:00:07 of d1` in namespace `host`: link `d1` is gone from namespace `host`\n\
             hint: it was deleted after this handle was made; look it up again with link(…)",
    );
    assert_eq!(lab.value(text), json!(told), "{text}");
}
