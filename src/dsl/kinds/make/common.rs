//! What every link can be given at its making, whatever its kind.

use std::rc::Rc;

use rhai::{Dynamic, Map};

use crate::dsl::Session;
use crate::dsl::handle::Netns;
use crate::dsl::objects::link::settings;
use crate::dsl::objects::{addr, link, route};
use crate::error::Result;
use crate::lab::setting::Setting;
use crate::lab::setting::plain::{Flag, Number};
use crate::schema::{Form, Opt, Spelling, Wire};
use crate::value::mac;
use crate::value::options::Options;

use super::{Ensured, Wanted};

const TEXTS: Form = Form::Special(&["string", "list"], "a string or a list of strings");
const QUEUES: (i64, i64) = (1, MOST_QUEUES);

/// What every word that makes a link takes.
pub(crate) const COMMON: &[Opt] = &[
    Opt::new("addr", TEXTS, "addresses, with their prefix lengths"),
    Opt::new("alias", Form::Text, "a text that says what it is for").spelled(Spelling::Pair),
    Flag::AllMulticast.row(),
    Opt::new("altname", TEXTS, "other names"),
    Flag::Arp.row(),
    Opt::new(
        "carrier",
        Form::Switch,
        "whether it has a carrier, for a dummy",
    )
    .spelled(Spelling::OnOff),
    Number::GroMaxSize.row(),
    Number::Group.row(),
    Number::GsoMaxSegs.row(),
    Number::GsoMaxSize.row(),
    Opt::new("mac", Form::Text, "the hardware address")
        .spelled(Spelling::Pair)
        .words(&["address", "addr"]),
    Opt::new(
        "master",
        Form::Device,
        "the bridge, bond or VRF that it is put under",
    )
    .spelled(Spelling::Pair)
    .words(&["master", "vrf"]),
    Opt::number(
        "mtu",
        Wire::None,
        (1, u32::MAX as i64),
        "the largest packet, in bytes",
    ),
    Flag::Multicast.row(),
    Opt::new(
        "nodad",
        Form::Switch,
        "whether its addresses are used at once, without looking for duplicates",
    )
    .default("false"),
    Opt::number(
        "numrxqueues",
        Wire::None,
        QUEUES,
        "how many queues it has to receive",
    ),
    Opt::number(
        "numtxqueues",
        Wire::None,
        QUEUES,
        "how many queues it has to send",
    ),
    Flag::Promisc.row(),
    Opt::new(
        "replace",
        Form::Switch,
        "whether a link of that name that differs is replaced",
    )
    .default("false"),
    Opt::new("route", TEXTS, "destinations that it leads to").often(&["default"]),
    Number::TxQueueLen.row(),
    Opt::new("up", Form::Switch, "whether it is brought up").default("false"),
];

/// How many queues a link may have, by `rtnl_create_link` of net/core/rtnetlink.c.
const MOST_QUEUES: i64 = 4096;

/// What every link can be given at its making.
#[derive(Clone, Debug, Default)]
pub(crate) struct Common {
    pub(super) up: bool,
    pub(super) mtu: Option<u32>,
    pub(super) mac: Option<Vec<u8>>,
    alias: Option<String>,
    master: Option<Dynamic>,
    addresses: Vec<String>,
    nodad: bool,
    routes: Vec<String>,
    pub(super) settings: settings::Asked,
    pub(super) tx_queues: Option<u32>,
    pub(super) rx_queues: Option<u32>,
    pub(super) replace: bool,
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
            master: link::take(options, "master")?,
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

    /// Whether to replace a link that exists and differs.
    pub(crate) fn replace(&self) -> bool {
        self.replace
    }
}

/// What the message that makes the link gives it.
pub(super) fn given_at_making(wanted: &Wanted) -> Vec<Setting> {
    let common = &wanted.common;
    let up = common.up.then_some(Setting::Up(true));
    let given = wanted.mtu_of_making().map(Setting::Mtu).into_iter();
    let given = given.chain(common.mac.clone().map(Setting::Mac)).chain(up);
    given.chain(common.settings.first.iter().cloned()).collect()
}

/// Gives the link what its options ask for beyond its making.
pub(super) fn finish(session: &Rc<Session>, wanted: &Wanted, ensured: &Ensured) -> Result<()> {
    let common = &wanted.common;
    let link = &ensured.link;
    let is_with_its_making = ensured.has_common && wanted.mtu_of_making().is_some();
    if let Some(mtu) = common.mtu.filter(|_| !is_with_its_making) {
        link::set_mtu(session, link, mtu.into())?;
    }
    if ensured.has_common {
        for setting in given_at_making(wanted) {
            let lab = session.lab();
            lab.asked_setting(&link.netns(), link.reference(), &setting);
        }
    } else {
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
