//! Ports of bridges and bonds: their options, their VLANs, which are there.

use std::collections::BTreeMap;
use std::rc::Rc;

use nix::errno::Errno;
use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};

use crate::dsl::handle::Link;
use crate::dsl::objects::link::{self, all, handle, neighbour, snapshot};
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result};
use crate::lab::setting::Setting;
use crate::lab::setting::port::PortOption;
use crate::net::bridge_vlan::{self, Membership};
use crate::net::link::Snapshot;
use crate::schema::{self, Form, Opt, Spelling, Wire};
use crate::steps::Value;
use crate::value::options::{Options, wrong_type};

const PVID: Opt = Opt::number(
    "pvid",
    Wire::None,
    (1, LARGEST_VID),
    "the VLAN of what comes in without a tag",
)
.spelled(Spelling::Silent);
const VIDS: Form = Form::Special(
    &["int", "string", "list"],
    "a VLAN id, a range such as \"10-20\", or a list",
);
const TAGGED: Opt = Opt::new("tagged", VIDS, "the VLANs that leave with their tag");
const UNTAGGED: Opt = Opt::new("untagged", VIDS, "the VLANs that leave without a tag");

/// What a port can be given.
pub(crate) const ROWS: &[Opt] = &[
    PortOption::Hairpin.row(),
    PortOption::Isolated.row(),
    PortOption::Learning.row(),
    PortOption::Flood.row(),
    PortOption::McastFlood.row(),
    PortOption::BcastFlood.row(),
    PortOption::Guard.row(),
    PortOption::RootBlock.row(),
    PortOption::Fastleave.row(),
    PortOption::NeighSuppress.row(),
    PortOption::ProxyArp.row(),
    PortOption::Locked.row(),
    PortOption::McastToUnicast.row(),
    PortOption::VlanTunnel.row(),
    PortOption::Cost.row(),
    PortOption::Priority.row(),
    PVID,
    TAGGED,
    UNTAGGED,
];

/// The largest id of a VLAN; 4095 is reserved by IEEE 802.1Q.
const LARGEST_VID: i64 = 4094;

type Vlans = BTreeMap<u16, Membership>;

/// What is asked of a port.
struct Asked {
    options: Vec<(PortOption, u32)>,
    /// None where its VLANs are to stay as they are.
    vlans: Option<Vlans>,
}

impl Asked {
    fn read(options: Map) -> Result<Self> {
        let mut options = schema::options("port", options, &[ROWS])?;
        let mut asked = Vec::new();
        for option in PortOption::ALL {
            let row = option.row();
            let value = row.take("", &mut options)?;
            let value = value.and_then(|value| row.form.number(&value));
            let value = value.and_then(|value| u32::try_from(value).ok());
            asked.extend(value.map(|value| (*option, value)));
        }
        Ok(Self {
            options: asked,
            vlans: vlans_asked(&mut options)?,
        })
    }
}

fn vlans_asked(options: &mut Options) -> Result<Option<Vlans>> {
    let pvid = PVID.take_number(options)?;
    let (tagged, untagged) = (TAGGED.take_given(options)?, UNTAGGED.take_given(options)?);
    if pvid.is_none() && tagged.is_none() && untagged.is_none() {
        return Ok(None);
    }
    let mut vlans = Vlans::new();
    for vid in vids(&TAGGED, tagged)? {
        vlans.insert(vid, Membership::default());
    }
    for vid in vids(&UNTAGGED, untagged)? {
        if vlans.contains_key(&vid) {
            return Err(Error::invalid(format!(
                "VLAN {vid} is both in `tagged` and in `untagged`"
            )));
        }
        vlans.entry(vid).or_default().untagged = true;
    }
    if let Some(pvid) = pvid {
        let membership = vlans.entry(pvid).or_insert(Membership {
            pvid: true,
            untagged: true,
        });
        membership.pvid = true;
    }
    Ok(Some(vlans))
}

