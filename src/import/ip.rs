//! The commands of `ip`, with the abbreviations that it takes.

use super::step::{Act, Call, NewLink, Place, Step, Value};
use super::tools;
use crate::dsl::kind;

/// What a command becomes, or why it becomes nothing.
pub(crate) type Outcome = Result<Vec<Step>, String>;

/// The objects, in the order in which `ip` looks a prefix up in them.
const OBJECTS: &[&str] = &[
    "address",
    "addrlabel",
    "maddress",
    "route",
    "rule",
    "neighbor",
    "neighbour",
    "ntable",
    "link",
    "l2tp",
    "fou",
    "ila",
    "macsec",
    "tunnel",
    "tunl",
    "tuntap",
    "tap",
    "token",
    "tcpmetrics",
    "tcp_metrics",
    "monitor",
    "xfrm",
    "mroute",
    "mrule",
    "netns",
    "netconf",
    "vrf",
    "sr",
    "nexthop",
    "mptcp",
    "ioam",
    "help",
    "stats",
];

const OF_ADDRESS: &[&str] = &[
    "add", "change", "chg", "replace", "delete", "show", "lst", "list", "flush", "save",
    "showdump", "restore", "help",
];
const OF_LINK: &[&str] = &[
    "add", "set", "change", "replace", "delete", "afstats", "show", "lst", "list", "xstats",
    "property", "help",
];
const OF_ROUTE: &[&str] = &[
    "list", "show", "lst", "get", "add", "append", "change", "chg", "replace", "prepend", "delete",
    "test", "flush", "save", "restore", "showdump", "help",
];
const OF_RULE: &[&str] = &[
    "list", "lst", "show", "save", "restore", "add", "delete", "flush", "help",
];
const OF_NEIGHBOR: &[&str] = &[
    "add", "change", "chg", "replace", "delete", "get", "show", "lst", "list", "flush", "help",
];
const OF_NETNS: &[&str] = &[
    "list", "show", "lst", "list-id", "help", "add", "set", "delete", "identify", "pids", "exec",
    "monitor", "attach",
];

/// The name that `word` begins, as `ip` finds it: the first one.
fn resolve(word: &str, names: &[&'static str]) -> Option<&'static str> {
    names.iter().find(|name| name.starts_with(word)).copied()
}

/// The words that are left of a command.
pub(crate) struct Words<'a>(&'a [String]);

impl<'a> Words<'a> {
    pub(crate) fn new(words: &'a [String]) -> Self {
        Self(words)
    }

    pub(crate) fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn peek(&self) -> Option<&'a str> {
        self.0.first().map(String::as_str)
    }

    pub(crate) fn value(&mut self, key: &str) -> Result<&'a str, String> {
        self.next().ok_or_else(|| format!("nothing behind `{key}`"))
    }

    pub(crate) fn number(&mut self, key: &str) -> Result<i64, String> {
        let text = self.value(key)?;
        text.parse()
            .map_err(|_| format!("`{key} {text}` is no number"))
    }
}

pub(crate) fn unknown(word: &str) -> String {
    format!("`{word}` is not known here")
}

pub(crate) fn on_link(place: &Place, link: &str, call: Call) -> Step {
    Step {
        place: place.clone(),
        act: Act::OnLink {
            link: link.to_owned(),
            call,
        },
    }
}

pub(crate) fn in_netns(place: &Place, call: Call) -> Step {
    Step {
        place: place.clone(),
        act: Act::InNetns(call),
    }
}

fn show(place: &Place, link: Option<&str>, word: &'static str) -> Vec<Step> {
    vec![Step {
        place: place.clone(),
        act: Act::Show {
            link: link.map(str::to_owned),
            call: Call::new(word, []),
            field: None,
        },
    }]
}

/// An address family, if one was asked for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Family {
    Any,
    V4,
    V6,
}

