//! What a script says of an address, read into one.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use rhai::Map;

use crate::error::{Error, Result};
use crate::net::address::{Address, Assigned, FLAGS_OF_IPV6, FOREVER, Lifetimes, scope_text};
use crate::schema::{self, Opt};
use crate::value::options::Options;
use crate::value::{duration, prefix};

use super::rows;

/// The longest name of a link or label.
const LONGEST_LABEL: usize = 15;

/// What the kernel gives a loopback when it comes up (`inetdev_event` in `net/ipv4/devinet.c`).
const OF_LOOPBACK: IpNet = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8));

/// An address as a script asks for it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// What is to be added.
    pub(super) assigned: Assigned,
    /// The flags that were named, and whether it should have them.
    flags: Vec<(&'static str, bool)>,
    /// Whether the same with another prefix length or peer stays beside it.
    beside: bool,
    /// Whether what differs makes room.
    pub(super) replace: bool,
}

impl Asked {
    /// The address of that text, with nothing more said.
    pub(crate) fn plain(text: &str, nodad: bool, replace: bool) -> Result<Self> {
        let mut assigned = Assigned::new(prefix::address(text)?);
        assigned.set("nodad", nodad);
        let flags = if nodad { vec![("nodad", true)] } else { vec![] };
        Ok(Self {
            assigned,
            flags,
            beside: false,
            replace,
        })
    }

    /// The address of that text, with the options of `addr`, for the link of that name.
    pub(super) fn read(text: &str, options: Map, link: &str) -> Result<Self> {
        let mut options = schema::options("addr", options, &[rows::ROWS])?;
        let peer = rows::PEER.take_text(&mut options)?;
        let (prefix, peer) = ends(text, peer.as_deref())?;
        let ip = prefix.addr();
        let subnet = peer.map_or(Ok(prefix), |peer| IpNet::new(peer, prefix.prefix_len()));
        let subnet = subnet.unwrap_or(prefix);
        let mut assigned = Assigned {
            peer,
            broadcast: broadcast(&mut options, subnet)?,
            label: label(&mut options, ip, link)?,
            lifetimes: lifetimes(&mut options)?,
            metric: metric(&mut options)?,
            ..Assigned::new(prefix)
        };
        assigned.scope = scope(&mut options, &assigned)?;
        let mut flags = Vec::new();
        for row in rows::FLAGS {
            let Some(on) = row.take_flag(&mut options)? else {
                continue;
            };
            let name = row.key;
            // What a link is given at its making goes for all of its addresses, and IPv4 detects no duplicates.
            if on && ip.is_ipv4() && name != "nodad" && FLAGS_OF_IPV6.contains(&name) {
                return Err(only_ipv6(name));
            }
            if on && name == "autojoin" && !ip.is_multicast() {
                return Err(Error::invalid(
                    "`autojoin` is for the address of a group, and this is none",
                )
                .hint(
                    "a group is 224.0.0.0/4 or ff00::/8: addr(\"239.0.0.1/32\", #{autojoin: true})",
                ));
            }
            assigned.set(name, on);
            flags.push((name, on));
        }
        let beside = rows::BESIDE.take_flag(&mut options)?.unwrap_or(false);
        if beside && ip.is_ipv6() {
            return Err(only_ipv4(rows::BESIDE.key)
                .hint("a link has an IPv6 address once, whatever its prefix length"));
        }
        Ok(Self {
            assigned,
            flags,
            beside,
            replace: rows::REPLACE.take_flag(&mut options)?.unwrap_or(false),
        })
    }

    /// Whether the address that is there is the one asked for: the same ends, the same subnet.
    pub(super) fn is_same(&self, present: &Address) -> bool {
        present.has_ends_of(&self.assigned)
    }

    /// Whether an address that is there is in the way of this one: the same, or one with its IP address that it is not to stand beside.
    /// That which the kernel gives a loopback is in nobody's way.
    pub(super) fn meets(&self, present: &Address, of_loopback: bool) -> bool {
        let is_own = of_loopback && present.assigned.prefix == OF_LOOPBACK;
        present.ip() == self.assigned.prefix.addr()
            && (self.is_same(present) || !self.beside && !is_own)
    }

