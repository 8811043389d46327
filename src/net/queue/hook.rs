//! The place of filters for what comes in by a link, and with `clsact` for all that it sends: a queue that holds nothing.

use rtnetlink::packet_route::RouteNetlinkMessage;

use crate::net::queue::{INGRESS, Part, Sort, Tree, message};

/// The handle that the kernel gives to it, and to no other.
const HANDLE: u32 = 0xffff_0000;

/// Which of the two a link has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// For what comes in and for what is sent.
    Clsact,
    /// For what comes in.
    Ingress,
}

impl Hook {
    /// The one of a link, if it has one.
    pub fn of(tree: &Tree) -> Option<Self> {
        let queues = tree.parts.iter().filter(|part| part.sort == Sort::Queue);
        queues
            .filter(|part| part.parent == INGRESS)
            .find_map(|part| {
                [Self::Clsact, Self::Ingress]
                    .into_iter()
                    .find(|hook| hook.name() == part.kind)
            })
    }

    /// As `tc` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clsact => "clsact",
            Self::Ingress => "ingress",
        }
    }

    fn part(self) -> Part {
        Part::new(Sort::Queue, (INGRESS, HANDLE), self.name(), Vec::new())
    }

    /// The request that makes it on the link `index`.
    pub fn make(self, index: u32) -> RouteNetlinkMessage {
        RouteNetlinkMessage::NewQueueDiscipline(message(&self.part(), index))
    }

    /// The request that takes it away.
    pub fn take(self, index: u32) -> RouteNetlinkMessage {
        RouteNetlinkMessage::DelQueueDiscipline(message(&self.part(), index))
    }
}
