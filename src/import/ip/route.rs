//! `ip route`.

use super::{Family, Outcome, Words, in_netns, on_link, show, unknown, verb};
use crate::steps::{Act, Call, Place, Step, Value};

const OF_ROUTE: &[&str] = &[
    "list", "show", "lst", "get", "add", "append", "change", "chg", "replace", "prepend", "delete",
    "test", "flush", "save", "restore", "showdump", "help",
];

#[expect(
    clippy::too_many_lines,
    reason = "one arm for each word of the command"
)]
pub(super) fn command(mut words: Words, place: &Place, family: Family) -> Outcome {
    let verb = verb(&mut words, OF_ROUTE)?;
    match verb {
        "show" if words.peek().is_none() => return Ok(show(place, None, "routes")),
        "show" if words.peek() == Some("table") => {
            words.next();
            let table = ("table".to_owned(), Value::guess(words.value("table")?));
            return Ok(vec![Step {
                place: place.clone(),
                act: Act::Show {
                    link: None,
                    call: Call::new("routes", [Value::Map(vec![table])]),
                    field: None,
                },
            }]);
        }
        "get" => {
            let to = Value::text(words.value("get")?);
            if let Some(other) = words.next() {
                return Err(unknown(other));
            }
            return Ok(vec![Step {
                place: place.clone(),
                act: Act::Show {
                    link: None,
                    call: Call::new("lookup", [to]),
                    field: None,
                },
            }]);
        }
        "add" | "replace" | "delete" => {}
        other => return Err(format!("this form of `ip route {other}` is not known here")),
    }
    let (mut to, mut dev, mut options) = (None, None, Vec::new());
    let mut scope = None;
    let mut hops = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "to" => to = Some(words.value(word)?),
            "dev" | "oif" => dev = Some(words.value(word)?),
            "via" => {
                let mut gateway = words.value(word)?;
                if ["inet", "inet6"].contains(&gateway) {
                    gateway = words.value(word)?;
                }
                options.push(("via".to_owned(), Value::text(gateway)));
            }
            "metric" | "priority" | "preference" => {
                options.push(("metric".to_owned(), Value::Number(words.number(word)?)));
            }
            "table" => options.push(("table".to_owned(), Value::guess(words.value(word)?))),
            "src" => options.push(("src".to_owned(), Value::text(words.value(word)?))),
            "onlink" => options.push(("onlink".to_owned(), Value::Flag(true))),
            "scope" => scope = Some(words.value(word)?),
            "proto" | "protocol" if words.peek() == Some("boot") => {
                words.next();
            }
            "nexthop" => {
                hops.push(hop(&mut words)?);
                while words.peek() == Some("nexthop") {
                    words.next();
                    hops.push(hop(&mut words)?);
                }
            }
            "unicast" if to.is_none() => {}
            "local" | "broadcast" | "blackhole" | "unreachable" | "prohibit" | "throw"
                if to.is_none() =>
            {
                options.push(("type".to_owned(), Value::text(word)));
            }
            "proto" | "protocol" => {
                let value = Value::guess(words.value(word)?);
                options.push(("proto".to_owned(), value));
            }
            "mtu" | "advmss" | "hoplimit" | "initcwnd" | "initrwnd" | "reordering" | "window"
            | "congctl" => {
                options.push((word.to_owned(), Value::guess(words.value(word)?)));
            }
            "tos" | "dsfield" => {
                let text = words.value(word)?;
                let digits = text.trim_start_matches("0x");
                // iproute2 reads hexadecimal, with its mark or without.
                let tos = i64::from_str_radix(digits, 16);
                let tos = tos.map_err(|_| format!("`{text}` is no type of service"))?;
                options.push(("tos".to_owned(), Value::Number(tos)));
            }
            "quickack" | "fastopen_no_cookie" => {
                let on = words.number(word)? != 0;
                options.push((word.to_owned(), Value::Flag(on)));
            }
            "rto_min" => {
                let text = words.value(word)?;
                let has_unit = text.ends_with('s');
                let text = if has_unit {
                    text.to_owned()
                } else {
                    format!("{text}ms")
                };
                options.push((word.to_owned(), Value::Text(text)));
            }
            "features" if words.peek() == Some("ecn") => {
                words.next();
                options.push(("ecn".to_owned(), Value::Flag(true)));
            }
            other if to.is_none() && (other == "default" || other.contains(['.', ':', '/'])) => {
                to = Some(other);
            }
            other => return Err(format!("`{other}` of a route is not known here")),
        }
    }
    let to = match to.ok_or("no destination is named")? {
        "default" | "any" | "all"
            if family == Family::V6 && !options.iter().any(|(key, _)| key == "via") =>
        {
            "::/0"
        }
        // By its gateway alone it would be one of IPv6.
        "default" | "any" | "all" if family == Family::V4 && has_ipv6_gateway(&options) => {
            "0.0.0.0/0"
        }
        other => other,
    };
    let is = |key: &str, value: &str| options.contains(&(key.to_owned(), Value::text(value)));
    let is_own = is("type", "local") || is("type", "broadcast");
    if is_own && !options.iter().any(|(key, _)| key == "table") {
        options.push(("table".to_owned(), Value::text("local")));
    }
    let has_gateway = options.iter().any(|(key, _)| key == "via");
    match scope {
        None => {}
        Some("link") if !has_gateway => {}
        Some("global") if has_gateway => {}
        Some(other) => options.push(("scope".to_owned(), Value::guess(other))),
    }
    if !hops.is_empty() {
        options.push(("nexthops".to_owned(), Value::List(hops)));
    }
    if verb == "replace" {
        options.push(("replace".to_owned(), Value::Flag(true)));
    }
    let word = if verb == "delete" {
        "del_route"
    } else {
        "route"
    };
    if verb == "delete"
        && let Some((key, _)) = options
            .iter()
            .find(|(key, _)| !["via", "metric", "table"].contains(&key.as_str()))
    {
        return Err(format!(
            "`{key}` of a route to be deleted is not known here"
        ));
    }
    let step = match dev {
        Some(dev) if verb == "delete" && !options.is_empty() => {
            options.insert(0, ("dev".to_owned(), Value::text(dev)));
            in_netns(
                place,
                Call::new(word, [Value::text(to), Value::Map(options)]),
            )
        }
        Some(dev) => on_link(
            place,
            dev,
            Call::new(word, [Value::text(to), Value::Map(options)]),
        ),
        None => in_netns(
            place,
            Call::new(word, [Value::text(to), Value::Map(options)]),
        ),
    };
    Ok(vec![step])
}

fn has_ipv6_gateway(options: &[(String, Value)]) -> bool {
    let is_it = |(key, value): &(String, Value)| {
        key == "via" && matches!(value, Value::Text(ip) if ip.contains(':'))
    };
    options.iter().any(is_it)
}

/// One of several next hops, behind its word.
fn hop(words: &mut Words) -> Result<Value, String> {
    let mut keys: Vec<(String, Value)> = Vec::new();
    while let Some(word) = words.peek() {
        let value = match word {
            "via" => {
                words.next();
                let mut gateway = words.value(word)?;
                if ["inet", "inet6"].contains(&gateway) {
                    gateway = words.value(word)?;
                }
                Value::text(gateway)
            }
            "dev" => {
                words.next();
                Value::text(words.value(word)?)
            }
            "weight" => {
                words.next();
                Value::Number(words.number(word)?)
            }
            "onlink" => {
                words.next();
                Value::Flag(true)
            }
            _ => break,
        };
        keys.push((word.to_owned(), value));
    }
    Ok(Value::Map(keys))
}
