//! How an option is an attribute of the kernel's.

use std::net::IpAddr;

use super::form::{Form, listed};
use super::{Opt, Pair};
use crate::net::attributes::{Attributes, attributes_in, bytes_of};
use crate::steps::Value;
use crate::value::mac;

/// An attribute by its number, and how it holds a value.
#[derive(Clone, Copy, Debug)]
pub enum Wire {
    /// It is none.
    None,
    /// A number of one byte.
    U8(u16),
    /// A number of two bytes.
    U16(u16),
    /// A number of two bytes in network order.
    Be16(u16),
    /// A number of four bytes.
    U32(u16),
    /// A number of eight bytes.
    U64(u16),
    /// An address: the attributes for IPv4 and for IPv6.
    Ip(u16, u16),
    /// Addresses, each an attribute within it that has its position for a number.
    Ips(u16),
    /// A number of one byte, and the attribute that is there where the value is the name `inherit`. The latter holds a byte
    /// where `true`, nothing where `false`.
    Ttl(u16, u16, bool),
    /// The key of GRE, for both directions.
    GreKey,
    /// A bit of the flags of GRE, for both directions.
    GreFlag(u16),
    /// A bit of the attribute that has flags and their mask.
    Flag(u16, u32),
    /// The hardware addresses of a macvlan in mode source: the attribute that says to set them, and that of the list.
    Macs,
}

/// `IFLA_GRE_IFLAGS`, `IFLA_GRE_OFLAGS`, `IFLA_GRE_IKEY` and `IFLA_GRE_OKEY` of `linux/if_tunnel.h`.
const GRE_FLAGS: [u16; 2] = [2, 3];
const GRE_KEYS: [u16; 2] = [4, 5];
/// The flag of GRE that says that there is a key.
const GRE_KEY: u16 = 0x2000;
/// `IFLA_MACVLAN_MACADDR_MODE`, `IFLA_MACVLAN_MACADDR`, `IFLA_MACVLAN_MACADDR_DATA` of `linux/if_link.h`, and the mode that sets.
const MACADDR_MODE: u16 = 3;
const MACADDR: u16 = 4;
const MACADDR_DATA: u16 = 5;
const MACADDR_SET: u32 = 3;

/// The attributes that say `pairs`.
pub fn encode(pairs: &[Pair]) -> Attributes {
    let mut attributes = Attributes::new();
    let mut gre_flags = None;
    let mut flags: Vec<(u16, u32, u32)> = Vec::new();
    for (row, value) in pairs {
        let mut put = |at: u16, bytes: &[u8]| attributes.push((at, bytes.to_vec()));
        match (row.wire, row.form.number(value)) {
            (Wire::U16(at), Some(number)) => put(at, &short(number).to_ne_bytes()),
            (Wire::Be16(at), Some(number)) => put(at, &short(number).to_be_bytes()),
            (Wire::U32(at), Some(number)) => put(at, &long(number).to_ne_bytes()),
            (Wire::U64(at), Some(number)) => {
                put(at, &u64::try_from(number).unwrap_or_default().to_ne_bytes());
            }
            (Wire::Ttl(_, inherit, has_byte), Some(_)) if matches!(value, Value::Text(_)) => {
                put(inherit, if has_byte { &[1] } else { &[] });
            }
            (Wire::U8(at) | Wire::Ttl(at, ..), Some(number)) => put(at, &byte(number)),
            (Wire::GreKey, Some(number)) => {
                *gre_flags.get_or_insert(0) |= GRE_KEY;
                for at in GRE_KEYS {
                    put(at, &long(number).to_be_bytes());
                }
            }
            (Wire::GreFlag(bit), Some(on)) => {
                *gre_flags.get_or_insert(0) |= if on == 0 { 0 } else { bit };
            }
            (Wire::Flag(at, bit), Some(on)) => {
                let on = if on == 0 { 0 } else { bit };
                match flags.iter_mut().find(|(known, ..)| *known == at) {
                    Some((_, set, mask)) => (*set, *mask) = (*set | on, *mask | bit),
                    None => flags.push((at, on, bit)),
                }
            }
            (Wire::Ip(four, six), _) => match ip_of(value) {
                Some(IpAddr::V4(ip)) => put(four, &ip.octets()),
                Some(IpAddr::V6(ip)) => put(six, &ip.octets()),
                None => {}
            },
            (Wire::Ips(at), _) => {
                let ips = items(value).iter().filter_map(ip_of).map(octets);
                put(at, &bytes_of(&(0..).zip(ips).collect::<Vec<_>>()));
            }
            (Wire::Macs, _) => {
                let macs = items(value).iter().filter_map(|mac| match mac {
                    Value::Text(mac) => mac::parse(mac).ok(),
                    _ => None,
                });
                let macs: Vec<_> = macs.map(|mac| (MACADDR, mac)).collect();
                put(MACADDR_MODE, &MACADDR_SET.to_ne_bytes());
                put(MACADDR_DATA, &bytes_of(&macs));
            }
            _ => {}
        }
    }
    if let Some(flags) = gre_flags {
        attributes.extend(GRE_FLAGS.map(|at| (at, flags.to_be_bytes().to_vec())));
    }
    for (at, set, mask) in flags {
        let bytes = [set, mask].into_iter().flat_map(u32::to_ne_bytes);
        attributes.push((at, bytes.collect()));
    }
    attributes
}

