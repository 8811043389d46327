//! macvlan and macvtap slaves: links with MAC addresses of their own over one parent.

use std::rc::Rc;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};
use rtnetlink::packet_core::{Nla, NlasIterator, Parseable};
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoMacVlan, MacVlanFlags, MacVlanMacAddressMode, MacVlanMode,
};
use rtnetlink::{LinkMessageBuilder, LinkUnspec};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::kind::Kind;
use crate::dsl::kinds::make::{Fact, Parent, Request, Wanted, creating, ensure, read};
use crate::dsl::objects::link;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};
use crate::net::link::Snapshot;
use crate::value::choice::choose;
use crate::value::mac;
use crate::value::options::{Options, strings};

/// What this topic makes.
pub const KINDS: &[Kind] = &[
    Kind {
        word: "macvlan",
        name: "macvlan",
        module: "macvlan",
        config: "CONFIG_MACVLAN",
        keys: KEYS,
        is_pair: false,
        argument: Some("mode"),
        facts_of,
        usual: &[("bcqueuelen", "1000"), ("flag", "null"), ("mode", "bridge")],
    },
    Kind {
        word: "macvtap",
        name: "macvtap",
        module: "macvtap",
        config: "CONFIG_MACVTAP",
        keys: KEYS,
        is_pair: false,
        argument: Some("mode"),
        facts_of,
        usual: &[
            ("bcqueuelen", "1000"),
            ("flag", "null"),
            ("mode", "bridge"),
            ("txqlen", "500"),
        ],
    },
];

/// The modes by the names that `ip` gives them.
pub(crate) const MODES: &[(&str, MacVlanMode)] = &[
    ("bridge", MacVlanMode::Bridge),
    ("private", MacVlanMode::Private),
    ("vepa", MacVlanMode::Vepa),
    ("passthru", MacVlanMode::Passthrough),
    ("source", MacVlanMode::Source),
];

/// Keys beyond those that every link takes.
const KEYS: &[&str] = &["bcqueuelen", "flag", "macs"];

/// What `ip` calls flags; a slave has one at most.
pub(crate) const FLAGS: &[(&str, MacVlanFlags)] = &[
    ("null", MacVlanFlags::empty()),
    ("nopromisc", MacVlanFlags::NoPromisc),
    ("nodst", MacVlanFlags::NoDst),
];

fn facts_of(data: &InfoData) -> Vec<Fact> {
    // Both kinds have the same attributes.
    let mut bytes = vec![0; data.value_len()];
    data.emit_value(&mut bytes);
    let mut facts = Vec::new();
    for info in NlasIterator::new(&bytes[..]).flatten() {
        match InfoMacVlan::parse(&info) {
            Ok(InfoMacVlan::Mode(mode)) => {
                let known = MODES.iter().find(|(_, known)| *known == mode);
                facts.extend(known.map(|(name, _)| ("mode", (*name).to_owned())));
            }
            Ok(InfoMacVlan::Flags(flags)) => {
                let known = FLAGS.iter().find(|(_, known)| *known == flags);
                facts.extend(known.map(|(name, _)| ("flag", (*name).to_owned())));
            }
            Ok(InfoMacVlan::BcQueueLen(length)) => facts.push(("bcqueuelen", length.to_string())),
            Ok(InfoMacVlan::MacAddrData(list)) if !list.is_empty() => {
                facts.push(("macs", in_one(list.iter().filter_map(source))));
            }
            _ => {}
        }
    }
    facts
}

fn source(info: &InfoMacVlan) -> Option<Vec<u8>> {
    match info {
        InfoMacVlan::MacAddr(mac) => Some(mac.to_vec()),
        _ => None,
    }
}

/// Hardware addresses in one text, sorted: the kernel lists them in no order.
fn in_one(macs: impl Iterator<Item = Vec<u8>>) -> String {
    let mut macs: Vec<String> = macs.map(|mac| mac::print(&mac)).collect();
    macs.sort_unstable();
    macs.join(" ")
}

