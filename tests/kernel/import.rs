//! What is imported leads where the shell commands lead that it was made from.

use std::fs;

use crate::case::cases;
use crate::lab::Lab;
use crate::state;

cases! {
    ["bond", "dummy", "ipvlan"] =>
        the_set_up_in_mode_l3_leads_where_its_commands_lead
        the_set_up_in_mode_l2_leads_where_its_commands_lead;
    ["veth", "bridge", "macvlan"] =>
        a_shell_script_leads_where_the_shell_leads;
    [] =>
        what_is_not_translated_is_counted_and_fails_when_strict
        a_section_that_is_not_there_is_named;
}

const PAGE: &str = include_str!("import.md");

fn uplink(lab: &Lab) {
    lab.ip("link add p0 type dummy\nlink add p1 type dummy\n\
         link add bond0 type bond mode active-backup miimon 100\n\
         link set p0 master bond0\nlink set p1 master bond0\nlink set bond0 up");
    lab.wait_up("bond0");
}

/// Runs `commands` with `sh`, then the script that `arguments` import: both must lead to the same state.
fn compare(lab: &Lab, prepare: fn(&Lab), commands: &str, arguments: &[&str]) {
    prepare(lab);
    lab.sh(commands);
    let by_shell = state::meaning(lab);
    lab.clear();

    prepare(lab);
    let mut words = vec!["import"];
    words.extend(arguments);
    words.extend(["--strict", "-o", "lab.rhai"]);
    let import = lab.ipvsh(&words);
    assert_eq!((import.stderr.as_str(), import.code), ("", 0));
    let check = lab.ipvsh(&["--quiet", "check", "lab.rhai"]);
    assert_eq!((check.stderr.as_str(), check.code), ("", 0));
    let run = lab.ipvsh(&["lab.rhai"]);
    assert_eq!((run.stderr.as_str(), run.code), ("", 0));
    state::assert_same(&state::meaning(lab), &by_shell);
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

fn what_is_not_translated_is_counted_and_fails_when_strict(lab: &Lab) {
    let text = "ip netns add a\nmodprobe dummy\nip -n a link set lo up\nfrobnicate\n";
    fs::write(lab.folder().join("setup.sh"), text).unwrap();
    let expected = "\
let a = netns(\"a\");
// not translated: line 2: modprobe dummy    (the program `modprobe` is not known here)
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
