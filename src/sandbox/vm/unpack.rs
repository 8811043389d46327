//! The compressions that kernels and their modules come in, told apart by their first bytes.

use std::io::{self, Read};

/// The content, whatever it is packed in; plain bytes as they are.
///
/// What follows the packed content is ignored: a kernel image carries its size behind it.
pub(super) fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    match packed {
        [0x1f, 0x8b, ..] => {
            flate2::read::GzDecoder::new(packed).read_to_end(&mut plain)?;
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            lzma_rust2::XzReader::new(packed, false).read_to_end(&mut plain)?;
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            ruzstd::decoding::StreamingDecoder::new(packed)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?
                .read_to_end(&mut plain)?;
        }
        [0x02, 0x21, 0x4c, 0x18, blocks @ ..] => unpack_legacy_lz4(blocks, &mut plain)?,
        _ => plain.extend_from_slice(packed),
    }
    Ok(plain)
}

/// The format that `lz4 -l` writes and that only kernels still use: blocks of 8 MiB, each behind its packed size.
fn unpack_legacy_lz4(mut blocks: &[u8], plain: &mut Vec<u8>) -> io::Result<()> {
    const BLOCK: usize = 8 << 20;
    while let Some((size, rest)) = blocks.split_first_chunk() {
        let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
        // The four bytes behind the last block are the size of the plain kernel: no block is that long.
        let Some((block, next)) = rest.split_at_checked(size) else {
            break;
        };
        let start = plain.len();
        plain.resize(start + BLOCK, 0);
        let written = lz4_flex::block::decompress_into(block, &mut plain[start..])
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        plain.truncate(start + written);
        blocks = next;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"the same again and again and again and again";

    #[test]
    fn plain_bytes_stay_as_they_are() {
        assert_eq!(unpack(TEXT).unwrap(), TEXT);
        assert_eq!(unpack(&[]).unwrap(), Vec::<u8>::new());
    }

    #[test]
    fn gzip_is_unpacked_and_what_follows_it_ignored() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(TEXT).unwrap();
        let mut packed = encoder.finish().unwrap();
        packed.extend_from_slice(&[1, 2, 3, 4]);
        assert_eq!(unpack(&packed).unwrap(), TEXT);
    }

    #[test]
    fn xz_is_unpacked_and_what_follows_it_ignored() {
        let options = lzma_rust2::XzOptions::with_preset(6);
        let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        encoder.write_all(TEXT).unwrap();
        let mut packed = encoder.finish().unwrap();
        packed.extend_from_slice(&[1, 2, 3, 4]);
        assert_eq!(unpack(&packed).unwrap(), TEXT);
    }

    #[test]
    fn zstd_is_unpacked_and_what_follows_it_ignored() {
        let mut packed =
            ruzstd::encoding::compress_to_vec(TEXT, ruzstd::encoding::CompressionLevel::Fastest);
        packed.extend_from_slice(&[1, 2, 3, 4]);
        assert_eq!(unpack(&packed).unwrap(), TEXT);
    }

    #[test]
    fn legacy_lz4_is_unpacked_block_by_block_up_to_the_size_behind_it() {
        let mut packed = vec![0x02, 0x21, 0x4c, 0x18];
        for _ in 0..2 {
            let block = lz4_flex::block::compress(TEXT);
            packed.extend_from_slice(&u32::try_from(block.len()).unwrap().to_le_bytes());
            packed.extend_from_slice(&block);
        }
        packed.extend_from_slice(&80_000_000_u32.to_le_bytes());
        assert_eq!(unpack(&packed).unwrap(), [TEXT, TEXT].concat());
    }

    #[test]
    fn damaged_content_is_an_error() {
        assert!(unpack(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 9, 9, 9]).is_err());
        assert!(unpack(&[0x28, 0xb5, 0x2f, 0xfd, 255, 255]).is_err());
    }
}
