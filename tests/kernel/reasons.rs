//! Random labs with random faults, explained: a pair that is reached has no cause; one that isn't has one, and mended as told, each
//! cause gives way to another one until the pair is reached.
//!
//! How many there are is said as in [`crate::seeds`].

use std::fmt::Write as _;

use crate::case::Case;
use crate::lab::Lab;
use crate::seeds::{Dice, Rounds, attack};

/// How many labs each run of the tests tries.
const LABS: u64 = 2;

/// The cases of this ring.
pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(
        module_path!(),
        "each_cause_that_is_mended_as_told_gives_way_until_the_pair_is_reached",
        &["veth", "bridge", "nft"],
        |_| {
            attack("reasons", Rounds::new(LABS), |lab, mut dice| {
                explain(lab, &mut dice)
            });
        },
    )]
}

/// A chain of namespaces, each joined with the next by a pair of its own or by a bridge.
struct Chain {
    /// The namespaces from one end to the other; all but the first and the last are routers.
    nodes: Vec<&'static str>,
    /// Whether the segment behind each node has a bridge, in a namespace of its own.
    bridged: Vec<bool>,
}

impl Chain {
    fn of(dice: &mut Dice) -> Self {
        let nodes: Vec<_> = match dice.roll(4) {
            0 => vec!["a", "b"],
            1 | 2 => vec!["a", "r1", "b"],
            _ => vec!["a", "r1", "r2", "b"],
        };
        let bridged = nodes.windows(2).map(|_| dice.chance(35)).collect();
        Self { nodes, bridged }
    }

    /// What makes it. The link to the left is `l`, that to the right `r`; segment 1 is 10.0.1.0/24 and `fd01::/64`, the left end `.1`.
    fn made(&self) -> String {
        let mut text = String::new();
        for node in &self.nodes {
            writeln!(
                text,
                "let {node} = netns(\"{node}\"); {node}.link(\"lo\").up(); {node}.sysctl(\"ipv6.conf.default.accept_dad\", 0); \
                 {node}.sysctl(\"ipv6.conf.default.keep_addr_on_down\", 1);"
            )
            .unwrap();
        }
        for (at, pair) in self.nodes.windows(2).enumerate() {
            let (left, right, net) = (pair[0], pair[1], at + 1);
            let addresses = |end: usize| {
                format!(
                    "#{{addr: [\"10.0.{net}.{end}/24\", \"fd0{net}::{end}/64\"], nodad: true, up: true}}"
                )
            };
            if self.bridged[at] {
                writeln!(
                    text,
                    "let s{net} = netns(\"s{net}\"); s{net}.bridge(\"br\", #{{up: true}});\n\
                     {left}.veth(\"r\", s{net}, \"pl\", {}); {right}.veth(\"l\", s{net}, \"pr\", {});\n\
                     s{net}.link(\"pl\").master(\"br\").up(); s{net}.link(\"pr\").master(\"br\").up();",
                    addresses(1),
                    addresses(2)
                )
                .unwrap();
            } else {
                writeln!(
                    text,
                    "{left}.veth(\"r\", {right}, \"l\", {});\n\
                     {right}.link(\"l\").addr(\"10.0.{net}.2/24\").addr(\"fd0{net}::2/64\", #{{nodad: true}}).up();",
                    addresses(1)
                )
                .unwrap();
            }
        }
        let last = self.nodes.len() - 1;
        for (at, node) in self.nodes.iter().enumerate() {
            if at > 0 && at < last {
                writeln!(text, "{node}.forward();").unwrap();
            }
            for net in 1..=last {
                // The segments beside it need no route.
                let via = if net > at + 1 {
                    (at + 1, 2)
                } else if net < at {
                    (at, 1)
                } else {
                    continue;
                };
                writeln!(
                    text,
                    "{node}.route(\"10.0.{net}.0/24\", #{{via: \"10.0.{0}.{1}\"}}); {node}.route(\"fd0{net}::/64\", #{{via: \"fd0{0}::{1}\"}});",
                    via.0, via.1
                )
                .unwrap();
            }
        }
        text
    }

    /// A link of one of the namespaces on the way: the line for it, and that of its namespace.
    fn link(&self, dice: &mut Dice) -> (String, String) {
        let at = dice.roll(self.nodes.len() - 1);
        let net = at + 1;
        let mut ends = vec![
            (self.nodes[at].to_owned(), "r"),
            (self.nodes[at + 1].to_owned(), "l"),
        ];
        if self.bridged[at] {
            for port in ["pl", "pr", "br"] {
                ends.push((format!("s{net}"), port));
            }
        }
        let (node, name) = dice.one_of(&ends).clone();
        (format!("{node}.link(\"{name}\")"), node)
    }

