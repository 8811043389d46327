//! The packet socket of a link.

#![expect(
    clippy::cast_possible_truncation,
    reason = "sizes and constants of the kernel's interface, which fit into the types that it has for them"
)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, SockAddr, SockFilter, Socket, Type};

use super::{Counts, Direction, LinkType, Packet, Point, Reception, Wanted};
use crate::error::{Error, Result};
use crate::net::link::Snapshot;
use crate::net::namespace::{self, Id};
use crate::net::netns::Netns;

/// How many packets are asked for at once.
pub(super) const BATCH: usize = 16;

/// Room of the kernel for what nobody has read yet, in bytes: of all links together, and the least of each.
const ROOM: usize = 64 << 20;
const LEAST_ROOM: usize = 1 << 20;

/// `PACKET_IGNORE_OUTGOING` of `linux/if_packet.h`.
const IGNORE_OUTGOING: libc::c_int = 23;

/// How many bytes the hardware addresses of an Ethernet frame take: behind them stands a VLAN tag.
const ADDRESSES: usize = 12;
const TAG: usize = 4;

/// Words of what the kernel says beside a packet: a stamp of 32 bytes, and `struct tpacket_auxdata` in 40.
const BESIDE: usize = 16;

/// How much room each link has.
pub(super) fn room(links: usize) -> usize {
    (ROOM / links.max(1)).max(LEAST_ROOM)
}

/// A socket on a link.
#[derive(Debug)]
pub(super) struct Tap {
    socket: Socket,
    /// What it is on.
    pub(super) point: Point,
    /// The namespace, and the file that stands for it as long as it is not deleted; none of the one that ipvsh started in.
    pub(super) namespace: Id,
    file: Option<PathBuf>,
    snaplen: usize,
    counts: Counts,
}

