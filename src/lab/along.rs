//! What of a run's own has gone along with something else that it deleted itself: the far end of a pair, what is made on a link.
//! It is nothing to undo, and nobody misses it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::error::Result;
use crate::lab::{Lab, Undo, WayBack};
use crate::net::link::{self, Which};
use crate::net::netns::Netns;

/// What is noted for it.
#[derive(Debug, Default)]
pub(super) struct Along {
    /// Whether the run has deleted anything of its own.
    has_deleted: Cell<bool>,
    /// The links that are parts of namespaces which the run made.
    parts: RefCell<Vec<(Rc<Netns>, u32)>>,
}

impl Along {
    pub(super) fn note_deleted(&self) {
        self.has_deleted.set(true);
    }

    pub(super) fn note_part(&self, undo: &Undo) {
        if let (WayBack::DeleteLink, Some(netns)) = (&undo.way, &undo.netns) {
            let index = undo.link_index().unwrap_or_default();
            self.parts.borrow_mut().push((netns.clone(), index));
        }
    }

    /// Forgets the parts that were made before a mark.
    pub(super) fn clear(&self) {
        self.parts.borrow_mut().clear();
    }
}

impl Lab {
    /// Strikes out the links that the run has made and that are gone, where it has deleted something itself. To be asked when it, or an
    /// entry of a session, has ended well.
    pub async fn strike_gone_along(&self) -> Result<()> {
        if !self.along.has_deleted.take() || self.plans() {
            return Ok(());
        }
        let mut made = self.along.parts.borrow().clone();
        made.extend(self.steps.borrow().iter().filter_map(|step| {
            let is_link = step.undo.way == WayBack::DeleteLink;
            let link = step.undo.netns.clone().zip(step.undo.link_index());
            link.filter(|_| is_link)
        }));
        for (netns, index) in made {
            if !self.made_link_now(&netns, index) || netns.check().is_err() {
                continue;
            }
            let rtnl = netns.rtnl()?;
            let is_gone = match link::get(&rtnl, Which::Index(index)).await? {
                None => true,
                // The kernel takes it away a moment after the namespace of its far end.
                Some(seen) => match seen.parent_nsid.filter(|_| link::is_pair(&seen.kind)) {
                    Some(nsid) => rtnl.is_ending(nsid).await?,
                    None => false,
                },
            };
            if is_gone {
                self.link_deleted(&netns, index, true);
            }
        }
        self.along.has_deleted.set(false);
        Ok(())
    }
}
