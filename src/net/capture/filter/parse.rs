//! Reads the expression of a filter. `and` and `or` bind alike, from the left, as `tcpdump` has it.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::{Expression, Family, Side, Test};
use crate::error::{Error, Result, nearest};

/// How deep brackets may nest.
const DEEPEST: usize = 50;

/// How many parts there may be: more are no program that the kernel takes.
const MOST: usize = 300;

/// Every word of the language.
const WORDS: [&str; 16] = [
    "host", "net", "port", "proto", "src", "dst", "ip", "ip6", "arp", "tcp", "udp", "icmp",
    "icmp6", "vlan", "and", "or",
];

/// Names of protocols over IP that `proto` takes besides numbers.
const PROTOCOLS: [(&str, u8); 11] = [
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmp6", 58),
    ("ospf", 89),
    ("vrrp", 112),
    ("sctp", 132),
];

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Those that have ports: TCP, UDP and SCTP.
const WITH_PORTS: &[u8] = &[TCP, UDP, 132];

/// A word of the expression, and the number of its first character, from 1.
#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    text: &'a str,
    at: usize,
}

/// What an address or a number is said to be.
#[derive(Clone, Copy, Debug, Default)]
struct Qualifiers<'a> {
    protocol: Option<Token<'a>>,
    side: Side,
    kind: Option<Token<'a>>,
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    next: usize,
    depth: usize,
    /// How many terms there were.
    terms: usize,
    /// Those of the last address or number: they hold for one that follows alone, as in `port 80 or 443`.
    last: Option<Qualifiers<'a>>,
}

/// Reads a filter; none where it is empty.
pub(super) fn parse(text: &str) -> Result<Option<Expression>> {
    let tokens = split(text)?;
    if tokens.is_empty() {
        return Ok(None);
    }
    let mut parser = Parser {
        text,
        tokens,
        next: 0,
        depth: 0,
        terms: 0,
        last: None,
    };
    let wanted = parser.expression()?;
    match parser.peek() {
        None => Ok(Some(wanted)),
        Some(Token { text: ")", at }) => Err(parser.wrong(at, "`)` closes no bracket")),
        Some(token) => Err(parser
            .wrong(
                token.at,
                format!("`{}` is not joined to what is before it", token.text),
            )
            .hint(format!("write `and {0}` or `or {0}`", token.text))),
    }
}

/// The error at a character of the filter.
fn wrong_at(filter: &str, at: usize, cause: impl Into<String>) -> Error {
    let cause = cause.into();
    Error::invalid(format!("{cause}, at character {at} of the filter"))
        .note(format!("filter: {filter}"))
        .doing("read filter", filter)
}

