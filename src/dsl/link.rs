//! Links: find one, list them, read its properties, bring it up and down, move, rename and delete it.

use std::rc::Rc;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rtnetlink::{LinkMessageBuilder, LinkUnspec};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::ipvlan_port::Settings;
use crate::dsl::netns::namespace_argument;
use crate::dsl::{Answer, Session, answer, kind};
use crate::error::{Error, Kind, Result, nearest};
use crate::lab::setting::Setting;
use crate::lab::{Command, LinkRef, Outcome, Undo, trace};
use crate::net::address;
use crate::net::link::{self, Snapshot, Which};
use crate::net::netns;
use crate::net::rtnl::Refusal;
use crate::value::name::LinkName;
use crate::value::{mac, options};
use crate::view::value::{Handle, Value};

/// The error for a refused request about a link.
pub(crate) fn refused(refusal: Refusal, verb: &str, name: &str, place: &netns::Netns) -> Error {
    Error::from(refusal).doing(verb, name).within(place.label())
}

/// The link called `name` in `place`.
///
/// Fails with `not_found`, and the nearest name there is.
pub fn lookup(session: &Rc<Session>, place: &Rc<netns::Netns>, name: &str) -> Result<Link> {
    let found = find(session, place, name)?;
    found
        .map(|found| handle(place, &found))
        .ok_or_else(|| absent(session, place, name))
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
        let found = link::get(&place.rtnl()?, Which::Name(valid.as_str())).await;
        found.map_err(|refusal| refused(refusal, "find link", name, place))
    })?
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

/// Sets what is `old` to `new`.
pub(crate) fn change(
    session: &Rc<Session>,
    link: &Link,
    verb: &str,
    old: Setting,
    new: Setting,
) -> Result<()> {
    let place = link.netns();
    let name = link.name();
    let message = new.message(link.index(), link.kind());
    let what = new.what();
    let detail = format!(
        "{name}: {} to {}",
        said(session, &place, &old),
        said(session, &place, &new)
    );
    let words = session.lab().trace().is_on().then(|| {
        let name = |index| name_of(session, &place, index).unwrap_or_default();
        new.words(name)
    });
    let command = || set_command(&place, &name).and(words.unwrap_or_default());
    let undo = Undo::Restore {
        netns: place.clone(),
        link: link.reference(),
        old,
        new,
    };
    session.wait(async {
        let rtnl = &place.rtnl()?;
        session
            .lab()
            .step(undo, command, link::change(rtnl, message))
            .await?
            .map_err(|refusal| match refusal.errno {
                nix::errno::Errno::ENODEV => gone(link),
                _ => refused(refusal, verb, &name, &place),
            })
    })??;
    session
        .lab()
        .report(Outcome::Changed, &place, what, &detail);
    Ok(())
}

/// A value of a setting in words, with the name of a master.
fn said(session: &Rc<Session>, place: &netns::Netns, setting: &Setting) -> String {
    match setting {
        Setting::Master(index) if *index > 0 => {
            name_of(session, place, *index).unwrap_or_else(|| setting.to_string())
        }
        other => other.to_string(),
    }
}

/// The beginning of the command that sets something on the link of that name.
fn set_command(place: &netns::Netns, name: &str) -> Command {
    Command::ip(place, ["link", "set", "dev", name])
}

/// Notes that a setting of the link is as asked.
pub(crate) fn report_unchanged(session: &Session, link: &Link, setting: &Setting) {
    let name = format!("{}: {setting}", link.name());
    session
        .lab()
        .report(Outcome::Unchanged, &link.netns(), setting.what(), &name);
}

/// A change of the link: its ifindex, and what is to change.
pub(crate) fn on(link: &Link) -> LinkMessageBuilder<LinkUnspec> {
    LinkUnspec::new_with_index(link.index())
}

/// Sets one setting, if it is not as wanted already.
pub(crate) fn set(session: &Rc<Session>, link: &Link, verb: &str, wanted: Setting) -> Result<()> {
    let seen = snapshot(session, link)?;
    let present = wanted.of(&seen).unwrap_or_else(|| wanted.clone());
    if present == wanted {
        report_unchanged(session, link, &wanted);
        return Ok(());
    }
    change(session, link, verb, present, wanted)
}

