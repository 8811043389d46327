//! Whether what a request would delete still stands as it was made.

use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::neighbour::NeighbourMessage;
use rtnetlink::packet_route::rule::RuleMessage;

use crate::net::neighbour::{self, Neighbour};
use crate::net::packet::Packet;
use crate::net::request::Request;
use crate::net::rtnl::{Refusal, Rtnl};
use crate::net::rule;
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

/// How that is which `request` would delete: a neighbour, or a rule. Of all else it is believed that it stands.
pub async fn of(request: &Request, rtnl: &Rtnl) -> Result<Standing, Refusal> {
    match request.packet() {
        Some(Packet::Route(RouteNetlinkMessage::DelNeighbour(message))) => {
            of_neighbour(&message, rtnl).await
        }
        Some(Packet::Route(RouteNetlinkMessage::DelRule(message))) => of_rule(&message, rtnl).await,
        _ => Ok(Standing::AsMade),
    }
}

async fn of_rule(message: &RuleMessage, rtnl: &Rtnl) -> Result<Standing, Refusal> {
    let made = rule::read(message);
    // The kernel has chosen its priority.
    if made.priority == 0 {
        return Ok(Standing::AsMade);
    }
    let all = rule::list(rtnl).await?;
    let is_it = |one: &rule::Rule| {
        (one.is_ipv6, one.priority) == (made.is_ipv6, made.priority)
            && one.selector == made.selector
    };
    let stands = all.iter().any(is_it);
    Ok(if stands {
        Standing::AsMade
    } else {
        Standing::Gone
    })
}

async fn of_neighbour(message: &NeighbourMessage, rtnl: &Rtnl) -> Result<Standing, Refusal> {
    let made = neighbour::read(message);
    let made = made.filter(|made| neighbour::is_of_ip(message) && made.is_lasting());
    let Some(made) = made else {
        return Ok(Standing::AsMade);
    };
    let all = neighbour::list(rtnl).await?;
    let same = |one: &&Neighbour| (one.link, one.ip, one.proxy) == (made.link, made.ip, made.proxy);
    Ok(match all.iter().find(same) {
        None => Standing::Gone,
        Some(there) if there.mac == made.mac => Standing::AsMade,
        Some(there) => Standing::Changed(match &there.mac {
            Some(mac) => format!("has lladdr {} now", mac::print(mac)),
            None => "has no lladdr now".to_owned(),
        }),
    })
}
