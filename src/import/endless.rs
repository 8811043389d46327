//! Commands that come to no end by themselves: a run that is to be compared goes no further.

use crate::steps::{Act, Call, Item, Step, Value};

/// Has the steps end where a run of the commands comes to no end: with one ping in place of pings without end, and without a
/// program that waits for others.
pub(super) fn cut(items: &mut Vec<Item>) {
    let waits = |item: &Item| matches!(item, Item::Step(step) if is_endless(&step.act));
    let Some(at) = items.iter().position(waits) else {
        return;
    };
    items.truncate(at + 1);
    let Some(Item::Step(Step { act, .. })) = items.last_mut() else {
        return;
    };
    match call_of(act) {
        Some(ping) if ping.word == "ping" => {
            if let Some(count) = ping.arguments.get_mut(1) {
                *count = Value::Number(1);
            }
        }
        _ => drop(items.pop()),
    }
}

fn call_of(act: &mut Act) -> Option<&mut Call> {
    match act {
        Act::InNetns(call) | Act::Free(call) | Act::OnLink { call, .. } => Some(call),
        Act::Try(act) => call_of(act),
        _ => None,
    }
}

fn is_endless(act: &Act) -> bool {
    let call = match act {
        Act::InNetns(call) | Act::Free(call) | Act::OnLink { call, .. } => call,
        Act::Try(act) => return is_endless(act),
        _ => return false,
    };
    match (call.word, call.arguments.as_slice()) {
        ("ping", [_, Value::Number(0)]) => true,
        ("exec", [Value::List(words), ..]) => {
            let texts: Vec<&str> = words
                .iter()
                .filter_map(|word| match word {
                    Value::Text(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect();
            waits_for_others(&texts)
        }
        _ => false,
    }
}

/// Whether the program is one that listens until it is ended.
fn waits_for_others(words: &[&str]) -> bool {
    let Some((program, options)) = words.split_first() else {
        return false;
    };
    let has = |wanted: &[&str]| options.iter().any(|option| wanted.contains(option));
    match program.rsplit('/').next().unwrap_or(program) {
        "iperf" | "iperf3" | "netserver" => has(&["-s", "--server"]),
        "nc" | "ncat" | "netcat" => options.iter().any(|option| {
            option.starts_with('-') && !option.starts_with("--") && option.contains('l')
        }),
        "tcpdump" | "tshark" => !has(&["-c"]),
        "python3" | "python" => has(&["http.server", "SimpleHTTPServer"]),
        "tail" => has(&["-f", "-F"]),
        "sleep" => has(&["infinity", "inf"]),
        _ => false,
    }
}
