//! Encapsulation: what the packets of a route are wrapped in on their way (lightweight tunnels), in the words of `ip route`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rtnetlink::packet_core::{DefaultNla, Nla};
use rtnetlink::packet_route::route::{RouteAttribute, RouteLwEnCapType};
use serde::{Deserialize, Serialize};

use crate::net::attributes::{Attributes, attributes_in, bytes_of};

/// `RTA_ENCAP` of `linux/rtnetlink.h`.
const ENCAP: u16 = 22;
/// `NLA_F_NESTED`, and all bits that say nothing of the number.
const NESTED: u16 = 0x8000;
const NUMBER: u16 = 0x3fff;

/// `LWTUNNEL_ENCAP_*` of `linux/lwtunnel.h`.
const MPLS: u16 = 1;
const IP: u16 = 2;
const IP6: u16 = 4;
const SEG6: u16 = 5;
const SEG6_LOCAL: u16 = 7;

/// What `encap` can begin with.
const KINDS: [&str; 5] = ["mpls", "ip", "ip6", "seg6", "seg6local"];

/// `SEG6_IPTUN_MODE_*`, by their numbers.
const MODES: [&str; 5] = ["inline", "encap", "l2encap", "encap.red", "l2encap.red"];
/// `SEG6_LOCAL_ACTION_*`, by their numbers less one.
const ACTIONS: [&str; 16] = [
    "End",
    "End.X",
    "End.T",
    "End.DX2",
    "End.DX6",
    "End.DX4",
    "End.DT6",
    "End.DT4",
    "End.B6",
    "End.B6.Encaps",
    "End.BM",
    "End.S",
    "End.AS",
    "End.AM",
    "End.BPF",
    "End.DT46",
];
/// The parameters of an action of seg6local that are known here, by their attributes.
const PARAMETERS: [(&str, u16); 4] = [("table", 3), ("nh4", 4), ("nh6", 5), ("vrftable", 9)];
/// `TUNNEL_*` of what a tunnel by IP says of its header.
const FLAGS: [(&str, u16); 3] = [("csum", 1), ("key", 4), ("seq", 8)];

/// The largest label of MPLS.
const LARGEST_LABEL: u32 = 0xf_ffff;

/// What is wrapped around the packets of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encap {
    kind: u16,
    attributes: Attributes,
}

impl Encap {
    /// Reads the words that stand behind `encap`, as far as they belong to it; tells how many they are.
    pub fn hear(words: &[&str]) -> Result<(Self, usize), String> {
        let mut words = Rest { words, at: 0 };
        let kind = words.next().unwrap_or_default();
        let (kind, attributes) = match kind {
            "mpls" => (MPLS, mpls(&mut words)?),
            "ip" => (IP, tunnel(&mut words, false)?),
            "ip6" => (IP6, tunnel(&mut words, true)?),
            "seg6" => (SEG6, seg6(&mut words)?),
            "seg6local" => (SEG6_LOCAL, seg6local(&mut words)?),
            other => {
                return Err(format!("`{other}` is none of {}", KINDS.join(", ")));
            }
        };
        Ok((Self { kind, attributes }, words.at))
    }

