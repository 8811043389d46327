//! Requests to rtnetlink over a socket born in a namespace: tell the kernel, ask it, and read what it says on refusal.

use std::cell::Cell;
use std::rc::Rc;

use futures::StreamExt;
use futures::future::LocalBoxFuture;
use nix::errno::Errno;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NlasIterator,
};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::packet_route::nsid::{NsidAttribute, NsidMessage};
use rtnetlink::proto::{self, ConnectionHandle};
use rtnetlink::sys::protocols::NETLINK_ROUTE;
use rtnetlink::sys::{AsyncSocket, SocketAddr};
use tokio::task::AbortHandle;

use crate::error::Result;
use crate::net::ending;
use crate::net::fault;
use crate::net::namespace::{self, Namespace};
use crate::net::nexthop::wire::NexthopMessage;
use crate::net::packet::Packet;
use crate::net::seam::{self, Socket, View};

pub use crate::net::refusal::Refusal;

/// `NLMSGERR_ATTR_MSG` of `linux/netlink.h`: the kernel's explanation in words.
const ATTR_TEXT: u16 = 1;
/// Bytes of a netlink message header.
const HEADER_LEN: usize = 16;

/// A connection to rtnetlink, for the namespace that it was opened in. Copies share the socket.
#[derive(Clone, Debug)]
pub struct Rtnl(Way);

/// Who answers.
#[derive(Clone, Debug)]
enum Way {
    Kernel {
        handle: ConnectionHandle<Packet>,
        _connection: Rc<Running>,
    },
    /// Where this thread plans.
    Plan {
        view: Rc<dyn View>,
        /// A socket of the kernel; none where only the plan has the namespace.
        kernel: Option<Rc<Rtnl>>,
    },
}

/// The task that drives a socket; the socket is closed when the last copy goes.
#[derive(Debug)]
struct Running(AbortHandle);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
        CLOSING.set(CLOSING.get() + 1);
    }
}

thread_local! {
    /// How many sockets are to be closed as soon as the runtime has a turn.
    static CLOSING: Cell<usize> = const { Cell::new(0) };
}

/// Gives the runtime a turn where sockets are to be closed: a request that is answered at once, as in a plan, gives it none.
pub async fn close_sockets() {
    if CLOSING.replace(0) > 0 {
        tokio::task::yield_now().await;
    }
}

impl Rtnl {
    /// Opens a socket in `namespace`. To be called within the tokio runtime that will drive it.
    pub fn open(namespace: &Namespace) -> Result<Self> {
        let Some(plan) = seam::plan() else {
            return Self::of_kernel(namespace);
        };
        let kernel = (!namespace.is_imagined()).then(|| Self::of_kernel(namespace));
        let kernel = kernel.transpose()?.map(Rc::new);
        let asked = kernel.clone().map(|kernel| kernel as Rc<dyn Socket>);
        let view = plan.view(namespace.id(), asked);
        Ok(Self(Way::Plan { view, kernel }))
    }

    /// Whether a plan answers, and nothing is done.
    pub(super) fn is_planned(&self) -> bool {
        matches!(self.0, Way::Plan { .. })
    }

    /// Opens a socket to the kernel itself, also where this thread plans.
    pub(super) fn of_kernel(namespace: &Namespace) -> Result<Self> {
        let open = || proto::new_connection::<Packet>(NETLINK_ROUTE);
        let (mut connection, handle, _) = namespace::within(namespace, open)??;
        let socket = connection.socket_mut().socket_mut();
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        let connection = Running(tokio::spawn(connection).abort_handle());
        Ok(Self(Way::Kernel {
            handle,
            _connection: Rc::new(connection),
        }))
    }

    /// Sends a changing request and waits for the acknowledgement; `flags` come on top of `REQUEST | ACK`.
    pub async fn tell(&self, message: impl Into<Packet>, flags: u16) -> Result<(), Refusal> {
        let message = message.into();
        if self.is_planned() {
            return self.send(message, NLM_F_ACK | flags).await.map(drop);
        }
        fault::before().map_err(Refusal::of)?;
        let again = may_be_taken(&message).then(|| message.clone());
        let mut told = self.send(message, NLM_F_ACK | flags).await;
        // A namespace that is about to end may have it still.
        if let Err(Refusal {
            errno: Errno::EEXIST | Errno::EADDRINUSE | Errno::EBUSY,
            ..
        }) = told
            && let Some(again) = again
            && Box::pin(ending::wait()).await
        {
            told = self.send(again, NLM_F_ACK | flags).await;
        }
        fault::after();
        told.map(drop)
    }

    /// Asks for one object.
    pub async fn ask(&self, message: RouteNetlinkMessage) -> Result<RouteNetlinkMessage, Refusal> {
        fault::asking().map_err(Refusal::of)?;
        let mut answers = self.exchange(message, 0).await?;
        answers.pop().ok_or(Refusal::of(Errno::ENOENT))
    }