/// The hardware addresses that a slave in mode source takes frames from: each a text, or several in one.
fn sources(options: &mut Options, mode: &str) -> Result<Option<Vec<Vec<u8>>>> {
    let Some(given) = options.take("macs") else {
        return Ok(None);
    };
    if mode != "source" {
        return Err(Error::invalid(format!(
            "`macs` are for mode source, and mode {mode} takes frames from everywhere"
        ))
        .hint("ask for mode \"source\""));
    }
    let texts = strings("macs", given)?;
    let words = texts.iter().flat_map(|text| text.split_whitespace());
    let macs: Result<Vec<_>> = words.map(mac::parse).collect();
    let mut macs = macs?;
    macs.sort_unstable();
    macs.dedup();
    Ok(Some(macs))
}

/// Makes a slave of the kind, `macvlan` or `macvtap`.
fn make(
    session: &Rc<Session>,
    kind: &'static str,
    net: &Netns,
    (parent, name, mode): (&Dynamic, &str, &str),
    options: Map,
) -> Result<Link> {
    let (name, mut options, common) = read(kind, name, options, KEYS)?;
    let number = choose(kind, "mode", mode, MODES)?;
    let macs = sources(&mut options, mode)?;
    let flag = options.string("flag")?;
    let length = options.integer("bcqueuelen", 0..=i64::from(u32::MAX))?;
    let parent = Parent::find(session, &net.0, parent)?;
    let mut facts = vec![("mode", mode.to_owned())];
    let mut words = vec!["mode".to_owned(), mode.to_owned()];
    let mut infos = vec![InfoMacVlan::Mode(number)];
    if let Some(flag) = flag {
        let flags = choose(kind, "flag", &flag, FLAGS)?;
        if flag == "nopromisc" && mode != "passthru" {
            return Err(Error::invalid(format!(
                "the flag nopromisc is for mode passthru, not {mode}"
            )));
        }
        words.extend(["flag".to_owned(), flag.clone()]);
        facts.push(("flag", flag));
        infos.push(InfoMacVlan::Flags(flags));
    }
    if let Some(length) = length.and_then(|length| u32::try_from(length).ok()) {
        words.extend(["bcqueuelen".to_owned(), length.to_string()]);
        facts.push(("bcqueuelen", length.to_string()));
        infos.push(InfoMacVlan::BcQueueLen(length));
    }
    if let Some(macs) = &macs {
        let text = in_one(macs.iter().cloned());
        words.extend(["macaddr".to_owned(), "set".to_owned()]);
        words.extend(text.split_whitespace().map(str::to_owned));
        let text = if text.is_empty() { "none" } else { &text };
        facts.push(("macs", text.to_owned()));
        let list = macs.iter().filter_map(|mac| mac.as_slice().try_into().ok());
        infos.extend([
            InfoMacVlan::MacAddrMode(MacVlanMacAddressMode::Set),
            InfoMacVlan::MacAddrData(list.map(InfoMacVlan::MacAddr).collect()),
        ]);
    }
    let wanted = Wanted {
        kind,
        place: net.0.clone(),
        name,
        parent: Some(&parent),
        facts,
        facts_of,
        common,
    };
    let message = |_: Option<&Snapshot>| {
        parent.check_can_carry(session, kind)?;
        let message = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(InfoKind::from(kind))
            .link(parent.seen.index)
            .set_info_data(InfoData::MacVlan(infos.clone()))
            .build();
        Ok(Request::new(message, words.clone()))
    };
    ensure(session, &wanted, message, |_| Ok(()))
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes a macvlan slave of `parent` in mode bridge, and returns it.
    ///
    /// What `ip link add link PARENT NAME type macvlan mode bridge` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvlan(parent, "m0").parent.name    // => "v0"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn macvlan(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
    ) -> Answer<Link> {
        macvlan_all(context, net, parent, name, "bridge", Map::new())
    }

    /// Makes a macvlan slave in the given mode: `bridge`, `private`, `vepa`, `passthru` or `source`.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvlan(parent, "m0", "private").kind    // => "macvlan"
    /// ```
    #[rhai_fn(name = "macvlan", return_raw, volatile)]
    pub fn macvlan_mode(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        mode: &str,
    ) -> Answer<Link> {
        macvlan_all(context, net, parent, name, mode, Map::new())
    }

    /// Makes a macvlan slave in mode bridge with the options that every link takes.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvlan(parent, "m0", #{up: true}).is_up    // => true
    /// ```
    #[rhai_fn(name = "macvlan", return_raw, volatile)]
    pub fn macvlan_with(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        macvlan_all(context, net, parent, name, "bridge", options)
    }

    /// Makes a macvlan slave in the given mode with options: `macs`, `flag`, `bcqueuelen`, and those that every link takes.
    ///
    /// `flag` is `"nodst"` (in mode source, frames are not looked up by their destination as well) or `"nopromisc"` (in mode
    /// passthru, the parent does not take every packet); `bcqueuelen` how many broadcasts wait for it at most. `macs` are the hardware addresses that a slave in mode source takes frames from; in that mode it takes none from others.
    /// What `ip link add link PARENT NAME type macvlan mode source macaddr set MACS` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvlan(parent, "m0", "bridge", #{mac: "02:00:00:00:00:07"}).mac    // => "02:00:00:00:00:07"
    /// ```
    #[rhai_fn(name = "macvlan", return_raw, volatile)]
    pub fn macvlan_all(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        mode: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            make(session, "macvlan", net, (&parent, name, mode), options)
                .map_err(creating("macvlan", name, net))
        })
    }
}

