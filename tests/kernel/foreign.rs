//! What is foreign comes back whole: a change to a link that the run did not make is undone with all that the kernel takes along.
//!
//! Each change is tried twice, by a run that fails and by a lab that is taken down; before and after, links, addresses, routes of
//! all tables, rules, nexthops, neighbours, forwarding databases, VLANs, queues and the settings of each link are the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::case::cases;
use crate::lab::{HOST, Lab};
use crate::seeds::is_asked;
use crate::state;

cases! {
    ["veth", "bridge", "macvlan"] =>
        what_a_change_of_a_foreign_link_takes_along_comes_back
        what_a_move_of_a_foreign_link_takes_along_comes_back
        what_is_made_and_unmade_within_a_run_leaves_no_record
        what_can_not_be_restored_is_told_once_and_blocks_nothing;
    ["veth", "bridge", "macvlan", "vxlan", "tun"] =>
        what_a_script_deletes_comes_back
        what_is_replaced_keeps_what_hung_on_it
        what_is_set_of_a_foreign_link_comes_back;
    ["vrf", "vlan_filtering"] =>
        what_another_master_takes_along_comes_back;
}

/// Two pairs, one with a slave and much that hangs on both, the other under a bridge.
const SET_UP: &str = "netns add old
link add br0 address 02:00:00:00:00:b0 type bridge
link add br1 address 02:00:00:00:00:b1 type bridge
link add v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02
link add m0 link v0 address 02:00:00:00:00:03 type macvlan mode bridge
link add p0 address 02:00:00:00:00:04 type veth peer name p1 address 02:00:00:00:00:05
link add q0 address 02:00:00:00:00:06 type veth peer name q1 address 02:00:00:00:00:07
link set br0 up
link set br1 up
link set v1 up
link set v0 up
link set m0 up
link set p1 up
link set p0 up master br0
link set q1 up
link set q0 up master br1
link set p0 type bridge_slave cost 7 priority 9 isolated on
addr add 10.0.0.1/24 dev v0 label v0:web
addr add 10.0.0.2/24 dev v0
addr add 10.0.1.1/24 dev v0
addr add fd00::1/64 dev v0 nodad
addr add fd00::2/64 dev v0 nodad
addr add fd00::3/64 dev v0 nodad
addr add 10.5.0.1/24 dev m0
addr add fd05::1/64 dev m0 nodad";

/// What needs the links to be up.
const UPON_IT: &str = "neigh add 10.0.0.9 lladdr 02:00:00:00:bb:01 dev v0 nud permanent
neigh add fd00::9 lladdr 02:00:00:00:bb:02 dev v0 nud permanent
neigh add 10.5.0.9 lladdr 02:00:00:00:bb:01 dev m0 nud permanent
neigh add proxy 10.0.0.77 dev v0
route add 10.20.0.0/16 via 10.0.0.9
route add 10.21.0.0/16 nexthop via 10.0.0.9 dev v0 weight 2 nexthop via 10.5.0.9 dev m0
route add fd20::/64 via fd00::9
route add 10.24.0.0/16 via 10.5.0.9 table 100 metric 5
route add 10.25.0.0/16 via 10.0.1.9 src 10.0.1.1 mtu 1300
nexthop add id 1 via 10.0.0.9 dev v0
nexthop add id 2 via 10.5.0.9 dev m0
nexthop add id 3 group 1/2,3
route add 10.22.0.0/16 nhid 3
route add 10.23.0.0/16 nhid 1
rule add from 10.5.0.0/24 lookup 100";

fn foreign(lab: &Lab) {
    lab.ip(SET_UP);
    for link in ["v0", "v1", "m0", "p0", "q0", "br0", "br1"] {
        lab.wait_up(link);
    }
    lab.ip(UPON_IT);
    lab.sh(
        "tc qdisc add dev m0 root pfifo limit 44
         sysctl -qw net.ipv4.conf.v0.rp_filter=2 net.ipv6.conf.v0.accept_ra=0 net.ipv4.conf.v1.forwarding=1 \
           net.ipv4.conf.m0.arp_ignore=1 net.ipv6.neigh.m0.gc_stale_time=77",
    );
}

