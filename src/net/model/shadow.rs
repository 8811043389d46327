//! Where a plan tries out what is only planned: nameless namespaces, one beside each place of the plan, which go with it.
//!
//! What the kernel gives to a new link, what it refuses, and what it takes away along with something else, only the kernel
//! knows. A link that is planned is made in the shadow of its place, under the same ifindex and name; what is asked of it later
//! is asked there first, and a refusal there is one of the plan. A link that stands, and that a planned one needs, has a
//! stand-in there. Of a place that only the plan has the shadow is the whole: its addresses, routes, rules, neighbours, queues
//! and nexthops are read from it.
//!
//! Where no namespace can be made, or a driver would have to be loaded first, the model goes on without.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::os::fd::RawFd;
use std::rc::Rc;

use nix::errno::Errno;
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, Nla, NlasIterator};
use rtnetlink::packet_route::RouteNetlinkMessage as Message;
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoNetkit, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage};

use super::answer::View;
use super::link::{infos_of, kind_of, master_of, name_of, parent_of, peer_of, set, target_of};
use super::place::Place;
use super::{Model, driver};
use crate::net::namespace::{Id, Namespace};
use crate::net::nexthop::wire::{NexthopMessage, Verb};
use crate::net::packet::Packet;
use crate::net::rtnl::{Refusal, Rtnl};
use crate::net::sysctl::Key;

/// The shadow of one place.
#[derive(Debug)]
pub(crate) struct Shadow {
    namespace: Namespace,
    /// Opened where it is first asked.
    kernel: OnceCell<Rtnl>,
    /// The links of the place that are planned, and are here as well.
    planned: RefCell<HashSet<u32>>,
    /// Those that stand in for links which are there before.
    stand_ins: RefCell<HashSet<u32>>,
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
}

impl Shadow {
    /// The namespace itself.
    pub(crate) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// What a request names it by. It stays open for as long as the plan needs it.
    fn number(&self) -> RawFd {
        let reference = self.namespace.reference();
        reference.map_or(-1, |reference| reference.number())
    }

