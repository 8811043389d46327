//! What a script says of a rule, read.

use ipnet::IpNet;

use crate::dsl::handle::Link;
use crate::dsl::objects::{route, table};
use crate::error::{Error, Kind, Result};
use crate::net::group;
use crate::net::rule::{self, Action, Selector};
use crate::value::choice::choose;
use crate::value::name::LinkName;
use crate::value::options::{Options, in_range, wrong_type};
use crate::value::prefix;

/// What a rule is made of, by which it is also told from others.
pub(crate) const KEYS: &[&str] = &[
    "action",
    "dport",
    "family",
    "from",
    "fwmark",
    "iif",
    "ipproto",
    "l3mdev",
    "not",
    "oif",
    "priority",
    "proto",
    "sport",
    "suppress_ifgroup",
    "suppress_prefixlength",
    "table",
    "target",
    "to",
    "tos",
    "uidrange",
];

/// The action that takes a target.
const GOTO: &str = "goto";

/// What the options of a call say of a rule.
pub(super) struct Asked {
    pub(super) selector: Selector,
    pub(super) family: Option<bool>,
    pub(super) priority: Option<u32>,
    pub(super) action: Option<Action>,
    pub(super) suppress: Option<u32>,
    pub(super) suppress_group: Option<u32>,
    pub(super) protocol: Option<String>,
}

pub(super) fn read(options: &mut Options) -> Result<Asked> {
    let from = prefix_option(options, "from")?;
    let to = prefix_option(options, "to")?;
    if let (Some(from), Some(to)) = (from, to)
        && from.addr().is_ipv4() != to.addr().is_ipv4()
    {
        return Err(Error::invalid(format!(
            "source `{from}` and destination `{to}` are of different families"
        )));
    }
    let family = family_option(options, from.or(to))?;
    let counts = |prefix: &IpNet| prefix.prefix_len() > 0;
    let (from, to) = (from.filter(counts), to.filter(counts));
    let number = |value: i64| u32::try_from(value).ok();
    let largest = i64::from(u32::MAX);
    let tos = options.integer("tos", 0..=255)?.unwrap_or(0);
    let selector = Selector {
        is_not: options.flag("not")?.unwrap_or(false),
        from,
        to,
        iif: link_option(options, "iif")?,
        oif: link_option(options, "oif")?,
        fwmark: mark_option(options)?,
        tos: u8::try_from(tos).unwrap_or(0),
        protocol: protocol_option(options)?,
        sport: ports_option(options, "sport")?,
        dport: ports_option(options, "dport")?,
        uids: uids_option(options)?,
        l3mdev: options.flag("l3mdev")?.unwrap_or(false),
        more: Vec::new(),
    };
    if (selector.sport.is_some() || selector.dport.is_some()) && selector.protocol.is_none() {
        return Err(
            Error::invalid("ports are given, and no protocol that has them")
                .hint("add it: #{ipproto: \"tcp\"}"),
        );
    }
    let suppress = options.integer("suppress_prefixlength", 0..=128)?;
    let suppress_group = group_option(options)?;
    let table = table::option(options)?;
    let mut target = options.integer("target", 0..=largest)?.and_then(number);
    let actions = rule::ACTIONS.map(|(name, _)| (name, Some(name)));
    let others = [("lookup", None), (GOTO, Some(GOTO))];
    let known: Vec<_> = others.into_iter().chain(actions).collect();
    let named = options.string("action")?;
    let named = named
        .map(|name| choose("a rule", "action", &name, &known))
        .transpose()?;
    if selector.l3mdev && (table.is_some() || named.is_some()) {
        return Err(Error::invalid(
            "`l3mdev` looks up in the table of a VRF: neither a table nor an action is given beside it",
        ));
    }
    let action = match (named, table) {
        _ if selector.l3mdev => Some(Action::Lookup(0)),
        (Some(Some(name)), Some(_)) => {
            return Err(Error::invalid(format!(
                "a rule with the action `{name}` looks up in no table"
            )));
        }
        (Some(Some(GOTO)), None) => Some(Action::Goto(target.take().ok_or_else(|| {
            Error::invalid("a rule with the action `goto` needs its `target`").hint(
                "give it the priority of the rule to go on with: #{action: \"goto\", target: 32766}",
            )
        })?)),
        (Some(Some(name)), None) => Some(Action::Other(name)),
        (_, table) => table.map(Action::Lookup),
    };
    if target.is_some() {
        return Err(Error::invalid(
            "`target` is for rules with the action `goto`",
        ));
    }
    let priority = options.integer("priority", 0..=largest)?.and_then(number);
    if let (Some(Action::Goto(target)), Some(priority)) = (&action, priority)
        && *target <= priority
    {
        return Err(Error::invalid(format!(
            "a rule can go on with one behind it only, not from {priority} to {target}"
        )));
    }
    Ok(Asked {
        selector,
        family,
        priority,
        action,
        suppress: suppress.and_then(number),
        suppress_group,
        protocol: route::protocol_option(options, "a rule")?,
    })
}

/// The family asked for, or that of the prefix: whether it is IPv6.
fn family_option(options: &mut Options, seen: Option<IpNet>) -> Result<Option<bool>> {
    let named = options.string("family")?;
    let families = [("inet", false), ("inet6", true)];
    let named = named
        .map(|name| choose("a rule", "family", &name, &families))
        .transpose()?;
    Ok(match (named, seen) {
        (Some(named), Some(prefix)) if named == prefix.addr().is_ipv4() => {
            let name = if named { "inet6" } else { "inet" };
            return Err(Error::invalid(format!(
                "`{prefix}` is not of the family {name}"
            )));
        }
        (Some(named), _) => Some(named),
        (None, seen) => seen.map(|prefix| prefix.addr().is_ipv6()),
    })
}

