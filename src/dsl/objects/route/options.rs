//! What a script says of a route, read into one.

use std::rc::Rc;

use ipnet::IpNet;
use rhai::Map;

use crate::dsl::Session;
use crate::dsl::handle::Link;
use crate::dsl::objects::{link, table};
use crate::error::{Error, Result};
use crate::net::netns;
use crate::net::route::{self, TABLE_MAIN};
use crate::value::choice::choose;
use crate::value::options::{Options, in_range, wrong_type};
use crate::value::prefix;

/// What a route can be given.
pub(crate) const KEYS: &[&str] = &[
    "advmss",
    "congctl",
    "dev",
    "ecn",
    "fastopen_no_cookie",
    "hoplimit",
    "initcwnd",
    "initrwnd",
    "metric",
    "mtu",
    "nexthop",
    "nexthops",
    "onlink",
    "proto",
    "quickack",
    "reordering",
    "replace",
    "rto_min",
    "scope",
    "source",
    "src",
    "table",
    "tos",
    "type",
    "via",
    "window",
];

/// What tells one route from another, where the destination is not enough.
pub(crate) const KEYS_OF_DELETE: &[&str] = &["dev", "metric", "nexthop", "table", "via"];

pub(super) fn read(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    destination: &str,
    dev: Option<&Link>,
    options: &mut Options,
) -> Result<route::Route> {
    let ip = |text: Option<String>| text.map(|text| prefix::ip(&text)).transpose();
    let via = ip(options.string("via")?)?;
    let source = match (options.string("source")?, options.string("src")?) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid(
                "`source` and `src` are the same option, given twice",
            ));
        }
        (source, src) => ip(source.or(src))?,
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
    let dev = match (dev, options.take("dev")) {
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
    let number = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok());
    let largest = i64::from(u32::MAX);
    let nexthop = number(options.integer("nexthop", 1..=largest)?);
    if nexthop.is_some() && (via.is_some() || dev.is_some() || !hops.is_empty()) {
        return Err(Error::invalid(
            "a gateway or a link is given beside `nexthop`, which says where it leads",
        ));
    }
    Ok(route::Route {
        via,
        source,
        link: dev.map(|dev| dev.index()),
        metric: number(options.integer("metric", 0..=largest)?),
        table: table::option(options)?.unwrap_or(TABLE_MAIN),
        onlink: options.flag("onlink")?.unwrap_or(false),
        metrics: metrics(options)?,
        tos: tos_option(options, destination)?,
        hops,
        nexthop,
        // As `ip route add` has it where nothing is said.
        protocol: protocol_option(options, "a route")?.unwrap_or_else(|| "boot".to_owned()),
        scope: name_option(options, "scope", &route::SCOPES)?.unwrap_or_default(),
        kind: name_option(options, "type", &route::KINDS)?.unwrap_or_else(|| "unicast".to_owned()),
        ..route::Route::to(destination)
    })
}

/// The metrics that are numbers, with the least and the largest value of each.
const NUMBERS: &[(&str, i64, i64)] = &[
    ("mtu", 68, 65535),
    ("advmss", 1, 65495),
    ("hoplimit", 1, 255),
    ("initcwnd", 1, 65535),
    ("initrwnd", 1, 65535),
    ("reordering", 1, 65535),
    ("window", 1, 0x4000_0000),
];

/// The longest `rto_min` in milliseconds; the kernel has the longest wait of TCP at two minutes (`TCP_RTO_MAX`).
const LARGEST_RTO: i64 = 120_000;

fn metrics(options: &mut Options) -> Result<route::Metrics> {
    let mut metrics = route::Metrics::default();
    for (key, least, most) in NUMBERS {
        let number = options.integer(key, *least..=*most)?;
        metrics.set(key, number.and_then(|number| u32::try_from(number).ok()));
    }
    if let Some(time) = options.duration("rto_min")? {
        let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let ms = in_range("rto_min", ms, 1..=LARGEST_RTO)
            .map_err(|_| Error::invalid(format!("`rto_min` is 1ms to 120s, not {time:?}")))?;
        metrics.set("rto_min", u32::try_from(ms).ok());
    }
    for key in ["quickack", "fastopen_no_cookie"] {
        metrics.set(key, options.flag(key)?.map(u32::from));
    }
    metrics.set_ecn(options.flag("ecn")?);
    metrics.set_congctl(options.string("congctl")?);
    Ok(metrics)
}

fn tos_option(options: &mut Options, destination: IpNet) -> Result<u8> {
    let Some(tos) = options.integer("tos", 0..=255)? else {
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
    Ok(u8::try_from(tos).unwrap_or_default())
}

/// Takes one of the names in `known`.
fn name_option<T: Copy>(
    options: &mut Options,
    key: &str,
    known: &[(&'static str, T)],
) -> Result<Option<String>> {
    let Some(name) = options.string(key)? else {
        return Ok(None);
    };
    choose("a route", key, &name, known)?;
    Ok(Some(name))
}

/// Takes who made `whose`, a route or what stands in for its next hop: a name that iproute2 has, or a number.
pub(crate) fn protocol_option(options: &mut Options, whose: &str) -> Result<Option<String>> {
    let Some(value) = options.take("proto") else {
        return Ok(None);
    };
    if let Ok(number) = value.as_int() {
        let number = in_range("proto", number, 1..=255)?;
        let known = route::PROTOCOLS
            .iter()
            .find(|(_, known)| i64::from(*known) == number);
        let name = known.map_or_else(|| number.to_string(), |(name, _)| (*name).to_owned());
        return Ok(Some(name));
    }
    let given = value.type_name();
    let name = value
        .into_string()
        .map_err(|_| wrong_type("proto", "a name such as \"static\", or a number", given))?;
    choose(whose, "proto", &name, &route::PROTOCOLS)?;
    Ok(Some(name))
}

/// Takes the next hops that share the packets: `[#{via, dev, weight, onlink}, …]`.
fn hops_option(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    options: &mut Options,
) -> Result<Vec<route::Hop>> {
    let Some(value) = options.take("nexthops") else {
        return Ok(Vec::new());
    };
    let given = value.type_name();
    let list = value
        .into_array()
        .map_err(|_| wrong_type("nexthops", "a list of maps", given))?;
    if list.is_empty() {
        return Err(Error::invalid("`nexthops` is empty").hint(
            "name them: #{nexthops: [#{via: \"10.0.0.1\"}, #{via: \"10.0.1.1\", weight: 2}]}",
        ));
    }
    let mut hops = Vec::new();
    for item in list {
        let given = item.type_name();
        let map = item
            .try_cast::<Map>()
            .ok_or_else(|| wrong_type("nexthops", "a list of maps", given))?;
        let keys: &[&str] = &["dev", "onlink", "via", "weight"];
        let mut options = Options::new("nexthops", map, &[keys])?;
        let via = options.string("via")?;
        let via = via.map(|text| prefix::ip(&text)).transpose()?;
        let dev = options.take("dev");
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
        let weight = options.integer("weight", 1..=256)?.unwrap_or(1);
        hops.push(route::Hop {
            via,
            link: dev.map(|dev| dev.index()),
            weight: u16::try_from(weight).unwrap_or(1),
            onlink: options.flag("onlink")?.unwrap_or(false),
        });
    }
    Ok(hops)
}
