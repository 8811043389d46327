//! `ipvsh ls` and `ipvsh plan` tell of a change by hand alike: both do, or neither.

use std::fs;

use crate::case::cases;
use crate::lab::Lab;
use crate::state;

cases! {
    ["veth", "bridge", "macvlan", "vxlan", "htb", "nft"] =>
        ls_and_plan_tell_of_a_change_by_hand_alike
        what_was_found_as_asked_is_missed_where_it_is_changed
        what_a_move_takes_along_is_told_where_the_link_is
        a_far_end_that_is_elsewhere_is_told
        what_is_made_again_is_not_missed
        what_goes_along_with_what_a_script_deletes_is_not_missed;
    ["vlan_filtering", "bond", "vlan", "vrf", "dummy", "netem"] =>
        ls_and_plan_tell_of_changed_vlans_and_bonds_alike;
}

/// What a script asks for: at the making of links, by words of their own, and what stands already.
const SCRIPT: &str = r#"host().link("lo").up();
let a = netns("a");
let b = netns("b");
let v = a.veth("v0", b, "v1", #{mtu: 1400, mac: "02:00:00:00:00:01", up: true, addr: ["10.0.0.1/24", "fd00::1/64"],
    nodad: true, txqlen: 50, alias: "one", altname: "uplink", group: 7, gso_max_segs: 100, multicast: false});
