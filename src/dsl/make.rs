//! Making links, whatever their kind: look first, make what is missing in place by one message, refuse what differs.
//!
//! A kind says in a [`Wanted`] what it needs; the rest (names, parents, what every link can be given, conflicts) is here once.

use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use rhai::{Dynamic, Map};
use rtnetlink::packet_route::link::{InfoData, LinkAttribute, LinkFlags, LinkMessage};

use crate::dsl::attributes::Asked;
use crate::dsl::handle::{Link, Netns};
use crate::dsl::link::settings;
use crate::dsl::{Session, addr, kind, link, route};
use crate::error::{Error, Kind, Result};
use crate::lab::{Command, LinkRef, Outcome, Undo, trace};
use crate::net::link::{Snapshot, Which};
use crate::net::netns;
use crate::net::rtnl::Refusal;
use crate::net::tun::{self, Tun};
use crate::value::mac;
use crate::value::name::LinkName;
use crate::value::options::Options;

/// A property of a link in words: `("mode", "l3")`.
pub(crate) type Fact = (&'static str, String);

/// Keys that every word which makes a link accepts.
pub(crate) const COMMON: &[&str] = &[
    "addr",
    "alias",
    "allmulticast",
    "altname",
    "arp",
    "carrier",
    "gro_max_size",
    "group",
    "gso_max_segs",
    "gso_max_size",
    "mac",
    "master",
    "mtu",
    "multicast",
    "nodad",
    "numrxqueues",
    "numtxqueues",
    "promisc",
    "replace",
    "route",
    "txqlen",
    "up",
];

/// How many queues a link may have, by `rtnl_create_link` of net/core/rtnetlink.c.
const MOST_QUEUES: i64 = 4096;

/// What every link can be given at its making.
#[derive(Debug, Default)]
pub(crate) struct Common {
    up: bool,
    mtu: Option<u32>,
    mac: Option<Vec<u8>>,
    alias: Option<String>,
    master: Option<Dynamic>,
    addresses: Vec<String>,
    nodad: bool,
    routes: Vec<String>,
    settings: settings::Asked,
    tx_queues: Option<u32>,
    rx_queues: Option<u32>,
    replace: bool,
}

impl Common {
    /// Takes the common keys out of `options`, and checks all that can be checked without the kernel.
    pub(crate) fn take(options: &mut Options, own_keys: &[&str]) -> Result<Self> {
        let mut queues = |key| -> Result<Option<u32>> {
            let count = options.integer(key, 1..=MOST_QUEUES)?;
            Ok(count.and_then(|count| u32::try_from(count).ok()))
        };
        let (tx_queues, rx_queues) = (queues("numtxqueues")?, queues("numrxqueues")?);
        let common = Self {
            tx_queues,
            rx_queues,
            up: options.flag("up")?.unwrap_or(false),
            mtu: options
                .integer("mtu", 1..=i64::from(u32::MAX))?
                .and_then(|mtu| u32::try_from(mtu).ok()),
            mac: options
                .string("mac")?
                .map(|text| mac::parse(&text))
                .transpose()?,
            alias: options.string("alias")?,
            master: options.take("master"),
            addresses: options.strings("addr")?,
            nodad: options.flag("nodad")?.unwrap_or(false),
            routes: options.strings("route")?,
            settings: settings::Asked::take(options, own_keys)?,
            replace: options.flag("replace")?.unwrap_or(false),
        };
        for address in &common.addresses {
            crate::value::prefix::address(address)?;
        }
        for route in &common.routes {
            crate::value::prefix::destination(route, None)?;
        }
        Ok(common)
    }

    /// Whether what is there and differs is to be replaced.
    pub(crate) fn replace(&self) -> bool {
        self.replace
    }
}

/// The parent that a link is to be stacked on.
pub(crate) struct Parent {
    /// Where it lives.
    pub(crate) netns: Rc<netns::Netns>,
    /// How it is.
    pub(crate) seen: Snapshot,
}

impl Parent {
    /// Finds the parent of a link in `place`, given as a handle, or as a name in the current namespace.
    pub(crate) fn find(
        session: &Rc<Session>,
        place: &Rc<netns::Netns>,
        given: &Dynamic,
    ) -> Result<Self> {
        if given.is::<Netns>() {
            return Err(Error::invalid("the parent is missing: a namespace stands in its place")
                .hint("write the namespace in front, then the parent and the name: net.ipvlan(\"eth0\", \"v1\")"));
        }
        let here = session.here()?;
        let found = link::link_argument(session, &here, given).map_err(|error| {
            let name = given.clone().into_string().unwrap_or_default();
            let is_there = error.kind == Kind::NotFound
                && here.namespace().id() != place.namespace().id()
                && link::find(session, place, &name).is_ok_and(|found| found.is_some());
            if is_there {
                error.hint(format!(
                    "a parent's name is looked up where the script is; for the one in `{0}` write netns(\"{0}\").link(\"{name}\")",
                    place.label()
                ))
            } else {
                error
            }
        })?;
        Ok(Self {
            seen: link::snapshot(session, &found)?,
            netns: found.netns(),
        })
    }

    /// Refuses what can't carry slaves that share its traffic (ipvlan, macvlan): a loopback, a down link, another's port.
    pub(crate) fn check_can_carry(&self, session: &Rc<Session>, kind: &str) -> Result<()> {
        let Self { netns, seen } = self;
        let name = &seen.name;
        if seen.loopback {
            return Err(
                Error::invalid(format!("`{name}` is a loopback, which carries no {kind}"))
                    .hint("take an Ethernet link as parent: a bond, veth, dummy or hardware"),
            );
        }
        if let Some(master) = seen.master {
            let master = link::neighbour(session, &link::handle(netns, seen), master, None)?;
            let master = master.map_or_else(
                || "another link".to_owned(),
                |master| format!("{} `{}`", master.kind(), master.name()),
            );
            return Err(
                Error::new(Kind::Busy, format!("parent `{name}` is a port of {master}")).hint(
                    format!(
                        "stack it on the {master} instead, or free the port with {}.nomaster()",
                        link::call(session, netns, name)
                    ),
                ),
            );
        }
        if !seen.up {
            return Err(
                Error::invalid(format!("parent `{name}` is down")).hint(format!(
                    "bring it up first: {}.up()",
                    link::call(session, netns, name)
                )),
            );
        }
        Ok(())
    }
}

/// A link that a script asks for.
pub(crate) struct Wanted<'a> {
    /// Its kind, as `ip` calls it.
    pub(crate) kind: &'static str,
    /// Where it is to live.
    pub(crate) place: Rc<netns::Netns>,
    /// Its name there.
    pub(crate) name: LinkName,
    /// What it is stacked on, for kinds that are.
    pub(crate) parent: Option<&'a Parent>,
    /// What was asked of the kind, in words.
    pub(crate) facts: Vec<Fact>,
    /// The same words for a link that is there.
    pub(crate) facts_of: fn(&InfoData) -> Vec<Fact>,
    /// What every link can be given.
    pub(crate) common: Common,
}

