//! The counters of a namespace: of IP, ICMP and TCP, and of its links. Anybody may read them.

use std::collections::BTreeMap;
use std::fs;

use crate::error::Result;
use crate::net::namespace::{self, Namespace};

/// Counters by their names: `Ip:InAddrErrors`, `TcpExt:IPReversePathFilter`, `Ip6InNoRoutes`, `v0:rx_dropped`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<String, u64>);

/// The columns of `/proc/net/dev` that are of use here, with the names that `ip -s -s link` has for them.
const OF_LINKS: [(usize, &str); 8] = [
    (1, "rx_packets"),
    (2, "rx_errors"),
    (3, "rx_dropped"),
    (5, "rx_frame"),
    (9, "tx_packets"),
    (10, "tx_errors"),
    (11, "tx_dropped"),
    (14, "tx_carrier"),
];

impl Counters {
    /// Reads those of `namespace`.
    pub fn read(namespace: &Namespace) -> Result<Self> {
        let texts = namespace::within(namespace, || {
            ["snmp", "netstat", "snmp6", "dev"].map(|file| {
                let path = format!("/proc/thread-self/net/{file}");
                // A kernel without IPv6 has no `snmp6`.
                fs::read_to_string(path).unwrap_or_default()
            })
        })?;
        let mut counters = Self::default();
        counters.add_pairs_of_lines(&texts[0]);
        counters.add_pairs_of_lines(&texts[1]);
        counters.add_words(&texts[2]);
        counters.add_links(&texts[3]);
        Ok(counters)
    }

    /// By how much each has grown since `before`; those that have not are left out.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let grown = self.0.iter().filter_map(|(name, now)| {
            let by = now.saturating_sub(before.get(name));
            (by > 0).then(|| (name.clone(), by))
        });
        Self(grown.collect())
    }

    /// The counter of that name; 0 where there is none.
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Sets a counter, for those who have none of the kernel's.
    pub fn set(&mut self, name: &str, value: u64) {
        self.0.insert(name.to_owned(), value);
    }

    /// Lines in pairs: `Ip: Forwarding DefaultTTL`, then `Ip: 1 64`.
    fn add_pairs_of_lines(&mut self, text: &str) {
        let mut lines = text.lines();
        while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
            let (Some((group, names)), Some((_, values))) =
                (names.split_once(':'), values.split_once(':'))
            else {
                continue;
            };
            for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
                if let Ok(value) = value.parse() {
                    self.0.insert(format!("{group}:{name}"), value);
                }
            }
        }
    }

    /// A name and a value on each line.
    fn add_words(&mut self, text: &str) {
        for line in text.lines() {
            let mut words = line.split_whitespace();
            if let (Some(name), Some(Ok(value))) = (words.next(), words.next().map(str::parse)) {
                self.0.insert(name.to_owned(), value);
            }
        }
    }

    /// A line for each link, below two of headings: `  v0: 1296 16 0 0 …`.
    fn add_links(&mut self, text: &str) {
        for line in text.lines().skip(2) {
            let Some((name, cells)) = line.rsplit_once(':') else {
                continue;
            };
            let cells: Vec<u64> = cells
                .split_whitespace()
                .filter_map(|cell| cell.parse().ok())
                .collect();
            for (column, what) in OF_LINKS {
                if let Some(value) = cells.get(column) {
                    self.0.insert(format!("{}:{what}", name.trim()), *value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_file_is_read() {
        let mut counters = Counters::default();
        counters
            .add_pairs_of_lines("Ip: Forwarding InAddrErrors\nIp: 2 7\nTcp: MaxConn\nTcp: -1\n");
        counters.add_words("Ip6InReceives                   \t5\nno number\n");
        counters.add_links(
            "Inter-|   Receive\n face |bytes\n  v0: 10 1 2 3 4 5 6 7 20 8 9 11 12 13 14 15\nv0:1: x\n",
        );
        assert_eq!(counters.get("Ip:InAddrErrors"), 7);
        assert_eq!(counters.get("Ip6InReceives"), 5);
        assert_eq!(counters.get("v0:rx_packets"), 1);
        assert_eq!(counters.get("v0:rx_dropped"), 3);
        assert_eq!(counters.get("v0:tx_packets"), 8);
        assert_eq!(counters.get("v0:tx_carrier"), 14);
        assert_eq!(counters.get("Tcp:MaxConn"), 0);
    }

    #[test]
    fn what_has_not_grown_is_left_out() {
        let (mut before, mut after) = (Counters::default(), Counters::default());
        before.set("Ip:InReceives", 3);
        before.set("Ip:InAddrErrors", 1);
        after.set("Ip:InReceives", 5);
        after.set("Ip:InAddrErrors", 1);
        let mut grown = Counters::default();
        grown.set("Ip:InReceives", 2);
        assert_eq!(after.since(&before), grown);
    }
}