    /// Asks for all objects of a kind.
    pub async fn dump(
        &self,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, Refusal> {
        fault::asking().map_err(Refusal::of)?;
        self.exchange(message, NLM_F_DUMP).await
    }

    /// Asks for all nexthop objects.
    pub async fn dump_nexthops(
        &self,
        message: NexthopMessage,
    ) -> Result<Vec<NexthopMessage>, Refusal> {
        fault::asking().map_err(Refusal::of)?;
        let answers = self.send(message.into(), NLM_F_DUMP).await?.into_iter();
        let nexthops = answers.filter_map(|answer| match answer {
            Packet::Nexthop(message) => Some(message),
            Packet::Route(_) => None,
        });
        Ok(nexthops.collect())
    }

    /// The id under which this namespace knows `other`, if it has given it one.
    pub async fn nsid_of(&self, other: &Namespace) -> Result<Option<i32>, Refusal> {
        if let Way::Plan { view, kernel } = &self.0 {
            if let Some(known) = view.known_nsid(other.id()) {
                return Ok(Some(known));
            }
            let told = match kernel {
                Some(kernel) if !other.is_imagined() => Box::pin(kernel.nsid_of(other)).await?,
                _ => None,
            };
            if let Some(nsid) = told {
                view.learn_nsid(other.id(), nsid);
            }
            return Ok(told);
        }
        let mut message = NsidMessage::default();
        let other = other
            .reference()
            .map_err(|error| Refusal::of_error(&error))?;
        let fd = u32::try_from(other.number()).map_err(|_| Refusal::of(Errno::EBADF))?;
        message.attributes.push(NsidAttribute::Fd(fd));
        match self.ask(RouteNetlinkMessage::GetNsId(message)).await? {
            RouteNetlinkMessage::NewNsId(answer) => {
                Ok(answer
                    .attributes
                    .iter()
                    .find_map(|attribute| match attribute {
                        NsidAttribute::Id(id) if *id >= 0 => Some(*id),
                        _ => None,
                    }))
            }
            _ => Ok(None),
        }
    }

    /// Has a plan try out what `make` does, which makes a device of that name and that ifindex, and says what it is then; none
    /// where it can't.
    pub(super) async fn try_device(
        &self,
        name: &str,
        make: impl FnOnce(u32) -> Result<(), Errno>,
    ) -> Result<Option<LinkMessage>, Refusal> {
        match &self.0 {
            Way::Kernel { .. } => Ok(None),
            Way::Plan { view, .. } => view.try_device(name, Box::new(make)).await,
        }
    }

    /// Has this namespace know `other` by an id, and returns that.
    pub(super) async fn give_nsid(&self, other: &Namespace) -> Result<i32, Refusal> {
        let reference = other.reference();
        let reference = reference.map_err(|error| Refusal::of_error(&error))?;
        let fd = u32::try_from(reference.number()).map_err(|_| Refusal::of(Errno::EBADF))?;
        let mut message = NsidMessage::default();
        message.attributes = vec![NsidAttribute::Fd(fd), NsidAttribute::Id(-1)];
        let message = Packet::Route(RouteNetlinkMessage::NewNsId(message));
        self.send(message, NLM_F_ACK).await?;
        let given = self.nsid_of(other).await?;
        given.ok_or(Refusal::of(Errno::ENOENT))
    }

    /// Whether nobody holds the namespace any more that this one knows, or knew, under the id `nsid`: it is about to end.
    pub async fn is_ending(&self, nsid: i32) -> Result<bool, Refusal> {
        if self.is_planned() {
            return Ok(false);
        }
        if nsid < 0 {
            return Ok(true);
        }
        let mut message = NsidMessage::default();
        message.attributes.push(NsidAttribute::Id(nsid));
        match self.ask(RouteNetlinkMessage::GetNsId(message)).await {
            Ok(_) => Ok(false),
            Err(refusal) if refusal.errno == Errno::ENOENT => Ok(true),
            Err(refusal) => Err(refusal),
        }
    }

    /// Sends a request and collects what comes back until the kernel is done.
    pub async fn exchange(
        &self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<Vec<RouteNetlinkMessage>, Refusal> {
        let answers = self.send(message.into(), flags).await?.into_iter();
        let known = answers.filter_map(|answer| match answer {
            Packet::Route(message) => Some(message),
            Packet::Nexthop(_) => None,
        });
        Ok(known.collect())
    }

    /// Sends a request, and collects what comes back until the kernel is done.
    pub(super) async fn send(&self, message: Packet, flags: u16) -> Result<Vec<Packet>, Refusal> {
        let handle = match &self.0 {
            Way::Kernel { handle, .. } => handle,
            Way::Plan { view, .. } => return view.exchange(message, flags).await,
        };
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        let request = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        let kernel = SocketAddr::new(0, 0);
        let mut answers = handle
            .request(request, kernel)
            .map_err(|_| Refusal::of(Errno::ENOTCONN))?;
        let mut objects = Vec::new();
        while let Some(answer) = answers.next().await {
            match answer.payload {
                NetlinkPayload::InnerMessage(object) => {
                    objects.push(object);
                    if flags & (NLM_F_DUMP | NLM_F_ACK) == 0 {
                        break;
                    }
                }
                NetlinkPayload::Error(error) => match error.code {
                    None => break,
                    Some(code) => {
                        return Err(Refusal {
                            errno: Errno::from_raw(code.get().abs()),
                            text: explanation(&error.header),
                        });
                    }
                },
                _ => {}
            }
        }
        Ok(objects)
    }
}

impl Socket for Rtnl {
    fn exchange(
        &self,
        message: Packet,
        flags: u16,
    ) -> LocalBoxFuture<'_, Result<Vec<Packet>, Refusal>> {
        Box::pin(self.send(message, flags))
    }
}

/// Whether what the request asks for may be refused for what a link of another namespace has.
fn may_be_taken(message: &Packet) -> bool {
    matches!(
        message,
        Packet::Route(
            RouteNetlinkMessage::NewLink(_)
                | RouteNetlinkMessage::NewLinkProp(_)
                | RouteNetlinkMessage::NewAddress(_)
        )
    )
}

/// The text of the extended acknowledgement that stands behind the header of the refused request.
pub(super) fn explanation(header: &[u8]) -> Option<String> {
    NlasIterator::new(header.get(HEADER_LEN..)?)
        .flatten()
        .find(|attribute| attribute.kind() == ATTR_TEXT)
        .map(|attribute| {
            let text = String::from_utf8_lossy(attribute.value());
            text.trim_end_matches(['\0', '.']).to_owned()
        })
}