    /// Something that gives packets other addresses: where they come from, or else where they go to.
    fn translation(&self, dice: &mut Dice, node: &str, is_source: bool) -> String {
        let last = self.nodes.len() - 1;
        let (net, end, to) = (1 + dice.roll(last), 1 + dice.roll(2), 1 + dice.roll(last));
        let (hook, rule) = if is_source {
            let all = [
                "masquerade".to_owned(),
                format!("oifname r snat to 10.0.{net}.77"),
                format!("oifname l snat to 10.0.{net}.77"),
                "snat to 10.77.0.1".to_owned(),
            ];
            ("postrouting", dice.one_of(&all).clone())
        } else {
            let other = dice.one_of(&["1", "2", "77"]);
            (
                *dice.one_of(&["prerouting", "output"]),
                format!("ip daddr 10.0.{net}.{end} dnat to 10.0.{to}.{other}"),
            )
        };
        let name = dice.roll(1_000_000);
        format!(
            "{node}.nft(\"table ip n{name} {{ chain c {{ type nat hook {hook} priority 0; {rule}; }}; }}\");"
        )
    }

    /// Something that may stop packets.
    fn fault(&self, dice: &mut Dice) -> String {
        let last = self.nodes.len() - 1;
        let node = *dice.one_of(&self.nodes);
        let (net, end) = (1 + dice.roll(last), 1 + dice.roll(2));
        let prefix = (*dice.one_of(&[
            format!("10.0.{net}.0/24"),
            format!("10.0.{net}.{end}/32"),
            format!("fd0{net}::/64"),
            "10.0.0.0/16".to_owned(),
        ]))
        .clone();
        let own = |dice: &mut Dice| {
            let at = dice.roll(last);
            [(self.nodes[at], "r", 1), (self.nodes[at + 1], "l", 2)]
                .map(|(node, link, end)| (node, link, at + 1, end))[dice.roll(2)]
        };
        match dice.roll(18) {
            0 => format!("{}.down();", self.link(dice).0),
            1 => format!("{node}.sysctl(\"ipv4.ip_forward\", 0);"),
            2 => format!("{node}.sysctl(\"ipv6.conf.all.forwarding\", 0);"),
            3 => {
                let sort = dice.one_of(&["blackhole", "prohibit", "unreachable"]);
                format!("{node}.route(\"{prefix}\", #{{type: \"{sort}\", metric: 7}});")
            }
            4 => {
                let action = dice.one_of(&["prohibit", "unreachable", "blackhole"]);
                let side = dice.one_of(&["to", "from"]);
                format!(
                    "{node}.rule(#{{{side}: \"{prefix}\", action: \"{action}\", priority: 50}});"
                )
            }
            5..=7 => {
                let hook =
                    dice.one_of(&["prerouting", "input", "forward", "output", "postrouting"]);
                let rule = dice.one_of(&[
                    "drop;",
                    "meta l4proto { icmp, ipv6-icmp } drop;",
                    "icmp type echo-request drop;",
                    "icmp type echo-reply counter drop;",
                    "icmpv6 type { echo-request, echo-reply } drop;",
                    "tcp dport 22 drop; meta nfproto ipv4 drop;",
                    "jump other;",
                    "ip daddr 10.0.1.0/24 drop; ip saddr 10.0.1.0/24 drop;",
                ]);
                let policy = dice.one_of(&["accept", "accept", "drop"]);
                // Two of the same name would be a conflict.
                let name = dice.roll(1_000_000);
                format!(
                    "{node}.nft(\"table inet f{name} {{ chain other {{ icmp type echo-request drop; }}; \
                     chain c {{ type filter hook {hook} priority 0; policy {policy}; {rule} }}; }}\");"
                )
            }
            8 => {
                let (node, link, net, end) = own(dice);
                format!("{node}.link(\"{link}\").del_addr(\"10.0.{net}.{end}/24\");")
            }
            9 => {
                let (node, link, ..) = own(dice);
                format!("{node}.link(\"{link}\").arp(false);")
            }
            10 => {
                let (node, link, net, end) = own(dice);
                format!(
                    "{node}.link(\"{link}\").neighbor(\"10.0.{net}.{}\", \"02:00:00:00:00:99\");",
                    3 - end
                )
            }
            11 => format!("{node}.sysctl(\"ipv4.icmp_echo_ignore_all\", 1);"),
            12 => format!("{node}.link(\"lo\").down();"),
            13 => match self.bridged.iter().position(|is| *is) {
                Some(at) => {
                    let (s, how) = (format!("s{}", at + 1), dice.roll(3));
                    match how {
                        0 => format!("{s}.link(\"pl\").nomaster();"),
                        1 => format!(
                            "{s}.link(\"pl\").port(#{{isolated: true}}); {s}.link(\"pr\").port(#{{isolated: true}});"
                        ),
                        _ => format!("{s}.link(\"pr\").port(#{{learning: false, flood: false}});"),
                    }
                }
                None => String::new(),
            },
            14 if last > 1 => {
                let (node, net, near) =
                    [(self.nodes[0], last, 1), (self.nodes[last], 1, last)][dice.roll(2)];
                format!(
                    "{node}.del_route(\"10.0.{net}.0/24\"); {node}.route(\"10.0.{net}.0/24\", #{{via: \"10.0.{near}.77\"}});"
                )
            }
            kind @ (15 | 16) => self.translation(dice, node, kind == 15),
            // A node's routes, all that have a next hop.
            _ => {
                format!(
                    "for one in {node}.routes.filter(|one| one.via != ()) {{ {node}.del_route(one.destination, #{{via: one.via}}); }}"
                )
            }
        }
    }
}

