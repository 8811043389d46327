//! Addresses: add, delete and list them.

mod dad;
mod options;
mod show;

use std::net::IpAddr;
use std::rc::Rc;

use nix::errno::Errno;
use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::{Answer, Session, answer, link};
use crate::error::{Error, Kind, Result};
use crate::lab::{Command, Outcome, Undo};
use crate::net::address::{self, Assigned};
use crate::net::netns;
use crate::net::rtnl::Refusal;
use crate::value::{duration, prefix};

pub(crate) use options::{Asked, KEYS};
pub use show::Address;

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

/// What the failure to add the address of this text says before its cause.
fn adding(link: &Link, text: &str) -> impl Fn(Error) -> Error + use<> {
    let (label, name, text) = (
        link.netns().label().to_owned(),
        link.name(),
        text.to_owned(),
    );
    move |error| {
        error
            .doing("add address", &text)
            .within(&label)
            .note(format!("on link `{name}`"))
    }
}

/// Adds an address, with nothing but whether it skips duplicate address detection, if the link has not got it.
pub(crate) fn add_plain(
    session: &Rc<Session>,
    link: &Link,
    text: &str,
    nodad: bool,
    replace: bool,
) -> Result<()> {
    let asked = Asked::plain(text, nodad, replace).map_err(adding(link, text))?;
    add(session, link, text, &asked)
}

