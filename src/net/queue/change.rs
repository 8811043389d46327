//! Changes of a link's queue.

use nix::errno::Errno;
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::tc::TcMessage;

use crate::net::queue::read::WITH_CLASSES;
use crate::net::queue::{Htb, Part, ROOT, Sort, Tree, htb, message, steer};
use crate::net::rtnl::{Refusal, Rtnl};

/// A refusal, and the kind of the part that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What the kernel said.
    pub refusal: Refusal,
    /// The kind of queue, class or filter.
    pub kind: String,
}

/// Puts `new` in the place of `old` on the link `index`. Where that is refused, `old` is there again.
pub async fn replace(rtnl: &Rtnl, index: u32, old: &Tree, new: &Tree) -> Result<(), Failed> {
    if !old.is_empty() {
        clear(rtnl, index).await.map_err(|refusal| Failed {
            refusal,
            kind: String::new(),
        })?;
    }
    let built = build(rtnl, index, new).await;
    if built.is_err() {
        // The failure that is reported is the first one.
        let _ = clear(rtnl, index).await;
        let _ = build(rtnl, index, old).await;
    }
    built
}

/// Takes away what was put on the link's own queue: the kernel's default comes back. Gone already is no error.
pub async fn clear(rtnl: &Rtnl, index: u32) -> Result<(), Refusal> {
    let mut message = TcMessage::with_index(index.cast_signed());
    message.header.parent = ROOT.into();
    let delete = RouteNetlinkMessage::DelQueueDiscipline(message);
    match rtnl.tell(delete, 0).await {
        Err(refusal) if refusal.errno == Errno::ENOENT => Ok(()),
        other => other,
    }
}

/// Makes all parts of `tree`.
pub async fn build(rtnl: &Rtnl, index: u32, tree: &Tree) -> Result<(), Failed> {
    for part in in_order(tree) {
        let message = message(&part, index);
        let request = match part.sort {
            Sort::Queue => RouteNetlinkMessage::NewQueueDiscipline(message),
            Sort::Class => RouteNetlinkMessage::NewTrafficClass(message),
            Sort::Filter => RouteNetlinkMessage::NewTrafficFilter(message),
        };
        let told = rtnl.tell(request, NLM_F_CREATE | NLM_F_EXCL).await;
        told.map_err(|refusal| Failed {
            refusal,
            kind: part.kind,
        })?;
    }
    Ok(())
}

/// The parts that can be made, each behind what it hangs on.
fn in_order(tree: &Tree) -> Vec<Part> {
    let mut left: Vec<Part> = tree.parts.iter().filter_map(to_make).collect();
    let mut ordered: Vec<Part> = Vec::new();
    while !left.is_empty() {
        let waits = |part: &Part| {
            left.iter().any(|other| {
                other.sort != Sort::Filter
                    && other != part
                    && (other.handle == part.parent
                        || other.sort == Sort::Queue && hangs_on(part, other.handle))
            })
        };
        let (ready, waiting): (Vec<Part>, Vec<Part>) =
            left.iter().cloned().partition(|part| !waits(part));
        if ready.is_empty() {
            // They hang on each other: the kernel is to say what it thinks of that.
            ordered.extend(waiting);
            break;
        }
        ordered.extend(ready);
        left = waiting;
    }
    // What a filter steers to has to be there.
    ordered.sort_by_key(|part| part.sort == Sort::Filter);
    ordered
}

/// Whether the part is of the queue, or stands in a class of it.
fn hangs_on(part: &Part, queue: u32) -> bool {
    match (part.sort, part.parent) {
        (Sort::Queue, ROOT) => false,
        (Sort::Class, _) => part.handle >> 16 == queue >> 16,
        (_, parent) => parent >> 16 == queue >> 16,
    }
}

/// The part as it is made again; `None` for what the kernel makes by itself.
fn to_make(part: &Part) -> Option<Part> {
    let mut part = part.clone();
    match part.sort {
        Sort::Queue if part.is_default() => return None,
        Sort::Class if !WITH_CLASSES[..4].contains(&part.kind.as_str()) => return None,
        Sort::Queue if part.kind == Htb::KIND => part.options = htb::to_set(&part.options),
        Sort::Filter if part.kind == "u32" => {
            part.options = steer::without_place(&part.options)?;
            part.handle = 0;
        }
        _ => {}
    }
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::queue::{Class, Netem, OWN, Steer};

    #[test]
    fn each_part_comes_behind_what_it_hangs_on() {
        let class = Class::default();
        let tree = Tree {
            parts: vec![
                Part::filter(OWN, 1, &Steer::Mark(7), OWN | 0x10),
                Part::netem((OWN | 0x10, 0x10_0000), &Netem::default()),
                Part::class((OWN | 1, OWN | 0x10), &class, 1_514),
                Part::class((ROOT, OWN | 1), &class, 1_514),
                Part::htb((ROOT, OWN), &Htb::default()),
            ],
        };
        let handles: Vec<u32> = in_order(&tree).iter().map(|part| part.handle).collect();
        assert_eq!(handles, [OWN, OWN | 1, OWN | 0x10, 0x10_0000, 7]);
    }
}
