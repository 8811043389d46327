//! Queues: what a link holds its outgoing packets in, with classes and the filters that steer to them.

mod change;
mod distribution;
mod hook;
mod htb;
mod netem;
mod read;
mod steer;
mod tbf;
mod time;
mod wire;

use rtnetlink::packet_core::DefaultNla;
use rtnetlink::packet_route::tc::{TcAttribute, TcMessage};
use serde::{Deserialize, Serialize};

pub use change::{Failed, build, clear, replace};
pub use distribution::Distribution;
pub use hook::Hook;
pub use htb::{Class, Htb};
pub use netem::{Chance, LossModel, Netem};
pub use read::{all, read};
pub use steer::{Packets, Steer};
pub use tbf::Tbf;

/// `TC_H_ROOT`: the place of a link's own queue.
pub const ROOT: u32 = 0xffff_ffff;
/// `TC_H_INGRESS`: the place for what comes in.
const INGRESS: u32 = 0xffff_fff1;
/// The handle that the words here give to a link's own queue.
pub const OWN: u32 = 0x1_0000;
/// `TCA_OPTIONS`.
const OPTIONS: u16 = 2;
/// What a part of a queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// A queueing discipline.
    Queue,
    /// A class of one.
    Class,
    /// A filter of one.
    Filter,
}

/// What went through a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes sent.
    pub bytes: u64,
    /// Packets sent.
    pub packets: u32,
    /// Packets dropped.
    pub drops: u32,
    /// Packets that had to wait for the rate.
    pub overlimits: u32,
    /// Packets that the device gave back.
    pub requeues: u32,
    /// Bytes that wait.
    pub backlog: u32,
    /// Packets that wait.
    pub queued: u32,
}

/// A queueing discipline, a class or a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which of them.
    pub sort: Sort,
    /// What it hangs on.
    pub parent: u32,
    /// Its own number.
    pub handle: u32,
    /// Priority and protocol of a filter.
    #[serde(default)]
    pub info: u32,
    /// Its kind, as `tc` calls it.
    pub kind: String,
    /// Its options, as the kernel has them.
    pub options: Vec<u8>,
    /// How the delays of a netem queue are to spread: the kernel does not tell it again.
    #[serde(default, skip_serializing_if = "Distribution::is_uniform")]
    pub distribution: Distribution,
    /// What went through.
    #[serde(skip)]
    pub stats: Stats,
}

/// The options of a part that is understood here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Those of a netem queue.
    Netem(Netem),
    /// Those of a tbf queue.
    Tbf(Tbf),
    /// Those of an htb queue.
    Htb(Htb),
    /// Those of a class of htb.
    Class(Class),
    /// The class that a filter steers to, and its comparisons.
    Filter(u32, Vec<String>),
    /// Something else.
    Other,
}

impl Part {
    fn new(sort: Sort, (parent, handle): (u32, u32), kind: &str, options: Vec<u8>) -> Self {
        Self {
            sort,
            parent,
            handle,
            info: 0,
            kind: kind.to_owned(),
            options,
            distribution: Distribution::default(),
            stats: Stats::default(),
        }
    }

    /// A netem queue at `(parent, handle)`.
    pub fn netem(place: (u32, u32), netem: &Netem) -> Self {
        Self {
            distribution: netem.distribution,
            ..Self::new(Sort::Queue, place, Netem::KIND, netem.encode())
        }
    }

    /// A tbf queue at `(parent, handle)`.
    pub fn tbf(place: (u32, u32), tbf: &Tbf) -> Self {
        Self::new(Sort::Queue, place, Tbf::KIND, tbf.encode())
    }

    /// An htb queue at `(parent, handle)`.
    pub fn htb(place: (u32, u32), htb: &Htb) -> Self {
        Self::new(Sort::Queue, place, Htb::KIND, htb.encode())
    }

    /// A class of htb at `(parent, handle)`; `packet` is the size of the link's largest packet.
    pub fn class(place: (u32, u32), class: &Class, packet: u32) -> Self {
        Self::new(Sort::Class, place, Htb::KIND, class.encode(packet))
    }

    /// A filter of the queue `parent` that steers to `class`, behind those of a lower `priority`.
    pub fn filter(parent: u32, priority: u16, steer: &Steer, class: u32) -> Self {
        let place = (parent, steer.handle());
        let mut filter = Self::new(Sort::Filter, place, steer.kind(), steer.encode(class));
        filter.info = u32::from(priority) << 16 | u32::from(steer.protocol().to_be());
        filter
    }

    /// Whether the kernel put it there by itself.
    pub fn is_default(&self) -> bool {
        self.sort == Sort::Queue && self.handle == 0
    }

    /// Whether it is for what comes in.
    pub fn is_ingress(&self) -> bool {
        self.parent == INGRESS || self.parent >> 16 == 0xffff && self.parent != ROOT
    }

    /// Its options.
    pub fn what(&self) -> What {
        match (self.sort, self.kind.as_str()) {
            (Sort::Queue, Netem::KIND) => What::Netem(Netem::decode(&self.options)),
            (Sort::Queue, Tbf::KIND) => What::Tbf(Tbf::decode(&self.options)),
            (Sort::Queue, Htb::KIND) => What::Htb(Htb::decode(&self.options)),
            (Sort::Class, Htb::KIND) => What::Class(Class::decode(&self.options)),
            (Sort::Filter, kind) => match steer::described(kind, self.handle, &self.options) {
                Some((class, words)) => What::Filter(class, words),
                None => What::Other,
            },
            _ => What::Other,
        }
    }

    /// Which packets a filter steers; none where it is none of those that are made here.
    pub fn steer(&self) -> Option<Steer> {
        let protocol = u16::from_be((self.info & 0xffff) as u16);
        Steer::decode(&self.kind, protocol, self.handle, &self.options)
    }

