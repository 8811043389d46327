//! TUN and TAP devices: links whose far end is a program. rtnetlink can't make them; they are opened, and told to stay.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage};

use crate::error::Result;
use crate::net::netns::Netns;
use crate::net::rtnl::{Refusal, Rtnl};
use crate::net::{fault, link};

/// Where devices are opened.
const DEVICE: &str = "/dev/net/tun";

/// A device to be made.
#[derive(Clone, Debug)]
pub struct Tun {
    /// Whether it carries Ethernet frames (TAP) rather than IP packets (TUN).
    pub is_tap: bool,
    /// The user that may open it, by number.
    pub user: Option<u32>,
    /// The group that may open it, by number.
    pub group: Option<u32>,
    /// Whether it can be opened more than once, for a queue each.
    pub multi_queue: bool,
}

mod ioctl {
    use nix::{ioctl_write_int_bad, ioctl_write_ptr_bad, request_code_write};

    // Their argument is the value itself, though their numbers say that it is a pointer to an int.
    ioctl_write_int_bad!(
        set_persist,
        request_code_write!(b'T', 203, size_of::<libc::c_int>())
    );
    ioctl_write_int_bad!(
        set_owner,
        request_code_write!(b'T', 204, size_of::<libc::c_int>())
    );
    ioctl_write_int_bad!(
        set_group,
        request_code_write!(b'T', 206, size_of::<libc::c_int>())
    );
    ioctl_write_ptr_bad!(
        set_index,
        request_code_write!(b'T', 218, size_of::<libc::c_uint>()),
        libc::c_uint
    );
    ioctl_write_ptr_bad!(
        set_interface,
        request_code_write!(b'T', 202, size_of::<libc::c_int>()),
        libc::ifreq
    );
}

/// Makes the device `name` in `netns`. `message` describes it, for a plan.
pub async fn create(
    netns: &Netns,
    rtnl: &Rtnl,
    device: &Tun,
    name: &str,
    message: &LinkMessage,
) -> Result<Result<(), Refusal>> {
    if rtnl.is_planned() {
        return Ok(match std::fs::symlink_metadata(DEVICE) {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(unknown()),
            _ => plan(rtnl, device, name, message).await,
        });
    }
    let made = netns.within(|| fault::guard(|| make(device, name, None)))?;
    Ok(made.map_err(explain))
}

fn explain(errno: Errno) -> Refusal {
    match errno {
        Errno::ENOENT | Errno::ENODEV | Errno::ENXIO => unknown(),
        Errno::EBUSY => Refusal::of(Errno::EEXIST),
        errno => Refusal::of(errno),
    }
}

/// Plans the device: what else `message` asks of it comes when it is there.
async fn plan(rtnl: &Rtnl, device: &Tun, name: &str, message: &LinkMessage) -> Result<(), Refusal> {
    let is_there = link::get(rtnl, link::Which::Name(name)).await?.is_some();
    if is_there {
        return Err(Refusal::of(Errno::EEXIST));
    }
    let made = rtnl
        .try_device(name, |index| make(device, name, Some(index)))
        .await;
    let made = made.map_err(|refusal| explain(refusal.errno))?;
    let bare = made.unwrap_or_else(|| {
        let mut bare = message.clone();
        let kept = |attribute: &LinkAttribute| {
            matches!(
                attribute,
                LinkAttribute::IfName(_) | LinkAttribute::LinkInfo(_)
            )
        };
        bare.attributes.retain(kept);
        bare
    });
    link::create(rtnl, None, bare).await
}

/// What rtnetlink says of a kind that it does not know.
fn unknown() -> Refusal {
    Refusal {
        errno: Errno::EOPNOTSUPP,
        text: Some("Unknown device type".to_owned()),
    }
}

/// Makes it; `index` is the ifindex that it is to have.
fn make(device: &Tun, name: &str, index: Option<u32>) -> Result<(), Errno> {
    let file = OpenOptions::new().read(true).write(true).open(DEVICE);
    let file = file.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))?;
    let mut flags = libc::IFF_NO_PI | IFF_TUN_EXCL;
    flags |= if device.is_tap {
        libc::IFF_TAP
    } else {
        libc::IFF_TUN
    };
    if device.multi_queue {
        flags |= libc::IFF_MULTI_QUEUE;
    }
    // SAFETY: all bytes zero is a valid `ifreq`: an empty name, and numbers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let (last, rest) = request.ifr_name.split_last_mut().ok_or(Errno::EINVAL)?;
    *last = 0;
    for (to, from) in rest.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request.ifr_ifru.ifru_flags = (flags & 0xffff) as libc::c_short;
    if let Some(index) = index {
        // SAFETY: the descriptor is open, and the kernel reads one number, which lives until the call returns.
        unsafe { ioctl::set_index(file.as_raw_fd(), &raw const index) }?;
    }
    // SAFETY: the descriptor is open, and the kernel reads one `ifreq`, which lives until the call returns.
    unsafe { ioctl::set_interface(file.as_raw_fd(), &raw const request) }?;
    settle(&file, device)
}

/// Says who may open it, and has it stay when `file` is closed. Until then a failure takes it away again.
fn settle(file: &File, device: &Tun) -> Result<(), Errno> {
    let fd = file.as_raw_fd();
    if let Some(user) = device.user {
        // SAFETY: the descriptor is open; the argument is a number.
        unsafe { ioctl::set_owner(fd, user.cast_signed()) }?;
    }
    if let Some(group) = device.group {
        // SAFETY: the same.
        unsafe { ioctl::set_group(fd, group.cast_signed()) }?;
    }
    // SAFETY: the same.
    unsafe { ioctl::set_persist(fd, 1) }?;
    Ok(())
}

/// `IFF_TUN_EXCL` of `linux/if_tun.h`: a device that is there is not taken over.
const IFF_TUN_EXCL: libc::c_int = 0x8000;