/// Brings the link up or down.
pub(crate) fn set_up(session: &Rc<Session>, link: &Link, up: bool) -> Result<()> {
    // A link that the run made itself is undone with it: no need to know how it was.
    if !session.lab().made_link(&link.netns(), link.index()) && snapshot(session, link)?.up == up {
        report_unchanged(session, link, &Setting::Up(up));
        return Ok(());
    }
    let verb = if up {
        "bring up link"
    } else {
        "bring down link"
    };
    change(session, link, verb, Setting::Up(!up), Setting::Up(up))
}

/// Sets the MTU in bytes.
pub(crate) fn set_mtu(session: &Rc<Session>, link: &Link, mtu: i64) -> Result<()> {
    let verb = "set the MTU of link";
    let bytes = options::in_range("mtu", mtu, 0..=i64::from(u32::MAX))
        .ok()
        .and_then(|mtu| u32::try_from(mtu).ok())
        .ok_or_else(|| {
            Error::invalid(format!("an MTU is a number of bytes, not {mtu}"))
                .doing(verb, &link.name())
                .within(link.netns().label())
        })?;
    set(session, link, verb, Setting::Mtu(bytes))
}

/// Sets the hardware address.
pub(crate) fn set_mac(session: &Rc<Session>, link: &Link, text: &str) -> Result<()> {
    let verb = "set the MAC address of link";
    let context = |error: Error| error.doing(verb, &link.name()).within(link.netns().label());
    let bytes = mac::parse(text).map_err(context)?;
    if link.kind().starts_with("ipv") {
        return Err(context(
            Error::new(
                Kind::Unsupported,
                format!("an {} slave has the MAC address of its parent", link.kind()),
            )
            .hint("set it on the parent, or use macvlan, whose slaves have their own"),
        ));
    }
    set(session, link, verb, Setting::Mac(bytes))
}

/// Puts the link under a bridge, bond or VRF of the same namespace, or under none.
pub(crate) fn set_master(session: &Rc<Session>, link: &Link, master: Option<&Link>) -> Result<()> {
    let verb = "set the master of link";
    let index = match master {
        Some(master) if master.netns().namespace().id() != link.netns().namespace().id() => {
            return Err(Error::invalid(format!(
                "master `{}` lives in another namespace, `{}`",
                master.name(),
                master.netns().label()
            ))
            .doing(verb, &link.name())
            .within(link.netns().label()));
        }
        Some(master) => master.index(),
        None => 0,
    };
    set(session, link, verb, Setting::Master(index))
    .map_err(|error| match error.errno {
        Some(nix::errno::Errno::EBUSY) => error
            .cause("something else takes its traffic already")
            .note("a link is a port of one master, and of none while it carries ipvlan or macvlan slaves")
            .hint("take another link, or delete the slaves first"),
        Some(nix::errno::Errno::EOPNOTSUPP) => {
            let name = master.map(Link::name).unwrap_or_default();
            error
                .kind(Kind::Invalid)
                .cause(format!("`{name}` takes no ports"))
                .hint("a master is a bridge, a bond or a VRF")
        }
        _ => error,
    })
}

/// Sets the alias, a free text.
pub(crate) fn set_alias(session: &Rc<Session>, link: &Link, text: &str) -> Result<()> {
    let wanted = Setting::Alias(text.to_owned());
    set(session, link, "set the alias of link", wanted)
}

fn set_name(session: &Rc<Session>, link: &Link, name: &str) -> Result<()> {
    let verb = "rename link";
    let former = link.name();
    let name: LinkName = name
        .parse()
        .map_err(|error: Error| error.doing(verb, &former).within(link.netns().label()))?;
    if let Some(taken) = find(session, &link.netns(), name.as_str())?
        && taken.index != link.index()
    {
        return Err(
            Error::new(Kind::Exists, format!("the name `{name}` is taken there"))
                .doing(verb, &former)
                .within(link.netns().label()),
        );
    }
    set(session, link, verb, Setting::Name(name.to_string()))?;
    link.renamed(name.as_str());
    Ok(())
}