fn prefix_option(options: &mut Options, key: &str) -> Result<Option<IpNet>> {
    match options.string(key)?.as_deref() {
        None | Some("all") => Ok(None),
        Some(text) => prefix::destination(text, None).map(Some),
    }
}

/// The name of a link, given as such or by a handle. None of that name needs to be there.
fn link_option(options: &mut Options, key: &str) -> Result<Option<String>> {
    let Some(value) = options.take(key) else {
        return Ok(None);
    };
    if let Some(link) = value.read_lock::<Link>() {
        return Ok(Some(link.name()));
    }
    let given = value.type_name();
    let name = value
        .into_string()
        .map_err(|_| wrong_type(key, "a link or its name", given))?;
    let name: LinkName = name.parse()?;
    Ok(Some(name.as_str().to_owned()))
}

/// A number, in decimal or hexadecimal.
fn number(key: &str, text: &str) -> Result<u32> {
    let text = text.trim();
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    number.ok_or_else(|| {
        Error::invalid(format!("`{key}`: `{text}` is not a number of 32 bits"))
            .hint("write it as 1, \"0x1\" or \"0x1/0xff\"")
    })
}

fn mark_option(options: &mut Options) -> Result<Option<(u32, u32)>> {
    let Some(value) = options.take("fwmark") else {
        return Ok(None);
    };
    if let Ok(mark) = value.as_int() {
        let mark = in_range("fwmark", mark, 0..=i64::from(u32::MAX))?;
        return Ok(Some((u32::try_from(mark).unwrap_or(0), u32::MAX)));
    }
    let given = value.type_name();
    let text = value.into_string().map_err(|_| {
        wrong_type(
            "fwmark",
            "an integer or a string such as \"0x1/0xff\"",
            given,
        )
    })?;
    Ok(Some(match text.split_once('/') {
        Some((mark, bits)) => (number("fwmark", mark)?, number("fwmark", bits)?),
        None => (number("fwmark", &text)?, u32::MAX),
    }))
}

fn protocol_option(options: &mut Options) -> Result<Option<u8>> {
    let Some(value) = options.take("ipproto") else {
        return Ok(None);
    };
    if let Ok(number) = value.as_int() {
        return Ok(u8::try_from(in_range("ipproto", number, 1..=255)?).ok());
    }
    let given = value.type_name();
    let name = value
        .into_string()
        .map_err(|_| wrong_type("ipproto", "a name such as \"tcp\", or a number", given))?;
    choose("a rule", "ipproto", &name, &rule::PROTOCOLS).map(Some)
}

/// The group of links of whose routes nothing is taken, by its number or name.
fn group_option(options: &mut Options) -> Result<Option<u32>> {
    let Some(value) = options.take("suppress_ifgroup") else {
        return Ok(None);
    };
    if let Ok(number) = value.as_int() {
        let number = in_range("suppress_ifgroup", number, 0..=i64::from(i32::MAX))?;
        return Ok(u32::try_from(number).ok());
    }
    let given = value.type_name();
    let name = value
        .into_string()
        .map_err(|_| wrong_type("suppress_ifgroup", "a number or a name", given))?;
    let number = group::number(&name).ok_or_else(|| {
        Error::new(Kind::NotFound, format!("there is no group `{name}`"))
            .hint("give its number, or name it in /etc/iproute2/group")
    })?;
    Ok(Some(number))
}

/// Users: one by number, or a range such as `"1000-1999"`.
fn uids_option(options: &mut Options) -> Result<Option<(u32, u32)>> {
    let Some(value) = options.take("uidrange") else {
        return Ok(None);
    };
    let given = value.type_name();
    let text = match value.as_int() {
        Ok(user) => user.to_string(),
        Err(_) => value.into_string().map_err(|_| {
            wrong_type(
                "uidrange",
                "a user's number, or a range such as \"1000-1999\"",
                given,
            )
        })?,
    };
    let (start, end) = text.split_once('-').unwrap_or((&text, &text));
    let user = |text: &str| text.trim().parse::<u32>().ok();
    match (user(start), user(end)) {
        (Some(start), Some(end)) if start <= end => Ok(Some((start, end))),
        _ => Err(Error::invalid(format!(
            "`uidrange` is a user's number, or a range such as \"1000-1999\", not `{text}`"
        ))),
    }
}

fn ports_option(options: &mut Options, key: &str) -> Result<Option<(u16, u16)>> {
    let Some(value) = options.take(key) else {
        return Ok(None);
    };
    let given = value.type_name();
    let text = match value.as_int() {
        Ok(port) => port.to_string(),
        Err(_) => value
            .into_string()
            .map_err(|_| wrong_type(key, "a port, or a range such as \"8000-8080\"", given))?,
    };
    let (start, end) = text.split_once('-').unwrap_or((&text, &text));
    let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port > 0);
    match (port(start), port(end)) {
        (Some(start), Some(end)) if start <= end => Ok(Some((start, end))),
        _ => Err(Error::invalid(format!(
            "`{key}` is a port from 1 to 65535, or a range such as \"8000-8080\", not `{text}`"
        ))),
    }
}