/// The ids of a list of numbers and of ranges such as `"10-20"`.
fn vids(row: &Opt, given: Option<Dynamic>) -> Result<Vec<u16>> {
    let Some(given) = given else {
        return Ok(Vec::new());
    };
    let parts = if given.is_array() {
        given.into_array().unwrap_or_default()
    } else {
        vec![given]
    };
    let mut vids = Vec::new();
    for one in parts {
        let type_name = one.type_name();
        let (first, last) = if let Ok(vid) = one.as_int() {
            (vid, vid)
        } else {
            let text = one
                .into_string()
                .map_err(|_| wrong_type(row.key, &row.form.wanted(), type_name))?;
            range(&text)?
        };
        for vid in [first, last] {
            if !(1..=LARGEST_VID).contains(&vid) {
                return Err(Error::invalid(format!(
                    "a VLAN id is 1 to {LARGEST_VID}, not {vid}"
                )));
            }
        }
        if first > last {
            return Err(Error::invalid(format!(
                "the range {first}-{last} ends before it begins"
            )));
        }
        vids.extend((first..=last).filter_map(|vid| u16::try_from(vid).ok()));
    }
    Ok(vids)
}

/// The ends of `10-20`, or of `10`.
fn range(text: &str) -> Result<(i64, i64)> {
    let number = |part: &str| {
        part.trim().parse::<i64>().map_err(|_| {
            Error::invalid(format!("`{text}` is no VLAN id and no range of them"))
                .hint("write 10, or \"10-20\"")
        })
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Ok((number(first)?, number(last)?))
}

/// Whether the link is a bridge itself; an error where it is neither that nor a port of one.
fn is_bridge(session: &Rc<Session>, link: &Link, seen: &Snapshot) -> Result<bool> {
    let master = match seen.master {
        Some(index) => neighbour(session, link, index, None)?,
        None => None,
    };
    match master {
        Some(master) if master.kind() == "bridge" => Ok(false),
        _ if seen.kind == "bridge" => Ok(true),
        Some(master) => Err(Error::invalid(format!(
            "it is a port of {} `{}`, and these are options of a bridge's port",
            master.kind(),
            master.name()
        ))),
        None => Err(Error::invalid("it is a port of no bridge")
            .hint("plug it into one first: .master(bridge)")),
    }
}

fn set_port(session: &Rc<Session>, link: &Link, options: Map) -> Result<()> {
    let verb = "set up port";
    let context = |error: Error| {
        if error.doing.is_empty() && error.kind != Kind::NotFound {
            error.doing(verb, &link.name()).within(link.netns().label())
        } else {
            error
        }
    };
    let asked = Asked::read(options).map_err(context)?;
    let seen = snapshot(session, link)?;
    let own = is_bridge(session, link, &seen).map_err(context)?;
    if own && let Some((option, _)) = asked.options.first() {
        return Err(context(
            Error::invalid(format!(
                "`{}` is an option of a port, and this is the bridge itself",
                option.name()
            ))
            .hint("a bridge itself takes pvid, tagged and untagged"),
        ));
    }
    for (option, value) in asked.options {
        link::set(session, link, verb, Setting::PortOption(option, value))?;
    }
    match asked.vlans {
        Some(vlans) => set_vlans(session, link, &vlans, own).map_err(|error| match error.errno {
            Some(Errno::EOPNOTSUPP) => error
                .kind(Kind::Unsupported)
                .cause("this kernel's bridges know no VLANs (CONFIG_BRIDGE_VLAN_FILTERING)")
                .hint("run with --sandbox=vm"),
            _ => error,
        }),
        None => Ok(()),
    }
}

fn vlans_of(session: &Rc<Session>, link: &Link) -> Result<Vlans> {
    let place = link.netns();
    session.wait(async {
        let vlans = bridge_vlan::list(&place.rtnl()?, link.index()).await;
        let vlans = vlans.map_err(|refusal| {
            Error::from(refusal)
                .doing("read the VLANs of link", &link.name())
                .within(place.label())
        })?;
        Ok(vlans.into_iter().collect())
    })?
}

/// Gives the link just those VLANs.
fn set_vlans(session: &Rc<Session>, link: &Link, wanted: &Vlans, own: bool) -> Result<()> {
    let present = vlans_of(session, link)?;
    let setting = |vid: u16, membership: Option<Membership>| Setting::Vlan {
        vid,
        membership,
        own,
    };
    let mut changes: Vec<(u16, Option<Membership>, Option<Membership>)> = Vec::new();
    for vid in present.keys().filter(|vid| !wanted.contains_key(vid)) {
        changes.push((*vid, present.get(vid).copied(), None));
    }
    // There is one PVID only: the old one is given up by itself, so that it is put back by itself.
    let mut others: Vec<_> = wanted.iter().collect();
    others.sort_by_key(|(_, membership)| membership.pvid);
    for (vid, membership) in others {
        let there = present.get(vid).copied();
        if there == Some(*membership) {
            let found = setting(*vid, there);
            let lab = session.lab();
            lab.asked_setting(&link.netns(), link.reference(), &found);
            link::report_unchanged(session, link, &found);
        } else {
            changes.push((*vid, there, Some(*membership)));
        }
    }
    for (vid, old, new) in changes {
        let (old, new) = (setting(vid, old), setting(vid, new));
        link::change(session, link, "set the VLANs of port", old, new)?;
    }
    Ok(())
}

fn flag_or_number(option: PortOption, value: u32) -> Dynamic {
    match option.row().form.of_number(value.into()) {
        Some(Value::Flag(on)) => on.into(),
        _ => i64::from(value).into(),
    }
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Sets up the link as a bridge's port: its VLANs and its options, and returns the link.
    ///
    /// `pvid`, `tagged` and `untagged` say the VLANs; where one of them is given, those named are the port's only ones, and
    /// VLAN 1, which the kernel gives to a new port, goes. A VLAN is a number, several are a list of numbers and of ranges
    /// such as `"10-20"`. They count where the bridge has `vlan_filtering`. A bridge itself takes these three as well.
    /// Flags: `hairpin`, `isolated`, `learning`, `flood`, `mcast_flood`, `bcast_flood`, `guard`, `root_block`, `fastleave`,
    /// `neigh_suppress`, `proxy_arp`; numbers: `cost`, `priority`. What is not named stays as it is.
    /// What `bridge vlan add dev LINK vid VID pvid untagged` and `ip link set LINK type bridge_slave hairpin on` do.
    ///
    /// ```rhai
    /// let a = netns("a");
    /// let v = a.veth("v0", "v1").master(a.bridge("br0"));
    /// v.port(#{isolated: true, cost: 7}).port_options.cost    // => 7
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn port(context: NativeCallContext, link: &mut Link, options: Map) -> Answer<Link> {
        answer(&context, |session| {
            set_port(session, link, options)?;
            Ok(link.clone())
        })
    }

    /// The options of the link as a bridge's port: `#{hairpin: false, cost: 2, …}`, or `()` where it is none.
    #[rhai_fn(get = "port_options", return_raw, volatile)]
    pub fn get_port_options(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| {
            let seen = snapshot(session, link)?;
            let options: Map = PortOption::ALL
                .iter()
                .filter_map(|option| {
                    let value = option.of(&seen)?;
                    Some((option.name().into(), flag_or_number(*option, value)))
                })
                .collect();
            Ok(if options.is_empty() {
                Dynamic::UNIT
            } else {
                options.into()
            })
        })
    }

    /// The VLANs of a bridge or of its port, by id: `[#{vid: 10, pvid: true, untagged: true}]`.
    #[rhai_fn(get = "vlans", return_raw, volatile)]
    pub fn get_vlans(context: NativeCallContext, link: &mut Link) -> Answer<Array> {
        answer(&context, |session| {
            snapshot(session, link)?;
            let vlans = vlans_of(session, link)?;
            let vlans = vlans.into_iter().map(|(vid, membership)| {
                Dynamic::from(Map::from([
                    ("vid".into(), i64::from(vid).into()),
                    ("pvid".into(), membership.pvid.into()),
                    ("untagged".into(), membership.untagged.into()),
                ]))
            });
            Ok(vlans.collect())
        })
    }

    /// The links that are ports of this bridge or bond, or under this VRF, by ifindex.
    #[rhai_fn(get = "ports", return_raw, volatile)]
    pub fn get_ports(context: NativeCallContext, link: &mut Link) -> Answer<Array> {
        answer(&context, |session| {
            let place = link.netns();
            let index = snapshot(session, link)?.index;
            let links = all(session, &place)?;
            let ports = links.iter().filter(|seen| seen.master == Some(index));
            Ok(ports
                .map(|seen| Dynamic::from(handle(&place, seen)))
                .collect())
        })
    }
}
