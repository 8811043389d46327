//! The other programs that set-ups are made with: what they do, in steps.

use super::ip::{self, Outcome, Words, in_netns, on_link, unknown};
use super::{shell, tc};
use crate::steps::{Act, Call, Item, Place, Step, Value};

/// What a command does that is run in the namespace `place`.
pub(crate) fn command(words: &[String], place: &Place) -> Outcome {
    let Some((program, arguments)) = words.split_first() else {
        return Err("no program is named".to_owned());
    };
    let name = program.rsplit('/').next().unwrap_or(program);
    match name {
        "sudo" | "command" | "exec"
            if arguments.first().is_some_and(|word| !word.starts_with('-')) =>
        {
            command(arguments, place)
        }
        "ip" => ip::command(arguments, place),
        "ping" | "ping4" | "ping6" => ping(arguments, place),
        "route" => route(arguments, place),
        "ifconfig" => ifconfig(arguments, place),
        "sysctl" => sysctl(arguments, place),
        "brctl" => brctl(arguments, place),
        "tc" => tc::command(arguments, place),
        "sh" | "bash" => script(arguments, place),
        "echo"
            if place.is_none() && !arguments.first().is_some_and(|word| word.starts_with('-')) =>
        {
            Ok(free("print", Value::text(arguments.join(" "))))
        }
        "sleep" if place.is_none() => match arguments {
            [time] if time.parse::<i64>().is_ok() => Ok(free("sleep", Value::guess(time))),
            [time] if time.parse::<f64>().is_ok() => {
                Ok(free("sleep", Value::text(format!("{time}s"))))
            }
            _ => Err("not a plain number of seconds".to_owned()),
        },
        _ if place.is_some() => Ok(vec![Step {
            place: place.clone(),
            act: Act::Show {
                link: None,
                call: Call::new(
                    "exec",
                    [Value::List(words.iter().map(Value::text).collect())],
                ),
                field: Some("stdout"),
            },
        }]),
        _ => Err(format!("the program `{name}` is not known here")),
    }
}

fn free(word: &'static str, value: Value) -> Vec<Step> {
    vec![Step {
        place: None,
        act: Act::Free(Call::new(word, [value])),
    }]
}

/// `sh -c '…'` in a namespace: each of its commands is run there.
fn script(arguments: &[String], place: &Place) -> Outcome {
    let [option, text] = arguments else {
        return Err("a shell with a script of its own".to_owned());
    };
    if option != "-c" && option != "-ec" {
        return Err("a shell with a script of its own".to_owned());
    }
    let items = shell::read(text, 1, &|words| command(words, place));
    let mut steps = Vec::new();
    for item in items {
        match item {
            Item::Step(step) => steps.push(step),
            Item::Left(left) => return Err(left.why),
            Item::Blank | Item::Comment(_) | Item::Head(_) => {}
        }
    }
    Ok(steps)
}

fn ping(arguments: &[String], place: &Place) -> Outcome {
    let mut words = Words::new(arguments);
    let mut destination = None;
    let mut count = None;
    let mut options = Vec::new();
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix('-') else {
            if destination.replace(word).is_some() {
                return Err("more than one destination".to_owned());
            }
            continue;
        };
        let (option, attached) = option.split_at(option.chars().next().map_or(0, char::len_utf8));
        match option {
            "n" | "4" | "6" if attached.is_empty() => continue,
            "q" if attached.is_empty() => {
                options.push(("quiet".to_owned(), Value::Flag(true)));
                continue;
            }
            "c" | "i" | "W" | "s" | "t" | "I" => {}
            _ => return Err(format!("the option `{word}` of ping is not known here")),
        }
        let value = if attached.is_empty() {
            words.value(word)?
        } else {
            attached
        };
        let number = || {
            value
                .parse::<i64>()
                .map_err(|_| format!("`{word} {value}` is no number"))
        };
        let seconds = || {
            value
                .parse::<f64>()
                .map(|_| Value::text(format!("{value}s")))
                .map_err(|_| unknown(value))
        };
        match option {
            "c" => count = Some(number()?),
            "i" => options.push(("interval".to_owned(), seconds()?)),
            "W" => options.push(("timeout".to_owned(), seconds()?)),
            "s" => options.push(("size".to_owned(), Value::Number(number()?))),
            "t" => options.push(("ttl".to_owned(), Value::Number(number()?))),
            _ if value.parse::<std::net::IpAddr>().is_ok() => {
                options.push(("source".to_owned(), Value::text(value)));
            }
            _ => return Err("a link to ping from".to_owned()),
        }
    }
    let destination = Value::text(destination.ok_or("no destination is named")?);
    // Without a number it goes on until Ctrl-C.
    let count = Value::Number(count.unwrap_or(0));
    let how = if options.is_empty() {
        count
    } else {
        options.insert(0, ("count".to_owned(), count));
        Value::Map(options)
    };
    Ok(vec![in_netns(place, Call::new("ping", [destination, how]))])
}

/// `route add default dev X` and its like, of net-tools.
fn route(arguments: &[String], place: &Place) -> Outcome {
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
        (to, None) => return Err(format!("`{to}` without a netmask")),
    };
    let word = if is_delete { "del_route" } else { "route" };
    let call = |options| Call::new(word, [Value::text(to), Value::Map(options)]);
    Ok(vec![match dev {
        Some(dev) if !is_delete || options.is_empty() => on_link(place, dev, call(options)),
        _ => in_netns(place, call(options)),
    }])
}

fn ifconfig(arguments: &[String], place: &Place) -> Outcome {
    match arguments {
        [link, state] if state == "up" || state == "down" => {
            let word = if state == "up" { "up" } else { "down" };
            Ok(vec![on_link(place, link, Call::new(word, []))])
        }
        _ => Err("this form of ifconfig is not known here".to_owned()),
    }
}

fn sysctl(arguments: &[String], place: &Place) -> Outcome {
    let settings: Vec<&String> = arguments
        .iter()
        .filter(|word| !word.starts_with('-'))
        .collect();
    let known = arguments
        .iter()
        .all(|word| !word.starts_with('-') || ["-w", "-q", "-qw", "-wq"].contains(&word.as_str()));
    if !known || settings.is_empty() {
        return Err("this form of sysctl is not known here".to_owned());
    }
    let mut steps = Vec::new();
    for setting in settings {
        let (key, value) = setting.split_once('=').ok_or("it only prints a setting")?;
        let key = key.replace('/', ".");
        let key = key
            .strip_prefix("net.")
            .ok_or("a setting that belongs to no namespace")?;
        steps.push(in_netns(
            place,
            Call::new("sysctl", [Value::text(key), Value::guess(value)]),
        ));
    }
    Ok(steps)
}

fn brctl(arguments: &[String], place: &Place) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ip = |line: &[&str]| {
        let line: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        ip::command(&line, place)
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
        _ => Err("this form of brctl is not known here".to_owned()),
    }
}
