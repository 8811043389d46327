//! Queues in the model: what goes along with one, and what the kernel puts there by itself.

use nix::errno::Errno;
use rtnetlink::packet_route::RouteNetlinkMessage as Message;
use rtnetlink::packet_route::tc::{TcHandle, TcMessage};

/// What a request for classes or filters asks about: the kernel lists those of one link or queue only.
pub(super) fn about(request: &Message) -> (i32, u32) {
    match request {
        Message::GetTrafficClass(m) | Message::GetTrafficFilter(m) => {
            (m.header.index, m.header.parent.into())
        }
        _ => (0, 0),
    }
}

/// Whether the object is a queue that the kernel puts on a link by itself.
pub(super) fn is_default(object: &Message) -> bool {
    matches!(object, Message::NewQueueDiscipline(m) if m.header.handle == TcHandle::UNSPEC)
}

/// Takes a link's queue away, and all that hangs on it.
pub(super) fn delete(objects: &mut Vec<Message>, gone: &TcMessage) -> Result<(), Errno> {
    let is_made = |object: &&Message| {
        !is_default(object)
            && matches!(object, Message::NewQueueDiscipline(m)
                if (m.header.index, m.header.parent) == (gone.header.index, gone.header.parent))
    };
    if objects.iter().find(is_made).is_none() {
        return Err(Errno::ENOENT);
    }
    let is_ingress = |m: &TcMessage| {
        m.header.parent == TcHandle::INGRESS
            || m.header.parent.major == u16::MAX && m.header.parent != TcHandle::ROOT
    };
    objects.retain(|object| match object {
        Message::NewQueueDiscipline(m)
        | Message::NewTrafficClass(m)
        | Message::NewTrafficFilter(m) => {
            m.header.index != gone.header.index || is_ingress(m) != is_ingress(gone)
        }
        _ => true,
    });
    Ok(())
}
