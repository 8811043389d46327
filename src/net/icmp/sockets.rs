//! The two sockets of a pinger: surge-ping's, which sends, and one of our own, which receives.
//!
//! surge-ping's client does receive, but what it returns is not enough. It takes the start of a round trip after the
//! packet has left, by which time a reply over veth or ipvlan is already there; it hands out neither the kernel's stamp on
//! the reply, nor the hop limit of IPv6, nor the MTU in "fragmentation needed"; and an ICMP error
//! reaches an unprivileged (DGRAM) socket through its error queue only, which it does not read. All of that comes with `recvmsg`.
//! Its task would take half of the messages away from us, so the sender's socket is closed to them, and a second one is open.

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::pin::pin;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::task::Poll;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use nix::{setsockopt_impl, sockopt_impl};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use surge_ping::{Client, Config, ICMP, PingIdentifier, PingSequence, SurgeError};
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

use super::filter;
use super::probe::Outcome;
use super::request::Request;
use super::wire::{self, Content, Message, Ours};
use crate::error::{Error, Kind, Result};

/// `SOL_RAW` and its option `ICMP_FILTER` of `linux/icmp.h`: a bit for each type that is kept out.
const SOL_RAW: libc::c_int = 255;
const ICMP_FILTER: libc::c_int = 1;
/// `ICMPV6_FILTER` of `linux/icmpv6.h`.
const ICMPV6_FILTER: libc::c_int = 1;

sockopt_impl!(
    /// The ICMP types that a RAW socket does not get, decided before the message is copied for it.
    IcmpFilter,
    SetOnly,
    SOL_RAW,
    ICMP_FILTER,
    u32
);
sockopt_impl!(
    /// The same for ICMPv6, which has a bit for each of its 256 types.
    Icmpv6Filter,
    SetOnly,
    libc::IPPROTO_ICMPV6,
    ICMPV6_FILTER,
    [u32; 8]
);
sockopt_impl!(
    /// Whether packets may be fragmented.
    MtuDiscover,
    SetOnly,
    libc::IPPROTO_IP,
    libc::IP_MTU_DISCOVER,
    libc::c_int
);
sockopt_impl!(
    /// The same for IPv6.
    Ipv6MtuDiscover,
    SetOnly,
    libc::IPPROTO_IPV6,
    libc::IPV6_MTU_DISCOVER,
    libc::c_int
);

/// Room for a reply with its headers, or for an ICMP error with the 1,232 bytes that ICMPv6 quotes at most.
const ROOM_FOR_HEADERS: usize = 2048;

/// How many bytes may wait to be read: the default holds some 250 replies, which a burst exceeds.
const RECEIVE_BUFFER: usize = 1 << 20;

/// Sender and receiver, both born in the namespace that [`Sockets::open`] was called in.
pub(super) struct Sockets {
    client: Client,
    receiver: AsyncFd<Socket>,
    /// RAW, or DGRAM where RAW is not permitted.
    kind: Type,
    ours: Ours,
    /// The interface that a link-local address is meant on; 0 for none.
    scope: u32,
    buffer: Vec<u8>,
    ancillary: Vec<u8>,
}

/// When an echo request left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Departure {
    /// By the clock that the kernel stamps replies with, just before the system call.
    pub(super) wall: SystemTime,
    /// By a clock that nobody sets, for timeouts.
    pub(super) steady: Instant,
}

impl Departure {
    fn now() -> Self {
        Self {
            steady: Instant::now(),
            wall: SystemTime::now(),
        }
    }
}

/// A message that arrived about one of our requests.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) message: Message,
    pub(super) ttl: Option<u8>,
    /// The kernel's stamp.
    pub(super) wall: Option<SystemTime>,
}

