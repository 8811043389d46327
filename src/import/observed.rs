//! From what was seen of a run to a script: [`observed`].

use std::collections::BTreeMap;

use super::{Imported, ask, finished, shell, tools};
use crate::net::process::observe::{Seen, What, Where};
use crate::steps::{Act, Item, Left, Place, Step};

/// What was seen, as a script, and what of it is no part of that.
#[derive(Debug, PartialEq, Eq)]
pub struct Observed {
    /// The script.
    pub imported: Imported,
    /// The other programs that have run, and the lines that they come from where those are known.
    pub others: Vec<(String, Vec<usize>)>,
    /// How many commands have failed, and so done nothing.
    pub failed: usize,
}

/// Programs that run others, which are seen themselves.
const OUTER: [&str; 16] = [
    "ash", "bash", "busybox", "dash", "env", "nice", "nohup", "nsenter", "setsid", "sh", "stdbuf",
    "sudo", "timeout", "unshare", "xargs", "zsh",
];

/// Turns what was seen of the run of `name` into a script: what has led somewhere, in its order.
pub fn observed(seen: &[Seen], name: &str) -> Observed {
    let mut items = Vec::new();
    let mut others: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut failed = 0;
    for one in seen {
        let line = one.line.as_ref().map(|line| line.1);
        let (words, input, code) = match &one.what {
            What::Ran { words, input, code } => (words.clone(), input.as_deref(), *code),
            What::Wrote { setting, value } => (set(setting, value), None, Some(0)),
            What::WroteOfLink { path, value } => {
                let words = [value, path].map(String::as_str);
                let quoted = words.map(|word| shlex::try_quote(word).unwrap_or_default());
                let text = format!("echo {} > {}", quoted[0], quoted[1]);
                items.extend(steps_in(&one.netns, text, line));
                continue;
            }
        };
        let Some(program) = words
            .first()
            .map(|word| word.rsplit('/').next().unwrap_or(word))
        else {
            continue;
        };
        if !(tools::is_of_network(program) || program == "sleep") || program == "modprobe" {
            let lines = others.entry(program.to_owned()).or_default();
            lines.extend(line.filter(|line| !lines.contains(line)));
            continue;
        }
        if only_runs_another(&words) || ask::looks(&words) == Some(true) {
            continue;
        }
        let text = text_of(&words, input);
        match code {
            Some(0) => {}
            Some(code) => {
                failed += 1;
                let whence = line.map_or_else(String::new, |line| format!(" in line {line}"));
                items.push(Item::Comment(format!(
                    "failed{whence} with {code}: {}",
                    in_place(&one.netns, &text)
                )));
                continue;
            }
            // It was not to end.
            None => {
                others.entry(program.to_owned()).or_default().extend(line);
                continue;
            }
        }
        items.extend(steps_in(&one.netns, text, line));
    }
    others.retain(|program, _| !OUTER.contains(&program.as_str()));
    items.insert(0, Item::Comment(format!("What a run of {name} did.")));
    items.insert(1, Item::Blank);
    Observed {
        imported: finished(items, Vec::new(), false),
        others: others.into_iter().collect(),
        failed,
    }
}

/// The command that sets a setting.
fn set(setting: &str, value: &str) -> Vec<String> {
    vec![
        "sysctl".to_owned(),
        "-w".to_owned(),
        format!("{setting}={value}"),
    ]
}

/// Whether the command only has another one run elsewhere, which is seen itself.
fn only_runs_another(words: &[String]) -> bool {
    let is = |word: &String, whole: &str, least: usize| {
        word.len() >= least && whole.starts_with(word.as_str())
    };
    let plain: Vec<&String> = words
        .iter()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    match plain.as_slice() {
        [object, verb, ..] => {
            words[0].ends_with("ip")
                && ((is(object, "netns", 3) && is(verb, "exec", 1))
                    || (is(object, "vrf", 3) && is(verb, "exec", 1)))
        }
        _ => false,
    }
}

/// The command as a shell takes it, with what it reads.
fn text_of(words: &[String], input: Option<&str>) -> String {
    let line = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default();
    match input {
        Some(input) => {
            let mut end = "END".to_owned();
            while input.lines().any(|line| line == end) {
                end.push('_');
            }
            format!("{line} <<'{end}'\n{}\n{end}", input.trim_end_matches('\n'))
        }
        None => line,
    }
}

