//! Settings that every link has beside its MTU and addresses: queue, group, flags, other names, limits of segmentation.

use std::rc::Rc;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};

use crate::dsl::handle::Link;
use crate::dsl::objects::link::change::set;
use crate::dsl::objects::link::snapshot;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Kind, Result, nearest};
use crate::lab::setting::Setting;
use crate::lab::setting::plain::{Flag, Number};
use crate::net::group;
use crate::value::name::AltName;
use crate::value::options::{Options, in_range, wrong_type};

/// The settings that are numbers; a group has a name as well.
const NUMBERS: &[Number] = &[
    Number::TxQueueLen,
    Number::GsoMaxSize,
    Number::GsoMaxSegs,
    Number::GroMaxSize,
];

const FLAGS: &[Flag] = &[
    Flag::Promisc,
    Flag::Arp,
    Flag::Multicast,
    Flag::AllMulticast,
];

/// Settings asked for at the making of a link.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// Those that the message which makes the link can carry.
    pub(crate) first: Vec<Setting>,
    /// Those that a link gets when it is there.
    pub(crate) later: Vec<Setting>,
}

impl Asked {
    /// Takes the keys of this topic out of `options`; `group` not where it means something else to the kind of link.
    pub(crate) fn take(options: &mut Options, own_keys: &[&str]) -> Result<Self> {
        let mut asked = Self::default();
        for number in NUMBERS {
            if let Some(given) = options.take(number.name()) {
                asked.first.push(numbered(*number, given)?);
            }
        }
        if !own_keys.contains(&"group")
            && let Some(group) = options.take("group")
        {
            asked.first.push(grouped(&group)?);
        }
        for flag in FLAGS {
            if let Some(on) = options.flag(flag.name())? {
                asked.first.push(Setting::Flag(*flag, on));
            }
        }
        if let Some(on) = options.flag("carrier")? {
            asked.later.push(Setting::Carrier(on));
        }
        for name in options.strings("altname")? {
            let name: AltName = name.parse()?;
            asked.later.push(Setting::AltName(name.to_string(), true));
        }
        Ok(asked)
    }
}

fn numbered(number: Number, given: impl Into<Dynamic>) -> Result<Setting> {
    let row = number.row();
    let value = row.read("link", given.into())?;
    let value = row.form.number(&value).unwrap_or_default();
    Ok(Setting::Number(
        number,
        u32::try_from(value).unwrap_or(u32::MAX),
    ))
}

/// A group given by its number or its name.
fn grouped(given: &Dynamic) -> Result<Setting> {
    let number = if let Ok(number) = given.as_int() {
        let number = in_range("group", number, 0..=i64::from(i32::MAX))?;
        u32::try_from(number).ok()
    } else if let Some(name) = given.read_lock::<rhai::ImmutableString>() {
        let name = name.as_str();
        let number = group::number(name);
        if number.is_none() {
            let known = group::names();
            let error = Error::invalid(format!("there is no group `{name}`"))
                .note(format!("groups: {}", known.join(", ")));
            return Err(match nearest(name, known.iter().map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean \"{near}\"?")),
                None => error.hint("give its number, or name it in /etc/iproute2/group"),
            });
        }
        number
    } else {
        None
    };
    let number =
        number.ok_or_else(|| wrong_type("group", "a number or a name", given.type_name()))?;
    Ok(Setting::Number(Number::Group, number))
}

/// Gives the link a setting of this topic.
pub(crate) fn apply(session: &Rc<Session>, link: &Link, wanted: Setting) -> Result<()> {
    let verb = match &wanted {
        Setting::AltName(_, false) => "take the altname from link".to_owned(),
        wanted => format!("set {} of link", wanted.what()),
    };
    let is_carrier = matches!(wanted, Setting::Carrier(_));
    set(session, link, &verb, wanted).map_err(|error| match error.errno {
        Some(nix::errno::Errno::EOPNOTSUPP) if is_carrier => {
            let kind = match link.kind() {
                "" => "link".to_owned(),
                kind => format!("{kind} link"),
            };
            error
                .kind(Kind::Unsupported)
                .cause(format!(
                    "a {kind} has its carrier from what it is connected to"
                ))
                .hint("a dummy's carrier can be set; else bring the other end, or the parent, down")
        }
        Some(nix::errno::Errno::EEXIST) => error.cause("a link there has that name already"),
        _ => error,
    })
}

/// Applies what `wanted` gives, after it has been checked, and returns the link.
fn with(
    context: &NativeCallContext,
    link: &Link,
    what: &str,
    wanted: impl FnOnce() -> Result<Setting>,
) -> Answer<Link> {
    answer(context, |session| {
        let wanted = wanted().map_err(|error| {
            error
                .doing(&format!("set {what} of link"), &link.name())
                .within(link.netns().label())
        })?;
        apply(session, link, wanted)?;
        Ok(link.clone())
    })
}

