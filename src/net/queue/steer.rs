//! Filters that steer packets to a class: by prefix, protocol and port (u32), or by the firewall's mark (fw).

use std::net::IpAddr;

use ipnet::IpNet;

use crate::net::attributes::bytes_of;
use crate::net::queue::wire;

const U32_CLASS: u16 = 1;
const U32_SELECTOR: u16 = 5;
const FW_CLASS: u16 = 1;
/// Bytes of `struct tc_u32_sel` in front of its keys, and of a key.
const SELECTOR: usize = 16;
const KEY: usize = 16;
/// `ETH_P_IPV6` of `linux/if_ether.h`.
const IPV6: u16 = 0x86dd;
/// `TC_U32_TERMINAL`: what matches goes to the class.
const TERMINAL: u8 = 1;

/// Which packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steer {
    /// Those that the firewall has given the mark.
    Mark(u32),
    /// Those of an address family with all of this.
    Packets(Packets),
}

/// What packets have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packets {
    /// Whether they are IPv6.
    pub is_v6: bool,
    /// Where they come from.
    pub src: Option<IpNet>,
    /// Where they go to.
    pub dst: Option<IpNet>,
    /// The number of the protocol above IP.
    pub protocol: Option<u8>,
    /// The port that they come from.
    pub sport: Option<u16>,
    /// The port that they go to.
    pub dport: Option<u16>,
}

/// A comparison: the word at a byte of the packet, under a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    mask: [u8; 4],
    value: [u8; 4],
    at: u32,
}

/// Where the fields are: IPv4 without options, IPv6 without extension headers.
struct Fields {
    source: u32,
    target: u32,
    /// The word that the protocol is in, and its byte there.
    protocol: (u32, usize),
    ports: u32,
}

impl Fields {
    fn of(is_v6: bool) -> Self {
        let (source, target, protocol, ports) = if is_v6 {
            (8, 24, (4, 2), 40)
        } else {
            (12, 16, (8, 1), 20)
        };
        Self {
            source,
            target,
            protocol,
            ports,
        }
    }
}

impl Packets {
    /// The packets that the keys are for. `None` where they say what can't be said here.
    fn of(is_v6: bool, keys: &[Key]) -> Option<Self> {
        let fields = Fields::of(is_v6);
        let mut packets = Self {
            is_v6,
            src: prefix_of(is_v6, keys, fields.source),
            dst: prefix_of(is_v6, keys, fields.target),
            ..Self::default()
        };
        for key in keys {
            let port = |at: usize| {
                let is_asked = key.mask[at..at + 2] == [0xff; 2];
                let port = u16::from_be_bytes([key.value[at], key.value[at + 1]]);
                is_asked.then_some(port)
            };
            if key.at == fields.ports {
                (packets.sport, packets.dport) = (port(0), port(2));
            } else if key.at == fields.protocol.0 {
                packets.protocol = Some(key.value[fields.protocol.1]);
            }
        }
        // Whatever else is compared shows where these are written again.
        let again = packets.keys();
        let is_all = again.len() == keys.len() && keys.iter().all(|key| again.contains(key));
        is_all.then_some(packets)
    }

    fn keys(&self) -> Vec<Key> {
        let Fields {
            source,
            target,
            protocol,
            ports,
        } = Fields::of(self.is_v6);
        let mut keys = Vec::new();
        for (prefix, at) in [(self.src, source), (self.dst, target)] {
            keys.extend(
                prefix
                    .into_iter()
                    .flat_map(|prefix| prefix_keys(prefix, at)),
            );
        }
        if let Some(number) = self.protocol {
            let (at, byte) = protocol;
            let mut key = Key {
                mask: [0; 4],
                value: [0; 4],
                at,
            };
            key.mask[byte] = 0xff;
            key.value[byte] = number;
            keys.push(key);
        }
        let word = |high: Option<u16>, low: Option<u16>| {
            let (high, low) = (high.map(u16::to_be_bytes), low.map(u16::to_be_bytes));
            let of = |part: Option<[u8; 2]>| part.unwrap_or_default();
            [of(high)[0], of(high)[1], of(low)[0], of(low)[1]]
        };
        if self.sport.or(self.dport).is_some() {
            let all = |port: Option<u16>| port.map(|_| u16::MAX);
            keys.push(Key {
                mask: word(all(self.sport), all(self.dport)),
                value: word(self.sport, self.dport),
                at: ports,
            });
        }
        keys
    }
}

