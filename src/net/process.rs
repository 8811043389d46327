//! Processes that have a namespace of their own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::net::namespace;

/// The first process of each network namespace other than this one's, with its command line; those of others that may not
/// be looked at are left out.
pub fn owners() -> Vec<(u32, String)> {
    let own = namespace::id_of_path(Path::new("/proc/self/ns/net"));
    let mut processes: Vec<u32> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    processes.sort_unstable();
    let mut owners = BTreeMap::new();
    for pid in processes {
        let id = namespace::id_of_path(Path::new(&format!("/proc/{pid}/ns/net")));
        if let Some(id) = id
            && Some(id) != own
        {
            owners.entry((id.device, id.inode)).or_insert(pid);
        }
    }
    let mut owners: Vec<_> = owners
        .into_values()
        .map(|pid| (pid, command(pid)))
        .collect();
    owners.sort_unstable();
    owners
}

fn command(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    line.trim().chars().take(40).collect()
}
