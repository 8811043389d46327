//! One echo request, and what became of it.

use std::net::IpAddr;
use std::time::Duration;

use nix::errno::Errno;

/// One echo request and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Which one, counted from 1. On the wire it is this modulo 65,536.
    pub sequence: u64,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an echo request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Reply {
        /// Who answered; not always the address that was asked (broadcast, anycast).
        from: IpAddr,
        /// The size of the ICMP message, header included.
        bytes: usize,
        /// The time to live (hop limit) that was left when the reply arrived.
        ttl: Option<u8>,
        /// From just before it was sent to the kernel's stamp on the reply.
        rtt: Duration,
    },
    /// It was answered once more.
    Duplicate {
        /// Who answered.
        from: IpAddr,
        /// The size of the ICMP message, header included.
        bytes: usize,
        /// The time to live (hop limit) that was left when the reply arrived.
        ttl: Option<u8>,
        /// From just before it was sent to the kernel's stamp on the reply.
        rtt: Duration,
    },
    /// Nothing came back within the timeout.
    Lost,
    /// A router, or this host itself, says that there is no way.
    Unreachable {
        /// Who says so; an address of this host where the neighbour did not answer ARP.
        from: IpAddr,
        /// What exactly can't be reached.
        what: Unreachable,
    },
    /// Its time to live (hop limit) ran out on the way.
    TtlExceeded {
        /// The router at which it did.
        from: IpAddr,
    },
    /// It is too long for a link on the way and may not be fragmented.
    FragmentationNeeded {
        /// The router before that link.
        from: IpAddr,
        /// The MTU of the link, where the router says.
        mtu: Option<u32>,
    },
    /// Any other ICMP error.
    Problem {
        /// Who sent it.
        from: IpAddr,
        /// The ICMP type.
        icmp_type: u8,
        /// The ICMP code.
        code: u8,
        /// The second word of the ICMP header: for a parameter problem, where it is.
        detail: u32,
    },
    /// It never left: the kernel refused to send it.
    SendFailed {
        /// Why.
        errno: Errno,
        /// The MTU that it is too long for, where that is why.
        mtu: Option<u32>,
    },
}

impl Outcome {
    /// The round-trip time, of a reply or a duplicate.
    pub fn rtt(&self) -> Option<Duration> {
        match self {
            Self::Reply { rtt, .. } | Self::Duplicate { rtt, .. } => Some(*rtt),
            _ => None,
        }
    }

    /// Whether the network, or this host, answered with an error; neither a reply nor silence.
    pub fn is_error(&self) -> bool {
        !matches!(
            self,
            Self::Reply { .. } | Self::Duplicate { .. } | Self::Lost
        )
    }
}

/// What can't be reached, in the meanings of RFC 792, 1122, 1812 and 4443.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The router has no route to it.
    Net,
    /// Nobody answers ARP or neighbour discovery for it, or the router has an `unreachable` route.
    Host,
    /// The host does not speak the protocol.
    Protocol,
    /// Nothing listens there.
    Port,
    /// The source route can't be followed.
    SourceRoute,
    /// The network is not known.
    NetUnknown,
    /// The host is not known.
    HostUnknown,
    /// The source host is isolated.
    Isolated,
    /// The network is administratively prohibited.
    NetProhibited,
    /// The host is administratively prohibited.
    HostProhibited,
    /// The network is not reachable with this type of service.
    NetTos,
    /// The host is not reachable with this type of service.
    HostTos,
    /// A firewall or a `prohibit` route refuses it.
    Filtered,
    /// The precedence is too low for the host.
    PrecedenceViolation,
    /// The precedence is too low for the network.
    PrecedenceCutoff,
    /// The source address has a smaller scope than the destination (IPv6).
    BeyondScope,
    /// A code that none of the documents names.
    Other(u8),
}

impl Unreachable {
    /// The meaning of a code of ICMP type 3.
    pub(super) fn of_v4(code: u8) -> Self {
        match code {
            0 => Self::Net,
            1 => Self::Host,
            2 => Self::Protocol,
            3 => Self::Port,
            5 => Self::SourceRoute,
            6 => Self::NetUnknown,
            7 => Self::HostUnknown,
            8 => Self::Isolated,
            9 => Self::NetProhibited,
            10 => Self::HostProhibited,
            11 => Self::NetTos,
            12 => Self::HostTos,
            13 => Self::Filtered,
            14 => Self::PrecedenceViolation,
            15 => Self::PrecedenceCutoff,
            other => Self::Other(other),
        }
    }

    /// The meaning of a code of ICMPv6 type 1.
    pub(super) fn of_v6(code: u8) -> Self {
        match code {
            0 => Self::Net,
            1 => Self::Filtered,
            2 => Self::BeyondScope,
            3 => Self::Host,
            4 => Self::Port,
            other => Self::Other(other),
        }
    }
}
