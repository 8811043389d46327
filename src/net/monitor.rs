//! What the kernel reports of namespaces by itself: links, addresses, routes, neighbours and rules, as they come and go.
//!
//! The kernel tells of what a request does before it answers that: what was done until [`Monitor::heard`] is called is in its
//! answer.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;

use futures::FutureExt;
use futures::future::select_all;
use rtnetlink::MulticastGroup;
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::sys::Socket;
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::error::{Error, Result};
use crate::net::link::{self, Snapshot};
use crate::net::namespace::{self, Id};
use crate::net::netns::Netns;
use crate::net::{address, neighbour, route, rule};
use crate::value::mac;

/// What is listened to.
const GROUPS: [MulticastGroup; 8] = [
    MulticastGroup::Link,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv6Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Route,
    MulticastGroup::Ipv4Rule,
    MulticastGroup::Ipv6Rule,
    MulticastGroup::Neigh,
];

/// Room for the largest message of the kernel.
const ROOM: usize = 64 << 10;

/// How many bytes of messages may wait to be read.
const BUFFER: libc::c_int = 4 << 20;

/// The kinds of things that are reported.
pub const KINDS: [&str; 6] = ["link", "addr", "route", "neighbor", "rule", "lost"];

/// What can become of a thing.
pub const CHANGES: [&str; 3] = ["new", "changed", "gone"];

/// A report of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The namespace, as the user calls it.
    pub netns: String,
    /// What it is about: one of [`KINDS`]. `lost` says that there were more reports than could be kept.
    pub kind: &'static str,
    /// What became of it: one of [`CHANGES`].
    pub change: &'static str,
    /// The name of the link that it is about, or on.
    pub link: Option<String>,
    /// What it is, as `ip` prints it.
    pub text: String,
}

impl Event {
    /// It in a line: `a: link v0 changed: veth UP mtu 1500`.
    pub fn line(&self) -> String {
        let Self {
            netns,
            kind,
            change,
            link,
            text,
        } = self;
        match (*kind, link) {
            ("link", Some(link)) => format!("{netns}: link {link} {change}: {text}"),
            _ => format!("{netns}: {kind} {change}: {text}"),
        }
    }
}

/// A socket in a namespace.
#[derive(Debug)]
struct Ear(Socket);

impl AsRawFd for Ear {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[derive(Debug)]
struct Place {
    netns: Rc<Netns>,
    ear: AsyncFd<Ear>,
    /// The links as they were told last, by ifindex.
    links: HashMap<u32, Snapshot>,
    /// The neighbours that are known: by the link's ifindex, and address.
    neighbours: HashSet<(u32, IpAddr)>,
}

/// Listens in namespaces.
#[derive(Debug, Default)]
pub struct Monitor {
    places: Vec<Place>,
}

impl Monitor {
    /// Begins to listen in the namespace, where it does not yet. To be called within the tokio runtime.
    pub async fn listen(&mut self, netns: &Rc<Netns>) -> Result<()> {
        let id = netns.namespace().id();
        let mut known = self.places.iter();
        if known.any(|place| place.netns.namespace().id() == id) {
            return Ok(());
        }
        let io = |error: std::io::Error| Error::io(&error).doing_plain("listen to the kernel");
        let open = || Socket::new(NETLINK_ROUTE);
        let mut socket = namespace::within(netns.namespace(), open)?.map_err(io)?;
        socket.set_non_blocking(true).map_err(io)?;
        // As much as is permitted.
        let _ = socket.set_rx_buf_sz(BUFFER);
        socket.bind_auto().map_err(io)?;
        for group in GROUPS {
            socket.add_membership(group as u32).map_err(io)?;
        }
        let rtnl = netns.rtnl()?;
        let links = link::list(&rtnl).await?;
        let neighbours = neighbour::list(&rtnl).await?;
        // SAFETY: the socket owns its descriptor and keeps the same one until it is dropped.
        let ear = unsafe { AsyncFd::register_with_interest(Ear(socket), Interest::READABLE) };
        self.places.push(Place {
            netns: netns.clone(),
            ear: ear.map_err(|error| io(error.into()))?,
            links: links.into_iter().map(|link| (link.index, link)).collect(),
            neighbours: neighbours.iter().map(|one| (one.link, one.ip)).collect(),
        });
        Ok(())
    }

    /// Listens no more in others than these.
    pub fn retain(&mut self, namespaces: &HashSet<Id>) {
        self.places
            .retain(|place| namespaces.contains(&place.netns.namespace().id()));
    }

    /// All that was reported since it was asked last.
    pub fn heard(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for place in &mut self.places {
            place.hear(&mut events);
        }
        events
    }