fn move_to(session: &Rc<Session>, link: &Link, target: &Netns) -> Result<()> {
    let from = link.netns();
    let name = link.name();
    if from.namespace().id() == target.namespace().id() {
        session
            .lab()
            .report(Outcome::Unchanged, &from, "place", &name);
        return Ok(());
    }
    let context = |error: Error| error.doing("move link", &name).within(from.label());
    let seen = snapshot(session, link)?;
    if seen.loopback {
        return Err(context(
            Error::invalid("a loopback stays in its namespace")
                .hint("every namespace has one of its own: net.link(\"lo\")"),
        ));
    }
    if let Some(there) = find(session, target, &name)? {
        if there.loopback {
            return Err(context(Error::invalid(
                "a loopback can't leave its namespace",
            )));
        }
        return Err(context(
            Error::new(
                Kind::Exists,
                format!(
                    "namespace `{}` already has a link of that name",
                    target.label()
                ),
            )
            .note(format!("there: {}", described(&there)))
            .hint("rename one of them first, with rename(…)"),
        ));
    }
    let index = link.index();
    let undo = way_back(session, link, target)?;
    let moved = session.wait(async {
        let rtnl = &from.rtnl()?;
        let lab = session.lab();
        let request = link::move_to(rtnl, index, target.namespace(), None);
        let command = || set_command(&from, &name).and(["netns", &trace::place_of_link(target)]);
        lab.step(undo, command, request).await?.map_err(|refusal| match refusal.errno {
            nix::errno::Errno::EINVAL => context(Error::from(refusal).hint(
                "some links can't leave their namespace: the loopback, and those with the netns-immutable flag",
            )),
            _ => context(refusal.into()),
        })?;
        // The kernel keeps the ifindex where it is free, and gives another one where it is not.
        let found = link::get(&target.rtnl()?, Which::Name(&name)).await;
        found.map_err(|refusal| context(refusal.into()))
    })??;
    let moved = moved.ok_or_else(|| gone(link))?;
    session
        .lab()
        .link_moved((&from, index), (&target.0, moved.index));
    link.moved(target.0.clone(), moved.index);
    let detail = format!("{name}: {} to {}", from.label(), target.label());
    session
        .lab()
        .report(Outcome::Changed, target, "place", &detail);
    Ok(())
}

/// How to undo a move: a link of the run's own goes where it is then, a foreign one comes back.
fn way_back(session: &Rc<Session>, link: &Link, target: &Netns) -> Result<Undo> {
    let from = link.netns();
    let netns = target.0.clone();
    let moved = LinkRef {
        index: 0,
        ..link.reference()
    };
    if session.lab().made_link(&from, link.index()) {
        return Ok(Undo::DeleteLink { netns, link: moved });
    }
    let up = snapshot(session, link)?.up;
    let addresses = session.wait(async {
        let addresses = address::list(&from.rtnl()?, Some(link.index())).await?;
        Ok::<_, Error>(addresses)
    })??;
    Ok(Undo::MoveBack {
        netns,
        link: moved,
        home: from,
        was: link.index(),
        up,
        addresses: addresses
            .into_iter()
            .filter(|address| address.scope == "global")
            .map(|address| address.prefix)
            .collect(),
    })
}

/// Deletes the link. Gone already is no error.
pub(crate) fn delete(session: &Rc<Session>, link: &Link) -> Result<()> {
    let place = link.netns();
    let name = link.name();
    let lab = session.lab();
    lab.trace()
        .tell(|| Command::ip(&place, ["link", "del", "dev", &name]));
    let deleted = session.wait(async {
        link::delete(&place.rtnl()?, link.index())
            .await
            .map_err(|refusal| match refusal.errno {
                nix::errno::Errno::EOPNOTSUPP => {
                    refused(refusal, "delete link", &link.name(), &place)
                        .kind(Kind::Invalid)
                        .cause("it is no virtual link: a loopback or hardware stays")
                        .hint("bring it down instead, with .down()")
                }
                _ => refused(refusal, "delete link", &link.name(), &place),
            })
    })??;
    let outcome = if deleted {
        Outcome::Deleted
    } else {
        Outcome::Unchanged
    };
    lab.report(outcome, &place, word_of(link.kind()), &name);
    Ok(())
}

