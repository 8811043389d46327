//! What a script gives for an option: its type, its range, and the names that stand for numbers.

use std::net::IpAddr;
use std::time::Duration;

use rhai::Dynamic;

use crate::error::{Error, Result, nearest};
use crate::net::table;
use crate::steps::{Value, is_placeholder};
use crate::value::choice::choose;
use crate::value::options::{in_range, strings, type_in_words, wrong_type};
use crate::value::{duration, mac, percent, prefix, rate, size};

use super::Opt;

/// Names, and the numbers that they stand for.
pub type Names = &'static [(&'static str, i64)];

/// What a script gives.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// A whole number. A name that stands for a number out of the range is a value of its own.
    Number {
        /// The least.
        least: i64,
        /// The most.
        most: i64,
        /// Names that are taken in place of a number.
        names: Names,
    },
    /// A number of 32 bits that is also written as an IPv4 address is.
    Key,
    /// A routing table, by its number or its name.
    Table,
    /// The same; an imported command keeps the name.
    TableName,
    /// One of these names, or a number.
    Named {
        /// The names, and their numbers.
        names: Names,
        /// The least number.
        least: i64,
        /// The largest one.
        most: i64,
        /// The name that stands for all of them where somebody is told what to write.
        like: &'static str,
    },
    /// A number of 32 bits, or one with the bits that count: `0x1/0xff`.
    Mark,
    /// A number, or the first and the last of a range.
    Range {
        /// What the number is of.
        of: &'static str,
        /// A range as it is written.
        like: &'static str,
        /// The least number.
        least: i64,
        /// The largest one.
        most: i64,
    },
    /// A number with its unit.
    Quantity(Quantity),
    /// A user or a group of users, by number or name.
    Account,
    /// True or false.
    Switch,
    /// One of these names.
    Choice(Names),
    /// A duration.
    Time {
        /// What it is counted in.
        unit: Unit,
        /// The least count.
        least: i64,
        /// The largest count.
        most: i64,
    },
    /// An address, of whatever sort.
    Ip,
    /// A prefix, or one address.
    Prefix,
    /// The address of one host.
    Host(Family),
    /// A multicast group.
    Group(Family),
    /// Addresses: one, or a list.
    Hosts(Family),
    /// Hardware addresses: one, several in one text, or a list.
    Macs,
    /// A link, by its handle or its name.
    Device,
    /// A text.
    Text,
    /// A map with these options.
    Map(&'static [Opt]),
    /// A list of such maps.
    Maps(&'static [Opt]),
    /// What code of its own reads: the types of Rhai that it takes, and what is asked for in words.
    Special(&'static [&'static str], &'static str),
}

/// What a number with a unit is one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Time; `tc` counts it in microseconds where it says no unit.
    Duration,
    /// Traffic in a second.
    Rate,
    /// Bytes.
    Size,
    /// A chance.
    Percent,
}

impl Quantity {
    fn wanted(self) -> &'static str {
        match self {
            Self::Duration => "a duration such as \"200ms\"",
            Self::Rate => "a rate such as \"10mbit\"",
            Self::Size => "a size such as \"64KiB\"",
            Self::Percent => "a percentage such as \"1%\"",
        }
    }

    fn check(self, text: &str) -> Result<()> {
        match self {
            Self::Duration => duration::parse(text).map(|_| ()),
            Self::Rate => rate::parse(text).map(|_| ()),
            Self::Size => size::parse_large(text).map(|_| ()),
            Self::Percent => percent::parse(text).map(|_| ()),
        }
    }

    /// The text of a script for the one of `tc`.
    fn of_word(self, text: &str) -> Result<String> {
        let text = match self {
            Self::Duration if text.ends_with(|c: char| c.is_ascii_digit()) => format!("{text}us"),
            // `tc` takes bits for a size, too.
            Self::Size => {
                let bytes = match text.strip_suffix("bit") {
                    Some(bits) => size::parse(bits)? / 8,
                    None => size::parse(text)?,
                };
                size::print(bytes)
            }
            _ => text.to_owned(),
        };
        self.check(&text)?;
        Ok(text)
    }
}

/// What a duration is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Thousandths of a second.
    Millis,
    /// Whole seconds.
    Seconds,
    /// Hundredths of a second.
    Centis,
}

impl Unit {
    const fn milliseconds(self) -> u64 {
        match self {
            Self::Millis => 1,
            Self::Seconds => 1000,
            Self::Centis => 10,
        }
    }

