//! Namespaces: find or make one, say which is current, list them, delete one.

mod show;

use std::path::Path;
use std::rc::Rc;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::Netns;
use crate::dsl::objects::link;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result, nearest};
use crate::lab::{Command, Outcome, Undo, WayBack};
use crate::net::container::Runtime;
use crate::net::{ending, namespace, netns, process};
use crate::value::name::NetnsName;
use crate::value::options;

pub(crate) use show::show;

/// Refuses a namespace of another type, whose file looks the same.
fn of_network(netns: netns::Netns) -> Result<netns::Netns> {
    let reference = netns.namespace().reference()?;
    let target = match reference.number() {
        number @ 0.. => std::fs::read_link(format!("/proc/self/fd/{number}"))?,
        _ => return Ok(netns),
    };
    // As `net:[4026531840]`; a file that a namespace is mounted on shows its own path.
    match target.to_string_lossy().split_once(":[") {
        Some((kind, _)) if kind != "net" => Err(Error::invalid(format!(
            "`{}` is a namespace of type {kind}, not of type net",
            netns.label()
        ))),
        _ => Ok(netns),
    }
}

/// Finds the namespace that `place` names, without making one: a name, `pid:1234`, `docker:web`, `podman:web`, or a path.
///
/// Fails with `not_found`, and the nearest name there is.
pub(crate) fn find(place: &str) -> Result<Rc<netns::Netns>> {
    open(place).map_err(|error| {
        if error.kind == Kind::NotFound && is_name(place) {
            error.hint(namespace::hint_for_missing(place))
        } else {
            error
        }
    })
}

