//! A stream of numbered datagrams, as many at once as the kernel cuts up and puts together again where it can (GSO, GRO).

use std::io::IoSliceMut;
use std::os::fd::AsRawFd;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, send, setsockopt, sockopt};

use super::HEAD;
use super::order::Order;
use super::pace::Pace;
use super::work::{End, Ended, Tried, work};

/// How many datagrams the kernel takes at once: `UDP_MAX_SEGMENTS` of `linux/udp.h`.
const MOST_AT_ONCE: usize = 64;

/// How many bytes it takes at once.
const MOST_BYTES: usize = 65_507;

/// For how long datagrams are gathered that go at once, where there is a rate to keep: what `iperf3` does.
const STEP: Duration = Duration::from_millis(1);

/// How long is waited after a datagram that could not be sent.
const PAUSE: Duration = Duration::from_millis(1);

/// What all datagrams of a run have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Bytes of data in each.
    pub(super) size: usize,
    /// When the clock began that they are stamped with.
    pub(super) began: Instant,
    /// The bytes of a second that each stream sends; as many as it can without.
    pub(super) rate: Option<f64>,
}

impl Shape {
    /// How many datagrams go at once, where there is a rate to keep.
    fn gathered(&self) -> usize {
        let bytes = self.rate.unwrap_or_default() * STEP.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is positive, and what is too large ends at the largest"
        )]
        let bytes = bytes as usize;
        (bytes / self.size).max(1)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

struct Sender {
    end: End,
    pace: Option<Pace>,
    /// How many go at once at the most, and at least where there is a rate.
    at_once: usize,
    least: usize,
    next: u64,
}

/// Sends until `stop` is set.
pub(super) fn sends(ends: Vec<End>, shape: Shape, stop: &AtomicBool) -> Ended {
    let size = shape.size;
    let most = (MOST_BYTES / size).clamp(1, MOST_AT_ONCE);
    let mut data = vec![b'.'; most * size];
    let now = Instant::now();
    let lanes = ends.into_iter().map(|end| {
        let cuts = i32::try_from(size).ok().filter(|_| most > 1);
        let cuts = cuts
            .is_some_and(|size| setsockopt(&*end.socket, sockopt::UdpGsoSegment, &size).is_ok());
        Sender {
            end,
            pace: shape.rate.map(|rate| Pace::new(rate, now)),
            at_once: if cuts { most } else { 1 },
            least: shape.gathered().min(most),
            next: 0,
        }
    });
    let attempt = |lane: &mut Sender| {
        let mut count = lane.at_once;
        if let Some(pace) = &mut lane.pace {
            match pace.due(Instant::now(), size * lane.least) {
                Ok(due) => count = count.min(due / size),
                Err(wait) => return Tried::Early(wait),
            }
        }
        let stamp = shape.now();
        let bytes = &mut data[..count * size];
        for (number, one) in (lane.next..).zip(bytes.chunks_exact_mut(size)) {
            one[..8].copy_from_slice(&number.to_be_bytes());
            one[8..HEAD].copy_from_slice(&stamp.to_be_bytes());
        }
        match send(lane.end.socket.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT) {
            Ok(_) => {
                lane.next += count as u64;
                lane.end.tally.sent.add(count);
                if let Some(pace) = &mut lane.pace {
                    pace.sent(count * size);
                }
                Tried::Done
            }
            Err(Errno::EINTR) => Tried::Done,
            Err(Errno::EAGAIN) => Tried::NotReady,
            // A link on the way takes less than was thought, or none that are to be cut up.
            Err(Errno::EINVAL | Errno::EMSGSIZE | Errno::EIO) if lane.at_once > 1 => {
                let _ = setsockopt(&*lane.end.socket, sockopt::UdpGsoSegment, &0);
                lane.at_once = 1;
                Tried::Done
            }
            // What is down may come up again.
            Err(_) => Tried::Early(PAUSE),
        }
    };
    work(
        lanes.collect(),
        PollFlags::POLLOUT,
        stop,
        |lane| &lane.end.socket,
        attempt,
    )
}

struct Receiver {
    end: End,
    order: Order,
}

/// Takes what comes until `stop` is set.
pub(super) fn receives(ends: Vec<End>, shape: Shape, stop: &AtomicBool) -> Ended {
    let mut data = vec![0; 1 << 16];
    let mut ancillary = cmsg_space!(i32);
    let lanes = ends.into_iter().map(|end| {
        // Where the kernel has no such thing, they come one by one.
        let _ = setsockopt(&*end.socket, sockopt::UdpGroSegment, &true);
        Receiver {
            end,
            order: Order::new(),
        }
    });
    let attempt = |lane: &mut Receiver| {
        let mut slices = [IoSliceMut::new(&mut data)];
        let (number, flags) = (lane.end.socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        let (bytes, size) = match recvmsg::<()>(number, &mut slices, Some(&mut ancillary), flags) {
            Ok(message) => {
                let mut size = message.bytes;
                for one in message.cmsgs().into_iter().flatten() {
                    if let ControlMessageOwned::UdpGroSegments(cut) = one {
                        size = usize::try_from(cut).unwrap_or(size);
                    }
                }
                (message.bytes, size)
            }
            // An error of ICMP, once for each.
            Err(Errno::EINTR | Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH) => {
                return Tried::Done;
            }
            Err(Errno::EAGAIN) => return Tried::NotReady,
            Err(errno) => return Tried::Over(Some(errno)),
        };
        let now = shape.now();
        let mut is_first = true;
        for one in data[..bytes].chunks(size.max(1)) {
            let (Some(number), Some(stamp)) = (word(one, 0), word(one, 8)) else {
                continue;
            };
            lane.order.take(number);
            // Those that come together were sent together.
            if std::mem::take(&mut is_first) {
                lane.order.transit(now.wrapping_sub(stamp).cast_signed());
            }
            lane.end.tally.bytes.add(one.len());
        }
        lane.end.tally.show(&lane.order);
        Tried::Done
    };
    work(
        lanes.collect(),
        PollFlags::POLLIN,
        stop,
        |lane| &lane.end.socket,
        attempt,
    )
}

/// The number that stands there.
fn word(data: &[u8], at: usize) -> Option<u64> {
    let bytes = data.get(at..at + 8)?;
    bytes.try_into().ok().map(u64::from_be_bytes)
}
