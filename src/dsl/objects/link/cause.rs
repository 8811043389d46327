//! What stands behind a refusal that the kernel gives no reason for: another link, mostly.

use std::rc::Rc;

use nix::errno::Errno;

use crate::dsl::Session;
use crate::dsl::handle::Link;
use crate::dsl::objects::link::{all, call, parent_of, snapshot};
use crate::error::{Error, Kind};
use crate::lab::setting::Setting;
use crate::net::link::{self, LEAST_OF_IPV6, Snapshot};
use crate::net::netns::Netns;
use crate::net::sysctl::{self, Key};
use crate::value::mac;

/// The refusal to set something on a link, with what is behind it.
pub(super) fn of_change(
    session: &Rc<Session>,
    link: &Link,
    setting: &Setting,
    error: Error,
) -> Error {
    let Ok(seen) = snapshot(session, link) else {
        return error;
    };
    match (error.errno, setting) {
        (Some(Errno::EINVAL | Errno::ERANGE), Setting::Mtu(mtu)) => {
            let parent = parent_of(session, link, &seen).ok().flatten();
            let above = parent.and_then(|parent| {
                let above = snapshot(session, &parent).ok()?;
                Some((parent.netns(), above))
            });
            match above {
                Some((place, above)) if above.mtu < *mtu => {
                    larger_than_parent(session, &place, &above, *mtu, error)
                }
                _ => error,
            }
        }
        (Some(Errno::EADDRINUSE), Setting::Up(true) | Setting::Mac(_)) => {
            let hardware = match setting {
                Setting::Mac(hardware) => hardware,
                _ => &seen.mac,
            };
            in_use(session, link, &seen, hardware, error)
        }
        _ => error,
    }
}

/// The refusal of an MTU that its parent does not carry.
pub(crate) fn larger_than_parent(
    session: &Rc<Session>,
    place: &Netns,
    parent: &Snapshot,
    mtu: u32,
    error: Error,
) -> Error {
    let name = &parent.name;
    error
        .kind(Kind::Invalid)
        .cause(format!(
            "MTU {mtu} is larger than {}, the MTU of its parent `{name}`",
            parent.mtu
        ))
        .hint(format!(
            "take {} at most, or raise the parent's first: {}.mtu({mtu})",
            parent.mtu,
            call(session, place, name)
        ))
}

/// The refusal of something of IPv6 on a link, where that has no IPv6: with what to type.
pub(crate) fn without_ipv6(
    session: &Rc<Session>,
    place: &Rc<Netns>,
    index: u32,
    error: Error,
) -> Error {
    let refuses = [
        Errno::EACCES,
        Errno::EINVAL,
        Errno::ENODEV,
        Errno::ENOENT,
        Errno::ENOBUFS,
        Errno::ENETDOWN,
    ];
    if !error.errno.is_some_and(|errno| refuses.contains(&errno)) {
        return error;
    }
    let links = all(session, place).unwrap_or_default();
    let Some(seen) = links.iter().find(|link| link.index == index) else {
        return error;
    };
    let (name, mtu) = (&seen.name, seen.mtu);
    let call = call(session, place, name);
    let key = Key::new(["ipv6", "conf", name, "disable_ipv6"]);
    if key.is_ok_and(|key| sysctl::read(place, &key).is_ok_and(|value| value == "1")) {
        return error
            .kind(Kind::Invalid)
            .cause(format!("IPv6 is switched off on link `{name}`"))
            .hint(format!(
                "switch it on first: {call}.sysctl(\"ipv6.disable_ipv6\", 0)"
            ));
    }
    if mtu < LEAST_OF_IPV6 {
        return error
            .kind(Kind::Invalid)
            .cause(format!("link `{name}` has no IPv6, as its MTU is {mtu}"))
            .hint(format!(
                "IPv6 takes {LEAST_OF_IPV6} bytes at least: {call}.mtu({LEAST_OF_IPV6})"
            ));
    }
    error
}

/// What a link that is brought up, or given a hardware address, has in common with another one.
fn in_use(
    session: &Rc<Session>,
    link: &Link,
    seen: &Snapshot,
    hardware: &[u8],
    error: Error,
) -> Error {
    match seen.kind.as_str() {
        "macvlan" | "macvtap" => {
            let is_it = |one: &Snapshot| {
                one.mac == hardware
                    && (one.parent == seen.parent && one.kind.starts_with("macv")
                        || Some(one.index) == seen.parent)
            };
            let address = mac::print(hardware);
            let error = match other(session, link, is_it) {
                Some((place, other)) => error.cause(format!(
                    "hardware address `{address}` is taken: link `{}` in namespace `{}` has it",
                    other.name,
                    place.label()
                )),
                None => error.cause(format!(
                    "hardware address `{address}` is taken by another link of its parent"
                )),
            };
            error.hint(format!(
                "give it another one first: {}.mac(\"02:…\")",
                call(session, &link.netns(), &link.name())
            ))
        }
        "vxlan" | "geneve" | "wireguard" => error
            .cause("its UDP port is taken")
            .note("another link or program of the namespace that it was made in has a socket there")
            .hint("name another port as it is made, or end the other one first"),
        _ => error,
    }
}

/// Another link that is as asked, wherever it is.
fn other(
    session: &Rc<Session>,
    link: &Link,
    is_it: impl Fn(&Snapshot) -> bool,
) -> Option<(Rc<Netns>, Snapshot)> {
    let own = link.netns().namespace().id();
    let places = session.known_namespaces().ok()?;
    let mut places: Vec<Rc<Netns>> = session.start().into_iter().chain(places).collect();
    places.insert(0, link.netns());
    let find = async {
        for place in places {
            let Ok(rtnl) = place.rtnl() else { continue };
            let Ok(all) = link::list(&rtnl).await else {
                continue;
            };
            let is_same = place.namespace().id() == own;
            let mut others = all.into_iter();
            let found = others.find(|one| is_it(one) && !(is_same && one.index == link.index()));
            if let Some(found) = found {
                return Some((place, found));
            }
        }
        None
    };
    session.wait(find).ok().flatten()
}
