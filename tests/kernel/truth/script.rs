//! Writes scripts of random words.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ipvsh::dsl::options;

use super::values;
use super::words::{Act, KINDS, LinkKind, Need, ON_LINKS, ON_PLACES};
use crate::seeds::Dice;

/// The places of a script: the first is there before.
const PLACES: [&str; 3] = ["host()", "n1", "n2"];

/// A random script, and what is to be held against it.
pub(super) struct Script {
    /// Its text.
    pub(super) text: String,
    /// Whether it says one thing and then another of the same object, as a second run does then, too.
    pub(super) contradicts: bool,
    /// Whether it leaves the host's own namespace alone.
    pub(super) is_inside: bool,
}

/// A link that the script has made, as far as it came.
struct Known {
    at: usize,
    name: String,
    word: &'static str,
    variable: String,
    /// What was said of it already.
    said: BTreeSet<String>,
    /// The number in its first IPv4 address.
    subnet: Option<usize>,
}

struct Writer<'a> {
    dice: &'a mut Dice,
    /// The kinds that this kernel has.
    kinds: Vec<&'static LinkKind>,
    links: Vec<Known>,
    /// What was said of places already.
    said: BTreeSet<String>,
    first_place: usize,
    contradicts: bool,
    numbers: usize,
}

/// Writes a script of kinds of link that are in `kinds`, and `queues`.
pub(super) fn write(dice: &mut Dice, kinds: &[&str], lacks: &[&str]) -> Script {
    let is_inside = dice.chance(50);
    let contradicts = dice.chance(20);
    let lines = 3 + dice.roll(14);
    let has = |kind: &&'static LinkKind| kinds.contains(&kind.word);
    let mut writer = Writer {
        dice,
        kinds: KINDS.iter().filter(has).collect(),
        links: Vec::new(),
        said: BTreeSet::new(),
        first_place: usize::from(is_inside),
        contradicts,
        numbers: 10,
    };
    let mut text = "let n1 = netns(\"n1\");\nlet n2 = netns(\"n2\");\n".to_owned();
    let mut made = 0;
    while made < lines {
        let line = match writer.dice.roll(10) {
            0..=2 => Some(writer.new_link()),
            3..=7 => writer.on_link(lacks),
            _ => writer.on_place(),
        };
        let Some(line) = line else { continue };
        made += 1;
        // A variable has to outlive its line.
        if !line.starts_with("let ") && writer.dice.chance(15) {
            let _ = writeln!(text, "try {{ {line} }} catch (e) {{ print(e.message); }}");
        } else {
            let _ = writeln!(text, "{line}");
        }
    }
    Script {
        text,
        contradicts,
        is_inside,
    }
}

