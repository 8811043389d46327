//! WireGuard: encrypted tunnels between peers that know each other's public keys.

mod asked;
mod configure;

use std::rc::Rc;

use rhai::plugin::{Dynamic, NativeCallContext, export_module};
use rhai::{Array, Map};

use crate::dsl::handle::{Link, Netns};
use crate::dsl::kinds::attributes;
use crate::dsl::kinds::kind::{Change, Kind};
use crate::dsl::kinds::make::{Wanted, creating, ensure, read};
use crate::dsl::objects::route::rows::REPLACE;
use crate::dsl::{Answer, Session, answer};
use crate::error::{Error, Result};
use crate::net::wireguard::{Device, Peer};
use crate::schema;
use crate::value::count;
use crate::value::key::Key;
use crate::value::options::Options;

pub(crate) use asked::OF_PEER;
use asked::{Asked, AskedPeer, TABLE, public_key};

const WIREGUARD: Kind = Kind {
    word: "wireguard",
    name: "wireguard",
    module: "wireguard",
    config: "CONFIG_WIREGUARD",
    table: TABLE,
    is_pair: false,
    settings: &[("arp", "false"), ("mtu", "1420"), ("multicast", "false")],
    change: Change::Said(&[]),
};

/// The word that makes one.
pub(crate) const WORD: &str = WIREGUARD.word;

/// What this topic makes.
pub const KINDS: &[Kind] = &[WIREGUARD];

fn make(session: &Rc<Session>, net: &Netns, name: &str, options: Map) -> Result<Link> {
    let (name, mut options, common) = read(&WIREGUARD, name, options)?;
    let mut asked = Asked::take(&mut options)?;
    let replace = common.replace();
    let wanted = Wanted {
        kind: &WIREGUARD,
        place: net.0.clone(),
        name,
        parent: None,
        facts: Vec::new(),
        common,
    };
    let request = |_: Option<&_>| Ok(attributes::Asked::of(&WIREGUARD).request());
    ensure(session, &wanted, request, |made| {
        let device = if made.is_new {
            asked.private_key = Some(asked.private_key.unwrap_or_else(Key::generate));
            Device::default()
        } else {
            configure::device(session, &made.link)?
        };
        let link = &made.link;
        configure::ensure(session, link, (&device, made.is_new), &asked, replace)
    })
}

/// Gives a link that is there what is in the options of it.
pub(crate) fn set(session: &Rc<Session>, link: &Link, options: &mut Options) -> Result<()> {
    let asked = Asked::take(options)?;
    let device = configure::device(session, link)?;
    configure::ensure(session, link, (&device, false), &asked, true)
}

/// Says which peer an error is about.
fn about<'a>(verb: &'a str, key: &'a str, link: &'a Link) -> impl Fn(Error) -> Error + 'a {
    move |error| {
        error.unless_said(|error| {
            let what = format!("{key} of {}", link.name());
            error.doing(verb, &what).in_place(link.netns().label())
        })
    }
}

fn check_kind(link: &Link) -> Result<()> {
    if link.kind() == WIREGUARD.name {
        return Ok(());
    }
    let kind = if link.kind().is_empty() {
        "of no kind"
    } else {
        link.kind()
    };
    Err(Error::invalid(format!(
        "`{}` is {kind}, and only wireguard links have peers",
        link.name()
    )))
}

fn or_unit<T: Into<Dynamic>>(value: Option<T>) -> Dynamic {
    value.map_or(Dynamic::UNIT, Into::into)
}

fn map_of_peer(peer: &Peer) -> Map {
    let number = |count: u64| Dynamic::from(count::int(count));
    let ips = peer.allowed_ips.iter().map(|ip| ip.to_string().into());
    let handshake = Some(peer.traffic.last_handshake).filter(|time| *time > 0);
    let endpoint = peer.endpoint.map(|endpoint| endpoint.to_string());
    Map::from([
        ("public_key".into(), peer.public_key.to_string().into()),
        (
            "has_preshared_key".into(),
            peer.preshared_key.is_some().into(),
        ),
        ("endpoint".into(), or_unit(endpoint)),
        ("allowed_ips".into(), ips.collect::<Array>().into()),
        ("keepalive_s".into(), i64::from(peer.keepalive).into()),
        ("last_handshake".into(), or_unit(handshake)),
        ("rx_bytes".into(), number(peer.traffic.rx_bytes)),
        ("tx_bytes".into(), number(peer.traffic.tx_bytes)),
    ])
}

