//! Errors as scripts catch them.

use serde_json::json;

use crate::case::cases;
use crate::lab::Lab;

cases! {
    [] =>
        a_stray_file_in_the_place_of_a_namespace_is_no_namespace;
    ["veth"] =>
        an_error_is_a_map_that_a_script_can_read
        an_error_that_is_thrown_again_says_where_it_was_raised
        each_kind_of_error_has_its_name;
}

fn a_stray_file_in_the_place_of_a_namespace_is_no_namespace(lab: &Lab) {
    std::fs::write("/run/netns/stray", "").unwrap();
    assert_eq!(
        lab.fails("netns(\"stray\");"),
        r#"
error: cannot make namespace `stray`: `/run/netns/stray` is not a namespace, only an ordinary file
 --> lab.rhai:1:1
  |
1 | netns("stray");
  | ^^^^^
hint: a crash may have left it behind; remove it with `rm /run/netns/stray`
"#
        .trim_start()
    );
    assert!(std::fs::exists("/run/netns/stray").unwrap());
}

fn an_error_is_a_map_that_a_script_can_read(lab: &Lab) {
    lab.ip("netns add a");
    lab.ip_in("a", "link add v0 type veth peer name v1");
    let mut found = lab.value(
        "let a = netns(\"a\");\n try { a.link(\"v0\").route(\"default\"); } catch (e) { return e; }",
    );
    // In the words of the kernel, which are others in each release.
    assert!(found["kernel"].is_string());
    found["kernel"].take();
    assert_eq!(
        found,
        json!({
            "errno": "ENETDOWN", "hint": "bring it up first: netns(\"a\").link(\"v0\").up()", "kernel": null, "kind": "unreachable",
            "line": 2, "message": "cannot add route `default` in namespace `a`: link `v0` is down", "netns": "a",
            "notes": [], "object": "default", "position": 21,
        })
    );
}

fn an_error_that_is_thrown_again_says_where_it_was_raised(lab: &Lab) {
    assert_eq!(
        lab.fails("try {\n    link(\"v0\");\n} catch (e) {\n    throw e;\n}"),
        r"
error: there is no link `v0` in namespace `host`
 --> lab.rhai:4:5
  |
4 |     throw e;
  |     ^^^^^
  = links there: lo
  = first raised at line 2
"
        .trim_start()
    );
}

fn each_kind_of_error_has_its_name(lab: &Lab) {
    lab.ip(
        "link add v0 type veth peer name v1\nlink set v1 up\naddr add 10.0.0.1/24 dev v1\n\
         link add v2 type veth peer name v3",
    );
    let text = r#"
        fn kind(of) { try { of.call(); } catch (e) { return e.kind; } "none" }
        [
            kind(|| link("nowhere")),
            kind(|| veth("v0", "v3")),
            kind(|| link("v1").addr("10.0.0.1/16")),
            kind(|| link("v1").mtu(20)),
            kind(|| lookup("192.0.2.1")),
            kind(|| exec(["sleep", "100"], #{timeout: "10ms"})),
            kind(|| assert(false)),
        ]"#;
    assert_eq!(
        lab.value(text),
        json!([
            "not_found",
            "conflict",
            "conflict",
            "invalid",
            "unreachable",
            "timeout",
            "assertion"
        ])
    );
}
