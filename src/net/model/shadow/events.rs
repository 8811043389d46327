//! What the kernel tells of the links of a namespace by itself.

use std::collections::HashSet;

use rtnetlink::MulticastGroup;
use rtnetlink::sys::Socket;
use rtnetlink::sys::protocols::NETLINK_ROUTE;

use crate::net::namespace::{self, Namespace};

/// `RTM_NEWLINK` of `linux/rtnetlink.h`.
const NEW_LINK: u16 = 16;

/// A socket that hears of the links of a namespace.
#[derive(Debug)]
pub(super) struct Events(Socket);

impl Events {
    /// Begins to listen. None where that can't be done.
    pub(super) fn of(namespace: &Namespace) -> Option<Self> {
        let mut socket = namespace::within(namespace, || Socket::new(NETLINK_ROUTE))
            .ok()?
            .ok()?;
        socket.set_non_blocking(true).ok()?;
        socket.bind_auto().ok()?;
        socket.add_membership(MulticastGroup::Link as u32).ok()?;
        Some(Self(socket))
    }

    /// The ifindexes of the links that have changed since it was asked last. None where some may have been missed.
    ///
    /// The kernel tells of what a request does before it answers that.
    pub(super) fn heard(&self) -> Option<HashSet<u32>> {
        let mut heard = HashSet::new();
        loop {
            // Its beginning is enough.
            let mut message = Vec::with_capacity(64);
            match self.0.recv(&mut message, 0) {
                Ok(_) => heard.extend(index_of(&message)),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Some(heard),
                Err(_) => return None,
            }
        }
    }
}

/// The ifindex in a message that tells of a link: behind the header of 16 bytes come the family, the type, and it.
fn index_of(message: &[u8]) -> Option<u32> {
    let kind = u16::from_ne_bytes(message.get(4..6)?.try_into().ok()?);
    let is_link = kind == NEW_LINK && *message.get(16)? == 0;
    let index = i32::from_ne_bytes(message.get(20..24)?.try_into().ok()?);
    u32::try_from(index).ok().filter(|_| is_link)
}
