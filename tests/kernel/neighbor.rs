//! Neighbours: told, taken away, answered for, listed, undone.

use serde_json::{Value, json};

use crate::case::cases;
use crate::lab::{HOST, Lab};

cases! {
    ["veth"] =>
        a_neighbor_is_permanent_unless_another_state_is_asked
        a_neighbor_that_is_there_is_left_as_it_is
        a_neighbor_that_differs_is_a_conflict_and_is_replaced_where_that_is_asked
        what_the_kernel_has_learned_gives_way
        a_link_answers_for_others
        a_neighbor_is_taken_away_and_need_not_be_there
        neighbors_are_listed_as_a_table_and_a_line_each
        neighbors_go_back_to_what_they_were_with_their_lab
        a_neighbor_that_makes_no_sense_is_refused
        a_neighbor_of_a_link_that_is_gone_is_refused;
}

fn pair(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1\n\
         link set v0 up\nlink set v1 up\naddr add 10.0.0.1/24 dev v0");
}

/// The permanent neighbours of `v0`.
fn neighbors(lab: &Lab) -> Value {
    lab.json(HOST, "neigh show dev v0 nud permanent")
}

fn a_neighbor_is_permanent_unless_another_state_is_asked(lab: &Lab) {
    pair(lab);
    lab.run(
        r#"let v = link("v0").neighbor("10.0.0.2", "02:00:00:00:00:02");
        v.neighbor("fd00::2", "02:00:00:00:00:03", #{router: true}).neighbor("10.0.0.4", "02:00:00:00:00:04", #{state: "stale"});"#,
    );
    let found = lab.json(HOST, "-4 neigh show dev v0");
    let found: Vec<_> = found.as_array().unwrap().iter().collect();
    assert!(found.contains(&&json!(
        {"dst": "10.0.0.2", "lladdr": "02:00:00:00:00:02", "state": ["PERMANENT"]}
    )));
    assert!(found.contains(&&json!(
        {"dst": "10.0.0.4", "lladdr": "02:00:00:00:00:04", "state": ["STALE"]}
    )));
    assert_eq!(
        lab.json(HOST, "-6 neigh show dev v0 nud permanent"),
        json!([{"dst": "fd00::2", "lladdr": "02:00:00:00:00:03", "router": null, "state": ["PERMANENT"]}])
    );
}

fn a_neighbor_that_is_there_is_left_as_it_is(lab: &Lab) {
    pair(lab);
    lab.ip("neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0\nneigh add proxy 10.9.9.9 dev v0");
    let text = r#"link("v0").neighbor("10.0.0.2", "02:00:00:00:00:02").neighbor("10.9.9.9", #{proxy: true});"#;
    let output = lab.script_with(&["--summary"], text);
    let counts = output.stderr.lines().last();
    assert_eq!(counts, Some("created 0, changed 0, unchanged 2, deleted 0"));
}

fn a_neighbor_that_differs_is_a_conflict_and_is_replaced_where_that_is_asked(lab: &Lab) {
    pair(lab);
    lab.ip("neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0");
    assert_eq!(
        lab.fails(r#"link("v0").neighbor("10.0.0.2", "02:00:00:00:00:99");"#),
        "error: cannot add neighbor `10.0.0.2` in namespace `host`: a neighbor with that address exists and differs\n \
         --> lab.rhai:1:12\n  |\n\
         1 | link(\"v0\").neighbor(\"10.0.0.2\", \"02:00:00:00:00:99\");\n  |            ^^^^^^^^\n  \
         = there: 10.0.0.2 dev v0 lladdr 02:00:00:00:00:02 PERMANENT\n  \
         = asked: 10.0.0.2 dev v0 lladdr 02:00:00:00:00:99 PERMANENT\n  \
         = on link `v0`\n\
         hint: ask for what is there, or replace it with #{replace: true}\n"
    );
    lab.run(r#"link("v0").neighbor("10.0.0.2", "02:00:00:00:00:99", #{replace: true});"#);
    assert_eq!(neighbors(lab)[0]["lladdr"], "02:00:00:00:00:99");
}

fn what_the_kernel_has_learned_gives_way(lab: &Lab) {
    pair(lab);
    lab.ip("neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0 nud stale");
    lab.run(r#"link("v0").neighbor("10.0.0.2", "02:00:00:00:00:99");"#);
    assert_eq!(neighbors(lab)[0]["lladdr"], "02:00:00:00:00:99");
}

fn a_link_answers_for_others(lab: &Lab) {
    pair(lab);
    lab.run(r#"link("v0").neighbor("10.9.9.9", #{proxy: true});"#);
    assert_eq!(
        lab.json(HOST, "neigh show proxy"),
        json!([{"dst": "10.9.9.9", "dev": "v0", "proxy": null}])
    );
}

fn a_neighbor_is_taken_away_and_need_not_be_there(lab: &Lab) {
    pair(lab);
    lab.ip(
        "neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0\nneigh add proxy 10.9.9.9 dev v0\n\
         neigh add 10.0.0.3 lladdr 02:00:00:00:00:03 dev v0",
    );
    lab.run(
        r#"link("v0").del_neighbor("10.0.0.2").del_neighbor("10.9.9.9").del_neighbor("10.7.7.7");"#,
    );
    let left = neighbors(lab);
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["dst"], "10.0.0.3");
    assert_eq!(lab.json(HOST, "neigh show proxy"), json!([]));
}

fn neighbors_are_listed_as_a_table_and_a_line_each(lab: &Lab) {
    pair(lab);
    lab.ip("neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0\nneigh add proxy 10.9.9.9 dev v0");
    assert_eq!(
        lab.run(r#"print(link("v0").neighbors.filter(|n| n.ip.contains("10."))); print(link("v0").neighbors.find(|n| n.ip == "10.0.0.2"));"#),
        "IP        LINK  MAC                STATE\n\
         10.0.0.2  v0    02:00:00:00:00:02  permanent\n\
         10.9.9.9  v0                       proxy\n\
         10.0.0.2 dev v0 lladdr 02:00:00:00:00:02 PERMANENT\n"
    );
    assert_eq!(
        lab.value(r#"neighbors().find(|n| n.ip == "10.0.0.2")"#),
        json!({"ip": "10.0.0.2", "link": "v0", "mac": "02:00:00:00:00:02", "state": "permanent", "router": false,
               "proxy": false, "line": "10.0.0.2 dev v0 lladdr 02:00:00:00:00:02 PERMANENT"})
    );
}

fn neighbors_go_back_to_what_they_were_with_their_lab(lab: &Lab) {
    pair(lab);
    lab.ip(
        "neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0\nneigh add 10.0.0.3 lladdr 02:00:00:00:00:03 dev v0",
    );
    lab.run(
        r#"link("v0").del_neighbor("10.0.0.2").neighbor("10.0.0.4", "02:00:00:00:00:04").neighbor("10.9.9.9", #{proxy: true});
        link("v0").neighbor("10.0.0.3", "02:00:00:00:00:99", #{replace: true});"#,
    );
    assert!(
        lab.ipvsh(&["ls"]).stdout.contains("lab: 4 changes\n"),
        "{}",
        lab.ipvsh(&["ls"]).stdout
    );
    let down = lab.ipvsh(&["down", "lab.rhai"]);
    assert_eq!(down.end(), "exit code 0\n");
    let mut left: Vec<_> = neighbors(lab).as_array().unwrap().clone();
    left.sort_by_key(|one| one["dst"].to_string());
    let left: Vec<_> = left
        .iter()
        .map(|one| (&one["dst"], &one["lladdr"]))
        .collect();
    assert_eq!(
        left,
        [
            (&json!("10.0.0.2"), &json!("02:00:00:00:00:02")),
            (&json!("10.0.0.3"), &json!("02:00:00:00:00:03"))
        ]
    );
    assert_eq!(lab.json(HOST, "neigh show proxy"), json!([]));
}

fn a_neighbor_that_makes_no_sense_is_refused(lab: &Lab) {
    pair(lab);
    lab.ip("neigh add 10.0.0.9 lladdr 02:00:00:00:00:99 dev v0 nud permanent");
    let before = neighbors(lab);
    lab.refuses(&[
        (
            r#"link("v0").neighbor("10.0.0.2/24", "02:00:00:00:00:02")"#,
            "invalid: cannot add neighbor `10.0.0.2/24` in namespace `host`: `10.0.0.2/24` has a prefix length, where a plain address is wanted\n\
             note: on link `v0`",
        ),
        (
            r#"link("v0").neighbor("10.0.0", "02:00:00:00:00:02")"#,
            "invalid: cannot add neighbor `10.0.0` in namespace `host`: `10.0.0` is not an IP address\n\
             note: on link `v0`\n\
             hint: write it as \"10.0.0.1\" or \"fd00::1\"",
        ),
        (
            r#"link("v0").neighbor("10.0.0.2", "02:00:00:00:00")"#,
            "invalid: cannot add neighbor `10.0.0.2` in namespace `host`: `02:00:00:00:00` is not a MAC address\n\
             note: on link `v0`\n\
             hint: write it as \"02:00:00:00:00:01\"",
        ),
        (
            r#"link("v0").neighbor("10.0.0.2", "02:00:00:00:00:02", #{state: "perm"})"#,
            "invalid: cannot add neighbor `10.0.0.2` in namespace `host`: a neighbor has no state `perm`\n\
             note: states: permanent, noarp, reachable, stale\n\
             note: on link `v0`\n\
             hint: did you mean \"permanent\"?",
        ),
        (
            r#"link("v0").neighbor("10.0.0.2", "02:00:00:00:00:02", #{router: true})"#,
            "invalid: cannot add neighbor `10.0.0.2` in namespace `host`: only an IPv6 neighbor can be a router, `10.0.0.2` is none\n\
             note: on link `v0`",
        ),
        (
            r#"link("v0").neighbor("10.0.0.2", "02:00:00:00:00:02", #{router: 1})"#,
            "invalid: cannot add neighbor `10.0.0.2` in namespace `host`: option `router` takes true or false, not an integer\n\
             note: on link `v0`",
        ),
        (
            r#"link("v0").neighbor("10.0.0.2", "02:00:00:00:00:02", #{proxy: true})"#,
            "invalid: cannot add neighbor `10.0.0.2` in namespace `host`: a neighbor that the link answers for has no hardware address of its own\n\
             note: on link `v0`\n\
             hint: leave it out: link.neighbor(ip, #{proxy: true})",
        ),
        (
            r#"link("v0").neighbor("10.0.0.2", #{proxy: true, state: "permanent"})"#,
            "invalid: cannot add neighbor `10.0.0.2` in namespace `host`: a neighbor that the link answers for has no state\n\
             note: on link `v0`",
        ),
        (
            r#"link("v0").neighbor("10.0.0.2", #{})"#,
            "invalid: cannot add neighbor `10.0.0.2` in namespace `host`: its hardware address is missing\n\
             note: on link `v0`\n\
             hint: give it, link.neighbor(ip, \"02:00:00:00:00:01\"), or answer for it: #{proxy: true}",
        ),
        (
            r#"link("v0").neighbor("10.0.0.2", #{prxy: true})"#,
            "invalid: cannot add neighbor `10.0.0.2` in namespace `host`: `neighbor` has no option `prxy`\n\
             note: on link `v0`\n\
             hint: did you mean `proxy`?",
        ),
        (
            r#"link("v0").neighbor("10.0.0.9", "02:00:00:00:00:02")"#,
            "conflict: cannot add neighbor `10.0.0.9` in namespace `host`: a neighbor with that address exists and differs\n\
             note: there: 10.0.0.9 dev v0 lladdr 02:00:00:00:00:99 PERMANENT\n\
             note: asked: 10.0.0.9 dev v0 lladdr 02:00:00:00:00:02 PERMANENT\n\
             note: on link `v0`\n\
             hint: ask for what is there, or replace it with #{replace: true}",
        ),
        (
            r#"link("lo").neighbor("10.0.0.2", "02:00:00:00:00:02", #{state: "noarp"})"#,
            "invalid: cannot add neighbor `10.0.0.2` in namespace `host`: link `lo` asks for no neighbors of IPv4: the kernel keeps none by its address\n\
             note: on link `lo`\n\
             hint: a route by the link is enough: its packets need no neighbor",
        ),
        (
            r#"link("v0").del_neighbor("10.0.0.2/24")"#,
            "invalid: cannot delete neighbor `10.0.0.2/24` in namespace `host`: `10.0.0.2/24` has a prefix length, where a plain address is wanted\n\
             note: on link `v0`",
        ),
    ]);
    assert_eq!(neighbors(lab), before);
}

fn a_neighbor_of_a_link_that_is_gone_is_refused(lab: &Lab) {
    lab.ip("link add d0 type veth peer name d1\nlink add e0 type veth peer name e1");
    for (text, told) in [
        (
            r#"let said = ""; let d = link("d1"); d.delete(); try { d.neighbor("10.0.0.2", "02:00:00:00:00:02") } catch (e) { said = `${e.kind}: ${e.message}` + "\n" + `hint: ${e.hint}` } said"#,
            "not_found: link `d1` is gone from namespace `host`\n\
             hint: it was deleted after this handle was made; look it up again with link(…)",
        ),
        (
            r#"let said = ""; let d = link("e0"); d.delete(); try { d.del_neighbor("10.0.0.2") } catch (e) { said = `${e.kind}: ${e.message}` + "\n" + `hint: ${e.hint}` } said"#,
            "not_found: link `e0` is gone from namespace `host`\n\
             hint: it was deleted after this handle was made; look it up again with link(…)",
        ),
    ] {
        assert_eq!(lab.value(text), json!(told), "{text}");
    }
}
