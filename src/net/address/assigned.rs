//! What there is to an address: as it is to be added, as the kernel tells it, and in the words of `ip address`.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressScope, CacheInfo,
};
use serde::{Deserialize, Serialize};

use super::family;

/// A lifetime without end (`INFINITY_LIFE_TIME` of net/addrconf.h).
pub const FOREVER: u32 = u32::MAX;

/// The scopes with a name, as iproute2 has them.
pub const SCOPES: &[(&str, i64)] = &[
    ("global", 0),
    ("site", 200),
    ("link", 253),
    ("host", 254),
    ("nowhere", 255),
];

/// The flags that an address can be given, by the words of `ip address`.
pub const FLAGS: [(&str, AddressFlags); 5] = [
    ("home", AddressFlags::Homeaddress),
    ("mngtmpaddr", AddressFlags::Managetempaddr),
    ("nodad", AddressFlags::Nodad),
    ("noprefixroute", AddressFlags::Noprefixroute),
    ("autojoin", AddressFlags::Mcautojoin),
];

/// Those that only IPv6 has.
pub const FLAGS_OF_IPV6: [&str; 3] = ["home", "mngtmpaddr", "nodad"];

/// How long an address is good for, in seconds; [`FOREVER`] where it has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifetimes {
    /// Until it goes.
    pub valid: u32,
    /// Until nobody takes it for something new.
    pub preferred: u32,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            valid: FOREVER,
            preferred: FOREVER,
        }
    }
}

/// An address of a link, with all that it can be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assigned {
    /// The address, with the prefix length of the subnet: its own, or that of the peer.
    pub prefix: IpNet,
    /// The other end, where the link leads to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// The broadcast address (IPv4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<Ipv4Addr>,
    /// How far it is valid; none for what suits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<u8>,
    /// What old programs call it (IPv4); none for the link's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// How long it is good for, from now on; none for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetimes: Option<Lifetimes>,
    /// The metric of the route to its subnet; none for the kernel's own choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// Those of [`FLAGS`] that it has, as the kernel numbers them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub flags: u32,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(flags: &u32) -> bool {
    *flags == 0
}

impl Assigned {
    /// An address as `ip address add` gives it where nothing more is said.
    pub fn new(prefix: IpNet) -> Self {
        Self {
            prefix,
            peer: None,
            broadcast: None,
            scope: None,
            label: None,
            lifetimes: None,
            metric: None,
            flags: 0,
        }
    }

    /// Whether it has the flag of that name.
    pub fn has(&self, flag: &str) -> bool {
        flag_of(flag).is_some_and(|flag| self.flags & flag != 0)
    }

    /// Gives it a flag, or takes it away.
    pub fn set(&mut self, flag: &str, on: bool) {
        let bits = flag_of(flag).unwrap_or_default();
        if on {
            self.flags |= bits;
        } else {
            self.flags &= !bits;
        }
    }

    /// The flags that are sent: what an address of its family can't have is passed over, as `ip` does.
    fn flags_to_send(&self) -> AddressFlags {
        let is_ipv4 = self.prefix.addr().is_ipv4();
        let known = FLAGS
            .iter()
            .filter(|(name, _)| !(is_ipv4 && FLAGS_OF_IPV6.contains(name)));
        let known = known.fold(AddressFlags::empty(), |all, (_, flag)| all | *flag);
        AddressFlags::from_bits_retain(self.flags) & known
    }

    /// The scope that it gets: for IPv6 the address itself decides.
    pub fn scope_to_send(&self) -> u8 {
        match self.prefix.addr() {
            IpAddr::V4(ip) => self.scope.unwrap_or(if ip.is_loopback() { 254 } else { 0 }),
            IpAddr::V6(ip) => {
                let [first, second, ..] = ip.octets();
                match (first, second & 0xf, second & 0xc0) {
                    _ if ip.is_loopback() => 254,
                    // By RFC 4291 a group's address has its scope in these bits.
                    (0xff, 1, _) => 254,
                    (0xff, 2, _) | (0xfe, _, 0x80) => 253,
                    (0xff, 5, _) | (0xfe, _, 0xc0) => 200,
                    _ => 0,
                }
            }
        }
    }

