//! What a link holds its outgoing packets in.

use ipnet::IpNet;
use rhai::{Dynamic, Map};

use super::draft::Draft;
use super::network::calls;
use super::world::LinkId;
use crate::dsl::objects::queue::htb_of;
use crate::net::link::Snapshot;
use crate::net::queue::{Class, Packets, Part, ROOT, Sort, Steer, Tree, What};
use crate::steps::{Call, Value};
use crate::value::rate::Rate;

/// By how much the numbers of classes differ, which the word for them gives.
const STEP: u32 = 0x10;

impl Draft<'_> {
    /// Says the queue of a link in the words that `tc` has for it, which are read as those of a shell script are.
    pub(super) fn queue(&mut self, id: LinkId, seen: &Snapshot) {
        let Some(details) = self.world.places[id.0].details.get(&id.1) else {
            return;
        };
        let tree = details.queue.clone();
        let Some(root) = tree.root() else {
            return;
        };
        let steps = match (tree.parts.as_slice(), root.what()) {
            ([one], What::Netem(_) | What::Tbf(_) | What::Other) => queue_calls(one, seen),
            (_, What::Htb(_)) => htb(&tree, seen)
                .map(|options| vec![Call::new("htb", [Value::Map(options)])])
                .ok_or_else(|| "it has what the word for it does not know".to_owned()),
            _ => Err("it has several parts".to_owned()),
        };
        match steps {
            Ok(calls) => self.all_on_link(id, seen, calls),
            Err(why) => {
                let what = format!("{} queue of `{}`", root.kind, seen.name);
                self.leave(id.0, &what, &why);
            }
        }
    }
}

/// The calls that make the queue.
fn queue_calls(part: &Part, seen: &Snapshot) -> Result<Vec<Call>, String> {
    let mut words = vec!["tc".to_owned()];
    words.extend(part.command(&seen.name));
    calls(&words)
}

type Options = Vec<(String, Value)>;

/// The options that make the tree of htb; none where no options do.
fn htb(tree: &Tree, seen: &Snapshot) -> Option<Options> {
    // Of bursts as a rule nothing is said.
    [false, true].into_iter().find_map(|with_bursts| {
        let options = htb_options(tree, seen, with_bursts)?;
        let map = match dynamic(&Value::Map(options.clone())).try_cast::<Map>() {
            Some(map) => htb_of(map, seen.mtu).ok()?,
            None => return None,
        };
        map.is_like(tree).then_some(options)
    })
}

fn htb_options(tree: &Tree, seen: &Snapshot, with_bursts: bool) -> Option<Options> {
    let root = tree.root()?;
    let What::Htb(queue) = root.what() else {
        return None;
    };
    let mut classes: Vec<(&Part, Class)> = Vec::new();
    for part in tree.parts.iter().filter(|part| part.sort == Sort::Class) {
        if let What::Class(class) = part.what() {
            classes.push((part, class));
        }
    }
    classes.sort_by_key(|(part, _)| part.handle);
    let above = root.handle | 1;
    let total = classes
        .iter()
        .position(|(part, _)| part.handle == above && part.parent == ROOT)
        .map(|position| classes.remove(position).1);
    let mut options = Options::new();
    if let Some(total) = &total {
        options.push(("rate".to_owned(), rate(total.rate)));
        if total.ceil != total.rate {
            options.push(("ceil".to_owned(), rate(total.ceil)));
        }
    }
    if queue.default > 0 {
        options.push(("otherwise".to_owned(), name(queue.default)));
    }
    let mut list = Vec::new();
    for ((part, class), number) in classes.iter().zip((1..).map(|n| n * STEP)) {
        if part.handle & 0xffff != number {
            return None;
        }
        let usual = total.as_ref().map_or(class.rate, |total| total.rate);
        let mut own = vec![
            ("name".to_owned(), name(number)),
            ("rate".to_owned(), rate(class.rate)),
        ];
        if class.ceil != usual.max(class.rate) {
            own.push(("ceil".to_owned(), rate(class.ceil)));
        }
        if with_bursts {
            let size = |bytes: u32| Value::text(format!("{bytes}b"));
            own.push(("burst".to_owned(), size(class.burst)));
            own.push(("cburst".to_owned(), size(class.cburst)));
        }
        if class.prio > 0 {
            own.push(("prio".to_owned(), Value::Number(class.prio.into())));
        }
        let packets = packets(tree, part.handle)?;
        if !packets.is_empty() {
            own.push(("packets".to_owned(), Value::List(packets)));
        }
        let is_inside = |inner: &&Part| inner.sort == Sort::Queue && inner.parent == part.handle;
        if let Some(inner) = tree.parts.iter().find(is_inside) {
            own.push(("netem".to_owned(), netem(inner, seen)?));
        }
        list.push(Value::Map(own));
    }
    options.push(("classes".to_owned(), Value::List(list)));
    Some(options)
}

