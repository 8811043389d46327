//! The path of packets: what `tracepath` shows, with the namespaces of the lab.

use crate::case::cases;
use crate::lab::Lab;
use crate::why::ROUTED;

cases! {
    ["veth"] =>
        a_path_has_its_hops_their_namespaces_and_the_least_mtu
        a_path_ends_where_nobody_answers_or_lets_pass
        next_hops_that_the_kernel_chooses_from_are_told;
}

/// What was printed, with a placeholder for every time.
fn without_times(text: &str) -> String {
    let lines = text.lines().map(|line| match line.find("ms") {
        Some(at) if line[..at].ends_with(|c: char| c.is_ascii_digit()) => {
            let number = |c: char| c.is_ascii_digit() || c == '.';
            let before = line[..at].trim_end_matches(number).trim_end();
            format!("{before} TIME{}\n", &line[at + 2..])
        }
        _ => format!("{line}\n"),
    });
    lines.collect()
}

/// What the script prints in the routed lab, whose router has a link to `b` that takes 1400 bytes; and what else it says.
#[track_caller]
fn printed(lab: &Lab, script: &str, said: &str) -> String {
    let output = lab.script(&format!("{ROUTED}r.link(\"e2\").mtu(1400);\n{script}"));
    assert_eq!((output.code, output.stderr.as_str()), (0, said));
    without_times(&output.stdout)
}

fn a_path_has_its_hops_their_namespaces_and_the_least_mtu(lab: &Lab) {
    let printed = printed(
        lab,
        r#"let told = path(a, b, #{timeout: "10s"});
        let hop = |hop| `${hop.ttl} ${hop.address} ${hop.netns}:${hop.link} ${hop.mtu} ${hop.ways}`;
        print(told.hops.map(hop).reduce(|all, one| all + one + "\n", ""));
        print([told.reached, told.mtu, told.back, told.ways, told.hops[0].rtt_ms > 0.0]);
        path("a", "fd02::2", #{timeout: "10s"});"#,
        "",
    );
    assert_eq!(
        printed,
        " 1?: [LOCALHOST]                      pmtu 1500
 1:  r (10.0.1.2) TIME
 2:  r (10.0.1.2) TIME pmtu 1400
 2:  b (10.0.2.2) TIME reached
     Resume: pmtu 1400 hops 2 back 2
1 10.0.1.2 r:e1 1400 [\"e2\"]
2 10.0.2.2 b:e0  []

[true, 1400, 2, [\"10.0.1.2\"], true]
 1?: [LOCALHOST]                      pmtu 1500
 1:  r (fd01::2) TIME
 2:  r (fd01::2) TIME pmtu 1400
 2:  b (fd02::2) TIME reached
     Resume: pmtu 1400 hops 2 back 2
"
    );
}

fn a_path_ends_where_nobody_answers_or_lets_pass(lab: &Lab) {
    let printed = printed(
        lab,
        r#"r.route("10.0.3.0/24", #{type: "prohibit"});
        path("a", "10.0.3.1");
        r.sysctl("ipv4.ip_forward", 0);
        print(path(a, b, #{max_hops: 2, timeout: "20ms"}).reached);
        path(a, b, #{timeout: "10ms"});
        a.del_route("default");
        print(path(a, "192.0.2.1").mtu);"#,
        "cause: no namespace here has the address `10.0.3.1`; a route of type prohibit of r refuses 10.0.3.1
hint: list those that there are: tree()
cause: r does not forward IPv4
hint: netns(\"r\").forward()
cause: r does not forward IPv4
hint: netns(\"r\").forward()
cause: no namespace here has the address `192.0.2.1`; a has no route to 192.0.2.1
hint: list those that there are: tree()
",
    );
    assert_eq!(
        printed,
        " 1?: [LOCALHOST]                      pmtu 1500
 1:  r (10.0.1.2) TIME !A
     Resume: pmtu 1500
 1?: [LOCALHOST]                      pmtu 1500
 1:  no reply
 2:  no reply
     Too many hops: pmtu 1500
false
 1?: [LOCALHOST]                      pmtu 1500
 1:  no reply
 2:  no reply
 3:  no reply
 4:  no reply
 5:  no reply
     No reply from 5 hops in a row: pmtu 1500
 1:  send failed: ENETUNREACH
     Resume: nothing was sent

"
    );
    let output = lab.ipvsh(&["-e", "path(\"a\", \"nobody\", #{quiet: true})"]);
    assert_eq!(
        output.end(),
        "exit code 1
error: cannot follow the path to `nobody`: there is no namespace `nobody`
 --> <expression>:1:1
  |
1 | path(\"a\", \"nobody\", #{quiet: true})
  | ^^^^
  = errno: ENOENT
hint: make it with netns(\"nobody\")
"
    );
}

fn next_hops_that_the_kernel_chooses_from_are_told(lab: &Lab) {
    let printed = printed(
        lab,
        r#"a.veth("f0", r, "f1", #{addr: "10.0.4.1/24", up: true});
        r.link("f1").addr("10.0.4.2/24").up().wait_up();
        a.link("f0").wait_up();
        a.del_route("default");
        a.route("default", #{nexthops: [#{via: "10.0.1.2"}, #{via: "10.0.4.2"}]});
        let told = path(a, "10.0.2.1", #{quiet: true});
        print(told.ways);
        let shown = told.to_string().split("\n");
        print(shown[shown.len() - 2]);"#,
        "",
    );
    assert_eq!(
        printed,
        "[\"10.0.1.2\", \"10.0.4.2\"]\n     a chooses from: 10.0.1.2, 10.0.4.2\n"
    );
}
