//! The seam between the requests to the kernel and who answers them: the kernel itself, or a plan of what it would do.
//!
//! What opens a namespace, a socket or a file of settings asks here once whether the thread plans, and then talks to the plan.
//! Nothing else does: a word is written once, and the [model](crate::net::model) is known to nobody below.

use std::cell::RefCell;
use std::fmt::Debug;
use std::path::Path;
use std::rc::Rc;

use futures::future::LocalBoxFuture;
use nix::errno::Errno;
use rtnetlink::packet_route::link::LinkMessage;

use crate::net::id::Id;
use crate::net::nft::table::Table;
use crate::net::packet::Packet;
use crate::net::refusal::Refusal;
use crate::value::name::NetnsName;

thread_local! {
    static PLAN: RefCell<Option<Rc<dyn Plan>>> = const { RefCell::new(None) };
}

/// Has `plan` answer all that this thread asks of the kernel from now on.
pub(crate) fn install(plan: Rc<dyn Plan>) {
    PLAN.set(Some(plan));
}

/// The plan, where this thread plans.
pub(super) fn plan() -> Option<Rc<dyn Plan>> {
    PLAN.with_borrow(Clone::clone)
}

/// A socket of rtnetlink.
pub(crate) trait Socket: Debug {
    /// Sends a request, and collects the answers.
    fn exchange(
        &self,
        message: Packet,
        flags: u16,
    ) -> LocalBoxFuture<'_, Result<Vec<Packet>, Refusal>>;
}

/// A plan as seen from one namespace: a socket that answers by it.
pub(crate) trait View: Socket {
    /// The id under which the namespace knows `other`, as far as the plan has it.
    fn known_nsid(&self, other: Id) -> Option<i32>;

    /// Notes the id that the kernel tells.
    fn learn_nsid(&self, other: Id, nsid: i32);

    /// Tries out what `make` does, which makes a device of that name and that ifindex, and says what it is then; none where it
    /// can't.
    fn try_device<'a>(
        &'a self,
        name: &'a str,
        make: Box<dyn FnOnce(u32) -> Result<(), Errno> + 'a>,
    ) -> LocalBoxFuture<'a, Result<Option<LinkMessage>, Refusal>>;
}

/// What answers in place of the kernel.
pub(crate) trait Plan: Debug {
    /// The namespace that the file at `path` stands for. `None` where the plan has nothing to say of it.
    fn open(&self, path: &Path) -> Option<Result<Id, Errno>>;

    /// Plans a namespace of that name.
    fn make(&self, path: &Path, name: &NetnsName) -> Result<Id, Errno>;

    /// Plans to take the name away, and with it the namespace and all that is in it.
    fn delete(&self, name: &NetnsName, stands: Id);

    /// The names that there are by the plan, given those that the kernel has.
    fn names(&self, present: Vec<NetnsName>) -> Vec<NetnsName>;

    /// The plan as seen from a namespace; `kernel` is a socket there, none where only the plan has the namespace.
    fn view(self: Rc<Self>, place: Id, kernel: Option<Rc<dyn Socket>>) -> Rc<dyn View>;

    /// The value that the setting in that file below `/proc/sys` has by the plan; none where that has nothing to say of it.
    fn setting(&self, place: Id, file: &Path) -> Option<Result<String, Errno>>;

    /// Plans to set a setting.
    fn set(&self, place: Id, file: &Path, value: &str) -> Result<(), Errno>;

    /// Whether a link of that name is in the place by the plan.
    fn has_link(&self, place: Id, name: &str) -> bool;

    /// The modules that it could not try out, as the kernel has not loaded them yet.
    fn untried(&self) -> Vec<String>;

    /// The tables of nftables by the plan; none where it has changed nothing of them.
    fn tables(&self, place: Id) -> Option<Vec<Table>>;

    /// Plans to have these tables.
    fn set_tables(&self, place: Id, tables: Vec<Table>);
}
