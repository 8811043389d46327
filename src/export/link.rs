//! A link: how it is made, or found where it is there by itself.

use super::draft::Draft;
use super::world::{Found, HOST, LinkId, facts, kind_of};
use crate::dsl::kinds::kind::Kind;
use crate::net::link::Snapshot;
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

    /// The MTU and the hardware address, where they are not what the link would have by itself.
    fn numbers(&self, id: LinkId, seen: &Snapshot) -> Vec<(&'static str, Value)> {
        let mut numbers = Vec::new();
        if self.usual_mtu(id, seen) != Some(seen.mtu) {
            numbers.push(("mtu", Value::Number(seen.mtu.into())));
        }
        if self.has_own_mac(id, seen) {
            numbers.push(("mac", Value::text(mac::print(&seen.mac))));
        }
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
        } else if seen.parent.is_some_and(|index| index > 0) && !kind.keys.contains(&"dev") {
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
        for (key, text) in facts(kind, seen) {
            if kind.usual.contains(&(key, text.as_str())) || is_rounded(key, &text) {
                continue;
            }
            let value = match key {
                "dev" => {
                    let device = text.parse().ok().map(|index| (id.0, index));
                    if device.is_some_and(|device| self.lost.contains(&device)) {
                        return Err("the link that carries it is not exported".to_owned());
                    }
                    let device =
                        device.and_then(|(place, index)| self.world.places[place].name_of(index));
                    Value::text(device.ok_or("the link that carries it is elsewhere")?)
                }
                // Counted in seconds.
                "ageing" => Value::text(format!("{text}s")),
                "arp_ip_target" | "macs" => {
                    let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
                    Value::List(parts.map(Value::text).collect())
                }
                _ => value(&text),
            };
            if kind.argument == Some(key) {
                new.arguments.push(value);
            } else if kind.keys.contains(&key) {
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

/// A fact as a value.
fn value(text: &str) -> Value {
    let hexadecimal = text.strip_prefix("0x");
    match text {
        "true" | "on" => Value::Flag(true),
        "false" | "off" => Value::Flag(false),
        _ => match hexadecimal.and_then(|digits| i64::from_str_radix(digits, 16).ok()) {
            Some(number) => Value::Number(number),
            None => Value::guess(text),
        },
    }
}

/// Whether it is one of those that a driver makes by itself.
fn is_fallback(seen: &Snapshot) -> bool {
    FALLBACKS.contains(&(seen.name.as_str(), seen.kind.as_str()))
}

/// Whether it is a bridge's usual interval as a kernel tells it whose clock ticks 250 times a second.
fn is_rounded(key: &str, text: &str) -> bool {
    (key, text) == ("mcast_startup_query_interval", "31.24s")
}
