//! WireGuard.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::case::cases;
use crate::common;
use crate::lab::{HOST, Lab};

cases! {
    [] =>
        what_no_wireguard_can_have_is_refused
        keys_go_together;
    ["!wireguard"] =>
        a_kernel_without_wireguard_is_told_with_module_and_config_option;
    ["wireguard"] =>
        a_link_is_configured_as_asked_and_a_second_run_changes_nothing
        a_link_without_a_key_gets_one_and_keeps_it
        a_peer_that_differs_is_a_conflict_unless_it_is_to_be_replaced
        a_prefix_is_behind_one_peer_only
        a_link_that_differs_is_a_conflict_unless_it_is_to_be_replaced
        a_peer_is_taken_away_and_gone_already_is_no_error
        what_is_configured_is_read_back_without_secrets
        a_run_that_fails_gives_a_link_its_configuration_back
        a_port_in_use_is_told_and_nothing_is_left
        the_commands_of_a_run_hide_keys_where_they_are_shown_and_lead_where_it_leads
        a_plan_tells_what_a_run_does
        no_key_of_a_new_link_is_in_the_journal
        what_two_labs_configure_goes_with_the_last_of_them;
    ["wireguard", "veth"] =>
        packets_go_through_the_tunnel
        a_link_that_moves_keeps_the_way_it_came_from
        a_link_of_another_kind_has_no_peers;
}

const PRIVATE: &str = "cAdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LGo=";
const PUBLIC: &str = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
/// The public key of a far end, and one that both share.
const FAR: &str = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";
const SHARED: &str = "FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE=";

/// A link with one peer of all there is to ask.
const MADE: &str = r#"
    wireguard("wg0", #{
        private_key: "cAdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LGo=", listen_port: 51820, fwmark: 7, up: true,
        peers: [#{
            public_key: "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=",
            preshared_key: "FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE=",
            endpoint: "[fd00::2]:4000", allowed_ips: ["fd09::/64", "10.1.0.0/24"], keepalive: "25s"
        }]
    });"#;

/// What `wg` says of the link `wg0`: private and public key, port, mark; then each peer: keys, end point, prefixes, keepalive.
fn dump(netns: &str) -> Vec<String> {
    let text = if netns == HOST {
        common::output("wg", &["show", "wg0", "dump"])
    } else {
        common::output("ip", &["netns", "exec", netns, "wg", "show", "wg0", "dump"])
    };
    let shown = text.lines().map(|line| {
        let words: Vec<&str> = line.split('\t').collect();
        match words[..] {
            [key, psk, endpoint, ips, _, _, _, keepalive] => {
                format!("{key} {psk} {endpoint} {ips} {keepalive}")
            }
            _ => words.join(" "),
        }
    });
    shown.collect()
}

fn a_kernel_without_wireguard_is_told_with_module_and_config_option(lab: &Lab) {
    lab.refuses(&[(
        r#"wireguard("wg0")"#,
        "unsupported: cannot create wireguard `wg0` in namespace `host`: this kernel has no wireguard driver (module `wireguard`, CONFIG_WIREGUARD)\n\
         hint: load it with `modprobe wireguard`, or run with --sandbox=vm",
    )]);
}

