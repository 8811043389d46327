//! What is refused, and all that a user sees of it.

use crate::case::Case;
use crate::lab::Lab;

/// A script that is refused.
struct Refusal {
    /// What it asks for.
    what: &'static str,
    /// The kinds of link that it takes.
    needs: &'static [&'static str],
    /// The `ip` commands that come before.
    before: &'static str,
    /// The script.
    script: &'static str,
    /// The exit code.
    code: i32,
    /// All that it says on standard error.
    stderr: &'static str,
}

/// The cases of this topic.
pub(crate) fn cases() -> Vec<Case> {
    let refusals = REFUSALS.iter().map(|refusal| {
        let fact = format!("{}_is_refused", refusal.what);
        Case::new(module_path!(), &fact, refusal.needs, |lab| {
            refused(lab, refusal);
        })
    });
    refusals.collect()
}

fn refused(lab: &Lab, refusal: &Refusal) {
    if !refusal.before.is_empty() {
        lab.ip(refusal.before.trim());
    }
    let output = lab.script(refusal.script.trim());
    assert_eq!(
        without_kernels_words(&output.stderr),
        refusal.stderr.trim_start_matches('\n')
    );
    assert_eq!(output.code, refusal.code);
}

/// The text with the errno only where the kernel has its say: each release has words of its own.
fn without_kernels_words(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| match line.split_once("= kernel: ") {
            Some((margin, words)) => {
                let errno = words.rsplit('(').next().unwrap_or_default();
                format!("{margin}= errno: {}\n", errno.trim_end_matches(')'))
            }
            None => format!("{line}\n"),
        });
    lines.collect()
}

