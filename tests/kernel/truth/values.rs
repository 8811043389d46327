//! Values for every option of every word: texts of the language, in which words in capitals stand for what a script has at
//! hand (see [`super::script`]).

#![allow(
    clippy::match_same_arms,
    clippy::unnested_or_patterns,
    reason = "a line for each option, as in a table"
)]

/// Values that the option `key` of `word` can have; none where it is unknown.
pub(super) fn of(word: &str, key: &str) -> Option<&'static [&'static str]> {
    of_word(word, key).or_else(|| match word {
        "port" | "addr" | "route" | "nexthop" | "rule" | "del_rule" | "neighbor" | "fdb" => None,
        word => of_any_link(word, key),
    })
}

const BOOL: &[&str] = &["true", "false"];
const ON: &[&str] = &["true"];

fn of_word(word: &str, key: &str) -> Option<&'static [&'static str]> {
    let values: &[&str] = match (word, key) {
        (_, "replace") => ON,
        ("bridge", key) => return of_bridge(key),
        ("bond", key) => return of_bond(key),
        ("addr", key) => return of_address(key),
        ("route" | "del_route", key) => return of_route(key),
        ("rule" | "del_rule", key) => return of_rule(key),
        ("netem" | "tbf" | "htb", key) => return of_queue(word, key),
        ("port", "cost") => &["7", "200"],
        ("port", "priority") => &["8", "40"],
        ("port", "pvid") => &["10", "20"],
        ("port", "tagged") => &["[30, \"40-42\"]", "30"],
        ("port", "untagged") => &["10", "[20]"],
        ("port", _) => BOOL,
        ("ipvlan" | "ipvtap", "mode") => &["\"l2\"", "\"l3\"", "\"l3s\""],
        ("mode", "flag") | ("ipvlan" | "ipvtap", "flag") => &["\"bridge\"", "\"private\""],
        ("mode" | "ipvlan" | "ipvtap", "switch") => ON,
        ("macvlan" | "macvtap", "flag") => &["\"nodst\"", "\"nopromisc\""],
        ("macvlan" | "macvtap", "bcqueuelen") => &["500", "2000"],
        ("macvlan" | "macvtap", "macs") => &["[\"MAC\"]", "\"MAC\""],
        ("netkit", "mode") => &["\"l2\"", "\"l3\""],
        ("vlan", "protocol") => &["\"802.1q\"", "\"802.1ad\""],
        ("vlan", "reorder_hdr" | "gvrp" | "mvrp" | "loose_binding" | "bridge_binding") => BOOL,
        ("vxlan", "ageing") => &["\"100s\"", "\"5m\""],
        ("vxlan", "group") => &["\"239.1.1.1\""],
        ("vxlan", "maxaddress") => &["100"],
        ("vxlan", "learning" | "proxy" | "rsc" | "l2miss" | "l3miss") => BOOL,
        ("tun" | "tap", "group" | "user") => &["\"root\"", "0"],
        ("tun" | "tap", "multi_queue") => BOOL,
        ("wireguard" | "wg_peer", "private_key" | "preshared_key") => {
            &["\"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\""]
        }
        ("wireguard", "listen_port") => &["51820", "7000"],
        ("wireguard", "peers") => &["[]"],
        ("wg_peer", "endpoint") => &["\"10.0.0.2:51820\"", "\"[fd00::2]:51820\""],
        ("wg_peer", "allowed_ips") => &["\"10.9.0.2/32\"", "[\"10.9.1.0/24\", \"fd09::/64\"]"],
        ("wg_peer", "keepalive") => &["\"25s\"", "0"],
        ("nexthop", "blackhole") => ON,
        ("nexthop", "dev") => &["\"LINK\""],
        ("nexthop", "via") => &["\"NEAR\""],
        ("nexthop", "family") => &["\"inet\"", "\"inet6\""],
        ("nexthop", "group") => &["[1]", "[1, #{id: 2, weight: 3}]"],
        ("nexthop", "onlink") => BOOL,
        ("nexthop", "proto") => &["\"static\""],
        ("neighbor", "state") => &["\"permanent\"", "\"noarp\"", "\"stale\""],
        ("neighbor", "router") => BOOL,
        ("neighbor", "proxy") => ON,
        ("fdb" | "del_fdb", "dst") => &["\"10.200.0.5\"", "\"10.200.0.6\""],
        ("fdb" | "del_fdb", "vni") => &["77"],
        ("fdb" | "del_fdb", "vlan") => &["1", "10"],
        ("fdb", "permanent") => BOOL,
        ("drop" | "reject" | "accept" | "nat" | "masquerade", key) => return of_filter(key),
        (_, "dev") => &["\"LINK\""],
        (_, "local") if word.contains('6') => &["\"fd00::1\""],
        (_, "remote") if word.contains('6') => &["\"fd00::2\""],
        (_, "local") => &["\"10.200.0.1\""],
        (_, "remote") => &["\"10.200.0.2\"", "\"10.200.0.3\""],
        (_, "df") => &["\"unset\"", "\"set\"", "\"inherit\""],
        (_, "dstport") => &["4789", "6000"],
        (_, "ttl") => &["10", "64", "0"],
        (_, "tos") => &["4", "16", "0"],
        (_, "udpcsum" | "udp6zerocsumrx" | "udp6zerocsumtx" | "csum" | "seq" | "pmtudisc") => BOOL,
        (_, "key") => &["5", "0"],
        (_, "fwmark") => &["7", "0"],
        _ => return None,
    };
    Some(values)
}

