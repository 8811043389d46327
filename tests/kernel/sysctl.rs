//! Settings below `/proc/sys/net`.

use std::fs;

use serde_json::json;

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    [] =>
        a_setting_of_a_namespace_is_read_and_set_there_only
        a_setting_that_is_as_asked_is_left_alone
        forwarding_is_turned_on_for_both_families
        a_setting_goes_back_to_what_it_was
        a_setting_that_somebody_else_has_set_since_is_left_to_them
        a_setting_that_is_not_there_is_not_made
        a_key_that_leads_elsewhere_is_refused
        a_value_that_the_kernel_does_not_take_is_refused
        a_value_of_the_wrong_type_is_refused;
    ["veth"] =>
        a_setting_of_a_link_is_that_of_its_family
        a_link_with_a_dot_in_its_name_has_settings
        a_setting_of_a_link_that_is_gone_is_refused
        what_is_no_setting_or_no_value_is_refused;
}

/// What the file says in the namespace `netns`.
fn read(lab: &Lab, netns: &str, path: &str) -> String {
    let read = || fs::read_to_string(format!("/proc/sys/net/{path}")).unwrap();
    let text = if netns == HOST {
        read()
    } else {
        lab.in_netns(netns, read)
    };
    text.trim_end().to_owned()
}

fn a_setting_of_a_namespace_is_read_and_set_there_only(lab: &Lab) {
    let line = r#"netns("a").sysctl("ipv4.ip_forward", 1).sysctl("net.ipv4.ip_forward")"#;
    assert_eq!(lab.value(line), json!(1));
    assert_eq!(read(lab, "a", "ipv4/ip_forward"), "1");
    assert_eq!(read(lab, HOST, "ipv4/ip_forward"), "0");
    lab.run(r#"sysctl("ipv4.ip_local_port_range", "20000  30000");"#);
    assert_eq!(read(lab, HOST, "ipv4/ip_local_port_range"), "20000\t30000");
}

fn a_setting_that_is_as_asked_is_left_alone(lab: &Lab) {
    let text =
        r#"sysctl("ipv4.ip_forward", false); sysctl("ipv4.ip_local_port_range", "32768 60999");"#;
    let output = lab.script_with(&["--summary"], text);
    let counts = output.stderr.lines().last();
    assert_eq!(counts, Some("created 0, changed 0, unchanged 2, deleted 0"));
}

fn forwarding_is_turned_on_for_both_families(lab: &Lab) {
    lab.run(r#"netns("r").forward();"#);
    assert_eq!(read(lab, "r", "ipv4/ip_forward"), "1");
    assert_eq!(read(lab, "r", "ipv6/conf/all/forwarding"), "1");
}

fn a_setting_goes_back_to_what_it_was(lab: &Lab) {
    lab.run("forward();");
    assert_eq!(read(lab, HOST, "ipv4/ip_forward"), "1");
    let listed = lab.ipvsh(&["ls"]).stdout;
    assert!(listed.contains("lab: 2 settings"), "{listed}");
    let down = lab.ipvsh(&["down", "lab.rhai"]);
    assert_eq!(down.end(), "exit code 0\n");
    assert_eq!(read(lab, HOST, "ipv4/ip_forward"), "0");
    assert_eq!(read(lab, HOST, "ipv6/conf/all/forwarding"), "0");
}

fn a_setting_that_somebody_else_has_set_since_is_left_to_them(lab: &Lab) {
    lab.run(r#"sysctl("ipv4.tcp_keepalive_time", 100);"#);
    fs::write("/proc/sys/net/ipv4/tcp_keepalive_time", "200").unwrap();
    let listed = lab.ipvsh(&["ls"]).stdout;
    assert!(
        listed.ends_with(
            "  changed: sysctl `ipv4.tcp_keepalive_time` 100 in namespace `host` is 200 now\n"
        ),
        "{listed}"
    );
    lab.ipvsh(&["down", "lab.rhai"]);
    assert_eq!(read(lab, HOST, "ipv4/tcp_keepalive_time"), "200");
}

fn a_setting_that_is_not_there_is_not_made(lab: &Lab) {
    assert_eq!(
        lab.fails(r#"sysctl("ipv4.ip_foward", 1);"#),
        "error: cannot read sysctl `ipv4.ip_foward` in namespace `host`: there is no such setting\n \
         --> lab.rhai:1:1\n  |\n\
         1 | sysctl(\"ipv4.ip_foward\", 1);\n  | ^^^^^^\n  \
         = errno: ENOENT\n\
         hint: did you mean `ipv4.ip_forward`?\n"
    );
}

fn a_key_that_leads_elsewhere_is_refused(lab: &Lab) {
    assert_eq!(
        lab.fails(r#"sysctl("ipv4/../../kernel/hostname", "x");"#),
        "error: cannot find sysctl `ipv4/../../kernel/hostname` in namespace `host`: that is not the name of a setting\n \
         --> lab.rhai:1:1\n  |\n\
         1 | sysctl(\"ipv4/../../kernel/hostname\", \"x\");\n  | ^^^^^^\n\
         hint: write it as `sysctl` does, without `net.`: \"ipv4.ip_forward\"\n"
    );
}

fn a_value_that_the_kernel_does_not_take_is_refused(lab: &Lab) {
    assert_eq!(
        lab.fails(r#"sysctl("ipv4.ip_forward", "yes");"#),
        "error: cannot set sysctl `ipv4.ip_forward` in namespace `host`: the kernel does not take `yes` as its value\n \
         --> lab.rhai:1:1\n  |\n\
         1 | sysctl(\"ipv4.ip_forward\", \"yes\");\n  | ^^^^^^\n  \
         = errno: EINVAL\n\
         hint: it is `0` now\n"
    );
    assert_eq!(read(lab, HOST, "ipv4/ip_forward"), "0");
}

fn a_value_of_the_wrong_type_is_refused(lab: &Lab) {
    assert_eq!(
        lab.fails(r#"sysctl("ipv4.ip_forward", [1]);"#),
        "error: cannot set sysctl `ipv4.ip_forward` in namespace `host`: its value is an integer, a truth value or a string, not a list\n \
         --> lab.rhai:1:1\n  |\n\
         1 | sysctl(\"ipv4.ip_forward\", [1]);\n  | ^^^^^^\n"
    );
}

fn a_setting_of_a_link_is_that_of_its_family(lab: &Lab) {
    lab.run(
        r#"let v = veth("v0", "v1").sysctl("rp_filter", 2).sysctl("accept_ra", 0);
        v.sysctl("ipv6.forwarding", true).sysctl("ipv4.neigh.gc_stale_time", 7);"#,
    );
    for (path, value) in [
        ("ipv4/conf/v0/rp_filter", "2"),
        ("ipv6/conf/v0/accept_ra", "0"),
        ("ipv6/conf/v0/forwarding", "1"),
        ("ipv4/conf/v0/forwarding", "0"),
        ("ipv4/neigh/v0/gc_stale_time", "7"),
    ] {
        assert_eq!(read(lab, HOST, path), value, "{path}");
    }
    assert_eq!(
        lab.fails(r#"link("v0").sysctl("rp_fitler", 1);"#),
        "error: cannot read sysctl `ipv4.conf.v0.rp_fitler` in namespace `host`: there is no such setting\n \
         --> lab.rhai:1:12\n  |\n\
         1 | link(\"v0\").sysctl(\"rp_fitler\", 1);\n  |            ^^^^^^\n  \
         = errno: ENOENT\n\
         hint: did you mean `ipv4.conf.v0.rp_filter`?\n"
    );
}

fn a_link_with_a_dot_in_its_name_has_settings(lab: &Lab) {
    lab.run(r#"veth("v.0", "v1").sysctl("proxy_arp", 1); sysctl("ipv4.conf.v/0.rp_filter", 2);"#);
    assert_eq!(read(lab, HOST, "ipv4/conf/v.0/proxy_arp"), "1");
    assert_eq!(read(lab, HOST, "ipv4/conf/v.0/rp_filter"), "2");
}

fn a_setting_of_a_link_that_is_gone_is_refused(lab: &Lab) {
    lab.ip("link add d0 type veth peer name d1");
    let (text, told) = (
        r#"let said = ""; let d = link("d1"); d.delete(); try { d.sysctl("rp_filter", 1) } catch (e) { said = `${e.kind}: ${e.message}` + "\n" + `hint: ${e.hint}` } said"#,
        "not_found: link `d1` is gone from namespace `host`\n\
             hint: it was deleted after this handle was made; look it up again with link(…)",
    );
    assert_eq!(lab.value(text), json!(told), "{text}");
}

fn what_is_no_setting_or_no_value_is_refused(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1");
    lab.refuses(&[
        (
            r#"sysctl("", 1)"#,
            "invalid: cannot find sysctl `` in namespace `host`: that is not the name of a setting\n\
             hint: write it as `sysctl` does, without `net.`: \"ipv4.ip_forward\"",
        ),
        (
            r#"sysctl("ipv4/../../kernel/hostname", "x")"#,
            "invalid: cannot find sysctl `ipv4/../../kernel/hostname` in namespace `host`: that is not the name of a setting\n\
             hint: write it as `sysctl` does, without `net.`: \"ipv4.ip_forward\"",
        ),
        (
            r#"sysctl("ipv4.ip_forward", "yes")"#,
            "invalid: cannot set sysctl `ipv4.ip_forward` in namespace `host`: the kernel does not take `yes` as its value\n\
             hint: it is `0` now",
        ),
        (
            r#"sysctl("ipv4.ip_forward", [1])"#,
            "invalid: cannot set sysctl `ipv4.ip_forward` in namespace `host`: its value is an integer, a truth value or a string, not a list",
        ),
        (
            r#"sysctl("ipv4.ip_forward", "")"#,
            "invalid: cannot set sysctl `ipv4.ip_forward` in namespace `host`: its value can't be empty, nor hold a line end",
        ),
        (
            r#"sysctl("ipv4.ip_forward", 2.5)"#,
            "invalid: cannot set sysctl `ipv4.ip_forward` in namespace `host`: its value is an integer, a truth value or a string, not a float",
        ),
        (
            r#"sysctl("ipv4.ip_forward", 99999999999)"#,
            "invalid: cannot set sysctl `ipv4.ip_forward` in namespace `host`: the kernel does not take `99999999999` as its value\n\
             hint: it is `0` now",
        ),
        (
            r#"sysctl("ipv4.ip_fwd", 1)"#,
            "not_found: cannot read sysctl `ipv4.ip_fwd` in namespace `host`: there is no such setting\n\
             hint: `ls -R /proc/sys/net` lists all there are in this namespace",
        ),
        (
            r#"sysctl("ipv4.conf", 1)"#,
            "not_found: cannot read sysctl `ipv4.conf` in namespace `host`: there is no such setting\n\
             hint: `ls -R /proc/sys/net` lists all there are in this namespace",
        ),
        (
            r#"sysctl("ipv9.x.y", 1)"#,
            "not_found: cannot read sysctl `ipv9.x.y` in namespace `host`: there is no such setting\n\
             hint: `ls -R /proc/sys/net` lists all there are in this namespace",
        ),
        (
            r#"link("v0").sysctl("rp_fitler", 1)"#,
            "not_found: cannot read sysctl `ipv4.conf.v0.rp_fitler` in namespace `host`: there is no such setting\n\
             hint: did you mean `ipv4.conf.v0.rp_filter`?",
        ),
        (
            r#"link("v0").sysctl("a.b.c.d", 1)"#,
            "invalid: cannot find sysctl `a.b.c.d` in namespace `host`: that is not the name of a setting of a link\n\
             hint: write it without the link: \"rp_filter\", \"ipv6.accept_ra\" or \"ipv4.neigh.gc_stale_time\"",
        ),
        (
            r#"link("v0").sysctl("ipv5.rp_filter", 1)"#,
            "not_found: cannot read sysctl `ipv5.conf.v0.rp_filter` in namespace `host`: there is no such setting\n\
             hint: did you mean `ipv4.conf.v0.rp_filter`?",
        ),
        (
            r#"link("v0").sysctl("rp_filter", #{})"#,
            "invalid: cannot set sysctl `ipv4.conf.v0.rp_filter` in namespace `host`: its value is an integer, a truth value or a string, not a map",
        ),
    ]);
    assert_eq!(read(lab, HOST, "ipv4/ip_forward"), "0");
}
