//! What a script takes away, by whatever word, and was there before it, comes back: when the run fails, and with `down`.

use std::collections::BTreeSet;

use ipvsh::engine::catalog::Catalog;

use crate::case::cases;
use crate::common;
use crate::foreign::{come_back, kinds};
use crate::lab::Lab;
use crate::seeds::is_asked;

cases! {
    ["veth", "bridge", "macvlan", "vxlan", "tun", "htb", "nft"] =>
        what_each_word_takes_away_comes_back;
    ["bond", "vlan", "vrf", "dummy", "vlan_filtering"] =>
        what_is_taken_from_bonds_vlans_and_vrfs_comes_back;
    ["bond", "vlan", "vrf", "dummy", "ifb", "ipvlan", "ipvtap", "macvlan", "macvtap", "bridge", "geneve", "vxlan", "gre", "gretap", "ip6gre", "ip6gretap", "ipip", "sit", "ip6tnl", "xfrm"] =>
        a_link_of_each_kind_comes_back;
    [] =>
        each_word_that_takes_away_is_tried;
}

/// Each word that takes something away, and each that puts something in the place of what is there: those of a group are in each
/// other's way in nothing.
const ON_THIS_KERNEL: &[&[&str]] = &[
    &[
        r#"link("v0").del_addr("10.0.0.2/24");"#,
        r#"link("v0").del_addr("10.8.0.1/32");"#,
        r#"link("br2").del_addr("10.6.0.1/24");"#,
        r#"link("v0").addr("10.0.1.1/24", #{label: "v0:x", replace: true});"#,
        r#"link("v0").addr("fd00::2/64", #{valid_lft: "1000s", preferred_lft: "500s", replace: true});"#,
    ],
    &[
        r#"host().del_route("10.22.0.0/16");"#,
        r#"host().del_route("10.24.0.0/16", #{table: 100});"#,
        r#"link("v0").del_route("10.25.0.0/16");"#,
        r#"host().del_route("fd20::/64");"#,
        r#"host().del_route("10.66.0.0/16", #{metric: 9});"#,
    ],
    &[
        r#"host().route("10.25.0.0/16", #{via: "10.0.1.8", mtu: 1200, replace: true});"#,
        r#"host().route("10.21.0.0/16", #{via: "10.0.0.9", replace: true});"#,
        r#"host().del_rule(#{from: "10.5.0.0/24"});"#,
        r"host().rule(#{priority: 77, fwmark: 5, table: 200, replace: true});",
    ],
    &[
        r"host().del_rule(#{priority: 77});",
        r#"link("v0").del_neighbor("10.0.0.9");"#,
        r#"link("v0").del_neighbor("fd00::9");"#,
        r#"link("v0").del_neighbor("10.0.0.77");"#,
    ],
    &[
        r#"link("v0").neighbor("10.0.0.9", "02:00:00:00:bb:77", #{replace: true});"#,
        r#"link("x0").del_fdb("02:00:00:00:aa:03");"#,
        r#"link("vx1").del_fdb("00:00:00:00:00:00", #{dst: "10.0.0.77"});"#,
        r#"link("vx1").fdb("02:00:00:00:aa:09", #{dst: "10.0.0.66", replace: true});"#,
    ],
    &[
        r#"link("vx1").del_fdb("00:00:00:00:00:00");"#,
        r"host().del_nexthop(1);",
        r#"link("v1").del_altname("far-end");"#,
    ],
    &[
        r#"host().nexthop(1, #{via: "10.0.0.8", dev: "v0", replace: true});"#,
        r"host().nexthop(3, #{group: [1], replace: true});",
        r#"link("y0").clear_qdisc();"#,
    ],
    &[
        r"host().del_nexthop(2);",
        r#"link("x1").htb(#{rate: "5mbit", otherwise: "b", classes: [#{name: "b", rate: "1mbit"}], replace: true});"#,
        r#"host().nft("delete table inet theirs");"#,
    ],
    &[
        r"host().del_nexthop(3);",
        r#"link("x1").clear_qdisc();"#,
        r#"link("x0").nomaster();"#,
        r#"host().nft("flush ruleset");"#,
    ],
    &[
        r#"link("x0").down();"#,
        r#"link("x0").del_fdb("02:00:00:00:aa:03");"#,
        r#"host().nft("table inet theirs { chain c { counter; }; }", #{replace: true});"#,
    ],
    &[r#"netns("old").link("in0").delete(); link("y0").delete();"#],
    &[r#"netns("old").delete();"#],
];

const IN_GUEST: &[&str] = &[
    r#"link("bond0").delete();"#,
    r#"link("red").delete();"#,
    r#"link("d0").delete();"#,
    r#"link("p0").delete();"#,
    r#"link("d1").nomaster();"#,
    r#"link("d2").nomaster();"#,
    r#"link("p0").port(#{pvid: 5, untagged: 5});"#,
    r#"link("br0").port(#{tagged: 7});"#,
    r#"link("bond0").del_addr("10.3.0.1/24");"#,
];

fn what_each_word_takes_away_comes_back(lab: &Lab) {
    kinds(lab);
    lab.sh(
        "ip addr add 10.8.0.1 peer 10.8.0.2/32 dev v0
         ip route add blackhole 10.66.0.0/16 metric 9
         ip rule add fwmark 5 priority 77 blackhole
         bridge fdb append 00:00:00:00:00:00 dev vx1 dst 10.0.0.78
         bridge fdb add 02:00:00:00:aa:09 dev vx1 dst 10.0.0.65
         ip link property add dev v1 altname far-end
         tc qdisc add dev x1 root handle 1: htb default 10
         tc class add dev x1 parent 1: classid 1:10 htb rate 2mbit
         nft add table inet theirs; nft add chain inet theirs c; nft add rule inet theirs c tcp dport 22 accept",
    );
    let ruleset = || common::output("nft", &["list", "ruleset"]);
    let before = ruleset();
    if is_asked() {
        come_back(lab, &ON_THIS_KERNEL.concat());
    } else {
        let groups: Vec<String> = ON_THIS_KERNEL.iter().map(|group| group.concat()).collect();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        come_back(lab, &groups);
    }
    assert_eq!(ruleset(), before);
}

fn what_is_taken_from_bonds_vlans_and_vrfs_comes_back(lab: &Lab) {
    lab.ip("link add d0 address 02:00:00:00:00:20 type dummy
link add d1 address 02:00:00:00:00:21 type dummy
link add d2 address 02:00:00:00:00:22 type dummy
link add bond0 address 02:00:00:00:00:23 type bond mode active-backup miimon 100
link add red address 02:00:00:00:00:24 type vrf table 10
link set d1 master bond0
link set d2 master red
link set d0 up
link set d2 up
link set bond0 up
link set red up
link add link d0 name d0.5 type vlan id 5
link set d0.5 up
link add br0 address 02:00:00:00:00:25 type bridge vlan_filtering 1
link set br0 up
link add p0 address 02:00:00:00:00:26 type veth peer name p1 address 02:00:00:00:00:27
link set p0 up master br0
link set p1 up
addr add 10.3.0.1/24 dev bond0
addr add 10.4.0.1/24 dev d0.5
addr add 10.7.0.1/24 dev d2
route add 10.44.0.0/16 via 10.4.0.9
route add 10.77.0.0/16 via 10.7.0.9 table 10");
    lab.sh("bridge vlan add dev p0 vid 20 pvid untagged
         bridge vlan add dev p0 vid 30
         bridge vlan add dev br0 vid 30 self");
    come_back(lab, IN_GUEST);
}

/// Links of all kinds, each with options that are not the usual ones: what the kernel tells of them it does not always take.
const OF_EACH_KIND: &str = "\
link add d0 address 02:00:00:00:00:30 type dummy
link set d0 up
link add bond0 address 02:00:00:00:00:31 type bond mode 802.3ad miimon 50 lacp_rate fast xmit_hash_policy layer3+4
link add d0.5 link d0 type vlan id 5 protocol 802.1ad reorder_hdr off gvrp on loose_binding on
link add d0.6 link d0 type vlan id 6 egress-qos-map 1:2 3:4 ingress-qos-map 5:6
link add d0.6.7 link d0.6 type vlan id 7 mvrp on
link add red address 02:00:00:00:00:32 type vrf table 77
link add ifb7 address 02:00:00:00:00:33 type ifb
link add d1 address 02:00:00:00:00:34 type dummy
link set d1 up
link add i0 link d1 type ipvlan mode l3s private
link add d2 address 02:00:00:00:00:35 type dummy
link set d2 up
link add t0 link d2 type ipvtap mode l2 vepa
link add m0 link d0 address 02:00:00:00:00:36 type macvlan mode private bcqueuelen 500
link add m1 link d0 address 02:00:00:00:00:37 type macvtap mode bridge
link add br0 address 02:00:00:00:00:38 type bridge stp_state 1 forward_delay 400 vlan_filtering 1 vlan_protocol 802.1ad
addr add 10.0.0.1/24 dev d0
addr add fd00::1/64 dev d0 nodad
link add x0 address 02:00:00:00:00:39 type vxlan id 42 remote 10.0.0.2 local 10.0.0.1 dev d0 dstport 4790 ttl 9 nolearning
link add g0 address 02:00:00:00:00:3a type geneve id 44 remote 10.0.0.2 ttl 9 tos 4
link add g1 address 02:00:00:00:00:3b type geneve id 45 remote fd00::2 udp6zerocsumtx
link set g0 mtu 1400
link set g1 mtu 1400
link add n1 type gre local 10.0.0.1 remote 10.0.0.2 ttl 32 key 7 csum
link add n2 address 02:00:00:00:00:3c type gretap local 10.0.0.1 remote 10.0.0.2 dev d0 tos 0x10 ttl 9
link add n3 type ip6gre local fd00::1 remote fd00::2 ttl 32 key 9
link add n4 address 02:00:00:00:00:3d type ip6gretap local fd00::1 remote fd00::2
link add n5 type ipip local 10.0.0.1 remote 10.0.0.2 nopmtudisc
link add n6 type sit local 10.0.0.1 remote 10.0.0.3 ttl 64
link add n7 type ip6tnl local fd00::1 remote fd00::2 mode ip4ip6 encaplimit none
link add q0 type xfrm dev d0 if_id 42";

fn a_link_of_each_kind_comes_back(lab: &Lab) {
    lab.ip(OF_EACH_KIND);
    let names = OF_EACH_KIND.lines().filter_map(|line| {
        let name = line.strip_prefix("link add ")?.split(' ').next()?;
        Some(format!("delete(\"{name}\"); "))
    });
    let all: Vec<String> = names.collect();
    // Those upon others go with them; the other way round each is deleted by itself.
    let each: String = all.iter().rev().map(String::as_str).collect();
    come_back(lab, &[&all.concat(), &each]);
}

/// The words that take something away, by their names.
fn each_word_that_takes_away_is_tried(_: &Lab) {
    let tables = [ON_THIS_KERNEL.concat().concat(), IN_GUEST.concat()].concat();
    // What is configured of a link there only `wg` tells; hooks have no filters of theirs here.
    let tried = tables + include_str!("wireguard.rs") + include_str!("queue.rs");
    let catalog = Catalog::new();
    let names: BTreeSet<&str> = catalog
        .words
        .iter()
        .map(|word| word.name.as_str())
        .collect();
    let takes_away = |name: &&str| {
        let begins = ["del_", "delete", "clear_", "nomaster"];
        begins.iter().any(|begin| name.starts_with(begin))
    };
    let untried: Vec<&str> = names
        .into_iter()
        .filter(takes_away)
        .filter(|name| !tried.contains(&format!("{name}(")))
        .collect();
    assert!(untried.is_empty(), "{untried:?}");
}