/// The namespace that `place` names, where there is one; none where that may name something else as well.
pub(crate) fn existing(place: &str) -> Result<Option<Netns>> {
    match open(place) {
        Ok(found) => Ok(Some(Netns(found))),
        Err(error) if is_name(place) && [Kind::NotFound, Kind::Invalid].contains(&error.kind) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What stands before the colon of a namespace that is given by what is in it.
const MEANS: [&str; 3] = ["pid", "docker", "podman"];

/// Whether `place` is a plain name, which can be made where there is none.
fn is_name(place: &str) -> bool {
    let is_by_other_means = place
        .split_once(':')
        .is_some_and(|(means, _)| MEANS.contains(&means));
    !is_by_other_means && !place.starts_with('/')
}

fn open(place: &str) -> Result<Rc<netns::Netns>> {
    let opened = match place.split_once(':') {
        _ if place.starts_with('/') => netns::Netns::at(Path::new(place)).and_then(of_network),
        Some(("pid", pid)) => {
            let pid = pid.trim().parse().map_err(|_| {
                Error::invalid(format!("`{pid}` is not the number of a process"))
                    .hint("write it as \"pid:1234\"")
            })?;
            netns::Netns::of_process(pid)
        }
        Some(("docker", container)) => Runtime::Docker.open(container),
        Some(("podman", container)) => Runtime::Podman.open(container),
        _ => netns::Netns::named(&place.parse::<NetnsName>()?),
    };
    opened.map(Rc::new)
}

/// A namespace given as a handle, or as a name.
pub(crate) fn namespace_argument(given: &Dynamic) -> Result<Netns> {
    if let Some(netns) = given.read_lock::<Netns>() {
        return Ok(netns.clone());
    }
    match given.read_lock::<rhai::ImmutableString>() {
        Some(place) => find(&place).map(Netns),
        None => Err(Error::invalid(format!(
            "a namespace is wanted here, or its name, not {}",
            options::type_in_words(given.type_name())
        ))),
    }
}

/// Says where a namespace is of another lab as well.
fn say_other_lab(session: &Session, found: &Rc<netns::Netns>) {
    if let Ok(name) = found.label().parse() {
        let undo = Undo::within(found.clone(), WayBack::DeleteNetns { name });
        session.say_other_lab(&undo, &format!("namespace `{}`", found.label()));
    }
}

fn find_or_make(session: &Rc<Session>, place: &str) -> Result<Netns> {
    // An earlier run that was killed may have left half of this namespace behind.
    session.lab().begin()?;
    let found = match open(place) {
        Err(error) if error.kind == Kind::NotFound && is_name(place) => make(session, place),
        found => found.inspect(|found| {
            if !session.lab().made_namespace(found) {
                session.lab().asked_netns(found);
                session
                    .lab()
                    .report_namespace(Outcome::Unchanged, found.label());
                say_other_lab(session, found);
            }
        }),
    };
    found.map(Netns).map_err(|error| {
        error.doing(
            if is_name(place) {
                "make namespace"
            } else {
                "open namespace"
            },
            place,
        )
    })
}

fn make(session: &Rc<Session>, name: &str) -> Result<Rc<netns::Netns>> {
    // A container would not be found under a name of its own, and a namespace of it be made.
    if let Some((means, rest)) = name.split_once(':')
        && let Some(near) = nearest(means, MEANS)
    {
        return Err(Error::invalid(format!(
            "`{means}:` says in no way whose namespace is meant"
        ))
        .hint(format!("did you mean \"{near}:{rest}\"?")));
    }
    session.lab().make_netns(&name.parse()?)
}

/// Takes the name away, and with it the namespace. Gone already is no error.
fn delete(session: &Rc<Session>, net: &Netns) -> Result<()> {
    let _later = ending::later();
    let context = |error: Error| error.doing("delete namespace", net.label());
    let name: NetnsName = match net.path().parent() {
        Some(folder) if folder == Path::new(namespace::NAMES) => net.label().parse()?,
        _ => {
            return Err(context(
                Error::invalid("only a namespace with a name below /run/netns can be deleted")
                    .hint("it goes by itself when its last process ends"),
            ));
        }
    };
    if net.check().is_err() {
        session
            .lab()
            .report_namespace(Outcome::Unchanged, net.label());
        return Ok(());
    }
    note_lost_processes(session, net);
    session.lab().leave(net.namespace().id());
    session
        .wait(session.lab().end_processes(&net.0))?
        .map_err(context)?;
    let is_planned = session.lab().plans();
    if !is_planned && !session.lab().made_namespace_now(net) {
        return delete_foreign(session, net, &name).map_err(context);
    }
    // Links from elsewhere in it go as if they were at home.
    for (home, name) in session
        .wait(session.lab().send_home(net))?
        .map_err(context)?
    {
        if let Some(seen) = link::find(session, &home, &name)? {
            link::delete(session, &link::handle(&home, &seen))?;
        }
    }
    if !is_planned {
        net.namespace().pin().map_err(context)?;
    }
    namespace::delete(&name).map_err(context)?;
    session.lab().netns_deleted(&net.0);
    // What was learned of ipvlan ports may hold it open, too.
    session.ports().forget();
    if is_planned {
        return Ok(());
    }
    session.wait(session.lab().let_go(&net.0))?.map_err(context)
}

/// Says in an interactive session which processes end and do not come back with the namespace.
fn note_lost_processes(session: &Rc<Session>, net: &Netns) {
    let lab = session.lab();
    if session.entry() == 0 || lab.plans() || lab.made_namespace_now(net) {
        return;
    }
    for one in lab.own_processes(&net.0) {
        session.note(&format!(
            "process {} ({}) in namespace `{}` ends, and does not come back with `:undo`",
            one.pid,
            process::name_of(one.pid),
            net.label()
        ));
    }
}

/// Takes the name of a namespace away that the run did not make, and what reaches out of it; all else in it is kept, so that it can
/// come back.
fn delete_foreign(session: &Rc<Session>, net: &Netns, name: &NetnsName) -> Result<()> {
    let lab = session.lab();
    for (place, seen) in session.wait(lab.reaching(&net.0))?? {
        link::delete(session, &link::handle(&place, &seen))?;
    }
    // The kernel would put them there.
    for seen in link::all(session, &net.0)? {
        if seen.kind.is_empty() && !seen.loopback {
            let hardware = link::handle(&net.0, &seen);
            link::move_to(session, &hardware, &Netns(session.start()?), None)?;
        }
    }
    lab.trace()
        .tell(|| Command::plain(["ip", "netns", "del", name.as_str()]));
    lab.keep_netns(&net.0, name)?;
    session.ports().forget();
    Ok(())
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Returns the namespace `name`, and makes it first where there is none of that name.
    ///
    /// `name` is a name below `/run/netns`, `"pid:1234"` for the namespace of a process, `"docker:web"` or `"podman:web"` for that
    /// of a running container, by its name or id, or a path such as `"/proc/1234/ns/net"`; only a plain name is made. What a script
    /// adds to a container goes with the lab, and the container itself stays as it is. What `ip netns add` does.
    ///
    /// ```rhai
    /// let net = netns("net-1");
    /// net.name    // => "net-1"
    /// ```
    #[rhai_fn(name = "netns", return_raw, volatile)]
    pub fn netns_(context: NativeCallContext, name: &str) -> Answer<Netns> {
        answer(&context, |session| find_or_make(session, name))
    }

    /// Returns the namespace `name`, and makes none.
    ///
    /// `name` is what `netns` takes. Fails with `not_found`, and the nearest name there is, where there is none.
    ///
    /// ```rhai
    /// netns("net-1");
    /// existing("net-1").name    // => "net-1"
    /// ```
    #[rhai_fn(name = "existing", return_raw, volatile)]
    pub fn existing_(context: NativeCallContext, name: &str) -> Answer<Netns> {
        answer(&context, |session| {
            let found = find(name).map_err(|error| error.doing("find namespace", name))?;
            session.lab().touch_netns(&found);
            Ok(Netns(found))
        })
    }

    /// Returns the namespace that ipvsh was started in.
    ///
    /// ```rhai
    /// host().name    // => "host"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn host(context: NativeCallContext) -> Answer<Netns> {
        answer(&context, |session| session.start().map(Netns))
    }

    /// Returns the current namespace, in which bare words act.
    ///
    /// ```rhai
    /// within netns("net-1") { here().name }    // => "net-1"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn here(context: NativeCallContext) -> Answer<Netns> {
        answer(&context, |session| session.here().map(Netns))
    }

    /// Returns all namespaces that the kernel has, also those without a name: a list that prints as a table, with their processes.
    ///
    /// The one that ipvsh was started in comes first, then those with a name, sorted, then those that only a file elsewhere stands
    /// for, as container programs make them, called by its path, then those that only processes keep, called `pid:1234` by the
    /// first one. What `ip netns list` and `lsns -t net` print.
    ///
    /// ```rhai
    /// netns("net-1");
    /// namespaces().filter(|net| net.name == "net-1").len()    // => 1
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn namespaces(context: NativeCallContext) -> Answer<rhai::Array> {
        answer(&context, |session| {
            let all = session.known_namespaces()?.into_iter();
            Ok(all.map(|netns| Dynamic::from(Netns(netns))).collect())
        })
    }

    /// Deletes the namespace: its name, and all that is in it. Gone already is no error.
    ///
    /// What `ip netns del NAME` does. The lab's processes in it are ended first; it lives on, nameless, while a process of
    /// somebody else is still inside.
    ///
    /// ```rhai
    /// netns("a").delete();
    /// namespaces().filter(|net| net.name == "a").len()    // => 0
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn delete(context: NativeCallContext, net: &mut Netns) -> Answer<()> {
        answer(&context, |session| super::delete(session, net))
    }

    /// The file that stands for the namespace.
    #[rhai_fn(get = "path")]
    pub fn get_path(net: &mut Netns) -> String {
        net.path().display().to_string()
    }

    /// The number that the kernel knows the namespace by.
    #[rhai_fn(get = "inode")]
    pub fn get_inode(net: &mut Netns) -> i64 {
        i64::try_from(net.namespace().id().inode).unwrap_or(i64::MAX)
    }

    /// The ids of the processes that are in the namespace.
    #[rhai_fn(get = "processes", return_raw, volatile)]
    pub fn get_processes(context: NativeCallContext, net: &mut Netns) -> Answer<rhai::Array> {
        answer(&context, |_| {
            Ok(net
                .processes()
                .into_iter()
                .map(|pid| i64::from(pid).into())
                .collect())
        })
    }

    /// The namespace in one line: its name.
    #[rhai_fn(global, name = "to_string", name = "to_debug")]
    pub fn to_text(net: &mut Netns) -> String {
        net.label().to_owned()
    }

    /// The namespace's name, as it was given.
    #[rhai_fn(get = "name")]
    pub fn get_name(net: &mut Netns) -> String {
        net.label().to_owned()
    }
}