/// What every kind of link can be given.
fn of_any_link(_word: &str, key: &str) -> Option<&'static [&'static str]> {
    Some(match key {
        "addr" => &["\"IP4\"", "[\"IP4\", \"IP6\"]", "\"IP6\""],
        "alias" => &["\"a text\"", "\"it's near\""],
        "altname" => &["\"other-NEW\"", "[\"also-NEW\", \"too-NEW\"]"],
        "gro_max_size" | "gso_max_size" => &["32000", "65536"],
        "gso_max_segs" => &["16", "100"],
        "group" => &["7", "0"],
        "mac" => &["\"MAC\""],
        "master" => &["\"BRIDGE\""],
        "mtu" => &["1300", "1400", "1500", "9000"],
        "numrxqueues" | "numtxqueues" => &["1", "2"],
        "route" => &["\"NET\""],
        "txqlen" => &["50", "1000"],
        "allmulticast" | "arp" | "carrier" | "multicast" | "nodad" | "promisc" | "up" => BOOL,
        _ => return None,
    })
}

fn of_bridge(key: &str) -> Option<&'static [&'static str]> {
    Some(match key {
        "ageing_time" => &["\"100s\"", "300"],
        "forward_delay" => &["\"4s\"", "15"],
        "group_fwd_mask" => &["8", "0"],
        "hello_time" => &["\"1s\"", "2"],
        "max_age" => &["\"10s\"", "20"],
        "mcast_hash_max" => &["512", "4096"],
        "mcast_igmp_version" => &["2", "3"],
        "mcast_mld_version" => &["1", "2"],
        "mcast_last_member_count" | "mcast_startup_query_count" => &["2", "3"],
        "mcast_last_member_interval" => &["\"500ms\"", "1"],
        "mcast_membership_interval" => &["\"100s\"", "260"],
        "mcast_querier_interval" => &["\"100s\"", "255"],
        "mcast_query_interval" => &["\"30s\"", "125"],
        "mcast_query_response_interval" => &["\"5s\"", "10"],
        "mcast_startup_query_interval" => &["\"20s\"", "\"31250ms\""],
        "mcast_router" => &["0", "1", "2"],
        "priority" => &["4096", "32768"],
        "vlan_default_pvid" => &["5", "1"],
        "vlan_protocol" => &["\"802.1q\"", "\"802.1ad\""],
        "mcast_querier"
        | "mcast_query_use_ifaddr"
        | "mcast_snooping"
        | "mcast_stats_enabled"
        | "nf_call_arptables"
        | "nf_call_ip6tables"
        | "nf_call_iptables"
        | "stp"
        | "vlan_filtering"
        | "vlan_stats_enabled"
        | "vlan_stats_per_port" => BOOL,
        _ => return None,
    })
}