    fn make() -> Option<Self> {
        let namespace = Namespace::make().ok()?;
        Some(Self {
            namespace,
            kernel: OnceCell::new(),
            planned: RefCell::default(),
            stand_ins: RefCell::default(),
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

    fn has(&self, index: u32) -> bool {
        self.planned.borrow().contains(&index) || self.stand_ins.borrow().contains(&index)
    }

    async fn links(&self) -> Vec<LinkMessage> {
        let all = Message::GetLink(LinkMessage::default());
        let answers = self.send(all, NLM_F_DUMP).await.unwrap_or_default();
        let links = answers.into_iter().filter_map(|answer| match answer {
            Message::NewLink(link) => Some(link),
            _ => None,
        });
        links.collect()
    }
}

impl Model {
    /// The shadow of a place, which is made where there is none yet.
    pub(super) fn shadow(&self, id: Id) -> Option<Rc<Shadow>> {
        let known = self.shadows.known.borrow().get(&id).cloned();
        known.unwrap_or_else(|| {
            let made = Shadow::make().map(Rc::new);
            self.shadows.known.borrow_mut().insert(id, made.clone());
            made
        })
    }

    /// The shadow of a place, where it has one and that can tell of the whole.
    pub(crate) fn whole_shadow(&self, id: Id) -> Option<Rc<Shadow>> {
        let known = self.shadows.known.borrow().get(&id).cloned().flatten();
        known.filter(|shadow| !shadow.is_blind.get())
    }

    /// Where a setting is read and set by the plan: the shadow, of a place that only the plan has, and of links that only it has.
    pub(crate) fn shadow_for(&self, namespace: &Namespace, key: &Key) -> Option<Rc<Shadow>> {
        let id = namespace.id();
        let shadow = if namespace.is_imagined() {
            self.shadow(id)
        } else {
            self.whole_shadow(id)
        };
        let shadow = shadow.filter(|shadow| !shadow.is_blind.get())?;
        if namespace.is_imagined() {
            return Some(shadow);
        }
        let [_, _, name, _] = key.parts() else {
            return None;
        };
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

/// What the shadows say to a request.
pub(super) enum Verdict {
    /// Nothing: the model is asked alone.
    None,
    /// It can be done.
    Done,
    /// These are all there are.
    Answer(Vec<Message>),
    /// It was done with the link as this says, which has its ifindexes.
    Link(Box<LinkMessage>),
}

impl View {
    /// Tries a request out, or answers a question, in the shadow of this place.
    pub(super) async fn try_out(&self, message: &Message, flags: u16) -> Result<Verdict, Refusal> {
        self.model().end_shadows().await;
        let is_imagined = self.with_place(|place| place.is_imagined);
        self.begin(self.id()).await;
        match message {
            Message::NewLink(link) if self.is_new(link, flags) => {
                return self.try_new_link(link, flags).await;
            }
            Message::NewLink(link) | Message::SetLink(link) if !super::port::is_of_bridge(link) => {
                return self.try_change(link, flags).await;
            }
            _ => {}
        }
        let Some(shadow) = self.model().whole_shadow(self.id()) else {
            return Ok(Verdict::None);
        };
        let index = match message {
            Message::DelLink(link) if !super::port::is_of_bridge(link) => {
                let Some(index) = self.with_place(|p| p.find(link).map(|l| l.header.index)) else {
                    return Ok(Verdict::None);
                };
                if shadow.has(index) {
                    let mut gone = LinkMessage::default();
                    gone.header.index = index;
                    shadow.send(Message::DelLink(gone), NLM_F_ACK).await?;
                    shadow.planned.borrow_mut().remove(&index);
                    shadow.stand_ins.borrow_mut().remove(&index);
                }
                return Ok(Verdict::Done);
            }
            Message::SetLink(link)
            | Message::DelLink(link)
            | Message::NewLinkProp(link)
            | Message::DelLinkProp(link) => Some(link.header.index),
            Message::NewAddress(m) | Message::DelAddress(m) => Some(m.header.index),
            Message::NewNeighbour(m) | Message::DelNeighbour(m) => Some(m.header.ifindex),
            Message::NewQueueDiscipline(m)
            | Message::DelQueueDiscipline(m)
            | Message::NewTrafficClass(m)
            | Message::DelTrafficClass(m)
            | Message::NewTrafficFilter(m)
            | Message::DelTrafficFilter(m) => u32::try_from(m.header.index).ok(),
            _ => None,
        };
        let is_question = matches!(
            message,
            Message::GetAddress(_)
                | Message::GetRoute(_)
                | Message::GetRule(_)
                | Message::GetNeighbour(_)
                | Message::GetQueueDiscipline(_)
                | Message::GetTrafficClass(_)
                | Message::GetTrafficFilter(_)
        );
        if is_question {
            return if is_imagined {
                shadow
                    .send(message.clone(), flags)
                    .await
                    .map(Verdict::Answer)
            } else {
                Ok(Verdict::None)
            };
        }
        let is_change = index.is_some()
            || matches!(
                message,
                Message::NewRoute(_)
                    | Message::DelRoute(_)
                    | Message::NewRule(_)
                    | Message::DelRule(_)
            );
        let by = match message {
            Message::NewRoute(route) | Message::DelRoute(route) => oif_of(route),
            _ => index,
        };
        let is_here =
            is_imagined || by.is_some_and(|index| shadow.planned.borrow().contains(&index));
        if !is_change || !is_here {
            return Ok(Verdict::None);
        }
        shadow.send(message.clone(), flags | NLM_F_ACK).await?;
        Ok(Verdict::Done)
    }

    /// The same for nexthop objects.
    pub(super) async fn try_nexthops(
        &self,
        message: &NexthopMessage,
        flags: u16,
    ) -> Result<Option<Vec<NexthopMessage>>, Refusal> {
        if !self.with_place(|place| place.is_imagined) {
            return Ok(None);
        }
        self.begin(self.id()).await;
        let Some(shadow) = self.model().whole_shadow(self.id()) else {
            return Ok(None);
        };
        let flags = match message.verb {
            Verb::Get => flags,
            Verb::New | Verb::Del => flags | NLM_F_ACK,
        };
        let answers = shadow
            .send_any(Packet::Nexthop(message.clone()), flags)
            .await?;
        let nexthops = answers.into_iter().filter_map(|answer| match answer {
            Packet::Nexthop(message) => Some(message),
            Packet::Route(_) => None,
        });
        Ok(Some(nexthops.collect()))
    }

    fn is_new(&self, link: &LinkMessage, flags: u16) -> bool {
        flags & NLM_F_CREATE != 0
            && (flags & NLM_F_EXCL != 0 || self.with_place(|place| place.find(link).is_none()))
    }

    /// Whether a name that the message asks for is taken, by the plan.
    fn is_taken(&self, target: Id, link: &LinkMessage) -> bool {
        let peer = link.attributes.iter().find_map(peer_of);
        let far = peer.and_then(|peer| target_of(peer).ok().flatten());
        let ends = [(target, Some(link)), (far.unwrap_or(target), peer)];
        let mut places = self.model().places.borrow_mut();
        ends.into_iter().any(|(id, end)| {
            let name = end.and_then(name_of);
            name.is_some_and(|name| places.place(id).has_name(name))
        })
    }

    /// A place that only the plan has begins as a new namespace does, with what drivers put there by themselves.
    async fn begin(&self, id: Id) {
        let is_to_begin =
            |place: &mut Place| place.is_imagined && !std::mem::replace(&mut place.is_begun, true);
        if !is_to_begin(self.model().places.borrow_mut().place(id)) {
            return;
        }
        if let Some(shadow) = self.model().shadow(id) {
            let links = shadow.links().await;
            let indexes = links.iter().map(|link| link.header.index);
            shadow.planned.borrow_mut().extend(indexes);
            self.model().places.borrow_mut().place(id).links = links;
        }
    }

    /// Makes a planned link in the shadow of the place that it is to live in.
    async fn try_new_link(&self, link: &LinkMessage, flags: u16) -> Result<Verdict, Refusal> {
        let home = self.id();
        let target = target_of(link).ok().flatten().unwrap_or(home);
        let blind = |id: Id| {
            if let Some(shadow) = self.model().shadow(id) {
                shadow.is_blind.set(true);
            }
            Ok(Verdict::None)
        };
        let Some(kind) = kind_of(link) else {
            return Ok(Verdict::None);
        };
        if *kind == InfoKind::Tun {
            // Which is made by opening it: see `try_device`.
            return Ok(Verdict::Done);
        }
        let peer = link.attributes.iter().find_map(peer_of);
        let far = peer.and_then(|peer| target_of(peer).ok().flatten());
        for id in [Some(target), far].into_iter().flatten() {
            self.begin(id).await;
        }
        if self.is_taken(target, link) {
            return Err(Refusal::of(Errno::EEXIST));
        }
        let (Some(near), Some(sender)) = (self.model().shadow(target), self.model().shadow(home))
        else {
            return Ok(Verdict::None);
        };
        if near.is_blind.get() || sender.is_blind.get() || !driver::is_ready(kind) {
            return blind(target);
        }
        for index in carriers_of(link) {
            if !self.ensure_present(&sender, index).await {
                return blind(target);
            }
        }
        let index = self.free_index(target, &near, link.header.index).await;
        let Some(asked) = self.translated(link, index).await else {
            return blind(target);
        };
        let made = sender.send(Message::NewLink(asked.clone()), flags | NLM_F_ACK);
        match made.await {
            // Older kernels want the name to be free in the sender's namespace too (seen on Linux 6.1).
            Err(refusal) if refusal.errno == Errno::EEXIST && target != home => {
                return blind(target);
            }
            made => made?,
        };
        near.planned.borrow_mut().insert(index);
        let mut made = link.clone();
        made.header.index = index;
        let end = asked.attributes.iter().find_map(peer_of);
        if let (Some(end), Some(peer)) = (end, peer_mut(&mut made)) {
            peer.header.index = end.header.index;
            let far = target_of(peer).ok().flatten().unwrap_or(target);
            if let Some(shadow) = self.model().shadow(far) {
                shadow.planned.borrow_mut().insert(end.header.index);
            }
        }
        Ok(Verdict::Link(Box::new(made)))
    }

    /// Changes a link in the shadow.
    async fn try_change(&self, link: &LinkMessage, flags: u16) -> Result<Verdict, Refusal> {
        let home = self.id();
        let Some(present) = self.with_place(|place| place.find(link).cloned()) else {
            return Ok(Verdict::None);
        };
        let index = present.header.index;
        let target = target_of(link).ok().flatten().filter(|id| *id != home);
        if let Some(target) = target {
            self.begin(target).await;
        }
        let Some(shadow) = self.model().shadow(home) else {
            return Ok(Verdict::None);
        };
        if shadow.is_blind.get() {
            return Ok(Verdict::None);
        }
        if !shadow.has(index) {
            // One that stands is tried out only where it comes to a place that is planned.
            let comes =
                target.is_some_and(|id| self.model().places.borrow_mut().place(id).is_imagined);
            if comes && !self.ensure_present(&shadow, index).await {
                if let Some(far) = target.and_then(|id| self.model().shadow(id)) {
                    far.is_blind.set(true);
                }
                return Ok(Verdict::None);
            }
            if !comes {
                return Ok(Verdict::None);
            }
        }
        if let Some(master) = master_of(link).filter(|master| *master > 0)
            && !self.ensure_present(&shadow, master).await
        {
            return Ok(Verdict::None);
        }
        let mut asked = link.clone();
        asked.header.index = index;
        asked
            .attributes
            .retain(|attribute| !matches!(attribute, LinkAttribute::NetNsFd(_)));
        let Some(target) = target else {
            shadow
                .send(Message::NewLink(asked), flags | NLM_F_ACK)
                .await?;
            return Ok(Verdict::Done);
        };
        let Some(far) = self.model().shadow(target) else {
            return Ok(Verdict::None);
        };
        let new = self.free_index(target, &far, index).await;
        let fd = far.number();
        asked.attributes.push(LinkAttribute::NetNsFd(fd));
        if let Ok(number) = i32::try_from(new) {
            asked.attributes.push(LinkAttribute::NewIfIndex(number));
        }
        shadow
            .send(Message::NewLink(asked), flags | NLM_F_ACK)
            .await?;
        shadow.planned.borrow_mut().remove(&index);
        shadow.stand_ins.borrow_mut().remove(&index);
        far.planned.borrow_mut().insert(new);
        let mut moved = link.clone();
        if let Ok(number) = i32::try_from(new) {
            moved.attributes.push(LinkAttribute::NewIfIndex(number));
        }
        Ok(Verdict::Link(Box::new(moved)))
    }

    /// An ifindex that is free in the place and in its shadow.
    async fn free_index(&self, place: Id, shadow: &Shadow, wanted: u32) -> u32 {
        let taken: Vec<u32> = shadow
            .links()
            .await
            .iter()
            .map(|l| l.header.index)
            .collect();
        let mut places = self.model().places.borrow_mut();
        let place = places.place(place);
        let free = place.free_index(wanted);
        let highest = taken.iter().max().copied().unwrap_or_default();
        if taken.contains(&free) {
            highest.max(free) + 1
        } else {
            free
        }
    }

    /// The message as it is sent: with ifindexes, and with the shadows of the namespaces that it names.
    async fn translated(&self, link: &LinkMessage, index: u32) -> Option<LinkMessage> {
        let home = self.id();
        let target = target_of(link).ok()?.unwrap_or(home);
        let mut asked = link.clone();
        asked.header.index = index;
        for attribute in &mut asked.attributes {
            if let LinkAttribute::NetNsFd(fd) = attribute {
                *fd = self.model().shadow(target)?.number();
            }
        }
        if let Some(peer) = peer_mut(&mut asked) {
            let far = target_of(peer).ok()?.unwrap_or(target);
            let shadow = self.model().shadow(far)?;
            if shadow.is_blind.get() {
                return None;
            }
            let mut free = self.free_index(far, &shadow, peer.header.index).await;
            if far == target && free == index {
                free += 1;
            }
            peer.header.index = free;
            for attribute in &mut peer.attributes {
                if let LinkAttribute::NetNsFd(fd) = attribute {
                    *fd = shadow.number();
                }
            }
        }
        Some(asked)
    }

    /// Has the link `index` of this place be in its shadow, by a stand-in where it is none that is planned.
    async fn ensure_present(&self, shadow: &Shadow, index: u32) -> bool {
        if shadow.has(index) {
            return true;
        }
        let Some(real) = self.with_place(|place| place.link(index).cloned()) else {
            return false;
        };
        if real.header.flags.contains(LinkFlags::Loopback) {
            return true;
        }
        let Some(name) = name_of(&real) else {
            return false;
        };
        let kind = match kind_of(&real) {
            Some(InfoKind::Bridge) => InfoKind::Bridge,
            Some(InfoKind::Vrf | InfoKind::Bond | InfoKind::IpVlan | InfoKind::MacVlan) => {
                return false;
            }
            _ => InfoKind::Veth,
        };
        let mut infos = vec![LinkInfo::Kind(kind.clone())];
        let far = format!("ipvsh-{index}");
        let mut stand_in = LinkMessage::default();
        if kind == InfoKind::Veth {
            let mut peer = LinkMessage::default();
            peer.attributes.push(LinkAttribute::IfName(far.clone()));
            infos.push(LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))));
        }
        stand_in.header.index = index;
        stand_in.header.flags = real.header.flags & LinkFlags::Up;
        stand_in.header.change_mask = LinkFlags::Up;
        let known = real.attributes.iter().filter(|attribute| {
            matches!(attribute, LinkAttribute::Mtu(_))
                || matches!(attribute, LinkAttribute::Address(mac) if mac.len() == 6)
        });
        stand_in.attributes = known.cloned().collect();
        stand_in
            .attributes
            .push(LinkAttribute::IfName(name.to_owned()));
        stand_in.attributes.push(LinkAttribute::LinkInfo(infos));
        let flags = NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
        let made = shadow.send(Message::NewLink(stand_in), flags).await;
        if made.is_err() {
            return false;
        }
        shadow.stand_ins.borrow_mut().insert(index);
        if kind == InfoKind::Veth {
            // Its carrier comes from there; the message that makes a pair can't bring up the far end.
            let mut peer = LinkMessage::default();
            peer.header.flags = LinkFlags::Up;
            peer.header.change_mask = LinkFlags::Up;
            peer.attributes.push(LinkAttribute::IfName(far));
            let _ = shadow.send(Message::NewLink(peer), NLM_F_ACK).await;
        }
        true
    }

    /// Takes over what the kernel says of the planned links of all places that a message is about.
    pub(super) async fn refresh_after(&self, link: &LinkMessage) {
        let target = target_of(link).ok().flatten();
        let peer = link.attributes.iter().find_map(peer_of);
        let far = peer.and_then(|peer| target_of(peer).ok().flatten());
        for id in [Some(self.id()), target, far].into_iter().flatten() {
            let Some(shadow) = self.model().whole_shadow(id) else {
                continue;
            };
            let links = shadow.links().await;
            let planned = shadow.planned.borrow().clone();
            let mut places = self.model().places.borrow_mut();
            let place = places.place(id);
            for seen in links {
                if planned.contains(&seen.header.index)
                    && let Some(link) = place.link(seen.header.index)
                {
                    take_over(link, &seen);
                }
            }
        }
    }
}

/// The link that a route leads by.
fn oif_of(route: &RouteMessage) -> Option<u32> {
    let mut attributes = route.attributes.iter();
    attributes.find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    })
}

