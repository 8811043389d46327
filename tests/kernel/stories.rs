//! The scripts of the repository: what they print, and that they lead where the shell commands lead that they stand for.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::case::{Case, cases};
use crate::ensure;
use crate::faults::run_with;
use crate::lab::{HOST, Lab, in_repository};
use crate::mesh;
use crate::plan;
use crate::state;

cases! {
    ["bond", "dummy", "ipvlan"] =>
        l3_prints_four_replies_each_way
        l2_prints_four_replies_each_way
        l3_step_by_step_prints_four_replies_each_way
        l3_leads_where_the_shell_commands_lead
        l2_leads_where_the_shell_commands_lead
        l3_step_by_step_leads_where_the_shell_commands_lead
        l3_makes_as_many_namespaces_as_asked
        l3_uses_the_parent_that_is_there
        modes_shows_who_reaches_whom
        dual_stack_reaches_over_both_families;
    ["dummy", "ipvlan", "macvlan"] =>
        macvlan_and_ipvlan_are_compared;
    ["bond", "bridge", "veth"] =>
        a_bond_outlives_one_of_its_cables;
    ["veth", "netem"] =>
        a_line_behind_a_router_delays_and_loses;
    ["bridge", "veth"] =>
        a_fabric_shares_its_traffic_and_spares_a_spine;
    ["veth", "vrf"] =>
        customers_with_the_same_addresses_do_not_meet;
    ["veth", "vlan"] =>
        tenants_share_a_cable_and_do_not_meet;
    ["ipvlan", "nft", "veth"] =>
        a_firewall_guards_slaves_in_mode_l3s_only;
    ["bond", "dummy", "ipvlan", "veth"] =>
        a_stand_in_for_a_container_gets_a_slave
        a_container_is_left_as_it_was
        the_stand_in_for_a_container_is_unchanged_by_a_second_run;
    ["veth", "macvlan"] =>
        a_fleet_of_500_comes_up;
    ["!ipvlan", "veth", "macvlan"] =>
        a_fleet_is_of_macvlan_where_there_is_no_ipvlan;
    [] =>
        every_story_is_tried
        a_bad_parameter_is_refused_before_anything_is_changed;
}

/// The stories, each with what it needs where it is tried.
const STORIES: &[(&str, &[&str])] = &[
    ("container", &["bond", "dummy", "ipvlan"]),
    ("dual-stack", &["bond", "dummy", "ipvlan"]),
    ("failover", &["bond", "bridge", "veth"]),
    // Where there is no ipvlan, its slaves are of macvlan.
    ("fleet", &["macvlan", "veth"]),
    ("l2", &["bond", "dummy", "ipvlan"]),
    ("l3", &["bond", "dummy", "ipvlan"]),
    ("l3-step-by-step", &["bond", "dummy", "ipvlan"]),
    ("l3s", &["ipvlan", "nft", "veth"]),
    ("leaf-spine", &["bridge", "veth"]),
    ("macvlan-or-ipvlan", &["dummy", "ipvlan", "macvlan"]),
    ("modes", &["dummy", "ipvlan"]),
    ("router", &["netem", "veth"]),
    ("trunk", &["veth", "vlan"]),
    ("vrf", &["veth", "vrf"]),
];

/// The case of each story, see [`is_the_same_by_each_way`].
pub(crate) fn of_each() -> Vec<Case> {
    let cases = STORIES.iter().map(|(story, needs)| {
        let fact = format!("{}_is_the_same_by_each_way", story.replace('-', "_"));
        Case::new(module_path!(), &fact, needs, move |lab| {
            let script = in_repository("scripts").join(format!("{story}.rhai"));
            is_the_same_by_each_way(lab, script.to_str().unwrap());
        })
    });
    cases.collect()
}

