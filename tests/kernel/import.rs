//! What is imported leads where the shell commands lead that it was made from.

use std::fs;
use std::sync::Mutex;
use std::thread;

use serde_json::{Value, json};

use crate::case::cases;
use crate::export::everything;
use crate::lab::{Lab, finish, in_repository};
use crate::seeds;
use crate::state;

cases! {
    ["bond", "dummy", "ipvlan"] =>
        the_set_up_in_mode_l3_leads_where_its_commands_lead
        the_set_up_in_mode_l2_leads_where_its_commands_lead;
    ["veth", "bridge", "macvlan"] =>
        a_shell_script_leads_where_the_shell_leads
        what_a_shell_calculates_decides_and_calls_leads_where_it_leads;
    ["veth"] =>
        all_that_is_said_of_addresses_routes_rules_and_neighbours_is_taken;
    ["veth"] =>
        a_proof_tells_that_both_lead_to_the_same
        a_proof_tells_each_difference_with_its_line
        what_a_run_did_is_a_script_that_leads_there
        a_set_up_that_does_not_start_says_what_is_missing;
    ["veth", "bridge", "macvlan", "vxlan", "htb", "nft"] =>
        the_corpus_leads_where_its_commands_lead;
    ["bridge", "veth", "vlan_filtering"] =>
        ports_their_vlans_and_their_entries_are_taken;
    ["netem", "tbf", "veth"] =>
        queues_are_taken;
    [] =>
        what_is_not_translated_is_counted_and_fails_when_strict
        a_section_that_is_not_there_is_named;
}

/// What a set-up of the corpus may need to be run here.
const HERE: &[&str] = &[
    "nothing", "veth", "bridge", "macvlan", "vxlan", "htb", "nft", "l2tp",
];

/// Set-ups whose commands and script can't lead to the same, and why.
const NOT_THE_SAME: &[(&str, &str)] = &[
    (
        "arguments-needed",
        "without arguments it says how it is called",
    ),
    (
        "ifconfig-more",
        "in private namespaces nobody may set `txqueuelen` by its old request",
    ),
    ("bridge-brctl", "`brctl` is not everywhere"),
    ("namespace-found", "its namespaces are somebody else's"),
    ("unique-name", "a name in it is another one each time"),
];

/// How many proofs run side by side: each mostly waits for what comes late.
const SIDE_BY_SIDE: usize = 6;

