//! Intermediate functional blocks.

use serde_json::json;

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["ifb"] =>
        an_ifb_is_made_once
        a_run_that_fails_takes_its_ifb_down
        what_no_ifb_can_have_is_refused;
}

fn an_ifb_is_made_once(lab: &Lab) {
    lab.twice(r#"ifb("i0", #{up: true});"#);
    assert_eq!(lab.link(HOST, "i0")["linkinfo"]["info_kind"], json!("ifb"));
    let text = r#"try { ifb("lo"); } catch (e) { print(e.kind); print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "conflict\n[\"there: hardware\", \"asked: ifb\"]\n"
    );
}

fn a_run_that_fails_takes_its_ifb_down(lab: &Lab) {
    lab.fails(r#"ifb("i0"); throw "no";"#);
    assert_eq!(lab.links(HOST), Vec::<String>::new());
}

fn what_no_ifb_can_have_is_refused(lab: &Lab) {
    lab.refuses(&[(
        r#"ifb("i0", #{remote: "10.0.0.2"})"#,
        "invalid: cannot create ifb `i0` in namespace `host`: `ifb` has no option `remote`",
    )]);
}
