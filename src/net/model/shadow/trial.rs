//! Tries requests out in the shadows.

use nix::errno::Errno;
use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::RouteNetlinkMessage as Message;
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkMessage};

use super::super::answer::View;
use super::super::driver_rules::{self, Around};
use super::super::link::{kind_of, master_of, mtu_of, name_of, parent_of, peer_of, target_of};
use super::super::place::Place;
use super::super::{driver, port};
use super::Shadow;
use super::message::{carriers_of, modules_of, oif_of, peer_mut, take_over};
use super::stand_in::FAR_ENDS;
use crate::net::namespace::{self, Id};
use crate::net::nexthop::wire::{NexthopMessage, Verb};
use crate::net::packet::Packet;
use crate::net::rtnl::Refusal;

/// What the shadows say to a request.
pub(in crate::net::model) enum Verdict {
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
    pub(in crate::net::model) async fn try_out(
        &self,
        message: &Message,
        flags: u16,
    ) -> Result<Verdict, Refusal> {
        self.model().end_shadows().await;
        let is_imagined = self.with_place(|place| place.is_imagined);
        self.begin(self.id()).await;
        match message {
            Message::NewLink(link) if self.is_new(link, flags) => {
                return self.try_new_link(link, flags).await;
            }
            Message::NewLink(link) | Message::SetLink(link) if !port::is_of_bridge(link) => {
                return self.try_change(link, flags).await;
            }
            _ => {}
        }
        let Some(shadow) = self.model().whole_shadow(self.id()) else {
            return Ok(Verdict::None);
        };
        let index = match message {
            Message::DelLink(link) if !port::is_of_bridge(link) => {
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
        if modules_of(message)
            .iter()
            .any(|module| !self.model().is_ready(module))
        {
            self.blind(self.id());
            return Ok(Verdict::None);
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
    pub(in crate::net::model) async fn try_nexthops(
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
        let blind = || {
            for id in [Some(target), far].into_iter().flatten() {
                self.blind(id);
            }
            Ok(Verdict::None)
        };
        let (Some(near), Some(sender)) = (self.model().shadow(target), self.model().shadow(home))
        else {
            return blind();
        };
        let is_ready = self.model().is_ready(&driver::module_of(kind));
        if near.is_blind.get() || sender.is_blind.get() || !is_ready {
            return blind();
        }
        for index in carriers_of(link) {
            if !self.ensure_present(&sender, index).await {
                return blind();
            }
        }
        let index = self
            .free_index(target, [&near, &sender], link.header.index)
            .await;
        let Some(asked) = self.translated(link, index).await else {
            return blind();
        };
        let made = sender.send(Message::NewLink(asked.clone()), flags | NLM_F_ACK);
        match made.await {
            // Older kernels want the name to be free in the sender's namespace too (seen on Linux 6.1).
            Err(refusal) if refusal.errno == Errno::EEXIST && target != home => {
                return blind();
            }
            // A driver that is not there has words of its own; what one needs besides may be loaded only when it is really
            // asked for.
            Err(refusal) if refusal.errno == Errno::EOPNOTSUPP && refusal.text.is_none() => {
                self.model().makes(kind).await?;
                if driver::loads_none() {
                    return Err(refusal);
                }
                return blind();
            }
            made => made?,
        };
        near.note_planned(index);
        let mut made = link.clone();
        made.header.index = index;
        let end = asked.attributes.iter().find_map(peer_of);
        if let (Some(end), Some(peer)) = (end, peer_mut(&mut made)) {
            peer.header.index = end.header.index;
            let far = target_of(peer).ok().flatten().unwrap_or(target);
            if let Some(shadow) = self.model().shadow(far) {
                shadow.note_planned(end.header.index);
            }
        }
        Ok(Verdict::Link(Box::new(made)))
    }

    /// Refuses what a driver would that is not loaded yet.
    async fn refuse_by_rule(
        &self,
        present: &LinkMessage,
        asked: &LinkMessage,
    ) -> Result<(), Refusal> {
        let Some(kind) = kind_of(present) else {
            return Ok(());
        };
        if self.model().is_ready(&driver::module_of(kind)) {
            return Ok(());
        }
        let is_renamed = name_of(asked).is_some() && name_of(asked) != name_of(present);
        let renames_up = !is_renamed || self.model().shadows.renames_up().await;
        let around = {
            let mut places = self.model().places.borrow_mut();
            let wanted = master_of(asked).filter(|index| *index > 0);
            let master = wanted.and_then(|index| places.place(self.id()).link(index));
            let master = master.and_then(|link| kind_of(link).cloned());
            let parent = parent_of(present).and_then(|(index, nsid)| {
                let far = nsid.map_or(Some(self.id()), |nsid| places.of_nsid(self.id(), nsid));
                places.place(far?).link(index).and_then(|link| mtu_of(link))
            });
            Around {
                master,
                parent_mtu: parent,
                renames_up,
            }
        };
        driver_rules::refuse(present, asked, &around)
    }

    /// Changes a link in the shadow.
    async fn try_change(&self, link: &LinkMessage, flags: u16) -> Result<Verdict, Refusal> {
        let home = self.id();
        let Some(present) = self.with_place(|place| place.find(link).cloned()) else {
            return Ok(Verdict::None);
        };
        // How it is configured a plan only notes: the kernel is told of it through another family of netlink.
        if kind_of(link) == Some(&InfoKind::Wireguard) {
            return Ok(Verdict::None);
        }
        let index = present.header.index;
        let target = target_of(link).ok().flatten().filter(|id| *id != home);
        if let Some(target) = target {
            self.begin(target).await;
        }
        // Where it is not there to be moved, as one whose driver is not loaded yet, it does not come anywhere either.
        let untried = async || {
            if let Some(target) = target {
                self.blind(target);
            }
            self.refuse_by_rule(&present, link).await?;
            Ok(Verdict::None)
        };
        let Some(shadow) = self.model().shadow(home) else {
            return untried().await;
        };
        if shadow.is_blind.get() {
            return untried().await;
        }
        if !shadow.has(index) {
            // One that stands is tried out only where it comes to a place that is planned.
            let comes =
                target.is_some_and(|id| self.model().places.borrow_mut().place(id).is_imagined);
            if comes && !self.ensure_present(&shadow, index).await {
                return untried().await;
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
            shadow.changed.borrow_mut().insert(index);
            return Ok(Verdict::Done);
        };
        let far = self.model().shadow(target);
        let Some(far) = far.filter(|far| !far.is_blind.get()) else {
            // It can't be tried out where it goes, and not be left where it was.
            self.blind(home);
            self.blind(target);
            return Ok(Verdict::None);
        };
        let new = self.free_index(target, [&far, &shadow], index).await;
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
        far.note_planned(new);
        let mut moved = link.clone();
        if let Ok(number) = i32::try_from(new) {
            moved.attributes.push(LinkAttribute::NewIfIndex(number));
        }
        Ok(Verdict::Link(Box::new(moved)))
    }

    /// The place can't be tried out any more.
    fn blind(&self, id: Id) {
        if let Some(shadow) = self.model().shadow(id) {
            shadow.is_blind.set(true);
        }
    }

    /// An ifindex that is free in the place and in the shadows. Older kernels want one that is free where the request is sent,
    /// too (seen on Linux 6.1).
    async fn free_index(&self, place: Id, shadows: [&Shadow; 2], wanted: u32) -> u32 {
        let mut free = self
            .model()
            .places
            .borrow_mut()
            .place(place)
            .free_index(wanted);
        loop {
            let mut is_taken = false;
            for shadow in shadows {
                is_taken |= shadow.has_index(free).await;
            }
            if !is_taken {
                return free;
            }
            let highest = |shadow: &Shadow| {
                let taken = shadow.taken.borrow();
                taken
                    .iter()
                    .filter(|index| **index < FAR_ENDS)
                    .max()
                    .copied()
            };
            let highest = shadows.into_iter().filter_map(highest).max();
            let above = highest.unwrap_or_default().max(free) + 1;
            free = self
                .model()
                .places
                .borrow_mut()
                .place(place)
                .free_index(above);
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
            // Not the one that the near end is about to have.
            let wanted = peer.header.index.max(index + 1);
            let free = self.free_index(far, [&shadow, &shadow], wanted).await;
            peer.header.index = free;
            for attribute in &mut peer.attributes {
                if let LinkAttribute::NetNsFd(fd) = attribute {
                    *fd = shadow.number();
                }
            }
        }
        Some(asked)
    }

    /// Takes over what the kernel says of the planned links of all places that a message is about.
    pub(in crate::net::model) async fn refresh_after(&self, link: &LinkMessage) {
        let target = target_of(link).ok().flatten();
        let peer = link.attributes.iter().find_map(peer_of);
        let far = peer.and_then(|peer| target_of(peer).ok().flatten());
        for id in [Some(self.id()), target, far].into_iter().flatten() {
            let Some(shadow) = self.model().whole_shadow(id) else {
                continue;
            };
            shadow.listen().await;
            for index in shadow.changed.take() {
                if !shadow.planned.borrow().contains(&index) {
                    continue;
                }
                let Some(seen) = shadow.link(index).await else {
                    continue;
                };
                let mut places = self.model().places.borrow_mut();
                if let Some(link) = places.place(id).link(index) {
                    take_over(link, &seen);
                }
            }
        }
    }
}

impl View {
    /// Makes a TUN or TAP device in the shadow by `make`, and returns what it is then.
    pub(in crate::net::model) async fn try_out_device(
        &self,
        name: &str,
        make: impl FnOnce(u32) -> Result<(), Errno>,
    ) -> Result<Option<LinkMessage>, Refusal> {
        self.begin(self.id()).await;
        let shadow = self.model().shadow(self.id());
        let Some(shadow) = shadow.filter(|s| !s.is_blind.get() && self.model().is_ready("tun"))
        else {
            self.blind(self.id());
            return Ok(None);
        };
        // What is there in the place is not in its shadow, and has its ifindexes nevertheless.
        let index = self.free_index(self.id(), [&shadow, &shadow], 0).await;
        match namespace::within(&shadow.namespace, || make(index)) {
            Ok(Ok(())) => {}
            Ok(Err(errno)) => return Err(Refusal::of(errno)),
            Err(_) => return Ok(None),
        }
        let links = shadow.links().await;
        let device = links.into_iter().find(|link| name_of(link) == Some(name));
        if let Some(device) = &device {
            shadow.note_planned(device.header.index);
        }
        Ok(device)
    }
}
