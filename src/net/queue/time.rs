//! The clock of traffic control: it counts in ticks, and a burst as the time that it takes to send.

use std::sync::OnceLock;

use crate::value::rate::Rate;

/// Nanoseconds in a tick where the kernel does not say: so it has been since Linux 2.6.31.
const USUAL: u64 = 64;

/// Nanoseconds in a tick, as `/proc/net/psched` has it.
fn tick() -> u64 {
    static TICK: OnceLock<u64> = OnceLock::new();
    *TICK.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/net/psched").unwrap_or_default();
        let second = text.split_whitespace().nth(1);
        let tick = second.and_then(|number| u64::from_str_radix(number, 16).ok());
        tick.filter(|tick| *tick > 0).unwrap_or(USUAL)
    })
}

/// A time in ticks.
pub(super) fn ticks(nanoseconds: u64) -> u32 {
    u32::try_from(nanoseconds / tick()).unwrap_or(u32::MAX)
}

/// The ticks that `bytes` take at the rate, rounded up: a burst is to hold what was asked for.
pub(super) fn ticks_of(bytes: u32, rate: Rate) -> u32 {
    let per_second = u128::from(rate.bytes_per_second.max(1) * tick());
    let ticks = (u128::from(bytes) * 1_000_000_000).div_ceil(per_second);
    u32::try_from(ticks).unwrap_or(u32::MAX)
}

/// The bytes that are sent at the rate in that many ticks.
pub(super) fn bytes_in(ticks: u32, rate: Rate) -> u32 {
    let nanoseconds = u128::from(ticks) * u128::from(tick());
    let bytes = nanoseconds * u128::from(rate.bytes_per_second) / 1_000_000_000;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_in_ticks_holds_what_was_asked_and_hardly_more() {
        for bytes_per_second in [1_000, 125_000, 1_250_000, 12_500_000] {
            let rate = Rate { bytes_per_second };
            for bytes in [1_600, 65_536] {
                let back = bytes_in(ticks_of(bytes, rate), rate);
                assert!((bytes..=bytes + 1).contains(&back), "{bytes} {back}");
            }
        }
    }
}
