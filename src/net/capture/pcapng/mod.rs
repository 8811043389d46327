//! The file format pcapng, as far as captures need it: <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html>.

pub mod read;
pub mod write;

/// Section header block, the same in either byte order.
const SECTION: u32 = 0x0a0d_0d0a;
/// Interface description block.
const INTERFACE: u32 = 1;
/// Simple packet block.
const SIMPLE_PACKET: u32 = 3;
/// Interface statistics block.
const STATISTICS: u32 = 5;
/// Enhanced packet block.
const PACKET: u32 = 6;

/// What tells the byte order of a section.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// `opt_endofopt` and `opt_comment`, which every block can have.
const END_OF_OPTIONS: u16 = 0;
const COMMENT: u16 = 1;
/// `shb_userappl`
const PROGRAM: u16 = 4;
/// `if_name`
const NAME: u16 = 2;
/// `if_tsresol`
const RESOLUTION: u16 = 9;
/// `if_filter`
const FILTER: u16 = 11;
/// `epb_flags`
const FLAGS: u16 = 2;
/// `isb_ifrecv`
const RECEIVED: u16 = 4;
/// `isb_ifdrop`
const DROPPED: u16 = 5;

/// `if_tsresol` of nanoseconds: 10 to the power of minus 9.
const NANOSECONDS: u8 = 9;