fn map_of(device: &Device) -> Map {
    let public = device.private_key.map(|key| key.public().to_string());
    let peers = device.peers.iter().map(|peer| map_of_peer(peer).into());
    Map::from([
        ("public_key".into(), or_unit(public)),
        ("listen_port".into(), i64::from(device.listen_port).into()),
        ("fwmark".into(), i64::from(device.fwmark).into()),
        ("peers".into(), peers.collect::<Array>().into()),
    ])
}

/// What `read` finds in the configuration; nothing where the link is of another kind.
fn property(
    session: &Rc<Session>,
    link: &Link,
    read: impl FnOnce(Device) -> Dynamic,
) -> Result<Dynamic> {
    if link.kind() != WIREGUARD.name {
        return Ok(Dynamic::UNIT);
    }
    configure::device(session, link).map(read)
}

/// The words of this topic.
#[export_module(manifest)]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "the macro adds items of its own, and unwraps the argument that it has counted"
)]
pub mod words {
    /// Makes the WireGuard link `name` with a private key of its own, and returns it.
    ///
    /// Its packets travel in the namespace that it is made in, also where it is moved to another one later.
    /// What `ip link add NAME type wireguard` and `wg set NAME private-key FILE` do.
    ///
    /// ```rhai
    /// netns("a").wireguard("wg0").public_key.len()    // => 44
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn wireguard(context: NativeCallContext, net: &mut Netns, name: &str) -> Answer<Link> {
        wireguard_with(context, net, name, Map::new())
    }

