//! The packet of which the kernel is asked where it would send it, as scripts describe it; and what its refusals mean.

use std::net::IpAddr;
use std::rc::Rc;

use nix::errno::Errno;
use rhai::Map;

use crate::dsl::Session;
use crate::dsl::handle::Netns;
use crate::dsl::objects::link;
use crate::error::{Error, Result};
use crate::net::route::Question;
use crate::net::rtnl::Refusal;
use crate::value::options::{Options, in_range, wrong_type};
use crate::value::{choice, prefix};

/// What a lookup can be told.
pub(crate) const KEYS: &[&str] = &[
    "dport", "from", "iif", "mark", "oif", "proto", "source", "sport", "uid",
];

/// The protocols that the kernel takes in such a question.
const PROTOCOLS: [(&str, u8); 4] = [("icmp", 1), ("icmpv6", 58), ("tcp", 6), ("udp", 17)];

/// Reads the options of a lookup in `net` of the route to `destination`.
pub(super) fn take(
    session: &Rc<Session>,
    net: &Netns,
    destination: IpAddr,
    options: Map,
) -> Result<Question> {
    let mut options = Options::new("lookup", options, &[KEYS])?;
    let (from, source) = (options.string("from")?, options.string("source")?);
    if from.is_some() && source.is_some() {
        return Err(Error::invalid(
            "`from` and `source` are two names of one option",
        ));
    }
    let source = from.or(source).map(|text| prefix::ip(&text)).transpose()?;
    if source.is_some_and(|source| source.is_ipv4() != destination.is_ipv4()) {
        return Err(Error::invalid(
            "`from` and the destination are of different families",
        ));
    }
    let mut device = |key: &str| -> Result<Option<u32>> {
        let Some(given) = link::take(&mut options, key)? else {
            return Ok(None);
        };
        let device = link::link_argument(session, &net.0, &given)?;
        link::is_in(&net.0, &device)?;
        Ok(Some(device.index()))
    };
    let (iif, oif) = (device("iif")?, device("oif")?);
    let mut number = |key: &str, most: u32| -> Result<Option<u32>> {
        let number = options.integer(key, 0..=most.into())?;
        Ok(number.and_then(|number| u32::try_from(number).ok()))
    };
    let (mark, uid) = (number("mark", u32::MAX)?, number("uid", u32::MAX - 1)?);
    let mut port = |key: &str| -> Result<Option<u16>> {
        let port = number(key, u16::MAX.into())?;
        Ok(port.and_then(|port| u16::try_from(port).ok()))
    };
    let (sport, dport) = (port("sport")?, port("dport")?);
    let protocol = protocol(&mut options)?;
    let has_ports = protocol.is_some_and(|protocol| [6, 17].contains(&protocol));
    if (sport.is_some() || dport.is_some()) && !has_ports {
        return Err(Error::invalid("only a packet of tcp or udp has ports")
            .hint("add it: #{proto: \"tcp\"}"));
    }
    Ok(Question {
        destination,
        source,
        iif,
        oif,
        mark,
        uid,
        protocol,
        sport,
        dport,
    })
}

fn protocol(options: &mut Options) -> Result<Option<u8>> {
    let Some(value) = options.take("proto") else {
        return Ok(None);
    };
    if let Ok(number) = value.as_int() {
        return Ok(u8::try_from(in_range("proto", number, 1..=255)?).ok());
    }
    let given = value.type_name();
    let name = value
        .into_string()
        .map_err(|_| wrong_type("proto", "a name such as \"tcp\", or a number", given))?;
    choice::choose("lookup", "proto", &name, &PROTOCOLS).map(Some)
}

/// What the kernel's refusal means: of a packet that comes in by a link it says other things than of one that is sent here.
pub(super) fn refused(refusal: Refusal, is_forwarded: bool) -> Error {
    let errno = refusal.errno;
    let error = Error::from(refusal);
    match errno {
        Errno::ENETUNREACH => error
            .cause("no route leads there")
            .hint("add one: net.route(\"default\", \"LINK\")"),
        Errno::EHOSTUNREACH if is_forwarded => error
            .cause("the namespace does not forward, or a route of type unreachable refuses it")
            .hint("let it forward: net.forward()"),
        Errno::EXDEV | Errno::EINVAL if is_forwarded => error
            .cause(
                "the packet would be dropped: by the reverse path filter, as one with such a source, or by a route of type blackhole",
            )
            .hint("see the way back by lookup(SOURCE), and the setting by link.sysctl(\"rp_filter\")"),
        Errno::EHOSTUNREACH => error.cause("a route of type unreachable refuses it"),
        Errno::EACCES => error
            .kind(crate::error::Kind::Unreachable)
            .cause("a route of type prohibit refuses it")
            .hint("list them: net.routes()"),
        Errno::EINVAL => error
            .kind(crate::error::Kind::Unreachable)
            .cause("a route of type blackhole swallows it, or the kernel takes no such question")
            .hint("list them: net.routes()"),
        _ => error,
    }
}
