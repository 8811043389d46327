//! What is in a namespace beside its links: addresses, neighbours, queues; rules, and whether it forwards.

use std::net::{IpAddr, Ipv6Addr};

use super::draft::{Draft, options};
use super::world::{HOST, LinkId, fact};
use crate::dsl::objects::{addr, fdb, neighbor, rule};
use crate::net::address::{Address, Lifetimes};
use crate::net::fdb::State;
use crate::net::link::Snapshot;
use crate::net::neighbour::Neighbour;
use crate::net::rule::{Action, OF_VRF, Rule, USUAL};
use crate::steps::{Act, Call, Value};
use crate::value::mac;

impl Draft<'_> {
    /// Says what a link that is made has inside.
    pub(super) fn inside(&mut self, id: LinkId, seen: &Snapshot) {
        let place = &self.world.places[id.0];
        let own = |address: &&Address| address.link == id.1 && !is_by_itself(address, seen);
        let (six, four): (Vec<Address>, Vec<Address>) = place
            .addresses
            .iter()
            .filter(own)
            .cloned()
            .partition(|address| address.ip().is_ipv6());
        if seen.loopback {
            // It gets its own address by coming up, before all others.
            self.state(id, seen);
        }
        // The kernel tells the youngest of IPv6 first.
        let all: Vec<&Address> = four.iter().chain(six.iter().rev()).collect();
        for (index, address) in all.iter().enumerate() {
            let is_there = all[..index].iter().any(|one| one.ip() == address.ip());
            self.address(id, seen, address, is_there);
        }
        if !seen.loopback {
            self.state(id, seen);
        }
        self.far_ends(id, seen);
        self.queue(id, seen);
        if id.0 == HOST {
            return;
        }
        let neighbours: Vec<Neighbour> = place
            .neighbours
            .iter()
            .filter(|one| one.link == id.1 && one.is_lasting() && !one.ip.is_multicast())
            .cloned()
            .collect();
        for neighbour in neighbours {
            self.neighbour(id, seen, &neighbour);
        }
        self.routes_of(id, seen);
    }

    /// Says an address in the words of `ip address`, which are read as those of a shell script are.
    fn address(&mut self, id: LinkId, seen: &Snapshot, address: &Address, is_there: bool) {
        let mut given = address.assigned.clone();
        given.label = given.label.filter(|label| *label != seen.name);
        let lifetimes = address.lifetimes_given();
        given.lifetimes = (lifetimes != Lifetimes::default()).then_some(lifetimes);
        let (whole, mut pairs) = addr::said(&given);
        if is_there {
            pairs.push((&addr::rows::BESIDE, Value::Flag(true)));
        }
        let call = Call::new("addr", [Value::Text(whole), Value::Map(options(pairs))]);
        self.on_link(id, &seen.name, call);
    }

    fn state(&mut self, id: LinkId, seen: &Snapshot) {
        let comes_up = seen.kind == "vrf" || self.is_bond_port(id, seen);
        let has_slaves = !seen.up && self.world.carries(self.session, id);
        if has_slaves {
            self.down.push(id);
        }
        if (seen.up || has_slaves) && !comes_up {
            self.on_link(id, &seen.name, Call::new("up", []));
        }
        if seen.up && seen.kind == "dummy" && !seen.carrier_on {
            self.on_link(id, &seen.name, Call::new("carrier", [Value::Flag(false)]));
        }
    }

    /// Says the far ends of a VXLAN, beside the one that it was made with.
    fn far_ends(&mut self, id: LinkId, seen: &Snapshot) {
        if seen.kind != "vxlan" {
            return;
        }
        let details = self.world.places[id.0].details.get(&id.1);
        let entries = details
            .map(|details| details.fdb.clone())
            .unwrap_or_default();
        let mut ends = ["group", "remote"].into_iter();
        let default = ends.find_map(|key| fact(seen, key));
        for entry in entries {
            let Some(dst) = entry.dst.filter(|_| !entry.of_master) else {
                continue;
            };
            let is_default =
                entry.is_for_several() && default == Some(Value::Text(dst.to_string()));
            if entry.state == State::Dynamic || is_default {
                continue;
            }
            let mut options = options(fdb::said(&entry));
            if entry.state == State::Static {
                options.push((fdb::PERMANENT.key.to_owned(), Value::Flag(false)));
            }
            self.entry(id, seen, &entry, options);
        }
    }

    fn neighbour(&mut self, id: LinkId, seen: &Snapshot, one: &Neighbour) {
        let mut arguments = vec![Value::text(one.ip.to_string())];
        if !one.proxy {
            let mac = one.mac.as_deref().map(mac::print).unwrap_or_default();
            arguments.push(Value::text(mac));
        }
        arguments.push(Value::Map(options(neighbor::said(one))));
        self.on_link(id, &seen.name, Call::new("neighbor", arguments));
    }

    /// Says what belongs to a namespace as a whole.
    pub(super) fn network(&mut self, place: usize) {
        let forwards = self.world.places[place].forwards;
        let outside = self.world.places[HOST].forwards;
        if forwards == [Some(true); 2] {
            self.step(place, Act::InNetns(Call::new("forward", [])));
        } else {
            let keys = ["ipv4.ip_forward", "ipv6.conf.all.forwarding"];
            for ((key, on), outside) in keys.into_iter().zip(forwards).zip(outside) {
                // A new namespace may have it from the machine itself.
                if let Some(on) = on.filter(|on| *on || outside == Some(true)) {
                    let value = Value::Number(on.into());
                    let call = Call::new("sysctl", [Value::text(key), value]);
                    self.step(place, Act::InNetns(call));
                }
            }
        }
        self.other_routes(place);
        self.rules(place);
        self.filters(place);
    }

    fn rules(&mut self, place: usize) {
        let rules = &self.world.places[place].rules;
        let is_usual = |rule: &Rule| {
            let plain = crate::net::rule::Selector::default();
            let as_usual = |(is_ipv6, priority, table): &(bool, u32, u32)| {
                (*is_ipv6, *priority) == (rule.is_ipv6, rule.priority)
                    && rule.action == Action::Lookup(*table)
                    && rule.selector == plain
                    && rule.suppress.is_none()
            };
            let of_vrf = rule.selector.l3mdev && rule.priority == OF_VRF;
            of_vrf || USUAL.iter().any(as_usual)
        };
        let gone = USUAL.iter().filter(|(is_ipv6, priority, table)| {
            let is_family = |rule: &&Rule| rule.is_ipv6 == *is_ipv6;
            let is_it =
                |rule: &Rule| rule.priority == *priority && rule.action == Action::Lookup(*table);
            // A family without any rule is one that the kernel does not have.
            rules.iter().any(|rule| is_family(&rule)) && !rules.iter().filter(is_family).any(is_it)
        });
        for (is_ipv6, priority, table) in gone {
            let usual = Rule::usual((*is_ipv6, *priority, *table));
            let call = Call::new("del_rule", [Value::Map(options(rule::said(&usual)))]);
            self.step(place, Act::InNetns(call));
        }
        for rule in rules.iter().filter(|rule| !is_usual(rule)) {
            if rule.selector.more.is_empty() {
                let call = Call::new("rule", [Value::Map(options(rule::said(rule)))]);
                self.step(place, Act::InNetns(call));
            } else {
                let family = if rule.is_ipv6 { "IPv6 " } else { "" };
                let what = format!("{family}rule {rule}");
                self.leave(place, &what, "there is no word for it");
            }
        }
    }
}

/// Whether the kernel gives the address to the link as soon as that comes up, or a router has announced it.
fn is_by_itself(address: &Address, seen: &Snapshot) -> bool {
    let prefix = address.assigned.prefix;
    let is_usual = match prefix.addr() {
        IpAddr::V4(_) => seen.loopback && prefix.to_string() == "127.0.0.1/8",
        IpAddr::V6(ip) if seen.loopback => ip.is_loopback(),
        // Older kernels do not say who has made it.
        IpAddr::V6(ip) => prefix.prefix_len() == 64 && made_of(&seen.mac) == Some(ip),
    };
    is_usual || address.by_itself
}

/// The link-local address that is made of a hardware address (RFC 4291, appendix A); none where there is no such address.
fn made_of(mac: &[u8]) -> Option<Ipv6Addr> {
    let mac = <&[u8; 6]>::try_from(mac).ok()?;
    let mut octets = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 0).octets();
    octets[8..11].copy_from_slice(&mac[..3]);
    octets[13..].copy_from_slice(&mac[3..]);
    octets[8] ^= 2;
    Some(octets.into())
}