    /// Makes a WireGuard link with options: `private_key`, `listen_port`, `fwmark`, `peers`, and those that every link takes.
    ///
    /// A link that is new has a private key of its own where none is given, and keeps it from then on, so that a script can
    /// run twice. `peers` is a list of maps: `public_key`, and what `wg_peer` takes. Peers that are not in it stay.
    ///
    /// ```rhai
    /// let a = netns("a").wireguard("wg0", #{listen_port: 51820, addr: "10.9.0.1/24", up: true});
    /// let b = netns("b").wireguard("wg0", #{peers: [#{public_key: a.public_key, endpoint: "10.0.0.1:51820"}]});
    /// b.wireguard.peers[0].endpoint    // => "10.0.0.1:51820"
    /// ```
    #[rhai_fn(name = "wireguard", return_raw, volatile)]
    pub fn wireguard_with(
        context: NativeCallContext,
        net: &mut Netns,
        name: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            make(session, net, name, options).map_err(creating(WIREGUARD.word, name, net))
        })
    }

    /// Has the link talk to the peer that has this public key, and returns the link.
    ///
    /// What `wg set LINK peer KEY` does.
    ///
    /// ```rhai
    /// let a = netns("a").wireguard("wg0");
    /// a.wg_peer(netns("b").wireguard("wg0").public_key).wireguard.peers.len()    // => 1
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn wg_peer(context: NativeCallContext, link: &mut Link, public_key: &str) -> Answer<Link> {
        wg_peer_with(context, link, public_key, Map::new())
    }

    /// Has the link talk to a peer, with options: `endpoint`, `allowed_ips`, `keepalive`, `preshared_key`, `replace`.
    ///
    /// `endpoint` is an address and a port: `"10.0.0.2:51820"`, `"[fd00::2]:51820"`. `allowed_ips` are the prefixes that are
    /// behind the peer: packets go to it by them, and it may send from no other address. `keepalive` (`"25s"`, `0` for none)
    /// keeps the way open through a router that translates addresses. A peer that is there and differs is a `conflict`, and
    /// so is one of the prefixes behind another peer, unless `replace: true`.
    /// What `wg set LINK peer KEY endpoint ENDPOINT allowed-ips PREFIXES` does.
    ///
    /// ```rhai
    /// let a = netns("a").wireguard("wg0");
    /// let key = netns("b").wireguard("wg0").public_key;
    /// a.wg_peer(key, #{endpoint: "10.0.0.2:51820", allowed_ips: "10.9.0.2/32", keepalive: "25s"});
    /// a.wireguard.peers[0].allowed_ips    // => ["10.9.0.2/32"]
    /// ```
    #[rhai_fn(name = "wg_peer", return_raw, volatile)]
    pub fn wg_peer_with(
        context: NativeCallContext,
        link: &mut Link,
        public_key: &str,
        options: Map,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let add = || {
                let mut options = schema::options("wg_peer", options, &[OF_PEER])?;
                let peer = AskedPeer::take(super::public_key(public_key)?, &mut options)?;
                let replace = REPLACE.take_flag(&mut options)?.unwrap_or(false);
                check_kind(link)?;
                let device = configure::device(session, link)?;
                let asked = Asked {
                    peers: vec![peer],
                    ..Asked::default()
                };
                configure::ensure(session, link, (&device, false), &asked, replace)
            };
            add().map_err(about("add peer", public_key, link))?;
            Ok(link.clone())
        })
    }

    /// Has the link talk to the peer no more that has this public key, and returns the link. Gone already is no error.
    ///
    /// What `wg set LINK peer KEY remove` does.
    ///
    /// ```rhai
    /// let a = netns("a").wireguard("wg0");
    /// let key = netns("b").wireguard("wg0").public_key;
    /// a.wg_peer(key).del_wg_peer(key).wireguard.peers    // => []
    /// ```
    #[rhai_fn(return_raw, volatile)]
    pub fn del_wg_peer(
        context: NativeCallContext,
        link: &mut Link,
        public_key: &str,
    ) -> Answer<Link> {
        answer(&context, |session| {
            let remove = || {
                let key = super::public_key(public_key)?;
                check_kind(link)?;
                configure::remove(session, link, key)
            };
            remove().map_err(about("delete peer", public_key, link))?;
            Ok(link.clone())
        })
    }

    /// A new private key for WireGuard, in base64.
    ///
    /// A link that is made without one has such a key too. What `wg genkey` does.
    ///
    /// ```rhai
    /// wg_key().len()    // => 44
    /// ```
    #[rhai_fn(volatile)]
    pub fn wg_key() -> String {
        Key::generate().to_string()
    }

    /// The public key to the private key `key`, in base64.
    ///
    /// What `wg pubkey` does.
    ///
    /// ```rhai
    /// wg_public("dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=")    // => "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
    /// ```
    #[rhai_fn(return_raw)]
    pub fn wg_public(context: NativeCallContext, key: &str) -> Answer<String> {
        answer(&context, |_| Ok(key.parse::<Key>()?.public().to_string()))
    }

    /// The configuration of a WireGuard link, as a map: `public_key`, `listen_port`, `fwmark`, `peers`; `()` for other kinds.
    ///
    /// A peer is a map too: `public_key`, `has_preshared_key`, `endpoint`, `allowed_ips`, `keepalive_s`, `last_handshake` (in
    /// seconds since 1970), `rx_bytes`, `tx_bytes`. There are no secrets in it. What `wg show LINK` does.
    ///
    /// ```rhai
    /// netns("a").wireguard("wg0", #{listen_port: 51820}).wireguard.listen_port    // => 51820
    /// ```
    #[rhai_fn(get = "wireguard", return_raw, volatile)]
    pub fn get_wireguard(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| {
            property(session, link, |device| map_of(&device).into())
        })
    }

    /// The public key of a WireGuard link; `()` for other kinds, and where it has no private one.
    ///
    /// ```rhai
    /// let key = wg_key();
    /// netns("a").wireguard("wg0", #{private_key: key}).public_key == wg_public(key)    // => true
    /// ```
    #[rhai_fn(get = "public_key", return_raw, volatile)]
    pub fn get_public_key(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| {
            property(session, link, |device| {
                or_unit(device.private_key.map(|key| key.public().to_string()))
            })
        })
    }

    /// The private key of a WireGuard link, which is a secret; `()` for other kinds, and where it has none.
    ///
    /// ```rhai
    /// let wg = netns("a").wireguard("wg0");
    /// wg_public(wg.private_key) == wg.public_key    // => true
    /// ```
    #[rhai_fn(get = "private_key", return_raw, volatile)]
    pub fn get_private_key(context: NativeCallContext, link: &mut Link) -> Answer<Dynamic> {
        answer(&context, |session| {
            property(session, link, |device| {
                or_unit(device.private_key.map(|key| key.to_string()))
            })
        })
    }
}
