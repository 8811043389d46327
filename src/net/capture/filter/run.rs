//! Runs a program of classic BPF over a packet of a file, as the kernel does over one of a link.

/// An instruction of classic BPF, as `struct sock_filter` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What it does.
    pub code: u16,
    /// How many instructions are passed over where its condition holds.
    pub yes: u8,
    /// How many where it does not.
    pub no: u8,
    /// Its operand.
    pub k: u32,
}

// Named as in the kernel's documentation of classic BPF (`networking/filter.rst`).
/// `ld [k]`
pub(super) const LD: u16 = 0x20;
/// `ldh [k]`
pub(super) const LDH: u16 = 0x28;
/// `ldb [k]`
pub(super) const LDB: u16 = 0x30;
/// `ldh [x + k]`
pub(super) const LDH_X: u16 = 0x48;
/// `ldxb 4*([k]&0xf)`: the length of the IPv4 header at `k`.
pub(super) const LDX_IP_HEADER: u16 = 0xb1;
/// `and #k`
pub(super) const AND: u16 = 0x54;
/// `ja k`
pub(super) const JA: u16 = 0x05;
/// `jeq #k`
pub(super) const JEQ: u16 = 0x15;
/// `jset #k`
pub(super) const JSET: u16 = 0x45;
/// `ret #k`
pub(super) const RET: u16 = 0x06;

/// How many bytes of the packet the program lets through; 0 where it is not wanted, as also where it looks behind its end.
pub fn run(program: &[Instruction], packet: &[u8]) -> u32 {
    judge(program, packet).unwrap_or(0)
}

fn judge(program: &[Instruction], packet: &[u8]) -> Option<u32> {
    let load = |at: u32, length: usize| -> Option<u32> {
        let at = usize::try_from(at).ok()?;
        let bytes = packet.get(at..at.checked_add(length)?)?;
        Some(
            bytes
                .iter()
                .fold(0, |sum, byte| (sum << 8) | u32::from(*byte)),
        )
    };
    let (mut a, mut x) = (0_u32, 0_u32);
    let mut at = 0;
    loop {
        let Instruction { code, yes, no, k } = *program.get(at)?;
        at += 1;
        let mut branch = |holds: bool| at += usize::from(if holds { yes } else { no });
        match code {
            LD => a = load(k, 4)?,
            LDH => a = load(k, 2)?,
            LDB => a = load(k, 1)?,
            LDH_X => a = load(x.checked_add(k)?, 2)?,
            LDX_IP_HEADER => x = 4 * (load(k, 1)? & 0x0f),
            AND => a &= k,
            JEQ => branch(a == k),
            JSET => branch(a & k != 0),
            JA => at += usize::try_from(k).ok()?,
            RET => return Some(k),
            _ => return None,
        }
    }
}
