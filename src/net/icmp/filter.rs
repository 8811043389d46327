//! Which ICMP messages a RAW socket gets to see.
//!
//! A RAW socket is handed a copy of every ICMP message of its namespace. With many pingers in one namespace, waking all of
//! them for each reply costs far more than the replies: the kernel sorts them out instead, by classic BPF.

use socket2::SockFilter;

// The instructions in use, named as in the kernel's documentation of classic BPF (`networking/filter.rst`).
/// `ldxb 4*([k]&0xf)`: the length of the IPv4 header at `k`.
const LDX_IP_HEADER: u16 = 0xb1;
/// `ldb [k]`
const LDB: u16 = 0x30;
/// `ldh [k]`
const LDH: u16 = 0x28;
/// `ldb [x + k]`
const LDB_X: u16 = 0x50;
/// `ldh [x + k]`
const LDH_X: u16 = 0x48;
const JEQ: u16 = 0x15;
const JGT: u16 = 0x25;
const AND: u16 = 0x54;
const LSH: u16 = 0x64;
const ADD_X: u16 = 0x0c;
const TAX: u16 = 0x07;
const RET: u16 = 0x06;

/// The number of bytes to let through: all of them.
const ALL: u32 = u32::MAX;

const fn op(code: u16, k: u32) -> SockFilter {
    SockFilter::new(code, 0, 0, k)
}

/// `on` and `off` are how many instructions to skip where the comparison holds and where it does not.
const fn jump(code: u16, k: u32, on: u8, off: u8) -> SockFilter {
    SockFilter::new(code, on, off, k)
}

/// Lets nothing through.
pub(super) fn nothing() -> [SockFilter; 1] {
    [op(RET, 0)]
}

/// Lets through echo replies with `identifier`, and ICMP errors that quote an echo request with it.
///
/// A RAW socket sees IPv4 messages from the IP header on.
pub(super) fn ours_v4(identifier: u16) -> [SockFilter; 19] {
    let identifier = u32::from(identifier);
    [
        op(LDX_IP_HEADER, 0),
        op(LDB_X, 0),
        jump(JEQ, 0, 12, 0),  // echo reply: to its identifier
        jump(JEQ, 3, 2, 0),   // destination unreachable: to the quoted packet
        jump(JEQ, 11, 1, 0),  // time exceeded
        jump(JEQ, 12, 0, 12), // parameter problem; anything else: drop
        op(LDB_X, 8 + 9),     // the quoted packet's protocol
        jump(JEQ, 1, 0, 10),  // not ICMP: drop
        op(LDB_X, 8),         // its header may carry options, too
        op(AND, 0x0f),
        op(LSH, 2),
        op(ADD_X, 0),
        op(TAX, 0),
        op(LDH_X, 8 + 4),
        jump(JEQ, identifier, 2, 3),
        op(LDH_X, 4),
        jump(JEQ, identifier, 0, 1),
        op(RET, ALL),
        op(RET, 0),
    ]
}

/// The same for IPv6, where a RAW socket sees messages from the ICMPv6 header on.
///
/// Where the quoted packet has extension headers (a fragment has one) the message is let through, and looked at by the decoder.
pub(super) fn ours_v6(identifier: u16) -> [SockFilter; 12] {
    let identifier = u32::from(identifier);
    [
        op(LDB, 0),
        jump(JEQ, 129, 6, 0), // echo reply: to its identifier
        jump(JEQ, 0, 8, 0),   // errors are 1 to 4
        jump(JGT, 4, 7, 0),
        op(LDB, 8 + 6),      // the quoted packet's next header
        jump(JEQ, 58, 0, 4), // not ICMPv6 at once: let through
        op(LDH, 8 + 40 + 4),
        jump(JEQ, identifier, 2, 3),
        op(LDH, 4),
        jump(JEQ, identifier, 0, 1),
        op(RET, ALL),
        op(RET, 0),
    ]
}
