//! The packet socket of a link.

#![expect(
    clippy::cast_possible_truncation,
    reason = "sizes and constants of the kernel's interface, which fit into the types that it has for them"
)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, SockAddr, SockFilter, Socket, Type};

use super::ring::{self, Frame, Ring};
use super::{Counts, Direction, LinkType, Packet, Point, Reception, Wanted};
use crate::error::{Error, Result};
use crate::net::link::Snapshot;
use crate::net::namespace::{self, Id};
use crate::net::netns::Netns;

/// `PACKET_IGNORE_OUTGOING` of `linux/if_packet.h`.
const IGNORE_OUTGOING: libc::c_int = 23;

/// How many bytes the hardware addresses of an Ethernet frame take: behind them stands a VLAN tag.
const ADDRESSES: usize = 12;
const TAG: usize = 4;

/// How long it is waited at most for what the kernel has counted and not handed out.
const PATIENCE: Duration = Duration::from_secs(1);

/// A socket on a link.
#[derive(Debug)]
pub(super) struct Tap {
    /// None before it is connected. It goes before its socket does.
    ring: Option<Ring>,
    socket: Socket,
    /// The index of the link.
    index: u32,
    /// What it is on.
    pub(super) point: Point,
    /// The namespace, and the file that stands for it as long as it is not deleted; none of the one that ipvsh started in.
    pub(super) namespace: Id,
    file: Option<PathBuf>,
    snaplen: usize,
    counts: Counts,
    /// How many packets came out of the ring.
    taken: u64,
    /// Whether the link went down or away.
    has_failed: bool,
    /// From when on packets are wanted, in nanoseconds since 1970, and how many came before.
    since: u64,
    early: u64,
}

impl Tap {
    /// Opens one for a link: it sees nothing before it is connected.
    pub(super) fn open(
        netns: &Netns,
        link: &Snapshot,
        point: &Point,
        wanted: &Wanted,
    ) -> Result<Self> {
        // Where there is no Ethernet header, what stands in front of the packet depends on the kind: it is left out.
        let (kind, link_type) = match point.link_type {
            LinkType::Ethernet => (Type::RAW, LinkType::Ethernet),
            LinkType::Raw => (Type::DGRAM, LinkType::Raw),
        };
        let program = wanted.filter.program(link_type, true, wanted.snaplen)?;
        let program: Vec<_> = program
            .iter()
            .map(|one| SockFilter::new(one.code, one.yes, one.no, one.k))
            .collect();
        // It is of no protocol until it is bound: before the filter is there it sees nothing.
        let socket = netns.within(|| Socket::new(Domain::PACKET, kind, None))??;
        socket.attach_filter(&program)?;
        if link.loopback {
            // All that leaves by it comes in by it.
            let on: libc::c_int = 1;
            let _ = ring::set(&socket, IGNORE_OUTGOING, &on);
        }
        let is_start = netns.path() == std::path::Path::new(Netns::START);
        Ok(Self {
            ring: None,
            socket,
            index: link.index,
            point: point.clone(),
            namespace: netns.namespace().id(),
            file: (!is_start).then(|| netns.path().to_owned()),
            snaplen: usize::try_from(wanted.snaplen).unwrap_or(usize::MAX),
            counts: Counts::default(),
            taken: 0,
            has_failed: false,
            since: u64::MAX,
            early: 0,
        })
    }

    /// Gives it a ring of so many blocks, and has it see what passes. The kernel lets each wait until no processor looks at it any more:
    /// many are connected at once.
    pub(super) fn connect(&mut self, blocks: usize) -> Result<()> {
        self.ring = Some(Ring::of(&self.socket, blocks)?);
        self.socket.bind(&address(self.index)?)?;
        Ok(())
    }

    /// Begins: what has come before is left out.
    pub(super) fn begin(&mut self, since: u64) {
        self.since = since;
    }

    /// Whether its namespace was deleted, which it alone may keep alive.
    pub(super) fn is_orphan(&self) -> bool {
        let file = self.file.as_ref();
        file.is_some_and(|file| namespace::id_of_path(file) != Some(self.namespace))
    }

    /// Whether the link is gone, and not only down.
    fn is_gone(&self) -> bool {
        let Ok(address) = self.socket.local_addr() else {
            return true;
        };
        // SAFETY: the storage of an address is larger than a `sockaddr_ll`, aligned for it, and made of numbers.
        let index = unsafe { (*address.as_ptr().cast::<libc::sockaddr_ll>()).sll_ifindex };
        // `packet_notifier` of the kernel sets it to -1 when the link goes.
        index <= 0
    }