fn of_bond(key: &str) -> Option<&'static [&'static str]> {
    Some(match key {
        "ad_actor_sys_prio" => &["100"],
        "ad_select" => &["\"stable\"", "\"bandwidth\""],
        "ad_user_port_key" => &["7"],
        "arp_all_targets" => &["\"any\"", "\"all\""],
        "arp_interval" => &["100"],
        "arp_ip_target" => &["\"10.0.0.9\"", "[\"10.0.0.8\", \"10.0.0.9\"]"],
        "arp_validate" => &["\"none\"", "\"active\""],
        "downdelay" | "updelay" => &["200", "0"],
        "fail_over_mac" => &["\"none\"", "\"active\""],
        "lacp_rate" => &["\"slow\"", "\"fast\""],
        "lp_interval" => &["2", "1"],
        "miimon" => &["100", "0"],
        "min_links" => &["1", "0"],
        "ns_ip6_target" => &["\"fd00::9\""],
        "num_grat_arp" => &["2", "1"],
        "packets_per_slave" => &["2", "1"],
        "peer_notify_delay" => &["100", "0"],
        "primary" => &["\"LINK\""],
        "primary_reselect" => &["\"always\"", "\"better\""],
        "resend_igmp" => &["2", "1"],
        "xmit_hash_policy" => &["\"layer2\"", "\"layer3+4\""],
        "all_slaves_active" | "lacp_active" | "tlb_dynamic_lb" => BOOL,
        _ => return None,
    })
}

fn of_address(key: &str) -> Option<&'static [&'static str]> {
    Some(match key {
        "broadcast" => &["\"+\"", "\"-\""],
        "label" => &["\"SELF:w\""],
        "metric" => &["50", "100"],
        "peer" => &["\"10.77.0.9\""],
        "preferred_lft" => &["\"5m\"", "\"forever\""],
        "valid_lft" => &["\"10m\"", "\"forever\""],
        "scope" => &["\"global\"", "\"link\"", "\"host\""],
        "autojoin" | "home" | "mngtmpaddr" | "nodad" | "noprefixroute" => BOOL,
        "beside" | "replace" => ON,
        _ => return None,
    })
}

fn of_route(key: &str) -> Option<&'static [&'static str]> {
    Some(match key {
        "advmss" => &["1000"],
        "congctl" => &["\"cubic\"", "\"reno\""],
        "dev" | "vrf" => &["\"LINK\""],
        "encap" => &["\"ip id 7 dst 10.0.0.7\"", "\"mpls\""],
        "hoplimit" => &["33"],
        "initcwnd" | "initrwnd" => &["20"],
        "metric" => &["50", "100"],
        "mtu" => &["1300"],
        "nexthop" => &["1"],
        "nexthops" => &[
            "[#{via: \"NEAR\"}, #{via: \"NEAR\", weight: 3}]",
            "[#{dev: \"LINK\"}]",
        ],
        "proto" => &["\"static\"", "\"kernel\"", "99"],
        "reordering" => &["5"],
        "rto_min" => &["\"10ms\""],
        "scope" => &["\"link\"", "\"global\"", "\"host\""],
        "source" | "src" => &["\"OWN\""],
        "table" => &["100", "\"main\""],
        "tos" => &["16"],
        "type" => &[
            "\"blackhole\"",
            "\"unreachable\"",
            "\"prohibit\"",
            "\"throw\"",
            "\"unicast\"",
        ],
        "via" => &["\"NEAR\""],
        "window" => &["1000"],
        "ecn" | "fastopen_no_cookie" | "onlink" | "quickack" => BOOL,
        "replace" => ON,
        _ => return None,
    })
}

