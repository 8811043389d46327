//! A link's settings as typed data: what the journal keeps of one, how it is read from a link, and the message that sets it.

pub mod plain;
pub mod port;

use std::collections::HashMap;
use std::fmt;

use rtnetlink::packet_route::link::{
    InfoBond, InfoData, InfoIpVlan, InfoIpVtap, InfoKind, IpVlanFlags, IpVlanMode, LinkAttribute,
    LinkFlags, LinkInfo, LinkMessage,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::lab::Command;
use crate::lab::setting::plain::{Flag, Number, on_off};
use crate::lab::setting::port::PortOption;
use crate::net::bridge_vlan::{self, Membership};
use crate::net::group;
use crate::net::link::{self, Snapshot};
use crate::net::netns::Netns;
use crate::net::request;
use crate::net::rtnl::{Refusal, Rtnl};
use crate::value::mac;

/// A setting of a link, with its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// The MTU in bytes.
    Mtu(u32),
    /// The hardware address.
    Mac(Vec<u8>),
    /// Whether it is administratively up.
    Up(bool),
    /// The name.
    Name(String),
    /// The ifindex of the bridge, bond or VRF above; 0 for none.
    Master(u32),
    /// The alias; empty for none.
    Alias(String),
    /// What is one number.
    Number(Number, u32),
    /// What is on or off.
    Flag(Flag, bool),
    /// Whether the carrier is on, for kinds that have it set by hand.
    Carrier(bool),
    /// Another name, and whether the link has it.
    AltName(String, bool),
    /// An option of a bridge's port.
    PortOption(PortOption, u32),
    /// Which port of a bond has the traffic, by its ifindex; 0 for none.
    ActivePort(u32),
    /// Which port of a bond is to have it wherever it can, by its ifindex; 0 for none.
    PrimaryPort(u32),
    /// Whether, and how, a bridge's port is in a VLAN.
    Vlan {
        /// The id of the VLAN.
        vid: u16,
        /// How it is in it.
        membership: Option<Membership>,
        /// Whether it is the bridge itself.
        own: bool,
    },
    /// Mode and flag of an ipvlan port, as the kernel numbers them.
    Port {
        /// `IPVLAN_MODE_L2` and so on.
        mode: u16,
        /// `IPVLAN_F_PRIVATE`, `IPVLAN_F_VEPA`; 0 for bridge.
        flag: u16,
    },
}

impl Setting {
    /// What a link has of which that is not known yet: a port that is only planned.
    pub fn usual(&self) -> Option<Self> {
        match self {
            Self::PortOption(option, _) => Some(Self::PortOption(*option, option.usual())),
            _ => None,
        }
    }

    /// Whether a link keeps it on its way to another namespace.
    pub fn is_kept_by_move(&self) -> bool {
        matches!(
            self,
            Self::Mtu(_)
                | Self::Mac(_)
                | Self::Alias(_)
                | Self::Number(..)
                | Self::Flag(..)
                | Self::AltName(..)
        )
    }

    /// Follows links that have another ifindex now: by the old one, the new.
    pub(super) fn renumber(&mut self, moved: &HashMap<u32, u32>) {
        if let Self::Master(link) | Self::ActivePort(link) | Self::PrimaryPort(link) = self {
            request::renumber(link, moved);
        }
    }

    /// The same setting as the link has it now.
    pub fn of(&self, link: &Snapshot) -> Option<Self> {
        Some(match self {
            Self::Mtu(_) => Self::Mtu(link.mtu),
            Self::Mac(_) => Self::Mac(link.mac.clone()),
            Self::Up(_) => Self::Up(link.up),
            Self::Name(_) => Self::Name(link.name.clone()),
            Self::Master(_) => Self::Master(link.master.unwrap_or(0)),
            Self::Alias(_) => Self::Alias(link.alias.clone().unwrap_or_default()),
            Self::Number(number, _) => Self::Number(*number, number.of(link)),
            Self::Flag(flag, _) => Self::Flag(*flag, flag.of(link)),
            Self::Carrier(_) => Self::Carrier(link.carrier_on),
            Self::AltName(name, _) => Self::AltName(name.clone(), link.altnames.contains(name)),
            Self::PortOption(option, _) => Self::PortOption(*option, option.of(link)?),
            Self::ActivePort(_) => Self::ActivePort(bond_port(link, |info| match info {
                InfoBond::ActivePort(index) => Some(*index),
                _ => None,
            })),
            Self::PrimaryPort(_) => Self::PrimaryPort(bond_port(link, |info| match info {
                InfoBond::Primary(index) => Some(*index),
                _ => None,
            })),
            // No link tells its VLANs: see `now`.
            Self::Vlan { .. } => return None,
            Self::Port { .. } => port_of(link.data.as_ref()?)?,
        })
    }

