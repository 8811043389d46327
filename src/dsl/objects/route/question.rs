//! The packet of which the kernel is asked where it would send it, as scripts describe it; and what its refusals mean.

use std::net::IpAddr;
use std::rc::Rc;

use nix::errno::Errno;
use rhai::Map;
use rhai::plugin::Dynamic;

use crate::dsl::Session;
use crate::dsl::handle::Netns;
use crate::dsl::objects::{addr, link, netns};
use crate::error::{Error, Result};
use crate::net::route::Question;
use crate::net::rtnl::Refusal;
use crate::schema::{self, Opt};
use crate::value::{options, prefix};

use super::rows;

/// The address that a route is looked up to: one that was given, or the first global one of a link or a namespace.
pub(super) fn destination(session: &Rc<Session>, given: &Dynamic) -> Result<IpAddr> {
    if let Some((ip, _)) = addr::meant(session, given)? {
        return Ok(ip);
    }
    let Some(text) = given.read_lock::<rhai::ImmutableString>() else {
        return Err(Error::invalid(format!(
            "a destination is an address, a link or a namespace, not {}",
            options::type_in_words(given.type_name())
        )));
    };
    if prefix::is_meant(&text) {
        return prefix::ip(&text);
    }
    // What is no address may be a mistyped name.
    let net = netns::namespace_argument(given)?;
    addr::first_global(session, &net)
}

/// Reads the options of a lookup in `net` of the route to `destination`.
pub(super) fn take(
    session: &Rc<Session>,
    net: &Netns,
    destination: IpAddr,
    options: Map,
) -> Result<Question> {
    let mut options = schema::options("lookup", options, &[rows::OF_LOOKUP])?;
    let (from, source) = (
        rows::lookup::FROM.take_ip(&mut options)?,
        rows::lookup::SOURCE.take_ip(&mut options)?,
    );
    if from.is_some() && source.is_some() {
        return Err(Error::invalid(
            "`from` and `source` are two names of one option",
        ));
    }
    let source = from.or(source);
    if source.is_some_and(|source| source.is_ipv4() != destination.is_ipv4()) {
        return Err(Error::invalid(
            "`from` and the destination are of different families",
        ));
    }
    let mut device = |row: &Opt| -> Result<Option<u32>> {
        let Some(given) = row.take_given(&mut options)? else {
            return Ok(None);
        };
        let device = link::link_argument(session, &net.0, &given)?;
        link::is_in(&net.0, &device)?;
        Ok(Some(device.index()))
    };
    let (iif, oif) = (device(&rows::lookup::IIF)?, device(&rows::lookup::OIF)?);
    let options = &mut options;
    let (mark, uid) = (
        rows::lookup::MARK.take_number(options)?,
        rows::lookup::UID.take_number(options)?,
    );
    let (sport, dport) = (
        rows::lookup::SPORT.take_number(options)?,
        rows::lookup::DPORT.take_number(options)?,
    );
    let protocol = rows::lookup::PROTO.take_numbered::<u8>("lookup", options)?;
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