/// What is asked of the kernel, and the words that say the same behind `ip link add … type KIND`.
pub(crate) struct Request {
    message: LinkMessage,
    /// None where the facts of the [`Wanted`] link are these words.
    words: Option<Vec<String>>,
    /// Set where rtnetlink can't make the kind.
    device: Option<Tun>,
}

impl Request {
    /// The message, and its words.
    pub(crate) fn new<W: Into<String>>(
        message: LinkMessage,
        words: impl IntoIterator<Item = W>,
    ) -> Self {
        Self {
            message,
            words: Some(words.into_iter().map(Into::into).collect()),
            device: None,
        }
    }

    /// A device that is made by opening it; `message` describes what it is then. The words are those behind
    /// `ip tuntap add dev NAME`.
    pub(crate) fn device<W: Into<String>>(
        device: Tun,
        message: LinkMessage,
        words: impl IntoIterator<Item = W>,
    ) -> Self {
        Self {
            device: Some(device),
            ..Self::new(message, words)
        }
    }
}

impl From<LinkMessage> for Request {
    /// A message whose words are the facts of the wanted link.
    fn from(message: LinkMessage) -> Self {
        Self {
            message,
            words: None,
            device: None,
        }
    }
}

/// Says which link an error is about.
pub(crate) fn creating<'a>(
    kind: &'a str,
    name: &'a str,
    place: &'a netns::Netns,
) -> impl Fn(Error) -> Error + 'a {
    move |error| {
        if error.doing.is_empty() {
            // A parent is looked for elsewhere.
            error
                .doing(&format!("create {kind}"), name)
                .in_place(place.label())
        } else {
            error
        }
    }
}