fn in_place(netns: &Where, text: &str) -> String {
    let text = text.lines().next().unwrap_or_default();
    match netns {
        Where::Here => text.to_owned(),
        Where::Named(netns) => format!("ip netns exec {netns} {text}"),
        Where::Unnamed => format!("{text} (in a namespace without a name)"),
    }
}

/// What a command does that has done it well where it was run.
fn steps_in(netns: &Where, text: String, line: Option<usize>) -> Vec<Item> {
    match netns {
        Where::Here => steps(&text, line, &None),
        Where::Named(netns) => steps(&text, line, &Some(netns.clone())),
        Where::Unnamed => vec![Item::Left(Left {
            line: line.unwrap_or_default(),
            text,
            why: "it was run in a namespace that has no name".to_owned(),
        })],
    }
}

/// What a command does that has done it well.
fn steps(text: &str, line: Option<usize>, place: &Place) -> Vec<Item> {
    let given = shell::Given {
        arguments: Some(Vec::new()),
        path: None,
        signs: None,
        variables: Vec::new(),
    };
    let translate = |words: &[String]| tools::command(words, place);
    let reading = shell::read(&format!("set -e\n{text}"), 0, &given, &translate);
    let items = reading.items.into_iter();
    let told = items.filter_map(|item| match item {
        Item::Left(Left { why, .. }) => Some(Item::Left(Left {
            line: line.unwrap_or_default(),
            text: in_place(&place.clone().map_or(Where::Here, Where::Named), text),
            why,
        })),
        // What it was good for is seen.
        Item::Step(Step {
            place,
            act: Act::Answered(call),
        }) => Some(Item::Step(Step {
            place,
            act: Act::InNetns(call),
        })),
        Item::Step(_) | Item::Block(_) => Some(item),
        // `set -e` itself.
        Item::Blank | Item::Comment(_) | Item::Head(_) => None,
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(netns: Where, words: &str, input: Option<&str>, code: Option<i32>) -> Seen {
        Seen {
            line: Some(("./setup.sh".to_owned(), 7)),
            netns,
            what: What::Ran {
                words: shlex::split(words).expect("words"),
                input: input.map(str::to_owned),
                code,
            },
        }
    }

    #[test]
    fn what_was_done_is_written_and_what_was_not_is_told() {
        let here = |words: &str, code| ran(Where::Here, words, None, Some(code));
        let in_a = |words: &str| ran(Where::Named("a".to_owned()), words, None, Some(0));
        let seen = [
            here("bash ./setup.sh", 0),
            here("apt-get install iproute2", 0),
            here("ip netns add a", 0),
            here("ip link show v0", 0),
            here("ip link del v0", 1),
            here("/sbin/ip link add v0 type veth peer name v1 netns a", 0),
            ran(
                Where::Here,
                "ip netns exec a ip link set v1 up",
                None,
                Some(0),
            ),
            in_a("ip link set v1 up"),
            in_a("ip addr add 10.0.0.1/24 dev v1"),
            ran(
                Where::Here,
                "ip -b -",
                Some("link set v0 up\naddr add 10.0.0.2/24 dev v0\n"),
                Some(0),
            ),
            ran(
                Where::Named("a".to_owned()),
                "nft -f -",
                Some("add table inet t\n"),
                Some(0),
            ),
            Seen {
                line: None,
                netns: Where::Named("a".to_owned()),
                what: What::Wrote {
                    setting: "net/ipv4/ip_forward".to_owned(),
                    value: "1".to_owned(),
                },
            },
            ran(Where::Unnamed, "ip link set lo up", None, Some(0)),
            here("ip frob v0", 0),
            ran(Where::Here, "dnsmasq -d", None, None),
        ];
        let observed = observed(&seen, "setup.sh");
        insta::assert_snapshot!(observed.imported.script, @r#"
        // What a run of setup.sh did.

        let a = netns("a");
        // failed in line 7 with 1: ip link del v0
        veth("v0", a, "v1");
        a.link("v1").up().addr("10.0.0.1/24");
        link("v0").up().addr("10.0.0.2/24");
        a.exec(["nft", "-f", "-"], #{input: `
        add table inet t
        `});
        a.sysctl("ipv4.ip_forward", 1);
        // not translated: line 7: ip link set lo up    (it was run in a namespace that has no name)
        // not translated: line 7: ip frob v0    (`ip frob` is not known here)
        "#);
        assert_eq!(
            observed.others,
            [
                ("apt-get".to_owned(), vec![7]),
                ("dnsmasq".to_owned(), vec![7])
            ]
        );
        assert_eq!((observed.failed, observed.imported.left.len()), (1, 2));
    }
}
