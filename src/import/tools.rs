//! The other programs that set-ups are made with: what they do, in steps.

use super::ip::{self, Outcome, Words, in_netns, unknown};
use super::{bridge, older, tc};
use crate::steps::{Act, Call, Item, Place, Step, Value};

/// Programs that change files and print nothing.
const OF_FILES: [&str; 5] = ["mkdir", "touch", "ln", "tee", "true"];

/// Programs that set up networks by what ipvsh has no words for. A run of the script runs them.
const OF_THE_HOST: [&str; 16] = [
    "iptables",
    "ip6tables",
    "ebtables",
    "arptables",
    "nft",
    "wg",
    "ethtool",
    "modprobe",
    "ovs-vsctl",
    "ovs-ofctl",
    "ipset",
    "ipvsadm",
    "bpftool",
    "devlink",
    "iw",
    "teamdctl",
];

/// Whether the program sets up or tries networks.
pub(crate) fn is_of_network(name: &str) -> bool {
    const KNOWN: [&str; 14] = [
        "arp",
        "brctl",
        "bridge",
        "ifconfig",
        "ifenslave",
        "ip",
        "ping",
        "ping4",
        "ping6",
        "route",
        "sysctl",
        "tc",
        "tunctl",
        "vconfig",
    ];
    KNOWN.contains(&name) || OF_THE_HOST.contains(&name)
}

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
        "nsenter" => entered(arguments),
        "ip" => ip::command(arguments, place),
        "ping" | "ping4" | "ping6" => ping(arguments, place).or_else(|why| {
            // One that never ends is no step of a set-up.
            let ends = |word: &String| word.starts_with("-c") || word.starts_with("-w");
            if arguments.iter().any(ends) {
                Ok(ip::by_itself(name, arguments, place, false))
            } else {
                Err(why)
            }
        }),
        "route" => older::route(arguments, place),
        "ifconfig" => older::ifconfig(arguments, place),
        "sysctl" => sysctl(arguments, place),
        "brctl" => older::brctl(arguments, place),
        "vconfig" => older::vconfig(arguments, place),
        "tunctl" => older::tunctl(arguments, place),
        "ifenslave" => older::ifenslave(arguments, place),
        "arp" => older::arp(arguments, place),
        "bridge" => bridge::command(arguments, place),
        "tc" => tc::command(arguments, place),
        "sh" | "bash" => script(name, arguments, place),
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
        _ if OF_FILES.contains(&name) => {
            let words = words.iter().map(Value::text).collect();
            Ok(vec![in_netns(
                place,
                Call::new("exec", [Value::List(words)]),
            )])
        }
        _ if place.is_some() || OF_THE_HOST.contains(&name) => Ok(vec![executed(
            place,
            words.iter().map(Value::text).collect(),
        )]),
        _ => Err(format!("the program `{name}` is not known here")),
    }
}

fn free(word: &'static str, value: Value) -> Vec<Step> {
    vec![Step {
        place: None,
        act: Act::Free(Call::new(word, [value])),
    }]
}

/// `nsenter --net=/run/netns/NAME …` and `nsenter -t PID -n …`: a command in another namespace.
fn entered(arguments: &[String]) -> Outcome {
    let odd = || "this form of nsenter is not known here".to_owned();
    let mut words = Words::new(arguments);
    let (mut place, mut process, mut is_net) = (None, None, false);
    while let Some(option) = words.peek().filter(|word| word.starts_with('-')) {
        words.next();
        let path = option.strip_prefix("--net=").or(option
            .strip_prefix("-n")
            .filter(|path| path.starts_with('/')));
        match option {
            "-n" | "--net" => is_net = true,
            "-t" | "--target" => process = Some(words.value(option)?.to_owned()),
            "-tn" | "-nt" => {
                is_net = true;
                process = Some(words.value(option)?.to_owned());
            }
            "--" => break,
            _ => {
                let path = path.ok_or_else(odd)?;
                let name = ["/run/netns/", "/var/run/netns/"]
                    .iter()
                    .find_map(|begin| path.strip_prefix(begin));
                place = Some(name.unwrap_or(path).to_owned());
            }
        }
    }
    let place = match (place, process) {
        (Some(place), None) => place,
        (None, Some(process)) if is_net && process.parse::<u32>().is_ok() => {
            format!("pid:{process}")
        }
        _ => return Err(odd()),
    };
    if words.peek().is_none() {
        return Err("no program is named".to_owned());
    }
    command(words.0, &Some(place))
}