    /// Reads all of a text, such as `mpls 100/200`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (encap, count) = Self::hear(&words)?;
        match words.get(count) {
            None => Ok(encap),
            Some(word) => Err(format!("`{word}` is not known there")),
        }
    }

    /// What the kernel tells of it among the attributes of a route.
    pub(super) fn read(attributes: &[RouteAttribute]) -> Option<Self> {
        let kind = attributes.iter().find_map(|one| match one {
            RouteAttribute::EncapType(kind) => Some(u16::from(*kind)),
            _ => None,
        })?;
        let bytes = attributes.iter().find_map(|one| {
            let is_it = one.kind() & NUMBER == ENCAP;
            is_it.then(|| {
                let mut bytes = vec![0; one.value_len()];
                one.emit_value(&mut bytes);
                bytes
            })
        })?;
        let mut attributes = attributes_in(&bytes);
        for (at, _) in &mut attributes {
            *at &= NUMBER;
        }
        Some(Self { kind, attributes })
    }

    /// The attributes that ask for it.
    pub(super) fn message(&self) -> [RouteAttribute; 2] {
        let nested = DefaultNla::new(ENCAP | NESTED, bytes_of(&self.attributes));
        [
            RouteAttribute::EncapType(RouteLwEnCapType::from(self.kind)),
            RouteAttribute::Other(nested),
        ]
    }

    /// It in the words of `ip route`; none where it is of a sort that has none here.
    pub fn text(&self) -> Option<String> {
        let words = match self.kind {
            MPLS => mpls_words(&self.attributes),
            IP => tunnel_words(&self.attributes, "ip"),
            IP6 => tunnel_words(&self.attributes, "ip6"),
            SEG6 => seg6_words(&self.attributes),
            SEG6_LOCAL => seg6local_words(&self.attributes),
            _ => None,
        };
        words.map(|words| words.join(" "))
    }

    /// Whether both say the same, whatever the kernel adds by itself.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self.text(), other.text()) {
            (Some(one), Some(other)) => one == other,
            _ => self == other,
        }
    }
}

/// Words that are read one after the other.
struct Rest<'a> {
    words: &'a [&'a str],
    at: usize,
}

impl<'a> Rest<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'a str> {
        let word = self.peek();
        self.at += usize::from(word.is_some());
        word
    }

    /// What stands behind `word`, read as what it has to be.
    fn value<T: std::str::FromStr>(&mut self, word: &str, wanted: &str) -> Result<T, String> {
        let text = self
            .next()
            .ok_or_else(|| format!("nothing stands behind `{word}`"))?;
        text.parse()
            .map_err(|_| format!("`{word}` takes {wanted}, not `{text}`"))
    }
}

fn bytes(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn mpls(words: &mut Rest) -> Result<Attributes, String> {
    let text: String = words.value("mpls", "labels such as 100/200")?;
    let labels: Vec<&str> = text.split('/').collect();
    let mut stack = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        let number = label.parse::<u32>().ok();
        let number = number.filter(|number| *number <= LARGEST_LABEL);
        let number =
            number.ok_or_else(|| format!("`{label}` is no label: it is 0 to {LARGEST_LABEL}"))?;
        let is_last = u32::from(index + 1 == labels.len());
        stack.extend((number << 12 | is_last << 8).to_be_bytes());
    }
    let mut attributes = vec![(1, stack)];
    if words.peek() == Some("ttl") {
        words.next();
        attributes.push((2, vec![words.value::<u8>("ttl", "1 to 255")?]));
    }
    Ok(attributes)
}

fn mpls_words(attributes: &Attributes) -> Option<Vec<String>> {
    let labels = find(attributes, 1)?.chunks_exact(4).map(|label| {
        let label = label.try_into().map(u32::from_be_bytes);
        (label.unwrap_or_default() >> 12).to_string()
    });
    let labels: Vec<String> = labels.collect();
    let mut words = vec!["mpls".to_owned(), labels.join("/")];
    if let Some([ttl]) = find(attributes, 2) {
        words.extend(["ttl".to_owned(), ttl.to_string()]);
    }
    Some(words)
}

fn tunnel(words: &mut Rest, is_ipv6: bool) -> Result<Attributes, String> {
    let mut attributes = Attributes::new();
    let mut flags = 0;
    while let Some(word) = words.peek() {
        let flag = FLAGS.iter().find(|(known, _)| *known == word);
        if !["id", "dst", "src", "ttl", "hoplimit", "tos", "tc"].contains(&word) && flag.is_none() {
            break;
        }
        words.next();
        match word {
            "id" => attributes.push((
                1,
                words.value::<u64>(word, "a number")?.to_be_bytes().into(),
            )),
            "dst" | "src" => {
                let at = if word == "dst" { 2 } else { 3 };
                let ip = if is_ipv6 {
                    IpAddr::V6(words.value::<Ipv6Addr>(word, "an address of IPv6")?)
                } else {
                    IpAddr::V4(words.value::<Ipv4Addr>(word, "an address of IPv4")?)
                };
                attributes.push((at, bytes(ip)));
            }
            "ttl" | "hoplimit" => attributes.push((4, vec![words.value::<u8>(word, "0 to 255")?])),
            "tos" | "tc" => attributes.push((5, vec![words.value::<u8>(word, "0 to 255")?])),
            _ => flags |= flag.map_or(0, |(_, bit)| *bit),
        }
    }
    if flags != 0 {
        attributes.push((6, u16::to_be_bytes(flags).into()));
    }
    Ok(attributes)
}

