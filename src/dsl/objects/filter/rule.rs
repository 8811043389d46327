//! What a script says of packets, as rules of nftables.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use ipnet::IpNet;
use rhai::plugin::Dynamic;

use crate::dsl::Session;
use crate::dsl::handle::Netns;
use crate::dsl::objects::link;
use crate::error::{Error, Result};
use crate::schema::{Form, Names, Opt};
use crate::value::choice::choose;
use crate::value::options::{self, Options};
use crate::value::prefix;

const PREFIXES: Form = Form::Special(&["string", "list"], "a string or a list of strings");
const PORTS: Form = Form::Special(
    &["int", "string", "list"],
    "a port, a range such as \"8000-8010\", or a list of them",
);

const FROM: Opt = Opt::new("from", PREFIXES, "the prefixes that they come from");
const TO: Opt = Opt::new("to", PREFIXES, "the prefixes that they go to");
const PROTO: Opt = Opt::new(
    "proto",
    Form::Choice(PROTOCOLS),
    "the protocol that they carry",
);
const SPORT: Opt = Opt::new("sport", PORTS, "their source port");
const DPORT: Opt = Opt::new("dport", PORTS, "their destination port");
const IIF: Opt = Opt::new("iif", Form::Device, "the link that they come in by");
const OIF: Opt = Opt::new("oif", Form::Device, "the link that they go out by");
const HOOK: Opt = Opt::new(
    "hook",
    Form::Special(&["string", "list"], "a string or a list of strings"),
    "where they are looked at; everywhere that fits, where nothing is given",
)
.often(&["input", "forward", "output"]);
pub(super) const DNAT: Opt = Opt::new(
    "dnat",
    Form::Text,
    "the address, or address and port, that they go to instead",
);
pub(super) const SNAT: Opt = Opt::new(
    "snat",
    Form::Text,
    "the address, or address and port, that they come from instead",
);

/// Which packets a rule is about that lets them through or not.
pub(crate) const OF_FILTER: &[Opt] = &[FROM, TO, PROTO, SPORT, DPORT, IIF, OIF, HOOK];
/// Which packets get another address, and what address.
pub(crate) const OF_NAT: &[Opt] = &[FROM, TO, PROTO, SPORT, DPORT, IIF, OIF, DNAT, SNAT];
/// Which packets get the address of the link that they go out by.
pub(crate) const OF_MASQUERADE: &[Opt] = &[FROM, TO, PROTO, SPORT, DPORT];

/// Where a rule stands, by the names of the chains.
pub(crate) const HOOKS: &[(&str, &str)] = &[
    ("input", "type filter hook input priority filter"),
    ("forward", "type filter hook forward priority filter"),
    ("output", "type filter hook output priority filter"),
    ("prerouting", "type nat hook prerouting priority dstnat"),
    ("postrouting", "type nat hook postrouting priority srcnat"),
    ("local", "type nat hook output priority -100"),
];

/// The protocols that a rule can be for.
const PROTOCOLS: Names = &[
    ("tcp", 6),
    ("udp", 17),
    ("sctp", 132),
    ("icmp", 1),
    ("icmpv6", 58),
];

/// Which packets a rule is about.
#[derive(Debug, Default)]
pub(super) struct Packets {
    words: Vec<String>,
    /// Whether they are IPv6, where that is said.
    pub(super) is_v6: Option<bool>,
    /// Whether the link that they come in by is said.
    pub(super) has_iif: bool,
    /// Whether the link that they go out by is said.
    pub(super) has_oif: bool,
    /// Whether the protocol has ports.
    pub(super) has_ports: bool,
}