/// What `ip` does with the words behind its name.
pub(crate) fn command(words: &[String], place: &Place) -> Outcome {
    let mut words = Words::new(words);
    let mut place = place.clone();
    let mut family = Family::Any;
    while let Some(option) = words.peek().filter(|word| word.starts_with('-')) {
        words.next();
        match option.trim_start_matches('-') {
            "4" => family = Family::V4,
            "6" => family = Family::V6,
            "n" | "net" | "netns" => place = Some(words.value(option)?.to_owned()),
            "f" | "family" => {
                family = match words.value(option)? {
                    "inet" => Family::V4,
                    "inet6" => Family::V6,
                    other => return Err(unknown(other)),
                }
            }
            "br" | "brief" | "d" | "details" | "s" | "stats" | "statistics" | "o" | "oneline"
            | "j" | "json" | "p" | "pretty" | "c" | "color" | "r" | "resolve" | "h" | "human"
            | "N" | "Numeric" | "force" => {}
            _ => return Err(format!("the option `{option}` is not known here")),
        }
    }
    let Some(object) = words.next() else {
        return Err("no object is named".to_owned());
    };
    match resolve(object, OBJECTS) {
        Some("address") => address(words, &place),
        Some("link") => link(words, &place),
        Some("route") => route(words, &place, family),
        Some("rule") => rule(words, &place, family),
        Some("neighbor" | "neighbour") => neighbor(words, &place),
        Some("netns") => netns(words, &place),
        _ => Err(format!("`ip {object}` is not known here")),
    }
}

fn verb(words: &mut Words, verbs: &[&'static str]) -> Result<&'static str, String> {
    let Some(word) = words.next() else {
        return Ok("show");
    };
    match resolve(word, verbs) {
        Some("list" | "lst") => Ok("show"),
        Some("chg") => Ok("change"),
        Some(verb) => Ok(verb),
        None => Err(unknown(word)),
    }
}

/// The link that a list is asked of.
fn shown<'a>(words: &mut Words<'a>) -> Result<Option<&'a str>, String> {
    match words.next() {
        None => Ok(None),
        Some("dev") => Ok(Some(words.value("dev")?)),
        Some(link) if words.peek().is_none() => Ok(Some(link)),
        Some(other) => Err(unknown(other)),
    }
}

fn netns(mut words: Words, place: &Place) -> Outcome {
    let at = |name: &str, act| {
        vec![Step {
            place: Some(name.to_owned()),
            act,
        }]
    };
    match verb(&mut words, OF_NETNS)? {
        "add" => Ok(at(words.value("add")?, Act::MakeNetns)),
        "delete" => Ok(at(words.value("delete")?, Act::DeleteNetns)),
        "show" => Ok(vec![Step {
            place: None,
            act: Act::ShowFree(Call::new("namespaces", [])),
        }]),
        "exec" => {
            let name = words.value("exec")?;
            // Within another namespace, too: names are the same everywhere.
            let _ = place;
            tools::command(words.0, &Some(name.to_owned()))
        }
        other => Err(format!("`ip netns {other}` is not known here")),
    }
}

fn address(mut words: Words, place: &Place) -> Outcome {
    let verb = verb(&mut words, OF_ADDRESS)?;
    if verb == "show" {
        let link = shown(&mut words)?;
        return Ok(show(place, link, "addrs"));
    }
    if !["add", "replace", "change", "delete"].contains(&verb) {
        return Err(format!("`ip address {verb}` is not known here"));
    }
    let (mut prefix, mut dev, mut options) = (None, None, Vec::new());
    while let Some(word) = words.next() {
        match word {
            "dev" => dev = Some(words.value(word)?),
            "local" => prefix = Some(words.value(word)?),
            "nodad" => options.push(("nodad".to_owned(), Value::Flag(true))),
            "scope" if words.peek() == Some("global") => {
                words.next();
            }
            "brd" | "broadcast" | "peer" | "label" | "scope" | "metric" | "valid_lft"
            | "preferred_lft" | "home" | "mngtmpaddr" | "noprefixroute" | "optimistic"
            | "anycast" | "autojoin" => {
                return Err(format!(
                    "the option `{word}` of an address is not known here"
                ));
            }
            other
                if prefix.is_none()
                    && other.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':') =>
            {
                prefix = Some(other);
            }
            other => return Err(unknown(other)),
        }
    }
    let prefix = prefix.ok_or("no address is named")?;
    let dev = dev.ok_or("no link is named")?;
    let whole = match (prefix.contains('/'), prefix.contains(':')) {
        (true, _) => prefix.to_owned(),
        (false, true) => format!("{prefix}/128"),
        (false, false) => format!("{prefix}/32"),
    };
    let call = match verb {
        "delete" => Call::new("del_addr", [Value::text(whole)]),
        _ => Call::new("addr", [Value::text(whole), Value::Map(options)]),
    };
    Ok(vec![on_link(place, dev, call)])
}