const REFUSALS: &[Refusal] = &[
    Refusal {
        what: "a_namespace_with_a_slash_in_its_name",
        needs: &[],
        before: "",
        script: r#"netns("a/b");"#,
        code: 1,
        stderr: r#"
error: cannot make namespace `a/b`: a namespace's name holds no slash, `a/b` does
 --> lab.rhai:1:1
  |
1 | netns("a/b");
  | ^^^^^
"#,
    },
    Refusal {
        what: "a_namespace_without_a_name",
        needs: &[],
        before: "",
        script: r#"netns("");"#,
        code: 1,
        stderr: r#"
error: cannot make namespace ``: a namespace's name can't be empty
 --> lab.rhai:1:1
  |
1 | netns("");
  | ^^^^^
"#,
    },
    Refusal {
        what: "a_process_that_is_not_there",
        needs: &[],
        before: "",
        script: r#"netns("pid:999999999");"#,
        code: 1,
        stderr: r#"
error: cannot open namespace `pid:999999999`: there is no process 999999999
 --> lab.rhai:1:1
  |
1 | netns("pid:999999999");
  | ^^^^^
"#,
    },
    Refusal {
        what: "a_process_that_is_no_number",
        needs: &[],
        before: "",
        script: r#"netns("pid:init");"#,
        code: 1,
        stderr: r#"
error: cannot open namespace `pid:init`: `init` is not the number of a process
 --> lab.rhai:1:1
  |
1 | netns("pid:init");
  | ^^^^^
hint: write it as "pid:1234"
"#,
    },
    Refusal {
        what: "a_path_that_is_not_there",
        needs: &[],
        before: "",
        script: r#"netns("/nowhere/net");"#,
        code: 1,
        stderr: r#"
error: cannot open namespace `/nowhere/net`: there is no file `/nowhere/net`
 --> lab.rhai:1:1
  |
1 | netns("/nowhere/net");
  | ^^^^^
"#,
    },
    Refusal {
        what: "a_path_to_something_else",
        needs: &[],
        before: "",
        script: r#"netns("/proc/version");"#,
        code: 1,
        stderr: r#"
error: cannot open namespace `/proc/version`: `/proc/version` is not a namespace, only an ordinary file
 --> lab.rhai:1:1
  |
1 | netns("/proc/version");
  | ^^^^^
"#,
    },
    Refusal {
        what: "a_namespace_without_a_name_to_delete",
        needs: &[],
        before: "",
        script: "host().delete();",
        code: 1,
        stderr: r"
error: cannot delete namespace `host`: only a namespace with a name below /run/netns can be deleted
 --> lab.rhai:1:8
  |
1 | host().delete();
  |        ^^^^^^
hint: it goes by itself when its last process ends
",
    },
    Refusal {
        what: "a_namespace_that_vanishes_in_mid_script",
        needs: &[],
        before: "",
        script: r#"
let a = netns("a");
exec(["ip", "netns", "del", "a"]);
a.link("lo").up();
"#,
        code: 1,
        stderr: r#"
nothing of what this run made was left to take down
error: namespace `a` is gone
 --> lab.rhai:3:3
  |
3 | a.link("lo").up();
  |   ^^^^
hint: it was deleted after this handle was made; make it again by its name
"#,
    },
    Refusal {
        what: "a_namespace_that_is_replaced_in_mid_script",
        needs: &[],
        before: "",
        script: r#"
let a = netns("a");
exec(["ip", "netns", "del", "a"]);
exec(["ip", "netns", "add", "a"]);
a.links();
"#,
        code: 1,
        stderr: r"
nothing of what this run made was left to take down
error: namespace `a` was replaced by another of that name
 --> lab.rhai:4:3
  |
4 | a.links();
  |   ^^^^^
hint: this handle means the one before; ask for the present one by its name
",
    },
    Refusal {
        what: "a_number_for_a_namespace",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"link("v0").netns(7);"#,
        code: 1,
        stderr: r#"
error: cannot move link `v0` in namespace `host`: a namespace is wanted here, or its name, not an integer
 --> lab.rhai:1:12
  |
1 | link("v0").netns(7);
  |            ^^^^^
"#,
    },
    Refusal {
        what: "a_link_that_is_not_there",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"link("v9").up();"#,
        code: 1,
        stderr: r#"
error: there is no link `v9` in namespace `host`
 --> lab.rhai:1:1
  |
1 | link("v9").up();
  | ^^^^
  = links there: lo, v1, v0
hint: did you mean `v1`?
"#,
    },
    Refusal {
        what: "a_link_of_a_namespace_that_is_not_there",
        needs: &[],
        before: "netns add net-1",
        script: r#"netns("net-1").link("v0");"#,
        code: 1,
        stderr: r#"
error: there is no link `v0` in namespace `net-1`
 --> lab.rhai:1:16
  |
1 | netns("net-1").link("v0");
  |                ^^^^
  = links there: lo
"#,
    },
    Refusal {
        what: "a_link_that_vanishes_in_mid_script",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"
let v = link("v0");
exec(["ip", "link", "del", "v0"]);
v.up();
"#,
        code: 1,
        stderr: r"
error: link `v0` is gone from namespace `host`
 --> lab.rhai:3:3
  |
3 | v.up();
  |   ^^
hint: it was deleted after this handle was made; look it up again with link(…)
",
    },
    Refusal {
        what: "a_link_whose_ifindex_another_kind_has",
        needs: &["veth", "bridge"],
        before: "link add v0 index 70 type veth peer name v1",
        script: r#"
let v = link("v0");
exec("ip link del v0");
exec("ip link add br0 index 70 type bridge");
v.up();
"#,
        code: 1,
        stderr: r"
error: link `v0` is gone from namespace `host`
 --> lab.rhai:4:3
  |
4 | v.up();
  |   ^^
  = its ifindex 70 now belongs to bridge `br0`
hint: it was deleted after this handle was made; look it up again with link(…)
",
    },
    Refusal {
        what: "a_name_that_another_kind_has",
        needs: &["veth", "bridge"],
        before: "link add v0 type bridge",
        script: r#"veth("v0", "v1");"#,
        code: 1,
        stderr: r#"
error: cannot create veth `v0` in namespace `host`: a link with that name exists and differs
 --> lab.rhai:1:1
  |
1 | veth("v0", "v1");
  | ^^^^
  = there: bridge
  = asked: veth
hint: take another name, ask for what is there, or replace it with #{replace: true}
"#,
    },
    Refusal {
        what: "a_peer_whose_name_is_taken",
        needs: &["veth", "bridge"],
        before: "link add v1 type bridge",
        script: r#"veth("v0", "v1");"#,
        code: 1,
        stderr: r#"
error: cannot create veth `v0` in namespace `host`: the peer's name `v1` is taken
 --> lab.rhai:1:1
  |
1 | veth("v0", "v1");
  | ^^^^
  = there: bridge `v1`
hint: take another name for the peer
"#,
    },
    Refusal {
        what: "a_pair_that_ends_elsewhere",
        needs: &["veth"],
        before: r"
netns add a
link add v0 type veth peer name v1 netns a
",
        script: r#"veth("v0", "v1");"#,
        code: 1,
        stderr: r#"
error: cannot create veth `v0` in namespace `host`: a pair of that name is there and ends elsewhere
 --> lab.rhai:1:1
  |
1 | veth("v0", "v1");
  | ^^^^
  = there: `v1` in namespace `a`
  = asked: `v1` in namespace `host`
hint: take another name, ask for what is there, or replace it with #{replace: true}
"#,
    },
    Refusal {
        what: "a_pair_with_one_name",
        needs: &["veth"],
        before: "",
        script: r#"veth("v0", "v0");"#,
        code: 1,
        stderr: r#"
error: cannot create veth `v0` in namespace `host`: the two ends can't have one name in one namespace
 --> lab.rhai:1:1
  |
1 | veth("v0", "v0");
  | ^^^^
"#,
    },
    Refusal {
        what: "a_name_of_sixteen_bytes",
        needs: &["veth"],
        before: "",
        script: r#"veth("abcdefghijklmnop", "v1");"#,
        code: 1,
        stderr: r#"
error: cannot create veth `abcdefghijklmnop` in namespace `host`: a link's name has at most 15 bytes, `abcdefghijklmnop` has 16
 --> lab.rhai:1:1
  |
1 | veth("abcdefghijklmnop", "v1");
  | ^^^^
hint: shorten it, to `abcdefghijklmno` for example
"#,
    },
    Refusal {
        what: "a_link_without_a_name",
        needs: &["veth"],
        before: "",
        script: r#"veth("", "v1");"#,
        code: 1,
        stderr: r#"
error: cannot create veth `` in namespace `host`: a link's name can't be empty
 --> lab.rhai:1:1
  |
1 | veth("", "v1");
  | ^^^^
"#,
    },
    Refusal {
        what: "a_link_with_a_slash_in_its_name",
        needs: &["veth"],
        before: "",
        script: r#"veth("a/b", "v1");"#,
        code: 1,
        stderr: r#"
error: cannot create veth `a/b` in namespace `host`: a link's name holds no slash, `a/b` does
 --> lab.rhai:1:1
  |
1 | veth("a/b", "v1");
  | ^^^^
"#,
    },
    Refusal {
        what: "a_link_with_a_blank_in_its_name",
        needs: &["veth"],
        before: "",
        script: r#"veth("a b", "v1");"#,
        code: 1,
        stderr: r#"
error: cannot create veth `a b` in namespace `host`: a link's name holds no white space, `a b` does
 --> lab.rhai:1:1
  |
1 | veth("a b", "v1");
  | ^^^^
"#,
    },
    Refusal {
        what: "an_option_that_is_misspelt",
        needs: &["veth"],
        before: "",
        script: r#"veth("v0", "v1", #{adr: "10.0.0.1/24"});"#,
        code: 1,
        stderr: r#"
error: cannot create veth `v0` in namespace `host`: `veth` has no option `adr`
 --> lab.rhai:1:1
  |
1 | veth("v0", "v1", #{adr: "10.0.0.1/24"});
  | ^^^^
  = options: addr, alias, allmulticast, altname, arp, carrier, gro_max_size, group, gso_max_segs, gso_max_size, mac, master, mtu, multicast, nodad, numrxqueues, numtxqueues, promisc, replace, route, txqlen, up
hint: did you mean `addr`?
"#,
    },
    Refusal {
        what: "an_option_of_the_wrong_type",
        needs: &["veth"],
        before: "",
        script: r#"veth("v0", "v1", #{mtu: "big"});"#,
        code: 1,
        stderr: r#"
error: cannot create veth `v0` in namespace `host`: option `mtu` takes an integer, not a string
 --> lab.rhai:1:1
  |
1 | veth("v0", "v1", #{mtu: "big"});
  | ^^^^
"#,
    },
    Refusal {
        what: "an_option_out_of_range",
        needs: &["veth"],
        before: "",
        script: r#"veth("v0", "v1", #{mtu: 0});"#,
        code: 1,
        stderr: r#"
error: cannot create veth `v0` in namespace `host`: `mtu` is 1 to 4294967295, not 0
 --> lab.rhai:1:1
  |
1 | veth("v0", "v1", #{mtu: 0});
  | ^^^^
"#,
    },
    Refusal {
        what: "a_hardware_address_that_is_none",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"link("v0").mac("02:00:00:00:00");"#,
        code: 1,
        stderr: r#"
error: cannot set the MAC address of link `v0` in namespace `host`: `02:00:00:00:00` is not a MAC address
 --> lab.rhai:1:12
  |
1 | link("v0").mac("02:00:00:00:00");
  |            ^^^
hint: write it as "02:00:00:00:00:01"
"#,
    },
    Refusal {
        what: "a_hardware_address_of_a_group",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"link("v0").mac("01:00:00:00:00:01");"#,
        code: 1,
        stderr: r#"
error: cannot set the MAC address of link `v0` in namespace `host`: `01:00:00:00:00:01` is a multicast address, a link needs a unicast one
 --> lab.rhai:1:12
  |
1 | link("v0").mac("01:00:00:00:00:01");
  |            ^^^
hint: the first byte must be even
"#,
    },
    Refusal {
        what: "an_mtu_that_the_kernel_refuses",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"link("v0").mtu(20);"#,
        code: 1,
        stderr: r#"
error: cannot set the MTU of link `v0` in namespace `host`: invalid argument
 --> lab.rhai:1:12
  |
1 | link("v0").mtu(20);
  |            ^^^
  = errno: EINVAL
"#,
    },
    Refusal {
        what: "an_mtu_below_nought",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"link("v0").mtu(-1);"#,
        code: 1,
        stderr: r#"
error: cannot set the MTU of link `v0` in namespace `host`: an MTU is a number of bytes, not -1
 --> lab.rhai:1:12
  |
1 | link("v0").mtu(-1);
  |            ^^^
"#,
    },
    Refusal {
        what: "a_new_name_that_is_taken",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"link("v0").rename("v1");"#,
        code: 1,
        stderr: r#"
error: cannot rename link `v0` in namespace `host`: the name `v1` is taken there
 --> lab.rhai:1:12
  |
1 | link("v0").rename("v1");
  |            ^^^^^^
"#,
    },
    Refusal {
        what: "a_new_name_that_is_too_long",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"link("v0").rename("abcdefghijklmnop");"#,
        code: 1,
        stderr: r#"
error: cannot rename link `v0` in namespace `host`: a link's name has at most 15 bytes, `abcdefghijklmnop` has 16
 --> lab.rhai:1:12
  |
1 | link("v0").rename("abcdefghijklmnop");
  |            ^^^^^^
hint: shorten it, to `abcdefghijklmno` for example
"#,
    },
    Refusal {
        what: "a_move_to_where_the_name_is_taken",
        needs: &["veth"],
        before: r"
netns add a
link add v0 type veth peer name v1
link add v0 netns a type veth peer name w0
",
        script: r#"link("v0").netns("a");"#,
        code: 1,
        stderr: r#"
error: cannot move link `v0` in namespace `host`: namespace `a` already has a link of that name
 --> lab.rhai:1:12
  |
1 | link("v0").netns("a");
  |            ^^^^^
  = there: veth `v0`
hint: give it another name on the way: .netns(target, "name")
"#,
    },
    Refusal {
        what: "a_move_to_a_namespace_that_is_not_there",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
netns add net-1
",
        script: r#"link("v0").netns("net-2");"#,
        code: 1,
        stderr: r#"
error: cannot move link `v0` in namespace `host`: there is no namespace `net-2`
 --> lab.rhai:1:12
  |
1 | link("v0").netns("net-2");
  |            ^^^^^
  = errno: ENOENT
hint: did you mean `net-1`?
"#,
    },
    Refusal {
        what: "a_move_of_the_loopback",
        needs: &[],
        before: "netns add a",
        script: r#"netns("b").link("lo").netns(netns("c"));"#,
        code: 1,
        stderr: r#"
took down what this run made: 2 namespaces
error: cannot move link `lo` in namespace `b`: a loopback stays in its namespace
 --> lab.rhai:1:23
  |
1 | netns("b").link("lo").netns(netns("c"));
  |                       ^^^^^
hint: every namespace has one of its own: net.link("lo")
"#,
    },
    Refusal {
        what: "a_master_in_another_namespace",
        needs: &["veth", "bridge"],
        before: r"
netns add a
link add v0 type veth peer name v1
link add br0 netns a type bridge
",
        script: r#"link("v0").master(netns("a").link("br0"));"#,
        code: 1,
        stderr: r#"
error: cannot set the master of link `v0` in namespace `host`: master `br0` lives in another namespace, `a`
 --> lab.rhai:1:12
  |
1 | link("v0").master(netns("a").link("br0"));
  |            ^^^^^^
"#,
    },
    Refusal {
        what: "a_master_that_is_none",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"link("v0").master("v1");"#,
        code: 1,
        stderr: r#"
error: cannot set the master of link `v0` in namespace `host`: `v1` takes no ports
 --> lab.rhai:1:12
  |
1 | link("v0").master("v1");
  |            ^^^^^^
  = errno: EOPNOTSUPP
hint: a master is a bridge, a bond or a VRF
"#,
    },
    Refusal {
        what: "a_loopback_to_delete",
        needs: &[],
        before: "",
        script: r#"netns("a").link("lo").delete();"#,
        code: 1,
        stderr: r#"
took down what this run made: 1 namespace
error: cannot delete link `lo` in namespace `a`: it is no virtual link: a loopback or hardware stays
 --> lab.rhai:1:23
  |
1 | netns("a").link("lo").delete();
  |                       ^^^^^^
  = errno: EOPNOTSUPP
hint: bring it down instead, with .down()
"#,
    },
    Refusal {
        what: "a_mode_of_what_is_no_slave",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"link("v0").mode("l2");"#,
        code: 1,
        stderr: r#"
error: cannot set the mode of link `v0` in namespace `host`: `v0` is no ipvlan slave and has no mode
 --> lab.rhai:1:12
  |
1 | link("v0").mode("l2");
  |            ^^^^
"#,
    },
    Refusal {
        what: "an_address_without_a_prefix_length",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"link("v0").addr("10.0.0.1");"#,
        code: 1,
        stderr: r#"
error: cannot add address `10.0.0.1` in namespace `host`: address `10.0.0.1` has no prefix length
 --> lab.rhai:1:12
  |
1 | link("v0").addr("10.0.0.1");
  |            ^^^^
  = on link `v0`
hint: write "10.0.0.1/24", with the length that your subnet has
"#,
    },
    Refusal {
        what: "an_address_with_too_long_a_prefix",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"link("v0").addr("10.0.0.1/33");"#,
        code: 1,
        stderr: r#"
error: cannot add address `10.0.0.1/33` in namespace `host`: `10.0.0.1/33`: the prefix length of an IPv4 address is 0 to 32, not `33`
 --> lab.rhai:1:12
  |
1 | link("v0").addr("10.0.0.1/33");
  |            ^^^^
  = on link `v0`
"#,
    },
    Refusal {
        what: "an_address_out_of_range",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"link("v0").addr("10.0.0.256/24");"#,
        code: 1,
        stderr: r#"
error: cannot add address `10.0.0.256/24` in namespace `host`: `10.0.0.256` is not an IP address
 --> lab.rhai:1:12
  |
1 | link("v0").addr("10.0.0.256/24");
  |            ^^^^
  = on link `v0`
hint: each part of an IPv4 address is 0 to 255, `256` is not
"#,
    },
    Refusal {
        what: "an_address_that_is_none",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"link("v0").addr("here/24");"#,
        code: 1,
        stderr: r#"
error: cannot add address `here/24` in namespace `host`: `here` is not an IP address
 --> lab.rhai:1:12
  |
1 | link("v0").addr("here/24");
  |            ^^^^
  = on link `v0`
hint: write it as "10.0.0.1" or "fd00::1"
"#,
    },
    Refusal {
        what: "an_address_with_another_prefix_length",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
addr add 10.0.0.1/24 dev v0
",
        script: r#"link("v0").addr("10.0.0.1/16");"#,
        code: 1,
        stderr: r#"
error: cannot add address `10.0.0.1/16` in namespace `host`: the link has it with another prefix length
 --> lab.rhai:1:12
  |
1 | link("v0").addr("10.0.0.1/16");
  |            ^^^^
  = there: 10.0.0.1/24
  = asked: 10.0.0.1/16
  = on link `v0`
hint: ask for what is there, replace it with #{replace: true}, or have both with #{beside: true}
"#,
    },
    Refusal {
        what: "an_ipv6_address_beside_itself",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"link("v0").addr("fd00::1/64", #{beside: true});"#,
        code: 1,
        stderr: r#"
error: cannot add address `fd00::1/64` in namespace `host`: `beside` is for IPv4, and this is an IPv6 address
 --> lab.rhai:1:12
  |
1 | link("v0").addr("fd00::1/64", #{beside: true});
  |            ^^^^
  = on link `v0`
hint: a link has an IPv6 address once, whatever its prefix length
"#,
    },
    Refusal {
        what: "an_address_with_a_misspelt_option",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"link("v0").addr("fd00::1/64", #{no_dad: true});"#,
        code: 1,
        stderr: r#"
error: cannot add address `fd00::1/64` in namespace `host`: `addr` has no option `no_dad`
 --> lab.rhai:1:12
  |
1 | link("v0").addr("fd00::1/64", #{no_dad: true});
  |            ^^^^
  = options: autojoin, beside, broadcast, home, label, metric, mngtmpaddr, nodad, noprefixroute, peer, preferred_lft, replace, scope, valid_lft
  = on link `v0`
hint: did you mean `nodad`?
"#,
    },
    Refusal {
        what: "a_route_by_a_link_that_is_down",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"link("v0").route("default");"#,
        code: 1,
        stderr: r#"
error: cannot add route `default` in namespace `host`: link `v0` is down
 --> lab.rhai:1:12
  |
1 | link("v0").route("default");
  |            ^^^^^
  = errno: ENETDOWN
hint: bring it up first: link("v0").up()
"#,
    },
    Refusal {
        what: "a_gateway_in_no_subnet",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"route("default", #{via: "192.0.2.1"});"#,
        code: 1,
        stderr: r#"
error: cannot add route `default` in namespace `host`: gateway `192.0.2.1` is in no subnet of this namespace's links
 --> lab.rhai:1:1
  |
1 | route("default", #{via: "192.0.2.1"});
  | ^^^^^
  = errno: ENETUNREACH
hint: give the link an address in the gateway's subnet first, or say #{via: "192.0.2.1", dev: "LINK", onlink: true}
"#,
    },
    Refusal {
        what: "a_destination_with_host_bits",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"link("v0").route("10.1.2.3/16");"#,
        code: 1,
        stderr: r#"
error: cannot add route `10.1.2.3/16` in namespace `host`: `10.1.2.3/16` has bits set beyond its prefix length
 --> lab.rhai:1:12
  |
1 | link("v0").route("10.1.2.3/16");
  |            ^^^^^
hint: the network is "10.1.0.0/16"
"#,
    },
    Refusal {
        what: "a_route_that_leads_nowhere",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"route("10.1.0.0/16", #{metric: 5});"#,
        code: 1,
        stderr: r#"
error: cannot add route `10.1.0.0/16` in namespace `host`: neither a gateway nor a link is given
 --> lab.rhai:1:1
  |
1 | route("10.1.0.0/16", #{metric: 5});
  | ^^^^^
hint: say where it leads: #{via: "10.0.0.1"}, or the link
"#,
    },
    Refusal {
        what: "a_route_that_is_there_and_leads_elsewhere",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
route add default via 10.0.0.254
",
        script: r#"route("default", #{via: "10.0.0.253"});"#,
        code: 1,
        stderr: r#"
error: cannot add route `default` in namespace `host`: a route to that destination is there and leads elsewhere
 --> lab.rhai:1:1
  |
1 | route("default", #{via: "10.0.0.253"});
  | ^^^^^
  = there: default via 10.0.0.254 dev v0
  = asked: default via 10.0.0.253
hint: give it a metric of its own, or replace it with #{replace: true}
"#,
    },
    Refusal {
        what: "a_gateway_of_another_family",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"route("fd01::/64", #{via: "10.0.0.2"});"#,
        code: 1,
        stderr: r#"
error: cannot add route `fd01::/64` in namespace `host`: gateway `10.0.0.2` and destination `fd01::/64` are of different families
 --> lab.rhai:1:1
  |
1 | route("fd01::/64", #{via: "10.0.0.2"});
  | ^^^^^
"#,
    },
    Refusal {
        what: "a_route_by_a_link_of_another_namespace",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"netns("a").route("default", link("v0"));"#,
        code: 1,
        stderr: r#"
took down what this run made: 1 namespace
error: cannot add route `default` in namespace `a`: link `v0` is in another namespace, `host`
 --> lab.rhai:1:12
  |
1 | netns("a").route("default", link("v0"));
  |            ^^^^^
"#,
    },
    Refusal {
        what: "a_route_by_two_links",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"link("v0").route("default", #{dev: "v1"});"#,
        code: 1,
        stderr: r#"
error: cannot add route `default` in namespace `host`: the link is given twice, in front and as option `dev`
 --> lab.rhai:1:12
  |
1 | link("v0").route("default", #{dev: "v1"});
  |            ^^^^^
"#,
    },
    Refusal {
        what: "a_route_by_a_link_that_is_not_there",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"route("default", "v9");"#,
        code: 1,
        stderr: r#"
error: cannot add route `default` in namespace `host`: there is no link `v9`
 --> lab.rhai:1:1
  |
1 | route("default", "v9");
  | ^^^^^
  = links there: lo, v1, v0
hint: did you mean `v1`?
"#,
    },
    Refusal {
        what: "a_neighbor_whose_hardware_address_is_too_long",
        needs: &["sit"],
        before: "",
        script: r#"sit("s0", #{remote: "10.0.0.2"}).up().neighbor("fd00::2", "02:00:00:00:00:26");"#,
        code: 1,
        stderr: r#"
took down what this run made: 1 link
error: cannot add neighbor `fd00::2` in namespace `host`: link `s0` has hardware addresses of 4 bytes, `02:00:00:00:00:26` has 6
 --> lab.rhai:1:39
  |
1 | sit("s0", #{remote: "10.0.0.2"}).up().neighbor("fd00::2", "02:00:00:00:00:26");
  |                                       ^^^^^^^^
  = on link `s0`
"#,
    },
    Refusal {
        what: "a_route_by_an_address_in_the_place_of_a_link",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"route("default", "10.0.0.2");"#,
        code: 1,
        stderr: r#"
error: cannot add route `default` in namespace `host`: there is no link `10.0.0.2`
 --> lab.rhai:1:1
  |
1 | route("default", "10.0.0.2");
  | ^^^^^
  = links there: lo, v1, v0
hint: a route by an address is `route(DESTINATION, #{via: "10.0.0.2"})`
"#,
    },
    Refusal {
        what: "a_route_with_a_source_of_others",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"link("v0").route("10.1.0.0/16", #{source: "10.0.0.9"});"#,
        code: 1,
        stderr: r#"
error: cannot add route `10.1.0.0/16` in namespace `host`: this namespace has no address `10.0.0.9` to send from
 --> lab.rhai:1:12
  |
1 | link("v0").route("10.1.0.0/16", #{source: "10.0.0.9"});
  |            ^^^^^
  = errno: EINVAL
hint: name one that it has, or give it that one first
"#,
    },
    Refusal {
        what: "a_route_with_a_misspelt_option",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"route("default", #{gateway: "10.0.0.254"});"#,
        code: 1,
        stderr: r#"
error: cannot add route `default` in namespace `host`: `route` has no option `gateway`
 --> lab.rhai:1:1
  |
1 | route("default", #{gateway: "10.0.0.254"});
  | ^^^^^
  = options: advmss, congctl, dev, ecn, encap, fastopen_no_cookie, hoplimit, initcwnd, initrwnd, metric, mtu, nexthop, nexthops, onlink, proto, quickack, reordering, replace, rto_min, scope, source, src, table, tos, type, via, vrf, window
"#,
    },
    Refusal {
        what: "a_lookup_without_a_route",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"lookup("192.0.2.1");"#,
        code: 1,
        stderr: r#"
error: cannot look up the route to `192.0.2.1` in namespace `host`: no route leads there
 --> lab.rhai:1:1
  |
1 | lookup("192.0.2.1");
  | ^^^^^^
  = errno: ENETUNREACH
hint: add one: net.route("default", "LINK")
"#,
    },
    Refusal {
        what: "a_lookup_of_a_prefix",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"lookup("10.0.0.0/24");"#,
        code: 1,
        stderr: r#"
error: cannot look up the route to `10.0.0.0/24` in namespace `host`: `10.0.0.0/24` has a prefix length, where a plain address is wanted
 --> lab.rhai:1:1
  |
1 | lookup("10.0.0.0/24");
  | ^^^^^^
"#,
    },
    Refusal {
        what: "a_ping_of_no_address",
        needs: &[],
        before: "",
        script: r#"ping("10.0.0.300", 1);"#,
        code: 1,
        stderr: r#"
error: cannot ping `10.0.0.300` in namespace `host`: `10.0.0.300` is not an IP address
 --> lab.rhai:1:1
  |
1 | ping("10.0.0.300", 1);
  | ^^^^
hint: each part of an IPv4 address is 0 to 255, `300` is not
"#,
    },
    Refusal {
        what: "a_ping_of_a_namespace_without_an_address",
        needs: &[],
        before: "netns add a",
        script: r#"host().ping(netns("a"), 1);"#,
        code: 1,
        stderr: r#"
error: cannot ping `a` in namespace `host`: namespace `a` has no global address
 --> lab.rhai:1:8
  |
1 | host().ping(netns("a"), 1);
  |        ^^^^
hint: give it one: net.addr("LINK", "10.0.0.1/24")
"#,
    },
    Refusal {
        what: "a_ping_with_a_misspelt_option",
        needs: &[],
        before: "",
        script: r#"ping("127.0.0.1", #{conut: 1});"#,
        code: 1,
        stderr: r#"
error: cannot ping `127.0.0.1` in namespace `host`: `ping` has no option `conut`
 --> lab.rhai:1:1
  |
1 | ping("127.0.0.1", #{conut: 1});
  | ^^^^
  = options: count, df, iface, interval, mark, quiet, size, source, timeout, tos, ttl
hint: did you mean `count`?
"#,
    },
    Refusal {
        what: "a_ping_with_a_count_below_nought",
        needs: &[],
        before: "",
        script: r#"ping("127.0.0.1", -1);"#,
        code: 1,
        stderr: r#"
error: cannot ping `127.0.0.1` in namespace `host`: `count` is 0 or more, not -1
 --> lab.rhai:1:1
  |
1 | ping("127.0.0.1", -1);
  | ^^^^
"#,
    },
    Refusal {
        what: "a_ping_from_an_address_of_others",
        needs: &[],
        before: "",
        script: r#"ping("127.0.0.1", #{count: 1, source: "192.0.2.1"});"#,
        code: 1,
        stderr: r#"
error: cannot ping `127.0.0.1` in namespace `host`: no interface here has the source address `192.0.2.1`
 --> lab.rhai:1:1
  |
1 | ping("127.0.0.1", #{count: 1, source: "192.0.2.1"});
  | ^^^^
  = errno: EADDRNOTAVAIL
"#,
    },
    Refusal {
        what: "a_command_with_a_map_as_argument",
        needs: &[],
        before: "",
        script: r#"exec(["echo", #{}]);"#,
        code: 1,
        stderr: r#"
error: cannot run `echo` in namespace `host`: an argument of a command is text, not a map
 --> lab.rhai:1:1
  |
1 | exec(["echo", #{}]);
  | ^^^^
"#,
    },
    Refusal {
        what: "a_command_with_a_misspelt_option",
        needs: &[],
        before: "",
        script: r#"exec(["echo"], #{time_out: "1s"});"#,
        code: 1,
        stderr: r#"
error: cannot run `echo` in namespace `host`: `exec` has no option `time_out`
 --> lab.rhai:1:1
  |
1 | exec(["echo"], #{time_out: "1s"});
  | ^^^^
  = options: check, cwd, env, input, output, timeout, user
hint: did you mean `timeout`?
"#,
    },
    Refusal {
        what: "a_folder_that_is_not_there",
        needs: &[],
        before: "",
        script: r#"exec(["echo"], #{cwd: "/nowhere"});"#,
        code: 1,
        stderr: r#"
error: cannot run `echo` in namespace `host`: there is no folder `/nowhere`
 --> lab.rhai:1:1
  |
1 | exec(["echo"], #{cwd: "/nowhere"});
  | ^^^^
"#,
    },
    Refusal {
        what: "a_wait_that_is_no_time",
        needs: &[],
        before: "",
        script: r#"sleep("soon");"#,
        code: 1,
        stderr: r#"
error: `soon` is not a duration
 --> lab.rhai:1:1
  |
1 | sleep("soon");
  | ^^^^^
hint: write a number and a unit, such as "200ms", "1.5s" or "2m"
"#,
    },
    Refusal {
        what: "a_bond_in_no_mode",
        needs: &[],
        before: "",
        script: r#"bond("bond0", "active-backpu");"#,
        code: 1,
        stderr: r#"
error: cannot create bond `bond0` in namespace `host`: bond has no mode `active-backpu`
 --> lab.rhai:1:1
  |
1 | bond("bond0", "active-backpu");
  | ^^^^
  = modes: balance-rr, active-backup, balance-xor, broadcast, 802.3ad, balance-tlb, balance-alb
hint: did you mean "active-backup"?
"#,
    },
    Refusal {
        what: "a_vlan_with_too_high_an_id",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"vlan("v0", "v0.10", 4095);"#,
        code: 1,
        stderr: r#"
error: cannot create vlan `v0.10` in namespace `host`: `id` is 0 to 4094, not 4095
 --> lab.rhai:1:1
  |
1 | vlan("v0", "v0.10", 4095);
  | ^^^^
"#,
    },
    Refusal {
        what: "a_vlan_of_no_protocol",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"vlan("v0", "v0.10", 10, #{protocol: "802.1qq"});"#,
        code: 1,
        stderr: r#"
error: cannot create vlan `v0.10` in namespace `host`: vlan has no protocol `802.1qq`
 --> lab.rhai:1:1
  |
1 | vlan("v0", "v0.10", 10, #{protocol: "802.1qq"});
  | ^^^^
  = protocols: 802.1Q, 802.1ad
hint: did you mean "802.1Q"?
"#,
    },
    Refusal {
        what: "a_macvlan_in_no_mode",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"macvlan("v0", "m0", "brigde");"#,
        code: 1,
        stderr: r#"
error: cannot create macvlan `m0` in namespace `host`: macvlan has no mode `brigde`
 --> lab.rhai:1:1
  |
1 | macvlan("v0", "m0", "brigde");
  | ^^^^^^^
  = modes: bridge, private, vepa, passthru, source
hint: did you mean "bridge"?
"#,
    },
    Refusal {
        what: "a_macvlan_on_the_loopback",
        needs: &[],
        before: "",
        script: r#"macvlan("lo", "m0");"#,
        code: 1,
        stderr: r#"
error: cannot create macvlan `m0` in namespace `host`: `lo` is a loopback, which carries no macvlan
 --> lab.rhai:1:1
  |
1 | macvlan("lo", "m0");
  | ^^^^^^^
hint: take an Ethernet link as parent: a bond, veth, dummy or hardware
"#,
    },
    Refusal {
        what: "an_ipvlan_in_no_mode",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"ipvlan("v0", "i0", "l4");"#,
        code: 1,
        stderr: r#"
error: cannot create ipvlan `i0` in namespace `host`: ipvlan has no mode `l4`
 --> lab.rhai:1:1
  |
1 | ipvlan("v0", "i0", "l4");
  | ^^^^^^
  = modes: l2, l3, l3s
hint: write "l2" or "l3" or "l3s"
"#,
    },
    Refusal {
        what: "an_ipvlan_with_no_flag",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"ipvlan("v0", "i0", #{flag: "privat"});"#,
        code: 1,
        stderr: r#"
error: cannot create ipvlan `i0` in namespace `host`: ipvlan has no flag `privat`
 --> lab.rhai:1:1
  |
1 | ipvlan("v0", "i0", #{flag: "privat"});
  | ^^^^^^
  = flags: bridge, private, vepa
hint: did you mean "private"?
"#,
    },
    Refusal {
        what: "an_ipvlan_with_two_modes",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"ipvlan("v0", "i0", "l2", #{mode: "l3"});"#,
        code: 1,
        stderr: r#"
error: cannot create ipvlan `i0` in namespace `host`: the mode is given twice, as argument and as option
 --> lab.rhai:1:1
  |
1 | ipvlan("v0", "i0", "l2", #{mode: "l3"});
  | ^^^^^^
"#,
    },
    Refusal {
        what: "an_ipvlan_with_a_misspelt_option",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"ipvlan("v0", "i0", #{flga: "private"});"#,
        code: 1,
        stderr: r#"
error: cannot create ipvlan `i0` in namespace `host`: `ipvlan` has no option `flga`
 --> lab.rhai:1:1
  |
1 | ipvlan("v0", "i0", #{flga: "private"});
  | ^^^^^^
  = options: addr, alias, allmulticast, altname, arp, carrier, flag, gro_max_size, group, gso_max_segs, gso_max_size, mac, master, mode, mtu, multicast, nodad, numrxqueues, numtxqueues, promisc, replace, route, switch, txqlen, up
hint: did you mean `flag`?
"#,
    },
    Refusal {
        what: "an_ipvlan_on_a_parent_that_is_not_there",
        needs: &["veth"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
",
        script: r#"netns("a").ipvlan("v9", "i0");"#,
        code: 1,
        stderr: r#"
took down what this run made: 1 namespace
error: cannot create ipvlan `i0` in namespace `a`: there is no link `v9` in namespace `host`
 --> lab.rhai:1:12
  |
1 | netns("a").ipvlan("v9", "i0");
  |            ^^^^^^
  = links there: lo, v1, v0
hint: did you mean `v1`?
"#,
    },
    Refusal {
        what: "an_ipvlan_on_the_loopback",
        needs: &[],
        before: "",
        script: r#"ipvlan("lo", "i0");"#,
        code: 1,
        stderr: r#"
error: cannot create ipvlan `i0` in namespace `host`: `lo` is a loopback, which carries no ipvlan
 --> lab.rhai:1:1
  |
1 | ipvlan("lo", "i0");
  | ^^^^^^
hint: take an Ethernet link as parent: a bond, veth, dummy or hardware
"#,
    },
    Refusal {
        what: "an_ipvlan_on_a_port_of_a_bridge",
        needs: &["veth", "bridge"],
        before: r"
link add v0 type veth peer name v1
link set v0 up
link set v1 up
addr add 10.0.0.1/24 dev v0
link add br0 type bridge
link set v0 master br0
",
        script: r#"netns("a").ipvlan("v0", "i0");"#,
        code: 1,
        stderr: r#"
took down what this run made: 1 namespace
error: cannot create ipvlan `i0` in namespace `a`: parent `v0` is a port of bridge `br0`
 --> lab.rhai:1:12
  |
1 | netns("a").ipvlan("v0", "i0");
  |            ^^^^^^
hint: stack it on the bridge `br0` instead, or free the port with link("v0").nomaster()
"#,
    },
    Refusal {
        what: "an_ipvlan_beside_a_macvlan",
        needs: &["ipvlan", "macvlan", "dummy"],
        before: r"
link add p0 type dummy
link set p0 up
link add link p0 name m0 type macvlan
",
        script: r#"netns("a").ipvlan("p0", "i0");"#,
        code: 1,
        stderr: r#"
took down what this run made: 1 namespace
error: cannot create ipvlan `i0` in namespace `a`: something else takes the traffic of parent `p0` already
 --> lab.rhai:1:12
  |
1 | netns("a").ipvlan("p0", "i0");
  |            ^^^^^^
  = a link carries either ipvlan or macvlan slaves, and none while it is a port of a bridge or bond
  = errno: EBUSY
hint: take another parent, or a veth or dummy of your own
"#,
    },
    Refusal {
        what: "a_macvlan_beside_an_ipvlan",
        needs: &["ipvlan", "macvlan", "dummy"],
        before: r"
link add p0 type dummy
link set p0 up
link add link p0 name i0 type ipvlan
",
        script: r#"macvlan("p0", "m0");"#,
        code: 1,
        stderr: r#"
error: cannot create macvlan `m0` in namespace `host`: something else takes the traffic of parent `p0` already
 --> lab.rhai:1:1
  |
1 | macvlan("p0", "m0");
  | ^^^^^^^
  = a link carries either ipvlan or macvlan slaves, and none while it is a port of a bridge or bond
  = errno: EBUSY
hint: take another parent, or a veth or dummy of your own
"#,
    },
    Refusal {
        what: "an_ipvlan_in_another_mode_than_its_siblings",
        needs: &["ipvlan", "dummy"],
        before: r"
link add p0 type dummy
link set p0 up
netns add net-1
link add link p0 name i1 netns net-1 type ipvlan mode l2
link add link p0 name i0 type ipvlan mode l2
",
        script: r#"netns("net-2").ipvlan("p0", "i2", "l3");"#,
        code: 1,
        stderr: r#"
took down what this run made: 1 namespace
error: cannot create ipvlan `i2` in namespace `net-2`: parent `p0` runs in mode l2
 --> lab.rhai:1:16
  |
1 | netns("net-2").ipvlan("p0", "i2", "l3");
  |                ^^^^^^
  = siblings that would be switched to l3: `i0` (host), `i1` (net-1)
hint: ask for mode "l2", or switch them all with #{switch: true}
"#,
    },
    Refusal {
        what: "an_ipvlan_with_another_flag_than_its_siblings",
        needs: &["ipvlan", "dummy"],
        before: r"
link add p0 type dummy
link set p0 up
link add link p0 name i0 type ipvlan mode l2 private
",
        script: r#"netns("net-2").ipvlan("p0", "i2", #{flag: "vepa"});"#,
        code: 1,
        stderr: r#"
took down what this run made: 1 namespace
error: cannot create ipvlan `i2` in namespace `net-2`: parent `p0` has flag private
 --> lab.rhai:1:16
  |
1 | netns("net-2").ipvlan("p0", "i2", #{flag: "vepa"});
  |                ^^^^^^
  = siblings that would be switched to vepa: `i0` (host)
hint: ask for flag "private", or switch them all with #{switch: true}
"#,
    },
    Refusal {
        what: "an_ipvlan_that_is_there_in_another_mode",
        needs: &["ipvlan", "dummy"],
        before: r"
link add p0 type dummy
link set p0 up
link add link p0 name i0 type ipvlan mode l2
",
        script: r#"ipvlan("p0", "i0", "l3");"#,
        code: 1,
        stderr: r#"
error: cannot create ipvlan `i0` in namespace `host`: a link with that name exists and differs
 --> lab.rhai:1:1
  |
1 | ipvlan("p0", "i0", "l3");
  | ^^^^^^
  = there: ipvlan, mode l2
  = asked: ipvlan, mode l3
hint: take another name, ask for what is there, or replace it with #{replace: true}
"#,
    },
    Refusal {
        what: "an_ipvlan_whose_name_is_taken",
        needs: &["ipvlan", "dummy"],
        before: r"
link add p0 type dummy
link set p0 up
link add i0 type dummy
",
        script: r#"ipvlan("p0", "i0");"#,
        code: 1,
        stderr: r#"
error: cannot create ipvlan `i0` in namespace `host`: a link with that name exists and differs
 --> lab.rhai:1:1
  |
1 | ipvlan("p0", "i0");
  | ^^^^^^
  = there: dummy
  = asked: ipvlan
hint: take another name, ask for what is there, or replace it with #{replace: true}
"#,
    },
    Refusal {
        what: "a_mode_that_would_switch_siblings",
        needs: &["ipvlan", "dummy"],
        before: r"
link add p0 type dummy
link set p0 up
netns add a
link add link p0 name i1 netns a type ipvlan mode l2
link add link p0 name i0 type ipvlan mode l2
",
        script: r#"link("i0").mode("l3");"#,
        code: 1,
        stderr: r#"
error: cannot set the mode of link `i0` in namespace `host`: parent `p0` runs in mode l2
 --> lab.rhai:1:12
  |
1 | link("i0").mode("l3");
  |            ^^^^
  = siblings that would be switched to l3: `i1` (a)
hint: ask for mode "l2", or switch them all with #{switch: true}
"#,
    },
    Refusal {
        what: "a_hardware_address_for_an_ipvlan",
        needs: &["ipvlan", "dummy"],
        before: r"
link add p0 type dummy
link set p0 up
link add link p0 name i0 type ipvlan
",
        script: r#"link("i0").mac("02:00:00:00:00:01");"#,
        code: 3,
        stderr: r#"
error: cannot set the MAC address of link `i0` in namespace `host`: an ipvlan slave has the MAC address of its parent
 --> lab.rhai:1:12
  |
1 | link("i0").mac("02:00:00:00:00:01");
  |            ^^^
hint: set it on the parent, or use macvlan, whose slaves have their own
"#,
    },
    Refusal {
        what: "an_address_that_a_sibling_has",
        needs: &["ipvlan", "dummy"],
        before: r"
link add p0 type dummy
link set p0 up
netns add a
link add link p0 name i0 type ipvlan
addr add 10.0.0.1/24 dev i0
link set i0 up
",
        script: r#"netns("a").ipvlan("p0", "i1", #{up: true}).addr("10.0.0.1/24");"#,
        code: 1,
        stderr: r#"
took down what this run made: 1 link
error: cannot add address `10.0.0.1/24` in namespace `a`: another slave of the same parent has it
 --> lab.rhai:1:44
  |
1 | netns("a").ipvlan("p0", "i1", #{up: true}).addr("10.0.0.1/24");
  |                                            ^^^^
  = on link `i1`
  = errno: EADDRINUSE
hint: slaves of one parent share one address space: take an address that none of them has
"#,
    },
    Refusal {
        what: "a_vlan_that_comes_up_on_a_parent_that_is_down",
        needs: &["vlan", "dummy"],
        before: "link add p0 type dummy",
        script: r#"vlan("p0", "p0.7", 7, #{up: true});"#,
        code: 1,
        stderr: r#"
error: cannot create vlan `p0.7` in namespace `host`: parent `p0` is down
 --> lab.rhai:1:1
  |
1 | vlan("p0", "p0.7", 7, #{up: true});
  | ^^^^
  = errno: ENETDOWN
hint: bring it up first: link("p0").up()
"#,
    },
    Refusal {
        what: "a_link_missed_in_a_function",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"
fn wire(name) {
    link(name).up();
}
fn lab() {
    wire("v7");
}
lab();
"#,
        code: 1,
        stderr: r"
error: there is no link `v7` in namespace `host`
 --> lab.rhai:2:5
  |
2 |     link(name).up();
  |     ^^^^
  = links there: lo, v1, v0
  = in call to `wire` at lab.rhai:5
  = in call to `lab` at lab.rhai:7
hint: did you mean `v1`?
",
    },
    Refusal {
        what: "an_mtu_above_that_of_the_parent_of_a_new_macvlan",
        needs: &["veth", "macvlan"],
        before: "link add v0 type veth peer name v1\nlink set v0 up",
        script: r#"macvlan("v0", "m0", "bridge", #{mtu: 2000});"#,
        code: 1,
        stderr: r#"
error: cannot create macvlan `m0` in namespace `host`: MTU 2000 is larger than 1500, the MTU of its parent `v0`
 --> lab.rhai:1:1
  |
1 | macvlan("v0", "m0", "bridge", #{mtu: 2000});
  | ^^^^^^^
  = errno: EINVAL
hint: take 1500 at most, or raise the parent's first: link("v0").mtu(2000)
"#,
    },
    Refusal {
        what: "an_mtu_above_that_of_the_parent_of_a_macvlan",
        needs: &["veth", "macvlan"],
        before: "link add v0 type veth peer name v1\nlink add link v0 m0 type macvlan",
        script: r#"link("m0").mtu(2000);"#,
        code: 1,
        stderr: r#"
error: cannot set the MTU of link `m0` in namespace `host`: MTU 2000 is larger than 1500, the MTU of its parent `v0`
 --> lab.rhai:1:12
  |
1 | link("m0").mtu(2000);
  |            ^^^
  = errno: EINVAL
hint: take 1500 at most, or raise the parent's first: link("v0").mtu(2000)
"#,
    },
    Refusal {
        what: "a_hardware_address_that_a_sibling_has",
        needs: &["veth", "macvlan"],
        before: "link add v0 type veth peer name v1\nlink set v0 up\n\
                 link add link v0 m0 address 02:00:00:00:00:07 type macvlan mode bridge\nlink set m0 up\n\
                 link add link v0 m1 address 02:00:00:00:00:07 type macvlan mode bridge",
        script: r#"link("m1").up();"#,
        code: 1,
        stderr: r#"
error: cannot bring up link `m1` in namespace `host`: hardware address `02:00:00:00:00:07` is taken: link `m0` in namespace `host` has it
 --> lab.rhai:1:12
  |
1 | link("m1").up();
  |            ^^
  = errno: EADDRINUSE
hint: give it another one first: link("m1").mac("02:…")
"#,
    },
    Refusal {
        what: "a_link_local_gateway_without_its_link",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1\nlink set v0 up",
        script: r#"route("default", #{via: "fe80::1"});"#,
        code: 1,
        stderr: r#"
error: cannot add route `default` in namespace `host`: gateway `fe80::1` is a link-local address: every link has its own, so the link has to be named
 --> lab.rhai:1:1
  |
1 | route("default", #{via: "fe80::1"});
  | ^^^^^
  = errno: EINVAL
hint: say by which link: #{via: "fe80::1", dev: "v0"}
"#,
    },
    Refusal {
        what: "an_identifier_that_another_vxlan_has",
        needs: &["vxlan"],
        before: "link add x0 type vxlan id 7 dstport 4789",
        script: r#"vxlan("x1", 7, #{dstport: 4789});"#,
        code: 1,
        stderr: r#"
error: cannot create vxlan `x1` in namespace `host`: another vxlan of namespace `host` has that identifier on the same UDP port
 --> lab.rhai:1:1
  |
1 | vxlan("x1", 7, #{dstport: 4789});
  | ^^^^^
  = there: `x0`
  = errno: A VXLAN device with the specified VNI already exists
hint: take another identifier, or delete the other link
"#,
    },
    Refusal {
        what: "a_macvlan_beside_one_that_has_all",
        needs: &["veth", "macvlan"],
        before: "link add v0 type veth peer name v1\nlink set v0 up\nlink add link v0 m0 type macvlan mode passthru",
        script: r#"macvlan("v0", "m1", "bridge");"#,
        code: 1,
        stderr: r#"
error: cannot create macvlan `m1` in namespace `host`: one in mode passthru is the only one of its parent, and `v0` has macvlan `m0`
 --> lab.rhai:1:1
  |
1 | macvlan("v0", "m1", "bridge");
  | ^^^^^^^
  = errno: EINVAL
hint: take another parent, or another mode for all of them
"#,
    },
    Refusal {
        what: "a_gateway_that_is_on_no_link",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1\nlink set v0 up",
        script: r#"route("10.9.0.0/16", #{via: "10.5.0.1", onlink: true});"#,
        code: 1,
        stderr: r#"
error: cannot add route `10.9.0.0/16` in namespace `host`: by which link its gateway is reached is not said
 --> lab.rhai:1:1
  |
1 | route("10.9.0.0/16", #{via: "10.5.0.1", onlink: true});
  | ^^^^^
  = errno: ENODEV
hint: say it with `dev`: #{via: "10.5.0.1", dev: "LINK", onlink: true}
"#,
    },
    Refusal {
        what: "a_nexthop_on_a_link_with_no_gateway",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"nexthop(7, #{dev: "v0", onlink: true});"#,
        code: 1,
        stderr: r#"
error: cannot add nexthop `7` in namespace `host`: `onlink` takes a gateway as directly connected, and none is given
 --> lab.rhai:1:1
  |
1 | nexthop(7, #{dev: "v0", onlink: true});
  | ^^^^^^^
hint: leave it out, or name the gateway with `via`
"#,
    },
    Refusal {
        what: "a_route_on_a_link_with_no_gateway",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"route("10.9.0.0/16", #{dev: "v0", onlink: true});"#,
        code: 1,
        stderr: r#"
error: cannot add route `10.9.0.0/16` in namespace `host`: `onlink` takes a gateway as directly connected, and none is given
 --> lab.rhai:1:1
  |
1 | route("10.9.0.0/16", #{dev: "v0", onlink: true});
  | ^^^^^
hint: leave it out, or name the gateway with `via`
"#,
    },
    Refusal {
        what: "a_way_of_a_route_with_no_gateway",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"route("10.9.0.0/16", #{nexthops: [#{dev: "v0", onlink: true}, #{dev: "v1"}]});"#,
        code: 1,
        stderr: r#"
error: cannot add route `10.9.0.0/16` in namespace `host`: `onlink` takes a gateway as directly connected, and none is given
 --> lab.rhai:1:1
  |
1 | route("10.9.0.0/16", #{nexthops: [#{dev: "v0", onlink: true}, #{dev: "v1"}]});
  | ^^^^^
hint: leave it out, or name the gateway with `via`
"#,
    },
    Refusal {
        what: "a_setting_that_the_kernel_only_tells",
        needs: &[],
        before: "",
        script: r#"sysctl("ipv4.tcp_available_congestion_control", "reno");"#,
        code: 1,
        stderr: r#"
error: cannot set sysctl `ipv4.tcp_available_congestion_control` in namespace `host`: it can only be read
 --> lab.rhai:1:1
  |
1 | sysctl("ipv4.tcp_available_congestion_control", "reno");
  | ^^^^^^
  = errno: EACCES
"#,
    },
    Refusal {
        what: "an_address_of_ipv6_where_that_is_switched_off",
        needs: &["veth"],
        before: "link add v0 type veth peer name v1",
        script: r#"let v = link("v0").sysctl("ipv6.disable_ipv6", 1); v.addr("fd00::1/64");"#,
        code: 1,
        stderr: r#"
took down what this run made: 1 change
error: cannot add address `fd00::1/64` in namespace `host`: IPv6 is switched off on link `v0`
 --> lab.rhai:1:54
  |
1 | let v = link("v0").sysctl("ipv6.disable_ipv6", 1); v.addr("fd00::1/64");
  |                                                      ^^^^
  = on link `v0`
  = errno: EACCES
hint: switch it on first: link("v0").sysctl("ipv6.disable_ipv6", 0)
"#,
    },
];
