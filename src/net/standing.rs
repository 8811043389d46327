//! What a request is about, and whether what it would undo still stands as it was made.

use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::neighbour::NeighbourMessage;
use rtnetlink::packet_route::rule::RuleMessage;

use crate::error::Result;
use crate::net::fdb::{self, Entry};
use crate::net::neighbour;
use crate::net::nexthop::{self, Nexthop};
use crate::net::packet::Packet;
use crate::net::request::Request;
use crate::net::rule;
use crate::net::seen::Seen;
use crate::net::wireguard::{self, Change, Device};
use crate::value::mac;

/// How a thing is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As it was made, as far as that can be told.
    AsMade,
    /// As somebody else has made it since, in words.
    Changed(String),
    /// Gone.
    Gone,
}

/// What a request makes, or takes away: two that are about one thing have the same. `None` where that can't be told.
pub fn identity(request: &Request) -> Option<String> {
    if let Request::Wireguard(change) = request {
        let subject = change.subject()?;
        return Some(format!("wireguard {} {subject}", change.link));
    }
    Some(match request.packet()? {
        Packet::Route(
            RouteNetlinkMessage::NewNeighbour(message) | RouteNetlinkMessage::DelNeighbour(message),
        ) => {
            if let Some(entry) = fdb::read_request(&message) {
                let dst = entry.dst.filter(|_| entry.is_for_several());
                format!(
                    "fdb {} {} {:?} {:?} {} {dst:?}",
                    message.header.ifindex,
                    mac::print(&entry.mac),
                    entry.vlan,
                    entry.vni,
                    entry.of_master
                )
            } else {
                let of = neighbour::read(&message)?;
                format!("neighbor {} {} {}", of.link, of.ip, of.proxy)
            }
        }
        Packet::Route(
            RouteNetlinkMessage::NewRule(message) | RouteNetlinkMessage::DelRule(message),
        ) => {
            let of = rule::read(&message);
            format!("rule {} {} {:?}", of.is_ipv6, of.priority, of.selector)
        }
        Packet::Nexthop(message) => format!("nexthop {}", message.id()?),
        Packet::Route(_) => return None,
    })
}

/// How that is which `request` would undo. `made` is the request that made it, where it was made: else it was taken away. Of what
/// can't be told it is believed that it stands.
pub async fn of(request: &Request, made: Option<&Request>, seen: &Seen) -> Result<Standing> {
    let about = made.unwrap_or(request);
    if let Request::Wireguard(change) = about {
        return Ok(match wireguard::get(seen.netns(), change.link).await {
            Ok(device) => or_taken_away(of_configuration(change, &device), made),
            // The link is another by now, or gone.
            Err(_) => Standing::AsMade,
        });
    }
    match about.packet() {
        Some(Packet::Route(RouteNetlinkMessage::DelNeighbour(message))) => {
            of_neighbour(&message, seen).await
        }
        Some(Packet::Route(RouteNetlinkMessage::DelRule(message))) => of_rule(&message, seen).await,
        Some(Packet::Route(RouteNetlinkMessage::NewRule(message))) if made.is_some() => {
            of_rule(&message, seen).await
        }
        Some(Packet::Route(RouteNetlinkMessage::NewNeighbour(message))) => {
            let standing = match fdb::read_request(&message) {
                Some(entry) => of_entry(&entry, message.header.ifindex, seen).await?,
                None => of_neighbour(&message, seen).await?,
            };
            Ok(or_taken_away(standing, made))
        }
        Some(Packet::Nexthop(message)) => {
            let standing = match nexthop::read(message) {
                Some(wanted) => of_nexthop(&wanted, seen).await?,
                None => Standing::AsMade,
            };
            Ok(or_taken_away(standing, made))
        }
        _ => Ok(Standing::AsMade),
    }
}