    fn duration(self, count: i64) -> Duration {
        let count = u64::try_from(count).unwrap_or_default();
        Duration::from_millis(count.saturating_mul(self.milliseconds()))
    }

    fn count(self, duration: Duration) -> i64 {
        let count = duration.as_millis() / u128::from(self.milliseconds());
        i64::try_from(count).unwrap_or(i64::MAX)
    }

    /// The text of a count: in seconds, exact for all that can be asked for.
    fn text(self, count: i64) -> String {
        match self {
            Self::Millis => duration::print(self.duration(count)),
            Self::Seconds => format!("{count}s"),
            Self::Centis => {
                let text = format!("{}.{:02}", count / 100, count % 100);
                let text = text.trim_end_matches('0').trim_end_matches('.');
                format!("{text}s")
            }
        }
    }
}

/// Which addresses are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Those of IPv4.
    V4,
    /// Those of IPv6.
    V6,
    /// Both.
    Both,
}

impl Family {
    fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4 ",
            Self::V6 => "IPv6 ",
            Self::Both => "",
        }
    }

    fn takes(self, ip: IpAddr) -> bool {
        match self {
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
            Self::Both => true,
        }
    }
}

impl Form {
    /// What is asked for, in the words of an error.
    pub fn wanted(&self) -> String {
        match self {
            Self::Number { names: [], .. } => "an integer".to_owned(),
            Self::Number { names, .. } => {
                let names: Vec<_> = names
                    .iter()
                    .map(|(name, _)| format!("\"{name}\""))
                    .collect();
                format!("an integer, or {}", names.join(" or "))
            }
            Self::Key => "an integer, or a text such as \"10.0.0.1\"".to_owned(),
            Self::Named { like, .. } => format!("a name such as \"{like}\", or a number"),
            Self::Mark => "an integer or a string such as \"0x1/0xff\"".to_owned(),
            Self::Range { of, like, .. } => format!("{of}, or a range such as \"{like}\""),
            Self::Quantity(quantity) => quantity.wanted().to_owned(),
            Self::Map(_) => "a map".to_owned(),
            Self::Maps(_) => "a list of maps".to_owned(),
            Self::Table | Self::TableName => "a number or a name".to_owned(),
            Self::Account => "a name or a number".to_owned(),
            Self::Switch => "true or false".to_owned(),
            Self::Choice(_)
            | Self::Ip
            | Self::Prefix
            | Self::Host(_)
            | Self::Group(_)
            | Self::Text => "a string".to_owned(),
            Self::Time { .. } => "a duration such as \"200ms\"".to_owned(),
            Self::Hosts(_) | Self::Macs => "a string or a list of strings".to_owned(),
            Self::Device => "a link or its name".to_owned(),
            Self::Special(_, wanted) => (*wanted).to_owned(),
        }
    }

