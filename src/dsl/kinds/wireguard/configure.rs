//! Configuring a WireGuard link: what is there as asked stays, what is missing is added, what differs is a conflict.

use std::rc::Rc;

use nix::errno::Errno;

use crate::dsl::Session;
use crate::dsl::handle::Link;
use crate::dsl::objects::link;
use crate::error::{Error, Kind, Result};
use crate::lab::{Command, Object, Outcome, Undo, WayBack};
use crate::net::netns::Netns;
use crate::net::request::Request;
use crate::net::rtnl::Refusal;
use crate::net::wireguard::{self, Change, Device, Peer};
use crate::value::key::Key;

use super::asked::{Asked, Difference};

/// How the link is configured.
pub(super) fn device(session: &Rc<Session>, link: &Link) -> Result<Device> {
    // It says what has become of a link that is gone.
    link::snapshot(session, link)?;
    let place = link.netns();
    session.wait(async {
        let device = wireguard::get(&place, link.index()).await;
        device.map_err(Error::from)
    })?
}

/// Gives the link what is asked and not there.
pub(super) fn ensure(
    session: &Rc<Session>,
    link: &Link,
    (device, is_new): (&Device, bool),
    asked: &Asked,
    replace: bool,
) -> Result<()> {
    let own = asked.private_key.or(device.private_key);
    let own = own.map(|private| private.public());
    if asked.peers.iter().any(|peer| Some(peer.key) == own) {
        return Err(Error::invalid(
            "the public key is the link's own, and no link is its own peer",
        )
        .hint("give the public key of the far end"));
    }
    let differences = differences(device, is_new, asked);
    if !differences.is_empty() && !replace {
        let (there, wanted): (Vec<_>, Vec<_>) = differences.into_iter().unzip();
        let error = Error::new(Kind::Conflict, "what is configured there differs")
            .note(format!("there: {}", there.join(", ")))
            .note(format!("asked: {}", wanted.join(", ")))
            .hint("ask for what is there, or replace it with #{replace: true}");
        let lab = session.lab();
        return lab.conflict(error, &link.netns(), ("wireguard", link.name()));
    }
    let mut change = Change {
        link: link.index(),
        private_key: asked
            .private_key
            .filter(|key| device.private_key != Some(*key)),
        listen_port: asked.listen_port.filter(|port| device.listen_port != *port),
        fwmark: asked.fwmark.filter(|mark| device.fwmark != *mark),
        ..Change::default()
    };
    let is_set = !change.is_empty();
    let mut outcomes = Vec::new();
    for peer in &asked.peers {
        let there = device.peer(&peer.key);
        let wanted = peer.onto(there);
        let told = object(link, &wanted);
        outcomes.push(match there {
            None => (told, Outcome::Created),
            Some(there) if *there == wanted => (told, Outcome::Unchanged),
            Some(there) => (told.was(&object(link, there)), Outcome::Changed),
        });
        if there != Some(&wanted) {
            change.peers.push(wanted);
        }
    }
    claim(session, link, device, asked)?;
    if !change.is_empty() {
        send(session, link, device, &change)?;
    }
    if is_set && !is_new {
        let lab = session.lab();
        lab.report(Outcome::Changed, &link.netns(), ("wireguard", link.name()));
    }
    for (told, outcome) in outcomes {
        session.lab().report(outcome, &link.netns(), told);
    }
    Ok(())
}

/// Takes the peer away that is known by `key`; gone already is no error.
pub(super) fn remove(session: &Rc<Session>, link: &Link, key: Key) -> Result<()> {
    let device = device(session, link)?;
    let Some(peer) = device.peer(&key) else {
        let missing = named(link, &key);
        session
            .lab()
            .report(Outcome::Unchanged, &link.netns(), missing);
        return Ok(());
    };
    let change = Change {
        link: link.index(),
        removed: vec![key],
        ..Change::default()
    };
    send(session, link, &device, &change)?;
    let gone = object(link, peer);
    session.lab().report(Outcome::Deleted, &link.netns(), gone);
    Ok(())
}

/// A peer as an outcome tells of it, without its keys but the one by which it is known.
fn object(link: &Link, peer: &Peer) -> Object {
    let ips: Vec<String> = peer.allowed_ips.iter().map(ToString::to_string).collect();
    let told = named(link, &peer.public_key)
        .and("allowed_ips", ips)
        .and("keepalive", peer.keepalive);
    let endpoint = peer.endpoint.map(|endpoint| endpoint.to_string());
    endpoint
        .into_iter()
        .fold(told, |told, endpoint| told.and("endpoint", endpoint))
}

/// The same of one of which nothing else is known.
fn named(link: &Link, key: &Key) -> Object {
    let name = link.name();
    let told = format!("{key} of {name}");
    Object::new("wireguard peer", key.to_string())
        .on(name)
        .told(told)
}