impl Sockets {
    pub(super) fn open(request: &Request) -> Result<Self> {
        let v4 = request.destination.is_ipv4();
        let scope = match &request.device {
            Some(device) => nix::net::if_::if_nametoindex(device.as_str())
                .map_err(|errno| no_device(errno, device))?,
            None => 0,
        };

        let client = open_client(request)?;
        let socket = client.get_socket();
        let kind = socket.get_type();
        // SAFETY: the descriptor belongs to `client`, which outlives this borrow.
        let sender = unsafe { BorrowedFd::borrow_raw(socket.get_native_sock()) };
        let sender_options = SockRef::from(&sender);
        set_options(&sender_options, request)?;
        if request.dont_fragment || request.forget_path_mtu {
            let (for_v4, for_v6) = if request.forget_path_mtu {
                (libc::IP_PMTUDISC_PROBE, libc::IPV6_PMTUDISC_PROBE)
            } else {
                (libc::IP_PMTUDISC_DO, libc::IPV6_PMTUDISC_DO)
            };
            if v4 {
                setsockopt(&sender, MtuDiscover, &for_v4)?;
            } else {
                setsockopt(&sender, Ipv6MtuDiscover, &for_v6)?;
            }
        }
        // After the interface, as an address of a VRF is local only to a socket that is bound to it.
        if request.source.is_some() || kind == Type::DGRAM {
            let source = request.source.unwrap_or(unspecified(v4));
            sender_options
                .bind(&address(source, 0, scope))
                .map_err(|error| no_source(&error, source))?;
        }

        let (domain, protocol) = if v4 {
            (Domain::IPV4, Protocol::ICMPV4)
        } else {
            (Domain::IPV6, Protocol::ICMPV6)
        };
        let receiver = Socket::new(domain, kind, Some(protocol))?;
        receiver.set_nonblocking(true)?;

        let identifier = if kind == Type::RAW {
            let identifier = NEXT_IDENTIFIER.fetch_add(1, Ordering::Relaxed);
            if v4 {
                setsockopt(&sender, IcmpFilter, &u32::MAX)?;
                receiver.attach_filter(&filter::ours_v4(identifier))?;
            } else {
                setsockopt(&sender, Icmpv6Filter, &[u32::MAX; 8])?;
                receiver.attach_filter(&filter::ours_v6(identifier))?;
            }
            sender_options.attach_filter(&filter::nothing())?;
            identifier
        } else {
            share_identifier(&sender_options, &receiver, request, scope)?
        };

        setsockopt(&receiver, sockopt::ReceiveTimestampns, &true)?;
        if v4 {
            setsockopt(&receiver, sockopt::Ipv4RecvTtl, &true)?;
        } else {
            setsockopt(&receiver, sockopt::Ipv6RecvHopLimit, &true)?;
        }
        // Beyond the system's limit where that is permitted, and up to it where not.
        if setsockopt(&receiver, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            receiver.set_recv_buffer_size(RECEIVE_BUFFER)?;
        }

        let news = Interest::READABLE | Interest::ERROR;
        // SAFETY: a `Socket` owns its descriptor and keeps the same one until it is dropped.
        let receiver = unsafe { AsyncFd::register_with_interest(receiver, news) }
            .map_err(std::io::Error::from)?;

        let mut cookie = random().to_ne_bytes().to_vec();
        cookie.truncate(request.size.into());
        Ok(Self {
            client,
            receiver,
            kind,
            ours: Ours {
                destination: request.destination,
                identifier,
                cookie,
            },
            scope,
            buffer: vec![0; ROOM_FOR_HEADERS.max(usize::from(request.size) + 128)],
            ancillary: cmsg_space!(TimeSpec, libc::c_int, [u8; 64]),
        })
    }

    /// The payload of `size` bytes that makes a reply recognisable.
    pub(super) fn payload(&self, size: u16) -> Vec<u8> {
        let pattern = (0..=u8::MAX).cycle();
        let mut payload: Vec<u8> = pattern.take(size.into()).collect();
        payload[..self.ours.cookie.len()].copy_from_slice(&self.ours.cookie);
        payload
    }

    /// What tells our messages from those of others: the identifier, and what the payload begins with.
    pub(super) fn marks(&self) -> (u16, &[u8]) {
        (self.ours.identifier, &self.ours.cookie)
    }

