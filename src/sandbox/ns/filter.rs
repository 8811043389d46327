//! The system calls that a run may not make: those that reach out of the namespaces.
//!
//! A program of the BPF of sockets, as the kernel takes it for system calls.

use std::ffi::c_long;

use nix::errno::Errno;
use nix::libc::{self, sock_filter};

use crate::error::Result;

/// When a system call is refused.
enum When {
    Always,
    /// Where the argument has one of the bits.
    Bits(usize, u32),
    /// Where one argument has one of the bits, and another as well.
    BothBits([(usize, u32); 2]),
    /// Where the argument is one of these.
    Is(usize, &'static [u32]),
}

/// A system call, and the error that it ends with instead.
struct Refusal(c_long, When, Errno);

/// The bits of a file by which a program gets the rights of another: those that a run leaves behind would be of the host.
const OF_OTHERS: u32 = libc::S_ISUID | libc::S_ISGID;

const MAKES: u32 = (libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY)) as u32;

/// Puts input in the queue of a terminal as if it had been typed; both ways to do that.
const TYPES: &[u32] = &[0x5412, 0x541C];

// The same numbers on all machines that `MACHINE` names.
const OPENAT2: c_long = 437;
const FCHMODAT2: c_long = 452;
const SETXATTRAT: c_long = 463;
const IO_URING_SETUP: c_long = 425;

fn refusals() -> Vec<Refusal> {
    use When::{Always, Bits, BothBits, Is};
    let mut refusals = vec![
        Refusal(libc::SYS_ioctl, Is(1, TYPES), Errno::EPERM),
        Refusal(libc::SYS_fchmod, Bits(1, OF_OTHERS), Errno::EPERM),
        Refusal(libc::SYS_fchmodat, Bits(2, OF_OTHERS), Errno::EPERM),
        Refusal(FCHMODAT2, Bits(2, OF_OTHERS), Errno::EPERM),
        Refusal(
            libc::SYS_openat,
            BothBits([(2, MAKES), (3, OF_OTHERS)]),
            Errno::EPERM,
        ),
        Refusal(libc::SYS_mknodat, Bits(2, OF_OTHERS), Errno::EPERM),
        // Their arguments lie in memory, where they can change after they were looked at.
        Refusal(OPENAT2, Always, Errno::ENOSYS),
        Refusal(IO_URING_SETUP, Always, Errno::EPERM),
        // Capabilities of files are attributes.
        Refusal(libc::SYS_setxattr, Always, Errno::EOPNOTSUPP),
        Refusal(libc::SYS_lsetxattr, Always, Errno::EOPNOTSUPP),
        Refusal(libc::SYS_fsetxattr, Always, Errno::EOPNOTSUPP),
        Refusal(SETXATTRAT, Always, Errno::EOPNOTSUPP),
        // The keys that the kernel keeps are the session's of the user.
        Refusal(libc::SYS_add_key, Always, Errno::EPERM),
        Refusal(libc::SYS_request_key, Always, Errno::EPERM),
        Refusal(libc::SYS_keyctl, Always, Errno::EPERM),
    ];
    refusals.extend(older_calls());
    refusals
}

/// The system calls that only the first machines have: later ones came with those that take a folder.
#[cfg(target_arch = "x86_64")]
fn older_calls() -> Vec<Refusal> {
    use When::{Bits, BothBits};
    vec![
        Refusal(libc::SYS_chmod, Bits(1, OF_OTHERS), Errno::EPERM),
        Refusal(libc::SYS_creat, Bits(1, OF_OTHERS), Errno::EPERM),
        Refusal(
            libc::SYS_open,
            BothBits([(1, MAKES), (2, OF_OTHERS)]),
            Errno::EPERM,
        ),
        Refusal(libc::SYS_mknod, Bits(1, OF_OTHERS), Errno::EPERM),
    ]
}

#[cfg(not(target_arch = "x86_64"))]
fn older_calls() -> Vec<Refusal> {
    Vec::new()
}

