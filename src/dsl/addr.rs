//! Addresses: add, delete and list them.

use std::fmt;
use std::rc::Rc;

use nix::errno::Errno;
use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::{Answer, Session, answer, link};
use crate::error::{Error, Kind, Result};
use crate::lab::{Command, Outcome, Undo};
use crate::net::address::{self, NewAddress};
use crate::net::netns;
use crate::net::rtnl::Refusal;
use crate::value::options::Options;
use crate::value::prefix;
use crate::view::value::{Handle, Value};

/// All addresses of a namespace, or of one link.
fn list(
    session: &Rc<Session>,
    place: &netns::Netns,
    link: Option<u32>,
) -> Result<Vec<address::Address>> {
    session.wait(async {
        address::list(&place.rtnl()?, link)
            .await
            .map_err(|refusal| {
                Error::from(refusal)
                    .doing_plain("list addresses")
                    .within(place.label())
            })
    })?
}

/// How an address is added.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct How {
    /// Skips duplicate address detection (IPv6).
    pub(crate) nodad: bool,
    /// Takes the same address with another prefix length away first.
    pub(crate) replace: bool,
}

/// Adds an address, if the link has not got it.
///
/// Fails with `conflict` where the link has it with another prefix length, `exists` where another slave of the port has it.
pub(crate) fn add(session: &Rc<Session>, link: &Link, text: &str, how: How) -> Result<()> {
    let place = link.netns();
    let context = |error: Error| {
        error
            .doing("add address", text)
            .within(place.label())
            .note(format!("on link `{}`", link.name()))
    };
    let prefix = prefix::address(text).map_err(context)?;
    let ip = prefix.addr();
    let lab = session.lab();
    // On a link of the run's own the kernel's answer says enough, unless the run has been there before; a foreign one is
    // looked at before it is asked to change.
    if !lab.made_link(&place, link.index()) || lab.added_address(&place, link.index(), ip) {
        link::snapshot(session, link)?;
        if let Some(present) = same_ip(session, link, ip)? {
            if settled(session, link, &present, prefix, how).map_err(context)? {
                return Ok(());
            }
            remove(session, link, &present).map_err(context)?;
        }
    }
    let refusal = match ask(session, link, prefix, how)? {
        Ok(()) => return Ok(()),
        Err(refusal) => refusal,
    };
    match refusal.errno {
        Errno::EEXIST | Errno::EADDRINUSE => {
            if let Some(present) = same_ip(session, link, ip)? {
                if settled(session, link, &present, prefix, how).map_err(context)? {
                    return Ok(());
                }
                remove(session, link, &present).map_err(context)?;
                return ask(session, link, prefix, how)?.map_err(|refusal| context(refusal.into()));
            }
            let error = Error::from(refusal);
            Err(context(if error.errno == Some(Errno::EADDRINUSE) {
                error
                    .cause("another slave of the same parent has it")
                    .hint("slaves of one parent share one address space: take an address that none of them has")
            } else {
                error
            }))
        }
        Errno::ENODEV => {
            link::snapshot(session, link)?;
            Err(context(refusal.into()))
        }
        _ => Err(context(refusal.into())),
    }
}

/// Asks the kernel to add an address.
fn ask(
    session: &Rc<Session>,
    link: &Link,
    prefix: ipnet::IpNet,
    how: How,
) -> Result<std::result::Result<(), Refusal>> {
    let place = link.netns();
    let new = NewAddress {
        link: link.index(),
        prefix,
        nodad: how.nodad,
    };
    let undo = Undo::DeleteAddress {
        netns: place.clone(),
        link: link.reference(),
        prefix,
    };
    let command = || {
        let text = prefix.to_string();
        let command = Command::ip(&place, ["address", "add", &text, "dev", &link.name()]);
        let is_said = how.nodad && prefix.addr().is_ipv6();
        command.and(is_said.then_some("nodad"))
    };
    let added = session.wait(async {
        let rtnl = &place.rtnl()?;
        let request = address::add(rtnl, &new);
        session.lab().step(undo, command, request).await
    })??;
    if added.is_ok() {
        report(session, Outcome::Created, link, prefix);
        session
            .lab()
            .address_added(&place, link.index(), prefix.addr());
    }
    Ok(added)
}

