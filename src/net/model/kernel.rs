//! The socket that the model asks for what stands.

use std::rc::Rc;

use rtnetlink::packet_core::NLM_F_DUMP;
use rtnetlink::packet_route::RouteNetlinkMessage as Message;

use crate::net::fault;
use crate::net::nexthop::wire::NexthopMessage;
use crate::net::packet::Packet;
use crate::net::rtnl::Refusal;
use crate::net::seam::Socket;

/// A socket of the kernel's.
#[derive(Clone, Debug)]
pub(super) struct Kernel(pub(super) Rc<dyn Socket>);

impl Kernel {
    /// Sends a request, and collects the answers.
    pub(super) async fn exchange(
        &self,
        message: Message,
        flags: u16,
    ) -> Result<Vec<Message>, Refusal> {
        let answers = self.0.exchange(message.into(), flags).await?.into_iter();
        let known = answers.filter_map(|answer| match answer {
            Packet::Route(message) => Some(message),
            Packet::Nexthop(_) => None,
        });
        Ok(known.collect())
    }

    /// Asks for all objects of a kind.
    pub(super) async fn dump(&self, message: Message) -> Result<Vec<Message>, Refusal> {
        fault::asking().map_err(Refusal::of)?;
        self.exchange(message, NLM_F_DUMP).await
    }

    /// Asks for all nexthop objects.
    pub(super) async fn dump_nexthops(
        &self,
        message: NexthopMessage,
    ) -> Result<Vec<NexthopMessage>, Refusal> {
        fault::asking().map_err(Refusal::of)?;
        let answers = self.0.exchange(message.into(), NLM_F_DUMP).await?;
        let nexthops = answers.into_iter().filter_map(|answer| match answer {
            Packet::Nexthop(message) => Some(message),
            Packet::Route(_) => None,
        });
        Ok(nexthops.collect())
    }
}