fn of_rule(key: &str) -> Option<&'static [&'static str]> {
    Some(match key {
        "action" => &[
            "\"blackhole\"",
            "\"unreachable\"",
            "\"prohibit\"",
            "\"nop\"",
        ],
        "dport" | "sport" => &["80", "\"8000-8080\""],
        "family" => &["\"inet\"", "\"inet6\""],
        "from" | "to" => &["\"10.9.0.0/16\"", "\"fd09::/64\""],
        "fwmark" => &["1", "\"0x1/0xff\""],
        "iif" | "oif" => &["\"lo\"", "\"LINK\""],
        "ipproto" => &["\"tcp\"", "17"],
        "priority" => &["1NUMBER"],
        "proto" => &["\"static\""],
        "suppress_ifgroup" => &["7"],
        "suppress_prefixlength" => &["0", "16"],
        "table" => &["100", "\"main\""],
        "target" => &["32766"],
        "tos" => &["16"],
        "uidrange" => &["1000", "\"1000-1999\""],
        "l3mdev" | "not" => ON,
        "replace" => ON,
        _ => return None,
    })
}

fn of_queue(word: &str, key: &str) -> Option<&'static [&'static str]> {
    Some(match (word, key) {
        ("htb", "classes") => &[
            "[#{name: \"one\", rate: \"8mbit\", packets: #{proto: \"tcp\", dport: 80}}, #{name: \"rest\", rate: \"2mbit\"}]",
            "[#{name: \"one\", rate: \"3mbit\", ceil: \"5mbit\", packets: #{dst: \"10.9.0.0/16\"}}, #{name: \"rest\", rate: \"2mbit\", burst: \"4KiB\", prio: 3}]",
        ],
        ("htb", "otherwise") => &["\"rest\""],
        ("htb", "rate") => &["\"10mbit\""],
        ("htb", "ceil") => &["\"20mbit\""],
        ("tbf", "rate") => &["\"10mbit\"", "\"1gbit\""],
        ("tbf", "burst") => &["\"32KiB\"", "20000"],
        ("tbf", "latency") => &["\"50ms\"", "0.02"],
        ("tbf", "limit") => &["\"100KiB\""],
        ("tbf", "minburst") => &["2000"],
        ("netem", "tbf") => &["#{rate: \"10mbit\"}"],
        ("tbf", "netem") => &["#{delay: \"10ms\"}"],
        ("tbf", "peakrate") => &["\"2gbit\""],
        ("netem", "delay" | "jitter") => &["\"10ms\"", "\"3ms\"", "0.2"],
        ("netem", "distribution") => &["\"normal\"", "\"pareto\""],
        ("netem", "gap") => &["3"],
        ("netem", "limit") => &["500"],
        ("netem", "loss_gemodel") => &["[\"1%\", \"30%\"]"],
        ("netem", "loss_state") => &["[\"2%\", \"40%\"]"],
        ("netem", "rate") => &["\"10mbit\""],
        ("netem", _) if key != "replace" => &["\"1%\"", "\"25%\""],
        (_, "replace") => ON,
        _ => return None,
    })
}

fn of_filter(key: &str) -> Option<&'static [&'static str]> {
    Some(match key {
        "dport" | "sport" => &["80", "\"8000-8010\"", "[80, 443]"],
        "from" | "to" => &["\"10.9.0.0/16\"", "[\"10.8.0.0/16\", \"10.9.0.0/16\"]"],
        "hook" => &["\"input\"", "\"forward\"", "\"output\""],
        "iif" | "oif" => &["\"LINK\"", "\"lo\""],
        "proto" => &["\"tcp\"", "\"udp\"", "\"icmp\""],
        "dnat" | "snat" => &["\"10.9.0.2\"", "\"10.9.0.2:80\""],
        _ => return None,
    })
}
