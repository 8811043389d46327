//! Neighbours of the model, and entries of forwarding databases, which are told by the same messages: three lists, as the kernel
//! has it, of which each is asked for by itself.

use rtnetlink::packet_route::neighbour::{NeighbourAttribute, NeighbourFlags, NeighbourMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage as Message};

/// Whether both are, or ask for, something of the same list.
pub(super) fn is_of_list(told: &Message, asked: &Message) -> bool {
    match (told, asked) {
        (Message::NewNeighbour(told), Message::GetNeighbour(asked)) => {
            (is_entry(told), is_proxy(told)) == (is_entry(asked), is_proxy(asked))
        }
        _ => true,
    }
}

/// What tells the lists apart, where the address family does not; `None` for a request about something else.
pub(super) fn about(request: &Message) -> Option<(i32, u32)> {
    let Message::GetNeighbour(message) = request else {
        return None;
    };
    Some((i32::from(is_entry(message)), u32::from(is_proxy(message))))
}

fn is_entry(message: &NeighbourMessage) -> bool {
    message.header.family == AddressFamily::Bridge
}

fn is_proxy(message: &NeighbourMessage) -> bool {
    !is_entry(message) && message.header.flags.contains(NeighbourFlags::Proxy)
}

/// Whether a new one would take the place of one that is there.
pub(super) fn is_same(present: &NeighbourMessage, new: &NeighbourMessage) -> bool {
    let list = |one: &NeighbourMessage| (one.header.ifindex, is_entry(one), is_proxy(one));
    list(present) == list(new)
        && if is_entry(new) {
            is_same_entry(present, new)
        } else {
            destination(present) == destination(new)
        }
}

fn is_same_entry(present: &NeighbourMessage, new: &NeighbourMessage) -> bool {
    let mac = |one: &NeighbourMessage| {
        one.attributes.iter().find_map(|attribute| match attribute {
            NeighbourAttribute::LinkLayerAddress(mac) => Some(mac.clone()),
            _ => None,
        })
    };
    let vlan = |one: &NeighbourMessage| {
        one.attributes.iter().find_map(|attribute| match attribute {
            NeighbourAttribute::Vlan(vlan) => Some(*vlan),
            _ => None,
        })
    };
    let of_bridge = |one: &NeighbourMessage| one.header.flags.contains(NeighbourFlags::Controller);
    // Frames for nobody in particular go to several far ends.
    let is_for_several = mac(new).is_some_and(|mac| mac.iter().all(|byte| *byte == 0));
    (mac(present), vlan(present), of_bridge(present)) == (mac(new), vlan(new), of_bridge(new))
        && (!is_for_several || destination(present) == destination(new))
}

fn destination(message: &NeighbourMessage) -> Option<&NeighbourAttribute> {
    message
        .attributes
        .iter()
        .find(|attribute| matches!(attribute, NeighbourAttribute::Destination(_)))
}
