//! Forwarding databases of bridges and VXLAN links: where frames for a hardware address go.

use std::rc::Rc;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};

use crate::dsl::handle::Link;
use crate::dsl::objects::link;
use crate::dsl::objects::route::rows::REPLACE;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab::{Command, Object, Outcome, Undo, WayBack};
use crate::net::fdb::{self, Entry, State};
use crate::schema::{self, Form, Opt, Pair, Spelling, Wire};
use crate::steps::Value;
use crate::value::mac;

pub(crate) const DST: Opt =
    Opt::new("dst", Form::Ip, "the far end, of a VXLAN link").spelled(Spelling::Pair);
pub(crate) const VLAN: Opt = Opt::number(
    "vlan",
    Wire::None,
    (1, 4094),
    "the VLAN that it is for, of a bridge's port",
);
pub(crate) const VNI: Opt = Opt::number(
    "vni",
    Wire::None,
    (0, 0xff_ffff),
    "the network that it is sent in, of a VXLAN link",
);
pub(crate) const PERMANENT: Opt = Opt::new(
    "permanent",
    Form::Switch,
    "whether it never goes; of a bridge's port, whether frames go to the host",
);
/// What an entry can be given, in the order in which it is written.
pub(crate) const ROWS: &[Opt] = &[DST, VLAN, VNI, PERMANENT, REPLACE];
/// What tells one that is taken away from others.
pub(crate) const OF_DELETE: &[Opt] = &[DST, VLAN, VNI];

fn about<'a>(verb: &'a str, address: &'a str, link: &'a Link) -> impl Fn(Error) -> Error + 'a {
    move |error| {
        if error.doing.is_empty() {
            let what = format!("{address} of {}", link.name());
            error.doing(verb, &what).in_place(link.netns().label())
        } else {
            error
        }
    }
}

/// What an entry is asked to be, and whether it may take the place of another one.
fn read(
    session: &Rc<Session>,
    link: &Link,
    address: &str,
    word: &str,
    options: Map,
    table: &[Opt],
) -> Result<(Entry, bool)> {
    let options = &mut schema::options(word, options, &[table])?;
    let mac = mac::parse(address)?;
    let dst = DST.take_ip(options)?;
    let vlan = VLAN.take_number(options)?;
    let vni = VNI.take_number(options)?;
    let permanent = PERMANENT.take_flag(options)?;
    let replace = REPLACE.take_flag(options)?.unwrap_or(false);
    let seen = link::snapshot(session, link)?;
    let is_tunnel = seen.kind == "vxlan";
    if !is_tunnel && (dst.is_some() || vni.is_some()) {
        let key = if dst.is_some() { DST } else { VNI }.key;
        return Err(Error::invalid(format!(
            "`{key}` is for VXLAN links, and `{}` is none",
            seen.name
        )));
    }
    let of_master = dst.is_none() && seen.master.is_some();
    if !of_master && is_tunnel && dst.is_none() && word == "fdb" {
        return Err(
            Error::invalid("the far end is missing").hint("give it as #{dst: \"10.0.0.2\"}")
        );
    }
    if !of_master && !is_tunnel && seen.kind != "bridge" {
        return Err(Error::invalid(format!(
            "`{}` is no VXLAN link, no bridge and no port of one: it forwards nothing",
            seen.name
        ))
        .hint("put it under a bridge first, with .master(bridge)"));
    }
    let permanent = permanent.unwrap_or(!of_master);
    let state = if permanent {
        State::Permanent
    } else {
        State::Static
    };
    let entry = Entry {
        mac,
        dst,
        vlan,
        vni,
        state,
        of_master,
    };
    Ok((entry, replace))
}

/// What an entry is, beside its state.
pub(crate) fn said(entry: &Entry) -> Vec<Pair> {
    let dst = entry.dst.map(|dst| (&DST, Value::text(dst.to_string())));
    let vlan = entry.vlan.map(|vlan| (&VLAN, Value::Number(vlan.into())));
    let vni = entry.vni.map(|vni| (&VNI, Value::Number(vni.into())));
    [dst, vlan, vni].into_iter().flatten().collect()
}

/// The words of `bridge fdb` for an entry.
fn words(verb: &str, link: &Link, entry: &Entry) -> Vec<String> {
    let mut words: Vec<String> = ["fdb", verb, &mac::print(&entry.mac), "dev", &link.name()]
        .map(str::to_owned)
        .into();
    for (row, value) in said(entry) {
        words.extend(row.say(&value));
    }
    words.push(if entry.of_master { "master" } else { "self" }.to_owned());
    words.push(entry.state.name().to_owned());
    words
}