/// The links of the place of a message that the new one is stacked on, or sends by.
fn carriers_of(link: &LinkMessage) -> Vec<u32> {
    let mut carriers: Vec<u32> = parent_of(link)
        .map(|(index, _)| index)
        .into_iter()
        .collect();
    // `IFLA_VXLAN_LINK`, `IFLA_GRE_LINK`, `IFLA_IPTUN_LINK` and `IFLA_XFRM_LINK` of `linux/if_link.h` and `linux/if_tunnel.h`.
    let number = match kind_of(link) {
        Some(InfoKind::Vxlan) => 3,
        Some(
            InfoKind::GreTun
            | InfoKind::GreTap
            | InfoKind::GreTun6
            | InfoKind::GreTap6
            | InfoKind::IpIp
            | InfoKind::SitTun
            | InfoKind::Ip6Tnl
            | InfoKind::Xfrm,
        ) => 1,
        _ => return carriers,
    };
    for info in infos_of(link) {
        if let LinkInfo::Data(data) = info {
            let mut bytes = vec![0; data.value_len()];
            data.emit_value(&mut bytes);
            let mut attributes = NlasIterator::new(&bytes[..]).flatten();
            let found = attributes.find(|attribute| attribute.kind() == number);
            let index = found.and_then(|a| Some(u32::from_ne_bytes(a.value().try_into().ok()?)));
            carriers.extend(index.filter(|index| *index > 0));
        }
    }
    carriers
}

