//! A link's settings as typed data: what the journal keeps of one, how it is read from a link, and the message that sets it.

pub mod plain;

use std::fmt;

use rtnetlink::packet_route::link::{
    InfoData, InfoIpVlan, InfoIpVtap, InfoKind, IpVlanFlags, IpVlanMode, LinkAttribute, LinkFlags,
    LinkInfo, LinkMessage,
};
use serde::{Deserialize, Serialize};

use crate::lab::Command;
use crate::lab::setting::plain::{Flag, Number, on_off};
use crate::net::group;
use crate::net::link::{self, Snapshot};
use crate::net::netns::Netns;
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
    /// Mode and flag of an ipvlan port, as the kernel numbers them.
    Port {
        /// `IPVLAN_MODE_L2` and so on.
        mode: u16,
        /// `IPVLAN_F_PRIVATE`, `IPVLAN_F_VEPA`; 0 for bridge.
        flag: u16,
    },
}

impl Setting {
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
            Self::Port { .. } => port_of(link.data.as_ref()?)?,
        })
    }

    /// Sets it on the link `index` of the kind `kind`.
    pub async fn send(&self, rtnl: &Rtnl, index: u32, kind: &str) -> Result<(), Refusal> {
        match self {
            Self::AltName(name, present) => link::set_altname(rtnl, index, name, *present).await,
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
            Self::AltName(..) => return message,
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
            Self::Port { .. } => {
                let kind = ["type", "ipvlan", "mode"].map(str::to_owned);
                let words = self.to_string();
                let words = words.split(' ').map(str::to_owned);
                kind.into_iter().chain(words).collect()
            }
        }
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
            Self::AltName(name, true) => f.write_str(name),
            Self::AltName(name, false) => write!(f, "no {name}"),
            Self::Mac(bytes) => f.write_str(&mac::print(bytes)),
            Self::Up(up) => f.write_str(if *up { "up" } else { "down" }),
            Self::Name(text) => f.write_str(text),
            Self::Alias(text) => write!(f, "\"{text}\""),
            Self::Master(0) => f.write_str("none"),
            Self::Master(index) => write!(f, "ifindex {index}"),
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
