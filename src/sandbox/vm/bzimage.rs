//! What lies inside a kernel image as distributions ship it (Documentation/arch/x86/boot.rst).
//!
//! Unpacked and entered through its PVH note, a kernel is up seconds earlier than when it unpacks itself under emulation.

use goblin::elf::Elf;

use super::unpack::unpack;

/// The note by which a plain kernel says where it is entered (`XEN_ELFNOTE_PHYS32_ENTRY`).
const PVH_NOTE: u32 = 0x12;

/// What a kernel says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Banner {
    /// Its release, as `uname -r` would say.
    pub(super) release: String,
    /// The version of the package that it was built as, where the distribution writes it there, as Debian does.
    pub(super) version: Option<String>,
}

/// What a kernel says of itself, read from the start of its image. Plain (ELF) kernels are to be given whole.
pub(super) fn banner(image: &[u8]) -> Option<Banner> {
    let banner = if image.starts_with(b"\x7fELF") {
        let start = b"Linux version ";
        let found = image
            .windows(start.len())
            .position(|window| window == start)?;
        image.get(found + start.len()..)?
    } else {
        let pointer = usize::from(u16::from_le_bytes(field(image, 0x20e)?));
        header(image)?.get(pointer + 0x200..)?
    };
    let text: Vec<u8> = banner
        .iter()
        .take(256)
        .take_while(|byte| byte.is_ascii_graphic() || **byte == b' ')
        .copied()
        .collect();
    let text = String::from_utf8(text).ok()?;
    let mut words = text.split(' ');
    let release = words.next().filter(|word| word.len() <= 128)?;
    let is_version =
        |word: &&str| word.starts_with(|char: char| char.is_ascii_digit()) && word.contains('.');
    (!release.is_empty() && !release.contains('/')).then(|| Banner {
        release: release.to_owned(),
        version: words.find(is_version).map(str::to_owned),
    })
}

/// The plain kernel inside the image, if it is one that QEMU can enter.
pub(super) fn vmlinux(image: &[u8]) -> Option<Vec<u8>> {
    header(image)?;
    let sectors = match image.get(0x1f1)? {
        0 => 4,
        count => usize::from(*count),
    };
    let offset = usize::try_from(u32::from_le_bytes(field(image, 0x248)?)).ok()?;
    let length = usize::try_from(u32::from_le_bytes(field(image, 0x24c)?)).ok()?;
    let start = ((sectors + 1) * 512).checked_add(offset)?;
    let plain = unpack(image.get(start..start.checked_add(length)?)?).ok()?;
    has_pvh_entry(&plain).then_some(plain)
}

/// Whether QEMU can start this plain kernel.
pub(super) fn has_pvh_entry(kernel: &[u8]) -> bool {
    Elf::parse(kernel).is_ok_and(|elf| {
        elf.iter_note_headers(kernel).is_some_and(|notes| {
            notes
                .flatten()
                .any(|note| note.n_type == PVH_NOTE && note.name == "Xen")
        })
    })
}

/// The image itself, if it has the header of a boot protocol that says where the payload is (2.08 of 2008).
fn header(image: &[u8]) -> Option<&[u8]> {
    let version = u16::from_le_bytes(field(image, 0x206)?);
    (field(image, 0x202)? == *b"HdrS" && version >= 0x0208).then_some(image)
}

fn field<const N: usize>(image: &[u8], at: usize) -> Option<[u8; N]> {
    image.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 0x800];
        image[0x1f1] = 1;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x206..0x208].copy_from_slice(&0x20f_u16.to_le_bytes());
        image[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
        let banner = b"6.1.0-9-amd64 (me@debian.org) #1 SMP Debian 6.1.27-1 (2023-05-08)";
        image[0x300..0x300 + banner.len()].copy_from_slice(banner);
        image[0x248..0x24c].copy_from_slice(&0x400_u32.to_le_bytes());
        image[0x24c..0x250].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
        image.extend_from_slice(payload);
        image
    }

    #[test]
    fn the_release_and_the_version_of_the_package_are_read_from_the_header() {
        let says = |image: &[u8]| banner(image).map(|one| (one.release, one.version));
        assert_eq!(
            says(&image(&[])),
            Some(("6.1.0-9-amd64".to_owned(), Some("6.1.27-1".to_owned())))
        );
        assert_eq!(
            says(b"\x7fELF...Linux version 6.2.1 (x) #1"),
            Some(("6.2.1".to_owned(), None))
        );
    }

    #[test]
    fn a_payload_without_a_pvh_note_is_left_in_its_image() {
        assert_eq!(vmlinux(&image(b"not a kernel")), None);
    }

    #[test]
    fn what_is_no_image_or_is_cut_off_is_not_taken_for_one() {
        assert_eq!(banner(b"MZ"), None);
        assert_eq!(vmlinux(&[0; 4096]), None);
        let whole = image(&[1; 100]);
        assert_eq!(vmlinux(&whole[..whole.len() - 1]), None);
    }
}
