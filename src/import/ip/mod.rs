//! The commands of `ip`, with the abbreviations that it takes.

mod address;
mod link;
mod neighbor;
mod netns;
mod new_link;
mod nexthop;
mod route;
mod rule;
mod tuntap;
mod words;

use crate::steps::{Act, Call, Place, Step};

pub(crate) use link::port_options;
pub(crate) use words::{Words, unknown};

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
/// The name that `word` begins, as `ip` finds it: the first one.
fn resolve(word: &str, names: &[&'static str]) -> Option<&'static str> {
    names.iter().find(|name| name.starts_with(word)).copied()
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
        Some("address") => address::command(words, &place),
        Some("link") => link::command(words, &place),
        Some("route") => route::command(words, &place, family),
        Some("rule") => rule::command(words, &place, family),
        Some("neighbor" | "neighbour") => neighbor::command(words, &place),
        Some("netns") => netns::command(words, &place),
        Some("nexthop") => nexthop::command(words, &place, family),
        Some("tuntap" | "tap") => tuntap::command(words, &place),
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
