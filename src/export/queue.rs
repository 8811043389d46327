//! What a link holds its outgoing packets in.

use ipnet::IpNet;
use rhai::{Dynamic, Map};

use super::draft::{Draft, options};
use super::world::LinkId;
use crate::dsl::objects::queue::{htb_of, rows};
use crate::net::link::Snapshot;
use crate::net::queue::{Class, Hook, Packets, Part, ROOT, Sort, Steer, Tree, What};
use crate::steps::{Call, Value};
use crate::value::rate::Rate;

/// ICMP, and what IPv6 has in its place.
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
/// By how much the numbers of classes differ, which the word for them gives.
const STEP: u32 = 0x10;

impl Draft<'_> {
    /// Says the queue of a link in the words that `tc` has for it, which are read as those of a shell script are.
    pub(super) fn queue(&mut self, id: LinkId, seen: &Snapshot) {
        let Some(details) = self.world.places[id.0].details.get(&id.1) else {
            return;
        };
        if let Some(hook) = Hook::of(&details.queue) {
            self.on_link(id, &seen.name, Call::new(hook.name(), []));
        }
        let tree = details.queue.made();
        let Some(root) = tree.root() else {
            return;
        };
        let inside = tree.parts.iter().filter(|part| part.parent != ROOT);
        let inside: Vec<(&Part, What)> = inside.map(|part| (part, part.what())).collect();
        let unknown = || "it has what the word for it does not know".to_owned();
        let steps = match (inside.as_slice(), root.what()) {
            ([], What::Netem(netem)) => rows::of_netem(&netem, root.distribution)
                .map(|pairs| call("netem", options(pairs)))
                .ok_or_else(unknown),
            ([(_, What::Tbf(inner))], What::Netem(netem)) => {
                let inner = Value::Map(options(rows::of_tbf(inner)));
                let pairs = rows::of_netem(&netem, root.distribution);
                let all = pairs.map(|pairs| {
                    let inner = (rows::INNER_TBF.key.to_owned(), inner);
                    call("netem", [options(pairs), vec![inner]].concat())
                });
                all.ok_or_else(unknown)
            }
            ([], What::Tbf(tbf)) => Ok(call("tbf", options(rows::of_tbf(&tbf)))),
            ([(part, What::Netem(_))], What::Tbf(tbf)) => netem(part)
                .map(|inner| {
                    let inner = (rows::INNER.key.to_owned(), inner);
                    call("tbf", [options(rows::of_tbf(&tbf)), vec![inner]].concat())
                })
                .ok_or_else(unknown),
            ([], What::Other) => Err(format!("there is no word for {}", root.kind)),
            (_, What::Htb(_)) => htb(&tree, seen)
                .map(|options| call("htb", options))
                .ok_or_else(|| "it has what the word for it does not know".to_owned()),
            _ => Err("it has several parts".to_owned()),
        };
        match steps {
            Ok(call) => self.on_link(id, &seen.name, call),
            Err(why) => {
                let what = format!("{} queue of `{}`", root.kind, seen.name);
                self.leave(id.0, &what, &why);
            }
        }
    }
}

fn call(word: &'static str, options: Options) -> Call {
    Call::new(word, [Value::Map(options)])
}

type Options = Vec<(String, Value)>;

/// The options that make the tree of htb; none where no options do.
fn htb(tree: &Tree, seen: &Snapshot) -> Option<Options> {
    // Of bursts as a rule nothing is said.
    [false, true].into_iter().find_map(|with_bursts| {
        let options = htb_options(tree, with_bursts)?;
        let map = match dynamic(&Value::Map(options.clone())).try_cast::<Map>() {
            Some(map) => htb_of(map, seen.mtu).ok()?,
            None => return None,
        };
        map.is_like(tree).then_some(options)
    })
}

fn htb_options(tree: &Tree, with_bursts: bool) -> Option<Options> {
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
    let mut said = Options::new();
    if let Some(total) = &total {
        said.push((rows::RATE.key.to_owned(), rate(total.rate)));
        if total.ceil != total.rate {
            said.push((rows::CEIL.key.to_owned(), rate(total.ceil)));
        }
    }
    if queue.default > 0 {
        said.push((rows::OTHERWISE.key.to_owned(), name(queue.default)));
    }
    let mut list = Vec::new();
    for ((part, class), number) in classes.iter().zip((1..).map(|n| n * STEP)) {
        if part.handle & 0xffff != number {
            return None;
        }
        let usual = total.as_ref().map_or(class.rate, |total| total.rate);
        let mut own = vec![
            (rows::NAME.key.to_owned(), name(number)),
            (rows::RATE.key.to_owned(), rate(class.rate)),
        ];
        if class.ceil != usual.max(class.rate) {
            own.push((rows::CEIL.key.to_owned(), rate(class.ceil)));
        }
        if with_bursts {
            let size = |bytes: u32| Value::text(format!("{bytes}b"));
            own.push((rows::BURST.key.to_owned(), size(class.burst)));
            own.push((rows::CBURST.key.to_owned(), size(class.cburst)));
        }
        if class.prio > 0 {
            own.push((rows::PRIO.key.to_owned(), Value::Number(class.prio.into())));
        }
        let packets = packets(tree, part.handle)?;
        if !packets.is_empty() {
            own.push((rows::PACKETS.key.to_owned(), Value::List(packets)));
        }
        let is_inside = |inner: &&Part| inner.sort == Sort::Queue && inner.parent == part.handle;
        if let Some(inner) = tree.parts.iter().find(is_inside) {
            own.push((rows::INNER.key.to_owned(), netem(inner)?));
        }
        list.push(Value::Map(own));
    }
    said.push((rows::CLASSES.key.to_owned(), Value::List(list)));
    Some(said)
}

/// What the class of that number is called.
fn name(number: u32) -> Value {
    Value::text(format!("class {number:x}"))
}

fn rate(rate: Rate) -> Value {
    Value::text(rate.to_string())
}

/// The options of a netem queue in a class.
fn netem(inner: &Part) -> Option<Value> {
    let What::Netem(netem) = inner.what() else {
        return None;
    };
    let pairs = rows::of_netem(&netem, inner.distribution)?;
    Some(Value::Map(options(pairs)))
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
                list.push(Value::Map(vec![(rows::MARK.key.to_owned(), mark)]));
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
    // The number of ICMP of IPv6 has no name of its own here.
    let number = |number: u8| if number == ICMPV6 { ICMP } else { number };
    let proto = match packets.protocol {
        None => None,
        Some(protocol) => Some(rows::PROTO.form.of_number(number(protocol).into())?),
    };
    let all = [
        (rows::SRC.key, packets.src.map(prefix)),
        (rows::DST.key, packets.dst.map(prefix)),
        (rows::PROTO.key, proto),
        (rows::SPORT.key, packets.sport.map(port)),
        (rows::DPORT.key, packets.dport.map(port)),
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
