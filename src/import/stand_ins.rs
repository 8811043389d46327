//! The links of a machine that a set-up takes to be there: [`stand_ins`].

use std::sync::LazyLock;

use regex::Regex;

/// The names that links of machines usually have: `eth0`, `enp0s3`, `ens33`, `enx001122334455`, `wlan0`.
static USUAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(eth\d{1,3}|em\d{1,3}|wlan\d{1,3}|(en|wl)[ops]\d\w{0,10}|(en|wl)x[0-9a-f]{12})$")
        .ok()
});

/// Words behind which stands what is made, or gets a new name.
const MAKING: [&str; 4] = ["add", "name", "peer", "addbr"];

/// Links of the machine that commands name and do not make, by the usual names of such; `arguments` are those that they are run with.
pub fn stand_ins(commands: &str, arguments: &[String]) -> Vec<String> {
    let is_usual = |word: &str| USUAL.as_ref().is_some_and(|usual| usual.is_match(word));
    let mut named: Vec<String> = Vec::new();
    let mut made: Vec<&str> = Vec::new();
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
            if is_made && base == *word {
                made.push(base);
            }
            named.push(base.to_owned());
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
        let found = stand_ins(
            commands,
            &["eth9".to_owned(), "up".to_owned(), "v0".to_owned()],
        );
        let wanted = ["enp0s3", "ens33", "eth0", "eth1", "eth8", "eth9", "wlan0"];
        assert_eq!(found, wanted);
    }
}
