//! VRFs.

use serde_json::json;

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["!vrf"] =>
        a_kernel_without_vrfs_is_told_with_module_and_config_option;
    ["vrf"] =>
        a_vrf_has_its_table_and_is_up
        a_vrf_of_another_table_is_a_conflict
        a_run_that_fails_takes_its_vrf_down
        what_no_vrf_can_have_is_refused;
    ["vrf", "dummy"] =>
        a_link_under_a_vrf_has_its_routes_in_the_table_of_that;
}

fn a_vrf_has_its_table_and_is_up(lab: &Lab) {
    lab.twice(r#"vrf("red", 10);"#);
    let link = lab.link(HOST, "red");
    assert_eq!(link["linkinfo"]["info_data"]["table"], json!(10));
    assert!(link["flags"].as_array().unwrap().contains(&json!("UP")));
    assert_eq!(
        lab.value(r#"[link("red").table, link("lo").table]"#),
        json!([10, null])
    );
}

fn a_vrf_of_another_table_is_a_conflict(lab: &Lab) {
    lab.ip("link add red type vrf table 10");
    let text = r#"try { vrf("red", 11); } catch (e) { print(e.kind); print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "conflict\n[\"there: vrf, table 10\", \"asked: vrf, table 11\"]\n"
    );
}

fn a_run_that_fails_takes_its_vrf_down(lab: &Lab) {
    lab.fails(r#"vrf("red", 10); throw "no";"#);
    assert_eq!(lab.links(HOST), Vec::<String>::new());
}

fn what_no_vrf_can_have_is_refused(lab: &Lab) {
    lab.refuses(&[
        (
            r#"vrf("red", 0)"#,
            "invalid: cannot create vrf `red` in namespace `host`: `table` is 1 to 4294967295, not 0",
        ),
        (
            r#"vrf("red", 1, #{table: 2})"#,
            "invalid: cannot create vrf `red` in namespace `host`: `vrf` has no option `table`",
        ),
        (
            r#"vrf("red", 4294967296)"#,
            "invalid: cannot create vrf `red` in namespace `host`: `table` is 1 to 4294967295, not 4294967296",
        ),
    ]);
}

fn a_link_under_a_vrf_has_its_routes_in_the_table_of_that(lab: &Lab) {
    lab.run(
        r#"let red = vrf("red", 10); dummy("d0", #{master: red, addr: "10.0.0.1/24", up: true});"#,
    );
    let routes = lab.routes(HOST, "table 10 10.0.0.0/24");
    assert_eq!(routes[0]["dev"], json!("d0"), "{routes}");
}

fn a_kernel_without_vrfs_is_told_with_module_and_config_option(lab: &Lab) {
    lab.lacks(&[(r#"vrf("red", 10)"#, "vrf", "red", "vrf", "CONFIG_NET_VRF")]);
}
