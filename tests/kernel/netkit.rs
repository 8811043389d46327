//! netkit pairs. Where no kernel has them yet, what is planned, sent and refused can be seen.

use std::fs;

use nix::mount::{MsFlags, mount};

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    [] =>
        what_no_netkit_can_have_is_refused
        a_plan_of_a_netkit_pair_follows_both_ends;
    ["!netkit"] =>
        a_kernel_without_netkit_is_told_with_module_and_config_option
        the_command_of_a_netkit_pair_is_told_in_the_words_of_ip;
}

fn a_kernel_without_netkit_is_told_with_module_and_config_option(lab: &Lab) {
    lab.lacks(&[(
        r#"netkit("n0", netns("b"), "n1")"#,
        "netkit",
        "n0",
        "netkit",
        "CONFIG_NETKIT",
    )]);
}

fn what_no_netkit_can_have_is_refused(lab: &Lab) {
    lab.refuses(&[
        (
            r#"netkit("n0", host(), "n1", #{mode: "l4"})"#,
            "invalid: cannot create netkit `n0` in namespace `host`: netkit has no mode `l4`\n\
             note: modes: l2, l3\n\
             hint: write \"l2\" or \"l3\"",
        ),
        (
            r#"netkit("n0", host(), "n1", #{mod: "l2"})"#,
            "invalid: cannot create netkit `n0` in namespace `host`: `netkit` has no option `mod`\n\
             hint: did you mean `mode`?",
        ),
        (
            r#"netkit("n0", host(), "n0")"#,
            "invalid: cannot create netkit `n0` in namespace `host`: the two ends can't have one name in one namespace",
        ),
        (
            r#"netkit("n0", host(), "n/1")"#,
            "invalid: cannot create netkit `n0` in namespace `host`: a link's name holds no slash, `n/1` does",
        ),
        (
            r#"netkit("n0", host(), "lo")"#,
            "exists: cannot create netkit `n0` in namespace `host`: the peer's name `lo` is taken\n\
             note: there: link `lo`\n\
             hint: take another name for the peer",
        ),
    ]);
}

fn a_plan_of_a_netkit_pair_follows_both_ends(lab: &Lab) {
    let text = r#"
        let b = netns("b");
        let end = netns("a").netkit("n0", b, "n1", #{mode: "l2", up: true});
        assert(end.peer.netns.name == "b" && end.peer.peer.name == "n0", "two ends");
        netns("a").netkit("n0", b, "n1", #{mode: "l2"});
        netns("a").netkit("n0", b, "n1", #{mode: "l3"});
        b.link("n1").delete();
        assert(netns("a").links.map(|l| l.name) == ["lo"], "both ends go");"#;
    fs::write(lab.folder().join("lab.rhai"), text).unwrap();
    // Where it can't be told what the kernel would load, a plan takes it that it has each kind.
    let none = None::<&str>;
    mount(
        none,
        "/proc/sys/kernel",
        Some("tmpfs"),
        MsFlags::empty(),
        none,
    )
    .unwrap();
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(
        (plan.stdout.as_str(), plan.stderr.as_str(), plan.code),
        (
            "\
+ namespace b
+ namespace a
+ netkit    n0 in a
= netkit    n0 in a
! netkit    n0 in a
    a link with that name exists and differs
    there: netkit, mode l2
    asked: netkit, mode l3
- netkit    n1 in b
a run would create 3, delete 1; 1 as asked already; 1 in the way: it would fail
",
            "note: the kernel has not loaded `netkit` yet, and a plan loads nothing: what is asked of it is planned by rule, and was \
             not tried out; `modprobe -a netkit` has a plan try it\n",
            1
        )
    );
}

fn the_command_of_a_netkit_pair_is_told_in_the_words_of_ip(lab: &Lab) {
    lab.ip("netns add a\nnetns add b");
    let text = r#"netns("a").netkit("n0", netns("b"), "n1", #{mode: "l2", up: true});"#;
    let told = lab.script_with(&["--trace"], text).stderr;
    assert_eq!(
        told.lines().next(),
        Some("+ ip -n a link add name n0 up type netkit mode l2 peer name n1 netns b")
    );
    assert_eq!(lab.links(HOST), Vec::<String>::new());
}
