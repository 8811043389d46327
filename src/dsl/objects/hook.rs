//! Where filters see what comes in by a link, and all that it sends: `clsact` and `ingress`.

use std::rc::Rc;

use rhai::plugin::{NativeCallContext, export_module};
use rtnetlink::packet_core::{NLM_F_CREATE, NLM_F_EXCL};

use crate::dsl::handle::Link;
use crate::dsl::objects::link;
use crate::dsl::objects::queue::about;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab::{Command, Object, Outcome, Undo, WayBack};
use crate::net::queue::{self, Hook};
use crate::net::request::Request;

/// The hook of the link, if it has one.
fn read(session: &Rc<Session>, link: &Link) -> Result<Option<Hook>> {
    let place = link.netns();
    link::snapshot(session, link)?;
    session.wait(async {
        let tree = queue::read(&place.rtnl()?, link.index()).await;
        let tree = tree.map_err(|refusal| {
            link::refused(refusal, "read the queue of link", &link.name(), &place)
        })?;
        Ok(Hook::of(&tree))
    })?
}

/// The hook as an outcome tells of it.
fn object(link: &Link, hook: Hook) -> Object {
    Object::new(hook.name(), "").on(link.name())
}

fn report(session: &Session, link: &Link, hook: Hook, outcome: Outcome) {
    session
        .lab()
        .report(outcome, &link.netns(), object(link, hook));
}

/// The requests that make the hook and that take it away.
fn requests(link: &Link, hook: Hook) -> (Request, Request) {
    let index = link.index();
    let make = Request::new(&hook.make(index), NLM_F_CREATE | NLM_F_EXCL);
    (make, Request::new(&hook.take(index), 0))
}

/// How to undo that the hook was made, or was taken away.
fn way_back(link: &Link, hook: Hook, is_made: bool) -> Undo {
    let (make, take) = requests(link, hook);
    let way = WayBack::Send {
        what: format!("{} of link `{}`", hook.name(), link.name()),
        request: if is_made { take } else { make.clone() },
        made: is_made.then_some(make),
    };
    Undo::of_link(link.netns(), link.reference(), way)
}

/// Makes or takes away the hook; the other is the way back.
fn change(session: &Rc<Session>, link: &Link, hook: Hook, is_made: bool) -> Result<()> {
    let place = link.netns();
    let (make, take) = requests(link, hook);
    let asked = if is_made { make } else { take };
    let undo = way_back(link, hook, is_made);
    let verb = if is_made { "add" } else { "del" };
    let name = link.name();
    let command = || {
        let words = ["qdisc", verb, "dev", &name, hook.name()];
        Command::tool("tc", &place, words)
    };
    let changed = session.wait(async {
        let rtnl = &place.rtnl()?;
        let request = asked.send(&place, rtnl);
        session.lab().step(undo, command, request).await
    })??;
    changed.map_err(|refusal| super::queue::lacks(hook.name(), Error::from(refusal)))?;
    let outcome = if is_made {
        Outcome::Created
    } else {
        Outcome::Deleted
    };
    report(session, link, hook, outcome);
    Ok(())
}

fn ensure(session: &Rc<Session>, link: &Link, hook: Hook) -> Result<()> {
    match read(session, link)? {
        None => change(session, link, hook, true),
        Some(present) if present == hook => {
            let undo = way_back(link, hook, true);
            session.lab().asked(undo.clone());
            session.lab().claim(undo)?;
            report(session, link, hook, Outcome::Unchanged);
            Ok(())
        }
        Some(present) => {
            let error = Error::new(Kind::Conflict, "a link has one of the two")
                .note(format!("there: {}", present.name()))
                .note(format!("asked: {}", hook.name()))
                .hint("ask for what is there, or take it away with .clear_ingress()");
            let lab = session.lab();
            lab.conflict(error, &link.netns(), object(link, hook))
        }
    }
}

fn clear(session: &Rc<Session>, link: &Link) -> Result<()> {
    if let Some(hook) = read(session, link)? {
        return change(session, link, hook, false);
    }
    report(session, link, Hook::Ingress, Outcome::Unchanged);
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
    /// Lets filters see what comes in by the link and all that it sends, and returns the link.
    ///
    /// It holds no packets: filters of `tc` or of eBPF are put to it. A link has this or `ingress`.
    /// What `tc qdisc add dev NAME clsact` does.
    ///
    /// ```rhai
    /// let wire = netns("a").veth("v0", "v1");
    /// wire.clsact().qdiscs[0].kind    // => "clsact"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn clsact(context: NativeCallContext, link: &mut Link) -> Answer<Link> {
        answer(&context, |session| {
            ensure(session, link, Hook::Clsact).map_err(about("set clsact on link", link))?;
            Ok(link.clone())
        })
    }

    /// Lets filters see what comes in by the link, and returns the link.
    ///
    /// What `tc qdisc add dev NAME ingress` does.
    ///
    /// ```rhai
    /// let wire = netns("a").veth("v0", "v1");
    /// wire.ingress().qdiscs[0].kind    // => "ingress"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn ingress(context: NativeCallContext, link: &mut Link) -> Answer<Link> {
        answer(&context, |session| {
            ensure(session, link, Hook::Ingress).map_err(about("set ingress on link", link))?;
            Ok(link.clone())
        })
    }

    /// Takes `clsact` or `ingress` away from the link with all its filters, and returns the link. Gone already is no error.
    ///
    /// Filters that others have put there do not come back with it.
    /// What `tc qdisc del dev NAME clsact` does.
    ///
    /// ```rhai
    /// let wire = netns("a").veth("v0", "v1").clsact();
    /// wire.clear_ingress().qdiscs.len()    // => 0
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn clear_ingress(context: NativeCallContext, link: &mut Link) -> Answer<Link> {
        answer(&context, |session| {
            clear(session, link).map_err(about("clear the ingress of link", link))?;
            Ok(link.clone())
        })
    }
}
