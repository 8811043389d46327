//! The words that random scripts are made of, and those that they are not, with the reason.

/// A word that makes a link.
pub(super) struct LinkKind {
    /// The word.
    pub(super) word: &'static str,
    /// What its names begin with.
    pub(super) letter: char,
    /// How it is called; the words in capitals stand for what a script has at hand.
    pub(super) call: &'static str,
}

const fn kind(letter: char, word: &'static str, call: &'static str) -> LinkKind {
    LinkKind { word, letter, call }
}

/// Every kind of link.
pub(super) const KINDS: &[LinkKind] = &[
    kind('v', "veth", r#"veth("NAME", "PEER", OPTIONS)"#),
    kind('v', "veth", r#"veth("NAME", FAR, "PEER", OPTIONS)"#),
    kind('b', "bridge", r#"bridge("NAME", OPTIONS)"#),
    kind('m', "macvlan", r#"macvlan(PARENT, "NAME", OPTIONS)"#),
    kind(
        'c',
        "macvlan",
        r#"macvlan(PARENT, "NAME", "source", OPTIONS)"#,
    ),
    kind(
        'q',
        "macvtap",
        r#"macvtap(PARENT, "NAME", "vepa", OPTIONS)"#,
    ),
    kind('i', "ipvlan", r#"ipvlan(PARENT, "NAME", OPTIONS)"#),
    kind('u', "ipvtap", r#"ipvtap(PARENT, "NAME", "l2", OPTIONS)"#),
    kind('n', "vlan", r#"vlan(PARENT, "NAME", NUMBER, OPTIONS)"#),
    kind('x', "vxlan", r#"vxlan("NAME", NUMBER, OPTIONS)"#),
    kind(
        'e',
        "geneve",
        r#"geneve("NAME", NUMBER, #{remote: "10.200.0.NUMBER"} + OPTIONS)"#,
    ),
    kind(
        'g',
        "gre",
        r#"gre("NAME", #{remote: "10.201.0.NUMBER"} + OPTIONS)"#,
    ),
    kind(
        'g',
        "gretap",
        r#"gretap("NAME", #{remote: "10.202.0.NUMBER"} + OPTIONS)"#,
    ),
    kind(
        'g',
        "ip6gre",
        r#"ip6gre("NAME", #{remote: "fd01::NUMBER"} + OPTIONS)"#,
    ),
    kind(
        'g',
        "ip6gretap",
        r#"ip6gretap("NAME", #{remote: "fd02::NUMBER"} + OPTIONS)"#,
    ),
    kind(
        'j',
        "ipip",
        r#"ipip("NAME", #{remote: "10.203.0.NUMBER"} + OPTIONS)"#,
    ),
    kind(
        's',
        "sit",
        r#"sit("NAME", #{remote: "10.204.0.NUMBER"} + OPTIONS)"#,
    ),
    kind(
        'j',
        "ip6tnl",
        r#"ip6tnl("NAME", #{remote: "fd03::NUMBER"} + OPTIONS)"#,
    ),
    kind('y', "xfrm", r#"xfrm("NAME", NUMBER, OPTIONS)"#),
    kind('h', "wireguard", r#"wireguard("NAME", OPTIONS)"#),
    kind('f', "vrf", r#"vrf("NAME", NUMBER, OPTIONS)"#),
    kind('d', "dummy", r#"dummy("NAME", OPTIONS)"#),
    kind('k', "ifb", r#"ifb("NAME", OPTIONS)"#),
    kind('t', "tun", r#"tun("NAME", OPTIONS)"#),
    kind('a', "tap", r#"tap("NAME", OPTIONS)"#),
    kind('o', "bond", r#"bond("NAME", "active-backup", OPTIONS)"#),
    kind('o', "bond", r#"bond("NAME", "802.3ad", OPTIONS)"#),
    kind('z', "netkit", r#"netkit("NAME", FAR, "PEER", OPTIONS)"#),
];

/// What an act takes, for it not to be refused as a rule.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Any link, or any place.
    Nothing,
    /// A bridge in the same place.
    Bridge,
    /// A link that was put under a bridge.
    Port,
    /// A link made by one of these words.
    Kind(&'static [&'static str]),
    /// A script that may take back what it said.
    Contradiction,
}

/// A word that says something of a link or a place.
pub(super) struct Act {
    /// The word.
    pub(super) word: &'static str,
    /// What stands in its brackets.
    pub(super) arguments: &'static str,
    /// What it says something of; empty where it may be said again.
    pub(super) key: &'static str,
    /// What it takes.
    pub(super) need: Need,
    /// Options that are always given.
    pub(super) always: &'static [&'static str],
    /// How many others there may be.
    pub(super) most: usize,
    /// Whether it can stand without the link, or the place, in front.
    pub(super) is_short: bool,
}

const fn act(word: &'static str, arguments: &'static str, key: &'static str) -> Act {
    Act {
        word,
        arguments,
        key,
        need: Need::Nothing,
        always: &[],
        most: 2,
        is_short: true,
    }
}

impl Act {
    const fn needs(mut self, need: Need) -> Self {
        self.need = need;
        self
    }

    const fn always(mut self, always: &'static [&'static str]) -> Self {
        self.always = always;
        self
    }

    const fn long(mut self) -> Self {
        self.is_short = false;
        self
    }
}

const VXLAN: Need = Need::Kind(&["vxlan"]);
const SLAVE: Need = Need::Kind(&["ipvlan", "ipvtap"]);
const WIREGUARD: Need = Need::Kind(&["wireguard"]);
/// A public key of nobody.
const KEY: &str = r#""hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=""#;

/// The same with options.
const KEY_AND_OPTIONS: &str = r#""hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=", OPTIONS"#;

/// Words of links.
pub(super) const ON_LINKS: &[Act] = &[
    act("up", "", "up"),
    act("up", "", "up"),
    act("up", "", "up"),
    act("down", "", "up"),
    act("mtu", "1300", "mtu"),
    act("mtu", "1500", "mtu"),
    act("mtu", "1200", "mtu"),
    act("mac", "\"MAC\"", "mac"),
    act("master", "\"BRIDGE\"", "master").needs(Need::Bridge),
    act("master", "\"BRIDGE\"", "master").needs(Need::Bridge),
    act("nomaster", "", "master"),
    act("alias", "\"text NEW\"", "alias"),
    act("txqlen", "77", "txqlen"),
    act("group", "9", "group"),
    act("promisc", "true", "promisc"),
    act("arp", "false", "arp"),
    act("multicast", "false", "multicast"),
    act("allmulticast", "true", "allmulticast"),
    act("carrier", "false", "carrier").needs(Need::Kind(&["dummy"])),
    act("gso_max_size", "32000", "gso_max_size"),
    act("gso_max_segs", "16", "gso_max_segs"),
    act("gro_max_size", "32000", "gro_max_size"),
    act("altname", "\"name-NEW\"", ""),
    act("del_altname", "\"name-NEW\"", ""),
    act("port", "OPTIONS", "port").needs(Need::Port),
    act("port", "OPTIONS", "port").needs(Need::Port),
    act("active", "\"LINK\"", "active").needs(Need::Kind(&["bond"])),
    act("primary", "\"LINK\"", "primary").needs(Need::Kind(&["bond"])),
    act("fdb", "\"MAC\"", "").needs(Need::Port),
    act("fdb", "\"MAC\", OPTIONS", "").needs(Need::Port),
    act("fdb", "\"MAC\", OPTIONS", "")
        .needs(VXLAN)
        .always(&["dst"]),
    act("fdb", "\"00:00:00:00:00:00\", OPTIONS", "flood")
        .needs(VXLAN)
        .always(&["dst"]),
    act("del_fdb", "\"MAC\"", "").needs(VXLAN),
    act("del_fdb", "\"MAC\", OPTIONS", "").needs(VXLAN),
    act("wg_peer", KEY, "peer").needs(WIREGUARD),
    act("wg_peer", KEY_AND_OPTIONS, "peer").needs(WIREGUARD),
    act(
        "del_wg_peer",
        "\"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\"",
        "",
    )
    .needs(WIREGUARD),
    act("addr", "\"IP4\"", ""),
    act("addr", "\"IP4\"", ""),
    act("addr", "\"IP6\"", ""),
    act("addr", "\"IP4\", OPTIONS", ""),
    act("addr", "\"IP6\", OPTIONS", ""),
    act("del_addr", "\"10.9.9.9\"", ""),
    act("del_addr", "\"10.11.0.1\"", "").needs(Need::Contradiction),
    act("route", "\"NET\"", "").long(),
    act("route", "\"NET\", OPTIONS", "").long(),
    act("del_route", "\"10.250.0.0/16\"", "").long(),
    act("neighbor", "\"10.66.0.NUMBER\", \"MAC\"", ""),
    act("neighbor", "\"fd66::NUMBER\", \"MAC\"", ""),
    act("neighbor", "\"10.66.0.NUMBER\", \"MAC\", OPTIONS", ""),
    act("neighbor", "\"10.66.0.NUMBER\", #{proxy: true}", ""),
    act("neighbor", "\"fd66::NUMBER\", #{proxy: true}", ""),
    act("del_neighbor", "\"10.66.1.1\"", ""),
    act("sysctl", "\"rp_filter\", 2", "rp_filter").long(),
    act("sysctl", "\"ipv6.accept_ra\", 0", "accept_ra").long(),
    act("sysctl", "\"proxy_arp\", true", "proxy_arp").long(),
    act(
        "sysctl",
        "\"ipv4.neigh.gc_stale_time\", 30",
        "gc_stale_time",
    )
    .long(),
    act("sysctl", "\"ipv6.neigh.retrans_time_ms\", 500", "retrans").long(),
    act("sysctl", "\"ipv6.disable_ipv6\", 1", "disable_ipv6").long(),
    act("netem", "OPTIONS", "queue"),
    act("tbf", "OPTIONS", "queue").always(&["rate"]),
    act("htb", "OPTIONS", "queue").always(&["classes"]),
    act("clear_qdisc", "", "queue"),
    act("mode", "\"l2\"", "mode").needs(SLAVE),
    act("mode", "\"l3s\", OPTIONS", "mode").needs(SLAVE),
    act("netns", "\"n2\"", "netns").long(),
    act("netns", "\"n1\"", "netns").long(),
    act("rename", "\"r-NEW\"", "rename"),
    act("delete", "", "").needs(Need::Contradiction),
    act("addrs", "", ""),
    act("neighbors", "", ""),
];

/// Words of places.
pub(super) const ON_PLACES: &[Act] = &[
    act("rule", "OPTIONS", "").always(&["table", "priority"]),
    act("rule", "OPTIONS", "").always(&["from", "table", "priority"]),
    act("rule", "OPTIONS", "").always(&["to", "action", "priority"]),
    act("del_rule", "#{table: 222}", ""),
    act("sysctl", "\"ipv4.ip_default_ttl\", 70", "ttl"),
    act(
        "sysctl",
        "\"ipv4.ip_local_port_range\", \"20000 30000\"",
        "range",
    ),
    act("forward", "", "forward"),
    act("drop", "OPTIONS", "").always(&["from"]),
    act("reject", "OPTIONS", "").always(&["to"]),
    act("accept", "OPTIONS", "").always(&["proto"]),
    act("masquerade", "\"LINK\"", ""),
    act("masquerade", "\"LINK\", OPTIONS", ""),
    act("nat", "OPTIONS", "").always(&["proto", "dport", "dnat"]),
    act(
        "nft",
        "\"table inet tNUMBER { chain c { tcp dport 80 drop; }; }\"",
        "",
    ),
    act(
        "nft",
        "\"table inet tNUMBER { chain c { }; }\", #{replace: true}",
        "",
    ),
    act("nexthop", "1, OPTIONS", "nexthop1").always(&["dev"]),
    act("nexthop", "2, OPTIONS", "nexthop2").always(&["via", "dev"]),
    act("nexthop", "3, #{blackhole: true}", "nexthop3"),
    act("nexthop", "4, #{group: [1, 2]}", "nexthop4"),
    act("del_nexthop", "9", ""),
    act("route", "\"NET\", \"LINK\"", ""),
    act("route", "\"NET\", \"LINK\", OPTIONS", ""),
    act("route", "\"NET\", OPTIONS", "").always(&["via"]),
    act("route", "\"NET\", OPTIONS", "").always(&["type"]),
    act("route", "\"NET\", OPTIONS", "").always(&["nexthops"]),
    act("route", "\"NET\", #{nexthop: 1}", ""),
    act("route", "\"default\", OPTIONS", "default").always(&["via"]),
    act("del_route", "\"10.250.0.0/16\"", ""),
    act("del_route", "\"10.250.0.0/16\", #{metric: 5}", ""),
    act("lookup", "\"NEAR\"", ""),
    act("exec", "[\"true\"]", "").long(),
    act("links", "", ""),
    act("addrs", "", ""),
    act("routes", "", ""),
    act("routes", "#{table: 100}", ""),
    act("rules", "", ""),
    act("neighbors", "", ""),
    act("nexthops", "", ""),
    act("delete", "", "").needs(Need::Contradiction).long(),
];

/// Words that stand in every script.
pub(super) const IN_ALL: &[&str] = &["netns", "host", "within", "link", "print"];

/// Words that are not tried here, by the reason.
pub(super) const LEFT_OUT: &[(&str, &[&str])] = &[
    (
        "takes the options of a kind that only the run knows: `options` and `foreign` try it",
        &["set"],
    ),
    (
        "has its plan and its run compared beside its queue, in `queue`",
        &["clsact", "ingress", "clear_ingress"],
    ),
    (
        "has its answer from the network or from programs, which a plan does not ask",
        &[
            "ping",
            "why",
            "path",
            "throughput",
            "latency",
            "listen",
            "close",
            "tcp",
            "http",
            "resolve",
            "flap",
            "events",
            "wait_event",
            "graph",
            "mesh",
            "report",
            "expect_reach",
            "expect_no_reach",
            "wait_up",
            "wait_dad",
            "wait_for",
            "eventually",
            "expect",
            "expect_fails",
            "expect_same",
            "needs",
            "skip",
            "state",
            "wait_port",
            "spawn",
            "wait",
            "line",
            "wait_line",
            "signal",
            "kill",
            "capture",
            "packets",
            "stop",
            "sleep",
            "shell",
        ],
    ),
    (
        "computes, or speaks, and touches nothing",
        &[
            "prefix",
            "nth_subnet",
            "nth_address",
            "in_network",
            "wg_key",
            "wg_public",
            "lab",
            "param",
            "required",
            "argument",
            "assert",
            "exit",
            "progress",
            "tree",
            "help",
            "namespaces",
            "existing",
            "join",
            "sum",
            "unique",
            "sort_by",
            "each",
            "zip",
            "to_list",
            "format",
            "matches",
            "captures",
            "read",
            "read_csv",
            "read_json",
            "read_toml",
            "write",
            "env",
            "hostname",
            "now",
            "random",
            "number",
            "fraction",
            "pick",
            "shuffled",
            "result",
            "to_json",
            "here",
            "enter",
            "leave",
        ],
    ),
];
