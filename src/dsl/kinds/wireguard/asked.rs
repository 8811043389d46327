//! What a script asks of a WireGuard link and of its peers.

use std::net::SocketAddr;

use ipnet::IpNet;
use rhai::Dynamic;

use crate::dsl::objects::route::rows::REPLACE;
use crate::error::{Error, Result};
use crate::net::wireguard::Peer;
use crate::schema::{Form, Opt, Quantity, Spelling, Wire};
use crate::value::key::Key;
use crate::value::options::{Options, in_range, strings};
use crate::value::prefix;

const PRIVATE_KEY: Opt = Opt::new(
    "private_key",
    Form::Text,
    "its private key in base64; without it a new link gets one",
);
const LISTEN_PORT: Opt = Opt::number(
    "listen_port",
    Wire::None,
    (1, 65535),
    "the port of UDP that it listens on; without it the kernel chooses one",
)
.spelled(Spelling::Silent);
const FWMARK: Opt = Opt::number(
    "fwmark",
    Wire::None,
    (0, u32::MAX as i64),
    "the mark of its outer packets",
)
.spelled(Spelling::Silent)
.default("0");
const PEERS: Opt = Opt::new(
    "peers",
    Form::Maps(PEER),
    "its peers, each known by its `public_key`",
);

/// What the word that makes a link takes; the driver is told by a protocol of its own.
pub(crate) const TABLE: &[Opt] = &[PRIVATE_KEY, LISTEN_PORT, FWMARK, PEERS];

const PUBLIC_KEY: Opt = Opt::new(
    "public_key",
    Form::Text,
    "the key in base64 that the peer is known by",
);
const ALLOWED_IPS: Opt = Opt::new(
    "allowed_ips",
    Form::Special(&["string", "list"], "a string or a list of strings"),
    "the prefixes behind it",
);
const ENDPOINT: Opt = Opt::new(
    "endpoint",
    Form::Text,
    "the address and port that it is reached at",
);
const KEEPALIVE: Opt = Opt::new(
    "keepalive",
    Form::Quantity(Quantity::Duration),
    "after what silence an empty packet is sent; 0 for never",
);
const PRESHARED_KEY: Opt = Opt::new(
    "preshared_key",
    Form::Text,
    "a secret of both ends in base64",
);

/// What a peer in a list takes.
const PEER: &[Opt] = &[PUBLIC_KEY, ALLOWED_IPS, ENDPOINT, KEEPALIVE, PRESHARED_KEY];

/// What the word takes that adds a peer.
pub(crate) const OF_PEER: &[Opt] = &[ALLOWED_IPS, ENDPOINT, KEEPALIVE, PRESHARED_KEY, REPLACE];

/// What is asked of a link.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) private_key: Option<Key>,
    pub(super) listen_port: Option<u16>,
    pub(super) fwmark: Option<u32>,
    pub(super) peers: Vec<AskedPeer>,
}

/// What is asked of a peer.
#[derive(Debug)]
pub(super) struct AskedPeer {
    pub(super) key: Key,
    preshared_key: Option<Key>,
    endpoint: Option<SocketAddr>,
    keepalive: Option<u16>,
    allowed_ips: Option<Vec<IpNet>>,
}

/// How what is there differs from what is asked: `("listen_port 1", "listen_port 2")`.
pub(super) type Difference = (String, String);

fn key(options: &mut Options, row: &Opt) -> Result<Option<Key>> {
    let text = row.take_text(options)?;
    text.map(|text| named(row.key, &text)).transpose()
}

/// A key that is the value of `name`.
fn named(name: &str, text: &str) -> Result<Key> {
    text.parse::<Key>().map_err(|error| {
        let cause = format!("`{name}`: {error}");
        error.cause(cause)
    })
}

/// Reads the key that a peer is known by.
pub(super) fn public_key(text: &str) -> Result<Key> {
    named(PUBLIC_KEY.key, text)
}

impl Asked {
    /// Takes the options of a link.
    pub(super) fn take(options: &mut Options) -> Result<Self> {
        let private_key = key(options, &PRIVATE_KEY)?.map(Key::clamped);
        let peers = PEERS.take_maps(options)?.map(peers).transpose()?;
        let asked = Self {
            private_key,
            listen_port: LISTEN_PORT.take_number(options)?,
            fwmark: FWMARK.take_number(options)?,
            peers: peers.unwrap_or_default(),
        };
        asked.check()?;
        Ok(asked)
    }

    /// Refuses what contradicts itself.
    fn check(&self) -> Result<()> {
        for (index, peer) in self.peers.iter().enumerate() {
            for other in &self.peers[..index] {
                if other.key == peer.key {
                    return Err(Error::invalid(format!(
                        "peer `{}` is given twice",
                        peer.key
                    )));
                }
                let shared = peer.ips().iter().find(|ip| other.ips().contains(ip));
                if let Some(ip) = shared {
                    return Err(Error::invalid(format!(
                        "{ip} can be behind one peer only, and two have it in `allowed_ips`"
                    )));
                }
            }
        }
        Ok(())
    }
}

