//! What a script says of a nexthop object, read into one.

use std::rc::Rc;

use rhai::{Array, Dynamic, Map};

use crate::dsl::Session;
use crate::dsl::objects::link;
use crate::error::{Error, Kind, Result};
use crate::net::netns;
use crate::net::nexthop::{Leads, Member, Nexthop};
use crate::schema;
use crate::value::options::{Options, in_range, wrong_type};

use super::rows;

/// The number of a nexthop object.
pub(super) fn number(id: i64) -> Result<u32> {
    let id = in_range("id", id, 1..=i64::from(u32::MAX))?;
    Ok(u32::try_from(id).unwrap_or_default())
}

/// Reads what `id` is to be; `present` are those that there are.
pub(super) fn read(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    id: i64,
    options: &mut Options,
    present: &[Nexthop],
) -> Result<Nexthop> {
    let id = number(id)?;
    // As `ip nexthop add` has it where nothing is said.
    let protocol = rows::PROTO
        .take_named("a nexthop", options)?
        .unwrap_or_else(|| "unspec".to_owned());
    let family = rows::FAMILY.take_numbered::<u8>("a nexthop", options)?;
    let family = family.map(|number| number > 0);
    let via = rows::VIA.take_ip(options)?;
    let dev = rows::DEV.take_given(options)?;
    let onlink = rows::ONLINK.take_flag(options)?;
    let blackhole = rows::BLACKHOLE.take_flag(options)?.unwrap_or(false);
    let group = rows::GROUP.take_given(options)?;
    let says_by = via.is_some() || dev.is_some() || onlink.is_some();
    if [says_by, blackhole, group.is_some()]
        .into_iter()
        .filter(|is| *is)
        .count()
        > 1
    {
        return Err(Error::invalid(
            "it leads by a gateway and a link, or to a group, or is a blackhole: only one of them",
        ));
    }
    if let (Some(via), Some(is_ipv6)) = (via, family)
        && via.is_ipv6() != is_ipv6
    {
        let name = if is_ipv6 { "inet6" } else { "inet" };
        return Err(Error::invalid(format!(
            "gateway `{via}` is not of the family {name}"
        )));
    }
    let is_ipv6 = via.map_or(family.unwrap_or(false), |via| via.is_ipv6());
    let leads = match (group, dev) {
        (Some(group), _) => {
            if family.is_some() {
                return Err(Error::invalid(
                    "a group has no family but that of its members",
                ));
            }
            Leads::Group(members(id, group, present)?)
        }
        _ if blackhole => Leads::Nowhere,
        (None, Some(dev)) => {
            let dev = link::link_argument(session, place, &dev)?;
            link::is_in(place, &dev)?;
            if onlink == Some(true) && via.is_none() {
                return Err(onlink_alone());
            }
            Leads::By {
                via,
                link: dev.index(),
                onlink: onlink.unwrap_or(false),
            }
        }
        (None, None) => {
            return Err(match via {
                Some(via) => Error::invalid(format!("gateway `{via}` is given without its link"))
                    .hint(format!("say which: #{{via: \"{via}\", dev: \"LINK\"}}")),
                None => Error::invalid("neither a link, nor a group, nor a blackhole is given")
                    .hint("say where it leads: #{via: \"10.0.0.1\", dev: \"LINK\"}, #{group: [1, 2]} or #{blackhole: true}"),
            });
        }
    };
    Ok(Nexthop {
        id,
        is_ipv6,
        protocol,
        leads,
    })
}

/// The refusal of `onlink` where no gateway is named: the kernel's own (`fib_check_nh` of `net/ipv4/fib_semantics.c`).
pub(in crate::dsl::objects) fn onlink_alone() -> Error {
    Error::invalid("`onlink` takes a gateway as directly connected, and none is given")
        .hint("leave it out, or name the gateway with `via`")
}

/// The members of a group: `[1, 2]`, or `[#{id: 1}, #{id: 2, weight: 3}]`. Each must be there, and be no group itself.
fn members(id: u32, group: Dynamic, present: &[Nexthop]) -> Result<Vec<Member>> {
    let list: Array = group.into_array().unwrap_or_default();
    if list.is_empty() {
        return Err(Error::invalid("`group` is empty").hint("name its members: #{group: [1, 2]}"));
    }
    let count = list.len();
    let mut members: Vec<Member> = Vec::new();
    for item in list {
        let member = member(item)?;
        if members.iter().any(|known| known.id == member.id) {
            let why = format!("nexthop {} is in the group twice", member.id);
            return Err(Error::invalid(why).hint("give it a weight: #{id: 1, weight: 2}"));
        }
        let there = present.iter().find(|one| one.id == member.id);
        match there {
            None => return Err(missing(member.id, present)),
            Some(one) if one.id == id || !one.members().is_empty() => {
                let why = format!("nexthop {} is a group itself", member.id);
                return Err(Error::invalid(why).hint("name the members of that group"));
            }
            Some(one) if one.leads == Leads::Nowhere && count > 1 => {
                let why = format!(
                    "nexthop {} is a blackhole, and shares packets with no other",
                    one.id
                );
                return Err(Error::invalid(why));
            }
            Some(_) => members.push(member),
        }
    }
    members.sort_by_key(|member| member.id);
    Ok(members)
}

fn member(item: Dynamic) -> Result<Member> {
    if let Ok(id) = item.as_int() {
        return Ok(Member {
            id: number(id)?,
            weight: 1,
        });
    }
    let given = item.type_name();
    let map = item
        .try_cast::<Map>()
        .ok_or_else(|| wrong_type(rows::GROUP.key, &rows::GROUP.form.wanted(), given))?;
    let mut options = schema::options(rows::GROUP.key, map, &[rows::MEMBER])?;
    let id = rows::ID.take_number(&mut options)?;
    let id = id.ok_or_else(|| Error::invalid("a member of the group has no `id`"))?;
    Ok(Member {
        id,
        weight: rows::WEIGHT.take_number(&mut options)?.unwrap_or(1),
    })
}

/// The failure for a nexthop that is not there.
pub(super) fn missing(id: u32, present: &[Nexthop]) -> Error {
    let error = Error::new(Kind::NotFound, format!("there is no nexthop {id}"));
    let there: Vec<String> = present.iter().map(|one| one.id.to_string()).collect();
    let error = match there.as_slice() {
        [] => error,
        there => error.note(format!("nexthops there: {}", there.join(", "))),
    };
    error.hint(format!(
        "make it first: net.nexthop({id}, #{{via: \"10.0.0.1\", dev: \"LINK\"}})"
    ))
}
