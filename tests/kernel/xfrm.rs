//! XFRM interfaces.

use serde_json::json;

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    [] =>
        what_no_xfrm_interface_can_have_is_refused;
    ["!xfrm"] =>
        a_kernel_without_xfrm_interfaces_is_told_with_module_and_config_option;
    ["xfrm", "veth"] =>
        an_xfrm_interface_has_its_number_and_the_link_that_it_leaves_by
        an_xfrm_interface_that_differs_is_a_conflict
        a_number_is_for_one_link_only
        a_run_that_fails_takes_its_xfrm_interface_down
        the_command_of_an_xfrm_interface_leads_where_its_run_leads
        a_plan_of_an_xfrm_interface_tells_what_a_run_does;
}

const MADE: &str = r#"xfrm("ipsec0", 42, #{dev: "v0", up: true});"#;

fn parent(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up");
}

fn a_kernel_without_xfrm_interfaces_is_told_with_module_and_config_option(lab: &Lab) {
    lab.refuses(&[(
        r#"xfrm("ipsec0", 42)"#,
        "unsupported: cannot create xfrm `ipsec0` in namespace `host`: this kernel has no xfrm driver (module `xfrm_interface`, CONFIG_XFRM_INTERFACE)\n\
         hint: load it with `modprobe xfrm_interface`, or run with --sandbox=vm",
    )]);
}

fn what_no_xfrm_interface_can_have_is_refused(lab: &Lab) {
    lab.refuses(&[
        (
            r#"xfrm("ipsec0", 0)"#,
            "invalid: cannot create xfrm `ipsec0` in namespace `host`: `if_id` is 1 to 4294967295, not 0",
        ),
        (
            r#"xfrm("ipsec0", 4294967296)"#,
            "invalid: cannot create xfrm `ipsec0` in namespace `host`: `if_id` is 1 to 4294967295, not 4294967296",
        ),
        (
            r#"xfrm("ipsec0", 1, #{device: "lo"})"#,
            "invalid: cannot create xfrm `ipsec0` in namespace `host`: `xfrm` has no option `device`",
        ),
        (
            r#"xfrm("ipsec0", 1, #{dev: "e7"})"#,
            "not_found: cannot create xfrm `ipsec0` in namespace `host`: there is no link `e7`\n\
             note: links there: lo",
        ),
        (
            r#"netns("a").xfrm("ipsec0", 1, #{dev: link("lo")})"#,
            "invalid: cannot create xfrm `ipsec0` in namespace `a`: `dev` is a link of the same namespace, and `lo` is in `host`\n\
             hint: make it where that link is, and move it then, with .netns(…)",
        ),
    ]);
}

fn an_xfrm_interface_has_its_number_and_the_link_that_it_leaves_by(lab: &Lab) {
    parent(lab);
    lab.twice(MADE);
    let link = lab.link(HOST, "ipsec0");
    assert_eq!(
        (&link["link"], &link["linkinfo"]),
        (
            &json!("v0"),
            &json!({"info_kind": "xfrm", "info_data": {"if_id": "0x2a"}})
        )
    );
    assert!(link["flags"].as_array().unwrap().contains(&json!("UP")));
    assert_eq!(
        lab.value(r#"[link("ipsec0").if_id, link("ipsec0").parent.name]"#),
        json!([42, "v0"])
    );
}

fn an_xfrm_interface_that_differs_is_a_conflict(lab: &Lab) {
    parent(lab);
    lab.run(MADE);
    lab.refuses(&[(
        r#"xfrm("ipsec0", 43, #{dev: "v1"})"#,
        "conflict: cannot create xfrm `ipsec0` in namespace `host`: a link with that name exists and differs\n\
         note: there: xfrm, dev v0, if_id 42\n\
         note: asked: xfrm, dev v1, if_id 43\n\
         hint: take another name, ask for what is there, or replace it with #{replace: true}",
    )]);
    lab.twice(r#"xfrm("ipsec0", 43, #{replace: true});"#);
    assert_eq!(lab.value(r#"link("ipsec0").if_id"#), json!(43));
}

fn a_number_is_for_one_link_only(lab: &Lab) {
    parent(lab);
    lab.run(MADE);
    lab.refuses(&[(
        r#"xfrm("ipsec1", 42)"#,
        "exists: cannot create xfrm `ipsec1` in namespace `host`: `ipsec0` stands for the policies with if_id 42 already\n\
         hint: take another number: each has one link in a namespace",
    )]);
}

fn a_run_that_fails_takes_its_xfrm_interface_down(lab: &Lab) {
    parent(lab);
    lab.fails(&format!("{MADE} throw \"no\";"));
    assert_eq!(lab.links(HOST), ["v1", "v0"]);
}

fn the_command_of_an_xfrm_interface_leads_where_its_run_leads(lab: &Lab) {
    parent(lab);
    let traced = lab.script_with(&["--trace"], MADE).stderr;
    let command = "ip link add name ipsec0 up type xfrm dev v0 if_id 42";
    assert_eq!(traced, format!("+ {command}\n"));
    let made = lab.link(HOST, "ipsec0")["linkinfo"].clone();
    lab.ip("link del ipsec0");
    lab.ip(&command[3..]);
    assert_eq!(lab.link(HOST, "ipsec0")["linkinfo"], made);
}

fn a_plan_of_an_xfrm_interface_tells_what_a_run_does(lab: &Lab) {
    parent(lab);
    std::fs::write(lab.folder().join("lab.rhai"), MADE).unwrap();
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(
        (plan.stdout.as_str(), plan.stderr.as_str()),
        ("+ xfrm ipsec0 in host\na run would create 1\n", "")
    );
    assert_eq!(lab.links(HOST), ["v1", "v0"]);
}
