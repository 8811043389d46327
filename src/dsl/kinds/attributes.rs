//! Options of a kind of link that are one netlink attribute each: a table says what can be asked, how it is sent and read back.

use std::net::IpAddr;
use std::rc::Rc;

use rtnetlink::packet_core::{DefaultNla, Emitable, Nla, NlasIterator};
use rtnetlink::packet_route::link::{InfoData, InfoKind, LinkMessage};
use rtnetlink::{LinkMessageBuilder, LinkUnspec};

use crate::dsl::Session;
use crate::dsl::kinds::make::{Fact, Request};
use crate::dsl::objects::link;
use crate::error::{Error, Result};
use crate::net::netns;
use crate::value::options::Options;
use crate::value::prefix;

/// An option that is an attribute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attribute {
    /// Its key, which is also the word of `ip`.
    pub(crate) key: &'static str,
    /// The number of the attribute; that of the IPv4 address.
    pub(crate) number: u16,
    /// What it holds.
    pub(crate) form: Form,
}

/// What an attribute holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// A number of one byte.
    Byte,
    /// The same, written in hexadecimal by `ip`.
    HexByte,
    /// A number of four bytes.
    Number(i64, i64),
    /// A number of four bytes in network order, for both directions of GRE.
    GreKey,
    /// A bit of the flags of GRE, for both directions; `ip` writes `no` in front of the word.
    GreFlag(u16),
    /// One of these names, a number of one byte from 0 on.
    Choice(&'static [&'static str]),
    /// A port of UDP.
    Port,
    /// `true` or `false`; `ip` writes `no` in front of the word.
    Switch,
    /// A duration in whole seconds.
    Seconds,
    /// The address of a host; the number for IPv6, where there is another one.
    Host(Family),
    /// A multicast group.
    Group(Family),
    /// A link of the same namespace.
    Device,
}

/// Which addresses an attribute takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Family {
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
    /// Both, with this number for IPv6.
    Both(u16),
}

/// What outer packets can say of being cut into fragments, `VXLAN_DF_*` and `GENEVE_DF_*` of `linux/if_link.h`.
pub(crate) const DF: &[&str] = &["unset", "set", "inherit"];

/// What was asked for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// For the conflict with what is there.
    pub(crate) facts: Vec<Fact>,
    /// What the kernel is sent.
    attributes: Vec<DefaultNla>,
    /// What `ip` is told.
    words: Vec<String>,
    /// Of GRE: what its flags are to be, and that they are to be said.
    gre_flags: Option<u16>,
}

/// `IFLA_GRE_IFLAGS` and `IFLA_GRE_OFLAGS` of `linux/if_tunnel.h`.
const GRE_FLAGS: [u16; 2] = [2, 3];

/// The flag of GRE that says that there is a key.
const GRE_KEY: u16 = 0x2000;

impl Asked {
    /// Takes the options of `table` that are given.
    pub(crate) fn take(
        session: &Rc<Session>,
        place: &Rc<netns::Netns>,
        options: &mut Options,
        table: &[Attribute],
    ) -> Result<Self> {
        let mut asked = Self::default();
        for attribute in table {
            asked.one(session, place, options, attribute)?;
        }
        Ok(asked)
    }

