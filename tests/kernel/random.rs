//! Random labs: made, made again, and taken down, after which all is as it was before.
//!
//! How many there are is said as in [`crate::seeds`].

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::case::Case;
use crate::lab::{HOST, Lab};
use crate::seeds::{Dice, Rounds};
use crate::state;

/// What the labs have that this kernel runs; each part runs beside the others.
pub(crate) const HERE: Alphabet = Alphabet {
    labs: 120,
    parts: 4,
    needs: &["veth", "bridge", "macvlan", "vxlan", "ifb", "tun"],
    kinds: &[
        ('b', r#"bridge("NAME")"#),
        ('p', r#"bridge("NAME", #{stp: true})"#),
        ('m', r#"macvlan(host().link("p0"), "NAME", #{up: true})"#),
        (
            'x',
            r#"vxlan("NAME", NUMBER, #{remote: "10.200.0.2", dstport: 4789})"#,
        ),
        ('i', r#"ifb("NAME")"#),
        ('t', r#"tun("NAME")"#),
        ('a', r#"tap("NAME")"#),
    ],
    prepared: "",
    on_links: &[],
};

/// What takes a kernel with more kinds.
const IN_VM: Alphabet = Alphabet {
    labs: 6,
    parts: 1,
    needs: &[
        "veth", "bridge", "macvlan", "dummy", "vlan", "gre", "geneve", "vrf", "ipvlan", "netem",
    ],
    kinds: &[
        ('m', r#"macvlan(host().link("p0"), "NAME", #{up: true})"#),
        ('n', r#"vlan(host().link("p0"), "NAME", NUMBER)"#),
        (
            's',
            r#"ipvlan(host().link("p1"), "NAME", "l3", #{up: true})"#,
        ),
        ('b', r#"bridge("NAME")"#),
        ('d', r#"dummy("NAME")"#),
        (
            'g',
            r#"gre("NAME", #{local: "10.200.0.1", remote: "10.200.NUMBER.2"})"#,
        ),
        ('e', r#"geneve("NAME", NUMBER, #{remote: "10.200.0.2"})"#),
        ('f', r#"vrf("NAME", NUMBER)"#),
    ],
    // The fallback devices of a module and the rule of VRFs come with the first one, and stay.
    prepared: "link add t0 type gre local 10.0.0.1 remote 10.0.0.2\nlink del t0\nlink add t0 type vrf table 9\nlink del t0",
    on_links: &[r#"netem(#{delay: "VALUEms", replace: true})"#],
};

/// The cases of this topic.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for alphabet in [&HERE, &IN_VM] {
        for part in 0..alphabet.parts {
            let place = if alphabet.parts > 1 {
                "here"
            } else {
                "with_more_kinds"
            };
            let fact = format!("random_labs_run_twice_and_leave_nothing_{place}_{part}");
            let body = move |lab: &Lab| run_twice_and_leave_nothing(lab, alphabet, part);
            cases.push(Case::new(module_path!(), &fact, alphabet.needs, body));
        }
    }
    cases
}

/// What random labs are made of.
pub(crate) struct Alphabet {
    /// How many labs are made where nobody says otherwise.
    labs: u64,
    /// How many cases share in them.
    parts: u64,
    /// The kinds of link that it has.
    pub(crate) needs: &'static [&'static str],
    /// The words that make one link, and the letter that its names begin with.
    kinds: &'static [(char, &'static str)],
    /// Commands of `ip` for what some kind leaves in every namespace.
    prepared: &'static str,
    /// Words that change any link, beside those that all kernels have.
    on_links: &'static [&'static str],
}

/// Words that change any link.
const ON_LINKS: &[&str] = &[
    "up()",
    "down()",
    r#"alias("VALUE")"#,
    "txqlen(VALUE)",
    r#"addr("10.PLACE.VALUE.1/24")"#,
    r#"del_addr("10.PLACE.VALUE.1/24")"#,
    r#"addr("fd00:PLACE::VALUE/64", #{nodad: true})"#,
    r#"sysctl("rp_filter", DIGIT)"#,
    r#"altname("NAME-also")"#,
];

/// Words that change a place which is there before the lab, or is made by it.
const ON_PLACES: &[&str] = &[
    r#"rule(#{from: "10.VALUE.0.0/16", table: 100, priority: 1VALUE})"#,
    r#"del_rule(#{from: "10.VALUE.0.0/16", table: 100, priority: 1VALUE})"#,
    r#"sysctl("ipv4.ip_default_ttl", VALUE)"#,
];

/// Words that change the two links which are there before.
const ON_FOREIGN: &[&str] = &[
    "mtu(13VALUE)",
    r#"alias("VALUE")"#,
    "txqlen(VALUE)",
    r#"addr("10.9.VALUE.1/24")"#,
    r#"del_addr("10.8.0.1")"#,
    r#"neighbor("10.8.0.VALUE", "02:00:00:00:00:VALUE")"#,
    r#"route("10.7.VALUE.0/24")"#,
    r#"altname("also-VALUE")"#,
    r#"sysctl("rp_filter", DIGIT)"#,
];

/// The places that links are made in; the first two are there before.
const PLACES: [&str; 4] = [HOST, "old", "n1", "n2"];

/// How a script writes a place.
fn place(at: usize) -> String {
    match at {
        0 => "host()".to_owned(),
        other => format!("netns(\"{}\")", PLACES[other]),
    }
}

/// Writes a script of random words. It knows what is there, so that no word fails for want of its object.
pub(crate) fn script(dice: &mut Dice, alphabet: &Alphabet) -> String {
    let mut text = String::new();
    let mut there: BTreeSet<(usize, String)> = BTreeSet::new();
    for _ in 0..8 + dice.roll(24) {
        let at = dice.roll(PLACES.len());
        let here = place(at);
        // A name says its kind and place, so that the second run finds of each name what it asks for.
        let number = dice.roll(2);
        let value = (10 + dice.roll(3)).to_string();
        let digit = dice.roll(3).to_string();
        let fill = |word: &str, at: usize, name: &str| {
            word.replace("NAME", name)
                .replace("NUMBER", &(10 + 2 * at + number).to_string())
                .replace("PLACE", &at.to_string())
                .replace("VALUE", &value)
                .replace("DIGIT", &digit)
        };
        let known: Vec<_> = there.iter().cloned().collect();
        let chosen = (!known.is_empty()).then(|| known[dice.roll(known.len())].clone());
        let is_there = |letter: char| there.contains(&(at, format!("{letter}{at}{number}")));
        let line = match (dice.roll(16), chosen) {
            (0..=1, _) => {
                let (near, far) = (format!("v{at}{number}"), format!("w{at}{number}"));
                let line = format!("{here}.veth(\"{near}\", \"{far}\");");
                there.extend([(at, near), (at, far)]);
                line
            }
            (2..=5, _) => {
                let (letter, word) = alphabet.kinds[dice.roll(alphabet.kinds.len())];
                let name = format!("{letter}{at}{number}");
                let line = format!("{here}.{};", fill(word, at, &name));
                there.insert((at, name));
                line
            }
            (6..=8, Some((at, name))) => {
                let words = [ON_LINKS, alphabet.on_links].concat();
                let word = words[dice.roll(words.len())];
                format!("{}.link(\"{name}\").{};", place(at), fill(word, at, &name))
            }
            (9, Some((at, name))) => {
                let near = name.replace('w', "v");
                let far = near.replace('v', "w");
                there.remove(&(at, near));
                there.remove(&(at, far));
                format!("{}.link(\"{name}\").delete();", place(at))
            }
            (10, _) if is_there('v') && is_there('b') => format!(
                "{here}.link(\"v{at}{number}\").master(\"b{at}{number}\").port(#{{cost: {value}, isolated: true}}).fdb(\"02:00:00:00:00:07\");"
            ),
            (11, _) if is_there('x') => format!(
                "{here}.link(\"x{at}{number}\").fdb(\"00:00:00:00:00:00\", #{{dst: \"10.200.0.{value}\"}});"
            ),
            (12, _) if at > 1 => {
                there.retain(|(place, _)| *place != at);
                format!("{here}.delete();")
            }
            (13, _) => format!(
                "{here}.{};",
                fill(ON_PLACES[dice.roll(ON_PLACES.len())], at, "")
            ),
            (14, _) => format!(
                "netns(\"old\").link(\"o0\").alias(\"{value}\").neighbor(\"10.6.0.{value}\", \"02:00:00:00:00:01\");"
            ),
            _ => format!(
                "link(\"p0\").{};",
                fill(ON_FOREIGN[dice.roll(ON_FOREIGN.len())], at, "")
            ),
        };
        writeln!(text, "{line}").unwrap();
    }
    text
}

/// The state, with what iproute2 shows elsewhere.
pub(crate) fn state(lab: &Lab) -> Value {
    let mut state = state::whole(lab);
    let settings = || {
        ["ip_default_ttl", "conf/all/rp_filter", "conf/p0/rp_filter"].map(|key| {
            std::fs::read_to_string(format!("/proc/sys/net/ipv4/{key}")).unwrap_or_default()
        })
    };
    state["settings"] = json!([settings(), lab.in_netns("old", settings)]);
    state
}

/// Makes what is there before.
pub(crate) fn foreign(lab: &Lab) {
    lab.ip(
        "link add p0 type veth peer name p1\nlink set p0 up\nlink set p1 up\naddr add 10.8.0.1/24 dev p0\n\
         netns add old\nlink add o0 netns old type veth peer name o1 netns old",
    );
    lab.wait_up("p0");
}

#[track_caller]
fn run_twice_and_leave_nothing(lab: &Lab, alphabet: &Alphabet, part: u64) {
    foreign(lab);
    lab.ip(alphabet.prepared);
    lab.ip_in("old", alphabet.prepared);
    let before = state(lab);
    for (seed, mut dice) in Rounds::of_part(alphabet.labs, part, alphabet.parts) {
        let text = script(&mut dice, alphabet);
        let again = |what: &str| {
            let output = lab.script(&text);
            let said = (output.code, output.stderr.as_str());
            assert_eq!(said, (0, ""), "seed {seed}, {what}\n{text}");
        };
        again("run");
        again("run again");
        let output = lab.ipvsh(&["down", "lab"]);
        let said = (output.code, output.stderr.as_str());
        assert!(
            said == (0, "") || output.stderr.contains("no lab of that name"),
            "seed {seed}: {said:?}\n{text}"
        );
        // Links get some of their state a moment later: see `state`.
        let deadline = Instant::now() + Duration::from_secs(60);
        while state(lab) != before {
            if Instant::now() > deadline {
                let _ = writeln!(std::io::stderr().lock(), "seed {seed}\n{text}");
                state::assert_same(&state(lab), &before);
            }
        }
    }
}