/// Waits until the link is operational, at most `timeout`.
fn wait_up(session: &Rc<Session>, link: &Link, timeout: std::time::Duration) -> Result<()> {
    let operational = |seen: &Snapshot| seen.up && seen.carrier;
    let place = link.netns();
    let mut changes = session.wait(async { place.watch_links() })??;
    if operational(&snapshot(session, link)?) {
        return Ok(());
    }
    let came_up = session.wait_or_interrupt(async {
        tokio::time::timeout(timeout, async {
            while let Some(seen) = changes.next().await {
                if seen.index == link.index() && operational(&seen) {
                    return;
                }
            }
        })
        .await
        .is_ok()
    })?;
    if came_up {
        return Ok(());
    }
    let (why, hint) = if snapshot(session, link)?.up {
        ("has no carrier", "bring its other end, or its parent, up")
    } else {
        ("is down", "bring it up first, with .up()")
    };
    Err(
        Error::new(Kind::Timeout, format!("it {why} after {timeout:?}"))
            .doing("wait for link", &link.name())
            .within(place.label())
            .hint(hint),
    )
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
        Some(nsid) => namespace_of_nsid(session, &place, nsid)?,
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

/// The namespace that `place` knows under the id `nsid`.
fn namespace_of_nsid(
    session: &Rc<Session>,
    place: &Rc<netns::Netns>,
    nsid: i32,
) -> Result<Option<Rc<netns::Netns>>> {
    let candidates = session.known_namespaces()?;
    session.wait(async {
        let rtnl = &place.rtnl()?;
        for candidate in candidates {
            if rtnl.nsid_of(candidate.namespace()).await? == Some(nsid) {
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    })?
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    use std::time::Duration;

    /// Returns the link `name` of the namespace.
    ///
    /// Fails with `not_found` where there is none, and names the nearest.
    ///
    /// ```rhai
    /// netns("net-1").link("lo").name    // => "lo"
    /// ```
    #[rhai_fn(name = "link", return_raw, volatile)]
    pub fn link_(context: NativeCallContext, net: &mut Netns, name: &str) -> Answer<Link> {
        answer(&context, |session| lookup(session, &net.0, name))
    }

    /// Returns all links of the namespace, by ifindex.
    ///
    /// What `ip -br link` lists.
    ///
    /// ```rhai
    /// netns("net-1").links().len()    // => 1
    /// ```
    #[rhai_fn(name = "links", return_raw, volatile)]
    pub fn links(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        answer(&context, |session| {
            let links = all(session, &net.0)?;
            Ok(links
                .iter()
                .map(|seen| Dynamic::from(handle(&net.0, seen)))
                .collect())
        })
    }

    /// The links of the namespace, by ifindex.
    #[rhai_fn(get = "links", return_raw, volatile)]
    pub fn get_links(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        links(context, net)
    }

    /// Brings the link up, and returns it.
    ///
    /// What `ip link set LINK up` does.
    ///
    /// ```rhai
    /// netns("net-1").link("lo").up().is_up    // => true
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn up(context: NativeCallContext, link: &mut Link) -> Answer<Link> {
        answer(&context, |session| {
            set_up(session, link, true)?;
            Ok(link.clone())
        })
    }

    /// Brings the link down, and returns it. Its routes go.
    ///
    /// ```rhai
    /// netns("net-1").link("lo").up().down().is_up    // => false
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn down(context: NativeCallContext, link: &mut Link) -> Answer<Link> {
        answer(&context, |session| {
            set_up(session, link, false)?;
            Ok(link.clone())
        })
    }

    /// Moves the link to the namespace `target`, a handle or a name, and returns it.
    ///
    /// The kernel takes its addresses and routes away and brings it down. Links can be made straight in their
    /// namespace, which is quicker: `net.ipvlan(…)`. What `ip link set LINK netns NAME` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let v = veth("v0", "v1");
    /// v.netns(a);
    /// v.netns.name    // => "a"
    /// ```
    #[rhai_fn(name = "netns", return_raw, volatile)]
    pub fn netns_(context: NativeCallContext, link: &mut Link, target: Dynamic) -> Answer<Link> {
        answer(&context, |session| {
            let target = namespace_argument(&target).map_err(|error| {
                error
                    .doing("move link", &link.name())
                    .in_place(link.netns().label())
            })?;
            move_to(session, link, &target)?;
            Ok(link.clone())
        })
    }

    /// Gives the link another name, and returns it.
    ///
    /// Kernels before 6.2 refuse this while the link is up, with `busy`. What `ip link set LINK name NAME` does.
    ///
    /// ```rhai
    /// let v = netns("a").veth("v0", "v1");
    /// v.rename("w0").name    // => "w0"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn rename(context: NativeCallContext, link: &mut Link, name: &str) -> Answer<Link> {
        answer(&context, |session| {
            set_name(session, link, name)?;
            Ok(link.clone())
        })
    }

    /// Sets the link's MTU in bytes, and returns the link.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").mtu(1400).mtu    // => 1400
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn mtu(context: NativeCallContext, link: &mut Link, bytes: i64) -> Answer<Link> {
        answer(&context, |session| {
            set_mtu(session, link, bytes)?;
            Ok(link.clone())
        })
    }

    /// Sets the link's hardware address, and returns the link.
    ///
    /// An ipvlan slave has that of its parent and refuses another.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").mac("02:00:00:00:00:01").mac    // => "02:00:00:00:00:01"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn mac(context: NativeCallContext, link: &mut Link, address: &str) -> Answer<Link> {
        answer(&context, |session| {
            set_mac(session, link, address)?;
            Ok(link.clone())
        })
    }

    /// Puts the link under `master`, a bridge, bond or VRF of its namespace, and returns it.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let port = a.veth("v0", "v1").master(a.bridge("br0"));
    /// port.master.name    // => "br0"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn master(context: NativeCallContext, link: &mut Link, master: Dynamic) -> Answer<Link> {
        answer(&context, |session| {
            let place = link.netns();
            let master = link_argument(session, &place, &master).map_err(|error| {
                error
                    .doing("set the master of link", &link.name())
                    .in_place(place.label())
            })?;
            set_master(session, link, Some(&master))?;
            Ok(link.clone())
        })
    }

    /// Takes the link from under its master, and returns it.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.veth("v0", "v1").master(a.bridge("br0")).nomaster().master    // => ()
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn nomaster(context: NativeCallContext, link: &mut Link) -> Answer<Link> {
        answer(&context, |session| {
            set_master(session, link, None)?;
            Ok(link.clone())
        })
    }

    /// Sets the link's alias, a free text, and returns the link.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").alias("to the lab").alias    // => "to the lab"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn alias(context: NativeCallContext, link: &mut Link, text: &str) -> Answer<Link> {
        answer(&context, |session| {
            set_alias(session, link, text)?;
            Ok(link.clone())
        })
    }

    /// Waits until the link is up and has a carrier, five seconds at most, and returns it.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let v = a.veth("v0", "v1", #{up: true});
    /// v.peer.up();
    /// v.wait_up().carrier    // => true
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn wait_up(context: NativeCallContext, link: &mut Link) -> Answer<Link> {
        answer(&context, |session| {
            super::wait_up(session, link, Duration::from_secs(5))?;
            Ok(link.clone())
        })
    }

    /// Deletes the link. Gone already is no error.
    ///
    /// What `ip link del LINK` does. Its addresses and routes go with it, and what is stacked on it, in every namespace.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// a.veth("v0", "v1").delete();
    /// a.links().len()    // => 1
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn delete(context: NativeCallContext, link: &mut Link) -> Answer<()> {
        answer(&context, |session| super::delete(session, link))
    }

    /// The link's name.
    #[rhai_fn(get = "name", return_raw, volatile)]
    pub fn get_name(context: NativeCallContext, link: &mut Link) -> Answer<String> {
        answer(&context, |session| Ok(snapshot(session, link)?.name))
    }

    /// The link's ifindex.
    #[rhai_fn(get = "index", volatile)]
    pub fn get_index(link: &mut Link) -> i64 {
        link.index().into()
    }

    /// The link's kind (`ipvlan`, `veth` …), or `""` for hardware.
    #[rhai_fn(get = "kind")]
    pub fn get_kind(link: &mut Link) -> String {
        link.kind().to_owned()
    }

    /// The link's MTU in bytes.
    #[rhai_fn(get = "mtu", return_raw, volatile)]
    pub fn get_mtu(context: NativeCallContext, link: &mut Link) -> Answer<i64> {
        answer(&context, |session| Ok(snapshot(session, link)?.mtu.into()))
    }

    /// The link's hardware address.
    #[rhai_fn(get = "mac", return_raw, volatile)]
    pub fn get_mac(context: NativeCallContext, link: &mut Link) -> Answer<String> {
        answer(&context, |session| {
            Ok(crate::value::mac::print(&snapshot(session, link)?.mac))
        })
    }

    /// The link's alias, or `()`.
    #[rhai_fn(get = "alias", return_raw, volatile)]
    pub fn get_alias(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| {
            let alias = snapshot(session, link)?.alias;
            Ok(alias.map_or(Dynamic::UNIT, Dynamic::from))
        })
    }

    /// The link's operational state, as `ip -br link` prints it.
    #[rhai_fn(get = "state", return_raw, volatile)]
    pub fn get_state(context: NativeCallContext, link: &mut Link) -> Answer<String> {
        answer(&context, |session| {
            Ok(snapshot(session, link)?.state.to_owned())
        })
    }

    /// Whether the link is administratively up.
    #[rhai_fn(get = "is_up", return_raw, volatile)]
    pub fn get_is_up(context: NativeCallContext, link: &mut Link) -> Answer<bool> {
        answer(&context, |session| Ok(snapshot(session, link)?.up))
    }

    /// Whether the link has a carrier.
    #[rhai_fn(get = "carrier", return_raw, volatile)]
    pub fn get_carrier(context: NativeCallContext, link: &mut Link) -> Answer<bool> {
        answer(&context, |session| Ok(snapshot(session, link)?.carrier))
    }

    /// The link's flags, as `ip link` prints them between angle brackets.
    #[rhai_fn(get = "flags", return_raw, volatile)]
    pub fn get_flags(context: NativeCallContext, link: &mut Link) -> Answer<rhai::Array> {
        answer(&context, |session| {
            let flags = snapshot(session, link)?.flags;
            Ok(link_flags(flags).into_iter().map(Dynamic::from).collect())
        })
    }

    /// The link's counters: packets, bytes, errors and drops, each way.
    #[rhai_fn(get = "stats", return_raw, volatile)]
    pub fn get_stats(context: NativeCallContext, link: &mut Link) -> Answer<rhai::Map> {
        answer(&context, |session| {
            let stats = snapshot(session, link)?.stats.unwrap_or_default();
            let counters = [
                ("rx_packets", stats.rx_packets),
                ("rx_bytes", stats.rx_bytes),
                ("rx_errors", stats.rx_errors),
                ("rx_dropped", stats.rx_dropped),
                ("tx_packets", stats.tx_packets),
                ("tx_bytes", stats.tx_bytes),
                ("tx_errors", stats.tx_errors),
                ("tx_dropped", stats.tx_dropped),
            ];
            Ok(counters
                .into_iter()
                .map(|(name, count)| (name.into(), i64::try_from(count).unwrap_or(i64::MAX).into()))
                .collect())
        })
    }

    /// The namespace that the link is in.
    #[rhai_fn(get = "netns")]
    pub fn get_netns(link: &mut Link) -> Netns {
        Netns(link.netns())
    }

    /// The bridge, bond or VRF that the link is under, or `()`.
    #[rhai_fn(get = "master", return_raw, volatile)]
    pub fn get_master(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| match snapshot(session, link)?.master {
            Some(index) => Ok(or_unit(neighbour(session, link, index, None)?)),
            None => Ok(Dynamic::UNIT),
        })
    }

    /// The link that this one is stacked on, or `()`.
    #[rhai_fn(get = "parent", return_raw, volatile)]
    pub fn get_parent(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| {
            let seen = snapshot(session, link)?;
            if kind::is_pair(&seen.kind) {
                return Ok(Dynamic::UNIT);
            }
            Ok(or_unit(parent_of(session, link, &seen)?))
        })
    }

    /// The link in one line, as `ip -br link` prints it.
    #[rhai_fn(global, name = "to_string", volatile)]
    pub fn to_text(context: NativeCallContext, link: &mut Link) -> String {
        Session::of(&context)
            .and_then(|session| snapshot(&session, link).map(|seen| line(&seen)))
            .unwrap_or_else(|_| format!("{} (gone)", link.name()))
    }

    /// The link inside a list or map: its name.
    #[rhai_fn(global, name = "to_debug")]
    pub fn to_debug(link: &mut Link) -> String {
        link.name()
    }
}