    /// The message that adds it to a link, changes it or deletes it.
    pub(super) fn message(&self, link: u32) -> AddressMessage {
        let ip = self.prefix.addr();
        let mut message = AddressMessage::default();
        let header = &mut message.header;
        header.family = family(ip);
        header.prefix_len = self.prefix.prefix_len();
        header.index = link;
        header.scope = AddressScope::from(self.scope_to_send());
        let flags = self.flags_to_send();
        header.flags = AddressHeaderFlags::from_bits_truncate(flags.bits().to_le_bytes()[0]);
        let lifetimes = self.lifetimes.map(|lifetimes| {
            let mut cache = CacheInfo::default();
            cache.ifa_valid = lifetimes.valid;
            cache.ifa_preferred = lifetimes.preferred;
            AddressAttribute::CacheInfo(cache)
        });
        let attributes = [
            Some(AddressAttribute::Local(ip)),
            Some(AddressAttribute::Address(self.peer.unwrap_or(ip))),
            self.broadcast.map(AddressAttribute::Broadcast),
            self.label.clone().map(AddressAttribute::Label),
            lifetimes,
            self.metric.map(AddressAttribute::RoutePriority),
            (!flags.is_empty()).then_some(AddressAttribute::Flags(flags)),
        ];
        message.attributes = attributes.into_iter().flatten().collect();
        message
    }

    /// The words of `ip address` before the link: the address, and its peer.
    pub fn named(&self) -> Vec<String> {
        match self.peer {
            None => vec![self.prefix.to_string()],
            Some(peer) => vec![
                self.prefix.addr().to_string(),
                "peer".to_owned(),
                format!("{peer}/{}", self.prefix.prefix_len()),
            ],
        }
    }

    /// The words of `ip address` behind the link: all that is not as it would be by itself.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut say = |key: &str, value: Option<String>| {
            words.extend(
                value
                    .map(|value| [key.to_owned(), value])
                    .into_iter()
                    .flatten(),
            );
        };
        say("broadcast", self.broadcast.map(|ip| ip.to_string()));
        let usual = Self::new(self.prefix).scope_to_send();
        let scope = self.scope.filter(|scope| *scope != usual);
        say("scope", scope.map(scope_text));
        say("label", self.label.clone());
        let lifetimes = self.lifetimes;
        say("valid_lft", lifetimes.map(|of| lifetime_text(of.valid)));
        say(
            "preferred_lft",
            lifetimes.map(|of| lifetime_text(of.preferred)),
        );
        say("metric", self.metric.map(|metric| metric.to_string()));
        let flags = self.flags_to_send();
        let flags = FLAGS.iter().filter(|(_, flag)| flags.contains(*flag));
        words.extend(flags.map(|(name, _)| (*name).to_owned()));
        words
    }

    /// All of it in one line, but for the link.
    pub fn line(&self) -> String {
        let mut words = self.named();
        words.extend(self.words());
        words.join(" ")
    }
}

fn flag_of(name: &str) -> Option<u32> {
    let known = FLAGS.iter().find(|(known, _)| *known == name);
    known.map(|(_, flag)| flag.bits())
}

/// The scope as `ip` prints it.
pub fn scope_text(scope: u8) -> String {
    let known = SCOPES.iter().find(|(_, known)| *known == i64::from(scope));
    known.map_or_else(|| scope.to_string(), |(name, _)| (*name).to_owned())
}

/// A lifetime as `ip` takes it.
pub fn lifetime_text(seconds: u32) -> String {
    match seconds {
        FOREVER => "forever".to_owned(),
        seconds => seconds.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_ip_takes_it() {
        let mut address = Assigned::new("10.0.0.1/24".parse().unwrap());
        assert_eq!(address.line(), "10.0.0.1/24");
        address.broadcast = Some("10.0.0.255".parse().unwrap());
        address.scope = Some(253);
        address.label = Some("v0:1".to_owned());
        address.lifetimes = Some(Lifetimes {
            valid: FOREVER,
            preferred: 60,
        });
        address.metric = Some(5);
        address.set("noprefixroute", true);
        // As `ip` does, where it can't be had.
        address.set("nodad", true);
        assert_eq!(
            address.line(),
            "10.0.0.1/24 broadcast 10.0.0.255 scope link label v0:1 valid_lft forever preferred_lft 60 metric 5 noprefixroute"
        );
        let mut address = Assigned::new("fd00::1/64".parse().unwrap());
        address.peer = Some("fd00::2".parse().unwrap());
        address.set("nodad", true);
        assert_eq!(address.line(), "fd00::1 peer fd00::2/64 nodad");
    }

    #[test]
    fn an_ipv6_address_has_the_scope_that_is_in_it() {
        for (text, scope) in [
            ("fd00::1/64", "global"),
            ("fe80::1/64", "link"),
            ("fec0::1/64", "site"),
            ("::1/128", "host"),
            ("ff02::5/128", "link"),
            ("ff05::5/128", "site"),
            ("ff0e::5/128", "global"),
        ] {
            let address = Assigned::new(text.parse().unwrap());
            assert_eq!(scope_text(address.scope_to_send()), scope, "{text}");
        }
    }
}