/// The words of the topic of macvtap.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod tap_words {
    /// Makes a macvtap slave of `parent` in mode bridge: a macvlan slave with a character device for virtual machines.
    ///
    /// What `ip link add link PARENT NAME type macvtap mode bridge` does.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvtap(parent, "t0").parent.name    // => "v0"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn macvtap(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
    ) -> Answer<Link> {
        macvtap_all(context, net, parent, name, "bridge", Map::new())
    }

    /// Makes a macvtap slave in the given mode: `bridge`, `private`, `vepa`, `passthru` or `source`.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvtap(parent, "t0", "private").kind    // => "macvtap"
    /// ```
    #[rhai_fn(name = "macvtap", return_raw, volatile)]
    pub fn macvtap_mode(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        mode: &str,
    ) -> Answer<Link> {
        macvtap_all(context, net, parent, name, mode, Map::new())
    }

    /// Makes a macvtap slave in mode bridge with the options that every link takes.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvtap(parent, "t0", #{up: true}).is_up    // => true
    /// ```
    #[rhai_fn(name = "macvtap", return_raw, volatile)]
    pub fn macvtap_with(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        macvtap_all(context, net, parent, name, "bridge", options)
    }

    /// Makes a macvtap slave in the given mode with options: `macs` of mode source, and those that every link takes.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvtap(parent, "t0", "bridge", #{mac: "02:00:00:00:00:07"}).mac    // => "02:00:00:00:00:07"
    /// ```
    #[rhai_fn(name = "macvtap", return_raw, volatile)]
    pub fn macvtap_all(
        context: NativeCallContext,
        net: &mut Netns,
        parent: Dynamic,
        name: &str,
        mode: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            make(session, "macvtap", net, (&parent, name, mode), options)
                .map_err(creating("macvtap", name, net))
        })
    }

    /// The hardware addresses that a macvlan or macvtap slave in mode source takes frames from, sorted; `()` for other links.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let parent = a.veth("v0", "v1").up();
    /// a.macvlan(parent, "m0", "source", #{macs: "02:00:00:00:00:07"}).macs    // => ["02:00:00:00:00:07"]
    /// ```
    #[rhai_fn(get = "macs", return_raw, volatile)]
    pub fn get_macs(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| {
            let data = link::snapshot(session, link)?.data;
            let facts = data.map(|data| facts_of(&data)).unwrap_or_default();
            if !facts.contains(&("mode", "source".to_owned())) {
                return Ok(Dynamic::UNIT);
            }
            let macs = facts.iter().find(|(key, _)| *key == "macs");
            let macs = macs
                .into_iter()
                .flat_map(|(_, macs)| macs.split_whitespace());
            Result::Ok(
                macs.map(|mac| mac.to_owned().into())
                    .collect::<Array>()
                    .into(),
            )
        })
    }
}