fn same_ip(
    session: &Rc<Session>,
    link: &Link,
    ip: std::net::IpAddr,
) -> Result<Option<address::Address>> {
    let present = list(session, &link.netns(), Some(link.index()))?;
    Ok(present
        .into_iter()
        .find(|address| address.prefix.addr() == ip))
}

/// Whether the address is there as asked. With another prefix length it is a conflict, or has to make room.
fn settled(
    session: &Rc<Session>,
    link: &Link,
    present: &address::Address,
    asked: ipnet::IpNet,
    how: How,
) -> Result<bool> {
    if present.prefix == asked {
        report(session, Outcome::Unchanged, link, asked);
        return Ok(true);
    }
    if how.replace {
        return Ok(false);
    }
    let conflict = Error::new(Kind::Conflict, "the link has it with another prefix length")
        .note(format!("there: {}", present.prefix))
        .note(format!("asked: {asked}"))
        .hint("ask for what is there, or replace it with #{replace: true}");
    let name = format!("{asked} on {}", link.name());
    let lab = session.lab();
    lab.conflict(conflict, &link.netns(), "address", &name)?;
    Ok(true)
}

fn delete(session: &Rc<Session>, link: &Link, text: &str) -> Result<()> {
    let place = link.netns();
    let context = |error: Error| error.doing("delete address", text).within(place.label());
    let present = list(session, &place, Some(link.index()))?;
    let found = if text.contains('/') {
        let prefix = prefix::address(text).map_err(context)?;
        present.iter().find(|address| address.prefix == prefix)
    } else {
        let ip = prefix::ip(text).map_err(context)?;
        present.iter().find(|address| address.prefix.addr() == ip)
    };
    let Some(found) = found else {
        let name = format!("{text} on {}", link.name());
        session
            .lab()
            .report(Outcome::Unchanged, &place, "address", &name);
        return Ok(());
    };
    remove(session, link, found).map_err(context)
}

fn remove(session: &Rc<Session>, link: &Link, found: &address::Address) -> Result<()> {
    let place = link.netns();
    let undo = Undo::AddAddress {
        netns: place.clone(),
        link: link.reference(),
        prefix: found.prefix,
    };
    let command = || {
        let text = found.prefix.to_string();
        Command::ip(&place, ["address", "del", &text, "dev", &link.name()])
    };
    session.wait(async {
        let rtnl = &place.rtnl()?;
        let request = address::delete(rtnl, link.index(), found.prefix);
        let lab = session.lab();
        lab.step(undo, command, request).await?.map_err(Error::from)
    })??;
    report(session, Outcome::Deleted, link, found.prefix);
    Ok(())
}

fn report(session: &Session, outcome: Outcome, link: &Link, prefix: ipnet::IpNet) {
    let name = format!("{prefix} on {}", link.name());
    session
        .lab()
        .report(outcome, &link.netns(), "address", &name);
}

/// An address of a link, as scripts hold it: what it was when it was read.
#[derive(Clone, Debug)]
pub struct Address {
    seen: address::Address,
    /// The name of the link that has it.
    link: String,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seen)
    }
}

