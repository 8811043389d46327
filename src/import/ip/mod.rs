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

/// The options of `ip`, in the order in which it looks a beginning up in them, and whether a value follows.
const OPTIONS: &[(&str, bool)] = &[
    ("loops", true),
    ("family", true),
    ("4", false),
    ("6", false),
    ("0", false),
    ("M", false),
    ("B", false),
    ("human-readable", false),
    ("human", false),
    ("iec", false),
    ("stats", false),
    ("statistics", false),
    ("details", false),
    ("resolve", false),
    ("oneline", false),
    ("timestamp", false),
    ("tshort", false),
    ("force", false),
    ("batch", true),
    ("brief", false),
    ("json", false),
    ("pretty", false),
    ("rcvbuf", true),
    ("color", false),
    ("netns", true),
    ("Numeric", false),
    ("all", false),
    ("echo", false),
];

/// An option by what it is begun with, and whether a value follows.
fn option(text: &str) -> Option<(&'static str, bool)> {
    let (text, _) = text.split_once('=').unwrap_or((text, ""));
    let mut all = OPTIONS.iter();
    let short = match text {
        "b" => Some(&("batch", true)),
        "s" => Some(&("stats", false)),
        "h" => Some(&("human", false)),
        "c" => Some(&("color", false)),
        "br" => Some(&("brief", false)),
        _ => all.find(|(name, _)| !text.is_empty() && name.starts_with(text)),
    };
    // Two in one, which only print otherwise: `-st`, `-do`.
    let is_printing = |c: char| "sdojpcrthN".contains(c);
    let together = (text.len() < 4 && text.chars().all(is_printing)).then_some(&("stats", false));
    short.or(together).copied()
}

/// What `ip` does with the words behind its name. What there is no word for is left to `ip` itself.
pub(crate) fn command(words: &[String], place: &Place) -> Outcome {
    let all = words;
    let mut words = Words::new(words);
    let mut place = place.clone();
    let mut family = Family::Any;
    let mut is_of_all = false;
    while let Some(given) = words.peek().filter(|word| word.starts_with('-')) {
        words.next();
        let text = given.trim_start_matches('-');
        match option(text) {
            Some(("4", _)) => family = Family::V4,
            Some(("6", _)) => family = Family::V6,
            Some(("netns", _)) => place = Some(words.value(given)?.to_owned()),
            Some(("family", _)) => {
                family = match words.value(given)? {
                    "inet" => Family::V4,
                    "inet6" => Family::V6,
                    other => return Err(unknown(other)),
                }
            }
            Some(("all", _)) => is_of_all = true,
            Some(("batch", _)) | None => {
                return Err(format!("the option `{given}` is not known here"));
            }
            Some((_, true)) => {
                words.value(given)?;
            }
            Some(_) => {}
        }
    }
    if is_of_all {
        return Ok(by_itself("ip", all, &place, true));
    }
    let behind = words.0;
    let Some(object) = words.next() else {
        return Err("no object is named".to_owned());
    };
    let known = resolve(object, OBJECTS);
    let done = match known {
        Some("address") => address::command(words, &place),
        Some("link") => link::command(words, &place),
        Some("route") => route::command(words, &place, family),
        Some("rule") => rule::command(words, &place, family),
        Some("neighbor" | "neighbour") => neighbor::command(words, &place),
        // It fails only where the program that is run there is not known.
        Some("netns") => return netns::command(words, &place),
        Some("nexthop") => nexthop::command(words, &place, family),
        Some("tuntap" | "tap") => tuntap::command(words, &place),
        _ => Err(format!("`ip {object}` is not known here")),
    };
    // Some have objects of their own before the verb.
    let at = match known {
        Some("mptcp" | "ioam" | "stats") if changes_at(behind, 1).is_none() => 2,
        _ => 1,
    };
    let verb = behind.get(at).map_or("show", String::as_str);
    match (known, changes(verb)) {
        (Some(object), Some(changes)) if done.is_err() && object != "help" => {
            let family = match family {
                Family::V4 => &["-4".to_owned()][..],
                Family::V6 => &["-6".to_owned()],
                Family::Any => &[],
            };
            let words = [family, behind].concat();
            Ok(by_itself("ip", &words, &place, changes))
        }
        _ => done,
    }
}

/// The same of the word at that place.
fn changes_at(words: &[String], at: usize) -> Option<bool> {
    words.get(at).and_then(|word| changes(word))
}

/// Whether a verb of iproute2 changes something, or only prints; none where it is no verb, or goes on for ever.
pub(crate) fn changes(verb: &str) -> Option<bool> {
    const CHANGING: [&str; 9] = [
        "add", "append", "change", "chg", "delete", "flush", "prepend", "replace", "set",
    ];
    const PRINTING: [&str; 6] = ["show", "list", "lst", "ls", "get", "tunsrc"];
    let begins = |all: &[&str]| !verb.is_empty() && all.iter().any(|one| one.starts_with(verb));
    match verb {
        "attach" | "tunsrc" | "hmac" | "state" | "policy" | "property" => Some(true),
        _ if begins(&CHANGING) => Some(true),
        _ => begins(&PRINTING).then_some(false),
    }
}

/// A program does it itself.
pub(crate) fn by_itself(
    program: &str,
    words: &[String],
    place: &Place,
    changes: bool,
) -> Vec<Step> {
    let words = std::iter::once(program).chain(words.iter().map(String::as_str));
    let words = words.map(crate::steps::Value::text).collect();
    if changes {
        let call = Call::new("exec", [crate::steps::Value::List(words)]);
        return vec![in_netns(place, call)];
    }
    vec![super::tools::executed(place, words)]
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
