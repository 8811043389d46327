//! The kernel's table of neighbours: there is one for all namespaces together, and it can be full.

use std::fmt;
use std::fs;

/// The statistics of the table of either family. They are in the first network namespace only, which is that of process 1.
const FILES: [(Family, &str); 2] = [
    (Family::Ipv4, "/proc/1/net/stat/arp_cache"),
    (Family::Ipv6, "/proc/1/net/stat/ndisc_cache"),
];

/// A family of addresses, each of which has a table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Those that ARP asks for.
    Ipv4,
    /// Those that neighbour discovery asks for.
    Ipv6,
}

impl Family {
    /// The setting that says how many neighbours the table takes, which is in the first network namespace only.
    pub fn room(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4.neigh.default.gc_thresh3",
            Self::Ipv6 => "ipv6.neigh.default.gc_thresh3",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// How often so far each of the tables was too full to take a neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overflows(Vec<(Family, u64)>);

impl Overflows {
    /// What the kernel counts; nothing where that may not be read.
    pub fn read() -> Self {
        let texts = FILES.iter().filter_map(|(family, file)| {
            let text = fs::read_to_string(file).ok()?;
            Some((*family, count(&text)?))
        });
        Self(texts.collect())
    }

    /// The first table that was too full once more than `before`.
    pub fn since(&self, before: &Self) -> Option<Family> {
        let grown = self.0.iter().filter(|one| !before.0.contains(one));
        let mut known =
            grown.filter(|(family, _)| before.0.iter().any(|(other, _)| other == family));
        known.next().map(|(family, _)| *family)
    }

    /// How often it was one of them.
    pub fn total(&self) -> u64 {
        self.0
            .iter()
            .map(|(_, count)| *count)
            .fold(0, u64::wrapping_add)
    }
}

/// The sum of the column `table_fulls` over the lines, one for each processor.
fn count(text: &str) -> Option<u64> {
    let mut lines = text.lines();
    let headings = lines.next()?.split_whitespace();
    let column = headings
        .into_iter()
        .position(|name| name == "table_fulls")?;
    let cells = lines.filter_map(|line| line.split_whitespace().nth(column));
    let numbers = cells.filter_map(|cell| u64::from_str_radix(cell, 16).ok());
    Some(numbers.fold(0, u64::wrapping_add))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processors_are_summed_up_in_hexadecimal() {
        let text = "entries  allocs   table_fulls\n00000001 00001511 000002cf\n00000001 0000142f 00000001\n";
        assert_eq!(count(text), Some(0x2d0));
    }

    #[test]
    fn the_table_that_was_too_full_again_is_told() {
        let of = |ipv4, ipv6| Overflows(vec![(Family::Ipv4, ipv4), (Family::Ipv6, ipv6)]);
        assert_eq!(of(1, 2).since(&of(1, 2)), None);
        assert_eq!(of(1, 3).since(&of(1, 2)), Some(Family::Ipv6));
        assert_eq!(of(2, 3).since(&of(1, 2)), Some(Family::Ipv4));
        assert_eq!(of(2, 3).since(&Overflows(Vec::new())), None);
        assert_eq!(of(2, 3).total(), 5);
    }

    #[test]
    fn a_kernel_without_the_column_tells_nothing() {
        assert_eq!(count("entries  allocs\n00000001 00001511\n"), None);
        assert_eq!(count(""), None);
    }
}
