//! What the model says to a request, in place of the kernel.

use std::mem::discriminant;
use std::rc::Rc;

use futures::future::LocalBoxFuture;
use nix::errno::Errno;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE};
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{InfoKind, LinkMessage};
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage};
use rtnetlink::packet_route::rule::{RuleFlags, RuleMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage as Message};

use super::kernel::Kernel;
use super::link::kind_of;
use super::lookup::Heard;
use super::place::{Asked, Place, family_of};
use super::port::is_of_bridge;
use super::shadow::Verdict;
use super::{Model, gateway, lookup, neighbour, queue};
use crate::net::namespace::Id;
use crate::net::packet::Packet;
use crate::net::rtnl::Refusal;
use crate::net::seam::{self, Socket};

/// The model as seen from one namespace.
#[derive(Clone, Debug)]
pub(super) struct View {
    model: Rc<Model>,
    id: Id,
    /// Asked for what stands; none for a namespace that only the plan has.
    kernel: Option<Kernel>,
}

fn refuse<T>(errno: Errno) -> Result<T, Refusal> {
    Err(Refusal { errno, text: None })
}

/// The message that tells of an object which `request` asks for, and the one that asks for all of its kind.
fn told_by(request: &Message) -> Option<Message> {
    Some(match request {
        Message::GetAddress(m) => Message::NewAddress(m.clone()),
        Message::GetRoute(m) => Message::NewRoute(m.clone()),
        Message::GetRule(m) => Message::NewRule(m.clone()),
        Message::GetNeighbour(m) => Message::NewNeighbour(m.clone()),
        Message::GetQueueDiscipline(m) => Message::NewQueueDiscipline(m.clone()),
        Message::GetTrafficClass(m) => Message::NewTrafficClass(m.clone()),
        Message::GetTrafficFilter(m) => Message::NewTrafficFilter(m.clone()),
        Message::GetTrafficChain(m) => Message::NewTrafficChain(m.clone()),
        _ => return None,
    })
}

/// The message that would have told of an object which `request` deletes.
fn deleted_by(request: &Message) -> Option<Message> {
    Some(match request {
        Message::DelAddress(m) => Message::NewAddress(m.clone()),
        Message::DelRoute(m) => Message::NewRoute(m.clone()),
        Message::DelRule(m) => Message::NewRule(m.clone()),
        Message::DelNeighbour(m) => Message::NewNeighbour(m.clone()),
        Message::DelQueueDiscipline(m) => Message::NewQueueDiscipline(m.clone()),
        Message::DelTrafficClass(m) => Message::NewTrafficClass(m.clone()),
        Message::DelTrafficFilter(m) => Message::NewTrafficFilter(m.clone()),
        _ => return None,
    })
}

impl Socket for View {
    fn exchange(
        &self,
        message: Packet,
        flags: u16,
    ) -> LocalBoxFuture<'_, Result<Vec<Packet>, Refusal>> {
        Box::pin(async move {
            Ok(match message {
                Packet::Route(message) => {
                    let answers = self.answer(message, flags).await?;
                    answers.into_iter().map(Packet::Route).collect()
                }
                Packet::Nexthop(message) => {
                    let answers = self.exchange_nexthops(message, flags).await?;
                    answers.into_iter().map(Packet::Nexthop).collect()
                }
            })
        })
    }
}

impl seam::View for View {
    fn known_nsid(&self, other: Id) -> Option<i32> {
        self.model.places.borrow().known_nsid(self.id, other)
    }

    fn learn_nsid(&self, other: Id, nsid: i32) {
        let mut places = self.model.places.borrow_mut();
        places.learn_nsid(self.id, other, nsid);
    }

    fn try_device<'a>(
        &'a self,
        name: &'a str,
        make: Box<dyn FnOnce(u32) -> Result<(), Errno> + 'a>,
    ) -> LocalBoxFuture<'a, Result<Option<LinkMessage>, Refusal>> {
        Box::pin(self.try_out_device(name, make))
    }
}

impl View {
    /// The model as seen from the namespace `id`; `kernel` is a socket there.
    pub(super) fn new(model: Rc<Model>, id: Id, kernel: Option<Rc<dyn Socket>>) -> Self {
        Self {
            model,
            id,
            kernel: kernel.map(Kernel),
        }
    }

