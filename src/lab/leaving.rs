//! Namespaces that are about to end, and the links by which they reach into others.

use std::collections::HashSet;
use std::rc::Rc;

use crate::error::Result;
use crate::lab::Lab;
use crate::net::netns::Netns;
use crate::net::{ending, link, namespace};

/// Namespaces whose names were taken away, still open. They end together: one ending is in the way of the next name, and the kernel
/// ends many at about the cost of one.
#[derive(Default)]
pub(super) struct Nameless {
    open: Vec<Rc<Netns>>,
    /// Whether something outside stays taken until those have ended that were let go.
    is_missed: bool,
}

/// What is said where the kernel is slow.
const NOT_ENDED: &str = "the kernel has not ended all namespaces yet that were deleted: until it has, \
     the addresses, names and ids that their links have outside are taken";

impl Nameless {
    pub(super) fn add(&mut self, netns: Option<Rc<Netns>>) {
        self.open.extend(netns);
    }

    /// Notes, as long as the namespace has its name, whether its links have something outside, beside the far ends of pairs: the
    /// addresses of those on a parent there, the ids of those that send their packets there.
    pub(super) async fn look_into(&mut self, netns: &Netns) {
        if self.is_missed {
            return;
        }
        let has_outside =
            |one: &link::Snapshot| one.parent_nsid.is_some() && !link::is_pair(&one.kind);
        self.is_missed = match netns.rtnl() {
            Ok(rtnl) => {
                let links = link::list(&rtnl).await;
                links.is_ok_and(|links| links.iter().any(has_outside))
            }
            Err(_) => false,
        };
    }

    /// Whether they are as many as may be open at once.
    pub(super) fn is_full(&self) -> bool {
        self.open.len() >= namespace::most_open()
    }

    /// Lets go of them, and waits until the kernel has ended them where something outside is taken until then. Says what there is
    /// to say where it has not.
    pub(super) async fn end(&mut self) -> (Result<()>, Option<String>) {
        let gone = self.let_go().await;
        let is_late = std::mem::take(&mut self.is_missed) && !ending::ends().await;
        (gone, is_late.then(|| NOT_ENDED.to_owned()))
    }

    /// Lets go of them.
    ///
    /// First the links go that are the other ends of theirs, out of the namespace that this process was started in: the kernel
    /// deletes them some time later, and until then their names are taken.
    pub(super) async fn let_go(&mut self) -> Result<()> {
        let ending = std::mem::take(&mut self.open);
        if ending.is_empty() {
            return Ok(());
        }
        let deleted = delete_far_ends(&ending).await;
        for netns in &ending {
            netns.release();
        }
        deleted
    }
}

async fn delete_far_ends(ending: &[Rc<Netns>]) -> Result<()> {
    let home = Netns::start()?;
    let rtnl = &home.rtnl()?;
    let mut ends = link::list(rtnl).await?;
    ends.retain(|end| link::is_pair(&end.kind) && end.parent_nsid.is_some());
    if ends.is_empty() {
        return Ok(());
    }
    let mut ids = HashSet::new();
    for netns in ending {
        ids.extend(rtnl.nsid_of(netns.namespace()).await?);
    }
    ends.retain(|end| end.parent_nsid.is_some_and(|id| ids.contains(&id)));
    let ends: Vec<u32> = ends.iter().map(|end| end.index).collect();
    Ok(link::delete_together(rtnl, &ends).await?)
}

impl Lab {
    /// Lets go of a namespace whose name was taken away, with all that reaches out of it. Whatever comes next waits for its end:
    /// of several that are deleted one after the other, for all together.
    pub async fn let_go(&self, netns: &Rc<Netns>) -> Result<()> {
        let mut nameless = Nameless::default();
        nameless.add(Some(netns.clone()));
        let gone = nameless.let_go().await;
        ending::expect();
        gone
    }
}
