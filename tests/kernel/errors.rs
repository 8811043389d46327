//! Errors as scripts catch them.

use serde_json::json;

use crate::case::cases;
use crate::lab::Lab;

cases! {
    [] =>
        a_stray_file_in_the_place_of_a_namespace_is_no_namespace;
    ["veth", "vxlan"] =>
        a_link_without_ipv6_is_the_cause_wherever_it_is;
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

/// What of IPv6 hangs on a link `l` of the namespace `a`.
const OF_IPV6: [&str; 8] = [
    r#"l.addr("fd00::1/64")"#,
    r#"a.route("fd00:9::/64", l)"#,
    r#"a.route("fd00:9::/64", #{via: "fe80::1", dev: l})"#,
    r#"a.route("10.9.0.0/16", #{via: "fe80::1", dev: l})"#,
    r#"a.route("fd00:9::/64", #{nexthops: [#{dev: l}]})"#,
    r#"a.nexthop(7, #{via: "fe80::1", dev: l})"#,
    r#"l.neighbor("fd00::9", "02:00:00:00:00:01")"#,
    r#"a.vxlan("x", 5, #{group: "ff02::5", dev: l})"#,
];

fn a_link_without_ipv6_is_the_cause_wherever_it_is(lab: &Lab) {
    let told = |off: &str, word: &str| {
        let made = r#"let a = netns("a"); let l = a.veth("w", "wp", #{up: true}); l.peer.up();"#;
        let error = lab.value(&format!(
            "{made} {off};\ntry {{ {word}; }} catch (e) {{ return e; }}"
        ));
        lab.ipvsh(&["down", "lab"]);
        (error["message"].clone(), error["hint"].clone())
    };
    for word in OF_IPV6 {
        let (message, hint) = told(r#"l.sysctl("ipv6.disable_ipv6", 1)"#, word);
        let message = message.as_str().unwrap_or_default();
        let end = ": IPv6 is switched off on link `w`";
        assert!(message.ends_with(end), "{word}: {message}");
        let hint = hint.as_str().unwrap_or_default();
        let end = r#"link("w").sysctl("ipv6.disable_ipv6", 0)"#;
        assert!(hint.ends_with(end), "{word}: {hint}");
    }
    let with_proxy = [
        r#"l.neighbor("fd00::9", #{proxy: true})"#,
        r#"l.sysctl("ipv6.accept_ra", 0)"#,
    ];
    // A vxlan looks at the setting alone.
    for word in OF_IPV6.into_iter().take(7).chain(with_proxy) {
        let (message, hint) = told("l.mtu(1000)", word);
        let message = message.as_str().unwrap_or_default();
        let end = ": link `w` has no IPv6, as its MTU is 1000";
        assert!(message.ends_with(end), "{word}: {message}");
        let wanted = r#"IPv6 takes 1280 bytes at least: netns("a").link("w").mtu(1280)"#;
        assert_eq!(hint, wanted, "{word}");
    }
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