    /// Waits until something is reported.
    pub async fn ready(&self) {
        let waits = self.places.iter().map(|place| {
            async {
                if let Ok(mut guard) = place.ear.readable().await {
                    guard.clear_ready();
                }
            }
            .boxed_local()
        });
        let waits: Vec<_> = waits.collect();
        if waits.is_empty() {
            std::future::pending::<()>().await;
        }
        select_all(waits).await;
    }
}

impl Place {
    fn hear(&mut self, events: &mut Vec<Event>) {
        loop {
            let mut bytes = Vec::with_capacity(ROOM);
            match self.ear.get_ref().0.recv(&mut bytes, 0) {
                Ok(_) => self.read(&bytes, events),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    let text = "more was reported than could be kept";
                    events.push(self.event("lost", "changed", None, text.to_owned()));
                }
                Err(_) => return,
            }
        }
    }

    /// Reads a datagram, which may hold several messages.
    fn read(&mut self, mut bytes: &[u8], events: &mut Vec<Event>) {
        while let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes) {
            // Messages begin at multiples of four bytes.
            let length = (message.header.length as usize).next_multiple_of(4);
            if let NetlinkPayload::InnerMessage(message) = message.payload {
                events.extend(self.told(message));
            }
            match bytes.get(length..) {
                Some(rest) if length > 0 && !rest.is_empty() => bytes = rest,
                _ => return,
            }
        }
    }

    fn event(
        &self,
        kind: &'static str,
        change: &'static str,
        link: Option<String>,
        text: String,
    ) -> Event {
        let netns = self.netns.label().to_owned();
        Event {
            netns,
            kind,
            change,
            link,
            text,
        }
    }

    fn told(&mut self, message: RouteNetlinkMessage) -> Option<Event> {
        use RouteNetlinkMessage as Told;
        let is_gone = matches!(
            message,
            Told::DelLink(_)
                | Told::DelAddress(_)
                | Told::DelRoute(_)
                | Told::DelNeighbour(_)
                | Told::DelRule(_)
        );
        let change = if is_gone { "gone" } else { "new" };
        let name = |index: u32| self.links.get(&index).map(|link| link.name.clone());
        match message {
            // What a bridge tells of its ports so is told of the links as well.
            Told::NewLink(message) | Told::DelLink(message)
                if message.header.interface_family == AddressFamily::Bridge =>
            {
                None
            }
            Told::NewLink(message) => self.link(message.into()),
            Told::DelLink(message) => {
                let link: Snapshot = message.into();
                let gone = self.links.remove(&link.index)?;
                Some(self.event("link", change, Some(gone.name), gone.kind))
            }
            Told::NewAddress(_) | Told::DelAddress(_) => {
                let (address, _) = address::told(message)?;
                let link = name(address.link);
                let on = link.as_deref().unwrap_or_default();
                let text = format!("{address} dev {on}");
                Some(self.event("addr", change, link, text))
            }
            Told::NewRoute(message) | Told::DelRoute(message) => {
                let route = route::read(&message)?;
                let link = route.link.and_then(name);
                let text = route.line(name);
                Some(self.event("route", change, link, text))
            }
            Told::NewNeighbour(message) | Told::DelNeighbour(message) => {
                let one = neighbour::read(&message)?;
                let key = (one.link, one.ip);
                let change = match change {
                    "new" if !self.neighbours.insert(key) => "changed",
                    "gone" => {
                        self.neighbours.remove(&key);
                        change
                    }
                    _ => change,
                };
                let name = |index: u32| self.links.get(&index).map(|link| link.name.clone());
                let link = name(one.link);
                let mut words = vec![one.ip.to_string()];
                words.extend(link.as_ref().map(|link| format!("dev {link}")));
                let mac = one.mac.as_deref().map(mac::print);
                words.extend(mac.map(|mac| format!("lladdr {mac}")));
                words.push(one.state.to_string().to_uppercase());
                Some(self.event("neighbor", change, link, words.join(" ")))
            }
            Told::NewRule(message) | Told::DelRule(message) => {
                let rule = rule::read(&message);
                let text = format!("{}: {}", rule.priority, rule.words());
                Some(self.event("rule", change, None, text))
            }
            _ => None,
        }
    }

    /// A link as it is now: it is told once more with each change of what nobody sees.
    fn link(&mut self, link: Snapshot) -> Option<Event> {
        let shown = |link: &Snapshot| {
            let kind = link.kind.clone();
            let mac = link.mac.clone();
            let name = link.name.clone();
            (link.up, link.state, link.mtu, link.master, mac, name, kind)
        };
        let was = self.links.insert(link.index, link.clone());
        let change = match was {
            Some(was) if shown(&was) == shown(&link) => return None,
            Some(_) => "changed",
            None => "new",
        };
        let mut words = Vec::new();
        words.extend((!link.kind.is_empty()).then(|| link.kind.clone()));
        words.push(link.state.to_owned());
        words.push(format!("mtu {}", link.mtu));
        let master = link.master.and_then(|index| self.links.get(&index));
        words.extend(master.map(|master| format!("master {}", master.name)));
        Some(self.event("link", change, Some(link.name), words.join(" ")))
    }
}