/// Reads what every word that makes a link is given: the name and the options.
pub(crate) fn read(
    kind: &'static str,
    name: &str,
    options: Map,
    own_keys: &[&str],
) -> Result<(LinkName, Options, Common)> {
    let name = name.parse()?;
    let mut options = Options::new(kind, options, &[own_keys, COMMON])?;
    let common = Common::take(&mut options, own_keys)?;
    Ok((name, options, common))
}

/// Makes a link of a kind that has no options of its own.
pub(crate) fn plain(
    session: &Rc<Session>,
    kind: &'static str,
    net: &Netns,
    name: &str,
    options: Map,
) -> Result<Link> {
    let make = || {
        let (name, _, common) = read(kind, name, options, &[])?;
        let wanted = Wanted {
            kind,
            place: net.0.clone(),
            name,
            parent: None,
            facts: Vec::new(),
            facts_of: |_| Vec::new(),
            common,
        };
        let request = |_: Option<&Snapshot>| Ok(Asked::default().request(kind));
        ensure(session, &wanted, request, |_| Ok(()))
    };
    make().map_err(creating(kind, name, net))
}

/// A link that is there as wanted.
pub(crate) struct Ensured {
    /// The link.
    pub(crate) link: Link,
    /// Whether it was made just now.
    pub(crate) is_new: bool,
    /// Whether it has from its making what every link can be given then.
    has_common: bool,
}

impl Ensured {
    fn new(link: Link, has_common: bool) -> Self {
        Self {
            link,
            is_new: true,
            has_common,
        }
    }

    fn old(link: Link) -> Self {
        Self {
            link,
            is_new: false,
            has_common: false,
        }
    }
}

/// Makes the link that is wanted where it is not there; returns it where it is there as wanted.
///
/// `message` is asked for the kind's own part only when the link is really to be made, and told which link is replaced by it.
/// `settled` gives the link what only its kind knows. Fails with `conflict` where a link of that name is there and differs.
/// What fails leaves no new link behind.
pub(crate) fn ensure<R: Into<Request>>(
    session: &Rc<Session>,
    wanted: &Wanted,
    mut message: impl FnMut(Option<&Snapshot>) -> Result<R>,
    settled: impl FnOnce(&Ensured) -> Result<()>,
) -> Result<Link> {
    let request = |replaced: Option<&Snapshot>| message(replaced).map(Into::into);
    let ensured = find_or_create(session, wanted, request)?;
    let finished = settled(&ensured).and_then(|()| finish(session, wanted, &ensured));
    if finished.is_err() && ensured.is_new {
        // The failure that is reported is the first one.
        let _ = link::delete(session, &ensured.link);
    }
    finished.map(|()| ensured.link)
}

fn find_or_create(
    session: &Rc<Session>,
    wanted: &Wanted,
    mut message: impl FnMut(Option<&Snapshot>) -> Result<Request>,
) -> Result<Ensured> {
    let name = wanted.name.as_str();
    let find = || link::find(session, &wanted.place, name);
    // In a namespace of the run's own nothing is there yet, as a rule: ask at once, and look only when refused.
    if !session.lab().made_namespace(&wanted.place)
        && let Some(present) = find()?
    {
        return settle(session, wanted, &present, message);
    }
    let created = message(None).and_then(|request| create(session, wanted, request));
    let refused = match created {
        Ok(Some(made)) => return Ok(made),
        Ok(None) => Error::new(Kind::Exists, "a link of that name is in the way"),
        Err(error) => error,
    };
    // Where it is there, what stands in the way of making it does not matter.
    match find()? {
        Some(present) => settle(session, wanted, &present, message),
        None => Err(refused),
    }
}

/// Takes what is there for what is wanted, replaces it where that was asked, or says how they differ.
fn settle(
    session: &Rc<Session>,
    wanted: &Wanted,
    present: &Snapshot,
    mut message: impl FnMut(Option<&Snapshot>) -> Result<Request>,
) -> Result<Ensured> {
    match differences(session, wanted, present)? {
        None => {
            report(session, wanted, Outcome::Unchanged);
            Ok(Ensured::old(link::handle(&wanted.place, present)))
        }
        Some(_) if wanted.common.replace => {
            let request = message(Some(present))?;
            link::delete(session, &link::handle(&wanted.place, present))?;
            let made = create(session, wanted, request)?;
            made.ok_or_else(|| Error::new(Kind::Exists, "another link took the name meanwhile"))
        }
        Some(conflict) => {
            let name = wanted.name.as_str();
            let lab = session.lab();
            lab.conflict(conflict, &wanted.place, wanted.kind, name)?;
            Ok(Ensured::old(link::handle(&wanted.place, present)))
        }
    }
}

