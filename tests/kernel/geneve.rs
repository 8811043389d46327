//! Geneve links.

use serde_json::json;

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["!geneve"] =>
        a_kernel_without_geneve_is_told_with_module_and_config_option;
    ["geneve"] =>
        a_geneve_has_what_is_asked_and_a_second_run_changes_nothing
        a_geneve_is_made_as_ip_makes_it
        a_geneve_of_another_network_is_a_conflict
        a_run_that_fails_takes_its_geneve_down
        what_no_geneve_can_have_is_refused;
}

fn a_geneve_has_what_is_asked_and_a_second_run_changes_nothing(lab: &Lab) {
    lab.twice(r#"geneve("g0", 42, #{remote: "10.0.0.2", ttl: 9, dstport: 7000, up: true}); geneve("g6", 43, #{remote: "fd00::2"});"#);
    let data = lab.link(HOST, "g0")["linkinfo"]["info_data"].clone();
    assert_eq!(
        (&data["id"], &data["remote"], &data["ttl"], &data["port"]),
        (&json!(42), &json!("10.0.0.2"), &json!(9), &json!(7000)),
        "{data}"
    );
    let data = lab.link(HOST, "g6")["linkinfo"]["info_data"].clone();
    assert_eq!(data["remote6"], json!("fd00::2"), "{data}");
}

fn a_geneve_is_made_as_ip_makes_it(lab: &Lab) {
    lab.as_ip_makes_it(
        "g0",
        r#"geneve("g0", 42, #{remote: "10.0.0.2", df: "inherit", udpcsum: false});"#,
        "link add name g0 type geneve remote 10.0.0.2 noudpcsum df inherit id 42",
    );
    lab.as_ip_makes_it(
        "g6",
        r#"geneve("g6", 43, #{remote: "fd00::2", df: "unset", udp6zerocsumtx: true, udp6zerocsumrx: false});"#,
        "link add name g6 type geneve remote fd00::2 udp6zerocsumtx noudp6zerocsumrx df unset id 43",
    );
}

fn a_geneve_of_another_network_is_a_conflict(lab: &Lab) {
    lab.ip("link add g0 type geneve id 1 remote 10.0.0.2");
    let text = r#"try { geneve("g0", 2, #{remote: "10.0.0.2"}); } catch (e) { print(e.kind); print(e.notes); }"#;
    assert_eq!(
        lab.run(text),
        "conflict\n[\"there: geneve, id 1\", \"asked: geneve, id 2\"]\n"
    );
}

fn a_run_that_fails_takes_its_geneve_down(lab: &Lab) {
    lab.fails(r#"geneve("g0", 1, #{remote: "10.0.0.2"}); throw "no";"#);
    assert_eq!(lab.links(HOST), Vec::<String>::new());
}

fn what_no_geneve_can_have_is_refused(lab: &Lab) {
    lab.refuses(&[
        (
            r#"geneve("g0", -1, #{remote: "10.0.0.2"})"#,
            "invalid: cannot create geneve `g0` in namespace `host`: `id` is 0 to 16777215, not -1",
        ),
        (
            r#"geneve("g0", 1, #{})"#,
            "invalid: cannot create geneve `g0` in namespace `host`: the far end is missing\n\
             hint: give it as #{remote: \"10.0.0.2\"}",
        ),
        (
            r#"geneve("g0", 1, #{remote: "ff02::1"})"#,
            "invalid: cannot create geneve `g0` in namespace `host`: `remote` is the address of one host, and ff02::1 is a multicast group",
        ),
        (
            r#"geneve("g0", 1, #{remote: "10.0.0.2", dstport: 0})"#,
            "invalid: cannot create geneve `g0` in namespace `host`: `dstport` is 1 to 65535, not 0",
        ),
        (
            r#"geneve("g0", 1, #{remote: "10.0.0.2", tos: 256})"#,
            "invalid: cannot create geneve `g0` in namespace `host`: `tos` is 0 to 255, not 256",
        ),
        (
            r#"geneve("g0", 1, #{remote: "10.0.0.2", local: "10.0.0.1"})"#,
            "invalid: cannot create geneve `g0` in namespace `host`: `geneve` has no option `local`",
        ),
    ]);
}

fn a_kernel_without_geneve_is_told_with_module_and_config_option(lab: &Lab) {
    lab.lacks(&[(
        r#"geneve("g0", 1, #{remote: "10.0.0.2"})"#,
        "geneve",
        "g0",
        "geneve",
        "CONFIG_GENEVE",
    )]);
}