    /// What surge-ping sends with.
    pub(super) async fn sender(&self) -> surge_ping::Pinger {
        let identifier = PingIdentifier(self.ours.identifier);
        let mut sender = self.client.pinger(self.ours.destination, identifier).await;
        sender.scope_id(self.scope);
        sender
    }

    /// Sends one echo request; the inner error is the kernel's refusal.
    pub(super) async fn send(
        &self,
        sender: &surge_ping::Pinger,
        sequence: u16,
        payload: &[u8],
    ) -> Result<(Departure, Result<(), Outcome>)> {
        let (departure, sent) = send_once(sender, sequence, payload).await;
        let errno = match sent {
            Ok(()) => return Ok((departure, Ok(()))),
            Err(error) => errno_of(error)?,
        };
        let mtu = if errno == Errno::EMSGSIZE {
            self.mtu_exceeded(sender, sequence, payload).await
        } else {
            None
        };
        Ok((departure, Err(Outcome::SendFailed { errno, mtu })))
    }

    /// Which MTU a request is too long for, which only the error queue tells: so it is refused once more, with the queue on.
    ///
    /// It is not left on: the kernel would then report the ICMP errors of all pingers of the namespace as
    /// failures to send.
    async fn mtu_exceeded(
        &self,
        sender: &surge_ping::Pinger,
        sequence: u16,
        payload: &[u8],
    ) -> Option<u32> {
        let socket = self.client.get_socket();
        // SAFETY: the descriptor belongs to `self.client`, which outlives this borrow.
        let fd = unsafe { BorrowedFd::borrow_raw(socket.get_native_sock()) };
        let v4 = self.ours.destination.is_ipv4();
        report_errors(&fd, v4, true).ok()?;
        let (_, refused) = send_once(sender, sequence, payload).await;
        let mut room = [0; 64];
        let mut ancillary = cmsg_space!([u8; 64]);
        let explained = receive(&fd, &mut room, &mut ancillary, MsgFlags::MSG_ERRQUEUE);
        report_errors(&fd, v4, false).ok()?;
        refused.err()?;
        let error = explained.ok()?.error?;
        (error.origin == libc::SO_EE_ORIGIN_LOCAL).then_some(error.detail)
    }

    /// Waits until something may have arrived.
    pub(super) async fn readable(&self) -> Result<AsyncFdReadyGuard<'_, Socket>> {
        Ok(self
            .receiver
            .ready(Interest::READABLE | Interest::ERROR)
            .await?)
    }

    /// Takes the next message about one of our requests, if one has arrived.
    pub(super) fn receive(&mut self) -> Result<Option<Arrival>> {
        let Self {
            receiver,
            kind,
            ours,
            buffer,
            ancillary,
            ..
        } = self;
        loop {
            match receive(receiver.get_ref(), buffer, ancillary, MsgFlags::empty()) {
                Ok(datagram) => {
                    let message = datagram.from.and_then(|from| {
                        wire::decode(&buffer[..datagram.length], *kind, from, ours)
                    });
                    if let Some(message) = message {
                        return Ok(Some(Arrival {
                            message,
                            ttl: datagram.ttl.or_else(|| ttl_in_header(buffer, *kind, ours)),
                            wall: datagram.wall,
                        }));
                    }
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                // What the error queue below explains.
                Err(_) if *kind == Type::DGRAM => {}
                Err(errno) => return Err(Error::sys(errno).doing_plain("receive ICMP messages")),
            }
        }
        if *kind == Type::RAW {
            return Ok(None);
        }
        loop {
            match receive(
                receiver.get_ref(),
                buffer,
                ancillary,
                MsgFlags::MSG_ERRQUEUE,
            ) {
                Ok(datagram) => {
                    if let Some(message) = explained(&datagram, buffer) {
                        return Ok(Some(Arrival {
                            message,
                            ttl: None,
                            wall: datagram.wall,
                        }));
                    }
                }
                Err(Errno::EINTR) => {}
                Err(_) => return Ok(None),
            }
        }
    }
}