/// The machine that the numbers of system calls are those of. Other numbers than these are refused altogether.
#[cfg(target_arch = "x86_64")]
const MACHINE: Option<u32> = Some(0xC000_003E);
#[cfg(target_arch = "aarch64")]
const MACHINE: Option<u32> = Some(0xC000_00B7);
#[cfg(target_arch = "riscv64")]
const MACHINE: Option<u32> = Some(0xC000_00F3);
#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
)))]
const MACHINE: Option<u32> = None;

/// The numbers from here on are those of x86-64's other interface.
const OTHER_INTERFACE: u32 = 0x4000_0000;

/// Has this process and all that it starts do without them, for good. Says what of it can't be had.
pub(super) fn install() -> Result<Option<String>> {
    let Some(machine) = MACHINE else {
        return Ok(Some(
            "system calls are not filtered, as their numbers on this machine are not known"
                .to_owned(),
        ));
    };
    let mut program = program(machine, &refusals());
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).unwrap_or_default(),
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the program lives until the call returns; the kernel copies and checks it.
    let result = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
        )
    };
    match Errno::result(result) {
        Ok(_) => Ok(None),
        Err(Errno::EINVAL) => Ok(Some(
            "system calls are not filtered, as this kernel has no seccomp".to_owned(),
        )),
        Err(errno) => Err(errno.into()),
    }
}

/// Where what is asked about the call stands.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// The lower half of an argument: the kernel looks at no more of those that we ask about.
fn argument(index: usize) -> u32 {
    let half = if cfg!(target_endian = "big") { 4 } else { 0 };
    16 + 8 * u32::try_from(index).unwrap_or_default() + half
}

#[expect(clippy::cast_possible_truncation, reason = "codes have 16 bits")]
fn load(at: u32) -> sock_filter {
    sock_filter {
        code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16,
        jt: 0,
        jf: 0,
        k: at,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "codes have 16 bits")]
fn jump(test: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter {
        code: (libc::BPF_JMP | test | libc::BPF_K) as u16,
        jt,
        jf,
        k,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "codes have 16 bits")]
fn give(k: u32) -> sock_filter {
    sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k,
    }
}

fn refuse(errno: Errno) -> sock_filter {
    give(libc::SECCOMP_RET_ERRNO | u32::try_from(errno as i32).unwrap_or_default())
}

fn allow() -> sock_filter {
    give(libc::SECCOMP_RET_ALLOW)
}

fn program(machine: u32, refusals: &[Refusal]) -> Vec<sock_filter> {
    let mut program = vec![
        load(ARCHITECTURE),
        jump(libc::BPF_JEQ, machine, 1, 0),
        refuse(Errno::ENOSYS),
        load(NUMBER),
        jump(libc::BPF_JGE, OTHER_INTERFACE, 0, 1),
        refuse(Errno::ENOSYS),
    ];
    for Refusal(number, when, errno) in refusals {
        let checks = checks(when, *errno);
        let over = u8::try_from(checks.len()).unwrap_or(u8::MAX);
        let number = u32::try_from(*number).unwrap_or(u32::MAX);
        program.push(jump(libc::BPF_JEQ, number, 0, over));
        program.extend(checks);
    }
    program.push(allow());
    program
}

/// What is asked about a call of the number; it ends with an answer.
fn checks(when: &When, errno: Errno) -> Vec<sock_filter> {
    let bits = |index: &usize, bits: &u32| {
        [
            load(argument(*index)),
            jump(libc::BPF_JSET, *bits, 1, 0),
            allow(),
        ]
    };
    let mut checks = Vec::new();
    match when {
        When::Always => {}
        When::Bits(index, mask) => checks.extend(bits(index, mask)),
        When::BothBits(both) => {
            for (index, mask) in both {
                checks.extend(bits(index, mask));
            }
        }
        When::Is(index, values) => {
            checks.push(load(argument(*index)));
            for (at, value) in values.iter().enumerate() {
                let left = u8::try_from(values.len() - at).unwrap_or(u8::MAX);
                checks.push(jump(libc::BPF_JEQ, *value, left, 0));
            }
            checks.push(allow());
        }
    }
    checks.push(refuse(errno));
    checks
}
