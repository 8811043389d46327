//! What a script says of a route, read into one.

use std::net::IpAddr;
use std::rc::Rc;

use ipnet::IpNet;

use crate::dsl::Session;
use crate::dsl::handle::Link;
use crate::dsl::kinds::vrf;
use crate::dsl::objects::link;
use crate::dsl::objects::nexthop::options::onlink_alone;
use crate::error::{Error, Result};
use crate::net::netns;
use crate::net::route::{self, TABLE_MAIN};
use crate::schema::Form;
use crate::value::options::Options;
use crate::value::prefix;

use super::rows;

pub(super) fn read(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    destination: &str,
    dev: Option<&Link>,
    options: &mut Options,
) -> Result<route::Route> {
    let via = rows::VIA.take_ip(options)?;
    let source = match (rows::SOURCE.take_ip(options)?, rows::SRC.take_ip(options)?) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid(
                "`source` and `src` are the same option, given twice",
            ));
        }
        (source, src) => source.or(src),
    };
    let hops = hops_option(session, place, options)?;
    let first = hops.iter().find_map(|hop| hop.via);
    let destination: IpNet = prefix::destination(destination, via.or(source).or(first))?;
    let gateways = hops.iter().map(|hop| ("gateway", hop.via));
    for (what, ip) in [("gateway", via), ("source", source)]
        .into_iter()
        .chain(gateways)
    {
        if let Some(ip) = ip
            && ip.is_ipv4() != destination.addr().is_ipv4()
            // An IPv4 network may be reached by way of an IPv6 router (RFC 5549).
            && !(what == "gateway" && ip.is_ipv6())
        {
            return Err(Error::invalid(format!(
                "{what} `{ip}` and destination `{destination}` are of different families"
            )));
        }
    }
    let dev = match (dev, rows::DEV.take_given(options)?) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid(
                "the link is given twice, in front and as option `dev`",
            ));
        }
        (Some(link), None) => Some(link.clone()),
        (None, Some(given)) => Some(link::link_argument(session, place, &given)?),
        (None, None) => None,
    };
    if let Some(dev) = &dev {
        link::is_in(place, dev)?;
    }
    if !hops.is_empty() && (via.is_some() || dev.is_some()) {
        return Err(Error::invalid(
            "a gateway or a link is given beside `nexthops`, which have their own",
        ));
    }
    let nexthop = rows::NEXTHOP.take_number(options)?;
    if nexthop.is_some() && (via.is_some() || dev.is_some() || !hops.is_empty()) {
        return Err(Error::invalid(
            "a gateway or a link is given beside `nexthop`, which says where it leads",
        ));
    }
    // The kernel keeps a list of one as a route by that one.
    let (alone, hops) = match hops.as_slice() {
        [hop] => (Some(hop.clone()), Vec::new()),
        _ => (None, hops),
    };
    let (hop_via, hop_link, hop_onlink) = alone
        .map(|hop| (hop.via, hop.link, hop.onlink))
        .unwrap_or_default();
    let route = route::Route {
        via: via.or(hop_via),
        source,
        link: dev.map(|dev| dev.index()).or(hop_link),
        metric: rows::METRIC.take_number(options)?,
        table: table(session, place, options)?,
        onlink: rows::ONLINK.take_flag(options)?.unwrap_or(hop_onlink),
        metrics: metrics(options)?,
        tos: tos_option(options, destination)?,
        hops,
        nexthop,
        // As `ip route add` has it where nothing is said.
        protocol: rows::PROTO
            .take_named("a route", options)?
            .unwrap_or_else(|| "boot".to_owned()),
        scope: rows::SCOPE
            .take_named("a route", options)?
            .unwrap_or_default(),
        kind: rows::TYPE
            .take_named("a route", options)?
            .unwrap_or_else(|| "unicast".to_owned()),
        encap: encap(options)?,
        ..route::Route::to(destination)
    };
    let is_alone = |onlink: bool, via: Option<IpAddr>| onlink && via.is_none();
    let mut hops = route.hops.iter();
    let is_refused = is_alone(route.onlink, route.via) && route.link.is_some()
        || hops.any(|hop| is_alone(hop.onlink, hop.via));
    // One of IPv6 has no use for it, and takes it.
    if destination.addr().is_ipv4() && is_refused {
        return Err(onlink_alone());
    }
    Ok(route)
}