impl Packets {
    /// Reads it from the options of a word in `net`.
    pub(super) fn take(session: &Rc<Session>, net: &Netns, options: &mut Options) -> Result<Self> {
        let mut packets = Self::default();
        if let Some(given) = IIF.take_given(options)? {
            packets.interface(session, net, "iifname", &given)?;
            packets.has_iif = true;
        }
        if let Some(given) = OIF.take_given(options)? {
            packets.interface(session, net, "oifname", &given)?;
            packets.has_oif = true;
        }
        for (row, word) in [(FROM, "saddr"), (TO, "daddr")] {
            let key = row.key;
            let Some(given) = row.take_given(options)? else {
                continue;
            };
            let list = options::strings(key, given)?;
            if list.is_empty() {
                // Without it the rule would be one for all packets.
                return Err(Error::invalid(format!("`{key}` names no prefix"))
                    .hint(format!("leave `{key}` out where all are meant")));
            }
            packets.addresses(word, &list)?;
        }
        let proto = PROTO.take_named("a rule", options)?;
        let protocol = packets.protocol(proto.as_deref())?;
        let before = packets.words.len();
        for row in [SPORT, DPORT] {
            let key = row.key;
            if let Some(given) = row.take_given(options)? {
                let ports = ports(&row, given)?;
                let Some(proto) = proto.as_deref().filter(|_| packets.has_ports) else {
                    return Err(Error::invalid(format!("`{key}` is a port of a protocol"))
                        .hint("say which: #{proto: \"tcp\", dport: 443}"));
                };
                packets.words.push(format!("{proto} {key} {ports}"));
            }
        }
        // A port says of which protocol it is.
        if packets.words.len() == before {
            packets.words.extend(protocol);
        }
        Ok(packets)
    }

    /// Adds the link that they come in or go out by.
    pub(super) fn interface(
        &mut self,
        session: &Rc<Session>,
        net: &Netns,
        word: &str,
        given: &Dynamic,
    ) -> Result<()> {
        let link = link::link_argument(session, net, given)?;
        link::is_in(net, &link)?;
        let name = link::snapshot(session, &link)?.name;
        if name.contains(['"', '\\']) {
            return Err(Error::invalid(format!(
                "nftables can't tell of a link called `{name}`"
            )));
        }
        self.words.push(format!("{word} \"{name}\""));
        Ok(())
    }

    fn addresses(&mut self, word: &str, list: &[String]) -> Result<()> {
        let networks: Vec<IpNet> = list
            .iter()
            .map(|text| prefix::destination(text, None))
            .collect::<Result<_>>()?;
        for network in &networks {
            self.be_of(network.addr())?;
        }
        let texts: Vec<String> = networks.iter().map(ToString::to_string).collect();
        let family = if self.is_v6 == Some(true) {
            "ip6"
        } else {
            "ip"
        };
        match texts.as_slice() {
            [] => {}
            [one] => self.words.push(format!("{family} {word} {one}")),
            many => self
                .words
                .push(format!("{family} {word} {{ {} }}", many.join(", "))),
        }
        Ok(())
    }

    /// Notes that they are of the family of `ip`.
    pub(super) fn be_of(&mut self, ip: IpAddr) -> Result<()> {
        let is_v6 = ip.is_ipv6();
        if self.is_v6.is_some_and(|known| known != is_v6) {
            return Err(
                Error::invalid(format!("{ip} is of another family than the rest"))
                    .hint("write a rule for IPv4 and one for IPv6"),
            );
        }
        self.is_v6 = Some(is_v6);
        Ok(())
    }

    fn protocol(&mut self, name: Option<&str>) -> Result<Option<String>> {
        let Some(name) = name else {
            return Ok(None);
        };
        self.has_ports = !name.starts_with("icmp");
        let (own, other) = match name {
            "icmp" => (false, "icmpv6"),
            "icmpv6" => (true, "icmp"),
            _ => return Ok(Some(format!("meta l4proto {name}"))),
        };
        if self.is_v6.is_some_and(|is_v6| is_v6 != own) {
            return Err(Error::invalid(format!(
                "`{name}` is of another family than the addresses"
            ))
            .hint(format!("did you mean \"{other}\"?")));
        }
        Ok(Some(format!("meta l4proto {name}")))
    }

    /// The rule that does `action` with them.
    pub(super) fn rule(&self, action: &str) -> String {
        let words = self.words.iter().map(String::as_str);
        words.chain([action]).collect::<Vec<_>>().join(" ")
    }
}

/// A port, a range of them, or a list of either.
fn ports(row: &Opt, given: Dynamic) -> Result<String> {
    let key = row.key;
    let list = if given.is_array() {
        given.into_array().unwrap_or_default()
    } else {
        vec![given]
    };
    let ports: Vec<String> = list
        .iter()
        .map(|port| one_port(row, port))
        .collect::<Result<_>>()?;
    match ports.as_slice() {
        [] => Err(Error::invalid(format!("`{key}` names no port"))),
        [one] => Ok(one.clone()),
        many => Ok(format!("{{ {} }}", many.join(", "))),
    }
}

