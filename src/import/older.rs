//! The older programs: net-tools, bridge-utils and their like.

use std::net::Ipv4Addr;

use super::addresses::INSTEAD;
use super::ip::{self, Outcome, Words, in_netns, on_link, unknown};
use crate::steps::{Call, Place, Value};

fn ip_of(line: &[&str], place: &Place) -> Outcome {
    let line: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
    ip::command(&line, place)
}

/// How many bits the network of an address has by its class, which net-tools take where nothing is said.
fn bits_of_class(ip: Ipv4Addr) -> u8 {
    match ip.octets()[0] {
        0..=127 => 8,
        128..=191 => 16,
        _ => 24,
    }
}

/// `route add default dev X` and its like, of net-tools.
pub(super) fn route(arguments: &[String], place: &Place) -> Outcome {
    let mut words = Words::new(arguments);
    let is_delete = match words.next() {
        Some("add") => false,
        Some("del" | "delete") => true,
        Some("-n") | None => {
            return ip::command(&["route".to_owned()], place);
        }
        Some(other) => return Err(unknown(other)),
    };
    let (mut to, mut dev, mut options) = (None, None, Vec::new());
    let (mut is_host, mut mask) = (false, None);
    while let Some(word) = words.next() {
        match word {
            "-net" => {}
            "-host" => is_host = true,
            "gw" => options.push(("via".to_owned(), Value::text(words.value(word)?))),
            "dev" => dev = Some(words.value(word)?),
            "netmask" => mask = Some(words.value(word)?),
            "metric" => options.push(("metric".to_owned(), Value::Number(words.number(word)?))),
            other if to.is_none() => to = Some(other),
            other if dev.is_none() => dev = Some(other),
            other => return Err(unknown(other)),
        }
    }
    let to = to.ok_or("no destination is named")?;
    let to = match (to, mask) {
        ("default", _) | ("0.0.0.0", None) => "default".to_owned(),
        (to, Some(mask)) => ipnet::Ipv4Net::with_netmask(
            to.parse().map_err(|_| unknown(to))?,
            mask.parse().map_err(|_| unknown(mask))?,
        )
        .map_err(|_| unknown(mask))?
        .to_string(),
        (to, None) if to.contains('/') => to.to_owned(),
        (to, None) if is_host => format!("{to}/32"),
        (to, None) => {
            let ip: Ipv4Addr = to.parse().map_err(|_| unknown(to))?;
            let net = ipnet::Ipv4Net::new(ip, bits_of_class(ip)).map_err(|_| unknown(to))?;
            // With bits of a host it is one.
            if net.network() == ip {
                net.to_string()
            } else {
                format!("{to}/32")
            }
        }
    };
    let word = if is_delete { "del_route" } else { "route" };
    let call = |options| Call::new(word, [Value::text(to), Value::Map(options)]);
    Ok(vec![match dev {
        Some(dev) if !is_delete || options.is_empty() => on_link(place, dev, call(options)),
        _ => in_netns(place, call(options)),
    }])
}

