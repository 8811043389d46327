//! Whose rights the run has on the host: those of the user who started it, or of nobody at all where that is root.

use std::fs;

use nix::unistd::{Gid, Pid, Uid, getegid, geteuid, setgroups, setresgid, setresuid};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

use super::write;
use crate::error::Result;

/// The ids that runs of root get. Above those that distributions give to users and to containers, below 2^31, which some
/// programs can't read.
const FIRST: u32 = 0x7000_0000;
/// The ids of one run, as many as a system uses.
const COUNT: u32 = 1 << 16;
/// How many runs find ids of their own.
const RUNS: u32 = 4096;

/// The whole range of ids: the map of the first user namespace.
const ALL: [&str; 3] = ["0", "0", "4294967295"];

/// Whose rights the run has on the host. Inside it is root in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Those of the user who has started it.
    Same { uid: Uid, gid: Gid },
    /// Those of ids that nobody has, from this one on.
    Nobody(u32),
}

impl Who {
    pub(super) fn of_this_process() -> Self {
        let (uid, gid) = (geteuid(), getegid());
        let power = CapabilitySet::SYS_ADMIN | CapabilitySet::SETUID | CapabilitySet::SETGID;
        let has_power = capabilities(None).is_ok_and(|sets| sets.effective.contains(power));
        if uid.is_root() && is_first_user_namespace() && has_power {
            Self::Nobody(FIRST + std::process::id() % RUNS * COUNT)
        } else {
            Self::Same { uid, gid }
        }
    }

    /// What of the boundary can't be had with these rights.
    pub(super) fn lacks(self) -> Vec<String> {
        match self {
            Self::Same { uid, .. } if uid.is_root() && is_first_user_namespace() => vec![
                "it can read what root can, as this root lacks CAP_SYS_ADMIN, CAP_SETUID or CAP_SETGID".to_owned(),
            ],
            _ => Vec::new(),
        }
    }

    /// Makes this process root of the user namespace that it has just made.
    pub(super) fn map_own(self) -> Result<()> {
        let Self::Same { uid, gid } = self else {
            return Ok(());
        };
        // Without this the kernel takes no group map from an unprivileged process.
        write("/proc/self/setgroups", "deny")?;
        write("/proc/self/uid_map", &format!("0 {uid} 1"))?;
        write("/proc/self/gid_map", &format!("0 {gid} 1"))
    }

    /// Gives `process` the ids in the user namespace that it has made.
    pub(super) fn map(self, process: Pid) -> Result<()> {
        let Self::Nobody(first) = self else {
            return Ok(());
        };
        let map = format!("0 {first} {COUNT}");
        write(&format!("/proc/{process}/uid_map"), &map)?;
        write(&format!("/proc/{process}/gid_map"), &map)
    }

    /// Has the run open the pipes anew that it was started with, as `/dev/stdout` and `/dev/fd/63` do.
    pub(super) fn take_over_pipes(self, pipes: &[i32]) {
        if let Self::Nobody(first) = self {
            for number in pipes {
                // One that can't be opened anew can still be used as it is.
                let path = format!("/proc/self/fd/{number}");
                let _ = std::os::unix::fs::chown(path, Some(first), Some(first));
            }
        }
    }

    /// Makes this process root of its user namespace, and no more than that.
    pub(super) fn become_root(self) -> Result<()> {
        if let Self::Nobody(_) = self {
            let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
            setgroups(&[])?;
            setresgid(gid, gid, gid)?;
            setresuid(uid, uid, uid)?;
        }
        Ok(())
    }

    /// Takes all power from this process, which from now on only waits for others.
    pub(super) fn drop_power(self) -> Result<()> {
        if let Self::Nobody(first) = self {
            let (uid, gid) = (Uid::from_raw(first), Gid::from_raw(first));
            setgroups(&[])?;
            setresgid(gid, gid, gid)?;
            setresuid(uid, uid, uid)?;
        }
        let nothing = CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted: CapabilitySet::empty(),
            inheritable: CapabilitySet::empty(),
        };
        set_capabilities(None, nothing).map_err(std::io::Error::from)?;
        nix::sys::prctl::set_no_new_privs()?;
        // The run has the same ids, and must not get at what this process was before.
        nix::sys::prctl::set_dumpable(false)?;
        Ok(())
    }

    /// The options of `mount` by which a new file system belongs to the root inside.
    pub(super) fn as_owner(self, options: &str) -> String {
        match self {
            Self::Same { .. } => options.to_owned(),
            Self::Nobody(first) => format!("{options},uid={first},gid={first}"),
        }
    }
}

/// Makes this process, root of the user namespace around, root of the one that it has just made within.
pub(super) fn map_root() -> Result<()> {
    write("/proc/self/uid_map", "0 0 1")?;
    write("/proc/self/gid_map", "0 0 1")
}

fn is_first_user_namespace() -> bool {
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| map.split_whitespace().eq(ALL))
}
