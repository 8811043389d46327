//! What is exported leads where the commands lead that it was made with.

use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::{Map, Value, json};

use crate::case::cases;
use crate::common;
use crate::lab::{HOST, Lab, in_repository};
use crate::state;

cases! {
    ["veth", "macvlan"] =>
        the_far_end_of_a_pair_may_be_in_no_namespace_that_has_a_name;
    ["veth"] =>
        a_lab_of_commands_is_written_as_a_person_would
        addresses_and_neighbours_come_back
        an_address_with_two_lengths_comes_back
        routes_of_all_sorts_come_back
        rules_come_back
        nexthops_come_back
        settings_of_namespaces_come_back
        a_name_that_is_not_there_is_told_with_the_nearest
        without_a_namespace_there_is_nothing_to_export
        what_no_word_can_say_is_marked_and_fails_when_strict;
    ["veth", "bridge", "macvlan"] =>
        links_on_the_host_become_parameters
        links_in_several_namespaces_come_back
        settings_of_links_come_back;
    ["bridge", "veth", "vlan_filtering"] =>
        ports_with_their_vlans_come_back;
    ["vxlan", "geneve", "gre", "gretap", "ip6gre", "ip6gretap", "ipip", "sit", "ip6tnl", "veth"] =>
        tunnels_come_back;
    ["bond", "dummy", "ipvlan", "macvlan", "veth", "vlan", "vrf", "ifb", "tun"] =>
        links_of_all_kinds_come_back;
    ["ipvtap", "macvtap", "dummy"] =>
        taps_come_back;
    ["netem", "tbf", "veth"] =>
        queues_come_back;
    ["htb", "u32", "fw", "netem", "veth"] =>
        shared_queues_come_back
        a_shared_queue_that_no_word_makes_is_marked;
    ["nft", "veth"] =>
        rules_of_nftables_come_back;
    ["wireguard"] =>
        links_of_wireguard_come_back_with_their_keys_where_they_are_asked_for
        keys_of_wireguard_stay_where_they_are_if_nobody_asks_for_them;
    ["xfrm", "veth"] =>
        links_of_xfrm_come_back;
    ["bond", "dummy", "ipvlan"] =>
        the_lab_of_l3_comes_back
        the_lab_of_l2_comes_back
        the_lab_of_dual_stack_comes_back;
    ["bond", "bridge", "veth"] =>
        the_lab_of_failover_comes_back;
}

/// The settings that the commands of these cases change.
const SETTINGS: [&str; 4] = [
    "ipv4/ip_forward",
    "ipv6/conf/all/forwarding",
    "ipv4/conf/all/rp_filter",
    "ipv4/ip_local_port_range",
];

/// All that iproute2 can tell: also what the state of links and routes leaves out.
pub(crate) fn everything(lab: &Lab) -> Value {
    let mut state = state::meaning(lab);
    forget_indexes(&mut state);
    for name in lab.namespaces() {
        let mut more = Map::new();
        more.insert("rules".into(), lab.json(&name, "rule show"));
        more.insert("rules6".into(), lab.json(&name, "-6 rule show"));
        let neighbours = lab.json(&name, "neigh show nud permanent");
        more.insert("neighbours".into(), state::sorted(neighbours));
        let proxies = lab.json(&name, "neigh show proxy");
        more.insert("proxies".into(), state::sorted(proxies));
        more.insert("macs".into(), chosen_macs(&lab.json(&name, "link show")));
        more.insert(
            "entries".into(),
            static_entries(&lab.bridge(&name, "fdb show")),
        );
        more.insert("queues".into(), made_queues(&lab.tc(&name, "qdisc show")));
        let settings = lab.in_netns(&name, || {
            SETTINGS.map(|key| std::fs::read_to_string(format!("/proc/sys/net/{key}")).ok())
        });
        more.insert("settings".into(), json!(settings));
        state[&name]["more"] = Value::Object(more);
    }
    state
}

/// Takes out ifindexes of parents that are elsewhere, which are told where they differ from the link's own.
fn forget_indexes(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let is_index =
                |value: &Value| value.as_str().is_some_and(|name| name.starts_with("if"));
            map.retain(|key, value| key != "link" || !is_index(value));
            map.values_mut().for_each(forget_indexes);
        }
        Value::Array(values) => values.iter_mut().for_each(forget_indexes),
        _ => {}
    }
}

/// The hardware addresses that the commands of these cases choose.
fn chosen_macs(links: &Value) -> Value {
    let links = links.as_array().unwrap().iter();
    let macs = links.filter_map(|link| {
        let mac = link["address"]
            .as_str()
            .filter(|mac| mac.starts_with("02:00:00:"))?;
        Some((link["ifname"].as_str().unwrap().to_owned(), json!(mac)))
    });
    Value::Object(macs.collect())
}

