//! The kernel's table of neighbours: there is one for all namespaces together, and it can be full.

use std::fs;

/// The statistics of the table of either family. They are in the first network namespace only, which is that of process 1.
const FILES: [&str; 2] = ["/proc/1/net/stat/arp_cache", "/proc/1/net/stat/ndisc_cache"];

/// How often so far the table was too full to take a neighbour; `None` where that may not be read.
pub fn overflows() -> Option<u64> {
    let texts = FILES
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok());
    texts
        .filter_map(|text| count(&text))
        .reduce(u64::wrapping_add)
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
    fn a_kernel_without_the_column_tells_nothing() {
        assert_eq!(count("entries  allocs\n00000001 00001511\n"), None);
        assert_eq!(count(""), None);
    }
}