/// The words of an address, each under its part of the mask; those that need not be looked at left out.
fn prefix_keys(prefix: IpNet, at: u32) -> Vec<Key> {
    let bytes = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let (value, mask) = (bytes(prefix.network()), bytes(prefix.netmask()));
    let mut keys = Vec::new();
    let mut at = at;
    for (value, mask) in value.chunks_exact(4).zip(mask.chunks_exact(4)) {
        if mask != [0; 4] {
            let word = |word: &[u8]| word.try_into().unwrap_or_default();
            keys.push(Key {
                mask: word(mask),
                value: word(value),
                at,
            });
        }
        at += 4;
    }
    keys
}

/// The prefix of the address at `at` that the keys ask for.
fn prefix_of(is_v6: bool, keys: &[Key], at: u32) -> Option<IpNet> {
    let length: usize = if is_v6 { 16 } else { 4 };
    let (mut value, mut mask) = (vec![0; length], vec![0; length]);
    for key in keys {
        let Some(start) = key
            .at
            .checked_sub(at)
            .and_then(|from| usize::try_from(from).ok())
        else {
            continue;
        };
        if let (Some(value), Some(mask)) = (
            value.get_mut(start..start + 4),
            mask.get_mut(start..start + 4),
        ) {
            value.copy_from_slice(&key.value);
            mask.copy_from_slice(&key.mask);
        }
    }
    let ip = |bytes: &[u8]| -> Option<IpAddr> {
        if is_v6 {
            Some(<[u8; 16]>::try_from(bytes).ok()?.into())
        } else {
            Some(<[u8; 4]>::try_from(bytes).ok()?.into())
        }
    };
    let prefix = IpNet::with_netmask(ip(&value)?, ip(&mask)?).ok()?;
    (prefix.prefix_len() > 0).then_some(prefix)
}

impl Steer {
    /// The kind of filter, as the kernel calls it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Mark(_) => "fw",
            Self::Packets(_) => "u32",
        }
    }

    /// The protocol of the frames that it looks at, as in an Ethernet header.
    pub(super) fn protocol(&self) -> u16 {
        match self {
            Self::Mark(_) => 0x0003,
            Self::Packets(packets) if packets.is_v6 => IPV6,
            Self::Packets(_) => 0x0800,
        }
    }

    /// The number that it is listed under, where that says something.
    pub(super) fn handle(&self) -> u32 {
        match self {
            Self::Mark(mark) => *mark,
            Self::Packets(_) => 0,
        }
    }

    /// Reads a filter as the kernel lists it. `None` where it is one that is not made here.
    pub(super) fn decode(kind: &str, protocol: u16, handle: u32, options: &[u8]) -> Option<Self> {
        let steer = match kind {
            "fw" => Self::Mark(handle),
            "u32" => {
                let selector = wire::attribute(options, U32_SELECTOR)?;
                let four = |key: &[u8], at: usize| key.get(at..at + 4)?.try_into().ok();
                let keys = selector.get(SELECTOR..)?.chunks_exact(KEY).map(|key| {
                    Some(Key {
                        mask: four(key, 0)?,
                        value: four(key, 4)?,
                        at: wire::word(key, 8),
                    })
                });
                let keys: Vec<Key> = keys.collect::<Option<_>>()?;
                Self::Packets(Packets::of(protocol == IPV6, &keys)?)
            }
            _ => return None,
        };
        (steer.protocol() == protocol).then_some(steer)
    }

    /// The options as the kernel takes them; `class` is where to.
    pub(super) fn encode(&self, class: u32) -> Vec<u8> {
        let class = class.to_ne_bytes().to_vec();
        match self {
            Self::Mark(_) => bytes_of(&[(FW_CLASS, class)]),
            Self::Packets(packets) => {
                let keys = packets.keys();
                let mut selector = vec![0; SELECTOR];
                selector[0] = TERMINAL;
                selector[2] = u8::try_from(keys.len()).unwrap_or(u8::MAX);
                for key in keys {
                    selector.extend(key.mask);
                    selector.extend(key.value);
                    selector.extend(wire::words(&[key.at, 0]));
                }
                bytes_of(&[(U32_CLASS, class), (U32_SELECTOR, selector)])
            }
        }
    }
}