fn static_entries(entries: &Value) -> Value {
    let entries = entries.as_array().unwrap().iter();
    let mut entries: Vec<Value> = entries
        .filter(|entry| {
            entry["mac"].as_str().unwrap().starts_with("02:00:00:") || !entry["dst"].is_null()
        })
        .cloned()
        .collect();
    entries.sort_by_key(ToString::to_string);
    Value::Array(entries)
}

fn made_queues(queues: &Value) -> Value {
    let queues = queues.as_array().unwrap().iter();
    let made = queues.filter(|queue| queue["kind"] == "netem" || queue["kind"] == "tbf");
    let options = made.map(|queue| json!([queue["dev"], queue["kind"], queue["options"]]));
    options.collect()
}

/// Makes a lab of commands, exports it, takes it down, and runs what was exported: that must lead to the same state.
#[track_caller]
fn comes_back(lab: &Lab, host: &str, commands: &str) -> String {
    lab.sh(host);
    lab.sh(commands);
    back_again(lab, host)
}

#[track_caller]
fn back_again(lab: &Lab, host: &str) -> String {
    let before = everything(lab);
    let export = lab.ipvsh(&["export", "--strict", "-o", "lab.rhai"]);
    let script = std::fs::read_to_string(lab.folder().join("lab.rhai")).unwrap();
    assert_eq!(export.end(), "exit code 0\n", "{script}");
    lab.clear();
    lab.sh(host);
    let check = lab.ipvsh(&["--quiet", "check", "lab.rhai"]);
    assert_eq!(check.end(), "exit code 0\n", "{script}");
    let run = lab.ipvsh(&["lab.rhai"]);
    assert_eq!(run.end(), "exit code 0\n", "{script}");
    if let Some(differences) = state::differences(&everything(lab), &before) {
        panic!("{differences}\n{script}");
    }
    if script.contains(".down()") {
        // It is up for a moment each time.
        return script;
    }
    // What was made by the script is there as it asks.
    let again = lab.ipvsh(&["--summary", "lab.rhai"]);
    let counts = again.stderr.lines().last().unwrap_or_default();
    assert!(
        counts.starts_with("created 0, changed 0, "),
        "{}\n{script}",
        again.stderr
    );
    script
}

const PAIR: &str = "\
ip netns add a
ip netns add b
ip link add to-b netns a type veth peer name to-a netns b
ip -n a addr add 10.0.0.1/24 dev to-b
ip -n b addr add 10.0.0.2/24 dev to-a
ip -n a link set to-b up
ip -n b link set to-a up
";