fn one_port(row: &Opt, given: &Dynamic) -> Result<String> {
    let key = row.key;
    let range = 1..=i64::from(u16::MAX);
    if let Ok(port) = given.as_int() {
        return Ok(options::in_range(key, port, range)?.to_string());
    }
    let Some(text) = given.read_lock::<rhai::ImmutableString>() else {
        return Err(options::wrong_type(
            key,
            &row.form.wanted(),
            given.type_name(),
        ));
    };
    let (first, last) = text.split_once('-').unwrap_or((&text, &text));
    let number = |text: &str| {
        text.trim().parse::<i64>().map_err(|_| {
            Error::invalid(format!(
                "`{key}` is a port or a range of them, not `{text}`"
            ))
            .hint("write it as 443 or \"8000-8010\"")
        })
    };
    let (first, last) = (number(first)?, number(last)?);
    options::in_range(key, first, range.clone())?;
    options::in_range(key, last, range)?;
    if first > last {
        return Err(Error::invalid(format!(
            "`{key}` runs backwards: {first}-{last}"
        )));
    }
    Ok(if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    })
}

/// The hooks of a filter rule about these packets.
pub(super) fn hooks(options: &mut Options, packets: &Packets) -> Result<Vec<&'static str>> {
    let fits =
        |hook: &str| !(hook == "output" && packets.has_iif || hook == "input" && packets.has_oif);
    let given = HOOK.take_given(options)?;
    let given = given.map(|given| options::strings(HOOK.key, given));
    let given = given.transpose()?.unwrap_or_default();
    if given.is_empty() {
        let all = HOOKS[..3].iter().map(|(hook, _)| *hook);
        return Ok(all.filter(|hook| fits(hook)).collect());
    }
    let known: Vec<(&'static str, &'static str)> =
        HOOKS[..3].iter().map(|(hook, _)| (*hook, *hook)).collect();
    let mut hooks = Vec::new();
    for name in &given {
        let hook = choose("a rule", HOOK.key, name, &known)?;
        if !fits(hook) {
            let (key, way) = if hook == "input" {
                ("oif", "go out")
            } else {
                ("iif", "come in")
            };
            return Err(Error::invalid(format!(
                "`{key}` says nothing in hook {hook}: no packets {way} there"
            )));
        }
        hooks.push(hook);
    }
    Ok(hooks)
}

/// What a packet's address is changed to: `10.0.0.2`, `10.0.0.2:80`, `[fd00::2]:80`.
pub(super) fn target(key: &str, text: &str, packets: &mut Packets) -> Result<String> {
    let (ip, port) = match (text.parse::<IpAddr>(), text.parse::<SocketAddr>()) {
        (Ok(ip), _) => (ip, None),
        (_, Ok(socket)) => (socket.ip(), Some(socket.port())),
        _ => {
            return Err(Error::invalid(format!(
                "`{key}` is an address, or one with a port, not `{text}`"
            ))
            .hint("write it as \"10.0.0.2\", \"10.0.0.2:80\" or \"[fd00::2]:80\""));
        }
    };
    packets.be_of(ip)?;
    if port == Some(0) {
        return Err(Error::invalid(format!(
            "the port of `{key}` is 1 to 65535, not 0"
        )));
    }
    if port.is_some() && !packets.has_ports {
        return Err(
            Error::invalid(format!("the port of `{key}` is one of a protocol"))
                .hint("say which: #{proto: \"tcp\", dport: 8080, dnat: \"10.0.0.2:80\"}"),
        );
    }
    let family = if ip.is_ipv6() { "ip6" } else { "ip" };
    Ok(match (ip, port) {
        (ip, None) => format!("{key} {family} to {ip}"),
        (IpAddr::V4(ip), Some(port)) => format!("{key} {family} to {ip}:{port}"),
        (IpAddr::V6(ip), Some(port)) => format!("{key} {family} to [{ip}]:{port}"),
    })
}
