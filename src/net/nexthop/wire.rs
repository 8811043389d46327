//! Messages about nexthop objects, as `linux/nexthop.h` has them.

use std::net::IpAddr;

use rtnetlink::packet_core::{
    DecodeError, DefaultNla, Emitable, Nla, NlaBuffer, NlasIterator, Parseable, emit_u32, parse_ip,
    parse_u32,
};

const RTM_NEWNEXTHOP: u16 = 104;
const RTM_DELNEXTHOP: u16 = 105;
const RTM_GETNEXTHOP: u16 = 106;

use super::ONLINK;

const NHA_ID: u16 = 1;
const NHA_GROUP: u16 = 2;
const NHA_BLACKHOLE: u16 = 4;
const NHA_OIF: u16 = 5;
const NHA_GATEWAY: u16 = 6;

/// Bytes of `struct nhmsg`.
const HEADER_LEN: usize = 8;
/// Bytes of `struct nexthop_grp`.
const MEMBER_LEN: usize = 8;

/// What is done about a nexthop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// It is made, or told of.
    New,
    /// It is deleted.
    Del,
    /// It is asked for.
    Get,
}

/// A message about a nexthop object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NexthopMessage {
    /// What is done.
    pub verb: Verb,
    /// The address family; 0 for a group, or for any.
    pub family: u8,
    /// How far it is, told by the kernel only.
    pub scope: u8,
    /// Who made it.
    pub protocol: u8,
    /// `RTNH_F_*`.
    pub flags: u32,
    /// The rest.
    pub attributes: Vec<NexthopAttribute>,
}

/// What is said of a nexthop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NexthopAttribute {
    /// Its number.
    Id(u32),
    /// The members of a group.
    Group(Vec<Member>),
    /// It drops what goes there.
    Blackhole,
    /// The ifindex of its link.
    Link(u32),
    /// The gateway.
    Gateway(IpAddr),
    /// What is not known here.
    Other(DefaultNla),
}

/// A member of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The number of its nexthop.
    pub id: u32,
    /// How many shares of the packets it gets.
    pub weight: u16,
}

impl NexthopMessage {
    /// The number that it names.
    pub fn id(&self) -> Option<u32> {
        self.attributes
            .iter()
            .find_map(|attribute| match attribute {
                NexthopAttribute::Id(id) => Some(*id),
                _ => None,
            })
    }

    /// Whether its gateway is taken to be on the link.
    pub fn is_onlink(&self) -> bool {
        self.flags & ONLINK != 0
    }

    /// A message of which only the verb is said.
    pub fn new(verb: Verb) -> Self {
        Self {
            verb,
            family: 0,
            scope: 0,
            protocol: 0,
            flags: 0,
            attributes: Vec::new(),
        }
    }

    /// The type of the message.
    pub fn message_type(&self) -> u16 {
        match self.verb {
            Verb::New => RTM_NEWNEXTHOP,
            Verb::Del => RTM_DELNEXTHOP,
            Verb::Get => RTM_GETNEXTHOP,
        }
    }

    /// How many bytes it takes.
    pub fn buffer_len(&self) -> usize {
        HEADER_LEN + self.attributes.as_slice().buffer_len()
    }

    /// Writes it.
    pub fn serialize(&self, buffer: &mut [u8]) {
        let (header, attributes) = buffer.split_at_mut(HEADER_LEN);
        header[..4].copy_from_slice(&[self.family, self.scope, self.protocol, 0]);
        header[4..].copy_from_slice(&self.flags.to_ne_bytes());
        self.attributes.as_slice().emit(attributes);
    }

    /// Reads what follows the header of a message of that type; `None` where it is about something else.
    pub fn read(message_type: u16, payload: &[u8]) -> Option<Result<Self, DecodeError>> {
        let verb = match message_type {
            RTM_NEWNEXTHOP => Verb::New,
            RTM_DELNEXTHOP => Verb::Del,
            RTM_GETNEXTHOP => Verb::Get,
            _ => return None,
        };
        Some(Self::read_body(verb, payload))
    }

    fn read_body(verb: Verb, payload: &[u8]) -> Result<Self, DecodeError> {
        let Some((&[family, scope, protocol, _, a, b, c, d], attributes)) =
            payload.split_first_chunk::<HEADER_LEN>()
        else {
            return Err(DecodeError::buffer_too_small(payload.len(), HEADER_LEN));
        };
        let attributes = NlasIterator::new(attributes)
            .map(|attribute| NexthopAttribute::parse(&attribute?))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            verb,
            family,
            scope,
            protocol,
            flags: u32::from_ne_bytes([a, b, c, d]),
            attributes,
        })
    }
}