/// What `bridge` and `tc` print, without what comes late or by itself.
fn listed(mut all: Value) -> Value {
    state::forget(&mut all, &["ifindex", "handle", "state"]);
    state::forget_carrier(&mut all);
    let mut all: Vec<Value> = all.as_array().cloned().unwrap_or_default();
    all.retain(|one| {
        let mac = one["mac"].as_str().unwrap_or_default();
        !mac.starts_with("33:33:") && !mac.starts_with("01:00:5e:")
    });
    all.sort_by_key(Value::to_string);
    Value::Array(all)
}

/// The settings of each link.
fn sysctls() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for folder in ["ipv4/conf", "ipv4/neigh", "ipv6/conf", "ipv6/neigh"] {
        let links = fs::read_dir(Path::new("/proc/sys/net").join(folder));
        for link in links.unwrap().flatten() {
            for file in fs::read_dir(link.path()).unwrap().flatten() {
                if let Ok(text) = fs::read_to_string(file.path()) {
                    all.insert(file.path().display().to_string(), text);
                }
            }
        }
    }
    all
}

/// The queues that somebody has made: a link without one has none to show until it was up once.
fn queues(lab: &Lab) -> Value {
    let mut queues = lab.tc(HOST, "qdisc show");
    if let Some(all) = queues.as_array_mut() {
        all.retain(|queue| queue["kind"] != "noqueue");
    }
    listed(queues)
}

fn whole(lab: &Lab) -> Value {
    let sort = |mut value: Value| {
        state::forget(&mut value, &["link_index"]);
        listed(value)
    };
    let mut fdb = lab.bridge(HOST, "fdb");
    if let Some(entries) = fdb.as_array_mut() {
        entries.retain(|entry| entry["state"] == "static");
    }
    let mut state = state::meaning(lab);
    for place in state.as_object_mut().into_iter().flatten() {
        // The kernel lists them by hashes with a seed.
        place.1["neighbors"] = listed(place.1["neighbors"].take());
    }
    json!({
        "state": state,
        "macs": listed(lab.json(HOST, "link show"))
            .as_array().unwrap().iter()
            .map(|link| json!([link["ifname"], link["address"], link["flags"], link["txqlen"]]))
            .collect::<Vec<_>>(),
        "nexthops": sort(lab.json(HOST, "nexthop show")),
        "proxies": sort(lab.json(HOST, "neigh show proxy")),
        "fdb": listed(fdb),
        "ports": listed(lab.bridge(HOST, "-d link")),
        "vlans": listed(lab.bridge(HOST, "vlan")),
        "queues": queues(lab),
        "sysctls": sysctls(),
    })
}

