//! Links: find one, list them, and follow one to its parent, its master or its peer.

mod cause;
mod change;
pub mod properties;
pub mod settings;
mod show;
pub mod verbs;

use std::rc::Rc;

use rhai::Dynamic;

use crate::dsl::Session;
use crate::dsl::handle::Link;
use crate::dsl::objects::elsewhere;
use crate::error::{Error, Kind, Result, nearest};
use crate::net::link::{self, Snapshot, Which};
use crate::net::rtnl::{Refusal, Rtnl};
use crate::net::{ending, netns};
use crate::value::name::LinkName;
use crate::value::options::{self, Options, wrong_type};

pub(crate) use cause::{larger_than_parent, without_ipv6};
pub(crate) use change::{
    bring_back, change, delete, move_to, on, put_back, report_unchanged, set, set_alias, set_mac,
    set_master, set_mtu, set_up, take_away,
};
pub(crate) use show::show;

/// The error for a refused request about a link.
pub(crate) fn refused(refusal: Refusal, verb: &str, name: &str, place: &netns::Netns) -> Error {
    Error::from(refusal).doing(verb, name).within(place.label())
}

/// The link called `name` in `place`.
///
/// Fails with `not_found`, and the nearest name there is.
pub fn lookup(session: &Rc<Session>, place: &Rc<netns::Netns>, name: &str) -> Result<Link> {
    if let Some(found) = find(session, place, name)? {
        return Ok(handle(place, &found));
    }
    find_moved(session, place, name)?
        .map(|(place, found)| handle(&place, &found))
        .ok_or_else(|| absent(session, place, name))
}

/// The link that an earlier run of the lab found as `name` in `place`, where it has moved it to.
pub(crate) fn find_moved(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    name: &str,
) -> Result<Option<(Rc<netns::Netns>, Snapshot)>> {
    let Some((to, name)) = session.lab().moved_earlier(place, name)? else {
        return Ok(None);
    };
    Ok(find(session, &to, &name)?.map(|found| (to, found)))
}

/// The link called `name` in `place`, if there is one.
pub(crate) fn find(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    name: &str,
) -> Result<Option<Snapshot>> {
    let valid: LinkName = name
        .parse()
        .map_err(|error: Error| error.doing("find link", name).within(place.label()))?;
    session.wait(async {
        let found = get_living(&place.rtnl()?, valid.as_str()).await;
        found.map_err(|refusal| refused(refusal, "find link", name, place))
    })?
}

/// The link of that name. One that goes with a namespace which is about to end is waited for.
async fn get_living(rtnl: &Rtnl, name: &str) -> Result<Option<Snapshot>, Refusal> {
    let found = link::get(rtnl, Which::Name(name)).await?;
    let other = found.as_ref().and_then(|found| found.parent_nsid);
    match other {
        Some(nsid) if rtnl.is_ending(nsid).await? && ending::wait().await => {
            link::get(rtnl, Which::Name(name)).await
        }
        _ => Ok(found),
    }
}

/// The name of the link `index` of `place`, if it is still there.
pub(crate) fn name_of(session: &Rc<Session>, place: &netns::Netns, index: u32) -> Option<String> {
    let get = async { Ok::<_, Error>(link::get(&place.rtnl()?, Which::Index(index)).await?) };
    let seen = session.wait(get).ok()?.ok()??;
    Some(seen.name)
}

