use super::*;

fn script(source: &str) -> String {
    let imported = import(source, None).unwrap();
    assert_eq!(imported.left, []);
    imported.script
}

#[test]
fn a_link_that_is_moved_is_made_in_place_and_each_namespace_is_one_chain() {
    let source = "\
#!/bin/sh
# two hosts
set -e
ip link add v0 type veth peer name v1
ip netns add a; ip netns add b
ip link set v0 netns a && ip link set v1 netns b name eth0

sudo ip netns exec a ip addr add 10.0.0.1/24 dev v0
ip -n b a a 10.0.0.2/24 dev eth0
ip net e a ip l s v0 up
ip -n b link set up dev eth0
ip -n a l set lo up mtu 9000
ip -n b route add default via 10.0.0.1
";
    insta::assert_snapshot!(script(source), @r#"
    // two hosts
    // set -e
    let a = netns("a");
    let b = netns("b");
    a.veth("v0", b, "v1").addr("10.0.0.1/24").up();
    a.link("lo").mtu(9000).up();

    b.link("v1").rename("eth0");
    b.link("eth0").addr("10.0.0.2/24").up();
    b.route("default", #{via: "10.0.0.1"});
    "#);
}

#[test]
fn what_is_touched_before_it_is_moved_is_moved() {
    let source = "\
ip netns add a
ip link add v0 type veth peer name v1
ip link set v0 mtu 1400
ip link set v0 netns a
ip link add link v1 v1.5 type vlan id 5
ip link set v1 netns a
";
    insta::assert_snapshot!(script(source), @r#"
    let a = netns("a");
    veth("v0", "v1").mtu(1400).netns(a);
    vlan("v1", "v1.5", 5);
    link("v1").netns(a);
    "#);
}

#[test]
fn loops_over_known_words_are_unrolled_and_variables_put_in() {
    let source = "\
PARENT=bond0
N=2
for i in $(seq 1 $N); do
    ip netns add \"net-$i\"   # one more
    ip link add link ${PARENT} v$i netns net-$i type ipvlan
    ip -n net-$i addr add 100.0.$((i + 1)).18/24 dev v$i
done
for x in a b
do ip netns exec $x ping -c 1 -W 2 10.0.0.1 > /dev/null || true
done
";
    insta::assert_snapshot!(script(source),@r#"
    // one more
    let net_1 = netns("net-1");
    net_1.ipvlan("bond0", "v1", "l3").addr("100.0.2.18/24");

    let net_2 = netns("net-2");
    net_2.ipvlan("bond0", "v2", "l3").addr("100.0.3.18/24");
    let a = existing("a");
    a.ping("10.0.0.1", #{count: 1, timeout: "2s"});
    let b = existing("b");
    b.ping("10.0.0.1", #{count: 1, timeout: "2s"});
    "#);
}

#[test]
fn what_is_not_known_is_marked_with_its_line_and_reason() {
    let source = "\
modprobe ipvlan
if [ -z \"$1\" ]; then
    echo usage
fi
ip link set $DEV up
ip addr show | grep inet
ip -n a addr add fd00::1/64 dev v0 optimistic
cat > x <<EOF
ip netns add not-a-command
EOF
(sleep 1; sleep 2) &
ip link frobnicate
";
    insta::assert_snapshot!(import(source, None).unwrap().script, @r#"
    let arg1 = param("arg1", "", "argument 1 of the shell script");

    try { print(exec(["modprobe", "ipvlan"]).stdout); } catch {}
    if arg1 == "" {
        print("usage");
    }
    // not translated: line 5: ip link set $DEV up    ($DEV is set nowhere in the script)
    try { print(exec(["bash", "-c", "ip addr show | grep inet"]).stdout); } catch {}
    let a = existing("a");
    try { a.exec(["ip", "addr", "add", "fd00::1/64", "dev", "v0", "optimistic"]); } catch {}
    exec(["tee", "x"], #{input: "ip netns add not-a-command\n"});
    // not translated: line 11: (sleep 1; sleep 2) &    (a command in the background)
    // not translated: line 12: ip link frobnicate    (`frobnicate` is not known here)
    "#);
    let left = import(source, None).unwrap().left.into_iter();
    let lines: Vec<usize> = left.map(|left| left.line).collect();
    assert_eq!(lines, [5, 11, 12]);
}

/// Different ways to say the same.
#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn abbreviations_and_orders_of_words_are_those_of_ip() {
    let same: &[(&str, &[&str])] = &[
        (
            r#"link("v0").up();"#,
            &[
                "ip l s v0 up",
                "ip link set up dev v0",
                "ip li se dev v0 up",
                "/sbin/ip link set v0 up",
                "ifconfig v0 up",
            ],
        ),
        (
            r#"link("v0").addr("10.0.0.1/24");"#,
            &[
                "ip a a 10.0.0.1/24 dev v0",
                "ip addr add dev v0 10.0.0.1/24",
                "ip -4 address replace local 10.0.0.1/24 dev v0",
                "sudo ip ad ad 10.0.0.1/24 dev v0",
            ],
        ),
        (
            r#"link("v0").route("default");"#,
            &[
                "ip r a default dev v0",
                "ip ro add dev v0 default",
                "ip route add to default dev v0 scope link",
                "route add default dev v0",
                "route add default v0",
            ],
        ),
        (
            r#"route("default", #{via: "10.0.0.1"});"#,
            &[
                "ip r a default via 10.0.0.1",
                "route add default gw 10.0.0.1",
                "ip route add default via inet 10.0.0.1 proto boot",
            ],
        ),
        (
            r#"link("v0").route("10.1.0.0/16", #{via: "10.0.0.1"});"#,
            &[
                "ip route add 10.1.0.0/16 via 10.0.0.1 dev v0",
                "route add -net 10.1.0.0 netmask 255.255.0.0 gw 10.0.0.1 v0",
            ],
        ),
        (
            "let a = existing(\"a\");\na.link(\"v0\").up();",
            &[
                "ip -n a l s v0 up",
                "ip -netns a link set v0 up",
                "ip net exec a ip l s v0 up",
                "ip netns e a ip link set up v0",
                "ip netns exec a sh -c 'ip link set v0 up'",
            ],
        ),
        (
            r#"link("v0").neighbor("10.0.0.2", "02:00:00:00:00:02");"#,
            &[
                "ip n a 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0",
                "ip neigh add 10.0.0.2 dev v0 lladdr 02:00:00:00:00:02 nud permanent",
            ],
        ),
        (
            r#"rule(#{from: "10.0.0.0/8", table: 100, priority: 5});"#,
            &[
                "ip rule add from 10.0.0.0/8 lookup 100 pref 5",
                "ip ru a from 10.0.0.0/8 to all table 100 priority 5",
            ],
        ),
        (
            "print(addrs());",
            &[
                "ip a",
                "ip addr show",
                "ip a s",
                "ip -br a l",
                "ip -4 -o addr ls",
            ],
        ),
        ("print(routes());", &["ip r", "ip route list", "route -n"]),
        (
            "print(namespaces());",
            &["ip netns", "ip net ls", "ip netns list"],
        ),
        (
            r#"vlan("eth0", "eth0.5", 5);"#,
            &[
                "ip link add link eth0 name eth0.5 type vlan id 5",
                "ip l a eth0.5 link eth0 type vlan id 5",
                "ip link add dev eth0.5 link eth0 type vlan id 5",
            ],
        ),
        (
            r#"bridge("br0", #{stp: true});"#,
            &[
                "ip link add br0 type bridge stp_state 1",
                "ip link add name br0 type bridge stp_state 1",
            ],
        ),
        (
            r#"link("p0").master("br0");"#,
            &[
                "ip link set p0 master br0",
                "brctl addif br0 p0",
                "ip link set master br0 dev p0",
            ],
        ),
        (
            r#"macvlan("eth0", "m0", "vepa");"#,
            &[
                "ip link add link eth0 m0 type macvlan",
                "ip link add m0 link eth0 type macvlan mode vepa",
            ],
        ),
        (
            r#"ipvlan("eth0", "v0", "l2", #{flag: "private"});"#,
            &["ip link add link eth0 v0 type ipvlan mode l2 private"],
        ),
        (
            r#"bond("b0", "active-backup", #{miimon: 100});"#,
            &[
                "ip link add b0 type bond mode active-backup miimon 100",
                "ip link add b0 type bond miimon 100 mode active-backup",
            ],
        ),
        (
            r#"link("v0").netem(#{delay: "10ms", loss: "1%"});"#,
            &[
                "tc qdisc add dev v0 root netem delay 10ms loss 1%",
                "tc q add dev v0 root netem delay 10ms loss random 1%",
            ],
        ),
        (
            r#"ping("10.0.0.1", 3);"#,
            &[
                "ping -c 3 10.0.0.1",
                "ping -c3 -n 10.0.0.1",
                "ping 10.0.0.1 -c 3",
            ],
        ),
        (
            r#"sysctl("ipv4.ip_forward", 1);"#,
            &[
                "sysctl -w net.ipv4.ip_forward=1",
                "sysctl -qw net/ipv4/ip_forward=1",
            ],
        ),
    ];
    for (expected, commands) in same {
        for command in *commands {
            assert_eq!(script(command), format!("{expected}\n"), "{command}");
        }
    }
}

#[test]
fn no_text_makes_it_panic_and_none_of_it_is_lost() {
    let texts = [
        "ip",
        "ip link",
        "ip -n",
        "ip netns exec",
        "ip netns exec a",
        "for",
        "for i in",
        "for i in a; do",
        "((",
        "))",
        ";;",
        "&&",
        "| |",
        "f() {",
        "<<",
        "<<EOF",
        "$(",
        "\"",
        "`",
        "ping",
        "ping -",
        "ping -c",
        "sudo",
        "tc",
        "tc qdisc",
        "route",
        "sysctl",
        "sh -c",
        "ip link add",
        "ip link add type",
        "ip rule add",
        "}",
        "done",
        "!",
        "ä\u{0}",
        "> x",
        "if",
        "case",
        "{",
        "ping -ä 1",
        "ip link set",
    ];
    for text in texts {
        let imported = import(text, None).unwrap();
        assert_ne!(imported.script.trim(), "", "{text}");
    }
}

#[test]
fn options_of_links_are_read_as_ip_reads_them() {
    let same: &[(&str, &[&str])] = &[
        (
            r#"vxlan("x0", 5, #{tos: 16, ttl: 0});"#,
            &[
                "ip link add x0 type vxlan id 5 tos 0x10 ttl auto",
                "ip link add x0 type vxlan id 5 dsfield 10 hoplimit 0",
            ],
        ),
        (
            r#"vxlan("x0", 5, #{ttl: "inherit", learning: false});"#,
            &["ip link add x0 type vxlan id 5 ttl inherit nolearning"],
        ),
        (
            r#"geneve("x0", 5, #{remote: "10.0.0.2", ttl: "inherit"});"#,
            &["ip link add x0 type geneve id 5 rem 10.0.0.2 ttl inherit"],
        ),
        (
            r#"gre("x0", #{remote: "10.0.0.2", tos: 1, key: 16909060});"#,
            &["ip link add x0 type gre remote 10.0.0.2 tos inherit key 1.2.3.4"],
        ),
        (
            r#"bridge("x0", #{group_fwd_mask: 8, stp: true, forward_delay: "4s"});"#,
            &["ip link add x0 type bridge group_fwd_mask 0x8 stp_state 1 forward_delay 400"],
        ),
        (
            r#"bond("x0", "802.3ad", #{arp_ip_target: ["10.0.0.1", "10.0.0.2"]});"#,
            &["ip link add x0 type bond mode 4 arp_ip_target 10.0.0.1,10.0.0.2"],
        ),
        (
            r#"vrf("x0", 254, #{up: false});"#,
            &[
                "ip link add x0 type vrf table main",
                "ip link add x0 type vrf table 0xfe",
            ],
        ),
        (
            r#"xfrm("x0", 42, #{dev: "v0"});"#,
            &["ip link add x0 type xfrm dev v0 if_id 0x2a"],
        ),
        (
            r#"netkit("x0", "x1", #{mode: "l2"});"#,
            &["ip link add x0 type netkit mode l2 peer name x1"],
        ),
        (
            r#"tap("x0", #{user: 0, multi_queue: true});"#,
            &["ip tuntap add dev x0 mode tap user 0 multi_queue"],
        ),
        (
            r#"macvlan("v0", "x0", "source", #{macs: ["02:00:00:00:00:07", "02:00:00:00:00:08"]});"#,
            &[
                "ip link add x0 link v0 type macvlan mode source macaddr set 02:00:00:00:00:07 02:00:00:00:00:08",
            ],
        ),
        (
            r#"dummy("x0", #{numtxqueues: 7});"#,
            &["ip link add x0 numtxqueues 7 type dummy"],
        ),
        (
            r#"vlan("v0", "x0", 5, #{protocol: "802.1ad", reorder_hdr: false});"#,
            &["ip link add link v0 name x0 type vlan proto 802.1ad id 5 reorder_hdr off"],
        ),
    ];
    for (expected, sources) in same {
        for source in *sources {
            assert_eq!(script(source).trim(), *expected, "{source}");
        }
    }
}

/// What a shell makes of a script, kind by kind.
#[test]
fn what_a_shell_calculates_decides_and_calls_is_what_is_made() {
    let same: &[(&str, &[&str])] = &[
        (
            "ip netns add n2",
            &[
                "i=1\n((i++))\nip netns add n$i",
                "i=1; let i=i+1; ip netns add n$i",
            ],
        ),
        (
            "ip netns add a2",
            &[
                "a=(x y a2); ip netns add ${a[2]}",
                "a=(x); a+=(a2); ip netns add ${a[1]}",
            ],
        ),
        (
            "ip netns add h00; ip netns add h01",
            &[
                "for i in {00..01}; do ip netns add h$i; done",
                "for i in $(seq -w 0 10 11); do ip netns add h$i; break; done; ip netns add h01",
                "for i in 0 1; do ip netns add $(printf h%02d $i); done",
            ],
        ),
        (
            "ip netns add h3; ip netns add h1",
            &[
                "for i in {3..1..2}; do ip netns add h$i; done",
                "for ((i=3; i>0; i-=2)); do ip netns add h$i; done",
                "i=3; while [ $i -gt 0 ]; do ip netns add h$i; i=$((i-2)); done",
                "i=3; until (( i < 0 )); do ip netns add h$i; i=$((i-2)); done",
                "f() { local i=$1; ip netns add h$i; }; i=9; f 3; f 1",
                "function f { for x in \"$@\"; do ip netns add h$x; done; }\nf 3 1",
                "for i in 3 2 1; do [ $i = 2 ] && continue; ip netns add h$i; done",
            ],
        ),
        (
            "ip netns add x",
            &[
                "N=; N=${N:-x}; ip netns add $N",
                "set -- x; ip netns add ${1:-y}",
                "N=x.lab; ip netns add ${N%.lab}",
                "N=/a/x; ip netns add ${N##*/}",
                "case ab in a*) ip netns add x;; *) ip netns add y;; esac",
                "if [[ ab == a* && 1 -lt 2 ]]; then ip netns add x; else ip netns add y; fi",
                "if [ \"$(id -u)\" != 0 ]; then exit 1; fi; ip netns add x",
                "N=$(echo x); ip netns add $N",
                "ip netns add x || exit 1",
                "command -v ip >/dev/null || exit 1; ip netns add x",
                "ip netns list | grep -q x || ip netns add x",
                "if ! ip netns list | grep -q x; then ip netns add x; fi",
                "[ -e /run/netns/x ] || ip netns add x",
                "ip -b - <<EOF\nnetns add x\nEOF",
                "bash <<'EOF'\nip netns add x\nEOF",
                "bash -c 'ip netns add x'",
                "sudo -E ip netns add x",
                "(ip netns add x)",
                "{ ip netns add x; }",
                "eval ip netns add x",
            ],
        ),
        (
            "ip link set v0 alias 'a  b'",
            &[
                "A=(\"a  b\"); ip link set v0 alias \"${A[@]}\"",
                "A='a  b'; ip link set v0 alias \"$A\"",
            ],
        ),
        (
            "sysctl -w net.ipv4.ip_forward=1",
            &[
                "echo 1 > /proc/sys/net/ipv4/ip_forward",
                "echo 1 | sudo tee /proc/sys/net/ipv4/ip_forward >/dev/null",
            ],
        ),
    ];
    // Without what is only said of it.
    let made = |source: &str| -> Vec<String> {
        let script = script(source);
        let lines = script
            .lines()
            .filter(|line| !line.starts_with("//") && !line.is_empty());
        lines.map(str::to_owned).collect()
    };
    for (plain, sources) in same {
        for source in *sources {
            assert_eq!(made(source), made(plain), "{source}");
        }
    }
}

#[test]
fn what_the_shell_does_not_run_is_no_command() {
    for source in [
        "CLEAN=0\n[ \"$CLEAN\" = 1 ] && ip netns del tmp\n",
        "ip link set v0 up || { echo no; ip netns del tmp; exit 1; }\n",
        "exit 0\nip netns del tmp\n",
        "f() { ip netns del tmp; }\n",
        "if false; then ip netns del tmp; fi\n",
        "i=0; while [ $i -gt 0 ]; do ip netns del tmp; done\n",
        "case a in b) ip netns del tmp;; esac\n",
        "if [ -f /etc/clean ]; then ip netns del tmp; fi\n",
        "if [ a ]; then\nselect x in a; do\nip netns del tmp\ndone\nip netns del tmp\nfi\n",
    ] {
        let script = import(source, None).unwrap().script;
        let mut code = script.lines().filter(|line| !line.starts_with("//"));
        assert!(
            code.all(|line| !line.contains("delete")),
            "{source}:\n{script}"
        );
        assert!(
            script.contains("tmp") || source.starts_with("f()"),
            "{source}:\n{script}"
        );
    }
}

#[test]
fn a_value_that_only_a_run_knows_makes_all_that_depends_on_it_unknown() {
    for source in [
        "i=1\nread i\nip netns add n$i\n",
        "i=1\ni=$(cat /etc/number)\nip netns add n$i\n",
        "i=1\nif [ -f /etc/x ]; then i=2; fi\nip netns add n$i\n",
        "i=1\nwhile read line; do i=2; done < file\nip netns add n$i\n",
        "i=1\nset_i() { i=2; }\nif [ -f /etc/x ]; then set_i; fi\nip netns add n$i\n",
        "i=1\ngetopts i: i\nip netns add n$i\n",
        "a=(1)\na[$x]=2\nip netns add n${a[0]}\n",
    ] {
        let imported = import(source, None).unwrap();
        assert!(
            !imported.script.contains("netns(\"n"),
            "{source}:\n{}",
            imported.script
        );
        assert!(
            imported
                .left
                .iter()
                .any(|left| left.text.contains("netns add")),
            "{source}"
        );
    }
}

#[test]
fn tunnels_are_made_where_they_were_made_and_moved() {
    let source = "\
ip netns add a
ip link add x0 type vxlan id 5
ip link set x0 netns a
ip link add s0 netns a type sit remote 10.0.0.2
ip -n a link del gone 2>/dev/null
";
    insta::assert_snapshot!(script(source), @r#"
    let a = netns("a");
    vxlan("x0", 5).netns(a);
    sit("s0", #{remote: "10.0.0.2"}).netns(a);
    a.delete("gone");
    "#);
}

#[test]
fn no_script_makes_it_go_on_for_ever() {
    for source in [
        "while true; do ip netns add a; done",
        "f() { f; f; }; f",
        "for ((;;)); do :; done",
        "a=xxxxxxxx; while true; do a=$a$a; done",
        "i=0; while [ $i -lt 100000000 ]; do i=$((i+1)); done",
        "for a in {1..9999}; do for b in {1..9999}; do ip netns add x; done; done",
        "echo $(($((((((((1))))))))))",
        &format!("{} true", "! ".repeat(100_000)),
        &format!("ip netns add {}", "{a,b}".repeat(1_000)),
        &format!("ip netns add {}", "{a,b}".repeat(20)),
    ] {
        assert!(import(source, None).is_ok(), "{source}");
    }
}

#[test]
fn a_namespace_that_is_known_by_a_process_is_made_with_it() {
    let source = "\
unshare -n sleep 60 &
PID=$!
mkdir -p /var/run/netns
ln -sfT /proc/$PID/ns/net /var/run/netns/c1
ip link add v0 type veth peer name v1
ip link set v1 netns $PID
nsenter -t $PID -n ip link set v1 up
ip netns exec c1 iperf3 -s >/dev/null 2>&1 &
ip link set v0 up &
wait
";
    insta::assert_snapshot!(script(source), @r#"
    let c1 = netns("c1");
    try { c1.spawn(["sleep", "60"]); } catch {}
    veth("v0", c1, "v1");
    c1.link("v1").up();
    try { c1.spawn(["iperf3", "-s"]); } catch {}
    link("v0").up();
    // not run: line 10: wait    (what was started goes on in the lab, and nothing is done behind it)
    "#);
    for source in [
        "unshare -n sleep 60 &\n",
        "unshare -n sleep 60 &\nip link set v1 netns $!\n",
        "unshare -n sleep 60 &\nkill $!\n",
        "firefox &\nip link set v1 netns $!\n",
    ] {
        let imported = import(source, None).unwrap();
        assert_ne!(imported.left, [], "{source}");
        assert!(!imported.script.contains('\u{1}'), "{source}");
    }
}

#[test]
fn what_is_written_to_files_is_written() {
    let same: &[(&str, &[&str])] = &[
        (
            r#"exec(["tee", "-a", "/etc/x"], #{input: "200 isp2\n"});"#,
            &[
                "echo '200 isp2' >> /etc/x",
                "echo 200 isp2 | sudo tee -a /etc/x >/dev/null",
                "printf '%d isp%d\\n' 200 2 >> /etc/x",
                "cat >> /etc/x <<EOF\n200 isp2\nEOF",
                "N=$(cat <<EOF\n200 isp2\nEOF\n)\necho \"$N\" >> /etc/x",
            ],
        ),
        (
            r#"exec(["sh", "-c", "grep -q '^2 x$' /etc/x || echo 2 x >> /etc/x"]);"#,
            &["grep -q '^2 x$' /etc/x || echo 2 x >> /etc/x"],
        ),
        (
            r#"try { exec(["mkdir", "-p", "/etc/netns/a"]); } catch {}"#,
            &["mkdir -p /etc/netns/a"],
        ),
    ];
    for (expected, sources) in same {
        for source in *sources {
            assert_eq!(script(source).trim(), *expected, "{source}");
        }
    }
}

#[test]
fn options_of_ping_are_those_of_the_word() {
    for (options, expected) in [
        ("-c1 -Iv0", r#"#{count: 1, iface: "v0"}"#),
        ("-c 2 -I 10.0.0.1", r#"#{count: 2, source: "10.0.0.1"}"#),
        ("-w 3 -i 0.5", r#"#{count: 6, interval: "0.5s"}"#),
        ("-c 2 -w 3", r#"#{count: 2, timeout: "3s"}"#),
        (
            "-c 1 -M do -m 7 -Q 8",
            "#{count: 1, df: true, mark: 7, tos: 8}",
        ),
    ] {
        let expected = format!("ping(\"10.0.0.2\", {expected});");
        assert_eq!(
            script(&format!("ping {options} 10.0.0.2")).trim(),
            expected,
            "{options}"
        );
    }
}

/// What stands behind a name in `${…}` may be quoted; powers are taken from the right; a number with a zero before it
/// is octal.
#[test]
fn what_stands_behind_a_name_and_in_numbers_is_what_a_shell_makes_of_it() {
    for (source, expected) in [
        ("z=; ip netns add ${z:-\"a\"b}", "netns(\"ab\");"),
        ("z= y=c; ip netns add ${z:-\"a$y\"}", "netns(\"ac\");"),
        ("x=1; ip netns add n${x:+\"yes\"}", "netns(\"nyes\");"),
        ("x=bridge; ip netns add ${x%\"dge\"}", "netns(\"bri\");"),
        ("echo { {a} x{", "print(\"{ {a} x{\");"),
        ("f='*'; g='aXbY'; ip netns add ${g%$f}", "netns(\"aXbY\");"),
        ("f='*'; g='a*b'; ip netns add ${g%\"$f\"b}", "netns(\"a\");"),
        ("x=a-b; ip netns add ${x/\"-\"/_}", "netns(\"a_b\");"),
        (
            "ip link add v0 mtu $((2**3**2)) type dummy",
            "dummy(\"v0\", #{mtu: 512});",
        ),
    ] {
        let made = script(source);
        let made = made.trim();
        let made = made.split_once(" = ").map_or(made, |(_, made)| made);
        assert_eq!(made, expected, "{source}");
    }
}

#[test]
fn what_cannot_be_calculated_is_left_with_its_line() {
    for (source, why) in [
        ("x=08; ip netns add n$((x+1))", "$x is no plain number"),
        ("ip netns add n${00}", "$00 is an argument of the script"),
        (
            "ip netns add {a..c..-9223372036854775808}",
            "the pattern {a..c..-9223372036854775808}",
        ),
        ("ping -i 0.00001 -W x 10.0.0.1", "`x` is not known here"),
        ("ip netns add ${z:-\"a c\"}", "quotes in ${z:-\"a c\"}"),
        (
            "[[ a < b ]] && ip netns add n",
            "a condition of its own kind",
        ),
    ] {
        let left = import(source, None).unwrap().left;
        let said: Vec<_> = left.iter().map(|left| left.why.as_str()).collect();
        assert!(said.contains(&why), "{source}: {said:?}");
    }
}

/// A VLAN whose command may fail is one of the port's.
#[test]
fn a_vlan_that_may_be_refused_is_taken_with_the_others() {
    let source = "\
ip link add br0 type bridge vlan_filtering 1
ip link add v0 type veth peer name v1
ip link set v0 master br0
bridge vlan add vid 10 dev v0 2>/dev/null || true
bridge vlan del vid 1 dev v0 || true
";
    insta::assert_snapshot!(script(source), @r#"
    bridge("br0", #{vlan_filtering: true});
    veth("v0", "v1").master("br0");
    try { link("v0").port(#{tagged: [10]}); } catch {}
    "#);
}

/// The commands of a program in the background stay where they are.
#[test]
fn what_a_started_program_may_look_at_is_not_moved_over_it() {
    let source = "\
ip netns add a
ip link add v0 type veth peer name v1
ip netns exec a tcpdump &
ip link set v1 netns a
";
    insta::assert_snapshot!(script(source), @r#"
    let a = netns("a");
    veth("v0", "v1");
    try { a.spawn(["tcpdump"]); } catch {}
    link("v1").netns(a);
    "#);
}

/// Options of a link that is there are set in place; routes are wrapped; queues hang inside each other.
#[test]
fn options_of_a_kind_are_set_later() {
    let source = "\
ip link add br0 type bridge
ip link set br0 type bridge vlan_filtering 1 stp_state 1 ageing_time 3000
ip link set dev vx0 up type vxlan nolearning
ip link set bond0 type bond mode 802.3ad primary eth0
ip route add 10.7.0.0/16 vrf blue encap mpls 100/200 via inet 10.0.0.2
ip -6 route add fc00::1/128 dev v0 encap seg6local action End.DT46 vrftable 107
ip -6 route add fd07::/64 encap seg6 mode encap segs fc00::1,fc00::2 dev v0 table 9
ip route del 10.7.0.0/16 vrf blue
tc qdisc add dev e0 root handle 1:0 netem delay 20ms
tc qdisc add dev e0 parent 1:1 handle 10: tbf rate 20Mbit burst 32kbit latency 400ms
tc qdisc add dev e0 clsact
";
    insta::assert_snapshot!(script(source), @r#"
    bridge("br0").set(#{vlan_filtering: true, stp: true, ageing_time: "30s"});
    link("vx0").set(#{learning: false}).up();
    link("bond0").set(#{mode: "802.3ad"}).primary("eth0");
    route("10.7.0.0/16", #{vrf: "blue", encap: "mpls 100/200", via: "10.0.0.2"});
    link("v0")
        .route("fc00::1/128", #{encap: "seg6local action End.DT46 vrftable 107"})
        .route("fd07::/64", #{encap: "seg6 mode encap segs fc00::1,fc00::2", table: 9});
    del_route("10.7.0.0/16", #{vrf: "blue"});
    link("e0")
        .netem(#{delay: "20ms", tbf: #{rate: "20Mbit", burst: "4KiB", latency: "400ms"}})
        .clsact();
    "#);
}

#[test]
fn an_address_with_another_length_stands_beside_the_first() {
    let source = "\
ip addr add 10.0.0.1/24 dev v0
ip addr add 10.0.0.1/16 dev v0
ip addr add 10.0.0.1/16 dev v1
ip addr del 10.0.0.1/16 dev v1
ip addr add 10.0.0.1/24 dev v1
ip addr add fd00::1/64 dev v0
ip addr add fd00::1/48 dev v0
";
    insta::assert_snapshot!(script(source), @r#"
    link("v0").addr("10.0.0.1/24").addr("10.0.0.1/16", #{beside: true});
    link("v1")
        .addr("10.0.0.1/16")
        .del_addr("10.0.0.1/16")
        .addr("10.0.0.1/24");
    link("v0").addr("fd00::1/64").addr("fd00::1/48");
    "#);
}

#[test]
fn files_that_are_run_or_read_along_are_taken_by_their_own_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let part = "#!/bin/bash\nname=$1\nip netns add $name\nif [ -z \"$2\" ]; then exit 1; fi\nip -n $name link set $2 up\n";
    std::fs::write(folder.path().join("part.sh"), part).unwrap();
    std::fs::write(
        folder.path().join("other"),
        "#!/usr/bin/env python3\nprint(1)\n",
    )
    .unwrap();
    let source = "prefix=x\n./part.sh a lo\nbash -x ./part.sh b\n./other\n. ./part.sh c lo\n";
    let path = folder.path().join("all.sh");
    let told = Told {
        path: Some(&path),
        ..Told::default()
    };
    let imported = import_as(source, &told).unwrap();
    insta::assert_snapshot!(imported.script, @r#"
    let a = netns("a");
    // not run: line 4: exit 1    (the condition does not hold)
    let b = netns("b");

    a.link("lo").up();
    // not run: line 5: ip -n $name link set $2 up    (behind the exit in line 4)
    // not translated: line 4: ./other    (the program `other` is not known here)
    let c = netns("c");
    c.link("lo").up();
    "#);
}

#[test]
fn a_ping_is_taken_alone_only_where_nothing_else_is_done() {
    let taken = |text: &str| {
        import(text, None)
            .unwrap()
            .script
            .contains("its ping alone")
    };
    assert!(taken(
        "if ping -c1 10.0.0.1 >/dev/null 2>&1; then echo yes; else echo no >&2; fi"
    ));
    for text in [
        "if ping -c1 10.0.0.1; then echo 1 > /proc/sys/net/ipv4/ip_forward; fi",
        "ping -c1 10.0.0.1 && echo $(ip netns add a)",
        "if ping -c1 10.0.0.1; then X=$(ip netns add a); fi",
        "ping -c1 10.0.0.1 && sed -i s/a/b/ /etc/hosts",
        "{ ping -c1 10.0.0.1 | grep ttl; } > /etc/hosts",
        "ping -c1 10.0.0.1 && ip netns del a",
    ] {
        assert!(!taken(text), "{text}");
    }
}