fn tunnel_words(attributes: &Attributes, kind: &str) -> Option<Vec<String>> {
    let mut words = vec![kind.to_owned()];
    let mut put = |word: &str, value: String| words.extend([word.to_owned(), value]);
    if let Some(id) = find(attributes, 1) {
        put("id", u64::from_be_bytes(id.try_into().ok()?).to_string());
    }
    for (word, at) in [("src", 3), ("dst", 2)] {
        let ip = find(attributes, at).and_then(ip_of);
        if let Some(ip) = ip.filter(|ip| !ip.is_unspecified()) {
            put(word, ip.to_string());
        }
    }
    let (ttl, tos) = if kind == "ip" {
        ("ttl", "tos")
    } else {
        ("hoplimit", "tc")
    };
    for (word, at) in [(ttl, 4), (tos, 5)] {
        if let Some([number]) = find(attributes, at)
            && *number > 0
        {
            put(word, number.to_string());
        }
    }
    if let Some(flags) = find(attributes, 6) {
        let flags = u16::from_be_bytes(flags.try_into().ok()?);
        let known = FLAGS.iter().filter(|(_, bit)| flags & bit != 0);
        words.extend(known.map(|(word, _)| (*word).to_owned()));
    }
    Some(words)
}

fn seg6(words: &mut Rest) -> Result<Attributes, String> {
    let mut mode = 1;
    let mut segments = Vec::new();
    while let Some(word @ ("mode" | "segs")) = words.peek() {
        words.next();
        if word == "mode" {
            let name: String = words.value(word, "a mode")?;
            let known = MODES.iter().position(|known| *known == name);
            mode = known.ok_or_else(|| {
                format!("`{name}` is no mode of seg6: they are {}", MODES.join(", "))
            })?;
        } else {
            let text: String = words.value(word, "addresses of IPv6")?;
            for segment in text.split(',') {
                let segment = segment.parse::<Ipv6Addr>();
                let segment =
                    segment.map_err(|_| format!("`segs` takes addresses of IPv6, not `{text}`"))?;
                segments.push(segment);
            }
        }
    }
    if segments.is_empty() {
        return Err("`seg6` needs its segments: seg6 mode encap segs fc00::1,fc00::2".to_owned());
    }
    // The last one is written first; in mode inline the destination itself comes behind.
    let mut entries: Vec<[u8; 16]> = segments.iter().map(Ipv6Addr::octets).collect();
    if mode == 0 {
        entries.push([0; 16]);
    }
    entries.reverse();
    let last = u8::try_from(entries.len() - 1).map_err(|_| "too many segments".to_owned())?;
    let length = last
        .checked_add(1)
        .and_then(|count| count.checked_mul(2))
        .ok_or("too many segments")?;
    let mut bytes = u32::try_from(mode).unwrap_or(1).to_ne_bytes().to_vec();
    // The routing header of RFC 8754.
    bytes.extend([0, length, 4, last, last, 0, 0, 0]);
    bytes.extend(entries.concat());
    Ok(vec![(1, bytes)])
}

fn seg6_words(attributes: &Attributes) -> Option<Vec<String>> {
    let bytes = find(attributes, 1)?;
    let mode = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?);
    let name = MODES.get(usize::try_from(mode).ok()?)?;
    let (first, flags) = (bytes.get(8)?, bytes.get(9)?);
    // What is signed needs its key.
    if *flags != 0 {
        return None;
    }
    let count = usize::from(*first) + 1;
    let list = bytes.get(12..12 + 16 * count)?;
    let segments = list.chunks_exact(16).rev().filter_map(ip_of);
    let kept = if mode == 0 { count - 1 } else { count };
    let segments: Vec<String> = segments.take(kept).map(|ip| ip.to_string()).collect();
    let words = ["seg6", "mode", name, "segs"]
        .map(str::to_owned)
        .into_iter();
    Some(words.chain([segments.join(",")]).collect())
}