/// The table that is named, by itself or by its VRF.
fn table(session: &Rc<Session>, place: &Rc<netns::Netns>, options: &mut Options) -> Result<u32> {
    let number = rows::TABLE.take_number(options)?;
    let Some(given) = rows::VRF.take_given(options)? else {
        return Ok(number.unwrap_or(TABLE_MAIN));
    };
    let vrf = link::link_argument(session, place, &given)?;
    link::is_in(place, &vrf)?;
    let Some(table) = vrf::table(session, &vrf)? else {
        let cause = format!("`vrf` takes a VRF, and `{}` is none", vrf.name());
        return Err(Error::invalid(cause));
    };
    if number.is_some_and(|number| number != table) {
        let cause = format!(
            "`table` is given beside `vrf`, and `{}` has table {table}",
            vrf.name()
        );
        return Err(Error::invalid(cause).hint("leave one of them out"));
    }
    Ok(table)
}

/// What its packets are wrapped in.
fn encap(options: &mut Options) -> Result<Option<route::Encap>> {
    let text = rows::ENCAP.take_text(options)?;
    let encap = text.map(|text| route::Encap::parse(&text));
    encap.transpose().map_err(|why| {
        Error::invalid(format!("`encap`: {why}")).hint(
            "it is written as behind `encap` of `ip route`: \"mpls 100\", \"seg6 mode encap segs fc00::1\"",
        )
    })
}

fn metrics(options: &mut Options) -> Result<route::Metrics> {
    let mut metrics = route::Metrics::default();
    for row in rows::METRICS {
        let number = match row.form {
            Form::Switch => row.take_flag(options)?.map(u32::from),
            _ => row.take_number(options)?,
        };
        metrics.set(row.key, number);
    }
    metrics.set_ecn(rows::ECN.take_flag(options)?);
    metrics.set_congctl(rows::CONGCTL.take_text(options)?);
    Ok(metrics)
}

fn tos_option(options: &mut Options, destination: IpNet) -> Result<u8> {
    let Some(tos) = rows::TOS.take_number::<u8>(options)? else {
        return Ok(0);
    };
    if destination.addr().is_ipv6() {
        return Err(Error::invalid("`tos` is for routes of IPv4"));
    }
    // The two lowest bits are those of congestion notification, by which nothing is routed.
    if tos & 3 != 0 {
        return Err(Error::invalid(format!(
            "`tos` is a multiple of 4, not {tos}"
        )));
    }
    Ok(tos)
}

/// Takes the next hops that share the packets: `[#{via, dev, weight, onlink}, …]`.
fn hops_option(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    options: &mut Options,
) -> Result<Vec<route::Hop>> {
    let Some(list) = rows::NEXTHOPS.take_maps(options)? else {
        return Ok(Vec::new());
    };
    if list.is_empty() {
        return Err(Error::invalid("`nexthops` is empty").hint(
            "name them: #{nexthops: [#{via: \"10.0.0.1\"}, #{via: \"10.0.1.1\", weight: 2}]}",
        ));
    }
    let mut hops = Vec::new();
    for mut options in list {
        let options = &mut options;
        let via = rows::VIA.take_ip(options)?;
        let dev = rows::DEV.take_given(options)?;
        let dev = dev
            .map(|given| link::link_argument(session, place, &given))
            .transpose()?;
        if let Some(dev) = &dev {
            link::is_in(place, dev)?;
        }
        if via.is_none() && dev.is_none() {
            return Err(Error::invalid(
                "a next hop has neither a gateway nor a link",
            ));
        }
        hops.push(route::Hop {
            via,
            link: dev.map(|dev| dev.index()),
            weight: rows::WEIGHT.take_number(options)?.unwrap_or(1),
            onlink: rows::ONLINK.take_flag(options)?.unwrap_or(false),
        });
    }
    Ok(hops)
}