fn or_unit(link: Option<Link>) -> Dynamic {
    link.map_or(Dynamic::UNIT, Dynamic::from)
}

/// The link as `ip -br link` prints it.
pub(crate) fn line(link: &Snapshot) -> String {
    format!(
        "{:<16} {:<14} {} <{}>",
        link.name,
        link.state,
        mac::print(&link.mac),
        link_flags(link.flags).join(",")
    )
}

/// What there is to show of the link as it is now; outside of a run, or where it is gone, of its handle alone.
pub(crate) fn show(session: Option<&Rc<Session>>, link: &Link) -> Value {
    let name = link.name();
    let netns = link.netns().label().to_owned();
    let Some(seen) = session.and_then(|session| snapshot(session, link).ok()) else {
        return Value::Handle(Box::new(Handle {
            line: format!("{name} (gone)"),
            cells: cells(&name, link.kind(), "", ["gone", "", "", &netns]),
            fields: vec![
                ("name", Value::text(&name)),
                ("kind", Value::text(link.kind())),
                ("state", Value::text("gone")),
                ("netns", Value::text(&netns)),
            ],
            name,
        }));
    };
    let mac = mac::print(&seen.mac);
    let mtu = seen.mtu.to_string();
    let port = seen.data.as_ref().and_then(Settings::of);
    let mode = match port {
        Some(port) if port.flag == "bridge" => port.mode.to_owned(),
        Some(port) => format!("{} {}", port.mode, port.flag),
        None => String::new(),
    };
    let flags = link_flags(seen.flags).into_iter().map(Value::text);
    let port =
        |of: fn(Settings) -> &'static str| port.map_or(Value::Nothing, |p| Value::text(of(p)));
    Value::Handle(Box::new(Handle {
        name: seen.name.clone(),
        line: line(&seen),
        cells: cells(
            &seen.name,
            &seen.kind,
            &mode,
            [seen.state, &mtu, &mac, &netns],
        ),
        fields: vec![
            ("name", Value::text(&seen.name)),
            ("index", Value::word(seen.index)),
            ("kind", Value::text(&seen.kind)),
            ("mode", port(|port| port.mode)),
            ("flag", port(|port| port.flag)),
            ("state", Value::text(seen.state)),
            ("is_up", Value::word(seen.up)),
            ("carrier", Value::word(seen.carrier)),
            ("flags", Value::List(flags.collect())),
            ("mtu", Value::Word(mtu)),
            ("mac", Value::Text(mac)),
            (
                "alias",
                seen.alias.as_ref().map_or(Value::Nothing, Value::text),
            ),
            ("netns", Value::Text(netns)),
        ],
    }))
}

