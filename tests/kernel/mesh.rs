//! Who reaches whom, all at once.

use std::process::Command;

use serde_json::{Value, json};

use crate::case::cases;
use crate::lab::Lab;

cases! {
    ["veth"] =>
        a_pair_that_is_not_reached_is_explained
        everybody_pings_everybody_else
        a_matrix_says_what_came_back
        a_row_is_as_ping_finds_it
        a_report_of_a_pair_is_as_of_a_ping
        links_are_pinged_at_their_own_addresses_and_from_them
        a_family_can_be_chosen
        of_two_addresses_one_of_a_common_family_is_pinged
        a_mesh_in_json_is_whole
        a_planned_mesh_sends_nothing
        a_mesh_is_traced_as_its_pings
        a_mesh_of_what_is_not_there_is_refused;
}

/// `a` and `b` are joined, `c` stands alone.
const THREE: &str = r#"
let a = netns("a");
let b = netns("b");
let v = a.veth("v0", b, "v1", #{addr: ["10.0.0.1/24", "fd00::1/64"], nodad: true, up: true});
v.peer.addr("10.0.0.2/24").addr("fd00::2/64", #{nodad: true}).up();
let c = netns("c");
let w = c.veth("w0", c, "w1", #{addr: "10.1.0.1/24", up: true});
w.peer.up();
for link in [v, v.peer, w] { link.wait_up(); }
"#;

/// The text with `TIME` for each time in a cell of a matrix.
pub(crate) fn without_times(matrix: &str) -> String {
    let is_time = |cell: &&str| cell.contains('.') && cell.parse::<f64>().is_ok();
    let lines = matrix.lines().map(|line| {
        let cells = line
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty());
        let cells = cells.map(|cell| if is_time(&cell) { "TIME" } else { cell });
        cells.collect::<Vec<_>>().join(" | ") + "\n"
    });
    lines.collect()
}

fn everybody_pings_everybody_else(lab: &Lab) {
    let printed = lab.run(&format!(
        "{THREE}let found = mesh([a, \"b\"]); print(found); print(found.ok); print(found.names); print(found.note == ());"
    ));
    assert_eq!(
        without_times(&printed),
        "FROM | a | b\n\
         a | - | TIME\n\
         b | TIME | -\n\
         2 of 2 pairs reach each other, mean times in ms\n\
         true\n\
         [\"a\", \"b\"]\n\
         true\n"
    );
}

fn a_matrix_says_what_came_back(lab: &Lab) {
    let printed = lab.run(&format!(
        "{THREE}b.route(\"10.1.0.0/24\", #{{type: \"prohibit\"}});\n\
         let found = mesh([a, b, c], #{{family: \"inet\"}}); print(found); print(found.ok);"
    ));
    assert_eq!(
        without_times(&printed),
        "FROM | a | b | c\n\
         a | - | TIME | no route\n\
         b | TIME | - | forbidden\n\
         c | no route | no route | -\n\
         2 of 6 pairs reach each other, mean times in ms\n\
         cause: a → c: a has no route to 10.1.0.1\n\
         hint: why(\"a\", \"10.1.0.1\") shows how far the packets come\n\
         false\n"
    );
}

/// What the `ping` of iputils says of one ping: whether it was answered.
fn answers(from: &str, to: &str) -> bool {
    let arguments = ["netns", "exec", from, "ping", "-c1", "-W2", to];
    let output = Command::new("ip").args(arguments).output();
    output.expect("`ip` runs").status.success()
}

fn a_row_is_as_ping_finds_it(lab: &Lab) {
    let rows = lab.run(&format!(
        "{THREE}for row in mesh([a, b, c]).rows {{ print(`${{row.from}} ${{row.to}} ${{row.destination}} ${{row.ok}} ${{row.sent}} ${{row.received}} ${{row.result}}`); \
         assert(row.ok == (row.rtt_avg_ms != ())); }}"
    ));
    assert_eq!(
        rows,
        "a b 10.0.0.2 true 1 1 ok\n\
         a c 10.1.0.1 false 1 0 no route\n\
         b a 10.0.0.1 true 1 1 ok\n\
         b c 10.1.0.1 false 1 0 no route\n\
         c a 10.0.0.1 false 1 0 no route\n\
         c b 10.0.0.2 false 1 0 no route\n"
    );
    for row in rows.lines() {
        let cells: Vec<&str> = row.split(' ').collect();
        assert_eq!(answers(cells[0], cells[2]).to_string(), cells[3], "{row}");
    }
}

fn a_report_of_a_pair_is_as_of_a_ping(lab: &Lab) {
    let found = lab.value(&format!(
        "{THREE}let found = mesh([a, b, c], #{{count: 3, interval: \"1ms\"}});\n\
         let there = found.report(a, \"b\"); let nowhere = found.report(c, a);\n\
         [there.ok, there.sent, there.received, there.replies.map(|reply| reply.from), nowhere.received, nowhere.errors[0].kind, nowhere.errors[0].errno]"
    ));
    let from = ["10.0.0.2"; 3];
    assert_eq!(
        found,
        json!([true, 3, 3, from, 0, "send_failed", "ENETUNREACH"])
    );
}

fn links_are_pinged_at_their_own_addresses_and_from_them(lab: &Lab) {
    // The second pair is between the same namespaces: without a source, replies would go to the address of the first.
    let found = lab.run(&format!(
        "{THREE}a.link(\"lo\").up(); let x = a.veth(\"x0\", b, \"x1\", #{{addr: \"10.2.0.1/24\", up: true}}); x.peer.addr(\"10.2.0.2/24\").up().wait_up(); x.wait_up();\n\
         let found = mesh([x, x.peer, v]); print(found.names);\n\
         for row in found.rows {{ print(`${{row.from}} ${{row.to}} ${{row.destination}} ${{row.result}}`); }}\n\
         print(found.report(x, x.peer).ok);"
    ));
    assert_eq!(
        found,
        "[\"a/x0\", \"b/x1\", \"a/v0\"]\n\
         a/x0 b/x1 10.2.0.2 ok\n\
         a/x0 a/v0 10.0.0.1 ok\n\
         b/x1 a/x0 10.2.0.1 ok\n\
         b/x1 a/v0 10.0.0.1 ok\n\
         a/v0 a/x0 10.2.0.1 ok\n\
         a/v0 b/x1 10.2.0.2 ok\n\
         true\n"
    );
}

fn a_family_can_be_chosen(lab: &Lab) {
    let found = lab.value(&format!(
        "{THREE}mesh([a, b], #{{family: \"inet6\"}}).rows.map(|row| [row.destination, row.ok])"
    ));
    assert_eq!(found, json!([["fd00::2", true], ["fd00::1", true]]));
}

fn of_two_addresses_one_of_a_common_family_is_pinged(lab: &Lab) {
    let found = lab.value(&format!(
        "{THREE}v.peer.del_addr(\"10.0.0.2/24\"); mesh([a, b]).rows.map(|row| [row.destination, row.ok])"
    ));
    assert_eq!(found, json!([["fd00::2", true], ["fd00::1", true]]));
}

fn a_mesh_in_json_is_whole(lab: &Lab) {
    let found = lab.value(&format!("{THREE}mesh([a, c])"));
    let row = |from: &str, to: &str, destination: &str| {
        json!({
            "from": from, "to": to, "result": "no route", "destination": destination, "ok": false,
            "sent": 1, "received": 0, "loss_percent": 100, "rtt_min_ms": null, "rtt_avg_ms": null, "rtt_max_ms": null,
            "rtt_mdev_ms": null, "replies": [],
            "errors": [{"seq": 1, "kind": "send_failed", "errno": "ENETUNREACH", "mtu": null}],
        })
    };
    assert_eq!(
        found,
        json!({
            "ok": false,
            "names": ["a", "c"],
            "rows": [row("a", "c", "10.1.0.1"), row("c", "a", "10.0.0.1")],
            "note": Value::Null,
            "cause": "a → c: a has no route to 10.1.0.1",
            "hint": "why(\"a\", \"10.1.0.1\") shows how far the packets come",
        })
    );
}

fn a_planned_mesh_sends_nothing(lab: &Lab) {
    std::fs::write(
        lab.folder().join("lab.rhai"),
        format!("{THREE}assert(mesh([a, b]).ok, \"they meet\"); print(mesh([a, b]).rows.len());"),
    )
    .expect("write the script");
    let plan = lab.ipvsh(&["plan", "lab.rhai"]);
    assert_eq!(plan.end(), "exit code 10\n");
    let tests = plan.stdout.lines().filter(|line| line.contains("mesh"));
    assert_eq!(
        tests.collect::<Vec<_>>(),
        ["? mesh      a, b in host", "? mesh      a, b in host"],
        "{}",
        plan.stdout
    );
    assert!(lab.namespaces().is_empty());
}

fn a_mesh_is_traced_as_its_pings(lab: &Lab) {
    lab.run(THREE);
    let output = lab.ipvsh(&["--trace", "--json", "-e", "mesh([\"a\", \"b\"]).ok"]);
    assert_eq!(
        (output.stdout.as_str(), output.stderr.as_str()),
        (
            "true\n",
            "+ ip netns exec a ping -c1 -i0.2 -W2 -s56 10.0.0.2\n\
             + ip netns exec b ping -c1 -i0.2 -W2 -s56 10.0.0.1\n"
        )
    );
}

fn a_mesh_of_what_is_not_there_is_refused(lab: &Lab) {
    lab.run(&format!("{THREE}netns(\"empty\");"));
    lab.refuses(&[
        (
            "mesh([])",
            "invalid: cannot ping each other: it takes two at least, and the list has 0\n\
             hint: list namespaces or links: mesh([\"net-1\", \"net-2\"])",
        ),
        (
            "mesh([\"a\"])",
            "invalid: cannot ping each other: it takes two at least, and the list has 1\n\
             hint: list namespaces or links: mesh([\"net-1\", \"net-2\"])",
        ),
        (
            "mesh([\"a\", 7])",
            "invalid: cannot ping each other: each in the list is a namespace or a link, not an integer",
        ),
        (
            "mesh([\"a\", \"b\", netns(\"a\")])",
            "invalid: cannot ping each other: `a` is in the list twice",
        ),
        (
            "mesh([\"a\", \"bb\"])",
            "not_found: cannot ping each other: there is no namespace `bb`\nhint: did you mean `b`?",
        ),
        (
            "mesh([\"a\", \"empty\"])",
            "not_found: cannot ping each other: namespace `empty` has no global address",
        ),
        (
            "mesh([\"a\", \"c\"], #{family: \"inet6\"})",
            "not_found: cannot ping each other: namespace `c` has no global IPv6 address",
        ),
        (
            "mesh([\"a\", netns(\"c\").link(\"w1\")])",
            "not_found: cannot ping each other: link `w1` in namespace `c` has no global address",
        ),
        (
            "mesh([\"a\", \"b\"], #{family: \"ipv6\"})",
            "invalid: cannot ping each other: `mesh` has no family `ipv6`\nnote: families: inet, inet6\nhint: write \"inet\" or \"inet6\"",
        ),
        (
            "mesh([\"a\", \"b\"], #{count: 0})",
            "invalid: cannot ping each other: `count` is 1 to 10000, not 0",
        ),
        (
            "mesh([\"a\", \"b\"], #{ttl: 256})",
            "invalid: cannot ping each other: `ttl` is 1 to 255, not 256",
        ),
        (
            "mesh([\"a\", \"b\"], #{timeout: \"0s\"})",
            "invalid: cannot ping `10.0.0.2` in namespace `a`: a timeout of 0 leaves no time for a reply\nhint: \"1s\" is common, \"4s\" long enough to see an unanswered ARP",
        ),
        (
            "mesh([\"a\", \"b\"], #{timout: \"1s\"})",
            "invalid: cannot ping each other: `mesh` has no option `timout`\nhint: did you mean `timeout`?",
        ),
        (
            "let gone = netns(\"gone\"); gone.delete(); mesh([\"a\", gone])",
            "not_found: cannot ping each other: namespace `gone` is gone\nhint: it was deleted after this handle was made; make it again by its name",
        ),
        (
            "let gone = netns(\"a\").veth(\"y0\", netns(\"a\"), \"y1\"); gone.delete(); mesh([\"a\", gone])",
            "not_found: cannot ping each other in namespace `a`: link `y0` is gone from namespace `a`\nhint: it was deleted after this handle was made; look it up again with link(…)",
        ),
        (
            "mesh([\"a\", \"b\"]).report(\"a\", \"c\")",
            "not_found: the mesh has no `c`\nnote: it has: a, b",
        ),
        (
            "mesh([\"a\", \"b\"]).report(\"a\", \"a\")",
            "invalid: `a` does not ping itself in a mesh",
        ),
    ]);
}

fn a_pair_that_is_not_reached_is_explained(lab: &Lab) {
    let printed = lab.run(
        r#"let v = netns("a").veth("v0", netns("b"), "v1", #{addr: "10.0.0.1/24", up: true});
           v.peer.addr("10.0.0.2/24").up().wait_up();
           v.wait_up();
           netns("b").sysctl("ipv4.icmp_echo_ignore_all", 1);
           let found = mesh(["a", "b"], #{timeout: "100ms"});
           print([found.cause, found.hint]);
           netns("b").sysctl("ipv4.icmp_echo_ignore_all", 0);
           print(mesh(["a", "b"]).cause == ());"#,
    );
    assert_eq!(
        printed,
        "[\"a → b: b ignores echo requests\", \"netns(\\\"b\\\").sysctl(\\\"ipv4.icmp_echo_ignore_all\\\", 0)\"]\ntrue\n"
    );
}
