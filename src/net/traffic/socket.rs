//! The sockets of a stream: what they are told, and what the kernel knows of them.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use nix::sys::socket::{getsockopt, setsockopt, sockopt};
use nix::{getsockopt_impl, sockopt_impl};
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::{Error, Result};
use crate::net::listener;
use crate::net::netns::Netns;

/// How many bytes of datagrams may wait to be read.
const ROOM: usize = 4 << 20;

/// The most data that a datagram of IPv4 has room for.
const LARGEST: u32 = 65_507;

/// The words of `struct tcp_info` that every kernel has, and the places in it of those that are read.
type Words = [u32; 26];
const SND_MSS: usize = 4;
const RTT: usize = 17;
const SND_CWND: usize = 20;
const TOTAL_RETRANS: usize = 25;

sockopt_impl!(
    /// What the kernel knows of a connection: the beginning of `struct tcp_info` of `linux/tcp.h`.
    Info,
    GetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_INFO,
    Words
);
sockopt_impl!(
    /// The MTU of the way to whom the socket is connected to.
    Ipv6Mtu,
    GetOnly,
    libc::IPPROTO_IPV6,
    libc::IPV6_MTU,
    libc::c_int
);

/// What sockets are told before they talk.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    pub(super) mss: Option<u32>,
    pub(super) tos: Option<u8>,
}

/// Makes a socket in `netns`, bound to a free port of `own` if that is given.
pub(super) fn open(
    netns: &Netns,
    protocol: listener::Protocol,
    family: IpAddr,
    own: Option<IpAddr>,
    told: Told,
) -> Result<Socket> {
    netns.within(|| {
        let domain = Domain::for_address(SocketAddr::new(family, 0));
        let socket = match protocol {
            listener::Protocol::Tcp => Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?,
            listener::Protocol::Udp => Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?,
        };
        socket.set_nonblocking(true)?;
        match (told.tos, family) {
            (Some(tos), IpAddr::V4(_)) => socket.set_tos_v4(tos.into())?,
            (Some(tos), IpAddr::V6(_)) => socket.set_tclass_v6(tos.into())?,
            (None, _) => {}
        }
        if let Some(mss) = told.mss {
            socket.set_tcp_mss(mss)?;
        }
        if protocol == listener::Protocol::Udp
            && setsockopt(&socket, sockopt::RcvBufForce, &ROOM).is_err()
        {
            socket.set_recv_buffer_size(ROOM)?;
        }
        if let Some(own) = own {
            socket.bind(&SocketAddr::new(own, 0).into())?;
        }
        Ok::<_, Error>(socket)
    })?
}

/// The most data that a datagram of the socket can have without being cut into fragments here.
pub(super) fn largest(socket: &Socket, to: IpAddr) -> u32 {
    let (mtu, headers) = match to {
        IpAddr::V4(_) => (getsockopt(socket, sockopt::IpMtu), 28),
        IpAddr::V6(_) => (getsockopt(socket, Ipv6Mtu), 48),
    };
    let mtu = mtu.ok().and_then(|mtu| u32::try_from(mtu).ok());
    mtu.unwrap_or(1280).saturating_sub(headers).min(LARGEST)
}

/// What the kernel knows of a connection from which data is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Connection {
    /// Segments that were sent once more.
    pub(super) retransmits: u64,
    /// The smoothed round-trip time.
    pub(super) rtt: Duration,
    /// How many bytes may be under way.
    pub(super) window: u64,
}

/// What the kernel knows of it now.
pub(super) fn connection(socket: &Socket) -> Option<Connection> {
    let words = getsockopt(socket, Info).ok()?;
    Some(Connection {
        retransmits: words[TOTAL_RETRANS].into(),
        rtt: Duration::from_micros(words[RTT].into()),
        window: u64::from(words[SND_CWND]) * u64::from(words[SND_MSS]),
    })
}