/// The run of a story does what its plan says, a second one changes nothing, and the commands that the first said to be the same
/// lead where it led: in one case, as each run takes its time.
fn is_the_same_by_each_way(lab: &Lab, story: &str) {
    fn words<'a>(options: &[&'a str], story: &'a str, parameters: &[&'a str]) -> Vec<&'a str> {
        [options, &[story], parameters].concat()
    }
    let parameters = plan::parameters(story);
    let before = state::whole(lab);
    let plan = lab.ipvsh(&words(&["--json", "plan"], story, parameters));
    assert_eq!(plan.end(), "exit code 10\n");
    state::assert_same(&state::whole(lab), &before);

    let options = ["--json", "--emit", "lab.sh", "--lab", "emitted"];
    let first = lab.ipvsh(&words(&options, story, parameters));
    assert_eq!(first.end(), "exit code 0\n");
    let mut planned = plan::objects(&plan);
    planned.retain(|object| object["outcome"] != "would_test");
    assert_eq!(planned, plan::objects(&first));
    let stands = state::whole(lab);

    // A changing request would be the end of it, as it is killed before its first one.
    let second = run_with(
        lab,
        "kill-before:1",
        &words(&["--json", "--lab", "emitted"], story, parameters),
    );
    assert_eq!(second.end(), "exit code 0\n");
    for object in plan::objects(&second) {
        assert_eq!(object["outcome"], "unchanged", "{object}");
    }
    state::assert_same(&state::whole(lab), &stands);

    let down = lab.ipvsh(&["--quiet", "down", "emitted"]);
    assert_eq!(down.end(), "exit code 0\n");
    lab.sh(&std::fs::read_to_string(lab.folder().join("lab.sh")).unwrap());
    state::assert_same(&state::meaning(lab), &state::meaning_of(stands));
}

/// The process that stands in for a container is found again by a second run.
fn the_stand_in_for_a_container_is_unchanged_by_a_second_run(lab: &Lab) {
    let script = in_repository("scripts/container.rhai");
    ensure::is_unchanged_by_a_second_run(lab, script.to_str().unwrap());
}

fn every_story_is_tried(_: &Lab) {
    let tried: Vec<_> = STORIES.iter().map(|(story, _)| *story).collect();
    let stories: Vec<_> = ipvsh::engine::stories::ALL
        .iter()
        .map(|(story, _)| *story)
        .collect();
    assert_eq!(tried, stories);
}

/// What was printed, with a placeholder for every time.
pub(crate) fn without_times(text: &str) -> String {
    let lines = text.lines().map(|line| {
        if let Some((before, _)) = line.split_once("time=") {
            format!("{before}time=TIME")
        } else if let Some((before, _)) = line.split_once(" packet loss, time ") {
            format!("{before} packet loss, time TIME")
        } else if line.starts_with("rtt min/avg/max/mdev = ") {
            "rtt min/avg/max/mdev = TIMES".to_owned()
        } else {
            line.to_owned()
        }
    });
    lines.map(|line| line + "\n").collect()
}

/// Runs a script of the repository that is to come to its end without a word on standard error.
fn story(lab: &Lab, script: &str, parameters: &[&str]) -> String {
    let path = in_repository("scripts").join(script);
    let mut arguments = vec![path.to_str().unwrap()];
    arguments.extend(parameters);
    let output = lab.ipvsh(&arguments);
    assert_eq!(output.end(), "exit code 0\n");
    without_times(&output.stdout)
}

fn replies(destination: &str) -> String {
    "\
PING TO (TO) 56(84) bytes of data.
64 bytes from TO: icmp_seq=1 ttl=64 time=TIME
64 bytes from TO: icmp_seq=2 ttl=64 time=TIME
64 bytes from TO: icmp_seq=3 ttl=64 time=TIME
64 bytes from TO: icmp_seq=4 ttl=64 time=TIME

--- TO ping statistics ---
4 packets transmitted, 4 received, 0% packet loss, time TIME
rtt min/avg/max/mdev = TIMES
"
    .replace("TO", destination)
}

const STAND_IN: &str = "there is no link bond0 here: a bond of two dummy ports stands in for it\n";

fn expected(mode: &str) -> String {
    format!(
        "{STAND_IN}net-1: ipvlan1, ipvlan {mode}, 100.0.2.18/24\nnet-2: ipvlan2, ipvlan {mode}, 100.0.3.18/24\n{}{}",
        replies("100.0.3.18"),
        replies("100.0.2.18")
    )
}