/// What the attributes say of the rows of `table`.
pub fn decode(table: &'static [Opt], attributes: &Attributes) -> Vec<Pair> {
    let said = table.iter();
    said.filter_map(|row| Some((row, of(row, attributes)?)))
        .collect()
}

fn byte(number: i64) -> [u8; 1] {
    [u8::try_from(number).unwrap_or_default()]
}

fn short(number: i64) -> u16 {
    u16::try_from(number).unwrap_or_default()
}

fn long(number: i64) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

fn of(row: &Opt, attributes: &Attributes) -> Option<Value> {
    let find = |at: u16| {
        let found = attributes.iter().find(|(known, _)| *known == at);
        found.map(|(_, bytes)| bytes.as_slice())
    };
    let number = match row.wire {
        Wire::None => return None,
        Wire::U8(at) => find(at)?.first().copied()?.into(),
        Wire::U16(at) => u16::from_ne_bytes(find(at)?.try_into().ok()?).into(),
        Wire::Be16(at) => u16::from_be_bytes(find(at)?.try_into().ok()?).into(),
        Wire::U32(at) => u32::from_ne_bytes(find(at)?.try_into().ok()?).into(),
        Wire::U64(at) => i64::try_from(u64::from_ne_bytes(find(at)?.try_into().ok()?)).ok()?,
        Wire::GreKey => u32::from_be_bytes(find(GRE_KEYS[1])?.try_into().ok()?).into(),
        Wire::GreFlag(bit) => {
            let flags = u16::from_be_bytes(find(GRE_FLAGS[0])?.try_into().ok()?);
            i64::from(flags & bit != 0)
        }
        Wire::Flag(at, bit) => {
            // The kernel tells no flags where none is set.
            let flags = find(at).and_then(|bytes| bytes.get(..4)?.try_into().ok());
            i64::from(flags.map_or(0, u32::from_ne_bytes) & bit != 0)
        }
        Wire::Ttl(at, inherit, _) => {
            if find(inherit).is_some_and(|bytes| bytes != [0]) {
                return Some(Value::text("inherit"));
            }
            find(at)?.first().copied()?.into()
        }
        Wire::Ip(four, six) => {
            let ip = find(four).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
            let ip = ip.map(IpAddr::from).or_else(|| {
                let bytes = find(six).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
                bytes.map(IpAddr::from)
            })?;
            let is_group = matches!(row.form, Form::Group(_));
            let is_it = !ip.is_unspecified() && ip.is_multicast() == is_group;
            return is_it.then(|| Value::Text(ip.to_string()));
        }
        Wire::Ips(at) => {
            let ips = attributes_in(find(at)?).into_iter();
            let ips = ips.filter_map(|(_, bytes)| match bytes.len() {
                4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
                _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
            });
            return Some(Value::List(
                ips.map(|ip| Value::Text(ip.to_string())).collect(),
            ));
        }
        Wire::Macs => {
            let macs = attributes_in(find(MACADDR_DATA)?).into_iter();
            return Some(listed(macs.map(|(_, bytes)| bytes).collect()));
        }
    };
    row.form.of_number(number)
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::List(items) => items,
        _ => &[],
    }
}

fn ip_of(value: &Value) -> Option<IpAddr> {
    match value {
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}
