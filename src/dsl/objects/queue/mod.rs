//! Queues: delay, loss and rates on what a link sends; classes with rates of their own.

mod options;
pub(crate) mod rows;
mod show;

use std::rc::Rc;

use nix::errno::Errno;
use rhai::plugin::{NativeCallContext, export_module};
use rhai::{Array, Map};

use crate::dsl::handle::Link;
use crate::dsl::objects::link;
use crate::dsl::objects::route::rows::REPLACE;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab::{Command, Object, Outcome, Undo, WayBack};
use crate::net::netns::Netns;
use crate::net::queue::{self, Failed, Tree};
use crate::schema::{self, Opt};
use crate::value::options::Options;

/// The queue of the link.
fn read(session: &Rc<Session>, link: &Link) -> Result<Tree> {
    let place = link.netns();
    session.wait(async {
        let tree = queue::read(&place.rtnl()?, link.index()).await;
        tree.map_err(|refusal| {
            link::refused(refusal, "read the queue of link", &link.name(), &place)
        })
    })?
}

/// Makes what is asked for the link's queue, if that is not so already; `wanted` reads it from the options and the link's MTU.
///
/// Fails with `conflict` where another one was put there, unless it is to be replaced. The kernel's default is none.
fn ensure(
    session: &Rc<Session>,
    link: &Link,
    (kind, tables): (&str, &[&[Opt]]),
    options: Map,
    wanted: impl Fn(&mut Options, u32) -> Result<Tree>,
) -> Result<Link> {
    let ensured = put(session, link, (kind, tables), options, wanted);
    ensured.map_err(about(&format!("set {kind} on link"), link))?;
    Ok(link.clone())
}

/// Says which link an error is about.
pub(super) fn about<'a>(verb: &'a str, link: &'a Link) -> impl Fn(Error) -> Error + 'a {
    move |error| {
        if error.object.is_some() {
            return error;
        }
        error.unless_said(|error| error.doing(verb, &link.name()).within(link.netns().label()))
    }
}

fn put(
    session: &Rc<Session>,
    link: &Link,
    (kind, tables): (&str, &[&[Opt]]),
    options: Map,
    wanted: impl Fn(&mut Options, u32) -> Result<Tree>,
) -> Result<()> {
    let seen = link::snapshot(session, link)?;
    let tables = [tables, &[rows::SHARED]].concat();
    let read_for = |packet| {
        let mut options = schema::options(kind, options.clone(), &tables)?;
        let replace = REPLACE.take_flag(&mut options)?.unwrap_or(false);
        Ok::<_, Error>((wanted(&mut options, packet)?, replace))
    };
    let (mut wanted, replace) = read_for(options::packet(seen.mtu))?;
    let present = read(session, link)?.made();
    if !present.is_empty() && !present.is_like(&wanted) {
        // What is not said follows from the MTU, which may be another one since.
        let other = options::packets_of(&present)
            .into_iter()
            .find_map(|packet| {
                let (other, _) = read_for(packet).ok()?;
                present.is_like(&other).then_some(other)
            });
        wanted = other.unwrap_or(wanted);
    }
    if present.is_like(&wanted) {
        let way = WayBack::RestoreQueue {
            old: present.clone(),
            new: wanted.clone(),
        };
        let undo = Undo::of_link(link.netns(), link.reference(), way);
        session.lab().asked(undo.clone());
        session.lab().claim(undo)?;
        report(session, link, Outcome::Unchanged, &wanted);
        return Ok(());
    }
    if !present.is_empty() && !replace {
        let mut error = Error::new(Kind::Conflict, "a queue exists and differs");
        error = said(error, "there", &present, &wanted);
        error = said(error, "asked", &wanted, &present);
        let error = error.hint(
            "ask for what is there, take it away with .clear_qdisc(), or replace it with #{replace: true}",
        );
        let object = object(link, kind, &wanted);
        return session.lab().conflict(error, &link.netns(), object);
    }
    change(session, link, &present, &wanted)
}

/// Notes on one side of a conflict what the other has not.
fn said(error: Error, side: &str, tree: &Tree, other: &Tree) -> Error {
    let others = other.lines();
    let lines = tree.lines().into_iter();
    lines
        .filter(|line| !others.contains(line))
        .fold(error, |error, line| error.note(format!("{side}: {line}")))
}