    /// The model that it shows.
    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    /// The namespace that it is seen from.
    pub(super) fn id(&self) -> Id {
        self.id
    }

    /// The socket that is asked for what stands.
    pub(super) fn kernel(&self) -> Option<&Kernel> {
        self.kernel.as_ref()
    }

    /// Looks at, or changes, what the namespace has.
    pub(super) fn with_place<T>(&self, act: impl FnOnce(&mut Place) -> T) -> T {
        act(self.model.places.borrow_mut().place(self.id))
    }

    /// Answers a request as the kernel would, if all that was planned had been done.
    async fn answer(&self, message: Message, flags: u16) -> Result<Vec<Message>, Refusal> {
        self.know(Asked::Links, Message::GetLink(LinkMessage::default()))
            .await?;
        let message = match self.try_out(&message, flags).await? {
            Verdict::Answer(answers) => return Ok(answers),
            Verdict::Link(link) => Message::NewLink(*link),
            Verdict::None => {
                if let Message::NewRoute(route) = &message {
                    let heard = self.hear(&gateway::families_of_route(route)).await?;
                    self.with_place(|place| gateway::check_route(route, &heard.beside(place)))?;
                }
                message
            }
            Verdict::Done => message,
        };
        let answers = self.keep(&message, flags).await?;
        if let Message::NewLink(link) | Message::SetLink(link) = &message {
            self.refresh_after(link).await;
        }
        Ok(answers)
    }

    /// The same by what the model itself keeps.
    async fn keep(&self, message: &Message, flags: u16) -> Result<Vec<Message>, Refusal> {
        match message {
            Message::GetLink(link) | Message::SetLink(link) | Message::DelLink(link)
                if is_of_bridge(link) =>
            {
                self.exchange_vlans(message, flags).await
            }
            Message::NewLinkProp(link) | Message::DelLinkProp(link) => {
                let add = matches!(message, Message::NewLinkProp(_));
                let set = self.with_place(|place| place.set_altnames(link, add));
                set.or_else(refuse).map(|()| Vec::new())
            }
            Message::GetLink(_) if flags & NLM_F_DUMP != 0 => {
                let mut places = self.model.places.borrow_mut();
                let links = places.place(self.id).links.iter().cloned();
                Ok(links.map(Message::NewLink).collect())
            }
            Message::GetLink(wanted) => {
                let mut places = self.model.places.borrow_mut();
                match places.place(self.id).find(wanted) {
                    Some(link) => Ok(vec![Message::NewLink(link.clone())]),
                    None => refuse(Errno::ENODEV),
                }
            }
            Message::NewLink(link) => {
                let is_new = flags & NLM_F_CREATE != 0
                    && (flags & NLM_F_EXCL != 0 || self.with_place(|p| p.find(link).is_none()));
                if let Some(kind) = kind_of(link).filter(|_| is_new) {
                    self.model.makes(kind).await?;
                    if *kind == InfoKind::Vrf {
                        // The first one brings rules along.
                        self.all(rules_of(AddressFamily::Inet)).await?;
                        self.all(rules_of(AddressFamily::Inet6)).await?;
                    }
                }
                let mut places = self.model.places.borrow_mut();
                let done = if is_new {
                    places.create_link(self.id, link)
                } else {
                    places.change_link(self.id, link)
                };
                done.or_else(refuse).map(|()| Vec::new())
            }
            Message::DelLink(link) => {
                let mut places = self.model.places.borrow_mut();
                let found = places.place(self.id).find(link);
                let Some(index) = found.map(|link| link.header.index) else {
                    return refuse(Errno::ENODEV);
                };
                places.delete_link(self.id, index);
                Ok(Vec::new())
            }
            Message::GetRoute(wanted) if flags & NLM_F_DUMP == 0 && self.is_rerouted() => {
                let found = self.lookup(wanted).await?;
                Ok(vec![Message::NewRoute(found)])
            }
            request => match told_by(request) {
                Some(told) if flags & NLM_F_DUMP != 0 => self.list(request, &told).await,
                // One object, as the kernel finds it.
                Some(_) => match &self.kernel {
                    Some(kernel) => kernel.exchange(message.clone(), flags).await,
                    None => refuse(Errno::ENETUNREACH),
                },
                None => self.change(message.clone(), flags).await,
            },
        }
    }

