//! What makes the guest quick: hardware virtualisation where it is real, a known clock where it is not.

use std::fs::{self, OpenOptions};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use super::cache;

/// How QEMU runs the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accel {
    /// On the processor itself.
    Kvm,
    /// Emulated. Without the rate of the clock counter in kHz boots hang on a loaded host while the guest measures it.
    Tcg { clock_khz: u64 },
}

impl Accel {
    /// How long the guest may take until it is up.
    ///
    /// Under emulation it is up in one to seven seconds, and after a minute on a machine whose processors are all busy. With KVM three
    /// seconds are ample: on some machines `/dev/kvm` is there but emulated itself, and a guest crawls.
    pub(super) fn patience(self) -> Duration {
        match self {
            Self::Kvm => Duration::from_secs(3),
            Self::Tcg { .. } => Duration::from_secs(120),
        }
    }

    /// The emulation, with the clock of this machine.
    pub(super) fn emulated() -> Self {
        Self::Tcg {
            clock_khz: clock_khz(),
        }
    }
}

/// What KVM is good for on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kvm {
    /// It makes machines, and no micro-VM has failed with it.
    Works,
    /// There is none.
    Absent,
    /// This user may not open it.
    Closed,
    /// It makes no machine.
    Broken,
    /// It makes machines, and none came up since this machine was started.
    Useless,
}

// `KVM_CREATE_VM` of `linux/kvm.h`.
nix::ioctl_write_int_bad!(create_machine, 0xAE01);

/// Finds out what KVM is good for, by a machine that is made and goes at once.
pub(super) fn state() -> Kvm {
    let device = match OpenOptions::new().read(true).write(true).open("/dev/kvm") {
        Ok(device) => device,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Kvm::Absent,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Kvm::Closed,
        Err(_) => return Kvm::Broken,
    };
    // SAFETY: the descriptor is open, and the call takes a plain number.
    let Ok(machine) = (unsafe { create_machine(device.as_raw_fd(), 0) }) else {
        return Kvm::Broken;
    };
    // SAFETY: the kernel has just given this descriptor, and nothing else knows it.
    drop(unsafe { OwnedFd::from_raw_fd(machine) });
    if verdict().is_some() && verdict() == boot() {
        return Kvm::Useless;
    }
    Kvm::Works
}

/// Whether to try KVM: this user may open it, and it has not failed since this machine was started.
pub(super) fn kvm_is_worth_a_try() -> bool {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/kvm")
        .is_ok()
        && !(verdict().is_some() && verdict() == boot())
}

/// Remembers, until this machine starts anew, that KVM is of no use. Where that cannot be kept, the next run tries again.
pub(super) fn kvm_is_of_no_use() {
    if let (Ok(folder), Some(boot)) = (cache::subfolder("ready"), boot()) {
        let _ = cache::put(&folder.join("no-kvm"), boot.as_bytes());
    }
}

fn verdict() -> Option<String> {
    fs::read_to_string(cache::folder().ok()?.join("ready/no-kvm")).ok()
}

fn boot() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()
}

/// The rate of this processor's time-stamp counter, measured for 20 ms.
fn clock_khz() -> u64 {
    let (start_ticks, start) = sample();
    thread::sleep(Duration::from_millis(20));
    let (end_ticks, end) = sample();
    let nanos = u64::try_from((end - start).as_nanos())
        .unwrap_or(u64::MAX)
        .max(1);
    end_ticks
        .saturating_sub(start_ticks)
        .saturating_mul(1_000_000)
        / nanos
}

/// The counter and the time at one moment: the tightest of some tries, as another process may run in between.
fn sample() -> (u64, Instant) {
    let mut best = (u64::MAX, 0, Instant::now());
    for _ in 0..20 {
        let before = ticks();
        let now = Instant::now();
        let width = ticks().saturating_sub(before);
        if width < best.0 {
            best = (width, before + width / 2, now);
        }
    }
    (best.1, best.2)
}

#[cfg(target_arch = "x86_64")]
fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and it touches no memory.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn ticks() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_clock_of_a_processor_of_today_runs_at_some_gigahertz() {
        let khz = clock_khz();
        assert!((500_000..10_000_000).contains(&khz), "{khz}");
    }
}