    /// Which of the things that were asked are otherwise in `present`, by the words of `ip address`.
    pub(super) fn differences(&self, present: &Address) -> Vec<&'static str> {
        present.differences(&self.assigned, &self.flags)
    }

    /// The address that is there with all that is asked: what the kernel can change of it in place. `None` where it can't.
    pub(super) fn changed(&self, present: &Address) -> Option<Assigned> {
        let is_ipv4 = present.ip().is_ipv4();
        let can_change = |what: &&str| match *what {
            "lifetimes" => true,
            "metric" => self.assigned.metric != Some(0),
            "home" | "mngtmpaddr" | "noprefixroute" => !is_ipv4,
            _ => false,
        };
        let differences = self.differences(present);
        if !self.is_same(present) || !differences.iter().all(can_change) {
            return None;
        }
        let mut whole = present.assigned.clone();
        whole.lifetimes = self.assigned.lifetimes.or(whole.lifetimes);
        whole.metric = self.assigned.metric.or(whole.metric);
        for (name, on) in &self.flags {
            whole.set(name, *on);
        }
        Some(whole)
    }

    /// What is there, in as many words as it takes to see how it differs.
    pub(super) fn there(&self, present: &Address) -> String {
        let there = &present.assigned;
        let lifetimes = present.lifetimes_given();
        let all = Assigned {
            lifetimes: (lifetimes != Lifetimes::default()).then_some(lifetimes),
            label: there
                .label
                .clone()
                .filter(|_| self.assigned.label.is_some()),
            ..there.clone()
        };
        all.line()
    }
}

fn only_ipv6(what: &str) -> Error {
    Error::invalid(format!("`{what}` is for IPv6, and this is an IPv4 address"))
}

fn only_ipv4(what: &str) -> Error {
    Error::invalid(format!("`{what}` is for IPv4, and this is an IPv6 address"))
}

/// The address with its prefix length, and the peer. The length may stand with either.
fn ends(text: &str, peer: Option<&str>) -> Result<(IpNet, Option<IpAddr>)> {
    let Some(peer) = peer else {
        return Ok((prefix::address(text)?, None));
    };
    let with_length = |text: &str| -> Result<(IpAddr, Option<u8>)> {
        if text.contains('/') {
            let net = prefix::address(text)?;
            return Ok((net.addr(), Some(net.prefix_len())));
        }
        Ok((prefix::ip(text)?, None))
    };
    let (ip, length) = with_length(text)?;
    let (peer, of_peer) = with_length(peer)?;
    if ip.is_ipv4() != peer.is_ipv4() {
        return Err(Error::invalid(format!(
            "address `{ip}` and peer `{peer}` are of different families"
        )));
    }
    if let (Some(one), Some(other)) = (length, of_peer)
        && one != other
    {
        return Err(Error::invalid(format!(
            "the address has prefix length {one}, its peer {other}"
        ))
        .hint("both are in one subnet: write the length once, with the peer"));
    }
    let whole = IpNet::from(ip).prefix_len();
    let net = IpNet::new_assert(ip, of_peer.or(length).unwrap_or(whole));
    Ok((net, (peer != ip).then_some(peer)))
}

/// Takes the broadcast address: one, or `+` and `-` for the last and the first of the subnet.
fn broadcast(options: &mut Options, subnet: IpNet) -> Result<Option<Ipv4Addr>> {
    let Some(text) = rows::BROADCAST.take_text(options)? else {
        return Ok(None);
    };
    let IpNet::V4(subnet) = subnet else {
        return Err(only_ipv4("broadcast"));
    };
    match text.as_str() {
        // As `ip address` has it, a subnet of two has none.
        "+" | "-" if subnet.prefix_len() > 30 => Ok(None),
        "+" => Ok(Some(subnet.broadcast())),
        "-" => Ok(Some(subnet.network())),
        text => match prefix::ip(text)? {
            IpAddr::V4(ip) => Ok(Some(ip)),
            IpAddr::V6(ip) => Err(Error::invalid(format!(
                "broadcast `{ip}` and address `{}` are of different families",
                subnet.addr()
            ))),
        },
    }
}