/// The conflict between what is there and what is wanted, if there is one.
fn differences(
    session: &Rc<Session>,
    wanted: &Wanted,
    present: &Snapshot,
) -> Result<Option<Error>> {
    let mut there = vec![if present.kind.is_empty() {
        "hardware".to_owned()
    } else {
        present.kind.clone()
    }];
    let mut asked = vec![wanted.kind.to_owned()];
    let mut same = present.kind == wanted.kind;
    if same {
        let facts = present
            .data
            .as_ref()
            .map(wanted.facts_of)
            .unwrap_or_default();
        for (key, value) in &wanted.facts {
            let found = facts.iter().find(|(known, _)| known == key);
            let found = found.map_or("none", |(_, found)| found.as_str());
            if found != value {
                same = false;
                let found = shown(session, wanted, key, found);
                let value = shown(session, wanted, key, value);
                there.push(format!("{key} {found}"));
                asked.push(format!("{key} {value}"));
            }
        }
        let queues = [
            ("numtxqueues", wanted.common.tx_queues, present.tx_queues),
            ("numrxqueues", wanted.common.rx_queues, present.rx_queues),
        ];
        for (key, wanted, found) in queues {
            if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
                same = false;
                there.push(format!("{key} {found}"));
                asked.push(format!("{key} {wanted}"));
            }
        }
        if let Some(parent) = wanted.parent
            && !is_parent(session, wanted, parent, present)?
        {
            same = false;
            let handle = link::handle(&wanted.place, present);
            let other = link::parent_of(session, &handle, present)?;
            there.push(format!(
                "parent {}",
                other.map_or_else(|| "unknown".to_owned(), |l| l.name())
            ));
            asked.push(format!("parent {}", parent.seen.name));
        }
    }
    if same {
        return Ok(None);
    }
    let error = Error::new(Kind::Conflict, "a link of that name is there and differs")
        .note(format!("there: {}", there.join(", ")))
        .note(format!("asked: {}", asked.join(", ")))
        .hint("take another name, ask for what is there, or replace it with #{replace: true}");
    Ok(Some(error))
}

/// The value of a fact as it is shown: a device is known by its ifindex, and called by its name.
fn shown(session: &Rc<Session>, wanted: &Wanted, key: &str, value: &str) -> String {
    let index = value.parse().ok().filter(|_| key == "dev");
    index
        .and_then(|index| link::name_of(session, &wanted.place, index))
        .unwrap_or_else(|| value.to_owned())
}

/// Whether `parent` is what the present link is stacked on.
fn is_parent(
    session: &Rc<Session>,
    wanted: &Wanted,
    parent: &Parent,
    present: &Snapshot,
) -> Result<bool> {
    if present.parent != Some(parent.seen.index) {
        return Ok(false);
    }
    if link::hides_parent(present) {
        return Ok(link::may_be_parent(present, &parent.seen));
    }
    let same_place = parent.netns.namespace().id() == wanted.place.namespace().id();
    let Some(nsid) = present.parent_nsid else {
        return Ok(same_place);
    };
    session.wait(async {
        let known = wanted
            .place
            .rtnl()?
            .nsid_of(parent.netns.namespace())
            .await?;
        Ok(known == Some(nsid))
    })?
}

fn report(session: &Session, wanted: &Wanted, outcome: Outcome) {
    let name = wanted.name.as_str();
    session
        .lab()
        .report(outcome, &wanted.place, wanted.kind, name);
}

