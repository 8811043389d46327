//! Where a plan tries out what is only planned: nameless namespaces, one beside each place of the plan, which go with it.
//!
//! What the kernel gives to a new link, what it refuses, and what it takes away along with something else, only the kernel
//! knows. A link that is planned is made in the shadow of its place, under the same ifindex and name; what is asked of it later
//! is asked there first, and a refusal there is one of the plan. A link that stands, and that a planned one needs, has a
//! stand-in there. Of a place that only the plan has the shadow is the whole: its addresses, routes, rules, neighbours, queues
//! and nexthops are read from it.
//!
//! Where no namespace can be made, or a driver would have to be loaded first, the model goes on without.

mod events;
mod message;
mod stand_in;
mod trial;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::fd::RawFd;
use std::path::Path;
use std::rc::Rc;

use nix::errno::Errno;
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_DUMP};
use rtnetlink::packet_route::RouteNetlinkMessage as Message;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};

use super::link::name_of;
use super::{Model, driver};
use crate::net::namespace::{self, Id, Namespace};
use crate::net::packet::Packet;
use crate::net::reopen;
use crate::net::rtnl::{Refusal, Rtnl};
use crate::net::sysctl;

use events::Events;
pub(super) use trial::Verdict;

/// How many there are at most: each takes descriptors, and memory of the kernel.
const MOST: usize = 1024;

/// How many descriptors one has open: its file, a socket to ask, and one to listen.
const DESCRIPTORS: usize = 3;

/// The shadow of one place.
#[derive(Debug)]
pub(super) struct Shadow {
    namespace: Namespace,
    /// Opened where it is first asked.
    kernel: OnceCell<Rtnl>,
    /// The links of the place that are planned, and are here as well.
    planned: RefCell<HashSet<u32>>,
    /// Those that stand in for links which are there before.
    stand_ins: RefCell<HashSet<u32>>,
    /// Every ifindex that a link here has, or had.
    taken: RefCell<HashSet<u32>>,
    /// The links that have changed since the model took them over.
    changed: RefCell<HashSet<u32>>,
    /// Tells of changes, which may be of other links than were asked for.
    events: Option<Events>,
    /// Whether something of the place could not be made here, so that it can't tell of the whole.
    is_blind: Cell<bool>,
}

/// The shadows of all places.
#[derive(Debug, Default)]
pub(super) struct Shadows {
    /// None for a place that can have none.
    known: RefCell<HashMap<Id, Option<Rc<Shadow>>>>,
    /// Those of places that are no more.
    gone: RefCell<Vec<Rc<Shadow>>>,
    /// Whether the modules are there that were asked for, by their names.
    ready: RefCell<HashMap<String, bool>>,
    /// Whether the kernel renames a link that is up, where that was asked.
    renames_up: Cell<Option<bool>>,
}

impl Shadows {
    /// The modules that were asked for and are not there, in order.
    pub(super) fn untried(&self) -> Vec<String> {
        let ready = self.ready.borrow();
        let missing = ready.iter().filter(|(_, is_ready)| !**is_ready);
        let mut names: Vec<_> = missing.map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }

    /// Whether the kernel renames a link that is up, as it does since Linux 6.2: the loopback of a new namespace tells.
    pub(super) async fn renames_up(&self) -> bool {
        if let Some(known) = self.renames_up.get() {
            return known;
        }
        let Some(tried) = Shadow::make() else {
            return true;
        };
        let mut up = LinkMessage::default();
        up.header.index = 1;
        up.header.flags = LinkFlags::Up;
        up.header.change_mask = LinkFlags::Up;
        let mut named = LinkMessage::default();
        named.header.index = 1;
        let name = LinkAttribute::IfName("ipvsh-plan".to_owned());
        named.attributes.push(name);
        let is_up = tried.send(Message::NewLink(up), NLM_F_ACK).await.is_ok();
        let renamed = tried.send(Message::NewLink(named), NLM_F_ACK).await;
        let is_refused = renamed.is_err_and(|refusal| refusal.errno == Errno::EBUSY);
        let may = !(is_up && is_refused);
        self.renames_up.set(Some(may));
        may
    }
}

impl Shadow {
    /// The value of the setting in that file below `/proc/sys`.
    pub(super) fn setting(&self, file: &Path) -> Result<String, Errno> {
        let read = || fs::read_to_string(file);
        namespace::within(&self.namespace, read)
            .map_err(|error| error.errno.unwrap_or(Errno::EIO))?
            .map_err(|error| errno_of(&error))
    }

    /// Sets it.
    pub(super) fn set(&self, file: &Path, value: &str) -> Result<(), Errno> {
        namespace::within(&self.namespace, || sysctl::write_file(file, value))
            .map_err(|error| error.errno.unwrap_or(Errno::EIO))?
    }

    /// What a request names it by. It stays open for as long as the plan needs it.
    fn number(&self) -> RawFd {
        let reference = self.namespace.reference();
        reference.map_or(-1, |reference| reference.number())
    }

    fn make() -> Option<Self> {
        let namespace = Namespace::make().ok()?;
        let events = Events::of(&namespace);
        Some(Self {
            namespace,
            kernel: OnceCell::new(),
            planned: RefCell::default(),
            stand_ins: RefCell::default(),
            taken: RefCell::default(),
            changed: RefCell::default(),
            events,
            is_blind: Cell::new(false),
        })
    }

