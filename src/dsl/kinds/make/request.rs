//! What the kernel is asked for, and the command of `ip` that asks for the same.

use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage};

use crate::lab::{Command, trace};
use crate::net::netns;
use crate::net::tun::Tun;
use crate::value::mac;

use super::{Parent, Wanted};

/// What is asked of the kernel, and the words that say the same behind `ip link add … type KIND`.
pub(crate) struct Request {
    pub(super) message: LinkMessage,
    pub(super) words: Vec<String>,
    /// The ifindex that it is to have; 0 where the kernel may choose.
    pub(super) index: u32,
    /// Set where rtnetlink can't make the kind.
    pub(super) device: Option<Tun>,
}

impl Request {
    /// The message, and its words.
    pub(crate) fn new<W: Into<String>>(
        message: LinkMessage,
        words: impl IntoIterator<Item = W>,
    ) -> Self {
        Self {
            message,
            words: words.into_iter().map(Into::into).collect(),
            index: 0,
            device: None,
        }
    }

    /// The same for a link that is to have that ifindex, where it is free.
    #[must_use]
    pub(crate) fn numbered(mut self, index: u32) -> Self {
        self.index = index;
        self
    }

    /// The same for a link that hangs on `parent`.
    #[must_use]
    pub(crate) fn over(mut self, parent: &Parent) -> Self {
        let parent = LinkAttribute::Link(parent.seen.index);
        self.message.attributes.push(parent);
        self
    }

    /// A device that is made by opening it; `message` describes what it is then. The words are those behind
    /// `ip tuntap add dev NAME`.
    pub(crate) fn device<W: Into<String>>(
        device: Tun,
        message: LinkMessage,
        words: impl IntoIterator<Item = W>,
    ) -> Self {
        Self {
            device: Some(device),
            ..Self::new(message, words)
        }
    }
}

/// The command that makes the link as it is wanted, in place.
pub(super) fn command(wanted: &Wanted, sender: &netns::Netns, request: &Request) -> Command {
    if request.device.is_some() {
        let name = wanted.name.as_str();
        return Command::ip(sender, ["tuntap", "add", "dev", name]).and(&request.words);
    }
    let mut words: Vec<&str> = vec!["link", "add"];
    if let Some(parent) = wanted.parent {
        words.extend(["link", &parent.seen.name]);
    }
    words.extend(["name", wanted.name.as_str()]);
    let place = trace::place_of_link(&wanted.place);
    if sender.namespace().id() != wanted.place.namespace().id() {
        words.extend(["netns", &place]);
    }
    let mtu = wanted.mtu_of_making().map(|mtu| mtu.to_string());
    words.extend(mtu.iter().flat_map(|mtu| ["mtu", mtu]));
    let mac = wanted.common.mac.as_deref().map(mac::print);
    words.extend(mac.iter().flat_map(|mac| ["address", mac]));
    let queues = [
        ("numtxqueues", wanted.common.tx_queues),
        ("numrxqueues", wanted.common.rx_queues),
    ]
    .map(|(key, count)| count.map(|count| (key, count.to_string())));
    for (key, count) in queues.iter().flatten() {
        words.extend([key, count.as_str()]);
    }
    let settings = wanted.common.settings.first.iter();
    let settings: Vec<String> = settings
        .flat_map(|setting| setting.words(|_| String::new()))
        .collect();
    words.extend(settings.iter().map(String::as_str));
    words.extend(wanted.common.up.then_some("up"));
    words.extend(["type", wanted.kind.name]);
    Command::ip(sender, words).and(&request.words)
}