fn link(mut words: Words, place: &Place) -> Outcome {
    match verb(&mut words, OF_LINK)? {
        "add" => add_link(words, place),
        "set" | "change" => set_link(words, place),
        "delete" => {
            let mut name = None;
            while let Some(word) = words.next() {
                match word {
                    "dev" => name = Some(words.value(word)?),
                    "type" => {
                        words.value(word)?;
                    }
                    "group" => return Err("a group of links".to_owned()),
                    word => name = Some(word),
                }
            }
            let name = name.ok_or("no link is named")?;
            Ok(vec![on_link(place, name, Call::new("delete", []))])
        }
        "show" => match shown(&mut words)? {
            None => Ok(show(place, None, "links")),
            Some(name) => Ok(vec![Step {
                place: place.clone(),
                act: match place {
                    None => Act::ShowFree(Call::new("link", [Value::text(name)])),
                    Some(_) => Act::Show {
                        link: None,
                        call: Call::new("link", [Value::text(name)]),
                        field: None,
                    },
                },
            }]),
        },
        other => Err(format!("`ip link {other}` is not known here")),
    }
}

fn on_off(words: &mut Words, key: &str) -> Result<Value, String> {
    match words.value(key)? {
        "on" => Ok(Value::Flag(true)),
        "off" => Ok(Value::Flag(false)),
        other => Err(unknown(other)),
    }
}

/// A setting of a link that stands at `word`, if it is one.
fn setting(word: &str, words: &mut Words) -> Result<Option<Call>, String> {
    let call = match word {
        "up" => Call::new("up", []),
        "down" => Call::new("down", []),
        "nomaster" => Call::new("nomaster", []),
        "mtu" => Call::new("mtu", [Value::Number(words.number(word)?)]),
        "address" | "addr" => Call::new("mac", [Value::text(words.value(word)?)]),
        "alias" => Call::new("alias", [Value::text(words.value(word)?)]),
        "master" | "vrf" => Call::new("master", [Value::text(words.value(word)?)]),
        "txqueuelen" | "txqlen" | "qlen" => {
            Call::new("txqlen", [Value::Number(words.number(word)?)])
        }
        "promisc" => Call::new("promisc", [on_off(words, word)?]),
        "arp" => Call::new("arp", [on_off(words, word)?]),
        "multicast" => Call::new("multicast", [on_off(words, word)?]),
        "allmulticast" => Call::new("allmulticast", [on_off(words, word)?]),
        "carrier" => Call::new("carrier", [on_off(words, word)?]),
        _ => return Ok(None),
    };
    Ok(Some(call))
}

/// A namespace as `ip link set … netns` takes it: a name, or the number of a process. 1 is the machine's own.
fn target(text: &str) -> Place {
    match text.parse::<u32>() {
        Ok(1) => None,
        Ok(number) => Some(format!("pid:{number}")),
        Err(_) => Some(text.to_owned()),
    }
}

fn set_link(mut words: Words, place: &Place) -> Outcome {
    let (mut name, mut new_name, mut to) = (None, None, None);
    let mut calls = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "dev" => name = Some(words.value(word)?),
            "name" => new_name = Some(words.value(word)?),
            "netns" => to = Some(target(words.value(word)?)),
            "type" | "group" => return Err(format!("`ip link set {word}` is not known here")),
            _ => match setting(word, &mut words)? {
                Some(call) => calls.push(call),
                None if name.is_none() => name = Some(word),
                None => return Err(unknown(word)),
            },
        }
    }
    let name = name.ok_or("no link is named")?;
    let mut steps = Vec::new();
    let mut at = place.clone();
    if let Some(to) = to {
        // The kernel moves it first.
        steps.push(Step {
            place: at,
            act: Act::Move {
                link: name.to_owned(),
                to: to.clone(),
            },
        });
        at = to;
    }
    // It is renamed before it is brought up, whatever the order of the words.
    let mut now = name;
    if let Some(new_name) = new_name {
        steps.push(on_link(
            &at,
            name,
            Call::new("rename", [Value::text(new_name)]),
        ));
        now = new_name;
    }
    let (state, others): (Vec<Call>, Vec<Call>) = calls
        .into_iter()
        .partition(|call| ["up", "down"].contains(&call.word));
    steps.extend(
        others
            .into_iter()
            .chain(state)
            .map(|call| on_link(&at, now, call)),
    );
    Ok(steps)
}