impl Address {
    /// What there is to show of it.
    pub(crate) fn show(&self) -> Value {
        let seen = &self.seen;
        let broadcast = seen.broadcast.map_or(Value::Nothing, Value::text);
        let state = [(seen.secondary, "secondary"), (seen.tentative, "tentative")];
        let state: Vec<&str> = state
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, name)| *name)
            .collect();
        Value::Handle(Box::new(Handle {
            name: self.to_string(),
            line: self.to_string(),
            cells: vec![
                ("link", self.link.clone()),
                ("address", self.to_string()),
                ("scope", seen.scope.to_owned()),
                ("flags", state.join(" ")),
            ],
            fields: vec![
                ("link", Value::text(&self.link)),
                ("address", Value::text(seen.prefix)),
                ("ip", Value::text(seen.prefix.addr())),
                ("prefix_length", Value::word(seen.prefix.prefix_len())),
                ("scope", Value::text(seen.scope)),
                ("broadcast", broadcast),
                ("secondary", Value::word(seen.secondary)),
                ("tentative", Value::word(seen.tentative)),
            ],
        }))
    }
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Adds an address with its prefix length to the link, and returns the link.
    ///
    /// Nothing happens where the link has it. IPv6 addresses pass duplicate address detection before they work, unless
    /// `nodad` is set. What `ip address add ADDRESS dev LINK` does.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").addr("10.0.0.1/24").addrs[0].address    // => "10.0.0.1/24"
    /// ```
    #[rhai_fn(name = "addr", return_raw, volatile)]
    pub fn addr(context: NativeCallContext, link: &mut Link, address: &str) -> Answer<Link> {
        answer(&context, |session| {
            add(session, link, address, How::default())?;
            Ok(link.clone())
        })
    }

    /// Adds an address with options: `nodad` and `replace`.
    ///
    /// `nodad` skips duplicate address detection (IPv6). `replace` takes the same address with another prefix length away
    /// first, which is a `conflict` otherwise.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", "v1").addr("fd00::1/64", #{nodad: true});
    /// v.addrs[0].address    // => "fd00::1/64"
    /// ```
    #[rhai_fn(name = "addr", return_raw, volatile)]
    pub fn addr_with(
        context: NativeCallContext,
        link: &mut Link,
        address: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let context = |error: Error| {
                error
                    .doing("add address", address)
                    .within(link.netns().label())
            };
            let mut options =
                Options::new("addr", options, &[&["nodad", "replace"]]).map_err(context)?;
            let how = How {
                nodad: options.flag("nodad").map_err(context)?.unwrap_or(false),
                replace: options.flag("replace").map_err(context)?.unwrap_or(false),
            };
            add(session, link, address, how)?;
            Ok(link.clone())
        })
    }

    /// Takes an address away from the link, and returns the link. Gone already is no error.
    ///
    /// The prefix length may be left out.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", "v1").addr("10.0.0.1/24");
    /// v.del_addr("10.0.0.1").addrs.len()    // => 0
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn del_addr(context: NativeCallContext, link: &mut Link, address: &str) -> Answer<Link> {
        answer(&context, |session| {
            delete(session, link, address)?;
            Ok(link.clone())
        })
    }

    /// Returns the link's addresses.
    ///
    /// ```rhai
    /// netns("a").link("lo").up().addrs()[0].ip    // => "127.0.0.1"
    /// ```
    #[rhai_fn(name = "addrs", return_raw, volatile)]
    pub fn addrs(context: NativeCallContext, link: &mut Link) -> Answer<rhai::Array> {
        answer(&context, |session| {
            let name = link::snapshot(session, link)?.name;
            let addresses = list(session, &link.netns(), Some(link.index()))?;
            Ok(addresses
                .into_iter()
                .map(|seen| {
                    let link = name.clone();
                    Dynamic::from(Address { seen, link })
                })
                .collect())
        })
    }

    /// The link's addresses.
    #[rhai_fn(get = "addrs", return_raw, volatile)]
    pub fn get_addrs(context: NativeCallContext, link: &mut Link) -> Answer<rhai::Array> {
        addrs(context, link)
    }

    /// Returns all addresses of the namespace.
    ///
    /// ```rhai
    /// netns("a").addrs().len()    // => 0
    /// ```
    #[rhai_fn(name = "addrs", return_raw, volatile)]
    pub fn addrs_of(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        answer(&context, |session| {
            let links = link::all(session, &net.0)?;
            let addresses = list(session, &net.0, None)?;
            Ok(addresses
                .into_iter()
                .map(|seen| {
                    let link = links.iter().find(|link| link.index == seen.link);
                    let link = link.map_or("?", |link| &link.name).to_owned();
                    Dynamic::from(Address { seen, link })
                })
                .collect())
        })
    }

    /// The addresses of the namespace.
    #[rhai_fn(get = "addrs", return_raw, volatile)]
    pub fn get_addrs_of(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        addrs_of(context, net)
    }

    /// The address with its prefix length, as `link.addr(…)` takes it.
    #[rhai_fn(get = "address")]
    pub fn get_address(address: &mut Address) -> String {
        address.to_string()
    }

    /// The address alone.
    #[rhai_fn(get = "ip")]
    pub fn get_ip(address: &mut Address) -> String {
        address.seen.prefix.addr().to_string()
    }

    /// The prefix length.
    #[rhai_fn(get = "prefix_length")]
    pub fn get_prefix_length(address: &mut Address) -> i64 {
        address.seen.prefix.prefix_len().into()
    }

    /// The name of the link that has it.
    #[rhai_fn(get = "link")]
    pub fn get_link(address: &mut Address) -> String {
        address.link.clone()
    }

    /// How far it is valid: `global`, `site`, `link` or `host`.
    #[rhai_fn(get = "scope")]
    pub fn get_scope(address: &mut Address) -> String {
        address.seen.scope.to_owned()
    }

    /// The broadcast address (IPv4), or `()`.
    #[rhai_fn(get = "broadcast")]
    pub fn get_broadcast(address: &mut Address) -> Dynamic {
        let broadcast = address.seen.broadcast;
        broadcast.map_or(Dynamic::UNIT, |ip| ip.to_string().into())
    }

    /// Whether duplicate address detection (IPv6) still runs.
    #[rhai_fn(get = "tentative")]
    pub fn get_tentative(address: &mut Address) -> bool {
        address.seen.tentative
    }

    /// Whether another address of the same subnet on the link came first (IPv4).
    #[rhai_fn(get = "secondary")]
    pub fn get_secondary(address: &mut Address) -> bool {
        address.seen.secondary
    }

    /// The address in one line: itself, with its prefix length.
    #[rhai_fn(global, name = "to_string", name = "to_debug")]
    pub fn to_text(address: &mut Address) -> String {
        address.to_string()
    }
}