    async fn send(&self, message: Message, flags: u16) -> Result<Vec<Message>, Refusal> {
        let answers = self.send_any(Packet::Route(message), flags).await?;
        let known = answers.into_iter().filter_map(|answer| match answer {
            Packet::Route(message) => Some(message),
            Packet::Nexthop(_) => None,
        });
        Ok(known.collect())
    }

    async fn send_any(&self, message: Packet, flags: u16) -> Result<Vec<Packet>, Refusal> {
        let kernel = if let Some(kernel) = self.kernel.get() {
            kernel
        } else {
            let opened = Rtnl::of_kernel(&self.namespace);
            let opened = opened.map_err(|error| Refusal::of(error.errno.unwrap_or(Errno::EIO)))?;
            self.kernel.get_or_init(|| opened)
        };
        Box::pin(kernel.send(message, flags)).await
    }

    /// Notes that the plan's link `index` is here from now on.
    fn note_planned(&self, index: u32) {
        self.planned.borrow_mut().insert(index);
        self.taken.borrow_mut().insert(index);
        self.changed.borrow_mut().insert(index);
    }

    fn has(&self, index: u32) -> bool {
        self.planned.borrow().contains(&index) || self.stand_ins.borrow().contains(&index)
    }

    async fn links(&self) -> Vec<LinkMessage> {
        let all = Message::GetLink(LinkMessage::default());
        let answers = self.send(all, NLM_F_DUMP).await.unwrap_or_default();
        let links: Vec<_> = answers.into_iter().filter_map(as_link).collect();
        let indexes = links.iter().map(|link| link.header.index);
        self.taken.borrow_mut().extend(indexes);
        links
    }

    async fn link(&self, index: u32) -> Option<LinkMessage> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        let answers = self.send(Message::GetLink(message), 0).await.ok()?;
        answers.into_iter().find_map(as_link)
    }

    /// Listens to what has happened until now.
    async fn listen(&self) {
        let heard = self.events.as_ref().and_then(Events::heard);
        let indexes = if let Some(indexes) = heard {
            indexes
        } else {
            // Who can't listen, or has missed something, looks at all.
            let links = self.links().await;
            links.iter().map(|link| link.header.index).collect()
        };
        self.taken.borrow_mut().extend(&indexes);
        self.changed.borrow_mut().extend(indexes);
    }

    /// Whether a link here has the ifindex.
    async fn has_index(&self, index: u32) -> bool {
        if self.taken.borrow().is_empty() {
            self.links().await;
        }
        self.listen().await;
        self.taken.borrow().contains(&index)
    }
}

fn errno_of(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}

fn as_link(message: Message) -> Option<LinkMessage> {
    match message {
        Message::NewLink(link) => Some(link),
        _ => None,
    }
}

impl Model {
    /// The shadow of a place, which is made where there is none yet.
    pub(super) fn shadow(&self, id: Id) -> Option<Rc<Shadow>> {
        let known = self.shadows.known.borrow().get(&id).cloned();
        known.unwrap_or_else(|| {
            let mut known = self.shadows.known.borrow_mut();
            let has_room = known.len() < MOST.min(reopen::spare() / DESCRIPTORS);
            let made = has_room.then(Shadow::make).flatten().map(Rc::new);
            known.insert(id, made.clone());
            made
        })
    }

    /// The shadow of a place, where it has one and that can tell of the whole.
    pub(super) fn whole_shadow(&self, id: Id) -> Option<Rc<Shadow>> {
        let known = self.shadows.known.borrow().get(&id).cloned().flatten();
        known.filter(|shadow| !shadow.is_blind.get())
    }

    /// Whether the kernel module is there, or the kernel would not load one of that name: a plan loads none.
    pub(super) fn is_ready(&self, module: &str) -> bool {
        let mut ready = self.shadows.ready.borrow_mut();
        let known = ready.get(module).copied();
        known.unwrap_or_else(|| {
            let is_ready = driver::is_ready(module);
            ready.insert(module.to_owned(), is_ready);
            is_ready
        })
    }

    /// Where a setting is read and set by the plan: the shadow, of a place that only the plan has, and of links that only it has.
    pub(super) fn shadow_for(&self, id: Id, file: &Path) -> Option<Rc<Shadow>> {
        let is_imagined = self.places.borrow_mut().place(id).is_imagined;
        if is_imagined {
            return self.shadow(id).filter(|shadow| !shadow.is_blind.get());
        }
        let shadow = self.whole_shadow(id)?;
        // `/proc/sys/net/ipv4/conf/LINK/NAME`
        let name = file.parent()?.file_name()?.to_str()?;
        let mut places = self.places.borrow_mut();
        let links = &places.place(id).links;
        let link = links.iter().find(|link| name_of(link) == Some(name))?;
        let is_planned = shadow.planned.borrow().contains(&link.header.index);
        is_planned.then_some(shadow)
    }

    /// Notes that a place is no more, so that its shadow is to end.
    pub(super) fn forget_shadow(&self, id: Id) {
        if let Some(gone) = self.shadows.known.borrow_mut().remove(&id).flatten() {
            self.shadows.gone.borrow_mut().push(gone);
        }
    }

    /// Ends the shadows of places that are no more. Their links first: with a namespace they go late, and so do their far ends.
    async fn end_shadows(&self) {
        for gone in self.shadows.gone.take() {
            let planned = gone.planned.borrow().clone();
            for index in planned {
                let mut link = LinkMessage::default();
                link.header.index = index;
                // One may have gone with another.
                let _ = gone.send(Message::DelLink(link), NLM_F_ACK).await;
            }
        }
    }
}