/// Puts `new` in the place of `old`.
fn change(session: &Rc<Session>, link: &Link, old: &Tree, new: &Tree) -> Result<()> {
    let place = link.netns();
    let index = link.index();
    let mut commands = commands(&place, &link.name(), old, new).into_iter();
    let first = commands.next();
    let way = WayBack::RestoreQueue {
        old: old.clone(),
        new: new.clone(),
    };
    let undo = Undo::of_link(place.clone(), link.reference(), way);
    let changed = session.wait(async {
        let rtnl = &place.rtnl()?;
        let request = queue::replace(rtnl, index, old, new);
        let first = || first.unwrap_or_else(|| Command::plain(["true"]));
        session.lab().step(undo, first, request).await
    })??;
    changed.map_err(|failed| refused(session, link, &failed))?;
    for command in commands {
        session.lab().trace().tell(|| command);
    }
    let (outcome, tree) = match (old.is_empty(), new.is_empty()) {
        (true, _) => (Outcome::Created, new),
        (_, true) => (Outcome::Deleted, old),
        _ => (Outcome::Changed, new),
    };
    report(session, link, outcome, tree);
    Ok(())
}

/// What does the same with `tc`.
fn commands(place: &Netns, name: &str, old: &Tree, new: &Tree) -> Vec<Command> {
    let mut commands = Vec::new();
    if !old.is_empty() {
        commands.push(Command::tool(
            "tc",
            place,
            ["qdisc", "del", "dev", name, "root"],
        ));
    }
    let parts = new.parts.iter();
    commands.extend(parts.map(|part| Command::tool("tc", place, part.command(name))));
    commands
}

/// The queue as an outcome tells of it: its parts, as `tc` writes them.
fn object(link: &Link, kind: &str, tree: &Tree) -> Object {
    Object::new(kind, "")
        .on(link.name())
        .and("parts", tree.lines())
}

fn report(session: &Session, link: &Link, outcome: Outcome, tree: &Tree) {
    let kind = tree.root().map_or("queue", |root| root.kind.as_str());
    session
        .lab()
        .report(outcome, &link.netns(), object(link, kind, tree));
}

/// The kernel's refusal of a part, explained.
fn refused(session: &Rc<Session>, link: &Link, failed: &Failed) -> Error {
    let kind = &failed.kind;
    let error = Error::from(failed.refusal.clone());
    match failed.refusal.errno {
        // What the kernel calls a link that is gone, and a kind that it has not got.
        Errno::ENODEV => match link::snapshot(session, link) {
            Err(gone) => gone,
            Ok(_) => error,
        },
        Errno::ENOENT | Errno::EOPNOTSUPP if !kind.is_empty() => lacks(kind, error),
        _ => error,
    }
}

/// The error for a kernel that has no queue or filter of the kind.
pub(crate) fn lacks(kind: &str, error: Error) -> Error {
    match error.errno {
        Some(Errno::ENOENT | Errno::EOPNOTSUPP) => {
            let (what, module) = match kind {
                "u32" | "fw" => ("filter", format!("cls_{kind}")),
                "clsact" => ("queue", "sch_ingress".to_owned()),
                _ => ("queue", format!("sch_{kind}")),
            };
            let option = module
                .replace("sch_", "NET_SCH_")
                .replace("cls_", "NET_CLS_")
                .to_uppercase();
            error
                .kind(Kind::Unsupported)
                .cause(format!("this kernel has no {kind} {what}"))
                .note(format!(
                    "it is the module {module}, built with CONFIG_{option}"
                ))
                .hint(format!(
                    "load it with `modprobe {module}`, or run with --sandbox=vm"
                ))
        }
        _ => error,
    }
}

/// Takes away what was put on the link.
fn clear(session: &Rc<Session>, link: &Link) -> Result<()> {
    link::snapshot(session, link)?;
    let present = read(session, link)?.made();
    if present.is_empty() {
        report(session, link, Outcome::Unchanged, &present);
        return Ok(());
    }
    change(session, link, &present, &Tree::default()).map_err(|error| {
        error
            .doing("clear the queue of link", &link.name())
            .within(link.netns().label())
    })
}

