//! Each option of each word, given what it can't be: it is refused by its name, before anything is made.

use std::fmt::Write;

use ipvsh::dsl::options;

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    [] =>
        an_option_of_the_wrong_type_is_refused_by_its_name;
}

/// A call of each word that takes options for what a namespace has; `o` stands for them.
const CALLS: &[(&str, &str)] = &[
    ("bond", r#"bond("x0", "balance-rr", o)"#),
    ("bridge", r#"bridge("x0", o)"#),
    ("dummy", r#"dummy("x0", o)"#),
    ("geneve", r#"geneve("x0", 1, o)"#),
    ("gre", r#"gre("x0", o)"#),
    ("gretap", r#"gretap("x0", o)"#),
    ("ifb", r#"ifb("x0", o)"#),
    ("ip6gre", r#"ip6gre("x0", o)"#),
    ("ip6gretap", r#"ip6gretap("x0", o)"#),
    ("ip6tnl", r#"ip6tnl("x0", o)"#),
    ("ipip", r#"ipip("x0", o)"#),
    ("ipvlan", r#"ipvlan("lo", "x0", o)"#),
    ("ipvtap", r#"ipvtap("lo", "x0", o)"#),
    ("macvlan", r#"macvlan("lo", "x0", "source", o)"#),
    ("macvtap", r#"macvtap("lo", "x0", "source", o)"#),
    ("netkit", r#"netkit("x0", host(), "x1", o)"#),
    ("sit", r#"sit("x0", o)"#),
    ("tap", r#"tap("x0", o)"#),
    ("tun", r#"tun("x0", o)"#),
    ("veth", r#"veth("x0", "x1", o)"#),
    ("vlan", r#"vlan("lo", "x0", 1, o)"#),
    ("vrf", r#"vrf("x0", 10, o)"#),
    ("vxlan", r#"vxlan("x0", 1, o)"#),
    ("wireguard", r#"wireguard("x0", o)"#),
    ("xfrm", r#"xfrm("x0", 1, o)"#),
    ("addr", r#"link("lo").addr("10.0.0.1/8", o)"#),
    ("fdb", r#"link("lo").fdb("02:00:00:00:00:07", o)"#),
    (
        "neighbor",
        r#"link("lo").neighbor("10.0.0.7", "02:00:00:00:00:07", o)"#,
    ),
    ("nexthop", "nexthop(1, o)"),
    ("port", r#"link("lo").port(o)"#),
    ("route", r#"route("10.0.0.0/8", o)"#),
    ("rule", "rule(o)"),
    ("del_rule", "del_rule(o)"),
    ("del_route", r#"del_route("10.0.0.0/8", o)"#),
    ("netem", r#"link("lo").netem(o)"#),
];

fn an_option_of_the_wrong_type_is_refused_by_its_name(lab: &Lab) {
    let before = lab.json(HOST, "link show");
    let mut script = String::new();
    for (word, call) in CALLS {
        for key in options::keys(word) {
            // A namespace is what no option takes.
            let _ = writeln!(
                script,
                "try {{ let o = #{{\"{key}\": host()}}; {call}; print(\"{word} {key} accepted\"); }} \
                 catch (e) {{ print(`{word} {key} ${{e.kind}}: ${{e.message}}`); }}"
            );
        }
    }
    for line in lab.run(&script).lines() {
        let (word, rest) = line.split_once(' ').unwrap();
        let (key, said) = rest.split_once(' ').unwrap();
        assert!(said.starts_with("invalid: cannot "), "{line}");
        let (_, why) = said.split_once("in namespace `host`: ").expect(line);
        let wanted = options::row(word, key).unwrap().form.wanted();
        let said = match (word, key) {
            ("tun" | "tap", "numtxqueues" | "numrxqueues") => format!(
                "option `{key}` is not for {word} devices, which get a queue for each program that opens them"
            ),
            _ => format!("option `{key}` takes {wanted}, not a namespace"),
        };
        assert_eq!(why, said, "{word}");
    }
    assert_eq!(lab.json(HOST, "link show"), before);
}