fn a_lab_of_commands_is_written_as_a_person_would(lab: &Lab) {
    let commands = format!(
        "{PAIR}\
         ip -n a link set lo up\n\
         ip -n a link set to-b mtu 1400 alias 'the wire'\n\
         ip -n a route add default via 10.0.0.2\n\
         ip -n b link set to-a address 02:00:00:00:00:07\n\
         ip netns exec b sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1\n"
    );
    let script = comes_back(lab, "", &commands);
    insta::assert_snapshot!(script, @r#"
    //! What stood in the namespaces `a`, `b`.

    let a = netns("a");
    let b = netns("b");

    a.link("lo").up();
    a.veth("to-b", b, "to-a", #{mtu: 1400})
        .alias("the wire")
        .addr("10.0.0.1/24")
        .up()
        .route("default", #{via: "10.0.0.2"});

    b.link("to-a")
        .mac("02:00:00:00:00:07")
        .addr("10.0.0.2/24")
        .up();

    b.forward();
    "#);
}

fn addresses_and_neighbours_come_back(lab: &Lab) {
    let commands = format!(
        "{PAIR}\
         ip -n a addr add 10.0.0.3/24 dev to-b\n\
         ip -n a addr add 10.1.0.1/32 dev to-b\n\
         ip -n a addr add fd00::1/64 dev to-b\n\
         ip -n a addr add fd00::2/64 dev to-b\n\
         ip -n a addr add fe80::7/64 dev to-b\n\
         ip -n a link set lo up\n\
         ip -n a addr add 192.0.2.1/32 dev lo\n\
         ip -n a addr add 2001:db8::1/128 dev lo\n\
         ip -n a neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev to-b nud permanent\n\
         ip -n a neigh add fd00::9 lladdr 02:00:00:00:00:09 dev to-b nud permanent router\n\
         ip -n a neigh add proxy 10.0.0.200 dev to-b\n"
    );
    comes_back(lab, "", &commands);
}

fn routes_of_all_sorts_come_back(lab: &Lab) {
    let commands = format!(
        "{PAIR}\
         ip -n a addr add fd00::1/64 dev to-b nodad\n\
         ip -n a route add default via 10.0.0.2\n\
         ip -n a route add default via 10.0.0.3 metric 20\n\
         ip -n a route add 10.9.0.0/16 via 10.0.0.2 metric 7 proto static mtu 1300 advmss 1200\n\
         ip -n a route add 10.10.0.0/16 dev to-b\n\
         ip -n a route add 10.11.0.0/16 via 10.10.0.1\n\
         ip -n a route add 10.12.0.1 dev to-b src 10.0.0.1 table 100\n\
         ip -n a route add 10.13.0.0/16 via 192.0.2.1 dev to-b onlink\n\
         ip -n a route add 10.14.0.0/16 nexthop via 10.0.0.2 weight 2 nexthop via 10.0.0.3\n\
         ip -n a route add blackhole 10.66.0.0/16\n\
         ip -n a route add unreachable 10.67.0.0/16 metric 3 table 100\n\
         ip -n a route add local 10.68.0.0/16 dev lo table local\n\
         ip -n a -6 route add default via fd00::2\n\
         ip -n a -6 route add fd01::/64 dev to-b\n\
         ip -n a -6 route add fd02::/64 via fe80::1 dev to-b metric 5 proto static\n\
         ip -n a -6 route add prohibit fd03::/64\n\
         ip -n a link set lo up\n"
    );
    comes_back(lab, "", &commands);
}

fn rules_come_back(lab: &Lab) {
    let commands = format!(
        "{PAIR}\
         ip -n a rule add from 10.0.0.0/24 lookup 100 priority 100\n\
         ip -n a rule add not to 10.0.0.9 iif to-b lookup 101 priority 101\n\
         ip -n a rule add fwmark 0x1/0xff lookup main suppress_prefixlength 0 priority 102\n\
         ip -n a rule add ipproto tcp dport 8000-8080 blackhole priority 103\n\
         ip -n a rule add oif to-b tos 0x10 lookup 104 priority 104\n\
         ip -n a rule add to 10.0.0.8 goto 103 priority 50\n\
         ip -n a rule add iif to-b nop priority 105\n\
         ip -n a -6 rule add goto 32766 priority 90\n\
         ip -n a -6 rule add from fd00::/64 lookup 100 priority 100\n\
         ip -n a -6 rule add iif to-b unreachable priority 101\n\
         ip -n a rule del priority 32767\n"
    );
    comes_back(lab, "", &commands);
}

fn a_name_that_is_not_there_is_told_with_the_nearest(lab: &Lab) {
    lab.sh("ip netns add net-1");
    for (name, told) in [
        (
            "net-2",
            "error: cannot export namespace `net-2`: there is no namespace `net-2`\n\
             hint: did you mean `net-1`?\n",
        ),
        (
            "a/b",
            "error: cannot export namespace `a/b`: a namespace's name holds no slash, `a/b` does\n",
        ),
    ] {
        let export = lab.ipvsh(&["export", "net-1", name]);
        assert_eq!(export.end(), format!("exit code 1\n{told}"));
        assert_eq!(export.stdout, "");
    }
}

fn without_a_namespace_there_is_nothing_to_export(lab: &Lab) {
    let export = lab.ipvsh(&["export"]);
    assert_eq!(
        (export.stderr.as_str(), export.code),
        (
            "error: there is no namespace with a name, and so nothing to export\n",
            1
        )
    );
}

fn what_no_word_can_say_is_marked_and_fails_when_strict(lab: &Lab) {
    lab.sh("ip netns add a\ntc -n a qdisc add dev lo root pfifo limit 7\n");
    for (arguments, code) in [
        (vec!["export", "a"], 0),
        (vec!["export", "--strict", "a"], 1),
    ] {
        let export = lab.ipvsh(&arguments);
        assert_eq!(
            (export.stderr.as_str(), export.code),
            (
                "not exported: 1 thing, told in the script's comments\n",
                code
            )
        );
        insta::allow_duplicates! {
            insta::assert_snapshot!(export.stdout, @r#"
            //! What stood in the namespace `a`.

            let a = netns("a");

            // not exported: pfifo queue of `lo`    (there is no word for pfifo)
            "#);
        }
    }
    let quiet = lab.ipvsh(&["--quiet", "export", "a"]);
    assert_eq!(quiet.end(), "exit code 0\n");
}

fn the_far_end_of_a_pair_may_be_in_no_namespace_that_has_a_name(lab: &Lab) {
    lab.sh(&format!(
        "{PAIR}\
         ip -n a link add m0 link to-b type macvlan\n\
         ip netns add c\n\
         ip link add x netns a type veth peer name y netns c\n\
         ip -n a addr add 10.5.0.1/24 dev x\n"
    ));
    let export = lab.ipvsh(&["export", "a"]);
    assert_eq!(export.end(), "exit code 0\n");
    insta::assert_snapshot!(export.stdout, @r#"
    //! What stood in the namespace `a`.

    let a = netns("a");

    // The other end of `to-b` is in `b`, which was not exported: it is made, and nothing more.
    let b = netns("b");
    a.veth("to-b", b, "to-a").addr("10.0.0.1/24").up();
    a.macvlan(a.link("to-b"), "m0", "vepa");
    // The other end of `x` is in `c`, which was not exported: it is made, and nothing more.
    let c = netns("c");
    a.veth("x", c, "y").addr("10.5.0.1/24");
    "#);
    // A process holds it; then it has no name any more.
    let mut process = std::process::Command::new("ip")
        .args(["netns", "exec", "c", "sh", "-c", "echo; exec sleep 60"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Its first word comes from inside.
    let mut word = [0];
    process
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut word)
        .unwrap();
    lab.sh("ip netns del c");
    let export = lab.ipvsh(&["export", "a", "b"]);
    process.kill().unwrap();
    process.wait().unwrap();
    insta::assert_snapshot!(export.stdout, @r#"
    //! What stood in the namespaces `a`, `b`.

    let a = netns("a");
    let b = netns("b");

    a.veth("to-b", b, "to-a").addr("10.0.0.1/24").up();
    a.macvlan(a.link("to-b"), "m0", "vepa");
    // not exported: link `x` with 10.5.0.1/24    (its other end is in a namespace that has no name)

    b.link("to-a").addr("10.0.0.2/24").up();
    "#);
}

fn links_on_the_host_become_parameters(lab: &Lab) {
    let host = "\
ip link add up0 type veth peer name up1
ip link set up0 up
ip link set up1 up
ip link add br0 type bridge
ip link set br0 up
";
    let commands = "\
ip netns add a
ip link add m0 link up0 netns a type macvlan mode private
ip -n a link set m0 up
ip link add port type veth peer name eth0 netns a
ip link set port master br0 up
ip -n a addr add 10.0.0.1/24 dev eth0
ip -n a link set eth0 up
ip -n a route add default via 10.0.0.2
";
    let script = comes_back(lab, host, commands);
    insta::assert_snapshot!(script, @r#"
    //! What stood in the namespace `a`.

    let parent = param("parent", "up0", "the parent on this machine, which has to be there");
    let bridge = param("bridge", "br0", "the bridge on this machine, which has to be there");

    let a = netns("a");

    a.macvlan(parent, "m0", "private").up();
    a.veth("eth0", host(), "port")
        .addr("10.0.0.1/24")
        .up()
        .route("default", #{via: "10.0.0.2"});

    link("port").master(bridge).up();
    "#);
}

fn links_in_several_namespaces_come_back(lab: &Lab) {
    let commands = "\
ip netns add a
ip netns add b
ip netns add hub
ip -n hub link add br0 type bridge ageing_time 10000
ip -n hub link set br0 up
ip -n hub link add to-a type veth peer name eth0 netns a
ip -n hub link add to-b type veth peer name eth0 netns b
ip -n hub link set to-a master br0 up
ip -n hub link set to-b master br0 up
ip -n a link set eth0 up
ip -n b link set eth0 up
ip -n b link add m0 link eth0 netns a type macvlan mode bridge
ip -n b link add m1 link eth0 address 02:00:00:00:00:11 type macvlan mode bridge
ip -n a link set m0 up
ip -n a addr add 10.0.1.1/24 dev m0
ip -n b link set eth0 down
ip -n b link set m1 gso_max_size 32000 gso_max_segs 16
ip -n hub link set br0 gro_max_size 32000
";
    comes_back(lab, "", commands);
}

fn settings_of_links_come_back(lab: &Lab) {
    let commands = format!(
        "{PAIR}\
         ip -n a link set to-b address 02:00:00:00:00:08 mtu 1280 txqueuelen 77 group 7 promisc on\n\
         ip -n a link set to-b arp off\n\
         ip -n a link set to-b multicast off allmulticast on gso_max_size 32000 gso_max_segs 16\n\
         ip -n a link set to-b alias 'to the \"other\"'\n\
         ip -n a link property add dev to-b altname a-long-name-for-the-link altname another\n\
         ip -n b link add br0 type bridge\n\
         ip -n b link set br0 mtu 1400 up\n\
         ip -n b link set lo mtu 4000\n"
    );
    comes_back(lab, "", &commands);
}

fn ports_with_their_vlans_come_back(lab: &Lab) {
    let commands = "\
ip netns add a
ip -n a link add br0 type bridge vlan_filtering 1
ip -n a link set br0 up
for i in 1 2 3; do
    ip -n a link add p$i type veth peer name q$i
    ip -n a link set p$i master br0 up
done
bridge -n a vlan add dev p1 vid 10 pvid untagged
bridge -n a vlan del dev p1 vid 1
bridge -n a vlan add dev p1 vid 20-25
bridge -n a vlan add dev p1 vid 30
bridge -n a vlan add dev p2 vid 40 untagged
bridge -n a vlan del dev p3 vid 1
bridge -n a vlan add dev br0 vid 99 self
bridge -n a link set dev p2 hairpin on isolated on learning off cost 7 priority 9
bridge -n a fdb add 02:00:00:00:00:42 dev p1 master static vlan 20
bridge -n a fdb add 02:00:00:00:00:43 dev p2 master static
";
    comes_back(lab, "", commands);
}

fn tunnels_come_back(lab: &Lab) {
    let commands = format!(
        "{PAIR}\
         ip -n a addr add fd00::1/64 dev to-b nodad\n\
         ip -n a link add t1 type gre local 10.0.0.1 remote 10.0.0.2 ttl 32 key 7\n\
         ip -n a link add t2 type gretap local 10.0.0.1 remote 10.0.0.2 dev to-b tos 0x10\n\
         ip -n a link add t3 type ip6gre local fd00::1 remote fd00::2 ttl 32\n\
         ip -n a link add t4 type ip6gretap local fd00::1 remote fd00::2\n\
         ip -n a link add t5 type ipip local 10.0.0.1 remote 10.0.0.2\n\
         ip -n a link add t6 type sit local 10.0.0.1 remote 10.0.0.2 ttl 64\n\
         ip -n a link add t7 type ip6tnl local fd00::1 remote fd00::2\n\
         ip -n a link add t8 type vxlan id 42 remote 10.0.0.2 local 10.0.0.1 dev to-b dstport 4789\n\
         ip -n a link add t9 type vxlan id 43 dstport 4790 nolearning\n\
         bridge -n a fdb append 00:00:00:00:00:00 dev t9 dst 10.0.0.2\n\
         bridge -n a fdb append 00:00:00:00:00:00 dev t9 dst 10.0.0.3\n\
         bridge -n a fdb append 02:00:00:00:00:42 dev t9 dst 10.0.0.3\n\
         ip -n a link add t10 type geneve id 44 remote 10.0.0.2 ttl 9\n\
         ip -n a link set t1 up\n\
         ip -n a addr add 10.20.0.1/30 dev t1\n\
         ip -n a route add 10.21.0.0/16 dev t1\n\
         ip -n a link set t8 up\n"
    );
    comes_back(lab, "", &commands);
}

fn links_of_all_kinds_come_back(lab: &Lab) {
    let commands = "\
ip netns add a
ip netns add b
ip -n a link add p0 type dummy
ip -n a link add p1 type dummy
ip -n a link add bond0 type bond mode active-backup miimon 100 primary_reselect failure
ip -n a link set p0 master bond0
ip -n a link set p1 master bond0
ip -n a link set bond0 type bond primary p1
ip -n a link set bond0 up
ip -n a link add bond0.10 link bond0 type vlan id 10
ip -n a link add bond0.20 link bond0 type vlan id 20 protocol 802.1ad reorder_hdr off
ip -n a link set bond0.10 up
ip -n a addr add 10.10.0.1/24 dev bond0.10
ip -n a link add i0 link bond0 netns b type ipvlan mode l3s private
ip -n a link add i1 link bond0 netns b type ipvlan mode l3s private
ip -n b addr add 10.30.0.2/24 dev i0
ip -n b link set i0 up
ip -n b route add default dev i0
ip -n a link add red type vrf table 10
ip -n a link set red up
ip -n a link add v0 type veth peer name v1
ip -n a link set v0 master red
ip -n a addr add 10.40.0.1/24 dev v0
ip -n a addr add fd40::1/64 dev v0 nodad
ip -n a link set v0 up
ip -n a link set v1 up
ip -n a route add 10.41.0.0/16 via 10.40.0.2 table 10
ip -n a link add blue type vrf table 11
ip -n b link add d0 type dummy
ip -n b link set d0 up carrier off
ip -n b link add ifb7 type ifb
ip -n b link set ifb7 up
ip -n b tuntap add dev tun0 mode tun user 1000
ip -n b tuntap add dev tap0 mode tap multi_queue
ip -n b link add d1 type dummy
ip -n b link set d1 up
ip -n b link add m0 link d1 type macvlan mode vepa
";
    comes_back(lab, "", commands);
}

fn taps_come_back(lab: &Lab) {
    let host = "\
ip link add up0 type dummy
ip link set up0 up
ip link add up1 type dummy
ip link set up1 up
";
    let commands = "\
ip netns add a
ip link add it0 link up0 netns a type ipvtap mode l2
ip link add mt0 link up1 netns a type macvtap mode private
ip -n a link set it0 up
";
    comes_back(lab, host, commands);
}

fn queues_come_back(lab: &Lab) {
    let commands = format!(
        "{PAIR}\
         tc -n a qdisc add dev to-b root netem delay 10ms 1ms loss 1% limit 500\n\
         tc -n b qdisc add dev to-a root tbf rate 8mbit burst 10kb latency 50ms\n"
    );
    comes_back(lab, "", &commands);
}

/// Makes a lab, has a look at it, exports it and makes it again: the second look must show the same.
#[track_caller]
fn looks_the_same(lab: &Lab, make: impl Fn(), look: impl Fn() -> Value) -> String {
    make();
    let before = look();
    let script = back_again(lab, "");
    assert_eq!(look(), before, "{script}");
    script
}

fn an_address_with_two_lengths_comes_back(lab: &Lab) {
    let script = comes_back(
        lab,
        "",
        "ip netns add a
         ip -n a link set lo up
         ip -n a addr add 127.0.0.1/32 dev lo
         ip -n a link add v0 type veth peer name v1
         ip -n a addr add 10.0.0.1/24 dev v0
         ip -n a addr add 10.0.0.1/16 dev v0",
    );
    assert!(
        script.contains(r#".addr("10.0.0.1/24").addr("10.0.0.1/16", #{beside: true})"#),
        "{script}"
    );
}

fn shared_queues_come_back(lab: &Lab) {
    let make = || {
        lab.sh(PAIR);
        lab.run(
            r#"
            netns("a").link("to-b").htb(#{rate: "10mbit", ceil: "12mbit", otherwise: "rest", classes: [
                #{name: "web", rate: "8mbit", packets: [#{proto: "tcp", dport: 80}, #{src: "10.0.0.0/8", dst: "10.0.0.7", proto: "udp", sport: 53}]},
                #{name: "mark", rate: "1mbit", ceil: "2mbit", prio: 3, burst: "3000b", packets: #{mark: 7}},
                #{name: "rest", rate: "1mbit", packets: #{dst: "fd00:1:2::/47"}, netem: #{delay: "10ms"}},
            ]});"#,
        );
        lab.sh("\
tc -n b qdisc add dev to-a root handle 7: htb
tc -n b class add dev to-a parent 7: classid 7:10 htb rate 2mbit burst 4kb cburst 4kb
tc -n b class add dev to-a parent 7: classid 7:20 htb rate 1mbit ceil 2mbit
tc -n b filter add dev to-a parent 7: protocol ip prio 1 u32 match ip src 10.0.0.2/32 flowid 7:10
");
    };
    let look = || {
        let classes = |netns, link| {
            let text = tc(netns, &["class", "show", "dev", link]);
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        // The word gives its own number to the queue itself.
        let renamed = classes("b", "to-a").join("\n").replace("7:", "1:");
        let classes = json!([classes("a", "to-b"), renamed]);
        let queues = lab.tc("a", "qdisc show dev to-b");
        let filters = [
            filters("a", "to-b"),
            filters("b", "to-a").replace("7:", "1:"),
        ];
        json!([classes, queues, filters])
    };
    looks_the_same(lab, make, look);
}

/// What `tc` prints: of classes and filters it has no JSON that can be read.
fn tc(netns: &str, words: &[&str]) -> String {
    common::output("ip", &[&["netns", "exec", netns, "tc"], words].concat())
}

/// What filters look for and where they steer, without their places in the kernel's tables.
fn filters(netns: &str, device: &str) -> String {
    let text = tc(netns, &["filter", "show", "dev", device]);
    let told = text.lines().filter_map(|line| {
        let line = line.trim();
        let pref = line.find("pref ").map(|at| &line[at..]);
        let steers = line.find("flowid ").map(|at| &line[at..]);
        match (pref, steers) {
            (Some(pref), Some(steers)) => {
                let words = |text: &str| text.split(' ').take(2).collect::<Vec<_>>().join(" ");
                Some(format!("{} {}", words(pref), words(steers)))
            }
            _ => line.starts_with("match ").then(|| line.to_owned()),
        }
    });
    told.collect::<Vec<_>>().join("\n")
}

fn a_shared_queue_that_no_word_makes_is_marked(lab: &Lab) {
    lab.sh("\
ip netns add a
ip -n a link add v0 type veth peer name v1
tc -n a qdisc add dev v0 root handle 1: htb
tc -n a class add dev v0 parent 1: classid 1:7 htb rate 1mbit
");
    let export = lab.ipvsh(&["export", "a"]);
    let comment =
        "// not exported: htb queue of `v0`    (it has what the word for it does not know)\n";
    assert!(export.stdout.contains(comment), "{}", export.stdout);
}

fn rules_of_nftables_come_back(lab: &Lab) {
    let make = || {
        lab.sh(PAIR);
        lab.run(
            r#"
            netns("a").drop(#{proto: "tcp", dport: 22}).masquerade("to-b");
            netns("a").nft("table inet mine { set s { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 }; }; chain c { ip saddr @s drop comment \"`$\"; }; }");"#,
        );
        lab.sh("ip netns exec b nft 'table ip t { chain c { type filter hook input priority 0; policy drop; }; }'");
    };
    let look = || {
        let rules = |netns| {
            let text = lab.in_netns(netns, || common::output("nft", &["-s", "list", "ruleset"]));
            let mut is_note = false;
            let mut lines = Vec::new();
            for line in text.lines().filter(|line| !line.is_empty()) {
                // What is noted there is of the script that made them.
                is_note |= line.starts_with("\tchain nft-");
                if !is_note {
                    lines.push(line.to_owned());
                }
                is_note &= line != "\t}";
            }
            let text = lines.join("\n");
            text.replace("table inet ipvsh {\n}", "").trim().to_owned()
        };
        json!([rules("a"), rules("b")])
    };
    let script = looks_the_same(lab, make, look);
    assert!(
        script.contains("b.nft(`\ntable ip t {\n\tchain c {\n"),
        "{script}"
    );
}

fn nexthops_come_back(lab: &Lab) {
    let make = || {
        lab.sh(&format!(
            "{PAIR}\
             ip -n a link set lo up\n\
             ip -n a addr add fd00::1/64 dev to-b nodad\n\
             ip -n a nexthop add id 1 via 10.0.0.2 dev to-b\n\
             ip -n a nexthop add id 2 via 10.9.0.2 dev to-b onlink proto static\n\
             ip -n a nexthop add id 3 blackhole\n\
             ip -n a nexthop add id 4 via fd00::2 dev to-b\n\
             ip -n a -6 nexthop add id 5 dev to-b\n\
             ip -n a nexthop add id 6 group 1/2,3\n\
             ip -n a route add 10.1.0.0/16 nhid 6 metric 7\n\
             ip -n a route add 10.2.0.0/16 nhid 1\n\
             ip -n a route add 10.3.0.0/16 nhid 3\n\
             ip -n a route add fd01::/64 nhid 4\n\
             ip -n a route add fd02::/64 nhid 5 table 100\n"
        ));
    };
    let look = || {
        let mut nexthops = lab.json("a", "nexthop show");
        state::forget_carrier(&mut nexthops);
        nexthops
    };
    let script = looks_the_same(lab, make, look);
    assert!(
        script.contains("a.nexthop(6, #{group: [1, #{id: 2, weight: 3}]});\n"),
        "{script}"
    );
}

fn settings_of_namespaces_come_back(lab: &Lab) {
    let keys = [
        "ipv4.conf.all.rp_filter",
        "ipv4.conf.default.arp_ignore",
        "ipv4.conf.lo.rp_filter",
        "ipv4.conf.to-b.rp_filter",
        "ipv4.conf.to-b.arp_ignore",
        "ipv4.conf.to-b.proxy_arp",
        "ipv6.conf.to-b.disable_ipv6",
        "ipv4.ip_local_port_range",
        "ipv4.tcp_keepalive_time",
        "ipv4.conf.all.accept_redirects",
        "ipv6.conf.default.accept_ra",
        "ipv6.conf.to-b.accept_ra",
        "ipv4.neigh.to-b.gc_stale_time",
        "ipv4.neigh.to-b.ucast_solicit",
        "ipv6.neigh.to-b.base_reachable_time_ms",
        "core.somaxconn",
    ];
    let make = || {
        lab.sh(&format!(
            "{PAIR}\
             ip netns exec a sysctl -qw net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.default.arp_ignore=1 \
             net.ipv4.conf.lo.rp_filter=1 net.ipv4.conf.to-b.proxy_arp=1 net.ipv6.conf.to-b.disable_ipv6=1 \
             'net.ipv4.ip_local_port_range=20000 30000' net.ipv4.tcp_keepalive_time=99 net.ipv4.ip_forward=1 \
             net.ipv6.conf.default.accept_ra=0 net.core.somaxconn=99 net.ipv4.neigh.to-b.gc_stale_time=77 \
             net.ipv4.neigh.to-b.ucast_solicit=5 net.ipv6.neigh.to-b.base_reachable_time_ms=31000\n"
        ));
    };
    let look = || {
        let values = keys.map(|key| {
            let path = format!("/proc/sys/net/{}", key.replace('.', "/"));
            std::fs::read_to_string(path).unwrap()
        });
        json!(values)
    };
    let script = looks_the_same(lab, make, || lab.in_netns("a", look));
    for line in [
        "a.sysctl(\"core.somaxconn\", 99);\n",
        "a.sysctl(\"ipv4.ip_local_port_range\", \"20000 30000\");\n",
        ".sysctl(\"ipv4.proxy_arp\", 1)",
        ".sysctl(\"ipv4.neigh.gc_stale_time\", 77)",
    ] {
        assert!(script.contains(line), "{line}{script}");
    }
    assert!(
        !script.contains("b.sysctl")
            && !script.contains("_redirects")
            && script.matches(".neigh.").count() == 3,
        "{script}"
    );
}

const WIREGUARD: &str = r#"
    netns("a").wireguard("wg0", #{
        private_key: "cAdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LGo=", listen_port: 51820, fwmark: 7, up: true, addr: "10.9.0.1/24",
        peers: [#{
            public_key: "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=",
            preshared_key: "FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE=",
            endpoint: "[fd00::2]:4000", allowed_ips: ["fd09::/64", "10.1.0.0/24"], keepalive: "25s"
        }]
    });"#;

fn links_of_wireguard_come_back_with_their_keys_where_they_are_asked_for(lab: &Lab) {
    lab.run(WIREGUARD);
    let look = || {
        (
            everything(lab),
            common::output("ip", &["netns", "exec", "a", "wg", "showconf", "wg0"]),
        )
    };
    let before = look();
    let file = lab.folder().join("lab.rhai");
    // What is there is open to all, and then no more.
    std::fs::write(&file, "").unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let export = lab.ipvsh(&["export", "--strict", "--keys", "-o", "lab.rhai"]);
    assert_eq!(export.end(), "exit code 0\n");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    lab.clear();
    for _ in 0..2 {
        let run = lab.ipvsh(&["lab.rhai"]);
        assert_eq!(run.end(), "exit code 0\n");
        assert_eq!(look(), before);
    }
}

fn keys_of_wireguard_stay_where_they_are_if_nobody_asks_for_them(lab: &Lab) {
    lab.run(WIREGUARD);
    let export = lab.ipvsh(&["export", "--strict"]);
    assert_eq!(export.code, 1);
    let script = &export.stdout;
    for part in [
        "// not exported: private keys of `wg0`    (they are secrets; --keys writes them too)\n",
        "listen_port: 51820, fwmark: 7, peers: [#{public_key: \"3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=\", ",
        "endpoint: \"[fd00::2]:4000\", ",
    ] {
        assert!(script.contains(part), "{part}{script}");
    }
    for secret in ["cAdtCn", "FpCyhws"] {
        assert!(!script.contains(secret), "{script}");
    }
}

fn links_of_xfrm_come_back(lab: &Lab) {
    comes_back(
        lab,
        "",
        &format!(
            "{PAIR}\
             ip -n a link add x0 type xfrm dev to-b if_id 7\n\
             ip -n a link set x0 up\n\
             ip -n a addr add 10.8.0.1/24 dev x0\n\
             ip -n a link add x1 type xfrm if_id 8\n"
        ),
    );
}

/// Runs a script of the repository, exports its lab, and makes that again.
fn story(lab: &Lab, script: &str, host: &str) {
    lab.sh(host);
    let path = in_repository("scripts").join(script);
    let run = lab.ipvsh(&["--quiet", path.to_str().unwrap()]);
    assert_eq!(run.end(), "exit code 0\n");
    back_again(lab, host);
    assert!(lab.links(HOST).len() < 4, "nothing of the host is made");
}

const UPLINK: &str = "\
ip link add p0 type dummy
ip link add p1 type dummy
ip link add bond0 type bond mode active-backup miimon 100
ip link set p0 master bond0
ip link set p1 master bond0
ip link set bond0 up
";

fn the_lab_of_l3_comes_back(lab: &Lab) {
    story(lab, "l3.rhai", UPLINK);
}

fn the_lab_of_l2_comes_back(lab: &Lab) {
    story(lab, "l2.rhai", UPLINK);
}

fn the_lab_of_dual_stack_comes_back(lab: &Lab) {
    story(lab, "dual-stack.rhai", UPLINK);
}

fn the_lab_of_failover_comes_back(lab: &Lab) {
    story(lab, "failover.rhai", "");
}
