//! Which rule of nftables takes a packet, and what addresses others give it, as the kernel itself tells it: by `meta nftrace`.
//!
//! Tables of our own mark certain packets at the first hooks that they come by, and the kernel tells of each rule that sees
//! one. Chains of ours at the last hooks see which addresses it has then. The tables are owned by the socket that made them
//! (`NFT_TABLE_F_OWNER`, Linux 5.12): the kernel takes them away when that socket closes, also where this program is killed, and
//! nothing is to be tidied up. Where a kernel can't do that, no rule is traced.

mod header;
mod message;
mod request;

use std::collections::HashMap;
use std::net::IpAddr;

use nix::errno::Errno;
use rtnetlink::sys::protocols::NETLINK_NETFILTER;
use rtnetlink::sys::{Socket, SocketAddr};

use crate::net::namespace::{self, Namespace};
use crate::net::rtnl::Refusal;
use header::{Packet, What};
use message::messages;

pub use request::{Family, Marked};

const GROUP_TRACE: u32 = 9;

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

/// The addresses that packets have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Where they come from.
    pub from: IpAddr,
    /// Where they go to.
    pub to: IpAddr,
}

/// What was told of the marked packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// What has taken one of them.
    pub taken: Option<Taken>,
    /// Whether one came by at all.
    pub has_come: bool,
    /// The address that echo requests go to when they are routed, whatever they went to before.
    pub to: Option<IpAddr>,
    /// Their addresses when they leave.
    pub leaving: Option<Addresses>,
}

/// Marks packets in a namespace, until it is dropped.
#[derive(Debug)]
pub struct Tracer {
    /// The first one is told, each of them owns a table.
    sockets: Vec<Socket>,
    table: String,
    /// The addresses for which questions count.
    next: Vec<IpAddr>,
    /// The packets that were told of, by the kernel's number.
    packets: HashMap<u32, Packet>,
    told: Told,
}

/// A socket of the packet filter in the namespace.
fn open(namespace: &Namespace) -> Result<Socket, Refusal> {
    let open = || -> std::io::Result<Socket> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(socket)
    };
    namespace::within(namespace, open)
        .map_err(|error| Refusal::of(error.errno.unwrap_or(Errno::EIO)))?
        .map_err(failed)
}

fn failed(error: std::io::Error) -> Refusal {
    Refusal::of(Errno::from_raw(error.raw_os_error().unwrap_or(0)))
}

/// Makes a table that is owned by the socket.
fn make(socket: &Socket, table: &str, family: &Family, marked: Marked) -> Result<(), Refusal> {
    let (batch, asked) = request::batch(table, family, marked);
    socket.send(&batch, 0).map_err(failed)?;
    for _ in 0..asked {
        let (answer, _) = socket.recv_from_full().map_err(failed)?;
        for message in messages(&answer) {
            if let Some(errno) = message.errno().filter(|errno| *errno != 0) {
                return Err(Refusal::of(Errno::from_raw(-errno)));
            }
        }
    }
    Ok(())
}

/// Whether something in the namespace gives packets other addresses: a chain of type nat.
pub fn translates(namespace: &Namespace) -> bool {
    // Those of the older kernel interface are listed there.
    let older = namespace::within(namespace, || {
        ["ip_tables_names", "ip6_tables_names"].map(|file| {
            std::fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap_or_default()
        })
    });
    let is_older = |files: [String; 2]| files.iter().any(|text| text.lines().any(|it| it == "nat"));
    older.is_ok_and(is_older) || has_chain(namespace).unwrap_or(false)
}

fn has_chain(namespace: &Namespace) -> Result<bool, Refusal> {
    const DONE: u16 = 3;
    let socket = open(namespace)?;
    socket.send(&request::all_chains(), 0).map_err(failed)?;
    let mut has = false;
    loop {
        let (answer, _) = socket.recv_from_full().map_err(failed)?;
        if answer.is_empty() {
            return Ok(has);
        }
        for message in messages(&answer) {
            if message.kind == DONE || message.errno().is_some() {
                return Ok(has);
            }
            has |= message.chain_type() == Some(b"nat\0");
        }
    }
}

impl Tracer {
    /// Marks the packets, and the questions for the addresses `next`, in tables of the families; of those but that of IP only where
    /// the kernel has them.
    pub fn open(
        namespace: &Namespace,
        marked: Marked,
        families: &[Family],
        next: Vec<IpAddr>,
    ) -> Result<Self, Refusal> {
        let table = format!("ipvsh_why_{}", std::process::id());
        let first = open(namespace)?;
        make(&first, &table, &Family::Inet, marked)?;
        let mut sockets = vec![first];
        for family in families.iter().filter(|family| **family != Family::Inet) {
            let socket = open(namespace)?;
            if make(&socket, &table, family, marked).is_ok() {
                sockets.push(socket);
            }
        }
        // Nothing is told of what was before.
        sockets[0].add_membership(GROUP_TRACE).map_err(failed)?;
        sockets[0].set_non_blocking(true).map_err(failed)?;
        Ok(Self {
            sockets,
            table,
            next,
            packets: HashMap::new(),
            told: Told::default(),
        })
    }

    /// What was told of the packets so far.
    pub fn told(&mut self) -> &Told {
        loop {
            match self.sockets[0].recv_from_full() {
                Ok((text, _)) => {
                    for message in messages(&text) {
                        self.hear(&message);
                    }
                }
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
                Err(_) => return &self.told,
            }
        }
    }

    fn hear(&mut self, message: &message::Message<'_>) {
        let (Some(id), Some((table, chain))) = (message.packet_id(), message.spot()) else {
            return;
        };
        if let Some(packet) = message.packet() {
            self.packets.insert(id, packet);
        }
        let Some(Packet { from, to, what }) = self.packets.get(&id).copied() else {
            return;
        };
        if matches!(what, What::Neighbour(..)) && !what.is_about(&self.next) {
            return;
        }
        self.told.has_come = true;
        if table != self.table {
            if self.told.taken.is_none() {
                self.told.taken = message.taken();
            }
        } else if what == What::Request {
            match chain.as_str() {
                "routed" | "sent" => self.told.to = Some(to),
                "leaving" => self.told.leaving = Some(Addresses { from, to }),
                _ => {}
            }
        }
    }
}