    /// Takes a block of what has come; `false` where there is none.
    ///
    /// Fails with `ENODEV` where the link is gone. One that is down only comes up again.
    pub(super) fn read(&mut self, number: usize, into: &mut Vec<Packet>) -> Result<bool, Errno> {
        let (is_raw, snaplen) = (self.point.link_type == LinkType::Raw, self.snaplen);
        let (since, early) = (self.since, &mut self.early);
        let taken = self.ring.as_mut().and_then(|ring| {
            ring.take(|frame| {
                if frame.time < since {
                    *early += 1;
                    return;
                }
                let protocol = i32::from(frame.protocol);
                // What a link without Ethernet header carries and is not IP can't be told in a file.
                if !is_raw || [libc::ETH_P_IP, libc::ETH_P_IPV6].contains(&protocol) {
                    into.push(packet(frame, number, is_raw, snaplen));
                }
            })
        });
        if let Some(taken) = taken {
            self.taken += taken;
            return Ok(true);
        }
        // It is told once, and may be told to one who only wants what is left.
        self.has_failed |= !matches!(self.socket.take_error(), Ok(None));
        if self.has_failed && self.is_gone() {
            return Err(Errno::ENODEV);
        }
        self.has_failed = false;
        Ok(false)
    }

    /// Takes all that has passed until now: what stands in a block that is not full the kernel hands out after a while. What passes
    /// meanwhile is not waited for.
    pub(super) fn drain(&mut self, number: usize, into: &mut Vec<Packet>) {
        let until = Instant::now() + PATIENCE;
        self.count();
        let wanted = self.counts.received.saturating_sub(self.counts.dropped);
        while self.taken < wanted && Instant::now() < until {
            if self.read(number, into) == Ok(true) {
                continue;
            }
            let mut ready = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut ready, PollTimeout::from(1_u8));
        }
    }

    /// What the kernel has counted since it began.
    pub(super) fn counts(&mut self) -> Counts {
        self.count();
        Counts {
            received: self.counts.received.saturating_sub(self.early),
            dropped: self.counts.dropped,
        }
    }

    /// Adds what the kernel has counted: it begins anew each time it is asked.
    fn count(&mut self) {
        let mut told = libc::tpacket_stats_v3 {
            tp_packets: 0,
            tp_drops: 0,
            tp_freeze_q_cnt: 0,
        };
        let mut length = size_of::<libc::tpacket_stats_v3>() as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes to `told`, which has as many.
        let answer = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                std::ptr::from_mut(&mut told).cast(),
                &raw mut length,
            )
        };
        if answer == 0 {
            self.counts.received += u64::from(told.tp_packets);
            self.counts.dropped += u64::from(told.tp_drops);
        }
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// All protocols on the link.
fn address(index: u32) -> Result<SockAddr> {
    let index = i32::try_from(index).map_err(|_| Error::sys(Errno::ENODEV))?;
    // SAFETY: the storage has room for every kind of address, and as many bytes are said to be valid as were written.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            let address = storage.cast::<libc::sockaddr_ll>();
            (*address).sll_family = libc::AF_PACKET as libc::sa_family_t;
            (*address).sll_protocol = (libc::ETH_P_ALL as u16).to_be();
            (*address).sll_ifindex = index;
            *length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            Ok(())
        })
    }?;
    Ok(address)
}

/// The packet of a frame, with the tag of its VLAN where it was.
fn packet(frame: &Frame<'_>, number: usize, is_raw: bool, snaplen: usize) -> Packet {
    let bytes = frame.data;
    let mut length = frame.length;
    let mut data = Vec::with_capacity(bytes.len() + TAG);
    match frame.tag.filter(|_| !is_raw && bytes.len() >= ADDRESSES) {
        Some(tag) => {
            data.extend(&bytes[..ADDRESSES]);
            data.extend(tag);
            data.extend(&bytes[ADDRESSES..]);
            data.truncate(snaplen);
            length = length.saturating_add(4);
        }
        None => data.extend(bytes),
    }
    let is_out = frame.to == libc::PACKET_OUTGOING;
    Packet {
        link: number,
        time: frame.time,
        length,
        direction: if is_out {
            Direction::Out
        } else {
            Direction::In
        },
        reception: match frame.to {
            libc::PACKET_HOST => Reception::Unicast,
            libc::PACKET_BROADCAST => Reception::Broadcast,
            libc::PACKET_MULTICAST => Reception::Multicast,
            libc::PACKET_OTHERHOST => Reception::Others,
            _ => Reception::Unknown,
        },
        data,
    }
}

/// The time of day, in nanoseconds since 1970.
pub(super) fn now() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