fn l3_prints_four_replies_each_way(lab: &Lab) {
    assert_eq!(story(lab, "l3.rhai", &[]), expected("l3"));
}

fn l2_prints_four_replies_each_way(lab: &Lab) {
    assert_eq!(story(lab, "l2.rhai", &[]), expected("l2"));
}

fn l3_step_by_step_prints_four_replies_each_way(lab: &Lab) {
    assert_eq!(
        story(lab, "l3-step-by-step.rhai", &[]),
        format!(
            "{STAND_IN}{}{}",
            replies("100.0.3.18"),
            replies("100.0.2.18")
        )
    );
}

/// A bond that is there before the scripts come.
fn uplink(lab: &Lab) {
    lab.ip("link add p0 type dummy\nlink add p1 type dummy\n\
         link add bond0 type bond mode active-backup miimon 100\n\
         link set p0 master bond0\nlink set p1 master bond0\nlink set bond0 up");
    lab.wait_up("bond0");
}

/// The documented shell commands, in their order.
const BY_HAND_L3: &str = "\
link add link bond0 ipvlan1 type ipvlan mode l3
link add link bond0 ipvlan2 type ipvlan mode l3
netns add net-1
netns add net-2
link set ipvlan1 netns net-1
link set ipvlan2 netns net-2";

const INSIDE_L3: [(&str, &str); 2] = [
    (
        "net-1",
        "addr add 100.0.2.18/24 dev ipvlan1\nlink set up dev ipvlan1\nroute add default dev ipvlan1",
    ),
    (
        "net-2",
        "addr add 100.0.3.18/24 dev ipvlan2\nlink set up dev ipvlan2\nroute add default dev ipvlan2",
    ),
];

/// In mode l2 the links come up before they get their addresses.
const INSIDE_L2: [(&str, &str); 2] = [
    (
        "net-1",
        "link set ipvlan1 up\naddr add 100.0.2.18/24 dev ipvlan1\nroute add default dev ipvlan1",
    ),
    (
        "net-2",
        "link set ipvlan2 up\naddr add 100.0.3.18/24 dev ipvlan2\nroute add default dev ipvlan2",
    ),
];

/// The state that the commands lead to, starting from a bond. It is taken down again.
fn by_hand(lab: &Lab, commands: &str, inside: &[(&str, &str)]) -> Value {
    uplink(lab);
    lab.ip(commands);
    for (netns, commands) in inside {
        lab.ip_in(netns, commands);
    }
    let state = state::meaning(lab);
    lab.ip("link del bond0\nlink del p0\nlink del p1\nnetns del net-1\nnetns del net-2");
    state
}

#[track_caller]
fn leads_there(lab: &Lab, script: &str, by_hand: &Value) {
    uplink(lab);
    story(lab, script, &[]);
    state::assert_same(&state::meaning(lab), by_hand);
}

fn l3_leads_where_the_shell_commands_lead(lab: &Lab) {
    let by_hand = by_hand(lab, BY_HAND_L3, &INSIDE_L3);
    leads_there(lab, "l3.rhai", &by_hand);
}

fn l2_leads_where_the_shell_commands_lead(lab: &Lab) {
    let commands = BY_HAND_L3.replace("mode l3", "mode l2");
    let by_hand = by_hand(lab, &commands, &INSIDE_L2);
    leads_there(lab, "l2.rhai", &by_hand);
}

fn l3_step_by_step_leads_where_the_shell_commands_lead(lab: &Lab) {
    let by_hand = by_hand(lab, BY_HAND_L3, &INSIDE_L3);
    leads_there(lab, "l3-step-by-step.rhai", &by_hand);
}

