//! Namespaces: find or make one, say which is current, list them, delete one.

use std::path::Path;
use std::rc::Rc;

use rhai::plugin::*;

use crate::dsl::handle::Netns;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::net::{namespace, netns};
use crate::value::name::NetnsName;

/// Finds the namespace that `place` names, without making one: a name, `pid:1234`, or a path.
pub(crate) fn find(place: &str) -> Result<Rc<netns::Netns>> {
    let opened = if let Some(pid) = place.strip_prefix("pid:") {
        let pid = pid.trim().parse().map_err(|_| {
            Error::invalid(format!("`{pid}` is not the number of a process"))
                .hint("write it as \"pid:1234\"")
        })?;
        netns::Netns::of_process(pid)
    } else if place.starts_with('/') {
        netns::Netns::at(Path::new(place))
    } else {
        netns::Netns::named(&place.parse::<NetnsName>()?)
    };
    opened.map(Rc::new)
}

fn find_or_make(_session: &Rc<Session>, place: &str) -> Result<Netns> {
    match find(place) {
        Err(error)
            if error.kind == Kind::NotFound
                && !place.starts_with("pid:")
                && !place.starts_with('/') =>
        {
            let name: NetnsName = place.parse()?;
            netns::Netns::make(&name).map(|made| Netns(Rc::new(made)))
        }
        found => found.map(Netns),
    }
    .map_err(|error| error.doing("make namespace", place))
}

#[export_module(manifest)]
#[allow(missing_docs, reason = "the macro adds items of its own")]
pub mod words {
    /// Returns the namespace `name`, and makes it first where there is none of that name.
    ///
    /// `name` is a name below `/run/netns`, `"pid:1234"` for the namespace of a process, or a path such as
    /// `"/proc/1234/ns/net"`; only a plain name is made. What `ip netns add` does.
    ///
    /// ```rhai
    /// let net = netns("net-1");
    /// net.name    // => "net-1"
    /// ```
    #[rhai_fn(name = "netns", return_raw, volatile)]
    pub fn netns_(context: NativeCallContext, name: &str) -> Answer<Netns> {
        answer(&context, |session| find_or_make(session, name))
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

    /// Returns the named namespaces, sorted by name.
    ///
    /// What `ip netns list` prints.
    ///
    /// ```rhai
    /// netns("net-1");
    /// namespaces().len()    // => 1
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn namespaces(context: NativeCallContext) -> Answer<rhai::Array> {
        answer(&context, |_| {
            namespace::names()?
                .iter()
                .map(|name| {
                    netns::Netns::named(name).map(|netns| Dynamic::from(Netns(Rc::new(netns))))
                })
                .collect()
        })
    }

    /// The namespace's name, as it was given.
    #[rhai_fn(get = "name", pure)]
    pub fn name(net: &mut Netns) -> String {
        net.label().to_owned()
    }
}
