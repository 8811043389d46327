//! Addresses: add, delete and list them.

mod dad;
mod ensure;
mod options;
mod remove;
pub(crate) mod rows;
mod show;

use std::net::IpAddr;
use std::rc::Rc;

use rhai::Map;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::objects::{self, link};
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab::{Command, Object, Outcome};
use crate::net::address::{self, Assigned};
use crate::net::netns;
use crate::value::{duration, options as words_of, prefix};

use ensure::{add, adding};
use remove::delete;

pub(crate) use ensure::add_plain;
pub(crate) use options::Asked;
pub(crate) use rows::{ROWS, said};
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

/// The command that does `verb` with an address of the link.
fn command(link: &Link, verb: &str, assigned: &Assigned) -> Command {
    let command = Command::ip(&link.netns(), ["address", verb]).and(assigned.named());
    command.and(["dev", &link.name()])
}

fn report(session: &Session, outcome: Outcome, link: &Link, assigned: &Assigned) {
    let object = object(session, link, assigned);
    session.lab().report(outcome, &link.netns(), object);
}

/// The address as an outcome tells of it.
fn object(session: &Session, link: &Link, assigned: &Assigned) -> Object {
    Object::new("address", assigned.prefix.to_string())
        .on(link.name())
        .with(session.lab(), || said(assigned).1)
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
    /// The prefix length may be left out. With the first IPv4 address of a subnet the kernel takes the others of it, the secondary
    /// ones, unless the sysctl `promote_secondaries` is set; what is undone puts all back in their order.
    /// What `ip address del ADDRESS dev LINK` does.
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

/// How an error calls a destination.
pub(crate) fn named(given: &Dynamic) -> String {
    if let Some(net) = given.read_lock::<Netns>() {
        return net.to_string();
    }
    if let Some(link) = given.read_lock::<Link>() {
        return link.name();
    }
    let text = given.clone().into_string();
    text.unwrap_or_else(words_of::type_in_words)
}

/// The address that a script means by an address, a link or a namespace (or its name), and what it calls it; none for another text.
pub(crate) fn meant(session: &Rc<Session>, given: &Dynamic) -> Result<Option<(IpAddr, String)>> {
    let ip = if let Some(link) = given.read_lock::<Link>() {
        first_of_link(session, &link)?
    } else if let Some(net) = given.read_lock::<Netns>() {
        first_global(session, &net)?
    } else {
        let Some(text) = given.read_lock::<rhai::ImmutableString>() else {
            return Ok(None);
        };
        let ip = match text.parse() {
            Ok(ip) => ip,
            // The zone of an address is no namespace's name.
            Err(_) if prefix::zoned(&text).is_some() => return Ok(None),
            Err(_) => match objects::netns::existing(&text)? {
                Some(net) => first_global(session, &net)?,
                None => return Ok(None),
            },
        };
        return Ok(Some((ip, text.to_string())));
    };
    Ok(Some((ip, ip.to_string())))
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