/// Makes a lab, breaks it, and mends it as it is told.
fn explain(lab: &Lab, dice: &mut Dice) -> Result<(), String> {
    let chain = Chain::of(dice);
    let mut ends = [0, 1 + dice.roll(chain.nodes.len() - 1)];
    if dice.chance(50) {
        ends.reverse();
    }
    let family = dice.chance(35);
    let [from, to] = ends.map(|at| {
        let (net, end) = if at == 0 { (1, 1) } else { (at, 2) };
        let address = if family {
            format!("fd0{net}::{end}")
        } else {
            format!("10.0.{net}.{end}")
        };
        (chain.nodes[at], address)
    });
    // By their names, or with an address that may be gone.
    let target = if dice.chance(60) {
        to.1
    } else {
        to.0.to_owned()
    };
    // One may stand in the way of the next.
    let faults: Vec<String> = (0..dice.roll(4))
        .map(|_| format!("try {{ {} }} catch {{}}", chain.fault(dice)))
        .collect();
    let (made, faults) = (chain.made(), faults.join("\n"));
    let from = from.0;
    let script = format!(
        r#"{made}
let asked = #{{quiet: true, timeout: "300ms"}};
let settle = || {{
    for place in namespaces().filter(|place| place.name != () && place.name.len() <= 2) {{
        for one in place.links {{
            if one.is_up && one.kind == "veth" && one.peer != () && one.peer.is_up {{ one.wait_up(); }}
        }}
    }}
}};
settle.call();
let found = why("{from}", "{target}", #{{quiet: true, timeout: "2s"}});
if !found.reached || found.cause != () {{ throw `before anything is broken: ${{found}}`; }}
{faults}
let told = [];
let last = ();
let is_gone = false;
for round in 0..10 {{
    let found = ();
    try {{ found = why("{from}", "{target}", asked); }} catch (e) {{
        // A name without an address, an address without an owner: there is no pair to explain.
        if e.kind == "not_found" {{ is_gone = true; break; }}
        throw e;
    }}
    told.push(`${{found}}`);
    if found.reached {{
        if found.cause != () {{ throw `reached, with a cause: ${{found}}`; }}
        break;
    }}
    let now = [found.sort, found.at, found.cause, found.mend];
    // A link that has just come up may still drop what it is to send.
    if found.sort == "unknown" && last != () && last[0] != "unknown" {{ last = ["unknown"]; continue; }}
    if found.cause == () {{ throw `no cause\n${{told}}`; }}
    if found.mend == () {{ throw `no mend\n${{told}}`; }}
    if now == last {{ throw `mended, and the same again\n${{told}}`; }}
    last = now;
    try {{ eval(found.mend); }} catch (e) {{ throw `the mend fails: ${{e}}\n${{told}}`; }}
    settle.call();
    if round == 9 {{ throw `ten mends are not enough\n${{told}}`; }}
}}
"#
    );
    let output = lab.script(&script);
    if output.code == 0 {
        return Ok(());
    }
    Err(format!("{}\n{faults}\n{script}", output.stderr))
}