    fn one(
        &mut self,
        session: &Rc<Session>,
        place: &Rc<netns::Netns>,
        options: &mut Options,
        attribute: &Attribute,
    ) -> Result<()> {
        let Attribute { key, number, form } = *attribute;
        let integer = |options: &mut Options, least, most| options.integer(key, least..=most);
        match form {
            Form::Byte => {
                if let Some(value) = integer(options, 0, 255)? {
                    self.put(
                        key,
                        value.to_string(),
                        number,
                        narrow::<u8>(value).to_ne_bytes(),
                    );
                }
            }
            Form::HexByte => {
                if let Some(value) = integer(options, 0, 255)? {
                    let text = format!("{value:#04x}");
                    self.put(key, text, number, narrow::<u8>(value).to_ne_bytes());
                }
            }
            Form::Number(least, most) => {
                if let Some(value) = integer(options, least, most)? {
                    self.number(key, number, value);
                }
            }
            Form::GreKey => {
                if let Some(value) = integer(options, 0, u32::MAX.into())? {
                    self.gre_key(key, number, narrow(value));
                }
            }
            Form::GreFlag(bit) => {
                if let Some(on) = options.flag(key)? {
                    self.gre_flag(bit, on);
                    self.switch(key, on);
                }
            }
            Form::Choice(names) => self.choice(options, key, number, names)?,
            Form::Port => {
                if let Some(value) = integer(options, 1, 65535)? {
                    self.put(
                        key,
                        value.to_string(),
                        number,
                        narrow::<u16>(value).to_be_bytes(),
                    );
                }
            }
            Form::Switch => {
                if let Some(on) = options.flag(key)? {
                    self.send(number, [u8::from(on)]);
                    self.switch(key, on);
                }
            }
            Form::Seconds => {
                if let Some(duration) = options.duration(key)? {
                    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
                    let seconds =
                        crate::value::options::in_range(key, seconds, 0..=u32::MAX.into())?;
                    self.number(key, number, seconds);
                }
            }
            Form::Host(family) | Form::Group(family) => {
                if let Some(text) = options.string(key)? {
                    let is_group = matches!(form, Form::Group(_));
                    let ip = prefix::ip(&text)?;
                    check_address(key, ip, family, is_group)?;
                    let octets = match ip {
                        IpAddr::V4(ip) => ip.octets().to_vec(),
                        IpAddr::V6(ip) => ip.octets().to_vec(),
                    };
                    let number = match (family, ip) {
                        (Family::Both(number), IpAddr::V6(_)) => number,
                        _ => number,
                    };
                    self.put(key, ip.to_string(), number, octets);
                }
            }
            Form::Device => {
                if let Some(given) = options.take(key) {
                    let device = link::link_argument(session, place, &given)?;
                    if device.netns().namespace().id() != place.namespace().id() {
                        return Err(Error::invalid(format!(
                            "`{key}` is a link of the same namespace, and `{}` is in `{}`",
                            device.name(),
                            device.netns().label()
                        ))
                        .hint("make it where that link is, and move it then, with .netns(…)"));
                    }
                    self.facts.push((key, device.index().to_string()));
                    self.send(number, device.index().to_ne_bytes());
                    self.words.extend([key.to_owned(), device.name()]);
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, key: &'static str, text: String, number: u16, bytes: impl Into<Vec<u8>>) {
        self.words.extend([key.to_owned(), text.clone()]);
        self.facts.push((key, text));
        self.send(number, bytes);
    }

    /// What every link of the kind has, asked for or not.
    pub(crate) fn send(&mut self, number: u16, bytes: impl Into<Vec<u8>>) {
        self.attributes.push(DefaultNla::new(number, bytes.into()));
    }

    /// A number of four bytes that is asked for in another way than by an option.
    pub(crate) fn number(&mut self, key: &'static str, number: u16, value: i64) {
        let bytes = narrow::<u32>(value).to_ne_bytes();
        self.put(key, value.to_string(), number, bytes);
    }

    fn choice(
        &mut self,
        options: &mut Options,
        key: &'static str,
        number: u16,
        names: &[&'static str],
    ) -> Result<()> {
        let Some(name) = options.string(key)? else {
            return Ok(());
        };
        let mut known = (0_u8..).zip(names);
        let (value, _) = known.find(|(_, known)| **known == name).ok_or_else(|| {
            let names = names.join(", ");
            Error::invalid(format!("`{key}` is one of {names}, not `{name}`"))
        })?;
        self.put(key, name, number, [value]);
        Ok(())
    }

    /// Something that is or is not, and how `ip` says so.
    fn switch(&mut self, key: &'static str, on: bool) {
        self.facts.push((key, on.to_string()));
        let no = if on { "" } else { "no" };
        self.words.push(format!("{no}{key}"));
    }

    fn gre_flag(&mut self, bit: u16, on: bool) {
        let flags = self.gre_flags.get_or_insert(0);
        *flags |= if on { bit } else { 0 };
    }

    /// The key of GRE stands in the attributes of each direction, with the flag that says so.
    fn gre_key(&mut self, key: &'static str, number: u16, value: u32) {
        self.gre_flag(GRE_KEY, true);
        self.send(number - 1, value.to_be_bytes());
        self.put(key, value.to_string(), number, value.to_be_bytes());
    }

    /// The fact of that key, where it was asked for.
    pub(crate) fn fact(&self, key: &str) -> Option<&str> {
        let found = self.facts.iter().find(|(known, _)| *known == key)?;
        Some(&found.1)
    }

    /// Refuses two keys that exclude each other, and two addresses of different families.
    pub(crate) fn check_ends(&self, one: &str, other: &str, may_both: bool) -> Result<()> {
        let (Some(first), Some(second)) = (self.fact(one), self.fact(other)) else {
            return Ok(());
        };
        if !may_both {
            return Err(Error::invalid(format!(
                "`{one}` and `{other}` exclude each other"
            )));
        }
        if first.contains(':') != second.contains(':') {
            return Err(Error::invalid(format!(
                "`{one}` and `{other}` are of one family, and {first} and {second} are not"
            )));
        }
        Ok(())
    }

    /// The request for a link of the kind.
    pub(crate) fn request(&self, kind: &str) -> Request {
        Request::new(self.message(kind), self.words.iter().cloned())
    }

    /// The message that asks for a link of the kind.
    pub(crate) fn message(&self, kind: &str) -> LinkMessage {
        let flags = self.gre_flags.into_iter().flat_map(|flags| {
            GRE_FLAGS.map(|number| DefaultNla::new(number, flags.to_be_bytes().to_vec()))
        });
        let attributes: Vec<_> = self.attributes.iter().cloned().chain(flags).collect();
        let mut bytes = vec![0; attributes.as_slice().buffer_len()];
        attributes.as_slice().emit(&mut bytes);
        LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(InfoKind::from(kind))
            .set_info_data(InfoData::Other(bytes))
            .build()
    }
}

/// A number whose range was checked.
fn narrow<T: TryFrom<i64> + Default>(value: i64) -> T {
    T::try_from(value).unwrap_or_default()
}

fn check_address(key: &str, ip: IpAddr, family: Family, is_group: bool) -> Result<()> {
    let wanted = match (family, ip) {
        (Family::V4, IpAddr::V6(_)) => Some("IPv4"),
        (Family::V6, IpAddr::V4(_)) => Some("IPv6"),
        _ => None,
    };
    if let Some(wanted) = wanted {
        return Err(Error::invalid(format!(
            "`{key}` is an {wanted} address, and {ip} is not"
        )));
    }
    match (is_group, ip.is_multicast()) {
        (false, true) => Err(Error::invalid(format!(
            "`{key}` is the address of one host, and {ip} is a multicast group"
        ))),
        (true, false) => Err(Error::invalid(format!(
            "`{key}` is a multicast group, and {ip} is the address of one host"
        ))
        .hint("write it as \"239.1.1.1\" or \"ff05::1\"")),
        _ => Ok(()),
    }
}

/// What `table` says of a link that is there.
pub(crate) fn facts(data: &InfoData, table: &[Attribute]) -> Vec<Fact> {
    let mut bytes = vec![0; data.value_len()];
    data.emit_value(&mut bytes);
    let mut facts = Vec::new();
    for nla in NlasIterator::new(&bytes[..]).flatten() {
        for attribute in table {
            if let Some(text) = read(attribute, nla.kind(), nla.value()) {
                facts.push((attribute.key, text));
            }
        }
    }
    facts
}

fn read(attribute: &Attribute, number: u16, value: &[u8]) -> Option<String> {
    let is_it = number == attribute.number;
    let byte = || value.first().filter(|_| is_it);
    let four = || <[u8; 4]>::try_from(value).ok().filter(|_| is_it);
    match attribute.form {
        Form::Byte => byte().map(u8::to_string),
        Form::HexByte => byte().map(|byte| format!("{byte:#04x}")),
        Form::Switch => byte().map(|byte| (*byte != 0).to_string()),
        Form::Number(..) | Form::Seconds => {
            four().map(|bytes| u32::from_ne_bytes(bytes).to_string())
        }
        // No device.
        Form::Device => four()
            .map(u32::from_ne_bytes)
            .filter(|index| *index > 0)
            .map(|index| index.to_string()),
        Form::GreFlag(bit) => <[u8; 2]>::try_from(value)
            .ok()
            .filter(|_| is_it)
            .map(|flags| (u16::from_be_bytes(flags) & bit != 0).to_string()),
        Form::Choice(names) => {
            byte().and_then(|byte| names.get(usize::from(*byte)).map(|name| (*name).to_owned()))
        }
        Form::GreKey => four().map(|bytes| u32::from_be_bytes(bytes).to_string()),
        Form::Port => <[u8; 2]>::try_from(value)
            .ok()
            .filter(|_| is_it)
            .map(|bytes| u16::from_be_bytes(bytes).to_string()),
        Form::Host(family) | Form::Group(family) => {
            let is_six = match family {
                Family::V4 => false,
                Family::V6 => true,
                Family::Both(six) => number == six,
            };
            if !is_it && !matches!(family, Family::Both(six) if six == number) {
                return None;
            }
            let ip: IpAddr = if is_six {
                <[u8; 16]>::try_from(value).ok()?.into()
            } else {
                <[u8; 4]>::try_from(value).ok()?.into()
            };
            let is_group = matches!(attribute.form, Form::Group(_));
            (!ip.is_unspecified() && ip.is_multicast() == is_group).then(|| ip.to_string())
        }
    }
}