fn list(session: &Rc<Session>, link: &Link) -> Result<Vec<Entry>> {
    let place = link.netns();
    session.wait(async {
        let entries = fdb::list(&place.rtnl()?, link.index()).await;
        entries.map_err(Error::from)
    })?
}

/// The entry as an outcome tells of it.
fn object(session: &Session, link: &Link, entry: &Entry) -> Object {
    Object::new("fdb entry", mac::print(&entry.mac))
        .on(link.name())
        .with(session.lab(), || said(entry))
        .and("state", entry.state.name())
}

fn report(session: &Session, outcome: Outcome, link: &Link, entry: &Entry) {
    let object = object(session, link, entry);
    session.lab().report(outcome, &link.netns(), object);
}

fn described(entry: &Entry) -> String {
    let dst = entry.dst.map(|dst| format!("dst {dst}, "));
    let vni = entry.vni.map(|vni| format!("vni {vni}, "));
    format!(
        "{}{}{}",
        dst.unwrap_or_default(),
        vni.unwrap_or_default(),
        entry.state.name()
    )
}

fn send(
    session: &Rc<Session>,
    link: &Link,
    verb: &str,
    entry: &Entry,
    undo: crate::net::request::Request,
    request: &crate::net::request::Request,
) -> Result<()> {
    let place = link.netns();
    let undo = undoing(link, entry, undo, request);
    let command = || Command::tool("bridge", &place, words(verb, link, entry));
    session.wait(async {
        let rtnl = &place.rtnl()?;
        let lab = session.lab();
        lab.step(undo, command, request.send(&place, rtnl))
            .await?
            .map_err(Error::from)
    })?
}

/// The step that `request` is, and `undo` takes back.
fn undoing(
    link: &Link,
    entry: &Entry,
    undo: crate::net::request::Request,
    request: &crate::net::request::Request,
) -> Undo {
    let is_made = request.makes();
    let taken = if is_made { "" } else { " taken away" };
    let mac = mac::print(&entry.mac);
    let way = WayBack::Send {
        what: format!("fdb entry `{mac}` of {}{taken}", link.name()),
        request: undo,
        made: is_made.then(|| request.clone()),
    };
    Undo::of_link(link.netns(), link.reference(), way)
}

fn add(session: &Rc<Session>, link: &Link, wanted: &Entry, replace: bool) -> Result<()> {
    let present = list(session, link)?;
    if present.contains(wanted) {
        let (undo, request) = (wanted.deleting(link.index()), wanted.adding(link.index()));
        let undo = undoing(link, wanted, undo, &request);
        session.lab().asked(undo.clone());
        session.lab().claim(undo)?;
        report(session, Outcome::Unchanged, link, wanted);
        return Ok(());
    }
    let index = link.index();
    let other = present
        .iter()
        .find(|entry| entry.is_about_the_same(wanted) && !wanted.is_for_several());
    // What was learned makes room: it would have moved by itself.
    let in_the_way = other.filter(|other| other.state != State::Dynamic && !replace);
    if let Some(other) = in_the_way {
        let error = Error::new(
            Kind::Conflict,
            "an entry for that address exists and differs",
        )
        .note(format!("there: {}", described(other)))
        .note(format!("asked: {}", described(wanted)))
        .hint("ask for what is there, or replace it with #{replace: true}");
        let object = object(session, link, wanted);
        return session.lab().conflict(error, &link.netns(), object);
    }
    let undo = other.map_or_else(|| wanted.deleting(index), |other| other.adding(index));
    let verb = if wanted.is_for_several() {
        "append"
    } else {
        "replace"
    };
    send(session, link, verb, wanted, undo, &wanted.adding(index))?;
    let told = object(session, link, wanted);
    let (outcome, told) = match other {
        Some(other) => (Outcome::Changed, told.was(&object(session, link, other))),
        None => (Outcome::Created, told),
    };
    session.lab().report(outcome, &link.netns(), told);
    Ok(())
}

fn delete(session: &Rc<Session>, link: &Link, wanted: &Entry) -> Result<()> {
    let present = list(session, link)?;
    let is_meant = |entry: &&Entry| {
        entry.is_about_the_same(wanted)
            && (wanted.dst.is_none() || entry.dst == wanted.dst)
            && (wanted.vni.is_none() || entry.vni == wanted.vni)
    };
    let meant: Vec<_> = present.iter().filter(is_meant).collect();
    if meant.is_empty() {
        report(session, Outcome::Unchanged, link, wanted);
    }
    let index = link.index();
    for entry in meant {
        let (undo, request) = (entry.adding(index), entry.deleting(index));
        send(session, link, "del", entry, undo, &request)?;
        report(session, Outcome::Deleted, link, entry);
    }
    Ok(())
}

