//! Each option of each word, given what it can't be: it is refused by its name, before anything is made.

use std::collections::BTreeMap;
use std::fmt::Write;

use ipvsh::dsl::option_keys;

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

/// All that is said, and of which options of which words.
const REFUSED: &str = r#"a group is a number or a name, not a namespace
    group: every kind of link
a link is wanted here, or its name, not a namespace
    dev: gre, gretap, ip6gre, ip6gretap, ip6tnl, ipip, sit, vxlan, xfrm, nexthop, route
option `KEY` takes a VLAN id, a range such as "10-20", or a list, not a namespace
    tagged: port
    untagged: port
option `KEY` takes a duration such as "10m", or "forever", not a namespace
    preferred_lft: addr
    valid_lft: addr
option `KEY` takes a duration such as "200ms", not a namespace
    ageing: vxlan
    ageing_time: bridge
    forward_delay: bridge
    hello_time: bridge
    max_age: bridge
    mcast_last_member_interval: bridge
    mcast_membership_interval: bridge
    mcast_querier_interval: bridge
    mcast_query_interval: bridge
    mcast_query_response_interval: bridge
    mcast_startup_query_interval: bridge
    rto_min: route
option `KEY` takes a link or its name, not a namespace
    iif: rule
    master: every kind of link
    oif: rule
    primary: bond
option `KEY` takes a list of maps, not a namespace
    nexthops: route
    peers: wireguard
option `KEY` takes a list of numbers, or of maps `#{id, weight}`, not a namespace
    group: nexthop
option `KEY` takes a name or a number, not a namespace
    group: tap, tun
    user: tap, tun
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
option `KEY` takes a string or a list of strings, not a namespace
    addr: every kind of link
    altname: every kind of link
    arp_ip_target: bond
    macs: macvlan, macvtap
    ns_ip6_target: bond
    route: every kind of link
option `KEY` takes a string, not a namespace
    action: rule
    ad_select: bond
    alias: every kind of link
    arp_all_targets: bond
    arp_validate: bond
    broadcast: addr
    congctl: route
    df: geneve, vxlan
    dst: fdb
    fail_over_mac: bond
    family: nexthop, rule
    flag: ipvlan, ipvtap, macvlan, macvtap
    from: rule
    group: vxlan
    label: addr
    lacp_rate: bond
    local: gre, gretap, ip6gre, ip6gretap, ip6tnl, ipip, sit, vxlan
    mac: every kind of link
    mode: ipvlan, ipvtap, netkit
    peer: addr
    primary_reselect: bond
    private_key: wireguard
    protocol: vlan
    remote: geneve, gre, gretap, ip6gre, ip6gretap, ip6tnl, ipip, sit, vxlan
    scope: route
    source: route
    src: route
    state: neighbor
    to: rule
    type: route
    via: nexthop, route
    vlan_protocol: bridge
    xmit_hash_policy: bond
option `KEY` takes a user's number, or a range such as "1000-1999", not a namespace
    uidrange: rule
option `KEY` takes an integer or a string such as "0x1/0xff", not a namespace
    fwmark: rule
option `KEY` takes an integer, not a namespace
    ad_actor_sys_prio: bond
    ad_user_port_key: bond
    advmss: route
    arp_interval: bond
    bcqueuelen: macvlan, macvtap
    cost: port
    downdelay: bond
    dstport: geneve, vxlan
    fwmark: gre, gretap, ip6gre, ip6gretap, ip6tnl, ipip, sit, wireguard
    gro_max_size: every kind of link
    group_fwd_mask: bridge
    gso_max_segs: every kind of link
    gso_max_size: every kind of link
    hoplimit: route
    initcwnd: route
    initrwnd: route
    key: gre, gretap, ip6gre, ip6gretap
    listen_port: wireguard
    lp_interval: bond
    maxaddress: vxlan
    mcast_hash_max: bridge
    mcast_igmp_version: bridge
    mcast_last_member_count: bridge
    mcast_mld_version: bridge
    mcast_router: bridge
    mcast_startup_query_count: bridge
    metric: addr, route
    miimon: bond
    min_links: bond
    mtu: every kind of link
    nexthop: route
    num_grat_arp: bond
    numrxqueues: every kind of link
    numtxqueues: every kind of link
    packets_per_slave: bond
    peer_notify_delay: bond
    priority: bridge, port, rule
    pvid: port
    reordering: route
    resend_igmp: bond
    suppress_prefixlength: rule
    target: rule
    tos: geneve, gre, gretap, ipip, sit, vxlan, route, rule
    ttl: geneve, gre, gretap, ip6gre, ip6gretap, ip6tnl, ipip, sit, vxlan
    txqlen: every kind of link
    updelay: bond
    vlan: fdb
    vlan_default_pvid: bridge
    vni: fdb
    window: route
option `KEY` takes true or false, not a namespace
    all_slaves_active: bond
    allmulticast: every kind of link
    arp: every kind of link
    autojoin: addr
    bcast_flood: port
    blackhole: nexthop
    bridge_binding: vlan
    carrier: every kind of link
    csum: gre, gretap, ip6gre, ip6gretap
    ecn: route
    fastleave: port
    fastopen_no_cookie: route
    flood: port
    guard: port
    gvrp: vlan
    hairpin: port
    home: addr
    isolated: port
    l2miss: vxlan
    l3mdev: rule
    l3miss: vxlan
    lacp_active: bond
    learning: vxlan, port
    locked: port
    loose_binding: vlan
    mcast_flood: port
    mcast_querier: bridge
    mcast_query_use_ifaddr: bridge
    mcast_snooping: bridge
    mcast_stats_enabled: bridge
    mcast_to_unicast: port
    mngtmpaddr: addr
    multi_queue: tap, tun
    multicast: every kind of link
    mvrp: vlan
    neigh_suppress: port
    nf_call_arptables: bridge
    nf_call_ip6tables: bridge
    nf_call_iptables: bridge
    nodad: every kind of link
    noprefixroute: addr
    not: rule
    onlink: nexthop, route
    permanent: fdb
    pmtudisc: gre, gretap, ipip, sit
    promisc: every kind of link
    proxy: vxlan, neighbor
    proxy_arp: port
    quickack: route
    reorder_hdr: vlan
    replace: every kind of link
    root_block: port
    router: neighbor
    rsc: vxlan
    seq: gre, gretap, ip6gre, ip6gretap
    stp: bridge
    switch: ipvlan, ipvtap
    tlb_dynamic_lb: bond
    udp6zerocsumrx: geneve, vxlan
    udp6zerocsumtx: geneve, vxlan
    udpcsum: geneve, vxlan
    up: every kind of link
    vlan_filtering: bridge
    vlan_stats_enabled: bridge
    vlan_stats_per_port: bridge
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
