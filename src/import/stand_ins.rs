//! What a set-up takes to be there: links of the machine, and bridges and namespaces that another one made: [`stand_ins`].

use std::fmt;

use std::sync::LazyLock;

use regex::Regex;

/// The names that links of machines usually have: `eth0`, `enp0s3`, `ens33`, `enx001122334455`, `wlan0`.
static USUAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(eth\d{1,3}|em\d{1,3}|wlan\d{1,3}|(en|wl)[ops]\d\w{0,10}|(en|wl)x[0-9a-f]{12})$")
        .ok()
});

/// Words behind which stands what is made, or gets a new name.
const MAKING: [&str; 4] = ["add", "name", "peer", "addbr"];

/// Something that stands in for what a set-up takes to be there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StandIn {
    /// A link of the machine.
    Link(String),
    /// What links are put under.
    Bridge(String),
    /// A namespace.
    Netns(String),
}

impl StandIn {
    /// Its name.
    pub fn name(&self) -> &str {
        let (Self::Link(name) | Self::Bridge(name) | Self::Netns(name)) = self;
        name
    }
}

impl fmt::Display for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(name) => write!(f, "`{name}`"),
            Self::Bridge(name) => write!(f, "bridge `{name}`"),
            Self::Netns(name) => write!(f, "namespace `{name}`"),
        }
    }
}

/// What commands name and do not make: links of the machine, by the usual names of such, the bridges that they put links under, and
/// the namespaces that they use. `arguments` are those that they are run with.
pub fn stand_ins(commands: &str, arguments: &[String]) -> Vec<StandIn> {
    let links = links(commands, arguments).into_iter().map(StandIn::Link);
    let mut all: Vec<StandIn> = links.collect();
    let mut made: Vec<&str> = Vec::new();
    let mut named = Vec::new();
    let goes_on = |c: char| c.is_alphanumeric() || "_-.$/{}".contains(c);
    for line in commands.lines().map(str::trim_start) {
        if line.starts_with('#') {
            continue;
        }
        let words: Vec<&str> = line
            .split(|c| !goes_on(c))
            .filter(|word| !word.is_empty())
            .collect();
        for (at, pair) in words.windows(2).enumerate() {
            let before = at.checked_sub(1).map_or("", |at| words[at]);
            let is_ip = words[..at].contains(&"ip");
            match pair {
                ["master", name] if is_ip => named.push(StandIn::Bridge((*name).to_owned())),
                ["exec" | "delete" | "del" | "set" | "attach", name] if before == "netns" => {
                    if pair[0] == "exec" {
                        named.push(StandIn::Netns((*name).to_owned()));
                    } else if pair[0] == "attach" {
                        made.push(name);
                    }
                }
                ["netns", name] if is_ip && words[..at].contains(&"link") => {
                    named.push(StandIn::Netns((*name).to_owned()));
                }
                ["-n" | "-netns", name] if before == "ip" => {
                    named.push(StandIn::Netns((*name).to_owned()));
                }
                ["add" | "addbr" | "name" | "peer", name] => made.push(name),
                ["dev", name] if before == "add" => made.push(name),
                _ => {}
            }
        }
    }
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
            && name.len() < 16
    };
    // Whether what is made has a name that only a run knows: any of them may be it.
    let is_known = !made.iter().any(|name| name.contains('$'));
    named.retain(|one| is_known && is_name(one.name()) && !made.contains(&one.name()));
    all.retain(|link| named.iter().all(|one| one.name() != link.name()));
    all.extend(named);
    all.sort_unstable();
    all.dedup();
    all
}

fn links(commands: &str, arguments: &[String]) -> Vec<String> {
    let is_usual = |word: &str| USUAL.as_ref().is_some_and(|usual| usual.is_match(word));
    let mut named: Vec<String> = Vec::new();
    let mut made: Vec<&str> = Vec::new();
    let mut inside: Vec<&str> = Vec::new();
    // `${WAN:-eth0}`
    let commands = commands.replace(":-", "  ");
    for line in commands.lines().map(str::trim_start) {
        if line.starts_with('#') {
            continue;
        }
        let goes_on = |c: char| c.is_alphanumeric() || "_-.".contains(c);
        let words: Vec<&str> = line
            .split(|c| !goes_on(c))
            .filter(|word| !word.is_empty())
            .collect();
        let is_inside = words
            .windows(2)
            .any(|pair| pair == ["netns", "exec"] || pair[0] == "ip" && pair[1] == "-n");
        for (at, word) in words.iter().enumerate() {
            // `eth0.5` is on `eth0`.
            let base = word.split('.').next().unwrap_or_default();
            if !is_usual(base) {
                continue;
            }
            let before = |back: usize| at.checked_sub(back).and_then(|at| words.get(at)).copied();
            let is_made = match before(1) {
                Some("add") => before(2) != Some("vconfig"),
                Some("dev") => {
                    before(2) == Some("add")
                        && before(3).is_some_and(|word| "link".starts_with(word))
                }
                Some(before) => MAKING.contains(&before),
                None => false,
            };
            // What is made in a namespace is none of the machine's, nor what is set up there.
            let goes_there = words.get(at + 1) == Some(&"netns") || (is_made && is_inside);
            if is_made && base == *word && !goes_there {
                made.push(base);
            }
            if !goes_there && (!is_inside || !inside.contains(&base)) {
                named.push(base.to_owned());
            }
            if goes_there {
                inside.push(base);
            }
        }
    }
    named.extend(arguments.iter().filter(|one| is_usual(one)).cloned());
    named.retain(|name| !made.contains(&name.as_str()));
    named.sort_unstable();
    named.dedup();
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_and_not_made_is_a_link_of_the_machine() {
        let commands = "\
#!/bin/sh
# on eth7
IF=${1:-enp0s3}
ip link add link eth0 name eth0.5 type vlan id 5
vconfig add eth1 5
tc qdisc add dev wlan0 root fq
iptables -t nat -A POSTROUTING -o ens33 -j MASQUERADE
ip link add eth2 type veth peer name eth3
ip link add dev eth4 type bridge
ip link set v0 netns a name eth5
ip link set v1 name \"eth6\"
ip link enslave ens ethx method0
brctl addif br0 eth8
";
        let found = links(
            commands,
            &["eth9".to_owned(), "up".to_owned(), "v0".to_owned()],
        );
        let wanted = ["enp0s3", "ens33", "eth0", "eth1", "eth8", "eth9", "wlan0"];
        assert_eq!(found, wanted);
    }

    #[test]
    fn bridges_and_namespaces_that_another_set_up_made_are_stood_in_for() {
        let commands = "\
ip netns add own
ip link add v0 type veth peer name v1
ip link set v0 master br1
ip link set v1 netns other
ip netns exec own ip link set lo up
ip -n third addr add 10.0.0.1/24 dev x0
ip link add br2 type bridge
ip link set v2 master br2
ip netns del gone
";
        let found: Vec<String> = stand_ins(commands, &[])
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            found,
            ["bridge `br1`", "namespace `other`", "namespace `third`"]
        );
        assert_eq!(
            stand_ins("ip netns add $NS\nip netns exec red ip link", &[]),
            []
        );
    }
}