/// The far end that a message asks for, to be changed.
fn peer_mut(message: &mut LinkMessage) -> Option<&mut LinkMessage> {
    message.attributes.iter_mut().find_map(|attribute| {
        let LinkAttribute::LinkInfo(infos) = attribute else {
            return None;
        };
        infos.iter_mut().find_map(|info| match info {
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))) => Some(peer),
            LinkInfo::Data(InfoData::Netkit(infos)) => {
                infos.iter_mut().find_map(|info| match info {
                    InfoNetkit::Peer(peer) => Some(peer),
                    _ => None,
                })
            }
            _ => None,
        })
    })
}

/// What a planned link has of itself is what the one in the shadow has. Where it is, and what it points at, the model knows.
fn take_over(link: &mut LinkMessage, seen: &LinkMessage) {
    let kept = LinkFlags::LowerUp | LinkFlags::Running;
    link.header.flags = (seen.header.flags - kept) | (link.header.flags & kept);
    link.header.flags.set(
        LinkFlags::LowerUp,
        seen.header.flags.contains(LinkFlags::Up) && link.header.flags.contains(LinkFlags::LowerUp),
    );
    let is_wireguard = kind_of(link) == Some(&InfoKind::Wireguard);
    for attribute in &seen.attributes {
        match attribute {
            LinkAttribute::Mtu(_)
            | LinkAttribute::Address(_)
            | LinkAttribute::TxQueueLen(_)
            | LinkAttribute::Group(_)
            | LinkAttribute::GsoMaxSize(_)
            | LinkAttribute::GsoMaxSegs(_)
            | LinkAttribute::GroMaxSize(_)
            | LinkAttribute::NumTxQueues(_)
            | LinkAttribute::NumRxQueues(_)
            | LinkAttribute::Carrier(_) => set(link, attribute.clone()),
            LinkAttribute::LinkInfo(_) if !is_wireguard => set(link, attribute.clone()),
            _ => {}
        }
    }
}

impl View {
    /// Makes a TUN or TAP device in the shadow by `make`, and returns what it is then.
    pub(crate) async fn try_device(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<(), Errno>,
    ) -> Result<Option<LinkMessage>, Refusal> {
        self.begin(self.id()).await;
        let Some(shadow) = self.model().shadow(self.id()).filter(|s| !s.is_blind.get()) else {
            return Ok(None);
        };
        match crate::net::namespace::within(&shadow.namespace, make) {
            Ok(Ok(())) => {}
            Ok(Err(errno)) => return Err(Refusal::of(errno)),
            Err(_) => return Ok(None),
        }
        let links = shadow.links().await;
        let device = links.into_iter().find(|link| name_of(link) == Some(name));
        if let Some(device) = &device {
            shadow.planned.borrow_mut().insert(device.header.index);
        }
        Ok(device)
    }
}
