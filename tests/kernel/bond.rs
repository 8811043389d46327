//! Bonds.

use serde_json::json;

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["bond"] =>
        a_bond_in_each_mode;
    ["bond", "dummy"] =>
        a_bond_takes_its_ports_and_brings_them_up
        a_bond_with_options
        a_bond_in_another_mode_is_a_conflict;
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
