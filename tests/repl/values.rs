//! What a menu offers where an argument or an option is typed: what is there, and what is still free.

use tempfile::TempDir;

use crate::Test;
use crate::terminal::Terminal;

pub(crate) const TESTS: &[Test] = &[
    (
        "the_next_free_address_of_the_segment_is_offered",
        the_next_free_address_of_the_segment_is_offered,
    ),
    (
        "addresses_that_are_there_are_offered",
        addresses_that_are_there_are_offered,
    ),
    (
        "settings_are_offered_with_their_values",
        settings_are_offered_with_their_values,
    ),
    (
        "values_of_options_and_files_are_offered",
        values_of_options_and_files_are_offered,
    ),
    (
        "own_functions_are_offered_with_their_comment",
        own_functions_are_offered_with_their_comment,
    ),
];

/// A session with two hosts at a bridge, a third without an address there, and a cable beside.
fn lab() -> Terminal {
    let mut terminal = Terminal::start(&TempDir::new().unwrap());
    for entry in [
        "let a = netns(\"a\"); let b = netns(\"b\"); let c = netns(\"c\"); let sw = netns(\"sw\");",
        "let br = sw.bridge(\"br0\"); let v = c.veth(\"v0\", sw, \"p2\"); v.peer.master(br);",
        "a.veth(\"v0\", sw, \"p0\", #{addr: \"10.7.0.1/24\"}).peer.master(br);",
        "b.veth(\"v0\", sw, \"p1\", #{addr: \"10.7.0.2/24\"}).peer.master(br);",
        "a.veth(\"x0\", b, \"x1\", #{addr: \"fd00::1/64\"});",
    ] {
        terminal.enter(entry);
    }
    terminal
}

/// What the menu below `keys` says.
#[track_caller]
fn offered(terminal: &mut Terminal, keys: &str, wanted: &str) {
    terminal.type_keys("\x0c");
    terminal.type_keys(keys);
    terminal.type_keys("\t");
    terminal.wait_for(wanted);
    terminal.type_keys("\x15");
    terminal.wait_until("an empty line", |screen| {
        screen.contents().trim_end() == "sandbox>"
    });
}

fn the_next_free_address_of_the_segment_is_offered() {
    let mut terminal = lab();
    let free = "\nfree on this segment\n  10.7.0.3/24  free beside 10.7.0.1 (v0 in a) and 1 more\n\
        free elsewhere\n  fd00::2/64   free beside fd00::1 (x0 in a)\n\
        a new subnet\n  10.0.0.1/24  the first address of a subnet that nothing uses here";
    for keys in [
        "v.addr(\"",
        "c.link(\"v0\").addr(\"",
        "c.addr(\"v0\", \"",
        "c.macvlan(v, \"m0\", #{addr: \"",
        "within c { macvlan(\"v0\", \"m0\", #{addr: [\"",
    ] {
        offered(&mut terminal, keys, free);
    }
    // All begin with a quote: that is put in.
    offered(&mut terminal, "v.addr(", &format!("v.addr(\"{free}"));
    // Where the link is not known yet none of them is its own.
    offered(
        &mut terminal,
        "c.dummy(\"d0\", #{addr: \"",
        "\nfree elsewhere\n  10.7.0.3/24  free",
    );
    // What was taken meanwhile is not free any more.
    terminal.enter("v.addr(\"10.7.0.3/24\");");
    offered(
        &mut terminal,
        "v.addr(\"",
        "\n  10.7.0.4/24  free beside 10.7.0.1",
    );
    terminal.type_keys("v.del_addr(\"\t");
    terminal.wait_for("v.del_addr(\"10.7.0.3/24");
}

fn addresses_that_are_there_are_offered() {
    let mut terminal = lab();
    let there = "addresses\n  10.7.0.1  v0 in a\n  fd00::1   x0 in a\n  10.7.0.2  v0 in b";
    for keys in ["c.ping(\"", "why(\"c\", \"", "within c { lookup(\""] {
        offered(&mut terminal, keys, there);
    }
    offered(
        &mut terminal,
        "c.route(\"default\", #{via: \"",
        "\n  10.7.0.1  v0 in a\n  fd00::1   x0 in a\n  10.7.0.2  v0 in b",
    );
    offered(
        &mut terminal,
        "c.route(\"",
        "\n  default      all that no other route is for\nsubnets\n  10.7.0.0/24  v0 in a\n  fd00::/64    x0 in a",
    );
}

fn settings_are_offered_with_their_values() {
    let mut terminal = lab();
    terminal.enter("c.sysctl(\"ipv4.ip_forward\", 1); v.sysctl(\"rp_filter\", 2);");
    offered(
        &mut terminal,
        "c.sysctl(\"ip_forw",
        "\n  ipv4.ip_forward                  now 1",
    );
    offered(
        &mut terminal,
        "c.sysctl(\"ipv4.conf.v0.rp",
        "c.sysctl(\"ipv4.conf.v0.rp_filter",
    );
    offered(&mut terminal, "v.sysctl(\"rp", "v.sysctl(\"rp_filter");
    offered(&mut terminal, "v.sysctl(\"filter", "\n  rp_filter   now 2");
}

fn values_of_options_and_files_are_offered() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("hosts.csv"), "name\n").unwrap();
    let mut terminal = Terminal::start(&folder);
    terminal.enter("let v = netns(\"a\").veth(\"v0\", \"v1\");");
    for keys in ["netns(\"a\").macvlan(v, \"m0\", #{up: ", "v.promisc("] {
        offered(&mut terminal, keys, "\n  true\n  false");
    }
    offered(
        &mut terminal,
        "bond(\"b\", #{xmit_hash_policy: ",
        "policy: \"\n  layer2\n  layer2+3\n  layer3+4",
    );
    offered(&mut terminal, "read_csv(\"ho", "read_csv(\"hosts.csv");
}

fn own_functions_are_offered_with_their_comment() {
    let mut terminal = Terminal::start(&TempDir::new().unwrap());
    for entry in [
        "/// Makes it twice as much.\nfn twice(x) { x * 2 }",
        "/// Makes it three times as much.\n/// Not more.\nfn twisted(x) { x * 3 }",
    ] {
        terminal.type_keys(&format!("\x1b[200~{entry}\x1b[201~"));
        terminal.enter("");
    }
    offered(
        &mut terminal,
        "twi",
        "\n  twice    Makes it twice as much.\n  twisted  Makes it three times as much.",
    );
    let page = terminal.enter("twisted?");
    let wanted = "\ntwisted(x)\n    Makes it three times as much.\n    Not more.\n";
    assert!(page.contains(wanted), "{page}");
}
