//! Nexthop objects in the model: made, replaced and deleted, with what goes along.

use nix::errno::Errno;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE};
use rtnetlink::packet_route::RouteNetlinkMessage as Message;
use rtnetlink::packet_route::route::RouteAttribute;

use super::answer::View;
use super::gateway;
use super::place::{Asked, Place};
use crate::net::nexthop::wire::{NexthopAttribute, NexthopMessage, Verb};
use crate::net::rtnl::Refusal;

impl View {
    /// Answers a request about nexthop objects, as the kernel would.
    pub(super) async fn exchange_nexthops(
        &self,
        message: NexthopMessage,
        flags: u16,
    ) -> Result<Vec<NexthopMessage>, Refusal> {
        self.know_nexthops().await?;
        let told = self.try_nexthops(&message, flags).await?;
        match (&message.verb, told) {
            (Verb::Get, Some(answers)) => return Ok(answers),
            (Verb::New, None) => {
                let heard = self.hear(&gateway::families_of_nexthop(&message)).await?;
                self.with_place(|place| gateway::check_nexthop(&message, &heard.beside(place)))?;
            }
            _ => {}
        }
        let done = self.with_place(|place| match message.verb {
            Verb::Get if flags & NLM_F_DUMP != 0 => Ok(place.nexthops.clone()),
            Verb::Get => Err(Errno::EOPNOTSUPP),
            Verb::New => place.take_nexthop(message, flags).map(|()| Vec::new()),
            Verb::Del => place.delete_nexthop(&message).map(|()| Vec::new()),
        });
        done.map_err(Refusal::of)
    }

    /// Asks the kernel for its nexthop objects once.
    pub(super) async fn know_nexthops(&self) -> Result<(), Refusal> {
        let lacks = self.with_place(|place| place.lacks(Asked::Nexthops));
        if let Some(kernel) = self.kernel().filter(|_| lacks) {
            let all = NexthopMessage::new(Verb::Get);
            let answers = Box::pin(kernel.dump_nexthops(all)).await?;
            self.with_place(|place| place.learn_nexthops(answers));
        }
        Ok(())
    }
}

impl Place {
    fn take_nexthop(&mut self, new: NexthopMessage, flags: u16) -> Result<(), Errno> {
        let position = self.nexthops.iter().position(|one| one.id() == new.id());
        match position {
            Some(_) if flags & NLM_F_EXCL != 0 || flags & NLM_F_REPLACE == 0 => {
                return Err(Errno::EEXIST);
            }
            Some(position) => self.nexthops[position] = new,
            None if flags & NLM_F_CREATE == 0 => return Err(Errno::ENOENT),
            None => self.nexthops.push(new),
        }
        Ok(())
    }

    fn delete_nexthop(&mut self, gone: &NexthopMessage) -> Result<(), Errno> {
        let id = gone.id().ok_or(Errno::EINVAL)?;
        if !self.nexthops.iter().any(|one| one.id() == Some(id)) {
            return Err(Errno::ENOENT);
        }
        self.forget_nexthop(id);
        Ok(())
    }

    /// Forgets the nexthops of a link that is gone.
    pub(super) fn forget_nexthops_of(&mut self, index: u32) {
        let leads_there =
            |one: &&NexthopMessage| one.attributes.contains(&NexthopAttribute::Link(index));
        let gone: Vec<u32> = self
            .nexthops
            .iter()
            .filter(leads_there)
            .filter_map(NexthopMessage::id)
            .collect();
        for id in gone {
            self.forget_nexthop(id);
        }
    }

    /// Takes a nexthop out: of its groups, of which an empty one goes, too, and with its routes.
    fn forget_nexthop(&mut self, id: u32) {
        self.nexthops.retain(|one| one.id() != Some(id));
        self.objects.retain(|object| match object {
            Message::NewRoute(route) => !route.attributes.contains(&RouteAttribute::NhId(id)),
            _ => true,
        });
        let mut emptied = Vec::new();
        for one in &mut self.nexthops {
            let number = one.id();
            for attribute in &mut one.attributes {
                if let NexthopAttribute::Group(members) = attribute {
                    members.retain(|member| member.id != id);
                    emptied.extend(number.filter(|_| members.is_empty()));
                }
            }
        }
        for id in emptied {
            self.forget_nexthop(id);
        }
    }
}
