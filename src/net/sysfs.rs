//! What only `/sys` tells of links: whether somebody has chosen a hardware address.

use std::collections::HashSet;
use std::io::Read;

use rustix::fs::{Mode, OFlags, openat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use crate::net::namespace::{self, Namespace};

/// `NET_ADDR_SET` of `linux/netdevice.h`.
const SET: &str = "3";

/// Those of the links whose hardware address was set by somebody. `None` where `/sys` may not be looked at.
///
/// A file system that is opened in the namespace shows its links, and is mounted nowhere.
pub fn links_with_set_mac<'a>(
    namespace: &Namespace,
    links: impl IntoIterator<Item = &'a str>,
) -> Option<HashSet<String>> {
    let mount = namespace::within(namespace, || {
        let system = fsopen("sysfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_create(&system)?;
        let read_only = MountAttrFlags::MOUNT_ATTR_RDONLY;
        fsmount(&system, FsMountFlags::FSMOUNT_CLOEXEC, read_only)
    });
    let mount = mount.ok()?.ok()?;
    let is_set = |link: &str| {
        let path = format!("class/net/{link}/addr_assign_type");
        let file = openat(
            &mount,
            path,
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .ok()?;
        let mut text = String::new();
        std::fs::File::from(file).read_to_string(&mut text).ok()?;
        Some(text.trim() == SET)
    };
    let mut set = HashSet::new();
    for link in links {
        if is_set(link)? {
            set.insert(link.to_owned());
        }
    }
    Some(set)
}
