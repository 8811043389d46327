//! Dummy links.

use crate::case::cases;
use crate::lab::Lab;

cases! {
    [] =>
        what_no_dummy_can_have_is_refused;
    ["!dummy"] =>
        a_kernel_without_dummies_is_told_with_module_and_config_option;
    ["dummy"] =>
        a_dummy_is_made_as_iproute2_makes_it
        a_dummy_with_a_name_of_fifteen_bytes;
}

fn a_dummy_is_made_as_iproute2_makes_it(lab: &Lab) {
    lab.ip("netns add b");
    lab.ip_in(
        "b",
        "link add d0 mtu 9000 type dummy\naddr add 10.0.0.1/24 dev d0\nlink set d0 up\nroute add default dev d0",
    );
    lab.run(
        r#"netns("a").dummy("d0", #{mtu: 9000, addr: "10.0.0.1/24", up: true, route: "default"});"#,
    );
    let state = crate::state::meaning(lab);
    crate::state::assert_same(&state["a"], &state["b"]);
}

fn a_dummy_with_a_name_of_fifteen_bytes(lab: &Lab) {
    lab.run(r#"netns("a").dummy("abcdefghijklmno");"#);
    assert_eq!(lab.links("a"), ["abcdefghijklmno"]);
}

fn a_kernel_without_dummies_is_told_with_module_and_config_option(lab: &Lab) {
    lab.lacks(&[(r#"dummy("d0")"#, "dummy", "d0", "dummy", "CONFIG_DUMMY")]);
}

fn what_no_dummy_can_have_is_refused(lab: &Lab) {
    lab.refuses(&[
        (
            r#"dummy("d0", #{remote: "10.0.0.2"})"#,
            "invalid: cannot create dummy `d0` in namespace `host`: `dummy` has no option `remote`",
        ),
        (
            r#"dummy("d0", #{mtu: 0})"#,
            "invalid: cannot create dummy `d0` in namespace `host`: `mtu` is 1 to 4294967295, not 0",
        ),
        (
            r#"dummy("d0", #{numtxqueues: 4097})"#,
            "invalid: cannot create dummy `d0` in namespace `host`: `numtxqueues` is 1 to 4096, not 4097",
        ),
        (
            r#"dummy("d0", #{up: "yes"})"#,
            "invalid: cannot create dummy `d0` in namespace `host`: option `up` takes true or false, not a string",
        ),
        (
            r#"dummy("d0", #{addr: "10.0.0.1"})"#,
            "invalid: cannot create dummy `d0` in namespace `host`: address `10.0.0.1` has no prefix length\n\
             hint: write \"10.0.0.1/24\", with the length that your subnet has",
        ),
        (
            r#"dummy("d0", #{route: "10.0.0.1/8"})"#,
            "invalid: cannot create dummy `d0` in namespace `host`: `10.0.0.1/8` has bits set beyond its prefix length\n\
             hint: the network is \"10.0.0.0/8\"",
        ),
        (
            r#"dummy("a-name-too-long!")"#,
            "invalid: cannot create dummy `a-name-too-long!` in namespace `host`: a link's name has at most 15 bytes, `a-name-too-long!` has 16\n\
             hint: shorten it, to `a-name-too-long` for example",
        ),
    ]);
}
