//! TUN and TAP devices.

use serde_json::json;

use crate::case::cases;
use crate::lab::{HOST, Lab, Output};

cases! {
    ["tun"] =>
        tun_and_tap_have_what_is_asked
        a_tun_that_is_there_as_asked_is_left_alone
        a_tap_where_a_tun_is_asked_is_a_conflict_and_is_replaced_where_that_is_asked
        a_run_that_fails_takes_its_tun_down
        a_plan_of_a_tun_is_what_a_run_does
        a_plan_makes_no_tun
        what_no_tun_can_have_is_refused
        the_steps_of_a_tap_are_told_in_the_words_of_ip;
}

const TAP: &str = r#"netns("a").tap("t0", #{user: 54321, group: 54322, multi_queue: true, mtu: 1400,
    mac: "02:00:00:00:00:07", up: true});"#;

fn tun_and_tap_have_what_is_asked(lab: &Lab) {
    lab.run(TAP);
    let link = lab.link("a", "t0");
    let data = &link["linkinfo"]["info_data"];
    assert_eq!(
        (
            &data["type"],
            &data["user"],
            &data["group"],
            &data["persist"],
            &data["multi_queue"],
            &data["pi"]
        ),
        (
            &json!("tap"),
            &json!(54321),
            &json!(54322),
            &json!(true),
            &json!(true),
            &json!(false)
        ),
        "{link}"
    );
    assert_eq!(
        (&link["mtu"], &link["address"]),
        (&json!(1400), &json!("02:00:00:00:00:07"))
    );
    assert!(link["flags"].as_array().unwrap().contains(&json!("UP")));
    lab.run(r#"tun("t1", #{user: "root"});"#);
    let link = lab.link(HOST, "t1");
    let data = &link["linkinfo"]["info_data"];
    assert_eq!(
        (&data["type"], &data["user"]),
        (&json!("tun"), &json!("root")),
        "{link}"
    );
}

fn a_tun_that_is_there_as_asked_is_left_alone(lab: &Lab) {
    lab.twice(TAP);
}

fn a_tap_where_a_tun_is_asked_is_a_conflict_and_is_replaced_where_that_is_asked(lab: &Lab) {
    lab.ip("tuntap add dev t0 mode tap");
    let text = r#"try { tun("t0"); } catch (e) { print(e.kind); print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "conflict\n[\"there: tun, mode tap\", \"asked: tun, mode tun\"]\n"
    );
    lab.run(r#"tun("t0", #{replace: true});"#);
    let data = lab.link(HOST, "t0")["linkinfo"]["info_data"].clone();
    assert_eq!(data["type"], json!("tun"));
}

fn a_run_that_fails_takes_its_tun_down(lab: &Lab) {
    lab.fails(r#"tun("t0", #{up: true}); throw "no";"#);
    assert_eq!(lab.links(HOST), Vec::<String>::new());
}

fn a_plan_makes_no_tun(lab: &Lab) {
    std::fs::write(
        lab.folder().join("lab.rhai"),
        r#"tun("t0", #{user: 7, up: true}); tun("t0", #{user: 7});"#,
    )
    .unwrap();
    let output = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(output.code, 10, "{}", output.stderr);
    assert!(output.stdout.contains("t0"), "{}", output.stdout);
    assert_eq!(lab.links(HOST), Vec::<String>::new());
}

fn a_plan_of_a_tun_is_what_a_run_does(lab: &Lab) {
    // What is there already has the ifindexes that a new namespace begins with.
    lab.ip("link add p0 type veth peer name p1");
    let fails = [
        r#"tun("t0", #{mac: "02:00:00:00:00:01"})"#,
        r#"tun("t0").route("10.9.0.0/16")"#,
        r#"tun("t0", #{up: true}).neighbor("10.9.0.1", "02:00:00:00:00:02")"#,
    ];
    for text in fails {
        std::fs::write(lab.folder().join("lab.rhai"), text).unwrap();
        let (plan, run) = (lab.ipvsh(&["plan", "lab.rhai"]), lab.ipvsh(&["lab.rhai"]));
        assert_eq!(plan.code, run.code, "{text}");
        assert_ne!(run.code, 0, "{text}");
        let error = |output: &Output| {
            output
                .stderr
                .lines()
                .find(|line| line.starts_with("error"))
                .map(str::to_owned)
        };
        assert_eq!(error(&plan), error(&run));
    }
}

fn what_no_tun_can_have_is_refused(lab: &Lab) {
    lab.refuses(&[
        (
            r#"tun("t0", #{user: "nobody-of-that-name"})"#,
            "not_found: cannot create tun `t0` in namespace `host`: there is no user `nobody-of-that-name`",
        ),
        (
            r#"tap("t0", #{group: -1})"#,
            "invalid: cannot create tap `t0` in namespace `host`: `group` is 0 to 4294967294, not -1",
        ),
        (
            r#"tap("t0", #{user: 1.5})"#,
            "invalid: cannot create tap `t0` in namespace `host`: option `user` takes a name or a number, not a float",
        ),
        (
            r#"tap("a-name-that-is-too-long")"#,
            "invalid: cannot create tap `a-name-that-is-too-long` in namespace `host`: a link's name has at most 15 bytes, `a-name-that-is-too-long` has 23\n\
             hint: shorten it, to `a-name-that-is-` for example",
        ),
    ]);
}

fn the_steps_of_a_tap_are_told_in_the_words_of_ip(lab: &Lab) {
    let output = lab.script_with(&["--trace"], r#"tap("t0", #{user: 7, up: true});"#);
    assert_eq!(
        output.stderr,
        "+ ip tuntap add dev t0 mode tap user 7\n+ ip link set dev t0 up\n"
    );
}
