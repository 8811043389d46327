//! The two ends of a measurement: a namespace, a link or an address each.

use std::net::IpAddr;
use std::rc::Rc;

use rhai::plugin::Dynamic;
use rhai::{ImmutableString, Map};

use crate::dsl::Session;
use crate::dsl::acts::why;
use crate::dsl::handle::{Link, Netns};
use crate::dsl::objects::addr;
use crate::dsl::objects::netns::namespace_argument;
use crate::error::{Error, Kind, Result};
use crate::net::traffic::Ends;
use crate::value::options::type_in_words;

/// Between whom is measured.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) from: Netns,
    pub(crate) to: Netns,
    /// How the two are called where it is shown.
    pub(crate) names: [String; 2],
    /// The address that is sent to.
    pub(crate) destination: IpAddr,
    /// The one that is sent from, where that was asked for.
    pub(crate) source: Option<IpAddr>,
}

/// One of them.
struct One {
    net: Netns,
    name: String,
    addresses: Vec<IpAddr>,
    /// Whether it is more than a namespace: then data goes from its own address.
    is_exact: bool,
}

impl Pair {
    /// Finds the two that a script names, and addresses of a family that both have.
    pub(crate) fn find(session: &Rc<Session>, a: &Dynamic, b: &Dynamic) -> Result<Self> {
        let from = one(session, a, None)?;
        let to = one(session, b, Some(&from.net))?;
        let own = |ip: IpAddr| {
            let mut own = from.addresses.iter().copied();
            own.find(|own| own.is_ipv6() == ip.is_ipv6())
        };
        let mut known = to.addresses.iter().copied();
        let Some(first) = to.addresses.first().copied() else {
            return Err(no_address(&to));
        };
        let destination = known.find(|ip| own(*ip).is_some()).unwrap_or(first);
        let source = own(destination).filter(|_| from.is_exact);
        if from.is_exact && source.is_none() {
            return Err(match from.addresses.first() {
                None => no_address(&from),
                Some(own) => Error::invalid(format!(
                    "`{}` has {own}, and `{}` has {first}: no addresses of one family",
                    from.name, to.name
                )),
            });
        }
        Ok(Self {
            names: [from.name, to.name],
            from: from.net,
            to: to.net,
            destination,
            source,
        })
    }

    /// The same for what measures.
    pub(crate) fn ends(&self) -> Ends<'_> {
        Ends {
            from: &self.from,
            to: &self.to,
            destination: self.destination,
            source: self.source,
        }
    }

    /// `a → b`.
    pub(crate) fn title(&self) -> String {
        format!("{} → {}", self.names[0], self.names[1])
    }

    /// The second, with its address where that is no part of the name.
    pub(crate) fn named_destination(&self) -> String {
        let (name, ip) = (&self.names[1], self.destination.to_string());
        if *name == ip {
            ip
        } else {
            format!("{name} ({ip})")
        }
    }

    /// Says of an error that the other end is not reached why that is.
    pub(crate) fn explained(&self, session: &Rc<Session>, error: Error) -> Error {
        if error.kind != Kind::Unreachable || error.hint.is_some() {
            return error;
        }
        let from = Dynamic::from(self.from.clone());
        let (cause, hint) = why::advice(
            session,
            &from,
            self.from.label(),
            self.destination,
            &Map::new(),
        );
        error.note(format!("cause: {cause}")).hint(hint)
    }
}

fn no_address(one: &One) -> Error {
    let what = if one.is_exact { "link" } else { "namespace" };
    let error = Error::new(
        Kind::NotFound,
        format!("{what} `{}` has no global address", one.name),
    );
    error.hint("give it one: link.addr(\"10.0.0.1/24\")")
}

/// The one that a script names. An address may be that of `near` before that of any other.
fn one(session: &Rc<Session>, given: &Dynamic, near: Option<&Netns>) -> Result<One> {
    if let Some(link) = given.read_lock::<Link>() {
        let net = Netns(link.netns());
        net.check()?;
        return Ok(One {
            addresses: addr::all_global(session, &net, Some(link.index()))?,
            name: format!("{net}/{}", link.name()),
            net,
            is_exact: true,
        });
    }
    if let Some(text) = given.read_lock::<ImmutableString>()
        && let Ok(ip) = text.parse::<IpAddr>()
    {
        return Ok(One {
            net: owner(session, ip, near)?,
            name: text.to_string(),
            addresses: vec![ip],
            is_exact: true,
        });
    }
    if !given.is::<Netns>() && !given.is_string() {
        return Err(Error::invalid(format!(
            "an end is an address, a link or a namespace, not {}",
            type_in_words(given.type_name())
        )));
    }
    why::ends::is_no_address(given)?;
    let net = namespace_argument(given)?;
    net.check()?;
    Ok(One {
        addresses: addr::all_global(session, &net, None)?,
        name: net.to_string(),
        net,
        is_exact: false,
    })
}

/// The namespace that has the address.
fn owner(session: &Rc<Session>, ip: IpAddr, near: Option<&Netns>) -> Result<Netns> {
    let here = Netns(session.here()?);
    let first = near.unwrap_or(&here).clone();
    let has = |net: &Netns| addr::has(session, net, ip);
    if has(&first)? {
        return Ok(first);
    }
    for net in session.known_namespaces()? {
        let net = Netns(net);
        // One may go while the others are looked through.
        if !ip.is_loopback() && has(&net).unwrap_or(false) {
            return Ok(net);
        }
    }
    Err(Error::new(
        Kind::NotFound,
        if ip.is_loopback() {
            format!("namespace `{first}` has no address `{ip}`")
        } else {
            format!("no namespace here has the address `{ip}`")
        },
    )
    .hint(if ip.is_loopback() {
        "set the loopback up: net.link(\"lo\").up()"
    } else {
        "list those that there are: tree()"
    }))
}