    /// The types that are taken, as `check` names them.
    pub fn types(&self) -> &'static [&'static str] {
        match self {
            Self::Number { names: [], .. } => &["int"],
            Self::Number { .. }
            | Self::Key
            | Self::Table
            | Self::TableName
            | Self::Named { .. }
            | Self::Mark
            | Self::Range { .. }
            | Self::Account => &["int", "string"],
            Self::Switch => &["bool"],
            Self::Choice(_)
            | Self::Ip
            | Self::Prefix
            | Self::Host(_)
            | Self::Group(_)
            | Self::Text => &["string"],
            Self::Time { .. } | Self::Quantity(_) => &["string", "int", "float"],
            Self::Map(_) => &["map"],
            Self::Maps(_) => &["list"],
            Self::Hosts(_) | Self::Macs => &["string", "list"],
            Self::Device => &["string", "Link"],
            Self::Special(types, _) => types,
        }
    }

    /// What can be given, for the manual.
    pub fn described(&self) -> String {
        let names = |names: Names| -> Vec<String> {
            names
                .iter()
                .map(|(name, _)| format!("`\"{name}\"`"))
                .collect()
        };
        match self {
            Self::Number {
                least,
                most,
                names: known,
            } => {
                let range = if *most == i64::MAX {
                    format!("{least} or more")
                } else {
                    format!("{least} to {most}")
                };
                std::iter::once(range)
                    .chain(names(known))
                    .collect::<Vec<_>>()
                    .join(", ")
            }
            Self::Key => "0 to 4294967295, or as an IPv4 address".to_owned(),
            Self::Table | Self::TableName => "number or name of a table".to_owned(),
            Self::Named {
                names: known,
                least,
                most,
                ..
            } => {
                let known = names(known).join(", ");
                format!("{known}; or {least} to {most}")
            }
            Self::Mark => {
                "number, or one with the bits that count, as in `\"0x1/0xff\"`".to_owned()
            }
            Self::Range {
                like, least, most, ..
            } => format!("{least} to {most}, or a range such as `\"{like}\"`"),
            Self::Quantity(Quantity::Rate) => "rate".to_owned(),
            Self::Quantity(Quantity::Size) => "size".to_owned(),
            Self::Quantity(Quantity::Percent) => "percentage".to_owned(),
            Self::Map(rows) => format!("map of {}", keys_of(rows)),
            Self::Maps(rows) => format!("list of maps of {}", keys_of(rows)),
            Self::Account => "number or name".to_owned(),
            Self::Switch => "true or false".to_owned(),
            Self::Choice(known) => names(known).join(", "),
            Self::Time { unit, least, most } if *most < i64::from(u32::MAX) => {
                let [least, most] = [least, most].map(|count| unit.text(*count));
                format!("duration, {least} to {most}")
            }
            Self::Time { .. } | Self::Quantity(Quantity::Duration) => "duration".to_owned(),
            Self::Ip => "address".to_owned(),
            Self::Prefix => "prefix or address".to_owned(),
            Self::Host(family) => format!("{}address", family.name()),
            Self::Group(family) => format!("{}address of a group", family.name()),
            Self::Hosts(family) => format!("{}addresses: one, or a list", family.name()),
            Self::Macs => "hardware addresses: one, or a list".to_owned(),
            Self::Device => "link or its name".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Special(_, wanted) => (*wanted).to_owned(),
        }
    }

    /// The names that can be given.
    pub fn choices(&self) -> impl Iterator<Item = &'static str> {
        let names: Names = match self {
            Self::Number { names, .. } | Self::Named { names, .. } | Self::Choice(names) => names,
            _ => &[],
        };
        names.iter().map(|(name, _)| *name)
    }

    /// Reads what a script gives for `key` of `word`. A link is known by its name.
    #[allow(clippy::too_many_lines, reason = "one arm a form")]
    pub fn read(&self, word: &str, key: &str, given: Dynamic) -> Result<Value> {
        let type_name = given.type_name();
        let wrong = || wrong_type(key, &self.wanted(), type_name);
        match self {
            Self::Number { least, most, names } => {
                if let Ok(number) = given.as_int() {
                    return in_range(key, number, *least..=*most).map(Value::Number);
                }
                let name = given.into_string().ok().filter(|_| !names.is_empty());
                let name = name.ok_or_else(wrong)?;
                let number = choose(word, key, &name, names)?;
                Ok(self.of_number(number).unwrap_or(Value::Text(name)))
            }
            Self::Key => {
                if let Ok(number) = given.as_int() {
                    return in_range(key, number, 0..=u32::MAX.into()).map(Value::Number);
                }
                let text = given.into_string().map_err(|_| wrong())?;
                self.of_word(&text).map_err(|_| {
                    Error::invalid(format!("`{text}` is neither a number nor an IPv4 address"))
                })
            }
            Self::Table | Self::TableName => {
                if let Ok(number) = given.as_int() {
                    return in_range(key, number, 1..=u32::MAX.into()).map(Value::Number);
                }
                table(&given.into_string().map_err(|_| wrong())?)
            }
            Self::Named {
                names, least, most, ..
            } => {
                let number = if let Ok(number) = given.as_int() {
                    number
                } else {
                    let name = given.into_string().map_err(|_| wrong())?;
                    match name.parse() {
                        Ok(number) => number,
                        Err(_) => choose(word, key, &name, names)?,
                    }
                };
                let number = in_range(key, number, *least..=*most)?;
                Ok(self.of_number(number).unwrap_or(Value::Number(number)))
            }
            Self::Mark => {
                if let Ok(number) = given.as_int() {
                    return in_range(key, number, 0..=u32::MAX.into()).map(Value::Number);
                }
                let text = given.into_string().map_err(|_| wrong())?;
                let part = |text: &str| {
                    let is_short = |number: &i64| u32::try_from(*number).is_ok();
                    number(text.trim()).filter(is_short).ok_or_else(|| {
                        let text = text.trim();
                        Error::invalid(format!("`{key}`: `{text}` is not a number of 32 bits"))
                            .hint("write it as 1, \"0x1\" or \"0x1/0xff\"")
                    })
                };
                match text.split_once('/') {
                    Some((mark, bits)) => Ok(marked(part(mark)?, part(bits)?)),
                    None => part(&text).map(Value::Number),
                }
            }
            Self::Range {
                of,
                like,
                least,
                most,
            } => {
                let text = match given.as_int() {
                    Ok(number) => number.to_string(),
                    Err(_) => given.into_string().map_err(|_| wrong())?,
                };
                let is_in = |number: &i64| (*least..=*most).contains(number);
                range_in(&text)
                    .filter(|(first, last)| is_in(first) && is_in(last))
                    .map(ranged)
                    .ok_or_else(|| {
                        let within = if *least > 0 {
                            format!(" from {least} to {most}")
                        } else {
                            String::new()
                        };
                        Error::invalid(format!(
                            "`{key}` is {of}{within}, or a range such as \"{like}\", not `{text}`"
                        ))
                    })
            }
            Self::Quantity(quantity) => {
                let text = match (given.as_int(), given.as_float()) {
                    (Ok(number), _) => number.to_string(),
                    (_, Ok(number)) => number.to_string(),
                    _ => given.into_string().map_err(|_| wrong())?,
                };
                quantity.check(&text)?;
                Ok(Value::Text(text))
            }
            Self::Ip => {
                let text = given.into_string().map_err(|_| wrong())?;
                Ok(Value::Text(prefix::ip(&text)?.to_string()))
            }
            Self::Prefix => {
                let text = given.into_string().map_err(|_| wrong())?;
                prefix::destination(&text, None)?;
                Ok(Value::Text(text))
            }
            Self::Account => {
                if let Ok(number) = given.as_int() {
                    // The last one means nobody in particular.
                    return in_range(key, number, 0..=i64::from(u32::MAX) - 1).map(Value::Number);
                }
                given.into_string().map(Value::Text).map_err(|_| wrong())
            }
            Self::Switch => given.as_bool().map(Value::Flag).map_err(|_| wrong()),
            Self::Choice(names) => {
                let name = given.into_string().map_err(|_| wrong())?;
                // The protocols of VLANs are written in capitals as well.
                let is_it = |(known, _): &&(&str, i64)| known.eq_ignore_ascii_case(&name);
                if let Some((known, _)) = names.iter().find(is_it) {
                    return Ok(Value::text(*known));
                }
                choose(word, key, &name, names)?;
                Ok(Value::Text(name))
            }
            Self::Time { unit, least, most } => {
                let text = match (given.as_int(), given.as_float()) {
                    (Ok(number), _) => number.to_string(),
                    (_, Ok(number)) => number.to_string(),
                    _ => given.into_string().map_err(|_| wrong())?,
                };
                let time = duration::parse(&text)?;
                let count = unit.count(time);
                if !(*least..=*most).contains(&count) {
                    return Err(Error::invalid(format!(
                        "`{key}` is {} to {}, not {}",
                        unit.text(*least),
                        unit.text(*most),
                        duration::print(time)
                    )));
                }
                Ok(Value::Text(unit.text(count)))
            }
            Self::Host(family) | Self::Group(family) => {
                let text = given.into_string().map_err(|_| wrong())?;
                let ip = prefix::ip(&text)?;
                check_address(key, ip, *family, matches!(self, Self::Group(_)))?;
                Ok(Value::Text(ip.to_string()))
            }
            Self::Hosts(family) => {
                let texts = strings(key, given)?.into_iter();
                let ips = texts.map(|text| match text.parse::<IpAddr>() {
                    Ok(ip) if family.takes(ip) => Ok(Value::Text(ip.to_string())),
                    _ => Err(Error::invalid(format!(
                        "`{text}` is not an {}address",
                        family.name()
                    ))),
                });
                ips.collect::<Result<_>>().map(Value::List)
            }
            Self::Macs => {
                let texts = strings(key, given)?;
                let words = texts.iter().flat_map(|text| text.split_whitespace());
                let macs: Result<Vec<_>> = words.map(mac::parse).collect();
                Ok(listed(macs?))
            }
            Self::Device | Self::Text => given.into_string().map(Value::Text).map_err(|_| wrong()),
            Self::Map(_) | Self::Maps(_) | Self::Special(..) => Err(Error::invalid(format!(
                "option `{key}` takes {}, not {}",
                self.wanted(),
                type_in_words(type_name)
            ))),
        }
    }

    /// The value that a word of `ip` stands for: numbers also in hexadecimal and octal, as C reads them.
    pub fn of_word(&self, text: &str) -> std::result::Result<Value, String> {
        let wrong = || format!("`{text}` is not {}", self.wanted());
        let by_name = |names: Names| {
            names
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(text))
        };
        let is_number = matches!(self, Self::Number { .. } | Self::Key | Self::TableName);
        if is_number && is_placeholder(text) {
            return Ok(Value::Variable(text.to_owned()));
        }
        match self {
            Self::Number { names, .. } => match (by_name(names), number(text)) {
                (Some((_, number)), _) => {
                    Ok(self.of_number(*number).unwrap_or_else(|| Value::text(text)))
                }
                (None, Some(number)) => self.of_number(number).ok_or_else(wrong),
                (None, None) => Err(wrong()),
            },
            Self::Key => {
                let dotted = text.parse::<std::net::Ipv4Addr>().ok();
                let dotted = dotted.map(|ip| i64::from(ip.to_bits()));
                let number = dotted.or_else(|| number(text)).ok_or_else(wrong)?;
                self.of_number(number).ok_or_else(wrong)
            }
            Self::Table => table(text).map_err(|error| error.to_string()),
            Self::TableName => Ok(number(text).map_or_else(|| Value::text(text), Value::Number)),
            Self::Named {
                names, least, most, ..
            } => {
                let number = by_name(names)
                    .map(|(_, number)| *number)
                    .or_else(|| number(text));
                let number = number.filter(|number| (*least..=*most).contains(number));
                number
                    .and_then(|number| self.of_number(number))
                    .ok_or_else(wrong)
            }
            Self::Mark => {
                let (mark, bits) = text.split_once('/').unwrap_or((text, "0xffffffff"));
                match (number(mark), number(bits)) {
                    (Some(mark), Some(bits)) => Ok(marked(mark, bits)),
                    _ => Err(wrong()),
                }
            }
            Self::Range { .. } => range_in(text).map(ranged).ok_or_else(wrong),
            Self::Quantity(quantity) => {
                let text = quantity.of_word(text).map_err(|error| error.to_string())?;
                Ok(Value::Text(text))
            }
            Self::Account => Ok(number(text).map_or_else(|| Value::text(text), Value::Number)),
            Self::Switch => match text {
                "on" | "1" | "true" => Ok(Value::Flag(true)),
                "off" | "0" | "false" => Ok(Value::Flag(false)),
                _ => Err(wrong()),
            },
            Self::Choice(names) => {
                let by_number = || number(text).and_then(|number| self.of_number(number));
                by_name(names)
                    .map(|(name, _)| Value::text(*name))
                    .or_else(by_number)
                    .ok_or_else(|| format!("`{text}` is none of {}", self.described()))
            }
            Self::Time {
                unit: Unit::Millis, ..
            } if text.ends_with('s') => {
                let count = duration::parse(text).map(|time| Unit::Millis.count(time));
                count
                    .ok()
                    .and_then(|count| self.of_number(count))
                    .ok_or_else(wrong)
            }
            Self::Time { .. } => number(text)
                .or_else(|| (text == "none").then_some(0))
                .and_then(|count| self.of_number(count))
                .ok_or_else(wrong),
            Self::Hosts(_) | Self::Macs => Ok(Value::List(split(text))),
            Self::Ip
            | Self::Prefix
            | Self::Host(_)
            | Self::Group(_)
            | Self::Device
            | Self::Text => Ok(Value::text(text)),
            Self::Map(_) | Self::Maps(_) | Self::Special(..) => Ok(Value::guess(text)),
        }
    }

    /// The value that a number of the kernel stands for; none where it is out of range.
    pub fn of_number(&self, number: i64) -> Option<Value> {
        match self {
            Self::Number { least, most, .. } => {
                let is_in = (*least..=*most).contains(&number);
                is_in.then_some(Value::Number(number))
            }
            Self::Named { names, .. } => {
                let found = names.iter().find(|(_, known)| *known == number);
                Some(found.map_or(Value::Number(number), |(name, _)| Value::text(*name)))
            }
            Self::Key | Self::Table | Self::TableName | Self::Mark | Self::Account => {
                u32::try_from(number)
                    .ok()
                    .map(|number| Value::Number(number.into()))
            }
            // An ifindex; 0 is no link.
            Self::Device => (number > 0).then_some(Value::Number(number)),
            Self::Switch => Some(Value::Flag(number != 0)),
            Self::Choice(names) => {
                let found = names.iter().find(|(_, known)| *known == number);
                found.map(|(name, _)| Value::text(*name))
            }
            Self::Time { unit, .. } => Some(Value::Text(unit.text(number))),
            _ => None,
        }
    }

    /// The number that a value is to the kernel, and to `ip`.
    pub fn number(&self, value: &Value) -> Option<i64> {
        let of_name = |names: Names, text: &str| {
            let found = names.iter().find(|(name, _)| *name == text);
            found.map(|(_, number)| *number)
        };
        match (self, value) {
            (_, Value::Number(number)) => Some(*number),
            (_, Value::Flag(on)) => Some(i64::from(*on)),
            (
                Self::Number { names, .. } | Self::Named { names, .. } | Self::Choice(names),
                Value::Text(name),
            ) => of_name(names, name),
            (Self::Time { unit, .. }, Value::Text(text)) => {
                duration::parse(text).ok().map(|time| unit.count(time))
            }
            _ => None,
        }
    }

    /// Whether it is a duration.
    pub fn is_time(&self) -> bool {
        matches!(self, Self::Time { .. } | Self::Quantity(Quantity::Duration))
    }

    /// The duration of a count.
    pub fn duration(&self, count: i64) -> Option<Duration> {
        match self {
            Self::Time { unit, .. } => Some(unit.duration(count)),
            _ => None,
        }
    }
}