    /// The part in the words of `tc`, without its place.
    fn words(&self) -> Vec<String> {
        let mut words = vec![self.kind.clone()];
        match self.what() {
            What::Netem(netem) => words.extend(netem.words()),
            What::Tbf(tbf) => words.extend(tbf.words()),
            What::Htb(htb) => words.extend(htb.words()),
            What::Class(class) => words.extend(class.words()),
            What::Filter(class, own) => {
                words = own;
                words.extend(["flowid".to_owned(), handle(class)]);
            }
            What::Other => {}
        }
        words
    }

    /// The words behind `tc` that make it on the link `name`.
    pub fn command(&self, name: &str) -> Vec<String> {
        let mut words: Vec<&str> = match self.sort {
            Sort::Queue => vec!["qdisc"],
            Sort::Class => vec!["class"],
            Sort::Filter => vec!["filter"],
        };
        words.extend(["add", "dev", name]);
        let (parent, own) = (handle(self.parent), handle(self.handle));
        if self.parent == ROOT {
            words.push("root");
        } else {
            words.extend(["parent", &parent]);
        }
        let priority = (self.info >> 16).to_string();
        match self.sort {
            Sort::Queue => words.extend(["handle", &own]),
            Sort::Class => words.extend(["classid", &own]),
            Sort::Filter => {
                words.extend(["protocol", self.protocol(), "prio", &priority]);
            }
        }
        let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        words.extend(self.words());
        if !self.distribution.is_uniform() {
            words.extend(["distribution", self.distribution.name()].map(str::to_owned));
        }
        words
    }

    /// The protocol that a filter looks at.
    pub fn protocol(&self) -> &'static str {
        match u16::from_be((self.info & 0xffff) as u16) {
            0x0800 => "ip",
            0x86dd => "ipv6",
            _ => "all",
        }
    }
}

/// A handle as `tc` prints it: `1:`, `1:10`, `root`.
pub fn handle(handle: u32) -> String {
    match (handle >> 16, handle & 0xffff) {
        _ if handle == ROOT => "root".to_owned(),
        _ if handle == INGRESS => "ingress".to_owned(),
        (major, 0) => format!("{major:x}:"),
        (major, minor) => format!("{major:x}:{minor:x}"),
    }
}

/// The queue of a link with all that hangs on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tree {
    /// The parts, in no order that says anything.
    pub parts: Vec<Part>,
}

impl Tree {
    /// What was put on the link's own queue by somebody: nothing where that is the kernel's default.
    #[must_use]
    pub fn made(&self) -> Self {
        let made = |part: &&Part| !part.is_default() && !part.is_ingress();
        Self {
            parts: self.parts.iter().filter(made).cloned().collect(),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The link's own queue.
    pub fn root(&self) -> Option<&Part> {
        let is_root = |part: &&Part| part.sort == Sort::Queue && part.parent == ROOT;
        self.parts.iter().find(is_root)
    }

    /// Whether both do the same to packets, whatever number their own queue has.
    pub fn is_like(&self, other: &Self) -> bool {
        self.described() == other.described()
    }

    /// What tells it from others, in an order of its own.
    fn described(&self) -> Vec<(Sort, u32, u32, Vec<String>)> {
        let own = self.root().map_or(0, |root| root.handle >> 16);
        let moved = |handle: u32| {
            let is_own = handle >> 16 == own && handle != ROOT;
            if is_own {
                handle & 0xffff | OWN
            } else {
                handle
            }
        };
        let describe = |part: &Part| {
            let number = match part.sort {
                Sort::Queue => 0,
                Sort::Class => moved(part.handle),
                Sort::Filter => part.info,
            };
            let mut words = part.words();
            match part.what() {
                What::Filter(class, own) => {
                    words = own;
                    words.extend(["flowid".to_owned(), handle(moved(class))]);
                }
                What::Other if part.sort == Sort::Filter => return None,
                // What is made in it is told by its classes, if it has any that can be made.
                What::Other if part.sort == Sort::Class => return None,
                What::Other => words.push(format!("{:?}", part.options)),
                _ => {}
            }
            Some((part.sort, moved(part.parent), number, words))
        };
        let mut described: Vec<_> = self.parts.iter().filter_map(describe).collect();
        // The root first, then what hangs on it.
        described.sort_by_key(|(sort, parent, number, _)| {
            (*sort, if *parent == ROOT { 0 } else { *parent }, *number)
        });
        described
    }

    /// What is there, a line for each part: `netem limit 1000 delay 10ms`.
    pub fn lines(&self) -> Vec<String> {
        let mut described = self.described();
        for (_, _, _, words) in &mut described {
            words.retain(|word| !word.starts_with('['));
        }
        let line = |(sort, parent, number, words): (Sort, u32, u32, Vec<String>)| match sort {
            Sort::Class => format!("class {} {}", handle(number), words.join(" ")),
            Sort::Filter => format!("filter {} {}", number >> 16, words.join(" ")),
            Sort::Queue if parent == ROOT => words.join(" "),
            Sort::Queue => format!("{} under {}", words.join(" "), handle(parent)),
        };
        described.into_iter().map(line).collect()
    }
}

/// The message about a part of the link `index`.
fn message(part: &Part, index: u32) -> TcMessage {
    let mut message = TcMessage::with_index(index.cast_signed());
    message.header.parent = part.parent.into();
    message.header.handle = part.handle.into();
    message.header.info = part.info;
    let mut options = part.options.clone();
    if !part.distribution.is_uniform() {
        options.extend(netem::spread(part.distribution));
    }
    message.attributes = vec![
        TcAttribute::Kind(part.kind.clone()),
        TcAttribute::Other(DefaultNla::new(OPTIONS, options)),
    ];
    message
}