/// The error for a link that is not there.
pub(crate) fn absent(session: &Rc<Session>, place: &Rc<netns::Netns>, name: &str) -> Error {
    let error = Error::new(
        Kind::NotFound,
        format!("there is no link `{name}` in namespace `{}`", place.label()),
    );
    let names: Vec<String> = all(session, place)
        .unwrap_or_default()
        .into_iter()
        .map(|link| link.name)
        .collect();
    let mut error = error.note(format!("links there: {}", names.join(", ")));
    error.object = Some(name.to_owned());
    error.netns = Some(place.label().to_owned());
    if name.parse::<std::net::IpAddr>().is_ok() {
        return error.hint("it is an address, and the name of a link is wanted here");
    }
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// What to type for the link of that name: in the current namespace, or in another one.
pub(crate) fn call(session: &Rc<Session>, place: &netns::Netns, name: &str) -> String {
    let is_here = session
        .here()
        .is_ok_and(|here| here.namespace().id() == place.namespace().id());
    if is_here {
        format!("link(\"{name}\")")
    } else {
        format!("netns(\"{}\").link(\"{name}\")", place.label())
    }
}

/// All links of a namespace.
pub(crate) fn all(session: &Rc<Session>, place: &Rc<netns::Netns>) -> Result<Vec<Snapshot>> {
    session.wait(async {
        let links = link::list(&place.rtnl()?).await;
        links.map_err(|refusal| {
            Error::from(refusal)
                .doing_plain("list links")
                .within(place.label())
        })
    })?
}

/// The handle for a link that was just seen.
pub(crate) fn handle(place: &Rc<netns::Netns>, seen: &Snapshot) -> Link {
    Link::new(place.clone(), seen.index, &seen.name, &seen.kind)
}

/// How the link is now.
///
/// Fails with `not_found` where it was deleted, or another one has taken its ifindex.
pub(crate) fn snapshot(session: &Rc<Session>, link: &Link) -> Result<Snapshot> {
    let place = link.netns();
    let found = session.wait(async {
        let found = link::get(&place.rtnl()?, Which::Index(link.index())).await;
        found.map_err(|refusal| refused(refusal, "read link", &link.name(), &place))
    })??;
    match found {
        Some(found) if found.kind == link.kind() => {
            link.renamed(&found.name);
            Ok(found)
        }
        Some(found) => Err(gone(link).note(format!(
            "its ifindex {} now belongs to {}",
            link.index(),
            described(&found)
        ))),
        None => Err(gone(link)),
    }
}

/// What a link of the kind is called in a report.
pub(crate) fn word_of(kind: &str) -> &str {
    if kind.is_empty() { "link" } else { kind }
}

fn gone(link: &Link) -> Error {
    let mut error = Error::new(
        Kind::NotFound,
        format!(
            "link `{}` is gone from namespace `{}`",
            link.name(),
            link.netns().label()
        ),
    )
    .hint("it was deleted after this handle was made; look it up again with link(…)");
    error.object = Some(link.name());
    error.netns = Some(link.netns().label().to_owned());
    error
}

/// Finds the link that a handle in another link's property points to, in whatever namespace that is.
pub(crate) fn neighbour(
    session: &Rc<Session>,
    link: &Link,
    index: u32,
    nsid: Option<i32>,
) -> Result<Option<Link>> {
    let place = link.netns();
    let other = match nsid {
        None => Some(place),
        Some(nsid) => elsewhere::find(session, &place, nsid)?,
    };
    let Some(other) = other else {
        return Ok(None);
    };
    let found = session.wait(async {
        let found = link::get(&other.rtnl()?, Which::Index(index)).await;
        found.map_err(Error::from)
    })??;
    Ok(found.map(|found| handle(&other, &found)))
}

/// Whether the kernel leaves out of the link in which namespace its parent is.
///
/// It does for ipvtap: `ipvtap_link_ops` of drivers/net/ipvlan/ipvtap.c has no `get_link_net` (seen on Linux 6.1).
pub(crate) fn hides_parent(seen: &Snapshot) -> bool {
    seen.kind == "ipvtap" && seen.parent_nsid.is_none()
}

/// Whether `parent` may be what an ipvtap slave is stacked on: the ifindex says so, and the MAC address, which they share.
pub(crate) fn may_be_parent(seen: &Snapshot, parent: &Snapshot) -> bool {
    seen.parent == Some(parent.index) && seen.mac == parent.mac && !parent.kind.starts_with("ipv")
}

/// The link that `link`, seen just now, is stacked on; none where it is in a namespace that can't be found.
pub(crate) fn parent_of(
    session: &Rc<Session>,
    link: &Link,
    seen: &Snapshot,
) -> Result<Option<Link>> {
    let Some(index) = seen.parent else {
        return Ok(None);
    };
    if !hides_parent(seen) {
        return neighbour(session, link, index, seen.parent_nsid);
    }
    let candidates = session.known_namespaces()?;
    session.wait(async {
        for candidate in candidates {
            // A namespace may go while the others are looked through.
            let Ok(rtnl) = &candidate.rtnl() else {
                continue;
            };
            if let Ok(Some(found)) = link::get(rtnl, Which::Index(index)).await
                && may_be_parent(seen, &found)
            {
                return Ok(Some(handle(&candidate, &found)));
            }
        }
        Ok(None)
    })?
}

/// The link with its kind, as a note names it.
pub(crate) fn described(link: &Snapshot) -> String {
    match link.kind.as_str() {
        "" => format!("link `{}`", link.name),
        kind => format!("{kind} `{}`", link.name),
    }
}

/// Takes a link, given by a handle or a name, which is looked for later.
pub(crate) fn take(options: &mut Options, key: &str) -> Result<Option<Dynamic>> {
    let Some(given) = options.take(key) else {
        return Ok(None);
    };
    if given.is::<Link>() || given.is_string() {
        return Ok(Some(given));
    }
    Err(wrong_type(key, "a link or its name", given.type_name()))
}

/// A link given as a handle, or as a name to be looked up in `place`.
pub(crate) fn link_argument(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    given: &Dynamic,
) -> Result<Link> {
    if let Some(link) = given.read_lock::<Link>() {
        return Ok(link.clone());
    }
    match given.read_lock::<rhai::ImmutableString>() {
        Some(name) => lookup(session, place, &name),
        None => Err(Error::invalid(format!(
            "a link is wanted here, or its name, not {}",
            options::type_in_words(given.type_name())
        ))),
    }
}

/// Makes sure that the link is in `place`.
pub(crate) fn is_in(place: &netns::Netns, link: &Link) -> Result<()> {
    if link.netns().namespace().id() == place.namespace().id() {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "link `{}` is in another namespace, `{}`",
        link.name(),
        link.netns().label()
    )))
}
