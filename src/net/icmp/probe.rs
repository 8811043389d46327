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

impl Outcome {
    /// Type and code of the ICMP error, and who sent it.
    pub fn icmp(&self) -> Option<(u8, u8, IpAddr)> {
        let of = |from: IpAddr, v4: (u8, u8), v6: (u8, u8)| {
            let (icmp_type, code) = if from.is_ipv4() { v4 } else { v6 };
            (icmp_type, code, from)
        };
        match *self {
            Self::Unreachable { from, what } => {
                let code = what.code(from.is_ipv4());
                Some(of(from, (3, code), (1, code)))
            }
            Self::TtlExceeded { from } => Some(of(from, (11, 0), (3, 0))),
            Self::FragmentationNeeded { from, .. } => Some(of(from, (3, 4), (2, 0))),
            Self::Problem {
                from,
                icmp_type,
                code,
                ..
            } => Some((icmp_type, code, from)),
            Self::Reply { .. } | Self::Duplicate { .. } | Self::Lost | Self::SendFailed { .. } => {
                None
            }
        }
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

/// The codes of ICMP type 3, what they mean, and how scripts see it.
const OF_V4: [(u8, Unreachable, &str); 15] = [
    (0, Unreachable::Net, "net"),
    (1, Unreachable::Host, "host"),
    (2, Unreachable::Protocol, "protocol"),
    (3, Unreachable::Port, "port"),
    (5, Unreachable::SourceRoute, "source_route"),
    (6, Unreachable::NetUnknown, "net_unknown"),
    (7, Unreachable::HostUnknown, "host_unknown"),
    (8, Unreachable::Isolated, "isolated"),
    (9, Unreachable::NetProhibited, "net_prohibited"),
    (10, Unreachable::HostProhibited, "host_prohibited"),
    (11, Unreachable::NetTos, "net_tos"),
    (12, Unreachable::HostTos, "host_tos"),
    (13, Unreachable::Filtered, "prohibited"),
    (14, Unreachable::PrecedenceViolation, "precedence_violation"),
    (15, Unreachable::PrecedenceCutoff, "precedence_cutoff"),
];

/// The same of ICMPv6 type 1.
const OF_V6: [(u8, Unreachable, &str); 5] = [
    (0, Unreachable::Net, "net"),
    (1, Unreachable::Filtered, "prohibited"),
    (2, Unreachable::BeyondScope, "beyond_scope"),
    (3, Unreachable::Host, "host"),
    (4, Unreachable::Port, "port"),
];

impl Unreachable {
    /// Its ICMP code.
    pub fn code(self, v4: bool) -> u8 {
        if let Self::Other(code) = self {
            return code;
        }
        let known = if v4 { &OF_V4[..] } else { &OF_V6[..] };
        let found = known.iter().find(|(_, what, _)| *what == self);
        found.map_or(0, |(code, _, _)| *code)
    }

    /// What scripts see of it.
    pub fn name(self) -> &'static str {
        let mut known = OF_V4.iter().chain(&OF_V6);
        let found = known.find(|(_, what, _)| *what == self);
        found.map_or("other", |(_, _, name)| name)
    }

    /// The meaning of a code of ICMP type 3.
    pub(super) fn of_v4(code: u8) -> Self {
        Self::of(&OF_V4, code)
    }

    /// The meaning of a code of ICMPv6 type 1.
    pub(super) fn of_v6(code: u8) -> Self {
        Self::of(&OF_V6, code)
    }

    fn of(known: &[(u8, Self, &str)], code: u8) -> Self {
        let found = known.iter().find(|(number, _, _)| *number == code);
        found.map_or(Self::Other(code), |(_, what, _)| *what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_told_and_names_itself_again() {
        for code in 0..=20 {
            assert_eq!(Unreachable::of_v4(code).code(true), code);
            assert_eq!(Unreachable::of_v6(code).code(false), code);
        }
        assert_eq!(Unreachable::of_v4(13).name(), "prohibited");
        assert_eq!(Unreachable::of_v6(1).name(), "prohibited");
        assert_eq!(Unreachable::of_v4(4).name(), "other");
    }
}
