//! Which rule of nftables takes a packet, as the kernel itself tells it: by `meta nftrace`.
//!
//! A table of our own marks certain echo messages at the first hooks that they come by, and the kernel tells of each rule that sees
//! one. The table is owned by the socket that made it (`NFT_TABLE_F_OWNER`, Linux 5.12): the kernel takes it away when that socket
//! closes, also where this program is killed, and nothing is to be tidied up. Where a kernel can't do that, no rule is traced.

use std::os::fd::AsRawFd;

use nix::errno::Errno;
use rtnetlink::sys::protocols::NETLINK_NETFILTER;
use rtnetlink::sys::{Socket, SocketAddr};

use crate::net::namespace::{self, Namespace};
use crate::net::rtnl::Refusal;

// `linux/netfilter/nfnetlink.h` and `nf_tables.h`.
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const NFTABLES: u16 = 10;
const NEW_TABLE: u16 = NFTABLES << 8;
const NEW_CHAIN: u16 = (NFTABLES << 8) + 3;
const NEW_RULE: u16 = (NFTABLES << 8) + 6;
const TRACE: u16 = (NFTABLES << 8) + 17;
const GROUP_TRACE: u32 = 9;
const OWNED: u32 = 2;
const INET: u8 = 1;
const PREROUTING: u32 = 0;
const OUTPUT: u32 = 3;
/// Before all that others do there, connection tracking (-200) and its defragmentation (-400) too.
const FIRST: i32 = -1000;

const REQUEST: u16 = 1;
const ACK: u16 = 4;
const EXCLUSIVE: u16 = 0x200;
const CREATE: u16 = 0x400;
const APPEND: u16 = 0x800;
const NESTED: u16 = 0x8000;
const ERROR: u16 = 2;

/// The verdict of a rule, or of the policy of a chain, that takes a packet.
const DROP: u32 = 0;
/// What a trace message is about: the policy of a chain, or else a rule.
const OF_POLICY: u32 = 1;

/// What has taken a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The family of the table, as `nft` calls it.
    pub family: String,
    /// The table.
    pub table: String,
    /// The chain.
    pub chain: String,
    /// The handle of the rule; none where it was the chain's policy.
    pub handle: Option<u64>,
}

/// The packets that are marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// ICMP messages with the identifier, of both families.
    Echo(u16),
    /// The outer packets of a tunnel over UDP: the port that they go to, and the identifier of the network in them.
    Outer(u16, u32),
}

/// What stands in a header, and how many bytes behind its beginning.
type Field = (u32, Vec<u8>);

impl Marked {
    /// For each rule the protocol, and what stands in its header.
    fn rules(self) -> Vec<(u8, Vec<Field>)> {
        match self {
            // Of both protocols the identifier of an echo message stands there.
            Self::Echo(id) => [1, 58]
                .map(|it| (it, vec![(4, id.to_be_bytes().into())]))
                .into(),
            // VXLAN and Geneve have the identifier in the same place.
            Self::Outer(port, id) => {
                let id = id.to_be_bytes()[1..].into();
                vec![(17, vec![(2, port.to_be_bytes().into()), (12, id)])]
            }
        }
    }
}

/// Marks packets in a namespace, until it is dropped.
#[derive(Debug)]
pub struct Tracer {
    socket: Socket,
}

impl Tracer {
    /// Marks the packets.
    pub fn open(namespace: &Namespace, marked: Marked) -> Result<Self, Refusal> {
        let open = || -> std::io::Result<Socket> {
            let mut socket = Socket::new(NETLINK_NETFILTER)?;
            socket.bind_auto()?;
            socket.connect(&SocketAddr::new(0, 0))?;
            Ok(socket)
        };
        let failed =
            |error: std::io::Error| Refusal::of(Errno::from_raw(error.raw_os_error().unwrap_or(0)));
        let socket = namespace::within(namespace, open)
            .map_err(|error| Refusal::of(error.errno.unwrap_or(Errno::EIO)))?
            .map_err(failed)?;
        let table = format!("ipvsh_why_{}", std::process::id());
        let (batch, asked) = batch(&table, marked);
        socket.send(&batch, 0).map_err(failed)?;
        for _ in 0..asked {
            let (answer, _) = socket.recv_from_full().map_err(failed)?;
            for message in messages(&answer) {
                if let Some(errno) = message.errno().filter(|errno| *errno != 0) {
                    return Err(Refusal::of(Errno::from_raw(-errno)));
                }
            }
        }
        // Nothing is told of what was before.
        socket.add_membership(GROUP_TRACE).map_err(failed)?;
        socket.set_non_blocking(true).map_err(failed)?;
        Ok(Self { socket })
    }

    /// What has taken one of the messages since this was last asked.
    pub fn taken(&self) -> Option<Taken> {
        loop {
            match self.socket.recv_from_full() {
                Ok((text, _)) => {
                    if let Some(taken) = messages(&text).find_map(|message| message.taken()) {
                        return Some(taken);
                    }
                }
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
                Err(_) => return None,
            }
        }
    }
}

impl AsRawFd for Tracer {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.socket.as_raw_fd()
    }
}