fn l3_makes_as_many_namespaces_as_asked(lab: &Lab) {
    story(lab, "l3.rhai", &["--count", "5"]);
    assert_eq!(
        lab.namespaces(),
        ["net-1", "net-2", "net-3", "net-4", "net-5"]
    );
    for i in 1..=5 {
        let (netns, slave) = (format!("net-{i}"), format!("ipvlan{i}"));
        assert_eq!(
            lab.addresses(&netns, &slave),
            [format!("100.0.{}.18/24", i + 1)]
        );
        assert_eq!(lab.routes(&netns, "default")[0]["dev"], slave);
        assert_eq!(
            lab.link(&netns, &slave)["linkinfo"]["info_data"]["mode"],
            "l3"
        );
    }
}

fn l3_uses_the_parent_that_is_there(lab: &Lab) {
    lab.ip("link add wan0 type dummy\nlink set wan0 up");
    let printed = story(lab, "l3.rhai", &["--parent", "wan0"]);
    assert!(!printed.contains("stands in"), "{printed}");
    assert_eq!(lab.links(HOST), ["wan0"]);
    assert_eq!(
        lab.link("net-2", "ipvlan2")["link_index"],
        lab.link(HOST, "wan0")["ifindex"]
    );
}

/// What was printed, with a placeholder for the time that it took.
fn without_seconds(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| match line.split_once(" came up in ") {
            Some((before, _)) => format!("{before} came up in TIME\n"),
            None => format!("{line}\n"),
        });
    lines.collect()
}

/// Nothing of the lab is left when it has run with `--rm`.
#[track_caller]
fn leaves_nothing(lab: &Lab, script: &str, parameters: &[&str]) {
    let before = state::whole(lab);
    let path = in_repository("scripts").join(script);
    let arguments = ["--quiet", "--rm", path.to_str().unwrap()];
    let output = lab.ipvsh(&[&arguments, parameters].concat());
    assert_eq!(output.end(), "exit code 0\n");
    state::assert_same(&state::whole(lab), &before);
}

fn dual_stack_reaches_over_both_families(lab: &Lab) {
    leaves_nothing(lab, "dual-stack.rhai", &[]);
    assert_eq!(
        story(lab, "dual-stack.rhai", &[]),
        format!(
            "{STAND_IN}\
ds-1: 10.64.1.2 and fd00:64:1::2
ds-2: 10.64.2.2 and fd00:64:2::2
ds-3: 10.64.3.2 and fd00:64:3::2
ds-1 reaches ds-2 over IPv4 and IPv6
ds-2 reaches ds-3 over IPv4 and IPv6
ds-3 reaches ds-1 over IPv4 and IPv6
"
        )
    );
    assert_eq!(
        lab.addresses("ds-2", "eth0"),
        ["10.64.2.2/24", "fd00:64:2::2/64"]
    );
}

fn macvlan_and_ipvlan_are_compared(lab: &Lab) {
    leaves_nothing(lab, "macvlan-or-ipvlan.rhai", &[]);
    assert_eq!(
        story(lab, "macvlan-or-ipvlan.rhai", &[]),
        "\
KIND     MACS  MAC_CAN_BE_SET  SIBLING  PARENT
macvlan  3     yes             yes      no
ipvlan   1     no              yes      no
"
    );
}

fn a_bond_outlives_one_of_its_cables(lab: &Lab) {
    leaves_nothing(lab, "failover.rhai", &[]);
    assert_eq!(
        story(lab, "failover.rhai", &[]),
        "\
both cables: the switch is reached
first cable cut: the switch is still reached
second cable cut: the switch is no longer reached
first cable mended: the switch is reached again
both cables are mended: the lab stands as it was
"
    );
}

fn a_fleet_of_500_comes_up(lab: &Lab) {
    leaves_nothing(lab, "fleet.rhai", &["--count", "5", "--kind", "macvlan"]);
    let printed = story(lab, "fleet.rhai", &["--kind", "macvlan"]);
    assert_eq!(
        without_seconds(&printed),
        "\
there is no link fleet0 here: a veth pair stands in for it
500 namespaces with macvlan slaves came up in TIME
fleet-500 reaches fleet-1
"
    );
    assert_eq!(lab.namespaces().len(), 500);
    assert_eq!(lab.addresses("fleet-377", "eth0"), ["10.1.128.2/24"]);
    assert_eq!(lab.routes("fleet-377", "default")[0]["dev"], "eth0");
}