fn what_no_wireguard_can_have_is_refused(lab: &Lab) {
    let no_key = "a key is 32 bytes in base64, 44 characters, and this is not\n\
         hint: wg_key() makes a private key, wg_public(key) gives the public one to it";
    let making = "invalid: cannot create wireguard `wg0` in namespace `host`:";
    let cases = [
        (
            r#"wireguard("wg0", #{private_key: "secret"})"#.to_owned(),
            format!("{making} `private_key`: {no_key}"),
        ),
        (
            r#"wireguard("wg0", #{listen_port: 0})"#.to_owned(),
            format!("{making} `listen_port` is 1 to 65535, not 0"),
        ),
        (
            r#"wireguard("wg0", #{fwmark: -1})"#.to_owned(),
            format!("{making} `fwmark` is 0 to 4294967295, not -1"),
        ),
        (
            r#"wireguard("wg0", #{peer: []})"#.to_owned(),
            format!("{making} `wireguard` has no option `peer`\nhint: did you mean `peers`?"),
        ),
        (
            r#"wireguard("wg0", #{peers: "x"})"#.to_owned(),
            format!("{making} option `peers` takes a list of maps, not a string"),
        ),
        (
            r#"wireguard("wg0", #{peers: [1]})"#.to_owned(),
            format!("{making} option `peers` takes a list of maps, not an integer"),
        ),
        (
            r#"wireguard("wg0", #{peers: [#{endpoint: "10.0.0.2:1"}]})"#.to_owned(),
            format!(
                "{making} a peer has no `public_key`, by which it is known\n\
                 hint: give it as #{{public_key: other.public_key}}"
            ),
        ),
        (
            r#"wireguard("wg0", #{peers: [#{public_key: "AAAA"}]})"#.to_owned(),
            format!("{making} `public_key`: {no_key}"),
        ),
        (
            format!(r#"wireguard("wg0", #{{peers: [#{{public_key: "{FAR}", ips: []}}]}})"#),
            format!("{making} `peers` has no option `ips`"),
        ),
        (
            format!(r#"wireguard("wg0", #{{peers: [#{{public_key: "{FAR}", endpoint: "there:1"}}]}})"#),
            format!(
                "{making} endpoint `there:1` is no address with a port\n\
                 hint: write it as \"10.0.0.2:51820\" or \"[fd00::2]:51820\""
            ),
        ),
        (
            format!(r#"wireguard("wg0", #{{peers: [#{{public_key: "{FAR}", keepalive: "20h"}}]}})"#),
            format!("{making} `keepalive` is 0 to 65535, not 72000"),
        ),
        (
            format!(r#"wireguard("wg0", #{{peers: [#{{public_key: "{FAR}", allowed_ips: "10.0.0.1/24"}}]}})"#),
            format!(
                "{making} `10.0.0.1/24` has bits set beyond its prefix length\n\
                 hint: the network is \"10.0.0.0/24\""
            ),
        ),
        (
            format!(r#"wireguard("wg0", #{{peers: [#{{public_key: "{FAR}"}}, #{{public_key: "{FAR}"}}]}})"#),
            format!("{making} peer `{FAR}` is given twice"),
        ),
        (
            format!(
                r#"wireguard("wg0", #{{peers: [#{{public_key: "{FAR}", allowed_ips: "10.0.0.0/24"}}, #{{public_key: "{PUBLIC}", allowed_ips: ["10.0.0.0/24"]}}]}})"#
            ),
            format!("{making} 10.0.0.0/24 can be behind one peer only, and two have it in `allowed_ips`"),
        ),
        (
            r#"wireguard("a/b")"#.to_owned(),
            "invalid: cannot create wireguard `a/b` in namespace `host`: a link's name holds no slash, `a/b` does".to_owned(),
        ),
        (
            format!(r#"wg_peer("lo", "{FAR}")"#),
            format!(
                "invalid: cannot add peer `{FAR} of lo` in namespace `host`: `lo` is of no kind, and only wireguard links have peers"
            ),
        ),
        (
            r#"wg_public("x")"#.to_owned(),
            format!("invalid: {no_key}"),
        ),
    ];
    let cases: Vec<(&str, &str)> = cases
        .iter()
        .map(|(line, told)| (line.as_str(), told.as_str()))
        .collect();
    lab.refuses(&cases);
}

fn a_link_of_another_kind_has_no_peers(lab: &Lab) {
    lab.ip("link add v0 type veth peer name v1");
    let kind = "`v0` is veth, and only wireguard links have peers";
    lab.refuses(&[
        (
            &format!(r#"link("v0").wg_peer("{FAR}")"#),
            &format!("invalid: cannot add peer `{FAR} of v0` in namespace `host`: {kind}"),
        ),
        (
            &format!(r#"link("v0").del_wg_peer("{FAR}")"#),
            &format!("invalid: cannot delete peer `{FAR} of v0` in namespace `host`: {kind}"),
        ),
        (
            &format!(r#"let gone = wireguard("wg0"); link("wg0").delete(); gone.wg_peer("{FAR}")"#),
            &format!(
                "not_found: cannot add peer `{FAR} of wg0` in namespace `host`: link `wg0` is gone from namespace `host`\n\
                 hint: it was deleted after this handle was made; look it up again with link(…)"
            ),
        ),
    ]);
    assert_eq!(
        lab.value(r#"[link("v0").wireguard, link("v0").public_key, link("v0").private_key]"#),
        json!([null, null, null])
    );
}

fn keys_go_together(lab: &Lab) {
    let printed = lab.run(r"let key = wg_key(); print(key); print(wg_public(key));");
    let keys: Vec<&str> = printed.lines().collect();
    let mut wg = Command::new("sh");
    let public = wg
        .args(["-c", &format!("echo {} | wg pubkey", keys[0])])
        .output();
    let public = String::from_utf8(public.unwrap().stdout).unwrap();
    assert_eq!(public.trim(), keys[1]);
    assert_eq!(
        lab.run(&format!(r#"print(wg_public("{PRIVATE}"));"#))
            .trim(),
        PUBLIC
    );
}

fn a_link_is_configured_as_asked_and_a_second_run_changes_nothing(lab: &Lab) {
    lab.twice(MADE);
    assert_eq!(
        dump(HOST),
        [
            format!("{PRIVATE} {PUBLIC} 51820 0x7"),
            format!("{FAR} {SHARED} [fd00::2]:4000 10.1.0.0/24,fd09::/64 25"),
        ]
    );
    assert_eq!(
        lab.link(HOST, "wg0")["linkinfo"]["info_kind"],
        json!("wireguard")
    );
}

fn a_link_without_a_key_gets_one_and_keeps_it(lab: &Lab) {
    let text = r#"print(wireguard("wg0").public_key);"#;
    let first = lab.run(text);
    assert_eq!(lab.run(text), first);
    let line = &dump(HOST)[0];
    assert!(line.contains(first.trim()), "{line}");
}

fn a_peer_that_differs_is_a_conflict_unless_it_is_to_be_replaced(lab: &Lab) {
    lab.run(MADE);
    let change = |more: &str| {
        format!(
            r#"wg_peer("wg0", "{FAR}", #{{endpoint: "10.0.0.2:1", allowed_ips: [], preshared_key: "{PUBLIC}", keepalive: 0{more}}})"#
        )
    };
    lab.refuses(&[(
        &change(""),
        &format!(
            "conflict: cannot add peer `{FAR} of wg0` in namespace `host`: what is configured there differs\n\
             note: there: peer {FAR} preshared_key (hidden), peer {FAR} endpoint [fd00::2]:4000, peer {FAR} keepalive 25s, peer {FAR} allowed_ips 10.1.0.0/24 fd09::/64\n\
             note: asked: peer {FAR} preshared_key another, peer {FAR} endpoint 10.0.0.2:1, peer {FAR} keepalive 0s, peer {FAR} allowed_ips none\n\
             hint: ask for what is there, or replace it with #{{replace: true}}"
        ),
    )]);
    lab.twice(&change(", replace: true"));
    assert_eq!(
        dump(HOST)[1],
        format!("{FAR} {PUBLIC} 10.0.0.2:1 (none) off")
    );
}

fn a_prefix_is_behind_one_peer_only(lab: &Lab) {
    lab.run(MADE);
    let other = r#"wg_peer("wg0", wg_public(wg_key()), #{allowed_ips: "10.1.0.0/24"REPLACE});"#;
    let told = lab.fails(&other.replace("REPLACE", ""));
    assert!(
        told.contains(&format!("there: 10.1.0.0/24 behind peer {FAR}\n")),
        "{told}"
    );
    let failing = other.replace("REPLACE", ", replace: true") + "throw \"no\";";
    let before = dump(HOST);
    lab.fails(&failing);
    assert_eq!(dump(HOST), before);
}

fn a_link_that_differs_is_a_conflict_unless_it_is_to_be_replaced(lab: &Lab) {
    lab.run(MADE);
    lab.refuses(&[
        (
            &format!(r#"wireguard("wg0", #{{private_key: "{SHARED}", listen_port: 1, fwmark: 8}})"#),
            &format!(
                "conflict: cannot create wireguard `wg0` in namespace `host`: what is configured there differs\n\
                 note: there: public_key {PUBLIC}, listen_port 51820, fwmark 7\n\
                 note: asked: public_key {}, listen_port 1, fwmark 8\n\
                 hint: ask for what is there, or replace it with #{{replace: true}}",
                lab.run(&format!(r#"print(wg_public("{SHARED}"));"#)).trim()
            ),
        ),
        (
            &format!(r#"wireguard("wg0").wg_peer("{PUBLIC}")"#),
            &format!(
                "invalid: cannot add peer `{PUBLIC} of wg0` in namespace `host`: the public key is the link's own, and no link is its own peer\n\
                 hint: give the public key of the far end"
            ),
        ),
    ]);
    lab.twice(r#"wireguard("wg0", #{listen_port: 1000, fwmark: 0, replace: true});"#);
    assert_eq!(dump(HOST)[0], format!("{PRIVATE} {PUBLIC} 1000 off"));
    assert_eq!(dump(HOST).len(), 2);
}

fn a_peer_is_taken_away_and_gone_already_is_no_error(lab: &Lab) {
    lab.run(MADE);
    lab.twice(&format!(r#"del_wg_peer("wg0", "{FAR}");"#));
    assert_eq!(dump(HOST).len(), 1);
}

fn what_is_configured_is_read_back_without_secrets(lab: &Lab) {
    lab.run(MADE);
    assert_eq!(
        lab.value(r#"link("wg0").wireguard"#),
        json!({
            "fwmark": 7,
            "listen_port": 51820,
            "peers": [{
                "allowed_ips": ["10.1.0.0/24", "fd09::/64"],
                "endpoint": "[fd00::2]:4000",
                "has_preshared_key": true,
                "keepalive_s": 25,
                "last_handshake": null,
                "public_key": FAR,
                "rx_bytes": 0,
                "tx_bytes": lab.value(r#"link("wg0").wireguard.peers[0].tx_bytes"#),
            }],
            "public_key": PUBLIC,
        })
    );
    assert_eq!(lab.value(r#"link("wg0").private_key"#), json!(PRIVATE));
}

fn a_run_that_fails_gives_a_link_its_configuration_back(lab: &Lab) {
    lab.run(MADE);
    let before = dump(HOST);
    lab.fails(&format!(
        r#"
        let wg = wireguard("wg0", #{{listen_port: 7, private_key: wg_key(), replace: true}});
        wg.wg_peer("{FAR}", #{{endpoint: "10.0.0.9:9", allowed_ips: "10.2.0.0/24", replace: true}});
        wg.wg_peer(wg_public(wg_key()), #{{allowed_ips: "10.3.0.0/24"}});
        wg.del_wg_peer("{FAR}");
        throw "no";"#
    ));
    assert_eq!(dump(HOST), before);
}

fn a_port_in_use_is_told_and_nothing_is_left(lab: &Lab) {
    lab.ip("link add wg1 type wireguard");
    common::output("wg", &["set", "wg1", "listen-port", "51820"]);
    lab.ip("link set wg1 up");
    lab.refuses(&[(
        r#"wireguard("wg0", #{listen_port: 51820, up: true})"#,
        "busy: cannot create wireguard `wg0` in namespace `host`: another program or link listens at UDP port 51820 already\n\
         hint: give another one as #{listen_port: 51821}",
    )]);
}

fn the_commands_of_a_run_hide_keys_where_they_are_shown_and_lead_where_it_leads(lab: &Lab) {
    let text = format!(r#"within netns("a") {{ {MADE} }}"#);
    let traced = lab
        .script_with(&["--trace", "--emit", "made.sh", "--keys"], &text)
        .stderr;
    assert_eq!(
        traced,
        format!(
            "+ ip netns add a\n\
             + ip -n a link add name wg0 up type wireguard\n\
             + ip netns exec a wg set wg0 listen-port 51820 fwmark 7 private-key /dev/stdin <<< (hidden); \
             ip netns exec a wg set wg0 peer '{FAR}' endpoint '[fd00::2]:4000' persistent-keepalive 25 allowed-ips '10.1.0.0/24,fd09::/64' preshared-key /dev/stdin <<< (hidden)\n"
        )
    );
    let made = dump("a");
    assert_eq!(lab.ipvsh(&["down", "lab"]).code, 0);
    let emitted = lab.folder().join("made.sh");
    common::output("sh", &[emitted.to_str().unwrap()]);
    assert_eq!(dump("a"), made);
}

fn a_plan_tells_what_a_run_does(lab: &Lab) {
    let text = format!(
        r#"
        let wg = within netns("a") {{ {} }};
        assert(wg.public_key == "{PUBLIC}", "the key");
        wg.wg_peer("{FAR}", #{{keepalive: "25s"}});
        wg.del_wg_peer("{FAR}").netns(netns("b"));
        assert(wg.wireguard.peers == [], "no peers");
        netns("b").wireguard("wg0", #{{listen_port: 51820}});
        wireguard("wg0").public_key.len();"#,
        MADE.trim().trim_end_matches(';')
    );
    fs::write(lab.folder().join("lab.rhai"), &text).unwrap();
    let objects = |arguments: &[&str], said: &str| {
        let output = lab.ipvsh(arguments);
        assert_eq!(output.stderr, said);
        let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        document["objects"].clone()
    };
    let planned = objects(&["--json", "plan", "lab.rhai"], "");
    assert_eq!(lab.links(HOST), Vec::<String>::new());
    let down = "note: what was asked does not stand any more: state up of link `wg0` in namespace `a` went with the move of the link\n";
    assert_eq!(planned, objects(&["--json", "lab.rhai"], down));
}

fn no_key_of_a_new_link_is_in_the_journal(lab: &Lab) {
    lab.run(MADE);
    let journal = fs::read_to_string("/run/ipvsh/labs/lab.jsonl").unwrap();
    assert!(journal.contains(FAR), "{journal}");
    assert!(
        !journal.contains(PRIVATE) && !journal.contains(SHARED),
        "{journal}"
    );
}

fn packets_go_through_the_tunnel(lab: &Lab) {
    let printed = lab.run(
        r#"
        let a = netns("a");
        let b = netns("b");
        a.veth("v0", b, "v1", #{addr: "10.0.0.1/24", up: true}).peer.addr("10.0.0.2/24").up();
        let one = a.wireguard("wg0", #{listen_port: 51820, addr: "10.9.0.1/24", up: true});
        let two = b.wireguard("wg0", #{listen_port: 51820, addr: "10.9.0.2/24", up: true});
        one.wg_peer(two.public_key, #{endpoint: "10.0.0.2:51820", allowed_ips: "10.9.0.2"});
        two.wg_peer(one.public_key, #{allowed_ips: "10.9.0.1"});
        print(a.ping("10.9.0.2", #{count: 2, quiet: true}).received);
        let peer = two.wireguard.peers[0];
        print(peer.endpoint);
        print(peer.rx_bytes > 0 && peer.last_handshake > 0);"#,
    );
    assert_eq!(printed, "2\n10.0.0.1:51820\ntrue\n");
}

fn a_link_that_moves_keeps_the_way_it_came_from(lab: &Lab) {
    let printed = lab.run(
        r#"
        let b = netns("b");
        veth("v0", b, "v1", #{addr: "10.0.0.1/24", up: true}).peer.addr("10.0.0.2/24").up();
        let inside = netns("inside");
        let one = wireguard("wg0").netns(inside).addr("10.9.0.1/24").up();
        let two = b.wireguard("wg0", #{listen_port: 51820, addr: "10.9.0.2/24", up: true});
        one.wg_peer(two.public_key, #{endpoint: "10.0.0.2:51820", allowed_ips: "10.9.0.0/24"});
        two.wg_peer(one.public_key, #{allowed_ips: "10.9.0.1/32"});
        print(inside.ping("10.9.0.2", #{count: 1, quiet: true}).received);"#,
    );
    assert_eq!(printed, "1\n");
}

fn what_two_labs_configure_goes_with_the_last_of_them(lab: &Lab) {
    let run = |name: &str, text: &str| {
        fs::write(lab.folder().join(format!("{name}.rhai")), text).unwrap();
        let output = lab.ipvsh(&[&format!("{name}.rhai")]);
        assert_eq!(output.end(), "exit code 0\n", "{text}");
    };
    let down = |name: &str| {
        let output = lab.ipvsh(&["down", name]);
        assert_eq!(output.end(), "exit code 0\n", "{name}");
    };
    lab.ip("link add wg0 type wireguard");
    lab.sh(&format!(
        "wg set wg0 listen-port 5000 peer {FAR} persistent-keepalive 5"
    ));
    let state = || {
        let mut lines = dump(HOST);
        // The kernel lists peers as they came.
        lines[1..].sort();
        lines
    };
    let before = state();
    let peer = |keepalive: u32| {
        format!(
            r#"link("wg0").wg_peer("{PUBLIC}", #{{keepalive: "{keepalive}s", allowed_ips: "10.1.0.0/24", replace: true}});"#
        )
    };
    let port =
        |port: u32| format!(r#"host().wireguard("wg0", #{{listen_port: {port}, replace: true}});"#);
    let far = |keepalive: u32| {
        format!(r#"link("wg0").wg_peer("{FAR}", #{{keepalive: "{keepalive}s", replace: true}});"#)
    };
    let gone = format!(r#"link("wg0").del_wg_peer("{FAR}");"#);
    // What each wants; the first runs first.
    let pairs = [
        (peer(25), peer(25)),
        (peer(25), peer(10)),
        (port(5001), port(5001)),
        (port(5001), port(5002)),
        (far(7), far(8)),
        (far(7), gone.clone()),
        (
            format!("{} {}", peer(25), port(5001)),
            format!("{} {}", port(5002), far(8)),
        ),
    ];
    for (first, second) in &pairs {
        run("a", first);
        let of_first = state();
        run("b", second);
        let of_both = state();
        down("b");
        assert_eq!(
            state(),
            of_first,
            "{first} then {second}, the second goes first"
        );
        run("b", second);
        assert_eq!(state(), of_both);
        down("a");
        if !second.contains("listen_port") || !first.contains("keepalive") {
            assert_eq!(
                state(),
                of_both,
                "{first} then {second}, the first goes first"
            );
        }
        down("b");
        assert_eq!(state(), before, "{first} then {second}");
    }
}