    /// The same setting as it is now, asked of the kernel where the link does not tell it.
    pub async fn now(&self, rtnl: &Rtnl, link: &Snapshot) -> Result<Option<Self>, Refusal> {
        let Self::Vlan { vid, own, .. } = self else {
            return Ok(self.of(link));
        };
        let vlans = bridge_vlan::list(rtnl, link.index).await?;
        let found = vlans.into_iter().find(|(other, _)| other == vid);
        Ok(Some(Self::Vlan {
            vid: *vid,
            membership: found.map(|(_, membership)| membership),
            own: *own,
        }))
    }

    /// Sets it on the link `index` of the kind `kind`.
    pub async fn send(&self, rtnl: &Rtnl, index: u32, kind: &str) -> Result<(), Refusal> {
        match self {
            Self::AltName(name, present) => link::set_altname(rtnl, index, name, *present).await,
            Self::Vlan {
                vid,
                membership,
                own,
            } => bridge_vlan::set(rtnl, index, *vid, *membership, *own).await,
            _ => link::change(rtnl, self.message(index, kind)).await,
        }
    }

    /// Adds it to the message that makes a link.
    pub fn add_to(&self, message: &mut LinkMessage) {
        let own = self.message(0, "");
        message.header.flags |= own.header.flags;
        message.header.change_mask |= own.header.change_mask;
        message.attributes.extend(own.attributes);
    }