/// Random at the start, so that two processes in one namespace differ; then one further for each pinger, so that those
/// of one process do.
static NEXT_IDENTIFIER: LazyLock<AtomicU16> = LazyLock::new(|| {
    let [low, high, ..] = random().to_ne_bytes();
    AtomicU16::new(u16::from_ne_bytes([low, high]))
});

/// The seed of the standard library's hash maps is random enough to be told apart by.
fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

fn unspecified(v4: bool) -> IpAddr {
    if v4 {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    }
}

fn address(ip: IpAddr, port: u16, scope: u32) -> SockAddr {
    match ip {
        IpAddr::V4(_) => SocketAddr::new(ip, port).into(),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, scope).into(),
    }
}

fn open_client(request: &Request) -> Result<Client> {
    let mut config = Config::builder().sock_type_hint(Type::RAW);
    if request.destination.is_ipv6() {
        config = config.kind(ICMP::V6);
    }
    if let Some(device) = &request.device {
        config = config.interface(device);
    }
    if let Some(ttl) = request.ttl {
        config = config.ttl(ttl.into());
    }
    Client::new(&config.build()).map_err(|error| {
        let error = Error::io(&error);
        if error.kind == Kind::Denied {
            error
                .cause("neither a RAW nor an unprivileged ICMP socket is permitted here")
                .hint(format!("{}; or allow it for all: `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"`", crate::privilege::hint()))
        } else {
            error
        }
    })
}

/// Sets what a request says of its packets beside their size and their time to live.
fn set_options(sender: &Socket, request: &Request) -> Result<()> {
    // What `ping -b` has to be told: without it the kernel refuses a broadcast address with EACCES.
    sender.set_broadcast(true)?;
    if let Some(mark) = request.mark {
        sender.set_mark(mark).map_err(|error| {
            let error = Error::io(&error);
            if error.kind == Kind::Denied {
                error.cause("to mark packets takes CAP_NET_ADMIN in the namespace")
            } else {
                error
            }
        })?;
    }
    if let Some(tos) = request.tos {
        if request.destination.is_ipv4() {
            sender.set_tos_v4(tos.into())?;
        } else {
            sender.set_tclass_v6(tos.into())?;
        }
    }
    Ok(())
}

fn no_device(errno: Errno, device: &str) -> Error {
    match errno {
        Errno::ENODEV => Error::sys(errno).cause(format!("there is no interface `{device}` here")),
        other => Error::sys(other),
    }
}

fn no_source(error: &std::io::Error, source: IpAddr) -> Error {
    let error = Error::io(error);
    match error.errno {
        Some(Errno::EADDRNOTAVAIL) => error.cause(format!(
            "no interface here has the source address `{source}`"
        )),
        _ => error,
    }
}

/// Opens a DGRAM `receiver` to the replies for a `sender` of that type; returns the identifier that the kernel gave the two.
///
/// The kernel takes an identifier for a port: two sockets that reuse addresses may have the same one, and
/// the one bound last is found first, for replies as well as for errors (seen on 6.18, tested in `tests/icmp.rs`).
fn share_identifier(
    sender: &Socket,
    receiver: &Socket,
    request: &Request,
    scope: u32,
) -> Result<u16> {
    let identifier = sender
        .local_addr()?
        .as_socket()
        .map_or(0, |address| address.port());
    sender.set_reuse_address(true)?;
    receiver.set_reuse_address(true)?;
    let v4 = request.destination.is_ipv4();
    let source = request.source.unwrap_or(unspecified(v4));
    receiver.bind(&address(source, identifier, scope))?;
    report_errors(receiver, v4, true)?;
    Ok(identifier)
}

fn report_errors(socket: &impl std::os::fd::AsFd, v4: bool, on: bool) -> nix::Result<()> {
    if v4 {
        setsockopt(socket, sockopt::Ipv4RecvErr, &on)
    } else {
        setsockopt(socket, sockopt::Ipv6RecvErr, &on)
    }
}

/// Sends, and reads the clocks right before the system call even where the first attempt has to wait.
async fn send_once(
    sender: &surge_ping::Pinger,
    sequence: u16,
    payload: &[u8],
) -> (Departure, Result<(), SurgeError>) {
    let mut sending = pin!(sender.send_ping(PingSequence(sequence), payload));
    std::future::poll_fn(|context| {
        let departure = Departure::now();
        match sending.as_mut().poll(context) {
            Poll::Ready(sent) => Poll::Ready((departure, sent)),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

fn errno_of(error: SurgeError) -> Result<Errno> {
    let failed = |error: &dyn std::error::Error| {
        Error::new(Kind::Kernel, error.to_string()).doing_plain("send an echo request")
    };
    match error {
        SurgeError::IOError(io) => match io.raw_os_error() {
            Some(code) => Ok(Errno::from_raw(code)),
            None => Err(failed(&io)),
        },
        other => Err(failed(&other)),
    }
}

/// What one `recvmsg` returned.
struct Datagram {
    length: usize,
    from: Option<IpAddr>,
    ttl: Option<u8>,
    wall: Option<SystemTime>,
    error: Option<ExtendedError>,
}

/// What the error queue says, of `struct sock_extended_err`.
struct ExtendedError {
    origin: u8,
    icmp_type: u8,
    code: u8,
    detail: u32,
    offender: Option<IpAddr>,
}

impl ExtendedError {
    fn new(error: &libc::sock_extended_err, offender: Option<IpAddr>) -> Self {
        Self {
            origin: error.ee_origin,
            icmp_type: error.ee_type,
            code: error.ee_code,
            detail: error.ee_info,
            offender,
        }
    }
}

fn receive(
    socket: &impl AsRawFd,
    buffer: &mut [u8],
    ancillary: &mut [u8],
    flags: MsgFlags,
) -> nix::Result<Datagram> {
    let mut parts = [IoSliceMut::new(buffer)];
    let received =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(ancillary), flags)?;
    let mut datagram = Datagram {
        length: received.bytes,
        from: received.address.as_ref().and_then(ip_of),
        ttl: None,
        wall: None,
        error: None,
    };
    for message in received.cmsgs()? {
        match message {
            ControlMessageOwned::ScmTimestampns(stamp) => {
                datagram.wall = UNIX_EPOCH.checked_add(stamp.into());
            }
            ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => {
                datagram.ttl = u8::try_from(ttl).ok();
            }
            ControlMessageOwned::Ipv4RecvErr(error, offender) => {
                let offender = offender
                    .map(|address| Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)).into());
                datagram.error = Some(ExtendedError::new(&error, offender));
            }
            ControlMessageOwned::Ipv6RecvErr(error, offender) => {
                let offender =
                    offender.map(|address| Ipv6Addr::from(address.sin6_addr.s6_addr).into());
                datagram.error = Some(ExtendedError::new(&error, offender));
            }
            _ => {}
        }
    }
    Ok(datagram)
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(v4.ip().into());
    }
    address.as_sockaddr_in6().map(|v6| v6.ip().into())
}

/// The time to live of an IPv4 packet that a RAW socket received, header and all.
fn ttl_in_header(packet: &[u8], kind: Type, ours: &Ours) -> Option<u8> {
    if kind == Type::RAW && ours.destination.is_ipv4() {
        packet.get(8).copied()
    } else {
        None
    }
}

/// An entry of the error queue: the ICMP error, and with it our own request from the ICMP header on.
fn explained(datagram: &Datagram, request: &[u8]) -> Option<Message> {
    let error = datagram.error.as_ref()?;
    let from = error.offender?;
    let sequence = request[..datagram.length].get(6..8)?.try_into().ok()?;
    Some(Message {
        sequence: u16::from_be_bytes(sequence),
        content: Content::Error(wire::error(from, error.icmp_type, error.code, error.detail)),
    })
}