/// Adds the address of this text, if the link has not got it.
///
/// Fails with `conflict` where the link has it otherwise, `exists` where another slave of the port has it.
fn add(session: &Rc<Session>, link: &Link, text: &str, asked: &Asked) -> Result<()> {
    let place = link.netns();
    let context = adding(link, text);
    let ip = asked.assigned.prefix.addr();
    let lab = session.lab();
    // On a link of the run's own the kernel's answer says enough, unless the run has been there before; a foreign one is
    // looked at before it is asked to change.
    if !lab.made_link(&place, link.index()) || lab.added_address(&place, link.index(), ip) {
        link::snapshot(session, link)?;
        if let Some(present) = rival(session, link, asked)?
            && settled(session, link, &present, asked).map_err(&context)?
        {
            return Ok(());
        }
    }
    let refusal = match ask(session, link, &asked.assigned)? {
        Ok(()) => return Ok(()),
        Err(refusal) => refusal,
    };
    match refusal.errno {
        Errno::EEXIST | Errno::EADDRINUSE => {
            if let Some(present) = rival(session, link, asked)? {
                if settled(session, link, &present, asked).map_err(&context)? {
                    return Ok(());
                }
                return ask(session, link, &asked.assigned)?
                    .map_err(|refusal| context(refusal.into()));
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
    assigned: &Assigned,
) -> Result<std::result::Result<(), Refusal>> {
    let place = link.netns();
    let undo = Undo::DeleteAddress {
        netns: place.clone(),
        link: link.reference(),
        address: Box::new(assigned.clone()),
    };
    let added = session.wait(async {
        let rtnl = &place.rtnl()?;
        let request = address::add(rtnl, link.index(), assigned);
        let command = || command(link, "add", assigned).and(assigned.words());
        session.lab().step(undo, command, request).await
    })??;
    if added.is_ok() {
        report(session, Outcome::Created, link, assigned);
        session
            .lab()
            .address_added(&place, link.index(), assigned.prefix.addr());
    }
    Ok(added)
}

/// The command that does `verb` with an address of the link.
fn command(link: &Link, verb: &str, assigned: &Assigned) -> Command {
    let command = Command::ip(&link.netns(), ["address", verb]).and(assigned.named());
    command.and(["dev", &link.name()])
}

/// The address of the link that stands where this one is to go, if one does: itself, or the same in another subnet.
fn rival(session: &Rc<Session>, link: &Link, asked: &Asked) -> Result<Option<address::Address>> {
    let ip = asked.assigned.prefix.addr();
    let mut present = list(session, &link.netns(), Some(link.index()))?;
    present.retain(|address| address.ip() == ip);
    let same = present.iter().position(|address| asked.is_same(address));
    Ok(present.into_iter().nth(same.unwrap_or(0)))
}

/// Whether the address is there as asked. What differs is a conflict; or it is changed, or makes room.
fn settled(
    session: &Rc<Session>,
    link: &Link,
    present: &address::Address,
    asked: &Asked,
) -> Result<bool> {
    let is_same = asked.is_same(present);
    if is_same && asked.differences(present).is_empty() {
        report(session, Outcome::Unchanged, link, &asked.assigned);
        return Ok(true);
    }
    if asked.replace {
        let Some(whole) = asked.changed(present) else {
            remove(session, link, &present.assigned)?;
            return Ok(false);
        };
        change(session, link, &present.assigned, &whole)?;
        return Ok(true);
    }
    let (there, subnet) = (&present.assigned, asked.assigned.prefix);
    let why = if there.prefix != subnet {
        "the link has it with another prefix length"
    } else if is_same {
        "the link has it otherwise"
    } else {
        "the link has it with another peer"
    };
    let conflict = Error::new(Kind::Conflict, why)
        .note(format!("there: {}", asked.there(present)))
        .note(format!("asked: {}", asked.assigned.line()))
        .hint("ask for what is there, or replace it with #{replace: true}");
    let name = format!("{subnet} on {}", link.name());
    let lab = session.lab();
    lab.conflict(conflict, &link.netns(), "address", &name)?;
    Ok(true)
}

/// Gives an address that the link has what the kernel can change of it in place.
fn change(session: &Rc<Session>, link: &Link, old: &Assigned, new: &Assigned) -> Result<()> {
    let place = link.netns();
    let undo = Undo::Send {
        netns: place.clone(),
        link: Some(link.reference()),
        what: format!("address `{}`", new.line()),
        request: address::change(link.index(), old),
    };
    session.wait(async {
        let rtnl = &place.rtnl()?;
        let request = address::change(link.index(), new);
        let command = || command(link, "change", new).and(new.words());
        let changed = session
            .lab()
            .step(undo, command, request.send(&place, rtnl))
            .await?;
        changed.map_err(Error::from)
    })??;
    report(session, Outcome::Changed, link, new);
    Ok(())
}

fn delete(session: &Rc<Session>, link: &Link, text: &str) -> Result<()> {
    let place = link.netns();
    let context = |error: Error| error.doing("delete address", text).within(place.label());
    let present = list(session, &place, Some(link.index()))?;
    let found = if text.contains('/') {
        let prefix = prefix::address(text).map_err(context)?;
        present
            .iter()
            .find(|address| address.assigned.prefix == prefix)
    } else {
        let ip = prefix::ip(text).map_err(context)?;
        present.iter().find(|address| address.ip() == ip)
    };
    let Some(found) = found else {
        let name = format!("{text} on {}", link.name());
        session
            .lab()
            .report(Outcome::Unchanged, &place, "address", &name);
        return Ok(());
    };
    remove(session, link, &found.assigned).map_err(context)
}

fn remove(session: &Rc<Session>, link: &Link, found: &Assigned) -> Result<()> {
    let place = link.netns();
    let undo = Undo::AddAddress {
        netns: place.clone(),
        link: link.reference(),
        address: Box::new(found.clone()),
    };
    session.wait(async {
        let rtnl = &place.rtnl()?;
        let request = address::delete(rtnl, link.index(), found);
        let lab = session.lab();
        let command = || command(link, "del", found);
        lab.step(undo, command, request).await?.map_err(Error::from)
    })??;
    report(session, Outcome::Deleted, link, found);
    Ok(())
}

fn report(session: &Session, outcome: Outcome, link: &Link, assigned: &Assigned) {
    let name = format!("{} on {}", assigned.prefix, link.name());
    session
        .lab()
        .report(outcome, &link.netns(), "address", &name);
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
            add_plain(session, link, address, false, false)?;
            Ok(link.clone())
        })
    }

    /// Adds an address with options: `scope`, `label`, `broadcast`, `peer`, `valid_lft`, `preferred_lft`, `nodad` and so on.
    ///
    /// They are named as `ip address` names them. `broadcast` is an address, or `"+"` and `"-"` for the last and the first of the
    /// subnet; `scope` is `"global"`, `"link"`, `"host"`, `"site"` or a number; `label` begins with the link's name; `metric` is that
    /// of the route to the subnet, and `noprefixroute` has none made. With a `peer` the prefix length may stand with either, and is a
    /// whole address's where it stands with none. `nodad` skips duplicate address detection, `home` and `mngtmpaddr` are for IPv6,
    /// too; `autojoin` joins the group whose address it is.
    ///
    /// `valid_lft` and `preferred_lft` are durations in whole seconds, or `"forever"`. A lifetime is there as asked where the address
    /// was given it, however much has run of it since: a second run does not wind it up again, `replace` neither. What else is there
    /// and differs is a `conflict`; with `replace` it is changed, in place where the kernel can, else by taking the address away first.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", "v1").addr("10.0.0.1/24", #{broadcast: "+", label: "v0:web", valid_lft: "10m"});
    /// v.addr("fd00::1/64", #{nodad: true, noprefixroute: true}).addrs[0].broadcast    // => "10.0.0.255"
    /// ```
    #[rhai_fn(name = "addr", return_raw, volatile)]
    pub fn addr_with(
        context: NativeCallContext,
        link: &mut Link,
        address: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let asked = Asked::read(address, options, &link.name());
            let asked = asked.map_err(adding(link, address))?;
            add(session, link, address, &asked)?;
            Ok(link.clone())
        })
    }

    /// Waits until duplicate address detection has ended for every address of the link, five seconds at most, and returns it.
    ///
    /// Until then an IPv6 address is tentative, and nothing can be sent from it. Fails with `exists` where somebody else has one of
    /// them, and with `timeout` where one is still tentative: as long as the link is down, nothing is detected.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", "v1", #{up: true});
    /// v.peer.up();
    /// v.addr("fd00::1/64").wait_dad().addrs[0].tentative    // => false
    /// ```
    #[rhai_fn(name = "wait_dad", return_raw, volatile)]
    pub fn wait_dad(context: NativeCallContext, link: &mut Link) -> Answer<Link> {
        answer(&context, |session| {
            dad::wait(session, link, dad::PATIENCE)?;
            Ok(link.clone())
        })
    }

    /// Waits until duplicate address detection has ended for every address of the link, at most for so long.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", "v1", #{up: true, addr: "fd00::1/64", nodad: true});
    /// v.wait_dad("2s").name    // => "v0"
    /// ```
    #[rhai_fn(name = "wait_dad", return_raw, volatile)]
    pub fn wait_dad_for(
        context: NativeCallContext,
        link: &mut Link,
        timeout: &str,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let timeout = duration::parse(timeout).map_err(|error| dad::waiting(link, error))?;
            dad::wait(session, link, timeout)?;
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
        address.seen.ip().to_string()
    }

    /// The prefix length.
    #[rhai_fn(get = "prefix_length")]
    pub fn get_prefix_length(address: &mut Address) -> i64 {
        address.seen.assigned.prefix.prefix_len().into()
    }

    /// The name of the link that has it.
    #[rhai_fn(get = "link")]
    pub fn get_link(address: &mut Address) -> String {
        address.link.clone()
    }

    /// How far it is valid: `global`, `site`, `link`, `host`, or a number.
    #[rhai_fn(get = "scope")]
    pub fn get_scope(address: &mut Address) -> String {
        address.seen.scope()
    }

    /// The broadcast address (IPv4), or `()`.
    #[rhai_fn(get = "broadcast")]
    pub fn get_broadcast(address: &mut Address) -> Dynamic {
        let broadcast = address.seen.assigned.broadcast;
        broadcast.map_or(Dynamic::UNIT, |ip| ip.to_string().into())
    }

    /// The address of the other end, where it was given one, or `()`.
    #[rhai_fn(get = "peer")]
    pub fn get_peer(address: &mut Address) -> Dynamic {
        let peer = address.seen.assigned.peer;
        peer.map_or(Dynamic::UNIT, |ip| ip.to_string().into())
    }

    /// The label (IPv4): the link's name, or what it was given; `()` for IPv6.
    #[rhai_fn(get = "label")]
    pub fn get_label(address: &mut Address) -> Dynamic {
        let label = address.seen.assigned.label.clone();
        label.map_or(Dynamic::UNIT, Dynamic::from)
    }

    /// The metric of the route to its subnet, where it was given one, or `()`.
    #[rhai_fn(get = "metric")]
    pub fn get_metric(address: &mut Address) -> Dynamic {
        let metric = address.seen.assigned.metric;
        metric.map_or(Dynamic::UNIT, |metric| i64::from(metric).into())
    }

    /// For how many seconds more it is valid, or `()` where that has no end.
    #[rhai_fn(get = "valid_lft_s")]
    pub fn get_valid_lft(address: &mut Address) -> Dynamic {
        show::seconds(address.seen.lifetimes().valid)
    }

    /// For how many seconds more it is preferred, or `()` where that has no end.
    #[rhai_fn(get = "preferred_lft_s")]
    pub fn get_preferred_lft(address: &mut Address) -> Dynamic {
        show::seconds(address.seen.lifetimes().preferred)
    }

    /// Its flags as `ip address` prints them, such as `secondary`, `tentative`, `dadfailed`, `deprecated`, `nodad`.
    #[rhai_fn(get = "flags")]
    pub fn get_address_flags(address: &mut Address) -> rhai::Array {
        address
            .seen
            .flags()
            .into_iter()
            .map(Dynamic::from)
            .collect()
    }

    /// Whether duplicate address detection (IPv6) has found that somebody else has it.
    #[rhai_fn(get = "dad_failed")]
    pub fn get_dad_failed(address: &mut Address) -> bool {
        address.seen.dad_failed
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
pub(crate) fn first_global(session: &Rc<Session>, place: &netns::Netns) -> Result<IpAddr> {
    global(&list(session, place, None)?).ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            format!("namespace `{}` has no global address", place.label()),
        )
        .hint("give it one: net.addr(\"LINK\", \"10.0.0.1/24\")")
    })
}