/// The requests for the table, its two chains and the rules in them, all or none; and how many of them are acknowledged.
fn batch(table: &str, marked: Marked) -> (Vec<u8>, usize) {
    let name = zero_ended(table);
    let mut batch = message(BATCH_BEGIN, 0, 0, &[]);
    // The subsystem stands in the header of these two.
    batch[18..20].copy_from_slice(&NFTABLES.to_be_bytes());
    let mut asked = 0;
    let mut add = |kind: u16, flags: u16, attributes: &[u8]| {
        batch.extend(message(
            kind,
            REQUEST | ACK | CREATE | flags,
            INET,
            attributes,
        ));
        asked += 1;
    };
    let owned = [attribute(1, &name), number(2, OWNED)].concat();
    add(NEW_TABLE, EXCLUSIVE, &owned);
    for (chain, hook) in [("prerouting", PREROUTING), ("output", OUTPUT)] {
        let chain = zero_ended(chain);
        let hook = [number(1, hook), number(2, FIRST.cast_unsigned())].concat();
        let parts = [
            attribute(1, &name),
            attribute(3, &chain),
            nest(4, &hook),
            attribute(7, &zero_ended("filter")),
        ];
        add(NEW_CHAIN, EXCLUSIVE, &parts.concat());
        for (protocol, fields) in marked.rules() {
            let parts = [
                attribute(1, &name),
                attribute(2, &chain),
                nest(4, &marking(protocol, &fields)),
            ];
            add(NEW_RULE, APPEND, &parts.concat());
        }
    }
    let mut end = message(BATCH_END, 0, 0, &[]);
    end[18..20].copy_from_slice(&NFTABLES.to_be_bytes());
    batch.extend(end);
    (batch, asked)
}

/// `meta l4proto PROTOCOL @th,32,16 ID meta nftrace set 1`.
fn marking(protocol: u8, fields: &[Field]) -> Vec<u8> {
    const REGISTER: u32 = 1;
    const NFTRACE: u32 = 12;
    const L4PROTO: u32 = 16;
    const TRANSPORT: u32 = 2;
    let value = |kind: u16, bytes: &[u8]| nest(kind, &attribute(1, bytes));
    let is = |bytes: &[u8]| [number(1, REGISTER), number(2, 0), value(3, bytes)].concat();
    let mut expressions: Vec<(&str, Vec<u8>)> = vec![
        ("meta", [number(1, REGISTER), number(2, L4PROTO)].concat()),
        ("cmp", is(&[protocol])),
    ];
    for (at, bytes) in fields {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let payload = [
            number(1, REGISTER),
            number(2, TRANSPORT),
            number(3, *at),
            number(4, length),
        ];
        expressions.push(("payload", payload.concat()));
        expressions.push(("cmp", is(bytes)));
    }
    expressions.extend([
        ("immediate", [number(1, REGISTER), value(2, &[1])].concat()),
        ("meta", [number(3, REGISTER), number(2, NFTRACE)].concat()),
    ]);
    let expression = |(name, parts): &(&str, Vec<u8>)| {
        let parts = [attribute(1, &zero_ended(name)), nest(2, parts)].concat();
        nest(1, &parts)
    };
    expressions.iter().flat_map(expression).collect()
}

fn zero_ended(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

fn message(kind: u16, flags: u16, family: u8, attributes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(20 + attributes.len()).unwrap_or(u32::MAX);
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((flags | REQUEST).to_ne_bytes());
    // Sequence number, port, then the family, the version and the resource.
    bytes.extend([0; 8]);
    bytes.extend([family, 0, 0, 0]);
    bytes.extend(attributes);
    bytes
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn nest(kind: u16, parts: &[u8]) -> Vec<u8> {
    attribute(kind | NESTED, parts)
}

fn number(kind: u16, value: u32) -> Vec<u8> {
    attribute(kind, &value.to_be_bytes())
}

/// A message of the kernel.
struct Message<'a> {
    kind: u16,
    body: &'a [u8],
}

impl Message<'_> {
    /// What an acknowledgement says: 0, or a negative errno.
    fn errno(&self) -> Option<i32> {
        let code = self.body.get(..4).filter(|_| self.kind == ERROR)?;
        Some(i32::from_ne_bytes(code.try_into().ok()?))
    }

    /// What has taken a packet, where it is about that.
    fn taken(&self) -> Option<Taken> {
        if self.kind != TRACE {
            return None;
        }
        let (header, rest) = self.body.split_at_checked(4)?;
        let find =
            |kind: u16| attributes(rest).find_map(|(is, value)| (is == kind).then_some(value));
        let text = |kind: u16| {
            let text = find(kind)?;
            let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
            Some(String::from_utf8_lossy(text).into_owned())
        };
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
        Some(Taken {
            family: family_name(*header.first()?).to_owned(),
            table: text(1)?,
            chain: text(2)?,
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

fn messages(mut left: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(left.get(..4)?.try_into().ok()?);
        let length = usize::try_from(length).ok()?;
        let kind = u16::from_ne_bytes(left.get(4..6)?.try_into().ok()?);
        let body = left.get(16..length)?;
        left = left.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Message { kind, body })
    })
}

fn attributes(mut left: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
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
