//! How a WireGuard link is configured.

use super::draft::Draft;
use super::world::LinkId;
use crate::net::link::Snapshot;
use crate::net::wireguard::{Device, Peer};
use crate::steps::Value;

impl Draft<'_> {
    /// The options that configure the link. Its secrets are among them only where somebody has asked for them.
    pub(super) fn wireguard(&mut self, id: LinkId, seen: &Snapshot) -> Vec<(String, Value)> {
        let details = self.world.places[id.0].details.get(&id.1);
        let Some(device) = details.and_then(|details| details.wireguard.clone()) else {
            return Vec::new();
        };
        if !self.world.with_keys && has_secrets(&device) {
            let what = format!("private keys of `{}`", seen.name);
            self.leave(id.0, &what, "they are secrets; --keys writes them too");
        }
        let with_keys = self.world.with_keys;
        let mut options: Vec<(String, Value)> = Vec::new();
        let mut put = |key: &str, value: Option<Value>| {
            options.extend(value.map(|value| (key.to_owned(), value)));
        };
        let private = device.private_key.filter(|_| with_keys);
        put(
            "private_key",
            private.map(|key| Value::text(key.to_string())),
        );
        let port = device.listen_port;
        put(
            "listen_port",
            (port > 0).then(|| Value::Number(port.into())),
        );
        let mark = device.fwmark;
        put("fwmark", (mark > 0).then(|| Value::Number(mark.into())));
        let peers: Vec<Value> = device
            .peers
            .iter()
            .map(|one| peer(one, with_keys))
            .collect();
        put("peers", (!peers.is_empty()).then_some(Value::List(peers)));
        options
    }
}

fn has_secrets(device: &Device) -> bool {
    let shares = |peer: &Peer| peer.preshared_key.is_some();
    device.private_key.is_some() || device.peers.iter().any(shares)
}

fn peer(peer: &Peer, with_keys: bool) -> Value {
    let mut options: Vec<(String, Value)> = Vec::new();
    let mut put = |key: &str, value: Option<Value>| {
        options.extend(value.map(|value| (key.to_owned(), value)));
    };
    put("public_key", Some(Value::text(peer.public_key.to_string())));
    let shared = peer.preshared_key.filter(|_| with_keys);
    put(
        "preshared_key",
        shared.map(|key| Value::text(key.to_string())),
    );
    put(
        "endpoint",
        peer.endpoint.map(|end| Value::text(end.to_string())),
    );
    let ips = peer.allowed_ips.iter();
    let ips: Vec<Value> = ips.map(|ip| Value::text(ip.to_string())).collect();
    put("allowed_ips", (!ips.is_empty()).then_some(Value::List(ips)));
    let seconds = peer.keepalive;
    put(
        "keepalive",
        (seconds > 0).then(|| Value::text(format!("{seconds}s"))),
    );
    Value::Map(options)
}