/// What a kind of link can't do without: its word in `ip`, and what the kernel takes where it is not given.
const ARGUMENTS: &[(&str, &str, Option<&str>)] = &[
    ("ipvlan", "mode", Some("l3")),
    ("ipvtap", "mode", Some("l3")),
    ("macvlan", "mode", Some("vepa")),
    ("macvtap", "mode", Some("vepa")),
    ("bond", "mode", Some("balance-rr")),
    ("vlan", "id", None),
    ("vxlan", "id", None),
    ("geneve", "id", None),
    ("vrf", "table", None),
];

/// Options that are flags, given to `ip` as 0 or 1, or as `on` or `off`.
const FLAGS: &[&str] = &["stp", "vlan_filtering", "mcast_snooping", "learning"];

fn add_link(mut words: Words, place: &Place) -> Outcome {
    let (mut name, mut parent, mut at) = (None, None, place.clone());
    let mut calls = Vec::new();
    let mut options = Vec::new();
    let mut kind = None;
    while let Some(word) = words.next() {
        match word {
            "link" => parent = Some(words.value(word)?.to_owned()),
            "name" | "dev" => name = Some(words.value(word)?),
            "netns" => at = target(words.value(word)?),
            "mtu" => options.push(("mtu".to_owned(), Value::Number(words.number(word)?))),
            "address" => options.push(("mac".to_owned(), Value::text(words.value(word)?))),
            "type" => {
                kind = Some(words.value(word)?);
                break;
            }
            _ => match setting(word, &mut words)? {
                Some(call) => calls.push(call),
                None if name.is_none() => name = Some(word),
                None => return Err(unknown(word)),
            },
        }
    }
    let kind = kind.ok_or("no type is named")?;
    let name = name.ok_or("no name is given: the kernel would choose one")?;
    let known = kind::named(kind).ok_or_else(|| format!("no word makes links of type {kind}"))?;
    let mut new = NewLink {
        word: known.word,
        name: name.to_owned(),
        parent,
        sender: place.clone(),
        peer: None,
        argument: None,
        options,
    };
    let mut far = Vec::new();
    if known.is_pair {
        far = peer(&mut words, place, &mut new)?;
    } else {
        kind_options(&mut words, known, &mut new)?;
    }
    let mut steps = vec![Step {
        place: at.clone(),
        act: Act::Make(new),
    }];
    steps.extend(calls.into_iter().map(|call| on_link(&at, name, call)));
    steps.extend(far);
    Ok(steps)
}

/// Reads the far end of a pair, and returns what it is given.
fn peer(words: &mut Words, place: &Place, new: &mut NewLink) -> Outcome {
    let (mut name, mut at) = (None, place.clone());
    let mut calls = Vec::new();
    match words.next() {
        Some("peer") => {}
        Some(other) => return Err(unknown(other)),
        None => return Err("the other end has no name: the kernel would choose one".to_owned()),
    }
    while let Some(word) = words.next() {
        match word {
            "name" | "dev" => name = Some(words.value(word)?),
            "netns" => at = target(words.value(word)?),
            _ => match setting(word, words)? {
                Some(call) => calls.push(call),
                None if name.is_none() => name = Some(word),
                None => return Err(unknown(word)),
            },
        }
    }
    let name = name.ok_or("the other end has no name: the kernel would choose one")?;
    new.peer = Some((at.clone(), name.to_owned()));
    Ok(calls
        .into_iter()
        .map(|call| on_link(&at, name, call))
        .collect())
}

/// Reads what stands behind `type KIND`.
fn kind_options(words: &mut Words, known: &kind::Kind, new: &mut NewLink) -> Result<(), String> {
    let argument = ARGUMENTS.iter().find(|(kind, ..)| *kind == known.name);
    while let Some(word) = words.next() {
        if argument.is_some_and(|(_, key, _)| *key == word) {
            new.argument = Some(Value::guess(words.value(word)?));
            continue;
        }
        let (key, value) = match word {
            // The flags of ipvlan stand alone.
            "bridge" | "private" | "vepa" if known.keys.contains(&"flag") => {
                ("flag", Value::text(word))
            }
            "learning" => ("learning", Value::Flag(true)),
            "nolearning" => ("learning", Value::Flag(false)),
            "stp_state" => ("stp", Value::guess(words.value(word)?)),
            "proto" => ("protocol", Value::text(words.value(word)?)),
            other => (other, Value::guess(words.value(other)?)),
        };
        if !known.keys.contains(&key) {
            return Err(format!(
                "the option `{word}` of {} is not known here",
                known.name
            ));
        }
        let value = match (&value, FLAGS.contains(&key)) {
            (Value::Number(number), true) => Value::Flag(*number != 0),
            (Value::Text(text), true) if text == "on" => Value::Flag(true),
            (Value::Text(text), true) if text == "off" => Value::Flag(false),
            _ => value,
        };
        let value = match value {
            Value::Text(text) if key == "protocol" => Value::Text(text.to_ascii_lowercase()),
            other => other,
        };
        new.options.push((key.to_owned(), value));
    }
    if new.argument.is_none()
        && let Some((kind, key, default)) = argument
    {
        let default = default.ok_or_else(|| format!("{kind} without `{key}`"))?;
        new.argument = Some(Value::text(default));
    }
    if known.name == "vrf" {
        // The word brings it up, the command does not.
        new.options.push(("up".to_owned(), Value::Flag(false)));
    }
    Ok(())
}