/// Hardware addresses as a value: sorted, since the kernel lists them in no order.
pub fn listed(mut macs: Vec<Vec<u8>>) -> Value {
    macs.sort_unstable();
    macs.dedup();
    let texts = macs.iter().map(|mac| Value::Text(mac::print(mac)));
    Value::List(texts.collect())
}

/// A mark; the bits that count are said where not all of them do.
pub fn marked(mark: i64, bits: i64) -> Value {
    if bits == i64::from(u32::MAX) {
        Value::Number(mark)
    } else {
        Value::Text(format!("{mark:#x}/{bits:#x}"))
    }
}

/// The mark of a value, and the bits of it that count.
pub fn mark_of(value: &Value) -> Option<(u32, u32)> {
    let short = |text: &str| number(text).and_then(|number| u32::try_from(number).ok());
    match value {
        Value::Number(number) => Some((u32::try_from(*number).ok()?, u32::MAX)),
        Value::Text(text) => {
            let (mark, bits) = text.split_once('/')?;
            Some((short(mark)?, short(bits)?))
        }
        _ => None,
    }
}

/// A range; one number alone where it is no more.
pub fn ranged((first, last): (i64, i64)) -> Value {
    if first == last {
        Value::Number(first)
    } else {
        Value::Text(format!("{first}-{last}"))
    }
}