/// The command that makes the link as it is wanted, in place.
fn command(wanted: &Wanted, sender: &netns::Netns, request: &Request) -> Command {
    if let (Some(_), Some(words)) = (&request.device, &request.words) {
        let name = wanted.name.as_str();
        return Command::ip(sender, ["tuntap", "add", "dev", name]).and(words);
    }
    let mut words: Vec<&str> = vec!["link", "add"];
    if let Some(parent) = wanted.parent {
        words.extend(["link", &parent.seen.name]);
    }
    words.extend(["name", wanted.name.as_str()]);
    let place = trace::place_of_link(&wanted.place);
    if sender.namespace().id() != wanted.place.namespace().id() {
        words.extend(["netns", &place]);
    }
    let mtu = wanted.common.mtu.map(|mtu| mtu.to_string());
    words.extend(mtu.iter().flat_map(|mtu| ["mtu", mtu]));
    let mac = wanted.common.mac.as_deref().map(mac::print);
    words.extend(mac.iter().flat_map(|mac| ["address", mac]));
    let queues = [
        ("numtxqueues", wanted.common.tx_queues),
        ("numrxqueues", wanted.common.rx_queues),
    ]
    .map(|(key, count)| count.map(|count| (key, count.to_string())));
    for (key, count) in queues.iter().flatten() {
        words.extend([key, count.as_str()]);
    }
    let settings = wanted.common.settings.first.iter();
    let settings: Vec<String> = settings
        .flat_map(|setting| setting.words(|_| String::new()))
        .collect();
    words.extend(settings.iter().map(String::as_str));
    words.extend(wanted.common.up.then_some("up"));
    words.extend(["type", wanted.kind]);
    let command = Command::ip(sender, words);
    match &request.words {
        Some(words) => command.and(words),
        None => command.and(
            wanted
                .facts
                .iter()
                .flat_map(|(key, value)| [key, value.as_str()]),
        ),
    }
}

/// Asks the kernel for the link. `None` where its name, or that of its peer, is taken.
fn create(session: &Rc<Session>, wanted: &Wanted, request: Request) -> Result<Option<Ensured>> {
    let place = &wanted.place;
    let sender = wanted.parent.map_or(place, |parent| &parent.netns);
    let remote = sender.namespace().id() != place.namespace().id();
    let name = wanted.name.as_str();
    let command = || command(wanted, sender, &request);
    let mut message = request.message.clone();
    set_name(&mut message, name);
    if let Some(mtu) = wanted.common.mtu {
        message.attributes.push(LinkAttribute::Mtu(mtu));
    }
    if let Some(mac) = &wanted.common.mac {
        message.attributes.push(LinkAttribute::Address(mac.clone()));
    }
    if let Some(count) = wanted.common.tx_queues {
        message.attributes.push(LinkAttribute::NumTxQueues(count));
    }
    if let Some(count) = wanted.common.rx_queues {
        message.attributes.push(LinkAttribute::NumRxQueues(count));
    }
    for setting in &wanted.common.settings.first {
        setting.add_to(&mut message);
    }
    let undo = Undo::DeleteLink {
        netns: place.clone(),
        link: LinkRef {
            index: 0,
            name: name.to_owned(),
            kind: wanted.kind.to_owned(),
        },
    };
    let up = wanted.common.up;
    let made = session.wait(async {
        let target = remote.then(|| place.namespace());
        let request = async {
            place.check()?;
            let rtnl = &sender.rtnl()?;
            if let Some(device) = &request.device {
                let made = tun::create(place, rtnl, device, name, &message).await?;
                return made.map_err(|refusal| refused(wanted, &refusal));
            }
            match crate::net::link::create(rtnl, target, with_up(&message, up)).await {
                // Older kernels want the name to be free in the sender's namespace too (seen on Linux 6.1).
                Err(refusal)
                    if refusal.errno == Errno::EEXIST
                        && remote
                        && crate::net::link::get(&place.rtnl()?, Which::Name(name))
                            .await?
                            .is_none() =>
                {
                    create_under_passing_name(session, wanted, sender, message.clone()).await
                }
                other => other.map_err(|refusal| refused(wanted, &refusal)),
            }
        };
        match session.lab().step(undo, command, request).await? {
            Err(error) if error.errno == Some(Errno::EEXIST) => return Ok(None),
            other => other?,
        }
        let seen = crate::net::link::get(&place.rtnl()?, Which::Name(name)).await?;
        seen.map(Some)
            .ok_or_else(|| Error::new(Kind::NotFound, "it vanished as soon as it was made"))
    })??;
    Ok(made.map(|made| {
        session.lab().link_made(place, made.index, name);
        report(session, wanted, Outcome::Created);
        Ensured::new(link::handle(place, &made), request.device.is_none())
    }))
}

fn set_name(message: &mut LinkMessage, name: &str) {
    message
        .attributes
        .retain(|attribute| !matches!(attribute, LinkAttribute::IfName(_)));
    message
        .attributes
        .push(LinkAttribute::IfName(name.to_owned()));
}

fn with_up(message: &LinkMessage, up: bool) -> LinkMessage {
    let mut message = message.clone();
    if up {
        message.header.flags |= LinkFlags::Up;
        message.header.change_mask |= LinkFlags::Up;
    }
    message
}

