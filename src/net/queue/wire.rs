//! Attributes and structures of traffic control, as bytes.

use rtnetlink::packet_core::NlasIterator;

use crate::value::rate::Rate;

/// `TC_LINKLAYER_ETHERNET`: with it the kernel needs no table of transmission times.
const ETHERNET: u8 = 1;

/// The value of the attribute `kind`, if it is there.
pub(super) fn attribute(bytes: &[u8], kind: u16) -> Option<Vec<u8>> {
    NlasIterator::new(bytes)
        .map_while(Result::ok)
        .find(|attribute| attribute.kind() == kind)
        .map(|attribute| attribute.value().to_vec())
}

/// Numbers of 32 bits, one behind the other.
pub(super) fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_ne_bytes()).collect()
}

/// The number of 32 bits at the byte `at`; 0 where there is none.
pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    word.map_or(0, u32::from_ne_bytes)
}

/// The number of 64 bits that an attribute holds.
pub(super) fn long(bytes: &[u8]) -> Option<u64> {
    bytes.get(..8)?.try_into().ok().map(u64::from_ne_bytes)
}

/// `struct tc_ratespec`. What does not fit in its 32 bits stands in an attribute of its own besides.
pub(super) fn rate_spec(rate: Rate) -> Vec<u8> {
    let mut bytes = vec![0; 8];
    if rate.bytes_per_second > 0 {
        bytes[1] = ETHERNET;
    }
    bytes.extend(low(rate).to_ne_bytes());
    bytes
}

/// The rate in 32 bits, all set where it does not fit.
pub(super) fn low(rate: Rate) -> u32 {
    u32::try_from(rate.bytes_per_second).unwrap_or(u32::MAX)
}

/// The attribute for a rate that does not fit in 32 bits; none where it does.
pub(super) fn high(kind: u16, rate: Rate) -> Option<(u16, Vec<u8>)> {
    let long = rate.bytes_per_second;
    u32::try_from(long)
        .is_err()
        .then(|| (kind, long.to_ne_bytes().to_vec()))
}

/// The rate of a `struct tc_ratespec` at the byte `at`, or the one of 64 bits beside it.
pub(super) fn rate(spec: &[u8], at: usize, long: Option<&[u8]>) -> Rate {
    let long = long.and_then(self::long);
    Rate {
        bytes_per_second: long.unwrap_or_else(|| word(spec, at + 8).into()),
    }
}
