//! The two ends that a script names, found among the namespaces that there are.

use std::net::IpAddr;

use rhai::plugin::Dynamic;

use super::gather::Open;
use crate::dsl::handle::{Link, Netns};
use crate::dsl::objects;
use crate::error::{Error, Kind, Result};
use crate::net::netns;
use crate::value::options;
use crate::value::prefix;
use crate::why::scene::{End, Scene};

/// One end, as it was given.
pub(in crate::dsl::acts) struct Given {
    pub(in crate::dsl::acts) name: String,
    pub(in crate::dsl::acts) place: usize,
    /// The address, where one was given or a link.
    pub(in crate::dsl::acts) ip: Option<IpAddr>,
    /// Whether it is just an address, whoever has it.
    pub(in crate::dsl::acts) is_address: bool,
    /// The ifindex of the sender's link that it is reached by, where the zone of a link-local address says so.
    pub(in crate::dsl::acts) zone: Option<u32>,
}

/// The end that a link-local address with a zone names, which is a link of the sender `near`, or of the end itself.
fn zoned(scene: &Scene, text: &str, near: Option<&Given>) -> Option<Result<Given>> {
    let (ip, zone) = prefix::zoned(text)?;
    let is_zone = |end: &End| scene.link(*end).is_some_and(|link| link.name == zone);
    let own = near.map_or_else(Vec::new, |near| scene.ends_of(near.place));
    let sender = own.into_iter().find(is_zone);
    let found = match (near, sender) {
        (None, _) => {
            let owner = scene.owners(ip).into_iter().find(is_zone);
            owner.map(|owner| (owner, owner))
        }
        (Some(_), Some(sender)) if scene.has(sender, ip) => Some((sender, sender)),
        (Some(_), Some(sender)) => {
            let chain = scene.chain(sender, |end| scene.has(end, ip));
            chain.and_then(|chain| Some((*chain.last()?, sender)))
        }
        (Some(near), None) => {
            let label = &scene.places[near.place].label;
            return Some(Err(Error::new(
                Kind::NotFound,
                format!("there is no link `{zone}` in namespace `{label}`"),
            )));
        }
    };
    let found = found.map(|(owner, by)| Given {
        name: text.to_owned(),
        place: owner.place,
        ip: Some(ip),
        is_address: true,
        zone: Some(by.link),
    });
    Some(found.ok_or_else(|| {
        let what = if near.is_some() {
            "behind link"
        } else {
            "at a link"
        };
        Error::new(
            Kind::NotFound,
            format!("nobody has the address `{ip}` {what} `{zone}`"),
        )
        .hint("list those that there are: tree()")
    }))
}

/// That no namespace has the address.
pub(super) fn nobody_has(ip: IpAddr) -> Error {
    let text = format!("no namespace here has the address `{ip}`");
    Error::new(Kind::NotFound, text).hint("list those that there are: tree()")
}

/// An address that no namespace here has: packets to it go wherever `from` sends them.
pub(super) fn strange(from: &Given, ip: IpAddr) -> Given {
    Given {
        name: ip.to_string(),
        place: from.place,
        ip: Some(ip),
        is_address: true,
        zone: None,
    }
}

/// Finds the end that a script means by an address, a link or a namespace; `near` is the sender, where it is the other end.
pub(in crate::dsl::acts) fn given(
    scene: &Scene,
    open: &[Open],
    given: &Dynamic,
    near: Option<&Given>,
) -> Result<Given> {
    if let Some(text) = given.read_lock::<rhai::ImmutableString>()
        && let Some(found) = zoned(scene, &text, near)
    {
        return found;
    }
    let place_of = |netns: &netns::Netns| {
        let id = netns.namespace().id();
        let place = open.iter().position(|one| one.netns.namespace().id() == id);
        place.ok_or_else(|| {
            Error::new(
                Kind::NotFound,
                format!("namespace `{}` can't be looked at", netns.label()),
            )
        })
    };
    if let Some(link) = given.read_lock::<Link>() {
        let netns = link.netns();
        netns.check()?;
        let place = place_of(&netns)?;
        let mut own = scene.places[place].addresses.iter();
        let own = own.find(|one| one.link == link.index() && one.scope() == "global");
        return Ok(Given {
            name: link.name(),
            place,
            ip: own.map(crate::net::address::Address::ip),
            is_address: false,
            zone: None,
        });
    }
    if let Some(text) = given.read_lock::<rhai::ImmutableString>()
        && let Ok(ip) = text.parse::<IpAddr>()
    {
        let owner = scene.owners(ip).first().copied();
        let owner = owner.ok_or_else(|| nobody_has(ip))?;
        return Ok(Given {
            name: text.to_string(),
            place: owner.place,
            ip: Some(ip),
            is_address: true,
            zone: None,
        });
    }
    if !given.is::<Netns>() && !given.is_string() {
        return Err(Error::invalid(format!(
            "an end is an address, a link or a namespace, not {}",
            options::type_in_words(given.type_name())
        )));
    }
    is_no_address(given)?;
    let netns = objects::netns::namespace_argument(given)?;
    netns.check()?;
    Ok(Given {
        name: netns.label().to_owned(),
        place: place_of(&netns)?,
        ip: None,
        is_address: false,
        zone: None,
    })
}

/// Refuses a text that can only be a mistyped address, where no namespace is called so.
pub(in crate::dsl::acts) fn is_no_address(given: &Dynamic) -> Result<()> {
    if let Some(text) = given.read_lock::<rhai::ImmutableString>()
        && prefix::is_meant(&text)
        && objects::netns::existing(&text)?.is_none()
    {
        prefix::ip(&text)?;
    }
    Ok(())
}

/// The address to send to: that which was given, or the first global one of a family that the sender has, too.
pub(in crate::dsl::acts) fn destination(scene: &Scene, from: &Given, to: &Given) -> Result<IpAddr> {
    if let Some(ip) = to.ip {
        return Ok(ip);
    }
    let global = |place: usize| {
        let all = scene.places[place].addresses.iter();
        all.filter(|one| one.scope() == "global")
            .map(crate::net::address::Address::ip)
    };
    let has = |is_ipv4: bool| global(from.place).any(|ip| ip.is_ipv4() == is_ipv4);
    let first = global(to.place).next();
    let found = global(to.place).find(|ip| has(ip.is_ipv4())).or(first);
    found.ok_or_else(|| {
        let typed = &scene.places[to.place].typed;
        Error::new(
            Kind::NotFound,
            format!("`{}` has no global address", to.name),
        )
        .hint(format!(
            "give it one: {typed}.link(\"LINK\").addr(\"10.0.0.1/24\")"
        ))
    })
}
