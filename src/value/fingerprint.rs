//! A number for a text: two that differ have different ones, all but surely.

/// The number of `bytes`, the same in every release (FNV-1a, 64 bits).
pub fn of(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold)
}