impl Tap {
    /// Opens one on a link.
    pub(super) fn open(
        netns: &Netns,
        link: &Snapshot,
        point: &Point,
        wanted: &Wanted,
        room: usize,
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
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        set(&socket, libc::PACKET_AUXDATA)?;
        if link.loopback {
            // All that leaves by it comes in by it.
            let _ = set(&socket, IGNORE_OUTGOING);
        }
        if setsockopt(&socket, sockopt::RcvBufForce, &room).is_err() {
            // As much as is permitted.
            let _ = setsockopt(&socket, sockopt::RcvBuf, &room);
        }
        socket.bind(&address(link.index)?)?;
        let is_start = netns.path() == std::path::Path::new(Netns::START);
        Ok(Self {
            socket,
            point: point.clone(),
            namespace: netns.namespace().id(),
            file: (!is_start).then(|| netns.path().to_owned()),
            snaplen: usize::try_from(wanted.snaplen).unwrap_or(usize::MAX),
            counts: Counts::default(),
        })
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

    /// Reads what has come, at most [`BATCH`] packets of it, and tells how many there were.
    ///
    /// Fails with `ENODEV` where the link is gone. One that is down only comes up again.
    pub(super) fn read(
        &self,
        number: usize,
        buffers: &mut Buffers,
        into: &mut Vec<Packet>,
    ) -> Result<usize, Errno> {
        match buffers.receive(&self.socket) {
            Ok(count) => {
                let packets = (0..count).filter_map(|at| buffers.packet(at, number, self));
                into.extend(packets);
                Ok(count)
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
            Err(_) if self.is_gone() => Err(Errno::ENODEV),
            Err(_) => Ok(0),
        }
    }

    /// What the kernel has counted so far: it begins anew each time it is asked.
    pub(super) fn counts(&mut self) -> Counts {
        let mut told = libc::tpacket_stats {
            tp_packets: 0,
            tp_drops: 0,
        };
        let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
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
        self.counts
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Switches an option of packet sockets on.
fn set(socket: &Socket, option: libc::c_int) -> Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the kernel reads as many bytes as `on` has.
    let answer = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            std::ptr::from_ref(&on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    Errno::result(answer)?;
    Ok(())
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

/// What the kernel said beside a packet.
#[derive(Clone, Copy, Default)]
struct Beside {
    time: Option<u64>,
    length: Option<u32>,
    tag: Option<[u8; TAG]>,
}

/// Where packets are read to, one behind the other; shared by the sockets of a capture.
pub(super) struct Buffers {
    /// How many bytes each packet has.
    room: usize,
    data: Vec<u8>,
    beside: Vec<[u64; BESIDE]>,
    from: Vec<libc::sockaddr_ll>,
    lengths: Vec<usize>,
    told: Vec<Beside>,
}

impl Buffers {
    /// Those for packets of which `snaplen` bytes are kept.
    pub(super) fn new(snaplen: u32) -> Self {
        let room = usize::try_from(snaplen).unwrap_or(usize::MAX).max(64);
        // SAFETY: a `sockaddr_ll` is made of numbers only.
        let from = unsafe { std::mem::zeroed() };
        Self {
            room,
            data: vec![0; room * BATCH],
            beside: vec![[0; BESIDE]; BATCH],
            from: vec![from; BATCH],
            lengths: vec![0; BATCH],
            told: vec![Beside::default(); BATCH],
        }
    }

    fn receive(&mut self, socket: &Socket) -> Result<usize, Errno> {
        // SAFETY: both are made of numbers and pointers, which may be null.
        let (mut parts, mut headers): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        for (at, bytes) in self.data.chunks_exact_mut(self.room).enumerate() {
            parts[at].iov_base = bytes.as_mut_ptr().cast();
            parts[at].iov_len = bytes.len();
            let header = &mut headers[at].msg_hdr;
            header.msg_iov = &raw mut parts[at];
            header.msg_iovlen = 1;
            header.msg_name = std::ptr::from_mut(&mut self.from[at]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            header.msg_control = self.beside[at].as_mut_ptr().cast();
            header.msg_controllen = size_of_val(&self.beside[at]);
        }
        // SAFETY: each header points to buffers of our own, of the lengths that it says, which outlive the call.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let count = usize::try_from(Errno::result(count)?).unwrap_or(0);
        for (at, header) in headers.iter().enumerate().take(count) {
            self.lengths[at] = usize::try_from(header.msg_len).unwrap_or(0).min(self.room);
            self.told[at] = told(&header.msg_hdr);
        }
        Ok(count)
    }

    /// The packet of that place; none that a link without Ethernet header carries and is not IP.
    fn packet(&self, at: usize, number: usize, tap: &Tap) -> Option<Packet> {
        let from = &self.from[at];
        let Beside { time, length, tag } = self.told[at];
        let bytes = &self.data[at * self.room..][..self.lengths[at]];
        let is_raw = tap.point.link_type == LinkType::Raw;
        let protocol = i32::from(u16::from_be(from.sll_protocol));
        if is_raw && ![libc::ETH_P_IP, libc::ETH_P_IPV6].contains(&protocol) {
            return None;
        }
        let mut length = length.unwrap_or(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        let mut data = Vec::with_capacity(bytes.len() + TAG);
        match tag.filter(|_| !is_raw && bytes.len() >= ADDRESSES) {
            Some(tag) => {
                data.extend(&bytes[..ADDRESSES]);
                data.extend(tag);
                data.extend(&bytes[ADDRESSES..]);
                data.truncate(tap.snaplen);
                length = length.saturating_add(4);
            }
            None => data.extend(bytes),
        }
        let is_out = from.sll_pkttype == libc::PACKET_OUTGOING;
        Some(Packet {
            link: number,
            time: time.unwrap_or_else(now),
            length,
            direction: if is_out {
                Direction::Out
            } else {
                Direction::In
            },
            reception: match from.sll_pkttype {
                libc::PACKET_HOST => Reception::Unicast,
                libc::PACKET_BROADCAST => Reception::Broadcast,
                libc::PACKET_MULTICAST => Reception::Multicast,
                libc::PACKET_OTHERHOST => Reception::Others,
                _ => Reception::Unknown,
            },
            data,
        })
    }
}

/// The time of day, in nanoseconds since 1970.
pub(super) fn now() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Reads what stands beside a packet.
fn told(header: &libc::msghdr) -> Beside {
    let mut beside = Beside::default();
    // SAFETY: the kernel has filled `msg_controllen` bytes of the buffer, which is aligned for its headers; what these macros
    // return stands within it, and the kernel has written the whole structures that belong to those types.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while !message.is_null() {
            let data = libc::CMSG_DATA(message);
            match ((*message).cmsg_level, (*message).cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                    let time = data.cast::<libc::timespec>().read_unaligned();
                    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
                    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
                    beside.time = Some(seconds * 1_000_000_000 + nanos);
                }
                (libc::SOL_PACKET, libc::PACKET_AUXDATA) => {
                    let told = data.cast::<libc::tpacket_auxdata>().read_unaligned();
                    beside.length = Some(told.tp_len);
                    if told.tp_status & libc::TP_STATUS_VLAN_VALID != 0 {
                        let has_kind = told.tp_status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
                        let kind = if has_kind { told.tp_vlan_tpid } else { 0x8100 };
                        let ([a, b], [c, d]) = (kind.to_be_bytes(), told.tp_vlan_tci.to_be_bytes());
                        beside.tag = Some([a, b, c, d]);
                    }
                }
                _ => {}
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
    beside
}