/// The first and the last of a range.
pub fn range_of(value: &Value) -> Option<(i64, i64)> {
    match value {
        Value::Number(number) => Some((*number, *number)),
        Value::Text(text) => range_in(text),
        _ => None,
    }
}

fn range_in(text: &str) -> Option<(i64, i64)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some((first, last))
}

fn keys_of(rows: &[Opt]) -> String {
    let keys: Vec<String> = rows.iter().map(|row| format!("`{}`", row.key)).collect();
    keys.join(", ")
}

fn split(text: &str) -> Vec<Value> {
    let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
    parts.map(Value::text).collect()
}

/// A routing table by its number, or one of the names that iproute2 knows.
pub fn table(text: &str) -> Result<Value> {
    if let Some(number) = number(text).filter(|number| (1..=u32::MAX.into()).contains(number)) {
        return Ok(Value::Number(number));
    }
    let names = table::names();
    if let Some((number, _)) = names.iter().find(|(_, name)| *name == text) {
        return Ok(Value::Number((*number).into()));
    }
    let known: Vec<&str> = names.iter().map(|(_, name)| name.as_str()).collect();
    let error = Error::invalid(format!("there is no routing table `{text}`"))
        .note(format!("tables: {}", known.join(", ")));
    Err(match nearest(text, known) {
        Some(near) => error.hint(format!("did you mean \"{near}\"?")),
        None => error.hint("give its number, or its name in /etc/iproute2/rt_tables"),
    })
}

/// A number as C reads it: `0x` in front of hexadecimal digits, `0` in front of octal ones.
pub fn number(text: &str) -> Option<i64> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => i64::from_str_radix(text, 8).ok(),
        None => text.parse().ok(),
    }
}

fn check_address(key: &str, ip: IpAddr, family: Family, is_group: bool) -> Result<()> {
    if !family.takes(ip) {
        return Err(Error::invalid(format!(
            "`{key}` is an {}address, and {ip} is not",
            family.name()
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