impl Writer<'_> {
    fn number(&mut self) -> usize {
        self.numbers += 1;
        self.numbers
    }

    fn a_place(&mut self) -> usize {
        self.first_place + self.dice.roll(PLACES.len() - self.first_place)
    }

    /// A link of the place that `is_meant`.
    fn link_at(&mut self, at: usize, is_meant: impl Fn(&Known) -> bool) -> Option<usize> {
        let fit = |link: &Known| link.at == at && is_meant(link);
        let found: Vec<usize> = (0..self.links.len())
            .filter(|index| fit(&self.links[*index]))
            .collect();
        (!found.is_empty()).then(|| *self.dice.one_of(&found))
    }

    /// Makes a link of a random kind.
    fn new_link(&mut self) -> String {
        let at = self.a_place();
        let kinds = self.kinds.clone();
        let kind = *self.dice.one_of(&kinds);
        let number = self.number();
        let name = format!("{}{number}", kind.letter);
        let far = if self.dice.chance(30) {
            self.a_place()
        } else {
            at
        };
        let variable = format!("l{number}");
        let mut link = Known {
            at,
            name: name.clone(),
            word: kind.word,
            variable: variable.clone(),
            said: BTreeSet::new(),
            subnet: None,
        };
        let map = self.link_options(kind.word, &mut link);
        let parent = self
            .link_at(at, |link| ["veth", "dummy", "bridge"].contains(&link.word))
            .map(|index| self.links[index].variable.clone());
        let parent = parent.unwrap_or_else(|| "\"p0\"".to_owned());
        let call = kind
            .call
            .replace("NAME", &name)
            .replace("PEER", &format!("w{number}"))
            .replace("FAR", PLACES[far])
            .replace("PARENT", &parent)
            .replace("OPTIONS", &map);
        let call = self.fill(&call, at, Some(&mut link));
        self.links.push(link);
        if kind.call.contains("PEER") {
            self.links.push(Known {
                at: if kind.call.contains("FAR") { far } else { at },
                name: format!("w{number}"),
                word: kind.word,
                variable: format!("l{number}.peer"),
                said: BTreeSet::new(),
                subnet: None,
            });
        }
        format!("let {variable} = {}.{call};", PLACES[at])
    }

    /// A map of options for a new link.
    fn link_options(&mut self, word: &'static str, link: &mut Known) -> String {
        let common = options::keys("dummy");
        let own: Vec<&str> = options::keys(word)
            .into_iter()
            .filter(|key| !common.contains(key) || (word == "vxlan" && *key == "group"))
            .collect();
        let mut chosen = Vec::new();
        for (keys, most) in [(own, 3), (common, 4)] {
            for _ in 0..self.dice.roll(most + 1) {
                if !keys.is_empty() {
                    chosen.push(*self.dice.one_of(&keys));
                }
            }
        }
        self.map(word, chosen, link.at, Some(link))
    }

    /// `#{…}` of these keys with values.
    fn map(
        &mut self,
        word: &str,
        mut keys: Vec<&'static str>,
        at: usize,
        mut link: Option<&mut Known>,
    ) -> String {
        keys.sort_unstable();
        keys.dedup();
        // One is said of a thing only.
        let either = [
            ["action", "table"],
            ["via", "type"],
            ["loss_gemodel", "loss_state"],
        ];
        for [one, other] in either {
            if keys.contains(&one) {
                keys.retain(|key| *key != other);
            }
        }
        let mut options = Vec::new();
        for key in keys {
            let bridge = self.link_at(at, |link| link.word == "bridge");
            if (key == "master" && bridge.is_none()) || (key == "replace" && self.dice.chance(80)) {
                continue;
            }
            let values = values::of(word, key)
                .unwrap_or_else(|| panic!("no values are known for `{key}` of {word}"));
            let value = *self.dice.one_of(values);
            if let Some(link) = link.as_deref_mut() {
                link.said.insert(key.to_owned());
            }
            let value = self.fill(value, at, link.as_deref_mut());
            options.push(format!("{key}: {value}"));
        }
        format!("#{{{}}}", options.join(", "))
    }

    /// Puts what the place has for the words in capitals.
    fn fill(&mut self, text: &str, at: usize, mut link: Option<&mut Known>) -> String {
        let mut text = text.to_owned();
        while text.contains("NUMBER") {
            let number = self.number().to_string();
            text = text.replacen("NUMBER", &number, 1);
        }
        while text.contains("NEW") {
            let number = self.number().to_string();
            text = text.replacen("NEW", &number, 1);
        }
        for (word, prefix) in [("MAC", "02:00:00:00:00:"), ("NET", "10.1")] {
            while text.contains(word) {
                let number = self.number() % 90 + 10;
                let value = match word {
                    "NET" => format!("{prefix}{number}.0.0/16"),
                    _ => format!("{prefix}{number}"),
                };
                text = text.replacen(word, &value, 1);
            }
        }
        for word in ["IP4", "IP6"] {
            while text.contains(word) {
                let number = self.number();
                let value = if word == "IP4" {
                    if let Some(link) = link.as_deref_mut() {
                        link.subnet.get_or_insert(number);
                    }
                    format!("10.{number}.0.1/24")
                } else {
                    format!("fd00:{number}::1/64")
                };
                text = text.replacen(word, &value, 1);
            }
        }
        if let Some(link) = link {
            text = text.replace("SELF", &link.name);
        }
        let name = self
            .link_at(at, |_| true)
            .map(|index| self.links[index].name.clone());
        text = text.replace("LINK", name.as_deref().unwrap_or("lo"));
        let bridge = self
            .link_at(at, |link| link.word == "bridge")
            .map(|index| self.links[index].name.clone());
        text = text.replace("BRIDGE", bridge.as_deref().unwrap_or("lo"));
        let subnet = self
            .link_at(at, |link| link.subnet.is_some())
            .and_then(|index| self.links[index].subnet)
            .unwrap_or(99);
        while text.contains("NEAR") {
            let host = 2 + self.dice.roll(8);
            text = text.replacen("NEAR", &format!("10.{subnet}.0.{host}"), 1);
        }
        text.replace("OWN", &format!("10.{subnet}.0.1"))
    }

    /// Whether something may be said that is known by `key`: once, where the script does not contradict itself.
    fn may_say(said: &mut BTreeSet<String>, key: &str, contradicts: bool) -> bool {
        key.is_empty() || said.insert(key.to_owned()) || contradicts
    }

    fn call(&mut self, act: &Act, at: usize, mut link: Option<&mut Known>) -> String {
        let mut arguments = act.arguments.to_owned();
        if arguments.contains("OPTIONS") {
            let keys = options::keys(act.word);
            let mut chosen: Vec<&str> = act.always.to_vec();
            for _ in 0..self.dice.roll(act.most + 1) {
                chosen.push(*self.dice.one_of(&keys));
            }
            let map = self.map(act.word, chosen, at, link.as_deref_mut());
            arguments = arguments.replace("OPTIONS", &map);
        }
        self.fill(&arguments, at, link)
    }

    /// Says something of a link.
    fn on_link(&mut self, lacks: &[&str]) -> Option<String> {
        if self.links.is_empty() {
            return None;
        }
        let index = self.dice.roll(self.links.len());
        let act = *self.dice.one_of(&ON_LINKS.iter().collect::<Vec<_>>());
        if lacks.contains(&act.word) || (act.need == Need::Contradiction && !self.contradicts) {
            return None;
        }
        let mut link = self.links.remove(index);
        let has_bridge = self
            .link_at(link.at, |link| link.word == "bridge")
            .is_some();
        let fits = match act.need {
            Need::Nothing | Need::Contradiction => true,
            Need::Bridge => has_bridge && link.word != "bridge",
            Need::Port => link.said.contains("master"),
            Need::Kind(kinds) => kinds.contains(&link.word),
        };
        let fits = fits && Self::may_say(&mut link.said, act.key, self.contradicts);
        let said = fits.then(|| {
            let arguments = self.call(act, link.at, Some(&mut link));
            let (place, name, word) = (PLACES[link.at], link.name.clone(), act.word);
            let comma = if arguments.is_empty() { "" } else { ", " };
            let text = match self.dice.roll(4) {
                0 => format!("{place}.link(\"{name}\").{word}({arguments});"),
                1 if act.is_short => format!("{place}.{word}(\"{name}\"{comma}{arguments});"),
                2 if act.is_short => {
                    format!("within {place} {{ {word}(\"{name}\"{comma}{arguments}); }}")
                }
                _ => format!("{}.{word}({arguments});", link.variable),
            };
            match word {
                "rename" => arguments.trim_matches('"').clone_into(&mut link.name),
                "netns" => {
                    let target = arguments.trim_matches('"');
                    let at = PLACES.iter().position(|place| *place == target);
                    link.at = at.unwrap_or(link.at);
                }
                _ => {}
            }
            text
        });
        if said.is_none() || act.word != "delete" {
            self.links.insert(index, link);
        }
        said
    }

    /// Says something of a place.
    fn on_place(&mut self) -> Option<String> {
        let at = self.a_place();
        let act = *self.dice.one_of(&ON_PLACES.iter().collect::<Vec<_>>());
        let key = format!("{at} {}", act.key);
        let is_free = act.key.is_empty() || Self::may_say(&mut self.said, &key, self.contradicts);
        if !is_free || (act.need == Need::Contradiction && !self.contradicts) {
            return None;
        }
        let arguments = self.call(act, at, None);
        let (place, word) = (PLACES[at], act.word);
        if word == "delete" {
            // What comes behind it makes the place again.
            if at == 0 {
                return None;
            }
            self.links.retain(|link| link.at != at);
            return Some(format!("{place}.delete(); {place} = netns(\"{place}\");"));
        }
        Some(if act.is_short && self.dice.chance(30) {
            format!("within {place} {{ {word}({arguments}); }}")
        } else {
            format!("{place}.{word}({arguments});")
        })
    }
}