fn a_fleet_is_of_macvlan_where_there_is_no_ipvlan(lab: &Lab) {
    leaves_nothing(lab, "fleet.rhai", &["--count", "5"]);
    story(lab, "fleet.rhai", &["--count", "5"]);
    let again = story(lab, "fleet.rhai", &["--count", "5"]);
    assert_eq!(
        without_seconds(&again),
        "5 namespaces with macvlan slaves came up in TIME\nfleet-5 reaches fleet-1\n"
    );
}

fn a_line_behind_a_router_delays_and_loses(lab: &Lab) {
    leaves_nothing(lab, "router.rhai", &["--count", "2"]);
    // That not one of so many is lost happens once in two thousand million runs.
    let asked = ["--delay", "40", "--loss", "30", "--count", "60"];
    // A machine that is busy hears of replies late, or too late: the line is tried again then.
    let is_in_time = |printed: &String| {
        let last = printed.lines().last().unwrap_or_default();
        let average = last.split_whitespace().last();
        average.is_some_and(|average| average.parse().is_ok_and(|average: f64| average < 80.0))
    };
    let mut tries = (0..10).map(|_| story(lab, "router.rhai", &asked));
    let printed = tries.find(is_in_time).expect("replies in time");
    let lines: Vec<Vec<&str>> = printed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        (printed.lines().next(), &lines[1]),
        (
            Some("route of rt-near: default via 10.96.0.1 dev eth0"),
            &vec!["TO", "SENT", "LOST", "RTT_MIN_MS", "RTT_AVG_MS"]
        )
    );
    let [router, far] = [&lines[2], &lines[3]];
    assert_eq!(router[..3], ["router", "60", "0"]);
    assert_eq!(far[..3], ["far", "host", "60"]);
    let number = |text: &str| text.parse::<f64>().unwrap();
    assert!(number(router[3]) < 40.0, "{printed}");
    assert!((1.0..60.0).contains(&number(far[3])), "{printed}");
    assert!((40.0..80.0).contains(&number(far[4])), "{printed}");
}

