//! Namespaces that are about to end, and the links by which they reach into others.

use std::collections::HashSet;
use std::rc::Rc;

use crate::error::Result;
use crate::lab::Lab;
use crate::net::link;
use crate::net::netns::Netns;

/// Namespaces whose names were taken away, still open. They end together: one ending is in the way of the next name, and the kernel
/// ends many at about the cost of one.
#[derive(Default)]
pub(super) struct Nameless(Vec<Rc<Netns>>);

impl Nameless {
    pub(super) fn add(&mut self, netns: Option<Rc<Netns>>) {
        self.0.extend(netns);
    }

    /// Lets go of them.
    ///
    /// First the links go that are the other ends of theirs, out of the namespace that this process was started in: the kernel
    /// deletes them some time later, and until then their names are taken.
    pub(super) async fn let_go(&mut self) -> Result<()> {
        let ending = std::mem::take(&mut self.0);
        if ending.is_empty() {
            return Ok(());
        }
        let deleted = delete_far_ends(&ending).await;
        let released = ending.iter().map(|netns| netns.release());
        released.fold(deleted, Result::and)
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
    /// Lets go of a namespace whose name was taken away, with all that reaches out of it.
    pub async fn let_go(&self, netns: &Rc<Netns>) -> Result<()> {
        let mut nameless = Nameless::default();
        nameless.add(Some(netns.clone()));
        nameless.let_go().await?;
        // The sockets are closed by the runtime.
        tokio::task::yield_now().await;
        Ok(())
    }
}