    /// The route that a packet would take, by what was planned.
    async fn lookup(&self, wanted: &RouteMessage) -> Result<RouteMessage, Refusal> {
        let heard = self.hear(&[wanted.header.address_family]).await?;
        self.with_place(|place| lookup::lookup(wanted, &heard.beside(place)))
            .or_else(refuse)
    }

    /// What decides where packets of these families go, beside links and nexthops.
    pub(super) async fn hear(&self, families: &[AddressFamily]) -> Result<Heard, Refusal> {
        let mut heard = Heard::default();
        for family in families {
            let mut routes = RouteMessage::default();
            routes.header.address_family = *family;
            let mut addresses = AddressMessage::default();
            addresses.header.family = *family;
            heard
                .routes
                .extend(self.all(Message::GetRoute(routes)).await?);
            let addresses = self.all(Message::GetAddress(addresses)).await?;
            heard.addresses.extend(addresses);
            heard.rules.extend(self.all(rules_of(*family)).await?);
        }
        self.know_nexthops().await?;
        Ok(heard)
    }

    /// All objects that `request` asks for.
    async fn all(&self, request: Message) -> Result<Vec<Message>, Refusal> {
        let told = told_by(&request).unwrap_or_else(|| request.clone());
        self.list(&request, &told).await
    }

    /// Whether packets may go other ways by the plan than they go now.
    fn is_rerouted(&self) -> bool {
        let mut places = self.model.places.borrow_mut();
        let place = places.place(self.id);
        place.is_imagined || place.is_rerouted
    }

    /// Asks the kernel for a list once.
    pub(super) async fn know(&self, asked: Asked, request: Message) -> Result<(), Refusal> {
        let lacks = self.model.places.borrow_mut().place(self.id).lacks(asked);
        let Some(kernel) = self.kernel.as_ref().filter(|_| lacks) else {
            return Ok(());
        };
        let answers = Box::pin(kernel.dump(request)).await?;
        let mut places = self.model.places.borrow_mut();
        places.place(self.id).learn(asked, answers);
        Ok(())
    }

    async fn list(&self, request: &Message, told: &Message) -> Result<Vec<Message>, Refusal> {
        let family = family_of(request);
        let about = neighbour::about(request).unwrap_or_else(|| queue::about(request));
        let asked = Asked::Objects(discriminant(told), family, about);
        self.know(asked, request.clone()).await?;
        let mut places = self.model.places.borrow_mut();
        let mut objects = places.place(self.id).objects_like(told, family);
        objects.retain(|object| neighbour::is_of_list(object, request));
        Ok(objects)
    }

    async fn change(&self, mut message: Message, flags: u16) -> Result<Vec<Message>, Refusal> {
        if let Message::NewRoute(route) = &mut message {
            give_metric(route);
        }
        if let Some(request) = asks_for_all(&message) {
            self.list(&request, deleted_by(&message).as_ref().unwrap_or(&message))
                .await?;
        }
        let mut places = self.model.places.borrow_mut();
        let place = places.place(self.id);
        place.is_rerouted |= asks_for_all(&message).is_some();
        let objects = &mut place.objects;
        if let Message::DelQueueDiscipline(gone) = &message {
            return queue::delete(objects, gone)
                .or_else(refuse)
                .map(|()| Vec::new());
        }
        if let Some(gone) = deleted_by(&message) {
            let position = objects.iter().position(|object| is_meant(object, &gone));
            return match position {
                Some(position) => {
                    objects.remove(position);
                    Ok(Vec::new())
                }
                None => refuse(absent(&gone)),
            };
        }
        let position = objects.iter().position(|object| is_same(object, &message));
        match position {
            Some(position) if queue::is_default(&objects[position]) => objects[position] = message,
            Some(_) if flags & NLM_F_EXCL != 0 && flags & NLM_F_REPLACE == 0 => {
                return refuse(Errno::EEXIST);
            }
            Some(position) => objects[position] = message,
            None => match message {
                Message::NewRule(rule) => place.insert_rule(rule),
                message => objects.push(message),
            },
        }
        Ok(Vec::new())
    }
}