/// `ifconfig LINK [ADDRESS [netmask MASK] [broadcast ADDRESS]] [hw ether MAC] [mtu N] [up|down]`. An address brings the link up,
/// and takes the place of the one before.
pub(super) fn ifconfig(arguments: &[String], place: &Place) -> Outcome {
    let mut words = Words::new(arguments);
    let Some(link) = words.next() else {
        return ip::command(&["address".to_owned()], place);
    };
    // `eth0:1` is another address of eth0.
    let (link, label) = match link.split_once(':') {
        Some((base, _)) => (base, Some(link)),
        None => (link, None),
    };
    let (mut address, mut mask, mut options) = (None, None, Vec::new());
    let (mut calls, mut state) = (Vec::new(), None);
    let mut flushed = Vec::new();
    let flag = |word: &'static str, on: bool| Call::new(word, [Value::Flag(on)]);
    while let Some(word) = words.next() {
        match word {
            "up" | "down" => state = Some(word == "up"),
            "promisc" | "-promisc" => calls.push(flag("promisc", word == "promisc")),
            "allmulti" | "-allmulti" => calls.push(flag("allmulticast", word == "allmulti")),
            "arp" | "-arp" => calls.push(flag("arp", word == "arp")),
            "multicast" | "-multicast" => calls.push(flag("multicast", word == "multicast")),
            "txqueuelen" => calls.push(Call::new("txqlen", [Value::Number(words.number(word)?)])),
            "pointopoint" | "dstaddr" => {
                options.push(("peer".to_owned(), Value::text(words.value(word)?)));
            }
            "add" | "del" => {
                let address = words.value(word)?;
                if !address.contains('/') {
                    return Err(format!("`{address}` without a length"));
                }
                let call = if word == "add" { "addr" } else { "del_addr" };
                calls.push(Call::new(call, [Value::text(address)]));
            }
            "0" | "0.0.0.0" if address.is_none() && label.is_none() => {
                let flush = ["-4", "address", "flush", "dev", link].map(str::to_owned);
                flushed = ip::by_itself("ip", &flush, place, true);
                state = state.or(Some(true));
            }
            "netmask" => mask = Some(words.value(word)?),
            "broadcast" => {
                options.push(("broadcast".to_owned(), Value::text(words.value(word)?)));
            }
            "mtu" => calls.push(Call::new("mtu", [Value::Number(words.number(word)?)])),
            "hw" => {
                words.value(word)?;
                calls.push(Call::new("mac", [Value::text(words.value("ether")?)]));
            }
            "inet" | "inet6" => {}
            other if address.is_none() && other.starts_with(|c: char| c.is_ascii_digit()) => {
                address = Some(other);
            }
            other => return Err(format!("`{other}` of ifconfig is not known here")),
        }
    }
    if let Some(address) = address {
        let (ip, length) = match (address.split_once('/'), mask) {
            (Some((ip, length)), None) => (ip, length.parse().map_err(|_| unknown(length))?),
            (None, Some(mask)) => {
                let mask = mask.parse().map_err(|_| unknown(mask))?;
                let length = ipnet::ip_mask_to_prefix(mask);
                (address, length.map_err(|_| unknown(&mask.to_string()))?)
            }
            (None, None) => {
                let ip = address.parse().map_err(|_| unknown(address))?;
                (address, bits_of_class(ip))
            }
            _ => return Err(unknown(address)),
        };
        let prefix = format!("{ip}/{length}");
        let net: ipnet::Ipv4Net = prefix.parse().map_err(|_| unknown(address))?;
        // ifconfig always sets one, `ip` does not.
        if options.is_empty() && length < 31 {
            options.push((
                "broadcast".to_owned(),
                Value::text(net.broadcast().to_string()),
            ));
        }
        options.push(match label {
            Some(label) => ("label".to_owned(), Value::text(label)),
            None => (INSTEAD.to_owned(), Value::Flag(true)),
        });
        calls.push(Call::new(
            "addr",
            [Value::text(prefix), Value::Map(options)],
        ));
        state = state.or(Some(true));
    }
    let state = state.map(|up| Call::new(if up { "up" } else { "down" }, []));
    calls.extend(state);
    if label.is_some() && address.is_none() {
        return Err("a name of an address".to_owned());
    }
    if calls.is_empty() && flushed.is_empty() {
        return ip::command(
            &["address".to_owned(), "show".to_owned(), link.to_owned()],
            place,
        );
    }
    flushed.extend(calls.into_iter().map(|call| on_link(place, link, call)));
    Ok(flushed)
}

/// `vconfig add LINK ID` makes `LINK.ID`, and `vconfig rem NAME` takes it away.
pub(super) fn vconfig(arguments: &[String], place: &Place) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["add", link, id] => {
            let name = format!("{link}.{id}");
            let words = [
                "link", "add", "link", link, "name", &name, "type", "vlan", "id", id,
            ];
            ip_of(&words, place)
        }
        ["rem", name] => ip_of(&["link", "del", name], place),
        // It is what it does anyway.
        ["set_name_type", "DEV_PLUS_VID_NO_PAD"] => Ok(Vec::new()),
        _ => Err("this form of vconfig is not known here".to_owned()),
    }
}

/// `tunctl -t NAME [-u USER]` makes a TAP device, and `tunctl -d NAME` takes it away.
pub(super) fn tunctl(arguments: &[String], place: &Place) -> Outcome {
    let mut words = Words::new(arguments);
    let (mut name, mut line, mut verb) = (None, Vec::new(), "add");
    while let Some(word) = words.next() {
        match word {
            "-t" => name = Some(words.value(word)?),
            "-d" => (name, verb) = (Some(words.value(word)?), "del"),
            "-u" => line.extend(["user", words.value(word)?]),
            "-g" => line.extend(["group", words.value(word)?]),
            "-b" | "-p" => {}
            other => return Err(format!("`{other}` of tunctl is not known here")),
        }
    }
    let name = name.ok_or("its name is known only when it runs")?;
    let line = [vec!["tuntap", verb, "dev", name, "mode", "tap"], line].concat();
    ip_of(&line, place)
}