/// The class that a listed filter steers to, and its comparisons in the words of `tc`. `None` where it is no filter of
/// its own, as the table that u32 keeps its filters in.
pub(super) fn described(kind: &str, handle: u32, options: &[u8]) -> Option<(u32, Vec<String>)> {
    match kind {
        "fw" => {
            let class = wire::word(&wire::attribute(options, FW_CLASS)?, 0);
            Some((
                class,
                vec!["handle".to_owned(), handle.to_string(), "fw".to_owned()],
            ))
        }
        "u32" => {
            let selector = wire::attribute(options, U32_SELECTOR)?;
            let class = wire::attribute(options, U32_CLASS).unwrap_or_default();
            let mut words = vec!["u32".to_owned()];
            for key in selector.get(SELECTOR..)?.chunks_exact(KEY) {
                let hex = |at: usize| {
                    let bytes = key.get(at..at + 4).and_then(|four| four.try_into().ok());
                    format!("0x{:08x}", u32::from_be_bytes(bytes.unwrap_or_default()))
                };
                words.extend([
                    "match".to_owned(),
                    "u32".to_owned(),
                    hex(4),
                    hex(0),
                    "at".to_owned(),
                    wire::word(key, 8).to_string(),
                ]);
            }
            Some((wire::word(&class, 0), words))
        }
        other => Some((0, vec![other.to_owned()])),
    }
}

/// The options of a u32 filter without the place in the kernel's tables, which is another one when it is made again.
/// `None` for such a table itself.
pub(super) fn without_place(options: &[u8]) -> Option<Vec<u8>> {
    let selector = wire::attribute(options, U32_SELECTOR)?;
    let class = wire::attribute(options, U32_CLASS)?;
    let list = vec![(U32_CLASS, class), (U32_SELECTOR, selector)];
    Some(bytes_of(&list))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(packets: Packets) -> String {
        let options = Steer::Packets(packets).encode(0x1_0010);
        let (class, words) = described("u32", 0, &options).unwrap();
        assert_eq!(class, 0x1_0010);
        words.join(" ")
    }

    #[test]
    fn packets_are_told_by_the_words_of_their_headers() {
        assert_eq!(
            words(Packets {
                dst: Some("10.0.0.0/8".parse().unwrap()),
                protocol: Some(6),
                dport: Some(443),
                ..Packets::default()
            }),
            "u32 match u32 0x0a000000 0xff000000 at 16 match u32 0x00060000 0x00ff0000 at 8 \
             match u32 0x000001bb 0x0000ffff at 20"
        );
        assert_eq!(
            words(Packets {
                is_v6: true,
                src: Some("fd00::/48".parse().unwrap()),
                sport: Some(53),
                ..Packets::default()
            }),
            "u32 match u32 0xfd000000 0xffffffff at 8 match u32 0x00000000 0xffff0000 at 12 \
             match u32 0x00350000 0xffff0000 at 40"
        );
    }

    #[test]
    fn packets_are_read_back_from_what_the_kernel_compares() {
        let v4 = Packets {
            src: Some("10.0.0.0/9".parse().unwrap()),
            dst: Some("10.0.0.7/32".parse().unwrap()),
            protocol: Some(17),
            sport: Some(53),
            ..Packets::default()
        };
        let v6 = Packets {
            is_v6: true,
            dst: Some("fd00:1:2::/47".parse().unwrap()),
            protocol: Some(6),
            dport: Some(80),
            ..Packets::default()
        };
        for packets in [v4, v6, Packets::default()] {
            let steer = Steer::Packets(packets);
            let options = steer.encode(0x1_0010);
            let again = Steer::decode("u32", steer.protocol(), 0, &options);
            assert_eq!(again, Some(steer));
        }
        let mut keys = v4.keys();
        keys[0].at = 4;
        assert_eq!(Packets::of(false, &keys), None);
    }
}
