//! Waiting for duplicate address detection to end.

use std::rc::Rc;
use std::time::Duration;

use crate::dsl::Session;
use crate::dsl::handle::Link;
use crate::dsl::objects::link;
use crate::error::{Error, Kind, Result};
use crate::net::address::{self, Address};
use crate::value::duration;

/// How long is waited where nothing is said: by the kernel's own choice of times it takes two seconds at most.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The failure of a wait.
pub(super) fn waiting(link: &Link, error: Error) -> Error {
    let doing = error.doing("wait for duplicate address detection on link", &link.name());
    doing.within(link.netns().label())
}

/// Waits until no address of the link is tentative any more, at most `timeout`.
pub(super) fn wait(session: &Rc<Session>, link: &Link, timeout: Duration) -> Result<()> {
    let place = link.netns();
    if session.lab().would_test(&place, ("wait_dad", link.name())) {
        return Ok(());
    }
    let context = |error| waiting(link, error);
    // Before the addresses are looked at, so that no change is missed.
    let mut changes = session.wait(async { place.watch_addresses() })??;
    link::snapshot(session, link)?;
    let mut left = super::list(session, &place, Some(link.index()))?;
    if let Some(failed) = left.iter().find(|address| address.dad_failed) {
        return Err(context(taken(failed)));
    }
    left.retain(|address| address.tentative);
    let settle = async {
        while !left.is_empty() {
            let Some((address, is_there)) = changes.next(address::told).await else {
                return Err(Error::new(
                    Kind::Kernel,
                    "the kernel tells no more of addresses",
                ));
            };
            let is_it = |one: &Address| {
                (one.link, one.assigned.prefix) == (address.link, address.assigned.prefix)
            };
            let Some(position) = left.iter().position(is_it) else {
                continue;
            };
            // One that is not to stay for ever goes when it fails.
            if address.dad_failed || !is_there {
                return Err(taken(&address));
            }
            if !address.tentative {
                left.remove(position);
            }
        }
        Ok(())
    };
    let settled =
        session.wait_or_interrupt(async { tokio::time::timeout(timeout, settle).await })?;
    match settled {
        Ok(settled) => settled.map_err(context),
        Err(_) => Err(context(late(session, link, &left, timeout)?)),
    }
}

/// The failure for an address that somebody else has.
fn taken(address: &Address) -> Error {
    let cause = format!(
        "somebody else on the network has address `{}`",
        address.ip()
    );
    Error::new(Kind::Exists, cause)
        .hint("take another address, or look for who has it: two hosts can't share one")
}

/// The failure for addresses that are still tentative.
fn late(session: &Rc<Session>, link: &Link, left: &[Address], timeout: Duration) -> Result<Error> {
    let names: Vec<String> = left
        .iter()
        .map(|address| format!("`{}`", address.ip()))
        .collect();
    let time = duration::print(timeout);
    let cause = match names.as_slice() {
        [one] => format!("address {one} is still tentative after {time}"),
        all => format!(
            "addresses {} are still tentative after {time}",
            all.join(", ")
        ),
    };
    let seen = link::snapshot(session, link)?;
    let hint = match (seen.up, seen.carrier) {
        (false, _) => "the link is down: bring it up first, with .up()",
        (true, false) => "the link has no carrier: bring its other end, or its parent, up",
        (true, true) => "wait longer, such as wait_dad(\"10s\")",
    };
    Ok(Error::new(Kind::Timeout, cause).hint(hint))
}