/// `ifenslave BOND LINK…`, and `ifenslave -d BOND LINK…`.
pub(super) fn ifenslave(arguments: &[String], place: &Place) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (bond, links, is_out) = match words.as_slice() {
        ["-d", bond, links @ ..] => (bond, links, true),
        [bond, links @ ..] if !bond.starts_with('-') => (bond, links, false),
        _ => return Err("this form of ifenslave is not known here".to_owned()),
    };
    let mut steps = Vec::new();
    for link in links {
        if is_out {
            steps.extend(ip_of(&["link", "set", link, "nomaster"], place)?);
        } else {
            // It takes it down first, as a bond asks.
            steps.extend(ip_of(&["link", "set", link, "down"], place)?);
            steps.extend(ip_of(&["link", "set", link, "master", bond], place)?);
        }
    }
    Ok(steps)
}

/// `arp [-i LINK] -s ADDRESS MAC` and `arp [-i LINK] -d ADDRESS`; without a link the program has to find it.
pub(super) fn arp(arguments: &[String], place: &Place) -> Outcome {
    let mut words = Words::new(arguments);
    let (mut link, mut rest) = (None, Vec::new());
    while let Some(word) = words.next() {
        match word {
            "-i" => link = Some(words.value(word)?),
            "-n" => {}
            other => rest.push(other),
        }
    }
    match (link, rest.as_slice()) {
        (Some(link), ["-s", ip, mac]) => {
            let told = [
                "neigh",
                "replace",
                ip,
                "lladdr",
                mac,
                "dev",
                link,
                "nud",
                "permanent",
            ];
            ip_of(&told, place)
        }
        (Some(link), ["-d", ip]) => ip_of(&["neigh", "del", ip, "dev", link], place),
        (None, ["-s" | "-d", ..]) => Ok(ip::by_itself("arp", arguments, place, true)),
        _ => Ok(ip::by_itself("arp", arguments, place, false)),
    }
}

pub(super) fn brctl(arguments: &[String], place: &Place) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ip = |line: &[&str]| {
        let line: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        ip::command(&line, place)
    };
    // It takes seconds.
    let hundredths = |key: &str, bridge: &str, time: &str| {
        let time: u32 = time.parse().map_err(|_| unknown(time))?;
        let time = (time * 100).to_string();
        ip(&["link", "set", bridge, "type", "bridge", key, &time])
    };
    match words.as_slice() {
        ["addbr", bridge] => ip(&["link", "add", bridge, "type", "bridge"]),
        ["delbr", bridge] => ip(&["link", "del", bridge]),
        ["addif", bridge, ports @ ..] => {
            let steps = ports
                .iter()
                .map(|port| ip(&["link", "set", port, "master", bridge]));
            Ok(steps.collect::<Result<Vec<_>, _>>()?.concat())
        }
        ["delif", _, port] => ip(&["link", "set", port, "nomaster"]),
        ["stp", bridge, state] => {
            let on = ["on", "yes", "1", "true"].contains(state);
            let on = if on { "1" } else { "0" };
            ip(&["link", "set", bridge, "type", "bridge", "stp_state", on])
        }
        ["setfd", bridge, time] => hundredths("forward_delay", bridge, time),
        ["sethello", bridge, time] => hundredths("hello_time", bridge, time),
        ["setmaxage", bridge, time] => hundredths("max_age", bridge, time),
        ["setageing", bridge, time] => hundredths("ageing_time", bridge, time),
        ["setbridgeprio", bridge, number] => {
            ip(&["link", "set", bridge, "type", "bridge", "priority", number])
        }
        ["setpathcost", _, port, number] => {
            ip(&["link", "set", port, "type", "bridge_slave", "cost", number])
        }
        ["hairpin", _, port, state] => ip(&[
            "link",
            "set",
            port,
            "type",
            "bridge_slave",
            "hairpin",
            state,
        ]),
        ["show", ..] => ip(&["link", "show"]),
        _ => Err("this form of brctl is not known here".to_owned()),
    }
}
