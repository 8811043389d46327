//! The memory that a packet socket shares with the kernel, which writes packets there as they pass: blocks of them in a ring,
//! `TPACKET_V3` of `Documentation/networking/packet_mmap.rst`.

#![expect(
    clippy::cast_possible_truncation,
    reason = "sizes and constants of the kernel's interface, which fit into the types that it has for them"
)]

use std::ffi::c_void;
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use socket2::Socket;

use crate::error::{Error, Result};

/// How many bytes a block has: a packet of 64 KiB must find room in one.
const BLOCK: usize = 1 << 17;

/// How many bytes the rings of all links have together, and how many blocks each has at least.
const ROOM: usize = 32 << 20;
const LEAST: usize = 2;

/// After how many milliseconds the kernel hands out a block that is not full.
const RETIRE: u32 = 4;

/// `PACKET_RX_RING` and `PACKET_VERSION` of `linux/if_packet.h`.
const RX_RING: libc::c_int = 5;
const VERSION: libc::c_int = 10;

/// Where a block says whose it is.
const STATUS: usize = offset_of!(libc::tpacket_block_desc, hdr);
/// Where it says how many packets it has, and where the first is.
const COUNT: usize = STATUS + offset_of!(libc::tpacket_hdr_v1, num_pkts);
const FIRST: usize = STATUS + offset_of!(libc::tpacket_hdr_v1, offset_to_first_pkt);

/// How many blocks each link has.
pub(super) fn blocks(links: usize) -> usize {
    (ROOM / BLOCK / links.max(1)).max(LEAST)
}

/// What the kernel says of a packet, and what is kept of it.
pub(super) struct Frame<'a> {
    /// When it passed, in nanoseconds since 1970.
    pub(super) time: u64,
    /// How many bytes it has.
    pub(super) length: u32,
    /// The tag of a VLAN that the kernel has taken out.
    pub(super) tag: Option<[u8; 4]>,
    /// The protocol: `ETH_P_IP`.
    pub(super) protocol: u16,
    /// `PACKET_HOST`, `PACKET_OUTGOING`.
    pub(super) to: u8,
    pub(super) data: &'a [u8],
}

/// A ring. It stands as long as its socket, which must not be given another.
#[derive(Debug)]
pub(super) struct Ring {
    memory: NonNull<u8>,
    blocks: usize,
    /// The block that comes next.
    next: usize,
}

// SAFETY: it owns its mapping, which is of no thread.
unsafe impl Send for Ring {}

impl Ring {
    /// Gives a socket that is not bound yet a ring of `blocks` blocks, or of as many as there is memory for.
    pub(super) fn of(socket: &Socket, mut blocks: usize) -> Result<Self> {
        set(
            socket,
            VERSION,
            &(libc::tpacket_versions::TPACKET_V3 as libc::c_int),
        )?;
        loop {
            match request(socket, blocks) {
                Ok(()) => break,
                Err(Errno::ENOMEM) if blocks > LEAST => blocks = (blocks / 2).max(LEAST),
                Err(errno) => return Err(Error::sys(errno)),
            }
        }
        // SAFETY: the kernel chooses where; nothing that is there is replaced.
        let memory = unsafe {
            mmap(
                null_mut(),
                blocks * BLOCK,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                socket.as_fd(),
                0,
            )
        };
        let memory = memory.map_err(|errno| Error::sys(Errno::from_raw(errno.raw_os_error())))?;
        let memory = NonNull::new(memory.cast()).ok_or_else(|| Error::sys(Errno::ENOMEM))?;
        Ok(Self {
            memory,
            blocks,
            next: 0,
        })
    }