/// What was taken away stands so where it is gone.
fn or_taken_away(standing: Standing, made: Option<&Request>) -> Standing {
    match standing {
        Standing::Gone if made.is_none() => Standing::AsMade,
        other => other,
    }
}

/// Where a peer is, the kernel follows; and what is secret is in no record.
fn of_configuration(made: &Change, device: &Device) -> Standing {
    for (name, wanted, there) in [
        (
            "listen_port",
            made.listen_port.map(u32::from),
            u32::from(device.listen_port),
        ),
        ("fwmark", made.fwmark, device.fwmark),
    ] {
        if wanted.is_some_and(|wanted| wanted != there) {
            return Standing::Changed(format!("has {name} {there} now"));
        }
    }
    let Some(wanted) = made.peers.first() else {
        return Standing::AsMade;
    };
    let Some(there) = device.peer(&wanted.public_key) else {
        return Standing::Gone;
    };
    if there.keepalive != wanted.keepalive {
        return Standing::Changed(format!("has keepalive {} now", there.keepalive));
    }
    if there.allowed_ips != wanted.allowed_ips {
        let ips: Vec<String> = there.allowed_ips.iter().map(ToString::to_string).collect();
        return Standing::Changed(format!("has allowed_ips {} now", ips.join(",")));
    }
    Standing::AsMade
}

async fn of_rule(message: &RuleMessage, seen: &Seen) -> Result<Standing> {
    let made = rule::read(message);
    // The kernel has chosen its priority.
    if made.priority == 0 {
        return Ok(Standing::AsMade);
    }
    let all = seen.rules().await?;
    let mut alike = all
        .iter()
        .filter(|one| one.is_for_same(&made, Some(made.priority)));
    let first = alike.clone().next();
    Ok(match first {
        None => Standing::Gone,
        Some(_) if alike.any(|one| one.does_as(&made)) => Standing::AsMade,
        Some(there) => Standing::Changed(format!("is `{there}` now")),
    })
}

async fn of_neighbour(message: &NeighbourMessage, seen: &Seen) -> Result<Standing> {
    let made = neighbour::read(message);
    let made = made.filter(|made| neighbour::is_of_ip(message) && made.is_lasting());
    let Some(made) = made else {
        return Ok(Standing::AsMade);
    };
    let all = seen.neighbours().await?;
    Ok(match all.iter().find(|one| one.is_about_the_same(&made)) {
        None => Standing::Gone,
        Some(there) if there.is_as(&made) => Standing::AsMade,
        Some(there) if there.mac == made.mac => Standing::Changed(format!(
            "is {}{} now",
            there.state,
            if there.router { " router" } else { "" }
        )),
        Some(there) => Standing::Changed(match &there.mac {
            Some(mac) => format!("has lladdr {} now", mac::print(mac)),
            None => "has no lladdr now".to_owned(),
        }),
    })
}

async fn of_entry(made: &Entry, link: u32, seen: &Seen) -> Result<Standing> {
    let all = seen.entries().await?.iter();
    let mut of_link = all.filter(|(of, _)| *of == link).map(|(_, one)| one);
    let same = |one: &&Entry| {
        one.is_about_the_same(made) && (!made.is_for_several() || one.dst == made.dst)
    };
    Ok(match of_link.find(same) {
        None => Standing::Gone,
        Some(there) if there == made => Standing::AsMade,
        Some(there) => Standing::Changed(match there.dst {
            Some(dst) => format!("is {} with dst {dst} now", there.state.name()),
            None => format!("is {} now", there.state.name()),
        }),
    })
}

async fn of_nexthop(made: &Nexthop, seen: &Seen) -> Result<Standing> {
    let all = seen.nexthops().await?;
    Ok(match all.iter().find(|one| one.id == made.id) {
        None => Standing::Gone,
        Some(there) if there.is_as(made) => Standing::AsMade,
        Some(there) => Standing::Changed(format!("is `{}` now", there.line(|_| None))),
    })
}