impl Nla for NexthopAttribute {
    fn value_len(&self) -> usize {
        match self {
            Self::Id(_) | Self::Link(_) | Self::Gateway(IpAddr::V4(_)) => 4,
            Self::Gateway(IpAddr::V6(_)) => 16,
            Self::Group(members) => members.len() * MEMBER_LEN,
            Self::Blackhole => 0,
            Self::Other(attribute) => attribute.value_len(),
        }
    }

    fn kind(&self) -> u16 {
        match self {
            Self::Id(_) => NHA_ID,
            Self::Group(_) => NHA_GROUP,
            Self::Blackhole => NHA_BLACKHOLE,
            Self::Link(_) => NHA_OIF,
            Self::Gateway(_) => NHA_GATEWAY,
            Self::Other(attribute) => attribute.kind(),
        }
    }

    fn emit_value(&self, buffer: &mut [u8]) {
        match self {
            Self::Id(number) | Self::Link(number) => {
                // There are as many bytes as `value_len` says.
                let _ = emit_u32(buffer, *number);
            }
            Self::Gateway(IpAddr::V4(ip)) => buffer.copy_from_slice(&ip.octets()),
            Self::Gateway(IpAddr::V6(ip)) => buffer.copy_from_slice(&ip.octets()),
            Self::Group(members) => {
                for (member, bytes) in members.iter().zip(buffer.chunks_exact_mut(MEMBER_LEN)) {
                    // The kernel counts weights from 0, and has the high byte behind the low one.
                    let [low, high] = member.weight.saturating_sub(1).to_le_bytes();
                    bytes[..4].copy_from_slice(&member.id.to_ne_bytes());
                    bytes[4..].copy_from_slice(&[low, high, 0, 0]);
                }
            }
            Self::Blackhole => {}
            Self::Other(attribute) => attribute.emit_value(buffer),
        }
    }
}

impl<'a, T: AsRef<[u8]> + ?Sized> Parseable<NlaBuffer<&'a T>> for NexthopAttribute {
    fn parse(buffer: &NlaBuffer<&'a T>) -> Result<Self, DecodeError> {
        let value = buffer.value();
        Ok(match buffer.kind() {
            NHA_ID => Self::Id(parse_u32(value)?),
            NHA_OIF => Self::Link(parse_u32(value)?),
            NHA_GATEWAY => Self::Gateway(parse_ip(value)?),
            NHA_BLACKHOLE => Self::Blackhole,
            NHA_GROUP => {
                let (members, _) = value.as_chunks::<MEMBER_LEN>();
                let member = |&[a, b, c, d, low, high, ..]: &[u8; MEMBER_LEN]| Member {
                    id: u32::from_ne_bytes([a, b, c, d]),
                    weight: u16::from_le_bytes([low, high]).saturating_add(1),
                };
                Self::Group(members.iter().map(member).collect())
            }
            _ => Self::Other(DefaultNla::parse(buffer)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(message: &NexthopMessage) -> Vec<u8> {
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        bytes
    }

    #[test]
    fn a_message_has_the_bytes_that_the_kernel_reads() {
        let mut message = NexthopMessage::new(Verb::New);
        message.family = 2;
        message.protocol = 4;
        message.flags = 4;
        message.attributes = vec![
            NexthopAttribute::Id(7),
            NexthopAttribute::Gateway(IpAddr::from([10, 0, 0, 2])),
            NexthopAttribute::Group(vec![Member { id: 1, weight: 258 }]),
        ];
        let header = [2, 0, 4, 0, 4, 0, 0, 0];
        let id = [8, 0, 1, 0, 7, 0, 0, 0];
        let gateway = [8, 0, 6, 0, 10, 0, 0, 2];
        let group = [12, 0, 2, 0, 1, 0, 0, 0, 1, 1, 0, 0];
        let expected: Vec<u8> = header
            .into_iter()
            .chain(id)
            .chain(gateway)
            .chain(group)
            .collect();
        if cfg!(target_endian = "little") {
            assert_eq!(bytes(&message), expected);
        }
        let read = NexthopMessage::read(RTM_NEWNEXTHOP, &bytes(&message)).unwrap();
        assert_eq!(read.unwrap(), message);
    }

    #[test]
    fn a_message_about_something_else_is_left_to_others() {
        assert!(NexthopMessage::read(24, &[]).is_none());
        assert!(
            NexthopMessage::read(RTM_DELNEXTHOP, &[0; 4])
                .unwrap()
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(payload in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = NexthopMessage::read(RTM_NEWNEXTHOP, &payload);
        }
    }
}
