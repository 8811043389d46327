//! In which order the links are made: each behind what it hangs on.

use std::collections::HashSet;
use std::rc::Rc;

use super::world::{Found, HOST, LinkId, World, devices, kind_of};
use crate::dsl::Session;
use crate::dsl::kinds::kind;

/// The links of the exported places and the far ends of their pairs, in an order in which they can be made.
pub(super) fn order(session: &Rc<Session>, world: &World) -> Vec<LinkId> {
    let mut walk = Walk {
        session,
        world,
        seen: HashSet::new(),
        order: Vec::new(),
    };
    for place in HOST + 1..world.places.len() {
        for link in &world.places[place].links {
            walk.visit((place, link.index));
        }
    }
    // Here only the far ends of pairs, which were made with the first ones.
    let near: Vec<LinkId> = walk.order.clone();
    for id in near {
        if world.link(id).is_some_and(|link| kind::is_pair(&link.kind))
            && let Found::Link(far @ (HOST, _)) = world.other_end(session, id)
            && walk.seen.insert(far)
        {
            walk.order.push(far);
        }
    }
    walk.order
}

struct Walk<'a> {
    session: &'a Rc<Session>,
    world: &'a World,
    seen: HashSet<LinkId>,
    order: Vec<LinkId>,
}

impl Walk<'_> {
    fn visit(&mut self, id: LinkId) {
        // What the host has is there already.
        if id.0 == HOST || !self.seen.insert(id) {
            return;
        }
        for other in hangs_on(self.session, self.world, id) {
            self.visit(other);
        }
        self.order.push(id);
    }
}

/// What has to be there before the link is made: its parent, its master, the link that carries a tunnel. A bond is made of its
/// ports.
pub(super) fn hangs_on(session: &Rc<Session>, world: &World, id: LinkId) -> Vec<LinkId> {
    let (place, index) = id;
    let Some(link) = world.link(id) else {
        return Vec::new();
    };
    let mut others = Vec::new();
    if !kind::is_pair(&link.kind)
        && let Found::Link(parent) = world.other_end(session, id)
    {
        others.push(parent);
    }
    if let Some(master) = link.master.and_then(|master| world.link((place, master)))
        && master.kind != "bond"
    {
        others.push((place, master.index));
    }
    if link.kind == "bond" {
        others.extend(world.ports((place, index)).map(|port| (place, port.index)));
    }
    if let Some(kind) = kind_of(link) {
        others.extend(devices(kind, link).map(|index| (place, index)));
    }
    others
}