fn a_fabric_shares_its_traffic_and_spares_a_spine(lab: &Lab) {
    leaves_nothing(lab, "leaf-spine.rhai", &["--hosts", "1"]);
    let printed = story(lab, "leaf-spine.rhai", &[]);
    let route = "\
route of leaf 1: 10.94.2.0/24 src 10.94.1.1 nexthop via 10.94.0.1 dev to-spine-1 weight 1 nexthop via 10.94.0.3 dev to-spine-2 weight 1
SPINE  PACKETS
1 ";
    let lines: Vec<&str> = printed.lines().collect();
    // Which spine a pair of addresses goes by, each kernel decides anew.
    let packets = |line: &str| {
        line.split_whitespace()
            .last()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    assert!(packets(lines[2]) + packets(lines[3]) >= 160, "{printed}");
    let ends = "\
FROM | ls-host-1-1 | ls-host-2-1 | ls-host-3-1
ls-host-1-1 | - | TIME | TIME
ls-host-2-1 | TIME | - | TIME
ls-host-3-1 | TIME | TIME | -
6 of 6 pairs reach each other, mean times in ms
";
    assert!(printed.starts_with(route), "{printed}");
    assert!(mesh::without_times(&printed).ends_with(ends), "{printed}");
    let printed = story(lab, "leaf-spine.rhai", &["--without", "1"]);
    assert!(
        printed.starts_with("spine 1 is out\n") && printed.contains("\n1      0\n2      1"),
        "{printed}"
    );
    assert!(mesh::without_times(&printed).ends_with(ends), "{printed}");
}

fn customers_with_the_same_addresses_do_not_meet(lab: &Lab) {
    leaves_nothing(lab, "vrf.rhai", &[]);
    assert_eq!(
        story(lab, "vrf.rhai", &[]),
        "\
red, table 10:
DESTINATION  LINK
10.0.1.0/24  red1
10.0.2.0/24  red2
blue, table 20:
DESTINATION  LINK
10.0.1.0/24  blue1
10.0.2.0/24  blue2
10.0.3.0/24  blue3
DESTINATION  RED          BLUE
10.0.2.2     yes          yes
10.0.3.2     unreachable  yes
"
    );
    assert_eq!(lab.link("vrf-router", "blue2")["master"], "blue");
    assert_eq!(
        lab.addresses("vrf-red-2", "eth0"),
        lab.addresses("vrf-blue-2", "eth0")
    );
}

fn tenants_share_a_cable_and_do_not_meet(lab: &Lab) {
    leaves_nothing(lab, "trunk.rhai", &["--tenants", "2"]);
    assert_eq!(
        story(lab, "trunk.rhai", &[]),
        "\
tenant 1: VLAN 10, 10.93.0.1 on the left, 10.93.0.101 on the right
tenant 2: VLAN 11, 10.93.0.2 on the left, 10.93.0.102 on the right
tenant 3: VLAN 12, 10.93.0.3 on the left, 10.93.0.103 on the right
LEFT  RIGHT_1  RIGHT_2  RIGHT_3
1     yes      no       no
2     no       yes      no
3     no       no       yes
"
    );
    let link = lab.link("tenant3-right", "eth0");
    assert_eq!(link["linkinfo"]["info_data"]["id"], 12);
    assert_eq!(lab.links("trunk-left"), ["cable"]);
}

fn a_firewall_guards_slaves_in_mode_l3s_only(lab: &Lab) {
    leaves_nothing(lab, "l3s.rhai", &[]);
    assert_eq!(
        story(lab, "l3s.rhai", &[]),
        "\
rule of fw-host: drop what comes from 10.92.1.9 and 10.92.2.9, at input
MODE  FRIEND  STRANGER  SIBLING
l3    yes     yes       yes
l3s   yes     no        yes
"
    );
}

fn a_stand_in_for_a_container_gets_a_slave(lab: &Lab) {
    leaves_nothing(lab, "container.rhai", &[]);
    let printed = story(lab, "container.rhai", &[]);
    assert!(
        printed.starts_with(&format!(
            "\
no container given: a process in a namespace of its own stands in for one
links of the container before: lo
{STAND_IN}links of the container now: lo lab0
PING 10.91.0.2 (10.91.0.2) 56(84) bytes of data.
"
        )) && printed.contains("2 packets transmitted, 2 received, 0% packet loss"),
        "{printed}"
    );
}

fn a_container_is_left_as_it_was(lab: &Lab) {
    let mut container = Command::new("unshare")
        .args(["--net", "sh", "-c", "echo ready; exec sleep 1000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let mut output = BufReader::new(container.stdout.take().unwrap());
    output.read_line(&mut ready).unwrap();
    let pid = container.id().to_string();
    lab.ip(&format!("netns attach box {pid}"));
    lab.ip_in(
        "box",
        "link add own0 type veth peer name own1\nlink set own0 up\naddr add 192.0.2.1/24 dev own0",
    );
    let before = state::whole(lab);
    let place = format!("pid:{pid}");
    let printed = story(lab, "container.rhai", &["--container", &place]);
    assert!(
        printed.starts_with(&format!(
            "links of the container before: lo own1 own0\n{STAND_IN}links of the container now: lo own1 own0 lab0\n"
        )),
        "{printed}"
    );
    assert_eq!(lab.addresses("box", "lab0"), ["10.91.0.2/24"]);
    let script = in_repository("scripts/container.rhai");
    let down = lab.ipvsh(&["--quiet", "down", script.to_str().unwrap()]);
    assert_eq!(down.end(), "exit code 0\n");
    state::assert_same(&state::whole(lab), &before);
    assert!(container.try_wait().unwrap().is_none(), "it was ended");
    container.kill().unwrap();
    container.wait().unwrap();
}

fn modes_shows_who_reaches_whom(lab: &Lab) {
    assert_eq!(
        story(lab, "modes.rhai", &[]),
        "\
MODE  FLAG     SIBLING  HOST  HOST_SLAVE
l2    bridge   yes      no    yes
l2    private  no       no    no
l2    vepa     no       no    no
l3    bridge   yes      no    yes
l3    private  no       no    no
l3    vepa     no       no    no
l3s   bridge   yes      no    yes
l3s   private  no       no    no
l3s   vepa     no       no    no
"
    );
}

/// Parameters that a story does not take, each with the exit code and the first line of the error.
const BAD: &[(&str, &str, i32, &str)] = &[
    ("l2", "--count=0", 2, "`--count` is 1 to 1000, not 0"),
    ("l3", "--count=-1", 2, "`--count` is 1 to 1000, not -1"),
    (
        "l3",
        "--count=100000",
        2,
        "`--count` is 1 to 1000, not 100000",
    ),
    ("l3", "--count=two", 2, "`--count` takes an int, not `two`"),
    (
        "l3",
        "--coumt=2",
        2,
        "the script has no parameter `--coumt`",
    ),
    (
        "l3s",
        "--hook=prerouting",
        2,
        r#"`--hook` takes one of "input", "forward", "output", not `prerouting`"#,
    ),
    ("dual-stack", "--count=1", 2, "`--count` is 2 to 250, not 1"),
    (
        "dual-stack",
        "--prefix4=10",
        1,
        "`10.3.0` is not an IP address",
    ),
    (
        "dual-stack",
        "--prefix6=xx",
        1,
        "`xx:3::` is not an IP address",
    ),
    (
        "failover",
        "--miimon=0",
        2,
        "`--miimon` is 1 to 1000, not 0",
    ),
    ("fleet", "--count=-1", 2, "`--count` is 1 to 10000, not -1"),
    (
        "fleet",
        "--kind=bridge",
        2,
        r#"`--kind` takes one of "auto", "ipvlan", "macvlan", not `bridge`"#,
    ),
    ("leaf-spine", "--spines=9", 2, "`--spines` is 1 to 8, not 9"),
    ("leaf-spine", "--leaves=1", 2, "`--leaves` is 2 to 8, not 1"),
    ("leaf-spine", "--hosts=0", 2, "`--hosts` is 1 to 50, not 0"),
    (
        "leaf-spine",
        "--without=3",
        1,
        "assertion failed: --without is the number of one of several spines, or 0",
    ),
    ("macvlan-or-ipvlan", "--parent=a-name-too-long", 1, LONG),
    ("modes", "--parent=", 1, LONG),
    ("router", "--delay=-1", 2, "`--delay` is 0 to 1000, not -1"),
    (
        "router",
        "--loss=100.5",
        2,
        "`--loss` is 0 to 100, not 100.5",
    ),
    (
        "router",
        "--count=100000",
        2,
        "`--count` is 1 to 1000, not 100000",
    ),
    ("trunk", "--tenants=1", 2, "`--tenants` is 2 to 9, not 1"),
    (
        "trunk",
        "--first=4093",
        1,
        "assertion failed: --first is a VLAN with room for the others behind it, up to 4094",
    ),
    ("vrf", "--sites=1", 2, "`--sites` is 2 to 20, not 1"),
    ("vrf", "--red=0", 2, "`--red` is 1 to 252, not 0"),
    (
        "vrf",
        "--red=20",
        1,
        "assertion failed: --red and --blue are the numbers of two tables",
    ),
];

const LONG: &str = "assertion failed: --parent has 1 to 14 characters: a number is put behind it";

fn a_bad_parameter_is_refused_before_anything_is_changed(lab: &Lab) {
    for (script, parameters, code, told) in BAD {
        let path = in_repository("scripts").join(format!("{script}.rhai"));
        let output = lab.ipvsh(&[path.to_str().unwrap(), parameters]);
        let first = output.stderr.lines().next().unwrap_or_default();
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (*code, ""),
            "{script} {parameters}: {}",
            output.stderr
        );
        assert_eq!(first, format!("error: {told}"), "{script} {parameters}");
        assert_eq!(lab.namespaces(), Vec::<String>::new());
    }
}
