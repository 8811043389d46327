//! Addresses: add, delete and list them.

use std::rc::Rc;

use nix::errno::Errno;
use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::{Answer, Session, answer, link};
use crate::error::{Error, Kind, Result};
use crate::lab::{Outcome, Undo};
use crate::net::address::{self, Address, NewAddress};
use crate::net::netns;
use crate::value::options::Options;
use crate::value::prefix;

/// All addresses of a namespace, or of one link.
fn list(session: &Rc<Session>, place: &netns::Netns, link: Option<u32>) -> Result<Vec<Address>> {
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

/// Adds an address, if the link has not got it.
///
/// Fails with `conflict` where the link has it with another prefix length, `exists` where another slave of the port has it.
pub(crate) fn add(session: &Rc<Session>, link: &Link, text: &str, nodad: bool) -> Result<()> {
    let place = link.netns();
    let context = |error: Error| {
        error
            .doing("add address", text)
            .within(place.label())
            .note(format!("on link `{}`", link.name()))
    };
    let prefix = prefix::address(text).map_err(context)?;
    // On a link of the run's own the kernel's answer says enough; a foreign one is looked at before it is asked to change.
    if !session.lab().made_link(&place, link.index()) {
        link::snapshot(session, link)?;
        if let Some(present) = same_ip(session, link, prefix.addr())? {
            return settled(session, &present, prefix).map_err(context);
        }
    }
    let new = NewAddress {
        link: link.index(),
        prefix,
        nodad,
    };
    let undo = Undo::DeleteAddress {
        netns: place.clone(),
        link: link.reference(),
        prefix,
    };
    let added = session.wait(async {
        let rtnl = &place.rtnl()?;
        session.lab().step(undo, address::add(rtnl, &new)).await
    })??;
    match added {
        Ok(()) => {
            session.lab().count(Outcome::Created);
            Ok(())
        }
        Err(refusal) if refusal.errno == Errno::EEXIST => {
            match same_ip(session, link, prefix.addr())? {
                Some(present) => settled(session, &present, prefix).map_err(context),
                None => Err(context(refusal.into())),
            }
        }
        Err(refusal) if refusal.errno == Errno::EADDRINUSE => Err(context(
            Error::from(refusal)
                .cause("another slave of the same parent has it")
                .hint("slaves of one parent share one address space: take an address that none of them has"),
        )),
        Err(refusal) if refusal.errno == Errno::ENODEV => {
            link::snapshot(session, link)?;
            Err(context(refusal.into()))
        }
        Err(refusal) => Err(context(refusal.into())),
    }
}

fn same_ip(session: &Rc<Session>, link: &Link, ip: std::net::IpAddr) -> Result<Option<Address>> {
    let present = list(session, &link.netns(), Some(link.index()))?;
    Ok(present
        .into_iter()
        .find(|address| address.prefix.addr() == ip))
}

/// The address is there: as asked, or with another prefix length.
fn settled(session: &Rc<Session>, present: &Address, asked: ipnet::IpNet) -> Result<()> {
    if present.prefix == asked {
        session.lab().count(Outcome::Unchanged);
        return Ok(());
    }
    Err(
        Error::new(Kind::Conflict, "the link has it with another prefix length")
            .note(format!("there: {}", present.prefix))
            .note(format!("asked: {asked}"))
            .hint(format!(
                "ask for what is there, or take it away first with del_addr(\"{}\")",
                present.prefix
            )),
    )
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
        session.lab().count(Outcome::Unchanged);
        return Ok(());
    };
    let undo = Undo::AddAddress {
        netns: place.clone(),
        link: link.reference(),
        prefix: found.prefix,
    };
    session.wait(async {
        let rtnl = &place.rtnl()?;
        let request = address::delete(rtnl, link.index(), found.prefix);
        session
            .lab()
            .step(undo, request)
            .await?
            .map_err(|refusal| context(refusal.into()))
    })??;
    session.lab().count(Outcome::Deleted);
    Ok(())
}

/// An address as scripts see it: a map that prints as a line.
fn to_map(address: &Address, link: &str) -> Map {
    let mut map = Map::new();
    let text = |text: String| Dynamic::from(text);
    map.insert("address".into(), text(address.prefix.to_string()));
    map.insert("ip".into(), text(address.prefix.addr().to_string()));
    map.insert(
        "prefix_length".into(),
        i64::from(address.prefix.prefix_len()).into(),
    );
    map.insert("link".into(), text(link.to_owned()));
    map.insert("scope".into(), text(address.scope.to_owned()));
    map.insert("tentative".into(), address.tentative.into());
    map.insert("secondary".into(), address.secondary.into());
    map
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
            add(session, link, address, false)?;
            Ok(link.clone())
        })
    }

    /// Adds an address with options: `nodad` skips duplicate address detection (IPv6).
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
            let mut options = Options::new("addr", options, &[&["nodad"]])?;
            let nodad = options.flag("nodad")?.unwrap_or(false);
            add(session, link, address, nodad)?;
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

    /// Returns the link's addresses, each a map of `address`, `ip`, `prefix_length`, `link`, `scope`, `tentative` and `secondary`.
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
                .iter()
                .map(|address| to_map(address, &name).into())
                .collect())
        })
    }

    /// The link's addresses.
    #[rhai_fn(get = "addrs", return_raw, volatile)]
    pub fn get_addrs(context: NativeCallContext, link: &mut Link) -> Answer<rhai::Array> {
        addrs(context, link)
    }

    /// Returns all addresses of the namespace, as maps.
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
                .iter()
                .map(|address| {
                    let link = links.iter().find(|link| link.index == address.link);
                    to_map(address, link.map_or("?", |link| &link.name)).into()
                })
                .collect())
        })
    }

    /// The addresses of the namespace.
    #[rhai_fn(get = "addrs", return_raw, volatile)]
    pub fn get_addrs_of(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        addrs_of(context, net)
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

fn global(addresses: &[Address]) -> Option<std::net::IpAddr> {
    addresses
        .iter()
        .find(|address| address.scope == "global")
        .map(|address| address.prefix.addr())
}