/// What is there and in the way of what is asked. What a new link has by itself is in nobody's way.
fn differences(device: &Device, is_new: bool, asked: &Asked) -> Vec<Difference> {
    let mut differences = Vec::new();
    if is_new {
        return differences;
    }
    let mut put = |name: &str, there: String, asked: String| {
        differences.push((format!("{name} {there}"), format!("{name} {asked}")));
    };
    if let Some(key) = asked.private_key
        && device.private_key.is_some_and(|there| there != key)
    {
        // The keys themselves are secrets.
        let there = device.private_key.map(|there| there.public());
        let there = there.map_or_else(String::new, |there| there.to_string());
        put("public_key", there, key.public().to_string());
    }
    if let Some(port) = asked.listen_port
        && device.listen_port > 0
        && device.listen_port != port
    {
        put(
            "listen_port",
            device.listen_port.to_string(),
            port.to_string(),
        );
    }
    if let Some(mark) = asked.fwmark
        && device.fwmark > 0
        && device.fwmark != mark
    {
        put("fwmark", device.fwmark.to_string(), mark.to_string());
    }
    for peer in &asked.peers {
        let of_peer = device.peer(&peer.key);
        let found = of_peer.map(|there| peer.differences(there));
        let named = found.into_iter().flatten().map(|(there, asked)| {
            let key = peer.key;
            (format!("peer {key} {there}"), format!("peer {key} {asked}"))
        });
        differences.extend(named);
        for other in device.peers.iter().filter(|p| p.public_key != peer.key) {
            let taken = other
                .allowed_ips
                .iter()
                .filter(|ip| peer.ips().contains(ip));
            differences.extend(taken.map(|ip| {
                (
                    format!("{ip} behind peer {}", other.public_key),
                    format!("{ip} behind peer {}", peer.key),
                )
            }));
        }
    }
    differences
}

/// What brings the link back to how it is.
fn undoing(device: &Device, change: &Change) -> Change {
    let said: Vec<Key> = change.peers.iter().map(|peer| peer.public_key).collect();
    let is_touched = |peer: &&Peer| {
        let is_robbed = || {
            let mut taken = change.peers.iter().flat_map(|new| &new.allowed_ips);
            taken.any(|ip| peer.allowed_ips.contains(ip))
        };
        said.contains(&peer.public_key) || change.removed.contains(&peer.public_key) || is_robbed()
    };
    Change {
        link: change.link,
        private_key: change
            .private_key
            .map(|_| device.private_key.unwrap_or(Key::NONE)),
        listen_port: change.listen_port.map(|_| device.listen_port),
        fwmark: change.fwmark.map(|_| device.fwmark),
        peers: device.peers.iter().filter(is_touched).cloned().collect(),
        // One that was there stays, and what both have agreed on; it can't forget where it is, though.
        removed: said
            .iter()
            .filter(|key| {
                let there = device.peer(key);
                there.is_none_or(|there| there.endpoint.is_none())
            })
            .copied()
            .collect(),
    }
}

/// Makes the change: of a link from elsewhere each setting and peer by itself, for other labs may want one of them as well.
fn send(session: &Rc<Session>, link: &Link, device: &Device, change: &Change) -> Result<()> {
    let place = link.netns();
    let lab = session.lab();
    let is_own = lab.made_namespace(&place) || lab.made_link(&place, link.index());
    let name = link.name();
    if is_own {
        let undo = undo_of(link, device, change, None);
        let command = || command(&place, &name, device, change);
        return session.wait(async {
            let step = lab.step(undo, command, change.send(&place));
            step.await?.map_err(|refusal| refused(change, refusal))
        })?;
    }
    lab.trace().tell(|| command(&place, &name, device, change));
    for part in change.parts() {
        let undo = undo_of(link, device, &part, Some(&part));
        session.wait(async {
            let step = lab.step_unsaid(undo, part.send(&place));
            step.await?.map_err(|refusal| refused(&part, refusal))
        })??;
    }
    Ok(())
}

/// The step that takes a change back. `made` is what it makes, where that is about one thing.
fn undo_of(link: &Link, device: &Device, change: &Change, made: Option<&Change>) -> Undo {
    let peers = change.removed.iter().copied();
    let peers = peers.chain(change.peers.iter().map(|peer| peer.public_key));
    let name = link.name();
    let what = peers.fold(format!("wireguard configuration of {name}"), |what, key| {
        format!("{what}, peer {key}")
    });
    let made = made.filter(|made| made.gives());
    let way = WayBack::Send {
        what,
        request: Request::Wireguard(Box::new(undoing(device, change))),
        made: made.map(|made| Request::Wireguard(Box::new(made.without_secrets()))),
    };
    Undo::of_link(link.netns(), link.reference(), way)
}