    fn message(&self, index: u32, kind: &str) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = index;
        let attribute = match self {
            Self::Up(up) => {
                message.header.change_mask = LinkFlags::Up;
                if *up {
                    message.header.flags = LinkFlags::Up;
                }
                return message;
            }
            Self::Flag(flag, on) => {
                (message.header.flags, message.header.change_mask) = flag.bits(*on);
                return message;
            }
            Self::AltName(..) | Self::Vlan { .. } => return message,
            Self::PortOption(option, value) => option.attribute(*value),
            Self::ActivePort(index) => bond_attribute(InfoBond::ActivePort(*index)),
            Self::PrimaryPort(index) => bond_attribute(InfoBond::Primary(*index)),
            Self::Number(number, value) => number.attribute(*value),
            Self::Carrier(on) => LinkAttribute::Carrier((*on).into()),
            Self::Mtu(mtu) => LinkAttribute::Mtu(*mtu),
            Self::Mac(mac) => LinkAttribute::Address(mac.clone()),
            Self::Name(name) => LinkAttribute::IfName(name.clone()),
            Self::Master(index) => LinkAttribute::Controller(*index),
            Self::Alias(alias) => LinkAttribute::IfAlias(alias.clone()),
            Self::Port { mode, flag } => port_attribute(kind, *mode, *flag),
        };
        message.attributes.push(attribute);
        message
    }

    /// The command that sets it on the link `name` of `netns`; `name_of` tells the name of the link of an ifindex.
    pub fn command(
        &self,
        netns: &Netns,
        name: &str,
        name_of: impl FnOnce(u32) -> String,
    ) -> Command {
        match self {
            Self::AltName(other, present) => {
                let verb = if *present { "add" } else { "del" };
                Command::ip(
                    netns,
                    ["link", "property", verb, "dev", name, "altname", other],
                )
            }
            Self::Vlan { membership, .. } => {
                let verb = if membership.is_some() { "add" } else { "del" };
                Command::tool("bridge", netns, ["vlan", verb, "dev", name]).and(self.words(name_of))
            }
            _ => Command::ip(netns, ["link", "set", "dev", name]).and(self.words(name_of)),
        }
    }

    /// The words behind `ip link set dev LINK` that set it; `name_of` tells the name of the link of an ifindex.
    pub fn words(&self, name_of: impl FnOnce(u32) -> String) -> Vec<String> {
        let words = |key: &str, value: String| vec![key.to_owned(), value];
        match self {
            Self::Mtu(mtu) => words("mtu", mtu.to_string()),
            Self::Mac(mac) => words("address", mac::print(mac)),
            Self::Up(up) => vec![if *up { "up" } else { "down" }.to_owned()],
            Self::Name(name) => words("name", name.clone()),
            Self::Master(0) => vec!["nomaster".to_owned()],
            Self::Master(index) => words("master", name_of(*index)),
            Self::Alias(alias) => words("alias", alias.clone()),
            Self::Number(number, _) => words(number.word(), self.to_string()),
            Self::Flag(flag, on) => words(flag.name(), on_off(*on).to_owned()),
            Self::Carrier(on) => words("carrier", on_off(*on).to_owned()),
            Self::AltName(name, _) => words("altname", name.clone()),
            Self::PortOption(option, value) => {
                let value = match (option.is_flag(), *value) {
                    (true, value) => on_off(value != 0).to_owned(),
                    (false, value) => value.to_string(),
                };
                ["type", "bridge_slave", option.word(), &value]
                    .map(str::to_owned)
                    .to_vec()
            }
            Self::ActivePort(0) => bond_words(&["clear_active_slave"]),
            Self::ActivePort(index) => bond_words(&["active_slave", &name_of(*index)]),
            Self::PrimaryPort(0) => bond_words(&["primary", ""]),
            Self::PrimaryPort(index) => bond_words(&["primary", &name_of(*index)]),
            Self::Vlan {
                vid,
                membership,
                own,
            } => {
                let membership = membership.unwrap_or_default();
                let flags = [
                    (membership.pvid, "pvid"),
                    (membership.untagged, "untagged"),
                    (*own, "self"),
                ];
                let flags = flags.into_iter().filter(|(is, _)| *is);
                let mut words = words("vid", vid.to_string());
                words.extend(flags.map(|(_, word)| word.to_owned()));
                words
            }
            Self::Port { .. } => {
                let kind = ["type", "ipvlan", "mode"].map(str::to_owned);
                let words = self.to_string();
                let words = words.split(' ').map(str::to_owned);
                kind.into_iter().chain(words).collect()
            }
        }
    }

    /// Its value for programs; none of another link's ifindex, which they know by its name.
    pub fn value(&self) -> Option<Value> {
        Some(match self {
            Self::Number(Number::Group, _)
            | Self::Mac(_)
            | Self::Up(_)
            | Self::PortOption(PortOption::Cost, 0) => self.to_string().into(),
            Self::Mtu(number) | Self::Number(_, number) => (*number).into(),
            Self::Flag(_, on) | Self::Carrier(on) => (*on).into(),
            Self::PortOption(option, value) if option.is_flag() => (*value != 0).into(),
            Self::PortOption(_, value) => (*value).into(),
            Self::Name(text) | Self::Alias(text) => text.as_str().into(),
            Self::AltName(name, is_there) => json!({"altname": name, "present": is_there}),
            Self::Vlan {
                vid,
                membership: None,
                ..
            } => json!({"vid": vid, "member": false}),
            Self::Vlan {
                vid,
                membership: Some(membership),
                ..
            } => json!({
                "vid": vid, "member": true, "pvid": membership.pvid, "untagged": membership.untagged,
            }),
            Self::Port { .. } => {
                let text = self.to_string();
                let (mode, flag) = text.split_once(' ')?;
                json!({"mode": mode, "flag": flag})
            }
            Self::Master(0) | Self::ActivePort(0) | Self::PrimaryPort(0) => Value::Null,
            Self::Master(_) | Self::ActivePort(_) | Self::PrimaryPort(_) => return None,
        })
    }

    /// What it is called.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Mtu(_) => "mtu",
            Self::Mac(_) => "mac",
            Self::Up(_) => "state",
            Self::Name(_) => "name",
            Self::Master(_) => "master",
            Self::Alias(_) => "alias",
            Self::Number(number, _) => number.name(),
            Self::Flag(flag, _) => flag.name(),
            Self::Carrier(_) => "carrier",
            Self::AltName(..) => "altname",
            Self::PortOption(option, _) => option.name(),
            Self::ActivePort(_) => "active port",
            Self::PrimaryPort(_) => "primary port",
            Self::Vlan { .. } => "vlan",
            Self::Port { .. } => "mode and flag",
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(Number::Group, number) => f.write_str(&group::name(*number)),
            Self::Mtu(number) | Self::Number(_, number) => write!(f, "{number}"),
            Self::Flag(_, on) | Self::Carrier(on) => f.write_str(on_off(*on)),
            Self::PortOption(option, value) if option.is_flag() => f.write_str(on_off(*value != 0)),
            Self::PortOption(PortOption::Cost, 0) => f.write_str("its own"),
            Self::PortOption(_, value) => write!(f, "{value}"),
            Self::Vlan {
                vid,
                membership: None,
                ..
            } => write!(f, "not in {vid}"),
            Self::Vlan {
                vid,
                membership: Some(membership),
                ..
            } => {
                write!(f, "{vid}")?;
                if membership.pvid {
                    f.write_str(" pvid")?;
                }
                if membership.untagged {
                    f.write_str(" untagged")?;
                }
                Ok(())
            }
            Self::AltName(name, true) => f.write_str(name),
            Self::AltName(name, false) => write!(f, "no {name}"),
            Self::Mac(bytes) => f.write_str(&mac::print(bytes)),
            Self::Up(up) => f.write_str(if *up { "up" } else { "down" }),
            Self::Name(text) => f.write_str(text),
            Self::Alias(text) => write!(f, "\"{text}\""),
            Self::Master(0) | Self::ActivePort(0) | Self::PrimaryPort(0) => f.write_str("none"),
            Self::Master(index) | Self::ActivePort(index) | Self::PrimaryPort(index) => {
                write!(f, "ifindex {index}")
            }
            Self::Port { mode, flag } => {
                let mode = ["l2", "l3", "l3s"].get(usize::from(*mode)).unwrap_or(&"?");
                let flag = ["bridge", "private", "vepa"]
                    .get(usize::from(*flag))
                    .unwrap_or(&"?");
                write!(f, "{mode} {flag}")
            }
        }
    }
}

