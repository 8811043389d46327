//! Each option of each word, given what it can't be: it is refused by its name, before anything is made.

use std::collections::BTreeMap;
use std::fmt::Write;

use ipvsh::dsl::{option_keys, options};

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    [] =>
        an_option_of_the_wrong_type_is_refused_by_its_name;
}

/// A call of each word that takes options for links, addresses, routes, rules and neighbours; `o` stands for them.
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
];

/// All that is said of the options that have no row yet, and of which words.
const REFUSED: &str = r#"a link is wanted here, or its name, not a namespace
    dev: nexthop, route
option `KEY` takes a VLAN id, a range such as "10-20", or a list, not a namespace
    tagged: port
    untagged: port
option `KEY` takes a duration such as "10m", or "forever", not a namespace
    preferred_lft: addr
    valid_lft: addr
option `KEY` takes a duration such as "200ms", not a namespace
    rto_min: route
option `KEY` takes a link or its name, not a namespace
    iif: rule
    oif: rule
option `KEY` takes a list of maps, not a namespace
    nexthops: route
option `KEY` takes a list of numbers, or of maps `#{id, weight}`, not a namespace
    group: nexthop
option `KEY` takes a name such as "link", or a number, not a namespace
    scope: addr
option `KEY` takes a name such as "static", or a number, not a namespace
    proto: nexthop, route, rule
option `KEY` takes a name such as "tcp", or a number, not a namespace
    ipproto: rule
option `KEY` takes a number or a name, not a namespace
    suppress_ifgroup: rule
    table: route, rule
option `KEY` takes a port, or a range such as "8000-8080", not a namespace
    dport: rule
    sport: rule
option `KEY` takes a string, not a namespace
    action: rule
    broadcast: addr
    congctl: route
    dst: fdb
    family: nexthop, rule
    from: rule
    label: addr
    peer: addr
    scope: route
    source: route
    src: route
    state: neighbor
    to: rule
    type: route
    via: nexthop, route
option `KEY` takes a user's number, or a range such as "1000-1999", not a namespace
    uidrange: rule
option `KEY` takes an integer or a string such as "0x1/0xff", not a namespace
    fwmark: rule
option `KEY` takes an integer, not a namespace
    advmss: route
    cost: port
    hoplimit: route
    initcwnd: route
    initrwnd: route
    metric: addr, route
    mtu: route
    nexthop: route
    priority: port, rule
    pvid: port
    reordering: route
    suppress_prefixlength: rule
    target: rule
    tos: route, rule
    vlan: fdb
    vni: fdb
    window: route
option `KEY` takes true or false, not a namespace
    autojoin: addr
    bcast_flood: port
    blackhole: nexthop
    ecn: route
    fastleave: port
    fastopen_no_cookie: route
    flood: port
    guard: port
    hairpin: port
    home: addr
    isolated: port
    l3mdev: rule
    learning: port
    locked: port
    mcast_flood: port
    mcast_to_unicast: port
    mngtmpaddr: addr
    neigh_suppress: port
    nodad: addr
    noprefixroute: addr
    not: rule
    onlink: nexthop, route
    permanent: fdb
    proxy: neighbor
    proxy_arp: port
    quickack: route
    replace: addr, fdb, neighbor, nexthop, route, rule
    root_block: port
    router: neighbor
    vlan_tunnel: port
"#;

fn an_option_of_the_wrong_type_is_refused_by_its_name(lab: &Lab) {
    let before = lab.json(HOST, "link show");
    let mut script = String::new();
    for (word, call) in CALLS {
        for key in option_keys::of(word) {
            // A namespace is what no option takes.
            let _ = writeln!(
                script,
                "try {{ let o = #{{\"{key}\": host()}}; {call}; print(\"{word} {key} accepted\"); }} \
                 catch (e) {{ print(`{word} {key} ${{e.kind}}: ${{e.message}}`); }}"
            );
        }
    }
    // By what is said: which options of which words, those first that all kinds of link have.
    let mut told: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for line in lab.run(&script).lines() {
        let (word, rest) = line.split_once(' ').unwrap();
        let (key, said) = rest.split_once(' ').unwrap();
        assert!(said.starts_with("invalid: cannot "), "{line}");
        let (_, why) = said.split_once("in namespace `host`: ").expect(line);
        if let Some(row) = options::row(word, key) {
            let wanted = row.form.wanted();
            let said = format!("option `{key}` takes {wanted}, not a namespace");
            assert_eq!(why, said, "{word}");
            continue;
        }
        let why = why.replace(&format!("`{key}`"), "`KEY`");
        let keys = told.entry(why).or_default();
        keys.entry(key.to_owned())
            .or_default()
            .push(word.to_owned());
    }
    assert_eq!(lab.json(HOST, "link show"), before);
    let mut text = String::new();
    for (why, keys) in &told {
        let _ = writeln!(text, "{why}");
        for (key, words) in keys {
            let words = if words.len() > 20 {
                "every kind of link".to_owned()
            } else {
                words.join(", ")
            };
            let _ = writeln!(text, "    {key}: {words}");
        }
    }
    assert_eq!(text, REFUSED);
}