/// Makes each change in a run that fails, or in a lab that is taken down, in turn; in both where more is asked. All that differ are
/// told, not only the first.
#[track_caller]
fn come_back(lab: &Lab, changes: &[&str]) {
    let before = whole(lab);
    let mut wrong = Vec::new();
    let mut compare = |change: &str, how: &str| {
        if let Some(differences) = state::differences(&whole(lab), &before) {
            wrong.push(format!("{change} ({how}): {differences}"));
        }
    };
    for (number, change) in changes.iter().enumerate() {
        if number % 2 == 0 || is_asked() {
            let stderr = lab.fails(&format!("{change} throw \"enough\";"));
            compare(change, "run failed");
            assert!(!stderr.contains("restore"), "{change}: {stderr}");
        }
        if number % 2 == 1 || is_asked() {
            lab.run(change);
            let down = lab.ipvsh(&["down", "lab"]);
            assert_eq!(down.end(), "exit code 0\n", "{change}");
            compare(change, "taken down");
        }
    }
    assert!(
        wrong.is_empty(),
        "{} changes:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn what_a_change_of_a_foreign_link_takes_along_comes_back(lab: &Lab) {
    foreign(lab);
    lab.sh("bridge fdb add 02:00:00:00:aa:01 dev p0 master static");
    come_back(
        lab,
        &[
            r#"link("v0").mtu(1200);"#,
            r#"link("m0").mtu(1200); link("v0").mtu(1250);"#,
            r#"link("v0").sysctl("ipv6.disable_ipv6", 1);"#,
            r#"host().sysctl("ipv6.conf.all.disable_ipv6", 1);"#,
            r#"host().sysctl("ipv6.conf.all.forwarding", 1);"#,
            r#"host().sysctl("ipv4.ip_forward", 1);"#,
            r#"link("v0").down();"#,
            r#"link("v0").down().mtu(1300).up();"#,
            r#"link("m0").down();"#,
            r#"link("br0").down();"#,
            r#"link("br0").mtu(1200);"#,
            r#"link("v0").mac("02:00:00:00:00:77");"#,
            r#"link("v0").arp(false);"#,
            r#"link("v0").rename("w0");"#,
            r#"link("v0").del_addr("10.0.0.1/24");"#,
            r#"link("v0").del_addr("10.0.0.1").del_addr("10.0.0.2").del_addr("10.0.1.1");"#,
            r#"link("v0").del_addr("fd00::2/64");"#,
            r#"link("v0").del_addr("fd00::1/64").del_addr("fd00::3/64").addr("fd00::44/64");"#,
            r#"link("p0").nomaster();"#,
            r#"link("p0").master("br1");"#,
            r#"link("p0").nomaster().up().addr("10.88.0.1/24");"#,
            r#"link("m0").promisc(true).alias("x").txqlen(5);"#,
            r#"host().del_route("10.20.0.0/16");"#,
            r#"host().del_route("10.21.0.0/16");"#,
        ],
    );
}

fn what_a_move_of_a_foreign_link_takes_along_comes_back(lab: &Lab) {
    foreign(lab);
    lab.sh("bridge fdb add 02:00:00:00:aa:01 dev p0 master static");
    come_back(
        lab,
        &[
            r#"link("m0").netns(netns("old"));"#,
            r#"link("m0").netns(netns("new"));"#,
            r#"link("m0").netns(netns("new")).mtu(1300).mac("02:00:00:00:00:99").arp(false).promisc(true);"#,
            r#"link("m0").netns(netns("new")).rename("x").up().addr("10.77.0.1/24");"#,
            r#"link("v0").netns(netns("old")).up().down().mtu(1000).rename("zz");"#,
            r#"link("p0").netns(netns("new"));"#,
        ],
    );
}

fn what_another_master_takes_along_comes_back(lab: &Lab) {
    foreign(lab);
    // The first VRF makes a rule, which stays.
    lab.ip("link add r9 type vrf table 99\nlink del r9");
    lab.ip("link set br0 type bridge vlan_filtering 1\nlink set br1 type bridge vlan_filtering 1");
    lab.sh("bridge vlan add dev p0 vid 20 pvid untagged
         bridge vlan add dev p0 vid 30
         bridge vlan del dev p0 vid 1
         bridge fdb add 02:00:00:00:aa:02 dev p0 master static vlan 20");
    come_back(
        lab,
        &[
            r#"link("p0").nomaster();"#,
            r#"link("p0").master("br1");"#,
            r#"link("p0").netns(netns("new"));"#,
            r#"link("v0").master(vrf("red", 10));"#,
        ],
    );
}

fn what_is_made_and_unmade_within_a_run_leaves_no_record(lab: &Lab) {
    let script = r#"
        let d = veth("d0", "d1", #{addr: "10.0.0.1/24", up: true});
        d.peer.up();
        host().route("10.1.0.0/24", #{nexthops: [#{via: "10.0.0.2", dev: d}, #{via: "10.0.0.3", dev: d}]});
        host().del_route("10.1.0.0/24");
        d.delete();"#;
    let before = state::meaning(lab);
    let run = lab.script_with(&["--rm"], script);
    assert_eq!(run.end(), "exit code 0\n");
    lab.run(script);
    assert_eq!(lab.ipvsh(&["ls"]).stdout, "no lab stands\n");
    state::assert_same(&state::meaning(lab), &before);
}

fn what_can_not_be_restored_is_told_once_and_blocks_nothing(lab: &Lab) {
    foreign(lab);
    lab.run(r#"del_route("10.20.0.0/16"); link("m0").alias("x");"#);
    // Nothing leads to its gateway any more.
    lab.ip("addr flush dev v0");
    let down = lab.ipvsh(&["down", "lab"]);
    assert_eq!(down.code, 1, "{}", down.stderr);
    assert!(
        down.stderr.contains("cannot restore route `10.20.0.0/16`"),
        "{}",
        down.stderr
    );
    assert!(lab.link(HOST, "m0")["ifalias"].is_null());
    assert_eq!(lab.ipvsh(&["ls"]).stdout, "no lab stands\n");
}

/// Links of each kind that this kernel makes, with what hangs on them.
const KINDS: &str = "link add tap0 type veth peer name tap1
link add br2 address 02:00:00:00:00:b2 type bridge ageing_time 10000 forward_delay 700 priority 77
link add x0 address 02:00:00:00:00:08 type veth peer name x1 address 02:00:00:00:00:09
link add y0 address 02:00:00:00:00:0a type veth peer name y1 netns old address 02:00:00:00:00:0b
link add vx0 address 02:00:00:00:00:0c type vxlan id 42 remote 10.0.0.9 dev v0 dstport 4789 ttl 5
link add vx1 address 02:00:00:00:00:0d type vxlan id 43 local 10.0.0.1 dstport 4790 nolearning
link add ms0 link v0 address 02:00:00:00:00:0e type macvlan mode private
link add mn0 link v0 netns old address 02:00:00:00:00:0f type macvlan mode bridge
link set x1 up
link set x0 up master br2
link set br2 up mtu 1400 alias office
link set y0 up
link set ms0 up
addr add 10.6.0.1/24 dev br2 label br2:one
addr add 10.7.0.1/24 dev y0
addr add fd07::1/64 dev y0 nodad";

fn kinds(lab: &Lab) {
    foreign(lab);
    lab.ip(KINDS);
    lab.sh(
        "ip tuntap add dev t0 mode tap user 1000 multi_queue
         ip link set t0 address 02:00:00:00:00:10
         ip link set tap0 address 02:00:00:00:00:11; ip link set tap1 address 02:00:00:00:00:12
         bridge fdb add 02:00:00:00:aa:03 dev x0 master static
         bridge fdb append 00:00:00:00:00:00 dev vx1 dst 10.0.0.77
         tc qdisc add dev y0 root pfifo limit 33
         ip netns exec old sh -c 'ip link set lo up; ip link set y1 up; ip link set mn0 up; ip addr add 10.7.0.2/24 dev y1
           ip addr add 10.0.0.66/24 dev mn0; ip route add 10.99.0.0/16 via 10.7.0.1; ip rule add from 10.3.0.0/16 lookup 7
           ip link add in0 type bridge; ip link set in0 up; sysctl -qw net.ipv4.ip_forward=1'",
    );
    for link in ["x0", "y0"] {
        lab.wait_up(link);
    }
    lab.ip("route add 10.30.0.0/16 via 10.7.0.9\nneigh add 10.7.0.9 lladdr 02:00:00:00:bb:09 dev y0 nud permanent");
}

fn what_is_set_of_a_foreign_link_comes_back(lab: &Lab) {
    kinds(lab);
    let before = whole(lab);
    let text = r#"
        link("br2").set(#{stp: true, ageing_time: "77s", mtu: 1400});
        link("m0").set(#{mode: "vepa", alias: "set"});
        link("vx1").set(#{learning: false, ttl: 7});
        print(link("br2").set(#{stp: true}).mtu);
        for wrong in [#{id: 45}, #{no: 1}, #{dstport: 1}, #{learning: 1}, #{numtxqueues: 7}] {
            try { link("vx1").set(wrong); } catch (e) { print(`${e.kind}: ${e.message}`); }
        }"#;
    let said = "1400
unsupported: cannot set options of link `vx1` in namespace `host`: `id` of vxlan is given at the making, and stays
invalid: cannot set options of link `vx1` in namespace `host`: `set` has no option `no`
unsupported: cannot set options of link `vx1` in namespace `host`: `dstport` of vxlan is given at the making, and stays
invalid: cannot set options of link `vx1` in namespace `host`: option `learning` takes true or false, not an integer
conflict: cannot set options of link `vx1` in namespace `host`: a link with that name exists and differs
";
    fs::write(lab.folder().join("set.rhai"), text).unwrap();
    let plan = lab.ipvsh(&["plan", "set.rhai"]);
    // There is something to do.
    assert_eq!(plan.end(), "exit code 10\n");
    let run = lab.ipvsh(&["set.rhai"]);
    assert_eq!((run.stdout.as_str(), run.code), (said, 0), "{}", run.stderr);
    let there = |link: &str, key: &str| lab.link(HOST, link)["linkinfo"]["info_data"][key].clone();
    assert_eq!(there("br2", "stp_state"), 1);
    assert_eq!(there("m0", "mode"), "vepa");
    assert_eq!(there("vx1", "learning"), false);
    assert_eq!(lab.ipvsh(&["down", "set"]).end(), "exit code 0\n");
    state::assert_same(&whole(lab), &before);
}

/// What is left when it is replaced, beside what was asked for.
fn what_is_replaced_keeps_what_hung_on_it(lab: &Lab) {
    kinds(lab);
    let before = whole(lab);
    for (replace, differing) in [
        (
            r#"bridge("br2", #{stp: true, replace: true});"#,
            "stp_state",
        ),
        (
            r#"bridge("br0", #{ageing_time: "77s", replace: true});"#,
            "ageing_time",
        ),
        (r#"macvlan("v0", "m0", "vepa", #{replace: true});"#, "mode"),
        (
            r#"macvlan("v0", "ms0", "bridge", #{replace: true});"#,
            "mode",
        ),
        (
            r#"host().vxlan("vx1", 44, #{dstport: 4790, local: "10.0.0.1", learning: false, replace: true});"#,
            "id",
        ),
        (
            r#"host().tap("t0", #{replace: true, user: 1001, multi_queue: true});"#,
            "user",
        ),
    ] {
        let wrong = |seen: Value| {
            let differences = state::differences(&seen, &before)?;
            let is_other = |line: &&str| line.contains(" = ") && !line.contains(differing);
            Some(
                differences
                    .lines()
                    .filter(is_other)
                    .collect::<Vec<_>>()
                    .join("\n"),
            )
        };
        lab.run(replace);
        assert_eq!(wrong(whole(lab)).as_deref(), Some(""), "{replace}");
        let down = lab.ipvsh(&["down", "lab"]);
        assert_eq!((down.code, down.stderr.as_str()), (0, ""), "{replace}");
        state::assert_same(&whole(lab), &before);
    }
}

fn what_a_script_deletes_comes_back(lab: &Lab) {
    kinds(lab);
    lab.ip("link add br3 type bridge\nlink set br3 up");
    come_back(
        lab,
        &[
            r#"veth("a0", "a1", #{up: true}).master("br3");"#,
            r#"link("tap0").up().master("br3");"#,
            r#"bridge("br2", #{stp: true, replace: true});"#,
            r#"macvlan("v0", "m0", "vepa", #{replace: true, mac: "02:00:00:00:00:55"});"#,
            r#"host().vxlan("vx1", 44, #{dstport: 4790, replace: true});"#,
            r#"veth("tap0", "tap2", #{replace: true});"#,
            r#"link("m0").delete();"#,
            r#"link("ms0").delete();"#,
            r#"link("v0").delete();"#,
            r#"link("v1").delete();"#,
            r#"link("p0").delete();"#,
            r#"link("br0").delete();"#,
            r#"link("br2").delete();"#,
            r#"link("x0").delete();"#,
            r#"link("y0").delete();"#,
            r#"netns("old").link("y1").delete();"#,
            r#"link("vx0").delete();"#,
            r#"link("vx1").delete();"#,
            r#"link("t0").delete();"#,
            r#"netns("old").link("in0").delete();"#,
            r#"netns("old").link("mn0").delete();"#,
            r#"netns("old").delete();"#,
            r#"netns("old").delete(); netns("old").veth("n0", "n1", #{addr: "10.1.1.1/24", up: true});"#,
            r#"let o = netns("old"); o.link("lo").down(); o.link("in0").mtu(1300); o.delete();"#,
            r#"link("br2").mtu(1300).delete();"#,
            r#"link("v0").mtu(1300); link("v0").delete(); veth("v0", "v1", #{up: true, addr: "10.0.0.1/24"});"#,
            r#"let n = netns("new"); link("m0").netns(n); n.link("m0").up().delete();"#,
            r#"let n = netns("new"); link("m0").netns(n); n.link("m0").mtu(1300); n.delete();"#,
        ],
    );
}