#[expect(
    clippy::too_many_lines,
    reason = "one arm for each word of the command"
)]
fn route(mut words: Words, place: &Place, family: Family) -> Outcome {
    let verb = verb(&mut words, OF_ROUTE)?;
    match verb {
        "show" if words.peek().is_none() => return Ok(show(place, None, "routes")),
        "show" if words.peek() == Some("table") => {
            words.next();
            let table = ("table".to_owned(), Value::guess(words.value("table")?));
            return Ok(vec![Step {
                place: place.clone(),
                act: Act::Show {
                    link: None,
                    call: Call::new("routes", [Value::Map(vec![table])]),
                    field: None,
                },
            }]);
        }
        "get" => {
            let to = Value::text(words.value("get")?);
            if let Some(other) = words.next() {
                return Err(unknown(other));
            }
            return Ok(vec![Step {
                place: place.clone(),
                act: Act::Show {
                    link: None,
                    call: Call::new("lookup", [to]),
                    field: None,
                },
            }]);
        }
        "add" | "replace" | "delete" => {}
        other => return Err(format!("this form of `ip route {other}` is not known here")),
    }
    let (mut to, mut dev, mut options) = (None, None, Vec::new());
    let mut scope = None;
    while let Some(word) = words.next() {
        match word {
            "to" => to = Some(words.value(word)?),
            "dev" | "oif" => dev = Some(words.value(word)?),
            "via" => {
                let mut gateway = words.value(word)?;
                if ["inet", "inet6"].contains(&gateway) {
                    gateway = words.value(word)?;
                }
                options.push(("via".to_owned(), Value::text(gateway)));
            }
            "metric" | "priority" | "preference" => {
                options.push(("metric".to_owned(), Value::Number(words.number(word)?)));
            }
            "table" => options.push(("table".to_owned(), Value::guess(words.value(word)?))),
            "src" => options.push((source_key().to_owned(), Value::text(words.value(word)?))),
            "onlink" => options.push(("onlink".to_owned(), Value::Flag(true))),
            "scope" => scope = Some(words.value(word)?),
            "proto" | "protocol" if words.peek() == Some("boot") => {
                words.next();
            }
            "blackhole" | "unreachable" | "prohibit" | "throw" if to.is_none() && knows("type") => {
                options.push(("type".to_owned(), Value::text(word)));
            }
            "proto" | "mtu" | "advmss" if knows(word) => {
                options.push((word.to_owned(), Value::guess(words.value(word)?)));
            }
            other if to.is_none() && (other == "default" || other.contains(['.', ':', '/'])) => {
                to = Some(other);
            }
            other => return Err(format!("`{other}` of a route is not known here")),
        }
    }
    let to = match to.ok_or("no destination is named")? {
        "default" | "any" | "all"
            if family == Family::V6 && !options.iter().any(|(key, _)| key == "via") =>
        {
            "::/0"
        }
        other => other,
    };
    let has_gateway = options.iter().any(|(key, _)| key == "via");
    match scope {
        None => {}
        Some("link") if !has_gateway => {}
        Some("global") if has_gateway => {}
        Some(other) => return Err(format!("`scope {other}` of a route is not known here")),
    }
    if verb == "replace" {
        options.push(("replace".to_owned(), Value::Flag(true)));
    }
    let word = if verb == "delete" {
        "del_route"
    } else {
        "route"
    };
    if verb == "delete"
        && let Some((key, _)) = options
            .iter()
            .find(|(key, _)| !["via", "metric", "table"].contains(&key.as_str()))
    {
        return Err(format!(
            "`{key}` of a route to be deleted is not known here"
        ));
    }
    let step = match dev {
        Some(dev) if verb == "delete" && !options.is_empty() => {
            options.insert(0, ("dev".to_owned(), Value::text(dev)));
            in_netns(
                place,
                Call::new(word, [Value::text(to), Value::Map(options)]),
            )
        }
        Some(dev) => on_link(
            place,
            dev,
            Call::new(word, [Value::text(to), Value::Map(options)]),
        ),
        None => in_netns(
            place,
            Call::new(word, [Value::text(to), Value::Map(options)]),
        ),
    };
    Ok(vec![step])
}

