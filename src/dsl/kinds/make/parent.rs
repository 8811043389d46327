//! What a link is stacked on.

use std::rc::Rc;

use rhai::Dynamic;

use crate::dsl::Session;
use crate::dsl::handle::Netns;
use crate::dsl::objects::link;
use crate::error::{Error, Kind, Result};
use crate::net::link::Snapshot;
use crate::net::netns;

use super::Wanted;

/// The parent that a link is to be stacked on.
pub(crate) struct Parent {
    /// Where it lives.
    pub(crate) netns: Rc<netns::Netns>,
    /// How it is.
    pub(crate) seen: Snapshot,
}

impl Parent {
    /// Finds the parent of a link in `place`, given as a handle, or as a name in the current namespace, else in `place`.
    pub(crate) fn find(
        session: &Rc<Session>,
        place: &Rc<netns::Netns>,
        given: &Dynamic,
    ) -> Result<Self> {
        if given.is::<Netns>() {
            return Err(Error::invalid("the parent is missing: a namespace stands in its place")
                .hint("write the namespace in front, then the parent and the name: net.ipvlan(\"eth0\", \"v1\")"));
        }
        let here = session.here()?;
        let is_elsewhere = here.namespace().id() != place.namespace().id();
        let found = match link::link_argument(session, &here, given) {
            // Only where the new link is to be.
            Err(error) if error.kind == Kind::NotFound && is_elsewhere => {
                link::link_argument(session, place, given).map_err(|_| error)?
            }
            found => found?,
        };
        Ok(Self {
            seen: link::snapshot(session, &found)?,
            netns: found.netns(),
        })
    }

    /// Refuses what can't carry slaves that share its traffic (ipvlan, macvlan): a loopback, another's port. One that is down
    /// carries them, with a note.
    pub(crate) fn check_can_carry(&self, session: &Rc<Session>, kind: &str) -> Result<()> {
        let Self { netns, seen } = self;
        let name = &seen.name;
        if seen.loopback {
            return Err(
                Error::invalid(format!("`{name}` is a loopback, which carries no {kind}"))
                    .hint("take an Ethernet link as parent: a bond, veth, dummy or hardware"),
            );
        }
        if let Some(master) = seen.master {
            let master = link::neighbour(session, &link::handle(netns, seen), master, None)?;
            let master = master.map_or_else(
                || "another link".to_owned(),
                |master| format!("{} `{}`", master.kind(), master.name()),
            );
            return Err(
                Error::new(Kind::Busy, format!("parent `{name}` is a port of {master}")).hint(
                    format!(
                        "stack it on the {master} instead, or free the port with {}.nomaster()",
                        link::call(session, netns, name)
                    ),
                ),
            );
        }
        if !seen.up {
            session.note(&format!(
                "parent `{name}` is down: its slaves have no carrier until it is up"
            ));
        }
        Ok(())
    }
}

/// Whether `parent` is what the present link is stacked on.
pub(super) fn is_parent(
    session: &Rc<Session>,
    wanted: &Wanted,
    parent: &Parent,
    present: &Snapshot,
) -> Result<bool> {
    if present.parent != Some(parent.seen.index) {
        return Ok(false);
    }
    if link::hides_parent(present) {
        return Ok(link::may_be_parent(present, &parent.seen));
    }
    let same_place = parent.netns.namespace().id() == wanted.place.namespace().id();
    let Some(nsid) = present.parent_nsid else {
        return Ok(same_place);
    };
    session.wait(async {
        let known = wanted
            .place
            .rtnl()?
            .nsid_of(parent.netns.namespace())
            .await?;
        Ok(known == Some(nsid))
    })?
}