/// The first global address of a link.
pub(crate) fn first_of_link(session: &Rc<Session>, link: &Link) -> Result<IpAddr> {
    let place = link.netns();
    global(&list(session, &place, Some(link.index()))?).ok_or_else(|| {
        let error = Error::new(
            Kind::NotFound,
            format!("link `{}` has no global address", link.name()),
        );
        error.hint("give it one: link.addr(\"10.0.0.1/24\")")
    })
}

/// Whether a link of the namespace has the address.
pub(crate) fn has(session: &Rc<Session>, place: &netns::Netns, ip: IpAddr) -> Result<bool> {
    let addresses = list(session, place, None)?;
    Ok(addresses.iter().any(|address| address.ip() == ip))
}

/// The global addresses of a namespace, or of its link `index` alone, in the kernel's order.
pub(crate) fn all_global(
    session: &Rc<Session>,
    place: &netns::Netns,
    index: Option<u32>,
) -> Result<Vec<IpAddr>> {
    Ok(globals(&list(session, place, index)?).collect())
}

fn global(addresses: &[address::Address]) -> Option<IpAddr> {
    globals(addresses).next()
}

fn globals(addresses: &[address::Address]) -> impl Iterator<Item = IpAddr> {
    addresses
        .iter()
        .filter(|address| address.scope() == "global")
        .map(address::Address::ip)
}
