//! Attributes of netlink as plain numbers and bytes, for what the crates of netlink have no types for.

use rtnetlink::packet_core::{DefaultNla, Emitable, Nla, NlasIterator};
use rtnetlink::packet_route::link::InfoData;

/// The number of each, and its bytes.
pub type Attributes = Vec<(u16, Vec<u8>)>;

/// Attributes as the kernel takes them, one behind the other, each filled up to four bytes.
pub fn bytes_of(attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let list: Vec<_> = attributes
        .iter()
        .map(|(at, bytes)| DefaultNla::new(*at, bytes.clone()))
        .collect();
    let mut bytes = vec![0; list.as_slice().buffer_len()];
    list.as_slice().emit(&mut bytes);
    bytes
}

/// The attributes in `bytes`.
pub fn attributes_in(bytes: &[u8]) -> Attributes {
    let found = NlasIterator::new(bytes).flatten();
    found
        .map(|nla| (nla.kind(), nla.value().to_vec()))
        .collect()
}

/// The attributes that a link tells of its kind.
pub fn attributes_of(data: &InfoData) -> Attributes {
    let mut bytes = vec![0; data.value_len()];
    data.emit_value(&mut bytes);
    attributes_in(&bytes)
}

/// The number of 32 bits that the attribute `at` holds.
pub(crate) fn number(attributes: &Attributes, at: u16) -> Option<u32> {
    let (_, bytes) = attributes.iter().find(|(known, _)| *known == at)?;
    Some(u32::from_ne_bytes(bytes.as_slice().try_into().ok()?))
}
