//! What queues there are.

use std::collections::HashMap;

use rtnetlink::packet_core::{DefaultNla, Emitable, Nla};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::tc::{TcAttribute, TcMessage, TcOption, TcStats2};

use super::{OPTIONS, Part, Sort, Tree};
use crate::net::rtnl::{Refusal, Rtnl};

/// Kinds that classes are made in, or filters put to.
pub(super) const WITH_CLASSES: [&str; 6] = ["htb", "hfsc", "drr", "qfq", "prio", "ets"];

/// Reads the queue of the link `index`, what it comes with by default included.
pub async fn read(rtnl: &Rtnl, index: u32) -> Result<Tree, Refusal> {
    let mut trees = all(rtnl, &[index]).await?;
    Ok(trees.remove(&index).unwrap_or_default())
}

/// Reads the queues of the links `indices`. The kernel lists queues of all links, and classes and filters of one.
pub async fn all(rtnl: &Rtnl, indices: &[u32]) -> Result<HashMap<u32, Tree>, Refusal> {
    let mut trees: HashMap<u32, Tree> = indices
        .iter()
        .map(|index| (*index, Tree::default()))
        .collect();
    let only = if let [index] = indices { *index } else { 0 };
    let queues = RouteNetlinkMessage::GetQueueDiscipline(about(only, 0));
    for (index, part) in rtnl.dump(queues).await?.into_iter().filter_map(part_of) {
        if let Some(tree) = trees.get_mut(&index) {
            tree.parts.push(part);
        }
    }
    for (index, tree) in &mut trees {
        let with_classes = tree
            .parts
            .iter()
            .filter(|part| !part.is_default() && WITH_CLASSES.contains(&part.kind.as_str()));
        let with_classes: Vec<u32> = with_classes.map(|part| part.handle).collect();
        if with_classes.is_empty() {
            continue;
        }
        let classes = RouteNetlinkMessage::GetTrafficClass(about(*index, 0));
        let mut answers = rtnl.dump(classes).await?;
        for handle in with_classes {
            let filters = RouteNetlinkMessage::GetTrafficFilter(about(*index, handle));
            answers.extend(rtnl.dump(filters).await?);
        }
        let more = answers.into_iter().filter_map(part_of);
        let own = more.filter(|(of, _)| of == index);
        tree.parts.extend(own.map(|(_, part)| part));
    }
    Ok(trees)
}

fn about(index: u32, parent: u32) -> TcMessage {
    let mut message = TcMessage::with_index(index.cast_signed());
    message.header.parent = parent.into();
    message
}

/// The part that an answer tells of, with the ifindex of its link.
fn part_of(answer: RouteNetlinkMessage) -> Option<(u32, Part)> {
    let (sort, message) = match answer {
        RouteNetlinkMessage::NewQueueDiscipline(message) => (Sort::Queue, message),
        RouteNetlinkMessage::NewTrafficClass(message) => (Sort::Class, message),
        RouteNetlinkMessage::NewTrafficFilter(message) => (Sort::Filter, message),
        _ => return None,
    };
    let header = message.header;
    let place = (header.parent.into(), header.handle.into());
    let mut part = Part::new(sort, place, "", Vec::new());
    if sort == Sort::Filter {
        part.info = header.info;
    }
    for attribute in message.attributes {
        match attribute {
            TcAttribute::Kind(kind) => part.kind = kind,
            TcAttribute::Options(options) => part.options = payload(&options),
            // As it is sent, and so comes back from a plan.
            TcAttribute::Other(other) if other.kind() == OPTIONS => part.options = value(&other),
            TcAttribute::Stats2(stats) => {
                for stats in stats {
                    match stats {
                        TcStats2::Basic(basic) => {
                            part.stats.bytes = basic.bytes;
                            part.stats.packets = basic.packets;
                        }
                        TcStats2::Queue(queue) => {
                            part.stats.drops = queue.drops;
                            part.stats.overlimits = queue.overlimits;
                            part.stats.requeues = queue.requeues;
                            part.stats.backlog = queue.backlog;
                            part.stats.queued = queue.qlen;
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Some((header.index.cast_unsigned(), part))
}

/// The bytes of options. Of a kind that the crate does not know it keeps the whole attribute as one option.
fn payload(options: &[TcOption]) -> Vec<u8> {
    if let [TcOption::Other(all)] = options
        && all.kind() == OPTIONS
    {
        return value(all);
    }
    let mut bytes = vec![0; options.buffer_len()];
    options.emit(&mut bytes);
    bytes
}

fn value(attribute: &DefaultNla) -> Vec<u8> {
    let mut bytes = vec![0; attribute.value_len()];
    attribute.emit_value(&mut bytes);
    bytes
}
