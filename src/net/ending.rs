//! The end of namespaces.
//!
//! The kernel ends a namespace some time after the last one who held it has let go. Until then, all that its links have stays
//! taken: the names of their peers in other namespaces, their MAC addresses, the addresses of ipvlan, ids of tunnels.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rtnetlink::MulticastGroup;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::nsid::NsidAttribute;

use crate::error::Result;
use crate::net::namespace::Namespace;
use crate::net::rtnl::Rtnl;
use crate::net::watch::Watch;

/// How long the kernel may take to end what is waited for: on a machine whose processors all are busy, half a minute was seen.
const PATIENCE: Duration = Duration::from_secs(180);

/// How often it is looked whether a signal has come meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// For how long it is believed that nobody else has deleted a namespace.
const STEADY: Duration = Duration::from_secs(1);

/// After how many namespaces that end one after the other those before them have ended.
///
/// The kernel ends namespaces in groups, one group after the other, and says so of each when its group begins (`cleanup_net` of
/// `net/core/net_namespace.c`). A socket that was closed lets go of its namespace when the group is through that is under way:
/// so that one may come with the second group, and has ended when the third begins.
const GROUPS: usize = 3;

thread_local! {
    static ENDED_ALL: Cell<Option<Instant>> = const { Cell::new(None) };
    static SIGNAL: RefCell<Option<Arc<AtomicUsize>>> = const { RefCell::new(None) };
    static IS_EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Notes that the next word is to find nothing of a namespace that was let go.
pub fn expect() {
    IS_EXPECTED.set(true);
}

/// Waits for what is expected, once.
pub async fn expected() {
    if IS_EXPECTED.take() {
        wait().await;
    }
}

/// Has nobody wait for what is expected as long as this lives: further namespaces are let go, which end together.
pub struct Later(bool);

/// Puts the wait off.
pub fn later() -> Later {
    Later(IS_EXPECTED.take())
}

impl Drop for Later {
    fn drop(&mut self) {
        if self.0 {
            expect();
        }
    }
}

/// Has all waiting end when `signal`, the flag of a handler, is set.
pub fn heed(signal: &Arc<AtomicUsize>) {
    SIGNAL.replace(Some(signal.clone()));
}

/// Notes that a namespace was let go here.
pub(super) fn begins() {
    ENDED_ALL.set(None);
}

/// Waits until the kernel has ended all namespaces that nobody holds any more. `false` where there was nothing to wait for, or no
/// way to, and where a signal has come or the kernel has taken too long.
pub async fn wait() -> bool {
    let is_known = |at: Instant| at.elapsed() < STEADY;
    if ENDED_ALL.get().is_some_and(is_known) {
        return false;
    }
    ends().await
}

/// The same, and says whether all have ended.
pub async fn ends() -> bool {
    let passed = tokio::select! {
        passed = tokio::time::timeout(PATIENCE, pass()) => passed,
        () = a_signal() => return false,
    };
    // Where it could not be asked for, the next one can't ask either.
    if passed.is_ok() {
        ENDED_ALL.set(Some(Instant::now()));
    }
    matches!(passed, Ok(Ok(())))
}

/// Waits for a signal. One that was there before has been heeded: what is under way is the way back.
async fn a_signal() {
    let number =
        || SIGNAL.with_borrow(|flag| flag.as_ref().map_or(0, |flag| flag.load(Ordering::Relaxed)));
    if number() != 0 {
        return std::future::pending().await;
    }
    while number() == 0 {
        tokio::time::sleep(LOOK).await;
    }
}

/// Sends namespaces of no use through the kernel's queue, behind those that wait there.
async fn pass() -> Result<()> {
    let here = Namespace::current()?;
    let rtnl = Rtnl::of_kernel(&here)?;
    let mut watch = Watch::open(&here, &[MulticastGroup::Nsid])?;
    for _ in 0..GROUPS {
        let passing = Namespace::make()?;
        let given = rtnl.give_nsid(&passing).await?;
        drop(passing);
        let is_it = |message| match message {
            RouteNetlinkMessage::DelNsId(gone) => {
                let is_it = gone.attributes.contains(&NsidAttribute::Id(given));
                is_it.then_some(())
            }
            _ => None,
        };
        watch.next(is_it).await;
    }
    Ok(())
}