v.peer.up().addr("10.0.0.2/24", #{broadcast: "10.0.0.255"}).promisc(true);
let p = a.veth("p0", "p1", #{up: true});
p.peer.up();
a.macvlan(p, "m0", "private", #{up: true, mtu: 1300});
a.vxlan("x0", 42, #{remote: "10.0.0.2", dev: v, ttl: 9, learning: false}).fdb("02:00:00:00:cc:02", #{dst: "10.0.0.7"});
let br = a.bridge("br0", #{forward_delay: "10s", ageing_time: "100s", up: true});
let q = a.veth("q0", "q1", #{up: true, master: br});
q.peer.up();
q.port(#{cost: 7, hairpin: true}).fdb("02:00:00:00:cc:01");
a.route("10.1.0.0/24", #{via: "10.0.0.2"});
a.route("10.2.0.0/24", #{via: "10.0.0.2", metric: 5, mtu: 1300});
a.route("10.3.0.0/24", #{nexthops: [#{via: "10.0.0.2", dev: v}, #{via: "10.0.0.3", dev: v}]});
a.rule(#{from: "10.9.0.0/16", table: 100, priority: 100});
v.neighbor("10.0.0.9", "02:00:00:00:aa:01");
v.neighbor("10.0.0.8", #{proxy: true});
a.nexthop(1, #{via: "10.0.0.2", dev: v});
p.htb(#{rate: "10mbit", otherwise: "rest", classes: [#{name: "rest", rate: "2mbit"}]});
a.sysctl("ipv4.ip_forward", 1);
v.sysctl("rp_filter", 2);
a.drop(#{proto: "tcp", dport: 23});
"#;

/// Changes by hand that are in each other's way in nothing: each with what `ls` says of it, and the kind and the name by which
/// `plan` says that it has to be changed.
type Changes = &'static [(&'static str, &'static str, &'static str)];

const SETTINGS: Changes = &[
    (
        "ip link set lo down",
        "state up of link `lo` in namespace `host` is down now",
        "state lo",
    ),
    (
        "ip -n a link set v0 mtu 1350",
        "mtu 1400 of link `v0` in namespace `a` is 1350 now",
        "mtu v0",
    ),
    (
        "ip -n a link set v0 txqueuelen 60",
        "txqlen 50 of link `v0` in namespace `a` is 60 now",
        "txqlen v0",
    ),
    (
        "ip -n a link set v0 alias two",
        "alias \"one\" of link `v0` in namespace `a` is \"two\" now",
        "alias v0",
    ),
    (
        "ip -n a link property del dev v0 altname uplink",
        "altname uplink of link `v0` in namespace `a` is no uplink now",
        "altname v0",
    ),
    (
        "ip -n a link set v0 group 8",
        "group 7 of link `v0` in namespace `a` is 8 now",
        "group v0",
    ),
    (
        "ip -n a link set v0 gso_max_segs 90",
        "gso_max_segs 100 of link `v0` in namespace `a` is 90 now",
        "gso_max_segs v0",
    ),
    (
        "ip -n a link set v0 multicast on",
        "multicast off of link `v0` in namespace `a` is on now",
        "multicast v0",
    ),
    (
        "ip -n b link set v1 promisc off",
        "promisc on of link `v1` in namespace `b` is off now",
        "promisc v1",
    ),
    (
        "ip -n a link set p1 down",
        "state up of link `p1` in namespace `a` is down now",
        "state p1",
    ),
    (
        "ip -n a link set m0 type macvlan mode bridge",
        "macvlan `m0` in namespace `a` has mode bridge now",
        "macvlan m0",
    ),
    (
        "ip -n a link set m0 mtu 1280",
        "mtu 1300 of link `m0` in namespace `a` is 1280 now",
        "mtu m0",
    ),
    (
        "ip -n a link set x0 type vxlan ttl 10 learning",
        "vxlan `x0` in namespace `a` has learning true, ttl 10 now",
        "vxlan x0",
    ),
    (
        "bridge -n a fdb replace 02:00:00:00:cc:02 dev x0 dst 10.0.0.6",
        "fdb entry `02:00:00:00:cc:02` of x0 on link `x0` in `a` is permanent with dst 10.0.0.6 now",
        "fdb entry 02:00:00:00:cc:02 on x0",
    ),
    (
        "ip -n a link set br0 type bridge forward_delay 900",
        "bridge `br0` in namespace `a` has forward_delay 9s now",
        "bridge br0",
    ),
    (
        "ip -n a link set q0 type bridge_slave cost 8",
        "cost 7 of link `q0` in namespace `a` is 8 now",
        "cost q0",
    ),
    (
        "ip -n a link set q0 type bridge_slave hairpin off",
        "hairpin on of link `q0` in namespace `a` is off now",
        "hairpin q0",
    ),
    (
        "bridge -n a fdb del 02:00:00:00:cc:01 dev q0 master",
        "missing: fdb entry `02:00:00:00:cc:01` of q0 on link `q0` in `a`",
        "fdb entry 02:00:00:00:cc:01 on q0",
    ),
    (
        "ip -n a route change 10.1.0.0/24 via 10.0.0.3",
        "route `10.1.0.0/24 via 10.0.0.2` in `a` is `10.1.0.0/24 via 10.0.0.3 dev v0` now",
        "route 10.1.0.0/24 via 10.0.0.2",
    ),
    (
        "ip -n a route change 10.2.0.0/24 via 10.0.0.2 metric 5 mtu 1200",
        "route `10.2.0.0/24 via 10.0.0.2 metric 5 mtu 1300` in `a` is `10.2.0.0/24 via 10.0.0.2 dev v0 metric 5 mtu 1200` now",
        "route 10.2.0.0/24 via 10.0.0.2 metric 5 mtu 1300",
    ),
    (
        "ip -n a route change 10.3.0.0/24 nexthop via 10.0.0.2 dev v0 weight 2 nexthop via 10.0.0.3 dev v0",
        "route `10.3.0.0/24 nexthop via 10.0.0.2 weight 1 nexthop via 10.0.0.3 weight 1` in `a` is `10.3.0.0/24 nexthop via 10.0.0.2 dev v0 weight 2 nexthop via 10.0.0.3 dev v0 weight 1` now",
        "route 10.3.0.0/24 nexthop via 10.0.0.2 dev v0 weight 1 nexthop via 10.0.0.3 dev v0 weight 1",
    ),
    (
        "ip -n a rule add from 10.9.0.0/16 table 101 priority 100; ip -n a rule del table 100 priority 100",
        "rule `100: from 10.9.0.0/16 lookup 100` in `a` is `100: from 10.9.0.0/16 lookup 101` now",
        "rule 100: from 10.9.0.0/16 lookup 100",
    ),
    (
        "ip -n a neigh replace 10.0.0.9 dev v0 lladdr 02:00:00:00:aa:02 nud permanent",
        "neighbor `10.0.0.9 dev v0 lladdr 02:00:00:00:aa:01 PERMANENT` on link `v0` in `a` has lladdr 02:00:00:00:aa:02 now",
        "neighbor 10.0.0.9 dev v0 lladdr 02:00:00:00:aa:01 PERMANENT",
    ),
    (
        "ip -n a neigh del proxy 10.0.0.8 dev v0",
        "missing: neighbor `10.0.0.8 dev v0 proxy` on link `v0` in `a`",
        "neighbor 10.0.0.8 dev v0 proxy",
    ),
    (
        "ip -n a nexthop replace id 1 via 10.0.0.3 dev v0",
        "nexthop `id 1 via 10.0.0.2 dev v0` on link `v0` in `a` is `id 1 via 10.0.0.3` now",
        "nexthop id 1 via 10.0.0.2 dev v0",
    ),
    (
        "tc -n a class change dev p0 parent 1: classid 1:10 htb rate 3mbit",
        "queue htb default 10 of link `p0` in `a` is htb default 10, class 1:1 htb rate 10mbit ceil 10mbit burst 5000b cburst 5000b prio 0, class 1:10 htb rate 3mbit ceil 3mbit burst 1599b cburst 1599b prio 0 now",
        "htb on p0",
    ),
    (
        "ip netns exec a sysctl -qw net.ipv4.ip_forward=0",
        "sysctl `ipv4.ip_forward` 1 in namespace `a` is 0 now",
        "sysctl ipv4.ip_forward",
    ),
    (
        "ip netns exec a sysctl -qw net.ipv4.conf.v0.rp_filter=1",
        "sysctl `ipv4.conf.v0.rp_filter` 2 in namespace `a` is 1 now",
        "sysctl ipv4.conf.v0.rp_filter",
    ),
];

const OBJECTS: Changes = &[
    (
        "ip -n a link set v0 address 02:00:00:00:00:05",
        "mac 02:00:00:00:00:01 of link `v0` in namespace `a` is 02:00:00:00:00:05 now",
        "mac v0",
    ),
    (
        "ip -n b addr del 10.0.0.2/24 dev v1; ip -n b addr add 10.0.0.2/24 dev v1",
        "address `10.0.0.2/24` of link `v1` in `b` has another broadcast now",
        "address 10.0.0.2/24 on v1",
    ),
    (
        "ip -n a addr del fd00::1/64 dev v0",
        "missing: address `fd00::1/64` of link `v0` in `a`",
        "address fd00::1/64 on v0",
    ),
    (
        "bridge -n a fdb del 02:00:00:00:cc:02 dev x0 dst 10.0.0.7",
        "missing: fdb entry `02:00:00:00:cc:02` of x0 on link `x0` in `a`",
        "fdb entry 02:00:00:00:cc:02 on x0",
    ),
    (
        "ip -n a link del m0",
        "missing: macvlan `m0` in namespace `a`",
        "macvlan m0",
    ),
    (
        "ip -n a link set br0 type bridge ageing_time 9900",
        "bridge `br0` in namespace `a` has ageing_time 99s now",
        "bridge br0",
    ),
    (
        "ip -n a route del 10.1.0.0/24",
        "missing: route `10.1.0.0/24 via 10.0.0.2` in `a`",
        "route 10.1.0.0/24 via 10.0.0.2",
    ),
    (
        "ip -n a rule del priority 100",
        "missing: rule `100: from 10.9.0.0/16 lookup 100` in `a`",
        "rule 100: from 10.9.0.0/16 lookup 100",
    ),
    (
        "ip -n a neigh replace 10.0.0.9 dev v0 lladdr 02:00:00:00:aa:01 nud noarp",
        "neighbor `10.0.0.9 dev v0 lladdr 02:00:00:00:aa:01 PERMANENT` on link `v0` in `a` is noarp now",
        "neighbor 10.0.0.9 dev v0 lladdr 02:00:00:00:aa:01 PERMANENT",
    ),
    (
        "ip -n a nexthop del id 1",
        "missing: nexthop `id 1 via 10.0.0.2 dev v0` on link `v0` in `a`",
        "nexthop id 1 via 10.0.0.2 dev v0",
    ),
    (
        "tc -n a qdisc del dev p0 root",
        "missing: queue htb default 10 of link `p0` in `a`",
        "htb on p0",
    ),
    (
        "ip netns exec a nft delete table inet ipvsh",
        "missing: 3 rules of nftables (input, forward, output) in `a`",
        "drop tcp dport 23 drop",
    ),
];

impl Lab {
    /// What `ls` and `plan` say that is not as the script asks.
    fn told(&self) -> [String; 2] {
        let listed = self.ipvsh(&["ls"]).stdout;
        let listed = listed.lines().map(str::trim_start).filter_map(|line| {
            let changed = line.strip_prefix("changed: ");
            changed.or_else(|| line.starts_with("missing: ").then_some(line))
        });
        let listed = listed.map(str::to_owned);
        let planned = self.ipvsh(&["plan", "lab.rhai"]).stdout;
        let planned = planned.lines().filter_map(|line| {
            let (mark, rest) = line.split_at_checked(2)?;
            let words: Vec<&str> = rest.split_whitespace().collect();
            let line = words.join(" ");
            // Of a setting, the value before and after stand behind its link.
            let told = match mark {
                "~ " => line.split_once(": ").map_or(&*line, |(of, _)| of),
                "+ " | "- " | "! " => &line,
                _ => return None,
            };
            let (told, _) = told.rsplit_once(" in ").unwrap_or((told, ""));
            Some(told.to_owned())
        });
        [lines(listed), lines(planned)]
    }

    /// Makes the lab anew.
    fn make(&self, script: &str) {
        fs::write(self.folder().join("lab.rhai"), script).unwrap();
        self.ipvsh(&["down", "lab"]);
        let run = self.ipvsh(&["lab.rhai"]);
        assert_eq!(run.end(), "exit code 0\n");
        assert_eq!(self.told(), ["", ""], "before anything is changed");
    }
}

fn lines(of: impl Iterator<Item = String>) -> String {
    let mut lines: Vec<String> = of.collect();
    lines.sort();
    lines.join("\n")
}

fn check(lab: &Lab, script: &str, changes: Changes) {
    lab.make(script);
    for (change, _, _) in changes {
        lab.sh(change);
    }
    let listed = changes.iter().map(|(_, listed, _)| (*listed).to_owned());
    let planned = changes.iter().map(|(_, _, planned)| (*planned).to_owned());
    assert_eq!(lab.told(), [lines(listed), lines(planned)]);
}

fn ls_and_plan_tell_of_a_change_by_hand_alike(lab: &Lab) {
    check(lab, SCRIPT, SETTINGS);
    check(lab, SCRIPT, OBJECTS);
}

/// What stands before the script asks for it.
const STANDING: &str = "ip netns add old
ip netns add off
ip link add v0 mtu 1400 type veth peer name v1
ip link set v0 up
ip link set v1 up
ip addr add 10.0.0.1/24 dev v0
ip link add br0 type bridge forward_delay 1000
ip route add 10.1.0.0/24 via 10.0.0.2 metric 7
ip rule add from 10.9.0.0/16 table 100 priority 100
ip neigh add 10.0.0.9 lladdr 02:00:00:00:aa:01 dev v0 nud permanent
ip nexthop add id 1 via 10.0.0.2 dev v0
sysctl -qw net.ipv4.ip_forward=1";

/// Asks for the same, and for a namespace of its own, so that there is a lab.
const AS_IT_STANDS: &str = r#"netns("own");
let old = netns("old");
netns("off");
let v = host().veth("v0", "v1", #{mtu: 1400, up: true, addr: "10.0.0.1/24"});
host().bridge("br0", #{forward_delay: "10s"});
host().route("10.1.0.0/24", #{via: "10.0.0.2", metric: 7});
host().rule(#{from: "10.9.0.0/16", table: 100, priority: 100});
v.neighbor("10.0.0.9", "02:00:00:00:aa:01");
host().nexthop(1, #{via: "10.0.0.2", dev: v});
host().sysctl("ipv4.ip_forward", 1);
"#;

const OF_STANDING: Changes = &[
    (
        "ip netns del off",
        "missing: namespace `off`",
        "namespace off",
    ),
    (
        "ip link set v0 mtu 1350",
        "mtu 1400 of link `v0` in namespace `host` is 1350 now",
        "mtu v0",
    ),
    (
        "ip addr change 10.0.0.1/24 dev v0 valid_lft 1000 preferred_lft 1000; ip addr del 10.0.0.1/24 dev v0; ip addr add 10.0.0.5/24 dev v0",
        "missing: address `10.0.0.1/24` of link `v0` in `host`",
        "address 10.0.0.1/24 on v0",
    ),
    (
        "ip link set br0 type bridge forward_delay 900",
        "bridge `br0` in namespace `host` has forward_delay 9s now",
        "bridge br0",
    ),
    (
        "ip route replace 10.1.0.0/24 via 10.0.0.3 metric 7",
        "route `10.1.0.0/24 via 10.0.0.2 metric 7` in `host` is `10.1.0.0/24 via 10.0.0.3 dev v0 metric 7` now",
        "route 10.1.0.0/24 via 10.0.0.2 metric 7",
    ),
    (
        "ip rule del priority 100",
        "missing: rule `100: from 10.9.0.0/16 lookup 100` in `host`",
        "rule 100: from 10.9.0.0/16 lookup 100",
    ),
    (
        "ip neigh replace 10.0.0.9 lladdr 02:00:00:00:aa:02 dev v0 nud permanent",
        "neighbor `10.0.0.9 dev v0 lladdr 02:00:00:00:aa:01 PERMANENT` on link `v0` in `host` has lladdr 02:00:00:00:aa:02 now",
        "neighbor 10.0.0.9 dev v0 lladdr 02:00:00:00:aa:01 PERMANENT",
    ),
    (
        "ip nexthop replace id 1 via 10.0.0.3 dev v0",
        "nexthop `id 1 via 10.0.0.2 dev v0` on link `v0` in `host` is `id 1 via 10.0.0.3` now",
        "nexthop id 1 via 10.0.0.2 dev v0",
    ),
    (
        "sysctl -qw net.ipv4.ip_forward=0",
        "sysctl `ipv4.ip_forward` 1 in namespace `host` is 0 now",
        "sysctl ipv4.ip_forward",
    ),
];

fn what_was_found_as_asked_is_missed_where_it_is_changed(lab: &Lab) {
    lab.sh(STANDING);
    check(lab, AS_IT_STANDS, OF_STANDING);
    // What the lab did not make counts for nothing of its own, and stays.
    let listed = lab.ipvsh(&["ls"]).stdout;
    assert!(listed.starts_with("lab: 1 namespace\n"), "{listed}");
    assert_eq!(lab.ipvsh(&["down", "lab"]).end(), "exit code 0\n");
    assert_eq!(lab.namespaces(), ["old"]);
}

fn a_far_end_that_is_elsewhere_is_told(lab: &Lab) {
    let script = r#"let a = netns("a");
let b = netns("b");
let c = netns("c");
a.veth("e0", b, "e1").peer.addr("10.0.0.1/24").up();
a.veth("f0", b, "f1").peer.netns(c, "f2");
a.veth("g0", b, "g1").netns(c, "g2");
"#;
    lab.make(script);
    lab.sh("ip -n b link set e1 netns c; ip -n c link set f2 netns a; ip -n b link set g1 netns a");
    insta::assert_snapshot!(lab.told()[0], @"
    missing: link `e1` in namespace `b`, far end of veth `e0` in namespace `a`
    missing: link `f2` in namespace `c`, far end of veth `f0` in namespace `a`
    missing: link `g1` in namespace `b`, far end of veth `g2` in namespace `c`
    ");
    lab.make(script);
    lab.sh("ip -n a link del e0; ip -n a link del f0; ip -n c link del g2");
    insta::assert_snapshot!(lab.told()[0], @"
    missing: veth `e0` in namespace `a`
    missing: veth `f0` in namespace `a`
    missing: veth `f2` in namespace `c`
    missing: veth `g2` in namespace `c`
    ");
}

/// What a script takes away itself, and with it another link that it has made.
const GONE_ALONG: [&str; 11] = [
    r#"veth("v0", "v1").peer.delete();"#,
    r#"netns("old").veth("v0", "v1").peer.delete();"#,
    r#"veth("v0", "v1", #{addr: "10.0.0.1/24", up: true}).rename("v2"); link("v1").delete();"#,
    r#"netns("a").veth("v0", host(), "v1").peer.delete();"#,
    r#"veth("v0", netns("a"), "v1"); netns("a").delete();"#,
    r#"let v = veth("v0", "v1"); v.peer.netns(netns("a")); netns("a").link("v1").delete();"#,
    r#"let v = veth("v0", "v1"); v.netns(netns("a")); link("v1").delete();"#,
    r#"let v = veth("v0", "v1", #{up: true}); macvlan(v, "m0", "bridge"); v.delete();"#,
    r#"let v = veth("v0", "v1", #{up: true}); netns("a").macvlan(v, "m0", "bridge"); v.peer.delete();"#,
    r#"let v = veth("v0", "v1"); vxlan("x0", 5, #{dev: v, remote: "10.0.0.2"}); v.delete();"#,
    r#"let b = bridge("b0"); let v = veth("v0", "v1", #{master: b}); v.peer.delete(); b.delete();"#,
];

fn what_goes_along_with_what_a_script_deletes_is_not_missed(lab: &Lab) {
    lab.ip("netns add old");
    let before = state::whole(lab);
    for script in GONE_ALONG {
        let output = lab.script(&format!("netns(\"z\"); {script}"));
        assert_eq!(output.end(), "exit code 0\n", "{script}");
        let ls = lab.ipvsh(&["ls"]).stdout;
        assert!(!ls.contains("missing"), "{script}: {ls}");
        let down = lab.ipvsh(&["down", "lab"]);
        assert_eq!(down.end(), "exit code 0\n", "{script}");
        state::assert_same(&state::whole(lab), &before);
    }
}

fn what_is_made_again_is_not_missed(lab: &Lab) {
    let script = r#"let a = netns("a");
let b = netns("b");
a.veth("e0", b, "e1", #{addr: "10.0.0.1/24", up: true}).peer.addr("10.0.0.2/24").up();
a.bridge("br0", #{up: true});
host().veth("h0", a, "h1", #{up: true});
"#;
    lab.make(script);
    for _ in 0..2 {
        lab.sh("ip -n a link del e0; ip -n a link del br0; ip link del h0");
        insta::allow_duplicates! {
            insta::assert_snapshot!(lab.told()[0], @"
            missing: bridge `br0` in namespace `a`
            missing: veth `e0` in namespace `a`
            missing: veth `h0` in namespace `host`
            ");
        }
        assert_eq!(lab.ipvsh(&["lab.rhai"]).end(), "exit code 0\n");
        assert_eq!(lab.told(), ["", ""]);
    }
    assert_eq!(lab.ipvsh(&["down", "lab"]).end(), "exit code 0\n");
    assert_eq!(lab.namespaces(), Vec::<String>::new());
}

fn what_a_move_takes_along_is_told_where_the_link_is(lab: &Lab) {
    lab.make(
        r#"let a = netns("a");
let b = netns("b");
let v = a.veth("v0", "v1", #{mtu: 1400, mac: "02:00:00:00:00:01", txqlen: 50});
v.netns(b, "w0");
a.vxlan("x0", 42, #{ttl: 9}).netns(b);
"#,
    );
    lab.sh("ip -n b link set w0 mtu 1350; ip -n b link set x0 type vxlan ttl 10");
    assert_eq!(
        lab.told(),
        [
            "mtu 1400 of link `w0` in namespace `b` is 1350 now\nvxlan `x0` in namespace `b` has ttl 10 now",
            "mtu w0\nvxlan x0"
        ]
    );
    lab.sh("ip -n b link set w0 mtu 1400; ip -n b link set x0 type vxlan ttl 9; ip -n a link set v1 name v9");
    let [listed, _] = lab.told();
    assert_eq!(listed, "name v1 of link `v1` in namespace `a` is v9 now");
    let plan = lab.ipvsh(&["plan", "lab.rhai"]).stderr;
    assert!(plan.contains("= there: `v9` in namespace `a`"), "{plan}");
}

const IN_GUEST: &str = r#"let a = netns("a");
let br = a.bridge("br0", #{vlan_filtering: true, up: true});
let q = a.veth("q0", "q1", #{up: true, master: br});
q.port(#{pvid: 10, untagged: 10, tagged: "20-21"});
a.bond("bond0", "active-backup", #{miimon: 100, up: true});
let d = a.dummy("d0", #{up: true});
a.vlan(d, "d0.5", 5, #{up: true});
a.vrf("red", 10);
q.netem(#{delay: "10ms"});
"#;

const OF_GUEST: Changes = &[
    (
        "bridge -n a vlan del dev q0 vid 20",
        "vlan 20 of link `q0` in namespace `a` is not in 20 now",
        "vlan q0",
    ),
    (
        "ip -n a link set br0 type bridge vlan_filtering 0",
        "bridge `br0` in namespace `a` has vlan_filtering false now",
        "bridge br0",
    ),
    (
        "ip -n a link set bond0 type bond miimon 200",
        "bond `bond0` in namespace `a` has miimon 200 now",
        "bond bond0",
    ),
    (
        "ip -n a link set d0.5 down",
        "state up of link `d0.5` in namespace `a` is down now",
        "state d0.5",
    ),
    (
        "tc -n a qdisc change dev q0 root netem delay 20ms",
        "queue netem limit 1000 delay 10ms of link `q0` in `a` is netem limit 1000 delay 20ms now",
        "netem on q0",
    ),
];

fn ls_and_plan_tell_of_changed_vlans_and_bonds_alike(lab: &Lab) {
    check(lab, IN_GUEST, OF_GUEST);
}