/// `sh -c '…'`: each of its commands is run where the shell is. What is not understood is left to a shell in the namespace.
fn script(shell: &str, arguments: &[String], place: &Place) -> Outcome {
    let odd = || Err("a shell with a script of its own".to_owned());
    let [option, text] = arguments else {
        return odd();
    };
    let is_text = option.starts_with('-') && option.ends_with('c') && !option.starts_with("--");
    if !is_text {
        return odd();
    }
    let given = super::shell::Given {
        arguments: Some(Vec::new()),
        path: None,
        signs: None,
        variables: Vec::new(),
    };
    let reading = super::shell::read(text, 1, &given, &|words| command(words, place));
    if reading.awaits {
        let words = [shell, "-c", text].map(Value::text);
        return Ok(vec![executed(place, words.into())]);
    }
    let mut steps = Vec::new();
    for item in reading.items {
        match item {
            Item::Step(step) => steps.push(step),
            Item::Left(left) if place.is_none() => return Err(left.why),
            Item::Left(_) | Item::Block(_) => {
                let words = [shell, "-c", text].map(Value::text);
                return Ok(vec![executed(place, words.into())]);
            }
            Item::Blank | Item::Comment(_) | Item::Head(_) => {}
        }
    }
    Ok(steps)
}

/// A program that is run in the namespace, and what it prints.
pub(crate) fn executed(place: &Place, words: Vec<Value>) -> Step {
    Step {
        place: place.clone(),
        act: Act::Show {
            link: None,
            call: Call::new("exec", [Value::List(words)]),
            field: Some("stdout"),
        },
    }
}

/// How many requests a deadline of `ping` may stand for.
const MOST_PINGS: u32 = 100_000;

fn ping(arguments: &[String], place: &Place) -> Outcome {
    let mut words = Words::new(arguments);
    let mut destination = None;
    let mut count = None;
    let (mut interval, mut deadline) = (1.0, None);
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
            // How it prints, and the family that an address says anyway.
            "n" | "4" | "6" | "D" | "O" | "v" | "a" | "U" if attached.is_empty() => continue,
            "q" if attached.is_empty() => {
                options.push(("quiet".to_owned(), Value::Flag(true)));
                continue;
            }
            "c" | "i" | "W" | "s" | "t" | "I" | "w" | "m" | "Q" | "M" => {}
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
            "w" => deadline = Some(value.parse::<f64>().map_err(|_| unknown(value))?),
            "m" => options.push(("mark".to_owned(), Value::Number(number()?))),
            "Q" => options.push(("tos".to_owned(), Value::Number(number()?))),
            "M" if value == "do" => options.push(("df".to_owned(), Value::Flag(true))),
            "M" => return Err(format!("`-M {value}` of ping is not known here")),
            "i" => {
                interval = value.parse::<f64>().map_err(|_| unknown(value))?;
                options.push(("interval".to_owned(), seconds()?));
            }
            "W" => options.push(("timeout".to_owned(), seconds()?)),
            "s" => options.push(("size".to_owned(), Value::Number(number()?))),
            "t" => options.push(("ttl".to_owned(), Value::Number(number()?))),
            _ if value.parse::<std::net::IpAddr>().is_ok() => {
                options.push(("source".to_owned(), Value::text(value)));
            }
            _ => options.push(("iface".to_owned(), Value::text(value))),
        }
    }
    if let Some(deadline) = deadline {
        // Until then it sends, or waits for the replies to a number of requests.
        if count.is_none() {
            let enough = (1..=MOST_PINGS).find(|count| f64::from(*count) * interval >= deadline);
            let enough =
                enough.ok_or_else(|| format!("more than {MOST_PINGS} requests of ping"))?;
            count = Some(enough.into());
        } else if options.iter().all(|(key, _)| key != "timeout") {
            options.push(("timeout".to_owned(), Value::text(format!("{deadline}s"))));
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
        // With a dot in the name of a link the other separator has to stay.
        let key = if key.contains('.') {
            key.to_owned()
        } else {
            key.replace('/', ".")
        };
        let key = key
            .strip_prefix("net.")
            .or_else(|| key.strip_prefix("net/"))
            .ok_or("a setting that belongs to no namespace")?;
        steps.push(in_netns(
            place,
            Call::new("sysctl", [Value::text(key), Value::guess(value)]),
        ));
    }
    Ok(steps)
}