fn map_of(entry: &Entry) -> Map {
    let or_unit = |value: Option<i64>| value.map_or(Dynamic::UNIT, Dynamic::from);
    let dst = entry.dst.map(|dst| dst.to_string());
    Map::from([
        ("mac".into(), mac::print(&entry.mac).into()),
        ("dst".into(), dst.map_or(Dynamic::UNIT, Dynamic::from)),
        ("vlan".into(), or_unit(entry.vlan.map(i64::from))),
        ("vni".into(), or_unit(entry.vni.map(i64::from))),
        ("state".into(), entry.state.name().into()),
        ("of_master".into(), entry.of_master.into()),
    ])
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Has the bridge send frames for the hardware address out of this port, and returns the link.
    ///
    /// The entry stays, and is never learned anew elsewhere. What `bridge fdb replace MAC dev LINK master static` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let port = a.veth("v0", "v1").master(a.bridge("br0"));
    /// port.fdb("02:00:00:00:00:07");
    /// port.fdb.filter(|e| e.mac == "02:00:00:00:00:07")[0].state    // => "static"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn fdb(context: NativeCallContext, link: &mut Link, mac: &str) -> Answer<Link> {
        fdb_with(context, link, mac, Map::new())
    }

    /// Adds an entry with options: `dst` (the far end of a VXLAN) and `vni`, `vlan` of a port, `permanent`, `replace`.
    ///
    /// On a VXLAN link an entry is permanent; frames for nobody in particular go to each `dst` of `00:00:00:00:00:00`. On a
    /// port of a bridge `permanent: true` sends the frames to the host. Another entry for the address is a `conflict`,
    /// unless `replace: true`. What `bridge fdb append MAC dev LINK dst ADDRESS self permanent` does.
    ///
    /// ```rhai
    /// let vx = netns("a").vxlan("vx0", 42, #{dstport: 4789});
    /// vx.fdb("00:00:00:00:00:00", #{dst: "10.0.0.2"}).fdb("00:00:00:00:00:00", #{dst: "10.0.0.3"});
    /// vx.fdb.map(|e| e.dst)    // => ["10.0.0.2", "10.0.0.3"]
    /// ```
    #[rhai_fn(name = "fdb", return_raw, volatile)]
    pub fn fdb_with(
        context: NativeCallContext,
        link: &mut Link,
        mac: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let add = || {
                let (wanted, replace) = read(session, link, mac, "fdb", options, ROWS)?;
                super::add(session, link, &wanted, replace)
            };
            add().map_err(about("add fdb entry", mac, link))?;
            Ok(link.clone())
        })
    }

    /// Takes the entries for the hardware address away, and returns the link. Gone already is no error.
    ///
    /// What `bridge fdb del MAC dev LINK` does.
    ///
    /// ```rhai
    /// let vx = netns("a").vxlan("vx0", 42, #{dstport: 4789}).fdb("02:00:00:00:00:07", #{dst: "10.0.0.2"});
    /// vx.del_fdb("02:00:00:00:00:07").fdb    // => []
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn del_fdb(context: NativeCallContext, link: &mut Link, mac: &str) -> Answer<Link> {
        del_fdb_with(context, link, mac, Map::new())
    }

    /// Takes away the entries for the hardware address that have this `dst`, `vni` or `vlan`.
    ///
    /// ```rhai
    /// let vx = netns("a").vxlan("vx0", 42, #{dstport: 4789});
    /// vx.fdb("00:00:00:00:00:00", #{dst: "10.0.0.2"}).fdb("00:00:00:00:00:00", #{dst: "10.0.0.3"});
    /// vx.del_fdb("00:00:00:00:00:00", #{dst: "10.0.0.2"}).fdb.len()    // => 1
    /// ```
    #[rhai_fn(name = "del_fdb", return_raw, volatile)]
    pub fn del_fdb_with(
        context: NativeCallContext,
        link: &mut Link,
        mac: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let delete = || {
                let (wanted, _) = read(session, link, mac, "del_fdb", options, OF_DELETE)?;
                super::delete(session, link, &wanted)
            };
            delete().map_err(about("delete fdb entry", mac, link))?;
            Ok(link.clone())
        })
    }

    /// The entries of the forwarding database that lead to the link, as maps: `mac`, `dst`, `vlan`, `vni`, `state`, `of_master`.
    #[rhai_fn(get = "fdb", return_raw, volatile)]
    pub fn get_fdb(context: NativeCallContext, link: &mut Link) -> Answer<Array> {
        answer(&context, |session| {
            link::snapshot(session, link)?;
            let entries = list(session, link)?;
            Ok(entries.iter().map(|e| map_of(e).into()).collect())
        })
    }
}