fn seg6local(words: &mut Rest) -> Result<Attributes, String> {
    let mut attributes = Attributes::new();
    while let Some(word) = words.peek() {
        if word == "action" {
            words.next();
            let name: String = words.value(word, "an action")?;
            let known = ACTIONS.iter().position(|known| *known == name);
            let known = known.and_then(|at| u32::try_from(at + 1).ok());
            let number = known.ok_or_else(|| {
                format!(
                    "`{name}` is no action of seg6local: they are {}",
                    ACTIONS.join(", ")
                )
            })?;
            attributes.push((1, number.to_ne_bytes().into()));
            continue;
        }
        let Some((_, at)) = PARAMETERS.iter().find(|(known, _)| *known == word) else {
            break;
        };
        // `table` behind the action is that of the action, as for `ip`.
        words.next();
        let value = match word {
            "nh4" => bytes(IpAddr::V4(words.value(word, "an address of IPv4")?)),
            "nh6" => bytes(IpAddr::V6(words.value(word, "an address of IPv6")?)),
            _ => words
                .value::<u32>(word, "the number of a table")?
                .to_ne_bytes()
                .into(),
        };
        attributes.push((*at, value));
    }
    if find(&attributes, 1).is_none() {
        return Err(
            "`seg6local` needs its action: seg6local action End.DT4 vrftable 10".to_owned(),
        );
    }
    Ok(attributes)
}

fn seg6local_words(attributes: &Attributes) -> Option<Vec<String>> {
    let number = |bytes: &[u8]| Some(u32::from_ne_bytes(bytes.try_into().ok()?));
    let action = number(find(attributes, 1)?)?;
    let action = ACTIONS.get(usize::try_from(action.checked_sub(1)?).ok()?)?;
    let mut words = ["seg6local", "action", action].map(str::to_owned).to_vec();
    for (word, at) in PARAMETERS {
        let Some(bytes) = find(attributes, at) else {
            continue;
        };
        let value = match word {
            "nh4" | "nh6" => ip_of(bytes)?.to_string(),
            _ => number(bytes)?.to_string(),
        };
        words.extend([word.to_owned(), value]);
    }
    let is_known = |at: &u16| *at == 1 || PARAMETERS.iter().any(|(_, known)| known == at);
    attributes
        .iter()
        .all(|(at, _)| is_known(at))
        .then_some(words)
}

fn find(attributes: &Attributes, at: u16) -> Option<&[u8]> {
    let found = attributes.iter().find(|(known, _)| *known == at);
    found.map(|(_, bytes)| bytes.as_slice())
}

fn ip_of(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ip_is_told_is_read_back_as_it_was() {
        for text in [
            "mpls 100",
            "mpls 100/200 ttl 5",
            "ip id 100 dst 10.0.0.1",
            "ip id 7 src 10.0.0.2 dst 10.0.0.1 ttl 8 tos 4 csum key",
            "ip6 id 7 dst fd00::1 hoplimit 9",
            "seg6 mode encap segs fc00::1,fc00::2",
            "seg6 mode inline segs fc00::1",
            "seg6local action End.DT46 vrftable 107",
            "seg6local action End.X nh6 fe80::1",
        ] {
            assert_eq!(Encap::parse(text).unwrap().text().as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, why) in [
            ("gue", "`gue` is none of mpls, ip, ip6, seg6, seg6local"),
            ("mpls", "nothing stands behind `mpls`"),
            ("mpls 1048576", "`1048576` is no label: it is 0 to 1048575"),
            ("mpls 1 2", "`2` is not known there"),
            (
                "ip dst fd00::1",
                "`dst` takes an address of IPv4, not `fd00::1`",
            ),
            (
                "seg6 mode encap",
                "`seg6` needs its segments: seg6 mode encap segs fc00::1,fc00::2",
            ),
            (
                "seg6local table 7",
                "`seg6local` needs its action: seg6local action End.DT4 vrftable 10",
            ),
        ] {
            assert_eq!(Encap::parse(text).unwrap_err(), why);
        }
    }
}