    /// Takes the next block, packet by packet, and gives it back; how many there were, none where the kernel still has it.
    pub(super) fn take(&mut self, mut each: impl FnMut(&Frame<'_>)) -> Option<u64> {
        // SAFETY: `next` is less than `blocks`, as many as the mapping has.
        let start = unsafe { self.memory.add(self.next * BLOCK) };
        // SAFETY: the status is an aligned word of the mapping, which kernel and program read and write as a whole.
        let status = unsafe { AtomicU32::from_ptr(start.add(STATUS).as_ptr().cast()) };
        if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: a block in that state is the program's until it gives it back: the kernel does not write to it.
        let block = unsafe { std::slice::from_raw_parts(start.as_ptr(), BLOCK) };
        let count = word(block, COUNT);
        let mut at = word(block, FIRST) as usize;
        for _ in 0..count {
            let Some(header) = block.get(at..) else { break };
            if let Some(frame) = frame(header) {
                each(&frame);
            }
            at += word(header, offset_of!(libc::tpacket3_hdr, tp_next_offset)) as usize;
        }
        status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = (self.next + 1) % self.blocks;
        Some(u64::from(count))
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let memory: *mut c_void = self.memory.as_ptr().cast();
        // SAFETY: it is the mapping that was made, of that length, and nothing of it is borrowed any more.
        let _ = unsafe { munmap(memory, self.blocks * BLOCK) };
    }
}

/// Asks for a ring of so many blocks.
fn request(socket: &Socket, blocks: usize) -> std::result::Result<(), Errno> {
    /// A number that the kernel wants and does not use: of frames in a block.
    const FRAME: usize = 2048;
    let request = libc::tpacket_req3 {
        tp_block_size: BLOCK as libc::c_uint,
        tp_block_nr: blocks as libc::c_uint,
        tp_frame_size: FRAME as libc::c_uint,
        tp_frame_nr: (blocks * BLOCK / FRAME) as libc::c_uint,
        tp_retire_blk_tov: RETIRE,
        tp_sizeof_priv: 0,
        tp_feature_req_word: 0,
    };
    set(socket, RX_RING, &request)
}

/// Sets an option of packet sockets.
pub(super) fn set<T>(
    socket: &Socket,
    option: libc::c_int,
    value: &T,
) -> std::result::Result<(), Errno> {
    // SAFETY: the kernel reads as many bytes as `value` has.
    let answer = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    Errno::result(answer).map(drop)
}

/// The bytes at a place; zeros where they are not there.
fn bytes<const N: usize>(from: &[u8], at: usize) -> [u8; N] {
    let found = from.get(at..).and_then(<[u8]>::first_chunk);
    found.copied().unwrap_or([0; N])
}

fn word(from: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes(from, at))
}

fn half(from: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes(bytes(from, at))
}

/// The packet whose header begins `header`.
fn frame(header: &[u8]) -> Option<Frame<'_>> {
    use libc::{sockaddr_ll, tpacket_hdr_variant1, tpacket3_hdr};
    const VARIANT: usize = offset_of!(tpacket3_hdr, hv1);
    // The address that `recvfrom` would tell stands behind the header.
    const ADDRESS: usize = size_of::<tpacket3_hdr>().next_multiple_of(libc::TPACKET_ALIGNMENT);
    let number = |at| word(header, at);
    let status = number(offset_of!(tpacket3_hdr, tp_status));
    let tag = (status & libc::TP_STATUS_VLAN_VALID != 0).then(|| {
        let kind = match status & libc::TP_STATUS_VLAN_TPID_VALID {
            0 => 0x8100,
            _ => half(
                header,
                VARIANT + offset_of!(tpacket_hdr_variant1, tp_vlan_tpid),
            ),
        };
        let control = number(VARIANT + offset_of!(tpacket_hdr_variant1, tp_vlan_tci)) as u16;
        let ([a, b], [c, d]) = (kind.to_be_bytes(), control.to_be_bytes());
        [a, b, c, d]
    });
    let seconds = u64::from(number(offset_of!(tpacket3_hdr, tp_sec)));
    let nanos = u64::from(number(offset_of!(tpacket3_hdr, tp_nsec)));
    let start = usize::from(half(header, offset_of!(tpacket3_hdr, tp_mac)));
    let kept = number(offset_of!(tpacket3_hdr, tp_snaplen)) as usize;
    Some(Frame {
        time: seconds * 1_000_000_000 + nanos,
        length: number(offset_of!(tpacket3_hdr, tp_len)),
        tag,
        protocol: u16::from_be(half(
            header,
            ADDRESS + offset_of!(sockaddr_ll, sll_protocol),
        )),
        to: bytes::<1>(header, ADDRESS + offset_of!(sockaddr_ll, sll_pkttype))[0],
        data: header.get(start..start + kept)?,
    })
}