fn the_corpus_leads_where_its_commands_lead(lab: &Lab) {
    let mut names: Vec<String> = fs::read_dir(in_repository("tests/corpus"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_suffix(".sh")?.to_owned()))
        .collect();
    names.sort_unstable();
    for (name, _) in NOT_THE_SAME {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
    names.retain(|name| {
        let text = fs::read_to_string(in_repository(&format!("tests/corpus/{name}.sh"))).unwrap();
        let needs = text.lines().find_map(|line| line.strip_prefix("# needs: "));
        let mut needs = needs.unwrap_or("nothing").split(' ');
        needs.all(|need| HERE.contains(&need))
            && !NOT_THE_SAME.iter().any(|(known, _)| known == name)
    });
    assert!(names.len() >= 90, "{} set-ups are left", names.len());
    // All of them by `make attack RINGS=import`.
    if !seeds::is_asked() {
        names = names.into_iter().step_by(3).collect();
    }
    let names = Mutex::new(names);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|threads| {
        for _ in 0..SIDE_BY_SIDE {
            threads.spawn(|| {
                // By a function, as `while let` would hold the lock while the proof runs.
                let next = || names.lock().unwrap().pop();
                while let Some(name) = next() {
                    if let Err(said) = prove(lab, &name).or_else(|_| prove(lab, &name)) {
                        wrong.lock().unwrap().push(format!("{name}: {said}"));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Proves that the script of a set-up leads where its commands lead.
fn prove(lab: &Lab, name: &str) -> Result<(), String> {
    let file = in_repository(&format!("tests/corpus/{name}.sh"));
    let text = fs::read_to_string(&file).unwrap();
    let said = |what: &str| text.lines().find_map(|line| line.strip_prefix(what));
    let given = said("# arguments: ");
    let timeout = said("# timeout: ").unwrap_or("60s");
    let mut command = lab.command(&["import", "--verify", "--timeout", timeout]);
    command.arg(&file).env("IPVSH_KERNEL", "/nonexistent");
    if let Some(given) = given {
        command.arg("--").args(given.split(' '));
    }
    let output = finish(command.spawn().unwrap());
    match output.code {
        0 => Ok(()),
        _ => Err(format!("{}{}", output.stdout, output.stderr)),
    }
}

/// Two hosts on a cable, with all that a proof looks at.
const CABLE: &str = "\
#!/bin/bash
for h in a b; do
    ip netns add $h
    ip -n $h link set lo up
done
ip -n a link add v0 type veth peer name v1 netns b
ip -n a addr add 10.0.0.1/24 dev v0
ip -n a link set v0 up
ip -n b addr add 10.0.0.2/24 dev v1
ip -n b link set v1 up mtu 1400
ip -n b route add default via 10.0.0.1
sudo ip netns exec b sysctl -qw net.ipv4.ip_forward=1
ip -n a neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev v0
";

fn a_proof_tells_that_both_lead_to_the_same(lab: &Lab) {
    fs::write(lab.folder().join("setup.sh"), CABLE).unwrap();
    let proof = lab.ipvsh(&["import", "--verify", "setup.sh"]);
    assert_eq!(proof.end(), "exit code 0\n", "{}", proof.stdout);
    let told = proof.stdout.trim_end();
    assert!(
        told.starts_with("equal: ") && told.ends_with(" facts of 3 namespaces"),
        "{told}"
    );
    // Nothing of it is left here.
    assert!(lab.namespaces().is_empty());
    let proof = lab.ipvsh(&["--json", "import", "--verify", "-o", "lab.rhai", "setup.sh"]);
    let document: Value = serde_json::from_str(&proof.stdout).unwrap();
    assert_eq!(
        (
            &document["equal"],
            &document["namespaces"],
            &document["differences"]
        ),
        (&json!(true), &json!(3), &json!([]))
    );
    assert!(lab.folder().join("lab.rhai").exists());
}

fn a_proof_tells_each_difference_with_its_line(lab: &Lab) {
    let commands = format!(
        "{CABLE}ip -n a route add blackhole 10.9.0.0/16 metric $((RANDOM % 1 + 5))\nexit 3\n"
    );
    fs::write(lab.folder().join("setup.sh"), commands).unwrap();
    let proof = lab.ipvsh(&["import", "--verify", "setup.sh"]);
    let (told, count) = proof.stdout.rsplit_once("1 difference, ").unwrap();
    assert!(count.ends_with(" facts are the same\n"), "{count}");
    assert_eq!(
        (told, proof.stderr.as_str(), proof.code),
        (
            "a: route type blackhole 10.9.0.0/16 table main metric 5 protocol boot scope global is missing\n  \
             setup.sh:14: ip -n a route add blackhole 10.9.0.0/16 metric $((RANDOM % 1 + 5))\n",
            "not translated: 1 command, in line 14\nthe commands said:\nexit code 3\n",
            1
        )
    );
}

const PAGE: &str = include_str!("import.md");

fn uplink(lab: &Lab) {
    lab.ip("link add p0 type dummy\nlink add p1 type dummy\n\
         link add bond0 type bond mode active-backup miimon 100\n\
         link set p0 master bond0\nlink set p1 master bond0\nlink set bond0 up");
    lab.wait_up("bond0");
}

/// Runs `commands` with `sh`, then the script that `arguments` import: both must lead to the same state.
#[track_caller]
fn compare(lab: &Lab, prepare: fn(&Lab), commands: &str, arguments: &[&str]) {
    prepare(lab);
    lab.sh(commands);
    let by_shell = everything(lab);
    lab.clear();

    prepare(lab);
    let mut words = vec!["import"];
    words.extend(arguments);
    words.extend(["--strict", "-o", "lab.rhai"]);
    let import = lab.ipvsh(&words);
    assert_eq!(import.end(), "exit code 0\n");
    let check = lab.ipvsh(&["--quiet", "check", "lab.rhai"]);
    assert_eq!(check.end(), "exit code 0\n");
    let run = lab.ipvsh(&["lab.rhai"]);
    assert_eq!(run.end(), "exit code 0\n");
    state::assert_same(&everything(lab), &by_shell);
}

/// The commands of the first block behind a heading. Where net-tools are missing, `ip` adds the route.
fn commands(heading: &str) -> String {
    let section = PAGE.split(heading).nth(1).unwrap();
    let block = section.split("```").nth(1).unwrap();
    let block = block.strip_prefix("sh").unwrap();
    block
        .replace(" route add default", " ip route add default")
        .replace("ip ip ", "ip ")
}

#[track_caller]
fn set_up(lab: &Lab, mode: &str) {
    fs::write(lab.folder().join("page.md"), PAGE).unwrap();
    let heading = format!("in mode {mode}");
    compare(
        lab,
        uplink,
        &commands(&heading),
        &["page.md", "--section", &heading],
    );
}

fn the_set_up_in_mode_l3_leads_where_its_commands_lead(lab: &Lab) {
    set_up(lab, "l3");
}

fn the_set_up_in_mode_l2_leads_where_its_commands_lead(lab: &Lab) {
    set_up(lab, "l2");
}

const SETUP: &str = "\
#!/bin/sh
set -e
BRIDGE=br0
ip link add $BRIDGE type bridge
ip l s $BRIDGE up
for i in 1 2; do
    ip netns add ns$i
    ip link add veth$i type veth peer name far$i
    ip link set veth$i master $BRIDGE up
    ip link set far$i netns ns$i name eth0
    ip -n ns$i addr add 10.0.0.$i/24 dev eth0
    ip -n ns$i l s eth0 up mtu 1400
    ip net exec ns$i ip link set lo up
done
ip -n ns1 link add link eth0 m0 type macvlan mode bridge
ip -n ns1 a a fd00::1/64 dev m0 nodad
ip netns exec ns1 sh -c 'ip link set m0 up; ip route add default via 10.0.0.2 dev eth0'
ip -n ns2 r a 10.9.0.0/16 via 10.0.0.1 metric 7   # the way back
";

fn a_shell_script_leads_where_the_shell_leads(lab: &Lab) {
    fs::write(lab.folder().join("setup.sh"), SETUP).unwrap();
    compare(lab, |_| (), SETUP, &["setup.sh"]);
}

const CALCULATED: &str = "\
#!/bin/sh
set -eu
COUNT=${COUNT:-2}
NET=10.7.0.0/24
PREFIX=${NET%.*}
host() {
    local n=$1
    ip netns add h$n
    ip link add p$n type veth peer name eth0 netns h$n
    ip link set p$n master br0 up
    ip -n h$n addr add $PREFIX.$((n * 10))/24 dev eth0
    ip -n h$n link set eth0 up
}
ip link show br0 >/dev/null 2>&1 || ip link add br0 type bridge
ip link set br0 up || exit 1
ip link del none 2>/dev/null || true
i=1
while [ $i -le $COUNT ]; do
    host $i
    i=$((i + 1))
done
case $i in
    [0-2]) ip netns add few ;;
    *) ip netns add many ;;
esac
if [ \"$COUNT\" = 1 ]; then
    ip netns del h1
elif [ $COUNT -gt 1 ] && [ -n \"$NET\" ]; then
    ip -b - <<EOF
netns add last$i
link add a$i type veth peer name b$i
link set b$i netns last$i
EOF
fi
[ $COUNT = 7 ] && ip netns del h1
ip addr add $PREFIX.254/24 dev br0
exit 0
ip netns del h1
";

fn what_a_shell_calculates_decides_and_calls_leads_where_it_leads(lab: &Lab) {
    fs::write(lab.folder().join("setup.sh"), CALCULATED).unwrap();
    compare(lab, |_| (), CALCULATED, &["setup.sh"]);
}

const NETWORK: &str = "\
ip netns add a
ip netns add b
ip link add v0 netns a type veth peer name v1 netns b
ip -n b link set v1 up
ip -n a link set v0 up group 7 gso_max_segs 16
ip -n a link property add dev v0 altname the-long-name-of-v0 altname another
ip -n a addr add 10.0.0.1/24 brd + dev v0
ip -n a addr add 10.0.0.2/24 brd 10.0.0.255 label v0:1 dev v0
ip -n a addr add 10.1.0.1 peer 10.1.0.2/32 dev v0
ip -n a addr add 10.2.0.1/24 scope link noprefixroute dev v0
ip -n a addr add 10.3.0.1/24 metric 50 dev v0
ip -n a addr add fd00::1/64 dev v0 nodad preferred_lft 0
ip -n a addr add fd01::1/64 dev v0 nodad noprefixroute
ip -n a route add 10.9.0.0/16 via 10.0.0.9 proto static metric 7 mtu 1300 advmss 1200
ip -n a route add 10.10.0.0/16 via 10.0.0.9 src 10.0.0.2 table 100
ip -n a route add 10.11.0.0/16 dev v0 scope global
ip -n a route add 10.12.0.0/16 nexthop via 10.0.0.9 dev v0 weight 2 nexthop via 10.0.0.8
ip -n a route add local 10.13.0.0/16 dev lo
ip -n a route add blackhole 10.14.0.0/16
ip -n a route add throw 10.15.0.0/16 table 100
ip -n a route add 10.16.0.0/16 via 192.0.2.1 dev v0 onlink proto 99
ip -n a -6 route add default via fd00::2
ip -n a -6 route add unreachable fd02::/64
ip -n a rule add from 10.0.0.0/24 to 10.9.0.0/16 lookup 100 pref 10
ip -n a rule add fwmark 0x1/0xff iif v0 prohibit pref 11
ip -n a rule add ipproto tcp dport 80 lookup main suppress_prefixlength 0 pref 12
ip -n a -6 rule add oif v0 lookup 100 pref 13
ip -n a neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev v0
ip -n a neigh add proxy 10.0.0.77 dev v0
ip netns exec a sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=2
ip netns exec a sh -c 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
ip netns exec b sh -c 'echo \"20000 30000\" > /proc/sys/net/ipv4/ip_local_port_range'
";

fn all_that_is_said_of_addresses_routes_rules_and_neighbours_is_taken(lab: &Lab) {
    fs::write(lab.folder().join("setup.sh"), NETWORK).unwrap();
    compare(lab, |_| (), NETWORK, &["setup.sh"]);
}

const PORTS: &str = "\
ip netns add a
ip -n a link add br0 type bridge vlan_filtering 1
ip -n a link set br0 up
for i in 1 2 3; do
    ip -n a link add p$i type veth peer name q$i
    ip -n a link set p$i master br0 up
done
ip -n a link set p1 type bridge_slave hairpin on isolated on cost 7
bridge -n a link set dev p2 learning off priority 9
bridge -n a vlan add dev p1 vid 10 pvid untagged
bridge -n a vlan del dev p1 vid 1
bridge -n a vlan add vid 20-25 dev p1
bridge -n a vlan add dev p2 vid 40
bridge -n a vlan add dev br0 vid 40 self
bridge -n a vlan del dev p3 vid 1
bridge -n a fdb add 02:00:00:00:00:42 dev p1 master static vlan 20
bridge -n a fdb replace 02:00:00:00:00:43 dev p2 master static
bridge -n a fdb add 02:00:00:00:00:44 dev p2 master static
bridge -n a fdb del 02:00:00:00:00:44 dev p2 master
";

fn ports_their_vlans_and_their_entries_are_taken(lab: &Lab) {
    fs::write(lab.folder().join("setup.sh"), PORTS).unwrap();
    compare(lab, |_| (), PORTS, &["setup.sh"]);
    let import = lab.ipvsh(&["import", "setup.sh"]);
    // What the commands add one by one is said at once.
    assert_eq!(import.stdout.matches("tagged: [\"20-25\"]").count(), 1);
}

const QUEUES: &str = "\
ip netns add a
ip -n a link add v0 type veth peer name v1
tc -n a qdisc add dev v0 root netem delay 10ms 1ms loss 1% limit 500
tc -n a qdisc add dev v1 root handle 1: tbf rate 8mbit burst 10kb latency 50ms
";

fn queues_are_taken(lab: &Lab) {
    fs::write(lab.folder().join("setup.sh"), QUEUES).unwrap();
    compare(lab, |_| (), QUEUES, &["setup.sh"]);
}

fn what_is_not_translated_is_counted_and_fails_when_strict(lab: &Lab) {
    let text = "ip netns add a\nteleport dummy\nip -n a link set lo up\nfrobnicate\n";
    fs::write(lab.folder().join("setup.sh"), text).unwrap();
    let expected = "\
let a = netns(\"a\");
// not translated: line 2: teleport dummy    (the program `teleport` is not known here)
a.link(\"lo\").up();
// not translated: line 4: frobnicate    (the program `frobnicate` is not known here)
";
    for (arguments, code) in [
        (vec!["import", "setup.sh"], 0),
        (vec!["import", "--strict", "setup.sh"], 1),
    ] {
        let import = lab.ipvsh(&arguments);
        assert_eq!(
            (import.stdout.as_str(), import.stderr.as_str(), import.code),
            (
                expected,
                "not translated: 2 commands, in lines 2, 4\n",
                code
            )
        );
    }
}

fn a_section_that_is_not_there_is_named(lab: &Lab) {
    fs::write(lab.folder().join("page.md"), PAGE).unwrap();
    let import = lab.ipvsh(&["import", "page.md", "--section", "l4"]);
    assert_eq!(
        (import.stderr.as_str(), import.code),
        (
            "error: `page.md` has no section `l4` with shell commands\n\
             \x20 = sections: `The slaves in mode l3`, `The slaves in mode l2`\n",
            2
        )
    );
}

/// A set-up that is known only when it runs: what it calls depends on arguments, files and what it finds.
const OBSERVED: &str = "\
#!/bin/sh
. ./lib.sh
for i in $(seq ${1:-2}); do
    new h$i
    ip link add v$i type veth peer name eth0 netns h$i
    ip link set v$i up
    echo 10.0.0.$i | while read -r address; do
        ip netns exec h$i ip address add $address/24 dev eth0
        ip netns exec h$i ip link set eth0 up
    done
done
ip netns exec h1 sh -c 'echo 1 > /proc/sys/net/ipv4/conf/all/proxy_arp'
printf 'address add 10.0.%d.254/24 dev v1\\n' 7 | ip -b -
ip link del nope 2> /dev/null
ip -o link | grep -q v1 || exit 3
sleep 0.01
";

const OBSERVED_LIBRARY: &str = "new() { ip netns add $1; ip -n $1 link set lo up; }\n";

fn what_a_run_did_is_a_script_that_leads_there(lab: &Lab) {
    fs::write(lab.folder().join("setup.sh"), OBSERVED).unwrap();
    fs::write(lab.folder().join("lib.sh"), OBSERVED_LIBRARY).unwrap();
    let import = lab.ipvsh(&[
        "import",
        "--observe",
        "--verify",
        "-o",
        "lab.rhai",
        "setup.sh",
        "--",
        "3",
    ]);
    assert_eq!(
        import.end(),
        "\
exit code 0
1 command failed: told in the script as comments
no network commands, and no part of the script: `grep` in line 15, `seq` in line 3
",
    );
    let told = import.stdout.trim_end();
    assert!(
        told.starts_with("equal: ") && told.ends_with(" facts of 4 namespaces"),
        "{told}"
    );
    assert_eq!(
        fs::read_to_string(lab.folder().join("lab.rhai")).unwrap(),
        "\
// What a run of setup.sh did.

for i in 1..=3 {
    let h = netns(`h${i}`);
    h.link(\"lo\").up();
    veth(`v${i}`, h, \"eth0\").up();
    h.link(\"eth0\").addr(`10.0.0.${i}/24`).up();
}

let h1 = netns(\"h1\");
h1.sysctl(\"ipv4.conf.all.proxy_arp\", 1);
link(\"v1\").addr(\"10.0.7.254/24\");
// failed in line 14 with 1: ip link del nope
sleep(\"0.01s\");
"
    );
    let check = lab.ipvsh(&["--quiet", "check", "lab.rhai"]);
    assert_eq!(check.end(), "exit code 0\n");
    assert!(lab.namespaces().is_empty());
}

fn a_set_up_that_does_not_start_says_what_is_missing(lab: &Lab) {
    let text = "#!/usr/bin/nosuch\nadd a network\n";
    fs::write(lab.folder().join("setup"), text).unwrap();
    let import = lab.ipvsh(&["import", "--observe", "setup"]);
    assert_eq!(
        import.end(),
        "exit code 1\nerror: cannot run `./setup`: no such file or directory\n\
         hint: the first line of the file has `nosuch` run it: is that there, for all users?\n"
    );
    assert_eq!(import.stdout, "");
}