fn knows(key: &str) -> bool {
    crate::dsl::route::KEYS.contains(&key)
}

/// The address that packets leave with, as the word for routes calls it.
fn source_key() -> &'static str {
    if knows("src") { "src" } else { "source" }
}

fn rule(mut words: Words, place: &Place, family: Family) -> Outcome {
    let verb = verb(&mut words, OF_RULE)?;
    if verb == "show" && words.peek().is_none() {
        return Ok(show(place, None, "rules"));
    }
    if !["add", "delete"].contains(&verb) {
        return Err(format!("this form of `ip rule {verb}` is not known here"));
    }
    let mut options: Vec<(String, Value)> = Vec::new();
    let mut has_address = false;
    while let Some(word) = words.next() {
        let (key, value) = match word {
            "from" | "to" => {
                let prefix = words.value(word)?;
                if ["all", "any", "default"].contains(&prefix) {
                    continue;
                }
                has_address = true;
                (word, Value::text(prefix))
            }
            "iif" | "dev" => ("iif", Value::text(words.value(word)?)),
            "oif" => ("oif", Value::text(words.value(word)?)),
            "fwmark" => ("fwmark", Value::guess(words.value(word)?)),
            "table" | "lookup" => ("table", Value::guess(words.value(word)?)),
            "priority" | "pref" | "preference" | "order" => {
                ("priority", Value::Number(words.number(word)?))
            }
            "tos" | "dsfield" => ("tos", Value::guess(words.value(word)?)),
            "ipproto" | "sport" | "dport" => (word, Value::guess(words.value(word)?)),
            "suppress_prefixlength" => (word, Value::Number(words.number(word)?)),
            "not" => ("not", Value::Flag(true)),
            "blackhole" | "unreachable" | "prohibit" => ("action", Value::text(word)),
            "type" => ("action", Value::text(words.value(word)?)),
            other => return Err(format!("`{other}` of a rule is not known here")),
        };
        options.push((key.to_owned(), value));
    }
    if family == Family::V6 && !has_address {
        options.push(("family".to_owned(), Value::text("inet6")));
    }
    let word = if verb == "add" { "rule" } else { "del_rule" };
    Ok(vec![in_netns(
        place,
        Call::new(word, [Value::Map(options)]),
    )])
}

fn neighbor(mut words: Words, place: &Place) -> Outcome {
    let verb = verb(&mut words, OF_NEIGHBOR)?;
    if verb == "show" {
        return Ok(show(place, shown(&mut words)?, "neighbors"));
    }
    if !["add", "replace", "delete"].contains(&verb) {
        return Err(format!("`ip neighbor {verb}` is not known here"));
    }
    let (mut ip, mut mac, mut dev) = (None, None, None);
    let mut options = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "dev" => dev = Some(words.value(word)?),
            "lladdr" => mac = Some(words.value(word)?),
            "to" => ip = Some(words.value(word)?),
            "proxy" => options.push(("proxy".to_owned(), Value::Flag(true))),
            "router" => options.push(("router".to_owned(), Value::Flag(true))),
            "nud" => match words.value(word)? {
                "permanent" => {}
                state => options.push(("state".to_owned(), Value::text(state))),
            },
            other if ip.is_none() => ip = Some(other),
            other => return Err(format!("`{other}` of a neighbour is not known here")),
        }
    }
    let ip = Value::text(ip.ok_or("no address is named")?);
    let dev = dev.ok_or("no link is named")?;
    if verb == "delete" {
        return Ok(vec![on_link(place, dev, Call::new("del_neighbor", [ip]))]);
    }
    if verb == "replace" {
        options.push(("replace".to_owned(), Value::Flag(true)));
    }
    let mut arguments = vec![ip];
    arguments.extend(mac.map(Value::text));
    arguments.push(Value::Map(options));
    Ok(vec![on_link(place, dev, Call::new("neighbor", arguments))])
}