/// Notes what is there as asked: it is to stay as long as this lab stands, where another one has made it.
fn claim(session: &Session, link: &Link, device: &Device, asked: &Asked) -> Result<()> {
    let peers = asked.peers.iter().filter_map(|peer| {
        let there = device.peer(&peer.key);
        there.filter(|there| peer.onto(Some(there)) == **there)
    });
    let as_asked = Change {
        link: link.index(),
        private_key: asked
            .private_key
            .filter(|key| device.private_key == Some(*key)),
        listen_port: asked.listen_port.filter(|port| device.listen_port == *port),
        fwmark: asked.fwmark.filter(|mark| device.fwmark == *mark),
        removed: Vec::new(),
        peers: peers.cloned().collect(),
    };
    for part in as_asked.parts() {
        let undo = undo_of(link, device, &part, Some(&part));
        if let WayBack::Send {
            what,
            made: Some(made),
            ..
        } = &undo.way
        {
            // What undoes it holds keys.
            let way = WayBack::Send {
                what: what.clone(),
                request: made.clone(),
                made: Some(made.clone()),
            };
            let undo = Undo {
                way,
                ..undo.clone()
            };
            session.lab().asked(undo);
        }
        session.lab().claim(undo)?;
    }
    Ok(())
}

fn refused(change: &Change, refusal: Refusal) -> Error {
    let errno = refusal.errno;
    let error = Error::from(refusal);
    match change.listen_port {
        Some(port) if errno == Errno::EADDRINUSE => error
            .kind(Kind::Busy)
            .cause(format!(
                "another program or link listens at UDP port {port} already"
            ))
            .hint(format!(
                "give another one as #{{listen_port: {}}}",
                port.checked_add(1).unwrap_or(port - 1)
            )),
        _ => error,
    }
}

/// The words of one `wg set NAME`, and the secret that it reads.
#[derive(Default)]
struct Words {
    words: Vec<String>,
    secret: Option<String>,
}

impl Words {
    fn put(&mut self, key: &str, value: impl ToString) {
        self.words.extend([key.to_owned(), value.to_string()]);
    }

    fn put_secret(&mut self, key: &str, secret: Key) {
        self.put(key, "/dev/stdin");
        self.secret = Some(secret.to_string());
    }
}

/// The command of `wg` that does the same. It reads secrets from files only.
fn command(place: &Netns, name: &str, device: &Device, change: &Change) -> Command {
    let mut own = Words::default();
    if let Some(port) = change.listen_port {
        own.put("listen-port", port);
    }
    if let Some(mark) = change.fwmark {
        own.put("fwmark", mark);
    }
    if let Some(key) = change.private_key {
        own.put_secret("private-key", key);
    }
    let removed = change.removed.iter().map(|key| {
        let mut words = Words::default();
        words.put("peer", key);
        words.words.push("remove".to_owned());
        words
    });
    let set = change.peers.iter().map(|peer| {
        let there = device.peer(&peer.public_key);
        peer_words(peer, there.unwrap_or(&Peer::new(peer.public_key)))
    });
    let mut commands: Vec<Words> = vec![own];
    commands.extend(removed.chain(set));
    commands.retain(|words| !words.words.is_empty());
    if commands.iter().all(|words| words.secret.is_none()) {
        let words = commands.into_iter().flat_map(|words| words.words);
        return Command::tool("wg", place, ["set", name]).and(words);
    }
    let each = commands.into_iter().map(|words| {
        let line = Command::tool("wg", place, ["set", name]).and(words.words);
        match words.secret {
            Some(secret) => line.reading(secret),
            None => line,
        }
    });
    let both = each.reduce(Command::then);
    both.unwrap_or_else(|| Command::tool("wg", place, ["set", name]))
}

/// What makes a peer what it is to be, out of what it is.
fn peer_words(peer: &Peer, there: &Peer) -> Words {
    let mut words = Words::default();
    words.put("peer", peer.public_key);
    if let Some(endpoint) = peer.endpoint.filter(|_| peer.endpoint != there.endpoint) {
        words.put("endpoint", endpoint);
    }
    if peer.keepalive != there.keepalive {
        words.put("persistent-keepalive", peer.keepalive);
    }
    if peer.allowed_ips != there.allowed_ips {
        let ips: Vec<String> = peer.allowed_ips.iter().map(ToString::to_string).collect();
        words.put("allowed-ips", ips.join(","));
    }
    let changed = peer.preshared_key != there.preshared_key;
    if let Some(key) = peer.preshared_key.filter(|_| changed) {
        words.put_secret("preshared-key", key);
    }
    words
}