/// What the class of that number is called.
fn name(number: u32) -> Value {
    Value::text(format!("class {number:x}"))
}

fn rate(rate: Rate) -> Value {
    Value::text(rate.to_string())
}

/// The options of a netem queue in a class.
fn netem(inner: &Part, seen: &Snapshot) -> Option<Value> {
    let own = Part {
        parent: ROOT,
        ..inner.clone()
    };
    let calls = queue_calls(&own, seen).ok()?;
    match calls.as_slice() {
        [call] if call.word == "netem" => call.arguments.first().cloned(),
        _ => None,
    }
}

/// The packets that are steered to the class, in the order in which they are looked for.
fn packets(tree: &Tree, class: u32) -> Option<Vec<Value>> {
    let mut filters: Vec<&Part> = tree
        .parts
        .iter()
        .filter(|p| p.sort == Sort::Filter)
        .collect();
    filters.sort_by_key(|filter| filter.info >> 16);
    let mut steers = Vec::new();
    for filter in filters {
        match (filter.what(), filter.steer()) {
            (What::Filter(to, _), Some(steer)) if to == class => steers.push(steer),
            (What::Filter(to, _), None) if to == class => return None,
            _ => {}
        }
    }
    let mut list = Vec::new();
    let mut steers = steers.into_iter().peekable();
    while let Some(steer) = steers.next() {
        let packets = match steer {
            Steer::Mark(mark) => {
                let mark = Value::Number(mark.into());
                list.push(Value::Map(vec![("mark".to_owned(), mark)]));
                continue;
            }
            Steer::Packets(packets) => packets,
        };
        // Where no prefix says of which family they are, they are of both.
        if packets.src.or(packets.dst).is_none() {
            steers.next_if(|next| matches!(next, Steer::Packets(next) if next.is_v6))?;
        }
        list.push(Value::Map(packet_options(&packets)?));
    }
    Some(list)
}

fn packet_options(packets: &Packets) -> Option<Options> {
    let prefix = |prefix: IpNet| Value::text(prefix.to_string());
    let port = |port: u16| Value::Number(port.into());
    let proto = match packets.protocol {
        None => None,
        Some(6) => Some("tcp"),
        Some(17) => Some("udp"),
        Some(132) => Some("sctp"),
        Some(1 | 58) => Some("icmp"),
        Some(_) => return None,
    };
    let all = [
        ("src", packets.src.map(prefix)),
        ("dst", packets.dst.map(prefix)),
        ("proto", proto.map(Value::text)),
        ("sport", packets.sport.map(port)),
        ("dport", packets.dport.map(port)),
    ];
    let said = all.into_iter();
    Some(
        said.filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect(),
    )
}

/// The value as a script has it.
fn dynamic(value: &Value) -> Dynamic {
    match value {
        Value::Text(text) | Value::Lines(text) | Value::Variable(text) => text.clone().into(),
        Value::Number(number) => (*number).into(),
        Value::Flag(on) => (*on).into(),
        Value::List(values) => values.iter().map(dynamic).collect::<Vec<_>>().into(),
        Value::Map(keys) => {
            let entries = keys.iter();
            let map: Map = entries
                .map(|(key, value)| (key.as_str().into(), dynamic(value)))
                .collect();
            map.into()
        }
    }
}