/// An IPv6 route without a metric gets 1024 (`IP6_RT_PRIO_USER` of the kernel).
fn give_metric(route: &mut RouteMessage) {
    let has_none = said(route, |a| matches!(a, RouteAttribute::Priority(_))).is_none();
    if has_none && route.header.address_family == AddressFamily::Inet6 {
        route.attributes.push(RouteAttribute::Priority(1024));
    }
}

/// The request for all objects of the kind that `message` changes.
fn asks_for_all(message: &Message) -> Option<Message> {
    Some(match message {
        Message::NewAddress(_) | Message::DelAddress(_) => {
            Message::GetAddress(AddressMessage::default())
        }
        Message::NewRoute(m) | Message::DelRoute(m) => {
            let mut all = RouteMessage::default();
            all.header.address_family = m.header.address_family;
            Message::GetRoute(all)
        }
        Message::NewRule(m) | Message::DelRule(m) => rules_of(m.header.family),
        _ => return None,
    })
}

/// The request for all rules of a family.
fn rules_of(family: AddressFamily) -> Message {
    let mut message = RuleMessage::default();
    message.header.family = family;
    Message::GetRule(message)
}

/// What the kernel says where there is nothing to delete.
fn absent(message: &Message) -> Errno {
    match message {
        Message::NewAddress(_) => Errno::EADDRNOTAVAIL,
        Message::NewRoute(_) => Errno::ESRCH,
        _ => Errno::ENOENT,
    }
}

pub(super) fn local(message: &AddressMessage) -> Option<std::net::IpAddr> {
    let mut remote = None;
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => return Some(*ip),
            AddressAttribute::Address(ip) => remote = Some(*ip),
            _ => {}
        }
    }
    remote
}

/// What a route says of one thing.
fn said(route: &RouteMessage, is: fn(&RouteAttribute) -> bool) -> Option<&RouteAttribute> {
    route.attributes.iter().find(|attribute| is(attribute))
}

pub(super) fn table_of(route: &RouteMessage) -> u32 {
    let long = route
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::Table(table) => Some(*table),
            _ => None,
        });
    long.unwrap_or(u32::from(route.header.table))
}

fn has_same_destination(one: &RouteMessage, other: &RouteMessage) -> bool {
    let destination = |route| said(route, |a| matches!(a, RouteAttribute::Destination(_)));
    one.header.address_family == other.header.address_family
        && one.header.destination_prefix_length == other.header.destination_prefix_length
        && destination(one) == destination(other)
        && table_of(one) == table_of(other)
}

/// Whether a new object would take the place of one that is there.
fn is_same(present: &Message, new: &Message) -> bool {
    match (present, new) {
        (Message::NewAddress(a), Message::NewAddress(b)) => {
            (a.header.index, a.header.prefix_len, local(a))
                == (b.header.index, b.header.prefix_len, local(b))
        }
        (Message::NewRoute(a), Message::NewRoute(b)) => {
            let metric = |route| said(route, |a| matches!(a, RouteAttribute::Priority(_)));
            has_same_destination(a, b) && metric(a) == metric(b)
        }
        (Message::NewNeighbour(a), Message::NewNeighbour(b)) => neighbour::is_same(a, b),
        (Message::NewQueueDiscipline(a), Message::NewQueueDiscipline(b)) => {
            (a.header.index, a.header.parent) == (b.header.index, b.header.parent)
        }
        (a, b) => a == b,
    }
}

/// Whether an object is the one, or one of those, that are to be deleted: all that is said of it must be so.
fn is_meant(present: &Message, wanted: &Message) -> bool {
    match (present, wanted) {
        (Message::NewRoute(a), Message::NewRoute(b)) => {
            has_same_destination(a, b)
                && b.attributes.iter().all(|attribute| {
                    matches!(attribute, RouteAttribute::Table(_))
                        || a.attributes.contains(attribute)
                })
        }
        (Message::NewRule(a), Message::NewRule(b)) => {
            let heads = |message: &RuleMessage| {
                let header = &message.header;
                let is_not = header.flags.contains(RuleFlags::Invert);
                let prefixes = (header.src_len, header.dst_len);
                (header.family, is_not, prefixes, header.tos, header.action)
            };
            heads(a) == heads(b)
                && b.attributes
                    .iter()
                    .all(|attribute| a.attributes.contains(attribute))
        }
        (present, wanted) => is_same(present, wanted),
    }
}