fn split(text: &str) -> Result<Vec<Token<'_>>> {
    let is_of_word = |c: char| c.is_alphanumeric() || "._:/-\\".contains(c);
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut at = 1;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            c if c.is_whitespace() => {
                rest = &rest[c.len_utf8()..];
                at += 1;
                continue;
            }
            '(' | ')' | '!' => 1,
            '&' | '|' if rest[1..].starts_with(first) => 2,
            c if is_of_word(c) => rest.find(|c| !is_of_word(c)).unwrap_or(rest.len()),
            c => {
                return Err(wrong_at(text, at, format!("`{c}` has no meaning here")).hint(
                    "bytes are not compared: a filter has host net port src dst proto ip ip6 arp tcp udp icmp icmp6 vlan and or not ( )",
                ));
            }
        };
        let (word, behind) = rest.split_at(length);
        tokens.push(Token { text: word, at });
        at += word.chars().count();
        rest = behind;
    }
    Ok(tokens)
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.next).copied()
    }

    fn take(&mut self, words: &[&str]) -> Option<Token<'a>> {
        let token = self.peek().filter(|token| words.contains(&token.text))?;
        self.next += 1;
        Some(token)
    }

    fn wrong(&self, at: usize, cause: impl Into<String>) -> Error {
        wrong_at(self.text, at, cause)
    }

    /// The error of a filter that ends too early.
    fn ends(&self, wanted: &str) -> Error {
        let end = self.text.chars().count() + 1;
        self.wrong(end, format!("it ends where {wanted} is wanted"))
    }

    fn expression(&mut self) -> Result<Expression> {
        let mut left = self.term()?;
        loop {
            let is_and = self.take(&["and", "&&"]).is_some();
            if !is_and && self.take(&["or", "||"]).is_none() {
                return Ok(left);
            }
            let right = Box::new(self.term()?);
            left = if is_and {
                Expression::And(Box::new(left), right)
            } else {
                Expression::Or(Box::new(left), right)
            };
        }
    }

    fn term(&mut self) -> Result<Expression> {
        self.depth += 1;
        self.terms += 1;
        let Some(token) = self.peek() else {
            return Err(self.ends("what to look for"));
        };
        if self.depth > DEEPEST {
            return Err(self.wrong(token.at, "it is nested too deep"));
        }
        if self.terms > MOST {
            let error = self.wrong(token.at, format!("it has more than {MOST} parts"));
            return Err(error.hint("capture more, and choose with packets(file, filter)"));
        }
        let term = if self.take(&["not", "!"]).is_some() {
            Expression::Not(Box::new(self.term()?))
        } else if let Some(open) = self.take(&["("]) {
            let inner = self.expression()?;
            if self.take(&[")"]).is_none() {
                return Err(match self.peek() {
                    None => self.wrong(open.at, "`(` is not closed"),
                    Some(token) => self
                        .wrong(
                            token.at,
                            format!("`{}` is not joined to what is before it", token.text),
                        )
                        .hint(format!("write `and {0}` or `or {0}`", token.text)),
                });
            }
            // What was said within holds no more.
            self.last = None;
            inner
        } else {
            Expression::Is(self.test()?)
        };
        self.depth -= 1;
        Ok(term)
    }

    fn test(&mut self) -> Result<Test> {
        if self.take(&["vlan"]).is_some() {
            let number = self
                .peek()
                .filter(|token| token.text.starts_with(|c: char| c.is_ascii_digit()));
            return match number {
                None => Ok(Test::Vlan(None)),
                Some(token) => {
                    self.next += 1;
                    let id = token.text.parse().ok().filter(|id| *id <= 4095);
                    let id = id.ok_or_else(|| {
                        self.wrong(
                            token.at,
                            format!("`{}` is no number of a VLAN, 0 to 4095", token.text),
                        )
                    })?;
                    Ok(Test::Vlan(Some(id)))
                }
            };
        }
        let protocol = self.take(&["ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6"]);
        let side_token = self.peek();
        let side = self.side();
        let kind = self.take(&["host", "net", "port", "proto"]);
        let is_qualified = protocol.is_some() || side.is_some() || kind.is_some();
        let given = Qualifiers {
            protocol,
            side: side.unwrap_or_default(),
            kind,
        };
        let value = self.peek().filter(|token| {
            let is_name = kind.is_some_and(|kind| kind.text == "proto");
            is_name || looks_like_a_value(token.text)
        });
        match (value, protocol) {
            (Some(value), _) => {
                self.next += 1;
                let qualifiers = if is_qualified {
                    given
                } else {
                    self.last.unwrap_or_default()
                };
                self.last = Some(qualifiers);
                self.valued(qualifiers, value)
            }
            (None, Some(protocol)) if side.is_none() && kind.is_none() => {
                self.last = None;
                Ok(alone(protocol.text))
            }
            _ => Err(self.lacking(kind.or(side.and(side_token)))),
        }
    }

    /// The error where there is no address or number that was wanted.
    fn lacking(&self, behind: Option<Token<'a>>) -> Error {
        let wanted = match behind.map(|token| token.text) {
            Some("port") => "a port",
            Some("net") => "a prefix",
            Some("proto") => "a protocol",
            Some(_) => "an address",
            None => "what to look for",
        };
        let Some(token) = self.peek() else {
            return self.ends(wanted);
        };
        let Token { text, at } = token;
        if behind.is_some() && !WORDS.contains(&text) {
            return self
                .wrong(at, format!("`{text}` is not {wanted}"))
                .hint("names are not looked up in a filter: give the address or number");
        }
        if WORDS.contains(&text) || ["not", "!", "(", ")", "&&", "||"].contains(&text) {
            return self.wrong(at, format!("`{text}` stands where {wanted} is wanted"));
        }
        let error = self
            .wrong(at, format!("there is no word `{text}`"))
            .note(format!("words: {} not ( )", WORDS.join(" ")));
        match (text, nearest(text, WORDS)) {
            ("ether", _) => {
                error.hint("hardware addresses are not looked at: take `host` with an address")
            }
            ("portrange", _) => error.hint("name the ports: `port 80 or 81`"),
            ("icmpv6", _) => error.hint("did you mean `icmp6`?"),
            ("ipv6", _) => error.hint("did you mean `ip6`?"),
            ("ipv4", _) => error.hint("did you mean `ip`?"),
            (_, Some(near)) => error.hint(format!("did you mean `{near}`?")),
            _ => error.hint("write for example `icmp and host 10.0.0.2`"),
        }
    }

    fn side(&mut self) -> Option<Side> {
        let first = self.take(&["src", "dst"])?;
        let other = if first.text == "src" { "dst" } else { "src" };
        let behind = |at: usize| self.tokens.get(self.next + at).map(|token| token.text);
        let both = match behind(0) {
            Some("and") if behind(1) == Some(other) => Some(Side::Both),
            Some("or") if behind(1) == Some(other) => Some(Side::Either),
            _ => None,
        };
        if let Some(both) = both {
            // `src or dst host …`, and not `src 10.0.0.1 or dst …`.
            self.next += 2;
            return Some(both);
        }
        Some(if first.text == "src" {
            Side::Source
        } else {
            Side::Destination
        })
    }

    /// A test with an address or number.
    fn valued(&self, qualifiers: Qualifiers<'a>, value: Token<'a>) -> Result<Test> {
        let Qualifiers {
            protocol,
            side,
            kind,
        } = qualifiers;
        let family = match protocol.map(|token| token.text) {
            Some("ip") => Some(Family::Ip),
            Some("ip6") => Some(Family::Ip6),
            Some("arp") => Some(Family::Arp),
            _ => None,
        };
        let not_together = |kind: &str| {
            let (at, protocol) = protocol.map_or((value.at, ""), |token| (token.at, token.text));
            self.wrong(at, format!("`{protocol}` says nothing of `{kind}`"))
                .hint(format!("write `{protocol} and {kind} {}`", value.text))
        };
        match kind.map(|token| token.text) {
            Some("port") => {
                let of = match protocol.map(|token| token.text) {
                    None => WITH_PORTS,
                    Some("tcp") => &[TCP][..],
                    Some("udp") => &[UDP][..],
                    Some(_) => return Err(not_together("port")),
                };
                let port = value.text.parse().map_err(|_| {
                    self.wrong(value.at, format!("`{}` is no port, 0 to 65535", value.text))
                        .hint("names of services are not looked up: give the number")
                })?;
                Ok(Test::Port(of, side, port))
            }
            Some("proto") => {
                if family == Some(Family::Arp) || (family.is_none() && protocol.is_some()) {
                    return Err(not_together("proto"));
                }
                if side != Side::Either {
                    return Err(self.wrong(value.at, "a protocol has no source and no destination"));
                }
                let name = value.text.trim_start_matches('\\');
                let named = PROTOCOLS.iter().find(|(known, _)| *known == name);
                let number = named.map(|(_, number)| *number).or(name.parse().ok());
                let number = number.ok_or_else(|| {
                    let known = PROTOCOLS.map(|(name, _)| name);
                    let error = self
                        .wrong(value.at, format!("there is no protocol `{name}`"))
                        .note(format!(
                            "protocols: {}, or a number from 0 to 255",
                            known.join(" ")
                        ));
                    match nearest(name, known) {
                        Some(near) => error.hint(format!("did you mean `{near}`?")),
                        None => error,
                    }
                })?;
                Ok(Test::Protocol(family, number))
            }
            kind => {
                let kind = kind.unwrap_or("host");
                if family.is_none() && protocol.is_some() {
                    return Err(not_together(kind));
                }
                let net = self.net(kind, value, qualifiers.kind.is_none())?;
                if let Some(family) = family.filter(|family| !family.has(net.addr())) {
                    let name = family.name();
                    return Err(self.wrong(
                        value.at,
                        format!("`{}` is no address of `{name}`", value.text),
                    ));
                }
                Ok(Test::Net(family, side, net))
            }
        }
    }

    fn net(&self, kind: &str, value: Token<'a>, may_be_net: bool) -> Result<IpNet> {
        let Token { text, at } = value;
        if let Ok(ip) = IpAddr::from_str(text) {
            return Ok(IpNet::from(ip));
        }
        if let Ok(net) = IpNet::from_str(text) {
            if kind == "host" && !may_be_net {
                return Err(self
                    .wrong(at, format!("`{text}` is not one host"))
                    .hint(format!("write `net {}`", net.trunc())));
            }
            if net.trunc() != net {
                return Err(self
                    .wrong(at, format!("`{text}` has bits behind its length"))
                    .hint(format!("did you mean `{}`?", net.trunc())));
            }
            return Ok(net);
        }
        if text.chars().all(|c| c.is_ascii_digit()) && may_be_net {
            return Err(self
                .wrong(at, format!("it is not said what `{text}` is"))
                .hint(format!("write `port {text}` or `proto {text}`")));
        }
        let wanted = if kind == "net" {
            "a prefix"
        } else {
            "an address"
        };
        Err(self
            .wrong(at, format!("`{text}` is not {wanted}"))
            .hint(if kind == "net" {
                "write it with its length, as in `net 10.0.0.0/24`"
            } else {
                "names are not looked up in a filter: give the address"
            }))
    }
}

/// Whether it is meant as an address or a number.
fn looks_like_a_value(text: &str) -> bool {
    let is_hex = |c: char| c.is_ascii_hexdigit() || c == ':';
    let first = text.split('/').next().unwrap_or_default();
    text.starts_with(|c: char| c.is_ascii_digit())
        || (text.contains(':') && (first.chars().all(is_hex) || IpAddr::from_str(first).is_ok()))
}

/// The test that a protocol is by itself.
fn alone(word: &str) -> Test {
    match word {
        "ip" => Test::Family(Family::Ip),
        "ip6" => Test::Family(Family::Ip6),
        "arp" => Test::Family(Family::Arp),
        "tcp" => Test::Protocol(None, TCP),
        "udp" => Test::Protocol(None, UDP),
        "icmp" => Test::Protocol(Some(Family::Ip), 1),
        _ => Test::Protocol(Some(Family::Ip6), 58),
    }
}