fn peers(given: Vec<Options>) -> Result<Vec<AskedPeer>> {
    let read = given.into_iter().map(|mut options| {
        let text = PUBLIC_KEY.take_text(&mut options)?.ok_or_else(|| {
            Error::invalid("a peer has no `public_key`, by which it is known")
                .hint("give it as #{public_key: other.public_key}")
        })?;
        AskedPeer::take(public_key(&text)?, &mut options)
    });
    read.collect()
}

impl AskedPeer {
    /// Takes the options of the peer that is known by `key`.
    pub(super) fn take(key: Key, options: &mut Options) -> Result<Self> {
        let preshared_key = self::key(options, &PRESHARED_KEY)?;
        let endpoint = ENDPOINT.take_text(options)?;
        let keepalive = KEEPALIVE.take_duration(options)?;
        let keepalive = keepalive.map(|keepalive| {
            let seconds = i64::try_from(keepalive.as_secs()).unwrap_or(i64::MAX);
            in_range(KEEPALIVE.key, seconds, 0..=u16::MAX.into())
        });
        let allowed_ips = match ALLOWED_IPS.take_given(options)? {
            None => None,
            Some(given) => Some(ips(given)?),
        };
        Ok(Self {
            key,
            preshared_key,
            endpoint: endpoint.map(|text| self::endpoint(&text)).transpose()?,
            keepalive: keepalive.transpose()?.and_then(|s| s.try_into().ok()),
            allowed_ips,
        })
    }

    /// The addresses that are asked to be behind it.
    pub(super) fn ips(&self) -> &[IpNet] {
        self.allowed_ips.as_deref().unwrap_or_default()
    }

    /// How the peer that is there differs; secrets are not shown.
    pub(super) fn differences(&self, there: &Peer) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut put = |name: &str, there: String, asked: String| {
            differences.push((format!("{name} {there}"), format!("{name} {asked}")));
        };
        if self.preshared_key.is_some() && self.preshared_key != there.preshared_key {
            let kept = there.preshared_key.map_or("none", |_| "(hidden)");
            put("preshared_key", kept.to_owned(), "another".to_owned());
        }
        if let Some(endpoint) = self.endpoint
            && there.endpoint != Some(endpoint)
        {
            let there = there.endpoint.map(|there| there.to_string());
            let there = there.unwrap_or_else(|| "none".to_owned());
            put("endpoint", there, endpoint.to_string());
        }
        if let Some(seconds) = self.keepalive.filter(|s| *s != there.keepalive) {
            put(
                "keepalive",
                format!("{}s", there.keepalive),
                format!("{seconds}s"),
            );
        }
        if let Some(ips) = &self.allowed_ips
            && *ips != there.allowed_ips
        {
            put("allowed_ips", list(&there.allowed_ips), list(ips));
        }
        differences
    }

    /// The peer as it is to be; what is not asked stays as it is.
    pub(super) fn onto(&self, there: Option<&Peer>) -> Peer {
        let mut peer = there.cloned().unwrap_or_else(|| Peer::new(self.key));
        peer.preshared_key = self.preshared_key.or(peer.preshared_key);
        peer.endpoint = self.endpoint.or(peer.endpoint);
        peer.keepalive = self.keepalive.unwrap_or(peer.keepalive);
        if let Some(ips) = &self.allowed_ips {
            peer.allowed_ips.clone_from(ips);
        }
        peer
    }
}

/// Prefixes in one line, for people.
fn list(ips: &[IpNet]) -> String {
    if ips.is_empty() {
        return "none".to_owned();
    }
    let ips: Vec<String> = ips.iter().map(ToString::to_string).collect();
    ips.join(" ")
}

fn ips(given: Dynamic) -> Result<Vec<IpNet>> {
    let texts = strings(ALLOWED_IPS.key, given)?.into_iter();
    let ips: Result<Vec<IpNet>> = texts.map(|text| prefix::destination(&text, None)).collect();
    let mut ips = ips?;
    ips.sort_unstable();
    ips.dedup();
    Ok(ips)
}

fn endpoint(text: &str) -> Result<SocketAddr> {
    let endpoint = text.trim().parse::<SocketAddr>().ok();
    endpoint
        .filter(|endpoint| endpoint.port() > 0)
        .ok_or_else(|| {
            Error::invalid(format!("endpoint `{text}` is no address with a port"))
                .hint("write it as \"10.0.0.2:51820\" or \"[fd00::2]:51820\"")
        })
}
