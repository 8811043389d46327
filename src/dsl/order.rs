//! In which order the keys of a map were written: maps themselves know the alphabet alone.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;

use crate::dsl::acts::exec;

/// The maps that words give back, as their pages name the keys; those of [`exec`] are beside its word.
const OWN: &[&str] = &[
    "kind message hint notes errno kernel netns object file line position",
    "rx_packets rx_bytes rx_errors rx_dropped tx_packets tx_bytes tx_errors tx_dropped",
    "kind handle parent is_default options stats classes filters",
    "kind priority protocol matches class",
    "packets bytes drops overlimits requeues backlog_bytes queued_packets",
    "time time_ns link direction len proto src dst sport dport src_mac dst_mac vlan ttl info",
    "netns kind change link text",
    "links addrs routes rules",
    "kind up mtu mac master",
    "namespaces cables",
    "name links routes rules neighbors sockets",
    "index name kind state up mtu mac addresses under elsewhere change",
    "from to kind",
    "namespace link",
    "public_key listen_port fwmark peers",
    "public_key has_preshared_key endpoint allowed_ips keepalive_s last_handshake rx_bytes tx_bytes",
    "vid pvid untagged",
    "mac dst vlan vni state of_master",
    "from to destination ok sent received result rtt_avg_ms",
    "address port source time_ms",
    "status reason headers body time_ms",
    "ttl address netns link rtt_ms mtu ways",
    "seq kind from bytes ttl rtt_ms what mtu errno type code",
    "from_ms below_ms count",
    "begin_s end_s bytes bits_per_second retransmits rtt_ms cwnd",
    "begin_s end_s bytes bits_per_second lost out_of_order jitter_ms",
    "quiet netns link address",
    "message kind",
    "id weight",
    "name percent",
];

/// From how many orders on no more are kept: they come of data, not of what somebody wrote.
const MANY: usize = 4096;

/// The orders in which keys were written.
#[derive(Debug)]
pub(crate) struct Orders(RefCell<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The latest last.
    orders: Vec<Vec<String>>,
    seen: HashSet<Vec<String>>,
    /// The keys of maps that were sorted, by the alphabet, and the order that was found for them.
    found: HashMap<Vec<String>, Option<usize>>,
}

impl Default for Orders {
    fn default() -> Self {
        let orders = Self(RefCell::default());
        orders.note(exec::KEYS.map(str::to_owned).to_vec());
        for keys in OWN {
            orders.note(keys.split(' ').map(str::to_owned).collect());
        }
        orders
    }
}

impl Orders {
    /// Notes that somebody wrote these keys in this order.
    pub(crate) fn note(&self, keys: Vec<String>) {
        let mut known = self.0.borrow_mut();
        if keys.len() < 2 || known.orders.len() >= MANY || !known.seen.insert(keys.clone()) {
            return;
        }
        known.orders.push(keys);
        known.found.clear();
    }

    /// Notes the orders of all objects in it.
    pub(crate) fn note_json(&self, json: &Json) {
        match json {
            Json::Array(list) => list.iter().for_each(|item| self.note_json(item)),
            Json::Object(map) => {
                self.note(map.keys().cloned().collect());
                map.values().for_each(|value| self.note_json(value));
            }
            _ => {}
        }
    }

    /// Puts entries, which come by the alphabet, into the order in which somebody wrote such keys; what nobody wrote comes last.
    pub(crate) fn sort<T>(&self, entries: &mut [(String, T)]) {
        if entries.len() < 2 {
            return;
        }
        let keys: Vec<String> = entries.iter().map(|(key, _)| key.clone()).collect();
        let mut known = self.0.borrow_mut();
        let known = &mut *known;
        let orders = &known.orders;
        let found = *known
            .found
            .entry(keys)
            .or_insert_with_key(|keys| nearest(orders, keys));
        if let Some(order) = found.and_then(|at| known.orders.get(at)) {
            let place = |key: &str| order.iter().position(|known| known == key);
            entries.sort_by_key(|(key, _)| place(key).unwrap_or(usize::MAX));
        }
    }
}

/// The order that fits `keys` best: just these, else all of these and more, else most of these and no others.
fn nearest(orders: &[Vec<String>], keys: &[String]) -> Option<usize> {
    let wanted: HashSet<&String> = keys.iter().collect();
    let rank = |order: &Vec<String>| {
        let shared = order.iter().filter(|key| wanted.contains(key)).count();
        if shared == keys.len() {
            // The fewer others, the better.
            Some((2, usize::MAX - order.len()))
        } else if shared == order.len() {
            Some((1, shared))
        } else {
            None
        }
    };
    let ranked = orders.iter().enumerate();
    ranked
        .filter_map(|(at, order)| Some((rank(order)?, at)))
        .max()
        .map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(orders: &Orders, keys: &[&str]) -> String {
        let mut entries: Vec<(String, ())> =
            keys.iter().map(|key| ((*key).to_owned(), ())).collect();
        entries.sort();
        orders.sort(&mut entries);
        let keys: Vec<String> = entries.into_iter().map(|(key, ())| key).collect();
        keys.join(" ")
    }

    #[test]
    fn keys_stand_as_somebody_wrote_them() {
        let orders = Orders::default();
        let note = |keys: &str| orders.note(keys.split(' ').map(str::to_owned).collect());
        assert_eq!(sorted(&orders, &["b", "a"]), "a b");
        note("b a");
        assert_eq!(sorted(&orders, &["a", "b"]), "b a");
        // The latest holds, a part of an order does, and what came later comes last.
        note("a b");
        assert_eq!(sorted(&orders, &["a", "b"]), "a b");
        note("z y x");
        assert_eq!(sorted(&orders, &["x", "z"]), "z x");
        assert_eq!(sorted(&orders, &["a", "x", "y", "z"]), "z y x a");
        // Just these keys go before more of them.
        note("x z");
        assert_eq!(sorted(&orders, &["x", "z"]), "x z");
        assert_eq!(sorted(&orders, &["stdout", "code", "ok"]), "code ok stdout");
    }

    #[test]
    fn what_was_read_keeps_its_order() {
        let orders = Orders::default();
        orders.note_json(&serde_json::json!([{"z": 1, "a": {"d": 1, "c": 2}}]));
        assert_eq!(sorted(&orders, &["a", "z"]), "z a");
        assert_eq!(sorted(&orders, &["c", "d"]), "d c");
    }

    /// The maps that words make, as their sources write them.
    #[test]
    fn what_words_give_back_keeps_its_order() {
        let orders = Orders::default();
        let mut sources = vec![std::path::PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/dsl"
        ))];
        let mut maps = 0;
        while let Some(source) = sources.pop() {
            if source.is_dir() {
                let inside = std::fs::read_dir(&source).unwrap();
                sources.extend(inside.map(|entry| entry.unwrap().path()));
                continue;
            }
            let text = std::fs::read_to_string(&source).unwrap();
            for map in text.split("Map::from([").skip(1) {
                let map = map.split("])").next().unwrap_or(map);
                let keys = map
                    .split("\".into()")
                    .filter_map(|before| before.rsplit_once("(\""));
                let keys = keys.map(|(_, key)| key);
                let keys: Vec<&str> = keys.filter(|key| !key.contains('"')).collect();
                assert_eq!(
                    sorted(&orders, &keys),
                    keys.join(" "),
                    "{}",
                    source.display()
                );
                maps += usize::from(keys.len() > 1);
            }
        }
        assert!(maps > 10, "{maps}");
    }
}
