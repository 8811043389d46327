//! A link: how it is made, or found where it is there by itself.

use nix::unistd::{SysconfVar, sysconf};

use super::draft::Draft;
use super::world::{Found, HOST, LinkId, fact, facts, kind_of};
use crate::dsl::kinds::kind::Kind;
use crate::net::link::Snapshot;
use crate::schema::{Role, text};
use crate::steps::{Act, Call, NewLink, Value};
use crate::value::mac;

/// Links that the drivers of tunnels make in each namespace, and the kinds that they are of.
const FALLBACKS: &[(&str, &str)] = &[
    ("erspan0", "erspan"),
    ("gre0", "gre"),
    ("gretap0", "gretap"),
    ("ip6_vti0", "vti6"),
    ("ip6gre0", "ip6gre"),
    ("ip6tnl0", "ip6tnl"),
    ("ip_vti0", "vti"),
    ("sit0", "sit"),
    ("tunl0", "ipip"),
];

/// How the link comes to be there.
enum Origin {
    /// It is there by itself, or was made with the other end.
    There,
    /// The script makes it.
    Made(NewLink),
}

impl Draft<'_> {
    /// Says all of a link.
    pub(super) fn link(&mut self, id: LinkId) {
        let Some(seen) = self.world.link(id) else {
            return;
        };
        if let Some(far) = self.end_with_queues(id, seen) {
            self.link(far);
        }
        if is_fallback(seen) && !seen.up {
            return;
        }
        match self.origin(id, seen) {
            Err(why) => self.lose(id, seen, &why),
            Ok(origin) => {
                let mut numbers = self.numbers(id, seen);
                if let Origin::Made(mut new) = origin {
                    let options = numbers.drain(..);
                    new.options
                        .extend(options.map(|(key, value)| (key.to_owned(), value)));
                    self.step(id.0, Act::Make(new));
                }
                for (word, value) in numbers {
                    self.on_link(id, &seen.name, Call::new(word, [value]));
                }
                self.settings(id, seen);
                self.sysctls_of(id, seen);
                self.under_its_master(id, seen);
                self.inside(id, seen);
            }
        }
    }

    /// The far end of a pair, where that has as many queues as somebody has chosen: it is given them at its making only.
    fn end_with_queues(&self, id: LinkId, seen: &Snapshot) -> Option<LinkId> {
        let is_near = self.made.contains(&id) || !kind_of(seen)?.is_pair || has_queues(seen);
        match self.world.other_end(self.session, id) {
            Found::Link(far) if !is_near => {
                let has_them = self.world.link(far).is_some_and(has_queues);
                (has_them && far.0 != HOST && !self.made.contains(&far)).then_some(far)
            }
            _ => None,
        }
    }

    /// The MTU, the hardware address and how many queues there are, where they are not what the link would have by itself.
    fn numbers(&self, id: LinkId, seen: &Snapshot) -> Vec<(&'static str, Value)> {
        let mut numbers = Vec::new();
        if self.usual_mtu(id, seen) != Some(seen.mtu) {
            numbers.push(("mtu", Value::Number(seen.mtu.into())));
        }
        if self.has_own_mac(id, seen) {
            numbers.push(("mac", Value::text(mac::print(&seen.mac))));
        }
        let queues = queues(seen).into_iter();
        numbers.extend(queues.map(|(key, count)| (key, Value::Number(count.into()))));
        numbers
    }

    fn origin(&mut self, id: LinkId, seen: &Snapshot) -> Result<Origin, String> {
        if seen.loopback || is_fallback(seen) || self.made.contains(&id) {
            return Ok(Origin::There);
        }
        if seen.kind.is_empty() {
            return Err("it is hardware; move it there with link(…).netns(…)".to_owned());
        }
        let kind = kind_of(seen)
            .ok_or_else(|| format!("there is no word for links of kind {}", seen.kind))?;
        let mut new = NewLink {
            word: kind.word,
            name: seen.name.clone(),
            parent: None,
            sender: None,
            peer: None,
            arguments: Vec::new(),
            options: Vec::new(),
        };
        if kind.is_pair {
            self.far_end(id, seen, &mut new)?;
        } else if seen.parent.is_some_and(|index| index > 0) && !kind.has_devices() {
            self.parent(id, &mut new)?;
        }
        self.facts(id, seen, kind, &mut new)?;
        Ok(Origin::Made(new))
    }

    fn far_end(&mut self, id: LinkId, seen: &Snapshot, new: &mut NewLink) -> Result<(), String> {
        new.peer = match self.world.other_end(self.session, id) {
            Found::Link(far) => {
                self.made.insert(far);
                let name = self.world.link(far).map(|far| far.name.clone());
                Some((self.place(far.0), name.unwrap_or_default()))
            }
            Found::Outside(netns, name) => {
                self.comment(format!(
                    "The other end of `{}` is in `{netns}`, which was not exported: it is made, and nothing more.",
                    seen.name
                ));
                Some((Some(netns), name))
            }
            Found::Nowhere => {
                return Err("its other end is in a namespace that has no name".to_owned());
            }
        };
        Ok(())
    }

    fn parent(&mut self, id: LinkId, new: &mut NewLink) -> Result<(), String> {
        let (sender, parent) = match self.world.other_end(self.session, id) {
            Found::Link(parent) if self.lost.contains(&parent) => {
                return Err("what it hangs on is not exported".to_owned());
            }
            Found::Link(parent @ (HOST, _)) => (None, self.parameter(parent, "parent")),
            Found::Link(parent) => {
                let name = self.world.link(parent).map(|parent| parent.name.clone());
                (self.place(parent.0), Value::Text(name.unwrap_or_default()))
            }
            Found::Outside(netns, name) => {
                self.needs(&netns);
                (Some(netns), Value::Text(name))
            }
            Found::Nowhere => {
                return Err("its parent is in a namespace that has no name".to_owned());
            }
        };
        (new.sender, new.parent) = (sender, Some(parent));
        Ok(())
    }

    /// What the link is like beyond what its kind always is.
    fn facts(
        &mut self,
        id: LinkId,
        seen: &Snapshot,
        kind: &Kind,
        new: &mut NewLink,
    ) -> Result<(), String> {
        for (key, value) in facts(kind, seen) {
            let Some(row) = kind.row(key) else { continue };
            // To a far end of IPv4 the driver tells of packets over IPv6 what nobody has said.
            let is_over_ipv4 = kind.name == "geneve"
                && fact(seen, "remote").is_some_and(|remote| !text(&remote).contains(':'));
            if is_over_ipv4 && key.starts_with("udp6") {
                continue;
            }
            // The words for macvlans have forms without a mode.
            let may_be_left_out = row.role == Role::Option || kind.name.starts_with("macv");
            if may_be_left_out && row.is_usual(&value) {
                continue;
            }
            let value = match value {
                Value::Number(index) if kind.names_device(key) => {
                    let device = u32::try_from(index).ok().map(|index| (id.0, index));
                    if device.is_some_and(|device| self.lost.contains(&device)) {
                        return Err("the link that carries it is not exported".to_owned());
                    }
                    let device =
                        device.and_then(|(place, index)| self.world.places[place].name_of(index));
                    Value::text(device.ok_or("the link that carries it is elsewhere")?)
                }
                value => value,
            };
            if row.is_argument() {
                new.arguments.push(value);
            } else if row.is_option() {
                new.options.push((key.to_owned(), value));
            }
        }
        match kind.name {
            "bond" => {
                let ports = self.world.ports(id);
                let ports: Vec<Value> = ports.map(|port| Value::text(&port.name)).collect();
                if !ports.is_empty() {
                    new.arguments.push(Value::List(ports));
                }
                if let Some(primary) = self.primary_port(id, seen) {
                    new.options
                        .push(("primary".to_owned(), Value::text(primary)));
                }
            }
            "wireguard" => new.options.extend(self.wireguard(id, seen)),
            // The word brings it up.
            "vrf" if !seen.up => new.options.push(("up".to_owned(), Value::Flag(false))),
            _ => {}
        }
        Ok(())
    }

    /// Leaves a link out, with all that is on it.
    fn lose(&mut self, id: LinkId, seen: &Snapshot, why: &str) {
        self.lost.insert(id);
        let place = &self.world.places[id.0];
        let addresses = place
            .addresses
            .iter()
            .filter(|address| address.link == id.1);
        let addresses: Vec<String> = addresses.map(ToString::to_string).collect();
        let with = match addresses.as_slice() {
            [] => String::new(),
            addresses => format!(" with {}", addresses.join(", ")),
        };
        self.leave(id.0, &format!("link `{}`{with}", seen.name), why);
    }
}

/// How many queues somebody has chosen. Links on others have those of them, and some drivers have counts of their own.
fn queues(seen: &Snapshot) -> Vec<(&'static str, u32)> {
    let of_processors = || sysconf(SysconfVar::_NPROCESSORS_CONF).ok().flatten();
    let usual = match seen.kind.as_str() {
        "bridge" | "dummy" | "geneve" | "ifb" | "macvlan" | "macvtap" | "vrf" | "vxlan"
        | "xfrm" => Some(1),
        "veth" => of_processors().and_then(|count| u32::try_from(count).ok()),
        _ => return Vec::new(),
    };
    let counts = [
        ("numtxqueues", seen.tx_queues),
        ("numrxqueues", seen.rx_queues),
    ];
    let is_chosen = |(_, count): &(&str, u32)| usual != Some(*count);
    counts.into_iter().filter(is_chosen).collect()
}

fn has_queues(seen: &Snapshot) -> bool {
    !queues(seen).is_empty()
}

/// Whether it is one of those that a driver makes by itself.
fn is_fallback(seen: &Snapshot) -> bool {
    FALLBACKS.contains(&(seen.name.as_str(), seen.kind.as_str()))
}