/// The ifindex of a port that a bond tells; 0 where it tells none.
fn bond_port(link: &Snapshot, told: fn(&InfoBond) -> Option<u32>) -> u32 {
    let Some(InfoData::Bond(infos)) = &link.data else {
        return 0;
    };
    infos.iter().find_map(told).unwrap_or(0)
}

fn bond_attribute(info: InfoBond) -> LinkAttribute {
    LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Bond),
        LinkInfo::Data(InfoData::Bond(vec![info])),
    ])
}

fn bond_words(words: &[&str]) -> Vec<String> {
    let words = ["type", "bond"].iter().chain(words);
    words.map(|word| (*word).to_owned()).collect()
}

fn port_of(data: &InfoData) -> Option<Setting> {
    let (mut mode, mut flag) = (None, IpVlanFlags::empty());
    match data {
        InfoData::IpVlan(infos) => {
            for info in infos {
                match info {
                    InfoIpVlan::Mode(found) => mode = Some(*found),
                    InfoIpVlan::Flags(found) => flag = *found,
                    _ => {}
                }
            }
        }
        InfoData::IpVtap(infos) => {
            for info in infos {
                match info {
                    InfoIpVtap::Mode(found) => mode = Some(*found),
                    InfoIpVtap::Flags(found) => flag = *found,
                    _ => {}
                }
            }
        }
        _ => return None,
    }
    Some(Setting::Port {
        mode: u16::from(mode?),
        flag: flag.bits(),
    })
}

fn port_attribute(kind: &str, mode: u16, flag: u16) -> LinkAttribute {
    let mode = IpVlanMode::from(mode);
    let flag = IpVlanFlags::from_bits_retain(flag);
    let (kind, data) = if kind == "ipvtap" {
        let data = vec![InfoIpVtap::Mode(mode), InfoIpVtap::Flags(flag)];
        (InfoKind::IpVtap, InfoData::IpVtap(data))
    } else {
        let data = vec![InfoIpVlan::Mode(mode), InfoIpVlan::Flags(flag)];
        (InfoKind::IpVlan, InfoData::IpVlan(data))
    };
    LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind), LinkInfo::Data(data)])
}