/// The queue that `htb` makes of the options, on a link of that MTU.
pub(crate) fn htb_of(options: Map, mtu: u32) -> Result<Tree> {
    let mut options = schema::options("htb", options, &[rows::HTB])?;
    options::htb_tree(&mut options, options::packet(mtu))
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Delays, loses and disturbs what the link sends, and returns the link.
    ///
    /// Options: `delay`, `jitter`, `delay_correlation`, `loss`, `loss_correlation`, `duplicate`, `corrupt` and `reorder` likewise,
    /// `gap`, `rate`, `limit` (packets), `tbf` (a map of its options, for what waits), `replace`. Times are durations such as `"10ms"`; a bare number is one of seconds, where `tc`
    /// takes it for microseconds. Both ends of a wire have a queue of their own, for their own direction.
    ///
    /// `loss_gemodel` and `loss_state` lose packets in bursts, instead of `loss`: lists of percentages in the order of `tc`, those left out
    /// as `tc` has them. Of Gilbert and Elliott: the chance to get into the bad state, back, of loss in the bad state (100 %), in the good one (0);
    /// of four states: `p13`, `p31`, `p32`, `p23`, `p14`.
    ///
    /// `distribution` says how delays spread: `"uniform"`, as they do else, no farther than the jitter; `"normal"`, `"pareto"` or
    /// `"paretonormal"`, with some much farther. The kernel does not tell it again: a queue that differs in it alone is taken for
    /// the one that is asked, until `.clear_qdisc()`.
    /// What `tc qdisc add dev NAME root netem …` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let wire = a.veth("v0", "v1");
    /// wire.netem(#{delay: "10ms", jitter: "2ms", loss: "1%"});
    /// wire.qdiscs[0].options.delay_ms    // => 10.0
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn netem(context: NativeCallContext, link: &mut Link, options: Map) -> Answer<Link> {
        answer(&context, |session| {
            ensure(
                session,
                link,
                ("netem", &[rows::NETEM, rows::OF_OWN_NETEM]),
                options,
                options::netem_tree,
            )
        })
    }

    /// Holds what the link sends to a rate, and returns the link.
    ///
    /// Options: `rate`, `burst` (bytes that may go at once), `latency` or `limit` (how long it holds a packet, how many bytes it
    /// holds), `peakrate`, `minburst`, `netem` (a map of its options, for what waits), `replace`.
    /// A bare number is one of seconds, of bits a second, of bytes.
    /// What `tc qdisc add dev NAME root tbf rate RATE …` does.
    ///
    /// ```rhai
    /// let wire = netns("a").veth("v0", "v1");
    /// wire.tbf(#{rate: "10mbit", burst: "32KiB", latency: "50ms"});
    /// wire.qdiscs[0].options.rate_bits_per_second    // => 10000000
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn tbf(context: NativeCallContext, link: &mut Link, options: Map) -> Answer<Link> {
        answer(&context, |session| {
            ensure(
                session,
                link,
                ("tbf", &[rows::TBF]),
                options,
                options::tbf_tree,
            )
        })
    }

    /// Shares what the link can send among classes, and returns the link.
    ///
    /// Options: `classes`, a list of maps, each with `name`, `rate` (what it gets in any case), `ceil` (at most), `burst`, `cburst`,
    /// `prio` (0 borrows before 7), `packets` (which ones) and `netem`; `otherwise`, the class of what nothing matches;
    /// `rate` and `ceil` of all classes together, which then borrow from each other; `replace`.
    ///
    /// `packets` is a map, or a list of maps, of `src`, `dst` (prefixes), `proto`, `sport`, `dport`, or of `mark` alone; the first
    /// that fits decides. The classes are numbered 1:10, 1:20 and so on, in hexadecimal.
    /// What `tc qdisc add … htb`, `tc class add` and `tc filter add` do.
    ///
    /// ```rhai
    /// let wire = netns("a").veth("v0", "v1");
    /// wire.htb(#{rate: "10mbit", otherwise: "rest", classes: [
    ///     #{name: "web", rate: "8mbit", packets: [#{proto: "tcp", dport: 80}, #{proto: "tcp", dport: 443}]},
    ///     #{name: "rest", rate: "2mbit", ceil: "5mbit"},
    /// ]});
    /// wire.qdiscs[0].classes.len()    // => 3
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn htb(context: NativeCallContext, link: &mut Link, options: Map) -> Answer<Link> {
        answer(&context, |session| {
            ensure(
                session,
                link,
                ("htb", &[rows::HTB]),
                options,
                options::htb_tree,
            )
        })
    }

    /// Takes away the queue that was put on the link, and returns the link; the kernel's default comes back.
    ///
    /// What `tc qdisc del dev NAME root` does.
    ///
    /// ```rhai
    /// let wire = netns("a").veth("v0", "v1").tbf(#{rate: "10mbit"});
    /// wire.clear_qdisc().qdiscs.len()    // => 0
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn clear_qdisc(context: NativeCallContext, link: &mut Link) -> Answer<Link> {
        answer(&context, |session| {
            clear(session, link)?;
            Ok(link.clone())
        })
    }

    /// The queues of the link as a list of maps: `kind`, `handle`, `parent`, `is_default`, `options`, `stats`; `classes` and `filters` of htb.
    #[rhai_fn(get = "qdiscs", return_raw, volatile)]
    pub fn get_qdiscs(context: NativeCallContext, link: &mut Link) -> Answer<Array> {
        answer(&context, |session| {
            link::snapshot(session, link)?;
            Ok(show::queues(&read(session, link)?))
        })
    }
}