fn label(options: &mut Options, ip: IpAddr, link: &str) -> Result<Option<String>> {
    let Some(label) = rows::LABEL.take_text(options)? else {
        return Ok(None);
    };
    if ip.is_ipv6() {
        return Err(only_ipv4("label"));
    }
    if !label.starts_with(link) {
        return Err(Error::invalid(format!(
            "label `{label}` does not begin with the name of the link, `{link}`"
        ))
        .hint(format!("write it as \"{link}:1\"")));
    }
    if label.len() > LONGEST_LABEL {
        return Err(Error::invalid(format!(
            "label `{label}` has {} bytes, and {LONGEST_LABEL} is the most",
            label.len()
        )));
    }
    Ok(Some(label))
}

/// Takes both lifetimes; the preferred one is as long as the valid one where only that is said.
fn lifetimes(options: &mut Options) -> Result<Option<Lifetimes>> {
    let valid = lifetime(options, &rows::VALID_LFT)?;
    let preferred = lifetime(options, &rows::PREFERRED_LFT)?;
    if valid == Some(0) {
        return Err(
            Error::invalid("`valid_lft` is 0: the address would be gone at once")
                .hint("take the address away with del_addr(…), or set `preferred_lft` to 0"),
        );
    }
    let (valid, preferred) = match (valid, preferred) {
        (None, None) => return Ok(None),
        (valid, None) => (valid.unwrap_or(FOREVER), valid.unwrap_or(FOREVER)),
        (valid, Some(preferred)) => (valid.unwrap_or(FOREVER), preferred),
    };
    if preferred > valid {
        return Err(Error::invalid(
            "`preferred_lft` is longer than `valid_lft`: no address is preferred after it is gone",
        ));
    }
    Ok(Some(Lifetimes { valid, preferred }))
}

fn lifetime(options: &mut Options, row: &Opt) -> Result<Option<u32>> {
    let key = row.key;
    let Some(value) = row.take_given(options)? else {
        return Ok(None);
    };
    if value
        .clone()
        .into_string()
        .is_ok_and(|text| text == "forever")
    {
        return Ok(Some(FOREVER));
    }
    let text = match (value.as_int(), value.as_float()) {
        (Ok(number), _) => number.to_string(),
        (_, Ok(number)) => number.to_string(),
        _ => value.into_string().unwrap_or_default(),
    };
    let time = duration::parse(&text).map_err(|error| Error {
        hint: Some("write a number and a unit, such as \"10m\", or \"forever\"".to_owned()),
        ..error
    })?;
    if time.subsec_nanos() > 0 {
        return Err(Error::invalid(format!(
            "`{key}` is a whole number of seconds, not {}",
            duration::print(time)
        )));
    }
    let seconds = u32::try_from(time.as_secs()).ok().filter(|s| *s < FOREVER);
    let too_long = || {
        Error::invalid(format!("`{key}` is at most {} seconds", FOREVER - 1))
            .hint("say \"forever\" for one without end")
    };
    seconds.ok_or_else(too_long).map(Some)
}

fn metric(options: &mut Options) -> Result<Option<u32>> {
    rows::METRIC.take_number(options)
}

/// Takes the scope: a name that iproute2 has, or a number. An IPv6 address says its own.
fn scope(options: &mut Options, address: &Assigned) -> Result<Option<u8>> {
    let scope = rows::SCOPE.take("an address", options)?;
    let scope = scope.and_then(|scope| rows::SCOPE.form.number(&scope));
    let Some(scope) = scope.and_then(|scope| u8::try_from(scope).ok()) else {
        return Ok(None);
    };
    let own = address.scope_to_send();
    if address.prefix.addr().is_ipv6() && scope != own {
        return Err(Error::invalid(format!(
            "an IPv6 address has the scope that is in it: `{}` has scope {}, not {}",
            address.prefix.addr(),
            scope_text(own),
            scope_text(scope)
        )));
    }
    Ok(Some(scope))
}