/// Makes the link under a name that is free everywhere, and renames it where it lives.
async fn create_under_passing_name(
    session: &Session,
    wanted: &Wanted<'_>,
    sender: &netns::Netns,
    mut message: LinkMessage,
) -> Result<()> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let passing = format!("iv{:x}x{number:x}", std::process::id());
    let place = &wanted.place;
    set_name(&mut message, &passing);
    let undo = Undo::DeleteLink {
        netns: place.clone(),
        link: LinkRef {
            index: 0,
            name: passing.clone(),
            kind: wanted.kind.to_owned(),
        },
    };
    let rtnl = &sender.rtnl()?;
    let request = crate::net::link::create(rtnl, Some(place.namespace()), message);
    let made = session.lab().step_unsaid(undo, request).await?;
    made.map_err(|refusal| refused(wanted, &refusal))?;
    let rtnl = &place.rtnl()?;
    let Some(made) = crate::net::link::get(rtnl, Which::Name(&passing)).await? else {
        return Err(Error::new(
            Kind::NotFound,
            "it vanished as soon as it was made",
        ));
    };
    let handle = link::handle(place, &made);
    let mut rename = link::on(&handle).name(wanted.name.as_str());
    if wanted.common.up {
        rename = rename.up();
    }
    let renamed = crate::net::link::change(rtnl, rename.build()).await;
    if renamed.is_err() {
        // Nobody knows the passing name but us.
        let _ = crate::net::link::delete(rtnl, made.index).await;
    }
    session.lab().link_renamed(place, &passing);
    renamed.map_err(|refusal| refused(wanted, &refusal))
}

/// The kernel's refusal to make a link, explained.
fn refused(wanted: &Wanted, refusal: &Refusal) -> Error {
    let kind = wanted.kind;
    let parent = wanted.parent.map(|parent| parent.seen.name.as_str());
    let error = Error::from(refusal.clone());
    match (refusal.errno, parent) {
        (Errno::EEXIST, _) => error.cause("a link of that name is there already"),
        (Errno::EOPNOTSUPP, _)
            if refusal.text.as_deref().is_some_and(|text| text.contains("device type")) =>
        {
            let error = error.cause(format!("this kernel has no {kind} driver"));
            match kind::named(kind) {
                Some(kind) => kind.lacks_driver(error),
                None => error,
            }
        }
        (Errno::EOPNOTSUPP, _) if refusal.text.is_none() => {
            error.cause("this kernel can't do all that is asked of it")
        }
        (Errno::ENETDOWN, Some(parent)) => error
            .cause(format!("parent `{parent}` is down"))
            .hint(format!("bring it up first: link(\"{parent}\").up()")),
        (Errno::EBUSY, Some(parent)) => error
            .cause(format!("something else takes the traffic of parent `{parent}` already"))
            .note("a link carries either ipvlan or macvlan slaves, and none while it is a port of a bridge or bond")
            .hint("take another parent, or a veth or dummy of your own"),
        (Errno::EINVAL, Some(parent)) if refusal.text.is_none() => error
            .cause(format!("parent `{parent}` can't carry {kind}")),
        _ => error,
    }
}

/// Gives the link what its options ask for beyond its making.
fn finish(session: &Rc<Session>, wanted: &Wanted, ensured: &Ensured) -> Result<()> {
    let common = &wanted.common;
    let link = &ensured.link;
    if !ensured.has_common {
        if let Some(mtu) = common.mtu {
            link::set_mtu(session, link, mtu.into())?;
        }
        if let Some(mac) = &common.mac {
            link::set_mac(session, link, &mac::print(mac))?;
        }
        if common.up {
            link::set_up(session, link, true)?;
        }
        for setting in &common.settings.first {
            settings::apply(session, link, setting.clone())?;
        }
    }
    for setting in &common.settings.later {
        settings::apply(session, link, setting.clone())?;
    }
    if let Some(alias) = &common.alias {
        link::set_alias(session, link, alias)?;
    }
    if let Some(master) = &common.master {
        let master = link::link_argument(session, &link.netns(), master)?;
        link::set_master(session, link, Some(&master))?;
    }
    for address in &common.addresses {
        addr::add_plain(session, link, address, common.nodad, common.replace)?;
    }
    for destination in &common.routes {
        let options = Map::from([("replace".into(), common.replace.into())]);
        route::add(
            session,
            &Netns(link.netns()),
            destination,
            Some(link),
            options,
        )?;
    }
    Ok(())
}