/// The row of a link in a table.
fn cells(name: &str, kind: &str, mode: &str, rest: [&str; 4]) -> Vec<(&'static str, String)> {
    let headings = ["name", "kind", "mode", "state", "mtu", "mac", "netns"];
    let texts = [name, kind, mode].into_iter().chain(rest);
    headings.into_iter().zip(texts.map(str::to_owned)).collect()
}

/// The link with its kind, as a note names it.
pub(crate) fn described(link: &Snapshot) -> String {
    match link.kind.as_str() {
        "" => format!("link `{}`", link.name),
        kind => format!("{kind} `{}`", link.name),
    }
}

/// Flags with the names and in the order in which `ip link` prints them.
fn link_flags(flags: rtnetlink::packet_route::link::LinkFlags) -> Vec<&'static str> {
    use rtnetlink::packet_route::link::LinkFlags as F;
    let mut names = Vec::new();
    if flags.contains(F::Up) && !flags.contains(F::Running) {
        names.push("NO-CARRIER");
    }
    let known = [
        (F::Loopback, "LOOPBACK"),
        (F::Broadcast, "BROADCAST"),
        (F::Pointopoint, "POINTOPOINT"),
        (F::Multicast, "MULTICAST"),
        (F::Noarp, "NOARP"),
        (F::Allmulti, "ALLMULTI"),
        (F::Promisc, "PROMISC"),
        (F::Controller, "MASTER"),
        (F::Port, "SLAVE"),
        (F::Debug, "DEBUG"),
        (F::Dynamic, "DYNAMIC"),
        (F::Automedia, "AUTOMEDIA"),
        (F::Portsel, "PORTSEL"),
        (F::Notrailers, "NOTRAILERS"),
        (F::Up, "UP"),
        (F::LowerUp, "LOWER_UP"),
        (F::Dormant, "DORMANT"),
        (F::Echo, "ECHO"),
    ];
    names.extend(
        known
            .iter()
            .filter(|(flag, _)| flags.contains(*flag))
            .map(|(_, name)| *name),
    );
    names
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
