//! Messages of the kernel's packet filter, taken apart.

use super::Taken;
use super::header::Packet;
use super::request::{ERROR, NESTED, TRACE};

/// The verdict of a rule, or of the policy of a chain, that takes a packet.
const DROP: u32 = 0;
/// What a trace message is about: the policy of a chain, or else a rule.
const OF_POLICY: u32 = 1;

/// A message of the kernel.
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    body: &'a [u8],
}

impl Message<'_> {
    /// What an acknowledgement says: 0, or a negative errno.
    pub(super) fn errno(&self) -> Option<i32> {
        let code = self.body.get(..4).filter(|_| self.kind == ERROR)?;
        Some(i32::from_ne_bytes(code.try_into().ok()?))
    }

    /// The attributes of what is told of a packet.
    fn trace(&self) -> Option<(u8, &[u8])> {
        let (header, rest) = self.body.split_at_checked(4)?;
        (self.kind == TRACE).then_some((*header.first()?, rest))
    }

    /// The kernel's number of the packet that it tells of.
    pub(super) fn packet_id(&self) -> Option<u32> {
        let (_, rest) = self.trace()?;
        number_of(attributes(rest).find_map(|(is, value)| (is == 6).then_some(value))?)
    }

    /// The packet, where its headers are in the message: the first one of each chain has them.
    pub(super) fn packet(&self) -> Option<Packet> {
        let (_, rest) = self.trace()?;
        let find =
            |kind: u16| attributes(rest).find_map(|(is, value)| (is == kind).then_some(value));
        Packet::read(find(8)?, find(9).unwrap_or_default())
    }

    /// The names of the table and the chain.
    pub(super) fn spot(&self) -> Option<(String, String)> {
        let (_, rest) = self.trace()?;
        let text = |kind: u16| {
            let text = attributes(rest).find_map(|(is, value)| (is == kind).then_some(value))?;
            let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
            Some(String::from_utf8_lossy(text).into_owned())
        };
        Some((text(1)?, text(2)?))
    }

    /// The type of a chain, where one is told of.
    pub(super) fn chain_type(&self) -> Option<&[u8]> {
        let (_, rest) = self.body.split_at_checked(4)?;
        attributes(rest).find_map(|(is, value)| (is == 7).then_some(value))
    }

    /// What has taken a packet, where it is about that.
    pub(super) fn taken(&self) -> Option<Taken> {
        let (family, rest) = self.trace()?;
        let find =
            |kind: u16| attributes(rest).find_map(|(is, value)| (is == kind).then_some(value));
        let is_policy = number_of(find(4)?)? == OF_POLICY;
        let verdict = if is_policy {
            number_of(find(16)?)?
        } else {
            let parts = find(5)?;
            let code = attributes(parts).find_map(|(is, value)| (is == 1).then_some(value))?;
            number_of(code)?
        };
        // Above the lowest byte stands an errno, or a queue.
        if verdict & 0xff != DROP {
            return None;
        }
        let handle = find(3).and_then(|value| Some(u64::from_be_bytes(value.try_into().ok()?)));
        let (table, chain) = self.spot()?;
        Some(Taken {
            family: family_name(family).to_owned(),
            table,
            chain,
            handle: handle.filter(|_| !is_policy),
        })
    }
}

fn family_name(family: u8) -> &'static str {
    match family {
        2 => "ip",
        3 => "arp",
        5 => "netdev",
        7 => "bridge",
        10 => "ip6",
        _ => "inet",
    }
}

fn number_of(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.try_into().ok()?))
}

pub(super) fn messages(mut left: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(left.get(..4)?.try_into().ok()?);
        let length = usize::try_from(length).ok()?;
        let kind = u16::from_ne_bytes(left.get(4..6)?.try_into().ok()?);
        let body = left.get(16..length)?;
        left = left.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Message { kind, body })
    })
}

pub(super) fn attributes(mut left: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(left.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(left.get(2..4)?.try_into().ok()?);
        let value = left.get(4..length)?;
        left = left.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind & !NESTED, value))
    })
}

#[cfg(test)]
mod tests {
    use super::super::request::{attribute, message, nest, number};
    use super::*;

    fn told(kind: u32, rest: &[Vec<u8>]) -> Option<Taken> {
        let mut parts = attribute(1, b"f\0");
        parts.extend(attribute(2, b"in\0"));
        parts.extend(number(4, kind));
        parts.extend(rest.concat());
        let text = [message(TRACE, 0, 2, &parts), message(TRACE, 0, 2, &parts)].concat();
        messages(&text).find_map(|message| message.taken())
    }

    #[test]
    fn a_rule_that_drops_is_told_with_its_handle() {
        let handle = attribute(3, &7_u64.to_be_bytes());
        let verdict = |code: u32| nest(5, &number(1, code));
        let taken = told(3, &[handle.clone(), verdict(0)]).unwrap();
        assert_eq!(
            (
                taken.family.as_str(),
                taken.table.as_str(),
                taken.chain.as_str()
            ),
            ("ip", "f", "in")
        );
        assert_eq!(taken.handle, Some(7));
        assert_eq!(told(3, &[handle, verdict(1)]), None);
    }

    #[test]
    fn a_policy_that_drops_has_no_handle() {
        assert_eq!(told(1, &[number(16, 0)]).unwrap().handle, None);
        assert_eq!(told(1, &[number(16, 1)]), None);
    }

    #[test]
    fn what_is_cut_off_tells_nothing() {
        let whole = message(TRACE, 0, 2, &number(4, 1));
        for end in 0..whole.len() {
            assert_eq!(messages(&whole[..end]).find_map(|one| one.taken()), None);
        }
    }
}
