//! What a script says of a rule, read.

use ipnet::IpNet;

use crate::dsl::handle::Link;
use crate::error::{Error, Kind, Result};
use crate::net::group;
use crate::net::rule::{Action, Selector};
use crate::schema::Opt;
use crate::schema::form::{mark_of, range_of};
use crate::value::name::LinkName;
use crate::value::options::{Options, in_range};
use crate::value::prefix;

use super::rows;

/// The action that takes a target, and the one that is there without a name.
const GOTO: &str = "goto";
const LOOKUP: &str = "lookup";

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
    let from = prefix_option(options, &rows::FROM)?;
    let to = prefix_option(options, &rows::TO)?;
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
    let fwmark = rows::FWMARK.take("", options)?;
    let selector = Selector {
        is_not: rows::NOT.take_flag(options)?.unwrap_or(false),
        from,
        to,
        iif: link_option(options, &rows::IIF)?,
        oif: link_option(options, &rows::OIF)?,
        fwmark: fwmark.as_ref().and_then(mark_of),
        tos: rows::TOS.take_number(options)?.unwrap_or(0),
        protocol: rows::IPPROTO.take_numbered("a rule", options)?,
        sport: range_option(options, &rows::SPORT)?,
        dport: range_option(options, &rows::DPORT)?,
        uids: range_option(options, &rows::UIDRANGE)?,
        l3mdev: rows::L3MDEV.take_flag(options)?.unwrap_or(false),
        more: Vec::new(),
    };
    if (selector.sport.is_some() || selector.dport.is_some()) && selector.protocol.is_none() {
        return Err(
            Error::invalid("ports are given, and no protocol that has them")
                .hint("add it: #{ipproto: \"tcp\"}"),
        );
    }
    let suppress = rows::SUPPRESS_PREFIXLENGTH.take_number(options)?;
    let suppress_group = group_option(options)?;
    let table = rows::LOOKUP.take_number(options)?;
    let mut target = rows::TARGET.take_number(options)?;
    let named = rows::ACTION.take_named("a rule", options)?;
    let named = named.and_then(|name| rows::ACTION.form.choices().find(|known| *known == name));
    let named = named.map(|name| Some(name).filter(|name| *name != LOOKUP));
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
    let priority = rows::PRIORITY.take_number(options)?;
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
        suppress,
        suppress_group,
        protocol: rows::PROTO.take_named("a rule", options)?,
    })
}

/// The family asked for, or that of the prefix: whether it is IPv6.
fn family_option(options: &mut Options, seen: Option<IpNet>) -> Result<Option<bool>> {
    let named = rows::FAMILY.take_numbered::<u8>("a rule", options)?;
    let named = named.map(|number| number > 0);
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

fn prefix_option(options: &mut Options, row: &Opt) -> Result<Option<IpNet>> {
    let given = row.take_given(options)?;
    let text = given.and_then(|given| given.into_string().ok());
    match text.as_deref() {
        None | Some("all") => Ok(None),
        Some(text) => prefix::destination(text, None).map(Some),
    }
}

/// The name of a link, given as such or by a handle. None of that name needs to be there.
fn link_option(options: &mut Options, row: &Opt) -> Result<Option<String>> {
    let Some(value) = row.take_given(options)? else {
        return Ok(None);
    };
    if let Some(link) = value.read_lock::<Link>() {
        return Ok(Some(link.name()));
    }
    let name: LinkName = value.into_string().unwrap_or_default().parse()?;
    Ok(Some(name.as_str().to_owned()))
}

/// A number, or the ends of a range.
fn range_option<T: TryFrom<i64>>(options: &mut Options, row: &Opt) -> Result<Option<(T, T)>> {
    let value = row.take("", options)?;
    let ends = value.as_ref().and_then(range_of);
    Ok(ends.and_then(|(first, last)| Some((T::try_from(first).ok()?, T::try_from(last).ok()?))))
}

/// The group of links of whose routes nothing is taken, by its number or name.
fn group_option(options: &mut Options) -> Result<Option<u32>> {
    let Some(value) = rows::SUPPRESS_IFGROUP.take_given(options)? else {
        return Ok(None);
    };
    if let Ok(number) = value.as_int() {
        let key = rows::SUPPRESS_IFGROUP.key;
        let number = in_range(key, number, 0..=i64::from(i32::MAX))?;
        return Ok(u32::try_from(number).ok());
    }
    let name = value.into_string().unwrap_or_default();
    let number = group::number(&name).ok_or_else(|| {
        Error::new(Kind::NotFound, format!("there is no group `{name}`"))
            .hint("give its number, or name it in /etc/iproute2/group")
    })?;
    Ok(Some(number))
}