fn number_of(context: &NativeCallContext, link: &Link, number: Number) -> Answer<i64> {
    answer(context, |session| {
        Ok(number.of(&snapshot(session, link)?).into())
    })
}

fn flag_of(context: &NativeCallContext, link: &Link, flag: Flag) -> Answer<bool> {
    answer(context, |session| Ok(flag.of(&snapshot(session, link)?)))
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Sets how many packets the link's queue takes, and returns the link.
    ///
    /// What `ip link set LINK txqueuelen LENGTH` does.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").txqlen(50).txqlen    // => 50
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn txqlen(context: NativeCallContext, link: &mut Link, length: i64) -> Answer<Link> {
        let number = Number::TxQueueLen;
        with(&context, link, number.name(), || numbered(number, length))
    }

    /// Puts the link into a group, given by its number or its name, and returns the link.
    ///
    /// Names are those of `/etc/iproute2/group`. What `ip link set LINK group GROUP` does.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").group(7).group    // => "7"
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn group(context: NativeCallContext, link: &mut Link, group: Dynamic) -> Answer<Link> {
        with(&context, link, "group", || grouped(&group))
    }

    /// Sets whether the link takes every packet that it sees, and returns the link.
    ///
    /// What `ip link set LINK promisc on` does.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").promisc(true).promisc    // => true
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn promisc(context: NativeCallContext, link: &mut Link, on: bool) -> Answer<Link> {
        with(&context, link, "promisc", || {
            Ok(Setting::Flag(Flag::Promisc, on))
        })
    }

    /// Sets whether the link finds its neighbours by ARP, and returns the link.
    ///
    /// What `ip link set LINK arp off` does.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").arp(false).flags.contains("NOARP")    // => true
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn arp(context: NativeCallContext, link: &mut Link, on: bool) -> Answer<Link> {
        with(&context, link, "arp", || Ok(Setting::Flag(Flag::Arp, on)))
    }

    /// Sets whether the link does multicast, and returns the link.
    ///
    /// What `ip link set LINK multicast off` does.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").multicast(false).multicast    // => false
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn multicast(context: NativeCallContext, link: &mut Link, on: bool) -> Answer<Link> {
        with(&context, link, "multicast", || {
            Ok(Setting::Flag(Flag::Multicast, on))
        })
    }

    /// Sets whether the link takes every multicast packet, and returns the link.
    ///
    /// What `ip link set LINK allmulticast on` does.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").allmulticast(true).allmulticast    // => true
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn allmulticast(context: NativeCallContext, link: &mut Link, on: bool) -> Answer<Link> {
        with(&context, link, "allmulticast", || {
            Ok(Setting::Flag(Flag::AllMulticast, on))
        })
    }

    /// Plugs the link's wire in or pulls it out, for kinds without a real one, and returns the link.
    ///
    /// A dummy takes it; a veth has its carrier from its other end, and refuses with `unsupported`.
    /// What `ip link set LINK carrier off` does.
    ///
    /// ```rhai
    /// let d = netns("a").dummy("d0", #{up: true});
    /// d.carrier(false).carrier    // => false
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn carrier(context: NativeCallContext, link: &mut Link, on: bool) -> Answer<Link> {
        with(&context, link, "carrier", || Ok(Setting::Carrier(on)))
    }

    /// Sets the largest packet in bytes that the link is given to cut into segments, and returns the link.
    ///
    /// What `ip link set LINK gso_max_size BYTES` does.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").gso_max_size(32000).gso_max_size    // => 32000
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn gso_max_size(context: NativeCallContext, link: &mut Link, bytes: i64) -> Answer<Link> {
        let number = Number::GsoMaxSize;
        with(&context, link, number.name(), || numbered(number, bytes))
    }

    /// Sets into how many segments the link cuts one packet at most, and returns the link.
    ///
    /// What `ip link set LINK gso_max_segs COUNT` does.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").gso_max_segs(16).gso_max_segs    // => 16
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn gso_max_segs(context: NativeCallContext, link: &mut Link, count: i64) -> Answer<Link> {
        let number = Number::GsoMaxSegs;
        with(&context, link, number.name(), || numbered(number, count))
    }

    /// Sets the largest packet in bytes that is put together from what the link receives, and returns the link.
    ///
    /// What `ip link set LINK gro_max_size BYTES` does.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").gro_max_size(32000).gro_max_size    // => 32000
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn gro_max_size(context: NativeCallContext, link: &mut Link, bytes: i64) -> Answer<Link> {
        let number = Number::GroMaxSize;
        with(&context, link, number.name(), || numbered(number, bytes))
    }

    /// Gives the link another name beside its own, of up to 127 bytes, and returns the link.
    ///
    /// What `ip link property add dev LINK altname NAME` does.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").altname("uplink-to-the-lab").altnames    // => ["uplink-to-the-lab"]
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn altname(context: NativeCallContext, link: &mut Link, name: &str) -> Answer<Link> {
        with(&context, link, "altname", || {
            let name: AltName = name.parse()?;
            Ok(Setting::AltName(name.to_string(), true))
        })
    }

    /// Takes one of its other names from the link, and returns the link. Gone already is no error.
    ///
    /// What `ip link property del dev LINK altname NAME` does.
    ///
    /// ```rhai
    /// netns("a").veth("v0", "v1").altname("uplink").del_altname("uplink").altnames    // => []
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn del_altname(context: NativeCallContext, link: &mut Link, name: &str) -> Answer<Link> {
        with(&context, link, "altname", || {
            let name: AltName = name.parse()?;
            Ok(Setting::AltName(name.to_string(), false))
        })
    }

    /// How many packets the link's queue takes.
    #[rhai_fn(get = "txqlen", return_raw, volatile)]
    pub fn get_txqlen(context: NativeCallContext, link: &mut Link) -> Answer<i64> {
        number_of(&context, link, Number::TxQueueLen)
    }

    /// The group that the link is in: its name, or its number where it has none.
    #[rhai_fn(get = "group", return_raw, volatile)]
    pub fn get_group(context: NativeCallContext, link: &mut Link) -> Answer<String> {
        answer(&context, |session| {
            Ok(crate::net::group::name(snapshot(session, link)?.group))
        })
    }

    /// Whether the link takes every packet that it sees.
    #[rhai_fn(get = "promisc", return_raw, volatile)]
    pub fn get_promisc(context: NativeCallContext, link: &mut Link) -> Answer<bool> {
        flag_of(&context, link, Flag::Promisc)
    }

    /// Whether the link finds its neighbours by ARP.
    #[rhai_fn(get = "arp", return_raw, volatile)]
    pub fn get_arp(context: NativeCallContext, link: &mut Link) -> Answer<bool> {
        flag_of(&context, link, Flag::Arp)
    }

    /// Whether the link does multicast.
    #[rhai_fn(get = "multicast", return_raw, volatile)]
    pub fn get_multicast(context: NativeCallContext, link: &mut Link) -> Answer<bool> {
        flag_of(&context, link, Flag::Multicast)
    }

    /// Whether the link takes every multicast packet.
    #[rhai_fn(get = "allmulticast", return_raw, volatile)]
    pub fn get_allmulticast(context: NativeCallContext, link: &mut Link) -> Answer<bool> {
        flag_of(&context, link, Flag::AllMulticast)
    }

    /// The largest packet in bytes that the link is given to cut into segments.
    #[rhai_fn(get = "gso_max_size", return_raw, volatile)]
    pub fn get_gso_max_size(context: NativeCallContext, link: &mut Link) -> Answer<i64> {
        number_of(&context, link, Number::GsoMaxSize)
    }

    /// Into how many segments the link cuts one packet at most.
    #[rhai_fn(get = "gso_max_segs", return_raw, volatile)]
    pub fn get_gso_max_segs(context: NativeCallContext, link: &mut Link) -> Answer<i64> {
        number_of(&context, link, Number::GsoMaxSegs)
    }

    /// The largest packet in bytes that is put together from what the link receives.
    #[rhai_fn(get = "gro_max_size", return_raw, volatile)]
    pub fn get_gro_max_size(context: NativeCallContext, link: &mut Link) -> Answer<i64> {
        number_of(&context, link, Number::GroMaxSize)
    }

    /// How many queues the link has, to send and to receive: `#{tx, rx}`.
    #[rhai_fn(get = "queues", return_raw, volatile)]
    pub fn get_queues(context: NativeCallContext, link: &mut Link) -> Answer<rhai::Map> {
        answer(&context, |session| {
            let seen = snapshot(session, link)?;
            let counts = [("tx", seen.tx_queues), ("rx", seen.rx_queues)];
            let counts = counts.map(|(key, count)| (key.into(), i64::from(count).into()));
            Ok(counts.into_iter().collect())
        })
    }

    /// The link's other names.
    #[rhai_fn(get = "altnames", return_raw, volatile)]
    pub fn get_altnames(context: NativeCallContext, link: &mut Link) -> Answer<rhai::Array> {
        answer(&context, |session| {
            let names = snapshot(session, link)?.altnames;
            Ok(names.into_iter().map(Dynamic::from).collect())
        })
    }
}