/// The first global address of a namespace: what `ping` takes where it is given a namespace.
pub(crate) fn first_global(
    session: &Rc<Session>,
    place: &netns::Netns,
) -> Result<std::net::IpAddr> {
    global(&list(session, place, None)?).ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            format!("namespace `{}` has no global address", place.label()),
        )
        .hint("give it one: net.addr(\"LINK\", \"10.0.0.1/24\")")
    })
}

/// The first global address of a link.
pub(crate) fn first_of_link(session: &Rc<Session>, link: &Link) -> Result<std::net::IpAddr> {
    let place = link.netns();
    global(&list(session, &place, Some(link.index()))?).ok_or_else(|| {
        let error = Error::new(
            Kind::NotFound,
            format!("link `{}` has no global address", link.name()),
        );
        error.hint("give it one: link.addr(\"10.0.0.1/24\")")
    })
}

fn global(addresses: &[address::Address]) -> Option<std::net::IpAddr> {
    addresses
        .iter()
        .find(|address| address.scope == "global")
        .map(|address| address.prefix.addr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_a_table_and_an_object_in_json() {
        let address = |prefix: &str, scope, tentative| {
            let seen = address::Address {
                link: 2,
                prefix: prefix.parse().unwrap(),
                scope,
                tentative,
                secondary: false,
                label: None,
                broadcast: None,
            };
            let link = "v0".to_owned();
            Address { seen, link }.show()
        };
        let addresses = Value::List(vec![
            address("10.0.0.1/24", "global", false),
            address("fe80::1/64", "link", true),
        ]);
        insta::assert_snapshot!(addresses.show(), @"
        LINK  ADDRESS      SCOPE   FLAGS
        v0    10.0.0.1/24  global
        v0    fe80::1/64   link    tentative
        ");
        let one = address("10.0.0.1/24", "global", false);
        assert_eq!(one.show(), "10.0.0.1/24");
        assert_eq!(
            one.to_json().to_string(),
            r#"{"link":"v0","address":"10.0.0.1/24","ip":"10.0.0.1","prefix_length":24,"scope":"global","broadcast":null,"secondary":false,"tentative":false}"#
        );
    }
}
