//! The end of namespaces: what their links had is free again for whoever asks next.

use std::fs;

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["veth"] =>
        a_run_right_after_down_makes_the_lab_again
        a_run_that_takes_its_lab_down_can_be_repeated
        a_name_that_a_deleted_namespace_had_outside_is_free
        no_far_end_outlives_the_lab
        a_word_right_behind_finds_nothing_of_a_deleted_namespace
        a_lab_lists_nothing_of_a_namespace_that_its_run_deleted
        a_far_end_of_a_foreign_link_inside_comes_home;
    ["veth", "macvlan", "vxlan"] =>
        addresses_and_ids_are_free_right_after_down;
    ["veth", "ipvlan"] =>
        a_handle_keeps_no_deleted_namespace_alive;
}

const PAIRS: &str = r#"
    let a = netns("a");
    host().veth("w0", a, "w1");
    let b = netns("b");
    a.veth("x1", host(), "x0", #{addr: "10.1.0.1/24", up: true});
    b.veth("y1", a, "y0");
"#;

fn down(lab: &Lab) {
    let output = lab.ipvsh(&["down", "lab.rhai"]);
    assert_eq!(output.end(), "exit code 0\n");
}

fn a_run_right_after_down_makes_the_lab_again(lab: &Lab) {
    for _ in 0..8 {
        lab.run(PAIRS);
        down(lab);
    }
}

fn a_run_that_takes_its_lab_down_can_be_repeated(lab: &Lab) {
    for _ in 0..8 {
        let output = lab.script_with(&["--rm"], PAIRS);
        assert_eq!(output.end(), "exit code 0\n");
    }
}

fn a_name_that_a_deleted_namespace_had_outside_is_free(lab: &Lab) {
    let printed = lab.run(
        r#"
        for round in 0..4 {
            netns("a").veth("w0", host(), "w1");
            let other = netns("other").veth("v0", netns("a"), "v1");
            netns("a").delete();
            let made = netns("b").veth("w0", host(), "w1").peer.name;
            netns("other").veth("v0", netns("b"), "v1");
            netns("b").delete();
            print(made);
        }"#,
    );
    assert_eq!(printed, "w1\n".repeat(4));
}

fn no_far_end_outlives_the_lab(lab: &Lab) {
    let script = r#"
        for number in 0..20 {
            let place = netns(`n${number}`);
            place.veth("v0", host(), `h${number}`);
            host().veth(`k${number}`, place, "v1");
        }"#;
    lab.run(script);
    assert_eq!(lab.links(HOST).len(), 40);
    down(lab);
    assert!(lab.links(HOST).is_empty(), "{:?}", lab.links(HOST));
}

fn a_word_right_behind_finds_nothing_of_a_deleted_namespace(lab: &Lab) {
    let printed = lab.run(
        r#"
        let found = [];
        for round in 0..5 {
            let b = netns("b");
            for name in ["a", "c"] { netns(name).veth("e0", b, `e-${name}`); }
            for name in ["a", "c"] { netns(name).delete(); }
            found += b.links.map(|link| link.name);
            for name in ["a", "c"] { netns(name).veth("e0", b, `e-${name}`); }
            for name in ["a", "c"] { netns(name).delete(); }
            found += b.exec("ip -br link").stdout.contains("e-");
        }
        print(found);"#,
    );
    assert_eq!(printed, format!("[{}]\n", [r#""lo", false"#; 5].join(", ")));
}

fn a_lab_lists_nothing_of_a_namespace_that_its_run_deleted(lab: &Lab) {
    for _ in 0..8 {
        lab.run(r#"netns("a").veth("e0", netns("b"), "e1"); netns("a").delete();"#);
        let listed = lab.ipvsh(&["ls"]).stdout;
        assert!(!listed.contains("missing"), "{listed}");
        down(lab);
    }
}

fn a_far_end_of_a_foreign_link_inside_comes_home(lab: &Lab) {
    lab.ip("link add m0 type veth peer name m1");
    lab.run(r#"link("m0").netns(netns("a")); netns("a").veth("w0", host(), "w1");"#);
    down(lab);
    let mut links = lab.links(HOST);
    links.sort();
    assert_eq!(links, ["m0", "m1"]);
}

fn addresses_and_ids_are_free_right_after_down(lab: &Lab) {
    lab.ip("link add p0 type veth peer name p1\nlink set p0 up\nlink set p1 up");
    for _ in 0..5 {
        lab.run(
            r#"
            for i in 1..=3 {
                netns(`m${i}`).macvlan("p0", "v", "bridge", #{mac: `02:00:00:00:01:0${i}`, up: true});
                host().vxlan(`vx${i}`, 100 + i, #{remote: "10.0.0.1", dstport: 4789}).netns(netns(`m${i}`));
            }"#,
        );
        down(lab);
    }
}

fn a_handle_keeps_no_deleted_namespace_alive(lab: &Lab) {
    lab.ip("link add p0 type veth peer name p1\nlink set p0 up\nlink set p1 up");
    lab.run(
        r#"
        let kept = [];
        for round in 0..5 {
            let a = netns("a");
            kept += a;
            kept += netns("a").ipvlan("p0", "v", "l2", #{addr: "10.0.0.1/24"});
            netns("a").delete();
        }
        kept += netns("a").ipvlan("p0", "v", "l3s", #{addr: "10.0.0.1/24"});"#,
    );
    assert_eq!(lab.addresses("a", "v"), ["10.0.0.1/24"]);
    fs::write(lab.folder().join("down.rhai"), "").unwrap();
    down(lab);
}
