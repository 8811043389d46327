//! Which namespace it is that another one knows under an id: where the far end or the parent of a link is.
//!
//! The kernel tells of such a link only the id. To ask for each namespace that there is takes longer the more there are, so what
//! was found is kept, and made sure of by one question each time that it is wanted.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::dsl::Session;
use crate::error::Result;
use crate::net::namespace::{self, Id};
use crate::net::netns::Netns;
use crate::net::rtnl::Rtnl;

/// What is known of the ids that namespaces have for others.
#[derive(Default)]
pub(crate) struct Elsewhere(RefCell<HashMap<(Id, i32), Place>>);

/// A namespace by what it can be opened again. It is not held: who deletes it is not to be kept from that.
#[derive(Clone)]
struct Place {
    label: String,
    path: PathBuf,
}

impl Elsewhere {
    fn note(&self, from: &Netns, nsid: i32, other: &Netns) {
        let place = Place {
            label: other.label().to_owned(),
            path: other.path().to_owned(),
        };
        let key = (from.namespace().id(), nsid);
        self.0.borrow_mut().insert(key, place);
    }

    fn get(&self, from: &Netns, nsid: i32) -> Option<Netns> {
        let place = self.0.borrow().get(&(from.namespace().id(), nsid)).cloned();
        place.and_then(|place| Some(Netns::at(&place.path).ok()?.called(&place.label)))
    }

    /// The files of those that `from` is known to have an id for.
    fn paths(&self, from: &Netns) -> HashSet<PathBuf> {
        let known = self.0.borrow();
        let own = known
            .iter()
            .filter(|((id, _), _)| *id == from.namespace().id());
        own.map(|(_, place)| place.path.clone()).collect()
    }
}

/// The namespace that `from` knows under the id `nsid`; none where it can't be found.
pub(crate) fn find(
    session: &Rc<Session>,
    from: &Rc<Netns>,
    nsid: i32,
) -> Result<Option<Rc<Netns>>> {
    let elsewhere = session.elsewhere();
    session.wait(async {
        let rtnl = &from.rtnl()?;
        // Most links hang on one where the script is.
        let near = [elsewhere.get(from, nsid).map(Rc::new), session.start().ok()];
        for candidate in near.into_iter().flatten() {
            if rtnl.nsid_of(candidate.namespace()).await? == Some(nsid) {
                return Ok(Some(candidate));
            }
        }
        // Those that have come since the last look.
        let known = elsewhere.paths(from);
        let is_new = |path: &Path| !known.contains(path);
        let new = namespace::names_where(is_new)?;
        let new = new.iter().filter_map(|name| Netns::named(name).ok());
        if let Some(found) = among(elsewhere, from, rtnl, nsid, new.map(Rc::new)).await {
            return Ok(Some(found));
        }
        let all = session.known_namespaces()?;
        Ok(among(elsewhere, from, rtnl, nsid, all.into_iter()).await)
    })?
}

/// The one of them that has the id. What ids the others have is noted.
async fn among(
    elsewhere: &Elsewhere,
    from: &Netns,
    rtnl: &Rtnl,
    wanted: i32,
    candidates: impl Iterator<Item = Rc<Netns>>,
) -> Option<Rc<Netns>> {
    let mut found = None;
    for candidate in candidates {
        // One may go while the others are looked through.
        if let Ok(Some(nsid)) = rtnl.nsid_of(candidate.namespace()).await {
            elsewhere.note(from, nsid, &candidate);
            if nsid == wanted {
                found = Some(candidate);
            }
        }
    }
    found
}

/// Notes under which id `from` knows `other`, where it does: links of both were joined.
pub(crate) fn learn(session: &Rc<Session>, from: &Rc<Netns>, other: &Rc<Netns>) -> Result<()> {
    session.wait(async {
        if let Some(nsid) = from.rtnl()?.nsid_of(other.namespace()).await? {
            session.elsewhere().note(from, nsid, other);
        }
        Ok(())
    })?
}
